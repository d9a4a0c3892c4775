/* What docs/DIFFERENCES.md says of loading, where no other test shows it. */
#include "tests/unit/load_root.h"

#include "unit/validate.h"

/* The configuration of systemd itself, its presets, what its generators would write, and /etc/fstab. */
static void test_configuration_of_the_manager(void **state)
{
    struct image *image = *state;
    static const char *const files[][2] = {
        { "etc/systemd/system.conf", "[Manager]\nDefaultTimeoutStopSec=7s\nDefaultEnvironment=A=b\n" },
        { "etc/systemd/system.conf.d/10-x.conf", "[Manager]\nDefaultStartLimitBurst=77\n" },
        { "etc/systemd/system-preset/00-all.preset", "enable off.service\n" },
        { "usr/lib/systemd/system-generators/make", "#!/bin/sh\necho x >$1/made.service\n" },
        { "etc/fstab", "/dev/sda1 /data ext4 defaults 0 1\n" },
    };
    for (size_t i = 0; i < COUNT_OF(files); i++) image_write(image, files[i][0], files[i][1]);
    assert_int_equal(chmod(scratch_path(&image->dir, "usr/lib/systemd/system-generators/make"), 0755), 0);
    image_write(image, USR "on.service", "[Unit]\nWants=made.service\nRequiresMountsFor=/data\n" SERVICE);
    image_write(image, USR "off.service", SERVICE "[Install]\nWantedBy=multi-user.target\n");
    image_link(image, "../on.service", ETC "multi-user.target.wants/on.service");
    image_load(image);
    assert_false(image->report.failed);
    const struct unit *on = image_unit(image, "on.service");
    assert_int_equal(on->service->timeout_stop, 90 * USEC_PER_SEC);
    assert_int_equal(on->unit->start_limit_burst, 5);
    assert_int_equal(on->exec->environment.count, 0);
    assert_null(unit_set_find(image->set, "off.service"));
    assert_int_equal(unit_set_absence(image->set, "made.service"), UNIT_NOT_FOUND);
    assert_int_not_equal(access(scratch_path(&image->dir, "run/systemd/generator"), F_OK), 0); /* nothing was run */
}

/* systemd breaks a cycle by leaving out one of its jobs. */
static void test_cycle_under_systemds_rules(void **state)
{
    struct image *image = *state;
    image_write(image, ETC "default.target", "[Unit]\nWants=a.service b.service\n");
    image_write(image, USR "a.service", "[Unit]\nAfter=b.service\n" SERVICE);
    image_write(image, USR "b.service", "[Unit]\nAfter=a.service\n" SERVICE);
    image_load(image);
    bool refused = false;
    assert_int_equal(unit_set_validate(image->set, image->graph, image->diags, &refused), 0);
    assert_false(refused);
    const struct diag *cycle = image_diag(image, "dependency-cycle");
    assert_non_null(cycle);
    assert_int_equal(cycle->severity, DIAG_WARNING);
    assert_string_equal(image_started(image), "a.service b.service default.target");
}

/* What is not built is left out of a run under systemd's rules; in the native directories it refuses the set. */
static void test_what_is_not_built(void **state)
{
    (void)state;
    const char *const directories[] = { "/native", NULL };
    for (int both = 0; both <= 1; both++) {
        void *fresh;
        assert_int_equal(image_setup(&fresh), 0);
        struct image *image = fresh;
        image_write(image, ETC "default.target", "[Unit]\nWants=hears.socket plain.service\n");
        image_write(image, USR "hears.socket", "[Socket]\nListenUSBFunction=/run/a\nService=plain.service\n");
        image_write(image, USR "plain.service", SERVICE);
        if (both)
            image_write(image, "native/also.socket", "[Socket]\nListenUSBFunction=/run/b\nService=plain.service\n");
        image_load_as(image, (struct unit_load_options){ .systemd = true, .directories = both ? directories : NULL });
        assert_int_equal(image->report.failed, both);
        assert_int_equal(unit_set_absence(image->set, "hears.socket"), UNIT_REFUSED);
        assert_int_equal(graph_start_reason(image->graph, image_unit(image, "plain.service")->id), START_AT_BOOT);
        assert_non_null(image_diag(image, "unsupported-value"));
        assert_int_equal(image_teardown(&fresh), 0);
    }
}

/* D18; and it is what is shown of them. */
static void test_no_default_dependencies(void **state)
{
    (void)state;
    const char *const directories[] = { "/native", NULL }, *const names[] = { "web.socket", "web.service", NULL };
    for (int both = 0; both <= 1; both++) {
        void *fresh;
        assert_int_equal(image_setup(&fresh), 0);
        struct image *image = fresh;
        image_write(image, "native/web.service", SERVICE "PrivateTmp=yes\n");
        image_write(image, "native/web.socket", "[Socket]\nListenStream=/run/web\n");
        image_load_as(image, (struct unit_load_options){
                                 .systemd = both, .directories = directories, .names = names, .describe = true });
        assert_string_equal(image_dependencies(image, "web.service", UNIT_DEPENDENCY_AFTER), "web.socket");
        assert_string_equal(image_dependencies(image, "web.service", UNIT_DEPENDENCY_REQUIRES), "");
        assert_string_equal(image_dependencies(image, "web.socket", UNIT_DEPENDENCY_BEFORE), "web.service");
        assert_string_equal(image_dependencies(image, "web.socket", UNIT_DEPENDENCY_CONFLICTS), "");
        assert_int_equal(image_teardown(&fresh), 0);
    }
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, image_setup, image_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_configuration_of_the_manager),
        TEST(test_cycle_under_systemds_rules),
        cmocka_unit_test(test_what_is_not_built),
        cmocka_unit_test(test_no_default_dependencies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
