/* supervisor/logs.h - what services print, and our own log lines, on the way to PID 1's stdout and stderr.
 *
 * Each run of a command gets a pipe for stdout and one for stderr. Complete lines are passed on at once, each in one
 * write, with "[LABEL] " in front (S15); a last line without newline is written when the stream closes (K83); a line
 * longer than the buffer is passed on in bounded pieces, marked, never mixed with others (K84). When the destination
 * cannot take more, reading stops (back-pressure) and supervision goes on (K15); nothing is lost until the stop bound,
 * and what then remains is counted. Streams belong to `struct logs` and vanish at end of file, however long a
 * grandchild keeps them open (K89, K90). */
#pragma once
#include "base/attr.h"
#include "base/fd.h"
#include "base/loop.h"

struct logs;
/* Borrows the loop. Opens sinks on descriptors 1 and 2; never fails for what they are (K85). Installs itself as the
 * writer of base/log until logs_free(). */
MUST_CHECK int logs_new(struct loop *loop, struct logs **ret_logs);
void logs_free(struct logs *logs);
DEFINE_AUTO(struct logs, logs_free)

/* A new pipe whose lines go to our stdout (`which` 1) or stderr (2) under `label`, which is borrowed until the stream
 * ends. The caller owns *ret_write, gives it to a child and closes it. -EMFILE, -ENFILE, -ENOMEM. */
MUST_CHECK int logs_open_stream(struct logs *logs, const char *label, size_t label_length, int which,
                                struct fd *ret_write);
/* Streams that are open, and bytes read but not yet written. */
size_t logs_stream_count(const struct logs *logs);
size_t logs_pending_bytes(const struct logs *logs);
/* Reads and writes what can be moved now without waiting; true when every stream is at its end and nothing is pending.
 */
bool logs_flush(struct logs *logs);
