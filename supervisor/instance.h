/* supervisor/instance.h - units that come and go while the set of units stays: instances of a template, one for each
 * connection of a socket with Accept=yes.
 *
 * An instance has an id behind those of the set, and a runtime in the manager's table like every other unit. Its edges
 * are those of its prototype (unit/template.h); its neighbours see it in rows of their own, kept here as long as there
 * are any (manager_edges()). When it is down and without a job it is taken away after the round, failed or not, and its
 * id is given to another. A free id below manager->n_units has a runtime that is down and hidden, so that whoever looks
 * at all units needs no care. Source: systemd.socket(5) Accept=, systemd.unit(5) CollectMode=. */
#pragma once
#include "base/attr.h"
#include "unit/graph.h"
struct manager;
struct runtime;
struct unit;
struct unit_instance;

/* Takes `made`, which is freed with the unit (and on failure). `prototype` is in the set. 0 or -errno. */
MUST_CHECK int instance_add(struct manager *manager, struct unit_instance *made, const struct unit *prototype,
                            struct runtime **ret_rt);
/* Its state or its job has changed: it may be over. */
void instance_check(struct runtime *rt);
/* Takes away what is over and not looked at by anybody any more. Between rounds, when nothing is under way. */
void instances_collect(struct manager *manager);
/* By name; NULL when there is none. */
struct runtime *instance_find(const struct manager *manager, const char *name);
uint32_t instances_count(const struct manager *manager);

/* What manager_edges() and manager_graph_id() ask while there are instances. */
struct id_span instances_edges(const struct manager *manager, uint32_t id, enum graph_edge edge);
uint32_t instance_prototype(const struct manager *manager, uint32_t id);
/* After the runtimes were freed. */
void instances_free(struct manager *manager);
