#include "supervisor/stop_phase.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "supervisor/job_internal.h"
#include "supervisor/manager.h"
#include "supervisor/unit_type.h"

/* The targets that name a way to end. */
static const struct {
    const char *name;
    enum pid1_goal goal;
} ends[] = {
    { "exit.target", PID1_EXIT },         { "halt.target", PID1_HALT },     { "kexec.target", PID1_KEXEC },
    { "poweroff.target", PID1_POWEROFF }, { "reboot.target", PID1_REBOOT }, { "soft-reboot.target", PID1_REBOOT },
};
static const char *const always[] = { "shutdown.target", "umount.target", "final.target" };

static struct runtime *find(const struct manager *m, const char *name)
{
    const struct unit *unit = unit_set_find(m->set, name);
    return unit ? manager_unit(m, unit->id) : NULL;
}

/* ---- who starts ---- */

static void mark(struct runtime *rt, struct runtime **queue, size_t *count)
{
    if (!rt || rt->late || !runtime_is_down(rt)) return;
    rt->late = true;
    queue[(*count)++] = rt;
}

static void mark_pulled(const struct manager *m, const struct runtime *by, struct runtime **queue, size_t *count)
{
    static const enum graph_edge pulls[] = { GRAPH_WANTS, GRAPH_REQUIRES, GRAPH_BINDS_TO };
    for (size_t k = 0; k < COUNT_OF(pulls); k++) {
        struct id_span span = manager_edges(m, by->unit->id, pulls[k]);
        for (uint32_t n = 0; n < span.count; n++) mark(manager_unit(m, span.ids[n]), queue, count);
    }
}

/* What a unit that is to start requires and wants starts with it. Returns how many there are. */
static size_t mark_all(struct manager *m, struct runtime **queue)
{
    size_t count = 0;
    for (size_t i = 0; i < COUNT_OF(always); i++) mark(find(m, always[i]), queue, &count);
    for (size_t i = 0; i < COUNT_OF(ends); i++) {
        struct runtime *rt = find(m, ends[i].name);
        /* systemd's own require services that end the machine. */
        if (!rt || ends[i].goal != m->shutdown.goal || (rt->unit->systemd && rt->unit->path)) continue;
        mark(rt, queue, &count);
        mark_pulled(m, rt, queue, &count); /* also of one that is reached, and began it all */
    }
    for (size_t i = 0; i < count; i++) mark_pulled(m, queue[i], queue, &count);
    return count;
}

/* Default dependencies are in conflict with shutdown.target: what has them ends by then, and does not begin. */
static bool is_excluded(const struct manager *m, const struct runtime *rt)
{
    static const enum graph_edge kinds[] = { GRAPH_CONFLICTS, GRAPH_CONFLICTED_BY };
    for (size_t k = 0; k < COUNT_OF(kinds); k++) {
        struct id_span span = manager_edges(m, rt->unit->id, kinds[k]);
        for (uint32_t i = 0; i < span.count; i++)
            if (strcmp(runtime_name(manager_unit(m, span.ids[i])), always[0]) == 0) return true;
    }
    return false;
}

/* What it cannot do without and is going; NULL: nothing. */
static const struct runtime *going(const struct manager *m, const struct runtime *rt)
{
    static const enum graph_edge kinds[] = { GRAPH_REQUIRES, GRAPH_BINDS_TO, GRAPH_REQUISITE };
    for (size_t k = 0; k < COUNT_OF(kinds); k++) {
        struct id_span span = manager_edges(m, rt->unit->id, kinds[k]);
        for (uint32_t i = 0; i < span.count; i++) {
            const struct runtime *other = manager_unit(m, span.ids[i]);
            if (!other->late && !other->type->holds_nothing) return other;
        }
    }
    return NULL;
}

/* Each round may take away what another unit requires. */
static size_t drop_impossible(const struct manager *m, struct runtime **units, size_t count)
{
    size_t before;
    do {
        before = count;
        count = 0;
        for (size_t i = 0; i < before; i++) {
            const struct runtime *other = going(m, units[i]);
            units[i]->late = !other && !is_excluded(m, units[i]);
            if (other) log_info("unit %s: not started: it requires %s", runtime_name(units[i]), runtime_name(other));
            if (units[i]->late) units[count++] = units[i];
        }
    } while (count < before);
    return count;
}

static bool is_target(const struct runtime *rt)
{
    return rt->unit->kind == UNIT_KIND_TARGET;
}

void stop_phase_begin(struct manager *m)
{
    struct runtime **units = calloc(m->n_units + 1, sizeof(struct runtime *));
    if (!units) {
        log_error("shutdown: out of memory: nothing is started for it");
        return;
    }
    size_t count = drop_impossible(m, units, mark_all(m, units));
    for (size_t i = 0; i < count; i++) m->shutdown.phase.active |= !is_target(units[i]);
    for (size_t i = 0; i < count && m->shutdown.phase.active; i++) {
        if (is_target(units[i])) units[i]->job.held = true; /* until it is reached */
        log_debug("unit %s: starts for the shutdown", runtime_name(units[i]));
        job_apply(&(struct planned_job){ .rt = units[i], .type = JOB_START });
    }
    free(units);
}

/* ---- what happens then ---- */

static bool anything_stops(const struct manager *m)
{
    for (uint32_t id = 0; id < m->n_units; id++)
        if (job_is_stop(&manager_unit(m, id)->job)) return true;
    return false;
}

static void reach_targets(struct manager *m)
{
    m->shutdown.phase.reached = true;
    for (uint32_t id = 0; id < m->n_units; id++) {
        struct runtime *rt = manager_unit(m, id);
        if (!rt->late || !rt->job.held) continue;
        rt->job.held = false;
        job_queue(rt);
    }
}

void stop_phase_check(struct manager *m)
{
    struct stop_phase *phase = &m->shutdown.phase;
    if (!phase->active || phase->stopping) return;
    if (!phase->reached && !anything_stops(m)) reach_targets(m);
    if (phase->reached && !jobs_pending(m)) stop_phase_cut(m);
}

void stop_phase_cut(struct manager *m)
{
    struct stop_phase *phase = &m->shutdown.phase;
    if (!phase->active || phase->stopping) return;
    phase->stopping = true;
    for (uint32_t id = 0; id < m->n_units; id++) manager_unit(m, id)->late = false;
    jobs_stop_all(m);
}

static bool is_end(const struct runtime *rt)
{
    for (size_t i = 0; i < COUNT_OF(ends); i++)
        if (strcmp(runtime_name(rt), ends[i].name) == 0) return true;
    return false;
}

bool stop_phase_defers(const struct runtime *rt)
{
    static const enum graph_edge kinds[] = { GRAPH_WANTED_BY, GRAPH_REQUIRED_BY };
    for (size_t k = 0; k < COUNT_OF(kinds); k++) {
        struct id_span span = manager_edges(rt->manager, rt->unit->id, kinds[k]);
        for (uint32_t i = 0; i < span.count; i++) {
            const struct runtime *other = manager_unit(rt->manager, span.ids[i]);
            if (other->job.type == JOB_START && is_target(other) && is_end(other)) return true;
        }
    }
    return false;
}

void stop_phase_on_target(struct runtime *target)
{
    struct manager *m = target->manager;
    if (m->shutdown.begun) return;
    for (size_t i = 0; i < COUNT_OF(ends); i++) {
        if (strcmp(runtime_name(target), ends[i].name) != 0) continue;
        m->shutdown.goal = ends[i].goal;
        log_info("%s is reached, beginning reverse shutdown", runtime_name(target));
        shutdown_begin(m, NULL);
    }
}
