/* tests/e2e/test_handover.c - what a service gets of its sockets: which, in which order, under which names and in which
 * mode; as standard streams; and that none of its clients notices when it is started again. */
#include "tests/e2e/expect.h"
#include "tests/e2e/harness_internal.h"
#include "tests/e2e/life.h"
#include <errno.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define SYSTEMCTL "/usr/local/bin/systemctl"
#define LISTEN    "[Service]\nExecStart=" ACTOR " listen\n"

/* The program by the name that scripts call. */
static void install(struct scene *s)
{
    char where[512];
    scene_file(s, "/usr/local/bin/.keep", 0644, "");
    (void)snprintf(where, sizeof where, "%s/root" SYSTEMCTL, scene_dir(s));
    assert_int_equal(symlink("container-init", where), 0);
}

static void systemctl(struct scene *s, const char *verb, const char *unit)
{
    const char *const argv[] = { SYSTEMCTL, verb, unit, NULL };
    struct str output = STR_EMPTY;
    int status = scene_exec(s, argv, &output);
    if (status != 0) scene_fail(s, "systemctl %s %s: %s", verb, unit, str_text(&output));
    str_done(&output);
}

/* Connects, and compares a part of the greeting. */
static void expect_greeting(struct scene *s, const char *address, const char *want)
{
    int fd = scene_connect(s, address);
    struct str got = scene_receive(s, fd, "\n");
    if (!strstr(str_text(&got), want)) scene_fail(s, "%s answered %s, not %s", address, str_text(&got), want);
    str_done(&got);
    close(fd);
}

/* ---- order, names, numbers ---- */

struct file {
    const char *name, *text;
};

static void add_units(struct scene *s, const struct file *units)
{
    for (; units->name; units++) scene_unit(s, units->name, units->text);
}

/* Each row: one service, and what it says at each of its sockets. */
static const struct handover {
    const char *label;
    struct file units[7];
    struct {
        const char *address, *greeting;
    } answers[6];
} handovers[] = {
    { "two sockets of one unit, in the order of their lines", /* K54 */
      { { "a.service", LISTEN }, { "a.socket", "[Socket]\nListenStream=/run/z\nListenStream=/run/y\n" } },
      { { "unix:/run/y", "listen_fds=2 listen_fdnames=a.socket:a.socket fd=4" },
        { "unix:/run/z", "listen_fds=2 listen_fdnames=a.socket:a.socket fd=3" } } },
    { "several units, in the order of their names", /* K54, D13 */
      { { "b.service", LISTEN },
        { "z.socket", "[Socket]\nListenStream=/run/z\nService=b.service\nFileDescriptorName=first\n" },
        { "b.socket", "[Socket]\nListenStream=/run/b\n" },
        { "y.socket", "[Socket]\nListenStream=/run/y\nService=b.service\nFileDescriptorName=admin\n" } },
      { { "unix:/run/z", "listen_fds=3 listen_fdnames=b.socket:admin:first fd=5" },
        { "unix:/run/y", "listen_fdnames=b.socket:admin:first fd=4" },
        { "unix:/run/b", "listen_fdnames=b.socket:admin:first fd=3" } } },
    { "Sockets= of another stem, and one's own", /* systemd.service(5) */
      { { "c.service", "[Service]\nSockets=more.socket even.socket\nExecStart=" ACTOR " listen\n" },
        { "c.socket", "[Socket]\nListenStream=/run/c\n" },
        { "more.socket", "[Socket]\nListenStream=/run/more\nService=elsewhere.service\n" },
        { "even.socket", "[Socket]\nListenStream=/run/even\nService=elsewhere.service\nFileDescriptorName=e\n" },
        { "elsewhere.service", "[Service]\nExecStart=" ACTOR " mark /scene/elsewhere started\n" } },
      { { "unix:/run/c", "listen_fds=3 listen_fdnames=c.socket:e:more.socket fd=3" },
        { "unix:/run/more", "fd=5" },
        { "unix:/run/even", "fd=4" } } },
    { "a name with a colon is none", /* K56 */
      { { "d.service", LISTEN }, { "x:y.socket", "[Socket]\nListenStream=/run/d\nService=d.service\n" } },
      { { "unix:/run/d", "listen_fds=1 listen_fdnames=unknown fd=3" } } },
    { "sockets to be written to at once, and waited for", /* systemd.service(5), NonBlocking= */
      { { "n.service", "[Service]\nNonBlocking=yes\nExecStart=" ACTOR " listen\n" },
        { "n.socket", "[Socket]\nListenStream=/run/n\n" },
        { "w.service", LISTEN },
        { "w.socket", "[Socket]\nListenStream=/run/w\n" } },
      { { "unix:/run/n", "mode=nonblock" }, { "unix:/run/w", "mode=block" } } },
};

