/* tests/e2e/test_socket_states.c - what a socket unit goes through: its commands, limits, links and deferred starts. */
#include "tests/e2e/expect.h"
#include "tests/e2e/life.h"
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#define SYSTEMCTL   "/usr/local/bin/systemctl"
#define LISTENS     "[Service]\nExecStart=" ACTOR " listen\n"
#define LISTENS_NOT "[Service]\nExecStart=" ACTOR " listen-idle\n"
#define SLEEPS      "[Service]\nExecStart=" ACTOR " sleep\n"

/* The program by the name that people call. */
static struct scene *new_scene(void)
{
    char where[512];
    struct scene *s = scene_new();
    scene_file(s, "/usr/local/bin/.keep", 0644, "");
    (void)snprintf(where, sizeof where, "%s/root" SYSTEMCTL, scene_dir(s));
    assert_int_equal(symlink("container-init", where), 0);
    scene_unit(s, "keep.service", SLEEPS); /* PID 1 leaves when nothing is up (D5) */
    return s;
}

static void systemctl(struct scene *s, const char *verb, const char *unit, int status)
{
    const char *const argv[] = { SYSTEMCTL, verb, unit, NULL };
    struct str output = STR_EMPTY;
    int got = scene_exec(s, argv, &output);
    if (got != status) (void)fprintf(stderr, "%s\n", str_text(&output));
    str_done(&output);
    if (got != status) scene_fail(s, "systemctl %s %s: %d, expected %d", verb, unit, got, status);
}

static void talk(struct scene *s, const char *address)
{
    int fd = scene_connect(s, address);
    scene_send(s, fd, "echo-this\n");
    struct str answer = scene_receive(s, fd, "echo-this\n");
    str_done(&answer);
    close(fd);
}

static bool is_there(struct scene *s, const char *path)
{
    char buffer[PATH_MAX];
    struct stat st;
    return lstat(box_path(scene_box(s), path, buffer), &st) == 0;
}

/* ---- commands ---- */

/* /usr/local/bin/tell NAME: a line about who runs it, where, with what, and whether the socket's node is there. */
static void add_tell(struct scene *s)
{
    scene_file(s, "/usr/local/bin/tell", 0755,
               "#!/bin/sh\n"
               "test -S /run/told.sock && node=yes || node=no\n"
               "grep -q 'told.socket$' /proc/self/cgroup && leaf=yes || leaf=no\n"
               "test \"$LISTEN_PID\" = $$ && fds=$LISTEN_FDS:$LISTEN_FDNAMES || fds=none\n"
               "test ${#INVOCATION_ID} = 32 && id=yes || id=no\n"
               "echo $1 uid=$(id -u) who=$WHO node=$node leaf=$leaf fds=$fds id=$id >> /scene/told\n"
               "echo \"this is $1\"\n");
}

/* ExecStartPre=, ExecStartPost=, ExecStopPre=, ExecStopPost=: in order, as who and where the unit says, around the
 * listener; PassFileDescriptorsToExec=yes passes it to all but the first. */
