/* unit/property.h - the properties of a unit, with the names and formats of `systemctl show`.
 *
 * A table (unit/properties_*.def) says for each property where its value lies in struct unit_settings, or how it is
 * made, and which shape it has; a shape prints it in two forms: as text, as systemctl(1) does, and as JSON, in the
 * shape of systemd's bus interface (org.freedesktop.systemd1(5): times in microseconds, 18446744073709551615 for
 * infinity, modes and signals as numbers, tuples as arrays). Only what unit files say is here; the state of a running
 * unit is not. Source: org.freedesktop.systemd1(5), systemctl(1) "show"; the observed output of systemd 252. */
#pragma once
#include "base/attr.h"
#include "base/str.h"
#include "unit/unit.h"

struct property;
/* What a value is taken from. The set may be NULL for properties that are settings. */
struct property_context {
    const struct unit *unit;
    const struct unit_set *set;
    const char *root; /* of the set; is left out of the paths of its files. NULL: "/" */
};

/* Between the items of a list that `systemctl show` prints as several lines "NAME=ITEM" (Listen=, ExecStart=). */
#define PROPERTY_NEXT_LINE '\x1e'

/* The properties that units of the kind have: group by group, sorted by name within a group. */
size_t property_count(enum unit_kind kind);
const struct property *property_get(enum unit_kind kind, size_t index);
/* NULL when units of the kind have none of that name. */
const struct property *property_find(enum unit_kind kind, const char *name);
const char *property_name(const struct property *property);
/* Is it such a list of lines? An empty one then has no line at all. */
bool property_is_lines(const struct property *property);

/* Both append; 0 or -ENOMEM. The text is what follows "NAME=", without the newline. */
MUST_CHECK int property_text(const struct property *property, const struct property_context *context, struct str *out);
MUST_CHECK int property_json(const struct property *property, const struct property_context *context, struct str *out);
