#include "tests/supervisor/spawn_fixture.h"

#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/sysmacros.h>
#include <termios.h>

#include "supervisor/child.h"
#include "supervisor/child_directory.h"
#include "supervisor/child_terminal.h"
#include "supervisor/exec_directories.h"
#include "supervisor/plan.h"

/* ---- placing descriptors: child_run() in a copy of the test, with descriptors where a row wants them ---- */

#define N_TARGETS 6

static char scratch[] = "/tmp/child-test-XXXXXX";

static void scratch_path(char *buffer, size_t size, const char *name)
{
    (void)snprintf(buffer, size, "%s/%s", scratch, name);
}

static int make_scratch(void **state)
{
    (void)state;
    (void)snprintf(scratch, sizeof scratch, "/tmp/child-test-XXXXXX");
    return mkdtemp(scratch) ? 0 : -1;
}

static int remove_scratch(void **state)
{
    (void)state;
    char command[64];
    (void)snprintf(command, sizeof command, "rm -rf %s", scratch);
    return system(command); /* NOLINT(cert-env33-c): a test's own directory */
}

struct placing {
    const char *label;
    int sources[N_TARGETS]; /* number that file i is open at when the child begins */
    int status;             /* number of the status pipe */
    bool cloexec;           /* all of them */
};
static const struct placing placings[] = {
    { "each at its place", { 0, 1, 2, 3, 4, 5 }, 20, false },
    { "each at its place, close-on-exec", { 0, 1, 2, 3, 4, 5 }, 20, true },
    { "far above", { 30, 31, 32, 33, 34, 35 }, 20, true },
    { "a ring", { 1, 2, 3, 4, 5, 0 }, 20, true },
    { "a ring the other way", { 5, 0, 1, 2, 3, 4 }, 20, true },
    { "listeners swapped", { 30, 31, 32, 4, 3, 5 }, 20, true },
    { "one that stays among moved ones", { 30, 1, 32, 5, 4, 3 }, 20, true },
    { "the status pipe where a listener goes", { 30, 31, 32, 33, 34, 35 }, 3, true },
    { "the status pipe where standard output goes", { 30, 31, 32, 33, 34, 35 }, 1, true },
};

static void become(const struct placing *row, int status_fd)
{
    int high[N_TARGETS], high_status = fcntl(status_fd, F_DUPFD_CLOEXEC, 100);
    for (int i = 0; i < N_TARGETS; i++) {
        char path[64], name[DECIMAL_MAX(int)];
        (void)snprintf(name, sizeof name, "%d", i);
        scratch_path(path, sizeof path, name);
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_TRUNC, 0600);
        high[i] = fcntl(fd, F_DUPFD_CLOEXEC, 200);
        (void)close(fd); /* the duplicate is used */
    }
    for (int fd = 0; fd < 40; fd++) (void)close(fd); /* a clean field */
    for (int i = 0; i < N_TARGETS; i++) (void)dup3(high[i], row->sources[i], row->cloexec ? O_CLOEXEC : 0);
    (void)dup3(high_status, row->status, O_CLOEXEC);
    int fds[N_TARGETS];
    memcpy(fds, row->sources, sizeof fds);
    static const char *const programs[] = { "/bin/sh", NULL };
    static char *argv[] = { "sh", "-c", "for i in 0 1 2 3 4 5 6 7 20 30 35; do readlink /proc/$$/fd/$i; done; true",
                            NULL };
    char pid[DECIMAL_MAX(int) + 11] = "LISTEN_PID=", *envp[] = { pid, NULL };
    struct child_plan plan = {
        .status_fd = row->status,
        .leaf_procs_fd = -1,
        .fds = fds,
        .n_fds = N_TARGETS,
        .streams = { { .same_as = -1 }, { .same_as = -1 }, { .same_as = -1 } },
        .umask = 022,
        .directory = "/",
        .programs = programs,
        .argv = argv,
        .envp = envp,
        .listen_pid = pid + strlen("LISTEN_PID="),
        .exit_codes = exec_stage_exit_codes,
    };
    child_run(&plan);
}

