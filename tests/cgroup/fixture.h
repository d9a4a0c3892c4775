/* tests/cgroup/fixture.h - a cgroup2 mount of our own and one uniquely named cgroup in it, which the test process
 * enters. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"
#include "cgroup/internal.h"
#include "cgroup/leaf.h"
#include "cgroup/root.h"

#define CG_SCOPE "init.scope"
static char fixture_mount[] = "/tmp/ci-cgroup-XXXXXX";
static char fixture_own[128], fixture_before[4096 + 64];

static inline int fixture_enter(const char *directory)
{
    char path[8192];
    (void)snprintf(path, sizeof path, "%s/cgroup.procs", directory);
    return file_write_small(AT_FDCWD, path, "0");
}

/* 0, or why not. */
static inline const char *fixture_open(void)
{
    char text[4096];
    if (unshare(CLONE_NEWNS) < 0) return "unshare(CLONE_NEWNS) is refused";
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) return "mounts cannot be made private";
    if (!mkdtemp(fixture_mount)) return "no temporary directory";
    if (mount("cgroup2", fixture_mount, "cgroup2", 0, NULL) < 0) return "cgroup2 cannot be mounted";
    if (file_read_small(AT_FDCWD, "/proc/self/cgroup", text, sizeof text) < 0) return "no /proc/self/cgroup";
    char *own = strstr(text, "0::");
    if (!own) return "no unified hierarchy";
    own[strcspn(own, "\n")] = '\0';
    (void)snprintf(fixture_before, sizeof fixture_before, "%s%s", fixture_mount, own + 3);
    (void)snprintf(fixture_own, sizeof fixture_own, "%s/ci-test-%d", fixture_mount, (int)getpid());
    if (mkdir(fixture_own, 0755) < 0) return "no cgroup can be made";
    if (fixture_enter(fixture_own) < 0) {
        (void)rmdir(fixture_own);
        return "a process cannot be moved";
    }
    return NULL;
}

/* A controller below our own cgroup is offered only if the parent passes it on: as the test is root of the tree, it
 * does, and takes back afterwards what was not there before. */
static inline unsigned pass_on_controllers(const char *sign)
{
    static char added[256];
    char path[256], text[256], before[256] = "", word[64];
    size_t used = 0;
    unsigned n = 0;
    (void)snprintf(path, sizeof path, "%s/cgroup.controllers", fixture_mount);
    if (file_read_small(AT_FDCWD, path, text, sizeof text) <= 0) return 0;
    (void)snprintf(path, sizeof path, "%s/cgroup.subtree_control", fixture_mount);
    if (file_read_small(AT_FDCWD, path, before, sizeof before) < 0) return 0;
    const char *next = *sign == '+' ? text : added;
    for (size_t length; next += strspn(next, " \n"), (length = strcspn(next, " \n")) > 0; next += length) {
        (void)snprintf(word, sizeof word, "%s%.*s", sign, (int)length, next);
        if (*sign == '+' && strstr(before, word + 1)) continue;
        if (file_write_small(AT_FDCWD, path, word) < 0) continue;
        n++;
        if (*sign == '+' && used + length + 2 < sizeof added)
            used += (size_t)snprintf(added + used, sizeof added - used, "%s ", word + 1);
    }
    return n;
}

/* Also after a failed test, which leaves processes and cgroups behind. */
static inline void fixture_close(void)
{
    AUTO_FD struct fd mount_point = FD_NONE;
    char path[256];
    (void)pass_on_controllers("-");
    (void)!fixture_enter(fixture_before);
    (void)snprintf(path, sizeof path, "%s/cgroup.kill", fixture_own);
    (void)!file_write_small(AT_FDCWD, path, "1");
    while (waitpid(-1, NULL, 0) > 0) continue;
    int r = fd_openat(AT_FDCWD, fixture_mount, O_RDONLY | O_DIRECTORY, 0, &mount_point);
    if (r == 0) r = cg_remove_tree(mount_point.n, fixture_own + strlen(fixture_mount) + 1);
    if (r < 0) print_error("left behind: %s: %s\n", fixture_own, strerror(-r));
    fd_close(&mount_point);
    (void)umount2(fixture_mount, MNT_DETACH);
    (void)rmdir(fixture_mount);
}

/* Runs the group in the fixture; 77 where the machine refuses it. */
#define FIXTURE_MAIN(tests, setup, teardown)                                                                           \
    __extension__({                                                                                                    \
        const char *why = fixture_open();                                                                              \
        int failed = 77;                                                                                               \
        if (why)                                                                                                       \
            print_message("skipped: %s\n", why);                                                                       \
        else                                                                                                           \
            failed = cmocka_run_group_tests(tests, setup, teardown);                                                   \
        if (!why) fixture_close();                                                                                     \
        failed;                                                                                                        \
    })

static inline struct cg_root *fixture_root(unsigned controllers)
{
    struct cg_root *root = NULL;
    char *reason = NULL;
    struct cg_root_options options = { .controllers = controllers };
    int r = cg_root_open(&options, &root, &reason);
    if (r < 0) print_error("cg_root_open: %s\n", reason ? reason : strerror(-r));
    assert_int_equal(r, 0);
    return root;
}

/* A process that waits for a signal, and dies with us. `ignore` is a signal it ignores, or 0. */
static inline pid_t fixture_sleeper(int ignore)
{
    pid_t parent = getpid(), pid = fork();
    assert_true(pid >= 0);
    if (pid > 0) return pid;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1);
    if (ignore) (void)signal(ignore, SIG_IGN);
    for (;;) (void)pause();
}

static inline int fixture_reap(pid_t pid)
{
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

/* The processes of a cgroup as " 12 13 ", to look for " 12 " in. */
static inline const char *fixture_procs(const char *directory, const char *name)
{
    static char text[4096];
    char path[8192], raw[4000];
    (void)snprintf(path, sizeof path, "%s/%s/cgroup.procs", directory, name);
    int n = file_read_small(AT_FDCWD, path, raw, sizeof raw);
    if (n < 0) return strerror(-n);
    for (char *c = raw; *c; c++)
        if (*c == '\n') *c = ' ';
    (void)snprintf(text, sizeof text, " %s", raw);
    return text;
}

static inline bool fixture_holds(const char *directory, const char *name, pid_t pid)
{
    char word[32];
    (void)snprintf(word, sizeof word, " %d ", (int)pid);
    return strstr(fixture_procs(directory, name), word) != NULL;
}
