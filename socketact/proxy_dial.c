#include "socketact/proxy_internal.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

/* SEED.md S57. */
#define TRY_MAX     (250 * USEC_PER_MSEC)
#define PAUSE_FIRST (25 * USEC_PER_MSEC)
#define PAUSE_MAX   (200 * USEC_PER_MSEC)

static void dial_try(struct connection *c);

static void on_pause_over(void *userdata)
{
    dial_try(userdata);
}

static void dial_failed(struct connection *c, int r)
{
    struct loop *loop = c->proxy->loop;
    loop_io_remove(loop, &c->target_io);
    fd_close(&c->target);
    usec_t again = usec_add(loop_now(loop), c->pause);
    c->pause = MIN_OF(2 * c->pause, PAUSE_MAX);
    if (again >= c->dial_until || loop_deadline_set(loop, &c->deadline, again, on_pause_over, c) < 0) {
        connection_note_error(c, r);
        connection_end(c);
    }
}

static void on_try_over(void *userdata)
{
    dial_failed(userdata, -ETIMEDOUT);
}

/* A port of the ephemeral range that nobody listens on may be picked as the source port of the call to itself: TCP then
 * connects the socket with itself. */
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

static void dial_done(struct connection *c)
{
    loop_deadline_clear(c->proxy->loop, &c->deadline);
    if (is_self_connected(c->target.n)) {
        dial_failed(c, -ECONNREFUSED);
        return;
    }
    loop_io_remove(c->proxy->loop, &c->target_io);
    connection_copy(c);
}

static void on_connected(int fd, uint32_t events, void *userdata)
{
    (void)events;
    struct connection *c = userdata;
    int error = 0;
    socklen_t size = sizeof error;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0) error = errno;
    if (error == 0)
        dial_done(c);
    else
        dial_failed(c, -error);
}

static int wait_connected(struct connection *c)
{
    struct loop *loop = c->proxy->loop;
    int r = loop_io_add(loop, c->target.n, EPOLLOUT, LOOP_NORMAL, on_connected, c, &c->target_io);
    if (r < 0) return r;
    usec_t until = MIN_OF(usec_add(loop_now(loop), TRY_MAX), c->dial_until);
    return loop_deadline_set(loop, &c->deadline, until, on_try_over, c);
}

static int target_resolve(struct proxy *proxy)
{
    if (proxy->target_known) return 0;
    int r = socket_address_make(&proxy->target, NULL, &proxy->target_address);
    proxy->target_known = r == 0;
    return r;
}

/* Small requests and answers go out at once, as they came; a peer that is gone without a word ends its connection. */
void proxy_tune_socket(int fd, sa_family_t family)
{
    static const int on = 1, idle = 120, interval = 30, count = 4;
    if (family != AF_INET && family != AF_INET6) return;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); /* all of these are improvements, not needs */
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count);
}

static int dial_begin(struct connection *c)
{
    struct proxy *proxy = c->proxy;
    int r = target_resolve(proxy);
    if (r < 0) return r;
    if (loop_now(proxy->loop) >= c->dial_until) return -ETIMEDOUT;
    if (proxy->hooks.dial)
        return proxy->hooks.dial(c, c->dial_until - loop_now(proxy->loop), proxy->userdata, &c->dialer);
    const struct socket_address *address = &proxy->target_address;
    int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return -errno;
    c->target = fd_own(fd);
    proxy_tune_socket(fd, address->any.sa_family);
    if (connect(fd, &address->any, address->length) == 0) return 1;
    if (errno != EINPROGRESS) return -errno; /* EAGAIN of a Unix socket: its backlog is full, and there is no event */
    return wait_connected(c);
}

static void dial_try(struct connection *c)
{
    int r = dial_begin(c);
    if (r < 0)
        dial_failed(c, r);
    else if (r > 0)
        dial_done(c);
}

int proxy_connect_target(const struct connection *c, struct fd *ret_target)
{
    const struct socket_address *address = &c->proxy->target_address;
    AUTO_FD struct fd target = fd_own(socket(address->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd_is_open(&target) || connect(target.n, &address->any, address->length) < 0) return -errno;
    *ret_target = fd_take(&target);
    return 0;
}

void proxy_dialed(struct connection *c, int r, struct fd target_take)
{
    c->dialer = NULL;
    c->target = target_take;
    if (r < 0)
        dial_failed(c, r);
    else
        dial_done(c);
}

void connection_dial(struct connection *c)
{
    c->state = CONNECTION_DIALING;
    c->dial_until = usec_add(loop_now(c->proxy->loop), c->proxy->dial_max);
    c->pause = PAUSE_FIRST;
    dial_try(c);
}
