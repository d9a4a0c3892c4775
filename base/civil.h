/* base/civil.h - days and dates of the proleptic Gregorian calendar, without time zones.
 *
 * Every function is defined for all years that fit; what the fields of a date count is in the struct. */
#pragma once
#include "base/attr.h"

#define SECONDS_PER_DAY 86400

struct civil {
    int32_t year, month, day; /* 2026, 1..12, 1..31 */
    int32_t hour, minute, second;
};

/* Seconds since 1970-01-01 00:00:00 as if the fields were UTC. Each may lie outside its range and counts on: month 13
 * is the next January, day 0 the last of the month before. */
int64_t civil_to_seconds(const struct civil *civil);
/* The other way, with every field in its range. */
struct civil civil_from_seconds(int64_t seconds);
/* 0 Monday .. 6 Sunday, by the date alone; the fields may lie outside their ranges. */
int civil_weekday(const struct civil *civil);
/* Below, equal, above zero: `a` is before, at, after `b`, compared field by field. */
int civil_compare(const struct civil *a, const struct civil *b);
