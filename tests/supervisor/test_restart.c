/* supervisor/restart: decisions as values, with a fake clock. */
#include "supervisor/restart.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define EXITED(n)                                                                                                      \
    {                                                                                                                  \
        .code = CLD_EXITED, .status = (n)                                                                              \
    }
#define KILLED(n)                                                                                                      \
    {                                                                                                                  \
        .code = CLD_KILLED, .status = (n)                                                                              \
    }
#define DUMPED(n)                                                                                                      \
    {                                                                                                                  \
        .code = CLD_DUMPED, .status = (n)                                                                              \
    }

static const struct exit_set three_and_usr1 = { .status = { 1u << 3 }, .signals = 1ull << (SIGUSR1 - 1) };

static void test_exit_result(void **state)
{
    (void)state;
    static const struct {
        const char *label;
        struct child_exit exit;
        const struct exit_set *success;
        bool is_daemon;
        enum unit_result want;
        int code; /* K30 */
        const char *words;
    } cases[] = {
        { "exit 0", EXITED(0), NULL, true, RESULT_SUCCESS, 0, "" },
        { "exit 1", EXITED(1), NULL, true, RESULT_EXIT_CODE, 1, "exit code 1" },
        { "exit 255", EXITED(255), NULL, true, RESULT_EXIT_CODE, 255, "exit code 255" },
        { "TERM of a daemon is clean (D7)", KILLED(SIGTERM), NULL, true, RESULT_SUCCESS, 143, "killed by SIGTERM" },
        { "HUP of a daemon is clean", KILLED(SIGHUP), NULL, true, RESULT_SUCCESS, 129, "killed by SIGHUP" },
        { "INT of a daemon is clean", KILLED(SIGINT), NULL, true, RESULT_SUCCESS, 130, "killed by SIGINT" },
        { "PIPE of a daemon is clean", KILLED(SIGPIPE), NULL, true, RESULT_SUCCESS, 141, "killed by SIGPIPE" },
        { "TERM of a oneshot is not", KILLED(SIGTERM), NULL, false, RESULT_SIGNAL, 143, "killed by SIGTERM" },
        { "KILL", KILLED(SIGKILL), NULL, true, RESULT_SIGNAL, 137, "killed by SIGKILL" },
        { "SEGV with a core", DUMPED(SIGSEGV), NULL, true, RESULT_CORE_DUMP, 139, "killed by SIGSEGV" },
        { "a listed status", EXITED(3), &three_and_usr1, true, RESULT_SUCCESS, 3, "exit code 3" },
        { "a status beside the listed one", EXITED(4), &three_and_usr1, true, RESULT_EXIT_CODE, 4, "exit code 4" },
        { "a listed signal", KILLED(SIGUSR1), &three_and_usr1, false, RESULT_SUCCESS, 138, "killed by SIGUSR1" },
        { "a signal beside the listed one", KILLED(SIGUSR2), &three_and_usr1, true, RESULT_SIGNAL, 140,
          "killed by SIGUSR2" },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char words[EXIT_WORDS_MAX];
        print_message("  %s\n", cases[i].label);
        assert_int_equal(exit_result(&cases[i].exit, cases[i].success, cases[i].is_daemon), cases[i].want);
        assert_int_equal(exit_shell_code(&cases[i].exit), cases[i].code);
        assert_string_equal(exit_words(&cases[i].exit, words), cases[i].words);
    }
}

