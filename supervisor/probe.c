/* When a service is looked at, and what comes of it. */
#include "supervisor/probe.h"

#include "base/log.h"
#include "base/timespan.h"
#include "supervisor/logs.h"
#include "supervisor/manager.h"
#include "supervisor/shutdown.h"
#include "trace/trace.h"
#include "unit/unit.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* No setting makes us look more often than this: each look is a process. */
#define INTERVAL_MIN (10 * USEC_PER_MSEC)

static const struct probe_section *settings_of(const struct service_probe *sp)
{
    return sp->service->base.unit->probe;
}

static const char *directive_of(const struct service_probe *sp)
{
    return sp->is_health ? "HealthCheck" : "ReadyWhen";
}

const char *probe_health(const struct service *s)
{
    static const char *const words[] = {
#define X(enumerator, word) [HEALTH_IS_##enumerator] = (word),
        HEALTH_STATES(X)
#undef X
    };
    return words[s->probe ? s->probe->health : HEALTH_IS_UNKNOWN];
}

/* ---- asking ---- */

static void arm(struct service_probe *sp, usec_t span, loop_deadline_fn *fn)
{
    struct loop *loop = sp->service->base.manager->loop;
    if (loop_deadline_set(loop, &sp->timer, usec_add(loop_now(loop), span), fn, sp) < 0)
        log_error("unit %s: out of memory: %s= is not asked any more", service_name(sp->service), directive_of(sp));
}

static void fail_look(struct service_probe *sp, const char *why)
{
    (void)snprintf(sp->why, sizeof sp->why, "%s", why); /* fits */
    probe_look_ended(sp);
}

/* It counts at once, though what hangs in the kernel may take its time to die. */
static void on_too_long(void *userdata)
{
    struct service_probe *sp = userdata;
    probe_look_kill(sp);
    sp->looking = false;
    fail_look(sp, "it took too long");
}

static void on_due(void *userdata)
{
    struct service_probe *sp = userdata;
    const struct probe_section *settings = settings_of(sp);
    bool is_log = sp->check->kind == PROBE_LOG;
    usec_t timeout = sp->is_health ? settings->health_timeout : settings->ready_timeout;
    if (sp->process.pid > 0) {
        fail_look(sp, "the last look has not ended though it was killed");
        return;
    }
    int r = is_log && sp->is_health ? probe_lines_open(sp, false) : 0;
    if (r < 0)
        fail_look(sp, strerror(-r));
    else if (probe_look(sp) < 0)
        probe_look_ended(sp);
    else if (timeout != USEC_INFINITY && (sp->is_health || !is_log))
        arm(sp, timeout, on_too_long);
}

static void look_again(struct service_probe *sp)
{
    const struct probe_section *settings = settings_of(sp);
    usec_t interval = sp->is_health ? settings->health_interval : settings->ready_interval;
    if (interval != USEC_INFINITY) arm(sp, MAX_OF(interval, INTERVAL_MIN), on_due);
}

static void stop(struct service_probe *sp)
{
    sp->check = NULL;
    sp->health = HEALTH_IS_UNKNOWN;
    loop_deadline_clear(sp->service->base.manager->loop, &sp->timer);
    probe_look_stop(sp);
    probe_lines_close(sp);
}

static struct service_probe *begin(struct service *s, const struct probe_check *check, bool is_health)
{
    if (!s->probe) {
        s->probe = calloc(1, sizeof *s->probe);
        if (!s->probe) {
            log_error("unit %s: out of memory: %s= is not asked", service_name(s),
                      is_health ? "HealthCheck" : "ReadyWhen");
            return NULL;
        }
        s->probe->service = s;
        s->probe->process.pidfd = s->probe->lines_read = s->probe->lines_write = FD_NONE;
    }
    struct service_probe *sp = s->probe;
    stop(sp);
    sp->check = check;
    sp->is_health = is_health;
    sp->passed = sp->failed = 0;
    sp->why[0] = '\0';
    sp->since = loop_now(s->base.manager->loop);
    sp->health = is_health ? HEALTH_IS_STARTING : HEALTH_IS_UNKNOWN;
    return sp;
}

/* ---- answers ---- */

static void set_health(struct service_probe *sp, enum health_state to)
{
    struct service *s = sp->service;
    if (sp->health == to) return;
    bool is_good = to == HEALTH_IS_GOOD;
    sp->health = (uint8_t)to;
    if (is_good)
        log_info("unit %s: healthy", service_name(s));
    else
        log_error("unit %s: unhealthy: HealthCheck=%s failed %u times in a row: %s", service_name(s), sp->check->text,
                  sp->failed, sp->why);
    TRACE(s->base.manager->trace, "health", is_good ? TRACE_OK : TRACE_ERROR, 0, TF_STR("unit", service_name(s)),
          TF_STR("health", probe_health(s)), TF_STR("err", sp->why));
}

