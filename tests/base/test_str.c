#include "base/str.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void test_append(void **state)
{
    (void)state;
    AUTO_STR struct str s = STR_EMPTY;
    assert_string_equal(str_text(&s), "");
    str_clear(&s);
    assert_null(str_take(&s));
    assert_int_equal(str_append(&s, "ab"), 0);
    assert_int_equal(str_append_char(&s, 'c'), 0);
    assert_int_equal(str_append_bytes(&s, "d\0e", 3), 0);
    assert_int_equal(str_append_bytes(&s, NULL, 0), 0);
    assert_int_equal(s.length, 6);
    assert_memory_equal(s.data, "abcd\0e", 7);
    str_clear(&s);
    assert_string_equal(str_text(&s), "");
    assert_true(s.capacity > 0);
    for (int i = 0; i < 5000; i++) assert_int_equal(str_append_char(&s, (char)('a' + i % 26)), 0);
    assert_int_equal(s.length, 5000);
    for (int i = 0; i < 5000; i++) assert_int_equal(s.data[i], 'a' + i % 26);
    assert_int_equal(str_append_bytes(&s, "x", SIZE_MAX - 10), -ENOMEM);
    assert_int_equal(s.length, 5000);

    char *taken = str_take(&s);
    assert_int_equal(strlen(taken), 5000);
    free(taken);
    assert_null(s.data);
    assert_int_equal(s.length + s.capacity, 0);
}

static void test_appendf(void **state)
{
    (void)state;
    static const int widths[] = { 0, 1, 29, 30, 31, 32, 33, 63, 1000 };
    for (size_t i = 0; i < COUNT_OF(widths); i++) {
        print_message("  %d characters\n", widths[i]);
        AUTO_STR struct str s = STR_EMPTY;
        assert_int_equal(str_append(&s, "<"), 0);
        assert_int_equal(str_appendf(&s, "%*s", widths[i], ""), 0);
        assert_int_equal(str_appendf(&s, "%d%s", 42, ">"), 0);
        assert_int_equal(s.length, (size_t)widths[i] + 4);
        assert_int_equal(strlen(s.data), s.length);
        assert_string_equal(s.data + widths[i] + 1, "42>");
    }
}

static void test_strlist(void **state)
{
    (void)state;
    AUTO_STRLIST struct strlist list = STRLIST_EMPTY;
    assert_false(strlist_contains(&list, "x"));
    for (int i = 0; i < 100; i++) {
        char text[2] = { (char)('0' + i % 10), '\0' };
        assert_int_equal(strlist_add(&list, text), 0);
        assert_int_equal(list.count, i + 1);
        assert_null(list.items[list.count]);
    }
    assert_int_equal(strlist_add_bytes(&list, "abcdef", 3), 0);
    assert_int_equal(strlist_add_take(&list, strdup("taken")), 0);
    assert_int_equal(strlist_add_take(&list, NULL), -ENOMEM);
    assert_int_equal(list.count, 102);
    assert_string_equal(list.items[57], "7");
    assert_string_equal(list.items[100], "abc");
    assert_true(strlist_contains(&list, "taken"));
    assert_false(strlist_contains(&list, "abcdef"));
    strlist_done(&list);
    assert_null(list.items);
    assert_int_equal(list.count, 0);
}

static void test_predicates(void **state)
{
    (void)state;
    assert_true(str_equal("a", "a") && str_equal(NULL, NULL));
    assert_false(str_equal("a", "b") || str_equal("a", NULL) || str_equal(NULL, "a"));
    assert_true(str_starts_with("abc", "ab") && str_starts_with("abc", "abc") && str_starts_with("abc", ""));
    assert_false(str_starts_with("abc", "abcd") || str_starts_with("abc", "b") || str_starts_with("", "a"));
    static const char unit[] = "web.service";
    assert_ptr_equal(str_suffix(unit, ".service"), unit + 3);
    assert_ptr_equal(str_suffix(unit, ""), unit + 11);
    assert_ptr_equal(str_suffix(unit, unit), unit);
    assert_null(str_suffix(unit, ".socket"));
    assert_null(str_suffix("e", ".service"));
}

/* clang-format off */
static const struct {
    const char *label, *text;
    size_t length;
    const char *want;
} escapes[] = {
    { "empty",                   "",                         0,  "" },
    { "plain",                   "web.service: ok",          15, "web.service: ok" },
    { "named controls",          "\a\b\t\n\v\f\r",           7,  "\\a\\b\\t\\n\\v\\f\\r" },
    { "quotes and backslash",    "\"'\\",                    3,  "\\\"\\'\\\\" },
    { "NUL",                     "a\0b",                     3,  "a\\x00b" },
    { "escape sequence",         "\033[2J",                  4,  "\\x1b[2J" },
    { "delete",                  "\x7f",                     1,  "\\x7f" },
    { "valid UTF-8",             "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 9, "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80" },
    { "C1 control in UTF-8",     "\xc2\x9b",                 2,  "\\xc2\\x9b" },
    { "lone continuation",       "\x80",                     1,  "\\x80" },
    { "cut sequence",            "\xe2\x82",                 2,  "\\xe2\\x82" },
    { "overlong slash",          "\xc0\xaf",                 2,  "\\xc0\\xaf" },
    { "surrogate",               "\xed\xa0\x80",             3,  "\\xed\\xa0\\x80" },
    { "beyond Unicode",          "\xf4\x90\x80\x80",         4,  "\\xf4\\x90\\x80\\x80" },
    { "no UTF-8 byte at all",    "\xff\xfe",                 2,  "\\xff\\xfe" },
    { "broken, then good",       "\xc3(",                    2,  "\\xc3(" },
};
/* clang-format on */

static void test_escape(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(escapes); i++) {
        print_message("  %s\n", escapes[i].label);
        AUTO_STR struct str s = STR_EMPTY;
        assert_int_equal(str_append(&s, "<"), 0);
        assert_int_equal(str_append_escaped(&s, escapes[i].text, escapes[i].length), 0);
        assert_string_equal(s.data + 1, escapes[i].want);
        char buffer[128];
        assert_ptr_equal(str_escape(escapes[i].text, escapes[i].length, buffer, sizeof buffer), buffer);
        assert_string_equal(buffer, escapes[i].want);
    }
}

static void test_escape_cut(void **state)
{
    (void)state;
    static const struct {
        const char *label, *text;
        size_t size;
        const char *want;
    } cases[] = {
        { "fits exactly", "abcdef", 7, "abcdef" },
        { "one too long", "abcdefg", 7, "abc..." },
        { "an escape is not split", "ab\ncdef", 7, "ab..." },
        { "an escape fits exactly", "a\033", 6, "a\\x1b" },
        { "a character is not split",
          "ab\xe2\x82\xac"
          "cdef",
          7, "ab..." },
        { "only dots", "abcdef", 4, "..." },
        { "fewer dots", "abcdef", 2, "." },
        { "no room", "abcdef", 1, "" },
        { "empty in one byte", "", 1, "" },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        print_message("  %s\n", cases[i].label);
        char *buffer = malloc(cases[i].size); /* on the heap, so that ASan sees a byte too many */
        assert_non_null(buffer);
        assert_string_equal(str_escape(cases[i].text, strlen(cases[i].text), buffer, cases[i].size), cases[i].want);
        free(buffer);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_append),     cmocka_unit_test(test_appendf), cmocka_unit_test(test_strlist),
        cmocka_unit_test(test_predicates), cmocka_unit_test(test_escape),  cmocka_unit_test(test_escape_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
