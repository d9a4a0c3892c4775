/* tests/e2e/test_unit_actions.c - SuccessAction=, FailureAction=, StartLimitAction=, JobTimeoutAction=: the end of the
 * container, its status, and the file that says why. */
#include "tests/e2e/expect.h"
#include "tests/e2e/life.h"

#define SLEEPER "[Service]\nExecStart=" ACTOR " sleep\n"
/* Stays until it is killed: an ordered stop needs its time limit. */
#define STUBBORN "[Service]\nTimeoutStopSec=400ms\nExecStart=" ACTOR " ignore TERM -- mark /scene/up x -- sleep\n"
#define AFTER_UP "ExecStartPre=/bin/sh -c 'until test -e /scene/up; do sleep 0.02; done'\n"
#define LIMIT    "StartLimitBurst=2\nStartLimitIntervalSec=60\n"
#define AGAIN    "Restart=on-failure\nRestartSec=0\n"

/* clang-format off */
static const struct { const char *label, *unit, *service; int exit_code; const char *log; } rows[] = {
    /* success */
    { "exit", "SuccessAction=exit\n", "Type=oneshot\nExecStart=" ACTOR " exit 0\n", 0, "unit a.service: SuccessAction=exit -- initiating reverse shutdown" },
    { "exit with the status of a success", "SuccessAction=exit\n", "SuccessExitStatus=7\nExecStart=" ACTOR " exit 7\n", 7, "SuccessAction=exit" },
    { "a clean signal is 0", "SuccessAction=exit\n", "ExecStart=" ACTOR " kill-self TERM\n", 0, "SuccessAction=exit" },
    { "SuccessActionExitStatus=", "SuccessAction=exit\nSuccessActionExitStatus=9\n", "Type=oneshot\nExecStart=" ACTOR " exit 0\n", 9, "SuccessAction=exit" },
    { "a failure is no success", "SuccessAction=exit\nSuccessActionExitStatus=9\nFailureAction=exit\n", "ExecStart=" ACTOR " exit 3\n", 3, "FailureAction=exit" },
    { "ExecCondition= counts", "SuccessAction=exit\nSuccessActionExitStatus=5\n", "ExecCondition=" ACTOR " exit 1\nExecStart=" ACTOR " exit 0\n", 5, "SuccessAction=exit" },
    { "poweroff", "SuccessAction=poweroff\n", "SuccessExitStatus=7\nExecStart=" ACTOR " exit 7\n", 0, "SuccessAction=poweroff" },
    { "reboot is for the runtime to do", "SuccessAction=reboot\n", "Type=oneshot\nExecStart=" ACTOR " exit 0\n", 133, "SuccessAction=reboot" },
    { "halt", "SuccessAction=halt\n", "Type=oneshot\nExecStart=" ACTOR " exit 0\n", 0, "SuccessAction=halt" },
    /* failure, D2 */
    { "exit after a failure", "FailureAction=exit\n", "ExecStart=" ACTOR " exit 3\n", 3, "unit a.service: FailureAction=exit -- initiating reverse shutdown" },
    { "K30: 128 and the signal", "FailureAction=exit\n", "ExecStart=" ACTOR " kill-self KILL\n", 137, "FailureAction=exit" },
    { "a failed step of the start", "FailureAction=exit\n", "ExecStart=/nowhere/program\n", 203, "FailureAction=exit" },
    { "a timeout is 1", "FailureAction=exit\n", "Type=oneshot\nTimeoutStartSec=400ms\nExecStart=" ACTOR " sleep\n", 1, "FailureAction=exit" },
    { "FailureActionExitStatus=", "FailureAction=exit\nFailureActionExitStatus=0\n", "ExecStart=" ACTOR " exit 3\n", 0, "FailureAction=exit" },
    { "before a restart as well", "FailureAction=exit\n", AGAIN "ExecStart=" ACTOR " exit 3\n", 3, "FailureAction=exit" },
    { "not with RestartMode=direct", "FailureAction=exit\n" LIMIT, AGAIN "RestartMode=direct\nExecStart=" ACTOR " crash /scene/runs 2\n", 3, NULL },
    { "poweroff after a failure", "FailureAction=poweroff\n", "ExecStart=" ACTOR " exit 3\n", 3, "FailureAction=poweroff" },
    { "soft-reboot", "FailureAction=soft-reboot\n", "ExecStart=" ACTOR " exit 3\n", 133, "FailureAction=soft-reboot" },
    { "kexec", "FailureAction=kexec-force\n", "ExecStart=" ACTOR " exit 3\n", 133, "FailureAction=kexec-force" },
    { "none", "FailureAction=none\nSuccessAction=none\n", "ExecStart=" ACTOR " exit 3\n", -1, NULL },
    /* the start limit */
    { "StartLimitAction=", "StartLimitAction=exit\n" LIMIT, AGAIN "ExecStart=" ACTOR " exit 6\n", 6, "unit a.service: StartLimitAction=exit -- initiating reverse shutdown" },
    { "StartLimitAction= in [Service]", LIMIT, "StartLimitAction=exit\n" AGAIN "ExecStart=" ACTOR " exit 6\n", 6, "StartLimitAction=exit" },
    /* jobs */
    { "JobTimeoutAction=", "JobTimeoutSec=400ms\nJobTimeoutAction=exit\n", "Type=oneshot\nExecStart=" ACTOR " sleep\n", 1, "unit a.service: JobTimeoutAction=exit -- initiating reverse shutdown" },
    { "JobTimeoutAction= does not count RestartSec=", "JobTimeoutSec=500ms\nJobTimeoutAction=exit\nStartLimitBurst=2\nStartLimitIntervalSec=60\nStartLimitAction=exit\n", "Restart=on-failure\nRestartSec=1s\nExecStart=" ACTOR " exit 6\n", 6, "StartLimitAction=exit" },
    { "D2: the first that decides", "FailureAction=exit\n", "ExitContainerOnFailure=yes\nExecStart=" ACTOR " exit 4\n", 4, "ExitContainerOnFailure" },
};
/* clang-format on */

