/* supervisor/shutdown.h - the ordered stop, its bound, and the exit status of the container.
 *
 * Stop jobs run in reverse order of start. At three quarters of the bound every unit not yet signalled gets its signal,
 * order or not; at the bound the rest is killed; a little later PID 1 leaves whatever is left (K24). Unread log is
 * drained within the bound. Source: SEED.md D2, D11, S60-S62. */
#pragma once
#include "base/attr.h"
#include "base/loop.h"
#include "pid1/signals.h"
#include "supervisor/stop_phase.h"
struct manager;
struct runtime;

struct shutdown {
    bool begun, near_bound_passed, bound_passed, finished;
    bool decided; /* exit_code holds a deciding failure's */
    int exit_code;
    enum pid1_goal goal;         /* what was asked for */
    const char *reboot_argument; /* with PID1_REBOOT; borrowed, NULL: none */
    bool at_once;                /* nothing is stopped in order, and having to kill is no failure */
    unsigned force_killed;       /* units that had to be killed */
    bool swept;                  /* units are down, the rest was killed */
    struct stop_phase phase;     /* what starts meanwhile */
    usec_t since, down_at;
    struct loop_deadline near_bound, bound, give_up, flush;
};

/* Begins the stop; `why` goes to the log when not NULL. A second call does nothing (K21). */
void shutdown_begin(struct manager *manager, const char *why);
/* Without an order and without a wait: what is there is killed. */
void shutdown_at_once(struct manager *manager, const char *why);
/* The failure of this unit decides, if it is the first that does; 0 counts as 1 (D2). */
void shutdown_decide(struct runtime *rt, int exit_code);
/* Somebody asks for the end with this exit status, 0 included; a failure that decided before stays (systemctl exit). */
void shutdown_decide_asked(struct manager *manager, int exit_code);
/* A unit did not leave on its signal and is killed. Counts when the stop has begun, and returns whether it has. */
bool shutdown_count_forced(struct runtime *rt);
/* What was counted is dead now; `bound`: the whole stop had lasted too long, else the unit's own. */
void shutdown_report_forced(struct runtime *rt, bool bound);
/* After each round: begins the stop when nothing is left to do (D5), finishes it when everything is down. */
void shutdown_check(struct manager *manager);
int shutdown_exit_code(const struct manager *manager);
