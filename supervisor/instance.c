#include "supervisor/instance_internal.h"

#include "base/log.h"
#include "supervisor/handlers.h"
#include "supervisor/logs.h"
#include "supervisor/manager.h"
#include "supervisor/service.h"
#include "supervisor/trigger.h"
#include "supervisor/unit_process.h"
#include "unit/template.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *nobodys_state(const struct runtime *rt UNUSED)
{
    return "dead";
}
static const struct unit_type nobodys_type = { .sub_state = nobodys_state, .holds_nothing = true };

/* ---- ids ---- */

static int prepare(struct manager *m)
{
    if (m->instances) return 0;
    struct instances *all = calloc(1, sizeof *all);
    if (!all) return -ENOMEM;
    all->rows = calloc(MAX_OF(m->n_units, 1u), sizeof(struct row *));
    if (!all->rows) {
        free(all);
        return -ENOMEM;
    }
    all->first = m->n_units;
    all->nobodys_unit = (struct unit){ .name = "", .id = UINT32_MAX, .kind = UNIT_KIND_COUNT };
#define X(enumerator, member, type) all->nobodys_unit.member = &unit_settings_default.member;
    UNIT_GROUPS(X)
#undef X
    all->nobody = (struct runtime){ .manager = m, .unit = &all->nobodys_unit, .type = &nobodys_type };
    m->instances = all;
    return 0;
}

/* The lowest id that is free, with room for it. */
static int take_id(struct manager *m, uint32_t *ret)
{
    struct instances *all = m->instances;
    uint32_t id = all->first;
    if (m->n_units - all->first == all->count) {
        if (m->n_units == UINT32_MAX) return -ENOMEM;
        size_t capacity = m->units_capacity;
        int r = vec_reserve_raw((void **)&m->units, &capacity, (size_t)m->n_units + 1, sizeof(struct runtime *));
        m->units_capacity = capacity;
        if (r < 0) return r;
        id = m->n_units++;
        m->units[id] = &all->nobody;
    } else {
        while (m->units[id] != &all->nobody) id++;
    }
    *ret = id;
    return 0;
}

static void give_back(struct manager *m, uint32_t id)
{
    struct instances *all = m->instances;
    m->units[id] = &all->nobody;
    while (m->n_units > all->first && m->units[m->n_units - 1] == &all->nobody) m->n_units--;
}

/* ---- coming ---- */

static int make_runtime(struct manager *m, const struct unit *unit, struct instance *instance, struct runtime **ret)
{
    const struct unit_type *type = manager_unit(m, instance->prototype)->type;
    struct runtime *rt = calloc(1, type->size);
    if (!rt) return -ENOMEM;
    rt->manager = m;
    rt->unit = unit;
    rt->type = type;
    rt->instance = instance;
    int r = type->init ? type->init(rt) : 0;
    if (r < 0) {
        free(rt);
        return r;
    }
    *ret = rt;
    return 0;
}

static int add(struct manager *m, struct unit_instance *made, const struct unit *prototype, struct runtime **ret)
{
    struct instance *instance = calloc(1, sizeof *instance);
    uint32_t id;
    int r = instance ? prepare(m) : -ENOMEM;
    if (r == 0) r = take_id(m, &id);
    if (r < 0) {
        free(instance);
        return r;
    }
    *instance = (struct instance){ .made = made, .prototype = prototype->id };
    made->unit.id = id;
    r = instance_connect(m, prototype->id, id);
    if (r == 0) {
        r = make_runtime(m, &made->unit, instance, &instance->rt);
        if (r < 0) instance_disconnect(m, prototype->id, id);
    }
    if (r < 0) {
        give_back(m, id);
        free(instance);
        return r;
    }
    m->units[id] = *ret = instance->rt;
    m->instances->count++;
    return 0;
}

int instance_add(struct manager *m, struct unit_instance *made, const struct unit *prototype, struct runtime **ret_rt)
{
    int r = add(m, made, prototype, ret_rt);
    if (r < 0) unit_instance_free(made);
    return r;
}