/* K54-K56, D13. LISTEN_PID and LISTEN_PIDFDID are those of the program itself (K55); inherited ones reach nobody
 * (K61). */
static void test_handover(void **state)
{
    for (size_t i = 0; i < COUNT_OF(handovers); i++) {
        struct scene *s = scene_new();
        struct scene_spec spec = life_spec(state);
        print_message("  %s\n", handovers[i].label);
        static const char *const inherited[] = { "LISTEN_PID=1", "LISTEN_FDS=0", "LISTEN_FDNAMES=outer",
                                                 "LISTEN_PIDFDID=1" };
        for (size_t k = 0; k < COUNT_OF(inherited); k++) assert_int_equal(box_spec_env(&spec.box, inherited[k]), 0);
        add_units(s, handovers[i].units);
        scene_unit(s, "bare.service", "[Service]\nExecStart=" ACTOR " report /scene/bare -- sleep\n");
        scene_boot(s, &spec);
        scene_wait_event(s, "startup_finished", NULL, NULL);
        for (size_t k = 0; handovers[i].answers[k].address; k++)
            expect_greeting(s, handovers[i].answers[k].address, handovers[i].answers[k].greeting);
        expect_greeting(s, handovers[i].answers[0].address, "pidfdid=right");
        int fd = scene_connect(s, handovers[i].answers[0].address);
        struct str got = scene_receive(s, fd, "\n");
        unsigned pid = (unsigned)strtoul(strchr(str_text(&got), '=') + 1, NULL, 10);
        char want[64];
        (void)snprintf(want, sizeof want, "pid=%u listen_pid=%u ", pid, pid); /* K55 */
        assert_int_equal(strncmp(str_text(&got), want, strlen(want)), 0);
        str_done(&got);
        close(fd);
        static const char *const absent[] = { "env.LISTEN_FDS", "env.LISTEN_PID", "env.LISTEN_FDNAMES",
                                              "env.LISTEN_PIDFDID" };
        for (size_t k = 0; k < COUNT_OF(absent); k++) expect_report(s, "bare", absent[k], NULL); /* K61 */
        assert_int_equal(scene_count_events(s, "spawn", "elsewhere.service", NULL), 0);
        scene_stop(s, SIGTERM);
        assert_int_equal(scene_exit_code(s), 0);
        scene_end(s);
    }
}

/* A kernel whose pidfds have no number: the variable is not there, and the rest is as ever. */
static void test_without_pidfd_numbers(void **state)
{
    struct scene *s = scene_new();
    struct scene_spec spec = life_spec(state);
    assert_int_equal(box_spec_deny(&spec.box, "pidfd_open", "ENOSYS"), 0);
    scene_unit(s, "a.socket", "[Socket]\nListenStream=/run/a\n");
    scene_unit(s, "a.service", LISTEN);
    scene_boot(s, &spec);
    scene_wait_event(s, "bound", "a.socket", NULL);
    expect_greeting(s, "unix:/run/a", "listen_fds=1 listen_fdnames=a.socket fd=3 pidfdid=- ");
    expect_stop(s, 0);
    scene_end(s);
}

/* systemd.service(5), Sockets=: the same descriptors go to several services, and another one may be started by the
 * traffic. While any of them is up it serves, and nobody else is started; then the socket waits again. D16: Sockets=
 * does not hold a service back. */
