/* supervisor/handlers.h - what the states of one unit mean for others.
 *
 * OnFailure=, OnSuccess= and ExitContainerOnFailure= follow the end of a unit. Where a unit comes up or goes down
 * without a job, what it requires, conflicts with or binds is started and stopped after the fact. When a round's jobs
 * have run, units are looked at that should not be up (BindsTo= something that is down, StopWhenUnneeded=) or down
 * (Upholds=). Source: systemd.unit(5). */
#pragma once
#include "base/attr.h"
#include "supervisor/active_state.h"
struct manager;
struct runtime;

/* The unit's ActiveState changed; `unexpected`: no job has asked for that. Called by runtime_set_active() only. */
void unit_state_changed(struct runtime *rt, enum active_state from, bool unexpected);
/* A job of the unit is gone, or its state changed: it, and who depends on it, is looked at in units_check(). */
void unit_recheck(struct runtime *rt);
/* Looks at the units that were named since the last time, and asks for the jobs that follow. */
void units_check(struct manager *manager);
/* Forgets the unit's time limits, when it goes. */
void unit_handlers_done(struct runtime *rt);

/* The unit has failed for good: no restart will come. `exit_code` is what the failure stands for (D2). */
void unit_failed_for_good(struct runtime *rt, int exit_code);
/* A failure handler has done its work, or stays active after it: it may ask for the end of the container (S52). */
void unit_handler_ended(struct runtime *rt);
/* A start was called off before it began: who waits for the unit, such as its sockets, is told. */
void unit_start_canceled(struct runtime *rt);
/* A stop was called off before it began: who came to the unit's sockets meanwhile is let in. */
void unit_stop_canceled(struct runtime *rt);
/* The unit was up and ended with success. */
void unit_succeeded(struct runtime *rt);
/* The unit is down, or its start came to nothing: its sockets listen again, and its handlers' causes are settled. */
void unit_went_down(struct runtime *rt);
/* A job of the unit took longer than JobTimeoutSec= or JobRunningTimeoutSec=. */
void unit_job_timed_out(struct runtime *rt);
