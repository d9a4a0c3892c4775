#include "unit/graph.h"
#include "unit/graph_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "unit/special.h"
#include "unit/unit.h"

struct edge {
    uint32_t from, to;
};

static const enum graph_edge inverse[GRAPH_EDGE_COUNT] = {
#define X(forward, backward) [GRAPH_##forward] = GRAPH_##backward,
    GRAPH_EDGES(X)
#undef X
};

enum graph_edge graph_inverse(enum graph_edge edge)
{
    return inverse[edge];
}

/* What a relation of a unit file becomes. `reversed`: the named unit is where the edge begins. */
static const struct {
    enum graph_edge edge;
    bool reversed, required, handler;
} relations[UNIT_RELATION_COUNT] = {
    [UNIT_REQUIRES] = { .edge = GRAPH_REQUIRES, .required = true },
    [UNIT_REQUISITE] = { .edge = GRAPH_REQUISITE, .required = true },
    [UNIT_WANTS] = { .edge = GRAPH_WANTS },
    [UNIT_BINDS_TO] = { .edge = GRAPH_BINDS_TO, .required = true },
    [UNIT_UPHOLDS] = { .edge = GRAPH_UPHOLDS },
    [UNIT_PROPAGATES_RELOAD_TO] = { .edge = GRAPH_PROPAGATES_RELOAD_TO },
    [UNIT_RELOAD_PROPAGATED_FROM] = { .edge = GRAPH_PROPAGATES_RELOAD_TO, .reversed = true },
    [UNIT_PROPAGATES_STOP_TO] = { .edge = GRAPH_PROPAGATES_STOP_TO },
    [UNIT_STOP_PROPAGATED_FROM] = { .edge = GRAPH_PROPAGATES_STOP_TO, .reversed = true },
    [UNIT_PART_OF] = { .edge = GRAPH_PART_OF },
    [UNIT_CONFLICTS] = { .edge = GRAPH_CONFLICTS },
    [UNIT_BEFORE] = { .edge = GRAPH_AFTER, .reversed = true },
    [UNIT_AFTER] = { .edge = GRAPH_AFTER },
    [UNIT_ON_FAILURE] = { .edge = GRAPH_ON_FAILURE, .handler = true },
    [UNIT_ON_SUCCESS] = { .edge = GRAPH_ON_SUCCESS, .handler = true },
};

/* Edges while they are collected, by forward kind. */
struct builder {
    struct graph *graph;
    VEC(struct edge) edges[GRAPH_EDGE_COUNT];
    struct edge *sorted[2]; /* room for the longest list */
    uint32_t *starts;       /* count + 1 */
};

static void builder_done(struct builder *b)
{
    for (enum graph_edge kind = 0; kind < GRAPH_EDGE_COUNT; kind++) vec_done(&b->edges[kind]);
    free(b->sorted[0]);
    free(b->sorted[1]);
    free(b->starts);
}

static int builder_add(struct builder *b, enum graph_edge kind, uint32_t from, uint32_t to)
{
    if (from == to || (kind == GRAPH_AFTER && graph_is_ignored(b->graph, from, to))) return 0;
    return vec_push(&b->edges[kind], ((struct edge){ from, to }));
}

static int graph_add_name(struct graph_names *names, uint32_t unit, const char *name)
{
    return vec_push(names, ((struct graph_name){ unit, name }));
}

static int builder_add_relations(struct builder *b, const struct unit *unit)
{
    for (enum unit_relation relation = 0; relation < UNIT_RELATION_COUNT; relation++) {
        if (relation == UNIT_JOINS_NAMESPACE_OF) continue; /* nothing follows from it */
        const struct unit_ref_list *list = &unit->unit->relations[relation];
        for (uint32_t i = 0; i < list->count; i++) {
            const struct unit *other = unit_set_find(b->graph->set, list->items[i].name);
            int r = 0;
            if (!other && unit_set_absence(b->graph->set, list->items[i].name) == UNIT_INERT) continue;
            if (!other && relations[relation].required)
                r = graph_add_name(&b->graph->missing, unit->id, list->items[i].name);
            else if (!other && relations[relation].handler)
                r = graph_add_name(&b->graph->unknown_handlers, unit->id, list->items[i].name);
            else if (other && relations[relation].reversed)
                r = builder_add(b, relations[relation].edge, other->id, unit->id);
            else if (other)
                r = builder_add(b, relations[relation].edge, unit->id, other->id);
            if (r < 0) return r;
        }
    }
    return 0;
}

/* systemd.socket(5), systemd.timer(5), systemd.path(5): ordered before the unit they activate. systemd.service(5),
 * Sockets=: the service wants the socket, is ordered after it and gets its descriptors, but is not started by it. */
