/* base/beneath.h - opening files of another root directory, as if one had called chroot(2) first.
 *
 * ".." and symbolic links, absolute ones too, are followed inside the root and never lead out of it, so that an image
 * can be looked at from outside whatever it contains. openat2(2) with RESOLVE_IN_ROOT does this in one call; where the
 * kernel lacks it (before 5.6) or a filter forbids it, the path is walked component by component. */
#pragma once
#include "base/attr.h"
#include "base/fd.h"

/* `path` is taken from the root whether or not it begins with a slash. `flags` are open(2)'s without O_CREAT. 0 or
 * -errno; *ret is untouched on error. */
MUST_CHECK int beneath_open(int root, const char *path, int flags, struct fd *ret);
/* The same without openat2(2): for tests of the fallback. */
MUST_CHECK int beneath_open_walking(int root, const char *path, int flags, struct fd *ret);
