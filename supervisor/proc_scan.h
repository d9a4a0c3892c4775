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
/* Appends our own children, zombies included. As the list is that of our own, nobody else takes entries off while it
 * is read. -ENOENT: the kernel has no such file. */
MUST_CHECK int proc_list_children(int proc, struct pid_list *list);
/* The hard RLIMIT_LOCKS; UINT64_MAX is "unlimited". -ESRCH: gone. */
MUST_CHECK int proc_read_mark(int proc, pid_t pid, uint64_t *ret);
MUST_CHECK int proc_read_stat(int proc, pid_t pid, struct proc_stat *ret);
