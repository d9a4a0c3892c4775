#include "supervisor/handlers.h"

#include "base/log.h"
#include "base/timespan.h"
#include "supervisor/manager.h"
#include "supervisor/restart.h"
#include "supervisor/service.h"
#include "supervisor/socket.h"
#include "supervisor/unit_action.h"
#include "trace/trace.h"
#include "unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool asks_for_exit(const struct runtime *rt)
{
    return rt->unit->kind == UNIT_KIND_SERVICE && rt->unit->service->exit_container_on_failure;
}

static void handler_wants_exit(struct runtime *handler, const char *detail)
{
    if (!asks_for_exit(handler) || handler->manager->shutdown.begun) return;
    log_info("OnFailure target %s requested container exit (%s)", runtime_name(handler), detail);
    shutdown_decide(handler->cause ? handler->cause : handler, handler->cause_code);
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
    const struct unit_extra_section *extra = rt->unit->unit_extra;
    enum job_mode mode = edge == GRAPH_ON_FAILURE ? extra->on_failure_job_mode : extra->on_success_job_mode;
    bool starting = handler->job.type == JOB_START || handler->job.type == JOB_RESTART;
    if ((!runtime_is_down(handler) || starting) && mode != JOB_MODE_ISOLATE) { /* which stops others in any case */
        coalesce(handler, relation, "already active");
        return;
    }
    handler->cause_code = exit_code;
    handler->cause = rt;
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
    if (jobs_ask(m, handler, JOB_START, mode) < 0) log_error("%s: %s not invoked", relation, runtime_name(handler));
}

static void invoke_all(struct runtime *rt, enum graph_edge edge, int exit_code)
{
    struct manager *m = rt->manager;
    struct id_span span = manager_edges(m, rt->unit->id, edge);
    for (uint32_t i = 0; i < span.count && !m->shutdown.begun; i++)
        invoke(rt, manager_unit(m, span.ids[i]), edge, exit_code);
    const char *unknown;
    uint32_t id = manager_graph_id(m, rt->unit->id);
    for (size_t i = 0; edge == GRAPH_ON_FAILURE && (unknown = graph_unknown_handler(m->graph, id, i)); i++)
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
        shutdown_decide(rt, exit_code);
        shutdown_begin(m, NULL);
    }
    unit_action(rt, ACTION_ON_FAILURE, exit_code);
    if (m->shutdown.begun)
        tell_not_invoked(rt); /* by this very failure */
    else
        invoke_all(rt, GRAPH_ON_FAILURE, exit_code);
}

void unit_start_canceled(struct runtime *rt)
{
    rt->skipped = false; /* as the start before it may have been */
    if (rt->unit->kind == UNIT_KIND_SERVICE) sockets_service_down((struct service *)rt, NULL);
}

void unit_stop_canceled(struct runtime *rt)
{
    if (rt->unit->kind == UNIT_KIND_SERVICE) sockets_service_stays((struct service *)rt);
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
    instance_check(rt);
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
}

void unit_job_timed_out(struct runtime *rt)
{
    if (rt->manager->shutdown.begun) return;
    unit_action(rt, ACTION_ON_JOB_TIMEOUT, 1);
    invoke_all(rt, GRAPH_ON_FAILURE, 1);
}

/* ---- after the fact ---- */

static bool is_on_its_way(const struct runtime *rt)
{
    return runtime_is_up(rt) || rt->active == ACTIVE_STATE_ACTIVATING;
}

static bool is_ordered_after(const struct runtime *rt, const struct runtime *other)
{
    struct id_span after = manager_edges(rt->manager, rt->unit->id, GRAPH_AFTER);
    for (uint32_t i = 0; i < after.count; i++)
        if (after.ids[i] == other->unit->id) return true;
    return false;
}

static const struct {
    enum graph_edge edge;
    enum job_type type;
    enum job_mode mode;
} when_up[] = {
    { GRAPH_REQUIRES, JOB_START, JOB_MODE_REPLACE },    { GRAPH_BINDS_TO, JOB_START, JOB_MODE_REPLACE },
    { GRAPH_UPHOLDS, JOB_START, JOB_MODE_REPLACE },     { GRAPH_WANTS, JOB_START, JOB_MODE_FAIL },
    { GRAPH_CONFLICTS, JOB_STOP, JOB_MODE_REPLACE },    { GRAPH_CONFLICTED_BY, JOB_STOP, JOB_MODE_REPLACE },
}, when_down[] = {
    { GRAPH_BOUND_BY, JOB_STOP, JOB_MODE_REPLACE },     { GRAPH_PROPAGATES_STOP_TO, JOB_STOP, JOB_MODE_REPLACE },
};

