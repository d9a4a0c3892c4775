#include "supervisor/transaction_internal.h"

#include "base/log.h"
#include "supervisor/manager.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct runtime *unit_of(const struct transaction *tr, const struct planned *job)
{
    return manager_unit(tr->manager, job->unit);
}

/* ---- adding ---- */

/* The unit's planned job of that type, NO_JOB when there is none. */
static uint32_t find_planned(const struct transaction *tr, const struct runtime *rt, enum job_type type)
{
    uint32_t i = rt->planned;
    while (i != NO_JOB && tr->jobs.items[i].type != type) i = tr->jobs.items[i].next;
    return i;
}

static bool is_applicable(const struct runtime *rt, enum job_type type)
{
    return type != JOB_RELOAD || unit_can_reload(rt);
}

static int add_link(struct transaction *tr, uint32_t subject, uint32_t object, bool matters, bool conflicts)
{
    struct link link = { .subject = subject,
                         .object = object,
                         .next_of_subject = tr->jobs.items[subject].needs,
                         .next_of_object = tr->jobs.items[object].needed_by,
                         .matters = matters,
                         .conflicts = conflicts };
    int r = vec_push(&tr->links, link);
    if (r < 0) return r;
    tr->jobs.items[subject].needs = tr->jobs.items[object].needed_by = (uint32_t)tr->links.count - 1;
    tr->jobs.items[object].users++;
    return 0;
}

/* Plans a job of a unit, for another one or, with `by` NO_JOB, for itself. -EBADR: the unit cannot do that. */
static int add_job(struct transaction *tr, uint32_t unit, enum job_type type, uint32_t by, enum strength strength)
{
    struct runtime *rt = manager_unit(tr->manager, unit);
    if (!is_applicable(rt, type)) return -EBADR;
    uint32_t i = find_planned(tr, rt, type);
    if (i == NO_JOB) {
        struct planned job = {
            .unit = unit, .next = rt->planned, .needs = NO_LINK, .needed_by = NO_LINK, .type = (uint8_t)type
        };
        i = (uint32_t)tr->jobs.count;
        int r = vec_push(&tr->jobs, job);
        if (r < 0) return r;
        rt->planned = i;
    }
    if (by != NO_JOB) {
        tr->jobs.items[i].ignore_order |= tr->jobs.items[by].ignore_order;
        return add_link(tr, by, i, strength != WISH, strength == CONFLICT);
    }
    tr->jobs.items[i].root = true;
    return 0;
}

/* ---- what a job pulls in ---- */

static const struct pull {
    enum graph_edge edge;
    enum job_type type;
    enum strength strength;
} of_start[] = {
    { GRAPH_REQUIRES, JOB_START, NEED },          { GRAPH_BINDS_TO, JOB_START, NEED },
    { GRAPH_WANTS, JOB_START, WISH },             { GRAPH_UPHOLDS, JOB_START, WISH },
    { GRAPH_REQUISITE, JOB_VERIFY_ACTIVE, NEED }, { GRAPH_CONFLICTS, JOB_STOP, CONFLICT },
    { GRAPH_CONFLICTED_BY, JOB_STOP, WISH },
}, of_stop[] = {
    { GRAPH_REQUIRED_BY, JOB_STOP, NEED }, { GRAPH_REQUISITE_OF, JOB_STOP, NEED },
    { GRAPH_BOUND_BY, JOB_STOP, NEED },    { GRAPH_CONSISTS_OF, JOB_STOP, NEED },
    { GRAPH_PROPAGATES_STOP_TO, JOB_STOP, NEED },
}, of_restart[] = { /* only what is there is restarted along */
    { GRAPH_REQUIRED_BY, JOB_TRY_RESTART, NEED }, { GRAPH_REQUISITE_OF, JOB_TRY_RESTART, NEED },
    { GRAPH_BOUND_BY, JOB_TRY_RESTART, NEED },    { GRAPH_CONSISTS_OF, JOB_TRY_RESTART, NEED },
}, of_reload[] = {
    { GRAPH_PROPAGATES_RELOAD_TO, JOB_TRY_RELOAD, WISH },
};

static int follow(struct transaction *tr, uint32_t i, const struct pull *pulls, size_t n)
{
    for (size_t k = 0; k < n; k++) {
        struct id_span span = manager_edges(tr->manager, tr->jobs.items[i].unit, pulls[k].edge);
        for (uint32_t u = 0; u < span.count; u++) {
            const struct runtime *other = manager_unit(tr->manager, span.ids[u]);
            enum job_type type = job_type_collapse(pulls[k].type, other->active);
            if (type == JOB_NOP) continue;
            int r = add_job(tr, span.ids[u], type, i, pulls[k].strength);
            if (r < 0 && r != -EBADR) return r; /* one that cannot do it is left alone */
        }
    }
    return 0;
}

