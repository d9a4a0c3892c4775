#include "tests/pid1/child.h"

#include "pid1/boot.h"

static void closed_stdio(void)
{
    unsigned closed = 99;
    AUTO_FD struct fd keep = FD_NONE;
    CHECK(fd_dup(2, 10, &keep) == 0);
    CHECK(close(0) == 0 && close(2) == 0);
    int r = pid1_boot_stdio(&closed);
    int wrote = (int)write(2, "x", 1);
    char c;
    int got = (int)read(0, &c, 1);
    int flags = fcntl(2, F_GETFD);
    CHECK(dup2(keep.n, 2) == 2); /* messages of CHECK again */
    CHECK(r == 0);
    CHECK(closed == (1u << 0 | 1u << 2));
    CHECK(wrote == 1 && got == 0); /* /dev/null */
    CHECK(flags == 0);
    CHECK(pid1_boot_stdio(&closed) == 0 && closed == 0);
}

static void test_closed_stdio_K85(void **state)
{
    (void)state;
    in_child(closed_stdio, false);
}

/* Without /dev/null the numbers are taken all the same: nothing of ours becomes standard output. */
static void closed_stdio_without_dev(void)
{
    char directory[] = "/tmp/ci-boot-XXXXXX";
    CHECK(mkdtemp(directory) != NULL);
    pid_t pid = fork();
    if (pid == 0) {
        NEED(chroot(directory) == 0);
        CHECK(chdir("/") == 0);
        unsigned closed = 0;
        AUTO_FD struct fd keep = FD_NONE;
        CHECK(fd_dup(2, 10, &keep) == 0);
        CHECK(close(0) == 0 && close(1) == 0 && close(2) == 0);
        int r = pid1_boot_stdio(&closed), next = open("/", O_RDONLY | O_DIRECTORY);
        CHECK(dup2(keep.n, 2) == 2);
        CHECK(r == 0 && closed == 7 && next > 2);
        _exit(0);
    }
    int status = 0;
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK(rmdir(directory) == 0);
    _exit(WEXITSTATUS(status));
}

static void test_closed_stdio_without_dev_K92(void **state)
{
    (void)state;
    in_child(closed_stdio_without_dev, false);
}

static void init_as_subreaper(void)
{
    struct rlimit limit;
    CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    rlim_t hard = limit.rlim_max, soft = hard < 512 ? hard : 512;
    limit.rlim_cur = soft;
    CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    (void)umask(0027);

    struct pid1_boot boot;
    CHECK(pid1_boot_init(&boot) == 0);
    CHECK(!boot.is_init && boot.is_subreaper && boot.closed_stdio == 0);
    int subreaper = 0;
    CHECK(prctl(PR_GET_CHILD_SUBREAPER, &subreaper, 0, 0, 0) == 0 && subreaper == 1);
    CHECK(boot.inherited_umask == 0027 && umask(0) == 0);
    CHECK(boot.nofile.rlim_cur == soft && boot.nofile.rlim_max == hard);
    CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur == hard);

    /* The spare descriptor makes room for one when there is no other. */
    CHECK(fd_is_open(&boot.spare) && fcntl(boot.spare.n, F_GETFD) == FD_CLOEXEC);
    struct rlimit none = { (rlim_t)boot.spare.n + 1, hard };
    CHECK(setrlimit(RLIMIT_NOFILE, &none) == 0);
    CHECK(dup(2) < 0 && errno == EMFILE);
    pid1_boot_spare_release(&boot);
    int fd = dup(2);
    CHECK(fd >= 0 && close(fd) == 0);
    pid1_boot_spare_refill(&boot);
    CHECK(fd_is_open(&boot.spare) && dup(2) < 0);
    pid1_boot_spare_refill(&boot); /* holds one already */
    pid1_boot_done(&boot);
    CHECK(!fd_is_open(&boot.spare));
}

static void test_init(void **state)
{
    (void)state;
    in_child(init_as_subreaper, false);
}

static void init_as_pid1(void)
{
    struct pid1_boot boot;
    CHECK(pid1_boot_init(&boot) == 0);
    CHECK(boot.is_init && !boot.is_subreaper);
}

static void test_init_as_pid1(void **state)
{
    (void)state;
    in_child(init_as_pid1, true);
}

