/* Targets do nothing but group and order: they are up as soon as their job runs, and down as soon as it stops. */
#include "supervisor/manager.h"
#include "supervisor/unit_type.h"

static const char *target_sub(const struct runtime *rt)
{
    return rt->active == ACTIVE_STATE_ACTIVE ? "active" : "dead";
}

static int target_start(struct runtime *rt)
{
    runtime_set_active(rt, ACTIVE_STATE_ACTIVE, target_sub(rt), "active");
    stop_phase_on_target(rt);
    return 0;
}

static void target_stop(struct runtime *rt)
{
    runtime_set_active(rt, ACTIVE_STATE_INACTIVE, target_sub(rt), "dead");
}

static void target_failed(struct runtime *rt)
{
    runtime_set_active(rt, ACTIVE_STATE_FAILED, target_sub(rt), "failed");
}

const struct unit_type target_type = {
    .size = sizeof(struct runtime),
    .start = target_start,
    .failed = target_failed,
    .stop = target_stop,
    .sub_state = target_sub,
    .holds_nothing = true,
};
