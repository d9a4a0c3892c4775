/* tests/e2e/test_slices.c - slices, and what is left to the container runtime: systemd.slice(5), systemd.mount(5),
 * systemd.automount(5), systemd.swap(5), systemd.device(5). */
#include "tests/e2e/expect.h"
#include "tests/e2e/life.h"

#define SLEEPER "ExecStart=" ACTOR " sleep\n"

static void sh(struct scene *s, const char *script)
{
    const char *const argv[] = { "/bin/sh", "-c", script, NULL };
    if (scene_exec(s, argv, NULL) != 0) scene_fail(s, "%s", script);
}

static void end_well(struct scene *s)
{
    scene_stop(s, SIGTERM);
    assert_int_equal(scene_exit_code(s), 0);
    scene_end(s);
}

/* ---- slices ---- */

/* The cgroup of the unit's process, without what lies above ours, as the process has it in /proc. */
static void expect_cgroup(struct scene *s, const char *unit, const char *want)
{
    uint64_t pid = 0;
    char script[256];
    assert_int_equal(json_get_u64(scene_wait_event(s, "spawn", unit, NULL), "pid", &pid), 0);
    (void)snprintf(script, sizeof script, "grep -qx '0::.*/container-init/%s' /proc/%llu/cgroup", want,
                   (unsigned long long)pid);
    sh(s, script);
}

/* K97: names that differ only in escaped characters have cgroups of their own. */
static void test_cgroups(void **state)
{
    struct scene *s = scene_new();
    scene_unit(s, "flat.service", "[Service]\n" SLEEPER);
    scene_unit(s, "root.service", "[Service]\nSlice=-.slice\n" SLEEPER);
    scene_unit(s, "one.service", "[Service]\nSlice=a.slice\n" SLEEPER);
    scene_unit(s, "deep.service", "[Service]\nSlice=a-b.slice\n" SLEEPER);
    scene_unit(s, "escaped.service", "[Service]\nSlice=a\\x2db.slice\n" SLEEPER);
    scene_unit(s, "a-b.slice", "[Unit]\nDescription=with a file\n");
    life_boot(s, state);
    static const char *const services[] = { "flat.service", "root.service", "one.service", "deep.service",
                                            "escaped.service" };
    for (size_t i = 0; i < COUNT_OF(services); i++) life_wait_state(s, services[i], "running");
    static const char *const slices[] = { "-.slice", "a.slice", "a-b.slice", "a\\x2db.slice" };
    for (size_t i = 0; i < COUNT_OF(slices); i++) life_wait_state(s, slices[i], "active");
    life_expect_states_in_order(s, "-.slice", "active", "a.slice", "active");
    life_expect_states_in_order(s, "a.slice", "active", "a-b.slice", "active");
    life_expect_states_in_order(s, "a-b.slice", "active", "deep.service", "running");
    const struct place *place = *state;
    if (place->cgroup == BOX_CGROUP_PRIVATE) {
        expect_cgroup(s, "flat.service", "flat.service");
        expect_cgroup(s, "root.service", "root.service");
        expect_cgroup(s, "one.service", "a.slice/one.service");
        expect_cgroup(s, "deep.service", "a.slice/a-b.slice/deep.service");
        expect_cgroup(s, "escaped.service", "a\\\\x2db.slice/escaped.service");
    }
    scene_stop(s, SIGTERM);
    assert_int_equal(scene_exit_code(s), 0);
    life_expect_states_in_order(s, "deep.service", "dead", "a-b.slice", "dead");
    life_expect_states_in_order(s, "a-b.slice", "dead", "a.slice", "dead");
    scene_end(s);
}

