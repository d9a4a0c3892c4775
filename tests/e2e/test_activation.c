/* tests/e2e/test_activation.c - limits and failures of socket activation, and the proxy. */
#include "tests/e2e/expect.h"
#include "tests/e2e/harness_internal.h"
#include "tests/e2e/life.h"
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ACTOR "/usr/local/bin/actor"

static const char handler[] = "[Service]\nType=oneshot\nExecStart=" ACTOR " mark /scene/handled %n\n";

/* K52, S59: a service that leaves without accepting is started so often and no more; then the socket fails, with its
 * handler, and whoever waits is hung up on. */
static void test_trigger_limit(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    scene_unit(s, "idle.socket",
               "[Unit]\nOnFailure=handler.service\n"
               "[Socket]\nListenStream=/run/idle.sock\nTriggerLimitBurst=4\nTriggerLimitIntervalSec=1min\n");
    scene_unit(s, "idle.service", "[Service]\nExecStart=" ACTOR " listen-idle\n");
    scene_unit(s, "handler.service", handler);
    scene_boot(s, NULL);
    scene_wait_event(s, "bound", "idle.socket", NULL);
    int fd = scene_connect(s, "unix:/run/idle.sock");
    scene_wait_event(s, "socket_failed", "idle.socket", "reason", "trigger limit hit (4 activations within 1min)",
                     NULL);
    expect_hang_up(s, fd);
    scene_wait_file(s, "handled", "handler.service");
    assert_int_equal(scene_count_events(s, "spawn", "idle.service", NULL), 4);
    assert_int_equal(box_connect(scene_box(s), "unix:/run/idle.sock", 0, 0, &fd), -ENOENT);
    scene_wait_event(s, "unit_state", "idle.socket", "active", "failed", "result", "trigger-limit-hit", NULL);
    assert_int_equal(scene_exit_code(s), 0);
    expect_log(s, "container-init: socket idle.socket: failed: trigger limit hit (4 activations within 1min); closing "
                  "the listener\n");
    scene_end(s);
}

/* K52, K53: with the defaults PollLimit*= comes first: the socket pauses, and looks again when its window is over.
 * Without it TriggerLimit*= fails the socket, and 0 is no limit. */
static void test_default_limits(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    static const char service[] = "[Service]\nExecStart=" ACTOR " listen-idle\n";
    scene_unit(s, "paused.socket", "[Socket]\nListenStream=/run/paused.sock\n");
    scene_unit(s, "paused.service", service);
    scene_unit(s, "failed.socket", "[Socket]\nListenStream=/run/failed.sock\nPollLimitBurst=0\n");
    scene_unit(s, "failed.service", service);
    scene_unit(s, "free.socket",
               "[Socket]\nListenStream=/run/free.sock\nTriggerLimitBurst=0\nPollLimitIntervalSec=0\n");
    scene_unit(s, "free.service", service);
    scene_boot(s, NULL);
    scene_wait_event(s, "startup_finished", NULL, NULL);
    int paused = scene_connect(s, "unix:/run/paused.sock"), failed = scene_connect(s, "unix:/run/failed.sock");
    int other = scene_connect(s, "unix:/run/free.sock");
    scene_wait_event(s, "socket_failed", "failed.socket", "reason", "trigger limit hit (20 activations within 2s)",
                     NULL);
    assert_true(scene_count_events(s, "spawn", "failed.service", NULL) >= 20);
    const struct json_value *record = scene_wait_event(s, "poll_limited", "paused.socket", NULL);
    assert_string_equal(json_get_string(record, "address"), "/run/paused.sock");
    scene_wait_nth_event(s, 16, "spawn", "paused.service", NULL); /* of the next window */
    scene_wait_nth_event(s, 2, "poll_limited", "paused.socket", NULL);
    assert_int_equal(scene_count_events(s, "socket_failed", "paused.socket", NULL), 0);
    scene_wait_nth_event(s, 30, "spawn", "free.service", NULL);
    assert_int_equal(scene_count_events(s, "socket_failed", "free.socket", NULL), 0);
    assert_int_equal(scene_count_events(s, "poll_limited", "free.socket", NULL), 0);
    expect_log(s, "container-init: socket paused.socket: poll limit hit at /run/paused.sock (15 times within 2s); ");
    close(paused), close(failed), close(other);
    expect_stop(s, 0);
    scene_end(s);
}

