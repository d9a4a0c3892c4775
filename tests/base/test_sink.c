/* K14, K15, K85, K87: a writer that never waits, whatever the descriptor is, and leaves its description as it was.
 * alarm(2), the system call, is the guard: a write that blocks kills the test. */
#include "base/sink.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "base/fd.h"

static int setup(void **state)
{
    (void)state;
    alarm(30);
    return signal(SIGPIPE, SIG_IGN) == SIG_ERR ? -1 : 0; /* as PID 1 does */
}

static int teardown(void **state)
{
    (void)state;
    alarm(0);
    return 0;
}

static ssize_t write_text(struct sink *sink, const char *text)
{
    struct iovec iov = { (void *)(uintptr_t)text, strlen(text) };
    return sink_write(sink, &iov, 1);
}

static char line_data[3000]; /* lines of 60 bytes */

static void lines_fill(void)
{
    memset(line_data, 'x', sizeof line_data);
    for (size_t i = 59; i < sizeof line_data; i += 60) line_data[i] = '\n';
}

/* Writes until nothing is taken any more; the sum, with the last result in *ret_end. */
static size_t fill(struct sink *sink, ssize_t *ret_end)
{
    size_t total = 0;
    lines_fill();
    for (;;) {
        struct iovec iov[] = { { line_data, 100 }, { NULL, 0 }, { line_data + 100, sizeof line_data - 100 } };
        ssize_t n = sink_write(sink, iov, COUNT_OF(iov));
        assert_true(n <= (ssize_t)sizeof line_data);
        if (n == -EAGAIN) n = write_text(sink, "y"); /* the rest of a page, too small for a whole atomic write */
        if (n <= 0) {
            *ret_end = n;
            return total;
        }
        total += (size_t)n;
        assert_true(total < 64U << 20);
    }
}

static size_t drain_some(int fd, size_t most)
{
    static char buffer[65536];
    size_t total = 0;
    int flags = fcntl(fd, F_GETFL);
    assert_int_equal(fcntl(fd, F_SETFL, flags | O_NONBLOCK), 0); /* the reader's own description */
    while (total < most) {
        ssize_t n = read(fd, buffer, MIN_OF(sizeof buffer, most - total));
        if (n <= 0) break;
        total += (size_t)n;
    }
    return total;
}

/* Fills, is told EAGAIN, goes on after the reader read: for both ends of any kind of stream. */
static void check_full_stream(struct sink *sink, int reader)
{
    int flags = fcntl(sink->fd, F_GETFL);
    ssize_t end;
    assert_true(sink_is_pollable(sink));
    assert_true(fill(sink, &end) > 0);
    assert_int_equal(end, -EAGAIN);
    assert_int_equal(write_text(sink, "more"), -EAGAIN);
    assert_true(drain_some(reader, SIZE_MAX) > 0);
    assert_true(fill(sink, &end) > 0);
    assert_int_equal(end, -EAGAIN);
    assert_int_equal(fcntl(sink->fd, F_GETFL), flags);
    assert_int_equal(flags & O_NONBLOCK, 0);
}

/* The fallback for kernels without RWF_NOWAIT on pipes does the same as the real thing. */
static void test_full_pipe(void **state) /* K14, K15 */
{
    (void)state;
    for (unsigned fallback = 0; fallback < 2; fallback++) {
        AUTO_FD struct fd r = FD_NONE, w = FD_NONE;
        assert_int_equal(fd_pipe(0, &r, &w), 0);
        struct sink sink = sink_open(w.n);
        assert_int_equal(sink.kind, SINK_STREAM);
        assert_false(sink.terminal);
        sink.no_rwf_nowait = fallback;
        check_full_stream(&sink, r.n);
    }
}