static int builder_add_implicit(struct builder *b, const struct unit *unit)
{
    const char *stop;
    for (size_t i = 0; !unit->template && (stop = special_stop_of(unit, i)); i++) {
        const struct unit *target = unit_set_find(b->graph->set, stop);
        int r = target ? builder_add(b, GRAPH_WANTS, target->id, unit->id) : 0;
        if (r < 0) return r;
    }
    if (unit->kind == UNIT_KIND_SOCKET || unit->kind == UNIT_KIND_TIMER || unit->kind == UNIT_KIND_PATH) {
        const char *name = unit_triggered_name(unit);
        const struct unit *triggered = name ? unit_set_find(b->graph->set, name) : NULL;
        if (!triggered) return 0;
        int r = builder_add(b, GRAPH_TRIGGERS, unit->id, triggered->id);
        if (r == 0 && unit->kind == UNIT_KIND_SOCKET) r = builder_add(b, GRAPH_PASSES_TO, unit->id, triggered->id);
        return r < 0 ? r : builder_add(b, GRAPH_AFTER, triggered->id, unit->id);
    }
    for (uint32_t i = 0; i < unit->service->sockets.count; i++) {
        const struct unit *socket = unit_set_find(b->graph->set, unit->service->sockets.items[i].name);
        if (!socket) continue;
        int r = builder_add(b, GRAPH_PASSES_TO, socket->id, unit->id);
        if (r == 0) r = builder_add(b, GRAPH_WANTS, unit->id, socket->id);
        if (r == 0) r = builder_add(b, GRAPH_AFTER, unit->id, socket->id);
        if (r < 0) return r;
    }
    return 0;
}

static uint32_t edge_key(const struct edge *edge, bool by_to)
{
    return by_to ? edge->to : edge->from;
}

/* Stable counting sort by one end. Afterwards starts[u] is where the edges of u begin. */
static void sort_edges(const struct edge *in, struct edge *out, size_t n, bool by_to, uint32_t *starts, uint32_t count)
{
    memset(starts, 0, ((size_t)count + 1) * sizeof *starts);
    for (size_t i = 0; i < n; i++) starts[edge_key(&in[i], by_to) + 1]++;
    for (uint32_t u = 0; u < count; u++) starts[u + 1] += starts[u];
    for (size_t i = 0; i < n; i++) out[starts[edge_key(&in[i], by_to)]++] = in[i];
    for (uint32_t u = count; u > 0; u--) starts[u] = starts[u - 1];
    starts[0] = 0;
}

static size_t drop_duplicates(struct edge *edges, size_t n)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        if (kept == 0 || edges[kept - 1].from != edges[i].from || edges[kept - 1].to != edges[i].to)
            edges[kept++] = edges[i];
    return kept;
}

/* Rows from edges that are sorted by the end that owns the row. */
static int fill_rows(struct graph_rows *rows, const struct edge *edges, size_t n, bool by_to, uint32_t count)
{
    rows->offsets = calloc((size_t)count + 1, sizeof *rows->offsets);
    rows->ids = calloc(n, sizeof *rows->ids);
    if (!rows->offsets || !rows->ids) return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        rows->offsets[edge_key(&edges[i], by_to) + 1]++;
        rows->ids[i] = edge_key(&edges[i], !by_to);
    }
    for (uint32_t u = 0; u < count; u++) rows->offsets[u + 1] += rows->offsets[u];
    return 0;
}

static int builder_finish_kind(struct builder *b, enum graph_edge kind)
{
    size_t n = b->edges[kind].count;
    uint32_t count = b->graph->count;
    if (n == 0) return 0;
    sort_edges(b->edges[kind].items, b->sorted[0], n, true, b->starts, count);
    sort_edges(b->sorted[0], b->sorted[1], n, false, b->starts, count);
    n = drop_duplicates(b->sorted[1], n);
    int r = fill_rows(&b->graph->rows[kind], b->sorted[1], n, false, count);
    if (r < 0) return r;
    sort_edges(b->sorted[1], b->sorted[0], n, true, b->starts, count);
    return fill_rows(&b->graph->rows[inverse[kind]], b->sorted[0], n, true, count);
}

static int builder_finish(struct builder *b)
{
    size_t longest = 0;
    for (enum graph_edge kind = 0; kind < GRAPH_EDGE_COUNT; kind++) longest = MAX_OF(longest, b->edges[kind].count);
    if (longest >= UINT32_MAX) return -ENOMEM;
    if (longest == 0) return 0;
    b->sorted[0] = calloc(longest, sizeof *b->sorted[0]);
    b->sorted[1] = calloc(longest, sizeof *b->sorted[1]);
    b->starts = calloc((size_t)b->graph->count + 1, sizeof *b->starts);
    if (!b->sorted[0] || !b->sorted[1] || !b->starts) return -ENOMEM;
    int r = 0;
    for (enum graph_edge kind = 0; r == 0 && kind < GRAPH_EDGE_COUNT; kind++) r = builder_finish_kind(b, kind);
    return r;
}

