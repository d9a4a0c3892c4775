/* supervisor/handlers.h - what the end of a unit sets off: OnFailure=, OnSuccess=, BindsTo=, ExitContainerOnFailure=.
 */
#pragma once
struct runtime;
/* The unit has failed for good: no restart will come. `exit_code` is what the failure stands for (D2). */
void unit_failed_for_good(struct runtime *rt, int exit_code);
/* A failure handler has done its work, or stays active after it: it may ask for the end of the container (S52). */
void unit_handler_ended(struct runtime *rt);
/* A start was called off before it began: who waits for the unit, such as its sockets, is told. */
void unit_start_canceled(struct runtime *rt);
/* The unit was up and ended with success. */
void unit_succeeded(struct runtime *rt);
/* The unit has left the active states: what is BindsTo= it stops, sockets listen again. */
void unit_went_down(struct runtime *rt);
