/* supervisor/socket_internal.h - what the parts of a socket unit share: socket.c moves its states, socket_wait.c waits
 * for connections and counts them, socket_service.c follows the service, socket_proxy.c lends the proxy what it needs.
 */
#pragma once
#include "base/loop.h"
#include "supervisor/manager.h"
#include "supervisor/service.h"
#include "supervisor/socket.h"
#include "supervisor/unit_type.h"
#include <sys/queue.h>

/* SubState= of systemd's sockets. START_CHOWN: a file helper opens the listeners; STOP_POST: it removes the nodes. */
enum socket_state {
    SOCKET_DEAD,
    SOCKET_START_CHOWN,
    SOCKET_LISTENING,
    SOCKET_RUNNING,
    SOCKET_STOP_POST,
    SOCKET_FAILED,
    SOCKET_STATE_COUNT
};

struct file_request;
struct listener;
struct socket_proxy;
struct socket_worker;
struct socket;
struct socket_source;
struct socket_listener {
    struct listener *listener;
    loop_io io;     /* LOOP_IO_NONE: nobody waits */
    loop_io coming; /* IdleStopSec=: the service has it, and the next arrival is to be noted */
    struct socket *socket;
};
struct socket {
    struct runtime base;
    enum socket_state state;
    struct socket_counters counters;
    struct service *service; /* NULL until the start found it */
    struct socket_listener *listeners;
    uint32_t n_listeners;
    bool is_far;                  /* a file helper opens them: their nodes are not touched by us */
    struct file_request *request; /* START_CHOWN; or nodes are removed, which STOP_POST waits for and a start cancels */
    struct socket_proxy *proxy;   /* NULL: native, or nothing is bound */
    LIST_HEAD(, socket_worker) workers; /* its processes */
    struct loop_deadline trigger_due;   /* socket_trigger_soon() */
    struct loop_deadline pause;         /* accepting goes on after a lack of descriptors */
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

/* ---- socket.c ---- */
/* The one mover of states. */
void socket_set_state(struct socket *s, enum socket_state to);
/* Closes everything and fails the unit. `why` is for people. */
void socket_fail(struct socket *s, enum unit_result result, const char *why);
void socket_close_listeners(struct socket *s, bool remove_nodes);
/* The last of its proxy's processes has ended. */
void socket_proxy_drained(struct socket *s);

/* ---- socket_wait.c ---- */
/* Nobody polls the listeners any more, whatever the reason was to do so. */
void socket_stop_waiting(struct socket *s);
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
/* The service has ended: who still looks for the target is hung up on; and who waits for the service. */
void socket_proxy_drop(struct socket *s, bool waiting);
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
/* The service is no longer up, or the socket closes: nothing of this is followed any more. */
void socket_idle_end(struct socket *s);
