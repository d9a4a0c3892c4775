/* tests/e2e/test_attack.c - sockets whose clients or services misbehave. In each test another service crashes and is
 * restarted meanwhile, systemctl answers, and afterwards PID 1 holds what it held before. */
#include "tests/e2e/attack.h"
#include <sys/resource.h>
#include <sys/stat.h>

static const struct {
    const char *label, *port, *unit;
} modes[] = { { "native", "9000", "native" }, { "proxy", "9001", "through" } };

/* Services that are on their way up while many connect, say nothing and stay; who talks afterwards is answered. */
static void test_flood_before_service(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(modes); i++) {
        struct attack a;
        struct scene *s = scene_new();
        char unit[64];
        print_message("  %s\n", modes[i].label);
        crowd_units(s, "", "ExecStartPre=" ACTOR " mark /scene/before x -- await /scene/go\n");
        attack_begin(&a, s, 0);
        pid_t flood = attack_clients(&a, modes[i].port, "1500", "flood", "flood");
        scene_wait_file(s, "flood", "flood 1500 of 1500\n");
        scene_wait_file(s, "before", "x\n");
        attack_bystander(&a);
        (void)snprintf(unit, sizeof unit, "is-active %s.service", modes[i].unit);
        attack_expect_systemctl(s, unit, "activating\n");
        attack_go(&a);
        attack_talk(&a, modes[i].port, "20", "talk");
        (void)snprintf(unit, sizeof unit, "%s.service", modes[i].unit);
        life_expect_count(s, 1, "spawn", unit);
        attack_clients_end(flood);
        attack_talk(&a, modes[i].port, "20", "talk-again");
        attack_end(&a, 8);
    }
}

/* K58: who has hung up before the service runs, in either way, fails nothing; nor do those who say nothing but the end.
 */
static void test_hang_up(void **state)
{
    static const char *const hows[] = { "hang-up", "half" };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(modes) * COUNT_OF(hows); i++) {
        struct attack a;
        struct scene *s = scene_new();
        const char *how = hows[i / COUNT_OF(modes)];
        size_t mode = i % COUNT_OF(modes);
        char unit[64], done[64];
        print_message("  %s, %s\n", how, modes[mode].label);
        crowd_units(s, "", "ExecStartPre=" ACTOR " mark /scene/before x -- await /scene/go\n");
        attack_begin(&a, s, 0);
        pid_t clients = attack_clients(&a, modes[mode].port, "1000", how, "gone");
        (void)snprintf(done, sizeof done, "%s 1000 of 1000\n", how);
        scene_wait_file(s, "gone", done);
        scene_wait_file(s, "before", "x\n");
        attack_bystander(&a);
        attack_go(&a);
        (void)snprintf(unit, sizeof unit, "is-active %s.socket", modes[mode].unit);
        attack_expect_systemctl(s, unit, "active\n");
        attack_talk(&a, modes[mode].port, "20", "talk");
        attack_clients_end(clients);
        clients = attack_clients(&a, modes[mode].port, "1000", how, "gone-again");
        scene_wait_file(s, "gone-again", done);
        attack_talk(&a, modes[mode].port, "20", "talk-again");
        attack_clients_end(clients);
        attack_end(&a, 8);
    }
}

/* Nobody accepts: what the kernel does not hold back waits there, and PID 1 has nothing to do with it. */
static void test_never_accepts(void **state)
{
    static const char *const ports[] = { "9000", "9001" };
    (void)state;
    struct attack a;
    struct scene *s = scene_new();
    scene_unit(s, "native.socket", "[Socket]\nListenStream=127.0.0.1:9000\n");
    scene_unit(s, "native.service", "[Service]\nExecStart=" ACTOR " sleep\n");
    scene_unit(s, "through.socket",
               "[Socket]\nListenStream=127.0.0.1:9001\nActivationMode=proxy\nProxyTarget=127.0.0.1:9002\n");
    /* Its first client is all that it accepts, and it does not read from it. */
    scene_unit(s, "through.service", "[Service]\nExecStart=" ACTOR " gush 9002 1000000000 /scene/stuck\n");
    attack_begin(&a, s, 0);
    for (size_t i = 0; i < COUNT_OF(ports); i++) {
        print_message("  %s\n", modes[i].label);
        char name[32];
        (void)snprintf(name, sizeof name, "flood%zu", i);
        pid_t flood = attack_clients(&a, ports[i], "1000", "flood", name);
        scene_wait_file(s, name, "flood 1000 of 1000\n");
        if (i == 1) scene_wait_file(s, "stuck", "stuck ");
        attack_bystander(&a);
        uint64_t before = attack_number(s, "status", "\nvoluntary_ctxt_switches:");
        usec_t until = scene_now() + 300000;
        while (scene_pump(s, until, -1)) continue;
        uint64_t woken = attack_number(s, "status", "\nvoluntary_ctxt_switches:") - before;
        if (woken > 20) scene_fail(s, "PID 1 woke %lu times for connections that nobody accepts", woken);
        attack_clients_end(flood);
    }
    attack_expect_systemctl(s, "is-active native.service", "active\n");
    attack_end(&a, 8);
}

