/* supervisor/mounts.h - what is mounted, and being told when that changes.
 *
 * The kernel reports a change of the mount table as EPOLLPRI on /proc/self/mountinfo. Opened when the first unit asks
 * for it; every unit whose type has `mounts_changed` is told. Source: proc(5) /proc/[pid]/mountinfo. */
#pragma once
#include "base/attr.h"

struct manager;
struct mounts;

/* From now on units are told. 0, also when it was so already; -errno: /proc is not there. */
MUST_CHECK int mounts_watch(struct manager *manager);
void mounts_free(struct manager *manager);
/* Something is mounted at this path. *ret_autofs (may be NULL): what is on top is an autofs. 1, 0, -errno. */
MUST_CHECK int mounts_has(const char *path, bool *ret_autofs);
