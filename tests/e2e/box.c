/* tests/e2e/box.c - start, watch, wait for and clear away a box. */
#include "tests/e2e/box_internal.h"
#include "tests/base/loopback.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BOX_NAMESPACES (CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC)

int box_fail(struct box_failure *failure, int error, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    failure->error = error;
    (void)vsnprintf(failure->what, sizeof failure->what, fmt, ap);
    va_end(ap);
    return -error;
}

int box_spec_env(struct box_spec *spec, const char *assignment)
{
    if (spec->n_env == BOX_ENV_MAX) return -E2BIG;
    spec->env[spec->n_env++] = assignment;
    return 0;
}

static int add_pair(struct box_pair *pairs, size_t *count, const char *source, const char *destination)
{
    if (*count == BOX_PAIRS_MAX) return -E2BIG;
    pairs[(*count)++] = (struct box_pair){ source, destination };
    return 0;
}

int box_spec_copy(struct box_spec *spec, const char *source, const char *destination)
{
    return add_pair(spec->copies, &spec->n_copies, source, destination);
}

int box_spec_bind(struct box_spec *spec, const char *source, const char *destination)
{
    return add_pair(spec->binds, &spec->n_binds, source, destination);
}

/* ---- the watcher: outlives whoever started the box, clears up when the lifeline closes ---- */

static _Noreturn void watcher_run(int lifeline, int cgroup_root, const char *name)
{
    /* Away from the starter's session, descriptors and directory: whoever waits for those must not wait for us. */
    (void)setsid();
    (void)prctl(PR_SET_NAME, "box-watcher", 0, 0, 0);
    for (int s = 1; s < NSIG; s++) (void)signal(s, SIG_IGN);
    if (chdir("/") < 0) _exit(1);
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (dup2(lifeline, 10) < 0 || dup2(cgroup_root, 11) < 0) _exit(1);
    for (int fd = 0; fd < 3; fd++) (void)dup2(null, fd);
    (void)close_range(3, 9, 0);
    (void)close_range(12, ~0U, 0);
    char byte;
    while (read(10, &byte, 1) < 0 && errno == EINTR) continue;
    box_cgroup_remove(11, name);
    _exit(0);
}

static int start_watcher(struct box *box)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) return -errno;
    pid_t pid = fork();
    if (pid == 0) {
        /* A second fork makes the watcher nobody's child: whoever kills the starter's descendants misses it. */
        close(ends[0]);
        pid_t watcher = fork();
        if (watcher == 0) {
            int root = fcntl(box->cgroup_root, F_DUPFD, 12), line = fcntl(ends[1], F_DUPFD, 12);
            watcher_run(line, root, box->cgroup_name);
        }
        _exit(watcher < 0 ? 1 : 0);
    }
    close(ends[1]);
    box->lifeline = ends[0];
    int status = 1;
    if (pid < 0) return -errno;
    if (waitpid(pid, &status, 0) < 0) return -errno;
    return status == 0 ? 0 : -EAGAIN;
}

/* ---- inside: from clone to exec ---- */

static void set_environment(const struct box_spec *spec)
{
    static const char *const kept[] = { "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS", "TERM" };
    const char *values[COUNT_OF(kept)];
    char *copies[COUNT_OF(kept)];
    for (size_t i = 0; i < COUNT_OF(kept); i++)
        values[i] = getenv(kept[i]), copies[i] = values[i] ? strdup(values[i]) : NULL;
    (void)clearenv();
    for (size_t i = 0; i < COUNT_OF(kept); i++)
        if (copies[i]) (void)setenv(kept[i], copies[i], 1);
    (void)setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
    (void)setenv("HOME", "/root", 1);
    (void)setenv("HOSTNAME", spec->hostname, 1);
    for (size_t i = 0; i < spec->n_env; i++) {
        char *assignment = strdup(spec->env[i]);
        if (assignment) (void)putenv(assignment);
    }
}

