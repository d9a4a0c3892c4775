#include "socketact/listener_internal.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "socketact/socket_options.h"
#include "unit/address.h"
#include "unit/listen.h"

/* Word of the log for each kind: over IP, as a Unix socket. */
static const struct {
    const char *ip, *local;
    int type;                          /* of socket(2), 0: it is none */
    int (*open)(struct opening *open); /* then */
} kinds[LISTEN_KIND_COUNT] = {
    [LISTEN_STREAM] = { "tcp", "unix", SOCK_STREAM, NULL },
    [LISTEN_DATAGRAM] = { "udp", "unixgram", SOCK_DGRAM, NULL },
    [LISTEN_SEQPACKET] = { "seqpacket", "unixpacket", SOCK_SEQPACKET, NULL },
    [LISTEN_NETLINK] = { "netlink", "netlink", SOCK_RAW, NULL },
    [LISTEN_FIFO] = { "fifo", "fifo", 0, fifo_open },
    [LISTEN_SPECIAL] = { "special", "special", 0, special_open },
    [LISTEN_MESSAGE_QUEUE] = { "mqueue", "mqueue", 0, queue_open },
};

/* ---- sockets ---- */

/* SocketProtocol= of a kind that can have it. */
static int protocol_of(struct opening *o, const struct address *parsed)
{
    static const struct {
        int protocol;
        const char *word;
        enum listen_kind kind;
    } protocols[] = { { IPPROTO_SCTP, "sctp", LISTEN_STREAM },
                      { IPPROTO_MPTCP, "mptcp", LISTEN_STREAM },
                      { IPPROTO_UDPLITE, "udplite", LISTEN_DATAGRAM } };
    if (parsed->kind == ADDRESS_NETLINK) return (int)parsed->number;
    if (parsed->kind == ADDRESS_VSOCK || address_is_unix(parsed)) return 0;
    for (size_t i = 0; i < COUNT_OF(protocols); i++)
        if (protocols[i].protocol == o->settings->extra->protocol && protocols[i].kind == o->listener->kind) {
            o->listener->network = protocols[i].word;
            o->step = "SocketProtocol=";
            return protocols[i].protocol;
        }
    return 0;
}

/* With its options, before anybody can reach it. */
static int new_socket(struct opening *o, const struct address *parsed, int family, struct fd *ret)
{
    o->step = "creating the socket";
    int protocol = protocol_of(o, parsed), fd = socket(family, kinds[o->listener->kind].type | SOCK_CLOEXEC, protocol);
    if (fd < 0) return -errno;
    *ret = fd_own(fd);
    return socket_options_set(fd, family, o->settings->extra, o->report, &o->step);
}

