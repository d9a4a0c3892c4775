/* The commands of a socket unit, one at a time, and what is to be killed at the end. */
#include "supervisor/socket_internal.h"

#include "base/log.h"
#include "base/str.h"
#include "socketact/listener.h"
#include "supervisor/exec_directories.h"
#include "supervisor/exec_streams.h"
#include "supervisor/file_helper.h"
#include "supervisor/restart.h"
#include "trace/trace.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static const char *const command_names[SOCKET_COMMAND_COUNT] = {
    [SOCKET_EXEC_START_PRE] = "ExecStartPre",
    [SOCKET_EXEC_START_POST] = "ExecStartPost",
    [SOCKET_EXEC_STOP_PRE] = "ExecStopPre",
    [SOCKET_EXEC_STOP_POST] = "ExecStopPost",
};

bool socket_has_commands(const struct socket *s)
{
    for (int slot = 0; slot < SOCKET_COMMAND_COUNT; slot++)
        if (socket_commands(s, (enum socket_command)slot)->count > 0) return true;
    return false;
}

int socket_begin_run(struct socket *s)
{
    struct manager *m = s->base.manager;
    const struct resource_section *resource = s->base.unit->resource;
    int leaf_error = 0;
    process_fill_invocation_id(&s->base, (uint64_t)s->since, s->invocation_id);
    s->procs.ending = false;
    if (s->begun) return 0; /* KillMode= left processes behind, which are in the same leaf */
    int r = procs_begin_in(m->procs, &s->procs, resource->slice_is_default ? NULL : resource->slice, socket_name(s),
                           &leaf_error);
    s->procs.of_socket = true;
    if (r < 0) log_error("unit %s: failed to start: %s", socket_name(s), strerror(-r));
    if (leaf_error < 0)
        log_warning("cgroup mkdir %s: %s (falling back to PGID kill path)", socket_name(s), strerror(-leaf_error));
    s->begun = r == 0;
    return r;
}

/* KillMode=process and none signal the command alone, or nothing, and leave the rest. */
static bool leaves_rest(const struct socket *s)
{
    enum kill_mode mode = s->base.unit->kill->mode;
    return mode == KILL_PROCESS || mode == KILL_NONE;
}

static bool is_empty(struct socket *s)
{
    return !s->begun || procs_is_empty(s->base.manager->procs, &s->procs);
}

void socket_end_run(struct socket *s)
{
    struct manager *m = s->base.manager;
    const char *path = NULL;
    if (!s->begun) return;
    process_release(m, &s->control);
    bool empty = is_empty(s);
    if (empty && s->forced != FORCED_NOT && s->forced != FORCED_BEFORE_THE_STOP)
        shutdown_report_forced(&s->base, s->forced == FORCED_BY_BOUND);
    s->forced = FORCED_NOT;
    if (leaves_rest(s) && !empty) {
        log_warning("unit %s: KillMode=%s leaves processes behind", socket_name(s),
                    s->base.unit->kill->mode == KILL_NONE ? "none" : "process");
        return;
    }
    procs_end(m->procs, &s->procs);
    s->begun = false;
    int r = exec_directories_remove(s->base.unit, false, &path);
    if (r < 0)
        log_warning("unit %s: RuntimeDirectory=: /run/%s not removed: %s", socket_name(s), path ? path : "",
                    strerror(-r));
}

/* ---- one command ---- */

static void report_failure(struct socket *s, const struct exec_failure *failure)
{
    const struct command *c = s->control.command;
    char text[1024], what[320];
    bool ignored = c->flags & COMMAND_IGNORE_FAILURE;
    (void)snprintf(text, sizeof text, "%s=%s (%s:%u): %s", command_names[s->slot], c->program,
                   c->origin.file ? c->origin.file : "-", c->origin.line,
                   exec_failure_text(failure, what, sizeof what)); /* cut when it is long */
    s->exec_failed = true;
    log_at(ignored ? LOG_LEVEL_WARNING : LOG_LEVEL_ERROR, "unit %s: failed to start: %s%s", socket_name(s), text,
           ignored ? " (ignored)" : "");
    TRACE(s->base.manager->trace, "start_failed", TRACE_ERROR, s->control.since, TF_STR("unit", socket_name(s)),
          TF_STR("err", text));
}

static void on_spawned(const struct exec_failure *failure, void *userdata)
{
    struct socket *s = userdata;
    s->control.spawn = NULL;
    if (failure->leaf_error != 0 && s->control.pid > 0) {
        log_warning("cgroup place %s pid=%d: %s", socket_name(s), (int)s->control.pid, strerror(failure->leaf_error));
        procs_add(s->base.manager->procs, &s->procs, s->control.pid, false);
    }
    if (failure->stage != EXEC_STAGE_NONE) report_failure(s, failure); /* its exit follows */
}

