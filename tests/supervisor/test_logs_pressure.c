#include "tests/supervisor/logs_fixture.h"

#include <dirent.h>
#include <sys/resource.h>

/* ---- back-pressure ---- */

/* K15: stdout is stuck; stderr, our own lines and the loop go on; nothing is lost. */
static void test_blocked_stdout(void **state)
{
    struct fixture *f = *state;
    begin(f);
    fill(f->out.n);
    AUTO_FD struct fd out = stream(f, "web", 1), err = stream(f, "web", 2), other = stream(f, "other", 1);
    put(out.n, "one\n", 4);
    put(other.n, "first\n", 6);
    rounds(f, 3);
    put(out.n, "two\n", 4);
    put(err.n, "alive\n", 6);
    log_info("so are we");
    rounds(f, 3);
    (void)collect(f->err_reader.n, &f->err_text);
    assert_non_null(strstr(str_text(&f->err_text), "[web] alive\n"));
    assert_non_null(strstr(str_text(&f->err_text), "container-init: so are we\n"));
    assert_true(logs_pending_bytes(f->logs) > 0);
    assert_true(logs_pending_bytes(f->logs) < 100); /* reading has stopped: the rest waits in the pipes */
    assert_false(logs_flush(f->logs));
    settle(f);
    const char *text = str_text(&f->out_text) + strspn(str_text(&f->out_text), ".");
    assert_non_null(strstr(text, "[web] one\n"));
    assert_non_null(strstr(text, "[web] two\n"));
    assert_non_null(strstr(text, "[other] first\n"));
    assert_int_equal(strlen(text), 10 + 10 + 14);
    assert_int_equal(logs_lost_bytes(f->logs), 0);
}

/* The writer feels it: it is the service that waits in the end, not our memory that grows. */
static void test_pressure_reaches_the_writer(void **state)
{
    struct fixture *f = *state;
    begin(f);
    fill(f->out.n);
    AUTO_FD struct fd out = stream(f, "web", 1);
    assert_int_equal(fcntl(out.n, F_SETFL, O_NONBLOCK), 0);
    char lines[4096];
    for (size_t i = 0; i < sizeof lines; i++) lines[i] = i % 64 == 63 ? '\n' : 'x';
    unsigned refused = 0;
    size_t written = 0;
    for (int i = 0; i < 10000 && refused < 10; i++) {
        ssize_t n = write(out.n, lines, sizeof lines);
        if (n > 0) written += (size_t)n;
        refused += n < 0;
        rounds(f, 1);
    }
    assert_int_equal(refused, 10);
    assert_true(logs_pending_bytes(f->logs) < (size_t)256 << 10);
    fd_close(&out);
    settle(f);
    assert_int_equal(logs_stream_count(f->logs), 0);
    size_t x = 0;
    for (size_t i = 0; i < f->out_text.length; i++) x += f->out_text.data[i] == 'x';
    assert_int_equal(x, written / 64 * 63);
}

/* When room comes back every stream gets its turn, not only those that are woken first. */
static void test_all_resume(void **state)
{
    struct fixture *f = *state;
    begin(f);
    fill(f->out.n);
    struct fd writers[200];
    for (size_t i = 0; i < COUNT_OF(writers); i++) {
        writers[i] = stream(f, "one", 1);
        put(writers[i].n, "line\n", 5);
    }
    rounds(f, 3);
    settle(f);
    size_t lines = 0;
    for (size_t i = 0; i < f->out_text.length; i++) lines += f->out_text.data[i] == '\n';
    assert_int_equal(lines, COUNT_OF(writers));
    for (size_t i = 0; i < COUNT_OF(writers); i++) fd_close(&writers[i]);
}

