#include "base/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <errno.h>

/* clang-format off */
#define TEXT(literal) literal, sizeof(literal) - 1
static const struct {
    const char *label, *text;
    size_t length;
    const char *want;
} strings[] = {
    { "empty", TEXT(""), "\"\"" },
    { "plain", TEXT("web.service"), "\"web.service\"" },
    { "quote and backslash", TEXT("a\"b\\c"), "\"a\\\"b\\\\c\"" },
    { "control bytes", TEXT("a\n\r\t\x01\x1f\b"), "\"a\\n\\r\\t\\u0001\\u001f\\u0008\"" },
    { "NUL inside", TEXT("a\0b"), "\"a\\u0000b\"" },
    { "no HTML escaping (S65)", TEXT("<a href='x'>&amp;/"), "\"<a href='x'>&amp;/\"" },
    { "two, three and four bytes", TEXT("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"), "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"" },
    { "one escape for each bad byte", TEXT("a\xff\xfe" "b"), "\"a\\ufffd\\ufffdb\"" },
    { "cut sequence at the end", TEXT("a\xe2\x82"), "\"a\\ufffd\\ufffd\"" },
    { "overlong form", TEXT("\xc0\xaf"), "\"\\ufffd\\ufffd\"" },
    { "surrogate", TEXT("\xed\xa0\x80"), "\"\\ufffd\\ufffd\\ufffd\"" },
    { "bad byte before a quote", TEXT("\xe2\""), "\"\\ufffd\\\"\"" },
    { "line separators", TEXT("\xe2\x80\xa8\xe2\x80\xa9"), "\"\\u2028\\u2029\"" },
    { "delete", TEXT("\x7f"), "\"\x7f\"" },
};
/* clang-format on */

static void test_write_string(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(strings); i++) {
        print_message("  %s\n", strings[i].label);
        AUTO_STR struct str out = STR_EMPTY;
        assert_int_equal(str_append(&out, "x"), 0);
        assert_int_equal(json_write_string(&out, strings[i].text, strings[i].length), 0);
        assert_string_equal(str_text(&out) + 1, strings[i].want);

        /* Whatever the bytes are, the record can be read. */
        AUTO(json_free) struct json_value *value = NULL;
        if (memchr(strings[i].text, 0, strings[i].length)) continue; /* jansson reads no NUL */
        assert_int_equal(json_parse(out.data + 1, out.length - 1, &value, NULL), 0);
    }
}

static void test_write_every_byte(void **state)
{
    (void)state;
    for (unsigned first = 1; first < 256; first++)
        for (unsigned second = 1; second < 256; second++) {
            char text[] = { (char)first, (char)second };
            AUTO_STR struct str out = STR_EMPTY;
            AUTO(json_free) struct json_value *value = NULL;
            assert_int_equal(json_write_string(&out, text, sizeof text), 0);
            assert_int_equal(json_parse(out.data, out.length, &value, NULL), 0);
        }
}

static void test_write_numbers(void **state)
{
    (void)state;
    AUTO_STR struct str out = STR_EMPTY;
    assert_int_equal(json_write_u64(&out, UINT64_MAX), 0);
    assert_int_equal(str_append_char(&out, ' '), 0);
    assert_int_equal(json_write_u64(&out, 0), 0);
    assert_int_equal(str_append_char(&out, ' '), 0);
    assert_int_equal(json_write_i64(&out, INT64_MIN), 0);
    assert_string_equal(str_text(&out), "18446744073709551615 0 -9223372036854775808");
}

