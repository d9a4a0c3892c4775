#include "base/timestamp.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#define BERLIN "CET-1CEST,M3.5.0,M10.5.0/3"
#define SEC    USEC_PER_SEC
#define MIN    (60 * SEC)
#define HOUR   (60 * MIN)
#define DAY    (24 * HOUR)
/* "Now" is Wed 2026-07-15 12:34:56.5 UTC, which is 14:34:56 CEST. */
#define NOW   (UINT64_C(1784118896) * SEC + 500000)
#define TODAY (UINT64_C(1784073600) * SEC)

struct place {
    struct zones *zones;
    const struct zone *berlin;
};

static int setup(void **state)
{
    struct place *p = calloc(1, sizeof *p);
    assert_non_null(p);
    assert_non_null(p->zones = zones_new(NULL));
    assert_int_equal(zones_local(p->zones, BERLIN, &p->berlin), 0);
    *state = p;
    return 0;
}

static int teardown(void **state)
{
    struct place *p = *state;
    zones_free(p->zones);
    free(p);
    return 0;
}

/* clang-format off */
static const struct { const char *label, *text; bool berlin; int r; usec_t want; } cases[] = {
    { "now",                        "now",                            false, 0, NOW },
    { "now has no other case",      "NOW",                            false, -EINVAL, 0 },
    { "today",                      "today",                          false, 0, TODAY },
    { "yesterday",                  "yesterday",                      false, 0, TODAY - DAY },
    { "tomorrow",                   "tomorrow",                       false, 0, TODAY + DAY },
    { "today, two hours ahead",     "today",                          true,  0, TODAY - 2 * HOUR },
    { "today, but in UTC",          "today UTC",                      true,  0, TODAY },
    { "today in winter time",       "today CET",                      true,  0, TODAY - HOUR },
    { "from now on",                "+3h30min",                       false, 0, NOW + 3 * HOUR + 30 * MIN },
    { "a bare number is seconds",   "+5",                             false, 0, NOW + 5 * SEC },
    { "before now",                 "-5s",                            false, 0, NOW - 5 * SEC },
    { "ago",                        "5min ago",                       false, 0, NOW - 5 * MIN },
    { "left",                       "3 days left",                    false, 0, NOW + 3 * DAY },
    { "nothing ago",                " ago",                           false, -EINVAL, 0 },
    { "a sign wins over a word",    "+5min ago",                      false, -EINVAL, 0 },
    { "before 1970",                "100y ago",                       false, -EINVAL, 0 },
    { "after 9999",                 "+9000y",                         false, -EINVAL, 0 },
    { "infinity from now",          "+infinity",                      false, -EINVAL, 0 },
    { "a sign twice",               "--5",                            false, -ERANGE, 0 },
    { "seconds of the epoch",       "@1500000001",                    false, 0, UINT64_C(1500000001) * SEC },
    { "with decimals",              "@1500000001.5",                  false, 0, UINT64_C(1500000001) * SEC + 500000 },
    { "a span of the epoch",        "@5min",                          false, 0, 5 * MIN },
    { "the epoch has no bound",     "@infinity",                      false, 0, USEC_INFINITY },
    { "before the epoch",           "@-1",                            false, -ERANGE, 0 },
    { "the epoch has no zone",      "@5 UTC",                         false, -EINVAL, 0 },
    { "all of it",                  "Fri 2018-11-16 09:41:27",        false, 0, UINT64_C(1542361287) * SEC },
    { "a long name of a day",       "friday 2018-11-16",              false, 0, UINT64_C(1542326400) * SEC },
    { "another day",                "Thu 2018-11-16 09:41:27",        false, -EINVAL, 0 },
    { "not a day",                  "Fre 2018-11-16",                 false, -EINVAL, 0 },
    { "a day of today's date",      "Wed 11:12",                      false, 0, TODAY + 11 * HOUR + 12 * MIN },
    { "not the day of today",       "Thu 11:12",                      false, -EINVAL, 0 },
    { "a day alone",                "Wed",                            false, -EINVAL, 0 },
    { "a day of a word",            "Wed today",                      false, -EINVAL, 0 },
    { "without seconds",            "2018-11-16 09:41",               false, 0, UINT64_C(1542361260) * SEC },
    { "a date alone",               "2018-11-16",                     false, 0, UINT64_C(1542326400) * SEC },
    { "two digits of the year",     "18-11-16",                       false, 0, UINT64_C(1542326400) * SEC },
    { "68 is 2068",                 "68-01-01",                       false, 0, UINT64_C(3092601600) * SEC },
    { "69 is 1969",                 "69-12-31",                       false, -EINVAL, 0 },
    { "a time alone",               "09:41:27",                       false, 0, TODAY + 9 * HOUR + 41 * MIN + 27 * SEC },
    { "hours and minutes",          "1:2",                            false, 0, TODAY + HOUR + 2 * MIN },
    { "decimals",                   "2018-11-16 09:41:27.271828",     false, 0, UINT64_C(1542361287) * SEC + 271828 },
    { "decimals are rounded",       "09:41:27.9999999",               false, 0, TODAY + 9 * HOUR + 41 * MIN + 28 * SEC },
    { "decimals of nothing",        "09:41:27.",                      false, -EINVAL, 0 },
    { "decimals of minutes",        "11:12.5",                        false, -EINVAL, 0 },
    { "something behind decimals",  "09:41:27.5x",                    false, -EINVAL, 0 },
    { "a leap second counts on",    "2016-12-31 23:59:60",            false, 0, UINT64_C(1483228800) * SEC },
    { "second 62",                  "2016-12-31 23:59:62",            false, -EINVAL, 0 },
    { "hour 24",                    "24:00",                          false, -EINVAL, 0 },
    { "February 30 is March 1",     "2016-02-30",                     false, 0, UINT64_C(1456790400) * SEC },
    { "and its day is Tuesday",    "Tue 2016-02-30",                 false, 0, UINT64_C(1456790400) * SEC },
    { "month 13",                   "2016-13-01",                     false, -EINVAL, 0 },
    { "day 32",                     "2012-01-32",                     false, -EINVAL, 0 },
    { "the form of ISO 8601",       "2018-11-16T09:41:27",            false, -EINVAL, 0 },
    { "one digit each",             "2012-1-2 3:4:5",                 false, 0, UINT64_C(1325473445) * SEC },
    { "digits that cannot belong",  "2026-09-2216:34:22",             false, 0, UINT64_C(1790094862) * SEC },
    { "many blanks",                "2018-11-16 \t  09:41",           false, 0, UINT64_C(1542361260) * SEC },
    { "blanks before numbers",      "2012- 1- 2",                     false, 0, UINT64_C(1325462400) * SEC },
    { "a blank behind",             "2018-11-16 ",                    false, -EINVAL, 0 },
    { "a blank before",             " now",                           false, -EINVAL, 0 },
    { "before 1970 by a second",    "1969-12-31 23:59:59",            false, -EINVAL, 0 },
    { "the first second",           "1970-01-01",                     false, 0, 0 },
    { "the last second",            "9999-12-30 23:59:59",            false, 0, UINT64_C(253402214399) * SEC },
    { "a second more",              "9999-12-31 00:00:00",            false, -EINVAL, 0 },
    { "nothing",                    "",                               false, -EINVAL, 0 },
    { "a zone alone",               "UTC",                            false, -EINVAL, 0 },
    { "UTC, in any case",           "2018-11-16 09:41 utc",           true,  0, UINT64_C(1542361260) * SEC },
    { "local time in winter",       "2018-11-16 09:41",               true,  0, UINT64_C(1542357660) * SEC },
    { "local time in summer",       "2026-07-15 14:34:56",            true,  0, NOW - 500000 },
    { "its abbreviation",           "2026-07-15 14:34:56 CEST",       true,  0, NOW - 500000 },
    { "in any case",                "2026-07-15 14:34:56 cest",       true,  0, NOW - 500000 },
    { "winter time in summer",      "2026-07-15 13:34:56 CET",        true,  0, NOW - 500000 },
    { "skipped",                    "2026-03-29 02:30",               true,  0, UINT64_C(1774747800) * SEC },
    { "twice: the second",          "2026-10-25 02:30",               true,  0, UINT64_C(1792891800) * SEC },
    { "twice: the first is said",   "2026-10-25 02:30 CEST",          true,  0, UINT64_C(1792888200) * SEC },
    { "an unknown zone",            "2018-11-16 09:41 Moon/Base",     true,  -EINVAL, 0 },
    { "not a name of a zone",       "2018-11-16 09:41 ../UTC",        true,  -EINVAL, 0 },
};
/* clang-format on */

