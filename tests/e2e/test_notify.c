/* tests/e2e/test_notify.c - Type=notify and notify-reload, NotifyAccess=, who a message is from, NotifyFD=. */
#include "tests/e2e/expect.h"
#include "tests/e2e/life.h"
#include <sys/utsname.h>

#define NOTIFY    "[Service]\nType=notify\n"
#define GO_UNIT   "/usr/local/bin/go"
#define AFTER(x)  "[Unit]\nRequires=" x ".service\nAfter=" x ".service\n[Service]\nExecStart=" ACTOR " sleep\n"
#define NO_RESULT NULL

static void end_well(struct scene *s)
{
    scene_stop(s, SIGTERM);
    assert_int_equal(scene_exit_code(s), 0);
    scene_end(s);
}

/* A program that goes on when /scene/go is there. */
static void with_go(struct scene *s)
{
    scene_file(s, GO_UNIT, 0755, "#!/bin/sh\nuntil test -e /scene/go; do sleep 0.02; done\nexec \"$@\"\n");
}

/* A dependant waits for READY=1; STATUS= and the like are noted. */
static void test_ready(void **state)
{
    struct scene *s = scene_new();
    with_go(s);
    scene_unit(s, "app.service",
               NOTIFY
               "ExecStart=" GO_UNIT " " ACTOR
               " notify STATUS=warm\\\\nERRNO=2\\\\nBUSERROR=org.x.E\\\\nX_OTHER=1 -- notify READY=1 -- sleep\n");
    scene_unit(s, "dependant.service", AFTER("app"));
    life_boot(s, state);
    life_wait_state(s, "app.service", "start");
    scene_wait_event(s, "app_invoke", "app.service", NULL); /* it runs, and is not ready for that */
    life_expect_count(s, 0, "spawn", "dependant.service");
    life_touch(s, "go");
    life_wait_state(s, "dependant.service", "running");
    life_expect_states_in_order(s, "app.service", "running", "dependant.service", "start");
    scene_wait_event(s, "notify_status", "app.service", "status_text", "warm", NULL);
    scene_wait_event(s, "notify_error", "app.service", "errno", "2", "name", "org.x.E", NULL);
    end_well(s);
}

/* K74: a start without a bound waits, however it is written; and one with a bound fails by it. */
static void test_start_timeout(void **state)
{
    struct scene *s = scene_new();
    with_go(s);
    scene_unit(s, "zero.service",
               NOTIFY "TimeoutStartSec=0\nExecStart=" GO_UNIT " " ACTOR " notify READY=1 -- sleep\n");
    scene_unit(s, "infinity.service",
               NOTIFY "TimeoutStartSec=infinity\nExecStart=" GO_UNIT " " ACTOR " notify READY=1 -- sleep\n");
    scene_unit(s, "bounded.service", NOTIFY "TimeoutStartSec=500ms\nExecStart=" ACTOR " sleep\n");
    life_boot(s, state);
    scene_wait_event(s, "unit_state", "bounded.service", "sub", "failed", "result", "timeout", NULL);
    life_expect_log(s, "unit bounded.service: no READY=1 came", true);
    life_expect_path(s, "zero.service", "start"); /* longer than the other one had */
    life_expect_path(s, "infinity.service", "start");
    life_touch(s, "go");
    life_wait_state(s, "zero.service", "running");
    life_wait_state(s, "infinity.service", "running");
    end_well(s);
}

