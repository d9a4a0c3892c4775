#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json.h"
#include "trace/trace.h"

struct fixture {
    char directory[64], path[96];
    struct loop *loop;
    struct trace *trace;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)snprintf(f->directory, sizeof f->directory, "/tmp/ci-trace-XXXXXX");
    assert_non_null(mkdtemp(f->directory));
    (void)snprintf(f->path, sizeof f->path, "%s/trace", f->directory);
    assert_int_equal(loop_new(&f->loop), 0);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    trace_free(f->trace);
    loop_free(f->loop);
    (void)unlink(f->path);
    (void)rmdir(f->directory);
    free(f);
    return 0;
}

static char *read_back(const struct fixture *f, size_t *ret_size)
{
    char *text = NULL;
    assert_int_equal(file_read(AT_FDCWD, f->path, (size_t)64 << 20, &text, ret_size), 0);
    return text;
}

/* Every line is one JSON object with the four keys; returns how many there are, and adds up what was dropped. */
static size_t check_lines(char *text, uint64_t *ret_told)
{
    size_t count = 0;
    *ret_told = 0;
    assert_non_null(text);
    for (char *line = text, *end; line && *line; line = end + 1, count++) {
        end = strchr(line, '\n');
        assert_non_null(end);
        AUTO(json_free) struct json_value *value = NULL;
        char *error = NULL;
        assert_int_equal(json_parse(line, (size_t)(end - line), &value, &error), 0);
        uint64_t number;
        assert_non_null(json_get_string(value, "phase"));
        assert_non_null(json_get_string(value, "status"));
        assert_int_equal(json_get_u64(value, "t_start_ms", &number), 0);
        assert_int_equal(json_get_u64(value, "dt_ms", &number), 0);
        if (strcmp(json_get_string(value, "phase"), "trace_dropped") != 0) continue;
        assert_string_equal(json_get_string(value, "status"), "error");
        assert_int_equal(json_get_u64(value, "dropped", &number), 0);
        *ret_told += number;
        assert_int_equal(json_get_u64(value, "total", &number), 0);
        assert_int_equal(number, *ret_told);
    }
    return count;
}

/* ---- the shape of a record ---- */

/* S65: the text with the two times replaced by T. */
static void test_record(void **state)
{
    static const char *const argv[] = { "/bin/web", "-a", "<&>" };
    static const struct trace_field none[] = { { 0 } };
    static const struct trace_field unit[] = { TF_STR("unit", "web.service") };
    static const struct trace_field mixed[] = {
        TF_STR("unit", "a"),       TF_INT("pid", -1),
        TF_U64("big", UINT64_MAX), TF_BOOL("failed", true),
        TF_STRV("argv", argv, 3),  TF_RAW("raw", "{\"x\":1}"),
        TF_STR("absent", NULL),    { .key = "nil", .type = TRACE_NULL },
    };
    static const struct {
        const char *label;
        enum trace_status status;
        const struct trace_field *fields;
        size_t n_fields;
        const char *want;
    } cases[] = {
        { "no fields", TRACE_OK, none, 0, "{\"dt_ms\":T,\"phase\":\"p\",\"status\":\"ok\",\"t_start_ms\":T}\n" },
        { "a field behind", TRACE_ERROR, unit, 1,
          "{\"dt_ms\":T,\"phase\":\"p\",\"status\":\"error\",\"t_start_ms\":T,\"unit\":\"web.service\"}\n" },
        { "every type, sorted, no HTML escapes", TRACE_TIMEOUT, mixed, COUNT_OF(mixed),
          "{\"absent\":null,\"argv\":[\"/bin/web\",\"-a\",\"<&>\"],\"big\":18446744073709551615,\"dt_ms\":T,"
          "\"failed\":true,\"nil\":null,\"phase\":\"p\",\"pid\":-1,\"raw\":{\"x\":1},\"status\":\"timeout\","
          "\"t_start_ms\":T,\"unit\":\"a\"}\n" },
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        print_message("  %s\n", cases[i].label);
        assert_int_equal(trace_open(f->path, f->loop, &f->trace), 0);
        trace_emit(f->trace, "p", cases[i].status, 0, cases[i].fields, cases[i].n_fields);
        trace_free(TAKE(f->trace));
        size_t size;
        char *text = read_back(f, &size), *out = text;
        for (const char *in = text; *in; in++) { /* digits behind _ms": are a time */
            *out++ = *in;
            if (strncmp(in, "_ms\":", 5) != 0) continue;
            in += 4 + strspn(in + 5, "0123456789");
            memcpy(out, "ms\":T", 5);
            out += 5;
        }
        *out = '\0';
        assert_string_equal(text, cases[i].want);
        free(text);
    }
    struct stat st;
    assert_int_equal(stat(f->path, &st), 0);
    assert_int_equal(st.st_mode & 0777 & ~0644U, 0);
}

