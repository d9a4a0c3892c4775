#include "base/timespan.h"

#include "base/fd.h"
#include "base/parse.h"
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define SEC  USEC_PER_SEC
#define MIN  (60 * SEC)
#define HOUR (60 * MIN)
#define DAY  (24 * HOUR)

/* clang-format off */
static const struct { const char *label, *text; int r; usec_t want; size_t bad; } cases[] = {
    { "bare number is seconds",     "5",                     0,       5 * SEC,            0 },
    { "units add up",               "5min 20s",              0,       320 * SEC,          0 },
    { "unit apart",                 "5 min 20 s",            0,       320 * SEC,          0 },
    { "the same unit twice",        "1s1s",                  0,       2 * SEC,            0 },
    { "number after a unit is sec", "1h30",                  0,       HOUR + 30 * SEC,    0 },
    { "M is a month",               "1M",                    0,       2629800 * SEC,      0 },
    { "m is a minute",              "1m",                    0,       MIN,                0 },
    { "blank ends a number",        "1 000",                 0,       SEC,                0 },
    { "decimals",                   "1.5h",                  0,       90 * MIN,           0 },
    { "only decimals",              ".5s",                   0,       SEC / 2,            0 },
    { "decimals of a bare number",  "0.25",                  0,       SEC / 4,            0 },
    { "below a microsecond",        "0.0000009s",            0,       0,                  0 },
    { "plus sign",                  "+5s",                   0,       5 * SEC,            0 },
    { "zero",                       "0",                     0,       0,                  0 },
    { "blanks around",              "\t 10s ",               0,       10 * SEC,           0 },
    { "infinity",                   "infinity",              0,       USEC_INFINITY,      0 },
    { "infinity, blanks around",    " infinity ",            0,       USEC_INFINITY,      0 },
    { "micro sign",                 "7\xc2\xb5s",            0,       7,                  0 },
    { "Greek mu",                   "7\xce\xbcs",            0,       7,                  0 },
    { "Go: minutes and seconds",    "1m30s",                 0,       90 * SEC,           0 }, /* D10 */
    { "Go: String() of an hour",    "1h0m0.5s",              0,       HOUR + SEC / 2,     0 }, /* D10 */
    { "Go: milliseconds",           "250ms",                 0,       250000,             0 }, /* D10 */
    { "largest count of usec",      "9223372036854775807us", 0,       INT64_MAX,          0 },
    { "empty",                      "",                      -EINVAL, 0,                  0 },
    { "only blanks",                "  ",                    -EINVAL, 0,                  2 },
    { "unknown unit",               "10foo",                 -EINVAL, 0,                  2 },
    { "unknown unit apart",         "10 foo",                -EINVAL, 0,                  3 },
    { "unknown second unit",        "1min 5sx",              -EINVAL, 0,                  6 },
    { "upper case unit",            "1S",                    -EINVAL, 0,                  1 },
    { "plural of a short unit",     "1mins",                 -EINVAL, 0,                  1 },
    { "nanoseconds",                "5ns",                   -EINVAL, 0,                  1 },
    { "no number",                  "s",                     -EINVAL, 0,                  0 },
    { "only a dot",                 ".",                     -EINVAL, 0,                  1 },
    { "nothing after the dot",      "3. 1",                  -EINVAL, 0,                  2 },
    { "two dots",                   "1.5.5s",                -EINVAL, 0,                  3 },
    { "exponent",                   "1e3s",                  -EINVAL, 0,                  1 },
    { "hexadecimal",                "0x10",                  -EINVAL, 0,                  1 },
    { "comma",                      "1s,2s",                 -EINVAL, 0,                  2 },
    { "quotes",                     "\"1s\"",                -EINVAL, 0,                  0 },
    { "blank after the sign",       "+ 5",                   -EINVAL, 0,                  0 },
    { "infinity after a number",    "1s infinity",           -EINVAL, 0,                  3 },
    { "number after infinity",      "infinity 1s",           -EINVAL, 0,                  9 },
    { "upper case infinity",        "INFINITY",              -EINVAL, 0,                  0 },
    { "negative",                   "-1s",                   -ERANGE, 0,                  0 },
    { "negative second part",       "1s -1s",                -ERANGE, 0,                  3 },
    { "overflow",                   "99999999999999999999y", -ERANGE, 0,                  0 },
    { "overflow by the unit",       "584542y",               -ERANGE, 0,                  0 },
    { "overflow by the sum",        "584541y 584541y",       -ERANGE, 0,                  8 },
    { "bad unit beats overflow",    "99999999999999999999q", -EINVAL, 0,                  20 },
};
static const struct { usec_t span, accuracy; const char *want; } formats[] = {
    { 0,                            1,    "0" },
    { USEC_INFINITY,                1,    "infinity" },
    { 1,                            1,    "1us" },
    { 999,                          1,    "999us" },
    { 1500,                         1,    "1.500ms" },
    { 100 * USEC_PER_MSEC,          1,    "100ms" },
    { SEC,                          1,    "1s" },
    { SEC + 1,                      1,    "1.000001s" },
    { SEC + 1,                      USEC_PER_MSEC, "1.000s" },
    { 1234567,                      USEC_PER_MSEC, "1.234s" },
    { 1234567,                      SEC,  "1s" },
    { 500 * USEC_PER_MSEC,          SEC,  "500ms" },
    { 90 * SEC,                     1,    "1min 30s" },
    { 90 * SEC + 5,                 1,    "1min 30.000005s" },
    { 90 * SEC + 5,                 SEC,  "1min 30s" },
    { HOUR + 5,                     1,    "1h 5us" },
    { 25 * HOUR + 61 * SEC + 1001,  1,    "1d 1h 1min 1.001001s" },
    { 2629800 * SEC,                1,    "1month" },
    { 10 * DAY,                     1,    "1w 3d" },
    { USEC_INFINITY - 1,            1,    "584542y 2w 2d 20h 1min 49.551614s" },
};
/* clang-format on */

