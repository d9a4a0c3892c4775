/* Making a plan consistent, in the order in which systemd does it. */
#include "supervisor/transaction_internal.h"

#include "base/log.h"
#include "supervisor/job_internal.h"
#include "supervisor/manager.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static struct planned *planned_at(struct transaction *tr, uint32_t i)
{
    return &tr->jobs.items[i];
}

static struct runtime *unit_of(const struct transaction *tr, uint32_t i)
{
    return manager_unit(tr->manager, tr->jobs.items[i].unit);
}

static bool is_anchor(const struct transaction *tr, uint32_t i)
{
    return i == tr->anchor && i != NO_JOB;
}

/* Is this the first of its unit's jobs, which stands for all of them? */
static bool is_head(struct transaction *tr, uint32_t i)
{
    return !planned_at(tr, i)->dropped && unit_of(tr, i)->planned == i;
}

/* ---- what matters ---- */

static int find_what_matters(struct transaction *tr)
{
    int r = 0;
    if (tr->anchor == NO_JOB) return 0;
    planned_at(tr, tr->anchor)->matters = true;
    r = vec_push(&tr->stack, tr->anchor);
    while (r == 0 && tr->stack.count > 0) {
        uint32_t l = planned_at(tr, tr->stack.items[--tr->stack.count])->needs;
        for (; l != NO_LINK && r == 0; l = tr->links.items[l].next_of_subject) {
            const struct link *link = &tr->links.items[l];
            struct planned *object = planned_at(tr, link->object);
            if (!link->matters || object->matters) continue;
            object->matters = true;
            r = vec_push(&tr->stack, link->object);
        }
    }
    return r;
}

/* ---- dropping ---- */

static void leave_unit(struct transaction *tr, uint32_t i)
{
    struct planned *job = planned_at(tr, i);
    uint32_t *at = &unit_of(tr, i)->planned;
    while (*at != i) at = &planned_at(tr, *at)->next;
    *at = job->next;
    job->dropped = true;
}

static bool is_start(const struct planned *job)
{
    return job->type == JOB_START || job->type == JOB_RESTART;
}

static int leave_links(struct transaction *tr, uint32_t i, bool with_users)
{
    const struct planned *job = planned_at(tr, i);
    int r = 0;
    for (uint32_t l = job->needs; l != NO_LINK && r == 0; l = tr->links.items[l].next_of_subject) {
        struct link *link = &tr->links.items[l];
        if (link->gone) continue;
        link->gone = true;
        if (--planned_at(tr, link->object)->users == 0 && tr->mode != JOB_MODE_ISOLATE)
            r = vec_push(&tr->loose, link->object);
    }
    for (uint32_t l = job->needed_by; l != NO_LINK && r == 0; l = tr->links.items[l].next_of_object) {
        struct link *link = &tr->links.items[l];
        if (link->gone) continue;
        link->gone = true;
        if (with_users && link->matters) r = vec_push(&tr->stack, link->subject);
    }
    return r;
}

/* Drops a job; `with_users`: and those that need it, of whose starts `why` is told; and in any case what nobody needs
 * any more then. */
static int drop(struct transaction *tr, uint32_t first, bool with_users, const struct runtime *why)
{
    int r = vec_push(&tr->stack, first);
    while (r == 0 && tr->stack.count + tr->loose.count > 0) {
        uint32_t i;
        if (tr->stack.count > 0) {
            i = tr->stack.items[--tr->stack.count];
        } else {
            i = tr->loose.items[--tr->loose.count];
            with_users = false;
            why = NULL;
            if (planned_at(tr, i)->root || planned_at(tr, i)->users > 0) continue;
        }
        struct planned *job = planned_at(tr, i);
        if (job->dropped) continue;
        leave_unit(tr, i);
        if (why && i != first && is_start(job)) {
            job_log_dependency(unit_of(tr, i), why, "conflicts with a unit that starts");
            unit_of(tr, i)->result = RESULT_DEPENDENCY;
        }
        r = leave_links(tr, i, with_users);
    }
    return r;
}

/* The job `i` turns round what is there, or stops what runs. */
static int refuse_destructive(struct transaction *tr, uint32_t i)
{
    const struct planned *anchor = planned_at(tr, tr->anchor != NO_JOB ? tr->anchor : i), *job = planned_at(tr, i);
    const struct runtime *rt = unit_of(tr, i);
    bool has_job = rt->job.type != JOB_NONE;
    tr->error->code = "TransactionIsDestructive";
    (void)snprintf(
        tr->error->text, sizeof tr->error->text,
        "Transaction for %s/%s is destructive (%s %s%s%s, but '%s' is included in transaction).",
        runtime_name(manager_unit(tr->manager, anchor->unit)), job_type_name((enum job_type)anchor->type),
        runtime_name(rt), has_job ? "has '" : "is ",
        has_job ? job_type_name((enum job_type)rt->job.type) : active_state_name((enum active_state)rt->active),
        has_job ? "' job queued" : "", job_type_name((enum job_type)job->type)); /* cut when names are long */
    return -EDEADLK;
}

