/* tests/e2e/test_proxy.c - what a proxy socket can be told, and the life of its worker. */
#include "tests/e2e/expect.h"
#include "tests/e2e/harness_internal.h"
#include "tests/e2e/life.h"
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PROXY "ActivationMode=proxy\n"

/* The other side ends the connection, with an end of file or a reset; which is the answer. */
static int expect_end(struct scene *s, int fd)
{
    char byte;
    usec_t deadline = scene_deadline();
    int r = 0;
    for (;;) {
        ssize_t n = read(fd, &byte, 1);
        if (n == 0) break;
        if (n < 0 && errno == ECONNRESET) {
            r = ECONNRESET;
            break;
        }
        if (n > 0 || errno != EAGAIN || !scene_pump(s, deadline, fd)) scene_fail(s, "the connection was not closed");
    }
    close(fd);
    return r;
}

static void expect_talk(struct scene *s, int fd, const char *text)
{
    scene_send(s, fd, text);
    struct str answer = scene_receive(s, fd, text);
    str_done(&answer);
}

/* One message from an address (NULL: any), and what the service has seen: the answer begins and ends like this. */
static void expect_answer(struct scene *s, const char *kind, const char *to, const char *from, const char *begin,
                          const char *end)
{
    const char *argv[] = { ACTOR, "ask", kind, to, "hello", from, NULL };
    struct str answer = STR_EMPTY;
    assert_int_equal(scene_exec(s, argv, &answer), 0);
    print_message("  %s %s\n", to, str_text(&answer));
    assert_memory_equal(str_text(&answer), begin, strlen(begin));
    size_t length = strlen(str_text(&answer)), tail = strlen(end);
    assert_true(length > tail);
    assert_memory_equal(str_text(&answer) + length - tail - 1, end, tail);
    str_done(&answer);
}

/* ---- what the target is told ---- */

/* ProxyProtocol=v1, v2, no; ProxyTarget= as a port alone and as an abstract name. */
static void test_protocol(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    scene_unit(s, "one.socket",
               "[Socket]\nListenStream=127.0.0.1:8101\nListenStream=/run/one\nListenStream=[::1]:8101\n" PROXY
               "ProxyTarget=18101\nProxyProtocol=v1\n");
    scene_unit(s, "one.service", "[Service]\nExecStart=" ACTOR " answer stream 127.0.0.1:18101\n");
    scene_unit(s, "two.socket",
               "[Socket]\nListenStream=8102\nListenStream=/run/two\n" PROXY
               "ProxyTarget=unix:@two\nProxyProtocol=v2\n");
    scene_unit(s, "two.service", "[Service]\nExecStart=" ACTOR " answer stream @two\n");
    scene_unit(s, "none.socket",
               "[Socket]\nListenStream=127.0.0.1:8103\n" PROXY "ProxyTarget=tcp:127.0.0.1:18103\nProxyProtocol=no\n");
    scene_unit(s, "none.service", "[Service]\nExecStart=" ACTOR " answer stream 127.0.0.1:18103\n");
    scene_boot(s, NULL);
    scene_wait_event(s, "startup_finished", NULL, NULL);
    expect_answer(s, "stream", "127.0.0.1:8101", "127.0.0.7:7777",
                  "127.0.0.1 PROXY TCP4 127.0.0.7 127.0.0.1 7777 8101\\x0d\\x0a", "hello");
    expect_answer(s, "stream", "[::1]:8101", NULL, "127.0.0.1 PROXY TCP6 ::1 ::1 ", "hello");
    expect_answer(s, "stream", "/run/one", NULL, "127.0.0.1 PROXY UNKNOWN\\x0d\\x0a", "hello");
#define SIGNATURE "- \\x0d\\x0a\\x0d\\x0a\\x00\\x0d\\x0aQUIT\\x0a"
    expect_answer(s, "stream", "127.0.0.1:8102", "127.0.0.7:7778",
                  SIGNATURE "!\\x11\\x00\\x0c\\x7f\\x00\\x00\\x07\\x7f\\x00\\x00\\x01\\x1eb\\x1f\\xa6", "hello");
    expect_answer(s, "stream", "[::1]:8102", NULL, SIGNATURE "!!\\x00$\\x00", "hello");
    expect_answer(s, "stream", "/run/two", NULL, SIGNATURE "!1\\x00\\xd8\\x00", "hello");
    expect_answer(s, "stream", "127.0.0.1:8103", NULL, "127.0.0.1 hello", "hello");
    expect_stop(s, 0);
    scene_end(s);
}

