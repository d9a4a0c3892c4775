/* trace/memsnap.h - labelled memory snapshots as trace records (SEED.md S69, D20).
 *
 * Reads the container cgroup's memory.current/peak/swap.current (v1 files as second choice, null when unreadable) and
 * every process's comm and RSS from /proc. Takes milliseconds with thousands of processes, so it is taken only when the
 * trace is on. */
#pragma once
struct trace;
/* `cgroup_dir` is the container's own cgroup directory, or NULL. */
void memsnap_take(struct trace *trace, const char *label, const char *cgroup_dir);
