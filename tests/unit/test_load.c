#include "unit/load.h"

#include <sys/resource.h>
#include "tests/unit/scratch_dir.h"

#include "base/diag.h"
#include "base/str.h"
#include "unit/graph.h"
#include "unit/unit.h"
#include "unit/validate.h"

#define SERVICE "[Service]\nExecStart=/bin/true\n"

struct fixture {
    struct scratch dir;
    char base[96], derived[96];
    struct diag_sink *diags;
    struct unit_set *set;
    struct unit_load_report report;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    scratch_init(&f->dir);
    scratch_mkdir(&f->dir, "base");
    scratch_mkdir(&f->dir, "derived");
    (void)snprintf(f->base, sizeof f->base, "%s/base", f->dir.root);
    (void)snprintf(f->derived, sizeof f->derived, "%s/derived", f->dir.root);
    f->diags = diag_sink_new();
    assert_non_null(f->diags);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    diag_sink_free(f->diags);
    unit_set_free(f->set);
    scratch_done(&f->dir);
    free(f);
    return 0;
}

static void load_with(struct fixture *f, char *const *environment)
{
    const char *const directories[] = { f->base, f->derived, NULL };
    const struct unit_load_options options = { .directories = directories,
                                               .environment = environment,
                                               .hostname = "host" };
    assert_int_equal(unit_set_load(&options, f->diags, &f->report, &f->set), 0);
}

static void load(struct fixture *f)
{
    char *const environment[] = { NULL };
    load_with(f, environment);
}

static const struct unit *unit_of(const struct fixture *f, const char *name)
{
    const struct unit *unit = unit_set_find(f->set, name);
    if (!unit) fail_msg("no unit %s", name);
    return unit;
}

static const struct diag *find_diag(const struct fixture *f, const char *code)
{
    for (size_t i = 0; i < diag_total(f->diags); i++)
        if (strcmp(diag_get(f->diags, i)->code, code) == 0) return diag_get(f->diags, i);
    return NULL;
}

static void assert_clean(const struct fixture *f)
{
    if (diag_total(f->diags) > 0) fail_msg("%s", diag_get(f->diags, 0)->message);
    assert_false(f->report.failed);
}

static void test_nothing(void **state)
{
    struct fixture *f = *state;
    load(f);
    assert_clean(f);
    assert_int_equal(unit_set_count(f->set), 0);
}

static void test_units(void **state)
{
    struct fixture *f = *state;
    scratch_write(&f->dir, "base/web.service", "[Unit]\nAfter=db.service\n" SERVICE);
    scratch_write(&f->dir, "derived/db.service", "[Service]\nExecStart=/bin/db\nUser=db\n");
    scratch_write(&f->dir, "base/web.socket", "[Socket]\nListenStream=80\n");
    scratch_write(&f->dir, "base/all.target", "[Unit]\nWants=web.service\n");
    load(f);
    assert_clean(f);
    assert_int_equal(f->report.units, 4);
    assert_int_equal(unit_set_count(f->set), 4);
    static const char *const names[] = { "all.target", "db.service", "web.service", "web.socket" };
    for (uint32_t id = 0; id < 4; id++) {
        assert_string_equal(unit_set_get(f->set, id)->name, names[id]);
        assert_int_equal(unit_set_get(f->set, id)->id, id);
    }
    assert_string_equal(unit_of(f, "db.service")->exec->user, "db");
    assert_string_equal(unit_of(f, "web.service")->unit->relations[UNIT_AFTER].items[0].name, "db.service");
    assert_string_equal(unit_triggered_name(unit_of(f, "web.socket")), "web.service");
    assert_null(unit_set_find(f->set, "x.service"));
    assert_int_equal(unit_set_absence(f->set, "x.service"), UNIT_NOT_FOUND);
}

