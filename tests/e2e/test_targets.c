/* tests/e2e/test_targets.c - what the well-known targets mean in a container: systemd.special(7), bootup(7). Those on
 * the way to the default target are tested in test_systemd_mode.c. */
#include "tests/e2e/expect.h"
#include "tests/e2e/life.h"
#include <sys/stat.h>

#define SLEEPER    "[Service]\nExecStart=" ACTOR " sleep\n"
#define NOTE(text) "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'echo " text " >>/scene/log'\n"

/* ---- reached at once ---- */

static const char *const plain[] = {
    "network-online.target", "network.target",   "local-fs.target",   "remote-fs.target", "sockets.target",
    "timers.target",         "paths.target",     "slices.target",     "swap.target",      "sysinit.target",
    "basic.target",          "default.target",   "multi-user.target", "graphical.target", "rescue.target",
    "emergency.target",      "time-sync.target", "getty.target",
};

/* What they stand for is there, or is nothing that a container waits for. */
static void test_reached_at_once(void **state)
{
    struct scene *s = scene_new();
    struct str text = STR_EMPTY;
    assert_int_equal(str_append(&text, "[Unit]\n"), 0);
    for (size_t i = 0; i < COUNT_OF(plain); i++)
        assert_int_equal(str_appendf(&text, "Requires=%s\nAfter=%s\n", plain[i], plain[i]), 0);
    assert_int_equal(str_append(&text, SLEEPER), 0);
    scene_unit(s, "web.service", str_text(&text));
    str_done(&text);
    life_boot(s, state);
    life_wait_state(s, "web.service", "running");
    for (size_t i = 0; i < COUNT_OF(plain); i++)
        life_expect_states_in_order(s, plain[i], "active", "web.service", "running");
    scene_stop(s, SIGTERM);
    assert_int_equal(scene_exit_code(s), 0);
    scene_end(s);
}

/* ---- the end ---- */

/* A reboot(2) of the pid namespace is what tells a container manager that the container is to start again. */
static const struct {
    const char *name;
    int status;
} ends[] = {
    { "exit.target", 0 },     { "poweroff.target", 0 }, { "halt.target", 0 },
    { "reboot.target", 129 }, { "kexec.target", 129 },  { "soft-reboot.target", 129 },
};

/* Whoever starts one of them ends the container; a file of that name does not start by itself. */
static void test_ends(void **state)
{
    for (size_t i = 0; i < COUNT_OF(ends); i++) {
        struct scene *s = scene_new();
        char text[256];
        print_message("  %s\n", ends[i].name);
        scene_unit(s, "web.service", SLEEPER);
        scene_unit(s, ends[i].name, "[Unit]\nDescription=mine\n");
        scene_unit(s, "end.socket", "[Socket]\nListenStream=/run/end\n");
        (void)snprintf(text, sizeof text, "[Unit]\nWants=%s\nAfter=%s\n" SLEEPER, ends[i].name, ends[i].name);
        scene_unit(s, "end.service", text);
        (void)snprintf(text, sizeof text, "[Install]\nWantedBy=%s\n" NOTE("at this end"), ends[i].name);
        scene_unit(s, "late.service", text);
        scene_unit(s, "never.service",
                   i == 0 ? "[Install]\nWantedBy=reboot.target\n" NOTE("never")
                          : "[Install]\nWantedBy=exit.target\n" NOTE("never"));
        life_boot(s, state);
        life_wait_state(s, "web.service", "running");
        (void)scene_wait_event(s, "startup_finished", NULL, NULL);
        assert_int_equal(scene_count_events(s, "unit_state", ends[i].name, "sub", "active", NULL), 0);
        close(scene_connect(s, "unix:/run/end"));
        assert_int_equal(scene_exit_code(s), ends[i].status);
        (void)snprintf(text, sizeof text, "%s is reached, beginning reverse shutdown", ends[i].name);
        expect_log(s, text);
        life_expect_states_in_order(s, ends[i].name, "active", "web.service", "dead");
        life_expect_file(s, "log", "at this end\n");
        scene_end(s);
    }
}

/* ---- shutdown.target, umount.target, final.target ---- */

/* Natively, [Install] says that a unit is for the stop: it does not start before, and then in its order. */
static void test_stop_phase(void **state)
{
    struct scene *s = scene_new();
    scene_unit(s, "web.service",
               "[Service]\nExecStart=" ACTOR " sleep\nExecStopPost=/bin/sh -c 'echo web >>/scene/log'\n");
    scene_unit(s, "slow.service",
               "[Service]\nExecStart=" ACTOR " sleep\nExecStopPost=/bin/sh -c 'until test -e /scene/go; do sleep 0.01; "
               "done; echo slow >>/scene/log'\n");
    scene_unit(s, "after-web.service",
               "[Unit]\nAfter=web.service\nBefore=shutdown.target\n[Install]\nWantedBy=shutdown.target\n"
               "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'echo after web >>/scene/log; touch /scene/go'\n");
    scene_unit(s, "last.service",
               "[Unit]\nAfter=shutdown.target after-web.service\n[Install]\nWantedBy=final.target\n" NOTE("last"));
    scene_unit(s, "needed.service", "[Unit]\nAfter=last.service\n[Install]\nRequiredBy=umount.target\n" NOTE("umount"));
    life_boot(s, state);
    life_wait_state(s, "web.service", "running");
    life_wait_state(s, "slow.service", "running");
    (void)scene_wait_event(s, "startup_finished", NULL, NULL);
    scene_wait_log(s, "unit last.service: deferred (until the container stops)");
    static const char *const late[] = { "after-web.service", "last.service", "needed.service" };
    for (size_t i = 0; i < COUNT_OF(late); i++) assert_int_equal(scene_count_events(s, "spawn", late[i], NULL), 0);
    scene_stop(s, SIGTERM);
    assert_int_equal(scene_exit_code(s), 0);
    life_expect_file(s, "log", "web\nafter web\nslow\nlast\numount\n");
    scene_end(s);
}

