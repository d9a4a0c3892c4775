#include "supervisor/plan.h"

#include <stdlib.h>
#include <string.h>

#define BLOCK_SIZE 8192

struct plan_block {
    struct plan_block *next;
};

static bool memory_grow(struct plan_memory *memory, size_t size)
{
    size_t total;
    if (ckd_add(&total, size, sizeof(struct plan_block) + 16) || total > SIZE_MAX / 2) return false;
    total = MAX_OF(total, (size_t)BLOCK_SIZE);
    struct plan_block *block = malloc(total);
    if (!block) return false;
    block->next = memory->blocks;
    memory->blocks = block;
    memory->at = (char *)(block + 1);
    memory->end = (char *)block + total;
    return true;
}

static char *memory_take(struct plan_memory *memory, size_t size, size_t alignment)
{
    size_t padding = (size_t) - (uintptr_t)memory->at & (alignment - 1);
    size_t room = (size_t)(memory->end - memory->at);
    if (padding > room || size > room - padding) {
        if (!memory_grow(memory, size)) {
            memory->failed = true;
            return NULL;
        }
        padding = (size_t) - (uintptr_t)memory->at & (alignment - 1);
    }
    char *taken = memory->at + padding;
    memory->at = taken + size;
    return taken;
}

void *plan_alloc(struct plan_memory *memory, size_t size)
{
    char *taken = memory_take(memory, size, 16);
    return taken ? memset(taken, 0, size) : NULL;
}

char *plan_strndup(struct plan_memory *memory, const char *text, size_t length)
{
    char *taken = memory_take(memory, length + 1, 1);
    if (!taken) return NULL;
    memcpy(taken, text, length);
    taken[length] = '\0';
    return taken;
}

char *plan_strdup(struct plan_memory *memory, const char *text)
{
    return text ? plan_strndup(memory, text, strlen(text)) : NULL;
}

void plan_memory_done(struct plan_memory *memory)
{
    for (struct plan_block *block = memory->blocks, *next; block; block = next) {
        next = block->next;
        free(block);
    }
    memory->blocks = NULL;
}
