/* supervisor/fd_store, supervisor/received_fd: what is taken, what is not, and what is closed. */
#include "supervisor/fd_store.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/loop.h"
#include "supervisor/received_fd.h"
#include "supervisor/socket.h"

struct fixture {
    struct loop *loop;
    struct fd_store *store;
};

static int open_fixture(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    assert_int_equal(loop_new(&f->loop), 0);
    f->store = fd_store_new(f->loop, "a.service");
    assert_non_null(f->store);
    *state = f;
    return 0;
}

static int close_fixture(void **state)
{
    struct fixture *f = *state;
    fd_store_free(f->store);
    loop_free(f->loop);
    free(f);
    return 0;
}

static struct fd some_fd(void)
{
    struct fd fd = fd_own(memfd_create("x", MFD_CLOEXEC));
    assert_true(fd_is_open(&fd));
    return fd;
}

static int add(struct fixture *f, struct fd fd, const char *name, uint32_t max)
{
    int r = fd_store_add_take(f->store, &fd, name, true, max);
    assert_false(fd_is_open(&fd)); /* taken, in any case */
    return r;
}

static unsigned count_open(void)
{
    unsigned n = 0;
    for (int fd = 0; fd < 256; fd++)
        if (fcntl(fd, F_GETFD) >= 0) n++;
    return n;
}

/* The names in the store, joined by blanks. */
static void expect_names(struct fixture *f, const char *want)
{
    struct passed_fds passed = { 0 };
    char got[256] = "";
    assert_int_equal(fd_store_collect(f->store, &passed), 0);
    assert_int_equal(passed.fds.count, passed.names.count);
    assert_int_equal(passed.fds.count, fd_store_count(f->store));
    for (size_t i = 0; i < passed.names.count; i++) {
        assert_true(fcntl(passed.fds.items[i], F_GETFD) & FD_CLOEXEC);
        size_t length = strlen(got);
        (void)snprintf(got + length, sizeof got - length, "%s%s", i > 0 ? " " : "", passed.names.items[i]);
    }
    passed_fds_done(&passed);
    assert_string_equal(got, want);
}

static void test_contents(void **state)
{
    struct fixture *f = *state;
    unsigned before = count_open();
    assert_int_equal(add(f, some_fd(), "a", 3), 1);
    assert_int_equal(add(f, some_fd(), "b", 3), 1);
    assert_int_equal(add(f, some_fd(), "a", 3), 1);
    expect_names(f, "a b a");
    assert_int_equal(add(f, some_fd(), "c", 3), -ENOSPC);
    assert_int_equal(count_open(), before + 3);
    assert_int_equal(fd_store_remove(f->store, "a"), 2);
    assert_int_equal(fd_store_remove(f->store, "a"), 0);
    expect_names(f, "b");
    assert_int_equal(count_open(), before + 1);
    fd_store_free(f->store);
    f->store = NULL;
    assert_int_equal(count_open(), before);
    assert_int_equal(fd_store_count(NULL), 0);
    assert_int_equal(fd_store_remove(NULL, "a"), 0);
}

/* One open file twice is one; two files of the same kind are two. */
static void test_same(void **state)
{
    struct fixture *f = *state;
    struct fd first = some_fd(), again = FD_NONE;
    assert_int_equal(fd_dup(first.n, 3, &again), 0);
    bool known = received_fd_is_same(first.n, again.n);
    assert_int_equal(add(f, first, "a", 9), 1);
    assert_int_equal(add(f, again, "b", 9), known ? 0 : 1); /* where the kernel tells */
    assert_int_equal(add(f, some_fd(), "c", 9), 1);
}

/* The other end of a pipe goes: so does what is polled; FDPOLL=0 stays. */
static void test_hang_up(void **state)
{
    struct fixture *f = *state;
    struct fd polled = FD_NONE, kept = FD_NONE, end = FD_NONE, kept_end = FD_NONE;
    assert_int_equal(fd_pipe(0, &polled, &end), 0);
    assert_int_equal(fd_pipe(0, &kept, &kept_end), 0);
    assert_int_equal(add(f, polled, "polled", 9), 1);
    assert_int_equal(fd_store_add_take(f->store, &kept, "kept", false, 9), 1);
    assert_int_equal(loop_wait(f->loop, false), 0);
    expect_names(f, "polled kept");
    fd_close(&end);
    fd_close(&kept_end);
    assert_int_equal(loop_wait(f->loop, false), 0);
    expect_names(f, "kept");
}

