#include "tests/supervisor/spawn_fixture.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "cgroup/leaf.h"
#include "cgroup/root.h"
#include "supervisor/slots.h"

static int open_fixture(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    fixture_open(f);
    *state = f;
    return 0;
}

static int close_fixture(void **state)
{
    fixture_close(*state);
    free(*state);
    return 0;
}

/* ---- every way to create a process ---- */

static const struct {
    const char *label;
    struct spawner_limits limits;
    bool with_oom_score; /* forces the copying clone */
} ways[] = {
    { "clone3, shared memory", { 0 }, false },
    { "clone3, a copy of the memory", { .no_clone_vm = true }, false },
    { "clone3, OOMScoreAdjust= forbids sharing", { 0 }, true },
    { "no clone3", { .no_clone3 = true }, false },
    { "no clone3, a copy of the memory", { .no_clone3 = true, .no_clone_vm = true }, false },
    { "no close_range", { .no_close_range = true }, false },
    { "no CLONE_INTO_CGROUP", { .no_into_cgroup = true }, false },
};

static void run_every_way(struct fixture *f)
{
    for (size_t i = 0; i < COUNT_OF(ways); i++) {
        print_message("  %s\n", ways[i].label);
        spawner_set_limits(f->spawner, ways[i].limits);
        f->settings.exec.oom_score_adjust_set = ways[i].with_oom_score;
        f->settings.exec.oom_score_adjust = 1000;
        assert_int_equal(fixture_run(f, WORDS("/bin/sh", "-c", "echo hello; echo there >&2; exit 7")), 0);
        assert_int_equal(f->failure.stage, EXEC_STAGE_NONE);
        assert_string_equal(f->output, "hello\nthere\n");
        assert_true(WIFEXITED(f->status));
        assert_int_equal(WEXITSTATUS(f->status), 7);

        assert_int_equal(fixture_run(f, WORDS("/nonexistent/program", "x")), 0);
        assert_int_equal(f->failure.stage, EXEC_STAGE_EXEC); /* K73 */
        assert_int_equal(f->failure.error, ENOENT);
        assert_string_equal(f->failure.subject, "/nonexistent/program");
        assert_int_equal(WEXITSTATUS(f->status), 203);
    }
}

static void test_ways_of_creation(void **state)
{
    run_every_way(*state);
}

/* Many descriptors of ours: the child shares the table until it has its own (supervisor/pads.h). */
enum { CROWD = 200 };

static void crowd_open(int crowd[CROWD])
{
    for (size_t i = 0; i < CROWD; i++) crowd[i] = fcntl(0, F_DUPFD_CLOEXEC, 3);
}

static void crowd_close(const int crowd[CROWD])
{
    for (size_t i = 0; i < CROWD; i++) (void)close(crowd[i]); /* duplicates */
}

static void run_in_a_crowd(struct fixture *f)
{
    int crowd[CROWD], listener;
    crowd_open(crowd);
    run_every_way(f);

    /* Nothing but its own reaches the program, a listener included. */
    spawner_set_limits(f->spawner, (struct spawner_limits){ 0 });
    f->settings.exec.oom_score_adjust_set = false;
    f->command.flags = COMMAND_NO_EXPAND;
    assert_true((listener = open("/dev/zero", O_RDONLY | O_CLOEXEC)) >= 0);
    f->request.listen_fds = &listener;
    f->request.listen_names = WORDS("zero");
    f->request.n_listen_fds = 1;
    assert_int_equal(
        fixture_run(f, WORDS("/bin/sh", "-c",
                             "echo $LISTEN_PID $$ $LISTEN_FDS; for i in /proc/$$/fd/*; do readlink $i; done; true")),
        0);
    char want[256];
    (void)snprintf(want, sizeof want, "%d %d 1\n/dev/null\n", f->pid, f->pid); /* K55 */
    assert_true(strncmp(f->output, want, strlen(want)) == 0);
    assert_non_null(strstr(f->output, "/dev/zero"));
    size_t lines = 0;
    for (const char *c = f->output; *c; c++) lines += *c == '\n';
    assert_int_equal(lines, 5);
    (void)close(listener); /* was not read */
    crowd_close(crowd);
}

