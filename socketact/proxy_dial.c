/* From a client to its target. */
#include "socketact/proxy_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/parse.h"

/* SEED.md S57, but for the first pauses: a program that was just executed listens within a millisecond or two. */
#define TRY_MAX     (250 * USEC_PER_MSEC)
#define PAUSE_FIRST (USEC_PER_MSEC / 4)
#define PAUSE_MAX   (200 * USEC_PER_MSEC)

static void dial_try(struct proxy *p, struct connection *c);

void proxy_tune(int fd, sa_family_t family, bool may_vanish)
{
    static const int on = 1, idle = 120, interval = 30, count = 4;
    int is_set = 0;
    socklen_t size = sizeof is_set;
    if (family != AF_INET && family != AF_INET6) return;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); /* all of these are improvements, not needs */
    if (!may_vanish || getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &is_set, &size) < 0 || is_set) return;
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count);
}

/* ---- the target ---- */

/* A port of the ephemeral range that nobody listens on may be picked as the source port of the call to itself: TCP then
 * connects the socket with itself. */
static bool port_may_be_picked(uint16_t port)
{
    char text[64], *second;
    uint32_t low = 0, high = UINT16_MAX;
    if (file_read_small(AT_FDCWD, "/proc/sys/net/ipv4/ip_local_port_range", text, sizeof text) < 0) return true;
    text[strcspn(text, "\n")] = '\0';
    second = text + strcspn(text, "\t ");
    if (*second == '\0') return true;
    *second++ = '\0';
    if (parse_u32(text, 0, UINT16_MAX, &low) < 0 || parse_u32(second, 0, UINT16_MAX, &high) < 0) return true;
    return port >= low && port <= high;
}

static bool is_listener(const struct proxy_listener *l, struct socket_address to)
{
    struct socket_address own = { .length = sizeof own.room };
    if (l->fd < 0 || getsockname(l->fd, &own.any, &own.length) < 0) return false;
    if (own.any.sa_family == AF_UNIX) return own.length == to.length && memcmp(own.room, to.room, own.length) == 0;
    bool is_ip = own.any.sa_family == AF_INET || own.any.sa_family == AF_INET6;
    if (!is_ip || to.any.sa_family == AF_UNIX || own.ip4.sin_port != to.ip4.sin_port) return false; /* at one place */
    socket_address_unmap(&own);
    socket_address_unmap(&to);
    if (l->any_address || to.any.sa_family != own.any.sa_family) return l->any_address;
    return to.any.sa_family == AF_INET ? to.ip4.sin_addr.s_addr == own.ip4.sin_addr.s_addr
                                       : IN6_ARE_ADDR_EQUAL(&to.ip6.sin6_addr, &own.ip6.sin6_addr);
}

/* A name may get another address while clients come and go. The times of a file that was just written may be those of
 * the write before, its size is another then, or so is the file. */
static bool has_changed(struct proxy *p)
{
    struct stat now = { 0 };
    if (p->target.kind != ADDRESS_HOST) return false;
    const char *path = p->hosts_path ? p->hosts_path : "/etc/hosts";
    if (stat(path, &now) < 0) return false; /* what was known holds; or it is the look-up that fails */
    struct hosts_stamp stamp = { now.st_ino, now.st_size, now.st_mtim.tv_sec, now.st_mtim.tv_nsec };
    bool is_same = memcmp(&stamp, &p->hosts, sizeof stamp) == 0;
    p->hosts = stamp;
    return !is_same;
}

