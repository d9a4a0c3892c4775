/* tests/e2e/test_listen.c - everything a socket unit can listen on, and every option of it, as the service finds it. */
#include "tests/e2e/expect.h"
#include "tests/e2e/harness_internal.h"
#include <limits.h>
#include <linux/vm_sockets.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
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
    { "message queue", "ListenMessageQueue=/listen-queue", "mqueue", "/listen-queue", "mqueue" },
    { "IPv6", "ListenStream=[::1]:4713", "stream", "[::1]:4713", "tcp" },
    { "IPv6 with a scope", "ListenStream=[::1%%lo]:4714", "stream", "[::1]:4714", "tcp" },
    { "IPv6 with a scope behind the port", "ListenDatagram=[::1]:4715%%1", "dgram", "[::1]:4715", "udp" },
    { "every address, by IPv4", "ListenStream=4716", "stream", "127.0.0.1:4716", "tcp" },
    { "every address, by IPv6", "ListenStream=4717", "stream", "[::1]:4717", "tcp" },
    { "UDP-Lite", "ListenDatagram=127.0.0.1:4718\nSocketProtocol=udplite", "udplite", "127.0.0.1:4718", "udplite" },
    { "Multipath TCP", "ListenStream=127.0.0.1:4719\nSocketProtocol=mptcp", "stream", "127.0.0.1:4719", "mptcp" },
    { "SCTP", "ListenStream=127.0.0.1:4720\nSocketProtocol=sctp", "sctp", "127.0.0.1:4720", "sctp" },
    { "vsock", "ListenStream=vsock::47121", "stream", "vsock:1:47121", "vsock" },
    { "vsock, told what it is", "ListenDatagram=vsock-stream::47122", "stream", "vsock:1:47122", "vsock" },
};

/* What the kernel of this machine has: a unit that asks for what it has not fails by name, which test_failures shows.
 */
static bool is_possible(size_t i)
{
    static const struct {
        const char *network;
        int family, type, protocol;
    } needs[] = { { "sctp", AF_INET, SOCK_STREAM, IPPROTO_SCTP },
                  { "mptcp", AF_INET, SOCK_STREAM, IPPROTO_MPTCP },
                  { "udplite", AF_INET, SOCK_DGRAM, IPPROTO_UDPLITE },
                  { "vsock", AF_VSOCK, SOCK_STREAM, 0 } };
    bool possible = strcmp(kinds[i].network, "mqueue") != 0 || access("/proc/sys/fs/mqueue", F_OK) == 0;
    for (size_t k = 0; k < COUNT_OF(needs); k++) {
        if (strcmp(needs[k].network, kinds[i].network) != 0) continue;
        int fd = socket(needs[k].family, needs[k].type | SOCK_CLOEXEC, needs[k].protocol);
        struct sockaddr_vm own = { .svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_LOCAL, .svm_port = VMADDR_PORT_ANY };
        possible = fd >= 0 && (needs[k].family != AF_VSOCK || bind(fd, (struct sockaddr *)&own, sizeof own) == 0);
        if (fd >= 0) close(fd);
    }
    if (strstr(kinds[i].to, "[::1]") && access("/proc/net/if_inet6", F_OK) < 0) possible = false;
    if (!possible) print_message("  skipped: this kernel has no %s\n", kinds[i].label);
    return possible;
}

/* Each starts its service with the first message, which the service gets from a blocking descriptor; and again. */
static void test_kinds(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    char name[64], text[256], want[256];
    bool possible[COUNT_OF(kinds)];
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        possible[i] = is_possible(i);
        if (!possible[i]) continue;
        (void)snprintf(name, sizeof name, "k%zu.socket", i);
        (void)snprintf(text, sizeof text, "[Socket]\n%s\nRemoveOnStop=yes\n", kinds[i].line);
        scene_unit(s, name, text);
        (void)snprintf(name, sizeof name, "k%zu.service", i);
        (void)snprintf(text, sizeof text, "[Service]\nExecStart=" ACTOR " receive /scene/got%zu\n", i);
        scene_unit(s, name, text);
    }
    scene_boot(s, NULL);
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        if (!possible[i]) continue;
        print_message("  %s\n", kinds[i].label);
        (void)snprintf(name, sizeof name, "k%zu.socket", i);
        scene_wait_event(s, "bound", name, "network", kinds[i].network, NULL);
        const char *kind = strcmp(kinds[i].kind, "udplite") == 0 ? "dgram"
                           : strcmp(kinds[i].kind, "sctp") == 0  ? "stream"
                                                                 : kinds[i].kind;
        (void)snprintf(want, sizeof want, "fd=3 blocking %s first\n", kind);
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

