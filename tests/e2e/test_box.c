/* tests/e2e/test_box.c - the box and the actor themselves, without container-init. */
#include "tests/e2e/harness_internal.h"
#include "base/fd.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define ACTOR "/usr/local/bin/actor"

static struct box *start(struct box_spec *spec, const char *const *argv)
{
    char why[BOX_WHY_MAX];
    struct box *box = NULL;
    spec->argv = argv;
    spec->shared = "/scene";
    assert_int_equal(box_spec_copy(spec, E2E_ACTOR, ACTOR), 0);
    if (box_start(spec, &box, why) < 0) fail_msg("%s", why);
    return box;
}

static int finish(struct box *box)
{
    int status = -1;
    assert_int_equal(box_wait(box, 20000, &status), 0);
    return status;
}

static char *read_shared(const struct box *box, const char *name)
{
    char *text = NULL;
    size_t size;
    if (file_read(box_shared(box), name, 1 << 20, &text, &size) < 0) fail_msg("%s is not there", name);
    return text;
}

/* Runs a script as PID 1 and gives back what it wrote to /scene/out. */
static char *run_script(struct box_spec *spec, const char *script)
{
    const char *argv[] = { "/bin/sh", "-c", script, NULL };
    struct box *box = start(spec, argv);
    (void)finish(box);
    char *text = read_shared(box, "out");
    box_free(box);
    return text;
}

static void expect_script(struct box_spec spec, const char *label, const char *script, const char *want)
{
    print_message("  %s\n", label);
    char *got = run_script(&spec, script);
    assert_string_equal(got, want);
    free(got);
}

static void set_user(struct box_spec *spec)
{
    spec->as_user = true, spec->uid = 1234, spec->gid = 1235;
}
static void set_docker(struct box_spec *spec)
{
    spec->docker_caps = true;
}
static void set_no_new_privs(struct box_spec *spec)
{
    spec->no_new_privs = true;
}
static void set_read_only(struct box_spec *spec)
{
    spec->read_only_root = true;
}
static void set_no_proc(struct box_spec *spec)
{
    spec->no_proc = true;
}
static void set_no_tmp(struct box_spec *spec)
{
    spec->no_tmp = true;
}
static void set_not_pid1(struct box_spec *spec)
{
    spec->not_pid1 = true;
}
static void set_cgroup_read_only(struct box_spec *spec)
{
    spec->cgroup = BOX_CGROUP_READ_ONLY;
}
static void set_cgroup_absent(struct box_spec *spec)
{
    spec->cgroup = BOX_CGROUP_ABSENT;
}
static void set_setup(struct box_spec *spec)
{
    spec->setup = "echo made > /etc/made-by-setup";
}
static void set_env(struct box_spec *spec)
{
    assert_int_equal(box_spec_env(spec, "GREETING=hello world"), 0);
}
static void set_nothing(struct box_spec *spec)
{
    (void)spec;
}

