/* supervisor/sys.h - raw system calls for the process between clone and exec.
 *
 * Every function returns the kernel's answer: a result, or -errno. None touches errno, thread-local storage or any
 * other memory of libc, because that process may share ours. Only child*.c, clone.h and spawn.c
 * include this file.
 * Source: syscall(2); ARCHITECTURE.md "Processes". */
#pragma once
#include "base/attr.h"

#include <fcntl.h>
#include <linux/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

#if defined __x86_64__
static inline long sys_call(long number, long a, long b, long c, long d, long e)
{
    long result;
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
                     : "rcx", "r11", "memory");
    return result;
}
#elif defined __aarch64__
static inline long sys_call(long number, long a, long b, long c, long d, long e)
{
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    register long x4 __asm__("x4") = e;
    __asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4) : "memory");
    return x0;
}
#else
#error "sys_call() is written for x86-64 and aarch64"
#endif

/* The kernel's view of a signal action; only SIG_DFL and SIG_IGN are ever set, so the rest is zero. */
struct sys_sigaction {
    unsigned long handler, flags, restorer, mask;
};
#define SYS_SIG_DFL 0UL
#define SYS_SIG_IGN 1UL
struct sys_rlimit {
    uint64_t soft, hard;
};
/* What getdents64(2) fills a buffer with. */
struct sys_dirent {
    uint64_t inode;
    int64_t offset;
    uint16_t length;
    uint8_t type;
    char name[];
};

