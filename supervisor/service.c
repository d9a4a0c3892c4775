#include "supervisor/service.h"

#include "base/log.h"
#include "supervisor/manager.h"
#include "supervisor/oom.h"
#include "supervisor/pid_file.h"
#include "supervisor/restart.h"
#include "supervisor/probe.h"
#include "supervisor/service_bus.h"
#include "supervisor/service_notify.h"
#include "supervisor/socket.h"
#include "supervisor/spawn.h"
#include "cgroup/leaf.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* ---- tables ---- */

static const struct {
    const char *name;
    uint8_t active, timeout;
} states[SERVICE_STATE_COUNT] = {
#define X(state, act, sub, bound) [SERVICE_STATE_##state] = { (sub), ACTIVE_STATE_##act, SERVICE_TIMEOUT_##bound },
    SERVICE_STATES(X)
#undef X
};

const char *service_state_name(enum service_state state)
{
    return states[state].name;
}

enum active_state service_state_active(enum service_state state)
{
    return states[state].active;
}

enum service_timeout service_state_timeout(enum service_state state)
{
    return states[state].timeout;
}

enum service_waits service_state_waits(enum service_state state)
{
    if (state == SERVICE_STATE_STOP_WATCHDOG || state == SERVICE_STATE_STOP_SIGTERM ||
        state == SERVICE_STATE_STOP_SIGKILL)
        return SERVICE_WAITS_SIGNAL;
    if (state == SERVICE_STATE_FINAL_WATCHDOG || state == SERVICE_STATE_FINAL_SIGTERM ||
        state == SERVICE_STATE_FINAL_SIGKILL)
        return SERVICE_WAITS_FINAL;
    return SERVICE_WAITS_NOT;
}

const char *service_event_name(enum service_event event)
{
    static const char *const names[SERVICE_EVENT_COUNT] = {
#define X(enumerator) [SERVICE_EVENT_##enumerator] = #enumerator,
        SERVICE_EVENTS(X)
#undef X
    };
    return names[event];
}

static const struct transition {
    uint8_t to;
    service_action *action;
} transitions[SERVICE_STATE_COUNT][SERVICE_EVENT_COUNT] = {
#define M(from, event, to, action) [SERVICE_STATE_##from][SERVICE_EVENT_##event] = { SERVICE_STATE_##to, (action) },
#include "supervisor/service_fsm.def"
#undef M
};

/* ---- moving ---- */

void service_post(struct service *s, enum service_event event)
{
    if (s->firing && service_event_is_decision(event))
        s->next = (uint8_t)event;
    else
        manager_post(s->base.manager, s, event);
}

static void on_timeout(void *userdata)
{
    struct service *s = userdata;
    s->timed_out = true;
    manager_post(s->base.manager, s, SERVICE_EVENT_TIMEOUT);
}

void service_arm_timeout_for(struct service *s, usec_t span)
{
    struct loop *loop = s->base.manager->loop;
    s->timed_out = false;
    if (loop_deadline_set(loop, &s->timeout, usec_add(loop_now(loop), span), on_timeout, s) < 0)
        log_error("unit %s: out of memory: %s has no time limit", service_name(s), service_state_name(s->state));
}

void service_arm_timeout(struct service *s)
{
    const struct service_extra_section *extra = s->base.unit->service_extra;
    const struct service_section *settings = s->base.unit->service;
    struct manager *m = s->base.manager;
    usec_t span = USEC_INFINITY;
    switch (service_state_timeout(s->state)) {
    case SERVICE_TIMEOUT_NONE:
        break;
    case SERVICE_TIMEOUT_START:
        span = settings->timeout_start;
        break;
    case SERVICE_TIMEOUT_STOP:
        span = settings->timeout_stop;
        break;
    case SERVICE_TIMEOUT_ABORT:
        span = extra->timeout_abort;
        break;
    case SERVICE_TIMEOUT_RESTART:
        span = restart_delay(settings, extra, s->n_restarts + 1, &m->random);
        break;
    case SERVICE_TIMEOUT_RUNTIME:
        if (extra->runtime_max == USEC_INFINITY || settings->type == SERVICE_ONESHOT) break;
        span = usec_add(extra->runtime_max, random_span(&m->random, extra->runtime_random_extra));
        span = usec_sub(usec_add(s->base.active_enter, span), loop_now(m->loop));
        break;
    }
    service_arm_timeout_for(s, span);
}

