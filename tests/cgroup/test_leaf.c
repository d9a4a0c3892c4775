#include "tests/cgroup/fixture.h"

#include <sys/syscall.h>

#include "cgroup/internal.h"

static struct cg_root *root;

static struct cg_leaf *leaf_with(const char *unit)
{
    struct cg_leaf *leaf = NULL;
    assert_int_equal(cg_leaf_create(root, unit, &leaf), 0);
    return leaf;
}

/* Waits for the kernel's word, not for time: the deadline only ends a broken test. */
static void wait_until_empty(struct cg_leaf *leaf)
{
    int fd = cg_leaf_events_fd(leaf);
    assert_true(fd >= 0);
    struct pollfd p = { .fd = fd, .events = POLLPRI };
    while (cg_leaf_is_populated(leaf) == 1) assert_int_equal(poll(&p, 1, 20000), 1);
    assert_int_equal(cg_leaf_is_populated(leaf), 0);
}

static void make_nested(const char *name, const char *nested)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s/%s/%s", cg_root_path(root), name, nested);
    assert_int_equal(mkdir(path, 0755), 0);
}

static void enter_nested(const char *name, const char *nested, pid_t pid)
{
    char path[512], text[32];
    (void)snprintf(path, sizeof path, "%s/%s/%s/cgroup.procs", cg_root_path(root), name, nested);
    (void)snprintf(text, sizeof text, "%d", (int)pid);
    assert_int_equal(file_write_small(AT_FDCWD, path, text), 0);
}

static bool is_there(const char *below)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s/%s", cg_root_path(root), below);
    return access(path, F_OK) == 0;
}

/* systemd.slice(5): a dash in the name is a step down; K97: one that is escaped is none. */
static void test_slices(void **state)
{
    (void)state;
    static const struct {
        const char *slice, *name;
    } cases[] = {
        { NULL, "web.service" },
        { "-.slice", "web.service" },
        { "a.slice", "a.slice/web.service" },
        { "a-b-c.slice", "a.slice/a-b.slice/a-b-c.slice/web.service" },
        { "a\\x2db.slice", "a\\x2db.slice/web.service" },
        { "init.scope", "_init.scope/web.service" },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct cg_leaf *leaf = NULL;
        print_message("  %s\n", cases[i].name);
        assert_int_equal(cg_leaf_create_in(root, cases[i].slice, "web.service", &leaf), 0);
        assert_string_equal(cg_leaf_name(leaf), cases[i].name);
        assert_true(is_there(cases[i].name));
        assert_int_equal(cg_leaf_is_populated(leaf), 0);
        assert_int_equal(i % 2 ? cg_leaf_remove_empty(leaf) : cg_leaf_remove(leaf), 0);
        cg_leaf_free(leaf);
        assert_false(is_there("a.slice"));
        assert_false(is_there(cases[i].name));
    }
    /* A slice stays as long as somebody is in it. */
    struct cg_leaf *one = NULL, *other = NULL, *deep = NULL;
    assert_int_equal(cg_leaf_create_in(root, "a.slice", "one.service", &one), 0);
    assert_int_equal(cg_leaf_create_in(root, "a-b.slice", "deep.service", &deep), 0);
    assert_int_equal(cg_leaf_create_in(root, "a.slice", "other.service", &other), 0);
    assert_int_equal(cg_leaf_remove(one), 0);
    assert_int_equal(cg_leaf_remove(deep), 0);
    assert_false(is_there("a.slice/a-b.slice"));
    assert_true(is_there("a.slice/other.service"));
    assert_int_equal(cg_leaf_remove(other), 0);
    assert_false(is_there("a.slice"));
    cg_leaf_free(one);
    cg_leaf_free(deep);
    cg_leaf_free(other);

    /* Longer than any path may be. */
    char long_name[] =
        "a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-"
        "a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-"
        "a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a.slice";
    assert_int_equal(cg_leaf_create_in(root, long_name, "web.service", &one), -ENAMETOOLONG);
    assert_int_equal(cg_leaf_create_in(root, "a.slice", "web.service", &one), 0);
    assert_int_equal(cg_leaf_remove(one), 0);
    cg_leaf_free(one);
}

