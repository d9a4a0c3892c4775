/* tests/e2e/test_jobs.c - what people and units ask of each other while the container runs: relations that follow
 * states and jobs, job modes, time limits of jobs. Source: systemd.unit(5), systemctl(1). */
#include "tests/e2e/expect.h"
#include "tests/e2e/life.h"
#include <stdio.h>
#include <unistd.h>

#define SYSTEMCTL "/usr/local/bin/systemctl"
#define SLEEPER   "[Service]\nExecStart=" ACTOR " sleep\n"
/* Notes its reloads in /scene/reloads. */
#define RELOADER(name) "[Service]\nExecStart=" ACTOR " sleep\nExecReload=/bin/sh -c 'echo " name " >> /scene/reloads'\n"
/* Starts when /scene/go is there. */
#define GATED "ExecStart=/bin/sh -c 'until test -e /scene/go; do sleep 0.01; done'\n"

/* The exit status of systemctl ARGUMENTS in the box, which has to be `status`, with `text` in its output. */
static void ask(struct scene *s, const char *arguments, int status, const char *text)
{
    char script[512];
    struct str output = STR_EMPTY;
    (void)snprintf(script, sizeof script, "exec " SYSTEMCTL " %s 2>&1", arguments);
    const char *const argv[] = { "/bin/sh", "-c", script, NULL };
    int got = scene_exec(s, argv, &output);
    bool same = got == status && (!text || strstr(str_text(&output), text));
    if (!same) (void)fprintf(stderr, "systemctl %s: %d, %s\n", arguments, got, str_text(&output));
    str_done(&output);
    if (!same) scene_fail(s, "systemctl %s", arguments);
}

static void expect_active(struct scene *s, const char *units, bool active)
{
    char arguments[128];
    (void)snprintf(arguments, sizeof arguments, "is-active %s", units);
    ask(s, arguments, active ? 0 : 3, NULL);
}

static struct scene *new_scene(void)
{
    char where[512];
    struct scene *s = scene_new();
    scene_file(s, "/usr/local/bin/.keep", 0644, "");
    (void)snprintf(where, sizeof where, "%s/root" SYSTEMCTL, scene_dir(s));
    assert_int_equal(symlink("container-init", where), 0);
    return s;
}

static void boot(struct scene *s, void **state)
{
    BOOT_WITH(s, state, "--stay");
    (void)scene_wait_event(s, "startup_finished", NULL, NULL);
}

static void end_well(struct scene *s)
{
    scene_stop(s, SIGTERM);
    assert_int_equal(scene_exit_code(s), 0);
    scene_end(s);
}

/* Upholds=: what ends is started again for as long as its upholder is up. */
static void test_upholds(void **state)
{
    struct scene *s = new_scene();
    scene_unit(s, "a.service", "[Unit]\nUpholds=b.service\n" SLEEPER);
    scene_unit(s, "b.service", SLEEPER);
    boot(s, state);
    life_wait_state(s, "b.service", "running");
    life_signal_unit(s, "b.service", "KILL");
    (void)scene_wait_nth_event(s, 2, "unit_state", "b.service", "sub", "running", NULL);
    life_expect_log(s, "unit b.service: starting, it is upheld by a.service", true);
    ask(s, "stop a", 0, NULL);
    ask(s, "stop b", 0, NULL);
    expect_active(s, "b", false);
    ask(s, "start a", 0, NULL);
    expect_active(s, "b", true);
    end_well(s);
}

/* PropagatesStopTo=, StopPropagatedFrom=: a stop goes on to others; an end of its own does as well. */
static void test_stop_goes_on(void **state)
{
    struct scene *s = new_scene();
    scene_unit(s, "a.service", "[Unit]\nPropagatesStopTo=b.service\n" SLEEPER);
    scene_unit(s, "b.service", SLEEPER);
    scene_unit(s, "c.service", "[Unit]\nStopPropagatedFrom=b.service\n" SLEEPER);
    scene_unit(s, "d.service", "[Unit]\nAfter=a.service\n" SLEEPER);
    boot(s, state);
    ask(s, "restart a", 0, NULL);
    expect_active(s, "b", true); /* a restart is no stop */
    ask(s, "stop a", 0, NULL);
    expect_active(s, "b", false);
    expect_active(s, "c", false);
    expect_active(s, "d", true);
    ask(s, "start b c", 0, NULL);
    ask(s, "kill --signal=KILL b", 0, NULL);
    (void)scene_wait_nth_event(s, 2, "unit_state", "c.service", "sub", "dead", NULL);
    end_well(s);
}

