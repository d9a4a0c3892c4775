/* supervisor/local_path.h - may this path be touched by PID 1 itself, without risk of waiting for a dead server?
 *
 * Decided by the kernel's own path walk, told not to leave the mount it begins in (openat2(2), RESOLVE_NO_XDEV), and by
 * mountinfo for what begins in another mount: nothing below a foreign mount is touched to find out. Before Linux 5.6,
 * and where openat2() is refused, the path is walked here, one component at a time, by the mount each lies in.
 * Source: ARCHITECTURE.md "One loop, never blocking"; proc(5) /proc/[pid]/mountinfo, /proc/[pid]/fdinfo. */
#pragma once
#include "base/attr.h"
#include "base/fd.h"

/* The absolute path lies on the root file system or on a tmpfs, with every link in it, or it certainly does not exist.
 * Without /proc: false where that cannot be said. */
bool local_path_is(const char *path);
/* The same for a pattern of glob(7). */
bool local_path_is_pattern(const char *pattern);
/* The same of an open descriptor, by the mount it lies in. */
bool local_path_has(int fd);
/* Opens a directory that is an entry of `dirfd` and lies in the same mount. -EXDEV: it lies in another one, which was
 * not touched; -ENOTDIR, also for a link; -ENOENT... */
MUST_CHECK int local_path_open_directory(int dirfd, const char *name, struct fd *ret);
/* The number of the mount that a descriptor lies in, from /proc. An O_PATH descriptor of a mount's top does not touch
 * its file system, and neither does asking for this. 0 or -errno. */
MUST_CHECK int local_path_mount_id(int fd, uint32_t *ret_id);
/* A line of mountinfo, which is taken apart: where, unescaped, and the type of the file system. */
bool local_path_parse_mount(char *line, char **ret_mount, char **ret_type);