static void on_command_exit(const struct child_exit *exit, void *userdata)
{
    struct socket *s = userdata;
    struct manager *m = s->base.manager;
    if (s->control.spawn) spawn_drain(s->control.spawn);
    s->control.spawn = NULL;
    procs_remove(m->procs, &s->procs, exit->pid);
    s->control_exit = *exit;
    process_release(m, &s->control);
    s->control.exited = true;
    manager_post_socket(&s->base, SOCKET_EVENT_CONTROL_EXIT);
}

/* PassFileDescriptorsToExec=: as the service would get them. Else a standard stream that is to be one of them fails. */
static int collect_fds(const struct socket *s, struct passed_fds *passed, struct exec_request *request,
                       struct exec_failure *failure)
{
    const char *name = socket_settings(s)->file_descriptor_name;
    bool passes = s->base.unit->socket_extra->pass_fds_to_exec && s->slot != SOCKET_EXEC_START_PRE;
    const struct exec_section *exec = s->base.unit->exec;
    int r = 0;
    if (!name) name = strchr(socket_name(s), ':') ? "unknown" : socket_name(s); /* K56 */
    for (uint32_t i = 0; passes && i < s->n_listeners && r == 0; i++) {
        r = vec_push(&passed->fds, listener_fd(s->listeners[i].listener));
        if (r == 0) r = vec_push(&passed->names, name);
    }
    if (r == 0 && exec_streams_need_fds(exec)) r = exec_streams_find(exec, passed, passed->fds.count, request, failure);
    if (exec_streams_have_socket(exec)) return r;
    request->listen_fds = passed->fds.items;
    request->listen_names = passed->names.items;
    request->n_listen_fds = passed->fds.count;
    return r;
}

static int spawn(struct socket *s, const struct command *command, struct exec_failure *failure)
{
    AUTO_FD struct fd out = FD_NONE, err = FD_NONE;
    AUTO_STRLIST struct strlist variables = STRLIST_EMPTY;
    struct passed_fds passed = { 0 };
    char id[sizeof "INVOCATION_ID=" + sizeof s->invocation_id];
    (void)snprintf(id, sizeof id, "INVOCATION_ID=%s", s->invocation_id); /* fits */
    *failure = (struct exec_failure){ .stage = EXEC_STAGE_MEMORY, .error = ENOMEM };
    struct exec_request request = process_request(&s->base, &s->procs, command, &variables);
    int r = strlist_add(&variables, id);
    if (r == 0) r = collect_fds(s, &passed, &request, failure);
    if (r == 0) r = process_open_streams(&s->base, &request, &out, &err, failure);
    request.make_directories = s->slot <= SOCKET_EXEC_START_POST;
    struct process_start start = { .rt = &s->base,
                                   .procs = &s->procs,
                                   .request = &request,
                                   .directive = command_names[s->slot],
                                   .on_spawned = on_spawned,
                                   .on_exit = on_command_exit,
                                   .userdata = s };
    if (r == 0) r = process_start(&start, &s->control, failure);
    passed_fds_done(&passed);
    return r;
}

/* Starts the next one. What could not be started has ended with the status of the step that failed. */
static void start_next(struct socket *s)
{
    const struct command *command = &socket_commands(s, (enum socket_command)s->slot)->items[s->command_next++];
    struct manager *m = s->base.manager;
    struct exec_failure failure;
    process_release(m, &s->control); /* one that was not killed (SendSIGKILL=no) is an orphan of the unit now */
    s->control.command = command;
    s->control.since = loop_now(m->loop);
    s->exec_failed = false;
    socket_arm_timeout(s);
    int r = spawn(s, command, &failure);
    manager_report_userdb(m);
    manager_report_spawner(m);
    if (r == 0) return;
    report_failure(s, &failure);
    s->control.exited = true;
    s->control_exit = (struct child_exit){ .code = CLD_EXITED, .status = exec_stage_exit_code(failure.stage) };
    manager_post_socket(&s->base, SOCKET_EVENT_CONTROL_EXIT);
}

void socket_act_command(struct socket *s, enum socket_state from)
{
    static const uint8_t slots[SOCKET_STATE_COUNT] = { [SOCKET_START_PRE] = SOCKET_EXEC_START_PRE,
                                                       [SOCKET_START_POST] = SOCKET_EXEC_START_POST,
                                                       [SOCKET_STOP_PRE] = SOCKET_EXEC_STOP_PRE,
                                                       [SOCKET_STOP_POST] = SOCKET_EXEC_STOP_POST };
    (void)from;
    s->slot = slots[s->state];
    s->command_next = 0;
    start_next(s);
}