/* PropagatesReloadTo=, ReloadPropagatedFrom= and their older spellings. */
static void test_reload_goes_on(void **state)
{
    struct scene *s = new_scene();
    scene_unit(s, "a.service", "[Unit]\nPropagatesReloadTo=b.service e.service\n" RELOADER("a"));
    scene_unit(s, "b.service", "[Unit]\nAfter=a.service\nPropagateReloadTo=d.service\n" RELOADER("b"));
    scene_unit(s, "c.service", "[Unit]\nAfter=d.service\nReloadPropagatedFrom=b.service\n" RELOADER("c"));
    scene_unit(s, "d.service", "[Unit]\nAfter=b.service\nPropagateReloadFrom=c.service\n" RELOADER("d"));
    scene_unit(s, "e.service", SLEEPER); /* it cannot, and that is no failure */
    scene_unit(s, "group.target", "[Unit]\nWants=c.service\nPropagatesReloadTo=c.service\n");
    boot(s, state);
    ask(s, "reload a", 0, NULL);
    scene_wait_file(s, "reloads", "a\nb\nd\nc\n");
    ask(s, "reload e", 3, "not applicable");
    ask(s, "reload group.target", 0, NULL); /* has nothing to reload itself */
    scene_wait_file(s, "reloads", "a\nb\nd\nc\nd\nc\n");
    end_well(s);
}

static void test_stop_when_unneeded(void **state)
{
    struct scene *s = new_scene();
    scene_unit(s, "a.service", "[Unit]\nRequires=n.service\nAfter=n.service\n" SLEEPER);
    scene_unit(s, "b.service", "[Unit]\nWants=n.service\n" SLEEPER);
    scene_unit(s, "n.service", "[Unit]\nStopWhenUnneeded=yes\n" SLEEPER);
    scene_unit(s, "alone.service", "[Unit]\nStopWhenUnneeded=yes\n" SLEEPER);
    boot(s, state);
    life_wait_state(s, "alone.service", "dead"); /* nobody ever needed it */
    ask(s, "stop a", 0, NULL);
    expect_active(s, "n", true);
    ask(s, "stop b", 0, NULL);
    life_wait_state(s, "n.service", "dead");
    life_expect_log(s, "unit n.service: stopping, it is not needed any more", true);
    ask(s, "start a", 0, NULL);
    expect_active(s, "n", true);
    end_well(s);
}

static void test_refused_to_people(void **state)
{
    struct scene *s = new_scene();
    scene_unit(s, "a.service", "[Unit]\nRequires=inner.service\nPartOf=inner.service\n" SLEEPER);
    scene_unit(s, "inner.service", "[Unit]\nRefuseManualStart=yes\nRefuseManualStop=yes\n" SLEEPER);
    scene_unit(s, "other.service", "[Unit]\nRefuseManualStart=yes\n" SLEEPER);
    boot(s, state);
    ask(s, "stop inner", 4, "may be requested by dependency only");
    ask(s, "restart inner", 4, "may be requested by dependency only");
    expect_active(s, "inner", true);
    ask(s, "stop other", 0, NULL);
    ask(s, "start other", 4, "may be requested by dependency only");
    expect_active(s, "other", false);
    ask(s, "restart a", 0, NULL);
    end_well(s);
}

/* isolate: everything else stops, but for what says IgnoreOnIsolate=. */
static void test_isolate(void **state)
{
    struct scene *s = new_scene();
    scene_unit(s, "calm.target", "[Unit]\nAllowIsolate=yes\nRequires=a.service\n");
    scene_unit(s, "a.service", "[Unit]\nWants=wanted.service\n" SLEEPER);
    scene_unit(s, "wanted.service", SLEEPER);
    scene_unit(s, "b.service", SLEEPER);
    scene_unit(s, "keep.service", "[Unit]\nIgnoreOnIsolate=yes\n" SLEEPER);
    scene_unit(s, "slow.service", "[Service]\nType=oneshot\n" GATED);
    BOOT_WITH(s, state, "--stay");
    life_wait_state(s, "slow.service", "start");
    life_wait_state(s, "keep.service", "running");
    life_wait_state(s, "b.service", "running");
    ask(s, "start --job-mode=isolate b", 4, "Operation refused, unit b.service may not be isolated.");
    ask(s, "isolate calm", 0, NULL);
    life_wait_state(s, "b.service", "dead");
    life_wait_state(s, "slow.service", "failed"); /* by the signal, as any oneshot */
    expect_active(s, "a", true);
    expect_active(s, "wanted", true);
    expect_active(s, "keep", true);
    life_expect_count(s, 1, "spawn", "a.service");
    end_well(s);
}