/* EXTEND_TIMEOUT_USEC= bounds the state anew: a start, and a stop. */
static void test_extend(void **state)
{
    struct scene *s = scene_new();
    scene_unit(s, "start.service",
               NOTIFY "TimeoutStartSec=2s\nExecStart=" ACTOR
                      " notify EXTEND_TIMEOUT_USEC=60000000 -- pause 2500 -- notify READY=1 -- sleep\n");
    scene_unit(s, "stop.service",
               NOTIFY "TimeoutStopSec=2s\nExecStart=" ACTOR " notify READY=1 -- on-term /scene/stop up 1\n"
                      "ExecStop=" ACTOR " notify EXTEND_TIMEOUT_USEC=60000000 -- pause 2500 -- mark /scene/stop late\n"
                      "NotifyAccess=exec\n");
    scene_unit(s, "never.service",
               NOTIFY "TimeoutStartSec=500ms\nExecStart=" ACTOR
                      " notify EXTEND_TIMEOUT_USEC=1000 -- sleep\n"); /* it does not shorten */
    life_boot(s, state);
    life_wait_state(s, "start.service", "running");
    scene_wait_event(s, "timeout", "never.service", NULL);
    life_expect_count(s, 0, "timeout", "start.service");
    scene_stop(s, SIGTERM);
    assert_int_equal(scene_exit_code(s), 0);
    scene_wait_file(s, "stop", "late");
    life_expect_count(s, 0, "timeout", "stop.service");
    scene_end(s);
}

/* READY=1 just before the end counts: of one round notifications are drained before exits, though PID 1 hears of both
 * at once. */
static void test_ready_then_exit(void **state)
{
    struct scene *s = scene_new();
    with_go(s);
    scene_unit(s, "brief.service",
               NOTIFY "RemainAfterExit=yes\nExecStart=/bin/sh -c 'echo $$$$ > /scene/brief; exec " GO_UNIT " " ACTOR
                      " notify READY=1 -- exit 0'\n");
    scene_unit(s, "dependant.service", AFTER("brief"));
    scene_unit(s, "silent.service", NOTIFY "ExecStart=" ACTOR " exit 0\n");
    life_boot(s, state);
    scene_wait_file(s, "brief", "\n");
    assert_int_equal(box_signal(scene_box(s), SIGSTOP), 0);
    life_touch(s, "go");
    while (life_is_alive(s, "brief")) (void)usleep(1000);
    assert_int_equal(box_signal(scene_box(s), SIGCONT), 0);
    life_wait_state(s, "dependant.service", "running");
    life_wait_state(s, "brief.service", "exited");
    scene_wait_event(s, "unit_state", "silent.service", "sub", "failed", "result", "protocol", NULL);
    end_well(s);
}

/* ---- who may say it ---- */

/* K76: who is heard, by NotifyAccess= and sender; what is not heard is reported once. */
static void test_access(void **state)
{
    static const struct {
        const char *label, *settings, *sender;
        bool heard;
        const char *reason; /* of the record notify_ignored */
    } rows[] = {
        { "main by default", "", "notify READY=1", true, NO_RESULT },
        { "not a child by default", "", "notify-child READY=1", false, "main" },
        { "main", "NotifyAccess=main\n", "notify READY=1", true, NO_RESULT },
        { "main, a child", "NotifyAccess=main\n", "notify-child READY=1", false, "main" },
        { "none is main for notify", "NotifyAccess=none\n", "notify READY=1", true, NO_RESULT },
        { "exec", "NotifyAccess=exec\n", "notify READY=1", true, NO_RESULT },
        { "exec, a child", "NotifyAccess=exec\n", "notify-child READY=1", false, "exec" },
        { "all", "NotifyAccess=all\n", "notify READY=1", true, NO_RESULT },
        { "all, a child", "NotifyAccess=all\n", "notify-child READY=1", true, NO_RESULT },
        { "all, asked for", "NotifyAccess=main\n", "notify NOTIFYACCESS=all -- notify-child READY=1", true, NO_RESULT },
        { "exec, an ExecStartPost=", "NotifyAccess=exec\nExecStartPost=" ACTOR " notify STATUS=post\n",
          "notify READY=1", true, NO_RESULT },
    };
    struct scene *s = scene_new();
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char name[32], text[512];
        (void)snprintf(name, sizeof name, "s%zu.service", i);
        (void)snprintf(text, sizeof text, NOTIFY "%sExecStart=" ACTOR " %s -- mark /scene/done%zu x -- sleep\n",
                       rows[i].settings, rows[i].sender, i);
        scene_unit(s, name, text);
    }
    life_boot(s, state);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char name[32], done[32];
        print_message("  %s\n", rows[i].label);
        (void)snprintf(name, sizeof name, "s%zu.service", i);
        (void)snprintf(done, sizeof done, "done%zu", i);
        scene_wait_file(s, done, "x");
        if (rows[i].heard)
            life_wait_state(s, name, "running");
        else
            scene_wait_event(s, "notify_ignored", name, "reason", rows[i].reason, NULL);
        if (!rows[i].heard) life_expect_path(s, name, "start");
    }
    scene_wait_event(s, "notify_status", "s10.service", "status_text", "post", NULL);
    end_well(s);
}

