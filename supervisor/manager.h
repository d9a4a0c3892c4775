/* supervisor/manager.h - one object that owns everything, and the loop that settles it.
 *
 * A round: callbacks observe and post events; the manager fires them, runs the jobs that became runnable, to a fixed
 * point; then it waits again. Nothing here blocks. manager_run() returns the exit status of the container. */
#pragma once
#include "base/attr.h"
#include "base/loop.h"
#include "base/str.h"
#include "base/vec.h"
#include "pid1/boot.h"
#include "pid1/signals.h"
#include "supervisor/instance.h"
#include "supervisor/job.h"
#include "supervisor/listen_fds.h"
#include "supervisor/payload.h"
#include "supervisor/service_states.h"
#include "supervisor/shutdown.h"
#include "unit/graph.h"

struct bus;
struct cg_root;
struct child_exit;
struct file_helpers;
struct file_request;
struct logs;
struct mounts;
struct oom_watch;
struct notify;
struct procs_table;
struct reaper;
struct runtime;
struct service;
struct spawner;
struct timers;
struct termination;
struct trace;
struct transaction;
struct unit_set;
struct userdb;
struct watches;

struct manager_options {
    usec_t stop_timeout;                   /* D11 */
    bool stay;                             /* D5 */
    const char *trace_path, *trace_labels; /* NULL: no trace; no labels */
    uint32_t load_units, load_warnings;    /* for the trace record units_loaded, with when loading began */
    usec_t load_started;
    const char *passwd_file, *group_file;
    const char *termination_log; /* NULL: the default, if it is there; "": none */
    const char *state_dir;       /* the stamps of timers are below it */
    char **environ;
};

/* `event` is an enum service_event, or of a socket an enum socket_event. */
struct posted {
    struct runtime *unit;
    uint8_t event;
};

struct manager {
    struct manager_options options;
    struct loop *loop;
    struct trace *trace; /* NULL: off */
    struct logs *logs;
    struct pid1_boot boot;
    struct pid1_signals signals;
    struct reaper *reaper;
    struct cg_root *cgroup; /* NULL: none */
    struct userdb *userdb;
    struct spawner *spawner;
    struct file_helpers *file_helpers;
    struct procs_table *procs;
    struct watches *watches;         /* of path units; NULL while there are none */
    struct mounts *mounts;           /* NULL: nobody has asked to be told */
    struct oom_watch *oom;           /* NULL until a service is to be watched */
    struct fd program;               /* our own, for __probe */
    struct timers *timers;           /* NULL: there is no timer */
    struct notify *notify;           /* supervisor/notify.h; NULL: no process was told of it yet */
    struct termination *termination; /* NULL: off */

    const struct unit_set *set; /* borrowed */
    const struct graph *graph;
    struct runtime **units; /* by unit id */
    size_t units_capacity;
    uint32_t n_units;
    struct instances *instances; /* supervisor/instance.h; NULL: there was none yet */

    VEC(struct posted) events; /* fired from events_head on */
    size_t events_head;
    VEC(uint32_t) run_queue;
    size_t run_queue_head;
    struct transaction *transaction; /* kept between transactions */
    VEC(uint32_t) checks;            /* units to look at when this round's jobs have run (handlers.h) */
    uint32_t n_deciding;             /* units that kept another from starting (K31) */
    uint32_t last_job_id;
    VEC(struct job_hook) job_hooks;
    uint32_t n_waits; /* units that are to be started or stopped later, by themselves: PID 1 does not leave (D5) */
    uint32_t n_jobs, n_busy;              /* n_busy: units that are up or on their way and hold something (D5) */
    VEC(struct service *) watched;        /* services that wait for their last process, looked at after each reap */
    VEC(struct runtime *) sockets_ending; /* sockets whose commands left processes that are waited for */
    uint32_t n_deferred;                  /* sockets that are, or were, DEFERRED since the last look */
    VEC(struct service *) idle;           /* services of Type=idle that wait for the jobs of others */
    uint64_t random;                      /* of random_span(), for pauses */
    bool reaped;                          /* something was collected in this round */
    bool more_children;                   /* the reaper stopped at its bound */

    loop_io signals_io;
    struct loop_deadline steady_state;
    struct shutdown shutdown;
    struct payload payload;
    listen_fd_list listen_fds;        /* passed in to PID 1 and not taken yet */
    struct bus *bus;                  /* NULL: no unit was about a name on it yet */
    struct file_request *bus_request; /* its path may not answer */
    bool boot_complete;
    bool spawner_reported;
    uid_t uid;
    gid_t gid;
    usec_t started;
};

/* Takes nothing: set and graph are borrowed until manager_free(). Opens signals, cgroups, trace; logs what it found.
 * -errno only when PID 1 cannot work at all (no epoll, no signalfd). */
MUST_CHECK int manager_new(const struct manager_options *options, const struct unit_set *set, const struct graph *graph,
                           struct manager **ret_manager);
void manager_free(struct manager *manager);
DEFINE_AUTO(struct manager, manager_free)
/* Starts everything and supervises to the end. The exit status of the container (D2), or -errno of the loop. */
int manager_run(struct manager *manager);

/* Queues an event; it is fired in this round, in order. Lack of memory fails the unit (K94). */
void manager_post(struct manager *manager, struct service *service, enum service_event event);
void manager_post_socket(struct runtime *socket, uint8_t event);
/* Collects exits now, within a bound. */
void manager_collect_children(struct manager *manager);
/* CONTAINER_INIT_TRACE_LABELS: the snapshot that was asked for after this unit's start (S20). */
void manager_label_snapshot(struct manager *manager, const char *unit);
/* The trace record `spawn`. */
struct exec_plan;
void manager_trace_spawn(struct manager *manager, const char *unit, const struct exec_plan *plan, pid_t pid);
/* Says once that the kernel, or a seccomp filter, keeps processes from being created inside their cgroup (S17). */
void manager_report_spawner(struct manager *manager);
/* Says which user database is in use when that has changed (S17, S21). */
void manager_report_userdb(struct manager *manager);
/* A variable that PID 1 was started with; NULL: it was not. */
const char *manager_environment(const struct manager *manager, const char *name);
static inline struct runtime *manager_unit(const struct manager *manager, uint32_t id)
{
    return manager->units[id];
}
static inline struct id_span manager_edges(const struct manager *manager, uint32_t id, enum graph_edge edge)
{
    return manager->instances ? instances_edges(manager, id, edge) : graph_edges(manager->graph, id, edge);
}
/* Under which id the graph knows the unit: an instance by its prototype's. */
static inline uint32_t manager_graph_id(const struct manager *manager, uint32_t id)
{
    return manager->instances ? instance_prototype(manager, id) : id;
}
/* By name or alias; NULL when no unit that can run has it. */
struct runtime *manager_find(const struct manager *manager, const char *name);
