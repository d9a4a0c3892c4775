/* The unit type of timers, between a loop, clocks, jobs and stamps of the test's own: no time passes here.
 *
 * Each function of a neighbour that supervisor/timer.c calls is defined here, so that the neighbour itself is not
 * linked. Times are seconds; the monotonic clock begins at 1000, at which PID 1 is started. */
#include "tests/unit/set_builder.h"

#include "base/diag.h"
#include "base/loop.h"
#include "base/timestamp.h"
#include "base/timezone.h"
#include "supervisor/clock_watch.h"
#include "supervisor/file_helper.h"
#include "supervisor/handlers.h"
#include "supervisor/manager.h"
#include "supervisor/timer.h"
#include "supervisor/timer_stamp.h"
#include "supervisor/trigger.h"
#include "trace/trace.h"
#include "unit/fragment.h"

#define S     USEC_PER_SEC
#define EXACT "AccuracySec=1us\n"

/* The whole world: one service, and the timers that start it. */
static struct world {
    usec_t monotonic, realtime;
    struct loop_deadline *deadline;
    usec_t clock_armed;
    const struct clock_watch_hooks *hooks;
    void *hooks_userdata;
    const struct zone *zone;
    struct job_hook hook;
    struct manager m;
    struct runtime *service;
    struct runtime *timers[1000];
    size_t n_timers;
    int jobs_error;
    bool skipped; /* a start comes to nothing */
    usec_t stamp_there, stamp_written, starts_at[64];
    size_t n_starts, n_wakes, n_stamps, n_failed;
} w;

/* ---- the neighbours ---- */

static const struct unit_type stand_in = { .size = sizeof(struct runtime) };

void trace_emit(struct trace *trace, const char *phase, enum trace_status status, usec_t started,
                const struct trace_field *fields, size_t n_fields)
{
    (void)trace, (void)phase, (void)status, (void)started, (void)fields, (void)n_fields;
}

usec_t loop_now(const struct loop *loop)
{
    (void)loop;
    return w.monotonic;
}

int loop_deadline_set(struct loop *loop, struct loop_deadline *deadline, usec_t at, loop_deadline_fn *fn,
                      void *userdata)
{
    (void)loop;
    *deadline = (struct loop_deadline){ .at = at, .fn = fn, .userdata = userdata };
    w.deadline = at == USEC_INFINITY ? NULL : deadline;
    return 0;
}

void loop_deadline_clear(struct loop *loop, struct loop_deadline *deadline)
{
    (void)loop, (void)deadline;
    w.deadline = NULL;
}

usec_t clock_realtime(void)
{
    return w.realtime;
}

int clock_watch_new(struct loop *loop, struct file_helpers *helpers, struct zones *zones, const char *tz,
                    const struct clock_watch_hooks *hooks, void *userdata, struct clock_watch **ret)
{
    (void)loop, (void)helpers;
    w.hooks = hooks;
    w.hooks_userdata = userdata;
    *ret = (struct clock_watch *)(void *)&w;
    return zones_local(zones, tz, &w.zone);
}

void clock_watch_free(struct clock_watch *watch)
{
    (void)watch;
}

void clock_watch_arm(struct clock_watch *watch, usec_t realtime)
{
    (void)watch;
    w.clock_armed = realtime;
}

const struct zone *clock_watch_zone(const struct clock_watch *watch)
{
    (void)watch;
    return w.zone;
}

void timer_stamp_read(struct runtime *timer, struct file_request **ret_request)
{
    (void)ret_request;
    w.n_stamps++;
    timer_stamped(timer, w.stamp_there);
}

void timer_stamp_write(struct runtime *timer, usec_t realtime)
{
    (void)timer;
    w.stamp_written = realtime;
}

void file_helper_cancel(struct file_request **request)
{
    *request = NULL;
}

int jobs_add_hook(struct manager *manager, job_removed_fn *removed, void *userdata)
{
    (void)manager;
    w.hook = (struct job_hook){ removed, userdata };
    return 0;
}

static void tell_timers(enum active_state from)
{
    for (size_t i = 0; i < w.n_timers; i++) timer_type.trigger_notify(w.timers[i], w.service, from);
}

