/* supervisor/condition: what holds, and the words for what does not (S19). */
#include "supervisor/condition.h"

#include "unit/unit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define C(knd, neg, trig, param)                                                                                       \
    {                                                                                                                  \
        .kind = CONDITION_##knd, .negate = (neg), .trigger = (trig), .parameter = (param)                              \
    }

static char *environment[] = { "MODE=fast", "EMPTY=", "TWICE=first", "TWICE=second", NULL };
static const struct condition_context context = { .environ = environment, .uid = 1001 };

static void test_single(void **state)
{
    (void)state;
    static const struct {
        const char *label;
        struct condition condition;
        int want;
        const char *reason;
    } cases[] = {
        { "a path that exists", C(PATH_EXISTS, false, false, "/"), 1, "" },
        { "a path that does not", C(PATH_EXISTS, false, false, "/no/such"), 0, "ConditionPathExists=/no/such unmet" },
        { "not: a path that exists", C(PATH_EXISTS, true, false, "/"), 0, "ConditionPathExists=!/ unmet" },
        { "not: a path that does not", C(PATH_EXISTS, true, false, "/no/such"), 1, "" },
        { "a glob with a match", C(PATH_EXISTS_GLOB, false, false, "/pro[c]"), 1, "" },
        { "a glob without", C(PATH_EXISTS_GLOB, false, false, "/no*such*"), 0,
          "ConditionPathExistsGlob=/no*such* unmet" },
        { "a variable that is set", C(ENVIRONMENT, false, false, "MODE"), 1, "" },
        { "set, but empty", C(ENVIRONMENT, false, false, "EMPTY"), 1, "" },
        { "unset", C(ENVIRONMENT, false, false, "NONE"), 0, "ConditionEnvironment=NONE unset" },
        { "unset, with a value", C(ENVIRONMENT, false, false, "NONE=x"), 0, "ConditionEnvironment=NONE=x unset" },
        { "the right value", C(ENVIRONMENT, false, false, "MODE=fast"), 1, "" },
        { "another value", C(ENVIRONMENT, false, false, "MODE=slow"), 0,
          "ConditionEnvironment=MODE=slow (have \"fast\", want \"slow\")" },
        { "a prefix of a name is not the name", C(ENVIRONMENT, false, false, "MOD"), 0,
          "ConditionEnvironment=MOD unset" },
        { "the last of two entries", C(ENVIRONMENT, false, false, "TWICE=second"), 1, "" },
        { "not: unset", C(ENVIRONMENT, true, false, "NONE"), 1, "" },
        { "not: set", C(ENVIRONMENT, true, false, "MODE"), 0, "ConditionEnvironment=!MODE unmet" },
        { "our uid", C(USER, false, false, "1001"), 1, "" },
        { "another uid", C(USER, false, false, "0"), 0, "ConditionUser=0 unmet (running as uid 1001)" },
        { "root", C(USER, false, false, "root"), 0, "ConditionUser=root unmet (running as uid 1001)" },
        { "not root", C(USER, true, false, "root"), 1, "" },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct condition condition = cases[i].condition;
        struct unit_section section = { .conditions = { .items = &condition, .count = 1 } };
        struct unit unit = { .unit = &section };
        AUTO_STR struct str reason = STR_EMPTY;
        bool is_assert = true;
        print_message("  %s\n", cases[i].label);
        assert_int_equal(conditions_hold(&unit, &context, &reason, &is_assert), cases[i].want);
        assert_string_equal(str_text(&reason), cases[i].reason);
        if (cases[i].want == 0) assert_false(is_assert);
    }
}

static int hold(struct condition *items, uint32_t count, struct str *reason, bool *is_assert)
{
    struct unit_section section = { .conditions = { .items = items, .count = count } };
    struct unit unit = { .unit = &section };
    return conditions_hold(&unit, &context, reason, is_assert);
}

