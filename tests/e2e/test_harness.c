/* tests/e2e/test_harness.c - the harness itself, with a shell script in container-init's place. */
#include "tests/e2e/harness_internal.h"
#include "base/fd.h"
#include "base/json.h"
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Plays container-init: log lines, trace records in two halves, and an ordered stop with status 3. */
static const char script[] = "#!/bin/sh\n"
                             "trap 'echo stopping >&2; exit 3' TERM\n"
                             "cd /etc; echo units: container-init/units/* container-init.d/*/*\n"
                             "echo \"args: $*\"\n"
                             "test -n \"$CONTAINER_INIT_TRACE\" || exit 4\n"
                             "T=$CONTAINER_INIT_TRACE_FILE\n"
                             "echo '{\"phase\":\"boot_start\",\"status\":\"ok\"}' > $T\n"
                             "printf '{\"phase\":\"spawn\",\"unit\":\"a.service\",' >> $T\n"
                             "echo '\"pid\":7,\"failed\":false}' >> $T\n"
                             "echo '{\"phase\":\"spawn\",\"unit\":\"b.service\",\"pid\":8}' >> $T\n"
                             "echo '{\"phase\":\"spawn\",\"unit\":\"a.service\",\"pid\":9}' >> $T\n"
                             "/usr/local/bin/actor report /scene/report\n"
                             "while :; do sleep 1000 & wait; done\n";

static char *program;

static int write_script(void **state)
{
    static char path[] = "/tmp/scene-script-XXXXXX";
    (void)state;
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(fd_write_all(fd, script, sizeof script - 1), 0);
    assert_int_equal(fchmod(fd, 0755), 0);
    close(fd);
    program = path;
    return setenv("CONTAINER_INIT_BIN", path, 1);
}

static int remove_script(void **state)
{
    (void)state;
    return unlink(program);
}

static void test_a_whole_run(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    struct scene_spec spec = SCENE_SPEC_DEFAULT;
    spec.args[0] = "--strict-units";
    scene_unit(s, "a.service", "[Service]\n");
    scene_drop_in(s, "a.service.d/10-x.conf", "[Service]\n");
    scene_user(s, "app", 4711, "/home/app");
    scene_file(s, "/opt/some/file", 0755, "#!/bin/sh\nid -u app; exit 5\n");
    scene_boot(s, &spec);
    scene_wait_log(s, "units: container-init/units/a.service container-init.d/a.service.d/10-x.conf");
    scene_wait_log(s, "args: --strict-units");
    scene_wait_event(s, "boot_start", NULL, "status", "ok", NULL);
    uint64_t pid = 0;
    assert_int_equal(json_get_u64(scene_wait_event(s, "spawn", "a.service", "failed", "false", NULL), "pid", &pid), 0);
    assert_int_equal(pid, 7);
    assert_int_equal(json_get_u64(scene_wait_nth_event(s, 2, "spawn", "a.service", NULL), "pid", &pid), 0);
    assert_int_equal(pid, 9);
    assert_int_equal(scene_count_events(s, "spawn", NULL, NULL), 3);
    assert_int_equal(scene_event_position(s, "spawn", "b.service", "pid", "8", NULL), 2);
    assert_true(scene_event_position(s, "spawn", "b.service", "pid", "9", NULL) == SIZE_MAX);
    scene_wait_file(s, "report", "uid=0");
    char *value = scene_report(s, "report", "uid");
    assert_string_equal(value, "0");
    free(value);
    struct str output = STR_EMPTY;
    const char *const inside[] = { "/opt/some/file", NULL };
    assert_int_equal(scene_exec(s, inside, &output), 5);
    assert_string_equal(str_text(&output), "4711\n");
    str_done(&output);
    assert_false(scene_log_has(s, "stopping"));
    scene_stop(s, SIGTERM);
    assert_int_equal(scene_exit_code(s), 3);
    assert_non_null(strstr(scene_stderr(s), "stopping"));
    assert_null(strstr(scene_stdout(s), "stopping"));
    scene_end(s);
}

static void test_output_of_a_plain_run(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    struct str output = STR_EMPTY;
    const char *const args[] = { "--version", NULL };
    assert_int_equal(scene_run(s, args, &output), 4);
    assert_non_null(strstr(str_text(&output), "args: --version"));
    str_done(&output);
    scene_end(s);
}

static void wait_for_nothing(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    scene_boot(s, NULL);
    scene_wait_event(s, "spawn", "c.service", NULL);
}

static void assert_with_a_scene_open(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    scene_boot(s, NULL);
    scene_wait_event(s, "spawn", "b.service", NULL);
    assert_int_equal(1, 2);
}

/* A test that fails prints the log and the trace, ends its box and leaves no directory. */
static void test_failures_are_shown(void **state)
{
    (void)state;
    const struct CMUnitTest failing[] = {
        cmocka_unit_test(wait_for_nothing),
        cmocka_unit_test(assert_with_a_scene_open),
    };
    int out[2], status = 0;
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    (void)fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        (void)dup2(out[1], 1);
        (void)dup2(out[1], 2);
        (void)setenv("E2E_DEADLINE_S", "1", 1);
        (void)setenv("LSAN_OPTIONS", "detect_leaks=0", 1);
        exit(cmocka_run_group_tests(failing, NULL, NULL));
    }
    close(out[1]);
    struct str text = STR_EMPTY;
    char buffer[4096];
    for (ssize_t n; (n = read(out[0], buffer, sizeof buffer)) > 0;)
        assert_int_equal(str_append_bytes(&text, buffer, (size_t)n), 0);
    close(out[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    static const char *const wanted[] = {
        "waited in vain for event 1 of phase spawn, unit c.service",
        "---- left open by a failed test:",
        "args: \n",
        "\"phase\":\"boot_start\"",
        "2 FAILED TEST(S)",
    };
    for (size_t i = 0; i < COUNT_OF(wanted); i++)
        if (!strstr(str_text(&text), wanted[i])) fail_msg("no \"%s\" in:\n%s", wanted[i], str_text(&text));
    str_done(&text);
}

int main(void)
{
    const char *refused = box_refused();
    if (refused) {
        (void)printf("skipped: %s\n", refused);
        return 77;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_whole_run),
        cmocka_unit_test(test_output_of_a_plain_run),
        cmocka_unit_test(test_failures_are_shown),
    };
    return cmocka_run_group_tests(tests, write_script, remove_script);
}
