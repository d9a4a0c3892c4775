#include "unit/graph.h"

#include <stdio.h>
#include "tests/unit/set_builder.h"

static void test_edges(void **state)
{
    (void)state;
    static const struct {
        const char *label, *units, *unit;
        enum graph_edge edge;
        const char *want;
    } cases[] = {
        { "After=", "a.service After=b.service\nb.service", "a.service", GRAPH_AFTER, "b.service" },
        { "After= seen from the other", "a.service After=b.service\nb.service", "b.service", GRAPH_BEFORE,
          "a.service" },
        { "Before= is After= of the other", "a.service Before=b.service\nb.service", "b.service", GRAPH_AFTER,
          "a.service" }, /* K36 */
        { "both ways of writing it are one edge", "a.service Before=b.service\nb.service After=a.service", "b.service",
          GRAPH_AFTER, "a.service" },
        { "Requires= does not order", "a.service Requires=b.service\nb.service", "a.service", GRAPH_AFTER,
          "" }, /* D1 */
        { "Requires=", "a.service Requires=b.service\nb.service", "b.service", GRAPH_REQUIRED_BY, "a.service" },
        { "sorted, without duplicates",
          "a.service Wants=d.service,c.service,b.service,c.service\nb.service\nc.service\n"
          "d.service",
          "a.service", GRAPH_WANTS, "b.service c.service d.service" },
        { "not to itself", "a.service After=a.service", "a.service", GRAPH_AFTER, "" },
        { "unknown names are left out", "a.service Wants=x.service", "a.service", GRAPH_WANTS, "" },
        { "Requisite=", "a.service Requisite=b.service\nb.service", "b.service", GRAPH_REQUISITE_OF, "a.service" },
        { "BindsTo=", "a.service BindsTo=b.service\nb.service", "b.service", GRAPH_BOUND_BY, "a.service" },
        { "PartOf=", "a.service PartOf=b.service\nb.service", "b.service", GRAPH_CONSISTS_OF, "a.service" },
        { "Conflicts=", "a.service Conflicts=b.service\nb.service", "b.service", GRAPH_CONFLICTED_BY, "a.service" },
        { "OnFailure=", "a.service OnFailure=b.service\nb.service", "b.service", GRAPH_ON_FAILURE_OF, "a.service" },
        { "OnSuccess=", "a.service OnSuccess=b.service\nb.service", "a.service", GRAPH_ON_SUCCESS, "b.service" },
        { "a socket triggers its service", "a.socket\na.service", "a.socket", GRAPH_TRIGGERS, "a.service" },
        { "and is ordered before it", "a.socket\na.service", "a.service", GRAPH_AFTER, "a.socket" },
        { "a socket with Service=", "a.socket Service=b.service\nb.service", "b.service", GRAPH_TRIGGERED_BY,
          "a.socket" },
        { "two sockets of one service", "a.socket Service=s.service\nb.socket Service=s.service\ns.service",
          "s.service", GRAPH_TRIGGERED_BY, "a.socket b.socket" },
        { "Sockets= wants the socket", "a.service Sockets=b.socket\nb.socket", "a.service", GRAPH_WANTS, "b.socket" },
        { "Sockets= orders after the socket", "a.service Sockets=b.socket\nb.socket", "a.service", GRAPH_AFTER,
          "b.socket" },
        { "Sockets= does not start", "a.service Sockets=b.socket\nb.socket", "a.service", GRAPH_TRIGGERED_BY, "" },
        { "passed by both", "a.service Sockets=b.socket\na.socket\nb.socket\nc.socket Service=a.service", "a.service",
          GRAPH_PASSED_BY, "a.socket b.socket c.socket" },
        { "passed to several", "a.service Sockets=b.socket\nb.service\nb.socket", "b.socket", GRAPH_PASSES_TO,
          "a.service b.service" },
        { "a timer passes nothing", "a.timer\na.service", "a.service", GRAPH_PASSED_BY, "" },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        AUTO(unit_set_free) struct unit_set *set = build_set(cases[i].units);
        AUTO(graph_free) struct graph *graph = NULL;
        char names[256];
        print_message("  %s\n", cases[i].label);
        assert_int_equal(graph_build(set, &graph), 0);
        struct id_span span = graph_edges(graph, id_of(set, cases[i].unit), cases[i].edge);
        assert_string_equal(names_of(set, span, names, sizeof names), cases[i].want);
    }
}

