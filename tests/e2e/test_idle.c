/* tests/e2e/test_idle.c - IdleStopSec=: services go when nobody is connected, and come back with the next client. */
#include "tests/e2e/expect.h"
#include "tests/e2e/life.h"
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>

static void write_unit(struct scene *s, const char *stem, const char *suffix, const char *text)
{
    char name[64];
    (void)snprintf(name, sizeof name, "%s.%s", stem, suffix);
    scene_unit(s, name, text);
}

/* Connects, sends a line and has it come back: the service has accepted. */
static int talk(struct scene *s, const char *address)
{
    int fd = scene_connect(s, address);
    scene_send(s, fd, "are-you-there\n");
    struct str answer = scene_receive(s, fd, "are-you-there\n");
    str_done(&answer);
    return fd;
}

static void boot(struct scene *s, void **state)
{
    life_boot(s, state);
    (void)scene_wait_event(s, "startup_finished", NULL, NULL);
}

static void wait_idle_stop(struct scene *s, size_t n, const char *socket, const char *service)
{
    (void)scene_wait_nth_event(s, n, "idle_stop", socket, "service", service, NULL);
    (void)scene_wait_nth_event(s, n, "rearmed", socket, "service", service, NULL);
}

static size_t number_printed(struct scene *s, const char *script)
{
    struct str output = STR_EMPTY;
    const char *const argv[] = { "/bin/sh", "-c", script, NULL };
    assert_int_equal(scene_exec(s, argv, &output), 0);
    size_t number = strtoul(str_text(&output), NULL, 10);
    str_done(&output);
    return number;
}

/* ---- to zero and back ---- */

static const struct {
    const char *label, *stem, *listen, *address, *more, *run;
} kinds[] = {
    /* First, so that its worker, which leaves when the service does, is gone in the end. */
    { "a proxy", "proxy", "ListenStream=127.0.0.1:7303\nActivationMode=proxy\nProxyTarget=127.0.0.1:7304",
      "tcp:127.0.0.1:7303", "", "tcp-echo 127.0.0.1 7304" },
    { "TCP", "tcp", "ListenStream=127.0.0.1:7301", "tcp:127.0.0.1:7301", "", "listen" },
    { "every address, IPv4 client", "any", "ListenStream=7302", "tcp:127.0.0.1:7302", "", "listen" },
    { "a path", "path", "ListenStream=/run/idle-path", "unix:/run/idle-path", "", "listen" },
    { "an abstract name", "abstract", "ListenStream=@idle-abstract", "abstract:idle-abstract", "", "listen" },
    { "sequential packets", "packets", "ListenSequentialPacket=/run/idle-packets", "seqpacket:/run/idle-packets", "",
      "listen" },
    { "Restart=always", "restart", "ListenStream=/run/idle-restart", "unix:/run/idle-restart", "Restart=always\n",
      "listen" },
    { "a process of its own session", "escape", "ListenStream=/run/idle-escape", "unix:/run/idle-escape", "",
      "listen" },
};

