/* pid1/leave.h - the very end: what an exit status cannot say, reboot(2) does.
 *
 * The first process of a machine must not exit: it powers off, halts or restarts it. In a container an exit is all that
 * is needed, but for a restart, which a runtime learns from reboot(2) (the kernel ends PID 1 by SIGHUP then), or where
 * that is not permitted from the exit status EXIT_RESTART. Source: reboot(2), pid_namespaces(7) "reboot(2) and PID
 * namespaces"; systemd-nspawn(1) and systemd-nspawn@.service for the status. */
#pragma once
#include "base/attr.h"
#include "pid1/signals.h"

#define EXIT_RESTART 133

/* We are the first process of the machine, not of a container. False where /proc does not tell. */
bool pid1_is_machines(void);
/* The status to exit with; does not return where the machine obeys. `argument`: of its restart, NULL: none. */
int pid1_leave(enum pid1_goal goal, const char *argument, int exit_code);