static void test_placing(void **state)
{
    (void)state;
    for (size_t row = 0; row < COUNT_OF(placings); row++) {
        print_message("  %s\n", placings[row].label);
        AUTO_FD struct fd reader = FD_NONE, writer = FD_NONE;
        assert_int_equal(fd_pipe(0, &reader, &writer), 0);
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) become(&placings[row], writer.n);
        fd_close(&writer);
        struct child_report report;
        assert_int_equal(read(reader.n, &report, sizeof report), 0); /* nothing failed, and exec closed it */
        int status;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
        char path[64], *text, want[1024] = "";
        size_t size;
        scratch_path(path, sizeof path, "1");
        assert_int_equal(file_read(AT_FDCWD, path, 65536, &text, &size), 0);
        for (int i = 0; i < N_TARGETS; i++) {
            size_t length = strlen(want);
            (void)snprintf(want + length, sizeof want - length, "%s/%d\n", scratch, i);
        }
        assert_string_equal(text, want);
        free(text);
    }
}

/* The child says so when it cannot enter its leaf, and goes on outside it. */
static void test_leaf_that_refuses(void **state)
{
    (void)state;
    AUTO_FD struct fd reader = FD_NONE, writer = FD_NONE;
    assert_int_equal(fd_pipe(0, &reader, &writer), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        int fds[] = { 0, 1, 2 };
        static const char *const programs[] = { "/bin/true", NULL };
        static char *argv[] = { "true", NULL }, *envp[] = { NULL };
        struct child_plan plan = {
            .status_fd = writer.n,
            .leaf_procs_fd = open("/dev/full", O_WRONLY | O_CLOEXEC),
            .fds = fds,
            .n_fds = 3,
            .streams = { { .same_as = -1 }, { .same_as = -1 }, { .same_as = -1 } },
            .directory = "/",
            .programs = programs,
            .argv = argv,
            .envp = envp,
            .exit_codes = exec_stage_exit_codes,
        };
        child_run(&plan);
    }
    fd_close(&writer);
    struct child_report report;
    assert_int_equal(read(reader.n, &report, sizeof report), sizeof report);
    assert_int_equal(report.is_note, 1);
    assert_int_equal(report.stage, EXEC_STAGE_CGROUP);
    assert_int_equal(report.error, ENOSPC);
    assert_int_equal(read(reader.n, &report, sizeof report), 0);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

/* ---- directories ---- */

static int make(const char *path, unsigned mode, int uid)
{
    static char memory[CHILD_SCRATCH_SIZE] __attribute__((aligned(16)));
    struct child_directory directory = {
        .below = scratch,
        .path = path,
        .mode = mode,
        .uid = uid < 0 ? 0 : (unsigned)uid,
        .gid = uid < 0 ? 0 : (unsigned)uid,
        .set_owner = uid >= 0,
    };
    return child_make_directory(&directory, memory);
}

static struct stat stat_of(const char *name)
{
    char path[256];
    struct stat st;
    scratch_path(path, sizeof path, name);
    assert_int_equal(lstat(path, &st), 0);
    return st;
}

static void test_directories(void **state)
{
    (void)state;
    bool root = geteuid() == 0;
    mode_t old = umask(0);
    assert_int_equal(make("app", 0750, root ? 4711 : -1), 0);
    assert_int_equal(stat_of("app").st_mode & 07777, 0750);
    assert_int_equal(stat_of("app").st_uid, root ? 4711 : geteuid());
    assert_int_equal(make("deep/er/est", 0700, root ? 4711 : -1), 0);
    assert_int_equal(stat_of("deep").st_mode & 07777, 0755);
    assert_int_equal(stat_of("deep/er").st_mode & 07777, 0755);
    assert_int_equal(stat_of("deep").st_uid, geteuid());
    assert_int_equal(stat_of("deep/er/est").st_mode & 07777, 0700);
    assert_int_equal(make("app", 01777, -1), 0); /* again, with another mode */
    assert_int_equal(stat_of("app").st_mode & 07777, 01777);
    (void)umask(old);
}

/* systemd.exec(5): a directory of another owner is handed over with what is in it; links are not followed. */
static void test_directory_changes_owner(void **state)
{
    (void)state;
    if (geteuid() != 0) skip();
    char path[256];
    assert_int_equal(make("data/one/two/three", 0755, -1), 0);
    for (int i = 0; i < 200; i++) { /* more than one buffer of entries, around the directories */
        char name[64];
        (void)snprintf(name, sizeof name, "data/%s/a-file-with-a-long-name-%03d", i % 2 ? "one" : "one/two", i);
        scratch_path(path, sizeof path, name);
        AUTO_FD struct fd fd = FD_NONE;
        assert_int_equal(fd_openat(AT_FDCWD, path, O_WRONLY | O_CREAT, 0600, &fd), 0);
    }
    scratch_path(path, sizeof path, "data/link");
    assert_int_equal(symlink("/etc/passwd", path), 0);
    assert_int_equal(make("data", 0755, 4711), 0);
    assert_int_equal(stat_of("data").st_uid, 4711);
    assert_int_equal(stat_of("data/link").st_uid, 4711);
    assert_int_equal(stat_of("data/one/two/three").st_gid, 4711);
    for (int i = 0; i < 200; i++) {
        char name[64];
        (void)snprintf(name, sizeof name, "data/%s/a-file-with-a-long-name-%03d", i % 2 ? "one" : "one/two", i);
        assert_int_equal(stat_of(name).st_uid, 4711);
    }
    struct stat passwd;
    assert_int_equal(stat("/etc/passwd", &passwd), 0);
    assert_int_equal(passwd.st_uid, 0);
}

static void test_directory_links(void **state)
{
    (void)state;
    char path[256], target[256];
    assert_int_equal(make("real", 0755, -1), 0);
    scratch_path(target, sizeof target, "real");
    scratch_path(path, sizeof path, "link");
    assert_int_equal(symlink(target, path), 0);
    assert_int_equal(make("link/below", 0755, -1), 0); /* ours, and nobody else may change it */
    assert_true(S_ISDIR(stat_of("real/below").st_mode));
    assert_int_equal(make("link", 0700, -1), -ELOOP); /* never as the last */
    assert_int_equal(stat_of("real").st_mode & 07777, 0755);
    scratch_path(path, sizeof path, "real");
    assert_int_equal(chmod(path, 0777), 0);
    scratch_path(path, sizeof path, "real/planted");
    assert_int_equal(symlink("/etc", path), 0);
    assert_int_equal(make("real/planted/x", 0700, -1), -ELOOP); /* anybody could have put it there */
    scratch_path(path, sizeof path, "file");
    AUTO_FD struct fd fd = FD_NONE;
    assert_int_equal(fd_openat(AT_FDCWD, path, O_WRONLY | O_CREAT, 0600, &fd), 0);
    assert_int_equal(make("file", 0700, -1), -ENOTDIR);
}

static void touch(const char *name)
{
    char path[256];
    AUTO_FD struct fd fd = FD_NONE;
    scratch_path(path, sizeof path, name);
    assert_int_equal(fd_openat(AT_FDCWD, path, O_WRONLY | O_CREAT, 0600, &fd), 0);
}

static bool is_there(const char *name)
{
    char path[256];
    struct stat st;
    scratch_path(path, sizeof path, name);
    return lstat(path, &st) == 0;
}

static void test_directories_are_removed(void **state)
{
    static const struct {
        const char *label;
        enum directory_preserve preserve;
        bool will_restart, stays;
    } rows[] = {
        { "no", PRESERVE_NO, false, false },           { "no, before a restart", PRESERVE_NO, true, false },
        { "restart", PRESERVE_RESTART, false, false }, { "restart, before a restart", PRESERVE_RESTART, true, true },
        { "yes", PRESERVE_YES, false, true },
    };
    (void)state;
    char path[256];
    assert_int_equal(make("outside", 0755, -1), 0);
    touch("outside/kept");
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        print_message("  %s\n", rows[i].label);
        assert_int_equal(make("app/x/y/z", 0755, -1), 0);
        assert_int_equal(make("pair/inner", 0755, -1), 0);
        touch("app/x/y/file");
        touch("pair/inner/file");
        touch("pair/outer");
        char target[256];
        scratch_path(target, sizeof target, "outside");
        scratch_path(path, sizeof path, "app/x/link");
        assert_true(symlink(target, path) == 0 || errno == EEXIST); /* rows before this one may have kept it */
        struct unit_settings settings = unit_settings_default;
        settings.exec.directories[EXEC_DIRECTORY_RUNTIME].paths = LIST("app", "missing", "pair/inner");
        settings.exec.runtime_directory_preserve = rows[i].preserve;
        struct unit unit = { .name = "x.service", .exec = &settings.exec };
        assert_int_equal(exec_directories_remove_below(scratch, &unit, rows[i].will_restart, NULL), 0);
        assert_int_equal(is_there("app"), rows[i].stays);
        assert_int_equal(is_there("pair/inner"), rows[i].stays);
        assert_true(is_there("pair/outer")); /* the parent is not the unit's */
        assert_true(is_there("outside/kept"));
    }
    /* A link in its place is not followed. */
    scratch_path(path, sizeof path, "evil");
    assert_int_equal(symlink("outside", path), 0);
    struct unit_settings settings = unit_settings_default;
    settings.exec.directories[EXEC_DIRECTORY_RUNTIME].paths = LIST("evil");
    struct unit unit = { .name = "x.service", .exec = &settings.exec };
    const char *failed = NULL;
    assert_int_equal(exec_directories_remove_below(scratch, &unit, false, &failed), -ENOTDIR);
    assert_string_equal(failed, "evil");
    assert_true(is_there("outside/kept"));
}

