/* tests/e2e/test_probes.c - ReadyWhen= and HealthCheck= on real processes. */
#include "tests/e2e/expect.h"
#include "tests/e2e/life.h"

/* Waits for /scene/NAME, then goes on. */
#define WAIT_FOR(name) "until test -e /scene/" name "; do sleep 0.02; done; "

/* clang-format off */
/* What a program does once /scene/go is there, and how that is seen. */
static const struct { const char *label, *when, *program; } forms[] = {
    { "tcp:",      "tcp:127.0.0.1:7001", "exec " ACTOR " tcp-echo 127.0.0.1 7001" },
    { "tcp: name", "tcp:localhost:7001", "exec " ACTOR " tcp-echo 127.0.0.1 7001" },
    { "unix:",     "unix:/run/a.sock",   "exec " ACTOR " unix-echo /run/a.sock" },
    { "path:",     "path:/run/a.ready",  ": >/run/a.ready; exec " ACTOR " sleep" },
    { "http:",     "http://127.0.0.1:7002/go", "exec busybox httpd -f -p 127.0.0.1:7002 -h /scene" },
    { "exec:",     "exec:/usr/bin/test -e /run/a.ready", ": >/run/a.ready; exec " ACTOR " sleep" },
    { "log:",      "log:^(server|daemon) [0-9]+ is up$", "echo server 12 is up now; echo daemon 12 is up; exec " ACTOR " sleep" },
};
/* clang-format on */

/* A unit is up when what it waits for is true, and not before; then nothing is asked any more (K77). */
static void test_ready_when(void **state)
{
    for (size_t i = 0; i < COUNT_OF(forms); i++) {
        print_message("  %s\n", forms[i].label);
        struct scene *s = scene_new();
        char text[1024];
        (void)snprintf(text, sizeof text,
                       "[Service]\nReadyIntervalSec=20ms\nReadyWhen=%s\nExecStart=/bin/sh -c '" WAIT_FOR("go") "%s'\n",
                       forms[i].when, forms[i].program);
        scene_unit(s, "a.service", text);
        scene_unit(s, "b.service", "[Unit]\nAfter=a.service\n[Service]\nExecStart=" ACTOR " sleep\n");
        life_boot(s, state);
        bool asks = strncmp(forms[i].when, "log:", 4) != 0;
        if (asks) (void)scene_wait_nth_event(s, 3, "probe", "a.service", "status", "error", NULL);
        (void)scene_wait_event(s, "unit_state", "a.service", "sub", "start", NULL);
        life_expect_count(s, 0, "spawn", "b.service");
        life_touch(s, "go");
        life_wait_state(s, "b.service", "running");
        life_expect_states_in_order(s, "a.service", "running", "b.service", "start");
        life_expect_path(s, "a.service", "start running");
        scene_stop(s, SIGTERM);
        assert_int_equal(scene_exit_code(s), 0);
        assert_int_equal(scene_count_events(s, "probe", "a.service", "status", "ok", "directive", "ReadyWhen", NULL),
                         1);
        scene_end(s);
    }
}

static const char sleeper[] = "ExecStart=" ACTOR " sleep\n";

/* ReadyThreshold= in a row; ReadyTimeoutSec= of one look, after which it is killed and others follow. */
static void test_threshold_and_timeout(void **state)
{
    struct scene *s = scene_new();
    scene_unit(s, "a.service",
               "[Service]\nReadyIntervalSec=20ms\nReadyThreshold=3\nReadyTimeoutSec=2s\n"
               "ReadyWhen=exec:/bin/sh -c 'echo $$$$ >>/scene/pids; n=$$(wc -l </scene/pids); "
               "case $$n in 1|2) exit 0;; 3) exit 4;; 4) exec sleep 1000;; esac'\nExecStart=" ACTOR " sleep\n");
    scene_unit(s, "b.service",
               "[Service]\nReadyIntervalSec=20ms\nReadyThreshold=2\nReadyWhen=log:tick\n"
               "ExecStart=/bin/sh -c 'echo tick; " WAIT_FOR("go") "echo tick; exec " ACTOR " sleep'\n");
    life_boot(s, state);
    life_wait_state(s, "a.service", "running");
    (void)scene_wait_event(s, "unit_state", "b.service", "sub", "start", NULL);
    scene_wait_log(s, "[b] tick\n");
    life_touch(s, "go");
    life_wait_state(s, "b.service", "running");
    assert_int_equal(scene_count_events(s, "probe", "a.service", "status", "ok", NULL), 5);
    assert_int_equal(scene_count_events(s, "probe", "a.service", "err", "exit code 4", NULL), 1);
    assert_int_equal(scene_count_events(s, "probe", "a.service", "err", "it took too long", NULL), 1);
    scene_stop(s, SIGTERM);
    assert_int_equal(scene_exit_code(s), 0);
    assert_int_equal(scene_count_events(s, "probe", "b.service", NULL), 1);
    scene_end(s);
}

