#include "base/fd.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

void fd_close(struct fd *f)
{
    if (f->n < 0) return;
    int saved = errno;
    /* The descriptor is gone even after EINTR (close(2), NOTES), so nothing is retried. */
    (void)close(f->n);
    errno = saved;
    *f = FD_NONE;
}

int fd_openat(int dirfd, const char *path, int flags, unsigned mode, struct fd *ret)
{
    int n = openat(dirfd, path, flags | O_CLOEXEC | O_NOCTTY, (mode_t)mode);
    if (n < 0) return -errno;
    *ret = fd_own(n);
    return 0;
}

int fd_pipe(int flags, struct fd *ret_read, struct fd *ret_write)
{
    int ends[2];
    if (pipe2(ends, flags | O_CLOEXEC) < 0) return -errno;
    *ret_read = fd_own(ends[0]);
    *ret_write = fd_own(ends[1]);
    return 0;
}

int fd_dup(int fd, int lowest, struct fd *ret)
{
    int n = fcntl(fd, F_DUPFD_CLOEXEC, lowest);
    if (n < 0) return -errno;
    *ret = fd_own(n);
    return 0;
}

bool fd_is_near_limit(int fd)
{
    const rlim_t reserve = 128;
    struct rlimit limit; /* the soft one was raised to the hard one at the start */
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY) return false;
    return (rlim_t)fd >= limit.rlim_cur - MIN_OF(reserve, limit.rlim_cur / 2);
}

int fd_write_all(int fd, const void *data, size_t size)
{
    const char *next = data;
    while (size > 0) {
        ssize_t n = write(fd, next, size);
        if (n < 0) {
            if (errno == EINTR) continue;
            return -errno;
        }
        if (n == 0) return -EIO;
        next += n;
        size -= (size_t)n;
    }
    return 0;
}

static int check_regular(const struct stat *st)
{
    if (S_ISREG(st->st_mode)) return 0;
    return S_ISDIR(st->st_mode) ? -EISDIR : -ENXIO;
}

/* Reads until the end of the file into *buffer, which holds `capacity` bytes and is replaced when the file is longer
 * than it said. -EFBIG as soon as more than `max` bytes came. */
static int read_to_end(int fd, size_t max, char **buffer, size_t capacity, size_t *ret_size)
{
    size_t size = 0;
    for (;;) {
        if (size + 1 >= capacity) {
            capacity *= 2;
            char *larger = realloc(*buffer, capacity);
            if (!larger) return -ENOMEM;
            *buffer = larger;
        }
        ssize_t n = read(fd, *buffer + size, capacity - size - 1);
        if (n < 0) {
            if (errno == EINTR) continue;
            return -errno;
        }
        if (n == 0) break;
        size += (size_t)n;
        if (size > max) return -EFBIG;
    }
    (*buffer)[size] = '\0';
    *ret_size = size;
    return 0;
}

int file_read(int dirfd, const char *path, size_t max, char **ret_data, size_t *ret_size)
{
    struct stat st;
    if (fstatat(dirfd, path, &st, 0) < 0) return -errno;
    int r = check_regular(&st);
    if (r < 0) return r;

    /* O_NONBLOCK and the second look cover the path being replaced by a FIFO between the two calls. */
    AUTO_FD struct fd file = FD_NONE;
    r = fd_openat(dirfd, path, O_RDONLY | O_NONBLOCK, 0, &file);
    if (r < 0) return r;
    if (fstat(file.n, &st) < 0) return -errno;
    r = check_regular(&st);
    if (r < 0) return r;
    if ((uint64_t)st.st_size > max || (uint64_t)st.st_size > SIZE_MAX / 4) return -EFBIG;

    /* One byte for the NUL, one so that the read that finds the end needs no larger buffer. A pseudo file says 0. */
    size_t size = 0, capacity = st.st_size > 0 ? (size_t)st.st_size + 2 : 4096;
    char *buffer = malloc(capacity);
    if (!buffer) return -ENOMEM;
    r = read_to_end(file.n, max, &buffer, capacity, &size);
    if (r < 0) {
        free(buffer);
        return r;
    }
    *ret_data = buffer;
    *ret_size = size;
    return 0;
}

int file_read_small(int dirfd, const char *path, char *buffer, size_t size)
{
    if (size == 0 || size > INT_MAX) return -EINVAL;
    AUTO_FD struct fd file = FD_NONE;
    int r = fd_openat(dirfd, path, O_RDONLY, 0, &file);
    if (r < 0) return r;
    ssize_t n;
    do n = pread(file.n, buffer, size - 1, 0);
    while (n < 0 && errno == EINTR);
    if (n < 0) return -errno;
    buffer[n] = '\0';
    return (int)n;
}

int file_write_small(int dirfd, const char *path, const char *text)
{
    AUTO_FD struct fd file = FD_NONE;
    int r = fd_openat(dirfd, path, O_WRONLY, 0, &file);
    if (r < 0) return r;
    size_t size = strlen(text);
    ssize_t n;
    do n = write(file.n, text, size);
    while (n < 0 && errno == EINTR);
    if (n < 0) return -errno;
    return (size_t)n == size ? 0 : -EIO;
}
