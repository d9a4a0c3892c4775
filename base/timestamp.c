#include "base/timestamp.h"

#include "base/timespan.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Longer texts are none: blanks may be many, but a time without them is short. The bound is ours. */
#define TEXT_MAX 4096

static const struct {
    const char *word;
    int number;
} weekdays[] = {
    { "Monday", 0 },   { "Mon", 0 },      { "Tuesday", 1 }, { "Tue", 1 },    { "Wednesday", 2 },
    { "Wed", 2 },      { "Thursday", 3 }, { "Thu", 3 },     { "Friday", 4 }, { "Fri", 4 },
    { "Saturday", 5 }, { "Sat", 5 },      { "Sunday", 6 },  { "Sun", 6 },
};

/* ---- numbers ---- */

/* Blanks, then a decimal number within the bounds: no further digit is taken once the number could not grow without
 * leaving them. The ways of strptime(3), which decide what is a date here. */
static bool read_number(const char **p, int32_t min, int32_t max, int digits, int32_t *ret)
{
    int32_t value = 0;
    while (**p == ' ') (*p)++;
    if (**p < '0' || **p > '9') return false;
    do {
        value = value * 10 + (*(*p)++ - '0');
    } while (--digits > 0 && value * 10 <= max && **p >= '0' && **p <= '9');
    *ret = value;
    return value >= min && value <= max;
}

/* Six decimals, rounded by the seventh. */
static bool read_fraction(const char **p, usec_t *ret)
{
    usec_t value = 0;
    const char *begin = *p;
    for (usec_t place = USEC_PER_SEC / 10; place > 0; place /= 10)
        if (**p >= '0' && **p <= '9') value += place * (usec_t)(*(*p)++ - '0');
    if (*p == begin) return false;
    value += **p >= '5' && **p <= '9';
    *p += strspn(*p, "0123456789");
    *ret = value;
    return true;
}

/* ---- dates ---- */

/* What is left of `text` after the form, whose letters are those of strptime(3); NULL when it is not of that form. */
static const char *read_form(const char *text, const char *form, struct civil *civil)
{
    for (; *form; form++) {
        bool good = true;
        switch (*form) {
        case 'y': /* 69 is 1969, 68 is 2068 */
            good = read_number(&text, 0, 99, 2, &civil->year);
            civil->year += civil->year >= 69 ? 1900 : 2000;
            break;
        case 'Y':
            good = read_number(&text, 0, 9999, 4, &civil->year);
            break;
        case 'm':
            good = read_number(&text, 1, 12, 2, &civil->month);
            break;
        case 'd':
            good = read_number(&text, 1, 31, 2, &civil->day);
            break;
        case 'H':
            good = read_number(&text, 0, 23, 2, &civil->hour);
            break;
        case 'M':
            good = read_number(&text, 0, 59, 2, &civil->minute);
            break;
        case 'S':
            good = read_number(&text, 0, 61, 2, &civil->second);
            break;
        case ' ':
            text += strspn(text, " \t\n\v\f\r");
            break;
        default:
            good = *text++ == *form;
            break;
        }
        if (!good) return NULL;
    }
    return text;
}

static bool read_civil(const char *text, struct civil *civil, usec_t *fraction)
{
    static const struct {
        const char *form;
        bool has_seconds, has_time;
    } forms[] = {
        { "y-m-d H:M:S", true, true }, { "Y-m-d H:M:S", true, true }, { "y-m-d H:M", false, true },
        { "Y-m-d H:M", false, true },  { "y-m-d", false, false },     { "Y-m-d", false, false },
        { "H:M:S", true, true },       { "H:M", false, true },
    };
    for (size_t i = 0; i < COUNT_OF(forms); i++) {
        struct civil read = *civil;
        const char *rest = read_form(text, forms[i].form, &read);
        if (!rest || (*rest != '\0' && !(forms[i].has_seconds && *rest == '.'))) continue;
        if (!forms[i].has_seconds) read.second = 0;
        if (!forms[i].has_time) read.hour = read.minute = 0;
        *civil = read;
        if (*rest == '\0') return true;
        rest++;
        return read_fraction(&rest, fraction) && *rest == '\0';
    }
    return false;
}

