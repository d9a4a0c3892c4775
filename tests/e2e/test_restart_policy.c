/* tests/e2e/test_restart_policy.c - Restart=, the exit status lists, start limits: systemd.service(5), systemd.unit(5).
 */
#include "tests/e2e/life.h"

/* once NAME VERB...: plays the part the first time and leaves with 0 from then on. */
static const char once[] = "#!/bin/sh\ntest -e /scene/$1 && exit 0\necho > /scene/$1\nshift\nexec " ACTOR " \"$@\"\n";

/* clang-format off */
/* systemd.service(5), the table of Restart=: how many times the program runs when it first ends as in the column and
 * then cleanly; with on-success and always every clean end is followed by another, so StartLimitBurst=3 ends it. */
static const struct { const char *restart; int clean, failure, unclean, dump, timeout; } policies[] = {
    { "no",          1, 1, 1, 1, 1 },
    { "on-success",  3, 1, 1, 1, 1 },
    { "on-failure",  1, 2, 2, 2, 2 },
    { "on-abnormal", 1, 1, 2, 2, 2 },
    { "on-abort",    1, 1, 2, 2, 1 },
    { "on-watchdog", 1, 1, 1, 1, 1 },
    { "always",      3, 3, 3, 3, 3 },
};
static const char *const endings[] = { "exit 0", "exit 3", "kill-self USR1", "kill-self QUIT", "sleep" };
static const char *const ending_names[] = { "clean", "failure", "unclean", "dump", "timeout" };
/* clang-format on */

/* "timeout" is the start's: of ExecStartPre=, since the start of a oneshot may not be repeated by all policies. */
static void add_policy(struct scene *s, size_t policy, size_t ending)
{
    char name[64], text[512];
    const char *restart = policies[policy].restart;
    bool timeout = strcmp(ending_names[ending], "timeout") == 0;
    (void)snprintf(name, sizeof name, "%s.%s.service", restart, ending_names[ending]);
    (void)snprintf(text, sizeof text,
                   "[Unit]\nStartLimitBurst=3\nStartLimitIntervalSec=60\n[Service]\nRestart=%s\nRestartSec=0\n%s"
                   "/usr/local/bin/once %s.%s %s\n%s",
                   restart, timeout ? "TimeoutStartSec=400ms\nExecStartPre=" : "ExecStart=", restart,
                   ending_names[ending], endings[ending], timeout ? "ExecStart=" ACTOR " exit 0\n" : "");
    scene_unit(s, name, text);
}

static void test_policies(void **state)
{
    struct scene *s = scene_new();
    scene_file(s, "/usr/local/bin/once", 0755, once);
    for (size_t p = 0; p < COUNT_OF(policies); p++)
        for (size_t e = 0; e < COUNT_OF(endings); e++) add_policy(s, p, e);
    assert_int_equal(life_run(s, state), 0);
    for (size_t p = 0; p < COUNT_OF(policies); p++) {
        const int want[] = { policies[p].clean, policies[p].failure, policies[p].unclean, policies[p].dump,
                             policies[p].timeout };
        for (size_t e = 0; e < COUNT_OF(endings); e++) {
            char name[64];
            (void)snprintf(name, sizeof name, "%s.%s.service", policies[p].restart, ending_names[e]);
            size_t runs = scene_count_events(s, "unit_state", name, "sub", e == 4 ? "start-pre" : "start", NULL);
            if (runs != (size_t)want[e]) scene_fail(s, "%s: %zu runs, expected %d", name, runs, want[e]);
        }
    }
    scene_end(s);
}

/* clang-format off */
static const struct { const char *label, *settings, *program; size_t runs; } lists[] = {
    { "RestartPreventExitStatus= by status", "Restart=always\nRestartPreventExitStatus=3\n", "exit 3", 1 },
    { "RestartPreventExitStatus= by signal", "Restart=always\nRestartPreventExitStatus=SIGUSR1\n", "kill-self USR1", 1 },
    { "RestartForceExitStatus= by status",   "Restart=no\nRestartForceExitStatus=3 4\n", "exit 4", 2 },
    { "RestartForceExitStatus= by signal",   "Restart=no\nRestartForceExitStatus=USR1\n", "kill-self USR1", 2 },
    { "SuccessExitStatus= is no failure",    "Restart=on-failure\nSuccessExitStatus=3\n", "exit 3", 1 },
    { "SuccessExitStatus= is a success",     "Restart=on-success\nSuccessExitStatus=3 SIGUSR1\n", "kill-self USR1", 3 },
    { "prevention wins over force",          "Restart=always\nRestartForceExitStatus=3\nRestartPreventExitStatus=3\n", "exit 3", 1 },
    { "K45: the very first end is like any other", "Restart=on-failure\n", "exit 1", 2 },
    { "S49: TERM from outside is clean (D7)", "Restart=on-failure\n", "kill-self TERM", 1 },
};
/* clang-format on */

