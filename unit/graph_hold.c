#include "unit/graph_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "unit/special.h"
#include "unit/unit.h"

/* A queue of units, each of which enters it once. */
struct queue {
    uint32_t *ids, head, tail;
};

static int queue_init(struct queue *queue, uint32_t count)
{
    *queue = (struct queue){ calloc(MAX_OF(count, 1u), sizeof *queue->ids), 0, 0 };
    return queue->ids ? 0 : -ENOMEM;
}

static void queue_done(struct queue *queue)
{
    free(queue->ids);
}

/* S43: what requires a unit that cannot start cannot start either, so the missing names spread backwards, nearest
 * first; one breadth-first walk from all of them together. */
int graph_find_missing(struct graph *graph)
{
    static const enum graph_edge requirers[] = { GRAPH_REQUIRED_BY, GRAPH_BOUND_BY, GRAPH_REQUISITE_OF };
    if (graph->missing.count == 0) return 0;
    __attribute__((cleanup(queue_done))) struct queue queue;
    int r = queue_init(&queue, graph->count);
    if (r < 0) return r;
    graph->missing_via = calloc(graph->count, sizeof *graph->missing_via);
    if (!graph->missing_via) return -ENOMEM;
    memset(graph->missing_via, 0xff, graph->count * sizeof *graph->missing_via);
    for (size_t i = 0; i < graph->missing.count; i++) {
        uint32_t unit = graph->missing.items[i].unit;
        if (graph->missing_via[unit] != NO_UNIT) continue;
        graph->missing_via[unit] = unit;
        queue.ids[queue.tail++] = unit;
    }
    while (queue.head < queue.tail) {
        uint32_t unit = queue.ids[queue.head++];
        for (size_t kind = 0; kind < COUNT_OF(requirers); kind++) {
            struct id_span span = graph_edges(graph, unit, requirers[kind]);
            for (uint32_t i = 0; i < span.count; i++) {
                if (graph->missing_via[span.ids[i]] != NO_UNIT) continue;
                graph->missing_via[span.ids[i]] = graph->missing_via[unit];
                queue.ids[queue.tail++] = span.ids[i];
            }
        }
    }
    return 0;
}

static enum start_reason trigger_reason(const struct graph *graph, uint32_t unit)
{
    uint32_t trigger = graph_edges(graph, unit, GRAPH_TRIGGERED_BY).ids[0];
    enum unit_kind kind = unit_set_get(graph->set, trigger)->kind;
    if (kind == UNIT_KIND_TIMER) return HELD_FOR_TIMER;
    return kind == UNIT_KIND_PATH ? HELD_FOR_PATH : HELD_FOR_SOCKET;
}

/* Why a unit would not start by itself (D6: in the native directories every other unit does, under systemd's rules only
 * the goal). */
static enum start_reason own_reason(const struct graph *graph, const struct unit *unit)
{
    if (unit->goal) return START_AT_BOOT;
    if (unit->builtin || special_is_for_signal(unit->name) || special_is_for_stop(unit->name)) return HELD_BUILTIN;
    if (graph_edges(graph, unit->id, GRAPH_TRIGGERED_BY).count > 0) return trigger_reason(graph, unit->id);
    if (graph_edges(graph, unit->id, GRAPH_ON_FAILURE_OF).count > 0) return HELD_FOR_HANDLER;
    if (graph_edges(graph, unit->id, GRAPH_ON_SUCCESS_OF).count > 0) return HELD_FOR_HANDLER;
    if (unit->systemd) return HELD_UNWANTED;
    if (special_stop_of(unit, 0)) return HELD_FOR_STOP;
    return unit->instance ? HELD_INSTANCE : START_AT_BOOT;
}

/* Of systemd's units, many are in the set only because somebody is ordered after them. What is held for one that does
 * not start is not held for it. */
static enum start_reason final_reason(const struct graph *graph, uint32_t id)
{
    static const enum graph_edge edges[] = { GRAPH_TRIGGERED_BY, GRAPH_ON_FAILURE_OF, GRAPH_ON_SUCCESS_OF };
    enum start_reason reason = (enum start_reason)graph->reasons[id];
    if (reason < HELD_FOR_SOCKET || reason > HELD_FOR_HANDLER) return reason;
    if (!unit_set_get(graph->set, id)->systemd) return reason;
    for (size_t kind = 0; kind < COUNT_OF(edges); kind++) {
        struct id_span span = graph_edges(graph, id, edges[kind]);
        for (uint32_t i = 0; i < span.count; i++)
            if (graph->reasons[span.ids[i]] == START_AT_BOOT) return reason;
    }
    return HELD_UNWANTED;
}

/* D16: what a starting unit requires or wants starts with it, whoever else names it. */
int graph_find_reasons(struct graph *graph)
{
    static const enum graph_edge pulls[] = { GRAPH_REQUIRES, GRAPH_WANTS, GRAPH_BINDS_TO, GRAPH_UPHOLDS };
    __attribute__((cleanup(queue_done))) struct queue queue;
    int r = queue_init(&queue, graph->count);
    if (r < 0) return r;
    graph->reasons = calloc(MAX_OF(graph->count, 1u), sizeof *graph->reasons);
    if (!graph->reasons) return -ENOMEM;
    for (uint32_t id = 0; id < graph->count; id++) {
        graph->reasons[id] = (uint8_t)own_reason(graph, unit_set_get(graph->set, id));
        if (graph->reasons[id] == START_AT_BOOT) queue.ids[queue.tail++] = id;
    }
    while (queue.head < queue.tail) {
        uint32_t unit = queue.ids[queue.head++];
        for (size_t kind = 0; kind < COUNT_OF(pulls); kind++) {
            struct id_span span = graph_edges(graph, unit, pulls[kind]);
            for (uint32_t i = 0; i < span.count; i++) {
                if (graph->reasons[span.ids[i]] == START_AT_BOOT) continue;
                graph->reasons[span.ids[i]] = START_AT_BOOT;
                queue.ids[queue.tail++] = span.ids[i];
            }
        }
    }
    for (uint32_t id = 0; id < graph->count; id++) graph->reasons[id] = (uint8_t)final_reason(graph, id);
    return 0;
}