static void test_actions(void **state)
{
    (void)state;
    void *place = (void *)(uintptr_t)&without_leaves; /* without CAP_SYS_BOOT, as under Docker */
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        print_message("  %s\n", rows[i].label);
        struct scene *s = scene_new();
        char text[1024];
        if (strstr(rows[i].label, "direct") != NULL) { /* it goes on after its restarts */
            (void)snprintf(text, sizeof text, "[Unit]\n%s[Service]\n%s", rows[i].unit, rows[i].service);
            scene_unit(s, "a.service", text);
            life_boot(s, &place);
            assert_int_equal(scene_exit_code(s), 0);
            life_expect_log(s, "FailureAction=exit", false);
            scene_end(s);
            continue;
        }
        (void)snprintf(text, sizeof text, "[Unit]\n%s[Service]\n%s", rows[i].unit, rows[i].service);
        scene_unit(s, "a.service", text);
        scene_unit(s, "other.service", SLEEPER);
        life_boot(s, &place);
        if (rows[i].exit_code < 0) { /* nothing follows */
            life_wait_state(s, "a.service", "failed");
            life_wait_state(s, "other.service", "running");
            scene_stop(s, SIGTERM);
        }
        int code = scene_exit_code(s);
        if (code != MAX_OF(rows[i].exit_code, 0))
            scene_fail(s, "%s: exit status %d, expected %d", rows[i].label, code, rows[i].exit_code);
        if (rows[i].log) life_expect_log(s, rows[i].log, true);
        scene_end(s);
    }
}

/* In order the others get their stop signal and time; -force kills them at once; -immediate leaves without a word. */
static void test_manners(void **state)
{
    static const struct {
        const char *action;
        int exit_code;
        size_t terminated, killed_in_time;
    } manners[] = { { "exit", 3, 1, 1 }, { "exit-force", 3, 1, 0 }, { "poweroff-immediate", 3, 0, 0 } };
    for (size_t i = 0; i < COUNT_OF(manners); i++) {
        print_message("  %s\n", manners[i].action);
        struct scene *s = scene_new();
        char text[512];
        (void)snprintf(text, sizeof text,
                       "[Unit]\nFailureAction=%s\n[Service]\n" AFTER_UP "ExecStart=" ACTOR " exit 3\n",
                       manners[i].action);
        scene_unit(s, "a.service", text);
        scene_unit(s, "other.service", STUBBORN);
        int code = life_run(s, state);
        if (code != manners[i].exit_code) scene_fail(s, "exit status %d", code);
        size_t terminated = scene_count_events(s, "unit_state", "other.service", "sub", "stop-sigterm", NULL);
        size_t killed = scene_count_events(s, "unit_state", "other.service", "sub", "stop-sigkill", NULL);
        if (terminated != manners[i].terminated || killed != manners[i].killed_in_time)
            scene_fail(s, "%zu times terminated, %zu killed", terminated, killed);
        life_expect_log(s, "leaving without an ordered stop", i > 0);
        scene_end(s);
    }
}

