/* supervisor/local_path: which paths PID 1 may touch itself, by openat2() and without it. */
#include "supervisor/local_path.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* mem is a tmpfs, far a file system of another kind, both mounted in a namespace of this test's own. */
struct fixture {
    char base[32];
    struct fd dir;
};

static void make_link(struct fixture *f, const char *target, const char *name)
{
    assert_int_equal(symlinkat(target, f->dir.n, name), 0);
}

static int setup(void **state)
{
    struct fixture *f;
    char target[64];
    f = calloc(1, sizeof *f);
    assert_non_null(f);
    (void)snprintf(f->base, sizeof f->base, "/var/tmp/local-path-XXXXXX");
    assert_non_null(mkdtemp(f->base));
    assert_int_equal(fd_openat(AT_FDCWD, f->base, O_RDONLY | O_DIRECTORY, 0, &f->dir), 0);
    static const char *const directories[] = { "dir", "dir/deep", "mem", "far" };
    for (size_t i = 0; i < COUNT_OF(directories); i++) assert_int_equal(mkdirat(f->dir.n, directories[i], 0755), 0);
    assert_int_equal(mknodat(f->dir.n, "file", S_IFREG | 0644, 0), 0);
    (void)snprintf(target, sizeof target, "%s/mem", f->base);
    assert_int_equal(mount("test", target, "tmpfs", 0, NULL), 0);
    (void)snprintf(target, sizeof target, "%s/far", f->base);
    assert_int_equal(mount("test", target, "mqueue", 0, NULL), 0);
    make_link(f, target, "absolute-far");
    (void)snprintf(target, sizeof target, "%s/dir", f->base);
    make_link(f, target, "absolute");
    make_link(f, "dir/../dir", "relative");
    make_link(f, "far/x", "relative-far");
    make_link(f, "loop", "loop");
    make_link(f, "../far", "mem/out");
    make_link(f, "nowhere", "mem/dangling");
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    char path[64];
    fd_close(&f->dir);
    (void)snprintf(path, sizeof path, "%s/mem", f->base);
    (void)umount2(path, MNT_DETACH);
    (void)snprintf(path, sizeof path, "%s/far", f->base);
    (void)umount2(path, MNT_DETACH);
    static const struct {
        const char *name;
        int flags;
    } entries[] = { { "absolute-far", 0 },        { "absolute", 0 },       { "relative", 0 },
                    { "relative-far", 0 },        { "loop", 0 },           { "file", 0 },
                    { "dir/deep", AT_REMOVEDIR }, { "dir", AT_REMOVEDIR }, { "mem", AT_REMOVEDIR },
                    { "far", AT_REMOVEDIR } };
    struct fd dir = FD_NONE;
    assert_int_equal(fd_openat(AT_FDCWD, f->base, O_RDONLY | O_DIRECTORY, 0, &dir), 0);
    for (size_t i = 0; i < COUNT_OF(entries); i++) (void)unlinkat(dir.n, entries[i].name, entries[i].flags);
    fd_close(&dir);
    (void)rmdir(f->base);
    free(f);
    return 0;
}

static void test_is_local(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *label, *path;
        bool local;
    } cases[] = {
        { "a directory of the root file system", "", true },
        { "a file", "/file", true },
        { "what does not exist", "/dir/no/such", true },
        { "below a file", "/file/x", true },
        { "a long name", "/dir/deep/../deep/./x", true },
        { "links within, relative", "/relative/deep/x", true },
        { "links within, absolute", "/absolute/deep/x", true },
        { "a link to itself, which nobody follows", "/loop/x", true },
        { "a tmpfs", "/mem", true },
        { "in a tmpfs", "/mem/no/such", true },
        { "a dangling link in a tmpfs", "/mem/dangling/x", true },
        { "another file system", "/far", false },
        { "in it", "/far/x", false },
        { "through it", "/far/../dir", false },
        { "an absolute link to it", "/absolute-far", false },
        { "a relative link to it", "/relative-far", false },
        { "a link from a tmpfs to it", "/mem/out/x", false },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char path[128];
        print_message("  %s\n", cases[i].label);
        (void)snprintf(path, sizeof path, "%s%s", f->base, cases[i].path);
        assert_int_equal(local_path_is(path), cases[i].local);
    }
    print_message("  a relative path\n");
    assert_false(local_path_is("dir"));
}

static void test_open_directory(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *label, *name;
        int r;
    } cases[] = {
        { "a directory", "dir", 0 },    { "a mount", "far", -EXDEV },       { "a tmpfs's mount", "mem", -EXDEV },
        { "a file", "file", -ENOTDIR }, { "a link", "absolute", -ENOTDIR }, { "nothing", "no-such", -ENOENT },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct fd fd = FD_NONE;
        print_message("  %s\n", cases[i].label);
        assert_int_equal(local_path_open_directory(f->dir.n, cases[i].name, &fd), cases[i].r);
        assert_int_equal(fd_is_open(&fd), cases[i].r == 0);
        fd_close(&fd);
    }
}

/* From here on openat2() is refused, as before Linux 5.6. */
static void refuse_openat2(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = { COUNT_OF(code), code };
    assert_int_equal(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    assert_int_equal(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
}

static int setup_without_openat2(void **state)
{
    int r = setup(state);
    refuse_openat2();
    return r;
}

static bool is_on_root(const char *path)
{
    return local_path_is(path); /* /var/tmp may be a mount of its own: then there is nothing to test with */
}

int main(void)
{
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 || !is_on_root("/var/tmp")) {
        (void)printf("skipped: needs root, and /var/tmp on the root file system\n");
        return 77;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_is_local),
        cmocka_unit_test(test_open_directory),
    };
    int failed = cmocka_run_group_tests_name("openat2", tests, setup, teardown);
    return failed + cmocka_run_group_tests_name("by hand", tests, setup_without_openat2, teardown);
}