/* TimeoutStartSec= bounds it all, and the log says what was wrong; a program that ends first has failed. */
static void test_never_ready(void **state)
{
    struct scene *s = scene_new();
    scene_unit(s, "a.service",
               "[Service]\nTimeoutStartSec=1s\nReadyIntervalSec=20ms\nReadyWhen=tcp:127.0.0.1:9\n"
               "ExecStart=" ACTOR " sleep\n");
    scene_unit(s, "b.service",
               "[Service]\nReadyWhen=path:/nowhere\nReadyIntervalSec=20ms\n"
               "ExecStart=/bin/sh -c '" WAIT_FOR("go") "'\n");
    scene_unit(s, "c.service",
               "[Service]\nReadyWhen=tcp:db.example.com:5432\nTimeoutStartSec=500ms\nExecStart=" ACTOR " sleep\n");
    life_boot(s, state);
    (void)scene_wait_nth_event(s, 2, "probe", "b.service", "err", "No such file or directory", NULL);
    life_touch(s, "go");
    assert_int_equal(scene_exit_code(s), 0);
    (void)scene_wait_event(s, "unit_state", "a.service", "active", "failed", "result", "timeout", NULL);
    (void)scene_wait_event(s, "unit_state", "b.service", "active", "failed", "result", "protocol", NULL);
    life_expect_log(s, "unit a.service: ReadyWhen=tcp:127.0.0.1:9 was not true at the last look: Connection refused",
                    true);
    life_expect_log(s, "unit b.service: failed to start: its main process ended before it was ready", true);
    life_expect_log(s, "at the last look: no such name in /etc/hosts (there is no DNS here)", true);
    scene_end(s);
}

/* K70: a look has the unit's user, directory, environment (that of the container included) and cgroup, and dies with
 * it. */
static void test_looks_belong_to_the_unit(void **state)
{
    struct scene *s = scene_new();
    struct scene_spec spec = life_spec(state);
    assert_int_equal(box_spec_env(&spec.box, "FROM_OUTSIDE=deep"), 0);
    scene_user(s, "web", 1234, "/var/web");
    scene_unit(s, "a.service",
               "[Service]\nUser=web\nWorkingDirectory=/usr\nEnvironment=COLOUR=blue\nReadyIntervalSec=20ms\n"
               "ExecStartPre=+/bin/chmod 1777 /scene\nTimeoutStopSec=5s\n"
               "ReadyWhen=exec:/bin/sh -c 'echo $$(id -u) $$PWD $$FROM_OUTSIDE $$COLOUR $$MAINPID >/scene/look; echo "
               "from the look; "
               "echo $$$$ >/scene/pid; exec sleep 1000'\n"
               "ReadyTimeoutSec=0\nExecStart=/bin/sh -c 'echo $$$$ >/scene/main; exec " ACTOR " sleep'\n");
    scene_boot(s, &spec);
    scene_wait_file(s, "pid", "\n");
    scene_wait_log(s, "[a] from the look\n");
    char want[64], *main = scene_read(s, "main");
    (void)snprintf(want, sizeof want, "1234 /usr deep blue %s", main);
    free(main);
    life_expect_file(s, "look", want);
    life_expect_alive(s, "pid", true);
    scene_stop(s, SIGTERM);
    assert_int_equal(scene_exit_code(s), 0);
    life_expect_log(s, "force-killed", false);
    scene_end(s);
}

