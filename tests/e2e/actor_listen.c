/* tests/e2e/actor_listen.c - verbs about what a socket unit can listen on: take one message, send one, show options. */
#include "tests/e2e/actor_verbs.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/vm_sockets.h>
#include <mqueue.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define LISTEN_FIRST 3

static int count_listeners(void)
{
    const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
    return pid && fds && number(pid) == getpid() ? number(fds) : 0;
}

static const char *kind_of(int fd)
{
    static const char *const types[] = {
        [SOCK_STREAM] = "stream", [SOCK_DGRAM] = "dgram", [SOCK_RAW] = "raw", [SOCK_SEQPACKET] = "seqpacket"
    };
    int type;
    socklen_t size = sizeof type;
    struct stat st;
    struct mq_attr attr;
    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0) return types[type];
    if (mq_getattr(fd, &attr) == 0) return "mqueue";
    if (fstat(fd, &st) < 0) return "?";
    return S_ISFIFO(st.st_mode) ? "fifo" : S_ISCHR(st.st_mode) ? "char" : "file";
}

/* ---- receiving ---- */

static ssize_t take_message(int fd, const char *kind, char *buffer, size_t size)
{
    bool accepts = strcmp(kind, "stream") == 0 || strcmp(kind, "seqpacket") == 0;
    if (strcmp(kind, "mqueue") == 0) {
        struct mq_attr attr;
        if (mq_getattr(fd, &attr) < 0 || (size_t)attr.mq_msgsize > size) return -1;
        return mq_receive(fd, buffer, size, NULL);
    }
    if (!accepts) return read(fd, buffer, size);
    int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
    if (client < 0) return -1;
    ssize_t n = read(client, buffer, size);
    close(client);
    return n;
}

int verb_receive(char **args, int count)
{
    static char buffer[65536];
    struct pollfd fds[64];
    int n = count_listeners();
    for (int i = 0; i < n && i < 64; i++) fds[i] = (struct pollfd){ .fd = LISTEN_FIRST + i, .events = POLLIN };
    for (int left = count > 1 ? number(args[1]) : 1; left > 0;) {
        if (n <= 0 || poll(fds, (nfds_t)n, -1) < 0) return actor_fail("poll");
        for (int i = 0; i < n && left > 0; i++) {
            if (fds[i].revents == 0) continue;
            char line[512];
            const char *kind = kind_of(fds[i].fd);
            ssize_t size = take_message(fds[i].fd, kind, buffer, sizeof buffer - 1);
            if (size < 0) return actor_fail(kind);
            buffer[size] = '\0';
            buffer[strcspn(buffer, "\n")] = '\0';
            (void)snprintf(line, sizeof line, "fd=%d %s %s %.400s", fds[i].fd,
                           fcntl(fds[i].fd, F_GETFL) & O_NONBLOCK ? "nonblocking" : "blocking", kind, buffer);
            if (append_line(args[0], line) < 0) return actor_fail(args[0]);
            left--;
        }
    }
    return 0;
}

/* ---- sending ---- */

socklen_t any_address_parse(const char *text, union any_address *ret)
{
    char host[64];
    const char *colon = strrchr(text, ':');
    memset(ret, 0, sizeof *ret);
    if (*text == '/' || *text == '@') {
        ret->un.sun_family = AF_UNIX;
        memcpy(ret->un.sun_path, text, strlen(text));
        if (*text == '@') ret->un.sun_path[0] = '\0';
        return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(text));
    }
    if (!colon) return 0;
    if (strncmp(text, "vsock:", 6) == 0) {
        ret->vm.svm_family = AF_VSOCK;
        ret->vm.svm_cid = (unsigned)number(text + 6);
        ret->vm.svm_port = (unsigned)number(colon + 1);
        return sizeof ret->vm;
    }
    bool six = *text == '[';
    (void)snprintf(host, sizeof host, "%.*s", (int)(colon - text - (six ? 2 : 0)), text + (six ? 1 : 0));
    ret->any.sa_family = six ? AF_INET6 : AF_INET;
    ret->in.sin_port = htons((uint16_t)number(colon + 1)); /* at the same place in both */
    if (inet_pton(ret->any.sa_family, host, six ? (void *)&ret->in6.sin6_addr : (void *)&ret->in.sin_addr) != 1)
        return 0;
    return six ? sizeof ret->in6 : sizeof ret->in;
}

/* In one piece: a reader in between would take it for two messages. */
static int send_file(const char *path, const char *text)
{
    char line[4096];
    int n = snprintf(line, sizeof line, "%s\n", text), fd = open(path, O_WRONLY | O_CLOEXEC | O_NONBLOCK);
    return fd < 0 || n >= (int)sizeof line || write_all(fd, line, (size_t)n) < 0 ? -1 : close(fd);
}

static int send_queue(const char *name, const char *text)
{
    mqd_t queue = mq_open(name, O_WRONLY | O_CLOEXEC | O_NONBLOCK);
    return queue < 0 || mq_send(queue, text, strlen(text) + 1, 0) < 0 ? -1 : mq_close(queue);
}