/* A pipe that has one free page takes at most PIPE_BUF bytes without waiting. */
static void test_fallback_is_bounded(void **state)
{
    (void)state;
    AUTO_FD struct fd r = FD_NONE, w = FD_NONE;
    assert_int_equal(fd_pipe(0, &r, &w), 0);
    struct sink sink = sink_open(w.n);
    sink.no_rwf_nowait = true;
    static char large[3 * PIPE_BUF];
    struct iovec iov[] = { { large, 1 }, { large, PIPE_BUF }, { large, PIPE_BUF } };
    assert_int_equal(sink_write(&sink, iov, COUNT_OF(iov)), PIPE_BUF);
    ssize_t end;
    (void)fill(&sink, &end);
    assert_int_equal(end, -EAGAIN);
    assert_true(drain_some(r.n, PIPE_BUF) > 0); /* one page, and no more */
    struct iovec one = { large, sizeof large };
    assert_in_range(sink_write(&sink, &one, 1), 1, PIPE_BUF);
    assert_int_equal(sink_write(&sink, &one, 1), -EAGAIN);
}

static void test_many_pieces(void **state)
{
    (void)state;
    for (unsigned fallback = 0; fallback < 2; fallback++) {
        AUTO_FD struct fd r = FD_NONE, w = FD_NONE;
        assert_int_equal(fd_pipe(0, &r, &w), 0);
        struct sink sink = sink_open(w.n);
        sink.no_rwf_nowait = fallback;
        struct iovec iov[100];
        char text[100], got[101] = "";
        for (size_t i = 0; i < COUNT_OF(iov); i++) {
            text[i] = (char)('a' + i % 26);
            iov[i] = (struct iovec){ &text[i], 1 };
        }
        for (int done = 0; done < (int)COUNT_OF(iov);) {
            ssize_t n = sink_write(&sink, iov + done, (int)COUNT_OF(iov) - done);
            assert_true(n > 0);
            done += (int)n;
        }
        assert_int_equal(read(r.n, got, sizeof got), COUNT_OF(iov));
        assert_memory_equal(got, text, sizeof text);
        struct iovec nothing = { NULL, 0 };
        assert_int_equal(sink_write(&sink, &nothing, 1), 0);
    }
}

static void test_fifo(void **state) /* K14: the trace destination */
{
    (void)state;
    for (unsigned fallback = 0; fallback < 2; fallback++) {
        char dir[] = "/tmp/sink-test-XXXXXX", path[64];
        assert_non_null(mkdtemp(dir));
        (void)snprintf(path, sizeof path, "%s/fifo", dir);
        assert_int_equal(mkfifo(path, 0600), 0);
        AUTO_FD struct fd r = fd_own(open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC));
        AUTO_FD struct fd w = fd_own(open(path, O_WRONLY | O_CLOEXEC));
        unlink(path), rmdir(dir);
        struct sink sink = sink_open(w.n);
        assert_int_equal(sink.kind, SINK_STREAM);
        sink.no_rwf_nowait = fallback;
        check_full_stream(&sink, r.n);
    }
}

static void test_full_socket(void **state) /* K15, K85 */
{
    (void)state;
    AUTO_FD struct fd a = FD_NONE, b = FD_NONE;
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    a = fd_own(pair[0]), b = fd_own(pair[1]);
    struct sink sink = sink_open(a.n);
    assert_int_equal(sink.kind, SINK_SOCKET);
    check_full_stream(&sink, b.n);
}

static void test_reader_gone(void **state)
{
    (void)state;
    for (unsigned fallback = 0; fallback < 2; fallback++)
        for (unsigned full = 0; full < 2; full++) {
            AUTO_FD struct fd r = FD_NONE, w = FD_NONE;
            ssize_t end;
            assert_int_equal(fd_pipe(0, &r, &w), 0);
            struct sink sink = sink_open(w.n);
            sink.no_rwf_nowait = fallback;
            if (full) (void)fill(&sink, &end);
            fd_close(&r);
            assert_int_equal(write_text(&sink, "x"), -EPIPE);
        }

    /* Sockets raise no SIGPIPE even where it is not ignored: with the default it would end the test. */
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    close(pair[1]);
    struct sink sink = sink_open(pair[0]);
    signal(SIGPIPE, SIG_DFL);
    assert_int_equal(write_text(&sink, "x"), -EPIPE);
    signal(SIGPIPE, SIG_IGN);
    close(pair[0]);
}

