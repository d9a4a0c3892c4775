#include "supervisor/child.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <errno.h>

#include "supervisor/child_directory.h"
#include "supervisor/child_terminal.h"
#include "supervisor/sys.h"

#define N_SIGNALS           64
#define DESCRIPTORS_AT_MOST 65536 /* looked at one by one, where neither close_range() nor /proc is there */

static int child_reset_signals(const struct child_plan *p)
{
    static const struct sys_sigaction defaults = { .handler = SYS_SIG_DFL }, ignored = { .handler = SYS_SIG_IGN };
    for (int signal = 1; signal <= N_SIGNALS; signal++) {
        if (!(p->reset_signals >> (signal - 1) & 1)) continue;
        int r = sys_sigaction(signal, &defaults);
        if (r < 0) return r;
    }
    return sys_sigaction(SIGPIPE, p->keeps_ignored_sigpipe ? &ignored : &defaults);
}

/* Reads find the end, writes fail with EPIPE. */
static int child_open_dead_end(bool for_reading)
{
    int ends[2] = { -1, -1 };
    int r = sys_pipe2(ends, O_CLOEXEC);
    if (r < 0) return r;
    (void)sys_close(ends[for_reading ? 1 : 0]); /* the point of it */
    return ends[for_reading ? 0 : 1];
}

/* The streams that have a path. Opened here and not by the parent: a path may hang, and then only this unit waits. */
static int child_open_streams(struct child_plan *p, uint32_t *ret_which)
{
    *ret_which = 0;
    int r = p->terminal ? child_terminal_prepare(p->terminal) : 0;
    if (r < 0) return r;
    for (uint32_t i = 0; i < 3; i++) {
        const struct child_stream *stream = &p->streams[i];
        *ret_which = i;
        if (stream->path || (stream->null && p->fds[i] < 0)) {
            const char *path = stream->null ? "/dev/null" : stream->path;
            int fd = sys_openat(AT_FDCWD, path, stream->flags | O_NOCTTY | O_CLOEXEC, 0666);
            if (fd < 0 && stream->null) fd = child_open_dead_end(i == 0);
            if (fd < 0) return fd;
            p->fds[i] = fd;
        } else if (stream->same_as >= 0) {
            p->fds[i] = p->fds[stream->same_as];
        }
        if (stream->controlling_terminal && (r = child_terminal_take(p->terminal, p->fds[i])) < 0) return r;
    }
    return 0;
}

/* "12" -> 12; anything else, such as "..", -> -1. */
static int child_parse_fd(const char *name)
{
    int fd = 0;
    for (const char *c = name; *c; c++) { /* NOLINT(clang-analyzer-core.uninitialized.Branch): the kernel wrote it */
        if (*c < '0' || *c > '9' || fd > DESCRIPTORS_AT_MOST * 1000) return -1;
        fd = fd * 10 + (*c - '0');
    }
    return fd;
}

static void child_close_on_exec_by_number(int lowest)
{
    struct sys_rlimit limit = { .soft = DESCRIPTORS_AT_MOST };
    (void)sys_getrlimit(RLIMIT_NOFILE, &limit); /* on failure the preset stands */
    int end = limit.soft < DESCRIPTORS_AT_MOST ? (int)limit.soft : DESCRIPTORS_AT_MOST;
    for (int fd = lowest; fd < end; fd++) (void)sys_fcntl(fd, F_SETFD, FD_CLOEXEC); /* EBADF: not open */
}

/* Every descriptor from `lowest` on becomes close-on-exec. Ours are born so; those a runtime left to us are not. */
static int child_close_on_exec(const struct child_plan *p, int lowest)
{
    if (p->has_own_table) return 0; /* nothing was copied but what is close-on-exec */
    if (!p->close_range_missing && sys_close_range((unsigned)lowest, ~0U, CLOSE_RANGE_CLOEXEC) == 0) return 0;
    int dir = sys_openat(AT_FDCWD, "/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    if (dir < 0) {
        child_close_on_exec_by_number(lowest);
        return 0;
    }
    _Alignas(struct sys_dirent) char buffer[512];
    long size;
    while ((size = sys_getdents(dir, buffer, sizeof buffer)) > 0) {
        for (long at = 0; at < size;) {
            const struct sys_dirent *entry = (const struct sys_dirent *)(const void *)(buffer + at);
            int fd = child_parse_fd(entry->name);
            if (fd >= lowest) (void)sys_fcntl(fd, F_SETFD, FD_CLOEXEC); /* it was just listed */
            at += entry->length;
        }
    }
    (void)sys_close(dir); /* close-on-exec besides */
    return (int)size;
}