/* S23, K100: a later directory replaces by name, and it is told. */
static void test_override(void **state)
{
    struct fixture *f = *state;
    char want[160];
    scratch_write(&f->dir, "base/web.service", "[Service]\nExecStart=/bin/base\nUser=base\n");
    scratch_write(&f->dir, "derived/web.service", "[Service]\nExecStart=/bin/derived\n");
    scratch_write(&f->dir, "derived/other.service", SERVICE);
    load(f);
    assert_clean(f);
    assert_int_equal(f->report.units, 2);
    assert_int_equal(f->report.overrides, 1);
    assert_int_equal(unit_set_override_count(f->set), 1);
    const struct unit_override *override = unit_set_override(f->set, 0);
    assert_string_equal(override->name, "web.service");
    (void)snprintf(want, sizeof want, "%s/web.service", f->base);
    assert_string_equal(override->base_path, want);
    (void)snprintf(want, sizeof want, "%s/web.service", f->derived);
    assert_string_equal(override->override_path, want);
    assert_null(unit_of(f, "web.service")->exec->user);
    const struct command_list *start = &unit_of(f, "web.service")->service->commands[SERVICE_EXEC_START];
    assert_string_equal(start->items[0].program, "/bin/derived");
}

static void test_dropins(void **state)
{
    struct fixture *f = *state;
    scratch_write(&f->dir, "base/web.service", "[Service]\nExecStart=/bin/base\nUser=base\nEnvironment=A=1\n");
    scratch_mkdir(&f->dir, "derived/web.service.d");
    scratch_mkdir(&f->dir, "base/web.service.d");
    scratch_mkdir(&f->dir, "base/network.target.d");
    scratch_write(&f->dir, "derived/web.service.d/20-b.conf", "[Service]\nUser=second\nEnvironment=B=2\n");
    scratch_write(&f->dir, "base/web.service.d/10-a.conf", "[Service]\nUser=first\nExecStart=\nExecStart=/bin/new\n");
    scratch_write(&f->dir, "base/web.service.d/30-c.conf", "[Service]\nUser=hidden\n");
    scratch_link(&f->dir, "/dev/null", "derived/web.service.d/30-c.conf");
    scratch_write(&f->dir, "base/a.service", "[Unit]\nWants=network.target\n" SERVICE);
    scratch_write(&f->dir, "base/network.target.d/x.conf", "[Unit]\nWants=web.service\n");
    load(f);
    assert_clean(f);
    const struct unit *web = unit_of(f, "web.service");
    assert_string_equal(web->exec->user, "second");
    assert_int_equal(web->exec->environment.count, 2);
    assert_int_equal(web->service->commands[SERVICE_EXEC_START].count, 1);
    assert_string_equal(web->service->commands[SERVICE_EXEC_START].items[0].program, "/bin/new");
    assert_int_equal(unit_of(f, "network.target")->unit->relations[UNIT_WANTS].count, 1);
}

/* D3 */
static void test_environment(void **state)
{
    struct fixture *f = *state;
    char user[] = "APP_USER=app";
    char *const environment[] = { user, NULL };
    scratch_write(&f->dir, "base/web.service", SERVICE "User=${APP_USER:-nobody}\nGroup=${APP_GROUP:-staff}\n");
    load_with(f, environment);
    assert_clean(f);
    assert_string_equal(unit_of(f, "web.service")->exec->user, "app");
    assert_string_equal(unit_of(f, "web.service")->exec->group, "staff");
}

static void test_refused(void **state)
{
    struct fixture *f = *state;
    scratch_write(&f->dir, "base/bad.service", "[Service]\nType=notanything\nExecStart=/bin/true\n");
    scratch_write(&f->dir, "base/empty.service", "[Unit]\nDescription=no command\n");
    scratch_write_bytes(&f->dir, "base/nul.service", "[Service]\nExecStart=/bin/\0true\n", 30);
    scratch_write(&f->dir, "base/good.service", SERVICE);
    load(f);
    assert_true(f->report.failed);
    assert_int_equal(f->report.units, 1);
    assert_non_null(unit_set_find(f->set, "good.service"));
    assert_int_equal(unit_set_absence(f->set, "bad.service"), UNIT_REFUSED);
    assert_int_equal(unit_set_absence(f->set, "empty.service"), UNIT_REFUSED);
    assert_int_equal(unit_set_absence(f->set, "nul.service"), UNIT_REFUSED);
    assert_int_equal(diag_count(f->diags, DIAG_ERROR), 3);
}

static void test_strict(void **state)
{
    struct fixture *f = *state;
    diag_sink_set_strict(f->diags, true);
    scratch_write(&f->dir, "base/web.service", SERVICE "ExecStrat=x\n");
    load(f);
    assert_true(f->report.failed);
    assert_int_equal(f->report.warnings, 1);
    assert_non_null(unit_set_find(f->set, "web.service")); /* what follows is not blamed on it */
}

