/* The wait for a connection, and how often it may start the service. */
#include "supervisor/socket_internal.h"

#include "base/fd.h"
#include "base/log.h"
#include "base/timespan.h"
#include "socketact/listener.h"
#include "supervisor/job.h"
#include "supervisor/logs.h"
#include "supervisor/restart.h"
#include "trace/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Accepting is tried again this long after descriptors ran out. */
#define ACCEPT_PAUSE (100 * USEC_PER_MSEC)
/* So often it is looked whether a stop that waits for other units was called off. */
#define STOP_PAUSE (100 * USEC_PER_MSEC)

void socket_stop_polling(struct socket *s)
{
    for (uint32_t i = 0; i < s->n_listeners; i++) loop_io_remove(s->base.manager->loop, &s->listeners[i].io);
}

void socket_stop_waiting(struct socket *s)
{
    socket_stop_polling(s);
    loop_deadline_clear(s->base.manager->loop, &s->trigger_due);
    loop_deadline_clear(s->base.manager->loop, &s->pause);
    loop_deadline_clear(s->base.manager->loop, &s->prepare);
}

/* ---- what a start needs ---- */

/* Not at once: of one connection after the other each is served first. */
#define PREPARE_AFTER (5 * USEC_PER_MSEC)

static void on_prepare(void *userdata)
{
    struct socket *s = userdata;
    struct manager *m = s->base.manager;
    const struct runtime *rt = &s->service->base;
    const struct resource_section *resource = rt->unit->resource;
    if (s->state != SOCKET_LISTENING || m->shutdown.begun || !runtime_is_down(rt) || s->service->begun) return;
    procs_prepare(m->procs, &s->service->procs, resource->slice_is_default ? NULL : resource->slice, runtime_name(rt));
    logs_prepare(m->logs);
}

void socket_prepare_start(struct socket *s)
{
    struct loop *loop = s->base.manager->loop;
    /* Of what is to scale to zero nothing is kept. */
    if (!s->service || socket_settings(s)->idle_stop != USEC_INFINITY) return;
    int r = loop_deadline_set(loop, &s->prepare, usec_add(loop_now(loop), PREPARE_AFTER), on_prepare, s);
    (void)r; /* no memory: then the start makes what it needs */
}

void socket_unprepare_start(struct socket *s)
{
    if (s->service) procs_unprepare(s->base.manager->procs, &s->service->procs);
}

/* ---- limits ---- */

/* false: the limit is used up and the socket has failed. */
static bool take_trigger(struct socket *s)
{
    const struct socket_section *settings = socket_settings(s);
    if (start_limit_take(&s->trigger_begin, &s->trigger_count, loop_now(s->base.manager->loop),
                         settings->trigger_limit_interval, settings->trigger_limit_burst))
        return true;
    char why[128], span[TIMESPAN_TEXT_MAX];
    (void)snprintf(why, sizeof why, "trigger limit hit (%u activations within %s)", settings->trigger_limit_burst,
                   timespan_format(settings->trigger_limit_interval, 1, span)); /* fits */
    socket_fail(s, RESULT_TRIGGER_LIMIT_HIT, why);
    return false;
}

static void on_resume(void *userdata)
{
    struct socket_listener *l = userdata;
    struct socket *s = l->socket;
    log_debug("socket %s: %s is polled again", socket_name(s), listener_address(l->listener));
    if (s->state == SOCKET_LISTENING) socket_wait(s);
    if (socket_proxy_waits(s)) socket_trigger_soon(s);
}

/* false: the limit is used up, and the listener is not polled before the window is over. Told once in a window (K88).
 */
static bool take_poll(struct socket *s, struct socket_listener *l)
{
    const struct socket_extra_section *settings = s->base.unit->socket_extra;
    struct loop *loop = s->base.manager->loop;
    usec_t interval = settings->poll_limit_interval;
    char span[TIMESPAN_TEXT_MAX];
    if (start_limit_take(&l->poll_begin, &l->poll_count, loop_now(loop), interval, settings->poll_limit_burst))
        return true;
    if (loop_deadline_set(loop, &l->resume, usec_add(l->poll_begin, interval), on_resume, l) < 0) {
        socket_fail(s, RESULT_RESOURCES, "out of memory");
        return false;
    }
    log_warning("socket %s: poll limit hit at %s (%u times within %s); it is not looked at until then", socket_name(s),
                listener_address(l->listener), settings->poll_limit_burst, timespan_format(interval, 1, span));
    TRACE(s->base.manager->trace, "poll_limited", TRACE_OK, 0, TF_STR("unit", socket_name(s)),
          TF_STR("address", listener_address(l->listener)), TF_U64("burst", settings->poll_limit_burst),
          TF_U64("interval_ms", interval / USEC_PER_MSEC));
    loop_io_remove(loop, &l->io);
    return false;
}

/* ---- the service is started ---- */

