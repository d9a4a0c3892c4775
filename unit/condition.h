/* unit/condition.h - the parts of a Condition...= or Assert...= assignment.
 *
 * Source: systemd.unit(5) "CONDITIONS AND ASSERTS" and what systemd 252 accepts: "|" comes before "!"; blanks may stand
 * behind either in front of a text, but not of a path. */
#pragma once
#include "base/attr.h"
#include "unit/settings.h"

/* Which one "ConditionX" or "AssertX" (`length` bytes) is; false: none. */
bool condition_find(const char *directive, size_t length, enum condition_kind *ret_kind, bool *ret_is_assert);
/* Its parameter is an absolute path. */
bool condition_takes_path(enum condition_kind kind);
/* Reads the prefixes of a value into c->trigger and c->negate (c->kind is given); what stands behind them. */
const char *condition_read_prefixes(const char *text, struct condition *c);
/* "/a//./b/" becomes "/a/b", in place. */
void condition_simplify_path(char *path);