int jobs_start(struct manager *manager, struct runtime *rt)
{
    (void)manager;
    assert_ptr_equal(rt, w.service);
    if (w.jobs_error != 0) return w.jobs_error;
    if (w.n_starts < COUNT_OF(w.starts_at)) w.starts_at[w.n_starts] = w.realtime;
    w.n_starts++;
    if (rt->active == ACTIVE_STATE_ACTIVE) return 0;
    if (w.skipped) {
        w.hook.removed(rt, 1, JOB_START, JOB_RESULT_SKIPPED, w.hook.userdata);
        return 0;
    }
    rt->active = ACTIVE_STATE_ACTIVE;
    rt->inactive_exit = rt->active_enter = w.monotonic;
    tell_timers(ACTIVE_STATE_INACTIVE);
    return 0;
}

static void service_ends(void)
{
    assert_int_equal(w.service->active, ACTIVE_STATE_ACTIVE);
    w.service->active = ACTIVE_STATE_INACTIVE;
    w.service->inactive_enter = w.service->active_exit = w.monotonic;
    tell_timers(ACTIVE_STATE_ACTIVE);
}

void unit_failed_for_good(struct runtime *rt, int exit_code)
{
    (void)rt, (void)exit_code;
    w.n_failed++;
}

void runtime_set_idle(struct runtime *rt, bool idle)
{
    rt->idle = idle;
}

void runtime_set_active(struct runtime *rt, enum active_state to, const char *from_sub, const char *to_sub)
{
    (void)from_sub, (void)to_sub;
    rt->active = (uint8_t)to;
}

/* ---- time ---- */

/* Goes to what is due next, up to `until` on the monotonic clock, and there. */
static void pass_until(usec_t until)
{
    for (;;) {
        usec_t by_clock = w.clock_armed == USEC_INFINITY ? USEC_INFINITY
                          : w.clock_armed > w.realtime   ? w.monotonic + (w.clock_armed - w.realtime)
                                                         : w.monotonic;
        usec_t at = MIN_OF(by_clock, w.deadline ? MAX_OF(w.deadline->at, w.monotonic) : USEC_INFINITY);
        if (at > until) break;
        w.realtime += at - w.monotonic;
        w.monotonic = at;
        w.n_wakes++;
        assert_true(w.n_wakes < 100000);
        if (w.deadline && w.deadline->at <= at) {
            struct loop_deadline *deadline = w.deadline;
            w.deadline = NULL;
            deadline->fn(deadline->userdata);
        } else {
            w.clock_armed = USEC_INFINITY;
            w.hooks->due(w.hooks_userdata);
        }
    }
    w.realtime += until - w.monotonic;
    w.monotonic = until;
}

static void pass(usec_t span)
{
    pass_until(w.monotonic + span);
}

static void set_clock(usec_t realtime)
{
    w.realtime = realtime;
    w.hooks->was_set(w.hooks_userdata);
}

static usec_t at(const char *text)
{
    usec_t time;
    assert_int_equal(timestamp_parse(text, 0, zone_utc(), NULL, &time), 0);
    return time;
}

static void expect_start(size_t n, const char *want)
{
    char got[TIMESTAMP_TEXT_MAX], wanted[TIMESTAMP_TEXT_MAX];
    assert_true(w.n_starts >= n);
    assert_string_equal(timestamp_format(w.starts_at[n - 1], zone_utc(), got),
                        timestamp_format(at(want), zone_utc(), wanted));
}

/* ---- the world's making ---- */

static struct arena *arena;
static struct unit_set *set;
static struct graph *graph;
static struct unit units[COUNT_OF(w.timers)];
static struct unit_settings settings[COUNT_OF(w.timers)];
static char *environment[2];

static int setup(void **state)
{
    (void)state;
    w = (struct world){ .monotonic = 1000 * S, .clock_armed = USEC_INFINITY };
    w.realtime = at("2026-01-01 10:30:00 UTC");
    environment[0] = (char *)(uintptr_t) "TZ=CET-1CEST,M3.5.0,M10.5.0/3";
    arena = arena_new();
    assert_non_null(arena);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    for (size_t i = 0; i < w.n_timers; i++) {
        timer_type.done(w.timers[i]);
        free(w.timers[i]);
    }
    timers_free(w.m.timers);
    trigger_clear(w.service);
    free(w.service);
    free(w.m.units);
    graph_free(graph);
    unit_set_free(set);
    arena_free(arena);
    return 0;
}

