/* tests/e2e/test_sockets.c - listeners and native activation, seen by clients and by the service. */
#include "tests/e2e/expect.h"
#include "tests/e2e/harness_internal.h"
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define ACTOR "/usr/local/bin/actor"

static bool look(struct scene *s, const char *path, struct stat *st)
{
    char buffer[PATH_MAX];
    return lstat(box_path(scene_box(s), path, buffer), st) == 0;
}

/* The value of "key=" in the actor's greeting, malloc'ed. */
static char *field(const char *greeting, const char *key)
{
    const char *at = strstr(greeting, key);
    assert_non_null(at);
    at += strlen(key);
    return strndup(at, strcspn(at, " \n"));
}

/* Connects, sends a line and gets the greeting with its echo. */
static struct str talk(struct scene *s, const char *address)
{
    int fd = scene_connect(s, address);
    scene_send(s, fd, "echo-this\n");
    struct str answer = scene_receive(s, fd, "echo-this\n");
    close(fd);
    return answer;
}

/* ---- K46: mode and owner ---- */

static const struct {
    const char *label, *settings;
    unsigned mode, uid, gid;
} modes[] = {
    { "SocketMode=0600", "SocketMode=0600", 0600, 0, 0 },
    { "SocketMode=0000", "SocketMode=0000", 0000, 0, 0 },
    { "omitted", "", 0666, 0, 0 },
    { "SocketUser= takes its group", "SocketUser=app", 0666, 4711, 4711 },
    { "SocketGroup=", "SocketGroup=helpers\nSocketMode=0660", 0660, 0, 4712 },
    { "both", "SocketUser=app\nSocketGroup=helpers\nSocketMode=0640", 0640, 4711, 4712 },
};

static void test_mode_and_owner(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    char name[64], text[256];
    int fd = -1;
    scene_user(s, "app", 4711, "/home/app");
    scene_user(s, "helpers", 4712, "/");
    for (size_t i = 0; i < COUNT_OF(modes); i++) {
        (void)snprintf(text, sizeof text, "[Socket]\nListenStream=/run/deep/er/%zu.sock\nDirectoryMode=0751\n%s\n", i,
                       modes[i].settings);
        (void)snprintf(name, sizeof name, "s%zu.socket", i);
        scene_unit(s, name, text);
        (void)snprintf(name, sizeof name, "s%zu.service", i);
        scene_unit(s, name, "[Service]\nExecStart=" ACTOR " listen\n");
    }
    scene_unit(s, "bad-user.socket", "[Socket]\nListenStream=/run/bad-user.sock\nSocketUser=nobody-here\n");
    scene_unit(s, "bad-user.service", "[Service]\nExecStart=" ACTOR " listen\n");
    scene_unit(s, "bad-group.socket", "[Socket]\nListenStream=/run/bad-group.sock\nSocketGroup=nobody-here\n");
    scene_unit(s, "bad-group.service", "[Service]\nExecStart=" ACTOR " listen\n");
    struct scene_spec spec = SCENE_SPEC_DEFAULT;
    spec.prefix[0] = "/bin/sh", spec.prefix[1] = "-c", spec.prefix[2] = "umask 0; exec \"$0\" \"$@\""; /* K47 */
    scene_boot(s, &spec);
    scene_wait_event(s, "startup_finished", NULL, NULL);
    for (size_t i = 0; i < COUNT_OF(modes); i++) {
        struct stat st;
        print_message("  %s\n", modes[i].label);
        (void)snprintf(name, sizeof name, "/run/deep/er/%zu.sock", i);
        if (!look(s, name, &st)) scene_fail(s, "%s is not there", name);
        if (!S_ISSOCK(st.st_mode) || (st.st_mode & 07777) != modes[i].mode || st.st_uid != modes[i].uid ||
            st.st_gid != modes[i].gid)
            scene_fail(s, "%s: mode %o, owner %u:%u", name, (unsigned)st.st_mode, st.st_uid, st.st_gid);
    }
    struct stat st;
    print_message("  DirectoryMode= of missing parents\n");
    assert_true(look(s, "/run/deep", &st) && (st.st_mode & 07777) == 0751);
    assert_true(look(s, "/run/deep/er", &st) && (st.st_mode & 07777) == 0751);
    print_message("  who may not connect does not\n");
    assert_int_equal(box_connect(scene_box(s), "unix:/run/deep/er/0.sock", 4711, 4711, &fd), -EACCES);
    assert_int_equal(box_connect(scene_box(s), "unix:/run/deep/er/1.sock", 4711, 4711, &fd), -EACCES);
    assert_int_equal(box_connect(scene_box(s), "unix:/run/deep/er/4.sock", 4711, 4711, &fd), -EACCES);
    assert_int_equal(box_connect(scene_box(s), "unix:/run/deep/er/4.sock", 4713, 4712, &fd), 0);
    close(fd);
    print_message("  unknown owners fail the socket and leave no node\n");
    scene_wait_event(s, "bind_failed", "bad-user.socket", NULL);
    scene_wait_event(s, "bind_failed", "bad-group.socket", NULL);
    assert_false(look(s, "/run/bad-user.sock", &st));
    assert_false(look(s, "/run/bad-group.sock", &st));
    expect_log(s, "socket bad-user.socket: bind failed: /run/bad-user.sock: SocketUser=: no such user or group");
    expect_stop(s, 0);
    scene_end(s);
}