static void test_parse(void **state)
{
    const struct place *p = *state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        usec_t got = 0;
        print_message("  %s\n", cases[i].label);
        const struct zone *local = cases[i].berlin ? p->berlin : zone_utc();
        assert_int_equal(timestamp_parse(cases[i].text, NOW, local, NULL, &got), cases[i].r);
        assert_int_equal(got, cases[i].want);
    }
}

static void test_long_text(void **state)
{
    (void)state;
    char *text = malloc(100001);
    usec_t got = 0;
    assert_non_null(text);
    memset(text, ' ', 100000);
    text[0] = '1';
    text[100000] = '\0';
    assert_int_equal(timestamp_parse(text, NOW, zone_utc(), NULL, &got), -EINVAL);
    free(text);
}

/* A zone file that is all rule (RFC 8536). */
#define BLOCK "TZif2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\4\0\0\0\0\0\0AAA\0"

static void test_named_zone(void **state)
{
    static const char *const names[] = { "usr", "usr/share", "usr/share/zoneinfo", "usr/share/zoneinfo/Europe",
                                         "usr/share/zoneinfo/Europe/Berlin" };
    static const char file[] = BLOCK BLOCK "\n" BERLIN "\n";
    char root[] = "/tmp/container-init-test.XXXXXX", paths[COUNT_OF(names)][96];
    usec_t got = 0;
    (void)state;
    assert_non_null(mkdtemp(root));
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        (void)snprintf(paths[i], sizeof paths[i], "%s/%s", root, names[i]);
        if (i + 1 < COUNT_OF(names)) {
            assert_int_equal(mkdir(paths[i], 0755), 0);
            continue;
        }
        int fd = open(paths[i], O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
        assert_true(fd >= 0);
        assert_int_equal(write(fd, file, sizeof file - 1), (ssize_t)sizeof file - 1);
        assert_int_equal(close(fd), 0);
    }
    AUTO(zones_free) struct zones *zones = zones_new(root);
    assert_non_null(zones);
    assert_int_equal(timestamp_parse("2026-07-15 14:34:56 Europe/Berlin", NOW, zone_utc(), zones, &got), 0);
    assert_int_equal(got, NOW - 500000);
    assert_int_equal(timestamp_parse("today Europe/Berlin", NOW, zone_utc(), zones, &got), 0);
    assert_int_equal(got, TODAY - 2 * HOUR);
    assert_int_equal(timestamp_parse("now Europe/Berlin", NOW, zone_utc(), zones, &got), -EINVAL);
    assert_int_equal(timestamp_parse("@5 Europe/Berlin", NOW, zone_utc(), zones, &got), -EINVAL);
    for (size_t i = COUNT_OF(names); i > 0; i--) assert_int_equal(remove(paths[i - 1]), 0);
    assert_int_equal(rmdir(root), 0);
}

