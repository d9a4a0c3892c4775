/* tests/e2e/test_exit_code.c - when the container leaves, and with which status (SEED.md D2, D5, D7). */
#include "tests/e2e/life.h"

#define ESSENTIAL "[Service]\nExitContainerOnFailure=yes\n"
#define SLEEPER   "[Service]\nExecStart=" ACTOR " sleep\n"

struct unit_text {
    const char *name, *text;
};

static struct scene *scene_with(const struct unit_text *units, size_t count)
{
    struct scene *s = scene_new();
    for (size_t i = 0; i < count && units[i].name; i++) scene_unit(s, units[i].name, units[i].text);
    return s;
}

/* Runs that end by themselves. `log` (may be NULL) is in the log. */
struct run {
    const char *label;
    int exit_code;
    const char *log;
    struct unit_text units[4];
};

static void run_all(const struct run *runs, size_t count, void **state)
{
    for (size_t i = 0; i < count; i++) {
        print_message("  %s\n", runs[i].label);
        struct scene *s = scene_with(runs[i].units, COUNT_OF(runs[i].units));
        int got = life_run(s, state);
        if (got != runs[i].exit_code)
            scene_fail(s, "%s: exit status %d, expected %d", runs[i].label, got, runs[i].exit_code);
        if (runs[i].log) life_expect_log(s, runs[i].log, true);
        scene_end(s);
    }
}

/* clang-format off */
/* D2, K27, K28, K30: what an essential unit's failure stands for; beside it runs one that only stops on TERM. */
static const struct run essential[] = {
    { "exit status", 3, "unit main.service: ExitContainerOnFailure -- initiating reverse shutdown",
      { { "main.service", ESSENTIAL "ExecStart=" ACTOR " exit 3\n" }, { "other.service", SLEEPER } } },
    { "K30: killed by a signal", 137, "unit main.service: failed: killed by SIGKILL",
      { { "main.service", ESSENTIAL "ExecStart=" ACTOR " kill-self KILL\n" }, { "other.service", SLEEPER } } },
    { "K30: a crash", 139, "killed by SIGSEGV",
      { { "main.service", ESSENTIAL "ExecStart=" ACTOR " kill-self SEGV\n" }, { "other.service", SLEEPER } } },
    { "K28: the program is missing", 203, "unit main.service: failed to start: ExecStart=/nowhere/program",
      { { "main.service", ESSENTIAL "ExecStart=/nowhere/program\n" }, { "other.service", SLEEPER } } },
    { "K28: no such user", 217, "unit main.service: failed to start:",
      { { "main.service", ESSENTIAL "User=nobody-knows-me\nExecStart=" ACTOR " sleep\n" }, { "other.service", SLEEPER } } },
    { "K28: no such group", 216, "unit main.service: failed to start:",
      { { "main.service", ESSENTIAL "Group=nobody-knows-me\nExecStart=" ACTOR " sleep\n" }, { "other.service", SLEEPER } } },
    { "K28: no such directory", 200, "unit main.service: failed to start:",
      { { "main.service", ESSENTIAL "WorkingDirectory=/nowhere\nExecStart=" ACTOR " sleep\n" }, { "other.service", SLEEPER } } },
    { "a failed ExecStartPre=", 12, "unit main.service: failed to start: ExecStartPre=",
      { { "main.service", ESSENTIAL "ExecStartPre=" ACTOR " exit 12\nExecStart=" ACTOR " sleep\n" }, { "other.service", SLEEPER } } },
    { "a failed ExecStartPost=", 13, "unit main.service: failed to start: ExecStartPost=",
      { { "main.service", ESSENTIAL "ExecStart=" ACTOR " sleep\nExecStartPost=" ACTOR " exit 13\n" }, { "other.service", SLEEPER } } },
    { "the second command of a oneshot", 14, "unit main.service: failed: exit code 14",
      { { "main.service", ESSENTIAL "Type=oneshot\nExecStart=" ACTOR " exit 0\nExecStart=" ACTOR " exit 14\nExecStart=" ACTOR " exit 15\n" } } },
    { "a start that takes too long counts as 1", 1, "unit main.service: start timed out",
      { { "main.service", ESSENTIAL "Type=oneshot\nTimeoutStartSec=50ms\nExecStart=" ACTOR " sleep\n" }, { "other.service", SLEEPER } } },
    { "PIDFile= that never comes counts as 1", 1, "unit main.service: failed to start:",
      { { "main.service", ESSENTIAL "Type=forking\nPIDFile=/run/never\nExecStart=" ACTOR " exit 0\n" }, { "other.service", SLEEPER } } },
    { "of two failures the first", 3, NULL,
      { { "main.service", ESSENTIAL "ExecStart=" ACTOR " exit 3\n" },
        { "other.service", "[Unit]\nBefore=main.service\n" ESSENTIAL "ExecStart=/bin/sh -c 'trap \"exit 7\" TERM; while :; do :; done'\n" } } },
    { "a failure comes before a force-killed unit", 3, "other.service force-killed",
      { { "main.service", "[Unit]\nAfter=ready.service\n" ESSENTIAL "ExecStart=" ACTOR " exit 3\n" },
        { "ready.service", "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'until test -e /scene/up; do :; done'\n" },
        { "other.service", "[Service]\nTimeoutStopSec=50ms\nExecStart=" ACTOR " ignore TERM -- mark /scene/up x -- sleep\n" } } },
    { "restarts come first, then the last failure decides", 6, "start limit hit (3 starts within 1min); not starting again",
      { { "main.service", ESSENTIAL "Restart=on-failure\nRestartSec=0\nStartLimitBurst=3\nStartLimitIntervalSec=60\nExecStart=" ACTOR " exit 6\n" }, { "other.service", SLEEPER } } },
    { "RestartPreventExitStatus= decides at once", 6, NULL,
      { { "main.service", ESSENTIAL "Restart=always\nRestartPreventExitStatus=6\nExecStart=" ACTOR " exit 6\n" }, { "other.service", SLEEPER } } },
    { "a status that counts as success decides nothing", 0, NULL,
      { { "main.service", ESSENTIAL "SuccessExitStatus=6\nExecStart=" ACTOR " exit 6\n" } } },
    { "AssertPathExists= counts as 1", 1, "unit main.service: failed to start: AssertPathExists=/nowhere unmet",
      { { "main.service", "[Unit]\nAssertPathExists=/nowhere\n" ESSENTIAL "ExecStart=" ACTOR " sleep\n" }, { "other.service", SLEEPER } } },
};

