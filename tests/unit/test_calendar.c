/* unit/calendar: what an expression means. The answers are those of systemd 252. */
#include "tests/unit/scratch_dir.h"

#include "unit/calendar.h"

#include "base/arena.h"
#include "base/str.h"
#include "base/timestamp.h"

#define ELAPSES_MAX 3
#define BASE        (UINT64_C(1767225600) * USEC_PER_SEC) /* 2026-01-01 */

/* A zone file that is all rule (RFC 8536). */
#define BLOCK      "TZif2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\4\0\0\0\0\0\0AAA\0"
#define ZONE(rule) BLOCK BLOCK "\n" rule "\n"
#define BERLIN     "CET-1CEST,M3.5.0,M10.5.0/3"
#define NEW_YORK   "EST5EDT,M3.2.0,M11.1.0"

struct place {
    struct scratch dir;
    struct zones *zones;
    struct arena *arena;
};

static int setup(void **state)
{
    static const char berlin[] = ZONE(BERLIN), new_york[] = ZONE(NEW_YORK);
    static const char *const directories[] = { "usr", "usr/share", "usr/share/zoneinfo", "usr/share/zoneinfo/Europe",
                                               "usr/share/zoneinfo/America" };
    struct place *p = calloc(1, sizeof *p);
    assert_non_null(p);
    scratch_init(&p->dir);
    for (size_t i = 0; i < COUNT_OF(directories); i++) scratch_mkdir(&p->dir, directories[i]);
    scratch_write_bytes(&p->dir, "usr/share/zoneinfo/Europe/Berlin", berlin, sizeof berlin - 1);
    scratch_write_bytes(&p->dir, "usr/share/zoneinfo/America/New_York", new_york, sizeof new_york - 1);
    assert_non_null(p->zones = zones_new(p->dir.root));
    assert_non_null(p->arena = arena_new());
    *state = p;
    return 0;
}

static int teardown(void **state)
{
    struct place *p = *state;
    arena_free(p->arena);
    zones_free(p->zones);
    scratch_done(&p->dir);
    free(p);
    return 0;
}