/* OnFailureJobMode=, OnSuccessJobMode=: how the handler is started. */
static void test_handler_modes(void **state)
{
    struct scene *s = new_scene();
    scene_unit(s, "a.service", "[Unit]\nOnFailure=rescue.target\nOnFailureJobMode=isolate\n" SLEEPER);
    scene_unit(s, "rescue.target", "[Unit]\nAllowIsolate=yes\nWants=shell.service\n");
    scene_unit(s, "shell.service", "[Unit]\nWants=rescue.target\n" SLEEPER); /* it is up already */
    scene_unit(s, "b.service", SLEEPER);
    boot(s, state);
    life_wait_state(s, "b.service", "running");
    expect_active(s, "rescue.target", true);
    life_signal_unit(s, "a.service", "KILL");
    life_wait_state(s, "b.service", "dead");
    expect_active(s, "shell rescue.target", true);
    end_well(s);

    s = new_scene();
    scene_unit(s, "a.service", "[Unit]\nOnFailure=rescue.target\nOnFailureIsolate=yes\n" SLEEPER);
    scene_unit(s, "rescue.target", "[Unit]\nAllowIsolate=yes\n");
    scene_unit(s, "b.service", SLEEPER);
    boot(s, state);
    life_signal_unit(s, "a.service", "KILL");
    life_wait_state(s, "b.service", "dead");
    end_well(s);

    s = new_scene();
    scene_unit(s, "a.service",
               "[Unit]\nOnSuccess=next.service\nOnSuccessJobMode=ignore-dependencies\n[Service]\nType="
               "oneshot\nExecStart=" ACTOR " exit 0\n");
    scene_unit(s, "next.service", "[Unit]\nRequires=more.service\nAfter=more.service\n" SLEEPER);
    scene_unit(s, "more.service", SLEEPER);
    scene_unit(s, "more.socket", "[Socket]\nListenStream=/run/more\n");
    BOOT_WITH(s, state, "--stay");
    life_wait_state(s, "next.service", "running");
    expect_active(s, "more", false);
    end_well(s);
}

/* A restart whose job is taken away has not begun and does not: the unit is down, and holds nothing. */
static void test_restart_is_cancelled(void **state)
{
    static const struct {
        const char *label, *unit;
        bool cancel;
    } ways[] = { { "cancel", "", true }, { "JobTimeoutSec=", "JobTimeoutSec=500ms\n", false } };
    for (size_t i = 0; i < COUNT_OF(ways); i++) {
        print_message("  %s\n", ways[i].label);
        struct scene *s = new_scene();
        char text[256], path[PATH_MAX];
        (void)snprintf(text, sizeof text,
                       "[Unit]\nAfter=slow.service\n%s[Service]\nRestart=on-failure\nRestartSec=0\nExecStart=" ACTOR
                       " sleep\n",
                       ways[i].unit);
        scene_unit(s, "a.service", text);
        scene_unit(s, "slow.service", "[Service]\nType=oneshot\n" GATED);
        struct scene_spec spec = life_spec(state);
        spec.box.setup = ": > /scene/go";
        scene_boot(s, &spec);
        life_wait_state(s, "a.service", "running");
        assert_int_equal(unlink(scene_path(s, "go", path)), 0);
        ask(s, "start --no-block slow", 0, NULL);
        (void)scene_wait_nth_event(s, 2, "spawn", "slow.service", NULL);
        ask(s, "kill --signal=KILL a", 0, NULL);
        life_wait_state(s, "a.service", "auto-restart-queued");
        if (ways[i].cancel) {
            struct str jobs = STR_EMPTY;
            const char *const list[] = { "/bin/sh", "-c",
                                         SYSTEMCTL
                                         " cancel $(" SYSTEMCTL
                                         " list-jobs --no-legend | sed -n 's/^ *\\([0-9]*\\) a.service.*/\\1/p')",
                                         NULL };
            assert_int_equal(scene_exec(s, list, &jobs), 0);
            str_done(&jobs);
        }
        life_wait_state(s, "a.service", "dead");
        life_touch(s, "go");
        assert_int_equal(scene_exit_code(s), 0); /* nothing is left (D5) */
        life_expect_count(s, 1, "spawn", "a.service");
        scene_end(s);
    }
}