/* The stack of a child is one page: this is what is left of it after the longest way through child.c. */
static void test_stack_is_deep_enough(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    char *slot = slot_take(spawner_slots(f.spawner));
    assert_non_null(slot);
    memset(slot, 0x5a, SLOT_SIZE);
    slot_give(spawner_slots(f.spawner), slot);
    f.settings.exec.directories[EXEC_DIRECTORY_RUNTIME].paths = LIST("container-init-test/a/b/c");
    f.settings.exec.user = geteuid() == 0 ? "65534" : NULL;
    f.request.make_directories = geteuid() == 0;
    spawner_set_limits(f.spawner, (struct spawner_limits){ .no_close_range = true });
    assert_int_equal(fixture_run(&f, WORDS("/bin/true")), 0);
    assert_int_equal(f.failure.stage, EXEC_STAGE_NONE);
    size_t untouched = 0;
    while (untouched < SLOT_STACK_SIZE && slot[SLOT_PLAN_SIZE + untouched] == 0x5a) untouched++;
    print_message("  %zu of %d bytes were not touched\n", untouched, SLOT_STACK_SIZE);
    assert_true(untouched > SLOT_STACK_SIZE / 4);
    assert_true(untouched < SLOT_STACK_SIZE); /* it is the stack that was looked at */
    if (geteuid() == 0) assert_int_equal(exec_directories_remove(&f.unit, false, NULL), 0);
    for (const char *const *path = WORDS("container-init-test/a/b", "container-init-test/a", "container-init-test");
         *path; path++) {
        char full[64];
        (void)snprintf(full, sizeof full, "/run/%s", *path);
        (void)rmdir(full); /* parents that only this test made */
    }
    fixture_close(&f);
}

