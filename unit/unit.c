#include "unit/unit.h"
#include "unit/set.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* When memory runs out, HASH_ADD leaves the element out and clears its table pointer instead of ending the process. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "base/arena.h"
#include "base/str.h"
#include "base/vec.h"
#include "unit/machine.h"

static const struct {
    const char *suffix;
    bool runs;
} kinds[UNIT_KIND_COUNT] = {
#define X(enumerator, suffix_text, is_run) [UNIT_KIND_##enumerator] = { suffix_text, is_run },
    UNIT_KINDS(X)
#undef X
};

/* Every name the set knows: of a unit, of an alias, or of nothing that can be started. */
struct set_name {
    UT_hash_handle hh;
    const char *name;
    struct unit *unit; /* NULL: absent */
    enum unit_absence absence;
};

/* The groups of settings that are stored apart, and where they lie. */
enum group {
#define X(enumerator, member, type) GROUP_##enumerator,
    UNIT_GROUPS(X)
#undef X
        GROUP_COUNT
};
static const struct {
    uint16_t offset, size; /* in struct unit_settings */
    uint16_t pointer;      /* in struct unit */
} groups[GROUP_COUNT] = {
#define X(enumerator, member, type)                                                                                    \
    [GROUP_##                                                                                                          \
        enumerator] = { offsetof(struct unit_settings, member), sizeof(struct type), offsetof(struct unit, member) },
    UNIT_GROUPS(X)
#undef X
};
_Static_assert(sizeof(struct unit_settings) <= UINT16_MAX, "offsets of settings are 16 bits wide");

/* Groups that were stored before and are compared with the next one. Few, because what repeats is what a kind of unit
 * looks like when the author wrote nothing (D15 resolves times by kind), not what authors happen to write twice. */
#define SHARED_MAX 4
struct shared_groups {
    const void *items[SHARED_MAX];
    uint32_t count;
};

/* Another name of a unit. Apart from `names`, because few units have any and those are to be listed. */
struct set_alias {
    const struct unit *unit;
    const char *name;
};

struct unit_set {
    struct arena *arena;
    struct unit **units; /* as added; sorted by name once sealed */
    size_t count, capacity;
    struct set_name *names;
    struct unit_override *overrides;
    size_t n_overrides, overrides_capacity;
    struct shared_groups shared[GROUP_COUNT];
    VEC(struct set_alias) aliases;      /* sorted by unit and name once sealed */
    const char **alias_names;           /* the names alone, in the same order; NULL when there are none */
    const struct unit_detail **details; /* by id; NULL unless the set was loaded to be described */
    struct machine machine;
};

const char *unit_load_state_name(enum unit_load_state state)
{
    static const char *const names[] = {
#define X(enumerator, word) [UNIT_STATE_##enumerator] = word,
        UNIT_LOAD_STATES(X)
#undef X
    };
    return names[state];
}

const char *unit_kind_suffix(enum unit_kind kind)
{
    return kinds[kind].suffix;
}

bool unit_kind_runs(enum unit_kind kind)
{
    return kinds[kind].runs;
}

enum unit_kind unit_kind_of_name(const char *name)
{
    const char *dot = strrchr(name, '.');
    if (!dot) return UNIT_KIND_COUNT;
    for (enum unit_kind kind = 0; kind < UNIT_KIND_COUNT; kind++)
        if (strcmp(dot, kinds[kind].suffix) == 0) return kind;
    return UNIT_KIND_COUNT;
}

int unit_set_new(struct unit_set **ret_set)
{
    AUTO(unit_set_free) struct unit_set *set = calloc(1, sizeof *set);
    if (!set) return -ENOMEM;
    set->arena = arena_new();
    if (!set->arena) return -ENOMEM;
    for (enum group group = 0; group < GROUP_COUNT; group++) {
        set->shared[group].items[0] = (const char *)&unit_settings_default + groups[group].offset;
        set->shared[group].count = 1;
    }
    *ret_set = TAKE(set);
    return 0;
}

void unit_set_free(struct unit_set *set)
{
    if (!set) return;
    HASH_CLEAR(hh, set->names);
    free(set->units);
    free(set->overrides);
    vec_done(&set->aliases);
    machine_done(&set->machine);
    arena_free(set->arena);
    free(set);
}

struct arena *unit_set_arena(struct unit_set *set)
{
    return set->arena;
}

struct machine *unit_set_machine(struct unit_set *set)
{
    return &set->machine;
}

static struct set_name *set_find_name(const struct unit_set *set, const char *name)
{
    struct set_name *found = NULL;
    HASH_FIND(hh, set->names, name, strlen(name), found);
    return found;
}

/* The macro is 250 statements long. NOLINTNEXTLINE(readability-function-size) */
static int set_hash_name(struct unit_set *set, struct set_name *entry)
{
    HASH_ADD_KEYPTR(hh, set->names, entry->name, strlen(entry->name), entry);
    return entry->hh.tbl ? 0 : -ENOMEM;
}

