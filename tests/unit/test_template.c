#include "unit/template.h"

#include "tests/unit/load_root.h"

#include "unit/validate.h"

#include <time.h>

#define SOCKET "[Socket]\nListenStream=/run/x\nAccept=yes\n"

static struct unit_instance *make(struct image *image, const char *prototype, const char *instance)
{
    AUTO(diag_sink_free) struct diag_sink *diags = diag_sink_new();
    struct unit_instance *made = NULL;
    assert_non_null(diags);
    int r = unit_template_instantiate(image_unit(image, prototype), instance, diags, &made);
    if (r < 0) fail_msg("%s: %s", instance, diag_total(diags) > 0 ? diag_get(diags, 0)->message : strerror(-r));
    return made;
}

static const struct diag *find_diag(const struct image *image, const char *code)
{
    for (size_t i = 0; i < diag_total(image->diags); i++)
        if (strcmp(diag_get(image->diags, i)->code, code) == 0) return diag_get(image->diags, i);
    return NULL;
}

static void load_native(struct image *image)
{
    char native[128];
    (void)snprintf(native, sizeof native, "/native");
    const char *const directories[] = { native, NULL };
    image_load_as(image, (struct unit_load_options){ .directories = directories });
}

static void test_instances(void **state)
{
    struct image *image = *state;
    image_write(image, USR "echo.socket", SOCKET);
    image_write(image, USR "echo@.service",
                "[Unit]\nDescription=Echo %i\nAfter=a.service\nOnFailure=b.service\n"
                "[Service]\nExecStart=/bin/echo %n %I\nUser=%p\n");
    image_write(image, ETC "echo@.service.d/10.conf", "[Service]\nEnvironment=HOST=%H WHERE=%i\n");
    image_write(image, USR "multi-user.target", "[Unit]\nRequires=echo.socket\n");
    image_write(image, USR "a.service", SERVICE);
    image_write(image, USR "b.service", SERVICE);
    image_load(image);
    assert_int_equal(diag_count(image->diags, DIAG_ERROR), 0);
    const struct unit *prototype = image_unit(image, "echo@.service");
    assert_non_null(prototype->template);
    assert_string_equal(unit_triggered_name(image_unit(image, "echo.socket")), "echo@.service");
    assert_string_equal(image_relation(image, "echo@.service", UNIT_ON_FAILURE), "b.service");
    assert_non_null(unit_set_find(image->set, "b.service")); /* what only an instance names is there */
    assert_int_not_equal(graph_start_reason(image->graph, prototype->id), START_AT_BOOT);
    AUTO(unit_instance_free) struct unit_instance *one = make(image, "echo@.service", "0-10.0.0.1:80-10.0.0.2:4711");
    AUTO(unit_instance_free) struct unit_instance *two = make(image, "echo@.service", "1-12-0");
    assert_string_equal(one->unit.name, "echo@0-10.0.0.1:80-10.0.0.2:4711.service");
    assert_string_equal(two->unit.name, "echo@1-12-0.service");
    assert_string_equal(one->unit.unit->description, "Echo 0-10.0.0.1:80-10.0.0.2:4711");
    assert_string_equal(two->unit.unit->description, "Echo 1-12-0");
    assert_string_equal(two->unit.exec->user, "echo");
    const struct command *command = &one->unit.service->commands[SERVICE_EXEC_START].items[0];
    assert_string_equal(command->argv[1], "echo@0-10.0.0.1:80-10.0.0.2:4711.service");
    assert_string_equal(command->argv[2], "0/10.0.0.1:80/10.0.0.2:4711");
    assert_string_equal(one->unit.exec->environment.items[0], "HOST=host");
    assert_string_equal(two->unit.exec->environment.items[1], "WHERE=1-12-0");
    assert_null(one->unit.template);
    assert_true(one->unit.instance);
    assert_ptr_equal(one->unit.path, prototype->path);
}

/* The set is as it was, and every instance takes its memory along. */
static void test_many(void **state)
{
    struct image *image = *state;
    image_write(image, "native/echo.socket", SOCKET);
    image_write(image, "native/echo@.service",
                "[Unit]\nDescription=Echo %i\n[Service]\nExecStart=/bin/cat\nStandardError=journal\n"
                "[Install]\nWantedBy=shutdown.target\n");
    load_native(image);
    assert_int_equal(diag_count(image->diags, DIAG_ERROR), 0);
    uint32_t prototype = image_unit(image, "echo@.service")->id; /* which nothing starts, not even the stop */
    assert_int_equal(graph_edges(image->graph, prototype, GRAPH_WANTED_BY).count, 0);
    size_t bytes = unit_set_bytes(image->set);
    struct timespec begin, end;
    (void)clock_gettime(CLOCK_MONOTONIC, &begin);
    for (int i = 0; i < 1000; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "%d-1-0", i);
        unit_instance_free(make(image, "echo@.service", name));
    }
    (void)clock_gettime(CLOCK_MONOTONIC, &end);
    print_message("  %ld ns for one instance\n",
                  ((end.tv_sec - begin.tv_sec) * 1000000000L + end.tv_nsec - begin.tv_nsec) / 1000);
    assert_int_equal(unit_set_bytes(image->set), bytes);
}

