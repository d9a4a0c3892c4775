/* Conditions as systemd 252 reads and answers them: values/condition.jsonl of the corpus, against a made-up machine
 * that is the one it was asked on, as far as that shows. */
#include "tests/unit/corpus_json.h"

#include "tests/supervisor/condition_place.h"
#include "tests/unit/parse_unit.h"

/* What is reached; fewer fail. */
#define LEVEL_PARSED   64
#define LEVEL_ANSWERED 64

static const struct place_file files[] = {
    { "/etc/passwd", "root:x:0:0:root:/root:/bin/sh\n" },
    { "/tmp/x", "" },
    { "/run/x", "" },
    { "/proc/self/status", "Name:\tx\nCapBnd:\t000001ffffffffff\n" },
    { "/proc/self/uid_map", "0 0 4294967295\n" },
    { "/proc/self/gid_map", "0 0 4294967295\n" },
    { "/proc/self/cgroup", "0::/init.scope\n" },
    { "/proc/pressure/memory", "full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n" },
    { "/proc/pressure/cpu", "full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n" },
    { "/proc/pressure/io", "full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n" },
    { "/sys/fs/cgroup/cgroup.controllers", "cpu io memory pids\n" },
    { "/etc/os-release", "ID=testos\nVERSION_ID=1\n" },
    { "/.dockerenv", "" },
    { "/usr/bin/x", "" },
};

static char *environment[] = { "PATH=/bin", NULL };
static size_t n_parsed, n_answered, n_rows;

/* Paths of the image are looked for in ours. */
static void move_paths(struct condition_list *list, const char *root, struct str *store)
{
    static const char *const real[] = { "/", "/proc" };
    for (uint32_t i = 0; i < list->count; i++) {
        struct condition *c = &list->items[i];
        bool moves = condition_takes_path(c->kind) && c->kind != CONDITION_NEEDS_UPDATE;
        for (size_t k = 0; k < COUNT_OF(real); k++) moves = moves && strcmp(c->parameter, real[k]) != 0;
        if (!moves) continue;
        str_clear(store);
        assert_int_equal(str_appendf(store, "%s%s", root, c->parameter), 0);
        c->parameter = str_text(store);
    }
}

/* ["ConditionX", trigger, negate, "PARAMETER"] of each. */
static bool is_parsed(const struct json_value *row, const struct condition_list *list)
{
    AUTO(json_free) struct json_value *all = json_array_new();
    for (uint32_t i = 0; i < list->count; i++) {
        const struct condition *c = &list->items[i];
        char name[64];
        (void)snprintf(name, sizeof name, "%s%s", c->is_assert ? "Assert" : "Condition",
                       condition_kind_name(c->kind)); /* fits */
        struct json_value *one = json_array_new();
        assert_int_equal(json_array_add_take(one, json_string_new(name)), 0);
        assert_int_equal(json_array_add_take(one, json_bool_new(c->trigger)), 0);
        assert_int_equal(json_array_add_take(one, json_bool_new(c->negate)), 0);
        assert_int_equal(json_array_add_take(one, json_string_new(c->parameter)), 0);
        assert_int_equal(json_array_add_take(all, one), 0);
    }
    char *got = json_print(all, 0), *want = json_print(json_get(row, "parsed"), 0);
    bool same = strcmp(got, want) == 0;
    if (!same) print_message("  parsed %s, wanted %s\n", got, want);
    free(got);
    free(want);
    return same;
}

static bool is_answered(const struct json_value *row, const struct condition_list *list,
                        const struct condition_context *context)
{
    const struct json_value *state = json_get(row, "state"), *result = json_get(row, "condition_result");
    const struct json_value *asserted = json_get(row, "assert_result");
    bool same = json_array_count(state) == list->count;
    for (uint32_t i = 0; same && i < list->count; i++) {
        char *want = json_print(json_array_at(state, i), 0);
        int r = condition_test(&list->items[i], context);
        same = strcmp(want, r > 0 ? "1" : "-1") == 0;
        if (!same) print_message("  answered %d, wanted %s\n", r, want);
        free(want);
    }
    if (list->count == 0) return same;
    /* The assertions are asked when the conditions hold. */
    int conditions = condition_list_test(list, false, context, NULL, NULL);
    int asserts = conditions > 0 ? condition_list_test(list, true, context, NULL, NULL) : 0;
    char *want[] = { json_print(result, 0), json_print(asserted, 0) };
    bool both = strcmp(want[0], conditions ? "true" : "false") == 0 && strcmp(want[1], asserts ? "true" : "false") == 0;
    if (!both) print_message("  conditions %d, asserts %d, wanted %s and %s\n", conditions, asserts, want[0], want[1]);
    free(want[0]);
    free(want[1]);
    return same && both;
}

static void check_row(const struct json_value *row, const struct condition_context *context)
{
    AUTO_STR struct str text = STR_EMPTY, store = STR_EMPTY;
    const char *input = json_get_string(row, "input");
    assert_int_equal(str_appendf(&text, "[Unit]\n%s\n[Service]\nExecStart=/bin/true\n", input), 0);
    struct parsed u = parse_unit("test.service", str_text(&text), false);
    struct condition_list *list = &u.settings.unit.conditions;
    bool warned = *u.codes != '\0', parsed = is_parsed(row, list);
    bool warns = json_array_count(json_get(row, "warnings")) > 0;
    move_paths(list, context->root, &store);
    bool answered = is_answered(row, list, context);
    if (!parsed || warned != warns || !answered) print_message("  %s: %s\n", input, u.codes);
    n_rows++;
    n_parsed += parsed && warned == warns;
    n_answered += answered;
    parsed_done(&u);
}

static void test_rows(void **state)
{
    AUTO_STR struct str path = STR_EMPTY;
    char root[] = PLACE_TEMPLATE, link[PATH_MAX];
    size_t size = 0;
    place_make(root, files, COUNT_OF(files));
    place_path(root, "/bin", link);
    assert_int_equal(symlink("usr/bin", link), 0);
    assert_int_equal(str_appendf(&path, "%s/values/condition.jsonl", (const char *)*state), 0);
    char *data = corpus_read(str_text(&path), &size);
    assert_non_null(data);
    struct condition_context context = { .root = root,
                                         .environ = environment,
                                         .release = "6.1.0",
                                         .hostname = "testhost",
                                         .cpus = 2,
                                         .memory_bytes = UINT64_C(1) << 30 };
    for (char *line = data, *end; (end = strchr(line, '\n')); line = end + 1) {
        AUTO(json_free) struct json_value *row = corpus_parse(line, (size_t)(end - line), str_text(&path));
        check_row(row, &context);
    }
    free(data);
    place_remove(root);
    print_message("corpus: conditions read as systemd: %zu of %zu\n", n_parsed, n_rows);
    print_message("corpus: conditions answered as systemd: %zu of %zu\n", n_answered, n_rows);
    assert_true(n_parsed >= LEVEL_PARSED);
    assert_true(n_answered >= LEVEL_ANSWERED);
}

int main(void)
{
    const char *root = corpus_root();
    if (!root) return CORPUS_SKIPPED;
    const struct CMUnitTest tests[] = { cmocka_unit_test_prestate(test_rows, (void *)root) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
