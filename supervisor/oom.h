/* supervisor/oom.h - OOMPolicy=: notices when the kernel kills a process of a service for memory.
 *
 * The count is `oom_kill` of the leaf's memory.events; one inotify instance watches those of all services. Without a
 * leaf, or without the memory controller in it, nothing is noticed. Source: systemd.service(5) OOMPolicy=; kernel
 * Documentation/admin-guide/cgroup-v2.rst, memory.events, memory.oom.group. */
#pragma once
#include "base/attr.h"

struct manager;
struct oom_watch;
struct service;

void oom_watch_free(struct manager *manager);
/* A run begins; its leaf is there. Lack of resources is logged: the run goes on unwatched. */
void oom_begin(struct service *s);
/* Looks whether the count has grown, and posts OOM. Called also before an exit by SIGKILL is told, which may come of it
 * and be known first. */
void oom_look(struct service *s);
/* The run is over. */
void oom_end(struct service *s);
