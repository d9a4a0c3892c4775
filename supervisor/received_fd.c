#include "supervisor/received_fd.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/parse.h"
#include "base/str.h"
#include "supervisor/clone.h"
#include "supervisor/local_path.h"

#ifndef F_DUPFD_QUERY
#define F_DUPFD_QUERY (1024 + 3) /* Linux 6.10 */
#endif

static bool lingers(int fd)
{
    struct linger linger = { .l_onoff = 0 };
    socklen_t size = sizeof linger;
    return getsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, &size) == 0 && linger.l_onoff && linger.l_linger > 0;
}

enum received_kind received_fd_kind(int fd)
{
    static const char *const plain[] = { "pipe:", "anon_inode:", "/memfd:" };
    char path[sizeof "/proc/self/fd/" + DECIMAL_MAX(int)], target[32];
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd); /* the bound is in the type */
    ssize_t length = readlink(path, target, sizeof target - 1);
    if (length < 0) return RECEIVED_FOREIGN;
    target[length] = '\0';
    if (str_starts_with(target, "socket:")) return lingers(fd) ? RECEIVED_DEVICE : RECEIVED_PLAIN;
    for (size_t i = 0; i < COUNT_OF(plain); i++)
        if (str_starts_with(target, plain[i])) return RECEIVED_PLAIN;
    struct stat st;
    if (!local_path_has(fd) || fstat(fd, &st) < 0) return RECEIVED_FOREIGN;
    return S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode) ? RECEIVED_DEVICE : RECEIVED_PLAIN;
}

/* ---- closing ---- */

struct closing {
    const struct fd *fds;
    size_t count;
};

static void close_in_copy(void *userdata)
{
    const struct closing *closing = userdata;
    for (size_t i = 0; i < closing->count; i++)
        if (closing->fds[i].n >= 0) (void)close(closing->fds[i].n); /* what it says changes nothing */
    _exit(0);
}

/* The copy's end is that of an orphan, which nobody waits for. */
static void close_aside(struct fd *fds, size_t count)
{
    struct closing closing = { fds, count };
    if (clone_enter(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, close_in_copy, &closing) < 0) return; /* they stay open */
    for (size_t i = 0; i < count; i++) fds[i] = FD_NONE;
}

void received_fds_close(struct fd *fds, size_t count)
{
    size_t others = 0;
    for (size_t i = 0; i < count; i++) {
        if (!fd_is_open(&fds[i])) continue;
        if (received_fd_kind(fds[i].n) == RECEIVED_PLAIN)
            fd_close(&fds[i]);
        else
            others++;
    }
    if (others > 0) close_aside(fds, count);
}

/* ---- what they are ---- */

bool received_fd_is_same(int a, int b)
{
    int same = fcntl(a, F_DUPFD_QUERY, b);
    if (same >= 0) return same == 1;
    pid_t own = getpid();
    return syscall(SYS_kcmp, own, own, KCMP_FILE, a, b) == 0;
}

int received_pidfd_process(int fd, int *ret_pid)
{
    char path[sizeof "/proc/self/fdinfo/" + DECIMAL_MAX(int)], text[512];
    int32_t pid;
    (void)snprintf(path, sizeof path, "/proc/self/fdinfo/%d", fd); /* the bound is in the type */
    int r = file_read_small(AT_FDCWD, path, text, sizeof text);
    if (r < 0) return r;
    char *line = strstr(text, "\nPid:");
    if (!line) return -EINVAL;
    line += strlen("\nPid:");
    line += strspn(line, "\t ");
    line[strcspn(line, "\n")] = '\0';
    if (parse_i32(line, -1, INT32_MAX, &pid) < 0) return -EINVAL;
    if (pid <= 0) return -ESRCH; /* 0: of another pid namespace; -1: gone */
    *ret_pid = pid;
    return 0;
}
