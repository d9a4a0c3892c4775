/* tests/e2e/test_paths.c - path units: systemd.path(5). */
#include "tests/e2e/expect.h"
#include "tests/e2e/life.h"

static void sh(struct scene *s, const char *script)
{
    const char *const argv[] = { "/bin/sh", "-c", script, NULL };
    if (scene_exec(s, argv, NULL) != 0) scene_fail(s, "%s", script);
}

static void end_well(struct scene *s)
{
    scene_stop(s, SIGTERM);
    assert_int_equal(scene_exit_code(s), 0);
    scene_end(s);
}

/* A service that tells what started it, and runs `script`. */
static void add_service(struct scene *s, const char *name, const char *head, const char *script)
{
    char text[768];
    (void)snprintf(text, sizeof text,
                   "[Unit]\n%s[Service]\nType=oneshot\n"
                   "ExecStart=/bin/sh -c 'echo $TRIGGER_UNIT $TRIGGER_PATH >>/scene/log; %s'\n",
                   head, script);
    scene_unit(s, name, text);
}

/* ---- each directive ---- */

/* Each is one event: touch(1) makes two, of which the second may come when the service has ended. Each step is done
 * once the one before has started the service as often as it says, and the service is down again. */
struct step {
    const char *script;
    size_t n_started; /* in all */
};
static const struct {
    const char *label, *lines, *before, *service;
    struct step steps[6];
    const char *log; /* what the service wrote in the end */
} rows[] = {
    { "PathExists=",
      "PathExists=/scene/d/flag\n",
      ":",
      "rm /scene/d/flag",
      { { "mkdir /scene/d; touch /scene/d/other", 0 }, { "touch /scene/d/flag", 1 }, { "touch /scene/d/flag", 2 } },
      "w.path /scene/d/flag\nw.path /scene/d/flag\n" },
    { "PathExists= of what is there already",
      "PathExists=/scene/flag\n",
      "touch /scene/flag",
      "rm /scene/flag",
      { { ":", 1 }, { "touch /scene/flag", 2 } },
      "w.path /scene/flag\nw.path /scene/flag\n" },
    { "PathExists= is looked at again when the service is down",
      "PathExists=/scene/flag\n",
      "touch /scene/flag /scene/more",
      "if test -e /scene/more; then rm /scene/more; else rm /scene/flag; fi",
      { { ":", 2 } },
      "w.path /scene/flag\nw.path /scene/flag\n" },
    { "PathExistsGlob=",
      "PathExistsGlob=/scene/*/done-?\n",
      ":",
      "rm -r /scene/x",
      { { "mkdir /scene/x; touch /scene/x/done-10", 0 },
        { "touch /scene/x/done-1", 1 },
        { "mkdir /scene/x; touch /scene/x/done-2", 2 } },
      "w.path /scene/x/done-1\nw.path /scene/x/done-2\n" },
    { "DirectoryNotEmpty=, MakeDirectory= and DirectoryMode=",
      "DirectoryNotEmpty=/scene/q/in\nMakeDirectory=yes\nDirectoryMode=0710\n",
      ":",
      "rm /scene/q/in/*",
      { { "test $(stat -c %a /scene/q/in) = 710; touch /scene/q/in/.hidden", 0 },
        { "touch /scene/q/in/job", 1 },
        { "touch /scene/q/in/job", 2 } },
      "w.path /scene/q/in\nw.path /scene/q/in\n" },
    { "PathChanged=",
      "PathChanged=/scene/f\n",
      "touch /scene/f",
      ":",
      { { "cat /scene/f", 0 },
        { "echo x >>/scene/f", 1 },
        { "echo y >/scene/g; mv /scene/g /scene/f", 2 },
        { "rm /scene/f", 3 },
        { "mkdir /scene/f", 4 },
        { "mkdir /scene/f/new", 5 } },
      "w.path /scene/f\nw.path /scene/f\nw.path /scene/f\nw.path /scene/f\nw.path /scene/f\n" },
    { "PathChanged= of a path that comes later",
      "PathChanged=/scene/a/b\n",
      ":",
      ":",
      { { "mkdir /scene/a", 0 }, { "mkdir /scene/a/b", 1 } },
      "w.path /scene/a/b\n" },
    { "PathModified= does not wait for the end of writing",
      "PathModified=/scene/f\n",
      "touch /scene/f",
      ":",
      { { "(exec 5>>/scene/f; echo x >&5; exec sleep 1000) </dev/null >/dev/null 2>&1 &", 1 } },
      "w.path /scene/f\n" },
    { "several lines; an empty one forgets those before",
      "PathExists=/scene/never\nPathExists=\nPathExists=/scene/a\nPathChanged=/scene/b\n",
      "touch /scene/never",
      "rm -f /scene/a",
      { { "touch /scene/a", 1 }, { "mkdir /scene/b", 2 } },
      "w.path /scene/a\nw.path /scene/b\n" },
    { "Unit=",
      "PathExists=/scene/flag\nUnit=group.target\n",
      ":",
      "rm -f /scene/flag",
      { { ":", 1 }, { "touch /scene/flag", 2 } },
      "\n\n" },
};