/* DeferTrigger=: nothing that runs is stopped for it. 0, -EAGAIN: it waits for what its service conflicts with, or
 * -errno, which was logged. */
static int start_service(struct socket *s)
{
    struct manager *m = s->base.manager;
    enum { DEFER_NO, DEFER_YES, DEFER_PATIENT } mode = s->base.unit->socket_extra->defer_trigger;
    struct job_error error = { .code = "" };
    if (mode == DEFER_NO) return jobs_start(m, &s->service->base);
    int r = jobs_enqueue(m, &s->service->base, JOB_START, JOB_MODE_LENIENT, &error, NULL);
    if (r == -EDEADLK && (mode == DEFER_PATIENT || jobs_pending(m))) {
        log_debug("socket %s: deferred: %s", socket_name(s), error.text);
        return -EAGAIN;
    }
    if (r < 0) log_error("unit %s: start refused: %s", socket_service_name(s), error.text);
    return r;
}

static void start_or_defer(struct socket *s)
{
    struct manager *m = s->base.manager;
    bool was_deferred = s->state == SOCKET_DEFERRED;
    int r = start_service(s);
    if (r == -EAGAIN && !was_deferred) {
        log_info("socket %s: %s conflicts with what is up; it is started later", socket_name(s),
                 socket_service_name(s));
        TRACE(m->trace, "deferred", TRACE_OK, 0, TF_STR("unit", socket_name(s)),
              TF_STR("service", socket_service_name(s)));
        socket_fire(s, SOCKET_EVENT_GO_DEFERRED);
    } else if (r == -EAGAIN) {
        m->n_deferred++;
    } else if (r < 0) {
        socket_fail(s, RESULT_RESOURCES, "its service is refused to start");
    } else if (s->state != SOCKET_RUNNING) {
        socket_fire(s, SOCKET_EVENT_GO_RUNNING);
    }
}

static void trigger(struct socket *s, struct socket_listener *l)
{
    struct manager *m = s->base.manager;
    if (m->shutdown.begun) {
        socket_stop_waiting(s); /* nothing is started any more, and the connection would keep us awake */
        return;
    }
    if (s->base.job.type == JOB_STOP || s->base.job.type == JOB_RESTART) {
        socket_wait_later(s, STOP_PAUSE); /* likewise; but the job may be called off while it waits for its turn */
        return;
    }
    if (!take_poll(s, l) || !take_trigger(s)) return;
    if (!s->connected_once) TRACE(m->trace, "first_connect", TRACE_OK, 0, TF_STR("unit", socket_name(s)));
    s->connected_once = true;
    TRACE(m->trace, "triggered", TRACE_OK, 0, TF_STR("unit", socket_name(s)),
          TF_STR("service", socket_service_name(s)));
    log_debug("socket %s: a connection starts %s", socket_name(s), socket_service_name(s));
    start_or_defer(s);
}

static void on_retry(void *userdata);

static void retry_later(struct socket *s, usec_t after)
{
    struct loop *loop = s->base.manager->loop;
    if (loop_deadline_set(loop, &s->trigger_due, usec_add(loop_now(loop), after), on_retry, s) < 0)
        log_error("socket %s: out of memory: its service starts with the next unit that ends", socket_name(s));
}

static void on_retry(void *userdata)
{
    struct socket *s = userdata;
    bool stops = s->base.job.type == JOB_STOP || s->base.job.type == JOB_RESTART;
    if (s->state != SOCKET_DEFERRED || s->base.manager->shutdown.begun) return;
    if (stops)
        retry_later(s, STOP_PAUSE); /* the job may be called off while it waits for its turn */
    else
        start_or_defer(s);
}

void sockets_retry_deferred(struct manager *m)
{
    m->n_deferred = 0;
    for (uint32_t id = 0; id < m->n_units; id++) {
        struct runtime *rt = manager_unit(m, id);
        if (rt->type != &socket_type || socket_of(rt)->state != SOCKET_DEFERRED) continue;
        m->n_deferred++;
        retry_later(socket_of(rt), 0);
    }
}

static void on_trigger_due(void *userdata)
{
    struct socket *s = userdata;
    const struct runtime *rt = &s->service->base;
    if (socket_proxy_waits(s) && service_stays_up(s->service)) {
        socket_proxy_set_ready(s, true);
        return;
    }
    if (!runtime_is_down(rt) || rt->job.type == JOB_START || s->state == SOCKET_DEFERRED) return; /* on its way */
    if (socket_proxy_waits(s) && !loop_deadline_is_set(&s->listeners[0].resume)) trigger(s, &s->listeners[0]);
}

/* In the round's deadlines, for a trigger may end in the closing of the proxy that calls, or begin a transaction. */
void socket_trigger_soon(struct socket *s)
{
    struct loop *loop = s->base.manager->loop;
    if (loop_deadline_set(loop, &s->trigger_due, loop_now(loop), on_trigger_due, s) < 0)
        log_error("socket %s: out of memory: its connections wait for the next one", socket_name(s));
}

