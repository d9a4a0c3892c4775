#include "socketact/listener_internal.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Word of the log for each kind: over IP, as a Unix socket. */
static const struct {
    const char *ip, *local;
    int type; /* of socket(2), 0: it is none */
} kinds[] = {
    [LISTEN_STREAM] = { "tcp", "unix", SOCK_STREAM },
    [LISTEN_DATAGRAM] = { "udp", "unixgram", SOCK_DGRAM },
    [LISTEN_SEQPACKET] = { "seqpacket", "unixpacket", SOCK_SEQPACKET },
    [LISTEN_FIFO] = { "fifo", "fifo", 0 },
    [LISTEN_KIND_COUNT - 1] = { NULL, NULL, 0 },
};

/* ---- sockets ---- */

static int new_socket(struct opening *o, int family, struct fd *ret)
{
    o->step = "creating the socket";
    int fd = socket(family, kinds[o->listener->kind].type | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    *ret = fd_own(fd);
    return 0;
}

static int open_path(struct opening *o, const struct socket_address *address)
{
    AUTO_FD struct fd fd = FD_NONE;
    const char *path = o->listener->path;
    int r = new_socket(o, AF_UNIX, &fd);
    if (r < 0) return r;
    o->step = "making its directory";
    r = node_make_parents(path, o->settings->socket->directory_mode);
    if (r < 0) return r;
    o->step = "removing what is in its place";
    r = node_remove_stale(path, S_IFSOCK);
    if (r < 0) return r;
    o->step = "binding";
    r = node_bind(fd.n, address);
    if (r < 0) return r;
    o->listener->fd = fd_take(&fd);
    return node_set_rights(o);
}

static int open_ip(struct opening *o, const struct socket_address *address, bool dual_stack)
{
    static const int on = 1, off = 0;
    AUTO_FD struct fd fd = FD_NONE;
    int r = new_socket(o, address->any.sa_family, &fd);
    if (r < 0) return r;
    o->step = "setting its options";
    if (setsockopt(fd.n, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0) return -errno;
    if (dual_stack && setsockopt(fd.n, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) < 0) return -errno;
    o->step = "binding";
    if (bind(fd.n, &address->any, address->length) < 0) return -errno;
    o->listener->fd = fd_take(&fd);
    return 0;
}

/* D19: [::] serves both families; without IPv6 there is only one. */
static int open_any(struct opening *o, struct socket_address *address)
{
    int r = open_ip(o, address, true);
    if (r != -EAFNOSUPPORT && r != -EADDRNOTAVAIL && r != -EPROTONOSUPPORT) return r;
    in_port_t port = address->ip6.sin6_port;
    *address = (struct socket_address){
        .ip4 = { .sin_family = AF_INET, .sin_port = port, .sin_addr.s_addr = htonl(INADDR_ANY) },
        .length = sizeof address->ip4,
    };
    return open_ip(o, address, false);
}

static int open_abstract(struct opening *o, const struct socket_address *address)
{
    AUTO_FD struct fd fd = FD_NONE;
    int r = new_socket(o, AF_UNIX, &fd);
    if (r < 0) return r;
    o->step = "binding";
    if (bind(fd.n, &address->any, address->length) < 0) return -errno;
    o->listener->fd = fd_take(&fd);
    return 0;
}

static int open_socket(struct opening *o, const struct address *parsed)
{
    struct listener *listener = o->listener;
    struct socket_address address;
    o->step = parsed->kind == ADDRESS_HOST ? "looking up the host name in /etc/hosts" : "reading the address";
    int r = socket_address_make(parsed, NULL, &address);
    if (r < 0) return r;
    switch (parsed->kind) {
    case ADDRESS_PATH:
        r = open_path(o, &address);
        break;
    case ADDRESS_ABSTRACT:
        r = open_abstract(o, &address);
        break;
    case ADDRESS_ANY:
        r = open_any(o, &address);
        break;
    case ADDRESS_IPV4:
    case ADDRESS_IPV6:
    case ADDRESS_HOST:
        r = open_ip(o, &address, false);
        break;
    }
    if (r < 0) return r;
    (void)socket_address_format(&address, listener->address);
    if (!listen_kind_accepts(listener->kind)) return 0;
    o->step = "listening";
    return listen(listener->fd.n, (int)MIN_OF(o->settings->socket->backlog, (uint32_t)INT_MAX)) < 0 ? -errno : 0;
}

/* ---- all of them ---- */

/* A listener without a descriptor, and its address where it is a socket. */
static int new_listener(const struct socket_listen *listen, struct address *ret_address, struct listener **ret)
{
    bool is_socket = kinds[listen->kind].type != 0, is_local = true;
    if (!kinds[listen->kind].ip) return -EPROTONOSUPPORT;
    if (is_socket) {
        int r = address_parse(listen->text, ret_address);
        if (r < 0) return r;
        is_local = address_is_unix(ret_address);
    }
    struct listener *listener = calloc(1, sizeof *listener);
    if (!listener) return -ENOMEM;
    listener->fd = FD_NONE;
    listener->kind = listen->kind;
    listener->network = is_local ? kinds[listen->kind].local : kinds[listen->kind].ip;
    (void)snprintf(listener->address, sizeof listener->address, "%s", listen->text);
    if (!is_socket)
        listener->path = strdup(listen->text);
    else if (ret_address->kind == ADDRESS_PATH)
        listener->path = strndup(ret_address->name, ret_address->name_length);
    if (!listener->path && (!is_socket || ret_address->kind == ADDRESS_PATH)) {
        free(listener);
        return -ENOMEM;
    }
    *ret = listener;
    return 0;
}

int listener_open(const struct socket_listen *listen, const struct listener_settings *settings,
                  struct listener **ret_listener, struct socket_option_report *report, const char **ret_step)
{
    struct opening o = { .settings = settings, .report = report, .step = "reading the address" };
    struct address parsed;
    int r = new_listener(listen, &parsed, &o.listener);
    if (r == 0) r = kinds[listen->kind].type != 0 ? open_socket(&o, &parsed) : fifo_open(&o);
    *ret_step = o.step;
    if (r < 0) {
        listener_free(o.listener, true);
        return r;
    }
    *ret_listener = o.listener;
    return 0;
}

int listener_adopt_take(const struct socket_listen *listen, struct fd fd, struct listener_node node,
                        struct listener **ret_listener)
{
    AUTO_FD struct fd owned = fd;
    struct socket_address address = { .length = sizeof address.room };
    struct address parsed;
    if (kinds[listen->kind].type != 0 && getsockname(fd.n, &address.any, &address.length) < 0) return -errno;
    int r = new_listener(listen, &parsed, ret_listener);
    if (r < 0) return r;
    struct listener *listener = *ret_listener;
    if (kinds[listen->kind].type != 0) (void)socket_address_format(&address, listener->address);
    listener->fd = fd_take(&owned);
    listener->node = node;
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

void listener_remove_node(const char *path, enum listen_kind kind, struct listener_node node)
{
    if (node_is(path, kind == LISTEN_FIFO ? S_IFIFO : S_IFSOCK, node)) (void)unlink(path); /* gone already is as good */
}

void listener_free(struct listener *listener, bool remove_node)
{
    if (!listener) return;
    /* Before the socket is closed: its inode number could be given out again. */
    if (remove_node && listener->path) listener_remove_node(listener->path, listener->kind, listener->node);
    fd_close(&listener->fd);
    free(listener->path);
    free(listener);
}

int listener_fd(const struct listener *listener)
{
    return listener->fd.n;
}

enum listen_kind listener_kind(const struct listener *listener)
{
    return listener->kind;
}

const char *listener_network(const struct listener *listener)
{
    return listener->network;
}

const char *listener_address(const struct listener *listener)
{
    return listener->address;
}
