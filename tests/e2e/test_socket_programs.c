/* tests/e2e/test_socket_programs.c - programs that know nothing of activation, behind sockets of plain units. */
#include "tests/e2e/debian.h"

#define BUSYBOX "/bin/busybox"
#define REDIS   "/usr/bin/redis-server"
#define BODY    "10485760"

/* ---- behind the proxy ---- */

static struct scene *proxied_scene(void)
{
    struct scene *s = scene_new();
    scene_unit(s, "web.socket",
               "[Socket]\nListenStream=8080\nListenStream=/run/web.sock\nActivationMode=proxy\n"
               "ProxyTarget=127.0.0.1:18080\n");
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
    size_t got = scene_count_events(s, "spawn", unit, NULL);
    if (got != want) scene_fail(s, "%s was started %zu times, expected %zu", unit, got, want);
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

int main(void)
{
    scene_skip_unless_possible();
    const struct CMUnitTest tests[] = {
        IN_BOTH_PLACES(test_proxied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