/* ---- K48, K49 ---- */

static void test_nodes(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    struct stat st;
    /* The longest path a socket address takes: 107 bytes before the terminating NUL. */
    char path[108], address[128], text[256];
    memset(path, 'x', sizeof path);
    memcpy(path, "/run/", 5);
    path[sizeof((struct sockaddr_un *)NULL)->sun_path - 1] = '\0';
    (void)snprintf(text, sizeof text, "[Socket]\nListenStream=%s\n", path);
    scene_unit(s, "long.socket", text);
    scene_unit(s, "long.service", "[Service]\nExecStart=" ACTOR " listen\n");
    scene_unit(s, "stale.socket", "[Socket]\nListenStream=/var/stale.sock\nRemoveOnStop=yes\n");
    scene_unit(s, "stale.service", "[Service]\nExecStart=" ACTOR " listen\n");
    scene_unit(s, "file.socket", "[Socket]\nListenStream=/var/file.sock\n");
    scene_unit(s, "file.service", "[Service]\nExecStart=" ACTOR " listen\n");
    scene_file(s, "/var/file.sock", 0644, "not a socket");
    scene_unit(s, "kept.socket", "[Socket]\nListenStream=/scene/kept.sock\n");
    scene_unit(s, "kept.service", "[Service]\nExecStart=" ACTOR " listen\n");
    scene_unit(s, "gone.socket", "[Socket]\nListenStream=/scene/gone.sock\nRemoveOnStop=yes\n");
    scene_unit(s, "gone.service", "[Service]\nExecStart=" ACTOR " listen\n");
    struct scene_spec spec = SCENE_SPEC_DEFAULT;
    spec.box.setup =
        "perl -MSocket -e 'socket(S,AF_UNIX,SOCK_STREAM,0); bind(S,pack_sockaddr_un(\"/var/stale.sock\"))'";
    scene_boot(s, &spec);
    scene_wait_event(s, "bound", "long.socket", "address", path, NULL);
    (void)snprintf(address, sizeof address, "unix:%s", path);
    struct str answer = talk(s, address);
    str_done(&answer);

    print_message("  K48: a stale socket is replaced\n");
    answer = talk(s, "unix:/var/stale.sock");
    str_done(&answer);
    print_message("  K48: a file that is no socket is left alone, and the socket fails\n");
    scene_wait_event(s, "bind_failed", "file.socket", NULL);
    assert_true(look(s, "/var/file.sock", &st) && S_ISREG(st.st_mode));
    print_message("  RemoveOnStop=\n");
    char buffer[PATH_MAX];
    expect_stop(s, 0);
    assert_int_equal(lstat(scene_path(s, "kept.sock", buffer), &st), 0);
    assert_int_equal(lstat(scene_path(s, "gone.sock", buffer), &st), -1);
    scene_end(s);
}

