/* trace/trace.h - the trace: one JSON object per line for each phase and state change, never blocking.
 *
 * Every record has phase, t_start_ms (wall clock), dt_ms (length of the phase, 0 for a point) and status, its keys are
 * sorted, and it is one write(2). What the destination cannot take now waits in a queue of 4096 records; beyond that
 * records are dropped and counted, and a `trace_dropped` record says so later: written + dropped = emitted (K91, K14).
 * A NULL trace is off: every function does nothing, quickly. Source: SEED.md S65-S70; docs/TRACE.md lists the records.
 */
#pragma once
#include "base/attr.h"
#include "base/loop.h"

enum trace_status { TRACE_OK, TRACE_ERROR, TRACE_TIMEOUT };

enum trace_type { TRACE_STRING, TRACE_INT, TRACE_U64, TRACE_BOOL, TRACE_STRINGS, TRACE_NULL, TRACE_RAW };
struct trace_field {
    const char *key;
    enum trace_type type;
    union {
        const char *string; /* any bytes; TRACE_RAW: valid JSON text. NULL is written as null */
        int64_t integer;
        uint64_t u64;
        bool boolean;
        struct {
            const char *const *items;
            size_t count;
        } strings;
    };
};
#define TF_STR(k, v)     ((struct trace_field){ .key = (k), .type = TRACE_STRING, .string = (v) })
#define TF_INT(k, v)     ((struct trace_field){ .key = (k), .type = TRACE_INT, .integer = (v) })
#define TF_U64(k, v)     ((struct trace_field){ .key = (k), .type = TRACE_U64, .u64 = (v) })
#define TF_BOOL(k, v)    ((struct trace_field){ .key = (k), .type = TRACE_BOOL, .boolean = (v) })
#define TF_STRV(k, v, n) ((struct trace_field){ .key = (k), .type = TRACE_STRINGS, .strings = { (v), (n) } })
#define TF_RAW(k, v)     ((struct trace_field){ .key = (k), .type = TRACE_RAW, .string = (v) })

struct trace;
/* Creates or truncates `path` (0644) without ever blocking: a FIFO without a reader is -ENXIO. Borrows the loop, to
 * wait for a full destination. The file is opened for appending, so one that is truncated or renamed by a log rotation
 * goes on (K87). SIGPIPE must be ignored. 0 or -errno. */
MUST_CHECK int trace_open(const char *path, struct loop *loop, struct trace **ret_trace);
/* Writes what goes without waiting, then closes. */
void trace_free(struct trace *trace);
DEFINE_AUTO(struct trace, trace_free)

/* `started` is the CLOCK_MONOTONIC time the phase began, 0 for "now, a point". At most TRACE_FIELDS_MAX fields; none of
 * them repeats a key. */
#define TRACE_FIELDS_MAX 28
void trace_emit(struct trace *trace, const char *phase, enum trace_status status, usec_t started,
                const struct trace_field *fields, size_t n_fields);
#define TRACE(trace, phase, status, started, ...)                                                                      \
    do {                                                                                                               \
        if (trace)                                                                                                     \
            trace_emit((trace), (phase), (status), (started), (const struct trace_field[]){ __VA_ARGS__ },             \
                       sizeof((const struct trace_field[]){ __VA_ARGS__ }) / sizeof(struct trace_field));              \
    } while (0)

/* The first write that fails (disk full, reader gone) is told once, with a positive errno: the caller owns the log
 * (K88). The record is counted as dropped and later ones are tried again. `fn` runs inside trace_emit(). */
typedef void trace_error_fn(int error, void *userdata);
void trace_set_error_fn(struct trace *trace, trace_error_fn *fn, void *userdata);

/* Nothing is queued. */
bool trace_is_flushed(const struct trace *trace);
/* Records made, trace_dropped records included; those of them that were given up; those that wait. What was written
 * whole is the first minus the other two. */
uint64_t trace_emitted(const struct trace *trace);
uint64_t trace_dropped(const struct trace *trace);
uint64_t trace_queued(const struct trace *trace);
