/* supervisor/socket_fsm.def, cell by cell: what every state of a socket unit does with every event.
 *
 * test_moves() compares the table with an expectation that states each cell; test_observations() fires every
 * observation in every state of a socket that is not open and whose commands are /bin/true, and compares where the
 * socket is then. Source: systemd.socket(5). */
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
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/log.h"
#include "supervisor/manager.h"
#include "supervisor/socket_internal.h"
#include "supervisor/socket_open.h"
#include "unit/load.h"
#include "unit/unit.h"

extern char **environ;

/* clang-format off */
static const char *const state_ids[] = {
#define X(state, active, sub, timeout) [SOCKET_##state] = #state,
    SOCKET_STATES(X)
#undef X
};
/* One letter per event, in the order of SOCKET_EVENTS: . ignored, j judged in the state, m moves to where it says. */
static const char *const expected_moves[SOCKET_STATE_COUNT] = {
    [SOCKET_DEAD] = "j.........mm.m.m.......m",
    [SOCKET_START_PRE] = "..j.j.j.jj.m.....m.mmmmm",
    [SOCKET_START_CHOWN] = ".j....j.jj..mm.mmm.mmmmm",
    [SOCKET_START_POST] = "..j.j.j.jj...m.mmm.mmmmm",
    [SOCKET_LISTENING] = "......j.jj....mmmm.mmmmm",
    [SOCKET_DEFERRED] = "....j.j.jj...m.mmm.mmmmm",
    [SOCKET_RUNNING] = "......j.jj...m..mm.mmmmm",
    [SOCKET_STOP_PRE] = "..j.j..jj........m.mmmmm",
    [SOCKET_STOP_PRE_SIGTERM] = "..j.j...j.........mmmmmm",
    [SOCKET_STOP_PRE_SIGKILL] = "..j.j...j..........mmmmm",
    [SOCKET_STOP_POST] = "..j.jj..j...........mmmm",
    [SOCKET_FINAL_SIGTERM] = "..jjj...j............mmm",
    [SOCKET_FINAL_SIGKILL] = "..jjj...j.............mm",
    [SOCKET_FAILED] = "j.....j...mm.m.m......m.",
};
/* Where the socket is after each observation, in the order of SOCKET_EVENTS: . ignored, = still there. */
static const struct { const char *label, *settings; const char *rows[SOCKET_STATE_COUNT]; } types[] = {
    { "without commands", "", {
        [SOCKET_DEAD] = "LISTENING . . . . . . . . .",
        [SOCKET_START_PRE] = ". . LISTENING . FAILED . DEAD . DEAD FAILED",
        [SOCKET_START_CHOWN] = ". FAILED . . . . DEAD . DEAD FAILED",
        [SOCKET_START_POST] = ". . LISTENING . FAILED . DEAD . DEAD FAILED",
        [SOCKET_LISTENING] = ". . . . . . DEAD . DEAD FAILED",
        [SOCKET_DEFERRED] = ". . . . FAILED . DEAD . DEAD FAILED",
        [SOCKET_RUNNING] = ". . . . . . DEAD . DEAD FAILED",
        [SOCKET_STOP_PRE] = ". . DEAD . FAILED . . DEAD DEAD .",
        [SOCKET_STOP_PRE_SIGTERM] = ". . DEAD . FAILED . . . DEAD .",
        [SOCKET_STOP_PRE_SIGKILL] = ". . DEAD . FAILED . . . DEAD .",
        [SOCKET_STOP_POST] = ". . DEAD . FAILED DEAD . . DEAD .",
        [SOCKET_FINAL_SIGTERM] = ". . DEAD DEAD FAILED . . . DEAD .",
        [SOCKET_FINAL_SIGKILL] = ". . DEAD DEAD FAILED . . . DEAD .",
        [SOCKET_FAILED] = "LISTENING . . . . . DEAD . . .",
      } },
    { "with commands",
      "ExecStartPre=/bin/true\nExecStartPost=/bin/true\nExecStopPre=/bin/true\nExecStopPost=/bin/true\n", {
        [SOCKET_DEAD] = "START_PRE . . . . . . . . .",
        [SOCKET_START_PRE] = ". . START_POST . FAILED . STOP_POST . DEAD STOP_POST",
        [SOCKET_START_CHOWN] = ". STOP_PRE . . . . STOP_PRE . DEAD STOP_PRE",
        [SOCKET_START_POST] = ". . LISTENING . STOP_POST . STOP_PRE . DEAD STOP_PRE",
        [SOCKET_LISTENING] = ". . . . . . STOP_PRE . DEAD STOP_PRE",
        [SOCKET_DEFERRED] = ". . . . STOP_PRE . STOP_PRE . DEAD STOP_PRE",
        [SOCKET_RUNNING] = ". . . . . . STOP_PRE . DEAD STOP_PRE",
        [SOCKET_STOP_PRE] = ". . STOP_POST . STOP_POST . . STOP_POST DEAD .",
        [SOCKET_STOP_PRE_SIGTERM] = ". . STOP_POST . STOP_POST . . . DEAD .",
        [SOCKET_STOP_PRE_SIGKILL] = ". . STOP_POST . STOP_POST . . . DEAD .",
        [SOCKET_STOP_POST] = ". . DEAD . = = . . DEAD .",
        [SOCKET_FINAL_SIGTERM] = ". . DEAD DEAD FAILED . . . DEAD .",
        [SOCKET_FINAL_SIGKILL] = ". . DEAD DEAD FAILED . . . DEAD .",
        [SOCKET_FAILED] = "START_PRE . . . . . DEAD . . .",
      } },
};
/* clang-format on */

