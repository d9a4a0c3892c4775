/* tests/e2e/test_life_elsewhere.c - one life, from set-up over crashes to the ordered stop, where PID 1 is not root,
 * not PID 1, or is refused what it would rather use. */
#include "tests/e2e/life.h"

static void as_user(struct box_spec *box)
{
    box->as_user = true, box->uid = 1234, box->gid = 1235;
}
static void as_subreaper(struct box_spec *box)
{
    box->not_pid1 = true;
}
static void as_subreaper_without_leaves(struct box_spec *box)
{
    box->not_pid1 = true, box->cgroup = BOX_CGROUP_ABSENT;
}
static void as_user_and_subreaper(struct box_spec *box)
{
    as_user(box);
    box->not_pid1 = true;
}
static void without_clone3(struct box_spec *box)
{
    assert_int_equal(box_spec_deny(box, "clone3", "ENOSYS"), 0);
}
static void as_docker(struct box_spec *box)
{
    box->docker_caps = box->read_only_root = box->no_new_privs = true, box->cgroup = BOX_CGROUP_READ_ONLY;
}

static const struct {
    const char *label;
    void (*set)(struct box_spec *box);
} places[] = {
    { "not root", as_user },
    { "a subreaper, not PID 1", as_subreaper },
    { "a subreaper without cgroups", as_subreaper_without_leaves },
    { "neither root nor PID 1", as_user_and_subreaper },
    { "clone3 refused", without_clone3 },
    { "a default Docker with a read-only root", as_docker },
};

static void add_units(struct scene *s)
{
    life_verdict(s);
    scene_unit(s, "setup.service",
               "[Service]\nType=oneshot\nRemainAfterExit=yes\nRestart=on-failure\nRestartSec=1ms\n"
               "ExecStart=" ACTOR " crash /scene/setup 3\n");
    scene_unit(s, "db.service",
               "[Unit]\nRequires=setup.service\nAfter=setup.service\n[Service]\nType=forking\n"
               "ExecStart=" ACTOR " daemon /scene/db -- on-term /scene/marks db\n"
               "ExecStop=/usr/local/bin/verdict child escaped\n");
    scene_unit(s, "app.service",
               "[Unit]\nRequires=db.service\nAfter=db.service\n[Service]\nTimeoutStopSec=100ms\n"
               "ExecStart=" ACTOR
               " child /scene/child stubborn -- escape /scene/escaped -- on-term /scene/marks app\n");
    scene_unit(s, "victim.service",
               "[Unit]\nBindsTo=bomb.service\nAfter=bomb.service\n[Service]\nExecStart=" ACTOR
               " escape /scene/grandchild -- mark /scene/victim-up x -- sleep\n");
    scene_unit(s, "bomb.service",
               "[Unit]\nOnFailure=handler.service\n[Service]\n"
               "ExecStart=/bin/sh -c 'until test -s /scene/grandchild; do :; done; kill -KILL $$$$'\n");
    scene_unit(s, "handler.service",
               "[Unit]\nAfter=victim.service\n[Service]\nType=oneshot\n"
               "ExecStart=/usr/local/bin/verdict grandchild\n");
}

/* K06, K07, K17, K27, K29, K40, D2 in one go: what a place lacks shows in one of them. */
static void test_a_life(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(places); i++) {
        print_message("  %s\n", places[i].label);
        struct scene *s = scene_new();
        struct scene_spec spec = SCENE_SPEC_DEFAULT;
        places[i].set(&spec.box);
        add_units(s);
        scene_boot(s, &spec);
        scene_wait_log(s, "app ready");
        scene_wait_file(s, "escaped", "\n");
        life_wait_state(s, "app.service", "running");
        life_wait_state(s, "bomb.service", "failed");
        scene_wait_event(s, "onfailure_exited", "handler.service", "failed", "false", NULL);
        life_expect_count(s, 3, "spawn", "setup.service");
        life_expect_alive(s, "child", true);
        scene_stop(s, SIGTERM);
        assert_int_equal(scene_exit_code(s), 1); /* app's child had to be killed */
        life_expect_file(s, "verdict", "grandchild gone\nchild gone\nescaped gone\n");
        life_expect_states_in_order(s, "app.service", "failed", "db.service", "stop");
        life_expect_path(s, "db.service", "start running stop stop-sigterm dead");
        scene_wait_file(s, "marks", "db");
        scene_end(s);
    }
}

/* D2: the status comes through wherever we are. */
static void test_exit_codes(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(places); i++) {
        print_message("  %s\n", places[i].label);
        struct scene *s = scene_new();
        struct scene_spec spec = SCENE_SPEC_DEFAULT;
        places[i].set(&spec.box);
        scene_unit(s, "a.service", "[Service]\nExitContainerOnFailure=yes\nExecStart=" ACTOR " kill-self SEGV\n");
        scene_unit(s, "b.service", "[Service]\nExecStart=" ACTOR " escape /scene/b -- sleep\n");
        scene_boot(s, &spec);
        assert_int_equal(scene_exit_code(s), 139);
        scene_end(s);
    }
}

int main(void)
{
    scene_skip_unless_possible();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_life),
        cmocka_unit_test(test_exit_codes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
