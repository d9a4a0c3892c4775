/* unit/settings_units.h - [Timer], [Path], [Mount], [Automount], [Swap]: part of unit/settings.h, which includes it and
 * describes pointers and times. */
#pragma once
#include "base/attr.h"
#include "unit/settings_types.h"

struct timer_section {
    const char *unit; /* NULL: the service of the same stem */
    bool persistent;
};

struct path_section {
    const char *unit; /* NULL: the service of the same stem */
    bool make_directory;
};

/* Of mounts, automounts and swaps. */
struct mount_section {
    const char *what, *where, *type, *options;
};
