#include "unit/exit_status.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

/* clang-format off */
static const struct { const char *text; int r, want; } cases[] = {
    { "0",           0,       0 },   { "255",       0,       255 }, { "256",      -ERANGE, 0 },
    { "-1",          -ERANGE, 0 },   { "-0",        0,       0 },   { "0xcb",     0,       203 },
    { "SUCCESS",     0,       0 },   { "FAILURE",   0,       1 },   { "NOTRUNNING", 0,     7 },
    { "USAGE",       0,       64 },  { "TEMPFAIL",  0,       75 },  { "CONFIG",   0,       78 },
    { "CHDIR",       0,       200 }, { "EXEC",      0,       203 }, { "APPARMOR", 0,       231 },
    { "BPF",         0,       244 }, { "EXCEPTION", 0,       255 }, { "",         -EINVAL, 0 },
    { "EX_TEMPFAIL", -EINVAL, 0 },   { "EXIT_CHDIR", -EINVAL, 0 },  { "chdir",    -EINVAL, 0 },
    { "1,2",         -EINVAL, 0 },   { "\"1\"",     -EINVAL, 0 },   { "TERM",     -EINVAL, 0 },
};
/* clang-format on */

static void test_parse(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int got = -2;
        print_message("  '%s'\n", cases[i].text);
        assert_int_equal(exit_status_parse(cases[i].text, &got), cases[i].r);
        assert_int_equal(got, cases[i].r == 0 ? cases[i].want : -2);
    }
}

static void test_names(void **state)
{
    (void)state;
    size_t named = 0;
    for (int status = -1; status <= EXIT_STATUS_MAX + 1; status++) {
        const char *name = exit_status_name(status), *class = exit_status_class(status);
        int got = -2;
        assert_int_equal(!name, !class);
        if (!name) continue;
        assert_int_equal(exit_status_parse(name, &got), 0);
        assert_int_equal(got, status);
        assert_string_equal(class, status < 2 ? "libc" : status < 8 ? "LSB" : status < 100 ? "BSD" : "systemd");
        named++;
    }
    assert_int_equal(named, 2 + 6 + 15 + 43 + 1); /* libc, LSB, BSD, systemd's 200 to 244, EXCEPTION */
    assert_null(exit_status_name(223));
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_parse), cmocka_unit_test(test_names) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
