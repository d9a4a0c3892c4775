#include "base/json.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"

/* ---- writer ---- */

static bool is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

/* The character at `text` that is not plain; returns how many bytes it has, or -ENOMEM. Go's forms, as the records of
 * the original have them: U+2028 and U+2029 are escaped too, since JavaScript once took them for ends of line. */
static int write_special(struct str *out, const char *text, size_t length)
{
    uint32_t point;
    unsigned char c = (unsigned char)text[0];
    size_t size = utf8_decode((const unsigned char *)text, length, &point);
    int r;
    if (c == '"' || c == '\\')
        r = str_appendf(out, "\\%c", c);
    else if (c == '\n')
        r = str_append(out, "\\n");
    else if (c == '\r')
        r = str_append(out, "\\r");
    else if (c == '\t')
        r = str_append(out, "\\t");
    else if (size == 0)
        r = str_append(out, "\\ufffd");
    else if (point < 0x20 || point == 0x2028 || point == 0x2029)
        r = str_appendf(out, "\\u%04" PRIx32, point);
    else
        r = str_append_bytes(out, text, size);
    return r < 0 ? r : (int)MAX_OF(size, (size_t)1);
}

static int write_quoted(struct str *out, const char *text, size_t length)
{
    int r = str_append_char(out, '"');
    for (size_t i = 0, plain; r >= 0 && i < length; i += plain) {
        for (plain = 0; i + plain < length && is_plain((unsigned char)text[i + plain]);) plain++;
        if (plain > 0) {
            r = str_append_bytes(out, text + i, plain);
            continue;
        }
        r = write_special(out, text + i, length - i);
        plain = r < 0 ? 0 : (size_t)r;
    }
    return r < 0 ? r : str_append_char(out, '"');
}

int json_write_string(struct str *out, const char *text, size_t length)
{
    size_t before = out->length;
    int r = write_quoted(out, text, length);
    if (r < 0 && out->data) {
        out->length = before;
        out->data[before] = '\0';
    }
    return r;
}

int json_write_u64(struct str *out, uint64_t value)
{
    return str_appendf(out, "%" PRIu64, value);
}

int json_write_i64(struct str *out, int64_t value)
{
    return str_appendf(out, "%" PRId64, value);
}

/* ---- trees: a struct json_value is jansson's json_t under another name ---- */

static json_t *tree(struct json_value *value)
{
    return (json_t *)value;
}

static const json_t *tree_const(const struct json_value *value)
{
    return (const json_t *)value;
}

static struct json_value *wrap(json_t *value)
{
    return (struct json_value *)value;
}

/* `text` with U+FFFD for each byte that is not UTF-8: jansson takes nothing else. */
static int append_clean(struct str *s, const char *text)
{
    int r = 0;
    for (size_t left = strlen(text), n; r == 0 && left > 0; text += n, left -= n) {
        uint32_t point;
        n = utf8_decode((const unsigned char *)text, left, &point);
        r = n > 0 ? str_append_bytes(s, text, n) : str_append(s, "\xef\xbf\xbd");
        if (n == 0) n = 1;
    }
    return r;
}

struct json_value *json_share(struct json_value *value)
{
    return wrap(json_incref(tree(value)));
}

void json_free(struct json_value *value)
{
    json_decref(tree(value));
}

struct json_value *json_object_new(void)
{
    return wrap(json_object());
}

struct json_value *json_array_new(void)
{
    return wrap(json_array());
}

struct json_value *json_string_new(const char *text)
{
    AUTO_STR struct str clean = STR_EMPTY;
    if (append_clean(&clean, text) < 0) return NULL;
    return wrap(json_stringn_nocheck(str_text(&clean), clean.length));
}

struct json_value *json_int_new(int64_t value)
{
    return wrap(json_integer(value));
}

struct json_value *json_bool_new(bool value)
{
    return wrap(json_boolean(value));
}

struct json_value *json_null_new(void)
{
    return wrap(json_null());
}

int json_object_set_take(struct json_value *object, const char *key, struct json_value *value)
{
    AUTO(json_free) struct json_value *owned = value;
    AUTO_STR struct str clean = STR_EMPTY;
    if (!owned || !json_is_object(tree(object))) return -EINVAL;
    int r = append_clean(&clean, key);
    if (r < 0) return r;
    /* The only failure left is memory; jansson drops the value then as well. */
    return json_object_set_new_nocheck(tree(object), str_text(&clean), tree(TAKE(owned))) < 0 ? -ENOMEM : 0;
}

