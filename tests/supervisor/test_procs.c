#include "tests/supervisor/spawn_fixture.h"

#include <linux/capability.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include <sys/stat.h>
#include "cgroup/leaf.h"
#include "cgroup/root.h"
#include "supervisor/id_map.h"
#include "supervisor/marks.h"
#include "supervisor/procs.h"

/* ---- marks ---- */

static void test_marks(void **state)
{
    static const struct {
        const char *label;
        uint64_t limit;
        uint64_t first; /* mark given */
        bool any;
    } rows[] = {
        { "no limit", MARK_UNLIMITED, (UINT64_C(1) << 62) - (UINT64_C(1) << 32), true },
        { "a run of a supervisor above us", UINT64_C(3) << 32, (UINT64_C(3) << 32) - (UINT64_C(1) << 16), true },
        { "a run two levels down", UINT64_C(5) << 16, (UINT64_C(5) << 16) - 1, true },
        { "a limit somebody set, even", 1000, 999, true },
        { "a limit somebody set, odd", 999, 997, true },
        { "nearly nothing", 2, 1, true },
        { "nothing below", 1, 0, false },
        { "nothing", 0, 0, false },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct mark_space space;
        print_message("  %s\n", rows[i].label);
        mark_space_init(&space, rows[i].limit);
        uint64_t mark = mark_space_next(&space);
        assert_true(mark == rows[i].first);
        if (!rows[i].any) continue;
        assert_true(mark < rows[i].limit);
        assert_true(mark_space_owner(&space, mark) == mark);
        assert_true(mark_space_owner(&space, rows[i].limit) != mark);
        assert_true(mark_space_owner(&space, MARK_UNLIMITED) == 0);
        uint64_t second = mark_space_next(&space);
        assert_true(second == mark || mark_space_owner(&space, second) == second);
    }
}

/* A supervisor that runs as a service of ours: its services carry marks of the service's interval, to any depth. */
static void test_nested_marks(void **state)
{
    (void)state;
    struct mark_space outer, inner, innermost;
    mark_space_init(&outer, MARK_UNLIMITED);
    (void)mark_space_next(&outer);
    uint64_t service = mark_space_next(&outer), neighbour = mark_space_next(&outer);
    mark_space_init(&inner, service);
    for (int i = 0; i < 40000; i++) { /* more often than there are marks: it goes round */
        uint64_t nested = mark_space_next(&inner);
        assert_true(nested < service);
        assert_true(mark_space_owner(&outer, nested) == service);
        assert_true(mark_space_owner(&inner, service) == 0);
        if (i % 1000) continue;
        mark_space_init(&innermost, nested);
        uint64_t deep = mark_space_next(&innermost);
        assert_true(mark_space_owner(&inner, deep) == nested);
        assert_true(mark_space_owner(&outer, deep) == service);
    }
    assert_true(mark_space_owner(&outer, neighbour) == neighbour);
}

/* K09: two supervisors that see each other's processes must not take them for their own. */
static void test_marks_of_two_supervisors(void **state)
{
    (void)state;
    struct mark_space space;
    mark_space_init(&space, MARK_UNLIMITED);
    uint64_t top = mark_space_next(&space);
    mark_space_begin_at(&space, 0);
    assert_true(mark_space_next(&space) < top);
    assert_true(mark_space_next(&space) == top); /* round, as ever */
    mark_space_begin_at(&space, UINT64_MAX);
    assert_true(mark_space_owner(&space, mark_space_next(&space)) != 0);

    uint64_t marks[2];
    for (size_t i = 0; i < COUNT_OF(marks); i++) {
        AUTO(procs_table_free) struct procs_table *table = NULL;
        struct procs procs = { .mark = 0 };
        int leaf_error = 0;
        assert_int_equal(procs_table_new(NULL, &table), 0);
        assert_int_equal(procs_begin(table, &procs, "a.service", &leaf_error), 0);
        marks[i] = procs.mark;
        procs_end(table, &procs);
    }
    assert_true(marks[0] != marks[1]);
}

/* ---- the map ---- */

