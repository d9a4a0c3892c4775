/* tests/e2e/test_hung.c - a path that never answers delays its own unit and nothing else (K72).
 *
 * /hung is FUSE without its daemon: whoever looks below it waits, until a signal ends it. /far is an overlay on a
 * tmpfs: it answers, but PID 1 cannot know that beforehand and leaves it to a file helper as well. */
#include "tests/e2e/expect.h"
#include "tests/e2e/harness_internal.h"
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ACTOR "/usr/local/bin/actor"
#define SLEEP "ExecStart=" ACTOR " sleep\n"

static void boot_spec(struct scene *s, struct scene_spec spec)
{
    spec.args[0] = "--log-level=debug";
    spec.args[1] = "--stop-timeout=2s";
    spec.box.setup = ACTOR " hung-mount /hung </dev/null >/dev/null 2>&1\n"
                           "ln -s /hung /var/lib/hung\n"
                           "mkdir -p /run/low /run/up /run/work /far\n"
                           "mount -t overlay far -o lowerdir=/run/low,upperdir=/run/up,workdir=/run/work /far\n"
                           "touch /far/there\n"
                           "echo app:x:4242:4343:App:/run/home:/bin/sh >/far/passwd\n"
                           "echo extra:x:4444:app >/far/group\n"
                           "mkdir /run/home\n";
    /* What shows that PID 1 goes on: a unit that starts on a connection. */
    scene_unit(s, "probe.socket", "[Socket]\nListenStream=/run/probe\n");
    scene_unit(s, "probe.service", "[Service]\nExecStart=" ACTOR " listen\n");
    scene_boot(s, &spec);
}

static void boot(struct scene *s)
{
    boot_spec(s, SCENE_SPEC_DEFAULT);
}

static struct scene_spec with_environment(const char *first, const char *second)
{
    struct scene_spec spec = SCENE_SPEC_DEFAULT;
    if (first) assert_int_equal(box_spec_env(&spec.box, first), 0);
    if (second) assert_int_equal(box_spec_env(&spec.box, second), 0);
    return spec;
}

static void expect_life_goes_on(struct scene *s)
{
    scene_wait_event(s, "bound", "probe.socket", NULL);
    int client = scene_connect(s, "unix:/run/probe");
    struct str greeting = scene_receive(s, client, "probe.socket");
    str_done(&greeting);
    close(client);
    static const char *const orphans[] = { ACTOR, "orphans", "3", NULL };
    assert_int_equal(scene_exec(s, orphans, NULL), 0);
    scene_wait_log(s, "reaped orphan");
}

static void expect_not_up(struct scene *s, const char *unit)
{
    static const char *const up[] = { "running", "exited", "listening", "failed" };
    for (size_t i = 0; i < COUNT_OF(up); i++)
        if (scene_count_events(s, "unit_state", unit, "sub", up[i], NULL) > 0) scene_fail(s, "%s is %s", unit, up[i]);
}

/* ---- every place that touches a path of the user ---- */

#define BY_LISTENERS  "its listeners are opened by a file helper"
#define BY_CONDITIONS "its conditions are looked at by a file helper"

