/* tests/e2e/test_accept.c - Accept=yes: an instance of the template for each connection. */
#include "tests/e2e/expect.h"
#include "tests/e2e/life.h"
#include "tests/e2e/rest.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

#define SYSTEMCTL "/usr/local/bin/container-init systemctl"

/* Tells what it knows of its connection, and then is cat: a program of inetd's time. */
#define INETD                                                                                                          \
    "[Unit]\nDescription=An echo\n[Service]\nStandardInput=socket\n"                                                   \
    "ExecStart=/bin/sh -c 'echo \"%i addr=$REMOTE_ADDR port=$REMOTE_PORT fds=$LISTEN_FDS\"; exec cat'\n"

/* Sends a line and has it back; what came before it is the answer, which the caller owns. */
static struct str talk(struct scene *s, int fd)
{
    scene_send(s, fd, "and back\n");
    struct str answer = scene_receive(s, fd, "and back\n");
    str_truncate(&answer, answer.length - strlen("and back\n"));
    return answer;
}

static void systemctl(struct scene *s, const char *arguments, const char *has, const char *has_not)
{
    char command[256];
    struct str output = STR_EMPTY;
    (void)snprintf(command, sizeof command, SYSTEMCTL " %s", arguments);
    const char *const argv[] = { "/bin/sh", "-c", command, NULL };
    (void)scene_exec(s, argv, &output);
    if (has && !strstr(str_text(&output), has)) scene_fail(s, "%s says: %s", arguments, str_text(&output));
    if (has_not && strstr(str_text(&output), has_not)) scene_fail(s, "%s says: %s", arguments, str_text(&output));
    str_done(&output);
}

/* ---- what an instance gets ---- */

/* "127.0.0.1:80-127.0.0.1:4711", as the client sees it from its side. */
static struct str name_of_ends(int fd)
{
    struct sockaddr_storage ends[2] = { 0 };
    struct str text = STR_EMPTY;
    socklen_t length = sizeof ends[0];
    assert_int_equal(getpeername(fd, (struct sockaddr *)&ends[0], &length), 0);
    length = sizeof ends[1];
    assert_int_equal(getsockname(fd, (struct sockaddr *)&ends[1], &length), 0);
    for (size_t i = 0; i < 2; i++) {
        const struct sockaddr_in *ip4 = (const struct sockaddr_in *)&ends[i];
        const struct sockaddr_in6 *ip6 = (const struct sockaddr_in6 *)&ends[i];
        bool is4 = ends[i].ss_family == AF_INET;
        char ip[INET6_ADDRSTRLEN];
        (void)inet_ntop(ends[i].ss_family, is4 ? (const void *)&ip4->sin_addr : (const void *)&ip6->sin6_addr, ip,
                        sizeof ip);
        assert_int_equal(str_appendf(&text, "%s%s:%u", i ? "-" : "", ip, ntohs(is4 ? ip4->sin_port : ip6->sin6_port)),
                         0);
    }
    return text;
}

static const struct {
    const char *label, *unit, *listen, *address;
    const char *remote; /* REMOTE_ADDR= */
} kinds[] = {
    { "IPv4", "four", "ListenStream=127.0.0.1:8001", "tcp:127.0.0.1:8001", "127.0.0.1" },
    { "IPv6", "six", "ListenStream=[::1]:8002", "tcp:[::1]:8002", "::1" },
    { "IPv4 at a socket of both", "both", "ListenStream=8003", "tcp:127.0.0.1:8003", "127.0.0.1" },
    { "a Unix socket", "unix", "ListenStream=/run/u.sock", "unix:/run/u.sock", "" },
    { "sequential packets", "packet", "ListenSequentialPacket=/run/p.sock", "seqpacket:/run/p.sock", "" },
};

