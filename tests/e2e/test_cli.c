/* tests/e2e/test_cli.c - the command line, --validate and its exit statuses, through the real program. */
#include "tests/e2e/expect.h"
#include "tests/e2e/harness_internal.h"
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CLEAN  "[Service]\nExecStart=/bin/true\n"
#define TYPO   "[Service]\nExecStart=/bin/true\nExecStrat=/bin/false\n"
#define BROKEN "[Service]\nType=nonsense\nExecStart=/bin/true\n"

/* @U and @D in an argument stand for the scene's two directories. */
static int run(struct scene *s, const char *const *args, struct str *ret_output)
{
    char room[16][256];
    const char *argv[17] = { NULL };
    for (size_t i = 0; args[i]; i++) {
        const char *at = strpbrk(args[i], "@");
        assert_true(i < COUNT_OF(room));
        if (at && (at[1] == 'U' || at[1] == 'D'))
            (void)snprintf(room[i], sizeof room[i], "%.*s%s/%s", (int)(at - args[i]), args[i], scene_dir(s),
                           at[1] == 'U' ? "units" : "drop-in");
        else
            (void)snprintf(room[i], sizeof room[i], "%s", args[i]);
        argv[i] = room[i];
    }
    return scene_run(s, argv, ret_output);
}

static void expect_run(struct scene *s, const char *label, const char *const *args, int status, const char *text)
{
    struct str output = STR_EMPTY;
    print_message("  %s\n", label);
    int got = run(s, args, &output);
    if (got != status || !strstr(str_text(&output), text))
        scene_fail(s, "%s: left with %d, expected %d and \"%s\"; it said:\n%s", label, got, status, text,
                   str_text(&output));
    str_done(&output);
}

/* S01, S02, S04, S05, S06. The units are one clean and one with a typo, so that what was read shows in the summary. */
static void test_options(void **state)
{
    (void)state;
    static const struct {
        const char *label, *args[8];
        int status;
        const char *text;
    } rows[] = {
        { "S01: two dashes, next word", { "--validate", "--units", "@U", "--drop-in", "@D" }, 0, "units=1 " },
        { "S01: one dash", { "-validate", "-units", "@U", "-drop-in", "@D" }, 0, "units=1 " },
        { "S01: with =", { "--validate=true", "--units=@U", "-drop-in=@D" }, 0, "units=1 " },
        { "S01: a false boolean", { "--strict-units=false", "--validate", "--units=@U" }, 0, "strict=false" },
        { "S01: a true boolean", { "--strict-units=TRUE", "--validate", "--units=@U" }, 0, "strict=true" },
        { "S02: --version", { "--version" }, 0, "container-init " },
        { "S02: -version", { "-version" }, 0, "container-init " },
        { "S02: --stop-timeout", { "--stop-timeout", "1m30s", "--validate", "--units=@U" }, 0, "units=1 " },
        { "S04: -h", { "-h" }, 0, "--strict-units" },
        { "S04: --help", { "--help" }, 0, "--drop-in DIR" },
        { "S04: unknown option", { "--unit", "@U" }, 2, "--unit" },
        { "S04: no argument", { "--units" }, 2, "--units" },
        { "S04: not a boolean", { "--validate=maybe" }, 2, "--validate=maybe" },
        { "S04: no such format", { "--validate", "--format=xml", "--units=@U" }, 2, "xml" },
        { "S04: no such level", { "--log-level=loud", "--validate", "--units=@U" }, 2, "loud" },
        { "S05: a word left over", { "--validate", "--units=@U", "web.service" }, 2, "web.service" },
        { "S06: the probe", { "__probe" }, 0, "" },
        { "the table", { "directives" }, 0, "ExecStart " },
        { "the table in JSON", { "directives", "--json" }, 0, "\"ExecStart\"" },
        { "no other option of it", { "directives", "--xml" }, 2, "--json" },
        { "S22: a missing directory", { "--validate", "--units=/not/there", "--drop-in=@D" }, 0, "units=0 " },
        { "S22: an empty name", { "--validate", "--units=", "--drop-in=@U" }, 0, "units=1 " },
        { "S22: what is no directory", { "--validate", "--units=/etc/passwd" }, 64, "/etc/passwd" },
    };
    struct scene *s = scene_new();
    scene_unit(s, "clean.service", CLEAN);
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        expect_run(s, rows[i].label, rows[i].args, rows[i].status, rows[i].text);

    print_message("  S02: --version says no more\n");
    static const char *const version[] = { "--version", NULL };
    struct str output = STR_EMPTY;
    assert_int_equal(run(s, version, &output), 0);
    assert_string_equal(strchr(str_text(&output), '\n'), "\n");
    str_done(&output);
    scene_end(s);
}