static void test_to_zero_and_back(void **state)
{
    struct scene *s = scene_new();
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        char text[512];
        (void)snprintf(text, sizeof text, "[Socket]\n%s\nIdleStopSec=300ms\n", kinds[i].listen);
        write_unit(s, kinds[i].stem, "socket", text);
        (void)snprintf(text, sizeof text, "[Service]\n%sExecStart=" ACTOR " escape /scene/%s.pid -- %s\n",
                       kinds[i].more, kinds[i].stem, kinds[i].run);
        write_unit(s, kinds[i].stem, "service", text);
    }
    boot(s, state);
    size_t fds = number_printed(s, "ls /proc/1/fd | wc -l");
    size_t processes = number_printed(s, "wc -w < /proc/1/task/1/children");
    for (size_t run = 1; run <= 3; run++) {
        char name[64], service[64], pid[64];
        for (size_t i = 0; i < COUNT_OF(kinds); i++) {
            (void)snprintf(pid, sizeof pid, "%s.pid", kinds[i].stem);
            int fd = talk(s, kinds[i].address);
            if (run == 1) {
                scene_wait_file(s, pid, "\n");
                life_expect_alive(s, pid, true);
            }
            close(fd);
        }
        for (size_t i = 0; i < COUNT_OF(kinds); i++) {
            (void)snprintf(name, sizeof name, "%s.socket", kinds[i].stem);
            (void)snprintf(service, sizeof service, "%s.service", kinds[i].stem);
            (void)snprintf(pid, sizeof pid, "%s.pid", kinds[i].stem);
            if (run == 1) print_message("  %s\n", kinds[i].label);
            wait_idle_stop(s, run, name, service);
            life_expect_alive(s, pid, false); /* nothing of it is left, and its memory is free */
            if (scene_count_events(s, "spawn", service, NULL) != run) scene_fail(s, "%s came back", service);
        }
    }
    expect_log(s, "container-init: socket tcp.socket: no connection for 300ms; stopping tcp.service\n");
    assert_int_equal(scene_count_events(s, "unit_state", "restart.service", "sub", "auto-restart", NULL), 0);
    /* Fewer, where the first look still met what the boot had open. */
    assert_true(number_printed(s, "ls /proc/1/fd | wc -l") <= fds);
    assert_true(number_printed(s, "wc -w < /proc/1/task/1/children") <= processes);
    assert_int_equal(number_printed(s, "ls -d /sys/fs/cgroup/container-init/*.service 2>/dev/null | wc -l"), 0);
    expect_stop(s, 0); /* until then PID 1 stayed, for the sockets listened (D5) */
    scene_end(s);
}

/* ---- what keeps a service up ---- */

/* A socket that nobody uses for longer than it takes any other to be looked at twice: a clock without a time limit. */
static void write_clock(struct scene *s)
{
    scene_unit(s, "clock.socket", "[Socket]\nListenStream=/run/clock\nIdleStopSec=600ms\n");
    scene_unit(s, "clock.service", "[Service]\nExecStart=" ACTOR " listen\n");
}

static void wait_clock(struct scene *s, size_t n)
{
    close(talk(s, "unix:/run/clock"));
    wait_idle_stop(s, n, "clock.socket", "clock.service");
}

static const struct {
    const char *label, *stem, *listen, *address, *run;
} held[] = {
    { "TCP", "tcp", "ListenStream=127.0.0.1:7311", "tcp:127.0.0.1:7311", "listen" },
    { "every address, IPv6 client", "any", "ListenStream=7312", "tcp:[::1]:7312", "listen" },
    { "a path", "path", "ListenStream=/run/held-path", "unix:/run/held-path", "listen" },
    { "an abstract name", "abstract", "ListenStream=@held-abstract", "abstract:held-abstract", "listen" },
    { "sequential packets", "packets", "ListenSequentialPacket=/run/held-packets", "seqpacket:/run/held-packets",
      "listen" },
    { "a proxy", "proxy", "ListenStream=/run/held-proxy\nActivationMode=proxy\nProxyTarget=/run/held-target",
      "unix:/run/held-proxy", "unix-echo /run/held-target" },
};

static void test_open_connection(void **state)
{
    struct scene *s = scene_new();
    int fds[COUNT_OF(held)];
    char name[64], service[64], text[512];
    for (size_t i = 0; i < COUNT_OF(held); i++) {
        (void)snprintf(text, sizeof text, "[Socket]\n%s\nIdleStopSec=300ms\n", held[i].listen);
        write_unit(s, held[i].stem, "socket", text);
        (void)snprintf(text, sizeof text,
                       "[Service]\nExecStartPre=/bin/rm -f /run/held-target\nExecStart=" ACTOR " %s\n", held[i].run);
        write_unit(s, held[i].stem, "service", text);
    }
    write_clock(s);
    boot(s, state);
    for (size_t i = 0; i < COUNT_OF(held); i++) fds[i] = talk(s, held[i].address);
    wait_clock(s, 1);
    for (size_t i = 0; i < COUNT_OF(held); i++) {
        (void)snprintf(name, sizeof name, "%s.socket", held[i].stem);
        (void)snprintf(service, sizeof service, "%s.service", held[i].stem);
        print_message("  %s\n", held[i].label);
        if (scene_count_events(s, "idle_stop", name, NULL) > 0) scene_fail(s, "%s had a connection", service);
        scene_send(s, fds[i], "still-there\n"); /* by the same run, on the same connection */
        struct str answer = scene_receive(s, fds[i], "still-there\n");
        str_done(&answer);
        close(fds[i]);
    }
    for (size_t i = 0; i < COUNT_OF(held); i++) {
        (void)snprintf(name, sizeof name, "%s.socket", held[i].stem);
        (void)snprintf(service, sizeof service, "%s.service", held[i].stem);
        wait_idle_stop(s, 1, name, service);
    }
    expect_stop(s, 0);
    scene_end(s);
}

