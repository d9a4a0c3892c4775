/* tests/e2e/test_socket_corners.c - sockets whose stop is called off, whose command ends as its time is over, and what
 * is not theirs to remove. */
#include "tests/e2e/expect.h"
#include "tests/e2e/life.h"
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#define SYSTEMCTL "/usr/local/bin/systemctl"
#define LISTENS   "[Service]\nExecStart=" ACTOR " listen\n"

static struct scene *new_scene(void)
{
    char where[512];
    struct scene *s = scene_new();
    scene_file(s, "/usr/local/bin/.keep", 0644, "");
    (void)snprintf(where, sizeof where, "%s/root" SYSTEMCTL, scene_dir(s));
    assert_int_equal(symlink("container-init", where), 0);
    scene_unit(s, "keep.service", "[Service]\nExecStart=" ACTOR " sleep\n"); /* PID 1 leaves when nothing is up (D5) */
    return s;
}

/* `command` is for a shell in the box. */
static void run(struct scene *s, const char *command)
{
    struct str output = STR_EMPTY;
    const char *const argv[] = { "/bin/sh", "-c", command, NULL };
    int got = scene_exec(s, argv, &output);
    if (got != 0) (void)fprintf(stderr, "%s\n", str_text(&output));
    str_done(&output);
    if (got != 0) scene_fail(s, "%s: %d", command, got);
}

static void talk(struct scene *s, int fd)
{
    scene_send(s, fd, "echo-this\n");
    struct str answer = scene_receive(s, fd, "echo-this\n");
    str_done(&answer);
    close(fd);
}

/* ---- a stop that is called off ---- */

/* Who connects while the stop waits for its turn is served when the stop does not come. */
static const struct {
    const char *label, *stop, *call_off;
} called_off[] = {
    { "a stop, then a start", "stop late.service called.socket", "start called.socket" },
    { "a stop that is cancelled", "stop late.service called.socket", "cancel" },
    { "a restart that is cancelled", "restart late.service called.socket", "cancel" },
};

static void test_called_off(void **state)
{
    for (size_t i = 0; i < COUNT_OF(called_off); i++) {
        char command[256];
        struct scene *s = new_scene();
        print_message("  %s\n", called_off[i].label);
        scene_unit(s, "called.socket", "[Socket]\nListenStream=/run/called.sock\n");
        scene_unit(s, "called.service", LISTENS);
        scene_unit(s, "late.service",
                   "[Unit]\nAfter=called.socket\n[Service]\nExecStart=" ACTOR " sleep\nTimeoutStopSec=infinity\n"
                   "ExecStop=/bin/sh -c 'echo x > /scene/stopping; until test -e /scene/go; do sleep 0.02; done'\n");
        life_boot(s, state);
        scene_wait_event(s, "startup_finished", NULL, NULL);
        (void)snprintf(command, sizeof command, SYSTEMCTL " --no-block %s", called_off[i].stop);
        run(s, command);
        scene_wait_file(s, "stopping", "x");
        int fd = scene_connect(s, "unix:/run/called.sock");
        run(s, SYSTEMCTL " list-jobs | grep called.socket"); /* by its answer the connection has been seen */
        assert_int_equal(scene_count_events(s, "triggered", "called.socket", NULL), 0);
        (void)snprintf(command, sizeof command, SYSTEMCTL " --no-block %s", called_off[i].call_off);
        run(s, command);
        life_touch(s, "go"); /* starts wait for stops */
        talk(s, fd);
        expect_stop(s, 0);
        scene_end(s);
    }
}

/* K57: likewise who connects to a proxy while the stop of IdleStopSec= waits for its turn, by the run that there is,
 * and before anything else happens. */
static void test_idle_stop_called_off(void **state)
{
    static const char *const ways[] = { "cancel", "start idle.service" };
    for (size_t i = 0; i < COUNT_OF(ways); i++) {
        char command[128];
        struct scene *s = new_scene();
        print_message("  %s\n", ways[i]);
        scene_unit(s, "idle.socket",
                   "[Socket]\nListenStream=/run/idle.sock\nActivationMode=proxy\nProxyTarget=/run/idle.target\n"
                   "IdleStopSec=300ms\n");
        scene_unit(s, "idle.service", "[Service]\nExecStart=" ACTOR " unix-echo /run/idle.target\n");
        scene_unit(s, "late.service",
                   "[Unit]\nAfter=idle.service\n[Service]\nExecStart=" ACTOR " sleep\nTimeoutStopSec=infinity\n"
                   "ExecStop=/bin/sh -c 'echo x > /scene/stopping; until test -e /scene/go; do sleep 0.02; done'\n");
        life_boot(s, state);
        scene_wait_event(s, "startup_finished", NULL, NULL);
        int first = scene_connect(s, "unix:/run/idle.sock");
        scene_wait_event(s, "spawn", "idle.service", NULL);
        run(s, SYSTEMCTL " --no-block stop late.service");
        scene_wait_file(s, "stopping", "x");
        talk(s, first);
        scene_wait_event(s, "idle_stop", "idle.socket", NULL);
        int fd = scene_connect(s, "unix:/run/idle.sock");
        scene_wait_nth_event(s, 2, "proxy_started", "idle.socket", NULL);
        (void)snprintf(command, sizeof command, SYSTEMCTL " --no-block %s", ways[i]);
        run(s, command);
        talk(s, fd);
        life_expect_count(s, 1, "spawn", "idle.service");
        life_touch(s, "go");
        scene_wait_nth_event(s, 2, "idle_stop", "idle.socket", NULL);
        scene_wait_event(s, "rearmed", "idle.socket", NULL);
        expect_stop(s, 0);
        scene_end(s);
    }
}