/* ProxyTransparent=yes: the target sees the client's address; where that may not be, the unit fails and says so. */
static void test_transparent(void **state)
{
    (void)state;
    static const char socket[] = "[Socket]\nListenStream=127.0.0.1:8104\nListenDatagram=127.0.0.1:8104\n" PROXY
                                 "ProxyTarget=127.0.0.1:18104\nProxyTransparent=yes\n";
    for (int may = 1; may >= 0; may--) {
        struct scene *s = scene_new();
        struct scene_spec spec = SCENE_SPEC_DEFAULT;
        static const char *const without[] = { "/usr/bin/setpriv", "--bounding-set", "-net_admin,-net_raw" };
        for (size_t i = 0; !may && i < COUNT_OF(without); i++) spec.prefix[i] = without[i];
        scene_unit(s, "as.socket", socket);
        scene_unit(s, "as.service",
                   "[Service]\nExecStart=/bin/sh -c '" ACTOR " answer stream 127.0.0.1:18104 & exec " ACTOR
                   " answer dgram 127.0.0.1:18104'\n");
        scene_boot(s, &spec);
        if (may) {
            scene_wait_event(s, "bound", "as.socket", NULL);
            expect_answer(s, "stream", "127.0.0.1:8104", "127.0.0.8:7779", "127.0.0.8 hello", "hello");
            expect_answer(s, "dgram", "127.0.0.1:8104", "127.0.0.9:7779", "127.0.0.9 hello", "hello");
            expect_stop(s, 0);
        } else {
            scene_wait_event(s, "unit_state", "as.socket", "active", "failed", NULL);
            expect_log(s, "container-init: socket as.socket: ProxyTransparent=: Operation not permitted\n");
            (void)scene_exit_code(s);
        }
        scene_end(s);
    }
}

/* ---- limits and times ---- */

/* ProxyConnectionsMax= lets the next one in when one leaves; ProxyConnectionsMaxPerSource= hangs up. */
static void test_limits(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    scene_unit(s, "max.socket",
               "[Socket]\nListenStream=127.0.0.1:8105\n" PROXY "ProxyTarget=18105\nProxyConnectionsMax=2\n");
    scene_unit(s, "max.service", "[Service]\nExecStart=" ACTOR " tcp-echo 127.0.0.1 18105\n");
    scene_unit(s, "per.socket",
               "[Socket]\nListenStream=127.0.0.1:8106\n" PROXY "ProxyTarget=18106\nProxyConnectionsMaxPerSource=1\n");
    scene_unit(s, "per.service", "[Service]\nExecStart=" ACTOR " answer stream 127.0.0.1:18106\n");
    scene_boot(s, NULL);
    scene_wait_event(s, "bound", "per.socket", NULL);
    scene_wait_event(s, "bound", "max.socket", NULL);
    int fds[3];
    for (size_t i = 0; i < COUNT_OF(fds); i++) {
        fds[i] = scene_connect(s, "tcp:127.0.0.1:8105");
        scene_send(s, fds[i], "x\n");
        if (i < 2) {
            struct str answer = scene_receive(s, fds[i], "x\n");
            str_done(&answer);
        }
    }
    expect_talk(s, fds[0], "the others are served");
    char byte;
    assert_int_equal(recv(fds[2], &byte, 1, MSG_DONTWAIT), -1);
    close(fds[0]);
    struct str answer = scene_receive(s, fds[2], "x\n");
    str_done(&answer);
    close(fds[1]), close(fds[2]);

    int one = scene_connect(s, "tcp:127.0.0.1:8106");
    scene_send(s, one, "x");
    answer = scene_receive(s, one, "127.0.0.1 x");
    str_done(&answer);
    (void)expect_end(s, scene_connect(s, "tcp:127.0.0.1:8106"));
    scene_wait_log(s, "socket per.socket proxy: clients are refused (1 so far)");
    expect_answer(s, "stream", "127.0.0.1:8106", "127.0.0.9:7780", "127.0.0.1 hello", "hello");
    close(one);
    scene_wait_event(s, "proxy_done", "per.socket", "from", "127.0.0.9:7780", "up_bytes", "5", "down_bytes", "15",
                     NULL);
    expect_stop(s, 0);
    scene_end(s);
}