/* S59: what keeps the service from starting fails the socket. */
static void test_service_cannot_start(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    scene_unit(s, "limit.socket", "[Unit]\nOnFailure=handler.service\n[Socket]\nListenStream=/run/limit.sock\n");
    scene_unit(s, "limit.service",
               "[Unit]\nStartLimitBurst=2\nStartLimitIntervalSec=60\n[Service]\nExecStart=" ACTOR " exit 1\n");
    scene_unit(s, "needs.socket", "[Unit]\nOnFailure=other@needs.service\n[Socket]\nListenStream=/run/needs.sock\n");
    scene_unit(s, "needs.service",
               "[Unit]\nRequires=broken.service\nAfter=broken.service\n[Service]\nExecStart=" ACTOR " listen\n");
    scene_unit(
        s, "broken.service",
        "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'until test -e /scene/go; do sleep 0.01; done; exit 1'\n");
    scene_unit(s, "handler.service", handler);
    scene_unit(s, "other@.service", handler);
    scene_boot(s, NULL);
    scene_wait_event(s, "bound", "limit.socket", NULL);
    scene_wait_event(s, "bound", "needs.socket", NULL);
    int limit = scene_connect(s, "unix:/run/limit.sock"), needs = scene_connect(s, "unix:/run/needs.sock");
    scene_wait_event(s, "socket_failed", "limit.socket", "reason", "limit.service hit its start limit", NULL);
    expect_hang_up(s, limit);
    scene_wait_file(s, "handled", " handler.service\n");
    scene_wait_event(s, "unit_state", "limit.socket", "result", "service-start-limit-hit", NULL);

    print_message("  a requirement that fails while a client waits\n");
    scene_wait_event(s, "triggered", "needs.socket", NULL);
    scene_touch(s, "go");
    scene_wait_event(s, "socket_failed", "needs.socket", "reason",
                     "needs.service cannot start: a unit it requires failed", NULL);
    expect_hang_up(s, needs);
    scene_wait_file(s, "handled", " other@needs.service\n");
    assert_int_equal(scene_exit_code(s), 1); /* K31: broken.service kept another unit from running */
    scene_end(s);
}

/* K50: the stop arrives while a connection waits for its service to start; and nobody waits on a closed listener. */
static void test_stop_while_activating(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    scene_unit(s, "slow.socket", "[Socket]\nListenStream=/run/slow.sock\nListenStream=/run/slow2.sock\n");
    scene_unit(s, "slow.service",
               "[Service]\nExecStartPre=" ACTOR " mark /scene/pre x -- sleep\nExecStart=" ACTOR " listen\n");
    scene_unit(s, "through.socket",
               "[Socket]\nListenStream=/run/through.sock\nActivationMode=proxy\n"
               "ProxyTarget=127.0.0.1:9\n");
    scene_unit(s, "through.service",
               "[Service]\nExecStartPre=" ACTOR " mark /scene/pre2 x -- sleep\nExecStart=" ACTOR " sleep\n");
    scene_boot(s, NULL);
    scene_wait_event(s, "bound", "slow.socket", "address", "/run/slow2.sock", NULL);
    scene_wait_event(s, "bound", "through.socket", NULL);
    int fds[] = { scene_connect(s, "unix:/run/slow.sock"), scene_connect(s, "unix:/run/slow2.sock"),
                  scene_connect(s, "unix:/run/through.sock") };
    scene_wait_file(s, "pre", "x");
    scene_wait_file(s, "pre2", "x");
    expect_stop(s, 0);
    for (size_t i = 0; i < COUNT_OF(fds); i++) expect_hang_up(s, fds[i]);
    assert_int_equal(scene_count_events(s, "spawn", "slow.service", NULL), 0);
    expect_no_log(s, "force-killed");
    scene_end(s);
}

