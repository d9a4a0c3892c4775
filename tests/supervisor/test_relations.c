/* What each relation does when the unit on its other side changes, every cell stated: relation x event; what becomes of
 * installed jobs by type x event of their unit; and what bounds it. No processes: the test moves the states.
 *
 * Source: systemd.unit(5). */
#include "tests/supervisor/fake_manager.h"

static void drop_line(const char *line, size_t length, void *userdata)
{
    (void)line;
    (void)length;
    (void)userdata;
}

static void set_state(struct fake *f, const char *name, enum active_state to)
{
    runtime_set_active(fake_unit(f, name), to, "?", active_state_name(to));
}

static void expect_jobs(struct fake *f, const char *label, const char *want)
{
    struct str got = fake_jobs(f);
    if (strcmp(str_text(&got), want) != 0) fail_msg("%s: \"%s\", expected \"%s\"", label, str_text(&got), want);
    str_done(&got);
}

/* ---- relation x event ---- */

/* What happens to "a", which has the relation to "b". `a_state`: of a beforehand. */
enum event { B_UP, B_FAILS, B_ENDS, B_STOPS, B_RESTARTS, B_RELOADS, A_STARTS, A_STOPS, EVENT_COUNT };
static const char *const event_names[EVENT_COUNT] = {
    "b comes up by itself",
    "b fails by itself",
    "b ends by itself",
    "b is stopped",
    "b is restarted",
    "b is reloaded",
    "a is started while b is down",
    "a is stopped",
};
/* clang-format off */
static const struct { const char *relation; const char *wants[EVENT_COUNT]; } matrix[] = {
    /*                        b comes up    b fails   b ends    b is stopped     b is restarted         b is reloaded        a is started             a is stopped */
    { "Requires=b",         { "",           "",       "",       "a/stop b/stop", "a/restart b/restart", "b/reload",          "a/start b/start",         "a/stop" } },
    { "Requisite=b",        { "",           "",       "",       "a/stop b/stop", "a/restart b/restart", "b/reload",          "a/start b/verify-active", "a/stop" } },
    { "Wants=b",            { "",           "",       "",       "b/stop",        "b/restart",           "b/reload",          "a/start b/start",         "a/stop" } },
    { "BindsTo=b",          { "",           "a/stop", "a/stop", "a/stop b/stop", "a/restart b/restart", "b/reload",          "a/start b/start",         "a/stop" } },
    { "PartOf=b",           { "",           "",       "",       "a/stop b/stop", "a/restart b/restart", "b/reload",          "a/start",                 "a/stop" } },
    { "Upholds=b",          { "",           "b/start", "b/start", "b/stop",      "b/restart",           "b/reload",          "a/start b/start",         "a/stop" } },
    { "Conflicts=b",        { "a/stop",     "",       "",       "b/stop",        "a/stop b/restart",    "b/reload",          "a/start",                 "a/stop" } },
    { "PropagatesReloadTo=b",   { "",       "",       "",       "b/stop",        "b/restart",           "b/reload",          "a/start",                 "a/stop" } },
    { "ReloadPropagatedFrom=b", { "",       "",       "",       "b/stop",        "b/restart",           "a/reload b/reload", "a/start",                 "a/stop" } },
    { "PropagatesStopTo=b",     { "",       "",       "",       "b/stop",        "b/restart",           "b/reload",          "a/start",                 "a/stop b/stop" } },
    { "StopPropagatedFrom=b",   { "",       "a/stop", "a/stop", "a/stop b/stop", "b/restart",           "b/reload",          "a/start",                 "a/stop" } },
    { "After=b",            { "",           "",       "",       "b/stop",        "b/restart",           "b/reload",          "a/start",                 "a/stop" } },
    { "Before=b",           { "",           "",       "",       "b/stop",        "b/restart",           "b/reload",          "a/start",                 "a/stop" } },
    { "OnFailure=b",        { "",           "",       "",       "b/stop",        "b/restart",           "b/reload",          "a/start",                 "a/stop" } },
    { "OnSuccess=b",        { "",           "",       "",       "b/stop",        "b/restart",           "b/reload",          "a/start",                 "a/stop" } },
};
/* clang-format on */

static void ask(struct fake *f, const char *unit, enum job_type type)
{
    assert_int_equal(jobs_enqueue(&f->m, fake_unit(f, unit), type, JOB_MODE_REPLACE, NULL, NULL), 0);
}