static void test_shared_socket(void **state)
{
    struct scene *s = scene_new();
    install(s);
    scene_unit(s, "shared.socket", "[Socket]\nListenStream=/run/shared\n");
    scene_unit(s, "shared.service", "[Service]\nExecStart=" ACTOR " listen-once\n");
    scene_unit(s, "eager.service", "[Service]\nSockets=shared.socket\nExecStart=" ACTOR " listen /scene/eager\n");
    BOOT_WITH(s, state, "--stay");
    scene_wait_event(s, "startup_finished", NULL, NULL);
    expect_greeting(s, "unix:/run/shared", "listen_fds=1 listen_fdnames=shared.socket fd=3");
    assert_int_equal(scene_count_events(s, "spawn", "eager.service", NULL), 1); /* at boot, by nobody's traffic */
    assert_int_equal(scene_count_events(s, "spawn", "shared.service", NULL), 0);
    systemctl(s, "stop", "eager.service");
    scene_wait_event(s, "rearmed", "shared.socket", "service", "eager.service", NULL);
    expect_greeting(s, "unix:/run/shared", "listen_fdnames=shared.socket");
    scene_wait_nth_event(s, 1, "rearmed", "shared.socket", "service", "shared.service", NULL);
    assert_int_equal(scene_count_events(s, "spawn", "shared.service", NULL), 1);
    print_message("  both at once: it waits again when the last one has gone\n");
    systemctl(s, "start", "eager.service");
    systemctl(s, "start", "shared.service");
    systemctl(s, "stop", "eager.service");
    expect_greeting(s, "unix:/run/shared", "listen_fdnames=shared.socket");
    scene_wait_nth_event(s, 2, "rearmed", "shared.socket", "service", "shared.service", NULL);
    assert_int_equal(scene_count_events(s, "rearmed", "shared.socket", "service", "eager.service", NULL), 1);
    struct str output = STR_EMPTY;
    const char *const show[] = { SYSTEMCTL, "show", "-p", "TriggeredBy", "eager.service", NULL };
    assert_int_equal(scene_exec(s, show, &output), 0);
    assert_string_equal(str_text(&output), "TriggeredBy=shared.socket\n");
    str_done(&output);
    expect_stop(s, 0);
    scene_end(s);
}

/* ---- standard streams ---- */

/* systemd.exec(5): the unit's one socket, or a descriptor by its name; each in its default name as well. */
static const struct {
    const char *label;
    struct file units[4];
    const char *address;
    const char *log; /* NULL: it answers; else why it does not */
} streams[] = {
    { "StandardInput=socket: the one listener, blocking, and no LISTEN_FDS",
      { { "a.socket", "[Socket]\nListenStream=/run/a\n" },
        { "a.service", "[Service]\nStandardInput=socket\nNonBlocking=yes\nStandardOutput=journal\n"
                       "ExecStart=" ACTOR " report /scene/report -- listen-on 0\n" } },
      "unix:/run/a",
      NULL },
    { "StandardError=socket alone",
      { { "a.socket", "[Socket]\nListenStream=/run/a\n" },
        { "a.service", "[Service]\nStandardError=socket\nExecStart=" ACTOR " report /scene/report -- listen-on 2\n" } },
      "unix:/run/a",
      NULL },
    { "an output that is not written inherits",
      { { "a.socket", "[Socket]\nListenStream=/run/a\n" },
        { "a.service", "[Service]\nStandardInput=socket\nExecStart=" ACTOR " report /scene/report -- listen-on 1\n" } },
      "unix:/run/a",
      NULL },
    { "StandardInput=fd: is fd:stdin",
      { { "a.socket", "[Socket]\nListenStream=/run/a\nFileDescriptorName=stdin\n" },
        { "b.socket", "[Socket]\nListenStream=/run/b\nService=a.service\n" },
        { "a.service", "[Service]\nStandardInput=fd\nStandardOutput=journal\nExecStart=" ACTOR " listen-on 0\n" } },
      "unix:/run/a",
      NULL },
    { "StandardOutput=fd:NAME of Sockets=, the first of that name",
      { { "a.socket", "[Socket]\nListenStream=/run/a\nListenStream=/run/not\nService=none.service\n" },
        { "none.service", "[Service]\nExecStart=" ACTOR " sleep\n" },
        { "a.service",
          "[Service]\nSockets=a.socket\nStandardOutput=fd:a.socket\nExecStartPre=/bin/true\nExecStart=" ACTOR
          " listen-on 1\n" } },
      "unix:/run/a",
      NULL },
    { "more than one socket",
      { { "a.socket", "[Socket]\nListenStream=/run/a\nListenStream=/run/b\n" },
        { "a.service", "[Service]\nStandardInput=socket\nExecStart=" ACTOR " sleep\n" } },
      "unix:/run/a",
      "opening standard input: more than one socket was passed: Invalid argument" },
    { "no descriptor of that name",
      { { "a.socket", "[Socket]\nListenStream=/run/a\n" },
        { "a.service", "[Service]\nStandardError=fd:other\nExecStart=" ACTOR " sleep\n" } },
      "unix:/run/a",
      "opening standard error: fd:other: No such file or directory" },
};

