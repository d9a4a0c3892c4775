/* The shapes that many properties have. */
#include "unit/property_internal.h"

#include "base/timespan.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static int json_text(struct str *out, const char *text)
{
    return json_write_string(out, text, strlen(text));
}

/* ---- numbers ---- */

static int boolean_text(const struct property_value *value, struct str *out)
{
    return str_append(out, *(const bool *)value->slot ? "yes" : "no");
}

static int boolean_json(const struct property_value *value, struct str *out)
{
    return str_append(out, *(const bool *)value->slot ? "true" : "false");
}
const struct property_shape property_boolean = { boolean_text, boolean_json };

static int u32_any(const struct property_value *value, struct str *out)
{
    return str_appendf(out, "%" PRIu32, *(const uint32_t *)value->slot);
}
const struct property_shape property_u32 = { u32_any, u32_any };

static int i32_any(const struct property_value *value, struct str *out)
{
    return str_appendf(out, "%" PRId32, *(const int32_t *)value->slot);
}
const struct property_shape property_i32 = { i32_any, i32_any };

static int i64_any(const struct property_value *value, struct str *out)
{
    return str_appendf(out, "%" PRId64, *(const int64_t *)value->slot);
}
const struct property_shape property_i64 = { i64_any, i64_any };

static int u64_any(const struct property_value *value, struct str *out)
{
    return str_appendf(out, "%" PRIu64, *(const uint64_t *)value->slot);
}
const struct property_shape property_u64 = { u64_any, u64_any };

static int unless_all_ones(const struct property_value *value, const char *word, struct str *out)
{
    return *(const uint64_t *)value->slot == UINT64_MAX ? str_append(out, word) : u64_any(value, out);
}

static int bound_text(const struct property_value *value, struct str *out)
{
    return unless_all_ones(value, "infinity", out);
}
const struct property_shape property_bound = { bound_text, u64_any };

static int weight_text(const struct property_value *value, struct str *out)
{
    return unless_all_ones(value, "[not set]", out);
}
const struct property_shape property_weight = { weight_text, u64_any };

static int timespan_text(const struct property_value *value, struct str *out)
{
    char buffer[TIMESPAN_TEXT_MAX];
    return str_append(out, timespan_format(*(const usec_t *)value->slot, 1, buffer));
}
const struct property_shape property_timespan = { timespan_text, u64_any };

static int mode_text(const struct property_value *value, struct str *out)
{
    return str_appendf(out, "%04o", (unsigned)*(const mode_t *)value->slot);
}

static int mode_json(const struct property_value *value, struct str *out)
{
    return str_appendf(out, "%u", (unsigned)*(const mode_t *)value->slot);
}
const struct property_shape property_mode = { mode_text, mode_json };

/* ---- words and lists ---- */

/* Of a unit that was refused a word may be unset still: its index is that of the table's end. */
static const char *word_of(const struct property_value *value)
{
    const char *word = ((const char *const *)value->argument)[*(const word_index *)value->slot];
    return word ? word : "";
}

static int word_text(const struct property_value *value, struct str *out)
{
    return str_append(out, word_of(value));
}

static int word_json(const struct property_value *value, struct str *out)
{
    return json_text(out, word_of(value));
}
const struct property_shape property_word = { word_text, word_json };

static const char *text_of(const struct property_value *value)
{
    const char *text = *(const char *const *)value->slot;
    return text ? text : "";
}

static int text_text(const struct property_value *value, struct str *out)
{
    return str_append(out, text_of(value));
}

static int text_json(const struct property_value *value, struct str *out)
{
    return json_text(out, text_of(value));
}
const struct property_shape property_string = { text_text, text_json };

/* Words are quoted as systemctl does, so that blanks and what a shell would read are seen to belong to them. */
static int word_quoted(struct str *out, const char *word)
{
    static const char special[] = " \t\n\r\"\\`$*?['()<>|&;!", escaped[] = "\"\\`$";
    static const struct {
        char byte, letter;
    } controls[] = { { '\a', 'a' }, { '\b', 'b' }, { '\f', 'f' }, { '\n', 'n' },
                     { '\r', 'r' }, { '\t', 't' }, { '\v', 'v' } };
    bool plain = !strpbrk(word, special);
    for (const char *c = word; plain && *c; c++) plain = (unsigned char)*c >= ' ' && *c != 127;
    if (plain) return str_append(out, word);
    int r = str_append_char(out, '"');
    for (const char *c = word; r == 0 && *c; c++) {
        char letter = '\0';
        if (strchr(escaped, *c)) letter = *c;
        for (size_t i = 0; i < COUNT_OF(controls); i++)
            if (controls[i].byte == *c) letter = controls[i].letter;
        if (letter)
            r = str_appendf(out, "\\%c", letter);
        else if ((unsigned char)*c < ' ' || *c == 127)
            r = str_appendf(out, "\\%03o", (unsigned)(unsigned char)*c);
        else
            r = str_append_char(out, *c);
    }
    return r < 0 ? r : str_append_char(out, '"');
}

int property_words_text(const char *const *items, size_t count, struct str *out)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < count; i++) {
        if (i > 0) r = str_append(out, " ");
        if (r == 0) r = word_quoted(out, items[i]);
    }
    return r;
}

int property_words_json(const char *const *items, size_t count, struct str *out)
{
    int r = str_append(out, "[");
    for (size_t i = 0; r == 0 && i < count; i++) {
        if (i > 0) r = str_append(out, ", ");
        if (r == 0) r = json_text(out, items[i]);
    }
    return r < 0 ? r : str_append(out, "]");
}

static int texts_text(const struct property_value *value, struct str *out)
{
    const struct text_list *list = value->slot;
    return property_words_text(list->items, list->count, out);
}

static int texts_json(const struct property_value *value, struct str *out)
{
    const struct text_list *list = value->slot;
    return property_words_json(list->items, list->count, out);
}
const struct property_shape property_strings = { texts_text, texts_json };

/* ---- relations ---- */

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int relation_any(const struct property_value *value, struct str *out,
                        int (*print)(const char *const *, size_t, struct str *))
{
    const struct unit_ref_list *list = value->slot;
    if (list->count == 0) return print(NULL, 0, out);
    const char **names = calloc(list->count, sizeof *names);
    if (!names) return -ENOMEM;
    size_t count = 0;
    for (uint32_t i = 0; i < list->count; i++) names[i] = list->items[i].name;
    qsort(names, list->count, sizeof *names, compare_names);
    for (uint32_t i = 0; i < list->count; i++)
        if (count == 0 || strcmp(names[count - 1], names[i]) != 0) names[count++] = names[i];
    int r = print(names, count, out);
    free(names);
    return r;
}

static int relation_text(const struct property_value *value, struct str *out)
{
    return relation_any(value, out, property_words_text);
}

static int relation_json(const struct property_value *value, struct str *out)
{
    return relation_any(value, out, property_words_json);
}
const struct property_shape property_relation = { relation_text, relation_json };