/* K76: a process of another unit, and one of no unit, are not heard. */
static void test_outside(void **state)
{
    struct scene *s = scene_new();
    scene_unit(s, "app.service",
               NOTIFY "NotifyAccess=all\nExecStart=/bin/sh -c 'echo $NOTIFY_SOCKET > /scene/socket; exec " ACTOR
                      " sleep'\n");
    scene_unit(s, "plain.service", "[Service]\nExecStart=" ACTOR " report /scene/plain -- sleep\n");
    scene_unit(s, "other.service",
               "[Service]\nExecStart=/bin/sh -c 'until test -s /scene/socket; do sleep 0.02; done; NOTIFY_SOCKET=$(cat "
               "/scene/socket) exec " ACTOR
               " notify READY=1 -- notify READY=1 -- notify-barrier -- mark /scene/other x -- sleep'\n");
    life_boot(s, state);
    scene_wait_file(s, "other", "x");
    scene_wait_event(s, "notify_ignored", "other.service", "reason", "none", NULL);
    life_expect_count(s, 1, "notify_ignored", "other.service"); /* once, not each time */
    const char *const outside[] = { "/bin/sh", "-c",
                                    "NOTIFY_SOCKET=$(cat /scene/socket) " ACTOR
                                    " notify READY=1 -- notify READY=1 -- notify-barrier",
                                    NULL };
    assert_int_equal(scene_exec(s, outside, NULL), 0);
    scene_wait_event(s, "notify_ignored", NULL, "reason", "no-unit", NULL);
    life_expect_path(s, "app.service", "start");
    scene_wait_log(s, "the process belongs to no unit");
    expect_report(s, "plain", "env.NOTIFY_SOCKET", NULL); /* whose access is none is not told of it */
    expect_report(s, "plain", "env.WATCHDOG_USEC", NULL);
    end_well(s);
}

/* From Linux 6.16 on the kernel remembers of a process that was reaped in which cgroup it was. */
static bool remembers_the_dead(const struct place *place)
{
    struct utsname name;
    assert_int_equal(uname(&name), 0);
    char *rest;
    unsigned long major = strtoul(name.release, &rest, 10), minor = *rest ? strtoul(rest + 1, NULL, 10) : 0;
    return place->cgroup == BOX_CGROUP_PRIVATE && (major > 6 || (major == 6 && minor >= 16));
}

/* A sender that has been reaped: found where the kernel tells whose it was, else ignored with a report. PID 1 stands
 * still meanwhile. */
static void test_gone(void **state)
{
    struct scene *s = scene_new();
    with_go(s);
    scene_unit(s, "app.service",
               NOTIFY "NotifyAccess=all\nExecStart=" GO_UNIT " " ACTOR
                      " notify-gone READY=1 -- mark /scene/done x -- sleep\n");
    life_boot(s, state);
    scene_wait_event(s, "app_invoke", "app.service", NULL);
    assert_int_equal(box_signal(scene_box(s), SIGSTOP), 0);
    life_touch(s, "go");
    scene_wait_file(s, "done", "x");
    assert_int_equal(box_signal(scene_box(s), SIGCONT), 0);
    if (remembers_the_dead(*state)) {
        life_wait_state(s, "app.service", "running");
    } else {
        scene_wait_event(s, "notify_ignored", NULL, "reason", "gone", NULL);
        life_expect_path(s, "app.service", "start");
    }
    end_well(s);
}