static void make_happen(struct fake *f, enum event event)
{
    bool b_up = event != B_UP && event != A_STARTS;
    fake_unit(f, "a")->active = event == A_STARTS ? ACTIVE_STATE_INACTIVE : ACTIVE_STATE_ACTIVE;
    fake_unit(f, "b")->active = b_up ? ACTIVE_STATE_ACTIVE : ACTIVE_STATE_INACTIVE;
    switch (event) {
    case B_UP:
        set_state(f, "b", ACTIVE_STATE_ACTIVE);
        break;
    case B_FAILS:
    case B_ENDS:
        set_state(f, "b", ACTIVE_STATE_DEACTIVATING);
        set_state(f, "b", event == B_FAILS ? ACTIVE_STATE_FAILED : ACTIVE_STATE_INACTIVE);
        break;
    case B_STOPS:
        ask(f, "b", JOB_STOP);
        return;
    case B_RESTARTS:
        ask(f, "b", JOB_RESTART);
        return;
    case B_RELOADS:
        ask(f, "b", JOB_RELOAD);
        return;
    case A_STARTS:
        ask(f, "a", JOB_START);
        return;
    case A_STOPS:
        ask(f, "a", JOB_STOP);
        return;
    case EVENT_COUNT:
        break;
    }
    units_check(&f->m); /* what follows from states, once the round is over */
}

static void test_matrix(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(matrix); i++)
        for (enum event event = 0; event < EVENT_COUNT; event++) {
            char units[128], label[128];
            (void)snprintf(units, sizeof units, "a.service %s.service\nb.service\n", matrix[i].relation);
            (void)snprintf(label, sizeof label, "%s, %s", matrix[i].relation, event_names[event]);
            struct fake *f = fake_new(units);
            make_happen(f, event);
            expect_jobs(f, label, matrix[i].wants[event]);
            fake_free(f);
        }
}

/* ---- installed job x state its unit enters ---- */

/* The job runs; its unit comes from `from` into each state: how the job ends, "" when it does not. */
static const struct {
    enum job_type type;
    enum active_state from;
    const char *ends[ACTIVE_STATE_COUNT];
} ends[] = {
    /* clang-format off */
    /*                                               inactive  activating active    reloading deactivating failed */
    { JOB_START,         ACTIVE_STATE_ACTIVATING,   { "done",   "",        "done",   "done",   "",          "failed" } },
    { JOB_STOP,          ACTIVE_STATE_ACTIVE,       { "done",   "",        "",       "",       "",          "done" } },
    { JOB_RELOAD,        ACTIVE_STATE_RELOADING,    { "done",   "",        "done",   "",       "",          "failed" } },
    { JOB_RESTART,       ACTIVE_STATE_DEACTIVATING, { "start",  "",        "",       "",       "",          "start" } },
    { JOB_VERIFY_ACTIVE, ACTIVE_STATE_ACTIVATING,   { "done",   "",        "done",   "done",   "",          "failed" } },
    /* clang-format on */
};

static void test_how_jobs_end(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(ends); i++)
        for (enum active_state to = 0; to < ACTIVE_STATE_COUNT; to++) {
            char want[64], jobs[64], label[64];
            const char *end = ends[i].ends[to], *type = job_type_name(ends[i].type);
            struct fake *f = fake_new("a.service\n");
            struct runtime *rt = fake_unit(f, "a");
            rt->active = (uint8_t)ends[i].from;
            job_apply(&(struct planned_job){ .rt = rt, .type = ends[i].type });
            rt->job.state = JOB_RUNNING;
            uint32_t id = rt->job.id;
            if (to != ends[i].from) set_state(f, "a", to);
            (void)snprintf(label, sizeof label, "%s of a unit that is %s", type, active_state_name(to));
            bool becomes_start = strcmp(end, "start") == 0;
            (void)snprintf(want, sizeof want, "a/%s %s", type, end);
            (void)snprintf(jobs, sizeof jobs, "a/%s%s", becomes_start ? "start" : type, becomes_start ? "" : "*");
            expect_jobs(f, label, *end && !becomes_start ? "" : jobs);
            assert_string_equal(str_text(&f->removed), *end && !becomes_start ? want : "");
            if (becomes_start) assert_int_equal(rt->job.id, id); /* the same job */
            fake_free(f);
        }
}

