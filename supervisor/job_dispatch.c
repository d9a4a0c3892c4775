/* Running jobs whose turn has come. */
#include "supervisor/job_internal.h"

#include "base/log.h"
#include "base/timespan.h"
#include "supervisor/handlers.h"
#include "supervisor/job_conditions.h"
#include "supervisor/manager.h"
#include "supervisor/restart.h"
#include "supervisor/unit_action.h"
#include "trace/trace.h"

#include <errno.h>
#include <stdlib.h>

/* ---- what keeps a unit from starting ---- */

void job_log_dependency(struct runtime *rt, const struct runtime *culprit, const char *what)
{
    log_error("unit %s: not started: required unit %s %s", runtime_name(rt), runtime_name(culprit), what);
    TRACE(rt->manager->trace, "dependency_failed", TRACE_ERROR, 0, TF_STR("unit", runtime_name(rt)),
          TF_STR("dependency", runtime_name(culprit)), TF_STR("reason", what));
}

bool job_missing_requirement(struct runtime *rt)
{
    uint32_t own = manager_graph_id(rt->manager, rt->unit->id), via = own;
    const char *missing = graph_missing_requirement(rt->manager->graph, own, &via);
    if (!missing) return false;
    if (via == own)
        log_error("unit %s: not started: required unit %s not found", runtime_name(rt), missing);
    else
        log_error("unit %s: not started: required unit %s not found (required by %s)", runtime_name(rt), missing,
                  runtime_name(manager_unit(rt->manager, via)));
    TRACE(rt->manager->trace, "dependency_failed", TRACE_ERROR, 0, TF_STR("unit", runtime_name(rt)),
          TF_STR("dependency", missing), TF_STR("reason", "not found"));
    return true;
}

void job_note_deciding(struct runtime *culprit)
{
    if (culprit->decides == 0) culprit->decides = ++culprit->manager->n_deciding;
}

bool job_unit_waits_to_restart(const struct runtime *rt)
{
    return rt->type->waits_to_restart && rt->type->waits_to_restart(rt);
}

