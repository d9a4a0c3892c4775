#include "base/timezone_rule.h"

#include <errno.h>
#include <string.h>

/* ---- reading ---- */

/* Up to three digits, at most `max`. */
static bool read_number(const char **p, int32_t max, int32_t *ret)
{
    int32_t value = 0;
    size_t n = 0;
    for (; n < 3 && **p >= '0' && **p <= '9'; n++, (*p)++) value = value * 10 + (**p - '0');
    *ret = value;
    return n > 0 && value <= max;
}

/* "CET" or "<+03>". */
static bool read_name(const char **p, char *ret)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    bool quoted = **p == '<';
    const char *begin = quoted ? *p + 1 : *p;
    size_t length = quoted ? strcspn(begin, ">") : strspn(begin, letters);
    if (length < 3 || length > ZONE_NAME_MAX || (quoted && begin[length] != '>')) return false;
    memcpy(ret, begin, length);
    ret[length] = '\0';
    *p = begin + length + quoted;
    return true;
}

/* "[+-]hh[:mm[:ss]]" in seconds. */
static bool read_time(const char **p, int32_t hours_max, int32_t *ret)
{
    bool negative = **p == '-';
    int32_t hours, minutes = 0, seconds = 0;
    if (**p == '-' || **p == '+') (*p)++;
    if (!read_number(p, hours_max, &hours)) return false;
    if (**p == ':') {
        (*p)++;
        if (!read_number(p, 59, &minutes)) return false;
        if (**p == ':') {
            (*p)++;
            if (!read_number(p, 59, &seconds)) return false;
        }
    }
    *ret = (hours * 3600 + minutes * 60 + seconds) * (negative ? -1 : 1);
    return true;
}

static bool skip(const char **p, char c)
{
    if (**p != c) return false;
    (*p)++;
    return true;
}

/* ",M3.5.0/2", ",J60", ",59". */
static bool read_change(const char **p, struct zone_change *ret)
{
    *ret = (struct zone_change){ .kind = CHANGE_DAY, .second = 2 * 3600 };
    if (!skip(p, ',')) return false;
    if (skip(p, 'M')) {
        ret->kind = CHANGE_MONTH_WEEK_DAY;
        if (!read_number(p, 12, &ret->month) || ret->month == 0 || !skip(p, '.') || !read_number(p, 5, &ret->week) ||
            ret->week == 0 || !skip(p, '.') || !read_number(p, 6, &ret->day))
            return false;
    } else {
        if (skip(p, 'J')) ret->kind = CHANGE_JULIAN;
        if (!read_number(p, 365, &ret->day) || (ret->kind == CHANGE_JULIAN && ret->day == 0)) return false;
    }
    return !skip(p, '/') || read_time(p, 167, &ret->second);
}

int zone_rule_parse(const char *text, struct zone_rule *ret)
{
    struct zone_rule rule = { .has_dst = false };
    const char *p = text, *defaults = ",M3.2.0,M11.1.0";
    if (!read_name(&p, rule.names[0])) return -EINVAL;
    if (*p != '\0' && !read_time(&p, 24, &rule.offsets[0])) return -EINVAL;
    rule.offsets[0] = -rule.offsets[0]; /* POSIX counts west of Greenwich */
    memcpy(rule.names[1], rule.names[0], sizeof rule.names[1]);
    if (*p != '\0') {
        rule.has_dst = true;
        rule.offsets[1] = rule.offsets[0] + 3600;
        if (!read_name(&p, rule.names[1])) return -EINVAL;
        if (*p != '\0' && *p != ',') {
            if (!read_time(&p, 24, &rule.offsets[1])) return -EINVAL;
            rule.offsets[1] = -rule.offsets[1];
        }
        if (*p == '\0') p = defaults;
        if (!read_change(&p, &rule.changes[1]) || !read_change(&p, &rule.changes[0]) || *p != '\0') return -EINVAL;
    }
    *ret = rule;
    return 0;
}

/* ---- asking ---- */

static bool is_leap(int32_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* When the clock changes in `year`, as the wall shows it until then. */
static int64_t change_at(const struct zone_change *change, int32_t year)
{
    struct civil civil = { .year = year, .month = 1, .day = change->day + 1, .second = change->second };
    if (change->kind == CHANGE_JULIAN) {
        civil.day = change->day + (change->day >= 60 && is_leap(year)); /* February 29 is never counted */
    } else if (change->kind == CHANGE_MONTH_WEEK_DAY) {
        struct civil next = { .year = year, .month = change->month + 1, .day = 1 };
        int weekday = (change->day + 6) % 7; /* Sunday is 0 there and 6 here */
        civil.month = change->month;
        civil.day = 1;
        civil.day += (weekday - civil_weekday(&civil) + 7) % 7 + 7 * (change->week - 1);
        struct civil found = { .year = year, .month = change->month, .day = civil.day };
        if (civil_to_seconds(&found) >= civil_to_seconds(&next)) civil.day -= 7; /* week 5 is the last one */
    }
    return civil_to_seconds(&civil);
}

struct zone_period zone_rule_at(const struct zone_rule *rule, int64_t seconds)
{
    bool dst = false;
    if (rule->has_dst) {
        int32_t year = civil_from_seconds(seconds + rule->offsets[0]).year;
        int64_t begin = change_at(&rule->changes[1], year) - rule->offsets[0];
        int64_t end = change_at(&rule->changes[0], year) - rule->offsets[1];
        dst = begin < end ? seconds >= begin && seconds < end : seconds < end || seconds >= begin;
    }
    return (struct zone_period){ rule->offsets[dst], dst, rule->names[dst] };
}