static void test_masked(void **state)
{
    struct fixture *f = *state;
    scratch_write(&f->dir, "base/empty.service", "");
    scratch_write(&f->dir, "base/linked.service", SERVICE);
    scratch_link(&f->dir, "/dev/null", "derived/linked.service");
    load(f);
    assert_false(f->report.failed);
    assert_int_equal(f->report.warnings, 0);
    assert_int_equal(f->report.units, 0);
    assert_int_equal(f->report.overrides, 1);
    assert_int_equal(unit_set_absence(f->set, "empty.service"), UNIT_MASKED);
    assert_int_equal(unit_set_absence(f->set, "linked.service"), UNIT_MASKED);
    assert_int_equal(diag_count(f->diags, DIAG_NOTE), 2);
}

static void test_aliases(void **state)
{
    struct fixture *f = *state;
    scratch_write(&f->dir, "base/web.service", SERVICE);
    scratch_write(&f->dir, "base/outside", SERVICE);
    scratch_link(&f->dir, "web.service", "base/www.service");
    scratch_link(&f->dir, "www.service", "base/home.service");
    scratch_write(&f->dir, "base/bad.service", "[Service]\n");
    scratch_link(&f->dir, "bad.service", "base/worse.service");
    scratch_write(&f->dir, "content.service", SERVICE "User=copied\n");
    scratch_link(&f->dir, "../content.service", "base/copy.service");
    load(f);
    assert_ptr_equal(unit_of(f, "www.service"), unit_of(f, "web.service"));
    assert_ptr_equal(unit_of(f, "home.service"), unit_of(f, "web.service"));
    assert_string_equal(unit_of(f, "copy.service")->name, "copy.service");
    assert_string_equal(unit_of(f, "copy.service")->exec->user, "copied");
    assert_int_equal(unit_set_absence(f->set, "worse.service"), UNIT_REFUSED);
    assert_int_equal(f->report.units, 2);
}

static void test_templates(void **state)
{
    struct fixture *f = *state;
    scratch_write(&f->dir, "base/tty@.service",
                  "[Unit]\nWants=log@%i.service\n[Service]\nExecStart=/bin/tty %i\nUser=u%i\n");
    scratch_write(&f->dir, "base/log@.service", SERVICE);
    scratch_write(&f->dir, "base/unused@.service", "[Unit]\nAfter=%i.service\n" SERVICE "ExecStrat=x\n");
    scratch_write(&f->dir, "base/tty@3.service", SERVICE "User=own\n");
    scratch_link(&f->dir, "tty@.service", "base/tty@4.service");
    scratch_write(&f->dir, "base/a.service", "[Unit]\nWants=tty@1.service\nAfter=tty@2.service\n" SERVICE);
    scratch_write(&f->dir, "base/s.socket", "[Socket]\nListenStream=80\nService=log@socket.service\n");
    scratch_write(&f->dir, "base/log@x.socket", "[Socket]\nListenStream=81\n");
    load(f);
    assert_null(unit_set_find(f->set, "tty@.service"));
    assert_string_equal(unit_of(f, "tty@1.service")->exec->user, "u1");
    assert_true(unit_of(f, "tty@1.service")->instance);
    assert_string_equal(unit_of(f, "tty@2.service")->exec->user, "u2");
    assert_string_equal(unit_of(f, "tty@3.service")->exec->user, "own");
    assert_false(unit_of(f, "tty@3.service")->instance);
    assert_string_equal(unit_of(f, "tty@4.service")->exec->user, "u4");
    assert_false(unit_of(f, "tty@4.service")->instance);
    assert_non_null(unit_of(f, "log@1.service")); /* through an instance */
    assert_non_null(unit_of(f, "log@socket.service"));
    assert_non_null(unit_of(f, "log@x.service"));
    assert_null(unit_set_find(f->set, "unused@.service"));
    assert_int_equal(f->report.warnings, 1); /* of the template nobody uses */
    assert_non_null(find_diag(f, "unknown-directive"));
}

static void test_instances_report_once(void **state)
{
    struct fixture *f = *state;
    diag_sink_set_strict(f->diags, true);
    scratch_write(&f->dir, "base/x@.service", SERVICE "ExecStrat=x\nUser=%i\n");
    scratch_write(&f->dir, "base/a.service", "[Unit]\nWants=x@0.service x@1.service x@2.service\n" SERVICE);
    load(f);
    assert_int_equal(unit_set_count(f->set), 4);
    assert_int_equal(f->report.warnings, 1);
    assert_true(find_diag(f, "unknown-directive")->was_warning);
}