/* A process is born in its slice, killed there, and what is enabled for leaves is enabled in slices too. */
static void test_process_in_slice(void **state)
{
    (void)state;
    struct cg_leaf *leaf = NULL;
    char path[512], text[512] = "", base[512] = "";
    assert_int_equal(cg_leaf_create_in(root, "a-b.slice", "web.service", &leaf), 0);
    (void)snprintf(path, sizeof path, "%s/a.slice/a-b.slice/cgroup.subtree_control", cg_root_path(root));
    assert_true(file_read_small(AT_FDCWD, path, text, sizeof text) >= 0);
    (void)snprintf(path, sizeof path, "%s/cgroup.subtree_control", cg_root_path(root));
    assert_true(file_read_small(AT_FDCWD, path, base, sizeof base) >= 0);
    assert_string_equal(text, base);
    pid_t pid = fork();
    if (pid == 0)
        for (;;) pause();
    assert_int_equal(cg_leaf_add_process(leaf, pid), 0);
    assert_int_equal(cg_leaf_is_populated(leaf), 1);
    assert_int_equal(cg_leaf_kill(leaf), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    wait_until_empty(leaf);
    assert_int_equal(cg_leaf_remove(leaf), 0);
    cg_leaf_free(leaf);
}

static void test_create_and_remove(void **state)
{
    (void)state;
    struct cg_leaf *leaf = leaf_with("web.service");
    char path[256];
    (void)snprintf(path, sizeof path, "%s/web.service", cg_root_path(root));
    assert_int_equal(access(path, F_OK), 0);
    assert_string_equal(cg_leaf_name(leaf), "web.service");
    assert_false(cg_leaf_is_adopted(leaf));
    assert_int_equal(cg_leaf_is_populated(leaf), 0);

    /* Left by an earlier run, frozen: taken over and thawed. */
    assert_int_equal(cg_leaf_freeze(leaf, true), 0);
    struct cg_leaf *again = leaf_with("web.service");
    assert_true(cg_leaf_is_adopted(again));
    char text[16];
    (void)snprintf(path, sizeof path, "%s/web.service/cgroup.freeze", cg_root_path(root));
    assert_true(file_read_small(AT_FDCWD, path, text, sizeof text) > 0);
    assert_string_equal(text, "0\n");

    assert_int_equal(cg_leaf_remove(leaf), 0);
    (void)snprintf(path, sizeof path, "%s/web.service", cg_root_path(root));
    assert_int_equal(access(path, F_OK), -1);
    /* All of these are about a directory that is gone, and say so without an error where that is what was wanted. */
    assert_int_equal(cg_leaf_remove(again), 0);
    assert_int_equal(cg_leaf_kill(again), 0);
    assert_int_equal(cg_leaf_kill_by_pids(again), 0);
    assert_int_equal(cg_leaf_signal(again, SIGTERM, 0), 0);
    assert_int_equal(cg_leaf_is_populated(again), 0);
    assert_true(cg_leaf_add_process(again, getpid()) < 0);
    cg_leaf_free(again);
    cg_leaf_free(leaf);
    cg_leaf_free(NULL);
}

static void test_odd_names_K97(void **state)
{
    (void)state;
    static const char *const names[] = { "cgroup.procs", "_cgroup.procs",  "..",      ".", "a/b", "a\nb", "_a",
                                         "init.scope",   "memory.service", "\xff\xfe" };
    struct cg_leaf *leaves[COUNT_OF(names)];
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        leaves[i] = leaf_with(names[i]);
        assert_false(cg_leaf_is_adopted(leaves[i])); /* nobody else has that directory */
    }
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        assert_int_equal(cg_leaf_remove(leaves[i]), 0);
        cg_leaf_free(leaves[i]);
    }
    struct cg_leaf *none = NULL;
    char name[300];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    assert_int_equal(cg_leaf_create(root, name, &none), -ENAMETOOLONG);
    assert_int_equal(cg_leaf_create(root, "", &none), -EINVAL);
    assert_null(none);
}

