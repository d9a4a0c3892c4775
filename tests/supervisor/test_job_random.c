/* The job engine under random requests: random units, random relations (orders without cycles), random ends of what is
 * dispatched. After each step the counts agree with what is there; in the end nothing waits for what will never come.
 */
#include "tests/supervisor/fake_manager.h"

#include <inttypes.h>

enum { UNITS = 10, STEPS = 60, RUNS = 400 };

static uint32_t random_state;

/* xorshift32: the same on every machine. */
static uint32_t random_below(uint32_t n)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 17;
    random_state ^= random_state << 5;
    return random_state % n;
}

static struct str random_units(void)
{
    static const char *const relations[] = { "Requires",        "Requisite", "Wants",     "BindsTo",
                                             "PartOf",          "Upholds",   "Conflicts", "PropagatesReloadTo",
                                             "PropagatesStopTo" };
    struct str text = STR_EMPTY;
    for (unsigned i = 0; i < UNITS; i++) {
        assert_int_equal(str_appendf(&text, "%c.service", (char)('a' + i)), 0);
        if (random_below(8) == 0) assert_int_equal(str_append(&text, " StopWhenUnneeded"), 0);
        if (random_below(4) == 0) assert_int_equal(str_append(&text, " AllowIsolate"), 0);
        for (unsigned k = random_below(4); k > 0; k--) {
            unsigned other = random_below(UNITS);
            assert_int_equal(
                str_appendf(&text, " %s=%c.service", relations[random_below(COUNT_OF(relations))], (char)('a' + other)),
                0);
            if (other < i && random_below(2)) /* only towards the earlier: no cycles */
                assert_int_equal(str_appendf(&text, " After=%c.service", (char)('a' + other)), 0);
        }
        assert_int_equal(str_append_char(&text, '\n'), 0);
    }
    return text;
}

/* Blockers counted anew, against those that were counted up and down. */
static void check_counts(struct fake *f)
{
    uint32_t jobs = 0;
    for (uint32_t id = 0; id < UNITS; id++) {
        const struct runtime *rt = f->m.units[id];
        uint32_t blockers = 0;
        assert_int_equal(rt->planned, 0);
        if (rt->job.type == JOB_NONE) continue;
        jobs++;
        assert_int_not_equal(rt->job.id, 0);
        assert_true(rt->job.type < JOB_TYPE_INSTALLED_COUNT);
        struct id_span after = manager_edges(&f->m, id, GRAPH_AFTER), before = manager_edges(&f->m, id, GRAPH_BEFORE);
        for (uint32_t i = 0; i < after.count; i++)
            if (f->m.units[after.ids[i]]->job.type != JOB_NONE && !job_is_stop(&rt->job)) blockers++;
        for (uint32_t i = 0; i < before.count; i++)
            if (f->m.units[before.ids[i]]->job.type != JOB_NONE && job_is_stop(&f->m.units[before.ids[i]]->job))
                blockers++;
        assert_int_equal(rt->job.blockers, blockers);
    }
    assert_int_equal(f->m.n_jobs, jobs);
}

/* What the unit's processes would do next: a step towards where it was sent. */
static bool progress(struct fake *f, struct runtime *rt, bool may_fail)
{
    bool starting = rt->job.type == JOB_START && rt->job.state == JOB_RUNNING;
    bool stopping = job_is_stop(&rt->job) && rt->job.state == JOB_RUNNING;
    bool fails = may_fail && random_below(4) == 0;
    switch ((enum active_state)rt->active) {
    case ACTIVE_STATE_INACTIVE:
    case ACTIVE_STATE_FAILED:
        if (!starting) return false;
        runtime_set_active(rt, ACTIVE_STATE_ACTIVATING, "?", "activating");
        return true;
    case ACTIVE_STATE_ACTIVATING:
        if (rt->job.held) { /* RestartSec= is over */
            IGNORE_RESULT(job_release(rt));
            return true;
        }
        if (stopping || fails)
            runtime_set_active(rt, ACTIVE_STATE_DEACTIVATING, "?", "deactivating");
        else
            runtime_set_active(rt, ACTIVE_STATE_ACTIVE, "?", "active");
        return true;
    case ACTIVE_STATE_ACTIVE:
        if (rt->job.type == JOB_RELOAD && rt->job.state == JOB_RUNNING) {
            runtime_set_active(rt, ACTIVE_STATE_RELOADING, "?", "reloading");
            return true;
        }
        if (!stopping && !fails) return false;
        runtime_set_active(rt, ACTIVE_STATE_DEACTIVATING, "?", "deactivating");
        return true;
    case ACTIVE_STATE_RELOADING:
        rt->reload_failed = fails;
        runtime_set_active(rt, ACTIVE_STATE_ACTIVE, "?", "active");
        return true;
    case ACTIVE_STATE_DEACTIVATING:
        if (!stopping && fails && random_below(2) && !f->m.shutdown.begun) { /* Restart= */
            runtime_set_active(rt, ACTIVE_STATE_ACTIVATING, "?", "auto-restart");
            job_hold(rt);
        } else if (stopping || !fails)
            runtime_set_active(rt, ACTIVE_STATE_INACTIVE, "?", "dead");
        else
            runtime_set_active(rt, ACTIVE_STATE_FAILED, "?", "failed");
        return true;
    case ACTIVE_STATE_COUNT:
        break;
    }
    return false;
}