/* ---- options ---- */

/* Each unit's service shows the options of its first descriptor; `want`: what has to be among them. */
/* clang-format off */
static const struct {
    const char *settings, *want[4];
} options[] = {
    { "ListenStream=127.0.0.1:5001", { "kind=stream", "SO_REUSEADDR=1", "SO_KEEPALIVE=0", "SO_ACCEPTCONN=1" } },
    { "ListenStream=127.0.0.1:5002\nKeepAlive=yes\nKeepAliveTimeSec=33\nKeepAliveIntervalSec=2500ms\nKeepAliveProbes=7",
      { "SO_KEEPALIVE=1", "TCP_KEEPIDLE=33", "TCP_KEEPINTVL=3", "TCP_KEEPCNT=7" } },
    { "ListenStream=127.0.0.1:5003\nNoDelay=yes\nTCPCongestion=reno\nBacklog=17", { "TCP_NODELAY=1", "TCP_CONGESTION=reno", "backlog=17" } },
    { "ListenStream=127.0.0.1:5004\nPriority=3\nIPTOS=low-delay\nIPTTL=9", { "SO_PRIORITY=3", "IP_TOS=16", "IP_TTL=9" } },
    { "ListenStream=[::1]:5005\nIPTTL=9\nFreeBind=yes\nTransparent=yes", { "IPV6_UNICAST_HOPS=9", "IP_TTL=9", "IPV6_TRANSPARENT=1" } },
    { "ListenStream=192.0.2.77:5006\nFreeBind=yes", { "IP_FREEBIND=1" } },
    { "ListenStream=127.0.0.1:5007\nTransparent=yes\nMark=78", { "IP_TRANSPARENT=1", "SO_MARK=78" } },
    { "ListenStream=127.0.0.1:5008\nBindToDevice=lo\nReusePort=yes", { "SO_BINDTODEVICE=lo", "SO_REUSEPORT=1" } },
    { "ListenStream=127.0.0.1:5009\nReceiveBuffer=8M\nSendBuffer=7M", { "SO_RCVBUF=16777216", "SO_SNDBUF=14680064" } },
    { "ListenStream=127.0.0.1:5010\nReceiveBuffer=8K\nSendBuffer=9K", { "SO_RCVBUF=16384", "SO_SNDBUF=18432" } },
    { "ListenStream=[::]:5011\nBindIPv6Only=both", { "IPV6_V6ONLY=0" } },
    { "ListenStream=[::]:5012\nBindIPv6Only=ipv6-only", { "IPV6_V6ONLY=1" } },
    { "ListenStream=5013\nBindIPv6Only=ipv6-only", { "IPV6_V6ONLY=1" } },
    { "ListenStream=[::]:5014", { "IPV6_V6ONLY=1" } }, /* bindv6only of this box */
    { "ListenStream=5015", { "IPV6_V6ONLY=0" } }, /* D19 */
    { "ListenDatagram=127.0.0.1:5016\nBroadcast=yes\nPassPacketInfo=yes\nTimestamping=us", { "kind=dgram", "SO_BROADCAST=1", "IP_PKTINFO=1", "SO_TIMESTAMP=1" } },
    { "ListenDatagram=[::1]:5017\nPassPacketInfo=yes\nTimestamping=ns", { "IPV6_RECVPKTINFO=1", "SO_TIMESTAMPNS=1" } },
    { "ListenDatagram=/run/o/dgram\nPassCredentials=yes\nPassSecurity=yes", { "SO_PASSCRED=1", "SO_PASSSEC=1", "SO_DOMAIN=1" } },
    { "ListenStream=/run/o/stream\nPassCredentials=yes", { "SO_PASSCRED=1", "SO_DOMAIN=1" } },
    { "ListenStream=/run/o/pidfd\nPassPIDFD=yes", { "SO_PASSPIDFD=1" } },
    { "ListenStream=/run/o/rights\nAcceptFileDescriptors=no", { "SO_PASSRIGHTS=0" } },
    { "ListenStream=/run/o/rights-too\nPassRights=no", { "SO_PASSRIGHTS=0" } },
    { "ListenSequentialPacket=/run/o/seqpacket\nBacklog=3", { "kind=seqpacket", "SO_ACCEPTCONN=1" } },
    { "ListenDatagram=127.0.0.1:5018\nSocketProtocol=udplite", { "SO_PROTOCOL=136" } },
    { "ListenStream=127.0.0.1:5019\nSocketProtocol=mptcp", { "SO_PROTOCOL=262" } },
    { "ListenStream=127.0.0.1:5020\nSocketProtocol=udplite", { "SO_PROTOCOL=6" } }, /* streams have none */
    { "ListenNetlink=kobject-uevent 1\nReceiveBuffer=16M\nPassCredentials=yes", { "kind=raw", "SO_DOMAIN=16", "SO_PROTOCOL=15", "groups=1" } },
    { "ListenNetlink=route 17\nPassPacketInfo=yes", { "SO_PROTOCOL=0", "groups=17", "NETLINK_PKTINFO=1" } },
    { "ListenFIFO=/run/o/fifo\nPipeSize=128K\nSocketMode=0620", { "kind=fifo", "F_GETPIPE_SZ=131072", "access=rw", "mode=0620" } },
    { "ListenSpecial=/dev/random", { "kind=char", "access=r" } },
    { "ListenSpecial=/dev/random\nWritable=yes", { "kind=char", "access=rw" } },
    { "ListenSpecial=/proc/1/mountinfo", { "kind=file", "access=r" } },
    { "ListenMessageQueue=/o-queue\nMessageQueueMaxMessages=4\nMessageQueueMessageSize=99\nSocketUser=app\nSocketMode=0640",
      { "mq_maxmsg=4", "mq_msgsize=99", "mode=0640", "uid=4711" } },
    { "ListenStream=vsock::4294967295", { "kind=stream", "SO_DOMAIN=40", "SO_ACCEPTCONN=1" } }, /* any port */
    { "ListenDatagram=vsock-seqpacket::4294967295", { "kind=seqpacket", "SO_DOMAIN=40", "SO_ACCEPTCONN=1" } },
    { "ListenMessageQueue=/o-other\nMessageQueueMaxMessages=4", { "kind=mqueue", "mq_maxmsg=10" } }, /* both or none */
};
/* clang-format on */

