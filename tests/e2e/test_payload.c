/* tests/e2e/test_payload.c - being the payload of a container manager: its signals, its notification socket, its
 * variables. Source: systemd(1) "SIGNALS", sd_notify(3), https://systemd.io/CONTAINER_INTERFACE. */
#include "tests/e2e/life.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define SLEEPER "[Service]\nExecStart=" ACTOR " sleep\n"
/* What an ordered stop waits for. */
#define SLOW "[Service]\nExecStart=" ACTOR " on-term /scene/stopped done 100\n"

/* ---- signals ---- */

/* K25 and its like. Each way to the end: in order or at once, and the exit status. A restart is reboot(2), and the
 * kernel ends PID 1 of a container by SIGHUP for it; without CAP_SYS_BOOT it is the status 133. */
static void test_ends(void **state)
{
    static const struct {
        int signal; /* from RTMIN on */
        bool in_order, restart;
    } rows[] = {
        { 3, true, false },   { 4, true, false },  { 5, true, true },   { 6, true, true },    { 13, false, false },
        { 14, false, false }, { 15, false, true }, { 16, false, true }, { 24, false, false },
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct scene *s = scene_new();
        struct scene_spec spec = life_spec(state);
        spec.args[0] = "--stop-timeout=60s";
        scene_unit(s, "a.service", SLOW);
        scene_boot(s, &spec);
        scene_wait_log(s, "done ready");
        print_message("  RTMIN+%d\n", rows[i].signal);
        scene_stop(s, SIGRTMIN + rows[i].signal);
        int status = scene_exit_code(s);
        assert_int_equal(status, !rows[i].restart ? 0 : spec.box.docker_caps ? 133 : 128 + SIGHUP);
        char *stopped = scene_read(s, "stopped");
        assert_int_equal(stopped != NULL, rows[i].in_order);
        free(stopped);
        life_expect_log(s, rows[i].in_order ? "beginning reverse shutdown" : "leaving at once", true);
        life_expect_log(s, "force-killed", false);
        scene_end(s);
    }
}

/* At once also ends an ordered stop that is under way, and a failure that decided keeps its status. */
static void test_at_once_while_stopping(void **state)
{
    struct scene *s = scene_new();
    struct scene_spec spec = life_spec(state);
    spec.args[0] = "--stop-timeout=60s";
    scene_unit(s, "a.service",
               "[Service]\nTimeoutStopSec=50s\nExecStart=" ACTOR " ignore TERM -- write 1 deaf -- sleep\n");
    scene_unit(s, "b.service",
               "[Unit]\nAfter=a.service\n[Service]\nExitContainerOnFailure=yes\nExecStart=/bin/sh -c 'read x < "
               "/scene/go; exit 7'\n");
    spec.box.setup = "mkfifo /scene/go";
    scene_boot(s, &spec);
    scene_wait_log(s, "deaf");
    static const char *const go[] = { "/bin/sh", "-c", "echo > /scene/go", NULL };
    assert_int_equal(scene_exec(s, go, NULL), 0);
    life_wait_state(s, "a.service", "stop-sigterm");
    scene_stop(s, SIGRTMIN + 14);
    assert_int_equal(scene_exit_code(s), 7);
    scene_end(s);
}

