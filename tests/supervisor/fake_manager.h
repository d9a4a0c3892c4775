/* tests/supervisor/fake_manager.h - a manager without processes: units written as text, whose states the test sets.
 *
 * The units' sets are those of tests/unit/set_builder.h. A start, stop or reload that is dispatched is only noted; the
 * test says what comes of it. What a test asks in words: "a" is a.service; states are "a=active,b=failed"; jobs are
 * "a/start b/stop", by name. */
#pragma once
#include "tests/unit/set_builder.h"

#include "base/log.h"
#include "supervisor/handlers.h"
#include "supervisor/job_internal.h"
#include "supervisor/manager.h"
#include "supervisor/service.h"
#include "supervisor/unit_type.h"

struct fake {
    struct unit_set *set;
    struct graph *graph;
    struct manager m;
    struct str dispatched; /* "start a, stop b" */
    struct str removed;    /* "a/start done" */
};

static struct fake *fake_of(struct runtime *rt)
{
    return (struct fake *)((char *)rt->manager - offsetof(struct fake, m));
}

static const char *fake_short(const struct runtime *rt)
{
    static char names[8][64];
    static unsigned next;
    char *name = names[next++ % 8];
    (void)snprintf(
        name, 64, "%.*s",
        (int)(rt->unit->kind == UNIT_KIND_SERVICE ? strcspn(runtime_name(rt), ".") : strlen(runtime_name(rt))),
        runtime_name(rt));
    return name;
}

static void fake_note(struct runtime *rt, const char *what)
{
    struct str *s = &fake_of(rt)->dispatched;
    assert_int_equal(str_appendf(s, "%s%s %s", s->length ? ", " : "", what, fake_short(rt)), 0);
}

static int fake_start(struct runtime *rt)
{
    fake_note(rt, "start");
    return 0;
}

static void fake_stop(struct runtime *rt)
{
    fake_note(rt, "stop");
}

static int fake_reload(struct runtime *rt)
{
    fake_note(rt, "reload");
    return 0;
}

static void fake_failed(struct runtime *rt)
{
    runtime_set_active(rt, ACTIVE_STATE_FAILED, "?", "failed");
}

static void fake_skipped(struct runtime *rt)
{
    runtime_set_active(rt, ACTIVE_STATE_INACTIVE, "?", "dead");
}

static bool fake_waits_to_restart(const struct runtime *rt)
{
    return rt->job.held;
}

/* Units whose name begins with "x" cannot be reloaded. */
static bool fake_can_reload(const struct runtime *rt)
{
    return runtime_name(rt)[0] != 'x';
}

static const struct unit_type fake_type = { .size = sizeof(struct service),
                                            .start = fake_start,
                                            .stop = fake_stop,
                                            .reload = fake_reload,
                                            .can_reload = fake_can_reload,
                                            .failed = fake_failed,
                                            .skipped = fake_skipped,
                                            .waits_to_restart = fake_waits_to_restart };

static void fake_removed(struct runtime *rt, uint32_t id, enum job_type type, enum job_result result, void *userdata)
{
    struct fake *f = userdata;
    assert_int_not_equal(id, 0);
    assert_int_equal(str_appendf(&f->removed, "%s%s/%s %s", f->removed.length ? ", " : "", fake_short(rt),
                                 job_type_name(type), job_result_name(result)),
                     0);
}

static UNUSED struct fake *fake_new(const char *units)
{
    struct fake *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->set = build_set(units);
    assert_int_equal(graph_build(f->set, &f->graph), 0);
    f->m.set = f->set;
    f->m.graph = f->graph;
    f->m.n_units = unit_set_count(f->set);
    f->m.units = calloc(f->m.n_units, sizeof *f->m.units);
    assert_non_null(f->m.units);
    f->m.options.stay = true;
    assert_int_equal(loop_new(&f->m.loop), 0);
    for (uint32_t id = 0; id < f->m.n_units; id++) {
        struct runtime *rt = calloc(1, fake_type.size);
        assert_non_null(rt);
        rt->manager = &f->m;
        rt->unit = unit_set_get(f->set, id);
        rt->type = &fake_type;
        f->m.units[id] = rt;
    }
    assert_int_equal(jobs_add_hook(&f->m, fake_removed, f), 0);
    return f;
}

