/* tests/e2e/test_places.c - K92: the same small system in every kind of place: it starts, restarts, is reached, and is
 * stopped in order with nothing left behind. K93: where PID 1's own processes live. */
#include "tests/e2e/expect.h"
#include "tests/e2e/harness_internal.h"
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ACTOR "/usr/local/bin/actor"

struct place {
    const char *label;
    struct box_spec box; /* what differs from the default */
    const char *deny[6]; /* system call, errno, system call, ... */
    bool plain;          /* sanitizers cannot live there */
    const char *log[3];  /* what the log says of it */
    bool same_user;      /* User= cannot be taken */
};

#define FALLBACK "; falling back to PGID kill path\n"

static const struct place places[] = {
    { .label = "everything there", .log = { "container-init: cgroup-v2 base: /sys/fs/cgroup/container-init\n" } },
    { .label = "no cgroup mounted",
      .box = { .cgroup = BOX_CGROUP_ABSENT },
      .log = { "container-init: cgroup-v2 unavailable (", FALLBACK } },
    { .label = "read-only cgroup", .box = { .cgroup = BOX_CGROUP_READ_ONLY }, .log = { FALLBACK } },
    { .label = "Docker's default",
      .box = { .cgroup = BOX_CGROUP_READ_ONLY, .docker_caps = true },
      .log = { FALLBACK, "place: pid 1, root, " } },
    { .label = "not root",
      .box = { .as_user = true, .uid = 4711, .gid = 4711 },
      .same_user = true,
      .log = { "container-init: running as uid 4711 gid 4711, not root: ", FALLBACK } },
    { .label = "an uid without name",
      .box = { .as_user = true, .uid = 54321, .gid = 54321 },
      .same_user = true,
      .log = { "container-init: running as uid 54321 gid 54321, not root: " } },
    { .label = "read-only root", .box = { .read_only_root = true }, .log = { "read-only root" } },
    { .label = "no /proc", .box = { .no_proc = true }, .plain = true, .log = { "no /proc" } },
    { .label = "no /proc, no cgroup",
      .box = { .no_proc = true, .cgroup = BOX_CGROUP_ABSENT },
      .plain = true,
      .log = { FALLBACK } },
    { .label = "no /sys", .box = { .no_sys = true }, .log = { FALLBACK } },
    { .label = "no /tmp", .box = { .no_tmp = true } },
    { .label = "no /run", .box = { .no_run = true } },
    { .label = "no shell", .box = { .no_shell = true } },
    { .label = "not PID 1", .box = { .not_pid1 = true }, .log = { "place: not pid 1" } },
    { .label = "not PID 1, no cgroup", .box = { .not_pid1 = true, .cgroup = BOX_CGROUP_ABSENT }, .log = { FALLBACK } },
    { .label = "no_new_privs", .box = { .no_new_privs = true } },
    { .label = "clone3: ENOSYS", .deny = { "clone3", "ENOSYS" }, .log = { "no clone3" } },
    { .label = "clone3: EPERM", .deny = { "clone3", "EPERM" }, .log = { "no clone3" } },
    { .label = "clone3: EINVAL", .deny = { "clone3", "EINVAL" } },
    { .label = "clone3: EACCES", .deny = { "clone3", "EACCES" } },
    { .label = "clone3: EBUSY", .deny = { "clone3", "EBUSY" } },
    { .label = "clone3: EOPNOTSUPP", .deny = { "clone3", "EOPNOTSUPP" } },
    { .label = "no close_range, pwritev2, openat2, statx",
      .deny = { "close_range", "ENOSYS", "pwritev2", "ENOSYS", "openat2", "ENOSYS" } },
    { .label = "no inotify, splice, memfd_create",
      .deny = { "inotify_init1", "ENOSYS", "splice", "EINVAL", "memfd_create", "ENOSYS" } },
};

static void write_units(struct scene *s, const struct place *place)
{
    scene_user(s, "app", 4711, "/home/app");
    scene_unit(s, "setup.service",
               "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=" ACTOR " mark /scene/setup x\n");
    scene_unit(s, "web.service",
               "[Unit]\nRequires=setup.service\nAfter=setup.service\n[Service]\nExecStart=" ACTOR
               " child /scene/child -- on-term /scene/stopped web\n");
    scene_unit(s, "crash.service",
               "[Service]\nRestart=on-failure\nRestartSec=1ms\nExecStart=" ACTOR
               " crash /scene/count 3 -- write 1 steady -- on-term /scene/stopped crash\n");
    scene_unit(s, "user.service",
               place->same_user ? "[Service]\nExecStart=" ACTOR " report /scene/user -- sleep\n"
                                : "[Service]\nUser=app\nExecStart=" ACTOR " report /scene/user -- sleep\n");
    scene_unit(s, "lazy.socket", "[Socket]\nListenStream=127.0.0.1:7000\n");
    scene_unit(s, "lazy.service", "[Service]\nExecStart=" ACTOR " listen\n");
    scene_unit(s, "missing.service", "[Service]\nExecStart=/no/such\n"); /* K73 */
}

