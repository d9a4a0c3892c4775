#include "unit/source.h"

#include "base/str.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants these before itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

/* Everything a walk says, as lines: "[Section]@LINE:COLUMN", "Section.Key=Value@LINE:COLUMN". */
struct record {
    struct str text;
    int stop_with;
};

static int on_assignment(const char *section, const char *key, const struct value *value, void *userdata)
{
    struct record *record = userdata;
    struct pos at = value_pos(value, 0);
    assert_int_equal(strlen(value->text), value->length);
    assert_int_equal(str_appendf(&record->text, "%s.%s=%s@%u:%u\n", section, key, value->text, at.line, at.column), 0);
    return record->stop_with;
}

static int on_section(const char *section, struct pos at, void *userdata)
{
    struct record *record = userdata;
    assert_int_equal(str_appendf(&record->text, "[%s]@%u:%u\n", section, at.line, at.column), 0);
    return 0;
}

/* The codes and positions of a sink: "code@LINE:COLUMN " each. */
static void diag_codes(const struct diag_sink *sink, struct str *out)
{
    for (size_t i = 0; i < diag_total(sink); i++) {
        const struct diag *d = diag_get(sink, i);
        assert_int_equal(str_appendf(out, "%s@%u:%u ", d->code, d->at.line, d->at.column), 0);
    }
}

static int walk(const char *data, size_t size, struct record *record, struct str *codes)
{
    AUTO(diag_sink_free) struct diag_sink *sink = diag_sink_new();
    int r = source_walk("test.service", data, size, SOURCE_NATIVE, sink, on_assignment, on_section, record);
    diag_codes(sink, codes);
    return r;
}

/* clang-format off */
static const struct {
    const char *label, *data;
    int r;
    const char *want, *codes;
} cases[] = {
    { "sections and keys", "[Unit]\nA=1\n[Service]\nB=2\n", 0, "[Unit]@1:1\nUnit.A=1@2:3\n[Service]@3:1\nService.B=2@4:3\n", "" },
    { "blanks around", " [S] \n\tA \t= x y \t\n", 0, "[S]@1:2\nS.A=x y@2:7\n", "" },
    { "comments", "# a\n; b\n [S]\n  # c=d\nA=1 # no comment\n", 0, "[S]@3:2\nS.A=1 # no comment@5:3\n", "" },
    { "what libinih alone would cut", "[S]\nA=a ; b : c\nB:C=d\n", 0, "[S]@1:1\nS.A=a ; b : c@2:3\nS.B:C=d@3:5\n", "" },
    { "indented lines do not continue", "[S]\nA=1\n  B=2\n", 0, "[S]@1:1\nS.A=1@2:3\nS.B=2@3:5\n", "" },
    { "continuation", "[S]\nA=a \\\n  b\nB=1\n", 0, "[S]@1:1\nS.A=a    b@2:3\nS.B=1@4:3\n", "" },
    { "comments inside a continuation", "[S]\nA=a\\\n# c\n; d \\\nb\n", 0, "[S]@1:1\nS.A=a b@2:3\n", "" },
    { "an empty line ends a continuation", "[S]\nA=a\\\n\nB=1\n", 0, "[S]@1:1\nS.A=a@2:3\nS.B=1@4:3\n", "" },
    { "a comment is not continued", "[S]\n# c \\\nA=1\n", 0, "[S]@1:1\nS.A=1@3:3\n", "" },
    { "two backslashes do not continue", "[S]\nA=a\\\\\nB=1\n", 0, "[S]@1:1\nS.A=a\\\\@2:3\nS.B=1@3:3\n", "" },
    { "a value that begins in the next line", "[S]\nA=\\\n  x\n", 0, "[S]@1:1\nS.A=x@3:3\n", "" },
    { "a key across lines", "[S]\nAb\\\nc=1\n", 0, "[S]@1:1\nS.Ab c=1@3:3\n", "" },
    { "continuation at the end of the file", "[S]\nA=x \\", 0, "[S]@1:1\nS.A=x@2:3\n", "" },
    { "no newline at the end", "[S]\nA=x", 0, "[S]@1:1\nS.A=x@2:3\n", "" },
    { "carriage returns", "[S]\r\nA=1\r\n\r\nB=2\rC=3\r", 0, "[S]@1:1\nS.A=1@2:3\nS.B=2@4:3\nS.C=3@5:3\n", "" },
    { "byte-order mark", "\xef\xbb\xbf[S]\nA=1\n", 0, "[S]@1:1\nS.A=1@2:3\n", "" },
    { "an empty value", "[S]\nA=\n", 0, "[S]@1:1\nS.A=@2:3\n", "" },
    { "equals signs in the value", "[S]\nA==b=c\n", 0, "[S]@1:1\nS.A==b=c@2:3\n", "" },
    { "the same section again", "[S]\n[S]\nA=1\n", 0, "[S]@1:1\n[S]@2:1\nS.A=1@3:3\n", "" },
    { "brackets in a section", "[S][U]\nA=1\n", 0, "[S][U]@1:1\nS][U.A=1@2:3\n", "" }, /* one section, "S][U" */
    { "empty file", "", 0, "", "" },
    { "UTF-8", "[S]\nA=\xc3\xa4\n", 0, "[S]@1:1\nS.A=\xc3\xa4@2:3\n", "" },
    { "assignment outside", "A=1\n[S]\nB=2\n", 0, "[S]@2:1\nS.B=2@3:3\n", "outside-section@1:1 " },
    { "no equals sign", "[S]\n  foo bar\nB=2\n", 0, "[S]@1:1\nS.B=2@3:3\n", "missing-equals@2:3 " },
    { "no key", "[S]\n=1\nB=2\n", 0, "[S]@1:1\nS.B=2@3:3\n", "missing-key@2:1 " },
    { "bad header", "[S\nA=1\n[T]\nB=2\n", 1, "[T]@3:1\nT.B=2@4:3\n", "bad-section-header@1:1 " },
    { "comment behind a header", "[S] # c\nA=1\n", 1, "", "bad-section-header@1:1 " },
    { "empty header", "[]\nA=1\n", 1, "", "bad-section-header@1:1 " },
    { "not UTF-8", "[S]\nA=\xff\nB=1\n", 1, "[S]@1:1\nS.B=1@3:3\n", "bad-utf8@2:1 " },
    { "not UTF-8 in a header", "[S]\nA=1\n[\xff]\nB=1\n", 1, "[S]@1:1\nS.A=1@2:3\n", "bad-utf8@3:1 " },
    { "not UTF-8 in a comment", "[S]\n# \xff\nB=1\n", 0, "[S]@1:1\nS.B=1@3:3\n", "" },
    { "surrogate", "[S]\nA=\xed\xa0\x80\n", 1, "[S]@1:1\n", "bad-utf8@2:1 " },
};
/* clang-format on */