/* A look at the log that does not read costs the log nothing: what it misses is counted. */
static void test_stuck_look_at_the_log(void **state)
{
    struct scene *s = scene_new();
    scene_file(s, "/usr/local/bin/stop-looks", 0755,
               "#!/bin/sh\nuntil pid=$(grep -l '__prob[e]' /proc/[0-9]*/cmdline 2>/dev/null) && [ \"$pid\" ]; do sleep "
               "0.02; done\n"
               "for p in $pid; do p=${p#/proc/}; kill -STOP ${p%/cmdline}; done\n");
    scene_unit(s, "a.service",
               "[Service]\nReadyWhen=log:never printed\nTimeoutStopSec=5s\n"
               "ExecStart=/bin/sh -c '/usr/local/bin/stop-looks; " ACTOR
               " flood 1 60000 0123456789012345678901234567890123456789; echo the end; exec " ACTOR " sleep'\n");
    life_boot(s, state);
    scene_wait_log(s, "[a] the end\n");
    scene_stop(s, SIGTERM);
    assert_int_equal(scene_exit_code(s), 0);
    life_expect_log(s, "lines came too fast to be looked at", true);
    scene_end(s);
}

/* What is printed before READY of an earlier run does not make a later one ready. */
static void test_ready_again_after_a_restart(void **state)
{
    struct scene *s = scene_new();
    scene_unit(s, "a.service",
               "[Service]\nRestart=always\nRestartSec=0\nReadyWhen=log:up\nReadyIntervalSec=20ms\n"
               "ExecStart=/bin/sh -c 'if test -e /scene/second; then " WAIT_FOR(
                   "go") "echo up; exec " ACTOR " sleep; fi; : >/scene/second; echo up; " WAIT_FOR("end") "'\n");
    life_boot(s, state);
    life_wait_state(s, "a.service", "running");
    life_touch(s, "end");
    (void)scene_wait_nth_event(s, 2, "unit_state", "a.service", "sub", "start", NULL);
    (void)scene_wait_nth_event(s, 2, "spawn", "a.service", NULL);
    assert_int_equal(scene_count_events(s, "unit_state", "a.service", "sub", "running", NULL), 1);
    life_touch(s, "go");
    (void)scene_wait_nth_event(s, 2, "unit_state", "a.service", "sub", "running", NULL);
    scene_stop(s, SIGTERM);
    assert_int_equal(scene_exit_code(s), 0);
    scene_end(s);
}

/* clang-format off */
/* A service that is well until /scene/break comes, and then is not, until it is started anew. */
#define UNTIL_BROKEN WAIT_FOR("break") "rm /scene/break; "
static const struct { const char *label, *check, *program; } checks[] = {
    { "tcp:",  "tcp:127.0.0.1:7001", ACTOR " tcp-echo 127.0.0.1 7001 & " UNTIL_BROKEN "kill $$!" },
    { "unix:", "unix:/run/a.sock",   "rm -f /run/a.sock; " ACTOR " unix-echo /run/a.sock & " UNTIL_BROKEN "kill $$!" },
    { "path:", "path:/run/a.well",   ": >/run/a.well; " UNTIL_BROKEN "rm /run/a.well" },
    { "http:", "http://localhost:7002/a.well", ": >/run/a.well; busybox httpd -f -p 127.0.0.1:7002 -h /run & " UNTIL_BROKEN "rm /run/a.well" },
    { "exec:", "exec:/usr/bin/test -e /run/a.well", ": >/run/a.well; " UNTIL_BROKEN "rm /run/a.well" },
    { "log:",  "log:^beat$", "until test -e /scene/break; do echo beat; sleep 0.05; done; rm /scene/break" },
};
/* clang-format on */