static void test_id_map(void **state)
{
    (void)state;
    struct id_map map = { NULL, 0, 0 };
    static int value;
    assert_null(id_map_get(&map, 7));
    id_map_remove(&map, 7);
    for (uint64_t i = 1; i <= 5000; i++) assert_int_equal(id_map_put(&map, i * 3, &value + i % 2), 0);
    for (uint64_t i = 1; i <= 5000; i += 2) id_map_remove(&map, i * 3);
    for (uint64_t i = 1; i <= 5000; i++) assert_ptr_equal(id_map_get(&map, i * 3), i % 2 ? NULL : (void *)&value);
    assert_int_equal(map.count, 2500);
    id_map_done(&map);
}

/* ---- processes; each test in a process of its own that adopts orphans, as PID 1 does ---- */

enum place { PLACE_MARK, PLACE_MARK_SCAN, PLACE_LEAF, PLACE_OUTSIDE_LEAF, PLACE_COUNT };
static const char *const place_names[] = {
    "no cgroups: by mark",
    "no cgroups, nobody adopts orphans for us: by scan",
    "a leaf",
    "a leaf that could not be entered: K02",
};

struct world {
    struct own_cgroup own;
    struct fixture f;
    struct cg_root *root;
    struct procs_table *table;
    struct procs procs;
};

static void world_open(struct world *w, enum place place)
{
    fixture_open(&w->f);
    w->root = NULL;
    if (place == PLACE_LEAF || place == PLACE_OUTSIDE_LEAF) {
        struct cg_root_options options = { .leave_others = true };
        if (!own_cgroup_enter(&w->own)) _exit(77);
        if (cg_root_open(&options, &w->root, NULL) < 0) _exit(77);
    }
    if (place != PLACE_MARK_SCAN) assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    assert_int_equal(procs_table_new(w->root, &w->table), 0);
    int leaf_error;
    w->procs = (struct procs){ .mark = 0 };
    assert_int_equal(procs_begin(w->table, &w->procs, "procs-test.service", &leaf_error), 0);
    assert_int_equal(leaf_error, 0);
    assert_true(!!w->procs.leaf == (place == PLACE_LEAF || place == PLACE_OUTSIDE_LEAF));
    if (place == PLACE_LEAF) w->f.leaf = w->procs.leaf;
    w->f.request.mark = w->procs.mark;
    w->f.command.flags = COMMAND_NO_EXPAND;
}

static void world_close(struct world *w)
{
    procs_end(w->table, &w->procs);
    procs_table_free(w->table);
    if (w->root) {
        assert_int_equal(cg_root_close_all(w->root), 0);
        own_cgroup_leave(&w->own);
    }
    fixture_close(&w->f);
}

/* Starts the command and waits until it has said "ready" as often as asked, on a pipe it holds open. */
static void world_start(struct world *w, const char *script, int times, struct fd *ret_reader)
{
    static const char *words[] = { "/bin/sh", "-c", NULL, NULL };
    struct fd writer = FD_NONE;
    words[2] = script;
    fixture_command(&w->f, words);
    assert_int_equal(fd_pipe(0, ret_reader, &writer), 0);
    assert_int_equal(fixture_start(&w->f, writer.n), 0);
    fd_close(&writer);
    procs_add(w->table, &w->procs, w->f.pid, w->f.in_leaf);
    fixture_wait_done(&w->f);
    assert_int_equal(w->f.failure.stage, EXEC_STAGE_NONE);
    char c;
    for (int lines = 0; lines < times; lines += c == '\n') assert_int_equal(read(ret_reader->n, &c, 1), 1);
}

/* Collects every exit that is there, as the reaper does; waits for the first when asked to. */
static void world_reap(struct world *w, bool wait)
{
    int status;
    for (pid_t pid; (pid = waitpid(-1, &status, wait ? 0 : WNOHANG)) > 0; wait = false)
        procs_remove(w->table, &w->procs, pid);
}

