#include "unit/calendar.h"

#include "base/arena.h"
#include "base/str.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SECOND 1000000
/* Longer texts are none: 241 parts of each field stay below. */
#define TEXT_MAX 65536

static const char *const weekday_names[] = { "Monday", "Tuesday",  "Wednesday", "Thursday",
                                             "Friday", "Saturday", "Sunday" };
#define WEEKDAY_COUNT 7
#define WEEKDAY_SHORT 3
/* Days that not every month has: none is the 29th from the end. systemd takes as many off for each part of a list. */
#define DAYS_UNSURE 3
/* The ends of the years that fit a field. */
#define EPOCH_MAX     INT64_C(67767976233532799)
#define EPOCH_MIN     INT64_C(-67768100567971200)
#define EVERY_WEEKDAY ((1U << WEEKDAY_COUNT) - 1)

static const struct {
    int32_t min, max;
} bounds[CALENDAR_FIELD_COUNT] = {
    [CALENDAR_YEAR] = { CALENDAR_YEAR_MIN, CALENDAR_YEAR_MAX },
    [CALENDAR_MONTH] = { 1, 12 },
    [CALENDAR_DAY] = { 1, 31 },
    [CALENDAR_HOUR] = { 0, 23 },
    [CALENDAR_MINUTE] = { 0, 59 },
    [CALENDAR_MICROSECOND] = { 0, 60 * SECOND - 1 },
};

/* ---- reading ---- */

struct chain {
    uint32_t count;
    struct calendar_part parts[CALENDAR_PARTS_MAX];
};

