/* The linter through --validate: what stays clean, what a run does not look at, how switches act on its rules, and what
 * of an image is looked at. What each rule reports stands in tests/fixtures/rules. */
#include "cmd/container-init/commands.h"
#include "cmd/container-init/validate.h"

#include "tests/unit/scratch_dir.h"

#include "base/log.h"
#include "base/str.h"
#include "unit/graph.h"
#include "unit/unit.h"

#define EXAMPLE TEST_SOURCE_DIR "/examples/desktop"

struct fixture {
    struct scratch dir;
    char *out, *err;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    scratch_init(&f->dir);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    scratch_done(&f->dir);
    free(f->out);
    free(f->err);
    free(f);
    return 0;
}

/* Diagnostics in gcc's form in f->err. */
static int check(struct fixture *f, const char *first, const char *second, const char *root, bool run)
{
    static char *const environment[] = { NULL };
    const char *const directories[] = { first, second, NULL };
    struct validate_request request = {
        .directories = directories, .environment = environment, .root = root, .strict = true, .format = DIAG_GCC
    };
    struct loaded_units units = { 0 };
    size_t size;
    free(f->out);
    free(f->err);
    request.out = open_memstream(&f->out, &size);
    request.err = open_memstream(&f->err, &size);
    assert_non_null(request.out);
    assert_non_null(request.err);
    int status = run ? cmd_load_units(&request, &units) : cmd_validate(&request);
    loaded_units_done(&units);
    assert_int_equal(fclose(request.out), 0);
    assert_int_equal(fclose(request.err), 0);
    return status;
}

/* The units of the example image, as they stand, under --strict-units: not even a note of the linter. */
static void test_example_is_clean(void **state)
{
    struct fixture *f = *state;
    int status = check(f, EXAMPLE "/base/units", EXAMPLE "/derived/drop-in", NULL, false);
    if (status != 0) print_message("%s", f->err);
    assert_int_equal(status, 0);
    assert_null(strstr(f->err, "warning["));
}

static void add_program(struct fixture *f, const char *name)
{
    scratch_write(&f->dir, name, "");
    assert_int_equal(chmod(scratch_path(&f->dir, name), 0755), 0);
}

/* A service of a derived image with all that it names, and then without. */
static void test_image(void **state)
{
    static const char unit[] = "[Unit]\nAfter=setup.service\nRequires=setup.service\n\n[Service]\n"
                               "User=${APP_USER:-app}\nWorkingDirectory=${APP_HOME:-/home/app}\n"
                               "ExecStart=/usr/local/bin/app --listen 127.0.0.1:5000\nRestart=on-failure\n";
    static const char *const folders[] = { "etc",       "etc/container-init.d", "home", "home/app", "usr",
                                           "usr/local", "usr/local/bin" };
    struct fixture *f = *state;
    for (size_t i = 0; i < COUNT_OF(folders); i++) scratch_mkdir(&f->dir, folders[i]);
    scratch_write(&f->dir, "etc/container-init.d/app.service", unit);
    scratch_write(&f->dir, "etc/container-init.d/setup.service",
                  "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=app --setup\n");
    scratch_write(&f->dir, "etc/passwd", "root:x:0:0::/root:/bin/sh\napp:x:1000:1000::/home/app:/bin/sh\n");
    add_program(f, "usr/local/bin/app");
    int status = check(f, "/etc/container-init/units", "/etc/container-init.d", f->dir.root, false);
    if (status != 0) print_message("%s", f->err);
    assert_int_equal(status, 0);
    assert_string_equal(f->err, "");

    assert_int_equal(unlink(scratch_path(&f->dir, "usr/local/bin/app")), 0);
    assert_int_equal(rmdir(scratch_path(&f->dir, "home/app")), 0);
    scratch_write(&f->dir, "etc/passwd", "");
    assert_int_equal(check(f, "/etc/container-init/units", "/etc/container-init.d", f->dir.root, false), EXIT_UNITS);
    assert_non_null(
        strstr(f->err, "[missing-program]: [Service] ExecStart=: '/usr/local/bin/app' is not in the image"));
    assert_non_null(strstr(f->err, "[missing-program]: [Service] ExecStart=: 'app' is not in the image"));
    assert_non_null(strstr(f->err, "[missing-directory]"));
    assert_non_null(strstr(f->err, "[unknown-user]"));

    /* Without an image nothing of it is asked. */
    assert_int_equal(check(f, scratch_path(&f->dir, "etc/container-init.d"), "", NULL, false), 0);
}