/* What cannot be bound says where it is written and what can be done. */
static void test_bind_failures(void **state)
{
    (void)state;
    static const struct {
        const char *name, *listen, *says;
    } sockets[] = {
        { "low", "80",
          "80: binding: Permission denied (/etc/container-init/units/low.socket:2); a port below 1024 needs "
          "CAP_NET_BIND_SERVICE\n" },
        { "one", "8080", NULL },
        { "two", "8080",
          "8080: binding: Address already in use (/etc/container-init/units/two.socket:2); another program "
          "listens there\n" },
        { "far", "203.0.113.5:81",
          "(/etc/container-init/units/far.socket:2); with FreeBind=yes it need not be there yet\n" },
        { "fixed", "/srv/x.sock",
          "Read-only file system (/etc/container-init/units/fixed.socket:2); /run is there to be written to\n" },
        { "denied", "/run/x.sock", "Permission denied (/etc/container-init/units/denied.socket:2)\n" },
    };
    char name[64], text[128];
    struct scene *s = scene_new();
    struct scene_spec spec = SCENE_SPEC_DEFAULT;
    for (size_t i = 0; i < COUNT_OF(sockets); i++) {
        (void)snprintf(name, sizeof name, "%s.socket", sockets[i].name);
        (void)snprintf(text, sizeof text, "[Socket]\nListenStream=%s\nService=one.service\n", sockets[i].listen);
        scene_unit(s, name, text);
    }
    scene_unit(s, "one.service", "[Service]\nExecStart=" ACTOR " listen\n");
    spec.box.as_user = true, spec.box.uid = 1000, spec.box.gid = 1000;
    spec.box.read_only_root = true;
    scene_boot(s, &spec);
    scene_wait_event(s, "startup_finished", NULL, NULL);
    for (size_t i = 0; i < COUNT_OF(sockets); i++) {
        if (!sockets[i].says) continue;
        (void)snprintf(name, sizeof name, "%s.socket", sockets[i].name);
        scene_wait_event(s, "bind_failed", name, NULL);
        expect_log(s, sockets[i].says);
    }
    expect_stop(s, 0);
    scene_end(s);
}

/* ---- native hand-over ---- */

/* K54, K55, K56, K57: all listeners of all sockets of the service, in order, with names, for the final program; the
 * image has no shell. */
static void test_hand_over(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    scene_unit(s, "a.socket",
               "[Socket]\nListenStream=/run/a.sock\nListenStream=127.0.0.1:7001\nService=both.service\n");
    scene_unit(s, "b.socket",
               "[Socket]\nListenStream=@abstract-b\nListenStream=[::1]:7002\nListenStream=7003\n"
               "FileDescriptorName=named\nService=both.service\n");
    scene_unit(s, "both.service", "[Service]\nExecStart=" ACTOR " listen\n");
    scene_unit(s, "alone.service", "[Service]\nExecStart=" ACTOR " report /scene/alone -- sleep\n");
    struct scene_spec spec = SCENE_SPEC_DEFAULT;
    spec.box.no_shell = true;
    assert_int_equal(box_spec_env(&spec.box, "LISTEN_FDS=9"), 0);
    scene_boot(s, &spec);
    scene_wait_event(s, "startup_finished", NULL, NULL);
    assert_int_equal(scene_count_events(s, "spawn", "both.service", NULL), 0);

    static const struct {
        const char *address, *fd;
    } clients[] = { { "unix:/run/a.sock", "3" }, { "tcp:127.0.0.1:7001", "4" }, { "abstract:abstract-b", "5" },
                    { "tcp:[::1]:7002", "6" },   { "tcp:127.0.0.1:7003", "7" }, { "tcp:[::1]:7003", "7" } };
    for (size_t i = 0; i < COUNT_OF(clients); i++) {
        print_message("  %s\n", clients[i].address);
        struct str answer = talk(s, clients[i].address);
        char *pid = field(str_text(&answer), "pid="), *listen_pid = field(str_text(&answer), "listen_pid=");
        char *names = field(str_text(&answer), "listen_fdnames="), *fds = field(str_text(&answer), "listen_fds=");
        char *fd = field(str_text(&answer), " fd=");
        assert_string_equal(pid, listen_pid);
        assert_string_equal(names, "a.socket:a.socket:named:named:named");
        assert_string_equal(fds, "5");
        assert_string_equal(fd, clients[i].fd);
        free(pid), free(listen_pid), free(names), free(fds), free(fd);
        str_done(&answer);
    }
    assert_int_equal(scene_count_events(s, "spawn", "both.service", NULL), 1);
    assert_int_equal(scene_count_events(s, "first_connect", "a.socket", NULL), 1);
    print_message("  K61: a service without socket\n");
    expect_report(s, "alone", "env.LISTEN_FDS", NULL);
    expect_log(s, "container-init: socket a.socket: bound unix//run/a.sock -> both.service (mode=native)\n");
    expect_log(s, "container-init: socket a.socket: bound tcp/127.0.0.1:7001 -> both.service (mode=native)\n");
    expect_stop(s, 0);
    scene_end(s);
}

