/* supervisor/socket_internal.h - what the parts of a socket unit share: socket_fsm.c moves its states, socket.c opens
 * and closes it, socket_commands.c runs its commands, socket_wait.c waits for connections and counts them,
 * socket_service.c follows the service, socket_proxy.c lends the proxy what it needs, socket_accept.c starts instances.
 */
#pragma once
#include "base/loop.h"
#include "supervisor/manager.h"
#include "supervisor/procs.h"
#include "supervisor/service.h"
#include "supervisor/socket.h"
#include "supervisor/socket_states.h"
#include "supervisor/unit_process.h"
#include "supervisor/unit_type.h"
#include <sys/queue.h>

struct file_request;
struct listener;
struct socket_proxy;
struct socket_worker;
struct socket;
struct socket_source;
struct socket_opened;
struct socket_listener {
    struct listener *listener;
    loop_io io;     /* LOOP_IO_NONE: nobody waits */
    loop_io coming; /* IdleStopSec=: the service has it, and the next arrival is to be noted */
    struct socket *socket;
    usec_t poll_begin; /* PollLimit*=: its window, and what it saw in it */
    uint32_t poll_count;
    struct loop_deadline resume; /* set: the limit was hit, and it is not polled before */
};
struct socket {
    struct runtime base;
    enum socket_state state;
    struct socket_counters counters;
    struct service *service; /* NULL until the start found it */
    struct socket_listener *listeners;
    uint32_t n_listeners;
    bool is_far;                  /* a file helper opens them: their nodes are not touched by us */
    bool remove_nodes;            /* when it closes */
    bool firing;                  /* within socket_fire(): a decision goes to `next` */
    bool timed_out;               /* the time limit of this state has passed */
    bool begun;                   /* its commands have a leaf and a mark */
    bool exec_failed;             /* the last command did not get to exec, which was logged then */
    bool watched;                 /* in manager->sockets_ending */
    uint8_t next;                 /* enum socket_event, a decision; 0: none */
    uint8_t slot;                 /* enum socket_command of the sequence under way */
    uint8_t forced;               /* enum forced: its commands had to be killed */
    uint16_t command_next;        /* index of its next command */
    int start_error;              /* -errno: nothing was begun */
    int failure_code;             /* exit status that its failure stands for (D2) */
    struct file_request *request; /* START_CHOWN; or nodes are removed, which STOP_POST waits for and a start cancels */
    struct socket_opened *opened; /* owned, between the answer and OPENED */
    struct process control;
    struct child_exit control_exit;
    struct procs procs;
    char invocation_id[33];
    usec_t since; /* when `state` was entered */
    struct loop_deadline timeout;
    struct socket_proxy *proxy;         /* NULL: native, or nothing is bound */
    LIST_HEAD(, socket_worker) workers; /* its processes */
    struct loop_deadline trigger_due;   /* socket_trigger_soon() */
    struct loop_deadline pause;         /* accepting goes on after a lack of descriptors */
    struct loop_deadline prepare;       /* it listens, and what the start of its service needs is made beforehand */
    bool lacking;                       /* which was told of already (K88) */
    usec_t trigger_begin;
    uint32_t trigger_count;
    bool connected_once;
    uint32_t n_instances;                /* Accept=yes: those there were; numbers the next */
    VEC(struct socket_source *) sources; /* who they are, for MaxConnectionsPerSource= */
    bool refusing;                       /* there are too many, which was told of */
    bool idle;                           /* no connection has been open for IdleStopSec=, and none came since */
    bool idle_clear;                     /* at the last look none was open, and none has come since */
    bool idle_blind;                     /* whether one is open cannot be told, which was logged */
    struct loop_deadline idle_look;      /* socket_idle.c looks, or asks again for the stop */
};

static inline struct socket *socket_of(struct runtime *rt)
{
    return (struct socket *)rt;
}
static inline const struct socket_section *socket_settings(const struct socket *s)
{
    return s->base.unit->socket;
}
static inline const struct socket_extra_section *socket_extra(const struct socket *s)
{
    return s->base.unit->socket_extra;
}
static inline const char *socket_name(const struct socket *s)
{
    return s->base.unit->name;
}
/* Accept=yes: there is no one service. */
static inline const char *socket_service_name(const struct socket *s)
{
    return s->service ? service_name(s->service) : "an instance for each connection";
}
static inline bool socket_is_native(const struct socket *s)
{
    return socket_settings(s)->activation_mode == ACTIVATION_NATIVE;
}

/* It is up, and no job is to change that. */
static inline bool service_stays_up(const struct service *service)
{
    const struct runtime *rt = &service->base;
    return runtime_is_up(rt) && rt->job.type != JOB_STOP && rt->job.type != JOB_RESTART;
}

static inline const struct command_list *socket_commands(const struct socket *s, enum socket_command slot)
{
    return &s->base.unit->socket_extra->commands[slot];
}

/* ---- socket_fsm.c ---- */
typedef void socket_action(struct socket *s, enum socket_state from);
/* The one mover of states: does what the matrix says, and what the actions decide. */
void socket_fire(struct socket *s, enum socket_event event);
/* From an action: what comes next. From elsewhere: fires. */
void socket_decide(struct socket *s, enum socket_event event);
/* The time limit of the state begins anew. */
void socket_arm_timeout(struct socket *s);

