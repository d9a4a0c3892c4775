#include "socketact/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "socketact/address.h"

#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452 /* Linux 6.6; one number on every architecture */
#endif

struct listener {
    struct fd fd;
    char *path; /* NULL: no node */
    struct listener_node node;
    const char *network;
    char address[SOCKET_ADDRESS_TEXT_MAX];
};

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

/* Every directory above the last component; those that exist stay as they are. */
static int make_parents(const char *path, mode_t mode)
{
    char name[sizeof(((struct sockaddr_un *)NULL)->sun_path) + 1];
    AUTO_FD struct fd at = FD_NONE;
    int r = fd_openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY, 0, &at);
    for (const char *component = path + strspn(path, "/"), *end; r == 0; component = end + strspn(end, "/")) {
        end = component + strcspn(component, "/");
        if (*end == '\0') break;
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

/* What an earlier run left. Nothing but a socket is ever removed. */
static int remove_stale(const char *path)
{
    struct stat st;
    if (lstat(path, &st) < 0) return errno == ENOENT ? 0 : -errno;
    if (!S_ISSOCK(st.st_mode)) return -EEXIST;
    return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
}

static bool is_node(const char *path, struct listener_node node)
{
    struct stat st;
    return lstat(path, &st) == 0 && S_ISSOCK(st.st_mode) && st.st_dev == node.device && st.st_ino == node.inode;
}

/* The kernel takes the node's mode from the unbound socket's, so that it is born with 0 (K47). A file system of sockets
 * that refuses this leaves the umask, which ACLs of the directory may overrule. */
static int bind_without_rights(int fd, const struct socket_address *address)
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

static int set_rights(struct listener *listener, const struct listener_options *options, const char **step)
{
    AUTO_FD struct fd node = FD_NONE;
    struct stat st;
    *step = "looking at its node";
    if (lstat(listener->path, &st) < 0) return -errno;
    listener->node = (struct listener_node){ .device = st.st_dev, .inode = st.st_ino }; /* ours to remove from here */
    int r = fd_openat(AT_FDCWD, listener->path, O_PATH | O_NOFOLLOW, 0, &node);
    if (r < 0) return r;
    if (fstat(node.n, &st) < 0) return -errno;
    if (!S_ISSOCK(st.st_mode) || st.st_dev != listener->node.device || st.st_ino != listener->node.inode)
        return -ESTALE;
    *step = "setting the owner";
    bool owned = (options->uid == (uid_t)-1 || options->uid == st.st_uid) &&
                 (options->gid == (gid_t)-1 || options->gid == st.st_gid);
    if (!owned && fchownat(node.n, "", options->uid, options->gid, AT_EMPTY_PATH) < 0) return -errno;
    *step = "setting the mode";
    return change_mode(node.n, listener->path, options->socket_mode);
}

/* ---- opening ---- */

static int new_socket(int family, struct fd *ret)
{
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    *ret = fd_own(fd);
    return 0;
}

static int open_path(struct listener *listener, const struct address *parsed, const struct socket_address *address,
                     const struct listener_options *options, const char **step)
{
    AUTO_FD struct fd fd = FD_NONE;
    char *path = strndup(parsed->name, parsed->name_length);
    if (!path) return -ENOMEM;
    listener->path = path;
    *step = "creating the socket";
    int r = new_socket(AF_UNIX, &fd);
    if (r < 0) return r;
    *step = "making its directory";
    r = make_parents(path, options->directory_mode);
    if (r < 0) return r;
    *step = "removing what is in its place";
    r = remove_stale(path);
    if (r < 0) return r;
    *step = "binding";
    r = bind_without_rights(fd.n, address);
    if (r < 0) return r;
    listener->fd = fd_take(&fd);
    return set_rights(listener, options, step);
}

static int open_ip(struct listener *listener, const struct socket_address *address, bool dual_stack, const char **step)
{
    static const int on = 1, off = 0;
    AUTO_FD struct fd fd = FD_NONE;
    *step = "creating the socket";
    int r = new_socket(address->any.sa_family, &fd);
    if (r < 0) return r;
    *step = "setting its options";
    if (setsockopt(fd.n, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0) return -errno;
    if (dual_stack && setsockopt(fd.n, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) < 0) return -errno;
    *step = "binding";
    if (bind(fd.n, &address->any, address->length) < 0) return -errno;
    listener->fd = fd_take(&fd);
    return 0;
}

/* D19: [::] serves both families; without IPv6 there is only one. */
static int open_any(struct listener *listener, struct socket_address *address, const char **step)
{
    int r = open_ip(listener, address, true, step);
    if (r != -EAFNOSUPPORT && r != -EADDRNOTAVAIL && r != -EPROTONOSUPPORT) return r;
    in_port_t port = address->ip6.sin6_port;
    *address = (struct socket_address){
        .ip4 = { .sin_family = AF_INET, .sin_port = port, .sin_addr.s_addr = htonl(INADDR_ANY) },
        .length = sizeof address->ip4,
    };
    return open_ip(listener, address, false, step);
}

static int open_abstract(struct listener *listener, const struct socket_address *address, const char **step)
{
    AUTO_FD struct fd fd = FD_NONE;
    *step = "creating the socket";
    int r = new_socket(AF_UNIX, &fd);
    if (r < 0) return r;
    *step = "binding";
    if (bind(fd.n, &address->any, address->length) < 0) return -errno;
    listener->fd = fd_take(&fd);
    return 0;
}

static int open_parsed(struct listener *listener, const struct address *parsed, const struct listener_options *options,
                       const char **step)
{
    struct socket_address address;
    *step = parsed->kind == ADDRESS_HOST ? "looking up the host name in /etc/hosts" : "reading the address";
    int r = socket_address_make(parsed, NULL, &address);
    if (r < 0) return r;
    switch (parsed->kind) {
    case ADDRESS_PATH:
        r = open_path(listener, parsed, &address, options, step);
        break;
    case ADDRESS_ABSTRACT:
        r = open_abstract(listener, &address, step);
        break;
    case ADDRESS_ANY:
        r = open_any(listener, &address, step);
        break;
    case ADDRESS_IPV4:
    case ADDRESS_IPV6:
    case ADDRESS_HOST:
        r = open_ip(listener, &address, false, step);
        break;
    }
    if (r < 0) return r;
    listener->network = address_network(parsed);
    (void)socket_address_format(&address, listener->address);
    *step = "listening";
    return listen(listener->fd.n, (int)MIN_OF(options->backlog, (uint32_t)INT_MAX)) < 0 ? -errno : 0;
}

/* ---- public ---- */

int listener_open(const struct socket_listen *listen, const struct listener_options *options,
                  struct listener **ret_listener, const char **ret_step)
{
    const char *step = "reading the address";
    *ret_step = step;
    struct address parsed;
    if (listen->kind != LISTEN_STREAM) return -EPROTONOSUPPORT;
    int r = address_parse(listen->text, &parsed);
    if (r < 0) return r;
    struct listener *listener = calloc(1, sizeof *listener);
    if (!listener) return -ENOMEM;
    listener->fd = FD_NONE;
    r = open_parsed(listener, &parsed, options, ret_step);
    if (r < 0) {
        listener_free(listener, true);
        return r;
    }
    *ret_listener = listener;
    return 0;
}

int listener_adopt_take(const struct socket_listen *listen, struct fd fd, struct listener_node node,
                        struct listener **ret_listener)
{
    AUTO_FD struct fd owned = fd;
    struct socket_address address = { .length = sizeof address.room };
    struct address parsed;
    int r = address_parse(listen->text, &parsed);
    if (r < 0) return r;
    if (getsockname(fd.n, &address.any, &address.length) < 0) return -errno;
    struct listener *listener = calloc(1, sizeof *listener);
    if (!listener) return -ENOMEM;
    if (parsed.kind == ADDRESS_PATH && !(listener->path = strndup(parsed.name, parsed.name_length))) {
        free(listener);
        return -ENOMEM;
    }
    listener->fd = fd_take(&owned);
    listener->node = node;
    listener->network = address_network(&parsed);
    (void)socket_address_format(&address, listener->address);
    *ret_listener = listener;
    return 0;
}

struct listener_node listener_node(const struct listener *listener)
{
    return listener->node;
}

const char *listener_path(const struct listener *listener)
{
    return listener->path;
}

void listener_remove_node(const char *path, struct listener_node node)
{
    if (is_node(path, node)) (void)unlink(path); /* gone already is as good */
}

void listener_free(struct listener *listener, bool remove_node)
{
    if (!listener) return;
    /* Before the socket is closed: its inode number could be given out again. */
    if (remove_node && listener->path) listener_remove_node(listener->path, listener->node);
    fd_close(&listener->fd);
    free(listener->path);
    free(listener);
}

int listener_fd(const struct listener *listener)
{
    return listener->fd.n;
}

const char *listener_network(const struct listener *listener)
{
    return listener->network;
}

const char *listener_address(const struct listener *listener)
{
    return listener->address;
}
