/* tests/e2e/test_processes.c - what a process starts with, whatever PID 1 was started with, and what becomes of starts
 * that fail. */
#include "tests/e2e/expect.h"
#include "tests/e2e/harness_internal.h"
#include "tests/e2e/life.h"
#include "base/json.h"
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ACTOR "/usr/local/bin/actor"

/* K79: default dispositions and an empty mask although PID 1 inherited ignored signals (nohup, a shell's &) and lent no
 * terminal; a session of its own; nothing open but the three streams. */
static void test_clean_start(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    struct scene_spec spec = SCENE_SPEC_DEFAULT;
    static const char *const prefix[] = { ACTOR, "ignore", "CHLD", "HUP", "INT", "USR1", "TSTP", "TTOU", "--", "exec" };
    for (size_t i = 0; i < COUNT_OF(prefix); i++) spec.prefix[i] = prefix[i];
    scene_unit(s, "clean.service",
               "[Service]\nType=oneshot\nExecStartPre=" ACTOR " report /scene/pre\nExecStart=" ACTOR
               " report /scene/main\nExecStopPost=" ACTOR " report /scene/post\n");
    scene_unit(s, "pipe.service",
               "[Service]\nType=oneshot\nIgnoreSIGPIPE=no\nExecStart=" ACTOR " report /scene/pipe\n");
    scene_unit(s, "signals.service", "[Service]\nExecStart=" ACTOR " signals /scene/signals TERM\n");
    scene_boot(s, &spec);
    static const char *const reports[] = { "pre", "main", "post" };
    for (size_t i = 0; i < COUNT_OF(reports); i++) {
        print_message("  %s\n", reports[i]);
        expect_report(s, reports[i], "signals.ignored", "13");
        expect_report(s, reports[i], "signals.blocked", "");
        expect_report(s, reports[i], "fds", "0 1 2");
        expect_report(s, reports[i], "dumpable", "1");
        char *pid = scene_report(s, reports[i], "pid"), *sid = scene_report(s, reports[i], "sid");
        char *group = scene_report(s, reports[i], "pgid");
        assert_string_equal(pid, sid);
        assert_string_equal(pid, group);
        free(pid), free(sid), free(group);
    }
    expect_report(s, "pipe", "signals.ignored", "");
    print_message("  no HUP and no CONT until the stop\n");
    scene_wait_file(s, "signals", "ready\n");
    scene_stop(s, SIGHUP);
    scene_wait_log(s, "received hangup");
    expect_stop(s, 0);
    char *signals = scene_read(s, "signals");
    assert_non_null(signals);
    if (strncmp(signals, "ready\nTERM\n", 11) != 0 && strncmp(signals, "ready\nCONT\nTERM\n", 16) != 0)
        scene_fail(s, "signals came: %s", signals); /* CONT goes with TERM, for stopped processes (systemd.kill(5)) */
    free(signals);
    scene_end(s);
}

/* K73, S11: a start that fails says why, has systemd's exit status, and is never silent. */
static const struct {
    const char *name, *settings, *program;
    int status;
    const char *said;
} failures[] = {
    { "missing", "", "/no/such/program", 203, "executing the program: /no/such/program: No such file or directory" },
    { "relative", "", "no-such-program", 203, "executing the program: no-such-program: No such file or directory" },
    { "denied", "", "/etc/passwd", 203, "executing the program: /etc/passwd: Permission denied" },
    { "interpreter", "", "/opt/script", 203, "/opt/script" },
    { "directory", "WorkingDirectory=/no/such", ACTOR " sleep", 200,
      "changing directory: /no/such: No such file or directory" },
    { "input", "StandardInput=file:/no/such", ACTOR " sleep", 208, "opening standard input: /no/such" },
    { "output", "StandardOutput=file:/no/such/file", ACTOR " sleep", 209, "opening standard output: /no/such/file" },
    { "error", "StandardError=file:/no/such/file", ACTOR " sleep", 222, "opening standard error: /no/such/file" },
    { "file", "EnvironmentFile=/no/such", ACTOR " sleep", 203, "reading EnvironmentFile=: /no/such" },
    { "user", "User=nobody-here", ACTOR " sleep", 217, "User=nobody-here" },
};