/* A double-forked process with an empty environment, in a session of its own, is found by its mark or leaf. */
static void test_daemonized_sender(void **state)
{
    struct scene *s = scene_new();
    scene_unit(s, "app.service",
               NOTIFY "NotifyAccess=all\nExecStart=/bin/sh -c '(setsid " ACTOR
                      " notify READY=1 -- sleep &) ; exec " ACTOR " sleep'\n");
    life_boot(s, state);
    life_wait_state(s, "app.service", "running");
    end_well(s);
}

/* ---- MAINPID= ---- */

static void test_main_pid(void **state)
{
    struct scene *s = scene_new();
    scene_unit(s, "app.service",
               NOTIFY "ExecStart=" ACTOR " notify-main-child /scene/child -- exit 3\n"); /* nobody's end any more */
    scene_unit(s, "bad.service",
               NOTIFY "ExecStart=" ACTOR " notify MAINPID=2147483647 -- notify MAINPID=1 -- notify MAINPID=x -- notify "
                      "READY=1 -- sleep\n");
    life_boot(s, state);
    life_wait_state(s, "app.service", "running");
    scene_wait_event(s, "main_changed", "app.service", NULL);
    const char *const kill_child[] = {
        "/bin/sh", "-c",
        "p=$(cat /scene/child); until grep -q '^PPid:.1$' /proc/$p/status; do sleep 0.02; done; kill -KILL $p", NULL
    };
    assert_int_equal(scene_exec(s, kill_child, NULL), 0);
    scene_wait_event(s, "unit_state", "app.service", "sub", "failed", "result", "signal", NULL);
    life_wait_state(s, "bad.service", "running");
    scene_wait_log(s, "bad.service: MAINPID=2147483647 ignored: it is not a process of the unit");
    life_expect_log(s, "MAINPID= has a value that cannot be used", true);
    life_expect_count(s, 0, "main_changed", "bad.service");
    end_well(s);
}

/* The new main process as a pidfd, and by number with the inode of its pidfd: another inode is another process. */
static void test_main_pidfd(void **state)
{
    static const struct {
        const char *name, *how;
        bool taken;
    } rows[] = { { "pidfd", "pidfd", true }, { "id", "id", true }, { "wrong", "wrong-id", false } };
    struct scene *s = scene_new();
    struct utsname name;
    char *rest;
    assert_int_equal(uname(&name), 0);
    unsigned long major = strtoul(name.release, &rest, 10), minor = *rest ? strtoul(rest + 1, NULL, 10) : 0;
    bool has_inodes = major > 6 || (major == 6 && minor >= 9); /* else there is nothing to compare */
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char unit[32], text[256];
        (void)snprintf(unit, sizeof unit, "%s.service", rows[i].name);
        (void)snprintf(text, sizeof text,
                       NOTIFY "ExecStart=" ACTOR " notify-main-child /scene/%s %s -- mark /scene/%s-sent x -- sleep\n",
                       rows[i].name, rows[i].how, rows[i].name);
        scene_unit(s, unit, text);
    }
    life_boot(s, state);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char unit[32], sent[64];
        (void)snprintf(unit, sizeof unit, "%s.service", rows[i].name);
        (void)snprintf(sent, sizeof sent, "%s-sent", rows[i].name);
        scene_wait_file(s, sent, "x");
        life_wait_state(s, unit, "running");
        if (rows[i].taken || !has_inodes)
            scene_wait_event(s, "main_changed", unit, NULL);
        else
            scene_wait_log(s, "it is another process than MAINPIDFDID= says");
    }
    end_well(s);
}

