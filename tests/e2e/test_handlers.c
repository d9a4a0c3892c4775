/* tests/e2e/test_handlers.c - OnFailure= and OnSuccess=: when their units run, how often, and what holds them back. */
#include "tests/e2e/life.h"

#define SLEEPER       "[Service]\nExecStart=" ACTOR " sleep\n"
#define ON_FAILURE(x) "[Unit]\nOnFailure=" x "\n"
#define HANDLER       "[Service]\nType=oneshot\nExecStart=" ACTOR " mark /scene/handled x\n"

/* K03: two failures share a handler that is still at it: one start, and no copy outlives the stop. */
static void test_shared_handler(void **state)
{
    struct scene *s = scene_new();
    life_verdict(s);
    scene_unit(s, "a.service", ON_FAILURE("handler.service") "[Service]\nExecStart=" ACTOR " exit 1\n");
    scene_unit(s, "b.service",
               ON_FAILURE("handler.service") "After=judge.service\n[Service]\nType=oneshot\n"
                                             "ExecStart=/bin/sh -c 'until test -e /scene/child; do :; done; exit 2'\n");
    scene_unit(s, "judge.service", SLEEPER "ExecStop=/usr/local/bin/verdict child\n");
    scene_unit(s, "handler.service",
               "[Unit]\nAfter=judge.service\n[Service]\nTimeoutStopSec=100ms\nExecStart=" ACTOR
               " child /scene/child stubborn -- sleep\n");
    life_boot(s, state);
    scene_wait_log(s, "OnFailure: invoking handler.service");
    scene_wait_log(s, "OnFailure: handler.service not invoked: already active");
    scene_wait_event(s, "onfailure_coalesced", "handler.service", NULL);
    life_expect_count(s, 1, "spawn", "handler.service");
    life_expect_count(s, 1, "onfailure_invoke", "handler.service");
    scene_stop(s, SIGTERM);
    assert_int_equal(scene_exit_code(s), 1); /* its child had to be killed */
    life_expect_file(s, "verdict", "child gone\n");
    life_expect_count(s, 1, "spawn", "handler.service");
    scene_end(s);
}

/* K04: it runs already, because another unit wants it. */
static void test_handler_that_runs_already(void **state)
{
    struct scene *s = scene_new();
    scene_unit(s, "a.service",
               ON_FAILURE("helper.service") "After=helper.service\n[Service]\nExecStart=" ACTOR " exit 1\n");
    scene_unit(s, "b.service", "[Unit]\nWants=helper.service\n" SLEEPER);
    scene_unit(s, "helper.service", SLEEPER);
    life_boot(s, state);
    scene_wait_log(s, "OnFailure: helper.service not invoked: already active");
    life_expect_count(s, 1, "spawn", "helper.service");
    scene_stop(s, SIGTERM);
    assert_int_equal(scene_exit_code(s), 0);
    scene_end(s);
}

/* K41: two handlers that name each other, both out of starts, come to rest. */
static void test_handlers_of_each_other(void **state)
{
    struct scene *s = scene_new();
    scene_unit(s, "a.service",
               "[Unit]\nOnFailure=b.service\nStartLimitBurst=3\nStartLimitIntervalSec=60\n[Service]\nExecStart=" ACTOR
               " exit 1\n");
    scene_unit(s, "b.service",
               "[Unit]\nOnFailure=a.service\nStartLimitBurst=3\nStartLimitIntervalSec=60\n[Service]\nExecStart=" ACTOR
               " exit 1\n");
    scene_unit(s, "kick.service", "[Unit]\nWants=a.service\n[Service]\nType=oneshot\nExecStart=" ACTOR " exit 0\n");
    assert_int_equal(life_run(s, state), 0);
    life_expect_count(s, 3, "spawn", "a.service");
    life_expect_count(s, 3, "spawn", "b.service");
    life_expect_log(s, "not invoked: start limit hit (3 starts within 1min)", true);
    scene_end(s);
}

/* D16: who is named by OnFailure= only waits for it. */
static void test_held_back(void **state)
{
    struct scene *s = scene_new();
    scene_unit(s, "a.service", ON_FAILURE("handler.service") SLEEPER);
    scene_unit(s, "handler.service", HANDLER);
    life_boot(s, state);
    scene_wait_log(s, "unit handler.service: deferred (OnFailure target only)");
    life_wait_state(s, "a.service", "running");
    scene_wait_event(s, "startup_finished", NULL, NULL);
    life_expect_count(s, 0, "spawn", "handler.service");
    scene_stop(s, SIGTERM);
    assert_int_equal(scene_exit_code(s), 0);
    life_expect_count(s, 0, "spawn", "handler.service");
    scene_end(s);
}

struct unit_text {
    const char *name, *text;
};