static const struct place {
    const char *label, *unit, *text;
    const char *waits; /* the log line by which the unit waits; NULL: a process was started for it */
    const char *environment;
} places[] = {
    { "WorkingDirectory=", "hung.service", "[Service]\nWorkingDirectory=/hung/x\n" SLEEP, NULL, NULL },
    { "the program", "hung.service", "[Service]\nExecStart=/hung/program\n", NULL, NULL },
    { "ExecStartPre=", "hung.service", "[Service]\nExecStartPre=/hung/program\n" SLEEP, "dead -> start-pre", NULL },
    { "EnvironmentFile=", "hung.service", "[Service]\nEnvironmentFile=/hung/x\n" SLEEP, NULL, NULL },
    { "StandardInput=file:", "hung.service", "[Service]\nStandardInput=file:/hung/x\n" SLEEP, NULL, NULL },
    { "StandardOutput=file:", "hung.service", "[Service]\nStandardOutput=file:/hung/x\n" SLEEP, NULL, NULL },
    { "StandardError=append:", "hung.service", "[Service]\nStandardError=append:/hung/x\n" SLEEP, NULL, NULL },
    { "StateDirectory=", "hung.service", "[Service]\nStateDirectory=hung/x\n" SLEEP, NULL, NULL },
    { "ConditionPathExists=", "hung.service", "[Unit]\nConditionPathExists=/hung/x\n[Service]\n" SLEEP, BY_CONDITIONS,
      NULL },
    { "ConditionPathExists=!", "hung.service", "[Unit]\nConditionPathExists=!/hung/x\n[Service]\n" SLEEP, BY_CONDITIONS,
      NULL },
    { "through a link", "hung.service", "[Unit]\nConditionPathExists=/var/lib/hung/x\n[Service]\n" SLEEP, BY_CONDITIONS,
      NULL },
    { "AssertPathExists=", "hung.service", "[Unit]\nAssertPathExists=/hung/x\n[Service]\n" SLEEP, BY_CONDITIONS, NULL },
    { "ConditionPathExistsGlob=", "hung.service", "[Unit]\nConditionPathExistsGlob=/hung/*\n[Service]\n" SLEEP,
      BY_CONDITIONS, NULL },
    { "ConditionPathIsMountPoint=", "hung.service", "[Unit]\nConditionPathIsMountPoint=/hung\n[Service]\n" SLEEP,
      BY_CONDITIONS, NULL },
    { "ConditionPathIsReadWrite=", "hung.service", "[Unit]\nConditionPathIsReadWrite=/hung\n[Service]\n" SLEEP,
      BY_CONDITIONS, NULL },
    { "ConditionDirectoryNotEmpty=", "hung.service", "[Unit]\nConditionDirectoryNotEmpty=/hung/x\n[Service]\n" SLEEP,
      BY_CONDITIONS, NULL },
    { "ConditionNeedsUpdate=", "hung.service", "[Unit]\nConditionNeedsUpdate=/hung\n[Service]\n" SLEEP, BY_CONDITIONS,
      NULL },
    { "ConditionCredential=", "hung.service", "[Unit]\nConditionCredential=x\n[Service]\n" SLEEP, BY_CONDITIONS,
      "CREDENTIALS_DIRECTORY=/hung" },
    { "ConditionGroup=", "hung.service", "[Unit]\nConditionGroup=somebody\n[Service]\n" SLEEP, BY_CONDITIONS,
      "CONTAINER_INIT_GROUP_FILE=/hung/group" },
    { "a pattern that leads there", "hung.service", "[Unit]\nConditionPathExistsGlob=/h?ng/x\n[Service]\n" SLEEP,
      BY_CONDITIONS, NULL },
    { "PIDFile=", "hung.service", "[Service]\nType=forking\nPIDFile=/hung/pid\nExecStart=" ACTOR " daemon - -- sleep\n",
      "PIDFile= is looked at by a file helper", NULL },
    { "ListenStream=", "hung.socket", "[Socket]\nService=served.service\nListenStream=/hung/s\n", BY_LISTENERS, NULL },
    { "ListenStream= in a directory to be made", "hung.socket",
      "[Socket]\nService=served.service\nListenStream=/run/s\nListenStream=/hung/a/s\n", BY_LISTENERS, NULL },
    { "ListenDatagram=", "hung.socket", "[Socket]\nService=served.service\nListenDatagram=/hung/s\n", BY_LISTENERS,
      NULL },
    { "ListenFIFO=", "hung.socket", "[Socket]\nService=served.service\nListenFIFO=/hung/f\n", BY_LISTENERS, NULL },
    { "ListenSpecial=", "hung.socket", "[Socket]\nService=served.service\nListenSpecial=/hung/f\n", BY_LISTENERS,
      NULL },
    { "Symlinks=", "hung.socket", "[Socket]\nService=served.service\nListenStream=/run/s\nSymlinks=/hung/link\n",
      BY_LISTENERS, NULL },
    { "ExecStartPre= of a socket", "hung.socket",
      "[Socket]\nService=served.service\nListenStream=/run/s\nExecStartPre=/hung/program\n", "dead -> start-pre",
      NULL },
    { "a proxied ListenStream=", "hung.socket",
      "[Socket]\nService=served.service\nListenStream=/hung/s\nActivationMode=proxy\nProxyTarget=/run/served\n",
      BY_LISTENERS, NULL },
    { "the condition of a socket's service", "hung.socket",
      "[Socket]\nService=conditional.service\nListenStream=/run/s\n", BY_LISTENERS, NULL },
    { "CONTAINER_INIT_PASSWD_FILE", "hung.service", "[Service]\nUser=root\n" SLEEP, NULL,
      "CONTAINER_INIT_PASSWD_FILE=/hung/passwd" },
    { "CONTAINER_INIT_GROUP_FILE", "hung.service", "[Service]\nGroup=root\n" SLEEP, NULL,
      "CONTAINER_INIT_GROUP_FILE=/hung/group" },
    { "CONTAINER_INIT_PASSWD_FILE for SocketUser=", "hung.socket",
      "[Socket]\nService=served.service\nListenStream=/run/s\nSocketUser=root\n", BY_LISTENERS,
      "CONTAINER_INIT_PASSWD_FILE=/hung/passwd" },
    { "the condition of a target", "hung.target", "[Unit]\nConditionPathExists=/hung/x\nRequires=probe.socket\n",
      BY_CONDITIONS, NULL },
};

