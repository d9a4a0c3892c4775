/* tests/supervisor/logs_fixture.h - a `struct logs` whose stdout and stderr are pipes that the test reads. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/str.h"
#include "supervisor/logs.h"

/* Two destinations that the test reads, unless it replaces them before begin(). */
struct fixture {
    struct loop *loop;
    struct logs *logs;
    struct fd out, err, out_reader, err_reader;
    struct str out_text, err_text;
};

static inline int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    (void)signal(SIGPIPE, SIG_IGN);
    assert_int_equal(loop_new(&f->loop), 0);
    assert_int_equal(fd_pipe(0, &f->out_reader, &f->out), 0);
    assert_int_equal(fd_pipe(0, &f->err_reader, &f->err), 0);
    assert_int_equal(fcntl(f->out_reader.n, F_SETFL, O_NONBLOCK), 0);
    assert_int_equal(fcntl(f->err_reader.n, F_SETFL, O_NONBLOCK), 0);
    *state = f;
    return 0;
}

static inline int tear_down(void **state)
{
    struct fixture *f = *state;
    logs_free(f->logs);
    loop_free(f->loop);
    fd_close(&f->out);
    fd_close(&f->err);
    fd_close(&f->out_reader);
    fd_close(&f->err_reader);
    str_done(&f->out_text);
    str_done(&f->err_text);
    free(f);
    return 0;
}

static inline void begin(struct fixture *f)
{
    assert_int_equal(logs_new_on(f->loop, f->out.n, f->err.n, &f->logs), 0);
}

static inline struct fd stream(struct fixture *f, const char *label, int which)
{
    struct fd writer = FD_NONE;
    assert_int_equal(logs_open_stream(f->logs, label, strlen(label), which, &writer), 0);
    return writer;
}

static inline void rounds(struct fixture *f, unsigned count)
{
    while (count-- > 0) assert_int_equal(loop_wait(f->loop, false), 0);
}

static inline size_t collect(int fd, struct str *text)
{
    char buffer[65536];
    size_t total = 0;
    for (ssize_t n; (n = read(fd, buffer, sizeof buffer)) > 0; total += (size_t)n)
        assert_int_equal(str_append_bytes(text, buffer, (size_t)n), 0);
    return total;
}

/* Until neither the loop nor the readers find anything. */
static inline void settle(struct fixture *f)
{
    do rounds(f, 3);
    while (collect(f->out_reader.n, &f->out_text) + collect(f->err_reader.n, &f->err_text) > 0);
}

static inline void put(int fd, const void *bytes, size_t size)
{
    assert_int_equal(fd_write_all(fd, bytes, size), 0);
}

static inline void fill(int fd)
{
    char byte = '.';
    int flags = fcntl(fd, F_GETFL);
    assert_int_equal(fcntl(fd, F_SETFL, flags | O_NONBLOCK), 0);
    char page[4096];
    memset(page, '.', sizeof page);
    while (write(fd, page, sizeof page) > 0) {
    }
    while (write(fd, &byte, 1) > 0) {
    }
    assert_int_equal(fcntl(fd, F_SETFL, flags), 0);
}
