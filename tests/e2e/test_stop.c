/* tests/e2e/test_stop.c - the ordered stop: who gets which signal when, and what nothing may hold up. */
#include "tests/e2e/life.h"

#define SLEEPER "[Service]\nExecStart=" ACTOR " sleep\n"

static void mark_file_order(struct scene *s, const char *const *words)
{
    char *text = scene_read(s, "marks"), *at = text;
    for (size_t i = 0; words[i]; i++) {
        char want[64];
        (void)snprintf(want, sizeof want, " %s\n", words[i]);
        at = at ? strstr(at, want) : NULL;
        if (!at) scene_fail(s, "\"%s\" is not number %zu in:\n%s", words[i], i, text ? text : "nothing");
    }
    free(text);
}

/* K17, K18, K19: a chain stops from its end, each unit after the one above it has ended, whatever it takes. */
static void test_reverse_order(void **state)
{
    struct scene *s = scene_new();
    scene_unit(s, "db.service", "[Service]\nTimeoutStopSec=infinity\nExecStart=" ACTOR " on-term /scene/marks db\n");
    scene_unit(s, "api.service",
               "[Unit]\nAfter=db.service\n[Service]\nTimeoutStopSec=infinity\n"
               "ExecStart=" ACTOR " on-term /scene/marks api 60\n");
    scene_unit(s, "web.service",
               "[Unit]\nAfter=api.service\n[Service]\nTimeoutStopSec=infinity\n"
               "ExecStart=" ACTOR " on-term /scene/marks web 120\n");
    scene_unit(s, "idle.service", SLEEPER);
    life_boot(s, state);
    scene_wait_log(s, "db ready");
    scene_wait_log(s, "api ready");
    scene_wait_log(s, "web ready");
    scene_stop(s, SIGTERM);
    assert_int_equal(scene_exit_code(s), 0);
    mark_file_order(s, (const char *const[]){ "web", "api", "db", NULL });
    life_expect_states_in_order(s, "web.service", "dead", "api.service", "stop-sigterm");
    life_expect_states_in_order(s, "api.service", "dead", "db.service", "stop-sigterm");
    life_expect_states_in_order(s, "idle.service", "dead", "web.service",
                                "dead"); /* in parallel, and it ends nothing */
    life_expect_log(s, "force-killed", false);
    scene_end(s);
}

/* K17: unordered units stop at the same time: each leaves only when the other was asked to. */
static void test_parallel_stop(void **state)
{
    static const char meet[] =
        "#!/bin/sh\ntrap 'echo > /scene/asked-$1; until test -e /scene/asked-$2; do :; done; exit 0' TERM\n"
        "echo > /scene/up-$1\nwhile :; do :; done\n";
    struct scene *s = scene_new();
    scene_file(s, "/usr/local/bin/meet", 0755, meet);
    scene_unit(s, "x.service", "[Service]\nExecStart=/usr/local/bin/meet x y\n");
    scene_unit(s, "y.service", "[Service]\nExecStart=/usr/local/bin/meet y x\n");
    life_boot(s, state);
    scene_wait_file(s, "up-x", "");
    scene_wait_file(s, "up-y", "");
    scene_stop(s, SIGTERM);
    assert_int_equal(scene_exit_code(s), 0);
    scene_end(s);
}

/* K13: nothing holds the container beyond the bound; "force-killed" says why. */
static void test_bound(void **state)
{
    struct scene *s = scene_new();
    scene_unit(s, "deaf.service",
               "[Service]\nTimeoutStopSec=infinity\nExecStart=" ACTOR
               " ignore TERM HUP INT -- escape /scene/child stubborn -- sleep\n");
    scene_unit(s, "polite.service", SLEEPER);
    BOOT_WITH(s, state, "--stop-timeout=400ms");
    scene_wait_file(s, "child", "\n");
    scene_stop(s, SIGTERM);
    assert_int_equal(scene_exit_code(s), 1);
    life_expect_log(s, "shutdown: deaf.service force-killed (stop timeout expired)", true);
    life_expect_log(s, "polite.service force-killed", false);
    life_expect_count(s, 1, "force_killed", NULL);
    life_expect_path(s, "deaf.service", "start running stop-sigterm final-sigkill failed");
    scene_end(s);
}

