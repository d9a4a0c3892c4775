/* expected/systemd252-show of the corpus: every property of real units as systemd 252 loaded them, one at a time,
 * beside the units of Debian's systemd package and those of its own group. */
#include "tests/unit/corpus_unit.h"

/* What there is to compare, and how much of it may differ: the level that was reached. */
#define CHANGED  11189
#define DEFAULTS 106474
#define LEVEL    0

/* Each stands in docs/DIFFERENCES.md, or the place decides. */
static const struct corpus_difference differences[] = {
    { "Memory*", "*/system-cockpithttps.slice.json", "a share of the machine's memory" },
    { "TasksMax", "systemd-fuzz/directives.slice.json", "15 % of what the machine allows" },
    { "*", "systemd-test-units/testsuite-08.units/-.mount.json", "what is mounted is not looked at" },
    { "After", "debian/systemd/[lu]*.target.json", "the mount of /tmp of the machine that was asked" },
    { "ConflictedBy", "debian/systemd/umount.target.json", "the mount of /tmp of the machine that was asked" },
    { "User", "*/exec-dynamicuser-runtimedirectory[23].service.json", "a name that systemd makes by its own hash" },
    { "Group", "*/exec-dynamicuser-runtimedirectory[23].service.json", "a name that systemd makes by its own hash" },
    { "*", "systemd-fuzz/directives.mount.json", "a refused unit has no derived values" },
    { "*", "systemd-fuzz/oss-fuzz-6977.swap.json", "a refused unit has no derived values" },
    { "TriggerLimit*", "systemd-fuzz/directives.socket.json", "a refused unit has no derived values" },
    { "*", "systemd-fuzz/oss-fuzz-11569.service.json", "%c is the place of a unit whose slice is not told" },
    { "*", "systemd-fuzz/oss-fuzz-6897.service.json", "%c is the place of a unit whose slice is not told" },
    { NULL, NULL, NULL },
};
static const struct corpus_difference differences_of_defaults[] = { CORPUS_DEFAULTS_OF_THE_PLACE,
                                                                    { NULL, NULL, NULL } };

static const char *corpus;
static struct corpus_defaults defaults;
static struct corpus_figures changed = { .differences = differences };
static struct corpus_figures unchanged = { .differences = differences_of_defaults };
static struct place place;
static size_t n_units, n_groups;

static void check_unit(const char *where, const struct json_value *expected)
{
    const char *name = json_get_string(expected, "_requested");
    assert_non_null(name);
    AUTO(diag_sink_free) struct diag_sink *diags = diag_sink_new();
    AUTO(unit_set_free) struct unit_set *set = place_load(&place, name, diags);
    compare_properties(&unchanged, &changed, where, name, expected, &defaults, set);
    n_units++;
}

/* systemd's fuzzing seeds were read one at a time. `expected`: "systemd-fuzz/x.service.json". */
static void add_seed(const char *expected)
{
    AUTO_STR struct str file = STR_EMPTY;
    const char *slash = strchr(expected, '/'), *json = str_suffix(expected, ".json");
    assert_non_null(json);
    assert_int_equal(str_appendf(&file, "%s/%.*s", corpus, (int)(json - expected), expected), 0);
    AUTO_STR struct str name = STR_EMPTY;
    assert_int_equal(str_appendf(&name, "%.*s", (int)(json - slash - 1), slash + 1), 0);
    place_copy(&place, str_text(&file), PLACE_GROUP, str_text(&name));
}

static bool is_seed(const char *group)
{
    return strcmp(group, "systemd-fuzz") == 0;
}

static void add_group(const char *group)
{
    AUTO_STR struct str directory = STR_EMPTY;
    if (is_seed(group)) return;
    if (str_starts_with(group, "debian/")) {
        place_add_package(&place, group);
        return;
    }
    assert_int_equal(str_appendf(&directory, "%s/%s", corpus, group), 0);
    place_copy_tree(&place, str_text(&directory), PLACE_GROUP);
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The names in a directory below expected/systemd252-show, sorted, without those that begin with "_" or ".". */
static void list_directory(const char *below, struct strlist *out)
{
    AUTO_STR struct str path = STR_EMPTY;
    assert_int_equal(str_appendf(&path, "%s/expected/systemd252-show/%s", corpus, below), 0);
    DIR *dir = opendir(str_text(&path));
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir));)
        if (!strchr("._", entry->d_name[0]) || str_suffix(entry->d_name, ".json"))
            if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "_defaults") != 0)
                assert_int_equal(strlist_add(out, entry->d_name), 0);
    (void)closedir(dir);
    qsort(out->items, out->count, sizeof *out->items, compare_texts);
}

static void check_group(const char *group)
{
    AUTO_STRLIST struct strlist files = STRLIST_EMPTY;
    list_directory(group, &files);
    add_group(group);
    for (size_t i = 0; i < files.count; i++) {
        AUTO_STR struct str path = STR_EMPTY, where = STR_EMPTY;
        if (!str_suffix(files.items[i], ".json")) continue;
        assert_int_equal(str_appendf(&where, "%s/%s", group, files.items[i]), 0);
        assert_int_equal(str_appendf(&path, "%s/expected/systemd252-show/%s", corpus, str_text(&where)), 0);
        AUTO(json_free) struct json_value *expected = corpus_json(str_text(&path));
        if (is_seed(group)) place_clear_group(&place), add_seed(str_text(&where));
        check_unit(str_text(&where), expected);
    }
    place_clear_group(&place);
    n_groups++;
}

static void test_show(void **state)
{
    (void)state;
    static const char *const parents[] = { "debian", "systemd-test-units" };
    static const char *const groups[] = { "systemd-fuzz", "systemd-test-execute" };
    place_init(&place, corpus);
    for (size_t i = 0; i < COUNT_OF(parents); i++) {
        AUTO_STRLIST struct strlist names = STRLIST_EMPTY;
        list_directory(parents[i], &names);
        for (size_t k = 0; k < names.count; k++) {
            AUTO_STR struct str group = STR_EMPTY;
            assert_int_equal(str_appendf(&group, "%s/%s", parents[i], names.items[k]), 0);
            check_group(str_text(&group));
        }
    }
    for (size_t i = 0; i < COUNT_OF(groups); i++) check_group(groups[i]);
    place_done(&place);
    defaults_done(&defaults);
    print_message("corpus: show: %zu units in %zu groups\n", n_units, n_groups);
    figures_done(&changed, "show, properties that differ from the default", CHANGED, LEVEL);
    figures_done(&unchanged, "show, properties at their default", DEFAULTS, LEVEL);
}

int main(void)
{
    corpus = defaults.corpus = corpus_root();
    if (!corpus) return CORPUS_SKIPPED;
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_show) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
