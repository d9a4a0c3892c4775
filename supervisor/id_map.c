#include "supervisor/id_map.h"

#include <errno.h>
#include <stdlib.h>

#define SIZE_MIN 64

void id_map_done(struct id_map *map)
{
    free(map->slots);
    *map = (struct id_map){ NULL, 0, 0 };
}

/* Neighbouring ids, as pids and marks are, must not fall into neighbouring slots of one long run. */
static uint32_t home(const struct id_map *map, uint64_t id)
{
    return (uint32_t)((id * UINT64_C(0x9E3779B97F4A7C15)) >> 32) & (map->size - 1);
}

static struct id_map_slot *find(const struct id_map *map, uint64_t id)
{
    uint32_t at = home(map, id);
    while (map->slots[at].id != 0 && map->slots[at].id != id) at = (at + 1) & (map->size - 1);
    return &map->slots[at];
}

static int grow(struct id_map *map)
{
    struct id_map bigger = { .size = map->size ? map->size * 2 : SIZE_MIN, .count = map->count };
    if (bigger.size < map->size) return -ENOMEM;
    bigger.slots = calloc(bigger.size, sizeof *bigger.slots);
    if (!bigger.slots) return -ENOMEM;
    for (uint32_t i = 0; i < map->size; i++)
        if (map->slots[i].id != 0) *find(&bigger, map->slots[i].id) = map->slots[i];
    free(map->slots);
    *map = bigger;
    return 0;
}

int id_map_put(struct id_map *map, uint64_t id, void *value)
{
    if (map->count >= map->size / 2) {
        int r = grow(map);
        if (r < 0) return r;
    }
    struct id_map_slot *slot = find(map, id);
    if (slot->id == 0) map->count++;
    *slot = (struct id_map_slot){ id, value };
    return 0;
}

void *id_map_get(const struct id_map *map, uint64_t id)
{
    return map->size ? find(map, id)->value : NULL;
}

/* What follows without a gap moves up where its home lies before the gap, so that no search ends too early. */
void id_map_remove(struct id_map *map, uint64_t id)
{
    if (map->size == 0) return;
    struct id_map_slot *gap = find(map, id);
    if (gap->id == 0) return;
    uint32_t mask = map->size - 1, at = (uint32_t)(gap - map->slots);
    for (uint32_t next = (at + 1) & mask; map->slots[next].id != 0; next = (next + 1) & mask) {
        if (((next - home(map, map->slots[next].id)) & mask) < ((next - at) & mask)) continue;
        map->slots[at] = map->slots[next];
        at = next;
    }
    map->slots[at] = (struct id_map_slot){ 0, NULL };
    map->count--;
}
