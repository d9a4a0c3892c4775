/* What entering a state on the way up does, and what an exit means in the state it is seen in. */
#include "supervisor/service.h"

#include "base/log.h"
#include "base/timespan.h"
#include "supervisor/exec_directories.h"
#include "supervisor/handlers.h"
#include "supervisor/manager.h"
#include "supervisor/pid_file.h"
#include "supervisor/restart.h"
#include "supervisor/socket.h"
#include "supervisor/spawn.h"
#include "trace/trace.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static bool is_oneshot(const struct service *s)
{
    return service_settings(s)->type == SERVICE_ONESHOT;
}

/* ---- the way up ---- */

static void fill_invocation_id(struct service *s)
{
    unsigned char bytes[16];
    if (getrandom(bytes, sizeof bytes, GRND_NONBLOCK) != (ssize_t)sizeof bytes) {
        /* Early in a virtual machine's boot: an id has to be unique, not secret. */
        uint64_t words[2] = { loop_now(s->base.manager->loop), (uint64_t)(uintptr_t)s ^ (uint64_t)s->n_restarts << 48 };
        memcpy(bytes, words, sizeof bytes);
    }
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < sizeof bytes; i++) {
        s->invocation_id[2 * i] = digits[bytes[i] >> 4];
        s->invocation_id[2 * i + 1] = digits[bytes[i] & 15];
    }
    s->invocation_id[32] = '\0';
}