/* With hardly a number left for ourselves nothing is stored. */
static void test_near_limit(void **state)
{
    struct fixture *f = *state;
    struct rlimit old, low;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    low = (struct rlimit){ 64, old.rlim_max };
    struct fd fd = some_fd(), high = FD_NONE, fine = some_fd();
    assert_int_equal(fd_dup(fd.n, 40, &high), 0);
    fd_close(&fd);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    int refused = add(f, high, "a", 9), taken = add(f, fine, "b", 9);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    assert_int_equal(refused, -EMFILE);
    assert_int_equal(taken, 1);
}

/* ---- kinds ---- */

static void expect_kind(const char *label, int fd, enum received_kind want)
{
    print_message("  %s\n", label);
    struct fd owned = fd_own(fd);
    assert_true(fd_is_open(&owned));
    assert_int_equal(received_fd_kind(owned.n), want);
    fd_close(&owned);
}

static void test_kinds(void **state)
{
    int pair[2];
    (void)state;
    expect_kind("memfd", memfd_create("x", MFD_CLOEXEC), RECEIVED_PLAIN);
    expect_kind("eventfd", eventfd(0, EFD_CLOEXEC), RECEIVED_PLAIN);
    expect_kind("socket", socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), RECEIVED_PLAIN);
    assert_int_equal(pipe2(pair, O_CLOEXEC), 0);
    expect_kind("pipe", pair[0], RECEIVED_PLAIN);
    expect_kind("other end", pair[1], RECEIVED_PLAIN);
    expect_kind("directory of the root file system", open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC), RECEIVED_PLAIN);
    expect_kind("proc", open("/proc/self/stat", O_RDONLY | O_CLOEXEC), RECEIVED_PLAIN);
    expect_kind("device", open("/dev/null", O_RDONLY | O_CLOEXEC), RECEIVED_DEVICE);
    int lingering = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const struct linger linger = { 1, 30 };
    assert_int_equal(setsockopt(lingering, SOL_SOCKET, SO_LINGER, &linger, sizeof linger), 0);
    expect_kind("lingering socket", lingering, RECEIVED_DEVICE);
}

/* What is closed aside is closed, by a copy that ends. */
static void test_close(void **state)
{
    (void)state;
    struct fd fds[] = { some_fd(), fd_own(open("/dev/null", O_RDONLY | O_CLOEXEC)), FD_NONE, some_fd() };
    int numbers[] = { fds[0].n, fds[1].n, fds[3].n };
    received_fds_close(fds, COUNT_OF(fds));
    for (size_t i = 0; i < COUNT_OF(fds); i++) assert_false(fd_is_open(&fds[i]));
    int status = 1;
    assert_true(waitpid(-1, &status, 0) > 0);
    assert_int_equal(status, 0);
    for (size_t i = 0; i < COUNT_OF(numbers); i++) assert_int_equal(fcntl(numbers[i], F_GETFD), -1);
}

static void test_pidfd(void **state)
{
    int pid = 0;
    (void)state;
    struct fd own = fd_own((int)syscall(SYS_pidfd_open, getpid(), 0)), other = some_fd();
    assert_true(fd_is_open(&own));
    assert_int_equal(received_pidfd_process(own.n, &pid), 0);
    assert_int_equal(pid, getpid());
    assert_int_equal(received_pidfd_process(other.n, &pid), -EINVAL);
    fd_close(&own);
    fd_close(&other);
    pid_t child = fork();
    if (child == 0) _exit(0);
    assert_true(child > 0);
    own = fd_own((int)syscall(SYS_pidfd_open, child, 0));
    assert_true(fd_is_open(&own));
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_int_equal(received_pidfd_process(own.n, &pid), -ESRCH);
    fd_close(&own);
}

int main(void)
{
#define WITH_STORE(test) cmocka_unit_test_setup_teardown(test, open_fixture, close_fixture)
    const struct CMUnitTest tests[] = {
        WITH_STORE(test_contents),    WITH_STORE(test_same),        WITH_STORE(test_hang_up),
        WITH_STORE(test_near_limit),  cmocka_unit_test(test_kinds), cmocka_unit_test(test_close),
        cmocka_unit_test(test_pidfd),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