static void test_status_lists(void **state)
{
    struct scene *s = scene_new();
    scene_file(s, "/usr/local/bin/once", 0755, once);
    for (size_t i = 0; i < COUNT_OF(lists); i++) {
        char name[64], text[512];
        (void)snprintf(name, sizeof name, "row%zu.service", i);
        (void)snprintf(text, sizeof text,
                       "[Service]\nStartLimitBurst=3\nStartLimitIntervalSec=60\nRestartSec=0\n%sExecStart=/usr/local/"
                       "bin/once row%zu %s\n",
                       lists[i].settings, i, lists[i].program);
        scene_unit(s, name, text);
    }
    assert_int_equal(life_run(s, state), 0);
    for (size_t i = 0; i < COUNT_OF(lists); i++) {
        char name[64];
        (void)snprintf(name, sizeof name, "row%zu.service", i);
        size_t runs = scene_count_events(s, "spawn", name, NULL);
        if (runs != lists[i].runs) scene_fail(s, "%s: %zu runs, expected %zu", lists[i].label, runs, lists[i].runs);
    }
    scene_end(s);
}

/* K12: stopped while it waits out RestartSec=, and it does not come back. */
static void test_stop_during_the_wait(void **state)
{
    struct scene *s = scene_new();
    scene_unit(s, "victim.service", "[Service]\nRestart=always\nRestartSec=1h\nExecStart=" ACTOR " exit 3\n");
    life_stopper(s, "victim");
    life_boot(s, state);
    life_wait_state(s, "victim.service", "auto-restart");
    life_stop_unit(s, "victim");
    life_wait_state(s, "victim.service", "dead");
    life_wait_state(s, "stop-victim.service", "running");
    life_expect_count(s, 1, "spawn", "victim.service");
    scene_stop(s, SIGTERM);
    assert_int_equal(scene_exit_code(s), 0);
    life_expect_count(s, 1, "spawn", "victim.service");
    scene_end(s);
}

/* A stop that was asked for is final, whatever Restart= says. */
static void test_stopped_is_not_restarted(void **state)
{
    struct scene *s = scene_new();
    scene_unit(s, "victim.service", "[Service]\nRestart=always\nRestartSec=0\nExecStart=" ACTOR " sleep\n");
    life_stopper(s, "victim");
    life_boot(s, state);
    life_wait_state(s, "victim.service", "running");
    life_stop_unit(s, "victim");
    life_wait_state(s, "stop-victim.service", "running");
    life_expect_path(s, "victim.service", "start running stop-sigterm dead");
    scene_stop(s, SIGTERM);
    assert_int_equal(scene_exit_code(s), 0);
    scene_end(s);
}

/* K43: a crash loop without pause or limit starves nobody: other units start, stop and are collected meanwhile, and the
 * stop is prompt. */
static void test_crash_loop_starves_nobody(void **state)
{
    struct scene *s = scene_new();
    scene_unit(s, "loop.service", "[Service]\nRestart=always\nRestartSec=0\nExecStart=" ACTOR " exit 1\n");
    scene_unit(s, "echo.socket", "[Socket]\nListenStream=/run/echo\n");
    scene_unit(s, "echo.service", "[Service]\nExecStart=" ACTOR " listen-once\n");
    scene_unit(s, "slow.service", "[Service]\nExecStart=" ACTOR " on-term /scene/marks slow 20\n");
    life_boot(s, state);
    (void)scene_wait_nth_event(s, 20, "spawn", "loop.service", NULL);
    for (size_t round = 1; round <= 3; round++) {
        int fd = scene_connect(s, "unix:/run/echo");
        scene_send(s, fd, "hello\n");
        struct str answer = scene_receive(s, fd, "hello\n");
        str_done(&answer);
        close(fd);
        (void)scene_wait_nth_event(s, round, "rearmed", "echo.socket", NULL);
    }
    scene_wait_log(s, "slow ready");
    scene_stop(s, SIGTERM);
    assert_int_equal(scene_exit_code(s), 0);
    scene_wait_file(s, "marks", "slow");
    scene_end(s);
}

