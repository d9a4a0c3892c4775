/* cmd/container-init/place.h - the units that a command line names, loaded to be looked at and not to be run. */
#pragma once
#include "base/attr.h"
#include "base/str.h"
#include "cmd/container-init/options.h"
#include "unit/load.h"
#include "unit/unit.h"
#include <stdio.h>

struct diag_sink;

#define UNITS_DEFAULT   "/etc/container-init/units"
#define DROP_IN_DEFAULT "/etc/container-init.d"

#define PLACE_DIRECTORIES 3

/* The native directories of a command line, NULL-terminated, in `directories` (PLACE_DIRECTORIES). Those that nobody
 * named are the default ones, unless systemd's are asked for. */
void place_directories(const struct options *options, const char **directories);

/* Begins zeroed. */
struct place {
    struct options options;
    struct strlist names; /* as somebody typed them */
    struct strlist units; /* the names meant: "nginx" is nginx.service */
    struct diag_sink *diags;
    struct unit_set *set;
    bool globs; /* some of `units` are patterns */
};
void place_done(struct place *place);
/* Names -> units, and the set with these and what they pull in; all that the options find when there are no names or
 * there is a pattern. 0, -ENOMEM, or -EINVAL: a name is none, and `err` has been told why. */
MUST_CHECK int place_load(struct place *place, FILE *err);
/* Does the command line ask for this unit? */
bool place_asks_for(const struct place *place, const struct unit *unit);