/* A day and a time of it in `zone`. */
static int parse_civil(const char *text, usec_t now, const struct zone *zone, int dst, usec_t *ret)
{
    static const char *const days[] = { "yesterday", "today", "tomorrow" };
    struct civil civil = zone_to_civil(zone, (int64_t)(now / USEC_PER_SEC));
    usec_t fraction = 0;
    int weekday = -1;
    bool found = false;
    for (size_t i = 0; i < COUNT_OF(days) && !found; i++) {
        found = strcmp(text, days[i]) == 0;
        if (!found) continue;
        civil.day += (int32_t)i - 1;
        civil.hour = civil.minute = civil.second = 0;
    }
    for (size_t i = 0; i < COUNT_OF(weekdays) && !found && weekday < 0; i++) {
        size_t length = strlen(weekdays[i].word);
        if (strncasecmp(text, weekdays[i].word, length) != 0 || text[length] != ' ') continue;
        weekday = weekdays[i].number;
        text += length + 1;
    }
    if (!found && !read_civil(text, &civil, &fraction)) return -EINVAL;
    if (weekday >= 0 && weekday != civil_weekday(&civil)) return -EINVAL;
    int32_t offset = 0;
    int64_t seconds = zone_from_civil(zone, &civil, dst, &offset);
    if (seconds < 0 || (usec_t)seconds > TIMESTAMP_MAX / USEC_PER_SEC) return -EINVAL;
    usec_t time = (usec_t)seconds * USEC_PER_SEC + fraction;
    if (time > TIMESTAMP_MAX) return -EINVAL;
    *ret = time;
    return 0;
}

/* ---- the rest of the grammar ---- */

/* Where ` word` ends the text behind something, else NULL. */
static char *ending(char *text, const char *word)
{
    size_t length = strlen(text), tail = strlen(word);
    if (tail == 0 || length < tail + 2) return NULL;
    char *at = text + length - tail;
    return at[-1] == ' ' && strcasecmp(at, word) == 0 ? at - 1 : NULL;
}

/* `now` and a span before or after it; 1 when the text says neither. */
static int parse_distance(char *text, usec_t now, usec_t *ret)
{
    size_t length = strlen(text);
    bool ago = length >= 4 && strcmp(text + length - 4, " ago") == 0;
    bool left = length >= 5 && strcmp(text + length - 5, " left") == 0;
    usec_t span = 0;
    int r = 0;
    if (strcmp(text, "now") != 0) {
        bool sign = *text == '+' || *text == '-';
        if (!sign && !ago && !left) return 1;
        if (!sign) text[length - (ago ? 4 : 5)] = '\0';
        ago = sign ? *text == '-' : ago;
        r = timespan_parse(text + sign, USEC_PER_SEC, &span, NULL);
    }
    if (r < 0) return r;
    usec_t time;
    if (ago ? ckd_sub(&time, now, span) : ckd_add(&time, now, span)) return -EINVAL;
    if (time > TIMESTAMP_MAX) return -EINVAL;
    *ret = time;
    return 0;
}

int timestamp_parse(const char *text, usec_t now, const struct zone *local, struct zones *zones, usec_t *ret)
{
    char copy[TEXT_MAX];
    size_t length = strlen(text);
    if (length >= sizeof copy) return -EINVAL;
    memcpy(copy, text, length + 1);

    char *blank = strrchr(copy, ' '), *end;
    const struct zone *zone = local;
    int r = blank && !ending(copy, "UTC") ? zones_get(zones, blank + 1, &zone) : -EINVAL;
    if (r == -ENOMEM) return r;
    /* A zone that calls itself by its name ("CET") says that the time is standard time, too. */
    if (r == 0 && strcmp(blank + 1, zone_abbreviation(zone, false)) != 0 &&
        strcmp(blank + 1, zone_abbreviation(zone, true)) != 0) {
        *blank = '\0';
        return parse_civil(copy, now, zone, -1, ret);
    }

    if (*copy == '@') return timespan_parse(copy + 1, USEC_PER_SEC, ret, NULL);
    r = parse_distance(copy, now, ret);
    if (r <= 0) return r;
    if ((end = ending(copy, "UTC"))) {
        *end = '\0';
        return parse_civil(copy, now, zone_utc(), -1, ret);
    }
    for (int dst = 0; dst <= 1; dst++)
        if ((end = ending(copy, zone_abbreviation(zone, dst)))) {
            *end = '\0';
            return parse_civil(copy, now, zone, dst, ret);
        }
    return parse_civil(copy, now, zone, -1, ret);
}