static void test_ways_of_creation_in_a_crowd(void **state)
{
    run_in_a_crowd(*state); /* which was not expected */
}

static void test_ways_of_creation_in_an_expected_crowd(void **state)
{
    struct fixture *f = *state;
    int before = fcntl(0, F_DUPFD_CLOEXEC, 16), after;
    assert_true(before >= 16);
    (void)close(before); /* a duplicate */
    spawner_expect_crowd(f->spawner);
    assert_true((after = fcntl(0, F_DUPFD_CLOEXEC, 16)) >= before + 48); /* the low numbers are taken: 8 pads of 6 */
    (void)close(after);                                                  /* likewise */
    run_in_a_crowd(f);
}

/* NotifyFD=: its pipe lies at the number of the unit's choice and nothing in the gap before it, in every way a process
 * is made; WATCHDOG_PID is the program's own number. */
static void test_notification_descriptor(void **state)
{
    static const char script[] = "echo $WATCHDOG_PID $$ $WATCHDOG_USEC; echo ready >&7; for i in 3 4 5 6 8; do test -e "
                                 "/proc/$$/fd/$i && echo there is $i; done; true";
    static const struct spawner_limits limits[] = {
        { .no_clone3 = false },
        { .no_clone_vm = true },
        { .no_clone3 = true, .no_close_range = true },
    };
    struct fixture *f = *state;
    int passed[2] = { -1, -1 };
    f->command.flags = COMMAND_NO_EXPAND;
    f->request.watchdog_usec = 5000000;
    for (size_t i = 0; i < COUNT_OF(limits); i++) {
        AUTO_FD struct fd reader = FD_NONE, writer = FD_NONE;
        char want[64], text[16] = "";
        spawner_set_limits(f->spawner, limits[i]);
        assert_int_equal(fd_pipe(0, &reader, &writer), 0);
        f->request.notify_fd = writer.n;
        f->request.notify_target = 7;
        assert_int_equal(fixture_run(f, WORDS("/bin/sh", "-c", script)), 0);
        (void)snprintf(want, sizeof want, "%d %d 5000000\n", f->pid, f->pid);
        assert_string_equal(f->output, want);
        fd_close(&writer);
        assert_int_equal(read(reader.n, text, sizeof text - 1), 6);
        assert_string_equal(text, "ready\n");
        assert_int_equal(read(reader.n, text, sizeof text), 0); /* nobody holds the other end */
    }
    /* One that is passed already cannot be it. */
    assert_int_equal(pipe2(passed, O_CLOEXEC), 0);
    f->request.listen_fds = passed;
    f->request.listen_names = WORDS("a", "b");
    f->request.n_listen_fds = 2;
    f->request.notify_fd = passed[1];
    f->request.notify_target = 4;
    fixture_command(f, WORDS("/bin/true"));
    struct exec_plan *plan = NULL;
    assert_int_equal(exec_plan_new(&f->request, &plan, &f->failure), -EBUSY);
    assert_int_equal(f->failure.stage, EXEC_STAGE_FDS);
    f->request.notify_target = 5;
    assert_int_equal(exec_plan_new(&f->request, &plan, &f->failure), 0);
    exec_plan_free(plan);
    (void)close(passed[0]), (void)close(passed[1]); /* were not used */
}

/* What a copy of PID 1 says must not reach PID 1's own memory, and its OOM score must stay its own. */
static void test_oom_score_stays_with_the_child(void **state)
{
    struct fixture *f = *state;
    char before[32], after[32];
    assert_true(file_read_small(AT_FDCWD, "/proc/self/oom_score_adj", before, sizeof before) > 0);
    f->settings.exec.oom_score_adjust_set = true;
    f->settings.exec.oom_score_adjust = 987;
    assert_int_equal(fixture_run(f, WORDS("/bin/cat", "/proc/self/oom_score_adj")), 0);
    assert_int_equal(f->failure.stage, EXEC_STAGE_NONE);
    assert_string_equal(f->output, "987\n");
    assert_true(file_read_small(AT_FDCWD, "/proc/self/oom_score_adj", after, sizeof after) > 0);
    assert_string_equal(after, before);
}