/* The end of the pipe proves that everybody who held it is gone; nothing of what the unit started is left then. */
static void world_kill(struct world *w, struct fd *reader)
{
    assert_false(procs_is_empty(w->table, &w->procs));
    while (!procs_is_empty(w->table, &w->procs)) {
        procs_table_new_round(w->table);
        assert_true(procs_kill(w->table, &w->procs) >= 0);
        struct pollfd poll_fd = { reader->n, POLLIN, 0 };
        (void)poll(&poll_fd, 1, 10); /* only so as not to spin: the condition decides */
        world_reap(w, false);
    }
    char last_words[512]; /* shells tell of what was killed */
    ssize_t n;
    while ((n = read(reader->n, last_words, sizeof last_words)) > 0) {
    }
    assert_int_equal(n, 0);
    fd_close(reader);
}

struct apart {
    int (*fn)(enum place);
    enum place place;
};

static void test_apart(void **state)
{
    const struct apart *apart = *state;
    int r = apart->fn(apart->place);
    if (r == 77) _exit(77);
    assert_int_equal(r, 0);
}

/* A child process so that subreaper, capabilities and orphans are its own; a failed assertion ends it alone. */
static void run_apart(int (*fn)(enum place), enum place place)
{
    print_message("  %s\n", place_names[place]);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct apart apart = { fn, place };
        const struct CMUnitTest tests[] = { cmocka_unit_test_prestate(test_apart, &apart) };
        _exit(cmocka_run_group_tests(tests, NULL, NULL));
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
        print_message("    skipped: this place does not allow it\n");
        return;
    }
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* setsid, twice forked, its environment cleared, deaf to TERM: K05, K06, K07, K08. */
static const char daemon_script[] =
    "setsid /bin/sh -c '(exec env -i /bin/sh -c \"trap : TERM; echo ready; while :; do sleep 1000; done\") & exit' &"
    " echo ready; exec sleep 1000";

static int stray_daemon(enum place place)
{
    struct world w;
    struct fd reader;
    world_open(&w, place);
    world_start(&w, daemon_script, 2, &reader);
    /* K07: the main process is gone first. */
    assert_int_equal(kill(w.f.pid, SIGKILL), 0);
    assert_int_equal(waitpid(w.f.pid, NULL, 0), w.f.pid);
    procs_remove(w.table, &w.procs, w.f.pid);
    assert_false(procs_is_empty(w.table, &w.procs));
    assert_true(procs_signal(w.table, &w.procs, SIGTERM, 0, false) > 0);
    world_kill(&w, &reader);
    world_close(&w);
    return 0;
}

/* Docker's default capabilities, and a service of another user. */
static bool drop_to_docker_default(void)
{
    static const uint64_t kept = 1u << CAP_CHOWN | 1u << CAP_DAC_OVERRIDE | 1u << CAP_FOWNER | 1u << CAP_FSETID |
                                 1u << CAP_KILL | 1u << CAP_SETGID | 1u << CAP_SETUID | 1u << CAP_SETPCAP |
                                 1u << CAP_NET_BIND_SERVICE | 1u << CAP_NET_RAW | 1u << CAP_SYS_CHROOT |
                                 1u << CAP_MKNOD | 1u << CAP_AUDIT_WRITE | 1u << CAP_SETFCAP;
    struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct data[2] = { 0 };
    for (int cap = 0; cap <= 63; cap++)
        if (!(kept >> cap & 1)) (void)prctl(PR_CAPBSET_DROP, cap); /* unknown ones fail */
    data[0].effective = data[0].permitted = (uint32_t)kept;
    return syscall(SYS_capset, &header, data) == 0;
}

static int stray_daemon_as_user(enum place place)
{
    struct world w;
    struct fd reader;
    if (geteuid() != 0) return 77;
    world_open(&w, place);
    if (!drop_to_docker_default()) return 77;
    w.f.settings.exec.user = "65534";
    world_start(&w, daemon_script, 2, &reader);
    assert_int_equal(kill(w.f.pid, SIGKILL), 0);
    assert_int_equal(waitpid(w.f.pid, NULL, 0), w.f.pid);
    procs_remove(w.table, &w.procs, w.f.pid);
    world_kill(&w, &reader);
    world_close(&w);
    return 0;
}

