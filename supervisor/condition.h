/* supervisor/condition.h - Condition...= and Assert...= of a unit, looked at again at every start (K99).
 *
 * All plain ones must hold and, when there are triggering ones ("|"), at least one of those.
 * Source: systemd.unit(5) "CONDITIONS AND ASSERTS"; SEED.md S19, S37. */
#pragma once
#include "base/attr.h"
#include "base/str.h"
#include <sys/types.h>

struct unit;
struct condition_context {
    char *const *environ;
    uid_t uid;
};
/* No path in them can make whoever looks wait: local_path_is() vouches for all. */
bool conditions_are_local(const struct unit *unit);
/* 1: all hold. 0: one does not; *ret_reason is the text for `unit U: skipped (REASON)` and *ret_is_assert says whether
 * an Assert...= failed (the start fails then). -ENOMEM. */
MUST_CHECK int conditions_hold(const struct unit *unit, const struct condition_context *context, struct str *ret_reason,
                               bool *ret_is_assert);