static void read_settings(struct unit_settings *into, const char *text)
{
    const struct fragment_context context = { .unit_name = "a.timer", .kind = UNIT_KIND_TIMER, .native = true };
    AUTO(diag_sink_free) struct diag_sink *diags = diag_sink_new();
    AUTO_STR struct str all = STR_EMPTY;
    *into = unit_settings_default;
    assert_int_equal(str_appendf(&all, "[Timer]\n%s", text), 0);
    assert_int_equal(fragment_parse(arena, "a.timer", all.data, all.length, &context, into, diags), 0);
    assert_int_equal(fragment_finish(arena, "a.timer", &context, into, diags), 0);
}

/* `n` timers with the settings that `text` gives for each of them. */
static void make(size_t n, const char *(*text)(size_t i))
{
    AUTO_STR struct str names = STR_EMPTY;
    assert_int_equal(str_append(&names, "a.service"), 0);
    for (size_t i = 0; i < n; i++) assert_int_equal(str_appendf(&names, "\nt%03zu.timer Unit=a.service", i), 0);
    set = build_set(str_text(&names));
    assert_int_equal(graph_build(set, &graph), 0);
    w.m = (struct manager){ .set = set, .graph = graph, .started = w.monotonic, .options.environ = environment };
    w.m.n_units = (uint32_t)n + 1;
    w.m.units = calloc(n + 1, sizeof *w.m.units);
    w.service = calloc(1, sizeof *w.service);
    assert_non_null(w.m.units);
    assert_non_null(w.service);
    w.m.units[0] = w.service;
    *w.service = (struct runtime){ .manager = &w.m, .unit = unit_set_get(set, 0), .type = &stand_in };
    for (size_t i = 0; i < n; i++) {
        struct runtime *rt = calloc(1, timer_type.size);
        assert_non_null(rt);
        units[i] = *unit_set_get(set, (uint32_t)i + 1);
        read_settings(&settings[i], text(i));
        units[i].timer = &settings[i].timer;
        rt->manager = &w.m;
        rt->unit = &units[i];
        rt->type = &timer_type;
        w.m.units[i + 1] = w.timers[i] = rt;
        w.n_timers = i + 1;
        assert_int_equal(timer_type.init(rt), 0);
        assert_int_equal(timer_type.start(rt), 0);
    }
}

static const char *const *texts;

static const char *nth(size_t i)
{
    return texts[i];
}
#define TIMERS(...)                                                                                                    \
    do {                                                                                                               \
        texts = (const char *const[]){ __VA_ARGS__, NULL };                                                            \
        make(sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *), nth);                                      \
    } while (0)

static void expect_sub(const char *want)
{
    assert_string_equal(timer_type.sub_state(w.timers[0]), want);
}

/* ---- the wall clock ---- */

/* The night in which the clock goes forward, and the one in which it goes back. */
static void test_daylight_saving(void **state)
{
    (void)state;
    w.realtime = at("2026-03-28 12:00:00 UTC");
    TIMERS("OnCalendar=*-*-* 02:30\nOnCalendar=*-*-* 12:00\n" EXACT);
    for (int i = 0; i < 3 * 24; i++) {
        pass(3600 * S);
        if (w.service->active == ACTIVE_STATE_ACTIVE) service_ends();
    }
    expect_start(1, "2026-03-29 10:00:00 UTC"); /* 02:30 was skipped */
    expect_start(2, "2026-03-30 00:30:00 UTC");
    expect_start(3, "2026-03-30 10:00:00 UTC");
    size_t before = w.n_starts;
    w.realtime = at("2026-10-24 12:00:00 UTC");
    set_clock(w.realtime); /* what the jump passed is due */
    pass(1 * S);
    assert_int_equal(w.n_starts, before + 1);
    for (int i = 0; i < 2 * 24; i++) {
        pass(3600 * S);
        if (w.service->active == ACTIVE_STATE_ACTIVE) service_ends();
    }
    expect_start(before + 2, "2026-10-25 00:30:00 UTC"); /* once, though it comes twice */
    expect_start(before + 3, "2026-10-25 11:00:00 UTC");
    expect_start(before + 4, "2026-10-26 01:30:00 UTC");
}