/* A process that gave itself another limit is known by its session, its group or its parent. */
static int lost_mark(enum place place)
{
    struct world w;
    struct fd reader;
    world_open(&w, place);
    w.f.settings.exec.streams[2] = (struct exec_stream){ .kind = STD_NULL };
    static const char *words[] = { "/bin/bash", "-c", "ulimit -x 5; sleep 1000 & echo ready; exec sleep 1000", NULL };
    if (access(words[0], X_OK) < 0) return 77;
    struct fd writer = FD_NONE;
    fixture_command(&w.f, words);
    assert_int_equal(fd_pipe(0, &reader, &writer), 0);
    assert_int_equal(fixture_start(&w.f, writer.n), 0);
    fd_close(&writer);
    procs_add(w.table, &w.procs, w.f.pid, w.f.in_leaf);
    fixture_wait_done(&w.f);
    char text[8];
    assert_int_equal(read(reader.n, text, 6), 6);
    world_kill(&w, &reader);
    world_close(&w);
    return 0;
}

static int ignore_pid(pid_t pid, void *userdata)
{
    (*(int *)userdata)++;
    return pid <= 0;
}

/* TERM reaches all but the spared one; membership; counting. */
static int signal_and_members(enum place place)
{
    struct world w;
    struct fd reader;
    int count = 0;
    world_open(&w, place);
    world_start(&w, "(exec sleep 1000) & (exec sleep 1000) & echo ready; wait; echo again; exec sleep 1000", 1,
                &reader);
    assert_int_equal(procs_contains(w.table, &w.procs, w.f.pid), 1);
    assert_int_equal(procs_contains(w.table, &w.procs, getpid()), 0);
    assert_int_equal(procs_contains(w.table, &w.procs, 0), 0);
    assert_int_equal(procs_each(w.table, &w.procs, ignore_pid, &count), 0);
    assert_int_equal(count, 3);
    procs_table_new_round(w.table);
    assert_int_equal(procs_signal(w.table, &w.procs, SIGTERM, w.f.pid, true), 2);
    char text[6];
    assert_int_equal(read(reader.n, text, 6), 6); /* "again": the shell outlived its children */
    world_kill(&w, &reader);
    world_close(&w);
    return 0;
}

