/* Starting a service's commands and following the processes that come of it. */
#include "supervisor/service.h"

#include "base/log.h"
#include "base/parse.h"
#include "base/str.h"
#include "cgroup/leaf.h"
#include "supervisor/exec_streams.h"
#include "supervisor/logs.h"
#include "supervisor/manager.h"
#include "supervisor/oom.h"
#include "supervisor/pid_file.h"
#include "supervisor/proc_scan.h"
#include "supervisor/service_notify.h"
#include "supervisor/socket.h"
#include "supervisor/spawn.h"
#include "supervisor/trigger.h"
#include "trace/memsnap.h"
#include "trace/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---- processes ---- */

/* An exit was collected: the report of the start, if it is still to come, is there now (K82). */
static void process_ended(struct service *s, struct process *process, const struct child_exit *exit,
                          struct child_exit *ret_exit)
{
    struct manager *m = s->base.manager;
    if (process->spawn) spawn_drain(process->spawn);
    process->spawn = NULL;
    procs_remove(m->procs, &s->procs, exit->pid);
    *ret_exit = *exit;
    process_release(m, process);
    process->exited = true;
}

static void on_main_exit(const struct child_exit *exit, void *userdata)
{
    struct service *s = userdata;
    service_notify_before_exit(s);
    if (s->main.pid != exit->pid) { /* it has just named another main process */
        procs_remove(s->base.manager->procs, &s->procs, exit->pid);
        return;
    }
    process_ended(s, &s->main, exit, &s->main_exit);
    s->main_ended = true;
    if (exit->code != CLD_EXITED && exit->status == SIGKILL) oom_look(s);
    manager_post(s->base.manager, s, SERVICE_EVENT_MAIN_EXIT);
}

static void on_control_exit(const struct child_exit *exit, void *userdata)
{
    struct service *s = userdata;
    service_notify_before_exit(s);
    process_ended(s, &s->control, exit, &s->control_exit);
    manager_post(s->base.manager, s, SERVICE_EVENT_CONTROL_EXIT);
}

/* ---- the report of a start ---- */

static void describe_failure(const struct process *process, enum service_command slot, const struct exec_failure *f,
                             char *buffer, size_t size)
{
    const struct command *c = process->command;
    const char *separator = f->subject[0] ? ": " : "";
    (void)snprintf(buffer, size, "%s=%s (%s:%u): %s%s%s: %s", service_command_name(slot), c->program,
                   c->origin.file ? c->origin.file : "-", c->origin.line, exec_stage_words(f->stage), separator,
                   f->subject, strerror(f->error)); /* cut when it is long: the log line says enough */
}

static void trace_invoke(struct service *s, const struct process *process, const char *error)
{
    struct manager *m = s->base.manager;
    if (!m->trace) return;
    size_t length = 0;
    const char *stem = unit_name_stem(service_name(s), &length);
    char phase[NAME_MAX + 16];
    (void)snprintf(phase, sizeof phase, "%.*s_invoke", (int)length, stem); /* fits: a unit name is at most 255 bytes */
    if (error)
        TRACE(m->trace, phase, TRACE_ERROR, process->since, TF_STR("unit", service_name(s)), TF_STR("err", error));
    else
        TRACE(m->trace, phase, TRACE_OK, process->since, TF_STR("unit", service_name(s)), TF_INT("pid", process->pid));
}

static void report_failure(struct service *s, struct process *process, enum service_command slot,
                           const struct exec_failure *failure)
{
    char text[1024];
    describe_failure(process, slot, failure, text, sizeof text);
    s->exec_failed = true;
    bool ignored = process->command->flags & COMMAND_IGNORE_FAILURE;
    log_at(ignored ? LOG_LEVEL_WARNING : LOG_LEVEL_ERROR, "unit %s: failed to start: %s%s", service_name(s), text,
           ignored ? " (ignored)" : "");
    TRACE(s->base.manager->trace, "start_failed", TRACE_ERROR, process->since, TF_STR("unit", service_name(s)),
          TF_STR("err", text));
    if (slot == SERVICE_EXEC_START) trace_invoke(s, process, text);
}