int proxy_resolve(struct proxy *p)
{
    struct socket_address found;
    if (!has_changed(p) && p->target_known) return 0;
    int r = socket_address_make(&p->target, p->hosts_path, &found);
    if (r < 0) return p->target_known ? 0 : r; /* a file may be written in two steps */
    p->target_address = found;
    p->loop_possible = false;
    const struct socket_address *to = &p->target_address;
    if (to->any.sa_family == AF_INET)
        p->target_is_near = ntohl(to->ip4.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
    else
        p->target_is_near = to->any.sa_family == AF_UNIX || IN6_IS_ADDR_LOOPBACK(&to->ip6.sin6_addr);
    p->self_possible = to->any.sa_family != AF_UNIX && port_may_be_picked(p->target.port);
    for (uint32_t i = 0; i < p->n_listeners; i++)
        p->loop_possible = p->loop_possible || is_listener(&p->listeners[i], *to);
    p->target_known = true;
    return 0;
}

static bool is_self_connected(int fd)
{
    struct socket_address own = { .length = sizeof own.room }, peer = { .length = sizeof peer.room };
    if (getsockname(fd, &own.any, &own.length) < 0 || getpeername(fd, &peer.any, &peer.length) < 0) return false;
    if (own.any.sa_family == AF_INET)
        return own.ip4.sin_port == peer.ip4.sin_port && own.ip4.sin_addr.s_addr == peer.ip4.sin_addr.s_addr;
    if (own.any.sa_family == AF_INET6)
        return own.ip6.sin6_port == peer.ip6.sin6_port &&
               memcmp(&own.ip6.sin6_addr, &peer.ip6.sin6_addr, sizeof own.ip6.sin6_addr) == 0;
    return false;
}

int proxy_bind_like(int fd, const struct sockaddr_in6 *peer, sa_family_t family)
{
    static const int on = 1;
    struct socket_address from = { .length = sizeof from.ip6 };
    memcpy(from.room, peer, sizeof *peer);
    if (family == AF_INET) socket_address_unmap(&from);
    if (from.any.sa_family != family) return -EAFNOSUPPORT;
    bool is_ip4 = family == AF_INET;
    from.ip4.sin_port = 0; /* at the same place in both */
    if (is_ip4) from.length = sizeof from.ip4;
    (void)setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on); /* saves ports */
    if (setsockopt(fd, is_ip4 ? IPPROTO_IP : IPPROTO_IPV6, is_ip4 ? IP_TRANSPARENT : IPV6_TRANSPARENT, &on, sizeof on) <
        0)
        return -errno;
    return bind(fd, &from.any, from.length) < 0 ? -errno : 0;
}

/* ---- trying ---- */

static void target_close(struct proxy *p, struct connection *c)
{
    struct end *target = &c->ends[TARGET];
    if (target->fd < 0) return;
    if (p->config.dial_by_asking) (void)epoll_ctl(p->epoll.n, EPOLL_CTL_DEL, target->fd, NULL);
    (void)close(target->fd);
    *target = (struct end){ .fd = -1 };
}

static void dial_failed(struct proxy *p, struct connection *c, int r)
{
    unsigned pause = c->pause;
    usec_t again = usec_add(p->now, MIN_OF(PAUSE_FIRST << pause, PAUSE_MAX));
    target_close(p, c);
    c->dial_error = r;
    if (again >= c->dial_until) {
        connection_note_error(c, r);
        connection_end(p, c);
        return;
    }
    if (c->pause < LIST_PAUSE_LAST - LIST_PAUSE) c->pause++;
    proxy_list_move(c, p, (enum connection_list)(LIST_PAUSE + pause), again);
}