/* K57: the first request is answered by a program that knows nothing of sockets. */
static void test_inetd(void **state)
{
    struct scene *s = scene_new();
    char name[320], text[256];
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        (void)snprintf(name, sizeof name, "%s.socket", kinds[i].unit);
        (void)snprintf(text, sizeof text, "[Socket]\n%s\nAccept=yes\n", kinds[i].listen);
        scene_unit(s, name, text);
        (void)snprintf(name, sizeof name, "%s@.service", kinds[i].unit);
        scene_unit(s, name, INETD);
    }
    life_boot(s, state);
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        print_message("  %s\n", kinds[i].label);
        (void)snprintf(name, sizeof name, "%s.socket", kinds[i].unit);
        scene_wait_event(s, "bound", name, NULL);
        int first = scene_connect(s, kinds[i].address), second = scene_connect(s, kinds[i].address);
        struct str one = talk(s, first), two = talk(s, second);
        bool is_ip = *kinds[i].remote != '\0';
        struct str ends = is_ip ? name_of_ends(first) : STR_EMPTY;
        if (!is_ip) assert_int_equal(str_append(&ends, "unknown"), 0); /* we are in another PID namespace */
        const char *port = strrchr(str_text(&ends), ':');
        (void)snprintf(text, sizeof text, "0-%s addr=%s port=%s fds=\n", str_text(&ends), kinds[i].remote,
                       port ? port + 1 : "");
        if (strcmp(str_text(&one), text) != 0) scene_fail(s, "got \"%s\", expected \"%s\"", str_text(&one), text);
        assert_memory_equal(str_text(&two), "1-", 2);
        (void)snprintf(text, sizeof text, "%s@0-%s.service", kinds[i].unit, str_text(&ends));
        scene_wait_event(s, "accepted", name, "instance", text, "remote", kinds[i].remote, NULL);
        systemctl(s, "list-units", text, "@.service");
        (void)snprintf(name, sizeof name, "is-active '%s'", text);
        systemctl(s, name, "active", "inactive");
        (void)snprintf(name, sizeof name, "show -p Triggers %s.socket", kinds[i].unit);
        systemctl(s, name, text, "@.service");
        (void)snprintf(name, sizeof name, "show -p Description '%s'", text);
        (void)snprintf(text, sizeof text, "Description=An echo (%s%s%s:%s)", i == 1 ? "[" : "", kinds[i].remote,
                       i == 1 ? "]" : "", port ? port + 1 : "");
        systemctl(s, name, is_ip ? text : "Description=An echo\n", NULL);
        (void)snprintf(text, sizeof text, "%s@0-%s.service", kinds[i].unit, str_text(&ends));
        close(first);
        scene_wait_event(s, "unit_state", text, "sub", "dead", NULL);
        systemctl(s, "list-units --all", NULL, text);
        close(second);
        str_done(&one), str_done(&two), str_done(&ends);
    }
    expect_stop(s, 0);
    scene_end(s);
}

/* A program that knows of sockets gets the connection alone, as descriptor 3; a client in our PID namespace has a name.
 */
static void test_passed(void **state)
{
    struct scene *s = scene_new();
    struct str output = STR_EMPTY;
    scene_unit(s, "talk.socket", "[Socket]\nListenStream=/run/talk.sock\nAccept=yes\n");
    scene_unit(s, "talk@.service",
               "[Unit]\nDescription=Talks\n[Service]\nExecStart=/bin/sh -c 'read line <&3; "
               "echo \"%i $LISTEN_FDS $LISTEN_FDNAMES $((LISTEN_PID - $$$$)) $$line\" >&3'\n");
    life_boot(s, state);
    scene_wait_event(s, "bound", "talk.socket", NULL);
    const char *const argv[] = {
        "/usr/bin/perl", "-MSocket", "-e",
        "socket(S,AF_UNIX,SOCK_STREAM,0); connect(S,pack_sockaddr_un('/run/talk.sock')) or die;"
        "syswrite S, \"hello\\n\"; $a = <S>; $a =~ s/^0-$$-$> //; print $a;",
        NULL
    };
    assert_int_equal(scene_exec(s, argv, &output), 0);
    if (strcmp(str_text(&output), "1 connection 0 hello\n") != 0) scene_fail(s, "got %s", str_text(&output));
    str_done(&output);
    expect_stop(s, 0);
    scene_end(s);
}

