/* supervisor/logs.h - what services print, and our own log lines, on the way to PID 1's stdout and stderr.
 *
 * Each run of a command gets a pipe for stdout and one for stderr. Complete lines are passed on at once, each in one
 * write, with "[LABEL] " in front (S15), their bytes as they are; a last line without newline is written when the
 * stream closes (K83). A line of more than 16 KiB is passed on in pieces of 16 KiB, each a line of its own: the first
 * begins with "[LABEL] ", all others with "[LABEL+] ", so that joining what follows the prefixes gives the line (K84).
 * When the destination cannot take more, reading stops (back-pressure) and supervision goes on (K15); nothing is lost
 * until the stop bound, and what then remains is counted. A destination that is closed or fails takes nothing: what is
 * printed is counted as lost. Where stdout and stderr are one file they are written as one, in order. Streams belong to
 * `struct logs` and vanish at end of file, however long a grandchild keeps them open (K89, K90). */
#pragma once
#include "base/attr.h"
#include "base/fd.h"
#include "base/loop.h"

struct logs;
/* Borrows the loop. Opens sinks on descriptors 1 and 2; never fails for what they are (K85). Installs itself as the
 * writer of base/log until logs_free(): up to 1 MiB of our own lines wait for a blocked stderr, more are counted and
 * told of. SIGPIPE must be ignored. */
MUST_CHECK int logs_new(struct loop *loop, struct logs **ret_logs);
/* The same with other descriptors, which are borrowed. */
MUST_CHECK int logs_new_on(struct loop *loop, int stdout_fd, int stderr_fd, struct logs **ret_logs);
/* Writes what goes without waiting, lines without their newline included. */
void logs_free(struct logs *logs);
DEFINE_AUTO(struct logs, logs_free)

/* Opens now what the next logs_open_stream() for either hands out: before a start that shall not wait for it. */
void logs_prepare(struct logs *logs);
/* A new pipe whose lines go to our stdout (`which` 1) or stderr (2) under `label`, which is borrowed until the stream
 * ends. The caller owns *ret_write, gives it to a child and closes it. -EMFILE, -ENFILE, -ENOMEM. */
MUST_CHECK int logs_open_stream(struct logs *logs, const char *label, size_t label_length, int which,
                                struct fd *ret_write);
/* The label goes, and there may be something to read still: the streams under it, by its address, have a copy. */
void logs_keep_label(struct logs *logs, const char *label);
/* Somebody looks at the lines that pass under one label, which is compared by its address, or (NULL) under all of them,
 * our own among them, whose label is NULL: at each complete line, without its newline and without what is beyond
 * LOG_TAP_LINE_MAX bytes of it. The function neither waits nor adds or takes away taps. Embedded in its owner. With
 * `only_new`, what streams carry that are open already is passed over: it is of an earlier run. */
#define LOG_TAP_LINE_MAX 4095
struct log_tap {
    struct log_tap *next;
    const char *label;
    void (*line)(const char *label, size_t label_length, const char *line, size_t length, void *userdata);
    void *userdata;
    uint32_t after; /* the number of a stream */
};
void logs_tap(struct logs *logs, struct log_tap *tap, bool only_new);
/* Nothing happens when it is none. */
void logs_untap(struct logs *logs, struct log_tap *tap);

/* Streams that are open; bytes read but not yet written (beginnings of lines included; walks the streams); bytes that
 * were given up since logs_new(). */
size_t logs_stream_count(const struct logs *logs);
size_t logs_pending_bytes(const struct logs *logs);
uint64_t logs_lost_bytes(const struct logs *logs);
/* Of these, those that wait for the destination alone: what an unfinished line waits for is its writer. */
size_t logs_output_pending(const struct logs *logs);
/* Reads and writes what can be moved now without waiting, at most 1 MiB of each stream; true when every stream is at
 * its end and nothing is pending. For the stop: false again and again with nothing pending means that a process outside
 * every unit holds a pipe, which is not waited for (K23, K90). */
bool logs_flush(struct logs *logs);
