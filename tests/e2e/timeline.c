/* tests/e2e/timeline.c - `scripts/timeline [TRACE.jsonl]`: draws a run of container-init from its trace, one row per
 * unit.
 *
 * Reads the records of SEED S66-S68 (docs/TRACE.md). Time runs to the right; a gap in which nothing happened takes room
 * by its logarithm only, so that both the boot's milliseconds and the minutes between are seen. */
#include "base/fd.h"
#include "base/json.h"
#include "base/vec.h"
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_WIDTH 24

enum kind { KIND_RUN, KIND_END, KIND_END_FAILED, KIND_LISTEN, KIND_CONNECT, KIND_MARK, KIND_OTHER };

struct event {
    double at; /* milliseconds of the wall clock */
    size_t row;
    enum kind kind;
    char mark;
};

struct timeline {
    VEC(char *) rows; /* unit names */
    VEC(struct event) events;
    VEC(double) times; /* when something happened, sorted, each once */
    double stop;       /* when the stop was asked for; 0: never */
    int width;
};

/* clang-format off */
static const struct { const char *phase; enum kind kind; char mark; } phases[] = {
    { "spawn",             KIND_RUN,     0   },
    { "exited",            KIND_END,     0   },
    { "bound",             KIND_LISTEN,  0   },
    { "first_connect",     KIND_CONNECT, 'C' },
    { "rearmed",           KIND_MARK,    'L' },
    { "skipped",           KIND_MARK,    's' },
    { "bind_failed",       KIND_MARK,    '!' },
    { "socket_failed",     KIND_MARK,    '!' },
    { "start_failed",      KIND_MARK,    '!' },
    { "dependency_failed", KIND_MARK,    '-' },
    { "start_limit_hit",   KIND_MARK,    '!' },
};
/* clang-format on */

static size_t row_of(struct timeline *t, const char *unit)
{
    for (size_t i = 0; i < t->rows.count; i++)
        if (strcmp(t->rows.items[i], unit) == 0) return i;
    char *copy = strdup(unit);
    if (copy && vec_push(&t->rows, copy) == 0) return t->rows.count - 1;
    free(copy);
    abort();
}

static void add_record(struct timeline *t, const struct json_value *record)
{
    const char *phase = json_get_string(record, "phase"), *unit = json_get_string(record, "unit");
    int64_t start = 0, length = 0;
    bool failed = false;
    if (!phase || json_get_i64(record, "t_start_ms", &start) < 0) return;
    IGNORE_RESULT(json_get_i64(record, "dt_ms", &length)); /* absent: a point in time */
    double at = (double)start, end = (double)(start + length);
    if (strcmp(phase, "signal_received") == 0 && t->stop == 0) t->stop = end;
    for (size_t i = 0; unit && i < COUNT_OF(phases); i++) {
        if (strcmp(phases[i].phase, phase) != 0) continue;
        struct event e = { end, row_of(t, unit), phases[i].kind, phases[i].mark };
        if (e.kind == KIND_RUN) e.at = at;
        bool known = json_get_bool(record, "failed", &failed) == 0;
        if (e.kind == KIND_END && known && failed) e.kind = KIND_END_FAILED;
        if (vec_push(&t->events, e) < 0) abort();
        at = e.at;
    }
    if (strcmp(phase, "mem_snapshot") != 0 && vec_push(&t->times, at) < 0) abort();
}

