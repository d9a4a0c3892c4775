/* tests/e2e/test_desktop.c - examples/desktop, the user's worked examples as they stand, from boot to exit. */
#include "tests/e2e/harness_internal.h"
#include "base/json.h"
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define IMAGE TEST_SOURCE_DIR "/examples/desktop"

static struct scene *boot(void)
{
    struct scene *s = scene_new();
    struct scene_spec spec = SCENE_SPEC_DEFAULT;
    static const struct box_pair layers[] = {
        { IMAGE "/base/units", "/etc/container-init/units" },  { IMAGE "/base/bin", "/usr/local/bin" },
        { IMAGE "/derived/drop-in", "/etc/container-init.d" }, { IMAGE "/derived/bin", "/usr/local/bin" },
        { IMAGE "/build-image", "/opt/build-image" },          { E2E_MYHELPER, "/usr/local/bin/myhelper" },
    };
    for (size_t i = 0; i < COUNT_OF(layers); i++)
        assert_int_equal(box_spec_copy(&spec.box, layers[i].source, layers[i].destination), 0);
    spec.box.setup = "/opt/build-image";
    scene_boot(s, &spec);
    return s;
}

static ino_t inode_of(struct scene *s, const char *path)
{
    char buffer[PATH_MAX];
    struct stat st;
    if (lstat(box_path(scene_box(s), path, buffer), &st) < 0) scene_fail(s, "%s is not there", path);
    return st.st_ino;
}

static void expect_output(struct scene *s, const char *const *argv, const char *want)
{
    struct str output = STR_EMPTY;
    int status = scene_exec(s, argv, &output);
    if (status != 0 || !strstr(str_text(&output), want))
        scene_fail(s, "%s: status %d, no \"%s\" in: %s", argv[0], status, want, str_text(&output));
    str_done(&output);
}

/* `first` stands in the trace before `second`; both phases are of the named units. */
static void expect_order(struct scene *s, const char *phase, const char *first, const char *phase2, const char *second)
{
    size_t a = scene_event_position(s, phase, first, NULL), b = scene_event_position(s, phase2, second, NULL);
    if (a == SIZE_MAX || b == SIZE_MAX || a > b)
        scene_fail(s, "%s of %s (%zd) does not come before %s of %s (%zd)", phase, first, (ssize_t)a, phase2, second,
                   (ssize_t)b);
}

static void test_desktop(void **state)
{
    (void)state;
    struct scene *s = boot();

    print_message("  the derived image's unit and fragment win (K100)\n");
    scene_wait_log(s, "container-init: drop-in override: status-panel.service replaces "
                      "/etc/container-init/units/status-panel.service with /etc/container-init.d/status-panel.service");
    scene_wait_event(s, "unit_overridden", "status-panel.service", NULL);
    scene_wait_log(s, "[status-panel] panel of the derived image");
    scene_wait_log(s, "[window-manager] running as app with the dark theme");

    print_message("  example 1: the boot oneshot\n");
    scene_wait_log(s, "[myimage-init] first-boot files written by app in /run/session");
    scene_wait_event(s, "exited", "myimage-init.service", "failed", "false", NULL);
    expect_order(s, "exited", "session-setup.service", "spawn", "myimage-init.service");
    expect_order(s, "exited", "session-setup.service", "spawn", "window-manager.service");

    print_message("  the gate fails: its handler runs, its dependant does not\n");
    scene_wait_event(s, "exited", "license-gate.service", "failed", "true", NULL);
    scene_wait_event(s, "onfailure_invoke", "license-report.service", NULL);
    scene_wait_log(s, "[license-report] the screen recorder stays off");
    scene_wait_event(s, "dependency_failed", "screen-recorder.service", NULL);
    assert_int_equal(scene_count_events(s, "spawn", "screen-recorder.service", NULL), 0);

    print_message("  example 2: the app comes back after its first failure\n");
    scene_wait_event(s, "exited", "myimage-app.service", "failed", "true", NULL);
    scene_wait_nth_event(s, 2, "spawn", "myimage-app.service", NULL);
    scene_wait_log(s, "[myimage-app] serving /home/app on 127.0.0.1:5000");

    print_message("  nothing that waits for a connection has started\n");
    static const struct {
        const char *socket, *service;
    } lazy[] = { { "myhelper.socket", "myhelper.service" },
                 { "legacy.socket", "legacy.service" },
                 { "dbus-system.socket", "dbus-system.service" } };
    for (size_t i = 0; i < COUNT_OF(lazy); i++) {
        scene_wait_event(s, "bound", lazy[i].socket, NULL);
        assert_int_equal(scene_count_events(s, "spawn", lazy[i].service, NULL), 0);
    }

    print_message("  example 3: the native helper answers its first client (K57)\n");
    int client = scene_connect(s, "tcp:127.0.0.1:5050");
    struct str answer = scene_receive(s, client, NULL);
    assert_string_equal(str_text(&answer), "hello from myhelper, client 1\n");
    str_done(&answer);
    close(client);
    scene_wait_log(s, "[myhelper] took over listener 3 (myhelper.socket)");

    print_message("  example 4: busybox httpd behind the proxy\n");
    static const char *const wget[] = { "busybox", "wget", "-q", "-O", "-", "http://127.0.0.1:8080/", NULL };
    expect_output(s, wget, "hello from the legacy server\n");
    scene_wait_event(s, "spawn", "legacy.service", NULL);

    print_message("  example 5: dbus-daemon takes over the system bus, and its node stays\n");
    ino_t before = inode_of(s, "/run/dbus/system_bus_socket");
    static const char *const dbus_send[] = {
        "dbus-send", "--system", "--print-reply", "--dest=org.freedesktop.DBus", "/", "org.freedesktop.DBus.ListNames",
        NULL
    };
    expect_output(s, dbus_send, "string \"org.freedesktop.DBus\"");
    expect_output(s, dbus_send, "string \"org.freedesktop.DBus\"");
    assert_true(inode_of(s, "/run/dbus/system_bus_socket") == before);
    assert_int_equal(scene_count_events(s, "spawn", "dbus-system.service", NULL) > 0, 1);

    print_message("  the ordered stop, status 0 although our signals ended them (K17, K29)\n");
    scene_stop(s, SIGTERM);
    assert_int_equal(scene_exit_code(s), 0);
    scene_wait_log(s, "container-init: received terminated, beginning reverse shutdown");
    scene_wait_event(s, "signal_received", NULL, "sig", "terminated", NULL);
    scene_wait_event(s, "boot_done", NULL, "exit", "0", NULL);
    expect_order(s, "exited", "status-panel.service", "exited", "window-manager.service");
    assert_false(scene_log_has(s, "force-killed"));
    scene_end(s);
}