static int set_add_name(struct unit_set *set, const char *name, struct unit *unit, enum unit_absence absence)
{
    if (set_find_name(set, name)) return -EEXIST;
    struct set_name *entry = arena_alloc(set->arena, sizeof *entry);
    if (!entry) return -ENOMEM;
    entry->name = name;
    entry->unit = unit;
    entry->absence = absence;
    return set_hash_name(set, entry);
}

int unit_set_add(struct unit_set *set, const char *name, const char *path, struct unit **ret_unit)
{
    struct unit *unit = arena_alloc(set->arena, sizeof *unit);
    if (!unit) return -ENOMEM;
    *unit = (struct unit){ .name = name,
                           .path = path,
                           .kind = unit_kind_of_name(name),
#define X(enumerator, member, type) .member = &unit_settings_default.member,
                           UNIT_GROUPS(X)
#undef X
    };
    int r = vec_reserve_raw((void **)&set->units, &set->capacity, set->count + 1, sizeof(struct unit *));
    if (r < 0) return r;
    r = set_add_name(set, name, unit, UNIT_NOT_FOUND);
    if (r < 0) return r;
    set->units[set->count++] = unit;
    *ret_unit = unit;
    return 0;
}

/* The stored group that equals the given one; it is stored now when there is none. NULL when out of memory. Padding is
 * compared too: it is copied from the default, and where it should differ after all, only sharing is lost. */
static const void *set_share_group(struct unit_set *set, enum group group, const struct unit_settings *settings)
{
    struct shared_groups *shared = &set->shared[group];
    const void *wanted = (const char *)settings + groups[group].offset;
    for (uint32_t i = 0; i < shared->count; i++)
        if (memcmp(shared->items[i], wanted, groups[group].size) == 0) return shared->items[i];
    void *copy = arena_memdup(set->arena, wanted, groups[group].size);
    if (copy && shared->count < SHARED_MAX) shared->items[shared->count++] = copy;
    return copy;
}

int unit_set_store(struct unit_set *set, struct unit *unit, const struct unit_settings *settings)
{
    for (enum group group = 0; group < GROUP_COUNT; group++) {
        const void *stored = set_share_group(set, group, settings);
        if (!stored) return -ENOMEM;
        memcpy((char *)unit + groups[group].pointer, &stored, sizeof stored);
    }
    return 0;
}

int unit_take_groups(struct arena *arena, struct unit *unit, const struct unit_settings *settings)
{
    for (enum group group = 0; group < GROUP_COUNT; group++) {
        const void *wanted = (const char *)settings + groups[group].offset;
        const void *has;
        memcpy(&has, (char *)unit + groups[group].pointer, sizeof has);
        if (memcmp(has, wanted, groups[group].size) == 0) continue;
        has = arena_memdup(arena, wanted, groups[group].size);
        if (!has) return -ENOMEM;
        memcpy((char *)unit + groups[group].pointer, &has, sizeof has);
    }
    return 0;
}

const void *unit_setting(const struct unit *unit, size_t offset)
{
    enum group group = GROUP_COUNT - 1;
    while (groups[group].offset > offset) group--; /* the first group lies at 0 */
    const char *stored;
    memcpy(&stored, (const char *)unit + groups[group].pointer, sizeof stored);
    return stored + (offset - groups[group].offset);
}

int unit_set_add_alias(struct unit_set *set, const char *alias, const char *name)
{
    const struct set_name *found = set_find_name(set, name);
    struct unit *unit = found ? found->unit : NULL;
    int r = set_add_name(set, alias, unit, found ? found->absence : UNIT_NOT_FOUND);
    return r < 0 || !unit ? r : vec_push(&set->aliases, ((struct set_alias){ unit, alias }));
}

int unit_set_add_absent(struct unit_set *set, const char *name, enum unit_absence why)
{
    return set_add_name(set, name, NULL, why);
}

int unit_set_add_override(struct unit_set *set, const char *name, const char *base, const char *override)
{
    int r = vec_reserve_raw((void **)&set->overrides, &set->overrides_capacity, set->n_overrides + 1,
                            sizeof *set->overrides);
    if (r < 0) return r;
    set->overrides[set->n_overrides++] = (struct unit_override){ name, base, override };
    return 0;
}

int unit_relation_add(struct arena *arena, struct unit_section *section, enum unit_relation relation, const char *name)
{
    struct unit_ref_list *list = &section->relations[relation];
    for (uint32_t i = 0; i < list->count; i++)
        if (strcmp(list->items[i].name, name) == 0) return 0;
    if (list->count == list->capacity) {
        uint32_t capacity = MAX_OF(list->capacity * 2, 4u);
        struct unit_ref *grown = arena_alloc(arena, capacity * sizeof *grown);
        if (!grown) return -ENOMEM;
        if (list->count > 0) memcpy(grown, list->items, list->count * sizeof *grown);
        list->items = grown;
        list->capacity = capacity;
    }
    list->items[list->count++] = (struct unit_ref){ .name = name };
    return 0;
}

