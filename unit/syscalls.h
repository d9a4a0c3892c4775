/* unit/syscalls.h - the names of system calls and their groups, for SystemCallFilter=. Source: systemd.exec(5). */
#pragma once
#include "base/attr.h"

/* The name as a static string, NULL when no architecture has a call of that name. */
const char *syscall_name(const char *name);
/* Calls `add` with each name of the group ("@swap"), and of the groups in it; its first result that is not 0 ends that.
 * -ENOENT: no such group. A name in two groups comes twice. */
MUST_CHECK int syscall_group(const char *group, int (*add)(const char *name, void *userdata), void *userdata);