/* clang-format off */
/* Runs that end by themselves: how often the handler ran. S51. */
static const struct { const char *label, *log; size_t runs; struct unit_text units[4]; } runs[] = {
    { "a failure", "OnFailure: invoking handler.service", 1,
      { { "a.service", ON_FAILURE("handler.service") "[Service]\nExecStart=" ACTOR " exit 1\n" }, { "handler.service", HANDLER } } },
    { "no failure", NULL, 0,
      { { "a.service", ON_FAILURE("handler.service") "[Service]\nExecStart=" ACTOR " exit 0\n" }, { "handler.service", HANDLER } } },
    { "a clean signal is none (D7)", NULL, 0,
      { { "a.service", ON_FAILURE("handler.service") "[Service]\nExecStart=" ACTOR " kill-self TERM\n" }, { "handler.service", HANDLER } } },
    { "not while it is restarted", NULL, 0,
      { { "a.service", ON_FAILURE("handler.service") "[Service]\nRestart=on-failure\nRestartSec=0\nExecStart=" ACTOR " crash /scene/crashes 3\n" }, { "handler.service", HANDLER } } },
    { "when its restarts are used up", "unit a.service: start limit hit (3 starts within 1min)", 1,
      { { "a.service", ON_FAILURE("handler.service") "StartLimitBurst=3\nStartLimitIntervalSec=60\n[Service]\nRestart=on-failure\nRestartSec=0\nExecStart=" ACTOR " exit 1\n" }, { "handler.service", HANDLER } } },
    { "a missing program", NULL, 1,
      { { "a.service", ON_FAILURE("handler.service") "[Service]\nExecStart=/nowhere/program\n" }, { "handler.service", HANDLER } } },
    { "a start that takes too long", NULL, 1,
      { { "a.service", ON_FAILURE("handler.service") "[Service]\nType=oneshot\nTimeoutStartSec=50ms\nExecStart=" ACTOR " sleep\n" }, { "handler.service", HANDLER } } },
    { "an assertion", NULL, 1,
      { { "a.service", ON_FAILURE("handler.service") "AssertPathExists=/nowhere\n[Service]\nExecStart=" ACTOR " exit 0\n" }, { "handler.service", HANDLER } } },
    { "a condition is no failure", "unit a.service: skipped (ConditionPathExists=/nowhere unmet)", 0,
      { { "a.service", ON_FAILURE("handler.service") "ConditionPathExists=/nowhere\n[Service]\nExecStart=" ACTOR " exit 0\n" }, { "handler.service", HANDLER } } },
    { "the handler's own condition counts", "unit handler.service: skipped (ConditionPathExists=/nowhere unmet)", 0,
      { { "a.service", ON_FAILURE("handler.service") "[Service]\nExecStart=" ACTOR " exit 1\n" }, { "handler.service", "[Unit]\nConditionPathExists=/nowhere\n" HANDLER } } },
    { "the handler's own requirements count", NULL, 1,
      { { "a.service", ON_FAILURE("handler.service") "[Service]\nExecStart=" ACTOR " exit 1\n" },
        { "handler.service", "[Unit]\nRequires=tool.service\nAfter=tool.service\nConditionPathExists=/scene/tool\n" HANDLER },
        { "tool.service", "[Unit]\nOnFailure=nobody-names-me-otherwise.service\n[Service]\nType=oneshot\nExecStart=" ACTOR " mark /scene/tool x\n" } } },
    { "K34: a failed requirement keeps it down", "unit handler.service: not started: required unit tool.service failed", 0,
      { { "a.service", ON_FAILURE("handler.service") "[Service]\nExecStart=" ACTOR " exit 1\n" },
        { "handler.service", "[Unit]\nRequires=tool.service\nAfter=tool.service\n" HANDLER },
        { "tool.service", "[Service]\nType=oneshot\nExecStart=" ACTOR " exit 1\n" } } },
    { "K34: a missing one too", "unit handler.service: not started: required unit tool.service not found", 0,
      { { "a.service", ON_FAILURE("handler.service") "[Service]\nExecStart=" ACTOR " exit 1\n" },
        { "handler.service", "[Unit]\nRequires=tool.service\n" HANDLER } } },
    { "S42: not for a unit whose requirement failed", "unit a.service: not started: required unit b.service failed", 0,
      { { "a.service", ON_FAILURE("handler.service") "Requires=b.service\nAfter=b.service\n" SLEEPER },
        { "b.service", "[Service]\nType=oneshot\nExecStart=" ACTOR " exit 1\n" }, { "handler.service", HANDLER } } },
    { "an unknown handler is named", "OnFailure: unknown target nobody.service", 0,
      { { "a.service", ON_FAILURE("nobody.service") "[Service]\nExecStart=" ACTOR " exit 1\n" }, { "handler.service", "[Unit]\nOnFailure=x.service\nConditionPathExists=/nowhere\n" HANDLER } } },
    { "a chain of handlers", NULL, 1,
      { { "a.service", ON_FAILURE("b.service") "[Service]\nExecStart=" ACTOR " exit 1\n" },
        { "b.service", ON_FAILURE("handler.service") "[Service]\nExecStart=" ACTOR " exit 1\n" }, { "handler.service", HANDLER } } },
    { "OnSuccess=", "OnSuccess: invoking handler.service", 1,
      { { "a.service", "[Unit]\nOnSuccess=handler.service\n[Service]\nExecStart=" ACTOR " exit 0\n" }, { "handler.service", HANDLER }, { "b.service", "[Unit]\nOnFailure=handler.service\n[Service]\nExecStart=" ACTOR " exit 0\n" } } },
    { "OnSuccess= and a failure", NULL, 0,
      { { "a.service", "[Unit]\nOnSuccess=handler.service\n[Service]\nExecStart=" ACTOR " exit 1\n" }, { "handler.service", HANDLER }, { "b.service", "[Unit]\nOnFailure=handler.service\n[Service]\nExecStart=" ACTOR " exit 0\n" } } },
};
/* clang-format on */

