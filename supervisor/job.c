#include "supervisor/job.h"

#include "base/log.h"
#include "supervisor/handlers.h"
#include "supervisor/job_conditions.h"
#include "supervisor/manager.h"
#include "supervisor/restart.h"
#include "supervisor/service.h"
#include "trace/trace.h"
#include "base/timespan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- the run queue and the counting of blockers ---- */

static bool job_is_stop(const struct job *job)
{
    return job->type == JOB_STOP || job->type == JOB_RESTART;
}

static void job_queue(struct runtime *rt)
{
    struct job *job = &rt->job;
    if (job->queued || job->state != JOB_WAITING) return;
    if (!job->forced && (job->blockers > 0 || job->held)) return;
    if (vec_push(&rt->manager->run_queue, rt->unit->id) < 0) {
        /* The queue never holds more than one entry per unit, and room for all of them was made at the start. */
        log_error("unit %s: out of memory, its job waits", runtime_name(rt));
        return;
    }
    job->queued = true;
}

/* Of two jobs with an order between their units, the one that waits: a stop goes first, of two stops the later unit's.
 */
static struct runtime *job_waiter(struct runtime *earlier, struct runtime *later)
{
    return job_is_stop(&later->job) ? earlier : later;
}

static void job_count_blockers(struct runtime *rt)
{
    struct manager *m = rt->manager;
    struct id_span after = manager_edges(m, rt->unit->id, GRAPH_AFTER);
    for (uint32_t i = 0; i < after.count; i++) {
        struct runtime *other = manager_unit(m, after.ids[i]);
        if (other->job.type != JOB_NONE) job_waiter(other, rt)->job.blockers++;
    }
    struct id_span before = manager_edges(m, rt->unit->id, GRAPH_BEFORE);
    for (uint32_t i = 0; i < before.count; i++) {
        struct runtime *other = manager_unit(m, before.ids[i]);
        if (other->job.type != JOB_NONE) job_waiter(rt, other)->job.blockers++;
    }
}

static void job_unblock(struct runtime *gone, struct runtime *other, struct runtime *waiter)
{
    if (other->job.type == JOB_NONE || waiter != other || other == gone) return;
    if (other->job.blockers > 0) other->job.blockers--;
    job_queue(other);
}

/* Takes the job off its unit and lets those that waited for it go on. */
static void job_uninstall(struct runtime *rt)
{
    struct manager *m = rt->manager;
    struct id_span after = manager_edges(m, rt->unit->id, GRAPH_AFTER);
    for (uint32_t i = 0; i < after.count; i++) {
        struct runtime *other = manager_unit(m, after.ids[i]);
        job_unblock(rt, other, job_waiter(other, rt));
    }
    struct id_span before = manager_edges(m, rt->unit->id, GRAPH_BEFORE);
    for (uint32_t i = 0; i < before.count; i++) {
        struct runtime *other = manager_unit(m, before.ids[i]);
        job_unblock(rt, other, job_waiter(rt, other));
    }
    job_check_drop(rt);
    bool queued = rt->job.queued;
    rt->job = (struct job){ .type = JOB_NONE, .queued = queued }; /* an entry in the queue stays and finds no job */
    m->n_jobs--;
}

static void job_install(struct runtime *rt, enum job_type type)
{
    rt->job.type = (uint8_t)type;
    rt->job.state = JOB_WAITING;
    rt->job.blockers = 0;
    rt->manager->n_jobs++;
    if (++rt->manager->last_job_id == 0) rt->manager->last_job_id = 1;
    rt->job.id = rt->manager->last_job_id;
    job_count_blockers(rt);
    job_queue(rt);
}

/* ---- results ---- */

static void log_dependency(struct runtime *rt, const struct runtime *culprit, const char *what)
{
    log_error("unit %s: not started: required unit %s %s", runtime_name(rt), runtime_name(culprit), what);
    TRACE(rt->manager->trace, "dependency_failed", TRACE_ERROR, 0, TF_STR("unit", runtime_name(rt)),
          TF_STR("dependency", runtime_name(culprit)), TF_STR("reason", what));
}