/* K57, K58, S56: listening again after the service's end; a client that has hung up does no harm. */
static void test_again_and_again(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    scene_unit(s, "once.socket", "[Socket]\nListenStream=/run/once.sock\n");
    scene_unit(s, "once.service", "[Service]\nExecStart=" ACTOR " listen-once\n");
    scene_unit(s, "gone.socket", "[Socket]\nListenStream=/run/gone.sock\n");
    scene_unit(s, "gone.service",
               "[Service]\nExecStartPre=/bin/sh -c 'until test -e /scene/go; do sleep 0.01; done'\n"
               "ExecStart=" ACTOR " listen\n");
    scene_boot(s, NULL);
    scene_wait_event(s, "bound", "once.socket", NULL);
    for (size_t i = 1; i <= 3; i++) {
        struct str answer = talk(s, "unix:/run/once.sock");
        str_done(&answer);
        scene_wait_nth_event(s, i, "rearmed", "once.socket", "service", "once.service", NULL);
    }
    expect_log(s, "container-init: socket once.socket: once.service stopped; listening again\n");

    print_message("  K58: the client is gone before the service runs\n");
    close(scene_connect(s, "unix:/run/gone.sock"));
    scene_wait_event(s, "triggered", "gone.socket", NULL);
    scene_touch(s, "go");
    scene_wait_event(s, "unit_state", "gone.service", "sub", "running", NULL);
    struct str answer = talk(s, "unix:/run/gone.sock");
    str_done(&answer);
    assert_int_equal(scene_count_events(s, "spawn", "gone.service", NULL), 1);
    expect_stop(s, 0);
    scene_end(s);
}

/* S56: the same listener is passed to each restart, and clients that wait meanwhile are served. */
static void test_restart_keeps_listener(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    struct stat before, after;
    scene_unit(s, "crash.socket", "[Socket]\nListenStream=/run/crash.sock\n");
    scene_unit(s, "crash.service",
               "[Service]\nRestart=on-failure\nRestartSec=1ms\n"
               "ExecStart=" ACTOR " crash /scene/count 3 -- listen\n");
    scene_boot(s, NULL);
    scene_wait_event(s, "bound", "crash.socket", NULL);
    assert_true(look(s, "/run/crash.sock", &before));
    struct str answer = talk(s, "unix:/run/crash.sock");
    str_done(&answer);
    assert_true(look(s, "/run/crash.sock", &after) && before.st_ino == after.st_ino);
    assert_int_equal(scene_count_events(s, "spawn", "crash.service", NULL), 3);
    expect_stop(s, 0);
    scene_end(s);
}

/* K51: the descriptor table is full up to 1023 before the listeners are opened. */
static void test_high_descriptors(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    scene_unit(s, "high.socket", "[Socket]\nListenStream=/run/high.sock\n");
    scene_unit(s, "high.service", "[Service]\nExecStart=" ACTOR " listen\n");
    struct scene_spec spec = SCENE_SPEC_DEFAULT;
    static const char *const fill[] = {
        "/usr/bin/perl", "-e",
        ("use Fcntl; use POSIX; $^F = 100000; for (3 .. 1100) { open(my $f, '<', '/dev/null') or last; push @f, $f } "
         "exec @ARGV"),
        "--"
    };
    for (size_t i = 0; i < COUNT_OF(fill); i++) spec.prefix[i] = fill[i];
    scene_boot(s, &spec);
    scene_wait_event(s, "bound", "high.socket", NULL);
    struct str answer = talk(s, "unix:/run/high.sock");
    char *fd = field(str_text(&answer), " fd=");
    assert_string_equal(fd, "3");
    free(fd);
    str_done(&answer);
    static const char *const highest[] = { "/bin/sh", "-c", "ls /proc/1/fd | sort -n | tail -n 1", NULL };
    struct str output = STR_EMPTY;
    assert_int_equal(scene_exec(s, highest, &output), 0);
    assert_true(strtoul(str_text(&output), NULL, 10) > 1023);
    str_done(&output);
    expect_stop(s, 0);
    scene_end(s);
}

int main(void)
{
    scene_skip_unless_possible();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mode_and_owner),   cmocka_unit_test(test_nodes),
        cmocka_unit_test(test_bind_failures),    cmocka_unit_test(test_hand_over),
        cmocka_unit_test(test_again_and_again),  cmocka_unit_test(test_restart_keeps_listener),
        cmocka_unit_test(test_high_descriptors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
