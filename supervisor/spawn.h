/* supervisor/spawn.h - plan -> process: clone3 into the leaf with a pidfd, and proof of the exec.
 *
 * The child shares our memory until it execs (CLONE_VM without CLONE_VFORK, neither page tables copied nor PID 1
 * stopped) unless the plan forbids it (OOMScoreAdjust=); its stack and plan are kept until the status pipe is at its
 * end. Where clone3 is refused, clone(CLONE_PIDFD) is used and the child enters its leaf before anything else. Source:
 * clone(2), ARCHITECTURE.md "Processes". */
#pragma once
#include "base/attr.h"
#include "base/fd.h"
#include "base/loop.h"
#include "supervisor/exec_plan.h"
#include <sys/types.h>

struct cg_leaf;
struct slot_pool;
struct spawner;
/* One per manager: capabilities learnt at run time (clone3, CLONE_INTO_CGROUP, close_range), pool of child stacks. */
MUST_CHECK int spawner_new(struct loop *loop, struct spawner **ret_spawner);
void spawner_free(struct spawner *spawner);
DEFINE_AUTO(struct spawner, spawner_free)
/* There will be many descriptors: reserves what keeps starts cheap then (supervisor/pads.h). To be called while low
 * numbers are free, and not for nothing: each child copies and closes what is reserved. */
void spawner_expect_crowd(struct spawner *spawner);
/* Forces the fallbacks in tests: no clone3, no CLONE_VM, no CLONE_INTO_CGROUP. */
struct spawner_limits {
    bool no_clone3, no_clone_vm, no_into_cgroup, no_close_range;
};
void spawner_set_limits(struct spawner *spawner, struct spawner_limits limits);
/* For exec_request.slots. Borrowed; plans from it are freed before the spawner. */
struct slot_pool *spawner_slots(struct spawner *spawner);
/* What was refused so far, as errno, 0: nothing. The line `cgroup: cannot spawn into a cgroup (E)` is told from it. */
struct spawner_learnt {
    int clone3_error, into_cgroup_error;
    bool no_close_range;
};
void spawner_learnt(const struct spawner *spawner, struct spawner_learnt *ret);
/* Starts under way. */
size_t spawner_count(const struct spawner *spawner);

/* The outcome of the steps between clone and exec, told once: failure->stage NONE means the program runs (or was killed
 * before it could: its exit tells). failure->leaf_error, also with stage NONE: the child could not enter the leaf and
 * runs outside: procs_add(..., false). Called from the loop, or from spawn_drain(). After it the handle is gone. */
typedef void spawn_done_fn(const struct exec_failure *failure, void *userdata);

struct spawn; /* a start under way */
struct spawn_result {
    pid_t pid;
    struct fd pidfd;     /* the caller's */
    bool in_leaf;        /* created inside the leaf, or the child will enter it itself (see leaf_error above) */
    struct spawn *spawn; /* valid until the done callback */
};
/* Consumes the plan, also on failure. leaf may be NULL. 0 or -errno with *ret_failure filled in. The callback is never
 * called from within. */
MUST_CHECK int spawn_start(struct spawner *spawner, struct exec_plan *plan_take, struct cg_leaf *leaf,
                           spawn_done_fn *done, void *userdata, struct spawn_result *ret,
                           struct exec_failure *ret_failure);
/* Reads the status pipe now: after the child was reaped its report must be there. Calls back before it returns. */
void spawn_drain(struct spawn *spawn);
/* The owner goes away: no callback any more; stack and plan are still kept until end of file. */
void spawn_forget(struct spawn *spawn);
