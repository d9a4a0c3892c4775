/* ExecReload=: a manager in this process runs a real service, and service_reload() is asked for when it is up.
 *
 * Each row in a process of its own, a subreaper in a mount namespace without cgroups, so that nothing of the machine's
 * is touched. Source: systemd.service(5) ExecReload=, TimeoutStartSec=. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/json.h"
#include "base/log.h"
#include "supervisor/manager.h"
#include "supervisor/service.h"
#include "unit/load.h"
#include "unit/unit.h"

extern char **environ;

/* In the child: a failed check ends it. */
#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "%s:%d: %s (errno %s)\n", __FILE__, __LINE__, #condition, strerror(errno));                \
            _exit(1);                                                                                                  \
        }                                                                                                              \
    } while (0)
#define NOT_POSSIBLE 77

#define TICK  USEC_PER_MSEC
#define NOTE  "ExecReload=/bin/sh -c 'echo "
#define NOTED " $MAINPID >> notes'\n"

/* What the service of Type=notify-reload says when it got its signal, as sd_notify(3) would bring it here. */
enum talk { TALK_NOT, TALK_WELL, TALK_NEVER, TALK_AT_ONCE };
#define TRAP(signal)                                                                                                   \
    "Type=notify-reload\nExecStart=/bin/sh -c 'trap \"echo one $$$$ >> notes\" " signal                                \
    "; exec 3<> pipe; echo > armed; while :; do read x <&3; done'\n"

/* clang-format off */
static const struct row { const char *label, *unit, *path; int notes; int asked; bool stop_meanwhile; enum talk talk; } rows[] = {
    { "commands run in order and know the main process", "ExecStart=/bin/sleep 1000\n" NOTE "one" NOTED NOTE "two" NOTED,
      "start running reload running stop-sigterm dead", 2, 0, false, TALK_NOT },
    { "a failure ends the reload, not the service", "ExecStart=/bin/sleep 1000\n" NOTE "one" NOTED "ExecReload=/bin/false\n" NOTE "two" NOTED,
      "start running reload running stop-sigterm dead", 1, 0, false, TALK_NOT },
    { "a failure marked with - does not", "ExecStart=/bin/sleep 1000\nExecReload=-/bin/false\n" NOTE "one" NOTED,
      "start running reload running stop-sigterm dead", 1, 0, false, TALK_NOT },
    { "nor is a missing program the service's end", "ExecStart=/bin/sleep 1000\nExecReload=/nowhere/program\n",
      "start running reload running stop-sigterm dead", 0, 0, false, TALK_NOT },
    { "a reload that takes too long is given up", "TimeoutStartSec=700ms\nExecStart=/bin/sleep 1000\nExecReload=/bin/sleep 1000\n",
      "start running reload running stop-sigterm dead", 0, 0, false, TALK_NOT },
    { "the main process dies of it", "ExecStart=/bin/sleep 1000\n" NOTE "one" NOTED "ExecReload=/bin/sh -c 'kill -KILL $MAINPID; while kill -0 $MAINPID 2>&-; do :; done'\n",
      "start running reload stop-sigterm failed", 1, 0, false, TALK_NOT },
    { "a stop does not wait for it", "ExecStart=/bin/sleep 1000\n" NOTE "one" NOTED "ExecReload=/bin/sleep 1000\n",
      "start running reload stop-sigterm dead", 1, 0, true, TALK_NOT },
    { "a oneshot that remains", "Type=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\nExecReload=/bin/sh -c 'echo one >> notes'\n",
      "start exited reload exited stop-sigterm dead", 1, 0, false, TALK_NOT },
    { "Type=notify-reload: signal, RELOADING=1, READY=1", TRAP("HUP"),
      "start running reload-signal reload-notify running stop-sigterm dead", 1, 0, false, TALK_WELL },
    { "ReloadSignal= is another", "ReloadSignal=USR2\n" TRAP("USR2"),
      "start running reload-signal reload-notify running stop-sigterm dead", 1, 0, false, TALK_WELL },
    { "ExecReload= comes before it", TRAP("HUP") NOTE "one" NOTED,
      "start running reload reload-signal reload-notify running stop-sigterm dead", 2, 0, false, TALK_WELL },
    { "no answer within the limit", "TimeoutStartSec=1500ms\n" TRAP("HUP"),
      "start running reload-signal running stop-sigterm dead", 1, 0, false, TALK_NEVER },
    { "RELOADING=1 unasked is a reload all the same", "Type=notify\nExecStart=/bin/sh -c 'echo > armed; exec sleep 1000'\n",
      "start running reload-notify running stop-sigterm dead", 0, -EINVAL, false, TALK_AT_ONCE },
    { "no ExecReload=", "ExecStart=/bin/sleep 1000\n", "start running stop-sigterm dead", 0, -EINVAL, false, TALK_NOT },
};
/* clang-format on */