/* What is read before its size is known. */
struct draft {
    struct chain fields[CALENDAR_FIELD_COUNT];
    struct calendar head;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static void chain_set(struct chain *chain, int32_t value)
{
    chain->count = 1;
    chain->parts[0] = (struct calendar_part){ value, -1, 0 };
}

/* Seconds have decimals, six of which count, rounded by the seventh; ".." is not a decimal point. */
static int read_number(const char **p, bool seconds, int32_t *ret)
{
    int64_t value = 0;
    if (!is_digit(**p)) return -EINVAL;
    for (; is_digit(**p); (*p)++)
        if (value <= INT_MAX) value = value * 10 + (**p - '0');
    if (value > INT_MAX) return -ERANGE;
    if (seconds) {
        value *= SECOND;
        if (**p == '.' && (*p)[1] != '.') {
            (*p)++;
            if (!is_digit(**p)) return -EINVAL;
            for (int32_t place = SECOND / 10; place > 0 && is_digit(**p); place /= 10, (*p)++)
                value += place * (int64_t)(**p - '0');
            value += **p >= '5' && **p <= '9';
            while (is_digit(**p)) (*p)++;
        }
    }
    if (value > INT_MAX) return -ERANGE;
    *ret = (int32_t)value;
    return 0;
}

/* "5", "1..5", "1/2", "1..9/2". */
static int read_part(const char **p, bool seconds, struct calendar_part *ret)
{
    struct calendar_part part = { .stop = -1, .repeat = 0 };
    int r = read_number(p, seconds, &part.start);
    if (r == 0 && (*p)[0] == '.' && (*p)[1] == '.') {
        *p += 2;
        r = read_number(p, seconds, &part.stop);
        part.repeat = seconds ? SECOND : 1;
    }
    if (r == 0 && **p == '/') {
        (*p)++;
        r = read_number(p, seconds, &part.repeat);
        if (r == 0 && part.repeat == 0) r = -ERANGE;
    } else if (r == 0 && seconds && part.stop >= 0 && part.start > part.stop - part.repeat) {
        r = -EINVAL; /* a range within a second has no step of its own */
    }
    *ret = part;
    return r;
}

/* "*" or parts with commas between them. */
static int read_chain(const char **p, bool seconds, struct chain *ret)
{
    ret->count = 0;
    if (**p == '*') {
        (*p)++;
        chain_set(ret, 0);
        if (seconds)
            ret->parts[0].repeat = SECOND;
        else
            ret->count = 0;
        return 0;
    }
    for (;;) {
        if (ret->count == CALENDAR_PARTS_MAX) return -ENOBUFS;
        int r = read_part(p, seconds, &ret->parts[ret->count]);
        if (r < 0) return r;
        ret->count++;
        if (**p == '\0' || !strchr(" ,-~:", **p)) return **p == '\0' ? 0 : -EINVAL;
        if (**p != ',') return 0;
        (*p)++;
    }
}

/* The day at `p`, -1 for none, and behind it what may follow. */
static int read_weekday(const char *p, size_t *ret_length)
{
    for (int i = 0; i < WEEKDAY_COUNT; i++) {
        size_t length = strlen(weekday_names[i]);
        if (strncasecmp(p, weekday_names[i], length) != 0) length = WEEKDAY_SHORT;
        if (strncasecmp(p, weekday_names[i], length) != 0) continue;
        *ret_length = length;
        return i;
    }
    return -1;
}

/* "Mon..Wed,Fri "; "-" is an older "..", and a comma may come last. */
static int read_weekdays(const char **p, struct calendar *calendar)
{
    int from = -1;
    for (bool first = true;; first = false) {
        size_t length;
        int day = read_weekday(*p, &length);
        if (day < 0) return first ? 0 : -EINVAL;
        char next = (*p)[length];
        if (next != '\0' && !strchr("-., ", next)) return -EINVAL;
        if (from > day) return -EINVAL;
        for (int i = from >= 0 ? from : day; i <= day; i++) calendar->weekdays |= (uint8_t)(1U << i);
        *p += length;
        if (next == '.' || next == '-') {
            if (from >= 0 || (next == '.' && (*p)[1] != '.')) return -EINVAL;
            from = day;
            *p += next == '.' ? 2 : 1;
        } else {
            from = -1;
            if (next == ',') (*p)++;
        }
        if (**p != '\0' && **p != ' ') continue;
        *p += strspn(*p, " ");
        return from < 0 ? 0 : -EINVAL;
    }
}

/* "@1395716396": all fields at once, in UTC. The number is read as strtoul(3) does, so that a minus counts on from the
 * largest one. */
static int read_epoch(const char **p, struct draft *draft)
{
    uint64_t value = 0;
    const char *t = *p + 1 + strspn(*p + 1, " \t\n\v\f\r");
    bool negative = *t == '-';
    if (*t == '-' || *t == '+') t++;
    if (!is_digit(*t)) return -EINVAL;
    for (; is_digit(*t); t++)
        if (ckd_mul(&value, value, UINT64_C(10)) || ckd_add(&value, value, (uint64_t)(*t - '0'))) return -ERANGE;
    *p = t;
    int64_t seconds = (int64_t)(negative ? -value : value);
    if (seconds > EPOCH_MAX || seconds < EPOCH_MIN) return -ERANGE;
    struct civil civil = civil_from_seconds(seconds);
    const int32_t values[CALENDAR_FIELD_COUNT] = { civil.year, civil.month,  civil.day,
                                                   civil.hour, civil.minute, civil.second * SECOND };
    for (size_t i = 0; i < CALENDAR_FIELD_COUNT; i++) chain_set(&draft->fields[i], values[i]);
    draft->head.zone = zone_utc();
    return 1;
}

/* "year-month-day " or "month-day "; "~" before the day counts from the end of the month. 1: there is no time to
 * follow. Nothing is taken of what is a time. */
static int read_date(const char **p, struct draft *draft)
{
    const char *t = *p;
    size_t n = 0;
    if (*t == '\0') return 0;
    if (*t == '@') return read_epoch(p, draft);
    for (;; n++) {
        int r = read_chain(&t, false, &draft->fields[CALENDAR_YEAR + n]);
        if (r < 0) return r;
        if (n == 0 && (*t == '\0' || *t == ':')) {
            draft->fields[CALENDAR_YEAR].count = 0;
            return 0;
        }
        if (n > 0 && (*t == '\0' || *t == ' ')) break;
        if (n == 2 || draft->head.end_of_month || (*t != '-' && *t != '~')) return -EINVAL;
        draft->head.end_of_month = *t++ == '~';
    }
    if (n == 1) {
        draft->fields[CALENDAR_DAY] = draft->fields[CALENDAR_MONTH];
        draft->fields[CALENDAR_MONTH] = draft->fields[CALENDAR_YEAR];
        draft->fields[CALENDAR_YEAR].count = 0;
    }
    *p = t + strspn(t, " ");
    return 0;
}

/* "hour:minute", "hour:minute:second", or nothing, which is midnight. */
static int read_time(const char **p, struct draft *draft)
{
    int r = 0;
    if (**p == '\0') {
        chain_set(&draft->fields[CALENDAR_HOUR], 0);
        chain_set(&draft->fields[CALENDAR_MINUTE], 0);
        chain_set(&draft->fields[CALENDAR_MICROSECOND], 0);
        return 0;
    }
    chain_set(&draft->fields[CALENDAR_MICROSECOND], 0);
    for (size_t i = CALENDAR_HOUR; i < CALENDAR_FIELD_COUNT; i++) {
        r = read_chain(p, i == CALENDAR_MICROSECOND, &draft->fields[i]);
        if (r < 0) return r;
        if (**p == '\0') return i == CALENDAR_HOUR ? -EINVAL : 0;
        if (**p != ':') return -EINVAL;
        (*p)++;
    }
    return -EINVAL;
}

/* "daily" and the like are an abbreviation each. "anually" was once misspelt, and stayed. */
static const struct {
    const char *word, *meaning;
} shorthands[] = {
    { "minutely", "*:*" },         { "hourly", "*:0" },       { "daily", "0:0" },         { "weekly", "Mon" },
    { "monthly", "*-1" },          { "yearly", "1-1" },       { "annually", "1-1" },      { "anually", "1-1" },
    { "quarterly", "1,4,7,10-1" }, { "biannually", "1,7-1" }, { "bi-annually", "1,7-1" }, { "semiannually", "1,7-1" },
    { "semi-annually", "1,7-1" },
};

static int read_expression(const char *text, struct draft *draft)
{
    if (*text == '\0') return -EINVAL;
    for (size_t i = 0; i < COUNT_OF(shorthands); i++)
        if (strcasecmp(text, shorthands[i].word) == 0) {
            text = shorthands[i].meaning;
            break;
        }
    int r = read_weekdays(&text, &draft->head);
    if (r == 0) r = read_date(&text, draft);
    if (r == 0) r = read_time(&text, draft);
    if (r < 0) return r;
    return *text == '\0' ? 0 : -EINVAL;
}

/* ---- the canonical form ---- */

static int compare_parts(const void *a, const void *b)
{
    const struct calendar_part *x = a, *y = b;
    if (x->start != y->start) return x->start < y->start ? -1 : 1;
    if (x->stop != y->stop) return x->stop < y->stop ? -1 : 1;
    return (x->repeat > y->repeat) - (x->repeat < y->repeat);
}

/* A range ends where a step ends, and is none where that is its start; parts are sorted, and each stands once. */
static void chain_normalize(struct chain *chain)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < chain->count; i++) {
        struct calendar_part *part = &chain->parts[i];
        if (part->stop > part->start && part->repeat > 0) part->stop -= (part->stop - part->start) % part->repeat;
        if (part->stop != part->start) continue;
        part->stop = -1;
        part->repeat = 0;
    }
    if (chain->count > 1) qsort(chain->parts, chain->count, sizeof chain->parts[0], compare_parts);
    for (uint32_t i = 0; i < chain->count; i++)
        if (n == 0 || compare_parts(&chain->parts[n - 1], &chain->parts[i]) != 0) chain->parts[n++] = chain->parts[i];
    chain->count = n;
}

