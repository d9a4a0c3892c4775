#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/likeness.h"

static const struct {
    const char *label, *a, *b;
    unsigned limit, want;
} cases[] = {
    { "the same", "Service", "Service", 3, 0 },
    { "the case of letters", "service", "SERVICE", 3, 0 },
    { "one letter too many", "Servicee", "Service", 3, 1 },
    { "neighbours swapped", "Serivce", "Service", 3, 1 },
    { "two changes", "Sarvixe", "Service", 3, 2 },
    { "above the limit", "Unit", "Service", 3, 4 },
    { "only the length differs", "Service", "ServiceABCDE", 3, 4 },
    { "nothing and a word", "", "abc", 3, 3 },
};

static void test_distance(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        print_message("  %s\n", cases[i].label);
        assert_int_equal(word_distance(cases[i].a, strlen(cases[i].a), cases[i].b, strlen(cases[i].b), cases[i].limit),
                         cases[i].want);
    }
}

static void test_long_words_are_like_nothing(void **state)
{
    (void)state;
    char text[LIKENESS_MAX + 2];
    memset(text, 'x', sizeof text);
    assert_int_equal(word_distance(text, LIKENESS_MAX, text, LIKENESS_MAX, 2), 0);
    assert_int_equal(word_distance(text, LIKENESS_MAX + 1, text, LIKENESS_MAX, 2), 3);
    assert_int_equal(word_distance_limit(LIKENESS_MAX + 1), 0);
}

static void test_limit(void **state)
{
    (void)state;
    static const struct {
        size_t length;
        unsigned want;
    } limits[] = { { 0, 0 }, { 2, 0 }, { 3, 1 }, { 5, 1 }, { 6, 2 }, { 9, 3 }, { 30, 3 } };
    for (size_t i = 0; i < COUNT_OF(limits); i++)
        assert_int_equal(word_distance_limit(limits[i].length), limits[i].want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_distance),
        cmocka_unit_test(test_long_words_are_like_nothing),
        cmocka_unit_test(test_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
