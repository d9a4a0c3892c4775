/* tests/socketact/test_sock_diag.c - connections that came in through a listener: real ones, counted in both ways, and
 * answers that no kernel would give. */
#include "socketact/sock_diag.h"

#include "base/fd.h"
#include "socketact/address.h"
#include "tests/base/loopback.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

/* ---- real sockets ---- */

static struct socket_address address_of(const char *text)
{
    struct address parsed;
    struct socket_address address;
    assert_int_equal(address_parse(text, &parsed), 0);
    assert_int_equal(socket_address_make(&parsed, NULL, &address), 0);
    return address;
}

static int listen_on(const char *text, int type)
{
    struct socket_address address = address_of(text);
    int fd = socket(address.any.sa_family, type | SOCK_CLOEXEC, 0);
    if (fd < 0 && errno == EAFNOSUPPORT) return -1;
    assert_true(fd >= 0);
    if (address.any.sa_family == AF_INET) address.ip4.sin_port = 0;
    if (address.any.sa_family == AF_INET6) address.ip6.sin6_port = 0;
    if (bind(fd, &address.any, address.length) < 0) {
        assert_int_equal(errno, EADDRNOTAVAIL); /* no IPv6 on the loopback interface */
        close(fd);
        return -1;
    }
    if (type != SOCK_DGRAM) assert_int_equal(listen(fd, 8), 0);
    return fd;
}

/* To the port that the kernel chose, whatever the text says. */
static int connect_to(int listener, const char *text, int type)
{
    struct socket_address bound = { .length = sizeof bound.room }, address = address_of(text);
    struct pollfd waiting = { .fd = listener, .events = POLLIN };
    assert_int_equal(getsockname(listener, &bound.any, &bound.length), 0);
    if (address.any.sa_family == AF_INET)
        address.ip4.sin_port = bound.any.sa_family == AF_INET ? bound.ip4.sin_port : bound.ip6.sin6_port;
    else if (address.any.sa_family == AF_INET6)
        address.ip6.sin6_port = bound.ip6.sin6_port;
    int fd = socket(address.any.sa_family, type | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, &address.any, address.length), 0);
    if (type != SOCK_DGRAM) assert_int_equal(poll(&waiting, 1, 10000), 1);
    return fd;
}

enum way { BOTH, NETLINK, PROC };

/* The count in one of the ways; -1: the place does not allow it. */
static int count(int listener, unsigned most, enum way way)
{
    struct sock_diag_wanted wanted;
    if (way == BOTH) return sock_diag_connections(listener, most);
    assert_int_equal(sock_diag_of(listener, &wanted), 0);
    wanted.most = most;
    return way == NETLINK ? sock_diag_by_netlink(&wanted) : sock_diag_by_proc(&wanted, "/proc/net");
}

/* In a network namespace of its own. Elsewhere /proc may name a connection twice while those of others come and go. */
static bool is_alone;

static void expect(int listener, const char *step, int want)
{
    static const char *const names[] = { "both", "netlink", "proc" };
    for (int way = BOTH; way <= PROC; way++) {
        int got = count(listener, 8, (enum way)way);
        for (int ms = 0; ms < 10000 && got >= 0 && got != want; ms++) {
            (void)poll(NULL, 0, 1); /* segments may be on their way: the kernel may deliver them a moment later */
            got = count(listener, 8, (enum way)way);
        }
        if (way == NETLINK && (got == -EPROTONOSUPPORT || got == -ENOENT || got == -EPERM)) continue;
        if (way == PROC && !is_alone && want > 0 && got > want) continue;
        if (got != want) fail_msg("%s, %s: %d, expected %d", step, names[way], got, want);
        if (way == PROC && want != 3) continue; /* each look reads the connections of the whole machine */
        if (want >= 2) assert_int_equal(count(listener, 2, (enum way)way), 2);
        assert_int_equal(count(listener, 1, (enum way)way), MIN_OF(want, 1));
    }
}

