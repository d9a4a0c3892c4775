#include "unit/directive.h"
#include "unit/reference.h"

#include "base/json.h"
#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static const char *lookup(enum section section, const char *name)
{
    const struct directive *d = directive_find(section, name, strlen(name));
    return d ? support_name(directive_support(d, section)) : "unknown";
}

/* Every name that systemd 252 knows (systemd --dump-configuration-items), by section. */
static void test_knows_systemd_252(void **state)
{
    (void)state;
    FILE *file = fopen(TEST_SOURCE_DIR "/tests/fixtures/directives-systemd-252.txt", "re");
    assert_non_null(file);
    char section_text[32], name[64];
    size_t count = 0;
    for (; fscanf(file, "%31s %63s", section_text, name) == 2; count++) {
        enum section section = section_by_name(section_text, strlen(section_text));
        if (section == SECTION_COUNT || !directive_find(section, name, strlen(name)))
            fail_msg("[%s] %s= is not in the table", section_text, name);
    }
    assert_int_equal(fclose(file), 0);
    assert_true(count > 1000);
}

/* Every row can be found by its name, which takes sorted groups, and has what listings show. */
static void test_rows(void **state)
{
    (void)state;
    for (enum section section = 0; section < SECTION_COUNT; section++) {
        for (size_t i = 0; i < directive_count(section); i++) {
            const struct directive *d = directive_get(section, i);
            if (directive_find(section, d->name, strlen(d->name)) != d)
                fail_msg("[%s] %s= is not found, or twice there", section_name(section), d->name);
            assert_true(strlen(d->text) > 5 && strlen(d->text) < 120);
            assert_non_null(strchr(d->man, '('));
            bool works = d->support == SUPPORT_FULL || d->support == SUPPORT_EXTENSION;
            if (works) assert_non_null(d->parse);
            assert_true(d->offset < sizeof(struct unit_settings));
        }
        assert_null(directive_get(section, directive_count(section)));
    }
}

static void test_find(void **state)
{
    (void)state;
    static const struct {
        enum section section;
        const char *name, *want;
    } rows[] = {
        /* SEED.md S27, S28, S29 */
        { SECTION_UNIT, "Description", "supported" },
        { SECTION_UNIT, "ConditionUser", "supported" },
        { SECTION_UNIT, "StartLimitBurst", "supported" },
        { SECTION_SERVICE, "StartLimitBurst", "supported" },
        { SECTION_SERVICE, "ExecStart", "supported" },
        { SECTION_SERVICE, "WorkingDirectory", "supported" },
        { SECTION_SERVICE, "KillMode", "supported" },
        { SECTION_SERVICE, "ExitContainerOnFailure", "extension" },
        { SECTION_SOCKET, "ActivationMode", "extension" },
        { SECTION_SOCKET, "ProxyTarget", "extension" },
        { SECTION_SOCKET, "TriggerLimitBurst", "supported" },
        { SECTION_INSTALL, "WantedBy", "supported" },
        { SECTION_SERVICE, "ProtectSystem", "unsupported" },
        { SECTION_SERVICE, "MemoryMax", "unsupported" },
        { SECTION_SERVICE, "Slice", "supported" },
        { SECTION_SERVICE, "LimitLOCKS", "accepted" },
        { SECTION_SOCKET, "User", "supported" },
        { SECTION_SOCKET, "ListenUSBFunction", "unsupported" },
        { SECTION_SOCKET, "ExecStartPre", "supported" },
        { SECTION_MOUNT, "User", "accepted" },
        { SECTION_SLICE, "MemoryMax", "unsupported" },
        { SECTION_PATH, "PathExists", "supported" },
        { SECTION_TIMER, "OnCalendar", "supported" },
        { SECTION_TIMER, "WakeSystem", "accepted" },
        { SECTION_SERVICE, "OnCalendar", "unknown" },
        { SECTION_SERVICE, "ExecStar", "unknown" },
        { SECTION_SERVICE, "ExecStartX", "unknown" },
        { SECTION_SERVICE, "execstart", "unknown" },
        { SECTION_SERVICE, "", "unknown" },
        { SECTION_TARGET, "Description", "unknown" },
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        print_message("  [%s] %s\n", section_name(rows[i].section), rows[i].name);
        assert_string_equal(lookup(rows[i].section, rows[i].name), rows[i].want);
    }
    assert_int_equal(directive_section_of("OnCalendar", 10), SECTION_TIMER);
    assert_int_equal(directive_section_of("WantedBy", 8), SECTION_INSTALL);
    assert_int_equal(directive_section_of("Nothing", 7), SECTION_COUNT);
    assert_int_equal(section_by_name("Service", 7), SECTION_SERVICE);
    assert_int_equal(section_by_name("Serv", 4), SECTION_COUNT);
    assert_int_equal(section_by_name("service", 7), SECTION_COUNT);
}

static void test_suggest(void **state)
{
    (void)state;
    static const struct {
        enum section section;
        const char *name, *want;
    } rows[] = {
        { SECTION_SERVICE, "ExecStrat", "ExecStart" },
        { SECTION_SERVICE, "execstart", "ExecStart" },
        { SECTION_SERVICE, "Enviroment", "Environment" },
        { SECTION_SERVICE, "RestartSecs", "RestartSec" },
        { SECTION_UNIT, "Afer", "After" },
        { SECTION_UNIT, "Require", "Requires" },
        { SECTION_SOCKET, "ListenStreem", "ListenStream" },
        { SECTION_SERVICE, "Xy", NULL },
        { SECTION_SERVICE, "CompletelyElse", NULL },
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const char *got = directive_suggest(rows[i].section, rows[i].name, strlen(rows[i].name));
        print_message("  %s: %s\n", rows[i].name, got ? got : "none");
        assert_string_equal(got ? got : "none", rows[i].want ? rows[i].want : "none");
    }
}

static void test_suggest_section(void **state)
{
    (void)state;
    assert_int_equal(section_suggest("Sevice", 6), SECTION_SERVICE);
    assert_int_equal(section_suggest("service", 7), SECTION_SERVICE);
    assert_int_equal(section_suggest("Sokcet", 6), SECTION_SOCKET);
    assert_int_equal(section_suggest("Whatever", 8), SECTION_COUNT);
    assert_int_equal(section_suggest("U", 1), SECTION_COUNT);
}

static char *printed(bool json)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    assert_int_equal(reference_print(out, json), 0);
    assert_int_equal(fclose(out), 0);
    return text;
}

static void test_reference(void **state)
{
    (void)state;
    char *text = printed(false), *json = printed(true);
    assert_non_null(strstr(text, "[Unit]\nAfter "));
    assert_non_null(strstr(text, "\n[Service]\n"));
    assert_non_null(strstr(text, "\nExitContainerOnFailure          extension   The container ends"));
    AUTO(json_free) struct json_value *value = NULL;
    assert_int_equal(json_parse(json, strlen(json), &value, NULL), 0);
    size_t rows = 0;
    for (enum section section = 0; section < SECTION_COUNT; section++) rows += directive_count(section);
    assert_int_equal(json_array_count(value), rows);
    const struct json_value *first = json_array_at(value, 0);
    assert_string_equal(json_get_string(first, "section"), "Unit");
    assert_string_equal(json_get_string(first, "name"), "After");
    assert_string_equal(json_get_string(first, "support"), "supported");
    assert_string_equal(json_get_string(first, "man"), "systemd.unit(5)");
    assert_non_null(json_get_string(first, "text"));
    free(text);
    free(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_knows_systemd_252),
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_suggest),
        cmocka_unit_test(test_suggest_section),
        cmocka_unit_test(test_reference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
