#include "base/diag.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <errno.h>

#include "base/json.h"

static int setup(void **state)
{
    *state = diag_sink_new();
    return *state ? 0 : -1;
}

static int teardown(void **state)
{
    diag_sink_free(*state);
    return 0;
}

/* S12, S30, D12: the texts that image builds grep for. */
/* clang-format off */
static const struct {
    const char *label;
    enum severity severity;
    bool strict;
    struct diag_about about;
    const char *code, *hint, *message;
    const char *text, *gcc, *json;
} renders[] = {
    { "the example of D12", DIAG_WARNING, false,
      { { "/etc/container-init/units/web.service", 12, 1 }, "Service", "ExecStrat" },
      "unknown-directive", "did you mean ExecStart=?", "directive not in supported subset (ignored)",
      "warning: web.service [Service] ExecStrat: directive not in supported subset (ignored) (line 12, unknown-directive; "
      "did you mean ExecStart=?)",
      "/etc/container-init/units/web.service:12:1: warning[unknown-directive]: [Service] ExecStrat=: directive not in "
      "supported subset (ignored), did you mean ExecStart=?",
      "{\"code\":\"unknown-directive\",\"column\":1,\"file\":\"/etc/container-init/units/web.service\",\"hint\":\"did you "
      "mean ExecStart=?\",\"key\":\"ExecStrat\",\"line\":12,\"message\":\"directive not in supported subset (ignored)\","
      "\"section\":\"Service\",\"severity\":\"warning\"}" },
    { "without a directive", DIAG_WARNING, false, { { "u/web.service", 3, 0 }, "Foo", NULL },
      "unknown-section", NULL, "unknown section [Foo] (ignored)",
      "warning: web.service [Foo]: unknown section [Foo] (ignored) (line 3, unknown-section)",
      "u/web.service:3:1: warning[unknown-section]: [Foo]: unknown section [Foo] (ignored)",
      "{\"code\":\"unknown-section\",\"file\":\"u/web.service\",\"line\":3,\"message\":\"unknown section [Foo] (ignored)\","
      "\"section\":\"Foo\",\"severity\":\"warning\"}" },
    { "without section and directive", DIAG_ERROR, false, { { "web.service", 7, 9 }, NULL, NULL },
      "bad-line", NULL, "no '='",
      "error: web.service: no '=' (line 7, bad-line)",
      "web.service:7:9: error[bad-line]: no '='",
      "{\"code\":\"bad-line\",\"column\":9,\"file\":\"web.service\",\"line\":7,\"message\":\"no '='\",\"severity\":\"error\"}" },
    { "a whole file", DIAG_ERROR, false, { { "/x/web.service", 0, 0 }, "Service", "ExecStart" },
      "missing", "add it", "no ExecStart=",
      "error: web.service [Service] ExecStart: no ExecStart= (missing; add it)",
      "/x/web.service: error[missing]: [Service] ExecStart=: no ExecStart=, add it",
      "{\"code\":\"missing\",\"file\":\"/x/web.service\",\"hint\":\"add it\",\"key\":\"ExecStart\",\"message\":\"no "
      "ExecStart=\",\"section\":\"Service\",\"severity\":\"error\"}" },
    { "a whole file, nothing else", DIAG_NOTE, false, { { "/x/web.service", 0, 0 }, NULL, NULL },
      "fifo", NULL, "is a FIFO",
      "note: web.service: is a FIFO (fifo)",
      "/x/web.service: note[fifo]: is a FIFO",
      "{\"code\":\"fifo\",\"file\":\"/x/web.service\",\"message\":\"is a FIFO\",\"severity\":\"note\"}" },
    { "no file to blame", DIAG_WARNING, false, { { NULL, 0, 0 }, NULL, NULL },
      "cycle", NULL, "dependency cycle",
      "warning: dependency cycle (cycle)",
      "container-init: warning[cycle]: dependency cycle",
      "{\"code\":\"cycle\",\"message\":\"dependency cycle\",\"severity\":\"warning\"}" },
    { "strict: an error that still reads as the warning it was", DIAG_WARNING, true, { { "a.socket", 2, 4 }, "Unit", "Foo" },
      "unknown-directive", NULL, "m",
      "warning: a.socket [Unit] Foo: m (line 2, unknown-directive)",
      "a.socket:2:4: error[unknown-directive]: [Unit] Foo=: m",
      "{\"code\":\"unknown-directive\",\"column\":4,\"file\":\"a.socket\",\"key\":\"Foo\",\"line\":2,\"message\":\"m\","
      "\"section\":\"Unit\",\"severity\":\"error\",\"was_warning\":true}" },
    { "strict leaves notes alone", DIAG_NOTE, true, { { "a.socket", 2, 4 }, "Unit", "Documentation" },
      "accepted", NULL, "m",
      "note: a.socket [Unit] Documentation: m (line 2, accepted)",
      "a.socket:2:4: note[accepted]: [Unit] Documentation=: m",
      "{\"code\":\"accepted\",\"column\":4,\"file\":\"a.socket\",\"key\":\"Documentation\",\"line\":2,\"message\":\"m\","
      "\"section\":\"Unit\",\"severity\":\"note\"}" },
    { "odd bytes are escaped, quotes are not", DIAG_WARNING, false, { { "d/a\033[2J\xff.service", 1, 1 }, "S\n", "K\x7f" },
      "c", "h\r", "it's \"caf\xc3\xa9\" \\x1b\t\x80",
      "warning: a\\x1b[2J\\xff.service [S\\n] K\\x7f: it's \"caf\xc3\xa9\" \\x1b\\t\\x80 (line 1, c; h\\r)",
      "d/a\\x1b[2J\\xff.service:1:1: warning[c]: [S\\n] K\\x7f=: it's \"caf\xc3\xa9\" \\x1b\\t\\x80, h\\r",
      "{\"code\":\"c\",\"column\":1,\"file\":\"d/a\\u001b[2J\\ufffd.service\",\"hint\":\"h\\r\",\"key\":\"K\x7f\",\"line\":1,"
      "\"message\":\"it's \\\"caf\xc3\xa9\\\" \\\\x1b\\t\\ufffd\",\"section\":\"S\\n\",\"severity\":\"warning\"}" },
};
/* clang-format on */

