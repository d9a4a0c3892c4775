#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/loop.h"
#include "socketact/address.h"
#include "socketact/listener.h"
#include "tests/base/loopback.h"

struct fixture {
    char directory[32], path[64];
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    (void)snprintf(f->directory, sizeof f->directory, "/tmp/ci-lst-XXXXXX");
    assert_non_null(mkdtemp(f->directory));
    assert_int_equal(chmod(f->directory, 0777), 0);
    (void)snprintf(f->path, sizeof f->path, "%s/s", f->directory);
    (void)umask(022);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    (void)unlink(f->path);
    (void)rmdir(f->directory);
    (void)umask(022);
    free(f);
    return 0;
}

/* What a unit says, and how it is opened. */
struct options {
    struct socket_section socket;
    uid_t uid;
    gid_t gid;
};
static const struct options plain = {
    .uid = (uid_t)-1,
    .gid = (gid_t)-1,
    .socket = { .socket_mode = 0666, .directory_mode = 0755, .backlog = 128 },
};

static int try_open_kind(enum listen_kind kind, const char *text, const struct options *options, struct listener **ret,
                         const char **step)
{
    const struct socket_listen listen = { .kind = kind, .text = text };
    const struct listener_settings settings = { .socket = &options->socket,
                                                .extra = &unit_settings_default.socket_extra,
                                                .uid = options->uid,
                                                .gid = options->gid };
    return listener_open(&listen, &settings, ret, NULL, step);
}

static int try_open(const char *text, const struct options *options, struct listener **ret, const char **step)
{
    return try_open_kind(LISTEN_STREAM, text, options, ret, step);
}

static struct listener *open_ok(const char *text, const struct options *options)
{
    struct listener *listener = NULL;
    const char *step = NULL;
    int r = try_open(text, options, &listener, &step);
    if (r < 0) print_error("%s: %s: %s\n", text, step, strerror(-r));
    assert_int_equal(r, 0);
    return listener;
}

static int try_connect(const char *text)
{
    struct address parsed;
    struct socket_address address;
    assert_int_equal(address_parse(text, &parsed), 0);
    assert_int_equal(socket_address_make(&parsed, NULL, &address), 0);
    AUTO_FD struct fd client = fd_own(socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    assert_true(fd_is_open(&client));
    return connect(client.n, &address.any, address.length) < 0 ? -errno : 0;
}

/* ---- families ---- */

static void test_families(void **state)
{
    const struct fixture *f = *state;
    const struct {
        const char *label, *text, *network, *address;
        const char *connect[2];
    } cases[] = {
        { "TCP4", "127.0.0.1:47101", "tcp", "127.0.0.1:47101", { "127.0.0.1:47101" } },
        { "TCP6", "[::1]:47102", "tcp", "[::1]:47102", { "[::1]:47102" } },
        { "every address", "47103", "tcp", "[::]:47103", { "127.0.0.1:47103", "[::1]:47103" } }, /* D19 */
        { "a name", "localhost:47104", "tcp", "127.0.0.1:47104", { "127.0.0.1:47104" } },
        { "unix", f->path, "unix", f->path, { f->path } },
        { "abstract", "@ci-test-listener", "unix", "@ci-test-listener", { "@ci-test-listener" } },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        print_message("  %s\n", cases[i].label);
        if (strstr(cases[i].address, "::") && access("/proc/net/if_inet6", F_OK) < 0) continue;
        struct listener *listener = open_ok(cases[i].text, &plain);
        assert_string_equal(listener_network(listener), cases[i].network);
        assert_string_equal(listener_address(listener), cases[i].address);
        assert_int_equal(fcntl(listener_fd(listener), F_GETFD), FD_CLOEXEC);
        assert_int_equal(fcntl(listener_fd(listener), F_GETFL) & O_NONBLOCK, 0);
        for (size_t j = 0; j < 2 && cases[i].connect[j]; j++) assert_int_equal(try_connect(cases[i].connect[j]), 0);
        struct listener *second = NULL;
        const char *step = NULL;
        if (i < 4) {
            assert_int_equal(try_open(cases[i].text, &plain, &second, &step), -EADDRINUSE);
            assert_string_equal(step, "binding");
        }
        listener_free(listener, true);
        assert_int_equal(try_connect(cases[i].connect[0]), i == 4 ? -ENOENT : -ECONNREFUSED);
        listener_free(open_ok(cases[i].text, &plain), true); /* SO_REUSEADDR: at once again, after connections */
    }
}

/* D19: where the kernel has no IPv6 (here: a filter that says so), digits only is 0.0.0.0. */
static void refuse_ipv6(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_INET6, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EAFNOSUPPORT),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = { .len = COUNT_OF(code), .filter = code };
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
        _exit(77);
}