static void follow_up(struct runtime *rt, bool is_up)
{
    size_t n = is_up ? COUNT_OF(when_up) : COUNT_OF(when_down);
    for (size_t k = 0; k < n; k++) {
        enum graph_edge edge = is_up ? when_up[k].edge : when_down[k].edge;
        enum job_type type = is_up ? when_up[k].type : when_down[k].type;
        struct id_span span = manager_edges(rt->manager, rt->unit->id, edge);
        for (uint32_t i = 0; i < span.count; i++) {
            struct runtime *other = manager_unit(rt->manager, span.ids[i]);
            if (is_on_its_way(other) == (type == JOB_START)) continue;
            /* What should have come first is too late now. */
            if (type == JOB_START && is_ordered_after(rt, other)) continue;
            if (edge == GRAPH_BOUND_BY && other->job.type != JOB_STOP)
                log_info("unit %s: stopping, it is bound to %s", runtime_name(other), runtime_name(rt));
            IGNORE_RESULT(jobs_ask(rt->manager, other, type, is_up ? when_up[k].mode : when_down[k].mode));
        }
    }
}

void unit_state_changed(struct runtime *rt, enum active_state from, bool unexpected)
{
    bool was_up = from == ACTIVE_STATE_ACTIVE || from == ACTIVE_STATE_RELOADING || from == ACTIVE_STATE_ACTIVATING;
    if (unexpected && !rt->manager->shutdown.begun && was_up != is_on_its_way(rt)) follow_up(rt, !was_up);
    if (runtime_is_down(rt)) unit_went_down(rt);
    if (runtime_is_down(rt) && rt->manager->n_deferred > 0) sockets_retry_deferred(rt->manager);
    bool was_down = from == ACTIVE_STATE_INACTIVE || from == ACTIVE_STATE_FAILED;
    if (!was_down && rt->active == ACTIVE_STATE_INACTIVE && rt->unit->kind != UNIT_KIND_SERVICE)
        unit_action(rt, ACTION_ON_SUCCESS, 0); /* a service's machine says so itself */
    unit_recheck(rt);
}

/* ---- what should be up, and what should not ---- */

/* So often within this span may a unit be started or stopped without being asked for; then it waits (K43). */
#define AUTO_BURST    16
#define AUTO_INTERVAL (10 * USEC_PER_SEC)

struct auto_limit {
    usec_t begin;
    uint32_t count;
    struct loop_deadline retry;
};

static void submit(struct runtime *rt)
{
    if (rt->in_checks) return;
    rt->in_checks = vec_push(&rt->manager->checks, rt->unit->id) == 0;
    if (!rt->in_checks) log_error("unit %s: out of memory: what holds it is not looked at", runtime_name(rt));
}

static bool has(const struct runtime *rt, enum graph_edge edge)
{
    return manager_edges(rt->manager, rt->unit->id, edge).count > 0;
}

static void submit_all(struct runtime *rt, enum graph_edge edge, bool only_unneeded)
{
    struct id_span span = manager_edges(rt->manager, rt->unit->id, edge);
    for (uint32_t i = 0; i < span.count; i++) {
        struct runtime *other = manager_unit(rt->manager, span.ids[i]);
        if (only_unneeded ? other->unit->unit_extra->stop_when_unneeded : true) submit(other);
    }
}

static const enum graph_edge pinned[] = { GRAPH_REQUIRES, GRAPH_REQUISITE, GRAPH_WANTS, GRAPH_BINDS_TO, GRAPH_UPHOLDS };
static const enum graph_edge pinned_by[] = { GRAPH_REQUIRED_BY, GRAPH_REQUISITE_OF, GRAPH_WANTED_BY, GRAPH_BOUND_BY,
                                             GRAPH_UPHELD_BY };

void unit_recheck(struct runtime *rt)
{
    instance_check(rt);
    if (rt->manager->shutdown.begun) return;
    if (runtime_is_down(rt)) {
        if (has(rt, GRAPH_UPHELD_BY)) submit(rt);
        submit_all(rt, GRAPH_BOUND_BY, false);
        for (size_t k = 0; k < COUNT_OF(pinned); k++) submit_all(rt, pinned[k], true);
    } else if (runtime_is_up(rt)) {
        if (rt->unit->unit_extra->stop_when_unneeded || has(rt, GRAPH_BINDS_TO)) submit(rt);
        submit_all(rt, GRAPH_UPHOLDS, false);
    }
}

static const struct runtime *upholder(const struct runtime *rt)
{
    struct id_span span = manager_edges(rt->manager, rt->unit->id, GRAPH_UPHELD_BY);
    for (uint32_t i = 0; i < span.count; i++) {
        const struct runtime *other = manager_unit(rt->manager, span.ids[i]);
        if (other->job.type == JOB_NONE && runtime_is_up(other)) return other;
    }
    return NULL;
}

