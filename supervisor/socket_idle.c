/* IdleStopSec=: a service without connections is stopped, and the next one starts it again.
 *
 * The worker of a proxy knows its connections and tells. Of a native socket the service has the listeners: whether one
 * of its connections is open is asked of the kernel, once each IdleStopSec=, and in between the first arrival is noted
 * and no other, so that a busy service costs one wake-up in that time. It is idle when nothing was open at one look,
 * nothing came since, and nothing is open at the next: no connection was open for that long, and it stops before twice
 * that time is over. */
#include "supervisor/socket_internal.h"

#include "base/log.h"
#include "base/timespan.h"
#include "socketact/listener.h"
#include "socketact/sock_diag.h"
#include "supervisor/job.h"
#include "trace/trace.h"

#include <errno.h>
#include <string.h>

/* Nobody is looked at more often than this. */
#define LOOK_LEAST (100 * USEC_PER_MSEC)

static bool has_setting(const struct socket *s)
{
    return socket_settings(s)->idle_stop != USEC_INFINITY;
}

/* Something is open at the listeners of a native socket, or waits there: 1, 0, or the -errno of the first of which it
 * cannot be told. What has no connections, such as a FIFO, has only what waits. */
static int is_open(const struct socket *s, const struct listener **ret_listener)
{
    for (uint32_t i = 0; i < s->n_listeners; i++) {
        int r = sock_diag_connections(listener_fd(s->listeners[i].listener), 1);
        *ret_listener = s->listeners[i].listener;
        if (sock_diag_may_work_later(r)) return 1; /* so it is taken for open until then */
        if (r != 0 && r != -ENOTSOCK) return r;
    }
    return 0;
}

/* ---- the stop ---- */

/* Units that would go down with the service, or bring it back at once. Those that asked to be stopped with it (PartOf=)
 * are no hindrance. */
static bool is_needed(const struct service *service)
{
    static const enum graph_edge edges[] = { GRAPH_REQUIRED_BY, GRAPH_REQUISITE_OF, GRAPH_BOUND_BY, GRAPH_UPHELD_BY };
    const struct manager *m = service->base.manager;
    for (size_t k = 0; k < COUNT_OF(edges); k++) {
        struct id_span span = manager_edges(m, service->base.unit->id, edges[k]);
        for (uint32_t i = 0; i < span.count; i++)
            if (!runtime_is_down(manager_unit(m, span.ids[i]))) return true;
    }
    return false;
}

/* A socket that is followed tells when it is idle; one that has no IdleStopSec=, or came up after the service, must not
 * have a connection now. A proxy has one for as long as its worker is there, whose counts are a little old. */
static bool keeps_up(const struct socket *s)
{
    const struct listener *listener;
    if (has_setting(s) && (s->idle_blind || !socket_is_native(s) || loop_deadline_is_set(&s->idle_look)))
        return !s->idle;
    return socket_is_native(s) ? is_open(s, &listener) != 0 : socket_proxy_has_worker(s);
}

static bool is_busy_elsewhere(const struct socket *s)
{
    const struct manager *m = s->base.manager;
    struct id_span span = manager_edges(m, s->service->base.unit->id, GRAPH_PASSED_BY);
    for (uint32_t i = 0; i < span.count; i++) {
        struct runtime *rt = manager_unit(m, span.ids[i]);
        if (rt == &s->base || runtime_is_down(rt)) continue;
        if (keeps_up(socket_of(rt))) return true;
    }
    return false;
}

usec_t socket_idle_least(const struct socket *s)
{
    const struct manager *m = s->base.manager;
    struct id_span span = manager_edges(m, s->service->base.unit->id, GRAPH_PASSED_BY);
    usec_t least = socket_settings(s)->idle_stop;
    if (least != USEC_INFINITY) return least;
    for (uint32_t i = 0; i < span.count; i++)
        least = MIN_OF(least, manager_unit(m, span.ids[i])->unit->socket->idle_stop);
    return least;
}