static void test_failing_child_leaves_errno_alone(void **state)
{
    struct fixture *f = *state;
    AUTO_FD struct fd writer = FD_NONE;
    assert_int_equal(fd_openat(AT_FDCWD, "/dev/null", O_WRONLY, 0, &writer), 0);
    fixture_command(f, WORDS("/nonexistent"));
    assert_int_equal(fixture_start(f, writer.n), 0);
    errno = 4095;
    assert_int_equal(syscall(SYS_waitid, P_PID, f->pid, NULL, WEXITED | WNOWAIT, NULL), 0);
    assert_int_equal(errno, 4095);
    fixture_wait_done(f);
    assert_int_equal(waitpid(f->pid, NULL, 0), f->pid);
    assert_int_equal(f->failure.error, ENOENT);
}

/* ---- seccomp: K92 ---- */

/* With `first_argument_bits` only calls that have one of them in the first argument. */
static void refuse_call(uint32_t number, uint32_t first_argument_bits, int error)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 4),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, first_argument_bits, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, first_argument_bits ? SECCOMP_RET_ALLOW : SECCOMP_RET_ERRNO | (uint32_t)error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint32_t)error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = { COUNT_OF(filter), filter };
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
        _exit(77);
}

/* In a process of its own, for a filter cannot be taken off. Two starts: the first learns. */
static int run_refused(uint32_t number, uint32_t bits, int error, const char *const *words)
{
    if (bits) refuse_call(SYS_clone3, 0, ENOSYS);
    refuse_call(number, bits, error);
    struct fixture f;
    int crowd[CROWD];
    fixture_open(&f);
    for (int i = 0; i < 4; i++) { /* the last two with many descriptors of ours */
        if (i == 2) crowd_open(crowd);
        if (fixture_run(&f, words) < 0) return 10;
        if (f.failure.stage != EXEC_STAGE_NONE) return 11;
        if (strcmp(f.output, "hello\n") != 0) return 12;
        if (f.status != 0) return 13;
    }
    crowd_close(crowd);
    fixture_close(&f);
    return 0;
}

static const struct {
    const char *label;
    uint32_t number, bits;
    int error;
} refusals[] = {
    { "clone3: ENOSYS", SYS_clone3, 0, ENOSYS },
    { "clone3: EPERM", SYS_clone3, 0, EPERM },
    { "clone3: EINVAL", SYS_clone3, 0, EINVAL },
    { "clone3: EACCES", SYS_clone3, 0, EACCES },
    { "clone3: E2BIG", SYS_clone3, 0, E2BIG },
    { "clone3: EAGAIN", SYS_clone3, 0, EAGAIN },
    { "clone3: ENOMEM", SYS_clone3, 0, ENOMEM },
    { "clone3: ENOSYS, clone with shared memory: EINVAL", SYS_clone, CLONE_VM, EINVAL },
    { "close_range: ENOSYS", SYS_close_range, 0, ENOSYS },
    { "close_range: EPERM", SYS_close_range, 0, EPERM },
    { "prctl: EPERM", SYS_prctl, 0, EPERM },
};

static void test_refused_calls(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(refusals); i++) {
        print_message("  %s\n", refusals[i].label);
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0)
            _exit(run_refused(refusals[i].number, refusals[i].bits, refusals[i].error, WORDS("/bin/echo", "hello")));
        int status;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        if (WEXITSTATUS(status) == 77) {
            print_message("    skipped: no seccomp filters here\n");
            continue;
        }
        assert_int_equal(WEXITSTATUS(status), 0);
    }
}

/* ---- the leaf ---- */