static void test_failed_reload(void **state)
{
    (void)state;
    struct fake *f = fake_new("a.service\n");
    fake_set_states(f, "a=active");
    ask(f, "a", JOB_RELOAD);
    fake_settle(f);
    assert_string_equal(str_text(&f->dispatched), "reload a");
    set_state(f, "a", ACTIVE_STATE_RELOADING);
    ask(f, "a", JOB_RELOAD); /* one more, while the first is under way: it waits for that */
    fake_settle(f);
    assert_string_equal(str_text(&f->dispatched), "reload a");
    expect_jobs(f, "the second waits", "a/reload");
    set_state(f, "a", ACTIVE_STATE_ACTIVE);
    fake_settle(f);
    assert_string_equal(str_text(&f->dispatched), "reload a, reload a");
    fake_unit(f, "a")->reload_failed = true;
    set_state(f, "a", ACTIVE_STATE_RELOADING);
    set_state(f, "a", ACTIVE_STATE_ACTIVE);
    assert_string_equal(str_text(&f->removed), "a/reload failed");
    fake_free(f);
}

/* ---- what the end of one job means for others ---- */

static const struct {
    const char *label, *units, *states, *first, *to, *removed, *jobs;
} spreads[] = {
    /* clang-format off */
    /* The first job is made to run, and its unit goes to `to`. */
    { "a failed start fails those that require it",
      "a.service\nb.service Requires=a.service After=a.service\nc.service Requires=b.service After=b.service\n", "", "a/start b/start c/start", "a=failed",
      "a/start failed, b/start dependency, c/start dependency", "" },
    { "not those that want it", "a.service\nb.service Wants=a.service After=a.service\n", "", "a/start b/start", "a=failed", "a/start failed", "b/start" },
    { "those that are bound to it", "a.service\nb.service BindsTo=a.service After=a.service\n", "", "a/start b/start", "a=failed", "a/start failed, b/start dependency", "" },
    { "those whose requisite it is", "a.service\nb.service Requisite=a.service After=a.service\n", "", "a/start b/start", "a=failed", "a/start failed, b/start dependency", "" },
    { "one that ended well counts as started", "a.service\nb.service Requires=a.service After=a.service\n", "", "a/start b/start", "a=inactive", "a/start done", "b/start" },
    { "but not as active, for a requisite", "a.service\nb.service Requisite=a.service After=a.service\n", "", "a/start b/start", "a=inactive", "a/start done, b/start dependency", "" },
    { "what is stopped lets go on what waits for it", "a.service\nb.service Before=a.service\n", "a=active,b=active", "a/stop b/stop", "a=inactive", "a/stop done", "b/stop" },
    /* clang-format on */
};

static void test_spread(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(spreads); i++) {
        print_message("  %s\n", spreads[i].label);
        struct fake *f = fake_new(spreads[i].units);
        fake_set_states(f, spreads[i].states);
        fake_set_jobs(f, spreads[i].first);
        char unit[2] = { spreads[i].to[0], '\0' };
        struct runtime *rt = fake_unit(f, unit);
        rt->active = rt->job.type == JOB_START ? ACTIVE_STATE_ACTIVATING : ACTIVE_STATE_DEACTIVATING;
        rt->job.state = JOB_RUNNING;
        set_state(f, unit, state_of_name(spreads[i].to + 2));
        assert_string_equal(str_text(&f->removed), spreads[i].removed);
        expect_jobs(f, spreads[i].label, spreads[i].jobs);
        fake_free(f);
    }
}

/* D1: a requirement is no order; what is under way goes on. */
static void test_start_under_way(void **state)
{
    (void)state;
    struct fake *f = fake_new("a.service\nb.service Requires=a.service\n");
    ask(f, "b", JOB_START);
    (void)jobs_dispatch(&f->m, 10);
    set_state(f, "b", ACTIVE_STATE_ACTIVATING);
    set_state(f, "a", ACTIVE_STATE_ACTIVATING);
    set_state(f, "a", ACTIVE_STATE_FAILED);
    expect_jobs(f, "b goes on", "b/start*");
    assert_string_equal(str_text(&f->removed), "a/start failed");
    fake_free(f);
}

