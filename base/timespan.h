/* base/timespan.h - systemd.time(7) time spans, and Go's spelling of them ("1m30s", "250ms"), both ways.
 *
 * Source: systemd.time(7) "PARSING TIME SPANS". Differs: "1h30m" style spans without blanks are the common subset of
 * both grammars; "µs" and "us" are microseconds, "ns" is refused, "M" is a month and "m" a minute. */
#pragma once
#include "base/attr.h"

/* "5min 20s", "1m30s", "1.5h", "infinity"; a bare number counts in `unit` (USEC_PER_SEC in unit files). -EINVAL: not a
 * span; -ERANGE: too long for usec_t, or negative. *ret_bad (may be NULL) is the byte offset of the first character
 * that could not be used, 0 on success. */
MUST_CHECK int timespan_parse(const char *text, usec_t unit, usec_t *ret, size_t *ret_bad);

#define TIMESPAN_TEXT_MAX 64
/* "1min 30s", "100ms", "infinity", "0": systemd's canonical form, rounded to `accuracy` (1 for exact). Returns
 * `buffer`, which holds at least TIMESPAN_TEXT_MAX bytes. */
const char *timespan_format(usec_t span, usec_t accuracy, char *buffer);
