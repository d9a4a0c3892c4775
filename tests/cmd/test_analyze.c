/* container-init analyze: the texts and the exit statuses of systemd-analyze 252. */
#include "cmd/container-init/analyze.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define WORDS_MAX 12

/* clang-format off */
static const struct { const char *label, *words[WORDS_MAX]; int status; const char *out, *err; } cases[] = {
    { "a span",                  { "timespan", "90min" }, 0,
      "Original: 90min\n      \xce\xbcs: 5400000000\n   Human: 1h 30min\n", "" },
    { "two spans, a line apart", { "timespan", "1", "2ms" }, 0,
      "Original: 1\n      \xce\xbcs: 1000000\n   Human: 1s\n\nOriginal: 2ms\n      \xce\xbcs: 2000\n   Human: 2ms\n", "" },
    { "the first bad span ends", { "timespan", "1", "x", "2" }, 1,
      "Original: 1\n      \xce\xbcs: 1000000\n   Human: 1s\n\n", "Failed to parse time span 'x': Invalid argument\n" },
    { "lines below each other",  { "timespan", "5 \n6\n" }, 0,
      "Original: 5\n          6\n      \xce\xbcs: 11000000\n   Human: 11s\n", "" },
    { "after --",                { "timespan", "--", "-5" }, 1,
      "", "Failed to parse time span '-5': Numerical result out of range\n" },
    { "no verb",                 { NULL }, 1, "", "Command verb required.\n" },
    { "not a verb",              { "blame" }, 1, "", "Unknown command verb blame.\n" },
    { "no operand",              { "timespan" }, 1, "", "Too few arguments.\n" },
    { "not a number",            { "--iterations=x", "timespan", "1" }, 1, "", "Failed to parse iterations: x\n" },
    { "without its value",       { "timespan", "1", "--iterations" }, 1,
      "", "container-init analyze: option '--iterations' requires an argument\n" },
    { "unknown option",          { "timespan", "--x", "1" }, 1, "", "container-init analyze: unrecognized option '--x'\n" },
    { "two of that beginning",   { "timespan", "--u", "1" }, 1, "", "container-init analyze: option '--u' is ambiguous\n" },
    { "a value too many",        { "--quiet=1", "timespan" }, 1,
      "", "container-init analyze: option '--quiet' doesn't allow an argument\n" },
    { "unknown letter",          { "timespan", "-qx" }, 1, "", "container-init analyze: invalid option -- 'x'\n" },
    { "letter without a value",  { "timespan", "-u" }, 1,
      "", "container-init analyze: option requires an argument -- 'u'\n" },
    { "options anywhere",        { "--iter", "0x2", "timespan", "-qufoo", "1s", "--no-pager" }, 0,
      "Original: 1s\n      \xce\xbcs: 1000000\n   Human: 1s\n", "" },
};
/* clang-format on */

static void test_texts(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char *words[WORDS_MAX + 2] = { (char[]){ "analyze" } }, *out = NULL, *err = NULL;
        size_t n = 1, out_size, err_size;
        for (; n <= WORDS_MAX && cases[i].words[n - 1]; n++) assert_non_null(words[n] = strdup(cases[i].words[n - 1]));
        char *owned[WORDS_MAX + 2];
        memcpy(owned, words, sizeof owned);
        FILE *out_file = open_memstream(&out, &out_size), *err_file = open_memstream(&err, &err_size);
        assert_non_null(out_file);
        assert_non_null(err_file);
        print_message("  %s\n", cases[i].label);
        int status = analyze_main(out_file, err_file, (int)n, words);
        assert_int_equal(fclose(out_file), 0);
        assert_int_equal(fclose(err_file), 0);
        assert_string_equal(err, cases[i].err);
        assert_string_equal(out, cases[i].out);
        assert_int_equal(status, cases[i].status);
        for (size_t word = 1; word < n; word++) free(owned[word]);
        free(out);
        free(err);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_texts) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