/* Without anything left to do, too (D5); what does not end by itself is stopped; what is wanted starts along. */
static void test_stop_phase_daemon(void **state)
{
    struct scene *s = scene_new();
    scene_unit(s, "once.service", NOTE("once"));
    scene_unit(s, "late.service",
               "[Unit]\nWants=helper.service\nAfter=helper.service\n[Install]\nWantedBy=shutdown.target\n"
               "[Service]\nExecStart=" ACTOR " sleep\nExecStopPost=/bin/sh -c 'echo late >>/scene/log'\n");
    scene_unit(s, "helper.service", "[Install]\nWantedBy=shutdown.target\n" NOTE("helper"));
    life_boot(s, state);
    assert_int_equal(scene_exit_code(s), 0);
    life_expect_file(s, "log", "once\nhelper\nlate\n");
    life_expect_path(s, "late.service", "start running stop-sigterm stop-post dead");
    scene_end(s);
}

/* What requires a unit that is going cannot start, and one that fails does not decide. K22: handlers do not run. */
static void test_stop_phase_failures(void **state)
{
    struct scene *s = scene_new();
    scene_unit(s, "web.service", SLEEPER);
    scene_unit(s, "lame.service", "[Unit]\nRequires=web.service\n[Install]\nWantedBy=shutdown.target\n" NOTE("lame"));
    scene_unit(s, "bad.service",
               "[Unit]\nOnFailure=handler.service\n[Install]\nWantedBy=shutdown.target\n[Service]\nType=oneshot\n"
               "Restart=on-failure\nExecStart=" ACTOR " exit 3\n");
    scene_unit(s, "handler.service", NOTE("handler"));
    life_boot(s, state);
    life_wait_state(s, "web.service", "running");
    scene_stop(s, SIGTERM);
    assert_int_equal(scene_exit_code(s), 0);
    expect_log(s, "unit lame.service: not started: it requires web.service");
    life_expect_count(s, 1, "spawn", "bad.service");
    life_expect_count(s, 0, "spawn", "handler.service");
    life_expect_count(s, 0, "spawn", "lame.service");
    scene_end(s);
}

/* All of it lies within the stop bound (D11). */
static void test_stop_phase_is_bounded(void **state)
{
    struct scene *s = scene_new();
    scene_unit(s, "web.service", SLEEPER);
    scene_unit(s, "hangs.service",
               "[Install]\nWantedBy=shutdown.target\n[Service]\nType=oneshot\nExecStart=" ACTOR
               " ignore TERM -- sleep\n");
    scene_unit(s, "next.service", "[Unit]\nAfter=hangs.service\n[Install]\nWantedBy=final.target\n" NOTE("next"));
    BOOT_WITH(s, state, "--stop-timeout", "1s");
    life_wait_state(s, "web.service", "running");
    scene_stop(s, SIGTERM);
    assert_int_equal(scene_exit_code(s), 1);
    expect_log(s, "shutdown: hangs.service force-killed");
    life_expect_count(s, 0, "spawn", "next.service");
    scene_end(s);
}

/* ---- systemd's units ---- */

#define USR "/usr/lib/systemd/system/"
#define ETC "/etc/systemd/system/"

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

/* Links decide, and a unit with default dependencies, which is in conflict with shutdown.target, is none of these. */
static void test_systemd_units(void **state)
{
    struct scene *s = scene_new();
    struct scene_spec spec = life_spec(state);
    put(s, USR "web.service",
        "[Service]\nExecStart=" ACTOR " sleep\nExecStopPost=/bin/sh -c 'echo web >>/scene/log'\n");
    put_link(s, ETC "multi-user.target.wants/web.service", "../web.service");
    put(s, USR "late.service",
        "[Unit]\nDefaultDependencies=no\nAfter=web.service\nBefore=shutdown.target\n" NOTE("late"));
    put_link(s, ETC "shutdown.target.wants/late.service", "../late.service");
    put(s, USR "last.service", "[Unit]\nDefaultDependencies=no\nAfter=shutdown.target\n" NOTE("last"));
    put_link(s, ETC "final.target.wants/last.service", "../last.service");
    put(s, USR "wrong.service", NOTE("wrong"));
    put_link(s, ETC "shutdown.target.wants/wrong.service", "../wrong.service");
    spec.box.setup = "rm -rf /etc/systemd /run/systemd /usr/lib/systemd /usr/local/lib/systemd && cp -a /image/. / && "
                     "rm -rf /image";
    spec.args[0] = "--systemd";
    scene_boot(s, &spec);
    (void)scene_wait_event(s, "unit_state", "web.service", "sub", "running", NULL);
    (void)scene_wait_event(s, "startup_finished", NULL, NULL);
    assert_int_equal(scene_count_events(s, "spawn", NULL, NULL), 1);
    scene_stop(s, SIGTERM);
    assert_int_equal(scene_exit_code(s), 0);
    life_expect_file(s, "log", "web\nlate\nlast\n");
    scene_end(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reached_at_once),
        cmocka_unit_test(test_ends),
        IN_BOTH_PLACES(test_stop_phase),
        IN_BOTH_PLACES(test_stop_phase_daemon),
        cmocka_unit_test(test_stop_phase_failures),
        IN_BOTH_PLACES(test_stop_phase_is_bounded),
        cmocka_unit_test(test_systemd_units),
    };
    scene_skip_unless_possible();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