static void dumpable(void)
{
    CHECK(pid1_set_dumpable(false) == 0 && prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0);
    CHECK(pid1_set_dumpable(true) == 0 && prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 1);
}

static void test_dumpable(void **state)
{
    (void)state;
    in_child(dumpable, false);
}

static char root[] = "/tmp/ci-mounts-XXXXXX";

static void make_file(const char *name)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", root, name);
    AUTO_FD struct fd file = FD_NONE;
    CHECK(fd_openat(AT_FDCWD, path, O_WRONLY | O_CREAT, 0644, &file) == 0);
}

static void make_directory(const char *name)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", root, name);
    CHECK(mkdir(path, 0755) == 0);
}

static void remove_entry(const char *name)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", root, name);
    CHECK(remove(path) == 0);
}

/* A tmpfs of our own, so that nothing of the machine is touched and all is gone with the namespace. */
static void private_root(void)
{
    NEED(unshare(CLONE_NEWNS) == 0);
    CHECK(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
    CHECK(mount("tmpfs", root, "tmpfs", 0, NULL) == 0);
}

static void needs_mounts(void)
{
    private_root();
    (void)unsetenv("container");
    CHECK(pid1_boot_needs_mounts(root));
    make_directory("run");
    static const char *const markers[] = { "run/.containerenv", ".dockerenv" };
    for (size_t i = 0; i < COUNT_OF(markers); i++) {
        make_file(markers[i]);
        CHECK(!pid1_boot_needs_mounts(root));
        remove_entry(markers[i]);
        CHECK(pid1_boot_needs_mounts(root));
    }
    CHECK(setenv("container", "docker", 1) == 0);
    CHECK(!pid1_boot_needs_mounts(root));
    (void)unsetenv("container");
    make_directory("proc");
    CHECK(pid1_boot_needs_mounts(root));
    make_directory("proc/self");
    CHECK(!pid1_boot_needs_mounts(root));
}

static void test_needs_mounts(void **state)
{
    (void)state;
    assert_false(pid1_boot_needs_mounts(root)); /* we are not process 1 */
    in_child(needs_mounts, true);
}

static void mount_all(void)
{
    private_root();
    AUTO_STR struct str report = STR_EMPTY;
    int n = pid1_boot_mount(root, &report);
    if (report.length > 0) fprintf(stderr, "  %s", str_text(&report));
    NEED(report.length == 0);
    CHECK(n == 7);
    static const char *const there[] = {
        "proc/self/status", "sys/kernel", "dev/null", "dev/pts/ptmx", "dev/shm", "run", "sys/fs/cgroup/cgroup.procs"
    };
    for (size_t i = 0; i < COUNT_OF(there); i++) {
        char path[128];
        (void)snprintf(path, sizeof path, "%s/%s", root, there[i]);
        CHECK(access(path, F_OK) == 0);
    }
    CHECK(pid1_boot_mount(root, &report) == 0); /* all there: nothing is done */
    CHECK(report.length == 0);
}

static void test_mount(void **state)
{
    (void)state;
    in_child(mount_all, false);
}

static void mount_refused(void)
{
    AUTO_STR struct str report = STR_EMPTY;
    CHECK(pid1_boot_mount("/nonexistent/root", &report) == 0);
    CHECK(strstr(str_text(&report), "mount proc on /nonexistent/root/proc: No such file or directory\n") != NULL);
    CHECK(strstr(str_text(&report), "mount cgroup2 on ") != NULL); /* goes on after a failure */
    CHECK(pid1_boot_mount("/nonexistent/root", NULL) == 0);
}

static void test_mount_refused(void **state)
{
    (void)state;
    in_child(mount_refused, false);
}

int main(void)
{
    if (!mkdtemp(root)) return 77;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_closed_stdio_K85),
        cmocka_unit_test(test_closed_stdio_without_dev_K92),
        cmocka_unit_test(test_init),
        cmocka_unit_test(test_init_as_pid1),
        cmocka_unit_test(test_dumpable),
        cmocka_unit_test(test_needs_mounts),
        cmocka_unit_test(test_mount),
        cmocka_unit_test(test_mount_refused),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    (void)rmdir(root);
    return failed;
}