const char *timestamp_format(usec_t time, const struct zone *zone, char *buffer)
{
    static const char *const names[] = { "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun" };
    if (time == 0 || time == USEC_INFINITY) return NULL;
    if (time > TIMESTAMP_MAX) {
        (void)snprintf(buffer, TIMESTAMP_TEXT_MAX, "--- XXXX-XX-XX XX:XX:XX");
        return buffer;
    }
    int64_t seconds = (int64_t)(time / USEC_PER_SEC);
    struct civil civil = zone_to_civil(zone, seconds);
    int n = snprintf(buffer, TIMESTAMP_TEXT_MAX, "%s %04d-%02d-%02d %02d:%02d:%02d", names[civil_weekday(&civil)],
                     civil.year, civil.month, civil.day, civil.hour, civil.minute, civil.second);
    /* An abbreviation that does not fit is left out rather than cut. */
    const char *name = zone_period_at(zone, seconds).name;
    if (*name && (size_t)n + 1 + strlen(name) + 1 <= TIMESTAMP_TEXT_MAX)
        (void)snprintf(buffer + n, TIMESTAMP_TEXT_MAX - (size_t)n, " %s", name);
    return buffer;
}

const char *timestamp_format_relative(usec_t time, usec_t now, char *buffer)
{
    static const usec_t minute = 60 * USEC_PER_SEC, hour = 60 * minute, day = 24 * hour, week = 7 * day,
                        month = 2629800 * USEC_PER_SEC, year = 31557600 * USEC_PER_SEC;
    /* From `least` on: how many of `first`, and how many of `second` in what remains; no words: that one is not shown.
     * A word ends in its form for more than one. */
    static const struct {
        usec_t least, first, second;
        const char *one, *many, *one_rest, *many_rest;
    } rows[] = {
        { year, year, month, " year ", " years ", " month ", " months " },
        { month, month, day, " month ", " months ", " day ", " days " },
        { week, week, day, " week ", " weeks ", " day ", " days " },
        { 2 * day, day, 0, " days ", " days ", NULL, NULL },
        { 25 * hour, day, hour, " day ", " day ", "h ", "h " },
        { 6 * hour, hour, 0, "h ", "h ", NULL, NULL },
        { hour, hour, minute, "h ", "h ", "min ", "min " },
        { 5 * minute, minute, 0, "min ", "min ", NULL, NULL },
        { minute, minute, USEC_PER_SEC, "min ", "min ", "s ", "s " },
        { USEC_PER_SEC, USEC_PER_SEC, 0, "s ", "s ", NULL, NULL },
        { USEC_PER_MSEC, USEC_PER_MSEC, 0, "ms ", "ms ", NULL, NULL },
        { 1, 1, 0, "us ", "us ", NULL, NULL },
    };
    if (time == 0 || time == USEC_INFINITY) return NULL;
    const char *direction = now > time ? "ago" : "left";
    usec_t distance = now > time ? now - time : time - now;
    (void)snprintf(buffer, TIMESTAMP_TEXT_MAX, "now");
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (distance < rows[i].least) continue;
        usec_t first = distance / rows[i].first, rest = rows[i].second ? distance % rows[i].first / rows[i].second : 0;
        if (rows[i].second)
            (void)snprintf(buffer, TIMESTAMP_TEXT_MAX, "%" PRIu64 "%s%" PRIu64 "%s%s", first,
                           first == 1 ? rows[i].one : rows[i].many, rest,
                           rest == 1 ? rows[i].one_rest : rows[i].many_rest, direction);
        else
            (void)snprintf(buffer, TIMESTAMP_TEXT_MAX, "%" PRIu64 "%s%s", first, rows[i].many, direction);
        break;
    }
    return buffer;
}
