#include "socketact/proxy_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifndef SYS_epoll_pwait2
#define SYS_epoll_pwait2 441 /* Linux 5.11; one number on every architecture */
#endif

#define EVENTS_MAX 256
#define FINE_MAX   (10 * USEC_PER_MSEC) /* waits from here on are in milliseconds */

static usec_t monotonic_now(void)
{
    struct timespec ts;
    (void)clock_gettime(CLOCK_MONOTONIC, &ts); /* cannot fail: the clock exists and ts is ours */
    return (usec_t)ts.tv_sec * USEC_PER_SEC + (usec_t)ts.tv_nsec / 1000;
}

/* ---- lists and work ---- */

void proxy_list_move(struct connection *c, struct proxy *p, enum connection_list to, usec_t at)
{
    TAILQ_REMOVE(&p->lists[c->list], c, link);
    c->list = (uint8_t)to;
    c->at = at;
    TAILQ_INSERT_TAIL(&p->lists[to], c, link);
}

void proxy_queue_work(struct proxy *p, struct connection *c)
{
    if (c->has_work) return;
    c->has_work = true;
    c->next_work = NULL;
    *p->work_end = c;
    p->work_end = &c->next_work;
}

/* Those that were queued before; who is queued again waits for the next round. */
static void run_work(struct proxy *p)
{
    struct connection *c = p->work, *next;
    p->work = NULL;
    p->work_end = &p->work;
    for (; c; c = next) {
        next = c->next_work;
        c->has_work = false;
        if (c->list == LIST_COPYING) connection_run(p, c);
    }
}

/* ---- polling ---- */

