/* tests/e2e/test_listen.c - everything a socket unit can listen on, and every option of it, as the service finds it. */
#include "tests/e2e/expect.h"
#include "tests/e2e/harness_internal.h"
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ACTOR "/usr/local/bin/actor"

static bool look(struct scene *s, const char *path, struct stat *st)
{
    char buffer[PATH_MAX];
    return lstat(box_path(scene_box(s), path, buffer), st) == 0;
}

static void send_in_box(struct scene *s, const char *kind, const char *to, const char *text)
{
    struct str output = STR_EMPTY;
    const char *const argv[] = { ACTOR, "send", kind, to, text, NULL };
    int status = scene_exec(s, argv, &output);
    if (status != 0) scene_fail(s, "send %s %s: %d: %s", kind, to, status, str_text(&output));
    str_done(&output);
}

/* ---- kinds ---- */

static const struct {
    const char *label, *line, *kind, *to, *network;
} kinds[] = {
    { "stream", "ListenStream=/run/l/stream", "stream", "/run/l/stream", "unix" },
    { "datagrams", "ListenDatagram=/run/l/dgram", "dgram", "/run/l/dgram", "unixgram" },
    { "datagrams, abstract", "ListenDatagram=@listen-dgram", "dgram", "@listen-dgram", "unixgram" },
    { "UDP", "ListenDatagram=127.0.0.1:4711", "dgram", "127.0.0.1:4711", "udp" },
    { "UDP on every address", "ListenDatagram=4712", "dgram", "127.0.0.1:4712", "udp" },
    { "sequential packets", "ListenSequentialPacket=/run/l/seq", "seqpacket", "/run/l/seq", "unixpacket" },
    { "sequential packets, abstract", "ListenSequentialPacket=@listen-seq", "seqpacket", "@listen-seq", "unixpacket" },
    { "FIFO", "ListenFIFO=/run/l/fifo", "fifo", "/run/l/fifo", "fifo" },
};

/* Each starts its service with the first message, which the service gets from a blocking descriptor; and again. */
static void test_kinds(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    char name[64], text[256], want[256];
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        (void)snprintf(name, sizeof name, "k%zu.socket", i);
        (void)snprintf(text, sizeof text, "[Socket]\n%s\nRemoveOnStop=yes\n", kinds[i].line);
        scene_unit(s, name, text);
        (void)snprintf(name, sizeof name, "k%zu.service", i);
        (void)snprintf(text, sizeof text, "[Service]\nExecStart=" ACTOR " receive /scene/got%zu\n", i);
        scene_unit(s, name, text);
    }
    scene_boot(s, NULL);
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        print_message("  %s\n", kinds[i].label);
        (void)snprintf(name, sizeof name, "k%zu.socket", i);
        scene_wait_event(s, "bound", name, "network", kinds[i].network, NULL);
        (void)snprintf(want, sizeof want, "fd=3 blocking %s first\n", kinds[i].kind);
        (void)snprintf(text, sizeof text, "got%zu", i);
        send_in_box(s, kinds[i].kind, kinds[i].to, "first");
        scene_wait_file(s, text, want);
        scene_wait_event(s, "rearmed", name, NULL);
        send_in_box(s, kinds[i].kind, kinds[i].to, "second");
        scene_wait_file(s, text, "second\n");
    }
    scene_stop(s, SIGTERM);
    assert_int_equal(scene_exit_code(s), 0);
    scene_end(s);
}

/* ---- K46, K47, K48: nodes of every kind ---- */

static const struct {
    const char *label, *settings;
    unsigned mode, uid, gid;
} rights[] = {
    { "SocketMode=0600", "SocketMode=0600", 0600, 0, 0 },
    { "SocketMode=0000", "SocketMode=0000", 0000, 0, 0 },
    { "omitted", "", 0666, 0, 0 },
    { "SocketUser=, SocketGroup=", "SocketUser=app\nSocketGroup=helpers\nSocketMode=0640", 0640, 4711, 4712 },
};
static const struct {
    const char *directive;
    mode_t type;
} nodes[] = {
    { "ListenDatagram=", S_IFSOCK },
    { "ListenSequentialPacket=", S_IFSOCK },
    { "ListenFIFO=", S_IFIFO },
};

static void test_nodes(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    char name[64], text[256];
    scene_user(s, "app", 4711, "/home/app");
    scene_user(s, "helpers", 4712, "/");
    for (size_t i = 0; i < COUNT_OF(rights) * COUNT_OF(nodes); i++) {
        (void)snprintf(text, sizeof text, "[Socket]\n%s/run/deep/er/%zu\nDirectoryMode=0751\n%s\n",
                       nodes[i / COUNT_OF(rights)].directive, i, rights[i % COUNT_OF(rights)].settings);
        (void)snprintf(name, sizeof name, "n%zu.socket", i);
        scene_unit(s, name, text);
        (void)snprintf(name, sizeof name, "n%zu.service", i);
        scene_unit(s, name, "[Service]\nExecStart=" ACTOR " receive /scene/got\n");
    }
    struct scene_spec spec = SCENE_SPEC_DEFAULT;
    spec.prefix[0] = "/bin/sh", spec.prefix[1] = "-c", spec.prefix[2] = "umask 0; exec \"$0\" \"$@\""; /* K47 */
    scene_boot(s, &spec);
    scene_wait_event(s, "startup_finished", NULL, NULL);
    for (size_t i = 0; i < COUNT_OF(rights) * COUNT_OF(nodes); i++) {
        struct stat st;
        size_t r = i % COUNT_OF(rights), n = i / COUNT_OF(rights);
        print_message("  %s with %s\n", nodes[n].directive, rights[r].label);
        (void)snprintf(name, sizeof name, "/run/deep/er/%zu", i);
        if (!look(s, name, &st)) scene_fail(s, "%s is not there", name);
        if ((st.st_mode & S_IFMT) != nodes[n].type || (st.st_mode & 07777) != rights[r].mode ||
            st.st_uid != rights[r].uid || st.st_gid != rights[r].gid)
            scene_fail(s, "%s: mode %o, owner %u:%u", name, (unsigned)st.st_mode, st.st_uid, st.st_gid);
        assert_true(look(s, "/run/deep", &st) && (st.st_mode & 07777) == 0751);
    }
    expect_stop(s, 0);
    scene_end(s);
}

int main(void)
{
    scene_skip_unless_possible();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_nodes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
