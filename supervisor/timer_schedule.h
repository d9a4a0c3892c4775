/* supervisor/timer_schedule.h - when a timer elapses next: pure functions of settings, clocks and what has happened.
 *
 * Source: systemd.timer(5), as systemd 252 to 257 answer it in a container, where OnBootSec= counts from the start of
 * PID 1. Differs: a random delay is drawn once per iteration, not anew whenever the time is looked at again. */
#pragma once
#include "base/attr.h"
struct calendar;
struct timer_section;
struct zone;

/* A point in time by both clocks, in microseconds; 0: it has not come, or is not known by that clock. */
struct timer_moment {
    usec_t realtime, monotonic;
};

struct timer_facts {
    struct timer_moment now;
    struct timer_moment active_since; /* the timer was started */
    struct timer_moment last_trigger; /* since then; without `monotonic`: of an earlier run, from its stamp */
    usec_t started;                   /* PID 1, on CLOCK_MONOTONIC */
    usec_t spent_until;               /* on CLOCK_MONOTONIC: what elapses once, and up to this, has elapsed */
    usec_t unit_inactive_exit;        /* of the unit that it starts, on CLOCK_MONOTONIC */
    struct timer_moment unit_inactive_enter;
    usec_t delay; /* RandomizedDelaySec= of this iteration: timer_delay() */
};

/* USEC_INFINITY: never. */
struct timer_next {
    usec_t realtime, monotonic;
    bool of_unit; /* counts from its unit too: there may be a next time although there is none now */
};

/* `calendars` has the expression of each of settings->values that is one; NULL: one that cannot be used, or of another
 * kind. `local` is the zone of those without one. What is due already lies in the past. */
struct timer_next timer_schedule(const struct timer_section *settings, const struct calendar *const *calendars,
                                 const struct zone *local, const struct timer_facts *facts);

/* RandomizedDelaySec= of an iteration, from 0 to below the span: drawn from *seed, which moves on, or with
 * FixedRandomDelay= made of the name of the unit and the id of the machine. */
usec_t timer_delay(const struct timer_section *settings, const char *unit, const char *machine_id, uint64_t *seed);