static char path[64], abstract[64];

static const struct {
    const char *label, *bound, *client;
    int type;
} kinds[] = {
    { "TCP, one address", "127.0.0.1:1", "127.0.0.1:1", SOCK_STREAM },
    { "TCP, all addresses", "0.0.0.0:1", "127.0.0.1:1", SOCK_STREAM },
    { "TCP over IPv6", "[::1]:1", "[::1]:1", SOCK_STREAM },
    { "dual stack, IPv6 client", "[::]:1", "[::1]:1", SOCK_STREAM },
    { "dual stack, IPv4 client", "[::]:1", "127.0.0.1:1", SOCK_STREAM },
    { "a path", path, path, SOCK_STREAM },
    { "a path, seqpacket", path, path, SOCK_SEQPACKET },
    { "an abstract name", abstract, abstract, SOCK_STREAM },
};

static void test_real(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        print_message("  %s\n", kinds[i].label);
        int listener = listen_on(kinds[i].bound, kinds[i].type), clients[3], accepted[3];
        if (listener < 0) continue;
        expect(listener, "nobody", 0);
        clients[0] = connect_to(listener, kinds[i].client, kinds[i].type);
        expect(listener, "one waits", 1);
        accepted[0] = accept(listener, NULL, NULL);
        expect(listener, "one was accepted", 1);
        for (int k = 1; k < 3; k++) clients[k] = connect_to(listener, kinds[i].client, kinds[i].type);
        expect(listener, "two more wait", 3);
        for (int k = 1; k < 3; k++) accepted[k] = accept(listener, NULL, NULL);
        expect(listener, "three", 3);
        assert_int_equal(shutdown(clients[0], SHUT_WR), 0);
        assert_int_equal(shutdown(accepted[1], SHUT_WR), 0);
        close(clients[2]);
        expect(listener, "half-closed here and there, and a client that is gone", 3);
        close(accepted[0]);
        expect(listener, "closed while the client is there", 2);
        close(accepted[1]);
        close(accepted[2]);
        expect(listener, "closed", 0);
        close(clients[0]);
        close(clients[1]);
        expect(listener, "nobody again", 0);
        close(listener);
        if (kinds[i].bound == path) assert_int_equal(unlink(path), 0);
    }
}

/* Connections of others are not counted: another port, and whoever had the path before. */
static void test_others(void **state)
{
    (void)state;
    int a = listen_on("127.0.0.1:1", SOCK_STREAM), b = listen_on("127.0.0.1:1", SOCK_STREAM);
    int client = connect_to(a, "127.0.0.1:1", SOCK_STREAM);
    expect(a, "its own", 1);
    expect(b, "another port", 0);
    expect(client, "no listener", -ENXIO);
    close(client), close(a), close(b);

    a = listen_on(path, SOCK_STREAM);
    client = connect_to(a, path, SOCK_STREAM);
    int accepted = accept(a, NULL, NULL);
    assert_int_equal(unlink(path), 0);
    b = listen_on(path, SOCK_STREAM);
    int got = count(b, 8, NETLINK);
    if (got >= 0) assert_int_equal(got, 0); /* by the node; the name alone cannot tell */
    close(client), close(accepted), close(a), close(b);
    assert_int_equal(unlink(path), 0);
}

static void test_kinds(void **state)
{
    (void)state;
    int udp = listen_on("127.0.0.1:1", SOCK_DGRAM), pipes[2];
    assert_int_equal(sock_diag_connections(udp, 8), 0);
    int client = connect_to(udp, "127.0.0.1:1", SOCK_DGRAM);
    assert_int_equal(send(client, "x", 1, 0), 1);
    struct pollfd waiting = { .fd = udp, .events = POLLIN };
    assert_int_equal(poll(&waiting, 1, 10000), 1);
    assert_int_equal(sock_diag_connections(udp, 8), 1);
    close(client), close(udp);
    assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
    assert_int_equal(sock_diag_connections(pipes[0], 1), -ENOTSOCK);
    close(pipes[0]), close(pipes[1]);
    struct sock_diag_wanted wanted;
    assert_int_equal(sock_diag_connections(-1, 1), -EBADF);
    udp = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(sock_diag_of(udp, &wanted), -EOPNOTSUPP); /* without a name */
    close(udp);
}

