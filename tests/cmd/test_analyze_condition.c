/* container-init analyze condition: the texts and the exit statuses of systemd-analyze 252. What a condition answers is
 * tests/supervisor/test_condition_facts.c's. */
#include "cmd/container-init/analyze.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

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

static void test_texts(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char *argv[WORDS_MAX + 3] = { (char[]){ "analyze" }, (char[]){ "condition" } }, *out = NULL, *err = NULL;
        size_t out_size, err_size;
        int argc = 2;
        for (size_t k = 0; k < WORDS_MAX && cases[i].words[k]; k++)
            argv[argc++] = (char *)(uintptr_t)cases[i].words[k]; /* read only */
        FILE *out_file = open_memstream(&out, &out_size), *err_file = open_memstream(&err, &err_size);
        assert_true(out_file && err_file);
        print_message("  %s\n", cases[i].label);
        int status = analyze_main(out_file, err_file, argc, argv);
        assert_int_equal(fclose(out_file), 0);
        assert_int_equal(fclose(err_file), 0);
        assert_string_equal(err, cases[i].err);
        assert_string_equal(out, "");
        assert_int_equal(status, cases[i].status);
        free(out);
        free(err);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_texts) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