static int64_t wall_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* A message that was read and a client that has gone before the next look count from when they came. The service is
 * held for so long that PID 1 has seen them: it has answered somebody else meanwhile. */
static void test_short_visits(void **state)
{
    struct scene *s = scene_new();
    scene_unit(s, "short.socket", "[Socket]\nListenDatagram=/run/short\nIdleStopSec=1s\n");
    scene_unit(s, "short.service", "[Service]\nExecStart=" ACTOR " receive /scene/got 1000\n");
    boot(s, state);
    const char *const send[] = { ACTOR, "send", "dgram", "/run/short", "x", NULL };
    const char *const ask[] = { "/usr/local/bin/container-init", "systemctl", "is-active", "short.socket", NULL };
    for (size_t run = 1, seen = 0; seen < 3; run++) {
        int64_t stopped = 0;
        assert_int_equal(scene_exec(s, send, NULL), 0);
        (void)scene_wait_nth_event(s, run, "unit_state", "short.service", "sub", "running", NULL);
        const struct json_value *spawn = scene_wait_nth_event(s, run, "spawn", "short.service", NULL);
        uint64_t pid = 0;
        char stop[64], go_on[64];
        assert_int_equal(json_get_u64(spawn, "pid", &pid), 0);
        (void)snprintf(stop, sizeof stop, "kill -STOP %lu", (unsigned long)pid);
        (void)snprintf(go_on, sizeof go_on, "kill -CONT %lu", (unsigned long)pid);
        const char *const stop_it[] = { "/bin/sh", "-c", stop, NULL }, *const wake[] = { "/bin/sh", "-c", go_on, NULL };
        bool is_held = scene_exec(s, stop_it, NULL) == 0;
        int64_t sent = wall_ms();
        if (is_held) assert_int_equal(scene_exec(s, send, NULL), 0);
        int64_t arrived = wall_ms();
        assert_int_equal(scene_exec(s, ask, NULL), 0);
        (void)scene_exec(s, wake, NULL);
        const struct json_value *idle = scene_wait_nth_event(s, run, "idle_stop", "short.socket", NULL);
        assert_int_equal(json_get_i64(idle, "t_start_ms", &stopped), 0);
        (void)scene_wait_nth_event(s, run, "rearmed", "short.socket", NULL);
        if (!is_held || stopped <= arrived) continue; /* the second was over before all this was done: again */
        seen++;
        if (stopped < sent + 998) scene_fail(s, "stopped %ld ms after a message", (long)(stopped - sent));
    }
    expect_stop(s, 0);
    scene_end(s);
}

static const struct {
    const char *label, *socket, *run, *addresses[2];
} during[] = {
    { "with its listeners",
      "ListenStream=/run/during\nListenStream=127.0.0.1:7321",
      "listen",
      { "unix:/run/during", "tcp:127.0.0.1:7321" } },
    { "behind a proxy",
      "ListenStream=/run/during\nListenStream=127.0.0.1:7321\nActivationMode=proxy\nProxyTarget=127.0.0.1:7322",
      "tcp-echo 127.0.0.1 7322",
      { "unix:/run/during", "tcp:127.0.0.1:7321" } },
};

