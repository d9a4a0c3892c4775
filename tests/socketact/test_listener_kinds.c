/* tests/socketact/test_listener_kinds.c - what is listened on besides streams: rights, what an earlier run left,
 * removal; and the report on options. How each serves is seen in tests/e2e/test_listen.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "socketact/listener.h"
#include "socketact/socket_options.h"
#include "tests/base/loopback.h"

struct fixture {
    char directory[32], path[64], queue[32];
    struct socket_section socket;
    struct socket_extra_section extra;
    struct listener_settings settings;
    struct socket_option_report report;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    (void)snprintf(f->directory, sizeof f->directory, "/tmp/ci-kinds-XXXXXX");
    assert_non_null(mkdtemp(f->directory));
    (void)snprintf(f->path, sizeof f->path, "%s/s", f->directory);
    (void)snprintf(f->queue, sizeof f->queue, "/ci-kinds-%d", getpid());
    f->socket = unit_settings_default.socket;
    f->extra = unit_settings_default.socket_extra;
    f->settings = (struct listener_settings){ &f->socket, &f->extra, (uid_t)-1, (gid_t)-1 };
    (void)umask(022);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    (void)unlink(f->path);
    (void)rmdir(f->directory);
    (void)mq_unlink(f->queue);
    (void)umask(022);
    free(f);
    return 0;
}

static int open_kind(struct fixture *f, enum listen_kind kind, struct listener **ret)
{
    const struct socket_listen listen = { .kind = kind, .text = kind == LISTEN_MESSAGE_QUEUE ? f->queue : f->path };
    const char *step = NULL;
    int r = listener_open(&listen, &f->settings, ret, &f->report, &step);
    assert_non_null(step);
    if (r < 0) print_message("  %s: %s\n", step, strerror(-r));
    return r;
}

static struct listener *open_ok(struct fixture *f, enum listen_kind kind)
{
    struct listener *listener = NULL;
    assert_int_equal(open_kind(f, kind, &listener), 0);
    assert_int_equal(listener_kind(listener), kind);
    assert_int_equal(fcntl(listener_fd(listener), F_GETFD), FD_CLOEXEC);
    assert_int_equal(fcntl(listener_fd(listener), F_GETFL) & O_NONBLOCK, 0);
    return listener;
}

static bool has_queues(void)
{
    return access("/proc/sys/fs/mqueue", F_OK) == 0;
}

/* ---- rights ---- */

static const enum listen_kind node_kinds[] = { LISTEN_DATAGRAM, LISTEN_SEQPACKET, LISTEN_FIFO, LISTEN_MESSAGE_QUEUE };

static void node_stat(const struct fixture *f, const struct listener *listener, struct stat *ret)
{
    bool is_queue = listener_kind(listener) == LISTEN_MESSAGE_QUEUE;
    assert_int_equal(is_queue ? fstat(listener_fd(listener), ret) : lstat(f->path, ret), 0);
}

static void test_rights(void **state) /* K46 */
{
    static const mode_t modes[] = { 0600, 0000, 0666, 0660, 0200 }, masks[] = { 0, 022, 077, 0777 };
    struct fixture *f = *state;
    bool is_root = geteuid() == 0;
    for (size_t k = 0; k < COUNT_OF(node_kinds); k++) {
        if (node_kinds[k] == LISTEN_MESSAGE_QUEUE && !has_queues()) continue;
        for (size_t i = 0; i < COUNT_OF(modes) * COUNT_OF(masks); i++) {
            struct stat st;
            f->socket.socket_mode = modes[i % COUNT_OF(modes)];
            f->settings.uid = is_root && i % 2 ? 1234 : (uid_t)-1;
            f->settings.gid = is_root && i % 3 ? 4321 : (gid_t)-1;
            (void)umask(masks[i / COUNT_OF(modes)]);
            struct listener *listener = open_ok(f, node_kinds[k]);
            assert_int_equal(umask(022), masks[i / COUNT_OF(modes)]);
            node_stat(f, listener, &st);
            assert_int_equal(st.st_mode & 07777, modes[i % COUNT_OF(modes)]);
            assert_int_equal(st.st_uid, is_root && i % 2 ? 1234 : geteuid());
            if (is_root) assert_int_equal(st.st_gid, i % 3 ? 4321 : getegid());
            listener_free(listener, true);
            assert_int_equal(lstat(f->path, &st), -1);
        }
    }
}

