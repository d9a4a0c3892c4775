/* unit/settings_types.h - what the groups of unit/settings.h are built from; that header describes pointers and times.
 */
#pragma once
#include "base/attr.h"
#include <sys/types.h>

#define USEC_UNSET ((usec_t)UINT64_MAX - 1)

/* Lists grow in the arena by doubling; an empty assignment sets count to 0. */
struct text_list {
    const char **items; /* not NULL-terminated */
    uint32_t count, capacity;
};

/* PATH:OPTIONS, ID:PATH, LINK TARGET and the like; neither is NULL. */
struct text_pair {
    const char *first, *second;
};
struct text_pair_list {
    struct text_pair *items;
    uint32_t count, capacity;
};

/* Where a setting was written, for messages at run time. */
struct origin {
    const char *file; /* path, NULL for a built-in */
    uint32_t line;    /* 1-based, 0 unknown */
    uint32_t column;  /* likewise */
};

struct unit_ref {
    const char *name; /* full unit name, specifiers expanded */
    struct origin origin;
};
struct unit_ref_list {
    struct unit_ref *items;
    uint32_t count, capacity;
};

/* A boolean that may not have been written; once the unit is complete it is false or true, as a bool. */
typedef uint8_t tristate;
#define TRISTATE_UNSET 2

/* One of a table of words, for value_word and property_word: the index in the table, which ends with NULL. */
typedef uint8_t word_index;