static void test_leaf(void **state)
{
    struct fixture *f = *state;
    AUTO(cg_root_free) struct cg_root *root = NULL;
    struct own_cgroup own;
    char *reason = NULL;
    if (!own_cgroup_enter(&own)) {
        print_message("  skipped: no cgroup of our own can be made\n");
        skip();
    }
    struct cg_root_options options = { .leave_others = true };
    if (cg_root_open(&options, &root, &reason) < 0) {
        print_message("  skipped: cgroup-v2 unavailable (%s)\n", reason ? reason : "?");
        free(reason);
        own_cgroup_leave(&own);
        skip();
    }
    for (size_t i = 0; i < COUNT_OF(ways); i++) {
        print_message("  %s\n", ways[i].label);
        spawner_set_limits(f->spawner, ways[i].limits);
        assert_int_equal(cg_leaf_create(root, "spawn-test.service", &f->leaf), 0);
        assert_int_equal(fixture_run(f, WORDS("/bin/sh", "-c", "grep ^0: /proc/self/cgroup; true")), 0);
        assert_true(f->in_leaf);
        assert_int_equal(f->failure.stage, EXEC_STAGE_NONE);
        assert_int_equal(f->failure.leaf_error, 0);
        assert_non_null(
            strstr(f->output, "/container-init/spawn-test.service\n")); /* K08: from the first instruction on */
        assert_int_equal(cg_leaf_remove(f->leaf), 0);
        cg_leaf_free(f->leaf);
        f->leaf = NULL;
    }
    assert_int_equal(cg_root_close_all(TAKE(root)), 0);
    own_cgroup_leave(&own);
}

/* ---- what the child inherits ---- */

static void on_signal(int signal)
{
    (void)signal;
}

static void test_signals_k79(void **state)
{
    static const struct {
        const char *label;
        struct spawner_limits limits;
        bool ignore_sigpipe;
        const char *ignored;
    } rows[] = {
        { "IgnoreSIGPIPE=yes", { 0 }, true, "\t0000000000001000" },
        { "IgnoreSIGPIPE=no", { 0 }, false, "\t0000000000000000" },
        { "without clone3", { .no_clone3 = true }, false, "\t0000000000000000" },
    };
    (void)state;
    struct sigaction old_usr1, old_pipe, old_winch;
    sigset_t mask, old_mask;
    (void)sigaction(SIGUSR1, &(struct sigaction){ .sa_handler = SIG_IGN }, &old_usr1);
    (void)sigaction(SIGPIPE, &(struct sigaction){ .sa_handler = SIG_IGN }, &old_pipe);
    (void)sigaction(SIGWINCH, &(struct sigaction){ .sa_handler = on_signal }, &old_winch);
    (void)sigfillset(&mask);
    (void)sigprocmask(SIG_SETMASK, &mask, &old_mask);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct fixture f;
        fixture_open(&f);
        print_message("  %s\n", rows[i].label);
        spawner_set_limits(f.spawner, rows[i].limits);
        f.settings.exec.ignore_sigpipe = rows[i].ignore_sigpipe;
        assert_int_equal(fixture_run(&f, WORDS("/bin/cat", "/proc/self/status")), 0);
        assert_string_equal(line_after(f.output, "SigBlk:"), "\t0000000000000000");
        assert_string_equal(line_after(f.output, "SigIgn:"), rows[i].ignored);
        fixture_close(&f);
    }
    sigset_t now;
    (void)sigprocmask(SIG_SETMASK, NULL, &now);
    assert_int_equal(sigismember(&now, SIGTERM), 1); /* ours is as it was */
    (void)sigprocmask(SIG_SETMASK, &old_mask, NULL);
    (void)sigaction(SIGUSR1, &old_usr1, NULL);
    (void)sigaction(SIGPIPE, &old_pipe, NULL);
    (void)sigaction(SIGWINCH, &old_winch, NULL);
}

static void test_own_session(void **state)
{
    struct fixture *f = *state;
    f->command.flags = COMMAND_NO_EXPAND;
    assert_int_equal(fixture_run(f, WORDS("/bin/sh", "-c", "cut -d' ' -f 1,5,6 /proc/$$/stat; true")), 0);
    char want[64];
    (void)snprintf(want, sizeof want, "%d %d %d\n", f->pid, f->pid, f->pid);
    assert_string_equal(f->output, want);
}