/* systemd.unit(5): all plain ones, and at least one of the triggering ones. */
static void test_together(void **state)
{
    (void)state;
    AUTO_STR struct str reason = STR_EMPTY;
    bool is_assert = false;
    struct condition none_of_two[] = { C(PATH_EXISTS, false, true, "/no/1"), C(PATH_EXISTS, false, true, "/no/2") };
    assert_int_equal(hold(none_of_two, 2, &reason, &is_assert), 0);
    assert_string_equal(str_text(&reason), "ConditionPathExists=|/no/2 unmet");
    struct condition one_of_two[] = { C(PATH_EXISTS, false, true, "/no/1"), C(PATH_EXISTS, false, true, "/") };
    assert_int_equal(hold(one_of_two, 2, &reason, &is_assert), 1);
    struct condition plain_fails[] = { C(PATH_EXISTS, false, true, "/"), C(PATH_EXISTS, false, false, "/no") };
    assert_int_equal(hold(plain_fails, 2, &reason, &is_assert), 0);
    struct condition both_fail[] = { C(PATH_EXISTS, false, false, "/no/1"), C(PATH_EXISTS, false, false, "/no/2") };
    assert_int_equal(hold(both_fail, 2, &reason, &is_assert), 0);
    assert_string_equal(str_text(&reason), "ConditionPathExists=/no/1 unmet"); /* the first: docs/DIFFERENCES.md */
    struct condition assertion[] = { C(PATH_EXISTS, false, false, "/no") };
    assertion[0].is_assert = true;
    assert_int_equal(hold(assertion, 1, &reason, &is_assert), 0);
    assert_true(is_assert);
    assert_string_equal(str_text(&reason), "AssertPathExists=/no unmet");
    assert_int_equal(hold(NULL, 0, &reason, &is_assert), 1);
}

/* ---- as systemd goes through them ---- */

static void note(const struct condition *c, int r, void *userdata)
{
    struct str *out = userdata;
    assert_int_equal(condition_format(c, out), 0);
    assert_int_equal(str_appendf(out, ":%s ", r > 0 ? "yes" : r == 0 ? "no" : "?"), 0);
}

static void test_lists(void **state)
{
    (void)state;
    struct condition items[] = {
        C(PATH_EXISTS, false, false, "/no/1"), C(PATH_EXISTS, false, true, "/no/2"), C(PATH_EXISTS, false, false, "/"),
        C(PATH_EXISTS, true, true, "/"),       C(AC_POWER, false, false, "?"),       C(PATH_EXISTS, false, false, "/"),
    };
    items[2].is_assert = items[4].is_assert = true;
    static const struct {
        uint32_t from, count;
        bool asserts;
        int want;
        const char *told;
    } cases[] = {
        { 0, 0, false, 1, "" },
        { 0, 6, false, 0,
          "ConditionPathExists=/:yes ConditionPathExists=|!/:no ConditionPathExists=|/no/2:no "
          "ConditionPathExists=/no/1:no " },
        { 1, 3, false, 0, "ConditionPathExists=|!/:no ConditionPathExists=|/no/2:no " },
        { 0, 6, true, 0, "AssertACPower=?:? " },
        { 0, 4, true, 1, "AssertPathExists=/:yes " },
        { 5, 1, false, 1, "ConditionPathExists=/:yes " },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct condition_list list = { .items = items + cases[i].from, .count = cases[i].count };
        AUTO_STR struct str told = STR_EMPTY;
        print_message("  %s\n", cases[i].told);
        assert_int_equal(condition_list_test(&list, cases[i].asserts, &context, note, &told), cases[i].want);
        assert_string_equal(str_text(&told), cases[i].told);
    }
}

/* A condition that triggers does not make up for an assertion that does, nor the other way. */
static void test_two_lists(void **state)
{
    (void)state;
    AUTO_STR struct str reason = STR_EMPTY;
    bool is_assert = false;
    struct condition items[] = { C(PATH_EXISTS, false, true, "/"), C(PATH_EXISTS, false, true, "/no") };
    items[1].is_assert = true;
    assert_int_equal(hold(items, 2, &reason, &is_assert), 0);
    assert_true(is_assert);
    assert_string_equal(str_text(&reason), "AssertPathExists=|/no unmet");
    items[0].is_assert = true, items[1].is_assert = false;
    assert_int_equal(hold(items, 2, &reason, &is_assert), 0);
    assert_false(is_assert);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_single),
        cmocka_unit_test(test_together),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_two_lists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