/* A listener that was made in another network namespace. */
static void test_elsewhere(void **state)
{
    (void)state;
    int ends[2];
    char byte = 0;
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int))];
    } control = { .room = { 0 } };
    struct iovec data = { &byte, 1 };
    struct msghdr message = {
        .msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control
    };
    assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0 && unshare(CLONE_NEWNET) < 0) _exit(77);
        int listener = listen_on("0.0.0.0:1", SOCK_STREAM);
        control.header = (struct cmsghdr){ .cmsg_level = SOL_SOCKET,
                                           .cmsg_type = SCM_RIGHTS,
                                           .cmsg_len = CMSG_LEN(sizeof listener) };
        memcpy(control.room + CMSG_LEN(0), &listener, sizeof listener);
        _exit(sendmsg(ends[1], &message, 0) == 1 ? 0 : 1);
    }
    int status, listener;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WEXITSTATUS(status) != 0) {
        print_message("  skipped: a network namespace of its own is refused here\n");
        close(ends[0]), close(ends[1]);
        return;
    }
    assert_int_equal(recvmsg(ends[0], &message, 0), 1);
    memcpy(&listener, control.room + CMSG_LEN(0), sizeof listener);
    expect(listener, "elsewhere", -ENXIO);
    close(listener), close(ends[0]), close(ends[1]);
}

/* ---- answers ---- */

struct answer {
    _Alignas(8) unsigned char bytes[1024];
    size_t length, message;
};

static void begin(struct answer *a, unsigned type, uint32_t sequence)
{
    struct nlmsghdr head = { .nlmsg_len = NLMSG_HDRLEN, .nlmsg_type = (uint16_t)type, .nlmsg_seq = sequence };
    a->message = a->length;
    memcpy(a->bytes + a->length, &head, sizeof head);
    a->length += NLMSG_HDRLEN;
}

static void set_length(struct answer *a, uint32_t length)
{
    memcpy(a->bytes + a->message, &length, sizeof length);
}

static void put(struct answer *a, const void *data, size_t length)
{
    memcpy(a->bytes + a->length, data, length);
    a->length += (length + 3) & ~(size_t)3;
    set_length(a, (uint32_t)(a->length - a->message));
}

static void put_inet(struct answer *a, unsigned state, uint16_t port, uint32_t address, uint32_t inode)
{
    struct inet_diag_msg m = { .idiag_family = AF_INET, .idiag_state = (uint8_t)state, .idiag_inode = inode };
    m.id.idiag_sport = port, m.id.idiag_src[0] = address;
    begin(a, SOCK_DIAG_BY_FAMILY, 7);
    put(a, &m, sizeof m);
}

static void put_attribute(struct answer *a, unsigned type, const void *data, size_t length)
{
    struct nlattr head = { .nla_len = (uint16_t)(sizeof head + length), .nla_type = (uint16_t)type };
    put(a, &head, sizeof head);
    put(a, data, length);
}

static void put_unix(struct answer *a, unsigned state, uint32_t inode, const char *name, uint32_t node)
{
    struct unix_diag_msg m = { .udiag_family = AF_UNIX, .udiag_state = (uint8_t)state, .udiag_ino = inode };
    uint32_t vfs[2] = { node, 1 }, lengths[2] = { 3, 0 };
    begin(a, SOCK_DIAG_BY_FAMILY, 7);
    put(a, &m, sizeof m);
    if (name) put_attribute(a, UNIX_DIAG_NAME, name, strlen(name) + 1);
    if (node) put_attribute(a, UNIX_DIAG_VFS, vfs, sizeof vfs);
    if (state == TCP_LISTEN) put_attribute(a, UNIX_DIAG_RQLEN, lengths, sizeof lengths);
}

