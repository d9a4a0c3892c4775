/* tests/e2e/test_graph.c - the dependency graph at run time: order, requirements, handlers, cycles, overrides. */
#include "tests/e2e/expect.h"
#include "tests/e2e/harness_internal.h"
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#define ACTOR "/usr/local/bin/actor"
#define SLEEP "[Service]\nExecStart=" ACTOR " sleep\n"

/* K33, S44: a socket that cannot bind fails, and so does whoever requires it; its handler runs. */
static void test_failed_bind(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    scene_unit(s, "bad.socket", "[Unit]\nOnFailure=handler.service\n[Socket]\nListenStream=/proc/no-sockets-here\n");
    scene_unit(s, "bad.service", SLEEP);
    scene_unit(s, "needs.service", "[Unit]\nRequires=bad.socket\nAfter=bad.socket\n" SLEEP);
    scene_unit(s, "after.service", "[Unit]\nAfter=bad.socket\n" SLEEP);
    scene_unit(s, "handler.service", "[Service]\nType=oneshot\nExecStart=" ACTOR " mark /scene/handled x\n");
    scene_boot(s, NULL);
    scene_wait_event(s, "bind_failed", "bad.socket", NULL);
    scene_wait_event(s, "unit_state", "bad.socket", "active", "failed", "result", "resources", NULL);
    scene_wait_event(s, "dependency_failed", "needs.service", "dependency", "bad.socket", NULL);
    scene_wait_event(s, "unit_state", "after.service", "active", "active", NULL);
    scene_wait_file(s, "handled", "x");
    expect_log(s, "container-init: socket bad.socket: bind failed: ");
    expect_log(s, "container-init: unit needs.service: not started: required unit bad.socket failed");
    expect_stop(s, 0);
    assert_int_equal(scene_count_events(s, "spawn", "needs.service", NULL), 0);
    assert_int_equal(scene_count_events(s, "spawn", "bad.service", NULL), 0);
    assert_int_equal(scene_count_events(s, "bound", "bad.socket", NULL), 0);
    scene_end(s);
}

/* K34: a handler with a missing or failed requirement does not run. */
static void test_handler_requirements(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    scene_unit(s, "work.service",
               "[Unit]\nOnFailure=missing.service failed.service unrelated.service\n"
               "[Service]\nExecStart=" ACTOR " exit 1\n");
    scene_unit(s, "missing.service",
               "[Unit]\nRequires=not-here.service\n[Service]\nType=oneshot\nExecStart=" ACTOR " mark /scene/ran x\n");
    scene_unit(s, "failed.service",
               "[Unit]\nRequires=broken.service\nAfter=broken.service\n"
               "[Service]\nType=oneshot\nExecStart=" ACTOR " mark /scene/ran x\n");
    scene_unit(s, "unrelated.service", "[Service]\nType=oneshot\nExecStart=" ACTOR " mark /scene/unrelated x\n");
    scene_unit(s, "broken.service", "[Service]\nType=oneshot\nExecStart=" ACTOR " exit 2\n");
    scene_boot(s, NULL);
    scene_wait_event(s, "dependency_failed", "missing.service", "dependency", "not-here.service", NULL);
    scene_wait_event(s, "dependency_failed", "failed.service", "dependency", "broken.service", NULL);
    scene_wait_file(s, "unrelated", "x");
    /* K31: broken.service kept another unit from running, which is not a success. */
    assert_int_equal(scene_exit_code(s), 2);
    assert_null(scene_read(s, "ran"));
    expect_log(s, "container-init: unit missing.service: not started: required unit not-here.service not found");
    scene_end(s);
}

/* K35: a failed oneshot lets who comes after it go on, and fails who requires it. */
static void test_failed_oneshot(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    scene_unit(s, "gate.service", "[Service]\nType=oneshot\nExecStart=" ACTOR " exit 3\n");
    scene_unit(s, "after.service", "[Unit]\nAfter=gate.service\n" SLEEP);
    scene_unit(s, "needs.service", "[Unit]\nAfter=gate.service\nRequires=gate.service\n" SLEEP);
    scene_unit(s, "chain.service", "[Unit]\nAfter=needs.service\nRequires=needs.service\n" SLEEP);
    scene_unit(s, "wants.service", "[Unit]\nAfter=gate.service needs.service\nWants=gate.service\n" SLEEP);
    scene_boot(s, NULL);
    scene_wait_event(s, "unit_state", "after.service", "active", "active", NULL);
    scene_wait_event(s, "unit_state", "wants.service", "active", "active", NULL);
    scene_wait_event(s, "dependency_failed", "needs.service", "dependency", "gate.service", NULL);
    scene_wait_event(s, "dependency_failed", "chain.service", "dependency", "needs.service", NULL);
    expect_order(s, "exited", "gate.service", "spawn", "after.service");
    expect_stop(s, 0);
    scene_end(s);
}