static void test_order(void **state)
{
    (void)state;
    static const struct {
        const char *label, *units, *want;
    } cases[] = {
        { "nothing", "", "" },
        { "ties by name", "c.service\na.service\nb.service", "a.service b.service c.service" },
        { "a chain", "a.service After=b.service\nb.service After=c.service\nc.service",
          "c.service b.service a.service" },
        { "a diamond",
          "top.service After=l.service,r.service\nl.service After=z.service\nr.service After=z.service\n"
          "z.service",
          "z.service l.service r.service top.service" },
        { "a target groups", "all.target After=b.service\nb.service\na.service After=all.target",
          "b.service all.target a.service" },
        { "socket before service", "a.service\na.socket", "a.socket a.service" },
        { "timer before service", "a.service\na.timer", "a.timer a.service" },
        { "path before what it starts", "a.service\nb.path Unit=a.service", "b.path a.service" },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        AUTO(unit_set_free) struct unit_set *set = build_set(cases[i].units);
        AUTO(graph_free) struct graph *graph = NULL;
        char names[256];
        print_message("  %s\n", cases[i].label);
        assert_int_equal(graph_build(set, &graph), 0);
        assert_int_equal(graph_cycle_count(graph), 0);
        assert_string_equal(names_of(set, graph_order(graph), names, sizeof names), cases[i].want);
    }
}

/* K38: the members in order, each After= the next. */
static void test_cycles(void **state)
{
    (void)state;
    static const struct {
        const char *label, *units, *want[3];
    } cases[] = {
        { "K37: required and before is none", "a.service Requires=b.service Before=b.service\nb.service", { NULL } },
        { "two", "b.service After=a.service\na.service After=b.service", { "a.service b.service" } },
        { "After= and Before=", "a.service After=b.service Before=b.service\nb.service", { "a.service b.service" } },
        { "three, begun with the first name",
          "c.service After=a.service\na.service After=b.service\nb.service "
          "After=c.service",
          { "a.service b.service c.service" } },
        { "S40: a socket after its own service", "a.socket After=a.service\na.service", { "a.service a.socket" } },
        { "what hangs on a cycle is no member",
          "a.service After=b.service\nb.service After=a.service\nc.service "
          "After=a.service\nd.service Before=a.service",
          { "a.service b.service" } },
        { "the shortest of a tangle",
          "a.service After=b.service\nb.service After=c.service\nc.service "
          "After=a.service,d.service\nd.service After=c.service",
          { "c.service d.service" } },
        { "two tangles",
          "a.service After=b.service\nb.service After=a.service\nx.service After=y.service\n"
          "y.service After=x.service",
          { "a.service b.service", "x.service y.service" } },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        AUTO(unit_set_free) struct unit_set *set = build_set(cases[i].units);
        AUTO(graph_free) struct graph *graph = NULL;
        size_t want = 0;
        print_message("  %s\n", cases[i].label);
        assert_int_equal(graph_build(set, &graph), 0);
        while (want < COUNT_OF(cases[i].want) && cases[i].want[want]) want++;
        assert_int_equal(graph_cycle_count(graph), want);
        for (size_t k = 0; k < want; k++) {
            char names[256];
            bool found = false;
            for (size_t c = 0; c < want; c++)
                found |= strcmp(names_of(set, graph_cycle(graph, c), names, sizeof names), cases[i].want[k]) == 0;
            assert_true(found);
        }
    }
}

