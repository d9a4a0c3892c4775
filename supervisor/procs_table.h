/* supervisor/procs_table.h - the inside of struct procs_table: for procs.c, and procs_find.c, which fills in scans. */
#pragma once
#include "base/fd.h"
#include "base/vec.h"
#include "supervisor/id_map.h"
#include "supervisor/marks.h"
#include "supervisor/proc_scan.h"
#include "supervisor/procs.h"

/* A process procs_add() told of. Not alive: reaped, but its number still names a process group of the run. */
struct procs_member {
    struct procs_member *next;
    struct procs *run;
    pid_t pid;
    bool alive, in_leaf;
};

/* A process found in /proc. */
struct found {
    pid_t pid;
    uint32_t next;     /* of the same run, index + 1 */
    struct procs *run; /* NULL: nobody's */
    bool by_mark;      /* by its mark; else by `start` it is known again */
    uint64_t start;
};

struct procs_table {
    struct cg_root *root;
    struct fd proc; /* none: no /proc */
    struct mark_space marks;
    struct id_map runs;    /* mark -> struct procs */
    struct id_map members; /* pid -> struct procs_member */
    struct pid_list pids;  /* scratch */
    unsigned n_spare;      /* leaves of procs_prepare() */

    uint32_t serial;             /* of the scan; 0 is none */
    bool scan_valid, scan_stale; /* stale: something was reaped since */
    unsigned scans;              /* in this round */
    VEC(struct found) scan;      /* ascending pids */

    bool orphans_valid, children_unknown; /* unknown: no children file in this kernel */
    VEC(struct found) orphans;            /* our children that are nobody's member, with the run they belong to */
};

/* A member by pid, alive or not; NULL. */
struct procs_member *procs_member_of(const struct procs_table *table, pid_t pid);
/* Makes sure of a scan of this round; `fresh`: one in which nothing was reaped since. 0; -ENOENT without /proc. */
MUST_CHECK int procs_scan(struct procs_table *table, bool fresh);
/* The first process of a run in the scan, and the next; NULL at the end. */
struct found *procs_scan_first(struct procs_table *table, const struct procs *procs);
struct found *procs_scan_next(struct procs_table *table, const struct found *found);
/* Is it still that process, of that run, and alive? 1, 0. */
int procs_found_holds(struct procs_table *table, const struct found *found);
/* The process group of a child of ours that is of this run by its mark, alive or ended; 0 for others. The number is
 * that group's for as long as the child's exit is not collected. */
pid_t procs_found_group(struct procs_table *table, const struct found *found);
/* Has one of our own children that nobody told of this run? 1, 0, -errno. */
MUST_CHECK int procs_orphan_of(struct procs_table *table, const struct procs *procs);
