#include "base/beneath.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/vec.h"

/* As the kernel's own bound on links in one path. */
#define LINKS_MAX 40

/* The walk: the directories from the root down to where we are, and what of the path is left to go. */
struct walk {
    VEC(struct fd) parents;
    int root;
    unsigned links;
    char *rest; /* owned */
};

static void walk_done(struct walk *walk)
{
    for (size_t i = 0; i < walk->parents.count; i++) fd_close(&walk->parents.items[i]);
    vec_done(&walk->parents);
    free(walk->rest);
}

static int walk_here(const struct walk *walk)
{
    return walk->parents.count > 0 ? walk->parents.items[walk->parents.count - 1].n : walk->root;
}

static void walk_up(struct walk *walk)
{
    if (walk->parents.count > 0) fd_close(&walk->parents.items[--walk->parents.count]); /* the root is its own parent */
}

/* Puts the target of the link in front of what is left. */
static int walk_link(struct walk *walk, int link, const char *left)
{
    char target[PATH_MAX];
    if (++walk->links > LINKS_MAX) return -ELOOP;
    ssize_t length = readlinkat(link, "", target, sizeof target);
    if (length < 0) return -errno;
    if (length == 0 || (size_t)length + strlen(left) + 1 > PATH_MAX) return -ENAMETOOLONG;
    char *rest = malloc(PATH_MAX);
    if (!rest) return -ENOMEM;
    memcpy(rest, target, (size_t)length);
    memcpy(rest + length, left, strlen(left) + 1); /* empty, or begins with a slash */
    free(walk->rest);
    walk->rest = rest;
    while (rest[0] == '/' && walk->parents.count > 0) walk_up(walk);
    return 0;
}

/* One component that is not the last, or is a link: there is more to walk. 1 when it was the last and is no link: then
 * `name` is what to open in walk_here(). */
static int walk_component(struct walk *walk, const char *name, char *left, int flags)
{
    struct stat st;
    AUTO_FD struct fd fd = FD_NONE;
    if (strcmp(name, ".") == 0) return 0;
    if (strcmp(name, "..") == 0) {
        walk_up(walk);
        return 0;
    }
    bool last = left[strspn(left, "/")] == '\0';
    int r = fd_openat(walk_here(walk), name, O_PATH | O_NOFOLLOW, 0, &fd);
    if (r < 0) return r;
    if (fstat(fd.n, &st) < 0) return -errno;
    if (S_ISLNK(st.st_mode)) return last && (flags & O_NOFOLLOW) ? 1 : walk_link(walk, fd.n, left);
    if (last && *left == '\0') return 1;
    if (!S_ISDIR(st.st_mode)) return -ENOTDIR;
    r = vec_push(&walk->parents, fd);
    if (r == 0) (void)fd_take(&fd); /* belongs to the walk now */
    return r;
}

int beneath_open_walking(int root, const char *path, int flags, struct fd *ret)
{
    __attribute__((cleanup(walk_done))) struct walk walk = { .root = root };
    size_t length = strlen(path);
    char name[NAME_MAX + 1];
    if (length >= PATH_MAX) return -ENAMETOOLONG;
    walk.rest = strdup(path);
    if (!walk.rest) return -ENOMEM;
    for (char *next = walk.rest;;) {
        next += strspn(next, "/");
        if (*next == '\0') return fd_openat(walk_here(&walk), ".", flags, 0, ret);
        size_t n = strcspn(next, "/");
        if (n > NAME_MAX) return -ENAMETOOLONG;
        memcpy(name, next, n);
        name[n] = '\0';
        const char *before = walk.rest;
        unsigned links = walk.links;
        int r = walk_component(&walk, name, next + n, flags);
        if (r < 0) return r;
        /* O_NOFOLLOW: should a link have taken the place of the file since, it is not followed out of the root. */
        if (r > 0) return fd_openat(walk_here(&walk), name, flags | O_NOFOLLOW, 0, ret);
        next = walk.links != links || before != walk.rest ? walk.rest : next + n;
    }
}

int beneath_open(int root, const char *path, int flags, struct fd *ret)
{
    /* Flags that mean nothing together are an error here, and are not in open(2). */
    unsigned extra = flags & O_PATH ? O_CLOEXEC : O_CLOEXEC | O_NOCTTY;
    struct open_how how = { .flags = (unsigned)flags | extra, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS };
    long n = -1;
    /* EAGAIN: something on the way was renamed meanwhile, and the kernel could not be sure. */
    for (int tries = 0; tries < 8; tries++) {
        n = syscall(SYS_openat2, root, *path ? path : "/", &how, sizeof how);
        if (n >= 0 || errno != EAGAIN) break;
    }
    if (n >= 0) {
        *ret = fd_own((int)n);
        return 0;
    }
    if (errno != ENOSYS && errno != EPERM && errno != EAGAIN) return -errno;
    return beneath_open_walking(root, path, flags, ret);
}
