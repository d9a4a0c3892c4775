/* supervisor/socket_states.h - states and events of a socket unit; supervisor/socket_fsm.def is the matrix of moves.
 *
 * As of services: what was observed is judged by an action, which says by GO_... what comes next. A pair without a row
 * is ignored, by name, in the debug log. START_CHOWN: the listeners are opened, by a file helper where a path might not
 * answer. STOP_POST: ExecStopPost=, and before it the removal of nodes by a file helper. DEFERRED: a connection waits
 * for units that its service conflicts with (DeferTrigger=). Source: systemd.socket(5); SubState= of systemd's sockets.
 */
#pragma once
#include "base/attr.h"
#include "supervisor/active_state.h"

/* clang-format off */
#define SOCKET_STATES(X) /* state, ActiveState, SubState, which time limit bounds it: none, TimeoutSec=, ... */ \
    X(DEAD,             INACTIVE,     "dead",             NONE)    X(START_PRE,     ACTIVATING,   "start-pre",     COMMAND) \
    X(START_CHOWN,      ACTIVATING,   "start-chown",      NONE)    X(START_POST,    ACTIVATING,   "start-post",    COMMAND) \
    X(LISTENING,        ACTIVE,       "listening",        NONE)    X(DEFERRED,      ACTIVE,       "deferred",      DEFER)   \
    X(RUNNING,          ACTIVE,       "running",          NONE)    X(STOP_PRE,      DEACTIVATING, "stop-pre",      COMMAND) \
    X(STOP_PRE_SIGTERM, DEACTIVATING, "stop-pre-sigterm", COMMAND)                                                          \
    X(STOP_PRE_SIGKILL, DEACTIVATING, "stop-pre-sigkill", COMMAND)                                                          \
    X(STOP_POST,        DEACTIVATING, "stop-post",        COMMAND) X(FINAL_SIGTERM, DEACTIVATING, "final-sigterm", COMMAND) \
    X(FINAL_SIGKILL,    DEACTIVATING, "final-sigkill",    COMMAND) X(FAILED,        FAILED,       "failed",        NONE)

/* OPENED: the file helper has answered. NODES_GONE: another has. HURRY: most of the stop bound has passed. KILL: all of
 * it has. FAIL: socket_fail(). */
#define SOCKET_EVENTS(X) \
    X(START) X(OPENED) X(CONTROL_EXIT) X(EMPTY) X(TIMEOUT) X(NODES_GONE) X(STOP) X(HURRY) X(KILL) X(FAIL)             \
    X(GO_START_PRE) X(GO_START_CHOWN) X(GO_START_POST) X(GO_LISTENING) X(GO_DEFERRED) X(GO_RUNNING) X(GO_STOP_PRE)   \
    X(GO_STOP_PRE_SIGTERM) X(GO_STOP_PRE_SIGKILL) X(GO_STOP_POST) X(GO_FINAL_SIGTERM) X(GO_FINAL_SIGKILL) X(GO_DEAD) \
    X(GO_FAILED)
#define SOCKET_ACTIONS(X) \
    X(nothing) X(start) X(open) X(opened) X(command) X(control_exit) X(timeout) X(listening) X(running) X(deferred) \
    X(stop) X(reset) X(stop_post) X(signal) X(after_signal) X(kill) X(hurry) X(end)
/* clang-format on */

enum socket_state {
#define X(state, active, sub, timeout) SOCKET_##state,
    SOCKET_STATES(X)
#undef X
        SOCKET_STATE_COUNT
};
enum socket_event {
#define X(event) SOCKET_EVENT_##event,
    SOCKET_EVENTS(X)
#undef X
        SOCKET_EVENT_COUNT
};
static inline bool socket_event_is_decision(enum socket_event event)
{
    return event >= SOCKET_EVENT_GO_START_PRE;
}
enum socket_timeout { SOCKET_TIMEOUT_NONE, SOCKET_TIMEOUT_COMMAND, SOCKET_TIMEOUT_DEFER };
const char *socket_state_name(enum socket_state state); /* "start-pre" */
const char *socket_event_name(enum socket_event event); /* "GO_START_PRE" */
enum active_state socket_state_active(enum socket_state state);
enum socket_timeout socket_state_timeout(enum socket_state state);
