/* Clients come and go. */
#include "socketact/proxy_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/siphash.h"

#define BURST_MAX       64U
#define REFUSED_MAX     65536U /* what a backlog may hold */
#define REFUSED_AT_ONCE 512U
#define RESERVE         8 /* descriptors */
#define LACK_PAUSE      (100 * USEC_PER_MSEC)
#define LACK_OVER       USEC_PER_SEC /* without another pause */
#define SLAB_COUNT      64
#define SOURCES_COUNT   1024U /* a power of 2 */

/* ---- memory ---- */

struct slab {
    struct slab *next;
    struct connection connections[SLAB_COUNT];
};

static struct connection *connection_take(struct proxy *p)
{
    if (!p->spare) {
        struct slab *slab = malloc(sizeof *slab);
        if (!slab) return NULL;
        slab->next = p->slabs;
        p->slabs = slab;
        for (unsigned i = SLAB_COUNT; i-- > 0;) {
            slab->connections[i].next_work = p->spare;
            p->spare = &slab->connections[i];
        }
    }
    struct connection *c = p->spare;
    p->spare = c->next_work;
    *c = (struct connection){ .ends = { { .fd = -1 }, { .fd = -1 } } };
    return c;
}

/* ---- descriptors ---- */

bool proxy_has_room(const struct proxy *p, unsigned descriptors)
{
    return p->descriptors + descriptors + RESERVE <= p->descriptors_max;
}

void proxy_lack(struct proxy *p, int negative_errno)
{
    bool is_new = !p->lacking && p->report.error == 0;
    proxy_close_pipes(p);
    p->lacking = true;
    p->lack_until = p->now + LACK_PAUSE;
    if (is_new) {
        p->tell_lack = true;
        p->report.error = -negative_errno;
    }
    proxy_look_at_listeners(p);
}

/* Who takes the place of one that has left does not end it: it is told of once, not each time (K88). */
void proxy_lack_over(struct proxy *p)
{
    if (p->report.error == 0 || p->lacking || p->now < usec_add(p->lack_until, LACK_OVER)) return;
    p->report.error = 0;
    p->tell_lack = true;
}

void proxy_made_room(struct proxy *p)
{
    if (!p->lacking && !p->is_full) return;
    p->lacking = p->is_full = false;
    proxy_look_at_listeners(p);
}

/* ---- one address of clients ---- */

struct source {
    struct source *next;
    struct in6_addr address;
    uint32_t count;
};

uint64_t proxy_hash(const struct proxy *p, const void *bytes, size_t length)
{
    return siphash24(bytes, length, p->hash_key);
}

static struct in6_addr address_of(const struct sockaddr_in6 *peer)
{
    struct in6_addr address = { 0 };
    if (peer->sin6_family == AF_INET6) return peer->sin6_addr;
    if (peer->sin6_family != AF_INET) return address;
    struct sockaddr_in ip4;
    memcpy(&ip4, peer, sizeof ip4);
    address = (struct in6_addr){ .s6_addr = { [10] = 0xff, 0xff } };
    memcpy(&address.s6_addr[12], &ip4.sin_addr, sizeof ip4.sin_addr);
    return address;
}

/* Clients without an address are one source. */
int proxy_source_take(struct proxy *p, const struct sockaddr_in6 *peer, struct source **ret)
{
    if (p->config.max_per_source == 0) return 0;
    if (!p->sources && !(p->sources = calloc(SOURCES_COUNT, sizeof(struct source *)))) return -ENOMEM;
    struct in6_addr address = address_of(peer);
    struct source **at = &p->sources[proxy_hash(p, &address, sizeof address) % SOURCES_COUNT];
    while (*at && memcmp(&(*at)->address, &address, sizeof address) != 0) at = &(*at)->next;
    if (!*at) {
        if (!(*at = calloc(1, sizeof **at))) return -ENOMEM;
        (*at)->address = address;
    }
    if ((*at)->count >= p->config.max_per_source) return -EUSERS;
    (*at)->count++;
    *ret = *at;
    return 0;
}

void proxy_source_release(struct proxy *p, struct source *source)
{
    if (!source || --source->count > 0) return;
    struct source **at = &p->sources[proxy_hash(p, &source->address, sizeof source->address) % SOURCES_COUNT];
    while (*at != source) at = &(*at)->next;
    *at = source->next;
    free(source);
}

/* ---- the end ---- */

void connection_note_error(struct connection *c, int negative_errno)
{
    if (c->error == 0) c->error = -negative_errno;
}