/* Modes fail and lenient: what does not matter neither stops what runs nor turns round a job that is there; in mode
 * lenient what matters does not stop anything either. */
static int minimize_impact(struct transaction *tr)
{
    int r = 0;
    for (uint32_t i = 1; i < tr->jobs.count && r == 0; i++) {
        const struct planned *job = planned_at(tr, i);
        if (job->dropped || (job->matters && tr->mode == JOB_MODE_FAIL)) continue;
        const struct runtime *rt = unit_of(tr, i);
        bool running = runtime_is_up(rt) || rt->active == ACTIVE_STATE_ACTIVATING;
        bool stops = job->type == JOB_STOP && running;
        bool turns =
            rt->job.type != JOB_NONE && job_type_is_conflicting((enum job_type)job->type, (enum job_type)rt->job.type);
        if ((stops || turns) && job->matters) return refuse_destructive(tr, i);
        if (stops || turns) r = drop(tr, i, true, NULL);
    }
    return r;
}

/* The jobs of units for which none of them would change anything. */
static int drop_redundant(struct transaction *tr)
{
    int r = 0;
    for (uint32_t i = 1; i < tr->jobs.count && r == 0; i++) {
        if (!is_head(tr, i)) continue;
        const struct runtime *rt = unit_of(tr, i);
        bool keep = false;
        for (uint32_t k = i; k != NO_JOB && !keep; k = planned_at(tr, k)->next) {
            enum job_type type = planned_at(tr, k)->type;
            keep = is_anchor(tr, k) || !job_type_is_redundant(type, rt->active) ||
                   (rt->job.type != JOB_NONE && job_type_is_conflicting(type, (enum job_type)rt->job.type));
        }
        while (!keep && r == 0 && rt->planned != NO_JOB) r = drop(tr, rt->planned, false, NULL);
    }
    return r;
}

/* ---- contradictions ---- */

/* Who has the job planned; `conflicts`: by Conflicts=. NULL when nobody has. */
static const struct runtime *planner_of(struct transaction *tr, uint32_t i, bool conflicts)
{
    for (uint32_t l = planned_at(tr, i)->needed_by; l != NO_LINK; l = tr->links.items[l].next_of_object) {
        const struct link *link = &tr->links.items[l];
        if (!link->gone && (link->conflicts || !conflicts)) return unit_of(tr, link->subject);
    }
    return NULL;
}

/* Of two jobs of one unit that contradict each other, the one to drop; NO_JOB when both matter. Rather a stop than a
 * start, but for a stop that Conflicts= asks for. */
static uint32_t choose_to_drop(struct transaction *tr, uint32_t a, uint32_t b)
{
    const struct planned *x = planned_at(tr, a), *y = planned_at(tr, b);
    if (x->matters && y->matters) return NO_JOB;
    if (x->matters != y->matters) return x->matters ? b : a;
    if (x->type == JOB_STOP) return planner_of(tr, a, true) ? b : a;
    if (y->type == JOB_STOP) return planner_of(tr, b, true) ? a : b;
    return a;
}

static const char *planner_name(struct transaction *tr, uint32_t i)
{
    const struct runtime *planner = planner_of(tr, i, false);
    return planner ? runtime_name(planner) : "the request itself";
}

static int refuse_contradiction(struct transaction *tr, uint32_t a, uint32_t b)
{
    struct job_error *e = tr->error;
    e->code = "TransactionJobsConflicting";
    (void)snprintf(e->text, sizeof e->text,
                   "Transaction contains conflicting jobs '%s' (for %s) and '%s' (for %s) for %s.",
                   job_type_name((enum job_type)planned_at(tr, a)->type), planner_name(tr, a),
                   job_type_name((enum job_type)planned_at(tr, b)->type), planner_name(tr, b),
                   runtime_name(unit_of(tr, a))); /* cut when names are long */
    return -EDEADLK;
}

/* Two of the unit's jobs that contradict each other; `hard`: where one is a stop that Conflicts= asks for. */
static bool find_contradiction(struct transaction *tr, const struct runtime *rt, bool hard, uint32_t *ret_a,
                               uint32_t *ret_b)
{
    for (uint32_t a = rt->planned; a != NO_JOB; a = planned_at(tr, a)->next)
        for (uint32_t b = planned_at(tr, a)->next; b != NO_JOB; b = planned_at(tr, b)->next) {
            enum job_type x = planned_at(tr, a)->type, y = planned_at(tr, b)->type;
            if (!job_type_is_conflicting(x, y)) continue;
            if (hard && !planner_of(tr, x == JOB_STOP ? a : b, true)) continue;
            *ret_a = a;
            *ret_b = b;
            return true;
        }
    return false;
}