/* The table of systemd.service(5) Restart=, cell by cell. */
static void test_restart_table(void **state)
{
    (void)state;
    static const enum unit_result results[] = { RESULT_SUCCESS, RESULT_EXIT_CODE, RESULT_SIGNAL,   RESULT_CORE_DUMP,
                                                RESULT_TIMEOUT, RESULT_WATCHDOG,  RESULT_OOM_KILL, RESULT_PROTOCOL };
    static const struct {
        enum service_restart policy;
        bool want[COUNT_OF(results)];
    } rows[] = {
        { RESTART_NO, { false, false, false, false, false, false, false, false } },
        { RESTART_ALWAYS, { true, true, true, true, true, true, true, true } },
        { RESTART_ON_SUCCESS, { true, false, false, false, false, false, false, false } },
        { RESTART_ON_FAILURE, { false, true, true, true, true, true, true, true } },
        { RESTART_ON_ABNORMAL, { false, false, true, true, true, true, true, true } },
        { RESTART_ON_ABORT, { false, false, true, true, false, false, false, false } },
        { RESTART_ON_WATCHDOG, { false, false, false, false, false, true, false, false } },
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        for (size_t k = 0; k < COUNT_OF(results); k++) {
            struct service_section service = { .restart = rows[i].policy };
            struct restart_facts facts = { .result = results[k] };
            print_message("  policy %d, %s\n", (int)rows[i].policy, unit_result_name(results[k]));
            assert_int_equal(restart_is_wanted(&service, &facts), rows[i].want[k]);
            facts.stop_requested = true; /* K12: a stop is never answered with a restart */
            assert_false(restart_is_wanted(&service, &facts));
        }
}

static void test_restart_exceptions(void **state)
{
    (void)state;
    struct exit_set set = three_and_usr1;
    struct child_exit three = EXITED(3), four = EXITED(4), usr1 = KILLED(SIGUSR1);
    struct service_section prevent = { .restart = RESTART_ALWAYS, .restart_prevent_exit_status = &set };
    struct service_section force = { .restart = RESTART_NO, .restart_force_exit_status = &set };
    struct restart_facts facts = { .result = RESULT_EXIT_CODE, .main_exit = &three };
    assert_false(restart_is_wanted(&prevent, &facts));
    assert_true(restart_is_wanted(&force, &facts));
    facts.main_exit = &usr1;
    assert_false(restart_is_wanted(&prevent, &facts));
    assert_true(restart_is_wanted(&force, &facts));
    facts.main_exit = &four;
    assert_true(restart_is_wanted(&prevent, &facts));
    assert_false(restart_is_wanted(&force, &facts));
    /* A condition that said no is not a reason to try again, whatever the policy. */
    struct service_section always = { .restart = RESTART_ALWAYS };
    struct restart_facts condition = { .result = RESULT_EXEC_CONDITION };
    assert_false(restart_is_wanted(&always, &condition));
}

/* K77: HealthAction=restart wins over the policy and the lists; without it a failed check is what a watchdog is. */
static void test_health(void **state)
{
    (void)state;
    struct exit_set set = three_and_usr1;
    struct child_exit three = EXITED(3);
    struct service_section service = { .restart = RESTART_NO, .restart_prevent_exit_status = &set };
    struct restart_facts facts = { .result = RESULT_HEALTH, .main_exit = &three, .health_restart = true };
    assert_true(restart_is_wanted(&service, &facts));
    facts.stop_requested = true;
    assert_false(restart_is_wanted(&service, &facts));
    for (enum service_restart policy = RESTART_NO; policy < RESTART_COUNT; policy++) {
        struct service_section plain = { .restart = policy };
        struct restart_facts health = { .result = RESULT_HEALTH }, watchdog = { .result = RESULT_WATCHDOG };
        assert_int_equal(restart_is_wanted(&plain, &health), restart_is_wanted(&plain, &watchdog));
    }
}

/* K44: counts within its window, then gives up; a new window begins after the old one has passed. */
static void test_start_limit(void **state)
{
    (void)state;
    usec_t begin = 0, second = USEC_PER_SEC;
    uint32_t count = 0;
    assert_true(start_limit_take(&begin, &count, 100 * second, 10 * second, 3));
    assert_true(start_limit_take(&begin, &count, 104 * second, 10 * second, 3));
    assert_false(start_limit_is_hit(begin, count, 105 * second, 10 * second, 3));
    assert_true(start_limit_take(&begin, &count, 108 * second, 10 * second, 3));
    assert_true(start_limit_is_hit(begin, count, 109 * second, 10 * second, 3));
    assert_false(start_limit_take(&begin, &count, 109 * second, 10 * second, 3));
    assert_true(start_limit_take(&begin, &count, 110 * second, 10 * second, 3));
    assert_int_equal(count, 1);

    for (int i = 0; i < 100; i++) assert_true(start_limit_take(&begin, &count, 110 * second, 0, 3));
    for (int i = 0; i < 100; i++) assert_true(start_limit_take(&begin, &count, 110 * second, 10 * second, 0));
    begin = count = 0;
    assert_true(start_limit_take(&begin, &count, 5, USEC_INFINITY, 1));
    assert_false(start_limit_take(&begin, &count, 5000 * second, USEC_INFINITY, 1));
}

#define MSEC USEC_PER_MSEC
static const struct {
    const char *label;
    usec_t first, last, want[6];
    uint32_t steps;
} delays[] = {
    { "no steps", 100 * MSEC, 10 * USEC_PER_SEC, { 100 * MSEC, 100 * MSEC, 100 * MSEC, 100 * MSEC }, 0 },
    { "no bound", 100 * MSEC, USEC_INFINITY, { 100 * MSEC, 100 * MSEC, 100 * MSEC, 100 * MSEC }, 3 },
    { "one step", 100 * MSEC, 800 * MSEC, { 100 * MSEC, 800 * MSEC, 800 * MSEC, 800 * MSEC }, 1 },
    { "doubling", 100 * MSEC, 800 * MSEC, { 100 * MSEC, 200 * MSEC, 400 * MSEC, 800 * MSEC, 800 * MSEC }, 3 },
    { "a factor that is not whole", USEC_PER_SEC, 2 * USEC_PER_SEC, { USEC_PER_SEC, 1414214, 2 * USEC_PER_SEC }, 2 },
    { "a bound below the first", 800 * MSEC, 100 * MSEC, { 800 * MSEC, 800 * MSEC, 800 * MSEC }, 3 },
    { "no pause stays none", 0, 100 * MSEC, { 0, 0, 0, 0 }, 3 },
    { "a year in many steps", 1, 31536000 * USEC_PER_SEC, { 1, 1, 1 }, 4294967295U },
};

static void test_delays(void **state)
{
    uint64_t random = 7;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(delays); i++) {
        struct service_section service = { .restart_usec = delays[i].first };
        struct service_extra_section extra = { .restart_max_delay = delays[i].last, .restart_steps = delays[i].steps };
        print_message("  %s\n", delays[i].label);
        for (uint32_t n = 1; n <= COUNT_OF(delays[i].want) && (n == 1 || delays[i].want[n - 1] > 0); n++)
            assert_int_equal(restart_delay(&service, &extra, n, &random), delays[i].want[n - 1]);
    }
    assert_int_equal(random, 7); /* nothing is drawn where nothing is asked for */
}

/* The same beginning, the same pauses; all of 0..max, and nothing else. */
static void test_jitter(void **state)
{
    struct service_section service = { .restart_usec = 10 };
    struct service_extra_section extra = { .restart_max_delay = USEC_INFINITY, .restart_jitter = 3 };
    uint64_t a = 42, b = 42;
    unsigned seen = 0;
    (void)state;
    for (uint32_t n = 1; n < 200; n++) {
        usec_t delay = restart_delay(&service, &extra, n, &a);
        assert_int_equal(delay, restart_delay(&service, &extra, n, &b));
        assert_in_range(delay, 10, 13);
        seen |= 1U << (delay - 10);
    }
    assert_int_equal(seen, 15);
    assert_int_equal(random_span(&a, 0), 0);
    extra.restart_jitter = USEC_INFINITY;
    service.restart_usec = USEC_INFINITY;
    assert_int_equal(restart_delay(&service, &extra, 1, &a), USEC_INFINITY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exit_result),
        cmocka_unit_test(test_restart_table),
        cmocka_unit_test(test_restart_exceptions),
        cmocka_unit_test(test_health),
        cmocka_unit_test(test_start_limit),
        cmocka_unit_test(test_delays),
        cmocka_unit_test(test_jitter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