static void test_processes(void **state)
{
    (void)state;
    struct cg_leaf *leaf = leaf_with("p.service");
    pid_t pid = fixture_sleeper(0);
    assert_int_equal(cg_leaf_add_process(leaf, pid), 0);
    assert_int_equal(cg_leaf_is_populated(leaf), 1);
    assert_true(fixture_holds(cg_root_path(root), "p.service", pid));
    assert_int_equal(cg_leaf_remove(leaf), -EBUSY);
    assert_int_equal(cg_leaf_kill(leaf), 0);
    assert_int_equal(WTERMSIG(fixture_reap(pid)), SIGKILL);
    assert_int_equal(cg_leaf_is_populated(leaf), 0); /* right after the reap, without waiting */
    assert_int_equal(cg_leaf_add_process(leaf, pid), -ESRCH);
    assert_int_equal(cg_leaf_remove(leaf), 0);
    cg_leaf_free(leaf);
}

/* The way in where clone3 is refused: the child writes "0" to a descriptor that the parent opened. */
static void test_enter_by_descriptor(void **state)
{
    (void)state;
    struct cg_leaf *leaf = leaf_with("enter.service");
    AUTO_FD struct fd procs = fd_own(cg_leaf_open_procs(leaf)), reader = FD_NONE, writer = FD_NONE;
    assert_true(procs.n >= 0);
    assert_int_equal(fcntl(procs.n, F_GETFD), FD_CLOEXEC);
    assert_int_equal(fd_pipe(0, &reader, &writer), 0);
    pid_t pid = fork();
    if (pid == 0) {
        char done = write(procs.n, "0", 1) == 1 ? 'y' : 'n';
        (void)!write(writer.n, &done, 1);
        for (;;) (void)pause();
    }
    char done = 0;
    assert_int_equal(read(reader.n, &done, 1), 1);
    assert_int_equal(done, 'y');
    assert_true(fixture_holds(cg_root_path(root), "enter.service", pid));
    assert_int_equal(cg_leaf_kill(leaf), 0);
    (void)fixture_reap(pid);
    assert_int_equal(cg_leaf_remove(leaf), 0);
    cg_leaf_free(leaf);
}

static int collect(pid_t pid, void *userdata)
{
    pid_t *seen = userdata;
    for (size_t i = 0; i < 4; i++)
        if (seen[i] == 0) {
            seen[i] = pid;
            return 0;
        }
    return -E2BIG;
}

static int stop_at_first(pid_t pid, void *userdata)
{
    (void)pid;
    ++*(int *)userdata;
    return 7;
}

static void test_nested(void **state)
{
    (void)state;
    struct cg_leaf *leaf = leaf_with("nested.service");
    assert_int_equal(cg_leaf_has_children(leaf), 0);
    make_nested("nested.service", "a");
    make_nested("nested.service", "a/b");
    make_nested("nested.service", "a/b/c");
    make_nested("nested.service", "d");
    assert_int_equal(cg_leaf_has_children(leaf), 1);
    pid_t deep = fixture_sleeper(0), top = fixture_sleeper(0), seen[4] = { 0 };
    enter_nested("nested.service", "a/b/c", deep);
    assert_int_equal(cg_leaf_add_process(leaf, top), 0);

    assert_int_equal(cg_leaf_list_pids(leaf, collect, seen), 0);
    assert_true((seen[0] == top && seen[1] == deep) || (seen[0] == deep && seen[1] == top));
    assert_int_equal(seen[2], 0);
    int calls = 0;
    assert_int_equal(cg_leaf_list_pids(leaf, stop_at_first, &calls), 7);
    assert_int_equal(calls, 1);

    assert_int_equal(cg_leaf_is_populated(leaf), 1);
    assert_int_equal(cg_leaf_remove(leaf), -EBUSY);
    assert_int_equal(cg_leaf_kill(leaf), 0);
    assert_int_equal(WTERMSIG(fixture_reap(deep)), SIGKILL);
    assert_int_equal(WTERMSIG(fixture_reap(top)), SIGKILL);
    wait_until_empty(leaf);
    assert_int_equal(cg_leaf_remove(leaf), 0);
    char path[256];
    (void)snprintf(path, sizeof path, "%s/nested.service", cg_root_path(root));
    assert_int_equal(access(path, F_OK), -1);
    cg_leaf_free(leaf);
}

