#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
/* after those it needs */
#include <cmocka.h>

#include "supervisor/notify_message.h"
#include "unit/settings.h"

static int parse(const char *text, size_t size, char buffer[NOTIFY_TEXT_MAX + 1], struct notify_message *m)
{
    memcpy(buffer, text, size);
    buffer[size] = 'x'; /* nothing is there by itself */
    return notify_message_parse(buffer, size, m);
}

static void test_flags(void **state)
{
    static const struct {
        const char *label, *text;
        unsigned flags;
    } rows[] = {
        { "ready", "READY=1", NOTIFY_READY },
        { "with a newline", "READY=1\n", NOTIFY_READY },
        { "ready is not more than 1", "READY=2", 0 },
        { "ready is not less", "READY=0", 0 },
        { "names are whole", "XREADY=1\nREADY=1x\n READY=1", 0 },
        { "all phases", "STOPPING=1\nRELOADING=1\nREADY=1", NOTIFY_READY | NOTIFY_RELOADING | NOTIFY_STOPPING },
        { "watchdog", "WATCHDOG=1", NOTIFY_WATCHDOG },
        { "watchdog trigger", "WATCHDOG=trigger", NOTIFY_WATCHDOG_TRIGGER },
        { "store", "FDSTORE=1\nFDPOLL=0", NOTIFY_FDSTORE | NOTIFY_FDPOLL_OFF },
        { "polling is the default", "FDSTORE=1\nFDPOLL=1", NOTIFY_FDSTORE },
        { "remove", "FDSTOREREMOVE=1", NOTIFY_FDSTOREREMOVE },
        { "barrier", "BARRIER=1", NOTIFY_BARRIER },
        { "pidfd", "MAINPIDFD=1", NOTIFY_MAINPIDFD },
        { "restart reset", "RESTART_RESET=1", NOTIFY_RESTART_RESET },
        { "of others", "X_READY=1\nnothing\n=\n\n", 0 },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char buffer[NOTIFY_TEXT_MAX + 1];
        struct notify_message m;
        print_message("  %s\n", rows[i].label);
        assert_int_equal(parse(rows[i].text, strlen(rows[i].text), buffer, &m), 0);
        assert_int_equal(m.flags, rows[i].flags);
        assert_null(m.bad);
    }
}

static void test_values(void **state)
{
    char buffer[NOTIFY_TEXT_MAX + 1];
    struct notify_message m;
    static const char text[] =
        "STATUS=two words = here\nERRNO=2\nBUSERROR=org.x.E\nVARLINKERROR=a.b\nEXIT_STATUS=7\nMAINPID=4711\n"
        "MAINPIDFDID=18446744073709551615\nWATCHDOG_USEC=20000000\nEXTEND_TIMEOUT_USEC=5\nMONOTONIC_USEC=0\n"
        "FDNAME=listener\nNOTIFYACCESS=exec";
    (void)state;
    assert_int_equal(parse(text, strlen(text), buffer, &m), 0);
    assert_string_equal(m.status, "two words = here");
    assert_int_equal(m.error, 2);
    assert_string_equal(m.bus_error, "org.x.E");
    assert_string_equal(m.varlink_error, "a.b");
    assert_int_equal(m.exit_status, 7);
    assert_int_equal(m.main_pid, 4711);
    assert_true(m.main_pidfd_id == UINT64_MAX);
    assert_true(m.watchdog == 20000000 && m.extend_timeout == 5 && m.monotonic == 0);
    assert_string_equal(m.fd_name, "listener");
    assert_int_equal(m.notify_access, NOTIFY_EXEC);
    assert_null(m.bad);
    /* Nothing of it in another one. */
    assert_int_equal(parse("READY=1", 7, buffer, &m), 0);
    assert_true(!m.status && !m.bus_error && !m.varlink_error && !m.fd_name && m.main_pid == 0 && m.main_pidfd_id == 0);
    assert_true(m.error == -1 && m.exit_status == -1 && m.notify_access == -1);
    assert_true(m.watchdog == USEC_INFINITY && m.extend_timeout == USEC_INFINITY && m.monotonic == USEC_INFINITY);
}

