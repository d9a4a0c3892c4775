/* supervisor/service_fsm.def, cell by cell: what every state does with every event.
 *
 * test_moves() compares the table with an expectation that states each cell; test_observations() fires every
 * observation in every state of a service that has no processes, and compares where the service is then. The clock is
 * that of the row: a limit that is passed is one whose flag is set. Source: systemd.service(5), sd_notify(3). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/fd.h"
#include "base/log.h"
#include "supervisor/manager.h"
#include "supervisor/service.h"
#include "unit/load.h"
#include "unit/unit.h"

extern char **environ;

/* clang-format off */
static const char *const state_ids[] = {
#define X(state, active, sub, timeout) [SERVICE_STATE_##state] = #state,
    SERVICE_STATES(X)
#undef X
};
/* One letter per event, in the order of SERVICE_EVENTS: . ignored, j judged in the state, m moves to where it says. */
static const char *const expected_moves[SERVICE_STATE_COUNT] = {
    [SERVICE_STATE_DEAD] = "..............mmm...............m....",
    [SERVICE_STATE_CONDITION] = "..j.j.......j..mm.......mmmm..m......",
    [SERVICE_STATE_START_PRE] = "..j.j.......j...m.......mmmm..m......",
    [SERVICE_STATE_START] = "jjjjjj.jj..jj....mmm...mmmmm..m......",
    [SERVICE_STATE_START_POST] = ".jj.j..jj..jj.....mm...mmmmm..m......",
    [SERVICE_STATE_RUNNING] = ".j.jj.jjjjjjjj.....mmmmmmmmm..m......",
    [SERVICE_STATE_EXITED] = ".j....j.....j.......m..mmmmm..m......",
    [SERVICE_STATE_RELOAD] = ".jj.j..jjj.jjj....mm.mmmmmmm..m......",
    [SERVICE_STATE_RELOAD_SIGNAL] = ".j.jj..jjjjjjj....mm..mmmmmm..m......",
    [SERVICE_STATE_RELOAD_NOTIFY] = ".j.jj..jj.jjjj....mm...mmmmm..m......",
    [SERVICE_STATE_STOP] = ".jj.j.......j...........mmmm..m......",
    [SERVICE_STATE_STOP_WATCHDOG] = ".jjjj.......j.............mmmmmmmmmm.",
    [SERVICE_STATE_STOP_SIGTERM] = ".jjjj.......j...........m.mmmmmmmmmm.",
    [SERVICE_STATE_STOP_SIGKILL] = ".jjjj.......j..............mmmmmmmmm.",
    [SERVICE_STATE_STOP_POST] = ".jj.j.......j...............mmmmmmmm.",
    [SERVICE_STATE_FINAL_WATCHDOG] = ".jjjj.......j.................mmmmmm.",
    [SERVICE_STATE_FINAL_SIGTERM] = ".jjjj.......j...............m.mmmmmm.",
    [SERVICE_STATE_FINAL_SIGKILL] = ".jjjj.......j..................mmmmm.",
    [SERVICE_STATE_FAILED] = "..............mmm..............m.....",
    [SERVICE_STATE_DEAD_BEFORE_AUTO_RESTART] = "...................................m.",
    [SERVICE_STATE_FAILED_BEFORE_AUTO_RESTART] = "...................................m.",
    [SERVICE_STATE_AUTO_RESTART] = "....j.........mmm..............mm...m",
    [SERVICE_STATE_AUTO_RESTART_QUEUED] = "..............mmm..............mm....",
};
/* Where the service is after each observation, in the order of SERVICE_EVENTS: . ignored, = still there. */
static const struct { const char *label, *settings; const char *rows[SERVICE_STATE_COUNT]; } types[] = {
    { "notify-reload", "Type=notify-reload\n", {
        [SERVICE_STATE_DEAD] = ". . . . . . . . . . . . . .",
        [SERVICE_STATE_CONDITION] = ". . START . FAILED . . . . . . . FAILED .",
        [SERVICE_STATE_START_PRE] = ". . START . FAILED . . . . . . . FAILED .",
        [SERVICE_STATE_START] = "= FAILED = = STOP_SIGTERM = . RUNNING = . . STOP_WATCHDOG STOP_SIGTERM .",
        [SERVICE_STATE_START_POST] = ". = RUNNING . STOP_SIGTERM . . = = . . STOP_WATCHDOG STOP_SIGTERM .",
        [SERVICE_STATE_RUNNING] = ". DEAD . = STOP_SIGTERM . RELOAD_SIGNAL = = RELOAD_NOTIFY STOP_SIGTERM STOP_WATCHDOG STOP_SIGTERM STOP_SIGTERM",
        [SERVICE_STATE_EXITED] = ". = . . . . = . . . . . FAILED .",
        [SERVICE_STATE_RELOAD] = ". = RELOAD_SIGNAL . = . . = = = . STOP_WATCHDOG STOP_SIGTERM STOP_SIGTERM",
        [SERVICE_STATE_RELOAD_SIGNAL] = ". DEAD . = RUNNING . . = = RELOAD_NOTIFY STOP_SIGTERM STOP_WATCHDOG STOP_SIGTERM STOP_SIGTERM",
        [SERVICE_STATE_RELOAD_NOTIFY] = ". DEAD . = RUNNING . . RUNNING = . STOP_SIGTERM STOP_WATCHDOG STOP_SIGTERM STOP_SIGTERM",
        [SERVICE_STATE_STOP] = ". = STOP_SIGTERM . STOP_SIGTERM . . . . . . . STOP_SIGTERM .",
        [SERVICE_STATE_STOP_WATCHDOG] = ". DEAD = DEAD STOP_SIGKILL . . . . . . . STOP_SIGKILL .",
        [SERVICE_STATE_STOP_SIGTERM] = ". DEAD = DEAD STOP_SIGKILL . . . . . . . STOP_SIGKILL .",
        [SERVICE_STATE_STOP_SIGKILL] = ". DEAD = DEAD FINAL_SIGKILL . . . . . . . = .",
        [SERVICE_STATE_STOP_POST] = ". = DEAD . FINAL_SIGTERM . . . . . . . FINAL_SIGKILL .",
        [SERVICE_STATE_FINAL_WATCHDOG] = ". = = DEAD FINAL_SIGKILL . . . . . . . FINAL_SIGKILL .",
        [SERVICE_STATE_FINAL_SIGTERM] = ". = = DEAD FINAL_SIGKILL . . . . . . . FINAL_SIGKILL .",
        [SERVICE_STATE_FINAL_SIGKILL] = ". = = DEAD FAILED . . . . . . . = .",
        [SERVICE_STATE_FAILED] = ". . . . . . . . . . . . . .",
        [SERVICE_STATE_DEAD_BEFORE_AUTO_RESTART] = ". . . . . . . . . . . . . .",
        [SERVICE_STATE_FAILED_BEFORE_AUTO_RESTART] = ". . . . . . . . . . . . . .",
        [SERVICE_STATE_AUTO_RESTART] = ". . . . AUTO_RESTART_QUEUED . . . . . . . . .",
        [SERVICE_STATE_AUTO_RESTART_QUEUED] = ". . . . . . . . . . . . . .",
      } },
    { "simple", "Type=simple\nRestart=on-failure\n", {
        [SERVICE_STATE_DEAD] = ". . . . . . . . . . . . . .",
        [SERVICE_STATE_CONDITION] = ". . START . AUTO_RESTART . . . . . . . AUTO_RESTART .",
        [SERVICE_STATE_START_PRE] = ". . START . AUTO_RESTART . . . . . . . AUTO_RESTART .",
        [SERVICE_STATE_START] = "RUNNING DEAD RUNNING = STOP_SIGTERM RUNNING . = = . . STOP_WATCHDOG STOP_SIGTERM .",
        [SERVICE_STATE_START_POST] = ". = RUNNING . STOP_SIGTERM . . = = . . STOP_WATCHDOG STOP_SIGTERM .",
        [SERVICE_STATE_RUNNING] = ". DEAD . = STOP_SIGTERM . = = = RELOAD_NOTIFY STOP_SIGTERM STOP_WATCHDOG STOP_SIGTERM STOP_SIGTERM",
        [SERVICE_STATE_EXITED] = ". = . . . . = . . . . . AUTO_RESTART .",
        [SERVICE_STATE_RELOAD] = ". = RUNNING . = . . = = = . STOP_WATCHDOG STOP_SIGTERM STOP_SIGTERM",
        [SERVICE_STATE_RELOAD_SIGNAL] = ". DEAD . = RUNNING . . = = RELOAD_NOTIFY STOP_SIGTERM STOP_WATCHDOG STOP_SIGTERM STOP_SIGTERM",
        [SERVICE_STATE_RELOAD_NOTIFY] = ". DEAD . = RUNNING . . RUNNING = . STOP_SIGTERM STOP_WATCHDOG STOP_SIGTERM STOP_SIGTERM",
        [SERVICE_STATE_STOP] = ". = STOP_SIGTERM . STOP_SIGTERM . . . . . . . STOP_SIGTERM .",
        [SERVICE_STATE_STOP_WATCHDOG] = ". DEAD = DEAD STOP_SIGKILL . . . . . . . STOP_SIGKILL .",
        [SERVICE_STATE_STOP_SIGTERM] = ". DEAD = DEAD STOP_SIGKILL . . . . . . . STOP_SIGKILL .",
        [SERVICE_STATE_STOP_SIGKILL] = ". DEAD = DEAD FINAL_SIGKILL . . . . . . . = .",
        [SERVICE_STATE_STOP_POST] = ". = DEAD . FINAL_SIGTERM . . . . . . . FINAL_SIGKILL .",
        [SERVICE_STATE_FINAL_WATCHDOG] = ". = = DEAD FINAL_SIGKILL . . . . . . . FINAL_SIGKILL .",
        [SERVICE_STATE_FINAL_SIGTERM] = ". = = DEAD FINAL_SIGKILL . . . . . . . FINAL_SIGKILL .",
        [SERVICE_STATE_FINAL_SIGKILL] = ". = = DEAD AUTO_RESTART . . . . . . . = .",
        [SERVICE_STATE_FAILED] = ". . . . . . . . . . . . . .",
        [SERVICE_STATE_DEAD_BEFORE_AUTO_RESTART] = ". . . . . . . . . . . . . .",
        [SERVICE_STATE_FAILED_BEFORE_AUTO_RESTART] = ". . . . . . . . . . . . . .",
        [SERVICE_STATE_AUTO_RESTART] = ". . . . AUTO_RESTART_QUEUED . . . . . . . . .",
        [SERVICE_STATE_AUTO_RESTART_QUEUED] = ". . . . . . . . . . . . . .",
      } },
};
/* clang-format on */