/* A service that dies of each connection. PollLimit*= has it started so often in its window and no more, and when the
 * service has come to its senses the clients that waited are served, without help (K52, K53). Without it TriggerLimit*=
 * fails the socket (S59). */
static void test_dies_on_connection(void **state)
{
    (void)state;
    struct attack a;
    struct scene *s = scene_new();
    scene_unit(s, "sick.socket",
               "[Socket]\nListenStream=127.0.0.1:9000\nPollLimitBurst=3\nPollLimitIntervalSec=3s\n"
               "TriggerLimitIntervalSec=0\n");
    scene_unit(s, "sick.service",
               "[Unit]\nStartLimitIntervalSec=0\n[Service]\nExecStart=" ACTOR " crash /scene/tries 8 -- crowd -\n");
    scene_unit(s, "default.socket", "[Socket]\nListenStream=127.0.0.1:9001\n");
    scene_unit(s, "default.service", "[Service]\nExecStart=" ACTOR " listen-idle\n");
    scene_unit(s, "hopeless.socket", "[Socket]\nListenStream=127.0.0.1:9002\nTriggerLimitBurst=5\n");
    scene_unit(s, "hopeless.service",
               "[Unit]\nStartLimitIntervalSec=0\n[Service]\nExecStart=" ACTOR " listen-idle -- exit 1\n");
    attack_begin(&a, s, 0);
    pid_t clients[] = { attack_clients(&a, "9002", "50", "flood", "flood"),
                        attack_clients(&a, "9001", "50", "flood", "flood-default") };
    (void)scene_wait_event(s, "socket_failed", "hopeless.socket", NULL);
    print_message("  15 times in 2 s by default\n");
    (void)scene_wait_event(s, "poll_limited", "default.socket", "burst", "15", "interval_ms", "2000", NULL);
    /* More on a machine that needed several windows for as many in one. */
    assert_true(scene_count_events(s, "triggered", "default.socket", NULL) >= 15);
    attack_expect_systemctl(s, "is-active default.socket", "active\n");
    attack_bystander(&a);
    print_message("  it recovers\n");
    attack_talk(&a, "9000", "20", "talk");
    (void)scene_wait_nth_event(s, 2, "poll_limited", "sick.socket", NULL);
    assert_true(scene_count_events(s, "spawn", "sick.service", NULL) >= 8);
    attack_expect_systemctl(s, "is-active hopeless.socket", "failed\n");
    for (size_t i = 0; i < COUNT_OF(clients); i++) attack_clients_end(clients[i]);
    attack_end(&a, 8);
}

/* Connections that PID 1 itself accepts: more than MaxConnections= are refused, and where that is too
 * much as well the rest waits in the backlog, for the last descriptors are kept for other units. */
static void test_accept_flood(void **state)
{
    static const struct {
        const char *label, *settings, *log;
        unsigned limit;
    } floods[] = {
        { "MaxConnections=", "MaxConnections=16\n", "too many connections (16, MaxConnections=)", 0 },
        { "no descriptors", "MaxConnections=1000\n", "accept: Too many open files", 128 },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(floods); i++) {
        char text[256];
        struct attack a;
        struct scene *s = scene_new();
        print_message("  %s\n", floods[i].label);
        (void)snprintf(text, sizeof text,
                       "[Socket]\nListenStream=127.0.0.1:9000\nAccept=yes\nTriggerLimitIntervalSec=0\n"
                       "PollLimitIntervalSec=0\n%s",
                       floods[i].settings);
        scene_unit(s, "each.socket", text);
        scene_unit(s, "each@.service", "[Service]\nStandardInput=socket\nExecStart=/bin/cat\n");
        scene_unit(s, "later.socket", "[Socket]\nListenStream=127.0.0.1:9003\n");
        scene_unit(s, "later.service", "[Service]\nExecStart=" CROWD "-\n");
        attack_begin(&a, s, floods[i].limit);
        pid_t flood = attack_clients(&a, "9000", "200", "flood", "flood");
        scene_wait_file(s, "flood", "flood 200 of 200\n");
        scene_wait_log(s, floods[i].log);
        attack_bystander(&a);
        attack_talk(&a, "9003", "20", "later");
        print_message("  PID 1 has %lu descriptors\n", attack_descriptors(s));
        attack_clients_end(flood);
        attack_wait_descriptors(&a, a.fds + 8);
        attack_talk(&a, "9000", "20", "talk");
        attack_end(&a, 8);
    }
}

