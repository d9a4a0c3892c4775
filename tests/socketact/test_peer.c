#include "socketact/peer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/fd.h"
#include "tests/base/loopback.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

union address {
    struct sockaddr any;
    struct sockaddr_in ip4;
    struct sockaddr_in6 ip6;
    struct sockaddr_un un;
};

static socklen_t size_of(const union address *a)
{
    if (a->any.sa_family == AF_INET) return sizeof a->ip4;
    return a->any.sa_family == AF_INET6 ? sizeof a->ip6 : (socklen_t)sizeof a->un;
}

/* Listens at `at`, which becomes what the kernel made of it. -1: this machine has no such family. */
static int listen_at(union address *at, socklen_t length)
{
    int fd = socket(at->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0), off = 0;
    if (fd < 0) return -1;
    if (at->any.sa_family == AF_INET6) (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    if (bind(fd, &at->any, length) < 0) {
        close(fd);
        return -1;
    }
    assert_int_equal(listen(fd, 4), 0);
    length = sizeof *at;
    assert_int_equal(getsockname(fd, &at->any, &length), 0);
    return fd;
}

static struct peer accept_from(int listener, const union address *to, int client)
{
    struct peer peer;
    assert_int_equal(connect(client, &to->any, size_of(to)), 0);
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(peer_read(fd, 7, &peer), 0);
    close(fd);
    return peer;
}

static const struct {
    const char *label;
    int listens, connects;
    const char *address; /* of both ends, as $REMOTE_ADDR */
} ips[] = {
    { "IPv4", AF_INET, AF_INET, "127.0.0.1" },
    { "IPv6", AF_INET6, AF_INET6, "::1" },
    { "IPv4 mapped into IPv6", AF_INET6, AF_INET, "127.0.0.1" },
};

static void test_ip(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(ips); i++) {
        union address at = { .any.sa_family = (sa_family_t)ips[i].listens }, to = at, own = at;
        socklen_t length = sizeof own;
        char want[160], port[12];
        print_message("  %s\n", ips[i].label);
        if (ips[i].connects == AF_INET6) at.ip6.sin6_addr = in6addr_loopback;
        int listener = listen_at(&at, size_of(&at));
        if (listener < 0) {
            print_message("  (not here)\n");
            continue;
        }
        uint16_t number = at.any.sa_family == AF_INET ? at.ip4.sin_port : at.ip6.sin6_port;
        if (ips[i].connects == AF_INET)
            to.ip4 = (struct sockaddr_in){ .sin_family = AF_INET,
                                           .sin_port = number,
                                           .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        else
            to = at;
        int client = socket(ips[i].connects, SOCK_STREAM | SOCK_CLOEXEC, 0);
        struct peer peer = accept_from(listener, &to, client);
        assert_int_equal(getsockname(client, &own.any, &length), 0);
        unsigned ours = ntohs(ips[i].connects == AF_INET ? own.ip4.sin_port : own.ip6.sin6_port);
        (void)snprintf(want, sizeof want, "7-%s:%u-%s:%u", ips[i].address, ntohs(number), ips[i].address, ours);
        (void)snprintf(port, sizeof port, "%u", ours);
        assert_string_equal(peer.instance, want);
        assert_string_equal(peer.address, ips[i].address);
        assert_string_equal(peer.port, port);
        assert_int_equal(peer.source.family, ips[i].listens);
        struct peer_source first = peer.source;
        close(client);
        client = socket(ips[i].connects, SOCK_STREAM | SOCK_CLOEXEC, 0);
        peer = accept_from(listener, &to, client);
        assert_memory_equal(&peer.source, &first, sizeof first); /* whatever the port */
        close(client), close(listener);
    }
}

static void test_unix(void **state)
{
    (void)state;
    union address at = { .un.sun_family = AF_UNIX }, from = at;
    struct peer peer;
    char want[64];
    int listener = listen_at(&at, sizeof(sa_family_t)); /* a name of the kernel's choice */
    socklen_t length = sizeof at;
    assert_true(listener >= 0);
    assert_int_equal(getsockname(listener, &at.any, &length), 0);
    (void)snprintf(want, sizeof want, "7-%d-%u", (int)getpid(), (unsigned)getuid());
    static const struct {
        const char *label, *name, *address;
        size_t length;
    } rows[] = {
        { "without a name", "", "", 0 },
        { "an abstract name", "\0client-of-test-peer", "@client-of-test-peer", 20 },
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        print_message("  %s\n", rows[i].label);
        int client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        memcpy(from.un.sun_path, rows[i].name, rows[i].length);
        if (rows[i].length > 0)
            assert_int_equal(bind(client, &from.any, (socklen_t)(sizeof(sa_family_t) + rows[i].length)), 0);
        assert_int_equal(connect(client, &at.any, length), 0);
        int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        assert_int_equal(peer_read(fd, 7, &peer), 0);
        assert_string_equal(peer.instance, want);
        assert_string_equal(peer.address, rows[i].address);
        assert_string_equal(peer.port, "");
        uid_t uid = getuid();
        assert_memory_equal(peer.source.bytes, &uid, sizeof uid);
        close(fd), close(client);
    }
    close(listener);
}

/* K58: one that has hung up with a reset has no name any more. */
static void test_gone(void **state)
{
    (void)state;
    union address at = { .ip4 = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) } };
    const struct linger reset = { 1, 0 };
    struct peer peer;
    int listener = listen_at(&at, sizeof at.ip4);
    int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(client, &at.any, sizeof at.ip4), 0);
    assert_int_equal(setsockopt(client, SOL_SOCKET, SO_LINGER, &reset, sizeof reset), 0);
    close(client);
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    assert_true(fd >= 0);
    struct pollfd hung_up = { .fd = fd, .events = POLLRDHUP };
    assert_int_equal(poll(&hung_up, 1, 10000), 1); /* the reset has arrived */
    assert_int_equal(peer_read(fd, 7, &peer), -ENOTCONN);
    close(fd), close(listener);
}

int main(void)
{
    (void)own_network();
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_ip), cmocka_unit_test(test_unix),
                                        cmocka_unit_test(test_gone) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
