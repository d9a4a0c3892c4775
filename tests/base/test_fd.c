#include "base/fd.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

struct place {
    char path[64];
    int dir;
};

static void put(const struct place *place, const char *name, const char *data, size_t size)
{
    AUTO_FD struct fd f = FD_NONE;
    assert_int_equal(fd_openat(place->dir, name, O_WRONLY | O_CREAT | O_TRUNC, 0600, &f), 0);
    assert_int_equal(fd_write_all(f.n, data, size), 0);
}

static int setup(void **state)
{
    struct place *place = calloc(1, sizeof *place);
    if (!place) return -1;
    (void)snprintf(place->path, sizeof place->path, "/tmp/test_fd.XXXXXX");
    if (!mkdtemp(place->path)) return -1;
    place->dir = open(place->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    *state = place;
    return place->dir < 0 ? -1 : 0;
}

static int teardown(void **state)
{
    static const char *const names[] = { "plain", "empty",    "large",    "fifo", "socket",
                                         "link",  "dangling", "fifolink", "out" };
    struct place *place = *state;
    for (size_t i = 0; i < COUNT_OF(names); i++)
        (void)unlinkat(place->dir, names[i], 0); /* most exist in no one test */
    (void)unlinkat(place->dir, "folder", AT_REMOVEDIR);
    (void)close(place->dir);
    (void)rmdir(place->path);
    free(place);
    return 0;
}

static bool is_cloexec(int fd)
{
    return (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0;
}

static void test_ownership(void **state)
{
    (void)state;
    struct fd a = FD_NONE;
    assert_false(fd_is_open(&a));
    errno = ERANGE;
    fd_close(&a);
    assert_int_equal(errno, ERANGE);

    assert_int_equal(fd_openat(AT_FDCWD, "/dev/null", O_RDONLY, 0, &a), 0);
    int n = a.n;
    struct fd b = fd_take(&a);
    assert_false(fd_is_open(&a));
    assert_int_equal(b.n, n);
    errno = ERANGE;
    fd_close(&b);
    assert_int_equal(errno, ERANGE);
    assert_false(fd_is_open(&b));
    assert_int_equal(fcntl(n, F_GETFD), -1);

    {
        AUTO_FD struct fd scoped = FD_NONE;
        assert_int_equal(fd_openat(AT_FDCWD, "/dev/null", O_RDONLY, 0, &scoped), 0);
        n = scoped.n;
    }
    assert_int_equal(fcntl(n, F_GETFD), -1);
}

static void test_openers_are_cloexec(void **state)
{
    (void)state;
    AUTO_FD struct fd file = FD_NONE, in = FD_NONE, out = FD_NONE, dup = FD_NONE;
    assert_int_equal(fd_openat(AT_FDCWD, "/dev/null", O_RDWR, 0, &file), 0);
    assert_int_equal(fd_pipe(O_NONBLOCK, &in, &out), 0);
    assert_int_equal(fd_dup(file.n, 50, &dup), 0);
    assert_true(is_cloexec(file.n) && is_cloexec(in.n) && is_cloexec(out.n) && is_cloexec(dup.n));
    assert_true(dup.n >= 50);
    assert_true((fcntl(in.n, F_GETFL) & O_NONBLOCK) != 0);

    struct fd untouched = fd_own(-77);
    assert_int_equal(fd_openat(AT_FDCWD, "/nonexistent/file", O_RDONLY, 0, &untouched), -ENOENT);
    assert_int_equal(fd_dup(-1, 3, &untouched), -EBADF);
    assert_int_equal(untouched.n, -77);
}

static void test_file_read(void **state)
{
    struct place *place = *state;
    static char large[70000];
    memset(large, 'x', sizeof large);
    put(place, "plain", "one\0two\n", 8);
    put(place, "empty", "", 0);
    put(place, "large", large, sizeof large);
    assert_int_equal(mkdirat(place->dir, "folder", 0700), 0);
    assert_int_equal(mkfifoat(place->dir, "fifo", 0600), 0);
    assert_int_equal(symlinkat("plain", place->dir, "link"), 0);
    assert_int_equal(symlinkat("nothing", place->dir, "dangling"), 0);
    assert_int_equal(symlinkat("fifo", place->dir, "fifolink"), 0);
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s/socket", place->path);
    AUTO_FD struct fd listener = fd_own(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    assert_int_equal(bind(listener.n, (const struct sockaddr *)&address, sizeof address), 0);

    static const struct {
        const char *label, *name;
        size_t max;
        int r;
        size_t size;
    } cases[] = {
        { "with a NUL inside", "plain", 100, 0, 8 },
        { "exactly the limit", "plain", 8, 0, 8 },
        { "one above the limit", "plain", 7, -EFBIG, 0 },
        { "empty", "empty", 0, 0, 0 },
        { "large", "large", 1 << 20, 0, 70000 },
        { "through a link", "link", 100, 0, 8 },
        { "dangling link", "dangling", 100, -ENOENT, 0 },
        { "missing", "missing", 100, -ENOENT, 0 },
        { "folder", "folder", 100, -EISDIR, 0 },
        { "FIFO does not hang", "fifo", 100, -ENXIO, 0 },
        { "FIFO behind a link", "fifolink", 100, -ENXIO, 0 },
        { "socket", "socket", 100, -ENXIO, 0 },
        { "device", "/dev/zero", 100, -ENXIO, 0 },
        { "below a file", "plain/x", 100, -ENOTDIR, 0 },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        print_message("  %s\n", cases[i].label);
        char *data = NULL;
        size_t size = 0;
        assert_int_equal(file_read(place->dir, cases[i].name, cases[i].max, &data, &size), cases[i].r);
        assert_int_equal(size, cases[i].size);
        if (cases[i].r == 0)
            assert_int_equal(data[size], '\0');
        else
            assert_null(data);
        free(data);
    }
    char *data = NULL;
    size_t size = 0;
    assert_int_equal(file_read(place->dir, "plain", 100, &data, &size), 0);
    assert_memory_equal(data, "one\0two\n", 9);
    free(data);
    /* A pseudo file claims to be empty. */
    assert_int_equal(file_read(AT_FDCWD, "/proc/self/status", 1 << 20, &data, &size), 0);
    assert_true(size > 100);
    free(data);
    assert_int_equal(file_read(AT_FDCWD, "/proc/self/status", 100, &data, &size), -EFBIG);
}

static void test_small_files(void **state)
{
    struct place *place = *state;
    char buffer[8];
    put(place, "plain", "0123456789", 10);
    assert_int_equal(file_read_small(place->dir, "plain", buffer, sizeof buffer), 7);
    assert_string_equal(buffer, "0123456");
    assert_int_equal(file_read_small(place->dir, "plain", buffer, 0), -EINVAL);
    assert_int_equal(file_read_small(place->dir, "missing", buffer, sizeof buffer), -ENOENT);

    assert_int_equal(file_write_small(place->dir, "missing", "x"), -ENOENT); /* nothing is created */
    assert_int_equal(file_write_small(place->dir, "plain", "ab"), 0);        /* nothing is truncated */
    assert_int_equal(file_read_small(place->dir, "plain", buffer, sizeof buffer), 7);
    assert_string_equal(buffer, "ab23456");
    assert_int_equal(file_write_small(AT_FDCWD, "/dev/full", "x"), -ENOSPC);
}

static void test_write_all(void **state)
{
    struct place *place = *state;
    AUTO_FD struct fd in = FD_NONE, out = FD_NONE;
    assert_int_equal(fd_pipe(0, &in, &out), 0);
    assert_int_equal(fd_write_all(out.n, "hello", 5), 0);
    char got[8] = { 0 };
    assert_int_equal(read(in.n, got, sizeof got), 5);
    assert_string_equal(got, "hello");
    assert_int_equal(fd_write_all(out.n, NULL, 0), 0);
    assert_int_equal(fd_write_all(-1, "x", 1), -EBADF);
    assert_int_equal(fd_write_all(place->dir, "x", 1), -EBADF);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ownership),
        cmocka_unit_test(test_openers_are_cloexec),
        cmocka_unit_test_setup_teardown(test_file_read, setup, teardown),
        cmocka_unit_test_setup_teardown(test_small_files, setup, teardown),
        cmocka_unit_test_setup_teardown(test_write_all, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