static UNUSED void fake_free(struct fake *f)
{
    for (uint32_t id = 0; id < f->m.n_units; id++) {
        job_done(f->m.units[id]);
        unit_handlers_done(f->m.units[id]);
        free(f->m.units[id]);
    }
    free(f->m.units);
    vec_done(&f->m.run_queue);
    vec_done(&f->m.job_hooks);
    vec_done(&f->m.checks);
    transaction_free(f->m.transaction);
    loop_free(f->m.loop);
    graph_free(f->graph);
    unit_set_free(f->set);
    str_done(&f->dispatched);
    str_done(&f->removed);
    free(f);
}

static UNUSED struct runtime *fake_unit(struct fake *f, const char *name)
{
    char full[64];
    (void)snprintf(full, sizeof full, "%s%s", name, strchr(name, '.') ? "" : ".service");
    return manager_unit(&f->m, id_of(f->set, full));
}

static UNUSED enum active_state state_of_name(const char *name)
{
    for (enum active_state state = 0; state < ACTIVE_STATE_COUNT; state++)
        if (strcmp(active_state_name(state), name) == 0) return state;
    fail_msg("no state %s", name);
    return 0;
}

/* "a=active,b=failed": as they are, without anything following from it. */
static UNUSED void fake_set_states(struct fake *f, const char *text)
{
    char *copy = strdup(text), *rest = copy;
    assert_non_null(copy);
    for (char *word; (word = strsep(&rest, ", "));) {
        char *equals = strchr(word, '=');
        if (!equals) continue;
        *equals = '\0';
        fake_unit(f, word)->active = (uint8_t)state_of_name(equals + 1);
    }
    free(copy);
}

/* "a/start b/stop!": installs these jobs as they are; "*": it runs, "!": irreversible. */
static UNUSED void fake_set_jobs(struct fake *f, const char *text)
{
    char *copy = strdup(text), *rest = copy;
    assert_non_null(copy);
    for (char *word; (word = strsep(&rest, " "));) {
        char *slash = strchr(word, '/');
        if (!slash) continue;
        *slash++ = '\0';
        size_t length = strcspn(slash, "*!");
        bool runs = strchr(slash, '*'), irreversible = strchr(slash, '!');
        slash[length] = '\0';
        struct runtime *rt = fake_unit(f, word);
        job_apply(&(struct planned_job){ .rt = rt, .type = job_type_of_name(slash), .irreversible = irreversible });
        if (runs) rt->job.state = JOB_RUNNING;
    }
    free(copy);
}

/* The installed jobs by name; owned by the caller. "(held)" and "*" (running) where they apply. */
static UNUSED struct str fake_jobs(struct fake *f)
{
    struct str out = STR_EMPTY;
    for (uint32_t id = 0; id < f->m.n_units; id++) {
        struct runtime *rt = f->m.units[id];
        if (rt->job.type == JOB_NONE) continue;
        assert_int_equal(str_appendf(&out, "%s%s/%s%s%s", out.length ? " " : "", fake_short(rt),
                                     job_type_name((enum job_type)rt->job.type), rt->job.held ? "(held)" : "",
                                     rt->job.state == JOB_RUNNING ? "*" : ""),
                         0);
    }
    return out;
}

/* What manager_run() does in a round, without events. */
static UNUSED void fake_settle(struct fake *f)
{
    for (int i = 0; i < 100; i++) {
        bool any = jobs_dispatch(&f->m, 1000) > 0 || f->m.checks.count > 0;
        units_check(&f->m);
        if (!any) return;
    }
    fail_msg("it never settles");
}