/* false: not now. */
static bool stop_service(struct socket *s)
{
    struct manager *m = s->base.manager;
    struct runtime *service = &s->service->base;
    char span[TIMESPAN_TEXT_MAX];
    if (service->active != ACTIVE_STATE_ACTIVE || service->job.type != JOB_NONE) return false;
    if (is_needed(s->service) || is_busy_elsewhere(s)) return false;
    struct job_error error = { 0 };
    int r = jobs_enqueue(m, service, JOB_STOP, JOB_MODE_FAIL, &error, NULL);
    if (r < 0) {
        log_debug("socket %s: %s is not stopped: %s", socket_name(s), service_name(s->service), error.text);
        return false;
    }
    log_info("socket %s: no connection for %s; stopping %s", socket_name(s),
             timespan_format(socket_settings(s)->idle_stop, USEC_PER_MSEC, span), service_name(s->service));
    TRACE(m->trace, "idle_stop", TRACE_OK, 0, TF_STR("unit", socket_name(s)),
          TF_STR("service", service_name(s->service)));
    return true;
}

static void on_look(void *userdata);

static void look_later(struct socket *s)
{
    struct loop *loop = s->base.manager->loop;
    usec_t span = MAX_OF(socket_settings(s)->idle_stop, LOOK_LEAST);
    if (loop_deadline_set(loop, &s->idle_look, usec_add(loop_now(loop), span), on_look, s) < 0)
        log_error("socket %s: out of memory: its service stays up", socket_name(s));
}

void socket_idle_reached(struct socket *s)
{
    if (s->base.manager->shutdown.begun || !s->service || !runtime_is_up(&s->service->base)) return;
    s->idle = true;
    if (!stop_service(s)) log_debug("socket %s: idle, and %s stays up", socket_name(s), service_name(s->service));
    look_later(s); /* which comes to nothing once the service is on its way down */
}

bool socket_idle_over(struct socket *s)
{
    loop_deadline_clear(s->base.manager->loop, &s->idle_look);
    s->idle = false;
    return service_stays_up(s->service);
}

/* ---- native sockets ---- */

static void on_coming(int fd, uint32_t events, void *userdata)
{
    struct socket_listener *l = userdata;
    struct socket *s = l->socket;
    (void)fd;
    (void)events;
    s->idle_clear = false;
    if (s->idle) look_later(s); /* which it did not, or only for others */
    s->idle = false;
    loop_io_remove(s->base.manager->loop, &l->coming);
}

/* The next arrival is noted again; what has not been accepted yet is one. -EPERM: what is no pipe and no socket. */
static int note_arrivals(struct socket *s)
{
    for (uint32_t i = 0; i < s->n_listeners; i++) {
        struct socket_listener *l = &s->listeners[i];
        if (l->coming != LOOP_IO_NONE) continue;
        int r = loop_io_add(s->base.manager->loop, listener_fd(l->listener), EPOLLIN, LOOP_NORMAL, on_coming, l,
                            &l->coming);
        if (r < 0) return r;
    }
    return 0;
}

static void give_up(struct socket *s, const char *what, int r)
{
    log_warning("socket %s: IdleStopSec= has no effect: whether %s is used cannot be seen: %s", socket_name(s), what,
                r == -ENXIO ? "it is of another network namespace" : strerror(-r));
    socket_idle_end(s);
    s->idle_blind = true;
}

/* Arrivals are noted before it looks, and its time counts from after: what came and went meanwhile is not missed. */
static void look(struct socket *s)
{
    const struct listener *listener = NULL;
    int r = note_arrivals(s);
    if (r < 0) {
        give_up(s, "it", r);
        return;
    }
    int open = is_open(s, &listener);
    if (open < 0) {
        give_up(s, listener_address(listener), open);
        return;
    }
    if (open == 0 && s->idle_clear) {
        socket_idle_reached(s);
        return;
    }
    s->idle_clear = open == 0;
    loop_refresh_now(s->base.manager->loop);
    look_later(s);
}

static void on_look(void *userdata)
{
    struct socket *s = userdata;
    if (s->idle)
        socket_idle_reached(s);
    else
        look(s);
}

void socket_idle_begin(struct socket *s)
{
    bool has_service = s->state == SOCKET_RUNNING && s->service && socket_is_native(s);
    if (!has_setting(s) || !has_service || s->idle_blind || loop_deadline_is_set(&s->idle_look)) return;
    s->idle = s->idle_clear = false;
    look(s);
}

void socket_idle_end(struct socket *s)
{
    struct loop *loop = s->base.manager->loop;
    loop_deadline_clear(loop, &s->idle_look);
    for (uint32_t i = 0; i < s->n_listeners; i++) loop_io_remove(loop, &s->listeners[i].coming);
    s->idle = s->idle_clear = false;
}