static void test_many_nested(void **state)
{
    (void)state;
    struct cg_leaf *leaf = leaf_with("wide.service");
    char name[256] = "";
    for (unsigned i = 0; i < 50; i++) {
        (void)snprintf(name, sizeof name, "n%u", i);
        make_nested("wide.service", name);
        (void)snprintf(name, sizeof name, "n%u/m", i);
        make_nested("wide.service", name);
    }
    AUTO_STR struct str deep = STR_EMPTY;
    assert_int_equal(str_append(&deep, "deep"), 0);
    for (unsigned i = 0; i < 40; i++) {
        make_nested("wide.service", str_text(&deep));
        assert_int_equal(str_append(&deep, "/d"), 0);
    }
    assert_int_equal(cg_leaf_remove(leaf), 0);
    cg_leaf_free(leaf);
}

/* Forks as fast as it can, in sessions of their own, all ignoring TERM; each copy dies with the cgroup only. */
static pid_t fork_storm(struct cg_leaf *leaf)
{
    AUTO_FD struct fd procs = fd_own(cg_leaf_open_procs(leaf));
    assert_true(procs.n >= 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid > 0) return pid;
    if (write(procs.n, "0", 1) != 1) _exit(1);
    (void)signal(SIGTERM, SIG_IGN);
    (void)signal(SIGCHLD, SIG_IGN);
    /* A line of parents, each ending after it forked: the leaf holds few processes at a time, always new ones. */
    for (unsigned n = 0; n < 200000; n++) {
        pid_t child = fork();
        if (child > 0) _exit(0);
        if (child == 0 && n % 2) (void)setsid();
    }
    _exit(0);
}

static void test_kill_by_pids(void **state)
{
    (void)state;
    struct cg_leaf *leaf = leaf_with("old-kernel.service");
    make_nested("old-kernel.service", "sub");
    enum { N = 150 }; /* more than two batches of descriptors */
    pid_t pids[N];
    for (size_t i = 0; i < N; i++) {
        pids[i] = fixture_sleeper(SIGTERM);
        if (i % 3)
            assert_int_equal(cg_leaf_add_process(leaf, pids[i]), 0);
        else
            enter_nested("old-kernel.service", "sub", pids[i]);
    }
    assert_int_equal(cg_leaf_kill_by_pids(leaf), 0);
    for (size_t i = 0; i < N; i++) assert_int_equal(WTERMSIG(fixture_reap(pids[i])), SIGKILL);
    wait_until_empty(leaf);
    assert_int_equal(cg_leaf_remove(leaf), 0);
    cg_leaf_free(leaf);
}

/* While the processes are looked for they are frozen, so that none forks away; afterwards nothing is left frozen. */
static char frozen_meanwhile, frozen_afterwards;

static char read_frozen(void)
{
    char text[8] = "";
    int n = file_read_small(cg_root_dirfd(root), "freeze.service/cgroup.freeze", text, sizeof text);
    return n > 0 ? text[0] : '?';
}

static int open_and_look(pid_t pid)
{
    frozen_meanwhile = read_frozen();
    return (int)syscall(SYS_pidfd_open, pid, 0);
}

static int send_it(int pidfd, int signal)
{
    return (int)syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0);
}

