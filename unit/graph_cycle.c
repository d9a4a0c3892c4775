#include "unit/graph_internal.h"

#include <errno.h>
#include <stdlib.h>

/* In a big tangle only cycles through this many of its members are compared, which keeps the search linear. */
#define CYCLE_SOURCES_MAX 32
#define NO_COMPONENT      UINT32_MAX

/* Level of a unit: the length of the longest After= chain below it. Kahn's algorithm; returns how many units got a
 * level, the others are on a cycle or behind one and keep `waiting` > 0. */
static uint32_t find_levels(const struct graph *graph, uint32_t *waiting, uint32_t *levels, uint32_t *queue)
{
    uint32_t head = 0, tail = 0;
    for (uint32_t id = 0; id < graph->count; id++) {
        waiting[id] = graph_edges(graph, id, GRAPH_AFTER).count;
        if (waiting[id] == 0) queue[tail++] = id;
    }
    while (head < tail) {
        uint32_t id = queue[head++];
        struct id_span later = graph_edges(graph, id, GRAPH_BEFORE);
        for (uint32_t i = 0; i < later.count; i++) {
            levels[later.ids[i]] = MAX_OF(levels[later.ids[i]], levels[id] + 1);
            if (--waiting[later.ids[i]] == 0) queue[tail++] = later.ids[i];
        }
    }
    return tail;
}

/* Counting sort of the units that have a level, by level and then by id. `starts` has room for count + 1 levels. */
static void sort_by_level(struct graph *graph, const uint32_t *waiting, const uint32_t *levels, uint32_t *starts)
{
    for (uint32_t id = 0; id < graph->count; id++)
        if (waiting[id] == 0) starts[levels[id] + 1]++;
    for (uint32_t level = 0; level < graph->count; level++) starts[level + 1] += starts[level];
    for (uint32_t id = 0; id < graph->count; id++)
        if (waiting[id] == 0) graph->order[starts[levels[id]]++] = id;
}

/* ---- strongly connected components among the units without a level ---- */

struct tangle {
    struct graph *graph;
    const uint32_t *waiting;
    uint32_t *index, *low;            /* Tarjan's numbers, 0 is unseen */
    uint32_t *component;              /* per unit, NO_COMPONENT */
    uint32_t *members;                /* Tarjan's stack; the component found last is on top of it */
    uint32_t *path, *next;            /* the walk: units on it, and the next edge of each */
    uint32_t *stamp, *parent, *queue; /* the search for a short cycle */
    uint32_t *best;
    uint32_t n_members, n_seen, n_components, stamps;
};

static void tangle_done(struct tangle *t)
{
    uint32_t *arrays[] = { t->index, t->low,   t->component, t->members, t->path,
                           t->next,  t->stamp, t->parent,    t->queue,   t->best };
    for (size_t i = 0; i < COUNT_OF(arrays); i++) free(arrays[i]);
}

static int tangle_init(struct tangle *t, struct graph *graph, const uint32_t *waiting)
{
    *t = (struct tangle){ .graph = graph, .waiting = waiting };
    uint32_t **arrays[] = { &t->index, &t->low,   &t->component, &t->members, &t->path,
                            &t->next,  &t->stamp, &t->parent,    &t->queue,   &t->best };
    for (size_t i = 0; i < COUNT_OF(arrays); i++) {
        *arrays[i] = calloc(graph->count, sizeof **arrays[i]);
        if (!*arrays[i]) return -ENOMEM;
    }
    for (uint32_t id = 0; id < graph->count; id++) t->component[id] = NO_COMPONENT;
    return 0;
}

/* Breadth first along After= inside one component, from `source` until an edge leads back to it. Returns the length of
 * the cycle, whose last member is *ret_last and whose others follow from `parent`; 0 when none is shorter than `limit`.
 */
static uint32_t shortest_cycle(struct tangle *t, uint32_t source, uint32_t limit, uint32_t *ret_last)
{
    uint32_t head = 0, tail = 0, depth = 1, level_end = 1, stamp = ++t->stamps;
    t->queue[tail++] = source;
    t->stamp[source] = stamp;
    while (head < tail) {
        if (head == level_end) {
            level_end = tail;
            if (++depth >= limit) return 0;
        }
        uint32_t id = t->queue[head++];
        struct id_span span = graph_edges(t->graph, id, GRAPH_AFTER);
        for (uint32_t i = 0; i < span.count; i++) {
            uint32_t other = span.ids[i];
            if (other == source) {
                *ret_last = id;
                return depth;
            }
            if (t->component[other] != t->component[source] || t->stamp[other] == stamp) continue;
            t->stamp[other] = stamp;
            t->parent[other] = id;
            t->queue[tail++] = other;
        }
    }
    return 0;
}