/* jansson refuses 18446744073709551615; ours survives being written and read. */
static void test_u64_round_trip(void **state)
{
    (void)state;
    static const struct {
        uint64_t value;
        const char *text;
    } cases[] = {
        { 0, "{\"v\":0}" },
        { INT64_MAX, "{\"v\":9223372036854775807}" },
        { (uint64_t)INT64_MAX + 1, "{\"v\":\"9223372036854775808\"}" },
        { UINT64_MAX, "{\"v\":\"18446744073709551615\"}" },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        AUTO(json_free) struct json_value *object = json_object_new(), *again = NULL;
        uint64_t got = 1;
        assert_int_equal(json_object_set_u64(object, "v", cases[i].value), 0);
        char *text = json_print(object, 0);
        assert_string_equal(text, cases[i].text);
        assert_int_equal(json_parse(text, strlen(text), &again, NULL), 0);
        assert_int_equal(json_get_u64(again, "v", &got), 0);
        assert_true(got == cases[i].value);
        free(text);
    }
}

static void test_print(void **state)
{
    (void)state;
    AUTO(json_free) struct json_value *object = json_object_new(), *array = json_array_new();
    assert_int_equal(json_array_add_take(array, json_int_new(INT64_MIN)), 0);
    assert_int_equal(json_array_add_take(array, json_null_new()), 0);
    assert_int_equal(json_array_add_take(array, json_bool_new(true)), 0);
    assert_int_equal(json_object_set_take(object, "z", TAKE(array)), 0);
    assert_int_equal(json_object_set_take(object, "a", json_string_new("</b>")), 0);
    assert_int_equal(json_object_set_take(object, "m", json_string_new("first")), 0);
    assert_int_equal(json_object_set_take(object, "m", json_string_new("second")), 0);
    char *compact = json_print(object, 0), *indented = json_print(object, 2);
    assert_string_equal(compact, "{\"a\":\"</b>\",\"m\":\"second\",\"z\":[-9223372036854775808,null,true]}");
    assert_string_equal(indented, "{\n  \"a\": \"</b>\",\n  \"m\": \"second\",\n  \"z\": [\n    -9223372036854775808,\n"
                                  "    null,\n    true\n  ]\n}");
    free(compact), free(indented);
    AUTO(json_free) struct json_value *scalar = json_int_new(5);
    char *text = json_print(scalar, 0);
    assert_string_equal(text, "5");
    free(text);
}

static void test_any_bytes_in_trees(void **state)
{
    (void)state;
    AUTO(json_free) struct json_value *object = json_object_new();
    assert_int_equal(json_object_set_take(object, "k\xff", json_string_new("a\xff\xc3\xa9\xe2\x82")), 0);
    assert_string_equal(json_get_string(object, "k\xef\xbf\xbd"), "a\xef\xbf\xbd\xc3\xa9\xef\xbf\xbd\xef\xbf\xbd");
    assert_int_equal(json_object_set_take(object, "", json_string_new("")), 0);
    assert_string_equal(json_get_string(object, ""), "");
}

/* Ownership on failure: under the leak checker this test is what says so. */
static void test_take_on_failure(void **state)
{
    (void)state;
    AUTO(json_free) struct json_value *object = json_object_new(), *array = json_array_new();
    assert_int_equal(json_object_set_take(object, "k", NULL), -EINVAL);
    assert_int_equal(json_array_add_take(array, NULL), -EINVAL);
    assert_int_equal(json_object_set_take(array, "k", json_string_new("lost")), -EINVAL);
    assert_int_equal(json_array_add_take(object, json_string_new("lost")), -EINVAL);
    json_free(NULL);
}

static const char document[] =
    "{\"s\":\"text\",\"i\":-5,\"u\":7,\"b\":true,\"f\":false,\"n\":null,\"a\":[1,\"two\"],\"o\":{\"x\":1},"
    "\"big\":\"18446744073709551615\",\"not\":\"12x\",\"over\":\"18446744073709551616\",\"r\":1.5}";