static void test_streams(void **state)
{
    for (size_t i = 0; i < COUNT_OF(streams); i++) {
        struct scene *s = scene_new();
        print_message("  %s\n", streams[i].label);
        add_units(s, streams[i].units);
        life_boot(s, state);
        scene_wait_event(s, "bound", "a.socket", NULL);
        int fd = scene_connect(s, streams[i].address);
        if (streams[i].log) {
            scene_wait_log(s, streams[i].log);
            scene_wait_event(s, "start_failed", "a.service", NULL);
        } else {
            struct str got = scene_receive(s, fd, "\n");
            assert_int_equal(strncmp(str_text(&got), "served by ", 10), 0);
            str_done(&got);
        }
        close(fd);
        if (strstr(streams[i].units[1].text, "report")) {
            expect_report(s, "report", "env.LISTEN_FDS", NULL);
            expect_report(s, "report", "fds", "0 1 2");
        }
        scene_stop(s, SIGTERM);
        (void)scene_exit_code(s);
        scene_end(s);
    }
}

/* Without any socket: the status is the one of the step, 208/STDIN. */
static void test_stream_without_socket(void **state)
{
    struct scene *s = scene_new();
    scene_unit(s, "a.service",
               "[Service]\nExitContainerOnFailure=true\nStandardInput=socket\nExecStart=" ACTOR " sleep\n");
    assert_int_equal(life_run(s, state), 208);
    expect_log(s, "opening standard input: no socket was passed: Invalid argument");
    scene_end(s);
}

/* Stored descriptors come behind the sockets, and NonBlocking= is not for them (systemd.service(5)). */
static void test_stored_behind_sockets(void **state)
{
    struct scene *s = scene_new();
    install(s);
    scene_unit(s, "a.socket", "[Socket]\nListenStream=/run/a\n");
    scene_unit(s, "a.service",
               "[Service]\nType=notify\nFileDescriptorStoreMax=4\nNonBlocking=yes\n"
               "ExecStart=" ACTOR " notify-store-file kept /scene/out -- notify READY=1 -- exec /bin/sh -c \""
               "grep -h flags /proc/self/fdinfo/[34] >> /scene/flags; exec " ACTOR " listen\"\n");
    BOOT_WITH(s, state, "--stay");
    scene_touch(s, "out");
    scene_wait_event(s, "bound", "a.socket", NULL);
    expect_greeting(s, "unix:/run/a", "listen_fds=1 listen_fdnames=a.socket fd=3");
    systemctl(s, "restart", "a.service");
    expect_greeting(s, "unix:/run/a", "listen_fds=2 listen_fdnames=a.socket:kept fd=3");
    char *flags = scene_read(s, "flags"), *line = flags;
    for (int i = 0; i < 3; i++, line = strchr(line, '\n') + 1) { /* once alone, then both */
        assert_int_equal(strncmp(line, "flags:", 6), 0);
        bool blocks = !(strtoul(line + 6, NULL, 8) & O_NONBLOCK);
        assert_int_equal(blocks, i == 2);
    }
    free(flags);
    expect_stop(s, 0);
    scene_end(s);
}

