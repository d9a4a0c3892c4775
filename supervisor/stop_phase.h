/* supervisor/stop_phase.h - what starts when everything else stops.
 *
 * Units that shutdown.target, umount.target, final.target, or the target of the way in which the container ends
 * (exit.target, halt.target, poweroff.target, reboot.target, kexec.target) want or require are started once the stop
 * has begun; of two units with an order the one that stops goes first. The targets themselves are reached when
 * everything that was up is down, so that After=shutdown.target means that. Then what was started is stopped in its
 * turn. At three quarters of the stop bound (D11) the rest of it does not start any more.
 * Source: bootup(7) "System Manager Shutdown", systemd.special(7). K22: nothing else starts then. */
#pragma once
#include "base/attr.h"
struct manager;
struct runtime;

/* Zeroed: nothing starts. */
struct stop_phase {
    bool active;   /* some unit is to start */
    bool reached;  /* what was up is down: the targets are reached */
    bool stopping; /* what was started stops */
};

/* After the stop jobs of everything that is up were installed. */
void stop_phase_begin(struct manager *manager);
/* After each round. */
void stop_phase_check(struct manager *manager);
/* No time is left: what was started stops, and nothing more starts. */
void stop_phase_cut(struct manager *manager);
/* Before the stop: the unit is wanted by a target that is about to begin it, and starts then. */
bool stop_phase_defers(const struct runtime *unit);
/* A target is reached: exit.target and its like are the end of the container. */
void stop_phase_on_target(struct runtime *target);
