/* tests/e2e/test_trace.c - the trace of a run: shapes of the records (S65 to S70), and what bytes do to them (K91). */
#include "tests/e2e/expect.h"
#include "tests/e2e/harness_internal.h"
#include "base/json.h"
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ACTOR "/usr/local/bin/actor"

/* What a record of a phase has besides phase, status, t_start_ms and dt_ms. */
static const struct {
    const char *phase, *unit, *keys[10];
} shapes[] = {
    { "boot_start", NULL, { "wall_utc" } },
    { "unit_overridden", "over.service", { "base_path", "override_path" } },
    { "units_loaded", NULL, { "count", "warnings", "overrides" } },
    { "cgroup_init", NULL, { "available", "base" } },
    { "place", NULL, { "text", "pid1", "root", "cgroup", "clone3", "readonly_root" } },
    { "supervisor_start", NULL, { NULL } },
    { "startup_finished", NULL, { NULL } },
    { "signal_received", NULL, { "sig" } },
    { "reverse_shutdown_done", NULL, { "exit" } },
    { "boot_done", NULL, { "exit" } },
    { "mem_snapshot",
      NULL,
      { "label", "cgroup_current_bytes", "cgroup_peak_bytes", "cgroup_swap_bytes", "nproc", "rss_sum_bytes", "by_comm",
        "mem_snapshot" } },
    { "unit_state", "over.service", { "active", "sub", "from", "result" } },
    { "spawn", "over.service", { "argv", "pid" } },
    { "over_invoke", "over.service", { "pid" } },
    { "with-dashes_invoke", "with-dashes.service", { "pid" } },
    { "missing_invoke", "missing.service", { "err" } },
    { "start_failed", "missing.service", { "err" } },
    { "exited", "fails.service", { "failed", "err" } },
    { "onfailure_invoke", "handler.service", { "cause" } },
    { "onfailure_exited", "handler.service", { "failed", "err" } },
    { "skipped", "off.service", { "reason" } },
    { "dependency_failed", "needs.service", { "dependency", "reason" } },
    { "start_limit_hit", "limit.service", { "burst", "interval_ms" } },
    { "bound", "once.socket", { "network", "address", "mode" } },
    { "bind_failed", "bad.socket", { "err" } },
    { "first_connect", "once.socket", { NULL } },
    { "triggered", "once.socket", { NULL } },
    { "rearmed", "once.socket", { "service" } },
    { "socket_failed", "idle.socket", { "reason" } },
};

static const struct {
    const char *name, *text;
} units[] = {
    { "over.service", "[Service]\nExecStart=/bin/false\n" },
    { "with-dashes.service", "[Service]\nExecStart=" ACTOR " sleep\n" },
    { "missing.service", "[Service]\nExecStart=/no/such\n" },
    { "fails.service", "[Unit]\nOnFailure=handler.service\n[Service]\nType=oneshot\nExecStart=" ACTOR " exit 4\n" },
    { "handler.service", "[Service]\nType=oneshot\nExecStart=" ACTOR " exit 0\n" },
    { "off.service", "[Unit]\nConditionPathExists=/not/there\n[Service]\nExecStart=" ACTOR " sleep\n" },
    { "needs.service", "[Unit]\nRequires=fails.service\nAfter=fails.service\n[Service]\nExecStart=" ACTOR " sleep\n" },
    { "limit.service", "[Unit]\nStartLimitBurst=1\nStartLimitIntervalSec=60\n"
                       "[Service]\nRestart=always\nRestartSec=1ms\nExecStart=" ACTOR " exit 0\n" },
    { "once.socket", "[Socket]\nListenStream=/run/once.sock\n" },
    { "once.service", "[Service]\nExecStart=" ACTOR " listen-once\n" },
    { "idle.socket", "[Socket]\nListenStream=/run/idle.sock\nTriggerLimitBurst=1\nTriggerLimitIntervalSec=60\n" },
    { "idle.service", "[Service]\nExecStart=" ACTOR " listen-idle\n" },
    { "bad.socket", "[Socket]\nListenStream=/proc/nothing.sock\n" },
    { "bad.service", "[Service]\nExecStart=" ACTOR " sleep\n" },
};

static void expect_keys(struct scene *s, size_t i)
{
    const struct json_value *record = scene_wait_event(s, shapes[i].phase, shapes[i].unit, NULL);
    static const char *const common[] = { "phase", "status", "t_start_ms", "dt_ms" };
    for (size_t k = 0; k < COUNT_OF(common); k++)
        if (!json_get(record, common[k])) scene_fail(s, "%s has no %s", shapes[i].phase, common[k]);
    for (size_t k = 0; k < COUNT_OF(shapes[i].keys) && shapes[i].keys[k]; k++)
        if (!json_get(record, shapes[i].keys[k])) scene_fail(s, "%s has no %s", shapes[i].phase, shapes[i].keys[k]);
}

