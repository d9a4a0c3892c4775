#include "supervisor/operate.h"

#include <errno.h>

#include "base/str.h"
#include "cgroup/leaf.h"
#include "cgroup/root.h"
#include "supervisor/manager.h"
#include "supervisor/socket_internal.h"

/* Of services and of the commands of sockets. NULL: the unit has no processes now. */
static struct procs *procs_of(struct runtime *rt)
{
    if (rt->type == &service_type) return service_of(rt)->begun ? &service_of(rt)->procs : NULL;
    return rt->type == &socket_type && socket_of(rt)->begun ? &socket_of(rt)->procs : NULL;
}

int operate_kill(struct runtime *rt, enum operate_whom whom, int signal)
{
    bool is_service = rt->type == &service_type;
    if (!is_service && (rt->type != &socket_type || !socket_has_commands(socket_of(rt)))) return -EOPNOTSUPP;
    if (whom == OPERATE_MAIN) return is_service ? process_signal(&service_of(rt)->main, signal) : -ESRCH;
    if (whom == OPERATE_CONTROL)
        return process_signal(is_service ? &service_of(rt)->control : &socket_of(rt)->control, signal);
    struct procs *procs = procs_of(rt);
    int r = procs ? procs_signal(rt->manager->procs, procs, signal, 0, false) : 0;
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

int operate_control_group(struct runtime *rt, struct str *out)
{
    const struct cg_root *root = rt->manager->cgroup;
    const struct procs *procs = procs_of(rt);
    const struct cg_leaf *leaf = root && procs ? procs->leaf : NULL;
    return leaf ? str_appendf(out, "%s/%s", cg_root_path(root), cg_leaf_name(leaf)) : 0;
}