/* clang-format off */
static const struct { const char *label, *text; int r; const char *normal, *base, *elapses[ELAPSES_MAX]; } cases[] = {
    { "every day",                          "*-*-*",                       0, "*-*-* 00:00:00", "2026-01-01 00:00:00", { "Fri 2026-01-02 00:00:00", "Sat 2026-01-03 00:00:00", "Sun 2026-01-04 00:00:00" } },
    { "a time alone",                       "03:30",                       0, "*-*-* 03:30:00", "2026-01-01 03:29:59", { "Thu 2026-01-01 03:30:00", "Fri 2026-01-02 03:30:00", "Sat 2026-01-03 03:30:00" } },
    { "not the moment itself",              "03:30",                       0, "*-*-* 03:30:00", "2026-01-01 03:30:00", { "Fri 2026-01-02 03:30:00", "Sat 2026-01-03 03:30:00", "Sun 2026-01-04 03:30:00" } },
    { "hour and minute only",               "*:0/20",                      0, "*-*-* *:00/20:00", "2026-01-01 00:39:00", { "Thu 2026-01-01 00:40:00", "Thu 2026-01-01 01:00:00", "Thu 2026-01-01 01:20:00" } },
    { "a step that leaves its hour",        "*:0/40",                      0, "*-*-* *:00/40:00", "2026-01-01 00:00:00", { "Thu 2026-01-01 00:40:00", "Thu 2026-01-01 01:00:00", "Thu 2026-01-01 01:40:00" } },
    { "steps from an odd minute",           "*:7/15",                      0, "*-*-* *:07/15:00", "2026-01-01 00:00:00", { "Thu 2026-01-01 00:07:00", "Thu 2026-01-01 00:22:00", "Thu 2026-01-01 00:37:00" } },
    { "seconds",                            "*:*:10..50/20",               0, "*-*-* *:*:10..50/20", "2026-01-01 00:00:00", { "Thu 2026-01-01 00:00:10", "Thu 2026-01-01 00:00:30", "Thu 2026-01-01 00:00:50" } },
    { "every second",                       "*:*:*",                       0, "*-*-* *:*:*", "2026-01-01 00:00:00", { "Thu 2026-01-01 00:00:01", "Thu 2026-01-01 00:00:02", "Thu 2026-01-01 00:00:03" } },
    { "half a second",                      "*:*:0/0.5",                   0, "*-*-* *:*:00/0.500000", "2026-01-01 00:00:00", { "Thu 2026-01-01 00:00:00", "Thu 2026-01-01 00:00:01", "Thu 2026-01-01 00:00:01" } },
    { "decimals",                           "*:*:1.25,2.000001",           0, "*-*-* *:*:01.250000,02.000001", "2026-01-01 00:00:00", { "Thu 2026-01-01 00:00:01", "Thu 2026-01-01 00:00:02", "Thu 2026-01-01 00:01:01" } },
    { "the seventh decimal rounds",         "0:0:0.0000015",               0, "*-*-* 00:00:00.000002", "2026-01-01 00:00:00", { "Thu 2026-01-01 00:00:00", "Fri 2026-01-02 00:00:00", "Sat 2026-01-03 00:00:00" } },
    { "a list, sorted, each once",          "5,3,5,4:0",                   0, "*-*-* 03,04,05:00:00", "2026-01-01 00:00:00", { "Thu 2026-01-01 03:00:00", "Thu 2026-01-01 04:00:00", "Thu 2026-01-01 05:00:00" } },
    { "a range of one is none",             "5..5:0",                      0, "*-*-* 05:00:00", "2026-01-01 00:00:00", { "Thu 2026-01-01 05:00:00", "Fri 2026-01-02 05:00:00", "Sat 2026-01-03 05:00:00" } },
    { "a range ends at its last step",      "0..22/6:0",                   0, "*-*-* 00..18/6:00:00", "2026-01-01 00:00:00", { "Thu 2026-01-01 06:00:00", "Thu 2026-01-01 12:00:00", "Thu 2026-01-01 18:00:00" } },
    { "a range with step 1",                "2..4/1:0",                    0, "*-*-* 02..04:00:00", "2026-01-01 00:00:00", { "Thu 2026-01-01 02:00:00", "Thu 2026-01-01 03:00:00", "Thu 2026-01-01 04:00:00" } },
    { "ranges that overlap",                "1..3,2..5:0",                 0, "*-*-* 01..03,02..05:00:00", "2026-01-01 00:00:00", { "Thu 2026-01-01 01:00:00", "Thu 2026-01-01 02:00:00", "Thu 2026-01-01 03:00:00" } },
    { "a weekday",                          "Mon",                         0, "Mon *-*-* 00:00:00", "2026-01-01 00:00:00", { "Mon 2026-01-05 00:00:00", "Mon 2026-01-12 00:00:00", "Mon 2026-01-19 00:00:00" } },
    { "weekdays, any case",                 "sAt,sunday",                  0, "Sat,Sun *-*-* 00:00:00", "2026-01-01 00:00:00", { "Sat 2026-01-03 00:00:00", "Sun 2026-01-04 00:00:00", "Sat 2026-01-10 00:00:00" } },
    { "a range of weekdays",                "Tue..Thu",                    0, "Tue..Thu *-*-* 00:00:00", "2026-01-01 00:00:00", { "Tue 2026-01-06 00:00:00", "Wed 2026-01-07 00:00:00", "Thu 2026-01-08 00:00:00" } },
    { "its older form",                     "Tue-Thu",                     0, "Tue..Thu *-*-* 00:00:00", "2026-01-01 00:00:00", { "Tue 2026-01-06 00:00:00", "Wed 2026-01-07 00:00:00", "Thu 2026-01-08 00:00:00" } },
    { "a trailing comma",                   "Fri,",                        0, "Fri *-*-* 00:00:00", "2026-01-01 00:00:00", { "Fri 2026-01-02 00:00:00", "Fri 2026-01-09 00:00:00", "Fri 2026-01-16 00:00:00" } },
    { "two neighbours",                     "Mon,Tue",                     0, "Mon,Tue *-*-* 00:00:00", "2026-01-01 00:00:00", { "Mon 2026-01-05 00:00:00", "Tue 2026-01-06 00:00:00", "Mon 2026-01-12 00:00:00" } },
    { "every weekday is none",              "Mon..Sun",                    0, "*-*-* 00:00:00", "2026-01-01 00:00:00", { "Fri 2026-01-02 00:00:00", "Sat 2026-01-03 00:00:00", "Sun 2026-01-04 00:00:00" } },
    { "weekday and date",                   "Fri *-*-13",                  0, "Fri *-*-13 00:00:00", "2026-01-01 00:00:00", { "Fri 2026-02-13 00:00:00", "Fri 2026-03-13 00:00:00", "Fri 2026-11-13 00:00:00" } },
    { "weekday and time",                   "Sun 04:05",                   0, "Sun *-*-* 04:05:00", "2026-01-01 00:00:00", { "Sun 2026-01-04 04:05:00", "Sun 2026-01-11 04:05:00", "Sun 2026-01-18 04:05:00" } },
    { "month and day",                      "12-24",                       0, "*-12-24 00:00:00", "2026-12-24 00:00:00", { "Fri 2027-12-24 00:00:00", "Sun 2028-12-24 00:00:00", "Mon 2029-12-24 00:00:00" } },
    { "leap days",                          "*-02-29",                     0, "*-02-29 00:00:00", "2026-01-01 00:00:00", { "Tue 2028-02-29 00:00:00", "Sun 2032-02-29 00:00:00", "Fri 2036-02-29 00:00:00" } },
    { "leap days on Sundays",               "Sun *-02-29",                 0, "Sun *-02-29 00:00:00", "2026-01-01 00:00:00", { "Sun 2032-02-29 00:00:00", "Sun 2060-02-29 00:00:00", "Sun 2088-02-29 00:00:00" } },
    { "no leap day in 2100",                "2100-02-29",                  0, "2100-02-29 00:00:00", "2026-01-01 00:00:00", { "never" } },
    { "February 30 never comes",            "*-02-30",                     0, "*-02-30 00:00:00", "2026-01-01 00:00:00", { "never" } },
    { "nor April 31",                       "*-04,06-31",                  0, "*-04,06-31 00:00:00", "2026-01-01 00:00:00", { "never" } },
    { "every 31st",                         "*-*-31",                      0, "*-*-31 00:00:00", "2026-01-31 00:00:00", { "Tue 2026-03-31 00:00:00", "Sun 2026-05-31 00:00:00", "Fri 2026-07-31 00:00:00" } },
    { "the last of the month",              "*-*~1",                       0, "*-*~01 00:00:00", "2026-01-15 00:00:00", { "Sat 2026-01-31 00:00:00", "Sat 2026-02-28 00:00:00", "Tue 2026-03-31 00:00:00" } },
    { "the last of February",               "*-02~01",                     0, "*-02~01 00:00:00", "2026-01-15 00:00:00", { "Sat 2026-02-28 00:00:00", "Sun 2027-02-28 00:00:00", "Tue 2028-02-29 00:00:00" } },
    { "the 28th from the end",              "*-*~28",                      0, "*-*~28 00:00:00", "2026-01-15 00:00:00", { "Sun 2026-02-01 00:00:00", "Wed 2026-03-04 00:00:00", "Fri 2026-04-03 00:00:00" } },
    { "no 29th from the end",               "*-*~29",                      .r = -EINVAL },
    { "the last Monday of May",             "Mon *-05~07/1",               0, "Mon *-05~07/1 00:00:00", "2026-01-01 00:00:00", { "Mon 2026-05-25 00:00:00", "Mon 2027-05-31 00:00:00", "Mon 2028-05-29 00:00:00" } },
    { "the last three days",                "*-*~1..3",                    0, "*-*~01..03 00:00:00", "2026-02-20 00:00:00", { "Thu 2026-02-26 00:00:00", "Fri 2026-02-27 00:00:00", "Sat 2026-02-28 00:00:00" } },
    { "from the fifth on by twos",          "*-*~5/2",                     0, "*-*~05/2 00:00:00", "2026-02-01 00:00:00", { "Tue 2026-02-24 00:00:00", "Thu 2026-02-26 00:00:00", "Sat 2026-02-28 00:00:00" } },
    { "a list from the end",                "*-02~3,1",                    0, "*-02~01,03 00:00:00", "2026-01-01 00:00:00", { "Thu 2026-02-26 00:00:00", "Sat 2026-02-28 00:00:00", "Fri 2027-02-26 00:00:00" } },
    { "the second of a list reaches less",  "*-*~1,26",                    .r = -EINVAL },
    { "from the end with any day",          "*-02~*",                      0, "*-02-* 00:00:00", "2026-02-26 00:00:00", { "Fri 2026-02-27 00:00:00", "Sat 2026-02-28 00:00:00", "Mon 2027-02-01 00:00:00" } },
    { "month, from its end",                "02~1 12:00",                  0, "*-02~01 12:00:00", "2026-01-01 00:00:00", { "Sat 2026-02-28 12:00:00", "Sun 2027-02-28 12:00:00", "Tue 2028-02-29 12:00:00" } },
    { "days by threes begin anew",          "*-*-1/3",                     0, "*-*-01/3 00:00:00", "2026-02-26 00:00:00", { "Sat 2026-02-28 00:00:00", "Sun 2026-03-01 00:00:00", "Wed 2026-03-04 00:00:00" } },
    { "days past the end of the month",     "*-*-25/4",                    0, "*-*-25/4 00:00:00", "2026-02-20 00:00:00", { "Wed 2026-02-25 00:00:00", "Wed 2026-03-25 00:00:00", "Sun 2026-03-29 00:00:00" } },
    { "months by fives",                    "*-2/5-1",                     0, "*-02/5-01 00:00:00", "2026-01-01 00:00:00", { "Sun 2026-02-01 00:00:00", "Wed 2026-07-01 00:00:00", "Tue 2026-12-01 00:00:00" } },
    { "a year",                             "2027-1-1",                    0, "2027-01-01 00:00:00", "2026-01-01 00:00:00", { "Fri 2027-01-01 00:00:00" } },
    { "years by step",                      "2024/3-1-1",                  0, "2024/3-01-01 00:00:00", "2026-01-01 00:00:00", { "Fri 2027-01-01 00:00:00", "Tue 2030-01-01 00:00:00", "Sat 2033-01-01 00:00:00" } },
    { "a range of years",                   "2026..2028-6-1",              0, "2026..2028-06-01 00:00:00", "2026-01-01 00:00:00", { "Mon 2026-06-01 00:00:00", "Tue 2027-06-01 00:00:00", "Thu 2028-06-01 00:00:00" } },
    { "years of two digits",                "69,27-1-1",                   0, "2027,2069-01-01 00:00:00", "2026-01-01 00:00:00", { "Fri 2027-01-01 00:00:00", "Tue 2069-01-01 00:00:00" } },
    { "70 is 1970",                         "70-1-1",                      0, "1970-01-01 00:00:00", "2026-01-01 00:00:00", { "never" } },
    { "the year is over",                   "2025-*-*",                    0, "2025-*-* 00:00:00", "2026-01-01 00:00:00", { "never" } },
    { "the last year",                      "2199-12-31",                  0, "2199-12-31 00:00:00", "2026-01-01 00:00:00", { "Tue 2199-12-31 00:00:00" } },
    { "after the last year",                "*-12-31",                     0, "*-12-31 00:00:00", "2199-12-30 00:00:00", { "Tue 2199-12-31 00:00:00" } },
    { "a year before 1970",                 "1969-1-1",                    .r = -EINVAL },
    { "a year after 2199",                  "2200-1-1",                    .r = -EINVAL },
    { "epoch",                              "@1800000000",                 0, "2027-01-15 08:00:00 UTC", "2026-01-01 00:00:00", { "Fri 2027-01-15 08:00:00" } },
    { "epoch of the past",                  "@5",                          0, "1970-01-01 00:00:05 UTC", "2026-01-01 00:00:00", { "never" } },
    { "epoch too far",                      "@9999999999",                 .r = -EINVAL },
    { "minutely",                           "minutely",                    0, "*-*-* *:*:00", "2026-01-01 00:00:30", { "Thu 2026-01-01 00:01:00", "Thu 2026-01-01 00:02:00", "Thu 2026-01-01 00:03:00" } },
    { "hourly",                             "hourly",                      0, "*-*-* *:00:00", "2026-01-01 00:00:30", { "Thu 2026-01-01 01:00:00", "Thu 2026-01-01 02:00:00", "Thu 2026-01-01 03:00:00" } },
    { "daily",                              "DAILY",                       0, "*-*-* 00:00:00", "2026-01-01 00:00:30", { "Fri 2026-01-02 00:00:00", "Sat 2026-01-03 00:00:00", "Sun 2026-01-04 00:00:00" } },
    { "weekly",                             "weekly",                      0, "Mon *-*-* 00:00:00", "2026-01-01 00:00:30", { "Mon 2026-01-05 00:00:00", "Mon 2026-01-12 00:00:00", "Mon 2026-01-19 00:00:00" } },
    { "monthly",                            "monthly",                     0, "*-*-01 00:00:00", "2026-01-01 00:00:30", { "Sun 2026-02-01 00:00:00", "Sun 2026-03-01 00:00:00", "Wed 2026-04-01 00:00:00" } },
    { "yearly",                             "yearly",                      0, "*-01-01 00:00:00", "2026-01-01 00:00:30", { "Fri 2027-01-01 00:00:00", "Sat 2028-01-01 00:00:00", "Mon 2029-01-01 00:00:00" } },
    { "annually",                           "annually",                    0, "*-01-01 00:00:00", "2026-01-01 00:00:30", { "Fri 2027-01-01 00:00:00", "Sat 2028-01-01 00:00:00", "Mon 2029-01-01 00:00:00" } },
    { "the misspelt one",                   "anually",                     0, "*-01-01 00:00:00", "2026-01-01 00:00:30", { "Fri 2027-01-01 00:00:00", "Sat 2028-01-01 00:00:00", "Mon 2029-01-01 00:00:00" } },
    { "quarterly",                          "quarterly",                   0, "*-01,04,07,10-01 00:00:00", "2026-01-01 00:00:30", { "Wed 2026-04-01 00:00:00", "Wed 2026-07-01 00:00:00", "Thu 2026-10-01 00:00:00" } },
    { "semiannually",                       "semiannually",                0, "*-01,07-01 00:00:00", "2026-01-01 00:00:30", { "Wed 2026-07-01 00:00:00", "Fri 2027-01-01 00:00:00", "Thu 2027-07-01 00:00:00" } },
    { "semi-annually",                      "semi-annually",               0, "*-01,07-01 00:00:00", "2026-01-01 00:00:30", { "Wed 2026-07-01 00:00:00", "Fri 2027-01-01 00:00:00", "Thu 2027-07-01 00:00:00" } },
    { "biannually",                         "biannually",                  0, "*-01,07-01 00:00:00", "2026-01-01 00:00:30", { "Wed 2026-07-01 00:00:00", "Fri 2027-01-01 00:00:00", "Thu 2027-07-01 00:00:00" } },
    { "bi-annually",                        "bi-annually",                 0, "*-01,07-01 00:00:00", "2026-01-01 00:00:30", { "Wed 2026-07-01 00:00:00", "Fri 2027-01-01 00:00:00", "Thu 2027-07-01 00:00:00" } },
    { "UTC",                                "daily UTC",                   0, "*-*-* 00:00:00 UTC", "2026-01-01 00:00:30", { "Fri 2026-01-02 00:00:00", "Sat 2026-01-03 00:00:00", "Sun 2026-01-04 00:00:00" } },
    { "utc",                                "03:00 utc",                   0, "*-*-* 03:00:00 UTC", "2026-01-01 00:00:30", { "Thu 2026-01-01 03:00:00", "Fri 2026-01-02 03:00:00", "Sat 2026-01-03 03:00:00" } },
    { "in Berlin",                          "03:00 Europe/Berlin",         0, "*-*-* 03:00:00 Europe/Berlin", "2026-03-28 12:00:00", { "Sun 2026-03-29 01:00:00", "Mon 2026-03-30 01:00:00", "Tue 2026-03-31 01:00:00" } },
    { "skipped in Berlin",                  "02:30 Europe/Berlin",         0, "*-*-* 02:30:00 Europe/Berlin", "2026-03-27 12:00:00", { "Sat 2026-03-28 01:30:00", "Mon 2026-03-30 00:30:00", "Tue 2026-03-31 00:30:00" } },
    { "twice in Berlin: once",              "02:30 Europe/Berlin",         0, "*-*-* 02:30:00 Europe/Berlin", "2026-10-24 12:00:00", { "Sun 2026-10-25 00:30:00", "Mon 2026-10-26 01:30:00", "Tue 2026-10-27 01:30:00" } },
    { "every half hour, summer begins",     "*:0/30 Europe/Berlin",        0, "*-*-* *:00/30:00 Europe/Berlin", "2026-03-29 00:29:00", { "Sun 2026-03-29 00:30:00", "Sun 2026-03-29 01:00:00", "Sun 2026-03-29 01:30:00" } },
    { "every half hour, winter begins",     "*:0/30 Europe/Berlin",        0, "*-*-* *:00/30:00 Europe/Berlin", "2026-10-25 00:29:00", { "Sun 2026-10-25 00:30:00", "Sun 2026-10-25 02:00:00", "Sun 2026-10-25 02:30:00" } },
    { "midnight over the change",           "daily Europe/Berlin",         0, "*-*-* 00:00:00 Europe/Berlin", "2026-10-23 23:00:00", { "Sat 2026-10-24 22:00:00", "Sun 2026-10-25 23:00:00", "Mon 2026-10-26 23:00:00" } },
    { "skipped in New York",                "02:30 America/New_York",      0, "*-*-* 02:30:00 America/New_York", "2026-03-07 12:00:00", { "Mon 2026-03-09 06:30:00", "Tue 2026-03-10 06:30:00", "Wed 2026-03-11 06:30:00" } },
    { "twice in New York",                  "01:30 America/New_York",      0, "*-*-* 01:30:00 America/New_York", "2026-10-31 12:00:00", { "Sun 2026-11-01 05:30:00", "Mon 2026-11-02 06:30:00", "Tue 2026-11-03 06:30:00" } },
    { "the last hour of the year",          "Mon *-*~1 23:00 America/New_York", 0, "Mon *-*~01 23:00:00 America/New_York", "2026-01-01 00:00:00", { "Tue 2026-09-01 03:00:00", "Tue 2026-12-01 04:00:00", "Tue 2027-06-01 03:00:00" } },
    { "only ever skipped",                  "Sun *-03-25..31 02:30 Europe/Berlin", 0, "Sun *-03-25..31 02:30:00 Europe/Berlin", "2026-01-01 00:00:00", { "deadlock" } },
    { "noon in New York, year by year",     "*-07-04 12:00 America/New_York", 0, "*-07-04 12:00:00 America/New_York", "2026-01-01 00:00:00", { "Sat 2026-07-04 16:00:00", "Sun 2027-07-04 16:00:00", "Tue 2028-07-04 16:00:00" } },
    { "an unknown zone",                    "daily Moon/Base",             .r = -EINVAL },
    { "a zone in another case",             "daily europe/berlin",         .r = -EINVAL },
    { "a zone alone",                       "Europe/Berlin",               .r = -EINVAL },
    { "UTC alone",                          "UTC",                         .r = -EINVAL },
    { "a path is not a zone",               "daily ../Berlin",             .r = -EINVAL },
    { "two blanks before the zone",         "daily  UTC",                  .r = -EINVAL },
    { "nothing",                            "",                            .r = -EINVAL },
    { "a blank",                            " ",                           .r = -EINVAL },
    { "a word",                             "tomorrow",                    .r = -EINVAL },
    { "an hour alone",                      "12",                          .r = -EINVAL },
    { "hour 24",                            "24:00",                       .r = -EINVAL },
    { "minute 60",                          "0:60",                        .r = -EINVAL },
    { "second 60",                          "0:0:60",                      .r = -EINVAL },
    { "month 0",                            "0-1",                         .r = -EINVAL },
    { "month 13",                           "13-1",                        .r = -EINVAL },
    { "day 0",                              "1-0",                         .r = -EINVAL },
    { "day 32",                             "1-32",                        .r = -EINVAL },
    { "the form of ISO 8601",               "2026-01-01T00:00",            .r = -EINVAL },
    { "four parts of a date",               "2026-1-1-1",                  .r = -EINVAL },
    { "four parts of a time",               "0:0:0:0",                     .r = -EINVAL },
    { "a range backwards",                  "5..3:0",                      .r = -EINVAL },
    { "weekdays backwards",                 "Fri..Mon",                    .r = -EINVAL },
    { "a range without an end",             "Mon..",                       .r = -EINVAL },
    { "two ranges of one",                  "Mon..Tue..Wed",               .r = -EINVAL },
    { "one point",                          "Mon.Tue",                     .r = -EINVAL },
    { "not a weekday",                      "Mox",                         .r = -EINVAL },
    { "a weekday and more",                 "Mondays",                     .r = -EINVAL },
    { "step 0",                             "*:0/0",                       .r = -ERANGE },
    { "a step out of the hour",             "*:5/55",                      .r = -EINVAL },
    { "a step longer than its range",       "1..3/5:0",                    0, "*-*-* 01:00:00", "2026-01-01 00:00:00", { "Thu 2026-01-01 01:00:00", "Fri 2026-01-02 01:00:00", "Sat 2026-01-03 01:00:00" } },
    { "a range within a second",            "*:*:1..1.5/0.25",             0, "*-*-* *:*:01..01.500000/0.250000", "2026-01-01 00:00:00", { "Thu 2026-01-01 00:00:01", "Thu 2026-01-01 00:00:01", "Thu 2026-01-01 00:00:01" } },
    { "no range of a second",               "*:*:1..1",                    .r = -EINVAL },
    { "a sign",                             "+5:00",                       .r = -EINVAL },
    { "decimals of nothing",                "0:0:1.",                      .r = -EINVAL },
    { "decimals of an hour",                "1.5:00",                      .r = -EINVAL },
    { "a list with a hole",                 "1,,2:0",                      .r = -EINVAL },
    { "a list with an end",                 "1,2,:0",                      .r = -EINVAL },
    { "star and step",                      "*/2:0",                       .r = -EINVAL },
    { "from the end twice",                 "*~*~1",                       .r = -EINVAL },
    { "something behind",                   "daily x",                     .r = -EINVAL },
    { "number too large",                   "99999999999-1-1",             .r = -ERANGE },
    { "seconds too large",                  "0:0:2148",                    .r = -ERANGE },
};
/* clang-format on */

