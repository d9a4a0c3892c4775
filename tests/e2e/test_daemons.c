/* tests/e2e/test_daemons.c - daemons of Debian from their unmodified unit files, under --systemd.
 *
 * Each is started, asked in its own protocol, reloaded where it can be, killed, and stopped, through the control
 * interface; then all of them together. */
#include "tests/e2e/debian.h"

/* Shell: `ask` succeeds when the daemon has answered; it is tried until then. */
struct daemon {
    const char *name;    /* NAME.service */
    const char *comm;    /* of its processes */
    bool restarts;       /* killed, it comes back, by the Restart= of its unit */
    const char *prepare; /* before PID 1: what the image would have besides; NULL: nothing */
    const char *ask;
    const char *change, *ask_changed; /* what a reload is to take up, and how that shows; NULL: it has no reload */
    const char *forget;               /* before it is killed: what would make `ask` succeed by the former run */
};

static const struct daemon daemons[] = {
    { .name = "nginx",
      .comm = "nginx",
      .ask =
          CONNECT("80") "printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3 && read -r line <&3 && [[ $line = 'HTTP/1.1 200'* ]]",
      .change = "echo 'server { listen 8081; location / { return 204; } }' >/etc/nginx/conf.d/new.conf",
      .ask_changed = CONNECT(
          "8081") "printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3 && read -r line <&3 && [[ $line = 'HTTP/1.1 204'* ]]" },
    { .name = "redis-server",
      .comm = "redis-server",
      .restarts = true,
      .ask = CONNECT("6379") "printf 'PING\\r\\n' >&3 && read -r line <&3 && [[ $line = +PONG* ]]" },
    { .name = "cron",
      .comm = "cron",
      .restarts = true,
      .prepare = "echo '@reboot root touch /run/cron-ran' >/etc/cron.d/at-start",
      .ask = "[ -e /run/cron-ran ]", /* it has read its tables, and runs what they say */
      .forget = "rm /run/cron-ran /run/crond.reboot" },
    { .name = "ssh",
      .comm = "sshd",
      .restarts = true,
      .prepare = "rm -f /etc/ssh/sshd_not_to_be_run; ssh-keygen -A >/dev/null",
      .ask = CONNECT("22") "read -r line <&3 && [[ $line = SSH-2.0-OpenSSH* ]]",
      .change = "printf 'Port 22\\nPort 2222\\n' >/etc/ssh/sshd_config.d/new.conf",
      .ask_changed = CONNECT("2222") "read -r line <&3 && [[ $line = SSH-2.0-OpenSSH* ]]" },
    { .name = "dbus",
      .comm = "dbus-daemon",
      .ask = DBUS_SEND "ListNames | grep -q org.freedesktop.DBus", /* which says Hello first */
      .change = "printf '[D-BUS Service]\\nName=org.example.New\\nExec=/bin/false\\nUser=root\\n' "
                ">/usr/share/dbus-1/system-services/org.example.New.service",
      .ask_changed = DBUS_SEND "ListActivatableNames | grep -q org.example.New" },
    { .name = "rsyslog",
      .comm = "rsyslogd",
      .restarts = true,
      /* What enabling it makes: the service of the syslog.socket that it requires. */
      .prepare = "ln -s /lib/systemd/system/rsyslog.service /etc/systemd/system/syslog.service; rm -f /var/log/syslog",
      .ask = "logger -u /dev/log asked && grep -q asked /var/log/syslog",
      .forget = "rm /var/log/syslog" },
    { .name = "memcached",
      .comm = "memcached",
      .restarts = true,
      .prepare = "install -d -o memcache /run/memcached",
      .ask = CONNECT("11211") "printf 'version\\r\\n' >&3 && read -r line <&3 && [[ $line = VERSION* ]]" },
    { .name = "mosquitto",
      .comm = "mosquitto",
      .restarts = true,
      .ask = CONNECT("1883") "printf '\\x10\\x10\\0\\x04MQTT\\x04\\x02\\0\\x3c\\0\\x04test' >&3 && "
                             "[[ $(head -c 4 <&3 | od -An -tx1) = ' 20 02 00 00' ]]",
      .change = "echo 'log_type all' >/etc/mosquitto/conf.d/new.conf",
      .ask_changed = "grep -q 'Reloading config' /var/log/mosquitto/mosquitto.log" },
};

static bool is_installed(const struct daemon *d)
{
    char path[128];
    (void)snprintf(path, sizeof path, "/lib/systemd/system/%s.service", d->name);
    return access(path, R_OK) == 0;
}

