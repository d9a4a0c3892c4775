/* tests/fixtures/rules/CODE/fires and .../quiet: a case of each rule that is reported, and one beside it that is not.
 *
 *     units/, drop-in/   the two directories
 *     root/              an image, for --root, with units/ in it; without it there is none
 *     setup              what a checkout cannot hold, one per line: "mode OCTAL PATH", "fifo PATH", "size BYTES PATH",
 *                        "link TARGET PATH", "lines COUNT PATH TEXT"
 *     systemd            there: --systemd
 *     rule               the argument of --rule
 *     expect             the diagnostics as --format=gcc prints them; "..." stands for any lines. Without it: none
 *
 * Each runs on a copy, where it is the working directory. CONTAINER_INIT_UPDATE_FIXTURES=1 writes `expect` anew. */
#include "cmd/container-init/commands.h"
#include "cmd/container-init/validate.h"

#include "tests/unit/scratch_dir.h"

#include "base/fd.h"
#include "base/log.h"
#include "base/parse.h"
#include "base/str.h"
#include "unit/rules.h"

#include <dirent.h>

#define FOLDER TEST_SOURCE_DIR "/tests/fixtures/rules"

/* ---- the copy ---- */

static void join(char path[static PATH_MAX], const char *a, const char *b)
{
    assert_true(snprintf(path, PATH_MAX, "%s/%s", a, b) < PATH_MAX);
}

static void copy_file(const char *from, const char *to)
{
    char *data = NULL;
    size_t size = 0;
    assert_int_equal(file_read(AT_FDCWD, from, (size_t)32 << 20, &data, &size), 0);
    int fd = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    struct stat st;
    assert_true(fd >= 0);
    assert_int_equal(fd_write_all(fd, data, size), 0);
    assert_int_equal(stat(from, &st), 0);
    assert_int_equal(fchmod(fd, 0644 | (st.st_mode & 0111)), 0); /* a checkout keeps only what is executable */
    assert_int_equal(close(fd), 0);
    free(data);
}

static void copy_link(const char *from, const char *to)
{
    char target[PATH_MAX];
    ssize_t length = readlink(from, target, sizeof target - 1);
    assert_true(length > 0);
    target[length] = '\0';
    assert_int_equal(symlink(target, to), 0);
}

static void copy_tree(const char *from, const char *to) /* as deep as the fixtures are */
{
    DIR *folder = opendir(from);
    if (!folder) fail_msg("%s: %s", from, strerror(errno));
    for (const struct dirent *entry; (entry = readdir(folder));) {
        char source[PATH_MAX], target[PATH_MAX];
        struct stat st;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        join(source, from, entry->d_name);
        join(target, to, entry->d_name);
        assert_int_equal(lstat(source, &st), 0);
        if (S_ISLNK(st.st_mode)) {
            copy_link(source, target);
        } else if (S_ISDIR(st.st_mode)) {
            assert_int_equal(mkdir(target, 0755), 0);
            copy_tree(source, target);
        } else {
            copy_file(source, target);
        }
    }
    assert_int_equal(closedir(folder), 0);
}

/* ---- what a checkout cannot hold ---- */

static void write_lines(const char *count, char *rest)
{
    const char *path = strsep(&rest, " ");
    uint32_t n;
    assert_int_equal(parse_u32(count, 1, 1000000, &n), 0);
    FILE *out = fopen(path, "ae");
    assert_non_null(out);
    for (uint32_t i = 0; i < n; i++) assert_true(fprintf(out, "%s\n", rest) > 0);
    assert_int_equal(fclose(out), 0);
}

static void set_up_line(char *line)
{
    const char *verb = strsep(&line, " "), *word = strsep(&line, " ");
    mode_t mode;
    uint32_t size;
    if (strcmp(verb, "mode") == 0) {
        assert_int_equal(parse_mode(word, &mode), 0);
        assert_int_equal(chmod(line, mode), 0);
    } else if (strcmp(verb, "fifo") == 0) {
        assert_int_equal(mkfifo(word, 0644), 0);
    } else if (strcmp(verb, "size") == 0) {
        assert_int_equal(parse_u32(word, 0, UINT32_MAX, &size), 0);
        assert_int_equal(truncate(line, (off_t)size), 0);
    } else if (strcmp(verb, "link") == 0) {
        assert_int_equal(symlink(word, line), 0);
    } else if (strcmp(verb, "lines") == 0) {
        write_lines(word, line);
    } else {
        fail_msg("setup: '%s'?", verb);
    }
}

/* The text of a file of the case, "" when it is not there. The caller frees. */
static char *read_text(const char *name)
{
    char *text = NULL;
    size_t size;
    if (file_read(AT_FDCWD, name, (size_t)1 << 20, &text, &size) < 0) text = strdup("");
    assert_non_null(text);
    return text;
}

