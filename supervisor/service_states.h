/* supervisor/service_states.h - states and events of a service, and the matrix of moves between them.
 *
 * States are systemd's SubState words. Two kinds of events: what was observed (MAIN_EXIT, CONTROL_EXIT, EXECED, EMPTY,
 * TIMEOUT, READY, ...), which an action judges without moving, and GO_..., by which an action says what comes next; the
 * matrix (service_fsm.def) says which of them are legal where. What an action decides is done before the next
 * observation is judged, so that no observation is judged in a state that is as good as left. A pair without a row is
 * ignored, by name, in the debug log. Source: systemd.service(5); the states of systemd's service.c as shown by
 * SubState=.
 *
 * DEAD_BEFORE_AUTO_RESTART and FAILED_BEFORE_AUTO_RESTART are passed through, never rested in. */
#pragma once
#include "base/attr.h"
#include "supervisor/unit_type.h"

/* clang-format off */
#define SERVICE_STATES(X) /* state, ActiveState, SubState, which timeout bounds it */ \
    X(DEAD,          INACTIVE,     "dead",          NONE)  X(CONDITION,     ACTIVATING,   "condition",     START) \
    X(START_PRE,     ACTIVATING,   "start-pre",     START) X(START,         ACTIVATING,   "start",         START) \
    X(START_POST,    ACTIVATING,   "start-post",    START) X(RUNNING,       ACTIVE,       "running",       RUNTIME) \
    X(EXITED,        ACTIVE,       "exited",        NONE)  X(RELOAD,        RELOADING,    "reload",        START) \
    X(RELOAD_SIGNAL, RELOADING,    "reload-signal", START) X(RELOAD_NOTIFY, RELOADING,    "reload-notify", START) \
    X(STOP,          DEACTIVATING, "stop",          STOP)  X(STOP_WATCHDOG, DEACTIVATING, "stop-watchdog", ABORT) \
    X(STOP_SIGTERM,  DEACTIVATING, "stop-sigterm",  STOP)  X(STOP_SIGKILL,  DEACTIVATING, "stop-sigkill",  STOP)  \
    X(STOP_POST,     DEACTIVATING, "stop-post",     STOP)  X(FINAL_WATCHDOG, DEACTIVATING, "final-watchdog", ABORT) \
    X(FINAL_SIGTERM, DEACTIVATING, "final-sigterm", STOP)  X(FINAL_SIGKILL, DEACTIVATING, "final-sigkill", STOP)  \
    X(FAILED,        FAILED,       "failed",        NONE)                                                           \
    X(DEAD_BEFORE_AUTO_RESTART,   INACTIVE,   "dead-before-auto-restart",   NONE)                                 \
    X(FAILED_BEFORE_AUTO_RESTART, FAILED,     "failed-before-auto-restart", NONE)                                 \
    X(AUTO_RESTART,               ACTIVATING, "auto-restart",               RESTART)                              \
    X(AUTO_RESTART_QUEUED,        ACTIVATING, "auto-restart-queued",        NONE)

/* READY: readiness was told, by READY=1, the name on the bus, a probe or the notification descriptor. NAME_LOST: nobody
 * has the name on the bus any more. WATCHDOG: a keep-alive message did not come in time. OOM: the kernel killed one of
 * its processes for memory. UNHEALTHY: so many checks of HealthCheck= have failed. */
#define SERVICE_EVENTS(X) \
    X(EXECED) X(MAIN_EXIT) X(CONTROL_EXIT) X(EMPTY) X(TIMEOUT) X(PID_FILE) X(RELOAD) X(READY) X(NAME_LOST)     \
    X(NOTIFY_RELOADING) X(NOTIFY_STOPPING) X(WATCHDOG) X(OOM) X(UNHEALTHY)                                               \
    X(GO_CONDITION) X(GO_START_PRE) X(GO_START) X(GO_START_POST) X(GO_RUNNING) X(GO_EXITED) X(GO_RELOAD)       \
    X(GO_RELOAD_SIGNAL) X(GO_RELOAD_NOTIFY) X(GO_STOP) X(GO_STOP_WATCHDOG) X(GO_STOP_SIGTERM)                  \
    X(GO_STOP_SIGKILL) X(GO_STOP_POST) X(GO_FINAL_WATCHDOG) X(GO_FINAL_SIGTERM) X(GO_FINAL_SIGKILL) X(GO_DEAD) \
    X(GO_FAILED) X(GO_DEAD_BEFORE_AUTO_RESTART) X(GO_FAILED_BEFORE_AUTO_RESTART) X(GO_AUTO_RESTART)            \
    X(GO_AUTO_RESTART_QUEUED)
/* clang-format on */

enum service_state {
#define X(state, active, sub, timeout) SERVICE_STATE_##state,
    SERVICE_STATES(X)
#undef X
        SERVICE_STATE_COUNT
};
enum service_event {
#define X(event) SERVICE_EVENT_##event,
    SERVICE_EVENTS(X)
#undef X
        SERVICE_EVENT_COUNT
};
/* An action decides (GO_...), a callback observes. */
static inline bool service_event_is_decision(enum service_event event)
{
    return event >= SERVICE_EVENT_GO_CONDITION;
}
enum service_timeout {
    SERVICE_TIMEOUT_NONE,
    SERVICE_TIMEOUT_START,
    SERVICE_TIMEOUT_STOP,
    SERVICE_TIMEOUT_ABORT,
    SERVICE_TIMEOUT_RESTART,
    SERVICE_TIMEOUT_RUNTIME, /* since it became active, and not since it came into the state */
};

/* What a state on the way down waits for: the main and the control process after a signal, or the rest of the unit. */
enum service_waits { SERVICE_WAITS_NOT, SERVICE_WAITS_SIGNAL, SERVICE_WAITS_FINAL };
enum service_waits service_state_waits(enum service_state state);
const char *service_state_name(enum service_state state); /* "start-pre" */
const char *service_event_name(enum service_event event); /* "GO_START" */
enum active_state service_state_active(enum service_state state);
enum service_timeout service_state_timeout(enum service_state state);
