/* unit/set.h - how a set of units is put together: for unit/load.c and for tests that build small sets by hand.
 *
 * Everyone else sees the finished, immutable set through unit/unit.h. A set is filled with unit_set_add() and the like
 * in any order and then sealed once, which sorts the units and gives them their ids. */
#pragma once
#include "base/attr.h"
#include "unit/unit.h"
struct arena;

/* The caller owns *ret_set. All functions that return int: 0 or -errno, -ENOMEM unless said otherwise. */
MUST_CHECK int unit_set_new(struct unit_set **ret_set);
/* Where every string and group of the set lives. */
struct arena *unit_set_arena(struct unit_set *set);
/* A unit with every group at its default. `name` and `path` are in the arena or static and the name is valid.
 * -EEXIST when the name is taken. */
MUST_CHECK int unit_set_add(struct unit_set *set, const char *name, const char *path, struct unit **ret_unit);
/* Gives the unit those groups of `settings` that differ from the default and from the groups other units have: equal
 * groups are stored once. */
MUST_CHECK int unit_set_store(struct unit_set *set, struct unit *unit, const struct unit_settings *settings);
/* The same in another arena, where only what differs from what the unit has already is stored. */
MUST_CHECK int unit_take_groups(struct arena *arena, struct unit *unit, const struct unit_settings *settings);
/* Where the units of the set run. */
struct machine *unit_set_machine(struct unit_set *set);
/* Makes `alias` another name of the unit `name`, or as absent as that name is. -EEXIST when the alias is taken. */
MUST_CHECK int unit_set_add_alias(struct unit_set *set, const char *alias, const char *name);
/* Takes a name without a unit. -EEXIST when it is taken already. */
MUST_CHECK int unit_set_add_absent(struct unit_set *set, const char *name, enum unit_absence why);
MUST_CHECK int unit_set_add_override(struct unit_set *set, const char *name, const char *base, const char *override);
/* Is the name taken: by a unit, an alias or an absence? */
bool unit_set_has_name(const struct unit_set *set, const char *name);
/* Units in the order they were added, while the set is not sealed. */
struct unit *unit_set_added(struct unit_set *set, uint32_t index);
/* Adds a name to a list of dependencies, once. `section` is a copy that nobody else has yet; `name` outlives it. */
MUST_CHECK int unit_relation_add(struct arena *arena, struct unit_section *section, enum unit_relation relation,
                                 const char *name);
/* Sorts by name, gives ids, fills in the Service= that sockets leave out. Once, at the end. */
MUST_CHECK int unit_set_seal(struct unit_set *set);
/* By id, borrowed; the array is in the arena. Of a set that was loaded to be described. */
void unit_set_give_details(struct unit_set *set, const struct unit_detail **details);