/* S43, K34: a chain of requirements that leads to nothing. */
static void test_missing(void **state)
{
    (void)state;
    static const struct {
        const char *label, *units, *unit, *want, *via;
    } cases[] = {
        { "nothing is missing", "a.service Requires=b.service\nb.service", "a.service", NULL, NULL },
        { "Requires=", "a.service Requires=x.service", "a.service", "x.service", "a.service" },
        { "BindsTo=", "a.service BindsTo=x.service", "a.service", "x.service", "a.service" },
        { "Requisite=", "a.service Requisite=x.service", "a.service", "x.service", "a.service" },
        { "Wants= does not need it", "a.service Wants=x.service After=x.service", "a.service", NULL, NULL },
        { "through another", "a.service Requires=b.service\nb.service Requires=x.service", "a.service", "x.service",
          "b.service" },
        { "not through Wants=", "a.service Wants=b.service\nb.service Requires=x.service", "a.service", NULL, NULL },
        { "the nearest", "a.service Requires=b.service,x.service\nb.service Requires=y.service", "a.service",
          "x.service", "a.service" },
        { "round a circle",
          "a.service Requires=b.service\nb.service Requires=c.service,a.service\nc.service "
          "Requires=a.service,x.service",
          "b.service", "x.service", "c.service" },
        { "a masked unit is missing", "a.service Requires=b.service\n!b.service", "a.service", "b.service",
          "a.service" },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        AUTO(unit_set_free) struct unit_set *set = build_set(cases[i].units);
        AUTO(graph_free) struct graph *graph = NULL;
        uint32_t via = UINT32_MAX;
        print_message("  %s\n", cases[i].label);
        assert_int_equal(graph_build(set, &graph), 0);
        const char *missing = graph_missing_requirement(graph, id_of(set, cases[i].unit), &via);
        if (!cases[i].want) {
            assert_null(missing);
            continue;
        }
        assert_non_null(missing);
        assert_string_equal(missing, cases[i].want);
        assert_string_equal(unit_set_get(set, via)->name, cases[i].via);
    }
}

static void test_unknown_handlers(void **state)
{
    (void)state;
    AUTO(unit_set_free)
    struct unit_set *set = build_set(
        "a.service OnFailure=x.service,b.service OnSuccess=y.service\nb.service\nc.service OnFailure=z.service");
    AUTO(graph_free) struct graph *graph = NULL;
    assert_int_equal(graph_build(set, &graph), 0);
    assert_string_equal(graph_unknown_handler(graph, 0, 0), "x.service");
    assert_string_equal(graph_unknown_handler(graph, 0, 1), "y.service");
    assert_null(graph_unknown_handler(graph, 0, 2));
    assert_null(graph_unknown_handler(graph, 1, 0));
    assert_string_equal(graph_unknown_handler(graph, 2, 0), "z.service");
}

/* D16, D6, D18 */
static void test_start_reasons(void **state)
{
    (void)state;
    static const struct {
        const char *label, *units, *unit;
        enum start_reason want;
    } cases[] = {
        { "every unit starts", "a.service", "a.service", START_AT_BOOT },
        { "activated by its socket", "a.socket\na.service", "a.service", HELD_FOR_SOCKET },
        { "the socket itself starts", "a.socket\na.service", "a.socket", START_AT_BOOT },
        { "a requirement on the socket keeps it lazy",
          "a.socket\na.service Requires=a.socket\nb.service "
          "Requires=a.socket",
          "a.service", HELD_FOR_SOCKET },
        { "wanted besides", "a.socket\na.service\nb.service Wants=a.service", "a.service", START_AT_BOOT },
        { "required besides", "a.socket\na.service\nb.service Requires=a.service", "a.service", START_AT_BOOT },
        { "bound besides", "a.socket\na.service\nb.service BindsTo=a.service", "a.service", START_AT_BOOT },
        { "After= does not start", "a.socket\na.service\nb.service After=a.service", "a.service", HELD_FOR_SOCKET },
        { "Requisite= does not start", "a.socket\na.service\nb.service Requisite=a.service", "a.service",
          HELD_FOR_SOCKET },
        { "started by its timer", "a.timer\na.service", "a.service", HELD_FOR_TIMER },
        { "the timer itself starts", "a.timer\na.service", "a.timer", START_AT_BOOT },
        { "started by a path", "b.path Unit=a.service\na.service", "a.service", HELD_FOR_PATH },
        { "wanted besides its timer", "a.timer\na.service\nb.service Wants=a.service", "a.service", START_AT_BOOT },
        { "a failure handler", "a.service OnFailure=h.service\nh.service", "h.service", HELD_FOR_HANDLER },
        { "a success handler", "a.service OnSuccess=h.service\nh.service", "h.service", HELD_FOR_HANDLER },
        { "wanted by a unit that is held", "a.socket\na.service Wants=b.service\nh.socket Service=b.service\nb.service",
          "b.service", HELD_FOR_SOCKET },
        { "pulled along a chain",
          "r.service Wants=a.service\na.socket\na.service Wants=b.service\nh.socket "
          "Service=b.service\nb.service",
          "b.service", START_AT_BOOT },
        { "a built-in target", "a.service After=network.target\nnetwork.target builtin", "network.target",
          HELD_BUILTIN },
        { "a built-in target that is wanted", "a.service Wants=network.target\nnetwork.target builtin",
          "network.target", START_AT_BOOT },
        { "a target from a file", "all.target", "all.target", START_AT_BOOT },
        { "an instance that is only ordered", "a.service After=b@1.service\nb@1.service instance", "b@1.service",
          HELD_INSTANCE },
        { "an instance that is wanted", "a.service Wants=b@1.service\nb@1.service instance", "b@1.service",
          START_AT_BOOT },
        { "an instance of its socket", "a.socket Service=b@1.service\nb@1.service instance", "b@1.service",
          HELD_FOR_SOCKET },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        AUTO(unit_set_free) struct unit_set *set = build_set(cases[i].units);
        AUTO(graph_free) struct graph *graph = NULL;
        print_message("  %s\n", cases[i].label);
        assert_int_equal(graph_build(set, &graph), 0);
        assert_int_equal(graph_start_reason(graph, id_of(set, cases[i].unit)), cases[i].want);
    }
}

