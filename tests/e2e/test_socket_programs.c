/* tests/e2e/test_socket_programs.c - programs that know nothing of activation, behind sockets of plain units. */
#include "tests/e2e/debian.h"

#define BUSYBOX "/bin/busybox"
#define REDIS   "/usr/bin/redis-server"
#define BODY    "10485760"

/* ---- behind the proxy ---- */

static struct scene *proxied_scene(void)
{
    struct scene *s = scene_new();
    scene_unit(s, "web.socket", "[Socket]\nListenStream=8080\nActivationMode=proxy\nProxyTarget=127.0.0.1:18080\n");
    scene_unit(s, "web.service", "[Service]\nExecStart=" BUSYBOX " httpd -f -p 127.0.0.1:18080 -h /srv/web\n");
    scene_unit(s, "cache.socket",
               "[Socket]\nListenStream=6379\nActivationMode=proxy\nProxyTarget=unix:/run/redis/redis.sock\n");
    scene_unit(s, "cache.service",
               "[Service]\nRuntimeDirectory=redis\nStateDirectory=redis\nWorkingDirectory=/var/lib/redis\n"
               "ExecStart=" REDIS " --port 0 --unixsocket /run/redis/redis.sock --save 3600 1\n");
    scene_file(s, "/srv/web/cgi-bin/sum", 0755, "#!/bin/sh\nprintf '\\r\\n'\nmd5sum\n");
    return s;
}

static void boot_proxied(struct scene *s, const struct place *place)
{
    struct scene_spec spec = SCENE_SPEC_DEFAULT;
    spec.box.cgroup = place->cgroup;
    spec.box.docker_caps = place->docker_caps;
    spec.box.setup = "head -c " BODY " /dev/urandom >/srv/web/body";
    scene_boot(s, &spec);
    (void)scene_wait_event(s, "startup_finished", NULL, NULL);
}

static void expect_spawns(struct scene *s, const char *unit, size_t want)
{
    if (want > 0) (void)scene_wait_nth_event(s, want, "spawn", unit, NULL); /* its doings may be seen before */
    size_t got = scene_count_events(s, "spawn", unit, NULL);
    if (got != want) scene_fail(s, "%s was started %zu times, expected %zu", unit ? unit : "anything", got, want);
}

/* K57: the first connection of each starts its server and is answered; large bodies come through whole, both ways; and
 * all of it is stopped while clients are connected. */
static void test_proxied(void **state)
{
    SKIP_WITHOUT(BUSYBOX, REDIS, "/usr/bin/redis-cli");
    struct scene *s = proxied_scene();
    boot_proxied(s, *state);
    expect_spawns(s, NULL, 0);

    print_message("  busybox httpd\n");
    run(s, "a body of 10 MiB", BUSYBOX " wget -q -O /tmp/got http://127.0.0.1:8080/body && cmp /tmp/got /srv/web/body",
        false);
    expect_spawns(s, "web.service", 1);
    expect_spawns(s, "cache.service", 0);
    run(s, "eight at once",
        "for i in 1 2 3 4 5 6 7 8; do " BUSYBOX " wget -q -O - http://127.0.0.1:8080/body | cmp - /srv/web/body & "
        "pids=\"$pids $!\"; done; for pid in $pids; do wait $pid || exit 1; done",
        false);
    run(s, "what is not there",
        CONNECT("8080") "printf 'GET /no HTTP/1.0\\r\\n\\r\\n' >&3 && read -r line <&3 && [[ $line = *404* ]]", false);
    run(s, "10 MiB to a program",
        CONNECT("8080") "{ printf 'POST /cgi-bin/sum HTTP/1.0\\r\\nContent-Length: " BODY "\\r\\n\\r\\n' && "
                        "cat /srv/web/body; } >&3 && want=$(md5sum </srv/web/body) && "
                        "grep -q \"${want%% *}\" <&3",
        false);

    print_message("  redis-server\n");
    run(s, "ping", "[ \"$(redis-cli ping)\" = PONG ]", false);
    run(s, "a value", "[ \"$(redis-cli set key value)\" = OK ] && [ \"$(redis-cli get key)\" = value ]", false);
    run(s, "a value of 10 MiB",
        "[ \"$(redis-cli -x set body </srv/web/body)\" = OK ] && "
        "redis-cli --raw get body | head -c " BODY " | cmp - /srv/web/body",
        false);
    run(s, "50 clients", "redis-benchmark -q -t set,get -n 20000 -c 50 -P 4 >/tmp/benchmark", false);
    expect_spawns(s, "web.service", 1);
    expect_spawns(s, "cache.service", 1);

    print_message("  killed, the next client starts it\n");
    life_signal_unit(s, "cache.service", "KILL");
    (void)scene_wait_event(s, "rearmed", "cache.socket", NULL);
    run(s, "ping", "[ \"$(redis-cli ping)\" = PONG ]", false);
    expect_spawns(s, "cache.service", 2);

    print_message("  stopped while clients are connected\n");
    int web = scene_connect(s, "tcp:127.0.0.1:8080"), cache = scene_connect(s, "tcp:127.0.0.1:6379");
    scene_send(s, cache, "SUBSCRIBE news\r\n");
    struct str answer = scene_receive(s, cache, "news");
    str_done(&answer);
    expect_stop(s, 0);
    expect_no_log(s, "force-killed");
    close(web), close(cache);
    scene_end(s);
}

