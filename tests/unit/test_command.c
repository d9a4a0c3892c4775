#include "tests/unit/parse_unit.h"

/* Every command of ExecStart= as "program[flags]: <argv...>", with flags in their prefix letters. */
static void describe(const struct command_list *list, struct str *out)
{
    static const char letters[] = "-@:+!A$";
    for (uint32_t i = 0; i < list->count; i++) {
        const struct command *c = &list->items[i];
        assert_int_equal(str_appendf(out, "%s%s[", i ? " | " : "", c->program), 0);
        for (size_t bit = 0; bit < sizeof letters - 1; bit++)
            if (c->flags & 1U << bit) assert_int_equal(str_append_char(out, letters[bit]), 0);
        assert_int_equal(str_append(out, "]"), 0);
        for (uint32_t j = 0; j < c->argc; j++) assert_int_equal(str_appendf(out, " <%s>", c->argv[j]), 0);
    }
}

/* clang-format off */
static const struct {
    const char *label, *line, *want, *codes;
} cases[] = { /* systemd.service(5) "COMMAND LINES"; what systemd 252 does */
    { "words", "/bin/echo a  b\tc", "/bin/echo[] </bin/echo> <a> <b> <c>", "" },
    { "double quotes", "/bin/echo \"a b\" c", "/bin/echo[] </bin/echo> <a b> <c>", "" },
    { "single quotes", "/bin/echo 'a \"b\" c'", "/bin/echo[] </bin/echo> <a \"b\" c>", "" },
    { "quotes inside a word", "/bin/echo a\"b c\"d", "/bin/echo[] </bin/echo> <ab cd>", "" },
    { "empty word", "/bin/echo '' x", "/bin/echo[] </bin/echo> <> <x>", "" },
    { "quoted program", "'/bin/echo' 'x'", "/bin/echo[] </bin/echo> <x>", "" },
    { "bare program", "echo x", "echo[] <echo> <x>", "" },
    { "letters of C", "/bin/echo \"a\\tb\\n\\r\\s\\\\\\\"\\'\"", "/bin/echo[] </bin/echo> <a\tb\n\r \\\"'>", "" },
    { "numbers of C", "/bin/echo \\x41\\101\\u00e4\\U0001F600", "/bin/echo[] </bin/echo> <AA\xc3\xa4\xf0\x9f\x98\x80>", "" },
    { "no NUL", "/bin/echo \\000", "/bin/echo[] </bin/echo> <\\000>", "bad-escape@2 " },
    { "unknown escape stays", "/bin/echo \\xZZ \\d", "/bin/echo[] </bin/echo> <\\xZZ> <\\d>", "bad-escape@2 bad-escape@2 " },
    { "separator", "/bin/a x ; /bin/b y", "/bin/a[] </bin/a> <x> | /bin/b[] </bin/b> <y>", "" },
    { "no separator inside a word", "/bin/a x ;y z;", "/bin/a[] </bin/a> <x> <;y> <z;>", "" },
    { "escaped separator", "/bin/a x \\; y", "/bin/a[] </bin/a> <x> <;> <y>", "" },
    { "quoted separator", "/bin/a x \";\" y", "/bin/a[] </bin/a> <x> <;> <y>", "" },
    { "separators with nothing between", "; /bin/a ; ; /bin/b ;", "/bin/a[] </bin/a> | /bin/b[] </bin/b>", "" },
    { "prefix -", "-/bin/false", "/bin/false[-] </bin/false>", "" },
    { "prefix @", "@/bin/sh name -c true", "/bin/sh[@] <name> <-c> <true>", "" },
    { "prefix :", ":/bin/echo $FOO", "/bin/echo[:] </bin/echo> <$FOO>", "" },
    { "prefix +", "+/bin/id", "/bin/id[+] </bin/id>", "" },
    { "prefix !", "!/bin/id", "/bin/id[!] </bin/id>", "" },
    { "prefix !!", "!!/bin/id", "/bin/id[A] </bin/id>", "" },
    { "all together", "-+:@/bin/sh name $X", "/bin/sh[-@:+] <name> <$X>", "" },
    { "any order", "@!:-/bin/sh name", "/bin/sh[-@:!] <name>", "" },
    { "each command has its own", "-/bin/a ; +/bin/b", "/bin/a[-] </bin/a> | /bin/b[+] </bin/b>", "" },
    { "twice +", "++/bin/id", "", "bad-command@2 " },
    { "twice :", "::/bin/id", "", "bad-command@2 " },
    { "twice -", "--/bin/id", "", "bad-command@2 " },
    { "+ and !", "+!/bin/id", "", "bad-command@2 " },
    { "! and +", "!+/bin/id", "", "bad-command@2 " },
    { "!!!", "!!!/bin/id", "", "bad-command@2 " },
    { "@ without a name", "@/bin/sh", "", "bad-command@2 " },
    { "prefix alone", "+", "", "bad-command@2 " },
    { "relative path", "./foo", "", "bad-command@2 " },
    { "relative path in a folder", "foo/bar", "", "bad-command@2 " },
    { "a directory", "/usr/bin/", "", "bad-command@2 " },
    { "the root", "/", "", "bad-command@2 " },
    { "control characters", "\"/bin/\\x01\"", "", "bad-command@2 " },
    { "tolerated behind -", "-./foo", "", "bad-command@2 " },
    { "unbalanced quote", "/bin/echo \"a", "", "bad-quoting@2 " },
    { "unbalanced quote behind a bad escape", "/bin/echo \\d\"a", "", "bad-escape@2 bad-quoting@2 " },
    { "specifiers", "/bin/%p %n%% a%i", "/bin/case[] </bin/case> <case.service%> <a>", "" },
    { "specifiers do not split words", "/bin/echo %n\" \"x", "/bin/echo[] </bin/echo> <case.service x>", "" },
    { "variables wait (D3)", "/bin/echo $A ${A} ${A:-b}", "/bin/echo[] </bin/echo> <$A> <${A}> <${A:-b}>", "" },
    { "shell syntax means nothing", "/bin/echo a && b > c | *", "/bin/echo[] </bin/echo> <a> <&&> <b> <>> <c> <|> <*>", "" },
};
/* clang-format on */

