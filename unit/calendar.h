/* unit/calendar.h - calendar expressions: "Mon..Fri *-*-* 06,18:00:00 Europe/Berlin".
 *
 * An expression is read once and does not change; it lives in the arena of its unit set, and the zone that it names in
 * `zones`, which has to live as long. It takes 24 bytes and 12 for each number, range or step in it. Nothing here looks
 * at a file, a clock or the environment, but for the zone that is loaded when an expression names it.
 *
 * Source: systemd.time(7), "CALENDAR EVENTS", as systemd 252 reads and answers it. */
#pragma once
#include "base/attr.h"
#include "base/timezone.h"

struct arena;
struct str;

/* The fields of a point in time, from the largest on. Microseconds count those of the minute. */
enum calendar_field {
    CALENDAR_YEAR,
    CALENDAR_MONTH,
    CALENDAR_DAY,
    CALENDAR_HOUR,
    CALENDAR_MINUTE,
    CALENDAR_MICROSECOND,
    CALENDAR_FIELD_COUNT
};

#define CALENDAR_YEAR_MIN 1970
#define CALENDAR_YEAR_MAX 2199
/* Of one field. */
#define CALENDAR_PARTS_MAX 241

/* start, start..stop or start/repeat: every `repeat` from `start` on, up to `stop` or the end of the field. */
struct calendar_part {
    int32_t start, stop, repeat; /* stop -1, repeat 0: none */
};

struct calendar {
    const struct zone *zone; /* that it names; NULL: the reader's own */
    int8_t dst;        /* a kind of time of the reader's zone that it names: 0 standard, 1 daylight saving; or -1 */
    uint8_t weekdays;  /* bit 0 Monday .. bit 6 Sunday; 0: any day */
    bool end_of_month; /* days count from the last one of the month, which is 1 */
    uint8_t counts[CALENDAR_FIELD_COUNT]; /* parts of each field; none: every value */
    struct calendar_part parts[];         /* by field, sorted */
};

/* `zones` gives the zones that may be named (NULL: UTC only), `local` is the reader's own (its abbreviations may be
 * named, too). -EINVAL: not a calendar expression; -ERANGE: a number that is too large; -ENOBUFS: a list that is too
 * long; -ENOMEM. */
MUST_CHECK int calendar_parse(const char *text, struct zones *zones, const struct zone *local, struct arena *arena,
                              const struct calendar **ret);
/* Appends the canonical text: "*-*-* 06:00:00". 0 or -ENOMEM. */
MUST_CHECK int calendar_format(const struct calendar *calendar, const struct zone *local, struct str *out);

/* The first match later than `after`, both in microseconds since 1970-01-01 UTC. -ENOENT: there is none before the
 * year 2200; -EDEADLK: none was found in a bounded number of steps; -EINVAL: `after` is not a time of which one can
 * speak (base/timestamp.h). Takes a few milliseconds at the very most. */
MUST_CHECK int calendar_next(const struct calendar *calendar, const struct zone *local, usec_t after, usec_t *ret);
