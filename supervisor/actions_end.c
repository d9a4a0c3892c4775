/* What entering a state on the way down does, and the end of a run. */
#include "supervisor/service.h"

#include "base/log.h"
#include "base/timespan.h"
#include "supervisor/exec_directories.h"
#include "supervisor/handlers.h"
#include "supervisor/local_path.h"
#include "supervisor/manager.h"
#include "supervisor/oom.h"
#include "supervisor/pid_file.h"
#include "supervisor/restart.h"
#include "supervisor/unit_action.h"
#include "trace/trace.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

void service_post_end(struct service *s)
{
    struct restart_facts facts = { .result = s->base.result,
                                   .main_exit = s->main_ended ? &s->main_exit : NULL,
                                   .stop_requested = s->stop_requested || s->base.manager->shutdown.begun,
                                   .health_restart = s->base.result == RESULT_HEALTH &&
                                                     s->base.unit->probe->health_action == HEALTH_RESTART };
    bool well = s->base.result == RESULT_SUCCESS || s->base.result == RESULT_EXEC_CONDITION;
    bool restarts = restart_is_wanted(service_settings(s), &facts);
    if (restarts && s->base.instance) log_info("unit %s: not restarted: its connection is over", service_name(s));
    if (restarts && !s->base.instance)
        service_post(s, s->base.unit->service_extra->restart_mode == RESTART_MODE_DIRECT ? SERVICE_EVENT_GO_AUTO_RESTART
                        : well ? SERVICE_EVENT_GO_DEAD_BEFORE_AUTO_RESTART
                               : SERVICE_EVENT_GO_FAILED_BEFORE_AUTO_RESTART);
    else if (well)
        service_post(s, SERVICE_EVENT_GO_DEAD);
    else
        service_post(s, SERVICE_EVENT_GO_FAILED);
}

void service_after_stop_post(struct service *s)
{
    enum kill_mode mode = s->base.unit->kill->mode;
    if (mode == KILL_PROCESS || mode == KILL_NONE || procs_is_empty(s->base.manager->procs, &s->procs))
        service_post_end(s);
    else if ((mode == KILL_MIXED && s->base.unit->kill->send_sigkill) || s->state == SERVICE_STATE_STOP_SIGKILL)
        service_post(s, SERVICE_EVENT_GO_FINAL_SIGKILL);
    else if (mode == KILL_MIXED)
        service_post_end(s); /* only a SIGKILL would reach the others */
    else
        service_post(s, SERVICE_EVENT_GO_FINAL_SIGTERM);
}

/* STOP_WATCHDOG, STOP_SIGTERM, STOP_SIGKILL: once main and control process are gone, ExecStopPost= and the rest of the
 * unit follow. */
void service_after_signal(struct service *s)
{
    bool waits = s->base.unit->kill->mode != KILL_NONE; /* nobody was signalled: nobody is waited for */
    if (waits && (process_is_there(&s->main) || process_is_there(&s->control))) return;
    if (service_follows_any(s) && s->base.unit->kill->mode == KILL_CONTROL_GROUP &&
        !procs_is_empty(s->base.manager->procs, &s->procs)) {
        service_check_empty(s); /* watches */
        return;
    }
    if (service_commands(s, SERVICE_EXEC_STOP_POST)->count > 0)
        service_post(s, SERVICE_EVENT_GO_STOP_POST);
    else
        service_after_stop_post(s);
}

void service_after_final(struct service *s)
{
    enum kill_mode mode = s->base.unit->kill->mode;
    bool at_bound = s->base.manager->shutdown.bound_passed; /* then everything is killed, whatever the mode */
    if (at_bound || mode == KILL_CONTROL_GROUP || mode == KILL_MIXED)
        service_check_empty(s);
    else if (mode == KILL_NONE || (!process_is_there(&s->main) && !process_is_there(&s->control)))
        service_post_end(s); /* what else there is may stay */
}

/* ---- the way down ---- */

/* Told at the stop, when the count is complete. A container with a thousand services is not kept from leaving by it. */
#define ZOMBIE_REPORTS_MAX 64