static void test_first_wins(void **state)
{
    char buffer[NOTIFY_TEXT_MAX + 1];
    struct notify_message m;
    static const char text[] = "STATUS=a\nSTATUS=b\nMAINPID=2\nMAINPID=3\nERRNO=0\nERRNO=5\nWATCHDOG_USEC=1\n"
                               "WATCHDOG_USEC=2\nNOTIFYACCESS=none\nNOTIFYACCESS=all";
    (void)state;
    assert_int_equal(parse(text, strlen(text), buffer, &m), 0);
    assert_string_equal(m.status, "a");
    assert_true(m.main_pid == 2 && m.error == 0 && m.watchdog == 1 && m.notify_access == NOTIFY_NONE);
}

static void test_bad_values(void **state)
{
    static const struct {
        const char *text, *bad;
    } rows[] = {
        { "MAINPID=0", "MAINPID=" },
        { "MAINPID=-1", "MAINPID=" },
        { "MAINPID=4294967297", "MAINPID=" },
        { "MAINPID= 5", "MAINPID=" },
        { "ERRNO=4096", "ERRNO=" },
        { "ERRNO=EIO", "ERRNO=" },
        { "EXIT_STATUS=256", "EXIT_STATUS=" },
        { "WATCHDOG_USEC=1s", "WATCHDOG_USEC=" },
        { "WATCHDOG_USEC=18446744073709551615", "WATCHDOG_USEC=" },
        { "EXTEND_TIMEOUT_USEC=", "EXTEND_TIMEOUT_USEC=" },
        { "MONOTONIC_USEC=99999999999999999999", "MONOTONIC_USEC=" },
        { "MAINPIDFDID=0", "MAINPIDFDID=" },
        { "NOTIFYACCESS=some", "NOTIFYACCESS=" },
        { "MAINPID=x\nERRNO=x", "MAINPID=" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char buffer[NOTIFY_TEXT_MAX + 1];
        struct notify_message m;
        print_message("  %s\n", rows[i].text);
        assert_int_equal(parse(rows[i].text, strlen(rows[i].text), buffer, &m), 0);
        assert_string_equal(m.bad, rows[i].bad);
        assert_true(m.main_pid == 0 && m.error == -1 && m.exit_status == -1 && m.watchdog == USEC_INFINITY);
    }
}

static void test_bytes(void **state)
{
    char buffer[NOTIFY_TEXT_MAX + 1];
    struct notify_message m;
    (void)state;
    assert_int_equal(parse("READY=1\0", 8, buffer, &m), 0); /* as sent with its terminator */
    assert_int_equal(m.flags, NOTIFY_READY);
    assert_int_equal(parse("READY=1\0MAINPID=1", 17, buffer, &m), -EBADMSG);
    assert_int_equal(m.flags, 0);
    assert_int_equal(parse("", 0, buffer, &m), -EBADMSG);
    assert_int_equal(parse("\0", 1, buffer, &m), -EBADMSG);
    char full[NOTIFY_TEXT_MAX];
    memset(full, 'a', sizeof full);
    memcpy(full, "STATUS=", 7);
    assert_int_equal(parse(full, sizeof full, buffer, &m), 0);
    assert_int_equal(strlen(m.status), NOTIFY_TEXT_MAX - 7);
}

static void test_names(void **state)
{
    char name[257];
    (void)state;
    assert_true(notify_fd_name_is_valid("stored"));
    assert_true(notify_fd_name_is_valid("a b~!"));
    assert_false(notify_fd_name_is_valid("a:b"));
    assert_false(notify_fd_name_is_valid("a\tb"));
    assert_false(notify_fd_name_is_valid("\303\244"));
    assert_false(notify_fd_name_is_valid("\177"));
    memset(name, 'n', 256);
    name[256] = '\0';
    assert_false(notify_fd_name_is_valid(name));
    name[255] = '\0';
    assert_true(notify_fd_name_is_valid(name));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_flags),      cmocka_unit_test(test_values), cmocka_unit_test(test_first_wins),
        cmocka_unit_test(test_bad_values), cmocka_unit_test(test_bytes),  cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
