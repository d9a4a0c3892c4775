/* supervisor/clock_watch.h - the wall clock: one deadline on it, and what changes it: being set, and the time zone.
 *
 * One timerfd on CLOCK_REALTIME, armed for the earliest deadline only (far away when there is none), which the kernel
 * cancels when the clock is set; and an inotify on /etc, for the name localtime. Neither wakes anybody before something
 * has happened. /etc/localtime may lead anywhere: but for one that PID 1 may touch when it starts, a file helper reads
 * it. Source: timerfd_create(2) TFD_TIMER_CANCEL_ON_SET, inotify(7), localtime(5). */
#pragma once
#include "base/attr.h"
struct file_helpers;
struct loop;
struct zone;
struct zones;
struct clock_watch;

struct clock_watch_hooks {
    void (*due)(void *userdata);
    void (*was_set)(void *userdata);
    /* clock_watch_zone() is another one, and the former is gone. `first`: it was not known before, because the file may
     * not answer and was read aside; until then the zone is UTC. */
    void (*zone_changed)(bool first, void *userdata);
};

/* `tz`: the TZ variable, with which /etc/localtime does not matter; NULL: not set. All that is given is borrowed; the
 * local zone of `zones` is ours. -errno: out of memory or descriptors. Without inotify, changes of the zone are not
 * seen. */
MUST_CHECK int clock_watch_new(struct loop *loop, struct file_helpers *helpers, struct zones *zones, const char *tz,
                               const struct clock_watch_hooks *hooks, void *userdata, struct clock_watch **ret);
void clock_watch_free(struct clock_watch *watch);
DEFINE_AUTO(struct clock_watch, clock_watch_free)
/* Microseconds since 1970-01-01 UTC; USEC_INFINITY: nothing is waited for. */
void clock_watch_arm(struct clock_watch *watch, usec_t realtime);
/* The zone of the clock; valid until zone_changed() is called. */
const struct zone *clock_watch_zone(const struct clock_watch *watch);
usec_t clock_realtime(void);
