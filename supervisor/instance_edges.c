/* Who is whose neighbour while there are instances. */
#include "supervisor/instance_internal.h"

#include "supervisor/manager.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct row *find_row(const struct instances *all, uint32_t unit, enum graph_edge edge)
{
    struct row *row = all->rows[unit];
    while (row && row->edge != edge) row = row->next;
    return row;
}

struct id_span instances_edges(const struct manager *m, uint32_t id, enum graph_edge edge)
{
    const struct instances *all = m->instances;
    if (id >= all->first) return graph_edges(m->graph, instance_prototype(m, id), edge);
    const struct row *row = find_row(all, id, edge);
    return row ? (struct id_span){ row->ids.items, (uint32_t)row->ids.count } : graph_edges(m->graph, id, edge);
}

uint32_t instance_prototype(const struct manager *m, uint32_t id)
{
    return id < m->instances->first ? id : m->units[id]->instance->prototype;
}

static int row_add(struct manager *m, uint32_t unit, enum graph_edge edge, uint32_t id)
{
    struct instances *all = m->instances;
    struct row *row = find_row(all, unit, edge);
    if (!row) {
        struct id_span own = graph_edges(m->graph, unit, edge);
        row = calloc(1, sizeof *row);
        if (!row || vec_reserve(&row->ids, (size_t)own.count + 1) < 0) {
            free(row);
            return -ENOMEM;
        }
        if (own.count > 0) memcpy(row->ids.items, own.ids, own.count * sizeof *own.ids);
        row->ids.count = row->n_own = own.count;
        row->edge = edge;
        row->next = all->rows[unit];
        all->rows[unit] = row;
    }
    int r = vec_push(&row->ids, id);
    if (r < 0) return r;
    size_t at = row->ids.count - 1;
    for (; at > 0 && row->ids.items[at - 1] > id; at--) row->ids.items[at] = row->ids.items[at - 1];
    row->ids.items[at] = id;
    return 0;
}

static void row_remove(struct manager *m, uint32_t unit, enum graph_edge edge, uint32_t id)
{
    struct row *row = find_row(m->instances, unit, edge);
    size_t at = row ? row->n_own : 0;
    while (row && at < row->ids.count && row->ids.items[at] != id) at++;
    if (!row || at == row->ids.count) return;
    row->ids.count--;
    memmove(row->ids.items + at, row->ids.items + at + 1, (row->ids.count - at) * sizeof *row->ids.items);
    if (row->ids.count > row->n_own) return;
    struct row **link = &m->instances->rows[unit];
    while (*link != row) link = &(*link)->next;
    *link = row->next;
    vec_done(&row->ids);
    free(row);
}

void instance_disconnect(struct manager *m, uint32_t prototype, uint32_t id)
{
    for (enum graph_edge edge = 0; edge < GRAPH_EDGE_COUNT; edge++) {
        struct id_span span = graph_edges(m->graph, prototype, edge);
        for (uint32_t i = 0; i < span.count; i++) row_remove(m, span.ids[i], graph_inverse(edge), id);
    }
}

int instance_connect(struct manager *m, uint32_t prototype, uint32_t id)
{
    int r = 0;
    for (enum graph_edge edge = 0; r == 0 && edge < GRAPH_EDGE_COUNT; edge++) {
        struct id_span span = graph_edges(m->graph, prototype, edge);
        for (uint32_t i = 0; r == 0 && i < span.count; i++) r = row_add(m, span.ids[i], graph_inverse(edge), id);
    }
    if (r < 0) instance_disconnect(m, prototype, id);
    return r;
}

void instance_rows_free(struct instances *all)
{
    for (uint32_t id = 0; id < all->first; id++) {
        for (struct row *row = all->rows[id], *next; row; row = next) {
            next = row->next;
            vec_done(&row->ids);
            free(row);
        }
    }
    free(all->rows);
}
