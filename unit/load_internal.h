/* unit/load_internal.h - what unit/load.c, unit/load_unit.c and unit/load_detail.c share. */
#pragma once
#include "base/attr.h"
#include "base/str.h"
#include "base/vec.h"
#include "unit/load.h"
#include "unit/machine.h"
#include "unit/search.h"
#include "unit/set.h"

struct unit_dropins {
    const struct unit *unit;
    const char *const *paths; /* NULL-terminated */
};

struct loader {
    const struct unit_load_options *options;
    const char *hostname;
    struct machine machine;
    struct diag_sink *diags;
    struct search *search;
    struct unit_set *set;
    struct unit_settings scratch;
    struct name_list names;                       /* of the unit that is being read, its own first */
    struct name_list dropins;                     /* read for it, where the set is described */
    struct name_list goals;                       /* what the run begins with under systemd's rules */
    bool aside;                                   /* what is loaded now only stands in an order, and is not to start */
    bool no_default;                              /* there is no default.target: multi-user.target has its name */
    VEC(const struct search_file *) instantiated; /* templates that have an instance, once per instance */
    VEC(struct unit_dropins) dropins_of;          /* of units that have any, where the set is described */
};

/* A unit file with its drop-ins and links -> a unit of the set, or an absence. `file` is NULL for what is built in, or
 * for what has no file and is described; `state` is what it then is. 0 or -ENOMEM. */
MUST_CHECK int load_add_unit(struct loader *loader, const struct search_file *file, const char *name, bool instance);
MUST_CHECK int load_add_stateless(struct loader *loader, const char *name, enum unit_load_state state);
/* The settings alone, for their diagnostics. */
MUST_CHECK int load_check_file(struct loader *loader, const struct search_file *file, const char *name);

/* "x@.service", "y@i.service" -> "x@i.service", in the arena; `target` itself when either has no instance to give or
 * take. NULL when out of memory. */
const char *load_instantiate(struct loader *loader, const char *target, const char *name);

/* What a socket, timer, path or automount triggers: Service=, Unit=, or the unit of its own stem. *ret is NULL when
 * there is no such unit. 0 or -ENOMEM. */
MUST_CHECK int load_trigger(struct loader *loader, const struct unit *unit, const char **ret);

/* After everything was loaded and the set was sealed: what `show` wants to know. 0 or -ENOMEM. */
MUST_CHECK int load_describe(struct loader *loader);
