/* container-init analyze exit-status and unit-paths: the texts and the exit statuses of systemd-analyze 252. */
#include "cmd/container-init/analyze.h"

#include "unit/unit_paths.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define WORDS_MAX 4

struct answer {
    int status;
    char *out, *err;
    size_t out_size, err_size;
};

static struct answer ask(const char *const *words)
{
    struct answer answer = { .status = -1 };
    char *argv[WORDS_MAX + 2] = { (char[]){ "analyze" } };
    int argc = 1;
    for (; argc <= WORDS_MAX && words[argc - 1]; argc++)
        argv[argc] = (char *)(uintptr_t)words[argc - 1]; /* read only */
    FILE *out = open_memstream(&answer.out, &answer.out_size), *err = open_memstream(&answer.err, &answer.err_size);
    assert_true(out && err);
    answer.status = analyze_main(out, err, argc, argv);
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
static const struct { const char *label, *words[WORDS_MAX]; int status; const char *out, *err; } cases[] = {
    { "numbers", { "exit-status", "0", "1" }, 0, "NAME    STATUS CLASS\nSUCCESS      0 libc\nFAILURE      1 libc\n", "" },
    { "a name", { "exit-status", "EXEC", "203" }, 0, "NAME STATUS CLASS\nEXEC    203 systemd\nEXEC    203 systemd\n", "" },
    { "each class", { "exit-status", "NOTRUNNING", "USAGE", "CHDIR" }, 0,
      "NAME       STATUS CLASS\nNOTRUNNING      7 LSB\nUSAGE          64 BSD\nCHDIR         200 systemd\n", "" },
    { "without a name", { "exit-status", "223" }, 0, "NAME STATUS CLASS\n-       223 -\n", "" },
    { "another base", { "exit-status", "0x10", "010", "+3" }, 0,
      "NAME           STATUS CLASS\n-                  16 -\n-                   8 -\nNOTIMPLEMENTED      3 LSB\n", "" },
    { "above 255", { "exit-status", "256" }, 1, "", "Invalid exit status \"256\".\n" },
    { "below 0", { "exit-status", "--", "-1" }, 1, "", "Invalid exit status \"-1\".\n" },
    { "another case", { "exit-status", "exec" }, 1, "", "Invalid exit status \"exec\".\n" },
    { "one of several", { "exit-status", "1", "x", "2" }, 1, "", "Invalid exit status \"x\".\n" },
    { "a signal", { "exit-status", "SIGTERM" }, 1, "", "Invalid exit status \"SIGTERM\".\n" },
    { "no operands", { "unit-paths", "x" }, 1, "", "Too many arguments.\n" },
    { "no user mode", { "unit-paths", "--user" }, 1, "", "There is no user mode: only the units of the system are read.\n" },
    { "nor a global one", { "unit-paths", "--global" }, 1, "", "There is no user mode: only the units of the system are read.\n" },
};
/* clang-format on */

static void test_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        print_message("  %s\n", cases[i].label);
        struct answer answer = ask(cases[i].words);
        assert_string_equal(answer.err, cases[i].err);
        assert_string_equal(answer.out, cases[i].out);
        assert_int_equal(answer.status, cases[i].status);
        answer_done(&answer);
    }
}

static size_t count_lines(const char *text)
{
    size_t n = 0;
    for (; (text = strchr(text, '\n')); text++) n++;
    return n;
}

static void test_whole_table(void **state)
{
    (void)state;
    struct answer answer = ask((const char *[]){ "exit-status", NULL });
    assert_int_equal(answer.status, 0);
    assert_ptr_equal(strstr(answer.out, "NAME                    STATUS CLASS\nSUCCESS                      0 libc\n"),
                     answer.out);
    assert_non_null(strstr(answer.out, "\nCONFIGURATION_DIRECTORY    241 systemd\n"));
    assert_non_null(strstr(answer.out, "\nEXCEPTION                  255 systemd\n"));
    assert_int_equal(count_lines(answer.out), 1 + 67); /* systemd.exec(5) */
    answer_done(&answer);
}

static void test_paths(void **state)
{
    (void)state;
    struct answer answer = ask((const char *[]){ "unit-paths", NULL });
    assert_int_equal(answer.status, 0);
    const char *line = answer.out;
    for (size_t i = 0; unit_paths_system[i]; i++) {
        size_t length = strlen(unit_paths_system[i]);
        assert_int_equal(strncmp(line, unit_paths_system[i], length), 0);
        assert_int_equal(line[length], '\n');
        line += length + 1;
    }
    assert_int_equal(*line, '\0');
    answer_done(&answer);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_cases), cmocka_unit_test(test_whole_table),
                                        cmocka_unit_test(test_paths) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