static void dial_done(struct proxy *p, struct connection *c)
{
    char header[PROXY_HEADER_MAX];
    if (p->self_possible && is_self_connected(c->ends[TARGET].fd)) {
        dial_failed(p, c, -ECONNREFUSED);
        return;
    }
    int r = 0, size = BUFFER_SIZE;
    for (unsigned i = 0; p->has_packets && i < 2; i++) /* a packet has to fit in whole; systems have 208 KiB */
        (void)setsockopt(c->ends[i].fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    if (p->config.header != PROXY_HEADER_NO)
        r = way_prepend(&c->ways[CLIENT], header, proxy_header_make(p, c->ends[CLIENT].fd, &c->peer, header));
    proxy_list_move(c, p, LIST_COPYING, usec_add(p->now, p->config.idle_timeout));
    if (r == 0) return;
    connection_note_error(c, r);
    connection_end(p, c);
}

static int client_type(const struct connection *c)
{
    int type = SOCK_STREAM;
    socklen_t size = sizeof type;
    (void)getsockopt(c->ends[CLIENT].fd, SOL_SOCKET, SO_TYPE, &type, &size); /* it is a socket */
    return type;
}

static int target_poll(struct proxy *p, struct connection *c)
{
    return proxy_poll(p, c->ends[TARGET].fd, EPOLLIN | EPOLLOUT | EPOLLPRI | EPOLLRDHUP | EPOLLET, c, TAG_TARGET);
}

/* 1: connected; 0: under way. */
static int dial_begin(struct proxy *p, struct connection *c)
{
    int r = proxy_resolve(p);
    if (r < 0) return r;
    if (p->now >= c->dial_until) return c->dial_error ? c->dial_error : -ETIMEDOUT;
    if (p->config.dial_by_asking) {
        c->id = ++p->last_id;
        r = proxy_report_dial(p, c->id);
        if (r == 0) proxy_list_move(c, p, LIST_ASKED, usec_add(c->dial_until, USEC_PER_SEC));
        return r;
    }
    const struct socket_address *to = &p->target_address;
    sa_family_t family = to->any.sa_family;
    int type = family == AF_UNIX ? client_type(c) : SOCK_STREAM;
    int fd = socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return -errno;
    c->ends[TARGET] = (struct end){ .fd = fd, .to_the_end = family == AF_UNIX };
    proxy_tune(fd, family, !p->target_is_near);
    if (p->config.transparent && c->peer.sin6_family != AF_UNIX) {
        r = proxy_bind_like(fd, &c->peer, family);
        if (r < 0) return r;
    }
    bool is_connected = connect(fd, &to->any, to->length) == 0;
    /* EAGAIN of a unix socket: its backlog is full, and there is no event. */
    if (!is_connected && errno != EINPROGRESS) return -errno;
    r = target_poll(p, c);
    return r < 0 ? r : is_connected;
}

static void dial_try(struct proxy *p, struct connection *c)
{
    int r = dial_begin(p, c);
    if (r < 0)
        dial_failed(p, c, r);
    else if (r > 0)
        dial_done(p, c);
    else if (!p->config.dial_by_asking)
        proxy_list_move(c, p, LIST_DIALING, usec_add(p->now, TRY_MAX));
}

/* ---- what happens ---- */

bool proxy_is_called_by(int target, const struct socket_address *peer)
{
    struct socket_address own = { .length = sizeof own.room };
    if (target < 0 || getsockname(target, &own.any, &own.length) < 0) return false;
    socket_address_unmap(&own);
    return own.length == peer->length && memcmp(own.room, peer->room, own.length) == 0;
}

/* The listener was called by the proxy itself, which would go on until descriptors run out. */
static bool is_loop(const struct proxy *p, const struct connection *of)
{
    static const enum connection_list lists[] = { LIST_DIALING, LIST_COPYING };
    struct ucred who;
    socklen_t size = sizeof who;
    if (!p->loop_possible) return false;
    if (of->peer.sin6_family == AF_UNIX)
        return getsockopt(of->ends[CLIENT].fd, SOL_SOCKET, SO_PEERCRED, &who, &size) == 0 && who.pid == getpid();
    struct socket_address peer = { .length = sizeof peer.ip6 };
    memcpy(peer.room, &of->peer, sizeof of->peer);
    if (of->peer.sin6_family == AF_INET) peer.length = sizeof peer.ip4;
    socket_address_unmap(&peer);
    for (size_t i = 0; i < COUNT_OF(lists); i++) {
        const struct connection *c = TAILQ_FIRST(&p->lists[lists[i]]);
        while (c && !proxy_is_called_by(c->ends[TARGET].fd, &peer)) c = TAILQ_NEXT(c, link);
        if (c) return true;
    }
    return false;
}

void connection_dial(struct proxy *p, struct connection *c)
{
    if (!is_loop(p, c)) {
        dial_try(p, c);
        return;
    }
    connection_note_error(c, -ELOOP);
    connection_end(p, c);
}

void connection_dial_event(struct proxy *p, struct connection *c, uint32_t events)
{
    int error = 0;
    socklen_t size = sizeof error;
    struct end *target = &c->ends[TARGET];
    if (events & (EPOLLERR | EPOLLHUP)) {
        if (getsockopt(target->fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0) error = errno;
        dial_failed(p, c, error ? -error : -ECONNREFUSED);
        return;
    }
    if (!(events & EPOLLOUT)) return;
    target->writable = true;
    target->readable = events & (EPOLLIN | EPOLLRDHUP);
    target->to_the_end = target->to_the_end || (events & (EPOLLPRI | EPOLLRDHUP));
    target->marked = events & EPOLLPRI;
    dial_done(p, c);
    if (c->list == LIST_COPYING) connection_run(p, c);
}

void connection_dial_timeout(struct proxy *p, struct connection *c)
{
    if (c->list == LIST_DIALING || c->list == LIST_ASKED)
        dial_failed(p, c, -ETIMEDOUT);
    else
        dial_try(p, c);
}

static struct connection *find_asked(const struct proxy *p, uint32_t id)
{
    struct connection *c;
    TAILQ_FOREACH(c, &p->lists[LIST_ASKED], link) if (c->id == id) break;
    return c;
}

void proxy_dialed(struct proxy *p, uint32_t id, int error, struct fd target_take)
{
    AUTO_FD struct fd target = target_take;
    struct connection *c = find_asked(p, id);
    if (!c) return;
    int r = error ? -error : fd_is_open(&target) ? 0 : -EIO;
    if (r < 0) {
        dial_failed(p, c, r);
        return;
    }
    c->ends[TARGET] = (struct end){ .fd = fd_take(&target).n, .to_the_end = true };
    r = target_poll(p, c);
    if (r < 0)
        dial_failed(p, c, r);
    else
        dial_done(p, c);
}