/* Sources go to 0, 1, 2, 3...: first every one that lies in the way is moved above the last target. */
static int child_place_fds(struct child_plan *p)
{
    int n = (int)p->n_fds;
    if (p->status_fd < n) {
        int moved = sys_fcntl(p->status_fd, F_DUPFD_CLOEXEC, n);
        if (moved < 0) return moved;
        (void)sys_close(p->status_fd); /* a target will take the number, or it stays unused */
        p->status_fd = moved;
    }
    for (int i = 0; i < n; i++) {
        if (p->fds[i] < 0 || p->fds[i] >= n || p->fds[i] == i) continue;
        int moved = sys_fcntl(p->fds[i], F_DUPFD_CLOEXEC, n);
        if (moved < 0) return moved;
        p->fds[i] = moved;
    }
    int r = child_close_on_exec(p, 3);
    if (r < 0) return r;
    for (int i = 0; i < n; i++) {
        if (p->fds[i] < 0) continue; /* whatever has that number is close-on-exec by now */
        r = p->fds[i] == i ? sys_fcntl(i, F_SETFD, 0) : sys_dup3(p->fds[i], i, 0);
        if (r < 0) return r;
    }
    return 0;
}

static int child_set_limits(const struct child_plan *p, uint32_t *ret_which)
{
    for (uint32_t i = 0; i < p->n_limits; i++) {
        struct sys_rlimit limit = { p->limits[i].soft, p->limits[i].hard };
        *ret_which = i;
        int r = sys_setrlimit(p->limits[i].resource, &limit);
        if (r < 0) return r;
    }
    return 0;
}

/* The memory is this process's own (the plan forbids sharing it), so its dumpable flag may be set: without it the file
 * belongs to root. Who may not lower the score in a container does without, as under systemd: dbus.service asks for it
 * everywhere. */