/* Drops jobs of the unit until none contradicts another. */
static int resolve_unit(struct transaction *tr, struct runtime *rt, bool hard)
{
    uint32_t a, b;
    int r = 0;
    while (r == 0 && find_contradiction(tr, rt, hard, &a, &b)) {
        uint32_t loser = choose_to_drop(tr, a, b);
        if (loser == NO_JOB) return refuse_contradiction(tr, a, b);
        bool starts = is_start(planned_at(tr, loser));
        if (starts) {
            const struct runtime *other = planner_of(tr, loser == a ? b : a, false);
            log_warning("unit %s: not started: it conflicts with %s, which starts", runtime_name(rt),
                        other ? runtime_name(other) : "the request");
        }
        r = drop(tr, loser, true, starts ? rt : NULL);
    }
    return r;
}

static int compare_descending(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x > y ? -1 : x < y;
}

/* Where Conflicts= speaks is decided first, for what follows from a stop may have gone then; of several units the last
 * by name yields. */
static int resolve_contradictions(struct transaction *tr)
{
    VEC(uint32_t) units = VEC_EMPTY;
    uint32_t a, b;
    int r = 0;
    for (uint32_t i = 1; i < tr->jobs.count && r == 0; i++)
        if (is_head(tr, i) && find_contradiction(tr, unit_of(tr, i), false, &a, &b))
            r = vec_push(&units, planned_at(tr, i)->unit);
    if (units.count > 1) qsort(units.items, units.count, sizeof(uint32_t), compare_descending);
    for (int hard = 1; hard >= 0; hard--)
        for (size_t i = 0; i < units.count && r == 0; i++)
            r = resolve_unit(tr, manager_unit(tr->manager, units.items[i]), hard != 0);
    vec_done(&units);
    return r;
}

/* ---- merging ---- */

/* Hands the links of `from` to `to`. */
static void take_links(struct transaction *tr, uint32_t to, uint32_t from)
{
    struct planned *into = planned_at(tr, to), *other = planned_at(tr, from);
    for (uint32_t l = other->needs, next; l != NO_LINK; l = next) {
        struct link *link = &tr->links.items[l];
        next = link->next_of_subject;
        link->subject = to;
        link->next_of_subject = into->needs;
        into->needs = l;
    }
    for (uint32_t l = other->needed_by, next; l != NO_LINK; l = next) {
        struct link *link = &tr->links.items[l];
        next = link->next_of_object;
        link->object = to;
        link->next_of_object = into->needed_by;
        into->needed_by = l;
    }
    into->users += other->users;
    into->root |= other->root;
    into->matters |= other->matters;
    into->ignore_order |= other->ignore_order;
    other->needs = other->needed_by = NO_LINK;
    other->users = 0;
}

static void merge(struct transaction *tr, uint32_t head)
{
    struct runtime *rt = unit_of(tr, head);
    uint32_t kept = head;
    enum job_type type = planned_at(tr, head)->type;
    for (uint32_t i = planned_at(tr, head)->next; i != NO_JOB; i = planned_at(tr, i)->next) {
        type = job_type_merge(type, planned_at(tr, i)->type, rt->active);
        if (is_anchor(tr, i)) kept = i;
    }
    for (uint32_t i = head, next; i != NO_JOB; i = next) {
        next = planned_at(tr, i)->next;
        if (i == kept) continue;
        take_links(tr, kept, i);
        leave_unit(tr, i);
    }
    planned_at(tr, kept)->type = (uint8_t)type;
}

/* ---- against what is there ---- */

static int check_destructive(struct transaction *tr)
{
    for (uint32_t i = 1; i < tr->jobs.count; i++) {
        const struct planned *job = planned_at(tr, i);
        const struct runtime *rt = unit_of(tr, i);
        if (job->dropped || rt->job.type == JOB_NONE) continue;
        if (tr->mode != JOB_MODE_FAIL && tr->mode != JOB_MODE_LENIENT && !rt->job.irreversible) continue;
        if (!job_type_is_conflicting((enum job_type)job->type, (enum job_type)rt->job.type)) continue;
        return refuse_destructive(tr, i);
    }
    return 0;
}

int transaction_settle(struct transaction *tr)
{
    int r = find_what_matters(tr);
    if (r == 0 && (tr->mode == JOB_MODE_FAIL || tr->mode == JOB_MODE_LENIENT)) r = minimize_impact(tr);
    if (r == 0) r = drop_redundant(tr);
    if (r == 0) r = resolve_contradictions(tr);
    for (uint32_t i = 1; i < tr->jobs.count && r == 0; i++)
        if (is_head(tr, i) && planned_at(tr, i)->next != NO_JOB) merge(tr, i);
    if (r == 0) r = drop_redundant(tr);
    return r < 0 ? r : check_destructive(tr);
}
