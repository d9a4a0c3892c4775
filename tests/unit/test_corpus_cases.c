/* values/unit-cases.jsonl of the corpus: small units for one directive or one point of syntax each. The properties that
 * differ from those of a minimal unit and the diagnostics must be systemd 252's. */
#include "tests/unit/corpus_unit.h"

/* What there is to compare, and how much of it may differ: the level that was reached. */
#define CHANGED     2230
#define DEFAULTS    156377
#define DIAGNOSTICS 480
#define LEVEL       0

/* Each stands in docs/DIFFERENCES.md, or the place decides. */
static const struct corpus_difference differences[] = {
    { "MemoryMax", "case 218", "a share of the machine's memory" },
    { "MemoryMax", "case 225", "a share of the machine's memory" },
    { "MemoryMax", "case 226", "a share of the machine's memory" },
    { "deprecated", "case 161:*", "KillMode=none is told by --validate (rule kill-mode-none)" },
    { "value", "case 458:*", "names in [Install] are told when they are read, not when the unit is enabled" },
    { "value", "case 492:*", "says why the unit cannot be loaded" },
    { NULL, NULL, NULL },
};
static const struct corpus_difference differences_of_defaults[] = { CORPUS_DEFAULTS_OF_THE_PLACE,
                                                                    { NULL, NULL, NULL } };

static const char *corpus;
static struct place place;
static struct corpus_defaults defaults;
static struct corpus_figures changed = { .differences = differences };
static struct corpus_figures unchanged = { .differences = differences_of_defaults };
static struct corpus_figures diagnostics = { .differences = differences };
static struct said_list systemd, ours;

static void compare_warnings(const char *where, const struct json_value *line, const struct diag_sink *diags,
                             const char *path, const struct str *text)
{
    const struct json_value *warnings = json_get(line, "warnings");
    for (size_t i = 0; i < json_array_count(warnings); i++)
        said_add_systemd(&systemd, where, json_array_at(warnings, i));
    said_add_ours(&ours, where, diags, path, text->data, text->length);
    compare_diagnostics(&diagnostics, &systemd, &ours);
}

/* "tmpl@.service" of an instance; another name is its file's. */
static void file_name(const char *name, struct str *out)
{
    const char *at = strchr(name, '@'), *dot = strrchr(name, '.');
    assert_non_null(dot);
    if (!at) at = dot - 1;
    assert_int_equal(str_appendf(out, "%.*s%s", (int)(at + 1 - name), name, dot), 0);
}

static void check_case(const struct json_value *line, size_t number)
{
    AUTO_STR struct str text = STR_EMPTY, path = STR_EMPTY, where = STR_EMPTY, full = STR_EMPTY, file = STR_EMPTY;
    const char *name = json_get_string(line, "unit");
    const struct json_value *properties = json_get(line, "properties");
    assert_non_null(name);
    if (!properties) return; /* systemd refused the name */
    corpus_bytes(line, &text);
    file_name(name, &file);
    assert_int_equal(str_appendf(&path, PLACE_GROUP "/%s", str_text(&file)), 0);
    assert_int_equal(str_appendf(&where, "case %zu", number), 0);
    place_write(&place, str_text(&path), text.data ? text.data : "", text.length);
    assert_int_equal(str_append(&full, scratch_path(&place.root, str_text(&path))), 0);

    AUTO(diag_sink_free) struct diag_sink *diags = diag_sink_new();
    AUTO(unit_set_free) struct unit_set *set = place_load(&place, name, diags);
    size_t before = changed.differ, before_diagnostics = diagnostics.differ;
    compare_properties(&unchanged, &changed, str_text(&where), name, properties, &defaults, set);
    const struct json_value *error = json_get(line, "load_error");
    if (error)
        compare_property(&changed, str_text(&where), "LoadError", corpus_print(error), set, unit_set_find(set, name));
    compare_warnings(str_text(&where), line, diags, str_text(&full), &text);
    if (corpus_verbose() && (changed.differ > before || diagnostics.differ > before_diagnostics))
        print_message("^^^ %s %s:\n%s\n", str_text(&where), name, text.data ? text.data : "");
    assert_int_equal(unlink(str_text(&full)), 0);
}

static void test_cases(void **state)
{
    (void)state;
    place_init(&place, corpus);
    size_t cases = corpus_lines(corpus, "values/unit-cases.jsonl", check_case);
    place_done(&place);
    defaults_done(&defaults);
    print_message("corpus: unit cases: %zu read\n", cases);
    figures_done(&changed, "unit cases, properties that differ from the default", CHANGED, LEVEL);
    figures_done(&unchanged, "unit cases, properties at their default", DEFAULTS, LEVEL);
    figures_done(&diagnostics, "unit cases, diagnostics (both ways)", DIAGNOSTICS, LEVEL);
}

int main(void)
{
    corpus = defaults.corpus = corpus_root();
    if (!corpus) return CORPUS_SKIPPED;
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_cases) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
