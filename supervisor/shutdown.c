#include "supervisor/shutdown.h"

#include "base/log.h"
#include "supervisor/logs.h"
#include "supervisor/manager.h"
#include "supervisor/payload.h"
#include "supervisor/termination.h"
#include "supervisor/unit_type.h"
#include "trace/trace.h"

#include <signal.h>
#include <unistd.h>

/* After the bound the kernel gets this long to end what was killed. */
#define GIVE_UP_AFTER (250 * USEC_PER_MSEC)
/* The trace may flush for this long at the end (S70), within the bound. */
#define TRACE_FLUSH_MAX (1 * USEC_PER_SEC)

static void on_near_bound(void *userdata)
{
    struct manager *m = userdata;
    m->shutdown.near_bound_passed = true;
    stop_phase_cut(m);
    for (uint32_t id = 0; id < m->n_units; id++) {
        struct runtime *rt = manager_unit(m, id);
        job_force(rt);
        if (rt->type->hurry) rt->type->hurry(rt);
    }
}

static void on_bound(void *userdata)
{
    struct manager *m = userdata;
    m->shutdown.bound_passed = true;
    on_near_bound(m);
    for (uint32_t id = 0; id < m->n_units; id++) {
        struct runtime *rt = manager_unit(m, id);
        if (!runtime_is_down(rt) && rt->type->kill) rt->type->kill(rt);
    }
}

static void on_give_up(void *userdata)
{
    struct manager *m = userdata;
    for (uint32_t id = 0; id < m->n_units; id++) {
        struct runtime *rt = manager_unit(m, id);
        if (!runtime_is_down(rt) && rt->type->kill) rt->type->kill(rt);
        if (!runtime_is_down(rt))
            log_error("shutdown: %s is still %s; leaving it behind", runtime_name(rt), active_state_name(rt->active));
    }
    (void)termination_write(m->termination, shutdown_exit_code(m)); /* it is not waited for */
    m->shutdown.finished = true;
}

static void arm(struct manager *m, struct loop_deadline *deadline, usec_t at, loop_deadline_fn *fn)
{
    if (loop_deadline_set(m->loop, deadline, at, fn, m) < 0)
        log_error("shutdown: out of memory: its time limit is not kept");
}

void shutdown_begin(struct manager *m, const char *why)
{
    struct shutdown *s = &m->shutdown;
    if (s->begun) return;
    if (why) log_info("%s", why);
    s->begun = true;
    payload_stopping(m, why ? why : "stopping");
    s->since = loop_now(m->loop);
    usec_t bound = m->options.stop_timeout;
    arm(m, &s->near_bound, usec_add(s->since, bound / 4 * 3), on_near_bound);
    arm(m, &s->bound, usec_add(s->since, bound), on_bound);
    arm(m, &s->give_up, usec_add(usec_add(s->since, bound), GIVE_UP_AFTER), on_give_up);
    jobs_stop_all(m);
    if (!s->at_once) stop_phase_begin(m);
}

void shutdown_at_once(struct manager *m, const char *why)
{
    struct shutdown *s = &m->shutdown;
    if (s->at_once) return;
    s->at_once = true;
    if (s->begun) log_info("%s", why);
    shutdown_begin(m, why);
    stop_phase_cut(m);
    usec_t now = loop_now(m->loop);
    arm(m, &s->bound, now, on_bound);
    arm(m, &s->give_up, usec_add(now, GIVE_UP_AFTER), on_give_up);
}

void shutdown_decide(struct runtime *rt, int exit_code)
{
    struct manager *m = rt->manager;
    if (m->shutdown.decided) return;
    termination_decided(m->termination, rt);
    m->shutdown.decided = true;
    m->shutdown.exit_code = exit_code > 0 ? exit_code : 1;
}

void shutdown_decide_asked(struct manager *m, int exit_code)
{
    if (m->shutdown.decided || m->shutdown.begun) return;
    m->shutdown.decided = true;
    m->shutdown.exit_code = exit_code;
}

bool shutdown_count_forced(struct runtime *rt)
{
    struct shutdown *s = &rt->manager->shutdown;
    if (s->begun)
        s->force_killed++;
    else
        log_warning("unit %s: did not stop in time; killing it", runtime_name(rt));
    return s->begun;
}

void shutdown_report_forced(struct runtime *rt, bool bound)
{
    struct shutdown *s = &rt->manager->shutdown;
    if (s->at_once) return; /* as asked for */
    log_warning("shutdown: %s force-killed (%s)", runtime_name(rt), bound ? "stop timeout expired" : "grace expired");
    TRACE(rt->manager->trace, "force_killed", TRACE_TIMEOUT, s->since, TF_STR("unit", runtime_name(rt)),
          TF_STR("reason", bound ? "stop timeout expired" : "grace expired"));
}

/* D5: leaving by itself. A failure that kept another unit from starting is not a success (K31). */
static void leave(struct manager *m)
{
    for (uint32_t id = 0; id < m->n_units; id++) {
        struct runtime *rt = manager_unit(m, id);
        if (rt->decides == 1) shutdown_decide(rt, rt->exit_code);
    }
    shutdown_begin(m, "nothing is left to run or to wait for; leaving");
}

static void on_flush_over(void *userdata)
{
    (void)userdata; /* shutdown_check() follows every round */
}

static void finish(struct manager *m)
{
    struct shutdown *s = &m->shutdown;
    if (!s->swept) {
        /* Units are down. In a pid namespace of our own nobody else has a claim on what is left. */
        s->swept = true;
        s->down_at = loop_now(m->loop);
        if (m->boot.is_init) (void)kill(-1, SIGKILL); /* ESRCH: nothing is left */
        if (s->force_killed == 0 && !s->decided) log_debug("shutdown: all units are down");
    }
    bool logs_done = logs_flush(m->logs) || logs_output_pending(m->logs) == 0;
    usec_t now = loop_now(m->loop);
    bool trace_done = !m->trace || trace_is_flushed(m->trace) || now >= usec_add(s->down_at, TRACE_FLUSH_MAX);
    bool reason_done = termination_write(m->termination, shutdown_exit_code(m));
    if (logs_done && reason_done && (trace_done || s->bound_passed)) s->finished = true;
    if (!s->finished && !trace_done) arm(m, &s->flush, usec_add(s->down_at, TRACE_FLUSH_MAX), on_flush_over);
}

void shutdown_check(struct manager *m)
{
    struct shutdown *s = &m->shutdown;
    if (s->begun) stop_phase_check(m);
    if (m->n_busy > 0 || jobs_pending(m) || s->finished) return;
    if (!s->begun && m->boot_complete && m->n_waits == 0 && !m->options.stay) leave(m);
    /* The same round: nothing will happen any more that could wake us for another one (K16). */
    if (s->begun && !jobs_pending(m)) finish(m);
}

int shutdown_exit_code(const struct manager *m)
{
    if (m->shutdown.decided) return m->shutdown.exit_code;
    return m->shutdown.force_killed > 0 && !m->shutdown.at_once ? 1 : 0;
}