static int open_path(struct opening *o, const struct address *parsed, const struct socket_address *address)
{
    AUTO_FD struct fd fd = FD_NONE;
    const char *path = o->listener->path;
    int r = new_socket(o, parsed, AF_UNIX, &fd);
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

enum ipv6_only { IPV6_ONLY_DEFAULT, IPV6_ONLY_NO, IPV6_ONLY_YES }; /* words_bind_ipv6_only */

static int open_ip(struct opening *o, const struct address *parsed, const struct socket_address *address)
{
    static const int on = 1;
    AUTO_FD struct fd fd = FD_NONE;
    int family = address->any.sa_family, only = o->settings->extra->bind_ipv6_only;
    int r = new_socket(o, parsed, family, &fd);
    if (r < 0) return r;
    o->step = "setting its options";
    if (setsockopt(fd.n, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0) return -errno;
    /* D19: digits only is both families; what an address of IPv6 means is otherwise the kernel's to say. */
    if (parsed->kind == ADDRESS_ANY && only == IPV6_ONLY_DEFAULT) only = IPV6_ONLY_NO;
    int value = only == IPV6_ONLY_YES;
    if (family == AF_INET6 && only != IPV6_ONLY_DEFAULT &&
        setsockopt(fd.n, IPPROTO_IPV6, IPV6_V6ONLY, &value, sizeof value) < 0)
        return -errno;
    o->step = "binding";
    if (bind(fd.n, &address->any, address->length) < 0) return -errno;
    o->listener->fd = fd_take(&fd);
    return 0;
}

/* D19: [::] serves both families; without IPv6 there is only one. */
static int open_any(struct opening *o, const struct address *parsed, struct socket_address *address)
{
    int r = open_ip(o, parsed, address);
    bool no_ipv6 = r == -EAFNOSUPPORT || r == -EADDRNOTAVAIL || r == -EPROTONOSUPPORT;
    if (!no_ipv6 || o->settings->extra->bind_ipv6_only == IPV6_ONLY_YES) return r;
    in_port_t port = address->ip6.sin6_port;
    *address = (struct socket_address){
        .ip4 = { .sin_family = AF_INET, .sin_port = port, .sin_addr.s_addr = htonl(INADDR_ANY) },
        .length = sizeof address->ip4,
    };
    return open_ip(o, parsed, address);
}

/* What has no node and is not IP. */
static int open_plain(struct opening *o, const struct address *parsed, const struct socket_address *address)
{
    AUTO_FD struct fd fd = FD_NONE;
    int r = new_socket(o, parsed, address->any.sa_family, &fd);
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
        r = open_path(o, parsed, &address);
        break;
    case ADDRESS_ABSTRACT:
    case ADDRESS_VSOCK:
    case ADDRESS_NETLINK:
        r = open_plain(o, parsed, &address);
        break;
    case ADDRESS_ANY:
        r = open_any(o, parsed, &address);
        break;
    case ADDRESS_IPV4:
    case ADDRESS_IPV6:
    case ADDRESS_HOST:
        r = open_ip(o, parsed, &address);
        break;
    }
    if (r < 0) return r;
    if (parsed->kind != ADDRESS_NETLINK) (void)socket_address_format(&address, listener->address);
    if (!listen_kind_accepts(listener->kind)) return 0;
    o->step = "listening";
    return listen(listener->fd.n, (int)MIN_OF(o->settings->socket->backlog, (uint32_t)INT_MAX)) < 0 ? -errno : 0;
}

/* ---- all of them ---- */

/* A listener without a descriptor. */
static int new_listener(const struct socket_listen *listen, struct address *ret_address, struct listener **ret)
{
    if (!kinds[listen->kind].ip) return -EPROTONOSUPPORT;
    int r = listen_parse(listen, ret_address);
    if (r < 0) return r;
    struct listener *listener = calloc(1, sizeof *listener);
    if (!listener) return -ENOMEM;
    listener->fd = FD_NONE;
    listener->kind = listen->kind;
    listener->network = ret_address->kind == ADDRESS_VSOCK ? "vsock"
                        : address_is_unix(ret_address)     ? kinds[listen->kind].local
                                                           : kinds[listen->kind].ip;
    (void)snprintf(listener->address, sizeof listener->address, "%s", listen->text); /* cut when it is longer */
    if (ret_address->kind == ADDRESS_PATH && !(listener->path = strndup(ret_address->name, ret_address->name_length))) {
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
    if (r == 0) r = kinds[listen->kind].open ? kinds[listen->kind].open(&o) : open_socket(&o, &parsed);
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
    bool is_socket = !kinds[listen->kind].open;
    if (is_socket && getsockname(fd.n, &address.any, &address.length) < 0) return -errno;
    int r = new_listener(listen, &parsed, ret_listener);
    if (r < 0) return r;
    struct listener *listener = *ret_listener;
    if (is_socket && parsed.kind != ADDRESS_NETLINK) (void)socket_address_format(&address, listener->address);
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
    if (kind == LISTEN_MESSAGE_QUEUE)
        queue_remove(path, node);
    else if (node_is(path, kind == LISTEN_FIFO ? S_IFIFO : S_IFSOCK, node))
        (void)unlink(path); /* gone already is as good */
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
