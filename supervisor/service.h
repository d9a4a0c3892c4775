/* supervisor/service.h - the runtime of one .service unit: a state machine, its main and its control process.
 *
 * service_fire() is the only writer of `state`. Callbacks (exits, exec reports, deadlines) record facts here and post
 * events; actions (supervisor/actions.c) begin what a state is for and post what comes next.
 * Source: systemd.service(5), systemd.kill(5). */
#pragma once
#include "base/fd.h"
#include "base/log.h"
#include "base/loop.h"
#include "pid1/reaper.h"
#include "supervisor/exec_plan.h"
#include "supervisor/procs.h"
#include "supervisor/service_states.h"
#include "supervisor/unit_process.h"
#include "supervisor/unit_type.h"

struct bus_watch;
struct pid_file;
struct service_probe;
struct socket_source;
struct service_notify;
struct spawn;

/* Why a run had to be killed: before the container's stop began, since its own time limit or the whole bound passed. */
enum forced { FORCED_NOT, FORCED_BEFORE_THE_STOP, FORCED_BY_GRACE, FORCED_BY_BOUND };

struct service {
    struct runtime base;
    enum service_state state;
    uint8_t slot;          /* enum service_command of the control sequence under way */
    uint16_t command_next; /* index of its next command */
    bool main_known;       /* forking: there is a main process to follow */
    bool watched;          /* in manager->watched */
    bool stop_requested;   /* a stop job, not its own end */
    bool was_up;           /* reached RUNNING or EXITED in this run: ExecStop= applies */
    bool begun;            /* procs and directories of a run are in place */
    bool main_ended;       /* main_exit is of this run */
    bool firing;           /* within service_fire(): a decision goes to `next` */
    bool timed_out;        /* the time limit of this state has passed */
    uint8_t next;          /* enum service_event, a decision; 0: none */
    uint8_t forced;        /* enum forced, of this run */
    bool launched;         /* START: its own part is done, READY may be all that is missing */
    bool ready;            /* READY was seen in this run */
    bool has_name;         /* BusName= has an owner */
    bool name_lost;        /* nobody has the name on the bus any more */
    bool reloading;        /* it told RELOADING=1, and READY=1 is still to come */
    bool told_stopping;    /* STOPPING=1 came: STOP_SIGTERM has no need to signal */
    bool idle;             /* START: waits for the jobs of others (Type=idle) */
    bool exec_failed;      /* the last command did not get to exec, which was logged then */
    uint32_t n_restarts;   /* in a row, for the log */
    int failure_code;      /* exit status that the first failure of this run stands for (D2) */
    usec_t since;          /* when `state` was entered */
    struct loop_deadline timeout;
    struct process main, control;
    struct child_exit main_exit, control_exit;
    struct procs procs;
    usec_t reload_begun;           /* when ReloadSignal= was sent; 0: it was not */
    usec_t told_reloading;         /* MONOTONIC_USEC= that came with the last RELOADING=1; USEC_INFINITY: none came */
    struct pid_file *pid_file;     /* while PIDFile= is awaited */
    struct service_probe *probe;   /* once ReadyWhen= or HealthCheck= was asked */
    struct bus_watch *bus;         /* while BusName= is watched */
    struct service_notify *notify; /* supervisor/service_notify.h; NULL: it told nothing yet */
    struct service_connection *connection; /* Accept=yes: what this instance serves, from before its start until it is
                                              down (supervisor/socket_accept.c); NULL: it has none */
    loop_io events_io;
    int oom_wd;         /* watch of memory.events; 0: none */
    uint64_t oom_kills; /* its count, as last read */
    char invocation_id[33];
};

/* The accepted socket of an instance: LISTEN_FDS=1 under the name "connection", and StandardInput=socket. The address
 * variables are missing where the client has no such thing. Source: systemd.exec(5), $REMOTE_ADDR and $REMOTE_PORT. */
struct service_connection {
    struct fd fd;
    char *remote_addr, *remote_port; /* "10.0.0.7" and "4711"; of a Unix client its path or "@name", and NULL */
    const struct unit *socket;       /* the unit that accepted it */
    struct socket_source *source;    /* counted by it; NULL: it is not */
};

static inline struct service *service_of(struct runtime *rt)
{
    return (struct service *)rt;
}
static inline const struct service_section *service_settings(const struct service *s)
{
    return s->base.unit->service;
}
static inline const struct command_list *service_commands(const struct service *s, enum service_command slot)
{
    return &service_settings(s)->commands[slot];
}
static inline const char *service_name(const struct service *s)
{
    return s->base.unit->name;
}

/* How much its coming and going is worth to an operator: that of one connection of many is for debugging. */
static inline enum log_level service_news(const struct service *s)
{
    return s->base.instance ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO;
}
static inline bool service_type_notifies(const struct service *s)
{
    enum service_type type = service_settings(s)->type;
    return type == SERVICE_NOTIFY || type == SERVICE_NOTIFY_RELOAD;
}
/* The main process is not known, or has ended and does not decide (ExitType=cgroup): any process of the unit will do.
 */