/* A stopped process must be continued, or TERM would wait for ever. */
static int stopped_process(enum place place)
{
    struct world w;
    struct fd reader;
    world_open(&w, place);
    world_start(&w, "echo ready; exec sleep 1000", 1, &reader);
    assert_int_equal(kill(w.f.pid, SIGSTOP), 0);
    int status;
    assert_int_equal(waitpid(w.f.pid, &status, WUNTRACED), w.f.pid);
    assert_true(WIFSTOPPED(status));
    assert_int_equal(procs_signal(w.table, &w.procs, SIGTERM, 0, false), 1);
    assert_int_equal(waitpid(w.f.pid, &status, 0), w.f.pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
    procs_remove(w.table, &w.procs, w.f.pid);
    assert_true(procs_is_empty(w.table, &w.procs));
    fd_close(&reader);
    world_close(&w);
    return 0;
}

/* A start and a stop in one round: the scan of that round is older than the process (K11). */
static int started_after_the_scan(enum place place)
{
    struct world w;
    struct fd first, second;
    int status;
    world_open(&w, place);
    world_start(&w, "trap : TERM; echo ready; while :; do sleep 1000 & wait; done", 1, &first);
    pid_t stubborn = w.f.pid;
    assert_true(procs_signal(w.table, &w.procs, SIGCONT, 0, false) >= 1); /* makes the scan */
    world_start(&w, "echo ready; exec sleep 1000", 1, &second);
    assert_true(procs_signal(w.table, &w.procs, SIGTERM, 0, false) >= 2);
    assert_int_equal(waitpid(w.f.pid, &status, 0), w.f.pid);
    procs_remove(w.table, &w.procs, w.f.pid);
    fd_close(&second);
    assert_int_equal(procs_contains(w.table, &w.procs, stubborn), 1);
    world_kill(&w, &first);
    world_close(&w);
    return 0;
}

struct other_process {
    pid_t known, other;
};

static int find_other(pid_t pid, void *userdata)
{
    struct other_process *found = userdata;
    if (pid != found->known) found->other = pid;
    return 0;
}

/* A child that was not reaped is a zombie, and zombies do not count once their exit was collected. */
static int zombies_do_not_count(enum place place)
{
    struct world w;
    struct fd reader;
    world_open(&w, place);
    /* A grandchild whose parent ends first: it is ours then, and ends without being waited for. */
    world_start(&w, "sleep 1000 & echo ready; exec sleep 1000", 1, &reader);
    struct other_process orphan = { .known = w.f.pid };
    assert_int_equal(procs_each(w.table, &w.procs, find_other, &orphan), 0);
    assert_true(orphan.other > 0);
    assert_int_equal(kill(w.f.pid, SIGKILL), 0);
    assert_int_equal(waitpid(w.f.pid, NULL, 0), w.f.pid);
    procs_remove(w.table, &w.procs, w.f.pid);
    assert_int_equal(kill(orphan.other, SIGKILL), 0);
    siginfo_t info;
    assert_int_equal(waitid(P_PID, (id_t)orphan.other, &info, WEXITED | WNOWAIT), 0); /* which it stays */
    procs_table_new_round(w.table);
    assert_true(procs_is_empty(w.table, &w.procs));
    fd_close(&reader);
    world_reap(&w, false);
    world_close(&w);
    return 0;
}

static const struct {
    const char *label;
    int (*fn)(enum place place);
} process_tests[] = {
    { "stray daemon", stray_daemon },
    { "stray daemon of another user, Docker's default capabilities", stray_daemon_as_user },
    { "signals and members", signal_and_members },
    { "a stopped process", stopped_process },
    { "started after the scan", started_after_the_scan },
    { "zombies", zombies_do_not_count },
};

static void test_processes_in_every_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(process_tests); i++) {
        print_message("%s\n", process_tests[i].label);
        for (int place = 0; place < PLACE_COUNT; place++) {
            if (place == PLACE_MARK_SCAN && process_tests[i].fn == zombies_do_not_count)
                continue; /* not ours to reap */
            run_apart(process_tests[i].fn, (enum place)place);
        }
    }
    print_message("a process that lost its mark\n");
    run_apart(lost_mark, PLACE_MARK);
    run_apart(lost_mark, PLACE_MARK_SCAN);
}

/* ---- K09: a number that is in use again ---- */

/* Forks until the child has the number; only in a pid namespace of our own. */
static pid_t fork_with_number(pid_t wanted)
{
    char text[DECIMAL_MAX(pid_t)];
    (void)snprintf(text, sizeof text, "%d", wanted - 1);
    if (file_write_small(AT_FDCWD, "/proc/sys/kernel/ns_last_pid", text) < 0) return -1;
    pid_t pid = fork();
    if (pid == 0) {
        (void)pause();
        _exit(0);
    }
    return pid;
}

static int reused_number(enum place place)
{
    struct world w;
    struct fd reader;
    world_open(&w, place);
    world_start(&w, "(exec setsid /bin/sh -c 'echo ready; exec sleep 1000') & echo ready; exec sleep 1000", 2, &reader);
    pid_t main_pid = w.f.pid;
    assert_int_equal(kill(main_pid, SIGKILL), 0);
    assert_int_equal(waitpid(main_pid, NULL, 0), main_pid);
    procs_remove(w.table, &w.procs, main_pid);
    pid_t stranger = fork_with_number(main_pid);
    if (stranger != main_pid) return 77;
    procs_table_new_round(w.table);
    assert_int_equal(procs_contains(w.table, &w.procs, stranger), 0);
    assert_int_equal(procs_signal(w.table, &w.procs, SIGTERM, 0, false), 1);
    assert_true(procs_kill(w.table, &w.procs) >= 0);
    char c;
    assert_int_equal(read(reader.n, &c, 1), 0);
    int status;
    assert_int_equal(waitpid(stranger, &status, WNOHANG), 0); /* lives */
    assert_int_equal(kill(stranger, SIGUSR1), 0);
    assert_int_equal(waitpid(stranger, &status, 0), stranger);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGUSR1); /* the first signal it got */
    world_reap(&w, true);                                            /* the orphan */
    assert_true(procs_is_empty(w.table, &w.procs));
    fd_close(&reader);
    world_close(&w);
    return 0;
}

