/* supervisor/slots.h - memory of starts under way: a plan below, and above it the stack its child runs on.
 *
 * A start needs both for some hundred microseconds, a thousand starts need a thousand of each at once, and afterwards
 * nothing of it may remain: slots come from mappings of their own, never from the heap between objects that live long,
 * and when the last one is given back all mappings but the first go. */
#pragma once
#include "base/attr.h"

#define SLOT_SIZE       16384
#define SLOT_STACK_SIZE 4096 /* the upper end of a slot; frames of the child are bounded in CMakeLists.txt */
#define SLOT_PLAN_SIZE  (SLOT_SIZE - SLOT_STACK_SIZE)

struct slot_pool;
/* NULL when out of memory. */
struct slot_pool *slot_pool_new(void);
/* Slots that are still out stay mapped: a child may run on them. */
void slot_pool_free(struct slot_pool *pool);
DEFINE_AUTO(struct slot_pool, slot_pool_free)
/* SLOT_SIZE bytes, page-aligned, of any content; NULL when out of memory. */
void *slot_take(struct slot_pool *pool);
/* NULL is fine. */
void slot_give(struct slot_pool *pool, void *slot);
/* Bytes that are mapped, for tests and memory reports. */
size_t slot_pool_bytes(const struct slot_pool *pool);
