/* tests/e2e/test_service_end.c - how services are ended and started again: time limits and their failure modes, the
 * signals of systemd.kill(5), the pause before a restart, ExitType=, GuessMainPID=, Type=idle: systemd.service(5). */
#include "tests/e2e/life.h"

#define ABORTS "WatchdogSignal=USR2\n"
#define SHORT  "RuntimeMaxSec=1s\n"

/* Each ends by itself; /scene/NAME, where the row tells its content, is what the unit has left there. */
/* clang-format off */
static const struct { const char *name, *settings, *path, *file; } ends[] = {
    { "start-abort", "TimeoutStartSec=1s\nTimeoutStartFailureMode=abort\n" ABORTS "ExecStartPre=" ACTOR " signals /scene/start-abort USR2\nExecStart=" ACTOR " exit 0\n",
      "start-pre stop-watchdog failed", "USR2" },
    { "start-kill", "TimeoutStartSec=1s\nTimeoutStartFailureMode=kill\nExecStartPre=" ACTOR " signals /scene/start-kill USR2\nExecStart=" ACTOR " exit 0\n",
      "start-pre stop-sigkill failed", "!TERM" },
    { "start-terminate", "TimeoutStartSec=1s\nTimeoutStartFailureMode=terminate\nExecStartPre=" ACTOR " signals /scene/start-terminate TERM\nExecStart=" ACTOR " exit 0\n",
      "start-pre stop-sigterm failed", "TERM" },
    { "abort-bound", "TimeoutStartSec=1s\nTimeoutStartFailureMode=abort\nTimeoutStopSec=1h\nTimeoutAbortSec=1s\n" ABORTS "ExecStartPre=" ACTOR " signals /scene/abort-bound TERM\nExecStart=" ACTOR " exit 0\n",
      "start-pre stop-watchdog stop-sigkill failed", "USR2" },
    { "runtime", SHORT "ExecStart=" ACTOR " sleep\n",
      "start running stop-sigterm failed", NULL },
    { "runtime-asks", SHORT "ExecStart=" ACTOR " sleep\nExecStop=" ACTOR " exit 0\n",
      "start running stop stop-sigterm failed", NULL },
    { "stop-abort", SHORT "TimeoutStopSec=1s\nTimeoutStopFailureMode=abort\n" ABORTS "ExecStart=" ACTOR " signals /scene/stop-abort USR2\n",
      "start running stop-sigterm stop-watchdog failed", "TERM" },
    { "stop-kill", SHORT "TimeoutStopSec=1s\nTimeoutStopFailureMode=kill\nExecStart=" ACTOR " signals /scene/stop-kill TERM\nExecStop=" ACTOR " sleep\n",
      "start running stop stop-sigkill failed", "!TERM" },
    { "post-abort", SHORT "TimeoutStopSec=1s\nTimeoutStopFailureMode=abort\n" ABORTS "ExecStart=" ACTOR " sleep\nExecStopPost=" ACTOR " signals /scene/post-abort USR2\n",
      "start running stop-sigterm stop-post final-watchdog failed", "USR2" },
    { "post-kill", SHORT "TimeoutStopSec=1s\nTimeoutStopFailureMode=kill\nExecStart=" ACTOR " sleep\nExecStopPost=" ACTOR " signals /scene/post-kill TERM\n",
      "start running stop-sigterm stop-post final-sigkill failed", "!TERM" },
    { "final", SHORT "TimeoutStopSec=1s\nFinalKillSignal=USR2\nExecStart=" ACTOR " signals /scene/final USR2\n",
      "start running stop-sigterm stop-sigkill failed", "USR2" },
    { "whole", "ExitType=cgroup\nExecStart=/bin/sh -c '" ACTOR " pause 500 -- write 1 late > /scene/whole & exit 0'\n",
      NULL, "late" },
    { "whole-failed", "ExitType=cgroup\nExecStart=/bin/sh -c '" ACTOR " pause 500 -- write 1 late > /scene/whole-failed & exit 3'\n",
      NULL, "late" },
    { "main", "ExitType=main\nExecStart=/bin/sh -c '" ACTOR " pause 500 -- write 1 late > /scene/main & exit 0'\n",
      NULL, "!late" },
    { "guess", "Type=forking\nGuessMainPID=yes\nExecStart=" ACTOR " daemon - -- sleep\nExecStartPost=/bin/sh -c 'echo main=$MAINPID. > /scene/guess'\n" SHORT,
      "start start-post running stop-sigterm failed", "!main=." },
    { "no-guess", "Type=forking\nGuessMainPID=no\nExecStart=" ACTOR " daemon - -- sleep\nExecStartPost=/bin/sh -c 'echo main=$MAINPID. > /scene/no-guess'\n" SHORT,
      "start start-post running stop-sigterm failed", "main=." },
};
/* clang-format on */

