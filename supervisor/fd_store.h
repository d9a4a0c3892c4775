/* supervisor/fd_store.h - descriptors a service left with us, kept over its restarts and handed back with their names.
 *
 * The number of them is bounded by FileDescriptorStoreMax=, and what reports a hang-up or an error leaves by itself
 * unless the service asked for the opposite (FDPOLL=0). Source: systemd.service(5) FileDescriptorStoreMax=,
 * FileDescriptorStorePreserve=; sd_notify(3) FDSTORE=1. */
#pragma once
#include "base/attr.h"
#include "base/fd.h"

struct loop;
struct fd_store;
struct passed_fds;

/* `unit` is for messages, and borrowed. NULL when out of memory. */
struct fd_store *fd_store_new(struct loop *loop, const char *unit);
/* Closes what is in it. NULL is fine. */
void fd_store_free(struct fd_store *store);
DEFINE_AUTO(struct fd_store, fd_store_free)
/* Owns the descriptor, also on failure. 1: stored; 0: the same open file is in the store already; -ENOSPC: `max` are
 * there; -EMFILE: we have hardly a descriptor left for ourselves; -EREMOTE: a file of a file system that may not
 * answer, which every start would have to wait for; -ENOMEM. */
MUST_CHECK int fd_store_add_take(struct fd_store *store, struct fd *fd, const char *name, bool poll, uint32_t max);
/* Closes all of that name; how many. */
size_t fd_store_remove(struct fd_store *store, const char *name);
size_t fd_store_count(const struct fd_store *store); /* NULL is empty */
/* Appends them in the order in which they came, borrowed. NULL is empty. 0 or -ENOMEM. */
MUST_CHECK int fd_store_collect(const struct fd_store *store, struct passed_fds *passed);