/* Type=forking: MAINPID= stands for PIDFile=, before the daemon's parent has left and after. */
static void test_main_pid_of_forking(void **state)
{
    struct scene *s = scene_new();
    scene_file(s, "/usr/local/bin/forks", 0755,
               "#!/bin/sh\n" ACTOR " sleep &\necho $! > /scene/$1\n" ACTOR " sleep &\n"
               "test $1 = early && " ACTOR " notify MAINPID=$(cat /scene/$1)\n"
               "test $1 = late && { sleep 0.2; " ACTOR " notify MAINPID=$(cat /scene/$1); } &\nexit 0\n");
    static const char *const names[] = { "early", "late" };
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        char unit[32], text[256];
        (void)snprintf(unit, sizeof unit, "%s.service", names[i]);
        (void)snprintf(
            text, sizeof text,
            "[Service]\nType=forking\nNotifyAccess=all\nPIDFile=/run/never.pid\nExecStart=/usr/local/bin/forks "
            "%s\n",
            names[i]);
        scene_unit(s, unit, text);
    }
    life_boot(s, state);
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        char unit[32], script[128];
        (void)snprintf(unit, sizeof unit, "%s.service", names[i]);
        life_wait_state(s, unit, "running");
        scene_wait_event(s, "main_changed", unit, NULL);
        (void)snprintf(script, sizeof script, "kill -KILL $(cat /scene/%s)", names[i]);
        const char *const end[] = { "/bin/sh", "-c", script, NULL };
        (void)scene_exec(s, end, NULL); /* after the last one nothing is left to run, and it may not see its own end */
        scene_wait_event(s, "unit_state", unit, "sub", "failed", "result", "signal", NULL);
    }
    assert_int_equal(scene_exit_code(s), 0);
    scene_end(s);
}

/* ---- stopping, reloading ---- */

static void test_stopping(void **state)
{
    struct scene *s = scene_new();
    with_go(s);
    scene_unit(s, "app.service",
               NOTIFY "ExecStart=/bin/sh -c '" ACTOR " notify READY=1 -- exit 0; exec " GO_UNIT " " ACTOR
                      " notify STOPPING=1 -- pause 300 -- exit 0'\nNotifyAccess=all\n");
    life_boot(s, state);
    life_wait_state(s, "app.service", "running");
    life_touch(s, "go");
    life_wait_state(s, "app.service", "dead");
    life_expect_path(s, "app.service", "start running stop-sigterm dead");
    assert_int_equal(scene_exit_code(s), 0);
    scene_end(s);
}

/* A reload by message alone: RELOADING=1, READY=1. */
static void test_reloading(void **state)
{
    struct scene *s = scene_new();
    with_go(s);
    scene_unit(s, "app.service",
               NOTIFY "NotifyAccess=all\nExecStart=/bin/sh -c '" ACTOR " notify READY=1; exec " GO_UNIT " " ACTOR
                      " notify RELOADING=1 -- pause 100 -- notify READY=1 -- sleep'\n");
    life_boot(s, state);
    life_wait_state(s, "app.service", "running");
    life_touch(s, "go");
    scene_wait_nth_event(s, 2, "unit_state", "app.service", "sub", "running", NULL);
    life_expect_path(s, "app.service", "start running reload-notify running");
    end_well(s);
}

/* Who is the main process does not say that the start is over. */
static void test_main_of_a_oneshot(void **state)
{
    struct scene *s = scene_new();
    scene_unit(s, "app.service",
               "[Service]\nType=oneshot\nNotifyAccess=all\nExecStart=/bin/sh -c '" ACTOR " await /scene/go & " ACTOR
               " notify MAINPID=$$! -- notify-barrier; wait'\n");
    struct scene_spec spec = life_spec(state);
    spec.box.setup = "mkfifo /scene/go";
    scene_boot(s, &spec);
    (void)scene_wait_event(s, "main_changed", "app.service", NULL);
    const char *const go[] = { "/bin/sh", "-c", "echo > /scene/go", NULL };
    (void)scene_exec(s, go, NULL); /* the container ends for it, and it may not see its own end */
    life_wait_state(s, "app.service", "dead");
    assert_int_equal(scene_exit_code(s), 0);
    assert_int_equal(scene_count_events(s, "unit_state", "app.service", "sub", "running", NULL), 0);
    scene_end(s);
}

