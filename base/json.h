/* base/json.h - JSON lines written without a tree, and trees through jansson for everything that is read or nested.
 *
 * The writer is for records on a hot path (trace): it appends to a `struct str`. Bytes that are not UTF-8 become U+FFFD
 * escapes, so a record is valid JSON whatever names contain. Only json.c includes <jansson.h>; a tree is an opaque
 * `struct json_value`. jansson has no unsigned 64 bit: values above INT64_MAX are written as a JSON number by the
 * writer, and as a decimal string member through json_object_set_u64() (read back by json_get_u64()). */
#pragma once
#include "base/attr.h"
#include "base/str.h"

/* ---- writer: 0 or -ENOMEM, and then `out` is as it was ---- */
/* With the quotes, no HTML escaping. */
MUST_CHECK int json_write_string(struct str *out, const char *text, size_t length);
MUST_CHECK int json_write_u64(struct str *out, uint64_t value);
MUST_CHECK int json_write_i64(struct str *out, int64_t value);

/* ---- trees ---- */
struct json_value;
void json_free(struct json_value *value);                /* drops one reference */
struct json_value *json_share(struct json_value *value); /* one reference more */
DEFINE_AUTO(struct json_value, json_free)
struct json_value *json_object_new(void);
struct json_value *json_array_new(void);
struct json_value *json_string_new(const char *text); /* any bytes */
struct json_value *json_int_new(int64_t value);
struct json_value *json_bool_new(bool value);
struct json_value *json_null_new(void);
/* Both take the value, also on failure. -ENOMEM, -EINVAL when value is NULL. */
MUST_CHECK int json_object_set_take(struct json_value *object, const char *key, struct json_value *value);
MUST_CHECK int json_array_add_take(struct json_value *array, struct json_value *value);
MUST_CHECK int json_object_set_u64(struct json_value *object, const char *key, uint64_t value);
/* Borrowed; NULL when absent or of another type. The numbers and booleans: -ENOENT when absent, -EINVAL when of another
 * type, and *ret is untouched. */
const struct json_value *json_get(const struct json_value *object, const char *key);
const char *json_get_string(const struct json_value *object, const char *key);
const char *json_string_text(const struct json_value *value); /* of a string; NULL when it is none */
MUST_CHECK int json_get_u64(const struct json_value *object, const char *key, uint64_t *ret);
MUST_CHECK int json_get_i64(const struct json_value *object, const char *key, int64_t *ret);
MUST_CHECK int json_get_bool(const struct json_value *object, const char *key, bool *ret);
/* The key after the one returned last, the first one for NULL: every member once, in no order. Borrowed from the
 * object; NULL at the end. */
const char *json_object_next(const struct json_value *object, const char *key);
size_t json_array_count(const struct json_value *array);
const struct json_value *json_array_at(const struct json_value *array, size_t index); /* jansson has json_array_get */
/* -EINVAL with a message in *ret_error (caller frees; may be NULL when out of memory) when the text is not one JSON
 * value, or names a key twice; -ENOMEM. `ret_error` may be NULL. */
MUST_CHECK int json_parse(const char *text, size_t length, struct json_value **ret, char **ret_error);
/* Compact when indent is 0; keys sorted. The caller frees the text; NULL when out of memory. */
char *json_print(const struct json_value *value, unsigned indent);
