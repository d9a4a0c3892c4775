/* supervisor/instance_internal.h - what instance.c, which adds and takes away, and instance_edges.c, which everybody
 * asks, share. */
#pragma once
#include "base/vec.h"
#include "supervisor/instance.h"
#include "supervisor/unit_type.h"

/* One unit's neighbours along one kind of edge: those of the graph, and then the instances, sorted. */
struct row {
    struct row *next; /* of the same unit */
    enum graph_edge edge;
    uint32_t n_own; /* those of the graph */
    VEC(uint32_t) ids;
};

struct instance {
    struct unit_instance *made;
    uint32_t prototype;
    bool is_ending;        /* in the list of those to look at */
    struct instance *next; /* there */
    struct runtime *rt;
};

struct instances {
    uint32_t first;           /* id */
    uint32_t count;           /* of those that are there */
    struct row **rows;        /* by id of the set's units */
    struct instance *ending;  /* may be over */
    struct runtime nobody;    /* of the ids in between that are free */
    struct unit nobodys_unit; /* of a kind that no unit has */
};

/* Makes the instance a neighbour of its prototype's neighbours. 0, or -ENOMEM and it is nobody's. */
MUST_CHECK int instance_connect(struct manager *manager, uint32_t prototype, uint32_t id);
void instance_disconnect(struct manager *manager, uint32_t prototype, uint32_t id);
void instance_rows_free(struct instances *all);