static void assert_rendered(const struct diag *d, enum diag_format format, const char *want)
{
    char *line = diag_render(d, format);
    assert_non_null(line);
    assert_string_equal(line, want);
    free(line);
}

static void test_render(void **state) /* S12, D12 */
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(renders); i++) {
        print_message("  %s\n", renders[i].label);
        AUTO(diag_sink_free) struct diag_sink *sink = diag_sink_new();
        diag_sink_set_strict(sink, renders[i].strict);
        diag_report(sink, renders[i].severity, renders[i].about, renders[i].code, renders[i].hint, "%s",
                    renders[i].message);
        assert_int_equal(diag_total(sink), 1);
        const struct diag *d = diag_get(sink, 0);
        assert_rendered(d, DIAG_TEXT, renders[i].text);
        assert_rendered(d, DIAG_GCC, renders[i].gcc);
        assert_rendered(d, DIAG_JSON, renders[i].json);

        AUTO(json_free) struct json_value *parsed = NULL;
        assert_int_equal(json_parse(renders[i].json, strlen(renders[i].json), &parsed, NULL), 0);
        char *sorted = json_print(parsed, 0);
        if (!strstr(renders[i].json, "\\ufffd")) assert_string_equal(sorted, renders[i].json); /* keys are in order */
        free(sorted);
    }
}

static void report(struct diag_sink *sink, enum severity severity, const char *code, const char *key)
{
    diag_report(sink, severity, (struct diag_about){ .at = { "f", 1, 1 }, .key = key }, code, NULL, "%s", code);
}

static void test_counts_and_order(void **state)
{
    struct diag_sink *sink = *state;
    report(sink, DIAG_WARNING, "w1", NULL);
    report(sink, DIAG_ERROR, "e1", NULL);
    report(sink, DIAG_NOTE, "n1", NULL);
    report(sink, DIAG_WARNING, "w2", NULL);
    assert_int_equal(diag_count(sink, DIAG_WARNING), 2);
    assert_int_equal(diag_count(sink, DIAG_ERROR), 1);
    assert_int_equal(diag_count(sink, DIAG_NOTE), 1);
    assert_int_equal(diag_warning_count(sink), 2);
    assert_int_equal(diag_total(sink), 4);
    assert_string_equal(diag_get(sink, 0)->code, "w1");
    assert_string_equal(diag_get(sink, 3)->code, "w2");
    assert_null(diag_get(sink, 4));
}