/* A template that names an instance of itself, for ever. */
static void test_endless_instances(void **state)
{
    struct fixture *f = *state;
    scratch_write(&f->dir, "base/x@.service", "[Unit]\nWants=x@a%i.service x@b%i.service\n" SERVICE);
    scratch_write(&f->dir, "base/a.service", "[Unit]\nWants=x@0.service\n" SERVICE);
    load(f);
    assert_true(f->report.failed);
    assert_non_null(find_diag(f, "too-many-instances"));
}

/* D18 */
static void test_special_targets(void **state)
{
    struct fixture *f = *state;
    scratch_write(&f->dir, "base/a.service",
                  "[Unit]\nAfter=network.target basic.target\nWants=mine.target\n" SERVICE
                  "[Install]\nWantedBy=multi-user.target\n");
    scratch_write(&f->dir, "base/basic.target", "[Unit]\nDescription=own\n");
    load(f);
    assert_clean(f);
    assert_int_equal(f->report.units, 2);
    assert_int_equal(unit_set_count(f->set), 3);
    assert_true(unit_of(f, "network.target")->builtin);
    assert_null(unit_of(f, "network.target")->path);
    assert_false(unit_of(f, "basic.target")->builtin);
    assert_null(unit_set_find(f->set, "mine.target"));
    assert_null(unit_set_find(f->set, "multi-user.target"));
}

/* K94: the rest goes on. */
static void test_hostile_files(void **state)
{
    struct fixture *f = *state;
    scratch_write(&f->dir, "base/good.service", SERVICE);
    scratch_write(&f->dir, "base/large.service", SERVICE);
    assert_int_equal(truncate(scratch_path(&f->dir, "base/large.service"), ((off_t)16 << 20) + 1), 0);
    assert_int_equal(mkfifo(scratch_path(&f->dir, "base/fifo.service"), 0644), 0);
    scratch_link(&f->dir, "nowhere", "base/dangling.service");
    scratch_mkdir(&f->dir, "base/good.service.d");
    assert_int_equal(mkfifo(scratch_path(&f->dir, "base/good.service.d/fifo.conf"), 0644), 0);
    load(f);
    assert_non_null(unit_set_find(f->set, "good.service"));
    assert_non_null(find_diag(f, "not-a-regular-file"));
    assert_non_null(find_diag(f, "dangling-link"));
    assert_int_equal(find_diag(f, "file-too-large")->severity, DIAG_ERROR);
    assert_int_equal(unit_set_absence(f->set, "large.service"), UNIT_REFUSED);
}

/* K94: 10,000 units, each after the one before it; and what a small unit costs (settings at their default are shared).
 */
static void test_many_units(void **state)
{
    enum { MANY = 10000 };
    struct fixture *f = *state;
    for (int i = 0; i < MANY; i++) {
        char name[64], text[256];
        (void)snprintf(name, sizeof name, "base/u%05d.service", i);
        (void)snprintf(text, sizeof text,
                       "[Unit]\nDescription=unit %d\nAfter=u%05d.service\n[Service]\nExecStart=/bin/sleep %d\n", i,
                       i > 0 ? i - 1 : i, i);
        scratch_write(&f->dir, name, text);
    }
    load(f);
    assert_clean(f);
    assert_int_equal(f->report.units, MANY);
    assert_true(unit_set_bytes(f->set) < (size_t)MANY * 1024);
    AUTO(graph_free) struct graph *graph = NULL;
    assert_int_equal(graph_build(f->set, &graph), 0);
    assert_int_equal(graph_order(graph).count, MANY);
    assert_int_equal(graph_order(graph).ids[MANY - 1], MANY - 1);
    assert_ptr_equal(unit_set_get(f->set, 0)->exec, unit_set_get(f->set, 1)->exec);
    assert_ptr_equal(unit_set_get(f->set, 0)->socket, &unit_settings_default.socket);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_nothing),
        TEST(test_units),
        TEST(test_override),
        TEST(test_dropins),
        TEST(test_environment),
        TEST(test_refused),
        TEST(test_strict),
        TEST(test_masked),
        TEST(test_aliases),
        TEST(test_templates),
        TEST(test_instances_report_once),
        TEST(test_endless_instances),
        TEST(test_special_targets),
        TEST(test_hostile_files),
        TEST(test_many_units),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