/* K77: failed checks restart the service, whatever Restart= says; the next run is asked again. */
static void test_health_check(void **state)
{
    for (size_t i = 0; i < COUNT_OF(checks); i++) {
        print_message("  %s\n", checks[i].label);
        struct scene *s = scene_new();
        char text[1024];
        (void)snprintf(text, sizeof text,
                       "[Service]\nHealthIntervalSec=20ms\nHealthTimeoutSec=500ms\nHealthRetries=2\n"
                       "HealthStartPeriodSec=20s\nHealthCheck=%s\nRestart=no\nRestartSec=0\n"
                       "ExecStart=/bin/sh -c '%s; exec " ACTOR " sleep'\n",
                       checks[i].check, checks[i].program);
        scene_unit(s, "a.service", text);
        life_boot(s, state);
        (void)scene_wait_event(s, "health", "a.service", "health", "healthy", NULL);
        life_touch(s, "break");
        (void)scene_wait_event(s, "health", "a.service", "health", "unhealthy", NULL);
        (void)scene_wait_nth_event(s, 2, "unit_state", "a.service", "sub", "running", NULL);
        (void)scene_wait_nth_event(s, 2, "health", "a.service", "health", "healthy", NULL);
        (void)scene_wait_event(s, "unit_state", "a.service", "sub", "auto-restart", "result", "health", NULL);
        scene_stop(s, SIGTERM);
        assert_int_equal(scene_exit_code(s), 0);
        scene_end(s);
    }
}

#define SICK "HealthIntervalSec=20ms\nHealthRetries=2\nHealthCheck=path:/nowhere\nExecStart=" ACTOR " sleep\n"

/* clang-format off */
static const struct { const char *label, *settings; int exit_code; size_t runs; const char *log; } actions[] = {
    { "restart, within the start limit", "HealthAction=restart\n", 0, 3, "unit a.service: start limit hit" },
    { "fail", "HealthAction=fail\n", 0, 1, "OnFailure: invoking b.service" },
    { "fail, and Restart= decides", "HealthAction=fail\nRestart=on-failure\n", 0, 3, "unit a.service: start limit hit" },
    { "fail is what a watchdog is", "HealthAction=fail\nRestart=on-watchdog\n", 0, 3, "unit a.service: start limit hit" },
    { "fail is no signal", "HealthAction=fail\nRestart=on-abort\n", 0, 1, "OnFailure: invoking b.service" },
    { "fail, of a unit that decides", "HealthAction=fail\nExitContainerOnFailure=yes\n", 1, 1, "ExitContainerOnFailure -- initiating reverse shutdown" },
    { "exit-container", "HealthAction=exit-container\n", 1, 1, "unit a.service: HealthAction=exit-container -- initiating reverse shutdown" },
};
/* clang-format on */

static void test_actions(void **state)
{
    for (size_t i = 0; i < COUNT_OF(actions); i++) {
        print_message("  %s\n", actions[i].label);
        struct scene *s = scene_new();
        char text[1024];
        (void)snprintf(text, sizeof text,
                       "[Unit]\nOnFailure=b.service\nStartLimitBurst=3\nStartLimitIntervalSec=60\n"
                       "[Service]\nRestartSec=0\n%s" SICK,
                       actions[i].settings);
        scene_unit(s, "a.service", text);
        scene_unit(s, "b.service", "[Service]\nType=oneshot\nExecStart=" ACTOR " exit 0\n");
        int code = life_run(s, state);
        if (code != actions[i].exit_code) scene_fail(s, "exit status %d, expected %d", code, actions[i].exit_code);
        life_expect_log(s, actions[i].log, true);
        life_expect_log(s, "unit a.service: HealthCheck=path:/nowhere failed (1 of 2): No such file or directory",
                        true);
        life_expect_count(s, actions[i].runs, "spawn", "a.service");
        scene_end(s);
    }
}

