/* container-init analyze condition: the texts and the exit statuses of systemd-analyze 252. What a condition answers is
 * tests/supervisor/test_condition_facts.c's. */
#include "cmd/container-init/analyze.h"

#include "tests/supervisor/condition_place.h"

#define WORDS_MAX 6

/* clang-format off */
static const struct { const char *label, *words[WORDS_MAX]; int status; const char *err; } cases[] = {
    { "one that holds", { "ConditionPathExists=/" }, 0,
      "test.service: ConditionPathExists=/ succeeded.\nConditions succeeded.\n" },
    { "one that does not", { "ConditionPathExists=/not/there" }, 1,
      "test.service: ConditionPathExists=/not/there failed.\nConditions failed.\n" },
    { "negated, blanks around", { "ConditionUser =  ! 54321" }, 0,
      "test.service: ConditionUser=!54321 succeeded.\nConditions succeeded.\n" },
    { "assertions first, each list from its end", { "ConditionPathExists=/", "AssertPathExists=/proc", "AssertPathExists=/", "ConditionHost=*" }, 0,
      "test.service: AssertPathExists=/ succeeded.\ntest.service: AssertPathExists=/proc succeeded.\nAsserts succeeded.\n"
      "test.service: ConditionHost=* succeeded.\ntest.service: ConditionPathExists=/ succeeded.\nConditions succeeded.\n" },
    { "the first that fails ends its list", { "AssertPathExists=/", "AssertPathExists=/no", "ConditionPathExists=/" }, 1,
      "test.service: AssertPathExists=/no failed.\nAsserts failed.\n"
      "test.service: ConditionPathExists=/ succeeded.\nConditions succeeded.\n" },
    { "triggers are all told", { "ConditionPathExists=|/no", "ConditionHost=|*" }, 0,
      "test.service: ConditionHost=|* succeeded.\ntest.service: ConditionPathExists=|/no failed.\nConditions succeeded.\n" },
    { "no trigger holds", { "ConditionPathExists=|/no", "ConditionPathExists=/" }, 1,
      "test.service: ConditionPathExists=/ succeeded.\ntest.service: ConditionPathExists=|/no failed.\nConditions failed.\n" },
    { "cannot be told", { "ConditionFirstBoot=!perhaps" }, 1,
      "test.service: Couldn't determine result for ConditionFirstBoot=!perhaps, assuming failed: Invalid argument\nConditions failed.\n" },
    { "a path is simplified", { "ConditionPathExists=|!/./etc//" }, 1,
      "test.service: ConditionPathExists=|!/etc failed.\nConditions failed.\n" },
    { "no path", { "ConditionPathExists=! /etc" }, 0, "(cmdline): ConditionPathExists= path is not absolute, ignoring:  /etc\n" },
    { "a path that goes up", { "AssertNeedsUpdate=/a/../b", "ConditionPathExists=/" }, 0,
      "(cmdline): AssertNeedsUpdate= path is not normalized, ignoring: /a/../b\n"
      "test.service: ConditionPathExists=/ succeeded.\nConditions succeeded.\n" },
    { "specifiers", { "ConditionEnvironment=!%n%%%p", "AssertPathExists=%t/%i" }, 0,
      "test.service: AssertPathExists=/run succeeded.\nAsserts succeeded.\n"
      "test.service: ConditionEnvironment=!test.service%test succeeded.\nConditions succeeded.\n" },
    { "unknown specifiers", { "ConditionHost=|%Q", "ConditionPathExists=!/%Q" }, 0,
      "(cmdline): Failed to resolve unit specifiers in '%Q', ignoring: Invalid slot\n"
      "(cmdline): Failed to resolve unit specifiers in /%Q, ignoring: Invalid slot\n" },
    { "an empty one clears its list", { "ConditionPathExists=/no", "AssertPathExists=/", "ConditionHost=" }, 0,
      "test.service: AssertPathExists=/ succeeded.\nAsserts succeeded.\n" },
    { "another word", { "ConditionPathExists=/", "ConditionPathExist=/" }, 1, "Cannot parse \"ConditionPathExist=/\".\n" },
    { "another case", { "conditionpathexists=/" }, 1, "Cannot parse \"conditionpathexists=/\".\n" },
    { "no value", { "ConditionPathExists" }, 1, "Cannot parse \"ConditionPathExists\".\n" },
    { "nothing to ask", { NULL }, 1, "Too few arguments for condition\n" },
    { "both", { "--unit=a.service", "ConditionPathExists=/" }, 1, "No conditions can be passed if --unit= is used.\n" },
    { "no such unit", { "--root=/not/there", "-u", "no-such-unit" }, 1, "Unit no-such-unit.service not found.\n" },
};
/* clang-format on */

static void expect(const char *const *words, size_t n, int want, const char *text)
{
    char *argv[WORDS_MAX + 3] = { (char[]){ "analyze" }, (char[]){ "condition" } }, *out = NULL, *err = NULL;
    size_t out_size, err_size;
    int argc = 2;
    for (size_t k = 0; k < n && words[k]; k++) argv[argc++] = (char *)(uintptr_t)words[k]; /* read only */
    FILE *out_file = open_memstream(&out, &out_size), *err_file = open_memstream(&err, &err_size);
    assert_true(out_file && err_file);
    int status = analyze_main(out_file, err_file, argc, argv);
    assert_int_equal(fclose(out_file), 0);
    assert_int_equal(fclose(err_file), 0);
    assert_string_equal(err, text);
    assert_string_equal(out, "");
    assert_int_equal(status, want);
    free(out);
    free(err);
}

static void test_texts(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        print_message("  %s\n", cases[i].label);
        expect(cases[i].words, WORDS_MAX, cases[i].status, cases[i].err);
    }
}

/* Those of a unit, which may lie in an image; what they ask is the machine. */
static void test_units(void **state)
{
    (void)state;
    static const struct place_file files[] = {
        { "/etc/container-init/units/native.service",
          "[Unit]\nConditionPathExists=/\nAssertHost=*\n[Service]\nExecStart=/x\n" },
        { "/usr/lib/systemd/system/of@.service", "[Unit]\nConditionEnvironment=!%i\n[Service]\nExecStart=/x\n" },
        { "/usr/lib/systemd/system/of@.service.d/a.conf", "[Unit]\nConditionPathExists=|/no\n" },
        { "/usr/lib/systemd/system/none.service", "[Service]\nExecStart=/x\n" },
        { "/etc/systemd/system/masked.service", "" },
    };
    static const struct {
        const char *unit;
        int status;
        const char *err;
    } units[] = {
        { "native", 0,
          "native.service: AssertHost=* succeeded.\nAsserts succeeded.\n"
          "native.service: ConditionPathExists=/ succeeded.\nConditions succeeded.\n" },
        { "of@x.service", 1,
          "of@x.service: ConditionPathExists=|/no failed.\nof@x.service: ConditionEnvironment=!x succeeded.\n"
          "Conditions failed.\n" },
        { "none.service", 0, "" },
        { "masked.service", 1, "Unit masked.service is masked.\n" },
        { "gone.service", 1, "Unit gone.service not found.\n" },
        { "", 1, "Failed to mangle unit name : Invalid argument\n" },
    };
    char root[] = PLACE_TEMPLATE;
    place_make(root, files, COUNT_OF(files));
    for (size_t i = 0; i < COUNT_OF(units); i++) {
        const char *words[] = { "--root", root, "--unit", units[i].unit };
        print_message("  %s\n", units[i].unit);
        expect(words, COUNT_OF(words), units[i].status, units[i].err);
    }
    place_remove(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_texts), cmocka_unit_test(test_units) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