static inline bool service_follows_any(const struct service *s)
{
    bool there = s->main.pid > 0 || s->main.exited;
    if (service_settings(s)->type == SERVICE_FORKING && !s->main_known) return true;
    return s->base.unit->service_extra->exit_type == EXIT_TYPE_CGROUP && !there;
}
/* A restart waits out its pause, or its job. */
static inline bool service_in_auto_restart(const struct service *s)
{
    return s->state == SERVICE_STATE_AUTO_RESTART || s->state == SERVICE_STATE_AUTO_RESTART_QUEUED;
}

/* Queues an event; what an action decides is done as soon as the action returns. */
void service_post(struct service *s, enum service_event event);
/* Moves; see the matrix. Called by the manager's settle loop only. */
void service_fire(struct service *s, enum service_event event);
void service_arm_timeout(struct service *s);
/* The same with a time limit of its own. */
void service_arm_timeout_for(struct service *s, usec_t span);
/* EXTEND_TIMEOUT_USEC=: the time limit of the present state passes no earlier than `span` from now. */
void service_extend_timeout(struct service *s, usec_t span);
/* Queues the reload, by ExecReload= or ReloadSignal=; -EINVAL when there is no way to, -EAGAIN when it is not running.
 */
MUST_CHECK int service_reload(struct service *s);
/* A message RELOADING=1 was accepted; `monotonic` is its MONOTONIC_USEC=, or USEC_INFINITY. Posts NOTIFY_RELOADING. */
void service_told_reloading(struct service *s, usec_t monotonic);
/* Type=idle has waited: its program is started. */
void service_start_idle(struct service *s);
/* START ends with READY, and not by itself: Type=notify, notify-reload and dbus, and the extensions that tell
 * readiness. */
bool service_waits_for_ready(const struct service *s);
/* ---- supervisor/service_idle.c: Type=idle ---- */
/* START begins: waits until the jobs of others are done, 5 s at most, and then posts TIMEOUT. */
void service_idle_wait(struct service *s);
/* The wait is over, or called off. */
void service_idle_end(struct service *s);
/* No other job is under way: those that waited for that go on. */
void services_let_idle_go(struct manager *m);
/* ---- supervisor/service_hooks.c ---- */
/* Told of each change of state, after it was recorded and before its action runs: tells those modules that do
 * something as long as a state lasts. They observe and post. */
void service_state_changed(struct service *s, enum service_state from);
/* Looks whether the last process has gone, and posts EMPTY. */
void service_check_empty(struct service *s);
/* What a dying process forked meanwhile dies as well (without a leaf, which the kernel ends as a whole). */
void service_kill_again(struct service *s);
/* The first failure of a run counts; later ones are consequences. */
void service_set_result(struct service *s, enum unit_result result, int failure_code);

/* ---- supervisor/service_exec.c ---- */
/* Starts one command as main (ExecStart= but for forking) or control process. When it cannot be started, that is logged
 * and recorded as if the process had exited with the status of the step that failed; the caller posts the exit. */
MUST_CHECK int service_spawn(struct service *s, enum service_command slot, const struct command *command,
                             struct process *process);
/* The variables that a command of the unit is started with ("MAINPID=12"). */
MUST_CHECK int service_variables(const struct service *s, enum service_command slot, struct strlist *out);
/* A process that is not our child, or was not known as the main one, becomes it. 1; 0: it has ended; -errno. */
MUST_CHECK int service_adopt_main(struct service *s, pid_t pid);
/* Follows another process of the unit as its main one. 1: done; 0: it has ended; -errno. */
MUST_CHECK int service_set_main(struct service *s, pid_t pid);
/* PIDFile= or what is left in the unit (Type=forking). 1: found, 0: not yet, -errno: it cannot be used. */
int service_find_main(struct service *s);

/* ---- supervisor/actions.c ---- */
typedef void service_action(struct service *s, enum service_state from);
service_action act_control_first, act_start_main, act_end, act_restart_due, act_control_exit, act_timeout,
    act_terminate, act_execed, act_main_exit, act_find_main, act_empty, act_running, act_exited, act_kill,
    act_auto_restart, act_before_restart, act_restart_queued, act_ready, act_name_lost, act_reload, act_reload_signal,
    act_reload_notify, act_told_reloading, act_told_stopping, act_watchdog, act_abort, act_oom, act_unhealthy;
/* The start or reload sequence is through, or the main process has gone: posts where that leaves the service. */
void service_settle_up(struct service *s);
/* A run begins: leaf, mark, invocation id, results; posts the first phase. 0 or -errno. */
MUST_CHECK int service_begin(struct service *s);
/* ---- supervisor/actions_end.c ---- */
/* STOP_SIGTERM, STOP_SIGKILL: once main and control process are gone, posts what follows. */
void service_after_signal(struct service *s);
/* ExecStopPost= is through, or there is none: the rest of the unit follows, or the end. */
void service_after_stop_post(struct service *s);
/* FINAL_SIGTERM, FINAL_SIGKILL: posts the end once what these states wait for under the unit's KillMode= has gone. */
void service_after_final(struct service *s);
/* Posts the end of the run: DEAD, FAILED or AUTO_RESTART. */
void service_post_end(struct service *s);
/* Its processes are about to be killed because they did not leave in time. */
void service_force(struct service *s, enum forced why);
/* Posts what stopping means in the state it is in. */
void service_begin_stop(struct service *s);
