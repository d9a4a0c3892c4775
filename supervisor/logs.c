#include "supervisor/logs.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "supervisor/logs_output.h"

#define READ_SIZE      ((size_t)64 << 10)
#define READ_SIZE_MIN  ((size_t)4 << 10)
#define ROUND_BUDGET   ((size_t)1 << 20)  /* bytes read in one round by all streams together, more or less */
#define EXPANSION_MAX  ((size_t)1 << 20)  /* what one read may grow to by prefixes */
#define FLUSH_MAX      ((size_t)1 << 20)  /* bytes of one stream in one logs_flush(): the largest pipe */
#define HANGUP_PENDING ((size_t)1 << 20)  /* with less pending, streams at their end are read out even so (K89) */
#define PIECE_MAX      ((size_t)16 << 10) /* bytes of one line that are passed on at once */
#define LABEL_MAX      255
#define IOV_BATCH      512
#define IOV_PER_LINE   4 /* prefix, kept part, read part, newline */
#define RESUME_AT_ONCE 16
#define SWEEP_AT_ONCE  16

/* The beginning of a line whose end has not been read: a stream has one only while that is so. */
struct partial {
    size_t length, capacity;
    char bytes[];
};

/* One pipe. An idle one is this and nothing else: there are two for each running unit. */
struct log_stream {
    struct log_stream *previous, *next; /* in the channel's open or paused list */
    struct log_channel *channel;
    const char *label;
    struct partial *partial;
    int fd;
    loop_io io;
    uint32_t number; /* streams are numbered as they are opened */
    uint16_t label_length;
    bool continued : 1; /* a piece of the present line is out already */
    bool paused : 1;
    bool owns_label : 1;
};

_Static_assert(sizeof(struct log_stream) <= 64, "an idle unit costs two of these");

struct stream_list {
    struct log_stream *first, *last;
};

/* A destination and the streams that go there. */
struct log_channel {
    struct log_output output;
    struct logs *logs;
    struct stream_list open, paused;
};

struct logs {
    struct loop *loop;
    struct log_channel channels[2];
    struct log_channel *by_which[2]; /* both the same where 1 and 2 are one file */
    size_t n_streams;
    uint32_t n_opened;
    struct spare {
        struct log_stream *stream; /* NULL: there is none */
        struct fd writer;
    } spares[2]; /* of logs_prepare(), by which */
    struct log_tap *taps;
    usec_t round;                               /* loop_now() of the last read */
    size_t reads_in_round, reads_in_last_round; /* how many streams share a round */
    struct iovec iov[IOV_BATCH];
    int n_iov;
    char prefix[LABEL_MAX + 8], continued_prefix[LABEL_MAX + 8];
    size_t prefix_length, continued_prefix_length;
    char buffer[READ_SIZE]; /* this and the next stay untouched until they are needed */
    char tapped[LOG_TAP_LINE_MAX];
};

/* ---- lists ---- */

static void list_append(struct stream_list *list, struct log_stream *stream)
{
    stream->previous = list->last;
    stream->next = NULL;
    if (list->last)
        list->last->next = stream;
    else
        list->first = stream;
    list->last = stream;
}

static void list_remove(struct stream_list *list, struct log_stream *stream)
{
    if (stream->previous)
        stream->previous->next = stream->next;
    else
        list->first = stream->next;
    if (stream->next)
        stream->next->previous = stream->previous;
    else
        list->last = stream->previous;
}

static struct stream_list *list_of(struct log_stream *stream)
{
    return stream->paused ? &stream->channel->paused : &stream->channel->open;
}

static void stream_set_paused(struct log_stream *stream, bool paused)
{
    if (stream->paused == paused) return;
    if (loop_io_modify(stream->channel->logs->loop, stream->io, paused ? 0 : EPOLLIN) < 0)
        return; /* no memory: later */
    list_remove(list_of(stream), stream);
    stream->paused = paused;
    list_append(list_of(stream), stream);
}

/* Each resumed stream has something to read, and resumes others after it: work goes on as long as the destination
 * takes it, without waking a thousand streams for one line. */
static void resume_some(struct log_channel *channel, unsigned count)
{
    while (channel->paused.first && count-- > 0) stream_set_paused(channel->paused.first, false);
}

