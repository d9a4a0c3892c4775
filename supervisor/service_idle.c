/* Type=idle: the program starts when the jobs of others are done, so that its output does not mix with theirs.
 *
 * Source: systemd.service(5), Type=idle. Differs: the unit is in "start" meanwhile, and not active before its program
 * runs; whoever is ordered after it does not count as under way. */
#include "supervisor/manager.h"
#include "supervisor/service.h"
#include "base/log.h"

#define IDLE_AT_MOST (5 * USEC_PER_SEC)

void service_idle_wait(struct service *s)
{
    if (vec_push(&s->base.manager->idle, s) < 0) {
        log_error("unit %s: out of memory: it does not wait for others", service_name(s));
        service_start_idle(s);
        return;
    }
    s->idle = true;
    service_arm_timeout_for(s, IDLE_AT_MOST);
}

void service_idle_end(struct service *s)
{
    struct manager *m = s->base.manager;
    size_t kept = 0;
    if (!s->idle) return;
    s->idle = false;
    for (size_t i = 0; i < m->idle.count; i++)
        if (m->idle.items[i] != s) m->idle.items[kept++] = m->idle.items[i];
    m->idle.count = kept;
}

static bool is_under_way(const struct runtime *rt)
{
    if (rt->job.type == JOB_NONE || rt->job.state == JOB_WAITING) return false; /* what is blocked waits for others */
    return rt->type != &service_type || !((const struct service *)rt)->idle;
}

void services_let_idle_go(struct manager *m)
{
    if (jobs_runnable(m) || m->events.count > m->events_head) return;
    for (uint32_t id = 0; id < m->n_units; id++)
        if (is_under_way(manager_unit(m, id))) return;
    while (m->idle.count > 0) {
        struct service *s = m->idle.items[0];
        service_idle_end(s);
        service_start_idle(s);
    }
}
