/* supervisor/operate.h - what an operator does to one unit besides its jobs, and where its processes are.
 *
 * For the control interface, which knows no cgroups. Source: systemctl(1) "kill", "reset-failed"; systemd.kill(5). */
#pragma once
#include "base/attr.h"
struct runtime;
struct str;

enum operate_whom { OPERATE_ALL, OPERATE_MAIN, OPERATE_CONTROL };
/* Signals processes of a unit. -ESRCH: it has no such process; -EOPNOTSUPP: its type has none. */
MUST_CHECK int operate_kill(struct runtime *rt, enum operate_whom whom, int signal);
/* A failed unit becomes inactive; its start limit begins anew, failed or not. */
void operate_reset_failed(struct runtime *rt);
/* Appends the path of the unit's cgroup, or nothing. 0 or -ENOMEM. */
MUST_CHECK int operate_control_group(struct runtime *rt, struct str *out);
