#include "tests/unit/parse_unit.h"

/* The rendered texts are what image builds look for (S12, S30, D12). */
static void assert_rendered(const struct parsed *u, size_t index, const char *want)
{
    const struct diag *d = diag_get(u->diags, index);
    assert_non_null(d);
    char *text = diag_render(d, DIAG_TEXT);
    assert_string_equal(text, want);
    free(text);
}

static void test_texts(void **state)
{
    (void)state;
    struct parsed u =
        parse_unit("web.service",
                   "[Service]\nExecStart=/bin/true\nExecStrat=1\nWantedBy=x\nProtectHome=yes\nafter=x\n"
                   "Qqqqqqqqqqqq=1\n[Foo]\nA=1\n[Socket]\nListenStream=1\n[Empty]\n[X-Mine]\nA=1\n[Timer]\nB=1\n",
                   true);
    assert_rendered(&u, 0,
                    "warning: test.unit [Service] ExecStrat: directive not in supported subset (ignored) (line 3, "
                    "unknown-directive; did you mean ExecStart=?)");
    assert_rendered(&u, 1,
                    "warning: test.unit [Service] WantedBy: directive not in supported subset (ignored) (line 4, "
                    "unknown-directive; belongs in [Install])");
    assert_rendered(&u, 2,
                    "warning: test.unit [Service] ProtectHome: directive not in supported subset (ignored) (line 5, "
                    "unsupported; the container runtime owns the mount namespace, and the unit sees all of it)");
    assert_rendered(&u, 3,
                    "warning: test.unit [Service] after: directive not in supported subset (ignored) (line 6, "
                    "unknown-directive; did you mean After= in [Unit]?)");
    assert_rendered(&u, 4,
                    "warning: test.unit [Service] Qqqqqqqqqqqq: directive not in supported subset (ignored) (line 7, "
                    "unknown-directive)");
    assert_rendered(&u, 5, "warning: test.unit [Foo] A: unknown section [Foo] (ignored) (line 9, unknown-section)");
    assert_rendered(&u, 6,
                    "warning: test.unit [Socket] ListenStream: [Socket] directive in non-socket unit (ignored) (line "
                    "11, misplaced-section)");
    assert_rendered(&u, 7, "warning: test.unit [Empty]: unknown section [Empty] (ignored) (line 12, unknown-section)");
    assert_rendered(
        &u, 8,
        "warning: test.unit [Timer] B: [Timer] directive in non-timer unit (ignored) (line 16, misplaced-section)");
    assert_int_equal(diag_total(u.diags), 9);
    assert_int_equal(u.result, 0);
    parsed_done(&u);

    u = parse_unit("web.socket", "[Socket]\nListenStream=1\n[Service]\nExecStart=/bin/true\n[Foo]\n", true);
    assert_rendered(&u, 0,
                    "warning: test.unit [Service] ExecStart: [Service] directive in non-service unit (ignored) (line "
                    "4, misplaced-section)");
    assert_rendered(&u, 1, "warning: test.unit [Foo]: unknown section [Foo] (ignored) (line 5, unknown-section)");
    parsed_done(&u);

    /* systemd's units: once per section, where it begins. */
    u = parse_unit("web.service", "[Service]\nExecStart=/x\n[Foo]\nA=1\nB=2\n[Timer]\nC=3\n[X-Y]\nD=4\n", false);
    assert_string_equal(u.codes, "unknown-section@3 misplaced-section@6 ");
    parsed_done(&u);

    static const char nul[] = "[Service]\nExecStart=/x\0Bar=1\n";
    u = parse_bytes("web.service", nul, sizeof nul - 1, false, NULL); /* a NUL byte ends the line */
    assert_string_equal(u.codes, "unknown-directive@3 ");
    assert_int_equal(u.result, 0);
    parsed_done(&u);

    /* What systemd cannot use ends the reading; the file is none, or the unit has a bad setting. */
    u = parse_unit("web.service", "[Service]\nExecStart=./x\nUser=daemon\n", false);
    assert_int_equal(u.result, FRAGMENT_REFUSED);
    assert_null(u.settings.exec.user);
    parsed_done(&u);
    u = parse_unit("web.service", "[Service]\nUser=daemon\n[Service\nGroup=daemon\n", false);
    assert_int_equal(u.result, FRAGMENT_BROKEN);
    assert_null(u.settings.exec.group);
    parsed_done(&u);

    u = parse_unit("x.target", "[Unit]\nDescription=x\n[Target]\nFoo=1\n[Install]\nWantedBy=y.target\n", true);
    assert_string_equal(u.codes, "unknown-directive@4 ");
    assert_texts(&u.settings.install.wanted_by, "<y.target>");
    parsed_done(&u);
}

