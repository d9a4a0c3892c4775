/* tests/e2e/test_texts.c - the lines of a run that people grep for (S16 to S19), and what conditions say. */
#include "tests/e2e/expect.h"
#include "tests/e2e/harness_internal.h"
#include <signal.h>
#include <string.h>

#define ACTOR       "/usr/local/bin/actor"
#define ONCE(verbs) "[Service]\nType=oneshot\nExecStart=" ACTOR " " verbs "\n"

static void test_lines_of_a_run(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text;
    } units[] = {
        { "lazy.socket", "[Socket]\nListenStream=/run/lazy.sock\n" },
        { "lazy.service", "[Service]\nExecStart=" ACTOR " listen\n" },
        { "orphan.socket", "[Socket]\nListenStream=/run/orphan.sock\nService=nowhere.service\n" },
        { "fails.service", "[Unit]\nOnFailure=repair.service unheard-of.service\n" ONCE("exit 3") },
        { "repair.service", ONCE("exit 0") },
        { "shot.service", "[Service]\nExecStart=" ACTOR " kill-self KILL\n" },
        { "limit.service", "[Unit]\nStartLimitBurst=2\nStartLimitIntervalSec=1min\n"
                           "[Service]\nRestart=always\nRestartSec=1ms\nExecStart=" ACTOR " exit 1\n" },
        { "missing.service", "[Service]\nExecStart=/no/such/program\n" },
        { "twice-a.service", "[Unit]\nOnFailure=busy.service\n" ONCE("exit 1") },
        { "twice-b.service", "[Unit]\nAfter=twice-a.service\nOnFailure=busy.service\n[Service]\nType=oneshot\n"
                             "ExecStart=/bin/sh -c 'until test -e /scene/busy; do sleep 0.01; done; exit 1'\n" },
        { "busy.service", "[Service]\nExecStart=" ACTOR " mark /scene/busy x -- sleep\n" },
    };
    static const char *const lines[] = {
        "container-init: cgroup-v2 base: /sys/fs/cgroup/container-init\n",
        "container-init: unit lazy.service: socket-activated (driven by attached .socket)\n",
        "container-init: unit repair.service: deferred (OnFailure target only)\n",
        "container-init: socket lazy.socket: bound unix//run/lazy.sock -> lazy.service (mode=native)\n",
        "container-init: socket orphan.socket: unknown service nowhere.service\n",
        "container-init: unit fails.service: failed: exit code 3\n",
        "container-init: OnFailure: invoking repair.service\n",
        "container-init: OnFailure: unknown target unheard-of.service\n",
        "container-init: unit shot.service: failed: killed by SIGKILL\n",
        "container-init: unit limit.service: start limit hit (2 starts within 1min); not starting again\n",
        "container-init: unit missing.service: failed to start: ",
        "container-init: OnFailure: busy.service not invoked: already active\n",
    };
    struct scene *s = scene_new();
    for (size_t i = 0; i < COUNT_OF(units); i++) scene_unit(s, units[i].name, units[i].text);
    scene_boot(s, NULL);
    for (size_t i = 0; i < COUNT_OF(lines); i++) {
        print_message("  %s", lines[i]);
        scene_wait_log(s, lines[i]);
    }
    print_message("\n");
    expect_stop(s, 0);
    expect_log(s, "container-init: received terminated, beginning reverse shutdown\n");
    assert_null(strstr(scene_stdout(s), "container-init: ")); /* S12 */
    scene_end(s);
}

/* Who ends the container, in which words and with which status (D2). */
static void test_ends(void **state)
{
    (void)state;
    static const struct {
        const char *label, *service, *handler;
        int signal, status;
        const char *line;
    } rows[] = {
        { "an interrupt", "[Service]\nExecStart=" ACTOR " mark /scene/up x -- sleep\n", NULL, SIGINT, 0,
          "received interrupt, beginning reverse shutdown\n" },
        { "an essential unit", "[Service]\nExitContainerOnFailure=true\nExecStart=" ACTOR " exit 7\n", NULL, 0, 7,
          "unit work.service: ExitContainerOnFailure -- initiating reverse shutdown\n" },
        { "a handler that went well", "[Unit]\nOnFailure=handler.service\n" ONCE("exit 9"),
          "[Service]\nType=oneshot\nExitContainerOnFailure=yes\nExecStart=" ACTOR " exit 0\n", 0, 9,
          "OnFailure target handler.service requested container exit (failed=false)\n" },
        { "a handler that failed", "[Unit]\nOnFailure=handler.service\n" ONCE("kill-self KILL"),
          "[Service]\nType=oneshot\nExitContainerOnFailure=yes\nExecStart=" ACTOR " exit 5\n", 0, 137,
          "OnFailure target handler.service requested container exit (failed=true)\n" },
        { "S11: a program that is missing", "[Service]\nExitContainerOnFailure=true\nExecStart=/no/such/program\n",
          NULL, 0, 203, "/no/such/program" },
        { "S11: a directory that is missing",
          "[Service]\nExitContainerOnFailure=true\nWorkingDirectory=/no/such\nExecStart=/bin/true\n", NULL, 0, 200,
          "/no/such" },
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct scene *s = scene_new();
        print_message("  %s\n", rows[i].label);
        scene_unit(s, "work.service", rows[i].service);
        scene_unit(s, "other.service", "[Service]\nExecStart=" ACTOR " sleep\n");
        if (rows[i].handler) scene_unit(s, "handler.service", rows[i].handler);
        scene_boot(s, NULL);
        if (rows[i].signal) {
            scene_wait_file(s, "up", "x");
            scene_stop(s, rows[i].signal);
        }
        assert_int_equal(scene_exit_code(s), rows[i].status);
        expect_log(s, rows[i].line);
        scene_end(s);
    }
}

