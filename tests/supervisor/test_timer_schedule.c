/* When timers elapse next, with a clock that the tests set. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/timestamp.h"
#include "base/timezone.h"
#include "supervisor/timer_schedule.h"
#include "unit/calendar.h"
#include "unit/settings.h"

#define S     USEC_PER_SEC
#define NEVER USEC_INFINITY

/* ---- monotonic ---- */

/* The clock says 1000 s, PID 1 is there since 900 s and the timer since 950 s. */
static const struct timer_facts usual = { .now = { 5000 * S, 1000 * S },
                                          .active_since = { 4950 * S, 950 * S },
                                          .started = 900 * S };

static const struct {
    const char *label;
    enum timer_base base;
    usec_t span, unit_exit, unit_enter, last, spent, delay, want;
} monotonic_cases[] = {
    { "from the timer's own start", TIMER_ACTIVE, 60 * S, .want = 1010 * S },
    { "the same, past: at once", TIMER_ACTIVE, 10 * S, .want = 960 * S },
    { "once it has elapsed it never does again", TIMER_ACTIVE, 10 * S, .last = 960 * S, .spent = 961 * S,
      .want = NEVER },
    { "what is still to come comes", TIMER_ACTIVE, 60 * S, .last = 960 * S, .spent = 961 * S, .want = 1010 * S },
    { "OnBootSec= counts from the start of PID 1", TIMER_BOOT, 200 * S, .want = 1100 * S },
    { "OnStartupSec= too", TIMER_STARTUP, 200 * S, .want = 1100 * S },
    { "past when the timer starts: at once", TIMER_BOOT, 5 * S, .want = 905 * S },
    { "but not when it has elapsed before", TIMER_BOOT, 5 * S, .spent = 906 * S, .want = NEVER },
    { "the unit never ran", TIMER_UNIT_ACTIVE, 5 * S, .want = NEVER },
    { "nor ended", TIMER_UNIT_INACTIVE, 5 * S, .unit_exit = 990 * S, .want = NEVER },
    { "from the unit's start", TIMER_UNIT_ACTIVE, 5 * S, .unit_exit = 998 * S, .want = 1003 * S },
    { "from its end", TIMER_UNIT_INACTIVE, 5 * S, .unit_exit = 990 * S, .unit_enter = 999 * S, .want = 1004 * S },
    { "or from the last trigger, when that is later", TIMER_UNIT_ACTIVE, 5 * S, .unit_exit = 999 * S, .last = 999 * S,
      .want = 1004 * S },
    { "zero: at once", TIMER_UNIT_INACTIVE, 0, .unit_exit = 998 * S, .unit_enter = 1000 * S, .last = 998 * S,
      .want = 1000 * S },
    { "zero, but the unit was skipped: not before a second has passed", TIMER_UNIT_INACTIVE, 0, .last = 1000 * S,
      .want = 1001 * S },
    { "the same for what counts from its start", TIMER_UNIT_ACTIVE, 0, .unit_exit = 900 * S, .last = 1000 * S,
      .want = 1001 * S },
    { "the delay is added", TIMER_BOOT, 200 * S, .delay = 7 * S, .want = 1107 * S },
    { "an infinite span", TIMER_BOOT, USEC_INFINITY, .want = NEVER },
    { "an infinite span and a delay", TIMER_BOOT, USEC_INFINITY, .delay = 7 * S, .want = NEVER },
};

static void test_monotonic(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(monotonic_cases); i++) {
        struct timer_value value = { .base = monotonic_cases[i].base, .span = monotonic_cases[i].span };
        const struct timer_section settings = { .values = { &value, 1, 1 } };
        struct timer_facts facts = usual;
        facts.unit_inactive_exit = monotonic_cases[i].unit_exit;
        facts.unit_inactive_enter.monotonic = monotonic_cases[i].unit_enter;
        facts.last_trigger.monotonic = monotonic_cases[i].last;
        facts.spent_until = monotonic_cases[i].spent;
        facts.delay = monotonic_cases[i].delay;
        print_message("  %s\n", monotonic_cases[i].label);
        struct timer_next next = timer_schedule(&settings, NULL, zone_utc(), &facts);
        assert_int_equal(next.monotonic, monotonic_cases[i].want);
        assert_int_equal(next.realtime, NEVER);
        assert_int_equal(next.of_unit, value.base == TIMER_UNIT_ACTIVE || value.base == TIMER_UNIT_INACTIVE);
    }
}

