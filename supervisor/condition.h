/* supervisor/condition.h - Condition...= and Assert...= of a unit, looked at again at every start (K99).
 *
 * All plain ones must hold and, when there are triggering ones ("|"), at least one of those; conditions and assertions
 * are two such lists. Source: systemd.unit(5) "CONDITIONS AND ASSERTS"; SEED.md S19, S37. */
#pragma once
#include "base/attr.h"
#include "base/str.h"
#include "supervisor/condition_facts.h"

struct unit;
struct condition;
struct condition_list;

/* No path that looking at the unit's conditions touches can make whoever looks wait: local_path_is() vouches for all.
 */
bool conditions_are_local(const struct unit *unit, const struct condition_context *context);
/* 1: all hold. 0: one does not; *ret_reason is the text for `unit U: skipped (REASON)` and *ret_is_assert says whether
 * an Assert...= failed (the start fails then). -ENOMEM. */
MUST_CHECK int conditions_hold(const struct unit *unit, const struct condition_context *context, struct str *ret_reason,
                               bool *ret_is_assert);

/* One of them, "!" applied, "|" not. 1: holds, 0: does not, -errno: that cannot be told, which counts as does not. */
MUST_CHECK int condition_test(const struct condition *c, const struct condition_context *context);
/* Appends it as it would be written in a unit: "ConditionPathExists=|!/x". */
MUST_CHECK int condition_format(const struct condition *c, struct str *out);
/* As systemd goes through a list: from the last written to the first, up to the first plain one that does not hold.
 * `tested` is told each result, condition_test()'s. 1: the assertions (or the conditions) hold, also when there are
 * none. 0: they do not. */
typedef void condition_tested_fn(const struct condition *c, int r, void *userdata);
int condition_list_test(const struct condition_list *list, bool asserts, const struct condition_context *context,
                        condition_tested_fn *tested, void *userdata);