/* A client of a Unix socket has whatever name it gives itself: that is a line neither of the log nor of status. */
static void test_names_itself(void **state)
{
    struct scene *s = scene_new();
    struct str output = STR_EMPTY;
    (void)state;
    scene_unit(s, "named.socket", "[Socket]\nListenStream=/run/named.sock\nAccept=yes\n");
    scene_unit(s, "named@.service",
               "[Service]\nStandardInput=socket\nExecStart=/bin/sh -c 'echo \"$REMOTE_ADDR\"; exec cat'\n");
    BOOT_WITH(s, state, "--log-level", "debug");
    scene_wait_event(s, "bound", "named.socket", NULL);
    const char *const argv[] = { "/usr/bin/perl", "-MSocket", "-e",
                                 "socket(S,AF_UNIX,SOCK_STREAM,0);"
                                 "bind(S,pack_sockaddr_un(\"\\0x\\ncontainer-init: forged\\e[1m\\xff\")) or die;"
                                 "connect(S,pack_sockaddr_un('/run/named.sock')) or die;"
                                 "print scalar <S>, scalar <S>; print `" SYSTEMCTL " status 'named@*'`;",
                                 NULL };
    assert_int_equal(scene_exec(s, argv, &output), 0);
    static const char *const has[] = { "@x\ncontainer-init: forged\033[1m\xff\n",
                                       "(@x\\ncontainer-init: forged\\x1b[1m" };
    for (size_t i = 0; i < COUNT_OF(has); i++)
        if (!strstr(str_text(&output), has[i])) scene_fail(s, "got %s", str_text(&output));
    str_done(&output);
    scene_wait_log(s, "a connection of @x\\ncontainer-init: forged\\x1b[1m\\xff starts named@0-");
    life_expect_log(s, "\ncontainer-init: forged", false);
    expect_stop(s, 0);
    scene_end(s);
}

/* PID 1 does not keep what it has handed over: the client sees the service hang up while that goes on running, unless
 * another command is to have the connection as well. */
static void test_end_of_stream(void **state)
{
    struct scene *s = scene_new();
    const char *const script =
        "[Service]\nExecStart=/bin/sh -c 'echo x >/scene/$0-up; exec 3<&-; exec sleep 1000' %p\n";
    char more[256];
    (void)snprintf(more, sizeof more, "%sExecStopPost=/bin/true\n", script);
    scene_unit(s, "ends.socket", "[Socket]\nListenStream=/run/ends.sock\nAccept=yes\n");
    scene_unit(s, "ends@.service", script);
    scene_unit(s, "stays.socket", "[Socket]\nListenStream=/run/stays.sock\nAccept=yes\n");
    scene_unit(s, "stays@.service", more);
    life_boot(s, state);
    scene_wait_event(s, "startup_finished", NULL, NULL);
    int kept = scene_connect(s, "unix:/run/stays.sock");
    scene_wait_event(s, "unit_state", "stays@0-unknown.service", "sub", "running", NULL);
    int fd = scene_connect(s, "unix:/run/ends.sock");
    expect_hang_up(s, fd);
    scene_wait_file(s, "ends-up", "x");
    scene_wait_file(s, "stays-up", "x");
    assert_int_equal(scene_count_events(s, "unit_state", "ends@0-unknown.service", "sub", "dead", NULL), 0);
    char byte;
    assert_int_equal(recv(kept, &byte, 1, MSG_DONTWAIT), -1);
    assert_int_equal(errno, EAGAIN);
    close(kept);
    expect_stop(s, 0);
    scene_end(s);
}

/* ---- limits ---- */

/* MaxConnections=: who comes besides is hung up on, told once, and there is room again when one has gone. */
static void test_max_connections(void **state)
{
    struct scene *s = scene_new();
    scene_unit(s, "few.socket", "[Socket]\nListenStream=/run/few.sock\nAccept=yes\nMaxConnections=2\n");
    scene_unit(s, "few@.service", INETD);
    life_boot(s, state);
    scene_wait_event(s, "bound", "few.socket", NULL);
    int one = scene_connect(s, "unix:/run/few.sock"), two = scene_connect(s, "unix:/run/few.sock");
    struct str a = talk(s, one), b = talk(s, two);
    for (int i = 0; i < 3; i++) expect_hang_up(s, scene_connect(s, "unix:/run/few.sock"));
    scene_wait_nth_event(s, 3, "refused", "few.socket", "reason", "MaxConnections", NULL);
    close(one);
    scene_wait_event(s, "unit_state", "few@0-unknown.service", "sub", "dead", NULL);
    int three = scene_connect(s, "unix:/run/few.sock");
    struct str c = talk(s, three);
    assert_memory_equal(str_text(&c), "2-", 2);
    expect_hang_up(s, scene_connect(s, "unix:/run/few.sock"));
    scene_wait_nth_event(s, 4, "refused", "few.socket", NULL);
    assert_int_equal(rest_count(scene_log(s), "few.socket: too many connections (2, MaxConnections=): refused"), 2);
    close(two), close(three);
    str_done(&a), str_done(&b), str_done(&c);
    expect_stop(s, 0);
    scene_end(s);
}

