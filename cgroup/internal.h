/* cgroup/internal.h - what the files of this folder share and nobody else includes. */
#pragma once
#include "base/fd.h"
#include "base/vec.h"
#include "cgroup/limits.h"
#include "cgroup/root.h"
#include <signal.h>

struct cg_leaf;

struct cg_root {
    struct fd own, base;
    char *own_path, *path;
    char *controllers_reason;
    unsigned wanted, offered;           /* bit sets of enum cg_controller */
    unsigned own_enabled, base_enabled; /* in cgroup.subtree_control */
    unsigned own_added;                 /* by us, to be switched off again */
    bool has_kill, move_all, true_root;
    const struct cg_limit_ops *limit_ops;
};

#define CG_INIT_SCOPE "init.scope"
enum { CG_DEPTH_MAX = 64 };

typedef VEC(pid_t) cg_pids;
/* Appends the processes listed in `path`/cgroup.procs below dirfd; `path` "" means dirfd itself. A threaded cgroup (its
 * processes are listed by its domain) adds none. 0, -ENOENT, -ENODEV, -ENOMEM... */
MUST_CHECK int cg_read_procs(int dirfd, const char *path, cg_pids *pids);
/* The same for the whole subtree. A cgroup that vanishes meanwhile is skipped. */
MUST_CHECK int cg_read_procs_tree(int dirfd, const char *path, cg_pids *pids);
/* Makes the directory `path` below base, which must not hold processes, and enables there what is enabled in base. What
 * cannot be enabled is missed by who asks for it. 0, -errno. */
MUST_CHECK int cg_root_make_inner(struct cg_root *root, const char *path);
/* Removes `path` and the cgroups below it, deepest first. */
MUST_CHECK int cg_remove_tree(int dirfd, const char *path);

/* The path of the "0::" line of /proc/self/cgroup; the caller frees. -ENOENT without one, -EINVAL when it lies outside
 * our cgroup namespace ("/../..."). */
MUST_CHECK int cg_find_own(const char *proc_self_cgroup, char **ret_own);
/* Where `own` may be in the file system according to /proc/self/mountinfo, likeliest first: below each cgroup2 mount
 * whose root contains it. *ret_n_mounts counts all cgroup2 mounts. */
struct strlist;
MUST_CHECK int cg_find_directories(const char *mountinfo, const char *own, struct strlist *ret_paths,
                                   unsigned *ret_n_mounts);
/* Bit set of the controllers named in `text` (blank separated); unknown ones are not ours. */
unsigned cg_parse_controllers(const char *text);

/* What cg_leaf_signal() asks of the kernel; tests put a process elsewhere between the two calls. */
struct cg_signal_ops {
    int (*pidfd_open)(pid_t pid);
    int (*pidfd_send_signal)(int pidfd, int signal);
};
int cg_leaf_kill_by_pids_with(struct cg_leaf *leaf, const struct cg_signal_ops *ops);
int cg_leaf_signal_with(struct cg_leaf *leaf, int signal, pid_t spare, const struct cg_signal_ops *ops);
struct cg_root *cg_leaf_root(const struct cg_leaf *leaf);