static void test_walk(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct record record = { 0 };
        struct str codes = STR_EMPTY;
        print_message("  %s\n", cases[i].label);
        int r = walk(cases[i].data, strlen(cases[i].data), &record, &codes);
        assert_string_equal(str_text(&record.text), cases[i].want);
        assert_string_equal(str_text(&codes), cases[i].codes);
        assert_int_equal(r, cases[i].r);
        str_done(&record.text);
        str_done(&codes);
    }
}

/* Positions inside a value that was joined from several lines. */
static int check_positions(const char *section, const char *key, const struct value *value, void *userdata)
{
    (void)section, (void)key;
    static const struct {
        const char *word;
        uint32_t line, column;
    } want[] = { { "one", 3, 6 }, { "two", 3, 10 }, { "three", 5, 3 }, { "four", 6, 1 } };
    for (size_t i = 0; i < COUNT_OF(want); i++) {
        const char *found = strstr(value->text, want[i].word);
        assert_non_null(found);
        struct pos at = value_pos(value, (size_t)(found - value->text));
        assert_int_equal(at.line, want[i].line);
        assert_int_equal(at.column, want[i].column);
    }
    assert_int_equal(value_key_pos(value).line, 3);
    assert_int_equal(value_key_pos(value).column, 2);
    ++*(int *)userdata;
    return 0;
}

static void test_positions(void **state)
{
    (void)state;
    static const char text[] = "[S]\n\n Key=one two \\\n# comment\n  three \\\nfour\n";
    int calls = 0;
    AUTO(diag_sink_free) struct diag_sink *sink = diag_sink_new();
    assert_int_equal(source_walk("x", text, strlen(text), SOURCE_NATIVE, sink, check_positions, NULL, &calls), 0);
    assert_int_equal(calls, 1);
}

static void test_callback_ends_the_walk(void **state)
{
    (void)state;
    struct record record = { .stop_with = -ECANCELED };
    struct str codes = STR_EMPTY;
    static const char text[] = "[S]\nA=1\nB=2\n";
    assert_int_equal(walk(text, strlen(text), &record, &codes), -ECANCELED);
    assert_string_equal(str_text(&record.text), "[S]@1:1\nS.A=1@2:3\n");
    str_done(&record.text);
    str_done(&codes);
}

/* Bytes into the middle of a buffer, without a NUL. */
static void put(char *to, const char *bytes)
{
    while (*bytes != '\0') *to++ = *bytes++;
}