static void test_format(void **state)
{
    const struct place *p = *state;
    char text[TIMESTAMP_TEXT_MAX];
    assert_string_equal(timestamp_format(NOW, zone_utc(), text), "Wed 2026-07-15 12:34:56 UTC");
    assert_string_equal(timestamp_format(NOW, p->berlin, text), "Wed 2026-07-15 14:34:56 CEST");
    assert_string_equal(timestamp_format(1, zone_utc(), text), "Thu 1970-01-01 00:00:00 UTC");
    assert_string_equal(timestamp_format(TIMESTAMP_MAX, zone_utc(), text), "Thu 9999-12-30 23:59:59 UTC");
    assert_string_equal(timestamp_format(TIMESTAMP_MAX + 1, zone_utc(), text), "--- XXXX-XX-XX XX:XX:XX");
    assert_null(timestamp_format(0, zone_utc(), text));
    assert_null(timestamp_format(USEC_INFINITY, zone_utc(), text));
    /* A name of 14 letters does not fit behind the time. */
    const struct zone *zone = NULL;
    assert_int_equal(zones_local(p->zones, "ABCDEFGHIJKLM0", &zone), 0);
    assert_string_equal(timestamp_format(1, zone, text), "Thu 1970-01-01 00:00:00 ABCDEFGHIJKLM");
    assert_int_equal(zones_local(p->zones, "ABCDEFGHIJKLMN0", &zone), 0);
    assert_string_equal(timestamp_format(1, zone, text), "Thu 1970-01-01 00:00:00");
}

