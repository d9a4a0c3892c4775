#include "trace/trace.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/sink.h"
#include "base/str.h"

#define QUEUE_MAX       4096               /* records, SEED.md S70 */
#define QUEUE_BYTES_MAX ((size_t)8 << 20)  /* and no more memory than this, whatever the records hold */
#define SCRATCH_KEPT    ((size_t)16 << 10) /* a longer record's memory is given back */
#define FLUSH_PER_ROUND 256                /* records, so that a fast reader does not keep the loop */
#define BASE_FIELDS     4                  /* phase, t_start_ms, dt_ms, status */

struct record {
    struct record *next;
    size_t length, written;
    uint64_t reports; /* of a trace_dropped record: how many losses it tells of */
    char bytes[];
};

struct trace {
    struct fd fd;
    struct sink sink;
    struct loop *loop;
    loop_io io;         /* LOOP_IO_NONE until the destination was full for the first time */
    bool waiting;       /* for EPOLLOUT; else the next record tries the queue again */
    struct str scratch; /* the record being made; its memory is kept, so that a record costs no allocation */
    struct record *first, **tail;
    size_t n_queued, queued_bytes;
    uint64_t emitted, dropped, reported; /* reported: of the dropped ones, by a trace_dropped record */
    trace_error_fn *error_fn;
    void *error_userdata;
    bool error_told;
};

static const char *const status_words[] = {
    [TRACE_OK] = "ok",
    [TRACE_ERROR] = "error",
    [TRACE_TIMEOUT] = "timeout",
};

/* ---- one record as text ---- */

static usec_t clock_usec(clockid_t clock)
{
    struct timespec ts;
    (void)clock_gettime(clock, &ts); /* cannot fail: the clock exists and ts is ours */
    return (usec_t)ts.tv_sec * USEC_PER_SEC + (usec_t)ts.tv_nsec / 1000;
}

static int write_string_or_null(struct str *out, const char *text)
{
    return text ? json_write_string(out, text, strlen(text)) : str_append(out, "null");
}

static int write_strings(struct str *out, const char *const *items, size_t count)
{
    int r = str_append_char(out, '[');
    for (size_t i = 0; i < count && r == 0; i++) {
        if (i > 0) r = str_append_char(out, ',');
        if (r == 0) r = write_string_or_null(out, items[i]);
    }
    return r < 0 ? r : str_append_char(out, ']');
}

static int write_value(struct str *out, const struct trace_field *field)
{
    switch (field->type) {
    case TRACE_STRING:
        return write_string_or_null(out, field->string);
    case TRACE_INT:
        return json_write_i64(out, field->integer);
    case TRACE_U64:
        return json_write_u64(out, field->u64);
    case TRACE_BOOL:
        return str_append(out, field->boolean ? "true" : "false");
    case TRACE_STRINGS:
        return write_strings(out, field->strings.items, field->strings.count);
    case TRACE_NULL:
        return str_append(out, "null");
    case TRACE_RAW:
        return str_append(out, field->string ? field->string : "null");
    }
    return -EINVAL;
}

static int write_record(struct str *out, const struct trace_field *const *sorted, size_t count)
{
    int r = str_append_char(out, '{');
    for (size_t i = 0; i < count && r == 0; i++) {
        if (i > 0) r = str_append_char(out, ',');
        if (r == 0) r = json_write_string(out, sorted[i]->key, strlen(sorted[i]->key));
        if (r == 0) r = str_append_char(out, ':');
        if (r == 0) r = write_value(out, sorted[i]);
    }
    return r < 0 ? r : str_append(out, "}\n");
}

/* Insertion sort: a handful of keys, most of them in order already. */
static void sort_by_key(const struct trace_field **fields, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        const struct trace_field *field = fields[i];
        size_t j = i;
        for (; j > 0 && strcmp(fields[j - 1]->key, field->key) > 0; j--) fields[j] = fields[j - 1];
        fields[j] = field;
    }
}

static int record_format(struct str *out, const char *phase, enum trace_status status, usec_t started,
                         const struct trace_field *fields, size_t n_fields)
{
    usec_t wall = clock_usec(CLOCK_REALTIME), spent = 0;
    if (started != 0) {
        usec_t now = clock_usec(CLOCK_MONOTONIC);
        if (now > started) spent = now - started;
    }
    const struct trace_field base[BASE_FIELDS] = {
        TF_U64("dt_ms", spent / USEC_PER_MSEC),
        TF_STR("phase", phase),
        TF_STR("status", status_words[status]),
        TF_U64("t_start_ms", (wall > spent ? wall - spent : 0) / USEC_PER_MSEC),
    };
    assert(n_fields <= TRACE_FIELDS_MAX);
    const struct trace_field *sorted[BASE_FIELDS + TRACE_FIELDS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < BASE_FIELDS; i++) sorted[count++] = &base[i];
    for (size_t i = 0; i < n_fields; i++) sorted[count++] = &fields[i];
    sort_by_key(sorted, count);
    str_clear(out);
    return write_record(out, sorted, count);
}

