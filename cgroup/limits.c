#include "cgroup/limits.h"

#include <inttypes.h>
#include <stdio.h>

#include "cgroup/internal.h"
#include "cgroup/leaf.h"

/* clang-format off */
static const struct limit {
    const char *file;
    uint64_t min, max;
    enum cg_controller controller;
    bool infinity;
} limits[CG_LIMIT_COUNT] = {
    [CG_MEMORY_MIN]      = { "memory.min",      0, INT64_MAX, CG_MEMORY,  true  },
    [CG_MEMORY_LOW]      = { "memory.low",      0, INT64_MAX, CG_MEMORY,  true  },
    [CG_MEMORY_HIGH]     = { "memory.high",     0, INT64_MAX, CG_MEMORY,  true  },
    [CG_MEMORY_MAX]      = { "memory.max",      0, INT64_MAX, CG_MEMORY,  true  },
    [CG_MEMORY_SWAP_MAX] = { "memory.swap.max", 0, INT64_MAX, CG_MEMORY,  true  },
    [CG_PIDS_MAX]        = { "pids.max",        0, INT32_MAX, CG_PIDS,    true  },
    [CG_CPU_WEIGHT]      = { "cpu.weight",      1, 10000,     CG_CPU,     false },
    [CG_IO_WEIGHT]       = { "io.weight",       1, 10000,     CG_IO,      false },
    [CG_HUGETLB_2M_MAX]  = { "hugetlb.2MB.max", 0, INT64_MAX, CG_HUGETLB, true  },
};
/* clang-format on */

static int plain_write(int root_dirfd, const char *name, const char *file, const char *text, void *userdata)
{
    (void)userdata;
    char path[NAME_MAX + 64];
    int n = snprintf(path, sizeof path, "%s/%s", name, file);
    if (n < 0 || (size_t)n >= sizeof path) return -ENAMETOOLONG;
    return file_write_small(root_dirfd, path, text);
}

static const struct cg_limit_ops plain_ops = { .write = plain_write };

static int limit_write(struct cg_leaf *leaf, enum cg_controller controller, const char *file, const char *text)
{
    struct cg_root *root = cg_leaf_root(leaf);
    int r = cg_root_enable(root, controller);
    if (r < 0) return -ENOENT; /* why is in cg_root_controllers_reason() */
    const struct cg_limit_ops *ops = root->limit_ops ? root->limit_ops : &plain_ops;
    return ops->write(cg_root_dirfd(root), cg_leaf_name(leaf), file, text, ops->userdata);
}

int cg_limit_set(struct cg_leaf *leaf, enum cg_limit limit, uint64_t value)
{
    const struct limit *l = &limits[limit];
    char text[DECIMAL_MAX(uint64_t)] = "max";
    if (value == CG_LIMIT_INFINITY) {
        if (!l->infinity) return -ERANGE;
    } else {
        if (value < l->min || value > l->max) return -ERANGE;
        (void)snprintf(text, sizeof text, "%" PRIu64, value); /* fits by DECIMAL_MAX */
    }
    return limit_write(leaf, l->controller, l->file, text);
}

int cg_limit_set_cpu_max(struct cg_leaf *leaf, usec_t quota, usec_t period)
{
    if (period < USEC_PER_MSEC || period > USEC_PER_SEC) return -ERANGE;
    char text[2 * DECIMAL_MAX(usec_t)];
    if (quota == USEC_INFINITY) {
        (void)snprintf(text, sizeof text, "max %" PRIu64, period); /* fits by DECIMAL_MAX */
    } else {
        /* The kernel refuses quotas below 1 ms. */
        if (quota < USEC_PER_MSEC || quota > INT64_MAX / 1000) return -ERANGE;
        (void)snprintf(text, sizeof text, "%" PRIu64 " %" PRIu64, quota, period); /* fits by DECIMAL_MAX */
    }
    return limit_write(leaf, CG_CPU, "cpu.max", text);
}

const char *cg_limit_file(enum cg_limit limit)
{
    return limits[limit].file;
}

void cg_root_set_limit_ops(struct cg_root *root, const struct cg_limit_ops *ops)
{
    root->limit_ops = ops;
}
