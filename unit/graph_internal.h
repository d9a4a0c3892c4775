/* unit/graph_internal.h - what unit/graph.c, unit/graph_cycle.c, unit/graph_break.c and unit/graph_hold.c share. */
#pragma once
#include "base/attr.h"
#include "base/vec.h"
#include "unit/graph.h"

/* Compressed rows: the neighbours of unit u are ids[offsets[u] .. offsets[u + 1]). Both NULL when no unit has any. */
struct graph_rows {
    uint32_t *offsets, *ids;
};

struct graph_name {
    uint32_t unit;
    const char *name; /* borrowed from the set */
};
struct graph_names { /* sorted by unit, then as written; a VEC */
    struct graph_name *items;
    size_t count, capacity;
};

struct graph_cycle {
    uint32_t first, count; /* into cycle_ids */
};

/* An order that is left out, and the cycle it was part of. */
struct graph_ignored {
    uint32_t later, earlier;
    uint32_t first, count; /* into ignored_ids */
};

struct graph {
    const struct unit_set *set; /* borrowed */
    uint32_t count;             /* units */
    struct graph_rows rows[GRAPH_EDGE_COUNT];
    uint32_t *order, order_count;
    VEC(uint32_t) cycle_ids;
    VEC(struct graph_cycle) cycles;
    VEC(uint32_t) ignored_ids;
    VEC(struct graph_ignored) ignored;
    struct graph_names missing;          /* direct requirements that no unit has */
    struct graph_names unknown_handlers; /* OnFailure=, OnSuccess= */
    uint32_t *missing_via; /* per unit: the unit in `missing` it depends on, NO_UNIT; NULL when none is missing */
    uint8_t *reasons;      /* enum start_reason per unit */
};
#define NO_UNIT UINT32_MAX

/* The first of a unit's names, NULL when it has none; *ret_count may be NULL. */
const struct graph_name *graph_names_of(const struct graph_names *names, uint32_t unit, size_t *ret_count);
/* Fill in order and order_count, cycles. 0 or -ENOMEM, as the following. */
MUST_CHECK int graph_find_order(struct graph *graph);
MUST_CHECK int graph_find_missing(struct graph *graph);
MUST_CHECK int graph_find_reasons(struct graph *graph);
/* Chooses an order to leave out of each cycle that has a unit of systemd's search path; the graph is then to be built
 * again if *ret_broken. */
MUST_CHECK int graph_break_cycles(struct graph *graph, bool *ret_broken);
bool graph_is_ignored(const struct graph *graph, uint32_t later, uint32_t earlier);
