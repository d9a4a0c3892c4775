/* tests/e2e/test_socket_daemons.c - daemons of Debian that are started by the first client of their sockets.
 *
 * Each is asked before it runs, which starts it and is answered at once (no question is asked twice); asked again after
 * it was stopped and after it was killed; and stopped with its sockets. Then all of them in one container. */
#include "tests/e2e/debian.h"

#define EXPECT_LINE(pattern) "read -r -t 20 line <&3 && [[ $line = " pattern " ]]"
#define GET(port, pattern)   CONNECT(port) "printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3 && " EXPECT_LINE(pattern)
#define SSH                                                                                                            \
    "ssh -i /root/.ssh/of-the-box -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null "       \
    "root@127.0.0.1 "

struct daemon {
    const char *name;
    const char *program;
    const char *sockets; /* units, separated by blanks */
    const char *service;
    const char *comm;    /* of its processes */
    const char *prepare; /* before PID 1: what the image would have besides */
    const char *ask;     /* shell: succeeds when the daemon has answered, at the first try */
    const char *address; /* of one of its listeners */
    bool waits;          /* at its end, for clients that are connected; or has no connections */
};

/* Keys of its own, and nothing of what the machine's user has. */
#define SSH_KEYS                                                                                                       \
    "rm -f /etc/ssh/sshd_not_to_be_run; ssh-keygen -A >/dev/null; rm -rf /root/.ssh; mkdir -m 700 /root/.ssh; "        \
    "ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/of-the-box; "                                                        \
    "cp /root/.ssh/of-the-box.pub /root/.ssh/authorized_keys; "

static const struct daemon daemons[] = {
    { .name = "dbus",
      .program = "/usr/bin/dbus-daemon",
      .sockets = "dbus.socket",
      .service = "dbus.service",
      .comm = "dbus-daemon",
      .prepare = "",
      .ask = DBUS_SEND "ListNames | grep -q org.freedesktop.DBus",
      .address = "unix:/run/dbus/system_bus_socket" },
    /* Debian's sshd takes listeners (its ssh.socket says Accept=no). */
    { .name = "ssh",
      .program = "/usr/sbin/sshd",
      .sockets = "ssh.socket",
      .service = "ssh.service",
      .comm = "sshd",
      .prepare = SSH_KEYS,
      .ask = SSH "echo of-the-box | grep -q of-the-box",
      .address = "tcp:127.0.0.1:22" },
    /* It is told what the descriptors are by a variable of its own, and stays in the foreground then. Its workers
     * wait for the same connection, of which one gets it, so that they must not block (NonBlocking=). Two families on
     * one port, as its configuration has them. */
    { .name = "nginx",
      .program = "/usr/sbin/nginx",
      .sockets = "nginx.socket",
      .service = "nginx.service",
      .comm = "nginx",
      .prepare = "printf '[Socket]\\nListenStream=80\\nListenStream=0.0.0.0:80\\nBindIPv6Only=ipv6-only\\n' "
                 ">/etc/systemd/system/nginx.socket; mkdir /etc/systemd/system/nginx.service.d; "
                 "printf '[Service]\\nType=exec\\nNonBlocking=yes\\nEnvironment=\"NGINX=3:4;\"\\n' "
                 ">/etc/systemd/system/nginx.service.d/fds.conf",
      .ask = GET("80", "'HTTP/1.1 200'*") " && exec 3<>/dev/tcp/::1/80 && printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3 "
                                          "&& " EXPECT_LINE("'HTTP/1.1 200'*"),
      .address = "tcp:127.0.0.1:80",
      .waits = true },
    /* Four units, four names: which descriptor is which it knows by LISTEN_FDNAMES alone. */
    { .name = "gpg-agent",
      .program = "/usr/bin/gpg-agent",
      .sockets = "gpg-agent-ssh.socket gpg-agent-extra.socket gpg-agent-browser.socket gpg-agent.socket",
      .service = "gpg-agent.service",
      .comm = "gpg-agent",
      .prepare = "cp /usr/lib/systemd/user/gpg-agent* /etc/systemd/system; rm -rf /root/.gnupg; mkdir -m 700 "
                 "/root/.gnupg",
      .ask = "SSH_AUTH_SOCK=/run/gnupg/S.gpg-agent.ssh ssh-add -l | grep -q 'no identities' && "
             "gpg-connect-agent -S /run/gnupg/S.gpg-agent 'GETINFO restricted' /bye | grep -q ^ERR && "
             "gpg-connect-agent -S /run/gnupg/S.gpg-agent.extra 'GETINFO restricted' /bye | grep -q ^OK",
      .address = "unix:/run/gnupg/S.gpg-agent",
      .waits = true },
    { .name = "haproxy",
      .program = "/usr/sbin/haproxy",
      .sockets = "haproxy.socket",
      .service = "haproxy.service",
      .comm = "haproxy",
      .prepare = "printf '[Socket]\\nListenStream=8090\\n' >/etc/systemd/system/haproxy.socket; "
                 "printf 'defaults\\n mode http\\n timeout client 20s\\nfrontend in\\n bind fd@3\\n"
                 " http-request return status 200\\n' >/etc/haproxy/haproxy.cfg",
      .ask = GET("8090", "'HTTP/1.'[01]' 200'*"),
      .address = "tcp:127.0.0.1:8090" },
    /* The datagram that starts it is in its file. It takes that listener where there seems to be a journal. */
    { .name = "rsyslog",
      .program = "/usr/sbin/rsyslogd",
      .sockets = "syslog.socket",
      .service = "rsyslog.service",
      .comm = "rsyslogd",
      .prepare = "ln -s /lib/systemd/system/rsyslog.service /etc/systemd/system/syslog.service; rm -f /var/log/syslog; "
                 "mkdir -p /run/systemd/system",
      .ask = "text=asked-$RANDOM-$RANDOM; logger -u /run/systemd/journal/syslog $text && for try in {1..200}; do "
             "grep -q $text /var/log/syslog && exit; sleep 0.1; done; exit 1",
      .address = "unix:/run/systemd/journal/syslog",
      .waits = true },
};

