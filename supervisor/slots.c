#include "supervisor/slots.h"

#include <stdlib.h>
#include <sys/mman.h>

#include "base/vec.h"

#define SLOTS_PER_SLAB 16
#define SLAB_SIZE      ((size_t)SLOT_SIZE * SLOTS_PER_SLAB)
#define KEPT_WARM      4 /* that many at once and fewer do not make the pool give pages back */

struct free_slot {
    struct free_slot *next;
};
struct slot_pool {
    VEC(char *) slabs;
    struct free_slot *free;
    size_t n_out, most_out;
    size_t n_fresh; /* slots of the last slab that were never used; their pages are not touched */
};

struct slot_pool *slot_pool_new(void)
{
    return calloc(1, sizeof(struct slot_pool));
}

static void pool_unmap(struct slot_pool *pool, size_t keep)
{
    while (pool->slabs.count > keep) (void)munmap(pool->slabs.items[--pool->slabs.count], SLAB_SIZE); /* cannot fail */
}

void slot_pool_free(struct slot_pool *pool)
{
    if (!pool) return;
    if (pool->n_out == 0) pool_unmap(pool, 0);
    vec_done(&pool->slabs);
    free(pool);
}

void *slot_take(struct slot_pool *pool)
{
    void *slot = pool->free;
    if (slot) {
        pool->free = pool->free->next;
    } else {
        if (pool->n_fresh == 0) {
            if (vec_reserve(&pool->slabs, pool->slabs.count + 1) < 0) return NULL;
            /* The first slab costs what is used of it; when more are needed at once, all of one will be. */
            int populate = pool->slabs.count > 0 ? MAP_POPULATE : 0;
            void *slab = mmap(NULL, SLAB_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | populate, -1, 0);
            if (slab == MAP_FAILED) return NULL;
            pool->slabs.items[pool->slabs.count++] = slab;
            pool->n_fresh = SLOTS_PER_SLAB;
        }
        slot = pool->slabs.items[pool->slabs.count - 1] + SLOT_SIZE * (SLOTS_PER_SLAB - pool->n_fresh--);
    }
    if (++pool->n_out > pool->most_out) pool->most_out = pool->n_out;
    return slot;
}

void slot_give(struct slot_pool *pool, void *slot)
{
    if (!slot) return;
    struct free_slot *freed = slot;
    freed->next = pool->free;
    pool->free = freed;
    if (--pool->n_out > 0 || pool->most_out <= KEPT_WARM) return;
    pool_unmap(pool, 1);
    (void)madvise(pool->slabs.items[0], SLAB_SIZE, MADV_DONTNEED); /* only a hint */
    pool->free = NULL;
    pool->n_fresh = SLOTS_PER_SLAB;
    pool->most_out = 0;
}

size_t slot_pool_bytes(const struct slot_pool *pool)
{
    return pool->slabs.count * SLAB_SIZE;
}