/* The earliest of several counts, for each clock. */
static void test_several(void **state)
{
    struct timer_value values[] = { { TIMER_BOOT, 300 * S, NULL },
                                    { TIMER_ACTIVE, 60 * S, NULL },
                                    { TIMER_ACTIVE, 5 * S, NULL } };
    const struct timer_section settings = { .values = { values, 3, 3 } };
    struct timer_facts facts = usual;
    (void)state;
    assert_int_equal(timer_schedule(&settings, NULL, zone_utc(), &facts).monotonic, 955 * S);
    facts.last_trigger.monotonic = 955 * S;
    facts.spent_until = 956 * S;
    assert_int_equal(timer_schedule(&settings, NULL, zone_utc(), &facts).monotonic, 1010 * S);
    facts.spent_until = 1010 * S;
    assert_int_equal(timer_schedule(&settings, NULL, zone_utc(), &facts).monotonic, 1200 * S);
    facts.spent_until = 1200 * S;
    assert_int_equal(timer_schedule(&settings, NULL, zone_utc(), &facts).monotonic, NEVER);
}

/* ---- the wall clock ---- */

/* Berlin: 2026-03-29 02:00 is 03:00, and 2026-10-25 03:00 is 02:00 again. */
#define BERLIN "CET-1CEST,M3.5.0,M10.5.0/3"