static void test_directives(void **state)
{
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct scene *s = scene_new();
        char text[512];
        print_message("  %s\n", rows[i].label);
        (void)snprintf(text, sizeof text, "[Unit]\nAfter=before.service\nRequires=before.service\n[Path]\n%s",
                       rows[i].lines);
        scene_unit(s, "w.path", text);
        (void)snprintf(text, sizeof text, "[Service]\nType=oneshot\nExecStart=/bin/sh -c '%s'\n", rows[i].before);
        scene_unit(s, "before.service", text);
        add_service(s, "w.service", "", rows[i].service);
        if (strstr(rows[i].lines, "Unit=")) scene_unit(s, "group.target", "[Unit]\nRequires=w.service\n");
        life_boot(s, state);
        if (i != 1 && i != 2) (void)scene_wait_event(s, "unit_state", "w.path", "sub", "waiting", NULL);
        for (size_t k = 0; k < COUNT_OF(rows[i].steps) && rows[i].steps[k].script; k++) {
            const struct step *step = &rows[i].steps[k];
            sh(s, step->script);
            if (step->n_started == 0) continue;
            (void)scene_wait_nth_event(s, step->n_started, "unit_state", "w.service", "sub", "dead", NULL);
            if (!strstr(rows[i].lines, "Unit="))
                (void)scene_wait_nth_event(s, step->n_started + (i != 1 && i != 2), "unit_state", "w.path", "sub",
                                           "waiting", NULL);
        }
        life_expect_file(s, "log", rows[i].log);
        end_well(s);
    }
}

/* ---- limits, and what cannot be watched ---- */

/* TriggerLimitBurst=, TriggerLimitIntervalSec=: what does not take its cause away is given up. */
static void test_trigger_limit(void **state)
{
    struct scene *s = scene_new();
    scene_unit(s, "w.path",
               "[Unit]\nOnFailure=handler.service\n[Path]\nPathExists=/\nTriggerLimitBurst=3\n"
               "TriggerLimitIntervalSec=1h\n");
    add_service(s, "w.service", "", ":");
    scene_unit(s, "handler.service", "[Service]\nType=oneshot\nExecStart=" ACTOR " exit 0\n");
    assert_int_equal(life_run(s, state), 0);
    (void)scene_wait_event(s, "unit_state", "w.path", "sub", "failed", "result", "trigger-limit-hit", NULL);
    expect_log(s, "path w.path: failed: trigger limit hit (3 activations within 1h)");
    life_expect_count(s, 3, "triggered", "w.path");
    life_expect_count(s, 1, "onfailure_invoke", "handler.service");
    scene_end(s);
}

static void test_unit_start_limit(void **state)
{
    struct scene *s = scene_new();
    scene_unit(s, "w.path", "[Path]\nPathExists=/\n");
    add_service(s, "w.service", "StartLimitBurst=2\nStartLimitIntervalSec=1h\n", ":");
    (void)life_run(s, state);
    (void)scene_wait_event(s, "unit_state", "w.path", "sub", "failed", "result", "unit-start-limit-hit", NULL);
    scene_end(s);
}