static bool is_installed(const struct daemon *d)
{
    return access(d->program, X_OK) == 0;
}

static struct scene *boot(const struct daemon *const *wanted, size_t n, const struct place *place)
{
    struct str wants = STR_EMPTY, prepare = STR_EMPTY;
    int r = 0;
    for (size_t i = 0; r == 0 && i < n; i++) {
        r = str_appendf(&wants, " %s", wanted[i]->sockets);
        if (r == 0) r = str_appendf(&prepare, "%s\n", wanted[i]->prepare);
    }
    assert_int_equal(r, 0);
    struct scene *s = debian_boot_scene(scene_new(), str_text(&wants), str_text(&prepare), place);
    str_done(&wants);
    str_done(&prepare);
    return s;
}

static void systemctl(struct scene *s, const char *verb, const char *units)
{
    char script[512];
    (void)snprintf(script, sizeof script, "systemctl %s %s", verb, units);
    run(s, units, script, false);
}

static size_t times_started(struct scene *s, const struct daemon *d)
{
    return scene_count_events(s, "spawn", d->service, NULL);
}

/* Only the question starts it, and it is answered. */
static void expect_activation(struct scene *s, const struct daemon *d, size_t starts_before)
{
    if (times_started(s, d) != starts_before) scene_fail(s, "%s was started by nobody", d->service);
    run(s, d->name, d->ask, false);
    (void)scene_wait_nth_event(s, starts_before + 1, "spawn", d->service, NULL);
    if (times_started(s, d) != starts_before + 1) scene_fail(s, "%s did not start once", d->service);
    run(s, d->name, d->ask, false);
}

/* Each socket of the service listens again. */
static void wait_rearmed(struct scene *s, const struct daemon *d)
{
    size_t sockets = 1;
    for (const char *c = d->sockets; *c; c++) sockets += *c == ' ';
    (void)scene_wait_nth_event(s, sockets, "rearmed", NULL, "service", d->service, NULL);
}

static void expect_nothing_left(struct scene *s, const struct daemon *d)
{
    char script[512];
    (void)snprintf(script, sizeof script,
                   "[ ! -e /sys/fs/cgroup/container-init/%s ] && ! systemctl is-active %s %s && ! pgrep -x %s",
                   d->service, d->service, d->sockets, d->comm);
    run(s, "nothing is left", script, false);
}

/* One after the other. K57: the first request is answered. */
static void test_daemon(void **state)
{
    const struct daemon *d = *state;
    SKIP_WITHOUT(d->program);
    struct scene *s = boot(&d, 1, &with_leaves);
    (void)scene_wait_event(s, "startup_finished", NULL, NULL);
    systemctl(s, "is-active", d->sockets);
    expect_activation(s, d, 0);
    print_message("  stopped, the next client starts it\n");
    (void)scene_wait_event(s, "unit_state", d->service, "sub", "running", NULL);
    systemctl(s, "stop", d->service);
    wait_rearmed(s, d);
    expect_activation(s, d, 1);
    (void)scene_wait_nth_event(s, 2, "unit_state", d->service, "sub", "running", NULL);
    print_message("  killed, it comes back by its Restart= or by the next client\n");
    systemctl(s, "kill --kill-whom=all --signal=KILL", d->service);
    (void)scene_wait_nth_event(s, 2, "exited", d->service, NULL);
    run(s, d->name, d->ask, false);
    (void)scene_wait_nth_event(s, 3, "spawn", d->service, NULL);
    assert_int_equal(times_started(s, d), 3);
    print_message("  stopped with its sockets\n");
    char units[256];
    (void)snprintf(units, sizeof units, "%s %s", d->sockets, d->service);
    systemctl(s, "stop", units);
    expect_nothing_left(s, d);
    assert_true(box_connect(scene_box(s), d->address, 0, 0, &(int){ -1 }) < 0);
    expect_stop(s, 0);
    scene_end(s);
}

/* All that are installed, in one container; stopped while their clients are connected. */
static void test_together(void **state)
{
    const struct daemon *wanted[COUNT_OF(daemons)];
    int clients[COUNT_OF(daemons)];
    size_t n = 0;
    for (size_t i = 0; i < COUNT_OF(daemons); i++)
        if (is_installed(&daemons[i])) wanted[n++] = &daemons[i];
    struct scene *s = boot(wanted, n, *state);
    (void)scene_wait_event(s, "startup_finished", NULL, NULL);
    for (size_t i = 0; i < n; i++) assert_int_equal(times_started(s, wanted[i]), 0);
    for (size_t i = 0; i < n; i++) clients[i] = wanted[i]->waits ? -1 : scene_connect(s, wanted[i]->address);
    for (size_t i = 0; i < n; i++) run(s, wanted[i]->name, wanted[i]->ask, false);
    for (size_t i = 0; i < n; i++) {
        (void)scene_wait_event(s, "unit_state", wanted[i]->service, "sub", "running", NULL);
        assert_int_equal(times_started(s, wanted[i]), 1);
    }
    expect_stop(s, 0);
    for (size_t i = 0; i < n; i++)
        if (clients[i] >= 0) close(clients[i]);
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
