#include "unit/address.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>
#include <sys/socket.h>

#include "unit/listen.h"

/* 109 bytes: one more than sun_path holds. */
#define TEN      "0123456789"
#define PATH_107 "/" TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN "012345"

static void test_parse(void **state)
{
    (void)state;
    static const struct {
        const char *label, *text;
        int r;
        const char *want, *network;
    } cases[] = {
        { "digits are that port everywhere", "5050", 0, "[::]:5050", "tcp" },
        { "colon and port", ":5050", 0, "[::]:5050", "tcp" },
        { "star and port", "*:5050", 0, "[::]:5050", "tcp" },
        { "IPv4", "127.0.0.1:80", 0, "127.0.0.1:80", "tcp" },
        { "IPv6", "[::1]:80", 0, "[::1]:80", "tcp" },
        { "IPv6 is shown in its short form", "[0:0:0:0:0:0:0:1]:80", 0, "[::1]:80", "tcp" },
        { "a scope", "[fe80::1%eth0]:80", 0, "[fe80::1]:80%eth0", "tcp" },
        { "a scope behind the port", "[fe80::1]:80%3", 0, "[fe80::1]:80%3", "tcp" },
        { "two scopes", "[fe80::1%a]:80%b", -EINVAL, NULL, NULL },
        { "an empty scope", "[fe80::1]:80%", -EINVAL, NULL, NULL },
        { "a scope with a colon", "[fe80::1%a:1]:80", -EINVAL, NULL, NULL },
        { "a scope of IPv4", "127.0.0.1:80%lo", -EINVAL, NULL, NULL },
        { "a scope of every address", "80%lo", -EINVAL, NULL, NULL },
        { "a port in hexadecimal", "0x50", 0, "[::]:80", "tcp" },
        { "localhost", "localhost:80", 0, "127.0.0.1:80", "tcp" },
        { "host name", "db.internal:5432", 0, "db.internal:5432", "tcp" },
        { "path", "/run/x.sock", 0, "/run/x.sock", "unix" },
        { "abstract", "@bus", 0, "@bus", "unix" },
        { "longest path", PATH_107 "7", 0, PATH_107 "7", "unix" }, /* K49 */
        { "path too long", PATH_107 "78", -ENAMETOOLONG, NULL, NULL },
        { "root alone", "/", -EINVAL, NULL, NULL },
        { "abstract without a name", "@", -EINVAL, NULL, NULL },
        { "empty", "", -EINVAL, NULL, NULL },
        { "word", "http", -EINVAL, NULL, NULL },
        { "relative path", "run/x.sock", -EINVAL, NULL, NULL },
        { "port 0", "0", -ERANGE, NULL, NULL },
        { "port too large", "127.0.0.1:65536", -ERANGE, NULL, NULL },
        { "no port", "127.0.0.1:", -EINVAL, NULL, NULL },
        { "IPv6 without brackets", "::1:80", -EINVAL, NULL, NULL },
        { "bad literal in brackets", "[1.2.3.4]:80", -EINVAL, NULL, NULL },
        { "blank in the host", "a b:80", -EINVAL, NULL, NULL },
        { "a hundred digits", TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN ":80", 0,
          TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN ":80", "tcp" },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct address address;
        char buffer[ADDRESS_TEXT_MAX];
        print_message("  %s\n", cases[i].label);
        assert_int_equal(address_parse(cases[i].text, &address), cases[i].r);
        if (cases[i].r < 0) continue;
        assert_string_equal(address_format(&address, buffer), cases[i].want);
        assert_int_equal(address_is_unix(&address), strcmp(cases[i].network, "unix") == 0);
    }
}