static void test_clock_goes_forward(void **state)
{
    (void)state;
    TIMERS("OnCalendar=hourly\n" EXACT);
    set_clock(at("2027-06-01 10:45:00 UTC"));
    pass(0);
    assert_int_equal(w.n_starts, 1); /* what it passed, once */
    service_ends();
    pass(3600 * S);
    assert_int_equal(w.n_starts, 2);
    expect_start(2, "2027-06-01 11:00:00 UTC");
}

static void test_clock_goes_back(void **state)
{
    (void)state;
    TIMERS("OnCalendar=hourly\nPersistent=yes\n" EXACT);
    pass(1800 * S);
    assert_int_equal(w.n_starts, 1);
    service_ends();
    set_clock(at("2025-01-01 10:45:00 UTC"));
    pass(900 * S);
    expect_start(2, "2025-01-01 11:00:00 UTC");
    assert_int_equal(w.n_starts, 2);
    /* And while the job runs: nothing is due before its end. */
    set_clock(at("2024-01-01 10:45:00 UTC"));
    pass(60 * S);
    service_ends();
    pass(900 * S);
    expect_start(3, "2024-01-01 11:00:00 UTC");
    assert_int_equal(w.n_starts, 3);
}

/* What is due after that stays due while it waits for its wake-up, whatever its unit does meanwhile. */
static void test_due_after_the_clock_went_back(void **state)
{
    (void)state;
    TIMERS("OnCalendar=hourly\nAccuracySec=30min\n");
    set_clock(at("2025-01-01 10:45:00 UTC"));
    pass(16 * 60 * S);
    assert_int_equal(w.n_starts, 0);
    tell_timers(ACTIVE_STATE_INACTIVE);
    pass(30 * 60 * S);
    assert_int_equal(w.n_starts, 1);
}

static void test_on_clock_change(void **state)
{
    (void)state;
    TIMERS("OnClockChange=yes\n", "OnCalendar=2100-01-01\n", "OnBootSec=1h\nOnClockChange=no\n");
    pass(60 * S);
    assert_int_equal(w.n_starts, 0);
    assert_false(w.timers[0]->idle); /* it waits */
    set_clock(w.realtime + 5 * S);
    assert_int_equal(w.n_starts, 1);
    expect_sub("running");
    set_clock(w.realtime + 5 * S);
    assert_int_equal(w.n_starts, 1); /* it runs still */
    service_ends();
    set_clock(w.realtime - 50 * S);
    assert_int_equal(w.n_starts, 2);
    assert_string_equal(timer_type.sub_state(w.timers[1]), "waiting");
}

static void test_zone_changes(void **state)
{
    struct zones *zones = zones_new("/nowhere");
    (void)state;
    TIMERS("OnCalendar=*-*-* 12:00\n" EXACT, "OnTimezoneChange=yes\nOnCalendar=2100-01-01\n");
    assert_non_null(zones);
    assert_int_equal(zones_local(zones, "XYZ+8", &w.zone), 0); /* noon is 20:00 UTC */
    w.hooks->zone_changed(true, w.hooks_userdata);
    assert_int_equal(w.n_starts, 0); /* it was not known */
    w.hooks->zone_changed(false, w.hooks_userdata);
    assert_int_equal(w.n_starts, 1); /* by the second */
    service_ends();
    pass(9 * 3600 * S);
    assert_int_equal(w.n_starts, 1);
    pass(3600 * S);
    expect_start(2, "2026-01-01 20:00:00 UTC");
    w.zone = zone_utc();
    zones_free(zones);
}

/* ---- jobs ---- */