/* K43, S49: the default pause is 100 ms; said in the log. */
static void test_default_pause(void **state)
{
    struct scene *s = scene_new();
    int64_t first = 0, second = 0;
    scene_unit(s, "loop.service", "[Service]\nRestart=on-failure\nExecStart=" ACTOR " exit 1\n");
    life_boot(s, state);
    assert_int_equal(json_get_i64(scene_wait_nth_event(s, 1, "unit_state", "loop.service", "sub", "auto-restart", NULL),
                                  "t_start_ms", &first),
                     0);
    assert_int_equal(json_get_i64(scene_wait_nth_event(s, 2, "unit_state", "loop.service", "sub", "start", NULL),
                                  "t_start_ms", &second),
                     0);
    assert_true(second - first >= 50); /* the clock of the record is read later than that of the deadline */
    life_expect_log(s, "unit loop.service: restarting in 100ms (restart 1)", true);
    scene_stop(s, SIGTERM);
    assert_int_equal(scene_exit_code(s), 0);
    scene_end(s);
}

/* K44, S50: the limit counts all starts in a window that begins with the first; a new window counts anew. */
static void test_start_limit(void **state)
{
    struct scene *s = scene_new();
    scene_unit(s, "tight.service",
               "[Unit]\nStartLimitBurst=4\nStartLimitIntervalSec=1min\n[Service]\nRestart=always\nRestartSec="
               "10ms\nExecStart=" ACTOR " pause 20 -- exit 1\n");
    scene_unit(s, "both.service",
               "[Service]\nStartLimitBurst=2\nStartLimitIntervalSec=60s\nRestart=always\nRestartSec=0\nExecStart=" ACTOR
               " exit 0\n");
    /* One of the two given: systemd's default for the other, 5 starts or 10 s. */
    scene_unit(s, "default-burst.service",
               "[Unit]\nStartLimitIntervalSec=60\n[Service]\nRestart=always\nRestartSec=0\nExecStart=" ACTOR
               " exit 1\n");
    scene_unit(s, "default-interval.service",
               "[Unit]\nStartLimitBurst=3\n[Service]\nRestart=always\nRestartSec=0\nExecStart=" ACTOR " exit 1\n");
    /* No limit: none given, or 0. Each ends by its tenth run. */
    scene_unit(s, "unlimited.service",
               "[Service]\nRestart=on-failure\nRestartSec=0\nExecStart=" ACTOR " crash /scene/unlimited 10\n");
    scene_unit(s, "zero.service",
               "[Unit]\nStartLimitBurst=0\nStartLimitIntervalSec=60\n[Service]\nRestart=on-failure\nRestartSec="
               "0\nExecStart=" ACTOR " crash /scene/zero 10\n");
    /* A window that ends between two starts never fills. */
    scene_unit(s, "spread.service",
               "[Unit]\nStartLimitBurst=2\nStartLimitIntervalSec=30ms\n[Service]\nRestart=on-failure\nRestartSec="
               "20ms\nExecStart=" ACTOR " crash /scene/spread 10\n");
    assert_int_equal(life_run(s, state), 0);
    life_expect_count(s, 4, "spawn", "tight.service");
    life_expect_count(s, 2, "spawn", "both.service");
    life_expect_count(s, 5, "spawn", "default-burst.service");
    life_expect_count(s, 3, "spawn", "default-interval.service");
    life_expect_count(s, 10, "spawn", "unlimited.service");
    life_expect_count(s, 10, "spawn", "zero.service");
    life_expect_count(s, 10, "spawn", "spread.service");
    scene_wait_event(s, "start_limit_hit", "tight.service", "burst", "4", "interval_ms", "60000", NULL);
    scene_wait_event(s, "start_limit_hit", "default-burst.service", "burst", "5", NULL);
    scene_wait_event(s, "start_limit_hit", "default-interval.service", "interval_ms", "10000", NULL);
    scene_wait_event(s, "unit_state", "tight.service", "sub", "failed", "result", "start-limit-hit", NULL);
    life_expect_log(s, "unit tight.service: start limit hit (4 starts within 1min); not starting again", true);
    scene_end(s);
}