/* K32 holds one way only: a run does not look for what loads. */
static void test_a_run_looks_at_none(void **state)
{
    struct fixture *f = *state;
    scratch_write(&f->dir, "a.service", "[Service]\nExecStart=/bin/a | /bin/b\nNice=1\nNice=2\n");
    assert_int_equal(check(f, f->dir.root, "", NULL, true), 0);
    assert_string_equal(f->err, "");
    assert_int_equal(check(f, f->dir.root, "", NULL, false), EXIT_UNITS);
    assert_non_null(strstr(f->err, "a.service:2:18: error[shell-syntax]"));
    assert_non_null(strstr(f->err, "a.service:4:1: error[duplicate-assignment]"));
}

/* Comments act on rules within a unit and across units, at the place that is blamed. */
static void test_comments(void **state)
{
    struct fixture *f = *state;
    scratch_write(&f->dir, "a.service",
                  "# container-init: disable=shell-syntax,duplicate-assignment:Nice\n[Unit]\n"
                  "# container-init: disable=requires-without-after\nRequires=b.service c.service\n"
                  "[Service]\nExecStart=/bin/a | /bin/b\nNice=1\nNice=2\nUMask=0022\nUMask=0077\n");
    scratch_write(&f->dir, "b.service", "[Unit]\nRequires=c.service\n[Service]\nExecStart=/bin/b\n");
    scratch_write(&f->dir, "c.service", "[Service]\nExecStart=/bin/c\n");
    assert_int_equal(check(f, f->dir.root, "", NULL, false), EXIT_UNITS);
    assert_null(strstr(f->err, "shell-syntax"));
    assert_null(strstr(f->err, "Nice"));
    assert_non_null(strstr(f->err, "a.service:10:1: error[duplicate-assignment]: [Service] UMask=:"));
    assert_null(strstr(f->err, "a.service does not wait"));
    assert_non_null(strstr(f->err, "b.service:2:1: note[requires-without-after]"));
}

/* What the drop-in of a unit says counts for the unit, and two files do not make an assignment dead. */
static void test_drop_ins(void **state)
{
    struct fixture *f = *state;
    scratch_write(&f->dir, "a.service", "[Service]\nType=notify\nNotifyAccess=none\nExecStart=/bin/a\nNice=1\n");
    scratch_mkdir(&f->dir, "a.service.d");
    scratch_write(&f->dir, "a.service.d/x.conf", "[Service]\nType=simple\nExecStart=\nExecStart=/bin/b\nNice=2\n");
    (void)check(f, f->dir.root, "", NULL, false);
    assert_null(strstr(f->err, "notify-without-access"));
    assert_null(strstr(f->err, "duplicate-assignment"));
    assert_null(strstr(f->err, "useless-reset"));
    assert_null(strstr(f->err, "dead-assignment"));
}

/* Each of many units is looked at in the time that its own lines take: this would not end otherwise. */
static void test_many_lines(void **state)
{
    struct fixture *f = *state;
    struct str text = STR_EMPTY;
    assert_int_equal(str_append(&text, "[Service]\nType=oneshot\n"), 0);
    for (size_t i = 0; i < 60000; i++) assert_int_equal(str_append(&text, "ExecStart=/bin/a b\n"), 0);
    for (size_t i = 0; i < 60000; i++) assert_int_equal(str_append(&text, "Environment=A=1\n"), 0);
    scratch_write(&f->dir, "a.service", str_text(&text));
    str_clear(&text);
    assert_int_equal(str_append(&text, "[Service]\nExecStart=/bin/a\n"), 0);
    for (size_t i = 0; i < 60000; i++) assert_int_equal(str_append(&text, "[Unit]\n# \\ \nNice=1 \\ \n[Service]\n"), 0);
    scratch_write(&f->dir, "b.service", str_text(&text));
    str_done(&text);
    assert_int_equal(check(f, f->dir.root, "", NULL, false), EXIT_UNITS);
    assert_null(strstr(f->err, "a.service:"));
    assert_non_null(strstr(f->err, "too-many-diagnostics"));
}

static void ignore_line(const char *line, size_t length, void *userdata)
{
    (void)line, (void)length, (void)userdata;
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_example_is_clean), TEST(test_image),    TEST(test_a_run_looks_at_none),
        TEST(test_comments),         TEST(test_drop_ins), TEST(test_many_lines),
    };
    log_set_writer(ignore_line, NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
