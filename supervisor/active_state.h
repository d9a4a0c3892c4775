/* supervisor/active_state.h - the six states that the rest of the world knows of a unit.
 *
 * Source: org.freedesktop.systemd1(5) ActiveState. */
#pragma once
#include "base/attr.h"

/* clang-format off */
#define ACTIVE_STATES(X) \
    X(INACTIVE, "inactive") X(ACTIVATING, "activating") X(ACTIVE, "active") X(RELOADING, "reloading") \
    X(DEACTIVATING, "deactivating") X(FAILED, "failed")
/* clang-format on */
enum active_state {
#define X(enumerator, text) ACTIVE_STATE_##enumerator,
    ACTIVE_STATES(X)
#undef X
        ACTIVE_STATE_COUNT
};
const char *active_state_name(enum active_state state);
