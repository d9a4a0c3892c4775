/* tests/e2e/test_relations.c - what one unit's start, end, failure and stop mean for the others: systemd.unit(5). */
#include "tests/e2e/life.h"

#define RUN(verb) "[Service]\nExecStart=" ACTOR " " verb "\n"
#define SLEEPER   RUN("sleep")

static struct scene *new_scene(void)
{
    struct scene *s = scene_new();
    scene_file(s, "/usr/local/bin/later", 0755,
               "#!/bin/sh\nuntil test -e /scene/go; do :; done\nexec " ACTOR " \"$@\"\n");
    return s;
}

static void end_well(struct scene *s)
{
    scene_stop(s, SIGTERM);
    assert_int_equal(scene_exit_code(s), 0);
    scene_end(s);
}

/* K39: twenty units that die at once: no dependant starts after its unit's end was seen. */
static void test_dies_in_its_first_millisecond(void **state)
{
    enum { N = 20 };
    struct scene *s = scene_new();
    char name[64], text[256];
    for (int i = 0; i < N; i++) {
        (void)snprintf(name, sizeof name, "d%02d.service", i);
        scene_unit(s, name, RUN("exit 1"));
        (void)snprintf(text, sizeof text, "[Unit]\nRequires=d%02d.service\nAfter=d%02d.service\n" RUN("exit 0"), i, i);
        (void)snprintf(name, sizeof name, "e%02d.service", i);
        scene_unit(s, name, text);
    }
    (void)life_run(s, state);
    for (int i = 0; i < N; i++) {
        char dependant[64];
        (void)snprintf(name, sizeof name, "d%02d.service", i);
        (void)snprintf(dependant, sizeof dependant, "e%02d.service", i);
        size_t exited = scene_event_position(s, "exited", name, NULL);
        size_t failed = scene_event_position(s, "dependency_failed", dependant, NULL);
        size_t spawned = scene_event_position(s, "spawn", dependant, NULL);
        assert_true(exited != SIZE_MAX);
        if (failed == SIZE_MAX && (spawned == SIZE_MAX || spawned > exited))
            scene_fail(s, "%s started after %s had failed", dependant, name);
        if (failed != SIZE_MAX && spawned != SIZE_MAX) scene_fail(s, "%s failed and started", dependant);
    }
    scene_end(s);
}

/* K31, K35, S42, S43: who starts when a oneshot fails for good. */
static void test_failed_oneshot(void **state)
{
    struct scene *s = scene_new();
    scene_unit(s, "setup.service", "[Service]\nType=oneshot\nExecStart=" ACTOR " exit 4\n");
    scene_unit(s, "ordered.service", "[Unit]\nAfter=setup.service\n" SLEEPER);
    scene_unit(s, "wants.service", "[Unit]\nWants=setup.service\nAfter=setup.service\n" SLEEPER);
    scene_unit(s, "requires.service",
               "[Unit]\nRequires=setup.service\nAfter=setup.service\n[Unit]\nOnFailure=handler.service\n[Service]"
               "\nExitContainerOnFailure=yes\nExecStart=" ACTOR " sleep\n");
    scene_unit(s, "deeper.service", "[Unit]\nRequires=requires.service\nAfter=requires.service\n" SLEEPER);
    scene_unit(s, "binds.service", "[Unit]\nBindsTo=setup.service\nAfter=setup.service\n" SLEEPER);
    scene_unit(s, "missing.service", "[Unit]\nRequires=not-installed.service\n" SLEEPER);
    scene_unit(s, "handler.service", "[Service]\nType=oneshot\nExecStart=" ACTOR " exit 0\n");
    life_boot(s, state);
    scene_wait_event(s, "startup_finished", NULL, NULL);
    life_wait_state(s, "ordered.service", "running");
    life_wait_state(s, "wants.service", "running");
    static const char *const down[] = { "requires.service", "deeper.service", "binds.service", "missing.service",
                                        "handler.service" };
    for (size_t i = 0; i < COUNT_OF(down); i++) life_expect_count(s, 0, "spawn", down[i]);
    life_expect_log(s, "unit requires.service: not started: required unit setup.service failed", true);
    life_expect_log(s, "unit deeper.service: not started: required unit requires.service failed", true);
    life_expect_log(s, "unit missing.service: not started: required unit not-installed.service not found", true);
    end_well(s);
}

