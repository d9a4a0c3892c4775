/* Nodes in the file system: their directories, what lies in their place, their rights. */
#include "socketact/listener_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452 /* Linux 6.6; one number on every architecture */
#endif

/* ---- directories ---- */

/* One component, made with exactly this mode under any umask and through no link that somebody else may have put
 * there. */
static int make_directory(int parent, const char *name, mode_t mode, struct fd *ret)
{
    bool made = mkdirat(parent, name, 0700) == 0;
    if (!made && errno != EEXIST) return -errno;
    if (!made) return fd_openat(parent, name, O_PATH | O_DIRECTORY, 0, ret);
    int r = fd_openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, ret);
    if (r < 0) return r;
    return fchmod(ret->n, mode) < 0 ? -errno : 0;
}

int node_make_parents(const char *path, mode_t mode)
{
    char name[NAME_MAX + 1];
    AUTO_FD struct fd at = FD_NONE;
    int r = fd_openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY, 0, &at);
    for (const char *component = path + strspn(path, "/"), *end; r == 0; component = end + strspn(end, "/")) {
        end = component + strcspn(component, "/");
        if (*end == '\0') break;
        if (end - component > NAME_MAX) return -ENAMETOOLONG;
        memcpy(name, component, (size_t)(end - component));
        name[end - component] = '\0';
        struct fd next = FD_NONE;
        r = fd_openat(at.n, name, O_PATH | O_DIRECTORY, 0, &next);
        if (r == -ENOENT) r = make_directory(at.n, name, mode, &next);
        fd_close(&at);
        at = fd_take(&next);
    }
    return r;
}

/* ---- the node ---- */

int node_remove_stale(const char *path, mode_t type)
{
    struct stat st;
    if (lstat(path, &st) < 0) return errno == ENOENT ? 0 : -errno;
    if ((st.st_mode & S_IFMT) != type) return -EEXIST;
    return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
}

bool node_is(const char *path, mode_t type, struct listener_node node)
{
    struct stat st;
    return lstat(path, &st) == 0 && (st.st_mode & S_IFMT) == type && st.st_dev == node.device &&
           st.st_ino == node.inode;
}

/* The kernel takes the node's mode from the unbound socket's, so that it is born with 0 (K47). A file system of sockets
 * that refuses this leaves the umask, which ACLs of the directory may overrule. */
int node_bind(int fd, const struct socket_address *address)
{
    mode_t old = 0;
    bool masked = fchmod(fd, 0) < 0;
    if (masked) old = umask(0777);
    int r = bind(fd, &address->any, address->length) < 0 ? -errno : 0;
    if (masked) (void)umask(old); /* cannot fail */
    return r;
}

/* Of the node itself: a link that replaced it meanwhile is not followed. */
static int change_mode(int node, const char *path, mode_t mode)
{
    if (syscall(SYS_fchmodat2, node, "", mode, AT_EMPTY_PATH) == 0) return 0;
    char through[sizeof "/proc/self/fd/" + DECIMAL_MAX(int)];
    (void)snprintf(through, sizeof through, "/proc/self/fd/%d", node);
    if (chmod(through, mode) == 0) return 0;
    if (errno != ENOENT) return -errno;
    return chmod(path, mode) < 0 ? -errno : 0; /* an old kernel without /proc */
}

int node_set_rights(struct opening *o)
{
    struct listener *listener = o->listener;
    const struct listener_settings *settings = o->settings;
    AUTO_FD struct fd node = FD_NONE;
    struct stat st;
    o->step = "looking at its node";
    if (lstat(listener->path, &st) < 0) return -errno;
    listener->node = (struct listener_node){ .device = st.st_dev, .inode = st.st_ino }; /* ours to remove from here */
    int r = fd_openat(AT_FDCWD, listener->path, O_PATH | O_NOFOLLOW, 0, &node);
    if (r < 0) return r;
    if (fstat(node.n, &st) < 0) return -errno;
    if (!S_ISSOCK(st.st_mode) || st.st_dev != listener->node.device || st.st_ino != listener->node.inode)
        return -ESTALE;
    o->step = "setting the owner";
    bool owned = (settings->uid == (uid_t)-1 || settings->uid == st.st_uid) &&
                 (settings->gid == (gid_t)-1 || settings->gid == st.st_gid);
    if (!owned && fchownat(node.n, "", settings->uid, settings->gid, AT_EMPTY_PATH) < 0) return -errno;
    o->step = "setting the mode";
    return change_mode(node.n, listener->path, settings->socket->socket_mode);
}
