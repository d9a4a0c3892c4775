/* supervisor/proc_scan.h - what /proc tells of processes, read with as few system calls as it takes.
 *
 * All files used here may be read without privilege whatever the other process's user is; /proc/PID/environ may not,
 * under Docker's default capabilities. Source: proc(5). */
#pragma once
#include "base/attr.h"
#include "base/vec.h"
#include <sys/types.h>

struct fd;
struct pid_list {
    pid_t *items;
    size_t count, capacity;
};

struct proc_stat {
    char state; /* 'R', 'S', ..., 'Z' zombie, 'X' dead */
    pid_t parent, group, session;
    uint64_t start; /* clock ticks since boot: with the pid it names a process for good */
};
static inline bool proc_stat_is_alive(const struct proc_stat *stat)
{
    return stat->state != 'Z' && stat->state != 'X' && stat->state != 'x';
}

/* Opens /proc. -ENOENT: it is not there, or is no proc of our pid namespace. */
MUST_CHECK int proc_open(struct fd *ret);
/* Appends every pid, ascending. */
MUST_CHECK int proc_list(int proc, struct pid_list *list);
/* Appends the children of a process's first thread, zombies included. When it is our own, nobody else takes entries off
 * while the list is read; of others it is a hint. -ENOENT: the kernel has no such file, or the process is gone. */
MUST_CHECK int proc_list_children(int proc, pid_t parent, struct pid_list *list);
/* The hard RLIMIT_LOCKS; UINT64_MAX is "unlimited". -ESRCH: gone. */
MUST_CHECK int proc_read_mark(int proc, pid_t pid, uint64_t *ret);
MUST_CHECK int proc_read_stat(int proc, pid_t pid, struct proc_stat *ret);
/* The name of a process, its control bytes as "?". The buffer holds it whole. -ESRCH: gone. */
#define PROC_COMM_MAX 64
MUST_CHECK int proc_read_comm(int proc, pid_t pid, char comm[static PROC_COMM_MAX]);
