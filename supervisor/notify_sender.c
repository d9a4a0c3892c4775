/* Which unit a process belongs to that sent a message, perhaps just before its end. */
#include "supervisor/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"
#include "cgroup/leaf.h"
#include "cgroup/root.h"
#include "supervisor/manager.h"
#include "supervisor/service.h"
#include "supervisor/service_notify.h"

/* linux/pidfd.h, from Linux 6.13 on; the first size that has the cgroup. */
struct pidfd_info {
    uint64_t mask, cgroup_id;
    uint32_t pid, tgid, ppid, ruid, rgid, euid, egid, suid, sgid, fsuid, fsgid;
    int32_t exit_code;
};
#define PIDFD_INFO_CGROUPID_BIT (UINT64_C(1) << 2)
#define PIDFD_INFO_EXIT_BIT     (UINT64_C(1) << 3) /* also of one that was reaped, from Linux 6.15 on */
#define PIDFD_GET_INFO_CALL     _IOWR(0xFF, 11, struct pidfd_info)

/* NULL: it is a socket's, whose commands are not heard. */
static struct service *service_of_run(struct procs *run)
{
    return run && !run->of_socket ? (struct service *)(void *)((char *)run - offsetof(struct service, procs)) : NULL;
}

/* Each service with a run, for the ways that cannot look one up. `fits` says which it is. */
static struct service *service_where(struct manager *m, bool (*fits)(struct manager *, struct service *, const void *),
                                     const void *what)
{
    for (uint32_t id = 0; id < m->n_units; id++) {
        struct runtime *rt = manager_unit(m, id);
        if (!rt || rt->type != &service_type || !service_of(rt)->begun) continue;
        if (fits(m, service_of(rt), what)) return service_of(rt);
    }
    return NULL;
}

/* ---- by cgroup, for who lost its mark ---- */

/* "/a/b" of the line "0::/a/b", in place. */
static char *unified_path(char *text)
{
    for (char *line = text; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
        if (strncmp(line, "0::/", 4) != 0) continue;
        line[strcspn(line, "\n")] = '\0';
        return line + 3;
    }
    return NULL;
}

static bool leaf_holds(struct manager *m, struct service *s, const void *path)
{
    (void)m;
    if (!s->procs.leaf) return false;
    const char *name = cg_leaf_name(s->procs.leaf);
    size_t length = strlen(name);
    return strncmp(path, name, length) == 0 && (((const char *)path)[length] == '/' || !((const char *)path)[length]);
}

/* Ours is base/init.scope, or the one above base when we could not move there. */
static struct service *service_by_cgroup(struct manager *m, pid_t pid)
{
    char own_text[PATH_MAX], text[PATH_MAX], file[sizeof "/proc//cgroup" + DECIMAL_MAX(pid_t)], *own, *path;
    if (!m->cgroup) return NULL;
    (void)snprintf(file, sizeof file, "/proc/%d/cgroup", (int)pid); /* the bound is in the type */
    if (file_read_small(AT_FDCWD, file, text, sizeof text) < 0) return NULL;
    if (file_read_small(AT_FDCWD, "/proc/self/cgroup", own_text, sizeof own_text) < 0) return NULL;
    own = unified_path(own_text);
    path = unified_path(text);
    if (!own || !path) return NULL;
    const char *scope = str_suffix(own, "/init.scope"), *base = strrchr(cg_root_path(m->cgroup), '/');
    size_t length = scope ? (size_t)(scope - own) : strlen(own);
    if (length == 1) length = 0; /* "/" */
    if (strncmp(path, own, length) != 0) return NULL;
    path += length;
    if (!scope) {
        if (!base || strncmp(path, base, strlen(base)) != 0) return NULL;
        path += strlen(base);
    }
    return *path == '/' ? service_where(m, leaf_holds, path + 1) : NULL;
}

/* ---- by what the kernel remembers of a process that has ended ---- */

static bool leaf_has_id(struct manager *m, struct service *s, const void *id)
{
    struct stat st;
    if (!s->procs.leaf || service_notify_access(s) != NOTIFY_ALL) return false;
    if (fstatat(cg_root_dirfd(m->cgroup), cg_leaf_name(s->procs.leaf), &st, AT_SYMLINK_NOFOLLOW) < 0) return false;
    return (uint64_t)st.st_ino == *(const uint64_t *)id;
}

static int service_of_ended(struct manager *m, int pidfd, struct service **ret)
{
    struct pidfd_info info = { .mask = PIDFD_INFO_CGROUPID_BIT | PIDFD_INFO_EXIT_BIT };
    if (pidfd < 0 || !m->cgroup || ioctl(pidfd, PIDFD_GET_INFO_CALL, &info) < 0) return -ESRCH;
    if (!(info.mask & PIDFD_INFO_CGROUPID_BIT)) return -ESRCH;
    *ret = service_where(m, leaf_has_id, &info.cgroup_id);
    return *ret ? 0 : -ESRCH;
}

/* ---- the rest ---- */

static bool is_known_process(struct manager *m, struct service *s, const void *pid)
{
    (void)m;
    return s->main.pid == *(const pid_t *)pid || s->control.pid == *(const pid_t *)pid;
}

/* Reaped, so that its number may be another's by now. Without a pidfd nobody can tell. */
static bool has_gone(int pidfd)
{
    return pidfd >= 0 && syscall(SYS_pidfd_send_signal, pidfd, 0, NULL, 0) < 0 && errno == ESRCH;
}

int notify_sender_service(struct manager *m, const struct notify_sender *sender, struct service **ret)
{
    struct procs *run = NULL;
    *ret = NULL;
    int r = procs_run_of(m->procs, sender->pid, &run);
    bool gone = r == -ESRCH || r == -ENODATA || has_gone(sender->pidfd);
    /* Those that we follow keep their number until their exit is told, for which what they said is read first. */
    if (!run || gone) *ret = service_where(m, is_known_process, &sender->pid);
    if (*ret) return 0;
    if (gone) return service_of_ended(m, sender->pidfd, ret);
    *ret = service_of_run(run);
    if (!*ret && r == 0) *ret = service_by_cgroup(m, sender->pid);
    /* It may have ended while we looked. */
    if (has_gone(sender->pidfd)) return service_of_ended(m, sender->pidfd, ret);
    return 0;
}