/* There is nobody to signal any more: the reload is over at once. */
static void test_reload_without_main(void **state)
{
    static const struct {
        const char *label, *settings, *program, *sub;
    } kinds[] = {
        { "RemainAfterExit=", "RemainAfterExit=yes\n", ACTOR " notify READY=1 -- exit 0", "exited" },
        { "ExitType=cgroup", "ExitType=cgroup\n",
          "/bin/sh -c '" ACTOR " sleep & exec " ACTOR " notify READY=1 -- exit 0'", "running" },
    };
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        print_message("  %s\n", kinds[i].label);
        char text[512];
        struct scene *s = scene_new();
        (void)snprintf(text, sizeof text, "[Service]\nType=notify-reload\n%sExecStart=%s\n", kinds[i].settings,
                       kinds[i].program);
        scene_unit(s, "app.service", text);
        life_boot(s, state);
        (void)scene_wait_event(s, "exited", "app.service", NULL);
        life_wait_state(s, "app.service", kinds[i].sub);
        const char *const reload[] = { "/usr/bin/timeout", "5", "/usr/local/bin/container-init", "systemctl", "reload",
                                       "app.service",      NULL };
        assert_int_equal(scene_exec(s, reload, NULL), 0);
        scene_stop(s, SIGTERM);
        assert_int_equal(scene_exit_code(s), 0);
        scene_end(s);
    }
}

/* Type=notify-reload: ReloadSignal=, and the answer by messages; ExecReload= comes first. */
static void test_notify_reload(void **state)
{
    struct scene *s = scene_new();
    scene_unit(s, "app.service",
               "[Service]\nType=notify-reload\nExecStart=" ACTOR
               " hup-block -- notify READY=1 -- notify-reload /scene/reloads\n");
    scene_unit(s, "silent.service",
               "[Service]\nType=notify-reload\nTimeoutStartSec=2s\nExecStart=" ACTOR
               " ignore HUP -- notify READY=1 -- sleep\n");
    life_boot(s, state);
    life_wait_state(s, "app.service", "running");
    life_wait_state(s, "silent.service", "running");
    const char *const reload[] = { "/usr/local/bin/container-init", "systemctl", "reload", "app.service", NULL };
    for (int i = 0; i < 2; i++) assert_int_equal(scene_exec(s, reload, NULL), 0); /* returns when it is over */
    life_expect_path(s, "app.service",
                     "start running reload-signal reload-notify running reload-signal reload-notify running");
    scene_wait_file(s, "reloads", "reload\nreload\n");
    const char *const unanswered[] = { "/usr/local/bin/container-init", "systemctl", "reload", "silent.service", NULL };
    (void)scene_exec(s, unanswered, NULL);
    scene_wait_event(s, "timeout", "silent.service", "sub", "reload-signal", NULL);
    scene_wait_nth_event(s, 2, "unit_state", "silent.service", "sub", "running", NULL); /* as it was */
    end_well(s);
}

/* ---- many ---- */

/* One that floods us starves nobody, and one that hands us thousands of descriptors leaves us ours. */
static void test_flood(void **state)
{
    struct scene *s = scene_new();
    scene_unit(s, "flood.service",
               NOTIFY "NotifyAccess=all\nExecStart=" ACTOR " notify READY=1 -- notify-flood 0 STATUS=x\n");
    scene_unit(
        s, "gives.service",
        NOTIFY
        "NotifyAccess=all\nFileDescriptorStoreMax=2\nExecStart=/bin/sh -c 'for i in 1 2 3 4 5 6 7 8 9 10; do " ACTOR
        " notify-store a 200 || exit 1; done; exec " ACTOR " notify-barrier -- notify READY=1 -- sleep'\n");
#define COUNTS(file)                                                                                                   \
    "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/sh -c 'ls /proc/1/fd | wc -l > /scene/" file "'\n"
    scene_unit(s, "early.service", "[Unit]\nBefore=gives.service flood.service\n" COUNTS("early"));
    scene_unit(s, "late.service", "[Unit]\nAfter=gives.service flood.service\n" COUNTS("late"));
    life_boot(s, state);
    life_wait_state(s, "late.service", "exited");
    char *early = scene_read(s, "early"), *late = scene_read(s, "late");
    assert_true(early && late);
    unsigned long before = strtoul(early, NULL, 10), after = strtoul(late, NULL, 10);
    free(early), free(late);
    if (before == 0 || after > before + 64) scene_fail(s, "%lu descriptors were open, %lu are", before, after);
    scene_wait_event(s, "fd_store", "gives.service", "count", "2", NULL);
    scene_wait_log(s, "gives.service: descriptor not stored: FileDescriptorStoreMax= is reached");
    end_well(s);
}