static bool has_line(const char *text, const char *line)
{
    size_t length = strlen(line);
    for (const char *at = text; (at = strstr(at, line)); at += length)
        if ((at == text || at[-1] == '\n') && at[length] == '\n') return true;
    return false;
}

static bool has_vsock(void)
{
    int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0) close(fd);
    return fd >= 0;
}

static void expect_options(struct scene *s, size_t i)
{
    if (strstr(options[i].settings, "vsock") && !has_vsock()) {
        print_message("  skipped: this kernel has no vsock\n");
        return;
    }
    char name[64];
    (void)snprintf(name, sizeof name, "opts%zu", i);
    scene_wait_file(s, name, "");
    char *text = scene_read(s, name);
    for (size_t k = 0; k < COUNT_OF(options[i].want) && options[i].want[k]; k++) {
        const char *want = options[i].want[k];
        char key[64];
        (void)snprintf(key, sizeof key, "%.*s", (int)strcspn(want, "="), want);
        if (!strstr(text, key) && (strcmp(key, "SO_PASSRIGHTS") == 0 || strcmp(key, "SO_PASSPIDFD") == 0))
            print_message("  skipped: this kernel has no %s\n", key);
        else if (!has_line(text, want))
            scene_fail(s, "%s: no %s in:\n%s", options[i].settings, want, text);
    }
    free(text);
}

