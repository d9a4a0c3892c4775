/* The service of a socket comes up and goes down. */
#include "supervisor/socket_internal.h"

#include "base/fd.h"
#include "base/log.h"
#include "socketact/listener.h"
#include "supervisor/job_internal.h"
#include "trace/trace.h"

#include <string.h>

/* The sockets of a service are those that start it, and those of its Sockets=. */
static struct socket *socket_at(const struct manager *m, struct id_span span, uint32_t i)
{
    return socket_of(manager_unit(m, span.ids[i]));
}

/* Some other service has its descriptors, or is about to get them, and is who serves them. */
static bool is_served(const struct socket *s, const struct service *but)
{
    struct manager *m = s->base.manager;
    struct id_span span = manager_edges(m, s->base.unit->id, GRAPH_PASSES_TO);
    for (uint32_t i = 0; socket_is_native(s) && i < span.count; i++) {
        const struct runtime *rt = manager_unit(m, span.ids[i]);
        if (rt != &but->base && !runtime_is_down(rt)) return true;
    }
    return false;
}

void passed_fds_done(struct passed_fds *passed)
{
    vec_done(&passed->fds);
    vec_done(&passed->names);
}

static int add_passed(struct passed_fds *passed, int fd, const char *name)
{
    int r = vec_push(&passed->fds, fd);
    return r < 0 ? r : vec_push(&passed->names, name);
}

int sockets_collect(struct service *service, struct passed_fds *ret)
{
    struct manager *m = service->base.manager;
    if (service->connection && fd_is_open(&service->connection->fd))
        return add_passed(ret, service->connection->fd.n, "connection");
    if (service->base.instance) return 0; /* it had one */
    struct id_span span = manager_edges(m, service->base.unit->id, GRAPH_PASSED_BY);
    for (uint32_t i = 0; i < span.count; i++) {
        const struct socket *s = socket_at(m, span, i);
        const char *name = socket_settings(s)->file_descriptor_name;
        if (!name) name = socket_name(s);
        if (strchr(name, ':')) name = "unknown"; /* a colon would end the name within LISTEN_FDNAMES (K56) */
        bool passed =
            socket_is_native(s) && !socket_settings(s)->accept; /* else they are ours, and nobody else accepts */
        for (uint32_t k = 0; passed && k < s->n_listeners; k++) {
            int r = add_passed(ret, listener_fd(s->listeners[k].listener), name);
            if (r < 0) return r;
        }
    }
    return 0;
}

void sockets_service_starting(struct service *service)
{
    struct manager *m = service->base.manager;
    struct id_span span = manager_edges(m, service->base.unit->id, GRAPH_PASSED_BY);
    for (uint32_t i = 0; i < span.count; i++) {
        struct socket *s = socket_at(m, span, i);
        bool waits = s->state == SOCKET_LISTENING || s->state == SOCKET_DEFERRED;
        if (waits && socket_is_native(s) && !socket_settings(s)->accept) socket_fire(s, SOCKET_EVENT_GO_RUNNING);
    }
}

void sockets_service_ready(struct service *service)
{
    struct manager *m = service->base.manager;
    struct id_span span = manager_edges(m, service->base.unit->id, GRAPH_PASSED_BY);
    for (uint32_t i = 0; i < span.count; i++) {
        struct socket *s = socket_at(m, span, i);
        if (s->proxy && s->service == service) socket_proxy_set_ready(s, true);
        if (s->service == service) socket_idle_begin(s);
    }
}

void sockets_service_stays(struct service *service)
{
    struct manager *m = service->base.manager;
    struct id_span span = manager_edges(m, service->base.unit->id, GRAPH_PASSED_BY);
    for (uint32_t i = 0; i < span.count; i++) {
        struct socket *s = socket_at(m, span, i);
        if (s->service == service && socket_proxy_waits(s))
            socket_trigger_soon(s); /* another job may follow this one */
    }
}

static void service_down(struct socket *s, struct service *service, const char *why)
{
    struct manager *m = s->base.manager;
    bool listening = s->state == SOCKET_LISTENING || s->state == SOCKET_RUNNING;
    if (!listening || m->shutdown.begun || socket_settings(s)->accept) return;
    bool is_own = s->service == service; /* of a service with Sockets= only the descriptors come back */
    /* What they waited for has failed; the next one tries again. A restart is what those who are there wait for. */
    if (is_own && s->proxy && (why || !job_waits_for_start(&service->base.job)))
        socket_proxy_service_down(s, service->base.result != RESULT_SUCCESS);
    if (is_own && why) {
        socket_fail(s, RESULT_SERVICE_START_LIMIT_HIT, why);
        return;
    }
    if (is_own && service->base.skipped) {
        log_info("socket %s: service %s skipped; closing the listener", socket_name(s), service_name(service));
        s->remove_nodes = true;
        socket_fire(s, SOCKET_EVENT_STOP);
        return;
    }
    /* systemd: nothing changes while a job is queued. A restart takes the listeners along, and is no trigger. */
    if (job_waits_for_start(&service->base.job)) return;
    if (is_own && socket_proxy_waits(s)) socket_trigger_soon(s); /* who came meanwhile is served (K57) */
    if (s->state != SOCKET_RUNNING || is_served(s, service) || (s->proxy && !is_own)) return;
    socket_fire(s, SOCKET_EVENT_GO_LISTENING);
    if (s->state != SOCKET_LISTENING) return;
    /* Said last: what comes from here on is not flushed. */
    log_info("socket %s: %s stopped; listening again", socket_name(s), service_name(service));
    TRACE(m->trace, "rearmed", TRACE_OK, 0, TF_STR("unit", socket_name(s)), TF_STR("service", service_name(service)));
}

void sockets_service_leaving(struct service *service)
{
    struct manager *m = service->base.manager;
    struct id_span span = manager_edges(m, service->base.unit->id, GRAPH_PASSED_BY);
    for (uint32_t i = 0; i < span.count; i++) {
        struct socket *s = socket_at(m, span, i);
        if (s->service == service) socket_idle_end(s);
        if (s->proxy && s->service == service) socket_proxy_set_ready(s, false);
    }
}

void sockets_service_down(struct service *service, const char *why)
{
    struct manager *m = service->base.manager;
    struct id_span span = manager_edges(m, service->base.unit->id, GRAPH_PASSED_BY);
    for (uint32_t i = 0; i < span.count; i++) {
        struct socket *s = socket_at(m, span, i);
        service_down(s, service, why);
    }
}
