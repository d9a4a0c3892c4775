/* tests/pid1/test_leave.c - what is left to the exit status. This process is no PID 1: nothing is rebooted here. */
#include "pid1/leave.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static void test_statuses(void **state)
{
    static const struct {
        const char *label;
        enum pid1_goal goal;
        int exit_code, want;
    } cases[] = {
        { "exit", PID1_EXIT, 0, 0 },       { "exit after a failure", PID1_EXIT, 7, 7 },
        { "halt", PID1_HALT, 0, 0 },       { "power off after a failure", PID1_POWEROFF, 3, 3 },
        { "reboot", PID1_REBOOT, 0, 133 }, { "reboot after a failure", PID1_REBOOT, 3, 133 },
        { "kexec", PID1_KEXEC, 0, 133 },
    };
    (void)state;
    assert_false(pid1_is_machines());
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        print_message("  %s\n", cases[i].label);
        assert_int_equal(pid1_leave(cases[i].goal, NULL, cases[i].exit_code), cases[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_statuses) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