/* none: told, and nothing else, also when it is well again. */
static void test_action_none(void **state)
{
    struct scene *s = scene_new();
    scene_unit(s, "a.service",
               "[Service]\nHealthAction=none\nHealthIntervalSec=20ms\nHealthRetries=2\nHealthCheck=path:/scene/well\n"
               "ExecStart=" ACTOR " sleep\n");
    life_boot(s, state);
    (void)scene_wait_event(s, "health", "a.service", "health", "unhealthy", NULL);
    (void)scene_wait_nth_event(s, 6, "probe", "a.service", "status", "error", NULL);
    life_touch(s, "well");
    (void)scene_wait_event(s, "health", "a.service", "health", "healthy", NULL);
    life_expect_path(s, "a.service", "start running");
    life_expect_count(s, 2, "health", "a.service");
    struct str answer = STR_EMPTY;
    static const char *const show[] = { "container-init", "systemctl", "show", "-p", "Health", "a", NULL };
    assert_int_equal(scene_exec(s, show, &answer), 0);
    assert_string_equal(str_text(&answer), "Health=healthy\n");
    str_done(&answer);
    static const char *const status[] = { "container-init", "systemctl", "status", "a", NULL };
    assert_int_equal(scene_exec(s, status, &answer), 0);
    assert_non_null(strstr(str_text(&answer), "\n     Health: healthy\n"));
    str_done(&answer);
    scene_stop(s, SIGTERM);
    assert_int_equal(scene_exit_code(s), 0);
    scene_end(s);
}

/* What a look has started ends with it when it takes too long, or each look would leave something behind. */
static void test_look_with_children(void **state)
{
    struct scene *s = scene_new();
    scene_unit(s, "a.service",
               "[Service]\nHealthAction=none\nHealthIntervalSec=20ms\nHealthTimeoutSec=400ms\nHealthRetries=1\n"
               "HealthCheck=exec:/bin/sh -c 'sleep 1000 & echo $$! >/scene/child; wait'\n"
               "ExecStart=" ACTOR " sleep\n");
    life_boot(s, state);
    scene_wait_file(s, "child", "\n");
    char *first = scene_read(s, "child"), path[PATH_MAX];
    (void)scene_wait_nth_event(s, 2, "probe", "a.service", "err", "it took too long", NULL);
    FILE *copy = fopen(scene_path(s, "first", path), "we");
    assert_non_null(copy);
    assert_true(fputs(first, copy) >= 0);
    assert_int_equal(fclose(copy), 0);
    free(first);
    life_expect_alive(s, "first", false);
    scene_stop(s, SIGTERM);
    assert_int_equal(scene_exit_code(s), 0);
    scene_end(s);
}

/* HealthStartPeriodSec=: failures do not count, until the first success. */
static void test_start_period(void **state)
{
    struct scene *s = scene_new();
    scene_unit(s, "a.service",
               "[Service]\nHealthAction=fail\nHealthStartPeriodSec=1h\nHealthIntervalSec=20ms\nHealthRetries=1\n"
               "HealthCheck=path:/scene/well\nExecStart=" ACTOR " sleep\n");
    life_boot(s, state);
    (void)scene_wait_nth_event(s, 5, "probe", "a.service", "status", "error", NULL);
    life_expect_count(s, 0, "health", "a.service");
    life_expect_path(s, "a.service", "start running");
    life_touch(s, "well");
    (void)scene_wait_event(s, "health", "a.service", "health", "healthy", NULL);
    char path[PATH_MAX];
    assert_int_equal(unlink(scene_path(s, "well", path)), 0);
    (void)scene_wait_event(s, "unit_state", "a.service", "active", "failed", "result", "health", NULL);
    assert_int_equal(scene_exit_code(s), 0);
    scene_end(s);
}

/* Without /proc, and after our own program was replaced, what was opened at start is executed. */
static void test_without_proc(void **state)
{
    (void)state;
    struct scene_spec spec = SCENE_SPEC_DEFAULT;
    struct scene *s = scene_new();
    spec.plain = true;
    spec.box.no_proc = true;
    scene_unit(s, "a.service",
               "[Service]\nReadyIntervalSec=20ms\nReadyWhen=path:/scene/go\n"
               "ExecStartPre=/bin/rm /usr/local/bin/container-init\nExecStart=" ACTOR " sleep\n");
    scene_boot(s, &spec);
    (void)scene_wait_nth_event(s, 2, "probe", "a.service", "err", "No such file or directory", NULL);
    life_touch(s, "go");
    life_wait_state(s, "a.service", "running");
    scene_stop(s, SIGTERM);
    assert_int_equal(scene_exit_code(s), 0);
    scene_end(s);
}

