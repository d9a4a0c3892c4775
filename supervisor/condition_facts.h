/* supervisor/condition_facts.h - what conditions are asked of: the machine, or in a test a directory and a few numbers.
 *
 * Kernel files and files of the image are read below `root`, so that a test (or whoever looks at an image from outside)
 * can put others there; what is no file can be given as a value. Source: systemd.unit(5) "CONDITIONS AND ASSERTS". */
#pragma once
#include "base/attr.h"
#include <sys/types.h>

struct str;
struct userdb;

/* All borrowed. Zero is: this machine, PID 1's user as root, no environment. */
struct condition_context {
    const char *root; /* in front of /proc, /sys, /run, /etc and /usr; NULL: nothing */
    char *const *environ;
    struct userdb *userdb; /* NULL: numbers and "root" only */
    uid_t uid;
    gid_t gid;
    const gid_t *groups; /* NULL: getgroups(2) */
    size_t n_groups;
    const char *release, *machine, *hostname; /* NULL: uname(2) */
    unsigned cpus;                            /* 0: sched_getaffinity(2) */
    uint64_t memory_bytes;                    /* of the machine; 0: sysinfo(2) */
};

/* `path` below the root. 0 or -ENOMEM; `out` is replaced. */
MUST_CHECK int fact_path(const struct condition_context *context, const char *path, struct str *out);
bool fact_exists(const struct condition_context *context, const char *path);
/* A small file without the blanks at its end. Its length, or -errno. */
MUST_CHECK int fact_read(const struct condition_context *context, const char *path, char *buffer, size_t size);
/* Any regular file, as it is. 0 or -errno. */
MUST_CHECK int fact_read_all(const struct condition_context *context, const char *path, struct str *out);

/* The kernel command line (in a container the one of PID 1) has "KEY", or "KEY=..." where `key` has no "=". */
MUST_CHECK int fact_command_line_has(const struct condition_context *context, const char *key);
/* "KEY" or "KEY=BOOLEAN" on it, the last one counts. 1: *ret is set, 0: it is not there or no boolean. -errno. */
MUST_CHECK int fact_command_line_bool(const struct condition_context *context, const char *key, bool *ret);

/* 2: the unified hierarchy, 1: an older one, -ENOMEDIUM: no hierarchy is mounted. */
int fact_cgroup_version(const struct condition_context *context);
/* Our group of `controller` (NULL: in the unified hierarchy), as /proc/self/cgroup has it. 0 or -errno. */
MUST_CHECK int fact_own_cgroup(const struct condition_context *context, const char *controller, struct str *out);