static void test_commands(void **state)
{
    struct scene *s = new_scene();
    const struct place *place = *state;
    const char *leaf = place->cgroup == BOX_CGROUP_PRIVATE ? "yes" : "no";
    char want[1024];
    add_tell(s);
    scene_user(s, "app", 4711, "/home/app");
    scene_file(s, "/usr/local/bin/open-scene", 0755,
               "#!/bin/sh\nchmod 0777 /scene\ntouch /scene/told\nchmod 0666 /scene/told\n");
    scene_unit(
        s, "told.socket",
        "[Socket]\nListenStream=/run/told.sock\nRemoveOnStop=yes\nPassFileDescriptorsToExec=yes\n"
        "FileDescriptorName=named\nUser=app\nEnvironment=WHO=me\nTimeoutSec=30\n"
        "ExecStartPre=+/usr/local/bin/open-scene\nExecStartPre=-/bin/false\nExecStartPre=/usr/local/bin/tell pre\n"
        "ExecStartPost=/usr/local/bin/tell post\nExecStartPost=+/usr/local/bin/tell post-as-root\n"
        "ExecStopPre=/usr/local/bin/tell stop-pre\nExecStopPost=/usr/local/bin/tell stop-post\n");
    scene_unit(s, "told.service", LISTENS);
    scene_unit(s, "after.service",
               "[Unit]\nRequires=told.socket\nAfter=told.socket\n[Service]\nType=oneshot\nRemainAfterExit=yes\n"
               "ExecStart=/bin/sh -c 'cat /scene/told > /scene/at-start'\n");
    life_boot(s, state);
    life_wait_state(s, "after.service", "exited");
    talk(s, "unix:/run/told.sock");
    systemctl(s, "stop", "told.service", 0);
    systemctl(s, "stop", "told.socket", 0);
    (void)snprintf(want, sizeof want,
                   "pre uid=4711 who=me node=no leaf=%s fds=none id=yes\n"
                   "post uid=4711 who=me node=yes leaf=%s fds=1:named id=yes\n"
                   "post-as-root uid=0 who=me node=yes leaf=%s fds=1:named id=yes\n",
                   leaf, leaf, leaf);
    life_expect_file(s, "at-start", want);
    size_t length = strlen(want);
    (void)snprintf(want + length, sizeof want - length,
                   "stop-pre uid=4711 who=me node=yes leaf=%s fds=1:named id=yes\n"
                   "stop-post uid=4711 who=me node=no leaf=%s fds=1:named id=yes\n",
                   leaf, leaf);
    life_expect_file(s, "told", want);
    life_expect_path(s, "told.socket",
                     "start-pre start-chown start-post listening running listening stop-pre stop-post dead");
    expect_log(s, "[told] this is pre\n");
    expect_log(s, "[told] this is stop-post\n");
    expect_stop(s, 0);
    scene_end(s);
}

/* K33: which commands fail the socket, what is run then, and that whoever requires it does not start. */
static const struct {
    const char *label, *commands, *result, *path, *ran;
    bool up; /* it was, until it was stopped */
} failures[] = {
    { "ExecStartPre=", "ExecStartPre=/bin/false\n", "exit-code", "start-pre failed", "", false },
    { "ExecStartPre= by a signal", "ExecStartPre=/bin/sh -c 'kill -KILL $$$$'\n", "signal", "start-pre failed", "",
      false },
    { "ExecStartPre= that is not there", "ExecStartPre=/not/here\n", "exit-code", "start-pre failed", "", false },
    { "ExecStartPre= in time", "ExecStartPre=/bin/sleep 1000\nTimeoutSec=1\n", "timeout",
      "start-pre final-sigterm failed", "", false },
    { "ExecStartPre= that is deaf",
      "ExecStartPre=/bin/sh -c 'trap \"\" TERM; while :; do sleep 1000; done'\nTimeoutSec=2\n", "timeout",
      "start-pre final-sigterm final-sigkill failed", "", false },
    { "ExecStartPost=", "ExecStartPost=/bin/false\n", "exit-code", "start-chown start-post stop-pre stop-post failed",
      "stop-pre\nstop-post\n", false },
    { "ExecStopPre=, and goes on", "ExecStopPre=/bin/false\n", "exit-code",
      "start-chown listening stop-pre stop-post failed", "stop-pre\nstop-post\n", true },
    { "ExecStopPost=", "ExecStopPost=/bin/false\n", "exit-code", "start-chown listening stop-pre stop-post failed",
      "stop-pre\nstop-post\n", true },
    { "a child that stays", "ExecStartPost=/bin/sh -c 'sleep 1000 &'\nTimeoutSec=20\n", "success",
      "start-chown start-post listening stop-pre stop-post final-sigterm dead", "stop-pre\nstop-post\n", true },
};

