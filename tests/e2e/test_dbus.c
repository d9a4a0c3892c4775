/* tests/e2e/test_dbus.c - Type=dbus and BusName= on a real system bus: Debian's dbus-daemon, as a unit beside. */
#include "tests/e2e/life.h"

#define NAME  "org.example.App"
#define NEEDS "[Unit]\nRequires=app.service\nAfter=app.service\n[Service]\nExecStart=" ACTOR " sleep\n"

static const char config[] =
    "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN\"\n"
    " \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">\n"
    "<busconfig><type>system</type><auth>EXTERNAL</auth>\n"
    "<listen>unix:path=/run/dbus/system_bus_socket</listen>\n"
    "<policy context=\"default\"><allow user=\"*\"/><allow own=\"*\"/><allow send_type=\"method_call\"/>\n"
    "<allow receive_type=\"method_return\"/><allow receive_type=\"signal\"/><allow receive_type=\"error\"/>\n"
    "<allow send_destination=\"*\" eavesdrop=\"false\"/></policy></busconfig>\n";

static struct scene *bus_scene(bool activated)
{
    struct scene *s = scene_new();
    scene_file(s, "/etc/bus.conf", 0644, config);
    scene_unit(s, "dbus.service",
               activated ? "[Service]\nExecStart=/usr/bin/dbus-daemon --config-file=/etc/bus.conf --nofork --nopidfile "
                           "--address=systemd:\n"
                         : "[Service]\nRuntimeDirectory=dbus\nExecStart=/usr/bin/dbus-daemon "
                           "--config-file=/etc/bus.conf --nofork --nopidfile\n"
                           "ExecStartPost=/bin/sh -c 'until test -S /run/dbus/system_bus_socket; do :; done'\n");
    if (activated) scene_unit(s, "dbus.socket", "[Socket]\nListenStream=/run/dbus/system_bus_socket\n");
    return s;
}

static void boot(struct scene *s, void **state)
{
    struct scene_spec spec = life_spec(state);
    spec.box.setup = "mkfifo /scene/go-app /scene/go-once /scene/go-fails /scene/go-end /scene/go-fail";
    scene_boot(s, &spec);
}

/* Lets who awaits /scene/go-NAME go on. */
static void go(struct scene *s, const char *name)
{
    char script[64];
    (void)snprintf(script, sizeof script, "echo > /scene/go-%s", name);
    const char *const argv[] = { "/bin/sh", "-c", script, NULL };
    assert_int_equal(scene_exec(s, argv, NULL), 0);
}

static void end_well(struct scene *s)
{
    scene_stop(s, SIGTERM);
    assert_int_equal(scene_exit_code(s), 0);
    scene_end(s);
}

/* Ready when the name has an owner and not before; its type follows from BusName=. The bus is activated by the
 * service's own connection. */
static void test_ready(void **state)
{
    struct scene *s = bus_scene(true);
    scene_unit(s, "app.service",
               "[Unit]\nRequires=dbus.socket\nAfter=dbus.socket\n[Service]\nBusName=" NAME "\n"
               "ExecStart=" ACTOR " write 1 waiting -- await /scene/go-app -- bus-own " NAME " -- sleep\n");
    scene_unit(s, "needs.service", NEEDS);
    boot(s, state);
    life_wait_state(s, "app.service", "start");
    scene_wait_event(s, "app_invoke", "app.service", NULL);
    scene_wait_log(s, "[app] waiting");
    life_expect_count(s, 0, "spawn", "needs.service");
    life_expect_count(s, 0, "spawn", "dbus.service"); /* to watch a name is no reason to start the bus */
    go(s, "app");
    life_wait_state(s, "needs.service", "running");
    life_expect_path(s, "app.service", "start running");
    end_well(s);
}