/* K50: a deferred start is none any more when the socket is to stop. */
static void test_deferred_stop(void **state)
{
    struct scene *s = new_scene();
    scene_unit(s, "busy.service", "[Service]\nExecStart=" ACTOR " sleep\n");
    scene_unit(s, "patient.socket", "[Socket]\nListenStream=/run/patient.sock\nDeferTrigger=patient\n");
    scene_unit(s, "patient.service", "[Unit]\nConflicts=busy.service\n" LISTENS);
    scene_unit(s, "late.service",
               "[Unit]\nAfter=patient.socket\n[Service]\nExecStart=" ACTOR " sleep\nTimeoutStopSec=infinity\n"
               "ExecStop=/bin/sh -c 'echo x > /scene/stopping; until test -e /scene/go; do sleep 0.02; done'\n");
    life_boot(s, state);
    scene_wait_event(s, "startup_finished", NULL, NULL);
    int fd = scene_connect(s, "unix:/run/patient.sock");
    scene_wait_event(s, "deferred", "patient.socket", NULL);
    run(s, SYSTEMCTL " --no-block stop late.service patient.socket");
    scene_wait_file(s, "stopping", "x");
    run(s, SYSTEMCTL " stop busy.service");
    life_touch(s, "go");
    life_wait_state(s, "patient.socket", "dead");
    run(s, SYSTEMCTL " start busy.service");
    assert_int_equal(scene_count_events(s, "spawn", "patient.service", NULL), 0);
    close(fd);
    expect_stop(s, 0);
    scene_end(s);
}

/* ---- a start that comes too late ---- */

/* K54: a service that runs has what it was started with; nobody is to wait at a listener that it never gets. */
static void test_too_late(void **state)
{
    struct scene *s = new_scene();
    scene_unit(s, "runs.socket", "[Socket]\nListenStream=/run/runs.sock\nRemoveOnStop=yes\n");
    scene_unit(s, "runs.service", LISTENS);
    life_boot(s, state);
    scene_wait_event(s, "startup_finished", NULL, NULL);
    talk(s, scene_connect(s, "unix:/run/runs.sock"));
    run(s, "! " SYSTEMCTL " restart runs.socket");
    scene_wait_log(
        s, "container-init: socket runs.socket: service runs.service is already active, refusing; stop it first\n");
    run(s, "! test -e /run/runs.sock");
    run(s, "test $(" SYSTEMCTL " show --value -p ActiveState -p Result runs.socket | tr '\\n' ,) = inactive,success,");
    run(s, SYSTEMCTL " is-system-running"); /* a job has failed, no unit */
    run(s, SYSTEMCTL " stop runs.service && " SYSTEMCTL " start runs.socket");
    talk(s, scene_connect(s, "unix:/run/runs.sock"));
    print_message("  both at once\n");
    run(s, SYSTEMCTL " restart runs.socket runs.service");
    talk(s, scene_connect(s, "unix:/run/runs.sock"));
    expect_stop(s, 0);
    scene_end(s);
}

/* ---- the end of a command and of its time ---- */

/* Both are seen at once, or one shortly before the other: the command that has ended is not taken for what is run after
 * it. */
static void test_end_in_time(void **state)
{
    struct scene *s = new_scene();
    scene_unit(s, "tight.socket",
               "[Socket]\nListenStream=/run/tight.sock\nTimeoutSec=3\n" /* for sleep as well */
               "ExecStartPost=/bin/sh -c 'echo $$$$ > /scene/post; until test -e /scene/go; do sleep 0.02; done'\n"
               "ExecStopPost=/bin/sh -c 'echo begin > /scene/stop; sleep 0.2; echo end >> /scene/stop'\n");
    scene_unit(s, "tight.service", LISTENS);
    life_boot(s, state);
    scene_wait_file(s, "post", "\n");
    usec_t over = usec_add(scene_now(), 3 * USEC_PER_SEC);
    assert_int_equal(box_signal(scene_box(s), SIGSTOP), 0);
    life_touch(s, "go");
    while (life_is_alive(s, "post") || scene_now() <= over) (void)usleep(1000);
    assert_int_equal(box_signal(scene_box(s), SIGCONT), 0);
    scene_wait_event(s, "startup_finished", NULL, NULL);
    run(s, SYSTEMCTL " stop tight.socket");
    life_expect_file(s, "stop", "begin\nend\n");
    scene_stop(s, SIGTERM);
    (void)scene_exit_code(s); /* 0, or 1 where the limit was seen first */
    life_expect_count(s, 0, "force_killed", "tight.socket");
    scene_end(s);
}