/* A privileged container tells the kernel, which ends it by SIGHUP: systemd's own containers do the same. */
static void test_reboot_with_the_capability(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    scene_unit(s, "a.service", "[Unit]\nSuccessAction=reboot\n[Service]\nType=oneshot\nExecStart=" ACTOR " exit 0\n");
    scene_boot(s, NULL);
    assert_int_equal(scene_exit_code(s), 128 + SIGHUP);
    scene_end(s);
}

/* StartLimitAction= of a unit that has failed before: the stop that begins is not held up by its job. */
static void test_start_limit_of_a_failed_unit(void **state)
{
    struct scene *s = scene_new();
    scene_unit(s, "a.service",
               "[Unit]\nStartLimitBurst=1\nStartLimitIntervalSec=60\nStartLimitAction=exit\n[Service]\n"
               "ExecStart=" ACTOR " exit 6\n");
    scene_unit(s, "other.service", SLEEPER);
    BOOT_WITH(s, state, "--stop-timeout=20s");
    life_wait_state(s, "a.service", "failed");
    life_wait_state(s, "other.service", "running");
    const char *const start[] = {
        "/usr/local/bin/container-init", "systemctl", "start", "--no-block", "a.service", NULL
    };
    (void)scene_exec(s, start, NULL); /* the container may be gone before the answer */
    assert_int_equal(scene_exit_code(s), 6);
    life_expect_log(s, "unit a.service: StartLimitAction=exit", true);
    int64_t took = 0;
    assert_int_equal(json_get_i64(scene_wait_event(s, "reverse_shutdown_done", NULL, NULL), "dt_ms", &took), 0);
    assert_true(took < 10 * 1000); /* not at the bound */
    scene_end(s);
}

/* A start that comes to nothing is no end. */
static void test_no_end(void **state)
{
    struct scene *s = scene_new();
    scene_unit(s, "b.service", "[Service]\nType=oneshot\nExecStart=" ACTOR " exit 3\n");
    scene_unit(s, "a.target",
               "[Unit]\nSuccessAction=exit\nSuccessActionExitStatus=9\nRequires=b.service\nAfter=b.service\n");
    scene_unit(s, "c.target", "[Unit]\nSuccessAction=exit\nSuccessActionExitStatus=8\nConditionPathExists=/nowhere\n");
    scene_unit(s, "other.service", "[Unit]\nAfter=a.target c.target\n" SLEEPER);
    life_boot(s, state);
    life_wait_state(s, "other.service", "running");
    scene_stop(s, SIGTERM);
    assert_int_equal(scene_exit_code(s), 0);
    life_expect_log(s, "SuccessAction=exit", false);
    scene_end(s);
}

/* Units of other kinds have their ends, too. */
static void test_other_kinds(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    scene_unit(s, "s.socket", "[Unit]\nFailureAction=exit\n[Socket]\nListenStream=/proc/nowhere\nService=c.service\n");
    scene_unit(s, "c.service", SLEEPER);
    scene_boot(s, NULL);
    assert_int_equal(scene_exit_code(s), 1);
    life_expect_log(s, "unit s.socket: FailureAction=exit", true);
    scene_end(s);

    s = scene_new();
    scene_unit(s, "a.target", "[Unit]\nSuccessAction=exit\nSuccessActionExitStatus=8\n");
    scene_unit(s, "go.socket", "[Socket]\nListenStream=/run/go\n");
    scene_unit(s, "go.service", "[Unit]\nConflicts=a.target\nAfter=a.target\n" SLEEPER);
    scene_boot(s, NULL);
    (void)scene_wait_event(s, "unit_state", "a.target", "sub", "active", NULL);
    (void)scene_wait_event(s, "bound", "go.socket", NULL);
    close(scene_connect(s, "unix:/run/go"));
    assert_int_equal(scene_exit_code(s), 8);
    life_expect_log(s, "unit a.target: SuccessAction=exit", true);
    scene_end(s);
}