/* ProxyConnectTimeoutSec= for a target that is not there, ProxyIdleTimeoutSec= for a client that says nothing (K60). */
static void test_times(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    scene_unit(s, "none.socket",
               "[Socket]\nListenStream=/run/none\n" PROXY "ProxyTarget=18107\nProxyConnectTimeoutSec=300ms\n");
    scene_unit(s, "none.service", "[Service]\nExecStart=" ACTOR " sleep\n");
    scene_unit(s, "idle.socket",
               "[Socket]\nListenStream=127.0.0.1:8108\n" PROXY "ProxyTarget=18108\nProxyIdleTimeoutSec=500ms\n");
    scene_unit(s, "idle.service", "[Service]\nExecStart=" ACTOR " tcp-echo 127.0.0.1 18108\n");
    scene_boot(s, NULL);
    scene_wait_event(s, "startup_finished", NULL, NULL);
    (void)expect_end(s, scene_connect(s, "unix:/run/none"));
    scene_wait_log(s, "container-init: socket none.socket proxy @ -> 127.0.0.1:18107 error: Connection refused\n");
    int fd = scene_connect(s, "tcp:127.0.0.1:8108");
    expect_talk(s, fd, "something");
    (void)expect_end(s, fd);
    scene_wait_event(s, "proxy_done", "idle.socket", "err", "Connection timed out", "up_bytes", "9", NULL);
    expect_stop(s, 0);
    scene_end(s);
}

/* A reset of the server is one for the client. */
static void test_reset(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    scene_unit(s, "echo.socket", "[Socket]\nListenStream=127.0.0.1:8109\n" PROXY "ProxyTarget=18109\n");
    scene_unit(s, "echo.service", "[Service]\nExecStart=" ACTOR " tcp-echo 127.0.0.1 18109\n");
    scene_boot(s, NULL);
    scene_wait_event(s, "bound", "echo.socket", NULL);
    static const struct linger at_once = { .l_onoff = 1, .l_linger = 0 };
    int fd = scene_connect(s, "tcp:127.0.0.1:8109");
    expect_talk(s, fd, "something");
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
    close(fd);
    scene_wait_event(s, "proxy_done", "echo.socket", "err", "Connection reset by peer", NULL);
    expect_stop(s, 0);
    scene_end(s);
}

/* ---- other kinds ---- */

/* K57 for datagrams: the first one is answered although the service binds its port late; clients are told apart, and
 * answers come from the address that was asked. */
static void test_datagrams(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    scene_unit(s, "udp.socket",
               "[Socket]\nListenDatagram=8110\nListenDatagram=127.0.0.1:8111\nListenDatagram=/run/udp\n" PROXY
               "ProxyTarget=18110\nProxyIdleTimeoutSec=300ms\nProxyConnectionsMaxPerSource=1\n");
    scene_unit(s, "udp.service", "[Service]\nExecStart=" ACTOR " pause 200 -- answer dgram 127.0.0.1:18110\n");
    scene_boot(s, NULL);
    scene_wait_event(s, "bound", "udp.socket", NULL);
    expect_answer(s, "dgram", "127.0.0.1:8111", "127.0.0.2:7781", "127.0.0.1 hello", "hello");
    expect_answer(s, "dgram", "127.0.0.5:8110", "127.0.0.3:7781", "127.0.0.1 hello", "hello");
    expect_answer(s, "dgram", "[::1]:8110", NULL, "127.0.0.1 hello", "hello");
    scene_wait_event(s, "proxy_done", "udp.socket", "from", "127.0.0.2:7781", "err", "", "up_bytes", "5", "down_bytes",
                     "15", NULL);
    assert_int_equal(scene_count_events(s, "spawn", "udp.service", NULL), 1);
    expect_stop(s, 0);
    scene_end(s);
}

