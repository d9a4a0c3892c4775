/* --format=sarif against the structure of OASIS SARIF 2.1.0: the members that the standard requires, and those that
 * services for code scanning need. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "cmd/container-init/sarif.h"

#include "base/diag.h"
#include "base/json.h"
#include "unit/rules.h"

static struct json_value *print(const struct diag_sink *diags, int status)
{
    char *text = NULL, *error = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    struct json_value *document = NULL;
    assert_non_null(out);
    assert_int_equal(sarif_print(out, diags, status), 0);
    assert_int_equal(fclose(out), 0);
    if (json_parse(text, size, &document, &error) < 0) fail_msg("%s in %s", error, text);
    free(text);
    return document;
}

static const char *text_of(const struct json_value *object, const char *name)
{
    const struct json_value *message = json_get(object, name);
    assert_non_null(message);
    const char *text = json_get_string(message, "text");
    assert_non_null(text);
    assert_true(*text != '\0');
    return text;
}

static void check_level(const char *level)
{
    assert_non_null(level);
    assert_true(strcmp(level, "note") == 0 || strcmp(level, "warning") == 0 || strcmp(level, "error") == 0);
}

/* RFC 3986: only these bytes, and %XX. */
static void check_uri(const char *uri)
{
    assert_non_null(uri);
    for (const char *p = uri; *p; p++) {
        if (*p == '%') assert_true(strspn(p + 1, "0123456789ABCDEF") >= 2);
        assert_true(*p > ' ' && *p < 0x7f && !strchr("\"<>\\^`{|}#?[]", *p));
    }
}

static void check_region(const struct json_value *region)
{
    uint64_t line = 0, column = 1, end = 2;
    assert_int_equal(json_get_u64(region, "startLine", &line), 0);
    assert_true(line >= 1);
    if (json_get(region, "startColumn")) assert_int_equal(json_get_u64(region, "startColumn", &column), 0);
    if (json_get(region, "endColumn")) assert_int_equal(json_get_u64(region, "endColumn", &end), 0);
    assert_true(column >= 1 && (end > column || !json_get(region, "endColumn")));
}

static void check_fix(const struct json_value *fix)
{
    text_of(fix, "description");
    const struct json_value *changes = json_get(fix, "artifactChanges");
    assert_true(json_array_count(changes) >= 1);
    const struct json_value *change = json_array_at(changes, 0);
    check_uri(json_get_string(json_get(change, "artifactLocation"), "uri"));
    const struct json_value *replacement = json_array_at(json_get(change, "replacements"), 0);
    check_region(json_get(replacement, "deletedRegion"));
    text_of(replacement, "insertedContent");
}

static void check_result(const struct json_value *result, const struct json_value *rules)
{
    uint64_t index;
    assert_int_equal(json_get_u64(result, "ruleIndex", &index), 0);
    assert_string_equal(json_get_string(result, "ruleId"), json_get_string(json_array_at(rules, index), "id"));
    check_level(json_get_string(result, "level"));
    text_of(result, "message");
    const struct json_value *locations = json_get(result, "locations");
    for (size_t i = 0; i < json_array_count(locations); i++) {
        const struct json_value *physical = json_get(json_array_at(locations, i), "physicalLocation");
        assert_non_null(physical);
        check_uri(json_get_string(json_get(physical, "artifactLocation"), "uri"));
        if (json_get(physical, "region")) check_region(json_get(physical, "region"));
    }
    const struct json_value *fixes = json_get(result, "fixes");
    for (size_t i = 0; i < json_array_count(fixes); i++) check_fix(json_array_at(fixes, i));
}