static usec_t time_of(const char *text)
{
    usec_t time = 0;
    assert_int_equal(timestamp_parse(text, 0, zone_utc(), NULL, &time), 0);
    return time;
}

static void check_elapses(const struct calendar *calendar, const char *base, const char *const *elapses)
{
    usec_t time = time_of(base);
    for (size_t i = 0; i < ELAPSES_MAX; i++) {
        char text[TIMESTAMP_TEXT_MAX];
        int r = calendar_next(calendar, zone_utc(), time, &time);
        if (!elapses[i] || strcmp(elapses[i], "never") == 0) {
            assert_int_equal(r, -ENOENT);
            break;
        }
        if (strcmp(elapses[i], "deadlock") == 0) {
            assert_int_equal(r, -EDEADLK);
            break;
        }
        assert_int_equal(r, 0);
        assert_non_null(timestamp_format(time, zone_utc(), text));
        text[strlen(text) - strlen(" UTC")] = '\0';
        assert_string_equal(text, elapses[i]);
    }
}

static void test_expressions(void **state)
{
    struct place *p = *state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        AUTO_STR struct str normal = STR_EMPTY;
        const struct calendar *calendar = NULL;
        print_message("  %s\n", cases[i].label);
        assert_int_equal(calendar_parse(cases[i].text, p->zones, zone_utc(), p->arena, &calendar), cases[i].r);
        if (cases[i].r < 0) {
            assert_null(calendar);
            continue;
        }
        assert_int_equal(calendar_format(calendar, zone_utc(), &normal), 0);
        assert_string_equal(str_text(&normal), cases[i].normal);
        check_elapses(calendar, cases[i].base, cases[i].elapses);
    }
}

