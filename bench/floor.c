/* bench/floor.c - the least work: what a program that supervises nothing needs for the same processes.
 *
 *   floor stamp FILE PROGRAM...  writes the time to FILE, then execs: where a run begins
 *   floor boot N TICK FIFO       starts N services, then waits for SIGTERM, kills each and waits for each
 *   floor boot-leaves ...        the same, and removes the leaves at the end
 *   floor restart N TICK FIFO    starts one service N times, each after the end of the one before
 *   floor chain N TICK FIFO      the same with a leaf for each, which is removed with its end
 *   floor read DIRECTORY         reads each file in it
 *   floor reap PROGRAM...        runs PROGRAM and waits for whatever ends until PROGRAM does
 *
 * Kernel work for each service as in the supervisor: a leaf in /sys/fs/cgroup, two log pipes, a status pipe whose end
 * proves the exec, a session of its own, clone3 with shared memory into the leaf without waiting for the exec. The
 * child also shares the descriptor table for its first system call, which copies of it only the low numbers: with the
 * pipes of 1000 services open, copying all and closing them again at exec is a third of the whole. No unit files, no
 * states, no log, no checks that cannot fail here. */
#include "supervisor/clone.h"
#include "supervisor/sys.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PADS     24 /* low numbers for the children's ends of the pipes, three each */
#define PAD_BASE 8
#define PAD_END  (PAD_BASE + PADS * 3)
#ifndef CLOSE_RANGE_UNSHARE
#define CLOSE_RANGE_UNSHARE (1U << 1)
#endif
#define STACK_SIZE 8192 /* the child makes four system calls; with a signal frame there is room left */

struct service {
    pid_t pid;
    int out, err, status, leaf;
    bool shares_table;
    int pad;                    /* first of three numbers */
    _Atomic bool has_own_table; /* the child is done with the pad */
    char *const *argv;
    char name[DECIMAL_MAX(size_t)];
};

static _Noreturn void die(const char *what)
{
    perror(what);
    exit(125);
}

static void child(void *userdata)
{
    static char *const environment[] = { NULL };
    struct service *s = userdata;
    uint64_t no_signals = 0;
    if (s->shares_table) (void)sys_close_range(PAD_END, ~0U, CLOSE_RANGE_UNSHARE);
    s->has_own_table = true;
    (void)sys_sigmask(SIG_SETMASK, &no_signals, NULL);
    (void)sys_setsid();
    (void)sys_dup3(s->pad, 1, 0);
    (void)sys_dup3(s->pad + 1, 2, 0);
    (void)sys_execve(s->argv[0], s->argv, environment);
    sys_exit(203);
}

static void make_leaf(int root, struct service *s, size_t index)
{
    (void)snprintf(s->name, sizeof s->name, "%zu", index);
    if (mkdirat(root, s->name, 0755) < 0 && errno != EEXIST) die("mkdir of a leaf");
    s->leaf = openat(root, s->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (s->leaf < 0) die("open of a leaf");
}

/* One end stays with us, the child's goes to its pad. */
static int make_pipe(int pad)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0 || dup3(ends[1], pad, O_CLOEXEC) < 0 || close(ends[1]) < 0) die("pipe");
    return ends[0];
}

static void start(struct service *s, char *stack)
{
    static struct service *owners[PADS];
    int pidfd = -1, pad = 0;
    while (owners[pad] && !owners[pad]->has_own_table) pad = (pad + 1) % PADS;
    owners[pad] = s;
    s->has_own_table = false;
    s->pad = PAD_BASE + pad * 3;
    s->out = make_pipe(s->pad);
    s->err = make_pipe(s->pad + 1);
    s->status = make_pipe(s->pad + 2);
    struct clone_args args = { .flags = CLONE_VM | CLONE_PIDFD | CLONE_INTO_CGROUP | CLONE_CLEAR_SIGHAND,
                               .pidfd = (uint64_t)(uintptr_t)&pidfd,
                               .exit_signal = SIGCHLD,
                               .stack = (uint64_t)(uintptr_t)stack,
                               .stack_size = STACK_SIZE,
                               .cgroup = (unsigned)s->leaf };
    if (s->shares_table) args.flags |= CLONE_FILES;
    long pid = clone_enter(SYS_clone3, (long)&args, sizeof args, 0, child, s);
    if (pid < 0) {
        errno = (int)-pid;
        die("clone3");
    }
    s->pid = (pid_t)pid;
    if (!s->shares_table) s->has_own_table = true;
}

static void take_pads(int root)
{
    for (int i = PAD_BASE; i < PAD_END; i++)
        if (dup3(root, i, O_CLOEXEC) < 0) die("dup3");
}

/* The children's ends of the pipes are theirs alone. */
static void close_pads(const struct service *services, size_t count)
{
    for (size_t i = 0; i < count; i++)
        while (!services[i].has_own_table) (void)sched_yield();
    for (int i = PAD_BASE; i < PAD_END; i++) (void)close(i);
}