/* clang-format off */
static const struct { const char *label; void (*set)(struct box_spec *); const char *script, *want; } places[] = {
    { "is PID 1",              set_nothing,          "echo $$ > /scene/out", "1\n" },
    { "is root",               set_nothing,          "id -u > /scene/out", "0\n" },
    { "host name",             set_nothing,          "cat /proc/sys/kernel/hostname > /scene/out", "box\n" },
    { "sees only itself",      set_nothing,          "set -- /proc/[0-9]*; echo $# > /scene/out", "1\n" },
    { "only lo, and it is up", set_nothing,          "echo $(ls /sys/class/net) $(cat /sys/class/net/lo/flags) > /scene/out", "lo 0x9\n" },
    { "null works",            set_nothing,          "echo x > /dev/null && wc -c < /dev/null > /scene/out", "0\n" },
    { "own cgroup is /",       set_nothing,          "grep ^0:: /proc/self/cgroup > /scene/out", "0::/\n" },
    { "cgroup is private",     set_nothing,          "find /sys/fs/cgroup -mindepth 1 -type d | wc -l > /scene/out; grep -x 1 /sys/fs/cgroup/cgroup.procs >> /scene/out", "0\n1\n" },
    { "cgroup is writable",    set_nothing,          "mkdir /sys/fs/cgroup/leaf && cat /sys/fs/cgroup/leaf/cgroup.type > /scene/out", "domain\n" },
    { "cgroup read-only",      set_cgroup_read_only, "mkdir /sys/fs/cgroup/leaf 2>/dev/null; echo $? $(wc -l < /sys/fs/cgroup/cgroup.procs) > /scene/out", "1 2\n" },
    { "cgroup not mounted",    set_cgroup_absent,    "ls /sys/fs/cgroup | wc -l > /scene/out", "0\n" },
    { "user",                  set_user,             "id -u > /scene/out; id -G >> /scene/out; grep CapEff /proc/self/status >> /scene/out",
                                                     "1234\n1235\nCapEff:\t0000000000000000\n" },
    { "Docker's capabilities", set_docker,           "grep -E 'Cap(Prm|Bnd)' /proc/self/status > /scene/out",
                                                     "CapPrm:\t00000000a80425fb\nCapBnd:\t00000000a80425fb\n" },
    { "no_new_privs",          set_no_new_privs,     "grep NoNewPrivs /proc/self/status > /scene/out", "NoNewPrivs:\t1\n" },
    { "read-only root",        set_read_only,        "touch /etc/x 2>/dev/null; echo $? > /scene/out; touch /run/x /tmp/x; echo $? >> /scene/out", "1\n0\n" },
    { "writable root",         set_nothing,          "touch /etc/box-was-here; echo $? > /scene/out", "0\n" },
    { "no /proc",              set_no_proc,          "set -- /proc/*; echo \"$*\" > /scene/out", "/proc/*\n" },
    { "no /tmp",               set_no_tmp,           "test -e /tmp; echo $? > /scene/out", "1\n" },
    { "not PID 1",             set_not_pid1,         "test $$ != 1 && test $PPID = 1; echo $? > /scene/out", "0\n" },
    { "setup command",         set_setup,            "cat /etc/made-by-setup > /scene/out", "made\n" },
    { "environment",           set_env,              "env | grep -vE '^(TERM|PWD|OLDPWD|_|[A-Z]+SAN_OPTIONS)=' | sort > /scene/out",
      "GREETING=hello world\nHOME=/root\nHOSTNAME=box\nPATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n" },
};
/* clang-format on */

static void test_places(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(places); i++) {
        struct box_spec spec = BOX_SPEC_DEFAULT;
        places[i].set(&spec);
        expect_script(spec, places[i].label, places[i].script, places[i].want);
    }
    assert_int_equal(access("/etc/box-was-here", F_OK), -1);
    assert_int_equal(access("/etc/made-by-setup", F_OK), -1);
}

static void test_no_shell(void **state)
{
    (void)state;
    struct box_spec spec = BOX_SPEC_DEFAULT;
    const char *argv[] = { ACTOR, "exec", "/bin/sh", "-c", "exit 3", NULL };
    spec.no_shell = true;
    struct box *box = start(&spec, argv);
    assert_int_equal(finish(box), 99); /* the actor's exec failed */
    box_free(box);
}

static void test_exit_status(void **state)
{
    (void)state;
    static const struct {
        const char *label, *argv[6];
        bool not_pid1;
        int want;
    } cases[] = {
        { "status of PID 1", { ACTOR, "exit", "7" }, false, 7 },
        { "status below an init", { ACTOR, "exit", "8" }, true, 8 },
        { "signal below an init", { ACTOR, "kill-self", "TERM" }, true, 128 + SIGTERM },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct box_spec spec = BOX_SPEC_DEFAULT;
        print_message("  %s\n", cases[i].label);
        spec.not_pid1 = cases[i].not_pid1;
        struct box *box = start(&spec, cases[i].argv);
        assert_int_equal(finish(box), cases[i].want);
        box_free(box);
    }
}

static void test_start_failures_name_the_step(void **state)
{
    (void)state;
    char why[BOX_WHY_MAX] = "";
    struct box *box = NULL;
    struct box_spec spec = BOX_SPEC_DEFAULT;
    const char *missing[] = { "/no/such/program", NULL };
    spec.argv = missing;
    assert_int_equal(box_start(&spec, &box, why), -ENOENT);
    assert_string_equal(why, "exec /no/such/program: No such file or directory");
    assert_int_equal(box_spec_copy(&spec, "/no/such/file", "/x"), 0);
    assert_int_equal(box_start(&spec, &box, why), -ENOENT);
    assert_string_equal(why, "copy /no/such/file: No such file or directory");
    assert_null(box);
}