/* ExecStopPost=, once the nodes are removed and the proxy has said what it had to. */
void socket_act_stop_post(struct socket *s, enum socket_state from)
{
    if (s->request || socket_proxy_drains(s)) return; /* NODES_GONE follows */
    if (s->begun && socket_commands(s, SOCKET_EXEC_STOP_POST)->count > 0)
        socket_act_command(s, from);
    else
        socket_go_final(s);
}

/* ---- what an exit means ---- */

static void sequence_ended(struct socket *s, bool well)
{
    switch ((enum socket_command)s->slot) {
    case SOCKET_EXEC_START_PRE: /* systemd.socket(5) knows no ExecStopPost= where nothing was opened */
        if (well)
            socket_decide(s, SOCKET_EVENT_GO_START_CHOWN);
        else
            socket_go_final(s);
        break;
    case SOCKET_EXEC_START_POST:
        s->remove_nodes |= !well; /* a failed start leaves no node (K48) */
        if (well)
            socket_go_up(s);
        else
            socket_go_down(s);
        break;
    case SOCKET_EXEC_STOP_PRE:
        socket_go_stop_post(s);
        break;
    case SOCKET_EXEC_STOP_POST:
        socket_go_final(s);
        break;
    case SOCKET_COMMAND_COUNT:
        break;
    }
}

void socket_act_control_exit(struct socket *s, enum socket_state from)
{
    const struct command *command = s->control.command;
    const struct child_exit *exit = &s->control_exit;
    enum unit_result result = exit_result(exit, NULL, false);
    char words[EXIT_WORDS_MAX];
    s->control.exited = false;
    if (from == SOCKET_STOP_PRE_SIGTERM || from == SOCKET_STOP_PRE_SIGKILL) {
        socket_act_after_signal(s, from);
        return;
    }
    bool well = result == RESULT_SUCCESS || command->flags & COMMAND_IGNORE_FAILURE;
    if (!well && !s->exec_failed) {
        bool starting = socket_state_active(from) == ACTIVE_STATE_ACTIVATING;
        (void)exit_words(exit, words);
        log_error("unit %s: %s: %s=%s (%s:%u): %s", socket_name(s), starting ? "failed to start" : "failed",
                  command_names[s->slot], command->program, command->origin.file ? command->origin.file : "-",
                  command->origin.line, words);
        TRACE(s->base.manager->trace, starting ? "start_failed" : "command_failed", TRACE_ERROR, 0,
              TF_STR("unit", socket_name(s)), TF_STR("command", command_names[s->slot]), TF_STR("err", words));
    }
    if (!well) socket_set_result(s, result, exit_shell_code(exit));
    if (well && s->command_next < socket_commands(s, (enum socket_command)s->slot)->count)
        start_next(s);
    else
        sequence_ended(s, well);
}

/* ---- the way down ---- */

void socket_go_final(struct socket *s)
{
    if (!process_is_there(&s->control) && (is_empty(s) || leaves_rest(s)))
        socket_post_end(s);
    else
        socket_decide(s, SOCKET_EVENT_GO_FINAL_SIGTERM);
}

static bool is_killing(enum socket_state state)
{
    return state == SOCKET_STOP_PRE_SIGKILL || state == SOCKET_FINAL_SIGKILL;
}

void socket_act_signal(struct socket *s, enum socket_state from)
{
    const struct kill_section *kill = s->base.unit->kill;
    const struct process *known = &s->control;
    bool kills = is_killing(s->state), finally = s->state == SOCKET_FINAL_SIGKILL;
    int signal = !kills ? kill->signal : s->base.manager->shutdown.bound_passed ? SIGKILL : kill->final_signal;
    if (!kills && s->base.job.type == JOB_RESTART && kill->restart_signal_set) signal = kill->restart_signal;
    bool also_sighup = kill->send_sighup && !kills && signal != SIGHUP;
    process_signal_run(&s->base, &s->procs, &known, 1, signal, also_sighup, finally);
    socket_act_after_signal(s, from);
}

/* In the end everything is waited for that was signalled; before, the command alone. */
void socket_act_after_signal(struct socket *s, enum socket_state from)
{
    struct manager *m = s->base.manager;
    bool is_final = s->state == SOCKET_FINAL_SIGTERM || s->state == SOCKET_FINAL_SIGKILL;
    (void)from;
    s->control.exited = false;
    if (s->control.pid > 0 && s->base.unit->kill->mode != KILL_NONE) return;
    if (!is_final) {
        socket_go_stop_post(s);
    } else if (is_empty(s) || (leaves_rest(s) && !m->shutdown.bound_passed)) {
        socket_post_end(s);
    } else if (!s->watched) {
        s->watched = vec_push(&m->sockets_ending, &s->base) == 0;
        if (!s->watched) log_error("unit %s: out of memory: its end is waited for until its limit", socket_name(s));
    }
}

