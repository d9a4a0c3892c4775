#include "cmd/container-init/commands.h"
#include "cmd/container-init/validate.h"

#include "tests/unit/scratch_dir.h"

#include "base/json.h"
#include "base/log.h"
#include "base/str.h"
#include "unit/graph.h"
#include "unit/unit.h"

#define SERVICE "[Service]\nExecStart=/bin/true\n"

struct fixture {
    struct scratch dir;
    char base[96], derived[96];
    struct str log; /* what went to descriptor 2, with the scratch directory cut out of paths */
    char *out, *err;
    size_t out_size, err_size;
};

/* Keeps a log line, paths without the scratch directory's changing name. */
static void keep_line(const char *line, size_t length, void *userdata)
{
    struct fixture *f = userdata;
    const char *end = line + length, *at;
    size_t root = strlen(f->dir.root);
    while ((at = memmem(line, (size_t)(end - line), f->dir.root, root))) {
        assert_int_equal(str_append_bytes(&f->log, line, (size_t)(at - line)), 0);
        line = at + root;
    }
    assert_int_equal(str_append_bytes(&f->log, line, (size_t)(end - line)), 0);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    scratch_init(&f->dir);
    scratch_mkdir(&f->dir, "base");
    scratch_mkdir(&f->dir, "derived");
    (void)snprintf(f->base, sizeof f->base, "%s/base", f->dir.root);
    (void)snprintf(f->derived, sizeof f->derived, "%s/derived/", f->dir.root);
    log_set_writer(keep_line, f);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    log_set_writer(NULL, NULL);
    scratch_done(&f->dir);
    str_done(&f->log);
    free(f->out);
    free(f->err);
    free(f);
    return 0;
}

struct how {
    bool strict, run;
    enum diag_format format;
    const char *allow, *rule;
};

static int check_units(struct fixture *f, struct how how)
{
    static char *const environment[] = { NULL };
    const char *const directories[] = { f->base, f->derived, NULL };
    const char *const allow[] = { how.allow, NULL };
    struct loaded_units units = { 0 };
    free(f->out);
    free(f->err);
    str_clear(&f->log);
    FILE *out = open_memstream(&f->out, &f->out_size);
    FILE *err = open_memstream(&f->err, &f->err_size);
    assert_non_null(out);
    assert_non_null(err);
    const char *const rules[] = { how.rule, NULL };
    const struct validate_request request = {
        .directories = directories,
        .environment = environment,
        .allow = allow,
        .rules = rules,
        .strict = how.strict,
        .format = how.format,
        .out = out,
        .err = err,
    };
    int status = how.run ? cmd_load_units(&request, &units) : cmd_validate(&request);
    assert_int_equal(fclose(out), 0);
    assert_int_equal(fclose(err), 0);
    if (how.run && status == 0) {
        assert_non_null(units.set);
        assert_non_null(units.graph);
    }
    loaded_units_done(&units);
    return status;
}

#define VALIDATE ((struct how){ 0 })
#define STRICT   ((struct how){ .strict = true })
#define RUN      ((struct how){ .run = true })

/* S08, S13: the exit statuses and the line on standard output. */
static void test_clean(void **state)
{
    struct fixture *f = *state;
    scratch_write(&f->dir, "base/web.service", SERVICE);
    assert_int_equal(check_units(f, VALIDATE), 0);
    assert_string_equal(f->out, "container-init validate: units=1 warnings=0 overrides=0 strict=false\n");
    assert_string_equal(str_text(&f->log), "");
    assert_int_equal(check_units(f, STRICT), 0);
    assert_string_equal(f->out, "container-init validate: units=1 warnings=0 overrides=0 strict=true\n");
    assert_int_equal(check_units(f, RUN), 0);
    assert_string_equal(f->out, "");
    assert_string_equal(str_text(&f->log), "");
}

/* S12, D12 */
static void test_warnings(void **state)
{
    struct fixture *f = *state;
    static const char want[] = "container-init: warning: web.service [Service] ExecStrat: directive not in supported "
                               "subset (ignored) (line 3, "
                               "unknown-directive; did you mean ExecStart=?)\n";
    scratch_write(&f->dir, "base/web.service", SERVICE "ExecStrat=x\n");
    assert_int_equal(check_units(f, VALIDATE), EXIT_WARNINGS);
    assert_string_equal(f->out, "container-init validate: units=1 warnings=1 overrides=0 strict=false\n");
    assert_string_equal(str_text(&f->log), want);
    assert_int_equal(check_units(f, RUN), 0);
    assert_string_equal(str_text(&f->log), want);
}