/* Strictness and --allow work on what is reported here. */
static void test_strict(void **state)
{
    (void)state;
    static const char text[] = "[Service]\nExecStart=/bin/true\nProtectHome=yes\nSyslogLevel=5\n";
    struct fragment_context context = { .unit_name = "a.service", .kind = UNIT_KIND_SERVICE, .native = true };
    for (int allowed = 0; allowed <= 1; allowed++) {
        AUTO(arena_free) struct arena *arena = arena_new();
        AUTO(diag_sink_free) struct diag_sink *diags = diag_sink_new();
        struct unit_settings settings = unit_settings_default;
        diag_sink_set_strict(diags, true);
        if (allowed) assert_int_equal(diag_sink_allow(diags, "unsupported:ProtectHome"), 0);
        assert_int_equal(fragment_parse(arena, "a.service", text, sizeof text - 1, &context, &settings, diags), 0);
        assert_int_equal(diag_count(diags, DIAG_ERROR), !allowed);
        assert_int_equal(diag_count(diags, DIAG_NOTE), 1 + allowed); /* "accepted" is a note in any mode */
    }
}

/* clang-format off */
static const struct {
    const char *label, *name, *text, *native, *systemd;
} finish_cases[] = { /* S31, D17 */
    { "no ExecStart=", "a.service", "[Service]\nType=simple\n", "missing-exec-start@0 !", "missing-exec-start@0 !" },
    { "no [Service]", "a.service", "[Unit]\n", "missing-exec-start@0 !", "missing-exec-start@0 !" },
    { "only ExecStop=", "a.service", "[Service]\nRemainAfterExit=yes\nExecStop=/bin/true\n", "missing-exec-start@0 !", "" },
    { "oneshot with Restart=always", "a.service", "[Service]\nType=oneshot\nRestart=always\nExecStart=/x\n", "bad-restart@0 !", "bad-restart@0 !" },
    { "oneshot with Restart=on-failure", "a.service", "[Service]\nType=oneshot\nRestart=on-failure\nExecStart=/x\n", "", "" },
    { "no listener", "a.socket", "[Socket]\n", "missing-listener@0 !", "missing-listener@0 !" },
    { "a refused listener is one", "a.socket", "[Socket]\nListenUSBFunction=1\n", "unsupported-value@2 !", "unsupported-value@2 !" },
    { "proxy without a target", "a.socket", "[Socket]\nListenStream=1\nActivationMode=proxy\n", "missing-proxy-target@0 !", "missing-proxy-target@0 !" },
    { "proxy", "a.socket", "[Socket]\nListenStream=1\nActivationMode=proxy\nProxyTarget=127.0.0.1:18080\n", "", "" },
    { "proxy to a path", "a.socket", "[Socket]\nListenStream=1\nActivationMode=proxy\nProxyTarget=unix:/run/x\n", "", "" },
    { "proxy to tcp:", "a.socket", "[Socket]\nListenStream=1\nActivationMode=proxy\nProxyTarget=tcp:localhost:1\n", "", "" },
    { "target with native", "a.socket", "[Socket]\nListenStream=1\nProxyTarget=127.0.0.1:1\n", "proxy-target-unused@3 !", "proxy-target-unused@3 !" },
    { "an empty target unit", "a.target", "", "", "" },
    { "not UTF-8", "a.target", "[Unit]\nDescription=\xff\n", "bad-utf8@2 !", "bad-utf8@2 !" },
    { "bad header", "a.target", "[Unit\n", "bad-section-header@1 !", "bad-section-header@1 !" },
};
/* clang-format on */

static void test_finish(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(finish_cases); i++) {
        for (int native = 0; native <= 1; native++) {
            struct parsed u = parse_unit(finish_cases[i].name, finish_cases[i].text, native);
            AUTO_STR struct str got = STR_EMPTY;
            print_message("  %s%s\n", finish_cases[i].label, native ? "" : " (systemd)");
            assert_int_equal(str_appendf(&got, "%s%s", u.codes, u.result ? "!" : ""), 0);
            assert_string_equal(str_text(&got), native ? finish_cases[i].native : finish_cases[i].systemd);
            parsed_done(&u);
        }
    }
}

