/* tests/e2e/test_kill.c - which processes a stop reaches, and that none of them outlives it. */
#include "tests/e2e/life.h"

#define RUN_VICTIM "[Service]\nTimeoutStopSec=300ms\nExecStart=" ACTOR " "

/* Boots `victim.service`, waits for /scene/NAME, stops the unit, waits until it is `down` (dead or failed). */
static struct scene *stop_victim(void **state, const char *unit, const char *name, const char *down)
{
    struct scene *s = scene_new();
    scene_unit(s, "victim.service", unit);
    life_stopper(s, "victim");
    life_boot(s, state);
    scene_wait_file(s, name, "\n");
    life_wait_state(s, "victim.service", "running");
    life_stop_unit(s, "victim");
    life_wait_state(s, "victim.service", down);
    return s;
}

/* The container goes on after the stop of one unit and ends well. */
static void end_well(struct scene *s)
{
    scene_wait_event(s, "stop-victim_invoke", NULL, NULL);
    scene_stop(s, SIGTERM);
    assert_int_equal(scene_exit_code(s), 0);
    scene_end(s);
}

/* K05: the main process leaves on TERM, a child in its group does not. */
static void test_child_that_ignores_term(void **state)
{
    struct scene *s = stop_victim(state, RUN_VICTIM "child /scene/child stubborn -- sleep\n", "child", "failed");
    life_expect_alive(s, "child", false);
    life_expect_log(s, "unit victim.service: did not stop in time; killing it", true);
    life_expect_path(s, "victim.service", "start running stop-sigterm final-sigterm final-sigkill failed");
    end_well(s);
}

/* K06: double fork, sessions of its own, an empty environment. */
static void test_child_in_another_session(void **state)
{
    struct scene *s = stop_victim(state, RUN_VICTIM "escape /scene/child -- sleep\n", "child", "dead");
    life_expect_alive(s, "child", false);
    end_well(s);
}

static void test_stubborn_child_in_another_session(void **state)
{
    struct scene *s = stop_victim(state, RUN_VICTIM "escape /scene/child stubborn -- sleep\n", "child", "failed");
    life_expect_alive(s, "child", false);
    end_well(s);
}

/* K07: the main process is killed; children and grandchildren go with it. */
static void test_main_killed(void **state)
{
    struct scene *s = scene_new();
    scene_unit(s, "keep.service", "[Service]\nExecStart=" ACTOR " sleep\n");
    scene_unit(s, "victim.service",
               RUN_VICTIM "child /scene/child stubborn -- escape /scene/grandchild stubborn -- sleep\n");
    life_boot(s, state);
    scene_wait_file(s, "grandchild", "\n");
    life_signal_unit(s, "victim.service", "KILL");
    life_wait_state(s, "victim.service", "failed");
    life_expect_alive(s, "child", false);
    life_expect_alive(s, "grandchild", false);
    (void)scene_wait_event(s, "exited", "victim.service", "err", "killed by SIGKILL", NULL);
    scene_stop(s, SIGTERM);
    assert_int_equal(scene_exit_code(s), 0);
    scene_end(s);
}

/* K08: without clone3 the child enters its leaf itself, before it can fork. */
static void test_fork_at_once_without_clone3(void **state)
{
    struct scene *s = scene_new();
    struct scene_spec spec = life_spec(state);
    assert_int_equal(box_spec_deny(&spec.box, "clone3", "ENOSYS"), 0);
    scene_unit(s, "victim.service", RUN_VICTIM "escape /scene/child stubborn -- report /scene/report -- sleep\n");
    life_stopper(s, "victim");
    scene_boot(s, &spec);
    scene_wait_file(s, "report", "uid");
    scene_wait_file(s, "child", "\n"); /* by now it ignores TERM */
    char *cgroup = scene_report(s, "report", "cgroup");
    if (*state == &with_leaves) assert_string_equal(cgroup, "/container-init/victim.service");
    free(cgroup);
    life_wait_state(s, "victim.service", "running");
    life_stop_unit(s, "victim");
    life_wait_state(s, "victim.service", "failed");
    life_expect_alive(s, "child", false);
    end_well(s);
}