/* Two digits of a year: 70 is 1970, 69 is 2069. */
static int32_t whole_year(int32_t year)
{
    if (year < 0 || year > 99) return year;
    return year + (year < 70 ? 2000 : 1900);
}

static bool part_is_valid(const struct calendar_part *part, int32_t min, int32_t max, bool from_end)
{
    if (part->start < min || part->start > max) return false;
    /* There is room for one step at least. */
    if (part->stop >= 0) return part->stop >= min && part->stop <= max && part->repeat <= part->stop - part->start;
    return from_end ? part->repeat <= part->start - min : part->repeat <= max - part->start;
}

static bool draft_normalize(struct draft *draft)
{
    struct chain *years = &draft->fields[CALENDAR_YEAR];
    if (draft->head.weekdays == EVERY_WEEKDAY) draft->head.weekdays = 0;
    if (draft->fields[CALENDAR_DAY].count == 0) draft->head.end_of_month = false;
    for (uint32_t i = 0; i < years->count; i++) {
        years->parts[i].start = whole_year(years->parts[i].start);
        years->parts[i].stop = whole_year(years->parts[i].stop);
    }
    for (enum calendar_field field = 0; field < CALENDAR_FIELD_COUNT; field++) {
        struct chain *chain = &draft->fields[field];
        bool from_end = field == CALENDAR_DAY && draft->head.end_of_month;
        int32_t max = bounds[field].max;
        chain_normalize(chain);
        for (uint32_t i = 0; i < chain->count; i++) {
            if (from_end) max -= DAYS_UNSURE;
            if (!part_is_valid(&chain->parts[i], bounds[field].min, max, from_end)) return false;
        }
    }
    return true;
}

static int draft_store(const struct draft *draft, struct arena *arena, const struct calendar **ret)
{
    size_t n = 0;
    for (size_t i = 0; i < CALENDAR_FIELD_COUNT; i++) n += draft->fields[i].count;
    struct calendar *calendar = arena_alloc(arena, sizeof *calendar + n * sizeof calendar->parts[0]);
    if (!calendar) return -ENOMEM;
    *calendar = draft->head;
    struct calendar_part *next = calendar->parts;
    for (size_t i = 0; i < CALENDAR_FIELD_COUNT; i++) {
        const struct chain *chain = &draft->fields[i];
        calendar->counts[i] = (uint8_t)chain->count;
        if (chain->count > 0) memcpy(next, chain->parts, chain->count * sizeof *next);
        next += chain->count;
    }
    *ret = calendar;
    return 0;
}

/* ---- the zone ---- */