/* Stopping a slice stops what lies in it and below it; its directories go when they are empty. */
static void test_stop_of_a_slice(void **state)
{
    struct scene *s = scene_new();
    scene_unit(s, "one.service", "[Service]\nSlice=a.slice\n" SLEEPER);
    scene_unit(s, "deep.service", "[Service]\nSlice=a-b.slice\n" SLEEPER);
    scene_unit(s, "other.service", "[Service]\nSlice=c.slice\n" SLEEPER);
    scene_unit(s, "stop.socket", "[Socket]\nListenStream=/run/stop\n");
    scene_unit(s, "stop.service", "[Unit]\nConflicts=a.slice\nAfter=a.slice\n[Service]\n" SLEEPER);
    life_boot(s, state);
    life_wait_state(s, "one.service", "running");
    life_wait_state(s, "deep.service", "running");
    life_wait_state(s, "other.service", "running");
    close(scene_connect(s, "unix:/run/stop"));
    life_wait_state(s, "stop.service", "running");
    life_expect_states_in_order(s, "one.service", "dead", "a.slice", "dead");
    life_expect_states_in_order(s, "deep.service", "dead", "a-b.slice", "dead");
    life_expect_states_in_order(s, "a-b.slice", "dead", "a.slice", "dead");
    if (scene_count_events(s, "unit_state", "other.service", "sub", "dead", NULL) > 0)
        scene_fail(s, "other.service is not in the slice");
    const struct place *place = *state;
    if (place->cgroup == BOX_CGROUP_PRIVATE)
        sh(s, "cd /sys/fs/cgroup/container-init; test ! -e a.slice && test -d c.slice/other.service");
    end_well(s);
}

/* What escapes the service's main process is in the slice as well, and is killed there. */
static void test_kill_in_slice(void **state)
{
    struct scene *s = scene_new();
    scene_unit(s, "deep.service",
               "[Service]\nSlice=a-b.slice\nTimeoutStopSec=500ms\nExecStart=/bin/sh -c 'trap \"\" TERM; "
               "setsid sh -c \"trap \\\"\\\" TERM; echo \\$\\$ >/scene/escaped; while :; do sleep 1; done\" & "
               "while :; do sleep 1; done'\n");
    life_boot(s, state);
    scene_wait_file(s, "escaped", "\n");
    life_expect_alive(s, "escaped", true);
    scene_stop(s, SIGTERM);
    assert_int_equal(scene_exit_code(s), 1);
    expect_log(s, "shutdown: deep.service force-killed");
    scene_end(s);
}

/* ---- mounts, automounts, swaps and devices ---- */

static const struct {
    const char *label, *name, *text, *setup, *log;
    bool there;
} outside[] = {
    { "a mount that is there", "srv-data.mount", "[Mount]\nWhat=/dev/x\nWhere=/srv/data\n",
      "mkdir -p /srv/data && mount -t tmpfs x /srv/data", "left to the container runtime: srv-data.mount", true },
    { "a mount that is not there", "srv-data.mount", "[Mount]\nWhat=/dev/x\nWhere=/srv/data\n", "mkdir -p /srv/data",
      "unit srv-data.mount: failed to start: nothing is mounted at /srv/data, which is left to the container runtime",
      false },
    { "a name with an escape", "srv-with\\x20blank.mount", "[Mount]\nWhat=x\nWhere=/srv/with blank\nType=tmpfs\n",
      "mkdir -p '/srv/with blank' && mount -t tmpfs x '/srv/with blank'",
      "left to the container runtime: srv-with\\x20blank.mount", true },
    { "an automount of what is mounted", "srv-data.automount", "[Automount]\nWhere=/srv/data\n",
      "mkdir -p /srv/data && mount -t tmpfs x /srv/data", "left to the container runtime: srv-data.automount", true },
    { "an automount of nothing", "srv-data.automount", "[Automount]\nWhere=/srv/data\n", ":",
      "unit srv-data.automount: failed to start: nothing is mounted at /srv/data, which is left to the container "
      "runtime",
      false },
    { "a swap that is not used", "dev-nowhere.swap", "[Swap]\nWhat=/dev/nowhere\n", ":",
      "unit dev-nowhere.swap: failed to start: the kernel does not swap to /dev/nowhere, which is left to the "
      "container "
      "runtime",
      false },
    { "a device that is there", "dev-null.device", "[Unit]\nDescription=null\n", ":",
      "left to the container runtime: dev-null.device", true },
    { "a device that is not there", "dev-nowhere.device", "[Unit]\nDescription=nowhere\n", ":",
      "unit dev-nowhere.device: failed to start: there is no device for dev-nowhere.device, which is left to the "
      "container runtime",
      false },
    { "a network interface", "sys-subsystem-net-devices-lo.device", "[Unit]\nDescription=lo\n", ":",
      "left to the container runtime: sys-subsystem-net-devices-lo.device", true },
};