static void test_cancel(void **state)
{
    (void)state;
    struct fake *f = fake_new("a.service\nb.service Requires=a.service After=a.service\nc.service After=a.service\n");
    uint32_t id;
    ask(f, "b", JOB_START);
    ask(f, "c", JOB_START);
    id = fake_unit(f, "a")->job.id;
    assert_ptr_equal(jobs_find(&f->m, id), fake_unit(f, "a"));
    assert_int_equal(jobs_cancel(&f->m, id), 0);
    assert_string_equal(str_text(&f->removed), "a/start canceled, b/start dependency");
    expect_jobs(f, "what is only ordered goes on", "c/start");
    assert_int_equal(jobs_cancel(&f->m, id), -ENOENT);
    assert_int_equal(fake_unit(f, "a")->active, ACTIVE_STATE_INACTIVE);
    fake_free(f);
}

/* ---- order ---- */

/* `jobs` are there; so many of them are dispatched at once, without any state changing. */
static const struct {
    const char *label, *units, *states, *jobs, *dispatched;
} orders[] = {
    /* clang-format off */
    { "no order: all at once", "a.service\nb.service\n", "", "a/start b/start", "start a, start b" },
    { "two starts: the earlier first", "a.service After=b.service\nb.service\n", "", "a/start b/start", "start b" },
    { "two stops: the later first", "a.service After=b.service\nb.service\n", "a=active,b=active", "a/stop b/stop", "stop a" },
    { "the earlier stops, the later starts: the stop first", "a.service After=b.service\nb.service\n", "b=active", "a/start b/stop", "stop b" },
    { "the later stops, the earlier starts: the stop first", "a.service After=b.service\nb.service\n", "a=active", "a/stop b/start", "stop a" },
    { "a restart counts as a stop while it stops", "a.service After=b.service\nb.service\n", "a=active", "a/restart b/start", "stop a" },
    { "a reload waits as a start does", "a.service After=b.service\nb.service\n", "a=active", "a/reload b/start", "start b" },
    { "so does verify-active", "a.service After=b.service\nb.service\n", "", "a/verify-active b/start", "start b" },
    /* clang-format on */
};

static void test_order(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(orders); i++) {
        print_message("  %s\n", orders[i].label);
        struct fake *f = fake_new(orders[i].units);
        fake_set_states(f, orders[i].states);
        fake_set_jobs(f, orders[i].jobs);
        (void)jobs_dispatch(&f->m, 100);
        assert_string_equal(str_text(&f->dispatched), orders[i].dispatched);
        fake_free(f);
    }
}

static void test_ignore_order(void **state)
{
    (void)state;
    struct fake *f = fake_new("a.service After=b.service\nb.service\n");
    ask(f, "b", JOB_START);
    assert_int_equal(jobs_enqueue(&f->m, fake_unit(f, "a"), JOB_START, JOB_MODE_IGNORE_DEPENDENCIES, NULL, NULL), 0);
    (void)jobs_dispatch(&f->m, 100);
    assert_string_equal(str_text(&f->dispatched), "start b, start a");
    fake_free(f);
    f = fake_new("a.service After=b.service Requires=b.service\nb.service\n");
    fake_unit(f, "b")->active = ACTIVE_STATE_FAILED;
    assert_int_equal(jobs_enqueue(&f->m, fake_unit(f, "a"), JOB_START, JOB_MODE_IGNORE_REQUIREMENTS, NULL, NULL), 0);
    (void)jobs_dispatch(&f->m, 100);
    assert_string_equal(str_text(&f->dispatched), "start a"); /* though what it requires has failed */
    fake_free(f);
}

/* A restart: stop, then the same job as a start, in the order of starts. */
static void test_restart_in_order(void **state)
{
    (void)state;
    struct fake *f = fake_new("a.service\nb.service Requires=a.service After=a.service\n");
    fake_set_states(f, "a=active,b=active");
    ask(f, "a", JOB_RESTART);
    fake_settle(f);
    assert_string_equal(str_text(&f->dispatched), "stop b");
    set_state(f, "b", ACTIVE_STATE_DEACTIVATING);
    set_state(f, "b", ACTIVE_STATE_INACTIVE);
    fake_settle(f);
    assert_string_equal(str_text(&f->dispatched), "stop b, stop a");
    set_state(f, "a", ACTIVE_STATE_INACTIVE);
    fake_settle(f);
    assert_string_equal(str_text(&f->dispatched), "stop b, stop a, start a");
    set_state(f, "a", ACTIVE_STATE_ACTIVATING);
    set_state(f, "a", ACTIVE_STATE_ACTIVE);
    fake_settle(f);
    assert_string_equal(str_text(&f->dispatched), "stop b, stop a, start a, start b");
    set_state(f, "b", ACTIVE_STATE_ACTIVE);
    assert_string_equal(str_text(&f->removed), "a/start done, b/start done");
    assert_int_equal(f->m.n_jobs, 0);
    fake_free(f);
}

