/* supervisor/logs_output.h - one destination of lines (our stdout or stderr) with what it could not take yet.
 *
 * Internal to supervisor/logs.c. What is written is either out, or pending in order, or counted as lost; nothing here
 * waits. After a loss in the middle of a line the next line begins on a line of its own. */
#pragma once
#include "base/attr.h"
#include "base/loop.h"
#include "base/sink.h"

/* Called when nothing is pending any more: reading may go on. */
typedef void log_output_drained_fn(void *userdata);

struct log_output {
    struct sink sink;
    struct loop *loop;
    loop_io io;
    struct loop_deadline retry; /* where EPOLLOUT cannot be waited for */
    char *pending;              /* bytes [head, length) wait; NULL when none do */
    size_t head, length, capacity;
    uint64_t lost_bytes;     /* given up: closed, broken, out of memory, or above the bound of our own lines */
    uint64_t lost_own_lines; /* since the last line that told so */
    char last_written;       /* the last byte that went out; '\n' at first */
    log_output_drained_fn *drained;
    void *userdata;
};
/* Borrows fd and loop. Never fails: what fd is not is found out when it is written to. */
void log_output_init(struct log_output *output, struct loop *loop, int fd, log_output_drained_fn *drained,
                     void *userdata);
/* Writes what goes without waiting and forgets the rest. */
void log_output_done(struct log_output *output);
static inline size_t log_output_pending(const struct log_output *output)
{
    return output->length - output->head;
}
/* Whole lines. The vector is consumed (its entries are changed). */
void log_output_write(struct log_output *output, struct iovec *iov, int n_iov);
/* One of our own lines: waits behind what is pending, up to a bound of 1 MiB; beyond it the line is counted, and a line
 * says how many were lost as soon as there is room. */
void log_output_write_own(struct log_output *output, const char *line, size_t length);
/* Tries what is pending; calls `drained` when it is all out. */
void log_output_flush(struct log_output *output);