static void reset_signals(void)
{
    sigset_t none;
    (void)sigemptyset(&none);
    for (int s = 1; s < NSIG; s++) (void)signal(s, SIG_DFL);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static int run_setup(const char *command, struct box_failure *failure)
{
    int status;
    pid_t pid = fork();
    if (pid < 0) return box_fail(failure, errno, "fork for the setup command");
    if (pid == 0) {
        (void)execl("/bin/sh", "sh", "-ec", command, (char *)NULL);
        _exit(127);
    }
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR) return box_fail(failure, errno, "wait for the setup command");
    if (status != 0) return box_fail(failure, ECANCELED, "setup command, wait status %#x", (unsigned)status);
    return 0;
}

static int place_stdio(const struct box_spec *spec, struct box_failure *failure)
{
    int given[3] = { spec->stdin_fd, spec->stdout_fd, spec->stderr_fd };
    if (given[0] < 0) given[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
    for (int i = 0; i < 3; i++) {
        if (given[i] < 0 || given[i] == i) continue;
        if (given[i] < 3) given[i] = fcntl(given[i], F_DUPFD_CLOEXEC, 3); /* a swap must not overwrite its source */
    }
    for (int i = 0; i < 3; i++)
        if (given[i] >= 0 && given[i] != i && dup2(given[i], i) < 0) return box_fail(failure, errno, "stdio %d", i);
    for (int i = 0; i < 3; i++) (void)fcntl(i, F_SETFD, 0);
    return 0;
}

static _Noreturn void report_and_exit(int status_fd, const struct box_failure *failure)
{
    (void)send(status_fd, failure, sizeof *failure, MSG_NOSIGNAL); /* a starter that is gone does not want it */
    _exit(127);
}

static _Noreturn void run_program(const struct box_spec *spec, int status_fd)
{
    struct box_failure failure = { 0 };
    if (place_stdio(spec, &failure) < 0 || box_limits_apply(spec, &failure) < 0) report_and_exit(status_fd, &failure);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0); /* again: a change of identity clears it */
    reset_signals();
    (void)close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
    (void)execvp(spec->argv[0], (char *const *)(uintptr_t)spec->argv); /* execvp does not write to them */
    (void)box_fail(&failure, errno, "exec %s", spec->argv[0]);
    report_and_exit(status_fd, &failure);
}

