/* Datagrams: each client has a socket to the target of its own, for as long as it or the target says something.
 *
 * The first datagram of a client is kept until the target has answered or not refused it: who called for the service
 * gets an answer although the service binds its port a moment after it was ready (K57). Until then nothing else is
 * taken, the kernel's buffer holds it. So it is while the queue of a Unix target is full: whoever sends to such a
 * socket waits for room, and a proxy loses nothing that a client of its own would not have lost. */
#include "socketact/proxy_internal.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SESSIONS_BUCKETS 1024U /* a power of 2 */
#define BURST            64    /* datagrams of one socket in one round */
#define REFUSED_FIRST    USEC_PER_MSEC
#define REFUSED_MAX      7U                /* doublings */
#define SESSIONS_MAX     16384U            /* without ProxyConnectionsMax=: ports of the target's are left for others */
#define FIRST_MAX        ((size_t)4 << 20) /* of all clients together: their addresses may be invented */

struct session {
    TAILQ_ENTRY(session) link; /* in order of `until` */
    struct session *next;      /* of its bucket */
    struct proxy_listener *listener;
    int fd;
    int error;
    usec_t until, refuse_until;
    uint64_t up, down;
    struct cargo *first; /* NULL: it has arrived */
    struct socket_address peer;
    struct source *source;
    bool refused; /* the first one has to be sent again */
    bool full;    /* and is not the first, but one that found no room */
    bool renewed; /* the service was started since; the next one is kept as the first was */
    bool has_local;
    union {
        struct in_pktinfo ip4;
        struct in6_pktinfo ip6;
    } local; /* from which of our addresses answers come */
};

/* ---- sessions ---- */

static struct session **bucket_of(const struct proxy *p, const struct proxy_listener *l,
                                  const struct socket_address *peer)
{
    uint64_t hash = proxy_hash(p, peer->room, peer->length) ^ (uintptr_t)l >> 4;
    return &p->session_table[hash % SESSIONS_BUCKETS];
}

static struct session *session_find(const struct proxy *p, const struct proxy_listener *l,
                                    const struct socket_address *peer)
{
    if (!p->session_table) return NULL;
    struct session *s = *bucket_of(p, l, peer);
    while (s &&
           (s->listener != l || s->peer.length != peer->length || memcmp(s->peer.room, peer->room, peer->length) != 0))
        s = s->next;
    return s;
}

static void first_forget(struct proxy *p, struct session *s)
{
    if (s->first) p->first_bytes -= s->first->size;
    free(s->first);
    s->first = NULL;
}

static void session_end(struct proxy *p, struct session *s)
{
    struct proxy_ended ended = { .from = { .sin6_family = AF_UNIX }, .error = s->error, .up = s->up, .down = s->down };
    if (s->listener->family != AF_UNIX) memcpy(&ended.from, s->peer.room, sizeof ended.from);
    struct session **at = bucket_of(p, s->listener, &s->peer);
    while (*at != s) at = &(*at)->next;
    *at = s->next;
    TAILQ_REMOVE(&p->sessions, s, link);
    (void)close(s->fd);
    s->fd = -1;
    p->descriptors--;
    p->n_sessions--;
    if (--p->report.counts.connections == 0) p->empty_since = p->now;
    proxy_source_release(p, s->source);
    first_forget(p, s);
    s->next = p->dead_sessions; /* an event of this round may still be about it */
    p->dead_sessions = s;
    proxy_report_ended(p, &ended);
    proxy_made_room(p);
}

void sessions_free_dead(struct proxy *p)
{
    for (struct session *s; (s = p->dead_sessions);) {
        p->dead_sessions = s->next;
        free(s);
    }
}

static void session_alive(struct proxy *p, struct session *s)
{
    s->until = usec_add(p->now, p->config.datagram_timeout);
    TAILQ_REMOVE(&p->sessions, s, link);
    TAILQ_INSERT_TAIL(&p->sessions, s, link);
}

/* A Unix target that is not there, or was bound anew and is another one: who was connected to the old one is to
 * nothing.
 */
static bool is_refusal(ssize_t r)
{
    return r == -ECONNREFUSED || r == -ENOTCONN || r == -ENOENT;
}