/* The canonical text means the same, and is its own. */
static void test_normal_form(void **state)
{
    struct place *p = *state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        AUTO_STR struct str normal = STR_EMPTY;
        const struct calendar *calendar = NULL;
        if (cases[i].r < 0) continue;
        print_message("  %s\n", cases[i].label);
        assert_int_equal(calendar_parse(cases[i].normal, p->zones, zone_utc(), p->arena, &calendar), 0);
        assert_int_equal(calendar_format(calendar, zone_utc(), &normal), 0);
        assert_string_equal(str_text(&normal), cases[i].normal);
        check_elapses(calendar, cases[i].base, cases[i].elapses);
    }
}

/* ---- the reader's own zone ---- */

/* clang-format off */
static const struct { const char *label, *text, *normal, *base, *elapses[ELAPSES_MAX]; } local_cases[] = {
    { "local midnight",             "daily",        "*-*-* 00:00:00",      "2026-03-27 23:30:00", { "Sat 2026-03-28 23:00:00", "Sun 2026-03-29 22:00:00", "Mon 2026-03-30 22:00:00" } },
    { "UTC is said",                "daily UTC",    "*-*-* 00:00:00 UTC",  "2026-03-27 23:30:00", { "Sat 2026-03-28 00:00:00", "Sun 2026-03-29 00:00:00", "Mon 2026-03-30 00:00:00" } },
    { "summer time is said",        "daily cest",   "*-*-* 00:00:00 CEST", "2026-07-01 00:00:00", { "Wed 2026-07-01 22:00:00", "Thu 2026-07-02 22:00:00", "Fri 2026-07-03 22:00:00" } },
    { "and there is none",          "daily CEST",   "*-*-* 00:00:00 CEST", "2026-01-01 00:00:00", { "never" } },
    { "summer time is over",        "02:30 CEST",   "*-*-* 02:30:00 CEST", "2026-10-24 23:10:00", { "Sun 2026-10-25 00:30:00", "never" } },
    { "over for this minute",       "02:30 CEST",   "*-*-* 02:30:00 CEST", "2026-10-25 01:10:00", { "never" } },
    { "winter time is said",        "daily CET",    "*-*-* 00:00:00 CET",  "2026-01-01 00:00:00", { "Thu 2026-01-01 23:00:00", "Fri 2026-01-02 23:00:00", "Sat 2026-01-03 23:00:00" } },
    { "another zone is said",       "daily America/New_York", "*-*-* 00:00:00 America/New_York", "2026-01-01 00:00:00", { "Thu 2026-01-01 05:00:00", "Fri 2026-01-02 05:00:00", "Sat 2026-01-03 05:00:00" } },
    /* systemd 252 loses its way in these two (docs/DIFFERENCES.md): it takes the kind of time of the first try along. */
    { "months that leave the year", "*-1/10-*",     "*-01/10-* 00:00:00",  "2198-12-30 22:30:00", { "Mon 2198-12-31 23:00:00", "Tue 2199-01-01 23:00:00", "Wed 2199-01-02 23:00:00" } },
    { "hours that leave the day",   "13/9:00",      "*-*-* 13/9:00:00",    "2026-03-28 22:00:00", { "Sun 2026-03-29 11:00:00", "Sun 2026-03-29 20:00:00", "Mon 2026-03-30 11:00:00" } },
};
/* clang-format on */