/* K81: children of the main process that have ended are its own to wait for; when it ends they are waited for here. */
static void report_zombies(struct service *s)
{
    struct manager *m = s->base.manager;
    struct zombies zombies;
    if (s->main.pid <= 0 || (m->shutdown.begun && m->n_busy > ZOMBIE_REPORTS_MAX)) return;
    if (procs_zombies_of(m->procs, s->main.pid, &zombies) < 0 || zombies.count == 0) return;
    log_warning("unit %s: its main process %d has not waited for %u children that ended, the first is %d (%s)",
                service_name(s), (int)s->main.pid, zombies.count, (int)zombies.first, zombies.comm);
    TRACE(m->trace, "zombies", TRACE_OK, 0, TF_STR("unit", service_name(s)), TF_INT("pid", s->main.pid),
          TF_U64("count", zombies.count), TF_INT("first", zombies.first), TF_STR("comm", zombies.comm));
}

void service_begin_stop(struct service *s)
{
    bool has_time = !s->base.manager->shutdown.near_bound_passed;
    s->stop_requested = true;
    if (service_state_active(s->state) == ACTIVE_STATE_ACTIVE) report_zombies(s);
    bool asks = service_commands(s, SERVICE_EXEC_STOP)->count > 0 && has_time;
    switch (service_state_active(s->state)) {
    case ACTIVE_STATE_ACTIVE:
        service_post(s, asks ? SERVICE_EVENT_GO_STOP : SERVICE_EVENT_GO_STOP_SIGTERM);
        break;
    case ACTIVE_STATE_RELOADING:
    case ACTIVE_STATE_ACTIVATING:
        service_post(s, service_in_auto_restart(s) ? SERVICE_EVENT_GO_DEAD : SERVICE_EVENT_GO_STOP_SIGTERM);
        break;
    case ACTIVE_STATE_DEACTIVATING: /* on its way down by itself: that is the stop */
    case ACTIVE_STATE_INACTIVE:
    case ACTIVE_STATE_FAILED:
    case ACTIVE_STATE_COUNT:
        break;
    }
}

/* What systemd.kill(5) tells apart. */
enum kill_operation { KILL_TERMINATE, KILL_ABORT, KILL_FINALLY };

static int kill_signal(const struct service *s, enum kill_operation operation)
{
    const struct kill_section *kill = s->base.unit->kill;
    switch (operation) {
    case KILL_TERMINATE:
        return s->base.job.type == JOB_RESTART && kill->restart_signal_set ? kill->restart_signal : kill->signal;
    case KILL_ABORT:
        return kill->watchdog_signal;
    case KILL_FINALLY:
        break;
    }
    return s->base.manager->shutdown.bound_passed ? SIGKILL : kill->final_signal;
}

static void signal_unit(struct service *s, enum kill_operation operation)
{
    const struct process *known[] = { &s->main, &s->control };
    int signal = kill_signal(s, operation);
    bool also_sighup = s->base.unit->kill->send_sighup && operation == KILL_TERMINATE && signal != SIGHUP;
    process_signal_run(&s->base, &s->procs, known, COUNT_OF(known), signal, also_sighup, operation == KILL_FINALLY);
}

static void after_signalling(struct service *s)
{
    if (service_state_waits(s->state) == SERVICE_WAITS_FINAL)
        service_after_final(s);
    else
        service_after_signal(s);
}

void act_terminate(struct service *s, enum service_state from)
{
    (void)from;
    pid_file_forget(s);
    s->procs.ending = (s->stop_requested || s->base.manager->shutdown.begun) &&
                      service_commands(s, SERVICE_EXEC_STOP_POST)->count == 0;
    if (!s->told_stopping) signal_unit(s, KILL_TERMINATE);
    s->told_stopping = false;
    after_signalling(s);
}

/* STOPPING=1: it stops by itself, as if it had been signalled. */
void act_told_stopping(struct service *s, enum service_state from)
{
    (void)from;
    s->told_stopping = true;
    service_post(s, SERVICE_EVENT_GO_STOP_SIGTERM);
}

void act_abort(struct service *s, enum service_state from)
{
    (void)from;
    pid_file_forget(s);
    signal_unit(s, KILL_ABORT);
    after_signalling(s);
}

void act_kill(struct service *s, enum service_state from)
{
    (void)from;
    pid_file_forget(s);
    signal_unit(s, KILL_FINALLY);
    after_signalling(s);
}

void act_watchdog(struct service *s, enum service_state from)
{
    (void)from; /* who posted it has said why */
    service_set_result(s, RESULT_WATCHDOG, 1);
    service_post(s, SERVICE_EVENT_GO_STOP_WATCHDOG);
}

