/* unit/unit_paths.h - where systemd's system manager looks for unit files, in its order of precedence.
 *
 * Both /lib and /usr/lib are listed, whether or not one is a link to the other: systemd 252 of a distribution that was
 * built for a split /usr lists both, and the second one then shows the same files again, which changes nothing. Whoever
 * reads the directories passes over one that has been read.
 * Source: systemd.unit(5) "UNIT FILE LOAD PATH", systemd-analyze(1) unit-paths. */
#pragma once

/* Absolute paths, highest precedence first, ended by NULL. */
extern const char *const unit_paths_system[];
