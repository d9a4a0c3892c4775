/* socket-states.md, from supervisor/socket_fsm.def and supervisor/socket_states.h. */
#include "tests/docs/pages.h"

#include "supervisor/socket_states.h"

#include <stdio.h>

static const struct {
    enum socket_state from, to;
    enum socket_event event;
    const char *action;
} moves[] = {
#define M(from, event, to, action) { SOCKET_##from, SOCKET_##to, SOCKET_EVENT_##event, #action },
#include "supervisor/socket_fsm.def"
#undef M
};
static const struct {
    const char *sub;
    enum active_state active;
    enum socket_timeout timeout;
} states[] = {
#define X(state, act, name, bound) [SOCKET_##state] = { (name), ACTIVE_STATE_##act, SOCKET_TIMEOUT_##bound },
    SOCKET_STATES(X)
#undef X
};
static const char *const active_names[] = {
#define X(enumerator, text) [ACTIVE_STATE_##enumerator] = (text),
    ACTIVE_STATES(X)
#undef X
};
static const char *const timeout_texts[] = { [SOCKET_TIMEOUT_NONE] = "-",
                                             [SOCKET_TIMEOUT_COMMAND] = "`TimeoutSec=`",
                                             [SOCKET_TIMEOUT_DEFER] = "`DeferTriggerMaxSec=`" };
static const char *const event_names[] = {
#define X(event) [SOCKET_EVENT_##event] = #event,
    SOCKET_EVENTS(X)
#undef X
};
static const char *const event_texts[] = {
    [SOCKET_EVENT_START] = "the unit is to start",
    [SOCKET_EVENT_OPENED] = "a file helper has opened the listeners, or could not",
    [SOCKET_EVENT_CONTROL_EXIT] = "a command ended",
    [SOCKET_EVENT_EMPTY] = "the last process of the commands is gone",
    [SOCKET_EVENT_TIMEOUT] = "the time limit of the state passed",
    [SOCKET_EVENT_NODES_GONE] = "a file helper has removed the nodes, or the proxy has delivered what it had",
    [SOCKET_EVENT_STOP] = "the unit is to stop",
    [SOCKET_EVENT_HURRY] = "most of the container's stop bound has passed",
    [SOCKET_EVENT_KILL] = "all of it has passed",
    [SOCKET_EVENT_FAIL] = "a limit was hit, or the service cannot start",
};

static void print_state(enum socket_state state)
{
    const char *separator = "";
    printf("| `%s` | %s | %s | ", states[state].sub, active_names[states[state].active],
           timeout_texts[states[state].timeout]);
    for (size_t i = 0; i < COUNT_OF(moves); i++) {
        if (moves[i].from != state || moves[i].to != state) continue;
        printf("%s%s `%s`", separator, event_names[moves[i].event], moves[i].action);
        separator = ", ";
    }
    printf(" | ");
    separator = "";
    for (size_t i = 0; i < COUNT_OF(moves); i++) {
        if (moves[i].from != state || moves[i].to == state) continue;
        printf("%s`%s`", separator, states[moves[i].to].sub);
        separator = ", ";
    }
    puts(" |");
}

int print_socket_states(void)
{
    int status = 0;
    puts(
        "# States of a socket unit\n\n"
        "Printed from `supervisor/socket_fsm.def` and `supervisor/socket_states.h` by `scripts/gen-docs`; do not edit. "
        "How it\nworks is said in [service-states.md](service-states.md). A socket without commands passes from `dead` "
        "to `listening`\nand back at once, unless one of its paths might not answer.\n\n"
        "## States\n\n| state | ActiveState | bounded by | judges | leads to |\n| --- | --- | --- | --- | --- |");
    for (enum socket_state state = 0; state < SOCKET_STATE_COUNT; state++) print_state(state);
    puts("\n## Observations\n\n| event | what was seen |\n| --- | --- |");
    for (enum socket_event event = 0; !socket_event_is_decision(event); event++) {
        printf("| %s | %s |\n", event_names[event], event_texts[event] ? event_texts[event] : "?");
        if (!event_texts[event]) status = 1;
    }
    return status;
}