/* A start that is cancelled was not skipped, though the one before it was: the socket goes on listening. */
static void test_cancelled_is_not_skipped(void **state)
{
    struct scene *s = new_scene();
    char path[PATH_MAX];
    scene_unit(s, "a.socket", "[Socket]\nListenStream=/run/a\n");
    scene_unit(s, "a.service", "[Unit]\nConditionPathExists=/scene/wanted\nAfter=slow.service\n" SLEEPER);
    scene_unit(s, "slow.service", "[Service]\nType=oneshot\n" GATED);
    struct scene_spec spec = life_spec(state);
    spec.args[0] = "--stay";
    spec.box.setup = ": > /scene/go; : > /scene/wanted";
    scene_boot(s, &spec);
    (void)scene_wait_event(s, "startup_finished", NULL, NULL);
    assert_int_equal(unlink(scene_path(s, "wanted", path)), 0);
    close(scene_connect(s, "unix:/run/a"));
    life_wait_state(s, "a.socket", "dead");
    life_touch(s, "wanted");
    ask(s, "start a.socket", 0, NULL);
    assert_int_equal(unlink(scene_path(s, "go", path)), 0);
    ask(s, "start --no-block slow", 0, NULL);
    (void)scene_wait_nth_event(s, 2, "spawn", "slow.service", NULL);
    int client = scene_connect(s, "unix:/run/a");
    (void)scene_wait_nth_event(s, 2, "triggered", "a.socket", NULL);
    ask(s, "cancel", 0, NULL);
    ask(s, "is-active a.socket", 0, "active");
    close(client);
    life_touch(s, "go");
    end_well(s);
}

/* A start that waits for the unit's own stop and then fails is no failure of the run that ends. */
static void test_start_fails_while_it_stops(void **state)
{
    struct scene *s = new_scene();
    scene_unit(s, "needed.service",
               "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'test ! -e /scene/twice; x=$$?; : > /scene/twice; exit "
               "$$x'\n");
    scene_unit(s, "a.service",
               "[Unit]\nRequires=needed.service\nAfter=needed.service\n" SLEEPER
               "ExecStop=/bin/sh -c 'until test -e /scene/go; do sleep 0.01; done'\n");
    boot(s, state);
    ask(s, "stop --no-block a", 0, NULL);
    life_wait_state(s, "a.service", "stop");
    ask(s, "start --no-block a", 0, NULL);
    (void)scene_wait_event(s, "dependency_failed", "a.service", NULL);
    life_touch(s, "go");
    (void)scene_wait_event(s, "unit_state", "a.service", "sub", "dead", "result", "success", NULL);
    end_well(s);
}

/* JobTimeoutSec= ends the job, not the unit; who waits for it fails, and OnFailure= is started. */
static void test_job_timeout(void **state)
{
    struct scene *s = new_scene();
    scene_unit(
        s, "slow.service",
        "[Unit]\nJobTimeoutSec=500ms\nOnFailure=handler.service\n[Service]\nType=oneshot\nRemainAfterExit=yes\n" GATED);
    scene_unit(s, "waits.service", "[Unit]\nRequires=slow.service\nAfter=slow.service\n" SLEEPER);
    scene_unit(s, "ordered.service", "[Unit]\nAfter=slow.service\n" SLEEPER);
    scene_unit(s, "handler.service", SLEEPER);
    boot(s, state);
    life_wait_state(s, "handler.service", "running");
    life_wait_state(s, "ordered.service", "running");
    life_expect_log(s, "unit slow.service: its start job timed out", true);
    scene_wait_event(s, "dependency_failed", "waits.service", "dependency", "slow.service", NULL);
    life_expect_count(s, 0, "spawn", "waits.service");
    ask(s, "is-active slow", 3, "activating"); /* it goes on */
    life_touch(s, "go");
    life_wait_state(s, "slow.service", "exited");
    end_well(s);
}

/* JobRunningTimeoutSec= counts from when the job runs: the wait for `first` is not part of it. */
static void test_job_running_timeout(void **state)
{
    struct scene *s = new_scene();
    scene_unit(s, "first.service", "[Unit]\nJobTimeoutSec=infinity\n[Service]\nType=oneshot\nExecStart=/bin/sleep 3\n");
    scene_unit(
        s, "quick.service",
        "[Unit]\nAfter=first.service\nJobRunningTimeoutSec=2500ms\n[Service]\nType=oneshot\nExecStart=/bin/true\n");
    scene_unit(s, "slow.service",
               "[Unit]\nAfter=first.service\nJobRunningTimeoutSec=500ms\n[Service]\nType=oneshot\n" GATED);
    boot(s, state);
    life_expect_log(s, "unit slow.service: its start job timed out", true);
    life_expect_log(s, "unit quick.service: its", false);
    life_touch(s, "go");
    life_wait_state(s, "slow.service", "dead");
    end_well(s);
}

