/* tests/e2e/test_watchdog.c - WatchdogSec=: keep-alive messages, and what a missing one does. */
#include "tests/e2e/expect.h"
#include "tests/e2e/life.h"

#define NOTIFY "[Service]\nType=notify\n"

static void end_well(struct scene *s)
{
    scene_stop(s, SIGTERM);
    assert_int_equal(scene_exit_code(s), 0);
    scene_end(s);
}

/* Each run writes a report of its own, perhaps between two looks at it. */
static bool is_told_its_pid(struct scene *s, void *userdata)
{
    char *pid = scene_report(s, "hangs", "pid"), *told = scene_report(s, "hangs", "env.WATCHDOG_PID");
    bool same = pid && told && strcmp(pid, told) == 0;
    (void)userdata;
    free(pid), free(told);
    return same;
}

/* Without messages the service is killed by WatchdogSignal=, and started again where Restart= says so. */
static void test_kill_and_restart(void **state)
{
    struct scene *s = scene_new();
    scene_unit(s, "hangs.service",
               NOTIFY "WatchdogSec=400ms\nRestart=on-watchdog\nExecStart=" ACTOR
                      " report /scene/hangs -- notify READY=1 -- sleep\n");
    scene_unit(s, "fails.service",
               NOTIFY "WatchdogSec=400ms\nWatchdogSignal=USR1\nExecStart=" ACTOR " notify READY=1 -- sleep\n");
    life_boot(s, state);
    expect_report(s, "hangs", "env.WATCHDOG_USEC", "400000");
    scene_wait(s, is_told_its_pid, NULL, "WATCHDOG_PID of the process that reports");
    scene_wait_nth_event(s, 2, "watchdog", "hangs.service", NULL);
    scene_wait_event(s, "unit_state", "hangs.service", "sub", "auto-restart", "result", "watchdog", NULL);
    scene_wait_event(s, "unit_state", "fails.service", "sub", "failed", "result", "watchdog", NULL);
    life_expect_path(s, "fails.service", "start running stop-watchdog failed");
    scene_wait_event(s, "exited", "fails.service", "err", "killed by SIGUSR1", NULL);
    scene_wait_log(s, "hangs.service: watchdog: no keep-alive within 400ms");
    end_well(s);
}

/* A service that sends them lives; the clock of the watchdog begins with the end of the start. */
static void test_keep_alive(void **state)
{
#define AGAIN "-- pause 300 -- notify WATCHDOG=1 "
    struct scene *s = scene_new();
    scene_unit(s, "lives.service",
               NOTIFY "WatchdogSec=1500ms\nExecStart=" ACTOR
                      " pause 1700 -- notify READY=1 " AGAIN AGAIN AGAIN AGAIN AGAIN AGAIN AGAIN
                      "-- mark /scene/lived x -- sleep\n");
    life_boot(s, state);
    scene_wait_file(s, "lived", "x");
    life_expect_count(s, 0, "watchdog", "lives.service");
    scene_wait_event(s, "watchdog", "lives.service", NULL); /* and no longer than that */
    assert_int_equal(scene_exit_code(s), 0);                /* nothing is left to run */
    scene_end(s);
}

/* WATCHDOG_USEC= changes the span, 0 ends it, WATCHDOG=trigger does not wait; all without WatchdogSec=, too. */
static void test_told(void **state)
{
    struct scene *s = scene_new();
    scene_unit(s, "shorter.service",
               NOTIFY "WatchdogSec=60\nExecStart=" ACTOR
                      " notify READY=1 -- pause 100 -- notify WATCHDOG_USEC=300000 -- sleep\n");
    scene_unit(s, "from-none.service", NOTIFY "ExecStart=" ACTOR " notify READY=1\\\\nWATCHDOG_USEC=300000 -- sleep\n");
    scene_unit(s, "off.service",
               NOTIFY "WatchdogSec=300ms\nExecStart=" ACTOR
                      " notify WATCHDOG_USEC=0\\\\nREADY=1 -- pause 1000 -- mark /scene/off x -- sleep\n");
    scene_unit(s, "trigger.service",
               NOTIFY "WatchdogSec=60\nExecStart=" ACTOR
                      " notify READY=1 -- pause 100 -- notify WATCHDOG=trigger -- sleep\n");
    scene_unit(s, "extends.service",
               NOTIFY "WatchdogSec=1500ms\nExecStart=" ACTOR
                      " notify READY=1 -- pause 50 -- notify EXTEND_TIMEOUT_USEC=60000000 -- pause 2500 -- mark "
                      "/scene/extends x -- sleep\n");
    life_boot(s, state);
    scene_wait_event(s, "unit_state", "shorter.service", "sub", "failed", "result", "watchdog", NULL);
    scene_wait_event(s, "unit_state", "from-none.service", "sub", "failed", "result", "watchdog", NULL);
    scene_wait_event(s, "unit_state", "trigger.service", "sub", "failed", "result", "watchdog", NULL);
    scene_wait_log(s, "trigger.service: watchdog: triggered by the service");
    scene_wait_file(s, "off", "x");
    scene_wait_file(s, "extends", "x");
    life_expect_count(s, 0, "watchdog", "off.service");
    life_expect_count(s, 0, "watchdog", "extends.service");
    end_well(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kill_and_restart),
        cmocka_unit_test(test_keep_alive),
        cmocka_unit_test(test_told),
    };
    scene_skip_unless_possible();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