static void test_failing_commands(void **state)
{
    struct scene *s = new_scene();
    char name[64], text[1024];
    for (size_t i = 0; i < COUNT_OF(failures); i++) {
        (void)snprintf(name, sizeof name, "f%zu.socket", i);
        (void)snprintf(text, sizeof text,
                       "[Unit]\nOnFailure=handler@%zu.service\n[Socket]\nListenStream=/run/f%zu.sock\n"
                       "ExecStopPre=/bin/sh -c 'echo stop-pre >> /scene/ran%zu'\n"
                       "ExecStopPost=/bin/sh -c 'echo stop-post >> /scene/ran%zu'\n%s",
                       i, i, i, i, failures[i].commands);
        scene_unit(s, name, text);
        (void)snprintf(name, sizeof name, "f%zu.service", i);
        scene_unit(s, name, LISTENS);
        (void)snprintf(name, sizeof name, "needs%zu.service", i);
        (void)snprintf(text, sizeof text, "[Unit]\nRequires=f%zu.socket\nAfter=f%zu.socket\n" SLEEPS, i, i);
        scene_unit(s, name, text);
    }
    scene_unit(s, "handler@.service", "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'echo %i >> /scene/handled-%i'\n");
    life_boot(s, state);
    for (size_t i = 0; i < COUNT_OF(failures); i++) {
        bool fails = strcmp(failures[i].result, "success") != 0;
        print_message("  %s\n", failures[i].label);
        (void)snprintf(name, sizeof name, "f%zu.socket", i);
        (void)snprintf(text, sizeof text, "needs%zu.service", i);
        if (failures[i].up) {
            life_wait_state(s, text, "running");
            systemctl(s, "stop", name, 0);
        }
        scene_wait_event(s, "unit_state", name, "sub", fails ? "failed" : "dead", "result", failures[i].result, NULL);
        life_expect_path(s, name, failures[i].path);
        if (!failures[i].up) scene_wait_event(s, "dependency_failed", text, "dependency", name, NULL);
        (void)snprintf(text, sizeof text, "ran%zu", i);
        if (*failures[i].ran)
            life_expect_file(s, text, failures[i].ran);
        else
            assert_null(scene_read(s, text));
        (void)snprintf(text, sizeof text, "handled-%zu", i);
        if (fails) scene_wait_file(s, text, "\n");
        (void)snprintf(text, sizeof text, "/run/f%zu.sock", i);
        assert_int_equal(is_there(s, text), failures[i].up); /* RemoveOnStop=no; a failed start leaves no node (K48) */
    }
    expect_log(s, "container-init: unit f0.socket: failed to start: ExecStartPre=/bin/false (");
    expect_log(s, "container-init: unit f3.socket: ExecStartPre= timed out\n");
    scene_stop(s, SIGTERM);
    (void)scene_exit_code(s); /* of those that failed */
    scene_end(s);
}

/* D11: a stop command that hangs does not hold the container, and what is deaf is killed at the bound. */
static void test_stop_bound(void **state)
{
    struct scene *s = new_scene();
    scene_unit(
        s, "hangs.socket",
        "[Socket]\nListenStream=/run/hangs.sock\nExecStopPre=/bin/sh -c 'echo x > /scene/hangs; exec sleep 1000'\n");
    scene_unit(s, "hangs.service", LISTENS);
    scene_unit(s, "deaf.socket",
               "[Socket]\nListenStream=/run/deaf.sock\n"
               "ExecStopPre=/bin/sh -c 'trap \"\" TERM; echo x > /scene/deaf; while :; do sleep 1000; done'\n");
    scene_unit(s, "deaf.service", LISTENS);
    BOOT_WITH(s, state, "--stop-timeout", "2s");
    scene_wait_event(s, "startup_finished", NULL, NULL);
    scene_stop(s, SIGTERM);
    assert_int_equal(scene_exit_code(s), 1); /* somebody had to be killed */
    life_expect_path(s, "hangs.socket", "start-chown listening stop-pre stop-pre-sigterm dead");
    life_expect_path(s, "deaf.socket", "start-chown listening stop-pre stop-pre-sigterm final-sigkill dead");
    life_expect_count(s, 1, "force_killed", "deaf.socket");
    expect_log(s, "container-init: shutdown: deaf.socket force-killed (stop timeout expired)\n");
    scene_end(s);
}