/* S14: warnings first, then each file; the line of S13 is not reached. */
static void test_strict(void **state)
{
    struct fixture *f = *state;
    static const char block[] = "container-init: load units: unit load errors:\n"
                                "  unit load errors:\n"
                                "  web.service: strict-units: 2 warning(s) on web.service\n"
                                "  unit load errors:\n"
                                "  api.service: strict-units: 1 warning(s) on api.service\n";
    scratch_write(&f->dir, "base/web.service", SERVICE "ExecStrat=x\nUsr=x\n");
    scratch_write(&f->dir, "derived/api.service", SERVICE "[Servce]\nUser=x\n");
    for (int run = 0; run < 2; run++) {
        assert_int_equal(check_units(f, (struct how){ .strict = true, .run = run }), EXIT_UNITS);
        assert_string_equal(f->out, "");
        assert_int_equal(strncmp(str_text(&f->log), "container-init: warning: ", 25), 0);
        const char *at = strstr(str_text(&f->log), "container-init: load units: ");
        assert_non_null(at);
        assert_string_equal(at, block);
    }
}

/* S14: a warning of the whole set. */
static void test_strict_missing_requirement(void **state)
{
    struct fixture *f = *state;
    scratch_write(&f->dir, "base/web.service", "[Unit]\nRequires=db.service\n" SERVICE);
    assert_int_equal(check_units(f, VALIDATE), EXIT_WARNINGS);
    assert_int_equal(check_units(f, STRICT), EXIT_UNITS);
    assert_string_equal(f->out, "");
    assert_string_equal(
        str_text(&f->log),
        "container-init: warning: web.service [Unit] Requires: required unit db.service not found; web.service will "
        "not "
        "start (line 2, missing-requirement)\n"
        "container-init: load units: strict-units: 1 warning(s):\n"
        "  web.service [Unit] Requires: required unit db.service not found; web.service will not start (line 2, "
        "missing-requirement)\n");
}

/* S07, S14, S31: a file that does not load. */
static void test_load_errors(void **state)
{
    struct fixture *f = *state;
    scratch_write(&f->dir, "base/bad.service", "[Service]\nExecStart=/bin/true\nType=x\n");
    scratch_write(&f->dir, "base/good.service", SERVICE);
    for (int run = 0; run < 2; run++) {
        assert_int_equal(check_units(f, (struct how){ .run = run }), EXIT_UNITS);
        assert_string_equal(f->out, "");
        const char *text = str_text(&f->log);
        static const char head[] = "container-init: load units: unit load errors:\n"
                                   "  unit load errors:\n"
                                   "  bad.service: [Service] Type: ";
        assert_int_equal(strncmp(text, head, sizeof head - 1), 0);
        assert_non_null(strstr(text, "(line 3, "));
    }
}

/* S22: a directory that cannot be read. */
static void test_unreadable_directory(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(rmdir(f->derived), 0);
    scratch_write(&f->dir, "derived", "no directory");
    assert_int_equal(check_units(f, VALIDATE), EXIT_UNITS);
    assert_string_equal(str_text(&f->log), "container-init: load units: unit load errors:\n"
                                           "  /derived: Not a directory (unreadable-directory)\n");
}

/* K100, S23: in --validate and in a run. */
static void test_overrides(void **state)
{
    struct fixture *f = *state;
    static const char want[] = "container-init: drop-in override: web.service replaces /base/web.service with "
                               "/derived/web.service\n";
    scratch_write(&f->dir, "base/web.service", SERVICE);
    scratch_write(&f->dir, "derived/web.service", SERVICE);
    assert_int_equal(check_units(f, VALIDATE), 0);
    assert_string_equal(f->out, "container-init validate: units=1 warnings=0 overrides=1 strict=false\n");
    assert_string_equal(str_text(&f->log), want);
    assert_int_equal(check_units(f, RUN), 0);
    assert_string_equal(str_text(&f->log), want);
}