static void on_drained(void *userdata)
{
    resume_some(userdata, RESUME_AT_ONCE);
}

/* ---- lines ---- */

static size_t prefix_format(char *buffer, const struct log_stream *stream, const char *mark)
{
    char *end = buffer;
    *end++ = '[';
    memcpy(end, stream->label, stream->label_length);
    end += stream->label_length;
    while (*mark) *end++ = *mark++;
    *end++ = ']';
    *end++ = ' ';
    return (size_t)(end - buffer);
}

static void batch_begin(struct logs *logs, const struct log_stream *stream)
{
    logs->n_iov = 0;
    logs->prefix_length = prefix_format(logs->prefix, stream, "");
    logs->continued_prefix_length = prefix_format(logs->continued_prefix, stream, "+");
}

static void batch_end(struct log_channel *channel)
{
    if (channel->logs->n_iov > 0) log_output_write(&channel->output, channel->logs->iov, channel->logs->n_iov);
    channel->logs->n_iov = 0;
}

static void batch_add(struct logs *logs, const char *bytes, size_t length)
{
    if (length > 0) logs->iov[logs->n_iov++] = (struct iovec){ (char *)(uintptr_t)bytes, length };
}

/* The beginning of a line, for those who look at it as it passes. */
static void tap_line(struct log_stream *stream, const struct partial *kept, const char *bytes, size_t length)
{
    struct logs *logs = stream->channel->logs;
    size_t first = MIN_OF(kept ? kept->length : 0, sizeof logs->tapped);
    size_t second = MIN_OF(length, sizeof logs->tapped - first);
    bool copied = false;
    for (struct log_tap *tap = logs->taps; tap; tap = tap->next) {
        if (tap->label && (tap->label != stream->label || stream->number <= tap->after)) continue;
        if (!copied && first > 0) memcpy(logs->tapped, kept->bytes, first);
        if (!copied && second > 0) memcpy(logs->tapped + first, bytes, second);
        copied = true;
        tap->line(stream->label, stream->label_length, logs->tapped, first + second, tap->userdata);
    }
}

/* One line, or a piece of one: the part kept from earlier reads, then this one. `has_newline`: the byte behind it. */
static void batch_line(struct log_stream *stream, const struct partial *kept, const char *bytes, size_t length,
                       bool has_newline)
{
    struct logs *logs = stream->channel->logs;
    if (logs->taps && !stream->continued) tap_line(stream, kept, bytes, length);
    if (logs->n_iov + IOV_PER_LINE > IOV_BATCH) batch_end(stream->channel);
    if (stream->continued)
        batch_add(logs, logs->continued_prefix, logs->continued_prefix_length);
    else
        batch_add(logs, logs->prefix, logs->prefix_length);
    if (kept) batch_add(logs, kept->bytes, kept->length);
    batch_add(logs, bytes, length + (has_newline ? 1 : 0));
    if (!has_newline) batch_add(logs, "\n", 1);
}

static int partial_append(struct log_stream *stream, const char *bytes, size_t length)
{
    struct partial *partial = stream->partial;
    size_t have = partial ? partial->length : 0, needed = have + length;
    if (!partial || needed > partial->capacity) {
        size_t capacity = MAX_OF(needed, MIN_OF(PIECE_MAX, 2 * have));
        partial = realloc(partial, sizeof *partial + capacity);
        if (!partial) return -ENOMEM;
        partial->capacity = capacity;
        partial->length = have;
        stream->partial = partial;
    }
    memcpy(partial->bytes + have, bytes, length);
    partial->length = needed;
    return 0;
}

/* Passes on every complete line, and every piece of PIECE_MAX bytes of one that is longer; keeps the rest. */
static void stream_feed(struct log_stream *stream, const char *bytes, size_t length)
{
    struct partial *kept = stream->partial, *spent = NULL; /* spent: in the batch, freed behind it */
    batch_begin(stream->channel->logs, stream);
    while (length > 0) {
        size_t room = PIECE_MAX - (kept ? kept->length : 0);
        const char *newline = memchr(bytes, '\n', MIN_OF(length, room + 1));
        size_t taken = newline ? (size_t)(newline - bytes) : room;
        if (!newline && length <= room) {
            if (partial_append(stream, bytes, length) == 0) break;
            taken = length; /* out of memory: the beginning of the line goes out as a piece of its own */
        }
        batch_line(stream, kept, bytes, taken, newline);
        stream->continued = !newline;
        if (kept) {
            spent = kept;
            kept = stream->partial = NULL;
        }
        taken += newline ? 1 : 0;
        bytes += taken;
        length -= taken;
    }
    batch_end(stream->channel);
    free(spent);
}

