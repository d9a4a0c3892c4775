#include "pid1/place.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"
#include <fcntl.h>

/* By number (linux/capability.h): older headers lack the last ones. */
/* clang-format off */
static const char *const cap_names[] = {
    "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_SETGID",
    "CAP_SETUID", "CAP_SETPCAP", "CAP_LINUX_IMMUTABLE", "CAP_NET_BIND_SERVICE", "CAP_NET_BROADCAST", "CAP_NET_ADMIN",
    "CAP_NET_RAW", "CAP_IPC_LOCK", "CAP_IPC_OWNER", "CAP_SYS_MODULE", "CAP_SYS_RAWIO", "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE", "CAP_SYS_PACCT", "CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_NICE", "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME", "CAP_SYS_TTY_CONFIG", "CAP_MKNOD", "CAP_LEASE", "CAP_AUDIT_WRITE", "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP", "CAP_MAC_OVERRIDE", "CAP_MAC_ADMIN", "CAP_SYSLOG", "CAP_WAKE_ALARM", "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ", "CAP_PERFMON", "CAP_BPF", "CAP_CHECKPOINT_RESTORE",
};
/* clang-format on */

const char *pid1_cap_name(unsigned capability)
{
    return capability < COUNT_OF(cap_names) ? cap_names[capability] : NULL;
}

bool pid1_place_has_cap(const struct pid1_place *place, unsigned capability)
{
    return capability < 64 && (place->cap_effective >> capability & 1);
}

static void probe_capabilities(struct pid1_place *place)
{
    struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { 0 };
    if (syscall(SYS_capget, &header, data) == 0)
        place->cap_effective = (uint64_t)data[1].effective << 32 | data[0].effective;
    for (unsigned c = 0; c < 64; c++) {
        int r = prctl(PR_CAPBSET_READ, c, 0, 0, 0);
        if (r < 0) break; /* the first number this kernel does not know */
        place->cap_known |= UINT64_C(1) << c;
        if (r > 0) place->cap_bounding |= UINT64_C(1) << c;
    }
}

/* Each call is one that does nothing when it is there: no structure, ourselves with signal 0, an empty range. */
static void probe_calls(struct pid1_place *place)
{
    place->clone3 = syscall(SYS_clone3, NULL, 0) < 0 && errno == EINVAL;
    AUTO_FD struct fd pidfd = fd_own((int)syscall(SYS_pidfd_open, getpid(), 0));
    place->pidfd_open = fd_is_open(&pidfd);
    place->pidfd_send_signal = place->pidfd_open && syscall(SYS_pidfd_send_signal, pidfd.n, 0, NULL, 0) == 0;
    place->close_range = syscall(SYS_close_range, ~0u, ~0u, 0) == 0;
    place->close_range_cloexec = syscall(SYS_close_range, ~0u, ~0u, 4u /* CLOSE_RANGE_CLOEXEC */) == 0;
}

/* user_namespaces(7): the initial one maps every id to itself. */
static bool in_user_namespace(void)
{
    char text[256];
    if (file_read_small(AT_FDCWD, "/proc/self/uid_map", text, sizeof text) < 0) return false;
    static const char *const initial[] = { "0", "0", "4294967295" };
    const char *next = text;
    for (size_t i = 0; i < COUNT_OF(initial); i++) {
        next += strspn(next, " ");
        size_t length = strcspn(next, " \n");
        if (length != strlen(initial[i]) || memcmp(next, initial[i], length) != 0) return true;
        next += length;
    }
    return next[strspn(next, " \n")] != '\0'; /* more than one line */
}

void pid1_place_probe(const struct pid1_place_cgroup *cgroup, struct pid1_place *ret_place)
{
    struct pid1_place place = { .seccomp = -1 };
    if (cgroup) place.cgroup = *cgroup;
    place.is_init = getpid() == 1;
    place.uid = geteuid();
    place.gid = getegid();
    place.is_root = place.uid == 0;
    place.user_namespace = in_user_namespace();
    place.proc = access("/proc/self", F_OK) == 0;
    struct statvfs root;
    place.readonly_root = statvfs("/", &root) == 0 && (root.f_flag & ST_RDONLY);
    place.no_new_privs = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
    place.seccomp = prctl(PR_GET_SECCOMP, 0, 0, 0, 0);
    probe_calls(&place);
    probe_capabilities(&place);
    struct utsname name;
    if (uname(&name) == 0) (void)snprintf(place.kernel, sizeof place.kernel, "%s", name.release); /* cut is fine */
    *ret_place = place;
}

/* Whichever list is shorter: a host's root lacks one or two, a container's has a dozen. */
static int format_capabilities(const struct pid1_place *place, struct str *s)
{
    uint64_t have = place->cap_effective & place->cap_known, lack = place->cap_known & ~have;
    if (have == 0) return str_append(s, "no capabilities");
    if (lack == 0) return str_append(s, "all capabilities");
    bool few_lack = __builtin_popcountll(lack) < __builtin_popcountll(have);
    int r = str_append(s, few_lack ? "all capabilities but" : "capabilities");
    for (unsigned c = 0; c < COUNT_OF(cap_names) && r == 0; c++)
        if ((few_lack ? lack : have) >> c & 1) r = str_appendf(s, " %s", cap_names[c] + strlen("CAP_"));
    return r;
}

static int format_cgroup(const struct pid1_place_cgroup *cgroup, struct str *s)
{
    if (!cgroup->path)
        return str_appendf(s, ", no cgroup%s%s%s", cgroup->reason ? " (" : "", cgroup->reason ? cgroup->reason : "",
                           cgroup->reason ? ")" : "");
    const char *controllers = cgroup->controllers && *cgroup->controllers ? cgroup->controllers : "no controllers";
    int r = str_appendf(s, ", cgroup %s (%s%s", cgroup->path, controllers, cgroup->kill ? ", kill" : ", no kill");
    if (r == 0 && cgroup->reason) r = str_appendf(s, ", off: %s", cgroup->reason);
    return r < 0 ? r : str_append_char(s, ')');
}

int pid1_place_format(const struct pid1_place *place, struct str *ret)
{
    int r = str_append(ret, place->is_init ? "pid 1" : "not pid 1 (subreaper)");
    if (r == 0)
        r = place->is_root ? str_append(ret, ", root")
                           : str_appendf(ret, ", uid %u gid %u", (unsigned)place->uid, (unsigned)place->gid);
    if (r == 0) r = str_appendf(ret, ", kernel %s", place->kernel);
    if (r == 0) r = format_cgroup(&place->cgroup, ret);

    const struct {
        bool says;
        const char *text;
    } words[] = {
        { true, place->clone3 ? "clone3" : "no clone3" },
        { true, place->pidfd_open && place->pidfd_send_signal ? "pidfd" : "no pidfd" },
        { true, place->close_range_cloexec ? "close_range"
                : place->close_range       ? "old close_range"
                                           : "no close_range" },
        { place->user_namespace, "user namespace" },
        { place->readonly_root, "read-only root" },
        { !place->proc, "no /proc" },
        { place->no_new_privs, "no_new_privs" },
        { place->seccomp > 0, "seccomp" },
    };
    for (size_t i = 0; i < COUNT_OF(words) && r == 0; i++)
        if (words[i].says) r = str_appendf(ret, ", %s", words[i].text);
    if (r == 0) r = str_append(ret, ", ");
    return r < 0 ? r : format_capabilities(place, ret);
}
