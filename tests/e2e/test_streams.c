/* tests/e2e/test_streams.c - standard streams of services, and what becomes of the lines they print. */
#include "tests/e2e/expect.h"
#include "tests/e2e/harness_internal.h"
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ACTOR "/usr/local/bin/actor"

/* StandardInput=, StandardOutput=, StandardError= with files, and SyslogIdentifier=. */
static void test_files_and_labels(void **state)
{
    (void)state;
    static const struct {
        const char *label, *name, *settings, *verbs, *file, *content, *log;
    } rows[] = {
        { "file: writes over the beginning", "over", "StandardOutput=file:/scene/over", "write 1 new", "over",
          "new\ncontent\n", NULL },
        { "append: adds", "added", "StandardOutput=append:/scene/added", "write 1 new", "added", "old content\nnew\n",
          NULL },
        { "truncate: starts again", "cut", "StandardOutput=truncate:/scene/cut", "write 1 new", "cut", "new\n", NULL },
        { "a file is made", "made", "StandardError=file:/scene/made", "write 2 new", "made", "new\n", NULL },
        { "StandardError=inherit follows", "both", "StandardOutput=append:/scene/both\nStandardError=inherit",
          "write 1 one -- write 2 two", "both", "one\ntwo\n", NULL },
        { "StandardInput=file:", "input", "StandardInput=file:/scene/cat-this", "exec /bin/cat", NULL, NULL,
          "[input] from a file\n" },
        { "StandardOutput=raw", "raw", "StandardOutput=raw", "write 1 untouched", NULL, NULL, "\nuntouched\n" },
        { "StandardOutput=journal", "journal", "StandardOutput=journal", "write 1 lines", NULL, NULL,
          "[journal] lines\n" },
        { "SyslogIdentifier=", "label", "SyslogIdentifier=my-name", "write 1 one -- write 2 two", NULL, NULL,
          "[my-name] two\n" },
    };
    struct scene *s = scene_new();
    char name[64], text[1024];
    scene_unit(s, "prepare.service",
               "[Service]\nType=oneshot\n"
               "ExecStart=/bin/sh -c 'for f in over added cut both; do echo old content > /scene/$$f; done'\n"
               "ExecStart=/bin/sh -c ': > /scene/both; echo from a file > /scene/cat-this'\n");
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        (void)snprintf(text, sizeof text,
                       "[Unit]\nAfter=prepare.service\n[Service]\nType=oneshot\n%s\nExecStart=" ACTOR " %s\n",
                       rows[i].settings, rows[i].verbs);
        (void)snprintf(name, sizeof name, "%s.service", rows[i].name);
        scene_unit(s, name, text);
    }
    scene_boot(s, NULL);
    assert_int_equal(scene_exit_code(s), 0);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        print_message("  %s\n", rows[i].label);
        if (rows[i].file) expect_file(s, rows[i].file, rows[i].content);
        if (rows[i].log) expect_log(s, rows[i].log);
    }
    assert_non_null(strstr(scene_stdout(s), "[my-name] one\n")); /* stdout stays stdout, stderr stderr (S15) */
    assert_non_null(strstr(scene_stderr(s), "[my-name] two\n"));
    assert_null(strstr(scene_stdout(s), "[my-name] two\n"));
    scene_end(s);
}

/* K83, K86, S15: lines at once, the last one without a newline too. */
static void test_lines(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    scene_unit(s, "lines.service",
               "[Service]\nExecStart=" ACTOR " write 1 first -- write-raw 1 sec -- write-raw 2 last"
               " -- write-raw 1 ond\\n -- sleep\n");
    scene_boot(s, NULL);
    scene_wait_log(s, "[lines] first\n");
    scene_wait_log(s, "[lines] second\n"); /* while it still runs: nothing waits for 4 KiB */
    expect_no_log(s, "last");
    expect_stop(s, 0);
    expect_log(s, "[lines] last\n");
    scene_end(s);
}