void service_extend_timeout(struct service *s, usec_t span)
{
    struct loop *loop = s->base.manager->loop;
    usec_t at = usec_add(loop_now(loop), span);
    if (!loop_deadline_is_set(&s->timeout) || s->timeout.at >= at) return;
    IGNORE_RESULT(loop_deadline_set(loop, &s->timeout, at, on_timeout, s)); /* armed: moving it needs no memory */
}

static bool service_is_up(const struct service *s)
{
    enum active_state active = service_state_active(s->state);
    return active == ACTIVE_STATE_ACTIVE || active == ACTIVE_STATE_RELOADING;
}

/* The short stay before a restart is told, and is nobody's end: who waits for the unit goes on waiting (K40). */
static bool is_passed_through(enum service_state state)
{
    return state == SERVICE_STATE_DEAD_BEFORE_AUTO_RESTART || state == SERVICE_STATE_FAILED_BEFORE_AUTO_RESTART;
}

static void move(struct service *s, enum service_state from, enum service_state to)
{
    bool was_up = service_is_up(s);
    service_idle_end(s);
    s->state = to;
    if (was_up && !service_is_up(s)) sockets_service_leaving(s);
    s->since = loop_now(s->base.manager->loop);
    if (is_passed_through(to))
        runtime_tell_state(&s->base, service_state_active(to), service_state_name(from), service_state_name(to));
    else
        runtime_set_active(&s->base, service_state_active(to), service_state_name(from), service_state_name(to));
    service_arm_timeout(s);
    service_state_changed(s, from);
}

static void step(struct service *s, enum service_event event)
{
    const struct transition *t = &transitions[s->state][event];
    bool outdated = event == SERVICE_EVENT_TIMEOUT && !s->timed_out; /* the limit of a state that was left since */
    if (!t->action || outdated) {
        log_debug("unit %s: %s ignored in %s", service_name(s), service_event_name(event),
                  service_state_name(s->state));
        return;
    }
    enum service_state from = s->state;
    if (t->to != from) move(s, from, t->to);
    t->action(s, from);
}

void service_fire(struct service *s, enum service_event event)
{
    s->firing = true;
    step(s, event);
    while (s->next != 0) {
        enum service_event next = s->next;
        s->next = 0;
        step(s, next);
    }
    s->firing = false;
}

void service_set_result(struct service *s, enum unit_result result, int failure_code)
{
    if (s->base.result != RESULT_SUCCESS || result == RESULT_SUCCESS) return;
    s->base.result = (uint8_t)result;
    s->failure_code = failure_code;
}

int service_reload(struct service *s)
{
    bool by_signal = service_settings(s)->type == SERVICE_NOTIFY_RELOAD;
    if (!by_signal && service_commands(s, SERVICE_EXEC_RELOAD)->count == 0) return -EINVAL;
    if (s->state != SERVICE_STATE_RUNNING && s->state != SERVICE_STATE_EXITED) return -EAGAIN;
    manager_post(s->base.manager, s, SERVICE_EVENT_RELOAD);
    return 0;
}

void service_told_reloading(struct service *s, usec_t monotonic)
{
    s->told_reloading = monotonic;
    manager_post(s->base.manager, s, SERVICE_EVENT_NOTIFY_RELOADING);
}

bool service_waits_for_ready(const struct service *s)
{
    return service_type_notifies(s) || service_settings(s)->type == SERVICE_DBUS || probe_tells_ready(s);
}

/* ---- the last process ---- */

static void on_leaf_events(int fd, uint32_t events, void *userdata)
{
    (void)fd;
    (void)events;
    service_check_empty(userdata);
}

/* Waits for the last process: looked at after each reap, and when the leaf's cgroup.events changes for those processes
 * that somebody else reaps. */
static void watch_for_empty(struct service *s)
{
    struct manager *m = s->base.manager;
    if (s->procs.leaf && s->events_io == LOOP_IO_NONE) {
        int fd = cg_leaf_events_fd(s->procs.leaf);
        if (fd >= 0 && loop_io_add(m->loop, fd, EPOLLPRI, LOOP_LATE, on_leaf_events, s, &s->events_io) < 0)
            log_debug("unit %s: cgroup.events cannot be watched", service_name(s));
    }
    if (s->watched) return;
    if (vec_push(&m->watched, s) < 0) {
        log_error("unit %s: out of memory: its last process may go unnoticed until its time limit", service_name(s));
        return;
    }
    s->watched = true;
}

