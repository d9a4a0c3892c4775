#include "supervisor/logs_output.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OWN_PENDING_MAX ((size_t)1 << 20) /* what may be pending when a line of our own joins it */
#define RETRY_INTERVAL  (50 * USEC_PER_MSEC)

/* ---- pending bytes ---- */

static int pending_reserve(struct log_output *output, size_t more)
{
    if (output->head > 0 && output->capacity - output->length < more) {
        memmove(output->pending, output->pending + output->head, log_output_pending(output));
        output->length -= output->head;
        output->head = 0;
    }
    if (output->capacity - output->length >= more) return 0;
    size_t needed;
    if (ckd_add(&needed, output->length, more)) return -ENOMEM;
    size_t capacity = MAX_OF(needed, output->capacity + output->capacity / 2);
    char *grown = realloc(output->pending, capacity);
    if (!grown) return -ENOMEM;
    output->pending = grown;
    output->capacity = capacity;
    return 0;
}

static void pending_clear(struct log_output *output)
{
    free(output->pending);
    output->pending = NULL;
    output->head = output->length = output->capacity = 0;
}

/* All or nothing: half a line is worth less than a count. */
static void pending_append(struct log_output *output, const struct iovec *iov, int n_iov)
{
    size_t total = 0;
    for (int i = 0; i < n_iov; i++) total += iov[i].iov_len;
    if (pending_reserve(output, total) < 0) {
        output->lost_bytes += total;
        return;
    }
    for (int i = 0; i < n_iov; i++) {
        if (iov[i].iov_len == 0) continue;
        memcpy(output->pending + output->length, iov[i].iov_base, iov[i].iov_len);
        output->length += iov[i].iov_len;
    }
}

/* ---- waiting for room ---- */

static void on_writable(int fd, uint32_t events, void *userdata)
{
    (void)fd, (void)events;
    log_output_flush(userdata);
}

static void on_retry(void *userdata)
{
    log_output_flush(userdata);
}

static void wait_writable(struct log_output *output)
{
    int r = -EPERM;
    if (output->io != LOOP_IO_NONE)
        r = loop_io_modify(output->loop, output->io, EPOLLOUT);
    else if (sink_is_pollable(&output->sink))
        r = loop_io_add(output->loop, output->sink.fd, EPOLLOUT, LOOP_NORMAL, on_writable, output, &output->io);
    if (r == 0) return;
    /* No memory for the deadline either: the next line tries again. */
    IGNORE_RESULT(loop_deadline_set(output->loop, &output->retry, usec_add(loop_now(output->loop), RETRY_INTERVAL),
                                    on_retry, output));
}

static void stop_waiting(struct log_output *output)
{
    if (output->io != LOOP_IO_NONE)
        IGNORE_RESULT(loop_io_modify(output->loop, output->io, 0)); /* pausing cannot fail */
    loop_deadline_clear(output->loop, &output->retry);
}

/* ---- writing ---- */

/* Moves the vector past `written` bytes; returns the last of them. */
static char advance(struct iovec **iov, int *n_iov, size_t written)
{
    char last = '\n';
    while (*n_iov > 0 && written >= (*iov)->iov_len) {
        const char *bytes = (*iov)->iov_base;
        if (bytes && (*iov)->iov_len > 0) last = bytes[(*iov)->iov_len - 1];
        written -= (*iov)->iov_len;
        (*iov)++;
        (*n_iov)--;
    }
    if (written > 0 && *n_iov > 0) {
        last = ((const char *)(*iov)->iov_base)[written - 1];
        (*iov)->iov_base = (char *)(*iov)->iov_base + written;
        (*iov)->iov_len -= written;
    }
    return last;
}