/* MaxConnectionsPerSource=: one address, whatever the port, and one user, whatever the process. */
static void test_max_per_source(void **state)
{
    struct scene *s = scene_new();
    int fd = -1, other = -1;
    scene_unit(s, "user.socket", "[Socket]\nListenStream=/run/user.sock\nAccept=yes\nMaxConnectionsPerSource=1\n");
    scene_unit(s, "user@.service", INETD);
    scene_unit(s, "host.socket", "[Socket]\nListenStream=8001\nAccept=yes\nMaxConnectionsPerSource=1\n");
    scene_unit(s, "host@.service", INETD);
    life_boot(s, state);
    scene_wait_event(s, "startup_finished", NULL, NULL);
    assert_int_equal(box_connect(scene_box(s), "unix:/run/user.sock", 4711, 4711, &fd), 0);
    assert_int_equal(box_connect(scene_box(s), "unix:/run/user.sock", 4712, 4712, &other), 0);
    struct str a = talk(s, fd), b = talk(s, other);
    int again;
    assert_int_equal(box_connect(scene_box(s), "unix:/run/user.sock", 4711, 4711, &again), 0);
    expect_hang_up(s, again);
    scene_wait_event(s, "refused", "user.socket", "reason", "MaxConnectionsPerSource", NULL);
    close(fd);
    scene_wait_event(s, "unit_state", "user@0-unknown.service", "sub", "dead", NULL);
    assert_int_equal(box_connect(scene_box(s), "unix:/run/user.sock", 4711, 4711, &fd), 0);
    struct str c = talk(s, fd);
    close(fd), close(other);
    str_done(&a), str_done(&b), str_done(&c);
    print_message("  by address\n");
    fd = scene_connect(s, "tcp:127.0.0.1:8001"), other = scene_connect(s, "tcp:[::1]:8001");
    a = talk(s, fd), b = talk(s, other);
    expect_hang_up(s, scene_connect(s, "tcp:127.0.0.1:8001"));
    scene_wait_event(s, "refused", "host.socket", "reason", "MaxConnectionsPerSource", NULL);
    close(fd), close(other);
    str_done(&a), str_done(&b);
    expect_stop(s, 0);
    scene_end(s);
}

/* ---- how it ends ---- */

/* K59: instances that fail are neither counted nor kept, whatever Restart= says; the handler is told of each. */
static void test_failures(void **state)
{
    struct scene *s = scene_new();
    scene_unit(s, "fail.socket", "[Socket]\nListenStream=/run/fail.sock\nAccept=yes\nMaxConnections=2\n");
    scene_unit(
        s, "fail@.service",
        "[Unit]\nOnFailure=handler.service\n"
        "[Service]\nRestart=always\nStandardInput=socket\nExecStart=/bin/sh -c 'read line; echo $$line; exit 7'\n");
    scene_unit(s, "handler.service",
               "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'echo $MONITOR_UNIT $MONITOR_EXIT_STATUS >> "
               "/scene/handled'\n");
    life_boot(s, state);
    scene_wait_event(s, "bound", "fail.socket", NULL);
    assert_int_equal(scene_count_events(s, "spawn", "handler.service", NULL), 0); /* it waits for a failure */
    for (size_t i = 1; i <= 20; i++) {
        int fd = scene_connect(s, "unix:/run/fail.sock");
        struct str answer = talk(s, fd);
        expect_hang_up(s, fd);
        str_done(&answer);
        scene_wait_nth_event(s, i, "onfailure_exited", "handler.service", NULL);
    }
    char *handled = scene_read(s, "handled");
    assert_non_null(strstr(handled, "fail@0-unknown.service 7\n"));
    assert_non_null(strstr(handled, "fail@19-unknown.service 7\n"));
    free(handled);
    assert_int_equal(scene_count_events(s, "refused", "fail.socket", NULL), 0);
    expect_log(s, "unit fail@3-unknown.service: not restarted: its connection is over\n");
    systemctl(s, "list-units --all", "fail.socket", "fail@");
    systemctl(s, "is-failed fail@1-unknown.service", NULL, "failed");
    expect_stop(s, 0);
    scene_end(s);
}