static void test_closed(void **state) /* K85 */
{
    (void)state;
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC), path = open("/", O_PATH | O_CLOEXEC);
    struct sink sinks[] = { sink_open(-1), sink_open(fd), sink_open(path), { .kind = SINK_STREAM } };
    close(fd), close(path);
    sinks[3] = sink_open(fd);
    for (size_t i = 0; i < COUNT_OF(sinks); i++) {
        assert_int_equal(sinks[i].kind, SINK_CLOSED);
        assert_false(sink_is_pollable(&sinks[i]));
        assert_int_equal(write_text(&sinks[i], "x"), -EBADF);
    }
    /* Closed behind our back: said by every way of writing. */
    for (enum sink_kind kind = SINK_FILE; kind <= SINK_STREAM; kind++)
        for (unsigned fallback = 0; fallback < 2; fallback++) {
            struct sink sink = { .fd = fd, .kind = kind, .no_rwf_nowait = fallback };
            assert_int_equal(write_text(&sink, "x"), -EBADF);
        }
}

static void test_regular_file(void **state) /* K85, K87 */
{
    (void)state;
    char path[] = "/tmp/sink-test-XXXXXX", moved[sizeof path + 2];
    AUTO_FD struct fd f = fd_own(mkostemp(path, O_CLOEXEC));
    assert_true(fd_is_open(&f));
    struct sink sink = sink_open(f.n);
    assert_int_equal(sink.kind, SINK_FILE);
    assert_false(sink_is_pollable(&sink));
    assert_int_equal(write_text(&sink, "one\n"), 4);
    (void)snprintf(moved, sizeof moved, "%s.1", path);
    assert_int_equal(rename(path, moved), 0); /* rotated */
    assert_int_equal(write_text(&sink, "two\n"), 4);
    assert_int_equal(unlink(moved), 0); /* removed */
    static char large[1 << 20];
    struct iovec iov = { large, sizeof large };
    assert_int_equal(sink_write(&sink, &iov, 1), sizeof large);
    struct stat st;
    assert_int_equal(fstat(f.n, &st), 0);
    assert_int_equal(st.st_size, 8 + sizeof large); /* at the shared position: no seek */
    char start[8];
    assert_int_equal(pread(f.n, start, sizeof start, 0), sizeof start);
    assert_memory_equal(start, "one\ntwo\n", sizeof start);
}

static void test_devices(void **state) /* K85 */
{
    (void)state;
    static const struct {
        const char *path;
        ssize_t want;
    } devices[] = { { "/dev/null", 5 }, { "/dev/zero", 5 }, { "/dev/full", -ENOSPC } };
    for (size_t i = 0; i < COUNT_OF(devices); i++) {
        AUTO_FD struct fd f = fd_own(open(devices[i].path, O_WRONLY | O_CLOEXEC));
        if (!fd_is_open(&f)) continue; /* a chroot without devices */
        struct sink sink = sink_open(f.n);
        assert_int_equal(sink.kind, SINK_FILE); /* epoll refuses it, so nobody may try to wait for it */
        assert_false(sink_is_pollable(&sink));
        assert_int_equal(write_text(&sink, "hello"), devices[i].want);
    }
}