/* systemd's units: a NUL byte ends a line, and nothing is read after what makes the file none. */
static void test_systemd_rules(void **state)
{
    (void)state;
    static const char nul[] = "[S]\nA=x\0B=1\n", header[] = "[S]\nA=1\n[S\nB=2\nC\n";
    static const struct {
        enum source_rules rules;
        const char *data;
        size_t size;
        int r;
        const char *want, *codes;
    } ours[] = {
        { SOURCE_SYSTEMD, nul, sizeof nul - 1, 0, "[S]@1:1\nS.A=x@2:3\nS.B=1@3:3\n", "" },
        { SOURCE_SYSTEMD, header, sizeof header - 1, 1, "[S]@1:1\nS.A=1@2:3\n", "error bad-section-header@3:1 " },
        { SOURCE_SYSTEMD_DROPIN, header, sizeof header - 1, 1, "[S]@1:1\nS.A=1@2:3\n",
          "warning bad-section-header@3:1 " },
        { SOURCE_NATIVE, header, sizeof header - 1, 1, "[S]@1:1\nS.A=1@2:3\n",
          "error bad-section-header@3:1 warning missing-equals@5:1 " },
    };
    for (size_t i = 0; i < COUNT_OF(ours); i++) {
        AUTO(diag_sink_free) struct diag_sink *sink = diag_sink_new();
        AUTO_STR struct str codes = STR_EMPTY;
        struct record record = { 0 };
        assert_int_equal(
            source_walk("x", ours[i].data, ours[i].size, ours[i].rules, sink, on_assignment, on_section, &record),
            ours[i].r);
        for (size_t k = 0; k < diag_total(sink); k++) {
            const struct diag *d = diag_get(sink, k);
            assert_int_equal(str_appendf(&codes, "%s %s@%u:%u ", d->severity == DIAG_ERROR ? "error" : "warning",
                                         d->code, d->at.line, d->at.column),
                             0);
        }
        assert_string_equal(str_text(&record.text), ours[i].want);
        assert_string_equal(str_text(&codes), ours[i].codes);
        str_done(&record.text);
    }
}

/* K94: hostile sizes and bytes are diagnostics. */
static void test_hostile(void **state)
{
    (void)state;
    struct record record = { 0 };
    struct str codes = STR_EMPTY;
    static const char nul[] = "[S]\nA=x\0y\nB=1\n#\0\n";
    assert_int_equal(walk(nul, sizeof nul - 1, &record, &codes), 1);
    assert_string_equal(str_text(&record.text), "[S]@1:1\nS.B=1@3:3\n");
    assert_string_equal(str_text(&codes), "nul-byte@2:4 nul-byte@4:2 ");
    str_clear(&record.text);
    str_clear(&codes);

    size_t size = SOURCE_LINE_MAX + 64;
    char *big = malloc(SOURCE_FILE_MAX + 1);
    assert_non_null(big);
    memset(big, 'x', SOURCE_FILE_MAX + 1);
    put(big, "[S]\nA=");
    put(big + size - 5, "\nB=1\n");
    assert_int_equal(walk(big, size, &record, &codes), 1);
    assert_string_equal(str_text(&record.text), "[S]@1:1\nS.B=1@3:3\n");
    assert_string_equal(str_text(&codes), "line-too-long@2:1 ");
    str_clear(&record.text);
    str_clear(&codes);

    memset(big, '\n', SOURCE_FILE_MAX + 1);
    assert_int_equal(walk(big, SOURCE_FILE_MAX + 1, &record, &codes), 1);
    assert_string_equal(str_text(&codes), "file-too-large@0:0 ");
    str_clear(&codes);

    for (size_t i = 0; i < SOURCE_FILE_MAX; i += 2) put(big + i, "\\\n");
    assert_int_equal(walk(big, SOURCE_FILE_MAX, &record, &codes), 1);
    assert_string_equal(str_text(&codes), "line-too-long@1:1 ");
    str_clear(&codes);

    memset(big, '\r', SOURCE_FILE_MAX); /* sixteen million lines without a newline */
    assert_int_equal(walk(big, SOURCE_FILE_MAX, &record, &codes), 0);

    AUTO(diag_sink_free) struct diag_sink *sink = diag_sink_new();
    for (size_t i = 0; i < SOURCE_FILE_MAX; i += 2) put(big + i, "x\n");
    assert_int_equal(source_walk("x", big, SOURCE_FILE_MAX, SOURCE_NATIVE, sink, on_assignment, on_section, &record),
                     1);
    assert_int_equal(diag_total(sink), 1000);
    assert_string_equal(diag_get(sink, 999)->code, "too-many-problems");
    free(big);
    str_done(&record.text);
    str_done(&codes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_walk),
        cmocka_unit_test(test_positions),
        cmocka_unit_test(test_callback_ends_the_walk),
        cmocka_unit_test(test_systemd_rules),
        cmocka_unit_test(test_hostile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