/* K40: who waits for a unit's readiness survives its restarts, and starts when it is ready. */
static void test_dependant_survives_restarts(void **state)
{
    struct scene *s = scene_new();
    scene_unit(s, "setup.service",
               "[Service]\nType=oneshot\nRemainAfterExit=yes\nRestart=on-failure\nRestartSec=10ms\nExecStart=" ACTOR
               " crash /scene/crashes 4\n");
    scene_unit(s, "app.service",
               "[Unit]\nRequires=setup.service\nAfter=setup.service\n[Service]\nExecStart=" ACTOR " sleep\n");
    life_boot(s, state);
    life_wait_state(s, "app.service", "running");
    life_expect_count(s, 4, "spawn", "setup.service");
    life_expect_count(s, 1, "spawn", "app.service");
    life_expect_count(s, 0, "dependency_failed", NULL);
    life_expect_states_in_order(s, "setup.service", "exited", "app.service", "start");
    scene_stop(s, SIGTERM);
    assert_int_equal(scene_exit_code(s), 0);
    scene_end(s);
}

/* K40, K35: until the limit; then it fails in turn, and nothing hangs. */
static void test_dependant_fails_at_the_limit(void **state)
{
    struct scene *s = scene_new();
    scene_unit(s, "setup.service",
               "[Service]\nType=oneshot\nRestart=on-failure\nRestartSec=5ms\nStartLimitBurst=3\nStartLimitIntervalSec="
               "60\nExecStart=" ACTOR " exit 7\n");
    scene_unit(s, "app.service",
               "[Unit]\nRequires=setup.service\nAfter=setup.service\n[Service]\nExecStart=" ACTOR " sleep\n");
    scene_unit(s, "free.service", "[Unit]\nAfter=setup.service\n[Service]\nExecStart=" ACTOR " exit 0\n");
    assert_int_equal(life_run(s, state), 7); /* K31 */
    life_expect_count(s, 3, "spawn", "setup.service");
    life_expect_count(s, 0, "spawn", "app.service");
    life_expect_count(s, 1, "spawn", "free.service");
    life_expect_log(s, "unit app.service: not started: required unit setup.service failed", true);
    scene_end(s);
}

/* A leaf that a run left empty is the next one's; not one that was killed as a whole, which takes no clones any more,
 * nor one in which the service made others. */
static void test_leaf_of_a_restart(void **state)
{
    static const struct {
        const char *name, *settings, *program;
        bool same;
    } rows[] = {
        { "empty", "RestartSec=0\n", "exit 1", true },
        { "paused", "RestartSec=2s\n", "exit 1", false },
        { "nested", "RestartSec=0\n", "mkdir /sys/fs/cgroup$leaf/sub; exit 1", false },
        { "killed", "RestartSec=0\nKillMode=mixed\n", ACTOR " ignore TERM -- sleep & exit 1", false },
    };
    struct scene *s = scene_new();
    char name[64], text[512];
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        (void)snprintf(name, sizeof name, "/usr/local/bin/%s", rows[i].name);
        (void)snprintf(text, sizeof text,
                       "#!/bin/sh\nleaf=$(sed -n s/^0:://p /proc/self/cgroup)\nstat -c %%i /sys/fs/cgroup$leaf >> "
                       "/scene/%s\n%s\n",
                       rows[i].name, rows[i].program);
        scene_file(s, name, 0755, text);
        (void)snprintf(name, sizeof name, "%s.service", rows[i].name);
        (void)snprintf(text, sizeof text,
                       "[Unit]\nStartLimitBurst=2\nStartLimitIntervalSec=1h\n[Service]\nType=oneshot\nRestart="
                       "on-failure\n%sExecStart=/usr/local/bin/%s\n",
                       rows[i].settings, rows[i].name);
        scene_unit(s, name, text);
    }
    (void)life_run(s, state);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char *inodes = scene_read(s, rows[i].name), *second = inodes ? strchr(inodes, '\n') : NULL;
        print_message("  %s: %s", rows[i].name, inodes ? inodes : "nothing\n");
        if (!second) scene_fail(s, "%s has not run twice", rows[i].name);
        *second++ = '\0';
        second[strcspn(second, "\n")] = '\0';
        assert_int_equal(strcmp(inodes, second) == 0, rows[i].same);
        free(inodes);
    }
    scene_end(s);
}

int main(void)
{
    scene_skip_unless_possible();
    const struct CMUnitTest tests[] = {
        IN_BOTH_PLACES(test_policies),
        cmocka_unit_test(test_status_lists),
        IN_BOTH_PLACES(test_stop_during_the_wait),
        IN_BOTH_PLACES(test_stopped_is_not_restarted),
        IN_BOTH_PLACES(test_crash_loop_starves_nobody),
        cmocka_unit_test(test_default_pause),
        cmocka_unit_test(test_leaf_of_a_restart),
        cmocka_unit_test(test_start_limit),
        IN_BOTH_PLACES(test_dependant_survives_restarts),
        cmocka_unit_test(test_dependant_fails_at_the_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