/* K06, K08: processes that are never there for long: each leaves as soon as it has made the next, deaf to TERM. */
static void test_hopping_processes(void **state)
{
    enum { N = 6 };
    static const char *const meanwhile[] = { ACTOR, "orphans", "60", NULL };
    struct scene *s = scene_new();
    char name[64];
    struct str stopper = STR_EMPTY;
    assert_int_equal(str_append(&stopper, "[Unit]\n"), 0);
    scene_file(s, "/usr/local/bin/hop", 0755,
               /* Each lives a little, so that whoever looks for it with half a processor can win. */
               "#!/bin/sh\ntrap '' TERM\necho $$ >> /scene/hops\nsleep 0.02\n/usr/local/bin/hop &\n");
    for (int i = 0; i < N; i++) {
        (void)snprintf(name, sizeof name, "hop%d.service", i);
        scene_unit(s, name,
                   "[Service]\nTimeoutStopSec=60ms\nExecStartPre=/usr/local/bin/hop\nExecStart=" ACTOR " sleep\n");
        assert_int_equal(str_appendf(&stopper, "Conflicts=%s\nAfter=%s\n", name, name), 0);
    }
    scene_unit(s, "stop-victim.socket", "[Socket]\nListenStream=/run/stop-victim\n");
    assert_int_equal(str_append(&stopper, "[Service]\nExecStart=" ACTOR " sleep\n"), 0);
    scene_unit(s, "stop-victim.service", str_text(&stopper));
    str_done(&stopper);
    life_boot(s, state);
    scene_wait_event(s, "startup_finished", NULL, NULL);
    life_stop_unit(s, "victim");
    scene_wait_event(s, "stop-victim_invoke", NULL, NULL);
    char *before = scene_read(s, "hops");
    assert_int_equal(scene_exec(s, meanwhile, NULL), 0);
    char *after = scene_read(s, "hops");
    bool same = before && after && strcmp(before, after) == 0;
    free(before), free(after);
    if (!same) scene_fail(s, "one goes on hopping");
    end_well(s);
}

/* S62: the leaf is gone when the unit has ended, with what the service made below it. */
static void test_leaf_is_removed(void **state)
{
    struct scene *s = scene_new();
    (void)state;
    scene_file(s, "/usr/local/bin/nest", 0755,
               "#!/bin/sh\nmkdir -p /sys/fs/cgroup/container-init/victim.service/a/b\necho made > /scene/made\n"
               "exec " ACTOR " sleep\n");
    scene_unit(s, "victim.service", "[Service]\nExecStart=/usr/local/bin/nest\n");
    life_stopper(s, "victim");
    scene_boot(s, NULL);
    scene_wait_file(s, "made", "made");
    life_stop_unit(s, "victim");
    scene_wait_event(s, "stop-victim_invoke", NULL, NULL); /* it is ordered after the end of the victim */
    char path[PATH_MAX];
    assert_int_equal(access(box_path(scene_box(s), "/sys/fs/cgroup/container-init/stop-victim.service", path), F_OK),
                     0);
    assert_int_equal(access(box_path(scene_box(s), "/sys/fs/cgroup/container-init/victim.service", path), F_OK), -1);
    scene_stop(s, SIGTERM);
    assert_int_equal(scene_exit_code(s), 0);
    scene_end(s);
}

/* ---- leaves that cannot be made, entered or killed ---- */

/* Only this mount, not the file system: that one is the machine's. */
#define READ_ONLY "until mount -o remount,bind,ro /sys/fs/cgroup 2>&-; do :; done" /* busy while a leaf is entered */

