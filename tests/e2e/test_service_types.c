/* tests/e2e/test_service_types.c - Type= simple, exec, oneshot, forking, and which process is the main one. */
#include "tests/e2e/life.h"

#define SLEEPER  "[Service]\nExecStart=" ACTOR " sleep\n"
#define NEEDS(x) "[Unit]\nRequires=" x ".service\nAfter=" x ".service\n" SLEEPER

static void end_well(struct scene *s)
{
    scene_stop(s, SIGTERM);
    assert_int_equal(scene_exit_code(s), 0);
    scene_end(s);
}

/* S41, D16: simple and exec are ready when the program runs; what is missing fails the start, loudly (K73). */
static void test_simple_and_exec(void **state)
{
    struct scene *s = scene_new();
    scene_unit(s, "simple.service", "[Service]\nType=simple\nExecStart=" ACTOR " sleep\n");
    scene_unit(s, "exec.service", "[Service]\nType=exec\nExecStart=" ACTOR " sleep\n");
    scene_unit(s, "gone-simple.service", "[Service]\nType=simple\nExecStart=/nowhere/program\n");
    scene_unit(s, "gone-exec.service", "[Service]\nType=exec\nExecStart=/nowhere/program\n");
    scene_unit(s, "needs-both.service",
               "[Unit]\nRequires=simple.service exec.service\nAfter=simple.service exec.service\n" SLEEPER);
    scene_unit(s, "needs-gone-simple.service", NEEDS("gone-simple"));
    scene_unit(s, "needs-gone-exec.service", NEEDS("gone-exec"));
    life_boot(s, state);
    scene_wait_event(s, "startup_finished", NULL, NULL);
    life_wait_state(s, "needs-both.service", "running");
    static const char *const kinds[] = { "simple", "exec" };
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        char gone[64], needs[64], phase[64];
        (void)snprintf(gone, sizeof gone, "gone-%s.service", kinds[i]);
        (void)snprintf(needs, sizeof needs, "needs-gone-%s.service", kinds[i]);
        (void)snprintf(phase, sizeof phase, "gone-%s_invoke", kinds[i]);
        scene_wait_event(s, "start_failed", gone, NULL);
        scene_wait_event(s, phase, gone, "status", "error", NULL);
        scene_wait_event(s, "unit_state", gone, "sub", "failed", "result", "exit-code", NULL);
        scene_wait_event(s, "dependency_failed", needs, "dependency", gone, NULL);
        life_expect_count(s, 0, "spawn", needs);
        life_expect_path(s, gone, "start stop-sigterm failed");
    }
    end_well(s);
}

/* A oneshot is ready when it has ended well, and what is after it waits for that. */
static void test_oneshot(void **state)
{
    struct scene *s = scene_new();
    scene_unit(s, "setup.service",
               "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'until test -e /scene/go; do :; done'\n");
    scene_unit(s, "app.service", NEEDS("setup"));
    scene_unit(s, "other.service", SLEEPER);
    life_boot(s, state);
    life_wait_state(s, "other.service", "running");
    life_expect_count(s, 0, "spawn", "app.service");
    life_touch(s, "go");
    life_wait_state(s, "app.service", "running");
    life_expect_states_in_order(s, "setup.service", "dead", "app.service", "start");
    end_well(s);
}

/* ---- forking ---- */

/* ExecStop= writes what $MAINPID is; `daemon` has the number of the daemon. */
#define TELL_MAIN "ExecStop=/bin/sh -c 'echo $MAINPID > /scene/main'\n"

static void expect_main_is(struct scene *s, const char *name)
{
    char *want = scene_read(s, name), *got = scene_read(s, "main");
    bool same = want && got && strcmp(want, got) == 0;
    if (!same) (void)fprintf(stderr, "the main process is %s, expected %s\n", got ? got : "?", want ? want : "?");
    free(want), free(got);
    if (!same) scene_fail(s, "another main process");
}

