/* supervisor/id_map.h - numbers (pids, marks) -> objects: open addressing, no allocation per entry. */
#pragma once
#include "base/attr.h"

struct id_map_slot {
    uint64_t id; /* 0: free */
    void *value;
};
/* Embedded; zeroed is empty. */
struct id_map {
    struct id_map_slot *slots;
    uint32_t size, count; /* size is a power of two, or 0 */
};
void id_map_done(struct id_map *map);
/* `id` is not 0. Replaces. 0 or -ENOMEM. */
MUST_CHECK int id_map_put(struct id_map *map, uint64_t id, void *value);
/* NULL when there is none. */
void *id_map_get(const struct id_map *map, uint64_t id);
void id_map_remove(struct id_map *map, uint64_t id);
