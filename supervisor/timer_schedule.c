#include "supervisor/timer_schedule.h"

#include "base/siphash.h"
#include "unit/calendar.h"
#include "unit/settings.h"

#include <string.h>

/* A unit that a trigger did not bring up (its conditions, or what it requires, kept it down) is not tried again sooner,
 * whatever its timer counts from: OnUnitInactiveSec=0 would keep PID 1 busy with nothing. */
#define RETRY_AFTER (1 * USEC_PER_SEC)

static usec_t usec_less(usec_t a, usec_t b)
{
    return a > b ? a - b : 0;
}

/* CLOCK_MONOTONIC; USEC_INFINITY: not now. */
static usec_t next_monotonic(const struct timer_value *value, const struct timer_facts *f)
{
    usec_t base = 0;
    bool once = false;
    switch (value->base) {
    case TIMER_ACTIVE:
        base = f->active_since.monotonic;
        once = true;
        break;
    case TIMER_BOOT:
    case TIMER_STARTUP:
        base = f->started;
        once = true;
        break;
    case TIMER_UNIT_ACTIVE:
        base = MAX_OF(f->unit_inactive_exit, f->last_trigger.monotonic);
        break;
    case TIMER_UNIT_INACTIVE:
        base = MAX_OF(f->unit_inactive_enter.monotonic, f->last_trigger.monotonic);
        break;
    case TIMER_CALENDAR:
    case TIMER_BASE_COUNT:
        return USEC_INFINITY;
    }
    if (!once && base == 0) return USEC_INFINITY;
    usec_t next = usec_add(base, value->span);
    if (once) return next <= f->spent_until ? USEC_INFINITY : next;
    bool came_to_nothing = f->last_trigger.monotonic > f->unit_inactive_exit;
    return came_to_nothing ? MAX_OF(next, usec_add(f->last_trigger.monotonic, RETRY_AFTER)) : next;
}

/* CLOCK_REALTIME, with the delay; USEC_INFINITY: never. */
static usec_t next_realtime(const struct timer_section *settings, const struct calendar *calendar,
                            const struct zone *local, const struct timer_facts *f)
{
    /* What elapses within the delay has not been triggered yet, unless a trigger is known. */
    usec_t after = usec_less(MIN_OF(f->active_since.realtime, f->now.realtime), f->delay), next;
    bool before_start = f->last_trigger.monotonic == 0;
    if (f->last_trigger.realtime > 0) after = MIN_OF(f->last_trigger.realtime, f->now.realtime);
    if (settings->defer_reactivation && f->unit_inactive_enter.realtime > 0) {
        usec_t ended = MIN_OF(f->unit_inactive_enter.realtime, f->now.realtime);
        after = f->last_trigger.realtime > 0 ? MAX_OF(after, ended) : ended;
    }
    if (calendar_next(calendar, local, after, &next) < 0) return USEC_INFINITY;
    /* What was missed while there was no PID 1 is made up for when it starts, and the delay counts from then. */
    if (before_start) next = MAX_OF(next, usec_less(f->now.realtime, usec_less(f->now.monotonic, f->started)));
    return usec_add(next, f->delay);
}

struct timer_next timer_schedule(const struct timer_section *settings, const struct calendar *const *calendars,
                                 const struct zone *local, const struct timer_facts *facts)
{
    struct timer_next next = { USEC_INFINITY, USEC_INFINITY, false };
    for (uint32_t i = 0; i < settings->values.count; i++) {
        const struct timer_value *value = &settings->values.items[i];
        if (value->base == TIMER_CALENDAR) {
            if (!calendars[i]) continue;
            next.realtime = MIN_OF(next.realtime, next_realtime(settings, calendars[i], local, facts));
        } else {
            next.of_unit |= value->base == TIMER_UNIT_ACTIVE || value->base == TIMER_UNIT_INACTIVE;
            next.monotonic = MIN_OF(next.monotonic, next_monotonic(value, facts));
        }
    }
    next.monotonic = usec_add(next.monotonic, facts->delay); /* never stays never */
    return next;
}

/* SplitMix64 (Vigna). */
static uint64_t draw(uint64_t *seed)
{
    uint64_t z = *seed += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

usec_t timer_delay(const struct timer_section *settings, const char *unit, const char *machine_id, uint64_t *seed)
{
    static const uint64_t key[2] = { 0x636f6e7461696e65, 0x722d74696d657273 };
    if (settings->random_delay == 0) return 0;
    if (!settings->fixed_random_delay) return draw(seed) % settings->random_delay;
    uint64_t machine[2] = { siphash24(machine_id, strlen(machine_id), key), key[1] };
    return siphash24(unit, strlen(unit), machine) % settings->random_delay;
}