/* What is not read by address_parse(). */
static void test_listen(void **state)
{
    (void)state;
    static const struct {
        enum listen_kind kind;
        const char *text;
        int r;
        const char *want;
        int type;
    } cases[] = {
        { LISTEN_STREAM, "vsock:3:1024", 0, "vsock:3:1024", 0 },
        { LISTEN_STREAM, "vsock::0x400", 0, "vsock::1024", 0 },
        { LISTEN_STREAM, "vsock:4294967295:7", 0, "vsock::7", 0 },
        { LISTEN_STREAM, "vsock-seqpacket:1:7", 0, "vsock:1:7", SOCK_SEQPACKET },
        { LISTEN_DATAGRAM, "vsock-stream:1:7", 0, "vsock:1:7", SOCK_STREAM },
        { LISTEN_DATAGRAM, "vsock-dgram:1:7", 0, "vsock:1:7", SOCK_DGRAM },
        { LISTEN_STREAM, "vsock-raw:1:7", -EINVAL, NULL, 0 },
        { LISTEN_STREAM, "vsock:7", -EINVAL, NULL, 0 },
        { LISTEN_STREAM, "vsock:1:4294967296", -EINVAL, NULL, 0 },
        { LISTEN_NETLINK, "route 17", 0, "0 17", 0 },
        { LISTEN_NETLINK, "15", 0, "15 0", 0 },
        { LISTEN_NETLINK, "nothing", -EINVAL, NULL, 0 },
        { LISTEN_FIFO, "/run/" TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN, 0,
          "/run/" TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN, 0 },
        { LISTEN_MESSAGE_QUEUE, "/q", 0, "/q", 0 },
        { LISTEN_DATAGRAM, "@x", 0, "@x", 0 },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct socket_listen listen = { .kind = cases[i].kind, .text = cases[i].text };
        struct address address;
        char buffer[ADDRESS_TEXT_MAX];
        print_message("  %s=%s\n", listen_kind_directive(cases[i].kind), cases[i].text);
        assert_int_equal(listen_parse(&listen, &address), cases[i].r);
        if (cases[i].r < 0) continue;
        assert_string_equal(address_format(&address, buffer), cases[i].want);
        assert_int_equal(address.type, cases[i].type);
    }
}

static void test_parse_target(void **state)
{
    (void)state;
    static const struct {
        const char *label, *text;
        int r;
        const char *want;
    } cases[] = {
        { "plain", "127.0.0.1:18080", 0, "127.0.0.1:18080" },
        { "tcp: and a name", "tcp:db:5432", 0, "db:5432" },
        { "tcp: and IPv6", "tcp:[::1]:80", 0, "[::1]:80" },
        { "path", "/run/x.sock", 0, "/run/x.sock" },
        { "unix: and a path", "unix:/run/x.sock", 0, "/run/x.sock" },
        { "unix: and an abstract name", "unix:@x", 0, "@x" },
        { "unix: and something else", "unix:x", -EINVAL, NULL },
        { "tcp: and a path", "tcp:/run/x", -EINVAL, NULL },
        { "a port alone is of this host", "80", 0, "127.0.0.1:80" },
        { "nor is every address", "*:80", -EINVAL, NULL },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct address address;
        char buffer[ADDRESS_TEXT_MAX];
        print_message("  %s\n", cases[i].label);
        assert_int_equal(address_parse_target(cases[i].text, &address), cases[i].r);
        if (cases[i].r == 0) assert_string_equal(address_format(&address, buffer), cases[i].want);
    }
}

static void test_clashes(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        bool want;
    } cases[] = {
        { "5050", "[::]:5050", true },
        { "5050", "0.0.0.0:5050", true },
        { "5050", "127.0.0.1:5050", true },
        { "5050", "[::1]:5050", true },
        { "5050", "db:5050", true },
        { "5050", "5051", false },
        { "0.0.0.0:80", "127.0.0.1:80", true },
        { "0.0.0.0:80", "[::1]:80", false },
        { "127.0.0.1:80", "localhost:80", true },
        { "127.0.0.1:80", "127.0.0.2:80", false },
        { "[::1]:80", "[0::1]:80", true },
        { "[::1]:80", "[::2]:80", false },
        { "[::1]:80", "127.0.0.1:80", false },
        { "[fe80::1%a]:80", "[fe80::1]:80%a", true },
        { "[fe80::1%a]:80", "[fe80::1%b]:80", false },
        { "db:80", "db:80", true },
        { "db:80", "da:80", false },
        { "/run/x", "/run/x", true },
        { "/run/x", "//run/./x", true },
        { "/run/x", "/run/x/y", false },
        { "/run/x", "/run/y", false },
        { "@x", "@x", true },
        { "@x", "@xy", false },
        { "@/x", "/x", false },
        { "/run/80", "80", false },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct address a, b;
        print_message("  %s and %s\n", cases[i].a, cases[i].b);
        assert_int_equal(address_parse(cases[i].a, &a), 0);
        assert_int_equal(address_parse(cases[i].b, &b), 0);
        assert_int_equal(address_clashes(&a, &b), cases[i].want);
        assert_int_equal(address_clashes(&b, &a), cases[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_listen),
        cmocka_unit_test(test_parse_target),
        cmocka_unit_test(test_clashes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