static void put_error(struct answer *a, unsigned type, int32_t error)
{
    begin(a, type, 7);
    put(a, &error, sizeof error);
}

static const struct sock_diag_wanted inet = {
    .family = AF_INET, .inode = 5, .port = 80, .address = { 0x0100007f }, .most = 99
};
static const struct sock_diag_wanted unix_path = {
    .family = AF_UNIX, .inode = 5, .name = "/run/x", .name_length = 6, .most = 99
};

static void expect_answer(const char *label, const struct sock_diag_wanted *of, const struct answer *a, int r,
                          unsigned connections, bool listener, bool over)
{
    struct sock_diag_wanted wanted = *of;
    struct sock_diag_seen seen = { 0 };
    unsigned char *exact = malloc(a->length + !a->length); /* so that a sanitizer sees what lies behind it read */
    assert_non_null(exact);
    memcpy(exact, a->bytes, a->length);
    print_message("  %s\n", label);
    assert_int_equal(sock_diag_parse(&wanted, 7, exact, a->length, &seen), r);
    free(exact);
    assert_int_equal(seen.connections, connections);
    assert_int_equal(seen.listener, listener);
    assert_int_equal(seen.over, over);
}

static void test_inet_answers(void **state)
{
    (void)state;
    struct answer a = { .length = 0 };
    expect_answer("nothing", &inet, &a, 0, 0, false, false);
    put_inet(&a, TCP_LISTEN, 80, 0, 5);
    put_inet(&a, TCP_ESTABLISHED, 80, 0x0100007f, 0);
    put_inet(&a, TCP_CLOSE_WAIT, 80, 0x0100007f, 9);
    put_inet(&a, TCP_FIN_WAIT2, 80, 0x0100007f, 9);
    expect_answer("a listener and three connections", &inet, &a, 0, 3, true, false);
    put_inet(&a, TCP_FIN_WAIT2, 80, 0x0100007f, 0);
    put_inet(&a, TCP_ESTABLISHED, 81, 0x0100007f, 9);
    put_inet(&a, TCP_ESTABLISHED, 80, 0x0200007f, 9);
    put_inet(&a, TCP_TIME_WAIT, 80, 0x0100007f, 9);
    put_inet(&a, TCP_LAST_ACK, 80, 0x0100007f, 9);
    put_error(&a, NLMSG_DONE, 0);
    expect_answer("and those that do not count", &inet, &a, 0, 3, true, true);
    a.length = 0;
    put_inet(&a, TCP_LISTEN, 80, 0, 6);
    begin(&a, NLMSG_NOOP, 7);
    begin(&a, SOCK_DIAG_BY_FAMILY, 8);
    begin(&a, 99, 7);
    expect_answer("another listener, other messages", &inet, &a, 0, 0, false, false);
}

static void test_unix_answers(void **state)
{
    (void)state;
    struct answer a = { .length = 0 };
    put_unix(&a, TCP_LISTEN, 5, "/run/x", 1);
    put_unix(&a, TCP_ESTABLISHED, 6, "/run/x", 1);
    put_unix(&a, TCP_ESTABLISHED, 7, "/run/x", 0);
    put_unix(&a, TCP_ESTABLISHED, 8, "/run/x", 2);
    put_unix(&a, TCP_ESTABLISHED, 9, "/run/xy", 1);
    put_unix(&a, TCP_ESTABLISHED, 10, NULL, 0);
    put_unix(&a, TCP_LISTEN, 11, "/run/x", 1);
    put_error(&a, NLMSG_DONE, 0);
    expect_answer("three wait, two were accepted", &unix_path, &a, 0, 5, true, true);
    struct sock_diag_wanted name = { .family = AF_UNIX, .inode = 5, .name = "\0abc", .name_length = 4, .most = 9 };
    struct unix_diag_msg m = { .udiag_family = AF_UNIX, .udiag_state = TCP_ESTABLISHED };
    a.length = 0;
    begin(&a, SOCK_DIAG_BY_FAMILY, 7);
    put(&a, &m, sizeof m);
    put_attribute(&a, UNIX_DIAG_NAME, "\0abc", 4);
    expect_answer("an abstract name", &name, &a, 0, 1, false, false);
    name.name_length = 3;
    expect_answer("one that begins like it", &name, &a, 0, 0, false, false);
}