void service_check_empty(struct service *s)
{
    if (!s->begun) return;
    if (!procs_is_empty(s->base.manager->procs, &s->procs)) {
        watch_for_empty(s);
        return;
    }
    loop_io_remove(s->base.manager->loop, &s->events_io);
    manager_post(s->base.manager, s, SERVICE_EVENT_EMPTY);
}

void service_kill_again(struct service *s)
{
    if (s->state != SERVICE_STATE_STOP_SIGKILL && s->state != SERVICE_STATE_FINAL_SIGKILL) return;
    if (s->base.unit->kill->final_signal != SIGKILL && !s->base.manager->shutdown.bound_passed) return;
    int r = procs_kill(s->base.manager->procs, &s->procs);
    if (r < 0) log_debug("unit %s: killing again: %s", service_name(s), strerror(-r));
}

/* ---- vtable ---- */

static int service_init(struct runtime *rt)
{
    struct service *s = service_of(rt);
    s->main.pidfd = s->control.pidfd = FD_NONE;
    return 0;
}

static void service_done(struct runtime *rt)
{
    struct service *s = service_of(rt);
    process_release(rt->manager, &s->main);
    process_release(rt->manager, &s->control);
    pid_file_forget(s);
    service_idle_end(s);
    probe_done(s);
    service_bus_done(s);
    service_notify_done(s);
    loop_deadline_clear(rt->manager->loop, &s->timeout);
    loop_io_remove(rt->manager->loop, &s->events_io);
    oom_end(s);
    socket_connection_end(s);
    procs_end(rt->manager->procs, &s->procs);
    procs_unprepare(rt->manager->procs, &s->procs);
}

static int service_start(struct runtime *rt)
{
    return service_begin(service_of(rt));
}

static void service_stop(struct runtime *rt)
{
    service_begin_stop(service_of(rt));
}

static int service_begin_reload(struct runtime *rt)
{
    return service_reload(service_of(rt));
}

static bool service_can_reload(const struct runtime *rt)
{
    const struct service_section *settings = rt->unit->service;
    return settings->commands[SERVICE_EXEC_RELOAD].count > 0 || settings->type == SERVICE_NOTIFY_RELOAD;
}

static void service_failed(struct runtime *rt)
{
    manager_post(rt->manager, service_of(rt), SERVICE_EVENT_GO_FAILED);
}

static void service_skipped(struct runtime *rt)
{
    manager_post(rt->manager, service_of(rt), SERVICE_EVENT_GO_DEAD);
}

static bool service_waits_to_restart(const struct runtime *rt)
{
    return service_in_auto_restart((const struct service *)rt);
}

static void service_hurry(struct runtime *rt)
{
    struct service *s = service_of(rt);
    if (s->state == SERVICE_STATE_STOP) service_post(s, SERVICE_EVENT_GO_STOP_SIGTERM);
}

static void service_kill(struct runtime *rt)
{
    struct service *s = service_of(rt);
    bool alive = s->begun && !procs_is_empty(rt->manager->procs, &s->procs);
    if (alive) service_force(s, FORCED_BY_BOUND);
    /* At once, and not only by the event: there may be no next round (K24). */
    if (alive && procs_kill(rt->manager->procs, &s->procs) < 0)
        log_error("unit %s: its processes could not be killed", service_name(s));
    manager_post(rt->manager, s, SERVICE_EVENT_GO_FINAL_SIGKILL);
}

static const char *service_sub(const struct runtime *rt)
{
    return service_state_name(((const struct service *)rt)->state);
}

const struct unit_type service_type = {
    .size = sizeof(struct service),
    .init = service_init,
    .done = service_done,
    .start = service_start,
    .failed = service_failed,
    .waits_to_restart = service_waits_to_restart,
    .skipped = service_skipped,
    .reload = service_begin_reload,
    .can_reload = service_can_reload,
    .stop = service_stop,
    .hurry = service_hurry,
    .kill = service_kill,
    .sub_state = service_sub,
};