/* ---- the table itself ---- */

static uint8_t moves[SERVICE_STATE_COUNT][SERVICE_EVENT_COUNT]; /* 1 + where to; 0: ignored */

static void test_moves(void **state)
{
    int wrong = 0;
    (void)state;
#define M(from, event, to, action) moves[SERVICE_STATE_##from][SERVICE_EVENT_##event] = 1 + SERVICE_STATE_##to;
#include "supervisor/service_fsm.def"
#undef M
    for (int s = 0; s < SERVICE_STATE_COUNT; s++) {
        char got[512] = "";
        for (int e = 0; e < SERVICE_EVENT_COUNT; e++) {
            size_t at = strlen(got);
            int to = moves[s][e] - 1;
            const char *cell = to < 0 ? "." : to == s ? "judged" : "moves";
            (void)snprintf(got + at, sizeof got - at, "%c", cell[0]);
            if (to >= 0 && to != s) { /* a move is named after where it goes */
                const char *event = service_event_name((enum service_event)e);
                assert_int_equal(strncmp(event, "GO_", 3), 0);
                assert_string_equal(event + 3, state_ids[to]);
            }
        }
        if (strcmp(got, expected_moves[s]) == 0) continue;
        print_message("%-28s\"%s\"\n", state_ids[s], got);
        wrong++;
    }
    assert_int_equal(wrong, 0);
}

