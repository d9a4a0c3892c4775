#include "base/civil.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#define FIRST_YEAR (-400)
#define LAST_YEAR  2800

static int days_in(int year, int month)
{
    static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap);
}

/* Every day of 3200 years, counted by hand. */
static void test_every_day(void **state)
{
    (void)state;
    int64_t days = -865625; /* of -400-01-01: 2370 years before 1970, 575 of them with a leap day */
    int weekday = civil_weekday(&(struct civil){ .year = FIRST_YEAR, .month = 1, .day = 1 });
    assert_int_equal(weekday, 5); /* 400 years are whole weeks: as 2000-01-01, a Saturday */
    for (int year = FIRST_YEAR; year <= LAST_YEAR; year++)
        for (int month = 1; month <= 12; month++)
            for (int day = 1; day <= days_in(year, month); day++, days++, weekday = (weekday + 1) % 7) {
                struct civil civil = { year, month, day, 23, 59, 58 };
                int64_t seconds = days * SECONDS_PER_DAY + SECONDS_PER_DAY - 2;
                struct civil back = civil_from_seconds(seconds);
                if (civil_to_seconds(&civil) != seconds || civil_compare(&back, &civil) != 0 ||
                    civil_weekday(&civil) != weekday)
                    fail_msg("%d-%d-%d", year, month, day);
            }
}

/* clang-format off */
static const struct { const char *label; struct civil in, out; } beyond[] = {
    { "month 13",            { 2026, 13,  1,  0,  0,  0 }, { 2027,  1,  1,  0,  0,  0 } },
    { "month 0",             { 2026,  0,  1,  0,  0,  0 }, { 2025, 12,  1,  0,  0,  0 } },
    { "month -12",           { 2026, -12, 1,  0,  0,  0 }, { 2024, 12,  1,  0,  0,  0 } },
    { "February 30",         { 2012,  2, 30,  0,  0,  0 }, { 2012,  3,  1,  0,  0,  0 } },
    { "the last of February",{ 2024,  3,  0,  0,  0,  0 }, { 2024,  2, 29,  0,  0,  0 } },
    { "hour 25",             { 2026, 12, 31, 25,  0,  0 }, { 2027,  1,  1,  1,  0,  0 } },
    { "second -1",           { 1970,  1,  1,  0,  0, -1 }, { 1969, 12, 31, 23, 59, 59 } },
    { "second 61",           { 2026,  1,  1,  0, 59, 61 }, { 2026,  1,  1,  1,  0,  1 } },
};
/* clang-format on */

static void test_beyond(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(beyond); i++) {
        struct civil got = civil_from_seconds(civil_to_seconds(&beyond[i].in));
        print_message("  %s\n", beyond[i].label);
        assert_int_equal(civil_compare(&got, &beyond[i].out), 0);
    }
}

/* The weekday is that of the date alone. */
static void test_weekday_beyond(void **state)
{
    (void)state;
    assert_int_equal(civil_weekday(&(struct civil){ 2012, 2, 30, 99, 0, 0 }), 3);
    assert_int_equal(civil_weekday(&(struct civil){ 2012, 14, 0, 0, 0, 0 }), 3);
}

static void test_compare(void **state)
{
    (void)state;
    struct civil a = { 2026, 1, 1, 0, 0, 0 }, b = { 2025, 12, 31, 23, 59, 59 };
    assert_true(civil_compare(&a, &b) > 0);
    assert_true(civil_compare(&b, &a) < 0);
    b = a;
    b.second = 1;
    assert_true(civil_compare(&a, &b) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_day),
        cmocka_unit_test(test_beyond),
        cmocka_unit_test(test_weekday_beyond),
        cmocka_unit_test(test_compare),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