/* Packets keep their boundaries; datagrams between unix sockets. */
static void test_packets(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    scene_unit(s, "packets.socket", "[Socket]\nListenSequentialPacket=/run/packets\n" PROXY "ProxyTarget=@packets\n");
    scene_unit(s, "packets.service", "[Service]\nExecStart=" ACTOR " answer seqpacket @packets\n");
    scene_unit(s, "local.socket", "[Socket]\nListenDatagram=/run/local\n" PROXY "ProxyTarget=/run/behind\n");
    scene_unit(s, "local.service", "[Service]\nExecStart=" ACTOR " answer dgram /run/behind\n");
    scene_boot(s, NULL);
    scene_wait_event(s, "bound", "packets.socket", NULL);
    scene_wait_event(s, "bound", "local.socket", NULL);
    int fd = scene_connect(s, "seqpacket:/run/packets");
    scene_send(s, fd, "one");
    scene_send(s, fd, "two");
    struct str answer = scene_receive(s, fd, "- two");
    assert_string_equal(str_text(&answer), "- one- two");
    str_done(&answer);
    close(fd);
    expect_answer(s, "dgram", "/run/local", "@me", "- hello", "hello");
    expect_stop(s, 0);
    scene_end(s);
}

/* ---- the worker ---- */

static pid_t worker_of(struct scene *s, const char *unit, size_t n)
{
    const struct json_value *record = scene_wait_nth_event(s, n, "proxy_started", unit, NULL);
    uint64_t pid = 0;
    assert_int_equal(json_get_u64(record, "pid", &pid), 0);
    return (pid_t)pid;
}

/* A worker that is killed takes its connections along, is told of, and the next client is served. */
static void test_worker_is_killed(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    scene_unit(s, "echo.socket", "[Socket]\nListenStream=127.0.0.1:8112\n" PROXY "ProxyTarget=18112\n");
    scene_unit(s, "echo.service", "[Service]\nExecStart=" ACTOR " tcp-echo 127.0.0.1 18112\n");
    scene_boot(s, NULL);
    scene_wait_event(s, "bound", "echo.socket", NULL);
    int fd = scene_connect(s, "tcp:127.0.0.1:8112");
    expect_talk(s, fd, "something");
    char pid[32];
    (void)snprintf(pid, sizeof pid, "%d", (int)worker_of(s, "echo.socket", 1));
    const char *argv[] = { "/bin/kill", "-KILL", pid, NULL };
    assert_int_equal(scene_exec(s, argv, NULL), 0);
    (void)expect_end(s, fd);
    scene_wait_log(s, "container-init: socket echo.socket: its proxy ended: killed by SIGKILL; ");
    fd = scene_connect(s, "tcp:127.0.0.1:8112");
    expect_talk(s, fd, "something else");
    close(fd);
    (void)worker_of(s, "echo.socket", 2);
    assert_int_equal(scene_count_events(s, "spawn", "echo.service", NULL), 1);
    expect_stop(s, 0);
    scene_end(s);
}

/* It runs with what it needs and no more, and in nobody's cgroup. */
static void test_worker_is_humble(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    scene_unit(s, "echo.socket", "[Socket]\nListenStream=127.0.0.1:8113\n" PROXY "ProxyTarget=18113\n");
    scene_unit(s, "echo.service", "[Service]\nExecStart=" ACTOR " tcp-echo 127.0.0.1 18113\n");
    scene_boot(s, NULL);
    scene_wait_event(s, "bound", "echo.socket", NULL);
    int fd = scene_connect(s, "tcp:127.0.0.1:8113");
    expect_talk(s, fd, "something");
    char script[256];
    int pid = (int)worker_of(s, "echo.socket", 1);
    (void)snprintf(script, sizeof script, "cat /proc/%d/status /proc/%d/cgroup; tr '\\0' ' ' </proc/%d/cmdline", pid,
                   pid, pid);
    const char *argv[] = { "/bin/sh", "-c", script, NULL };
    struct str output = STR_EMPTY;
    assert_int_equal(scene_exec(s, argv, &output), 0);
    assert_non_null(strstr(str_text(&output), "NoNewPrivs:\t1\n"));
    assert_non_null(strstr(str_text(&output), "CapPrm:\t0000000000000002\n"));
    assert_non_null(strstr(str_text(&output), "container-init __proxy echo.socket "));
    assert_null(strstr(str_text(&output), "echo.service"));
    str_done(&output);
    close(fd);
    expect_stop(s, 0);
    scene_end(s);
}