/* So few descriptors that not even the services themselves find enough: those that do not are started when others have
 * ended, without help, and PID 1 goes on. */
static void test_exhausted(void **state)
{
    (void)state;
    struct attack a;
    struct scene *s = scene_new();
    pid_t clients[20];
    char name[32], text[256];
    for (size_t i = 0; i < COUNT_OF(clients); i++) {
        (void)snprintf(name, sizeof name, "s%02zu.socket", i);
        (void)snprintf(text, sizeof text,
                       "[Socket]\nListenStream=127.0.0.1:91%02zu\nPollLimitIntervalSec=300ms\nPollLimitBurst=2\n"
                       "TriggerLimitIntervalSec=0\n",
                       i);
        scene_unit(s, name, text);
        (void)snprintf(name, sizeof name, "s%02zu.service", i);
        scene_unit(s, name,
                   "[Unit]\nStartLimitIntervalSec=0\n[Service]\nExecStart=" ACTOR " mark /scene/up %N -- crowd -\n");
    }
    attack_begin(&a, s, 80);
    for (size_t i = 0; i < COUNT_OF(clients); i++) {
        (void)snprintf(name, sizeof name, "91%02zu", i);
        clients[i] = attack_clients(&a, name, "1", "flood", "flood");
    }
    scene_wait_log(s, "Too many open files");
    print_message("  PID 1 has %lu descriptors of 80\n", attack_descriptors(s));
    for (size_t i = 0; i < COUNT_OF(clients); i++) {
        const char *const argv[] = { "/bin/sh", "-c", "kill $(grep -l [c]rowd /proc/[0-9]*/cmdline | cut -d / -f 3)",
                                     NULL };
        (void)snprintf(text, sizeof text, " s%02zu\n", i);
        usec_t deadline = scene_deadline();
        for (bool is_up = false; !is_up;) {
            char *up = scene_read(s, "up");
            is_up = up && strstr(up, text);
            free(up);
            if (!is_up) (void)scene_exec(s, argv, NULL);
            (void)scene_pump(s, scene_now() + 50000, -1);
            if (!is_up && scene_now() > deadline) scene_fail(s, "%s is not started", text);
        }
        attack_clients_end(clients[i]);
    }
    attack_end(&a, 60);
}

/* The lowest number that PID 1 has not in use. */
static rlim_t first_free_descriptor(struct scene *s)
{
    char path[64];
    struct stat node;
    for (rlim_t n = 0;; n++) {
        (void)snprintf(path, sizeof path, "/proc/%d/fd/%lu", (int)box_pid(scene_box(s)), (unsigned long)n);
        if (lstat(path, &node) < 0) return n;
    }
}

/* PID 1 has not one descriptor left, and says how the units are, to one after the other. */
static void test_control_without_descriptors(void **state)
{
    (void)state;
    struct attack a;
    struct scene *s = scene_new();
    struct rlimit before, limit;
    attack_begin(&a, s, 0);
    assert_int_equal(prlimit(box_pid(scene_box(s)), RLIMIT_NOFILE, NULL, &before), 0);
    limit = (struct rlimit){ .rlim_cur = first_free_descriptor(s), .rlim_max = before.rlim_max };
    assert_int_equal(prlimit(box_pid(scene_box(s)), RLIMIT_NOFILE, &limit, NULL), 0);
    for (int i = 0; i < 3; i++) {
        attack_expect_systemctl(s, "is-active bystander", "active\n");
        attack_expect_systemctl(s, "stop nowhere", "Failed to stop nowhere");
    }
    attack_expect_systemctl(s,
                            "is-active bystander & /usr/local/bin/container-init systemctl is-active bystander; wait",
                            "active\nactive\n");
    assert_int_equal(prlimit(box_pid(scene_box(s)), RLIMIT_NOFILE, &before, NULL), 0);
    attack_bystander(&a);
    attack_end(&a, 0);
}

int main(void)
{
    scene_skip_unless_possible();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_flood_before_service),
        cmocka_unit_test(test_hang_up),
        cmocka_unit_test(test_never_accepts),
        cmocka_unit_test(test_dies_on_connection),
        cmocka_unit_test(test_accept_flood),
        cmocka_unit_test(test_exhausted),
        cmocka_unit_test(test_control_without_descriptors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