static void test_hostile(void **state)
{
    (void)state;
    static const struct {
        const char *label;
        unsigned type;
        int32_t error;
        int r;
    } ends[] = {
        { "no such socket", NLMSG_ERROR, -ENOENT, -ENOENT },
        { "an acknowledgement", NLMSG_ERROR, 0, 0 },
        { "an error that is none", NLMSG_ERROR, 5, -EBADMSG },
        { "a number that is no errno", NLMSG_ERROR, INT32_MIN, -EBADMSG },
        { "a dump that failed", NLMSG_DONE, -ENOBUFS, -ENOBUFS },
    };
    for (size_t i = 0; i < COUNT_OF(ends); i++) {
        struct answer a = { .length = 0 };
        put_error(&a, ends[i].type, ends[i].error);
        put_inet(&a, TCP_ESTABLISHED, 80, 0x0100007f, 0); /* what comes after the end is not looked at */
        expect_answer(ends[i].label, &inet, &a, ends[i].r, 0, false, true);
    }
    struct answer a = { .length = 0 };
    begin(&a, NLMSG_OVERRUN, 7);
    expect_answer("an overrun", &inet, &a, -EOVERFLOW, 0, false, false);
    a.length = 0;
    begin(&a, NLMSG_DONE, 7);
    expect_answer("an end without a number", &inet, &a, 0, 0, false, true);
    a.length = 0;
    put_inet(&a, TCP_ESTABLISHED, 80, 0x0100007f, 0);
    for (uint32_t length = 0; length < sizeof(struct nlmsghdr) + sizeof(struct inet_diag_msg); length++) {
        set_length(&a, length);
        struct sock_diag_wanted wanted = inet;
        struct sock_diag_seen seen = { 0 };
        assert_int_equal(sock_diag_parse(&wanted, 7, a.bytes, a.length, &seen), -EBADMSG);
    }
    static const uint32_t too_long[] = { 1025, UINT32_MAX, UINT32_MAX - 2, 0x80000000 };
    for (size_t i = 0; i < COUNT_OF(too_long); i++) {
        set_length(&a, too_long[i]);
        expect_answer("a length beyond the end", &inet, &a, -EBADMSG, 0, false, false);
    }
    set_length(&a, (uint32_t)a.length);
    a.length += 4;
    expect_answer("a rest that is no message", &inet, &a, -EBADMSG, 1, false, false);
    static const uint16_t attributes[] = { 0, 1, 3, 200, UINT16_MAX };
    for (size_t i = 0; i < COUNT_OF(attributes); i++) {
        struct answer b = { .length = 0 };
        put_unix(&b, TCP_ESTABLISHED, 6, "/run/x", 1);
        memcpy(b.bytes + NLMSG_HDRLEN + sizeof(struct unix_diag_msg), &attributes[i], sizeof attributes[i]);
        expect_answer("an attribute of that length", &unix_path, &b, -EBADMSG, 0, false, false);
    }
    a.length = 0;
    struct unix_diag_msg m = { .udiag_family = AF_UNIX, .udiag_state = TCP_ESTABLISHED };
    begin(&a, SOCK_DIAG_BY_FAMILY, 7);
    put(&a, &m, sizeof m);
    put_attribute(&a, UNIX_DIAG_VFS, "x", 1);
    put_attribute(&a, UNIX_DIAG_NAME, "", 0);
    expect_answer("attributes that are too short", &unix_path, &a, 0, 0, false, false);
}