/* K57: who comes while the service stops is answered, by the next run. */
static void test_comes_during_the_stop(void **state)
{
    for (size_t row = 0; row < COUNT_OF(during); row++) {
        struct scene *s = scene_new();
        int fds[2];
        char text[512];
        print_message("  %s\n", during[row].label);
        (void)snprintf(text, sizeof text, "[Socket]\n%s\nIdleStopSec=300ms\n", during[row].socket);
        scene_unit(s, "during.socket", text);
        (void)snprintf(text, sizeof text, "[Service]\nExecStart=" ACTOR " %s\nExecStopPost=" ACTOR " await /scene/go\n",
                       during[row].run);
        scene_unit(s, "during.service", text);
        struct scene_spec spec = life_spec(state);
        spec.box.setup = "mkfifo /scene/go";
        scene_boot(s, &spec);
        (void)scene_wait_event(s, "startup_finished", NULL, NULL);
        close(talk(s, during[row].addresses[0]));
        (void)scene_wait_event(s, "idle_stop", "during.socket", NULL);
        (void)scene_wait_event(s, "unit_state", "during.service", "sub", "stop-post", NULL);
        for (size_t i = 0; i < 2; i++) {
            fds[i] = scene_connect(s, during[row].addresses[i]);
            scene_send(s, fds[i], "who-is-there\n");
        }
        const char *const go[] = { "/bin/sh", "-c", "echo > /scene/go", NULL };
        assert_int_equal(scene_exec(s, go, NULL), 0);
        for (size_t i = 0; i < 2; i++) {
            struct str answer = scene_receive(s, fds[i], "who-is-there\n");
            str_done(&answer);
            close(fds[i]);
        }
        life_expect_count(s, 2, "spawn", "during.service");
        /* And idle again. */
        (void)scene_wait_nth_event(s, 2, "unit_state", "during.service", "sub", "stop-post", NULL);
        assert_int_equal(scene_exec(s, go, NULL), 0);
        (void)scene_wait_nth_event(s, 2, "unit_state", "during.service", "sub", "dead", NULL);
        expect_stop(s, 0);
        scene_end(s);
    }
}

/* The same behind a proxy, of a service that takes its stop for a failure, as many do. */
static void test_comes_during_a_stop_that_fails(void **state)
{
    struct scene *s = scene_new();
    scene_unit(s, "fails.socket",
               "[Socket]\nListenStream=/run/fails\nActivationMode=proxy\nProxyTarget=unix:/run/fails-target\n"
               "IdleStopSec=300ms\n");
    scene_unit(s, "fails.service",
               "[Service]\nExecStart=" ACTOR " unix-echo /run/fails-target\nSuccessExitStatus=\n"
               "ExecStop=" ACTOR " await /scene/go -- kill-self KILL\nKillSignal=SIGABRT\n");
    struct scene_spec spec = life_spec(state);
    spec.box.setup = "mkfifo /scene/go";
    scene_boot(s, &spec);
    (void)scene_wait_event(s, "startup_finished", NULL, NULL);
    close(talk(s, "unix:/run/fails"));
    (void)scene_wait_event(s, "unit_state", "fails.service", "sub", "stop", NULL);
    int fd = scene_connect(s, "unix:/run/fails");
    scene_send(s, fd, "who-is-there\n");
    (void)scene_wait_nth_event(s, 2, "proxy_started", "fails.socket", NULL);
    const char *const go[] = { "/bin/sh", "-c", "rm -f /run/fails-target; echo > /scene/go", NULL };
    assert_int_equal(scene_exec(s, go, NULL), 0);
    struct str answer = scene_receive(s, fd, "who-is-there\n");
    str_done(&answer);
    close(fd);
    (void)scene_wait_nth_event(s, 2, "unit_state", "fails.service", "sub", "stop", NULL);
    assert_int_equal(scene_exec(s, go, NULL), 0);
    (void)scene_wait_nth_event(s, 2, "unit_state", "fails.service", "active", "failed", NULL);
    expect_stop(s, 0);
    scene_end(s);
}

/* Several sockets of one service: one whose IdleStopSec= is not over keeps it up, and so does a connection of one that
 * has none. */
