/* supervisor/timer_queue.h - timers of one clock, each with a window to elapse in: they share as few wake-ups as can
 * be.
 *
 * The queue wakes once for everything whose window lies around one point in time, and that point is one at which all
 * of the machine wakes: the same place within each minute, else within 10 s, 1 s or 250 ms, which systemd derives from
 * the boot id in the same way, so that containers and their host wake together.
 * Source: systemd.timer(5) AccuracySec=; sd_event_add_time(3). */
#pragma once
#include "base/attr.h"
#include "base/vec.h"

/* Embedded in its owner; zeroed: in no queue. */
struct timer_slot {
    usec_t earliest, latest;
    uint32_t places[2]; /* 1-based, in the heap by earliest and in the one by latest; 0: in none */
};
/* Zeroed is an empty one. */
struct timer_queue {
    VEC(struct timer_slot *) heaps[2];
};
void timer_queue_done(struct timer_queue *queue);

/* Puts in or moves; `earliest` USEC_INFINITY takes out. The window is `accuracy` long. 0 or -ENOMEM, only when it was
 * in no queue. */
MUST_CHECK int timer_queue_set(struct timer_queue *queue, struct timer_slot *slot, usec_t earliest, usec_t accuracy);
void timer_queue_remove(struct timer_queue *queue, struct timer_slot *slot);
/* When to look again; USEC_INFINITY: nothing is waited for. `phase`: timer_wake_phase(). */
usec_t timer_queue_wake(const struct timer_queue *queue, usec_t phase);
/* Takes out one whose window has begun, the earliest first; NULL: there is none. */
struct timer_slot *timer_queue_take_due(struct timer_queue *queue, usec_t now);

/* The point from `earliest` to `latest` at which the machine wakes anyway. */
usec_t timer_wake_between(usec_t earliest, usec_t latest, usec_t phase);
/* Within a minute, from 32 hexadecimal digits. */
usec_t timer_wake_phase(const char *boot_id);