/* Our own lines wait for a blocked stderr up to a bound, and are counted and told of beyond it. */
static void test_own_lines(void **state)
{
    struct fixture *f = *state;
    begin(f);
    fill(f->err.n);
    char text[1000];
    memset(text, 'y', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    for (int i = 0; i < 2000; i++) log_info("%04d %s", i, text);
    assert_true(logs_pending_bytes(f->logs) <= 1 << 20);
    settle(f);
    unsigned next = 0;
    const char *line = str_text(&f->err_text) + strspn(str_text(&f->err_text), ".");
    for (char want[32];
         (void)snprintf(want, sizeof want, "container-init: %04u y", next), strncmp(line, want, strlen(want)) == 0;
         next++)
        line = strchr(line, '\n') + 1;
    assert_true(next >= 1000 && next < 2000); /* the first ones, in order */
    char want[128];
    (void)snprintf(want, sizeof want, "container-init: warning: %u own log lines were lost: output was blocked\n",
                   2000 - next);
    assert_string_equal(line, want);
    log_info("and on");
    settle(f);
    assert_string_equal(strchr(line, '\n') + 1, "container-init: and on\n");
}

/* One pipe behind both: half a line that waits is not overtaken. */
static void test_one_file_behind_both(void **state)
{
    struct fixture *f = *state;
    fd_close(&f->err);
    assert_int_equal(fd_dup(f->out.n, 0, &f->err), 0);
    begin(f);
    AUTO_FD struct fd out = stream(f, "web", 1), err = stream(f, "web", 2);
    fill(f->out.n);
    char page[4096];
    assert_int_equal(read(f->out_reader.n, page, sizeof page), sizeof page); /* room for a part of the line */
    char line[12000];
    memset(line, 'z', sizeof line);
    line[sizeof line - 1] = '\n';
    put(out.n, line, sizeof line);
    rounds(f, 2);
    log_info("ours");
    put(err.n, "theirs\n", 7);
    settle(f);
    const char *text = str_text(&f->out_text) + strspn(str_text(&f->out_text), ".");
    assert_memory_equal(text, "[web] zzz", 9);
    assert_int_equal(strspn(text + 6, "z"), sizeof line - 1);
    assert_string_equal(text + 6 + sizeof line - 1, "\ncontainer-init: ours\n[web] theirs\n");
}

/* ---- streams ---- */

static unsigned open_descriptors(void)
{
    DIR *directory = opendir("/proc/self/fd");
    assert_non_null(directory);
    unsigned count = 0;
    while (readdir(directory)) count++;
    (void)closedir(directory);
    return count;
}

/* K89: descriptors are stable over thousands of restarts, also while stdout takes nothing. */
static void test_restarts(void **state)
{
    for (int blocked = 0; blocked < 2; blocked++) {
        print_message("  %s\n", blocked ? "stdout blocked" : "stdout read");
        struct fixture *f = *state;
        if (!f->logs) begin(f);
        if (blocked) fill(f->out.n);
        unsigned before = open_descriptors();
        for (int i = 0; i < 3000; i++) {
            AUTO_FD struct fd writer = stream(f, "web", 1);
            put(writer.n, "up\n", 3);
            rounds(f, 1); /* read or paused while it runs */
            put(writer.n, "down", 4);
            fd_close(&writer);
            rounds(f, 1);
            if (!blocked) (void)collect(f->out_reader.n, &f->out_text);
        }
        assert_true(open_descriptors() <= before + 32);
        settle(f);
        assert_int_equal(logs_stream_count(f->logs), 0);
        assert_int_equal(open_descriptors(), before);
    }
    struct fixture *f = *state;
    size_t lines = 0;
    for (size_t i = 0; i < f->out_text.length; i++) lines += f->out_text.data[i] == '\n';
    assert_int_equal(lines, 2 * 3000 * 2);
}

/* K90, K23: somebody keeps the pipe open; flushing says what it has and returns. */
static void test_held_pipe(void **state)
{
    struct fixture *f = *state;
    begin(f);
    AUTO_FD struct fd held = stream(f, "web", 1);
    put(held.n, "line\nhalf", 9);
    assert_false(logs_flush(f->logs));
    (void)collect(f->out_reader.n, &f->out_text);
    assert_string_equal(str_text(&f->out_text), "[web] line\n");
    assert_int_equal(logs_stream_count(f->logs), 1);
    logs_free(TAKE(f->logs));
    (void)collect(f->out_reader.n, &f->out_text);
    assert_string_equal(str_text(&f->out_text), "[web] line\n[web] half\n"); /* K83 */
}

/* The flush at the stop: everything that dead processes left, in one call; a writer that goes on is not followed. */
static void test_flush(void **state)
{
    struct fixture *f = *state;
    begin(f);
    for (int i = 0; i < 50; i++) {
        AUTO_FD struct fd writer = stream(f, "web", 1 + i % 2);
        put(writer.n, "bye\n", 4);
    }
    assert_true(logs_flush(f->logs));
    (void)collect(f->out_reader.n, &f->out_text);
    (void)collect(f->err_reader.n, &f->err_text);
    assert_int_equal(f->out_text.length, 25 * 10);
    assert_int_equal(f->err_text.length, 25 * 10);
}

static void test_no_descriptors(void **state)
{
    struct fixture *f = *state;
    begin(f);
    struct rlimit old, none;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    none = old;
    none.rlim_cur = 3;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    struct fd writer = FD_NONE;
    int r = logs_open_stream(f->logs, "web", 3, 1, &writer);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    assert_int_equal(r, -EMFILE);
    assert_false(fd_is_open(&writer));
    assert_int_equal(logs_stream_count(f->logs), 0);
}

static void on_deadline(void *userdata)
{
    (void)userdata; /* the loop has woken up, which is all */
}

/* How often the loop wakes up in a while in which nothing happens. */
static unsigned wake_ups(struct fixture *f)
{
    struct loop_deadline deadline = { 0 };
    unsigned count = 0;
    loop_refresh_now(f->loop);
    usec_t until = usec_add(loop_now(f->loop), 30 * USEC_PER_MSEC);
    assert_int_equal(loop_deadline_set(f->loop, &deadline, until, on_deadline, NULL), 0);
    for (; loop_deadline_is_set(&deadline); count++) assert_int_equal(loop_wait(f->loop, true), 0);
    return count;
}

/* Neither a blocked nor a closed destination keeps the loop busy, with output waiting and streams at their end. */
static void test_rests(void **state)
{
    struct fixture *f = *state;
    for (int closed = 0; closed < 2; closed++) {
        print_message("  stdout %s\n", closed ? "without a reader" : "blocked");
        begin(f);
        fill(f->out.n);
        AUTO_FD struct fd alive = stream(f, "alive", 1), dead = stream(f, "dead", 1), quiet = stream(f, "quiet", 1);
        put(alive.n, "waiting\nhalf", 12);
        put(dead.n, "gone", 4);
        fd_close(&dead);
        rounds(f, 3);
        put(alive.n, " a line\n", 8);
        if (closed) fd_close(&f->out_reader);
        rounds(f, 8);
        log_info("ours");
        assert_true(fd_is_open(&quiet));
        assert_true(wake_ups(f) <= 2);
        assert_int_equal(logs_pending_bytes(f->logs) > 0, !closed);
        assert_int_equal(logs_lost_bytes(f->logs) > 0, closed);
        logs_free(TAKE(f->logs));
    }
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_blocked_stdout), TEST(test_pressure_reaches_the_writer),
        TEST(test_own_lines),      TEST(test_one_file_behind_both),
        TEST(test_restarts),       TEST(test_held_pipe),
        TEST(test_flush),          TEST(test_no_descriptors),
        TEST(test_rests),          TEST(test_all_resume),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
