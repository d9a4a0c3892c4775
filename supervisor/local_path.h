/* supervisor/local_path.h - may this path be touched by PID 1 itself, without risk of waiting for a dead server?
 *
 * Decided by the kernel's own path walk, told not to leave the mount it begins in (openat2(2), RESOLVE_NO_XDEV), and by
 * mountinfo for what begins in another mount: nothing below a foreign mount is touched to find out. Source:
 * ARCHITECTURE.md "One loop, never blocking"; proc(5) /proc/[pid]/mountinfo. */
#pragma once
#include "base/attr.h"

/* The absolute path lies on the root file system or on a tmpfs, with every link in it, or it certainly does not exist.
 * Without openat2() or mountinfo: false where that cannot be said. */
bool local_path_is(const char *path);
