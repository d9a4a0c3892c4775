/* Windows of timers, and the wake-ups they share. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "supervisor/timer_queue.h"

#define S  USEC_PER_SEC
#define MS USEC_PER_MSEC

static const struct {
    const char *label;
    usec_t earliest, latest, phase, want;
} wakes[] = {
    { "no window", 1000 * S, 1000 * S, 7 * S, 1000 * S },
    { "the smallest there is", 1000 * S, 1000 * S + 1, 7 * S, 1000 * S },
    { "the place in the minute", 1000 * S, 1060 * S, 7 * S, 1027 * S },
    { "another phase", 1000 * S, 1060 * S, 42 * S, 1002 * S },
    { "the last of several minutes", 1000 * S, 1200 * S, 7 * S, 1147 * S },
    { "ten seconds", 1000 * S, 1012 * S, 27 * S, 1007 * S },
    { "a second", 1000 * S, 1002 * S, 27 * S + 300 * MS, 1001 * S + 300 * MS },
    { "a quarter of one", 1000 * S + 10 * MS, 1000 * S + 300 * MS, 27 * S + 520 * MS, 1000 * S + 270 * MS },
    { "less than that: the end of the window", 1000 * S + 30 * MS, 1000 * S + 40 * MS, 0, 1000 * S + 40 * MS },
    { "the window ends at the place", 1000 * S, 1027 * S, 7 * S, 1017 * S },
    { "the window begins at the place", 1027 * S, 1040 * S, 7 * S, 1027 * S },
    { "in the first minute", 1 * S, 50 * S, 55 * S, 45 * S },
    { "without end", 1000 * S, USEC_INFINITY, 7 * S, USEC_INFINITY },
};

static void test_wake_between(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(wakes); i++) {
        print_message("  %s\n", wakes[i].label);
        assert_int_equal(timer_wake_between(wakes[i].earliest, wakes[i].latest, wakes[i].phase), wakes[i].want);
    }
}

/* The two halves of the id, as numbers of which the first byte is the lowest, as systemd has it. */
static void test_phase(void **state)
{
    (void)state;
    assert_int_equal(timer_wake_phase("01000000000000000000000000000000"), 1);
    assert_int_equal(timer_wake_phase("00010000000000000000000000000000"), 256);
    assert_int_equal(timer_wake_phase("00000000000000000a00000000000000"), 10);
    assert_int_equal(timer_wake_phase("010000000000000001ff000000000000"), 0xff00);
    assert_int_equal(timer_wake_phase("ffffffffffffffff0000000000000000"), UINT64_MAX % (60 * S));
    assert_int_equal(timer_wake_phase("not an id"), 0);
}

static void test_order(void **state)
{
    enum { COUNT = 1000 };
    struct timer_queue queue = { .heaps = { VEC_EMPTY, VEC_EMPTY } };
    struct timer_slot *slots = calloc(COUNT, sizeof *slots);
    uint64_t seed = 1;
    (void)state;
    assert_non_null(slots);
    for (int round = 0; round < 3; round++) /* put in, and moved twice */
        for (size_t i = 0; i < COUNT; i++) {
            seed = seed * 6364136223846793005U + 1442695040888963407U;
            assert_int_equal(timer_queue_set(&queue, &slots[i], 1000 * S + (seed >> 40) % 5000, (seed >> 33) % 500), 0);
        }
    for (size_t i = 0; i < COUNT; i += 3) timer_queue_remove(&queue, &slots[i]);
    timer_queue_remove(&queue, &slots[0]); /* which is fine */
    usec_t earliest = USEC_INFINITY, latest = USEC_INFINITY;
    for (size_t i = 0; i < COUNT; i++) {
        if (i % 3 == 0) continue;
        earliest = MIN_OF(earliest, slots[i].earliest);
        latest = MIN_OF(latest, slots[i].latest);
    }
    assert_int_equal(timer_queue_wake(&queue, 0), timer_wake_between(earliest, latest, 0));
    assert_null(timer_queue_take_due(&queue, earliest - 1));
    size_t taken = 0;
    usec_t last = 0;
    for (struct timer_slot *slot; (slot = timer_queue_take_due(&queue, 2000 * S)); taken++) {
        assert_true(slot->earliest >= last);
        last = slot->earliest;
    }
    assert_int_equal(taken, COUNT - (COUNT + 2) / 3);
    assert_int_equal(timer_queue_wake(&queue, 0), USEC_INFINITY);
    timer_queue_done(&queue);
    free(slots);
}

/* Timers that may be late by a minute and are due at different times within it wake PID 1 once. */
static void test_coalesced(void **state)
{
    enum { COUNT = 100 };
    struct timer_queue queue = { .heaps = { VEC_EMPTY, VEC_EMPTY } };
    struct timer_slot slots[COUNT] = { { .earliest = 0 } };
    (void)state;
    for (size_t i = 0; i < COUNT; i++)
        assert_int_equal(timer_queue_set(&queue, &slots[i], 1000 * S + i * 200 * MS, 60 * S), 0);
    usec_t wake = timer_queue_wake(&queue, 35 * S);
    assert_int_equal(wake, 1055 * S);
    size_t taken = 0;
    while (timer_queue_take_due(&queue, wake)) taken++;
    assert_int_equal(taken, COUNT);

    /* One that has to be exact does not move the place that others share; then it takes along what is due by its time.
     */
    for (size_t i = 0; i < COUNT; i++)
        assert_int_equal(timer_queue_set(&queue, &slots[i], 2000 * S + i * S, i == 10 ? 0 : 60 * S), 0);
    static const usec_t at[] = { 2005 * S, 2009 * S, 2010 * S, 2015 * S }, count[] = { 6, 4, 1, 5 };
    for (size_t i = 0; i < COUNT_OF(at); i++) {
        wake = timer_queue_wake(&queue, 35 * S);
        assert_int_equal(wake, at[i]);
        for (taken = 0; timer_queue_take_due(&queue, wake);) taken++;
        assert_int_equal(taken, count[i]);
    }
    timer_queue_done(&queue);
}

static void test_never(void **state)
{
    struct timer_queue queue = { .heaps = { VEC_EMPTY, VEC_EMPTY } };
    struct timer_slot slot = { .earliest = 0 };
    (void)state;
    assert_int_equal(timer_queue_set(&queue, &slot, USEC_INFINITY, S), 0);
    assert_int_equal(timer_queue_wake(&queue, 0), USEC_INFINITY);
    assert_int_equal(timer_queue_set(&queue, &slot, 5 * S, 0), 0);
    assert_int_equal(timer_queue_wake(&queue, 0), 5 * S);
    assert_int_equal(timer_queue_set(&queue, &slot, USEC_INFINITY, 0), 0);
    assert_int_equal(timer_queue_wake(&queue, 0), USEC_INFINITY);
    timer_queue_done(&queue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wake_between), cmocka_unit_test(test_phase), cmocka_unit_test(test_order),
        cmocka_unit_test(test_coalesced),    cmocka_unit_test(test_never),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