/* S19: Condition*= and Assert*=, with their words. */
static const struct {
    const char *setting, *reason; /* reason NULL: the unit runs */
} conditions[] = {
    { "ConditionPathExists=/etc/passwd", NULL },
    { "ConditionPathExists=/not/there", "ConditionPathExists=/not/there unmet" },
    { "ConditionPathExists=!/not/there", NULL },
    { "ConditionPathExists=!/etc/passwd", "ConditionPathExists=!/etc/passwd unmet" },
    { "ConditionPathExistsGlob=/etc/pass*", NULL },
    { "ConditionPathExistsGlob=/etc/*.nothing", "ConditionPathExistsGlob=/etc/*.nothing unmet" },
    { "ConditionEnvironment=GIVEN", NULL },
    { "ConditionEnvironment=NOT_GIVEN", "ConditionEnvironment=NOT_GIVEN unset" },
    { "ConditionEnvironment=GIVEN=a", NULL },
    { "ConditionEnvironment=GIVEN=x", "ConditionEnvironment=GIVEN=x (have \"a\", want \"x\")" },
    { "ConditionEnvironment=!NOT_GIVEN", NULL },
    { "ConditionUser=root", NULL },
    { "ConditionUser=0", NULL },
    { "ConditionUser=4711", "ConditionUser=4711 unmet (running as uid 0)" },
    { "ConditionPathExists=/etc/passwd\nConditionEnvironment=NOT_GIVEN", "ConditionEnvironment=NOT_GIVEN unset" },
    { "ConditionPathExists=|/not/there\nConditionEnvironment=|GIVEN", NULL },
    { "ConditionPathExists=/not/there\nConditionPathExists=", NULL },
};
static const struct {
    const char *setting;
    bool holds;
} assertions[] = {
    { "AssertPathExists=/etc/passwd", true },
    { "AssertPathExists=/not/there", false },
    { "AssertPathExistsGlob=/etc/pass*", true },
    { "AssertPathExistsGlob=/etc/*.nothing", false },
    { "AssertEnvironment=GIVEN=a", true },
    { "AssertEnvironment=NOT_GIVEN", false },
    { "AssertUser=root", true },
    { "AssertUser=4711", false },
};

static void test_conditions(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    struct scene_spec spec = SCENE_SPEC_DEFAULT;
    char name[32], text[512];
    assert_int_equal(box_spec_env(&spec.box, "GIVEN=a"), 0);
    for (size_t i = 0; i < COUNT_OF(conditions) + COUNT_OF(assertions); i++) {
        size_t k = i - COUNT_OF(conditions);
        bool is_assert = i >= COUNT_OF(conditions);
        (void)snprintf(name, sizeof name, "%s-%02zu.service", is_assert ? "assert" : "condition", is_assert ? k : i);
        (void)snprintf(text, sizeof text, "[Unit]\n%s\n" ONCE("exit 0"),
                       is_assert ? assertions[k].setting : conditions[i].setting);
        scene_unit(s, name, text);
    }
    scene_boot(s, &spec);
    assert_int_equal(scene_exit_code(s), 0);
    for (size_t i = 0; i < COUNT_OF(conditions); i++) {
        print_message("  %s\n", conditions[i].setting);
        (void)snprintf(name, sizeof name, "condition-%02zu.service", i);
        assert_int_equal(scene_count_events(s, "spawn", name, NULL), conditions[i].reason == NULL);
        if (!conditions[i].reason) continue;
        scene_wait_event(s, "skipped", name, "reason", conditions[i].reason, NULL);
        (void)snprintf(text, sizeof text, "container-init: unit %s: skipped (%s)\n", name, conditions[i].reason);
        expect_log(s, text);
    }
    for (size_t i = 0; i < COUNT_OF(assertions); i++) {
        print_message("  %s\n", assertions[i].setting);
        (void)snprintf(name, sizeof name, "assert-%02zu.service", i);
        assert_int_equal(scene_count_events(s, "spawn", name, NULL), assertions[i].holds);
        if (!assertions[i].holds) scene_wait_event(s, "unit_state", name, "active", "failed", "result", "assert", NULL);
    }
    scene_end(s);
}

int main(void)
{
    scene_skip_unless_possible();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines_of_a_run),
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_conditions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