static void timed_out(struct service *s, const char *what)
{
    log_error("unit %s: %s timed out", service_name(s), what);
    TRACE(s->base.manager->trace, "timeout", TRACE_TIMEOUT, s->since, TF_STR("unit", service_name(s)),
          TF_STR("sub", service_state_name(s->state)));
}

/* What the start waited for in vain; of ReadyWhen= its last look says that. */
static void tell_awaited(const struct service *s)
{
    const struct service_extra_section *extra = s->base.unit->service_extra;
    if (s->base.unit->service->type == SERVICE_DBUS)
        log_warning("unit %s: %s has no owner on the system bus", service_name(s), extra->bus_name);
    else if (service_type_notifies(s))
        log_warning("unit %s: no %s came", service_name(s), extra->notify_fd ? "newline at NotifyFD=" : "READY=1");
}

void service_force(struct service *s, enum forced why)
{
    if (s->forced != FORCED_NOT) return;
    s->forced = (uint8_t)(shutdown_count_forced(&s->base) ? why : FORCED_BEFORE_THE_STOP);
}

/* The last process may have left in the very round in which the time was up, and its end is still to be told. */
static bool is_late(struct service *s, enum service_state from)
{
    enum service_waits waits = service_state_waits(from);
    if (waits == SERVICE_WAITS_NOT || process_is_there(&s->main) || process_is_there(&s->control)) return false;
    if (!procs_is_empty(s->base.manager->procs, &s->procs)) return false;
    if (waits == SERVICE_WAITS_SIGNAL)
        service_after_signal(s);
    else
        service_post_end(s);
    return true;
}

/* Nothing will be signalled any more in this phase: what comes after it. */
static void give_up_waiting(struct service *s, bool final)
{
    if (final)
        service_post_end(s);
    else
        service_post(s, service_commands(s, SERVICE_EXEC_STOP_POST)->count > 0 ? SERVICE_EVENT_GO_STOP_POST
                                                                               : SERVICE_EVENT_GO_FINAL_SIGTERM);
}

static void kill_or_give_up(struct service *s, bool final)
{
    if (!s->base.unit->kill->send_sigkill) {
        timed_out(s, "stop");
        give_up_waiting(s, final);
        return;
    }
    service_force(s, FORCED_BY_GRACE);
    service_post(s, final ? SERVICE_EVENT_GO_FINAL_SIGKILL : SERVICE_EVENT_GO_STOP_SIGKILL);
}

/* TimeoutStartFailureMode=, TimeoutStopFailureMode=. */
static void fail_in_mode(struct service *s, enum failure_mode mode, bool final)
{
    switch (mode) {
    case FAILURE_TERMINATE:
        service_post(s, final ? SERVICE_EVENT_GO_FINAL_SIGTERM : SERVICE_EVENT_GO_STOP_SIGTERM);
        break;
    case FAILURE_ABORT:
        service_post(s, final ? SERVICE_EVENT_GO_FINAL_WATCHDOG : SERVICE_EVENT_GO_STOP_WATCHDOG);
        break;
    case FAILURE_KILL:
        kill_or_give_up(s, final);
        break;
    }
}

static void timeout_when_up(struct service *s, enum service_state from)
{
    if (from == SERVICE_STATE_RUNNING) { /* RuntimeMaxSec= */
        timed_out(s, "RuntimeMaxSec=");
        service_set_result(s, RESULT_TIMEOUT, 1);
        service_post(s, service_commands(s, SERVICE_EXEC_STOP)->count > 0 ? SERVICE_EVENT_GO_STOP
                                                                          : SERVICE_EVENT_GO_STOP_SIGTERM);
        return;
    }
    timed_out(s, "reload");
    s->base.reload_failed = true;
    if (from == SERVICE_STATE_RELOAD)
        (void)process_signal(&s->control, SIGKILL); /* ESRCH: its exit is on the way; the exit ends the reload */
    else
        service_settle_up(s);
}