/* clang-format off */
static const struct { const char *label, *oneshot, *order, *log; bool no_clone3; } leafless[] = {
    { "K01: the leaf cannot be made", "/bin/sh -c '" READ_ONLY "'", "After=break.service", "cgroup mkdir victim.service: Read-only file system (falling back to PGID kill path)", false },
    { "K01: the leaf cannot be killed", "/bin/sh -c '" READ_ONLY "'", "Before=break.service", "started", false },
    { "K01: the limit of leaves is reached", "/bin/sh -c 'echo 1 > /sys/fs/cgroup/container-init/cgroup.max.descendants'", "After=break.service", "cgroup mkdir victim.service: Resource temporarily unavailable (falling back to PGID kill path)", false },
    { "K02: the leaf is there and cannot be entered", "/bin/sh -c 'mkdir /sys/fs/cgroup/container-init/victim.service; " READ_ONLY "'", "After=break.service", "cgroup mkdir victim.service: Read-only file system (falling back to PGID kill path)", true },
};
/* clang-format on */

/* K01, K02: what ignores TERM is dead before the stop goes on, and "force-killed" is said because it is true. */
static void test_leafless(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(leafless); i++) {
        print_message("  %s\n", leafless[i].label);
        struct scene *s = scene_new();
        struct scene_spec spec = SCENE_SPEC_DEFAULT;
        char text[512];
        life_verdict(s);
        if (leafless[i].no_clone3) assert_int_equal(box_spec_deny(&spec.box, "clone3", "EPERM"), 0);
        (void)snprintf(text, sizeof text, "[Service]\nType=oneshot\nExecStart=%s\n", leafless[i].oneshot);
        scene_unit(s, "break.service", text);
        scene_unit(s, "judge.service",
                   "[Service]\nExecStart=" ACTOR " sleep\nExecStop=/usr/local/bin/verdict child grandchild\n");
        (void)snprintf(text, sizeof text, "[Unit]\nAfter=judge.service\n%s\n%s%s", leafless[i].order, RUN_VICTIM,
                       "ignore TERM -- child /scene/child stubborn -- escape /scene/grandchild stubborn -- sleep\n");
        scene_unit(s, "victim.service", text);
        scene_boot(s, &spec);
        scene_wait_file(s, "child", "\n");
        scene_wait_file(s, "grandchild", "\n");
        scene_wait_log(s, leafless[i].log);
        scene_wait_event(s, "exited", "break.service", "failed", "false", NULL);
        scene_stop(s, SIGTERM);
        assert_int_equal(scene_exit_code(s), 1);
        life_expect_file(s, "verdict", "child gone\ngrandchild gone\n");
        life_expect_log(s, "shutdown: victim.service force-killed (grace expired)", true);
        life_expect_log(s, "judge.service force-killed", false);
        scene_end(s);
    }
}

/* ---- pids ---- */

/* K09: the number of a main process that was collected belongs to another unit by now. */
static void test_reused_pid(void **state)
{
    struct scene *s = scene_new();
    uint64_t old = 0, new = 0;
    scene_unit(s, "victim.service", "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=" ACTOR " exit 0\n");
    scene_unit(s, "heir.socket", "[Socket]\nListenStream=/run/heir\n");
    scene_unit(s, "heir.service", "[Service]\nExecStart=" ACTOR " signals /scene/signals TERM\n");
    life_stopper(s, "victim");
    life_boot(s, state);
    life_wait_state(s, "victim.service", "exited");
    assert_int_equal(json_get_u64(scene_wait_event(s, "spawn", "victim.service", NULL), "pid", &old), 0);
    char script[128];
    (void)snprintf(script, sizeof script, "echo %llu > /proc/sys/kernel/ns_last_pid", (unsigned long long)old - 1);
    const char *const argv[] = { "/bin/sh", "-c", script, NULL };
    assert_int_equal(scene_exec(s, argv, NULL), 0);
    close(scene_connect(s, "unix:/run/heir"));
    assert_int_equal(json_get_u64(scene_wait_event(s, "spawn", "heir.service", NULL), "pid", &new), 0);
    assert_int_equal(new, old);
    scene_wait_file(s, "signals", "ready");
    life_stop_unit(s, "victim");
    scene_wait_event(s, "stop-victim_invoke", NULL, NULL);
    life_expect_file(s, "signals", "ready\n");
    scene_stop(s, SIGTERM);
    assert_int_equal(scene_exit_code(s), 0);
    scene_end(s);
}