/* A descriptor that a runtime left to us without close-on-exec does not reach a service. */
static void test_leaked_descriptors(void **state)
{
    struct fixture *f = *state;
    f->command.flags = COMMAND_NO_EXPAND;
    int leaked = open("/dev/zero", O_RDONLY); /* without O_CLOEXEC: this is what is tested */
    assert_true(leaked >= 0);
    for (int missing = 0; missing < 2; missing++) {
        print_message("  close_range %s\n", missing ? "is missing" : "is there");
        spawner_set_limits(f->spawner, (struct spawner_limits){ .no_close_range = missing });
        assert_int_equal(fixture_run(f, WORDS("/bin/sh", "-c", "for i in /proc/$$/fd/*; do readlink $i; done; true")),
                         0);
        assert_null(strstr(f->output, "/dev/zero"));
        assert_non_null(strstr(f->output, "/dev/null"));
    }
    (void)close(leaked); /* was only read */
}

/* ---- shared memory and identity ---- */

static void test_dumpable_is_set_again(void **state)
{
    struct fixture *f = *state;
    if (geteuid() != 0) skip();
    assert_int_equal(prctl(PR_GET_DUMPABLE), 1);
    f->settings.exec.user = "65534";
    assert_int_equal(fixture_run(f, WORDS("/bin/sh", "-c", "id -u; id -G")), 0);
    assert_int_equal(f->failure.stage, EXEC_STAGE_NONE);
    assert_true(strncmp(f->output, "65534\n", 6) == 0);
    assert_int_equal(prctl(PR_GET_DUMPABLE), 1);
}

/* While a child shares our memory under another identity, nobody may attach to it. */
static void run_hung_stream(struct fixture *f, bool is_copy)
{
    char fifo[] = "/tmp/spawn-test-XXXXXX";
    assert_non_null(mkdtemp(fifo));
    char path[64];
    (void)snprintf(path, sizeof path, "%s/fifo", fifo);
    assert_int_equal(mkfifo(path, 0600), 0);
    f->settings.exec.streams[1] = (struct exec_stream){ .kind = STD_FILE, .path = path };
    f->settings.exec.oom_score_adjust_set = is_copy;
    f->settings.exec.oom_score_adjust = 1000;
    fixture_command(f, WORDS("/bin/true"));
    assert_int_equal(fixture_start(f, -1), 0); /* hangs in open(2) */
    assert_int_equal(prctl(PR_GET_DUMPABLE), is_copy);
    assert_int_equal(spawner_count(f->spawner), 1);

    /* Another unit does not wait for it: K72. */
    struct fixture other = *f;
    other.settings.exec.oom_score_adjust_set = false;
    other.settings.exec.streams[1] = (struct exec_stream){ .kind = STD_LOG };
    other.unit.exec = &other.settings.exec;
    other.request.unit = &other.unit;
    other.request.command = &other.command;
    assert_int_equal(fixture_run(&other, WORDS("/bin/echo", "on time")), 0);
    assert_string_equal(other.output, "on time\n");
    assert_false(f->is_done);
    assert_int_equal(prctl(PR_GET_DUMPABLE), is_copy);

    /* K11: a stop between clone and exec ends it. */
    assert_int_equal(kill(f->pid, SIGTERM), 0);
    fixture_wait_done(f);
    assert_int_equal(waitpid(f->pid, &f->status, 0), f->pid);
    assert_true(WIFSIGNALED(f->status) && WTERMSIG(f->status) == SIGTERM);
    assert_int_equal(prctl(PR_GET_DUMPABLE), 1);
    assert_int_equal(spawner_count(f->spawner), 0);
    (void)unlink(path); /* of the test's own directory */
    (void)rmdir(fifo);
}

static void test_hung_stream(void **state)
{
    run_hung_stream(*state, false);
    run_hung_stream(*state, true);
}

/* The ends of other starts' status pipes must not stay open in a child that hangs. */
static void test_hung_stream_in_a_crowd(void **state)
{
    int crowd[CROWD];
    crowd_open(crowd);
    run_hung_stream(*state, false);
    run_hung_stream(*state, true);
    crowd_close(crowd);
}