/* K72; the stop comes while the unit is still on its way up, and is not delayed either (K11, K20). */
static void test_places(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(places); i++) {
        const struct place *p = &places[i];
        print_message("  %s\n", p->label);
        struct scene *s = scene_new();
        scene_unit(s, p->unit, p->text);
        scene_unit(s, "served.service", "[Service]\n" SLEEP);
        scene_unit(s, "conditional.service", "[Unit]\nConditionPathExists=/hung/x\n[Service]\n" SLEEP);
        scene_unit(s, "after.service", "[Unit]\nAfter=hung.service hung.socket\n[Service]\n" SLEEP);
        boot_spec(s, with_environment(p->environment, NULL));
        if (p->waits)
            scene_wait_log(s, p->waits);
        else
            scene_wait_event(s, "spawn", p->unit, NULL);
        expect_life_goes_on(s);
        expect_not_up(s, p->unit);
        scene_stop(s, SIGTERM);
        assert_int_equal(scene_exit_code(s), 0);
        assert_false(scene_log_has(s, "force-killed"));
        expect_not_up(s, p->unit);
        scene_end(s);
    }
}

/* ---- what comes of it ---- */

static void test_conditions_in_time(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    scene_unit(s, "there.service", "[Unit]\nConditionPathExists=/far/there\n[Service]\n" SLEEP);
    scene_unit(s, "not.service", "[Unit]\nConditionPathExists=/far/not\n[Service]\n" SLEEP);
    scene_unit(s, "glob.service", "[Unit]\nConditionPathExistsGlob=/far/th*\n[Service]\n" SLEEP);
    scene_unit(s, "assert.service", "[Unit]\nAssertPathExists=/far/not\n[Service]\n" SLEEP);
    scene_unit(s, "needs.service", "[Unit]\nRequires=assert.service\nAfter=assert.service\n[Service]\n" SLEEP);
    scene_unit(s, "late.service",
               "[Unit]\nAssertPathExists=/hung/x\nOnFailure=handler.service\n[Service]\nTimeoutStartSec=300ms\n" SLEEP);
    scene_unit(s, "handler.service", "[Service]\n" SLEEP);
    boot(s);
    print_message("  answers of a file system that is only far away\n");
    scene_wait_event(s, "unit_state", "there.service", "sub", "running", NULL);
    scene_wait_event(s, "unit_state", "glob.service", "sub", "running", NULL);
    scene_wait_event(s, "skipped", "not.service", "reason", "ConditionPathExists=/far/not unmet", NULL);
    scene_wait_event(s, "start_failed", "assert.service", "err", "AssertPathExists=/far/not unmet", NULL);
    scene_wait_event(s, "dependency_failed", "needs.service", NULL);
    print_message("  none within TimeoutStartSec=: the start has failed\n");
    scene_wait_event(s, "start_failed", "late.service", "status", "timeout", NULL);
    scene_wait_event(s, "unit_state", "late.service", "sub", "failed", "result", "timeout", NULL);
    scene_wait_log(s, "late.service: failed to start: a path of its conditions did not answer within 300ms");
    scene_wait_event(s, "unit_state", "handler.service", "sub", "running", NULL);
    scene_stop(s, SIGTERM);
    assert_int_equal(scene_exit_code(s), 0);
    scene_end(s);
}

