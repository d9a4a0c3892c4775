/* tests/e2e/test_attack_proxy.c - a proxy under attack, as test_attack.c has sockets.
 *
 * ATTACK_CONNECTIONS says how many idle connections the proxy holds (default 4000), ATTACK_MIB how much lies behind a
 * slow reader (256); scripts/soak has both at full size. */
#include "tests/e2e/attack.h"

/* Thousands of connections that do nothing: a little memory for each while they are there, and the same for the next
 * thousands. */
static void test_idle_connections(void **state)
{
    (void)state;
    uint32_t n = attack_setting("ATTACK_CONNECTIONS", 4000);
    char count[DECIMAL_MAX(uint32_t)], done[64];
    struct attack a;
    struct scene *s = scene_new();
    (void)snprintf(count, sizeof count, "%u", n);
    (void)snprintf(done, sizeof done, "hold %u of %u\n", n, n);
    crowd_units(s, "", "");
    attack_begin(&a, s, 0);
    attack_talk(&a, "9001", "1", "talk");
    for (int turn = 0; turn < 2; turn++) {
        pid_t clients = attack_clients(&a, "9001", count, "hold", turn == 0 ? "held" : "held-again");
        scene_wait_file(s, turn == 0 ? "held" : "held-again", done);
        uint64_t anonymous = attack_anonymous(s);
        print_message("  %u connections: %lu KiB more in PID 1, %lu descriptors\n", n, anonymous - a.anonymous,
                      attack_descriptors(s));
        if (anonymous > a.anonymous + ATTACK_GROWTH_KIB + n) scene_fail(s, "PID 1 has grown by %lu KiB", anonymous);
        attack_bystander(&a);
        attack_clients_end(clients);
        attack_wait_descriptors(&a, a.fds + 8);
        if (turn == 0) a.anonymous = attack_anonymous(s);
    }
    attack_talk(&a, "9001", "20", "talk-again");
    attack_end(&a, 8);
}

/* What lies behind a slow reader stays with the sender, but for what a few buffers take. */
static void test_slow_reader(void **state)
{
    (void)state;
    uint64_t bytes = (uint64_t)attack_setting("ATTACK_MIB", 256) << 20, stuck = 0;
    char text[256];
    struct attack a;
    struct scene *s = scene_new();
    scene_unit(s, "through.socket",
               "[Socket]\nListenStream=127.0.0.1:9001\nActivationMode=proxy\nProxyTarget=127.0.0.1:9002\n");
    (void)snprintf(text, sizeof text, "[Service]\nExecStart=" ACTOR " gush 9002 %lu /scene/sent\n", bytes);
    scene_unit(s, "through.service", text);
    attack_begin(&a, s, 0);
    const char *const argv[] = { ACTOR, "slow-reader", "9001", "/scene/go", "/scene/read", NULL };
    pid_t reader = -1;
    assert_int_equal(box_exec(scene_box(s), argv, -1, -1, &reader), 0);
    scene_wait_file(s, "read", "first\n");
    scene_wait_file(s, "sent", "\n");
    char *sent = scene_read(s, "sent");
    assert_int_equal(strncmp(sent, "stuck ", 6), 0);
    sent[strcspn(sent, "\n")] = '\0';
    assert_int_equal(parse_u64(sent + 6, 1, UINT64_MAX, &stuck), 0);
    free(sent);
    print_message("  the sender stopped after %lu KiB; %lu KiB more in PID 1\n", stuck >> 10,
                  attack_anonymous(s) - a.anonymous);
    /* Two connections of the kernel's, whose buffers grow up to tcp_rmem and tcp_wmem: 36 MiB each. */
    if (stuck > 96 << 20) scene_fail(s, "%lu bytes lie between a sender and a reader", stuck);
    assert_true(attack_anonymous(s) <= a.anonymous + ATTACK_GROWTH_KIB);
    attack_bystander(&a);
    attack_go(&a);
    (void)snprintf(text, sizeof text, "read %lu\n", bytes);
    scene_wait_file(s, "read", text);
    (void)waitpid(reader, NULL, 0);
    attack_end(&a, 8);
}

/* More connections than PID 1 may have descriptors: it keeps what it needs to supervise and to start others, and takes
 * the connections when there is room again. */
static void test_no_descriptors(void **state)
{
    (void)state;
    struct attack a;
    struct scene *s = scene_new();
    crowd_units(s, "", "");
    scene_unit(s, "later.socket", "[Socket]\nListenStream=127.0.0.1:9003\n");
    scene_unit(s, "later.service", "[Service]\nExecStart=" CROWD "-\n");
    attack_begin(&a, s, 256);
    pid_t flood = attack_clients(&a, "9001", "600", "flood", "flood");
    scene_wait_file(s, "flood", "flood 600 of 600\n");
    (void)scene_wait_event(s, "spawn", "through.service", NULL);
    attack_bystander(&a);
    attack_talk(&a, "9003", "20", "later");
    attack_talk(&a, "9000", "20", "talk-native");
    print_message("  600 connections: PID 1 has %lu descriptors of 256\n", attack_descriptors(s));
    attack_clients_end(flood);
    attack_talk(&a, "9001", "20", "talk");
    attack_end(&a, 12);
}

/* The process that copies may be stopped or killed: PID 1 goes on, and the next client finds a proxy. */
static void test_proxy_process(void **state)
{
    (void)state;
    struct attack a;
    struct scene *s = scene_new();
    const char *argv[] = { "/bin/sh", "-c", NULL, NULL };
    crowd_units(s, "", "");
    attack_begin(&a, s, 0);
    attack_talk(&a, "9001", "1", "talk");
    print_message("  it is stopped\n");
    argv[2] = "kill -STOP $(grep -l [_]_proxy /proc/[0-9]*/cmdline | cut -d / -f 3)";
    assert_int_equal(scene_exec(s, argv, NULL), 0);
    pid_t flood = attack_clients(&a, "9001", "1000", "flood", "flood");
    scene_wait_file(s, "flood", "flood 1000 of 1000\n");
    attack_bystander(&a);
    attack_clients_end(flood);
    print_message("  so it does not leave when it is told to\n");
    attack_expect_systemctl(s, "stop through.socket through.service", "");
    attack_expect_systemctl(s, "start through.socket", "");
    attack_talk(&a, "9001", "20", "talk-again");
    print_message("  it is killed\n");
    flood = attack_clients(&a, "9001", "1000", "flood", "flood-again");
    scene_wait_file(s, "flood-again", "flood 1000 of 1000\n");
    argv[2] = "kill -KILL $(grep -l [_]_proxy /proc/[0-9]*/cmdline | cut -d / -f 3)";
    assert_int_equal(scene_exec(s, argv, NULL), 0);
    attack_talk(&a, "9001", "20", "talk-after-all");
    attack_clients_end(flood);
    attack_end(&a, 8);
}

int main(void)
{
    scene_skip_unless_possible();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_idle_connections),
        cmocka_unit_test(test_slow_reader),
        cmocka_unit_test(test_no_descriptors),
        cmocka_unit_test(test_proxy_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