static void random_request(struct fake *f)
{
    static const enum job_type types[] = { JOB_START,         JOB_STOP,        JOB_RELOAD,     JOB_RESTART,
                                           JOB_VERIFY_ACTIVE, JOB_TRY_RESTART, JOB_TRY_RELOAD, JOB_RELOAD_OR_START };
    struct runtime *rt = f->m.units[random_below(UNITS)];
    struct job_error error;
    uint32_t id;
    struct str before = fake_jobs(f);
    int r = jobs_enqueue(&f->m, rt, types[random_below(COUNT_OF(types))], (enum job_mode)random_below(JOB_MODE_COUNT),
                         &error, &id);
    struct str after = fake_jobs(f);
    if (r < 0) {
        assert_string_equal(str_text(&after), str_text(&before));
        assert_int_equal(id, 0);
        assert_int_not_equal(error.text[0], '\0');
    } else if (id != 0) {
        assert_ptr_equal(jobs_find(&f->m, id), rt);
    }
    str_done(&before);
    str_done(&after);
}

static void random_step(struct fake *f)
{
    struct runtime *rt = f->m.units[random_below(UNITS)];
    switch (random_below(6)) {
    case 0:
    case 1:
        random_request(f);
        break;
    case 2:
        if (rt->job.type != JOB_NONE) assert_int_equal(jobs_cancel(&f->m, rt->job.id), 0);
        break;
    case 3:
        (void)jobs_dispatch(&f->m, 1 + random_below(3));
        break;
    case 4:
        units_check(&f->m);
        break;
    default:
        (void)progress(f, rt, true);
        break;
    }
}

static void test_random(void **state)
{
    (void)state;
    for (uint32_t run = 1; run <= RUNS; run++) {
        random_state = run * 2654435761u;
        struct str units = random_units();
        struct fake *f = fake_new(str_text(&units));
        for (unsigned i = 0; i < STEPS; i++) {
            random_step(f);
            check_counts(f);
        }
        /* From now on all goes well: each job comes to its end. */
        f->m.shutdown.begun = run % 2;
        if (f->m.shutdown.begun) jobs_stop_all(&f->m);
        bool moved = true;
        for (unsigned round = 0; moved && round < 1000; round++) {
            moved = jobs_dispatch(&f->m, 100) > 0;
            check_counts(f);
            for (uint32_t id = 0; id < UNITS; id++) moved |= progress(f, f->m.units[id], false);
            check_counts(f);
        }
        struct str left = fake_jobs(f);
        if (f->m.n_jobs > 0) fail_msg("run %" PRIu32 ": %s is left of\n%s", run, str_text(&left), str_text(&units));
        for (uint32_t id = 0; id < UNITS && f->m.shutdown.begun; id++) assert_true(runtime_is_down(f->m.units[id]));
        str_done(&left);
        str_done(&units);
        fake_free(f);
    }
}

static void drop_line(const char *line, size_t length, void *userdata)
{
    (void)line;
    (void)length;
    (void)userdata;
}

int main(void)
{
    log_set_writer(drop_line, NULL);
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_random) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