static void test_message_is_copied(void **state)
{
    struct diag_sink *sink = *state;
    char value[] = "value", hint[] = "hint";
    diag_report(sink, DIAG_WARNING, (struct diag_about){ .at = { "f", 1, 0 } }, "c", hint, "'%s' %d", value, 7);
    memset(value, 'x', sizeof value - 1), memset(hint, 'x', sizeof hint - 1);
    assert_string_equal(diag_get(sink, 0)->message, "'value' 7");
    assert_string_equal(diag_get(sink, 0)->hint, "hint");
}

static void test_strict(void **state)
{
    struct diag_sink *sink = *state;
    diag_sink_set_strict(sink, true);
    report(sink, DIAG_WARNING, "w", NULL);
    report(sink, DIAG_ERROR, "e", NULL);
    report(sink, DIAG_NOTE, "n", NULL);
    assert_int_equal(diag_count(sink, DIAG_ERROR), 2);
    assert_int_equal(diag_count(sink, DIAG_WARNING), 0);
    assert_int_equal(diag_warning_count(sink), 1);
    assert_true(diag_get(sink, 0)->was_warning);
    assert_false(diag_get(sink, 1)->was_warning);
}

/* What is reported of (code, key) as a warning with the list allowed. */
static const struct {
    const char *label, *list, *code, *key;
    int r;
    enum severity want;
} allows[] = {
    { "code and key", "unsupported:ProtectSystem", "unsupported", "ProtectSystem", 0, DIAG_NOTE },
    { "another key", "unsupported:ProtectSystem", "unsupported", "ProtectHome", 0, DIAG_WARNING },
    { "no key", "unsupported:ProtectSystem", "unsupported", NULL, 0, DIAG_WARNING },
    { "a whole code", "unsupported", "unsupported", "ProtectSystem", 0, DIAG_NOTE },
    { "a whole code, no key", "unsupported", "unsupported", NULL, 0, DIAG_NOTE },
    { "another code", "unsupported", "unsupported-here", "ProtectSystem", 0, DIAG_WARNING },
    { "the beginning of a code", "unsupp", "unsupported", "ProtectSystem", 0, DIAG_WARNING },
    { "the beginning of a key", "unsupported:Protect", "unsupported", "ProtectSystem", 0, DIAG_WARNING },
    { "case counts", "unsupported:protectsystem", "unsupported", "ProtectSystem", 0, DIAG_WARNING },
    { "second of a list", "a:B,unsupported:ProtectSystem", "unsupported", "ProtectSystem", 0, DIAG_NOTE },
    { "blanks around words", " a:B ,\tunsupported ", "unsupported", "ProtectSystem", 0, DIAG_NOTE },
    { "empty list", "", "unsupported", NULL, -EINVAL, DIAG_WARNING },
    { "empty word", "unsupported,", "unsupported", NULL, -EINVAL, DIAG_WARNING },
    { "empty word within", "unsupported,,a", "unsupported", NULL, -EINVAL, DIAG_WARNING },
    { "blank word", "unsupported, ", "unsupported", NULL, -EINVAL, DIAG_WARNING },
    { "empty key", "unsupported:", "unsupported", NULL, -EINVAL, DIAG_WARNING },
    { "empty code", "unsupported,:ProtectSystem", "unsupported", NULL, -EINVAL, DIAG_WARNING },
};

static void test_allow(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(allows); i++) {
        print_message("  %s\n", allows[i].label);
        AUTO(diag_sink_free) struct diag_sink *sink = diag_sink_new();
        assert_int_equal(diag_sink_allow(sink, allows[i].list), allows[i].r);
        report(sink, DIAG_WARNING, allows[i].code, allows[i].key);
        assert_int_equal(diag_get(sink, 0)->severity, allows[i].want);
        assert_int_equal(diag_warning_count(sink), allows[i].want == DIAG_WARNING);
    }
}