static void test_local_zone(void **state)
{
    struct place *p = *state;
    const struct zone *local = NULL;
    assert_int_equal(zones_local(p->zones, BERLIN, &local), 0);
    for (size_t i = 0; i < COUNT_OF(local_cases); i++) {
        AUTO_STR struct str normal = STR_EMPTY;
        const struct calendar *calendar = NULL;
        usec_t time = time_of(local_cases[i].base);
        print_message("  %s\n", local_cases[i].label);
        assert_int_equal(calendar_parse(local_cases[i].text, p->zones, local, p->arena, &calendar), 0);
        assert_int_equal(calendar_format(calendar, local, &normal), 0);
        assert_string_equal(str_text(&normal), local_cases[i].normal);
        for (size_t j = 0; j < ELAPSES_MAX && local_cases[i].elapses[j]; j++) {
            char text[TIMESTAMP_TEXT_MAX];
            bool never = strcmp(local_cases[i].elapses[j], "never") == 0;
            int r = calendar_next(calendar, local, time, &time);
            if (never) {
                assert_int_equal(r, -ENOENT);
                break;
            }
            assert_int_equal(r, 0);
            assert_non_null(timestamp_format(time, zone_utc(), text));
            text[strlen(text) - strlen(" UTC")] = '\0';
            assert_string_equal(text, local_cases[i].elapses[j]);
        }
    }
}