static void timeout_of_stop(struct service *s, enum service_state from)
{
    const struct service_extra_section *extra = s->base.unit->service_extra;
    bool final = service_state_waits(from) == SERVICE_WAITS_FINAL || from == SERVICE_STATE_STOP_POST;
    bool abort = extra->stop_failure_mode == FAILURE_ABORT;
    if (from == SERVICE_STATE_STOP || from == SERVICE_STATE_STOP_POST) {
        timed_out(s, from == SERVICE_STATE_STOP ? "ExecStop=" : "ExecStopPost=");
        service_set_result(s, RESULT_TIMEOUT, 1);
        fail_in_mode(s, extra->stop_failure_mode, final);
    } else if (from == SERVICE_STATE_STOP_SIGKILL) {
        timed_out(s, "stop after SIGKILL");
        service_post(s, service_commands(s, SERVICE_EXEC_STOP_POST)->count > 0 ? SERVICE_EVENT_GO_STOP_POST
                                                                               : SERVICE_EVENT_GO_FINAL_SIGKILL);
    } else if (from == SERVICE_STATE_FINAL_SIGKILL) {
        timed_out(s, "stop after SIGKILL");
        service_set_result(s, RESULT_TIMEOUT, 1);
        service_post_end(s);
    } else {
        bool asked = from == SERVICE_STATE_STOP_SIGTERM || from == SERVICE_STATE_FINAL_SIGTERM;
        service_set_result(s, RESULT_TIMEOUT, 1);
        fail_in_mode(s, asked && abort ? FAILURE_ABORT : FAILURE_KILL, final);
    }
}

void act_timeout(struct service *s, enum service_state from)
{
    if (is_late(s, from)) return;
    if (s->idle) { /* Type=idle does not wait longer */
        service_idle_end(s);
        service_start_idle(s);
        return;
    }
    switch (service_state_active(from)) {
    case ACTIVE_STATE_ACTIVATING:
        timed_out(s, "start");
        if (from == SERVICE_STATE_START) tell_awaited(s);
        service_set_result(s, RESULT_TIMEOUT, 1);
        fail_in_mode(s, s->base.unit->service_extra->start_failure_mode, false);
        break;
    case ACTIVE_STATE_ACTIVE:
    case ACTIVE_STATE_RELOADING:
        timeout_when_up(s, from);
        break;
    case ACTIVE_STATE_DEACTIVATING:
        timeout_of_stop(s, from);
        break;
    case ACTIVE_STATE_INACTIVE:
    case ACTIVE_STATE_FAILED:
    case ACTIVE_STATE_COUNT:
        break;
    }
}

/* OOMPolicy=: the kernel killed a process of the unit for memory. */
void act_oom(struct service *s, enum service_state from)
{
    enum oom_policy policy = s->base.unit->service_extra->oom_policy;
    log_error("unit %s: a process was killed by the kernel, which was out of memory", service_name(s));
    if (policy == OOM_CONTINUE) return;
    service_set_result(s, RESULT_OOM_KILL, 1);
    if (service_state_active(from) != ACTIVE_STATE_DEACTIVATING || from == SERVICE_STATE_STOP) {
        bool stop =
            service_commands(s, SERVICE_EXEC_STOP)->count > 0 && service_state_active(from) == ACTIVE_STATE_ACTIVE;
        service_post(s, policy == OOM_KILL ? SERVICE_EVENT_GO_STOP_SIGKILL
                        : stop             ? SERVICE_EVENT_GO_STOP
                                           : SERVICE_EVENT_GO_STOP_SIGTERM);
    } else if (from == SERVICE_STATE_STOP_SIGTERM || from == SERVICE_STATE_STOP_WATCHDOG) {
        service_post(s, SERVICE_EVENT_GO_STOP_SIGKILL);
    } else if (from != SERVICE_STATE_STOP_SIGKILL && from != SERVICE_STATE_FINAL_SIGKILL) {
        service_post(s, SERVICE_EVENT_GO_FINAL_SIGKILL);
    }
}

/* ---- the end of a run ---- */

/* systemd.service(5) PIDFile=: removed after the shutdown if it still exists. One on a file system that may not answer
 * stays: it names nobody of the next run (K78). */
static void remove_pid_file(const struct service *s)
{
    const char *path = service_settings(s)->pid_file;
    if (!path || !local_path_is(path)) return;
    if (unlink(path) < 0 && errno != ENOENT && errno != EROFS) /* read-only: it is not of this run */
        log_warning("unit %s: PIDFile=: %s not removed: %s", service_name(s), path, strerror(errno));
}