/* K40: who waits goes on waiting while its requirement waits out RestartSec=, and is restarted if it was up. */
static void test_hold(void **state)
{
    (void)state;
    struct fake *f = fake_new("a.service\nb.service Requires=a.service After=a.service\n"
                              "c.service Requires=a.service After=a.service\n");
    fake_set_states(f, "a=active,c=active");
    fake_set_jobs(f, "b/start");
    fake_unit(f, "b")->job.blockers++; /* as if it waited for a, which is on its way */
    set_state(f, "a", ACTIVE_STATE_ACTIVATING);
    job_hold(fake_unit(f, "a"));
    fake_settle(f);
    expect_jobs(f, "held", "a/start(held) b/start");
    ask(f, "a", JOB_START); /* a person's start waits with it */
    expect_jobs(f, "held", "a/start(held) b/start");
    assert_int_equal(job_release(fake_unit(f, "a")), 0);
    expect_jobs(f, "released", "a/start b/start c/restart");
    fake_free(f);
    /* K12: a stop takes it away. */
    f = fake_new("a.service\n");
    fake_set_states(f, "a=activating");
    job_hold(fake_unit(f, "a"));
    ask(f, "a", JOB_STOP);
    fake_settle(f);
    assert_string_equal(str_text(&f->dispatched), "stop a");
    assert_string_equal(str_text(&f->removed), "a/start canceled");
    fake_free(f);
    /* A restart does not wait. */
    f = fake_new("a.service\n");
    fake_set_states(f, "a=activating");
    job_hold(fake_unit(f, "a"));
    ask(f, "a", JOB_RESTART);
    expect_jobs(f, "restart", "a/restart");
    fake_settle(f);
    assert_string_equal(str_text(&f->dispatched), "stop a");
    fake_free(f);
}

/* ---- who should not be up, and who should ---- */

static void test_unneeded(void **state)
{
    (void)state;
    struct fake *f = fake_new("a.service StopWhenUnneeded\nb.service Requires=a.service\nc.service Wants=a.service\n");
    fake_set_states(f, "a=active,b=active,c=active");
    set_state(f, "b", ACTIVE_STATE_DEACTIVATING);
    set_state(f, "b", ACTIVE_STATE_FAILED);
    fake_settle(f);
    expect_jobs(f, "c wants it still", "");
    set_state(f, "c", ACTIVE_STATE_DEACTIVATING);
    fake_settle(f);
    expect_jobs(f, "c is there still", "");
    set_state(f, "c", ACTIVE_STATE_INACTIVE);
    fake_settle(f);
    expect_jobs(f, "nobody", "a/stop*");
    fake_free(f);
    f = fake_new("a.service StopWhenUnneeded\nb.service Requires=a.service\n");
    ask(f, "b", JOB_START);
    set_state(f, "a", ACTIVE_STATE_ACTIVE);
    units_check(&f->m);
    expect_jobs(f, "one that has a job needs it", "b/start");
    assert_int_equal(jobs_cancel(&f->m, fake_unit(f, "b")->job.id), 0);
    units_check(&f->m);
    expect_jobs(f, "until the job is gone", "a/stop");
    fake_free(f);
}

static void wait_for_deadlines(struct fake *f)
{
    while (f->m.checks.count == 0 && f->removed.length == 0) assert_int_equal(loop_wait(f->m.loop, true), 0);
}