static void set_up(void)
{
    char *text = read_text("setup"), *rest = text;
    for (char *line; (line = strsep(&rest, "\n"));)
        if (*line) set_up_line(line);
    free(text);
}

/* ---- one case ---- */

/* What is logged beside the diagnostics belongs to other tests. */
static void ignore_line(const char *line, size_t length, void *userdata)
{
    (void)line, (void)length, (void)userdata;
}

static char *diagnostics_of_case(void)
{
    static char *const environment[] = { "HOME=/root", NULL };
    static const char *const directories[] = { "units", "drop-in", NULL }, *const in_root[] = { "/units", NULL };
    bool root = access("root", F_OK) == 0;
    char *rule = read_text("rule"), *out = NULL, *err = NULL;
    size_t out_size, err_size;
    rule[strcspn(rule, "\n")] = '\0';
    const char *const rules[] = { *rule ? rule : NULL, NULL };
    const struct validate_request request = {
        .directories = root ? in_root : directories,
        .environment = environment,
        .rules = rules,
        .systemd = access("systemd", F_OK) == 0,
        .root = root ? "root" : NULL,
        .format = DIAG_GCC,
        .out = open_memstream(&out, &out_size),
        .err = open_memstream(&err, &err_size),
    };
    assert_true(cmd_validate(&request) != EXIT_USAGE);
    assert_int_equal(fclose(request.out), 0);
    assert_int_equal(fclose(request.err), 0);
    free(out);
    free(rule);
    return err;
}

/* Is `got` what `want` says, where a line "..." is any lines? */
static bool is_expected(const char *got, const char *want)
{
    const char *dots = strstr(want, "...\n");
    if (!dots || (dots > want && dots[-1] != '\n')) return strcmp(got, want) == 0;
    return strncmp(got, want, (size_t)(dots - want)) == 0 && str_suffix(got + (dots - want), dots + strlen("...\n"));
}

static bool is_updating(void)
{
    return getenv("CONTAINER_INIT_UPDATE_FIXTURES");
}

static void write_expect(const char *folder, const char *text)
{
    char path[PATH_MAX];
    join(path, folder, "expect");
    if (*text == '\0') {
        (void)unlink(path); /* there may be none */
        return;
    }
    FILE *out = fopen(path, "we");
    assert_non_null(out);
    assert_true(fputs(text, out) >= 0);
    assert_int_equal(fclose(out), 0);
}

/* 0, or 1 after a word about what is wrong. */
static unsigned judge(const char *code, const char *which, const char *folder, const char *got, const char *want)
{
    char mark[128];
    bool fires = strcmp(which, "fires") == 0;
    (void)snprintf(mark, sizeof mark, "[%s]: ", code);
    if (!strstr(got, mark) == fires) {
        print_message("%s/%s: the rule %s:\n%s", code, which, fires ? "does not fire" : "fires", got);
        return 1;
    }
    if (is_expected(got, want)) return 0;
    if (is_updating()) {
        write_expect(folder, got);
        return 0;
    }
    print_message("%s/%s: got:\n%swanted:\n%s", code, which, got, want); /* cmocka cuts long texts */
    return 1;
}

static unsigned check_case(const char *code, const char *which)
{
    struct scratch scratch;
    char folder[PATH_MAX];
    assert_true(snprintf(folder, sizeof folder, "%s/%s/%s", FOLDER, code, which) < (int)sizeof folder);
    if (access(folder, F_OK) < 0) {
        print_message("the rule %s has no fixture '%s'\n", code, which);
        return 1;
    }
    scratch_init(&scratch);
    copy_tree(folder, scratch.root);
    assert_int_equal(chdir(scratch.root), 0);
    set_up();
    char *got = diagnostics_of_case(), *want = read_text("expect");
    unsigned wrong = judge(code, which, folder, got, want);
    free(got);
    free(want);
    assert_int_equal(chdir("/"), 0);
    scratch_done(&scratch);
    return wrong;
}

static void test_every_rule(void **state)
{
    (void)state;
    unsigned wrong = 0;
    log_set_writer(ignore_line, NULL);
    for (size_t i = 0; i < rule_count(); i++) {
        wrong += check_case(rule_get(i)->code, "fires");
        wrong += check_case(rule_get(i)->code, "quiet");
    }
    log_set_writer(NULL, NULL);
    print_message("%zu rules\n", rule_count());
    assert_int_equal(wrong, 0);
}

/* A folder that no rule has is left over from one that is gone. */
static void test_no_other_folder(void **state)
{
    (void)state;
    DIR *folder = opendir(FOLDER);
    assert_non_null(folder);
    for (const struct dirent *entry; (entry = readdir(folder));)
        if (entry->d_name[0] != '.' && !rule_find(entry->d_name, strlen(entry->d_name)))
            fail_msg("%s is no rule", entry->d_name);
    assert_int_equal(closedir(folder), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_every_rule), cmocka_unit_test(test_no_other_folder) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