/* A start that was under way before the one that hangs: its end is seen all the same. */
static void test_hung_copy_does_not_hide_others(void **state)
{
    struct fixture *f = *state, first, copy;
    int crowd[CROWD];
    char directory[] = "/tmp/spawn-test-XXXXXX", path[64];
    assert_non_null(mkdtemp(directory));
    (void)snprintf(path, sizeof path, "%s/fifo", directory);
    assert_int_equal(mkfifo(path, 0600), 0);
    crowd_open(crowd);
    first = copy = *f;
    first.request.unit = &first.unit, first.unit.exec = &first.settings.exec, first.request.command = &first.command;
    copy.request.unit = &copy.unit, copy.unit.exec = &copy.settings.exec, copy.request.command = &copy.command;
    copy.settings.exec.oom_score_adjust_set = true;
    copy.settings.exec.oom_score_adjust = 1000;
    copy.settings.exec.streams[1] = (struct exec_stream){ .kind = STD_FILE, .path = path };
    fixture_command(&first, WORDS("/bin/true"));
    fixture_command(&copy, WORDS("/bin/true"));
    assert_int_equal(fixture_start(&first, -1), 0); /* in the loop's eyes under way, whatever the child does */
    assert_int_equal(fixture_start(&copy, -1), 0);
    fixture_wait_done(&first);
    assert_false(copy.is_done);
    assert_int_equal(waitpid(first.pid, NULL, 0), first.pid);
    assert_int_equal(kill(copy.pid, SIGKILL), 0);
    fixture_wait_done(&copy);
    assert_int_equal(waitpid(copy.pid, NULL, 0), copy.pid);
    crowd_close(crowd);
    (void)unlink(path); /* of the test's own directory */
    (void)rmdir(directory);
}

/* ---- K72: a directory that does not answer ---- */

/* A fuse mount without a daemon: every look below it waits for ever. */
static int mount_hung(const char *where)
{
    int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
    if (fd < 0) return -errno;
    char options[128];
    (void)snprintf(options, sizeof options, "fd=%d,rootmode=40000,user_id=0,group_id=0", fd);
    if (mount("hung", where, "fuse", MS_NOSUID | MS_NODEV, options) < 0) return -errno;
    return fd;
}

static int run_hung_directory(const char *where)
{
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) return 77;
    int fuse = mount_hung(where);
    if (fuse < 0) return 77;
    char directory[128];
    (void)snprintf(directory, sizeof directory, "%s/deep", where);
    struct fixture hung, other;
    fixture_open(&hung);
    fixture_open(&other);
    hung.settings.exec.working_directory = directory;
    fixture_command(&hung, WORDS("/bin/true"));
    if (fixture_start(&hung, -1) < 0) return 1;
    for (int i = 0; i < 3; i++)
        if (fixture_run(&other, WORDS("/bin/echo", "on time")) < 0 || strcmp(other.output, "on time\n") != 0) return 2;
    if (hung.is_done || waitpid(hung.pid, NULL, WNOHANG) != 0) return 3;
    /* An environment file there: the copy of PID 1 waits for it, not PID 1. */
    struct environment_file file = { .path = directory };
    other.settings.exec.environment_files = (struct environment_file_list){ &file, 1, 1 };
    fixture_command(&other, WORDS("/bin/true"));
    if (fixture_start(&other, -1) < 0) return 4;
    /* In this order: the second waits in the kernel for the first, and not even KILL ends that. */
    if (kill(hung.pid, SIGKILL) < 0 || waitpid(hung.pid, &hung.status, 0) != hung.pid) return 5;
    if (kill(other.pid, SIGKILL) < 0 || waitpid(other.pid, NULL, 0) != other.pid) return 6;
    fixture_wait_done(&hung);
    (void)close(fuse); /* ends the mount */
    return 0;
}

static void test_hung_directory_k72(void **state)
{
    (void)state;
    char where[] = "/tmp/spawn-test-XXXXXX";
    assert_non_null(mkdtemp(where));
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) _exit(run_hung_directory(where));
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    (void)rmdir(where); /* of the test's own making */
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
        print_message("  skipped: no fuse mounts here\n");
        skip();
    }
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* ---- the handle ---- */

