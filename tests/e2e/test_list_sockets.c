/* tests/e2e/test_list_sockets.c - what operators see of sockets: systemctl list-sockets, status and show. */
#include "tests/e2e/expect.h"
#include "tests/e2e/life.h"
#include <stdio.h>
#include <sys/socket.h>

struct ask {
    const char *arguments;
    int status;
    const char *text; /* somewhere in the output; NULL: any */
};

static void expect_systemctl(struct scene *s, const struct ask *ask)
{
    char script[512];
    struct str output = STR_EMPTY;
    (void)snprintf(script, sizeof script, "exec /usr/local/bin/container-init systemctl %s 2>&1", ask->arguments);
    const char *const argv[] = { "/bin/sh", "-c", script, NULL };
    print_message("  systemctl %s\n", ask->arguments);
    int status = scene_exec(s, argv, &output);
    bool same = status == ask->status && (!ask->text || strstr(str_text(&output), ask->text));
    if (!same)
        (void)fprintf(stderr, "status %d, expected %d; output:\n%s\nexpected:\n%s\n", status, ask->status,
                      str_text(&output), ask->text ? ask->text : "anything");
    str_done(&output);
    if (!same) scene_fail(s, "systemctl %s", ask->arguments);
}

static void expect_all(struct scene *s, const struct ask *asks, size_t n)
{
    for (size_t i = 0; i < n; i++) expect_systemctl(s, &asks[i]);
}

/* Sorted by address, each address of a unit on a line of its own. */
static const struct ask listed[] = {
    { "list-sockets", 0,
      "LISTEN            UNIT         ACTIVATES\n"
      "/run/list.fifo    fifo.socket  fifo.service\n"
      "/run/list.packets many.socket  web.service\n"
      "/run/list.sock    many.socket  web.service\n"
      "127.0.0.1:7401    proxy.socket proxy.service\n"
      "127.0.0.1:7402    many.socket  web.service\n"
      "@list-abstract    many.socket  web.service\n"
      "[::]:7403         inst.socket  -\n" },
    { "list-sockets", 0, "\n\n7 sockets listed.\n" },
    { "list-sockets --show-types many.socket --no-legend", 0,
      "/run/list.packets SequentialPacket many.socket web.service\n"
      "/run/list.sock    Stream           many.socket web.service\n"
      "127.0.0.1:7402    Datagram         many.socket web.service\n"
      "@list-abstract    Stream           many.socket web.service\n" },
    { "list-sockets 'fi*' --no-legend", 0, "/run/list.fifo fifo.socket fifo.service\n" },
    { "list-sockets --all --no-legend", 0, "/run/list.held    held.socket  held.service\n" },
    { "list-sockets --state=running --no-legend", 0, "" },
    { "list-sockets fifo.socket --json", 0, "\"/run/list.fifo (FIFO)\"" },
    { "status many.socket", 0,
      "   Triggers: \u25cb web.service\n"
      "     Listen: /run/list.sock (Stream)\n"
      "             @list-abstract (Stream)\n"
      "             /run/list.packets (SequentialPacket)\n"
      "             127.0.0.1:7402 (Datagram)\n" },
    { "status web", 3, "TriggeredBy: \u25cf many.socket\n" },
    { "show many.socket -p Listen,SubState,Triggers,NAccepted,NConnections,NRefused", 0,
      "Listen=/run/list.sock (Stream)\nListen=@list-abstract (Stream)\nListen=/run/list.packets (SequentialPacket)\n"
      "Listen=127.0.0.1:7402 (Datagram)\nNAccepted=0\nNConnections=0\nNRefused=0\nSubState=listening\n"
      "Triggers=web.service\n" },
    { "show proxy.socket -p ActivationMode,IdleStopUSec,ProxyTarget,ProxyConnectTimeoutUSec,ProxyProtocol", 0,
      "ActivationMode=proxy\nIdleStopUSec=1h 30min\nProxyConnectTimeoutUSec=5s\nProxyProtocol=no\n"
      "ProxyTarget=127.0.0.1:7411\n" },
    { "show many.socket -p ActivationMode,IdleStopUSec", 0, "ActivationMode=native\nIdleStopUSec=infinity\n" },
    { "show fifo.socket -p Listen --value", 0, "/run/list.fifo (FIFO)\n" },
    { "status inst.socket", 0, "   Accepted: 0; Connected: 0;\n" },
    { "is-system-running", 0, "running\n" },
    { "show -p SystemState,NFailedUnits", 0, "NFailedUnits=0\nSystemState=running\n" },
};