/* ---- --termination-log ---- */

static void expect_reason(struct scene *s, const char *want)
{
    char *got = scene_read(s, "reason");
    bool same = got && strcmp(got, want) == 0;
    if (!same) (void)fprintf(stderr, "the reason is \"%s\", expected \"%s\"\n", got ? got : "not there", want);
    free(got);
    if (!same) scene_fail(s, "another reason");
}

/* Unit, cause, and what it said last; nobody else's lines, whose name may end alike. An older, longer reason is gone.
 */
static void test_reason(void **state)
{
    struct scene *s = scene_new();
    scene_unit(
        s, "a.service",
        "[Service]\nExitContainerOnFailure=yes\nExecStartPre=/bin/sh -c 'head -c 5000 /dev/zero >/scene/reason'\n"
        "ExecStart=/bin/sh -c 'echo opening the database; echo no such table >&2; exit 3'\n");
    scene_unit(s, "other-a.service",
               "[Unit]\nBefore=a.service\n[Service]\nExecStart=/bin/sh -c 'echo good morning; exec " ACTOR
               " on-term /scene/marks other 0'\n");
    BOOT_WITH(s, state, "--termination-log", "/scene/reason");
    assert_int_equal(scene_exit_code(s), 3);
    char *text = scene_read(s, "reason");
    assert_non_null(text);
    assert_memory_equal(text, "a.service failed: exit-code, exit status 3\n", 43);
    assert_non_null(strstr(text, "\nopening the database\n"));
    assert_non_null(strstr(text, "\nno such table\n"));
    assert_non_null(strstr(text, "\ncontainer-init: unit a.service: failed: exit code 3\n"));
    assert_null(strstr(text, "good morning"));
    assert_null(strstr(text, "other"));
    free(text);
    scene_end(s);
}

/* At most 4096 bytes, of which the last lines are kept whole. */
static void test_long_reason(void **state)
{
    struct scene *s = scene_new();
    scene_unit(s, "a.service",
               "[Service]\nExitContainerOnFailure=yes\nExecStart=" ACTOR
               " flood 1 3000 line -- write 1 last_words -- exit 3\n");
    BOOT_WITH(s, state, "--termination-log=/scene/reason");
    assert_int_equal(scene_exit_code(s), 3);
    char *text = scene_read(s, "reason");
    assert_non_null(text);
    assert_true(strlen(text) <= 4096 && strlen(text) > 3900);
    assert_memory_equal(text, "a.service failed: exit-code, exit status 3\n", 43);
    assert_non_null(strstr(text, "\nlast_words\n"));
    assert_null(strstr(text, "startup finished"));
    free(text);
    scene_end(s);
}

/* clang-format off */
static const struct { const char *label, *unit; int exit_code; const char *want; } reasons[] = {
    { "success leaves the file alone", "[Service]\nExecStart=" ACTOR " exit 0\n", 0, NULL },
    { "a failure that decides nothing", "[Service]\nExecStart=" ACTOR " exit 3\n", 0, NULL },
    { "a unit that was refused", "[Service]\nExecStart=relative/program\n", 64,
      "container-init: load units: unit load errors:\n  unit load errors:\n  a.service: [Service] ExecStart: the program is neither an absolute path nor a bare name (line 2, bad-command)\n" },
};
/* clang-format on */

static void test_when_there_is_a_reason(void **state)
{
    for (size_t i = 0; i < COUNT_OF(reasons); i++) {
        print_message("  %s\n", reasons[i].label);
        struct scene *s = scene_new();
        scene_unit(s, "a.service", reasons[i].unit);
        BOOT_WITH(s, state, "--termination-log", "/scene/reason");
        assert_int_equal(scene_exit_code(s), reasons[i].exit_code);
        char *text = scene_read(s, "reason");
        if (!reasons[i].want) assert_null(text);
        free(text);
        if (reasons[i].want) expect_reason(s, reasons[i].want);
        scene_end(s);
    }
}

/* The default is written when it is there, and not made; what cannot be written is said once, and an empty path is
 * none.
 */
