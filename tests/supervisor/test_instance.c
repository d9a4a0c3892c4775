/* Units that come and go, against a model: who is there, under which id, and who is whose neighbour. */
#include "supervisor/instance.h"

#include "tests/supervisor/fake_manager.h"

#include "unit/template.h"

static const char units[] = "a.service OnFailure=b.service\n"
                            "b.service\n"
                            "echo@.service instance After=a.service Requires=a.service Conflicts=stop.target "
                            "Before=stop.target OnFailure=b.service\n"
                            "other@.service instance BindsTo=a.service PartOf=b.service After=b.service\n"
                            "stop.target\n";
static const char *const prototypes[] = { "echo@.service", "other@.service" };

enum { LIVE_MAX = 24, STEPS = 3000 };

struct model {
    struct fake *f;
    uint32_t n_own; /* units of the set */
    struct {
        struct runtime *rt; /* NULL: free */
        const struct unit *prototype;
        char name[64];
    } live[LIVE_MAX];
    unsigned made;
};

static uint32_t random_state = 0x2545f491;
static uint32_t random_below(uint32_t n)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 17;
    random_state ^= random_state << 5;
    return random_state % n;
}

static struct runtime *add(struct fake *f, const struct unit *prototype, const char *name)
{
    struct arena *arena = arena_new();
    struct unit_instance *made = arena ? arena_alloc(arena, sizeof *made) : NULL;
    struct runtime *rt = NULL;
    assert_non_null(made);
    if (!made) return NULL;
    made->arena = arena;
    made->unit = *prototype;
    made->unit.name = arena_strdup(arena, name);
    assert_int_equal(instance_add(&f->m, made, prototype, &rt), 0);
    assert_string_equal(runtime_name(rt), name);
    return rt;
}

static void end(struct runtime *rt)
{
    struct manager *m = rt->manager;
    instance_check(rt);
    instances_collect(m);
}

static unsigned find_slot(struct model *model, bool live)
{
    unsigned i = random_below(LIVE_MAX);
    for (unsigned k = 0; k < LIVE_MAX; k++, i = (i + 1) % LIVE_MAX)
        if ((model->live[i].rt != NULL) == live) return i;
    return LIVE_MAX;
}

static void step(struct model *model)
{
    bool adds = random_below(2) == 0;
    unsigned i = find_slot(model, !adds);
    if (i == LIVE_MAX) return;
    if (adds) {
        model->live[i].prototype =
            unit_set_find(model->f->set, prototypes[random_below((uint32_t)COUNT_OF(prototypes))]);
        (void)snprintf(model->live[i].name, sizeof model->live[i].name, "%.*s%u.service",
                       (int)strcspn(model->live[i].prototype->name, "."), model->live[i].prototype->name,
                       model->made++);
        model->live[i].rt = add(model->f, model->live[i].prototype, model->live[i].name);
        return;
    }
    struct runtime *rt = model->live[i].rt;
    if (random_below(4) == 0) { /* one that has a job stays until that is gone */
        job_apply(&(struct planned_job){ .rt = rt, .type = JOB_START });
        end(rt);
        assert_ptr_equal(instance_find(&model->f->m, model->live[i].name), rt);
        job_finish(rt, JOB_RESULT_CANCELED, JOB_SPREADS);
        assert_int_equal(jobs_dispatch(&model->f->m, 8), 0); /* its place in the queue goes */
        instances_collect(&model->f->m);
    } else {
        end(rt);
    }
    model->live[i].rt = NULL;
    assert_null(instance_find(&model->f->m, model->live[i].name));
}

static bool span_has(struct id_span span, uint32_t id)
{
    for (uint32_t i = 0; i < span.count; i++)
        if (span.ids[i] == id) return true;
    return false;
}

/* Every neighbour of the set's units and no other, in the order of ids. */
static void check_edges(const struct model *model, uint32_t id)
{
    const struct manager *m = &model->f->m;
    for (enum graph_edge edge = 0; edge < GRAPH_EDGE_COUNT; edge++) {
        struct id_span own = graph_edges(m->graph, id, edge), now = manager_edges(m, id, edge);
        uint32_t want = own.count;
        for (uint32_t i = 1; i < now.count; i++) assert_true(now.ids[i - 1] < now.ids[i]);
        for (unsigned i = 0; i < LIVE_MAX; i++) {
            if (!model->live[i].rt) continue;
            bool is_neighbour = span_has(own, model->live[i].prototype->id);
            assert_int_equal(span_has(now, model->live[i].rt->unit->id), is_neighbour);
            want += is_neighbour;
        }
        assert_int_equal(now.count, want);
        for (uint32_t i = 0; i < own.count; i++) assert_int_equal(now.ids[i], own.ids[i]);
    }
}

static void check_instance(const struct model *model, unsigned i)
{
    const struct manager *m = &model->f->m;
    uint32_t id = model->live[i].rt->unit->id;
    assert_ptr_equal(manager_unit(m, id), model->live[i].rt);
    assert_ptr_equal(manager_find(m, model->live[i].name), model->live[i].rt);
    assert_int_equal(manager_graph_id(m, id), model->live[i].prototype->id);
    for (enum graph_edge edge = 0; edge < GRAPH_EDGE_COUNT; edge++) {
        struct id_span span = manager_edges(m, id, edge);
        struct id_span of = graph_edges(m->graph, model->live[i].prototype->id, edge);
        assert_int_equal(span.count, of.count);
        for (uint32_t k = 0; k < span.count; k++) assert_int_equal(span.ids[k], of.ids[k]);
    }
}