/* Messages that are none: reported once, without effect. */
static void test_broken(void **state)
{
    struct scene *s = scene_new();
    scene_unit(s, "app.service",
               NOTIFY "ExecStart=" ACTOR " notify READY=1\\\\x00STATUS=x -- notify-barrier -- notify STATUS=\\\\xff -- "
                      "notify STATUS=\\\\xff -- notify READY=1 -- sleep\n");
    scene_unit(s, "long.service",
               NOTIFY "TimeoutStartSec=500ms\nExecStart=/bin/sh -c 'exec " ACTOR
                      " notify \"STATUS=$(printf %%05000d 0)\" -- sleep'\n");
    life_boot(s, state);
    scene_wait_event(s, "notify_ignored", NULL, "reason", "broken", NULL);
    scene_wait_event(s, "notify_ignored", NULL, "reason", "too-long", NULL);
    life_wait_state(s, "app.service", "running");
    life_wait_state(s, "long.service", "failed");
    scene_wait_log(s, "app.service: STATUS= is not UTF-8, ignored");
    life_expect_count(s, 0, "notify_status", "app.service");
    end_well(s);
}

/* ---- NotifyFD= ---- */

/* The s6 way: a newline on a descriptor of the service's choice. */
static void test_notify_fd(void **state)
{
    struct scene *s = scene_new();
    with_go(s);
    scene_unit(s, "s6.service",
               "[Service]\nNotifyFD=5\nExecStart=" GO_UNIT " " ACTOR
               " report /scene/s6 -- write-raw 5 no -- mark /scene/half x -- pause 200 -- write 5 yes -- sleep\n");
    scene_unit(s, "dependant.service", AFTER("s6"));
    scene_unit(s, "taken.service",
               "[Service]\nNotifyFD=3\nSockets=taken.socket\nExecStart=" ACTOR " write 3 ready -- sleep\n");
    scene_unit(s, "taken.socket", "[Socket]\nListenStream=/run/taken\n");
    scene_unit(s, "wants.service",
               "[Unit]\nWants=taken.service taken.socket\nAfter=taken.socket\n[Service]\nExecStart=" ACTOR " sleep\n");
    scene_unit(s, "closes.service",
               "[Service]\nNotifyFD=3\nTimeoutStartSec=500ms\nExecStart=" ACTOR " close 3 -- sleep\n");
    scene_unit(s, "plain.service", "[Service]\nExecStart=" ACTOR " report /scene/plain -- sleep\n");
    life_boot(s, state);
    scene_wait_event(s, "s6_invoke", "s6.service", NULL);
    life_expect_count(s, 0, "spawn", "dependant.service");
    life_touch(s, "go");
    scene_wait_file(s, "half", "x");
    life_wait_state(s, "dependant.service", "running");
    expect_report(s, "s6", "fds", "0 1 2 5");
    life_expect_states_in_order(s, "s6.service", "running", "dependant.service", "start");
    scene_wait_event(s, "unit_state", "closes.service", "sub", "failed", "result", "timeout", NULL);
    scene_wait_log(s, "closes.service: NotifyFD=3 was closed without a newline");
    expect_report(s, "plain", "fds", "0 1 2");
    scene_wait_log(s, "taken.service: failed to start");
    end_well(s);
}

/* ---- the socket itself ---- */