static void test_kill_by_pids_freezes(void **state)
{
    (void)state;
    struct cg_leaf *leaf = leaf_with("freeze.service");
    pid_t pid = fixture_sleeper(SIGTERM);
    assert_int_equal(cg_leaf_add_process(leaf, pid), 0);
    const struct cg_signal_ops ops = { open_and_look, send_it };
    assert_int_equal(cg_leaf_kill_by_pids_with(leaf, &ops), 0);
    frozen_afterwards = read_frozen();
    assert_int_equal(WTERMSIG(fixture_reap(pid)), SIGKILL);
    assert_int_equal(frozen_meanwhile, '1');
    assert_int_equal(frozen_afterwards, '0');
    assert_int_equal(cg_leaf_remove(leaf), 0);
    cg_leaf_free(leaf);
}

static void test_kill_by_pids_beats_forks(void **state)
{
    (void)state;
    struct cg_leaf *leaf = leaf_with("storm.service");
    pid_t pid = fork_storm(leaf);
    int r;
    do r = cg_leaf_is_populated(leaf);
    while (r == 0 && waitpid(pid, NULL, WNOHANG) == 0);
    do r = cg_leaf_kill_by_pids(leaf);
    while (r == -EAGAIN);
    assert_int_equal(r, 0);
    (void)waitpid(pid, NULL, 0);
    wait_until_empty(leaf);
    assert_int_equal(cg_leaf_remove(leaf), 0);
    cg_leaf_free(leaf);
}

/* A root that says the kernel has no cgroup.kill leads cg_leaf_kill() to the fallback. */
static void test_fallback_is_taken(void **state)
{
    (void)state;
    struct cg_leaf *leaf = leaf_with("fallback.service");
    pid_t pid = fixture_sleeper(SIGTERM);
    assert_int_equal(cg_leaf_add_process(leaf, pid), 0);
    bool had = root->has_kill;
    root->has_kill = false;
    int r = cg_leaf_kill(leaf);
    root->has_kill = had;
    assert_int_equal(r, 0);
    assert_int_equal(WTERMSIG(fixture_reap(pid)), SIGKILL);
    assert_int_equal(cg_leaf_remove(leaf), 0);
    cg_leaf_free(leaf);
}

static void test_frozen_processes_are_killed(void **state)
{
    (void)state;
    struct cg_leaf *leaf = leaf_with("frozen.service");
    pid_t pid = fixture_sleeper(0);
    assert_int_equal(cg_leaf_add_process(leaf, pid), 0);
    assert_int_equal(cg_leaf_freeze(leaf, true), 0);
    assert_int_equal(cg_leaf_kill(leaf), 0);
    (void)fixture_reap(pid);
    assert_int_equal(cg_leaf_remove(leaf), 0);
    cg_leaf_free(leaf);
}

static void test_signal_spares(void **state)
{
    (void)state;
    struct cg_leaf *leaf = leaf_with("term.service");
    pid_t main_pid = fixture_sleeper(0), helper = fixture_sleeper(0);
    assert_int_equal(cg_leaf_add_process(leaf, main_pid), 0);
    assert_int_equal(cg_leaf_add_process(leaf, helper), 0);
    assert_int_equal(cg_leaf_signal(leaf, SIGTERM, main_pid), 1);
    assert_int_equal(WTERMSIG(fixture_reap(helper)), SIGTERM);
    assert_int_equal(waitpid(main_pid, NULL, WNOHANG), 0);
    assert_int_equal(cg_leaf_signal(leaf, SIGTERM, 0), 1);
    assert_int_equal(WTERMSIG(fixture_reap(main_pid)), SIGTERM);
    assert_int_equal(cg_leaf_remove(leaf), 0);
    cg_leaf_free(leaf);
}

/* K09: between listing and opening the process leaves the cgroup, as a number does that is reused elsewhere. What was
 * opened then is not in the cgroup, and must not be signalled. */
static pid_t leaver;
static unsigned n_sent;