/* Nobody but us could do what the owner of a FIFO without rights may not: it can still be made, and keeps them. */
static void test_rights_of_a_user(void **state)
{
    struct fixture *f = *state;
    if (geteuid() != 0) skip();
    assert_int_equal(chmod(f->directory, 0777), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct listener *listener = NULL;
        struct stat st;
        if (setgid(65534) < 0 || setuid(65534) < 0) _exit(77);
        f->socket.socket_mode = 0;
        if (open_kind(f, LISTEN_FIFO, &listener) < 0) _exit(1);
        if (lstat(f->path, &st) < 0 || (st.st_mode & 07777) != 0) _exit(2);
        f->settings.uid = 0;
        if (open_kind(f, LISTEN_FIFO, &listener) != -EPERM) _exit(3);
        _exit(lstat(f->path, &st) == 0 ? 4 : 0); /* K48 */
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* ---- what an earlier run left ---- */

static void test_fifo_again(void **state) /* K48 */
{
    struct fixture *f = *state;
    struct stat before, after;
    char byte = 0;
    struct listener *first = open_ok(f, LISTEN_FIFO), *second;
    assert_int_equal(lstat(f->path, &before), 0);
    AUTO_FD struct fd writer = fd_own(open(f->path, O_WRONLY | O_CLOEXEC | O_NONBLOCK));
    assert_true(fd_is_open(&writer));
    listener_free(first, false);
    print_message("  of the same rights: its writer stays connected\n");
    second = open_ok(f, LISTEN_FIFO);
    assert_int_equal(lstat(f->path, &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);
    assert_int_equal(write(writer.n, "x", 1), 1);
    assert_int_equal(read(listener_fd(second), &byte, 1), 1);
    listener_free(second, false);
    print_message("  of other rights: it is replaced, and who has it open reaches nobody\n");
    f->socket.socket_mode = 0600;
    second = open_ok(f, LISTEN_FIFO);
    assert_int_equal(lstat(f->path, &after), 0);
    assert_int_equal(after.st_mode & 07777, 0600);
    assert_int_equal(write(writer.n, "x", 1), -1);
    listener_free(second, true);
    print_message("  anything else stays, and the socket fails\n");
    assert_int_equal(mkdir(f->path, 0700), 0);
    assert_int_equal(open_kind(f, LISTEN_FIFO, &second), -EEXIST);
    assert_int_equal(rmdir(f->path), 0);
}

static void put(const struct fixture *f, const char *text)
{
    mqd_t queue = mq_open(f->queue, O_WRONLY | O_CLOEXEC);
    assert_true(queue >= 0);
    assert_int_equal(mq_send(queue, text, strlen(text), 0), 0);
    assert_int_equal(mq_close(queue), 0);
}

static void test_queue_again(void **state) /* K48 */
{
    struct fixture *f = *state;
    char text[8192];
    struct mq_attr attributes;
    if (!has_queues()) skip();
    struct listener *listener = open_ok(f, LISTEN_MESSAGE_QUEUE);
    assert_string_equal(listener_path(listener), f->queue);
    put(f, "kept");
    listener_free(listener, false);
    print_message("  of the same rights: with what waits in it\n");
    listener = open_ok(f, LISTEN_MESSAGE_QUEUE);
    assert_int_equal(mq_receive(listener_fd(listener), text, sizeof text, NULL), 4);
    listener_free(listener, false);
    print_message("  of another size and empty: replaced\n");
    f->extra.mq_max_messages = 3;
    f->extra.mq_message_size = 77;
    listener = open_ok(f, LISTEN_MESSAGE_QUEUE);
    assert_int_equal(mq_getattr(listener_fd(listener), &attributes), 0);
    assert_int_equal(attributes.mq_maxmsg, 3);
    assert_int_equal(attributes.mq_msgsize, 77);
    print_message("  of other rights, and something waits in it: nothing is lost, the socket fails\n");
    put(f, "kept");
    listener_free(listener, false);
    f->socket.socket_mode = 0600;
    assert_int_equal(open_kind(f, LISTEN_MESSAGE_QUEUE, &listener), -EEXIST);
    f->socket.socket_mode = 0666;
    listener = open_ok(f, LISTEN_MESSAGE_QUEUE);
    assert_int_equal(mq_receive(listener_fd(listener), text, sizeof text, NULL), 4);
    listener_free(listener, true);
    assert_int_equal(mq_open(f->queue, O_RDONLY | O_CLOEXEC), -1);
}

/* RemoveOnStop= removes ours and nobody else's, also when a file helper does it. */
static void test_remove(void **state)
{
    struct fixture *f = *state;
    for (size_t k = 0; k < COUNT_OF(node_kinds); k++) {
        enum listen_kind kind = node_kinds[k];
        if (kind == LISTEN_MESSAGE_QUEUE && !has_queues()) continue;
        struct listener *first = open_ok(f, kind), *second = NULL;
        struct listener_node node = listener_node(first);
        assert_int_not_equal(node.inode, 0);
        f->socket.socket_mode = 0640; /* replaces it */
        second = open_ok(f, kind);
        listener_free(first, true);
        listener_remove_node(listener_path(second), kind, node);
        f->socket.socket_mode = 0666;
        bool is_queue = kind == LISTEN_MESSAGE_QUEUE;
        struct stat st;
        if (!is_queue) assert_int_equal(lstat(f->path, &st), 0);
        AUTO_FD struct fd there = fd_own(is_queue ? mq_open(f->queue, O_RDONLY | O_CLOEXEC) : dup(0));
        assert_true(fd_is_open(&there));
        listener_remove_node(listener_path(second), kind, listener_node(second));
        if (is_queue)
            assert_int_equal(mq_open(f->queue, O_RDONLY | O_CLOEXEC), -1);
        else
            assert_int_equal(lstat(f->path, &st), -1);
        listener_free(second, true);
    }
}

/* What a file helper opened is the same in PID 1; special files and netlink sockets have no node. */
static void test_adopt(void **state)
{
    static const struct socket_listen listens[] = {
        { .kind = LISTEN_SPECIAL, .text = "/dev/random" },
        { .kind = LISTEN_NETLINK, .text = "kobject-uevent 1" },
        { .kind = LISTEN_DATAGRAM, .text = "127.0.0.1:47190" },
        { .kind = LISTEN_SEQPACKET, .text = "@ci-test-kinds" },
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < COUNT_OF(listens); i++) {
        struct listener *made = NULL, *adopted = NULL;
        const char *step = NULL;
        AUTO_FD struct fd copy = FD_NONE;
        assert_int_equal(listener_open(&listens[i], &f->settings, &made, NULL, &step), 0);
        assert_int_equal(fd_dup(listener_fd(made), 0, &copy), 0);
        assert_int_equal(listener_adopt_take(&listens[i], fd_take(&copy), listener_node(made), &adopted), 0);
        assert_string_equal(listener_address(adopted), listens[i].text);
        assert_string_equal(listener_network(adopted), listener_network(made));
        assert_null(listener_path(adopted) && listens[i].kind != LISTEN_SPECIAL ? adopted : NULL);
        listener_free(adopted, true);
        listener_free(made, true);
    }
    assert_int_equal(access("/dev/random", F_OK), 0);
}

/* ---- options ---- */

static void test_report(void **state)
{
    struct fixture *f = *state;
    f->extra.no_delay = f->extra.pass_packet_info = true;
    f->extra.free_bind = true; /* of no meaning for a path, and no reason to complain */
    for (uint32_t line = 0; line < 3; line++) {
        f->report.line = line;
        listener_free(open_ok(f, LISTEN_DATAGRAM), true);
    }
    assert_int_equal(f->report.count, 2); /* each once, with the first line */
    assert_string_equal(socket_option_name(f->report.items[0].option), "NoDelay=");
    assert_int_equal(f->report.items[0].error, EOPNOTSUPP);
    assert_string_equal(socket_option_name(f->report.items[1].option), "PassPacketInfo=");
    assert_int_equal(f->report.items[1].error, EAFNOSUPPORT);
    assert_int_equal(f->report.items[1].line, 0);
    assert_string_equal(socket_option_name(UINT32_MAX), "?");
}

/* A connection gets what its listener has, but for the priority. */
static void test_inherited(void **state)
{
    static const struct socket_listen listen = { .kind = LISTEN_STREAM, .text = "127.0.0.1:47191" };
    struct fixture *f = *state;
    struct listener *listener = NULL;
    const char *step = NULL;
    f->extra.no_delay = f->extra.keep_alive = true;
    f->extra.ip_ttl = 9;
    f->extra.priority = 3;
    assert_int_equal(listener_open(&listen, &f->settings, &listener, NULL, &step), 0);
    AUTO_FD struct fd client = fd_own(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons(47191),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    assert_int_equal(connect(client.n, (struct sockaddr *)&to, sizeof to), 0);
    AUTO_FD struct fd accepted = fd_own(accept4(listener_fd(listener), NULL, NULL, SOCK_CLOEXEC));
    socket_options_set_accepted(accepted.n, &f->extra);
    static const int rows[][3] = { { IPPROTO_TCP, 1 /* TCP_NODELAY */, 1 },
                                   { SOL_SOCKET, SO_KEEPALIVE, 1 },
                                   { IPPROTO_IP, IP_TTL, 9 },
                                   { SOL_SOCKET, SO_PRIORITY, 3 } };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        int value = -1;
        socklen_t size = sizeof value;
        assert_int_equal(getsockopt(accepted.n, rows[i][0], rows[i][1], &value, &size), 0);
        assert_int_equal(value, rows[i][2]);
    }
    listener_free(listener, true);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
int main(void)
{
    (void)own_network();
    (void)signal(SIGPIPE, SIG_IGN); /* a writer to nobody gets an error */
    const struct CMUnitTest tests[] = {
        TEST(test_rights),      TEST(test_rights_of_a_user), TEST(test_fifo_again),
        TEST(test_queue_again), TEST(test_remove),           TEST(test_adopt),
        TEST(test_report),      TEST(test_inherited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