static const struct {
    const char *label, *calendar, *zone;
    const char *now, *since, *last, *ended; /* since NULL: now */
    bool stamp;                             /* `last` is of a run before this one, which began 100 s before `now` */
    bool defer;
    usec_t delay;
    const char *want;
} calendar_cases[] = {
    { "the next full hour", "hourly", "UTC", .now = "2026-01-01 10:30:00 UTC", .want = "2026-01-01 11:00:00 UTC" },
    { "an elapse at this very time is over", "hourly", "UTC", .now = "2026-01-01 10:00:00 UTC",
      .want = "2026-01-01 11:00:00 UTC" },
    { "from the last trigger", "hourly", "UTC", .now = "2026-01-01 10:30:00 UTC", .last = "2026-01-01 10:00:00 UTC",
      .want = "2026-01-01 11:00:00 UTC" },
    { "what was missed while the job ran is made up for", "hourly", "UTC", .now = "2026-01-01 14:30:00 UTC",
      .last = "2026-01-01 10:00:00 UTC", .want = "2026-01-01 11:00:00 UTC" },
    { "unless reactivation is deferred", "hourly", "UTC", .now = "2026-01-01 14:30:00 UTC",
      .last = "2026-01-01 10:00:00 UTC", .ended = "2026-01-01 14:29:59 UTC", .defer = true,
      .want = "2026-01-01 15:00:00 UTC" },
    { "deferred, and the job ended before the trigger", "hourly", "UTC", .now = "2026-01-01 14:30:00 UTC",
      .last = "2026-01-01 14:00:00 UTC", .ended = "2026-01-01 12:29:59 UTC", .defer = true,
      .want = "2026-01-01 15:00:00 UTC" },
    { "missed before PID 1 came: at its start", "daily", "UTC", .now = "2026-01-05 10:30:00 UTC",
      .last = "2026-01-01 00:00:00 UTC", .stamp = true, .want = "2026-01-05 10:28:20 UTC" },
    { "the delay counts from there", "daily", "UTC", .now = "2026-01-05 10:30:00 UTC",
      .last = "2026-01-01 00:00:00 UTC", .stamp = true, .delay = 300 * S, .want = "2026-01-05 10:33:20 UTC" },
    { "nothing missed", "daily", "UTC", .now = "2026-01-05 10:30:00 UTC", .last = "2026-01-05 00:00:00 UTC",
      .stamp = true, .want = "2026-01-06 00:00:00 UTC" },
    { "the delay is added", "hourly", "UTC", .now = "2026-01-01 10:30:00 UTC", .last = "2026-01-01 10:00:00 UTC",
      .delay = 90 * S, .want = "2026-01-01 11:01:30 UTC" },
    { "what lies within the delay has not elapsed yet", "hourly", "UTC", .now = "2026-01-01 10:01:00 UTC",
      .delay = 90 * S, .want = "2026-01-01 10:01:30 UTC" },
    { "a leap day", "*-02-29 12:00", "UTC", .now = "2026-03-01 00:00:00 UTC", .want = "2028-02-29 12:00:00 UTC" },
    { "the last day of a month", "*-*~01 00:00", "UTC", .now = "2028-02-01 00:00:00 UTC",
      .want = "2028-02-29 00:00:00 UTC" },
    { "a time that the clock skips does not come", "*-*-* 02:30", BERLIN, .now = "2026-03-28 03:00:00 UTC",
      .want = "2026-03-30 00:30:00 UTC" },
    { "an hourly one skips nothing forward", "hourly", BERLIN, .now = "2026-03-29 00:30:00 UTC",
      .want = "2026-03-29 01:00:00 UTC" },
    { "the hour that comes twice, the first time", "*-*-* 02:30", BERLIN, .now = "2026-10-24 12:00:00 UTC",
      .want = "2026-10-25 00:30:00 UTC" },
    { "the hour that comes twice is one hour, as in systemd", "hourly", BERLIN, .now = "2026-10-25 00:30:00 UTC",
      .want = "2026-10-25 02:00:00 UTC" },
    { "noon is noon in summer", "*-*-* 12:00", BERLIN, .now = "2026-03-29 02:00:00 UTC",
      .want = "2026-03-29 10:00:00 UTC" },
    { "and in winter", "*-*-* 12:00", BERLIN, .now = "2026-10-25 02:00:00 UTC", .want = "2026-10-25 11:00:00 UTC" },
    { "a zone of its own is not the reader's", "*-*-* 12:00 UTC", BERLIN, .now = "2026-06-01 00:00:00 UTC",
      .want = "2026-06-01 12:00:00 UTC" },
    { "never again", "2020-01-01", "UTC", .now = "2026-01-01 00:00:00 UTC", .want = NULL },
    { "a day that there is not", "*-02-30", "UTC", .now = "2026-01-01 00:00:00 UTC", .want = NULL },
    /* Jumps of the clock: what lies in a time to come now counts as now. */
    { "the clock went back by a year", "hourly", "UTC", .now = "2025-01-01 10:30:00 UTC",
      .since = "2026-01-01 10:30:00 UTC", .want = "2025-01-01 11:00:00 UTC" },
    { "the same after a trigger", "hourly", "UTC", .now = "2025-01-01 10:30:00 UTC", .since = "2026-01-01 10:30:00 UTC",
      .last = "2026-01-01 11:00:00 UTC", .want = "2025-01-01 11:00:00 UTC" },
    { "the clock went forward: what it passed is due", "hourly", "UTC", .now = "2027-01-01 10:30:00 UTC",
      .since = "2026-01-01 10:30:00 UTC", .last = "2026-01-01 11:00:00 UTC", .want = "2026-01-01 12:00:00 UTC" },
    /* The machine slept: as if the clock had gone forward. */
    { "after a sleep of a day", "*-*-* 06:00", "UTC", .now = "2026-01-03 10:00:00 UTC",
      .since = "2026-01-01 10:00:00 UTC", .last = "2026-01-02 06:00:00 UTC", .want = "2026-01-03 06:00:00 UTC" },
};

static usec_t at(const char *text)
{
    usec_t time = 0;
    if (text) assert_int_equal(timestamp_parse(text, 0, zone_utc(), NULL, &time), 0);
    return time;
}