static void test_drain_before_the_loop(void **state)
{
    struct fixture *f = *state;
    struct exec_plan *plan = NULL;
    struct spawn_result result;
    fixture_command(f, WORDS("/nonexistent"));
    f->request.stdout_fd = f->request.stderr_fd = -1;
    assert_int_equal(exec_plan_new(&f->request, &plan, &f->failure), 0);
    assert_int_equal(spawn_start(f->spawner, plan, NULL, fixture_on_done, f, &result, &f->failure), 0);
    assert_int_equal(waitpid(result.pid, NULL, 0), result.pid);
    assert_false(f->is_done);
    spawn_drain(result.spawn);
    assert_true(f->is_done);
    assert_int_equal(f->failure.stage, EXEC_STAGE_EXEC);
    fd_close(&result.pidfd);
    assert_int_equal(spawner_count(f->spawner), 0);
}

static void test_forget(void **state)
{
    struct fixture *f = *state;
    struct exec_plan *plan = NULL;
    struct spawn_result result;
    fixture_command(f, WORDS("/bin/true"));
    assert_int_equal(exec_plan_new(&f->request, &plan, &f->failure), 0);
    assert_int_equal(spawn_start(f->spawner, plan, NULL, fixture_on_done, f, &result, &f->failure), 0);
    spawn_forget(result.spawn);
    fd_close(&result.pidfd);
    assert_int_equal(waitpid(result.pid, NULL, 0), result.pid);
    while (spawner_count(f->spawner) > 0) assert_int_equal(loop_wait(f->loop, true), 0);
    assert_false(f->is_done);
}