/* What its start waits for is called off by a stop, and what it was doing is ended. */
static void test_stop_while_starting(void **state)
{
    struct scene *s = new_scene();
    scene_unit(
        s, "slow.socket",
        "[Socket]\nListenStream=/run/slow.sock\nExecStartPost=/bin/sh -c 'echo x > /scene/slow; exec sleep 1000'\n"
        "ExecStopPost=/bin/sh -c 'echo x > /scene/closed'\n");
    scene_unit(s, "slow.service", LISTENS);
    life_boot(s, state);
    scene_wait_file(s, "slow", "x");
    systemctl(s, "stop", "slow.socket", 0);
    life_expect_path(s, "slow.socket", "start-chown start-post stop-pre-sigterm stop-post dead");
    life_expect_file(s, "closed", "x\n");
    expect_stop(s, 0);
    scene_end(s);
}

/* systemctl kill reaches a socket's commands: here the one that its start waits for. */
static void test_kill(void **state)
{
    struct scene *s = new_scene();
    scene_unit(
        s, "waits.socket",
        "[Socket]\nListenStream=/run/waits.sock\nExecStartPre=/bin/sh -c 'echo x > /scene/waits; exec sleep 1000'\n");
    scene_unit(s, "waits.service", LISTENS);
    life_boot(s, state);
    scene_wait_file(s, "waits", "x");
    systemctl(s, "kill", "waits.socket", 0);
    scene_wait_event(s, "unit_state", "waits.socket", "sub", "failed", "result", "signal", NULL);
    systemctl(s, "reset-failed", "waits.socket", 0);
    life_expect_path(s, "waits.socket", "start-pre failed dead");
    expect_stop(s, 0);
    scene_end(s);
}

/* ---- limits ---- */

/* K52, K53: a listener that was polled too often rests, the others of the unit do not; TriggerLimit*= counts them all.
 */
static void test_poll_limit(void **state)
{
    struct scene *s = new_scene();
    scene_unit(s, "two.socket",
               "[Socket]\nListenStream=/run/one.sock\nListenStream=/run/other.sock\nService=two.service\n"
               "PollLimitBurst=3\nPollLimitIntervalSec=1min\nTriggerLimitBurst=5\nTriggerLimitIntervalSec=1min\n");
    scene_unit(s, "two.service", LISTENS_NOT);
    life_boot(s, state);
    scene_wait_event(s, "startup_finished", NULL, NULL);
    int one = scene_connect(s, "unix:/run/one.sock");
    scene_wait_event(s, "poll_limited", "two.socket", "address", "/run/one.sock", NULL);
    assert_int_equal(scene_count_events(s, "triggered", "two.socket", NULL), 3);
    print_message("  it counts by listener\n");
    int other = scene_connect(s, "unix:/run/other.sock");
    scene_wait_event(s, "socket_failed", "two.socket", "reason", "trigger limit hit (5 activations within 1min)", NULL);
    assert_int_equal(scene_count_events(s, "triggered", "two.socket", NULL), 5);
    assert_int_equal(scene_count_events(s, "poll_limited", "two.socket", NULL), 1); /* K88 */
    close(one), close(other);
    scene_stop(s, SIGTERM);
    (void)scene_exit_code(s);
    scene_end(s);
}

/* Of a proxy those connections are counted that have to start the service, and clients that wait meanwhile are served
 * when the window is over; with Accept=yes every connection is. */