/* As PID 1 of a namespace with a /proc of its own, or without any (K92). */
static int in_own_namespace(int (*fn)(enum place), enum place place, bool with_proc)
{
    if (unshare(CLONE_NEWPID | CLONE_NEWNS) < 0) return 77;
    pid_t pid = fork();
    if (pid == 0) {
        if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) _exit(77);
        if (mount(with_proc ? "proc" : "tmpfs", "/proc", with_proc ? "proc" : "tmpfs", 0, NULL) < 0) _exit(77);
        struct apart apart = { fn, place };
        const struct CMUnitTest tests[] = { cmocka_unit_test_prestate(test_apart, &apart) };
        _exit(cmocka_run_group_tests(tests, NULL, NULL));
    }
    int status;
    if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status)) return 1;
    return WEXITSTATUS(status);
}

static int reused_number_in_namespace(enum place place)
{
    return in_own_namespace(reused_number, place, true);
}

static void test_reused_number_k09(void **state)
{
    (void)state;
    run_apart(reused_number_in_namespace, PLACE_MARK);
    run_apart(reused_number_in_namespace, PLACE_LEAF);
}

/* ---- K92: without /proc, the process groups of our children are found ---- */

static int without_proc(enum place place)
{
    struct world w;
    struct fd reader;
    world_open(&w, place);
    assert_false(procs_table_has_proc(w.table));
    world_start(&w, "(trap : TERM; echo ready; while :; do sleep 1000; done) & echo ready; exec sleep 1000", 2,
                &reader);
    assert_int_equal(procs_signal(w.table, &w.procs, SIGTERM, 0, false), 1);
    assert_int_equal(waitpid(w.f.pid, NULL, 0), w.f.pid);
    procs_remove(w.table, &w.procs, w.f.pid);
    world_kill(&w, &reader); /* K05 */
    world_close(&w);
    return 0;
}

static int without_proc_in_namespace(enum place place)
{
    return in_own_namespace(without_proc, place, false);
}

static void test_without_proc_k92(void **state)
{
    (void)state;
    run_apart(without_proc_in_namespace, PLACE_MARK);
}

/* ---- a run's marks do not reach its neighbours ---- */

static int two_runs(enum place place)
{
    struct world w;
    struct procs other = { .mark = 0 };
    struct fd reader, other_reader;
    int leaf_error;
    world_open(&w, place);
    world_start(&w, "echo ready; exec sleep 1000", 1, &reader);
    assert_int_equal(procs_begin(w.table, &other, "other.service", &leaf_error), 0);
    assert_true(other.mark != w.procs.mark);
    struct procs first = w.procs;
    (void)first;
    w.f.request.mark = other.mark;
    pid_t first_pid = w.f.pid;
    static const char *words[] = { "/bin/sleep", "1000", NULL };
    fixture_command(&w.f, words);
    struct fd writer = FD_NONE;
    assert_int_equal(fd_pipe(0, &other_reader, &writer), 0);
    assert_int_equal(fixture_start(&w.f, writer.n), 0);
    fd_close(&writer);
    procs_add(w.table, &other, w.f.pid, false);
    fixture_wait_done(&w.f);
    assert_int_equal(procs_contains(w.table, &other, first_pid), 0);
    assert_int_equal(procs_contains(w.table, &w.procs, w.f.pid), 0);
    assert_int_equal(procs_kill(w.table, &other), 1);
    assert_int_equal(waitpid(w.f.pid, NULL, 0), w.f.pid);
    procs_remove(w.table, &other, w.f.pid);
    assert_true(procs_is_empty(w.table, &other));
    assert_false(procs_is_empty(w.table, &w.procs));
    procs_end(w.table, &other);
    fd_close(&other_reader);
    world_kill(&w, &reader);
    world_close(&w);
    return 0;
}

static void test_two_runs(void **state)
{
    (void)state;
    run_apart(two_runs, PLACE_MARK);
}