void unit_set_give_details(struct unit_set *set, const struct unit_detail **details)
{
    set->details = details;
}

bool unit_set_has_name(const struct unit_set *set, const char *name)
{
    return set_find_name(set, name) != NULL;
}

struct unit *unit_set_added(struct unit_set *set, uint32_t index)
{
    return index < set->count ? set->units[index] : NULL;
}

static int compare_units(const void *a, const void *b)
{
    return strcmp((*(struct unit *const *)a)->name, (*(struct unit *const *)b)->name);
}

static int set_default_service(struct unit_set *set, struct unit *socket)
{
    size_t length;
    const char *stem = unit_name_stem(socket->name, &length);
    struct socket_section *copy = arena_memdup(set->arena, socket->socket, sizeof *copy);
    if (!copy) return -ENOMEM;
    copy->service = arena_printf(set->arena, "%.*s%s", (int)length, stem, kinds[UNIT_KIND_SERVICE].suffix);
    socket->socket = copy;
    return copy->service ? 0 : -ENOMEM;
}

static int compare_aliases(const void *a, const void *b)
{
    const struct set_alias *x = a, *y = b;
    if (x->unit != y->unit) return x->unit->id < y->unit->id ? -1 : 1;
    return strcmp(x->name, y->name);
}

static int set_sort_aliases(struct unit_set *set)
{
    if (set->aliases.count == 0) return 0;
    qsort(set->aliases.items, set->aliases.count, sizeof *set->aliases.items, compare_aliases);
    set->alias_names = arena_alloc(set->arena, set->aliases.count * sizeof *set->alias_names);
    if (!set->alias_names) return -ENOMEM;
    for (size_t i = 0; i < set->aliases.count; i++) set->alias_names[i] = set->aliases.items[i].name;
    return 0;
}

int unit_set_seal(struct unit_set *set)
{
    if (set->count > 0) qsort(set->units, set->count, sizeof(struct unit *), compare_units);
    for (uint32_t id = 0; id < set->count; id++) {
        struct unit *unit = set->units[id];
        unit->id = id;
        if (unit->kind != UNIT_KIND_SOCKET || unit->socket->service) continue;
        int r = set_default_service(set, unit);
        if (r < 0) return r;
    }
    return set_sort_aliases(set);
}

uint32_t unit_set_count(const struct unit_set *set)
{
    return (uint32_t)set->count;
}

const struct unit *unit_set_get(const struct unit_set *set, uint32_t id)
{
    return id < set->count ? set->units[id] : NULL;
}

const struct unit *unit_set_find(const struct unit_set *set, const char *name)
{
    const struct set_name *found = set_find_name(set, name);
    return found ? found->unit : NULL;
}

enum unit_absence unit_set_absence(const struct unit_set *set, const char *name)
{
    const struct set_name *found = set_find_name(set, name);
    return found ? found->absence : UNIT_NOT_FOUND;
}

const struct unit_detail *unit_set_detail(const struct unit_set *set, const struct unit *unit)
{
    return set->details ? set->details[unit->id] : NULL;
}

size_t unit_set_aliases(const struct unit_set *set, const struct unit *unit, const char *const **ret_names)
{
    size_t low = 0, high = set->aliases.count, count = 0;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (set->aliases.items[middle].unit->id < unit->id)
            low = middle + 1;
        else
            high = middle;
    }
    while (low + count < set->aliases.count && set->aliases.items[low + count].unit == unit) count++;
    *ret_names = set->alias_names ? set->alias_names + low : NULL;
    return count;
}

size_t unit_set_override_count(const struct unit_set *set)
{
    return set->n_overrides;
}

const struct unit_override *unit_set_override(const struct unit_set *set, size_t index)
{
    return index < set->n_overrides ? &set->overrides[index] : NULL;
}

const char *unit_triggered_name(const struct unit *unit)
{
    if (unit->kind == UNIT_KIND_SOCKET) return unit->socket->service;
    if (unit->kind == UNIT_KIND_TIMER) return unit->timer->unit;
    return unit->kind == UNIT_KIND_PATH ? unit->path_unit->unit : NULL;
}

size_t unit_set_bytes(const struct unit_set *set)
{
    size_t bytes = sizeof *set + arena_used(set->arena) + set->capacity * sizeof(struct unit *) +
                   set->overrides_capacity * sizeof *set->overrides +
                   set->aliases.capacity * sizeof *set->aliases.items;
    return bytes + (set->names ? HASH_OVERHEAD(hh, set->names) - HASH_COUNT(set->names) * sizeof(UT_hash_handle) : 0);
}
