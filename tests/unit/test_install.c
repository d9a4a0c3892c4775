/* [Install]: what systemctl enable of systemd 252 refuses is told and left out. */
#include "tests/unit/parse_unit.h"

/* clang-format off */
static const struct { const char *name, *lines, *codes, *alias, *also, *wanted_by, *instance; } cases[] = {
    { "foo.service", "Alias=bar.service b2.service", "", "<bar.service> <b2.service>", "", "", NULL },
    { "foo.service", "Alias=bar.service\nAlias=\nAlias=b2.service", "", "<b2.service>", "", "", NULL },
    { "foo.service", "Alias=bar.socket b.service", "bad-alias@4 ", "<b.service>", "", "", NULL },
    { "foo.service", "Alias=bar@.service", "bad-alias@4 ", "", "", "", NULL },
    { "foo.service", "Alias=bar@x.service", "bad-alias@4 ", "", "", "", NULL },
    { "foo.service", "Alias=bar b/r.service", "bad-unit-name@4 bad-unit-name@4 ", "", "", "", NULL },
    { "foo.service", "Alias=%p-2.service", "", "<foo-2.service>", "", "", NULL },
    { "foo.service", "Alias=%I.service", "bad-specifier@4 ", "", "", "", NULL },
    { "foo.service", "Alias=%z.service", "bad-specifier@4 ", "", "", "", NULL },
    { "foo@x.service", "Alias=bar@.service bar@%i.service", "", "<bar@.service> <bar@x.service>", "", "", NULL },
    { "foo@x.service", "Alias=bar.service", "bad-alias@4 ", "", "", "", NULL },
    { "foo@.service", "Alias=%i.service", "", "<.service>", "", "", NULL },
    { "foo.service", "Also=other.socket foo@x.timer", "", "", "<other.socket> <foo@x.timer>", "", NULL },
    { "foo.service", "Also=other x%.service y.service", "bad-unit-name@4 bad-unit-name@4 ", "", "<y.service>", "", NULL },
    { "foo.service", "WantedBy=multi-user.target x@.target", "", "", "", "<multi-user.target> <x@.target>", NULL },
    { "foo.service", "Also=x\\x2dy.service \"z.service\"", "bad-unit-name@4 ", "", "<xx2dy.service>", "", NULL }, /* as systemd */
    { "foo.service", "Also=x\\\\x2dy.service", "", "", "<x\\x2dy.service>", "", NULL },
    { "foo.service", "WantedBy=\"a.target\" 'b.target' x\\x2dy.target", "", "", "", "<a.target> <b.target> <x\\x2dy.target>", NULL },
    { "foo.service", "WantedBy=a.target \"b.target", "bad-quoting@4 ", "", "", "<a.target>", NULL },
    { "foo.service", "Alias=\"a.service\" x\\x2dy.service", "", "<a.service> <x\\x2dy.service>", "", "", NULL },
    { "foo.service", "WantedBy=bad a.target", "bad-unit-name@4 ", "", "", "<a.target>", NULL },
    { "foo@x.service", "WantedBy=dev-%i.device", "", "", "", "<dev-x.device>", NULL },
    { "foo@x.service", "DefaultInstance=main", "", "", "", "", "main" },
    { "foo@.service", "DefaultInstance=a@b", "", "", "", "", "a@b" },
    { "foo@.service", "DefaultInstance=%p", "", "", "", "", "foo" },
    { "foo@.service", "DefaultInstance=x\nDefaultInstance=", "", "", "", "", NULL },
    { "foo@.service", "DefaultInstance=x y", "bad-instance@4 ", "", "", "", NULL },
    { "foo@.service", "DefaultInstance=x\nDefaultInstance=x/y", "bad-instance@5 ", "", "", "", "x" },
    { "foo@.service", "DefaultInstance=%z", "bad-specifier@4 ", "", "", "", NULL },
    { "foo.service", "DefaultInstance=x", "bad-instance@4 ", "", "", "", NULL },
};

static const struct { const char *name, *text, *codes; } kinds[] = {
    { "foo.target", "[Install]\nAlias=b.target\n", "" },
    { "foo.target", "[Install]\nAlias=b.service\n", "bad-alias@2 " },
};
/* clang-format on */

static void test_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        AUTO_STR struct str text = STR_EMPTY;
        print_message("  %s: %s\n", cases[i].name, cases[i].lines);
        assert_int_equal(str_appendf(&text, "[Service]\nExecStart=/bin/true\n[Install]\n%s\n", cases[i].lines), 0);
        struct parsed u = parse_unit(cases[i].name, str_text(&text), false);
        const struct install_section *install = &u.settings.install;
        assert_int_equal(u.result, 0);
        assert_string_equal(u.codes, cases[i].codes);
        assert_texts(&install->alias, cases[i].alias);
        assert_texts(&install->also, cases[i].also);
        assert_texts(&install->wanted_by, cases[i].wanted_by);
        if (cases[i].instance)
            assert_string_equal(install->default_instance, cases[i].instance);
        else
            assert_null(install->default_instance);
        parsed_done(&u);
    }
}

static void test_kinds(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        struct parsed u = parse_unit(kinds[i].name, kinds[i].text, false);
        print_message("  %s\n", kinds[i].text);
        assert_string_equal(u.codes, kinds[i].codes);
        parsed_done(&u);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_cases), cmocka_unit_test(test_kinds) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