static void check_file(struct scene *s, const char *name, const char *want)
{
    bool there = want[0] != '!';
    char *text = scene_read(s, name);
    bool has = text && strstr(text, there ? want : want + 1);
    free(text);
    if (has != there) scene_fail(s, "/scene/%s has %s%s", name, there ? "no " : "", there ? want : want + 1);
}

static void test_ends(void **state)
{
    struct scene *s = scene_new();
    for (size_t i = 0; i < COUNT_OF(ends); i++) {
        char name[64], text[768];
        (void)snprintf(name, sizeof name, "%s.service", ends[i].name);
        (void)snprintf(text, sizeof text, "[Service]\n%s", ends[i].settings);
        scene_unit(s, name, text);
    }
    (void)life_run(s, state); /* the code is that of whichever decided first */
    for (size_t i = 0; i < COUNT_OF(ends); i++) {
        char name[64];
        print_message("  %s\n", ends[i].name);
        (void)snprintf(name, sizeof name, "%s.service", ends[i].name);
        if (ends[i].path) life_expect_path(s, name, ends[i].path);
        if (ends[i].file) check_file(s, ends[i].name, ends[i].file);
    }
    scene_wait_event(s, "unit_state", "runtime.service", "sub", "failed", "result", "timeout", NULL);
    scene_wait_event(s, "unit_state", "whole.service", "sub", "dead", "result", "success", NULL);
    scene_wait_event(s, "unit_state", "whole-failed.service", "sub", "failed", "result", "exit-code", NULL);
    scene_end(s);
}

/* The bound is this much, and what is added to it at random: one in a million rows would end here. */
static void test_runtime_extra(void **state)
{
    struct scene *s = scene_new();
    scene_unit(s, "lucky.service",
               "[Service]\nRuntimeMaxSec=1ms\nRuntimeRandomizedExtraSec=100d\nExecStart=" ACTOR " sleep\n");
    scene_unit(s, "clock.service", "[Service]\nType=oneshot\nExecStart=" ACTOR " pause 300\n");
    life_boot(s, state);
    life_wait_state(s, "lucky.service", "running");
    life_wait_state(s, "clock.service", "dead");
    life_expect_path(s, "lucky.service", "start running");
    scene_stop(s, SIGTERM);
    assert_int_equal(scene_exit_code(s), 0);
    scene_end(s);
}

#define CRASHES                                                                                                        \
    "[Unit]\nStartLimitIntervalSec=1h\n[Service]\nType=oneshot\nRestart=on-failure\nExecStart=" ACTOR " exit 3\n"