static struct scene *boot(const struct daemon *const *wanted, size_t n, const struct place *place)
{
    struct str wants = STR_EMPTY, prepare = STR_EMPTY;
    int r = 0;
    for (size_t i = 0; r == 0 && i < n; i++) {
        r = str_appendf(&wants, " %s.service", wanted[i]->name);
        if (r == 0 && wanted[i]->prepare) r = str_appendf(&prepare, "%s\n", wanted[i]->prepare);
    }
    assert_int_equal(r, 0);
    struct scene *s = debian_boot_scene(scene_new(), str_text(&wants), str_text(&prepare), place);
    str_done(&wants);
    str_done(&prepare);
    return s;
}

static void systemctl(struct scene *s, const struct daemon *d, const char *verb)
{
    char script[128];
    (void)snprintf(script, sizeof script, "systemctl %s %s.service", verb, d->name);
    run(s, d->name, script, false);
}

/* While its socket listens there may be a leaf, for the next start; nobody is in it. */
static void expect_nothing_left(struct scene *s, const struct daemon *d)
{
    char script[256];
    (void)snprintf(script, sizeof script,
                   "! grep -qs . /sys/fs/cgroup/container-init/%s.service/cgroup.procs && ! systemctl is-active %s && "
                   "! pgrep -x %s",
                   d->name, d->name, d->comm);
    run(s, "nothing is left", script, false);
}

/* One after the other: a daemon that is not installed is skipped by name. */
static void test_daemon(void **state)
{
    const struct daemon *d = *state;
    char unit[64];
    (void)snprintf(unit, sizeof unit, "%s.service", d->name);
    if (!is_installed(d)) {
        print_message("skipped: %s is not installed\n", unit);
        skip();
    }
    struct scene *s = boot(&d, 1, &with_leaves);
    (void)scene_wait_event(s, "startup_finished", NULL, NULL);
    systemctl(s, d, "is-active");
    run(s, d->name, d->ask, true);
    if (d->change) {
        run(s, d->name, d->change, false);
        systemctl(s, d, "reload");
        run(s, d->name, d->ask_changed, true);
        run(s, d->name, d->ask, true);
    }
    if (d->forget) run(s, d->name, d->forget, false);
    size_t before = times_running(s, unit);
    systemctl(s, d, "kill --kill-whom=main --signal=KILL");
    if (d->restarts) {
        (void)scene_wait_nth_event(s, before + 1, "unit_state", unit, "sub", "running", NULL);
    } else {
        (void)scene_wait_event(s, "unit_state", unit, "sub", "failed", "result", "signal", NULL);
        systemctl(s, d, "start");
    }
    run(s, d->name, d->ask, true);
    systemctl(s, d, "stop");
    expect_nothing_left(s, d);
    expect_stop(s, 0);
    scene_end(s);
}

/* All that are installed, in one container: with leaves, and as a default Docker container has it. */
static void test_together(void **state)
{
    const struct daemon *wanted[COUNT_OF(daemons)];
    size_t n = 0;
    for (size_t i = 0; i < COUNT_OF(daemons); i++)
        if (is_installed(&daemons[i])) wanted[n++] = &daemons[i];
    struct scene *s = boot(wanted, n, *state);
    (void)scene_wait_event(s, "startup_finished", NULL, NULL);
    for (size_t i = 0; i < n; i++) {
        systemctl(s, wanted[i], "is-active");
        run(s, wanted[i]->name, wanted[i]->ask, true);
    }
    run(s, "restart of all", "systemctl restart nginx redis-server cron ssh rsyslog memcached mosquitto", false);
    for (size_t i = 0; i < n; i++) run(s, wanted[i]->name, wanted[i]->ask, true);
    expect_stop(s, 0);
    expect_no_log(s, "force-killed");
    scene_end(s);
}

int main(void)
{
    scene_skip_unless_possible();
    struct CMUnitTest tests[COUNT_OF(daemons) + 2] = {
        { "all together, with cgroups", test_together, NULL, NULL, (void *)(uintptr_t)&with_leaves },
        { "all together, without a writable cgroup", test_together, NULL, NULL, (void *)(uintptr_t)&without_leaves },
    };
    for (size_t i = 0; i < COUNT_OF(daemons); i++)
        tests[i + 2] = (struct CMUnitTest){ daemons[i].name, test_daemon, NULL, NULL, (void *)(uintptr_t)&daemons[i] };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
