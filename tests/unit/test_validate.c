#include "unit/validate.h"

#include <stdio.h>
#include "base/diag.h"
#include "tests/unit/set_builder.h"

/* Everything that is reported about a set, one line each, as "severity code FILE:LINE [Section] Key: message; hint". */
static void report_set(const char *units, struct str *out, bool *ret_refused)
{
    AUTO(unit_set_free) struct unit_set *set = build_set(units);
    AUTO(graph_free) struct graph *graph = NULL;
    AUTO(diag_sink_free) struct diag_sink *diags = diag_sink_new();
    assert_non_null(diags);
    assert_int_equal(graph_build(set, &graph), 0);
    assert_int_equal(unit_set_validate(set, graph, diags, ret_refused), 0);
    for (size_t i = 0; i < diag_total(diags); i++) {
        const struct diag *d = diag_get(diags, i);
        static const char *const severities[] = { "note", "warning", "error" };
        assert_int_equal(str_appendf(out, "%s%s %s %s:%u", i ? "\n" : "", severities[d->severity], d->code,
                                     d->at.file ? strrchr(d->at.file, '/') + 1 : "", d->at.line),
                         0);
        if (d->section) assert_int_equal(str_appendf(out, " [%s] %s", d->section, d->key), 0);
        assert_int_equal(str_appendf(out, ": %s", d->message), 0);
        if (d->hint) assert_int_equal(str_appendf(out, "; %s", d->hint), 0);
    }
}

struct rule_case {
    const char *label, *units;
    bool refused;
    const char *want;
};

static const struct rule_case rules[] = {
    { "a good set", "a.service After=b.service Requires=b.service\nb.service\nc.socket ListenStream=80\nc.service",
      false, "" },

    /* cycles */
    { "K38: a cycle with its members", "a.service After=b.service\nb.service After=a.service", true,
      "error dependency-cycle a.service:1: dependency cycle in unit set: a.service -> b.service -> a.service; "
      "a.service:1 After=b.service, b.service:2 After=a.service" },
    { "a cycle made by Before=", "a.service After=b.service Before=b.service\nb.service", true,
      "error dependency-cycle a.service:1: dependency cycle in unit set: a.service -> b.service -> a.service; "
      "a.service:1 After=b.service, a.service:1 Before=b.service" },
    { "S40: a socket after its own service", "a.socket After=a.service ListenStream=80\na.service", true,
      "error dependency-cycle a.service:0: dependency cycle in unit set: a.service -> a.socket -> a.service; "
      "a.service is activated by a.socket, a.socket:1 After=a.service" },
    { "K37: required by what it is before", "a.service Requires=b.service Before=b.service\nb.service", false, "" },

    /* requirements */
    { "S30: a missing requirement", "a.service\nb.service Requires=x.service", false,
      "warning missing-requirement b.service:2 [Unit] Requires: required unit x.service not found; b.service will "
      "not start" },
    { "each on its own", "b.service Requires=x.service,y.service", false,
      "warning missing-requirement b.service:1 [Unit] Requires: required unit x.service not found; b.service will "
      "not start\n"
      "warning missing-requirement b.service:1 [Unit] Requires: required unit y.service not found; b.service will "
      "not start" },
    { "S43: through another unit", "a.service BindsTo=b.service\nb.service Requires=x.service", false,
      "warning missing-requirement a.service:1 [Unit] BindsTo: required unit x.service not found (required by "
      "b.service); a.service will not start\n"
      "warning missing-requirement b.service:2 [Unit] Requires: required unit x.service not found; b.service will "
      "not start" },
    { "a masked requirement", "!b.service\na.service Requisite=b.service", false,
      "warning missing-requirement a.service:2 [Unit] Requisite: required unit b.service is masked; a.service will "
      "not start" },
    { "Wants= and After= of nothing are silent", "a.service Wants=x.service After=x.service Before=y.service", false,
      "" },

    /* handlers */
    { "S16: an unknown handler", "a.service OnFailure=x.service", false,
      "warning unknown-handler a.service:1 [Unit] OnFailure: unit x.service not found; nothing will handle the end "
      "of a.service" },
    { "an unknown handler of success", "a.service OnSuccess=x.service", false,
      "warning unknown-handler a.service:1 [Unit] OnSuccess: unit x.service not found; nothing will handle the end "
      "of a.service" },
    { "a known handler", "a.service OnFailure=x.service\nx.service", false, "" },

    /* relations */
    { "a relation to itself", "a.service After=a.service", false,
      "warning self-relation a.service:1 [Unit] After: a.service names itself (ignored)" },
    { "required and conflicting", "a.service Requires=b.service Conflicts=b.service\nb.service", false,
      "warning required-and-conflicting a.service:1 [Unit] Conflicts: b.service is required too; starting one of "
      "the two stops the other" },
    { "conflicting alone", "a.service Wants=b.service Conflicts=c.service\nb.service\nc.service", false, "" },

    /* D8 */
    { "no pause and no limit", "a.service Restart=always RestartSec=0", false,
      "note restart-without-pause a.service:0 [Service] RestartSec: 0 and no start limit: a.service restarts as "
      "fast as it fails; add StartLimitBurst= or a pause" },
    { "no pause, but a limit", "a.service Restart=always RestartSec=0 Limit=5", false, "" },
    { "a pause", "a.service Restart=always RestartSec=1", false, "" },
    { "no pause, no restart", "a.service RestartSec=0", false, "" },
};