/* ---- the table itself ---- */

static uint8_t moves[SOCKET_STATE_COUNT][SOCKET_EVENT_COUNT]; /* 1 + where to; 0: ignored */

static void test_moves(void **state)
{
    int wrong = 0;
    (void)state;
#define M(from, event, to, action)                                                                                     \
    assert_int_equal(moves[SOCKET_##from][SOCKET_EVENT_##event], 0); /* a second row would never be found */           \
    moves[SOCKET_##from][SOCKET_EVENT_##event] = 1 + SOCKET_##to;
#include "supervisor/socket_fsm.def"
#undef M
    for (int s = 0; s < SOCKET_STATE_COUNT; s++) {
        char got[SOCKET_EVENT_COUNT + 1] = "";
        for (int e = 0; e < SOCKET_EVENT_COUNT; e++) {
            int to = moves[s][e] - 1;
            got[e] = to < 0 ? '.' : to == s ? 'j' : 'm';
            if (to < 0 || to == s) continue;
            const char *event = socket_event_name((enum socket_event)e); /* a move is named after where it goes */
            assert_int_equal(strncmp(event, "GO_", 3), 0);
            assert_string_equal(event + 3, state_ids[to]);
        }
        if (expected_moves[s] && strcmp(got, expected_moves[s]) == 0) continue;
        print_message("    [SOCKET_%s] = \"%s\",\n", state_ids[s], got);
        wrong++;
    }
    assert_int_equal(wrong, 0);
}

/* Something happens when a time limit passes; what is on its way down ends, also at the stop bound (D11). */
static void test_no_dead_ends(void **state)
{
    (void)state;
    for (int s = 0; s < SOCKET_STATE_COUNT; s++) {
        enum active_state active = socket_state_active((enum socket_state)s);
        bool limited = socket_state_timeout((enum socket_state)s) != SOCKET_TIMEOUT_NONE;
        bool down = active == ACTIVE_STATE_INACTIVE || active == ACTIVE_STATE_FAILED;
        print_message("  %s\n", state_ids[s]);
        assert_int_equal(moves[s][SOCKET_EVENT_TIMEOUT] != 0, limited);
        assert_int_equal(moves[s][SOCKET_EVENT_KILL] != 0, !down);
        if (down) continue;
        assert_true(moves[s][SOCKET_EVENT_GO_DEAD] != 0 && moves[s][SOCKET_EVENT_GO_FAILED] != 0);
        if (active == ACTIVE_STATE_DEACTIVATING) continue;
        assert_true(moves[s][SOCKET_EVENT_STOP] != 0 && moves[s][SOCKET_EVENT_FAIL] != 0);
    }
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

static const uint8_t slot_of[SOCKET_STATE_COUNT] = {
    [SOCKET_START_PRE] = SOCKET_EXEC_START_PRE,       [SOCKET_START_POST] = SOCKET_EXEC_START_POST,
    [SOCKET_STOP_PRE] = SOCKET_EXEC_STOP_PRE,         [SOCKET_STOP_PRE_SIGTERM] = SOCKET_EXEC_STOP_PRE,
    [SOCKET_STOP_PRE_SIGKILL] = SOCKET_EXEC_STOP_PRE, [SOCKET_STOP_POST] = SOCKET_EXEC_STOP_POST,
    [SOCKET_FINAL_SIGTERM] = SOCKET_EXEC_STOP_POST,   [SOCKET_FINAL_SIGKILL] = SOCKET_EXEC_STOP_POST,
};

/* A socket in that state, whose last command has ended well; nothing but the event has happened. */
static void set_scene(struct socket *s, enum socket_state state, enum socket_event event)
{
    s->state = state;
    s->base.active = (uint8_t)socket_state_active(state);
    s->base.result = event == SOCKET_EVENT_FAIL ? RESULT_TRIGGER_LIMIT_HIT : RESULT_SUCCESS;
    s->slot = slot_of[state];
    s->command_next = 1000;
    s->failure_code = 1;
    s->control.exited = event == SOCKET_EVENT_CONTROL_EXIT;
    s->control.command = socket_commands(s, (enum socket_command)s->slot)->items; /* the first; none: NULL */
    s->control_exit.code = CLD_EXITED;
    s->timed_out = true;
    if (event != SOCKET_EVENT_OPENED) return;
    s->opened = calloc(1, sizeof *s->opened); /* the file helper could not open it */
    CHECK(s->opened);
    s->opened->error = EADDRINUSE;
}

static void try_row(struct socket *s, enum socket_state state, char *row, size_t size)
{
    struct manager *m = s->base.manager;
    static struct socket fresh;
    bool begun = s->begun;
    fresh = *s;
    for (int e = 0; e < SOCKET_EVENT_COUNT; e++) {
        enum socket_event event = (enum socket_event)e;
        if (socket_event_is_decision(event)) break;
        set_scene(s, state, event);
        socket_fire(s, event);
        size_t at = strlen(row);
        const char *cell = !moves[state][e] ? "." : s->state == state ? "=" : state_ids[s->state];
        (void)snprintf(row + at, size - at, "%s%s", at > 0 ? " " : "", cell);
        if (s->opened) socket_opened_done(s->opened), free(s->opened);
        socket_close_listeners(s, true);
        if (s->control.pid > 0) CHECK(kill(s->control.pid, SIGKILL) == 0);
        process_release(m, &s->control);
        loop_deadline_clear(m->loop, &s->timeout);
        if (s->begun) procs_end(m->procs, &s->procs);
        m->events.count = m->events_head = 0;
        m->checks.count = 0;
        *s = fresh;
        s->begun = false;
        CHECK(!begun || socket_begin_run(s) == 0);
        fresh = *s;
    }
}

static void run_type(size_t type, int told)
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
    FILE *f = fopen("units/a.socket", "we");
    CHECK(f && fprintf(f, "[Socket]\nListenStream=%s/sock\n%s", dir, types[type].settings) > 0 && fclose(f) == 0);
    f = fopen("units/a.service", "we");
    CHECK(f && fprintf(f, "[Service]\nExecStart=/bin/true\n") > 0 && fclose(f) == 0);
    struct diag_sink *diags = diag_sink_new();
    CHECK(unit_set_load(&load, diags, &report, &set) == 0 && !report.failed);
    CHECK(graph_build(set, &graph) == 0);
    log_set_threshold(LOG_LEVEL_ERROR);
    CHECK(manager_new(&options, set, graph, &m) == 0);
    struct socket *s = socket_of(manager_unit(m, unit_set_find(set, "a.socket")->id));
    s->service = service_of(manager_unit(m, unit_set_find(set, "a.service")->id));
    CHECK(!socket_has_commands(s) || socket_begin_run(s) == 0);
    for (int state = 0; state < SOCKET_STATE_COUNT; state++) {
        char row[1024] = "";
        int kept = dup(STDERR_FILENO);
        CHECK(dup2(told, STDERR_FILENO) >= 0);
        try_row(s, (enum socket_state)state, row, sizeof row);
        CHECK(dup2(kept, STDERR_FILENO) >= 0 && close(kept) == 0);
        if (types[type].rows[state] && strcmp(row, types[type].rows[state]) == 0) continue;
        fprintf(stderr, "        [SOCKET_%s] = \"%s\",\n", state_ids[state], row);
        wrong++;
    }
    manager_free(m);
    graph_free(graph);
    unit_set_free(set);
    diag_sink_free(diags);
    (void)unlink("sock");
    CHECK(unlink("units/a.socket") == 0 && unlink("units/a.service") == 0 && rmdir("units") == 0 && rmdir(dir) == 0);
    CHECK(wrong == 0);
}

static void show(int told)
{
    char text[4096];
    ssize_t n;
    for (off_t at = 0; (n = pread(told, text, sizeof text, at)) > 0; at += n) (void)fwrite(text, 1, (size_t)n, stderr);
}

static void test_observations(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(types); i++) {
        print_message("  %s\n", types[i].label);
        int told = memfd_create("told", MFD_CLOEXEC); /* what is said of time limits is of interest after a failure */
        assert_true(told >= 0);
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
            run_type(i, told);
            _exit(0);
        }
        int status = 0;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        if (WIFEXITED(status) && WEXITSTATUS(status) == NOT_POSSIBLE) skip();
        if (status != 0) show(told);
        assert_int_equal(close(told), 0);
        assert_int_equal(status, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_moves), cmocka_unit_test(test_no_dead_ends),
                                        cmocka_unit_test(test_observations) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
