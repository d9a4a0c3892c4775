/* supervisor/proxy_worker.h - the process of a proxy socket: our own program again, `__proxy`, beside PID 1.
 *
 * It executes the program by the descriptor which was opened at start, with the channel and the listeners as its only
 * descriptors but the standard ones, in a session of its own and in PID 1's cgroup. It is never waited for.
 * Why it is one is in socketact/proxy.h.
 * Source: socketact/proxy_channel.h. */
#pragma once
#include "base/attr.h"
#include "base/fd.h"
#include "socketact/proxy_channel.h"

#include <sys/types.h>

struct child_exit;
struct manager;
struct proxy_worker;

struct proxy_worker_hooks {
    void (*on_report)(struct proxy_worker *worker, const struct proxy_report *report, void *userdata);
    /* It has ended and is freed after this call. */
    void (*on_exit)(struct proxy_worker *worker, const struct child_exit *exit, void *userdata);
};
/* `listeners` are borrowed, `name` is for who looks at the process. 0 or -errno. */
MUST_CHECK int proxy_worker_start(struct manager *manager, const char *name, const struct proxy_config *config,
                                  const int *listeners, const struct proxy_worker_hooks *hooks, void *userdata,
                                  struct proxy_worker **ret_worker);
/* One that does not read is killed. */
void proxy_worker_order(struct proxy_worker *worker, const struct proxy_order *order, int passed_fd);
void proxy_worker_kill(struct proxy_worker *worker);
/* Kills it, and nobody is called back. NULL is fine. */
void proxy_worker_free(struct proxy_worker *worker);
pid_t proxy_worker_pid(const struct proxy_worker *worker);