static int wait_for(pid_t pid)
{
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void test_without_ipv6(void **state)
{
    (void)state;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        refuse_ipv6();
        struct listener *listener = NULL;
        const char *step = NULL;
        if (try_open("47105", &plain, &listener, &step) < 0) _exit(1);
        if (strcmp(listener_address(listener), "0.0.0.0:47105") != 0) _exit(2);
        _exit(try_connect("127.0.0.1:47105") < 0 ? 3 : 0);
    }
    int status = wait_for(pid);
    if (status == 77) skip();
    assert_int_equal(status, 0);
}

/* ---- rights ---- */

static void test_modes(void **state) /* K46 */
{
    static const mode_t modes[] = { 0600, 0000, 0666, 0660, 0777, 0200 };
    static const mode_t masks[] = { 0, 022, 077, 0777 };
    const struct fixture *f = *state;
    for (size_t i = 0; i < COUNT_OF(modes); i++) {
        for (size_t j = 0; j < COUNT_OF(masks); j++) {
            struct options options = plain;
            options.socket.socket_mode = modes[i];
            (void)umask(masks[j]);
            struct listener *listener = open_ok(f->path, &options);
            assert_int_equal(umask(022), masks[j]); /* as it was */
            struct stat st;
            assert_int_equal(lstat(f->path, &st), 0);
            assert_true(S_ISSOCK(st.st_mode));
            assert_int_equal(st.st_mode & 07777, modes[i]);
            listener_free(listener, true);
        }
    }
}

static void test_owner(void **state) /* K46 */
{
    const struct fixture *f = *state;
    if (geteuid() != 0) skip();
    struct options options = plain;
    options.uid = 1234;
    options.gid = 4321;
    options.socket.socket_mode = 0640;
    struct listener *listener = open_ok(f->path, &options);
    struct stat st;
    assert_int_equal(lstat(f->path, &st), 0);
    assert_int_equal(st.st_uid, 1234);
    assert_int_equal(st.st_gid, 4321);
    assert_int_equal(st.st_mode & 07777, 0640);
    listener_free(listener, true);
    assert_int_equal(lstat(f->path, &st), -1);
    options.uid = (uid_t)-1; /* the group alone */
    listener = open_ok(f->path, &options);
    assert_int_equal(lstat(f->path, &st), 0);
    assert_int_equal(st.st_uid, 0);
    assert_int_equal(st.st_gid, 4321);
    listener_free(listener, true);
}

/* K46, K48: an owner that cannot be set fails the socket, and leaves no node. */
static void test_owner_refused(void **state)
{
    const struct fixture *f = *state;
    if (geteuid() != 0) skip();
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        if (setgid(65534) < 0 || setuid(65534) < 0) _exit(77);
        struct options options = plain;
        options.uid = 0;
        struct listener *listener = NULL;
        const char *step = "";
        if (try_open(f->path, &options, &listener, &step) != -EPERM) _exit(1);
        if (strcmp(step, "setting the owner") != 0) _exit(2);
        struct stat st;
        if (lstat(f->path, &st) == 0) _exit(3);
        options.uid = 65534; /* what it is anyway needs no right */
        _exit(try_open(f->path, &options, &listener, &step) < 0 ? 4 : 0);
    }
    assert_int_equal(wait_for(pid), 0);
}

static int seen_from_outside(const char *path, mode_t type, uid_t uid, mode_t mode, bool last)
{
    struct stat st;
    if (lstat(path, &st) < 0) return 0;
    if ((st.st_mode & S_IFMT) != type) return 1;
    if ((st.st_mode & 0777 & ~mode) != 0) return 2;             /* wider than asked */
    if ((st.st_mode & 0777) != 0 && st.st_uid != uid) return 3; /* rights before the owner */
    if (type == S_IFSOCK && !last && (st.st_mode & 0777) != mode && try_connect(path) == 0) return 4;
    return 0;
}

/* K47: a child makes the socket or FIFO, and is stopped around each of its system calls; whenever it is, the node is
 * looked at as others would see it. */