/* K10: while its unit runs a timer starts nothing, nor does another of the same unit twice. */
static void test_running_unit(void **state)
{
    (void)state;
    TIMERS("OnCalendar=*:*:00\n" EXACT);
    pass(3 * 60 * S);
    assert_int_equal(w.n_starts, 1);
    expect_sub("running");
    assert_true(w.timers[0]->idle); /* the unit keeps PID 1, not the timer (D5) */
    service_ends();
    pass(0);
    assert_int_equal(w.n_starts, 2); /* made up for, once */
    service_ends();
    pass(59 * S);
    assert_int_equal(w.n_starts, 2);
    pass(1 * S);
    assert_int_equal(w.n_starts, 3);
}

static void test_deferred(void **state)
{
    (void)state;
    TIMERS("OnCalendar=*:*:00\nDeferReactivation=yes\n" EXACT);
    pass(150 * S);
    service_ends();
    pass(29 * S);
    assert_int_equal(w.n_starts, 1);
    pass(1 * S);
    assert_int_equal(w.n_starts, 2);
}

/* A unit that conditions keep down: the timer goes on, once a second at most. */
static void test_skipped(void **state)
{
    (void)state;
    w.skipped = true;
    TIMERS("OnActiveSec=0\nOnUnitInactiveSec=0\nOnUnitActiveSec=0\n" EXACT);
    pass(10 * S);
    assert_int_equal(w.n_starts, 11);
    expect_sub("waiting");
    assert_null(w.service->trigger);
    w.skipped = false;
    pass(1 * S);
    assert_int_equal(w.n_starts, 12);
    expect_sub("running");
    service_ends();
    pass(0);
    assert_int_equal(w.n_starts, 13); /* it ran: zero is zero */
}

static void test_refused(void **state)
{
    (void)state;
    w.jobs_error = -EDEADLK;
    TIMERS("OnActiveSec=5\n" EXACT);
    pass(5 * S);
    expect_sub("failed");
    assert_int_equal(w.timers[0]->result, RESULT_RESOURCES);
    assert_int_equal(w.n_failed, 1);
    assert_null(w.deadline);
}

static void test_nothing_in_a_stop(void **state)
{
    (void)state;
    TIMERS("OnActiveSec=5\n" EXACT);
    w.m.shutdown.begun = true;
    pass(10 * S);
    assert_int_equal(w.n_starts, 0);
    timer_type.stop(w.timers[0]);
    expect_sub("dead");
    assert_null(w.deadline);
}

/* Started again: what counts from the timer counts anew, what counts from PID 1 has elapsed. */
static void test_started_again(void **state)
{
    (void)state;
    TIMERS("OnActiveSec=5\nOnBootSec=3\n" EXACT);
    pass(3 * S);
    service_ends();
    pass(3 * S);
    assert_int_equal(w.n_starts, 2);
    service_ends();
    expect_sub("elapsed");
    timer_type.stop(w.timers[0]);
    pass(100 * S);
    assert_int_equal(timer_type.start(w.timers[0]), 0);
    pass(4 * S);
    assert_int_equal(w.n_starts, 2);
    pass(1 * S);
    assert_int_equal(w.n_starts, 3);
}

static void test_elapsed(void **state)
{
    (void)state;
    TIMERS("OnCalendar=2020-01-01\n", "OnCalendar=2020-01-01\nRemainAfterElapse=no\n",
           "OnUnitActiveSec=5\nRemainAfterElapse=no\n" EXACT);
    expect_sub("elapsed");
    assert_true(w.timers[0]->idle);
    assert_string_equal(timer_type.sub_state(w.timers[2]), "elapsed"); /* until its unit runs */
    pass(0);
    expect_sub("elapsed");
    assert_string_equal(timer_type.sub_state(w.timers[1]), "dead");
    assert_string_equal(timer_type.sub_state(w.timers[2]), "elapsed");
    assert_int_equal(jobs_start(&w.m, w.service), 0);
    assert_string_equal(timer_type.sub_state(w.timers[2]), "waiting");
    service_ends();
    pass(5 * S);
    assert_int_equal(w.n_starts, 2);
    assert_string_equal(timer_type.sub_state(w.timers[1]), "dead");
}

/* ---- stamps, delays, what is told ---- */