static void test_the_examples_are_the_users(void **state)
{
    (void)state;
    /* Typed here again on purpose: an edit of the example's file must not go unnoticed. */
    static const struct {
        const char *name, *text;
    } files[] = {
        { "myimage-init.service",
          "# /etc/container-init.d/myimage-init.service\n[Unit]\nDescription=My image's per-session init\n"
          "After=session-setup.service\nRequires=session-setup.service\n\n[Service]\nType=oneshot\nRemainAfterExit="
          "yes\n"
          "User=${APP_USER:-app}\nExecStart=/usr/local/bin/myimage-init\nTimeoutStartSec=60s\n" },
        { "myimage-app.service",
          "# /etc/container-init.d/myimage-app.service\n[Unit]\nDescription=Background app\n"
          "After=window-manager.service\nRequires=window-manager.service\n\n[Service]\nType=simple\n"
          "User=${APP_USER:-app}\nWorkingDirectory=${APP_HOME:-/home/app}\n"
          "ExecStart=/usr/local/bin/myimage-app --listen 127.0.0.1:5000\nRestart=on-failure\nRestartSec=2s\n"
          "StartLimitBurst=5\nStartLimitIntervalSec=60s\n" },
        { "myhelper.socket",
          "# /etc/container-init.d/myhelper.socket\n[Unit]\nDescription=My helper -- public listener\n\n[Socket]\n"
          "ListenStream=5050\nActivationMode=native\nService=myhelper.service\n\n[Install]\n"
          "WantedBy=sockets.target\n" },
        { "myhelper.service",
          "# /etc/container-init.d/myhelper.service\n[Unit]\nRequires=myhelper.socket\n\n[Service]\n"
          "Type=simple\nUser=${APP_USER:-app}\nExecStart=/usr/local/bin/myhelper\n"
          "Restart=on-failure\nRestartSec=500ms\n" },
        { "legacy.socket", "# /etc/container-init.d/legacy.socket\n[Socket]\nListenStream=8080\nActivationMode=proxy\n"
                           "ProxyTarget=127.0.0.1:18080\nService=legacy.service\n\n[Install]\n"
                           "WantedBy=sockets.target\n" },
        { "legacy.service", "# /etc/container-init.d/legacy.service\n[Unit]\nRequires=legacy.socket\n\n[Service]\n"
                            "Type=simple\nExecStart=/usr/local/bin/legacy-server --listen 127.0.0.1:18080\n"
                            "Restart=on-failure\nRestartSec=500ms\n" },
        { "dbus-system.socket",
          "# /etc/container-init.d/dbus-system.socket\n[Socket]\nListenStream=/run/dbus/system_bus_socket\n"
          "SocketUser=root\nSocketMode=0666\nActivationMode=native\nService=dbus-system.service\n" },
        { "dbus-system.service",
          "# /etc/container-init.d/dbus-system.service\n[Unit]\nRequires=dbus-system.socket\n\n[Service]\nType=simple\n"
          "User=messagebus\nGroup=messagebus\nExecStartPre=/usr/bin/install -d -m 0755 /run/dbus\n"
          "ExecStart=/usr/bin/dbus-daemon --system --nofork --nopidfile --syslog-only\nRestart=on-failure\n" },
    };
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        char path[PATH_MAX], text[4096] = "";
        (void)snprintf(path, sizeof path, IMAGE "/derived/drop-in/%s", files[i].name);
        FILE *f = fopen(path, "re");
        assert_non_null(f);
        (void)!fread(text, 1, sizeof text - 1, f);
        (void)fclose(f);
        print_message("  %s\n", files[i].name);
        assert_string_equal(text, files[i].text);
    }
}

int main(void)
{
    scene_skip_unless_possible();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_examples_are_the_users),
        cmocka_unit_test(test_desktop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