static int compare_ids(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static bool is_ordered_after(const struct manager *m, uint32_t id, uint32_t other)
{
    struct id_span after = manager_edges(m, id, GRAPH_AFTER);
    return after.count > 0 && bsearch(&other, after.ids, after.count, sizeof other, compare_ids) != NULL;
}

/* Requires=, BindsTo=: why the other unit keeps this one from starting; NULL: it does not (K31, K35, K39). */
static const char *judge_required(struct runtime *rt, struct runtime *other, bool bound)
{
    bool lost = other->active == ACTIVE_STATE_FAILED || (other->result == RESULT_DEPENDENCY && runtime_is_down(other));
    if (other->job.type == JOB_START) return NULL; /* on its way, in parallel */
    if (lost && !rt->job.ignore_requirements) {
        job_note_deciding(other);
        return "failed";
    }
    /* systemd.unit(5) BindsTo=: a skipped condition counts as well. */
    if (bound && !runtime_is_up(other) && is_ordered_after(rt->manager, rt->unit->id, other->unit->id))
        return "is not active";
    return NULL;
}

static const char *judge(struct runtime *rt, struct runtime *other, enum graph_edge edge)
{
    if (edge == GRAPH_REQUISITE) {
        bool pending = job_waits_for_start(&other->job) || runtime_is_up(other);
        return pending || rt->job.ignore_requirements ? NULL : "is not active";
    }
    if (edge == GRAPH_TRIGGERED_BY) { /* not without the socket that was to be bound for it (S44) */
        bool unbound = other->active == ACTIVE_STATE_FAILED && other->result == RESULT_RESOURCES;
        return other->unit->kind == UNIT_KIND_SOCKET && unbound ? "failed" : NULL;
    }
    return judge_required(rt, other, edge == GRAPH_BINDS_TO);
}

static const struct runtime *failed_requirement(struct runtime *rt, const char **ret_what)
{
    static const enum graph_edge edges[] = { GRAPH_REQUIRES, GRAPH_BINDS_TO, GRAPH_TRIGGERED_BY, GRAPH_REQUISITE };
    for (size_t k = 0; k < COUNT_OF(edges); k++) {
        struct id_span span = manager_edges(rt->manager, rt->unit->id, edges[k]);
        for (uint32_t i = 0; i < span.count; i++) {
            struct runtime *other = manager_unit(rt->manager, span.ids[i]);
            *ret_what = judge(rt, other, edges[k]);
            if (*ret_what) return other;
        }
    }
    return NULL;
}

static bool take_start(struct runtime *rt)
{
    const struct unit_section *u = rt->unit->unit;
    if (start_limit_take(&rt->limit_begin, &rt->limit_count, loop_now(rt->manager->loop), u->start_limit_interval,
                         u->start_limit_burst))
        return true;
    char span[TIMESPAN_TEXT_MAX];
    log_error("unit %s: start limit hit (%u starts within %s); not starting again", runtime_name(rt),
              u->start_limit_burst, timespan_format(u->start_limit_interval, 1, span));
    TRACE(rt->manager->trace, "start_limit_hit", TRACE_ERROR, 0, TF_STR("unit", runtime_name(rt)),
          TF_U64("burst", u->start_limit_burst), TF_U64("interval_ms", u->start_limit_interval / USEC_PER_MSEC));
    return false;
}

/* ---- start ---- */

/* Ends a start that did not begin. A unit that moves to FAILED takes its job along; one that was there already does not
 * move, and a failed requirement leaves the unit as it is (S42). */
static void fail_start(struct runtime *rt, enum unit_result result)
{
    bool was_failed = rt->active == ACTIVE_STATE_FAILED;
    rt->result = (uint8_t)result;
    if (result == RESULT_DEPENDENCY && !job_unit_waits_to_restart(rt)) {
        job_finish(rt, JOB_RESULT_DEPENDENCY, JOB_SPREADS);
        unit_went_down(rt);
    } else if (was_failed) {
        job_finish(rt, result == RESULT_ASSERT ? JOB_RESULT_ASSERT : JOB_RESULT_FAILED, JOB_SPREADS);
        unit_went_down(rt);
        unit_failed_for_good(rt, rt->exit_code);
    } else {
        rt->type->failed(rt);
        if (rt->active == ACTIVE_STATE_FAILED) unit_failed_for_good(rt, 1); /* a service's machine says so itself */
    }
}

/* A condition does not hold: that is a success, but for who insists that the unit is active. */
static void skip_start(struct runtime *rt)
{
    rt->result = RESULT_SUCCESS;
    if (job_unit_waits_to_restart(rt)) {
        rt->type->skipped(rt); /* the job ends with the state */
        return;
    }
    job_finish(rt, JOB_RESULT_DONE, JOB_SPREADS);
    unit_went_down(rt);
}

static void dispatch_start(struct runtime *rt)
{
    const char *what = NULL;
    if (rt->manager->shutdown.begun ? !rt->late : stop_phase_defers(rt)) {
        job_finish(rt, JOB_RESULT_CANCELED, JOB_QUIETLY);
        return;
    }
    if (rt->active == ACTIVE_STATE_DEACTIVATING) return; /* still waiting; queued again by job_on_state() */
    rt->job.state = JOB_RUNNING;
    if (runtime_is_up(rt)) {
        job_finish(rt, JOB_RESULT_DONE, JOB_SPREADS);
        return;
    }
    if (rt->active == ACTIVE_STATE_ACTIVATING && !job_unit_waits_to_restart(rt)) return; /* states will end the job */
    if (!rt->job.ignore_requirements && job_missing_requirement(rt)) {
        fail_start(rt, RESULT_DEPENDENCY);
        return;
    }
    const struct runtime *culprit = failed_requirement(rt, &what);
    if (culprit) {
        job_log_dependency(rt, culprit, what);
        fail_start(rt, RESULT_DEPENDENCY);
        return;
    }
    rt->skipped = false;
    int r = job_check_conditions(rt);
    if (r == -EINPROGRESS) return;
    if (r == 0) {
        skip_start(rt);
        return;
    }
    if (r < 0) {
        fail_start(rt, rt->result);
        return;
    }
    if (!take_start(rt)) {
        unit_action(rt, ACTION_ON_START_LIMIT, rt->exit_code);
        if (rt->job.type != JOB_NONE) /* else it has begun the stop, which has cancelled the job */
            fail_start(rt, RESULT_START_LIMIT_HIT);
        else
            rt->result = RESULT_START_LIMIT_HIT;
        return;
    }
    uint8_t result = rt->result;
    rt->result = RESULT_SUCCESS;
    r = rt->type->start(rt);
    if (r == -EALREADY) {
        rt->result = result;
        job_finish(rt, JOB_RESULT_FAILED, JOB_SPREADS);
    } else if (r < 0 && rt->job.type != JOB_NONE) {
        fail_start(rt, RESULT_RESOURCES);
    }
}

/* ---- the others ---- */

static void dispatch_stop(struct runtime *rt)
{
    rt->job.state = JOB_RUNNING;
    if (runtime_is_down(rt))
        job_finish(rt, JOB_RESULT_DONE, JOB_SPREADS);
    else
        rt->type->stop(rt);
}

/* Requisite=: is it active? */
static void dispatch_verify(struct runtime *rt)
{
    if (runtime_is_up(rt))
        job_finish(rt, JOB_RESULT_DONE, JOB_SPREADS);
    else if (rt->active != ACTIVE_STATE_ACTIVATING) /* else its next state queues the job again */
        job_finish(rt, JOB_RESULT_SKIPPED, JOB_SPREADS);
}

static void dispatch_reload(struct runtime *rt)
{
    if (rt->active == ACTIVE_STATE_RELOADING) return; /* another one first: its end queues the job again */
    if (rt->active != ACTIVE_STATE_ACTIVE) {
        log_warning("unit %s: cannot be reloaded: it is not active", runtime_name(rt));
        job_finish(rt, JOB_RESULT_INVALID, JOB_SPREADS);
        return;
    }
    rt->reload_failed = false;
    rt->job.state = JOB_RUNNING;
    if (!rt->type->reload) { /* it passes reloads on, and that is all */
        job_finish(rt, JOB_RESULT_DONE, JOB_SPREADS);
        return;
    }
    int r = rt->type->reload(rt);
    if (r < 0 && rt->job.type == JOB_RELOAD) job_finish(rt, JOB_RESULT_FAILED, JOB_SPREADS);
}

static void dispatch(struct runtime *rt)
{
    job_start_timer(rt, true);
    switch ((enum job_type)rt->job.type) {
    case JOB_START:
        dispatch_start(rt);
        break;
    case JOB_VERIFY_ACTIVE:
        dispatch_verify(rt);
        break;
    case JOB_STOP:
    case JOB_RESTART:
        dispatch_stop(rt);
        break;
    case JOB_RELOAD:
        dispatch_reload(rt);
        break;
    case JOB_NONE:
    case JOB_NOP:
    case JOB_TRY_RESTART:
    case JOB_TRY_RELOAD:
    case JOB_RELOAD_OR_START:
    case JOB_TYPE_COUNT:
        break;
    }
}

size_t jobs_dispatch(struct manager *m, size_t max)
{
    size_t n = 0;
    while (n < max && m->run_queue_head < m->run_queue.count) {
        struct runtime *rt = manager_unit(m, m->run_queue.items[m->run_queue_head++]);
        const struct job *job = &rt->job;
        rt->job.queued = false;
        if (job->type == JOB_NONE || job->state != JOB_WAITING || job->held) continue;
        if (job->blockers > 0 && !job->ignore_order) continue;
        n++;
        dispatch(rt);
    }
    if (m->run_queue_head == m->run_queue.count) m->run_queue_head = m->run_queue.count = 0;
    return n;
}