/* ---- the queue ---- */

static bool queue_has_room(const struct trace *trace, size_t length)
{
    return trace->n_queued < QUEUE_MAX && trace->queued_bytes + length <= QUEUE_BYTES_MAX;
}

/* `written` bytes of it are out already. */
static int queue_push(struct trace *trace, const struct str *text, size_t written, uint64_t reports)
{
    struct record *record = malloc(sizeof *record + text->length);
    if (!record) return -ENOMEM;
    *record = (struct record){ .length = text->length, .written = written, .reports = reports };
    memcpy(record->bytes, text->data, text->length);
    *trace->tail = record;
    trace->tail = &record->next;
    trace->n_queued++;
    trace->queued_bytes += text->length;
    return 0;
}

static void queue_pop(struct trace *trace)
{
    struct record *record = trace->first;
    trace->first = record->next;
    if (!trace->first) trace->tail = &trace->first;
    trace->n_queued--;
    trace->queued_bytes -= record->length;
    free(record);
}

static void note_error(struct trace *trace, int error)
{
    if (trace->error_told) return;
    trace->error_told = true;
    if (trace->error_fn) trace->error_fn(error, trace->error_userdata);
}

/* A lost report is as if it had never been made: the losses are told again. */
static void queue_drop(struct trace *trace)
{
    uint64_t reports = trace->first->reports;
    if (reports > 0) {
        trace->reported -= reports;
        trace->emitted--;
    } else {
        trace->dropped++;
    }
    queue_pop(trace);
}

/* The destination does not take records any more. What waits is dropped, but for the rest of a record that is half
 * written: without it the next one, on a disk with room again or in a FIFO with a new reader, would not begin on a line
 * of its own. */
static void queue_fail(struct trace *trace, int error)
{
    note_error(trace, error);
    struct record *kept = NULL;
    if (trace->first->written > 0) {
        kept = trace->first;
        trace->first = kept->next;
        trace->n_queued--;
    }
    while (trace->first) queue_drop(trace);
    if (!kept) return;
    kept->next = NULL;
    trace->first = kept;
    trace->tail = &kept->next;
    trace->n_queued++;
}

static ssize_t write_bytes(struct trace *trace, const char *bytes, size_t length)
{
    struct iovec iov = { .iov_base = (char *)(uintptr_t)bytes, .iov_len = length };
    ssize_t n = sink_write(&trace->sink, &iov, 1);
    return n == 0 && length > 0 ? -EIO : n; /* a destination that takes nothing and says nothing */
}

/* ---- trace_dropped ---- */

static int dropped_format(struct trace *trace)
{
    const struct trace_field fields[] = {
        TF_U64("dropped", trace->dropped - trace->reported),
        TF_U64("total", trace->dropped),
    };
    return record_format(&trace->scratch, "trace_dropped", TRACE_ERROR, 0, fields, COUNT_OF(fields));
}

/* Behind what was queued before the loss, and before whatever comes after it, for which a place must be left. */
static bool dropped_report(struct trace *trace)
{
    if (trace->n_queued + 2 > QUEUE_MAX || dropped_format(trace) < 0) return false;
    if (!queue_has_room(trace, trace->scratch.length)) return false;
    if (queue_push(trace, &trace->scratch, 0, trace->dropped - trace->reported) < 0) return false;
    trace->reported = trace->dropped;
    trace->emitted++;
    return true;
}

/* ---- waiting and flushing ---- */

static void on_writable(int fd, uint32_t events, void *userdata);

/* Without a source (no memory, no watches left) the queue is tried again with the next record. */
static void wait_writable(struct trace *trace)
{
    if (trace->waiting || !trace->loop || !sink_is_pollable(&trace->sink)) return;
    int r;
    if (trace->io == LOOP_IO_NONE)
        r = loop_io_add(trace->loop, trace->sink.fd, EPOLLOUT, LOOP_LATE, on_writable, trace, &trace->io);
    else
        r = loop_io_modify(trace->loop, trace->io, EPOLLOUT);
    trace->waiting = r == 0;
}

static void stop_waiting(struct trace *trace)
{
    if (!trace->waiting) return;
    trace->waiting = false;
    IGNORE_RESULT(loop_io_modify(trace->loop, trace->io, 0)); /* pausing a source we own cannot fail */
}