/* ---- terminals ---- */

/* Opens one; *ret_master is the other side. */
static int make_terminal(int *ret_master, char *path, size_t size)
{
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
    (void)snprintf(path, size, "%s", ptsname(master));
    int fd = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(fd >= 0);
    *ret_master = master;
    return fd;
}

static bool is_hung_up(int fd)
{
    struct pollfd p = { .fd = fd, .events = POLLIN };
    return poll(&p, 1, 0) == 1 && (p.revents & POLLHUP);
}

/* Size and modes; who has it open is hung up, unless it is a stream of PID 1. */
static void test_terminal(void **state)
{
    (void)state;
    char path[64];
    int master, fd = make_terminal(&master, path, sizeof path);
    struct termios modes;
    struct winsize size;
    struct stat st;
    assert_int_equal(tcgetattr(fd, &modes), 0);
    modes.c_lflag &= ~(tcflag_t)ECHO;
    modes.c_iflag |= INLCR;
    modes.c_cc[VINTR] = 'q';
    assert_int_equal(tcsetattr(fd, TCSANOW, &modes), 0);
    struct child_terminal t = { .path = path, .rows = 12, .columns = UINT32_MAX };
    assert_int_equal(child_terminal_prepare(&t), 0);
    assert_int_equal(ioctl(fd, TIOCGWINSZ, &size), 0);
    assert_int_equal(size.ws_row, 12);
    assert_int_equal(size.ws_col, 0);
    assert_int_equal(tcgetattr(fd, &modes), 0);
    assert_int_equal(modes.c_cc[VINTR], 'q'); /* as it was */
    t.reset = true;
    t.columns = 100;
    assert_int_equal(child_terminal_prepare(&t), 0);
    assert_int_equal(tcgetattr(fd, &modes), 0);
    assert_int_equal(ioctl(fd, TIOCGWINSZ, &size), 0);
    assert_int_equal(size.ws_col, 100);
    assert_true(modes.c_lflag & ECHO);
    assert_false(modes.c_iflag & INLCR);
    assert_int_equal(modes.c_cc[VINTR], 3);
    if (geteuid() == 0) {
        t.hang_up = true;
        assert_int_equal(fstat(fd, &st), 0);
        t.own[1] = (uint64_t)major(st.st_rdev) << 32 | minor(st.st_rdev);
        assert_int_equal(child_terminal_prepare(&t), 0);
        assert_false(is_hung_up(fd));
        t.own[1] = 0;
        assert_int_equal(child_terminal_prepare(&t), 0);
        assert_true(is_hung_up(fd));
    }
    t.path = "/nowhere/terminal";
    assert_int_equal(child_terminal_prepare(&t), -ENOENT);
    close(fd);
    close(master);
}

