/* What entering a state on the way up does, and what an exit means in the state it is seen in. */
#include "supervisor/service.h"

#include "base/log.h"
#include "base/parse.h"
#include "base/timespan.h"
#include "supervisor/exec_directories.h"
#include "supervisor/handlers.h"
#include "supervisor/manager.h"
#include "supervisor/oom.h"
#include "supervisor/pid_file.h"
#include "supervisor/probe.h"
#include "supervisor/restart.h"
#include "supervisor/service_notify.h"
#include "supervisor/socket.h"
#include "supervisor/spawn.h"
#include "trace/trace.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_oneshot(const struct service *s)
{
    return service_settings(s)->type == SERVICE_ONESHOT;
}

/* ---- the way up ---- */

int service_begin(struct service *s)
{
    struct manager *m = s->base.manager;
    int leaf_error = 0;
    if (!s->begun) {
        const struct resource_section *resource = s->base.unit->resource;
        const char *slice = resource->slice_is_default ? NULL : resource->slice;
        int r = procs_begin_in(m->procs, &s->procs, slice, service_name(s), &leaf_error);
        if (r < 0) {
            log_error("unit %s: failed to start: %s", service_name(s), strerror(-r));
            return r;
        }
        oom_begin(s);
    }
    if (leaf_error < 0)
        log_warning("cgroup mkdir %s: %s (falling back to PGID kill path)", service_name(s), strerror(-leaf_error));
    s->begun = true;
    s->stop_requested = s->was_up = s->main_known = s->main_ended = false;
    s->launched = s->ready = s->has_name = s->name_lost = s->reloading = s->idle = s->told_stopping =
        s->base.reload_failed = false;
    s->forced = FORCED_NOT;
    s->failure_code = 0;
    s->exec_failed = false;
    memset(&s->main_exit, 0, sizeof s->main_exit);
    process_fill_invocation_id(&s->base, s->n_restarts, s->invocation_id);
    service_notify_begin(s);
    sockets_service_starting(s);
    if (service_commands(s, SERVICE_EXEC_CONDITION)->count > 0)
        service_post(s, SERVICE_EVENT_GO_CONDITION);
    else if (service_commands(s, SERVICE_EXEC_START_PRE)->count > 0)
        service_post(s, SERVICE_EVENT_GO_START_PRE);
    else
        service_post(s, SERVICE_EVENT_GO_START);
    return 0;
}

static void go_start_post(struct service *s)
{
    if (service_commands(s, SERVICE_EXEC_START_POST)->count > 0)
        service_post(s, SERVICE_EVENT_GO_START_POST);
    else
        service_settle_up(s);
}

/* START has done its part; what is left may be that readiness is told. */
static void launched(struct service *s)
{
    s->launched = true;
    if (!service_waits_for_ready(s) || s->ready)
        go_start_post(s);
    else if (probe_tells_ready(s))
        probe_launched(s);
}

void act_ready(struct service *s, enum service_state from)
{
    s->reloading = false;
    s->ready = service_settings(s)->type != SERVICE_DBUS || s->has_name; /* READY=1 is no name */
    if (s->ready) s->name_lost = false;
    if (s->ready && from == SERVICE_STATE_START && s->launched && service_waits_for_ready(s))
        go_start_post(s);
    else if (from == SERVICE_STATE_RELOAD_NOTIFY)
        service_settle_up(s);
}

/* Starts the next command of the control sequence; what follows the last one is the caller's. */
static void control_start(struct service *s)
{
    const struct command *command = &service_commands(s, s->slot)->items[s->command_next++];
    service_arm_timeout(s);
    /* One that was not killed (SendSIGKILL=no) may still be there: it is an orphan of the unit from now on. */
    process_release(s->base.manager, &s->control);
    if (service_spawn(s, s->slot, command, &s->control) < 0) service_post(s, SERVICE_EVENT_CONTROL_EXIT);
}