/* Records that are lost are counted; what the destination has no room for is waited for. */
static void flush(struct trace *trace, size_t max_records)
{
    while (trace->first && max_records > 0) {
        struct record *record = trace->first;
        ssize_t n = write_bytes(trace, record->bytes + record->written, record->length - record->written);
        if (n == -EAGAIN) {
            wait_writable(trace);
            return;
        }
        if (n < 0) {
            queue_fail(trace, (int)-n);
            break;
        }
        record->written += (size_t)n;
        if (record->written < record->length) continue; /* a pipe takes the next piece, or says that it is full */
        queue_pop(trace);
        max_records--;
        /* Without memory the next record tells. */
        if (!trace->first && trace->dropped != trace->reported) (void)dropped_report(trace);
    }
    if (!trace->first || max_records > 0) stop_waiting(trace);
}

static void on_writable(int fd, uint32_t events, void *userdata)
{
    (void)fd, (void)events;
    flush(userdata, FLUSH_PER_ROUND);
}

static bool enqueue(struct trace *trace)
{
    return queue_has_room(trace, trace->scratch.length) && queue_push(trace, &trace->scratch, 0, 0) == 0;
}

/* The queue is empty: straight from the scratch buffer. Returns false when the record was lost, which the caller
 * counts. */
static bool write_now(struct trace *trace, uint64_t reports)
{
    const struct str *record = &trace->scratch;
    size_t written = 0;
    ssize_t n = 0;
    while (written < record->length && n >= 0) {
        n = write_bytes(trace, record->data + written, record->length - written);
        if (n > 0) written += (size_t)n;
    }
    if (written == record->length) return true;
    if (n != -EAGAIN) {
        note_error(trace, (int)-n);
        if (written == 0) return false;
    }
    if (queue_push(trace, record, written, reports) < 0) return false;
    if (n == -EAGAIN) wait_writable(trace);
    return true;
}

/* Losses are told before the next record. Returns false when that one cannot be written either. */
static bool report_now(struct trace *trace)
{
    if (trace->dropped == trace->reported) return true;
    if (dropped_format(trace) < 0 || !write_now(trace, trace->dropped - trace->reported)) return false;
    trace->reported = trace->dropped;
    trace->emitted++;
    return true;
}

/* ---- public ---- */

int trace_open(const char *path, struct loop *loop, struct trace **ret_trace)
{
    AUTO(trace_free) struct trace *trace = calloc(1, sizeof *trace);
    if (!trace) return -ENOMEM;
    trace->fd = FD_NONE;
    trace->tail = &trace->first;
    trace->loop = loop;
    /* O_NONBLOCK is ours to set: the description is new and shared with nobody. In a directory where everybody may make
     * links, one is not followed: it would truncate what it names. */
    bool is_shared = str_starts_with(path, "/tmp/") || str_starts_with(path, "/var/tmp/");
    int flags = O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_NONBLOCK | (is_shared ? O_NOFOLLOW : 0);
    int r = fd_openat(AT_FDCWD, path, flags, 0644, &trace->fd);
    if (r < 0) return r;
    trace->sink = sink_open(trace->fd.n);
    *ret_trace = TAKE(trace);
    return 0;
}

void trace_free(struct trace *trace)
{
    if (!trace) return;
    if (fd_is_open(&trace->fd)) {
        flush(trace, SIZE_MAX); /* what the destination does not take now is lost with us */
        if (!trace->first) (void)report_now(trace);
    }
    while (trace->first) queue_pop(trace);
    if (trace->loop) loop_io_remove(trace->loop, &trace->io);
    fd_close(&trace->fd);
    str_done(&trace->scratch);
    free(trace);
}

void trace_emit(struct trace *trace, const char *phase, enum trace_status status, usec_t started,
                const struct trace_field *fields, size_t n_fields)
{
    if (!trace) return;
    trace->emitted++;
    if (trace->first && (!trace->waiting || trace->n_queued >= QUEUE_MAX)) flush(trace, SIZE_MAX);
    bool taken = true;
    if (!trace->first)
        taken = report_now(trace);
    else if (trace->dropped != trace->reported)
        taken = dropped_report(trace);
    if (taken) taken = record_format(&trace->scratch, phase, status, started, fields, n_fields) == 0;
    if (taken) taken = trace->first ? enqueue(trace) : write_now(trace, 0);
    if (!taken) trace->dropped++;
    if (trace->scratch.capacity > SCRATCH_KEPT) str_done(&trace->scratch);
}

void trace_set_error_fn(struct trace *trace, trace_error_fn *fn, void *userdata)
{
    if (!trace) return;
    trace->error_fn = fn;
    trace->error_userdata = userdata;
}

bool trace_is_flushed(const struct trace *trace)
{
    return !trace || !trace->first;
}

uint64_t trace_emitted(const struct trace *trace)
{
    return trace ? trace->emitted : 0;
}

uint64_t trace_dropped(const struct trace *trace)
{
    return trace ? trace->dropped : 0;
}

uint64_t trace_queued(const struct trace *trace)
{
    return trace ? trace->n_queued : 0;
}