static void test_allow_under_strict(void **state)
{
    struct diag_sink *sink = *state;
    diag_sink_set_strict(sink, true);
    assert_int_equal(diag_sink_allow(sink, "unsupported:ProtectSystem"), 0);
    assert_int_equal(diag_sink_allow(sink, "bad-timespan"), 0);
    report(sink, DIAG_WARNING, "unsupported", "ProtectSystem");
    report(sink, DIAG_WARNING, "bad-timespan", "RestartSec");
    report(sink, DIAG_WARNING, "unsupported", "ProtectHome");
    report(sink, DIAG_ERROR, "unsupported", "ProtectSystem"); /* only warnings are allowed away */
    assert_int_equal(diag_count(sink, DIAG_NOTE), 2);
    assert_int_equal(diag_count(sink, DIAG_ERROR), 2);
    assert_int_equal(diag_warning_count(sink), 1);
    assert_false(diag_get(sink, 0)->was_warning);
}

/* A hostile file has millions of faults; memory is bounded, the counters are exact, other files are not affected. */
/* What --rule and the comments of unit files say. */
static void test_levels(void **state)
{
    static const struct {
        const char *label;
        bool strict;
        const char *code, *key;
        enum severity severity;
        int want; /* -1: not reported */
        bool promoted;
    } rows[] = {
        { "nothing was said", false, "d", NULL, DIAG_NOTE, DIAG_NOTE, false },
        { "off", false, "a", NULL, DIAG_WARNING, -1, false },
        { "off, under strict", true, "a", NULL, DIAG_WARNING, -1, false },
        { "off does not hide what refuses", false, "a", NULL, DIAG_ERROR, DIAG_ERROR, false },
        { "the directive wins over all", false, "a", "Key", DIAG_NOTE, DIAG_WARNING, false },
        { "a note made a warning is subject to strictness", true, "a", "Key", DIAG_NOTE, DIAG_ERROR, true },
        { "the later of two", false, "b", NULL, DIAG_WARNING, DIAG_NOTE, false },
        { "a warning made a note, under strict", true, "b", NULL, DIAG_WARNING, DIAG_NOTE, false },
        { "a note made an error", false, "c", "Other", DIAG_NOTE, DIAG_ERROR, true },
        { "a longer word", false, "ab", NULL, DIAG_WARNING, DIAG_WARNING, false },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        AUTO(diag_sink_free) struct diag_sink *sink = diag_sink_new();
        assert_non_null(sink);
        print_message("  %s\n", rows[i].label);
        diag_sink_set_strict(sink, rows[i].strict);
        assert_int_equal(diag_sink_set_level(sink, "a", "Key", DIAG_LEVEL_WARNING), 0);
        assert_int_equal(diag_sink_set_level(sink, "a", NULL, DIAG_LEVEL_OFF), 0);
        assert_int_equal(diag_sink_set_level(sink, "b", NULL, DIAG_LEVEL_ERROR), 0);
        assert_int_equal(diag_sink_set_level(sink, "b", NULL, DIAG_LEVEL_NOTE), 0);
        assert_int_equal(diag_sink_set_level(sink, "c", NULL, DIAG_LEVEL_ERROR), 0);
        struct diag_about about = { { "f", 1, 1 }, "Service", rows[i].key };
        diag_report(sink, rows[i].severity, about, rows[i].code, NULL, "m");
        assert_int_equal(diag_total(sink), rows[i].want >= 0);
        assert_int_equal(diag_promoted_count(sink), rows[i].promoted);
        if (rows[i].want < 0) continue;
        assert_int_equal(diag_get(sink, 0)->severity, rows[i].want);
        assert_int_equal(diag_get(sink, 0)->was_warning, rows[i].promoted);
    }
}