struct world {
    const struct row *row;
    char dir[64];
    struct manager *manager;
    struct service *service;
    struct loop_deadline tick;
    bool asked;
    int told;
    pid_t main_pid;
};

static int count_lines(const char *name)
{
    char *text = NULL;
    size_t size = 0;
    int n = 0;
    if (file_read(AT_FDCWD, name, 4096, &text, &size) < 0) return 0;
    for (const char *c = text; *c; c++) n += *c == '\n';
    free(text);
    return n;
}

/* Plays the messages of the service: READY=1 once it can take the signal; an old RELOADING=1 that is no answer, one
 * that is, and READY=1. */
static void talk(struct world *w)
{
    struct service *s = w->service;
    if (w->row->talk == TALK_NOT) return;
    if (s->state == SERVICE_STATE_START && access("armed", F_OK) == 0) {
        manager_post(w->manager, s, SERVICE_EVENT_READY);
    } else if (s->state == SERVICE_STATE_RELOAD_SIGNAL && count_lines("notes") == w->row->notes) {
        if (w->row->talk != TALK_WELL) return;
        service_told_reloading(s, w->told++ == 0 ? s->reload_begun - 1 : loop_now(w->manager->loop));
    } else if (s->state == SERVICE_STATE_RELOAD_NOTIFY) {
        manager_post(w->manager, s, SERVICE_EVENT_READY);
    }
}

static bool is_up(const struct service *s)
{
    return s->state == SERVICE_STATE_RUNNING || s->state == SERVICE_STATE_EXITED;
}

static void on_tick(void *userdata)
{
    struct world *w = userdata;
    struct service *s = w->service;
    bool through;
    talk(w);
    if (!w->asked) {
        if (is_up(s)) {
            w->main_pid = s->main.pid;
            CHECK(service_reload(s) == w->row->asked);
            if (w->row->talk == TALK_AT_ONCE) service_told_reloading(s, USEC_INFINITY);
            w->asked = true;
        } else {
            CHECK(service_reload(s) == (w->row->asked == 0 ? -EAGAIN : w->row->asked));
        }
        through = false;
    } else if (w->row->stop_meanwhile) {
        through = s->state == SERVICE_STATE_RELOAD && count_lines("notes") == w->row->notes;
    } else {
        through = service_state_active(s->state) != ACTIVE_STATE_RELOADING;
        if (is_up(s)) CHECK(s->main.pid == w->main_pid);
    }
    if (through)
        shutdown_begin(w->manager, NULL);
    else
        CHECK(loop_deadline_set(w->manager->loop, &w->tick, usec_add(loop_now(w->manager->loop), TICK), on_tick, w) ==
              0);
}

static void write_unit(const struct world *w)
{
    CHECK(mkdir("units", 0755) == 0);
    FILE *f = fopen("units/a.service", "we");
    CHECK(f != NULL);
    CHECK(fprintf(f, "[Service]\nWorkingDirectory=%s\n%s", w->dir, w->row->unit) > 0);
    CHECK(fclose(f) == 0);
}