/* D5, K31: nothing is left to do. */
static const struct run leaving[] = {
    { "oneshots have done their work", 0, "nothing is left to run or to wait for; leaving",
      { { "a.service", "[Service]\nType=oneshot\nExecStart=" ACTOR " exit 0\n" } } },
    { "the last service ended well", 0, NULL, { { "a.service", "[Service]\nExecStart=" ACTOR " exit 0\n" } } },
    { "the last service failed, and nothing asked for it", 0, "unit a.service: failed: exit code 9",
      { { "a.service", "[Service]\nExecStart=" ACTOR " exit 9\n" } } },
    { "no unit at all", 0, NULL, { { NULL, NULL } } },
    { "targets do not stay", 0, NULL, { { "all.target", "[Unit]\nWants=a.service\n" }, { "a.service", "[Service]\nExecStart=" ACTOR " exit 0\n" } } },
    { "K31: a failed set-up that something requires", 4, "unit app.service: not started: required unit setup.service failed",
      { { "setup.service", "[Service]\nType=oneshot\nExecStart=" ACTOR " exit 4\n" },
        { "app.service", "[Unit]\nRequires=setup.service\nAfter=setup.service\n" SLEEPER } } },
    { "K31: through a unit between them", 4, "unit app.service: not started: required unit middle.service failed",
      { { "setup.service", "[Service]\nType=oneshot\nExecStart=" ACTOR " exit 4\n" },
        { "middle.service", "[Unit]\nRequires=setup.service\nAfter=setup.service\n" SLEEPER },
        { "app.service", "[Unit]\nRequires=middle.service\nAfter=middle.service\n" SLEEPER } } },
    { "K31: of two the first", 5, NULL,
      { { "a-setup.service", "[Unit]\nAfter=b-setup.service\n[Service]\nType=oneshot\nExecStart=" ACTOR " exit 6\n" },
        { "b-setup.service", "[Service]\nType=oneshot\nExecStart=" ACTOR " exit 5\n" },
        { "app.service", "[Unit]\nRequires=a-setup.service\nAfter=a-setup.service\n" SLEEPER },
        { "bpp.service", "[Unit]\nRequires=b-setup.service\nAfter=b-setup.service\n" SLEEPER } } },
    { "a failed set-up that is only wanted", 0, NULL,
      { { "setup.service", "[Service]\nType=oneshot\nExecStart=" ACTOR " exit 4\n" },
        { "app.service", "[Unit]\nWants=setup.service\nAfter=setup.service\n[Service]\nExecStart=" ACTOR " exit 0\n" } } },
    { "a clean stop command after the end", 0, NULL,
      { { "a.service", "[Service]\nExecStart=" ACTOR " exit 0\nExecStop=" ACTOR " mark /scene/stop x\n" } } },
};