static void test_place(void **state)
{
    const struct place *place = *state;
    struct scene *s = scene_new();
    struct scene_spec spec = SCENE_SPEC_DEFAULT;
    const int in = spec.box.stdin_fd, out = spec.box.stdout_fd, err = spec.box.stderr_fd;
    const char *hostname = spec.box.hostname;
    spec.box = place->box;
    spec.box.stdin_fd = in, spec.box.stdout_fd = out, spec.box.stderr_fd = err, spec.box.hostname = hostname;
    spec.plain = place->plain;
    for (size_t i = 0; i < COUNT_OF(place->deny) && place->deny[i]; i += 2)
        assert_int_equal(box_spec_deny(&spec.box, place->deny[i], place->deny[i + 1]), 0);
    write_units(s, place);
    scene_boot(s, &spec);
    scene_wait_log(s, "[crash] steady\n");
    scene_wait_log(s, "[web] web ready\n");
    scene_wait_log(s, "[crash] crash ready\n");
    scene_wait_log(s, "container-init: unit missing.service: failed to start: ");
    char number[32];
    (void)snprintf(number, sizeof number, "%u", place->box.as_user ? place->box.uid : 4711);
    expect_report(s, "user", "uid", number);
    scene_wait_event(s, "bound", "lazy.socket", NULL);
    int fd = scene_connect(s, "tcp:127.0.0.1:7000");
    struct str greeting = scene_receive(s, fd, "listen_fdnames=lazy.socket");
    str_done(&greeting);
    close(fd);
    expect_stop(s, 0);
    for (size_t i = 0; i < COUNT_OF(place->log) && place->log[i]; i++) expect_log(s, place->log[i]);
    expect_no_log(s, "force-killed");
    expect_order(s, "exited", "web.service", "boot_done", NULL);
    char *stopped = scene_read(s, "stopped");
    assert_true(stopped && strstr(stopped, " web\n") && strstr(stopped, " crash\n"));
    free(stopped);
    scene_end(s);
}

/* K93: with controllers in the container's own cgroup no process is left there; PID 1 lives in init.scope, and so does
 * what is found beside it; services have leaves of their own. */
static void test_own_cgroup(void **state)
{
    (void)state;
    static const char *const look[] = { "/bin/sh", "-c",
                                        "cd /sys/fs/cgroup; cat container-init/init.scope/cgroup.procs; "
                                        "echo \"controllers: $(cat cgroup.subtree_control)\"; "
                                        "echo \"beside: $(grep -vx $$ cgroup.procs)\"; "
                                        "grep ^0:: /proc/1/cgroup /proc/$(cat /scene/child)/cgroup",
                                        NULL };
    struct scene *s = scene_new();
    struct scene_spec spec = SCENE_SPEC_DEFAULT;
    struct str output = STR_EMPTY;
    scene_unit(s, "web.service", "[Service]\nExecStart=" ACTOR " child /scene/child -- mark /scene/up x -- sleep\n");
    scene_boot(s, &spec);
    scene_wait_file(s, "up", "x");
    assert_int_equal(scene_exec(s, look, &output), 0);
    static const char *const wanted[] = { "1\n", "beside: \n", "/proc/1/cgroup:0::/container-init/init.scope\n",
                                          "/cgroup:0::/container-init/web.service\n" };
    for (size_t i = 0; i < COUNT_OF(wanted); i++)
        if (!strstr(str_text(&output), wanted[i])) scene_fail(s, "no \"%s\" in:\n%s", wanted[i], str_text(&output));
    str_done(&output);
    expect_stop(s, 0);
    scene_end(s);
}

int main(void)
{
    scene_skip_unless_possible();
    struct CMUnitTest tests[COUNT_OF(places) + 1] = { cmocka_unit_test(test_own_cgroup) };
    for (size_t i = 0; i < COUNT_OF(places); i++)
        tests[i + 1] = (struct CMUnitTest){ .name = places[i].label,
                                            .test_func = test_place,
                                            .initial_state = (void *)(uintptr_t)&places[i] }; /* only read */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