static const struct rule_case socket_rules[] = {
    { "S16: a socket without its service", "a.socket ListenStream=80", false,
      "warning unknown-service a.socket:0 [Socket] Service: service a.service not found; a.socket has nothing to "
      "activate; Service= names another one, Accept=yes takes a template" },
    { "a Service= that does not exist", "a.socket ListenStream=80 Service=x.service\na.service", false,
      "warning unknown-service a.socket:0 [Socket] Service: service x.service not found; a.socket has nothing to "
      "activate" },
    { "S38: native and proxy on one service",
      "a.socket ListenStream=80 Service=s.service\nb.socket ListenStream=81 ProxyTarget=127.0.0.1:90 "
      "Service=s.service\ns.service",
      true,
      "error mixed-activation b.socket:0 [Socket] ActivationMode: s.service is activated by a.socket (native) and "
      "by "
      "b.socket (proxy); one service cannot have both" },
    { "D13: two native sockets on one service",
      "a.socket ListenStream=80 Service=s.service\nb.socket ListenStream=81 Service=s.service\ns.service", false, "" },
    { "two proxies on one service",
      "a.socket ListenStream=80 ProxyTarget=127.0.0.1:90 Service=s.service\nb.socket ListenStream=81 "
      "ProxyTarget=127.0.0.1:90 Service=s.service\ns.service",
      false, "" },
    { "one port, two spellings",
      "a.socket ListenStream=5050\na.service\nb.socket "
      "ListenStream=0.0.0.0:5050\nb.service",
      false,
      "warning address-clash b.socket:3 [Socket] ListenStream: 0.0.0.0:5050 is taken by a.socket (line 1); "
      "b.socket "
      "cannot listen there" },
    { "one path, two spellings", "a.socket ListenStream=/run/x\na.service\nb.socket ListenStream=/run//x\nb.service",
      false,
      "warning address-clash b.socket:3 [Socket] ListenStream: /run//x is taken by a.socket (line 1); b.socket "
      "cannot listen there" },
    { "twice in one socket", "a.socket ListenStream=80,[::]:80\na.service", false,
      "warning address-clash a.socket:1 [Socket] ListenStream: [::]:80 is taken by a.socket (line 1); a.socket "
      "cannot listen there" },
    { "three on one address: each is told once",
      "a.socket ListenStream=80\na.service\nb.socket ListenStream=80\nb.service\nc.socket ListenStream=80\n"
      "c.service",
      false,
      "warning address-clash b.socket:3 [Socket] ListenStream: [::]:80 is taken by a.socket (line 1); b.socket "
      "cannot listen there\n"
      "warning address-clash c.socket:5 [Socket] ListenStream: [::]:80 is taken by a.socket (line 1); c.socket "
      "cannot listen there" },
    { "where conditions choose, a note",
      "a.socket ListenStream=80 conditional\na.service\nb.socket "
      "ListenStream=80 conditional\nb.service",
      false,
      "note address-clash b.socket:3 [Socket] ListenStream: [::]:80 is taken by a.socket (line 1); b.socket "
      "cannot listen there" },
    { "other ports, other addresses",
      "a.socket ListenStream=80,/run/80\na.service\nb.socket ListenStream=81,127.0.0.1:82,@80\nb.service\n"
      "c.socket ListenStream=127.0.0.2:82,[::1]:82\nc.service",
      false, "" },
    { "a proxy to itself", "a.socket ListenStream=80 ProxyTarget=127.0.0.1:80\na.service", false,
      "warning proxy-loop a.socket:1 [Socket] ProxyTarget: '127.0.0.1:80' is what a.socket itself listens on" },

    { "an address that is none", "a.socket ListenStream=a:b\na.service", true,
      "error bad-address a.socket:1 [Socket] ListenStream: 'a:b' is not an address that a stream socket can have" },
    { "a target that is none", "a.socket ListenStream=80 ProxyTarget=*:81\na.service", true,
      "error bad-address a.socket:1 [Socket] ProxyTarget: '*:81' is not an address that a stream socket can have" },
};

static void check_rules(const struct rule_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        AUTO_STR struct str text = STR_EMPTY;
        bool refused = !cases[i].refused;
        print_message("  %s\n", cases[i].label);
        report_set(cases[i].units, &text, &refused);
        assert_string_equal(str_text(&text), cases[i].want);
        assert_int_equal(refused, cases[i].refused);
    }
}

static void test_rules(void **state)
{
    (void)state;
    check_rules(rules, COUNT_OF(rules));
}

static void test_socket_rules(void **state)
{
    (void)state;
    check_rules(socket_rules, COUNT_OF(socket_rules));
}

/* A very long cycle is named as far as anyone reads. */
static void test_long_cycle(void **state)
{
    (void)state;
    AUTO_STR struct str units = STR_EMPTY, text = STR_EMPTY;
    bool refused = false;
    for (int i = 0; i < 1000; i++)
        assert_int_equal(str_appendf(&units, "u%03d.service After=u%03d.service\n", i, (i + 1) % 1000), 0);
    report_set(str_text(&units), &text, &refused);
    assert_true(refused);
    assert_non_null(strstr(str_text(&text), "u062.service -> u063.service -> ... 936 more -> u000.service;"));
}

/* Strictness makes warnings errors; the set is not refused for them here. */
static void test_strict(void **state)
{
    (void)state;
    AUTO(unit_set_free) struct unit_set *set = build_set("a.service Requires=x.service");
    AUTO(graph_free) struct graph *graph = NULL;
    AUTO(diag_sink_free) struct diag_sink *diags = diag_sink_new();
    bool refused = true;
    assert_int_equal(graph_build(set, &graph), 0);
    diag_sink_set_strict(diags, true);
    assert_int_equal(unit_set_validate(set, graph, diags, &refused), 0);
    assert_false(refused);
    assert_int_equal(diag_count(diags, DIAG_ERROR), 1);
    assert_true(diag_get(diags, 0)->was_warning);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rules),
        cmocka_unit_test(test_socket_rules),
        cmocka_unit_test(test_long_cycle),
        cmocka_unit_test(test_strict),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