/* Through a year with both changes of the clock nothing stands still or is left out for longer than a change lasts. */
static void test_no_gaps(void **state)
{
    static const char *const zones[] = { BERLIN, NEW_YORK, "IST-1GMT0,M10.5.0,M3.5.0/1",
                                         "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", "<-02>2<-01>,M3.5.0/-1,M10.5.0/0" };
    static const struct {
        const char *text;
        usec_t longest, changing; /* seconds from one to the next, on a day on which the clock changes */
    } rows[] = {
        { "daily", 86400, 3600 },  { "*:0", 3600, 7200 },    { "*:0/30", 1800, 3600 },
        { "*:7:8.5", 3600, 7200 }, { "03:00", 86400, 3600 }, { "12:34:56", 86400, 3600 },
    };
    struct place *p = *state;
    for (size_t i = 0; i < COUNT_OF(zones); i++) {
        const struct zone *local = NULL;
        assert_int_equal(zones_local(p->zones, zones[i], &local), 0);
        for (size_t j = 0; j < COUNT_OF(rows); j++) {
            const struct calendar *calendar = NULL;
            usec_t time = BASE, next = 0, end = BASE + UINT64_C(31536000) * USEC_PER_SEC;
            print_message("  %s in %s\n", rows[j].text, zones[i]);
            assert_int_equal(calendar_parse(rows[j].text, p->zones, local, p->arena, &calendar), 0);
            while (time < end) {
                assert_int_equal(calendar_next(calendar, local, time, &next), 0);
                usec_t span = (next - time) / USEC_PER_SEC;
                int32_t change = zone_period_at(local, (int64_t)(next / USEC_PER_SEC)).offset -
                                 zone_period_at(local, (int64_t)(time / USEC_PER_SEC)).offset;
                if (next <= time || span > rows[j].longest + (change != 0 ? rows[j].changing : 0))
                    fail_msg("%llu s to %llu", (unsigned long long)span, (unsigned long long)(next / USEC_PER_SEC));
                time = next;
            }
        }
    }
}

