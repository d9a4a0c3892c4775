/* unit/graph.h - who orders, requires and triggers whom, as arrays of unit ids.
 *
 * Built once per set: names become ids, edges are stored forward and backward in compressed rows. Names that no unit
 * has are kept apart, by requirer. Everything is iterative and O(V+E) (K94: a 5,000-deep After= chain).
 * Implicit edges: a socket, timer or path is ordered before the unit it starts, and triggers it (D18); Requires=/Wants=
 * do not order (D1). Source: systemd.unit(5), systemd.socket(5), systemd.timer(5), systemd.path(5). */
#pragma once
#include "base/attr.h"
struct unit_set;
struct diag_sink;

/* clang-format off */
#define GRAPH_EDGES(X) /* enumerator and its inverse */ \
    X(AFTER, BEFORE)           X(BEFORE, AFTER)               /* both carry every ordering, whoever wrote it */      \
    X(REQUIRES, REQUIRED_BY)   X(REQUIRED_BY, REQUIRES)       X(REQUISITE, REQUISITE_OF) X(REQUISITE_OF, REQUISITE)  \
    X(WANTS, WANTED_BY)        X(WANTED_BY, WANTS)            X(BINDS_TO, BOUND_BY)      X(BOUND_BY, BINDS_TO)       \
    X(PART_OF, CONSISTS_OF)    X(CONSISTS_OF, PART_OF)        X(CONFLICTS, CONFLICTED_BY) X(CONFLICTED_BY, CONFLICTS) \
    X(ON_FAILURE, ON_FAILURE_OF) X(ON_FAILURE_OF, ON_FAILURE) X(ON_SUCCESS, ON_SUCCESS_OF) X(ON_SUCCESS_OF, ON_SUCCESS) \
    X(UPHOLDS, UPHELD_BY)      X(UPHELD_BY, UPHOLDS) \
    X(PROPAGATES_RELOAD_TO, RELOAD_PROPAGATED_FROM) X(RELOAD_PROPAGATED_FROM, PROPAGATES_RELOAD_TO) \
    X(PROPAGATES_STOP_TO, STOP_PROPAGATED_FROM) X(STOP_PROPAGATED_FROM, PROPAGATES_STOP_TO) \
    X(TRIGGERS, TRIGGERED_BY)  X(TRIGGERED_BY, TRIGGERS)      /* socket, timer or path -> the unit it starts */      \
    X(PASSES_TO, PASSED_BY)    X(PASSED_BY, PASSES_TO)        /* socket -> the service it starts, and all with Sockets= */
/* clang-format on */
enum graph_edge {
#define X(forward, backward) GRAPH_##forward,
    GRAPH_EDGES(X)
#undef X
        GRAPH_EDGE_COUNT
};

/* The edge the other way. */
enum graph_edge graph_inverse(enum graph_edge edge);

struct graph;
MUST_CHECK int graph_build(const struct unit_set *set, struct graph **ret_graph);
void graph_free(struct graph *graph);
DEFINE_AUTO(struct graph, graph_free)

/* The neighbours of a unit along one kind of edge, sorted by id, without duplicates and without the unit itself. */
struct id_span {
    const uint32_t *ids;
    uint32_t count;
};
struct id_span graph_edges(const struct graph *graph, uint32_t unit, enum graph_edge edge);

/* A name that is required (Requires=, BindsTo=, Requisite=) by this unit, directly or through others, and that no unit
 * has: the unit cannot start (S43). NULL when there is none. *ret_via (may be NULL) is the unit that names it. */
const char *graph_missing_requirement(const struct graph *graph, uint32_t unit, uint32_t *ret_via);
/* Names in OnFailure=/OnSuccess= of this unit that no unit has, for "OnFailure: unknown target U" (S16). */
const char *graph_unknown_handler(const struct graph *graph, uint32_t unit, size_t index);

/* Ids in an order in which every unit comes after what it is After=; ties by name. Valid without cycles. */
struct id_span graph_order(const struct graph *graph);
/* Ordering cycles: each is reported once as members in order, the first named again at the end by the caller. */
size_t graph_cycle_count(const struct graph *graph);
struct id_span graph_cycle(const struct graph *graph, size_t index);

/* Orders that are left out, because they were part of a cycle with a unit of systemd's search path: the set is not
 * refused for such a cycle, as systemd does not refuse to boot. Returns the cycle, in which *ret_later should have come
 * after *ret_earlier. Preferred is an order that no unit file asks for. */
size_t graph_ignored_count(const struct graph *graph);
struct id_span graph_ignored_order(const struct graph *graph, size_t index, uint32_t *ret_later, uint32_t *ret_earlier);

/* D16, D6: held back is a unit that only its socket, timer or path or an OnFailure=/OnSuccess= names, while nothing
 * that starts requires or wants it; a built-in target, an instance made from a template and a unit of systemd's search
 * path (struct unit) likewise. The goal starts whatever else it is. */
enum start_reason {
    START_AT_BOOT,
    HELD_FOR_SOCKET,
    HELD_FOR_TIMER,
    HELD_FOR_PATH,
    HELD_FOR_HANDLER,
    HELD_FOR_STOP,
    HELD_BUILTIN,
    HELD_INSTANCE,
    HELD_UNWANTED
};
enum start_reason graph_start_reason(const struct graph *graph, uint32_t unit);