static void test_times(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(trace_open(f->path, f->loop, &f->trace), 0);
    struct timespec mono, wall;
    (void)clock_gettime(CLOCK_REALTIME, &wall);
    (void)clock_gettime(CLOCK_MONOTONIC, &mono);
    usec_t now = (usec_t)mono.tv_sec * USEC_PER_SEC + (usec_t)mono.tv_nsec / 1000;
    assert_true(now > USEC_PER_SEC);
    trace_emit(f->trace, "phase", TRACE_OK, now - USEC_PER_SEC, NULL, 0);
    trace_emit(f->trace, "from the future", TRACE_OK, now + 3600 * USEC_PER_SEC, NULL, 0);
    size_t size;
    char *text = read_back(f, &size);
    size_t length = strcspn(text, "\n");
    AUTO(json_free) struct json_value *value = NULL;
    char *error = NULL;
    assert_int_equal(json_parse(text, length, &value, &error), 0);
    uint64_t dt, t;
    assert_int_equal(json_get_u64(value, "dt_ms", &dt), 0);
    assert_int_equal(json_get_u64(value, "t_start_ms", &t), 0);
    assert_true(dt >= 1000);
    uint64_t wall_ms = (uint64_t)wall.tv_sec * 1000 + (uint64_t)wall.tv_nsec / 1000000;
    assert_true(t + dt + 2 >= wall_ms); /* begin and length give the end */
    assert_non_null(strstr(text + length, "\"dt_ms\":0,"));
    free(text);
}

static void test_off(void **state)
{
    (void)state;
    struct trace *off = NULL;
    trace_emit(off, "p", TRACE_OK, 0, NULL, 0);
    TRACE(off, "p", TRACE_OK, 0, TF_STR("unit", "a"));
    trace_set_error_fn(off, NULL, NULL);
    assert_true(trace_is_flushed(off));
    assert_int_equal(trace_emitted(off) + trace_dropped(off) + trace_queued(off), 0);
    trace_free(off);
}

/* K91: one valid object each, whatever bytes are in names. */
static void test_hostile_bytes(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(trace_open(f->path, f->loop, &f->trace), 0);
    for (unsigned c = 1; c < 256; c++) {
        char name[] = { 'a', (char)c, '"', (char)c, '\0' };
        TRACE(f->trace, name, TRACE_OK, 0, TF_STR("unit", name), TF_STRV("argv", ((const char *const[]){ name }), 1));
    }
    size_t size;
    char *text = read_back(f, &size);
    uint64_t told;
    assert_int_equal(check_lines(text, &told), 255);
    free(text);
}

/* S65: one write(2) each. The kernel counts them. */
static uint64_t writes_so_far(void)
{
    char text[512];
    if (file_read_small(AT_FDCWD, "/proc/self/io", text, sizeof text) < 0) return 0;
    const char *line = strstr(text, "syscw: ");
    return line ? strtoull(line + 7, NULL, 10) : 0;
}

static void test_one_write_each(void **state)
{
    struct fixture *f = *state;
    if (writes_so_far() == 0 && write(-1, "", 0) < 0 && writes_so_far() == 0) {
        print_message("  skipped: the kernel does not count writes\n");
        skip();
    }
    assert_int_equal(trace_open(f->path, f->loop, &f->trace), 0);
    uint64_t before = writes_so_far();
    for (int i = 0; i < 100; i++) TRACE(f->trace, "p", TRACE_OK, 0, TF_INT("i", i));
    assert_int_equal(writes_so_far() - before, 100);
}

/* ---- destinations ---- */

static void test_refused(void **state) /* K88 */
{
    struct fixture *f = *state;
    assert_int_equal(trace_open(f->directory, f->loop, &f->trace), -EISDIR);
    assert_int_equal(trace_open("/nonexistent/trace", f->loop, &f->trace), -ENOENT);
    assert_int_equal(mkfifo(f->path, 0600), 0);
    assert_int_equal(trace_open(f->path, f->loop, &f->trace), -ENXIO);
    assert_null(f->trace);
}