static const struct runtime *lost_bond(const struct runtime *rt)
{
    struct id_span span = manager_edges(rt->manager, rt->unit->id, GRAPH_BINDS_TO);
    for (uint32_t i = 0; i < span.count; i++) {
        const struct runtime *other = manager_unit(rt->manager, span.ids[i]);
        if (other->job.type == JOB_NONE && runtime_is_down(other)) return other;
    }
    return NULL;
}

static bool is_unneeded(const struct runtime *rt)
{
    if (!rt->unit->unit_extra->stop_when_unneeded) return false;
    for (size_t k = 0; k < COUNT_OF(pinned_by); k++) {
        struct id_span span = manager_edges(rt->manager, rt->unit->id, pinned_by[k]);
        for (uint32_t i = 0; i < span.count; i++) {
            const struct runtime *other = manager_unit(rt->manager, span.ids[i]);
            if (other->job.type != JOB_NONE || !runtime_is_down(other)) return false;
        }
    }
    return true;
}

static void on_retry(void *userdata)
{
    struct runtime *rt = userdata;
    rt->manager->n_waits--;
    submit(rt); /* what counts is how it is then */
}

/* May it be started or stopped once more now? Else it is looked at again when the time is up. */
static bool take_auto(struct runtime *rt, bool start)
{
    struct manager *m = rt->manager;
    const struct unit_section *u = rt->unit->unit;
    usec_t now = loop_now(m->loop), at;
    if (!rt->auto_limit) rt->auto_limit = calloc(1, sizeof *rt->auto_limit);
    struct auto_limit *limit = rt->auto_limit;
    if (!limit || loop_deadline_is_set(&limit->retry)) return false;
    if (start &&
        start_limit_is_hit(rt->limit_begin, rt->limit_count, now, u->start_limit_interval, u->start_limit_burst))
        at = usec_add(rt->limit_begin, u->start_limit_interval);
    else if (start_limit_take(&limit->begin, &limit->count, now, AUTO_INTERVAL, AUTO_BURST))
        return true;
    else
        at = usec_add(limit->begin, AUTO_INTERVAL);
    log_warning("unit %s: %s too often; waiting", runtime_name(rt), start ? "upheld" : "stopped");
    if (at == USEC_INFINITY) return false;
    if (loop_deadline_set(m->loop, &limit->retry, at, on_retry, rt) < 0)
        log_error("unit %s: out of memory: it is not looked at again", runtime_name(rt));
    else
        m->n_waits++;
    return false;
}

static void check(struct runtime *rt)
{
    struct manager *m = rt->manager;
    const struct runtime *why;
    if (rt->job.type != JOB_NONE) return; /* its end is the next occasion */
    if (runtime_is_down(rt) && (why = upholder(rt))) {
        if (!take_auto(rt, true)) return;
        log_info("unit %s: starting, it is upheld by %s", runtime_name(rt), runtime_name(why));
        IGNORE_RESULT(jobs_ask(m, rt, JOB_START, JOB_MODE_FAIL));
    } else if (rt->active == ACTIVE_STATE_ACTIVE && (why = lost_bond(rt))) {
        if (!take_auto(rt, false)) return;
        log_info("unit %s: stopping, it is bound to %s", runtime_name(rt), runtime_name(why));
        IGNORE_RESULT(jobs_stop(m, rt));
    } else if (rt->active == ACTIVE_STATE_ACTIVE && is_unneeded(rt)) {
        if (!take_auto(rt, false)) return;
        log_info("unit %s: stopping, it is not needed any more", runtime_name(rt));
        IGNORE_RESULT(jobs_stop(m, rt));
    }
}

void units_check(struct manager *m)
{
    size_t n = m->checks.count; /* what comes in meanwhile has its turn in the next round */
    for (size_t i = 0; i < n; i++) {
        struct runtime *rt = manager_unit(m, m->checks.items[i]);
        rt->in_checks = false;
        if (!m->shutdown.begun) check(rt);
    }
    m->checks.count -= n;
    if (m->checks.count > 0) memmove(m->checks.items, m->checks.items + n, m->checks.count * sizeof(uint32_t));
}

void unit_handlers_done(struct runtime *rt)
{
    if (!rt->auto_limit) return;
    if (loop_deadline_is_set(&rt->auto_limit->retry)) rt->manager->n_waits--;
    loop_deadline_clear(rt->manager->loop, &rt->auto_limit->retry);
    free(rt->auto_limit);
    rt->auto_limit = NULL;
}
