#include "unit/calendar.h"

#include "base/timestamp.h"

#include <errno.h>

#define SECOND 1000000
/* The bound of systemd, which decides what never ends in finding a match. */
#define STEPS_MAX 1000

/* A search goes from the largest field to the smallest. Each field is moved to its next match; where it moved, those
 * below it begin anew; where it has none, the field above it is moved on by one. Each time the wall is asked whether
 * there is such a time at all (February 30, 02:30 of a night that skips it), and the search goes on from the time that
 * there is. */
struct search {
    const struct calendar *calendar;
    const struct zone *zone;
    int dst;
    int32_t offset; /* of the time last found: zone_from_civil() */
    struct civil at;
    int32_t usec; /* of at.second */
};

static int32_t *field_of(struct civil *civil, enum calendar_field field)
{
    int32_t *const slots[CALENDAR_FIELD_COUNT] = { &civil->year, &civil->month,  &civil->day,
                                                   &civil->hour, &civil->minute, &civil->second };
    return slots[field];
}

static void begin_anew_below(struct search *s, enum calendar_field field)
{
    for (enum calendar_field below = field + 1; below < CALENDAR_FIELD_COUNT; below++)
        *field_of(&s->at, below) = below == CALENDAR_MONTH || below == CALENDAR_DAY ? 1 : 0;
    s->usec = 0;
}

/* Onto a time that there is; gives it. */
static int64_t settle(struct search *s, struct civil *civil)
{
    int64_t seconds = zone_from_civil(s->zone, civil, s->dst, &s->offset);
    *civil = zone_to_civil(s->zone, seconds);
    return seconds;
}

/* The same for a time that a search went on to: what is skipped is left behind, never gone back over. (mktime(3) goes
 * back in Dublin, where the kind of time that ends in March counts as daylight saving.) */
static void settle_forward(struct search *s)
{
    int64_t wanted = civil_to_seconds(&s->at), seconds = settle(s, &s->at);
    int32_t offset = zone_period_at(s->zone, seconds).offset;
    if (seconds + offset < wanted) s->at = zone_to_civil(s->zone, wanted - offset);
}

/* The `day`th day from the end of the month that `at` lies in, which has so many. */
static int32_t from_end_of_month(const struct search *s, int32_t day)
{
    struct civil civil = { .year = s->at.year, .month = s->at.month + 1, .day = 1 - day };
    return civil_from_seconds(civil_to_seconds(&civil)).day;
}

/* The first match of the field that is not before *value goes there. 1: it moved; 0: it did not; -ENOENT. */
static int next_match(const struct search *s, enum calendar_field field, int32_t *value)
{
    const struct calendar_part *part = s->calendar->parts;
    for (enum calendar_field before = 0; before < field; before++) part += s->calendar->counts[before];
    const struct calendar_part *end = part + s->calendar->counts[field];
    bool found = part == end, from_end = field == CALENDAR_DAY && s->calendar->end_of_month;
    int32_t best = *value;
    for (; part < end; part++) {
        int32_t start = part->start, stop = part->stop;
        if (from_end) { /* a range counts backwards, and hence ends at its start */
            start = from_end_of_month(s, stop >= 0 ? part->stop : part->start);
            if (stop >= 0) stop = from_end_of_month(s, part->start);
        }
        int32_t match = start;
        if (start < *value) {
            if (part->repeat == 0) continue;
            int32_t beyond = (*value - start) % part->repeat;
            match = beyond == 0 ? *value : *value + part->repeat - beyond;
            if (stop >= 0 && match > stop) continue;
        }
        if (!found || match < best) best = match;
        found = true;
    }
    if (!found) return -ENOENT;
    bool moved = best != *value;
    *value = best;
    return moved;
}

/* 1: there is such a time; 0: the search has moved on to the next that there is; below zero: it would have to go back,
 * or beyond the last year. A field that is out of its range skips nothing: what is below it begins anew. */
static int check_wall(struct search *s)
{
    if (s->at.year > CALENDAR_YEAR_MAX) return -ERANGE;
    struct civil real = s->at;
    if (settle(s, &real) < 0) return -EINVAL;
    for (enum calendar_field field = 0; field < CALENDAR_FIELD_COUNT; field++) {
        int32_t want = *field_of(&s->at, field), got = *field_of(&real, field);
        if (want == got) continue;
        if (got < want) return -EDEADLK;
        if (field + 1 < CALENDAR_FIELD_COUNT) *field_of(&real, field + 1) = field + 1 <= CALENDAR_DAY ? 1 : 0;
        s->at = real;
        return 0;
    }
    return 1;
}

/* Moves `field` to its next match. 1: it stands; 0: the search begins again at the top; -ENOENT: there is none. */
static int search_field(struct search *s, enum calendar_field field)
{
    int32_t *value = field_of(&s->at, field);
    int r;
    if (field == CALENDAR_MICROSECOND) {
        int32_t usec = *value * SECOND + s->usec;
        r = next_match(s, field, &usec);
        *value = usec / SECOND;
        s->usec = usec % SECOND;
    } else {
        r = next_match(s, field, value);
        if (r > 0) begin_anew_below(s, field);
    }
    int wall = r < 0 ? r : check_wall(s);
    if (wall <= 0 && field == CALENDAR_YEAR) return -ENOENT;
    if (wall < 0) {
        (*field_of(&s->at, field - 1))++;
        begin_anew_below(s, field - 1);
        return 0;
    }
    if (wall == 0) return 0;
    if (field == CALENDAR_DAY && s->calendar->weekdays != 0 && !(s->calendar->weekdays >> civil_weekday(&s->at) & 1)) {
        s->at.day++;
        begin_anew_below(s, CALENDAR_DAY);
        return 0;
    }
    return 1;
}

static int search_run(struct search *s)
{
    for (int step = 0; step < STEPS_MAX; step++) {
        if (step > 0) settle_forward(s);
        int r = 1;
        for (enum calendar_field field = 0; field < CALENDAR_FIELD_COUNT && r > 0; field++) r = search_field(s, field);
        if (r != 0) return r < 0 ? r : 0;
    }
    return -EDEADLK;
}

int calendar_next(const struct calendar *calendar, const struct zone *local, usec_t after, usec_t *ret)
{
    if (after > TIMESTAMP_MAX) return -EINVAL;
    after++;
    int64_t seconds = (int64_t)(after / USEC_PER_SEC);
    struct search s = {
        .calendar = calendar,
        .zone = calendar->zone ? calendar->zone : local,
        .dst = calendar->dst,
        .usec = (int32_t)(after % USEC_PER_SEC),
    };
    s.offset = zone_period_at(s.zone, seconds).offset;
    s.at = zone_to_civil(s.zone, seconds);
    int r = search_run(&s);
    if (r < 0) return r;
    seconds = zone_from_civil(s.zone, &s.at, s.dst, &s.offset);
    if (seconds < 0) return -EINVAL;
    usec_t found = (usec_t)seconds * USEC_PER_SEC + (usec_t)s.usec;
    /* In the hour that occurs twice "02:30 CEST" was found again, before now: that kind of time is over. */
    if (found < after) return -ENOENT;
    *ret = found;
    return 0;
}
