/* supervisor/trigger.h - which timer or path started a unit: its commands are told, as $TRIGGER_UNIT and its like.
 *
 * Kept from the moment it fires until the unit is down again; of several, the first counts.
 * Source: systemd.exec(5) "Environment Variables Set or Propagated by the Service Manager", $TRIGGER_UNIT. */
#pragma once
#include "base/attr.h"
struct runtime;
struct strlist;
struct unit;

struct trigger {
    const struct unit *unit;
    usec_t realtime, monotonic; /* when a timer elapsed; 0: it was none */
    char path[];                /* what a path unit saw; "": it was none */
};

/* Before the start job. `path` may be NULL. Nothing happens when the unit is up or has a job: something else starts it.
 * 0 or -ENOMEM. */
MUST_CHECK int trigger_set(struct runtime *rt, const struct unit *by, usec_t realtime, usec_t monotonic,
                           const char *path);
/* The unit is down. */
void trigger_clear(struct runtime *rt);
/* Appends TRIGGER_UNIT=, TRIGGER_PATH=, TRIGGER_TIMER_REALTIME_USEC= and TRIGGER_TIMER_MONOTONIC_USEC= as they apply.
 * 0 or -ENOMEM. */
MUST_CHECK int trigger_variables(const struct runtime *rt, struct strlist *out);