/* It runs, but outside its leaf: from now on it is followed by its mark (K01, K02). */
static void report_leaf(struct service *s, const struct process *process, const struct exec_failure *failure)
{
    if (failure->leaf_error == 0 || process->pid <= 0) return;
    log_warning("cgroup place %s pid=%d: %s", service_name(s), (int)process->pid, strerror(failure->leaf_error));
    procs_add(s->base.manager->procs, &s->procs, process->pid, false);
}

static void on_main_spawned(const struct exec_failure *failure, void *userdata)
{
    struct service *s = userdata;
    s->main.spawn = NULL;
    report_leaf(s, &s->main, failure);
    if (failure->stage != EXEC_STAGE_NONE) { /* its exit with the status of that step follows */
        report_failure(s, &s->main, SERVICE_EXEC_START, failure);
        return;
    }
    trace_invoke(s, &s->main, NULL);
    manager_label_snapshot(s->base.manager, service_name(s));
    manager_post(s->base.manager, s, SERVICE_EVENT_EXECED);
}

static void on_control_spawned(const struct exec_failure *failure, void *userdata)
{
    struct service *s = userdata;
    s->control.spawn = NULL;
    report_leaf(s, &s->control, failure);
    if (failure->stage != EXEC_STAGE_NONE)
        report_failure(s, &s->control, s->slot, failure);
    else if (s->slot == SERVICE_EXEC_START)
        trace_invoke(s, &s->control, NULL);
}

/* ---- starting ---- */

static int add_variable(struct strlist *out, const char *prefix, const char *name, const char *value)
{
    AUTO_STR struct str text = STR_EMPTY;
    int r = str_appendf(&text, "%s%s=%s", prefix, name, value);
    return r < 0 ? r : strlist_add(out, str_text(&text));
}

/* How the service ended, as far as it is known. */
static int add_result(const struct service *s, const char *prefix, struct strlist *out)
{
    int r = add_variable(out, prefix, "SERVICE_RESULT", unit_result_name(s->base.result));
    if (r < 0 || !s->main_ended) return r;
    const struct child_exit *e = &s->main_exit;
    char status[DECIMAL_MAX(int)];
    (void)snprintf(status, sizeof status, "%d", e->status); /* the bound is in the type */
    bool exited = e->code == CLD_EXITED;
    r = add_variable(out, prefix, "EXIT_CODE", exited ? "exited" : e->code == CLD_DUMPED ? "dumped" : "killed");
    return r < 0 ? r
                 : add_variable(out, prefix, "EXIT_STATUS", exited ? status : signal_name(e->status) + strlen("SIG"));
}

/* A handler's commands are told whose end started it. */
static int add_cause(const struct service *s, struct strlist *out)
{
    static const char prefix[] = "MONITOR_";
    const struct runtime *cause = s->base.cause;
    if (!cause || cause->unit->kind != UNIT_KIND_SERVICE) return 0;
    const struct service *monitored = (const struct service *)cause;
    int r = add_result(monitored, prefix, out);
    if (r == 0) r = add_variable(out, prefix, "INVOCATION_ID", monitored->invocation_id);
    return r < 0 ? r : add_variable(out, prefix, "UNIT", runtime_name(cause));
}

int service_variables(const struct service *s, enum service_command slot, struct strlist *out)
{
    char text[DECIMAL_MAX(int)];
    int r = add_variable(out, "", "INVOCATION_ID", s->invocation_id);
    if (r == 0 && s->main.pid > 0) {
        (void)snprintf(text, sizeof text, "%d", (int)s->main.pid); /* the bound is in the type */
        r = add_variable(out, "", "MAINPID", text);
    }
    if (r == 0) r = trigger_variables(&s->base, out);
    const struct service_connection *c = s->connection;
    if (r == 0 && c && c->remote_addr) r = add_variable(out, "", "REMOTE_ADDR", c->remote_addr);
    if (r == 0 && c && c->remote_port) r = add_variable(out, "", "REMOTE_PORT", c->remote_port);
    if (r == 0 && s->n_restarts > 0 && s->base.unit->service_extra->restart_mode == RESTART_MODE_DEBUG)
        r = strlist_add(out, "DEBUG_INVOCATION=1");
    if (r == 0 && (slot == SERVICE_EXEC_START_PRE || slot == SERVICE_EXEC_START)) r = add_cause(s, out);
    if (r < 0 || (slot != SERVICE_EXEC_STOP && slot != SERVICE_EXEC_STOP_POST)) return r;
    return add_result(s, "", out);
}