/* A proxy that is its own target says so once, and hangs up, however it calls itself. */
static void test_own_target(void **state)
{
    (void)state;
    static const char *const targets[] = { "localhost:8118", "[::ffff:127.0.0.1]:8118", "unix:/run/own.sock" };
    for (size_t i = 0; i < COUNT_OF(targets); i++) {
        print_message("  %s\n", targets[i]);
        struct scene *s = scene_new();
        char text[256];
        (void)snprintf(text, sizeof text,
                       "[Socket]\nListenStream=8118\nListenStream=/run/own.sock\n" PROXY "ProxyTarget=%s\n",
                       targets[i]);
        scene_unit(s, "own.socket", text);
        scene_unit(s, "own.service", "[Service]\nExecStart=" ACTOR " sleep\n");
        scene_boot(s, NULL);
        scene_wait_nth_event(s, 2, "bound", "own.socket", NULL);
        (void)expect_end(s, scene_connect(s, "tcp:127.0.0.1:8118"));
        scene_wait_log(s, " error: the target is the proxy itself\n");
        expect_stop(s, 0);
        scene_end(s);
    }
}

/* What the service says at its end reaches a client that reads it later: the proxy outlives it. */
static void test_last_words(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    scene_unit(s, "words.socket", "[Socket]\nListenStream=127.0.0.1:8114\n" PROXY "ProxyTarget=18114\n");
    scene_unit(s, "words.service", "[Service]\nExecStart=" ACTOR " last-words 127.0.0.1:18114 1000000\n");
    scene_boot(s, NULL);
    scene_wait_event(s, "bound", "words.socket", NULL);
    int fd = scene_connect(s, "tcp:127.0.0.1:8114");
    struct str answer = scene_receive(s, fd, "ready");
    str_done(&answer);
    scene_stop(s, SIGTERM);
    scene_wait_event(s, "unit_state", "words.service", "sub", "dead", NULL);
    answer = scene_receive(s, fd, NULL);
    assert_int_equal(answer.length, 1000000);
    str_done(&answer);
    close(fd);
    assert_int_equal(scene_exit_code(s), 0);
    expect_log(s, "-> 127.0.0.1:18114 done\n");
    scene_end(s);
}

/* With IdleStopSec= the worker leaves with the last client, the service stops, and the next client finds both again. */
static void test_comes_and_goes(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    scene_unit(s, "echo.socket",
               "[Socket]\nListenStream=127.0.0.1:8115\n" PROXY "ProxyTarget=18115\nIdleStopSec=300ms\n");
    scene_unit(s, "echo.service", "[Service]\nExecStart=" ACTOR " tcp-echo 127.0.0.1 18115\n");
    scene_boot(s, NULL);
    scene_wait_event(s, "bound", "echo.socket", NULL);
    for (size_t i = 1; i <= 3; i++) {
        int fd = scene_connect(s, "tcp:127.0.0.1:8115");
        expect_talk(s, fd, "something");
        (void)worker_of(s, "echo.socket", i);
        close(fd);
        scene_wait_nth_event(s, i, "rearmed", "echo.socket", NULL);
    }
    assert_int_equal(scene_count_events(s, "proxy_lost", NULL, NULL), 0);
    expect_stop(s, 0);
    scene_end(s);
}

/* A worker that cannot even begin, here for lack of descriptors, is tried again less and less often. */
static void test_worker_cannot_begin(void **state)
{
    struct scene *s = scene_new();
    struct scene_spec spec = life_spec(state);
    static const char *const prefix[] = { "/bin/sh", "-c", "ulimit -n 100 && exec \"$@\"", "sh" };
    for (size_t i = 0; i < COUNT_OF(prefix); i++) spec.prefix[i] = prefix[i];
    struct str text = STR_EMPTY;
    assert_int_equal(str_appendf(&text, "[Socket]\n" PROXY "ProxyTarget=unix:/run/nobody\n"), 0);
    for (int i = 0; i < 48; i++) assert_int_equal(str_appendf(&text, "ListenStream=/run/many-%d\n", i), 0);
    scene_unit(s, "many.socket", str_text(&text));
    str_done(&text);
    scene_unit(s, "many.service", "[Service]\nExecStart=" ACTOR " sleep\n");
    scene_boot(s, &spec);
    (void)scene_wait_event(s, "startup_finished", NULL, NULL);
    int fd = scene_connect(s, "unix:/run/many-0");
    int64_t at[2];
    for (size_t i = 0; i < COUNT_OF(at); i++)
        assert_int_equal(
            json_get_i64(scene_wait_nth_event(s, 4 + i, "proxy_lost", "many.socket", NULL), "t_start_ms", &at[i]), 0);
    if (at[1] - at[0] < 700) scene_fail(s, "tried again after %ld ms", (long)(at[1] - at[0]));
    close(fd);
    expect_stop(s, 0);
    scene_end(s);
}

