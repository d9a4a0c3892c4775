/* tests/e2e/life.h - what the tests of starting, stopping and restarting share. */
#pragma once
#include "base/fd.h"
#include "base/json.h"
#include "tests/e2e/harness_internal.h"
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ACTOR "/usr/local/bin/actor"

/* Where a run takes place: the same tests with a leaf per unit, and as under a default Docker, where nothing below
 * /sys/fs/cgroup can be written and processes are found by their mark. */
struct place {
    const char *label;
    enum box_cgroup cgroup;
    bool docker_caps;
};
static const struct place with_leaves = { "with cgroups", BOX_CGROUP_PRIVATE, false };
static const struct place without_leaves = { "without a writable cgroup", BOX_CGROUP_READ_ONLY, true };

/* Two entries of a table of tests; *state is the place. */
#define IN_BOTH_PLACES(test)                                                                                           \
    { #test ", with cgroups", test, NULL, NULL, (void *)(uintptr_t)&with_leaves },                                     \
    {                                                                                                                  \
#test ", without a writable cgroup", test, NULL, NULL, (void *)(uintptr_t)&without_leaves                      \
    }

static inline struct scene_spec life_spec(void **state)
{
    struct scene_spec spec = SCENE_SPEC_DEFAULT;
    const struct place *place = *state;
    if (place) {
        spec.box.cgroup = place->cgroup;
        spec.box.docker_caps = place->docker_caps;
    }
    return spec;
}

static inline void life_boot(struct scene *s, void **state)
{
    struct scene_spec spec = life_spec(state);
    scene_boot(s, &spec);
}

/* Boots with further arguments, NULL-terminated. */
static inline void life_boot_with(struct scene *s, void **state, const char *const *args)
{
    struct scene_spec spec = life_spec(state);
    for (size_t i = 0; args[i]; i++) spec.args[i] = args[i];
    scene_boot(s, &spec);
}
#define BOOT_WITH(s, state, ...) life_boot_with((s), (state), (const char *const[]){ __VA_ARGS__, NULL })

/* A whole run that ends by itself; its exit status. */
static inline int life_run(struct scene *s, void **state)
{
    life_boot(s, state);
    return scene_exit_code(s);
}

static inline void life_wait_state(struct scene *s, const char *unit, const char *sub)
{
    (void)scene_wait_event(s, "unit_state", unit, "sub", sub, NULL);
}

/* Does the process whose number (in the box) is the last line of /scene/NAME run? A zombie does not. */
static inline bool life_is_alive(struct scene *s, const char *name)
{
    char path[PATH_MAX], proc[64], *text = scene_read(s, name), *stat = NULL;
    size_t size = 0;
    if (!text || !*text) scene_fail(s, "no pid in /scene/%s", name);
    text[strcspn(text, "\n")] = '\0';
    (void)snprintf(proc, sizeof proc, "/proc/%s/stat", text);
    free(text);
    if (file_read(AT_FDCWD, box_path(scene_box(s), proc, path), 4096, &stat, &size) < 0) return false;
    const char *after_name = strrchr(stat, ')');
    bool alive = after_name && after_name[2] != 'Z' && after_name[2] != 'X';
    free(stat);
    return alive;
}

static inline void life_expect_alive(struct scene *s, const char *name, bool alive)
{
    if (life_is_alive(s, name) != alive)
        scene_fail(s, "the process of /scene/%s is %s", name, alive ? "gone" : "alive");
}

/* What the unit's state records say it went through, joined by blanks, such as "start running stop-sigterm dead". */
static inline struct str life_path(struct scene *s, const char *unit)
{
    struct str got = STR_EMPTY;
    for (size_t i = 0; i < scene_record_count(s); i++) {
        const struct json_value *r = scene_record(s, i);
        const char *phase = json_get_string(r, "phase"), *name = json_get_string(r, "unit");
        if (!phase || !name || strcmp(phase, "unit_state") != 0 || strcmp(name, unit) != 0) continue;
        assert_int_equal(str_appendf(&got, "%s%s", got.length ? " " : "", json_get_string(r, "sub")), 0);
    }
    return got;
}

/* What a unit went through, or a file's content. */
struct life_expected {
    const char *name, *want;
};

/* It is what it has to be, or cannot become that any more. */
static inline bool life_path_is_decided(struct scene *s, void *userdata)
{
    const struct life_expected *e = userdata;
    struct str got = life_path(s, e->name);
    bool decided = strncmp(str_text(&got), e->want, got.length) != 0 || strcmp(str_text(&got), e->want) == 0;
    str_done(&got);
    return decided;
}

/* Waits for the last of it: an answer of PID 1 may be here before the record is. */
static inline void life_expect_path(struct scene *s, const char *unit, const char *want)
{
    struct life_expected e = { unit, want };
    (void)scene_settle(s, life_path_is_decided, &e);
    struct str got = life_path(s, unit);
    bool same = strcmp(str_text(&got), want) == 0;
    if (!same) (void)fprintf(stderr, "%s went through \"%s\", expected \"%s\"\n", unit, str_text(&got), want);
    str_done(&got);
    if (!same) scene_fail(s, "%s took another way", unit);
}

/* Number of records with that phase and unit; the run should have ended, or the test waited for what bounds them. */
static inline void life_expect_count(struct scene *s, size_t want, const char *phase, const char *unit)
{
    /* What a program says may be here before the record of its start is. */
    if (scene_count_events(s, phase, unit, NULL) < want) (void)scene_wait_nth_event(s, want, phase, unit, NULL);
    size_t got = scene_count_events(s, phase, unit, NULL);
    if (got != want) scene_fail(s, "%zu records %s of %s, expected %zu", got, phase, unit ? unit : "any", want);
}

/* The trace has `first` of one unit before `second` of another. */
static inline void life_expect_states_in_order(struct scene *s, const char *first, const char *first_sub,
                                               const char *second, const char *second_sub)
{
    (void)scene_wait_event(s, "unit_state", second, "sub", second_sub, NULL);
    size_t a = scene_event_position(s, "unit_state", first, "sub", first_sub, NULL);
    size_t b = scene_event_position(s, "unit_state", second, "sub", second_sub, NULL);
    if (a == SIZE_MAX || b == SIZE_MAX || a > b)
        scene_fail(s, "%s %s (%zd) does not come before %s %s (%zd)", first, first_sub, (ssize_t)a, second, second_sub,
                   (ssize_t)b);
}

/* /usr/local/bin/verdict NAME...: adds "NAME alive" or "NAME gone" to /scene/verdict for each pid in /scene/NAME. */
static inline void life_verdict(struct scene *s)
{
    scene_file(s, "/usr/local/bin/verdict", 0755,
               "#!/bin/sh\n"
               "for name; do for pid in $(cat /scene/$name); do\n"
               "  if [ -n \"$(tr -d '\\0' 2>/dev/null < /proc/$pid/cmdline)\" ]; then echo $name alive; else echo "
               "$name gone; fi\n"
               "done; done >> /scene/verdict\n");
}

static inline bool life_file_is(struct scene *s, void *userdata)
{
    const struct life_expected *e = userdata;
    char *got = scene_read(s, e->name);
    bool same = got && strcmp(got, e->want) == 0;
    free(got);
    return same;
}

/* Waits for it: a file is there before what is written to it. */
static inline void life_expect_file(struct scene *s, const char *name, const char *want)
{
    struct life_expected e = { name, want };
    (void)scene_settle(s, life_file_is, &e);
    char *got = scene_read(s, name);
    bool same = got && strcmp(got, want) == 0;
    if (!same) (void)fprintf(stderr, "/scene/%s is \"%s\", expected \"%s\"\n", name, got ? got : "not there", want);
    free(got);
    if (!same) scene_fail(s, "/scene/%s has other content", name);
}

static inline void life_expect_log(struct scene *s, const char *text, bool there)
{
    if (there) scene_wait_log(s, text);
    if (scene_log_has(s, text) != there) scene_fail(s, "the log has %s\"%s\"", there ? "no " : "", text);
}

/* Makes /scene/NAME, for a service that waits for it. */
static inline void life_touch(struct scene *s, const char *name)
{
    char path[PATH_MAX];
    int fd = open(scene_path(s, name, path), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0) scene_fail(s, "/scene/%s cannot be made", name);
    close(fd);
}

/* Sends a signal to the unit's main process, as `docker exec ... kill` does: nobody asked for a stop. */
static inline void life_signal_unit(struct scene *s, const char *unit, const char *signal)
{
    uint64_t pid = 0;
    char script[64];
    assert_int_equal(json_get_u64(scene_wait_event(s, "spawn", unit, NULL), "pid", &pid), 0);
    (void)snprintf(script, sizeof script, "kill -%s %llu", signal, (unsigned long long)pid);
    const char *const argv[] = { "/bin/sh", "-c", script, NULL };
    assert_int_equal(scene_exec(s, argv, NULL), 0);
}

/* A unit that a connection to /run/stop-NAME starts, and which stops NAME.service: there is no other way yet to stop
 * one unit of a running container. */
static inline void life_stopper(struct scene *s, const char *name)
{
    char unit[128], text[512];
    (void)snprintf(unit, sizeof unit, "stop-%s.socket", name);
    (void)snprintf(text, sizeof text, "[Socket]\nListenStream=/run/stop-%s\n", name);
    scene_unit(s, unit, text);
    (void)snprintf(unit, sizeof unit, "stop-%s.service", name);
    (void)snprintf(text, sizeof text,
                   "[Unit]\nConflicts=%s.service\nAfter=%s.service\n[Service]\nExecStart=" ACTOR " sleep\n", name,
                   name);
    scene_unit(s, unit, text);
}

static inline void life_stop_unit(struct scene *s, const char *name)
{
    char address[128];
    (void)snprintf(address, sizeof address, "unix:/run/stop-%s", name);
    close(scene_connect(s, address));
}