/* The text itself, which the parsed records no longer show: one object per line, keys sorted, no HTML escapes (S65). */
static void expect_sorted_lines(struct scene *s)
{
    char *text = scene_read(s, "trace.jsonl");
    assert_non_null(text);
    for (char *line = text, *end; *line; line = end + 1) {
        end = strchr(line, '\n');
        assert_non_null(end);
        *end = '\0';
        struct json_value *record = NULL;
        char *error = NULL;
        assert_int_equal(json_parse(line, strlen(line), &record, &error), 0);
        char *printed = json_print(record, 0); /* prints sorted keys */
        assert_string_equal(printed, line);
        free(printed);
        json_free(record);
    }
    free(text);
}

static void test_shapes(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    struct scene_spec spec = SCENE_SPEC_DEFAULT;
    assert_int_equal(
        box_spec_env(&spec.box, "CONTAINER_INIT_TRACE_LABELS=none.service:x, with-dashes.service:my label ,"), 0);
    for (size_t i = 0; i < COUNT_OF(units); i++) scene_unit(s, units[i].name, units[i].text);
    scene_drop_in(s, "over.service", "[Service]\nExecStart=" ACTOR " write 1 <&> -- sleep\n");
    scene_boot(s, &spec);
    scene_wait_event(s, "bound", "once.socket", NULL);
    scene_wait_event(s, "bound", "idle.socket", NULL);
    int once = scene_connect(s, "unix:/run/once.sock"), idle = scene_connect(s, "unix:/run/idle.sock");
    close(once);
    scene_wait_event(s, "rearmed", "once.socket", NULL);
    scene_wait_event(s, "socket_failed", "idle.socket", NULL);
    close(idle);
    scene_wait_event(s, "onfailure_exited", "handler.service", NULL);
    scene_wait_event(s, "start_limit_hit", "limit.service", NULL);
    print_message("  S69, S20: labelled snapshots\n");
    scene_wait_event(s, "mem_snapshot", NULL, "label", "boot", NULL);
    scene_wait_event(s, "mem_snapshot", NULL, "label", "post_services", NULL);
    scene_wait_event(s, "mem_snapshot", NULL, "label", "my label", NULL);
    expect_stop(s, 0);
    for (size_t i = 0; i < COUNT_OF(shapes); i++) {
        print_message("  %s\n", shapes[i].phase);
        expect_keys(s, i);
    }
    assert_int_equal(scene_count_events(s, "trace_dropped", NULL, NULL), 0);
    scene_wait_event(s, "signal_received", NULL, "sig", "terminated", "status", "ok", NULL);
    scene_wait_event(s, "missing_invoke", "missing.service", "status", "error", NULL);
    scene_wait_event(s, "spawn", "with-dashes.service", NULL);
    assert_int_equal(scene_event_position(s, "boot_start", NULL, NULL), 0);
    assert_true(scene_event_position(s, "boot_done", NULL, NULL) == scene_record_count(s) - 1);

    print_message("  one line each, keys sorted\n");
    struct stat st;
    char path[4096];
    scene_take_in(s);
    assert_int_equal(stat(scene_path(s, "trace.jsonl", path), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0644);
    expect_sorted_lines(s);
    char *text = scene_read(s, "trace.jsonl");
    assert_non_null(strstr(text, "\"<&>\""));
    free(text);
    scene_end(s);
}

/* K91: any bytes in what units give us. */
static void test_bytes(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    scene_unit(s, "bytes.service",
               "[Service]\nType=oneshot\n"
               "ExecStart=" ACTOR " write 1 \"quote\\\" \\x01\\x7f tab\\t \\xff\\xfe caf\xc3\xa9 \xf0\x9f\x98\x80\"\n"
               "ExecStart=-/no/such/\\xff\\n\n");
    scene_unit(s, "odd\\x2dname:_.service", "[Service]\nType=oneshot\nExecStart=" ACTOR " write 1 \xc3\xa9\n");
    scene_boot(s, NULL);
    assert_int_equal(scene_exit_code(s), 0); /* the harness fails on a line that is no JSON */
    scene_wait_event(s, "exited", "odd\\x2dname:_.service", "failed", "false", NULL);
    scene_wait_event(s, "exited", "bytes.service", NULL);
    scene_end(s);
}

/* S65: an old file is truncated. */
static void test_old_file(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    struct scene_spec spec = SCENE_SPEC_DEFAULT;
    spec.no_trace = true; /* the harness would read the old line */
    spec.box.setup = "echo old > /scene/old.jsonl";
    assert_int_equal(box_spec_env(&spec.box, "CONTAINER_INIT_TRACE=1"), 0);
    assert_int_equal(box_spec_env(&spec.box, "CONTAINER_INIT_TRACE_FILE=/scene/old.jsonl"), 0);
    scene_unit(s, "a.service", "[Service]\nType=oneshot\nExecStart=" ACTOR " exit 0\n");
    scene_boot(s, &spec);
    assert_int_equal(scene_exit_code(s), 0);
    char *text = scene_read(s, "old.jsonl");
    assert_non_null(text);
    assert_null(strstr(text, "old\n"));
    assert_non_null(strstr(text, "\"boot_done\""));
    free(text);
    scene_end(s);
}

/* K91, S70: a destination that takes nothing for a while loses records, which are counted: written + dropped = emitted.
 * The start of 6,000 targets is more than the FIFO and the queue of 4096 hold. */
static void test_dropped(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    struct scene_spec spec = SCENE_SPEC_DEFAULT;
    char path[PATH_MAX];
    spec.no_trace = true;
    spec.args[0] = "--stay", spec.args[1] = "--units=/run/bulk";
    spec.box.setup = "mkfifo /scene/fifo; (exec sleep 1000 3<>/scene/fifo >/dev/null 2>&1) & mkdir /run/bulk && "
                     "perl -e 'for (1 .. 6000) { open F, \">\", \"/run/bulk/n$_.target\"; print F \"[Unit]\\n\" }'";
    assert_int_equal(box_spec_env(&spec.box, "CONTAINER_INIT_TRACE=1"), 0);
    assert_int_equal(box_spec_env(&spec.box, "CONTAINER_INIT_TRACE_FILE=/scene/fifo"), 0);
    scene_boot(s, &spec);
    int fifo = open(scene_path(s, "fifo", path), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    assert_true(fifo >= 0);
    scene_wait_log(s, "startup finished");
    struct str text = scene_receive(s, fifo, "\"phase\":\"trace_dropped\"");
    scene_stop(s, SIGTERM);
    struct str rest = scene_receive(s, fifo, "\"phase\":\"boot_done\"");
    assert_int_equal(scene_exit_code(s), 0);
    assert_int_equal(str_append(&text, str_text(&rest)), 0);
    str_done(&rest);
    close(fifo);
    uint64_t told = 0, total = 0;
    for (char *line = text.data, *end; (end = strchr(line, '\n')); line = end + 1) {
        struct json_value *record = NULL;
        char *error = NULL;
        uint64_t dropped;
        assert_int_equal(json_parse(line, (size_t)(end - line), &record, &error), 0);
        if (strcmp(json_get_string(record, "phase"), "trace_dropped") == 0) {
            assert_int_equal(json_get_u64(record, "dropped", &dropped), 0);
            assert_int_equal(json_get_u64(record, "total", &total), 0);
            assert_string_equal(json_get_string(record, "status"), "error");
            told += dropped;
            assert_int_equal(told, total);
        }
        json_free(record);
    }
    assert_true(total > 0);
    str_done(&text);
    scene_end(s);
}

/* S20: only "1" turns it on; without it no file is made. */
static void test_off(void **state)
{
    (void)state;
    static const char *const values[] = { NULL, "CONTAINER_INIT_TRACE=", "CONTAINER_INIT_TRACE=0",
                                          "CONTAINER_INIT_TRACE=true" };
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        struct scene *s = scene_new();
        struct scene_spec spec = SCENE_SPEC_DEFAULT;
        print_message("  %s\n", values[i] ? values[i] : "unset");
        spec.no_trace = true;
        assert_int_equal(box_spec_env(&spec.box, "CONTAINER_INIT_TRACE_FILE=/scene/trace.jsonl"), 0);
        if (values[i]) assert_int_equal(box_spec_env(&spec.box, values[i]), 0);
        scene_unit(s, "a.service", "[Service]\nType=oneshot\nExecStart=" ACTOR " exit 0\n");
        scene_boot(s, &spec);
        assert_int_equal(scene_exit_code(s), 0);
        assert_null(scene_read(s, "trace.jsonl"));
        scene_end(s);
    }
}

int main(void)
{
    scene_skip_unless_possible();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shapes),  cmocka_unit_test(test_bytes), cmocka_unit_test(test_old_file),
        cmocka_unit_test(test_dropped), cmocka_unit_test(test_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
