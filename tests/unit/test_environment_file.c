#include "unit/environment_file.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* clang-format off */
static const struct {
    const char *label, *text;
    int r;
    uint32_t line;
    const char *want;
} cases[] = { /* SEED.md S36, systemd.exec(5) EnvironmentFile= */
    { "plain", "A=1\nB=two words\n", 0, 0, "<A=1> <B=two words>" },
    { "no newline at the end", "A=1", 0, 0, "<A=1>" },
    { "empty value", "A=\nB=1\n", 0, 0, "<A=> <B=1>" },
    { "comments and empty lines", "# A=1\n\n ; B=2\nC=3\n", 0, 0, "<C=3>" },
    { "edges are trimmed", "  A =  x y \t\n", 0, 0, "<A=x y>" },
    { "K66 a quoted trailing space is kept", "A=\"x \"\nB='y '\n", 0, 0, "<A=x > <B=y >" },
    { "K66 and what follows it is trimmed", "A=\"x \"  \n", 0, 0, "<A=x >" },
    { "quoted segments are joined", "A=\"a\"'b'c\n", 0, 0, "<A=abc>" },
    { "single quotes are literal", "A='a\\n\"$b'\n", 0, 0, "<A=a\\n\"$b>" },
    { "escapes in double quotes", "A=\"\\\"\\\\\\n\\t\\r\\a\\b\\f\\v\\'\\$\\ \"\n", 0, 0, "<A=\"\\\n\t\r\a\b\f\v'$ >" },
    { "other escapes stay", "A=\"\\d\"\n", 0, 0, "<A=\\d>" },
    { "a line end inside quotes", "A=\"x\ny\"\nB=1\n", 0, 0, "<A=x\ny> <B=1>" },
    { "continuation", "A=x\\\ny\nB=1\n", 0, 0, "<A=xy> <B=1>" },
    { "continuation inside quotes", "A=\"x\\\ny\"\n", 0, 0, "<A=xy>" },
    { "a comment goes on", "# a \\\nA=1\nB=2\n", 0, 0, "<B=2>" },
    { "backslash outside quotes", "A=x\\ y\\\\z\n", 0, 0, "<A=x y\\z>" },
    { "no comment behind a value", "A=x # y\n", 0, 0, "<A=x # y>" },
    { "bad names are skipped", "1A=x\nA-B=x\nexport C=x\n=x\nfoo\nD=1\n", 0, 0, "<D=1>" },
    { "underscores and digits", "_a1=x\n", 0, 0, "<_a1=x>" },
    { "byte-order mark", "\xef\xbb\xbf" "A=1\n", 0, 0, "<A=1>" },
    { "carriage returns", "A=1\r\nB=\"2\"\r\n", 0, 0, "<A=1> <B=2>" },
    { "no expansion", "A=$B ${C}\n", 0, 0, "<A=$B ${C}>" },
    { "unterminated double quote", "A=1\nB=\"x\n\ny\n", -EBADMSG, 2, "<A=1>" },
    { "unterminated single quote", "A='x\n", -EBADMSG, 1, "" },
};
/* clang-format on */

static void check(const char *data, size_t size, int want_r, uint32_t want_line, const char *want)
{
    AUTO_STRLIST struct strlist words = STRLIST_EMPTY;
    AUTO_STR struct str got = STR_EMPTY;
    uint32_t line = 0;
    assert_int_equal(environment_file_parse(data, size, &words, &line), want_r);
    for (size_t i = 0; i < words.count; i++)
        assert_int_equal(str_appendf(&got, "%s<%s>", i ? " " : "", words.items[i]), 0);
    assert_string_equal(str_text(&got), want);
    assert_int_equal(line, want_line);
}

static void test_parse(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        print_message("  %s\n", cases[i].label);
        check(cases[i].text, strlen(cases[i].text), cases[i].r, cases[i].line, cases[i].want);
    }
}

static void test_hostile(void **state)
{
    (void)state;
    check("A=1\nB=\0\n", 9, -EBADMSG, 2, "");
    check("", 0, 0, 0, "");
    check("\\", 1, 0, 0, "");
    check("A=\\", 3, 0, 0, "<A=\\>");
    check("A=\"\\", 4, -EBADMSG, 1, "");
    /* Not a byte beyond the end is read: the text is not terminated. */
    char *tight = malloc(5);
    assert_non_null(tight);
    for (size_t i = 0; i < 5; i++) tight[i] = "A='x'"[i];
    check(tight, 5, 0, 0, "<A=x>");
    free(tight);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_parse), cmocka_unit_test(test_hostile) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
