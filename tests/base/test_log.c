#include "base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static char got[16384];
static size_t got_length;
static unsigned calls;

static void capture(const char *line, size_t length, void *userdata)
{
    assert_ptr_equal(userdata, &calls);
    assert_true(got_length + length < sizeof got);
    memcpy(got + got_length, line, length);
    got_length += length;
    got[got_length] = '\0';
    calls++;
    errno = EIO; /* a writer may fail; log_at() keeps errno */
}

static int setup(void **state)
{
    (void)state;
    got[0] = '\0', got_length = 0, calls = 0;
    log_set_writer(capture, &calls);
    log_set_threshold(LOG_LEVEL_INFO);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    log_set_writer(NULL, NULL);
    return 0;
}

static void test_prefix_and_control_bytes(void **state) /* S12 */
{
    (void)state;
    log_info("socket %s: bind failed: %s", "web.socket", "Address in use");
    assert_string_equal(got, "container-init: socket web.socket: bind failed: Address in use\n");
    assert_int_equal(calls, 1);
    got_length = 0;
    log_error("a\033[2Jb\r\tc\x7f"
              "d\n  e\xc3\xa9");
    assert_string_equal(got, "container-init: a?[2Jb?\tc?d\n  e\xc3\xa9\n");
    got_length = 0;
    log_info("client @%s left", "x\ncontainer-init: unit a.service: failed\n x\n");
    assert_string_equal(got, "container-init: client @x?container-init: unit a.service: failed? x? left\n");
    got_length = 0;
    log_info("%s", "");
    assert_string_equal(got, "container-init: \n");
}

static void test_threshold(void **state)
{
    (void)state;
    log_debug("transition");
    assert_int_equal(calls, 0);
    assert_false(log_enabled(LOG_LEVEL_DEBUG));
    log_set_threshold(LOG_LEVEL_DEBUG);
    log_debug("transition %d", 1);
    assert_string_equal(got, "container-init: transition 1\n");
    log_set_threshold(LOG_LEVEL_ERROR);
    log_warning("no");
    log_info("no");
    assert_int_equal(calls, 1);
    log_error("yes");
    assert_int_equal(calls, 2);
}

static void test_errno(void **state)
{
    (void)state;
    errno = ENOENT;
    log_info("open: %m");
    assert_int_equal(errno, ENOENT);
    assert_string_equal(got, "container-init: open: No such file or directory\n");
}

/* Around the size of the fixed buffer, and far above it: one call, nothing lost. */
static void test_long_lines(void **state)
{
    (void)state;
    static char text[10000];
    static const size_t prefix = sizeof "container-init: " - 1;
    for (size_t n = 1000; n < sizeof text; n += n < 1030 ? 1 : 997) {
        memset(text, 'x', n);
        text[n] = '\0';
        got_length = 0, calls = 0;
        errno = ENOENT;
        log_info("%s%m", text);
        assert_int_equal(calls, 1);
        assert_int_equal(got_length, prefix + n + strlen("No such file or directory") + 1);
        assert_memory_equal(got + prefix, text, n);
        assert_string_equal(got + prefix + n, "No such file or directory\n");
    }
}

static void test_default_writer(void **state) /* standard error */
{
    (void)state;
    int ends[2], saved = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 10);
    char buffer[64] = "";
    assert_true(saved >= 0);
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
    log_set_writer(NULL, NULL);
    log_warning("warning: %s", "x");
    close(STDERR_FILENO);
    log_warning("nobody hears this");
    assert_int_equal(dup2(saved, STDERR_FILENO), STDERR_FILENO);
    close(ends[1]);
    assert_int_equal(read(ends[0], buffer, sizeof buffer - 1), (int)strlen("container-init: warning: x\n"));
    assert_string_equal(buffer, "container-init: warning: x\n");
    close(ends[0]), close(saved);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_prefix_and_control_bytes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_threshold, setup, teardown),
        cmocka_unit_test_setup_teardown(test_errno, setup, teardown),
        cmocka_unit_test_setup_teardown(test_long_lines, setup, teardown),
        cmocka_unit_test_setup_teardown(test_default_writer, setup, teardown),
    };
    return cmocka_run_group_tests_name("base/log", tests, NULL, NULL);
}