/* D1: a requirement is no order: both start in parallel, and the failure of one does not undo the other. */
static void test_requires_without_order(void **state)
{
    struct scene *s = scene_new();
    scene_unit(s, "a.service",
               "[Unit]\nRequires=b.service\n[Service]\nExecStartPre=/bin/sh -c 'echo > /scene/up-a; until test -e "
               "/scene/up-b; do :; done'\nExecStart=" ACTOR " sleep\n");
    scene_unit(s, "b.service",
               "[Service]\nExecStartPre=/bin/sh -c 'echo > /scene/up-b; until test -e /scene/up-a; do :; "
               "done'\nExecStart=" ACTOR " sleep\n");
    life_boot(s, state);
    life_wait_state(s, "a.service", "running");
    life_wait_state(s, "b.service", "running");
    end_well(s);
}

/* clang-format off */
/* The other unit ends or fails while `rel` is up: does `rel` go with it? */
static const struct { const char *label, *relation, *verb; bool goes; } ends[] = {
    { "Requires=, it ends well", "Requires=b.service\nAfter=b.service\n", "exit 0", false },
    { "Requires=, it fails", "Requires=b.service\nAfter=b.service\n", "exit 1", false },
    { "Wants=, it fails", "Wants=b.service\nAfter=b.service\n", "exit 1", false },
    { "PartOf=, it fails", "PartOf=b.service\nAfter=b.service\n", "exit 1", false },
    { "BindsTo=, it ends well", "BindsTo=b.service\nAfter=b.service\n", "exit 0", true },
    { "BindsTo=, it fails", "BindsTo=b.service\nAfter=b.service\n", "exit 1", true },
    { "BindsTo=, it is killed", "BindsTo=b.service\nAfter=b.service\n", "kill-self KILL", true },
};
/* The other unit is stopped by a job. */
static const struct { const char *label, *relation; bool goes; } stops[] = {
    { "Requires=", "Requires=b.service\nAfter=b.service\n", true },
    { "BindsTo=", "BindsTo=b.service\nAfter=b.service\n", true },
    { "PartOf=", "PartOf=b.service\nAfter=b.service\n", true },
    { "Requisite=", "Requisite=b.service\nAfter=b.service\n", true },
    { "Wants=", "Wants=b.service\nAfter=b.service\n", false },
    { "only ordered", "After=b.service\n", false },
};
/* clang-format on */

static void test_the_other_ends(void **state)
{
    for (size_t i = 0; i < COUNT_OF(ends); i++) {
        char text[256];
        print_message("  %s\n", ends[i].label);
        struct scene *s = new_scene();
        (void)snprintf(text, sizeof text, "[Unit]\n%s" SLEEPER, ends[i].relation);
        scene_unit(s, "rel.service", text);
        (void)snprintf(text, sizeof text, "[Service]\nExecStart=/usr/local/bin/later %s\n", ends[i].verb);
        scene_unit(s, "b.service", text);
        scene_unit(s, "keep.service", SLEEPER);
        life_boot(s, state);
        life_wait_state(s, "rel.service", "running");
        life_wait_state(s, "keep.service", "running");
        life_touch(s, "go");
        life_wait_state(s, "b.service", strcmp(ends[i].verb, "exit 0") == 0 ? "dead" : "failed");
        if (ends[i].goes) life_wait_state(s, "rel.service", "dead");
        scene_stop(s, SIGTERM);
        assert_int_equal(scene_exit_code(s), 0);
        life_expect_path(s, "rel.service", "start running stop-sigterm dead");
        if (!ends[i].goes) life_expect_states_in_order(s, "keep.service", "stop-sigterm", "rel.service", "dead");
        scene_end(s);
    }
}