/* S07, S08, K32: the statuses of --validate, and of a run on the same files (which leaves before it starts anything).
 */
static void test_statuses(void **state)
{
    (void)state;
    static const struct {
        const char *label, *text;
        int validate, strict;
        bool run_refuses;
    } rows[] = {
        { "clean", CLEAN, 0, 0, false },
        { "warning", TYPO, 1, 64, false },
        { "note only", CLEAN "[Install]\nWantedBy=multi-user.target\n", 0, 0, false },
        { "load error", BROKEN, 64, 64, true },
        { "nothing to start", "[Service]\nRestart=no\n", 64, 64, true },
        { "requirement missing", "[Unit]\nRequires=nowhere.service\n" CLEAN, 1, 64, false },
        { "unsupported", CLEAN "ProtectSystem=full\n", 1, 64, false },
        { "Type=dbus without a name", CLEAN "Type=dbus\n", 64, 64, true },
        { "S31: a bad time span", CLEAN "TimeoutStopSec=soon\n", 64, 64, true },
        { "S31: a bad signal", CLEAN "KillSignal=BOGUS\n", 64, 64, true },
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct scene *s = scene_new();
        print_message("  %s\n", rows[i].label);
        scene_unit(s, "odd.service", rows[i].text);
        expect_validate(s, NULL, rows[i].validate, NULL);
        expect_validate(s, "--strict-units", rows[i].strict, NULL);
        static const char *const strict_run[] = { "--strict-units", "--units=@U", "--drop-in=@D", NULL };
        static const char *const lenient_run[] = { "--units=@U", "--drop-in=@D", NULL };
        struct str output = STR_EMPTY;
        if (rows[i].strict == 64) {
            assert_int_equal(run(s, strict_run, &output), 64);
            bool said = strstr(str_text(&output), "container-init: load units: ") ||
                        strstr(str_text(&output), "container-init: supervisor: ");
            if (!said) scene_fail(s, "no reason in:\n%s", str_text(&output));
            str_done(&output);
        }
        if (rows[i].run_refuses) {
            assert_int_equal(run(s, lenient_run, &output), 64);
            str_done(&output);
        }
        scene_end(s);
    }
}

/* D17, S31: sockets that would be something else than what was asked for make the set refused, with their names. */
static void test_refused_sockets(void **state)
{
    (void)state;
    static const struct {
        const char *text, *said;
    } rows[] = {
        { "ListenStream=80\nAccept=yes\n", "[Socket] Accept: template odd@.service not found" }, /* K32 */
        { "ListenUSBFunction=/x\n", "[Socket] ListenUSBFunction: " },
        { "ListenFIFO=/x\nActivationMode=proxy\nProxyTarget=127.0.0.1:8\n", "[Socket] ListenFIFO: " },
        { "ListenStream=80\nActivationMode=proxy\n", "[Socket] ProxyTarget: " },
        { "ListenStream=80\nProxyTarget=127.0.0.1:8\n", "[Socket] ProxyTarget: " },
        { "ListenStream=bogus\n", "[Socket] ListenStream: 'bogus'" },
        { "SocketMode=0600\n", "odd.socket: " },
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct scene *s = scene_new();
        char text[256];
        print_message("  %s", rows[i].text);
        (void)snprintf(text, sizeof text, "[Socket]\n%s", rows[i].text);
        scene_unit(s, "odd.socket", text);
        scene_unit(s, "odd.service", CLEAN);
        expect_validate(s, NULL, 64, rows[i].said);
        scene_end(s);
    }
}