/* ---- a socket is started while its service runs ---- */

/* socket_start() of systemd: refused, for the service would not get the listener; what it has goes on. A proxy keeps
 * its own. */
static void test_service_is_up(void **state)
{
    struct scene *s = scene_new();
    scene_unit(s, "held.socket", "[Socket]\nListenStream=/run/held.sock\n");
    scene_unit(s, "held.service", "[Service]\nExecStart=" ACTOR " listen\n");
    scene_unit(s, "through.socket",
               "[Socket]\nListenStream=/run/through.sock\nActivationMode=proxy\nProxyTarget=18090\n");
    scene_unit(s, "through.service", "[Service]\nExecStart=" ACTOR " tcp-echo 127.0.0.1 18090\n");
    scene_unit(s, "early.socket", "[Socket]\nListenStream=/run/early.sock\n");
    scene_unit(s, "early.service", "[Service]\nExecStartPre=" ACTOR " await /scene/go\nExecStart=" ACTOR " listen\n");
    struct scene_spec spec = life_spec(state);
    spec.box.setup = "ln -s container-init /usr/local/bin/systemctl; mkfifo /scene/go";
    scene_boot(s, &spec);
    (void)scene_wait_event(s, "startup_finished", NULL, NULL);
    int early = scene_connect(s, "unix:/run/early.sock");
    (void)scene_wait_event(s, "unit_state", "early.service", "sub", "start-pre", NULL);
    run(s, "not up yet", "systemctl stop early.socket && ! systemctl start early.socket", false);
    scene_wait_log(s, "socket early.socket: service early.service is already activating, refusing; stop it first");
    close(early);
    for (size_t i = 0; i < 3; i++) {
        int fd = scene_connect(s, "unix:/run/held.sock"), through = scene_connect(s, "unix:/run/through.sock");
        struct str answer = scene_receive(s, fd, "pid=");
        str_done(&answer);
        scene_send(s, through, "ping\n");
        answer = scene_receive(s, through, "ping\n");
        str_done(&answer);
        close(fd), close(through);
        if (i == 0) run(s, "restart", "! systemctl restart held.socket && systemctl restart through.socket", false);
        if (i == 1) run(s, "stop and start", "systemctl stop held.service && systemctl start held.socket", false);
    }
    scene_wait_log(s, "socket held.socket: service held.service is already active, refusing; stop it first");
    expect_spawns(s, "held.service", 2);
    expect_spawns(s, "through.service", 1);
    expect_stop(s, 0);
    scene_end(s);
}

/* ---- scale to zero ---- */

/* IdleStopSec=: stopped when nobody is connected, and back with the next client; what is in its file is there again.
 * One that has a client goes on meanwhile. */