static void test_signals_reach_the_program(void **state)
{
    (void)state;
    for (int not_pid1 = 0; not_pid1 < 2; not_pid1++) {
        struct box_spec spec = BOX_SPEC_DEFAULT;
        const char *argv[] = { ACTOR, "signals", "/scene/signals", "TERM", NULL };
        spec.not_pid1 = not_pid1 == 1;
        struct box *box = start(&spec, argv);
        /* The filter of this test is the actor's own first line: before it, TERM would be lost on a PID 1. */
        struct stat st;
        while (fstatat(box_shared(box), "signals", &st, 0) < 0 || st.st_size < 6) (void)poll(NULL, 0, 1);
        assert_int_equal(box_signal(box, SIGHUP), 0);
        assert_int_equal(box_signal(box, SIGTERM), 0);
        assert_int_equal(finish(box), 0);
        char *text = read_shared(box, "signals");
        assert_string_equal(text, "ready\nHUP\nTERM\n");
        free(text);
        box_free(box);
    }
}

static void test_denied_syscalls(void **state)
{
    (void)state;
    struct box_spec spec = BOX_SPEC_DEFAULT;
    assert_int_equal(box_spec_deny(&spec, "clone3", "EPERM"), 0);
    assert_int_equal(box_spec_deny(&spec, "socket", "EACCES"), 0);
    assert_int_equal(box_spec_deny(&spec, "no_such_call", "EPERM"), -EINVAL);
    assert_int_equal(box_spec_deny(&spec, "clone3", "EWHAT"), -EINVAL);
    int out[2];
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    spec.stderr_fd = out[1];
    const char *argv[] = { ACTOR, "tcp-echo", "127.0.0.1", "80", NULL };
    struct box *box = start(&spec, argv);
    assert_int_equal(finish(box), 99);
    char text[256] = "";
    assert_true(read(out[0], text, sizeof text - 1) > 0);
    assert_non_null(strstr(text, "Permission denied"));
    close(out[0]), close(out[1]);
    box_free(box);
}

/* The path, on this machine, of the box's cgroup seen through a descriptor of its own. */
static bool cgroup_exists(int root, const char *name)
{
    struct stat st;
    return fstatat(root, name, &st, 0) == 0;
}

static void test_cleanup(void **state)
{
    (void)state;
    char name[64];
    struct box_spec spec = BOX_SPEC_DEFAULT;
    const char *argv[] = { "/bin/sh", "-c",
                           "mkdir -p /sys/fs/cgroup/a/b && (echo 0 > /sys/fs/cgroup/a/b/cgroup.procs; trap '' TERM; "
                           ": > /scene/ready; while :; do sleep 1000; done)",
                           NULL };
    struct box *box = start(&spec, argv);
    struct stat st;
    while (fstatat(box_shared(box), "ready", &st, 0) < 0) (void)poll(NULL, 0, 1);
    int root = openat(box_cgroup_fd(box), "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int pidfd = fcntl(box_pidfd(box), F_DUPFD_CLOEXEC, 3);
    (void)snprintf(name, sizeof name, "%s", box_cgroup_name(box));
    assert_true(cgroup_exists(root, name));
    box_free(box);
    assert_false(cgroup_exists(root, name));
    struct pollfd end = { .fd = pidfd, .events = POLLIN };
    assert_int_equal(poll(&end, 1, 0), 1);
    close(root), close(pidfd);
}

static void test_cleanup_when_the_starter_is_killed(void **state)
{
    (void)state;
    int channel[2], root = -1;
    struct {
        char name[64];
        pid_t pid;
    } told;
    assert_int_equal(box_refused() != NULL, 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, channel), 0);
    pid_t starter = fork();
    if (starter == 0) {
        struct box_spec spec = BOX_SPEC_DEFAULT;
        const char *argv[] = { "/bin/sleep", "1000", NULL };
        struct box *box = start(&spec, argv);
        memset(&told, 0, sizeof told);
        (void)snprintf(told.name, sizeof told.name, "%s", box_cgroup_name(box));
        told.pid = box_pid(box);
        (void)!write(channel[1], &told, sizeof told);
        for (;;) (void)pause();
    }
    assert_int_equal(read(channel[0], &told, sizeof told), sizeof told);
    struct box_spec spec = BOX_SPEC_DEFAULT; /* a second box, for a descriptor of the cgroup tree's root */
    const char *argv[] = { "/bin/true", NULL };
    struct box *box = start(&spec, argv);
    root = openat(box_cgroup_fd(box), "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(cgroup_exists(root, told.name));
    assert_int_equal(kill(starter, SIGKILL), 0);
    assert_int_equal(waitpid(starter, NULL, 0), starter);
    for (int i = 0; i < 5000 && cgroup_exists(root, told.name); i++) (void)poll(NULL, 0, 2);
    assert_false(cgroup_exists(root, told.name));
    box_free(box);
    close(root), close(channel[0]), close(channel[1]);
}

static void test_copy_and_bind(void **state)
{
    (void)state;
    char dir[] = "/tmp/box-test-XXXXXX", path[PATH_MAX];
    assert_non_null(mkdtemp(dir));
    (void)snprintf(path, sizeof path, "%s/fifo", dir);
    assert_int_equal(mkfifo(path, 0600), 0);
    (void)snprintf(path, sizeof path, "%s/link", dir);
    assert_int_equal(symlink("/nowhere", path), 0);
    (void)snprintf(path, sizeof path, "%s/script", dir);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0700);
    assert_int_equal(fd_write_all(fd, "hello", 5), 0);
    close(fd);
    struct box_spec spec = BOX_SPEC_DEFAULT;
    assert_int_equal(box_spec_copy(&spec, dir, "/opt/deep/copy"), 0);
    assert_int_equal(box_spec_bind(&spec, dir, "/opt/deep/bind"), 0);
    expect_script(spec, "a tree is copied, a tree is bound",
                  "cd /opt/deep/copy; exec > /scene/out; test -p fifo && readlink link && test -x script && cat script;"
                  "echo; echo inside > ../bind/new; echo lost > new",
                  "/nowhere\nhello\n");
    (void)snprintf(path, sizeof path, "%s/new", dir);
    char *text = NULL;
    size_t size;
    assert_int_equal(file_read(AT_FDCWD, path, 100, &text, &size), 0);
    assert_string_equal(text, "inside\n");
    free(text);
    static const char *const names[] = { "fifo", "link", "script", "new" };
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        (void)snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        assert_int_equal(unlink(path), 0);
    }
    assert_int_equal(rmdir(dir), 0);
}