int service_begin(struct service *s)
{
    struct manager *m = s->base.manager;
    int leaf_error = 0;
    if (!s->begun) {
        int r = procs_begin(m->procs, &s->procs, service_name(s), &leaf_error);
        if (r < 0) {
            log_error("unit %s: failed to start: %s", service_name(s), strerror(-r));
            return r;
        }
    }
    if (leaf_error < 0)
        log_warning("cgroup mkdir %s: %s (falling back to PGID kill path)", service_name(s), strerror(-leaf_error));
    s->begun = true;
    s->stop_requested = s->was_up = s->main_known = s->main_ended = false;
    s->forced = FORCED_NOT;
    s->failure_code = 0;
    s->exec_failed = false;
    memset(&s->main_exit, 0, sizeof s->main_exit);
    fill_invocation_id(s);
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

/* Starts the next command of the control sequence; what follows the last one is the caller's. */
static void control_start(struct service *s)
{
    const struct command *command = &service_commands(s, s->slot)->items[s->command_next++];
    service_arm_timeout(s);
    /* One that was not killed (SendSIGKILL=no) may still be there: it is an orphan of the unit from now on. */
    process_release(s, &s->control);
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
        go_start_post(s);
    else if (service_settings(s)->type == SERVICE_FORKING)
        act_control_first(s, from);
    else
        start_main_next(s);
}

void act_execed(struct service *s, enum service_state from)
{
    (void)from;
    /* simple and exec are up when the program runs (D16); a main process that has ended already is judged instead. */
    if (!is_oneshot(s) && !s->main.exited) go_start_post(s);
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
    int r = service_find_main(s);
    if (r == 1 || !path) { /* without a file, nothing or several processes: followed by whether any is left */
        pid_file_forget(s);
        go_start_post(s);
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
    if (service_settings(s)->type == SERVICE_FORKING && !s->main_known)
        following = !procs_is_empty(s->base.manager->procs, &s->procs);
    if (s->base.result != RESULT_SUCCESS) {
        service_post(s, SERVICE_EVENT_GO_STOP_SIGTERM);
        return;
    }
    s->was_up = true;
    if (following)
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
    if (from == SERVICE_STATE_RELOAD) word = "reloaded";
    log_info("unit %s: %s", service_name(s), word);
}

void act_running(struct service *s, enum service_state from)
{
    log_up(s, from, "started");
    sockets_service_ready(s);
    if (!process_is_there(&s->main)) {
        if (s->main_known || service_settings(s)->type != SERVICE_FORKING)
            service_settle_up(s); /* it ended while ExecStartPost= or ExecReload= ran */
        else
            service_check_empty(s);
    }
}

void act_exited(struct service *s, enum service_state from)
{
    unit_handler_ended(&s->base); /* it has done what it was started for (S52) */
    log_up(s, from, from == SERVICE_STATE_RUNNING ? "main process ended, still active" : "finished, still active");
    sockets_service_ready(s);
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
    case SERVICE_EXEC_RELOAD:
        service_settle_up(s);
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
        service_settle_up(s);
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
    switch (s->state) {
    case SERVICE_STATE_STOP_SIGTERM:
    case SERVICE_STATE_STOP_SIGKILL:
        service_after_signal(s);
        return;
    case SERVICE_STATE_FINAL_SIGTERM:
    case SERVICE_STATE_FINAL_SIGKILL:
        service_after_final(s);
        return;
    case SERVICE_STATE_DEAD:
    case SERVICE_STATE_CONDITION:
    case SERVICE_STATE_START_PRE:
    case SERVICE_STATE_START:
    case SERVICE_STATE_START_POST:
    case SERVICE_STATE_RUNNING:
    case SERVICE_STATE_EXITED:
    case SERVICE_STATE_RELOAD:
    case SERVICE_STATE_STOP:
    case SERVICE_STATE_STOP_POST:
    case SERVICE_STATE_FAILED:
    case SERVICE_STATE_AUTO_RESTART:
    case SERVICE_STATE_COUNT:
        break;
    }
    (void)from;
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

void act_main_exit(struct service *s, enum service_state from)
{
    (void)from;
    s->main.exited = false;
    judge_main_exit(s);
    switch (s->state) {
    case SERVICE_STATE_START:
        if (s->base.result != RESULT_SUCCESS)
            service_settle_up(s);
        else if (is_oneshot(s) && s->command_next < service_commands(s, SERVICE_EXEC_START)->count)
            start_main_next(s);
        else
            go_start_post(s);
        break;
    case SERVICE_STATE_RUNNING:
        service_settle_up(s);
        break;
    case SERVICE_STATE_STOP_SIGTERM:
    case SERVICE_STATE_STOP_SIGKILL:
        service_after_signal(s);
        break;
    case SERVICE_STATE_FINAL_SIGTERM:
    case SERVICE_STATE_FINAL_SIGKILL:
        service_after_final(s);
        break;
    case SERVICE_STATE_START_POST: /* judged when the sequence under way is through */
    case SERVICE_STATE_RELOAD:
    case SERVICE_STATE_STOP:
    case SERVICE_STATE_STOP_POST:
    case SERVICE_STATE_DEAD:
    case SERVICE_STATE_CONDITION:
    case SERVICE_STATE_START_PRE:
    case SERVICE_STATE_EXITED:
    case SERVICE_STATE_FAILED:
    case SERVICE_STATE_AUTO_RESTART:
    case SERVICE_STATE_COUNT:
        break;
    }
}

void act_empty(struct service *s, enum service_state from)
{
    (void)from;
    bool unknown_main = service_settings(s)->type == SERVICE_FORKING && !s->main_known;
    switch (s->state) {
    case SERVICE_STATE_START:
        if (unknown_main && !process_is_there(&s->control))
            fail_protocol(s, "all its processes ended before PIDFile= was written");
        break;
    case SERVICE_STATE_RUNNING:
        if (unknown_main) service_settle_up(s);
        break;
    case SERVICE_STATE_STOP_SIGTERM:
    case SERVICE_STATE_STOP_SIGKILL:
        service_after_signal(s);
        break;
    case SERVICE_STATE_FINAL_SIGTERM:
    case SERVICE_STATE_FINAL_SIGKILL:
        if (!process_is_there(&s->main) && !process_is_there(&s->control)) service_post_end(s);
        break;
    case SERVICE_STATE_START_POST:
    case SERVICE_STATE_RELOAD:
    case SERVICE_STATE_STOP:
    case SERVICE_STATE_STOP_POST:
    case SERVICE_STATE_DEAD:
    case SERVICE_STATE_CONDITION:
    case SERVICE_STATE_START_PRE:
    case SERVICE_STATE_EXITED:
    case SERVICE_STATE_FAILED:
    case SERVICE_STATE_AUTO_RESTART:
    case SERVICE_STATE_COUNT:
        break;
    }
}