static void test_pauses(void **state)
{
    struct scene *s = scene_new();
    scene_unit(s, "grows.service",
               CRASHES "StartLimitBurst=5\nRestartSec=10ms\nRestartMaxDelaySec=40ms\nRestartSteps=2\n");
    scene_unit(s, "same.service", CRASHES "StartLimitBurst=4\nRestartSec=10ms\nRestartMaxDelaySec=40ms\n");
    scene_unit(s, "jitter.service", CRASHES "StartLimitBurst=4\nRestartSec=0\nRestartRandomizedDelaySec=20ms\n");
    assert_int_equal(life_run(s, state), 0);
    life_expect_log(s, "unit grows.service: restarting in 10ms (restart 1)", true);
    life_expect_log(s, "unit grows.service: restarting in 20ms (restart 2)", true);
    life_expect_log(s, "unit grows.service: restarting in 40ms (restart 3)", true);
    life_expect_log(s, "unit grows.service: restarting in 40ms (restart 4)", true);
    life_expect_log(s, "unit same.service: restarting in 10ms (restart 3)", true);
    size_t none = 0;
    for (int i = 1; i <= 3; i++) {
        char line[96];
        (void)snprintf(line, sizeof line, "unit jitter.service: restarting in 0 (restart %d)", i);
        none += scene_log_has(s, line);
    }
    assert_true(none < 3); /* all three: once in 10^13 runs */
    life_expect_count(s, 4, "spawn", "jitter.service");
    scene_end(s);
}

static void test_restart_modes(void **state)
{
    static const struct {
        const char *mode, *between, *debug;
    } rows[] = {
        { "normal", "failed-before-auto-restart auto-restart", "first=\nlater=\n" },
        { "direct", "auto-restart", "first=\nlater=\n" },
        { "debug", "failed-before-auto-restart auto-restart", "first=\nlater=1\n" },
    };
    struct scene *s = scene_new();
    char name[64], text[512], path[256];
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        (void)snprintf(name, sizeof name, "%s.service", rows[i].mode);
        (void)snprintf(
            text, sizeof text,
            "[Service]\nType=oneshot\nRestart=on-failure\nRestartSec=0\nStartLimitBurst=2\n"
            "StartLimitIntervalSec=1h\nRestartMode=%s\nExecStart=/bin/sh -c 'test -e /scene/%s && w=later || "
            "w=first; echo $$w=$$DEBUG_INVOCATION >> /scene/%s; exit 3'\n",
            rows[i].mode, rows[i].mode, rows[i].mode);
        scene_unit(s, name, text);
    }
    (void)life_run(s, state);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        print_message("  %s\n", rows[i].mode);
        (void)snprintf(name, sizeof name, "%s.service", rows[i].mode);
        (void)snprintf(path, sizeof path,
                       "start stop-sigterm %s auto-restart-queued start stop-sigterm %s "
                       "auto-restart-queued failed",
                       rows[i].between, rows[i].between);
        life_expect_path(s, name, path);
        life_expect_file(s, rows[i].mode, rows[i].debug);
    }
    scene_end(s);
}

/* The unit that is restarted with another gets RestartKillSignal=; at the end of all it gets KillSignal=. */
static void test_restart_kill_signal(void **state)
{
    struct scene *s = scene_new();
    scene_unit(s, "base.service",
               "[Service]\nRestart=on-failure\nRestartSec=0\nExecStart=/bin/sh -c 'test -e /scene/second && exec " ACTOR
               " sleep; until test -e /scene/go; do :; done; echo > /scene/second; exit 1'\n");
    scene_unit(s, "user.service",
               "[Unit]\nPartOf=base.service\nAfter=base.service\nWants=base.service\n[Service]\nKillSignal=USR1\n"
               "RestartKillSignal=USR2\nExecStart=" ACTOR " signals /scene/user USR2 -- signals /scene/last USR1\n");
    life_boot(s, state);
    scene_wait_file(s, "user", "ready");
    life_touch(s, "go");
    scene_wait_file(s, "user", "USR2");
    check_file(s, "user", "!USR1");
    scene_end(s);
}