static int start_process(struct service *s, enum service_command slot, struct process *process,
                         struct exec_request *request, struct exec_failure *failure)
{
    struct manager *m = s->base.manager;
    bool is_main = process == &s->main;
    AUTO_FD struct fd out = FD_NONE, err = FD_NONE;
    int r = process_open_streams(&s->base, request, &out, &err, failure);
    if (r < 0) return r;
    struct process_start start = { .rt = &s->base,
                                   .procs = &s->procs,
                                   .request = request,
                                   .directive = service_command_name(slot),
                                   .on_spawned = is_main ? on_main_spawned : on_control_spawned,
                                   .on_exit = is_main ? on_main_exit : on_control_exit,
                                   .userdata = s };
    r = process_start(&start, process, failure);
    if (r < 0) return r;
    if (m->trace && slot == SERVICE_EXEC_START) manager_trace_spawn(m, service_name(s), start.plan, process->pid);
    if (s->procs.leaf && s->events_io == LOOP_IO_NONE) cg_leaf_rest(s->procs.leaf); /* opened again when it is needed */
    return 0;
}

/* Sockets, stored descriptors, those that are streams, and those of notifications. Passed as LISTEN_FDS= to the program
 * itself alone, and not where a stream is the socket; streams are those of every command. */
static int collect_fds(struct service *s, enum service_command slot, bool is_main, struct strlist *variables,
                       struct passed_fds *passed, struct exec_request *request, struct fd *ret_ready,
                       struct exec_failure *failure)
{
    const struct exec_section *exec = s->base.unit->exec;
    bool is_start = slot == SERVICE_EXEC_START, needed = exec_streams_need_fds(exec);
    int r = is_start || needed ? sockets_collect(s, passed) : 0;
    size_t n_sockets = passed->fds.count;
    for (size_t i = 0; r == 0 && is_start && i < n_sockets; i++) {
        r = exec_streams_set_mode(passed->fds.items[i], s->base.unit->service_extra->non_blocking);
        if (r < 0) *failure = (struct exec_failure){ .stage = EXEC_STAGE_FDS, .error = -r, .subject = "NonBlocking=" };
    }
    if (r == 0) r = service_notify_prepare(s, slot, is_main, variables, passed, request, ret_ready);
    if (r == 0 && needed) r = exec_streams_find(exec, passed, n_sockets, request, failure);
    if (r < 0 || !is_start || exec_streams_have_socket(exec)) return r;
    request->listen_fds = passed->fds.items;
    request->listen_names = passed->names.items;
    request->n_listen_fds = passed->fds.count;
    return 0;
}

int service_spawn(struct service *s, enum service_command slot, const struct command *command, struct process *process)
{
    struct manager *m = s->base.manager;
    bool is_main = process == &s->main;
    AUTO_STRLIST struct strlist variables = STRLIST_EMPTY;
    struct passed_fds passed = { 0 };
    AUTO_FD struct fd ready = FD_NONE;
    struct exec_failure failure = { .stage = EXEC_STAGE_NONE };
    struct child_exit *exit = is_main ? &s->main_exit : &s->control_exit;

    process->command = command;
    process->exited = false;
    process->since = loop_now(m->loop);
    s->exec_failed = false;
    int r = service_variables(s, slot, &variables);
    struct exec_request request = process_request(&s->base, &s->procs, command, &variables);
    if (r == 0) r = collect_fds(s, slot, is_main, &variables, &passed, &request, &ready, &failure);
    if (r < 0) {
        if (failure.stage == EXEC_STAGE_NONE)
            failure = (struct exec_failure){ .stage = EXEC_STAGE_MEMORY, .error = -r };
    } else {
        request.make_directories = slot <= SERVICE_EXEC_START;
        /* A connection started it, and no job but its own is there to wait: nothing comes between it and its client. */
        request.is_patient = is_main && request.n_listen_fds > 0 && m->n_jobs <= 1;
        r = start_process(s, slot, process, &request, &failure);
    }
    passed_fds_done(&passed);
    manager_report_userdb(m);
    manager_report_spawner(m);
    if (r == 0) return 0;
    report_failure(s, process, slot, &failure);
    process->exited = true;
    *exit = (struct child_exit){ .code = CLD_EXITED, .status = exec_stage_exit_code(failure.stage) };
    if (is_main) s->main_ended = true;
    return r;
}

