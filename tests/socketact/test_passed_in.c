/* tests/socketact/test_passed_in.c - which line of a socket unit a listening socket belongs to. */
#include "socketact/passed_in.h"

#include "socketact/address.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static int listener(const char *text, int type, bool listens)
{
    struct address parsed;
    struct socket_address address;
    assert_int_equal(address_parse(text, &parsed), 0);
    assert_int_equal(socket_address_make(&parsed, NULL, &address), 0);
    int fd = socket(address.any.sa_family, type | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    if (bind(fd, &address.any, address.length) < 0) fail_msg("%s cannot be bound", text);
    if (listens) assert_int_equal(listen(fd, 1), 0);
    return fd;
}

static void test_matches(void **state)
{
    (void)state;
    char path[64], other[70], abstract[64];
    (void)snprintf(path, sizeof path, "/tmp/passed-in-%d", (int)getpid());
    (void)snprintf(other, sizeof other, "%s-b", path);
    (void)snprintf(abstract, sizeof abstract, "@passed-in-%d", (int)getpid());
    const struct {
        const char *bound, *line;
        bool want;
    } rows[] = {
        { "127.0.0.1:47111", "127.0.0.1:47111", true },
        { "127.0.0.1:47111", "127.0.0.2:47111", false },
        { "127.0.0.1:47111", "127.0.0.1:47112", false },
        { "127.0.0.1:47111", "47111", false },
        { "0.0.0.0:47111", "47111", true },
        { "0.0.0.0:47111", "0.0.0.0:47111", true },
        { "0.0.0.0:47111", "127.0.0.1:47111", false },
        { "0.0.0.0:47111", "/run/x", false },
        { path, path, true },
        { path, other, false },
        { other, path, false },
        { path, "47111", false },
        { abstract, abstract, true },
        { abstract, "@passed-in", false },
        { abstract, path, false },
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct socket_listen line = { .kind = LISTEN_STREAM, .text = rows[i].line };
        int fd = listener(rows[i].bound, SOCK_STREAM, true);
        print_message("  %s, %s\n", rows[i].bound, rows[i].line);
        assert_int_equal(passed_in_matches(fd, &line), rows[i].want);
        line.kind = LISTEN_DATAGRAM;
        assert_false(passed_in_matches(fd, &line));
        close(fd);
        if (rows[i].bound[0] == '/') (void)unlink(rows[i].bound);
    }
}

static void test_listeners_only(void **state)
{
    (void)state;
    const struct socket_listen line = { .kind = LISTEN_STREAM, .text = "127.0.0.1:47111" };
    int stream = listener("127.0.0.1:47111", SOCK_STREAM, true),
        datagram = listener("127.0.0.1:47111", SOCK_DGRAM, false);
    int idle = listener("127.0.0.1:47112", SOCK_STREAM, false);
    assert_true(passed_in_is_listener(stream));
    assert_false(passed_in_is_listener(datagram));
    assert_false(passed_in_is_listener(idle));
    assert_false(passed_in_is_listener(STDIN_FILENO));
    assert_false(passed_in_matches(datagram, &line));
    close(stream), close(datagram), close(idle);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_matches), cmocka_unit_test(test_listeners_only) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
