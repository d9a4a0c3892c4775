#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/diag.h"
#include "base/json.h"
#include "base/str.h"
#include "unit/rules.h"

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < rule_count(); i++) {
        const struct rule *rule = rule_get(i);
        print_message("  %s\n", rule->code);
        if (i > 0) assert_true(strcmp(rule_get(i - 1)->code, rule->code) < 0); /* the look-up halves */
        assert_ptr_equal(rule_find(rule->code, strlen(rule->code)), rule);
        assert_int_equal(rule->code[strspn(rule->code, "abcdefghijklmnopqrstuvwxyz0123456789-")], '\0');
        assert_true(strlen(rule->text) > 10 && rule->text[strlen(rule->text) - 1] == '.');
        assert_true(strlen(rule->example) > 2);
    }
    assert_null(rule_get(rule_count()));
}

static void test_lookup(void **state)
{
    (void)state;
    assert_null(rule_find("bad", 3));
    assert_null(rule_find("bad-timespans", 13));
    assert_null(rule_find("", 0));
    assert_non_null(rule_find("bad-timespan:X", 12));
    assert_string_equal(rule_suggest("bad-timspan", 11), "bad-timespan");
    assert_null(rule_suggest("nothing-of-the-kind", 19));
}

static void test_severities(void **state)
{
    (void)state;
    enum rule_severity severity = RULE_OFF;
    assert_true(rule_severity_by_name("warning", 7, &severity));
    assert_int_equal(severity, RULE_WARNING);
    assert_string_equal(rule_severity_name(severity), "warning");
    assert_true(rule_severity_by_name("off", 3, &severity));
    assert_int_equal(severity, RULE_OFF);
    assert_false(rule_severity_by_name("of", 2, &severity));
    assert_false(rule_severity_by_name("fatal", 5, &severity));
}

static void test_switch(void **state)
{
    static const struct {
        const char *label, *list;
        int r;
        const char *want; /* what becomes of a warning "accepted" on User=, or what is wrong */
    } rows[] = {
        { "off", "accepted=off", 0, "" },
        { "a note", "accepted=note", 0, "note" },
        { "an error", "accepted=error", 0, "error" },
        { "several", "bad-uri=off,accepted=note", 0, "note" },
        { "of one directive", "accepted=off,accepted:User=error", 0, "error" },
        { "of another directive", "accepted:Group=off", 0, "warning" },
        { "no such rule", "acepted=off", -EINVAL, "'acepted' is not a rule, did you mean accepted?" },
        { "nothing of a list with a fault", "accepted=off,x=off", -EINVAL, "'x' is not a rule" },
        { "no severity", "accepted", -EINVAL, "'accepted' is not CODE=off, note, warning or error" },
        { "not a severity", "accepted=fatal", -EINVAL, "'accepted=fatal' is not CODE=off, note, warning or error" },
        { "an empty directive", "accepted:=off", -EINVAL, "'accepted:=off' is not CODE=off, note, warning or error" },
        { "an empty word", "accepted=off,", -EINVAL, "'' is not a rule" },
    };
    static const char *const names[] = { "note", "warning", "error" };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        AUTO(diag_sink_free) struct diag_sink *diags = diag_sink_new();
        AUTO_STR struct str error = STR_EMPTY;
        assert_non_null(diags);
        print_message("  %s\n", rows[i].label);
        assert_int_equal(rules_set_defaults(diags), 0);
        assert_int_equal(rules_switch(diags, rows[i].list, &error), rows[i].r);
        diag_report(diags, DIAG_WARNING, (struct diag_about){ { "f", 1, 1 }, "Service", "User" }, "accepted", NULL,
                    "m");
        const struct diag *d = diag_get(diags, 0);
        if (rows[i].r == 0) {
            assert_string_equal(d ? names[d->severity] : "", rows[i].want);
        } else {
            assert_string_equal(str_text(&error), rows[i].want);
            assert_int_equal(d->severity, DIAG_WARNING);
        }
    }
}

/* What is off stays so until it is asked for. */
static void test_defaults(void **state)
{
    (void)state;
    for (size_t i = 0; i < rule_count(); i++) {
        const struct rule *rule = rule_get(i);
        AUTO(diag_sink_free) struct diag_sink *diags = diag_sink_new();
        AUTO_STR struct str list = STR_EMPTY, error = STR_EMPTY;
        assert_int_equal(rules_set_defaults(diags), 0);
        diag_report(diags, DIAG_NOTE, (struct diag_about){ { "f", 1, 1 }, NULL, NULL }, rule->code, NULL, "m");
        assert_int_equal(diag_total(diags), rule->severity != RULE_OFF);
        assert_int_equal(str_appendf(&list, "%s=note", rule->code), 0);
        assert_int_equal(rules_switch(diags, str_text(&list), &error), 0);
        diag_report(diags, DIAG_NOTE, (struct diag_about){ { "f", 1, 1 }, NULL, NULL }, rule->code, NULL, "m");
        assert_int_equal(diag_total(diags), rule->severity != RULE_OFF ? 2 : 1);
    }
}

static char *print(bool json)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    assert_int_equal(rules_print(out, json), 0);
    assert_int_equal(fclose(out), 0);
    return text;
}

static void test_print(void **state)
{
    (void)state;
    char *text = print(false);
    assert_non_null(strstr(text, "bad-timespan (error)\n    Not a time span.\n    TimeoutStopSec=1min 30s\n"));
    free(text);
    char *json = print(true);
    struct json_value *rules = NULL;
    assert_int_equal(json_parse(json, strlen(json), &rules, NULL), 0);
    assert_int_equal(json_array_count(rules), rule_count());
    for (size_t i = 0; i < rule_count(); i++) {
        const struct json_value *row = json_array_at(rules, i);
        assert_string_equal(json_get_string(row, "code"), rule_get(i)->code);
        assert_string_equal(json_get_string(row, "severity"), rule_severity_name(rule_get(i)->severity));
        assert_string_equal(json_get_string(row, "text"), rule_get(i)->text);
        assert_string_equal(json_get_string(row, "example"), rule_get(i)->example);
    }
    json_free(rules);
    free(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),   cmocka_unit_test(test_lookup),   cmocka_unit_test(test_severities),
        cmocka_unit_test(test_switch), cmocka_unit_test(test_defaults), cmocka_unit_test(test_print),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
