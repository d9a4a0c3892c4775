/* base/arena.h - memory that is freed all at once.
 *
 * A unit set lives in one arena. Allocations are zeroed, aligned to 16 bytes (strings to 1) and never freed singly.
 * Chunks grow from 4 KiB to 64 KiB; larger requests get a chunk of their own. */
#pragma once
#include "base/attr.h"
#include <stdarg.h>

struct arena;
/* NULL when out of memory, as all functions below. */
struct arena *arena_new(void);
void arena_free(struct arena *arena);
DEFINE_AUTO(struct arena, arena_free)

void *arena_alloc(struct arena *arena, size_t size);
/* size * count, checked for overflow. */
void *arena_alloc_array(struct arena *arena, size_t count, size_t size);
/* An array of `count` items of `size` bytes, all of them in use, made by arena_alloc_array() or this, gets room for
 * `wanted` >= count; the old one is not to be used any more, on failure (NULL) it is as it was. A large array moves
 * without leaving its old place behind. The new room is not zeroed. */
void *arena_grow_array(struct arena *arena, void *array, size_t count, size_t wanted, size_t size);
void *arena_memdup(struct arena *arena, const void *data, size_t size);
char *arena_strdup(struct arena *arena, const char *text);
char *arena_strndup(struct arena *arena, const char *text, size_t length);
PRINTF(2, 3) char *arena_printf(struct arena *arena, const char *fmt, ...);
/* Bytes handed out so far, for tests and memory reports. */
size_t arena_used(const struct arena *arena);
