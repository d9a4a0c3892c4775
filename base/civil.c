#include "base/civil.h"

#define DAYS_PER_ERA 146097 /* 400 years */
#define DAYS_TO_1970 719468 /* from 0000-03-01 */

static int64_t floor_divide(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

/* Years begin in March here, so that the leap day is their last: the day of such a year on which month m (0 March)
 * begins is (153 m + 2) / 5. */
static int64_t days_of(const struct civil *civil)
{
    int64_t months = civil->year * INT64_C(12) + civil->month - 3;
    int64_t year = floor_divide(months, 12), month = months - year * 12;
    int64_t era = floor_divide(year, 400), year_of_era = year - era * 400;
    int64_t day_of_year = (153 * month + 2) / 5 + civil->day - 1;
    return era * DAYS_PER_ERA + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - DAYS_TO_1970;
}

int64_t civil_to_seconds(const struct civil *civil)
{
    return days_of(civil) * SECONDS_PER_DAY + civil->hour * INT64_C(3600) + civil->minute * INT64_C(60) + civil->second;
}

struct civil civil_from_seconds(int64_t seconds)
{
    int64_t days = floor_divide(seconds, SECONDS_PER_DAY), rest = seconds - days * SECONDS_PER_DAY;
    days += DAYS_TO_1970;
    int64_t era = floor_divide(days, DAYS_PER_ERA), day = days - era * DAYS_PER_ERA;
    /* Without the leap days that lie before it, the day tells its year. */
    int64_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
    day -= year * 365 + year / 4 - year / 100;
    int64_t month = (5 * day + 2) / 153;
    return (struct civil){
        .year = (int32_t)(era * 400 + year + (month >= 10)),
        .month = (int32_t)(month < 10 ? month + 3 : month - 9),
        .day = (int32_t)(day - (153 * month + 2) / 5 + 1),
        .hour = (int32_t)(rest / 3600),
        .minute = (int32_t)(rest / 60 % 60),
        .second = (int32_t)(rest % 60),
    };
}

int civil_weekday(const struct civil *civil)
{
    int64_t days = days_of(civil) + 3; /* 1970-01-01 was a Thursday */
    return (int)(days - floor_divide(days, 7) * 7);
}

int civil_compare(const struct civil *a, const struct civil *b)
{
    const int32_t left[] = { a->year, a->month, a->day, a->hour, a->minute, a->second };
    const int32_t right[] = { b->year, b->month, b->day, b->hour, b->minute, b->second };
    for (size_t i = 0; i < COUNT_OF(left); i++)
        if (left[i] != right[i]) return left[i] < right[i] ? -1 : 1;
    return 0;
}
