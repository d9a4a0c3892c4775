/* The algebra of jobs, every cell stated: type x type (merging), type x state (collapsing, redundancy).
 *
 * Source: the tables that systemd's job engine documents; systemctl(1) for the collapsed forms. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "supervisor/job_type.h"
#include "unit/settings.h"

/* In the order of the columns below. */
static const enum active_state states[] = { ACTIVE_STATE_INACTIVE,  ACTIVE_STATE_ACTIVATING,   ACTIVE_STATE_ACTIVE,
                                            ACTIVE_STATE_RELOADING, ACTIVE_STATE_DEACTIVATING, ACTIVE_STATE_FAILED };
static const enum job_type installed[] = { JOB_START, JOB_VERIFY_ACTIVE, JOB_STOP, JOB_RELOAD, JOB_RESTART };

/* clang-format off */
/* Both at once, for a unit that is up; "-": they conflict. */
static const char *const merged_when_up[5][5] = {
    /*                  start      verify-active    stop    reload     restart */
    /* start */         { "start",   "start",         "-",    "reload",  "restart" },
    /* verify-active */ { "start",   "verify-active", "-",    "reload",  "restart" },
    /* stop */          { "-",       "-",             "stop", "-",       "-" },
    /* reload */        { "reload",  "reload",        "-",    "reload",  "restart" },
    /* restart */       { "restart", "restart",       "-",    "restart", "restart" },
};
/* The only cells that are others for a unit that is not up: a reload and a start of it are a start. */
static const char *const start_and_reload[6] = { "start", "start", "reload", "reload", "start", "start" };

/* What is asked for, by the state of its unit: inactive, activating, active, reloading, deactivating, failed. */
static const struct { enum job_type type; const char *becomes[6]; } collapsed[] = {
    { JOB_START,           { "start", "start", "start", "start", "start", "start" } },
    { JOB_VERIFY_ACTIVE,   { "verify-active", "verify-active", "verify-active", "verify-active", "verify-active", "verify-active" } },
    { JOB_STOP,            { "stop", "stop", "stop", "stop", "stop", "stop" } },
    { JOB_RELOAD,          { "reload", "reload", "reload", "reload", "reload", "reload" } },
    { JOB_RESTART,         { "restart", "restart", "restart", "restart", "restart", "restart" } },
    { JOB_NOP,             { "nop", "nop", "nop", "nop", "nop", "nop" } },
    { JOB_TRY_RESTART,     { "nop", "restart", "restart", "restart", "nop", "nop" } },
    { JOB_TRY_RELOAD,      { "nop", "nop", "reload", "reload", "nop", "nop" } },
    { JOB_RELOAD_OR_START, { "start", "start", "reload", "reload", "start", "start" } },
};

/* Does the job change nothing about a unit in that state? */
static const struct { enum job_type type; bool redundant[6]; } redundant[] = {
    { JOB_START,         { false, false, true,  true,  false, false } },
    { JOB_VERIFY_ACTIVE, { false, false, true,  true,  false, false } },
    { JOB_STOP,          { true,  false, false, false, false, true } },
    { JOB_RELOAD,        { false, false, false, false, false, false } },
    { JOB_RESTART,       { false, false, false, false, false, false } },
    { JOB_NOP,           { true,  true,  true,  true,  true,  true } },
};

/* Doing the row's job does the column's as well. */
static const bool supersets[5][5] = {
    /*                  start  verify stop   reload restart */
    /* start */         { true,  true,  false, false, false },
    /* verify-active */ { false, true,  false, false, false },
    /* stop */          { false, false, true,  false, false },
    /* reload */        { false, true,  false, true,  false },
    /* restart */       { true,  true,  false, true,  true },
};
/* clang-format on */

static void test_merge(void **state)
{
    (void)state;
    for (size_t a = 0; a < 5; a++)
        for (size_t b = 0; b < 5; b++)
            for (size_t s = 0; s < 6; s++) {
                bool mixed = (installed[a] == JOB_START && installed[b] == JOB_RELOAD) ||
                             (installed[a] == JOB_RELOAD && installed[b] == JOB_START);
                const char *want = mixed ? start_and_reload[s] : merged_when_up[a][b];
                enum job_type got = job_type_merge(installed[a], installed[b], states[s]);
                assert_string_equal(got == JOB_NONE ? "-" : job_type_name(got), want);
                assert_int_equal(job_type_is_conflicting(installed[a], installed[b]), strcmp(want, "-") == 0);
                assert_int_equal(job_type_is_superset(installed[a], installed[b]), supersets[a][b]);
                /* It is the same the other way round, and again with a third. */
                assert_int_equal(got, job_type_merge(installed[b], installed[a], states[s]));
                for (size_t c = 0; c < 5 && got != JOB_NONE; c++) {
                    enum job_type bc = job_type_merge(installed[b], installed[c], states[s]);
                    enum job_type left = job_type_merge(got, installed[c], states[s]);
                    enum job_type right = bc == JOB_NONE ? JOB_NONE : job_type_merge(installed[a], bc, states[s]);
                    assert_int_equal(left, right);
                }
            }
}

static void test_collapse(void **state)
{
    (void)state;
    assert_int_equal(COUNT_OF(collapsed), JOB_TYPE_COUNT - 1);
    for (size_t i = 0; i < COUNT_OF(collapsed); i++)
        for (size_t s = 0; s < 6; s++)
            assert_string_equal(job_type_name(job_type_collapse(collapsed[i].type, states[s])),
                                collapsed[i].becomes[s]);
}

static void test_redundant(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(redundant); i++)
        for (size_t s = 0; s < 6; s++)
            assert_int_equal(job_type_is_redundant(redundant[i].type, states[s]), redundant[i].redundant[s]);
}

static void test_names(void **state)
{
    (void)state;
    for (enum job_type type = JOB_START; type < JOB_TYPE_COUNT; type++)
        if (type != JOB_NOP) assert_int_equal(job_type_of_name(job_type_name(type)), type);
    assert_int_equal(job_type_of_name("nop"), JOB_TYPE_COUNT);
    assert_int_equal(job_type_of_name("none"), JOB_TYPE_COUNT);
    for (enum job_mode mode = 0; mode < JOB_MODE_COUNT; mode++)
        assert_int_equal(job_mode_of_name(job_mode_name(mode)), mode);
    assert_int_equal(job_mode_of_name("soon"), JOB_MODE_COUNT);
    /* OnFailureJobMode= has all but the last, by the same numbers. */
    for (size_t i = 0; words_job_mode[i]; i++) assert_string_equal(words_job_mode[i], job_mode_name((enum job_mode)i));
    assert_string_equal(job_result_name(JOB_RESULT_DEPENDENCY), "dependency");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_merge),
        cmocka_unit_test(test_collapse),
        cmocka_unit_test(test_redundant),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
