#include "supervisor/unit_type.h"

#include "base/log.h"
#include "supervisor/handlers.h"
#include "supervisor/manager.h"
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

void runtime_set_active(struct runtime *rt, enum active_state to, const char *from_sub, const char *to_sub)
{
    enum active_state from = rt->active;
    log_debug("unit %s: %s -> %s", runtime_name(rt), from_sub, to_sub);
    TRACE(rt->manager->trace, "unit_state", TRACE_OK, 0, TF_STR("unit", runtime_name(rt)),
          TF_STR("active", active_state_name(to)), TF_STR("sub", to_sub), TF_STR("from", from_sub),
          TF_STR("result", unit_result_name(rt->result)));
    bool was_busy = !runtime_is_down(rt) && !rt->type->holds_nothing;
    rt->active = (uint8_t)to;
    if (from == to) return;
    bool is_busy = !runtime_is_down(rt) && !rt->type->holds_nothing;
    if (is_busy && !was_busy) rt->manager->n_busy++;
    if (!is_busy && was_busy) rt->manager->n_busy--;
    job_on_state(rt);
    if (to == ACTIVE_STATE_INACTIVE || to == ACTIVE_STATE_FAILED) unit_went_down(rt);
}