static void test_rest(void **state)
{
    SKIP_WITHOUT(BUSYBOX, REDIS, "/usr/bin/redis-cli");
    struct scene *s = proxied_scene();
    scene_drop_in(s, "web.socket.d/rest.conf", "[Socket]\nIdleStopSec=300ms\n");
    scene_drop_in(s, "cache.socket.d/rest.conf", "[Socket]\nIdleStopSec=300ms\n");
    boot_proxied(s, *state);
    run(s, "a value", "[ \"$(redis-cli set key value)\" = OK ]", false);
    (void)scene_wait_event(s, "rearmed", "cache.socket", NULL);
    int client = scene_connect(s, "tcp:127.0.0.1:6379");
    scene_send(s, client, "GET key\r\n");
    struct str answer = scene_receive(s, client, "value");
    str_done(&answer);
    for (size_t round = 1; round <= 3; round++) {
        run(s, "web", BUSYBOX " wget -q -O - http://127.0.0.1:8080/body | cmp - /srv/web/body", false);
        (void)scene_wait_nth_event(s, round, "rearmed", "web.socket", NULL);
    }
    expect_spawns(s, "web.service", 3);
    expect_spawns(s, "cache.service", 2);
    scene_send(s, client, "PING\r\n");
    answer = scene_receive(s, client, "PONG");
    str_done(&answer);
    close(client);
    (void)scene_wait_nth_event(s, 2, "rearmed", "cache.socket", NULL);
    expect_stop(s, 0);
    expect_no_log(s, "force-killed");
    scene_end(s);
}

/* ---- the container itself is activated ---- */

/* systemd-socket-activate(1) listens, and becomes container-init with the first connection: which starts the container,
 * and in it the server, and is answered. */
static void test_container(void **state)
{
    SKIP_WITHOUT(BUSYBOX, REDIS, "/usr/bin/redis-cli", "/usr/bin/systemd-socket-activate");
    struct scene *s = proxied_scene();
    struct scene_spec spec = life_spec(state);
    static const char *const prefix[] = { "/usr/bin/systemd-socket-activate",
                                          "--listen=127.0.0.1:7080",
                                          "--listen=127.0.0.1:7379",
                                          "--fdname=web.socket:cache.socket",
                                          "--setenv=CONTAINER_INIT_TRACE",
                                          "--setenv=CONTAINER_INIT_TRACE_FILE",
                                          "--setenv=ASAN_OPTIONS",
                                          "--setenv=UBSAN_OPTIONS" };
    for (size_t i = 0; i < COUNT_OF(prefix); i++) spec.prefix[i] = prefix[i];
    spec.box.setup = "head -c " BODY " /dev/urandom >/srv/web/body";
    scene_boot(s, &spec);
    scene_wait_log(s, "Listening on 127.0.0.1:7379");
    assert_int_equal(scene_record_count(s), 0);
    run(s, "the first request", BUSYBOX " wget -q -O - http://127.0.0.1:7080/body | cmp - /srv/web/body", false);
    run(s, "another listener", "[ \"$(redis-cli -p 7379 ping)\" = PONG ]", false);
    run(s, "nothing was bound", "! " CONNECT("8080") "true; ! " CONNECT("6379") "true", false);
    expect_spawns(s, "web.service", 1);
    expect_spawns(s, "cache.service", 1);
    expect_stop(s, 0);
    scene_end(s);
}

/* ---- other kinds of sockets ---- */

/* Serve descriptor 3: for ever, or one datagram and no more, as what inetd(8) calls "wait". */
static const char perl_datagrams[] = "#!/usr/bin/perl\nuse Socket;\n$ENV{LISTEN_PID} == $$ or die;\n"
                                     "open(my $s, '+<&=', 3) or die;\n"
                                     "while (defined(my $from = recv($s, my $text, 65536, 0))) {\n"
                                     "  send($s, \"echo: $text\", 0, $from);\n}\n";
static const char perl_datagram[] = "#!/usr/bin/perl\nuse Socket;\nmy $from = recv(STDIN, my $text, 65536, 0);\n"
                                    "send(STDOUT, \"once: $text\", 0, $from);\n";
static const char perl_packets[] = "#!/usr/bin/perl\nuse Socket;\nopen(my $s, '+<&=', 3) or die;\n"
                                   "while (accept(my $c, $s)) {\n"
                                   "  while (sysread($c, my $text, 65536)) { syswrite($c, \"[$text]\"); }\n}\n";

