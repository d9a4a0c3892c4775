#include "supervisor/timer.h"

#include "base/arena.h"
#include "base/log.h"
#include "base/timespan.h"
#include "base/timezone.h"
#include "supervisor/clock_watch.h"
#include "supervisor/file_helper.h"
#include "supervisor/handlers.h"
#include "supervisor/manager.h"
#include "supervisor/timer_queue.h"
#include "supervisor/timer_stamp.h"
#include "supervisor/trigger.h"
#include "supervisor/unit_type.h"
#include "trace/trace.h"
#include "unit/calendar.h"
#include "unit/expand.h"
#include "unit/machine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* Timers that elapse in one round of the loop, so that nothing else starves. */
#define ELAPSE_PER_ROUND 64

enum { MONOTONIC, REALTIME, CLOCKS };

enum timer_state {
    TIMER_STATE_DEAD,
    TIMER_STATE_WAITING,
    TIMER_STATE_RUNNING,
    TIMER_STATE_ELAPSED,
    TIMER_STATE_FAILED
};

struct timer {
    struct runtime base;
    uint8_t state; /* enum timer_state */
    struct timer_slot slots[CLOCKS];
    const struct calendar *const *calendars; /* by value; in the arena of struct timers */
    struct timer_moment active_since, last_trigger;
    struct timer_next next;
    usec_t unit_ended; /* CLOCK_REALTIME, when the unit went down last */
    usec_t spent_until, delay;
    struct file_request *stamp; /* its stamp is being looked at */
};

struct timers {
    struct manager *manager;
    struct timer_queue queues[CLOCKS];
    struct loop_deadline wake;
    struct clock_watch *clock; /* NULL: nobody asks for the wall clock */
    struct zones *zones;
    struct arena *arena;
    const char *last_text; /* of an expression, and what it was read as: timers have much the same */
    const struct calendar *last_calendar;
    usec_t phase;
    uint64_t seed;
    char machine_id[MACHINE_ID_LENGTH + 1];
    bool said;
    bool holds; /* many change: the queues are armed once, when they have */
};

static struct timer *timer_of(struct runtime *rt)
{
    return (struct timer *)rt;
}

static const struct timer_section *settings_of(const struct timer *t)
{
    return t->base.unit->timer;
}

static struct timers *timers_of(const struct timer *t)
{
    return t->base.manager->timers;
}

static const char *timer_state_name(enum timer_state state)
{
    static const char *const names[] = { [TIMER_STATE_DEAD] = "dead",
                                         [TIMER_STATE_WAITING] = "waiting",
                                         [TIMER_STATE_RUNNING] = "running",
                                         [TIMER_STATE_ELAPSED] = "elapsed",
                                         [TIMER_STATE_FAILED] = "failed" };
    return names[state];
}

static struct runtime *triggered_unit(const struct timer *t)
{
    struct id_span span = manager_edges(t->base.manager, t->base.unit->id, GRAPH_TRIGGERS);
    return span.count > 0 ? manager_unit(t->base.manager, span.ids[0]) : NULL;
}

static void arm_queues(struct timers *all);
static void on_job_removed(struct runtime *rt, uint32_t id, enum job_type type, enum job_result result, void *userdata);

static void forget_times(struct timer *t)
{
    struct timers *all = timers_of(t);
    for (int clock = 0; clock < CLOCKS; clock++) timer_queue_remove(&all->queues[clock], &t->slots[clock]);
    t->next = (struct timer_next){ USEC_INFINITY, USEC_INFINITY, false };
    arm_queues(all);
}

