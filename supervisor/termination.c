#include "supervisor/termination.h"

#include "base/fd.h"
#include "base/log.h"
#include "base/str.h"
#include "pid1/reaper.h"
#include "supervisor/file_helper.h"
#include "supervisor/local_path.h"
#include "supervisor/logs.h"
#include "supervisor/manager.h"
#include "supervisor/service.h"
#include "unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RING_SIZE     ((size_t)64 << 10)
#define LINE_MAX_KEPT ((size_t)1024)
/* What may stand in a unit's name (systemd.unit(5)). */
#define UNIT_NAME_BYTES "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:-_.\\@"
#define WRITE_TIMEOUT   (250 * USEC_PER_MSEC)

/* In the ring in front of each line. */
struct record {
    const char *label; /* NULL: one of our own lines */
    size_t length;
};

struct note {
    const char *path;
    bool make; /* it was asked for by name */
    struct str text;
};

struct termination {
    struct manager *manager;
    struct note note;
    struct log_tap tap;
    const struct runtime *decider; /* NULL: no unit */
    const char *label;             /* of its lines; NULL: it prints none */
    bool begun, done;
    struct file_request *request;
    size_t begin, used;
    char ring[RING_SIZE];
};

/* ---- the ring ---- */

static void ring_copy_in(struct termination *t, const void *bytes, size_t length)
{
    size_t at = (t->begin + t->used) % RING_SIZE, first = MIN_OF(length, RING_SIZE - at);
    memcpy(t->ring + at, bytes, first);
    memcpy(t->ring, (const char *)bytes + first, length - first);
    t->used += length;
}

static void ring_copy_out(const struct termination *t, size_t offset, void *bytes, size_t length)
{
    size_t at = (t->begin + offset) % RING_SIZE, first = MIN_OF(length, RING_SIZE - at);
    memcpy(bytes, t->ring + at, first);
    memcpy((char *)bytes + first, t->ring, length - first);
}

static void ring_add(struct termination *t, const char *label, const char *line, size_t length)
{
    struct record record = { label, MIN_OF(length, LINE_MAX_KEPT) };
    while (t->used + sizeof record + record.length > RING_SIZE) {
        struct record oldest;
        ring_copy_out(t, 0, &oldest, sizeof oldest);
        t->begin = (t->begin + sizeof oldest + oldest.length) % RING_SIZE;
        t->used -= sizeof oldest + oldest.length;
    }
    ring_copy_in(t, &record, sizeof record);
    ring_copy_in(t, line, record.length);
}

/* Is it there as a whole name? ba.service is not a.service. */
static bool names(const char *line, size_t length, const char *name)
{
    size_t size = strlen(name);
    const char *end = line + length, *at = line;
    for (; (at = memmem(at, (size_t)(end - at), name, size)); at++) {
        if (at == line || at[-1] == '\0' || !strchr(UNIT_NAME_BYTES, at[-1])) return true;
    }
    return false;
}

/* Of our own lines, those about the unit; without one, those about units that had to be killed. */
static bool is_about(const struct termination *t, const char *label, const char *line, size_t length)
{
    if (label) return label == t->label;
    const char *name = t->decider ? runtime_name(t->decider) : "force-killed";
    return names(line, length, name);
}

static void on_line(const char *label, size_t label_length, const char *line, size_t length, void *userdata)
{
    struct termination *t = userdata;
    (void)label_length;
    if (!t->decider || is_about(t, label, line, length)) ring_add(t, label, line, length);
}

/* ---- the text ---- */

static int append_lines(const struct termination *t, struct str *out)
{
    char line[LINE_MAX_KEPT];
    for (size_t at = 0; at < t->used;) {
        struct record record;
        ring_copy_out(t, at, &record, sizeof record);
        ring_copy_out(t, at + sizeof record, line, record.length);
        at += sizeof record + record.length;
        if (!is_about(t, record.label, line, record.length)) continue;
        int r = str_append_bytes(out, line, record.length);
        if (r == 0) r = str_append_char(out, '\n');
        if (r < 0) return r;
    }
    return 0;
}

/* The first line whole, then as many of the last ones as there is room for. */
static int compose(struct termination *t, int exit_code)
{
    AUTO_STR struct str lines = STR_EMPTY;
    struct str *text = &t->note.text;
    int r = t->decider ? str_appendf(text, "%s failed: %s, exit status %d\n", runtime_name(t->decider),
                                     unit_result_name(t->decider->result), exit_code)
                       : str_appendf(text, "exit status %d\n", exit_code);
    if (r == 0) r = append_lines(t, &lines);
    if (r < 0) return r;
    const char *from = str_text(&lines);
    size_t room = TERMINATION_MAX - MIN_OF(text->length, (size_t)TERMINATION_MAX);
    if (lines.length > room) {
        from += lines.length - room;
        const char *newline = memchr(from, '\n', room);
        if (newline && newline[1] != '\0') from = newline + 1;
    }
    return str_append(text, from);
}