static void connection_close(struct proxy *p, struct connection *c)
{
    static const struct linger at_once = { .l_onoff = 1, .l_linger = 0 };
    for (unsigned i = 0; i < 2; i++) {
        way_release(p, &c->ways[i]);
        struct end *end = &c->ends[i];
        if (end->fd < 0) continue;
        if (c->broken) (void)setsockopt(end->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        /* The last reference to it, except where PID 1 has connected and not closed its own yet. */
        if (p->config.dial_by_asking) (void)epoll_ctl(p->epoll.n, EPOLL_CTL_DEL, end->fd, NULL);
        (void)close(end->fd);
        end->fd = -1;
    }
    p->descriptors -= 2;
    proxy_source_release(p, c->source);
    if (--p->report.counts.connections == 0) p->empty_since = p->now;
    proxy_list_move(c, p, LIST_DEAD, USEC_INFINITY);
}

void connection_end(struct proxy *p, struct connection *c)
{
    struct proxy_ended ended = {
        .from = c->peer, .error = c->error, .up = c->ways[CLIENT].moved, .down = c->ways[TARGET].moved
    };
    connection_close(p, c);
    proxy_report_ended(p, &ended);
    proxy_made_room(p);
}

void connections_free(struct proxy *p)
{
    for (unsigned list = 0; list < LIST_DEAD; list++)
        for (struct connection *c; (c = TAILQ_FIRST(&p->lists[list]));) connection_close(p, c);
    TAILQ_INIT(&p->lists[LIST_DEAD]);
    for (struct slab *slab; (slab = p->slabs);) {
        p->slabs = slab->next;
        free(slab);
    }
    p->spare = p->work = NULL;
    p->work_end = &p->work;
}

/* ---- the beginning ---- */

static void refuse(struct proxy *p, int fd)
{
    (void)close(fd);
    p->report.counts.refused++;
    proxy_report_soon(p);
}

static void connection_begin(struct proxy *p, const struct proxy_listener *l, int fd, const struct socket_address *peer)
{
    struct connection *c = connection_take(p);
    if (!c) {
        refuse(p, fd);
        proxy_lack(p, -ENOMEM);
        return;
    }
    c->peer.sin6_family = AF_UNIX;
    if (l->family != AF_UNIX) memcpy(&c->peer, peer->room, sizeof c->peer);
    if (proxy_source_take(p, &c->peer, &c->source) < 0) {
        refuse(p, fd);
        c->next_work = p->spare;
        p->spare = c;
        return;
    }
    c->ends[CLIENT] = (struct end){ .fd = fd, .to_the_end = l->family == AF_UNIX };
    p->descriptors += 2;
    p->report.counts.accepted++;
    p->report.counts.connections++;
    c->list = LIST_PAUSE;
    c->at = USEC_INFINITY;
    c->dial_until = usec_add(p->now, p->config.connect_timeout);
    TAILQ_INSERT_TAIL(&p->lists[LIST_PAUSE], c, link);
    proxy_report_soon(p);
    int r = proxy_poll(p, fd, EPOLLIN | EPOLLOUT | EPOLLPRI | EPOLLRDHUP | EPOLLET, c, TAG_CLIENT);
    if (r == 0) {
        connection_dial(p, c);
        return;
    }
    connection_note_error(c, r);
    connection_end(p, c);
}

/* accept(2): errors of the connection that was first in the queue, not of the listener. */
static bool is_of_connection(int error)
{
    switch (error) {
    case EINTR:
    case ECONNABORTED:
    case EPROTO:
    case ENETDOWN:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case EOPNOTSUPP:
    case ENETUNREACH:
    case EPERM:
        return true;
    default:
        return false;
    }
}

static int accept_one(struct proxy *p, struct proxy_listener *l)
{
    struct socket_address peer = { .length = sizeof peer.room };
    if (p->config.max > 0 && p->report.counts.connections >= p->config.max) {
        p->is_full = true;
        proxy_look_at_listeners(p);
        return -EAGAIN;
    }
    if (!proxy_has_room(p, 2)) return -EMFILE;
    int fd = accept4(l->fd, &peer.any, &peer.length, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) return -errno;
    connection_begin(p, l, fd, &peer);
    return 0;
}

/* One more than came the last time: who comes alone is not looked for twice. Where so many fail together it is no
 * matter of theirs: some filters of system calls have EPERM for all. */
void proxy_accept(struct proxy *p, struct proxy_listener *l)
{
    unsigned n = 0, failed = 0;
    while (n < p->burst && !p->lacking) {
        int r = accept_one(p, l);
        if (r == -EAGAIN) break;
        if (r == 0) proxy_lack_over(p);
        if (r < 0 && (!is_of_connection(-r) || ++failed == BURST_MAX)) proxy_lack(p, r);
        n++;
    }
    p->burst = n < p->burst ? MAX_OF(n, 1U) : MIN_OF(2 * n, BURST_MAX);
}

/* All are taken before the first is closed: who comes because another was hung up on is not one of them. */
static unsigned refuse_some(struct proxy *p, const struct proxy_listener *l)
{
    int fds[REFUSED_AT_ONCE];
    unsigned n = 0, tries = 0;
    while (n < COUNT_OF(fds) && tries++ < 2 * COUNT_OF(fds)) {
        int fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0)
            fds[n++] = fd;
        else if (!is_of_connection(errno))
            break;
    }
    for (unsigned i = 0; i < n; i++) refuse(p, fds[i]);
    return n;
}

void proxy_refuse_waiting(struct proxy *p)
{
    for (uint32_t i = 0; i < p->n_listeners; i++) {
        struct proxy_listener *l = &p->listeners[i];
        if (l->type == SOCK_DGRAM)
            proxy_discard_datagrams(p, l);
        else
            for (unsigned n = 0; n < REFUSED_MAX && refuse_some(p, l) == REFUSED_AT_ONCE;) n += REFUSED_AT_ONCE;
    }
}