/* K50: who connects while the container stops starts nothing and fails nothing, and is hung up on at the end. */
static void test_connection_during_the_stop(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    scene_unit(s, "quiet.socket", "[Socket]\nListenStream=/run/quiet.sock\n");
    scene_unit(s, "quiet.service", "[Service]\nExecStart=" ACTOR " listen\n");
    scene_unit(s, "through.socket",
               "[Socket]\nListenStream=/run/through.sock\nActivationMode=proxy\nProxyTarget=127.0.0.1:9\n");
    scene_unit(s, "through.service", "[Service]\nExecStart=" ACTOR " sleep\n");
    scene_unit(s, "each.socket", "[Socket]\nListenStream=/run/each.sock\nAccept=yes\n");
    scene_unit(s, "each@.service", "[Service]\nStandardInput=socket\nExecStart=/bin/cat\n");
    scene_unit(s, "slow.service",
               "[Unit]\nAfter=quiet.socket through.socket each.socket\n[Service]\nExecStart=" ACTOR " sleep\n"
               "ExecStop=/bin/sh -c 'touch /scene/stopping; until test -e /scene/go; do sleep 0.01; done'\n");
    scene_boot(s, NULL);
    scene_wait_event(s, "startup_finished", NULL, NULL);
    scene_stop(s, SIGTERM);
    scene_wait_file(s, "stopping", "");
    int fds[] = { scene_connect(s, "unix:/run/quiet.sock"), scene_connect(s, "unix:/run/through.sock"),
                  scene_connect(s, "unix:/run/each.sock") };
    scene_touch(s, "go");
    assert_int_equal(scene_exit_code(s), 0);
    for (size_t i = 0; i < COUNT_OF(fds); i++) expect_hang_up(s, fds[i]);
    assert_int_equal(scene_count_events(s, "spawn", NULL, NULL), 1);
    assert_int_equal(scene_count_events(s, "triggered", NULL, NULL), 0);
    assert_int_equal(scene_count_events(s, "socket_failed", NULL, NULL), 0);
    scene_end(s);
}

/* K62: signals that interrupt every wait are no connection. */
static void test_signals_are_no_connection(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    scene_unit(s, "quiet.socket", "[Socket]\nListenStream=/run/quiet.sock\n");
    scene_unit(s, "quiet.service", "[Service]\nExecStart=" ACTOR " listen\n");
    scene_unit(s, "orphans.service", "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=" ACTOR " orphans 200\n");
    scene_boot(s, NULL);
    scene_wait_event(s, "bound", "quiet.socket", NULL);
    static const int signals[] = { SIGHUP, SIGUSR1, SIGUSR2, SIGWINCH, SIGALRM, SIGCONT, SIGCHLD };
    for (size_t i = 0; i < 700; i++) scene_stop(s, signals[i % COUNT_OF(signals)]);
    scene_wait_event(s, "unit_state", "orphans.service", "active", "active", NULL);
    assert_int_equal(scene_count_events(s, "triggered", "quiet.socket", NULL), 0);
    int fd = scene_connect(s, "unix:/run/quiet.sock");
    struct str greeting = scene_receive(s, fd, "pid=");
    str_done(&greeting);
    close(fd);
    assert_int_equal(scene_count_events(s, "triggered", "quiet.socket", NULL), 1);
    expect_stop(s, 0);
    scene_end(s);
}

/* ---- the proxy ---- */

/* S57, K57, K60: the first connection starts the server; bytes go both ways; half-close comes through. */
static void test_proxy(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    scene_unit(s, "half.socket",
               "[Socket]\nListenStream=127.0.0.1:8001\nActivationMode=proxy\nProxyTarget=127.0.0.1:18001\n");
    scene_unit(s, "half.service", "[Service]\nExecStart=" ACTOR " pause 50 -- tcp-half 127.0.0.1 18001\n");
    scene_unit(s, "echo.socket",
               "[Socket]\nListenStream=/run/echo.sock\nListenStream=8002\nActivationMode=proxy\n"
               "ProxyTarget=tcp:127.0.0.1:18002\n");
    scene_unit(s, "echo.service", "[Service]\nExecStart=" ACTOR " tcp-echo 127.0.0.1 18002\n");
    scene_boot(s, NULL);
    scene_wait_event(s, "bound", "half.socket", "network", "tcp", "address", "127.0.0.1:8001", "mode", "proxy", NULL);
    scene_wait_event(s, "bound", "echo.socket", "network", "unix", NULL);
    scene_wait_event(s, "startup_finished", NULL, NULL);
    assert_int_equal(scene_count_events(s, "spawn", NULL, NULL), 0);

    print_message("  half-close\n");
    int fd = scene_connect(s, "tcp:127.0.0.1:8001");
    scene_send(s, fd, "0123456789");
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    struct str answer = scene_receive(s, fd, NULL);
    assert_string_equal(str_text(&answer), "10 bytes\n");
    str_done(&answer);
    close(fd);
    scene_wait_event(s, "first_connect", "half.socket", NULL);

    print_message("  many clients at once, over each listener\n");
    int clients[20];
    for (size_t i = 0; i < COUNT_OF(clients); i++)
        clients[i] = scene_connect(s, i % 2 ? "unix:/run/echo.sock" : "tcp:127.0.0.1:8002");
    for (size_t i = 0; i < COUNT_OF(clients); i++) scene_send(s, clients[i], "ping\n");
    for (size_t i = 0; i < COUNT_OF(clients); i++) {
        answer = scene_receive(s, clients[i], "ping\n");
        str_done(&answer);
        close(clients[i]);
    }
    assert_int_equal(scene_count_events(s, "spawn", "echo.service", NULL), 1);
    expect_stop(s, 0);
    scene_end(s);
}