static void test_where_it_goes(void **state)
{
    static const char failing[] = "[Service]\nExitContainerOnFailure=yes\nExecStart=" ACTOR " exit 3\n";
    struct scene *s = scene_new();
    scene_unit(s, "a.service", failing);
    scene_unit(s, "b.service",
               "[Unit]\nBefore=a.service\n[Service]\nType=oneshot\n"
               "ExecStart=/bin/sh -c 'test ! -e /dev/termination-log'\n");
    life_boot(s, state);
    assert_int_equal(scene_exit_code(s), 3);
    life_expect_log(s, "termination log", false);
    scene_end(s);

    s = scene_new();
    struct scene_spec spec = life_spec(state);
    spec.box.setup = "ln -s /scene/reason /dev/termination-log; : >/scene/reason";
    scene_unit(s, "a.service", failing);
    scene_boot(s, &spec);
    assert_int_equal(scene_exit_code(s), 3);
    char *text = scene_read(s, "reason");
    assert_memory_equal(text, "a.service failed: exit-code, exit status 3\n", 43);
    free(text);
    scene_end(s);

    s = scene_new();
    scene_unit(s, "a.service", failing);
    BOOT_WITH(s, state, "--termination-log", "/proc/nowhere/reason");
    assert_int_equal(scene_exit_code(s), 3);
    life_expect_log(s, "container-init: termination log: /proc/nowhere/reason: No such file or directory\n", true);
    scene_end(s);

    s = scene_new();
    spec.args[0] = "--termination-log=";
    scene_unit(s, "a.service", failing);
    scene_boot(s, &spec);
    assert_int_equal(scene_exit_code(s), 3);
    text = scene_read(s, "reason");
    assert_string_equal(text, "");
    free(text);
    scene_end(s);
}

/* K72: a file that never answers is not waited for beyond a bound; one that PID 1 may not touch, but which answers, is
 * written by another. */
static void test_far_files(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        int exit_code;
        const char *unit, *log;
    } far[] = {
        { "/hung/reason", 3, "[Service]\nExitContainerOnFailure=yes\nExecStart=" ACTOR " exit 3\n",
          "termination log: /hung/reason: " },
        { "/hung/reason", 64, "[Service]\nExecStart=relative/program\n", "termination log: /hung/reason: " },
        { "/far/reason", 3, "[Service]\nExitContainerOnFailure=yes\nExecStart=" ACTOR " exit 3\n", NULL },
        { "/far/reason", 64, "[Service]\nExecStart=relative/program\n", NULL },
    };
    for (size_t i = 0; i < COUNT_OF(far); i++) {
        struct scene *s = scene_new();
        struct scene_spec spec = SCENE_SPEC_DEFAULT;
        spec.box.setup =
            ACTOR " hung-mount /hung </dev/null >/dev/null 2>&1\n"
                  "mkdir -p /scene/low /scene/up /scene/work /far\n"
                  "mount -t overlay far -o lowerdir=/scene/low,upperdir=/scene/up,workdir=/scene/work /far\n";
        spec.args[0] = "--termination-log";
        spec.args[1] = far[i].path;
        scene_unit(s, "a.service", far[i].unit);
        scene_boot(s, &spec);
        int code = scene_exit_code(s);
        if (code != far[i].exit_code) scene_fail(s, "exit status %d", code);
        life_expect_log(s, "termination log", far[i].log != NULL);
        if (far[i].log) life_expect_log(s, far[i].log, true);
        char *text = scene_read(s, "up/reason");
        if (far[i].log)
            assert_null(text);
        else
            assert_true(text && strstr(text, "a.service"));
        free(text);
        scene_end(s);
    }
}

int main(void)
{
    scene_skip_unless_possible();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_actions),
        IN_BOTH_PLACES(test_manners),
        cmocka_unit_test(test_reboot_with_the_capability),
        cmocka_unit_test(test_start_limit_of_a_failed_unit),
        cmocka_unit_test(test_no_end),
        cmocka_unit_test(test_other_kinds),
        cmocka_unit_test(test_reason),
        cmocka_unit_test(test_long_reason),
        cmocka_unit_test(test_when_there_is_a_reason),
        IN_BOTH_PLACES(test_where_it_goes),
        cmocka_unit_test(test_far_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