static void test_idle(void **state)
{
    struct scene *s = scene_new();
    scene_unit(s, "slow.service", "[Service]\nType=oneshot\nExecStart=" ACTOR " pause 400\n");
    scene_unit(s, "quiet.service", "[Service]\nType=idle\nExecStart=" ACTOR " sleep\n");
    scene_unit(s, "later.service", "[Unit]\nAfter=quiet.service\n[Service]\nExecStart=" ACTOR " sleep\n");
    life_boot(s, state);
    life_wait_state(s, "later.service", "running");
    size_t ended = scene_event_position(s, "unit_state", "slow.service", "sub", "dead", NULL);
    size_t began = scene_event_position(s, "spawn", "quiet.service", NULL);
    assert_true(ended != SIZE_MAX && began != SIZE_MAX && ended < began);
    life_expect_path(s, "quiet.service", "start running");
    scene_stop(s, SIGTERM);
    assert_int_equal(scene_exit_code(s), 0);
    scene_end(s);
}

/* A start that takes long keeps it for 5 s and no longer; one that waits can be stopped. */
static void test_idle_bound(void **state)
{
    struct scene *s = scene_new();
    scene_unit(s, "never.service", "[Service]\nType=oneshot\nExecStart=" ACTOR " sleep\n");
    scene_unit(s, "quiet.service", "[Service]\nType=idle\nExecStart=" ACTOR " sleep\n");
    scene_unit(s, "victim.service", "[Service]\nType=idle\nExecStart=" ACTOR " sleep\n");
    life_stopper(s, "victim");
    life_boot(s, state);
    life_wait_state(s, "victim.service", "start");
    life_stop_unit(s, "victim");
    life_wait_state(s, "victim.service", "dead");
    life_wait_state(s, "quiet.service", "running");
    life_expect_count(s, 0, "spawn", "victim.service");
    scene_stop(s, SIGTERM);
    (void)scene_exit_code(s); /* never.service did not start */
    scene_end(s);
}

/* K74: without a limit it waits, and does not fail at once; K11: it can be stopped all the while. */
static void test_notify_without_limit(void **state)
{
    struct scene *s = scene_new();
    scene_unit(s, "zero.service", "[Service]\nType=notify\nTimeoutStartSec=0\nExecStart=" ACTOR " sleep\n");
    scene_unit(s, "never.service", "[Service]\nType=notify\nTimeoutStartSec=infinity\nExecStart=" ACTOR " sleep\n");
    scene_unit(s, "victim.service", "[Service]\nType=notify\nTimeoutStartSec=0\nExecStart=" ACTOR " sleep\n");
    scene_unit(s, "clock.service", "[Service]\nType=oneshot\nExecStart=" ACTOR " pause 400\n");
    life_stopper(s, "victim");
    life_boot(s, state);
    life_wait_state(s, "clock.service", "dead");
    scene_wait_event(s, "victim_invoke", NULL, NULL);
    life_expect_path(s, "zero.service", "start");
    life_expect_path(s, "never.service", "start");
    life_stop_unit(s, "victim");
    life_wait_state(s, "victim.service", "dead");
    life_expect_path(s, "victim.service", "start stop-sigterm dead");
    scene_stop(s, SIGTERM); /* K20 */
    assert_int_equal(scene_exit_code(s), 0);
    scene_end(s);
}

/* The end of the main process before it was ready, and the limit. */
static void test_never_ready(void **state)
{
    static const struct {
        const char *name, *settings, *result;
    } rows[] = {
        { "clean", "ExecStart=" ACTOR " exit 0\n", "protocol" },
        { "unclean", "ExecStart=" ACTOR " exit 3\n", "exit-code" },
        { "late", "TimeoutStartSec=300ms\nExecStart=" ACTOR " sleep\n", "timeout" },
    };
    struct scene *s = scene_new();
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char name[64], text[256];
        (void)snprintf(name, sizeof name, "%s.service", rows[i].name);
        (void)snprintf(text, sizeof text, "[Service]\nType=notify\n%s", rows[i].settings);
        scene_unit(s, name, text);
    }
    (void)life_run(s, state);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char name[64];
        print_message("  %s\n", rows[i].name);
        (void)snprintf(name, sizeof name, "%s.service", rows[i].name);
        life_expect_path(s, name, "start stop-sigterm failed");
        (void)scene_wait_event(s, "unit_state", name, "sub", "failed", "result", rows[i].result, NULL);
    }
    scene_end(s);
}