/* ---- what observations lead to ---- */

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "%s:%d: %s (errno %s)\n", __FILE__, __LINE__, #condition, strerror(errno));                \
            _exit(1);                                                                                                  \
        }                                                                                                              \
    } while (0)
#define NOT_POSSIBLE 77

/* The main process of all rows: it takes any signal that a row sends. */
static pid_t main_pid;
static struct fd main_pidfd = FD_NONE;

static void start_main(void)
{
    main_pid = fork();
    CHECK(main_pid >= 0);
    if (main_pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;) (void)pause();
    }
    main_pidfd = fd_own((int)syscall(SYS_pidfd_open, main_pid, 0));
    CHECK(fd_is_open(&main_pidfd));
}

static const uint8_t slot_of[SERVICE_STATE_COUNT] = {
    [SERVICE_STATE_CONDITION] = SERVICE_EXEC_CONDITION, [SERVICE_STATE_START_PRE] = SERVICE_EXEC_START_PRE,
    [SERVICE_STATE_START] = SERVICE_EXEC_START,         [SERVICE_STATE_START_POST] = SERVICE_EXEC_START_POST,
    [SERVICE_STATE_RELOAD] = SERVICE_EXEC_RELOAD,       [SERVICE_STATE_STOP] = SERVICE_EXEC_STOP,
    [SERVICE_STATE_STOP_POST] = SERVICE_EXEC_STOP_POST,
};

