#include "supervisor/handlers.h"

#include "base/log.h"
#include "base/timespan.h"
#include "supervisor/manager.h"
#include "supervisor/restart.h"
#include "supervisor/service.h"
#include "supervisor/socket.h"
#include "trace/trace.h"
#include "unit/unit.h"

#include <stdio.h>

static bool asks_for_exit(const struct runtime *rt)
{
    return rt->unit->kind == UNIT_KIND_SERVICE && rt->unit->service->exit_container_on_failure;
}

static void handler_wants_exit(struct runtime *handler, const char *detail)
{
    if (!asks_for_exit(handler) || handler->manager->shutdown.begun) return;
    log_info("OnFailure target %s requested container exit (%s)", runtime_name(handler), detail);
    shutdown_decide(handler->manager, handler->cause_code);
    shutdown_begin(handler->manager, NULL);
}

static void coalesce(struct runtime *handler, const char *relation, const char *why)
{
    log_info("%s: %s not invoked: %s", relation, runtime_name(handler), why);
    TRACE(handler->manager->trace, "onfailure_coalesced", TRACE_OK, 0, TF_STR("unit", runtime_name(handler)),
          TF_STR("reason", why));
}

static void invoke(struct runtime *rt, struct runtime *handler, enum graph_edge edge, int exit_code)
{
    const char *relation = edge == GRAPH_ON_FAILURE ? "OnFailure" : "OnSuccess";
    struct manager *m = rt->manager;
    const struct unit_section *u = handler->unit->unit;
    bool starting = handler->job.type == JOB_START || handler->job.type == JOB_RESTART;
    if (!runtime_is_down(handler) || starting) {
        coalesce(handler, relation, "already active");
        return;
    }
    handler->cause_code = exit_code;
    if (start_limit_is_hit(handler->limit_begin, handler->limit_count, loop_now(m->loop), u->start_limit_interval,
                           u->start_limit_burst)) {
        char why[96], span[TIMESPAN_TEXT_MAX];
        (void)snprintf(why, sizeof why, "start limit hit (%u starts within %s)", u->start_limit_burst,
                       timespan_format(u->start_limit_interval, 1, span)); /* fits */
        coalesce(handler, relation, why);
        if (edge == GRAPH_ON_FAILURE) handler_wants_exit(handler, "start limit hit");
        return;
    }
    log_info("%s: invoking %s", relation, runtime_name(handler));
    TRACE(m->trace, "onfailure_invoke", TRACE_OK, 0, TF_STR("unit", runtime_name(handler)),
          TF_STR("cause", runtime_name(rt)));
    handler->is_handler = edge == GRAPH_ON_FAILURE;
    if (jobs_start(m, handler) < 0) log_error("%s: %s not invoked: out of memory", relation, runtime_name(handler));
}

static void invoke_all(struct runtime *rt, enum graph_edge edge, int exit_code)
{
    struct manager *m = rt->manager;
    struct id_span span = manager_edges(m, rt->unit->id, edge);
    for (uint32_t i = 0; i < span.count && !m->shutdown.begun; i++)
        invoke(rt, manager_unit(m, span.ids[i]), edge, exit_code);
    const char *unknown;
    for (size_t i = 0; edge == GRAPH_ON_FAILURE && (unknown = graph_unknown_handler(m->graph, rt->unit->id, i)); i++)
        log_error("OnFailure: unknown target %s", unknown);
}

static void handler_ended(struct runtime *rt, bool failed)
{
    if (!rt->is_handler) return;
    rt->is_handler = false;
    TRACE(rt->manager->trace, "onfailure_exited", failed ? TRACE_ERROR : TRACE_OK, 0, TF_STR("unit", runtime_name(rt)),
          TF_BOOL("failed", failed), TF_STR("err", failed ? unit_result_name(rt->result) : ""));
    handler_wants_exit(rt, failed ? "failed=true" : "failed=false");
}

/* S17, K22: what would have been started says so. */
static void tell_not_invoked(struct runtime *rt)
{
    struct id_span span = manager_edges(rt->manager, rt->unit->id, GRAPH_ON_FAILURE);
    for (uint32_t i = 0; i < span.count; i++)
        log_info("OnFailure: %s not invoked: shutting down", runtime_name(manager_unit(rt->manager, span.ids[i])));
}

void unit_handler_ended(struct runtime *rt)
{
    handler_ended(rt, false);
}

void unit_failed_for_good(struct runtime *rt, int exit_code)
{
    struct manager *m = rt->manager;
    rt->exit_code = exit_code > 0 ? exit_code : 1;
    if (m->shutdown.begun) {
        tell_not_invoked(rt);
        return;
    }
    if (rt->is_handler) {
        handler_ended(rt, true);
    } else if (asks_for_exit(rt)) {
        log_error("unit %s: ExitContainerOnFailure -- initiating reverse shutdown", runtime_name(rt));
        shutdown_decide(m, exit_code);
        shutdown_begin(m, NULL);
    }
    invoke_all(rt, GRAPH_ON_FAILURE, exit_code);
}

void unit_start_canceled(struct runtime *rt)
{
    if (rt->unit->kind == UNIT_KIND_SERVICE) sockets_service_down((struct service *)rt, NULL);
}

void unit_succeeded(struct runtime *rt)
{
    if (rt->manager->shutdown.begun) return;
    handler_ended(rt, false);
    invoke_all(rt, GRAPH_ON_SUCCESS, 0);
}

void unit_went_down(struct runtime *rt)
{
    struct manager *m = rt->manager;
    if (rt->unit->kind == UNIT_KIND_SERVICE) {
        char why[512];
        if (rt->result == RESULT_START_LIMIT_HIT)
            (void)snprintf(why, sizeof why, "%s hit its start limit", runtime_name(rt)); /* fits */
        else if (rt->result == RESULT_DEPENDENCY)
            (void)snprintf(why, sizeof why, "%s cannot start: a unit it requires failed", runtime_name(rt)); /* fits */
        else
            why[0] = '\0';
        sockets_service_down((struct service *)rt, why[0] ? why : NULL);
    }
    if (m->shutdown.begun) return;
    if (rt->is_handler && (rt->result == RESULT_DEPENDENCY || rt->skipped)) handler_ended(rt, !rt->skipped);
    struct id_span bound = manager_edges(m, rt->unit->id, GRAPH_BOUND_BY);
    for (uint32_t i = 0; i < bound.count; i++) {
        struct runtime *other = manager_unit(m, bound.ids[i]);
        if (runtime_is_down(other) || other->job.type == JOB_STOP) continue;
        log_info("unit %s: stopping, it is bound to %s", runtime_name(other), runtime_name(rt));
        if (jobs_stop(m, other) < 0) log_error("unit %s: out of memory: not stopped", runtime_name(other));
    }
}