static size_t count_descriptors(void)
{
    size_t count = 0;
    for (int fd = 0; fd < 1024; fd++) count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

/* K89: many starts at once, and nothing of them remains. */
static void test_many_at_once(void **state)
{
    enum { MANY = 100 };
    static struct fixture starts[MANY];
    struct fixture *f = *state;
    size_t before = 0;
    for (int round = 0; round < 4; round++) {
        for (size_t i = 0; i < MANY; i++) {
            starts[i] = *f;
            starts[i].request.unit = &f->unit;
            fixture_command(&starts[i], WORDS("/bin/true"));
            starts[i].request.command = &starts[i].command;
            assert_int_equal(fixture_start(&starts[i], -1), 0);
        }
        for (size_t i = 0; i < MANY; i++) {
            fixture_wait_done(&starts[i]);
            assert_int_equal(starts[i].failure.stage, EXEC_STAGE_NONE);
            assert_int_equal(waitpid(starts[i].pid, &starts[i].status, 0), starts[i].pid);
            assert_int_equal(starts[i].status, 0);
        }
        assert_int_equal(spawner_count(f->spawner), 0);
        assert_true(slot_pool_bytes(spawner_slots(f->spawner)) <= (size_t)SLOT_SIZE * 16);
        if (round == 0) before = count_descriptors(); /* the pads are reserved once */
        assert_int_equal(count_descriptors(), before);
    }
}

/* Of pads that nobody needs every child would have a copy. */
static void test_few_descriptors_have_no_pads(void **state)
{
    struct fixture *f = *state;
    size_t before = count_descriptors();
    assert_int_equal(fixture_run(f, WORDS("/bin/true")), 0);
    assert_int_equal(count_descriptors(), before);
}

/* ---- a start nobody waits for ---- */

/* Says when it runs, by a pipe, and stays until its input ends. */
static void start_patient(struct fixture *f, struct fd *ret_reader)
{
    struct fd writer = FD_NONE;
    char byte;
    f->request.is_patient = true;
    fixture_command(f, WORDS("/bin/sh", "-c", "echo; exec sleep 1000"));
    assert_int_equal(fd_pipe(0, ret_reader, &writer), 0);
    assert_int_equal(fixture_start(f, writer.n), 0);
    fd_close(&writer);
    assert_int_equal(read(ret_reader->n, &byte, 1), 1);
}

static void end_patient(struct fixture *f, struct fd *reader)
{
    assert_int_equal(f->failure.stage, EXEC_STAGE_NONE);
    assert_int_equal(spawner_count(f->spawner), 0);
    assert_int_equal(kill(f->pid, SIGKILL), 0);
    assert_int_equal(waitpid(f->pid, NULL, 0), f->pid);
    fd_close(reader);
}

static void on_other(int fd, uint32_t events, void *userdata)
{
    bool *was_told = userdata;
    char byte;
    (void)events;
    assert_int_equal(read(fd, &byte, 1), 1);
    assert_true(*was_told);
}

/* It wakes nobody: it is told when its time has come, or before whatever else has come. */
static void test_patient_start(void **state)
{
    struct fixture *f = *state;
    AUTO_FD struct fd reader = FD_NONE, other = FD_NONE, other_writer = FD_NONE;
    loop_io io;
    start_patient(f, &reader);
    assert_int_equal(loop_wait(f->loop, false), 0); /* it runs, and that made nothing ready */
    while (!f->is_done) assert_int_equal(loop_wait(f->loop, true), 0);
    end_patient(f, &reader);

    assert_int_equal(fd_pipe(O_NONBLOCK, &other, &other_writer), 0);
    assert_int_equal(loop_io_add(f->loop, other.n, EPOLLIN, LOOP_EARLY, on_other, &f->is_done, &io), 0);
    start_patient(f, &reader);
    assert_int_equal(write(other_writer.n, "x", 1), 1);
    assert_int_equal(loop_wait(f->loop, true), 0);
    assert_true(f->is_done);
    assert_int_equal(loop_wait(f->loop, true), 0); /* the other comes behind it */
    end_patient(f, &reader);
    loop_io_remove(f->loop, &io);

    start_patient(f, &reader); /* nobody looks any more */
    assert_int_equal(kill(f->pid, SIGKILL), 0);
    assert_int_equal(waitpid(f->pid, NULL, 0), f->pid);
}

static void test_patient_failure(void **state)
{
    struct fixture *f = *state;
    f->request.is_patient = true;
    assert_int_equal(fixture_run(f, WORDS("/no/such/program")), 0);
    assert_int_equal(f->failure.stage, EXEC_STAGE_EXEC);
    assert_int_equal(f->failure.error, ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_ways_of_creation, open_fixture, close_fixture),
        cmocka_unit_test_setup_teardown(test_ways_of_creation_in_a_crowd, open_fixture, close_fixture),
        cmocka_unit_test_setup_teardown(test_ways_of_creation_in_an_expected_crowd, open_fixture, close_fixture),
        cmocka_unit_test_setup_teardown(test_patient_start, open_fixture, close_fixture),
        cmocka_unit_test_setup_teardown(test_patient_failure, open_fixture, close_fixture),
        cmocka_unit_test_setup_teardown(test_few_descriptors_have_no_pads, open_fixture, close_fixture),
        cmocka_unit_test_setup_teardown(test_oom_score_stays_with_the_child, open_fixture, close_fixture),
        cmocka_unit_test_setup_teardown(test_failing_child_leaves_errno_alone, open_fixture, close_fixture),
        cmocka_unit_test(test_refused_calls),
        cmocka_unit_test_setup_teardown(test_leaf, open_fixture, close_fixture),
        cmocka_unit_test(test_signals_k79),
        cmocka_unit_test_setup_teardown(test_own_session, open_fixture, close_fixture),
        cmocka_unit_test_setup_teardown(test_leaked_descriptors, open_fixture, close_fixture),
        cmocka_unit_test_setup_teardown(test_notification_descriptor, open_fixture, close_fixture),
        cmocka_unit_test_setup_teardown(test_dumpable_is_set_again, open_fixture, close_fixture),
        cmocka_unit_test_setup_teardown(test_hung_stream, open_fixture, close_fixture),
        cmocka_unit_test_setup_teardown(test_hung_stream_in_a_crowd, open_fixture, close_fixture),
        cmocka_unit_test_setup_teardown(test_hung_copy_does_not_hide_others, open_fixture, close_fixture),
        cmocka_unit_test(test_hung_directory_k72),
        cmocka_unit_test_setup_teardown(test_drain_before_the_loop, open_fixture, close_fixture),
        cmocka_unit_test_setup_teardown(test_forget, open_fixture, close_fixture),
        cmocka_unit_test_setup_teardown(test_many_at_once, open_fixture, close_fixture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
