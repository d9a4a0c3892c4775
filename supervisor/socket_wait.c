/* The wait for a connection, and how often it may start the service. */
#include "supervisor/socket_internal.h"

#include "base/log.h"
#include "base/timespan.h"
#include "socketact/listener.h"
#include "supervisor/job.h"
#include "supervisor/restart.h"
#include "trace/trace.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Accepting is tried again this long after descriptors ran out. */
#define ACCEPT_PAUSE (100 * USEC_PER_MSEC)

void socket_stop_polling(struct socket *s)
{
    for (uint32_t i = 0; i < s->n_listeners; i++) loop_io_remove(s->base.manager->loop, &s->listeners[i].io);
}

void socket_stop_waiting(struct socket *s)
{
    socket_stop_polling(s);
    loop_deadline_clear(s->base.manager->loop, &s->trigger_due);
    loop_deadline_clear(s->base.manager->loop, &s->pause);
}

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

static void trigger(struct socket *s)
{
    struct manager *m = s->base.manager;
    if (m->shutdown.begun) {
        socket_stop_waiting(s); /* nothing is started any more, and the connection would keep us awake */
        return;
    }
    if (!take_trigger(s)) return;
    if (!s->connected_once) TRACE(m->trace, "first_connect", TRACE_OK, 0, TF_STR("unit", socket_name(s)));
    s->connected_once = true;
    TRACE(m->trace, "triggered", TRACE_OK, 0, TF_STR("unit", socket_name(s)),
          TF_STR("service", service_name(s->service)));
    log_debug("socket %s: a connection starts %s", socket_name(s), service_name(s->service));
    if (socket_is_native(s)) socket_stop_waiting(s);
    socket_set_state(s, SOCKET_RUNNING);
    if (jobs_start(m, &s->service->base) < 0) socket_fail(s, RESULT_RESOURCES, "its service is refused to start");
}

static void on_trigger_due(void *userdata)
{
    struct socket *s = userdata;
    const struct runtime *rt = &s->service->base;
    if (!runtime_is_down(rt) || rt->job.type == JOB_START) return; /* on its way already */
    if (socket_proxy_waits(s)) trigger(s);
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
    (void)events;
    if (socket_is_native(s) && !is_accept) {
        trigger(s);
        return;
    }
    if (is_accept && !take_trigger(s)) return;
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
    if (socket_proxy_has_worker(s)) return;
    for (uint32_t i = 0; i < s->n_listeners; i++) {
        struct socket_listener *l = &s->listeners[i];
        if (l->io != LOOP_IO_NONE) continue;
        int r = loop_io_add(s->base.manager->loop, listener_fd(l->listener), EPOLLIN, LOOP_NORMAL, on_connection, l,
                            &l->io);
        if (r < 0) {
            socket_fail(s, RESULT_RESOURCES, strerror(-r));
            return;
        }
    }
}