/* The name goes while the process stays: the service is stopped, with success; Restart=always brings it back. */
static void test_name_lost(void **state)
{
    struct scene *s = bus_scene(false);
    scene_unit(s, "app.service",
               "[Unit]\nWants=dbus.service\nAfter=dbus.service\n[Service]\nType=dbus\nBusName=" NAME "\n"
               "Restart=always\nExecStop=/bin/touch /scene/stopped\n"
               "ExecStart=" ACTOR " bus-own " NAME " -- await /scene/go-app -- close 10 -- sleep\n");
    scene_unit(s, "once.service",
               "[Unit]\nWants=dbus.service\nAfter=dbus.service\n[Service]\nType=dbus\nBusName=" NAME ".Once\n"
               "Restart=on-failure\nRemainAfterExit=yes\n"
               "ExecStart=" ACTOR " bus-own " NAME
               ".Once -- await /scene/go-once -- close 10 -- await /scene/go-end -- "
               "exit 0\n");
    scene_unit(s, "fails.service",
               "[Unit]\nWants=dbus.service\nAfter=dbus.service\n[Service]\nType=dbus\nBusName=" NAME ".Fails\n"
               "RemainAfterExit=yes\n"
               "ExecStart=" ACTOR " bus-own " NAME ".Fails -- await /scene/go-fails -- close 10 -- "
               "await /scene/go-fail -- exit 3\n");
    boot(s, state);
    life_wait_state(s, "app.service", "running");
    go(s, "app");
    scene_wait_nth_event(s, 2, "unit_state", "app.service", "sub", "running", NULL);
    scene_wait_file(s, "stopped", "");
    life_expect_path(s, "app.service",
                     "start running stop stop-sigterm dead-before-auto-restart auto-restart auto-restart-queued start "
                     "running");
    print_message("  with RemainAfterExit= it stays active without it\n");
    life_wait_state(s, "once.service", "running");
    go(s, "once");
    life_wait_state(s, "once.service", "exited");
    print_message("  its process may end then, and is not waited for at the stop\n");
    go(s, "end");
    (void)scene_wait_event(s, "exited", "once.service", NULL);
    print_message("  where it fails, the unit has failed\n");
    life_wait_state(s, "fails.service", "running");
    go(s, "fails");
    life_wait_state(s, "fails.service", "exited");
    go(s, "fail");
    (void)scene_wait_event(s, "unit_state", "fails.service", "sub", "failed", "result", "exit-code", NULL);
    scene_stop(s, SIGTERM);
    assert_int_equal(scene_exit_code(s), 0);
    life_expect_log(s, "leaving it behind", false);
    life_expect_log(s, "timed out", false);
    scene_end(s);
}

/* The time limit, an end before the name comes, and one that is not there at all. */
static void test_never(void **state)
{
    struct scene *s = bus_scene(false);
#define DBUS(name) "[Unit]\nWants=dbus.service\nAfter=dbus.service\n[Service]\nType=dbus\nBusName=" NAME "." name "\n"
    scene_unit(s, "late.service", DBUS("Late") "TimeoutStartSec=500ms\nExecStart=" ACTOR " sleep\n");
    scene_unit(s, "other.service",
               DBUS("Other") "TimeoutStartSec=500ms\nExecStart=" ACTOR " bus-own " NAME ".Another -- sleep\n");
    scene_unit(s, "ends.service", DBUS("Ends") "ExecStart=" ACTOR " exit 0\n");
    scene_unit(s, "fails.service", DBUS("Fails") "ExecStart=" ACTOR " exit 3\n");
    boot(s, state);
    static const struct {
        const char *unit, *result;
    } ends[] = { { "late.service", "timeout" },
                 { "other.service", "timeout" },
                 { "ends.service", "protocol" },
                 { "fails.service", "exit-code" } };
    for (size_t i = 0; i < COUNT_OF(ends); i++) {
        print_message("  %s: %s\n", ends[i].unit, ends[i].result);
        scene_wait_event(s, "unit_state", ends[i].unit, "sub", "failed", "result", ends[i].result, NULL);
        assert_int_equal(scene_count_events(s, "unit_state", ends[i].unit, "sub", "running", NULL), 0);
    }
    life_expect_log(s, "unit late.service: " NAME ".Late has no owner on the system bus", true);
    end_well(s);
}

/* READY=1 is no name. */
static void test_ready_by_message(void **state)
{
    struct scene *s = bus_scene(false);
    scene_unit(s, "app.service",
               "[Unit]\nWants=dbus.service\nAfter=dbus.service\n[Service]\nType=dbus\nBusName=" NAME "\n"
               "NotifyAccess=main\nTimeoutStartSec=infinity\n"
               "ExecStart=" ACTOR " notify READY=1 -- notify STATUS=told -- await /scene/go-app -- notify STATUS=late "
               "-- bus-own " NAME " -- sleep\n");
    boot(s, state);
    (void)scene_wait_event(s, "notify_status", "app.service", NULL);
    go(s, "app");
    life_wait_state(s, "app.service", "running");
    size_t late = scene_event_position(s, "notify_status", "app.service", "status_text", "late", NULL);
    assert_true(late < scene_event_position(s, "unit_state", "app.service", "sub", "running", NULL));
    end_well(s);
}

/* A bus that is killed is no loss of a name by itself; when it is back, the name without an owner is. */
static void test_bus_restarts(void **state)
{
    struct scene *s = bus_scene(false);
    scene_unit(s, "dbus.service.d/restart.conf", "[Service]\nRestart=always\nRestartSec=0\n");
    scene_unit(s, "app.service",
               "[Unit]\nWants=dbus.service\nAfter=dbus.service\n[Service]\nType=dbus\nBusName=" NAME "\n"
               "ExecStart=" ACTOR " bus-own " NAME " -- sleep\n");
    boot(s, state);
    life_wait_state(s, "app.service", "running");
    life_signal_unit(s, "dbus.service", "KILL");
    life_wait_state(s, "app.service", "dead");
    size_t again = scene_event_position(s, "unit_state", "app.service", "sub", "stop-sigterm", NULL);
    size_t killed = scene_event_position(s, "exited", "dbus.service", NULL);
    assert_true(killed < again);
    scene_wait_nth_event(s, 2, "unit_state", "dbus.service", "sub", "running", NULL);
    assert_true(scene_count_events(s, "unit_state", "dbus.service", "sub", "start", NULL) >= 2);
    end_well(s);
}