/* What is no terminal is no failure; one that another session controls is, unless it is taken. */
static void test_take_terminal(void **state)
{
    (void)state;
    char path[64];
    int master, fd = make_terminal(&master, path, sizeof path), ends[2];
    struct child_terminal t = { .path = path, .mode = TERMINAL_FAIL };
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    pid_t owner = fork();
    if (owner == 0) {
        (void)setsid();
        int r = child_terminal_take(&t, fd);
        (void)!write(ends[1], &r, sizeof r);
        (void)pause();
        _exit(0);
    }
    int r = -1;
    assert_int_equal(read(ends[0], &r, sizeof r), sizeof r);
    assert_int_equal(r, 0);
    static const uint8_t modes[] = { TERMINAL_FAIL, TERMINAL_FORCE };
    for (size_t i = 0; i < COUNT_OF(modes); i++) {
        pid_t pid = fork();
        if (pid == 0) {
            (void)setsid();
            t.mode = modes[i];
            _exit(-child_terminal_take(&t, fd));
        }
        int status;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, (i == 0 || geteuid() != 0 ? EPERM : 0) << 8);
    }
    assert_int_equal(child_terminal_take(&t, ends[0]), 0);
    (void)kill(owner, SIGKILL); /* it may have been hung up */
    (void)waitpid(owner, NULL, 0);
    close(ends[0]), close(ends[1]);
    close(fd), close(master);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_terminal),
        cmocka_unit_test(test_take_terminal),
        cmocka_unit_test_setup_teardown(test_placing, make_scratch, remove_scratch),
        cmocka_unit_test(test_leaf_that_refuses),
        cmocka_unit_test_setup_teardown(test_directories, make_scratch, remove_scratch),
        cmocka_unit_test_setup_teardown(test_directory_changes_owner, make_scratch, remove_scratch),
        cmocka_unit_test_setup_teardown(test_directory_links, make_scratch, remove_scratch),
        cmocka_unit_test_setup_teardown(test_directories_are_removed, make_scratch, remove_scratch),
        cmocka_unit_test(test_stack_is_deep_enough),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
