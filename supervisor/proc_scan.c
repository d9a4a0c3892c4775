#include "supervisor/proc_scan.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"

struct entry { /* linux_dirent64, getdents64(2) */
    uint64_t inode;
    int64_t offset;
    uint16_t length;
    uint8_t type;
    char name[];
};

/* Reads digits; *at ends behind them. 0 where there are none. */
static uint64_t read_number(const char **at)
{
    uint64_t value = 0;
    for (; **at >= '0' && **at <= '9'; (*at)++) value = value * 10 + (uint64_t)(**at - '0');
    return value;
}

int proc_open(struct fd *ret)
{
    AUTO_FD struct fd proc = FD_NONE;
    char target[DECIMAL_MAX(pid_t)];
    int r = fd_openat(AT_FDCWD, "/proc", O_RDONLY | O_DIRECTORY, 0, &proc);
    if (r < 0) return r;
    ssize_t length = readlinkat(proc.n, "self", target, sizeof target - 1);
    if (length <= 0) return -ENOENT;
    target[length] = '\0';
    const char *at = target;
    if (read_number(&at) != (uint64_t)getpid() || *at != '\0') return -ENOENT;
    *ret = fd_take(&proc);
    return 0;
}

int proc_list(int proc, struct pid_list *list)
{
    _Alignas(struct entry) char buffer[16384];
    if (lseek(proc, 0, SEEK_SET) < 0) return -errno;
    for (;;) {
        long size = syscall(SYS_getdents64, proc, buffer, sizeof buffer);
        if (size <= 0) return size < 0 ? -errno : 0;
        const struct entry *entry;
        for (long at = 0; at < size; at += entry->length) {
            entry = (const struct entry *)(const void *)(buffer + at);
            const char *name = entry->name;
            pid_t pid = (pid_t)read_number(&name);
            if (pid == 0 || *name != '\0') continue;
            int r = vec_push(list, pid);
            if (r < 0) return r;
        }
    }
}

int proc_list_children(int proc, pid_t parent, struct pid_list *list)
{
    char path[2 * DECIMAL_MAX(pid_t) + 32], buffer[4096];
    (void)snprintf(path, sizeof path, "%d/task/%d/children", parent, parent); /* fits: see size */
    AUTO_FD struct fd file = FD_NONE;
    int r = fd_openat(proc, path, O_RDONLY, 0, &file);
    if (r < 0) return r;
    uint64_t pid = 0; /* a number may be cut by the end of a buffer */
    for (;;) {
        ssize_t size = read(file.n, buffer, sizeof buffer);
        if (size < 0 && errno == EINTR) continue;
        if (size <= 0) return size < 0 ? -errno : 0;
        for (ssize_t i = 0; i < size; i++) {
            if (buffer[i] >= '0' && buffer[i] <= '9') {
                pid = pid * 10 + (uint64_t)(buffer[i] - '0');
            } else if (pid > 0) {
                if ((r = vec_push(list, (pid_t)pid)) < 0) return r;
                pid = 0;
            }
        }
    }
}

static int read_file(int proc, pid_t pid, const char *name, char *buffer, size_t size)
{
    char path[DECIMAL_MAX(pid_t) + 16];
    (void)snprintf(path, sizeof path, "%d/%s", pid, name); /* fits: the names below are short */
    int r = file_read_small(proc, path, buffer, size);
    if (r == -ENOENT || r == 0) return -ESRCH; /* a process that just went away reads as empty */
    return r;
}

int proc_read_mark(int proc, pid_t pid, uint64_t *ret)
{
    static const char title[] = "\nMax file locks";
    char buffer[2048];
    int r = read_file(proc, pid, "limits", buffer, sizeof buffer);
    if (r < 0) return r;
    const char *at = strstr(buffer, title);
    if (!at) return -ENODATA;
    at += sizeof title - 1;
    at += strspn(at, " ");
    at += strcspn(at, " "); /* the soft limit */
    at += strspn(at, " ");
    *ret = *at >= '0' && *at <= '9' ? read_number(&at) : UINT64_MAX;
    return 0;
}

int proc_read_stat(int proc, pid_t pid, struct proc_stat *ret)
{
    char buffer[1024];
    int r = read_file(proc, pid, "stat", buffer, sizeof buffer);
    if (r < 0) return r;
    const char *at = strrchr(buffer, ')'); /* the name may hold anything, blanks and parentheses included */
    if (!at || at[1] != ' ' || !at[2]) return -ENODATA;
    ret->state = at[2];
    at += 3;
    uint64_t fields[19] = { 0 }; /* from the fourth, ppid, to the twenty-second, starttime */
    for (size_t i = 0; i < COUNT_OF(fields); i++) {
        at += strspn(at, " -");
        fields[i] = read_number(&at);
    }
    ret->parent = (pid_t)fields[0];
    ret->group = (pid_t)fields[1];
    ret->session = (pid_t)fields[2];
    ret->start = fields[18];
    return 0;
}

int proc_read_comm(int proc, pid_t pid, char comm[static PROC_COMM_MAX])
{
    int r = read_file(proc, pid, "comm", comm, PROC_COMM_MAX);
    if (r < 0) return r;
    comm[strcspn(comm, "\n")] = '\0';
    for (char *c = comm; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f) *c = '?';
    return 0;
}
