/* IdleStopSec=: a service without connections is stopped, and the next one starts it again. */
#include "supervisor/socket_internal.h"

#include "base/log.h"
#include "base/timespan.h"
#include "supervisor/job.h"
#include "trace/trace.h"

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

static bool is_followed(const struct socket *s)
{
    return socket_settings(s)->idle_stop != USEC_INFINITY;
}

/* Whether another socket of the service keeps it up. Those that have the setting tell when they are idle; the others
 * tell nothing, and are looked at again. */
static bool is_busy_elsewhere(const struct socket *s)
{
    const struct manager *m = s->base.manager;
    struct id_span span = manager_edges(m, s->service->base.unit->id, GRAPH_TRIGGERED_BY);
    for (uint32_t i = 0; i < span.count; i++) {
        struct runtime *rt = manager_unit(m, span.ids[i]);
        if (rt->unit->kind != UNIT_KIND_SOCKET || runtime_is_down(rt)) continue;
        const struct socket *other = socket_of(rt);
        if (is_followed(other) ? !other->idle : other->counters.connections > 0) return true;
    }
    return false;
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

static void on_look(void *userdata)
{
    socket_idle_reached(userdata);
}

void socket_idle_reached(struct socket *s)
{
    struct loop *loop = s->base.manager->loop;
    if (s->base.manager->shutdown.begun || !s->service || !runtime_is_up(&s->service->base)) return;
    s->idle = true;
    if (stop_service(s)) return;
    if (loop_deadline_set(loop, &s->idle_look, usec_add(loop_now(loop), socket_settings(s)->idle_stop), on_look, s) < 0)
        log_error("socket %s: out of memory: its service stays up", socket_name(s));
}

bool socket_idle_over(struct socket *s)
{
    const struct runtime *service = &s->service->base;
    loop_deadline_clear(s->base.manager->loop, &s->idle_look);
    s->idle = false;
    return runtime_is_up(service) && service->job.type != JOB_STOP && service->job.type != JOB_RESTART;
}

void socket_idle_end(struct socket *s)
{
    loop_deadline_clear(s->base.manager->loop, &s->idle_look);
    s->idle = false;
}