/* ---- writing ---- */

/* A file_task_fn. */
static int write_note(void *argument, struct file_answer *answer)
{
    const struct note *note = argument;
    AUTO_FD struct fd fd = FD_NONE;
    (void)answer;
    int r = fd_openat(AT_FDCWD, note->path, O_WRONLY | O_TRUNC | O_NONBLOCK | (note->make ? O_CREAT : 0), 0644, &fd);
    if (r == 0) r = fd_write_all(fd.n, str_text(&note->text), MIN_OF(note->text.length, (size_t)TERMINATION_MAX));
    return r;
}

static void report(const struct note *note, int r)
{
    if (r == -ENOENT && !note->make) return; /* a default that could not be looked for */
    if (r < 0) log_warning("termination log: %s: %s", note->path, strerror(-r));
}

static void on_written(int r, struct file_answer *answer, void *userdata)
{
    struct termination *t = userdata;
    (void)answer;
    t->request = NULL;
    t->done = true;
    report(&t->note, r);
}

bool termination_write(struct termination *t, int exit_code)
{
    if (!t || exit_code == 0) return true;
    if (t->begun) return t->done;
    t->begun = t->done = true;
    int r = compose(t, exit_code);
    if (r == 0 && !local_path_is(t->note.path)) {
        const struct file_task task = { .run = write_note,
                                        .argument = &t->note,
                                        .keep_fd = -1,
                                        .timeout = WRITE_TIMEOUT,
                                        .done = on_written,
                                        .userdata = t };
        r = file_helper_ask(t->manager->file_helpers, &task, &t->request);
        t->done = r < 0;
    } else if (r == 0) {
        r = write_note(&t->note, NULL);
    }
    report(&t->note, r);
    return t->done;
}

/* A default that lies in a mount of its own, as Kubernetes makes it, is there; it is not touched to find out. */
static bool is_wanted(const char *path)
{
    if (path) return *path != '\0';
    return !local_path_is(TERMINATION_LOG_DEFAULT) || access(TERMINATION_LOG_DEFAULT, F_OK) == 0;
}

int termination_new(struct manager *m, const char *path, struct termination **ret)
{
    *ret = NULL;
    if (!is_wanted(path)) return 0;
    struct termination *t = malloc(sizeof *t); /* the ring stays untouched until there are lines */
    if (!t) return -ENOMEM;
    memset(t, 0, offsetof(struct termination, ring));
    t->manager = m;
    t->note.path = path ? path : TERMINATION_LOG_DEFAULT;
    t->note.make = path != NULL;
    t->tap = (struct log_tap){ .line = on_line, .userdata = t };
    logs_tap(m->logs, &t->tap, false);
    *ret = t;
    return 0;
}

void termination_free(struct termination *t)
{
    if (!t) return;
    logs_untap(t->manager->logs, &t->tap);
    file_helper_cancel(&t->request);
    str_done(&t->note.text);
    free(t);
}

void termination_decided(struct termination *t, const struct runtime *rt)
{
    size_t length;
    if (!t || t->decider) return;
    t->decider = rt;
    if (rt->unit->kind == UNIT_KIND_SERVICE) t->label = unit_log_label(rt->unit, &length);
}

/* ---- without a manager ---- */

static void on_text_written(int r, struct file_answer *answer, void *userdata)
{
    (void)answer;
    *(int *)userdata = r;
}

static int write_text_elsewhere(struct note *note)
{
    AUTO(loop_free) struct loop *loop = NULL;
    AUTO(reaper_free) struct reaper *reaper = NULL;
    AUTO(file_helpers_free) struct file_helpers *helpers = NULL;
    int result = 1, r = loop_new(&loop);
    if (r == 0) r = reaper_new(&reaper);
    if (r == 0) r = file_helpers_new(loop, reaper, &helpers);
    const struct file_task task = { .run = write_note,
                                    .argument = note,
                                    .keep_fd = -1,
                                    .timeout = WRITE_TIMEOUT,
                                    .done = on_text_written,
                                    .userdata = &result };
    if (r == 0) r = file_helper_ask(helpers, &task, NULL);
    while (r == 0 && result > 0) r = loop_wait(loop, true);
    return r < 0 ? r : result;
}

void termination_write_text(const char *path, const char *text)
{
    if (!is_wanted(path)) return;
    struct note note = { .path = path ? path : TERMINATION_LOG_DEFAULT, .make = path != NULL };
    int r = str_append(&note.text, text);
    if (r == 0) r = local_path_is(note.path) ? write_note(&note, NULL) : write_text_elsewhere(&note);
    report(&note, r);
    str_done(&note.text);
}