void act_control_first(struct service *s, enum service_state from)
{
    static const uint8_t slots[SERVICE_STATE_COUNT] = {
        [SERVICE_STATE_CONDITION] = SERVICE_EXEC_CONDITION, [SERVICE_STATE_START_PRE] = SERVICE_EXEC_START_PRE,
        [SERVICE_STATE_START] = SERVICE_EXEC_START,         [SERVICE_STATE_START_POST] = SERVICE_EXEC_START_POST,
        [SERVICE_STATE_RELOAD] = SERVICE_EXEC_RELOAD,       [SERVICE_STATE_STOP] = SERVICE_EXEC_STOP,
        [SERVICE_STATE_STOP_POST] = SERVICE_EXEC_STOP_POST,
    };
    (void)from;
    s->slot = slots[s->state];
    s->command_next = 0;
    control_start(s);
}

static void start_main_next(struct service *s)
{
    const struct command_list *list = service_commands(s, SERVICE_EXEC_START);
    const struct command *command = &list->items[s->command_next++];
    s->main_ended = false;
    service_arm_timeout(s);
    if (service_spawn(s, SERVICE_EXEC_START, command, &s->main) < 0) service_post(s, SERVICE_EVENT_MAIN_EXIT);
}

void act_start_main(struct service *s, enum service_state from)
{
    s->command_next = 0;
    if (service_commands(s, SERVICE_EXEC_START)->count == 0)
        launched(s);
    else if (service_settings(s)->type == SERVICE_FORKING)
        act_control_first(s, from);
    else if (service_settings(s)->type == SERVICE_IDLE)
        service_idle_wait(s);
    else
        start_main_next(s);
}

void service_start_idle(struct service *s)
{
    start_main_next(s);
}

void act_execed(struct service *s, enum service_state from)
{
    (void)from;
    /* simple and exec are up when the program runs (D16); a main process that has ended already is judged instead. */
    if (!is_oneshot(s) && !s->main.exited) launched(s);
}

static void fail_protocol(struct service *s, const char *why)
{
    log_error("unit %s: failed to start: %s", service_name(s), why);
    TRACE(s->base.manager->trace, "start_failed", TRACE_ERROR, 0, TF_STR("unit", service_name(s)), TF_STR("err", why));
    service_set_result(s, RESULT_PROTOCOL, 1);
    service_post(s, SERVICE_EVENT_GO_STOP_SIGTERM);
}

void act_find_main(struct service *s, enum service_state from)
{
    (void)from;
    const char *path = service_settings(s)->pid_file;
    char why[PATH_MAX + 128];
    int r = path || s->base.unit->service_extra->guess_main_pid ? service_find_main(s) : 0;
    if (r == 1 || !path) { /* without a file, nothing or several processes: followed by whether any is left */
        pid_file_forget(s);
        launched(s);
    } else if (r == 0) {
        service_check_empty(s);
    } else {
        (void)snprintf(why, sizeof why, "PIDFile=%s: %s", path,
                       r == -ETIMEDOUT ? "it did not answer" : strerror(-r)); /* cut when it is long */
        fail_protocol(s, why);
    }
}

void service_settle_up(struct service *s)
{
    bool following = process_is_there(&s->main);
    if (service_follows_any(s)) following = !procs_is_empty(s->base.manager->procs, &s->procs);
    if (s->name_lost && service_settings(s)->type == SERVICE_DBUS) following = false;
    bool main_decides = s->base.unit->service_extra->exit_type == EXIT_TYPE_MAIN;
    if (s->base.result != RESULT_SUCCESS && (main_decides || !following)) {
        service_post(s, SERVICE_EVENT_GO_STOP_SIGTERM);
        return;
    }
    s->was_up = true;
    if (following && s->state == SERVICE_STATE_RUNNING)
        service_check_empty(s); /* watches */
    else if (following)
        service_post(s, SERVICE_EVENT_GO_RUNNING);
    else if (service_settings(s)->remain_after_exit)
        service_post(s, SERVICE_EVENT_GO_EXITED);
    else if (service_commands(s, SERVICE_EXEC_STOP)->count > 0)
        service_post(s, SERVICE_EVENT_GO_STOP);
    else
        service_post(s, SERVICE_EVENT_GO_STOP_SIGTERM);
}