/* PID 1 where the program is not: reaps what is handed to it, leaves with the program's status. */
static _Noreturn void outer_init(pid_t program)
{
    (void)close_range(3, ~0U, 0);
    for (;;) {
        int status;
        pid_t pid = waitpid(-1, &status, 0);
        if (pid < 0 && errno != EINTR) _exit(126);
        if (pid != program) continue;
        int left;
        while ((left = waitpid(-1, NULL, WNOHANG)) > 0) continue;
        if (left == 0) (void)!write(2, "box: processes were left behind\n", 32);
        _exit(WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
    }
}

static int send_descriptor(int socket_fd, int fd)
{
    char byte = 0;
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = { { 0 } };
    struct iovec data = { &byte, 1 };
    struct msghdr message = {
        .msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control
    };
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET, header->cmsg_type = SCM_RIGHTS, header->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(header), &fd, sizeof fd);
    return sendmsg(socket_fd, &message, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static _Noreturn void run_below_init(const struct box_spec *spec, int status_fd)
{
    struct box_failure failure = { 0 };
    pid_t program = fork();
    if (program == 0) run_program(spec, status_fd);
    int pidfd = program < 0 ? -1 : (int)syscall(SYS_pidfd_open, program, 0);
    if (pidfd < 0 || send_descriptor(status_fd, pidfd) < 0) {
        (void)box_fail(&failure, errno, "program below an outer init");
        report_and_exit(status_fd, &failure);
    }
    if (place_stdio(spec, &failure) < 0) report_and_exit(status_fd, &failure);
    outer_init(program);
}

static _Noreturn void child_run(const struct box_spec *spec, int status_fd, int shared)
{
    struct box_failure failure = { 0 };
    int r;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    /* The cgroup namespace's root is where we are when it is made: inside the box's cgroup, by CLONE_INTO_CGROUP. */
    if (unshare(CLONE_NEWCGROUP) < 0) (void)box_fail(&failure, errno, "unshare the cgroup namespace");
    if (failure.error == 0) (void)box_root_build(spec, shared, &failure);
    if (failure.error == 0 && (r = loopback_up()) < 0) (void)box_fail(&failure, -r, "bring lo up");
    if (failure.error == 0 && sethostname(spec->hostname, strlen(spec->hostname)) < 0)
        (void)box_fail(&failure, errno, "set the host name");
    if (failure.error != 0) report_and_exit(status_fd, &failure);
    set_environment(spec);
    if (spec->setup) (void)run_setup(spec->setup, &failure);
    if (failure.error == 0) (void)box_root_finish(spec, &failure);
    if (failure.error != 0) report_and_exit(status_fd, &failure);
    if (spec->not_pid1) run_below_init(spec, status_fd);
    run_program(spec, status_fd);
}

/* ---- outside ---- */

static int make_cgroup(struct box *box)
{
    static unsigned counter;
    struct timespec now;
    int r = box_detached_mount("cgroup2", NULL, &box->cgroup_root);
    if (r < 0) return r;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    (void)snprintf(box->cgroup_name, sizeof box->cgroup_name, "ci-box-%d-%u-%ld", getpid(), counter++, now.tv_nsec);
    if (mkdirat(box->cgroup_root, box->cgroup_name, 0755) < 0) return -errno;
    box->cgroup_fd = openat(box->cgroup_root, box->cgroup_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return box->cgroup_fd < 0 ? -errno : 0;
}

/* The pid that a pidfd stands for, as our /proc numbers it. */
static pid_t pid_of_pidfd(int pidfd)
{
    char path[64], line[128];
    pid_t pid = -1;
    (void)snprintf(path, sizeof path, "/proc/self/fdinfo/%d", pidfd);
    FILE *f = fopen(path, "re");
    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, "Pid:", 4) == 0) pid = (pid_t)strtol(line + 4, NULL, 10);
    if (f) (void)fclose(f);
    return pid;
}

/* Reads until the program has been exec'ed (end of file), keeping a failure or the program's pidfd. */
static void read_status(struct box *box, int status_fd, struct box_failure *failure)
{
    for (;;) {
        union {
            char bytes[CMSG_SPACE(sizeof(int))];
            struct cmsghdr align;
        } control;
        struct box_failure incoming;
        struct iovec data = { &incoming, sizeof incoming };
        struct msghdr message = {
            .msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control
        };
        ssize_t n = recvmsg(status_fd, &message, MSG_CMSG_CLOEXEC);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return;
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        if (header && header->cmsg_type == SCM_RIGHTS) memcpy(&box->pidfd, CMSG_DATA(header), sizeof box->pidfd);
        if (n == (ssize_t)sizeof incoming) *failure = incoming;
    }
}

static int clone_child(const struct box_spec *spec, struct box *box, struct box_failure *failure)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) return box_fail(failure, errno, "socketpair");
    struct clone_args args = { .flags = BOX_NAMESPACES | CLONE_PIDFD | CLONE_INTO_CGROUP,
                               .pidfd = (uintptr_t)&box->child_pidfd,
                               .exit_signal = SIGCHLD,
                               .cgroup = (unsigned)box->cgroup_fd };
    (void)fflush(NULL);
    long pid = syscall(SYS_clone3, &args, sizeof args);
    if (pid == 0) child_run(spec, ends[1], box->shared);
    int error = errno;
    close(ends[1]);
    if (pid > 0) {
        box->child = (pid_t)pid;
        read_status(box, ends[0], failure);
    } else {
        (void)box_fail(failure, error, "clone3 into new namespaces");
    }
    close(ends[0]);
    if (failure->error == 0 && !spec->not_pid1) box->pidfd = box->child_pidfd, box->pid = box->child;
    if (failure->error == 0 && spec->not_pid1) box->pid = pid_of_pidfd(box->pidfd);
    return -failure->error;
}

