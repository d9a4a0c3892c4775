/* tests/e2e/box_limits.c - what PID 1 of the box may do: seccomp filter, capabilities, identity. */
#include "tests/e2e/box_internal.h"
#include <errno.h>
#include <grp.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define BOX_AUDIT_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define BOX_AUDIT_ARCH AUDIT_ARCH_AARCH64
#else
#error "the box's seccomp filter does not know this architecture"
#endif

struct named_number {
    const char *name;
    long number;
};

/* clang-format off */
static const struct named_number syscalls[] = {
#define CALL(name) { #name, SYS_##name }
    CALL(clone3),       CALL(close_range), CALL(pidfd_open), CALL(pidfd_send_signal), CALL(openat2), CALL(statx),
    CALL(preadv2),      CALL(pwritev2),    CALL(splice),     CALL(memfd_create),      CALL(mount),   CALL(setns),
    CALL(unshare),      CALL(prctl),       CALL(kill),       CALL(execveat),          CALL(socket),  CALL(prlimit64),
    CALL(inotify_init1), CALL(inotify_add_watch),
#undef CALL
};
static const struct named_number errors[] = {
#define ERROR(name) { #name, name }
    ERROR(ENOSYS), ERROR(EPERM),  ERROR(EACCES), ERROR(EINVAL), ERROR(EOPNOTSUPP),
    ERROR(ENOMEM), ERROR(EAGAIN), ERROR(EBUSY),  ERROR(EROFS), ERROR(ENOSPC), ERROR(EMFILE),
#undef ERROR
};
/* What a container gets from Docker without --privileged or --cap-add. */
static const unsigned docker_capabilities[] = {
    CAP_CHOWN,  CAP_DAC_OVERRIDE, CAP_FSETID,           CAP_FOWNER,     CAP_MKNOD, CAP_NET_RAW,     CAP_SETGID,
    CAP_SETUID, CAP_SETFCAP,      CAP_SETPCAP,          CAP_NET_BIND_SERVICE,      CAP_SYS_CHROOT,  CAP_KILL,
    CAP_AUDIT_WRITE,
};
/* clang-format on */

static const struct named_number *find_named(const struct named_number *table, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(table[i].name, name) == 0) return &table[i];
    return NULL;
}

int box_spec_deny(struct box_spec *spec, const char *syscall_name, const char *errno_name)
{
    const struct named_number *call = find_named(syscalls, COUNT_OF(syscalls), syscall_name);
    const struct named_number *error = find_named(errors, COUNT_OF(errors), errno_name);
    if (!call || !error) return -EINVAL;
    if (spec->n_deny == BOX_DENY_MAX) return -E2BIG;
    spec->deny[spec->n_deny++] = (struct box_deny){ call->number, (int)error->number };
    return 0;
}

/* One comparison per refused call; everything else, and a foreign architecture, is allowed. */
static int install_filter(const struct box_spec *spec)
{
    struct sock_filter code[4 + 2 * BOX_DENY_MAX + 1];
    unsigned short n = 0;
    code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
    code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, BOX_AUDIT_ARCH, 1, 0);
    code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (size_t i = 0; i < spec->n_deny; i++) {
        uint32_t verdict = SECCOMP_RET_ERRNO | (uint32_t)spec->deny[i].error;
        code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)spec->deny[i].number, 0, 1);
        code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, verdict);
    }
    code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    struct sock_fprog program = { .len = n, .filter = code };
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0 ? -errno : 0;
}

static bool is_docker_capability(unsigned capability)
{
    for (size_t i = 0; i < COUNT_OF(docker_capabilities); i++)
        if (docker_capabilities[i] == capability) return true;
    return false;
}

static int keep_docker_capabilities(void)
{
    struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3, .pid = 0 };
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
    if (syscall(SYS_capget, &header, data) < 0) return -errno;
    for (unsigned c = 0; prctl(PR_CAPBSET_READ, c, 0, 0, 0) >= 0; c++) {
        if (is_docker_capability(c)) continue;
        if (prctl(PR_CAPBSET_DROP, c, 0, 0, 0) < 0) return -errno;
        data[c / 32].permitted &= ~(1U << (c % 32));
    }
    for (size_t i = 0; i < COUNT_OF(data); i++) data[i].effective = data[i].permitted, data[i].inheritable = 0;
    return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}

static int become_user(uid_t uid, gid_t gid)
{
    if (setgroups(0, NULL) < 0 || setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0) return -errno;
    return 0;
}

int box_limits_apply(const struct box_spec *spec, struct box_failure *failure)
{
    int r;
    /* The filter comes first: without no_new_privs it needs the capability that the next steps give up. */
    if (spec->n_deny > 0 && (r = install_filter(spec)) < 0) return box_fail(failure, -r, "seccomp filter");
    if (spec->docker_caps && (r = keep_docker_capabilities()) < 0) return box_fail(failure, -r, "capabilities");
    if (spec->as_user && (r = become_user(spec->uid, spec->gid)) < 0)
        return box_fail(failure, -r, "become uid %u gid %u", spec->uid, spec->gid);
    if (spec->no_new_privs && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return box_fail(failure, errno, "no_new_privs");
    return 0;
}