/* ---- nobody notices ---- */

/* The server leaves between two connections only, so a client that gets no answer was refused, or was reset before it
 * was accepted. */
static const struct hammered {
    const char *name, *directives, *path, *port;
} hammered[] = {
    { "asked", "Type=notify\nExecReload=/bin/kill -HUP $MAINPID\nExecStart=" ACTOR " serve 0 0\n", "/run/asked",
      "7001" },
    { "exits", "Restart=always\nRestartSec=0\nExecStart=" ACTOR " serve 5 1\n", "/run/exits", "7002" },
    { "crashes", "Restart=on-failure\nRestartSec=0\nExecStart=" ACTOR " serve 5 KILL\n", "/run/crashes", "7003" },
    { "lazy", "ExecStart=" ACTOR " serve 5 0\n", "/run/lazy", "7004" },
};

static void expect_no_losses(struct scene *s, const char *address)
{
    char *counts = scene_read(s, "counts"), prefix[64];
    (void)snprintf(prefix, sizeof prefix, "%s served=", address);
    const char *line = counts ? strstr(counts, prefix) : NULL;
    if (!line) scene_fail(s, "no count of %s", address);
    unsigned long served = strtoul(line + strlen(prefix), NULL, 10);
    char want[128];
    (void)snprintf(want, sizeof want, "%s%lu refused=0 lost=0\n", prefix, served);
    if (served < 50 || strncmp(line, want, strlen(want)) != 0) scene_fail(s, "%.100s", line);
    print_message("  %.*s\n", (int)strcspn(line, "\n"), line);
    free(counts);
}

/* Issue 5, line 3; K57: 50 restarts each by request, by exit, by crash and by the next connection, and ten reloads: not
 * one connection is refused, reset before it was accepted, or forgotten. */
static void test_no_connection_is_lost(void **state)
{
    struct scene *s = scene_new();
    install(s);
    struct str clients = STR_EMPTY;
    for (size_t i = 0; i < COUNT_OF(hammered); i++) {
        char name[64], text[512];
        (void)snprintf(name, sizeof name, "%s.socket", hammered[i].name);
        (void)snprintf(text, sizeof text, "[Socket]\nListenStream=127.0.0.1:%s\nListenStream=%s\nTriggerLimitBurst=0\n",
                       hammered[i].port, hammered[i].path);
        scene_unit(s, name, text);
        (void)snprintf(name, sizeof name, "%s.service", hammered[i].name);
        (void)snprintf(text, sizeof text, "[Service]\n%s", hammered[i].directives);
        scene_unit(s, name, text);
        assert_int_equal(str_appendf(&clients,
                                     ACTOR " hammer %s /scene/stop /scene/counts >/dev/null 2>&1 & " ACTOR
                                           " hammer %s /scene/stop /scene/counts >/dev/null 2>&1 & ",
                                     hammered[i].path, hammered[i].port),
                         0);
    }
    BOOT_WITH(s, state, "--stay");
    scene_wait_event(s, "startup_finished", NULL, NULL);
    const char *const argv[] = { "/bin/sh", "-c", str_text(&clients), NULL };
    assert_int_equal(scene_exec(s, argv, NULL), 0);
    scene_wait_event(s, "spawn", "asked.service", NULL);
    for (int i = 0; i < 50; i++) {
        systemctl(s, "restart", "asked.service");
        if (i % 5 == 0) systemctl(s, "reload", "asked.service");
    }
    for (size_t i = 0; i < COUNT_OF(hammered); i++) {
        char name[64];
        (void)snprintf(name, sizeof name, "%s.service", hammered[i].name);
        scene_wait_nth_event(s, 51, "spawn", name, NULL);
    }
    scene_touch(s, "stop");
    for (size_t i = 0; i < COUNT_OF(hammered); i++) {
        char want[64];
        (void)snprintf(want, sizeof want, "%s served=", hammered[i].path);
        scene_wait_file(s, "counts", want);
        (void)snprintf(want, sizeof want, "%s served=", hammered[i].port);
        scene_wait_file(s, "counts", want);
        expect_no_losses(s, hammered[i].path);
        expect_no_losses(s, hammered[i].port);
    }
    print_message("  a restart on request does not go by way of the socket\n");
    assert_int_equal(scene_count_events(s, "rearmed", "asked.socket", NULL), 0);
    assert_int_equal(scene_count_events(s, "socket_failed", NULL, NULL), 0);
    str_done(&clients);
    scene_stop(s, SIGTERM);
    assert_int_equal(scene_exit_code(s), 0);
    scene_end(s);
}