/* Said when it is true: not even SIGKILL ends a process that the kernel holds (K01, K24). */
static void report_forced(struct service *s, bool is_gone)
{
    bool by_bound = s->forced == FORCED_BY_BOUND;
    if (is_gone && (by_bound || s->forced == FORCED_BY_GRACE)) shutdown_report_forced(&s->base, by_bound);
}

/* A leaf that is used again soon stays. */
#define LEAF_KEPT_AT_MOST USEC_PER_SEC

/* `next`: in how long another run follows. True when something of the run is left, or may be. */
static bool end_run(struct service *s, usec_t next)
{
    struct manager *m = s->base.manager;
    if (!s->begun) return false;
    enum kill_mode mode = s->base.unit->kill->mode;
    bool leaves_rest = mode == KILL_PROCESS || mode == KILL_NONE, is_empty = procs_is_empty(m->procs, &s->procs);
    report_forced(s, is_empty || (leaves_rest && !process_is_there(&s->main)));
    process_release(m, &s->main);
    process_release(m, &s->control);
    loop_io_remove(m->loop, &s->events_io);
    pid_file_forget(s);
    remove_pid_file(s);
    if (leaves_rest && !is_empty) {
        log_warning("unit %s: KillMode=%s leaves processes behind", service_name(s),
                    mode == KILL_NONE ? "none" : "process");
        return true; /* the run goes on to own them; the next start finds them in the same leaf */
    }
    s->forced = FORCED_NOT; /* it was told */
    if (next <= LEAF_KEPT_AT_MOST && procs_begin_again(m->procs, &s->procs)) return false;
    oom_end(s);
    procs_end(m->procs, &s->procs);
    s->begun = false;
    return false;
}

static void remove_directories(struct service *s, bool restarting)
{
    const char *path = NULL;
    int r = exec_directories_remove(s->base.unit, restarting, &path);
    if (r < 0)
        log_warning("unit %s: RuntimeDirectory=: /run/%s not removed: %s", service_name(s), path ? path : "",
                    strerror(-r));
}

void act_auto_restart(struct service *s, enum service_state from)
{
    (void)from;
    char span[TIMESPAN_TEXT_MAX];
    usec_t pause = usec_sub(s->timeout.at, s->since);
    if (!end_run(s, pause)) remove_directories(s, true); /* else somebody was left behind, and may need them */
    s->n_restarts++;
    log_info("unit %s: restarting in %s (restart %u)", service_name(s), timespan_format(pause, 1, span), s->n_restarts);
    job_hold(&s->base);
}

/* SuccessAction=, FailureAction=: also before a restart, as systemd does. A clean end by a signal is a success. */
static void tell_action(struct service *s, bool failed)
{
    int code = s->main_ended && s->main_exit.code == CLD_EXITED ? s->main_exit.status : 0;
    unit_action(&s->base, failed ? ACTION_ON_FAILURE : ACTION_ON_SUCCESS, failed ? s->failure_code : code);
}

void act_before_restart(struct service *s, enum service_state from)
{
    (void)from;
    tell_action(s, s->state == SERVICE_STATE_FAILED_BEFORE_AUTO_RESTART);
    service_post(s, SERVICE_EVENT_GO_AUTO_RESTART);
}

void act_restart_due(struct service *s, enum service_state from)
{
    (void)from;
    service_post(s, SERVICE_EVENT_GO_AUTO_RESTART_QUEUED);
}

void act_restart_queued(struct service *s, enum service_state from)
{
    (void)from;
    if (job_release(&s->base) < 0)
        log_error("unit %s: out of memory: what requires it is not restarted", service_name(s));
}

void act_end(struct service *s, enum service_state from)
{
    bool failed = s->state == SERVICE_STATE_FAILED,
         was_down = from == SERVICE_STATE_DEAD || from == SERVICE_STATE_FAILED;
    if (!end_run(s, USEC_INFINITY)) remove_directories(s, false);
    s->n_restarts = 0;
    if (!was_down && !failed && s->base.result != RESULT_EXEC_CONDITION)
        log_at(service_news(s), "unit %s: %s", service_name(s), s->stop_requested ? "stopped" : "ended");
    if (failed)
        unit_failed_for_good(&s->base, s->failure_code);
    else if (s->was_up)
        unit_succeeded(&s->base);
    if (!failed && !was_down) tell_action(s, false);
    s->was_up = false;
}
