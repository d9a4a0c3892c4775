/* Units that others wrote, read at test time from CONTAINER_INIT_CORPUS (never part of the repository): nothing in them
 * may crash the parser, and no directive in them may be unknown unless systemd 252 does not know it either. */
#include "tests/unit/corpus.h"
#include "tests/unit/parse_unit.h"

#include "base/json.h"
#include "base/vec.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <sys/stat.h>

#define OPEN_DIRECTORIES 16

static const char *root;

/* ---- what systemd said ---- */

struct warning {
    const char *file;
    uint64_t line; /* the last physical one of the assignment */
};
static VEC(struct warning) unknown_to_systemd = VEC_EMPTY;
static VEC(struct json_value *) lines_read = VEC_EMPTY;

static void read_warnings(const char *corpus)
{
    AUTO_STR struct str path = STR_EMPTY;
    size_t size = 0;
    assert_int_equal(str_appendf(&path, "%s/expected/systemd252-warnings.jsonl", corpus), 0);
    char *data = corpus_read(str_text(&path), &size);
    assert_non_null(data);
    for (char *line = data, *end; (end = strchr(line, '\n')); line = end + 1) {
        struct json_value *value = NULL;
        assert_int_equal(json_parse(line, (size_t)(end - line), &value, NULL), 0);
        assert_int_equal(vec_push(&lines_read, value), 0);
        struct warning warning = { .file = json_get_string(value, "file") };
        const char *kind = json_get_string(value, "kind");
        if (!kind || strcmp(kind, "unknown-key") != 0 || json_get_u64(value, "line", &warning.line) < 0) continue;
        assert_int_equal(vec_push(&unknown_to_systemd, warning), 0);
    }
    free(data);
}

static bool systemd_warned(const char *file, uint64_t line)
{
    for (size_t i = 0; i < unknown_to_systemd.count; i++)
        if (unknown_to_systemd.items[i].line == line && strcmp(unknown_to_systemd.items[i].file, file) == 0)
            return true;
    return false;
}

/* ---- the walk ---- */

static size_t n_units, n_files, n_wrong;

/* "web.service" of "x/web.service" and of "x/web.service.d/y.conf"; NULL for other kinds. */
static bool unit_of(const char *path, struct str *name)
{
    const char *slash = strrchr(path, '/'), *dropin = strstr(path, ".d/");
    str_clear(name);
    if (dropin) {
        const char *begin = dropin;
        while (begin > path && begin[-1] != '/') begin--;
        assert_int_equal(str_append_bytes(name, begin, (size_t)(dropin - begin)), 0);
    } else {
        assert_int_equal(str_append(name, slash ? slash + 1 : path), 0);
    }
    enum unit_kind kind = unit_kind_of_name(str_text(name));
    return kind != UNIT_KIND_COUNT && kind != UNIT_KIND_SCOPE; /* systemd reads no scopes from files */
}

static int on_file(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)ftw;
    static char *const environment[] = { NULL };
    if (type != FTW_F) return 0;
    size_t size = 0;
    char *data = corpus_read(path, &size);
    if (!data) return 0;
    n_files++;
    AUTO_STR struct str name = STR_EMPTY;
    bool is_unit = unit_of(path, &name);
    /* Whatever a file is, it is survived; only units must be understood. */
    const char *as = is_unit ? str_text(&name) : "any@x.service";
    for (int native = 0; native <= 1; native++) {
        struct parsed u = parse_bytes(as, data, size, native, environment);
        for (size_t i = 0; is_unit && !native && i < diag_total(u.diags); i++) {
            const struct diag *d = diag_get(u.diags, i);
            const char *relative = path + strlen(root) + 1;
            if (strcmp(d->code, "unknown-directive") != 0 || systemd_warned(relative, d->at.line)) continue;
            print_message("  %s:%u: %s= is unknown\n", relative, d->at.line, d->key);
            n_wrong++;
        }
        parsed_done(&u);
    }
    n_units += is_unit;
    free(data);
    return 0;
}

