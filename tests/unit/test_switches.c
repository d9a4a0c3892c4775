/* Comments that switch rules off: what is left of a file's diagnostics. */
#include "tests/unit/parse_unit.h"

#include "unit/switches.h"

static const struct {
    const char *label, *text, *want;
} rows[] = {
    { "none", "[Service]\nExecStart=/bin/true\nNice=x\nBogus=1\n", "bad-integer:3 unknown-directive:4" },
    { "whole file", "# container-init: disable=unknown-directive\n[Service]\nExecStart=/bin/true\nBogus=1\nBogus=2\n",
      "" },
    { "whole file, one directive", "# container-init: disable=unknown-directive:Bogus\n[Service]\nBogus=1\nOther=2\n",
      "unknown-directive:4" },
    { "a semicolon, no blanks", ";container-init:disable=unknown-directive\n[Service]\nBogus=1\n", "" },
    { "several words",
      "# container-init: disable=unknown-directive:A1x, unknown-directive:B1x why not\n[Service]\n"
      "A1x=\nB1x=\nnot=\n",
      "unknown-directive:5" },
    { "the next assignment only", "[Service]\n# container-init: disable=unknown-directive\nBogus=1\nBogus=2\n",
      "unknown-directive:4" },
    { "other comments between", "[Service]\n# container-init: disable=unknown-directive\n# why\nBogus=1\n", "" },
    { "two above one",
      "[Service]\n# container-init: disable=bad-uri\n# container-init: disable=unknown-directive\n"
      "Bogus=1\n",
      "" },
    { "all lines of the assignment",
      "[Service]\n# container-init: disable=bad-assignment\nEnvironment=A=1 \\\n# comment\n bogus\nEnvironment=bogus\n",
      "bad-assignment:6" },
    { "an empty line between", "[Service]\n# container-init: disable=unknown-directive\n\nBogus=1\n",
      "unused-switch:2 unknown-directive:4" },
    { "above a section", "[Unit]\n# container-init: disable=unknown-directive\n[Service]\nBogus=1\n",
      "unused-switch:2 unknown-directive:4" },
    { "at the end", "[Service]\n# container-init: disable=bad-uri", "unused-switch:2" },
    { "errors stay", "# container-init: disable=bad-integer\n[Service]\nNice=x\n", "bad-integer:3" },
    { "no such rule", "[Service]\n# container-init: disable=unknown-directiv\nBogus=1\n",
      "unknown-rule:2:27(did you mean unknown-directive?) unknown-directive:3" },
    { "no directive behind the colon", "# container-init: disable=bad-uri:\n", "unknown-rule:1" },
    { "an empty word", "# container-init: disable=\n", "unknown-rule:1" },
    { "another verb", "# container-init: enable=bad-uri\n", "bad-switch:1" },
    { "prose", "# container-init: the unit of a = b\n# we say container-init: disable=x\n", "" },
    { "a value that looks like one", "[Unit]\nDescription=a \\\n# container-init: disable=bogus\nb\n", "" },
    { "line ends of other systems", "[Service]\r\n# container-init: disable=unknown-directive\r\nBogus=1\r\n", "" },
    { "behind a byte-order mark", "\xef\xbb\xbf# container-init: disable=unknown-directive\n[Service]\nBogus=1\n", "" },
};

static void append(struct str *got, const struct diag *d)
{
    assert_int_equal(str_appendf(got, "%s%s:%u", got->length ? " " : "", d->code, d->at.line), 0);
    if (strcmp(d->code, "unknown-rule") == 0 && d->hint)
        assert_int_equal(str_appendf(got, ":%u(%s)", d->at.column, d->hint), 0);
}

static void test_switches(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct fragment_context context = { .unit_name = "a.service", .kind = UNIT_KIND_SERVICE, .native = true };
        struct unit_settings settings = unit_settings_default;
        AUTO(arena_free) struct arena *arena = arena_new();
        AUTO(diag_sink_free) struct diag_sink *diags = diag_sink_new();
        AUTO_STR struct str got = STR_EMPTY;
        print_message("  %s\n", rows[i].label);
        diag_sink_set_strict(diags, true); /* what is switched off is not an error either */
        assert_true(
            fragment_parse(arena, "/u/a.service", rows[i].text, strlen(rows[i].text), &context, &settings, diags) >= 0);
        for (size_t k = 0; k < diag_total(diags); k++) append(&got, diag_get(diags, k));
        assert_string_equal(str_text(&got), rows[i].want);
    }
}

/* A file of nothing else costs no more than its bound. */
static void test_many(void **state)
{
    (void)state;
    AUTO_STR struct str text = STR_EMPTY;
    AUTO(diag_sink_free) struct diag_sink *diags = diag_sink_new();
    for (size_t i = 0; i < 100000; i++) assert_int_equal(str_append(&text, "# container-init: disable=bad-uri\n"), 0);
    assert_int_equal(switches_read(diags, "/u/a.service", str_text(&text), text.length), 0);
    assert_int_equal(diag_total(diags), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_switches), cmocka_unit_test(test_many) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
