/* tests/base/test_ere.c - base/ere against a table, and against glibc's regcomp(). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>
#include <regex.h>
#include <cmocka.h>

#include "base/attr.h"
#include "base/ere.h"

/* clang-format off */
static const struct { const char *pattern, *text; bool matches; } cases[] = {
    { "", "", true },                        { "", "abc", true },
    { "abc", "xabcx", true },                { "abc", "ab", false },
    { "^abc$", "abc", true },                { "^abc$", "abcd", false },
    { "^$", "", true },                      { "^$", "a", false },
    { "a.c", "abc", true },                  { "a.c", "ac", false },
    { "ab*c", "ac", true },                  { "ab*c", "abbbbc", true },
    { "ab+c", "ac", false },                 { "ab+c", "abbc", true },
    { "^ab?c$", "abc", true },               { "^ab?c$", "abbc", false },
    { "^(ab|cd|ef)$", "cd", true },          { "^(ab|cd|ef)$", "ef", true },
    { "^(ab|cd|ef)$", "abcd", false },       { "^(ab|cd|)$", "", true },
    { "^(ab|cd|ef)+$", "efabcd", true },     { "^(a|b(c|d)*)e$", "bcdcde", true },
    { "^a{3}$", "aaa", true },               { "^a{3}$", "aa", false },
    { "^a{2,}$", "a", false },               { "^a{2,}$", "aaaaa", true },
    { "^a{1,3}$", "aaa", true },             { "^a{1,3}$", "aaaa", false },
    { "^a{0,2}$", "", true },                { "^a{0,2}$", "aa", true },
    { "^a{0,2}$", "aaa", false },            { "^a{,2}$", "aaa", false },
    { "^a{0}b$", "b", true },                { "^a{0}b$", "ab", false },
    { "^(ab){2}$", "abab", true },           { "^(a|bc){2,3}$", "bcabc", true },
    { "^(a|bc){2,3}$", "bc", false },        { "^(a{2}){2}$", "aaaa", true },
    { "^(a?){3}$", "aaaa", false },          { "^(a*)*$", "aaaa", true },
    { "^(a*)+$", "", true },                 { "()*x", "x", true },
    { "()+x", "x", true },                   { "(){3}x", "x", true },
    { "a**", "", true },                     { "^a+?$", "aa", true },
    { "[abc]+d", "zzcbad", true },           { "[^abc]", "abc", false },
    { "[^abc]", "abcx", true },              { "[a-c]x", "bx", true },
    { "[a-c]x", "dx", false },               { "[]a]", "]", true },
    { "[^]a]", "]a", false },                { "[a-]", "-", true },
    { "[-a]", "-", true },                   { "[\\]", "\\", true },
    { "[[:digit:]]{2}", "a42", true },       { "[[:digit:]]{2}", "4a2", false },
    { "[[:upper:][:digit:]_]+", "_", true }, { "^[[:space:]]*ready", " \t ready", true },
    { "[^[:alpha:]]", "abc", false },        { "[[.-.]]", "-", true },
    { "[[=a=]b]", "a", true },               { "[[.a.]-c]", "b", true },
    { "\\.", "a", false },                   { "\\.", ".", true },
    { "\\(\\[\\{\\*", "([{*", true },        { "\\^\\$", "^$", true },
    { "^\\w+\\s\\w+$", "hello world", true }, { "\\W", "abc_9", false },
    { "\\S", " \t", false },                 { "a|b", "b", true },
    { "a|^b", "xb", false },                 { "x$|y", "yx ", true },
    { "a}", "a}", true },                    { "a]", "a]", true },
    { "^a|b$", "cb", true },                 { "(^a)(b$)", "ab", true },
    { "a^b", "a^b", false },                 { "a$b", "a$b", false },
    { "\xc3\xa9", "caf\xc3\xa9", true },     { "caf.{2}$", "caf\xc3\xa9", true },
    { "listening on .*:[0-9]+( |$)", "server listening on 0.0.0.0:8080 (pid 3)", true },
    { "^(LOG|INFO): +database system is ready", "LOG:  database system is ready to accept connections", true },
};
static const struct { const char *pattern; size_t bad; } refused[] = {
    { "*a", 0 },       { "a|*b", 2 },      { "(+a)", 1 },      { "{2}", 0 },      { "^*", 1 },
    { "$+", 1 },       { "(a", 0 },        { "a)", 1 },        { "((a)", 0 },     { "[a", 2 },
    { "[", 1 },        { "[]", 2 },        { "[[:alfa:]]", 1 }, { "[z-a]", 1 },   { "[a-c-e]", 1 },
    { "[[:digit:]-z]", 10 }, { "[[.ab.]]", 1 }, { "a{", 1 },   { "a{x}", 1 },     { "a{2", 1 },
    { "a{3,2}", 1 },   { "a{256}", 1 },    { "a{,}", 1 },      { "a\\", 2 },      { "\\1", 1 },
    { "\\d+", 1 },     { "\\bx", 1 },      { "\\<x", 1 },      { "[\xc3\xa9]", 1 },
};
/* clang-format on */

static struct ere *compile(const char *pattern)
{
    struct ere *ere;
    size_t bad = 0;
    const char *why = NULL;
    int r = ere_new(pattern, &ere, &bad, &why);
    if (r < 0) print_message("  \"%s\" at %zu: %s\n", pattern, bad, why ? why : "?");
    assert_int_equal(r, 0);
    return ere;
}