static void test_limits_of_modes(void **state)
{
    struct scene *s = new_scene();
    scene_unit(s, "proxy.socket",
               "[Socket]\nListenStream=/run/proxy.sock\nActivationMode=proxy\nProxyTarget=/run/behind.sock\n"
               "PollLimitBurst=2\nPollLimitIntervalSec=6s\n");
    scene_unit(s, "proxy.service",
               "[Unit]\nStartLimitIntervalSec=0\n[Service]\nType=oneshot\n"
               "ExecStart=/bin/sh -c 'echo x >> /scene/runs; test $$(wc -l < /scene/runs) -gt 2'\n"
               "RemainAfterExit=yes\n");
    scene_unit(s, "behind.service", "[Service]\nExecStart=" ACTOR " unix-echo /run/behind.sock\n");
    scene_unit(s, "each.socket",
               "[Socket]\nListenStream=/run/each.sock\nAccept=yes\nPollLimitBurst=2\nPollLimitIntervalSec=1s\n"
               "TriggerLimitBurst=5\nTriggerLimitIntervalSec=1min\n");
    scene_unit(s, "each@.service", "[Service]\nStandardInput=socket\nExecStart=/bin/cat\n");
    life_boot(s, state);
    scene_wait_event(s, "startup_finished", NULL, NULL);
    print_message("  a proxy\n");
    for (size_t i = 1; i <= 2; i++) { /* its service fails */
        int fd = scene_connect(s, "unix:/run/proxy.sock");
        expect_hang_up(s, fd);
        scene_wait_nth_event(s, i, "rearmed", "proxy.socket", NULL);
    }
    int fd = scene_connect(s, "unix:/run/proxy.sock");
    scene_send(s, fd, "echo-this\n");
    scene_wait_event(s, "poll_limited", "proxy.socket", NULL);
    life_expect_count(s, 2, "triggered", "proxy.socket");
    struct str answer = scene_receive(s, fd, "echo-this\n");
    str_done(&answer);
    close(fd);
    life_expect_count(s, 3, "triggered", "proxy.socket");
    print_message("  Accept=yes\n");
    int fds[6];
    for (size_t i = 0; i < COUNT_OF(fds); i++) fds[i] = scene_connect(s, "unix:/run/each.sock");
    scene_wait_event(s, "socket_failed", "each.socket", "reason", "trigger limit hit (5 activations within 1min)",
                     NULL);
    life_expect_count(s, 5, "accepted", "each.socket");
    scene_wait_event(s, "poll_limited", "each.socket", NULL);
    for (size_t i = 0; i < COUNT_OF(fds); i++) close(fds[i]);
    scene_stop(s, SIGTERM);
    (void)scene_exit_code(s);
    scene_end(s);
}

/* ---- FlushPending= ---- */

/* What waits when the service has gone is thrown away, and does not start it again. */
static const struct {
    const char *label, *listen, *send;
} flushed[] = {
    { "streams", "ListenStream=/run/flush0.sock", NULL },
    { "datagrams", "ListenDatagram=/run/flush1.sock", "dgram /run/flush1.sock x" },
    { "packets", "ListenSequentialPacket=/run/flush2.sock", "seqpacket /run/flush2.sock x" },
    { "FIFOs", "ListenFIFO=/run/flush3.fifo", "fifo /run/flush3.fifo ''" },
};

static void test_flush(void **state)
{
    struct scene *s = new_scene();
    char name[64], text[512];
    for (size_t i = 0; i < COUNT_OF(flushed); i++) {
        (void)snprintf(name, sizeof name, "flush%zu.socket", i);
        (void)snprintf(text, sizeof text, "[Socket]\n%s\nFlushPending=yes\n", flushed[i].listen);
        scene_unit(s, name, text);
        (void)snprintf(name, sizeof name, "flush%zu.service", i);
        scene_unit(s, name, "[Service]\nType=oneshot\nExecStart=/bin/true\n");
    }
    life_boot(s, state);
    scene_wait_event(s, "startup_finished", NULL, NULL);
    for (size_t i = 0; i < COUNT_OF(flushed); i++) {
        print_message("  %s\n", flushed[i].label);
        (void)snprintf(name, sizeof name, "flush%zu.socket", i);
        int fd = -1;
        for (size_t k = 1; k <= 2; k++) {
            if (flushed[i].send) {
                (void)snprintf(text, sizeof text, "exec " ACTOR " send %s", flushed[i].send);
                const char *const argv[] = { "/bin/sh", "-c", text, NULL };
                (void)scene_exec(s, argv, NULL); /* one that connects may be hung up on before it has spoken */
            } else {
                (void)snprintf(text, sizeof text, "unix:/run/flush%zu.sock", i);
                fd = scene_connect(s, text);
            }
            scene_wait_nth_event(s, k, "rearmed", name, NULL);
            if (fd >= 0) expect_hang_up(s, fd);
        }
    }
    scene_touch(s, "done");
    expect_stop(s, 0);
    for (size_t i = 0; i < COUNT_OF(flushed); i++) {
        (void)snprintf(name, sizeof name, "flush%zu.socket", i);
        life_expect_count(s, 2, "triggered", name);
    }
    scene_end(s);
}

