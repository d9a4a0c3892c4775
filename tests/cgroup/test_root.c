#include "tests/cgroup/fixture.h"

static char *proc_with(const char *cgroup, const char *mountinfo)
{
    static char directory[32];
    char path[128];
    (void)snprintf(directory, sizeof directory, "/tmp/ci-proc-XXXXXX");
    assert_non_null(mkdtemp(directory));
    (void)snprintf(path, sizeof path, "%s/self", directory);
    assert_int_equal(mkdir(path, 0755), 0);
    static const char *const names[] = { "cgroup", "mountinfo" };
    const char *texts[] = { cgroup, mountinfo };
    for (size_t i = 0; i < 2; i++) {
        if (!texts[i]) continue;
        (void)snprintf(path, sizeof path, "%s/self/%s", directory, names[i]);
        AUTO_FD struct fd file = FD_NONE;
        assert_int_equal(fd_openat(AT_FDCWD, path, O_WRONLY | O_CREAT, 0644, &file), 0);
        assert_int_equal(fd_write_all(file.n, texts[i], strlen(texts[i])), 0);
    }
    return directory;
}

static void remove_proc(const char *directory)
{
    char path[128];
    static const char *const names[] = { "self/cgroup", "self/mountinfo", "self", "" };
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        (void)snprintf(path, sizeof path, "%s/%s", directory, names[i]);
        (void)remove(path);
    }
}

/* clang-format off */
static const struct { const char *label, *cgroup, *mountinfo; int r; const char *reason; } refused[] = {
    { "no proc",        NULL,            NULL,     -ENOENT, "/self/cgroup: No such file or directory" },
    { "legacy",         "3:memory:/a\n", "",       -ENOENT, "no unified hierarchy in /proc/self/cgroup" },
    { "not mounted",    "0::/\n",        "1 1 0:1 / / rw - ext4 /dev/sda rw\n", -ENOENT, "no cgroup2 file system is mounted" },
    { "outside",        "0::/../a\n",    "",       -EINVAL, "own cgroup is outside the cgroup namespace" },
    { "not a cgroup2",  "0::/\n",        "1 1 0:1 / /tmp rw - cgroup2 c rw\n",  -EINVAL,
      "own cgroup / is not in a mounted hierarchy: Invalid argument" },
    { "not there",      "0::/x/y/z\n",   "1 1 0:1 / /tmp rw - cgroup2 c rw\n",  -ENOENT,
      "own cgroup /x/y/z is not in a mounted hierarchy: No such file or directory" },
};
/* clang-format on */

static void test_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(refused); i++) {
        print_message("  %s\n", refused[i].label);
        char *proc = proc_with(refused[i].cgroup, refused[i].mountinfo), *reason = NULL;
        struct cg_root *root = NULL;
        struct cg_root_options options = { .proc = proc };
        int r = cg_root_open(&options, &root, &reason);
        remove_proc(proc);
        assert_int_equal(r, refused[i].r);
        assert_null(root);
        assert_non_null(reason);
        assert_non_null(str_suffix(reason, refused[i].reason));
        free(reason);
    }
}

/* A cgroup2 directory that does not list us is somebody else's, whatever the mount table says. */
static void test_other_directory_is_not_used(void **state)
{
    (void)state;
    AUTO_STR struct str other = STR_EMPTY, table = STR_EMPTY;
    assert_int_equal(str_appendf(&other, "%s/other", fixture_own), 0);
    assert_int_equal(str_appendf(&table, "1 1 0:1 / %s rw - cgroup2 c rw\n", str_text(&other)), 0);
    assert_int_equal(mkdir(str_text(&other), 0755), 0);
    char *proc = proc_with("0::/\n", str_text(&table)), *reason = NULL;
    struct cg_root *root = NULL;
    struct cg_root_options options = { .proc = proc };
    int r = cg_root_open(&options, &root, &reason);
    remove_proc(proc);
    assert_int_equal(rmdir(str_text(&other)), 0); /* nothing was made in it */
    assert_int_equal(r, -EINVAL);
    free(reason);
}

static void test_read_only(void **state)
{
    (void)state;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        /* Every cgroup2 mount of a further namespace is made read-only, as in a default Docker container. */
        int ok =
            unshare(CLONE_NEWNS) == 0 && mount(NULL, fixture_mount, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL) == 0;
        char table[256], own[256];
        (void)snprintf(table, sizeof table, "1 1 0:1 / %s rw - cgroup2 c rw\n", fixture_mount);
        (void)snprintf(own, sizeof own, "0::%s\n", fixture_own + strlen(fixture_mount));
        char *proc = proc_with(own, table), *reason = NULL;
        struct cg_root *root = NULL;
        struct cg_root_options options = { .proc = proc };
        int r = cg_root_open(&options, &root, &reason);
        remove_proc(proc);
        if (!ok) _exit(2);
        if (r != -EROFS || !reason) _exit(3);
        _exit(strstr(reason, "container-init: Read-only file system") && str_starts_with(reason, "mkdir ") ? 0 : 4);
    }
    assert_int_equal(fixture_reap(pid), 0);
}