/* Everything that the standard asks of our document. The results, borrowed. */
static const struct json_value *check_document(const struct json_value *document, size_t n_results)
{
    assert_string_equal(json_get_string(document, "version"), "2.1.0");
    assert_non_null(strstr(json_get_string(document, "$schema"), "sarif-2.1.0"));
    assert_int_equal(json_array_count(json_get(document, "runs")), 1);
    const struct json_value *run = json_array_at(json_get(document, "runs"), 0);
    const struct json_value *driver = json_get(json_get(run, "tool"), "driver");
    assert_string_equal(json_get_string(driver, "name"), "container-init");
    assert_non_null(json_get_string(driver, "version"));
    const struct json_value *rules = json_get(driver, "rules");
    assert_int_equal(json_array_count(rules), rule_count());
    for (size_t i = 0; i < rule_count(); i++) {
        const struct json_value *rule = json_array_at(rules, i);
        assert_string_equal(json_get_string(rule, "id"), rule_get(i)->code);
        assert_string_equal(text_of(rule, "shortDescription"), rule_get(i)->text);
        assert_string_equal(text_of(rule, "help"), rule_get(i)->example);
        check_level(json_get_string(json_get(rule, "defaultConfiguration"), "level"));
    }
    const struct json_value *results = json_get(run, "results");
    assert_int_equal(json_array_count(results), n_results);
    for (size_t i = 0; i < n_results; i++) check_result(json_array_at(results, i), rules);
    return results;
}

static void test_empty(void **state)
{
    (void)state;
    AUTO(diag_sink_free) struct diag_sink *diags = diag_sink_new();
    AUTO(json_free) struct json_value *document = print(diags, 0);
    check_document(document, 0);
    bool successful = false;
    const struct json_value *run = json_array_at(json_get(document, "runs"), 0);
    const struct json_value *invocation = json_array_at(json_get(run, "invocations"), 0);
    assert_int_equal(json_get_bool(invocation, "executionSuccessful", &successful), 0);
    assert_true(successful);
}

static const struct json_value *physical_of(const struct json_value *results, size_t index)
{
    const struct json_value *locations = json_get(json_array_at(results, index), "locations");
    return json_get(json_array_at(locations, 0), "physicalLocation");
}

static const char *uri_of(const struct json_value *results, size_t index)
{
    return json_get_string(json_get(physical_of(results, index), "artifactLocation"), "uri");
}

static void test_results(void **state)
{
    (void)state;
    AUTO(diag_sink_free) struct diag_sink *diags = diag_sink_new();
    struct diag_about typo = { { "units/web.service", 12, 3 }, "Service", "ExecStrat" };
    diag_report(diags, DIAG_WARNING, typo, "unknown-directive", "did you mean ExecStart=?", "not known");
    diag_report(diags, DIAG_ERROR, (struct diag_about){ { "/a b/\xc3\xa4%\"#?.service", 2, 0 }, NULL, NULL },
                "bad-section-header", NULL, "bad \"quotes\"\n\xff");
    diag_report(diags, DIAG_NOTE, (struct diag_about){ { "/u/x.d", 0, 0 }, NULL, NULL }, "unused-drop-in", NULL, "m");
    diag_report(diags, DIAG_WARNING, (struct diag_about){ { NULL, 0, 0 }, NULL, NULL }, "bad-uri", NULL, "m");
    diag_report(diags, DIAG_WARNING, typo, "unknown-directive", "did you mean Type= in [Service]?", "not known");
    AUTO(json_free) struct json_value *document = print(diags, 64);
    const struct json_value *results = check_document(document, 5);

    const struct json_value *first = json_array_at(results, 0);
    assert_string_equal(text_of(first, "message"), "[Service] ExecStrat=: not known, did you mean ExecStart=?");
    assert_string_equal(uri_of(results, 0), "units/web.service");
    const struct json_value *change =
        json_array_at(json_get(json_array_at(json_get(first, "fixes"), 0), "artifactChanges"), 0);
    const struct json_value *replacement = json_array_at(json_get(change, "replacements"), 0);
    uint64_t column = 0;
    assert_int_equal(json_get_u64(json_get(replacement, "deletedRegion"), "endColumn", &column), 0);
    assert_int_equal(column, 12);
    assert_string_equal(text_of(replacement, "insertedContent"), "ExecStart");

    assert_string_equal(json_get_string(json_array_at(results, 1), "level"), "error");
    assert_string_equal(uri_of(results, 1), "file:///a%20b/%C3%A4%25%22%23%3F.service");
    assert_null(json_get(json_get(physical_of(results, 1), "region"), "startColumn"));
    assert_string_equal(json_get_string(json_array_at(results, 2), "level"), "note");
    assert_null(json_get(physical_of(results, 2), "region"));
    assert_null(json_get(json_array_at(results, 3), "locations"));
    assert_null(json_get(json_array_at(results, 4), "fixes")); /* another section: not one word for another */
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_empty), cmocka_unit_test(test_results) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