static int send_socket(const char *kind, const char *to, const char *text, int protocol)
{
    union any_address address;
    socklen_t length = any_address_parse(to, &address);
    int type = strcmp(kind, "dgram") == 0 || protocol == IPPROTO_UDPLITE ? SOCK_DGRAM
               : strcmp(kind, "seqpacket") == 0                          ? SOCK_SEQPACKET
                                                                         : SOCK_STREAM;
    int fd = socket(address.any.sa_family, type | SOCK_CLOEXEC, protocol);
    if (fd < 0 || connect(fd, &address.any, length) < 0) return -1;
    return send(fd, text, strlen(text), MSG_NOSIGNAL) < 0 ? -1 : close(fd);
}

int verb_send(char **args, int count)
{
    int protocol = strcmp(args[0], "udplite") == 0 ? IPPROTO_UDPLITE : strcmp(args[0], "sctp") == 0 ? IPPROTO_SCTP : 0;
    (void)count;
    int r = strcmp(args[0], "fifo") == 0     ? send_file(args[1], args[2])
            : strcmp(args[0], "mqueue") == 0 ? send_queue(args[1], args[2])
                                             : send_socket(args[0], args[1], args[2], protocol);
    return r < 0 ? actor_fail(args[1]) : 0;
}

/* ---- options ---- */

/* clang-format off */
static const struct {
    const char *name;
    int level, option;
} options[] = {
    { "SO_TYPE", SOL_SOCKET, SO_TYPE },                     { "SO_PROTOCOL", SOL_SOCKET, SO_PROTOCOL },
    { "SO_DOMAIN", SOL_SOCKET, SO_DOMAIN },                 { "SO_ACCEPTCONN", SOL_SOCKET, SO_ACCEPTCONN },
    { "SO_REUSEADDR", SOL_SOCKET, SO_REUSEADDR },           { "SO_REUSEPORT", SOL_SOCKET, SO_REUSEPORT },
    { "SO_KEEPALIVE", SOL_SOCKET, SO_KEEPALIVE },           { "SO_BROADCAST", SOL_SOCKET, SO_BROADCAST },
    { "SO_PRIORITY", SOL_SOCKET, SO_PRIORITY },             { "SO_MARK", SOL_SOCKET, SO_MARK },
    { "SO_RCVBUF", SOL_SOCKET, SO_RCVBUF },                 { "SO_SNDBUF", SOL_SOCKET, SO_SNDBUF },
    { "SO_PASSCRED", SOL_SOCKET, SO_PASSCRED },             { "SO_PASSSEC", SOL_SOCKET, SO_PASSSEC },
    { "SO_PASSPIDFD", SOL_SOCKET, 76 },                     { "SO_PASSRIGHTS", SOL_SOCKET, 83 },
    { "SO_TIMESTAMP", SOL_SOCKET, SO_TIMESTAMP },           { "SO_TIMESTAMPNS", SOL_SOCKET, SO_TIMESTAMPNS },
    { "TCP_KEEPIDLE", IPPROTO_TCP, TCP_KEEPIDLE },          { "TCP_KEEPINTVL", IPPROTO_TCP, TCP_KEEPINTVL },
    { "TCP_KEEPCNT", IPPROTO_TCP, TCP_KEEPCNT },            { "TCP_NODELAY", IPPROTO_TCP, TCP_NODELAY },
    { "TCP_DEFER_ACCEPT", IPPROTO_TCP, TCP_DEFER_ACCEPT },  { "IP_TOS", IPPROTO_IP, IP_TOS },
    { "IP_TTL", IPPROTO_IP, IP_TTL },                       { "IPV6_UNICAST_HOPS", IPPROTO_IPV6, IPV6_UNICAST_HOPS },
    { "IP_FREEBIND", IPPROTO_IP, IP_FREEBIND },             { "IP_TRANSPARENT", IPPROTO_IP, IP_TRANSPARENT },
    { "IP_PKTINFO", IPPROTO_IP, IP_PKTINFO },               { "IPV6_RECVPKTINFO", IPPROTO_IPV6, IPV6_RECVPKTINFO },
    { "IPV6_V6ONLY", IPPROTO_IPV6, IPV6_V6ONLY },           { "NETLINK_PKTINFO", SOL_NETLINK, NETLINK_PKTINFO },
    { "IPV6_TRANSPARENT", IPPROTO_IPV6, IPV6_TRANSPARENT }, { "IPV6_TCLASS", IPPROTO_IPV6, IPV6_TCLASS },
};
/* clang-format on */

static void show_texts(FILE *out, int fd)
{
    char text[64] = "";
    socklen_t size = sizeof text;
    if (getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, text, &size) == 0)
        (void)fprintf(out, "TCP_CONGESTION=%.*s\n", (int)size, text);
    size = sizeof text;
    if (getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, text, &size) == 0)
        (void)fprintf(out, "SO_BINDTODEVICE=%.*s\n", (int)size, text);
}

/* How many connections may wait, as the kernel shows it of TCP and SCTP only in sock_diag; of a queue and a pipe, their
 * sizes. */
