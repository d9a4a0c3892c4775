/* supervisor/child_directory.h - RuntimeDirectory= and the like, made by the child before it gives up its rights.
 *
 * Made here and not by PID 1: /var/lib may be a volume whose server does not answer, and then only this unit waits.
 * Source: systemd.exec(5) "RuntimeDirectory=, StateDirectory=, ...". */
#pragma once
#include "base/attr.h"

struct child_directory;
/* Makes below/path with its parents (0755, ours), sets mode and owner. Symbolic links are followed where only root or
 * we could have put them, never in the last component. A directory of another owner is handed over with all that is in
 * it (systemd does so when User= was changed). `scratch` has CHILD_SCRATCH_SIZE bytes. 0 or -errno; -ELOOP: a link
 * that is not to be trusted, or a tree deeper than 64 levels. */
int child_make_directory(const struct child_directory *directory, void *scratch);
