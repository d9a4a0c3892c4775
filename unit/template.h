/* unit/template.h - instances of a template that are made while the set is in use: one for each connection of a socket
 * with Accept=yes.
 *
 * For each such socket the set has a unit under the name of the template ("echo@.service"), the prototype. It never
 * runs: what the template requires, is ordered after and so on are the relations of the prototype, known and checked
 * when the set is loaded, and hold for all its instances. With it the set keeps the bytes of the template and of its
 * drop-ins, from which an instance is read anew with its own name in all specifiers, without touching a file.
 * A relation that names the instance itself (After=x@%i.service) cannot be had and is reported at load.
 * Source: systemd.socket(5) Accept=, systemd.unit(5) "SPECIFIERS". */
#pragma once
#include "base/attr.h"
#include "unit/unit.h"
struct diag_sink;

/* Stands for the instance where the prototype is read. */
#define TEMPLATE_INSTANCE "test-instance"

/* A unit in memory of its own, which borrows from the set of its prototype. */
struct unit_instance {
    struct arena *arena;
    struct unit unit; /* `id` is the owner's to give */
};

/* Reads the prototype's texts as "PREFIX@instance.service". 0; -EINVAL: the texts make no unit with this instance, and
 * the last error in `diags` says why, or the name is too long; -ENOMEM. The environment, host name and machine are
 * those of the load; the environment has to be there still. */
MUST_CHECK int unit_template_instantiate(const struct unit *prototype, const char *instance, struct diag_sink *diags,
                                         struct unit_instance **ret_instance);
void unit_instance_free(struct unit_instance *instance);
DEFINE_AUTO(struct unit_instance, unit_instance_free)