/* K84: long lines come in marked pieces, nothing is lost, and two units never mix within a line. */
static void test_long_lines(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    scene_unit(s, "long.service", "[Service]\nType=oneshot\nExecStart=" ACTOR " long-line 1 100000\n");
    scene_unit(s, "flood.service", "[Service]\nType=oneshot\nExecStart=" ACTOR " flood 1 2000 drop\n");
    scene_boot(s, NULL);
    assert_int_equal(scene_exit_code(s), 0);
    size_t joined = 0, floods = 0, pieces = 0;
    const char *line = scene_stdout(s);
    for (const char *end; (end = strchr(line, '\n')); line = end + 1) {
        size_t length = (size_t)(end - line), prefix = strncmp(line, "[long+] ", 8) == 0 ? 8 : 7;
        char want[64];
        if (strncmp(line, "[long] ", 7) == 0 || prefix == 8) {
            assert_true(length <= prefix + 16384);
            assert_int_equal(prefix == 7, pieces == 0); /* only the first has the plain label */
            assert_null(memchr(line, ' ', prefix - 1));
            joined += length - prefix, pieces++;
            continue;
        }
        (void)snprintf(want, sizeof want, "[flood] drop %zu", floods++);
        assert_int_equal(length, strlen(want));
        assert_memory_equal(line, want, length);
    }
    assert_int_equal(joined, 100000);
    assert_int_equal(floods, 2000);
    assert_true(pieces > 1);
    scene_end(s);
}

/* ---- K85: whatever our own standard output is ---- */

static void boot_with_output(struct scene *s, int fd, const char *const *prefix)
{
    struct scene_spec spec = SCENE_SPEC_DEFAULT;
    spec.box.stdout_fd = fd;
    for (size_t i = 0; prefix && prefix[i]; i++) spec.prefix[i] = prefix[i];
    scene_unit(s, "say.service", "[Service]\nType=oneshot\nExecStart=" ACTOR " write 1 hello -- mark /scene/said x\n");
    scene_boot(s, &spec);
    if (fd >= 0) close(fd);
    assert_int_equal(scene_exit_code(s), 0);
    free(scene_read(s, "said"));
}

static void expect_hello(struct scene *s, int fd)
{
    char text[256] = "";
    ssize_t n = read(fd, text, sizeof text - 1);
    if (n < 0 || !strstr(text, "[say] hello")) scene_fail(s, "not written: \"%s\"", text);
    close(fd);
}

static void test_kinds_of_output(void **state)
{
    (void)state;
    char path[] = "/tmp/e2e-output-XXXXXX", removed[] = "/tmp/e2e-removed-XXXXXX";
    int pair[2];

    print_message("  a file, written at its end\n");
    struct scene *s = scene_new();
    int fd = mkostemp(path, O_CLOEXEC | O_APPEND);
    assert_int_equal(write(fd, "before\n", 7), 7);
    boot_with_output(s, dup(fd), NULL);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    expect_hello(s, fd);
    (void)unlink(path);
    scene_end(s);

    print_message("  K87: a file that was removed\n");
    s = scene_new();
    fd = mkostemp(removed, O_CLOEXEC);
    assert_true(fd >= 0 && unlink(removed) == 0);
    boot_with_output(s, dup(fd), NULL);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    expect_hello(s, fd);
    scene_end(s);

    print_message("  a socket\n");
    s = scene_new();
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    boot_with_output(s, pair[1], NULL);
    expect_hello(s, pair[0]);
    scene_end(s);

    print_message("  a pipe whose reader has gone\n");
    s = scene_new();
    assert_int_equal(pipe2(pair, O_CLOEXEC), 0);
    close(pair[0]);
    boot_with_output(s, pair[1], NULL);
    scene_end(s);

    print_message("  a terminal\n");
    s = scene_new();
    int terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(terminal >= 0 && grantpt(terminal) == 0 && unlockpt(terminal) == 0);
    boot_with_output(s, open(ptsname(terminal), O_RDWR | O_NOCTTY | O_CLOEXEC), NULL);
    expect_hello(s, terminal);
    scene_end(s);

    print_message("  closed\n");
    s = scene_new();
    static const char *const closing[] = { ACTOR, "close", "1", "--", "exec", NULL };
    boot_with_output(s, -1, closing);
    scene_end(s);

    print_message("  a device that is full\n");
    s = scene_new();
    boot_with_output(s, open("/dev/full", O_WRONLY | O_CLOEXEC), NULL);
    scene_end(s);
}

