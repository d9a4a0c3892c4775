/* tests/e2e/test_worker.c - examples/worker: a service that notifies, one that is asked, a timer, a path unit. */
#include "tests/e2e/life.h"

#include <signal.h>
#include <unistd.h>

#define IMAGE TEST_SOURCE_DIR "/examples/worker"

static void run_in_box(struct scene *s, const char *script)
{
    const char *const argv[] = { "/bin/sh", "-c", script, NULL };
    assert_int_equal(scene_exec(s, argv, NULL), 0);
}

static void test_worker(void **state)
{
    (void)state;
    static const char *const programs[] = { "/usr/bin/systemd-notify", "/bin/busybox" };
    for (size_t i = 0; i < COUNT_OF(programs); i++) {
        if (access(programs[i], X_OK) == 0) continue;
        print_message("skipped: no %s\n", programs[i]);
        skip();
    }
    struct scene *s = scene_new();
    struct scene_spec spec = SCENE_SPEC_DEFAULT;
    assert_int_equal(box_spec_copy(&spec.box, IMAGE "/units", "/etc/container-init/units"), 0);
    assert_int_equal(box_spec_copy(&spec.box, IMAGE "/bin", "/usr/local/bin"), 0);
    assert_int_equal(box_spec_env(&spec.box, "HEALTH_INTERVAL=100ms"), 0);
    spec.box.setup = "mkdir -p /srv/web && touch /srv/web/index.html /srv/web/health";
    scene_boot(s, &spec);

    print_message("  the server is asked, then the worker starts and says that it is ready\n");
    scene_wait_log(s, "unit queue.service: started");
    life_expect_states_in_order(s, "web.service", "running", "queue.service", "start");
    scene_wait_log(s, "unit web.service: healthy");
    life_wait_state(s, "nightly.timer", "waiting");

    print_message("  a file in the inbox\n");
    run_in_box(s, "touch /var/spool/inbox/letter");
    scene_wait_log(s, "[inbox] took /var/spool/inbox/letter");

    print_message("  what is not well is restarted, with what requires it\n");
    run_in_box(s, "rm /srv/web/health");
    scene_wait_log(s, "unit web.service: unhealthy");
    run_in_box(s, "touch /srv/web/health");
    scene_wait_log(s, "unit queue.service: stopped");

    scene_stop(s, SIGTERM);
    assert_int_equal(scene_exit_code(s), 0);
    scene_end(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_worker) };
    scene_skip_unless_possible();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
