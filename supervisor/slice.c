/* Slices group units and stop them: each unit requires its slice and comes after it (unit/default_dependencies.h). The
 * directories are the business of the leaves (cgroup/leaf.h). Source: systemd.slice(5). */
#include "supervisor/manager.h"
#include "supervisor/unit_type.h"

static const char *slice_sub(const struct runtime *rt)
{
    return rt->active == ACTIVE_STATE_ACTIVE ? "active" : rt->active == ACTIVE_STATE_FAILED ? "failed" : "dead";
}

static void set_state(struct runtime *rt, enum active_state to, const char *sub)
{
    runtime_set_active(rt, to, slice_sub(rt), sub);
}

static int slice_start(struct runtime *rt)
{
    set_state(rt, ACTIVE_STATE_ACTIVE, "active");
    return 0;
}

static void slice_stop(struct runtime *rt)
{
    set_state(rt, ACTIVE_STATE_INACTIVE, "dead");
}

static void slice_failed(struct runtime *rt)
{
    set_state(rt, ACTIVE_STATE_FAILED, "failed");
}

const struct unit_type slice_type = {
    .size = sizeof(struct runtime),
    .start = slice_start,
    .failed = slice_failed,
    .stop = slice_stop,
    .sub_state = slice_sub,
    .holds_nothing = true,
};