static void test_failed_starts(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    char name[64], text[512], want[64];
    scene_file(s, "/opt/script", 0755, "#!/no/such/interpreter\n");
    for (size_t i = 0; i < COUNT_OF(failures); i++) {
        (void)snprintf(name, sizeof name, "%s.service", failures[i].name);
        (void)snprintf(text, sizeof text, "[Service]\n%s\nExecStart=%s\n", failures[i].settings, failures[i].program);
        scene_unit(s, name, text);
    }
    scene_boot(s, NULL);
    for (size_t i = 0; i < COUNT_OF(failures); i++) {
        print_message("  %s\n", failures[i].said);
        (void)snprintf(name, sizeof name, "%s.service", failures[i].name);
        scene_wait_event(s, "unit_state", name, "active", "failed", "result", "exit-code", NULL);
        (void)snprintf(want, sizeof want, "exit code %d", failures[i].status);
        scene_wait_event(s, "exited", name, "failed", "true", "err", want, NULL);
        assert_int_equal(scene_count_events(s, "start_failed", name, NULL), 1);
        (void)snprintf(text, sizeof text, "container-init: unit %s: failed to start: ExecStart=", name);
        const char *line = strstr(scene_log(s), text);
        assert_non_null(line);
        const char *said = strstr(line, failures[i].said);
        if (!said || strchr(line, '\n') < said) scene_fail(s, "%s does not say \"%s\"", name, failures[i].said);
    }
    assert_int_equal(scene_exit_code(s), 0);
    scene_end(s);
}

/* K82: exits that arrive together with the start, by the hundred, are all told, with their own status. */
static void test_quick_exits(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    char name[64], text[256], want[64];
    for (size_t i = 1; i <= 150; i++) {
        (void)snprintf(name, sizeof name, "quick-%zu.service", i);
        (void)snprintf(text, sizeof text, "[Service]\nType=%s\nExecStart=" ACTOR " exit %zu\n",
                       i % 2 ? "oneshot" : "simple", i);
        scene_unit(s, name, text);
    }
    scene_boot(s, NULL);
    assert_int_equal(scene_exit_code(s), 0);
    for (size_t i = 1; i <= 150; i++) {
        (void)snprintf(name, sizeof name, "quick-%zu.service", i);
        (void)snprintf(want, sizeof want, "exit code %zu", i);
        assert_int_equal(scene_count_events(s, "exited", name, "err", want, NULL), 1);
        assert_int_equal(scene_count_events(s, "unit_state", name, "active", "failed", NULL), 1);
    }
    scene_end(s);
}

/* Fewer descriptors than the units need: those that get none fail with the reason, PID 1 and the others go on. */
static void test_no_descriptors(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    struct scene_spec spec = SCENE_SPEC_DEFAULT;
    static const char *const prefix[] = { "/bin/sh", "-c", "ulimit -n 64 && exec \"$@\"", "sh" };
    char name[32];
    for (size_t i = 0; i < COUNT_OF(prefix); i++) spec.prefix[i] = prefix[i];
    for (size_t i = 0; i < 40; i++) {
        (void)snprintf(name, sizeof name, "many-%02zu.service", i);
        scene_unit(s, name, "[Service]\nExecStart=" ACTOR " sleep\n");
    }
    scene_boot(s, &spec);
    scene_wait_event(s, "startup_finished", NULL, NULL);
    size_t up = scene_count_events(s, "unit_state", NULL, "active", "active", NULL);
    size_t failed = scene_count_events(s, "unit_state", NULL, "active", "failed", NULL);
    assert_true(up > 0 && failed > 0 && up + failed == 40);
    expect_log(s, ": Too many open files\n");
    expect_stop(s, 0);
    assert_int_equal(scene_count_events(s, "unit_state", NULL, "active", "inactive", NULL), up);
    scene_end(s);
}

