/* tests/fixtures/NAME: native units; NAME.expect: their exact diagnostics, one per line as --format=gcc prints them. */
#include "tests/unit/parse_unit.h"

#include "unit/directive.h"
#include "unit/source.h"

#include <dirent.h>

#define FOLDER TEST_SOURCE_DIR "/tests/fixtures"

struct seen {
    struct strlist keys; /* "Section.Key" of every assignment in every fixture */
};

static char *read_fixture(const char *name, size_t *ret_size)
{
    AUTO_STR struct str path = STR_EMPTY, text = STR_EMPTY;
    assert_int_equal(str_appendf(&path, "%s/%s", FOLDER, name), 0);
    FILE *file = fopen(str_text(&path), "re");
    if (!file) return NULL;
    for (int c; (c = getc(file)) != EOF;) assert_int_equal(str_append_char(&text, (char)c), 0);
    assert_int_equal(fclose(file), 0);
    *ret_size = text.length;
    return text.data ? str_take(&text) : strdup("");
}

static int note_key(const char *section, const char *key, const struct value *value, void *userdata)
{
    (void)value;
    struct seen *seen = userdata;
    AUTO_STR struct str name = STR_EMPTY;
    assert_int_equal(str_appendf(&name, "%s.%s", section, key), 0);
    return strlist_add(&seen->keys, str_text(&name));
}

static void check_fixture(const char *name, const char *expected, struct seen *seen)
{
    AUTO_STR struct str got = STR_EMPTY;
    size_t size = 0;
    char *data = read_fixture(name, &size);
    assert_non_null(data);
    print_message("  %s\n", name);
    struct fragment_context context = { .unit_name = name, .kind = unit_kind_of_name(name), .native = true };
    struct unit_settings settings = unit_settings_default;
    AUTO(arena_free) struct arena *arena = arena_new();
    AUTO(diag_sink_free) struct diag_sink *diags = diag_sink_new(), *ignored = diag_sink_new();
    int r = fragment_parse(arena, name, data, size, &context, &settings, diags);
    int finished = fragment_finish(arena, name, &context, &settings, diags);
    assert_int_equal(r > 0 || finished > 0, diag_count(diags, DIAG_ERROR) > 0);
    for (size_t i = 0; i < diag_total(diags); i++) {
        char *line = diag_render(diag_get(diags, i), DIAG_GCC);
        assert_non_null(line);
        assert_int_equal(str_appendf(&got, "%s\n", line), 0);
        free(line);
    }
    if (strcmp(str_text(&got), expected) != 0) print_message("%s", str_text(&got)); /* cmocka cuts long texts */
    assert_string_equal(str_text(&got), expected);
    assert_true(source_walk(name, data, size, SOURCE_NATIVE, ignored, note_key, NULL, seen) >= 0);
    free(data);
}

static void test_fixtures(void **state)
{
    struct seen *seen = *state;
    DIR *folder = opendir(FOLDER);
    assert_non_null(folder);
    size_t count = 0;
    for (const struct dirent *entry; (entry = readdir(folder));) {
        const char *suffix = str_suffix(entry->d_name, ".expect");
        if (!suffix) continue;
        size_t size;
        char *name = strndup(entry->d_name, (size_t)(suffix - entry->d_name)),
             *expected = read_fixture(entry->d_name, &size);
        assert_non_null(name);
        assert_non_null(expected);
        check_fixture(name, expected, seen);
        free(name);
        free(expected);
        count++;
    }
    assert_int_equal(closedir(folder), 0);
    assert_true(count >= 3);
}

/* Every directive that does something stands in a fixture. */
static void test_every_row_has_a_fixture(void **state)
{
    const struct seen *seen = *state;
    AUTO_STR struct str missing = STR_EMPTY;
    for (enum section section = 0; section < SECTION_COUNT; section++) {
        for (size_t i = 0; i < directive_count(section); i++) {
            const struct directive *d = directive_get(section, i);
            AUTO_STR struct str name = STR_EMPTY;
            if (directive_support(d, section) > SUPPORT_EXTENSION) continue;
            assert_int_equal(str_appendf(&name, "%s.%s", section_name(section), d->name), 0);
            if (strlist_contains(&seen->keys, str_text(&name))) continue;
            assert_int_equal(str_appendf(&missing, " %s=", str_text(&name)), 0);
        }
    }
    assert_string_equal(str_text(&missing), "");
}

int main(void)
{
    struct seen seen = { .keys = STRLIST_EMPTY };
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(test_fixtures, &seen),
        cmocka_unit_test_prestate(test_every_row_has_a_fixture, &seen),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    strlist_done(&seen.keys);
    return failed;
}
