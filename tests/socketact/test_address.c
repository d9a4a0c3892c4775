#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "socketact/address.h"

static const char hosts_text[] = "# a comment with db in it\n"
                                 "127.0.0.1\tlocalhost\n"
                                 "10.1.2.3 db.example DB  other # db2\n"
                                 "fd00::5 six\r\n"
                                 "not-an-address broken\n"
                                 "\n"
                                 "   \n"
                                 "10.9.9.9 db\n"
                                 "192.0.2.7 last";

static void test_text(void **state)
{
    static const struct {
        const char *label, *text;
        int r;
        const char *want;
    } cases[] = {
        { "a port on every address", "8080", 0, "[::]:8080" },
        { "IPv4", "127.0.0.1:80", 0, "127.0.0.1:80" },
        { "IPv6", "[::1]:80", 0, "[::1]:80" },
        { "localhost needs no file", "localhost:5432", 0, "127.0.0.1:5432" },
        { "a name of the file, in any case", "dB:5432", 0, "10.1.2.3:5432" },
        { "the second name of a line", "other:1", 0, "10.1.2.3:1" },
        { "an IPv6 address of the file", "six:1", 0, "[fd00::5]:1" },
        { "a last line without newline", "last:1", 0, "192.0.2.7:1" },
        { "a name in a comment", "db2:1", -EADDRNOTAVAIL, NULL },
        { "a line that is none", "broken:1", -EADDRNOTAVAIL, NULL },
        { "a name that only begins so", "d:1", -EADDRNOTAVAIL, NULL },
        { "no such name", "nowhere:1", -EADDRNOTAVAIL, NULL },
        { "a path", "/run/x.sock", 0, "/run/x.sock" },
        { "an abstract name", "@name", 0, "@name" },
    };
    (void)state;
    char path[] = "/tmp/ci-hosts-XXXXXX";
    AUTO_FD struct fd hosts = fd_own(mkstemp(path));
    assert_int_equal(fd_write_all(hosts.n, hosts_text, sizeof hosts_text - 1), 0);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        print_message("  %s\n", cases[i].label);
        struct address parsed;
        struct socket_address address;
        char text[SOCKET_ADDRESS_TEXT_MAX];
        assert_int_equal(address_parse(cases[i].text, &parsed), 0);
        assert_int_equal(socket_address_make(&parsed, path, &address), cases[i].r);
        if (cases[i].r == 0) assert_string_equal(socket_address_format(&address, text), cases[i].want);
    }
    assert_int_equal(unlink(path), 0);
    struct address parsed;
    struct socket_address address;
    assert_int_equal(address_parse("db:1", &parsed), 0);
    assert_int_equal(socket_address_make(&parsed, path, &address), -EADDRNOTAVAIL); /* no file */
}

static void test_unix_lengths(void **state)
{
    (void)state;
    char text[110];
    memset(text, 'x', sizeof text);
    text[0] = '/';
    text[108] = '\0';
    struct address parsed;
    struct socket_address address;
    size_t begin = offsetof(struct sockaddr_un, sun_path);
    assert_int_equal(address_parse(text, &parsed), 0);
    assert_int_equal(socket_address_make(&parsed, NULL, &address), 0);
    assert_int_equal(address.length, begin + 108); /* K49: no room for a NUL, and none needed */
    text[107] = '\0';
    assert_int_equal(address_parse(text, &parsed), 0);
    assert_int_equal(socket_address_make(&parsed, NULL, &address), 0);
    assert_int_equal(address.length, begin + 108);
    char back[SOCKET_ADDRESS_TEXT_MAX];
    assert_string_equal(socket_address_format(&address, back), text);
    assert_int_equal(address_parse("@ab", &parsed), 0);
    assert_int_equal(socket_address_make(&parsed, NULL, &address), 0);
    assert_int_equal(address.length, begin + 3); /* an abstract name has no NUL behind it */
    struct socket_address unnamed = { .un.sun_family = AF_UNIX, .length = (socklen_t)begin };
    assert_string_equal(socket_address_format(&unnamed, back), "@");
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_text), cmocka_unit_test(test_unix_lengths) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