/* D2: where a handler asks for the exit, the code is that of the unit whose failure started it. */
static const struct run by_handler[] = {
    { "the cause's status", 9, "OnFailure target handler.service requested container exit (failed=false)",
      { { "a.service", "[Unit]\nOnFailure=handler.service\n[Service]\nExecStart=" ACTOR " exit 9\n" }, { "b.service", SLEEPER },
        { "handler.service", ESSENTIAL "Type=oneshot\nExecStart=" ACTOR " exit 0\n" } } },
    { "also when the handler fails", 9, "OnFailure target handler.service requested container exit (failed=true)",
      { { "a.service", "[Unit]\nOnFailure=handler.service\n[Service]\nExecStart=" ACTOR " exit 9\n" }, { "b.service", SLEEPER },
        { "handler.service", ESSENTIAL "Type=oneshot\nExecStart=" ACTOR " exit 4\n" } } },
    { "of two causes the first", 9, NULL,
      { { "a.service", "[Unit]\nOnFailure=handler.service\n[Service]\nExecStart=" ACTOR " exit 9\n" },
        { "b.service", "[Unit]\nOnFailure=handler.service\n[Service]\nType=oneshot\nExecStart=/bin/sh -c 'until test -e /scene/handling; do :; done; exit 8'\n" },
        { "handler.service", ESSENTIAL "Type=oneshot\nExecStart=" ACTOR " mark /scene/handling x -- pause 100\n" } } },
    { "a socket that cannot bind counts as 1", 1, NULL,
      { { "a.socket", "[Unit]\nOnFailure=handler.service\n[Socket]\nListenStream=192.0.2.1:80\n" }, { "a.service", SLEEPER },
        { "b.service", SLEEPER }, { "handler.service", ESSENTIAL "Type=oneshot\nExecStart=" ACTOR " exit 0\n" } } },
    { "a handler out of starts asks all the same", 9, "OnFailure target handler.service requested container exit (start limit hit)",
      { { "a.service", "[Unit]\nOnFailure=handler.service\nAfter=handler.service\n[Service]\nExecStart=" ACTOR " exit 9\n" },
        { "b.service", SLEEPER },
        { "handler.service", "[Unit]\nStartLimitBurst=1\nStartLimitIntervalSec=60\n" ESSENTIAL "Type=oneshot\nExecStart=" ACTOR " exit 0\n" },
        { "puller.service", "[Unit]\nWants=handler.service\n" SLEEPER } } },
};
/* clang-format on */

static void test_essential(void **state)
{
    run_all(essential, COUNT_OF(essential), state);
}

static void test_leaving(void **state)
{
    run_all(leaving, COUNT_OF(leaving), state);
}

static void test_by_handler(void **state)
{
    run_all(by_handler, COUNT_OF(by_handler), state);
}

/* K29: asked for from outside: 0, whatever the services answer to our signal. */
static void test_stop_from_outside(void **state)
{
    struct scene *s = scene_new();
    scene_unit(s, "a.service",
               ESSENTIAL "ExecStart=/bin/sh -c 'trap \"exit 7\" TERM; echo a up; while :; do :; done'\n");
    scene_unit(s, "b.service", ESSENTIAL "KillSignal=SIGUSR1\nExecStart=" ACTOR " sleep\n");
    scene_unit(s, "c.service", ESSENTIAL "ExecStart=" ACTOR " sleep\n");
    life_boot(s, state);
    scene_wait_log(s, "a up");
    life_wait_state(s, "b.service", "running");
    life_wait_state(s, "c.service", "running");
    scene_stop(s, SIGTERM);
    assert_int_equal(scene_exit_code(s), 0);
    scene_wait_event(s, "exited", "a.service", "err", "exit code 7", NULL);
    scene_wait_event(s, "exited", "b.service", "err", "killed by SIGUSR1", NULL);
    scene_wait_event(s, "boot_done", NULL, "exit", "0", NULL);
    scene_end(s);
}