/* K87: the file is removed, truncated, renamed by somebody. */
static void test_rotation(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(trace_open(f->path, f->loop, &f->trace), 0);
    trace_emit(f->trace, "first", TRACE_OK, 0, NULL, 0);
    assert_int_equal(truncate(f->path, 0), 0);
    trace_emit(f->trace, "second", TRACE_OK, 0, NULL, 0);
    size_t size;
    char *text = read_back(f, &size);
    uint64_t told;
    assert_int_equal(check_lines(text, &told), 1); /* at the new end: no hole of NULs in front */
    assert_non_null(strstr(text, "second"));
    free(text);
    assert_int_equal(unlink(f->path), 0);
    trace_emit(f->trace, "third", TRACE_OK, 0, NULL, 0);
    assert_int_equal(trace_dropped(f->trace), 0);
    assert_true(trace_is_flushed(f->trace));
}

static void count_error(int error, void *userdata)
{
    int *counts = userdata;
    counts[0]++;
    counts[1] = error;
}

/* K88: told once, counted always. */
static void test_device_full(void **state)
{
    struct fixture *f = *state;
    int counts[2] = { 0 };
    assert_int_equal(trace_open("/dev/full", f->loop, &f->trace), 0);
    trace_set_error_fn(f->trace, count_error, counts);
    for (int i = 0; i < 10; i++) trace_emit(f->trace, "p", TRACE_OK, 0, NULL, 0);
    assert_int_equal(counts[0], 1);
    assert_int_equal(counts[1], ENOSPC);
    assert_int_equal(trace_emitted(f->trace), 10);
    assert_int_equal(trace_dropped(f->trace), 10);
    assert_true(trace_is_flushed(f->trace));
}

/* A disk that fills up in the middle of a record and gets room again: the record is completed. */
static void test_half_a_record(void **state)
{
    struct fixture *f = *state;
    struct rlimit old, small = { .rlim_cur = 150 };
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small.rlim_max = old.rlim_max;
    assert_int_equal(trace_open(f->path, f->loop, &f->trace), 0);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    for (int i = 0; i < 20; i++) TRACE(f->trace, "filling", TRACE_OK, 0, TF_INT("i", i));
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    TRACE(f->trace, "room again", TRACE_OK, 0, TF_INT("i", 20));
    uint64_t emitted = trace_emitted(f->trace), dropped = trace_dropped(f->trace), told;
    assert_true(trace_is_flushed(f->trace));
    assert_true(dropped > 0);
    size_t size;
    char *text = read_back(f, &size);
    assert_int_equal(check_lines(text, &told), emitted - dropped);
    assert_int_equal(told, dropped);
    assert_non_null(strstr(text, "room again"));
    free(text);
}

/* ---- a FIFO that is full ---- */

