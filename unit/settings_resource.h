/* unit/settings_resource.h - systemd.resource-control(5): part of unit/settings.h, which includes it and describes
 * pointers and times. */
#pragma once
#include "base/attr.h"
#include "unit/settings_types.h"

struct resource_section {
    const char *slice;   /* NULL: the default of the kind */
    uint64_t memory_max; /* bytes, UINT64_MAX: no limit */
};