/* ---- Symlinks= ---- */

/* Made with their directories, instead of what leads nowhere; what else is there stays, but for RemoveOnStop=, with
 * which they go as well. */
static void test_links(void **state)
{
    struct scene *s = new_scene();
    scene_unit(
        s, "kept.socket",
        "[Socket]\nListenStream=/run/kept.sock\nSymlinks=/run/deep/kept /run/stale /var/file\nDirectoryMode=0751\n");
    scene_unit(s, "kept.service", LISTENS);
    scene_unit(s, "gone.socket",
               "[Socket]\nListenStream=/run/gone.sock\nSymlinks=/run/gone-link /var/own\nRemoveOnStop=yes\n");
    scene_unit(s, "gone.service", LISTENS);
    scene_unit(s, "pipe.socket", "[Socket]\nListenFIFO=/run/pipe\nSymlinks=/run/pipe-link\nRemoveOnStop=yes\n");
    scene_unit(s, "pipe.service", SLEEPS);
    scene_file(s, "/var/file", 0644, "not a link");
    scene_file(s, "/var/own", 0644, "of the unit, it says");
    struct scene_spec spec = life_spec(state);
    spec.box.setup = "ln -s /nowhere /run/stale";
    scene_boot(s, &spec);
    scene_wait_event(s, "startup_finished", NULL, NULL);
    talk(s, "unix:/run/deep/kept");
    talk(s, "unix:/run/stale");
    talk(s, "unix:/run/gone-link");
    talk(s, "unix:/var/own");
    assert_true(is_there(s, "/run/pipe-link"));
    expect_log(s, "container-init: socket kept.socket: Symlinks=: /var/file: File exists\n");
    systemctl(s, "stop", "kept.service", 0);
    systemctl(s, "stop", "gone.service", 0);
    systemctl(s, "stop", "kept.socket", 0);
    systemctl(s, "stop", "gone.socket", 0);
    systemctl(s, "stop", "pipe.socket", 0);
    static const char *const stay[] = { "/run/kept.sock", "/run/deep/kept", "/run/stale", "/var/file" };
    static const char *const go[] = { "/run/gone.sock", "/run/gone-link", "/var/own", "/run/pipe", "/run/pipe-link" };
    for (size_t i = 0; i < COUNT_OF(stay); i++)
        if (!is_there(s, stay[i])) scene_fail(s, "%s is gone", stay[i]);
    for (size_t i = 0; i < COUNT_OF(go); i++)
        if (is_there(s, go[i])) scene_fail(s, "%s is still there", go[i]);
    expect_stop(s, 0);
    scene_end(s);
}

/* ---- DeferTrigger= ---- */

/* A service that conflicts with what is up: without the setting that is stopped, with it the socket waits for its end,
 * at most DeferTriggerMaxSec=; "yes" does so only while there are jobs. */