/* "start running ..." from the records of the trace. */
static void check_path(const char *want)
{
    char *text = NULL;
    size_t size = 0;
    AUTO_STR struct str got = STR_EMPTY;
    CHECK(file_read(AT_FDCWD, "trace", 1 << 20, &text, &size) == 0);
    for (const char *line = text; *line; line = strchr(line, '\n') + 1) {
        struct json_value *record = NULL;
        CHECK(json_parse(line, strcspn(line, "\n"), &record, NULL) == 0);
        const char *phase = json_get_string(record, "phase");
        if (phase && strcmp(phase, "unit_state") == 0)
            CHECK(str_appendf(&got, "%s%s", got.length ? " " : "", json_get_string(record, "sub")) == 0);
        json_free(record);
    }
    free(text);
    if (strcmp(str_text(&got), want) != 0) fprintf(stderr, "went through \"%s\"\n", str_text(&got));
    CHECK(strcmp(str_text(&got), want) == 0);
}

static void check_notes(const struct world *w)
{
    char *text = NULL, number[16];
    size_t size = 0;
    CHECK(count_lines("notes") == w->row->notes);
    if (w->row->notes == 0 || w->main_pid == 0) return;
    CHECK(file_read(AT_FDCWD, "notes", 4096, &text, &size) == 0);
    (void)snprintf(number, sizeof number, " %d\n", (int)w->main_pid);
    for (const char *line = text; *line; line = strchr(line, '\n') + 1)
        CHECK(strstr(line, number) == strchr(line, ' '));
    free(text);
}

static void run_row(const struct row *row)
{
    struct world w = { .row = row, .dir = "/tmp/reload-XXXXXX" };
    const char *const directories[] = { "units", NULL };
    struct unit_load_options load = { .directories = directories, .environment = environ };
    struct unit_load_report report = { 0 };
    struct unit_set *set = NULL;
    struct graph *graph = NULL;
    struct manager_options options = { .stop_timeout = 8 * USEC_PER_SEC, .trace_path = "trace", .environ = environ };

    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) _exit(NOT_POSSIBLE);
    (void)umount2("/sys/fs/cgroup", MNT_DETACH); /* there may be none */
    (void)alarm(120);
    CHECK(mkdtemp(w.dir) && chdir(w.dir) == 0);
    write_unit(&w);
    CHECK(mkfifo("pipe", 0600) == 0);
    struct diag_sink *diags = diag_sink_new();
    CHECK(unit_set_load(&load, diags, &report, &set) == 0 && !report.failed);
    CHECK(graph_build(set, &graph) == 0);
    log_set_threshold(LOG_LEVEL_ERROR);
    CHECK(manager_new(&options, set, graph, &w.manager) == 0);
    CHECK(w.manager->cgroup == NULL);
    w.service = service_of(manager_unit(w.manager, unit_set_find(set, "a.service")->id));
    CHECK(loop_deadline_set(w.manager->loop, &w.tick, loop_now(w.manager->loop), on_tick, &w) == 0);
    CHECK(manager_run(w.manager) == 0);
    loop_deadline_clear(w.manager->loop, &w.tick);
    manager_free(w.manager);
    check_path(w.row->path);
    check_notes(&w);
    graph_free(graph);
    unit_set_free(set);
    diag_sink_free(diags);
    static const char *const files[] = { "units/a.service", "trace", "notes", "armed", "pipe" };
    for (size_t i = 0; i < COUNT_OF(files); i++) (void)unlink(files[i]); /* not every row makes all of them */
    CHECK(rmdir("units") == 0 && rmdir(w.dir) == 0);
}

static void test_reload(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        print_message("  %s\n", rows[i].label);
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
            run_row(&rows[i]);
            _exit(0);
        }
        int status = 0;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        if (WIFEXITED(status) && WEXITSTATUS(status) == NOT_POSSIBLE) skip();
        assert_int_equal(status, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_reload) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