/* Some filters of system calls refuse what the worker is usually started and killed by; here it does not end by itself.
 */
static void test_worker_behind_a_filter(void **state)
{
    struct scene *s = scene_new();
    struct scene_spec spec = life_spec(state);
    assert_int_equal(box_spec_deny(&spec.box, "execveat", "EPERM"), 0);
    assert_int_equal(box_spec_deny(&spec.box, "pidfd_send_signal", "EPERM"), 0);
    scene_unit(s, "echo.socket", "[Socket]\nListenStream=127.0.0.1:8117\n" PROXY "ProxyTarget=18117\n");
    scene_unit(s, "echo.service", "[Service]\nExecStart=" ACTOR " tcp-echo 127.0.0.1 18117\n");
    scene_boot(s, &spec);
    scene_wait_event(s, "bound", "echo.socket", NULL);
    int fd = scene_connect(s, "tcp:127.0.0.1:8117");
    expect_talk(s, fd, "something");
    char pid[32];
    (void)snprintf(pid, sizeof pid, "%d", (int)worker_of(s, "echo.socket", 1));
    const char *argv[] = { "/bin/kill", "-STOP", pid, NULL };
    assert_int_equal(scene_exec(s, argv, NULL), 0);
    expect_stop(s, 0);
    (void)expect_end(s, fd);
    scene_end(s);
}

/* Who looks for the target while its service is started anew finds the new one. */
static void test_restart_while_dialing(void **state)
{
    struct scene *s = scene_new();
    scene_unit(s, "late.socket",
               "[Socket]\nListenStream=/run/late\n" PROXY "ProxyTarget=unix:/run/late-target\n"
               "ProxyConnectTimeoutSec=60s\n");
    scene_unit(s, "late.service",
               "[Service]\nExecStart=/bin/sh -c 'if [ -e /scene/second ]; then exec " ACTOR
               " unix-echo /run/late-target; fi; exec " ACTOR " sleep'\n");
    life_boot(s, state);
    (void)scene_wait_event(s, "startup_finished", NULL, NULL);
    int fd = scene_connect(s, "unix:/run/late");
    scene_send(s, fd, "still-here\n");
    (void)scene_wait_event(s, "unit_state", "late.service", "active", "active", NULL);
    const char *const look[] = { "/bin/sh", "-c",
                                 "until /usr/local/bin/container-init systemctl show -P NConnections late.socket | "
                                 "grep -qx 1; do sleep 0.02; done; touch /scene/second",
                                 NULL };
    const char *const restart[] = { "/usr/local/bin/container-init", "systemctl", "restart", "late.service", NULL };
    assert_int_equal(scene_exec(s, look, NULL), 0);
    assert_int_equal(scene_exec(s, restart, NULL), 0);
    struct str answer = scene_receive(s, fd, "still-here\n");
    str_done(&answer);
    close(fd);
    life_expect_count(s, 2, "spawn", "late.service");
    expect_stop(s, 0);
    scene_end(s);
}

int main(void)
{
    scene_skip_unless_possible();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_protocol),
        cmocka_unit_test(test_transparent),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_reset),
        cmocka_unit_test(test_datagrams),
        cmocka_unit_test(test_packets),
        cmocka_unit_test(test_worker_is_killed),
        cmocka_unit_test(test_worker_is_humble),
        cmocka_unit_test(test_worker_cannot_begin),
        cmocka_unit_test(test_worker_behind_a_filter),
        cmocka_unit_test(test_restart_while_dialing),
        cmocka_unit_test(test_own_target),
        cmocka_unit_test(test_last_words),
        cmocka_unit_test(test_comes_and_goes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