/* K36, S39: Before= of a derived image's unit delays a unit of the base image; K37: Requires= with Before= is fine. */
static void test_order(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    scene_unit(s, "base.service", SLEEP);
    scene_drop_in(s, "first.service",
                  "[Unit]\nBefore=base.service\n[Service]\nType=oneshot\nExecStart=" ACTOR " pause 60\n");
    scene_unit(s, "a.service",
               "[Unit]\nRequires=b.service\nBefore=b.service\n[Service]\nType=oneshot\nRemainAfterExit=yes\n"
               "ExecStart=" ACTOR " pause 60\n");
    scene_unit(s, "b.service", SLEEP);
    scene_unit(s, "parallel.service", "[Unit]\nRequires=slow.service\n" SLEEP);
    scene_unit(s, "slow.service", "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=" ACTOR " pause 60\n");
    scene_boot(s, NULL);
    scene_wait_event(s, "startup_finished", NULL, NULL);
    expect_order(s, "exited", "first.service", "spawn", "base.service");
    expect_order(s, "exited", "a.service", "spawn", "b.service");
    expect_order(s, "parallel_invoke", "parallel.service", "exited", "slow.service"); /* D1: no order from Requires= */
    expect_stop(s, 0);
    scene_end(s);
}

/* K38: a cycle is refused with the names of its members, by a run and by --validate, strict or not. */
static void test_cycle(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    scene_unit(s, "a.service", "[Unit]\nAfter=b.service\n" SLEEP);
    scene_unit(s, "b.service", "[Unit]\nAfter=c.service\n" SLEEP);
    scene_unit(s, "c.service", "[Unit]\nBefore=z.service\nAfter=a.service\n" SLEEP);
    scene_unit(s, "z.service", SLEEP);
    static const char *const members[] = { "a.service", "b.service", "c.service" };
    for (size_t i = 0; i < COUNT_OF(members); i++) {
        expect_validate(s, NULL, 64, members[i]);
        expect_validate(s, "--strict-units", 64, members[i]);
    }
    expect_validate(s, NULL, 64, "container-init: validate: dependency cycle in unit set: ");
    scene_boot(s, NULL);
    assert_int_equal(scene_exit_code(s), 64);
    const char *line = strstr(scene_stderr(s), "container-init: supervisor: dependency cycle in unit set: ");
    assert_non_null(line);
    for (size_t i = 0; i < COUNT_OF(members); i++) assert_non_null(strstr(line, members[i]));
    assert_null(strstr(line, "z.service"));
    scene_end(s);
}

/* K42, S59: a skipped unit satisfies ordering and requirements, but its socket does not listen. */
static void test_skipped(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    scene_unit(s, "lazy.socket", "[Socket]\nListenStream=/run/lazy.sock\n");
    scene_unit(s, "lazy.service", "[Unit]\nConditionPathExists=/not/there\n" SLEEP);
    scene_unit(s, "off.service", "[Unit]\nConditionEnvironment=NOT_SET\n" SLEEP);
    scene_unit(s, "after.service",
               "[Unit]\nAfter=off.service lazy.socket\nRequires=off.service\nWants=lazy.socket\n" SLEEP);
    scene_boot(s, NULL);
    scene_wait_event(s, "unit_state", "after.service", "active", "active", NULL);
    scene_wait_event(s, "skipped", "off.service", "reason", "ConditionEnvironment=NOT_SET unset", NULL);
    scene_wait_event(s, "skipped", "lazy.socket", NULL);
    int fd = -1;
    assert_int_equal(box_connect(scene_box(s), "unix:/run/lazy.sock", 0, 0, &fd), -ENOENT);
    expect_log(s, "container-init: unit off.service: skipped (ConditionEnvironment=NOT_SET unset)\n");
    expect_log(s, "container-init: unit lazy.socket: skipped (service lazy.service skipped)\n");
    expect_stop(s, 0);
    assert_int_equal(scene_count_events(s, "bound", "lazy.socket", NULL), 0);
    scene_end(s);
}

