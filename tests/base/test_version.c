/* base/version: the order of versions, and the operators of conditions. */
#include "base/version.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void test_order(void **state)
{
    (void)state;
    static const struct {
        const char *a;
        char order;
        const char *b;
    } cases[] = {
        { "2.0", '=', "2.0" },
        { "2.0", '=', "2.00" },
        { "2.0~rc1", '<', "2.0" },
        { "2.0", '<', "2.0-1" },
        { "2.0-1", '<', "2.0.1" },
        { "2.0^git", '>', "2.0" },
        { "2.0^git", '<', "2.0.1" },
        { "3a", '<', "3b" },
        { "3a", '>', "3" },
        { "a", '<', "3" },
        { "B", '<', "b" },
        { "4.2", '<', "4.10" },
        { "007", '=', "7" },
        { "5_0", '>', "5.0" },
        { "5+", '=', "5" },
        { "12~a", '<', "12~b" },
        { "12-", '>', "12" },
        { "1..2", '<', "1.2" },
        { "1.a", '<', "1.1" },
        { "9", '<', "10" },
        { "9-a.1", '<', "9-a1" },
        { "9-a1", '<', "9^p1" },
        { "", '=', "" },
        { "", '<', "0" },
        { "~", '<', "" },
        { "6.1.0-18-amd64", '>', "6.1" },
        { "6.1.0-18-amd64", '<', "6.1.1" },
        { "18446744073709551616", '>', "18446744073709551615" },
        { "abc", '<', "abcd" },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        print_message("  %s %c %s\n", cases[i].a, cases[i].order, cases[i].b);
        int want = cases[i].order == '<' ? -1 : cases[i].order == '>';
        int order = version_compare(cases[i].a, cases[i].b), back = version_compare(cases[i].b, cases[i].a);
        assert_int_equal((order > 0) - (order < 0), want);
        assert_int_equal((back > 0) - (back < 0), -want);
    }
}

static void test_operators(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool textual;
        enum compare want;
        const char *rest;
    } cases[] = {
        { "<5", false, COMPARE_LOWER, "5" },
        { "<=5", false, COMPARE_LOWER_OR_EQUAL, "5" },
        { "=5", false, COMPARE_EQUAL, "5" },
        { "==5", false, COMPARE_EQUAL, "5" },
        { "!=5", false, COMPARE_UNEQUAL, "5" },
        { "<>5", false, COMPARE_UNEQUAL, "5" },
        { ">=5", false, COMPARE_GREATER_OR_EQUAL, "5" },
        { ">5", false, COMPARE_GREATER, "5" },
        { "$=5", false, COMPARE_NONE, "$=5" },
        { "5", false, COMPARE_NONE, "5" },
        { "", true, COMPARE_NONE, "" },
        { "=5", true, COMPARE_SAME_TEXT, "5" },
        { "==5", true, COMPARE_EQUAL, "5" },
        { "!=5", true, COMPARE_OTHER_TEXT, "5" },
        { "<>5", true, COMPARE_UNEQUAL, "5" },
        { "$=5*", true, COMPARE_MATCH, "5*" },
        { "!$=5*", true, COMPARE_NO_MATCH, "5*" },
        { "!5", true, COMPARE_NONE, "!5" },
        { "<<5", true, COMPARE_LOWER, "<5" },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const char *rest = cases[i].text;
        print_message("  %s\n", cases[i].text);
        assert_int_equal(compare_read(&rest, cases[i].textual), cases[i].want);
        assert_string_equal(rest, cases[i].rest);
    }
}

static void test_comparisons(void **state)
{
    (void)state;
    static const struct {
        const char *have, *expression;
        bool want;
    } cases[] = {
        { "6.1", ">=6", true },   { "6.1", "<6", false },     { "6.1", "==6.01", true }, { "6.1", "=6.01", false },
        { "6.1", "=6.1", true },  { "6.1", "!=6.1", false },  { "6.1", "<>6.1", false }, { "6.1", "<>6.2", true },
        { "6.1", "$=6.*", true }, { "6.1", "!$=6.*", false }, { "6.1", "!$=5*", true },  { "6.1", "<=6.1", true },
        { "6.1", ">6.1", false }, { "6.1", "!=6.2", true },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const char *want = cases[i].expression;
        print_message("  %s %s\n", cases[i].have, want);
        enum compare op = compare_read(&want, true);
        assert_int_equal(compare_versions(op, cases[i].have, want), cases[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_operators),
        cmocka_unit_test(test_comparisons),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
