/* cgroup/leaf.h - one cgroup v2 leaf per running unit.
 *
 * A leaf exists before its first process and outlives its last one: clone3() enters it with CLONE_INTO_CGROUP, teardown
 * writes cgroup.kill and waits for "populated 0". A leaf keeps at most two descriptors, and none once cg_leaf_rest()
 * was called; what needs one opens it again. Source: kernel Documentation/admin-guide/cgroup-v2.rst; systemd.kill(5),
 * KillMode=control-group. */
#pragma once
#include "base/attr.h"
#include <sys/types.h>

struct cg_root;
struct cg_leaf;
struct str;

/* Creates or adopts base/<unit_name>. The caller owns *ret_leaf. The directory is named as the unit, except for names
 * the kernel or this program keeps for itself: see cg_leaf_escape(). -EROFS, -EACCES: nothing is delegated to us and
 * the unit runs without a leaf; -ENAMETOOLONG: more than NAME_MAX bytes; -EINVAL: empty name. *ret_leaf is untouched on
 * error. */
MUST_CHECK int cg_leaf_create(struct cg_root *root, const char *unit_name, struct cg_leaf **ret_leaf);
/* The same below the directories of a slice, each in the one it lies in: "a-b.slice" is a.slice/a-b.slice. NULL and
 * "-.slice": none. What is enabled for leaves is enabled below them too. */
MUST_CHECK int cg_leaf_create_in(struct cg_root *root, const char *slice, const char *unit_name,
                                 struct cg_leaf **ret_leaf);
/* Gives back memory and descriptors, leaves the directory. NULL is fine. */
void cg_leaf_free(struct cg_leaf *leaf);
DEFINE_AUTO(struct cg_leaf, cg_leaf_free)

/* The directory was there already, left by an earlier run: it may hold processes. */
bool cg_leaf_is_adopted(const struct cg_leaf *leaf);
/* May a process be cloned into it? Linux (seen up to 6.18) kills what CLONE_INTO_CGROUP makes in a cgroup that was ever
 * killed as a whole: it compares how often the creator's cgroup and this one were. A process may enter it by itself. An
 * adopted leaf may have been killed by whoever made it. */
bool cg_leaf_takes_clones(const struct cg_leaf *leaf);
/* Name of the directory below cg_root_path(), with those of its slices; borrowed. */
const char *cg_leaf_name(const struct cg_leaf *leaf);
/* For CLONE_INTO_CGROUP. Borrowed, valid until cg_leaf_rest() or cg_leaf_free(); opened again when needed. -errno. */
MUST_CHECK int cg_leaf_dirfd(struct cg_leaf *leaf);
/* cgroup.events: becomes EPOLLPRI-ready when "populated" changes (at most once per 10 ms, says the kernel). Borrowed,
 * kept open until cg_leaf_rest() or cg_leaf_free(). -errno. */
MUST_CHECK int cg_leaf_events_fd(struct cg_leaf *leaf);
/* Closes the descriptors of a leaf nobody waits for. */
void cg_leaf_rest(struct cg_leaf *leaf);

/* 1: cgroups were made in it; 0: none; -errno. */
MUST_CHECK int cg_leaf_has_children(struct cg_leaf *leaf);
/* 1 with a live process anywhere in the subtree (zombies do not count), 0 without or when the directory is gone,
 * -errno. */
MUST_CHECK int cg_leaf_is_populated(struct cg_leaf *leaf);
/* Opens cgroup.procs for writing: a child that writes "0" to it enters the leaf (where clone3 is refused). The caller
 * owns the descriptor, a close-on-exec one; -errno. */
MUST_CHECK int cg_leaf_open_procs(struct cg_leaf *leaf);
/* Moves a process there. -ESRCH: it has ended; -EACCES, -EBUSY, -EOPNOTSUPP: the kernel refused. */
MUST_CHECK int cg_leaf_add_process(struct cg_leaf *leaf, pid_t pid);

/* SIGKILL to the whole subtree; does not wait. Where the kernel has no cgroup.kill: cg_leaf_kill_by_pids(). 0 also when
 * the directory is gone. */
MUST_CHECK int cg_leaf_kill(struct cg_leaf *leaf);
/* The same with means of Linux 5.4: freezes, signals each listed process through a pidfd that was proved to belong to
 * the leaf, looks again until a pass finds nobody new, thaws. -EAGAIN: there were still new ones after the last pass.
 */
MUST_CHECK int cg_leaf_kill_by_pids(struct cg_leaf *leaf);
/* The same proof and walk for any signal, without freezing: each process of the subtree but `spare` (0: none) gets it
 * once, also those forked meanwhile. Returns how many were signalled, or -errno. */
MUST_CHECK int cg_leaf_signal(struct cg_leaf *leaf, int signal, pid_t spare);
MUST_CHECK int cg_leaf_freeze(struct cg_leaf *leaf, bool frozen);

/* How often the kernel has killed a process of the subtree for memory (memory.events, oom_kill). -ENOENT: there is no
 * memory controller. */
MUST_CHECK int cg_leaf_oom_kills(struct cg_leaf *leaf, uint64_t *ret_count);
/* memory.oom.group: the kernel then kills all of the leaf, or nobody. */
MUST_CHECK int cg_leaf_set_oom_group(struct cg_leaf *leaf);

/* Calls `fn` for each process of the subtree, nested cgroups included; a non-zero result of fn ends the walk and is
 * returned. A process outside our pid namespace is listed as 0. */
typedef int cg_leaf_pid_fn(pid_t pid, void *userdata);
MUST_CHECK int cg_leaf_list_pids(struct cg_leaf *leaf, cg_leaf_pid_fn *fn, void *userdata);

/* Removes the directory and the cgroups the service made in it, deepest first, to a depth of 64. -EBUSY: a process is
 * left. 0 also when it is gone already. Slices it was the last in go with it. The object stays and has to be freed. */
MUST_CHECK int cg_leaf_remove(struct cg_leaf *leaf);

/* The same for a leaf whose end is awaited, in one step: -EBUSY when a process or a nested cgroup is in it, or while
 * its events descriptor is open. */
MUST_CHECK int cg_leaf_remove_empty(struct cg_leaf *leaf);

/* Appends the directory name for a unit name: the name itself, or "_" and the name with control bytes, '/' and '\' as
 * \xHH when it begins with '_', '.' or "cgroup.", holds a control byte or '/', or is one of our own names
 * ("init.scope", "spawn-probe"). No two names meet (K97). -EINVAL: empty; -ENAMETOOLONG; -ENOMEM. */
MUST_CHECK int cg_leaf_escape(const char *unit_name, struct str *ret);