int json_array_add_take(struct json_value *array, struct json_value *value)
{
    AUTO(json_free) struct json_value *owned = value;
    if (!owned || !json_is_array(tree(array))) return -EINVAL;
    return json_array_append_new(tree(array), tree(TAKE(owned))) < 0 ? -ENOMEM : 0;
}

int json_object_set_u64(struct json_value *object, const char *key, uint64_t value)
{
    struct json_value *number;
    char text[DECIMAL_MAX(uint64_t)];
    if (value <= INT64_MAX) {
        number = json_int_new((int64_t)value);
    } else {
        (void)snprintf(text, sizeof text, "%" PRIu64, value); /* fits: DECIMAL_MAX */
        number = json_string_new(text);
    }
    return number ? json_object_set_take(object, key, number) : -ENOMEM;
}

const struct json_value *json_get(const struct json_value *object, const char *key)
{
    return wrap(json_object_get(tree_const(object), key)); /* NULL when it is no object */
}

const char *json_get_string(const struct json_value *object, const char *key)
{
    return json_string_value(tree_const(json_get(object, key)));
}

const char *json_string_text(const struct json_value *value)
{
    return json_string_value(tree_const(value));
}

int json_get_u64(const struct json_value *object, const char *key, uint64_t *ret)
{
    const json_t *value = tree_const(json_get(object, key));
    if (!value) return -ENOENT;
    if (json_is_string(value)) return parse_u64(json_string_value(value), 0, UINT64_MAX, ret) < 0 ? -EINVAL : 0;
    if (!json_is_integer(value) || json_integer_value(value) < 0) return -EINVAL;
    *ret = (uint64_t)json_integer_value(value);
    return 0;
}

int json_get_i64(const struct json_value *object, const char *key, int64_t *ret)
{
    const json_t *value = tree_const(json_get(object, key));
    if (!value) return -ENOENT;
    if (!json_is_integer(value)) return -EINVAL;
    *ret = json_integer_value(value);
    return 0;
}

int json_get_bool(const struct json_value *object, const char *key, bool *ret)
{
    const json_t *value = tree_const(json_get(object, key));
    if (!value) return -ENOENT;
    if (!json_is_boolean(value)) return -EINVAL;
    *ret = json_is_true(value);
    return 0;
}

const char *json_object_next(const struct json_value *object, const char *key)
{
    json_t *object_tree = (json_t *)object; /* jansson's iterators may write; these do not */
    void *at = key ? json_object_iter_next(object_tree, json_object_key_to_iter(key)) : json_object_iter(object_tree);
    return at ? json_object_iter_key(at) : NULL;
}

size_t json_array_count(const struct json_value *array)
{
    return json_array_size(tree_const(array)); /* 0 when it is no array */
}

const struct json_value *json_array_at(const struct json_value *array, size_t index)
{
    return wrap(json_array_get(tree_const(array), index));
}

int json_parse(const char *text, size_t length, struct json_value **ret, char **ret_error)
{
    json_error_t error = { .line = 1, .text = "NUL byte" };
    json_t *value = NULL;
    /* jansson takes a NUL for the end of the text and would not look at what follows. */
    if (length == 0 || !memchr(text, 0, length))
        value = json_loadb(text, length, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &error);
    if (value) {
        *ret = wrap(value);
        return 0;
    }
    if (json_error_code(&error) == json_error_out_of_memory) return -ENOMEM;
    if (ret_error) {
        char message[2 * JSON_ERROR_TEXT_LENGTH];
        AUTO_STR struct str s = STR_EMPTY;
        int r = str_appendf(&s, "line %d, column %d: %s", error.line, error.column,
                            str_escape(error.text, strlen(error.text), message, sizeof message));
        *ret_error = r < 0 ? NULL : str_take(&s);
    }
    return -EINVAL;
}

char *json_print(const struct json_value *value, unsigned indent)
{
    size_t layout = indent == 0 ? JSON_COMPACT : JSON_INDENT(MIN_OF(indent, 31U)); /* 31: the most jansson does */
    return json_dumps(tree_const(value), JSON_SORT_KEYS | JSON_ENCODE_ANY | layout);
}
