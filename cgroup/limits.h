/* cgroup/limits.h - controller values of a leaf.
 *
 * Every setter goes through one function table of the root, so that tests (and hosts with other means) replace the
 * writer. Source: kernel Documentation/admin-guide/cgroup-v2.rst; systemd.resource-control(5). */
#pragma once
#include "base/attr.h"

struct cg_root;
struct cg_leaf;

enum cg_limit {
    CG_MEMORY_MIN,      /* bytes */
    CG_MEMORY_LOW,      /* bytes */
    CG_MEMORY_HIGH,     /* bytes, CG_LIMIT_INFINITY allowed, as for all below except the weights */
    CG_MEMORY_MAX,      /* bytes */
    CG_MEMORY_SWAP_MAX, /* bytes */
    CG_PIDS_MAX,        /* processes and threads */
    CG_CPU_WEIGHT,      /* 1..10000 */
    CG_IO_WEIGHT,       /* 1..10000 */
    CG_HUGETLB_2M_MAX,  /* bytes */
    CG_LIMIT_COUNT
};
#define CG_LIMIT_INFINITY UINT64_MAX

/* Enables the controller when it is offered and still off. 0; -ENOENT: it is off (cg_root_controllers_reason()) or this
 * kernel has no such file; -ERANGE: not a value for this limit; or what the write failed with. */
MUST_CHECK int cg_limit_set(struct cg_leaf *leaf, enum cg_limit limit, uint64_t value);
/* cpu.max: `quota` microseconds of processor time per `period` (1 ms..1 s); USEC_INFINITY lifts the bound. */
MUST_CHECK int cg_limit_set_cpu_max(struct cg_leaf *leaf, usec_t quota, usec_t period);
/* "memory.max", ... for messages. */
const char *cg_limit_file(enum cg_limit limit);

/* Writes `text` to `file` of the leaf's directory `name` below `root_dirfd`; 0 or -errno. */
struct cg_limit_ops {
    int (*write)(int root_dirfd, const char *name, const char *file, const char *text, void *userdata);
    void *userdata;
};
/* Borrowed until the root is freed; NULL restores plain writes to cgroupfs. */
void cg_root_set_limit_ops(struct cg_root *root, const struct cg_limit_ops *ops);