/* The unit's own limit comes before the bound, and says so (S17). */
static void test_grace(void **state)
{
    struct scene *s = scene_new();
    scene_unit(s, "deaf.service",
               "[Service]\nTimeoutStopSec=100ms\nExecStart=" ACTOR " ignore TERM -- signals /scene/up QUIT\n");
    life_boot(s, state);
    scene_wait_file(s, "up", "ready");
    scene_stop(s, SIGINT);
    assert_int_equal(scene_exit_code(s), 1);
    life_expect_log(s, "shutdown: deaf.service force-killed (grace expired)", true);
    life_expect_path(s, "deaf.service", "start running stop-sigterm stop-sigkill failed");
    scene_end(s);
}

/* D11: two stubborn dependants above a clean database: at three quarters of the bound it is asked too, order or not. */
static void test_near_bound(void **state)
{
    struct scene *s = scene_new();
    scene_unit(s, "db.service", "[Service]\nExecStart=" ACTOR " on-term /scene/marks db\n");
    scene_unit(s, "api.service",
               "[Unit]\nAfter=db.service\n[Service]\nTimeoutStopSec=infinity\nExecStart=" ACTOR
               " ignore TERM -- signals /scene/api-up QUIT\n");
    scene_unit(s, "web.service",
               "[Unit]\nAfter=api.service\n[Service]\nTimeoutStopSec=infinity\nExecStart=" ACTOR
               " ignore TERM -- signals /scene/web-up QUIT\n");
    BOOT_WITH(s, state, "--stop-timeout=800ms");
    scene_wait_log(s, "db ready");
    scene_wait_file(s, "api-up", "ready");
    scene_wait_file(s, "web-up", "ready");
    scene_stop(s, SIGTERM);
    assert_int_equal(scene_exit_code(s), 1);
    mark_file_order(s, (const char *const[]){ "db", NULL });
    life_expect_states_in_order(s, "db.service", "dead", "web.service", "final-sigkill");
    life_expect_states_in_order(s, "db.service", "dead", "api.service", "final-sigkill");
    life_expect_log(s, "db.service force-killed", false);
    life_expect_count(s, 2, "force_killed", NULL);
    scene_end(s);
}

/* D11: a hanging ExecStop= does not keep the main process from its signal. */
static void test_hanging_exec_stop(void **state)
{
    struct scene *s = scene_new();
    scene_unit(s, "db.service",
               "[Service]\nTimeoutStopSec=infinity\nExecStart=" ACTOR " on-term /scene/marks db\n"
               "ExecStop=" ACTOR " sleep\n");
    BOOT_WITH(s, state, "--stop-timeout=800ms");
    scene_wait_log(s, "db ready");
    scene_stop(s, SIGTERM);
    (void)scene_exit_code(s);
    mark_file_order(s, (const char *const[]){ "db", NULL });
    scene_end(s);
}

/* D15: 0 is infinity. */
static void test_no_stop_timeout(void **state)
{
    struct scene *s = scene_new();
    scene_unit(s, "slow.service", "[Service]\nTimeoutStopSec=0\nExecStart=" ACTOR " on-term /scene/marks slow 150\n");
    life_boot(s, state);
    scene_wait_log(s, "slow ready");
    scene_stop(s, SIGTERM);
    assert_int_equal(scene_exit_code(s), 0);
    mark_file_order(s, (const char *const[]){ "slow", NULL });
    life_expect_log(s, "force-killed", false);
    scene_end(s);
}

/* K16, K19, K23: no fixed pause anywhere: the signal goes out at once and the exit follows the last process, although a
 * grandchild holds the log pipe and the last line has no end. 5 s are far above what it takes and far below the 60 s of
 * its grace time. */