static int compare_times(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static void sort_times(struct timeline *t)
{
    size_t n = 0;
    if (t->stop != 0 && vec_push(&t->times, t->stop) < 0) abort();
    qsort(t->times.items, t->times.count, sizeof *t->times.items, compare_times);
    for (size_t i = 0; i < t->times.count; i++)
        if (n == 0 || t->times.items[i] > t->times.items[n - 1]) t->times.items[n++] = t->times.items[i];
    t->times.count = n;
}

/* The room that all gaps up to `at` take, in arbitrary units. */
static double room_until(const struct timeline *t, double at)
{
    double room = 0;
    for (size_t i = 1; i < t->times.count && t->times.items[i] <= at; i++)
        room += log2(1 + (t->times.items[i] - t->times.items[i - 1]));
    return room;
}

static int column(const struct timeline *t, double at)
{
    double all = room_until(t, t->times.items[t->times.count - 1]);
    return all > 0 ? (int)lround(room_until(t, at) / all * (t->width - 1)) : 0;
}

/* Draws from `from` to just before `to` over blanks and listening only. */
static void fill(char *line, int from, int to, char c)
{
    for (int i = from; i <= to; i++)
        if (line[i] == ' ' || line[i] == '.') line[i] = c;
}

static void draw_row(const struct timeline *t, size_t row, char *line)
{
    int running = -1, listening = -1;
    memset(line, ' ', (size_t)t->width);
    line[t->width] = '\0';
    for (size_t i = 0; i < t->events.count; i++) {
        const struct event *e = &t->events.items[i];
        if (e->row != row) continue;
        int at = column(t, e->at);
        switch (e->kind) {
        case KIND_RUN:
            running = at;
            line[at] = '>';
            break;
        case KIND_END:
        case KIND_END_FAILED:
            fill(line, running < 0 ? at : running, at, '=');
            line[at] = e->kind == KIND_END ? 'o' : 'x';
            running = -1;
            break;
        case KIND_LISTEN:
            listening = at;
            break;
        case KIND_CONNECT:
        case KIND_MARK:
            line[at] = e->mark;
            break;
        case KIND_OTHER:
            break;
        }
    }
    if (running >= 0) fill(line, running, t->width - 1, '=');
    if (listening >= 0) fill(line, listening, t->stop > 0 ? column(t, t->stop) : t->width - 1, '.');
}

/* Times in milliseconds since the start, as many as there is room for. */
static void draw_axis(const struct timeline *t)
{
    (void)printf("%-*s ", NAME_WIDTH, "ms since the start");
    int used = 0;
    for (size_t i = 0; i < t->times.count; i++) {
        char label[32];
        int n = snprintf(label, sizeof label, "%.0f", t->times.items[i] - t->times.items[0]);
        int at = column(t, t->times.items[i]);
        bool is_last = i + 1 == t->times.count, leaves_room = at + n + 8 < t->width;
        if (at < used + (used > 0) || (!is_last && !leaves_room && i > 0)) continue;
        if (at + n > t->width) at = t->width - n;
        (void)printf("%*s%s", at - used, "", label);
        used = at + n;
    }
    (void)putchar('\n');
}

static void draw(const struct timeline *t)
{
    char *line = malloc((size_t)t->width + 1);
    if (!line) abort();
    draw_axis(t);
    int stop = t->stop > 0 ? column(t, t->stop) : -1;
    for (size_t row = 0; row < t->rows.count; row++) {
        draw_row(t, row, line);
        if (stop >= 0 && line[stop] == ' ') line[stop] = ':';
        (void)printf("%-*.*s %s\n", NAME_WIDTH, NAME_WIDTH, t->rows.items[row], line);
    }
    free(line);
    (void)puts("\n> = running   o ended   x failed   . listening   C first connection   L listening again\n"
               "- a requirement failed   s skipped   ! could not start   : the stop was asked for");
}

static void read_trace(struct timeline *t, char *text)
{
    for (char *next, *line = text; line && *line; line = next) {
        next = strchr(line, '\n');
        if (next) *next++ = '\0';
        struct json_value *record = NULL;
        char *error = NULL;
        if (json_parse(line, strlen(line), &record, &error) == 0)
            add_record(t, record);
        else
            (void)fprintf(stderr, "timeline: not a record (%s): %s\n", error ? error : "?", line);
        free(error);
        json_free(record);
    }
}

int main(int argc, char **argv)
{
    struct timeline t = { .rows = VEC_EMPTY, .events = VEC_EMPTY, .times = VEC_EMPTY };
    const char *columns = getenv("COLUMNS");
    long width = columns ? strtol(columns, NULL, 10) : 0;
    t.width = (width < 60 || width > 300 ? 120 : (int)width) - NAME_WIDTH - 2;
    char *text = NULL;
    size_t size;
    if (argc != 2) {
        (void)fputs("usage: timeline TRACE.jsonl\n", stderr);
        return 2;
    }
    int r = file_read(AT_FDCWD, argv[1], 256U << 20, &text, &size);
    if (r < 0) {
        (void)fprintf(stderr, "timeline: %s: %s\n", argv[1], strerror(-r));
        return 1;
    }
    read_trace(&t, text);
    free(text);
    if (t.times.count == 0) {
        (void)fprintf(stderr, "timeline: %s holds no records\n", argv[1]);
        return 1;
    }
    sort_times(&t);
    draw(&t);
    for (size_t i = 0; i < t.rows.count; i++) free(t.rows.items[i]);
    vec_done(&t.rows);
    vec_done(&t.events);
    vec_done(&t.times);
    return 0;
}
