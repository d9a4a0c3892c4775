/* unit/default_dependencies.h - the dependencies that systemd gives a unit without being told to.
 *
 * The default ones, which DefaultDependencies=no turns off: after sysinit.target and basic.target, before and in
 * conflict with shutdown.target, sockets before sockets.target, targets after what they pull in. The implicit ones,
 * which follow from other settings: the slice, the journal's socket where output goes there, dbus.socket for BusName=,
 * tmp.mount for PrivateTmp=, mount units of the paths in RequiresMountsFor= and WantsMountsFor=. What is triggered, and
 * Sockets=, are edges of the graph (unit/graph.h) and not here. Native units have none of this but mounts (SEED.md
 * D18). Source: "Implicit Dependencies" and "Default Dependencies" of systemd.service(5), .socket(5), .target(5),
 * .timer(5), .path(5), .slice(5), .mount(5), .automount(5), .swap(5), systemd.exec(5), systemd.resource-control(5), as
 * systemd 252 applies them. */
#pragma once
#include "base/attr.h"
#include "unit/set.h"

/* Adds what follows from the unit alone, to settings that are complete. 0 or -ENOMEM. */
MUST_CHECK int default_dependencies_add(struct arena *arena, const char *name, struct unit_settings *settings);
/* Adds the slice, which a unit that makes no sense as a whole does not get. Without `describe` only one that is asked
 * for by Slice= or the name of a slice: in a run, the default ones would hold everything and be nothing. */
MUST_CHECK int default_dependencies_add_slice(struct arena *arena, const char *name, struct unit_settings *settings,
                                              bool describe);
/* Adds what depends on other units, once all are there and before the set is sealed: what targets of systemd's search
 * path come after, and the mounts that any unit names. 0 or -ENOMEM. */
MUST_CHECK int default_dependencies_connect(struct unit_set *set);