/* A start that comes to nothing leaves the unit as it was, and is looked at all the same. */
static void test_unit_does_not_start(void **state)
{
    struct scene *s = scene_new();
    scene_unit(s, "skipped.path", "[Path]\nPathExists=/\nTriggerLimitBurst=4\nTriggerLimitIntervalSec=1h\n");
    add_service(s, "skipped.service", "ConditionPathExists=/nowhere\n", ":");
    scene_unit(s, "lame.path", "[Path]\nPathExists=/\nTriggerLimitBurst=4\nTriggerLimitIntervalSec=1h\n");
    add_service(s, "lame.service", "Requires=nobody.service\n", ":");
    scene_unit(s, "strange.path", "[Path]\nPathExists=/\nUnit=nobody.service\n");
    (void)life_run(s, state);
    (void)scene_wait_event(s, "unit_state", "skipped.path", "sub", "failed", "result", "trigger-limit-hit", NULL);
    (void)scene_wait_event(s, "unit_state", "lame.path", "sub", "failed", "result", "trigger-limit-hit", NULL);
    (void)scene_wait_event(s, "unit_state", "strange.path", "sub", "failed", "result", "resources", NULL);
    expect_log(s, "path strange.path: unknown unit nobody.service");
    scene_end(s);
}

/* ENOSPC of inotify_add_watch(2), and no inotify at all: the unit fails and says why, and the rest goes on. */
static void test_no_watches(void **state)
{
    static const struct {
        const char *call, *error, *log;
    } cases[] = {
        { "inotify_add_watch", "ENOSPC",
          "path w.path: failed: no inotify watches are left (fs.inotify.max_user_watches)" },
        { "inotify_init1", "EMFILE",
          "path w.path: failed: no inotify instances are left (fs.inotify.max_user_instances)" },
        { "inotify_init1", "EACCES", "path w.path: failed: Permission denied" },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct scene *s = scene_new();
        struct scene_spec spec = life_spec(state);
        scene_unit(s, "w.path", "[Path]\nPathExists=/scene/flag\n");
        add_service(s, "w.service", "", ":");
        scene_unit(s, "other.service", "[Service]\nExecStart=" ACTOR " sleep\n");
        assert_int_equal(box_spec_deny(&spec.box, cases[i].call, cases[i].error), 0);
        scene_boot(s, &spec);
        life_wait_state(s, "other.service", "running");
        (void)scene_wait_event(s, "unit_state", "w.path", "sub", "failed", "result", "resources", NULL);
        scene_wait_log(s, cases[i].log);
        end_well(s);
    }
}

/* ---- elsewhere ---- */

/* K72: a path on a file system that is no local one is looked at by a copy of PID 1, which the kernel tells as well. */
static void test_far(void **state)
{
    struct scene *s = scene_new();
    struct scene_spec spec = life_spec(state);
    spec.box.docker_caps = false;
    spec.box.setup = "mkdir -p /far && mount -t mqueue far /far && touch /far/other";
    scene_unit(s, "w.path", "[Path]\nPathExists=/far/flag\nPathChanged=/far/other\n");
    add_service(s, "w.service", "", "rm -f /far/flag");
    scene_boot(s, &spec);
    life_wait_state(s, "w.path", "waiting");
    life_expect_path(s, "w.path", "start waiting");
    sh(s, "touch /far/flag");
    (void)scene_wait_nth_event(s, 1, "unit_state", "w.service", "sub", "dead", NULL);
    (void)scene_wait_nth_event(s, 2, "unit_state", "w.path", "sub", "waiting", NULL);
    sh(s, "rm /far/other");
    (void)scene_wait_nth_event(s, 2, "unit_state", "w.service", "sub", "dead", NULL);
    life_expect_file(s, "log", "w.path /far/flag\nw.path /far/other\n");
    end_well(s);
}