/* clang-format off */
static const struct { usec_t distance; const char *text; } distances[] = {
    { 999,                        "999us" },
    { 1000,                       "1ms" },
    { SEC,                        "1s" },
    { MIN - 1,                    "59s" },
    { MIN,                        "1min 0s" },
    { 5 * MIN - 1,                "4min 59s" },
    { 5 * MIN,                    "5min" },
    { HOUR,                       "1h 0min" },
    { 6 * HOUR - 1,               "5h 59min" },
    { 6 * HOUR,                   "6h" },
    { 25 * HOUR - 1,              "24h" },
    { 25 * HOUR,                  "1 day 1h" },
    { 2 * DAY - 1,                "1 day 23h" },
    { 2 * DAY,                    "2 days" },
    { 7 * DAY - 1,                "6 days" },
    { 7 * DAY,                    "1 week 0 days" },
    { 15 * DAY,                   "2 weeks 1 day" },
    { 2629800 * SEC,              "1 month 0 days" },
    { 2629800 * SEC + DAY,        "1 month 1 day" },
    { 2 * 2629800 * SEC,          "2 months 0 days" },
    { 31557600 * SEC,             "1 year 0 months" },
    { (31557600 + 2629800) * SEC, "1 year 1 month" },
    { 10 * 31557600 * SEC,        "10 years 0 months" },
};
/* clang-format on */

static void test_relative(void **state)
{
    char text[TIMESTAMP_TEXT_MAX], want[TIMESTAMP_TEXT_MAX];
    (void)state;
    for (size_t i = 0; i < COUNT_OF(distances); i++) {
        print_message("  %s\n", distances[i].text);
        (void)snprintf(want, sizeof want, "%s ago", distances[i].text);
        assert_string_equal(timestamp_format_relative(NOW - distances[i].distance, NOW, text), want);
        (void)snprintf(want, sizeof want, "%s left", distances[i].text);
        assert_string_equal(timestamp_format_relative(NOW + distances[i].distance, NOW, text), want);
    }
    assert_string_equal(timestamp_format_relative(NOW, NOW, text), "now");
    assert_null(timestamp_format_relative(0, NOW, text));
    assert_null(timestamp_format_relative(USEC_INFINITY, NOW, text));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),  cmocka_unit_test(test_long_text), cmocka_unit_test(test_named_zone),
        cmocka_unit_test(test_format), cmocka_unit_test(test_relative),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