static int open_after_leaving(pid_t pid)
{
    if (pid == leaver) {
        char text[32];
        (void)snprintf(text, sizeof text, "%d", (int)pid);
        assert_int_equal(file_write_small(cg_root_dirfd(root), CG_SCOPE "/cgroup.procs", text), 0);
    }
    return (int)syscall(SYS_pidfd_open, pid, 0);
}

static int count_sent(int pidfd, int signal)
{
    n_sent++;
    return (int)syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0);
}

static void test_reused_number_is_not_signalled_K09(void **state)
{
    (void)state;
    struct cg_leaf *leaf = leaf_with("reuse.service");
    pid_t stays = fixture_sleeper(0);
    leaver = fixture_sleeper(0);
    assert_int_equal(cg_leaf_add_process(leaf, stays), 0);
    assert_int_equal(cg_leaf_add_process(leaf, leaver), 0);
    const struct cg_signal_ops ops = { open_after_leaving, count_sent };
    assert_int_equal(cg_leaf_signal_with(leaf, SIGKILL, 0, &ops), 1);
    assert_int_equal(n_sent, 1);
    assert_int_equal(WTERMSIG(fixture_reap(stays)), SIGKILL);
    assert_int_equal(waitpid(leaver, NULL, WNOHANG), 0); /* alive */
    assert_int_equal(kill(leaver, SIGKILL), 0);
    (void)fixture_reap(leaver);
    assert_int_equal(cg_leaf_remove(leaf), 0);
    cg_leaf_free(leaf);
}

static unsigned count_descriptors(void)
{
    unsigned n = 0;
    for (int fd = 0; fd < 2000; fd++) n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

static void test_descriptors(void **state)
{
    (void)state;
    unsigned before = count_descriptors();
    struct cg_leaf *leaves[50];
    char name[32];
    for (unsigned i = 0; i < COUNT_OF(leaves); i++) {
        (void)snprintf(name, sizeof name, "d%u.service", i);
        leaves[i] = leaf_with(name);
    }
    assert_int_equal(count_descriptors(), before + COUNT_OF(leaves)); /* one each while they start */
    for (unsigned i = 0; i < COUNT_OF(leaves); i++) {
        assert_int_equal(fcntl(cg_leaf_dirfd(leaves[i]), F_GETFD), FD_CLOEXEC);
        cg_leaf_rest(leaves[i]);
    }
    assert_int_equal(count_descriptors(), before);
    for (unsigned i = 0; i < COUNT_OF(leaves); i++) {
        assert_int_equal(cg_leaf_is_populated(leaves[i]), 0); /* opened again for the moment */
        assert_int_equal(cg_leaf_kill(leaves[i]), 0);
        assert_true(cg_leaf_dirfd(leaves[i]) >= 0);
        assert_int_equal(cg_leaf_remove(leaves[i]), 0);
        cg_leaf_free(leaves[i]);
    }
    assert_int_equal(count_descriptors(), before);
}

static int open_root(void **state)
{
    (void)state;
    root = fixture_root(0);
    return 0;
}

static int close_root(void **state)
{
    (void)state;
    return cg_root_close_all(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slices),
        cmocka_unit_test(test_process_in_slice),
        cmocka_unit_test(test_create_and_remove),
        cmocka_unit_test(test_odd_names_K97),
        cmocka_unit_test(test_processes),
        cmocka_unit_test(test_enter_by_descriptor),
        cmocka_unit_test(test_nested),
        cmocka_unit_test(test_many_nested),
        cmocka_unit_test(test_kill_by_pids),
        cmocka_unit_test(test_kill_by_pids_freezes),
        cmocka_unit_test(test_kill_by_pids_beats_forks),
        cmocka_unit_test(test_fallback_is_taken),
        cmocka_unit_test(test_frozen_processes_are_killed),
        cmocka_unit_test(test_signal_spares),
        cmocka_unit_test(test_reused_number_is_not_signalled_K09),
        cmocka_unit_test(test_descriptors),
    };
    return FIXTURE_MAIN(tests, open_root, close_root);
}