/* A command line as in systemd.service(5) "COMMAND LINES", as the program gets it. */
static void test_command_lines(void **state)
{
    (void)state;
    static const struct {
        const char *label, *line, *said;
    } rows[] = {
        { "quotes", "ExecStart=" ACTOR " write 1 \"a b\"", "a b\n" },
        { "single quotes", "ExecStart=" ACTOR " write 1 'a \"b\"'", "a \"b\"\n" },
        { "C escapes", "ExecStart=" ACTOR " write 1 \"a\\x41\\tb\"", "aA\tb\n" },
        { "continuation", "ExecStart=" ACTOR " \\\n# a comment\n  write 1 joined", "joined\n" },
        { "several in a oneshot", "ExecStart=" ACTOR " write 1 one\nExecStart=" ACTOR " write 1 two", "two\n" },
        { "a semicolon", "ExecStart=" ACTOR " write 1 one ; " ACTOR " write 1 two", "two\n" },
        { "an escaped semicolon", "ExecStart=" ACTOR " write 1 \\;", ";\n" },
        { "reset", "ExecStart=/bin/false\nExecStart=\nExecStart=" ACTOR " write 1 reset", "reset\n" },
        { "@: another argv[0]", "ExecStart=@/bin/sh other-name -c 'echo $$0'", "other-name\n" },
        { "-: failure ignored", "ExecStart=-/bin/false\nExecStart=" ACTOR " write 1 on", "on\n" },
        { ":: no variables", "Environment=A=1\nExecStart=:" ACTOR " write 1 ${A}", "${A}\n" },
        { "+: full privileges", "User=app\nExecStart=+/usr/bin/id -u", "0\n" },
        { "!: the same here", "User=app\nExecStart=!/usr/bin/id -u", "0\n" },
        { "!!: the same here", "User=app\nExecStart=!!/usr/bin/id -un", "app\n" },
        { "variables", "Environment=\"A=x y\"\nExecStart=" ACTOR " write 1 <${A}>", "<x y>\n" },
        { "split variables", "Environment=\"A=write 1\"\nExecStart=" ACTOR " $A split", "split\n" },
        { "a dollar", "ExecStart=" ACTOR " write 1 $$A", "$A\n" },
        { "a program of PATH", "ExecStart=echo found", "found\n" },
    };
    struct scene *s = scene_new();
    char name[32], text[512];
    scene_user(s, "app", 4711, "/");
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        (void)snprintf(name, sizeof name, "row-%02zu.service", i);
        (void)snprintf(text, sizeof text, "[Service]\nType=oneshot\n%s\n", rows[i].line);
        scene_unit(s, name, text);
    }
    scene_boot(s, NULL);
    assert_int_equal(scene_exit_code(s), 0);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        print_message("  %s\n", rows[i].label);
        (void)snprintf(text, sizeof text, "[row-%02zu] %s", i, rows[i].said);
        expect_log(s, text);
        (void)snprintf(name, sizeof name, "row-%02zu.service", i);
        scene_wait_event(s, "unit_state", name, "result", "success", "sub", "dead", NULL);
    }
    scene_end(s);
}

/* K81: what the main process does not wait for is left to it while it lives, told of at the stop, and gone with it. */
static void test_unwaited_children(void **state)
{
    struct scene *s = scene_new();
    scene_unit(s, "careless.service", "[Service]\nExecStart=" ACTOR " zombies /scene/zombies 3 -- sleep\n");
    scene_unit(s, "careful.service", "[Service]\nExecStart=" ACTOR " sleep\n");
    life_boot(s, state);
    scene_wait_file(s, "zombies", "zombies");
    expect_stop(s, 0);
    scene_wait_log(s, "has not waited for 3 children that ended, the first is ");
    scene_wait_log(s, " (actor)\n");
    expect_no_log(s, "unit careful.service: its main process");
    scene_wait_event(s, "zombies", "careless.service", "comm", "actor", NULL);
    life_expect_path(s, "careless.service", "start running stop-sigterm dead");
    scene_end(s);
}

int main(void)
{
    scene_skip_unless_possible();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clean_start),    cmocka_unit_test(test_failed_starts),
        cmocka_unit_test(test_quick_exits),    IN_BOTH_PLACES(test_unwaited_children),
        cmocka_unit_test(test_no_descriptors), cmocka_unit_test(test_command_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