static void ask_datagrams(struct scene *s, const char *port, const char *prefix)
{
    char script[256];
    (void)snprintf(script, sizeof script,
                   "exec 3<>/dev/udp/127.0.0.1/%s && printf hello >&3 && "
                   "[ \"$(timeout 20 head -c 11 <&3)\" = '%s: hello' ]",
                   port, prefix);
    run(s, port, script, false);
}

/* A packet comes back as one packet. */
static void ask_packets(struct scene *s)
{
    int fd = scene_connect(s, "seqpacket:/run/packets.sock");
    scene_send(s, fd, "one");
    scene_send(s, fd, "three");
    struct str answer = scene_receive(s, fd, "[three]");
    assert_string_equal(str_text(&answer), "[one][three]");
    str_done(&answer);
    close(fd);
}

static void wait_stopped(struct scene *s, const char *service)
{
    char script[64];
    (void)snprintf(script, sizeof script, "systemctl stop %s", service);
    run(s, service, script, false);
    (void)scene_wait_event(s, "rearmed", NULL, "service", service, NULL);
}

/* K57: the datagram, the line and the packet that start a service are not lost, nor are those after its stop. */
static void test_kinds(void **state)
{
    SKIP_WITHOUT("/usr/bin/perl");
    struct scene *s = scene_new();
    scene_unit(s, "datagrams.socket", "[Socket]\nListenDatagram=127.0.0.1:7007\n");
    scene_unit(s, "datagrams.service", "[Service]\nExecStart=/usr/local/bin/datagrams\n");
    scene_unit(s, "wait.socket", "[Socket]\nListenDatagram=127.0.0.1:7008\n");
    scene_unit(s, "wait.service", "[Service]\nStandardInput=socket\nExecStart=/usr/local/bin/datagram\n");
    scene_unit(s, "fifo.socket", "[Socket]\nListenFIFO=/run/spool/fifo\nSocketMode=0622\n");
    scene_unit(s, "fifo.service",
               "[Service]\nStandardInput=socket\n"
               "ExecStart=/bin/sh -c 'while read -r line; do echo \"$line\" >>/scene/lines; done'\n");
    scene_unit(s, "packets.socket", "[Socket]\nListenSequentialPacket=/run/packets.sock\n");
    scene_unit(s, "packets.service", "[Service]\nExecStart=/usr/local/bin/packets\n");
    scene_file(s, "/usr/local/bin/datagrams", 0755, perl_datagrams);
    scene_file(s, "/usr/local/bin/datagram", 0755, perl_datagram);
    scene_file(s, "/usr/local/bin/packets", 0755, perl_packets);
    struct scene_spec spec = life_spec(state);
    spec.box.setup = "ln -s container-init /usr/local/bin/systemctl";
    scene_boot(s, &spec);
    (void)scene_wait_event(s, "startup_finished", NULL, NULL);
    expect_spawns(s, NULL, 0);

    for (size_t round = 1; round <= 2; round++) {
        ask_datagrams(s, "7007", "echo");
        ask_datagrams(s, "7007", "echo");
        expect_spawns(s, "datagrams.service", round);
        ask_packets(s);
        expect_spawns(s, "packets.service", round);
        run(s, "two lines", "echo first >/run/spool/fifo; echo second >/run/spool/fifo", false);
        scene_wait_file(s, "lines", round == 1 ? "first\nsecond\n" : "first\nsecond\nfirst\nsecond\n");
        expect_spawns(s, "fifo.service", round);
        if (round == 2) break;
        wait_stopped(s, "datagrams.service");
        wait_stopped(s, "packets.service");
        wait_stopped(s, "fifo.service");
    }
    print_message("  a service for each datagram\n");
    for (size_t i = 1; i <= 8; i++) {
        ask_datagrams(s, "7008", "once");
        (void)scene_wait_nth_event(s, i, "rearmed", "wait.socket", NULL);
    }
    expect_spawns(s, "wait.service", 8);
    expect_stop(s, 0);
    scene_end(s);
}

int main(void)
{
    scene_skip_unless_possible();
    const struct CMUnitTest tests[] = {
        IN_BOTH_PLACES(test_proxied), IN_BOTH_PLACES(test_kinds),       cmocka_unit_test(test_service_is_up),
        IN_BOTH_PLACES(test_rest),    cmocka_unit_test(test_container),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