/* Appends the cycle, turned so that the member whose name sorts first leads. */
static int record_cycle(struct graph *graph, const uint32_t *members, uint32_t count)
{
    uint32_t lead = 0;
    for (uint32_t i = 1; i < count; i++)
        if (members[i] < members[lead]) lead = i;
    struct graph_cycle cycle = { (uint32_t)graph->cycle_ids.count, count };
    int r = vec_push(&graph->cycles, cycle);
    for (uint32_t i = 0; r == 0 && i < count; i++) r = vec_push(&graph->cycle_ids, members[(lead + i) % count]);
    return r;
}

static int report_component(struct tangle *t, const uint32_t *members, uint32_t count)
{
    uint32_t length = 0;
    for (uint32_t i = 0; i < MIN_OF(count, CYCLE_SOURCES_MAX) && length != 2; i++) {
        uint32_t last, found = shortest_cycle(t, members[i], length > 0 ? length : UINT32_MAX, &last);
        if (found == 0) continue;
        length = found;
        for (uint32_t k = found; k > 0; k--, last = t->parent[last]) t->best[k - 1] = last;
    }
    return record_cycle(t->graph, t->best, length);
}

/* All edges of the unit on top of the path were walked: it may complete a component, and its number goes to the unit
 * before it. */
static int leave_unit(struct tangle *t, uint32_t depth)
{
    uint32_t id = t->path[depth];
    if (depth > 0) t->low[t->path[depth - 1]] = MIN_OF(t->low[t->path[depth - 1]], t->low[id]);
    if (t->low[id] != t->index[id]) return 0;
    uint32_t first = t->n_members;
    do t->component[t->members[--first]] = t->n_components;
    while (t->members[first] != id);
    t->n_components++;
    uint32_t count = t->n_members - first;
    t->n_members = first;
    return count > 1 ? report_component(t, t->members + first, count) : 0;
}

static void enter_unit(struct tangle *t, uint32_t id, uint32_t depth)
{
    t->index[id] = t->low[id] = ++t->n_seen;
    t->members[t->n_members++] = id;
    t->path[depth] = id;
    t->next[depth] = 0;
}

/* Tarjan's algorithm from one unit, with the path in an array instead of on the stack. */
static int walk_components(struct tangle *t, uint32_t root)
{
    uint32_t depth = 0;
    enter_unit(t, root, depth);
    for (;;) {
        uint32_t id = t->path[depth];
        struct id_span span = graph_edges(t->graph, id, GRAPH_AFTER);
        if (t->next[depth] == span.count) {
            int r = leave_unit(t, depth);
            if (r < 0 || depth == 0) return r;
            depth--;
            continue;
        }
        uint32_t other = span.ids[t->next[depth]++];
        if (t->waiting[other] == 0) continue;
        if (t->index[other] == 0)
            enter_unit(t, other, ++depth);
        else if (t->component[other] == NO_COMPONENT)
            t->low[id] = MIN_OF(t->low[id], t->index[other]);
    }
}

static int find_cycles(struct graph *graph, const uint32_t *waiting)
{
    __attribute__((cleanup(tangle_done))) struct tangle t;
    int r = tangle_init(&t, graph, waiting);
    for (uint32_t id = 0; r == 0 && id < graph->count; id++)
        if (waiting[id] > 0 && t.index[id] == 0) r = walk_components(&t, id);
    return r;
}

int graph_find_order(struct graph *graph)
{
    if (graph->count == 0) return 0;
    graph->order = calloc(graph->count, sizeof *graph->order);
    uint32_t *scratch = calloc((size_t)graph->count * 3 + 1, sizeof *scratch);
    uint32_t *waiting = scratch;
    int r = graph->order && scratch ? 0 : -ENOMEM;
    if (r == 0) {
        uint32_t *levels = scratch + graph->count, *starts = levels + graph->count;
        graph->order_count = find_levels(graph, waiting, levels, graph->order);
        sort_by_level(graph, waiting, levels, starts);
        if (graph->order_count < graph->count) r = find_cycles(graph, waiting);
    }
    free(scratch);
    return r;
}