/* K72: what hangs is one look, and neither PID 1 nor the stop. (Who looks into such a directory while another does
 * waits for a lock that SIGKILL does not end; so each has its own.) */
static void test_hung_path(void **state)
{
    (void)state;
    struct scene_spec spec = SCENE_SPEC_DEFAULT;
    struct scene *s = scene_new();
    spec.box.setup = ACTOR " hung-mount /hung-a /hung-b /hung-c </dev/null >/dev/null 2>&1";
    scene_unit(s, "a.service",
               "[Service]\nReadyTimeoutSec=400ms\nReadyIntervalSec=20ms\nReadyWhen=path:/hung-a/x\n"
               "ExecStart=" ACTOR " sleep\n");
    scene_unit(s, "b.service", "[Service]\nReadyTimeoutSec=0\nReadyWhen=path:/hung-b/x\nExecStart=" ACTOR " sleep\n");
    scene_unit(s, "c.service",
               "[Service]\nHealthTimeoutSec=400ms\nHealthIntervalSec=20ms\nHealthRetries=1\n"
               "HealthAction=fail\nHealthCheck=path:/hung-c/x\nExecStart=" ACTOR " sleep\n");
    scene_boot(s, &spec);
    (void)scene_wait_nth_event(s, 2, "probe", "a.service", "err", "it took too long", NULL);
    (void)scene_wait_event(s, "unit_state", "c.service", "active", "failed", "result", "health", NULL);
    (void)scene_wait_event(s, "unit_state", "b.service", "sub", "start", NULL);
    scene_stop(s, SIGTERM);
    assert_int_equal(scene_exit_code(s), 0);
    scene_end(s);
}

/* A daemon is asked once its parent has left, and its main process is known. */
static void test_forking(void **state)
{
    struct scene *s = scene_new();
    scene_unit(s, "a.service",
               "[Service]\nType=forking\nPIDFile=/run/a.pid\nReadyIntervalSec=20ms\n"
               "ReadyWhen=path:/scene/go\nExecStart=" ACTOR " daemon /run/a.pid -- sleep\n");
    life_boot(s, state);
    (void)scene_wait_nth_event(s, 2, "probe", "a.service", "status", "error", NULL);
    life_expect_path(s, "a.service", "start");
    life_touch(s, "go");
    life_wait_state(s, "a.service", "running");
    scene_stop(s, SIGTERM);
    assert_int_equal(scene_exit_code(s), 0);
    scene_end(s);
}

/* What cannot be asked is refused when it is loaded. */
static void test_refused(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    char text[256];
    (void)snprintf(text, sizeof text, "[Service]\n%sReadyWhen=log:a(b\n", sleeper);
    scene_unit(s, "a.service", text);
    expect_validate(
        s, "--format=gcc", 64,
        "a.service:3:16: error[bad-probe]: [Service] ReadyWhen=: 'log:a(b' is no regular expression: it has "
        "a '(' without its ')'");
    scene_end(s);
}

int main(void)
{
    scene_skip_unless_possible();
    const struct CMUnitTest tests[] = {
        IN_BOTH_PLACES(test_ready_when),
        IN_BOTH_PLACES(test_threshold_and_timeout),
        cmocka_unit_test(test_never_ready),
        IN_BOTH_PLACES(test_looks_belong_to_the_unit),
        cmocka_unit_test(test_stuck_look_at_the_log),
        cmocka_unit_test(test_ready_again_after_a_restart),
        IN_BOTH_PLACES(test_health_check),
        cmocka_unit_test(test_actions),
        cmocka_unit_test(test_action_none),
        IN_BOTH_PLACES(test_look_with_children),
        cmocka_unit_test(test_start_period),
        cmocka_unit_test(test_without_proc),
        cmocka_unit_test(test_hung_path),
        IN_BOTH_PLACES(test_forking),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