static void set_state(struct timer *t, enum timer_state to)
{
    static const uint8_t active[] = { [TIMER_STATE_DEAD] = ACTIVE_STATE_INACTIVE,
                                      [TIMER_STATE_WAITING] = ACTIVE_STATE_ACTIVE,
                                      [TIMER_STATE_RUNNING] = ACTIVE_STATE_ACTIVE,
                                      [TIMER_STATE_ELAPSED] = ACTIVE_STATE_ACTIVE,
                                      [TIMER_STATE_FAILED] = ACTIVE_STATE_FAILED };
    enum timer_state from = t->state;
    if (from == to) return;
    t->state = (uint8_t)to;
    if (to != TIMER_STATE_WAITING) {
        file_helper_cancel(&t->stamp);
        forget_times(t);
    }
    runtime_set_idle(&t->base, to != TIMER_STATE_WAITING);
    runtime_set_active(&t->base, active[to], timer_state_name(from), timer_state_name(to));
}

static void timer_fail(struct timer *t, enum unit_result result, const char *why)
{
    log_error("timer %s: failed: %s", runtime_name(&t->base), why);
    t->base.result = (uint8_t)result;
    set_state(t, TIMER_STATE_FAILED);
}

/* ---- waiting ---- */

static struct timer_facts facts_of(const struct timer *t)
{
    const struct runtime *unit = triggered_unit(t);
    const struct manager *m = t->base.manager;
    return (struct timer_facts){
        .now = { clock_realtime(), loop_now(m->loop) },
        .active_since = t->active_since,
        .last_trigger = t->last_trigger,
        .started = m->started,
        .spent_until = t->spent_until,
        .unit_inactive_exit = unit ? unit->inactive_exit : 0,
        .unit_inactive_enter = { t->unit_ended, unit ? unit->inactive_enter : 0 },
        .delay = t->delay,
    };
}

static int put_in_queues(struct timer *t, usec_t accuracy)
{
    struct timers *all = timers_of(t);
    int r = timer_queue_set(&all->queues[MONOTONIC], &t->slots[MONOTONIC], t->next.monotonic, accuracy);
    if (r == 0) r = timer_queue_set(&all->queues[REALTIME], &t->slots[REALTIME], t->next.realtime, accuracy);
    arm_queues(all);
    return r;
}

static void log_next(const struct timer *t, const struct timer_facts *f)
{
    char span[TIMESPAN_TEXT_MAX];
    usec_t left = USEC_INFINITY;
    if (t->next.realtime != USEC_INFINITY)
        left = t->next.realtime > f->now.realtime ? t->next.realtime - f->now.realtime : 0;
    if (t->next.monotonic != USEC_INFINITY)
        left = MIN_OF(left, t->next.monotonic > f->now.monotonic ? t->next.monotonic - f->now.monotonic : 0);
    if (left != USEC_INFINITY)
        log_debug("timer %s: elapses in %s", runtime_name(&t->base), timespan_format(left, 1, span));
}

/* Looks for its next time, from whatever state; without one it has elapsed. */
static void enter_waiting(struct timer *t)
{
    const struct timer_section *settings = settings_of(t);
    struct timer_facts facts = facts_of(t);
    struct timers *all = timers_of(t);
    struct timer_next next =
        timer_schedule(settings, t->calendars, all->clock ? clock_watch_zone(all->clock) : zone_utc(), &facts);
    usec_t accuracy = settings->accuracy;
    bool has_time = next.realtime != USEC_INFINITY || next.monotonic != USEC_INFINITY;
    if (!has_time && !settings->on_clock_change && !settings->on_timezone_change) {
        set_state(t, TIMER_STATE_ELAPSED);
        /* Down in a round of its own: who called may be in the middle of a transaction. */
        accuracy = 0;
        if (!settings->remain_after_elapse && !next.of_unit) t->next.monotonic = facts.now.monotonic;
    } else {
        t->next = next;
        log_next(t, &facts);
        set_state(t, TIMER_STATE_WAITING);
    }
    if (put_in_queues(t, accuracy) < 0) timer_fail(t, RESULT_RESOURCES, "out of memory");
}

static void new_iteration(struct timer *t)
{
    struct timers *all = timers_of(t);
    t->delay = timer_delay(settings_of(t), runtime_name(&t->base), all->machine_id, &all->seed);
}

/* ---- elapsing ---- */