static void test_parse(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        print_message("  %s\n", cases[i].label);
        usec_t got = 0;
        size_t bad = 99;
        assert_int_equal(timespan_parse(cases[i].text, USEC_PER_SEC, &got, &bad), cases[i].r);
        assert_int_equal(got, cases[i].want);
        assert_int_equal(bad, cases[i].bad);
        assert_int_equal(timespan_parse(cases[i].text, USEC_PER_SEC, &got, NULL), cases[i].r);
    }
}

static void test_every_unit(void **state)
{
    (void)state;
    static const struct {
        const char *words;
        usec_t span;
    } families[] = {
        { "usec us", 1 },
        { "msec ms", USEC_PER_MSEC },
        { "seconds second sec s", SEC },
        { "minutes minute min m", MIN },
        { "hours hour hr h", HOUR },
        { "days day d", DAY },
        { "weeks week w", 7 * DAY },
        { "months month M", 2629800 * SEC },
        { "years year y", 31557600 * SEC },
    };
    for (size_t i = 0; i < COUNT_OF(families); i++)
        for (const char *word = families[i].words; *word != '\0';) {
            size_t length = strcspn(word, " ");
            char text[32];
            (void)snprintf(text, sizeof text, "3%.*s", (int)length, word);
            print_message("  %s\n", text);
            usec_t got = 0;
            assert_int_equal(timespan_parse(text, USEC_PER_SEC, &got, NULL), 0);
            assert_int_equal(got, 3 * families[i].span);
            word += length + (word[length] == ' ');
        }
}

static void test_default_unit(void **state)
{
    (void)state;
    usec_t got = 0;
    assert_int_equal(timespan_parse("5", 1, &got, NULL), 0);
    assert_int_equal(got, 5);
    assert_int_equal(timespan_parse("5 1s 3", USEC_PER_MSEC, &got, NULL), 0);
    assert_int_equal(got, 1008000);
}

static void test_format(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(formats); i++) {
        print_message("  %s\n", formats[i].want);
        char buffer[TIMESPAN_TEXT_MAX];
        assert_ptr_equal(timespan_format(formats[i].span, formats[i].accuracy, buffer), buffer);
        assert_string_equal(buffer, formats[i].want);
        usec_t again = 0;
        if (formats[i].accuracy > 1 || formats[i].span > INT64_MAX) continue;
        assert_int_equal(timespan_parse(buffer, USEC_PER_SEC, &again, NULL), 0);
        assert_int_equal(again, formats[i].span);
    }
}

/* The text of member `key` of one line of the corpus, which json.dumps() wrote: `"key": "text"` or `"key": number`.
 * Decodes the escapes that occur there. */
static bool member(const char *line, const char *key, char *out, size_t size)
{
    char quoted[32];
    (void)snprintf(quoted, sizeof quoted, "\"%s\": ", key);
    const char *p = strstr(line, quoted);
    if (!p) return false;
    p += strlen(quoted);
    bool is_string = *p == '"';
    size_t used = 0;
    for (p += is_string; *p != '\0' && used + 1 < size; p++) {
        if (is_string ? *p == '"' : *p == ',' || *p == '}') break;
        if (*p == '\\') p++;
        out[used++] = p[-1] == '\\' && *p == 't' ? '\t' : *p;
    }
    out[used] = '\0';
    return true;
}

static void check_corpus_line(const char *line)
{
    char input[256], ok[8], usec[32], human[128], buffer[TIMESPAN_TEXT_MAX];
    assert_true(member(line, "input", input, sizeof input));
    assert_true(member(line, "ok", ok, sizeof ok));
    print_message("  '%s'\n", input);
    usec_t got = 0;
    int r = timespan_parse(input, USEC_PER_SEC, &got, NULL);
    if (strcmp(ok, "true") != 0) {
        assert_int_equal(r, strstr(line, "Numerical result out of range") ? -ERANGE : -EINVAL);
        return;
    }
    assert_int_equal(r, 0);
    uint64_t want = 0;
    assert_true(member(line, "usec", usec, sizeof usec) && member(line, "human", human, sizeof human));
    assert_int_equal(parse_u64(usec, 0, UINT64_MAX, &want), 0);
    assert_int_equal(got, want);
    assert_string_equal(timespan_format(got, 1, buffer), human);
}

/* What systemd 252 itself answered (systemd-analyze timespan), where the corpus is at hand. */
static void test_corpus(void **state)
{
    (void)state;
    const char *corpus = getenv("CONTAINER_INIT_CORPUS");
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/values/timespan.jsonl",
                   corpus ? corpus : TEST_SOURCE_DIR "/../shared/corpus");
    char *data = NULL;
    size_t size = 0, lines = 0;
    int r = file_read(AT_FDCWD, path, 1 << 20, &data, &size);
    if (r == -ENOENT && !corpus) {
        print_message("  skipped: no %s\n", path);
        skip();
    }
    assert_int_equal(r, 0);
    for (char *line = data, *end; (end = strchr(line, '\n')); line = end + 1, lines++) {
        *end = '\0';
        check_corpus_line(line);
    }
    free(data);
    assert_true(lines > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),  cmocka_unit_test(test_every_unit), cmocka_unit_test(test_default_unit),
        cmocka_unit_test(test_format), cmocka_unit_test(test_corpus),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
