/* What `show` prints of a unit: the two forms of each shape. */
#include "tests/unit/set_builder.h"

#include "unit/property.h"
#include "unit/property_internal.h"

static void test_words(void **state)
{
    (void)state;
    static const struct {
        const char *word, *text;
    } cases[] = {
        { "plain", "plain" },
        { "", "" },
        { "A=b c", "\"A=b c\"" },
        { "q\"q", "\"q\\\"q\"" },
        { "a\\x2db.service", "\"a\\\\x2db.service\"" },
        { "$x", "\"\\$x\"" },
        { "a`b", "\"a\\`b\"" },
        { "it's", "\"it's\"" },
        { "a\nb\tc", "\"a\\nb\\tc\"" },
        { "a\x01z", "\"a\\001z\"" },
        { "*", "\"*\"" },
        { "a=b;c", "\"a=b;c\"" },
        { "I=a~b#c%{}", "I=a~b#c%{}" },
        { "\xc3\xa4", "\xc3\xa4" },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        AUTO_STR struct str out = STR_EMPTY;
        assert_int_equal(property_words_text(&cases[i].word, 1, &out), 0);
        assert_string_equal(str_text(&out), cases[i].text);
    }
    static const char *const two[] = { "a", "b c" };
    AUTO_STR struct str text = STR_EMPTY, json = STR_EMPTY;
    assert_int_equal(property_words_text(two, 2, &text), 0);
    assert_string_equal(str_text(&text), "a \"b c\"");
    assert_int_equal(property_words_json(two, 2, &json), 0);
    assert_string_equal(str_text(&json), "[\"a\", \"b c\"]");
}

/* Every kind has the properties of all units, and none twice. */
static void test_names(void **state)
{
    (void)state;
    for (enum unit_kind kind = 0; kind < UNIT_KIND_COUNT; kind++) {
        size_t count = property_count(kind);
        assert_non_null(property_find(kind, "After"));
        assert_null(property_find(kind, "Nonsense"));
        assert_null(property_get(kind, count));
        for (size_t i = 0; i < count; i++) {
            const struct property *property = property_get(kind, i);
            if (property_find(kind, property_name(property)) != property)
                fail_msg("%s has %s twice", unit_kind_suffix(kind), property_name(property));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_words), cmocka_unit_test(test_names) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