/* With PIDFile=, and without by looking at what is left. Its exit is the unit's, with its status. */
static void test_forking_main(void **state)
{
    static const char *const settings[] = { "PIDFile=/scene/daemon\n", "" };
    for (size_t i = 0; i < COUNT_OF(settings); i++) {
        char text[512];
        print_message("  %s", settings[i][0] ? settings[i] : "no PIDFile=\n");
        struct scene *s = scene_new();
        (void)snprintf(text, sizeof text,
                       "[Service]\nType=forking\n%sExecStart=" ACTOR
                       " daemon /scene/daemon -- mark /scene/up x -- sleep\n" TELL_MAIN,
                       settings[i]);
        scene_unit(s, "d.service", text);
        scene_unit(s, "app.service", NEEDS("d"));
        life_boot(s, state);
        life_wait_state(s, "app.service", "running");
        scene_wait_file(s, "up", "x");
        const char *const copy[] = { "/bin/cp", "/scene/daemon", "/scene/copy",
                                     NULL }; /* PIDFile= is removed at the end */
        assert_int_equal(scene_exec(s, copy, NULL), 0);
        scene_stop(s, SIGTERM);
        assert_int_equal(scene_exit_code(s), 0);
        expect_main_is(s, "copy");
        life_expect_path(s, "d.service", "start running stop stop-sigterm dead");
        scene_end(s);
    }
}

/* The daemon's end is the unit's, with its status: PID 1 is its parent by then. */
static void test_forking_exit(void **state)
{
    static const struct {
        const char *label, *settings, *end, *err, *sub, *result;
    } rows[] = {
        { "exit status, PIDFile=", "PIDFile=/scene/daemon\n", "exit 7", "exit code 7", "failed", "exit-code" },
        { "exit status, none", "", "exit 7", "exit code 7", "failed", "exit-code" },
        { "signal", "PIDFile=/scene/daemon\n", "kill-self KILL", "killed by SIGKILL", "failed", "signal" },
        { "clean", "", "exit 0", "", "dead", "success" },
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char text[512];
        print_message("  %s\n", rows[i].label);
        struct scene *s = scene_new();
        scene_file(s, "/usr/local/bin/later", 0755,
                   "#!/bin/sh\nuntil test -e /scene/go; do :; done\nexec " ACTOR " \"$@\"\n");
        (void)snprintf(text, sizeof text,
                       "[Service]\nType=forking\n%sExecStart=" ACTOR
                       " daemon /scene/daemon -- exec /usr/local/bin/later %s\n",
                       rows[i].settings, rows[i].end);
        scene_unit(s, "d.service", text);
        life_boot(s, state);
        life_wait_state(s, "d.service", "running");
        life_touch(s, "go");
        assert_int_equal(scene_exit_code(s), 0);
        scene_wait_event(s, "exited", "d.service", "err", rows[i].err, NULL);
        scene_wait_event(s, "unit_state", "d.service", "sub", rows[i].sub, "result", rows[i].result, NULL);
        scene_end(s);
    }
}

/* Several processes are left and there is no PIDFile=: the unit is up until the last has gone. */
static void test_forking_without_main(void **state)
{
    struct scene *s = scene_new();
    scene_unit(s, "d.service",
               "[Service]\nType=forking\nExecStart=" ACTOR " escape /scene/a -- escape /scene/b\n" TELL_MAIN);
    life_boot(s, state);
    life_wait_state(s, "d.service", "running");
    scene_wait_file(s, "a", "\n");
    scene_wait_file(s, "b", "\n");
    const char *const kill_a[] = { "/bin/sh", "-c", "p=$(cat /scene/a); kill $p; while kill -0 $p 2>&-; do :; done",
                                   NULL };
    const char *const kill_b[] = { "/bin/sh", "-c", "kill $(cat /scene/b)", NULL };
    assert_int_equal(scene_exec(s, kill_a, NULL), 0); /* until it is collected: nothing comes of it */
    life_expect_log(s, "leaving", false);
    (void)scene_exec(s, kill_b, NULL); /* may be killed with the rest of the box */
    assert_int_equal(scene_exit_code(s), 0);
    life_expect_path(s, "d.service", "start running stop stop-sigterm dead");
    life_expect_file(s, "main", "\n");
    scene_end(s);
}

