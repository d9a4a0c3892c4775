/* pid1/reaper.h - the only caller of waitid(): exits to whoever registered the pid, all others counted as orphans.
 *
 * An exit is collected and handed out in one step; no other code of ours runs between the two, the registration is gone
 * before the callback is called, and the number of a collected process means nothing any more: signal through a pidfd
 * (ESRCH once it was collected), or ask reaper_has() first. So a reused pid is never signalled (K09). An exit collected
 * before its registration is kept for a while and delivered at registration (K82).
 * Source: waitid(2), pid_namespaces(7), prctl(2) PR_SET_CHILD_SUBREAPER. */
#pragma once
#include "base/attr.h"
#include <sys/types.h>

struct reaper;

struct child_exit {
    pid_t pid;
    int code;   /* CLD_EXITED, CLD_KILLED or CLD_DUMPED */
    int status; /* exit status for CLD_EXITED, else the signal */
    usec_t cpu; /* user and system time of the process and the children it waited for */
};
typedef void child_exit_fn(const struct child_exit *exit, void *userdata);

MUST_CHECK int reaper_new(struct reaper **ret_reaper);
void reaper_free(struct reaper *reaper);
DEFINE_AUTO(struct reaper, reaper_free)

/* The next exit of `pid` calls `fn` once, and is then forgotten. 0; 1 when it had ended before: `fn` was called
 * already, before this returns; -EEXIST: registered; -ENOMEM. */
MUST_CHECK int reaper_add(struct reaper *reaper, pid_t pid, child_exit_fn *fn, void *userdata);
/* Its exit will be an orphan's. Nothing happens for an unknown pid. */
void reaper_remove(struct reaper *reaper, pid_t pid);
/* Registered and not collected: the number still belongs to that process. */
bool reaper_has(const struct reaper *reaper, pid_t pid);
size_t reaper_count(const struct reaper *reaper);
/* Called for exits nobody registered; `fn` may be NULL. */
void reaper_set_orphan_fn(struct reaper *reaper, child_exit_fn *fn, void *userdata);
uint64_t reaper_orphans(const struct reaper *reaper);

/* Collects at most `max` exits. 1: there may be more (come back before waiting); 0: none is left for now; -errno never
 * for lack of children. Callbacks may add and remove registrations. */
MUST_CHECK int reaper_collect(struct reaper *reaper, unsigned max);
/* A child, registered or not, dead or alive, is still there; asks the kernel, collects nothing. */
bool reaper_any_child(const struct reaper *reaper);
