/* supervisor/timer_stamp.h - when a persistent timer ran last, kept over the life of PID 1 as the age of a file.
 *
 * DIRECTORY/timers/stamp-NAME.timer, empty; its mtime is the time. Nothing here waits for a path that may not answer:
 * such work goes to a file helper. A directory that cannot be written to does no harm; the first failure is logged.
 * Source: systemd.timer(5) Persistent=; K88. */
#pragma once
#include "base/attr.h"
struct file_request;
struct manager;
struct runtime;

#define TIMER_STATE_DIRECTORY "/var/lib/systemd"

/* Looks, and makes the stamp where there is none; timer_stamped() is told. Until then, when it is not told at once,
 * *ret_request is what can be cancelled. */
void timer_stamp_read(struct runtime *timer, struct file_request **ret_request);
/* It runs now; `realtime` is since 1970. */
void timer_stamp_write(struct runtime *timer, usec_t realtime);

/* The work itself, for PID 1 or its copy. `directory` holds the folder "timers", made with its parents if need be.
 * *ret: mtime before, 0: there was none. `realtime` 0: looks, makes the stamp if there is none, and moves one of a time
 * to come to now. 0 or -errno. */
MUST_CHECK int timer_stamp_update(const char *directory, const char *unit, usec_t realtime, usec_t *ret);
