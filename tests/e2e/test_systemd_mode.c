/* tests/e2e/test_systemd_mode.c - --systemd: an image with systemd's directories boots its default target. */
#include "tests/e2e/expect.h"
#include "tests/e2e/harness_internal.h"
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ACTOR   "/usr/local/bin/actor"
#define SLEEP   "[Service]\nExecStart=" ACTOR " sleep\n"
#define ONESHOT "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=" ACTOR
#define ETC     "/etc/systemd/system/"
#define USR     "/usr/lib/systemd/system/"

/* The machine's own units must not show through: the image is laid out beside and moved into place. */
#define SETUP                                                                                                          \
    "rm -rf /etc/systemd /run/systemd /usr/lib/systemd /usr/local/lib/systemd && cp -a /image/. / && rm -rf /image"

static void put(struct scene *s, const char *path, const char *text)
{
    char where[256];
    (void)snprintf(where, sizeof where, "/image%s", path);
    scene_file(s, where, 0644, text);
}

static void put_link(struct scene *s, const char *path, const char *target)
{
    char where[512], marker[256];
    (void)snprintf(marker, sizeof marker, "/image%.*s/.keep", (int)(strrchr(path, '/') - path), path);
    scene_file(s, marker, 0644, ""); /* makes the directory */
    (void)snprintf(where, sizeof where, "%s/root/image%s", scene_dir(s), path);
    assert_int_equal(symlink(target, where), 0);
}

static void boot(struct scene *s, const char *units)
{
    struct scene_spec spec = SCENE_SPEC_DEFAULT;
    spec.box.setup = SETUP;
    spec.args[0] = "--systemd";
    if (units) spec.args[1] = "--units", spec.args[2] = units;
    scene_boot(s, &spec);
}

/* What runs is what the default target pulls in, in the order that default dependencies give it. */
static void test_image(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    put(s, USR "graphical.target", "[Unit]\nRequires=multi-user.target\nAfter=multi-user.target\n");
    put(s, USR "multi-user.target", "[Unit]\nRequires=basic.target\nAfter=basic.target\n");
    put_link(s, USR "default.target", "multi-user.target");
    put_link(s, ETC "default.target", "/usr/lib/systemd/system/graphical.target");

    put(s, USR "early.service",
        "[Unit]\nDefaultDependencies=no\nBefore=sysinit.target\n" ONESHOT " mark /scene/early x\n");
    put_link(s, ETC "sysinit.target.wants/early.service", "../early.service");

    put(s, USR "web.service", "[Service]\nExecStart=" ACTOR " report /scene/web -- sleep\nEnvironment=LIB=file\n");
    put_link(s, USR "www.service", "web.service");
    put(s, ETC "web.service.d/50-etc.conf", "[Service]\nEnvironment=ETC=yes\n");
    put(s, USR "web.service.d/60-lib.conf", "[Service]\nEnvironment=LIB=dropin\n");
    put(s, USR "www.service.d/70-alias.conf", "[Service]\nEnvironment=ALIAS=yes\n");
    put(s, USR "service.d/10-all.conf", "[Service]\nEnvironment=ALL=yes\n");
    put_link(s, ETC "multi-user.target.wants/www.service", "/usr/lib/systemd/system/web.service");

    put(s, USR "getty@.service", "[Service]\nExecStart=" ACTOR " report /scene/getty-%i -- sleep\n");
    put(s, ETC "getty@.service.d/a.conf", "[Service]\nEnvironment=TEMPLATE=yes\n");
    put(s, ETC "getty@tty1.service.d/b.conf", "[Service]\nEnvironment=INSTANCE=yes\n");
    put_link(s, ETC "getty.target.wants/getty@tty1.service", "/usr/lib/systemd/system/getty@.service");
    put_link(s, USR "multi-user.target.wants/getty.target", "../getty.target");

    put(s, USR "app-one.service", "[Service]\nExecStart=" ACTOR " report /scene/app -- sleep\n");
    put(s, ETC "app-.service.d/p.conf", "[Service]\nEnvironment=PREFIX=yes\n");
    put_link(s, ETC "graphical.target.requires/app-one.service", "../app-one.service");

    put(s, USR "masked.service", SLEEP);
    put_link(s, ETC "masked.service", "/dev/null");
    put_link(s, ETC "multi-user.target.wants/masked.service", "../masked.service");

    put(s, USR "lazy.socket", "[Socket]\nListenStream=/run/lazy\n");
    put(s, USR "lazy.service", "[Service]\nExecStart=" ACTOR " listen\n");
    put_link(s, ETC "sockets.target.wants/lazy.socket", "../lazy.socket");
    put(s, USR "some.slice", "[Slice]\nMemoryMax=1G\n");
    put(s, USR "sliced.service",
        "[Unit]\nRequires=some.slice -.mount\nAfter=-.mount\n[Service]\nSlice=some.slice\nExecStart=" ACTOR " sleep\n");
    put_link(s, ETC "multi-user.target.wants/sliced.service", "../sliced.service");

    put(s, USR "unwanted.service", SLEEP);
    put(s, USR "unwanted-broken.service", "[Service]\nType=nonsense\nExecStart=relative/path\n");
    boot(s, NULL);
    scene_wait_event(s, "unit_state", "graphical.target", "active", "active", NULL);
    scene_wait_event(s, "unit_state", "web.service", "active", "active", NULL);
    scene_wait_event(s, "unit_state", "getty@tty1.service", "active", "active", NULL);
    scene_wait_event(s, "unit_state", "app-one.service", "active", "active", NULL);
    scene_wait_event(s, "unit_state", "sliced.service", "active", "active", NULL);
    scene_wait_event(s, "bound", "lazy.socket", NULL);
    scene_wait_event(s, "startup_finished", NULL, NULL);
    expect_order(s, "exited", "early.service", "spawn", "web.service");
    expect_order(s, "bound", "lazy.socket", "spawn", "web.service"); /* through sockets.target and basic.target */
    static const char *const never[] = { "masked.service", "unwanted.service", "unwanted-broken.service",
                                         "lazy.service", "getty@.service" };
    for (size_t i = 0; i < COUNT_OF(never); i++) assert_int_equal(scene_count_events(s, "spawn", never[i], NULL), 0);
    assert_int_equal(scene_count_events(s, "spawn", NULL, NULL), 5);
    static const struct {
        const char *report, *key, *want;
    } environment[] = {
        { "web", "env.LIB", "dropin" },          { "web", "env.ETC", "yes" },
        { "web", "env.ALIAS", "yes" },           { "web", "env.ALL", "yes" },
        { "getty-tty1", "env.TEMPLATE", "yes" }, { "getty-tty1", "env.INSTANCE", "yes" },
        { "app", "env.PREFIX", "yes" },
    };
    for (size_t i = 0; i < COUNT_OF(environment); i++)
        expect_report(s, environment[i].report, environment[i].key, environment[i].want);
    expect_stop(s, 0);
    scene_end(s);
}