/* K75: one that is there is neither removed nor used, and that of our own environment is not a service's. */
static void test_present_socket(void **state)
{
    struct scene *s = scene_new();
    struct scene_spec spec = life_spec(state);
    scene_unit(s, "app.service", NOTIFY "ExecStart=" ACTOR " report /scene/app -- notify READY=1 -- sleep\n");
    scene_unit(s, "plain.service", "[Service]\nExecStart=" ACTOR " report /scene/plain -- sleep\n");
    spec.box.setup = "mkdir -p /run/container-init && touch /scene/theirs && touch /run/container-init/notify && mount "
                     "--bind /scene/theirs /run/container-init/notify";
    spec.box.env[spec.box.n_env++] = "NOTIFY_SOCKET=/run/container-init/notify";
    scene_boot(s, &spec);
    life_wait_state(s, "app.service", "running");
    expect_report(s, "plain", "env.NOTIFY_SOCKET", NULL);
    char *address = scene_report(s, "app", "env.NOTIFY_SOCKET");
    assert_non_null(address);
    if (address[0] != '@') scene_fail(s, "the socket is %s", address);
    free(address);
    const char *const there[] = { "/bin/sh", "-c", "test -f /run/container-init/notify", NULL };
    assert_int_equal(scene_exec(s, there, NULL), 0);
    end_well(s);
}

/* A left-over of a former run gives way; without a writable /run there is an abstract name. */
static void test_places(void **state)
{
    static const struct {
        const char *label, *setup;
        bool read_only, as_user;
        const char *begins;
    } rows[] = {
        { "as it is", NULL, false, false, "/run/container-init/notify" },
        { "left over",
          "mkdir -p /run/container-init && timeout 20 " ACTOR " exec /bin/sh -c 'perl -MSocket -e "
          "\"socket(S,PF_UNIX,SOCK_DGRAM,0);bind(S,sockaddr_un(q(/run/container-init/"
          "notify)))\"'",
          false, false, "/run/container-init/notify" },
        { "a file", "mkdir -p /run/container-init && echo theirs > /run/container-init/notify", false, false, "@" },
        { "a directory that is a file", "touch /run/container-init", false, false, "@" },
        { "read-only", "mount -o remount,ro /run", true, false, "@" },
        { "not root", NULL, false, true, "@" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct scene *s = scene_new();
        struct scene_spec spec = SCENE_SPEC_DEFAULT;
        print_message("  %s\n", rows[i].label);
        scene_unit(s, "app.service", NOTIFY "ExecStart=" ACTOR " report /scene/app -- notify READY=1 -- sleep\n");
        spec.box.setup = rows[i].setup;
        spec.box.read_only_root = rows[i].read_only;
        spec.box.as_user = rows[i].as_user;
        spec.box.uid = spec.box.gid = 12345;
        scene_boot(s, &spec);
        life_wait_state(s, "app.service", "running");
        char *address = scene_report(s, "app", "env.NOTIFY_SOCKET");
        assert_non_null(address);
        if (strncmp(address, rows[i].begins, strlen(rows[i].begins)) != 0) scene_fail(s, "the socket is %s", address);
        free(address);
        end_well(s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ready),
        cmocka_unit_test(test_start_timeout),
        cmocka_unit_test(test_extend),
        cmocka_unit_test(test_ready_then_exit),
        IN_BOTH_PLACES(test_access),
        IN_BOTH_PLACES(test_outside),
        IN_BOTH_PLACES(test_gone),
        IN_BOTH_PLACES(test_daemonized_sender),
        IN_BOTH_PLACES(test_main_pid),
        cmocka_unit_test(test_main_pidfd),
        cmocka_unit_test(test_main_pid_of_forking),
        cmocka_unit_test(test_stopping),
        cmocka_unit_test(test_reloading),
        cmocka_unit_test(test_notify_reload),
        cmocka_unit_test(test_reload_without_main),
        cmocka_unit_test(test_main_of_a_oneshot),
        cmocka_unit_test(test_flood),
        cmocka_unit_test(test_broken),
        cmocka_unit_test(test_notify_fd),
        cmocka_unit_test(test_present_socket),
        cmocka_unit_test(test_places),
    };
    scene_skip_unless_possible();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
