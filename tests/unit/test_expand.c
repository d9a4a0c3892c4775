#include "unit/expand.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static char *const environment[] = {
    (char[]){ "A=first" }, (char[]){ "A=a" },       (char[]){ "EMPTY=" },   (char[]){ "TWO=one two" },
    (char[]){ "AB=ab" },   (char[]){ "Q=x 'y z'" }, (char[]){ "REF=${A}" }, NULL,
};

static void join(const struct strlist *list, struct str *out)
{
    for (size_t i = 0; i < list->count; i++)
        assert_int_equal(str_appendf(out, "%s<%s>", i ? " " : "", list->items[i]), 0);
}

/* clang-format off */
static const struct {
    const char *label, *text, *want, *unset;
} load_cases[] = { /* SEED.md S25 */
    { "plain", "abc", "abc", "" },
    { "braces", "x${A}y", "xay", "" },
    { "the last of two definitions", "${A}", "a", "" },
    { "longer name with the same beginning", "${AB}", "ab", "" },
    { "bare variable stays", "$A and $", "$A and $", "" },
    { "dollar", "$$ $${A}", "$ ${A}", "" },
    { "unset is nothing", "x${NOPE}y", "xy", "<NOPE>" },
    { "default", "${NOPE:-d e}", "d e", "" },
    { "default of an empty one", "${EMPTY:-d}", "d", "" },
    { "empty without default", "x${EMPTY}y", "xy", "" },
    { "default not wanted", "${A:-d}", "a", "" },
    { "empty default", "x${NOPE:-}y", "xy", "" },
    { "nested default", "${NOPE:-${ALSO:-${A}}}!", "a!", "" },
    { "nested default not wanted", "${A:-${NOPE:-x}y}!", "a!", "" },
    { "text around a nested default", "${NOPE:-<${A}>}!", "<a>!", "" },
    { "unset inside a default", "${NOPE:-${ALSO}}", "", "<ALSO>" },
    { "brace in the text", "a}b${A}}", "a}ba}", "" },
    { "dollar in a default", "${NOPE:-$$}}", "$}", "" },
    { "values are not expanded again", "${REF}", "${A}", "" },
    { "unterminated stays and ends it", "${A} ${A ${A}", "a ${A ${A}", "" },
    { "unterminated default", "x${NOPE:-y", "x${NOPE:-y", "" },
    { "not a name", "${1A} ${} ${A B} ${A}", "${1A} ${} ${A B} a", "" },
    { "not a name inside a default", "${NOPE:-${1}}x", "${1}x", "" },
};
/* clang-format on */

static void test_load(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(load_cases); i++) {
        AUTO_STR struct str got = STR_EMPTY, unset = STR_EMPTY;
        AUTO_STRLIST struct strlist names = STRLIST_EMPTY;
        print_message("  %s\n", load_cases[i].label);
        assert_int_equal(
            expand_load(load_cases[i].text, expand_lookup_environ, (void *)(uintptr_t)environment, &got, &names), 0);
        join(&names, &unset);
        assert_string_equal(str_text(&got), load_cases[i].want);
        assert_string_equal(str_text(&unset), load_cases[i].unset);
    }
}

/* clang-format off */
static const struct {
    const char *label, *argv[5], *want, *unset;
} command_cases[] = { /* systemd.service(5) "COMMAND LINES" */
    { "plain", { "/bin/echo", "a b" }, "</bin/echo> <a b>", "" },
    { "a word of its own is split", { "$TWO" }, "<one> <two>", "" },
    { "quotes in the value group words", { "$Q" }, "<x> <y z>", "" },
    { "in braces it is not", { "${TWO}" }, "<one two>", "" },
    { "inside a word without braces it stays", { "a$A" }, "<a$A>", "" },
    { "inside a word with braces", { "-${A}-" }, "<-a->", "" },
    { "unset word goes", { "x", "$NOPE", "y" }, "<x> <y>", "<NOPE>" },
    { "empty word goes", { "x", "$EMPTY", "y" }, "<x> <y>", "" },
    { "unset in braces is an empty word", { "${NOPE}" }, "<>", "<NOPE>" },
    { "default", { "${NOPE:-d}", "${A:-d}" }, "<d> <a>", "" },
    { "dollars", { "$$A", "$${A}", "$" }, "<$A> <${A}> <$>", "" },
};
/* clang-format on */

static void test_command(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(command_cases); i++) {
        AUTO_STR struct str got = STR_EMPTY, unset = STR_EMPTY;
        AUTO_STRLIST struct strlist words = STRLIST_EMPTY, names = STRLIST_EMPTY;
        size_t argc = 0;
        while (command_cases[i].argv[argc]) argc++;
        print_message("  %s\n", command_cases[i].label);
        assert_int_equal(expand_command(command_cases[i].argv, argc, expand_lookup_environ,
                                        (void *)(uintptr_t)environment, &words, &names),
                         0);
        join(&words, &got);
        join(&names, &unset);
        assert_string_equal(str_text(&got), command_cases[i].want);
        assert_string_equal(str_text(&unset), command_cases[i].unset);
    }
}

/* K94: nesting without end takes neither stack nor quadratic time. */
static void test_deep_nesting(void **state)
{
    (void)state;
    const size_t depth = 200000;
    char *text = malloc(depth * 6 + 1);
    assert_non_null(text);
    for (size_t i = 0; i < depth; i++) memcpy(text + 5 * i, "${X:-", 5);
    memset(text + 5 * depth, '}', depth);
    text[6 * depth] = '\0';
    AUTO_STR struct str got = STR_EMPTY;
    assert_int_equal(expand_load(text, expand_lookup_environ, NULL, &got, NULL), 0);
    assert_string_equal(str_text(&got), text);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_load),
        cmocka_unit_test(test_command),
        cmocka_unit_test(test_deep_nesting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