static void test_options(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    struct str all = STR_EMPTY;
    char name[64], text[512];
    scene_user(s, "app", 4711, "/home/app");
    for (size_t i = 0; i < COUNT_OF(options); i++) {
        (void)snprintf(name, sizeof name, "o%zu.socket", i);
        (void)snprintf(text, sizeof text, "[Socket]\n%s\n", options[i].settings);
        scene_unit(s, name, text);
        (void)snprintf(name, sizeof name, "o%zu.service", i);
        (void)snprintf(text, sizeof text,
                       "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=" ACTOR " sockopts /scene/opts%zu\n",
                       i);
        scene_unit(s, name, text);
        assert_int_equal(str_appendf(&all, " o%zu.service", i), 0);
    }
    (void)snprintf(text, sizeof text, "[Unit]\nWants=%s\n[Service]\nExecStart=/bin/true\n", str_text(&all));
    scene_unit(s, "all.service", text);
    str_done(&all);
    struct scene_spec spec = SCENE_SPEC_DEFAULT;
    spec.box.setup = "echo 1 >/proc/sys/net/ipv6/bindv6only";
    scene_boot(s, &spec);
    for (size_t i = 0; i < COUNT_OF(options); i++) {
        print_message("  %s\n", options[i].settings);
        expect_options(s, i);
    }
    expect_no_log(s, "could not be set");
    expect_stop(s, 0);
    scene_end(s);
}

/* DeferAcceptSec=: who connects and says nothing starts nobody. */
static void test_deferred(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    scene_unit(s, "later.socket", "[Socket]\nListenStream=127.0.0.1:5051\nDeferAcceptSec=5min\n");
    scene_unit(s, "later.service", "[Service]\nExecStart=" ACTOR " receive /scene/later\n");
    scene_unit(s, "now.socket", "[Socket]\nListenStream=127.0.0.1:5052\n");
    scene_unit(s, "now.service", "[Service]\nExecStart=" ACTOR " receive /scene/now\n");
    scene_boot(s, NULL);
    scene_wait_event(s, "bound", "later.socket", NULL);
    scene_wait_event(s, "bound", "now.socket", NULL);
    int silent = scene_connect(s, "tcp:127.0.0.1:5051"), other = scene_connect(s, "tcp:127.0.0.1:5052");
    scene_wait_event(s, "triggered", "now.socket", NULL);
    assert_int_equal(scene_count_events(s, "triggered", "later.socket", NULL), 0);
    scene_send(s, silent, "at last\n");
    scene_wait_file(s, "later", "fd=3 blocking stream at last\n");
    close(silent);
    close(other);
    expect_stop(s, 0);
    scene_end(s);
}

/* With Accept=yes, the connection has them too. */
static void test_accepted(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    scene_unit(s, "each.socket",
               "[Socket]\nListenStream=127.0.0.1:5061\nAccept=yes\nPriority=3\nKeepAlive=yes\nIPTTL=9\nMark=5\n");
    scene_unit(s, "each@.service", "[Service]\nExecStart=" ACTOR " sockopts /scene/accepted\n");
    scene_boot(s, NULL);
    scene_wait_event(s, "bound", "each.socket", NULL);
    int client = scene_connect(s, "tcp:127.0.0.1:5061");
    expect_report(s, "accepted", "SO_ACCEPTCONN", "0");
    expect_report(s, "accepted", "SO_PRIORITY", "3");
    expect_report(s, "accepted", "SO_KEEPALIVE", "1");
    expect_report(s, "accepted", "IP_TTL", "9");
    expect_report(s, "accepted", "SO_MARK", "5");
    close(client);
    expect_stop(s, 0);
    scene_end(s);
}

/* ---- what the container may not do ---- */

/* Without any capability. What would make the socket another one than was asked for fails the unit by the directive's
 * name; what is only for speed is a warning. */