static void test_connect_and_exec(void **state)
{
    (void)state;
    struct box_spec spec = BOX_SPEC_DEFAULT;
    const char *argv[] = { ACTOR, "tcp-echo", "127.0.0.1", "8080", NULL };
    struct box *box = start(&spec, argv);
    int fd = -1, r;
    while ((r = box_connect(box, "tcp:127.0.0.1:8080", 1234, 1234, &fd)) == -ECONNREFUSED) (void)poll(NULL, 0, 1);
    assert_int_equal(r, 0);
    char text[8] = "";
    assert_int_equal(fd_write_all(fd, "ping", 4), 0);
    assert_int_equal(read(fd, text, sizeof text), 4);
    assert_string_equal(text, "ping");
    close(fd);
    assert_int_equal(box_connect(box, "unix:/run/nobody", 0, 0, &fd), -ENOENT);
    assert_int_equal(box_connect(box, "abstract:nobody", 0, 0, &fd), -ECONNREFUSED);
    assert_int_equal(box_connect(box, "nonsense", 0, 0, &fd), -EINVAL);
    const char *inside[] = { "/bin/sh", "-c",
                             "test $(readlink /proc/self/ns/pid) = $(readlink /proc/1/ns/pid) && exit 42", NULL };
    pid_t pid = -1;
    int status = 0;
    assert_int_equal(box_exec(box, inside, -1, -1, &pid), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(WEXITSTATUS(status), 42);
    box_free(box);
}

static void test_actor_reports(void **state)
{
    (void)state;
    struct box_spec spec = BOX_SPEC_DEFAULT;
    set_user(&spec);
    const char *argv[] = { ACTOR, "ignore", "CHLD", "--", "report", "/scene/report", NULL };
    struct box *box = start(&spec, argv);
    assert_int_equal(finish(box), 0);
    char *text = read_shared(box, "report");
    static const char *const lines[] = {
        "\nuid=1234\n",      "uid=1234\neuid=1234\n", "\ngid=1235\n", "\ngroups=\n",    "\nsignals.ignored=17\n",
        "\nfds=0 1 2\n",     "\ncgroup=/\n",          "\npid=1\n",    "\numask=0022\n", "\ncwd=/\n",
        "\nenv.HOME=/root\n"
    };
    for (size_t i = 1; i < COUNT_OF(lines); i++) {

        assert_non_null(strstr(text, lines[i]));
    }
    free(text);
    box_free(box);
}

int main(void)
{
    const char *refused = box_refused();
    if (refused) {
        (void)printf("skipped: %s\n", refused);
        return 77;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_no_shell),
        cmocka_unit_test(test_exit_status),
        cmocka_unit_test(test_start_failures_name_the_step),
        cmocka_unit_test(test_signals_reach_the_program),
        cmocka_unit_test(test_denied_syscalls),
        cmocka_unit_test(test_cleanup),
        cmocka_unit_test(test_cleanup_when_the_starter_is_killed),
        cmocka_unit_test(test_copy_and_bind),
        cmocka_unit_test(test_connect_and_exec),
        cmocka_unit_test(test_actor_reports),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