static inline long sys_read(int fd, void *data, size_t size)
{
    return sys_call(SYS_read, fd, (long)data, (long)size, 0, 0);
}
static inline long sys_write(int fd, const void *data, size_t size)
{
    return sys_call(SYS_write, fd, (long)data, (long)size, 0, 0);
}
static inline int sys_openat(int dirfd, const char *path, int flags, unsigned mode)
{
    return (int)sys_call(SYS_openat, dirfd, (long)path, flags, (long)mode, 0);
}
static inline int sys_pipe2(int ends[2], int flags)
{
    return (int)sys_call(SYS_pipe2, (long)ends, flags, 0, 0, 0);
}
static inline int sys_close(int fd)
{
    return (int)sys_call(SYS_close, fd, 0, 0, 0, 0);
}
static inline int sys_dup3(int from, int to, int flags)
{
    return (int)sys_call(SYS_dup3, from, to, flags, 0, 0);
}
static inline int sys_fcntl(int fd, int operation, long argument)
{
    return (int)sys_call(SYS_fcntl, fd, operation, argument, 0, 0);
}
static inline int sys_ioctl(int fd, unsigned long request, long argument)
{
    return (int)sys_call(SYS_ioctl, fd, (long)request, argument, 0, 0);
}
/* A descriptor that tells of these events of the path. */
static inline int sys_inotify(const char *path, unsigned events)
{
    int fd = (int)sys_call(SYS_inotify_init1, 02000000 /* IN_CLOEXEC */, 0, 0, 0, 0);
    if (fd < 0) return fd;
    long r = sys_call(SYS_inotify_add_watch, fd, (long)path, events, 0, 0);
    if (r >= 0) return fd;
    (void)sys_call(SYS_close, fd, 0, 0, 0, 0);
    return (int)r;
}
static inline int sys_close_range(unsigned first, unsigned last, unsigned flags)
{
    return (int)sys_call(SYS_close_range, first, last, flags, 0, 0);
}
static inline long sys_getdents(int fd, void *buffer, size_t size)
{
    return sys_call(SYS_getdents64, fd, (long)buffer, (long)size, 0, 0);
}
static inline int sys_seek(int fd, int64_t offset)
{
    long r = sys_call(SYS_lseek, fd, (long)offset, 0, 0, 0);
    return r < 0 ? (int)r : 0;
}
static inline int sys_mkdirat(int dirfd, const char *path, unsigned mode)
{
    return (int)sys_call(SYS_mkdirat, dirfd, (long)path, (long)mode, 0, 0);
}
static inline int sys_statx(int dirfd, const char *path, int flags, unsigned mask, struct statx *ret)
{
    ret->stx_mode = 0; /* what callers look at; the whole would be a call of memset() */
    ret->stx_uid = ret->stx_gid = ret->stx_rdev_major = ret->stx_rdev_minor = 0;
    return (int)sys_call(SYS_statx, dirfd, (long)path, flags, (long)mask, (long)ret);
}
static inline int sys_faccessat(int dirfd, const char *path, int mode)
{
    return (int)sys_call(SYS_faccessat, dirfd, (long)path, mode, 0, 0);
}
static inline int sys_fchmod(int fd, unsigned mode)
{
    return (int)sys_call(SYS_fchmod, fd, (long)mode, 0, 0, 0);
}
static inline int sys_fchownat(int dirfd, const char *path, unsigned uid, unsigned gid, int flags)
{
    return (int)sys_call(SYS_fchownat, dirfd, (long)path, (long)uid, (long)gid, flags);
}
static inline unsigned sys_umask(unsigned mask)
{
    return (unsigned)sys_call(SYS_umask, (long)mask, 0, 0, 0, 0);
}
static inline int sys_chdir(const char *path)
{
    return (int)sys_call(SYS_chdir, (long)path, 0, 0, 0, 0);
}
static inline int sys_getpid(void)
{
    return (int)sys_call(SYS_getpid, 0, 0, 0, 0, 0);
}
/* Close-on-exec by itself. */
static inline int sys_pidfd_open(int pid)
{
    return (int)sys_call(SYS_pidfd_open, pid, 0, 0, 0, 0);
}
/* A pidfd with an inode of its own. */
static inline bool sys_is_pidfs(int fd)
{
    struct statfs fs;
    fs.f_type = 0; /* what is looked at */
    return sys_call(SYS_fstatfs, fd, (long)&fs, 0, 0, 0) == 0 && fs.f_type == 0x50494446;
}
static inline unsigned sys_geteuid(void)
{
    return (unsigned)sys_call(SYS_geteuid, 0, 0, 0, 0, 0);
}
static inline int sys_setsid(void)
{
    return (int)sys_call(SYS_setsid, 0, 0, 0, 0, 0);
}
static inline int sys_prctl(int operation, long argument)
{
    return (int)sys_call(SYS_prctl, operation, argument, 0, 0, 0);
}
static inline int sys_setpriority_self(int nice)
{
    return (int)sys_call(SYS_setpriority, 0, 0, nice, 0, 0);
}
/* Without a signal set's size the kernel answers EINVAL: it is that of 64 signals. */
static inline int sys_sigaction(int signal, const struct sys_sigaction *action)
{
    return (int)sys_call(SYS_rt_sigaction, signal, (long)action, 0, sizeof(uint64_t), 0);
}
static inline int sys_get_sigaction(int signal, struct sys_sigaction *ret)
{
    return (int)sys_call(SYS_rt_sigaction, signal, 0, (long)ret, sizeof(uint64_t), 0);
}
static inline int sys_sigmask(int how, const uint64_t *set, uint64_t *ret_old)
{
    return (int)sys_call(SYS_rt_sigprocmask, how, (long)set, (long)ret_old, sizeof(uint64_t), 0);
}
static inline int sys_setrlimit(unsigned resource, const struct sys_rlimit *limit)
{
    return (int)sys_call(SYS_prlimit64, 0, (long)resource, (long)limit, 0, 0);
}
static inline int sys_getrlimit(unsigned resource, struct sys_rlimit *ret)
{
    return (int)sys_call(SYS_prlimit64, 0, (long)resource, 0, (long)ret, 0);
}
static inline int sys_setgroups(size_t count, const unsigned *groups)
{
    return (int)sys_call(SYS_setgroups, (long)count, (long)groups, 0, 0, 0);
}
static inline int sys_getgroup_count(void)
{
    return (int)sys_call(SYS_getgroups, 0, 0, 0, 0, 0);
}
static inline int sys_setresgid(unsigned gid)
{
    return (int)sys_call(SYS_setresgid, (long)gid, (long)gid, (long)gid, 0, 0);
}
static inline int sys_setresuid(unsigned uid)
{
    return (int)sys_call(SYS_setresuid, (long)uid, (long)uid, (long)uid, 0, 0);
}
static inline int sys_execve(const char *path, char *const *argv, char *const *envp)
{
    return (int)sys_call(SYS_execve, (long)path, (long)argv, (long)envp, 0, 0);
}
/* The program that is open as `fd`. */
static inline int sys_execveat(int fd, char *const *argv, char *const *envp)
{
    return (int)sys_call(SYS_execveat, fd, (long)"", (long)argv, (long)envp, AT_EMPTY_PATH);
}
static inline _Noreturn void sys_exit(int status)
{
    for (;;) (void)sys_call(SYS_exit_group, status, 0, 0, 0, 0);
}
