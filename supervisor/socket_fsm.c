/* Moves a socket unit as supervisor/socket_fsm.def says. */
#include "supervisor/socket_internal.h"

#include "base/log.h"

/* ---- tables ---- */

static const struct {
    const char *name;
    uint8_t active, timeout;
} states[SOCKET_STATE_COUNT] = {
#define X(state, act, sub, bound) [SOCKET_##state] = { (sub), ACTIVE_STATE_##act, SOCKET_TIMEOUT_##bound },
    SOCKET_STATES(X)
#undef X
};

const char *socket_state_name(enum socket_state state)
{
    return states[state].name;
}

enum active_state socket_state_active(enum socket_state state)
{
    return states[state].active;
}

enum socket_timeout socket_state_timeout(enum socket_state state)
{
    return states[state].timeout;
}

const char *socket_event_name(enum socket_event event)
{
    static const char *const names[SOCKET_EVENT_COUNT] = {
#define X(enumerator) [SOCKET_EVENT_##enumerator] = #enumerator,
        SOCKET_EVENTS(X)
#undef X
    };
    return names[event];
}

static void socket_act_nothing(struct socket *s, enum socket_state from)
{
    (void)s;
    (void)from;
}

/* A row is four bytes: pointers would have to be relocated. */
enum act {
#define X(name) ACT_##name,
    SOCKET_ACTIONS(X)
#undef X
};
static socket_action *const actions[] = {
#define X(name) [ACT_##name] = socket_act_##name,
    SOCKET_ACTIONS(X)
#undef X
};
static const struct move {
    uint8_t from, event, to, action;
} moves[] = {
#define M(f, e, t, name) { SOCKET_##f, SOCKET_EVENT_##e, SOCKET_##t, ACT_##name },
#include "supervisor/socket_fsm.def"
#undef M
};

/* ---- moving ---- */

static void on_timeout(void *userdata)
{
    struct socket *s = userdata;
    s->timed_out = true;
    manager_post_socket(&s->base, SOCKET_EVENT_TIMEOUT); /* behind an exit that was collected in this round */
}

void socket_arm_timeout(struct socket *s)
{
    struct loop *loop = s->base.manager->loop;
    usec_t span = USEC_INFINITY;
    switch (socket_state_timeout(s->state)) {
    case SOCKET_TIMEOUT_NONE:
        break;
    case SOCKET_TIMEOUT_COMMAND:
        span = socket_settings(s)->timeout;
        break;
    case SOCKET_TIMEOUT_DEFER:
        span = s->base.unit->socket_extra->defer_trigger_max;
        break;
    }
    s->timed_out = false;
    if (span == 0 || span == USEC_INFINITY)
        loop_deadline_clear(loop, &s->timeout);
    else if (loop_deadline_set(loop, &s->timeout, usec_add(loop_now(loop), span), on_timeout, s) < 0)
        log_error("unit %s: out of memory: %s has no time limit", socket_name(s), socket_state_name(s->state));
}

static void move_to(struct socket *s, enum socket_state from, enum socket_state to)
{
    s->state = to;
    s->since = loop_now(s->base.manager->loop);
    runtime_set_active(&s->base, socket_state_active(to), socket_state_name(from), socket_state_name(to));
    if (socket_state_timeout(from) != SOCKET_TIMEOUT_NONE || socket_state_timeout(to) != SOCKET_TIMEOUT_NONE)
        socket_arm_timeout(s);
}

static void step(struct socket *s, enum socket_event event)
{
    const struct move *found = NULL;
    enum socket_state from = s->state;
    for (size_t i = 0; !found && i < COUNT_OF(moves); i++)
        if (moves[i].from == from && moves[i].event == event) found = &moves[i];
    bool outdated = event == SOCKET_EVENT_TIMEOUT && !s->timed_out; /* the limit of a state that was left since */
    if (!found || outdated) {
        log_debug("socket %s: %s ignored in %s", socket_name(s), socket_event_name(event), socket_state_name(from));
        return;
    }
    if (found->to != from) move_to(s, from, found->to);
    actions[found->action](s, from);
}

void socket_fire(struct socket *s, enum socket_event event)
{
    s->firing = true;
    step(s, event);
    while (s->next != 0) {
        enum socket_event next = s->next;
        s->next = 0;
        step(s, next);
    }
    s->firing = false;
}

void socket_decide(struct socket *s, enum socket_event event)
{
    if (s->firing)
        s->next = (uint8_t)event;
    else
        socket_fire(s, event);
}