/* Source: systemd.exec(5), $MONITOR_SERVICE_RESULT and its like. */
static void test_told(void **state)
{
    static const struct {
        const char *label, *unit, *told;
    } cases[] = {
        { "a failure", ON_FAILURE("handler.service") "[Service]\nExecStart=" ACTOR " exit 7\n",
          "a.service exit-code exited 7 32\n" },
        { "a signal", ON_FAILURE("handler.service") "[Service]\nExecStart=" ACTOR " kill-self KILL\n",
          "a.service signal killed KILL 32\n" },
        { "success", "[Unit]\nOnSuccess=handler.service\n[Service]\nExecStart=" ACTOR " exit 0\n",
          "a.service success exited 0 32\n" },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        print_message("  %s\n", cases[i].label);
        struct scene *s = scene_new();
        scene_unit(s, "a.service", cases[i].unit);
        scene_unit(s, "handler.service",
                   "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'echo $MONITOR_UNIT $MONITOR_SERVICE_RESULT "
                   "$MONITOR_EXIT_CODE $MONITOR_EXIT_STATUS ${#MONITOR_INVOCATION_ID} >/scene/told; test -z "
                   "\"$SERVICE_RESULT\"'\n");
        assert_int_equal(life_run(s, state), 0);
        life_expect_file(s, "told", cases[i].told);
        scene_end(s);
    }
}

/* The failure that ends the container starts no handler, and the log says so. */
static void test_not_invoked_at_the_end(void **state)
{
    static const char *const units[] = {
        ON_FAILURE("handler.service") "[Service]\nExitContainerOnFailure=yes\nExecStart=" ACTOR " exit 7\n",
        ON_FAILURE("handler.service") "FailureAction=exit\n[Service]\nExecStart=" ACTOR " exit 7\n",
    };
    for (size_t i = 0; i < COUNT_OF(units); i++) {
        struct scene *s = scene_new();
        scene_unit(s, "a.service", units[i]);
        scene_unit(s, "handler.service", HANDLER);
        assert_int_equal(life_run(s, state), 7);
        life_expect_log(s, "OnFailure: handler.service not invoked: shutting down", true);
        life_expect_count(s, 0, "spawn", "handler.service");
        scene_end(s);
    }
}

static void test_runs(void **state)
{
    for (size_t i = 0; i < COUNT_OF(runs); i++) {
        print_message("  %s\n", runs[i].label);
        struct scene *s = scene_new();
        for (size_t k = 0; k < COUNT_OF(runs[i].units) && runs[i].units[k].name; k++)
            scene_unit(s, runs[i].units[k].name, runs[i].units[k].text);
        (void)life_run(s, state);
        life_expect_count(s, runs[i].runs, "spawn", "handler.service");
        if (runs[i].log) life_expect_log(s, runs[i].log, true);
        scene_end(s);
    }
}

/* S52: a handler that ends lets its failed unit be handled once more by the next failure. */
static void test_handler_runs_again(void **state)
{
    struct scene *s = scene_new();
    scene_unit(s, "a.socket", "[Socket]\nListenStream=/run/a\n");
    scene_unit(s, "a.service", ON_FAILURE("handler.service") "[Service]\nExecStart=" ACTOR " listen-once -- exit 3\n");
    scene_unit(s, "handler.service", HANDLER);
    life_boot(s, state);
    scene_wait_event(s, "bound", "a.socket", NULL);
    for (size_t i = 1; i <= 2; i++) {
        close(scene_connect(s, "unix:/run/a"));
        (void)scene_wait_nth_event(s, i, "onfailure_exited", "handler.service", "failed", "false", NULL);
        (void)scene_wait_nth_event(s, i, "rearmed", "a.socket", NULL);
    }
    life_expect_count(s, 2, "spawn", "handler.service");
    scene_stop(s, SIGTERM);
    assert_int_equal(scene_exit_code(s), 0);
    scene_end(s);
}

int main(void)
{
    scene_skip_unless_possible();
    const struct CMUnitTest tests[] = {
        IN_BOTH_PLACES(test_shared_handler),
        cmocka_unit_test(test_handler_that_runs_already),
        cmocka_unit_test(test_handlers_of_each_other),
        cmocka_unit_test(test_held_back),
        cmocka_unit_test(test_runs),
        cmocka_unit_test(test_told),
        cmocka_unit_test(test_not_invoked_at_the_end),
        cmocka_unit_test(test_handler_runs_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