/* Tells of a requirement that is not installed, of its own or further down (S43). */
static bool missing_requirement(struct runtime *rt)
{
    uint32_t via = rt->unit->id;
    const char *missing = graph_missing_requirement(rt->manager->graph, rt->unit->id, &via);
    if (!missing) return false;
    if (via == rt->unit->id)
        log_error("unit %s: not started: required unit %s not found", runtime_name(rt), missing);
    else
        log_error("unit %s: not started: required unit %s not found (required by %s)", runtime_name(rt), missing,
                  runtime_name(manager_unit(rt->manager, via)));
    TRACE(rt->manager->trace, "dependency_failed", TRACE_ERROR, 0, TF_STR("unit", runtime_name(rt)),
          TF_STR("dependency", missing), TF_STR("reason", "not found"));
    return true;
}

/* The first one's failure is the container's when nothing else is left to run (K31). */
static void note_deciding(struct runtime *culprit)
{
    if (culprit->decides == 0) culprit->decides = ++culprit->manager->n_deciding;
}

static bool job_is_start(const struct job *job)
{
    return job->type == JOB_START;
}

static bool in_auto_restart(struct runtime *rt)
{
    return rt->type == &service_type && service_in_auto_restart(service_of(rt));
}

/* Start jobs that wait for what has failed fail as well; a list, since each may have such dependants of its own. */
static void fail_dependants(struct runtime *rt)
{
    static const enum graph_edge kinds[] = { GRAPH_REQUIRED_BY, GRAPH_BOUND_BY, GRAPH_REQUISITE_OF };
    struct manager *m = rt->manager;
    VEC(struct runtime *) failed = VEC_EMPTY;
    if (vec_push(&failed, rt) < 0) return; /* the dependants find the failed state when they are dispatched */
    for (size_t i = 0; i < failed.count; i++) {
        struct runtime *culprit = failed.items[i];
        for (size_t k = 0; k < COUNT_OF(kinds); k++) {
            struct id_span span = manager_edges(m, culprit->unit->id, kinds[k]);
            for (uint32_t j = 0; j < span.count; j++) {
                struct runtime *other = manager_unit(m, span.ids[j]);
                if (!job_is_start(&other->job) || other->job.state == JOB_RUNNING || other->job.held) continue;
                if (!missing_requirement(other)) log_dependency(other, culprit, "failed");
                note_deciding(culprit);
                other->result = RESULT_DEPENDENCY;
                if (in_auto_restart(other)) { /* it is not down: its job ends with its state */
                    other->job.state = JOB_RUNNING;
                    manager_post(m, service_of(other), SERVICE_EVENT_GO_FAILED);
                    continue;
                }
                job_uninstall(other);
                if (vec_push(&failed, other) < 0) break;
            }
        }
    }
    /* They stay as they were, but who waits for them has to know: a socket's clients, a handler's cause. */
    for (size_t i = 1; i < failed.count; i++)
        if (runtime_is_down(failed.items[i])) unit_went_down(failed.items[i]);
    vec_done(&failed);
}

static void job_finish(struct runtime *rt, enum job_result result)
{
    enum job_type type = rt->job.type;
    uint32_t id = rt->job.id;
    log_debug("unit %s: %s job %s", runtime_name(rt), job_type_name(type), job_result_name(result));
    job_uninstall(rt);
    for (size_t i = 0; i < rt->manager->job_hooks.count; i++) {
        const struct job_hook *hook = &rt->manager->job_hooks.items[i];
        hook->removed(rt, id, type, result, hook->userdata);
    }
    if (type == JOB_RESTART && result == JOB_RESULT_DONE && !rt->manager->shutdown.begun) job_install(rt, JOB_START);
    if (type == JOB_START && (result == JOB_RESULT_FAILED || result == JOB_RESULT_DEPENDENCY)) fail_dependants(rt);
    if (type == JOB_START && result == JOB_RESULT_CANCELED && runtime_is_down(rt)) unit_start_canceled(rt);
}