/* The file may come after the parent has left, in a directory that is not there yet. */
static void test_late_pid_file(void **state)
{
    struct scene *s = scene_new();
    scene_file(s, "/usr/local/bin/late", 0755,
               "#!/bin/sh\n(until test -e /scene/go; do :; done\nmkdir -p /run/late/deep\n" ACTOR
               " daemon /scene/daemon -- sleep\ncp /scene/daemon /run/late/deep/pid) &\n");
    scene_unit(s, "d.service",
               "[Service]\nType=forking\nPIDFile=/run/late/deep/pid\nExecStart=/usr/local/bin/late\n" TELL_MAIN);
    life_boot(s, state);
    scene_wait_event(s, "d_invoke", "d.service", NULL);
    life_touch(s, "go");
    life_wait_state(s, "d.service", "running");
    scene_stop(s, SIGTERM);
    assert_int_equal(scene_exit_code(s), 0);
    expect_main_is(s, "daemon");
    scene_end(s);
}

/* clang-format off */
static const struct { const char *label, *unit, *path, *result; } failing[] = {
    { "the parent fails", "Type=forking\nExecStart=" ACTOR " exit 3\n", "start stop-sigterm failed", "exit-code" },
    { "the parent takes too long", "Type=forking\nTimeoutStartSec=60ms\nExecStart=" ACTOR " sleep\n", "start stop-sigterm failed", "timeout" },
    { "no file, and nothing is left", "Type=forking\nPIDFile=/run/never\nExecStart=" ACTOR " exit 0\n", "start stop-sigterm failed", "protocol" },
    { "no file, something is left", "Type=forking\nPIDFile=/run/never\nTimeoutStartSec=60s\nExecStart=" ACTOR " daemon -\n", "start stop-sigterm failed", "protocol" },
    { "no file in time", "Type=forking\nPIDFile=/run/never\nTimeoutStartSec=100ms\nExecStart=" ACTOR " daemon - -- sleep\n", "start stop-sigterm failed", "timeout" },
};
/* clang-format on */

static void test_forking_that_fails(void **state)
{
    for (size_t i = 0; i < COUNT_OF(failing); i++) {
        char text[512];
        print_message("  %s\n", failing[i].label);
        struct scene *s = scene_new();
        (void)snprintf(text, sizeof text, "[Service]\n%s", failing[i].unit);
        scene_unit(s, "d.service", text);
        assert_int_equal(life_run(s, state), 0);
        life_expect_path(s, "d.service", failing[i].path);
        scene_wait_event(s, "unit_state", "d.service", "sub", "failed", "result", failing[i].result, NULL);
        scene_end(s);
    }
}

/* K78: a file that a dead daemon left, with a number nobody has and with one that is another unit's now, is waited out;
 * who it names is neither followed nor signalled. */
