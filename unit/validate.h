/* unit/validate.h - rules across units and across directives of one unit, reported as diagnostics.
 *
 * cycles with their members (K38), sockets that clash on one address, native and proxy on one service (S38, D13),
 * missing requirements (S30, S43), handlers and services that do not exist, relations of a unit to itself or that
 * contradict each other, a proxy to its own listener, explicit RestartSec=0 without a limit (D8). Programs, users and
 * files are the linter's.
 * With a lint (unit/lint.h; NULL: none) the places that it has kept are named, and its rules across units looked at.
 * *ret_refused: the set cannot be run (a cycle, S38): exit 64 in run mode and in --validate alike (K32). */
#pragma once
#include "base/attr.h"
struct unit_set;
struct graph;
struct diag_sink;
struct lint;
MUST_CHECK int unit_set_validate_linted(const struct unit_set *set, const struct graph *graph, struct lint *lint,
                                        struct diag_sink *diags, bool *ret_refused);
MUST_CHECK int unit_set_validate(const struct unit_set *set, const struct graph *graph, struct diag_sink *diags,
                                 bool *ret_refused);