/* K99: a condition is looked at by each start anew. */
static void test_condition_again(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    scene_unit(s, "one.service",
               "[Unit]\nOnFailure=handler.service\n[Service]\nType=oneshot\nExecStart=" ACTOR " exit 1\n");
    scene_unit(s, "two.service",
               "[Unit]\nAfter=one.service\nOnFailure=handler.service\n"
               "[Service]\nType=oneshot\n"
               "ExecStart=/bin/sh -c 'until test -e /scene/flag; do sleep 0.01; done; exit 1'\n");
    scene_unit(s, "handler.service",
               "[Unit]\nConditionPathExists=/scene/flag\n"
               "[Service]\nType=oneshot\nExecStart=" ACTOR " mark /scene/handled x\n");
    scene_boot(s, NULL);
    scene_wait_event(s, "skipped", "handler.service", "reason", "ConditionPathExists=/scene/flag unmet", NULL);
    scene_touch(s, "flag");
    assert_int_equal(scene_exit_code(s), 0);
    assert_int_equal(scene_count_events(s, "onfailure_invoke", "handler.service", NULL), 2);
    assert_int_equal(scene_count_events(s, "skipped", "handler.service", NULL), 1);
    assert_int_equal(scene_count_events(s, "spawn", "handler.service", NULL), 1);
    scene_end(s);
}

/* K100, S23: a unit that shadows another one is announced, in --validate too; fragments apply. */
static void test_override(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    scene_unit(s, "web.service", "[Service]\nType=oneshot\nExecStart=" ACTOR " write 1 base\n");
    scene_drop_in(s, "web.service", "[Service]\nType=oneshot\nExecStart=" ACTOR " write 1 derived ${X}\n");
    scene_unit(s, "web.service.d/10-x.conf", "[Service]\nEnvironment=X=1\n");
    scene_drop_in(s, "web.service.d/20-y.conf", "[Service]\nExecStart=\nExecStart=" ACTOR " write 1 fragment-${X}\n");
    expect_validate(s, "--strict-units", 0, "container-init: drop-in override: web.service replaces ");
    scene_boot(s, NULL);
    assert_int_equal(scene_exit_code(s), 0);
    expect_log(s, "container-init: drop-in override: web.service replaces /etc/container-init/units/web.service with "
                  "/etc/container-init.d/web.service\n");
    expect_log(s, "[web] fragment-1\n");
    expect_no_log(s, "[web] base");
    scene_wait_event(s, "unit_overridden", "web.service", "base_path", "/etc/container-init/units/web.service",
                     "override_path", "/etc/container-init.d/web.service", NULL);
    scene_end(s);
}

/* S43: a chain of requirements that ends nowhere keeps all of it down, with who names the missing one. */
static void test_missing_requirement(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    scene_unit(s, "top.service", "[Unit]\nRequires=middle.service\n" SLEEP);
    scene_unit(s, "middle.service", "[Unit]\nRequires=nowhere.service\n" SLEEP);
    scene_unit(s, "wants.service", "[Unit]\nWants=nowhere.service\n" SLEEP);
    expect_validate(s, NULL, 1,
                    "required unit nowhere.service not found (required by middle.service); top.service will not start");
    expect_validate(s, "--strict-units", 64, "required unit nowhere.service not found; middle.service will not start");
    scene_boot(s, NULL);
    scene_wait_event(s, "unit_state", "wants.service", "active", "active", NULL);
    scene_wait_log(s, "container-init: unit middle.service: not started: required unit nowhere.service not found\n");
    scene_wait_log(s, "container-init: unit top.service: not started: required unit nowhere.service not found "
                      "(required by middle.service)\n");
    expect_stop(s, 0);
    assert_int_equal(scene_count_events(s, "spawn", "top.service", NULL), 0);
    scene_end(s);
}

int main(void)
{
    scene_skip_unless_possible();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_failed_bind),
        cmocka_unit_test(test_handler_requirements),
        cmocka_unit_test(test_failed_oneshot),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_cycle),
        cmocka_unit_test(test_skipped),
        cmocka_unit_test(test_condition_again),
        cmocka_unit_test(test_override),
        cmocka_unit_test(test_missing_requirement),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