static void test_calendar(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(calendar_cases); i++) {
        AUTO(zones_free) struct zones *zones = zones_new("/nowhere");
        AUTO(arena_free) struct arena *arena = arena_new();
        const struct zone *zone;
        const struct calendar *calendar;
        struct timer_value value = { .base = TIMER_CALENDAR, .calendar = calendar_cases[i].calendar };
        const struct timer_section settings = { .values = { &value, 1, 1 },
                                                .defer_reactivation = calendar_cases[i].defer };
        usec_t now = at(calendar_cases[i].now), since = at(calendar_cases[i].since);
        struct timer_facts facts = {
            .now = { now, 1000 * S },
            .active_since = { since ? since : now, 950 * S },
            .last_trigger = { at(calendar_cases[i].last), 0 },
            .started = 900 * S,
            .unit_inactive_enter = { at(calendar_cases[i].ended), 0 },
            .delay = calendar_cases[i].delay,
        };
        /* Of the clock that PID 1 began with nothing is known when it has jumped since. */
        if (calendar_cases[i].since) facts.started = 1000 * S;
        if (calendar_cases[i].last && !calendar_cases[i].stamp) facts.last_trigger.monotonic = 960 * S;
        print_message("  %s\n", calendar_cases[i].label);
        assert_non_null(zones);
        assert_int_equal(zones_local(zones, calendar_cases[i].zone, &zone), 0);
        assert_int_equal(calendar_parse(value.calendar, zones, zone, arena, &calendar), 0);
        struct timer_next next = timer_schedule(&settings, &calendar, zone, &facts);
        char buffer[2][TIMESTAMP_TEXT_MAX];
        const char *got = timestamp_format(next.realtime, zone_utc(), buffer[0]);
        const char *want =
            calendar_cases[i].want ? timestamp_format(at(calendar_cases[i].want), zone_utc(), buffer[1]) : NULL;
        assert_string_equal(got ? got : "never", want ? want : "never");
        assert_int_equal(next.monotonic, NEVER);
    }
}

/* An expression that cannot be used does not keep the others from being looked at. */
static void test_unusable_calendar(void **state)
{
    struct timer_value values[] = { { TIMER_CALENDAR, 0, "daily" }, { TIMER_BOOT, 300 * S, NULL } };
    const struct timer_section settings = { .values = { values, 2, 2 } };
    const struct calendar *calendars[] = { NULL, NULL };
    (void)state;
    struct timer_next next = timer_schedule(&settings, calendars, zone_utc(), &usual);
    assert_int_equal(next.monotonic, 1200 * S);
    assert_int_equal(next.realtime, NEVER);
}

/* ---- delays ---- */

static void test_random_delay(void **state)
{
    const struct timer_section settings = { .random_delay = 10 * S }, none = { .random_delay = 0 };
    uint64_t seed = 42, again = 42;
    usec_t least = NEVER, most = 0;
    (void)state;
    assert_int_equal(timer_delay(&none, "a.timer", "", &seed), 0);
    assert_int_equal(seed, 42);
    for (int i = 0; i < 10000; i++) {
        usec_t delay = timer_delay(&settings, "a.timer", "", &seed);
        assert_int_equal(delay, timer_delay(&settings, "b.timer", "", &again));
        assert_true(delay < 10 * S);
        least = MIN_OF(least, delay);
        most = MAX_OF(most, delay);
    }
    assert_true(least < S / 10 && most > 10 * S - S / 10); /* all of the range */
}

static void test_fixed_delay(void **state)
{
    const struct timer_section settings = { .random_delay = 3600 * S, .fixed_random_delay = true };
    static const char one[] = "0123456789abcdef0123456789abcdef", two[] = "1123456789abcdef0123456789abcdef";
    uint64_t seed = 1, other_seed = 2;
    (void)state;
    usec_t delay = timer_delay(&settings, "a.timer", one, &seed);
    assert_true(delay < 3600 * S);
    assert_int_equal(timer_delay(&settings, "a.timer", one, &other_seed), delay); /* stable */
    assert_int_equal(seed, 1);
    assert_int_not_equal(timer_delay(&settings, "b.timer", one, &seed), delay);
    assert_int_not_equal(timer_delay(&settings, "a.timer", two, &seed), delay);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_monotonic),    cmocka_unit_test(test_several),
        cmocka_unit_test(test_calendar),     cmocka_unit_test(test_unusable_calendar),
        cmocka_unit_test(test_random_delay), cmocka_unit_test(test_fixed_delay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