/* Something is mounted over a directory on the way, and taken away again. */
static void test_mounted_over(void **state)
{
    struct scene *s = scene_new();
    struct scene_spec spec = life_spec(state);
    spec.box.docker_caps = false;
    spec.box.setup = "mkdir -p /srv/d";
    scene_unit(s, "w.path", "[Path]\nPathExists=/srv/d/flag\n");
    add_service(s, "w.service", "", "rm /srv/d/flag");
    scene_boot(s, &spec);
    life_wait_state(s, "w.path", "waiting");
    sh(s, "mount -t tmpfs x /srv/d");
    sh(s, "touch /srv/d/flag");
    (void)scene_wait_nth_event(s, 1, "unit_state", "w.service", "sub", "dead", NULL);
    (void)scene_wait_nth_event(s, 2, "unit_state", "w.path", "sub", "waiting", NULL);
    sh(s, "umount /srv/d; touch /srv/d/flag");
    (void)scene_wait_nth_event(s, 2, "unit_state", "w.service", "sub", "dead", NULL);
    end_well(s);
}

/* ---- life ---- */

/* D5: a path that waits keeps the container; D16: what it starts does not start by itself. */
static void test_stays(void **state)
{
    struct scene *s = scene_new();
    scene_unit(s, "w.path", "[Path]\nPathExists=/scene/flag\n");
    add_service(s, "w.service", "", "rm /scene/flag");
    scene_unit(s, "once.service", "[Service]\nType=oneshot\nExecStart=" ACTOR " exit 0\n");
    life_boot(s, state);
    (void)scene_wait_event(s, "startup_finished", NULL, NULL);
    life_wait_state(s, "once.service", "dead");
    scene_wait_log(s, "unit w.service: path-activated (driven by attached .path)");
    life_touch(s, "flag");
    (void)scene_wait_nth_event(s, 2, "unit_state", "w.path", "sub", "waiting", NULL);
    life_expect_path(s, "w.path", "waiting running waiting");
    end_well(s);
}

/* Started by something else, the unit is watched for just the same; stopped, the path does nothing more. */
static void test_other_ways(void **state)
{
    struct scene *s = scene_new();
    scene_unit(s, "w.path", "[Path]\nPathExists=/scene/flag\n");
    scene_unit(s, "w.service",
               "[Service]\nExecStart=/bin/sh -c 'until test -e /scene/go; do sleep 0.01; done; rm /scene/go'\n");
    scene_unit(s, "wants.service", "[Unit]\nWants=w.service\nAfter=w.path\n[Service]\nExecStart=" ACTOR " sleep\n");
    scene_unit(s, "end.socket", "[Socket]\nListenStream=/run/end\n");
    scene_unit(s, "end.service", "[Unit]\nConflicts=w.path\n[Service]\nExecStart=" ACTOR " sleep\n");
    life_boot(s, state);
    (void)scene_wait_event(s, "unit_state", "w.path", "sub", "running", NULL);
    life_wait_state(s, "w.service", "running");
    life_touch(s, "flag");
    life_touch(s, "go");
    (void)scene_wait_event(s, "triggered", "w.path", NULL);
    (void)scene_wait_nth_event(s, 2, "unit_state", "w.service", "sub", "running", NULL);
    close(scene_connect(s, "unix:/run/end"));
    life_wait_state(s, "w.path", "dead");
    life_touch(s, "go");
    (void)scene_wait_nth_event(s, 2, "unit_state", "w.service", "sub", "dead", NULL);
    life_expect_count(s, 1, "triggered", "w.path");
    end_well(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_BOTH_PLACES(test_directives),         cmocka_unit_test(test_trigger_limit),
        cmocka_unit_test(test_unit_start_limit), cmocka_unit_test(test_unit_does_not_start),
        cmocka_unit_test(test_no_watches),       cmocka_unit_test(test_far),
        cmocka_unit_test(test_mounted_over),     IN_BOTH_PLACES(test_stays),
        cmocka_unit_test(test_other_ways),
    };
    scene_skip_unless_possible();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
