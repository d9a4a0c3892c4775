/* SuccessExitStatus= and its like: statuses by number or name, signals by name; systemd 252 reads the same. */
#include "tests/unit/parse_unit.h"

#include "base/parse.h"

/* clang-format off */
static const struct { const char *lines, *codes, *want; } cases[] = {
    { "SuccessExitStatus=1 2 3", "", "1 2 3" },
    { "SuccessExitStatus=1\nSuccessExitStatus=2 TERM", "", "1 2 SIGTERM" },
    { "SuccessExitStatus=1 TERM\nSuccessExitStatus=\nSuccessExitStatus=3", "", "3" },
    { "SuccessExitStatus=TEMPFAIL CHDIR BPF", "", "75 200 244" },
    { "SuccessExitStatus=SIGKILL HUP RTMIN+1 SIGRTMAX-1", "", "SIGHUP SIGKILL SIGRTMIN+1 SIGRTMIN+29" },
    { "SuccessExitStatus=9", "", "9" }, /* a number is never a signal */
    { "SuccessExitStatus=0x10 010 0b11 +5 -0", "", "0 3 5 8 16" },
    { "SuccessExitStatus=256 -1 7", "bad-exit-status@3 bad-exit-status@3 ", "7" },
    { "SuccessExitStatus=1,2", "bad-exit-status@3 ", "" },
    { "SuccessExitStatus=\"1\" '2'", "bad-exit-status@3 bad-exit-status@3 ", "" },
    { "SuccessExitStatus=EX_TEMPFAIL term SIG15 success", "bad-exit-status@3 bad-exit-status@3 bad-exit-status@3 bad-exit-status@3 ", "" },
    { "SuccessExitStatus=TER\\M 1\\ 2", "bad-exit-status@3 ", "SIGTERM" },
    { "SuccessExitStatus=%n", "bad-exit-status@3 ", "" },
};
/* clang-format on */

static char *describe(const struct exit_set *set)
{
    AUTO_STR struct str out = STR_EMPTY;
    for (int status = 0; set && status < 256; status++)
        if (exit_set_has_status(set, status))
            assert_int_equal(str_appendf(&out, "%s%d", out.length ? " " : "", status), 0);
    for (int signal = 1; set && signal <= 64; signal++)
        if (exit_set_has_signal(set, signal))
            assert_int_equal(str_appendf(&out, "%s%s", out.length ? " " : "", signal_name(signal)), 0);
    return out.data ? str_take(&out) : strdup("");
}

static void test_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        print_message("  %s\n", cases[i].lines);
        struct parsed u = parse_service(cases[i].lines, false);
        char *got = describe(u.settings.service.success_exit_status);
        assert_string_equal(u.codes, cases[i].codes);
        assert_string_equal(got, cases[i].want);
        free(got);
        parsed_done(&u);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_cases) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
