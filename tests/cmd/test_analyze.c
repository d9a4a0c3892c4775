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
      "", "Failed to parse time span '-5': Numerical result out of range\n"
      "Hint: this expression is a valid timestamp. Use 'container-init analyze timestamp \"-5\"' instead?\n" },
    { "a span that is a time",   { "timespan", "tomorrow" }, 1,
      "", "Failed to parse time span 'tomorrow': Invalid argument\n"
      "Hint: this expression is a valid timestamp. Use 'container-init analyze timestamp \"tomorrow\"' instead?\n" },
    { "a blank at the widest",   { "timespan", "1000000000us " }, 0,
      "Original: 1000000000us \n      \xce\xbcs: 1000000000\n   Human: 16min 40s\n", "" },
    { "a point in time",         { "timestamp", "@253402214400" }, 0,
      "  Original form: @253402214400\nNormalized form: --- XXXX-XX-XX XX:XX:XX\n   UNIX seconds: @253402214400\n"
      "       From now: *\n", "" },
    { "nothing to show",         { "timestamp", "@0", "@infinity" }, 0,
      "  Original form: @0\nNormalized form: -\n   UNIX seconds: @0\n       From now: -\n\n"
      "  Original form: @infinity\nNormalized form: -\n   UNIX seconds: @18446744073709.551615\n       From now: -\n", "" },
    { "all points are read",     { "timestamp", "x", "2012-02-30 12:00:00.5 UTC", "daily" }, 1,
      "\n  Original form: 2012-02-30 12:00:00.5 UTC\nNormalized form: Thu 2012-03-01 12:00:00 UTC\n"
      "   UNIX seconds: @1330603200.500000\n       From now: *\n\n",
      "Failed to parse \"x\": Invalid argument\nFailed to parse \"daily\": Invalid argument\n"
      "Hint: this expression is a valid calendar specification. Use 'container-init analyze calendar \"daily\"' instead?\n" },
    { "a calendar expression",   { "calendar", "--base-time=2026-01-01", "weekly" }, 0,
      "  Original form: weekly\nNormalized form: Mon *-*-* 00:00:00\n    Next elapse: Mon 2026-01-05 00:00:00 UTC\n"
      "       From now: *\n", "" },
    { "more than once",          { "calendar", "--base-time", "@1767225600", "--iterations=3", "*-12-31 00:00:00" }, 0,
      "Normalized form: *-12-31 00:00:00\n    Next elapse: Thu 2026-12-31 00:00:00 UTC\n       From now: *\n"
      "       Iter. #2: Fri 2027-12-31 00:00:00 UTC\n       From now: *\n"
      "       Iter. #3: Sun 2028-12-31 00:00:00 UTC\n       From now: *\n", "" },
    { "not at all",              { "calendar", "--iterations=0", "daily" }, 0,
      "  Original form: daily\nNormalized form: *-*-* 00:00:00\n", "" },
    { "not so often",            { "calendar", "--base-time=2198-01-01", "--iterations=9", "2199-1-1" }, 0,
      "  Original form: 2199-1-1\nNormalized form: 2199-01-01 00:00:00\n    Next elapse: Tue 2199-01-01 00:00:00 UTC\n"
      "       From now: *\n", "" },
    { "never",                   { "calendar", "*-02-30", "5s" }, 1,
      "  Original form: *-02-30\nNormalized form: *-02-30 00:00:00\n    Next elapse: never\n\n",
      "Failed to parse calendar specification '5s': Invalid argument\n"
      "Hint: this expression is a valid timespan. Use 'container-init analyze timespan \"5s\"' instead?\n" },
    { "a time out of reach",     { "calendar", "--base-time=@253402214400", "daily" }, 1,
      "", "Failed to determine next elapse for 'daily': Invalid argument\n" },
    { "not a base",              { "calendar", "--base-time=x", "daily" }, 1,
      "", "Failed to parse --base-time= parameter: x\n" },
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

/* "From now: 3h ago" changes while one waits. */
static void hide_distances(char *text)
{
    static const char name[] = "From now: ";
    while ((text = strstr(text, name))) {
        text += sizeof name - 1;
        size_t length = strcspn(text, "\n");
        if (*text == '-' || *text == '*') continue;
        memmove(text + 1, text + length, strlen(text + length) + 1);
        *text = '*';
    }
}

static void check(const char *const *operands, int status, const char *out_want, const char *err_want)
{
    char *words[WORDS_MAX + 2] = { (char[]){ "analyze" } }, *owned[WORDS_MAX + 2], *out = NULL, *err = NULL;
    size_t n = 1, out_size, err_size;
    for (; n <= WORDS_MAX && operands[n - 1]; n++) assert_non_null(words[n] = strdup(operands[n - 1]));
    memcpy(owned, words, sizeof owned);
    FILE *out_file = open_memstream(&out, &out_size), *err_file = open_memstream(&err, &err_size);
    assert_non_null(out_file);
    assert_non_null(err_file);
    int got = analyze_main(out_file, err_file, (int)n, words);
    assert_int_equal(fclose(out_file), 0);
    assert_int_equal(fclose(err_file), 0);
    hide_distances(out);
    assert_string_equal(err, err_want);
    assert_string_equal(out, out_want);
    assert_int_equal(got, status);
    for (size_t word = 1; word < n; word++) free(owned[word]);
    free(out);
    free(err);
}

static void test_texts(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        print_message("  %s\n", cases[i].label);
        check(cases[i].words, cases[i].status, cases[i].out, cases[i].err);
    }
}

/* clang-format off */
static const struct { const char *label, *zone, *words[WORDS_MAX], *out; } zone_cases[] = {
    { "another zone is shown, and UTC", "CET-1CEST,M3.5.0,M10.5.0/3", { "timestamp", "2026-03-29 02:30" },
      "  Original form: 2026-03-29 02:30\nNormalized form: Sun 2026-03-29 03:30:00 CEST\n"
      "       (in UTC): Sun 2026-03-29 01:30:00 UTC\n   UNIX seconds: @1774747800\n       From now: *\n" },
    { "a zone that is UTC",             "XYZ0",                       { "timestamp", "2026-03-29 02:30" },
      "  Original form: 2026-03-29 02:30\nNormalized form: Sun 2026-03-29 02:30:00 XYZ\n"
      "   UNIX seconds: @1774751400\n       From now: *\n" },
    { "calendar: local days",           "XYZ3",                       { "calendar", "--base-time=2026-01-01", "daily xyz" },
      "  Original form: daily xyz\nNormalized form: *-*-* 00:00:00 XYZ\n    Next elapse: Fri 2026-01-02 00:00:00 XYZ\n"
      "       (in UTC): Fri 2026-01-02 03:00:00 UTC\n       From now: *\n" },
};
/* clang-format on */

static void test_zones(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(zone_cases); i++) {
        print_message("  %s\n", zone_cases[i].label);
        assert_int_equal(setenv("TZ", zone_cases[i].zone, 1), 0);
        check(zone_cases[i].words, 0, zone_cases[i].out, "");
    }
    assert_int_equal(setenv("TZ", "UTC", 1), 0);
}

int main(void)
{
    if (setenv("TZ", "UTC", 1) < 0) return 1;
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_texts), cmocka_unit_test(test_zones) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
