/* unit/load_internal.h - what unit/load.c, unit/load_unit.c and unit/load_detail.c share. */
#pragma once
#include "base/attr.h"
#include "base/str.h"
#include "base/vec.h"
#include "unit/load.h"
#include "unit/machine.h"
#include "unit/search.h"
#include "unit/set.h"
#include "unit/template_internal.h"

struct unit_dropins {
    const struct unit *unit;
    const char *const *paths; /* NULL-terminated */
};

struct loader {
    const struct unit_load_options *options;
    const char *hostname;
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
    VEC(struct template_text) texts;              /* what was read for the unit, while `keeps_texts` */
    bool keeps_texts;
};

/* A unit file with its drop-ins and links -> a unit of the set, or an absence. `file` is NULL for what is built in, or
 * for what has no file and is described; `state` is what it then is. 0 or -ENOMEM. */
MUST_CHECK int load_add_unit(struct loader *loader, const struct search_file *file, const char *name, bool instance);
MUST_CHECK int load_add_stateless(struct loader *loader, const char *name, enum unit_load_state state);
/* The prototype of a template: `name` is its instance TEMPLATE_INSTANCE. */
MUST_CHECK int load_add_prototype(struct loader *loader, const struct search_file *file, const char *name,
                                  const char *template);
/* The settings alone, for their diagnostics. */
MUST_CHECK int load_check_file(struct loader *loader, const struct search_file *file, const char *name);

/* "x@.service", "y@i.service" -> "x@i.service", in the arena; `target` itself when either has no instance to give or
 * take. NULL when out of memory. */
const char *load_instantiate(struct loader *loader, const char *target, const char *name);

/* unit/load_template.c: a socket with Accept=yes gets the name of its template for its Service=, and the set the
 * prototype. 0 or -ENOMEM. */
MUST_CHECK int load_template(struct loader *loader, struct unit *socket);
/* The file of a name, and the name that the unit has in the end: links are followed from name to name, and an instance
 * without a file of its own has its template's. *ret_file is NULL when there is none. 0, -ELOOP, -ENOMEM. */
MUST_CHECK int load_resolve(struct loader *loader, const char *name, const char **ret_name,
                            const struct search_file **ret_file);

/* What a socket, timer, path or automount triggers: Service=, Unit=, or the unit of its own stem. *ret is NULL when
 * there is no such unit. 0 or -ENOMEM. */
MUST_CHECK int load_trigger(struct loader *loader, const struct unit *unit, const char **ret);

/* After everything was loaded and the set was sealed: what `show` wants to know. 0 or -ENOMEM. */
MUST_CHECK int load_describe(struct loader *loader);