/* systemctl(1) --job-mode=. */
static void test_modes(void **state)
{
    struct scene *s = new_scene();
    scene_unit(s, "lazy.service",
               "[Service]\nExecStart=" ACTOR
               " sleep\nExecStop=/bin/sh -c 'until test -e /scene/go; do sleep 0.01; done'\n");
    scene_unit(s, "needs.service", "[Unit]\nRequires=lazy.service\nAfter=lazy.service\n" SLEEPER);
    scene_unit(s, "wants.service", "[Unit]\nWants=lazy.service\n" SLEEPER);
    scene_unit(s, "clash.service", "[Unit]\nRequires=lazy.service\nConflicts=lazy.service\n" SLEEPER);
    scene_unit(s, "clash.socket", "[Socket]\nListenStream=/run/clash\n");
    scene_unit(s, "x.socket", "[Socket]\nListenStream=/run/x\n");
    scene_unit(s, "x.service", SLEEPER);
    BOOT_WITH(s, state, "--stay");
    life_wait_state(s, "needs.service", "running");
    ask(s, "stop needs wants", 0, NULL);
    ask(s, "start clash", 1, "Transaction contains conflicting jobs");
    expect_active(s, "lazy", true); /* as a whole or not at all */
    ask(s, "stop --no-block lazy", 0, NULL);
    life_wait_state(s, "lazy.service", "stop");
    ask(s, "start --job-mode=fail needs", 4, "is destructive (lazy.service has 'stop' job queued");
    ask(s, "start --job-mode=fail wants", 0, NULL);
    expect_active(s, "needs", false);
    ask(s, "start --job-mode=ignore-dependencies needs", 0, NULL);
    expect_active(s, "needs", true);
    ask(s, "stop needs", 0, NULL);
    ask(s, "start --no-block needs", 0, NULL); /* replaces the stop: as soon as it is down it starts again */
    life_touch(s, "go");
    (void)scene_wait_nth_event(s, 2, "unit_state", "lazy.service", "sub", "running", NULL);
    (void)scene_wait_nth_event(s, 3, "unit_state", "needs.service", "sub", "running", NULL);
    close(scene_connect(s, "unix:/run/x"));
    life_wait_state(s, "x.service", "running");
    ask(s, "stop --job-mode=triggering x", 0, NULL);
    life_wait_state(s, "x.socket", "dead");
    end_well(s);
}

/* RequiresMountsFor=, WantsMountsFor=: the mount units that somebody wrote for paths on the way; what they mount is
 * there or not, for nothing is mounted here. */
static void test_mounts(void **state)
{
    struct scene *s = new_scene();
    scene_unit(s, "scene.mount", "[Mount]\nWhat=tmpfs\nWhere=/scene\nType=tmpfs\n");
    scene_unit(s, "srv-data.mount", "[Mount]\nWhat=tmpfs\nWhere=/srv/data\nType=tmpfs\n");
    scene_unit(s, "there.service", "[Unit]\nRequiresMountsFor=/scene/deep/down\n" SLEEPER);
    scene_unit(s, "not-there.service", "[Unit]\nRequiresMountsFor=/opt /srv/data/deep\n" SLEEPER);
    scene_unit(s, "wants.service", "[Unit]\nWantsMountsFor=/srv/data\n" SLEEPER);
    scene_unit(s, "no-unit.service", "[Unit]\nRequiresMountsFor=/srv/other /srv/database\n" SLEEPER);
    boot(s, state);
    expect_active(s, "there", true);
    expect_active(s, "wants", true);
    expect_active(s, "no-unit", true);
    scene_wait_event(s, "dependency_failed", "not-there.service", "dependency", "srv-data.mount", NULL);
    life_expect_count(s, 0, "spawn", "not-there.service");
    life_expect_states_in_order(s, "srv-data.mount", "failed", "wants.service", "start");
    end_well(s);
}

int main(void)
{
    scene_skip_unless_possible();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_upholds),
        cmocka_unit_test(test_stop_goes_on),
        cmocka_unit_test(test_reload_goes_on),
        cmocka_unit_test(test_stop_when_unneeded),
        cmocka_unit_test(test_refused_to_people),
        cmocka_unit_test(test_isolate),
        cmocka_unit_test(test_handler_modes),
        cmocka_unit_test(test_restart_is_cancelled),
        cmocka_unit_test(test_cancelled_is_not_skipped),
        cmocka_unit_test(test_start_fails_while_it_stops),
        cmocka_unit_test(test_job_timeout),
        cmocka_unit_test(test_job_running_timeout),
        cmocka_unit_test(test_modes),
        cmocka_unit_test(test_mounts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