/* ---- Type=forking: which process is the main one ---- */

/* A daemon's main process is our own child by now; those it forked are not. Without /proc everyone counts. */
struct only_process {
    int proc;
    pid_t pid;
    unsigned count;
};

static int count_process(pid_t pid, void *userdata)
{
    struct only_process *only = userdata;
    struct proc_stat stat;
    if (only->proc >= 0 && proc_read_stat(only->proc, pid, &stat) == 0 && stat.parent != getpid()) return 0;
    only->pid = pid;
    return ++only->count > 1;
}

static void on_adopted_gone(int fd, uint32_t events, void *userdata)
{
    struct service *s = userdata;
    (void)fd;
    (void)events;
    pid_t pid = s->main.pid;
    manager_collect_children(s->base.manager); /* were it our child, this tells its status */
    if (pid <= 0 || s->main.pid != pid) return;
    struct child_exit exit = { .pid = pid, .code = CLD_EXITED, .status = 0 };
    on_main_exit(&exit, s);
}

int service_adopt_main(struct service *s, pid_t pid)
{
    struct manager *m = s->base.manager;
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (fd < 0) return errno == ESRCH ? 0 : -errno;
    s->main.pidfd = fd_own(fd);
    s->main.pid = pid;
    s->main.since = loop_now(m->loop);
    s->main.command = &s->base.unit->service->commands[SERVICE_EXEC_START].items[0];
    s->main_known = true;
    /* Its parent may be another process of the unit: then only the pidfd tells of its end. */
    int r = loop_io_add(m->loop, fd, EPOLLIN, LOOP_LATE, on_adopted_gone, s, &s->main.io);
    if (r == 0) r = reaper_add(m->reaper, pid, on_main_exit, s);
    if (r >= 0) return 1;
    process_release(m, &s->main);
    s->main_known = false;
    return r;
}

int service_set_main(struct service *s, pid_t pid)
{
    if (s->main.spawn) spawn_drain(s->main.spawn); /* it runs, and what that means is still to be told */
    s->main.spawn = NULL;
    AUTO_FD struct fd probe = fd_own((int)syscall(SYS_pidfd_open, pid, 0));
    if (!fd_is_open(&probe)) return errno == ESRCH ? 0 : -errno;
    process_release(s->base.manager, &s->main);
    int r = service_adopt_main(s, pid);
    if (r != 1) { /* it ended in this moment, and the former one is nobody now */
        s->main_exit = (struct child_exit){ .pid = pid, .code = CLD_EXITED, .status = 0 };
        s->main.exited = s->main_ended = true;
        service_post(s, SERVICE_EVENT_MAIN_EXIT);
    }
    /* Neither PIDFile= nor a guess is needed any more. */
    if (r == 1 && service_settings(s)->type == SERVICE_FORKING && s->state == SERVICE_STATE_START &&
        !process_is_there(&s->control))
        service_post(s, SERVICE_EVENT_PID_FILE);
    return r;
}

int service_find_main(struct service *s)
{
    struct manager *m = s->base.manager;
    if (s->main_known && s->main.pid > 0) return 1; /* by MAINPID= */
    if (!service_settings(s)->pid_file) {
        AUTO_FD struct fd proc = FD_NONE;
        struct only_process only = { .proc = proc_open(&proc) < 0 ? -1 : proc.n };
        int r = procs_each(m->procs, &s->procs, count_process, &only);
        if (r < 0 || only.count != 1) return 0;
        return service_adopt_main(s, only.pid);
    }
    pid_t pid;
    int r = pid_file_find(s, &pid);
    if (r != 1) return r;
    r = service_adopt_main(s, pid);
    if (r == 0) service_post(s, SERVICE_EVENT_PID_FILE); /* it has just ended: perhaps another takes its place */
    return r;
}
