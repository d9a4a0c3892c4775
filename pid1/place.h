/* pid1/place.h - what can be done in the place we were started in, asked once.
 *
 * Facts, no decisions: the supervisor logs and traces them, `container-init doctor` prints them. The cgroup facts come
 * from the caller, who opened the hierarchy. Source: capabilities(7), user_namespaces(7), seccomp(2), clone(2), proc(5)
 * status. */
#pragma once
#include "base/attr.h"
#include <sys/types.h>

struct str;

struct pid1_place_cgroup {
    const char *path;        /* NULL: none; borrowed, as the texts below */
    const char *reason;      /* why not, or why controllers are off; NULL when all is well */
    const char *controllers; /* enabled ones, blank separated, "" for none */
    bool kill;               /* cgroup.kill */
};

struct pid1_place {
    struct pid1_place_cgroup cgroup;
    bool is_init, is_root;
    uid_t uid;
    gid_t gid;
    bool user_namespace; /* not the initial one */
    bool readonly_root;
    bool proc; /* /proc is mounted */
    bool no_new_privs;
    int seccomp; /* 0 off, 1 strict, 2 filter; -1 unknown */
    bool clone3, pidfd_open, pidfd_send_signal;
    bool close_range, close_range_cloexec;
    uint64_t cap_effective, cap_bounding; /* bit n: capability n */
    uint64_t cap_known;                   /* those this kernel has */
    char kernel[65];                      /* uname -r */
};

/* Makes a handful of harmless system calls; never fails, what cannot be asked reads as absent. `cgroup` may be NULL. */
void pid1_place_probe(const struct pid1_place_cgroup *cgroup, struct pid1_place *ret_place);
bool pid1_place_has_cap(const struct pid1_place *place, unsigned capability);
/* "CAP_SYS_ADMIN" for 21; NULL for numbers without a name. */
const char *pid1_cap_name(unsigned capability);
/* Appends one line without newline: "pid 1, root, kernel 6.1.0, cgroup /sys/fs/cgroup/container-init (cpu memory pids,
 * kill), clone3, pidfd, close_range, all capabilities". */
MUST_CHECK int pid1_place_format(const struct pid1_place *place, struct str *ret);