/* ---- bounds ---- */

/* "1,1,1,...": `count` parts before `rest`. */
static char *list_of(const char *part, size_t count, const char *rest)
{
    size_t length = strlen(part);
    char *text = malloc(count * (length + 1) + strlen(rest) + 1), *p = text;
    assert_non_null(text);
    for (size_t i = 0; i < count; i++) {
        memcpy(p, part, length);
        p += length;
        *p++ = ',';
    }
    memcpy(p - (count > 0), rest, strlen(rest) + 1);
    return text;
}

static void test_long_lists(void **state)
{
    static const struct {
        size_t count;
        int r;
    } rows[] = {
        { CALENDAR_PARTS_MAX, 0 },
        { CALENDAR_PARTS_MAX + 1, -ENOBUFS },
        { 20000, -ENOBUFS },
        { 1000000, -EINVAL },
    };
    struct place *p = *state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct calendar *calendar = NULL;
        char *text = list_of("1", rows[i].count, ":00");
        print_message("  %zu\n", rows[i].count);
        assert_int_equal(calendar_parse(text, p->zones, zone_utc(), p->arena, &calendar), rows[i].r);
        free(text);
    }
}

/* Equal parts cost nothing, and an expression lies in one piece of the arena. */
static void test_size(void **state)
{
    struct place *p = *state;
    const struct calendar *calendar = NULL;
    AUTO(arena_free) struct arena *arena = arena_new();
    assert_non_null(arena);
    char *text = list_of("1", CALENDAR_PARTS_MAX, ":00");
    assert_int_equal(calendar_parse(text, p->zones, zone_utc(), arena, &calendar), 0);
    free(text);
    assert_int_equal(calendar->counts[CALENDAR_HOUR], 1);
    assert_true(arena_used(arena) <= 24 + 12 * 3 + 16);
}