/* S12, S13, S14, D12: the texts, byte for byte. */
static void test_texts(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    struct str output = STR_EMPTY;
    static const char *const lenient[] = { "--validate", "--units=@U", "--drop-in=@D", NULL };
    static const char *const strict[] = { "--validate", "--strict-units", "--units=@U", "--drop-in=@D", NULL };
    static const char *const gcc[] = { "--validate", "--format=gcc", "--units=@U", "--drop-in=@D", NULL };
    static const char *const json[] = { "--validate", "--format=json", "--units=@U", "--drop-in=@D", NULL };
    static const char *const allowing[] = { "--validate", "--strict-units", "--allow=unknown-directive:ExecStrat",
                                            "--units=@U", "--drop-in=@D",   NULL };
    scene_unit(s, "web.service", TYPO);
    scene_drop_in(s, "web.socket", "[Socket]\nListenStream=80\n[Serivce]\n");

    assert_int_equal(run(s, lenient, &output), 1);
    const char *want[] = {
        "container-init: warning: web.service [Service] ExecStrat: directive not in supported subset (ignored) (line "
        "3, "
        "unknown-directive; did you mean ExecStart=?)\n",
        "container-init: warning: web.socket [Serivce]: unknown section [Serivce] (ignored) (line 3, ",
        "container-init validate: units=2 warnings=2 overrides=0 strict=false\n",
    };
    for (size_t i = 0; i < COUNT_OF(want); i++)
        if (!strstr(str_text(&output), want[i])) scene_fail(s, "no \"%s\" in:\n%s", want[i], str_text(&output));
    str_done(&output);

    print_message("  strict\n");
    assert_int_equal(run(s, strict, &output), 64);
    assert_non_null(strstr(str_text(&output), "container-init: load units: unit load errors:\n  unit load errors:\n"));
    assert_non_null(strstr(str_text(&output), "  web.service: strict-units: 1 warning(s) on web.service\n"));
    assert_non_null(strstr(str_text(&output), "  web.socket: strict-units: 1 warning(s) on web.socket\n"));
    assert_null(strstr(str_text(&output), "container-init validate:"));
    str_done(&output);

    print_message("  --allow\n");
    assert_int_equal(run(s, allowing, &output), 64);
    assert_null(strstr(str_text(&output), "on web.service"));
    str_done(&output);

    print_message("  --format=gcc\n");
    assert_int_equal(run(s, gcc, &output), 1);
    assert_non_null(strstr(str_text(&output), "units/web.service:3:1: warning"));
    str_done(&output);

    print_message("  --format=json\n");
    assert_int_equal(run(s, json, &output), 1);
    assert_non_null(strstr(str_text(&output), "\"unknown-directive\""));
    assert_non_null(strstr(str_text(&output), "\"warnings\":2}\n"));
    str_done(&output);
    scene_end(s);
}

/* S02: the option wins over the environment; both bound the stop of a service that ignores TERM. */
static void test_stop_timeout(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    struct scene_spec spec = SCENE_SPEC_DEFAULT;
    spec.args[0] = "-stop-timeout=200ms";
    assert_int_equal(box_spec_env(&spec.box, "CONTAINER_INIT_STOP_TIMEOUT=1h"), 0);
    scene_unit(
        s, "stubborn.service",
        "[Service]\nTimeoutStopSec=1h\nExecStart=/usr/local/bin/actor ignore TERM -- mark /scene/up x -- sleep\n");
    scene_boot(s, &spec);
    scene_wait_file(s, "up", "x");
    expect_stop(s, 1);
    expect_log(s, "container-init: shutdown: stubborn.service force-killed (stop timeout expired)\n");
    scene_end(s);
}

int main(void)
{
    scene_skip_unless_possible();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_options), cmocka_unit_test(test_statuses),     cmocka_unit_test(test_refused_sockets),
        cmocka_unit_test(test_texts),   cmocka_unit_test(test_stop_timeout),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