/* K38, K32, S08: a cycle is 64 in both, strict or not, after the summary. */
static void test_cycle(void **state)
{
    struct fixture *f = *state;
    scratch_write(&f->dir, "base/a.service", "[Unit]\nAfter=b.service\n" SERVICE);
    scratch_write(&f->dir, "base/b.service", "[Unit]\nAfter=a.service\n" SERVICE);
    assert_int_equal(check_units(f, VALIDATE), EXIT_UNITS);
    assert_string_equal(f->out, "container-init validate: units=2 warnings=0 overrides=0 strict=false\n");
    assert_string_equal(str_text(&f->log),
                        "container-init: validate: dependency cycle in unit set: a.service -> b.service -> a.service "
                        "(dependency-cycle; a.service:2 After=b.service, b.service:2 After=a.service)\n");
    assert_int_equal(check_units(f, STRICT), EXIT_UNITS);
    assert_int_equal(check_units(f, RUN), EXIT_UNITS);
    assert_int_equal(strncmp(str_text(&f->log), "container-init: supervisor: dependency cycle in unit set: ", 58), 0);
}

/* S38, D13, K32 */
static void test_mixed_activation(void **state)
{
    struct fixture *f = *state;
    scratch_write(&f->dir, "base/a.socket", "[Socket]\nListenStream=80\nService=s.service\n");
    scratch_write(&f->dir, "base/b.socket",
                  "[Socket]\nListenStream=81\nActivationMode=proxy\nProxyTarget=127.0.0.1:90\nService=s.service\n");
    scratch_write(&f->dir, "base/s.service", SERVICE);
    assert_int_equal(check_units(f, VALIDATE), EXIT_UNITS);
    assert_int_equal(strncmp(str_text(&f->log), "container-init: validate: b.socket [Socket] ActivationMode: ", 59), 0);
    assert_int_equal(check_units(f, RUN), EXIT_UNITS);
}

/* A directive that is declined on purpose need not make strict useless. */
static void test_allow(void **state)
{
    struct fixture *f = *state;
    scratch_write(&f->dir, "base/web.service", SERVICE "ProtectSystem=full\nProtectHome=yes\n");
    assert_int_equal(check_units(f, VALIDATE), EXIT_WARNINGS);
    assert_int_equal(check_units(f, STRICT), EXIT_UNITS);
    assert_int_equal(check_units(f, (struct how){ .strict = true, .allow = "unsupported:ProtectSystem" }), EXIT_UNITS);
    assert_int_equal(
        check_units(f, (struct how){ .strict = true, .allow = "unsupported:ProtectSystem,unsupported:ProtectHome" }),
        0);
    assert_string_equal(f->out, "container-init validate: units=1 warnings=0 overrides=0 strict=true\n");
    assert_int_equal(check_units(f, (struct how){ .strict = true, .allow = "unsupported" }), 0);
    assert_int_equal(check_units(f, (struct how){ .allow = "a,,b" }), EXIT_USAGE);
    assert_int_equal(check_units(f, (struct how){ .allow = "accepted, unsuported:ProtectSystem" }), EXIT_USAGE);
    assert_int_equal(check_units(f, (struct how){ .allow = "accepted, unsupported:ProtectSystem" }), EXIT_WARNINGS);
}

/* D8: noted by --validate, of no weight. */
static void test_note(void **state)
{
    struct fixture *f = *state;
    scratch_write(&f->dir, "base/web.service", SERVICE "Restart=always\nRestartSec=0\n");
    assert_int_equal(check_units(f, STRICT), 0);
    assert_int_equal(strncmp(str_text(&f->log), "container-init: note: web.service [Service] RestartSec: ", 55), 0);
    assert_int_equal(check_units(f, RUN), 0);
    assert_string_equal(str_text(&f->log), "");
}

static void test_gcc(void **state)
{
    struct fixture *f = *state;
    char want[256];
    scratch_write(&f->dir, "base/web.service", SERVICE "ExecStrat=x\n");
    assert_int_equal(check_units(f, (struct how){ .format = DIAG_GCC }), EXIT_WARNINGS);
    (void)snprintf(want, sizeof want,
                   "%s/web.service:3:1: warning[unknown-directive]: [Service] ExecStrat=: directive not in supported "
                   "subset (ignored), did you mean ExecStart=?\n",
                   f->base);
    assert_string_equal(f->err, want);
    assert_string_equal(f->out, "container-init validate: units=1 warnings=1 overrides=0 strict=false\n");
    assert_int_equal(check_units(f, (struct how){ .format = DIAG_GCC, .strict = true }), EXIT_UNITS);
    assert_non_null(strstr(f->err, "web.service:3:1: error[unknown-directive]: "));
    assert_string_equal(f->out, "");
}