static void test_lines(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        for (int native = 0; native <= 1; native++) {
            AUTO_STR struct str text = STR_EMPTY, got = STR_EMPTY;
            print_message("  %s%s\n", cases[i].label, native ? "" : " (systemd)");
            /* The first ExecStart= keeps "no command" from being a problem of its own. */
            assert_int_equal(
                str_appendf(&text, "[Service]\nExecStart=%s\nType=oneshot\nExecStart=/bin/last\n", cases[i].line), 0);
            struct parsed u = parse_unit("case.service", str_text(&text), native);
            struct command_list *list = &u.settings.service.commands[SERVICE_EXEC_START];
            /* Behind "-" the command is left out and the unit goes on. */
            bool fatal = cases[i].line[0] != '-' && (strstr(u.codes, "bad-command") || strstr(u.codes, "bad-quoting"));
            bool stops = fatal && !native; /* systemd reads no further */
            assert_int_equal(list->count > 0, !stops);
            if (!stops) list->count--;
            describe(list, &got);
            assert_string_equal(str_text(&got), cases[i].want);
            AUTO_STR struct str codes = STR_EMPTY;
            assert_int_equal(str_appendf(&codes, "%s%s", cases[i].codes, stops ? "missing-exec-start@0 " : ""), 0);
            assert_string_equal(u.codes, str_text(&codes));
            assert_int_equal(u.result, fatal);
            parsed_done(&u);
        }
    }
}

static void test_reset_and_count(void **state)
{
    (void)state;
    struct parsed u = parse_unit("a.service", "[Service]\nExecStart=/bin/a\nExecStart=\nExecStart=/bin/b\n", true);
    assert_int_equal(u.settings.service.commands[SERVICE_EXEC_START].count, 1);
    assert_string_equal(u.settings.service.commands[SERVICE_EXEC_START].items[0].program, "/bin/b");
    assert_int_equal(u.settings.service.commands[SERVICE_EXEC_START].items[0].origin.line, 4);
    assert_int_equal(u.result, 0);
    parsed_done(&u);

    u = parse_unit("a.service", "[Service]\nExecStart=/bin/a\nExecStart=/bin/b\n", true);
    assert_string_equal(u.codes, "too-many-commands@3 ");
    assert_int_equal(u.result, 1);
    parsed_done(&u);

    u = parse_unit("a.service", "[Service]\nType=oneshot\nExecStart=/bin/a\nExecStart=/bin/b\n", true);
    assert_int_equal(u.settings.service.commands[SERVICE_EXEC_START].count, 2);
    assert_int_equal(u.result, 0);
    parsed_done(&u);
}

/* The program of a native unit may come from the environment; it is expanded with the rest of the line. */
static void test_program_from_variable(void **state)
{
    (void)state;
    struct parsed u = parse_unit("a.service", "[Service]\nExecStart=${HOME}/bin/x y\n", true);
    assert_int_equal(u.result, 0);
    const struct command *c = &u.settings.service.commands[SERVICE_EXEC_START].items[0];
    assert_string_equal(c->program, "${HOME}/bin/x");
    assert_true(c->flags & COMMAND_PROGRAM_VARIABLE);
    parsed_done(&u);
    u = parse_unit("a.service", "[Service]\nExecStart=:${HOME}/bin/x y\n", true);
    assert_string_equal(u.codes, "bad-command@2 missing-exec-start@0 ");
    parsed_done(&u);
    u = parse_unit("a.service", "[Service]\nExecStart=${HOME}/bin/x y\n", false);
    assert_int_equal(u.result, 1);
    parsed_done(&u);
}

static void test_column(void **state)
{
    (void)state;
    struct parsed u = parse_unit("a.service", "[Service]\nExecStart=/bin/a \\\n  b \"c\n", true);
    const struct diag *d = diag_get(u.diags, 0);
    assert_string_equal(d->code, "bad-quoting");
    assert_int_equal(d->at.line, 3);
    assert_int_equal(d->at.column, 5);
    parsed_done(&u);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_reset_and_count),
        cmocka_unit_test(test_program_from_variable),
        cmocka_unit_test(test_column),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
