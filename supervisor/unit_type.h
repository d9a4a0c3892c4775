/* supervisor/unit_type.h - the runtime half of a unit: what every type shares, and the vtable that tells them apart.
 *
 * A `struct runtime` is the first member of struct service, socket and target; the manager's table owns it. States are
 * systemd's ActiveState words. runtime_set_active() is the one place in which they change.
 * Source: systemd(1) "UNITS", org.freedesktop.systemd1(5) ActiveState, SubState, Result. */
#pragma once
#include "base/attr.h"
#include "supervisor/active_state.h"
#include "supervisor/job.h"
#include "unit/unit.h"

struct manager;
struct runtime;
struct instance;
struct trigger;

/* clang-format off */
#define UNIT_RESULTS(X) \
    X(SUCCESS, "success")     X(EXIT_CODE, "exit-code")  X(SIGNAL, "signal")         X(CORE_DUMP, "core-dump") \
    X(TIMEOUT, "timeout")     X(RESOURCES, "resources")  X(PROTOCOL, "protocol")     X(WATCHDOG, "watchdog") X(HEALTH, "health")  \
    X(START_LIMIT_HIT, "start-limit-hit")                X(EXEC_CONDITION, "exec-condition")                   \
    X(TRIGGER_LIMIT_HIT, "trigger-limit-hit")            X(SERVICE_START_LIMIT_HIT, "service-start-limit-hit") \
    X(UNIT_START_LIMIT_HIT, "unit-start-limit-hit")      X(OOM_KILL, "oom-kill")                               \
    X(DEPENDENCY, "dependency")                          X(ASSERT, "assert")
/* clang-format on */
enum unit_result {
#define X(enumerator, text) RESULT_##enumerator,
    UNIT_RESULTS(X)
#undef X
        UNIT_RESULT_COUNT
};
const char *unit_result_name(enum unit_result result);

struct unit_type {
    size_t size; /* of the struct that begins with struct runtime */
    int (*init)(struct runtime *rt);
    void (*done)(struct runtime *rt);
    /* Begins to start an inactive or failed unit whose job was dispatched. 0: under way or done, states tell;
     * -EALREADY: it refuses, has said why, and stays as it is; other -errno: nothing was begun, and it has failed. */
    int (*start)(struct runtime *rt);
    /* A start failed before anything was begun: the unit's own state follows, at once or with its next event. */
    void (*failed)(struct runtime *rt);
    /* The unit waits out RestartSec= (NULL: such units never do); a start that a condition skips then ends that. */
    bool (*waits_to_restart)(const struct runtime *rt);
    void (*skipped)(struct runtime *rt);
    /* Begins to reload a unit that is active: RELOADING until it is through (NULL: it cannot). 0 or -errno.
     * `can_reload` (NULL: whenever `reload` is there) says whether this unit can. */
    int (*reload)(struct runtime *rt);
    bool (*can_reload)(const struct runtime *rt);
    /* Begins to stop. States tell the rest. */
    void (*stop)(struct runtime *rt);
    /* Most of the stop bound has passed: a stop command that still runs gives way to the stop signal (D11). */
    void (*hurry)(struct runtime *rt);
    /* The stop bound has passed: KILL whatever is left. */
    void (*kill)(struct runtime *rt);
    const char *(*sub_state)(const struct runtime *rt);
    /* A unit that this one triggers (GRAPH_TRIGGERS) has changed its ActiveState from `from`. May be called within the
     * engine: it observes, arms deadlines and posts, and starts nothing by itself. */
    void (*trigger_notify)(struct runtime *rt, struct runtime *triggered, enum active_state from);
    void (*mounts_changed)(struct runtime *rt); /* see supervisor/mounts.h */
    bool holds_nothing;                         /* being up does not keep PID 1 from leaving by itself (D5) */
};
extern const struct unit_type service_type, socket_type, target_type, path_type, timer_type, slice_type, outside_type;

struct runtime {
    struct manager *manager;
    const struct unit *unit;
    const struct unit_type *type;
    struct job job;
    uint8_t active;       /* enum active_state */
    uint8_t result;       /* enum unit_result of the last run */
    bool skipped;         /* its last start was skipped by a condition */
    bool late;            /* it starts when everything else stops: supervisor/stop_phase.h */
    bool reload_failed;   /* its last reload, by the time it is active again */
    bool in_checks;       /* in manager->checks */
    uint32_t planned;     /* supervisor/transaction.c; 0 between transactions */
    bool idle;            /* up, but nothing will come of it (an elapsed timer): as type->holds_nothing (D5) */
    bool busy;            /* counted in manager->n_busy */
    uint32_t decides;     /* its place among those without which another unit could not start (K31); 0: none */
    uint32_t limit_count; /* start limit: starts within the window that began at limit_begin (S50) */
    usec_t limit_begin;
    bool is_handler;       /* started by the end of another unit, as its OnFailure= or OnSuccess= */
    int exit_code;         /* what its last final failure stands for, 1..255 */
    int cause_code;        /* then: the exit status that unit's failure stands for (D2) */
    struct runtime *cause; /* that unit */
    /* Microseconds of the loop's clock at which it last left and entered the states "inactive or failed" and "active or
     * reloading"; 0: never. org.freedesktop.systemd1(5) InactiveExitTimestampMonotonic and its like. */
    usec_t inactive_exit, inactive_enter, active_enter, active_exit;
    struct auto_limit *auto_limit; /* supervisor/handlers.c: what was done unasked; NULL: nothing yet */
    struct instance *instance;     /* supervisor/instance.h; NULL: a unit of the set */
    struct trigger *trigger;       /* supervisor/trigger.h: what started it; NULL: no timer or path */
};

static inline const char *runtime_name(const struct runtime *rt)
{
    return rt->unit->name;
}
static inline bool runtime_is_down(const struct runtime *rt)
{
    return rt->active == ACTIVE_STATE_INACTIVE || rt->active == ACTIVE_STATE_FAILED;
}
static inline bool runtime_is_up(const struct runtime *rt)
{
    return rt->active == ACTIVE_STATE_ACTIVE || rt->active == ACTIVE_STATE_RELOADING;
}
/* Nobody is to see it: the prototype of a template, or an id that nobody has. */
static inline bool runtime_is_hidden(const struct runtime *rt)
{
    return rt->unit->template || rt->unit->kind == UNIT_KIND_COUNT;
}
/* Nothing will come of the unit any more though it is up, or something may again. */
void runtime_set_idle(struct runtime *rt, bool idle);
/* Records the state, tells the job engine, what triggers the unit and whoever is bound to it, and writes the
 * `unit_state` record. */
void runtime_set_active(struct runtime *rt, enum active_state to, const char *from_sub, const char *to_sub);
/* Only the record: a state that is passed through on the way to another. */
void runtime_tell_state(struct runtime *rt, enum active_state state, const char *from_sub, const char *to_sub);