/* ---- what was passed in to PID 1 ---- */

/* Of descriptors with one name each belongs to the line with its address, not to the next one. */
static void test_names_and_addresses(void **state)
{
    struct scene *s = new_scene();
    struct scene_spec spec = life_spec(state);
    static const char *const prefix[] = { ACTOR, "pass-in", "both.socket:both.socket", "/run/second", "/run/first",
                                          "--",  "exec" };
    for (size_t i = 0; i < COUNT_OF(prefix); i++) spec.prefix[i] = prefix[i];
    scene_unit(s, "both.socket", "[Socket]\nListenStream=/run/first\nListenStream=/run/second\n");
    scene_unit(s, "both.service", LISTENS);
    scene_boot(s, &spec);
    scene_wait_log(s, "socket both.socket: descriptor 3 (both.socket) was passed in for /run/second\n");
    scene_wait_log(s, "socket both.socket: descriptor 4 (both.socket) was passed in for /run/first\n");
    scene_wait_event(s, "startup_finished", NULL, NULL);
    int fd = scene_connect(s, "unix:/run/first");
    struct str greeting = scene_receive(s, fd, " fd=3 "); /* the first line is the first descriptor */
    str_done(&greeting);
    close(fd);
    expect_stop(s, 0);
    scene_end(s);
}

/* ---- a listener that is none any more ---- */

/* systemd.socket(5): a service must not invoke shutdown(2) on what it got. Whoever does has ended its socket, which is
 * told and not polled for ever (K52). */
static const struct {
    const char *label, *listen, *how, *address;
} shut_down[] = {
    { "a Unix socket", "ListenStream=/run/shut.sock", "2", "unix:/run/shut.sock" },
    { "its receiving side", "ListenSequentialPacket=/run/shut.sock", "0", "seqpacket:/run/shut.sock" },
    { "TCP", "ListenStream=127.0.0.1:8090", "2", "tcp:127.0.0.1:8090" },
    { "its receiving side", "ListenStream=127.0.0.1:8090", "0", "tcp:127.0.0.1:8090" },
};

static void test_shut_down(void **state)
{
    for (size_t i = 0; i < COUNT_OF(shut_down); i++) {
        char text[256];
        struct scene *s = new_scene();
        print_message("  %s\n", shut_down[i].label);
        (void)snprintf(text, sizeof text, "[Socket]\n%s\n", shut_down[i].listen);
        scene_unit(s, "shut.socket", text);
        (void)snprintf(text, sizeof text,
                       "[Service]\nExecStart=/usr/bin/perl -e 'open(S, \"+<&=3\"); shutdown(S, %s)'\n",
                       shut_down[i].how);
        scene_unit(s, "shut.service", text);
        life_boot(s, state);
        scene_wait_event(s, "startup_finished", NULL, NULL);
        int fd = scene_connect(s, shut_down[i].address);
        scene_wait_event(s, "socket_failed", "shut.socket", "reason",
                         "a program that has its listener has shut it down", NULL);
        life_wait_state(s, "shut.socket", "failed");
        life_expect_count(s, 1, "spawn", "shut.service");
        close(fd);
        run(s, SYSTEMCTL " start shut.socket");
        close(scene_connect(s, shut_down[i].address));
        scene_stop(s, SIGTERM);
        (void)scene_exit_code(s);
        scene_end(s);
    }
}

/* ---- who is not heard ---- */

/* Everybody may send to the socket that services tell their state on; a command of a socket unit is no service. */
static void test_command_notifies(void **state)
{
    struct scene *s = new_scene();
    scene_unit(s, "heard.service",
               "[Service]\nType=notify\nNotifyAccess=all\nExecStart=" ACTOR " notify READY=1 -- sleep\n");
    scene_unit(s, "tells.socket",
               "[Unit]\nRequires=heard.service\nAfter=heard.service\n[Socket]\nListenStream=/run/tells.sock\n"
               "ExecStartPost=/usr/bin/env NOTIFY_SOCKET=/run/container-init/notify " ACTOR
               " notify STOPPING=1\\nSTATUS=told\\nMAINPID=1\\nFDSTORE=1 -- notify-barrier -- exit 0\n");
    scene_unit(s, "tells.service", LISTENS);
    life_boot(s, state);
    life_wait_state(s, "tells.socket", "listening");
    talk(s, scene_connect(s, "unix:/run/tells.sock"));
    run(s, "! " SYSTEMCTL " status | grep told");
    expect_stop(s, 0);
    scene_end(s);
}

