#include "supervisor/job_internal.h"

#include "base/log.h"
#include "supervisor/handlers.h"
#include "supervisor/job_conditions.h"
#include "supervisor/manager.h"
#include "trace/trace.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- the run queue and the counting of blockers ---- */

static bool may_run(const struct job *job)
{
    return job->state == JOB_WAITING && !job->held && (job->blockers == 0 || job->ignore_order);
}

/* What was run already leaves, so that a queue that never is empty does not grow. */
static void trim_queue(struct manager *m)
{
    if (m->run_queue_head < 256 || m->run_queue_head < m->run_queue.count / 2) return;
    m->run_queue.count -= m->run_queue_head;
    memmove(m->run_queue.items, m->run_queue.items + m->run_queue_head, m->run_queue.count * sizeof(uint32_t));
    m->run_queue_head = 0;
}

void job_queue(struct runtime *rt)
{
    struct job *job = &rt->job;
    if (job->type == JOB_NONE || job->queued || !may_run(job)) return;
    trim_queue(rt->manager);
    if (vec_push(&rt->manager->run_queue, rt->unit->id) < 0) {
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

/* Calls `fn` for each unit with a job that has an order with this one; `waiter` is the one of the two that waits. */
typedef void neighbour_fn(struct runtime *rt, struct runtime *other, struct runtime *waiter);
static void for_each_ordered(struct runtime *rt, neighbour_fn *fn)
{
    struct manager *m = rt->manager;
    struct id_span after = manager_edges(m, rt->unit->id, GRAPH_AFTER);
    for (uint32_t i = 0; i < after.count; i++) {
        struct runtime *other = manager_unit(m, after.ids[i]);
        if (other->job.type != JOB_NONE) fn(rt, other, job_waiter(other, rt));
    }
    struct id_span before = manager_edges(m, rt->unit->id, GRAPH_BEFORE);
    for (uint32_t i = 0; i < before.count; i++) {
        struct runtime *other = manager_unit(m, before.ids[i]);
        if (other->job.type != JOB_NONE) fn(rt, other, job_waiter(rt, other));
    }
}

static void count_blocker(struct runtime *rt, struct runtime *other, struct runtime *waiter)
{
    (void)rt;
    (void)other;
    waiter->job.blockers++;
}

static void unblock(struct runtime *rt, struct runtime *other, struct runtime *waiter)
{
    (void)rt;
    if (waiter != other) return;
    if (other->job.blockers > 0) other->job.blockers--;
    job_queue(other);
}

/* ---- time limits ---- */

struct job_timer {
    struct loop_deadline deadline;
};

static void on_job_timeout(void *userdata)
{
    struct runtime *rt = userdata;
    if (rt->job.type == JOB_NONE) return;
    log_error("unit %s: its %s job timed out", runtime_name(rt), job_type_name((enum job_type)rt->job.type));
    TRACE(rt->manager->trace, "timeout", TRACE_TIMEOUT, 0, TF_STR("unit", runtime_name(rt)),
          TF_STR("sub", job_type_name((enum job_type)rt->job.type)));
    job_finish(rt, JOB_RESULT_TIMEOUT, JOB_SPREADS);
    unit_job_timed_out(rt);
}

/* systemd.unit(5): JobTimeoutSec= counts from when the job is queued, JobRunningTimeoutSec= from when it runs; the
 * earlier one ends it. */
void job_start_timer(struct runtime *rt, bool running)
{
    const struct unit_extra_section *extra = rt->unit->unit_extra;
    usec_t span = running ? extra->job_running_timeout : extra->job_timeout;
    struct loop *loop = rt->manager->loop;
    if (span == USEC_INFINITY) return;
    usec_t at = usec_add(loop_now(loop), span);
    if (rt->job.timer && loop_deadline_is_set(&rt->job.timer->deadline) && rt->job.timer->deadline.at <= at) return;
    if (!rt->job.timer) rt->job.timer = calloc(1, sizeof *rt->job.timer);
    if (!rt->job.timer || loop_deadline_set(loop, &rt->job.timer->deadline, at, on_job_timeout, rt) < 0)
        log_error("unit %s: out of memory: its job has no time limit", runtime_name(rt));
}

static void drop_timer(struct runtime *rt)
{
    if (!rt->job.timer) return;
    loop_deadline_clear(rt->manager->loop, &rt->job.timer->deadline);
    free(rt->job.timer);
    rt->job.timer = NULL;
}

/* ---- installing ---- */

static void install(struct runtime *rt, const struct planned_job *planned)
{
    struct manager *m = rt->manager;
    struct job *job = &rt->job;
    if (++m->last_job_id == 0) m->last_job_id = 1;
    *job = (struct job){ .type = (uint8_t)planned->type,
                         .state = JOB_WAITING,
                         .queued = job->queued, /* an entry in the queue stays, and finds this job */
                         .held = job->held,
                         .ignore_order = planned->ignore_order,
                         .ignore_requirements = planned->ignore_requirements,
                         .irreversible = planned->irreversible,
                         .id = m->last_job_id };
    m->n_jobs++;
    for_each_ordered(rt, count_blocker);
    if (!job->held) job_start_timer(rt, false); /* else its time begins when it is let go */
    job_queue(rt);
}

/* Takes the job off its unit and lets those that waited for it go on. */
static void uninstall(struct runtime *rt)
{
    for_each_ordered(rt, unblock);
    job_check_drop(rt);
    drop_timer(rt);
    rt->job = (struct job){ .type = JOB_NONE, .queued = rt->job.queued };
    rt->manager->n_jobs--;
}

/* The same job with another type waits again, for others than before when it now stops first. */
static void change_type(struct runtime *rt, enum job_type type)
{
    struct job *job = &rt->job;
    job_check_drop(rt);
    for_each_ordered(rt, unblock);
    job->type = (uint8_t)type;
    job->state = JOB_WAITING;
    job->held &= type == JOB_START;
    job->blockers = 0;
    for_each_ordered(rt, count_blocker);
    job_queue(rt);
}

static void merge_into_installed(struct runtime *rt, const struct planned_job *planned)
{
    struct job *job = &rt->job;
    enum job_type old = job->type, type = job_type_merge(old, planned->type, rt->active);
    /* What runs does the new one's work as well, but for a reload, which has to read what changed meanwhile. */
    bool covered = planned->type != JOB_RELOAD && job_type_is_superset(old, planned->type);
    job->irreversible |= planned->irreversible;
    job->ignore_order |= planned->ignore_order;
    job->ignore_requirements &= planned->ignore_requirements;
    if (type != old || (job->state == JOB_RUNNING && !covered)) change_type(rt, type);
    job_queue(rt);
}

void job_apply(const struct planned_job *planned)
{
    struct runtime *rt = planned->rt;
    if (rt->job.type == JOB_NONE) {
        install(rt, planned);
    } else if (!job_type_is_conflicting((enum job_type)rt->job.type, planned->type)) {
        merge_into_installed(rt, planned);
    } else {
        if (rt->job.type == JOB_START && runtime_is_down(rt))
            log_info("unit %s: not started: a unit that it is tied to stops", runtime_name(rt));
        job_finish(rt, JOB_RESULT_CANCELED, JOB_QUIETLY);
        install(rt, planned);
    }
}

/* ---- the end of a job ---- */

static const enum graph_edge starts_fail[] = { GRAPH_REQUIRED_BY, GRAPH_BOUND_BY, GRAPH_REQUISITE_OF };
static const enum graph_edge stops_fail[] = { GRAPH_CONFLICTED_BY };
static const enum graph_edge unmet[] = { GRAPH_REQUISITE_OF };

static void tell_removed(struct runtime *rt, uint32_t id, enum job_type type, enum job_result result)
{
    const struct manager *m = rt->manager;
    for (size_t i = 0; i < m->job_hooks.count; i++)
        m->job_hooks.items[i].removed(rt, id, type, result, m->job_hooks.items[i].userdata);
}

static void remove_job(struct runtime *rt, enum job_result result)
{
    enum job_type type = rt->job.type;
    uint32_t id = rt->job.id;
    log_debug("unit %s: %s job %s", runtime_name(rt), job_type_name(type), job_result_name(result));
    uninstall(rt);
    tell_removed(rt, id, type, result);
}

static bool fail_one(struct runtime *rt, struct runtime *culprit, const char *what)
{
    if (!job_waits_for_start(&rt->job) || rt->job.state == JOB_RUNNING || rt->job.held) return false;
    bool starts = rt->job.type == JOB_START;
    if (starts) {
        if (!job_missing_requirement(rt)) job_log_dependency(rt, culprit, what);
        if (strcmp(what, "failed") == 0) job_note_deciding(culprit);
        /* Of a run that is still on its way down the result is its own. */
        if (runtime_is_down(rt) || job_unit_waits_to_restart(rt)) rt->result = RESULT_DEPENDENCY;
    }
    if (starts && job_unit_waits_to_restart(rt)) { /* it is not down: its job ends with its state */
        rt->job.state = JOB_RUNNING;
        rt->type->failed(rt);
        return false;
    }
    remove_job(rt, JOB_RESULT_DEPENDENCY);
    return true;
}

/* Start jobs that wait for what has failed fail as well; a list, since each may have such dependants of its own. */
static void fail_dependants(struct runtime *rt, const enum graph_edge *kinds, size_t n_kinds, const char *what)
{
    struct manager *m = rt->manager;
    VEC(struct runtime *) failed = VEC_EMPTY;
    if (vec_push(&failed, rt) < 0) return; /* the dependants find the failed state when they are dispatched */
    for (size_t i = 0; i < failed.count; i++) {
        for (size_t k = 0; k < n_kinds; k++) {
            struct id_span span = manager_edges(m, failed.items[i]->unit->id, kinds[k]);
            for (uint32_t j = 0; j < span.count; j++)
                if (fail_one(manager_unit(m, span.ids[j]), failed.items[i], what) &&
                    vec_push(&failed, manager_unit(m, span.ids[j])) < 0)
                    break;
        }
        kinds = starts_fail; /* from now on it is starts that have failed */
        n_kinds = COUNT_OF(starts_fail);
        what = "failed";
    }
    /* They stay as they were, but who waits for them has to know: a socket's clients, a handler's cause. */
    for (size_t i = 1; i < failed.count; i++)
        if (runtime_is_down(failed.items[i])) unit_went_down(failed.items[i]);
    vec_done(&failed);
}

static void spread(struct runtime *rt, enum job_type type, enum job_result result)
{
    bool starts = type == JOB_START || type == JOB_VERIFY_ACTIVE;
    if (starts && result != JOB_RESULT_DONE)
        fail_dependants(rt, starts_fail, COUNT_OF(starts_fail), type == JOB_VERIFY_ACTIVE ? "is not active" : "failed");
    else if (type == JOB_STOP && result != JOB_RESULT_DONE)
        fail_dependants(rt, stops_fail, COUNT_OF(stops_fail), "did not stop");
    else if ((starts || type == JOB_RELOAD) && !runtime_is_up(rt))
        /* A oneshot or a unit that a condition skipped: well, but not active. */
        fail_dependants(rt, unmet, COUNT_OF(unmet), "is not active");
}

void job_finish(struct runtime *rt, enum job_result result, enum job_spread how)
{
    enum job_type type = rt->job.type;
    bool taken_away = type == JOB_START && !rt->job.held && how == JOB_SPREADS &&
                      (result == JOB_RESULT_CANCELED || result == JOB_RESULT_TIMEOUT);
    if (type == JOB_RESTART && result == JOB_RESULT_DONE && !rt->manager->shutdown.begun) {
        change_type(rt, JOB_START);
        return;
    }
    remove_job(rt, result);
    if (how == JOB_SPREADS) spread(rt, type, result);
    bool given_up = result == JOB_RESULT_CANCELED || result == JOB_RESULT_TIMEOUT;
    if (type == JOB_START && given_up && runtime_is_down(rt)) unit_start_canceled(rt);
    if ((type == JOB_STOP || type == JOB_RESTART) && runtime_is_up(rt)) unit_stop_canceled(rt);
    if (taken_away && job_unit_waits_to_restart(rt)) rt->type->skipped(rt); /* it waited for nothing else */
    unit_recheck(rt);
}

/* ---- states ---- */

static bool start_on_state(struct runtime *rt)
{
    if (runtime_is_up(rt)) {
        job_finish(rt, JOB_RESULT_DONE, JOB_SPREADS);
        return false;
    }
    if (rt->job.state != JOB_RUNNING || rt->active == ACTIVE_STATE_ACTIVATING) return false;
    if (runtime_is_down(rt))
        job_finish(rt, rt->active == ACTIVE_STATE_FAILED ? JOB_RESULT_FAILED : JOB_RESULT_DONE, JOB_SPREADS);
    return true;
}

static bool reload_on_state(struct runtime *rt)
{
    if (rt->job.state != JOB_RUNNING) return false;
    if (rt->active == ACTIVE_STATE_ACTIVE) {
        job_finish(rt, rt->reload_failed ? JOB_RESULT_FAILED : JOB_RESULT_DONE, JOB_SPREADS);
        return false;
    }
    if (rt->active == ACTIVE_STATE_ACTIVATING || rt->active == ACTIVE_STATE_RELOADING) return false;
    if (runtime_is_down(rt))
        job_finish(rt, rt->active == ACTIVE_STATE_FAILED ? JOB_RESULT_FAILED : JOB_RESULT_DONE, JOB_SPREADS);
    return true;
}

bool job_on_state(struct runtime *rt)
{
    struct job *job = &rt->job;
    if (job->type == JOB_NONE) return true;
    if (job->state == JOB_WAITING) job_queue(rt); /* it may have waited for just this */
    switch ((enum job_type)job->type) {
    case JOB_START:
    case JOB_VERIFY_ACTIVE:
        return job->state != JOB_CHECKING && start_on_state(rt);
    case JOB_RELOAD:
        return reload_on_state(rt);
    case JOB_STOP:
    case JOB_RESTART: /* what else is seen before it is down was under way already */
        if (runtime_is_down(rt)) job_finish(rt, JOB_RESULT_DONE, JOB_SPREADS);
        break;
    case JOB_NONE:
    case JOB_NOP:
    case JOB_TRY_RESTART:
    case JOB_TRY_RELOAD:
    case JOB_RELOAD_OR_START:
    case JOB_TYPE_COUNT:
        break;
    }
    return false;
}

/* ---- Restart= ---- */

void job_hold(struct runtime *rt)
{
    struct job *job = &rt->job;
    if (rt->manager->shutdown.begun || job_is_stop(job)) return;
    if (job->type == JOB_RELOAD) job_finish(rt, JOB_RESULT_FAILED, JOB_SPREADS);
    job->held = true;
    drop_timer(rt); /* RestartSec= is no part of JobTimeoutSec= */
    if (job->type == JOB_NONE)
        install(rt, &(struct planned_job){ .rt = rt, .type = JOB_START });
    else if (job->type == JOB_VERIFY_ACTIVE)
        change_type(rt, JOB_START);
    else /* its first start has not succeeded yet: the same job goes on (K40) */
        job->state = JOB_WAITING;
}

void job_checked(struct runtime *rt)
{
    rt->job.state = JOB_WAITING; /* what it waits for, and what it requires, may have changed meanwhile */
    job_queue(rt);
}

void job_force(struct runtime *rt)
{
    if (rt->job.type != JOB_STOP || rt->job.state == JOB_RUNNING) return;
    rt->job.ignore_order = true;
    job_queue(rt);
}

bool jobs_pending(const struct manager *m)
{
    return m->n_jobs > 0;
}

bool jobs_runnable(const struct manager *m)
{
    return m->run_queue_head < m->run_queue.count;
}

void job_done(struct runtime *rt)
{
    job_check_drop(rt);
    drop_timer(rt);
}