/* 0 when everything is out; -EAGAIN or another -errno with the vector at what is not. */
static int write_vector(struct log_output *output, struct iovec **iov, int *n_iov)
{
    while (*n_iov > 0) {
        if ((*iov)->iov_len == 0) {
            (*iov)++;
            (*n_iov)--;
            continue;
        }
        ssize_t n = sink_write(&output->sink, *iov, *n_iov);
        if (n == -EINTR) continue;
        if (n <= 0) return n == 0 ? -EAGAIN : (int)n;
        output->last_written = advance(iov, n_iov, (size_t)n);
    }
    return 0;
}

static void lose(struct log_output *output, const struct iovec *iov, int n_iov)
{
    for (int i = 0; i < n_iov; i++) output->lost_bytes += iov[i].iov_len;
}

static void write_or_keep(struct log_output *output, struct iovec *iov, int n_iov)
{
    int r = log_output_pending(output) > 0 ? -EAGAIN : write_vector(output, &iov, &n_iov);
    if (r == -EAGAIN) {
        pending_append(output, iov, n_iov);
        if (log_output_pending(output) > 0) wait_writable(output);
    } else if (r < 0) {
        lose(output, iov, n_iov);
    }
}

/* A line that was lost in its middle is ended before the next one begins. */
static bool is_in_broken_line(const struct log_output *output)
{
    return log_output_pending(output) == 0 && output->last_written != '\n';
}

/* ---- public ---- */

void log_output_init(struct log_output *output, struct loop *loop, int fd, log_output_drained_fn *drained,
                     void *userdata)
{
    *output = (struct log_output){
        .sink = sink_open(fd),
        .loop = loop,
        .last_written = '\n',
        .drained = drained,
        .userdata = userdata,
    };
}

void log_output_done(struct log_output *output)
{
    output->drained = NULL;
    log_output_flush(output);
    output->lost_bytes += log_output_pending(output);
    pending_clear(output);
    loop_io_remove(output->loop, &output->io);
    loop_deadline_clear(output->loop, &output->retry);
}

void log_output_write(struct log_output *output, struct iovec *iov, int n_iov)
{
    if (is_in_broken_line(output)) {
        uint64_t lost_before = output->lost_bytes;
        struct iovec newline = { .iov_base = (char[]){ '\n' }, .iov_len = 1 };
        write_or_keep(output, &newline, 1);
        output->lost_bytes = lost_before; /* nobody printed it */
    }
    if (is_in_broken_line(output))
        lose(output, iov, n_iov);
    else
        write_or_keep(output, iov, n_iov);
}

void log_output_write_own(struct log_output *output, const char *line, size_t length)
{
    if (log_output_pending(output) > 0 && log_output_pending(output) + length > OWN_PENDING_MAX) {
        output->lost_own_lines++;
        output->lost_bytes += length;
        return;
    }
    struct iovec iov = { .iov_base = (char *)(uintptr_t)line, .iov_len = length };
    log_output_write(output, &iov, 1);
}

static void tell_lost_lines(struct log_output *output)
{
    char line[128];
    int n = snprintf(line, sizeof line, "container-init: warning: %llu own log lines were lost: output was blocked\n",
                     (unsigned long long)output->lost_own_lines);
    output->lost_own_lines = 0;
    log_output_write_own(output, line, (size_t)n);
}

void log_output_flush(struct log_output *output)
{
    if (log_output_pending(output) > 0) {
        struct iovec rest = { .iov_base = output->pending + output->head, .iov_len = log_output_pending(output) };
        struct iovec *iov = &rest;
        int n_iov = 1;
        int r = write_vector(output, &iov, &n_iov);
        size_t left = n_iov > 0 ? rest.iov_len : 0;
        if (r == -EAGAIN) {
            output->head = output->length - left;
            wait_writable(output);
            return;
        }
        output->lost_bytes += left;
        pending_clear(output);
    }
    stop_waiting(output);
    if (output->lost_own_lines > 0) tell_lost_lines(output);
    if (output->drained && log_output_pending(output) == 0) output->drained(output->userdata);
}