static void health_failed(struct service_probe *sp)
{
    struct service *s = sp->service;
    const struct probe_section *settings = settings_of(sp);
    usec_t now = loop_now(s->base.manager->loop);
    uint32_t retries = MAX_OF(settings->health_retries, 1U);
    if (sp->health == HEALTH_IS_STARTING && now < usec_add(sp->since, settings->health_start_period)) {
        sp->failed = 0;
        log_debug("unit %s: HealthCheck=%s: not yet: %s", service_name(s), sp->check->text, sp->why);
        return;
    }
    if (sp->failed <= retries)
        log_warning("unit %s: HealthCheck=%s failed (%u of %u): %s", service_name(s), sp->check->text, sp->failed,
                    retries, sp->why);
    if (sp->failed < retries) return;
    set_health(sp, HEALTH_IS_BAD);
    if (sp->failed == retries && settings->health_action != HEALTH_NONE)
        manager_post(s->base.manager, s, SERVICE_EVENT_UNHEALTHY);
}

static void trace_look(const struct service_probe *sp)
{
    TRACE(sp->service->base.manager->trace, "probe", sp->why[0] ? TRACE_ERROR : TRACE_OK, sp->process.since,
          TF_STR("unit", service_name(sp->service)), TF_STR("directive", directive_of(sp)),
          TF_STR("target", sp->check->text), TF_STR("err", sp->why));
}

void probe_look_ended(struct service_probe *sp)
{
    struct service *s = sp->service;
    const struct probe_section *settings = settings_of(sp);
    trace_look(sp);
    if (sp->is_health && sp->check->kind == PROBE_LOG) probe_lines_close(sp);
    if (sp->why[0]) {
        sp->passed = 0;
        sp->failed++;
        if (sp->is_health)
            health_failed(sp);
        else
            log_debug("unit %s: ReadyWhen=%s: not yet: %s", service_name(s), sp->check->text, sp->why);
    } else {
        sp->failed = 0;
        sp->passed++;
        if (sp->is_health) set_health(sp, HEALTH_IS_GOOD);
    }
    bool is_ready = sp->passed >= settings->ready_threshold || (sp->passed > 0 && sp->check->kind == PROBE_LOG);
    if (sp->is_health || !is_ready) {
        look_again(sp);
        return;
    }
    stop(sp);
    manager_post(s->base.manager, s, SERVICE_EVENT_READY);
}

/* ---- states ---- */

static bool is_asked(enum service_state state)
{
    enum active_state active = service_state_active(state);
    return state == SERVICE_STATE_RUNNING || active == ACTIVE_STATE_RELOADING;
}

void probe_state_changed(struct service *s, enum service_state from)
{
    const struct probe_section *settings = s->base.unit->probe;
    struct service_probe *sp = s->probe;
    if (s->state == SERVICE_STATE_START && settings->ready.kind != PROBE_NONE) {
        sp = begin(s, &settings->ready, false);
        int r = sp && settings->ready.kind == PROBE_LOG ? probe_lines_open(sp, true) : 0;
        if (r < 0) log_error("unit %s: ReadyWhen=log: %s", service_name(s), strerror(-r));
    } else if (from == SERVICE_STATE_START && sp && sp->check) {
        if (sp->why[0])
            log_warning("unit %s: ReadyWhen=%s was not true at the last look: %s", service_name(s), sp->check->text,
                        sp->why);
        stop(sp);
    }
    if (settings->health.kind == PROBE_NONE || is_asked(s->state) == is_asked(from)) return;
    if (!is_asked(s->state)) {
        if (sp) stop(sp);
        return;
    }
    sp = begin(s, &settings->health, true);
    if (sp) look_again(sp);
}

void probe_launched(struct service *s)
{
    struct service_probe *sp = s->probe;
    if (sp && sp->check && !sp->is_health && sp->process.pid <= 0) arm(sp, 0, on_due);
}

void probe_done(struct service *s)
{
    if (!s->probe) return;
    stop(s->probe);
    free(s->probe);
    s->probe = NULL;
}

void act_unhealthy(struct service *s, enum service_state from)
{
    struct manager *m = s->base.manager;
    (void)from;
    service_set_result(s, RESULT_HEALTH, 1);
    service_post(s, SERVICE_EVENT_GO_STOP_SIGTERM);
    if (s->base.unit->probe->health_action != HEALTH_EXIT_CONTAINER || m->shutdown.begun) return;
    log_error("unit %s: HealthAction=exit-container -- initiating reverse shutdown", service_name(s));
    shutdown_decide(&s->base, 1);
    shutdown_begin(m, NULL);
}