static void check(const struct model *model)
{
    const struct manager *m = &model->f->m;
    uint32_t count = 0, end_of_ids = model->n_own;
    for (unsigned i = 0; i < LIVE_MAX; i++) {
        if (!model->live[i].rt) continue;
        count++;
        end_of_ids = MAX_OF(end_of_ids, model->live[i].rt->unit->id + 1);
        check_instance(model, i);
    }
    assert_int_equal(instances_count(m), count);
    assert_int_equal(m->n_units, end_of_ids); /* nothing is left behind the last one */
    for (uint32_t id = model->n_own; id < m->n_units; id++)
        if (!manager_unit(m, id)->instance) assert_true(runtime_is_hidden(manager_unit(m, id)));
    for (uint32_t id = 0; id < model->n_own; id++) check_edges(model, id);
}

static void test_random(void **state)
{
    (void)state;
    struct model model = { .f = fake_new(units) };
    model.n_own = model.f->m.n_units;
    for (unsigned i = 0; i < STEPS; i++) {
        step(&model);
        if (i % 7 == 0) check(&model);
    }
    for (unsigned i = 0; i < LIVE_MAX; i++) {
        if (model.live[i].rt) end(model.live[i].rt);
        model.live[i].rt = NULL;
    }
    check(&model);
    for (uint32_t id = 0; id < model.n_own; id++) /* and no row either */
        for (enum graph_edge edge = 0; edge < GRAPH_EDGE_COUNT; edge++)
            assert_ptr_equal(manager_edges(&model.f->m, id, edge).ids, graph_edges(model.f->graph, id, edge).ids);
    instances_free(&model.f->m);
    fake_free(model.f);
}

/* Relations of the template are those of the instance: it starts, stops and waits with its neighbours. */
static void test_jobs(void **state)
{
    (void)state;
    struct fake *f = fake_new(units);
    struct runtime *one = add(f, unit_set_find(f->set, "echo@.service"), "echo@1.service");
    struct runtime *two = add(f, unit_set_find(f->set, "other@.service"), "other@2.service");
    assert_int_equal(jobs_start(&f->m, one), 0);
    assert_int_equal(jobs_start(&f->m, two), 0);
    assert_int_equal(fake_unit(f, "a")->job.type, JOB_START); /* it is required */
    assert_int_equal(one->job.blockers, 1);
    assert_int_equal(jobs_dispatch(&f->m, 8), 1 + 1);
    assert_string_equal(str_text(&f->dispatched), "start a, start other@2");
    runtime_set_active(fake_unit(f, "a"), ACTIVE_STATE_ACTIVE, "?", "?");
    runtime_set_active(two, ACTIVE_STATE_ACTIVE, "?", "?");
    assert_int_equal(jobs_dispatch(&f->m, 8), 1);
    runtime_set_active(one, ACTIVE_STATE_ACTIVE, "?", "?");
    str_clear(&f->dispatched);
    assert_int_equal(jobs_stop(&f->m, fake_unit(f, "a")), 0); /* takes along what requires it and what is bound to it */
    assert_int_equal(one->job.type, JOB_STOP);
    assert_int_equal(two->job.type, JOB_STOP);
    assert_int_equal(fake_unit(f, "echo@.service")->job.type, JOB_NONE);
    assert_int_equal(jobs_dispatch(&f->m, 8), 2);
    assert_string_equal(str_text(&f->dispatched), "stop echo@1, stop other@2");
    instances_collect(&f->m);
    assert_int_equal(instances_count(&f->m), 2);
    runtime_set_active(one, ACTIVE_STATE_INACTIVE, "?", "dead");
    runtime_set_active(two, ACTIVE_STATE_FAILED, "?", "failed");
    units_check(&f->m); /* which still has the second in its list */
    instances_collect(&f->m);
    assert_int_equal(instances_count(&f->m), 0);
    assert_int_equal(jobs_dispatch(&f->m, 8), 1); /* now "a", which waited for the one after it */
    runtime_set_active(fake_unit(f, "a"), ACTIVE_STATE_INACTIVE, "?", "dead");
    instances_free(&f->m);
    fake_free(f);
}

/* K59: a failed one is not kept, but for as long as its handler runs, which is told of it. */
static void test_handler(void **state)
{
    (void)state;
    struct fake *f = fake_new(units);
    struct runtime *one = add(f, unit_set_find(f->set, "echo@.service"), "echo@1.service");
    struct runtime *handler = fake_unit(f, "b");
    runtime_set_active(one, ACTIVE_STATE_ACTIVE, "?", "?");
    runtime_set_active(one, ACTIVE_STATE_FAILED, "?", "failed");
    unit_failed_for_good(one, 7);
    assert_ptr_equal(handler->cause, one);
    instances_collect(&f->m);
    assert_int_equal(instances_count(&f->m), 1);
    assert_int_equal(jobs_dispatch(&f->m, 8), 1);
    runtime_set_active(handler, ACTIVE_STATE_ACTIVATING, "?", "?");
    instances_collect(&f->m);
    assert_int_equal(instances_count(&f->m), 1);
    runtime_set_active(handler, ACTIVE_STATE_INACTIVE, "?", "dead");
    instances_collect(&f->m);
    assert_int_equal(instances_count(&f->m), 0);
    assert_null(handler->cause);
    instances_free(&f->m);
    fake_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_jobs),
        cmocka_unit_test(test_handler),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