static void test_matches(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        AUTO(ere_free) struct ere *ere = compile(cases[i].pattern);
        regex_t glibc;
        assert_int_equal(regcomp(&glibc, cases[i].pattern, REG_EXTENDED | REG_NOSUB), 0);
        bool got = ere_matches(ere, cases[i].text, strlen(cases[i].text));
        if (got != cases[i].matches) print_message("  \"%s\" on \"%s\"\n", cases[i].pattern, cases[i].text);
        assert_int_equal(got, cases[i].matches);
        assert_int_equal(regexec(&glibc, cases[i].text, 0, NULL, 0) == 0, cases[i].matches);
        regfree(&glibc);
    }
}

static void test_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(refused); i++) {
        struct ere *ere;
        size_t bad = SIZE_MAX;
        const char *why = NULL;
        int r = ere_new(refused[i].pattern, &ere, &bad, &why);
        if (r != -EINVAL || bad != refused[i].bad) print_message("  \"%s\": %d at %zu\n", refused[i].pattern, r, bad);
        assert_int_equal(r, -EINVAL);
        assert_null(ere);
        assert_non_null(why);
        assert_int_equal(bad, refused[i].bad);
    }
}

/* Bytes that end no string, and a text whose end is not one. */
static void test_bytes(void **state)
{
    (void)state;
    AUTO(ere_free) struct ere *ere = compile("^a.b$");
    assert_true(ere_matches(ere, "a\0b", 3));
    assert_false(ere_matches(ere, "a\0bc", 4));
    assert_true(ere_matches(ere, "axbc", 3));
}

/* What takes others exponential time or memory is linear here, or refused (K94). */
static void test_hostile(void **state)
{
    (void)state;
    char text[4096];
    memset(text, 'a', sizeof text);
    static const char *const patterns[] = { "^(a*)*b$", "^(a|a)*b$", "^(a|aa)+b$", "^(.*)(.*)(.*)(.*)b$",
                                            "^(a?){100}a{100}b$" };
    for (size_t i = 0; i < COUNT_OF(patterns); i++) {
        AUTO(ere_free) struct ere *ere = compile(patterns[i]);
        assert_false(ere_matches(ere, text, sizeof text));
    }
    static const char *const too_long[] = { "((a{255}){255}){255}", "(((((x{9}){9}){9}){9}){9}){9}" };
    struct ere *ere;
    size_t bad;
    const char *why;
    for (size_t i = 0; i < COUNT_OF(too_long); i++) assert_int_equal(ere_new(too_long[i], &ere, &bad, &why), -EINVAL);
    char deep[1000];
    memset(deep, '(', sizeof deep);
    deep[sizeof deep - 1] = '\0';
    assert_int_equal(ere_new(deep, &ere, &bad, &why), -EINVAL);
    char *wide = malloc(3 * 5000 + 1);
    assert_non_null(wide);
    for (size_t i = 0; i < 5000; i++) memcpy(wide + 3 * i, "[a]", 4);
    assert_int_equal(ere_new(wide, &ere, &bad, &why), -EINVAL);
    free(wide);
}

/* Patterns and texts by chance, the same ones each time: what we take glibc takes, and answers alike. */
static void test_against_glibc(void **state)
{
    (void)state;
    static const char *const pieces[] = { "a",   "b",     "c",    ".",           "*",     "+",    "?",
                                          "|",   "(",     ")",    "^",           "$",     "[ab]", "[^a]",
                                          "{2}", "{1,2}", "{0,}", "[[:alpha:]]", "(a|b)", "()",   "[a-c]" };
    uint64_t seed = 42;
    unsigned taken = 0;
    for (unsigned round = 0; round < 20000; round++) {
        char pattern[128] = "", text[12];
        size_t length = 0;
#define CHANCE(n) ((seed = seed * 6364136223846793005U + 1442695040888963407U) >> 33) % (n)
        for (uint64_t n = CHANCE(9); n > 0; n--) {
            const char *piece = pieces[CHANCE(COUNT_OF(pieces))];
            length += (size_t)snprintf(pattern + length, sizeof pattern - length, "%s", piece);
        }
        struct ere *ere;
        size_t bad;
        const char *why;
        if (ere_new(pattern, &ere, &bad, &why) < 0) continue;
        taken++;
        regex_t glibc;
        if (regcomp(&glibc, pattern, REG_EXTENDED | REG_NOSUB) != 0) fail_msg("glibc refuses \"%s\"", pattern);
        for (unsigned t = 0; t < 6; t++) {
            size_t size = CHANCE(sizeof text);
            for (size_t i = 0; i < size; i++) text[i] = (char)('a' + CHANCE(4));
            text[MIN_OF(size, sizeof text - 1)] = '\0';
            size = strlen(text);
            bool want = regexec(&glibc, text, 0, NULL, 0) == 0;
            if (ere_matches(ere, text, size) != want) fail_msg("\"%s\" on \"%s\": glibc says %d", pattern, text, want);
        }
        regfree(&glibc);
        ere_free(ere);
    }
    assert_true(taken > 5000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_matches), cmocka_unit_test(test_refused),       cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_hostile), cmocka_unit_test(test_against_glibc),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