static void test_deferred(void **state)
{
    struct scene *s = new_scene();
    static const char conflicting[] = "[Unit]\nConflicts=busy.service\n" LISTENS;
    scene_unit(s, "busy.service", SLEEPS);
    scene_unit(s, "patient.socket", "[Socket]\nListenStream=/run/patient.sock\nDeferTrigger=patient\n");
    scene_unit(s, "patient.service", conflicting);
    scene_unit(s, "short.socket",
               "[Socket]\nListenStream=/run/short.sock\nDeferTrigger=patient\nDeferTriggerMaxSec=400ms\n");
    scene_unit(s, "short.service", conflicting);
    scene_unit(s, "yes.socket", "[Socket]\nListenStream=/run/yes.sock\nDeferTrigger=yes\n");
    scene_unit(s, "yes.service", conflicting);
    scene_unit(s, "no.socket", "[Socket]\nListenStream=/run/no.sock\n");
    scene_unit(s, "no.service", "[Unit]\nConflicts=busy.service\n[Service]\nExecStart=" ACTOR " listen\n");
    life_boot(s, state);
    life_wait_state(s, "busy.service", "running");
    scene_wait_event(s, "startup_finished", NULL, NULL);
    print_message("  DeferTrigger=yes without jobs\n");
    int yes = scene_connect(s, "unix:/run/yes.sock");
    scene_wait_event(s, "socket_failed", "yes.socket", "reason", "its service is refused to start", NULL);
    print_message("  DeferTriggerMaxSec=\n");
    int brief = scene_connect(s, "unix:/run/short.sock");
    scene_wait_event(s, "unit_state", "short.socket", "sub", "failed", "result", "timeout", NULL);
    life_expect_path(s, "short.socket", "listening deferred failed");
    print_message("  DeferTrigger=patient\n");
    int fd = scene_connect(s, "unix:/run/patient.sock");
    scene_wait_event(s, "deferred", "patient.socket", "service", "patient.service", NULL);
    scene_send(s, fd, "echo-this\n");
    life_expect_count(s, 0, "exited", "busy.service");
    systemctl(s, "stop", "busy.service", 0);
    struct str answer = scene_receive(s, fd, "echo-this\n");
    str_done(&answer);
    life_expect_path(s, "patient.socket", "listening deferred running");
    systemctl(s, "start", "busy.service", 0);
    print_message("  without it\n");
    talk(s, "unix:/run/no.sock");
    life_wait_state(s, "busy.service", "dead");
    close(yes), close(brief), close(fd);
    scene_stop(s, SIGTERM);
    (void)scene_exit_code(s);
    scene_end(s);
}

/* A socket that is to stop starts nothing any more, whoever connects meanwhile (K50). */
static void test_stop_under_connections(void **state)
{
    struct scene *s = new_scene();
    scene_unit(s, "race.socket", "[Socket]\nListenStream=/run/race.sock\nPollLimitBurst=0\nTriggerLimitBurst=0\n");
    scene_unit(s, "race.service", "[Unit]\nStartLimitIntervalSec=0\n" LISTENS_NOT);
    life_boot(s, state);
    scene_wait_event(s, "startup_finished", NULL, NULL);
    for (size_t i = 0; i < 10; i++) {
        size_t triggered = scene_count_events(s, "triggered", "race.socket", NULL);
        int fd = scene_connect(s, "unix:/run/race.sock");
        scene_wait_nth_event(s, triggered + 1, "triggered", "race.socket", NULL);
        systemctl(s, "stop", "race.socket", 0);
        triggered = scene_count_events(s, "triggered", "race.socket", NULL);
        close(fd);
        systemctl(s, "stop", "race.service", 0);
        assert_int_equal(scene_count_events(s, "triggered", "race.socket", NULL), triggered);
        systemctl(s, "start", "race.socket", 0);
    }
    expect_stop(s, 0);
    scene_end(s);
}

int main(void)
{
    scene_skip_unless_possible();
    const struct CMUnitTest tests[] = {
        IN_BOTH_PLACES(test_commands),
        IN_BOTH_PLACES(test_failing_commands),
        IN_BOTH_PLACES(test_stop_bound),
        cmocka_unit_test(test_stop_while_starting),
        cmocka_unit_test(test_kill),
        cmocka_unit_test(test_poll_limit),
        cmocka_unit_test(test_limits_of_modes),
        cmocka_unit_test(test_flush),
        cmocka_unit_test(test_links),
        cmocka_unit_test(test_deferred),
        cmocka_unit_test(test_stop_under_connections),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