static int watch(enum listen_kind kind, const char *path, mode_t mask, uid_t uid, mode_t mode)
{
    mode_t type = kind == LISTEN_FIFO ? S_IFIFO : S_IFSOCK;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct options options = plain;
        options.socket.socket_mode = mode;
        options.uid = uid;
        if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0) _exit(77);
        (void)raise(SIGSTOP);
        (void)umask(mask);
        struct listener *listener = NULL;
        const char *step = NULL;
        _exit(try_open_kind(kind, path, &options, &listener, &step) < 0 ? 1 : 0);
    }
    int status, wrong = 0;
    unsigned stops = 0;
    for (;;) {
        assert_int_equal(waitpid(pid, &status, 0), pid);
        if (!WIFSTOPPED(status)) break;
        int w = seen_from_outside(path, type, uid, mode, false);
        if (wrong == 0) wrong = w;
        stops++;
        assert_int_equal(ptrace(PTRACE_SYSCALL, pid, NULL, NULL), 0);
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77) return 77;
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_true(stops > 10);
    assert_int_equal(seen_from_outside(path, type, uid, mode, true), 0);
    assert_int_equal(unlink(path), 0);
    return wrong;
}

static void test_no_wide_moment(void **state)
{
    static const mode_t modes[] = { 0600, 0000, 0660, 0666 };
    static const mode_t masks[] = { 0, 022, 077 };
    const struct fixture *f = *state;
    uid_t uid = geteuid() == 0 ? 1234 : geteuid();
    static const enum listen_kind kinds[] = { LISTEN_STREAM, LISTEN_FIFO, LISTEN_DATAGRAM };
    for (size_t i = 0; i < COUNT_OF(modes) * COUNT_OF(kinds); i++) {
        for (size_t j = 0; j < COUNT_OF(masks); j++) {
            enum listen_kind kind = kinds[i / COUNT_OF(modes)];
            mode_t mode = modes[i % COUNT_OF(modes)];
            print_message("  %s, mode %04o, umask %04o\n", listen_kind_word(kind), (unsigned)mode, (unsigned)masks[j]);
            int r = watch(kind, f->path, masks[j], uid, mode);
            if (r == 77) skip();
            assert_int_equal(r, 0);
        }
    }
}

/* ---- the node ---- */

static void test_stale(void **state) /* K48 */
{
    const struct fixture *f = *state;
    listener_free(open_ok(f->path, &plain), false); /* an earlier run that left its node */
    assert_int_equal(access(f->path, F_OK), 0);
    assert_int_equal(try_connect(f->path), -ECONNREFUSED);
    struct listener *listener = open_ok(f->path, &plain);
    assert_int_equal(try_connect(f->path), 0);
    listener_free(listener, true);
    assert_int_equal(access(f->path, F_OK), -1);
}

static void test_refused(void **state)
{
    static const char *const kinds[] = { "file", "directory", "link", "FIFO" };
    const struct fixture *f = *state;
    struct listener *listener = NULL;
    const char *step = NULL;
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        print_message("  a %s is in the place\n", kinds[i]);
        struct stat before, after;
        if (i == 0) assert_int_equal(close(open(f->path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600)), 0);
        if (i == 1) assert_int_equal(mkdir(f->path, 0700), 0);
        if (i == 2) assert_int_equal(symlink("/nonexistent", f->path), 0);
        if (i == 3) assert_int_equal(mkfifo(f->path, 0600), 0);
        assert_int_equal(lstat(f->path, &before), 0);
        assert_int_equal(try_open(f->path, &plain, &listener, &step), -EEXIST);
        assert_string_equal(step, "removing what is in its place");
        assert_int_equal(lstat(f->path, &after), 0);
        assert_int_equal(before.st_ino, after.st_ino);
        assert_int_equal(before.st_mode, after.st_mode);
        assert_int_equal(i == 1 ? rmdir(f->path) : unlink(f->path), 0);
    }
    static const struct {
        const char *label, *text;
        int r;
    } cases[] = {
        { "no address", "nonsense", -EINVAL },
        { "port 0", "0", -ERANGE },
        { "a name that nobody knows", "no-such-host.invalid:80", -EADDRNOTAVAIL },
        { "an address that is not ours", "192.0.2.1:47106", -EADDRNOTAVAIL },
        { "a parent that is a file", "/dev/null/x", -ENOTDIR },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        print_message("  %s\n", cases[i].label);
        step = NULL;
        assert_int_equal(try_open(cases[i].text, &plain, &listener, &step), cases[i].r);
        assert_non_null(step);
    }
    assert_int_equal(try_open_kind(LISTEN_USB_FUNCTION, f->path, &plain, &listener, &step), -EPROTONOSUPPORT);
    assert_null(listener);
    assert_int_equal(access(f->path, F_OK), -1);
}

/* RemoveOnStop= removes our node and nobody else's. */
static void test_remove(void **state)
{
    const struct fixture *f = *state;
    struct listener *first = open_ok(f->path, &plain), *second = open_ok(f->path, &plain);
    listener_free(first, true);
    assert_int_equal(try_connect(f->path), 0); /* the second one's */
    listener_free(second, true);
    assert_int_equal(access(f->path, F_OK), -1);
}

