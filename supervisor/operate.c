#include "supervisor/operate.h"

#include <errno.h>

#include "base/str.h"
#include "cgroup/leaf.h"
#include "cgroup/root.h"
#include "supervisor/manager.h"
#include "supervisor/service.h"

int operate_kill(struct runtime *rt, enum operate_whom whom, int signal)
{
    if (rt->type != &service_type) return -EOPNOTSUPP;
    struct service *s = service_of(rt);
    if (whom == OPERATE_MAIN) return process_signal(&s->main, signal);
    if (whom == OPERATE_CONTROL) return process_signal(&s->control, signal);
    if (!s->begun) return 0;
    int r = procs_signal(rt->manager->procs, &s->procs, signal, 0, false);
    return r < 0 ? r : 0;
}

void operate_reset_failed(struct runtime *rt)
{
    rt->limit_count = 0;
    if (rt->active != ACTIVE_STATE_FAILED) return;
    rt->result = RESULT_SUCCESS;
    if (rt->type == &service_type)
        service_post(service_of(rt), SERVICE_EVENT_GO_DEAD);
    else
        rt->type->stop(rt); /* nothing of it is up: what follows is its state */
}

int operate_control_group(const struct runtime *rt, struct str *out)
{
    const struct cg_root *root = rt->manager->cgroup;
    if (rt->type != &service_type || !root) return 0;
    const struct cg_leaf *leaf = ((const struct service *)rt)->procs.leaf;
    return leaf ? str_appendf(out, "%s/%s", cg_root_path(root), cg_leaf_name(leaf)) : 0;
}