/* K43: what is upheld and goes down at once is started 16 times, and then waits. */
static void test_upholds_is_bounded(void **state)
{
    (void)state;
    struct fake *f = fake_new("a.service Upholds=b.service\nb.service\n");
    fake_set_states(f, "a=active,b=active");
    int starts = 0;
    set_state(f, "b", ACTIVE_STATE_FAILED);
    for (units_check(&f->m); fake_unit(f, "b")->job.type == JOB_START; units_check(&f->m)) {
        assert_true(++starts < 100);
        (void)jobs_dispatch(&f->m, 10);
        set_state(f, "b", ACTIVE_STATE_ACTIVATING);
        set_state(f, "b", ACTIVE_STATE_FAILED);
    }
    assert_int_equal(starts, 16);
    assert_int_equal(f->m.n_waits, 1); /* PID 1 does not leave meanwhile (D5) */
    fake_free(f);
    /* With a start limit of its own, that counts. */
    f = fake_new("a.service Upholds=b.service\nb.service Limit=3\n");
    fake_set_states(f, "a=active,b=active");
    starts = 0;
    set_state(f, "b", ACTIVE_STATE_FAILED);
    for (units_check(&f->m); fake_unit(f, "b")->job.type == JOB_START; units_check(&f->m)) {
        assert_true(++starts < 100);
        (void)jobs_dispatch(&f->m, 10);
        set_state(f, "b", ACTIVE_STATE_ACTIVATING);
        set_state(f, "b", ACTIVE_STATE_FAILED);
    }
    assert_int_equal(starts, 3);
    fake_free(f);
    /* Not after the shutdown began. */
    f = fake_new("a.service Upholds=b.service\nb.service\n");
    fake_set_states(f, "a=active,b=active");
    f->m.shutdown.begun = true;
    set_state(f, "b", ACTIVE_STATE_FAILED);
    units_check(&f->m);
    expect_jobs(f, "stopping", "");
    fake_free(f);
}

/* ---- time limits ---- */

static void test_job_timeout(void **state)
{
    (void)state;
    struct fake *f = fake_new("a.service JobTimeoutSec=3600 JobRunningTimeoutSec=1800\nb.service After=a.service "
                              "Requires=a.service\nc.service\n");
    ask(f, "b", JOB_START);
    ask(f, "c", JOB_START);
    struct runtime *a = fake_unit(f, "a");
    assert_non_null(a->job.timer);
    assert_null(fake_unit(f, "c")->job.timer); /* only where one is set */
    usec_t queued = *(usec_t *)a->job.timer;   /* the deadline's time is its first member */
    assert_int_equal(queued, loop_now(f->m.loop) + 3600 * USEC_PER_SEC);
    (void)jobs_dispatch(&f->m, 10);
    assert_int_equal(*(usec_t *)a->job.timer, loop_now(f->m.loop) + 1800 * USEC_PER_SEC); /* the earlier one */
    fake_free(f);
    f = fake_new("a.service JobTimeoutSec=0 OnFailure=c.service\nb.service After=a.service Requires=a.service\n"
                 "c.service\n");
    ask(f, "b", JOB_START);
    fake_unit(f, "a")->active = ACTIVE_STATE_ACTIVATING;
    wait_for_deadlines(f);
    assert_string_equal(str_text(&f->removed), "a/start timeout, b/start dependency");
    assert_int_equal(fake_unit(f, "a")->active, ACTIVE_STATE_ACTIVATING); /* the unit itself does not change */
    expect_jobs(f, "OnFailure=", "c/start");
    fake_free(f);
}

static void test_shutdown(void **state)
{
    (void)state;
    struct fake *f = fake_new("a.service\nb.service After=a.service\nc.service\n");
    struct job_error error;
    fake_set_states(f, "a=active,b=active");
    fake_set_jobs(f, "c/start a/reload b/restart");
    f->m.shutdown.begun = true;
    jobs_stop_all(&f->m);
    expect_jobs(f, "all stop", "a/stop b/stop");
    assert_int_equal(jobs_enqueue(&f->m, fake_unit(f, "c"), JOB_START, JOB_MODE_REPLACE, &error, NULL), -ESHUTDOWN);
    assert_string_equal(error.code, "ShuttingDown");
    assert_int_equal(jobs_enqueue(&f->m, fake_unit(f, "a"), JOB_STOP, JOB_MODE_REPLACE, NULL, NULL), 0);
    fake_free(f);
}

int main(void)
{
    log_set_writer(drop_line, NULL);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_matrix),
        cmocka_unit_test(test_how_jobs_end),
        cmocka_unit_test(test_failed_reload),
        cmocka_unit_test(test_spread),
        cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_start_under_way),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_ignore_order),
        cmocka_unit_test(test_restart_in_order),
        cmocka_unit_test(test_hold),
        cmocka_unit_test(test_unneeded),
        cmocka_unit_test(test_upholds_is_bounded),
        cmocka_unit_test(test_job_timeout),
        cmocka_unit_test(test_shutdown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