/* ---- going ---- */

void instance_check(struct runtime *rt)
{
    struct instance *instance = rt->instance;
    if (!instance || instance->is_ending || !runtime_is_down(rt) || rt->job.type != JOB_NONE) return;
    instance->is_ending = true;
    instance->next = rt->manager->instances->ending;
    rt->manager->instances->ending = instance;
}

/* A handler of its end runs with what is known of it, or may still be asked to end the container for it. */
static bool is_cause(const struct runtime *rt)
{
    static const enum graph_edge handlers[] = { GRAPH_ON_FAILURE, GRAPH_ON_SUCCESS };
    struct manager *m = rt->manager;
    for (size_t k = 0; k < COUNT_OF(handlers); k++) {
        struct id_span span = manager_edges(m, rt->unit->id, handlers[k]);
        for (uint32_t i = 0; i < span.count; i++) {
            struct runtime *handler = manager_unit(m, span.ids[i]);
            if (handler->cause != rt) continue;
            if (handler->job.type != JOB_NONE || !runtime_is_down(handler)) return true;
            handler->cause = NULL;
        }
    }
    return false;
}

/* KillMode=process has left some behind: their leaf is the unit's as long as they are there. */
static bool has_processes(struct runtime *rt)
{
    struct service *s = service_of(rt);
    return rt->unit->kind == UNIT_KIND_SERVICE && s->begun && !procs_is_empty(rt->manager->procs, &s->procs);
}

static void forget(struct manager *m, struct service *s)
{
    for (size_t i = 0; s->watched && i < m->watched.count; i++)
        if (m->watched.items[i] == s) m->watched.items[i--] = m->watched.items[--m->watched.count];
    s->watched = false;
}

static void take_away(struct instance *instance)
{
    struct runtime *rt = instance->rt;
    struct manager *m = rt->manager;
    size_t length;
    log_debug("unit %s: collected", runtime_name(rt));
    if (rt->unit->kind == UNIT_KIND_SERVICE) forget(m, service_of(rt));
    job_done(rt);
    unit_handlers_done(rt);
    if (rt->type->done) rt->type->done(rt);
    trigger_clear(rt);
    if (m->logs) logs_keep_label(m->logs, unit_log_label(rt->unit, &length));
    instance_disconnect(m, instance->prototype, rt->unit->id);
    give_back(m, rt->unit->id);
    m->instances->count--;
    unit_instance_free(instance->made);
    free(instance);
    free(rt);
}

void instances_collect(struct manager *m)
{
    struct instances *all = m->instances;
    if (!all || !all->ending || m->events.count > m->events_head) return;
    if (m->shutdown.begun) return; /* one of them may be why, which is told at the end */
    for (struct instance **at = &all->ending, *instance; (instance = *at);) {
        struct runtime *rt = instance->rt;
        bool again = !runtime_is_down(rt) || rt->job.type != JOB_NONE; /* somebody has started it meanwhile */
        if (!again && (rt->job.queued || rt->in_checks || is_cause(rt) || has_processes(rt))) {
            at = &instance->next;
            continue;
        }
        *at = instance->next;
        instance->is_ending = false;
        if (!again) take_away(instance);
    }
}

/* ---- the whole ---- */

struct runtime *instance_find(const struct manager *m, const char *name)
{
    for (uint32_t id = m->instances ? m->instances->first : m->n_units; id < m->n_units; id++)
        if (strcmp(runtime_name(m->units[id]), name) == 0) return m->units[id];
    return NULL;
}

uint32_t instances_count(const struct manager *m)
{
    return m->instances ? m->instances->count : 0;
}

void instances_free(struct manager *m)
{
    struct instances *all = m->instances;
    if (!all) return;
    for (uint32_t id = all->first; id < m->n_units; id++)
        if (m->units[id] != &all->nobody) take_away(m->units[id]->instance);
    instance_rows_free(all);
    free(all);
    m->instances = NULL;
}