static void test_json(void **state)
{
    struct fixture *f = *state;
    scratch_write(&f->dir, "base/web.service", SERVICE "ExecStrat=x\n");
    scratch_write(&f->dir, "derived/web.service", SERVICE "ExecStrat=x\n");
    assert_int_equal(check_units(f, (struct how){ .format = DIAG_JSON }), EXIT_WARNINGS);
    assert_string_equal(str_text(&f->log), "");
    char nothing[] = "", *lines[4], *rest = f->out;
    for (size_t i = 0; i < 4; i++) lines[i] = rest ? strsep(&rest, "\n") : nothing;
    assert_string_equal(lines[3], "");
    for (size_t i = 0; i < 3; i++) {
        AUTO(json_free) struct json_value *object = NULL;
        assert_int_equal(json_parse(lines[i], strlen(lines[i]), &object, NULL), 0);
        if (i == 0) {
            uint64_t line;
            assert_string_equal(json_get_string(object, "code"), "unknown-directive");
            assert_int_equal(json_get_u64(object, "line", &line), 0);
            assert_int_equal(line, 3);
        }
        if (i == 1) assert_string_equal(json_get_string(object, "override"), "web.service");
    }
    assert_string_equal(lines[2],
                        "{\"errors\":0,\"exit\":1,\"overrides\":1,\"strict\":false,\"units\":1,\"warnings\":1}");
}

/* --rule, on what loading and the rules across units say. */
static void test_rules(void **state)
{
    struct fixture *f = *state;
    scratch_write(&f->dir, "base/web.service", "[Service]\nExecStart=/bin/true\nBogus=1\n");
    assert_int_equal(check_units(f, (struct how){ .rule = "unknown-directive=note" }), 0);
    assert_string_equal(f->out, "container-init validate: units=1 warnings=0 overrides=0 strict=false\n");
    assert_int_equal(check_units(f, (struct how){ .strict = true, .rule = "unknown-directive:Bogus=off" }), 0);
    assert_string_equal(str_text(&f->log), "");
    assert_int_equal(check_units(f, (struct how){ .rule = "unknown-directive=error" }), EXIT_UNITS);
    assert_string_equal(f->out, "");
    assert_int_equal(check_units(f, (struct how){ .run = true, .rule = "unknown-directive=error" }), EXIT_UNITS);

    scratch_write(&f->dir, "base/web.service", "[Unit]\nRequires=x.service\n" SERVICE);
    assert_int_equal(check_units(f, (struct how){ .rule = "missing-requirement=error" }), EXIT_UNITS);
    assert_int_equal(check_units(f, (struct how){ .rule = "missing-requirement=off" }), 0);
}

static void test_rules_that_are_none(void **state)
{
    struct fixture *f = *state;
    scratch_write(&f->dir, "base/web.service", SERVICE);
    assert_int_equal(check_units(f, (struct how){ .rule = "bad-urj=off" }), EXIT_USAGE);
    assert_string_equal(str_text(&f->log), "container-init: --rule: 'bad-urj' is not a rule, did you mean bad-uri?\n");
}

static void test_sarif(void **state)
{
    struct fixture *f = *state;
    scratch_write(&f->dir, "base/web.service", "[Service]\nExecStart=/bin/true\nBogus=1\n");
    assert_int_equal(check_units(f, (struct how){ .format = DIAG_SARIF }), EXIT_WARNINGS);
    struct json_value *document = NULL;
    assert_int_equal(json_parse(f->out, f->out_size, &document, NULL), 0);
    const struct json_value *run = json_array_at(json_get(document, "runs"), 0);
    assert_int_equal(json_array_count(json_get(run, "results")), 1);
    assert_string_equal(str_text(&f->log), "");
    json_free(document);
    assert_int_equal(check_units(f, (struct how){ .format = DIAG_SARIF, .strict = true, .run = true }), EXIT_UNITS);
    assert_string_equal(f->out, ""); /* a run has descriptor 1 for its services */
    assert_non_null(strstr(f->err, "unknown-directive"));
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_clean),
        TEST(test_warnings),
        TEST(test_strict),
        TEST(test_strict_missing_requirement),
        TEST(test_load_errors),
        TEST(test_unreadable_directory),
        TEST(test_overrides),
        TEST(test_cycle),
        TEST(test_mixed_activation),
        TEST(test_allow),
        TEST(test_note),
        TEST(test_gcc),
        TEST(test_json),
        TEST(test_rules),
        TEST(test_rules_that_are_none),
        TEST(test_sarif),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