static void test_layout_and_close(void **state)
{
    (void)state;
    struct cg_root *root = fixture_root(0);
    const char *base = cg_root_path(root);
    assert_non_null(str_suffix(base, "/container-init"));
    assert_memory_equal(base, cg_root_own_path(root), strlen(cg_root_own_path(root)));
    assert_non_null(str_suffix(cg_root_own_path(root), fixture_own + strlen(fixture_mount)));
    assert_true(cg_root_dirfd(root) >= 0);

    /* K93: PID 1's own processes live in init.scope. */
    assert_true(fixture_holds(base, CG_SCOPE, getpid()));
    assert_false(fixture_holds(fixture_own, "", getpid()));

    struct cg_leaf *leaf = NULL;
    assert_int_equal(cg_leaf_create(root, "left.service", &leaf), 0);
    cg_leaf_free(leaf);
    assert_int_equal(cg_root_close_all(root), 0);
    assert_true(fixture_holds(fixture_own, "", getpid()));
    char path[256];
    (void)snprintf(path, sizeof path, "%s/container-init", fixture_own);
    assert_int_equal(access(path, F_OK), -1);
}

/* An offered controller that this machine has in the unified hierarchy, or CG_CONTROLLER_COUNT. */
static enum cg_controller any_controller(void)
{
    struct cg_root *root = fixture_root(CG_ON_DEMAND);
    unsigned c = 0;
    while (c < CG_CONTROLLER_COUNT && !cg_root_offers_controller(root, (enum cg_controller)c)) c++;
    assert_int_equal(cg_root_close_all(root), 0);
    return (enum cg_controller)c;
}

static void test_controllers_K93(void **state)
{
    (void)state;
    print_message("  controllers passed on by the root of the tree: %u\n", pass_on_controllers("+"));
    enum cg_controller c = any_controller();
    if (c == CG_CONTROLLER_COUNT) {
        print_message("  skipped: no controller in the unified hierarchy of this machine\n");
        skip();
    }
    print_message("  with %s\n", cg_controller_name(c));
    pid_t other = fixture_sleeper(0);
    assert_true(fixture_holds(fixture_own, "", other));

    /* Somebody who may not be moved is in the way: controllers off, and we say so. */
    struct cg_root *root = NULL;
    struct cg_root_options options = { .leave_others = true };
    assert_int_equal(cg_root_open(&options, &root, NULL), 0);
    assert_true(cg_root_offers_controller(root, c));
    assert_false(cg_root_has_controller(root, c));
    assert_non_null(cg_root_controllers_reason(root));
    assert_non_null(strstr(cg_root_controllers_reason(root), cg_controller_name(c)));
    assert_non_null(
        strstr(cg_root_controllers_reason(root), "1 process of the container's own cgroup cannot be moved"));
    assert_int_equal(cg_root_enable(root, c), -EBUSY);
    assert_true(fixture_holds(fixture_own, "", other));
    assert_int_equal(cg_root_close_all(root), 0);

    /* As PID 1 does: it is moved, and the controller is on for leaves. */
    options = (struct cg_root_options){ .move_others = true };
    assert_int_equal(cg_root_open(&options, &root, NULL), 0);
    assert_true(cg_root_has_controller(root, c));
    assert_true(fixture_holds(cg_root_path(root), CG_SCOPE, other));

    /* A later comer (docker exec) is gathered; the kernel lets nobody into a cgroup with controllers but from outside.
     */
    assert_int_equal(cg_root_gather(root), 0);
    assert_int_equal(kill(other, SIGKILL), 0);
    (void)fixture_reap(other);
    assert_int_equal(cg_root_close_all(root), 0);

    /* On demand: nothing is enabled until somebody asks. */
    root = fixture_root(CG_ON_DEMAND);
    assert_false(cg_root_has_controller(root, c));
    assert_int_equal(cg_root_enable(root, c), 0);
    assert_true(cg_root_has_controller(root, c));
    assert_int_equal(cg_root_close_all(root), 0);
    print_message("  taken back: %u\n", pass_on_controllers("-"));
}

static void test_gather(void **state)
{
    (void)state;
    struct cg_root *root = NULL;
    struct cg_root_options options = { .move_others = true, .controllers = CG_ON_DEMAND };
    assert_int_equal(cg_root_open(&options, &root, NULL), 0);
    pid_t pid = fixture_sleeper(0);
    char text[32], path[256];
    (void)snprintf(text, sizeof text, "%d", (int)pid);
    (void)snprintf(path, sizeof path, "%s/cgroup.procs", fixture_own);
    assert_int_equal(file_write_small(AT_FDCWD, path, text), 0);
    assert_int_equal(cg_root_gather(root), 1);
    assert_true(fixture_holds(cg_root_path(root), CG_SCOPE, pid));
    assert_int_equal(cg_root_gather(root), 0);
    assert_int_equal(kill(pid, SIGKILL), 0);
    (void)fixture_reap(pid);
    assert_int_equal(cg_root_close_all(root), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused),         cmocka_unit_test(test_other_directory_is_not_used),
        cmocka_unit_test(test_read_only),       cmocka_unit_test(test_layout_and_close),
        cmocka_unit_test(test_controllers_K93), cmocka_unit_test(test_gather),
    };
    return FIXTURE_MAIN(tests, NULL, NULL);
}