static void test_no_pause(void **state)
{
    struct scene *s = scene_new();
    int64_t took = 0;
    scene_unit(s, "a.service",
               "[Service]\nKillMode=process\nExecStart=" ACTOR " hold-output -- write-raw 1 last-words -- sleep\n");
    scene_unit(s, "b.service", SLEEPER);
    BOOT_WITH(s, state, "--stop-timeout=60s");
    scene_wait_event(s, "startup_finished", NULL, NULL);
    life_wait_state(s, "a.service", "running");
    scene_stop(s, SIGTERM);
    assert_int_equal(scene_exit_code(s), 0);
    assert_int_equal(json_get_i64(scene_wait_event(s, "reverse_shutdown_done", NULL, NULL), "dt_ms", &took), 0);
    if (took >= 5000) scene_fail(s, "the stop took %d ms", (int)took);
    scene_end(s);
}

/* K20, K25, S60: each of the stop signals, while units are still starting: what waits does not start. */
static void test_stop_while_starting(void **state)
{
    static const struct {
        const char *word;
        int signal;
    } rows[] = { { "terminated", SIGTERM }, { "interrupt", SIGINT }, { "signal 37", 0 } };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct scene *s = scene_new();
        char line[96];
        print_message("  %s\n", rows[i].word);
        scene_unit(s, "setup.service", "[Service]\nType=oneshot\nExecStart=" ACTOR " sleep\n");
        scene_unit(s, "app.service", "[Unit]\nAfter=setup.service\nRequires=setup.service\n" SLEEPER);
        scene_unit(s, "other.service", SLEEPER);
        life_boot(s, state);
        scene_wait_event(s, "setup_invoke", "setup.service", NULL);
        scene_stop(s, rows[i].signal ? rows[i].signal : SIGRTMIN + 3);
        assert_int_equal(scene_exit_code(s), 0);
        (void)snprintf(line, sizeof line, "received %s, beginning reverse shutdown", rows[i].word);
        life_expect_log(s, line, true);
        life_expect_count(s, 0, "spawn", "app.service");
        life_expect_path(s, "setup.service", "start stop-sigterm failed");
        scene_end(s);
    }
}

/* K20: also when it comes while units are read: the first word of container-init is about one of them. */
static void test_stop_at_once(void **state)
{
    struct scene *s = scene_new();
    scene_unit(s, "a.service", SLEEPER "Typo=yes\n");
    life_boot(s, state);
    scene_wait_log(s, "a.service [Service] Typo");
    scene_stop(s, SIGTERM);
    assert_int_equal(scene_exit_code(s), 0);
    scene_end(s);
}

/* S60: other signals end nothing and stop nothing. */
static void test_other_signals(void **state)
{
    const int others[] = { SIGHUP,  SIGUSR1, SIGUSR2, SIGALRM,  SIGPIPE,      SIGWINCH,     SIGQUIT,
                           SIGCONT, SIGTSTP, SIGPWR,  SIGRTMIN, SIGRTMIN + 1, SIGRTMIN + 2, SIGRTMIN + 18 };
    struct scene *s = scene_new();
    scene_unit(s, "a.service", SLEEPER);
    scene_unit(s, "b.socket", "[Socket]\nListenStream=/run/b\n");
    scene_unit(s, "b.service", "[Service]\nExecStart=" ACTOR " listen\n");
    life_boot(s, state);
    scene_wait_event(s, "startup_finished", NULL, NULL);
    for (size_t i = 0; i < COUNT_OF(others); i++) scene_stop(s, others[i]);
    scene_wait_log(s, "received hangup: there is nothing to reload");
    close(scene_connect(s, "unix:/run/b"));
    life_wait_state(s, "b.service", "running");
    life_expect_log(s, "reverse shutdown", false);
    scene_stop(s, SIGTERM);
    assert_int_equal(scene_exit_code(s), 0);
    scene_end(s);
}

/* K21: further stop signals change nothing: one TERM to the service, one sequence. */
static void test_second_signal(void **state)
{
    static const char script[] = "#!/bin/sh\ntrap 'echo TERM >> /scene/terms' TERM\necho > /scene/up\n"
                                 "until test -e /scene/release; do :; done\n";
    struct scene *s = scene_new();
    scene_file(s, "/usr/local/bin/count", 0755, script);
    scene_unit(s, "a.service", "[Service]\nExecStart=/usr/local/bin/count\n");
    life_boot(s, state);
    scene_wait_file(s, "up", "");
    scene_stop(s, SIGTERM);
    scene_wait_file(s, "terms", "TERM");
    scene_stop(s, SIGTERM);
    scene_stop(s, SIGINT);
    scene_wait_log(s, "received terminated, already stopping");
    scene_wait_log(s, "received interrupt, already stopping");
    life_touch(s, "release");
    assert_int_equal(scene_exit_code(s), 0);
    life_expect_file(s, "terms", "TERM\n");
    life_expect_path(s, "a.service", "start running stop-sigterm dead");
    scene_end(s);
}