/* Native units all start; of systemd's, what the default target wants; one name: the native unit. */
static void test_with_native_units(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    scene_unit(s, "native.service", "[Unit]\nAfter=shared.service\n" SLEEP);
    scene_unit(s, "shared.service", ONESHOT " mark /scene/shared native\n");
    put(s, USR "shared.service", ONESHOT " mark /scene/shared systemd\n");
    put(s, USR "wanted.service", SLEEP);
    put(s, USR "unwanted.service", SLEEP);
    put(s, ETC "default.target", "[Unit]\nWants=wanted.service shared.service\n");
    boot(s, "/etc/container-init/units");
    scene_wait_event(s, "unit_state", "native.service", "active", "active", NULL);
    scene_wait_event(s, "unit_state", "wanted.service", "active", "active", NULL);
    scene_wait_event(s, "startup_finished", NULL, NULL);
    expect_order(s, "exited", "shared.service", "spawn", "native.service");
    scene_wait_file(s, "shared", "native");
    assert_int_equal(scene_count_events(s, "spawn", NULL, NULL), 3);
    expect_log(s, "drop-in override: shared.service replaces /");
    expect_stop(s, 0);
    scene_end(s);
}

/* Without a default.target, multi-user.target, which need not be a file. */
static void test_fallback(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    put(s, USR "wanted.service", SLEEP);
    put_link(s, ETC "multi-user.target.wants/wanted.service", "../wanted.service");
    boot(s, NULL);
    scene_wait_event(s, "unit_state", "multi-user.target", "active", "active", NULL);
    scene_wait_event(s, "unit_state", "wanted.service", "active", "active", NULL);
    expect_stop(s, 0);
    scene_end(s);
}

/* A unit that does not load is told and does not start; who requires it fails; the rest starts. */
static void test_broken_unit(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    put(s, USR "broken.service", "[Service]\nType=oneshot\n");
    put(s, USR "needs.service", "[Unit]\nRequires=broken.service\nAfter=broken.service\n" SLEEP);
    put(s, USR "good.service", "[Unit]\nWants=broken.service\nAfter=broken.service\n" SLEEP);
    put(s, ETC "default.target", "[Unit]\nWants=needs.service good.service\n");
    boot(s, NULL);
    scene_wait_event(s, "unit_state", "good.service", "active", "active", NULL);
    scene_wait_event(s, "startup_finished", NULL, NULL);
    assert_int_equal(scene_count_events(s, "spawn", "needs.service", NULL), 0);
    expect_log(s, "broken.service");
    expect_stop(s, 0);
    scene_end(s);
}

/* Nothing to start is refused: 64, as for units that cannot be loaded (S07). */
static void test_no_goal(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    put_link(s, ETC "default.target", "/dev/null");
    boot(s, NULL);
    assert_int_equal(scene_exit_code(s), 64);
    expect_log(s, "default.target cannot be started: it is masked");
    scene_end(s);
}

static void test_root_is_for_looking(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    struct str output = STR_EMPTY;
    char image[256];
    put(s, USR "wanted.service", SLEEP);
    scene_file(s, "/image" ACTOR, 0755, "");
    put_link(s, ETC "default.target.wants/wanted.service", "/usr/lib/systemd/system/wanted.service");
    (void)snprintf(image, sizeof image, "%s/root/image", scene_dir(s));
    const char *const run[] = { "--systemd", "--root", image, NULL };
    assert_int_equal(scene_run(s, run, &output), 2);
    str_done(&output);
    const char *const validate[] = { "--validate", "--systemd", "--root", image, NULL };
    assert_int_equal(scene_run(s, validate, &output), 0);
    if (!strstr(str_text(&output), "units=1 warnings=0")) fail_msg("%s", str_text(&output));
    str_done(&output);
    scene_end(s);
}

int main(void)
{
    scene_skip_unless_possible();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_image),    cmocka_unit_test(test_with_native_units),
        cmocka_unit_test(test_fallback), cmocka_unit_test(test_broken_unit),
        cmocka_unit_test(test_no_goal),  cmocka_unit_test(test_root_is_for_looking),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