void job_on_state(struct runtime *rt)
{
    struct job *job = &rt->job;
    if (job->type == JOB_NONE || job->state == JOB_CHECKING) return;
    if (job->state == JOB_WAITING) { /* a start that found its unit still on the way down */
        if (runtime_is_down(rt)) job_queue(rt);
        return;
    }
    if (job_is_stop(job)) {
        if (runtime_is_down(rt)) job_finish(rt, JOB_RESULT_DONE);
    } else if (rt->active == ACTIVE_STATE_ACTIVE || rt->active == ACTIVE_STATE_RELOADING) {
        job_finish(rt, JOB_RESULT_DONE);
    } else if (runtime_is_down(rt)) {
        job_finish(rt, rt->active == ACTIVE_STATE_FAILED ? JOB_RESULT_FAILED : JOB_RESULT_DONE);
    }
}

/* ---- dispatch ---- */

static int compare_ids(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static bool is_up(const struct runtime *rt)
{
    return rt->active == ACTIVE_STATE_ACTIVE || rt->active == ACTIVE_STATE_RELOADING;
}

static bool is_ordered_after(const struct manager *m, uint32_t id, uint32_t other)
{
    struct id_span after = manager_edges(m, id, GRAPH_AFTER);
    return after.count > 0 && bsearch(&other, after.ids, after.count, sizeof other, compare_ids) != NULL;
}

/* A required unit that is down for good keeps this one down (K31, K35, K39). */
static const struct runtime *failed_requirement(const struct runtime *rt, const char **ret_what)
{
    static const enum graph_edge kinds[] = { GRAPH_REQUIRES, GRAPH_BINDS_TO };
    struct manager *m = rt->manager;
    for (size_t k = 0; k < COUNT_OF(kinds); k++) {
        struct id_span span = manager_edges(m, rt->unit->id, kinds[k]);
        for (uint32_t i = 0; i < span.count; i++) {
            struct runtime *other = manager_unit(m, span.ids[i]);
            if (other->job.type == JOB_START) continue; /* on its way, in parallel */
            if (other->active == ACTIVE_STATE_FAILED ||
                (other->result == RESULT_DEPENDENCY && runtime_is_down(other))) {
                note_deciding(other);
                *ret_what = "failed";
                return other;
            }
            if (other->refused && runtime_is_down(other)) {
                *ret_what = "conflicts with a unit that starts";
                return other;
            }
            if (kinds[k] == GRAPH_BINDS_TO && !is_up(other) && is_ordered_after(m, rt->unit->id, span.ids[i])) {
                *ret_what = "is not active"; /* systemd.unit(5) BindsTo=: a skipped condition counts as well */
                return other;
            }
        }
    }
    /* A service is not started without the socket that was to be bound for it (S44). */
    struct id_span span = manager_edges(m, rt->unit->id, GRAPH_TRIGGERED_BY);
    for (uint32_t i = 0; i < span.count; i++) {
        struct runtime *other = manager_unit(m, span.ids[i]);
        if (other->unit->kind != UNIT_KIND_SOCKET)
            continue; /* a timer or path that failed keeps nobody from starting */
        if (other->active != ACTIVE_STATE_FAILED || other->result != RESULT_RESOURCES) continue;
        *ret_what = "failed";
        return other;
    }
    span = manager_edges(m, rt->unit->id, GRAPH_REQUISITE);
    for (uint32_t i = 0; i < span.count; i++) {
        struct runtime *other = manager_unit(m, span.ids[i]);
        if (!is_up(other)) {
            *ret_what = "is not active";
            return other;
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

/* Ends a start that did not begin. A unit that moves to FAILED takes its job along; one that was there already does not
 * move, and a failed requirement leaves the unit as it is (S42). */
static void fail_start(struct runtime *rt, enum unit_result result)
{
    bool was_failed = rt->active == ACTIVE_STATE_FAILED;
    rt->result = (uint8_t)result;
    if (result == RESULT_DEPENDENCY && !in_auto_restart(rt)) {
        job_finish(rt, JOB_RESULT_DEPENDENCY);
        unit_went_down(rt);
    } else if (was_failed) {
        job_finish(rt, JOB_RESULT_FAILED);
        unit_went_down(rt);
        unit_failed_for_good(rt, rt->exit_code);
    } else if (rt->type == &service_type) {
        manager_post(rt->manager, service_of(rt), SERVICE_EVENT_GO_FAILED);
    } else {
        rt->type->failed(rt);
        unit_failed_for_good(rt, 1);
    }
}

static void dispatch_start(struct runtime *rt)
{
    struct manager *m = rt->manager;
    const char *what = NULL;
    if (m->shutdown.begun) {
        job_finish(rt, JOB_RESULT_CANCELED);
        return;
    }
    if (rt->active == ACTIVE_STATE_DEACTIVATING) return; /* still waiting; queued again by job_on_state() */
    rt->job.state = JOB_RUNNING;
    if (rt->active == ACTIVE_STATE_ACTIVE || rt->active == ACTIVE_STATE_RELOADING) {
        job_finish(rt, JOB_RESULT_DONE);
        return;
    }
    if (rt->active == ACTIVE_STATE_ACTIVATING && !in_auto_restart(rt)) return; /* its states will end the job */
    if (missing_requirement(rt)) {
        fail_start(rt, RESULT_DEPENDENCY);
        return;
    }
    const struct runtime *culprit = failed_requirement(rt, &what);
    if (culprit) {
        log_dependency(rt, culprit, what);
        fail_start(rt, RESULT_DEPENDENCY);
        return;
    }
    rt->skipped = false;
    int r = job_check_conditions(rt);
    if (r == -EINPROGRESS) return;
    if (r == 0) {
        rt->result = RESULT_SUCCESS;
        if (in_auto_restart(rt)) {
            manager_post(m, service_of(rt), SERVICE_EVENT_GO_DEAD); /* the job ends with the state */
            return;
        }
        job_finish(rt, JOB_RESULT_SKIPPED);
        unit_went_down(rt);
        return;
    }
    if (r < 0) {
        fail_start(rt, rt->result);
        return;
    }
    if (!take_start(rt)) {
        fail_start(rt, RESULT_START_LIMIT_HIT);
        return;
    }
    rt->result = RESULT_SUCCESS;
    r = rt->type->start(rt);
    if (r < 0 && rt->job.type != JOB_NONE) fail_start(rt, RESULT_RESOURCES);
}

static void dispatch_stop(struct runtime *rt)
{
    rt->job.state = JOB_RUNNING;
    if (runtime_is_down(rt))
        job_finish(rt, JOB_RESULT_DONE);
    else
        rt->type->stop(rt);
}

size_t jobs_dispatch(struct manager *m, size_t max)
{
    size_t n = 0;
    while (n < max && m->run_queue_head < m->run_queue.count) {
        struct runtime *rt = manager_unit(m, m->run_queue.items[m->run_queue_head++]);
        struct job *job = &rt->job;
        job->queued = false;
        if (job->type == JOB_NONE || job->state != JOB_WAITING) continue;
        if (!job->forced && (job->blockers > 0 || job->held)) continue;
        n++;
        if (job_is_stop(job))
            dispatch_stop(rt);
        else
            dispatch_start(rt);
    }
    if (m->run_queue_head == m->run_queue.count) m->run_queue_head = m->run_queue.count = 0;
    return n;
}

bool jobs_pending(const struct manager *m)
{
    return m->n_jobs > 0;
}

bool jobs_runnable(const struct manager *m)
{
    return m->run_queue_head < m->run_queue.count;
}

/* ---- transactions ---- */

static int plan_add(struct manager *m, uint32_t id, enum job_type type)
{
    if (m->wanted[id] == type) return 0;
    if (m->wanted[id] == JOB_NONE) {
        int r = vec_push(&m->plan, id);
        if (r < 0) return r;
    }
    m->wanted[id] = (uint8_t)type;
    return vec_push(&m->scratch, id);
}

/* Does something that this transaction starts exclude the unit? */
static const struct runtime *plan_conflict(struct manager *m, uint32_t id)
{
    static const enum graph_edge kinds[] = { GRAPH_CONFLICTS, GRAPH_CONFLICTED_BY };
    for (size_t k = 0; k < COUNT_OF(kinds); k++) {
        struct id_span span = manager_edges(m, id, kinds[k]);
        for (uint32_t i = 0; i < span.count; i++)
            if (m->wanted[span.ids[i]] == JOB_START) return manager_unit(m, span.ids[i]);
    }
    return NULL;
}

static int plan_start(struct manager *m, uint32_t id)
{
    struct runtime *rt = manager_unit(m, id);
    if (m->wanted[id] != JOB_NONE) return 0; /* planned already; a stop that this transaction needs stays a stop */
    if (rt->active == ACTIVE_STATE_ACTIVE || rt->active == ACTIVE_STATE_RELOADING) {
        if (rt->job.type != JOB_STOP) return 0;
    } else if (rt->job.type == JOB_START) {
        return 0;
    }
    const struct runtime *other = plan_conflict(m, id);
    if (other) {
        log_warning("unit %s: not started: it conflicts with %s, which starts", runtime_name(rt), runtime_name(other));
        rt->refused = true;
        return 0;
    }
    rt->refused = false;
    return plan_add(m, id, JOB_START);
}

static int plan_stop(struct manager *m, uint32_t id, enum job_type type)
{
    struct runtime *rt = manager_unit(m, id);
    if (runtime_is_down(rt) && rt->job.type != JOB_START) return 0;
    if (type == JOB_RESTART && runtime_is_down(rt)) return 0; /* try-restart: its start is still to come */
    if (m->wanted[id] != JOB_NONE && m->wanted[id] <= JOB_STOP) return 0;
    return plan_add(m, id, type);
}

static int plan_edges(struct manager *m, uint32_t id, enum graph_edge edge, enum job_type type)
{
    struct id_span span = manager_edges(m, id, edge);
    for (uint32_t i = 0; i < span.count; i++) {
        int r = type == JOB_START ? plan_start(m, span.ids[i]) : plan_stop(m, span.ids[i], type);
        if (r < 0) return r;
    }
    return 0;
}

/* Follows what each planned job pulls in, until nothing new comes. */
static int plan_close(struct manager *m)
{
    static const struct {
        enum graph_edge edge;
        enum job_type type;
    } of_start[] = { { GRAPH_REQUIRES, JOB_START },
                     { GRAPH_BINDS_TO, JOB_START },
                     { GRAPH_WANTS, JOB_START },
                     { GRAPH_CONFLICTS, JOB_STOP },
                     { GRAPH_CONFLICTED_BY, JOB_STOP } };
    static const enum graph_edge of_stop[] = { GRAPH_REQUIRED_BY, GRAPH_REQUISITE_OF, GRAPH_BOUND_BY,
                                               GRAPH_CONSISTS_OF };
    while (m->scratch.count > 0) {
        uint32_t id = m->scratch.items[--m->scratch.count];
        int r = 0;
        if (m->wanted[id] == JOB_START)
            for (size_t i = 0; i < COUNT_OF(of_start) && r == 0; i++)
                r = plan_edges(m, id, of_start[i].edge, of_start[i].type);
        else
            for (size_t i = 0; i < COUNT_OF(of_stop) && r == 0; i++) r = plan_edges(m, id, of_stop[i], m->wanted[id]);
        if (r < 0) return r;
    }
    return 0;
}

static void plan_install(struct manager *m, uint32_t id)
{
    struct runtime *rt = manager_unit(m, id);
    enum job_type type = m->wanted[id];
    struct job *job = &rt->job;
    m->wanted[id] = JOB_NONE;
    if (type == JOB_START && m->shutdown.begun) return;
    if (job->type == type) return;
    if (job->type == JOB_RESTART && type == JOB_START) return; /* it starts anyway */
    if (job->type == JOB_START && runtime_is_down(rt))
        log_info("unit %s: not started: a unit that it is tied to stops", runtime_name(rt));
    if (job->type != JOB_NONE) job_finish(rt, JOB_RESULT_CANCELED);
    job_install(rt, type);
}

/* Installs the planned jobs in the order of names (S40), or forgets the plan when it could not be completed. */
static int plan_apply(struct manager *m, int r)
{
    if (r == 0) r = plan_close(m);
    if (r == 0 && m->plan.count > 1) qsort(m->plan.items, m->plan.count, sizeof(uint32_t), compare_ids);
    for (size_t i = 0; i < m->plan.count; i++) {
        if (r == 0)
            plan_install(m, m->plan.items[i]);
        else
            m->wanted[m->plan.items[i]] = JOB_NONE;
    }
    m->plan.count = m->scratch.count = 0;
    return r;
}

int jobs_start_boot(struct manager *m)
{
    int r = 0;
    for (uint32_t id = 0; id < m->n_units && r == 0; id++)
        if (graph_start_reason(m->graph, id) == START_AT_BOOT) {
            r = plan_start(m, id);
            if (r == 0) r = plan_close(m); /* so that a conflict is seen against all that starts so far */
        }
    return plan_apply(m, r);
}

int jobs_start(struct manager *m, struct runtime *rt)
{
    if (m->shutdown.begun) return -ESHUTDOWN;
    return plan_apply(m, plan_start(m, rt->unit->id));
}

int jobs_stop(struct manager *m, struct runtime *rt)
{
    return plan_apply(m, plan_stop(m, rt->unit->id, JOB_STOP));
}

void jobs_stop_all(struct manager *m)
{
    for (uint32_t id = 0; id < m->n_units; id++) {
        struct runtime *rt = manager_unit(m, id);
        if (rt->job.type == JOB_START || rt->job.type == JOB_RESTART) job_finish(rt, JOB_RESULT_CANCELED);
    }
    for (uint32_t id = 0; id < m->n_units; id++) {
        struct runtime *rt = manager_unit(m, id);
        if (!runtime_is_down(rt) && rt->job.type == JOB_NONE) job_install(rt, JOB_STOP);
    }
}

void job_hold(struct runtime *rt)
{
    if (rt->manager->shutdown.begun) return;
    if (rt->job.type == JOB_STOP || rt->job.type == JOB_RESTART) return;
    if (rt->job.type == JOB_NONE) {
        rt->job.held = true;
        job_install(rt, JOB_START);
    } else { /* its first start has not succeeded yet: the same job goes on (K40) */
        rt->job.held = true;
        rt->job.state = JOB_WAITING;
    }
}

int job_release(struct runtime *rt)
{
    struct manager *m = rt->manager;
    if (!rt->job.held) return 0;
    /* What requires it was up with its former run and starts again with the new one (systemd.unit(5) Requires=). */
    int r = 0;
    static const enum graph_edge kinds[] = { GRAPH_REQUIRED_BY, GRAPH_REQUISITE_OF, GRAPH_BOUND_BY, GRAPH_CONSISTS_OF };
    for (size_t k = 0; k < COUNT_OF(kinds) && r == 0; k++) r = plan_edges(m, rt->unit->id, kinds[k], JOB_RESTART);
    r = plan_apply(m, r);
    rt->job.held = false;
    job_queue(rt);
    return r;
}

void job_checked(struct runtime *rt)
{
    rt->job.state = JOB_WAITING; /* what it waits for, and what it requires, may have changed meanwhile */
    job_queue(rt);
}

void job_force(struct runtime *rt)
{
    if (rt->job.type != JOB_STOP || rt->job.state == JOB_RUNNING) return;
    rt->job.forced = true;
    job_queue(rt);
}

/* ---- requests ---- */

bool unit_can_reload(const struct runtime *rt)
{
    return rt->type->reload && (!rt->type->can_reload || rt->type->can_reload(rt));
}

static int refuse(struct job_error *ret, int r, const char *code, const char *what, const struct runtime *rt)
{
    if (ret) {
        ret->code = code;
        (void)snprintf(ret->text, sizeof ret->text, "%s: %s", runtime_name(rt), what); /* cut when it is long */
    }
    return r;
}

int jobs_enqueue(struct manager *m, struct runtime *rt, enum job_type type, enum job_mode mode,
                 struct job_error *ret_error, uint32_t *ret_job_id)
{
    int r = 0;
    (void)mode;
    if (ret_job_id) *ret_job_id = 0;
    if (ret_error) *ret_error = (struct job_error){ .code = "" };
    type = job_type_collapse(type, rt->active);
    if (type != JOB_STOP && m->shutdown.begun) return refuse(ret_error, -ESHUTDOWN, "ShuttingDown", "stopping", rt);
    if (type == JOB_RELOAD) {
        if (!unit_can_reload(rt)) return refuse(ret_error, -EBADR, "JobTypeNotApplicable", "cannot be reloaded", rt);
        return rt->type->reload(rt);
    }
    if (type == JOB_STOP)
        r = jobs_stop(m, rt);
    else if (type == JOB_RESTART && !runtime_is_down(rt))
        r = plan_apply(m, plan_stop(m, rt->unit->id, JOB_RESTART));
    else if (type == JOB_START || type == JOB_RESTART)
        r = jobs_start(m, rt);
    if (r == 0 && ret_job_id) *ret_job_id = rt->job.type != JOB_NONE ? rt->job.id : 0;
    return r;
}

int jobs_enqueue_manual(struct manager *m, struct runtime *rt, enum job_type type, enum job_mode mode,
                        struct job_error *ret_error, uint32_t *ret_job_id)
{
    const struct unit_extra_section *extra = rt->unit->unit_extra;
    bool stops = type == JOB_STOP || type == JOB_RESTART || type == JOB_TRY_RESTART;
    bool starts = type == JOB_START || type == JOB_RESTART || type == JOB_TRY_RESTART || type == JOB_RELOAD_OR_START;
    if ((starts && extra->refuse_manual_start) || (stops && extra->refuse_manual_stop))
        return refuse(ret_error, -EPERM, "OnlyByDependency", "may be asked for by other units only", rt);
    return jobs_enqueue(m, rt, type, mode, ret_error, ret_job_id);
}

struct runtime *jobs_find(const struct manager *m, uint32_t id)
{
    for (uint32_t i = 0; i < m->n_units; i++)
        if (m->units[i]->job.type != JOB_NONE && m->units[i]->job.id == id) return m->units[i];
    return NULL;
}

int jobs_cancel(struct manager *m, uint32_t id)
{
    struct runtime *rt = jobs_find(m, id);
    if (!rt) return -ENOENT;
    job_finish(rt, JOB_RESULT_CANCELED);
    return 0;
}

int jobs_add_hook(struct manager *m, job_removed_fn *removed, void *userdata)
{
    return vec_push(&m->job_hooks, ((struct job_hook){ removed, userdata }));
}

void job_done(struct runtime *rt)
{
    job_check_drop(rt);
}
