/* What entering a state on the way down does, and the end of a run. */
#include "supervisor/service.h"

#include "base/log.h"
#include "base/timespan.h"
#include "supervisor/exec_directories.h"
#include "supervisor/handlers.h"
#include "supervisor/local_path.h"
#include "supervisor/manager.h"
#include "supervisor/pid_file.h"
#include "supervisor/restart.h"
#include "trace/trace.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

void service_post_end(struct service *s)
{
    struct restart_facts facts = { .result = s->base.result,
                                   .main_exit = s->main_ended ? &s->main_exit : NULL,
                                   .stop_requested = s->stop_requested || s->base.manager->shutdown.begun };
    if (restart_is_wanted(service_settings(s), &facts))
        service_post(s, SERVICE_EVENT_GO_AUTO_RESTART);
    else if (s->base.result == RESULT_SUCCESS || s->base.result == RESULT_EXEC_CONDITION)
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

/* STOP_SIGTERM or STOP_SIGKILL: once main and control process are gone, ExecStopPost= and the rest of the unit follow.
 */
void service_after_signal(struct service *s)
{
    bool waits = s->base.unit->kill->mode != KILL_NONE; /* nobody was signalled: nobody is waited for */
    if (waits && (process_is_there(&s->main) || process_is_there(&s->control))) return;
    bool unknown_main = service_settings(s)->type == SERVICE_FORKING && !s->main_known;
    if (unknown_main && s->base.unit->kill->mode == KILL_CONTROL_GROUP &&
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

void service_begin_stop(struct service *s)
{
    bool has_time = !s->base.manager->shutdown.near_bound_passed;
    s->stop_requested = true;
    switch (s->state) {
    case SERVICE_STATE_RUNNING:
    case SERVICE_STATE_EXITED:
        service_post(s, service_commands(s, SERVICE_EXEC_STOP)->count > 0 && has_time ? SERVICE_EVENT_GO_STOP
                                                                                      : SERVICE_EVENT_GO_STOP_SIGTERM);
        break;
    case SERVICE_STATE_AUTO_RESTART:
        service_post(s, SERVICE_EVENT_GO_DEAD);
        break;
    case SERVICE_STATE_CONDITION:
    case SERVICE_STATE_START_PRE:
    case SERVICE_STATE_START:
    case SERVICE_STATE_START_POST:
    case SERVICE_STATE_RELOAD:
        service_post(s, SERVICE_EVENT_GO_STOP_SIGTERM);
        break;
    case SERVICE_STATE_STOP: /* on its way down by itself: that is the stop */
    case SERVICE_STATE_STOP_SIGTERM:
    case SERVICE_STATE_STOP_SIGKILL:
    case SERVICE_STATE_STOP_POST:
    case SERVICE_STATE_FINAL_SIGTERM:
    case SERVICE_STATE_FINAL_SIGKILL:
    case SERVICE_STATE_DEAD:
    case SERVICE_STATE_FAILED:
    case SERVICE_STATE_COUNT:
        break;
    }
}

static void signal_known(struct service *s, int signal, bool also_sighup)
{
    const struct process *both[] = { &s->main, &s->control };
    for (size_t i = 0; i < COUNT_OF(both); i++) {
        if (both[i]->pid <= 0) continue;
        (void)process_signal(both[i], signal); /* ESRCH: it has gone, its exit is on the way */
        if (signal != SIGKILL && also_sighup) (void)process_signal(both[i], SIGHUP); /* likewise */
        if (signal != SIGKILL) (void)process_signal(both[i], SIGCONT);               /* likewise */
    }
}

static void signal_unit(struct service *s, int signal)
{
    const struct kill_section *kill = s->base.unit->kill;
    struct procs_table *table = s->base.manager->procs;
    bool all = kill->mode == KILL_CONTROL_GROUP || (kill->mode == KILL_MIXED && signal == SIGKILL);
    if (kill->mode == KILL_NONE) return;
    if (!all) {
        signal_known(s, signal, kill->send_sighup);
        return;
    }
    int r =
        signal == SIGKILL ? procs_kill(table, &s->procs) : procs_signal(table, &s->procs, signal, 0, kill->send_sighup);
    if (r < 0) {
        log_error("unit %s: its processes could not be signalled: %s", service_name(s), strerror(-r));
        signal_known(s, signal, kill->send_sighup);
    }
}

static void after_signalling(struct service *s)
{
    if (s->state == SERVICE_STATE_FINAL_SIGTERM || s->state == SERVICE_STATE_FINAL_SIGKILL)
        service_after_final(s);
    else
        service_after_signal(s);
}

void act_terminate(struct service *s, enum service_state from)
{
    (void)from;
    pid_file_forget(s);
    signal_unit(s, s->base.unit->kill->signal);
    after_signalling(s);
}

void act_kill(struct service *s, enum service_state from)
{
    (void)from;
    signal_unit(s, SIGKILL);
    after_signalling(s);
}

static void timed_out(struct service *s, const char *what)
{
    log_error("unit %s: %s timed out", service_name(s), what);
    TRACE(s->base.manager->trace, "timeout", TRACE_TIMEOUT, s->since, TF_STR("unit", service_name(s)),
          TF_STR("sub", service_state_name(s->state)));
}

void service_force(struct service *s, enum forced why)
{
    if (s->forced != FORCED_NOT) return;
    s->forced = (uint8_t)(shutdown_count_forced(&s->base) ? why : FORCED_BEFORE_THE_STOP);
}

/* The last process may have left in the very round in which the time was up, and its end is still to be told. */
static bool is_late(struct service *s, enum service_state from)
{
    bool stopping = from == SERVICE_STATE_STOP_SIGTERM || from == SERVICE_STATE_STOP_SIGKILL;
    bool ending = from == SERVICE_STATE_FINAL_SIGTERM || from == SERVICE_STATE_FINAL_SIGKILL;
    if ((!stopping && !ending) || process_is_there(&s->main) || process_is_there(&s->control)) return false;
    if (!procs_is_empty(s->base.manager->procs, &s->procs)) return false;
    if (stopping)
        service_after_signal(s);
    else
        service_post_end(s);
    return true;
}

void act_timeout(struct service *s, enum service_state from)
{
    if (is_late(s, from)) return;
    bool send_sigkill = s->base.unit->kill->send_sigkill;
    switch (from) {
    case SERVICE_STATE_CONDITION:
    case SERVICE_STATE_START_PRE:
    case SERVICE_STATE_START:
    case SERVICE_STATE_START_POST:
        timed_out(s, "start");
        service_set_result(s, RESULT_TIMEOUT, 1);
        service_post(s, SERVICE_EVENT_GO_STOP_SIGTERM);
        break;
    case SERVICE_STATE_RELOAD:
        timed_out(s, "reload");
        (void)process_signal(&s->control, SIGKILL); /* ESRCH: its exit is on the way; the exit ends the reload */
        break;
    case SERVICE_STATE_STOP:
        timed_out(s, "ExecStop=");
        service_set_result(s, RESULT_TIMEOUT, 1);
        service_post(s, SERVICE_EVENT_GO_STOP_SIGTERM);
        break;
    case SERVICE_STATE_STOP_SIGTERM:
        service_set_result(s, RESULT_TIMEOUT, 1);
        if (send_sigkill) {
            service_force(s, FORCED_BY_GRACE);
            service_post(s, SERVICE_EVENT_GO_STOP_SIGKILL);
        } else {
            timed_out(s, "stop");
            service_post(s, service_commands(s, SERVICE_EXEC_STOP_POST)->count > 0 ? SERVICE_EVENT_GO_STOP_POST
                                                                                   : SERVICE_EVENT_GO_FINAL_SIGTERM);
        }
        break;
    case SERVICE_STATE_STOP_SIGKILL:
        timed_out(s, "stop after SIGKILL");
        service_post(s, service_commands(s, SERVICE_EXEC_STOP_POST)->count > 0 ? SERVICE_EVENT_GO_STOP_POST
                                                                               : SERVICE_EVENT_GO_FINAL_SIGKILL);
        break;
    case SERVICE_STATE_STOP_POST:
        timed_out(s, "ExecStopPost=");
        service_set_result(s, RESULT_TIMEOUT, 1);
        service_post(s, SERVICE_EVENT_GO_FINAL_SIGTERM);
        break;
    case SERVICE_STATE_FINAL_SIGTERM:
        service_set_result(s, RESULT_TIMEOUT, 1);
        if (send_sigkill) {
            service_force(s, FORCED_BY_GRACE);
            service_post(s, SERVICE_EVENT_GO_FINAL_SIGKILL);
            break;
        }
        timed_out(s, "stop");
        service_post_end(s);
        break;
    case SERVICE_STATE_FINAL_SIGKILL:
        timed_out(s, "stop after SIGKILL");
        service_set_result(s, RESULT_TIMEOUT, 1);
        service_post_end(s);
        break;
    case SERVICE_STATE_DEAD:
    case SERVICE_STATE_RUNNING:
    case SERVICE_STATE_EXITED:
    case SERVICE_STATE_FAILED:
    case SERVICE_STATE_AUTO_RESTART:
    case SERVICE_STATE_COUNT:
        break;
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

static void end_run(struct service *s)
{
    struct manager *m = s->base.manager;
    if (!s->begun) return;
    enum kill_mode mode = s->base.unit->kill->mode;
    bool leaves_rest = mode == KILL_PROCESS || mode == KILL_NONE, is_empty = procs_is_empty(m->procs, &s->procs);
    report_forced(s, is_empty || (leaves_rest && !process_is_there(&s->main)));
    process_release(s, &s->main);
    process_release(s, &s->control);
    loop_io_remove(m->loop, &s->events_io);
    pid_file_forget(s);
    remove_pid_file(s);
    if (leaves_rest && !is_empty) {
        log_warning("unit %s: KillMode=%s leaves processes behind", service_name(s),
                    mode == KILL_NONE ? "none" : "process");
        return; /* the run goes on to own them; the next start finds them in the same leaf */
    }
    procs_end(m->procs, &s->procs);
    s->begun = false;
}

static void remove_directories(struct service *s, bool restarting)
{
    const char *path = NULL;
    if (s->begun) return; /* somebody was left behind, and may need them */
    int r = exec_directories_remove(s->base.unit, restarting, &path);
    if (r < 0)
        log_warning("unit %s: RuntimeDirectory=: /run/%s not removed: %s", service_name(s), path ? path : "",
                    strerror(-r));
}

void act_auto_restart(struct service *s, enum service_state from)
{
    (void)from;
    char span[TIMESPAN_TEXT_MAX];
    end_run(s);
    remove_directories(s, true);
    s->n_restarts++;
    log_info("unit %s: restarting in %s (restart %u)", service_name(s),
             timespan_format(service_settings(s)->restart_usec, 1, span), s->n_restarts);
    job_hold(&s->base);
}

void act_restart_due(struct service *s, enum service_state from)
{
    (void)from;
    if (job_release(&s->base) < 0)
        log_error("unit %s: out of memory: what requires it is not restarted", service_name(s));
}

void act_end(struct service *s, enum service_state from)
{
    bool failed = s->state == SERVICE_STATE_FAILED, was_down = from == SERVICE_STATE_DEAD;
    end_run(s);
    remove_directories(s, false);
    s->n_restarts = 0;
    if (!was_down && !failed && s->base.result != RESULT_EXEC_CONDITION)
        log_info("unit %s: %s", service_name(s), s->stop_requested ? "stopped" : "ended");
    if (failed)
        unit_failed_for_good(&s->base, s->failure_code);
    else if (s->was_up)
        unit_succeeded(&s->base);
    s->was_up = false;
}