/* The zone that the text ends with goes into `head`, and the text loses it. */
static int take_zone(char *text, struct zones *zones, const struct zone *local, struct calendar *head)
{
    char *blank = strrchr(text, ' ');
    if (!blank) return 0;
    const char *name = blank + 1, *const abbreviations[] = { zone_abbreviation(local, false),
                                                             zone_abbreviation(local, true) };
    if (strcasecmp(name, "UTC") == 0) {
        head->zone = zone_utc();
    } else if (*name && strcasecmp(name, abbreviations[0]) == 0) {
        head->dst = 0;
    } else if (*name && strcasecmp(name, abbreviations[1]) == 0) {
        head->dst = 1;
    } else {
        int r = zones_get(zones, name, &head->zone);
        if (r < 0) return r == -ENOMEM ? r : 0;
    }
    *blank = '\0';
    return 0;
}

int calendar_parse(const char *text, struct zones *zones, const struct zone *local, struct arena *arena,
                   const struct calendar **ret)
{
    size_t length = strlen(text);
    if (length >= TEXT_MAX) return -EINVAL;
    char *copy = malloc(length + 1);
    struct draft *draft = calloc(1, sizeof *draft);
    int r = -ENOMEM;
    if (copy && draft) {
        memcpy(copy, text, length + 1);
        draft->head.dst = -1;
        r = take_zone(copy, zones, local, &draft->head);
        if (r == 0) r = read_expression(copy, draft);
        if (r == 0 && !draft_normalize(draft)) r = -EINVAL;
        if (r == 0) r = draft_store(draft, arena, ret);
    }
    free(draft);
    free(copy);
    return r;
}

/* ---- writing ---- */

static int format_weekdays(uint8_t days, struct str *out)
{
    const char *separator = "";
    int r = 0;
    for (int i = 0; i < WEEKDAY_COUNT && r == 0; i++) {
        if (!(days >> i & 1)) continue;
        int last = i;
        while (last + 1 < WEEKDAY_COUNT && (days >> (last + 1) & 1)) last++;
        r = str_appendf(out, "%s%.3s", separator, weekday_names[i]);
        separator = ",";
        if (last == i || r < 0) continue;
        r = str_appendf(out, "%s%.3s", last > i + 1 ? ".." : ",", weekday_names[last]);
        i = last;
    }
    return r < 0 ? r : str_append_char(out, ' ');
}

/* A number of a field, in units of `unit`. */
static int format_number(int32_t value, int width, int32_t unit, struct str *out)
{
    int r = str_appendf(out, "%0*d", width, value / unit);
    if (r == 0 && value % unit > 0) r = str_appendf(out, ".%06d", value % unit);
    return r;
}

static int format_chain(const struct calendar_part *parts, size_t count, enum calendar_field field, struct str *out)
{
    int32_t unit = field == CALENDAR_MICROSECOND ? SECOND : 1;
    int width = field == CALENDAR_YEAR ? 4 : 2, r = 0;
    bool every_second = unit > 1 && count == 1 && parts->start == 0 && parts->stop < 0 && parts->repeat == SECOND;
    if (count == 0 || every_second) return str_append_char(out, '*');
    for (size_t i = 0; i < count && r == 0; i++) {
        const struct calendar_part *part = &parts[i];
        if (i > 0) r = str_append_char(out, ',');
        if (r == 0) r = format_number(part->start, width, unit, out);
        if (r == 0 && part->stop >= 0) r = str_append(out, "..");
        if (r == 0 && part->stop >= 0) r = format_number(part->stop, width, unit, out);
        if (r == 0 && part->repeat > 0 && !(part->stop >= 0 && part->repeat == unit)) {
            r = str_append_char(out, '/');
            if (r == 0) r = format_number(part->repeat, 1, unit, out);
        }
    }
    return r;
}

int calendar_format(const struct calendar *calendar, const struct zone *local, struct str *out)
{
    static const char separators[CALENDAR_FIELD_COUNT] = { '-', '-', ' ', ':', ':', '\0' };
    const struct calendar_part *parts = calendar->parts;
    int r = calendar->weekdays ? format_weekdays(calendar->weekdays, out) : 0;
    for (enum calendar_field field = 0; field < CALENDAR_FIELD_COUNT && r == 0; field++) {
        char separator = separators[field];
        if (field == CALENDAR_MONTH && calendar->end_of_month) separator = '~';
        r = format_chain(parts, calendar->counts[field], field, out);
        parts += calendar->counts[field];
        if (r == 0 && separator) r = str_append_char(out, separator);
    }
    const char *zone = calendar->zone       ? zone_name(calendar->zone)
                       : calendar->dst >= 0 ? zone_abbreviation(local, calendar->dst > 0)
                                            : NULL;
    return r == 0 && zone ? str_appendf(out, " %s", zone) : r;
}
