/* What `show` wants to know of each unit: its names, its drop-ins, and all dependencies, both ways. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "unit/load_internal.h"

static const enum unit_dependency inverse[UNIT_DEPENDENCY_COUNT] = {
#define X(enumerator, property, other) [UNIT_DEPENDENCY_##enumerator] = UNIT_DEPENDENCY_##other,
    UNIT_DEPENDENCIES(X)
#undef X
};
static const char *const properties[UNIT_DEPENDENCY_COUNT] = {
#define X(enumerator, property, other) [UNIT_DEPENDENCY_##enumerator] = property,
    UNIT_DEPENDENCIES(X)
#undef X
};

struct edge {
    uint32_t from, to;
    enum unit_dependency kind;
};
struct edges {
    struct edge *items;
    size_t count, capacity;
};

static int add_edge(struct loader *loader, struct edges *edges, const struct unit *from, enum unit_dependency kind,
                    const char *name)
{
    const struct unit *to = unit_set_find(loader->set, name);
    if (!to || to == from) return 0;
    int r = vec_push(edges, ((struct edge){ from->id, to->id, kind }));
    return r < 0 ? r : vec_push(edges, ((struct edge){ to->id, from->id, inverse[kind] }));
}

/* UNIT_DEPENDENCY_COUNT when a relation has no property of its own. */
static enum unit_dependency dependency_of(enum unit_relation relation)
{
    enum unit_dependency kind = 0;
    while (kind < UNIT_DEPENDENCY_COUNT && strcmp(properties[kind], unit_relation_name(relation)) != 0) kind++;
    return kind;
}

static int add_unit_edges(struct loader *loader, struct edges *edges, const struct unit *unit,
                          const enum unit_dependency *kinds)
{
    const char *trigger;
    int r = 0;
    for (enum unit_relation relation = 0; relation < UNIT_RELATION_COUNT; relation++) {
        const struct unit_ref_list *list = &unit->unit->relations[relation];
        for (uint32_t i = 0; r == 0 && i < list->count && kinds[relation] < UNIT_DEPENDENCY_COUNT; i++)
            r = add_edge(loader, edges, unit, kinds[relation], list->items[i].name);
    }
    if (r == 0 && unit->resource->slice && unit->load_state == UNIT_STATE_LOADED)
        r = add_edge(loader, edges, unit, UNIT_DEPENDENCY_IN_SLICE, unit->resource->slice);
    for (uint32_t i = 0; r == 0 && i < unit->service->sockets.count; i++) { /* systemd.service(5), Sockets= */
        const char *socket = unit->service->sockets.items[i].name;
        r = add_edge(loader, edges, unit, UNIT_DEPENDENCY_TRIGGERED_BY, socket);
        if (r == 0) r = add_edge(loader, edges, unit, UNIT_DEPENDENCY_WANTS, socket);
        if (r == 0) r = add_edge(loader, edges, unit, UNIT_DEPENDENCY_AFTER, socket);
    }
    if (r < 0 || unit->cut_short) return r;
    r = load_trigger(loader, unit, &trigger);
    if (r == 0 && trigger) r = add_edge(loader, edges, unit, UNIT_DEPENDENCY_TRIGGERS, trigger);
    if (r == 0 && trigger) r = add_edge(loader, edges, unit, UNIT_DEPENDENCY_BEFORE, trigger);
    return r;
}

static int compare_edges(const void *a, const void *b)
{
    const struct edge *x = a, *y = b;
    if (x->from != y->from) return x->from < y->from ? -1 : 1;
    if (x->kind != y->kind) return x->kind < y->kind ? -1 : 1;
    return (x->to > y->to) - (x->to < y->to);
}

/* The names of the units at the other ends. Ids are in the order of names. */
static int fill_list(struct loader *loader, const struct edge *edges, size_t count, struct text_list *list)
{
    list->items = arena_alloc(unit_set_arena(loader->set), count * sizeof *list->items);
    if (!list->items) return -ENOMEM;
    for (size_t i = 0; i < count; i++)
        if (i == 0 || edges[i].to != edges[i - 1].to)
            list->items[list->count++] = unit_set_get(loader->set, edges[i].to)->name;
    list->capacity = (uint32_t)count;
    return 0;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int fill_names(struct loader *loader, const struct unit *unit, struct unit_detail *detail)
{
    const char *const *aliases;
    size_t count = unit_set_aliases(loader->set, unit, &aliases);
    const char **names = arena_alloc(unit_set_arena(loader->set), (count + 2) * sizeof *names);
    if (!names) return -ENOMEM;
    for (size_t i = 0; i < count; i++) names[i] = aliases[i];
    names[count] = unit->name;
    qsort(names, count + 1, sizeof *names, compare_names);
    detail->names = names;
    return 0;
}

static int fill_details(struct loader *loader, struct edges *edges, struct unit_detail *details)
{
    if (edges->count > 0) qsort(edges->items, edges->count, sizeof *edges->items, compare_edges);
    for (size_t first = 0, end; first < edges->count; first = end) {
        const struct edge *edge = &edges->items[first];
        for (end = first + 1; end < edges->count; end++)
            if (edges->items[end].from != edge->from || edges->items[end].kind != edge->kind) break;
        int r = fill_list(loader, edge, end - first, &details[edge->from].dependencies[edge->kind]);
        if (r < 0) return r;
    }
    return 0;
}

static const char *const no_paths[] = { NULL };

int load_describe(struct loader *loader)
{
    struct arena *arena = unit_set_arena(loader->set);
    uint32_t count = unit_set_count(loader->set);
    struct unit_detail *details = arena_alloc(arena, (size_t)(count + 1) * sizeof *details);
    const struct unit_detail **by_id = arena_alloc(arena, (size_t)(count + 1) * sizeof(struct unit_detail *));
    struct edges edges = VEC_EMPTY;
    enum unit_dependency kinds[UNIT_RELATION_COUNT];
    int r = details && by_id ? 0 : -ENOMEM;
    for (enum unit_relation relation = 0; relation < UNIT_RELATION_COUNT; relation++)
        kinds[relation] = dependency_of(relation);
    for (uint32_t id = 0; r == 0 && id < count; id++) {
        const struct unit *unit = unit_set_get(loader->set, id);
        r = add_unit_edges(loader, &edges, unit, kinds);
        if (r == 0) r = fill_names(loader, unit, &details[id]);
        details[id].dropins = no_paths;
        by_id[id] = &details[id];
    }
    for (size_t i = 0; r == 0 && i < loader->dropins_of.count; i++)
        details[loader->dropins_of.items[i].unit->id].dropins = loader->dropins_of.items[i].paths;
    if (r == 0) r = fill_details(loader, &edges, details);
    vec_done(&edges);
    if (r == 0) unit_set_give_details(loader->set, by_id);
    return r;
}