static void test_listed(void **state)
{
    struct scene *s = scene_new();
    scene_unit(s, "many.socket",
               "[Socket]\nListenStream=/run/list.sock\nListenStream=@list-abstract\n"
               "ListenSequentialPacket=/run/list.packets\nListenDatagram=127.0.0.1:7402\nService=web.service\n");
    scene_unit(s, "web.service", "[Service]\nExecStart=" ACTOR " listen\n");
    scene_unit(s, "fifo.socket", "[Socket]\nListenFIFO=/run/list.fifo\n");
    scene_unit(s, "fifo.service", "[Service]\nExecStart=" ACTOR " receive /scene/got\n");
    scene_unit(s, "proxy.socket",
               "[Socket]\nListenStream=127.0.0.1:7401\nActivationMode=proxy\nProxyTarget=127.0.0.1:7411\n"
               "IdleStopSec=1h 30min\n");
    scene_unit(s, "proxy.service", "[Service]\nExecStart=" ACTOR " tcp-echo 127.0.0.1 7411\n");
    scene_unit(s, "inst.socket", "[Socket]\nListenStream=7403\nAccept=yes\n");
    scene_unit(s, "inst@.service", "[Service]\nStandardInput=socket\nExecStart=/bin/cat\n");
    scene_unit(s, "held.socket", "[Unit]\nConditionPathExists=/nowhere\n[Socket]\nListenStream=/run/list.held\n");
    scene_unit(s, "held.service", "[Service]\nExecStart=" ACTOR " listen\n");
    life_boot(s, state);
    (void)scene_wait_event(s, "startup_finished", NULL, NULL);
    expect_all(s, listed, COUNT_OF(listed));
    expect_stop(s, 0);
    scene_end(s);
}

/* A client that is connected, and one that has left. */
static void test_counted(void **state)
{
    (void)state;
    static const struct ask one[] = {
        { "status inst.socket", 0, "   Accepted: 1; Connected: 1;\n" },
        { "show inst.socket -p NAccepted,NConnections,NRefused", 0, "NAccepted=1\nNConnections=1\nNRefused=0\n" },
    };
    static const struct ask two[] = {
        { "status inst.socket", 0, "   Accepted: 2; Connected: 1;\n" },
    };
    struct scene *s = scene_new();
    scene_unit(s, "inst.socket", "[Socket]\nListenStream=/run/inst\nAccept=yes\n");
    scene_unit(s, "inst@.service", "[Service]\nStandardInput=socket\nExecStart=/bin/cat\n");
    scene_boot(s, NULL);
    (void)scene_wait_event(s, "startup_finished", NULL, NULL);
    int first = scene_connect(s, "unix:/run/inst");
    scene_send(s, first, "hello\n");
    struct str answer = scene_receive(s, first, "hello\n");
    str_done(&answer);
    expect_all(s, one, COUNT_OF(one));
    int second = scene_connect(s, "unix:/run/inst");
    scene_send(s, second, "hello\n");
    answer = scene_receive(s, second, "hello\n");
    str_done(&answer);
    shutdown(second, SHUT_WR);
    answer = scene_receive(s, second, NULL);
    str_done(&answer);
    life_wait_state(s, "inst@1-unknown.service", "dead");
    expect_all(s, two, COUNT_OF(two));
    close(first), close(second);
    expect_stop(s, 0);
    scene_end(s);
}

int main(void)
{
    scene_skip_unless_possible();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_listed),
        cmocka_unit_test(test_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