/* ---- the container itself is activated ---- */

#define RECEIVE "[Service]\nExecStart=" ACTOR " receive /scene/got-%N\n"

static void boot_with(struct scene *s, void **state, const char *names, const char *const *addresses)
{
    struct scene_spec spec = life_spec(state);
    size_t n = 0;
    spec.prefix[n++] = ACTOR, spec.prefix[n++] = "pass-in", spec.prefix[n++] = names;
    for (size_t i = 0; addresses[i]; i++) spec.prefix[n++] = addresses[i];
    spec.prefix[n++] = "--", spec.prefix[n] = "exec";
    spec.args[0] = "--stay";
    scene_boot(s, &spec);
    scene_wait_event(s, "startup_finished", NULL, NULL);
}

static void send_message(struct scene *s, const char *kind, const char *address, const char *text)
{
    const char *const argv[] = { ACTOR, "send", kind, address, text, NULL };
    assert_int_equal(scene_exec(s, argv, NULL), 0);
}

/* Every kind, by its name and by its address: the service gets the descriptor in the mode that its NonBlocking= says,
 * whichever it was passed in with, and nothing else is bound. */
static const struct adopted {
    const char *kind, *passed, *address, *line_by_name, *line_by_address;
} adopted[] = {
    { "stream", "stream=/run/o-stream", "/run/o-stream", "ListenStream=/run/never", "ListenStream=/run/o-stream" },
    { "stream", "stream=7201", "127.0.0.1:7201", "ListenStream=7999", "ListenStream=127.0.0.1:7201" },
    { "stream", "stream=@o-abstract", "@o-abstract", "ListenStream=@never", "ListenStream=@o-abstract" },
    { "dgram", "dgram=/run/o-dgram", "/run/o-dgram", "ListenDatagram=/run/never", "ListenDatagram=/run/o-dgram" },
    { "dgram", "dgram=7202", "127.0.0.1:7202", "ListenDatagram=7999", "ListenDatagram=127.0.0.1:7202" },
    { "seqpacket", "seqpacket=@o-seq", "@o-seq", "ListenSequentialPacket=@never", "ListenSequentialPacket=@o-seq" },
    { "fifo", "fifo=/run/o-fifo", "/run/o-fifo", "ListenFIFO=/run/never", "ListenFIFO=/run/o-fifo" },
    { "mqueue", "mqueue=/o-queue", "/o-queue", "ListenMessageQueue=/never", "ListenMessageQueue=/o-queue" },
};