/* What is long and never comes ends by the number of steps, or by the last year. */
static void test_hostile(void **state)
{
    static const struct {
        const char *label, *part, *rest;
        int r;
    } rows[] = {
        { "no such day", "*-02-30,31", "", -ENOENT },
        { "a skipped hour of Sundays", "Sun *-03-25..31 02", ":30 Europe/Berlin", -EDEADLK },
        { "every part of a list", "Sun *-03-25..31 02,02..02", ":30 Europe/Berlin", -EDEADLK },
        { "the last second of the years", "2199-12-31 23:59:59.999999", "", 0 },
        { "a step of a microsecond", "2199-12-31 23:59:0/0.000001", "", 0 },
    };
    struct place *p = *state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct calendar *calendar = NULL;
        usec_t next = 0;
        char *text = list_of(rows[i].part, 1, rows[i].rest);
        print_message("  %s\n", rows[i].label);
        assert_int_equal(calendar_parse(text, p->zones, zone_utc(), p->arena, &calendar), 0);
        assert_int_equal(calendar_next(calendar, zone_utc(), BASE, &next), rows[i].r);
        free(text);
    }
}

static void test_base_times(void **state)
{
    struct place *p = *state;
    const struct calendar *calendar = NULL;
    usec_t next = 0;
    assert_int_equal(calendar_parse("*:*:*", p->zones, zone_utc(), p->arena, &calendar), 0);
    assert_int_equal(calendar_next(calendar, zone_utc(), 0, &next), 0);
    assert_int_equal(next, USEC_PER_SEC);
    assert_int_equal(calendar_next(calendar, zone_utc(), USEC_PER_SEC - 1, &next), 0);
    assert_int_equal(next, USEC_PER_SEC);
    assert_int_equal(calendar_next(calendar, zone_utc(), TIMESTAMP_MAX, &next), -ENOENT);
    assert_int_equal(calendar_next(calendar, zone_utc(), TIMESTAMP_MAX + 1, &next), -EINVAL);
    assert_int_equal(calendar_next(calendar, zone_utc(), USEC_INFINITY, &next), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_expressions), cmocka_unit_test(test_normal_form), cmocka_unit_test(test_local_zone),
        cmocka_unit_test(test_no_gaps),     cmocka_unit_test(test_long_lists),  cmocka_unit_test(test_size),
        cmocka_unit_test(test_hostile),     cmocka_unit_test(test_base_times),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
