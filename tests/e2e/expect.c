#include "tests/e2e/expect.h"
#include "tests/e2e/harness_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

/* What is expected may come a moment later than what the test waited for: a file is there before what is written to it,
 * a program's words come by another way than its end. So it is waited for; what is there instead is told in the end. */
struct expectation {
    const char *name, *key, *want;
};

static bool report_is(struct scene *scene, void *userdata)
{
    const struct expectation *e = userdata;
    char *got = scene_report(scene, e->name, e->key);
    bool same = !got == !e->want && (!got || strcmp(got, e->want) == 0);
    free(got);
    return same;
}

static bool file_is(struct scene *scene, void *userdata)
{
    const struct expectation *e = userdata;
    char *got = scene_read(scene, e->name);
    bool same = got && strcmp(got, e->want) == 0;
    free(got);
    return same;
}

static bool log_is(struct scene *scene, void *userdata)
{
    const struct expectation *e = userdata;
    return scene_log_has(scene, e->want);
}

void expect_report(struct scene *scene, const char *name, const char *key, const char *want)
{
    struct expectation e = { name, key, want };
    scene_wait_file(scene, name, "");
    (void)scene_settle(scene, report_is, &e);
    char *got = scene_report(scene, name, key);
    if (!got != !want || (got && strcmp(got, want) != 0))
        scene_fail(scene, "%s: %s is \"%s\", expected \"%s\"", name, key, got ? got : "(none)", want ? want : "(none)");
    free(got);
}

void expect_file(struct scene *scene, const char *name, const char *want)
{
    struct expectation e = { name, NULL, want };
    (void)scene_settle(scene, file_is, &e);
    char *got = scene_read(scene, name);
    if (!got || strcmp(got, want) != 0)
        scene_fail(scene, "/scene/%s holds \"%s\", expected \"%s\"", name, got ? got : "(nothing)", want);
    free(got);
}

void expect_log(struct scene *scene, const char *text)
{
    struct expectation e = { NULL, NULL, text };
    if (!scene_settle(scene, log_is, &e)) scene_fail(scene, "the log has no \"%s\"", text);
}

void expect_no_log(struct scene *scene, const char *text)
{
    if (scene_log_has(scene, text)) scene_fail(scene, "the log has \"%s\"", text);
}

void expect_order(struct scene *scene, const char *first, const char *unit1, const char *second, const char *unit2)
{
    (void)scene_wait_event(scene, second, unit2, NULL);
    size_t a = scene_event_position(scene, first, unit1, NULL), b = scene_event_position(scene, second, unit2, NULL);
    if (a == SIZE_MAX || b == SIZE_MAX || a > b)
        scene_fail(scene, "%s of %s (%zd) does not come before %s of %s (%zd)", first, unit1, (ssize_t)a, second, unit2,
                   (ssize_t)b);
}

void expect_stop(struct scene *scene, int status)
{
    scene_stop(scene, SIGTERM);
    int got = scene_exit_code(scene);
    if (got != status) scene_fail(scene, "left with %d, expected %d", got, status);
}

void expect_validate(struct scene *scene, const char *option, int status, const char *text)
{
    char units[256], drop_in[256];
    (void)snprintf(units, sizeof units, "%s/units", scene_dir(scene));
    (void)snprintf(drop_in, sizeof drop_in, "%s/drop-in", scene_dir(scene));
    const char *const args[] = { "--validate", "--units", units, "--drop-in", drop_in, option, NULL };
    struct str output = STR_EMPTY;
    int got = scene_run(scene, args, &output);
    if (got != status || (text && !strstr(str_text(&output), text)))
        scene_fail(scene, "--validate left with %d, expected %d and \"%s\"; it said:\n%s", got, status,
                   text ? text : "", str_text(&output));
    str_done(&output);
}

void scene_touch(struct scene *scene, const char *name)
{
    int fd = openat(box_shared(scene->box), name, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0) scene_fail(scene, "/scene/%s cannot be made", name);
    close(fd);
}

void expect_hang_up(struct scene *s, int fd)
{
    char byte;
    usec_t deadline = scene_deadline();
    for (;;) {
        ssize_t n = read(fd, &byte, 1);
        if (n == 0 || (n < 0 && errno == ECONNRESET)) break;
        if (n > 0 || errno != EAGAIN || !scene_pump(s, deadline, fd)) scene_fail(s, "the connection was not closed");
    }
    close(fd);
}