/* The last line may lack its newline (K83). */
static void stream_feed_end(struct log_stream *stream)
{
    if (!stream->partial) return;
    batch_begin(stream->channel->logs, stream);
    batch_line(stream, stream->partial, NULL, 0, false);
    batch_end(stream->channel);
    free(stream->partial);
    stream->partial = NULL;
}

/* ---- streams ---- */

static void stream_close(struct log_stream *stream)
{
    struct logs *logs = stream->channel->logs;
    stream_feed_end(stream);
    list_remove(list_of(stream), stream);
    loop_io_remove(logs->loop, &stream->io);
    (void)close(stream->fd); /* nothing can be done about a pipe that does not close */
    if (stream->owns_label) free((char *)(uintptr_t)stream->label);
    free(stream);
    logs->n_streams--;
}

/* A flood from one stream costs the others a bounded part of the round, and from a thousand the loop likewise. */
static size_t read_size(struct logs *logs, const struct log_stream *stream)
{
    if (logs->round != loop_now(logs->loop)) {
        logs->round = loop_now(logs->loop);
        logs->reads_in_last_round = logs->reads_in_round;
        logs->reads_in_round = 0;
    }
    logs->reads_in_round++;
    size_t share = ROUND_BUDGET / MAX_OF(logs->reads_in_last_round, (size_t)1);
    size_t size = MIN_OF(READ_SIZE, MAX_OF(READ_SIZE_MIN, share));
    return MIN_OF(size, EXPANSION_MAX / (stream->label_length + 8U));
}

enum read_result { READ_SOME, READ_NOTHING, READ_END };
static enum read_result stream_read(struct log_stream *stream, size_t size, size_t *ret_length)
{
    struct logs *logs = stream->channel->logs;
    ssize_t n;
    do n = read(stream->fd, logs->buffer, size);
    while (n < 0 && errno == EINTR);
    if (n < 0 && errno == EAGAIN) return READ_NOTHING;
    if (n <= 0) return READ_END;
    *ret_length = (size_t)n;
    stream_feed(stream, logs->buffer, (size_t)n);
    return READ_SOME;
}

static bool may_read(const struct log_channel *channel, bool hung_up)
{
    size_t pending = log_output_pending(&channel->output);
    return pending == 0 || (hung_up && pending < HANGUP_PENDING);
}

static void on_readable(int fd, uint32_t events, void *userdata)
{
    (void)fd;
    struct log_stream *stream = userdata;
    struct log_channel *channel = stream->channel;
    if (!may_read(channel, events & EPOLLHUP)) {
        stream_set_paused(stream, true);
        return;
    }
    size_t length;
    /* Hung up and nothing to read: the pipe is empty, and nobody will write to it. */
    bool is_over = (events & (EPOLLIN | EPOLLHUP)) == EPOLLHUP;
    if (is_over || stream_read(stream, read_size(channel->logs, stream), &length) == READ_END) stream_close(stream);
    if (log_output_pending(&channel->output) == 0) resume_some(channel, 2);
}

/* Paused streams are not told of their end. While the destination is blocked, each new stream looks after some old
 * ones, so that a unit that restarts all the time does not use up the descriptors (K89). */
static void sweep_paused(struct log_channel *channel)
{
    for (unsigned i = 0; i < SWEEP_AT_ONCE && channel->paused.first; i++) {
        struct log_stream *stream = channel->paused.first;
        struct pollfd p = { .fd = stream->fd, .events = POLLIN };
        if (poll(&p, 1, 0) > 0 && (p.revents & POLLHUP) && may_read(channel, true)) {
            stream_set_paused(stream, false); /* the loop reports it again, and it is read out */
        } else {
            list_remove(&channel->paused, stream);
            list_append(&channel->paused, stream);
        }
    }
}