static unsigned mode_of(struct scene *s, const char *path)
{
    char buffer[PATH_MAX];
    struct stat st;
    if (lstat(box_path(scene_box(s), path, buffer), &st) < 0) return 0;
    return st.st_mode & (S_IFMT | 07777);
}

/* The listeners that a helper opened are as good as our own. */
static void test_far_sockets(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    scene_unit(s, "far.socket",
               "[Socket]\nListenStream=/far/made/s\nListenStream=127.0.0.1:4711\nListenStream=@far\nSocketMode=0640\n"
               "SocketUser=app\nDirectoryMode=0710\nRemoveOnStop=yes\nSymlinks=/far/link\n");
    scene_unit(s, "far.service", "[Service]\nExecStart=" ACTOR " listen\n");
    scene_unit(s, "linked.socket", "[Socket]\nListenStream=/run/linked\nSymlinks=/far/there\n");
    scene_unit(s, "linked.service", "[Service]\n" SLEEP);
    scene_unit(s, "taken.socket", "[Socket]\nListenStream=/far/taken\nListenStream=/far/there\n");
    scene_unit(s, "taken.service", "[Service]\n" SLEEP);
    scene_unit(s, "skipped.socket", "[Socket]\nListenStream=/run/skipped\n");
    scene_unit(s, "skipped.service", "[Unit]\nConditionPathExists=/far/not\n[Service]\n" SLEEP);
    scene_unit(s, "ordered.service", "[Unit]\nAfter=far.socket\n[Service]\n" SLEEP);
    scene_user(s, "app", 1234, "/");
    boot(s);
    scene_wait_event(s, "unit_state", "far.socket", "from", "start-chown", "sub", "listening", NULL);
    scene_wait_event(s, "bound", "far.socket", "address", "/far/made/s", "network", "unix", NULL);
    scene_wait_event(s, "bound", "far.socket", "address", "127.0.0.1:4711", "network", "tcp", NULL);
    scene_wait_event(s, "bound", "far.socket", "address", "@far", NULL);
    assert_int_equal(mode_of(s, "/far/made/s"), S_IFSOCK | 0640);
    assert_int_equal(mode_of(s, "/far/made"), S_IFDIR | 0710);
    assert_int_equal(mode_of(s, "/far/link") & S_IFMT, S_IFLNK);
    scene_wait_event(s, "bound", "linked.socket", NULL);
    expect_log(s, "container-init: socket linked.socket: Symlinks=: /far/there: File exists\n");
    scene_wait_event(s, "unit_state", "ordered.service", "sub", "running", NULL);
    assert_true(scene_event_position(s, "unit_state", "ordered.service", "sub", "start", NULL) >
                scene_event_position(s, "unit_state", "far.socket", "sub", "listening", NULL));
    static const char *const addresses[] = { "unix:/far/made/s", "tcp:127.0.0.1:4711", "abstract:far" };
    for (size_t i = 0; i < COUNT_OF(addresses); i++) {
        print_message("  %s\n", addresses[i]);
        int client = scene_connect(s, addresses[i]);
        struct str greeting = scene_receive(s, client, "far.socket:far.socket:far.socket");
        str_done(&greeting);
        close(client);
    }
    print_message("  what cannot be bound leaves nothing behind\n");
    scene_wait_event(s, "bind_failed", "taken.socket", "err", "removing what is in its place: File exists", NULL);
    scene_wait_event(s, "unit_state", "taken.socket", "sub", "failed", NULL);
    assert_int_equal(mode_of(s, "/far/taken"), 0);
    scene_wait_event(s, "skipped", "skipped.socket", NULL);
    assert_int_equal(scene_count_events(s, "bound", "skipped.socket", NULL), 0);
    scene_stop(s, SIGTERM);
    (void)scene_exit_code(s);
    scene_wait_event(s, "unit_state", "far.socket", "from", "stop-post", "sub", "dead", NULL);
    scene_end(s);
}