static void test_units(void **state)
{
    (void)state;
    read_warnings(root);
    assert_int_equal(nftw(root, on_file, OPEN_DIRECTORIES, FTW_PHYS), 0);
    print_message("  %zu units among %zu files\n", n_units, n_files);
    assert_true(n_units > 100);
    assert_int_equal(n_wrong, 0);
    for (size_t i = 0; i < lines_read.count; i++) json_free(lines_read.items[i]);
    vec_done(&lines_read);
    vec_done(&unknown_to_systemd);
}

/* ---- command lines as systemd reads them ---- */

/* The argument lists as JSON, one per line: what systemd made of ExecStart=, and what we did. */
static void describe_expected(const struct json_value *list, struct str *out)
{
    for (size_t i = 0; i < json_array_count(list); i++) {
        char *text = json_print(json_get(json_array_at(list, i), "argv"), 0);
        assert_non_null(text);
        assert_int_equal(str_appendf(out, "%s\n", text), 0);
        free(text);
    }
}

static void describe_ours(const struct command_list *list, struct str *out)
{
    for (uint32_t i = 0; i < list->count; i++) {
        AUTO(json_free) struct json_value *argv = json_array_new();
        for (uint32_t j = 0; j < list->items[i].argc; j++)
            assert_int_equal(json_array_add_take(argv, json_string_new(list->items[i].argv[j])), 0);
        char *text = json_print(argv, 0);
        assert_non_null(text);
        assert_int_equal(str_appendf(out, "%s\n", text), 0);
        free(text);
    }
}

/* Cases whose answer is the machine's. */
static bool depends_on_place(const char *text)
{
    static const char *const words[] = { "%v", "%b", "%r", "%m", "%o", "%w", "%H", "%q" };
    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (strstr(text, words[i])) return true;
    return false;
}

static bool check_case(const struct json_value *value, size_t line)
{
    const char *text = json_get_string(value, "unit_text"), *name = json_get_string(value, "unit");
    const char *category = json_get_string(value, "category");
    const struct json_value *properties = json_get(value, "properties"), *exec = json_get(properties, "ExecStart");
    if (!text || !name || !exec || !category || unit_kind_of_name(name) != UNIT_KIND_SERVICE || depends_on_place(text))
        return true;
    if (strcmp(category, "exec") != 0 && strcmp(category, "specifier") != 0) return true;
    AUTO_STR struct str want = STR_EMPTY, got = STR_EMPTY;
    struct parsed u = parse_unit(name, text, false);
    describe_expected(exec, &want);
    describe_ours(&u.settings.service.commands[SERVICE_EXEC_START], &got);
    bool same = strcmp(str_text(&want), str_text(&got)) == 0;
    bool refused = str_equal(json_get_string(properties, "LoadState"), "bad-setting");
    if (strstr(u.codes, "unsupported-value")) refused = true; /* SEED.md D17 */
    if (!same) print_message("  case %zu: wanted %s\n    got %s\n", line, str_text(&want), str_text(&got));
    if (refused != (u.result == 1))
        print_message("  case %zu: %s: systemd %s it\n", line, text, refused ? "refuses" : "loads");
    same = same && refused == (u.result == 1);
    parsed_done(&u);
    return same;
}

static void test_command_lines(void **state)
{
    (void)state;
    AUTO_STR struct str path = STR_EMPTY;
    size_t size, line_number = 1, wrong = 0;
    assert_int_equal(str_appendf(&path, "%s/values/unit-cases.jsonl", root), 0);
    char *data = corpus_read(str_text(&path), &size);
    assert_non_null(data);
    for (char *line = data, *end; (end = strchr(line, '\n')); line = end + 1, line_number++) {
        AUTO(json_free) struct json_value *value = NULL;
        /* jansson refuses the few texts with a NUL byte. */
        if (json_parse(line, (size_t)(end - line), &value, NULL) == 0) wrong += !check_case(value, line_number);
    }
    free(data);
    assert_int_equal(wrong, 0);
}

int main(void)
{
    root = corpus_root();
    if (!root) return CORPUS_SKIPPED;
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_units), cmocka_unit_test(test_command_lines) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