/* ---- what is somebody else's ---- */

static bool is_removed(struct scene *s, void *userdata)
{
    char buffer[PATH_MAX];
    struct stat st;
    (void)userdata;
    return lstat(box_path(scene_box(s), "/run/fails.sock", buffer), &st) < 0 &&
           lstat(box_path(scene_box(s), "/run/ours", buffer), &st) < 0;
}

/* A socket that fails takes along what it has made, not what it found in place of its links. */
static void test_foreign_link(void **state)
{
    struct scene *s = new_scene();
    char buffer[PATH_MAX];
    struct stat st;
    scene_unit(s, "fails.socket",
               "[Socket]\nListenStream=/run/fails.sock\nSymlinks=/run/theirs /run/ours\nTriggerLimitBurst=1\n"
               "TriggerLimitIntervalSec=1min\n");
    scene_unit(s, "fails.service", "[Service]\nExecStart=/bin/true\n");
    struct scene_spec spec = life_spec(state);
    spec.box.setup = "ln -s /run /run/theirs";
    scene_boot(s, &spec);
    scene_wait_event(s, "startup_finished", NULL, NULL);
    int fd = scene_connect(s, "unix:/run/ours");
    scene_wait_event(s, "socket_failed", "fails.socket", NULL);
    life_wait_state(s, "fails.socket", "failed");
    scene_wait(s, is_removed, NULL, "what it has made is removed"); /* by a file helper, after its failure */
    if (lstat(box_path(scene_box(s), "/run/theirs", buffer), &st) < 0) scene_fail(s, "/run/theirs is gone");
    close(fd);
    scene_stop(s, SIGTERM);
    (void)scene_exit_code(s);
    scene_end(s);
}

/* ---- what is made before a start ---- */

#define LEAF       "/sys/fs/cgroup/container-init/spare.service"
#define UNTIL_LEAF "until test -d " LEAF " && ! grep -q . " LEAF "/cgroup.procs; do sleep 0.02; done"

/* While its socket listens the leaf of a service is there: each start takes it, and it does not outlive the socket. */
static void test_spare_leaf(void **state)
{
    struct scene *s = new_scene();
    scene_unit(s, "spare.socket", "[Socket]\nListenStream=/run/spare.sock\n");
    scene_unit(s, "spare.service", LISTENS);
    life_boot(s, state);
    scene_wait_event(s, "startup_finished", NULL, NULL);
    run(s, UNTIL_LEAF "; stat -c %i " LEAF " > /scene/before");
    talk(s, scene_connect(s, "unix:/run/spare.sock"));
    run(s, "test $(stat -c %i " LEAF ") = $(cat /scene/before) && grep -q . " LEAF "/cgroup.procs");
    run(s, SYSTEMCTL " is-active spare.service"); /* told by now, though nobody was woken for it */
    run(s, SYSTEMCTL " stop spare.service; " UNTIL_LEAF);
    run(s, SYSTEMCTL " start spare.service && grep -q . " LEAF "/cgroup.procs");
    run(s, SYSTEMCTL " stop spare.service; " UNTIL_LEAF);
    run(s, SYSTEMCTL " stop spare.socket && ! test -e " LEAF);
    run(s, SYSTEMCTL " start spare.socket; " UNTIL_LEAF "; rmdir " LEAF); /* somebody is in the way */
    talk(s, scene_connect(s, "unix:/run/spare.sock"));
    run(s, "grep -q . " LEAF "/cgroup.procs");
    run(s, SYSTEMCTL " stop spare.service; " UNTIL_LEAF);
    expect_stop(s, 0);
    if (faccessat(box_cgroup_fd(scene_box(s)), "container-init/spare.service", F_OK, 0) == 0)
        scene_fail(s, "its leaf outlived PID 1");
    scene_end(s);
}

int main(void)
{
    scene_skip_unless_possible();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_called_off),
        cmocka_unit_test(test_idle_stop_called_off),
        cmocka_unit_test(test_deferred_stop),
        cmocka_unit_test(test_too_late),
        cmocka_unit_test(test_end_in_time),
        cmocka_unit_test(test_names_and_addresses),
        cmocka_unit_test(test_shut_down),
        IN_BOTH_PLACES(test_command_notifies),
        cmocka_unit_test(test_foreign_link),
        cmocka_unit_test_prestate(test_spare_leaf, (void *)(uintptr_t)&with_leaves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