/* ---- a leaf that is made before the run ---- */

static bool leaf_exists(const struct world *w, const char *name)
{
    char path[PATH_MAX];
    (void)snprintf(path, sizeof path, "%s/%s", cg_root_path(w->root), name);
    return access(path, F_OK) == 0;
}

static void change_leaf(const struct world *w, const char *name, bool make)
{
    char path[PATH_MAX];
    (void)snprintf(path, sizeof path, "%s/%s", cg_root_path(w->root), name);
    assert_int_equal(make ? mkdir(path, 0755) : rmdir(path), 0);
}

static const struct spare_case {
    const char *label, *made_before, *removed, *made; /* by somebody else: before, and behind procs_prepare() */
    bool prepared, taken, adopted;
} spare_cases[] = {
    { "the run takes it", NULL, NULL, NULL, true, true, false },
    { "it is gone: the run makes another", NULL, "spare.service", NULL, true, false, false },
    { "it has a cgroup in it: adopted", NULL, NULL, "spare.service/inner", true, false, true },
    { "it was there: adopted by the run", "spare.service", NULL, NULL, false, false, true },
};

static int spare_leaf(enum place place)
{
    struct world w;
    struct procs many[SPARE_LEAVES_AT_MOST + 1] = { { .mark = 0 } }, *procs = &many[0];
    world_open(&w, place);
    for (size_t i = 0; i < COUNT_OF(spare_cases); i++) {
        const struct spare_case *c = &spare_cases[i];
        int leaf_error;
        print_message("    %s\n", c->label);
        if (c->made_before) change_leaf(&w, c->made_before, true);
        procs_prepare(w.table, procs, NULL, "spare.service");
        const struct cg_leaf *spare = procs->spare;
        assert_int_equal(spare != NULL, c->prepared);
        assert_true(leaf_exists(&w, "spare.service"));
        if (c->removed) change_leaf(&w, c->removed, false);
        if (c->made) change_leaf(&w, c->made, true);
        assert_int_equal(procs_begin(w.table, procs, "spare.service", &leaf_error), 0);
        assert_int_equal(leaf_error, 0);
        assert_null(procs->spare);
        assert_true(!c->taken || procs->leaf == spare);
        assert_int_equal(cg_leaf_is_adopted(procs->leaf), c->adopted);
        procs_prepare(w.table, procs, NULL, "spare.service"); /* not while a run is there */
        assert_null(procs->spare);
        procs_end(w.table, procs);
        assert_false(leaf_exists(&w, "spare.service"));
    }
    procs_prepare(w.table, procs, "spare-inner.slice", "spare.service");
    assert_true(leaf_exists(&w, "spare.slice/spare-inner.slice/spare.service"));
    procs_unprepare(w.table, procs);
    assert_null(procs->spare);
    assert_false(leaf_exists(&w, "spare.slice"));
    for (size_t i = 0; i < COUNT_OF(many); i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "spare-%zu.service", i);
        procs_prepare(w.table, &many[i], NULL, name);
        assert_int_equal(leaf_exists(&w, name), i < SPARE_LEAVES_AT_MOST);
    }
    for (size_t i = 0; i < COUNT_OF(many); i++) procs_unprepare(w.table, &many[i]);
    assert_false(leaf_exists(&w, "spare-0.service"));
    procs_prepare(w.table, procs, NULL, "spare.service"); /* there is room again */
    assert_non_null(procs->spare);
    procs_unprepare(w.table, procs);
    world_close(&w);
    return 0;
}

static void test_spare_leaf(void **state)
{
    (void)state;
    run_apart(spare_leaf, PLACE_LEAF);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_marks),
        cmocka_unit_test(test_nested_marks),
        cmocka_unit_test(test_marks_of_two_supervisors),
        cmocka_unit_test(test_id_map),
        cmocka_unit_test(test_processes_in_every_place),
        cmocka_unit_test(test_reused_number_k09),
        cmocka_unit_test(test_without_proc_k92),
        cmocka_unit_test(test_two_runs),
        cmocka_unit_test(test_spare_leaf),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