/* K94: nothing recurses, and nothing is quadratic enough to be noticed. */
static void test_deep_and_wide(void **state)
{
    (void)state;
    enum { DEEP = 5000, WIDE = 10000 };
    AUTO_STR struct str text = STR_EMPTY;
    for (int i = 0; i < DEEP; i++)
        assert_int_equal(
            str_appendf(&text, "u%05d.service After=u%05d.service Requires=u%05d.service\n", i, i + 1, i + 1), 0);
    AUTO(unit_set_free) struct unit_set *chain = build_set(str_text(&text)); /* the last one is missing */
    AUTO(graph_free) struct graph *graph = NULL;
    assert_int_equal(graph_build(chain, &graph), 0);
    assert_int_equal(graph_cycle_count(graph), 0);
    assert_int_equal(graph_order(graph).count, DEEP);
    assert_int_equal(graph_order(graph).ids[0], DEEP - 1);
    assert_string_equal(graph_missing_requirement(graph, 0, NULL), "u05000.service");

    assert_int_equal(str_appendf(&text, "u%05d.service After=u%05d.service\n", DEEP, 0), 0);
    AUTO(unit_set_free) struct unit_set *ring = build_set(str_text(&text));
    AUTO(graph_free) struct graph *ring_graph = NULL;
    assert_int_equal(graph_build(ring, &ring_graph), 0);
    assert_int_equal(graph_cycle_count(ring_graph), 1);
    assert_int_equal(graph_cycle(ring_graph, 0).count, DEEP + 1);

    str_clear(&text);
    for (int i = 0; i < WIDE; i++) assert_int_equal(str_appendf(&text, "w%05d.service After=all.target\n", i), 0);
    assert_int_equal(str_append(&text, "all.target\n"), 0);
    AUTO(unit_set_free) struct unit_set *star = build_set(str_text(&text));
    AUTO(graph_free) struct graph *star_graph = NULL;
    assert_int_equal(graph_build(star, &star_graph), 0);
    assert_int_equal(graph_edges(star_graph, id_of(star, "all.target"), GRAPH_BEFORE).count, WIDE);
    assert_int_equal(graph_order(star_graph).count, WIDE + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_edges),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_cycles),
        cmocka_unit_test(test_missing),
        cmocka_unit_test(test_unknown_handlers),
        cmocka_unit_test(test_start_reasons),
        cmocka_unit_test(test_deep_and_wide),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