static void test_several_sockets(void **state)
{
    struct scene *s = scene_new();
    scene_unit(s, "a.socket", "[Socket]\nListenStream=/run/a\nService=both.service\nIdleStopSec=300ms\n");
    scene_unit(s, "b.socket", "[Socket]\nListenStream=/run/b\nService=both.service\nIdleStopSec=300ms\n");
    scene_unit(s, "c.socket", "[Socket]\nListenStream=/run/c\nService=both.service\n");
    scene_unit(s, "both.service", "[Service]\nExecStart=" ACTOR " listen\n");
    write_clock(s);
    boot(s, state);
    print_message("  a connection of the other\n");
    int fd = talk(s, "unix:/run/b");
    wait_clock(s, 1);
    assert_int_equal(scene_count_events(s, "idle_stop", NULL, "service", "both.service", NULL), 0);
    print_message("  a connection of one that has no limit\n");
    int other = talk(s, "unix:/run/c");
    close(fd);
    wait_clock(s, 2);
    assert_int_equal(scene_count_events(s, "idle_stop", NULL, "service", "both.service", NULL), 0);
    close(other);
    (void)scene_wait_event(s, "idle_stop", NULL, "service", "both.service", NULL);
    (void)scene_wait_event(s, "rearmed", "c.socket", NULL);
    print_message("  and one stop for all of them\n");
    assert_int_equal(scene_count_events(s, "idle_stop", NULL, "service", "both.service", NULL), 1);
    close(talk(s, "unix:/run/c"));
    (void)scene_wait_nth_event(s, 2, "idle_stop", NULL, "service", "both.service", NULL);
    expect_stop(s, 0);
    scene_end(s);
}

/* The same behind proxies: one without the setting may have let somebody in and not told yet. Here it is kept from
 * telling anything at all. */
static void test_nothing_told(void **state)
{
    struct scene *s = scene_new();
    scene_unit(s, "a.socket",
               "[Socket]\nListenStream=/run/a\nService=both.service\nIdleStopSec=1s\nActivationMode=proxy\n"
               "ProxyTarget=/run/both-target\n");
    scene_unit(s, "b.socket",
               "[Socket]\nListenStream=/run/b\nService=both.service\nActivationMode=proxy\n"
               "ProxyTarget=/run/both-target\n");
    scene_unit(s, "both.service", "[Service]\nExecStart=" ACTOR " unix-echo /run/both-target\n");
    write_clock(s);
    boot(s, state);
    int a = talk(s, "unix:/run/a");
    close(talk(s, "unix:/run/b"));
    (void)scene_wait_event(s, "proxy_done", "b.socket", NULL);
    (void)number_printed(
        s, "for p in /proc/[0-9]*; do tr '\\0' ' ' <$p/cmdline 2>/dev/null | grep -q '__proxy b[.]socket' && "
           "kill -STOP ${p#/proc/}; done; true");
    int b = scene_connect(s, "unix:/run/b");
    scene_send(s, b, "who-is-there\n");
    close(a);
    for (size_t n = 1; n <= 3; n++) wait_clock(s, n);
    assert_int_equal(scene_count_events(s, "idle_stop", NULL, "service", "both.service", NULL), 0);
    (void)number_printed(
        s, "for p in /proc/[0-9]*; do tr '\\0' ' ' <$p/cmdline 2>/dev/null | grep -q '__proxy b[.]socket' && "
           "kill -CONT ${p#/proc/}; done; true");
    struct str answer = scene_receive(s, b, "who-is-there\n");
    str_done(&answer);
    life_expect_count(s, 1, "spawn", "both.service");
    close(b);
    (void)scene_wait_event(s, "idle_stop", NULL, "service", "both.service", NULL);
    expect_stop(s, 0);
    scene_end(s);
}

/* What is up and needs the service keeps it up; what is PartOf= it goes with it. */
static void test_needed(void **state)
{
    struct scene *s = scene_new();
    scene_unit(s, "db.socket", "[Socket]\nListenStream=/run/db\nIdleStopSec=300ms\n");
    scene_unit(s, "db.service", "[Service]\nExecStart=" ACTOR " listen\n");
    scene_unit(s, "app.service",
               "[Unit]\nRequires=db.service\nAfter=db.service\n[Service]\nExecStart=" ACTOR " sleep\n");
    scene_unit(s, "side.service",
               "[Unit]\nPartOf=db.service\nAfter=db.service\n[Service]\nExecStart=" ACTOR " sleep\n");
    life_stopper(s, "app");
    write_clock(s);
    boot(s, state);
    wait_clock(s, 1);
    life_expect_count(s, 0, "idle_stop", "db.socket");
    life_stop_unit(s, "app");
    life_wait_state(s, "app.service", "dead");
    wait_idle_stop(s, 1, "db.socket", "db.service");
    life_wait_state(s, "side.service", "dead");
    expect_stop(s, 0);
    scene_end(s);
}

