/* tests/e2e/harness_wait.c - taking in output, trace and files, and waiting for what a test expects of them. */
#include "tests/e2e/harness_internal.h"
#include "base/fd.h"
#include "base/json.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define DEADLINE_S 120 /* of what takes milliseconds: only what hangs, and no slow machine, reaches it */

usec_t scene_now(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (usec_t)now.tv_sec * USEC_PER_SEC + (usec_t)now.tv_nsec / 1000;
}

usec_t scene_deadline(void)
{
    const char *given = getenv("E2E_DEADLINE_S");
    return scene_now() + (usec_t)(given ? strtoul(given, NULL, 10) : DEADLINE_S) * USEC_PER_SEC;
}

/* ---- taking in ---- */

static void take_output(struct scene *scene, int *fd, struct str *own)
{
    char buffer[65536];
    while (*fd >= 0 && !scene->hold_output) {
        ssize_t n = read(*fd, buffer, sizeof buffer);
        if (n < 0) return;
        if (n == 0) {
            close(*fd);
            *fd = -1;
            return;
        }
        assert_int_equal(str_append_bytes(own, buffer, (size_t)n), 0);
        assert_int_equal(str_append_bytes(&scene->log, buffer, (size_t)n), 0);
    }
}

static void take_record(struct scene *scene, const char *line, size_t length)
{
    struct json_value *record = NULL;
    char *error = NULL;
    if (json_parse(line, length, &record, &error) < 0)
        scene_fail(scene, "a trace record is not JSON (%s): %.*s", error ? error : "?", (int)length, line);
    assert_int_equal(vec_push(&scene->records, record), 0);
}

