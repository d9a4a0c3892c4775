#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json.h"
#include "trace/memsnap.h"
#include "trace/trace.h"

struct fixture {
    char directory[32], path[64];
    struct loop *loop;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    (void)snprintf(f->directory, sizeof f->directory, "/tmp/ci-mem-XXXXXX");
    assert_non_null(mkdtemp(f->directory));
    (void)snprintf(f->path, sizeof f->path, "%s/trace", f->directory);
    assert_int_equal(loop_new(&f->loop), 0);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    loop_free(f->loop);
    (void)unlink(f->path);
    (void)rmdir(f->directory);
    free(f);
    return 0;
}

static struct json_value *snapshot(struct fixture *f, const char *cgroup_dir)
{
    struct trace *trace = NULL;
    assert_int_equal(trace_open(f->path, f->loop, &trace), 0);
    memsnap_take(trace, "boot", cgroup_dir);
    assert_int_equal(trace_dropped(trace), 0);
    trace_free(trace);
    char *text = NULL, *error = NULL;
    size_t size;
    assert_int_equal(file_read(AT_FDCWD, f->path, (size_t)16 << 20, &text, &size), 0);
    struct json_value *value = NULL;
    assert_int_equal(json_parse(text, size, &value, &error), 0);
    free(text);
    return value;
}

/* Of the first process with this name, or -1. */
static int64_t rss_of(const struct json_value *record, const char *comm)
{
    const struct json_value *list = json_get(record, "by_comm");
    const char *before = "";
    int64_t found = -1;
    for (size_t i = 0; i < json_array_count(list); i++) {
        const struct json_value *item = json_array_at(list, i);
        const char *name = json_get_string(item, "comm");
        int64_t kib = -1;
        assert_non_null(name);
        assert_int_equal(json_get_i64(item, "rss_kib", &kib), 0);
        assert_true(strcmp(before, name) < 0); /* sorted, each name once */
        before = name;
        if (strcmp(name, comm) == 0) found = kib;
    }
    return found;
}

/* ---- processes ---- */

#define CHILD_MEMORY ((size_t)8 << 20)

/* Two children with this name, each with at least CHILD_MEMORY resident. */
static void start_children(const char *name, pid_t pids[static 2])
{
    for (int i = 0; i < 2; i++) {
        AUTO_FD struct fd reader = FD_NONE, writer = FD_NONE;
        assert_int_equal(fd_pipe(0, &reader, &writer), 0);
        pids[i] = fork();
        assert_true(pids[i] >= 0);
        if (pids[i] == 0) {
            char *memory = mmap(NULL, CHILD_MEMORY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
            memset(memory, 1, CHILD_MEMORY);
            (void)prctl(PR_SET_NAME, name);
            (void)!write(writer.n, "r", 1);
            for (;;) (void)pause();
        }
        char byte;
        assert_int_equal(read(reader.n, &byte, 1), 1);
    }
}

static void test_processes(void **state) /* S69 */
{
    static const struct {
        const char *label, *name, *shown;
    } cases[] = {
        { "a name", "ci-memsnap", "ci-memsnap" },
        { "blanks and parentheses", "a) R 1 (b", "a) R 1 (b" },
        { "K91: not UTF-8, quotes", "\"\xff\\", "\"\xef\xbf\xbd\\" },
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        print_message("  %s\n", cases[i].label);
        pid_t pids[2];
        start_children(cases[i].name, pids);
        AUTO(json_free) struct json_value *record = snapshot(f, NULL);
        for (int j = 0; j < 2; j++) {
            assert_int_equal(kill(pids[j], SIGKILL), 0);
            assert_int_equal(waitpid(pids[j], NULL, 0), pids[j]);
        }
        int64_t both = rss_of(record, cases[i].shown);
        assert_true(both >= (int64_t)(2 * CHILD_MEMORY / 1024)); /* added up */
        uint64_t nproc, sum;
        assert_int_equal(json_get_u64(record, "nproc", &nproc), 0);
        assert_int_equal(json_get_u64(record, "rss_sum_bytes", &sum), 0);
        assert_true(nproc >= 3);
        assert_true(sum >= (uint64_t)both * 1024);
        assert_string_equal(json_get_string(record, "label"), "boot");
        assert_string_equal(json_get_string(record, "phase"), "mem_snapshot");
        assert_string_equal(json_get_string(record, "status"), "ok");
    }
}

/* D20: the same values under mem_snapshot. */
static void test_members(void **state)
{
    static const char *const keys[] = { "by_comm", "cgroup_current_bytes", "cgroup_peak_bytes", "cgroup_swap_bytes",
                                        "nproc",   "rss_sum_bytes" };
    struct fixture *f = *state;
    AUTO(json_free) struct json_value *record = snapshot(f, NULL);
    const struct json_value *members = json_get(record, "mem_snapshot");
    assert_non_null(members);
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        assert_non_null(json_get(record, keys[i]));
        assert_non_null(json_get(members, keys[i]));
        char *a = json_print(json_get(record, keys[i]), 0), *b = json_print(json_get(members, keys[i]), 0);
        assert_true(a && b);
        assert_string_equal(a, b);
        free(a);
        free(b);
    }
}

/* ---- the cgroup ---- */

static void put_file(const struct fixture *f, const char *name, const char *text)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", f->directory, name);
    AUTO_FD struct fd fd = FD_NONE;
    assert_int_equal(fd_openat(AT_FDCWD, path, O_WRONLY | O_CREAT, 0600, &fd), 0);
    assert_int_equal(fd_write_all(fd.n, text, strlen(text)), 0);
}

static void test_cgroup(void **state)
{
    static const struct {
        const char *label, *file, *text, *current;
    } cases[] = {
        { "nothing there", NULL, NULL, "null" },
        { "v2", "memory.current", "18446744073709551615\n", "18446744073709551615" },
        { "no number", "memory.current", "max\n", "null" },
        { "v1", "memory/memory.usage_in_bytes", "4096\n", "4096" },
    };
    struct fixture *f = *state;
    char v1[64];
    (void)snprintf(v1, sizeof v1, "%s/memory", f->directory);
    assert_int_equal(mkdir(v1, 0700), 0);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        print_message("  %s\n", cases[i].label);
        if (cases[i].file) put_file(f, cases[i].file, cases[i].text);
        struct trace *trace = NULL;
        assert_int_equal(trace_open(f->path, f->loop, &trace), 0);
        memsnap_take(trace, "l", f->directory);
        trace_free(trace);
        char *text = NULL, want[64];
        size_t size;
        assert_int_equal(file_read(AT_FDCWD, f->path, (size_t)16 << 20, &text, &size), 0);
        (void)snprintf(want, sizeof want, "\"cgroup_current_bytes\":%s,\"cgroup_peak_bytes\":null", cases[i].current);
        assert_non_null(strstr(text, want)); /* as text: 2^64-1 is a number */
        free(text);
        char path[128];
        (void)snprintf(path, sizeof path, "%s/%s", f->directory, cases[i].file ? cases[i].file : "none");
        (void)unlink(path);
    }
    assert_int_equal(rmdir(v1), 0);
}

static void test_off(void **state)
{
    (void)state;
    memsnap_take(NULL, "boot", NULL);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
int main(void)
{
    const struct CMUnitTest tests[] = { TEST(test_processes), TEST(test_members), TEST(test_cgroup), TEST(test_off) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