/* Nor is it only streams: what a helper could not set is told as well, and nodes of every kind are removed. */
static void test_far_kinds(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    scene_unit(s, "far.socket",
               "[Socket]\nListenDatagram=/far/made/d\nListenFIFO=/far/made/f\nListenSpecial=/proc/1/mountinfo\n"
               "ListenMessageQueue=/far-queue\nListenNetlink=kobject-uevent 1\nSocketMode=0640\nSocketUser=app\n"
               "NoDelay=yes\nPipeSize=128K\nRemoveOnStop=yes\n");
    scene_unit(s, "far.service",
               "[Service]\nExecStart=" ACTOR " sockopts /scene/fifo 4 -- sockopts /scene/queue 6 -- sleep\n");
    scene_user(s, "app", 1234, "/");
    boot(s);
    scene_wait_event(s, "unit_state", "far.socket", "from", "start-chown", NULL);
    scene_wait_event(s, "bound", "far.socket", "address", "/far/made/d", "network", "unixgram", NULL);
    scene_wait_event(s, "bound", "far.socket", "address", "/far-queue", "network", "mqueue", NULL);
    scene_wait_log(s, "socket far.socket: /far/made/d: NoDelay= could not be set: Operation not supported (");
    expect_report(s, "fifo", "F_GETPIPE_SZ", "131072");
    expect_report(s, "fifo", "mode", "0640");
    expect_report(s, "fifo", "uid", "1234");
    expect_report(s, "queue", "kind", "mqueue");
    expect_report(s, "queue", "uid", "1234");
    const char *const stop[] = { "/usr/local/bin/container-init", "systemctl", "stop", "far.socket", NULL };
    assert_int_equal(scene_exec(s, stop, NULL), 0);
    scene_wait_event(s, "unit_state", "far.socket", "from", "stop-post", "sub", "dead", NULL);
    assert_int_equal(mode_of(s, "/far/made/d"), 0);
    assert_int_equal(mode_of(s, "/far/made/f"), 0);
    const char *const send[] = { ACTOR, "send", "mqueue", "/far-queue", "x", NULL };
    assert_int_not_equal(scene_exec(s, send, NULL), 0);
    scene_stop(s, SIGTERM);
    (void)scene_exit_code(s);
    scene_end(s);
}

