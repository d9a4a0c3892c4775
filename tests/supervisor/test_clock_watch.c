/* The watch over the wall clock, with a kernel that tells of a clock that was set when the test says so: nobody sets
 * the machine's clock here. The zone file is in tests/e2e/test_timers.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <sys/timerfd.h>
#include <sys/types.h>
#include <unistd.h>

static int kernel_settime(int fd, int flags, const struct itimerspec *spec, struct itimerspec *old);
static ssize_t kernel_read(int fd, void *buffer, size_t size);
#define timerfd_settime kernel_settime
#define read            kernel_read
#include "supervisor/clock_watch.c" /* NOLINT(bugprone-suspicious-include): between two functions of its own */
#undef timerfd_settime
#undef read

static struct kernel {
    bool set_before_settime, set_before_read;
    unsigned n_settimes;
    struct itimerspec last;
} kernel;

/* The kernel arms the timer all the same, and tells once. */
static int kernel_settime(int fd, int flags, const struct itimerspec *spec, struct itimerspec *old)
{
    assert_int_equal(flags, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET);
    kernel.n_settimes++;
    kernel.last = *spec;
    int r = timerfd_settime(fd, flags, spec, old);
    if (!kernel.set_before_settime) return r;
    kernel.set_before_settime = false;
    errno = ECANCELED;
    return -1;
}

static ssize_t kernel_read(int fd, void *buffer, size_t size)
{
    ssize_t n = read(fd, buffer, size);
    if (!kernel.set_before_read) return n;
    kernel.set_before_read = false;
    errno = ECANCELED;
    return -1;
}

struct fixture {
    struct loop *loop;
    struct zones *zones;
    struct clock_watch *watch;
    unsigned n_due, n_set, n_zones;
    usec_t next; /* armed by the next hook; 0: nothing */
};

static void arm_next(struct fixture *f)
{
    if (f->next > 0) clock_watch_arm(f->watch, f->next);
}

static void due(void *userdata)
{
    struct fixture *f = userdata;
    f->n_due++;
    arm_next(f);
}

static void was_set(void *userdata)
{
    struct fixture *f = userdata;
    f->n_set++;
    arm_next(f);
}

static void zone_changed(bool first, void *userdata)
{
    (void)first;
    ((struct fixture *)userdata)->n_zones++;
}

static int setup(void **state)
{
    static const struct clock_watch_hooks hooks = { due, was_set, zone_changed };
    static struct fixture f;
    f = (struct fixture){ .n_due = 0 };
    kernel = (struct kernel){ .n_settimes = 0 };
    *state = &f;
    assert_int_equal(loop_new(&f.loop), 0);
    f.zones = zones_new("/nowhere");
    assert_non_null(f.zones);
    assert_int_equal(clock_watch_new(f.loop, NULL, f.zones, "CET-1", &hooks, &f, &f.watch), 0);
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    clock_watch_free(f->watch);
    zones_free(f->zones);
    loop_free(f->loop);
    return 0;
}

static void test_idle(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(kernel.n_settimes, 1); /* far away: the kernel is to tell of a clock that is set */
    assert_true(kernel.last.it_value.tv_sec > 100 * INT64_C(31556952) + (time_t)(clock_realtime() / USEC_PER_SEC));
    assert_int_equal(loop_wait(f->loop, false), 0);
    assert_int_equal(f->n_due + f->n_set, 0);
    assert_int_equal(zone_period_at(clock_watch_zone(f->watch), 0).offset, 3600);
    assert_false(fd_is_open(&f->watch->inotify)); /* TZ is set */
}

static void test_due(void **state)
{
    struct fixture *f = *state;
    clock_watch_arm(f->watch, clock_realtime());
    assert_int_equal(loop_wait(f->loop, true), 0);
    assert_int_equal(f->n_due, 1);
    assert_int_equal(kernel.n_settimes, 3); /* nothing was armed meanwhile: far away again */
    f->next = clock_realtime() + 3600 * USEC_PER_SEC;
    clock_watch_arm(f->watch, 1); /* long ago */
    assert_int_equal(loop_wait(f->loop, true), 0);
    assert_int_equal(f->n_due, 2);
    assert_int_equal(kernel.n_settimes, 5);
    assert_int_equal(kernel.last.it_value.tv_sec, f->next / USEC_PER_SEC);
    clock_watch_arm(f->watch, f->next);
    assert_int_equal(kernel.n_settimes, 5); /* the same again */
    assert_int_equal(f->n_set, 0);
}

static void test_set_while_waiting(void **state)
{
    struct fixture *f = *state;
    f->next = clock_realtime() + 3600 * USEC_PER_SEC;
    clock_watch_arm(f->watch, 1);
    kernel.set_before_read = true;
    assert_int_equal(loop_wait(f->loop, true), 0);
    assert_int_equal(f->n_set, 1);
    assert_int_equal(f->n_due, 0);
    assert_int_equal(kernel.last.it_value.tv_sec, f->next / USEC_PER_SEC);
}

/* Told by the call that arms the timer, and by nothing else: whoever called hears of it in the next round. */
static void test_set_while_arming(void **state)
{
    struct fixture *f = *state;
    usec_t wanted = clock_realtime() + 3600 * USEC_PER_SEC;
    kernel.set_before_settime = true;
    clock_watch_arm(f->watch, wanted);
    assert_int_equal(f->n_set, 0);
    clock_watch_arm(f->watch, wanted + 1); /* does not put it off */
    f->next = wanted + 2 * USEC_PER_SEC;
    assert_int_equal(loop_wait(f->loop, true), 0);
    assert_int_equal(f->n_set, 1);
    assert_int_equal(f->n_due, 0);
    assert_int_equal(kernel.last.it_value.tv_sec, f->next / USEC_PER_SEC);
    assert_int_equal(loop_wait(f->loop, false), 0);
    assert_int_equal(f->n_set, 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_idle),
        TEST(test_due),
        TEST(test_set_while_waiting),
        TEST(test_set_while_arming),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