/* K87: a service's own log file is renamed away and removed while it writes; it is opened anew at the next start. */
static void test_rotated_file(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    struct scene_spec spec = SCENE_SPEC_DEFAULT;
    scene_unit(s, "writer.service",
               "[Service]\nStandardOutput=append:/scene/log\nRestart=on-failure\nRestartSec=1ms\n"
               "ExecStart=" ACTOR " write 1 first -- exec /bin/mv /scene/log /scene/log.1\n"
               "ExecStopPost=/bin/sh -c 'test -e /scene/second || { : > /scene/second; exit 1; }'\n");
    scene_boot(s, &spec);
    assert_int_equal(scene_exit_code(s), 0);
    expect_file(s, "log.1", "first\n");
    assert_int_equal(scene_count_events(s, "spawn", "writer.service", NULL), 2);
    scene_end(s);
}

/* K88: what cannot be written is told once, and the rest goes on. */
static void test_unwritable(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    struct scene_spec spec = SCENE_SPEC_DEFAULT;
    assert_int_equal(box_spec_env(&spec.box, "CONTAINER_INIT_TRACE_FILE=/not/there"), 0);
    scene_unit(s, "lost.service", "[Service]\nStandardOutput=file:/not/there\nExecStart=" ACTOR " sleep\n");
    scene_unit(s, "fine.service", "[Service]\nExecStart=" ACTOR " write 1 here -- sleep\n");
    spec.no_trace = true;
    assert_int_equal(box_spec_env(&spec.box, "CONTAINER_INIT_TRACE=1"), 0);
    scene_boot(s, &spec);
    scene_wait_log(s, "[fine] here\n");
    scene_wait_log(s, "unit lost.service: failed to start: ");
    expect_log(s, "/not/there");
    expect_stop(s, 0);
    const char *first = strstr(scene_log(s), "trace: /not/there");
    assert_non_null(first);
    assert_null(strstr(first + 1, "trace: /not/there"));
    scene_end(s);
}

/* ---- K89, K90 ---- */

static size_t descriptors_of_pid1(struct scene *s)
{
    char path[PATH_MAX];
    struct str output = STR_EMPTY;
    static const char *const argv[] = { "/bin/ls", "/proc/1/fd", NULL };
    (void)path;
    assert_int_equal(scene_exec(s, argv, &output), 0);
    size_t n = 0;
    for (const char *at = str_text(&output); (at = strchr(at, '\n')); at++) n++;
    str_done(&output);
    return n;
}

/* K89: descriptors do not accumulate over hundreds of restarts. */
static void test_descriptors_are_stable(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    scene_unit(s, "again.service",
               "[Service]\nRestart=on-failure\nRestartSec=0\n"
               "ExecStart=" ACTOR " write 1 line -- crash /scene/count 300 -- sleep\n");
    scene_unit(s, "other.service", "[Service]\nExecStart=" ACTOR " sleep\n");
    scene_boot(s, NULL);
    scene_wait_event(s, "other_invoke", "other.service", NULL);
    scene_wait_nth_event(s, 5, "spawn", "again.service", NULL);
    size_t early = descriptors_of_pid1(s);
    scene_wait_nth_event(s, 300, "again_invoke", "again.service", NULL);
    size_t late = descriptors_of_pid1(s);
    /* One run's worth may be open at either look: two log pipes, a pidfd, a leaf, a status pipe. */
    if (late > early + 6) scene_fail(s, "%zu descriptors after 5 starts, %zu after 300", early, late);
    expect_stop(s, 0);
    scene_end(s);
}

/* K90, K23: a process that keeps the pipe open delays neither the restart nor the stop. */
static void test_held_pipe(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    scene_unit(s, "holder.service",
               "[Service]\nKillMode=process\nRestart=on-failure\nRestartSec=1ms\n"
               "ExecStart=" ACTOR " write-raw 1 half -- hold-output -- crash /scene/count 3 -- sleep\n");
    scene_boot(s, NULL);
    scene_wait_nth_event(s, 3, "holder_invoke", "holder.service", NULL);
    expect_stop(s, 0);
    expect_log(s, "[holder] half");
    scene_end(s);
}

int main(void)
{
    scene_skip_unless_possible();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files_and_labels),
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_long_lines),
        cmocka_unit_test(test_kinds_of_output),
        cmocka_unit_test(test_rotated_file),
        cmocka_unit_test(test_unwritable),
        cmocka_unit_test(test_descriptors_are_stable),
        cmocka_unit_test(test_held_pipe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