/* A pipe that nobody writes to yet. */
static int spare_make(struct log_channel *channel, struct spare *ret)
{
    AUTO_FD struct fd reader = FD_NONE, writer = FD_NONE;
    int r = fd_pipe(0, &reader, &writer);
    if (r < 0) return r;
    /* Ours alone: a child never gets this end, and its own stays blocking. */
    if (fcntl(reader.n, F_SETFL, O_NONBLOCK) < 0) return -errno;
    struct log_stream *stream = malloc(sizeof *stream);
    if (!stream) return -ENOMEM;
    *stream = (struct log_stream){ .channel = channel, .fd = reader.n };
    r = loop_io_add(channel->logs->loop, reader.n, EPOLLIN, LOOP_NORMAL, on_readable, stream, &stream->io);
    if (r < 0) {
        free(stream);
        return r;
    }
    (void)fd_take(&reader); /* the stream's */
    *ret = (struct spare){ stream, fd_take(&writer) };
    return 0;
}

static void spare_drop(struct logs *logs, struct spare *spare)
{
    if (!spare->stream) return;
    loop_io_remove(logs->loop, &spare->stream->io);
    (void)close(spare->stream->fd); /* a pipe that was never used */
    free(TAKE(spare->stream));
    fd_close(&spare->writer);
}

static void keep_label(struct log_stream *stream, const char *label)
{
    for (; stream; stream = stream->next) {
        if (stream->label != label) continue;
        char *copy = strndup(label, stream->label_length);
        stream->owns_label = copy != NULL;
        stream->label = copy ? copy : "";
        if (!copy) stream->label_length = 0;
    }
}

void logs_keep_label(struct logs *logs, const char *label)
{
    for (size_t i = 0; i < COUNT_OF(logs->channels); i++) {
        keep_label(logs->channels[i].open.first, label);
        keep_label(logs->channels[i].paused.first, label);
    }
}

/* ---- our own lines ---- */

static void write_own_line(const char *line, size_t length, void *userdata)
{
    struct logs *logs = userdata;
    for (struct log_tap *tap = logs->taps; tap; tap = tap->next)
        if (!tap->label) tap->line(NULL, 0, line, length - (length > 0 && line[length - 1] == '\n'), tap->userdata);
    log_output_write_own(&logs->by_which[1]->output, line, length);
}

/* With one pipe behind both, half a line that waits for room on one must not be overtaken by the other. */
static bool is_one_file(int a, int b)
{
    struct stat st_a, st_b;
    int flags_a = fcntl(a, F_GETFL), flags_b = fcntl(b, F_GETFL);
    return flags_a >= 0 && flags_b >= 0 && (flags_a & O_ACCMODE) == (flags_b & O_ACCMODE) && fstat(a, &st_a) == 0 &&
           fstat(b, &st_b) == 0 && st_a.st_dev == st_b.st_dev && st_a.st_ino == st_b.st_ino;
}

/* ---- public ---- */

int logs_new(struct loop *loop, struct logs **ret_logs)
{
    return logs_new_on(loop, STDOUT_FILENO, STDERR_FILENO, ret_logs);
}

int logs_new_on(struct loop *loop, int stdout_fd, int stderr_fd, struct logs **ret_logs)
{
    struct logs *logs = malloc(sizeof *logs); /* the buffer stays untouched until there is something to read */
    if (!logs) return -ENOMEM;
    memset(logs, 0, offsetof(struct logs, buffer));
    logs->loop = loop;
    for (int i = 0; i < 2; i++) {
        struct log_channel *channel = &logs->channels[i];
        channel->logs = logs;
        log_output_init(&channel->output, loop, i == 0 ? stdout_fd : stderr_fd, on_drained, channel);
    }
    logs->by_which[0] = &logs->channels[0];
    logs->by_which[1] = is_one_file(stdout_fd, stderr_fd) ? &logs->channels[0] : &logs->channels[1];
    log_set_writer(write_own_line, logs);
    *ret_logs = logs;
    return 0;
}