/* D2: the failure of a connection may be the end of the container, which knows of it to the last. */
static void test_decides(void **state)
{
    struct scene *s = scene_new();
    scene_unit(s, "fatal.socket", "[Socket]\nListenStream=/run/fatal.sock\nAccept=yes\n");
    scene_unit(s, "fatal@.service",
               "[Service]\nExitContainerOnFailure=yes\nExecStart=/bin/sh -c 'echo the reason; exit 9'\n");
    BOOT_WITH(s, state, "--termination-log", "/scene/reason");
    scene_wait_event(s, "bound", "fatal.socket", NULL);
    close(scene_connect(s, "unix:/run/fatal.sock"));
    assert_int_equal(scene_exit_code(s), 9);
    char *reason = scene_read(s, "reason");
    assert_non_null(reason);
    if (!strstr(reason, "fatal@0-unknown.service") || !strstr(reason, "the reason")) scene_fail(s, "told: %s", reason);
    free(reason);
    expect_log(s, "unit fatal@0-unknown.service: ExitContainerOnFailure -- initiating reverse shutdown\n");
    scene_end(s);
}

static bool is_all_gone(struct scene *s, void *userdata)
{
    struct str output = STR_EMPTY;
    const char *const list[] = { "/bin/sh", "-c", SYSTEMCTL " list-units --all; ls /sys/fs/cgroup/container-init",
                                 NULL };
    (void)userdata;
    (void)scene_exec(s, list, &output);
    bool gone = strstr(str_text(&output), "left@") == NULL;
    str_done(&output);
    return gone;
}

/* What KillMode=process leaves behind keeps its unit, and both are gone with it. */
static void test_left_behind(void **state)
{
    struct scene *s = scene_new();
    scene_unit(s, "left.socket", "[Socket]\nListenStream=/run/left.sock\nAccept=yes\nMaxConnections=1\n");
    scene_unit(s, "left@.service",
               "[Service]\nKillMode=process\nStandardInput=socket\nStandardOutput=null\n"
               "ExecStart=" ACTOR " child /scene/child -- exit 0\n");
    life_boot(s, state);
    scene_wait_event(s, "bound", "left.socket", NULL);
    int fd = scene_connect(s, "unix:/run/left.sock");
    scene_wait_event(s, "unit_state", "left@0-unknown.service", "sub", "dead", NULL);
    systemctl(s, "list-units --all", "left@0-unknown.service", NULL);
    close(fd);
    fd = scene_connect(s, "unix:/run/left.sock"); /* it is not counted any more */
    scene_wait_event(s, "unit_state", "left@1-unknown.service", "sub", "dead", NULL);
    close(fd);
    const char *const kill[] = { "/bin/sh", "-c", "kill -KILL $(cat /scene/child)", NULL };
    assert_int_equal(scene_exec(s, kill, NULL), 0);
    scene_wait(s, is_all_gone, NULL, "the units of processes that were left behind");
    expect_stop(s, 0);
    scene_end(s);
}

/* Clients that hang up before anything could be done for them fail nothing (K58), nor does a template that makes no
 * unit of this connection. */
static void test_hang_up(void **state)
{
    struct scene *s = scene_new();
    scene_unit(s, "gone.socket", "[Socket]\nListenStream=8001\nAccept=yes\n");
    scene_unit(s, "gone@.service", INETD);
    life_boot(s, state);
    scene_wait_event(s, "bound", "gone.socket", NULL);
    for (int i = 0; i < 20; i++) {
        int fd = scene_connect(s, "tcp:127.0.0.1:8001");
        const struct linger reset = { 1, 0 };
        if (i % 2) assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset), 0);
        close(fd);
    }
    int fd = scene_connect(s, "tcp:127.0.0.1:8001");
    struct str answer = talk(s, fd);
    str_done(&answer);
    close(fd);
    assert_int_equal(scene_count_events(s, "socket_failed", "gone.socket", NULL), 0);
    expect_stop(s, 0);
    scene_end(s);
}

/* ---- relations ---- */

/* Those of the template are those of each instance: they stop with what they require, before what they are after, and
 * not with their socket. */