static void test_get(void **state)
{
    (void)state;
    AUTO(json_free) struct json_value *d = NULL;
    uint64_t u = 99;
    int64_t i = 99;
    bool b = false;
    assert_int_equal(json_parse(document, sizeof document - 1, &d, NULL), 0);
    assert_string_equal(json_get_string(d, "s"), "text");
    assert_null(json_get_string(d, "i"));
    assert_null(json_get_string(d, "absent"));
    assert_null(json_get(json_get(d, "s"), "s"));
    assert_int_equal(json_get_u64(json_get(d, "o"), "x", &u), 0);
    assert_int_equal(u, 1);
    assert_int_equal(json_get_i64(d, "i", &i), 0);
    assert_int_equal(i, -5);
    assert_int_equal(json_get_bool(d, "b", &b), 0);
    assert_true(b);
    assert_int_equal(json_get_bool(d, "f", &b), 0);
    assert_false(b);

    static const char *const no_u64[] = { "s", "i", "b", "n", "a", "not", "over", "r" };
    for (size_t k = 0; k < COUNT_OF(no_u64); k++) assert_int_equal(json_get_u64(d, no_u64[k], &u), -EINVAL);
    assert_int_equal(u, 1); /* untouched */
    assert_int_equal(json_get_u64(d, "big", &u), 0);
    assert_true(u == UINT64_MAX);
    assert_int_equal(json_get_u64(d, "absent", &u), -ENOENT);
    assert_int_equal(json_get_i64(d, "big", &i), -EINVAL);
    assert_int_equal(json_get_i64(d, "absent", &i), -ENOENT);
    assert_int_equal(json_get_bool(d, "u", &b), -EINVAL);
    assert_int_equal(json_get_bool(d, "absent", &b), -ENOENT);

    size_t members = 0;
    for (const char *key = NULL; (key = json_object_next(d, key)); members++) assert_non_null(json_get(d, key));
    assert_int_equal(members, 12);
    assert_null(json_object_next(json_get(d, "s"), NULL));

    const struct json_value *a = json_get(d, "a");
    assert_int_equal(json_array_count(a), 2);
    assert_non_null(json_array_at(a, 1));
    assert_null(json_array_at(a, 2));
    assert_int_equal(json_array_count(d), 0);
    assert_null(json_array_at(d, 0));
}

static void test_parse_errors(void **state)
{
    (void)state;
    static const struct {
        const char *label, *text;
        size_t length;
        const char *want; /* the beginning of the message */
    } cases[] = {
        { "nothing", TEXT(""), "line 1, column 0: " },
        { "two values", TEXT("1 2"), "line 1, column 3: " },
        { "cut", TEXT("{\"a\":"), "line 1, column 5: " },
        { "bad on the second line", TEXT("{\n x}"), "line 2, column 2: " },
        { "a key twice", TEXT("{\"a\":1,\"a\":2}"), "line 1, column 10: duplicate object key" },
        { "not UTF-8", TEXT("\"\xff\""), "line 1, column " },
        { "NUL", TEXT("1\0"), "line 1, column " },
        { "above 64 bits", TEXT("18446744073709551615"), "line 1, column " },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        print_message("  %s\n", cases[i].label);
        struct json_value *value = NULL;
        char *error = NULL;
        assert_int_equal(json_parse(cases[i].text, cases[i].length, &value, &error), -EINVAL);
        assert_null(value);
        assert_non_null(error);
        assert_true(str_starts_with(error, cases[i].want));
        for (const char *c = error; *c; c++) assert_in_range((unsigned char)*c, 0x20, 0x7e);
        free(error);
    }
    struct json_value *value = NULL;
    assert_int_equal(json_parse("[", 1, &value, NULL), -EINVAL);

    /* A peer's nesting does not use up our stack. */
    static char deep[200000];
    memset(deep, '[', sizeof deep);
    assert_int_equal(json_parse(deep, sizeof deep, &value, NULL), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_write_string),    cmocka_unit_test(test_write_every_byte),
        cmocka_unit_test(test_write_numbers),   cmocka_unit_test(test_u64_round_trip),
        cmocka_unit_test(test_print),           cmocka_unit_test(test_any_bytes_in_trees),
        cmocka_unit_test(test_take_on_failure), cmocka_unit_test(test_get),
        cmocka_unit_test(test_parse_errors),
    };
    return cmocka_run_group_tests_name("base/json", tests, NULL, NULL);
}
