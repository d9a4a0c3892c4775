/* tests/e2e/test_blocked.c - what PID 1 does not wait for: a trace, an output or a process that does not move. */
#include "tests/e2e/life.h"

/* K14: the trace goes to a FIFO that is full and stays so. Neither the start, nor the stop signal, nor the exit waits.
 */
static void test_blocked_trace(void **state)
{
    struct scene *s = scene_new();
    struct scene_spec spec = life_spec(state);
    spec.box.setup =
        "mkfifo /run/trace\n"
        "(exec 9<>/run/trace; exec 1>&- 2>&-; dd if=/dev/zero of=/run/trace bs=4096 count=16; exec sleep 1000) &\n"
        "until test -p /run/trace && test -d /proc/$!/fd; do :; done\n";
    spec.no_trace = true;
    assert_int_equal(box_spec_env(&spec.box, "CONTAINER_INIT_TRACE=1"), 0);
    assert_int_equal(box_spec_env(&spec.box, "CONTAINER_INIT_TRACE_FILE=/run/trace"), 0);
    scene_unit(s, "a.service", "[Service]\nExecStart=" ACTOR " on-term /scene/marks a\n");
    scene_unit(s, "loop.service",
               "[Service]\nRestart=on-failure\nRestartSec=0\nExecStart=" ACTOR " crash /scene/crashes 50\n");
    scene_boot(s, &spec);
    scene_wait_log(s, "a ready");
    scene_wait_log(s, "unit loop.service: restarting in 0 (restart 49)");
    scene_stop(s, SIGTERM);
    assert_int_equal(scene_exit_code(s), 0);
    scene_wait_file(s, "marks", "a");
    scene_end(s);
}

/* K15: nobody reads the output. A flooding service is held back; others are restarted, collected and stopped. */
static void test_blocked_output(void **state)
{
    struct scene *s = scene_new();
    scene_hold_output(s, true);
    scene_unit(s, "flood.service", "[Service]\nExecStart=" ACTOR " flood 1 0\n");
    scene_unit(s, "loop.service",
               "[Service]\nRestart=on-failure\nRestartSec=0\nExecStart=" ACTOR " crash /scene/crashes 60\n");
    scene_unit(s, "orphans.service",
               "[Unit]\nAfter=loop.service\n[Service]\nType=oneshot\nExecStart=" ACTOR
               " orphans 50 -- mark /scene/orphans x\n");
    scene_unit(s, "a.service", "[Service]\nExecStart=" ACTOR " on-term /scene/marks a\n");
    BOOT_WITH(s, state, "--stop-timeout=600ms");
    (void)scene_wait_nth_event(s, 60, "exited", "loop.service", NULL);
    scene_wait_event(s, "exited", "orphans.service", "failed", "false", NULL);
    life_wait_state(s, "a.service", "running");
    scene_stop(s, SIGTERM);
    assert_int_equal(scene_exit_code(s), 0);
    scene_wait_file(s, "marks", "a");
    life_expect_path(s, "flood.service", "start running stop-sigterm dead");
    scene_end(s);
}

/* K24: a process that not even SIGKILL ends, in a request to a FUSE server that never answers. Others are collected and
 * stopped meanwhile, the exit comes at the bound, and nobody says that it was killed (K01). */
static void expect_unkillable(void **state, const char *timeout, const char *log)
{
    struct scene *s = scene_new();
    struct scene_spec spec = life_spec(state);
    char text[256];
    print_message("  TimeoutStopSec=%s\n", timeout);
    spec.args[0] = "--stop-timeout=500ms";
    spec.box.setup = ACTOR " dead-mount /run/dead /scene/requests </dev/null >/dev/null 2>&1";
    (void)snprintf(text, sizeof text, "[Service]\nTimeoutStopSec=%s\nExecStart=/usr/bin/stat /run/dead/file\n",
                   timeout);
    scene_unit(s, "stuck.service", text);
    scene_unit(s, "loop.service",
               "[Service]\nRestart=on-failure\nRestartSec=0\nExecStart=" ACTOR " crash /scene/crashes 30\n");
    scene_unit(s, "a.service", "[Service]\nExecStart=" ACTOR " on-term /scene/marks a\n");
    scene_boot(s, &spec);
    scene_wait_file(s, "requests", "request");
    scene_wait_log(s, "a ready");
    (void)scene_wait_nth_event(s, 30, "exited", "loop.service", NULL);
    scene_stop(s, SIGTERM);
    assert_int_equal(scene_exit_code(s), 1);
    scene_wait_file(s, "marks", "a");
    life_expect_count(s, 0, "exited", "stuck.service");
    life_expect_log(s, log, true);
    life_expect_log(s, "stuck.service force-killed", false);
    scene_end(s);
}

static void test_unkillable(void **state)
{
    expect_unkillable(state, "50ms", "unit stuck.service: stop after SIGKILL timed out");
    expect_unkillable(state, "infinity", "shutdown: stuck.service is still deactivating; leaving it behind");
}

int main(void)
{
    scene_skip_unless_possible();
    const struct CMUnitTest tests[] = {
        IN_BOTH_PLACES(test_blocked_trace),
        IN_BOTH_PLACES(test_blocked_output),
        IN_BOTH_PLACES(test_unkillable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