static void test_adopted(void **state)
{
    const char *passed[COUNT_OF(adopted) + 1] = { NULL };
    for (int by_name = 0; by_name < 2; by_name++) {
        struct scene *s = scene_new();
        struct str names = STR_EMPTY;
        print_message("  by %s\n", by_name ? "name" : "address");
        for (size_t i = 0; i < COUNT_OF(adopted); i++) {
            char name[64], text[256];
            (void)snprintf(name, sizeof name, "u%zu.socket", i);
            (void)snprintf(text, sizeof text, "[Socket]\n%s\n",
                           by_name ? adopted[i].line_by_name : adopted[i].line_by_address);
            scene_unit(s, name, text);
            assert_int_equal(
                str_appendf(&names, "%s%s%s", i > 0 ? ":" : "", by_name ? name : "x", by_name ? "" : "-of-nobody"), 0);
            (void)snprintf(name, sizeof name, "u%zu.service", i);
            scene_unit(s, name, RECEIVE);
            passed[i] = adopted[i].passed;
        }
        boot_with(s, state, str_text(&names), passed);
        for (size_t i = 0; i < COUNT_OF(adopted); i++) {
            char name[64], want[128];
            print_message("  %s\n", adopted[i].passed);
            send_message(s, adopted[i].kind, adopted[i].address, "hello");
            (void)snprintf(name, sizeof name, "got-u%zu", i);
            (void)snprintf(want, sizeof want, "fd=3 blocking %s hello\n", adopted[i].kind);
            scene_wait_file(s, name, "\n");
            char *got = scene_read(s, name); /* the end of its line may start the reader of a FIFO again */
            if (strncmp(got, want, strlen(want)) != 0) scene_fail(s, "%s is %s, not %s", name, got, want);
            free(got);
        }
        expect_no_log(s, "LISTEN_FDS=:");
        str_done(&names);
        expect_stop(s, 0);
        scene_end(s);
    }
}

/* What cannot be used is told of, each for its reason, and closed: no service and no socket has it. A unit that is
 * matched in part binds the rest. */
static void test_not_adopted(void **state)
{
    static const char *const passed[] = { "pair=",     "bound=7301", "file=/etc/passwd", "dgram=7302", "netlink=1",
                                          "/run/half", NULL };
    struct scene *s = scene_new();
    scene_unit(s, "a.socket", "[Socket]\nListenStream=127.0.0.1:7302\nListenStream=/run/half\n");
    scene_unit(s, "a.service", LISTEN);
    boot_with(s, state, "connection:a.socket:a.socket:a.socket::", passed);
    scene_wait_log(s, "LISTEN_FDS=: descriptor 3 (connection) is a connection, not what accepts them; closed");
    scene_wait_log(s, "LISTEN_FDS=: descriptor 4 (a.socket) is a socket that does not listen; closed");
    scene_wait_log(s, "LISTEN_FDS=: descriptor 5 (a.socket): no socket unit takes it; closed");
    scene_wait_log(s, "LISTEN_FDS=: descriptor 6 (a.socket): no socket unit takes it; closed");
    scene_wait_log(s, "LISTEN_FDS=: descriptor 7 (unknown): no socket unit takes it; closed");
    expect_log(s, "socket a.socket: descriptor 8 (unknown) was passed in for /run/half");
    expect_greeting(s, "unix:/run/half", "listen_fds=2 listen_fdnames=a.socket:a.socket fd=4");
    expect_greeting(s, "tcp:127.0.0.1:7302", "fd=3");
    expect_stop(s, 0);
    scene_end(s);
}

/* Where the rest of a unit is opened by a copy of PID 1, which has none of these descriptors, each line still has its
 * own. */
static void test_adopted_beside_far_lines(void **state)
{
    struct scene *s = scene_new();
    struct scene_spec spec = life_spec(state);
    static const char *const prefix[] = { ACTOR, "pass-in", "-", "@near", "7501", "--", "exec", NULL };
    for (size_t i = 0; prefix[i]; i++) spec.prefix[i] = prefix[i];
    spec.box.setup = "mkdir -p /run/low /run/up /run/work /far && "
                     "mount -t overlay far -o lowerdir=/run/low,upperdir=/run/up,workdir=/run/work /far";
    scene_unit(s, "a.socket",
               "[Socket]\nListenStream=/far/first\nListenStream=@near\nListenStream=/far/last\n"
               "ListenStream=127.0.0.1:7501\n");
    scene_unit(s, "a.service", LISTEN);
    scene_boot(s, &spec);
    scene_wait_nth_event(s, 4, "bound", "a.socket", NULL);
    expect_greeting(s, "unix:/far/first", "listen_fds=4 listen_fdnames=a.socket:a.socket:a.socket:a.socket fd=3");
    expect_greeting(s, "abstract:near", "fd=4");
    expect_greeting(s, "unix:/far/last", "fd=5");
    expect_greeting(s, "tcp:127.0.0.1:7501", "fd=6");
    expect_stop(s, 0);
    scene_end(s);
}