static void test_targets(void **state)
{
    static const struct {
        int signal;
        const char *target;
        bool isolates;
    } rows[] = { { SIGPWR, "sigpwr.target", false },
                 { SIGWINCH, "kbrequest.target", false },
                 { -1, "rescue.target", true },
                 { -2, "emergency.target", true } };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        int signal = rows[i].signal > 0 ? rows[i].signal : SIGRTMIN - rows[i].signal;
        struct scene *s = scene_new();
        struct scene_spec spec = life_spec(state);
        char text[256];
        (void)snprintf(text, sizeof text, "[Unit]\nAllowIsolate=yes\nWants=%s.service\nAfter=%s.service\n",
                       rows[i].target, rows[i].target);
        scene_file(s, "/etc/systemd/system/default.target", 0644, "[Unit]\nAllowIsolate=yes\nWants=a.service\n");
        scene_file(s, "/etc/systemd/system/a.service", 0644, "[Unit]\nDefaultDependencies=no\n" SLEEPER);
        (void)snprintf(text + 200, 50, "/etc/systemd/system/%s", rows[i].target);
        scene_file(s, text + 200, 0644, text);
        (void)snprintf(text, sizeof text, "/etc/systemd/system/%s.service", rows[i].target);
        scene_file(s, text, 0644, "[Unit]\nDefaultDependencies=no\n" SLEEPER);
        spec.args[0] = "--systemd";
        scene_boot(s, &spec);
        life_wait_state(s, "a.service", "running");
        scene_wait_event(s, "startup_finished", NULL, NULL);
        (void)snprintf(text, sizeof text, "%s.service", rows[i].target);
        print_message("  %s\n", rows[i].target);
        life_expect_count(s, 0, "spawn", text); /* nothing but the signal starts it */
        scene_stop(s, signal);
        life_wait_state(s, text, "running");
        scene_wait_event(s, "unit_state", rows[i].target, "sub", "active", NULL);
        if (rows[i].isolates) {
            life_wait_state(s, "a.service", "dead");
            scene_stop(s, SIGRTMIN); /* and back */
            scene_wait_nth_event(s, 2, "unit_state", "a.service", "sub", "running", NULL);
        }
        assert_int_equal(scene_count_events(s, "unit_state", "a.service", "sub", "dead", NULL), rows[i].isolates);
        scene_stop(s, SIGTERM);
        assert_int_equal(scene_exit_code(s), 0);
        scene_end(s);
    }
}

/* Where no file is the default target, what takes its place is isolated; what has no file is told of. */
static void test_built_in_targets(void **state)
{
    struct scene *s = scene_new();
    struct scene_spec spec = life_spec(state);
    static const char unit[] = "[Unit]\nDefaultDependencies=no\n" SLEEPER;
    scene_file(s, "/etc/systemd/system/a.service", 0644, unit);
    scene_file(s, "/etc/systemd/system/sigpwr.target", 0644, "[Unit]\nWants=b.service\n");
    scene_file(s, "/etc/systemd/system/b.service", 0644, unit);
    spec.args[0] = "--systemd";
    spec.box.setup = "cd /etc/systemd/system && rm -rf /lib/systemd/system/*.target* default.target *.wants && "
                     "mkdir multi-user.target.wants && ln -s ../a.service multi-user.target.wants";
    scene_boot(s, &spec);
    life_wait_state(s, "a.service", "running");
    scene_stop(s, SIGPWR);
    life_wait_state(s, "b.service", "running");
    scene_stop(s, SIGRTMIN);
    life_wait_state(s, "b.service", "dead");
    scene_stop(s, SIGRTMIN + 2);
    scene_wait_log(s, "received signal 36: there is no emergency.target");
    assert_int_equal(scene_count_events(s, "unit_state", "a.service", "sub", "dead", NULL), 0);
    scene_stop(s, SIGTERM);
    assert_int_equal(scene_exit_code(s), 0);
    scene_end(s);
}

/* The state in the log, and how much of what happens goes there. */
static void test_log(void **state)
{
    struct scene *s = scene_new();
    scene_unit(s, "a.service", SLEEPER);
    scene_unit(s, "b.socket", "[Socket]\nListenStream=/run/b\n");
    scene_unit(s, "b.service", "[Service]\nExecStart=" ACTOR " listen-once\nRestart=no\n");
    scene_unit(s, "c.service", "[Service]\nExecStart=/bin/false\n");
    life_boot(s, state);
    scene_wait_event(s, "startup_finished", NULL, NULL);
    life_wait_state(s, "c.service", "failed");
    print_message("  USR2\n");
    scene_stop(s, SIGUSR2);
    scene_wait_log(s, "container-init: state: 4 units, 0 jobs");
    scene_wait_log(s, "container-init: state: a.service: active (running), result success, pid ");
    scene_wait_log(s, "container-init: state: b.socket: active (listening), result success\n");
    scene_wait_log(s, "container-init: state: c.service: failed (failed), result exit-code\n");
    print_message("  RTMIN+22, +23\n");
    scene_stop(s, SIGRTMIN + 22);
    scene_wait_log(s, "log level debug");
    close(scene_connect(s, "unix:/run/b"));
    scene_wait_log(s, "unit b.service: dead -> start");
    life_wait_state(s, "b.service", "dead");
    scene_stop(s, SIGRTMIN + 23);
    scene_wait_log(s, "received signal 57: log level info");
    print_message("  RTMIN+21, +20\n");
    scene_stop(s, SIGRTMIN + 21);
    scene_wait_log(s, "log level warning");
    close(scene_connect(s, "unix:/run/b"));
    scene_wait_nth_event(s, 2, "unit_state", "b.service", "sub", "dead", NULL);
    scene_stop(s, SIGRTMIN + 20);
    scene_wait_log(s, "received signal 54: log level info");
    scene_stop(s, SIGTERM);
    assert_int_equal(scene_exit_code(s), 0);
    const char *log = scene_log(s), *first = strstr(log, "unit b.service: ended");
    assert_non_null(first); /* of the first run; the second one was not told */
    assert_null(strstr(first + 1, "unit b.service: ended"));
    scene_end(s);
}