static void on_pause_over(void *userdata)
{
    struct socket *s = userdata;
    socket_wait(s);
    if (socket_proxy_waits(s)) socket_trigger_soon(s);
}

void socket_wait_later(struct socket *s, usec_t after)
{
    struct loop *loop = s->base.manager->loop;
    socket_stop_polling(s);
    if (loop_deadline_set(loop, &s->pause, usec_add(loop_now(loop), after), on_pause_over, s) < 0)
        socket_fail(s, RESULT_RESOURCES, "out of memory");
}

/* Descriptors ran out, or memory: those that wait go on waiting, and it is told once (K88). */
static void pause_accepting(struct socket *s, int error)
{
    if (!s->lacking) log_error("socket %s accept: %s", socket_name(s), strerror(error));
    s->lacking = true;
    socket_wait_later(s, ACCEPT_PAUSE);
}

static bool is_lack(int r)
{
    return r == -EMFILE || r == -ENFILE || r == -ENOBUFS || r == -ENOMEM;
}

static void on_connection(int fd, uint32_t events, void *userdata)
{
    struct socket_listener *l = userdata;
    struct socket *s = l->socket;
    bool is_accept = socket_settings(s)->accept;
    (void)fd;
    if (events & (EPOLLHUP | EPOLLRDHUP)) { /* for good: every client is refused, and it never is quiet again */
        socket_fail(s, RESULT_RESOURCES, "a program that has its listener has shut it down");
        return;
    }
    if (socket_is_native(s) && !is_accept) {
        trigger(s, l);
        return;
    }
    if (is_accept && (!take_poll(s, l) || !take_trigger(s))) return;
    int r = is_accept ? socket_accept_connection(s, l) : socket_proxy_ready(s, l);
    if (r >= 0)
        s->lacking = false;
    else if (!is_accept || is_lack(r))
        pause_accepting(s, -r);
    else
        socket_fail(s, RESULT_RESOURCES, strerror(-r));
}

void socket_wait(struct socket *s)
{
    /* Of a worker that ends on the socket's way down nobody makes another. */
    if (socket_proxy_has_worker(s) || socket_state_active(s->state) != ACTIVE_STATE_ACTIVE) return;
    for (uint32_t i = 0; i < s->n_listeners; i++) {
        struct socket_listener *l = &s->listeners[i];
        if (l->io != LOOP_IO_NONE || (!s->proxy && loop_deadline_is_set(&l->resume))) continue;
        int r = loop_io_add(s->base.manager->loop, listener_fd(l->listener), EPOLLIN | EPOLLRDHUP, LOOP_NORMAL,
                            on_connection, l, &l->io);
        if (r < 0) {
            socket_fail(s, RESULT_RESOURCES, strerror(-r));
            return;
        }
    }
}

/* ---- FlushPending= ---- */

/* So much of one listener is thrown away at a time: whoever sends faster starts the service. */
#define FLUSH_MAX 1024

static bool flush_one(int fd, enum listen_kind kind)
{
    char bytes[4096];
    ssize_t n;
    if (kind == LISTEN_DATAGRAM || kind == LISTEN_NETLINK) {
        n = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
        return n >= 0 || errno == EINTR;
    }
    if (!listen_kind_accepts(kind)) {
        n = read(fd, bytes, sizeof bytes);
        return n > 0 || (n < 0 && errno == EINTR);
    }
    AUTO_FD struct fd client = fd_own(accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK));
    return fd_is_open(&client) || errno == ECONNABORTED || errno == EINTR;
}

/* Others may have the descriptor as well, and have it as a blocking one: the mode is changed for this moment only. */
static void flush_all(int fd, enum listen_kind kind)
{
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) return;
    for (int i = 0; i < FLUSH_MAX && flush_one(fd, kind); i++) {
    }
    (void)fcntl(fd, F_SETFL, flags); /* as it was */
}

static void flush_messages(int fd)
{
    struct mq_attr attributes;
    const struct timespec past = { 0, 0 };
    if (mq_getattr(fd, &attributes) < 0) return;
    char *message = malloc((size_t)attributes.mq_msgsize);
    for (int i = 0; message && i < FLUSH_MAX; i++)
        if (mq_timedreceive(fd, message, (size_t)attributes.mq_msgsize, NULL, &past) < 0) break;
    free(message);
}

void socket_flush(struct socket *s)
{
    for (uint32_t i = 0; i < s->n_listeners; i++) {
        const struct listener *l = s->listeners[i].listener;
        enum listen_kind kind = listener_kind(l);
        if (kind == LISTEN_MESSAGE_QUEUE)
            flush_messages(listener_fd(l));
        else
            flush_all(listener_fd(l), kind);
    }
}