/* K10: a connection asks for a start while the last run's child still holds out. */
static void test_starts_do_not_overlap(void **state)
{
    struct scene *s = scene_new();
    life_verdict(s);
    scene_file(s, "/usr/local/bin/serve", 0755,
               "#!/bin/sh\ntest -e /scene/child && /usr/local/bin/verdict child\n"
               "exec " ACTOR " child /scene/child stubborn -- listen-once\n");
    scene_unit(s, "victim.socket", "[Socket]\nListenStream=/run/victim\n");
    scene_unit(s, "victim.service", "[Service]\nExecStart=/usr/local/bin/serve\nTimeoutStopSec=150ms\n");
    life_boot(s, state);
    scene_wait_event(s, "bound", "victim.socket", NULL);
    for (size_t run = 1; run <= 2; run++) {
        int fd = scene_connect(s, "unix:/run/victim");
        (void)scene_wait_nth_event(s, run, "unit_state", "victim.service", "sub", "running", NULL);
        close(fd); /* listen-once leaves, its child does not */
        (void)scene_wait_nth_event(s, run, "unit_state", "victim.service", "sub", "final-sigterm", NULL);
    }
    (void)scene_wait_nth_event(s, 2, "unit_state", "victim.service", "sub", "failed", NULL);
    life_expect_file(s, "verdict", "child gone\n");
    life_expect_count(s, 2, "spawn", "victim.service");
    scene_stop(s, SIGTERM);
    assert_int_equal(scene_exit_code(s), 0);
    scene_end(s);
}

/* K11: the child hangs between fork and exec, opening a FIFO that nobody writes to. */
static void test_stop_between_fork_and_exec(void **state)
{
    struct scene *s = scene_new();
    struct scene_spec spec = life_spec(state);
    spec.box.setup = "mkfifo /run/fifo";
    scene_unit(s, "hung.service",
               "[Service]\nStandardInput=file:/run/fifo\nTimeoutStartSec=infinity\nTimeoutStopSec=5s\n"
               "ExecStart=" ACTOR " sleep\n");
    scene_unit(s, "victim.service",
               "[Service]\nStandardInput=file:/run/fifo\nTimeoutStartSec=infinity\n"
               "ExecStart=" ACTOR " sleep\n");
    life_stopper(s, "victim");
    scene_boot(s, &spec);
    scene_wait_event(s, "spawn", "victim.service", NULL);
    scene_wait_event(s, "spawn", "hung.service", NULL);
    life_stop_unit(s, "victim");
    scene_wait_event(s, "stop-victim_invoke", NULL, NULL);
    life_expect_path(s, "victim.service", "start stop-sigterm dead");
    scene_stop(s, SIGTERM);
    assert_int_equal(scene_exit_code(s), 0);
    life_expect_path(s, "hung.service", "start stop-sigterm dead");
    life_expect_log(s, "force-killed", false);
    scene_end(s);
}

int main(void)
{
    scene_skip_unless_possible();
    const struct CMUnitTest tests[] = {
        IN_BOTH_PLACES(test_child_that_ignores_term),
        IN_BOTH_PLACES(test_child_in_another_session),
        IN_BOTH_PLACES(test_stubborn_child_in_another_session),
        IN_BOTH_PLACES(test_main_killed),
        IN_BOTH_PLACES(test_fork_at_once_without_clone3),
        IN_BOTH_PLACES(test_hopping_processes),
        cmocka_unit_test(test_leaf_is_removed),
        cmocka_unit_test(test_leafless),
        IN_BOTH_PLACES(test_reused_pid),
        IN_BOTH_PLACES(test_starts_do_not_overlap),
        IN_BOTH_PLACES(test_stop_between_fork_and_exec),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