/* D8, D15, S50. */
static void test_defaults(void **state)
{
    (void)state;
    const usec_t second = USEC_PER_SEC;
    const struct {
        const char *lines;
        usec_t start, stop, interval;
        uint32_t burst;
        bool native;
    } rows[] = {
        { "", 90 * second, 5 * second, 0, 0, true },
        { "", 90 * second, 90 * second, 10 * second, 5, false },
        { "Type=oneshot", USEC_INFINITY, 5 * second, 0, 0, true },
        { "Type=oneshot\nTimeoutStartSec=60s", 60 * second, 5 * second, 0, 0, true },
        { "StartLimitBurst=3", 90 * second, 5 * second, 10 * second, 3, true },
        { "StartLimitIntervalSec=60s", 90 * second, 5 * second, 60 * second, 5, true },
        { "StartLimitIntervalSec=0", 90 * second, 5 * second, 0, 5, true },
        { "StartLimitBurst=0", 90 * second, 90 * second, 10 * second, 0, false },
        { "StartLimitIntervalSec=60s", 90 * second, 90 * second, 60 * second, 5, false },
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct parsed u = parse_service(rows[i].lines, rows[i].native);
        print_message("  %s\n", rows[i].lines);
        assert_int_equal(u.settings.service.timeout_start, rows[i].start);
        assert_int_equal(u.settings.service.timeout_stop, rows[i].stop);
        assert_int_equal(u.settings.unit.start_limit_interval, rows[i].interval);
        assert_int_equal(u.settings.unit.start_limit_burst, rows[i].burst);
        assert_int_equal(u.settings.service.restart_usec, 100 * USEC_PER_MSEC);
        parsed_done(&u);
    }
    struct parsed u = parse_unit("a.service", "[Service]\nExecStop=/bin/true\nRemainAfterExit=yes\n", false);
    assert_int_equal(u.settings.service.type, SERVICE_ONESHOT);
    parsed_done(&u);
}

/* The base file and its drop-ins write one after the other into the same settings. */
static void test_dropins(void **state)
{
    (void)state;
    AUTO(arena_free) struct arena *arena = arena_new();
    AUTO(diag_sink_free) struct diag_sink *diags = diag_sink_new();
    struct unit_settings settings = unit_settings_default;
    struct fragment_context context = { .unit_name = "a.service", .kind = UNIT_KIND_SERVICE, .native = true };
    static const char base[] =
        "[Unit]\nAfter=x.service\n[Service]\nExecStart=/bin/a\nEnvironment=A=1\nRestart=always\n";
    static const char dropin[] = "[Unit]\nAfter=y.service\n[Service]\nExecStart=\nExecStart=/bin/b\nEnvironment=B=2\n";
    assert_int_equal(fragment_parse(arena, "a.service", base, sizeof base - 1, &context, &settings, diags), 0);
    context.is_dropin = true;
    assert_int_equal(fragment_parse(arena, "a.conf", dropin, sizeof dropin - 1, &context, &settings, diags), 0);
    assert_int_equal(fragment_finish(arena, "a.service", &context, &settings, diags), 0);
    assert_int_equal(settings.service.commands[SERVICE_EXEC_START].count, 1);
    assert_string_equal(settings.service.commands[SERVICE_EXEC_START].items[0].origin.file, "a.conf");
    assert_texts(&settings.exec.environment, "<A=1> <B=2>");
    assert_int_equal(settings.unit.relations[UNIT_AFTER].count, 2);
    assert_int_equal(settings.service.restart, RESTART_ALWAYS);
}

/* K94: a file that is wrong in every line ends with a bounded number of diagnostics, and before the test's time is up:
 * likenesses of a million typos are not looked for. */
static void test_flood(void **state)
{
    (void)state;
    AUTO_STR struct str text = STR_EMPTY;
    assert_int_equal(str_append(&text, "[Service]\n"), 0);
    for (int i = 0; i < 1000000; i++) assert_int_equal(str_append(&text, "ExecStrat=1\n"), 0);
    struct parsed u = parse_unit("a.service", str_text(&text), true);
    assert_int_equal(u.result, 1);
    assert_true(diag_total(u.diags) <= 1002);
    parsed_done(&u);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts),    cmocka_unit_test(test_strict),  cmocka_unit_test(test_finish),
        cmocka_unit_test(test_defaults), cmocka_unit_test(test_dropins), cmocka_unit_test(test_flood),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