static void elapse(struct timer *t)
{
    struct manager *m = t->base.manager;
    struct runtime *unit = triggered_unit(t);
    if (m->shutdown.begun || t->base.job.type == JOB_STOP || !unit) return;
    t->last_trigger = (struct timer_moment){ clock_realtime(), loop_now(m->loop) };
    log_debug("timer %s: starts %s", runtime_name(&t->base), runtime_name(unit));
    TRACE(m->trace, "triggered", TRACE_OK, 0, TF_STR("unit", runtime_name(&t->base)),
          TF_STR("service", runtime_name(unit)));
    if (settings_of(t)->persistent) timer_stamp_write(&t->base, t->last_trigger.realtime);
    set_state(t, TIMER_STATE_RUNNING);
    int r = trigger_set(unit, t->base.unit, t->last_trigger.realtime, t->last_trigger.monotonic, NULL);
    if (r == 0) r = jobs_start(m, unit);
    if (r == 0) return;
    timer_fail(t, RESULT_RESOURCES, strerror(-r));
    unit_failed_for_good(&t->base, 1);
}

static void on_elapsed(struct timer *t)
{
    if (t->state == TIMER_STATE_WAITING)
        elapse(t);
    else if (t->state == TIMER_STATE_ELAPSED) /* RemainAfterElapse=no */
        set_state(t, TIMER_STATE_DEAD);
}

static void run_due(struct timers *all, int clock, usec_t now)
{
    struct timer_slot *slot;
    all->holds = true;
    for (size_t n = 0; n < ELAPSE_PER_ROUND && (slot = timer_queue_take_due(&all->queues[clock], now)); n++)
        on_elapsed(
            (struct timer *)(void *)((char *)slot - offsetof(struct timer, slots) - (size_t)clock * sizeof *slot));
    all->holds = false;
    arm_queues(all);
}

static void on_monotonic_due(void *userdata)
{
    struct timers *all = userdata;
    run_due(all, MONOTONIC, loop_now(all->manager->loop));
}

static void on_realtime_due(void *userdata)
{
    run_due(userdata, REALTIME, clock_realtime());
}

static void arm_queues(struct timers *all)
{
    struct manager *m = all->manager;
    if (all->holds) return;
    if (loop_deadline_set(m->loop, &all->wake, timer_queue_wake(&all->queues[MONOTONIC], all->phase), on_monotonic_due,
                          all) < 0)
        log_error("timers: out of memory: they wait for the next change");
    if (all->clock) clock_watch_arm(all->clock, timer_queue_wake(&all->queues[REALTIME], all->phase));
}

/* ---- what changes the wall clock ---- */

enum change { CLOCK_SET, ZONE_CHANGED, ZONE_KNOWN };

static void look_again(struct timers *all, enum change change)
{
    struct manager *m = all->manager;
    usec_t now = clock_realtime();
    all->holds = true;
    for (uint32_t id = 0; id < m->n_units; id++) {
        struct runtime *rt = manager_unit(m, id);
        if (rt->type != &timer_type) continue;
        struct timer *t = timer_of(rt);
        /* What lies in a time to come now was before the clock went back. */
        t->last_trigger.realtime = MIN_OF(t->last_trigger.realtime, now);
        t->active_since.realtime = MIN_OF(t->active_since.realtime, now);
        if (t->state != TIMER_STATE_WAITING || t->stamp) continue;
        const struct timer_section *settings = settings_of(t);
        if ((change == CLOCK_SET && settings->on_clock_change) ||
            (change == ZONE_CHANGED && settings->on_timezone_change))
            elapse(t);
        else if (t->calendars)
            enter_waiting(t);
    }
    all->holds = false;
    arm_queues(all);
}

static void on_clock_set(void *userdata)
{
    log_info("timers: the clock was set");
    look_again(userdata, CLOCK_SET);
}

static void on_zone_changed(bool first, void *userdata)
{
    if (!first) log_info("timers: the time zone has changed");
    look_again(userdata, first ? ZONE_KNOWN : ZONE_CHANGED);
}

/* ---- making ---- */

