#include "cmd/container-init/escape.h"

#include "tests/unit/corpus.h"

#include "base/json.h"
#include "base/str.h"

#include <string.h>

#define ARGUMENTS_MAX 8
#define CASES         203 /* of the corpus, and all of them come out the same */

#define A10  "aaaaaaaaaa"
#define A50  A10 A10 A10 A10 A10
#define A250 A50 A50 A50 A50 A50

struct answer {
    int status;
    char *out, *err;
    size_t out_size, err_size;
};

static struct answer ask(char **argv)
{
    struct answer answer = { .status = -1 };
    int argc = 0;
    while (argv[argc]) argc++;
    FILE *out = open_memstream(&answer.out, &answer.out_size), *err = open_memstream(&answer.err, &answer.err_size);
    assert_true(out && err);
    answer.status = escape_run(argc, argv, out, err);
    assert_int_equal(fclose(out), 0);
    assert_int_equal(fclose(err), 0);
    return answer;
}

static void answer_done(struct answer *answer)
{
    free(answer->out);
    free(answer->err);
}

/* clang-format off */
static const struct {
    const char *arguments[ARGUMENTS_MAX], *out, *err; /* err NULL: nothing is said */
    int status;
} cases[] = { /* systemd-escape 252 says the same, but for its own name in three of the messages */
    { { "a", "b", "c d" }, "a b c\\x20d\n", NULL, 0 },
    { { "--mangle", "a b", "c" }, "a\\x20b.service c.service\n", NULL, 0 },
    { { "-m", "/srv/a b" }, "srv-a\\x20b.mount\n", NULL, 0 },
    { { "--suffix=timer", "a", "b" }, "a.timer b.timer\n", NULL, 0 },
    { { "--suffix", "swap", "a" }, "a.swap\n", NULL, 0 },
    { { "--template=x@.socket", "a/b", "c" }, "x@a-b.socket x@c.socket\n", NULL, 0 },
    { { "-p", "--template=x@.socket", "/a/b" }, "x@a-b.socket\n", NULL, 0 },
    { { "-u", "a-b\\x2dc" }, "a/b-c\n", NULL, 0 },
    { { "-up", "a-b" }, "/a/b\n", NULL, 0 },
    { { "a-b", "-u" }, "a/b\n", NULL, 0 },
    { { "--un", "a-b" }, "a/b\n", NULL, 0 },
    { { "--", "-u", "--path" }, "\\x2du \\x2d\\x2dpath\n", NULL, 0 },
    { { "-" }, "\\x2d\n", NULL, 0 },
    { { "" }, "\n", NULL, 0 },
    { { "", "a" }, " a\n", NULL, 0 },
    { { "-u", "--template=x@.service", "x@a-b.service" }, "a/b\n", NULL, 0 },
    { { "-u", "--instance", "x@a@b.timer" }, "a@b\n", NULL, 0 },
    { { "-up", "--instance", "x@a-b.timer" }, "/a/b\n", NULL, 0 },
    { { "-m", "-u", "a-b" }, "a/b\n", NULL, 0 },
    { { "-u", "-m", "a b" }, "a\\x20b.service\n", NULL, 0 },
    { { "--suffix=device", A250 }, A250 ".device\n", NULL, 0 },

    { { NULL }, "", "Not enough arguments.", 1 },
    { { "-p" }, "", "Not enough arguments.", 1 },
    { { "--suffix=bogus", "a" }, "", "Invalid unit suffix type \"bogus\".", 1 },
    { { "--suffix=.service", "a" }, "", "Invalid unit suffix type \".service\".", 1 },
    { { "--suffix=", "a" }, "", "Invalid unit suffix type \"\".", 1 },
    { { "--template=x.service", "a" }, "", "Template name x.service is not valid.", 1 },
    { { "--template=x@y.service", "a" }, "", "Template name x@y.service is not valid.", 1 },
    { { "--template=", "a" }, "", "Template name  is not valid.", 1 },
    { { "--suffix=path", "--template=x@.path", "a" }, "", "--suffix= and --template= may not be combined.", 1 },
    { { "-m", "--suffix=path", "a" }, "", "--suffix= and --template= are not compatible with --mangle.", 1 },
    { { "-m", "--template=x@.path", "a" }, "", "--suffix= and --template= are not compatible with --mangle.", 1 },
    { { "-u", "--suffix=path", "a" }, "", "--suffix is not compatible with --unescape.", 1 },
    { { "-m", "-p", "a" }, "", "--path may not be combined with --mangle.", 1 },
    { { "--instance", "a" }, "", "--instance must be used in conjunction with --unescape.", 1 },
    { { "-u", "--instance", "--template=x@.path", "a" }, "", "--instance may not be combined with --template.", 1 },
    { { "--bogus", "a" }, "", "container-init escape: unrecognized option '--bogus'", 1 },
    { { "-ux", "a" }, "", "container-init escape: invalid option -- 'x'", 1 },
    { { "--path=x", "a" }, "", "container-init escape: option '--path' doesn't allow an argument", 1 },
    { { "--suffix" }, "", "container-init escape: option '--suffix' requires an argument", 1 },
    { { "-u", "--template=x@.service", "y@a.service" }, "", "Unit y@a.service template y@.service does not match specified template x@.service.", 1 },
    { { "-u", "--template=x@.service", "x@.service" }, "", "Unit x@.service is missing the instance name.", 1 },
    { { "-u", "--instance", "web.service" }, "", "Unit web.service is missing the instance name.", 1 },
    { { "-u", "--instance", "web" }, "", "Failed to extract instance: Invalid argument", 1 },
    { { "-u", "a\\q" }, "", "Failed to unescape string: Invalid argument", 1 },
    { { "-m", "@" }, "", "Failed to mangle name: Invalid argument", 1 },
    { { "--template=x@.service", "" }, "", "Failed to replace instance: Invalid argument", 1 },
    { { "-p", "/a/../b" }, "", "Input '/a/../b' is not a normalized file system path, failed to escape.", 1 },
    { { "-p", "." }, "", "Input '.' is not an absolute file system path, failed to escape.", 1 },
    { { "-p", "/" A250 A10 }, "", "Input '/" A250 A10 "' is not a valid file system path, failed to escape.", 1 },

    /* What was answered before stays, without a newline. */
    { { "-u", "a", "\\q", "b" }, "a", "Failed to unescape string: Invalid argument", 1 },
    { { "-m", "a", "", "b" }, "a.service", "Failed to mangle name: Invalid argument", 1 },

    /* Warnings. */
    { { "-p", "" }, "-\n", "Input '' is not a valid file system path, escaping is likely not going be reversible.", 0 },
    { { "-p", "a//b/" }, "a-b\n", "Input 'a//b/' is not an absolute file system path, escaping is likely not going to be reversible.", 0 },
};
/* clang-format on */

