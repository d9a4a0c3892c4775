#include "base/vec.h"

#include <string.h>

#define VEC_FIRST_CAPACITY ((size_t)4)

int vec_reserve_raw(void **items, size_t *capacity, size_t needed, size_t size)
{
    if (needed <= *capacity) return 0;
    size_t wanted, bytes;
    if (ckd_mul(&wanted, *capacity, (size_t)2)) return -ENOMEM;
    wanted = MAX_OF(MAX_OF(wanted, needed), VEC_FIRST_CAPACITY);
    if (ckd_mul(&bytes, wanted, size)) return -ENOMEM;

    /* *items has another pointer type where it was declared; only a copy of its bytes keeps the aliasing rules. */
    void *memory;
    memcpy(&memory, items, sizeof memory);
    memory = realloc(memory, bytes);
    if (!memory) return -ENOMEM;
    memcpy(items, &memory, sizeof memory);
    *capacity = wanted;
    return 0;
}