/* D7: these signals are a clean end of a service, whoever sends them; no failure, no restart on failure. */
static void test_clean_signals(void **state)
{
    static const char *const signals[] = { "HUP", "INT", "TERM", "PIPE" };
    struct scene *s = scene_new();
    char name[64], text[256];
    for (size_t i = 0; i < COUNT_OF(signals); i++) {
        (void)snprintf(name, sizeof name, "%s.service", signals[i]);
        (void)snprintf(text, sizeof text,
                       ESSENTIAL "Restart=on-failure\nIgnoreSIGPIPE=no\nExecStart=" ACTOR " kill-self %s\n",
                       signals[i]);
        scene_unit(s, name, text);
    }
    scene_unit(s, "usr1.service", "[Service]\nExecStart=" ACTOR " kill-self USR1\n");
    assert_int_equal(life_run(s, state), 0);
    for (size_t i = 0; i < COUNT_OF(signals); i++) {
        char words[64];
        (void)snprintf(name, sizeof name, "%s.service", signals[i]);
        (void)snprintf(words, sizeof words, "killed by SIG%s", signals[i]);
        scene_wait_event(s, "exited", name, "failed", "false", "err", words, NULL);
        scene_wait_event(s, "unit_state", name, "sub", "dead", "result", "success", NULL);
        life_expect_count(s, 1, "spawn", name);
    }
    scene_wait_event(s, "unit_state", "usr1.service", "sub", "failed", "result", "signal", NULL);
    scene_end(s);
}

/* D5: each of these keeps PID 1, alone. */
static void test_what_stays(void **state)
{
    static const struct {
        const char *label, *unit, *sub;
        struct unit_text units[2];
    } rows[] = {
        { "an active oneshot",
          "a.service",
          "exited",
          { { "a.service", "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=" ACTOR " exit 0\n" } } },
        { "a listening socket",
          "a.socket",
          "listening",
          { { "a.socket", "[Socket]\nListenStream=/run/a\n" }, { "a.service", SLEEPER } } },
        { "a pending restart",
          "a.service",
          "auto-restart",
          { { "a.service", "[Service]\nRestart=always\nRestartSec=1h\nExecStart=" ACTOR " exit 0\n" } } },
        { "a start that waits",
          "a.service",
          "start-pre",
          { { "a.service", "[Service]\nExecStartPre=" ACTOR " sleep\nExecStart=" ACTOR " exit 0\n" } } },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        print_message("  %s\n", rows[i].label);
        struct scene *s = scene_with(rows[i].units, COUNT_OF(rows[i].units));
        scene_boot(s, NULL);
        life_wait_state(s, rows[i].unit, rows[i].sub);
        scene_stop(s, SIGUSR1); /* a round of the loop goes by */
        const char *const nothing[] = { "/bin/true", NULL };
        assert_int_equal(scene_exec(s, nothing, NULL), 0);
        life_expect_log(s, "leaving", false);
        scene_stop(s, SIGTERM);
        assert_int_equal(scene_exit_code(s), 0);
        scene_end(s);
    }
}

/* D5: --stay. */
static void test_stay(void **state)
{
    struct scene *s = scene_new();
    scene_unit(s, "a.service", "[Service]\nType=oneshot\nExecStart=" ACTOR " exit 0\n");
    BOOT_WITH(s, state, "--stay");
    scene_wait_event(s, "startup_finished", NULL, NULL);
    const char *const nothing[] = { "/bin/true", NULL };
    assert_int_equal(scene_exec(s, nothing, NULL), 0);
    life_expect_log(s, "leaving", false);
    scene_stop(s, SIGTERM);
    assert_int_equal(scene_exit_code(s), 0);
    scene_end(s);
}

int main(void)
{
    scene_skip_unless_possible();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_essential),   cmocka_unit_test(test_leaving),
        cmocka_unit_test(test_by_handler),  IN_BOTH_PLACES(test_stop_from_outside),
        IN_BOTH_PLACES(test_clean_signals), cmocka_unit_test(test_what_stays),
        cmocka_unit_test(test_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