/* What a proxy dials may lie there as well: clients wait for it, nobody else does. */
static void test_far_targets(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    scene_unit(s, "behind.socket", "[Socket]\nListenStream=/far/behind\n");
    scene_unit(s, "behind.service", "[Service]\nExecStart=" ACTOR " listen\n");
    scene_unit(s, "front.socket",
               "[Socket]\nListenStream=/run/front\nActivationMode=proxy\nProxyTarget=unix:/far/behind\n");
    scene_unit(s, "front.service", "[Service]\n" SLEEP);
    scene_unit(s, "none.socket", "[Socket]\nListenStream=/run/none\nActivationMode=proxy\nProxyTarget=/hung/behind\n");
    scene_unit(s, "none.service", "[Service]\n" SLEEP);
    boot(s);
    scene_wait_event(s, "bound", "behind.socket", NULL);
    scene_wait_event(s, "bound", "front.socket", NULL);
    scene_wait_event(s, "bound", "none.socket", NULL);
    int waits = scene_connect(s, "unix:/run/none");
    scene_wait_log(s, "socket none.socket: its target is connected to by a file helper");
    for (int i = 0; i < 3; i++) {
        int client = scene_connect(s, "unix:/run/front");
        struct str greeting = scene_receive(s, client, "behind.socket");
        str_done(&greeting);
        close(client);
    }
    scene_wait_log(s, "socket front.socket: its target is connected to by a file helper");
    print_message("  a client that gives up, and one whose target never answers\n");
    int gives_up = scene_connect(s, "unix:/run/none");
    close(gives_up);
    struct str nothing = scene_receive(s, waits, NULL);
    assert_int_equal(nothing.length, 0);
    str_done(&nothing);
    close(waits);
    scene_wait_log(s, "socket none.socket proxy @ -> /hung/behind error: Connection timed out");
    expect_life_goes_on(s);
    scene_stop(s, SIGTERM);
    assert_int_equal(scene_exit_code(s), 0);
    scene_end(s);
}

/* The file system of a node dies while it is listened on: removing it ends with the stop's bound. */
static void test_nodes_that_cannot_be_removed(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    scene_unit(s, "far.socket", "[Socket]\nListenStream=/far/s\nRemoveOnStop=yes\n");
    scene_unit(s, "far.service", "[Service]\nExecStart=" ACTOR " listen\n");
    boot(s);
    scene_wait_event(s, "unit_state", "far.socket", "sub", "listening", NULL);
    static const char *const argv[] = { "/bin/sh", "-c", ACTOR " hung-mount /far </dev/null >/dev/null 2>&1", NULL };
    assert_int_equal(scene_exec(s, argv, NULL), 0);
    scene_stop(s, SIGTERM);
    scene_wait_event(s, "unit_state", "far.socket", "sub", "stop-post", NULL);
    assert_int_equal(scene_exit_code(s), 0);
    scene_wait_event(s, "unit_state", "far.socket", "from", "stop-post", "sub", "dead", NULL);
    scene_end(s);
}

/* Left by a dead daemon (K78), then written late: each change is seen, although a helper placed the watch. */
static void test_far_pid_file(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    scene_unit(s, "daemon.service",
               "[Service]\nType=forking\nPIDFile=/far/d/pid\nExecStart=/usr/local/bin/late-daemon\n");
    scene_unit(s, "last.service", /* stops after the daemon: its file is left where it lies */
               "[Unit]\nBefore=daemon.service\n[Service]\n" SLEEP "ExecStop=/bin/sh -c 'ls /far/d/pid >/scene/left'\n");
    scene_unit(s, "never.service",
               "[Service]\nType=forking\nPIDFile=/hung/pid\nTimeoutStartSec=300ms\nExecStart=" ACTOR
               " daemon - -- sleep\n");
    scene_file(s, "/usr/local/bin/late-daemon", 0755,
               "#!/bin/sh\nset -e\nmkfifo /run/late\nmkdir /far/d\necho 1 >/far/d/pid\n"
               "exec " ACTOR " daemon - -- exec /bin/sh -c 'read line </run/late; echo $$ >/far/d/new;"
               " mv /far/d/new /far/d/pid; exec " ACTOR " sleep'\n");
    static const char *const go_on[] = { "/bin/sh", "-c", "echo go >/run/late", NULL };
    boot(s);
    scene_wait_log(s, "daemon.service: PIDFile= is looked at by a file helper");
    scene_wait_log(s, "daemon.service: PIDFile=/far/d/pid does not name a process of the unit yet");
    assert_int_equal(scene_exec(s, go_on, NULL), 0);
    scene_wait_event(s, "unit_state", "daemon.service", "sub", "running", NULL);
    scene_wait_event(s, "unit_state", "never.service", "sub", "failed", "result", "timeout", NULL);
    scene_stop(s, SIGTERM);
    (void)scene_exit_code(s);
    assert_false(scene_log_has(s, "force-killed"));
    char *left = scene_read(s, "left");
    assert_non_null(left);
    assert_string_equal(left, "/far/d/pid\n");
    free(left);
    scene_end(s);
}

