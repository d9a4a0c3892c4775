/* What a unit is told of the timer or path that started it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/str.h"
#include "supervisor/trigger.h"
#include "supervisor/unit_type.h"

static const struct unit timer = { .name = "a.timer" }, path = { .name = "a.path" };

static void expect(const struct runtime *rt, const char *want)
{
    struct strlist list = STRLIST_EMPTY;
    struct str joined = STR_EMPTY;
    assert_int_equal(trigger_variables(rt, &list), 0);
    for (size_t i = 0; i < list.count; i++) assert_int_equal(str_appendf(&joined, "%s\n", list.items[i]), 0);
    assert_string_equal(str_text(&joined), want);
    str_done(&joined);
    strlist_done(&list);
}

static void test_variables(void **state)
{
    struct runtime rt = { .active = ACTIVE_STATE_INACTIVE };
    (void)state;
    expect(&rt, "");
    assert_int_equal(trigger_set(&rt, &path, 0, 0, "/a b"), 0);
    expect(&rt, "TRIGGER_UNIT=a.path\nTRIGGER_PATH=/a b\n");
    assert_int_equal(trigger_set(&rt, &timer, 1234567, 89, NULL), 0); /* the start before was skipped */
    expect(&rt, "TRIGGER_UNIT=a.timer\nTRIGGER_TIMER_REALTIME_USEC=1234567\nTRIGGER_TIMER_MONOTONIC_USEC=89\n");
    trigger_clear(&rt);
    expect(&rt, "");
}

/* What is up, or on its way, was started by something else. */
static void test_first_counts(void **state)
{
    struct runtime up = { .active = ACTIVE_STATE_ACTIVE }, starting = { .job.type = JOB_START };
    (void)state;
    assert_int_equal(trigger_set(&up, &timer, 1, 1, NULL), 0);
    expect(&up, "");
    assert_int_equal(trigger_set(&starting, &timer, 1, 1, NULL), 0);
    expect(&starting, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_variables), cmocka_unit_test(test_first_counts) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