static void test_stale_pid_file(void **state)
{
    struct scene *s = scene_new();
    scene_file(s, "/run/free/pid", 0644, "4194000\n");
    scene_file(
        s, "/usr/local/bin/slow-daemon", 0755,
        "#!/bin/sh\n" ACTOR
        " daemon /scene/$1 -- sleep\n(until test -e /scene/go; do :; done; cp /scene/$1 $2.new; mv $2.new $2) &\n");
    scene_unit(s, "bystander.service",
               "[Service]\nExecStart=" ACTOR " signals /scene/signals TERM\nExecStartPost=/bin/sh -c 'mkdir -p "
               "/run/taken; echo $MAINPID > /run/taken/pid'\n");
    scene_unit(
        s, "a.service",
        "[Service]\nType=forking\nPIDFile=/run/free/pid\nExecStart=/usr/local/bin/slow-daemon a /run/free/pid\n");
    scene_unit(s, "b.service",
               "[Unit]\nAfter=bystander.service\n[Service]\nType=forking\nPIDFile=/run/taken/pid\nExecStart=/usr/local/"
               "bin/slow-daemon b /run/taken/pid\n");
    life_stopper(s, "b");
    life_boot(s, state);
    scene_wait_file(s, "a", "\n");
    scene_wait_file(s, "b", "\n");
    scene_wait_event(s, "b_invoke", "b.service", NULL);
    life_touch(s, "go");
    life_wait_state(s, "a.service", "running");
    life_wait_state(s, "b.service", "running");
    /* Overwritten behind its back: the stop goes to the process that was found. */
    const char *const overwrite[] = { "/bin/sh", "-c", "cat /scene/a > /run/taken/pid", NULL };
    assert_int_equal(scene_exec(s, overwrite, NULL), 0);
    life_stop_unit(s, "b");
    life_wait_state(s, "b.service", "dead");
    life_expect_alive(s, "b", false);
    life_expect_alive(s, "a", true);
    life_expect_file(s, "signals", "ready\n");
    end_well(s);
}

/* systemd.service(5): the file is removed after the service has shut down. */
static void test_pid_file_is_removed(void **state)
{
    struct scene *s = scene_new();
    char path[PATH_MAX];
    scene_unit(s, "d.service",
               "[Service]\nType=forking\nPIDFile=/run/d.pid\nExecStart=" ACTOR " daemon /run/d.pid -- sleep\n");
    life_stopper(s, "d");
    life_boot(s, state);
    life_wait_state(s, "d.service", "running");
    assert_int_equal(access(box_path(scene_box(s), "/run/d.pid", path), F_OK), 0);
    life_stop_unit(s, "d");
    life_wait_state(s, "stop-d.service", "running");
    assert_int_equal(access(box_path(scene_box(s), "/run/d.pid", path), F_OK), -1);
    end_well(s);
}

/* The file may name a child of another process of the unit: its end shows on its pidfd. */
static void test_main_is_a_grandchild(void **state)
{
    struct scene *s = scene_new();
    scene_file(s, "/usr/local/bin/nanny", 0755,
               "#!/bin/sh\n(setsid sh -c '" ACTOR " sleep & echo $! > /scene/main-child; wait; sleep 1000' &) \n"
               "until test -s /scene/main-child; do :; done\n");
    scene_unit(s, "d.service",
               "[Service]\nType=forking\nPIDFile=/scene/main-child\nExecStart=/usr/local/bin/nanny\n" TELL_MAIN);
    life_boot(s, state);
    life_wait_state(s, "d.service", "running");
    const char *const end[] = { "/bin/sh", "-c", "kill -KILL $(cat /scene/main-child)", NULL };
    (void)scene_exec(s, end, NULL); /* may be killed with the rest of the box */
    assert_int_equal(scene_exit_code(s), 0);
    life_expect_states_in_order(s, "d.service", "stop", "d.service", "stop-sigterm"); /* its parent is left over */
    scene_wait_event(s, "unit_state", "d.service", "sub", "dead", "result", "success", NULL);
    scene_end(s);
}

int main(void)
{
    scene_skip_unless_possible();
    const struct CMUnitTest tests[] = {
        IN_BOTH_PLACES(test_simple_and_exec),       cmocka_unit_test(test_oneshot),
        IN_BOTH_PLACES(test_forking_main),          IN_BOTH_PLACES(test_forking_exit),
        IN_BOTH_PLACES(test_forking_without_main),  cmocka_unit_test(test_late_pid_file),
        IN_BOTH_PLACES(test_forking_that_fails),    IN_BOTH_PLACES(test_stale_pid_file),
        cmocka_unit_test(test_pid_file_is_removed), IN_BOTH_PLACES(test_main_is_a_grandchild),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