static int open_fifo(struct fixture *f)
{
    assert_int_equal(mkfifo(f->path, 0600), 0);
    int reader = open(f->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    assert_true(reader >= 0);
    assert_int_equal(trace_open(f->path, f->loop, &f->trace), 0);
    return reader;
}

/* Reads what is there and lets the loop write more, until nothing is queued. */
static void drain(struct fixture *f, int reader, struct str *text)
{
    char buffer[65536];
    ssize_t n;
    do {
        while ((n = read(reader, buffer, sizeof buffer)) > 0)
            assert_int_equal(str_append_bytes(text, buffer, (size_t)n), 0);
        assert_int_equal(loop_wait(f->loop, false), 0);
    } while (n > 0 || !trace_is_flushed(f->trace));
    while ((n = read(reader, buffer, sizeof buffer)) > 0)
        assert_int_equal(str_append_bytes(text, buffer, (size_t)n), 0);
}

/* K14, K91, S70: it never blocks (the test would hang), 4096 wait, written + dropped = emitted. */
static void test_full_fifo(void **state)
{
    struct fixture *f = *state;
    AUTO_FD struct fd reader = fd_own(open_fifo(f));
    int i = 0;
    while (trace_dropped(f->trace) < 1000) TRACE(f->trace, "flood", TRACE_OK, 0, TF_INT("i", i++));
    assert_int_equal(trace_queued(f->trace), 4096);
    AUTO_STR struct str text = STR_EMPTY;
    drain(f, reader.n, &text);
    TRACE(f->trace, "after", TRACE_OK, 0, TF_INT("i", i));
    drain(f, reader.n, &text);
    uint64_t told;
    size_t lines = check_lines(text.data, &told);
    assert_int_equal(lines + trace_dropped(f->trace), trace_emitted(f->trace));
    assert_int_equal(told, 1000);
    const char *report = strstr(text.data, "trace_dropped");
    assert_non_null(report);
    assert_non_null(strstr(report, "after")); /* the report stands where the gap is */
}

/* The same with a reader that is slower than the flood, and records that are larger than PIPE_BUF. */
static void test_slow_reader(void **state)
{
    struct fixture *f = *state;
    AUTO_FD struct fd reader = fd_own(open_fifo(f));
    char *large = malloc(9001);
    assert_non_null(large);
    memset(large, 'x', 9000);
    large[9000] = '\0';
    AUTO_STR struct str text = STR_EMPTY;
    char buffer[200];
    for (int i = 0; i < 12000; i++) {
        TRACE(f->trace, "flood", TRACE_OK, 0, TF_INT("i", i), TF_STR("text", i % 50 == 0 ? large : "small"));
        if (i % 7 == 0) {
            ssize_t n = read(reader.n, buffer, sizeof buffer);
            if (n > 0) assert_int_equal(str_append_bytes(&text, buffer, (size_t)n), 0);
            assert_int_equal(loop_wait(f->loop, false), 0);
        }
    }
    free(large);
    drain(f, reader.n, &text);
    uint64_t told;
    assert_int_equal(check_lines(text.data, &told) + trace_dropped(f->trace), trace_emitted(f->trace));
    assert_int_equal(told, trace_dropped(f->trace));
    assert_true(told > 0);
}

/* A reader that leaves, and another one that comes: it begins with a whole record that says what is missing. */
static void test_reader_leaves(void **state)
{
    struct fixture *f = *state;
    int counts[2] = { 0 };
    struct fd reader = fd_own(open_fifo(f));
    trace_set_error_fn(f->trace, count_error, counts);
    while (trace_queued(f->trace) < 100) trace_emit(f->trace, "flood", TRACE_OK, 0, NULL, 0);
    fd_close(&reader);
    assert_int_equal(loop_wait(f->loop, false), 0);
    assert_true(trace_is_flushed(f->trace));
    assert_int_equal(trace_dropped(f->trace), 100);
    trace_emit(f->trace, "silence", TRACE_OK, 0, NULL, 0);
    assert_int_equal(trace_dropped(f->trace), 101);
    assert_int_equal(counts[0], 1);
    assert_int_equal(counts[1], EPIPE);
    reader = fd_own(open(f->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    trace_emit(f->trace, "heard", TRACE_OK, 0, NULL, 0);
    AUTO_STR struct str text = STR_EMPTY;
    drain(f, reader.n, &text); /* a FIFO keeps what its former reader left */
    uint64_t told;
    assert_int_equal(check_lines(text.data, &told), trace_emitted(f->trace) - 101);
    assert_int_equal(told, 101);
    assert_non_null(strstr(str_text(&text), "heard"));
    fd_close(&reader);
}

static void on_deadline(void *userdata)
{
    (void)userdata; /* the loop has woken up, which is all */
}

/* Records that wait do not keep the loop busy, whether the reader is slow or gone. */
static void test_rests(void **state)
{
    struct fixture *f = *state;
    struct fd reader = fd_own(open_fifo(f));
    for (int gone = 0; gone < 2; gone++) {
        while (trace_queued(f->trace) < 100) trace_emit(f->trace, "flood", TRACE_OK, 0, NULL, 0);
        if (gone) fd_close(&reader);
        for (int i = 0; i < 3; i++) assert_int_equal(loop_wait(f->loop, false), 0);
        struct loop_deadline deadline = { 0 };
        unsigned wake_ups = 0;
        loop_refresh_now(f->loop);
        usec_t until = usec_add(loop_now(f->loop), 30 * USEC_PER_MSEC);
        assert_int_equal(loop_deadline_set(f->loop, &deadline, until, on_deadline, NULL), 0);
        for (; loop_deadline_is_set(&deadline); wake_ups++) assert_int_equal(loop_wait(f->loop, true), 0);
        assert_true(wake_ups <= 2);
        assert_int_equal(trace_queued(f->trace), gone ? 0 : 100);
    }
}

/* K14: freeing with a full destination returns; nothing is waited for. */
static void test_free_when_full(void **state)
{
    struct fixture *f = *state;
    AUTO_FD struct fd reader = fd_own(open_fifo(f));
    assert_true(fd_is_open(&reader));
    while (trace_queued(f->trace) < 10) trace_emit(f->trace, "flood", TRACE_OK, 0, NULL, 0);
    assert_false(trace_is_flushed(f->trace));
    trace_free(TAKE(f->trace));
    assert_int_equal(loop_wait(f->loop, false), 0);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_record),         TEST(test_times),     TEST(test_off),         TEST(test_hostile_bytes),
        TEST(test_one_write_each), TEST(test_refused),   TEST(test_rotation),    TEST(test_device_full),
        TEST(test_half_a_record),  TEST(test_full_fifo), TEST(test_slow_reader), TEST(test_reader_leaves),
        TEST(test_free_when_full), TEST(test_rests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