/* ---- socket.c ---- */
socket_action socket_act_start, socket_act_open, socket_act_opened, socket_act_listening, socket_act_running,
    socket_act_deferred, socket_act_stop, socket_act_reset, socket_act_end;
/* Closes everything and fails the unit, by way of its stop commands. `why` is for people. */
void socket_fail(struct socket *s, enum unit_result result, const char *why);
/* The first failure of a run counts. */
void socket_set_result(struct socket *s, enum unit_result result, int failure_code);
void socket_close_listeners(struct socket *s, bool remove_nodes);
/* The last of its proxy's processes has ended. */
void socket_proxy_drained(struct socket *s);
/* Posts what stopping means from here on: all of it, what follows ExecStopPre=, what follows ExecStopPost=, the end. */
void socket_go_down(struct socket *s);
void socket_go_stop_post(struct socket *s);
void socket_go_final(struct socket *s);
void socket_post_end(struct socket *s);
/* ExecStartPost= is through, or there is none. */
void socket_go_up(struct socket *s);

/* ---- socket_commands.c ---- */
socket_action socket_act_command, socket_act_control_exit, socket_act_timeout, socket_act_signal,
    socket_act_after_signal, socket_act_kill, socket_act_hurry, socket_act_stop_post;
bool socket_has_commands(const struct socket *s);
/* A leaf and a mark for the commands. 0 or -errno, which was logged. */
MUST_CHECK int socket_begin_run(struct socket *s);
/* Its commands are done: what is left of them is ended, or left behind as KillMode= says. */
void socket_end_run(struct socket *s);

/* ---- socket_wait.c ---- */
/* FlushPending=: what waits at the listeners is thrown away, within a bound. */
void socket_flush(struct socket *s);
/* Nobody polls the listeners any more, whatever the reason was to do so. */
void socket_stop_waiting(struct socket *s);
/* It listens, and for nothing else: what the next start of its service needs is made in a moment. */
void socket_prepare_start(struct socket *s);
/* It does no longer, and that is given back. */
void socket_unprepare_start(struct socket *s);
/* Polls those that are not polled yet; fails the unit where that cannot be. */
void socket_wait(struct socket *s);
/* A connection is there: starts the service, within TriggerLimit*=, in this round's deadlines: for a trigger may end in
 * the closing of the proxy that calls, or begin a transaction. */
void socket_trigger_soon(struct socket *s);

/* Nobody polls the listeners, for now. */
void socket_stop_polling(struct socket *s);
/* Polls them after a while. */
void socket_wait_later(struct socket *s, usec_t after);

/* ---- socket_accept.c ---- */
/* Accept=yes, and a connection is there: takes one and starts its instance. The caller has looked at the limits of the
 * socket as a whole (TriggerLimit*=, PollLimit*=). 0: done, refused because of MaxConnections*= and told of, or the
 * client had gone; -EMFILE, -ENFILE, -ENOBUFS, -ENOMEM: the caller pauses the socket; other -errno: the caller fails
 * the unit with RESULT_RESOURCES. */
MUST_CHECK int socket_accept_connection(struct socket *s, struct socket_listener *l);

/* ---- socket_proxy.c ---- */
MUST_CHECK int socket_proxy_new(struct socket *s);
/* Something is there to be read at a listener of a proxy that has no worker. 0: it will be taken; -errno: the caller
 * pauses the socket. */
MUST_CHECK int socket_proxy_ready(struct socket *s, struct socket_listener *l);
/* While it has a worker, PID 1 does not poll the listeners. */
bool socket_proxy_has_worker(const struct socket *s);
/* Somebody waits for the service. */
bool socket_proxy_waits(const struct socket *s);
/* The service is up, or no longer; the socket has a proxy. */
void socket_proxy_set_ready(struct socket *s, bool ready);
/* The service has ended: who still looks for the target is hung up on. Who waits for the service is so too where it
 * failed by itself; who came during a stop that was asked for waits for its next start. */
void socket_proxy_service_down(struct socket *s, bool failed);
void socket_proxy_idle_due(void *userdata);
/* The socket closes: its worker delivers what the service has said and ends. */
void socket_proxy_close(struct socket *s);
/* It is still doing so; socket_proxy_drained() of socket.c is called afterwards. */
bool socket_proxy_drains(const struct socket *s);
void socket_proxy_kill(struct socket *s);
void socket_proxy_done(struct socket *s);

/* ---- socket_idle.c: IdleStopSec= ---- */
/* The service is up: from now on a native socket is looked at, each IdleStopSec=. */
void socket_idle_begin(struct socket *s);
/* No connection has been open for IdleStopSec=. The service stops once that holds for all its sockets that have the
 * setting, at once or later. The worker of a proxy that has told this holds whoever comes from now on, and tells that
 * somebody waits. */
void socket_idle_reached(struct socket *s);
/* Somebody has come to a socket that was idle. true: the service is up and stays so, a worker may be told at once to
 * let them in; false: it is down or on its way there, and they wait until it was started again. */
MUST_CHECK bool socket_idle_over(struct socket *s);
/* IdleStopSec= of the socket, else the least of the others that its service has: its proxy rests after so long. */
usec_t socket_idle_least(const struct socket *s);
/* The service is no longer up, or the socket closes: nothing of this is followed any more. */
void socket_idle_end(struct socket *s);