static void test_full_length(void **state) /* K49 */
{
    const struct fixture *f = *state;
    for (size_t length = 106; length <= 108; length++) {
        char path[110];
        int n = snprintf(path, sizeof path, "%s/", f->directory);
        memset(path + n, 'x', length - (size_t)n);
        path[length] = '\0';
        struct listener *listener = open_ok(path, &plain);
        struct socket_address name = { .length = sizeof name.room };
        assert_int_equal(getsockname(listener_fd(listener), &name.any, &name.length), 0);
        char text[SOCKET_ADDRESS_TEXT_MAX];
        assert_string_equal(socket_address_format(&name, text), path);
        assert_string_equal(listener_address(listener), path);
        assert_int_equal(try_connect(path), 0);
        listener_free(listener, true);
        assert_int_equal(access(path, F_OK), -1);
    }
}

static void test_parents(void **state)
{
    const struct fixture *f = *state;
    char deep[96], a[64], b[64];
    (void)snprintf(a, sizeof a, "%s/a", f->directory);
    (void)snprintf(b, sizeof b, "%s/a/b", f->directory);
    (void)snprintf(deep, sizeof deep, "%s/a//b/./s", f->directory);
    struct options options = plain;
    options.socket.directory_mode = 0751;
    (void)umask(077);
    struct listener *listener = open_ok(deep, &options);
    struct stat st;
    assert_int_equal(stat(a, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0751);
    assert_int_equal(stat(b, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0751);
    assert_int_equal(stat(f->directory, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0777); /* what was there stays as it was */
    assert_int_equal(try_connect(deep), 0);
    listener_free(listener, true);
    assert_int_equal(rmdir(b), 0);
    assert_int_equal(rmdir(a), 0);
}

static void test_adopt(void **state)
{
    const struct fixture *f = *state;
    struct listener *made = open_ok(f->path, &plain), *adopted = NULL;
    AUTO_FD struct fd copy = FD_NONE;
    assert_int_equal(fd_dup(listener_fd(made), 0, &copy), 0);
    const struct socket_listen listen = { .kind = LISTEN_STREAM, .text = f->path };
    assert_int_equal(listener_adopt_take(&listen, fd_take(&copy), listener_node(made), &adopted), 0);
    listener_free(made, false);
    assert_string_equal(listener_address(adopted), f->path);
    assert_string_equal(listener_network(adopted), "unix");
    assert_int_equal(try_connect(f->path), 0);
    listener_free(adopted, true);
    assert_int_equal(access(f->path, F_OK), -1);
}

/* ---- large descriptor numbers ---- */

static void on_connection(int fd, uint32_t events, void *userdata)
{
    AUTO_FD struct fd accepted = fd_own(accept4(fd, NULL, NULL, SOCK_CLOEXEC));
    *(bool *)userdata = (events & EPOLLIN) && accepted.n > 1023;
}

static void test_above_1023(void **state) /* K51 */
{
    const struct fixture *f = *state;
    struct rlimit old, raised;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    raised = old;
    raised.rlim_cur = MIN_OF(old.rlim_max, (rlim_t)2048);
    if (raised.rlim_cur < 2048) skip();
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &raised), 0);
    int first = -1, last = -1;
    while (last < 1023) {
        last = fcntl(0, F_DUPFD_CLOEXEC, 0);
        if (first < 0) first = last;
        assert_true(last >= 0);
    }
    struct listener *listener = open_ok(f->path, &plain);
    assert_true(listener_fd(listener) > 1023);
    struct loop *loop = NULL;
    bool seen = false;
    loop_io io = LOOP_IO_NONE;
    assert_int_equal(loop_new(&loop), 0);
    assert_int_equal(loop_io_add(loop, listener_fd(listener), EPOLLIN, LOOP_NORMAL, on_connection, &seen, &io), 0);
    assert_int_equal(try_connect(f->path), 0);
    assert_int_equal(loop_wait(loop, false), 0);
    assert_true(seen);
    loop_io_remove(loop, &io);
    loop_free(loop);
    listener_free(listener, true);
    for (int fd = first; fd <= last; fd++) (void)close(fd);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
int main(void)
{
    (void)own_network();
    const struct CMUnitTest tests[] = {
        TEST(test_families),      TEST(test_without_ipv6),   TEST(test_modes),   TEST(test_owner),
        TEST(test_owner_refused), TEST(test_no_wide_moment), TEST(test_stale),   TEST(test_refused),
        TEST(test_remove),        TEST(test_full_length),    TEST(test_parents), TEST(test_adopt),
        TEST(test_above_1023),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