/* ---- /proc/net ---- */

static const struct {
    const char *label;
    const struct sock_diag_wanted *wanted;
    const char *text;
    unsigned connections;
    bool listener;
} texts[] = {
    { "empty", &inet, "", 0, false },
    { "a header", &inet, "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when\n", 0, false },
    { "a listener", &inet, " 0: 00000000:5000 00000000:0000 0A 0:0 0:0 0 0 0 5 1\n", 0, true },
    { "another's", &inet, " 0: 00000000:5000 00000000:0000 0A 0:0 0:0 0 0 0 6 1\n", 0, false },
    { "open, of its address", &inet, " 0: 0100007F:5000 0100007F:0001 01 0:0 0:0 0 0 0 9 1\n", 1, false },
    { "open, of another address", &inet, " 0: 0200007F:5000 0100007F:0001 01 0:0 0:0 0 0 0 9 1\n", 0, false },
    { "open, of another port", &inet, " 0: 0100007F:5001 0100007F:0001 01 0:0 0:0 0 0 0 9 1\n", 0, false },
    { "closed here", &inet, " 0: 0100007F:5000 0100007F:0001 05 0:0 0:0 0 0 0 0 1\n", 0, false },
    { "half-closed here", &inet, " 0: 0100007F:5000 0100007F:0001 05 0:0 0:0 0 0 0 9 1\n", 1, false },
    { "cut off", &inet, " 0: 0100007F:5000 0100007F:0001 01 0:0 0:0 0 0", 0, false },
    { "an inode too large", &inet, " 0: 0100007F:5000 0100007F:0001 01 0:0 0:0 0 0 0 4294967296 1\n", 0, false },
    { "no state", &inet, " 0: 0100007F:5000 0100007F:0001 zz 0:0 0:0 0 0 0 9 1\n", 0, false },
    { "two lines", &inet, " 0: 0100007F:5000 0:1 01 0:0 0:0 0 0 0 9 1\n 1: 0100007F:5000 0:2 08 0:0 0:0 0 0 0 9 1\n", 2,
      false },
    { "unix: a listener", &unix_path, "0: 2 0 00010000 0001 01 5 /run/x\n", 0, true },
    { "unix: waits and accepted", &unix_path,
      "0: 2 0 0 0001 02 0 /run/x\n0: 3 0 0 0001 03 9 /run/x\n0: 3 0 0 0001 03 9 /run/xy\n0: 3 0 0 0001 03 9\n", 2,
      false },
    { "unix: cut off", &unix_path, "0: 3 0 0 0001 03", 0, false },
};

static void test_proc(void **state)
{
    (void)state;
    struct sock_diag_wanted wanted;
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct sock_diag_seen seen = { 0 };
        print_message("  %s\n", texts[i].label);
        wanted = *texts[i].wanted;
        if (wanted.family == AF_INET) wanted.port = htons(0x5000);
        sock_diag_parse_proc(&wanted, texts[i].text, &seen);
        assert_int_equal(seen.connections, texts[i].connections);
        assert_int_equal(seen.listener, texts[i].listener);
    }
    wanted = inet;
    assert_int_equal(sock_diag_by_proc(&wanted, "/nothing/there"), -ENOENT);
}

int main(void)
{
    (void)snprintf(path, sizeof path, "/tmp/sock-diag-%d", (int)getpid());
    (void)snprintf(abstract, sizeof abstract, "@sock-diag-%d", (int)getpid());
    (void)unlink(path); /* of a run that was killed */
    is_alone = own_network();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_real),      cmocka_unit_test(test_others),       cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_elsewhere), cmocka_unit_test(test_inet_answers), cmocka_unit_test(test_unix_answers),
        cmocka_unit_test(test_hostile),   cmocka_unit_test(test_proc),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