static void test_relations(void **state)
{
    struct scene *s = scene_new();
    scene_unit(s, "echo.socket", "[Socket]\nListenStream=/run/echo.sock\nAccept=yes\n");
    scene_unit(s, "echo@.service", "[Unit]\nRequires=db.service\nAfter=db.service\n" INETD);
    scene_unit(s, "free.socket", "[Socket]\nListenStream=/run/free.sock\nAccept=yes\n");
    scene_unit(s, "free@.service", "[Unit]\nAfter=db.service log.service\nBefore=late.service\n" INETD);
    scene_unit(s, "db.service", "[Service]\nExecStart=" ACTOR " sleep\n");
    scene_unit(s, "log.service", "[Service]\nExecStart=" ACTOR " sleep\n");
    scene_unit(s, "late.service", "[Service]\nExecStart=" ACTOR " sleep\n");
    life_boot(s, state);
    scene_wait_event(s, "startup_finished", NULL, NULL);
    int echo = scene_connect(s, "unix:/run/echo.sock"), other = scene_connect(s, "unix:/run/free.sock");
    struct str a = talk(s, echo), b = talk(s, other);
    systemctl(s, "stop db.service", NULL, NULL);
    expect_hang_up(s, echo);
    life_expect_states_in_order(s, "echo@0-unknown.service", "dead", "db.service", "dead");
    print_message("  a new one starts what it requires\n");
    echo = scene_connect(s, "unix:/run/echo.sock");
    str_done(&a);
    a = talk(s, echo);
    scene_wait_nth_event(s, 2, "unit_state", "db.service", "sub", "running", NULL);
    print_message("  a socket that stops leaves them alone\n");
    systemctl(s, "stop free.socket", NULL, NULL);
    scene_wait_event(s, "unit_state", "free.socket", "sub", "dead", NULL);
    str_done(&b);
    b = talk(s, other);
    systemctl(s, "start free.socket", NULL, NULL);
    int third = scene_connect(s, "unix:/run/free.sock");
    struct str c = talk(s, third);
    assert_memory_equal(str_text(&c), "1-", 2);
    expect_stop(s, 0);
    life_expect_states_in_order(s, "late.service", "dead", "free@0-unknown.service", "dead");
    life_expect_states_in_order(s, "free@0-unknown.service", "dead", "log.service", "dead");
    life_expect_states_in_order(s, "echo@1-unknown.service", "dead", "echo.socket", "dead");
    close(echo), close(other), close(third);
    str_done(&a), str_done(&b), str_done(&c);
    scene_end(s);
}

/* With systemd's rules: from its directories, after its targets, and gone with them. */
static void test_systemd(void **state)
{
    struct scene *s = scene_new();
    scene_file(s, "/etc/systemd/system/echo.socket", 0644, "[Socket]\nListenStream=/run/echo.sock\nAccept=yes\n");
    scene_file(s, "/etc/systemd/system/echo@.service", 0644, "[Unit]\nWants=helper.service\n" INETD);
    scene_file(s, "/etc/systemd/system/echo@.service.d/more.conf", 0644, "[Service]\nEnvironment=MORE=%i\n");
    scene_file(s, "/etc/systemd/system/helper.service", 0644, "[Service]\nExecStart=" ACTOR " sleep\n");
    scene_file(s, "/etc/systemd/system/default.target", 0644, "[Unit]\nWants=echo.socket\n");
    BOOT_WITH(s, state, "--systemd");
    scene_wait_event(s, "bound", "echo.socket", NULL);
    assert_int_equal(scene_count_events(s, "spawn", "helper.service", NULL), 0);
    int fd = scene_connect(s, "unix:/run/echo.sock");
    struct str answer = talk(s, fd);
    assert_memory_equal(str_text(&answer), "0-unknown", 9);
    scene_wait_event(s, "spawn", "helper.service", NULL);
    str_done(&answer);
    expect_stop(s, 0);
    life_expect_states_in_order(s, "echo@0-unknown.service", "dead", "sysinit.target", "dead");
    close(fd);
    scene_end(s);
}

/* ---- thousands ---- */

enum { WARM_UP = 200, MANY = 3000, AT_ONCE = 40, GROWTH_MAX_KIB = 160 };