void logs_free(struct logs *logs)
{
    if (!logs) return;
    for (size_t i = 0; i < COUNT_OF(logs->channels); i++) {
        struct log_channel *channel = &logs->channels[i];
        while (channel->open.first) stream_close(channel->open.first);
        while (channel->paused.first) stream_close(channel->paused.first);
        log_output_done(&channel->output);
    }
    for (size_t i = 0; i < COUNT_OF(logs->spares); i++) spare_drop(logs, &logs->spares[i]);
    log_set_writer(NULL, NULL);
    free(logs);
}

void logs_prepare(struct logs *logs)
{
    for (size_t i = 0; i < COUNT_OF(logs->spares); i++) {
        if (logs->spares[i].stream) continue;
        int r = spare_make(logs->by_which[i], &logs->spares[i]);
        (void)r; /* the start makes it, or tells */
    }
}

int logs_open_stream(struct logs *logs, const char *label, size_t label_length, int which, struct fd *ret_write)
{
    struct log_channel *channel = logs->by_which[which == 2 ? 1 : 0];
    struct spare *spare = &logs->spares[which == 2 ? 1 : 0];
    if (channel->paused.first) sweep_paused(channel);
    int r = spare->stream ? 0 : spare_make(channel, spare);
    if (r < 0) return r;
    struct log_stream *stream = TAKE(spare->stream);
    stream->label = label;
    stream->label_length = (uint16_t)MIN_OF(label_length, (size_t)LABEL_MAX);
    stream->number = ++logs->n_opened;
    list_append(&channel->open, stream);
    logs->n_streams++;
    *ret_write = fd_take(&spare->writer);
    return 0;
}

void logs_tap(struct logs *logs, struct log_tap *tap, bool only_new)
{
    logs_untap(logs, tap);
    tap->after = only_new ? logs->n_opened : 0;
    tap->next = logs->taps;
    logs->taps = tap;
}

void logs_untap(struct logs *logs, struct log_tap *tap)
{
    for (struct log_tap **at = &logs->taps; *at; at = &(*at)->next) {
        if (*at != tap) continue;
        *at = tap->next;
        return;
    }
}

size_t logs_stream_count(const struct logs *logs)
{
    return logs->n_streams;
}

static size_t list_kept_bytes(const struct stream_list *list)
{
    size_t total = 0;
    for (const struct log_stream *s = list->first; s; s = s->next) total += s->partial ? s->partial->length : 0;
    return total;
}

size_t logs_output_pending(const struct logs *logs)
{
    size_t total = 0;
    for (size_t i = 0; i < COUNT_OF(logs->channels); i++) total += log_output_pending(&logs->channels[i].output);
    return total;
}

size_t logs_pending_bytes(const struct logs *logs)
{
    size_t total = 0;
    for (size_t i = 0; i < COUNT_OF(logs->channels); i++) {
        const struct log_channel *channel = &logs->channels[i];
        total += log_output_pending(&channel->output);
        total += list_kept_bytes(&channel->open) + list_kept_bytes(&channel->paused);
    }
    return total;
}

uint64_t logs_lost_bytes(const struct logs *logs)
{
    return logs->channels[0].output.lost_bytes + logs->channels[1].output.lost_bytes;
}

/* What dead processes left in a pipe, and no more than that of one that goes on writing. */
static void stream_flush(struct log_stream *stream)
{
    struct log_channel *channel = stream->channel;
    size_t total = 0, length;
    while (total < FLUSH_MAX && log_output_pending(&channel->output) == 0) {
        switch (stream_read(stream, MIN_OF(READ_SIZE, EXPANSION_MAX / (stream->label_length + 8U)), &length)) {
        case READ_SOME:
            total += length;
            break;
        case READ_NOTHING:
            return;
        case READ_END:
            stream_close(stream);
            return;
        }
    }
}

static void list_flush(struct stream_list *list)
{
    for (struct log_stream *stream = list->first, *next; stream; stream = next) {
        next = stream->next;
        stream_flush(stream);
    }
}

bool logs_flush(struct logs *logs)
{
    for (size_t i = 0; i < COUNT_OF(logs->channels); i++) {
        struct log_channel *channel = &logs->channels[i];
        if (log_output_pending(&channel->output) > 0) log_output_flush(&channel->output);
        list_flush(&channel->paused);
        list_flush(&channel->open);
    }
    return logs->n_streams == 0 && logs_pending_bytes(logs) == 0;
}