/* Follows the relations of each planned job; those that are added meanwhile come later in the list. */
static int close_plan(struct transaction *tr)
{
    int r = 0;
    for (; tr->closed < tr->jobs.count && r == 0; tr->closed++) {
        uint32_t i = tr->closed;
        enum job_type type = tr->jobs.items[i].type;
        bool is_anchor = i == tr->anchor;
        if (is_anchor && (tr->mode == JOB_MODE_IGNORE_DEPENDENCIES || tr->mode == JOB_MODE_IGNORE_REQUIREMENTS))
            continue;
        if (type == JOB_START || type == JOB_RESTART) r = follow(tr, i, of_start, COUNT_OF(of_start));
        if (r == 0 && type == JOB_STOP) r = follow(tr, i, of_stop, COUNT_OF(of_stop));
        if (r == 0 && (type == JOB_RESTART || (is_anchor && tr->mode == JOB_MODE_RESTART_DEPENDENCIES)))
            r = follow(tr, i, of_restart, COUNT_OF(of_restart));
        if (r == 0 && type == JOB_RELOAD) r = follow(tr, i, of_reload, COUNT_OF(of_reload));
    }
    return r;
}

/* ---- isolate, triggering ---- */

static bool is_idle(const struct runtime *rt)
{
    return runtime_is_down(rt) && rt->job.type == JOB_NONE;
}

static bool stays_on_isolate(const struct runtime *rt)
{
    return rt->planned != NO_JOB || rt->unit->unit_extra->ignore_on_isolate == 1;
}

/* systemctl(1) isolate: everything else stops, but for IgnoreOnIsolate= and what is triggered by a unit that stays. */
static int add_isolate_jobs(struct transaction *tr)
{
    struct manager *m = tr->manager;
    for (uint32_t id = 0; id < m->n_units; id++) {
        const struct runtime *rt = manager_unit(m, id);
        if (stays_on_isolate(rt) || is_idle(rt)) continue;
        struct id_span span = manager_edges(m, id, GRAPH_TRIGGERED_BY);
        uint32_t k = 0;
        while (k < span.count && !stays_on_isolate(manager_unit(m, span.ids[k]))) k++;
        if (k < span.count) continue;
        int r = vec_push(&tr->stack, id);
        if (r < 0) return r;
    }
    /* Only now: what these stops are planned for does not count as staying. */
    for (size_t i = 0; i < tr->stack.count; i++) {
        int r = add_job(tr, tr->stack.items[i], JOB_STOP, tr->anchor, NEED);
        if (r < 0 && r != -EBADR) return r;
    }
    tr->stack.count = 0;
    return 0;
}

/* systemctl(1) --job-mode=triggering: what would start the unit again stops with it. */
static int add_triggering_jobs(struct transaction *tr)
{
    struct id_span span = manager_edges(tr->manager, tr->jobs.items[tr->anchor].unit, GRAPH_TRIGGERED_BY);
    for (uint32_t k = 0; k < span.count; k++) {
        const struct runtime *rt = manager_unit(tr->manager, span.ids[k]);
        if (rt->planned != NO_JOB || is_idle(rt)) continue;
        int r = add_job(tr, span.ids[k], JOB_STOP, tr->anchor, NEED);
        if (r < 0 && r != -EBADR) return r;
    }
    return 0;
}

/* ---- applying ---- */

static int compare_units(const void *a, const void *b)
{
    uint32_t x = ((const struct planned *)a)->unit, y = ((const struct planned *)b)->unit;
    return x < y ? -1 : x > y;
}

/* isolate, flush: the jobs of all other units are cancelled first. The end of a job may begin another transaction, so
 * that they are listed while units still know what is planned for them, and cancelled when they do not. */
static int list_others(struct transaction *tr)
{
    struct manager *m = tr->manager;
    int r = 0;
    tr->stack.count = 0;
    if (tr->mode != JOB_MODE_ISOLATE && tr->mode != JOB_MODE_FLUSH) return 0;
    for (uint32_t id = 0; id < m->n_units && r == 0; id++) {
        const struct runtime *rt = manager_unit(m, id);
        if (rt->job.type != JOB_NONE && rt->planned == NO_JOB) r = vec_push(&tr->stack, id);
    }
    return r;
}

static void cancel_others(struct transaction *tr, transaction_install_fn *cancel)
{
    for (size_t i = 0; i < tr->stack.count; i++) {
        struct runtime *rt = manager_unit(tr->manager, tr->stack.items[i]);
        if (rt->job.type != JOB_NONE) cancel(&(struct planned_job){ .rt = rt });
    }
}

static void forget_plan(struct transaction *tr)
{
    for (size_t i = 1; i < tr->jobs.count; i++) unit_of(tr, &tr->jobs.items[i])->planned = NO_JOB;
}

