#include "supervisor/child_directory.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "supervisor/child.h"
#include "supervisor/sys.h"

#define COMPONENT_SIZE 256 /* NAME_MAX and the final NUL */
#define TREE_DEPTH     64

#define STATX_WANTED (STATX_TYPE | STATX_MODE | STATX_UID | STATX_GID)

/* Nobody but root or us can change what its names mean. */
static bool directory_is_trusted(int fd, unsigned own_uid)
{
    struct statx st;
    if (sys_statx(fd, "", AT_EMPTY_PATH, STATX_WANTED, &st) < 0) return false;
    return (st.stx_uid == 0 || st.stx_uid == own_uid) && !(st.stx_mode & 022);
}

/* Copies the next component of *path to `name` and steps over it. 1, 0 at the end, -ENAMETOOLONG. */
static int path_next(const char **path, char *name)
{
    const char *at = *path;
    while (*at == '/') at++;
    if (!*at) return 0;
    uint32_t length = 0;
    for (; at[length] && at[length] != '/'; length++) {
        if (length + 1 >= COMPONENT_SIZE) return -ENAMETOOLONG;
        name[length] = at[length];
    }
    name[length] = '\0';
    *path = at + length;
    return 1;
}

static bool path_at_end(const char *path)
{
    while (*path == '/') path++;
    return !*path;
}

/* Opens the directory `name` of `parent`, making it with `mode` where it is missing. */
static int directory_step(int parent, const char *name, int flags, unsigned mode, bool may_follow)
{
    flags |= O_DIRECTORY | O_CLOEXEC;
    int fd = sys_openat(parent, name, flags | O_NOFOLLOW, 0);
    if (fd == -ENOENT) {
        int r = sys_mkdirat(parent, name, mode);
        if (r < 0 && r != -EEXIST) return r;
        fd = sys_openat(parent, name, flags | O_NOFOLLOW, 0);
    }
    if (fd != -ENOTDIR && fd != -ELOOP) return fd;
    if (may_follow) return sys_openat(parent, name, flags, 0);
    struct statx st;
    int r = sys_statx(parent, name, AT_SYMLINK_NOFOLLOW, STATX_TYPE, &st);
    return r == 0 && S_ISLNK(st.stx_mode) ? -ELOOP : fd;
}

/* From `fd`, which is consumed, down `path`; `is_last` says that the path's end is the directory itself. */
static int directory_walk(int fd, const char *path, bool is_last, unsigned own_uid)
{
    char name[COMPONENT_SIZE];
    int r;
    while ((r = path_next(&path, name)) > 0) {
        bool last = is_last && path_at_end(path);
        bool may_follow = !last && directory_is_trusted(fd, own_uid);
        int next = directory_step(fd, name, last ? O_RDONLY : O_PATH, last ? 0700 : 0755, may_follow);
        (void)sys_close(fd); /* a directory: nothing is lost */
        if (next < 0) return next;
        fd = next;
    }
    if (r == 0) return fd;
    (void)sys_close(fd); /* as above */
    return r;
}

/* The descriptors from the top of a tree to the directory being read, and how far each was read. */
struct tree_walk {
    int64_t offsets[TREE_DEPTH];
    int fds[TREE_DEPTH];
    int depth;
    _Alignas(struct sys_dirent) char buffer[1024];
};
_Static_assert(sizeof(struct tree_walk) <= CHILD_SCRATCH_SIZE, "it is kept in the plan's scratch memory");

/* One entry: 1 when the walk went down into it, 0 or -errno. */
static int tree_visit(struct tree_walk *walk, const struct child_directory *to, const struct sys_dirent *entry)
{
    const char *name = entry->name;
    if (name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2]))) return 0;
    int parent = walk->fds[walk->depth];
    walk->offsets[walk->depth] = entry->offset;
    int r = sys_fchownat(parent, name, to->uid, to->gid, AT_SYMLINK_NOFOLLOW);
    if (r < 0) return r == -ENOENT ? 0 : r;
    int fd = sys_openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
    if (fd == -ENOTDIR || fd == -ELOOP || fd == -ENOENT) return 0;
    if (fd < 0) return fd;
    if (walk->depth + 1 == TREE_DEPTH) {
        (void)sys_close(fd); /* refused */
        return -ELOOP;
    }
    walk->fds[++walk->depth] = fd;
    walk->offsets[walk->depth] = 0;
    return 1;
}

/* Hands everything below `top` over. After a walk further down the rest of a buffer is stale: the directory is read
 * again from where it was left. */
static int tree_change_owner(int top, const struct child_directory *to, struct tree_walk *walk)
{
    walk->depth = 0;
    walk->fds[0] = top;
    int r = 0;
    while (walk->depth >= 0) {
        int fd = walk->fds[walk->depth];
        long size = sys_getdents(fd, walk->buffer, sizeof walk->buffer);
        if (size <= 0) {
            if (size < 0) r = (int)size;
            if (walk->depth > 0) (void)sys_close(fd); /* was only read; the top is the caller's */
            walk->depth--;
            if (walk->depth >= 0 && r == 0) r = sys_seek(walk->fds[walk->depth], walk->offsets[walk->depth]);
            if (r < 0) break;
            continue;
        }
        for (long at = 0; at < size;) {
            const struct sys_dirent *entry = (const struct sys_dirent *)(const void *)(walk->buffer + at);
            r = tree_visit(walk, to, entry);
            if (r != 0) break;
            at += entry->length;
        }
        if (r < 0) break;
        r = 0;
    }
    for (; walk->depth > 0; walk->depth--) (void)sys_close(walk->fds[walk->depth]); /* were only read */
    return r;
}

static int directory_set_up(int fd, const struct child_directory *directory, void *scratch)
{
    struct statx st;
    int r = sys_statx(fd, "", AT_EMPTY_PATH, STATX_WANTED, &st);
    if (r < 0) return r;
    if (directory->set_owner && (st.stx_uid != directory->uid || st.stx_gid != directory->gid)) {
        r = tree_change_owner(fd, directory, scratch);
        if (r < 0) return r;
        r = sys_fchownat(fd, "", directory->uid, directory->gid, AT_EMPTY_PATH);
        if (r < 0) return r;
    } else if ((st.stx_mode & 07777) == directory->mode) {
        return 0;
    }
    return sys_fchmod(fd, directory->mode);
}

int child_make_directory(const struct child_directory *directory, void *scratch)
{
    unsigned own_uid = sys_geteuid();
    int fd = sys_openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
    if (fd >= 0) fd = directory_walk(fd, directory->below, false, own_uid);
    if (fd >= 0) fd = directory_walk(fd, directory->path, true, own_uid);
    if (fd < 0) return fd;
    int r = directory_set_up(fd, directory, scratch);
    (void)sys_close(fd); /* was only read */
    return r;
}
