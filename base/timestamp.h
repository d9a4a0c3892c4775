/* base/timestamp.h - points in time as text, both ways, as systemd 252 reads and shows them.
 *
 * All times are microseconds since 1970-01-01 UTC. Source: systemd.time(7), "PARSING TIMESTAMPS"; "@" takes a time
 * span (@5min is 1970-01-01 00:05:00), and a day that its month does not have counts on into the next month. */
#pragma once
#include "base/attr.h"
#include "base/timezone.h"

/* 9999-12-30 23:59:59 UTC: later ones are neither read nor shown. */
#define TIMESTAMP_MAX (UINT64_C(253402214399) * USEC_PER_SEC)

/* "now", "today", "+3h", "5min ago", "@1395716396.5", "Fri 2012-11-23 11:12:13.65", "12-11-23", "11:12" with " UTC",
 * the name of a zone of `zones` (may be NULL), or an abbreviation of `local` behind it. `now` is what "now" is, and
 * `local` the zone of a time without one. -EINVAL: not a timestamp, or not one from 1970 on; -ERANGE: a span that is
 * too long; -ENOMEM. *ret is untouched on error. */
MUST_CHECK int timestamp_parse(const char *text, usec_t now, const struct zone *local, struct zones *zones,
                               usec_t *ret);

#define TIMESTAMP_TEXT_MAX 38
/* "Fri 2012-11-23 11:12:13 CET"; "--- XXXX-XX-XX XX:XX:XX" for one beyond TIMESTAMP_MAX, NULL for 0 and USEC_INFINITY,
 * which mean that there is none. Else returns `buffer` of TIMESTAMP_TEXT_MAX bytes. */
const char *timestamp_format(usec_t time, const struct zone *zone, char *buffer);
/* "1 week 2 days ago", "3h 20min left", "now"; NULL and `buffer` as above. */
const char *timestamp_format_relative(usec_t time, usec_t now, char *buffer);