void sockets_check_ending(struct manager *m)
{
    size_t kept = 0;
    for (size_t i = 0; i < m->sockets_ending.count; i++) {
        struct socket *s = socket_of(m->sockets_ending.items[i]);
        if (!is_empty(s) && socket_state_active(s->state) == ACTIVE_STATE_DEACTIVATING) {
            if (is_killing(s->state)) (void)procs_kill(m->procs, &s->procs); /* what was forked meanwhile */
            m->sockets_ending.items[kept++] = &s->base;
            continue;
        }
        s->watched = false;
        manager_post_socket(&s->base, SOCKET_EVENT_EMPTY);
    }
    m->sockets_ending.count = kept;
}

static void force(struct socket *s, enum forced why)
{
    if (s->forced == FORCED_NOT && !is_empty(s))
        s->forced = (uint8_t)(shutdown_count_forced(&s->base) ? why : FORCED_BEFORE_THE_STOP);
}

void socket_act_hurry(struct socket *s, enum socket_state from)
{
    (void)from;
    socket_decide(s, SOCKET_EVENT_GO_STOP_PRE_SIGTERM);
}

/* The stop bound has passed: what runs is killed, and nodes that cannot be reached stay. At once, for there may be no
 * next round (K24). */
void socket_act_kill(struct socket *s, enum socket_state from)
{
    struct manager *m = s->base.manager;
    file_helper_cancel(&s->request);
    socket_close_listeners(s, s->remove_nodes && !s->is_far);
    socket_proxy_kill(s);
    s->remove_nodes = false;
    if (is_empty(s)) {
        socket_post_end(s);
        return;
    }
    force(s, FORCED_BY_BOUND);
    if (procs_kill(m->procs, &s->procs) < 0) log_error("unit %s: its processes could not be killed", socket_name(s));
    if (from != SOCKET_FINAL_SIGKILL) socket_decide(s, SOCKET_EVENT_GO_FINAL_SIGKILL);
}

static void timed_out(struct socket *s, const char *what)
{
    log_error("unit %s: %s timed out", socket_name(s), what);
    TRACE(s->base.manager->trace, "timeout", TRACE_TIMEOUT, s->since, TF_STR("unit", socket_name(s)),
          TF_STR("sub", socket_state_name(s->state)));
    socket_set_result(s, RESULT_TIMEOUT, 1);
}

/* The signal did not help: SIGKILL, unless SendSIGKILL=no. */
static void kill_or_go_on(struct socket *s, enum socket_event kill, void (*go_on)(struct socket *s))
{
    timed_out(s, "stop");
    if (!s->base.unit->kill->send_sigkill) {
        go_on(s);
        return;
    }
    force(s, FORCED_BY_GRACE);
    socket_decide(s, kill);
}

void socket_act_timeout(struct socket *s, enum socket_state from)
{
    char what[32];
    (void)snprintf(what, sizeof what, "%s=", command_names[s->slot]); /* fits */
    if (from == SOCKET_START_PRE || from == SOCKET_STOP_PRE ||
        (from == SOCKET_STOP_POST && process_is_there(&s->control))) {
        timed_out(s, what);
        socket_decide(s, from == SOCKET_STOP_PRE ? SOCKET_EVENT_GO_STOP_PRE_SIGTERM : SOCKET_EVENT_GO_FINAL_SIGTERM);
    } else if (from == SOCKET_START_POST) {
        timed_out(s, what);
        s->remove_nodes = true;
        socket_decide(s, SOCKET_EVENT_GO_STOP_PRE_SIGTERM);
    } else if (from == SOCKET_STOP_POST) {
        timed_out(s, "closing");
        file_helper_cancel(&s->request);
        socket_proxy_kill(s);
        socket_act_stop_post(s, from);
    } else if (from == SOCKET_STOP_PRE_SIGTERM) {
        kill_or_go_on(s, SOCKET_EVENT_GO_STOP_PRE_SIGKILL, socket_go_stop_post);
    } else if (from == SOCKET_FINAL_SIGTERM) {
        kill_or_go_on(s, SOCKET_EVENT_GO_FINAL_SIGKILL, socket_post_end);
    } else if (from == SOCKET_STOP_PRE_SIGKILL) {
        timed_out(s, "stop after SIGKILL");
        socket_go_stop_post(s);
    } else if (from == SOCKET_FINAL_SIGKILL) {
        timed_out(s, "stop after SIGKILL");
        socket_post_end(s);
    } else { /* DEFERRED */
        timed_out(s, "DeferTriggerMaxSec=");
        socket_go_down(s);
    }
}