/* Users and groups from files that only a child may read. */
static void test_far_userdb(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    scene_unit(s, "app.service",
               "[Service]\nUser=app\nStateDirectory=app\nWorkingDirectory=~\nExecStart=" ACTOR
               " report /scene/app -- sleep\n");
    scene_unit(s, "nobody.service", "[Service]\nUser=no-such\n" SLEEP);
    scene_unit(s, "owned.socket", "[Socket]\nListenStream=/run/owned\nSocketUser=app\nSocketGroup=extra\n");
    scene_unit(s, "owned.service", "[Service]\n" SLEEP);
    boot_spec(s, with_environment("CONTAINER_INIT_PASSWD_FILE=/far/passwd", "CONTAINER_INIT_GROUP_FILE=/far/group"));
    scene_wait_event(s, "unit_state", "app.service", "sub", "running", NULL);
    scene_wait_file(s, "app", "groups=");
    static const struct {
        const char *key, *want;
    } facts[] = { { "uid", "4242" },      { "gid", "4343" },     { "groups", "4444" },
                  { "cwd", "/run/home" }, { "env.USER", "app" }, { "env.HOME", "/run/home" } };
    for (size_t i = 0; i < COUNT_OF(facts); i++) {
        char *got = scene_report(s, "app", facts[i].key);
        print_message("  %s\n", facts[i].key);
        assert_non_null(got);
        assert_string_equal(got, facts[i].want);
        free(got);
    }
    char path[PATH_MAX];
    struct stat st;
    assert_int_equal(stat(box_path(scene_box(s), "/var/lib/app", path), &st), 0);
    assert_int_equal(st.st_uid, 4242);
    assert_int_equal(st.st_gid, 4343);
    scene_wait_event(s, "bound", "owned.socket", NULL);
    assert_int_equal(lstat(box_path(scene_box(s), "/run/owned", path), &st), 0);
    assert_int_equal(st.st_uid, 4242);
    assert_int_equal(st.st_gid, 4444);
    scene_wait_event(s, "start_failed", "nobody.service", NULL);
    scene_wait_log(s, "User=no-such: there is no such name");
    scene_stop(s, SIGTERM);
    (void)scene_exit_code(s);
    scene_end(s);
}

/* K67, said by PID 1 for a child that found it out. */
static void test_far_identity_without_root(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    scene_unit(s, "app.service", "[Service]\nUser=app\n" SLEEP);
    struct scene_spec spec = with_environment("CONTAINER_INIT_PASSWD_FILE=/far/passwd", NULL);
    spec.box.as_user = true;
    spec.box.uid = spec.box.gid = 1000;
    boot_spec(s, spec);
    scene_wait_log(s, "User=app is uid 4242 gid 4343, we are uid 1000 gid 1000 and not root");
    scene_stop(s, SIGTERM);
    (void)scene_exit_code(s);
    scene_end(s);
}

