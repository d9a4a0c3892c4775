/* base/fd.h - owned descriptors and openers that are always close-on-exec.
 *
 * `struct fd` owns; a plain `int fd` parameter is borrowed. The types differ so that the compiler refuses to close what
 * was only lent. Source: open(2), pipe2(2), fcntl(2) F_DUPFD_CLOEXEC. */
#pragma once
#include "base/attr.h"
#include <errno.h>

struct fd {
    int n; /* -EBADF (any negative value) when empty */
};
#define FD_NONE ((struct fd){ -EBADF })

static inline struct fd fd_own(int n)
{
    return (struct fd){ n };
}
static inline struct fd fd_take(struct fd *from)
{
    struct fd taken = *from;
    *from = FD_NONE;
    return taken;
}
static inline bool fd_is_open(const struct fd *f)
{
    return f->n >= 0;
}
/* Closes and empties; nothing happens on an empty one. errno is kept. */
void fd_close(struct fd *f);
/* For locals: AUTO_FD struct fd f = FD_NONE; */
#define AUTO_FD __attribute__((cleanup(fd_close)))

/* openat(2) with O_CLOEXEC (and O_NOCTTY) added. 0 or -errno; *ret is untouched on error. */
MUST_CHECK int fd_openat(int dirfd, const char *path, int flags, unsigned mode, struct fd *ret);
/* pipe2(2) with O_CLOEXEC and `flags`. */
MUST_CHECK int fd_pipe(int flags, struct fd *ret_read, struct fd *ret_write);
/* A close-on-exec duplicate numbered at least `lowest`. */
MUST_CHECK int fd_dup(int fd, int lowest, struct fd *ret);
/* A number so close to RLIMIT_NOFILE that only what we need ourselves should have it, and not what others bring along:
 * the last 128, or the upper half of a lower limit. */
bool fd_is_near_limit(int fd);

/* Writes all of it to a blocking descriptor, retrying short writes and EINTR. */
MUST_CHECK int fd_write_all(int fd, const void *data, size_t size);
/* Reads a regular file whole. -EISDIR, -ENXIO (`FIFO`, device, socket: never opened for reading, so that nothing can
 * hang), -EFBIG above `max` bytes, -ENOENT, -EACCES... On success the caller owns *ret_data (free(3)), which carries a
 * final NUL that *ret_size does not count. `dirfd` may be AT_FDCWD. */
MUST_CHECK int file_read(int dirfd, const char *path, size_t max, char **ret_data, size_t *ret_size);
/* Reads up to size-1 bytes of a kernel pseudo file (/proc, cgroupfs) in one pread(2) at offset 0 and terminates them.
 * Returns the length or -errno. */
MUST_CHECK int file_read_small(int dirfd, const char *path, char *buffer, size_t size);
/* Opens for writing (no create, no truncate), writes once, closes. 0 or -errno; a short write is -EIO. */
MUST_CHECK int file_write_small(int dirfd, const char *path, const char *text);