static void show_sizes(FILE *out, int fd)
{
    struct mq_attr attr;
    struct stat st;
    if (mq_getattr(fd, &attr) == 0)
        (void)fprintf(out, "mq_maxmsg=%ld\nmq_msgsize=%ld\n", attr.mq_maxmsg, attr.mq_msgsize);
    int pipe_size = fcntl(fd, F_GETPIPE_SZ);
    if (pipe_size > 0) (void)fprintf(out, "F_GETPIPE_SZ=%d\n", pipe_size);
    struct tcp_info info;
    socklen_t size = sizeof info;
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0)
        (void)fprintf(out, "backlog=%u\n", info.tcpi_sacked); /* of a listener */
    struct sockaddr_nl netlink;
    size = sizeof netlink;
    if (getsockname(fd, (struct sockaddr *)&netlink, &size) == 0 && netlink.nl_family == AF_NETLINK)
        (void)fprintf(out, "groups=%u\n", netlink.nl_groups);
    int flags = fcntl(fd, F_GETFL);
    static const char *const access[] = { [O_RDONLY] = "r", [O_WRONLY] = "w", [O_RDWR] = "rw" };
    (void)fprintf(out, "access=%s\n", access[flags & O_ACCMODE]);
    if (fstat(fd, &st) == 0)
        (void)fprintf(out, "mode=%04o\nuid=%u\ngid=%u\n", st.st_mode & 07777, st.st_uid, st.st_gid);
}

int verb_sockopts(char **args, int count)
{
    char temporary[256];
    int fd = count > 1 ? number(args[1]) : LISTEN_FIRST;
    (void)snprintf(temporary, sizeof temporary, "%s.new", args[0]);
    FILE *out = fopen(temporary, "we");
    if (!out) return actor_fail(temporary);
    (void)fprintf(out, "kind=%s\n", kind_of(fd));
    for (size_t i = 0; i < COUNT_OF(options); i++) {
        int value = 0;
        socklen_t size = sizeof value;
        if (getsockopt(fd, options[i].level, options[i].option, &value, &size) == 0)
            (void)fprintf(out, "%s=%d\n", options[i].name, value);
    }
    show_texts(out, fd);
    show_sizes(out, fd);
    return fclose(out) != 0 || rename(temporary, args[0]) < 0 ? actor_fail(args[0]) : 0;
}

/* ---- as a runtime passes descriptors to a container ---- */

static int pass_socket(const char *kind, const char *text)
{
    char port[64];
    union any_address address;
    bool is_port = text[strspn(text, "0123456789")] == '\0';
    if (is_port) (void)snprintf(port, sizeof port, "127.0.0.1:%s", text);
    socklen_t length = any_address_parse(is_port ? port : text, &address);
    bool packets = strcmp(kind, "seqpacket") == 0, datagrams = strcmp(kind, "dgram") == 0;
    int fd = socket(address.any.sa_family, packets ? SOCK_SEQPACKET : datagrams ? SOCK_DGRAM : SOCK_STREAM, 0);
    if (fd < 0 || bind(fd, &address.any, length) < 0) return -1;
    return datagrams || strcmp(kind, "bound") == 0 || listen(fd, 8) == 0 ? fd : -1;
}

static int pass_netlink(const char *groups)
{
    struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = (unsigned)number(groups) };
    int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_KOBJECT_UEVENT);
    return fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 ? -1 : fd;
}

static int pass_pair(void)
{
    int pair[2];
    return socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0 ? -1 : pair[1];
}

/* KIND=ADDRESS; without a kind it is a stream. */
static int pass_one(char *text)
{
    char *equals = strchr(text, '='), *address = equals ? equals + 1 : text;
    const char *kind = equals ? text : "stream";
    if (equals) *equals = '\0';
    if (strcmp(kind, "fifo") == 0)
        return mkfifo(address, 0666) < 0 && errno != EEXIST ? -1 : open(address, O_RDWR | O_NONBLOCK);
    if (strcmp(kind, "mqueue") == 0) {
        int fd = mq_open(address, O_RDONLY | O_CREAT, 0666, NULL);
        return fd < 0 || fcntl(fd, F_SETFD, 0) < 0 ? -1 : fd;
    }
    if (strcmp(kind, "file") == 0) return open(address, O_RDONLY);
    if (strcmp(kind, "netlink") == 0) return pass_netlink(address);
    return strcmp(kind, "pair") == 0 ? pass_pair() : pass_socket(kind, address);
}

int verb_pass_in(char **args, int count)
{
    char text[32];
    for (int i = 1; i < count; i++) {
        int fd = pass_one(args[i]), target = LISTEN_FIRST + i - 1;
        if (fd < 0) return actor_fail(args[i]);
        (void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK); /* as podman, whose runtime wants it so */
        if (fd != target && (dup2(fd, target) < 0 || close(fd) < 0)) return actor_fail("dup2");
    }
    (void)snprintf(text, sizeof text, "%d", count - 1);
    (void)setenv("LISTEN_FDS", text, 1);
    (void)snprintf(text, sizeof text, "%d", getpid());
    (void)setenv("LISTEN_PID", text, 1);
    if (strcmp(args[0], "-") != 0) (void)setenv("LISTEN_FDNAMES", args[0], 1);
    return 0;
}