int proxy_poll(struct proxy *p, int fd, uint32_t events, const void *what, unsigned tag)
{
    struct epoll_event event = { .events = events, .data.u64 = (uint64_t)(uintptr_t)what | tag };
    return epoll_ctl(p->epoll.n, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

void proxy_look_at_listeners(struct proxy *p)
{
    for (uint32_t i = 0; i < p->n_listeners; i++) {
        struct proxy_listener *l = &p->listeners[i];
        bool is_wanted = !p->stopping && !p->tell_leaving && !p->lacking && (p->ready || !p->told);
        if (l->type == SOCK_DGRAM)
            is_wanted = is_wanted && p->refused_until == 0;
        else
            is_wanted = is_wanted && !(p->ready && p->is_full);
        if (is_wanted == l->is_polled || l->fd < 0) continue;
        int r = 0;
        if (is_wanted)
            r = proxy_poll(p, l->fd, EPOLLIN, l, TAG_LISTENER);
        else
            (void)epoll_ctl(p->epoll.n, EPOLL_CTL_DEL, l->fd, NULL); /* it is there */
        if (r < 0)
            proxy_lack(p, r);
        else
            l->is_polled = is_wanted;
    }
}

static void on_listener(struct proxy *p, struct proxy_listener *l)
{
    struct pollfd now = { .fd = l->fd, .events = POLLIN };
    if (!l->is_polled) return; /* any more */
    if (!p->ready) {
        if (poll(&now, 1, 0) <= 0) return; /* an order of this round has sent them away */
        p->told = p->tell_waiting = true;
        proxy_look_at_listeners(p);
    } else if (l->type == SOCK_DGRAM) {
        proxy_datagrams(p, l);
    } else {
        proxy_accept(p, l);
    }
}

static void on_end(struct proxy *p, struct connection *c, unsigned which, uint32_t events)
{
    struct end *end = &c->ends[which];
    if (c->list == LIST_DEAD) return;
    if (which == TARGET && c->list == LIST_DIALING) {
        connection_dial_event(p, c, events);
        return;
    }
    if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) end->readable = true;
    if (events & (EPOLLPRI | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) end->to_the_end = true;
    if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) end->writable = true;
    if (events & EPOLLPRI) end->marked = true;
    if (events & EPOLLERR) end->dead = true;
    if (c->list != LIST_COPYING) return;
    if (p->config.idle_timeout != USEC_INFINITY)
        proxy_list_move(c, p, LIST_COPYING, usec_add(p->now, p->config.idle_timeout));
    connection_run(p, c);
}

static int dispatch(struct proxy *p, const struct epoll_event *event)
{
    unsigned tag = event->data.u64 & TAG_MASK;
    void *what = (void *)(uintptr_t)(event->data.u64 & ~(uint64_t)TAG_MASK); /* NOLINT(performance-no-int-to-ptr) */
    switch (tag) {
    case TAG_CLIENT:
    case TAG_TARGET:
        on_end(p, what, tag, event->events);
        break;
    case TAG_LISTENER:
        on_listener(p, what);
        break;
    case TAG_SESSION:
        session_event(p, what, event->events);
        break;
    default:
        p->channel_full = p->channel_full && !(event->events & EPOLLOUT);
        return proxy_read_orders(p);
    }
    return 1;
}

/* ---- time ---- */

static void run_timeouts(struct proxy *p)
{
    for (unsigned list = 0; list < LIST_DEAD; list++)
        for (struct connection *c; (c = TAILQ_FIRST(&p->lists[list])) && c->at <= p->now;) {
            if (list < LIST_COPYING || list == LIST_LAST_WORDS) {
                (list < LIST_COPYING ? connection_dial_timeout : connection_last_words)(p, c);
                continue;
            }
            connection_note_error(c, -ETIMEDOUT);
            c->broken = true;
            connection_end(p, c);
        }
    sessions_expire(p);
    if (p->lacking && p->lack_until <= p->now) {
        p->lacking = false;
        proxy_look_at_listeners(p);
    }
}

static bool is_empty(const struct proxy *p)
{
    return p->report.counts.connections == 0;
}

/* When nobody has been connected for so long, and nobody waits. */
static usec_t leave_at(const struct proxy *p)
{
    if (p->stopping) return is_empty(p) ? p->now : p->stop_until;
    return is_empty(p) && !p->told && !p->tell_leaving ? usec_add(p->empty_since, p->config.linger) : USEC_INFINITY;
}

/* Microseconds; USEC_INFINITY: until something happens. */
static usec_t wait_timeout(const struct proxy *p)
{
    usec_t next = MIN_OF(leave_at(p), sessions_next(p));
    if (p->work) return 0;
    for (unsigned list = 0; list < LIST_DEAD; list++) {
        const struct connection *c = TAILQ_FIRST(&p->lists[list]);
        if (c) next = MIN_OF(next, c->at);
    }
    if (!p->channel_full) next = MIN_OF(next, p->report_at);
    if (p->lacking) next = MIN_OF(next, p->lack_until);
    if (p->refused_until) next = MIN_OF(next, p->refused_until);
    return next == USEC_INFINITY ? next : usec_sub(next, monotonic_now());
}

/* The first pauses of a search for the target are shorter than what epoll_wait(2) counts in; Linux 5.11 can. */
static int wait_events(struct proxy *p, struct epoll_event *events, usec_t timeout)
{
    if (timeout > 0 && timeout < FINE_MAX && !p->no_fine_wait) {
        struct timespec span = { .tv_nsec = (long)(timeout * 1000) };
        int n = (int)syscall(SYS_epoll_pwait2, p->epoll.n, events, EVENTS_MAX, &span, NULL, 0);
        if (n >= 0 || (errno != ENOSYS && errno != EPERM)) return n;
        p->no_fine_wait = true;
    }
    int span = timeout == USEC_INFINITY ? -1 : (int)MIN_OF((timeout + 999) / 1000, (usec_t)INT_MAX);
    return epoll_wait(p->epoll.n, events, EVENTS_MAX, span);
}

static void leave_when_due(struct proxy *p)
{
    if (leave_at(p) > p->now) return;
    if (!p->stopping) {
        p->tell_leaving = true; /* who comes from now on is found by PID 1 */
        proxy_look_at_listeners(p);
    } else {
        connections_free(p);
        p->left = true;
    }
}

static void free_dead(struct proxy *p)
{
    struct connection *c, *next;
    for (c = TAILQ_FIRST(&p->lists[LIST_DEAD]); c; c = next) {
        next = TAILQ_NEXT(c, link);
        if (c->has_work) continue; /* the list of those that have work still leads through it */
        TAILQ_REMOVE(&p->lists[LIST_DEAD], c, link);
        c->next_work = p->spare;
        p->spare = c;
    }
}

int proxy_round(struct proxy *p, bool block)
{
    struct epoll_event events[EVENTS_MAX];
    int n = wait_events(p, events, block ? wait_timeout(p) : 0);
    if (n < 0 && errno != EINTR) return -errno;
    p->now = monotonic_now();
    for (int i = 0; i < n; i++) {
        int r = dispatch(p, &events[i]);
        if (r <= 0) return r;
    }
    run_work(p);
    run_timeouts(p);
    leave_when_due(p);
    proxy_report(p);
    free_dead(p);
    sessions_free_dead(p);
    return !p->left;
}

/* ---- public ---- */

static int open_listener(struct proxy *p, struct proxy_listener *l, int fd)
{
    struct socket_address own = { .length = sizeof own.room };
    socklen_t size = sizeof l->type;
    int flags = fcntl(fd, F_GETFL), on = 1, r;
    *l = (struct proxy_listener){ .proxy = p, .fd = fd };
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) return -errno;
    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &l->type, &size) < 0) return -errno;
    if (getsockname(fd, &own.any, &own.length) < 0) return -errno;
    l->family = own.any.sa_family;
    p->has_packets = p->has_packets || l->type == SOCK_SEQPACKET;
    proxy_tune(fd, l->family, true);
    if (l->family == AF_INET) l->any_address = own.ip4.sin_addr.s_addr == htonl(INADDR_ANY);
    if (l->family == AF_INET6) l->any_address = IN6_IS_ADDR_UNSPECIFIED(&own.ip6.sin6_addr);
    if (l->type != SOCK_DGRAM || !l->any_address) return 0;
    bool is_ip4 = l->family == AF_INET;
    r = setsockopt(fd, is_ip4 ? IPPROTO_IP : IPPROTO_IPV6, is_ip4 ? IP_PKTINFO : IPV6_RECVPKTINFO, &on, sizeof on);
    return r < 0 ? -errno : 0;
}