static void test_the_other_is_stopped(void **state)
{
    struct scene *s = scene_new();
    char name[64], text[256];
    scene_unit(s, "b.service", SLEEPER);
    for (size_t i = 0; i < COUNT_OF(stops); i++) {
        (void)snprintf(name, sizeof name, "rel%zu.service", i);
        (void)snprintf(text, sizeof text, "[Unit]\n%s" SLEEPER, stops[i].relation);
        scene_unit(s, name, text);
    }
    life_stopper(s, "b");
    life_boot(s, state);
    for (size_t i = 0; i < COUNT_OF(stops); i++) {
        (void)snprintf(name, sizeof name, "rel%zu.service", i);
        life_wait_state(s, name, "running");
    }
    life_stop_unit(s, "b");
    life_wait_state(s, "stop-b.service", "running");
    for (size_t i = 0; i < COUNT_OF(stops); i++) {
        print_message("  %s\n", stops[i].label);
        (void)snprintf(name, sizeof name, "rel%zu.service", i);
        if (scene_count_events(s, "unit_state", name, "sub", "dead", NULL) != (stops[i].goes ? 1u : 0u))
            scene_fail(s, "%s: %s", stops[i].label, stops[i].goes ? "still up" : "stopped too");
        if (stops[i].goes) life_expect_states_in_order(s, name, "dead", "b.service", "stop-sigterm"); /* K17 */
    }
    end_well(s);
}

/* A restart takes along who requires or is part of the unit, in order, and nobody else. */
static void test_restart_propagates(void **state)
{
    struct scene *s = new_scene();
    scene_unit(s, "b.service",
               "[Service]\nRestart=on-failure\nRestartSec=0\nExecStart=/bin/sh -c 'test -e /scene/second && exec " ACTOR
               " sleep; until test -e /scene/go; do :; done; echo > /scene/second; exit 1'\n");
    scene_unit(s, "requires.service", "[Unit]\nRequires=b.service\nAfter=b.service\n" SLEEPER);
    scene_unit(s, "part.service", "[Unit]\nPartOf=b.service\nAfter=b.service\n" SLEEPER);
    scene_unit(s, "wants.service", "[Unit]\nWants=b.service\nAfter=b.service\n" SLEEPER);
    scene_unit(s, "bound.service", "[Unit]\nBindsTo=b.service\nAfter=b.service\n" SLEEPER);
    life_boot(s, state);
    life_wait_state(s, "requires.service", "running");
    life_wait_state(s, "part.service", "running");
    life_wait_state(s, "bound.service", "running");
    life_wait_state(s, "wants.service", "running");
    life_touch(s, "go");
    (void)scene_wait_nth_event(s, 2, "unit_state", "requires.service", "sub", "running", NULL);
    (void)scene_wait_nth_event(s, 2, "unit_state", "part.service", "sub", "running", NULL);
    life_expect_path(s, "b.service",
                     "start running stop-sigterm failed-before-auto-restart auto-restart "
                     "auto-restart-queued start running");
    life_expect_path(s, "requires.service", "start running stop-sigterm dead start running");
    life_expect_path(s, "part.service", "start running stop-sigterm dead start running");
    life_expect_path(s, "wants.service", "start running");
    life_expect_path(s, "bound.service", "start running stop-sigterm dead"); /* it went down with b, and stays down */
    end_well(s);
}

