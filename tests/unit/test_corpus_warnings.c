/* expected/systemd252-warnings.jsonl of the corpus: where systemd 252 complains about a unit file we do, and nowhere
 * else; by line and by what it is about. */
#include "tests/unit/corpus_unit.h"

/* What there is to compare, and how much of it may differ: the level that was reached. */
#define WARNINGS 2200
#define LEVEL    0

/* Each stands in docs/DIFFERENCES.md, or the place decides. */
static const struct corpus_difference differences[] = { { NULL, NULL, NULL } };

static const char *corpus;
static struct corpus_figures figures = { .differences = differences };
static struct said_list systemd, ours;
static size_t n_files;

static bool contains(const struct json_value *array, const char *word)
{
    char *text = corpus_print(array);
    bool found = strstr(text, word) != NULL;
    free(text);
    return found;
}

/* What only systemd-analyze verify says is about other units than the file. */
static void add_line(const struct json_value *line, size_t number)
{
    (void)number;
    if (contains(json_get(line, "via"), "\"load\"")) said_add_systemd(&systemd, json_get_string(line, "file"), line);
}

/* The instance of a template that stands for all, and the file's own name else. */
static void unit_of_file(const char *path, struct str *out)
{
    const char *name = strrchr(path, '/') + 1, *dot = strrchr(name, '.');
    bool is_template = dot > name && dot[-1] == '@';
    assert_int_equal(str_appendf(out, "%.*s%s%s", (int)(dot - name), name, is_template ? PLACE_INSTANCE : "", dot), 0);
}

/* A file on its own: its diagnostics do not depend on other units. */
static void check_file(struct place *place, const char *path)
{
    AUTO_STR struct str name = STR_EMPTY, full = STR_EMPTY, file = STR_EMPTY;
    const char *where = path + strlen(corpus) + 1, *base = strrchr(path, '/') + 1;
    enum unit_kind kind = unit_kind_of_name(base);
    if (kind == UNIT_KIND_COUNT || kind == UNIT_KIND_SCOPE) return; /* a drop-in, or what systemd reads from no file */
    unit_of_file(path, &name);
    assert_int_equal(str_appendf(&file, PLACE_GROUP "/%s", base), 0);
    size_t size = 0;
    char *data = corpus_read(path, &size);
    assert_non_null(data);
    place_write(place, str_text(&file), data, size);
    assert_int_equal(str_append(&full, scratch_path(&place->root, str_text(&file))), 0);
    AUTO(diag_sink_free) struct diag_sink *diags = diag_sink_new();
    AUTO(unit_set_free) struct unit_set *set = place_load(place, str_text(&name), diags);
    assert_non_null(set);
    said_add_ours(&ours, where, diags, str_text(&full), data, size);
    assert_int_equal(unlink(str_text(&full)), 0);
    free(data);
    n_files++;
}

static void check_tree(struct place *place, const char *path)
{
    DIR *dir = opendir(path);
    if (!dir) return;
    for (struct dirent *entry; (entry = readdir(dir));) {
        AUTO_STR struct str child = STR_EMPTY;
        struct stat st;
        if (entry->d_name[0] == '.') continue;
        assert_int_equal(str_appendf(&child, "%s/%s", path, entry->d_name), 0);
        assert_int_equal(stat(str_text(&child), &st), 0);
        if (S_ISREG(st.st_mode))
            check_file(place, str_text(&child));
        else if (strcmp(entry->d_name, "user") != 0 && strcmp(entry->d_name, "values") != 0 &&
                 strcmp(entry->d_name, "expected") != 0)
            check_tree(place, str_text(&child));
    }
    (void)closedir(dir);
}

static void test_warnings(void **state)
{
    (void)state;
    struct place place;
    size_t lines = corpus_lines(corpus, "expected/systemd252-warnings.jsonl", add_line);
    place_init_empty(&place, corpus);
    check_tree(&place, corpus);
    place_done(&place);
    print_message("corpus: warnings: %zu of systemd 252, %zu files read\n", lines, n_files);
    compare_diagnostics(&figures, &systemd, &ours);
    figures_done(&figures, "warnings (both ways)", WARNINGS, LEVEL);
}

int main(void)
{
    corpus = corpus_root();
    if (!corpus) return CORPUS_SKIPPED;
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_warnings) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