static int target_connect(int fd, const struct socket_address *to)
{
    struct sockaddr name = { .sa_family = AF_UNIX }; /* any: without one it could not be answered; it stays */
    if (connect(fd, &to->any, to->length) < 0) return -errno;
    return to->any.sa_family == AF_UNIX && bind(fd, &name, sizeof name.sa_family) < 0 ? -errno : 0;
}

static int target_socket(struct proxy *p, const struct socket_address *peer, struct fd *ret)
{
    int r = proxy_resolve(p);
    if (r < 0) return r;
    const struct socket_address *to = &p->target_address;
    sa_family_t family = to->any.sa_family;
    AUTO_FD struct fd fd = fd_own(socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd_is_open(&fd)) return -errno;
    if (p->config.transparent && family != AF_UNIX && peer->any.sa_family != AF_UNIX) {
        r = proxy_bind_like(fd.n, &peer->ip6, family);
        if (r < 0) return r;
    }
    r = target_connect(fd.n, to);
    if (r < 0 && !is_refusal(r)) return r; /* a refusal will be met again, with the first datagram in hand */
    *ret = fd_take(&fd);
    return 0;
}

/* May one more come? Without descriptors there is no pause as there is for connections: who is known is served. */
static bool is_let_in(const struct proxy *p)
{
    bool is_full = p->config.max > 0 ? p->report.counts.connections >= p->config.max : p->n_sessions >= SESSIONS_MAX;
    return !is_full && proxy_has_room(p, 1);
}

static bool is_loop(const struct proxy *p, struct socket_address peer)
{
    const struct session *s = p->loop_possible ? TAILQ_FIRST(&p->sessions) : NULL;
    socket_address_unmap(&peer);
    while (s && !proxy_is_called_by(s->fd, &peer)) s = TAILQ_NEXT(s, link);
    return s;
}

static int session_new(struct proxy *p, struct proxy_listener *l, const struct socket_address *peer,
                       struct session **ret)
{
    AUTO_FD struct fd fd = FD_NONE;
    if (!p->session_table && !(p->session_table = calloc(SESSIONS_BUCKETS, sizeof(struct session *)))) return -ENOMEM;
    if (is_loop(p, *peer)) return -ELOOP;
    if (!is_let_in(p)) return -EMFILE;
    int r = target_socket(p, peer, &fd);
    if (r < 0) return r;
    struct session *s = calloc(1, sizeof *s);
    if (!s) return -ENOMEM;
    r = proxy_source_take(p, &peer->ip6, &s->source);
    if (r == 0) r = proxy_poll(p, fd.n, EPOLLIN, s, TAG_SESSION);
    if (r < 0) {
        proxy_source_release(p, s->source);
        free(s);
        return r;
    }
    s->listener = l;
    s->fd = fd_take(&fd).n;
    s->peer = *peer;
    struct session **bucket = bucket_of(p, l, peer);
    s->next = *bucket;
    *bucket = s;
    TAILQ_INSERT_TAIL(&p->sessions, s, link);
    p->descriptors++;
    p->n_sessions++;
    p->report.counts.accepted++;
    p->report.counts.connections++;
    session_alive(p, s);
    *ret = s;
    return 0;
}

/* ---- from the client ---- */

/* With what Timestamping= and the like add, which comes first. */
union control {
    struct cmsghdr head;
    char room[CMSG_SPACE(sizeof(struct in6_pktinfo)) + 256];
};

static void note_local(struct session *s, struct msghdr *message)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
        if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
            memcpy(&s->local.ip4, CMSG_DATA(c), sizeof s->local.ip4);
            s->local.ip4.ipi_ifindex = 0; /* the route decides */
            s->has_local = true;
        } else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
            memcpy(&s->local.ip6, CMSG_DATA(c), sizeof s->local.ip6);
            if (!IN6_IS_ADDR_LINKLOCAL(&s->local.ip6.ipi6_addr)) s->local.ip6.ipi6_ifindex = 0;
            s->has_local = true;
        }
    }
}

static void wait_a_moment(struct proxy *p, struct session *s)
{
    s->refused = true;
    p->refused_until = p->now + (REFUSED_FIRST << p->refusals);
    if (p->refusals < REFUSED_MAX) p->refusals++;
    proxy_look_at_listeners(p);
}