static void test_disabled(void **state)
{
    static const struct {
        const char *label, *file, *code, *key;
        uint32_t line;
        bool kept;
    } rows[] = {
        { "whole file", "/u/a.service", "whole", NULL, 7, false },
        { "whole file, no line", "/u/a.service", "whole", NULL, 0, false },
        { "another file", "/u/b.service", "whole", NULL, 7, true },
        { "another word", "/u/a.service", "other", NULL, 7, true },
        { "no file", NULL, "whole", NULL, 0, true },
        { "first line", "/u/a.service", "lines", "Key", 3, false },
        { "last line", "/u/a.service", "lines", "Key", 5, false },
        { "before", "/u/a.service", "lines", "Key", 2, true },
        { "behind", "/u/a.service", "lines", "Key", 6, true },
        { "another directive", "/u/a.service", "lines", "Other", 3, true },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        AUTO(diag_sink_free) struct diag_sink *sink = diag_sink_new();
        assert_non_null(sink);
        print_message("  %s\n", rows[i].label);
        diag_sink_set_strict(sink, true);
        assert_int_equal(diag_sink_disable(sink, "/u/a.service", 0, 0, "whole,x", 5), 0);
        assert_int_equal(diag_sink_disable(sink, "/u/a.service", 3, 5, "lines:Key", 9), 0);
        struct diag_about about = { { rows[i].file, rows[i].line, 1 }, "Service", rows[i].key };
        diag_report(sink, DIAG_WARNING, about, rows[i].code, NULL, "m");
        assert_int_equal(diag_total(sink), rows[i].kept);
        assert_int_equal(diag_warning_count(sink), rows[i].kept);
        diag_report(sink, DIAG_ERROR, about, rows[i].code, NULL, "m"); /* what refuses is not hidden */
        assert_int_equal(diag_total(sink), rows[i].kept + 1U);
    }
}

static void test_bound_per_file(void **state)
{
    enum { MANY = 5 * DIAG_KEPT_PER_FILE };
    struct diag_sink *sink = *state;
    for (size_t i = 0; i < MANY; i++) report(sink, DIAG_WARNING, "w", NULL);
    report(sink, DIAG_ERROR, "e", NULL); /* the reason why the file is refused is not lost among its warnings */
    assert_int_equal(diag_count(sink, DIAG_WARNING), MANY);
    assert_int_equal(diag_total(sink), DIAG_KEPT_PER_FILE + 2);
    assert_rendered(diag_get(sink, DIAG_KEPT_PER_FILE), DIAG_TEXT,
                    "note: f: further diagnostics of this file are counted, not shown (too-many-diagnostics)");
    assert_string_equal(diag_get(sink, DIAG_KEPT_PER_FILE + 1)->code, "e");
    diag_report(sink, DIAG_WARNING, (struct diag_about){ .at = { "g", 1, 0 } }, "w", NULL, "other file");
    assert_int_equal(diag_total(sink), DIAG_KEPT_PER_FILE + 3);
    for (size_t i = 0; i < MANY; i++)
        diag_report(sink, DIAG_ERROR, (struct diag_about){ .key = "k" }, "e", NULL, "no file");
    assert_int_equal(diag_total(sink), DIAG_KEPT_PER_FILE + 3 + MANY);
}

static void test_file_name(void **state)
{
    (void)state;
    static const struct {
        const char *path, *want;
    } cases[] = {
        { "/etc/container-init/units/web.service", "web.service" },
        { "/etc/container-init.d/web.service", "web.service" },
        { "/etc/container-init.d/web.service.d/10-user.conf", "web.service.d/10-user.conf" },
        { "web.service.d/10-user.conf", "web.service.d/10-user.conf" },
        { "/etc/x.conf", "x.conf" },
        { "d/x.conf", "x.conf" },
        { "web.service", "web.service" },
        { "/units/", "/units/" },
        { "", "" },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) assert_string_equal(diag_file_name(cases[i].path), cases[i].want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_file_name),
        cmocka_unit_test(test_render),
        cmocka_unit_test_setup_teardown(test_counts_and_order, setup, teardown),
        cmocka_unit_test_setup_teardown(test_message_is_copied, setup, teardown),
        cmocka_unit_test_setup_teardown(test_strict, setup, teardown),
        cmocka_unit_test(test_allow),
        cmocka_unit_test_setup_teardown(test_allow_under_strict, setup, teardown),
        cmocka_unit_test(test_levels),
        cmocka_unit_test(test_disabled),
        cmocka_unit_test_setup_teardown(test_bound_per_file, setup, teardown),
    };
    return cmocka_run_group_tests_name("base/diag", tests, NULL, NULL);
}