/* Conflicts= at boot: one of the two starts, and it is said which does not. */
static void test_conflict_at_boot(void **state)
{
    struct scene *s = scene_new();
    scene_unit(s, "a.service", "[Unit]\nConflicts=b.service\n" SLEEPER);
    scene_unit(s, "b.service", SLEEPER);
    scene_unit(s, "c.service", "[Unit]\nRequires=b.service\nAfter=b.service\n" SLEEPER);
    life_boot(s, state);
    scene_wait_event(s, "startup_finished", NULL, NULL);
    life_wait_state(s, "a.service", "running");
    life_expect_count(s, 0, "spawn", "b.service");
    life_expect_count(s, 0, "spawn", "c.service");
    life_expect_log(s, "unit b.service: not started: it conflicts with a.service, which starts", true);
    end_well(s);
}

/* Conflicts= while running: the start of one stops the other first, from both sides. */
static void test_conflict_while_running(void **state)
{
    struct scene *s = scene_new();
    scene_unit(s, "a.service", SLEEPER);
    scene_unit(s, "b.socket", "[Socket]\nListenStream=/run/b\n");
    scene_unit(s, "b.service", "[Unit]\nConflicts=a.service\nAfter=a.service\n" SLEEPER);
    scene_unit(s, "c.service", "[Unit]\nConflicts=d.service\nBefore=d.service\n" SLEEPER);
    scene_unit(s, "d.socket", "[Socket]\nListenStream=/run/d\n");
    scene_unit(s, "d.service", SLEEPER);
    life_boot(s, state);
    life_wait_state(s, "a.service", "running");
    life_wait_state(s, "c.service", "running");
    close(scene_connect(s, "unix:/run/b"));
    close(scene_connect(s, "unix:/run/d"));
    life_wait_state(s, "b.service", "running");
    life_wait_state(s, "d.service", "running");
    life_expect_states_in_order(s, "a.service", "dead", "b.service", "start");
    life_expect_states_in_order(s, "c.service", "dead", "d.service", "start");
    end_well(s);
}

/* Requisite=: it must be up already, and is not started for it. */
static void test_requisite(void **state)
{
    struct scene *s = scene_new();
    scene_unit(s, "lazy.socket", "[Socket]\nListenStream=/run/lazy\n");
    scene_unit(s, "lazy.service", SLEEPER);
    scene_unit(s, "up.service", SLEEPER);
    scene_unit(s, "a.service", "[Unit]\nRequisite=lazy.service\nAfter=lazy.service\n" SLEEPER);
    scene_unit(s, "b.service", "[Unit]\nRequisite=up.service\nAfter=up.service\n" SLEEPER);
    life_boot(s, state);
    life_wait_state(s, "b.service", "running");
    scene_wait_event(s, "startup_finished", NULL, NULL);
    scene_wait_event(s, "dependency_failed", "a.service", "dependency", "lazy.service", "reason", "is not active",
                     NULL);
    life_expect_count(s, 0, "spawn", "lazy.service");
    life_expect_count(s, 0, "spawn", "a.service");
    end_well(s);
}

/* D16: what a socket holds back starts when a unit that starts requires it, and is waited for; a requirement on the
 * socket leaves it asleep. */
static void test_held_by_a_socket(void **state)
{
    struct scene *s = new_scene();
    scene_unit(s, "eager.socket", "[Socket]\nListenStream=/run/eager\n");
    scene_unit(s, "eager.service",
               "[Service]\nExecStartPre=/bin/sh -c 'until test -e /scene/go; do :; done'\nExecStart=" ACTOR
               " listen\n");
    scene_unit(s, "lazy.socket", "[Socket]\nListenStream=/run/lazy\n");
    scene_unit(s, "lazy.service", RUN("listen"));
    scene_unit(s, "a.service", "[Unit]\nRequires=eager.service\nAfter=eager.service\n" SLEEPER);
    scene_unit(s, "b.service", "[Unit]\nRequires=lazy.socket\nAfter=lazy.socket\n" SLEEPER);
    life_boot(s, state);
    life_wait_state(s, "b.service", "running");
    life_wait_state(s, "eager.service", "start-pre");
    life_expect_count(s, 0, "spawn", "a.service");
    life_touch(s, "go");
    life_wait_state(s, "a.service", "running");
    life_expect_states_in_order(s, "eager.service", "running", "a.service", "start");
    life_expect_count(s, 0, "spawn", "lazy.service");
    life_expect_log(s, "unit lazy.service: socket-activated (driven by attached .socket)", true);
    end_well(s);
}