/* A server that never comes up is told as an error, and its client hung up on; the next one is tried anew. */
static void test_proxy_failures(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    scene_unit(s, "gone.socket",
               "[Socket]\nListenStream=/run/gone.sock\nActivationMode=proxy\nProxyTarget=unix:/run/nobody.sock\n");
    scene_unit(s, "gone.service", "[Service]\nExecStart=" ACTOR " mark /scene/started x -- exit 3\n");
    scene_boot(s, NULL);
    scene_wait_event(s, "bound", "gone.socket", NULL);
    for (size_t i = 1; i <= 2; i++) {
        expect_hang_up(s, scene_connect(s, "unix:/run/gone.sock"));
        scene_wait_nth_event(s, i, "rearmed", "gone.socket", NULL);
    }
    assert_int_equal(scene_count_events(s, "spawn", "gone.service", NULL), 2);
    expect_stop(s, 0);
    scene_end(s);
}

/* K57: who comes while the service is on its way down waits, and starts it again. */
static void test_proxy_while_stopping(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    scene_unit(s, "echo.socket",
               "[Socket]\nListenStream=/run/echo.sock\nActivationMode=proxy\nProxyTarget=127.0.0.1:18003\n");
    scene_unit(s, "echo.service",
               "[Service]\nExecStart=" ACTOR " tcp-echo 127.0.0.1 18003\n"
               "ExecStop=/bin/sh -c 'until [ -e /scene/go ]; do sleep 0.01; done'\n");
    scene_boot(s, NULL);
    scene_wait_event(s, "bound", "echo.socket", NULL);
    int first = scene_connect(s, "unix:/run/echo.sock");
    scene_send(s, first, "ping\n");
    struct str answer = scene_receive(s, first, "ping\n");
    str_done(&answer);
    life_signal_unit(s, "echo.service", "TERM");
    scene_wait_event(s, "unit_state", "echo.service", "sub", "stop", NULL);
    int second = scene_connect(s, "unix:/run/echo.sock");
    scene_send(s, second, "pong\n");
    scene_touch(s, "go");
    answer = scene_receive(s, second, "pong\n");
    str_done(&answer);
    assert_int_equal(scene_count_events(s, "spawn", "echo.service", NULL), 2);
    close(first);
    close(second);
    expect_stop(s, 0);
    scene_end(s);
}

/* More clients than PID 1 has descriptors for: it says so, pauses, and serves them as others leave. */
static void test_proxy_without_descriptors(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    struct scene_spec spec = SCENE_SPEC_DEFAULT;
    static const char *const prefix[] = { "/bin/sh", "-c", "ulimit -n 64 && exec \"$@\"", "sh" };
    for (size_t i = 0; i < COUNT_OF(prefix); i++) spec.prefix[i] = prefix[i];
    scene_unit(s, "crowd.socket",
               "[Socket]\nListenStream=/run/crowd.sock\nActivationMode=proxy\nProxyTarget=127.0.0.1:18010\n");
    scene_unit(s, "crowd.service", "[Service]\nExecStart=" ACTOR " tcp-echo 127.0.0.1 18010\n");
    scene_boot(s, &spec);
    scene_wait_event(s, "bound", "crowd.socket", NULL);
    int clients[60];
    for (size_t i = 0; i < COUNT_OF(clients); i++) {
        clients[i] = scene_connect(s, "unix:/run/crowd.sock");
        scene_send(s, clients[i], "here\n");
    }
    scene_wait_log(s, "container-init: socket crowd.socket accept: Too many open files\n");
    for (size_t i = 0; i < COUNT_OF(clients); i++) {
        struct str answer = scene_receive(s, clients[i], "here\n");
        str_done(&answer);
        close(clients[i]); /* which lets another one in */
    }
    expect_stop(s, 0);
    scene_end(s);
}

int main(void)
{
    scene_skip_unless_possible();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_trigger_limit),
        cmocka_unit_test(test_default_limits),
        cmocka_unit_test(test_service_cannot_start),
        cmocka_unit_test(test_stop_while_activating),
        cmocka_unit_test(test_connection_during_the_stop),
        cmocka_unit_test(test_signals_are_no_connection),
        cmocka_unit_test(test_proxy),
        cmocka_unit_test(test_proxy_failures),
        cmocka_unit_test(test_proxy_without_descriptors),
        cmocka_unit_test(test_proxy_while_stopping),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