/* A mount in RuntimeDirectory= is neither entered nor touched when the directory is removed. */
static void test_directory_removal(void **state)
{
    (void)state;
    static const struct {
        const char *label, *denied;
    } ways[] = { { "as it is", NULL }, { "without openat2()", "openat2" } };
    for (size_t i = 0; i < COUNT_OF(ways); i++) {
        print_message("  %s\n", ways[i].label);
        struct scene *s = scene_new();
        struct scene_spec spec = SCENE_SPEC_DEFAULT;
        if (ways[i].denied) assert_int_equal(box_spec_deny(&spec.box, ways[i].denied, "ENOSYS"), 0);
        scene_unit(s, "top.service", "[Service]\nRuntimeDirectory=top\n" SLEEP);
        scene_unit(s, "in.service", "[Service]\nRuntimeDirectory=in\n" SLEEP);
        scene_unit(s, "clean.service",
                   "[Service]\nRuntimeDirectory=clean/deep\nExecStart=" ACTOR " mark /run/clean/deep/x up -- sleep\n");
        scene_unit(s, "last.service",
                   "[Unit]\nBefore=top.service in.service clean.service\n[Service]\n" SLEEP
                   "ExecStop=/bin/sh -c 'ls -A /run/clean >/scene/left'\n");
        boot_spec(s, spec);
        scene_wait_event(s, "unit_state", "clean.service", "sub", "running", NULL);
        scene_wait_event(s, "unit_state", "top.service", "sub", "running", NULL);
        scene_wait_event(s, "unit_state", "in.service", "sub", "running", NULL);
        static const char *const argv[] = { "/bin/sh", "-c",
                                            ACTOR " hung-mount /run/top /run/in/x </dev/null >/dev/null 2>&1", NULL };
        assert_int_equal(scene_exec(s, argv, NULL), 0);
        scene_stop(s, SIGTERM);
        assert_int_equal(scene_exit_code(s), 0);
        assert_true(scene_log_has(s, "unit top.service: RuntimeDirectory=: /run/top not removed: "
                                     "Invalid cross-device link"));
        assert_true(scene_log_has(s, "unit in.service: RuntimeDirectory=: /run/in not removed: "));
        assert_false(scene_log_has(s, "unit clean.service: RuntimeDirectory=:"));
        char *left = scene_read(s, "left");
        assert_non_null(left);
        assert_string_equal(left, "");
        free(left);
        scene_end(s);
    }
}

/* A stop, and the failure of what it requires, end the wait of one unit (K11). */
static void test_the_wait_ends(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    scene_unit(s, "stopped.service", "[Unit]\nConditionPathExists=/hung/x\n[Service]\n" SLEEP);
    scene_unit(s, "stop.socket", "[Socket]\nListenStream=/run/stop\n");
    scene_unit(s, "stop.service",
               "[Unit]\nConflicts=stopped.service\nAfter=stopped.service\n[Service]\nExecStart=" ACTOR " listen\n");
    scene_unit(s, "needs.service", "[Unit]\nConditionPathExists=/hung/x\nRequires=broken.service\n[Service]\n" SLEEP);
    scene_unit(s, "broken.service", "[Service]\nType=oneshot\nExecStart=" ACTOR " pause 200 -- exit 3\n");
    boot(s);
    scene_wait_log(s, "needs.service: " BY_CONDITIONS);
    scene_wait_event(s, "dependency_failed", "needs.service", "dependency", "broken.service", NULL);
    scene_wait_log(s, "stopped.service: " BY_CONDITIONS);
    int client = scene_connect(s, "unix:/run/stop");
    struct str greeting = scene_receive(s, client, "stop.socket");
    str_done(&greeting);
    close(client);
    scene_wait_log(s, "unit stopped.service: start job canceled");
    expect_life_goes_on(s);
    expect_not_up(s, "stopped.service");
    expect_not_up(s, "needs.service");
    scene_stop(s, SIGTERM);
    (void)scene_exit_code(s);
    assert_false(scene_log_has(s, "force-killed"));
    scene_end(s);
}

int main(void)
{
    scene_skip_unless_possible();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_conditions_in_time),
        cmocka_unit_test(test_the_wait_ends),
        cmocka_unit_test(test_far_sockets),
        cmocka_unit_test(test_far_kinds),
        cmocka_unit_test(test_far_pid_file),
        cmocka_unit_test(test_directory_removal),
        cmocka_unit_test(test_far_targets),
        cmocka_unit_test(test_far_userdb),
        cmocka_unit_test(test_far_identity_without_root),
        cmocka_unit_test(test_nodes_that_cannot_be_removed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