static void log_up(struct service *s, enum service_state from, const char *word)
{
    if (service_state_active(from) == ACTIVE_STATE_RELOADING)
        word = s->base.reload_failed ? "not reloaded" : "reloaded";
    log_at(service_news(s), "unit %s: %s", service_name(s), word);
}

void act_running(struct service *s, enum service_state from)
{
    log_up(s, from, "started");
    sockets_service_ready(s);
    if (!process_is_there(&s->main)) {
        if (service_follows_any(s))
            service_check_empty(s);
        else
            service_settle_up(s); /* it ended while ExecStartPost= or ExecReload= ran */
    }
}

void act_exited(struct service *s, enum service_state from)
{
    unit_handler_ended(&s->base); /* it has done what it was started for (S52) */
    log_up(s, from, from == SERVICE_STATE_RUNNING ? "main process ended, still active" : "finished, still active");
    sockets_service_ready(s);
}

/* ---- reloading ---- */

void act_reload(struct service *s, enum service_state from)
{
    (void)from;
    s->base.reload_failed = false;
    s->reload_begun = 0;
    if (service_commands(s, SERVICE_EXEC_RELOAD)->count > 0)
        service_post(s, SERVICE_EVENT_GO_RELOAD);
    else if (service_settings(s)->type == SERVICE_NOTIFY_RELOAD && s->main.pid > 0)
        service_post(s, SERVICE_EVENT_GO_RELOAD_SIGNAL);
    else
        (void)job_on_state(&s->base); /* nobody is left to be told: the job is done, and nothing has changed */
}

/* What RELOADING=1 has to be newer than, so that an answer to an older signal is none to this one. */
void act_reload_signal(struct service *s, enum service_state from)
{
    (void)from;
    int signal = s->base.unit->service_extra->reload_signal;
    loop_refresh_now(s->base.manager->loop);
    s->reload_begun = loop_now(s->base.manager->loop);
    s->reloading = false;
    int r = process_signal(&s->main, signal);
    if (r < 0) { /* it has gone, and its exit is on the way */
        log_error("unit %s: reload: %s: %s", service_name(s), signal_name(signal), strerror(-r));
        s->base.reload_failed = true;
        service_settle_up(s);
    }
}

void act_reload_notify(struct service *s, enum service_state from)
{
    s->reloading = true;
    if (from == SERVICE_STATE_RUNNING) s->base.reload_failed = false, log_info("unit %s: reloading", service_name(s));
}

void act_told_reloading(struct service *s, enum service_state from)
{
    bool is_answer = s->told_reloading != USEC_INFINITY && s->told_reloading >= s->reload_begun;
    if (from == SERVICE_STATE_RELOAD_SIGNAL && !is_answer) return;
    s->reloading = true;
    if (from != SERVICE_STATE_RELOAD) service_post(s, SERVICE_EVENT_GO_RELOAD_NOTIFY);
}

/* ExecReload= is through, or has failed. */
static void reload_commands_ended(struct service *s)
{
    if (!s->base.reload_failed && service_settings(s)->type == SERVICE_NOTIFY_RELOAD && s->main.pid > 0)
        service_post(s, SERVICE_EVENT_GO_RELOAD_SIGNAL);
    else if (s->reloading && process_is_there(&s->main))
        service_post(s, SERVICE_EVENT_GO_RELOAD_NOTIFY);
    else
        service_settle_up(s);
}

