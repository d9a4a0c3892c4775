/* supervisor/unit_action.h - SuccessAction=, FailureAction=, StartLimitAction=, JobTimeoutAction=: what the end of a
 * unit means for the container.
 *
 * In a container each of them ends it: `exit` with the status of the unit, `poweroff` and `halt` with 0, or with the
 * unit's status after a failure (D2), `reboot`, `kexec` and `soft-reboot` so that the runtime starts it again
 * (pid1/leave.h). Plain words stop in order, `-force` kills at once and reaps, `-immediate` leaves everything behind.
 * For the first process of a machine the words mean what they say. The first that decides wins, and nothing is done
 * once the stop has begun (K22). Source: systemd.unit(5); SEED.md D2. */
#pragma once
struct runtime;

enum unit_action_event { ACTION_ON_SUCCESS, ACTION_ON_FAILURE, ACTION_ON_START_LIMIT, ACTION_ON_JOB_TIMEOUT };
/* `exit_code`: what the end of the unit stands for, as an exit status. */
void unit_action(struct runtime *rt, enum unit_action_event event, int exit_code);