static int child_adjust_oom(const struct child_plan *p)
{
    if (!p->oom_score_adjust) return 0;
    (void)sys_prctl(PR_SET_DUMPABLE, 1); /* cannot fail for 1 */
    int fd = sys_openat(AT_FDCWD, "/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC, 0);
    long r = fd < 0 ? fd : sys_write(fd, p->oom_score_adjust, p->oom_score_adjust_length);
    if (fd >= 0) (void)sys_close(fd); /* the write told all there is to know */
    return r < 0 && r != -EPERM && r != -EACCES ? (int)r : 0;
}

/* user_namespaces(7): in a namespace whose setgroups file says "deny" no process can change its groups, and dropping
 * none of them is all that can be done. */
static bool child_groups_are_fixed(void)
{
    char text[8] = "";
    int fd = sys_openat(AT_FDCWD, "/proc/self/setgroups", O_RDONLY | O_CLOEXEC, 0);
    if (fd < 0) return false;
    long n = sys_read(fd, text, sizeof text);
    (void)sys_close(fd); /* read only */
    return n >= 4 && text[0] == 'd' && text[1] == 'e' && text[2] == 'n' && text[3] == 'y';
}

static int child_change_group(const struct child_plan *p)
{
    if (p->set_groups) {
        int r = sys_setgroups(p->n_groups, p->groups);
        if (r == -EPERM && p->n_groups == 0 && (sys_getgroup_count() == 0 || child_groups_are_fixed())) r = 0;
        if (r < 0) return r;
    }
    return p->set_gid ? sys_setresgid(p->gid) : 0;
}

static int child_change_directory(const struct child_plan *p)
{
    int r = p->directory ? sys_chdir(p->directory) : -ENOENT;
    if (r < 0 && p->directory_optional) return sys_chdir("/");
    return r;
}

static void child_write_number(char *slot, uint64_t number)
{
    if (!slot) return;
    char digits[DECIMAL_MAX(uint64_t)];
    int n = 0;
    for (; number > 0 || n == 0; number /= 10) digits[n++] = (char)('0' + number % 10);
    while (n > 0) *slot++ = digits[--n];
    *slot = '\0';
}

/* systemd.exec(5), $LISTEN_PIDFDID: the inode of this process's pidfd, which no other process will ever have (Linux
 * 6.9); before that it is none, and the variable is taken out again. */
static void child_write_pidfd_id(struct child_plan *p)
{
    struct statx st;
    if (!p->listen_pidfdid) return;
    int fd = sys_pidfd_open(sys_getpid());
    int r = fd < 0 ? fd : sys_is_pidfs(fd) ? sys_statx(fd, "", AT_EMPTY_PATH, STATX_INO, &st) : -EOPNOTSUPP;
    if (fd >= 0) (void)sys_close(fd); /* close-on-exec besides */
    if (r == 0) {
        child_write_number(p->listen_pidfdid, st.stx_ino);
        return;
    }
    const char *item = p->listen_pidfdid - (sizeof "LISTEN_PIDFDID=" - 1);
    char **at = p->envp;
    while (*at && *at != item) at++;
    for (; *at; at++) at[0] = at[1];
}

/* As execvp(3): a candidate that is not there gives way to the next, one that may not be run does too but is
 * remembered. */
static int child_exec(const struct child_plan *p, struct child_report *report)
{
    int result = -ENOENT;
    if (p->program_fd > 0) (void)sys_execveat(p->program_fd, p->argv, p->envp); /* refused: by its path, then */
    for (uint32_t i = 0; p->programs[i]; i++) {
        int r = sys_execve(p->programs[i], p->argv, p->envp);
        if (r == -ENOENT && sys_faccessat(AT_FDCWD, p->programs[i], 0) == 0) {
            report->interpreter_missing = true;
            report->index = i;
            return r;
        }
        if (r == -EACCES && result == -ENOENT) {
            result = r;
            report->index = i;
        }
        if (r == -ENOENT || r == -ENOTDIR || r == -EACCES) continue;
        report->index = i;
        return r;
    }
    return result;
}

static int child_set_up(struct child_plan *p, struct child_report *report)
{
    uint32_t which = 0;
    int r = sys_setsid();
    report->stage = EXEC_STAGE_SETSID;
    if (r < 0) return r;
    report->stage = EXEC_STAGE_SIGNALS; /* early: what follows may wait for a file, and TERM shall end that */
    static const uint64_t empty_mask = 0;
    if ((r = child_reset_signals(p)) < 0 || (r = sys_sigmask(SIG_SETMASK, &empty_mask, NULL)) < 0) return r;
    if (p->n_directories > 0) (void)sys_umask(0); /* their modes are what their settings say */
    for (uint32_t i = 0; i < p->n_directories; i++) {
        r = child_make_directory(&p->directories[i], p->scratch);
        report->stage = p->directories[i].stage;
        report->index = i;
        if (r < 0) return r;
    }
    (void)sys_umask(p->umask);
    r = child_open_streams(p, &which);
    report->stage = (uint8_t)(which == 0 ? EXEC_STAGE_STDIN : which == 1 ? EXEC_STAGE_STDOUT : EXEC_STAGE_STDERR);
    if (r < 0) return r;
    report->stage = EXEC_STAGE_FDS;
    if ((r = child_place_fds(p)) < 0) return r;
    report->stage = EXEC_STAGE_LIMITS;
    r = child_set_limits(p, &report->index);
    if (r < 0) return r;
    report->stage = EXEC_STAGE_NICE;
    if (p->nice_set && (r = sys_setpriority_self(p->nice)) < 0) return r;
    report->stage = EXEC_STAGE_OOM_ADJUST;
    if ((r = child_adjust_oom(p)) < 0) return r;
    report->stage = EXEC_STAGE_GROUP; /* groups before uid: afterwards we no longer may */
    if ((r = child_change_group(p)) < 0) return r;
    report->stage = EXEC_STAGE_USER;
    if (p->set_uid && (r = sys_setresuid(p->uid)) < 0) return r;
    report->stage = EXEC_STAGE_CHDIR;
    if ((r = child_change_directory(p)) < 0) return r;
    child_write_number(p->listen_pid, (uint64_t)sys_getpid());
    child_write_number(p->watchdog_pid, (uint64_t)sys_getpid());
    child_write_pidfd_id(p);
    report->stage = EXEC_STAGE_EXEC;
    return child_exec(p, report);
}

/* The first thing a child does with its descriptors. The ends of pipes that belong to other starts must not stay open
 * here: they would hide the end of the pipe from PID 1 for as long as this child takes. */
static void child_take_table(struct child_plan *p)
{
    if (p->pad_end > 0) {
        struct child_report report = { .stage = EXEC_STAGE_FDS, .is_note = 1 };
        int r = sys_close_range((unsigned)p->pad_end, ~0U, CLOSE_RANGE_UNSHARE);
        if (r < 0) { /* it must not go on: what it closes would be PID 1's */
            report.is_note = 0;
            report.error = -r;
            child_fail(p, &report);
        }
        (void)sys_close_range(3, (unsigned)p->pad_begin - 1, 0); /* it just worked */
        __atomic_store_n(&p->has_own_table, 1, __ATOMIC_RELEASE);
        (void)sys_write(p->status_fd, &report, sizeof report); /* below PIPE_BUF */
    } else if (p->others_end > 0) {
        (void)sys_close_range((unsigned)p->others_begin, (unsigned)p->others_end - 1, 0); /* pads need it to work */
    }
    p->pad_end = p->others_end = 0;
}

static void child_enter_leaf(struct child_plan *p)
{
    if (p->leaf_procs_fd < 0) return;
    long r = sys_write(p->leaf_procs_fd, "0", 1);
    p->leaf_procs_fd = -1;
    if (r >= 0) return;
    struct child_report note = { .stage = EXEC_STAGE_CGROUP, .is_note = 1, .error = (int)-r };
    (void)sys_write(p->status_fd, &note, sizeof note); /* below PIPE_BUF; it runs outside the leaf */
}

void child_enter(struct child_plan *p)
{
    child_take_table(p);
    child_enter_leaf(p);
}

_Noreturn void child_fail(const struct child_plan *p, const struct child_report *report)
{
    (void)sys_write(p->status_fd, report, sizeof *report); /* nobody left to tell */
    sys_exit(p->exit_codes[report->stage]);
}

_Noreturn void child_run(void *plan)
{
    struct child_plan *p = plan;
    struct child_report report = { .stage = EXEC_STAGE_NONE };
    child_enter(p);
    report.error = -child_set_up(p, &report);
    child_fail(p, &report);
}