static int graph_collect(struct graph *graph)
{
    __attribute__((cleanup(builder_done))) struct builder b = { .graph = graph };
    for (uint32_t id = 0; id < graph->count; id++) {
        const struct unit *unit = unit_set_get(graph->set, id);
        int r = builder_add_relations(&b, unit);
        if (r == 0) r = builder_add_implicit(&b, unit);
        if (r < 0) return r;
    }
    return builder_finish(&b);
}

static void graph_forget(struct graph *graph)
{
    for (enum graph_edge kind = 0; kind < GRAPH_EDGE_COUNT; kind++) {
        free(graph->rows[kind].offsets);
        free(graph->rows[kind].ids);
        graph->rows[kind] = (struct graph_rows){ NULL, NULL };
    }
    free(graph->order);
    graph->order = NULL;
    graph->order_count = 0;
    graph->cycle_ids.count = graph->cycles.count = graph->missing.count = graph->unknown_handlers.count = 0;
}

/* Edges and order. A cycle that can be broken is, and what then still is one is looked for again, so often at most. */
#define ROUNDS_MAX 64
static int graph_order_units(struct graph *graph)
{
    for (unsigned round = 0;; round++) {
        bool broken = false;
        int r = graph_collect(graph);
        if (r == 0) r = graph_find_order(graph);
        if (r == 0 && round < ROUNDS_MAX && graph->cycles.count > 0) r = graph_break_cycles(graph, &broken);
        if (r < 0 || !broken) return r;
        graph_forget(graph);
    }
}

int graph_build(const struct unit_set *set, struct graph **ret_graph)
{
    AUTO(graph_free) struct graph *graph = calloc(1, sizeof *graph);
    if (!graph) return -ENOMEM;
    graph->set = set;
    graph->count = unit_set_count(set);
    int r = graph_order_units(graph);
    if (r == 0) r = graph_find_missing(graph);
    if (r == 0) r = graph_find_reasons(graph);
    if (r < 0) return r;
    *ret_graph = TAKE(graph);
    return 0;
}

void graph_free(struct graph *graph)
{
    if (!graph) return;
    graph_forget(graph);
    vec_done(&graph->ignored_ids);
    vec_done(&graph->ignored);
    vec_done(&graph->cycle_ids);
    vec_done(&graph->cycles);
    vec_done(&graph->missing);
    vec_done(&graph->unknown_handlers);
    free(graph->missing_via);
    free(graph->reasons);
    free(graph);
}

struct id_span graph_edges(const struct graph *graph, uint32_t unit, enum graph_edge edge)
{
    const struct graph_rows *rows = &graph->rows[edge];
    if (!rows->offsets) return (struct id_span){ NULL, 0 };
    return (struct id_span){ rows->ids + rows->offsets[unit], rows->offsets[unit + 1] - rows->offsets[unit] };
}

const struct graph_name *graph_names_of(const struct graph_names *names, uint32_t unit, size_t *ret_count)
{
    size_t low = 0, high = names->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (names->items[middle].unit < unit)
            low = middle + 1;
        else
            high = middle;
    }
    size_t count = 0;
    while (low + count < names->count && names->items[low + count].unit == unit) count++;
    if (ret_count) *ret_count = count;
    return count > 0 ? &names->items[low] : NULL;
}

const char *graph_missing_requirement(const struct graph *graph, uint32_t unit, uint32_t *ret_via)
{
    uint32_t via = graph->missing_via ? graph->missing_via[unit] : NO_UNIT;
    if (via == NO_UNIT) return NULL;
    if (ret_via) *ret_via = via;
    const struct graph_name *missing = graph_names_of(&graph->missing, via, NULL);
    return missing ? missing->name : NULL;
}

const char *graph_unknown_handler(const struct graph *graph, uint32_t unit, size_t index)
{
    size_t count;
    const struct graph_name *names = graph_names_of(&graph->unknown_handlers, unit, &count);
    return index < count ? names[index].name : NULL;
}

struct id_span graph_order(const struct graph *graph)
{
    return (struct id_span){ graph->order, graph->order_count };
}

size_t graph_cycle_count(const struct graph *graph)
{
    return graph->cycles.count;
}

struct id_span graph_cycle(const struct graph *graph, size_t index)
{
    const struct graph_cycle *cycle = &graph->cycles.items[index];
    return (struct id_span){ graph->cycle_ids.items + cycle->first, cycle->count };
}

enum start_reason graph_start_reason(const struct graph *graph, uint32_t unit)
{
    return (enum start_reason)graph->reasons[unit];
}
