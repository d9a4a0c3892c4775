/* Ordering cycles among units of systemd's search path: one order of each is left out, so that the rest can be kept. */
#include "unit/graph_internal.h"

#include <string.h>

#include "unit/unit.h"

/* Did a unit file write that `later` comes after `earlier`? */
static bool is_written(const struct graph *graph, const struct unit *later, const struct unit *earlier)
{
    const struct unit_ref_list *after = &later->unit->relations[UNIT_AFTER];
    const struct unit_ref_list *before = &earlier->unit->relations[UNIT_BEFORE];
    for (uint32_t i = 0; i < after->count; i++)
        if (after->items[i].origin.file && unit_set_find(graph->set, after->items[i].name) == earlier) return true;
    for (uint32_t i = 0; i < before->count; i++)
        if (before->items[i].origin.file && unit_set_find(graph->set, before->items[i].name) == later) return true;
    return false;
}

/* How much would be lost with an order; 3 is never given up. */
static unsigned worth(const struct graph *graph, uint32_t later_id, uint32_t earlier_id)
{
    const struct unit *later = unit_set_get(graph->set, later_id), *earlier = unit_set_get(graph->set, earlier_id);
    struct id_span triggers = graph_edges(graph, earlier_id, GRAPH_TRIGGERS);
    bool systemd = later->systemd || earlier->systemd;
    for (uint32_t i = 0; i < triggers.count; i++)
        if (triggers.ids[i] == later_id) return 3;
    if (is_written(graph, later, earlier)) return systemd ? 2 : 3;
    return later->kind == UNIT_KIND_TARGET ? 0 : 1; /* a target comes after what it wants */
}

static int break_cycle(struct graph *graph, struct id_span cycle, bool *ret_broken)
{
    struct graph_ignored ignored = { .first = (uint32_t)graph->ignored_ids.count, .count = cycle.count };
    unsigned least = 3;
    for (uint32_t i = 0; i < cycle.count; i++) {
        uint32_t later = cycle.ids[i], earlier = cycle.ids[(i + 1) % cycle.count];
        unsigned loss = worth(graph, later, earlier);
        if (loss >= least) continue;
        least = loss;
        ignored.later = later;
        ignored.earlier = earlier;
    }
    if (least == 3) return 0;
    for (uint32_t i = 0; i < cycle.count; i++) {
        int r = vec_push(&graph->ignored_ids, cycle.ids[i]);
        if (r < 0) return r;
    }
    *ret_broken = true;
    return vec_push(&graph->ignored, ignored);
}

int graph_break_cycles(struct graph *graph, bool *ret_broken)
{
    int r = 0;
    *ret_broken = false;
    for (size_t i = 0; r == 0 && i < graph->cycles.count; i++) {
        struct id_span cycle = graph_cycle(graph, i);
        bool systemd = false;
        for (uint32_t k = 0; k < cycle.count; k++) systemd |= unit_set_get(graph->set, cycle.ids[k])->systemd;
        if (systemd) r = break_cycle(graph, cycle, ret_broken);
    }
    return r;
}

bool graph_is_ignored(const struct graph *graph, uint32_t later, uint32_t earlier)
{
    for (size_t i = 0; i < graph->ignored.count; i++)
        if (graph->ignored.items[i].later == later && graph->ignored.items[i].earlier == earlier) return true;
    return false;
}

size_t graph_ignored_count(const struct graph *graph)
{
    return graph->ignored.count;
}

struct id_span graph_ignored_order(const struct graph *graph, size_t index, uint32_t *ret_later, uint32_t *ret_earlier)
{
    const struct graph_ignored *ignored = &graph->ignored.items[index];
    *ret_later = ignored->later;
    *ret_earlier = ignored->earlier;
    return (struct id_span){ graph->ignored_ids.items + ignored->first, ignored->count };
}