/* ---- NOTIFY_SOCKET= ---- */

static int listen_at(struct scene *s, const char *name, int type)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    char path[PATH_MAX];
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s", scene_path(s, name, path));
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0) scene_fail(s, "no socket at %s", path);
    return fd;
}

struct heard {
    int fd;
    const char *want;
    struct str all; /* messages, each ended by "--\n" */
};

static bool has_heard(struct scene *s, void *userdata)
{
    struct heard *h = userdata;
    char buffer[4096];
    (void)s;
    for (ssize_t n; (n = recv(h->fd, buffer, sizeof buffer - 1, 0)) > 0;) {
        buffer[n] = '\0';
        assert_int_equal(str_appendf(&h->all, "%s--\n", buffer), 0);
    }
    return strstr(str_text(&h->all), h->want) != NULL;
}

static void hear(struct scene *s, struct heard *h, const char *want)
{
    h->want = want;
    scene_wait(s, has_heard, h, want);
}

static void test_notify(void **state)
{
    struct scene *s = scene_new();
    struct scene_spec spec = life_spec(state);
    struct heard h = { .want = "READY=1", .all = STR_EMPTY };
    assert_int_equal(box_spec_env(&spec.box, "NOTIFY_SOCKET=/scene/notify"), 0);
    scene_unit(s, "a.service",
               "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/sh -c 'read x < /scene/go'\n");
    scene_unit(
        s, "b.service",
        "[Unit]\nAfter=a.service\n[Service]\nExitContainerOnFailure=yes\nExecStart=/bin/sh -c 'env > /scene/env; "
        "read x < /scene/go; exit 9'\n");
    spec.box.setup = "mkfifo /scene/go";
    static const char *const go[] = { "/bin/sh", "-c", "echo > /scene/go", NULL };
    scene_boot(s, &spec);
    h.fd = listen_at(s, "notify", SOCK_DGRAM);
    life_wait_state(s, "a.service", "start");
    assert_false(has_heard(s, &h)); /* not before the boot is complete */
    assert_int_equal(scene_exec(s, go, NULL), 0);
    hear(s, &h, "READY=1\nSTATUS=startup finished in ");
    scene_wait_file(s, "env", "PATH=");
    char *env = scene_read(s, "env");
    assert_null(strstr(env, "NOTIFY_SOCKET"));
    free(env);
    (void)scene_exec(s, go, NULL); /* may be killed with the rest of the box */
    assert_int_equal(scene_exit_code(s), 9);
    hear(s, &h, "STOPPING=1\nSTATUS=");
    hear(s, &h, "X_SYSTEMD_SHUTDOWN=exit\nEXIT_STATUS=9\n");
    close(h.fd);
    str_done(&h.all);
    scene_end(s);
}

