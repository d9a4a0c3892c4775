/* supervisor/procs.h - the processes of one unit: a cgroup leaf where there is one, else the mark its run carries.
 *
 * The choice is made per process by what happened to it, never by a manager-wide flag: a unit may have a leaf and
 * besides processes that could not be placed in it (K01, K02). Without leaves a process is found by its RLIMIT_LOCKS
 * value (inherited, readable in /proc/PID/limits without privilege), by session, process group and descent; each is
 * opened as a pidfd, its mark read again, then signalled; looked for until a pass finds none (K05-K08).
 * A mark names an interval of its own below our limit, from which a supervisor nested in the unit takes its marks, so
 * its services are still ours. Source: systemd.kill(5); ARCHITECTURE.md "Processes"; pidfd_send_signal(2), proc(5)
 * /proc/[pid]/limits. */
#pragma once
#include "base/attr.h"
#include <sys/types.h>

struct cg_root;
struct cg_leaf;
/* Shared by all units: hands out marks and reads /proc once per round for all who ask. */
struct procs_table;
MUST_CHECK int procs_table_new(struct cg_root *root_or_null, struct procs_table **ret_table);
void procs_table_free(struct procs_table *table);
DEFINE_AUTO(struct procs_table, procs_table_free)
/* A new round of the loop: what was read from /proc is stale. */
void procs_table_new_round(struct procs_table *table);

struct procs_member;
/* Embedded in a unit's runtime; zeroed means "no run". Its address does not change between begin and end. */
struct procs {
    struct cg_leaf *leaf; /* owned, NULL without cgroups */
    uint64_t mark;        /* RLIMIT_LOCKS value of this run's processes; 0: none could be had */
    bool outside;         /* some process of the run is not in the leaf */
    bool ending;    /* set by the owner: nothing will be started in it any more, so an empty leaf may go at once */
    bool of_socket; /* set by the owner once it has begun: embedded in a struct socket, not in a struct service */
    /* The rest is for procs.c alone. */
    struct cg_leaf *spare;            /* of procs_prepare(), for the next run; owned */
    bool leaf_removed;                /* while `ending` */
    bool empty;                       /* and nobody was added since */
    uint32_t scan_serial, scan_first; /* its processes in the table's scan of that number */
    struct procs_member *members;     /* what procs_add() told */
};
/* Begins a run: makes the leaf where possible (*ret_leaf_error is 0 or the -errno of a leaf that could not be made, for
 * the S16 line) and takes a fresh mark. */
MUST_CHECK int procs_begin(struct procs_table *table, struct procs *procs, const char *unit_name, int *ret_leaf_error);
/* The same with the leaf in a slice; NULL: in none. */
MUST_CHECK int procs_begin_in(struct procs_table *table, struct procs *procs, const char *slice, const char *unit_name,
                              int *ret_leaf_error);
/* Between runs: makes the leaf of the next one now, so that its start need not wait for it. The run takes it if it is
 * still what it was. Without effect where a run or a leaf is there already, where SPARE_LEAVES_AT_MOST are, and where
 * the leaf cannot be made or is not empty: the start will see to that. */
#define SPARE_LEAVES_AT_MOST 16
void procs_prepare(struct procs_table *table, struct procs *procs, const char *slice, const char *unit_name);
/* Removes it again. To be called before the struct goes, too. */
void procs_unprepare(struct procs_table *table, struct procs *procs);
/* A process was created for this run, inside the leaf or not. Told again with `in_leaf` false when it turned out that
 * it could not enter (spawn.h, leaf_error). Without memory to note it, it is found by its mark. */
void procs_add(struct procs_table *table, struct procs *procs, pid_t pid, bool in_leaf);
/* Its exit was collected: from now on its number is nobody's. */
void procs_remove(struct procs_table *table, struct procs *procs, pid_t pid);
/* The exit of a process nobody follows any more was collected; it may have been told by procs_add() once. */
void procs_reaped(struct procs_table *table, pid_t pid);
/* Nothing of the run is left. Exact after each reap of a child or orphan of that run; no waiting. Zombies do
 * not count. Costs one read of cgroup.events, or one of our own children list for all that ask between two reaps. */
bool procs_is_empty(struct procs_table *table, struct procs *procs);
/* Signals every process of the run but `spare` (0: none), followed by SIGCONT where the signal can be handled and
 * SIGHUP where asked (systemd.kill(5)). Returns how many were signalled, or -errno. */
int procs_signal(struct procs_table *table, struct procs *procs, int signal, pid_t spare, bool also_sighup);
/* SIGKILL to all: cgroup.kill where there is a leaf. Call again after reaps, or in the next round, until
 * procs_is_empty(): what was forked meanwhile is found then. Returns how many
 * were found outside a leaf (0: the kernel does it), or -errno. */
int procs_kill(struct procs_table *table, struct procs *procs);
/* For each live pid of the run, in no order, until fn returns non-zero. */
int procs_each(struct procs_table *table, struct procs *procs, int (*fn)(pid_t pid, void *userdata), void *userdata);
/* Is this pid one of the run's? 1, 0 or -errno. (PIDFile= contents, K78.) */
int procs_contains(struct procs_table *table, struct procs *procs, pid_t pid);
/* Children of a process that have ended, and that it has not waited for: nobody else can, while it lives (K81). */
struct zombies {
    unsigned count;
    pid_t first;
    char comm[64]; /* of the first; "" when it is not known */
};
/* 0; -ENOENT: the process is gone, or the kernel does not list children. */
MUST_CHECK int procs_zombies_of(struct procs_table *table, pid_t parent, struct zombies *ret);
/* The run is over and another follows at once: true when that may have the same leaf and mark, which is cheaper than a
 * new leaf. False where something may be left of this run, or where the kernel lets nobody be cloned into the leaf. */
bool procs_begin_again(struct procs_table *table, struct procs *procs);
/* Which run this process, alive or to be reaped, is of, by what procs_add() told or by its mark: *ret, NULL for none.
 * -ESRCH: there is no such process. -ENOENT: there is no /proc, and nobody told of it. */
MUST_CHECK int procs_run_of(struct procs_table *table, pid_t pid, struct procs **ret);
/* The run is over: removes the leaf (with sub-cgroups the service made) and forgets the mark. */
void procs_end(struct procs_table *table, struct procs *procs);
/* Which run an unregistered process belonged to is not known after its end; ask every stopping unit. */
/* /proc can be read: without it only process groups are found, and what left them is not (K92). */
bool procs_table_has_proc(const struct procs_table *table);
