/* tests/e2e/test_notify_programs.c - programs that speak sd_notify(3) by libsystemd: systemd-notify, redis-server. */
#include "tests/e2e/expect.h"
#include "tests/e2e/life.h"

#define NOTIFY "[Service]\nType=notify\n"

static void end_well(struct scene *s)
{
    scene_stop(s, SIGTERM);
    assert_int_equal(scene_exit_code(s), 0);
    scene_end(s);
}

static void skip_without(const char *program)
{
    if (access(program, X_OK) == 0) return;
    print_message("  %s is not installed\n", program);
    skip();
}

static void script(struct scene *s, const char *name, const char *body)
{
    char path[128], text[1024];
    (void)snprintf(path, sizeof path, "/usr/local/bin/%s", name);
    (void)snprintf(text, sizeof text, "#!/bin/sh\n%s\n", body);
    scene_file(s, path, 0755, text);
}

/* systemd-notify is a child of the service's shell: who is heard depends on NotifyAccess=, and on whether it may send
 * in the shell's name, which takes CAP_SYS_ADMIN. */
static void test_systemd_notify(void **state)
{
    static const struct {
        const char *name, *settings, *body;
    } rows[] = {
        { "all", "NotifyAccess=all\n", "systemd-notify --ready --status='warm and ready'; exec " ACTOR " sleep" },
        { "main", "NotifyAccess=main\n", "systemd-notify --pid --ready --status=main; exec " ACTOR " sleep" },
        { "exec", "NotifyAccess=exec\n", "systemd-notify --pid --ready --status=exec; exec " ACTOR " sleep" },
        { "forked", "NotifyAccess=all\n",
          ACTOR " sleep & systemd-notify --pid=$! --ready; echo $! > /scene/forked; exit 0" },
        { "no-block", "NotifyAccess=all\n", "systemd-notify --no-block --ready; exec " ACTOR " sleep" },
    };
    skip_without("/usr/bin/systemd-notify");
    struct scene *s = scene_new();
    const struct place *place = *state;
    bool may_send_as_others = !place || !place->docker_caps;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char unit[64], text[512];
        (void)snprintf(unit, sizeof unit, "%s.service", rows[i].name);
        (void)snprintf(text, sizeof text, NOTIFY "%sExecStart=/usr/local/bin/run-%s\n", rows[i].settings, rows[i].name);
        scene_unit(s, unit, text);
        (void)snprintf(unit, sizeof unit, "run-%s", rows[i].name);
        script(s, unit, rows[i].body);
    }
    life_boot(s, state);
    life_wait_state(s, "all.service", "running");
    scene_wait_event(s, "notify_status", "all.service", "status_text", "warm and ready", NULL);
    static const char *const named[] = { "main.service", "exec.service" };
    for (size_t i = 0; i < COUNT_OF(named); i++) {
        if (may_send_as_others)
            life_wait_state(s, named[i], "running");
        else
            scene_wait_event(s, "notify_ignored", named[i], NULL);
    }
    life_wait_state(s, "forked.service", "running");
    scene_wait_event(s, "main_changed", "forked.service", NULL);
    scene_wait_file(s, "forked", "\n");
    life_expect_path(s, "forked.service", "start running"); /* the shell's end is not its */
    life_expect_alive(s, "forked", true);
    scene_stop(s, SIGTERM);
    (void)scene_exit_code(s);
    scene_end(s);
}

/* The unit as Debian ships it, by systemd's rules: ready when it says so, killed and started again, stopped. */
static void test_redis(void **state)
{
    skip_without("/usr/bin/redis-server");
    struct scene *s = scene_new();
    struct scene_spec spec = life_spec(state);
    scene_file(s, "/etc/systemd/system/default.target", 0644,
               "[Unit]\nRequires=redis-server.service ping.service\nAfter=redis-server.service\n");
    scene_file(s, "/etc/systemd/system/ping.service", 0644,
               "[Unit]\nRequires=redis-server.service\nAfter=redis-server.service\n[Service]\nType=oneshot\n"
               "RemainAfterExit=yes\nExecStart=/bin/sh -c '(echo PING; sleep 0.2) | busybox nc 127.0.0.1 6379 > "
               "/scene/pong'\n");
    scene_file(s, "/usr/local/bin/answers", 0755,
               "#!/bin/sh\n(echo PING; sleep 0.2) | busybox nc 127.0.0.1 6379 | grep -q PONG\n");
    spec.args[0] = "--systemd";
    spec.box.setup =
        "cd /usr/lib/systemd/system && find . -mindepth 1 -maxdepth 1 ! -name redis-server.service -exec rm "
        "-rf {} + ; busybox ip link set lo up; mkdir -p /var/lib/redis /var/log/redis /run/redis; chown "
        "redis:redis /var/lib/redis /var/log/redis /run/redis";
    scene_boot(s, &spec);
    life_wait_state(s, "ping.service", "exited");
    life_expect_file(s, "pong", "+PONG\r\n"); /* at once: it was ready when it said so */
    scene_wait_event(s, "notify_status", "redis-server.service", NULL);
    life_signal_unit(s, "redis-server.service", "KILL");
    scene_wait_nth_event(s, 2, "unit_state", "redis-server.service", "sub", "running", NULL);
    const char *const answers[] = { "/usr/local/bin/answers", NULL };
    assert_int_equal(scene_exec(s, answers, NULL), 0);
    end_well(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_BOTH_PLACES(test_systemd_notify),
        cmocka_unit_test(test_redis),
    };
    scene_skip_unless_possible();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