/* A receiver whose queue is full, behind a mount of its own: PID 1 does what it has to do, and tells it later. */
static void test_notify_full(void **state)
{
    struct scene *s = scene_new();
    struct scene_spec spec = life_spec(state);
    struct heard h = { .want = "READY=1", .all = STR_EMPTY };
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    char outer[200];
    (void)snprintf(outer, sizeof outer, "%s/outer", scene_dir(s));
    assert_int_equal(mkdir(outer, 0755), 0);
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%.90s/notify", outer);
    h.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(h.fd, (struct sockaddr *)&address, sizeof address), 0);
    int filler = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    while (sendto(filler, "FILLER=1", 8, 0, (struct sockaddr *)&address, sizeof address) == 8) {
    }
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(box_spec_bind(&spec.box, outer, "/outer"), 0);
    assert_int_equal(box_spec_env(&spec.box, "NOTIFY_SOCKET=/outer/notify"), 0);
    scene_unit(s, "a.service", SLEEPER);
    scene_unit(s, "b.service", SLEEPER);
    scene_boot(s, &spec);
    scene_wait_event(s, "startup_finished", NULL, NULL);
    life_signal_unit(s, "a.service", "KILL");
    life_wait_state(s, "a.service", "failed"); /* the loop goes round */
    h.want = "READY=1";
    while (!has_heard(s, &h)) (void)poll(NULL, 0, 1);
    assert_non_null(strstr(str_text(&h.all), "FILLER=1--\nREADY=1\nSTATUS="));
    scene_stop(s, SIGTERM);
    assert_int_equal(scene_exit_code(s), 0);
    close(filler);
    close(h.fd);
    str_done(&h.all);
    scene_end(s);
}

/* ---- LISTEN_FDS= ---- */

static void answer(struct scene *s, const char *address, const char *want)
{
    int fd = scene_connect(s, address);
    struct str got = scene_receive(s, fd, "\n");
    if (!strstr(str_text(&got), want)) scene_fail(s, "%s answered %s", address, str_text(&got));
    str_done(&got);
    close(fd);
}

/* By name, by address, in the order of the lines; what nobody takes is told of and closed. No service sees any of it
 * but through its socket (K61). */
static void test_listen_fds(void **state)
{
    struct scene *s = scene_new();
    struct scene_spec spec = life_spec(state);
    static const char *const prefix[] = {
        ACTOR,  "pass-in", "web:x:web:lost:", "/run/outer-a", "/run/addressed", "4711", "/run/lost", "4713", "--",
        "exec", NULL
    };
    for (size_t i = 0; prefix[i]; i++) spec.prefix[i] = prefix[i];
    /* Its own addresses are not bound: what was passed in by its name takes their place. */
    scene_unit(
        s, "named.socket",
        "[Socket]\nFileDescriptorName=web\nListenStream=/run/never-a\nListenStream=/run/never-b\nService=a.service\n");
    scene_unit(s, "a.service", "[Service]\nExecStart=" ACTOR " listen\n");
    scene_unit(s, "addressed.socket", "[Socket]\nListenStream=/run/addressed\nListenStream=127.0.0.1:4712\n");
    scene_unit(s, "addressed.service", "[Service]\nExecStart=" ACTOR " listen\n");
    scene_unit(s, "proxied.socket",
               "[Socket]\nListenStream=127.0.0.1:4713\nActivationMode=proxy\nProxyTarget=127.0.0.1:4714\n");
    scene_unit(s, "proxied.service", "[Service]\nExecStart=" ACTOR " tcp-echo 127.0.0.1 4714\n");
    scene_unit(s, "other.service", "[Service]\nExecStart=" ACTOR " report /scene/other -- sleep\n");
    scene_boot(s, &spec);
    scene_wait_log(s, "LISTEN_FDS=: descriptor 6 (lost): no socket unit takes it; closed");
    scene_wait_log(s, "socket named.socket: descriptor 3 (web) was passed in for /run/never-a");
    scene_wait_log(s, "socket named.socket: descriptor 5 (web) was passed in for /run/never-b");
    scene_wait_log(s, "socket addressed.socket: descriptor 4 (x) was passed in for /run/addressed");
    scene_wait_event(s, "startup_finished", NULL, NULL);
    answer(s, "unix:/run/outer-a", "listen_fds=2 listen_fdnames=web:web fd=3");
    answer(s, "tcp:127.0.0.1:4711", "listen_fds=2 listen_fdnames=web:web fd=4");
    answer(s, "unix:/run/addressed", "listen_fds=2 listen_fdnames=addressed.socket:addressed.socket fd=3");
    answer(s, "tcp:127.0.0.1:4712", "fd=4");
    int fd = scene_connect(s, "tcp:127.0.0.1:4713");
    scene_send(s, fd, "through\n");
    struct str got = scene_receive(s, fd, "through\n");
    str_done(&got);
    close(fd);
    static const char *const absent[] = { "env.LISTEN_FDS", "env.LISTEN_PID", "env.LISTEN_FDNAMES" };
    scene_wait_file(s, "other", "pid=");
    for (size_t i = 0; i < COUNT_OF(absent); i++) {
        char *value = scene_report(s, "other", absent[i]);
        assert_null(value);
        free(value);
    }
    char *fds = scene_report(s, "other", "fds");
    if (fds) assert_string_equal(fds, "0 1 2");
    free(fds);
    scene_stop(s, SIGTERM);
    assert_int_equal(scene_exit_code(s), 0);
    scene_end(s);
}