static int pty_open(struct fd *ret_master, struct fd *ret_slave)
{
    char name[64];
    AUTO_FD struct fd master = fd_own(posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
    if (!fd_is_open(&master) || grantpt(master.n) < 0 || unlockpt(master.n) < 0) return -1;
    if (ptsname_r(master.n, name, sizeof name) != 0) return -1;
    *ret_slave = fd_own(open(name, O_RDWR | O_NOCTTY | O_CLOEXEC));
    *ret_master = fd_take(&master);
    return fd_is_open(ret_slave) ? 0 : -1;
}

/* Reads from a full terminal until the slave polls writable: the least room there is. Data is pending, so that read(2)
 * waits for the kernel's worker only. */
static void make_some_room(int master, int slave)
{
    char buffer[64];
    struct pollfd p = { .fd = slave, .events = POLLOUT };
    while (poll(&p, 1, 0) == 0) assert_true(read(master, buffer, sizeof buffer) > 0);
}

/* `docker run -t` with nobody attached. With output processing, a newline needs room for two, and a terminal polls
 * writable with any room at all: whatever is left of the room, and however the data is cut, no write waits. */
static void test_full_terminal(void **state) /* K15, K85 */
{
    (void)state;
    for (unsigned raw = 0; raw < 2; raw++)
        for (size_t step = 0; step < 40; step++) {
            AUTO_FD struct fd master = FD_NONE, slave = FD_NONE;
            if (pty_open(&master, &slave) < 0) skip();
            struct termios mode;
            assert_int_equal(tcgetattr(slave.n, &mode), 0);
            if (raw)
                cfmakeraw(&mode);
            else
                mode.c_oflag |= OPOST | ONLCR | XTABS;
            assert_int_equal(tcsetattr(slave.n, TCSANOW, &mode), 0);

            struct sink sink = sink_open(slave.n);
            assert_int_equal(sink.kind, SINK_STREAM);
            assert_true(sink.terminal);
            int flags = fcntl(slave.n, F_GETFL);
            static char data[4096];
            for (size_t i = 0; i < sizeof data; i++) {
                bool control = step > 0 && i % (step * 7) == 0;
                data[i] = control ? (i % 2 ? '\n' : '\t') : 'x';
            }
            for (unsigned round = 0; round < 3; round++) {
                size_t total = 0;
                ssize_t n;
                for (struct iovec iov = { data, sizeof data - step }; (n = sink_write(&sink, &iov, 1)) > 0;)
                    total += (size_t)n;
                assert_int_equal(n, -EAGAIN);
                assert_true(total > 0);
                make_some_room(master.n, slave.n);
            }
            assert_int_equal(fcntl(slave.n, F_GETFL), flags);
        }
}

static void test_terminal_text(void **state)
{
    (void)state;
    AUTO_FD struct fd master = FD_NONE, slave = FD_NONE;
    char got[64] = "";
    if (pty_open(&master, &slave) < 0) skip();
    struct sink sink = sink_open(slave.n);
    struct iovec iov[] = { { (char[]){ "[web] " }, 6 }, { (char[]){ "caf\xc3\xa9\n\nx" }, 8 } };
    assert_int_equal(sink_write(&sink, iov, COUNT_OF(iov)), 14);
    size_t length = 0;
    while (length < 16) {
        ssize_t n = read(master.n, got + length, sizeof got - 1 - length);
        assert_true(n > 0);
        length += (size_t)n;
    }
    assert_string_equal(got, "[web] caf\xc3\xa9\r\n\r\nx");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_full_pipe, setup, teardown),
        cmocka_unit_test_setup_teardown(test_fallback_is_bounded, setup, teardown),
        cmocka_unit_test_setup_teardown(test_many_pieces, setup, teardown),
        cmocka_unit_test_setup_teardown(test_fifo, setup, teardown),
        cmocka_unit_test_setup_teardown(test_full_socket, setup, teardown),
        cmocka_unit_test_setup_teardown(test_reader_gone, setup, teardown),
        cmocka_unit_test_setup_teardown(test_closed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_regular_file, setup, teardown),
        cmocka_unit_test_setup_teardown(test_devices, setup, teardown),
        cmocka_unit_test_setup_teardown(test_full_terminal, setup, teardown),
        cmocka_unit_test_setup_teardown(test_terminal_text, setup, teardown),
    };
    return cmocka_run_group_tests_name("base/sink", tests, NULL, NULL);
}
