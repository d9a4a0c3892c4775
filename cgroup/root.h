/* cgroup/root.h - where this container's part of the cgroup v2 hierarchy is, and what may be done there.
 *
 * Layout, below the cgroup PID 1 was started in ("own"):
 *     own/                                 controllers enabled here where possible
 *     own/container-init/                  "base": one directory per unit (cgroup/leaf.h)
 *     own/container-init/init.scope/       PID 1's own processes and every other process found in own
 * Processes have to leave `own` before the kernel lets controllers be enabled there ("no internal processes").
 * Source: kernel Documentation/admin-guide/cgroup-v2.rst; cgroup_namespaces(7); SEED.md S63. */
#pragma once
#include "base/attr.h"
#include <sys/types.h>

struct cg_root;

enum cg_controller { CG_CPU, CG_CPUSET, CG_IO, CG_MEMORY, CG_PIDS, CG_HUGETLB, CG_CONTROLLER_COUNT };
/* "cpu", "memory", ... */
const char *cg_controller_name(enum cg_controller controller);

#define CG_ON_DEMAND (1u << CG_CONTROLLER_COUNT)
struct cg_root_options {
    /* Bit 1 << CG_x: controllers to enable for leaves at once. 0 is all; CG_ON_DEMAND none. Each controller makes the
     * creation of a leaf dearer, so that one nobody asks for is better enabled by the first cg_limit_set(). */
    unsigned controllers;
    const char *proc;  /* where to read self/cgroup and self/mountinfo; NULL is "/proc" */
    bool leave_others; /* move only the calling process to init.scope (the default for a process that is not PID 1) */
    bool move_others;  /* move every process of `own`, also when the caller is not PID 1 */
};
/* Finds or makes the base directory. `options` may be NULL. On success the caller owns *ret_root. On failure *ret_root
 * is untouched, and *ret_reason (may be asked for with NULL) is a malloc'ed text for the line `cgroup-v2 unavailable
 * (REASON)`. -ENOENT: no cgroup2 hierarchy here; -EROFS, -EACCES, -EPERM: nothing is delegated to us; -EINVAL: the
 * hierarchy that is mounted does not contain our cgroup. That controllers stay off is not a failure:
 * cg_root_controllers_reason(). */
MUST_CHECK int cg_root_open(const struct cg_root_options *options, struct cg_root **ret_root, char **ret_reason);
/* Gives back the memory and the descriptor; leaves the directories. NULL is fine. No leaf may be used afterwards. */
void cg_root_free(struct cg_root *root);
DEFINE_AUTO(struct cg_root, cg_root_free)
/* At the end of the run: removes the empty leaf directories, switches the controllers off again that we switched on,
 * moves the calling process back and removes init.scope and base, then frees as cg_root_free(). Best effort; returns
 * the first errno negated, for a trace record. NULL is fine. */
int cg_root_close_all(struct cg_root *root);

/* Absolute path of base; borrowed. */
const char *cg_root_path(const struct cg_root *root);
/* Absolute path of `own` (memory snapshots read memory.current there); borrowed. */
const char *cg_root_own_path(const struct cg_root *root);
/* Borrowed descriptor of base. */
int cg_root_dirfd(const struct cg_root *root);
/* Enabled in base, so that leaves have the interface files of this controller. */
bool cg_root_has_controller(const struct cg_root *root, enum cg_controller controller);
/* Enables a controller for leaves, those that exist included. -ENOENT: the kernel does not offer it here (a v1
 * hierarchy may hold it); -EBUSY: processes are left in `own`. */
MUST_CHECK int cg_root_enable(struct cg_root *root, enum cg_controller controller);
/* The kernel offers it in `own`, enabled or not. */
bool cg_root_offers_controller(const struct cg_root *root, enum cg_controller controller);
/* NULL when everything that the kernel offers here is enabled; else why not, such as "controllers off: Device or
 * resource busy". Borrowed. */
const char *cg_root_controllers_reason(const struct cg_root *root);
/* cgroup.kill is there (Linux 5.14). */
bool cg_root_has_kill(const struct cg_root *root);
/* Moves what has been put into `own` since (an "exec" by the container runtime) to init.scope and, when controllers are
 * still off, tries to enable them again. Returns how many were moved, or -errno. */
int cg_root_gather(struct cg_root *root);
