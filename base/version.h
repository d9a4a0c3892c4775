/* base/version.h - which of two versions is newer, and the operators that ask for it.
 *
 * Source: the UAPI Group's Version Format Specification, which systemd-analyze(1) compare-versions follows;
 * systemd.unit(5) ConditionKernelVersion=, ConditionOSRelease=, ConditionMemory=. */
#pragma once
#include "base/attr.h"

/* < 0: `a` is older, 0: the same, > 0: newer. Digits count as numbers, "~" sorts before the end of the text; a byte
 * that is none of letter, digit, "-", ".", "~", "^" only separates. */
int version_compare(const char *a, const char *b);

enum compare {
    COMPARE_NONE, /* no operator */
    COMPARE_LOWER,
    COMPARE_LOWER_OR_EQUAL,
    COMPARE_EQUAL,
    COMPARE_UNEQUAL,
    COMPARE_GREATER_OR_EQUAL,
    COMPARE_GREATER,
    COMPARE_SAME_TEXT, /* the others compare versions */
    COMPARE_OTHER_TEXT,
    COMPARE_MATCH, /* of a shell pattern */
    COMPARE_NO_MATCH,
};
/* The operator that *text begins with; *text is moved behind it. `textual`: "=" and "!=" compare texts, and "$=" and
 * "!$=" are known; otherwise "=" is "==" and "!=" is "<>". */
enum compare compare_read(const char **text, bool textual);
/* Does `order` (as of a three-way comparison) satisfy one of the first six? */
bool compare_order(enum compare op, int order);
/* Does `have` satisfy the operator with `want`, which is the pattern of a match? */
bool compare_versions(enum compare op, const char *have, const char *want);