static void take_trace(struct scene *scene)
{
    char buffer[65536];
    if (scene->trace_fd < 0 && scene->box && box_shared(scene->box) >= 0)
        scene->trace_fd = openat(box_shared(scene->box), "trace.jsonl", O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    for (ssize_t n; scene->trace_fd >= 0 && (n = read(scene->trace_fd, buffer, sizeof buffer)) > 0;) {
        const char *at = buffer, *end = buffer + n, *newline;
        while ((newline = memchr(at, '\n', (size_t)(end - at)))) {
            assert_int_equal(str_append_bytes(&scene->trace_tail, at, (size_t)(newline - at)), 0);
            take_record(scene, str_text(&scene->trace_tail), scene->trace_tail.length);
            str_clear(&scene->trace_tail);
            at = newline + 1;
        }
        assert_int_equal(str_append_bytes(&scene->trace_tail, at, (size_t)(end - at)), 0);
    }
}

void scene_take_in(struct scene *scene)
{
    char events[4096];
    if (scene->box && !scene->ended) {
        scene->ended = box_wait(scene->box, 0, &scene->exit_code) == 0;
    }
    while (scene->inotify_fd >= 0 && read(scene->inotify_fd, events, sizeof events) > 0) continue;
    take_output(scene, &scene->stdout_fd, &scene->out);
    take_output(scene, &scene->stderr_fd, &scene->err);
    take_trace(scene);
}

bool scene_pump(struct scene *scene, usec_t deadline, int extra)
{
    usec_t now = scene_now();
    if (now >= deadline) return false;
    struct pollfd fds[] = {
        { .fd = scene->hold_output ? -1 : scene->stdout_fd, .events = POLLIN },
        { .fd = scene->hold_output ? -1 : scene->stderr_fd, .events = POLLIN },
        { .fd = scene->inotify_fd, .events = POLLIN },
        { .fd = scene->box && !scene->ended ? box_pidfd(scene->box) : -1, .events = POLLIN },
        { .fd = extra, .events = POLLIN },
    };
    int n = poll(fds, COUNT_OF(fds), (int)((deadline - now) / USEC_PER_MSEC) + 1);
    if (n < 0 && errno != EINTR) fail_msg("poll: %s", strerror(errno));
    scene_take_in(scene);
    return true;
}

/* ---- failing ---- */

void scene_dump(struct scene *scene)
{
    (void)fprintf(stderr, "---- log:\n%s", str_text(&scene->log));
    (void)fprintf(stderr, "---- trace, %zu records:\n", scene->records.count);
    for (size_t i = 0; i < scene->records.count; i++) {
        char *text = json_print(scene->records.items[i], 0);
        (void)fprintf(stderr, "%s\n", text ? text : "?");
        free(text);
    }
    if (scene->ended)
        (void)fprintf(stderr, "---- container-init has left with %d\n", scene->exit_code);
    else
        (void)fprintf(stderr, "---- container-init is %s\n", scene->box ? "running" : "not started");
}

void scene_fail(struct scene *scene, const char *fmt, ...)
{
    char text[2048];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    scene_dump(scene);
    scene_end(scene);
    fail_msg("%s", text);
    abort(); /* fail_msg() does not return, but is not declared so */
}

static bool is_over(const struct scene *scene)
{
    return scene->ended && (scene->hold_output || (scene->stdout_fd < 0 && scene->stderr_fd < 0));
}

bool scene_settle(struct scene *scene, bool (*done)(struct scene *scene, void *userdata), void *userdata)
{
    usec_t deadline = scene_deadline();
    if (scene->box) scene_take_in(scene);
    while (!done(scene, userdata))
        if (!scene->box || is_over(scene) || !scene_pump(scene, deadline, -1)) return false;
    return true;
}

void scene_wait(struct scene *scene, bool (*done)(struct scene *scene, void *userdata), void *userdata,
                const char *what)
{
    if (scene_settle(scene, done, userdata)) return;
    scene_fail(scene, is_over(scene) ? "container-init has left; waited for %s" : "waited in vain for %s", what);
}

/* ---- trace ---- */

#define FIELDS_MAX 8

/* What a record must have. */
struct pattern {
    const char *phase, *unit;
    const char *keys[FIELDS_MAX], *values[FIELDS_MAX];
    size_t n_fields, nth;
};

static struct pattern read_pattern(size_t nth, const char *phase, const char *unit, va_list ap)
{
    struct pattern p = { .phase = phase, .unit = unit, .nth = nth };
    for (const char *key; (key = va_arg(ap, const char *));) {
        assert_true(p.n_fields < FIELDS_MAX);
        p.keys[p.n_fields] = key;
        p.values[p.n_fields++] = va_arg(ap, const char *);
    }
    return p;
}

static bool field_is(const struct json_value *record, const char *key, const char *want)
{
    char text[32];
    int64_t number;
    bool flag;
    const char *got = json_get_string(record, key);
    if (!got && json_get_i64(record, key, &number) == 0) {
        (void)snprintf(text, sizeof text, "%lld", (long long)number);
        got = text;
    }
    if (!got && json_get_bool(record, key, &flag) == 0) got = flag ? "true" : "false";
    return got && strcmp(got, want) == 0;
}

static bool matches(const struct json_value *record, const struct pattern *p)
{
    if (!field_is(record, "phase", p->phase)) return false;
    if (p->unit && !field_is(record, "unit", p->unit)) return false;
    for (size_t i = 0; i < p->n_fields; i++)
        if (!field_is(record, p->keys[i], p->values[i])) return false;
    return true;
}

/* Index of the nth match, or SIZE_MAX; *ret_count (may be NULL) gets the number of matches looked at. */
static size_t find(const struct scene *scene, const struct pattern *p, size_t *ret_count)
{
    size_t count = 0;
    for (size_t i = 0; i < scene->records.count; i++) {
        if (!matches(scene->records.items[i], p) || ++count != p->nth) continue;
        if (ret_count) *ret_count = count;
        return i;
    }
    if (ret_count) *ret_count = count;
    return SIZE_MAX;
}

static bool event_is_there(struct scene *scene, void *userdata)
{
    return find(scene, userdata, NULL) != SIZE_MAX;
}

static const struct json_value *wait_pattern(struct scene *scene, struct pattern *p)
{
    char what[512];
    int n = snprintf(what, sizeof what, "event %zu of phase %s, unit %s", p->nth, p->phase, p->unit ? p->unit : "any");
    for (size_t i = 0; i < p->n_fields && n > 0 && (size_t)n < sizeof what; i++)
        n += snprintf(what + n, sizeof what - (size_t)n, ", %s=%s", p->keys[i], p->values[i]);
    scene_wait(scene, event_is_there, p, what);
    return scene->records.items[find(scene, p, NULL)];
}

const struct json_value *scene_wait_event(struct scene *scene, const char *phase, const char *unit, ...)
{
    va_list ap;
    va_start(ap, unit);
    struct pattern p = read_pattern(1, phase, unit, ap);
    va_end(ap);
    return wait_pattern(scene, &p);
}

const struct json_value *scene_wait_nth_event(struct scene *scene, size_t n, const char *phase, const char *unit, ...)
{
    va_list ap;
    va_start(ap, unit);
    struct pattern p = read_pattern(n, phase, unit, ap);
    va_end(ap);
    return wait_pattern(scene, &p);
}

size_t scene_count_events(struct scene *scene, const char *phase, const char *unit, ...)
{
    va_list ap;
    size_t count;
    va_start(ap, unit);
    struct pattern p = read_pattern(SIZE_MAX, phase, unit, ap);
    va_end(ap);
    scene_take_in(scene);
    (void)find(scene, &p, &count);
    return count;
}

size_t scene_event_position(struct scene *scene, const char *phase, const char *unit, ...)
{
    va_list ap;
    va_start(ap, unit);
    struct pattern p = read_pattern(1, phase, unit, ap);
    va_end(ap);
    scene_take_in(scene);
    return find(scene, &p, NULL);
}

size_t scene_record_count(struct scene *scene)
{
    scene_take_in(scene);
    return scene->records.count;
}

const struct json_value *scene_record(struct scene *scene, size_t index)
{
    return scene->records.items[index];
}

/* ---- output ---- */

static bool log_has(struct scene *scene, void *userdata)
{
    return strstr(str_text(&scene->log), userdata) != NULL;
}

void scene_wait_log(struct scene *scene, const char *substring)
{
    char what[512];
    (void)snprintf(what, sizeof what, "\"%s\" in the log", substring);
    scene_wait(scene, log_has, (void *)(uintptr_t)substring, what); /* log_has() only reads it */
}

bool scene_log_has(struct scene *scene, const char *substring)
{
    return strstr(scene_log(scene), substring) != NULL;
}

const char *scene_log(struct scene *scene)
{
    scene_take_in(scene);
    return str_text(&scene->log);
}

const char *scene_stdout(struct scene *scene)
{
    scene_take_in(scene);
    return str_text(&scene->out);
}

const char *scene_stderr(struct scene *scene)
{
    scene_take_in(scene);
    return str_text(&scene->err);
}

void scene_hold_output(struct scene *scene, bool hold)
{
    scene->hold_output = hold;
}

/* ---- /scene ---- */

const char *scene_path(struct scene *scene, const char *name, char *buffer)
{
    (void)snprintf(buffer, PATH_MAX, "/proc/self/fd/%d/%s", box_shared(scene->box), name);
    return buffer;
}

char *scene_read(struct scene *scene, const char *name)
{
    char *text = NULL;
    size_t size;
    int r = file_read(box_shared(scene->box), name, 16 << 20, &text, &size);
    if (r < 0 && r != -ENOENT) scene_fail(scene, "/scene/%s: %s", name, strerror(-r));
    return text;
}

struct file_wait {
    const char *name, *substring;
};

static bool file_has(struct scene *scene, void *userdata)
{
    const struct file_wait *wait = userdata;
    char *text = scene_read(scene, wait->name);
    bool found = text && strstr(text, wait->substring);
    free(text);
    return found;
}

void scene_wait_file(struct scene *scene, const char *name, const char *substring)
{
    char what[512];
    struct file_wait wait = { name, substring };
    (void)snprintf(what, sizeof what, "\"%s\" in /scene/%s", substring, name);
    scene_wait(scene, file_has, &wait, what);
}

char *scene_report(struct scene *scene, const char *name, const char *key)
{
    char *text = scene_read(scene, name), *value = NULL;
    size_t length = strlen(key);
    for (const char *line = text; line && *line && !value; line += *line == '\n') {
        size_t n = strcspn(line, "\n");
        if (n > length && line[length] == '=' && strncmp(line, key, length) == 0)
            value = strndup(line + length + 1, n - length - 1);
        line += n;
    }
    free(text);
    return value;
}

/* ---- connections ---- */

int scene_connect(struct scene *scene, const char *address)
{
    int fd = -1, r = box_connect(scene->box, address, 0, 0, &fd);
    if (r < 0) scene_fail(scene, "connect to %s: %s", address, strerror(-r));
    (void)fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

void scene_send(struct scene *scene, int fd, const char *text)
{
    int r = fd_write_all(fd, text, strlen(text));
    if (r < 0) scene_fail(scene, "send: %s", strerror(-r));
}

struct str scene_receive(struct scene *scene, int fd, const char *substring)
{
    struct str text = STR_EMPTY;
    usec_t deadline = scene_deadline();
    while (!substring || !strstr(str_text(&text), substring)) {
        char buffer[4096];
        ssize_t n = read(fd, buffer, sizeof buffer);
        if (n > 0) {
            assert_int_equal(str_append_bytes(&text, buffer, (size_t)n), 0);
        } else if (n == 0 && !substring) {
            break;
        } else if (n == 0 || errno != EAGAIN || !scene_pump(scene, deadline, fd)) {
            scene_fail(scene, "%s; received \"%s\", expected \"%s\"", n == 0 ? "the connection ended" : strerror(errno),
                       str_text(&text), substring ? substring : "the end");
        }
    }
    return text;
}
