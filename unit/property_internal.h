/* unit/property_internal.h - the rows of the property table and the shapes that print them. */
#pragma once
#include "base/json.h"
#include "unit/property.h"
#include "unit/settings.h"

/* What a shape prints: the slot is the setting that the row names; shapes that are made from the whole unit use the
 * context instead. */
struct property_value {
    const void *slot;
    const void *argument; /* of the row: the words of property_word, ... */
    const struct property_context *context;
};
typedef int property_printer(const struct property_value *value, struct str *out);
struct property_shape {
    property_printer *text, *json;
};
struct property {
    const char *name;
    const struct property_shape *shape;
    const void *argument;
    uint16_t offset; /* into struct unit_settings */
};

/* Lists of words: the text as systemctl quotes them, and an array of strings. 0 or -ENOMEM. */
MUST_CHECK int property_words_text(const char *const *items, size_t count, struct str *out);
MUST_CHECK int property_words_json(const char *const *items, size_t count, struct str *out);

/* clang-format off */
#define PROPERTY_SHAPES(X) \
    X(boolean)   /* bool */ \
    X(word)      /* word_index; the argument is its table */ \
    X(timespan)  /* usec_t: "1min 30s", "infinity" */ \
    X(u32) X(u64) X(i32) \
    X(bound)     /* uint64_t, UINT64_MAX is "infinity" */ \
    X(weight)    /* uint64_t, UINT64_MAX is "[not set]" */ \
    X(mode)      /* mode_t: four octal digits; JSON: a number */ \
    X(string)    /* const char *, NULL is empty */ \
    X(strings)   /* struct text_list: separated by blanks, quoted */ \
    X(relation)  /* struct unit_ref_list: the names, sorted, once each */
/* clang-format on */
#define X(name) extern const struct property_shape property_##name;
PROPERTY_SHAPES(X)
#undef X