/* Without names and of another process: the addresses alone, and nothing. */
static void test_listen_fds_of_others(void **state)
{
    struct scene *s = scene_new();
    struct scene_spec spec = life_spec(state);
    static const char *const prefix[] = { ACTOR,          "pass-in",       "-", "/run/a", "--", "exec",
                                          "/usr/bin/env", "LISTEN_PID=77", NULL };
    for (size_t i = 0; prefix[i]; i++) spec.prefix[i] = prefix[i];
    scene_unit(s, "b.socket", "[Socket]\nListenStream=/run/b\n");
    scene_unit(s, "b.service", "[Service]\nExecStart=" ACTOR " listen\n");
    scene_boot(s, &spec);
    scene_wait_event(s, "startup_finished", NULL, NULL);
    answer(s, "unix:/run/b", "listen_fds=1 listen_fdnames=b.socket fd=3");
    life_expect_log(s, "passed in", false);
    life_expect_log(s, "LISTEN_FDS", false);
    scene_stop(s, SIGTERM);
    assert_int_equal(scene_exit_code(s), 0);
    scene_end(s);
}

/* ---- the machine id ---- */

static void test_container_uuid(void **state)
{
    static const struct {
        const char *label, *before, *uuid, *after;
    } rows[] = {
        { "empty", "", "01234567-89ab-cdef-0123-456789abcdef", "0123456789abcdef0123456789abcdef\n" },
        { "uninitialized", "uninitialized\n", "0123456789abcdef0123456789abcdef",
          "0123456789abcdef0123456789abcdef\n" },
        { "there", "ffffffffffffffffffffffffffffffff\n", "0123456789abcdef0123456789abcdef",
          "ffffffffffffffffffffffffffffffff\n" },
        { "no UUID", "", "box", "" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct scene *s = scene_new();
        struct scene_spec spec = life_spec(state);
        char variable[128];
        print_message("  %s\n", rows[i].label);
        (void)snprintf(variable, sizeof variable, "container_uuid=%s", rows[i].uuid);
        assert_int_equal(box_spec_env(&spec.box, variable), 0);
        assert_int_equal(box_spec_env(&spec.box, "container=podman"), 0);
        scene_file(s, "/etc/machine-id", 0644, rows[i].before);
        scene_unit(s, "a.service",
                   "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'cat /etc/machine-id > /scene/id; cat "
                   "/run/systemd/container > /scene/container; echo $container_uuid > /scene/uuid'\n");
        scene_boot(s, &spec);
        assert_int_equal(scene_exit_code(s), 0);
        life_expect_file(s, "id", rows[i].after);
        life_expect_file(s, "container", "podman");
        (void)snprintf(variable, sizeof variable, "%s\n", rows[i].uuid);
        life_expect_file(s, "uuid", variable);
        scene_end(s);
    }
}

int main(void)
{
    scene_skip_unless_possible();
    const struct CMUnitTest tests[] = {
        IN_BOTH_PLACES(test_ends),
        cmocka_unit_test(test_at_once_while_stopping),
        cmocka_unit_test(test_targets),
        cmocka_unit_test(test_built_in_targets),
        IN_BOTH_PLACES(test_log),
        cmocka_unit_test(test_notify),
        cmocka_unit_test(test_notify_full),
        IN_BOTH_PLACES(test_listen_fds),
        cmocka_unit_test(test_listen_fds_of_others),
        cmocka_unit_test(test_container_uuid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
