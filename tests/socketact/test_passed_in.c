/* tests/socketact/test_passed_in.c - which line of a socket unit a listening socket belongs to. */
#include "socketact/passed_in.h"

#include "socketact/address.h"
#include "socketact/listener.h"
#include "tests/base/loopback.h"

#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static int listener(const char *text, int type, bool listens)
{
    struct address parsed;
    struct socket_address address;
    assert_int_equal(address_parse(text, &parsed), 0);
    assert_int_equal(socket_address_make(&parsed, NULL, &address), 0);
    int fd = socket(address.any.sa_family, type | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    if (bind(fd, &address.any, address.length) < 0) fail_msg("%s cannot be bound", text);
    if (listens) assert_int_equal(listen(fd, 1), 0);
    return fd;
}

static void test_matches(void **state)
{
    (void)state;
    char path[64], other[70], abstract[64];
    (void)snprintf(path, sizeof path, "/tmp/passed-in-%d", (int)getpid());
    (void)snprintf(other, sizeof other, "%s-b", path);
    (void)unlink(path), (void)unlink(other); /* of a run that was killed */
    (void)snprintf(abstract, sizeof abstract, "@passed-in-%d", (int)getpid());
    const struct {
        const char *bound, *line;
        bool want;
    } rows[] = {
        { "127.0.0.1:47111", "127.0.0.1:47111", true },
        { "127.0.0.1:47111", "127.0.0.2:47111", false },
        { "127.0.0.1:47111", "127.0.0.1:47112", false },
        { "127.0.0.1:47111", "47111", false },
        { "0.0.0.0:47111", "47111", true },
        { "0.0.0.0:47111", "0.0.0.0:47111", true },
        { "0.0.0.0:47111", "127.0.0.1:47111", false },
        { "0.0.0.0:47111", "/run/x", false },
        { path, path, true },
        { path, other, false },
        { other, path, false },
        { path, "47111", false },
        { abstract, abstract, true },
        { abstract, "@passed-in", false },
        { abstract, path, false },
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct socket_listen line = { .kind = LISTEN_STREAM, .text = rows[i].line };
        int fd = listener(rows[i].bound, SOCK_STREAM, true);
        print_message("  %s, %s\n", rows[i].bound, rows[i].line);
        assert_int_equal(passed_in_matches(fd, &line), rows[i].want);
        line.kind = LISTEN_DATAGRAM;
        assert_false(passed_in_matches(fd, &line));
        close(fd);
        if (rows[i].bound[0] == '/') (void)unlink(rows[i].bound);
    }
}

/* As PID 1 would open it. */
static int listener_of(const struct socket_listen *listen)
{
    static struct socket_section socket;
    static struct socket_extra_section extra;
    struct listener *opened;
    const char *step;
    const struct listener_settings settings = { &socket, &extra, (uid_t)-1, (gid_t)-1 };
    int r = listener_open(listen, &settings, &opened, NULL, &step);
    if (r < 0) fail_msg("%s: %s: %s", listen->text, step, strerror(-r));
    int fd = fcntl(listener_fd(opened), F_DUPFD_CLOEXEC, 3);
    listener_free(opened, false);
    return fd;
}

/* What each descriptor is, and that it matches no line of another kind at the same address. */
static void test_kinds(void **state)
{
    (void)state;
    int pair[2], ends[2];
    char path[64], queue_name[32];
    (void)snprintf(path, sizeof path, "/tmp/passed-in-%d", (int)getpid());
    (void)snprintf(queue_name, sizeof queue_name, "/passed-in-%d", (int)getpid());
    (void)unlink(path); /* of a run that was killed */
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    int queue = mq_open(queue_name, O_RDONLY | O_CREAT | O_CLOEXEC, 0600, NULL);
    struct {
        const char *label;
        int fd;
        enum listen_kind kind;
        const char *what, *address;
    } rows[] = {
        { "a stream", listener("127.0.0.1:47111", SOCK_STREAM, true), LISTEN_STREAM, NULL, "127.0.0.1:47111" },
        { "that does not listen", listener("127.0.0.1:47112", SOCK_STREAM, false), LISTEN_KIND_COUNT,
          "a socket that does not listen", NULL },
        { "a datagram socket", listener("127.0.0.1:47111", SOCK_DGRAM, false), LISTEN_DATAGRAM, NULL,
          "127.0.0.1:47111" },
        { "of a name", listener("@passed-in-dgram", SOCK_DGRAM, false), LISTEN_DATAGRAM, NULL, "@passed-in-dgram" },
        { "packets", listener("@passed-in-seq", SOCK_SEQPACKET, true), LISTEN_SEQPACKET, NULL, "@passed-in-seq" },
        { "a connection", pair[0], LISTEN_KIND_COUNT, "a connection, not what accepts them", NULL },
        { "netlink", listener_of(&(struct socket_listen){ .kind = LISTEN_NETLINK, .text = "kobject-uevent 1" }),
          LISTEN_NETLINK, NULL, "kobject-uevent 1" },
        { "of other groups", listener_of(&(struct socket_listen){ .kind = LISTEN_NETLINK, .text = "kobject-uevent 3" }),
          LISTEN_NETLINK, NULL, NULL },
        { "a message queue", queue, LISTEN_MESSAGE_QUEUE, NULL, queue_name },
        { "a pipe", ends[0], LISTEN_FIFO, NULL, NULL },
        { "a FIFO", open(path, O_RDWR | O_CLOEXEC), LISTEN_FIFO, NULL, path },
        { "a file", open("/etc/passwd", O_RDONLY | O_CLOEXEC), LISTEN_SPECIAL, NULL, "/etc/passwd" },
        { "a device", open("/dev/null", O_RDONLY | O_CLOEXEC), LISTEN_SPECIAL, NULL, "/dev/null" },
        { "a directory", open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC), LISTEN_KIND_COUNT,
          "nothing that a socket unit has", NULL },
        { "none", 9999, LISTEN_KIND_COUNT, "nothing that a socket unit has", NULL },
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const char *what = NULL;
        print_message("  %s\n", rows[i].label);
        assert_int_equal(passed_in_kind(rows[i].fd, &what), rows[i].kind);
        if (rows[i].what) assert_string_equal(what, rows[i].what);
        for (size_t k = 0; k < COUNT_OF(rows); k++) {
            if (!rows[k].address) continue;
            struct socket_listen line = { .kind = rows[k].kind, .text = rows[k].address };
            assert_int_equal(passed_in_matches(rows[i].fd, &line), i == k);
        }
    }
    for (size_t i = 0; i < COUNT_OF(rows); i++) (void)close(rows[i].fd); /* but for the one that is none */
    (void)close(pair[1]), (void)close(ends[1]);
    (void)unlink(path); /* of the test's own making */
    (void)mq_unlink(queue_name);
}

static void test_vsock(void **state)
{
    (void)state;
    int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) skip(); /* the kernel has none */
    close(fd);
    const struct socket_listen any = { .kind = LISTEN_STREAM, .text = "vsock::47113" },
                               other = { .kind = LISTEN_STREAM, .text = "vsock::47114" };
    fd = listener_of(&any);
    assert_true(passed_in_matches(fd, &any));
    assert_false(passed_in_matches(fd, &other));
    close(fd);
}

int main(void)
{
    (void)own_network();
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_matches), cmocka_unit_test(test_kinds),
                                        cmocka_unit_test(test_vsock) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