/* The end of the status pipe: the program runs, and its stack is free again. */
static void wait_for_exec(struct service *s)
{
    char byte;
    if (read(s->status, &byte, 1) != 0) die("exec");
    (void)close(s->status);
}

static int open_root(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) < 0) die("getrlimit");
    files.rlim_cur = files.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &files);
    if (mkdir("/sys/fs/cgroup/floor", 0755) < 0 && errno != EEXIST) die("/sys/fs/cgroup/floor");
    int root = open("/sys/fs/cgroup/floor", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root < 0) die("/sys/fs/cgroup/floor");
    return root;
}

static char *make_stacks(size_t count)
{
    char *stacks = mmap(NULL, count * STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (stacks == MAP_FAILED) die("stacks");
    return stacks;
}

static int boot(size_t count, char *const *argv, bool remove_leaves)
{
    sigset_t term;
    int got;
    (void)sigemptyset(&term);
    (void)sigaddset(&term, SIGTERM);
    (void)sigprocmask(SIG_BLOCK, &term, NULL);
    int root = open_root();
    char *stacks = make_stacks(count);
    struct service *services = calloc(count, sizeof *services);
    if (!services) die("services");
    take_pads(root);
    for (size_t i = 0; i < count; i++) {
        services[i].argv = argv;
        services[i].shares_table = i > 64; /* a small table is copied faster than it is shared */
        make_leaf(root, &services[i], i);
        start(&services[i], stacks + i * STACK_SIZE);
        (void)close(services[i].leaf);
    }
    close_pads(services, count);
    for (size_t i = 0; i < count; i++) wait_for_exec(&services[i]);
    (void)sigwait(&term, &got);
    for (size_t i = 0; i < count; i++) (void)kill(services[i].pid, SIGTERM);
    for (size_t left = count; left > 0; left--)
        if (waitpid(-1, NULL, 0) < 0) die("waitpid");
    for (size_t i = 0; remove_leaves && i < count; i++)
        if (unlinkat(root, services[i].name, AT_REMOVEDIR) < 0) die("rmdir of a leaf");
    return 0;
}

static int restart(size_t count, char *const *argv, bool own_leaves)
{
    int root = open_root();
    char *stack = make_stacks(1);
    struct service s = { .argv = argv };
    if (!own_leaves) make_leaf(root, &s, 0);
    take_pads(root);
    for (size_t i = 0; i < count; i++) {
        if (own_leaves) make_leaf(root, &s, i);
        start(&s, stack);
        for (int end = 0; end < 3; end++) (void)dup3(root, s.pad + end, O_CLOEXEC); /* closes ours, keeps the number */
        wait_for_exec(&s);
        if (waitpid(s.pid, NULL, 0) < 0) die("waitpid");
        (void)close(s.out);
        (void)close(s.err);
        if (!own_leaves) continue;
        (void)close(s.leaf);
        if (unlinkat(root, s.name, AT_REMOVEDIR) < 0) die("rmdir of a leaf");
    }
    return 0;
}

static int reap(char *const *argv)
{
    pid_t pid = fork(), ended;
    int status = 0;
    if (pid < 0) die("fork");
    if (pid == 0) {
        (void)execv(argv[0], argv);
        die(argv[0]);
    }
    while ((ended = waitpid(-1, &status, 0)) != pid)
        if (ended < 0) die("waitpid");
    return WEXITSTATUS(status);
}

static int read_all(const char *path)
{
    static char buffer[65536];
    DIR *directory = opendir(path);
    if (!directory) die(path);
    for (struct dirent *entry = readdir(directory); entry; entry = readdir(directory)) {
        if (entry->d_name[0] == '.') continue;
        int file = openat(dirfd(directory), entry->d_name, O_RDONLY | O_CLOEXEC);
        while (file >= 0 && read(file, buffer, sizeof buffer) > 0) continue;
        if (file < 0 || close(file) < 0) die(entry->d_name);
    }
    return closedir(directory);
}

static _Noreturn void stamp(const char *path, char *const *argv)
{
    int file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    int64_t report = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
    if (file < 0 || write(file, &report, sizeof report) < 0) die(path);
    (void)execvp(argv[0], argv);
    die(argv[0]);
}

int main(int argc, char **argv)
{
    const char *what = argc > 2 ? argv[1] : "";
    if (argc > 3 && strcmp(what, "stamp") == 0) stamp(argv[2], argv + 3);
    if (strcmp(what, "reap") == 0) return reap(argv + 2);
    if (strcmp(what, "read") == 0) return read_all(argv[2]);
    if (argc <= 4) return 2;
    size_t count = strtoul(argv[2], NULL, 10);
    if (strcmp(what, "boot") == 0 || strcmp(what, "boot-leaves") == 0) return boot(count, argv + 3, what[4] == '-');
    if (strcmp(what, "restart") == 0) return restart(count, argv + 3, false);
    if (strcmp(what, "chain") == 0) return restart(count, argv + 3, true);
    return 2;
}
