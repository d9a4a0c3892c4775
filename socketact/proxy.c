#include "socketact/proxy_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define ACCEPT_MAX 64
#define LET_IN_MAX 64 /* waiting connections that dial in one round */

/* ---- lists ---- */

static void list_append(struct connection_list *list, struct connection *c)
{
    c->previous = list->last;
    c->next = NULL;
    if (list->last)
        list->last->next = c;
    else
        list->first = c;
    list->last = c;
    list->count++;
}

static void list_remove(struct connection_list *list, struct connection *c)
{
    if (c->previous)
        c->previous->next = c->next;
    else
        list->first = c->next;
    if (c->next)
        c->next->previous = c->previous;
    else
        list->last = c->previous;
    list->count--;
}

/* ---- connections ---- */

void connection_note_error(struct connection *c, int negative_errno)
{
    if (c->error == 0) c->error = -negative_errno;
}

static void connection_free(struct connection *c)
{
    struct proxy *proxy = c->proxy;
    list_remove(c->state == CONNECTION_WAITING ? &proxy->waiting : &proxy->running, c);
    loop_deadline_clear(proxy->loop, &c->deadline);
    if (c->dialer) proxy->hooks.dial_cancel(c->dialer);
    loop_io_remove(proxy->loop, &c->client_io);
    loop_io_remove(proxy->loop, &c->target_io);
    direction_release(proxy, &c->up);
    direction_release(proxy, &c->down);
    fd_close(&c->client);
    fd_close(&c->target);
    free(c);
}

void connection_end(struct connection *c)
{
    struct proxy *proxy = c->proxy;
    struct socket_address from = { .length = offsetof(struct sockaddr_un, sun_path) };
    memcpy(&from.room, &c->peer, sizeof c->peer);
    int error = c->error;
    connection_free(c);
    if (!proxy->hooks.on_done) return;
    char from_text[SOCKET_ADDRESS_TEXT_MAX], to_text[ADDRESS_TEXT_MAX];
    proxy->hooks.on_done(socket_address_format(&from, from_text), address_format(&proxy->target, to_text), error,
                         proxy->userdata);
}

static int connection_new(struct proxy *proxy, struct fd client_take, const struct socket_address *peer)
{
    AUTO_FD struct fd client = client_take;
    struct connection *c = calloc(1, sizeof *c);
    if (!c) return -ENOMEM;
    c->proxy = proxy;
    c->target = FD_NONE;
    c->up.pipe = c->down.pipe = (struct proxy_pipe){ FD_NONE, FD_NONE };
    c->client = fd_take(&client);
    c->peer.any.sa_family = AF_UNIX;
    if (peer->any.sa_family == AF_INET || peer->any.sa_family == AF_INET6) memcpy(&c->peer, peer->room, sizeof c->peer);
    proxy_tune_socket(c->client.n, c->peer.any.sa_family);
    list_append(&proxy->waiting, c);
    return 0;
}

/* ---- letting in ---- */

static void let_in(struct proxy *proxy, unsigned max);

static void on_dial_more(void *userdata)
{
    let_in(userdata, LET_IN_MAX);
}

static void let_in(struct proxy *proxy, unsigned max)
{
    while (proxy->ready && proxy->waiting.first && max-- > 0) {
        struct connection *c = proxy->waiting.first;
        list_remove(&proxy->waiting, c);
        list_append(&proxy->running, c);
        connection_dial(c); /* which may end it */
    }
    if (!proxy->ready || !proxy->waiting.first) return;
    if (loop_deadline_set(proxy->loop, &proxy->dial_more, loop_now(proxy->loop), on_dial_more, proxy) < 0)
        let_in(proxy, UINT32_MAX); /* no memory for order: all at once */
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

/* What else must be opened meanwhile: the pipes and descriptors with which the service starts, its log. */
#define DESCRIPTORS_KEPT 64

/* May another client be let in? Each one that waits will need a second descriptor, for its target. Numbers are given
 * from the lowest free one on: that it is high says that those below it are taken. */
static bool leaves_room(const struct proxy *proxy, int lowest_free)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY) return true;
    rlim_t kept = MIN_OF((rlim_t)DESCRIPTORS_KEPT, limit.rlim_cur / 4);
    return (rlim_t)lowest_free + proxy->waiting.count + kept < limit.rlim_cur;
}