void timers_free(struct timers *all)
{
    if (!all) return;
    loop_deadline_clear(all->manager->loop, &all->wake);
    clock_watch_free(all->clock);
    for (int clock = 0; clock < CLOCKS; clock++) timer_queue_done(&all->queues[clock]);
    zones_free(all->zones);
    arena_free(all->arena);
    free(all);
}

static const char *variable(const struct manager *m, const char *name)
{
    return expand_lookup_environ(name, strlen(name), (void *)m->options.environ);
}

static void read_ids(struct timers *all)
{
    AUTO_MACHINE struct machine machine = { .root = NULL };
    const char *id = "";
    if (machine_id(&machine, variable(all->manager, "container_uuid"), &id) == 0)
        memcpy(all->machine_id, id, sizeof all->machine_id);
    if (machine_boot_id(&machine, &id) == 0) all->phase = timer_wake_phase(id);
    if (getrandom(&all->seed, sizeof all->seed, GRND_NONBLOCK) != sizeof all->seed)
        all->seed = clock_realtime() ^ (usec_t)all->manager->started << 20;
}

static int make_timers(struct manager *m)
{
    if (m->timers) return 0;
    struct timers *all = m->timers = calloc(1, sizeof *all);
    if (!all) return -ENOMEM;
    all->manager = m;
    all->zones = zones_new(NULL);
    all->arena = arena_new();
    if (!all->zones || !all->arena) return -ENOMEM;
    read_ids(all);
    return jobs_add_hook(m, on_job_removed, all);
}

static int watch_clock(struct timers *all)
{
    static const struct clock_watch_hooks hooks = { on_realtime_due, on_clock_set, on_zone_changed };
    struct manager *m = all->manager;
    if (all->clock) return 0;
    return clock_watch_new(m->loop, m->file_helpers, all->zones, variable(m, "TZ"), &hooks, all, &all->clock);
}

static int read_calendar(struct timer *t, const char *text, const struct calendar **ret)
{
    struct timers *all = timers_of(t);
    *ret = NULL;
    if (!all->last_text || strcmp(text, all->last_text) != 0) {
        int r = calendar_parse(text, all->zones, clock_watch_zone(all->clock), all->arena, ret);
        if (r < 0 && r != -ENOMEM) {
            log_error("timer %s: OnCalendar=%s: its time zone cannot be read", runtime_name(&t->base), text);
            return 0;
        }
        if (r < 0) return r;
        all->last_text = text;
        all->last_calendar = *ret;
    }
    *ret = all->last_calendar;
    return 0;
}

static int read_calendars(struct timer *t)
{
    const struct timer_value_list *values = &settings_of(t)->values;
    struct timers *all = timers_of(t);
    bool has_calendar = false;
    for (uint32_t i = 0; i < values->count; i++) has_calendar |= values->items[i].base == TIMER_CALENDAR;
    if (!has_calendar && !settings_of(t)->on_clock_change && !settings_of(t)->on_timezone_change) return 0;
    int r = watch_clock(all);
    if (r < 0 || !has_calendar) return r;
    const struct calendar **calendars = arena_alloc_array(all->arena, values->count, sizeof(struct calendar *));
    if (!calendars) return -ENOMEM;
    t->calendars = calendars;
    for (uint32_t i = 0; i < values->count && r == 0; i++)
        if (values->items[i].base == TIMER_CALENDAR) r = read_calendar(t, values->items[i].calendar, &calendars[i]);
    return r;
}

static int timer_init(struct runtime *rt)
{
    int r = make_timers(rt->manager);
    timer_of(rt)->next = (struct timer_next){ USEC_INFINITY, USEC_INFINITY, false };
    return r < 0 ? r : read_calendars(timer_of(rt));
}

static void timer_done(struct runtime *rt)
{
    struct timer *t = timer_of(rt);
    file_helper_cancel(&t->stamp);
    if (!rt->manager->timers) return;
    for (int clock = 0; clock < CLOCKS; clock++)
        timer_queue_remove(&rt->manager->timers->queues[clock], &t->slots[clock]);
}

/* ---- starting and stopping ---- */