static void test_persistent(void **state)
{
    (void)state;
    w.stamp_there = at("2025-12-30 00:00:00 UTC");
    TIMERS("OnCalendar=daily\nPersistent=yes\n" EXACT);
    assert_int_equal(w.n_stamps, 1);
    struct timer_moment last = timer_last_trigger(w.timers[0]);
    assert_int_equal(last.realtime, w.stamp_there);
    assert_int_equal(last.monotonic, 0);
    pass(0);
    assert_int_equal(w.n_starts, 1);
    assert_int_equal(w.stamp_written, w.realtime);
    last = timer_last_trigger(w.timers[0]);
    assert_int_equal(last.realtime, w.realtime);
    assert_int_equal(last.monotonic, w.monotonic);
    service_ends();
    pass(3600 * S);
    assert_int_equal(w.n_starts, 1);
    pass(12 * 3600 * S);
    expect_start(2, "2026-01-01 23:00:00 UTC"); /* midnight of the zone */
}

static void test_delay(void **state)
{
    usec_t realtime, monotonic, again;
    (void)state;
    TIMERS("OnBootSec=10\nOnUnitInactiveSec=10\nRandomizedDelaySec=1h\n" EXACT, "OnCalendar=hourly\n");
    timer_next_elapse(w.timers[0], &realtime, &monotonic);
    assert_int_equal(realtime, USEC_INFINITY);
    assert_true(monotonic >= 1010 * S && monotonic < 4610 * S);
    set_clock(w.realtime + 1);
    tell_timers(ACTIVE_STATE_INACTIVE); /* its unit did something: the same iteration */
    timer_next_elapse(w.timers[0], &realtime, &again);
    assert_int_equal(again, monotonic);
    pass_until(monotonic - 1);
    w.n_starts = 0; /* the second timer may have been there before */
    if (w.service->active == ACTIVE_STATE_ACTIVE) service_ends();
    timer_next_elapse(w.timers[0], &realtime, &again);
    assert_true(again <= monotonic);
    timer_next_elapse(w.timers[1], &realtime, &monotonic);
    assert_int_equal(monotonic, USEC_INFINITY);
    assert_int_equal(realtime % (3600 * S), 0);
}

static void test_trigger(void **state)
{
    (void)state;
    TIMERS("OnActiveSec=5\n" EXACT);
    usec_t realtime = w.realtime + 5 * S;
    pass(5 * S);
    assert_non_null(w.service->trigger);
    assert_string_equal(w.service->trigger->unit->name, "t000.timer");
    assert_int_equal(w.service->trigger->realtime, realtime);
    assert_int_equal(w.service->trigger->monotonic, 1005 * S);
    timer_next_elapse(w.timers[0], &realtime, &(usec_t){ 0 });
    assert_int_equal(realtime, USEC_INFINITY); /* it runs */
}

/* ---- many ---- */

static const char *one_of_many(size_t i)
{
    static char text[64];
    (void)snprintf(text, sizeof text, "OnActiveSec=%zums\n%s", 10000 + i * 10, i % 4 ? "" : "OnCalendar=hourly\n");
    return text;
}

/* A thousand timers within ten seconds: one wake-up, and a few for the bound of a round; none before. */
static void test_many(void **state)
{
    (void)state;
    w.skipped = true;
    make(COUNT_OF(w.timers), one_of_many);
    pass(9 * S);
    assert_int_equal(w.n_wakes, 0);
    pass(71 * S);
    assert_int_equal(w.n_starts, COUNT_OF(w.timers));
    assert_true(w.n_wakes <= 20);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_daylight_saving),
        TEST(test_clock_goes_forward),
        TEST(test_clock_goes_back),
        TEST(test_due_after_the_clock_went_back),
        TEST(test_on_clock_change),
        TEST(test_zone_changes),
        TEST(test_running_unit),
        TEST(test_deferred),
        TEST(test_skipped),
        TEST(test_refused),
        TEST(test_nothing_in_a_stop),
        TEST(test_started_again),
        TEST(test_elapsed),
        TEST(test_persistent),
        TEST(test_delay),
        TEST(test_trigger),
        TEST(test_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