/* What is there satisfies who requires it; what is not fails it. */
static void test_outside(void **state)
{
    for (size_t i = 0; i < COUNT_OF(outside); i++) {
        struct scene *s = scene_new();
        struct scene_spec spec = life_spec(state);
        char text[256];
        print_message("  %s\n", outside[i].label);
        spec.box.setup = outside[i].setup;
        scene_unit(s, outside[i].name, outside[i].text);
        (void)snprintf(text, sizeof text, "[Unit]\nRequires=%s\nAfter=%s\n[Service]\n" SLEEPER, outside[i].name,
                       outside[i].name);
        scene_unit(s, "needs.service", text);
        scene_unit(s, "other.service", "[Service]\n" SLEEPER);
        scene_boot(s, &spec);
        life_wait_state(s, "other.service", "running");
        if (outside[i].there)
            life_wait_state(s, "needs.service", "running");
        else
            (void)scene_wait_event(s, "dependency_failed", "needs.service", "dependency", outside[i].name, NULL);
        scene_wait_log(s, outside[i].log);
        assert_int_equal(scene_count_events(s, "spawn", "needs.service", NULL), outside[i].there);
        end_well(s);
    }
}

/* The mount table changes: who is bound to a mount stops with it, and a mount that comes satisfies the next start. */
static void test_mounts_change(void **state)
{
    struct scene *s = scene_new();
    struct scene_spec spec = life_spec(state);
    spec.box.setup = "mkdir -p /srv/data && mount -t tmpfs x /srv/data";
    scene_unit(s, "srv-data.mount", "[Mount]\nWhat=/dev/x\nWhere=/srv/data\n");
    scene_unit(s, "bound.service", "[Unit]\nBindsTo=srv-data.mount\nAfter=srv-data.mount\n[Service]\n" SLEEPER);
    scene_unit(s, "other.service", "[Service]\n" SLEEPER);
    scene_unit(s, "again.socket", "[Socket]\nListenStream=/run/again\n");
    scene_unit(s, "again.service",
               "[Unit]\nRequires=srv-data.mount\nAfter=srv-data.mount\n[Service]\nExecStart=" ACTOR " listen\n");
    scene_boot(s, &spec);
    life_wait_state(s, "bound.service", "running");
    life_wait_state(s, "other.service", "running");
    sh(s, "umount /srv/data");
    life_wait_state(s, "bound.service", "dead");
    expect_log(s, "unit srv-data.mount: is gone");
    sh(s, "mount -t tmpfs x /srv/data");
    (void)scene_wait_event(s, "unit_state", "srv-data.mount", "sub", "mounted", NULL);
    close(scene_connect(s, "unix:/run/again"));
    life_wait_state(s, "again.service", "running");
    end_well(s);
}

/* A mount or slice that is up is nothing to wait for (D5). */
static void test_nothing_to_wait_for(void **state)
{
    struct scene *s = scene_new();
    struct scene_spec spec = life_spec(state);
    spec.box.setup = "mkdir -p /srv/data && mount -t tmpfs x /srv/data";
    scene_unit(s, "srv-data.mount", "[Mount]\nWhat=x\nWhere=/srv/data\n");
    scene_unit(s, "once.service", "[Service]\nType=oneshot\nSlice=x.slice\nExecStart=" ACTOR " exit 0\n");
    scene_boot(s, &spec);
    assert_int_equal(scene_exit_code(s), 0);
    scene_end(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_BOTH_PLACES(test_cgroups),   IN_BOTH_PLACES(test_stop_of_a_slice), IN_BOTH_PLACES(test_kill_in_slice),
        cmocka_unit_test(test_outside), cmocka_unit_test(test_mounts_change), IN_BOTH_PLACES(test_nothing_to_wait_for),
    };
    scene_skip_unless_possible();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