static const struct {
    const char *settings, *said;
    bool works;
} failures[] = {
    { "ListenStream=127.0.0.1:5101\nMark=1", "Mark=: Operation not permitted", false },
    { "ListenStream=127.0.0.1:5102\nTransparent=yes", "Transparent=: Operation not permitted", false },
    { "ListenStream=127.0.0.1:5103\nBindToDevice=nosuch0", "BindToDevice=: No such device", false },
    { "ListenStream=192.0.2.77:5104", "binding: Cannot assign requested address", false },
    { "ListenStream=[fe80::1]:5105%%nosuch0", "reading the address: No such device", false },
    { "ListenStream=127.0.0.1:5106\nTCPCongestion=nosuch", "TCPCongestion= could not be set: No such file or directory",
      true },
    { "ListenStream=127.0.0.1:5107\nPriority=7", "Priority= could not be set: Operation not permitted", true },
    { "ListenStream=127.0.0.1:5108\nReceiveBuffer=512M", "ReceiveBuffer= could not be set: Operation not permitted",
      true },
    { "ListenStream=/tmp/f/nodelay\nNoDelay=yes", "NoDelay= could not be set: Operation not supported", true },
    { "ListenStream=/tmp/f/pktinfo\nPassPacketInfo=yes",
      "PassPacketInfo= could not be set: Address family not supported", true },
    { "ListenStream=/tmp/f/freebind\nFreeBind=yes", "bound unix//tmp/f/freebind", true },
    { "ListenFIFO=/tmp/f/fifo\nPipeSize=512M", "PipeSize= could not be set: Operation not permitted", true },
    { "ListenFIFO=/tmp/f/zero-mode\nSocketMode=0000", "bound fifo//tmp/f/zero-mode", true },
    { "ListenFIFO=/tmp/taken", "removing what is in its place: File exists", false },
    { "ListenSpecial=/run/nothing", "opening it: No such file or directory", false },
    { "ListenSpecial=/tmp", "it has to be a character device or a file: Invalid argument", false },
    { "ListenMessageQueue=/f-queue\nMessageQueueMaxMessages=100000\nMessageQueueMessageSize=100000",
      "making the message queue: ", false },
    { "ListenNetlink=audit 1", "binding: ", false },
};

/* Where the kernel has not even heard of it. */
static const char no_sctp[] =
    "socket sctp.socket: bind failed: 127.0.0.1:5120: SocketProtocol=: Protocol not supported";

static bool has_sctp(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_SCTP);
    if (fd >= 0) close(fd);
    return fd >= 0;
}

static void test_failures(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    char name[64], text[512];
    scene_unit(s, "sctp.socket", "[Socket]\nListenStream=127.0.0.1:5120\nSocketProtocol=sctp\n");
    scene_unit(s, "sctp.service", "[Service]\nExecStart=" ACTOR " receive /scene/got\n");
    for (size_t i = 0; i < COUNT_OF(failures); i++) {
        (void)snprintf(name, sizeof name, "f%zu.socket", i);
        (void)snprintf(text, sizeof text, "[Socket]\n%s\n", failures[i].settings);
        scene_unit(s, name, text);
        (void)snprintf(name, sizeof name, "f%zu.service", i);
        scene_unit(s, name, "[Service]\nExecStart=" ACTOR " receive /scene/got\n");
    }
    struct scene_spec spec = SCENE_SPEC_DEFAULT;
    spec.box.as_user = true;
    spec.box.uid = spec.box.gid = 4711;
    spec.box.setup = "echo >/tmp/taken; chmod 0777 /scene";
    scene_boot(s, &spec);
    for (size_t i = 0; i < COUNT_OF(failures); i++) {
        print_message("  %s\n", failures[i].settings);
        (void)snprintf(name, sizeof name, "f%zu.socket", i);
        (void)scene_wait_event(s, failures[i].works ? "bound" : "bind_failed", name, NULL);
        (void)snprintf(text, sizeof text, "socket %s: %s", name, failures[i].works ? "" : "bind failed: ");
        const char *at = strstr(scene_log(s), text);
        const char *said = strstr(scene_log(s), failures[i].said);
        if (!at || !said) scene_fail(s, "%s: not said: %s", name, failures[i].said);
    }
    scene_wait_event(s, has_sctp() ? "bound" : "bind_failed", "sctp.socket", NULL);
    if (!has_sctp()) expect_log(s, no_sctp);
    scene_stop(s, SIGTERM);
    (void)scene_exit_code(s);
    scene_end(s);
}

int main(void)
{
    scene_skip_unless_possible();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),    cmocka_unit_test(test_nodes),    cmocka_unit_test(test_options),
        cmocka_unit_test(test_deferred), cmocka_unit_test(test_accepted), cmocka_unit_test(test_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