static void test_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char *argv[ARGUMENTS_MAX + 2] = { (char[]){ "escape" } };
        for (size_t k = 0; k < ARGUMENTS_MAX && cases[i].arguments[k]; k++)
            argv[k + 1] = (char *)(uintptr_t)cases[i].arguments[k]; /* read only */
        AUTO_STR struct str err = STR_EMPTY;
        if (cases[i].err) assert_int_equal(str_appendf(&err, "%s\n", cases[i].err), 0);
        print_message("  %s %s: %s\n", argv[1] ? argv[1] : "", argv[1] && argv[2] ? argv[2] : "", cases[i].out);
        struct answer answer = ask(argv);
        assert_string_equal(answer.out, cases[i].out);
        assert_string_equal(answer.err, str_text(&err));
        assert_int_equal(answer.status, cases[i].status);
        answer_done(&answer);
    }
}

static void test_help(void **state)
{
    (void)state;
    struct answer help = ask((char *[]){ (char[]){ "escape" }, (char[]){ "-h" }, NULL });
    assert_int_equal(help.status, 0);
    static const char *const words[] = { "--help",     "--version",     "--suffix=SUFFIX", "--template=TEMPLATE",
                                         "--instance", "-u --unescape", "-m --mangle",     "-p --path" };
    for (size_t i = 0; i < COUNT_OF(words); i++) assert_non_null(strstr(help.out, words[i]));
    answer_done(&help);
    struct answer version = ask((char *[]){ (char[]){ "escape" }, (char[]){ "--version" }, NULL });
    assert_int_equal(version.status, 0);
    assert_int_equal(strncmp(version.out, "container-init ", strlen("container-init ")), 0);
    answer_done(&version);
}

static void test_full_disk(void **state)
{
    (void)state;
    FILE *full = fopen("/dev/full", "we");
    if (!full) skip();
    assert_int_equal(escape_run(2, (char *[]){ (char[]){ "escape" }, (char[]){ "a" }, NULL }, full, stderr), 1);
    (void)fclose(full); /* fails, which is the point */
}

/* ---- the corpus ---- */

static const char *root;

static bool same(const struct json_value *row)
{
    const struct json_value *arguments = json_get(row, "args");
    const char *input = json_get_string(row, "input"), *output = json_get_string(row, "output");
    const char *error = json_get_string(row, "error");
    char *argv[ARGUMENTS_MAX + 4] = { (char[]){ "escape" } }, *printed[ARGUMENTS_MAX] = { NULL };
    size_t n = 1, count = json_array_count(arguments);
    assert_true(input && count <= ARGUMENTS_MAX);
    for (size_t i = 0; i < count; i++) { /* options need no escapes: the quotes are cut off */
        char *quoted = printed[i] = json_print(json_array_at(arguments, i), 0);
        assert_non_null(quoted);
        quoted[strlen(quoted) - 1] = '\0';
        argv[n++] = quoted + 1;
    }
    argv[n++] = (char[]){ "--" };
    argv[n] = (char *)(uintptr_t)input; /* read only */
    AUTO_STR struct str want = STR_EMPTY, err = STR_EMPTY;
    if (output) assert_int_equal(str_appendf(&want, "%s\n", output), 0);
    if (error) assert_int_equal(str_appendf(&err, "%s\n", error), 0);
    struct answer answer = ask(argv);
    bool equal = strcmp(answer.out, str_text(&want)) == 0 && answer.status == (output ? EXIT_SUCCESS : EXIT_FAILURE);
    if (error && strcmp(answer.err, str_text(&err)) != 0) equal = false;
    if (!equal) print_message("  %s '%s': got '%s', '%s'\n", argv[1], input, answer.out, answer.err);
    answer_done(&answer);
    for (size_t i = 0; i < count; i++) free(printed[i]);
    return equal;
}

static void test_corpus(void **state)
{
    (void)state;
    root = corpus_root();
    if (!root) skip();
    AUTO_STR struct str path = STR_EMPTY;
    assert_int_equal(str_appendf(&path, "%s/values/escape.jsonl", root), 0);
    size_t size, total = 0, equal = 0;
    char *data = corpus_read(str_text(&path), &size);
    assert_non_null(data);
    for (char *line = data, *end; (end = strchr(line, '\n')); line = end + 1) {
        AUTO(json_free) struct json_value *row = NULL;
        assert_int_equal(json_parse(line, (size_t)(end - line), &row, NULL), 0);
        total++;
        equal += same(row);
    }
    free(data);
    print_message("escape: %zu of %zu\n", equal, total);
    assert_true(equal == total && total >= CASES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_help),
        cmocka_unit_test(test_full_disk),
        cmocka_unit_test(test_corpus),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
