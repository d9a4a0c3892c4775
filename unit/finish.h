/* unit/finish.h - internal to unit/fragment_finish.c and its companions: a unit whose fragments have all been read. */
#pragma once
#include "base/attr.h"
#include "unit/fragment.h"

struct finish {
    struct arena *arena;
    const char *path; /* of the unit file */
    const struct fragment_context *context;
    struct unit_settings *settings;
    struct diag_sink *diags;
    bool refused, broken; /* broken: FRAGMENT_BROKEN */
};

/* systemd.unit(5), IgnoreOnIsolate=: what the kind has by default. */
bool kind_ignores_isolate(enum unit_kind kind);
/* Does Options= have the word? */
bool mount_has_option(const struct mount_section *mount, const char *word);
/* Is it on another machine? */
bool mount_is_network(const struct mount_section *mount);
/* Is it there before the system manager is, and left alone by it: /, /usr, the interfaces of the kernel? */
bool mount_is_extrinsic(const struct mount_section *mount);
/* Adds to requires_mounts_for what follows from other settings, and sorts it. 0 or -ENOMEM. */
MUST_CHECK int finish_mounts(struct finish *f);