void timer_stamped(struct runtime *rt, usec_t realtime)
{
    struct timer *t = timer_of(rt);
    t->stamp = NULL;
    t->last_trigger = (struct timer_moment){ realtime, 0 };
    enter_waiting(t);
}

static int timer_start(struct runtime *rt)
{
    struct timer *t = timer_of(rt);
    if (!triggered_unit(t)) {
        const char *name = unit_triggered_name(rt->unit);
        bool masked = unit_set_absence(rt->manager->set, name) == UNIT_MASKED;
        log_error("timer %s: %s unit %s", runtime_name(rt), masked ? "masked" : "unknown", name);
        return -ENOENT;
    }
    t->active_since = (struct timer_moment){ clock_realtime(), loop_now(rt->manager->loop) };
    t->last_trigger = (struct timer_moment){ 0, 0 };
    new_iteration(t);
    if (!settings_of(t)->persistent) {
        enter_waiting(t);
        return 0;
    }
    timer_stamp_read(rt, &t->stamp);
    if (t->stamp) set_state(t, TIMER_STATE_WAITING);
    return 0;
}

static void timer_failed(struct runtime *rt)
{
    set_state(timer_of(rt), TIMER_STATE_FAILED);
}

static void timer_stop(struct runtime *rt)
{
    set_state(timer_of(rt), TIMER_STATE_DEAD);
}

static const char *timer_sub(const struct runtime *rt)
{
    return timer_state_name(((const struct timer *)rt)->state);
}

static void timer_trigger_notify(struct runtime *rt, struct runtime *unit, enum active_state from)
{
    struct timer *t = timer_of(rt);
    (void)from;
    if (runtime_is_down(unit)) t->unit_ended = clock_realtime();
    if (t->state == TIMER_STATE_RUNNING && runtime_is_down(unit)) {
        t->spent_until = loop_now(rt->manager->loop);
        new_iteration(t);
        enter_waiting(t);
    } else if ((t->state == TIMER_STATE_WAITING && !t->stamp) || t->state == TIMER_STATE_ELAPSED) {
        enter_waiting(t); /* what counts from the unit counts anew */
    }
}

/* Its unit's job has ended, and the unit is as it was: skipped by a condition, kept from starting, cancelled. */
static void on_job_removed(struct runtime *rt, uint32_t id, enum job_type type, enum job_result result, void *userdata)
{
    struct timers *all = userdata;
    struct id_span span = manager_edges(all->manager, rt->unit->id, GRAPH_TRIGGERED_BY);
    (void)id, (void)type, (void)result;
    if (!runtime_is_down(rt) || rt->job.type != JOB_NONE) return;
    trigger_clear(rt); /* the next start may be another one's */
    for (uint32_t i = 0; i < span.count; i++) {
        struct runtime *other = manager_unit(all->manager, span.ids[i]);
        if (other->type == &timer_type && timer_of(other)->state == TIMER_STATE_RUNNING)
            timer_trigger_notify(other, rt, rt->active);
    }
}

const struct unit_type timer_type = {
    .size = sizeof(struct timer),
    .init = timer_init,
    .done = timer_done,
    .start = timer_start,
    .failed = timer_failed,
    .stop = timer_stop,
    .kill = timer_stop,
    .sub_state = timer_sub,
    .trigger_notify = timer_trigger_notify,
};

/* ---- questions ---- */

void timer_next_elapse(const struct runtime *rt, usec_t *ret_realtime, usec_t *ret_monotonic)
{
    const struct timer *t = (const struct timer *)rt;
    bool waits = t->state == TIMER_STATE_WAITING;
    *ret_realtime = waits ? t->next.realtime : USEC_INFINITY;
    *ret_monotonic = waits ? t->next.monotonic : USEC_INFINITY;
}

struct timer_moment timer_last_trigger(const struct runtime *rt)
{
    return ((const struct timer *)rt)->last_trigger;
}

bool timers_say_once(struct manager *m)
{
    bool first = !m->timers->said;
    m->timers->said = true;
    return first;
}