/* One client after the other, and some at once; each waits for the end of what it gets. */
static void run_clients(struct scene *s, unsigned count)
{
    char script[512], number[16];
    struct str output = STR_EMPTY;
    (void)snprintf(number, sizeof number, "%u", count);
    (void)snprintf(
        script, sizeof script,
        "use Socket; for (my $n = 0; $n < $ARGV[0];) { my @all; for (1..%d) { last if $n++ >= $ARGV[0]; my $s;"
        "socket($s,AF_UNIX,SOCK_STREAM,0); connect($s,pack_sockaddr_un('/run/many.sock')) or die; push @all, $s;"
        "} for my $s (@all) { my $line = <$s>; $line eq \"served\\n\" or die \"got $line\"; <$s>; } }",
        AT_ONCE);
    const char *const argv[] = { "/usr/bin/perl", "-e", script, number, NULL };
    if (scene_exec(s, argv, &output) != 0) scene_fail(s, "clients: %s", str_text(&output));
    str_done(&output);
}

static void expect_no_more(const char *what, uint64_t before, uint64_t after, uint64_t room)
{
    if (after > before + room) fail_msg("%s: %lu before, %lu after", what, before, after);
}

static bool is_collected(struct scene *s, void *userdata)
{
    (void)userdata;
    return scene_count_events(s, "unit_state", NULL, "from", "running", NULL) +
               scene_count_events(s, "unit_state", NULL, "from", "stop-sigterm", NULL) >=
           WARM_UP;
}

/* K59: neither descriptors, memory, leaves, watches nor units are left of connections that have ended. */
static void test_many(void **state)
{
    struct scene *s = scene_new();
    scene_unit(s, "many.socket",
               "[Socket]\nListenStream=/run/many.sock\nAccept=yes\nTriggerLimitBurst=0\nPollLimitBurst=0\n"
               "MaxConnectionsPerSource=60\n");
    scene_unit(s, "many@.service",
               "[Unit]\nAfter=db.service\nRequires=db.service\n[Service]\nStandardInput=socket\nStandardError=journal\n"
               "ExecStart=" ACTOR " write 1 served\\n\n");
    scene_unit(s, "db.service", "[Service]\nExecStart=" ACTOR " sleep\n");
    struct scene_spec spec = life_spec(state);
    spec.plain = true;
    scene_boot(s, &spec);
    scene_wait_event(s, "bound", "many.socket", NULL);
    run_clients(s, WARM_UP);
    scene_wait(s, is_collected, NULL, "the ends of the first ones");
    struct rest before = rest_look(s);
    usec_t begin = scene_now();
    for (unsigned done = 0; done < MANY; done += WARM_UP) run_clients(s, WARM_UP); /* no wait is one for all of them */
    usec_t took = scene_now() - begin;
    scene_wait_nth_event(s, WARM_UP + MANY, "accepted", "many.socket", NULL);
    systemctl(s, "list-units --all", "many.socket", "many@");
    struct rest after = rest_look(s);
    print_message("  %u connections, %lu us each\n", (unsigned)MANY, took / MANY);
    expect_no_more("descriptors", before.fds, after.fds, 0);
    expect_no_more("watched descriptors", before.watched, after.watched, 0);
    expect_no_more("timers", before.timers, after.timers, 0);
    expect_no_more("inotify watches", before.inotify_watches, after.inotify_watches, 0);
    expect_no_more("processes", before.processes, after.processes, 0);
    expect_no_more("leaves", before.leaves, after.leaves, 0);
    expect_no_more("memory, KiB", before.anonymous_kib, after.anonymous_kib, GROWTH_MAX_KIB);
    assert_int_equal(scene_count_events(s, "refused", "many.socket", NULL), 0);
    expect_stop(s, 0);
    scene_end(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_BOTH_PLACES(test_inetd),
        cmocka_unit_test(test_passed),
        cmocka_unit_test(test_names_itself),
        cmocka_unit_test(test_end_of_stream),
        cmocka_unit_test(test_max_connections),
        cmocka_unit_test(test_max_per_source),
        IN_BOTH_PLACES(test_failures),
        IN_BOTH_PLACES(test_left_behind),
        cmocka_unit_test(test_decides),
        cmocka_unit_test(test_hang_up),
        cmocka_unit_test(test_relations),
        cmocka_unit_test(test_systemd),
        IN_BOTH_PLACES(test_many),
    };
    scene_skip_unless_possible();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
