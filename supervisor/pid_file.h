/* supervisor/pid_file.h - PIDFile= of a Type=forking service: read, and watched until it names a process of the unit.
 *
 * A file that might not answer is read and watched by a file helper (K72); inotify(7) tells of changes in both cases.
 * One left by a dead daemon names no process of the unit and is waited out (K78). Source: systemd.service(5)
 * PIDFile=. */
#pragma once
#include "base/attr.h"
#include <sys/types.h>

struct service;

/* 1: *ret_pid is a process of the unit. 0: not yet; the event PID_FILE is posted when it is worth asking again.
 * -errno: the file cannot be used; -ETIMEDOUT: it did not answer. */
MUST_CHECK int pid_file_find(struct service *s, pid_t *ret_pid);
/* Stops waiting for it. */
void pid_file_forget(struct service *s);