/* The target is not there yet: nothing is taken from the clients for a moment. */
static void be_refused(struct proxy *p, struct session *s, int error)
{
    if (!s->first) return; /* it was there before; datagrams get lost */
    if (p->now >= s->refuse_until) {
        s->error = error;
        session_end(p, s);
        return;
    }
    s->up = 0; /* nothing has arrived */
    wait_a_moment(p, s);
}

static ssize_t give(const struct session *s, const char *bytes, size_t size)
{
    ssize_t n;
    do n = send(s->fd, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

static void keep_first(struct proxy *p, struct session *s, const char *bytes, size_t size)
{
    s->refuse_until = usec_add(p->now, p->config.connect_timeout);
    struct cargo *first = size <= FIRST_MAX - p->first_bytes ? malloc(sizeof *first + size) : NULL;
    if (!first) return; /* it is sent once, then */
    *first = (struct cargo){ .size = (uint32_t)size, .reader = -1, .writer = -1 };
    memcpy(first->bytes, bytes, size);
    s->first = first;
    p->first_bytes += size;
}

static int refuse(struct proxy *p)
{
    p->report.counts.refused++;
    proxy_report_soon(p);
    return 1;
}

static void poll_for_room(const struct proxy *p, struct session *s, bool is_wanted)
{
    struct epoll_event event = { .events = EPOLLIN | (is_wanted ? EPOLLOUT : 0),
                                 .data.u64 = (uint64_t)(uintptr_t)s | TAG_SESSION };
    (void)epoll_ctl(p->epoll.n, EPOLL_CTL_MOD, s->fd, &event); /* it is there */
}

/* The queue of a Unix target is full, or what we may have in it. `bytes` may be what is kept already. */
static void be_full(struct proxy *p, struct session *s, const char *bytes, size_t size)
{
    if (!s->first) keep_first(p, s, bytes, size);
    if (!s->first || p->now >= s->refuse_until) {
        first_forget(p, s);
        (void)refuse(p); /* 1 */
        return;
    }
    s->full = true;
    wait_a_moment(p, s);
    poll_for_room(p, s, true);
}

static void send_up(struct proxy *p, struct session *s, const char *bytes, size_t size)
{
    const struct socket_address *to = &p->target_address;
    bool is_unix = to->any.sa_family == AF_UNIX;
    ssize_t n = give(s, bytes, size);
    if (is_refusal(n) && is_unix && target_connect(s->fd, to) == 0) n = give(s, bytes, size);
    if (n >= 0)
        s->up += (uint64_t)n;
    else if (is_refusal(n))
        be_refused(p, s, ECONNREFUSED);
    else if (n == -EAGAIN && is_unix)
        be_full(p, s, bytes, size);
    if (n >= 0 && is_unix) p->refusals = 0; /* it has arrived */
}

/* 0: nothing is there. */
static int datagram(struct proxy *p, struct proxy_listener *l)
{
    union control control;
    struct socket_address peer;
    struct iovec part = { p->buffer, BUFFER_SIZE };
    memset(&peer, 0, sizeof peer); /* it is compared as a whole */
    struct msghdr message = { .msg_name = peer.room,
                              .msg_namelen = sizeof peer.room,
                              .msg_iov = &part,
                              .msg_iovlen = 1,
                              .msg_control = control.room,
                              .msg_controllen = l->any_address ? sizeof control.room : 0 };
    ssize_t n = recvmsg(l->fd, &message, MSG_DONTWAIT | MSG_TRUNC);
    if (n < 0 && errno != EAGAIN && errno != EINTR && errno != ECONNREFUSED) proxy_lack(p, -errno);
    if (n < 0) return errno != EAGAIN;
    proxy_lack_over(p);
    if ((size_t)n > BUFFER_SIZE) return refuse(p); /* a part of it would be a lie */
    peer.length = message.msg_namelen;
    struct session *s = session_find(p, l, &peer);
    if (!s) {
        int r = session_new(p, l, &peer, &s);
        if (r < 0) return refuse(p);
        note_local(s, &message);
        keep_first(p, s, p->buffer, (size_t)n);
    } else {
        session_alive(p, s);
        if (!s->refused) first_forget(p, s); /* the one before has arrived */
        if (s->renewed && !s->first) keep_first(p, s, p->buffer, (size_t)n);
        s->renewed = false;
    }
    send_up(p, s, p->buffer, (size_t)n);
    return 1;
}

void proxy_datagrams(struct proxy *p, struct proxy_listener *l)
{
    for (int i = 0; i < BURST && p->refused_until == 0 && !p->lacking && datagram(p, l); i++) {
    }
}

void proxy_discard_datagrams(struct proxy *p, struct proxy_listener *l)
{
    char byte;
    for (int i = 0; i < BURST * BURST; i++) {
        if (recv(l->fd, &byte, sizeof byte, MSG_DONTWAIT) < 0) return;
        p->report.counts.refused++;
    }
    proxy_report_soon(p);
}

/* ---- from the target ---- */

static void send_down(struct session *s, const char *bytes, size_t size)
{
    union control control;
    struct iovec part = { (void *)(uintptr_t)bytes, size };
    struct msghdr message = {
        .msg_name = s->peer.room, .msg_namelen = s->peer.length, .msg_iov = &part, .msg_iovlen = 1
    };
    if (s->peer.length <= offsetof(struct sockaddr_un, sun_path)) return; /* a client without a name */
    if (s->has_local) {
        bool is_ip4 = s->listener->family == AF_INET;
        size_t length = is_ip4 ? sizeof s->local.ip4 : sizeof s->local.ip6;
        memset(&control, 0, sizeof control);
        control.head.cmsg_level = is_ip4 ? IPPROTO_IP : IPPROTO_IPV6;
        control.head.cmsg_type = is_ip4 ? IP_PKTINFO : IPV6_PKTINFO;
        control.head.cmsg_len = CMSG_LEN(length);
        memcpy(CMSG_DATA(&control.head), &s->local, length);
        message.msg_control = control.room;
        message.msg_controllen = CMSG_SPACE(length);
    }
    if (sendmsg(s->listener->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) s->down += size; /* or it is lost */
}

void session_event(struct proxy *p, struct session *s, uint32_t events)
{
    if (s->fd >= 0 && (events & EPOLLOUT)) { /* the round's end sends it again */
        poll_for_room(p, s, false);
        if (s->refused) p->refused_until = p->now;
    }
    for (int i = 0; i < BURST && s->fd >= 0; i++) {
        ssize_t n = recv(s->fd, p->buffer, BUFFER_SIZE, MSG_DONTWAIT | MSG_TRUNC);
        if (n < 0 && errno == ECONNREFUSED) {
            be_refused(p, s, ECONNREFUSED);
            return; /* it may have ended */
        }
        if (n < 0) return;
        if (!s->full) {
            first_forget(p, s);
            s->refused = false;
        }
        p->refusals = 0;
        session_alive(p, s);
        if ((size_t)n <= BUFFER_SIZE) send_down(s, p->buffer, (size_t)n); /* or it is lost */
    }
}

/* ---- time ---- */

usec_t sessions_next(const struct proxy *p)
{
    const struct session *s = TAILQ_FIRST(&p->sessions);
    return s ? s->until : USEC_INFINITY;
}

static void try_again(struct proxy *p)
{
    struct session *s, *next;
    unsigned n = p->report.counts.connections; /* those that are moved to the end are not looked at again */
    for (s = TAILQ_FIRST(&p->sessions); s && n-- > 0 && p->refused_until == 0; s = next) {
        next = TAILQ_NEXT(s, link);
        if (!s->refused) continue;
        s->refused = s->full = false;
        session_alive(p, s);
        send_up(p, s, s->first->bytes, s->first->size);
    }
}

void sessions_expire(struct proxy *p)
{
    for (struct session *s; (s = TAILQ_FIRST(&p->sessions)) && s->until <= p->now;) {
        if (s->refused)
            session_alive(p, s); /* its first datagram is still to arrive; refuse_until bounds that */
        else
            session_end(p, s);
    }
    if (p->refused_until == 0 || p->refused_until > p->now) return;
    p->refused_until = 0;
    try_again(p);
    proxy_look_at_listeners(p);
}

void sessions_renew(struct proxy *p)
{
    struct session *s;
    TAILQ_FOREACH(s, &p->sessions, link) s->renewed = true;
}

void sessions_end(struct proxy *p)
{
    for (struct session *s; (s = TAILQ_FIRST(&p->sessions));) session_end(p, s);
}
