/* supervisor/exec_terminal.h - the terminal of a unit: which one it is, before its commands and after its end.
 *
 * TTYPath=, else /dev/console, else PID 1's standard input when that is a terminal. PID 1 lets go of its own
 * controlling terminal when a unit is to have one as its input. Source: systemd.exec(5) StandardInput=tty, TTYReset=,
 * TTYVHangup=. */
#pragma once
#include "base/attr.h"
#include "supervisor/service_states.h"

struct child_terminal;
struct plan_memory;
struct service;
struct unit;

/* *ret is in the memory; NULL: none of its streams is a terminal. 0 or -ENOMEM. */
MUST_CHECK int exec_terminal_plan(const struct unit *unit, struct plan_memory *memory,
                                  const struct child_terminal **ret);
/* From service_state_changed() only: after its end the terminal is hung up and reset once more. */
void exec_terminal_state_changed(struct service *s, enum service_state from);
