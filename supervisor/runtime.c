#include "supervisor/unit_type.h"

#include "base/log.h"
#include "supervisor/handlers.h"
#include "supervisor/manager.h"
#include "supervisor/trigger.h"
#include "trace/trace.h"

const char *active_state_name(enum active_state state)
{
    static const char *const names[ACTIVE_STATE_COUNT] = {
#define X(enumerator, text) [ACTIVE_STATE_##enumerator] = (text),
        ACTIVE_STATES(X)
#undef X
    };
    return names[state];
}

const char *unit_result_name(enum unit_result result)
{
    static const char *const names[UNIT_RESULT_COUNT] = {
#define X(enumerator, text) [RESULT_##enumerator] = (text),
        UNIT_RESULTS(X)
#undef X
    };
    return names[result];
}

static void update_busy(struct runtime *rt)
{
    bool busy = !runtime_is_down(rt) && !rt->type->holds_nothing && !rt->idle;
    if (busy == rt->busy) return;
    rt->busy = busy;
    if (busy)
        rt->manager->n_busy++;
    else
        rt->manager->n_busy--;
}

void runtime_set_idle(struct runtime *rt, bool idle)
{
    rt->idle = idle;
    update_busy(rt);
}

static bool is_up(enum active_state state)
{
    return state == ACTIVE_STATE_ACTIVE || state == ACTIVE_STATE_RELOADING;
}

static bool is_down(enum active_state state)
{
    return state == ACTIVE_STATE_INACTIVE || state == ACTIVE_STATE_FAILED;
}

static void note_time(struct runtime *rt, enum active_state from, enum active_state to)
{
    usec_t now = loop_now(rt->manager->loop);
    if (is_down(from) && !is_down(to)) rt->inactive_exit = now;
    if (!is_down(from) && is_down(to)) rt->inactive_enter = now;
    if (!is_up(from) && is_up(to)) rt->active_enter = now;
    if (is_up(from) && !is_up(to)) rt->active_exit = now;
}

static void tell_triggers(struct runtime *rt, enum active_state from)
{
    struct id_span span = manager_edges(rt->manager, rt->unit->id, GRAPH_TRIGGERED_BY);
    for (uint32_t i = 0; i < span.count; i++) {
        struct runtime *other = manager_unit(rt->manager, span.ids[i]);
        if (other->type->trigger_notify) other->type->trigger_notify(other, rt, from);
    }
}

void runtime_tell_state(struct runtime *rt, enum active_state state, const char *from_sub, const char *to_sub)
{
    log_debug("unit %s: %s -> %s", runtime_name(rt), from_sub, to_sub);
    TRACE(rt->manager->trace, "unit_state", TRACE_OK, 0, TF_STR("unit", runtime_name(rt)),
          TF_STR("active", active_state_name(state)), TF_STR("sub", to_sub), TF_STR("from", from_sub),
          TF_STR("result", unit_result_name(rt->result)));
}

void runtime_set_active(struct runtime *rt, enum active_state to, const char *from_sub, const char *to_sub)
{
    enum active_state from = rt->active;
    runtime_tell_state(rt, to, from_sub, to_sub);
    rt->active = (uint8_t)to;
    if (from == to) return;
    update_busy(rt);
    note_time(rt, from, to);
    bool unexpected = job_on_state(rt);
    if (is_down(to)) trigger_clear(rt);
    unit_state_changed(rt, from, unexpected);
    tell_triggers(rt, from);
}
