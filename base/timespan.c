#include "base/timespan.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define BLANKS " \t\n\r"

#define USEC_PER_MINUTE (60 * USEC_PER_SEC)
#define USEC_PER_HOUR   (60 * USEC_PER_MINUTE)
#define USEC_PER_DAY    (24 * USEC_PER_HOUR)
#define USEC_PER_WEEK   (7 * USEC_PER_DAY)
#define USEC_PER_MONTH  (2629800 * USEC_PER_SEC)  /* 30.44 days */
#define USEC_PER_YEAR   (31557600 * USEC_PER_SEC) /* 365.25 days */

/* systemd.time(7), "PARSING TIME SPANS"; case matters. Both code points that look like the micro sign are known. */
static const struct {
    const char *word;
    usec_t span;
} units[] = {
    /* clang-format off */
    { "s",       USEC_PER_SEC    }, { "sec",    USEC_PER_SEC    }, { "second", USEC_PER_SEC   }, { "seconds", USEC_PER_SEC },
    { "ms",      USEC_PER_MSEC   }, { "msec",   USEC_PER_MSEC   },
    { "m",       USEC_PER_MINUTE }, { "min",    USEC_PER_MINUTE }, { "minute", USEC_PER_MINUTE }, { "minutes", USEC_PER_MINUTE },
    { "h",       USEC_PER_HOUR   }, { "hr",     USEC_PER_HOUR   }, { "hour",   USEC_PER_HOUR  }, { "hours", USEC_PER_HOUR },
    { "d",       USEC_PER_DAY    }, { "day",    USEC_PER_DAY    }, { "days",   USEC_PER_DAY   },
    { "w",       USEC_PER_WEEK   }, { "week",   USEC_PER_WEEK   }, { "weeks",  USEC_PER_WEEK  },
    { "M",       USEC_PER_MONTH  }, { "month",  USEC_PER_MONTH  }, { "months", USEC_PER_MONTH },
    { "y",       USEC_PER_YEAR   }, { "year",   USEC_PER_YEAR   }, { "years",  USEC_PER_YEAR  },
    { "us",      1               }, { "usec",   1               }, { "\xc2\xb5s", 1           }, { "\xce\xbcs", 1 },
    /* clang-format on */
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static const char *skip_blanks(const char *p)
{
    return p + strspn(p, BLANKS);
}

/* Bytes of the word at `p`: letters, and everything beyond ASCII for the micro sign. */
static size_t word_length(const char *p)
{
    size_t n = 0;
    while ((p[n] >= 'a' && p[n] <= 'z') || (p[n] >= 'A' && p[n] <= 'Z') || (unsigned char)p[n] >= 0x80) n++;
    return n;
}

/* The unit at `p` into *ret and what follows it into *ret_end; without a word there, both stay. */
static int read_unit(const char *p, const char **ret_end, usec_t *ret)
{
    size_t length = word_length(p);
    if (length == 0) return 0;
    for (size_t i = 0; i < COUNT_OF(units); i++) {
        if (strncmp(units[i].word, p, length) != 0 || units[i].word[length] != '\0') continue;
        *ret = units[i].span;
        *ret_end = p + length;
        return 0;
    }
    return -EINVAL;
}

/* Adds `value` units of `span`, leaving USEC_INFINITY to mean infinity. */
static bool add_scaled(usec_t *total, uint64_t value, usec_t span)
{
    usec_t part, sum;
    if (ckd_mul(&part, value, span) || ckd_add(&sum, *total, part) || sum == USEC_INFINITY) return false;
    *total = sum;
    return true;
}

/* One "1.5h" of a span, without blanks before it. Moves *next behind it; on error to the byte to blame. */
static int parse_part(const char **next, usec_t unit, usec_t *total)
{
    const char *p = *next, *decimals = NULL;
    if (*p == '-') return -ERANGE; /* systemd's answer to every negative number */
    if (*p == '+' && is_digit(p[1])) p++;

    uint64_t whole = 0;
    bool too_long = false;
    const char *digits = p;
    for (; is_digit(*p); p++)
        too_long |= ckd_mul(&whole, whole, UINT64_C(10)) || ckd_add(&whole, whole, (uint64_t)(*p - '0'));
    if (*p == '.') {
        decimals = p + 1;
        p = decimals;
        while (is_digit(*p)) p++;
        if (p == decimals) {
            *next = p;
            return -EINVAL;
        }
    } else if (p == digits) {
        return -EINVAL;
    }

    const char *word = skip_blanks(p), *end = word;
    int r = read_unit(word, &end, &unit);
    if (r < 0 || (end == p && *end != '\0')) { /* "12.34.56", "1;2": only a blank or a unit ends a number */
        *next = word;
        return -EINVAL;
    }
    /* systemd's bound: one unit short of what would fit. */
    if (too_long || whole > INT64_MAX || whole >= USEC_INFINITY / unit) return -ERANGE;
    if (!add_scaled(total, whole, unit)) return -ERANGE;
    for (usec_t place = unit / 10; decimals && is_digit(*decimals); decimals++, place /= 10)
        if (!add_scaled(total, (uint64_t)(*decimals - '0'), place)) return -ERANGE;
    *next = end;
    return 0;
}

int timespan_parse(const char *text, usec_t unit, usec_t *ret, size_t *ret_bad)
{
    static const char infinity[] = "infinity";
    const char *p = skip_blanks(text);
    usec_t total = 0;
    int r = 0;
    if (strncmp(p, infinity, sizeof infinity - 1) == 0) {
        p = skip_blanks(p + sizeof infinity - 1);
        r = *p == '\0' ? 0 : -EINVAL;
        total = USEC_INFINITY;
    } else {
        do {
            r = parse_part(&p, unit, &total);
            if (r == 0) p = skip_blanks(p);
        } while (r == 0 && *p != '\0');
    }
    if (ret_bad) *ret_bad = r < 0 ? (size_t)(p - text) : 0;
    if (r < 0) return r;
    *ret = total;
    return 0;
}

/* How many decimals a remainder within `span` has when it is shown to `accuracy`; *remainder loses the digits that
 * are not shown. Zero or less: none. */
static int decimals_of(usec_t span, usec_t accuracy, usec_t *remainder)
{
    int decimals = 0;
    for (usec_t scale = span; scale > 1; scale /= 10) decimals++;
    for (usec_t scale = accuracy; scale > 1; scale /= 10) {
        *remainder /= 10;
        decimals--;
    }
    return decimals;
}

const char *timespan_format(usec_t span, usec_t accuracy, char *buffer)
{
    static const struct {
        const char *suffix;
        usec_t span;
    } shown[] = {
        { "y", USEC_PER_YEAR }, { "month", USEC_PER_MONTH }, { "w", USEC_PER_WEEK },
        { "d", USEC_PER_DAY },  { "h", USEC_PER_HOUR },      { "min", USEC_PER_MINUTE },
        { "s", USEC_PER_SEC },  { "ms", USEC_PER_MSEC },     { "us", 1 },
    };
    if (span == USEC_INFINITY || span == 0) {
        (void)snprintf(buffer, TIMESPAN_TEXT_MAX, "%s", span == 0 ? "0" : "infinity");
        return buffer;
    }
    size_t used = 0;
    for (size_t i = 0; i < COUNT_OF(shown) && span > 0; i++) {
        if (span < accuracy && used > 0) break;
        if (span < shown[i].span) continue;
        usec_t whole = span / shown[i].span, rest = span % shown[i].span, fraction = rest;
        const char *blank = used > 0 ? " " : "";
        char *at = buffer + used;
        size_t room = TIMESPAN_TEXT_MAX - used;
        int n, decimals = span < USEC_PER_MINUTE && rest > 0 ? decimals_of(shown[i].span, accuracy, &fraction) : 0;
        if (decimals > 0) {
            n = snprintf(at, room, "%s%" PRIu64 ".%0*" PRIu64 "%s", blank, whole, decimals, fraction, shown[i].suffix);
            rest = 0;
        } else {
            n = snprintf(at, room, "%s%" PRIu64 "%s", blank, whole, shown[i].suffix);
        }
        if (n < 0 || (size_t)n >= room) break; /* cannot be: the longest span needs 47 bytes */
        used += (size_t)n;
        span = rest;
    }
    return buffer;
}
