/* tests/e2e/test_kill_mode.c - KillMode=, KillSignal=, SendSIGKILL=, SendSIGHUP=: systemd.kill(5). */
#include "tests/e2e/life.h"

/* A main process and a child in its group, both of which say which signals they get. */
static const char family[] = "#!/bin/sh\n" ACTOR " signals /scene/child-signals CONT &\n"
                             "echo $! > /scene/child\n"
                             "until test -e /scene/child-signals; do :; done\n"
                             "exec " ACTOR " signals /scene/main-signals CONT\n";

static struct scene *stop_family(void **state, const char *settings)
{
    struct scene *s = scene_new();
    char text[512];
    (void)snprintf(text, sizeof text, "[Service]\nTimeoutStopSec=150ms\nExecStart=/usr/local/bin/family\n%s", settings);
    scene_file(s, "/usr/local/bin/family", 0755, family);
    scene_unit(s, "victim.service", text);
    life_stopper(s, "victim");
    life_boot(s, state);
    scene_wait_file(s, "child-signals", "ready");
    scene_wait_file(s, "main-signals", "ready");
    life_stop_unit(s, "victim");
    scene_wait_event(s, "stop-victim_invoke", NULL, NULL);
    return s;
}

static void end_well(struct scene *s)
{
    scene_stop(s, SIGTERM);
    assert_int_equal(scene_exit_code(s), 0);
    scene_end(s);
}

static void expect_signals(struct scene *s, const char *name, const char *signal, bool there)
{
    char *text = scene_read(s, name);
    bool has = text && strstr(text, signal);
    free(text);
    if (has != there) scene_fail(s, "/scene/%s has %s%s", name, there ? "no " : "", signal);
}

static void test_control_group(void **state)
{
    struct scene *s = stop_family(state, "KillMode=control-group\n");
    expect_signals(s, "main-signals", "TERM", true);
    expect_signals(s, "child-signals", "TERM", true);
    expect_signals(s, "child-signals", "CONT", true);
    expect_signals(s, "main-signals", "HUP", false);
    life_expect_alive(s, "child", false);
    end_well(s);
}

static void test_mixed(void **state)
{
    struct scene *s = stop_family(state, "KillMode=mixed\n");
    expect_signals(s, "main-signals", "TERM", true);
    expect_signals(s, "child-signals", "TERM", false);
    life_expect_alive(s, "child", false);
    life_expect_path(s, "victim.service", "start running stop-sigterm final-sigkill dead");
    life_expect_log(s, "did not stop in time", false);
    end_well(s);
}

static void test_process(void **state)
{
    struct scene *s = stop_family(state, "KillMode=process\n");
    expect_signals(s, "main-signals", "TERM", true);
    expect_signals(s, "child-signals", "TERM", false);
    life_expect_alive(s, "child", true);
    life_expect_path(s, "victim.service", "start running stop-sigterm dead");
    life_expect_log(s, "unit victim.service: KillMode=process leaves processes behind", true);
    end_well(s);
}

static void test_none(void **state)
{
    struct scene *s = stop_family(state, "KillMode=none\n");
    expect_signals(s, "main-signals", "TERM", false);
    expect_signals(s, "child-signals", "TERM", false);
    life_expect_alive(s, "child", true);
    life_expect_path(s, "victim.service", "start running stop-sigterm dead");
    life_expect_log(s, "unit victim.service: KillMode=none leaves processes behind", true);
    life_expect_log(s, "in time", false);
    end_well(s);
}

/* What KillMode=process left behind is in the way of nobody: the next run of the unit starts and stops as ever. */
static void test_next_run_after_leftovers(void **state)
{
    struct scene *s = scene_new();
    scene_unit(s, "victim.socket", "[Socket]\nListenStream=/run/victim\n");
    scene_unit(s, "victim.service",
               "[Service]\nKillMode=process\nExecStart=" ACTOR " child /scene/child stubborn -- listen-once\n");
    life_boot(s, state);
    scene_wait_event(s, "bound", "victim.socket", NULL);
    for (size_t run = 1; run <= 3; run++) {
        int fd = scene_connect(s, "unix:/run/victim");
        (void)scene_wait_nth_event(s, run, "unit_state", "victim.service", "sub", "running", NULL);
        close(fd);
        (void)scene_wait_nth_event(s, run, "unit_state", "victim.service", "sub", "dead", NULL);
        life_expect_alive(s, "child", true);
    }
    end_well(s);
}

static void test_no_sigkill(void **state)
{
    struct scene *s = scene_new();
    scene_unit(s, "victim.service",
               "[Service]\nTimeoutStopSec=50ms\nSendSIGKILL=no\n"
               "ExecStart=" ACTOR " ignore TERM -- child /scene/child -- sleep\n");
    life_stopper(s, "victim");
    life_boot(s, state);
    scene_wait_file(s, "child", "\n");
    life_wait_state(s, "victim.service", "running");
    life_stop_unit(s, "victim");
    scene_wait_event(s, "unit_state", "victim.service", "sub", "failed", "result", "timeout", NULL);
    life_expect_count(s, 0, "exited", "victim.service");
    life_expect_alive(s, "child", true); /* it ignores what its parent ignored */
    end_well(s);
}

/* Two rows of signals; systemd sends SIGHUP last. */
static void test_sighup(void **state)
{
    struct scene *s = scene_new();
    scene_unit(s, "victim.service", "[Service]\nSendSIGHUP=yes\nExecStart=" ACTOR " signals /scene/signals HUP\n");
    life_stopper(s, "victim");
    life_boot(s, state);
    scene_wait_file(s, "signals", "ready");
    life_stop_unit(s, "victim");
    life_wait_state(s, "victim.service", "dead");
    expect_signals(s, "signals", "HUP", true);
    end_well(s);
}

/* K26: by name and by number; each service leaves only on its own. */
static void test_kill_signal(void **state)
{
    static const struct {
        const char *name, *setting, *waits_for;
    } rows[] = {
        { "by-name", "SIGUSR1", "USR1" },      { "short", "USR2", "USR2" },      { "by-number", "10", "USR1" },
        { "real-time", "RTMIN+3", "RTMIN+3" }, { "interrupt", "SIGINT", "INT" }, { "quit", "3", "QUIT" },
    };
    struct scene *s = scene_new();
    char name[64], text[256];
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        (void)snprintf(name, sizeof name, "%s.service", rows[i].name);
        (void)snprintf(text, sizeof text, "[Service]\nKillSignal=%s\nExecStart=" ACTOR " signals /scene/%s %s\n",
                       rows[i].setting, rows[i].name, rows[i].waits_for);
        scene_unit(s, name, text);
    }
    life_boot(s, state);
    for (size_t i = 0; i < COUNT_OF(rows); i++) scene_wait_file(s, rows[i].name, "ready");
    scene_stop(s, SIGTERM);
    assert_int_equal(scene_exit_code(s), 0);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        print_message("  KillSignal=%s\n", rows[i].setting);
        expect_signals(s, rows[i].name, rows[i].waits_for, true);
        expect_signals(s, rows[i].name, "TERM", false);
    }
    scene_end(s);
}

int main(void)
{
    scene_skip_unless_possible();
    const struct CMUnitTest tests[] = {
        IN_BOTH_PLACES(test_control_group), IN_BOTH_PLACES(test_mixed),
        IN_BOTH_PLACES(test_process),       IN_BOTH_PLACES(test_none),
        IN_BOTH_PLACES(test_no_sigkill),    IN_BOTH_PLACES(test_next_run_after_leftovers),
        IN_BOTH_PLACES(test_sighup),        IN_BOTH_PLACES(test_kill_signal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