int box_start(const struct box_spec *spec, struct box **ret_box, char *why)
{
    struct box_failure failure = { 0 };
    struct box *box = calloc(1, sizeof *box);
    if (!box) return -ENOMEM;
    box->pidfd = box->child_pidfd = box->lifeline = box->cgroup_root = box->cgroup_fd = box->shared = -1;
    static const char *const shared_options[] = { "mode", "1777", NULL };
    int r = make_cgroup(box);
    if (r < 0) (void)box_fail(&failure, -r, "cgroup of the box");
    if (r == 0 && (r = start_watcher(box)) < 0) (void)box_fail(&failure, -r, "start the watcher");
    if (r == 0 && spec->shared && (r = box_detached_mount("tmpfs", shared_options, &box->shared)) < 0)
        (void)box_fail(&failure, -r, "shared tmpfs");
    if (r == 0) r = clone_child(spec, box, &failure);
    if (r < 0) {
        if (why) (void)snprintf(why, BOX_WHY_MAX, "%s: %s", failure.what, strerror(-r));
        box_free(box);
        return r;
    }
    *ret_box = box;
    return 0;
}

void box_free(struct box *box)
{
    if (!box) return;
    if (box->lifeline >= 0) {
        char byte;
        (void)shutdown(box->lifeline, SHUT_WR);
        while (read(box->lifeline, &byte, 1) < 0 && errno == EINTR) continue; /* the watcher ends when all is gone */
    } else if (box->cgroup_root >= 0 && box->cgroup_fd >= 0) {
        box_cgroup_remove(box->cgroup_root, box->cgroup_name);
    }
    if (box->child > 0 && !box->ended) (void)waitpid(box->child, NULL, 0);
    if (box->pidfd >= 0 && box->pidfd != box->child_pidfd) close(box->pidfd);
    const int owned[] = { box->child_pidfd, box->lifeline, box->cgroup_root, box->cgroup_fd, box->shared };
    for (size_t i = 0; i < COUNT_OF(owned); i++)
        if (owned[i] >= 0) close(owned[i]);
    free(box);
}

pid_t box_pid(const struct box *box)
{
    return box->pid;
}

int box_pidfd(const struct box *box)
{
    return box->pidfd;
}

int box_shared(const struct box *box)
{
    return box->shared;
}

const char *box_cgroup_name(const struct box *box)
{
    return box->cgroup_name;
}

int box_cgroup_fd(const struct box *box)
{
    return box->cgroup_fd;
}

const char *box_path(const struct box *box, const char *path, char *buffer)
{
    (void)snprintf(buffer, PATH_MAX, "/proc/%d/root%s", box->pid, path);
    return buffer;
}

int box_signal(const struct box *box, int signal)
{
    return syscall(SYS_pidfd_send_signal, box->pidfd, signal, NULL, 0) < 0 ? -errno : 0;
}

int box_wait(struct box *box, int timeout_ms, int *ret_status)
{
    if (!box->ended) {
        struct pollfd end = { .fd = box->child_pidfd, .events = POLLIN };
        int n = poll(&end, 1, timeout_ms);
        if (n <= 0) return n < 0 ? -errno : -ETIMEDOUT;
        int status;
        if (waitpid(box->child, &status, 0) < 0) return -errno;
        box->ended = true;
        box->status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    }
    *ret_status = box->status;
    return 0;
}

static const char *try_namespaces(void)
{
    int status = 0;
    pid_t pid = fork();
    if (pid == 0) _exit(unshare(BOX_NAMESPACES | CLONE_NEWCGROUP) < 0 ? 1 : 0);
    if (pid < 0 || waitpid(pid, &status, 0) < 0) return "cannot fork";
    return status == 0 ? NULL : "new namespaces are refused here";
}

const char *box_refused(void)
{
    int fd;
    if (geteuid() != 0) return "boxes need root";
    const char *why = try_namespaces();
    if (why) return why;
    if (box_detached_mount("cgroup2", NULL, &fd) < 0) return "mounting cgroup2 is refused here";
    close(fd);
    return NULL;
}