/* K22: no restart, no handler, no activation after the stop began. */
static void test_nothing_starts_any_more(void **state)
{
    static const char script[] =
        "#!/bin/sh\ntrap 'echo > /scene/asked; until test -e /scene/release; do :; done; exit 3' TERM\n"
        "echo > /scene/up\nwhile :; do :; done\n";
    struct scene *s = scene_new();
    scene_file(s, "/usr/local/bin/fail-late", 0755, script);
    scene_unit(s, "a.service",
               "[Unit]\nOnFailure=handler.service\n[Service]\nRestart=always\nRestartSec=0\n"
               "ExecStart=/usr/local/bin/fail-late\nExitContainerOnFailure=yes\n");
    scene_unit(s, "handler.service", "[Service]\nType=oneshot\nExecStart=" ACTOR " exit 0\n");
    scene_unit(s, "lazy.socket", "[Unit]\nBefore=a.service\n[Socket]\nListenStream=/run/lazy\n");
    scene_unit(s, "lazy.service", SLEEPER);
    scene_unit(s, "waiting.service", "[Service]\nRestart=always\nRestartSec=1h\nExecStart=" ACTOR " exit 5\n");
    life_boot(s, state);
    scene_wait_file(s, "up", "");
    life_wait_state(s, "waiting.service", "auto-restart");
    scene_stop(s, SIGTERM);
    scene_wait_file(s, "asked", "");
    close(scene_connect(s, "unix:/run/lazy")); /* it stops after a.service and still listens */
    life_touch(s, "release");
    assert_int_equal(scene_exit_code(s), 0); /* K29 */
    life_expect_count(s, 1, "spawn", "a.service");
    life_expect_count(s, 0, "spawn", "handler.service");
    life_expect_count(s, 0, "spawn", "lazy.service");
    life_expect_count(s, 1, "spawn", "waiting.service"); /* K12 */
    life_expect_log(s, "OnFailure: invoking", false);
    scene_end(s);
}

/* S61: a socket closes after its service and what is ordered after that. */
static void test_sockets_close_last(void **state)
{
    struct scene *s = scene_new();
    scene_unit(s, "svc.socket", "[Socket]\nListenStream=/run/svc\n");
    scene_unit(s, "svc.service", "[Service]\nExecStart=" ACTOR " listen\n");
    scene_unit(s, "user.service", "[Unit]\nAfter=svc.service\nRequires=svc.service\n" SLEEPER);
    life_boot(s, state);
    life_wait_state(s, "user.service", "running");
    scene_stop(s, SIGTERM);
    assert_int_equal(scene_exit_code(s), 0);
    life_expect_states_in_order(s, "user.service", "dead", "svc.service", "dead");
    life_expect_states_in_order(s, "svc.service", "dead", "svc.socket", "dead");
    scene_end(s);
}

int main(void)
{
    scene_skip_unless_possible();
    const struct CMUnitTest tests[] = {
        IN_BOTH_PLACES(test_reverse_order),
        IN_BOTH_PLACES(test_parallel_stop),
        IN_BOTH_PLACES(test_bound),
        IN_BOTH_PLACES(test_grace),
        IN_BOTH_PLACES(test_near_bound),
        IN_BOTH_PLACES(test_hanging_exec_stop),
        IN_BOTH_PLACES(test_no_stop_timeout),
        IN_BOTH_PLACES(test_no_pause),
        cmocka_unit_test(test_stop_while_starting),
        cmocka_unit_test(test_stop_at_once),
        cmocka_unit_test(test_other_signals),
        IN_BOTH_PLACES(test_second_signal),
        IN_BOTH_PLACES(test_nothing_starts_any_more),
        IN_BOTH_PLACES(test_sockets_close_last),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
