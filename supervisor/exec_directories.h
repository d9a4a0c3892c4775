/* supervisor/exec_directories.h - RuntimeDirectory=, StateDirectory=, CacheDirectory=, LogsDirectory= and
 * ConfigurationDirectory=: what the child has to make, and removal at the end of a run.
 *
 * Source: systemd.exec(5) "RuntimeDirectory=, ..." and "RuntimeDirectoryPreserve=". */
#pragma once
#include "base/attr.h"
#include "supervisor/exec_identity.h"
#include "supervisor/plan.h"

struct unit;
/* Fills in the plan's directories; the identity owns them, except ConfigurationDirectory=. 0 or -ENOMEM. */
MUST_CHECK int exec_directories_plan(struct exec_plan *plan, const struct exec_request *request,
                                     const struct exec_identity *identity);
/* "RuntimeDirectory=", by the stage of making it. */
const char *exec_directory_name(enum exec_stage stage);
/* At the end of a run: removes what RuntimeDirectory= names, with all that is in it, as RuntimeDirectoryPreserve= says.
 * `will_restart`: a restart follows, for which "restart" keeps it. No symbolic link is followed, no mount is entered,
 * and a directory on a file system that might not answer is left alone. 0, or the first -errno with *ret_path (may be
 * NULL) set to the directory's name below /run, borrowed from the unit; the others are removed all the same. */
int exec_directories_remove(const struct unit *unit, bool will_restart, const char **ret_path);
/* The same below another directory, for tests. */
int exec_directories_remove_below(const char *below, const struct unit *unit, bool will_restart, const char **ret_path);