static int lowest_free_descriptor(int any)
{
    AUTO_FD struct fd copy = fd_own(fcntl(any, F_DUPFD_CLOEXEC, 0));
    return fd_is_open(&copy) ? copy.n : -errno;
}

static int accept_one(struct proxy *proxy, int listener_fd)
{
    struct socket_address peer = { .length = sizeof peer.room };
    int fd = accept4(listener_fd, &peer.any, &peer.length, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) return -errno;
    return connection_new(proxy, fd_own(fd), &peer);
}

/* ---- public ---- */

int proxy_new(struct loop *loop, const char *target, const struct proxy_hooks *hooks, void *userdata,
              struct proxy **ret_proxy)
{
    AUTO(proxy_free) struct proxy *proxy = calloc(1, sizeof *proxy);
    if (!proxy) return -ENOMEM;
    proxy->loop = loop;
    proxy->hooks = *hooks;
    proxy->userdata = userdata;
    proxy->target_text = strdup(target);
    if (!proxy->target_text) return -ENOMEM;
    int r = address_parse_target(proxy->target_text, &proxy->target);
    if (r < 0) return r;
    proxy->no_splice = !proxy_can_splice();
    proxy->dial_max = DIAL_MAX;
    *ret_proxy = TAKE(proxy);
    return 0;
}

void proxy_free(struct proxy *proxy)
{
    if (!proxy) return;
    while (proxy->running.first) connection_free(proxy->running.first);
    while (proxy->waiting.first) connection_free(proxy->waiting.first);
    while (proxy->n_pipes > 0) proxy_pipe_close(&proxy->pipes[--proxy->n_pipes]);
    loop_deadline_clear(proxy->loop, &proxy->dial_more);
    free(proxy->buffer);
    free(proxy->target_text);
    free(proxy);
}

int proxy_accept(struct proxy *proxy, int listener_fd)
{
    /* A client that is gone again must not make accept(2) wait for the next one. */
    int flags = fcntl(listener_fd, F_GETFL);
    if (flags < 0) return -errno;
    if (!(flags & O_NONBLOCK) && fcntl(listener_fd, F_SETFL, flags | O_NONBLOCK) < 0) return -errno;
    int lowest = lowest_free_descriptor(listener_fd);
    if (lowest < 0) return lowest;
    int accepted = 0, r = 0;
    for (int i = 0; i < ACCEPT_MAX; i++) {
        r = leaves_room(proxy, lowest) ? accept_one(proxy, listener_fd) : -EMFILE;
        if (r == 0)
            accepted++, lowest = proxy->waiting.last->client.n + 1;
        else if (!is_of_connection(-r))
            break;
    }
    if (accepted > 0 && proxy->ready)
        let_in(proxy, LET_IN_MAX);
    else if (accepted > 0 && proxy->hooks.on_waiting)
        proxy->hooks.on_waiting(proxy->userdata);
    return accepted > 0 || r == -EAGAIN || r == 0 || is_of_connection(-r) ? accepted : r;
}

void proxy_set_ready(struct proxy *proxy, bool ready)
{
    proxy->ready = ready;
    if (ready) let_in(proxy, LET_IN_MAX);
}

void proxy_drop_waiting(struct proxy *proxy)
{
    while (proxy->waiting.first) connection_free(proxy->waiting.first);
    proxy_drop_dialing(proxy);
}

void proxy_drop_dialing(struct proxy *proxy)
{
    for (struct connection *c = proxy->running.first, *next; c; c = next) {
        next = c->next;
        if (c->state != CONNECTION_DIALING) continue;
        connection_note_error(c, -ECONNREFUSED);
        connection_end(c);
    }
}

size_t proxy_count(const struct proxy *proxy)
{
    return proxy->waiting.count + proxy->running.count;
}

size_t proxy_waiting(const struct proxy *proxy)
{
    return proxy->waiting.count;
}

void proxy_set_limits(struct proxy *proxy, struct proxy_limits limits)
{
    proxy->no_splice = limits.no_splice;
    proxy->dial_max = limits.dial_max ? limits.dial_max : DIAL_MAX;
}