/* Nothing waits for a bus that never answers: the start limit of the unit passes, others go on. */
static void test_silent_bus(void **state)
{
    struct scene *s = scene_new();
    scene_unit(s, "silent.socket", "[Socket]\nListenStream=/run/dbus/system_bus_socket\nBacklog=1\n");
    scene_unit(s, "silent.service", "[Service]\nExecStart=" ACTOR " sleep\n");
    scene_unit(s, "app.service",
               "[Unit]\nAfter=silent.socket\n[Service]\nType=dbus\nBusName=" NAME "\nTimeoutStartSec=500ms\n"
               "ExecStart=" ACTOR " sleep\n");
    scene_unit(s, "beside.service", "[Unit]\nAfter=app.service\n[Service]\nExecStart=" ACTOR " sleep\n");
    boot(s, state);
    scene_wait_event(s, "unit_state", "app.service", "sub", "failed", "result", "timeout", NULL);
    life_wait_state(s, "beside.service", "running");
    end_well(s);
}

/* Not Type=dbus: the name's owner becomes the main process where none is known, and is no condition of anything. */
static void test_main_by_name(void **state)
{
    struct scene *s = bus_scene(false);
    scene_unit(s, "app.service",
               "[Unit]\nWants=dbus.service\nAfter=dbus.service\n[Service]\nType=forking\nBusName=" NAME "\n"
               "ExecStart=" ACTOR " child /scene/second -- daemon - -- bus-own " NAME
               " -- report /scene/report -- sleep\n"
               "ExecStop=/bin/sh -c 'echo $MAINPID > /scene/main'\n");
    struct scene_spec spec = life_spec(state);
    spec.args[0] = "--log-level=debug";
    scene_boot(s, &spec);
    life_wait_state(s, "app.service", "running");
    scene_wait_log(s, "is its main process");
    scene_wait_file(s, "report", "pid=");
    char *pid = scene_report(s, "report", "pid");
    scene_stop(s, SIGTERM);
    assert_int_equal(scene_exit_code(s), 0);
    char *main_pid = scene_read(s, "main");
    assert_non_null(pid);
    assert_non_null(main_pid);
    main_pid[strcspn(main_pid, "\n")] = '\0';
    assert_string_equal(main_pid, pid);
    free(pid), free(main_pid);
    scene_end(s);
}

/* Debian's own service from its unmodified unit file, with Debian's bus (Type=notify): it can be asked once it is
 * started, and a unit of systemd's without Type= has one by its BusName=. */
static void test_of_debian(void **state)
{
    struct scene *s = scene_new();
    struct scene_spec spec = life_spec(state);
    if (access("/lib/systemd/systemd-hostnamed", X_OK) < 0) {
        print_message("  skipped: systemd-hostnamed is not on this machine\n");
        scene_end(s);
        return;
    }
    scene_file(s, "/etc/systemd/system/default.target", 0644, "[Unit]\nWants=hostname.service\n");
    scene_file(s, "/etc/systemd/system/hostname.service", 0644,
               "[Unit]\nDefaultDependencies=no\nRequires=systemd-hostnamed.service\nAfter=systemd-hostnamed.service\n"
               "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/sh -c 'dbus-send --system --print-reply "
               "--dest=org.freedesktop.hostname1 /org/freedesktop/hostname1 org.freedesktop.DBus.Properties.Get "
               "string:org.freedesktop.hostname1 string:Hostname > /scene/answer'\n");
    spec.args[0] = "--systemd";
    scene_boot(s, &spec);
    life_wait_state(s, "hostname.service", "exited");
    scene_wait_file(s, "answer", "string \"box\"");
    life_expect_path(s, "systemd-hostnamed.service", "start running");
    end_well(s);
}

int main(void)
{
    scene_skip_unless_possible();
    if (access("/usr/bin/dbus-daemon", X_OK) < 0) {
        (void)puts("skipped: there is no dbus-daemon on this machine");
        return 77;
    }
    const struct CMUnitTest tests[] = {
        IN_BOTH_PLACES(test_ready),          IN_BOTH_PLACES(test_name_lost),
        IN_BOTH_PLACES(test_never),          cmocka_unit_test(test_ready_by_message),
        cmocka_unit_test(test_bus_restarts), cmocka_unit_test(test_silent_bus),
        cmocka_unit_test(test_main_by_name), cmocka_unit_test(test_of_debian),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
