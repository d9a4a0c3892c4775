/* supervisor/timer.h - .timer units: they start another unit when a time has come.
 *
 * All timers wait in two queues, one for each clock, behind one deadline of the loop and one timerfd (clock_watch.h).
 * A timer that has started its unit waits for that one to be down before it looks for its next time, so that nothing
 * runs twice at once (K10). One that waits keeps PID 1; one that has elapsed does not (D5).
 * Source: systemd.timer(5). */
#pragma once
#include "supervisor/timer_schedule.h"
struct manager;
struct runtime;
struct timers;

/* What all timers share, made with the first; NULL is fine. After the units. */
void timers_free(struct timers *timers);

/* When it elapses next, without AccuracySec=; USEC_INFINITY: not by that clock. Both: it waits for no time. */
void timer_next_elapse(const struct runtime *timer, usec_t *ret_realtime, usec_t *ret_monotonic);
/* When it elapsed last; zeroes: never, or the realtime alone where only its stamp knows. */
struct timer_moment timer_last_trigger(const struct runtime *timer);

/* ---- for timer_stamp.c ---- */
/* The stamp was looked at; 0: it has none that counts. */
void timer_stamped(struct runtime *timer, usec_t realtime);
/* true the first time. */
bool timers_say_once(struct manager *manager);
