#include "supervisor/fd_store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/loop.h"
#include "supervisor/received_fd.h"
#include "supervisor/socket.h"

struct stored {
    TAILQ_ENTRY(stored) link;
    struct fd_store *store;
    struct fd fd;
    ino_t inode; /* only what has the same can be the same: thousands are not all asked about */
    loop_io io;
    char name[];
};
TAILQ_HEAD(stored_list, stored);

struct fd_store {
    struct loop *loop;
    const char *unit;
    struct stored_list list;
    size_t count;
};

struct fd_store *fd_store_new(struct loop *loop, const char *unit)
{
    struct fd_store *store = calloc(1, sizeof *store);
    if (!store) return NULL;
    store->loop = loop;
    store->unit = unit;
    TAILQ_INIT(&store->list);
    return store;
}

static void stored_free(struct stored *stored)
{
    struct fd_store *store = stored->store;
    loop_io_remove(store->loop, &stored->io);
    received_fds_close(&stored->fd, 1);
    TAILQ_REMOVE(&store->list, stored, link);
    store->count--;
    free(stored);
}

void fd_store_free(struct fd_store *store)
{
    struct stored *stored;
    if (!store) return;
    while ((stored = TAILQ_FIRST(&store->list))) stored_free(stored);
    free(store);
}

static void on_hang_up(int fd, uint32_t events, void *userdata)
{
    struct stored *stored = userdata;
    (void)fd;
    (void)events;
    log_debug("unit %s: a stored descriptor reports its end and is closed", stored->store->unit);
    stored_free(stored);
}

static bool has_same(const struct fd_store *store, int fd, ino_t inode)
{
    const struct stored *stored;
    TAILQ_FOREACH(stored, &store->list, link)
    {
        if (stored->inode == inode && received_fd_is_same(stored->fd.n, fd)) return true;
    }
    return false;
}

static int add(struct fd_store *store, struct fd *fd, const char *name, bool poll, uint32_t max)
{
    struct stat st;
    if (received_fd_kind(fd->n) == RECEIVED_FOREIGN) return -EREMOTE;
    if (fstat(fd->n, &st) < 0) return -errno;
    if (has_same(store, fd->n, st.st_ino)) return 0;
    if (store->count >= max) return -ENOSPC;
    if (fd_is_near_limit(fd->n)) return -EMFILE;
    size_t size = strlen(name) + 1;
    struct stored *stored = calloc(1, sizeof *stored + size);
    if (!stored) return -ENOMEM;
    memcpy(stored->name, name, size);
    stored->store = store;
    stored->inode = st.st_ino;
    /* What cannot be watched (a regular file) has no end that would be reported. */
    if (poll) {
        int r = loop_io_add(store->loop, fd->n, EPOLLHUP | EPOLLERR, LOOP_NORMAL, on_hang_up, stored, &stored->io);
        if (r < 0 && r != -EPERM) {
            free(stored);
            return r;
        }
    }
    stored->fd = fd_take(fd);
    TAILQ_INSERT_TAIL(&store->list, stored, link);
    store->count++;
    return 1;
}

int fd_store_add_take(struct fd_store *store, struct fd *fd, const char *name, bool poll, uint32_t max)
{
    int r = add(store, fd, name, poll, max);
    received_fds_close(fd, 1);
    return r;
}

size_t fd_store_remove(struct fd_store *store, const char *name)
{
    size_t removed = 0;
    struct stored *stored, *next;
    if (!store) return 0;
    for (stored = TAILQ_FIRST(&store->list); stored; stored = next) {
        next = TAILQ_NEXT(stored, link);
        if (strcmp(stored->name, name) != 0) continue;
        stored_free(stored);
        removed++;
    }
    return removed;
}

size_t fd_store_count(const struct fd_store *store)
{
    return store ? store->count : 0;
}

int fd_store_collect(const struct fd_store *store, struct passed_fds *passed)
{
    const struct stored *stored;
    if (!store) return 0;
    TAILQ_FOREACH(stored, &store->list, link)
    {
        int r = vec_push(&passed->fds, stored->fd.n);
        if (r == 0) r = vec_push(&passed->names, stored->name);
        if (r < 0) return r;
    }
    return 0;
}