static int init(struct proxy *p, const int *listeners)
{
    struct rlimit limit;
    int r = address_parse_target(p->config.target, &p->target);
    if (r < 0) return r;
    p->epoll = fd_own(epoll_create1(EPOLL_CLOEXEC));
    if (!fd_is_open(&p->epoll)) return -errno;
    p->buffer = malloc(BUFFER_SIZE);
    p->listeners = calloc(p->config.n_listeners, sizeof *p->listeners);
    if (!p->buffer || !p->listeners) return -ENOMEM;
    for (; p->n_listeners < p->config.n_listeners; p->n_listeners++) {
        r = open_listener(p, &p->listeners[p->n_listeners], listeners[p->n_listeners]);
        if (r < 0) return r;
    }
    p->descriptors_max =
        getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY ? UINT64_MAX : limit.rlim_cur;
    p->descriptors = (uint64_t)p->epoll.n + 1; /* numbers are given from below */
    if (getrandom(p->hash_key, sizeof p->hash_key, GRND_NONBLOCK) < 0) p->hash_key[0] = p->now; /* early in a boot */
    r = proxy_poll(p, p->channel.n, EPOLLIN, p, TAG_CHANNEL);
    if (r == 0) proxy_look_at_listeners(p);
    return r;
}

int proxy_new(const struct proxy_config *config, struct fd channel_take, const int *listeners, struct proxy **ret_proxy)
{
    AUTO_FD struct fd channel = channel_take;
    AUTO(proxy_free) struct proxy *p = calloc(1, sizeof *p);
    if (!p) return -ENOMEM;
    p->config = *config;
    p->config.target[PROXY_TARGET_MAX - 1] = '\0';
    p->ready = config->ready;
    p->report.number = config->number;
    p->epoll = FD_NONE;
    p->channel = fd_take(&channel);
    p->work_end = &p->work;
    for (unsigned i = 0; i < LIST_COUNT; i++) TAILQ_INIT(&p->lists[i]);
    TAILQ_INIT(&p->sessions);
    p->report_at = USEC_INFINITY;
    p->burst = 1;
    p->now = p->empty_since = monotonic_now();
    int r = init(p, listeners);
    if (r < 0) return r;
    *ret_proxy = TAKE(p);
    return 0;
}

void proxy_free(struct proxy *p)
{
    if (!p) return;
    connections_free(p);
    sessions_end(p);
    sessions_free_dead(p);
    proxy_close_pipes(p);
    fd_close(&p->channel);
    fd_close(&p->epoll);
    free(p->listeners);
    free(p->sources);
    free(p->session_table);
    free(p->buffer);
    free(p);
}