/* A service that gets the signal and never answers it: the reload has failed, and it runs on. */
static void test_reload_signal(void **state)
{
    static const char *const reload[] = { "/usr/local/bin/container-init", "systemctl", "reload", "web.service", NULL };
    struct scene *s = scene_new();
    scene_unit(s, "web.service",
               "[Service]\nType=notify-reload\nReloadSignal=USR2\nTimeoutStartSec=1s\n"
               "ExecStart=" ACTOR " notify READY=1 -- signals /scene/web TERM\n");
    life_boot(s, state);
    life_wait_state(s, "web.service", "running");
    scene_wait_file(s, "web", "ready");
    assert_int_not_equal(scene_exec(s, reload, NULL), 0);
    scene_wait_file(s, "web", "USR2");
    check_file(s, "web", "!HUP");
    life_expect_path(s, "web.service", "start running reload-signal running");
    scene_stop(s, SIGTERM);
    assert_int_equal(scene_exit_code(s), 0);
    scene_end(s);
}

/* Needs the memory controller of the unified hierarchy. The parent survives where the policy lets it. */
static void test_oom_policy(void **state)
{
    static const struct {
        const char *policy, *sub, *result;
        bool survives;
    } rows[] = { { "continue", "dead", "success", true },
                 { "stop", "failed", "oom-kill", false },
                 { "kill", "failed", "oom-kill", false } };
    struct scene *s = scene_new();
    char name[64], text[256];
    scene_file(s, "/usr/local/bin/eater", 0755,
               "#!/bin/sh\nwhile read line; do case $line in 0::*) leaf=/sys/fs/cgroup${line#0::};; esac; done < "
               "/proc/self/cgroup\ntest -e $leaf/memory.max || { echo none > /scene/$1; exit 0; }\n"
               "echo 0 > $leaf/memory.swap.max\necho 20M > $leaf/memory.max\n"
               "/bin/sh -c 'x=aaaaaaaa; while :; do x=$x$x; done'\necho survived > /scene/$1\n"
               "test $1 = continue && exit 0\nexec " ACTOR " sleep\n");
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        (void)snprintf(name, sizeof name, "%s.service", rows[i].policy);
        (void)snprintf(text, sizeof text, "[Service]\nOOMPolicy=%s\nExecStart=/usr/local/bin/eater %s\n",
                       rows[i].policy, rows[i].policy);
        scene_unit(s, name, text);
    }
    (void)life_run(s, state);
    char *told = scene_read(s, "continue");
    bool none = told && strcmp(told, "none\n") == 0;
    free(told);
    for (size_t i = 0; i < COUNT_OF(rows) && !none; i++) {
        print_message("  %s\n", rows[i].policy);
        (void)snprintf(name, sizeof name, "%s.service", rows[i].policy);
        (void)scene_wait_event(s, "unit_state", name, "sub", rows[i].sub, "result", rows[i].result, NULL);
        if (rows[i].survives) check_file(s, rows[i].policy, "survived");
    }
    scene_end(s);
    if (none) skip();
}

int main(void)
{
    scene_skip_unless_possible();
    const struct CMUnitTest tests[] = {
        IN_BOTH_PLACES(test_ends),
        cmocka_unit_test(test_runtime_extra),
        cmocka_unit_test(test_pauses),
        cmocka_unit_test(test_restart_modes),
        IN_BOTH_PLACES(test_restart_kill_signal),
        cmocka_unit_test(test_idle),
        cmocka_unit_test(test_idle_bound),
        cmocka_unit_test(test_oom_policy),
        IN_BOTH_PLACES(test_notify_without_limit),
        cmocka_unit_test(test_never_ready),
        cmocka_unit_test(test_reload_signal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
