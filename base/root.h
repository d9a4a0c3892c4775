/* base/root.h - files of a system that lies in a directory: an image looked at from outside.
 *
 * A symbolic link in the image means what it would mean inside, and ".." does not lead out of it. Not meant against
 * somebody who changes the directory meanwhile. `root` NULL or "/" is the system itself. */
#pragma once
#include "base/attr.h"
#include "base/fd.h"
struct str;

/* The path inside the root, absolute and without links; appended. -ENOENT, -ENOTDIR, -ELOOP, -ENAMETOOLONG or what else
 * the kernel says, -ENOMEM. */
MUST_CHECK int root_resolve(const char *root, const char *path, struct str *out);
/* Opens what the path leads to; `flags` as of open(2), and O_CLOEXEC. -errno. */
MUST_CHECK int root_open(const char *root, const char *path, int flags, struct fd *ret);
