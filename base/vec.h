/* base/vec.h - growable typed arrays.
 *
 *     VEC(struct job *) queue = VEC_EMPTY;
 *     int r = vec_push(&queue, job);       0 or -ENOMEM
 *     for (size_t i = 0; i < queue.count; i++) use(queue.items[i]);
 *     vec_done(&queue);
 */
#pragma once
#include "base/attr.h"
#include <errno.h>
#include <stdlib.h>

#define VEC(type)                                                                                                      \
    struct {                                                                                                           \
        type *items;                                                                                                   \
        size_t count, capacity;                                                                                        \
    }
#define VEC_EMPTY                                                                                                      \
    {                                                                                                                  \
        NULL, 0, 0                                                                                                     \
    }

/* Makes room for at least `needed` items of `size` bytes. 0 or -ENOMEM. */
MUST_CHECK int vec_reserve_raw(void **items, size_t *capacity, size_t needed, size_t size);

#define vec_reserve(v, needed)                                                                                         \
    vec_reserve_raw((void **)&(v)->items, &(v)->capacity, (needed),                                                    \
                    sizeof(*(v)->items) /* NOLINT(bugprone-sizeof-expression): an array of pointers is meant */)
#define vec_push(v, item)                                                                                              \
    __extension__({                                                                                                    \
        int vec_r_ = vec_reserve((v), (v)->count + 1);                                                                 \
        if (vec_r_ == 0) (v)->items[(v)->count++] = (item);                                                            \
        vec_r_;                                                                                                        \
    })
#define vec_done(v)                                                                                                    \
    do {                                                                                                               \
        free((v)->items);                                                                                              \
        (v)->items = NULL;                                                                                             \
        (v)->count = (v)->capacity = 0;                                                                                \
    } while (0)
