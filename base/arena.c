#include "base/arena.h"

#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARENA_ALIGN      ((size_t)16)
#define CHUNK_SIZE_FIRST ((size_t)4096)
#define CHUNK_SIZE_MAX   ((size_t)65536)
/* From here on a request gets a chunk of its own, so that it never wastes the rest of the current one. */
#define CHUNK_REQUEST_MAX (CHUNK_SIZE_MAX / 4)

struct chunk {
    alignas(16) struct chunk *next;
    struct chunk **link; /* what points to this one */
    alignas(16) char bytes[];
};

/* Objects are taken from the low end of the current chunk and strings from its high end: `low` stays aligned and
 * strings, which are most of a unit, need no padding. Chunks come from calloc(3), so what is handed out is zero. */
struct arena {
    struct chunk *chunks;
    char *low, *high;
    size_t next_size, used;
};

struct arena *arena_new(void)
{
    struct arena *arena = calloc(1, sizeof *arena);
    if (arena) arena->next_size = CHUNK_SIZE_FIRST;
    return arena;
}

void arena_free(struct arena *arena)
{
    if (!arena) return;
    for (struct chunk *chunk = arena->chunks, *next; chunk; chunk = next) {
        next = chunk->next;
        free(chunk);
    }
    free(arena);
}

static void chunk_link(struct chunk *chunk, struct chunk **link, struct chunk *next)
{
    chunk->link = link;
    chunk->next = next;
    *link = chunk;
    if (next) next->link = &chunk->next;
}

/* A zeroed chunk with room for `payload` bytes, owned by the arena; NULL when out of memory. */
static struct chunk *arena_add_chunk(struct arena *arena, size_t payload)
{
    size_t size;
    if (ckd_add(&size, payload, sizeof(struct chunk))) return NULL;
    struct chunk *chunk = calloc(1, size);
    if (!chunk) return NULL;
    chunk_link(chunk, &arena->chunks, arena->chunks);
    return chunk;
}

/* Makes the current chunk one with room for `size` <= CHUNK_REQUEST_MAX bytes. */
static bool arena_grow(struct arena *arena, size_t size)
{
    size_t chunk_size = arena->next_size;
    while (chunk_size < size + sizeof(struct chunk)) chunk_size *= 2;
    size_t payload = chunk_size - sizeof(struct chunk);
    struct chunk *chunk = arena_add_chunk(arena, payload);
    if (!chunk) return false;
    arena->low = chunk->bytes;
    arena->high = chunk->bytes + payload;
    arena->next_size = MIN_OF(chunk_size * 2, CHUNK_SIZE_MAX);
    return true;
}

static size_t round_up(size_t size)
{
    return size == 0 ? ARENA_ALIGN : (size + ARENA_ALIGN - 1) & ~(ARENA_ALIGN - 1);
}

static void *arena_alloc_large(struct arena *arena, size_t size)
{
    struct chunk *chunk = arena_add_chunk(arena, size);
    if (!chunk) return NULL;
    arena->used += size;
    return chunk->bytes;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    if (size > SIZE_MAX - ARENA_ALIGN) return NULL;
    size_t rounded = round_up(size);
    if (rounded > CHUNK_REQUEST_MAX) return arena_alloc_large(arena, rounded); /* arena_grow_array() counts on it */
    if (rounded > (size_t)(arena->high - arena->low) && !arena_grow(arena, rounded)) return NULL;
    void *object = arena->low;
    arena->low += rounded;
    arena->used += rounded;
    return object;
}

/* Room for a string, unaligned. */
static char *arena_alloc_text(struct arena *arena, size_t size)
{
    if (size > (size_t)(arena->high - arena->low)) {
        if (size > CHUNK_REQUEST_MAX) return arena_alloc_large(arena, size);
        if (!arena_grow(arena, size)) return NULL;
    }
    arena->high -= size;
    arena->used += size;
    return arena->high;
}

/* Copies `length` bytes without a NUL among them, and terminates them. */
static char *arena_copy_text(struct arena *arena, const char *text, size_t length)
{
    size_t size;
    if (ckd_add(&size, length, (size_t)1)) return NULL;
    char *copy = arena_alloc_text(arena, size);
    if (!copy) return NULL;
    memcpy(copy, text, length);
    copy[length] = '\0';
    return copy;
}

void *arena_alloc_array(struct arena *arena, size_t count, size_t size)
{
    size_t total;
    if (ckd_mul(&total, count, size)) return NULL;
    return arena_alloc(arena, total);
}

void *arena_grow_array(struct arena *arena, void *array, size_t count, size_t wanted, size_t size)
{
    size_t total;
    if (ckd_mul(&total, wanted, size) || total > PTRDIFF_MAX - ARENA_ALIGN - sizeof(struct chunk)) return NULL;
    size_t before = round_up(count * size), after = round_up(total);
    if (count == 0 || before <= CHUNK_REQUEST_MAX) {
        void *grown = arena_alloc(arena, total);
        if (grown && count > 0) memcpy(grown, array, count * size);
        return grown;
    }
    /* It has a chunk of its own. */
    struct chunk *chunk = (struct chunk *)(void *)((char *)array - offsetof(struct chunk, bytes));
    struct chunk **link = chunk->link, *next = chunk->next;
    chunk = realloc(chunk, sizeof *chunk + after);
    if (!chunk) return NULL;
    chunk_link(chunk, link, next);
    arena->used += after - before;
    return chunk->bytes;
}

void *arena_memdup(struct arena *arena, const void *data, size_t size)
{
    void *copy = arena_alloc(arena, size);
    if (copy && size > 0) memcpy(copy, data, size);
    return copy;
}

char *arena_strdup(struct arena *arena, const char *text)
{
    return arena_copy_text(arena, text, strlen(text));
}

char *arena_strndup(struct arena *arena, const char *text, size_t length)
{
    return arena_copy_text(arena, text, strnlen(text, length));
}

char *arena_printf(struct arena *arena, const char *fmt, ...)
{
    char buffer[256];
    va_list args;
    va_start(args, fmt);
    int length = vsnprintf(buffer, sizeof buffer, fmt, args);
    va_end(args);
    if (length < 0) return NULL;
    if ((size_t)length < sizeof buffer) return arena_copy_text(arena, buffer, (size_t)length);

    char *text = arena_alloc_text(arena, (size_t)length + 1);
    if (!text) return NULL;
    va_start(args, fmt);
    (void)vsnprintf(text, (size_t)length + 1, fmt, args); /* the length is known from the first pass */
    va_end(args);
    return text;
}

size_t arena_used(const struct arena *arena)
{
    return arena->used;
}