/* A service in that state, whose main process runs; nothing but the event has happened. */
static void set_scene(struct service *s, enum service_state state, enum service_event event)
{
    s->state = state;
    s->base.active = (uint8_t)service_state_active(state);
    s->base.result = RESULT_SUCCESS;
    s->slot = slot_of[state];
    s->command_next = 1000;
    s->was_up = true;
    s->told_reloading = USEC_INFINITY - 1;
    bool has_main = event != SERVICE_EVENT_EMPTY && state != SERVICE_STATE_CONDITION &&
                    state != SERVICE_STATE_START_PRE && state != SERVICE_STATE_EXITED;
    s->launched = state == SERVICE_STATE_START && event != SERVICE_EVENT_EXECED;
    bool alive = has_main && event != SERVICE_EVENT_MAIN_EXIT;
    s->main.pid = alive ? main_pid : 0;
    s->main.pidfd = alive ? fd_own(dup(main_pidfd.n)) : FD_NONE;
    s->main.exited = event == SERVICE_EVENT_MAIN_EXIT;
    s->main_ended = s->main.exited;
    s->main_exit.code = s->control_exit.code = CLD_EXITED;
    s->control.exited = event == SERVICE_EVENT_CONTROL_EXIT;
    s->timed_out = true;
}

static void try_row(struct service *s, enum service_state state, char *row, size_t size)
{
    struct manager *m = s->base.manager;
    static struct service fresh;
    fresh = *s;
    for (int e = 0; e < SERVICE_EVENT_COUNT; e++) {
        enum service_event event = (enum service_event)e;
        if (service_event_is_decision(event)) break;
        set_scene(s, state, event);
        service_fire(s, event);
        size_t at = strlen(row);
        const char *cell = !moves[state][e] ? "." : s->state == state ? "=" : state_ids[s->state];
        (void)snprintf(row + at, size - at, "%s%s", at > 0 ? " " : "", cell);
        fd_close(&s->main.pidfd);
        loop_deadline_clear(m->loop, &s->timeout);
        m->events.count = m->events_head = 0;
        *s = fresh;
    }
}

static void run_type(size_t type)
{
    char dir[] = "/tmp/matrix-XXXXXX";
    const char *const directories[] = { "units", NULL };
    struct unit_load_options load = { .directories = directories, .environment = environ };
    struct unit_load_report report = { 0 };
    struct unit_set *set = NULL;
    struct graph *graph = NULL;
    struct manager_options options = { .stop_timeout = 8 * USEC_PER_SEC, .environ = environ };
    struct manager *m = NULL;
    int wrong = 0;

    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) _exit(NOT_POSSIBLE);
    (void)umount2("/sys/fs/cgroup", MNT_DETACH); /* there may be none */
    (void)alarm(60);
    CHECK(mkdtemp(dir) && chdir(dir) == 0 && mkdir("units", 0755) == 0);
    FILE *f = fopen("units/a.service", "we");
    CHECK(f && fprintf(f, "[Service]\nExecStart=/bin/true\n%s", types[type].settings) > 0 && fclose(f) == 0);
    struct diag_sink *diags = diag_sink_new();
    CHECK(unit_set_load(&load, diags, &report, &set) == 0 && !report.failed);
    CHECK(graph_build(set, &graph) == 0);
    log_set_threshold(LOG_LEVEL_ERROR);
    CHECK(sigaction(SIGHUP, &(struct sigaction){ .sa_handler = SIG_IGN }, NULL) == 0); /* ReloadSignal= */
    start_main();
    CHECK(manager_new(&options, set, graph, &m) == 0);
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC); /* what the rows say of time limits is not of interest */
    struct service *s = service_of(manager_unit(m, unit_set_find(set, "a.service")->id));
    for (int state = 0; state < SERVICE_STATE_COUNT; state++) {
        char row[1024] = "";
        int kept = dup(STDERR_FILENO);
        CHECK(dup2(null, STDERR_FILENO) >= 0);
        try_row(s, (enum service_state)state, row, sizeof row);
        CHECK(dup2(kept, STDERR_FILENO) >= 0 && close(kept) == 0);
        if (strcmp(row, types[type].rows[state]) == 0) continue;
        fprintf(stderr, "    /* %s */ \"%s\",\n", state_ids[state], row);
        wrong++;
    }
    CHECK(kill(main_pid, SIGKILL) == 0);
    fd_close(&main_pidfd);
    manager_free(m);
    graph_free(graph);
    unit_set_free(set);
    diag_sink_free(diags);
    CHECK(unlink("units/a.service") == 0 && rmdir("units") == 0 && rmdir(dir) == 0);
    CHECK(wrong == 0);
}

static void test_observations(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(types); i++) {
        print_message("  %s\n", types[i].label);
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
            run_type(i);
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
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_moves), cmocka_unit_test(test_observations) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