/* In the order of names (S40). */
static void apply(struct transaction *tr, transaction_install_fn *install, transaction_install_fn *cancel)
{
    size_t kept = 1;
    forget_plan(tr);
    cancel_others(tr, cancel);
    const uint32_t anchor = tr->anchor;
    const uint32_t anchor_unit = tr->jobs.items[anchor].unit;
    for (size_t i = 1; i < tr->jobs.count; i++)
        if (!tr->jobs.items[i].dropped) tr->jobs.items[kept++] = tr->jobs.items[i];
    if (kept > 2) qsort(tr->jobs.items + 1, kept - 1, sizeof *tr->jobs.items, compare_units);
    for (size_t i = 1; i < kept; i++) {
        const struct planned *job = &tr->jobs.items[i];
        bool alone = tr->mode == JOB_MODE_IGNORE_DEPENDENCIES || tr->mode == JOB_MODE_IGNORE_REQUIREMENTS;
        install(&(struct planned_job){ .rt = unit_of(tr, job),
                                       .type = job->type,
                                       .irreversible = tr->mode == JOB_MODE_REPLACE_IRREVERSIBLY,
                                       .ignore_order = job->ignore_order,
                                       .ignore_requirements = alone && anchor != NO_JOB && job->unit == anchor_unit });
    }
}

/* ---- the whole ---- */

static int plan_boot(struct transaction *tr)
{
    struct manager *m = tr->manager;
    int r = 0;
    for (uint32_t id = 0; id < m->n_units && r == 0; id++)
        if (graph_start_reason(m->graph, id) == START_AT_BOOT) r = add_job(tr, id, JOB_START, NO_JOB, WISH);
    return r == 0 ? close_plan(tr) : r;
}

static int plan_request(struct transaction *tr, const struct transaction_request *request)
{
    int r = add_job(tr, request->rt->unit->id, request->type, NO_JOB, NEED);
    if (r == -EBADR) {
        tr->error->code = "JobTypeNotApplicable";
        (void)snprintf(tr->error->text, sizeof tr->error->text, "Job type %s is not applicable for unit %s.",
                       job_type_name(request->type), runtime_name(request->rt)); /* cut when it is long */
    }
    if (r < 0) return r;
    tr->anchor = (uint32_t)tr->jobs.count - 1;
    tr->jobs.items[tr->anchor].ignore_order = request->mode == JOB_MODE_IGNORE_DEPENDENCIES;
    r = close_plan(tr);
    if (r == 0 && tr->mode == JOB_MODE_ISOLATE) r = add_isolate_jobs(tr);
    if (r == 0 && tr->mode == JOB_MODE_TRIGGERING) r = add_triggering_jobs(tr);
    return r == 0 ? close_plan(tr) : r;
}

/* The first item of each array is never used. */
static int begin(struct transaction *tr)
{
    tr->jobs.count = tr->links.count = tr->stack.count = tr->loose.count = 0;
    int r = vec_push(&tr->jobs, ((struct planned){ .unit = 0 }));
    if (r == 0) r = vec_push(&tr->links, ((struct link){ .subject = NO_JOB }));
    return r;
}

void transaction_free(struct transaction *tr)
{
    if (!tr) return;
    vec_done(&tr->jobs);
    vec_done(&tr->links);
    vec_done(&tr->stack);
    vec_done(&tr->loose);
    free(tr);
}

/* A large one, such as the boot's, is not kept for the next. */
#define KEPT_JOBS  ((size_t)256)
#define KEPT_LINKS ((size_t)1024)
static void end(struct manager *m, struct transaction *tr)
{
    tr->in_use = false;
    if (tr == m->transaction && tr->jobs.capacity <= KEPT_JOBS && tr->links.capacity <= KEPT_LINKS) return;
    if (tr == m->transaction) m->transaction = NULL;
    transaction_free(tr);
}

int transaction_run(struct manager *m, const struct transaction_request *request, transaction_install_fn *install,
                    transaction_install_fn *cancel, struct job_error *ret_error)
{
    struct transaction *tr = m->transaction;
    if (!tr || tr->in_use) { /* what a job's end sets off may ask for more while one is being applied */
        tr = calloc(1, sizeof *tr);
        if (!tr) return -ENOMEM;
        if (!m->transaction) m->transaction = tr;
    }
    tr->manager = m;
    tr->mode = request->mode;
    tr->error = ret_error;
    tr->anchor = NO_JOB;
    tr->closed = 1;
    tr->in_use = true;
    int r = begin(tr);
    if (r == 0) r = request->rt ? plan_request(tr, request) : plan_boot(tr);
    if (r == 0) r = transaction_settle(tr);
    if (r == 0) r = list_others(tr);
    if (r == 0)
        apply(tr, install, cancel);
    else
        forget_plan(tr);
    end(m, tr);
    return r;
}