/* What a template names is known, and told, when the set is loaded, under either set of rules. */
static const struct {
    const char *label, *socket, *template;
    const char *code, *where; /* NULL: nothing is said */
    uint32_t line;
    bool refused; /* the template, or the whole load in the native directories */
} faults[] = {
    { "as it should be", SOCKET, SERVICE, NULL, NULL, 0, false },
    { "no template", SOCKET, NULL, "missing-template", "echo.socket", 3, true }, /* K32 */
    { "a template that says nothing", SOCKET, "[Service]\n", "missing-exec-start", "echo@.service", 0, true },
    { "a missing requirement", SOCKET, "[Unit]\nRequires=gone.service\n" SERVICE, "missing-requirement",
      "echo@.service", 2, false },
    { "an unknown handler", SOCKET, "[Unit]\nOnFailure=gone.service\n" SERVICE, "unknown-handler", "echo@.service", 2,
      false },
    { "a unit of the instance", SOCKET, "[Unit]\nAfter=x@%i.service\n" SERVICE, "unsupported-value", "echo@.service", 2,
      false },
    { "it requires one", SOCKET, "[Unit]\nRequires=x@%i.service\n" SERVICE, "unsupported-value", "echo@.service", 2,
      true },
    { "Service= as well", SOCKET "Service=a.service\n", SERVICE, "bad-combination", "echo.socket", 0, true },
    { "no connections allowed", SOCKET "MaxConnections=0\n", SERVICE, "bad-combination", "echo.socket", 0, true },
};

static void check_fault(struct image *image, size_t i)
{
    const struct diag *d = faults[i].code ? find_diag(image, faults[i].code) : NULL;
    const struct unit *prototype = unit_set_find(image->set, "echo@.service");
    if (faults[i].code && !d) fail_msg("nothing said of %s", faults[i].code);
    if (!faults[i].code && diag_count(image->diags, DIAG_WARNING) > 0) fail_msg("%s", diag_get(image->diags, 0)->code);
    if (d) assert_string_equal(strrchr(d->at.file, '/') + 1, faults[i].where);
    if (d) assert_int_equal(d->at.line, faults[i].line);
    assert_int_equal(prototype != NULL, !faults[i].refused);
}

static void check_faults(bool native)
{
    for (size_t i = 0; i < COUNT_OF(faults); i++) {
        void *state;
        bool refused;
        print_message("  %s\n", faults[i].label);
        assert_int_equal(image_setup(&state), 0);
        struct image *image = state;
        image_write(image, native ? "native/echo.socket" : USR "echo.socket", faults[i].socket);
        if (faults[i].template)
            image_write(image, native ? "native/echo@.service" : USR "echo@.service", faults[i].template);
        image_write(image, USR "multi-user.target", "[Unit]\nWants=echo.socket\n");
        if (native)
            load_native(image);
        else
            image_load(image);
        assert_int_equal(unit_set_validate(image->set, image->graph, image->diags, &refused), 0);
        check_fault(image, i);
        if (native) assert_int_equal(image->report.failed, faults[i].refused);
        assert_int_equal(image_teardown(&state), 0);
    }
}

static void test_faults_native(void **state)
{
    (void)state;
    check_faults(true);
}

static void test_faults_systemd(void **state)
{
    (void)state;
    check_faults(false);
}

/* A value that only this instance makes a bad one. */
static void test_bad_instance(void **state)
{
    struct image *image = *state;
    image_write(image, "native/echo.socket", SOCKET);
    image_write(image, "native/echo@.service", "[Service]\nExecStart=/bin/cat\nWorkingDirectory=/%I\n");
    load_native(image);
    assert_int_equal(diag_count(image->diags, DIAG_ERROR), 0);
    AUTO(diag_sink_free) struct diag_sink *diags = diag_sink_new();
    struct unit_instance *made = NULL;
    const struct unit *prototype = image_unit(image, "echo@.service");
    assert_int_equal(unit_template_instantiate(prototype, "0-..-1", diags, &made), -EINVAL);
    assert_int_equal(diag_count(diags, DIAG_ERROR), 1);
    assert_int_equal(unit_template_instantiate(prototype, "no such name", diags, &made), -EINVAL);
    assert_null(made);
}

/* A link from template to template; two sockets of one template have one prototype. */
static void test_names(void **state)
{
    struct image *image = *state;
    image_write(image, USR "echo.socket", SOCKET);
    image_write(image, USR "echo@b.socket", "[Socket]\nListenStream=/run/y\nAccept=yes\n");
    image_write(image, USR "real@.service", SERVICE);
    image_link(image, "real@.service", USR "echo@.service");
    image_write(image, USR "multi-user.target", "[Unit]\nWants=echo.socket echo@b.socket\n");
    image_load(image);
    assert_int_equal(diag_count(image->diags, DIAG_WARNING), 0);
    const struct unit *prototype = image_unit(image, "real@.service");
    assert_ptr_equal(image_unit(image, "echo@.service"), prototype);
    assert_int_equal(graph_edges(image->graph, prototype->id, GRAPH_TRIGGERED_BY).count, 2);
    AUTO(unit_instance_free) struct unit_instance *one = make(image, "echo@.service", "7-1-2");
    assert_string_equal(one->unit.name, "real@7-1-2.service");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_instances, image_setup, image_teardown),
        cmocka_unit_test_setup_teardown(test_many, image_setup, image_teardown),
        cmocka_unit_test(test_faults_native),
        cmocka_unit_test(test_faults_systemd),
        cmocka_unit_test_setup_teardown(test_bad_instance, image_setup, image_teardown),
        cmocka_unit_test_setup_teardown(test_names, image_setup, image_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