/* systemd.service(5) Type=dbus: the service is up as long as the name has an owner. */
void act_name_lost(struct service *s, enum service_state from)
{
    if (service_settings(s)->type != SERVICE_DBUS) return;
    s->name_lost = true;
    s->ready = false;
    if (from == SERVICE_STATE_RUNNING) service_settle_up(s);
}

/* ---- exits ---- */

static void log_command_failure(struct service *s, const struct command *command, const struct child_exit *exit)
{
    char words[EXIT_WORDS_MAX];
    bool starting = service_state_active(s->state) == ACTIVE_STATE_ACTIVATING;
    log_error("unit %s: %s: %s=%s (%s:%u): %s", service_name(s), starting ? "failed to start" : "failed",
              service_command_name(s->slot), command->program, command->origin.file ? command->origin.file : "-",
              command->origin.line, exit_words(exit, words));
    TRACE(s->base.manager->trace, starting ? "start_failed" : "command_failed", TRACE_ERROR, 0,
          TF_STR("unit", service_name(s)), TF_STR("command", service_command_name(s->slot)), TF_STR("err", words));
}

static void control_succeeded(struct service *s)
{
    if (s->command_next < service_commands(s, s->slot)->count && s->slot != SERVICE_EXEC_START) {
        control_start(s);
        return;
    }
    switch ((enum service_command)s->slot) {
    case SERVICE_EXEC_CONDITION:
        service_post(s, service_commands(s, SERVICE_EXEC_START_PRE)->count > 0 ? SERVICE_EVENT_GO_START_PRE
                                                                               : SERVICE_EVENT_GO_START);
        break;
    case SERVICE_EXEC_START_PRE:
        service_post(s, SERVICE_EVENT_GO_START);
        break;
    case SERVICE_EXEC_START:
        act_find_main(s, s->state);
        break;
    case SERVICE_EXEC_START_POST:
        service_settle_up(s);
        break;
    case SERVICE_EXEC_RELOAD:
        reload_commands_ended(s);
        break;
    case SERVICE_EXEC_STOP:
        service_post(s, SERVICE_EVENT_GO_STOP_SIGTERM);
        break;
    case SERVICE_EXEC_STOP_POST:
        service_after_stop_post(s);
        break;
    case SERVICE_COMMAND_COUNT:
        break;
    }
}

/* `told`: it did not get to exec, and the log has said so. */
static void control_failed(struct service *s, enum unit_result result, const struct command *command, bool told)
{
    const struct child_exit *exit = &s->control_exit;
    int code = exit_shell_code(exit);
    if (s->slot == SERVICE_EXEC_CONDITION && result == RESULT_EXIT_CODE && exit->status < 255 && !told) {
        log_info("unit %s: skipped (ExecCondition=%s exit code %d)", service_name(s), command->program, exit->status);
        TRACE(s->base.manager->trace, "skipped", TRACE_OK, 0, TF_STR("unit", service_name(s)),
              TF_STR("reason", "ExecCondition"));
        service_set_result(s, RESULT_EXEC_CONDITION, 0);
        s->base.skipped = true;
        service_post(s, SERVICE_EVENT_GO_STOP_SIGTERM);
        return;
    }
    if (!told) log_command_failure(s, command, exit);
    if (s->slot == SERVICE_EXEC_RELOAD) { /* a failed reload leaves the service as it was */
        s->base.reload_failed = true;
        reload_commands_ended(s);
        return;
    }
    service_set_result(s, result, code);
    if (s->slot == SERVICE_EXEC_STOP_POST)
        service_after_stop_post(s);
    else
        service_post(s, SERVICE_EVENT_GO_STOP_SIGTERM);
}

