/* base/timezone_rule.h - the rule of a time zone in the form of the TZ variable: "CET-1CEST,M3.5.0,M10.5.0/3".
 *
 * Used by base/timezone alone. Source: POSIX.1, "Other Environment Variables", TZ; RFC 8536, 3.3 (its extensions). */
#pragma once
#include "base/attr.h"
#include "base/timezone.h"

#define ZONE_OFFSET_MAX (INT64_C(26) * 3600)
#define ZONE_NAME_MAX   30

/* One change of the clock in a year: its day by `kind`, and the second of it by the wall until then. */
struct zone_change {
    enum { CHANGE_MONTH_WEEK_DAY, CHANGE_JULIAN, CHANGE_DAY } kind;
    int32_t month, week, day; /* of the last two kinds only `day` */
    int32_t second;
};

/* Plain data; [0] is standard time, [1] daylight saving time. */
struct zone_rule {
    char names[2][ZONE_NAME_MAX + 1];
    int32_t offsets[2]; /* east of UTC, in seconds */
    bool has_dst;
    struct zone_change changes[2]; /* [1] to daylight saving time, [0] back */
};

/* -EINVAL: not a rule. A name without an offset counts as UTC, as in glibc. */
MUST_CHECK int zone_rule_parse(const char *text, struct zone_rule *ret);
/* The names are the rule's. */
struct zone_period zone_rule_at(const struct zone_rule *rule, int64_t seconds);