/* A unit that is stopped and started again has the same descriptor again, and who came meanwhile is served. */
static void test_adopted_again(void **state)
{
    static const char *const passed[] = { "/run/outer", "7401", NULL };
    struct scene *s = scene_new();
    install(s);
    scene_unit(s, "a.socket", "[Socket]\nListenStream=/run/inner\nRemoveOnStop=yes\n");
    scene_unit(s, "a.service", LISTEN);
    scene_unit(s, "p.socket",
               "[Socket]\nListenStream=127.0.0.1:7499\nActivationMode=proxy\nProxyTarget=127.0.0.1:7402\n");
    scene_unit(s, "p.service", "[Service]\nExecStart=" ACTOR " tcp-echo 127.0.0.1 7402\n");
    boot_with(s, state, "a.socket:p.socket", passed);
    for (int i = 0; i < 3; i++) {
        expect_greeting(s, "unix:/run/outer", "listen_fds=1 listen_fdnames=a.socket fd=3 pidfdid=right mode=block");
        systemctl(s, "stop", "a.service");
        systemctl(s, "stop", "a.socket");
        int fd = scene_connect(s, "unix:/run/outer");
        systemctl(s, "start", "a.socket");
        struct str got = scene_receive(s, fd, "\n");
        str_done(&got);
        close(fd);
        fd = scene_connect(s, "tcp:127.0.0.1:7401");
        scene_send(s, fd, "through\n");
        got = scene_receive(s, fd, "through\n");
        str_done(&got);
        close(fd);
        systemctl(s, "restart", "p.socket");
    }
    int fd;
    assert_int_equal(box_connect(scene_box(s), "unix:/run/inner", 0, 0, &fd), -ENOENT);
    expect_stop(s, 0);
    scene_end(s);
}

/* With Accept=yes the listener, passed in or bound, is PID 1's alone: whoever else accepted from it would take what PID
 * 1 was just told of. */
static void test_accept_is_ours(void **state)
{
    static const char *const passed[] = { "/run/outer", NULL };
    struct scene *s = scene_new();
    scene_unit(s, "a.socket", "[Socket]\nListenStream=/run/never\nListenStream=/run/bound\nAccept=yes\n");
    scene_unit(s, "a@.service", "[Service]\nStandardInput=socket\nExecStart=/bin/cat\n");
    scene_unit(s, "b.service", "[Service]\nSockets=a.socket\nExecStart=" ACTOR " report /scene/b -- sleep\n");
    boot_with(s, state, "a.socket", passed);
    expect_report(s, "b", "env.LISTEN_FDS", NULL);
    expect_report(s, "b", "fds", "0 1 2");
    static const char *const addresses[] = { "unix:/run/outer", "unix:/run/bound", "unix:/run/outer" };
    for (size_t i = 0; i < COUNT_OF(addresses); i++) {
        int fd = scene_connect(s, addresses[i]);
        scene_send(s, fd, "hello\n");
        struct str got = scene_receive(s, fd, "hello\n");
        str_done(&got);
        close(fd);
    }
    expect_stop(s, 0);
    scene_end(s);
}

int main(void)
{
    scene_skip_unless_possible();
    const struct CMUnitTest tests[] = {
        IN_BOTH_PLACES(test_handover),
        cmocka_unit_test(test_without_pidfd_numbers),
        cmocka_unit_test(test_shared_socket),
        cmocka_unit_test(test_streams),
        cmocka_unit_test(test_stream_without_socket),
        cmocka_unit_test(test_stored_behind_sockets),
        cmocka_unit_test(test_no_connection_is_lost),
        IN_BOTH_PLACES(test_adopted),
        cmocka_unit_test(test_not_adopted),
        cmocka_unit_test(test_adopted_beside_far_lines),
        cmocka_unit_test(test_adopted_again),
        cmocka_unit_test(test_accept_is_ours),
    };
    return cmocka_run_group_tests_name("handover", tests, NULL, NULL);
}