void act_control_exit(struct service *s, enum service_state from)
{
    const struct command *command = s->control.command;
    s->control.exited = false;
    (void)from;
    if (service_state_waits(s->state) == SERVICE_WAITS_SIGNAL) {
        service_after_signal(s);
        return;
    }
    if (service_state_waits(s->state) == SERVICE_WAITS_FINAL) {
        service_after_final(s);
        return;
    }
    enum unit_result result = exit_result(&s->control_exit, NULL, false);
    bool told = s->exec_failed;
    s->exec_failed = false;
    if (!command || result == RESULT_SUCCESS || command->flags & COMMAND_IGNORE_FAILURE)
        control_succeeded(s);
    else
        control_failed(s, result, command, told);
}

static void judge_main_exit(struct service *s)
{
    const struct child_exit *exit = &s->main_exit;
    const struct command *command = s->main.command;
    enum unit_result result = exit_result(exit, service_settings(s)->success_exit_status, !is_oneshot(s));
    char words[EXIT_WORDS_MAX];
    (void)exit_words(exit, words);
    if (command && command->flags & COMMAND_IGNORE_FAILURE) result = RESULT_SUCCESS;
    bool failed = result != RESULT_SUCCESS, told = s->exec_failed;
    s->exec_failed = false;
    TRACE(s->base.manager->trace, "exited", failed ? TRACE_ERROR : TRACE_OK, s->main.since,
          TF_STR("unit", service_name(s)), TF_BOOL("failed", failed), TF_STR("err", words));
    if (failed && !told) log_error("unit %s: failed: %s", service_name(s), words);
    if (failed) service_set_result(s, result, exit_shell_code(exit));
}

/* Another process of the unit may still tell that it is ready. */
static bool may_outlive_main(const struct service *s)
{
    return service_settings(s)->remain_after_exit && s->base.unit->service_extra->notify_access != NOTIFY_MAIN;
}

static void main_ended_in_start(struct service *s)
{
    bool goes_on = service_follows_any(s) && !procs_is_empty(s->base.manager->procs, &s->procs);
    if (goes_on)
        launched(s);
    else if (s->base.result != RESULT_SUCCESS)
        service_settle_up(s);
    else if (is_oneshot(s) && s->command_next < service_commands(s, SERVICE_EXEC_START)->count)
        start_main_next(s);
    else if (!service_waits_for_ready(s) || s->ready)
        go_start_post(s);
    else if (may_outlive_main(s))
        launched(s);
    else
        fail_protocol(s, "its main process ended before it was ready");
}

void act_main_exit(struct service *s, enum service_state from)
{
    (void)from;
    s->main.exited = false;
    judge_main_exit(s);
    switch (service_state_waits(s->state)) {
    case SERVICE_WAITS_SIGNAL:
        service_after_signal(s);
        break;
    case SERVICE_WAITS_FINAL:
        service_after_final(s);
        break;
    case SERVICE_WAITS_NOT:
        if (s->state == SERVICE_STATE_START)
            main_ended_in_start(s);
        else if (s->state == SERVICE_STATE_RUNNING || s->state == SERVICE_STATE_RELOAD_SIGNAL ||
                 s->state == SERVICE_STATE_RELOAD_NOTIFY)
            service_settle_up(s);
        else if (s->state == SERVICE_STATE_EXITED && s->base.result != RESULT_SUCCESS)
            service_settle_up(s);
        break; /* else it is judged when the sequence under way is through */
    }
}

void act_empty(struct service *s, enum service_state from)
{
    (void)from;
    switch (service_state_waits(s->state)) {
    case SERVICE_WAITS_SIGNAL:
        service_after_signal(s);
        break;
    case SERVICE_WAITS_FINAL:
        if (!process_is_there(&s->main) && !process_is_there(&s->control)) service_post_end(s);
        break;
    case SERVICE_WAITS_NOT:
        if (!service_follows_any(s)) break;
        if (s->state != SERVICE_STATE_START)
            service_settle_up(s);
        else if (!process_is_there(&s->control) && (s->launched || service_settings(s)->type == SERVICE_FORKING))
            fail_protocol(s, s->launched ? "all its processes ended before it was ready"
                                         : "all its processes ended before PIDFile= was written");
        break;
    }
}