/* Targets group and order; D18: the special ones are there without files. */
static void test_targets(void **state)
{
    struct scene *s = new_scene();
    scene_unit(s, "tools.target", "[Unit]\nRequires=a.service b.service\nAfter=a.service b.service\n");
    scene_unit(s, "a.service", "[Service]\nType=oneshot\nExecStart=/usr/local/bin/later exit 0\n");
    scene_unit(s, "b.service", SLEEPER);
    scene_unit(
        s, "app.service",
        "[Unit]\nRequires=tools.target network-online.target\nAfter=tools.target network-online.target\n" SLEEPER);
    scene_unit(s, "broken.target", "[Unit]\nRequires=c.service\nAfter=c.service\n");
    scene_unit(s, "c.service", "[Service]\nType=oneshot\nExecStart=" ACTOR " exit 1\n");
    scene_unit(s, "needs-broken.service", "[Unit]\nRequires=broken.target\nAfter=broken.target\n" SLEEPER);
    life_boot(s, state);
    life_wait_state(s, "b.service", "running");
    scene_wait_event(s, "dependency_failed", "needs-broken.service", NULL);
    life_expect_count(s, 0, "spawn", "app.service");
    life_touch(s, "go");
    life_wait_state(s, "app.service", "running");
    life_expect_states_in_order(s, "tools.target", "active", "app.service", "start");
    life_expect_count(s, 0, "spawn", "needs-broken.service");
    end_well(s);
}

/* K10: a unit wanted by many, activated by its socket and named by two handlers at once starts once. */
static void test_many_reasons_one_start(void **state)
{
    struct scene *s = scene_new();
    scene_unit(s, "x.socket", "[Socket]\nListenStream=/run/x\nListenStream=/run/y\n");
    scene_unit(s, "x.service",
               "[Service]\nExecStartPre=/bin/sh -c 'until test -e /scene/go; do :; done'\nExecStart=" ACTOR " sleep\n");
    scene_unit(s, "a.service", "[Unit]\nWants=x.service\n" SLEEPER);
    scene_unit(s, "b.service", "[Unit]\nRequires=x.service\nAfter=x.service\n" SLEEPER);
    scene_unit(s, "c.service", "[Unit]\nOnFailure=x.service\n" RUN("exit 1"));
    scene_unit(s, "d.service", "[Unit]\nOnFailure=x.service\n" RUN("exit 1"));
    life_boot(s, state);
    life_wait_state(s, "x.service", "start-pre");
    close(scene_connect(s, "unix:/run/x"));
    close(scene_connect(s, "unix:/run/y"));
    life_wait_state(s, "c.service", "failed");
    life_wait_state(s, "d.service", "failed");
    life_touch(s, "go");
    life_wait_state(s, "b.service", "running");
    life_expect_path(s, "x.service", "start-pre start running");
    end_well(s);
}

int main(void)
{
    scene_skip_unless_possible();
    const struct CMUnitTest tests[] = {
        IN_BOTH_PLACES(test_dies_in_its_first_millisecond),
        cmocka_unit_test(test_failed_oneshot),
        cmocka_unit_test(test_requires_without_order),
        cmocka_unit_test(test_the_other_ends),
        cmocka_unit_test(test_the_other_is_stopped),
        IN_BOTH_PLACES(test_restart_propagates),
        cmocka_unit_test(test_conflict_at_boot),
        cmocka_unit_test(test_conflict_while_running),
        cmocka_unit_test(test_requisite),
        cmocka_unit_test(test_held_by_a_socket),
        cmocka_unit_test(test_targets),
        cmocka_unit_test(test_many_reasons_one_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