/* ---- what has no connections ---- */

static const struct {
    const char *label, *stem, *listen, *kind, *to;
} messages[] = {
    { "datagrams", "dgram", "ListenDatagram=/run/idle-dgram", "dgram", "/run/idle-dgram" },
    { "UDP", "udp", "ListenDatagram=127.0.0.1:7331", "dgram", "127.0.0.1:7331" },
    { "FIFO", "fifo", "ListenFIFO=/run/idle-fifo", "fifo", "/run/idle-fifo" },
};

static void test_messages(void **state)
{
    struct scene *s = scene_new();
    char text[512], name[64], service[64];
    for (size_t i = 0; i < COUNT_OF(messages); i++) {
        (void)snprintf(text, sizeof text, "[Socket]\n%s\nIdleStopSec=300ms\n", messages[i].listen);
        write_unit(s, messages[i].stem, "socket", text);
        (void)snprintf(text, sizeof text, "[Service]\nExecStart=" ACTOR " receive /scene/got-%s 1000\n",
                       messages[i].stem);
        write_unit(s, messages[i].stem, "service", text);
    }
    boot(s, state);
    for (size_t run = 1; run <= 2; run++) {
        for (size_t i = 0; i < COUNT_OF(messages); i++) {
            const char *const argv[] = {
                ACTOR, "send", messages[i].kind, messages[i].to, run == 1 ? "one" : "two", NULL
            };
            if (run == 1) print_message("  %s\n", messages[i].label);
            (void)snprintf(text, sizeof text, "got-%s", messages[i].stem);
            assert_int_equal(scene_exec(s, argv, NULL), 0);
            scene_wait_file(s, text, argv[4]);
        }
        for (size_t i = 0; i < COUNT_OF(messages); i++) {
            (void)snprintf(name, sizeof name, "%s.socket", messages[i].stem);
            (void)snprintf(service, sizeof service, "%s.service", messages[i].stem);
            wait_idle_stop(s, run, name, service);
        }
    }
    expect_stop(s, 0);
    scene_end(s);
}

/* What cannot be seen is told once, and the service stays. */
static void test_cannot_be_seen(void **state)
{
    int vsock = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (vsock < 0) {
        print_message("skipped: this kernel has no vsock\n");
        skip();
    }
    close(vsock);
    struct scene *s = scene_new();
    char text[128]; /* vsock has no namespaces: the port is one that no other run of this test has */
    (void)snprintf(text, sizeof text, "[Socket]\nListenStream=/run/far\nListenStream=vsock::%d\nIdleStopSec=300ms\n",
                   1000000 + getpid());
    scene_unit(s, "far.socket", text);
    scene_unit(s, "far.service", "[Service]\nExecStart=" ACTOR " listen\n");
    write_clock(s);
    boot(s, state);
    close(talk(s, "unix:/run/far"));
    scene_wait_log(s, "container-init: socket far.socket: IdleStopSec= has no effect: whether vsock:");
    wait_clock(s, 1);
    life_expect_count(s, 0, "idle_stop", "far.socket");
    life_signal_unit(s, "far.service", "TERM");
    (void)scene_wait_event(s, "rearmed", "far.socket", NULL);
    close(talk(s, "unix:/run/far"));
    expect_stop(s, 0);
    const char *first = strstr(scene_log(s), "IdleStopSec= has no effect");
    assert_null(strstr(first + 1, "IdleStopSec= has no effect"));
    scene_end(s);
}

int main(void)
{
    scene_skip_unless_possible();
    const struct CMUnitTest tests[] = {
        IN_BOTH_PLACES(test_to_zero_and_back),
        IN_BOTH_PLACES(test_open_connection),
        cmocka_unit_test(test_short_visits),
        IN_BOTH_PLACES(test_comes_during_the_stop),
        cmocka_unit_test(test_comes_during_a_stop_that_fails),
        cmocka_unit_test(test_several_sockets),
        cmocka_unit_test(test_nothing_told),
        cmocka_unit_test(test_needed),
        cmocka_unit_test(test_messages),
        cmocka_unit_test(test_cannot_be_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
