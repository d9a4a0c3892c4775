#include "base/str.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STR_FIRST_CAPACITY     ((size_t)32)
#define STRLIST_FIRST_CAPACITY ((size_t)8)

void str_done(struct str *s)
{
    free(s->data);
    *s = STR_EMPTY;
}

void str_clear(struct str *s)
{
    s->length = 0;
    if (s->data) s->data[0] = '\0';
}

void str_truncate(struct str *s, size_t length)
{
    if (length >= s->length) return;
    s->length = length;
    s->data[length] = '\0';
}

/* Makes room for `extra` more bytes and the NUL. */
static int str_reserve(struct str *s, size_t extra)
{
    size_t needed, doubled;
    if (ckd_add(&needed, s->length, extra) || ckd_add(&needed, needed, (size_t)1)) return -ENOMEM;
    if (needed <= s->capacity) return 0;
    if (ckd_mul(&doubled, s->capacity, (size_t)2)) doubled = needed;
    size_t capacity = MAX_OF(MAX_OF(doubled, needed), STR_FIRST_CAPACITY);
    char *data = realloc(s->data, capacity);
    if (!data) return -ENOMEM;
    if (!s->data) data[0] = '\0';
    s->data = data;
    s->capacity = capacity;
    return 0;
}

int str_append(struct str *s, const char *text)
{
    return str_append_bytes(s, text, strlen(text));
}

int str_append_bytes(struct str *s, const void *bytes, size_t length)
{
    int r = str_reserve(s, length);
    if (r < 0) return r;
    if (length > 0) memcpy(s->data + s->length, bytes, length);
    s->length += length;
    s->data[s->length] = '\0';
    return 0;
}

int str_append_char(struct str *s, char c)
{
    if (s->capacity - s->length < 2) {
        int r = str_reserve(s, 1);
        if (r < 0) return r;
    }
    s->data[s->length++] = c;
    s->data[s->length] = '\0';
    return 0;
}

int str_appendf(struct str *s, const char *fmt, ...)
{
    int r = str_reserve(s, 0);
    if (r < 0) return r;
    va_list args;
    va_start(args, fmt);
    size_t room = s->capacity - s->length;
    int length = vsnprintf(s->data + s->length, room, fmt, args);
    va_end(args);
    if (length >= 0 && (size_t)length < room) {
        s->length += (size_t)length;
        return 0;
    }
    s->data[s->length] = '\0'; /* the first attempt left a cut text behind */
    if (length < 0) return -ENOMEM;
    r = str_reserve(s, (size_t)length);
    if (r < 0) return r;
    va_start(args, fmt);
    (void)vsnprintf(s->data + s->length, (size_t)length + 1, fmt, args); /* its length is known by now */
    va_end(args);
    s->length += (size_t)length;
    return 0;
}

char *str_take(struct str *s)
{
    char *data = s->data;
    *s = STR_EMPTY;
    return data;
}

void strlist_done(struct strlist *list)
{
    for (size_t i = 0; i < list->count; i++) free(list->items[i]);
    free(list->items);
    *list = STRLIST_EMPTY;
}

int strlist_add(struct strlist *list, const char *text)
{
    return strlist_add_bytes(list, text, strlen(text));
}

int strlist_add_bytes(struct strlist *list, const char *text, size_t length)
{
    size_t size;
    if (ckd_add(&size, length, (size_t)1)) return -ENOMEM;
    char *copy = malloc(size);
    if (!copy) return -ENOMEM;
    if (length > 0) memcpy(copy, text, length);
    copy[length] = '\0';
    return strlist_add_take(list, copy);
}

int strlist_add_take(struct strlist *list, char *text)
{
    if (!text) return -ENOMEM;
    if (list->capacity - list->count < 2) {
        size_t capacity = MAX_OF(list->capacity * 2, STRLIST_FIRST_CAPACITY), bytes;
        char **items = ckd_mul(&bytes, capacity, sizeof *items) ? NULL : realloc(list->items, bytes);
        if (!items) {
            free(text);
            return -ENOMEM;
        }
        list->items = items;
        list->capacity = capacity;
    }
    list->items[list->count++] = text;
    list->items[list->count] = NULL;
    return 0;
}

bool strlist_contains(const struct strlist *list, const char *text)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->items[i], text) == 0) return true;
    return false;
}

bool str_starts_with(const char *text, const char *prefix)
{
    while (*prefix != '\0')
        if (*text++ != *prefix++) return false;
    return true;
}

const char *str_suffix(const char *text, const char *suffix)
{
    size_t length = strlen(text), tail = strlen(suffix);
    if (tail > length) return NULL;
    const char *begin = text + (length - tail);
    return memcmp(begin, suffix, tail) == 0 ? begin : NULL;
}

size_t utf8_decode(const unsigned char *text, size_t length, uint32_t *ret)
{
    static const uint32_t lowest[] = { 0, 0, 0x80, 0x800, 0x10000 };
    unsigned char first = text[0];
    size_t size = first < 0x80 ? 1 : first >= 0xf0 && first < 0xf8 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 0;
    if (size == 0 || size > length || first >= 0xf8) return 0;
    uint32_t point = size == 1 ? first : first & (0x7fU >> size);
    for (size_t i = 1; i < size; i++) {
        if ((text[i] & 0xc0) != 0x80) return 0;
        point = point << 6 | (text[i] & 0x3fU);
    }
    if (point < lowest[size] || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) return 0;
    *ret = point;
    return size;
}

#define ESCAPED_MAX 8 /* two bytes of a C1 control, four characters each */

/* Writes the safe form of the character that begins at `text` and its length to *ret_length. Returns how many bytes of
 * `text` it stands for. C1 controls (U+0080 to U+009F) steer terminals as well, so they are escaped byte by byte. */
static size_t escape_one(const char *text, size_t length, char out[static ESCAPED_MAX], size_t *ret_length)
{
    static const char digits[] = "0123456789abcdef";
    static const char named[] = "\a\b\t\n\v\f\r\"'\\", letters[] = "abtnvfr\"'\\";
    const unsigned char *bytes = (const unsigned char *)text;
    uint32_t point = 0;
    size_t size = utf8_decode(bytes, length, &point);

    const char *name = bytes[0] != '\0' && size == 1 ? strchr(named, text[0]) : NULL;
    if (name) {
        out[0] = '\\';
        out[1] = letters[name - named];
        *ret_length = 2;
        return 1;
    }
    if (size > 0 && point >= 0x20 && point != 0x7f && !(point >= 0x80 && point <= 0x9f)) {
        memcpy(out, text, size);
        *ret_length = size;
        return size;
    }
    if (size == 0) size = 1;
    for (size_t i = 0; i < size; i++) {
        out[4 * i] = '\\';
        out[4 * i + 1] = 'x';
        out[4 * i + 2] = digits[bytes[i] >> 4];
        out[4 * i + 3] = digits[bytes[i] & 0xf];
    }
    *ret_length = 4 * size;
    return size;
}

int str_append_escaped(struct str *s, const char *text, size_t length)
{
    size_t before = s->length;
    int r = str_reserve(s, length);
    for (size_t i = 0; r == 0 && i < length;) {
        char out[ESCAPED_MAX];
        size_t n;
        i += escape_one(text + i, length - i, out, &n);
        r = str_append_bytes(s, out, n);
    }
    if (r < 0 && s->data) {
        s->length = before;
        s->data[before] = '\0';
    }
    return r;
}

const char *str_escape(const char *text, size_t length, char *buffer, size_t size)
{
    static const char ellipsis[] = "...";
    if (size == 0) return "";
    size_t used = 0, cut = 0; /* `cut`: the last boundary after which the ellipsis still fits */
    for (size_t i = 0; i < length;) {
        char out[ESCAPED_MAX];
        size_t n;
        i += escape_one(text + i, length - i, out, &n);
        if (n >= size - used) {
            size_t dots = MIN_OF(size - 1 - cut, sizeof ellipsis - 1);
            memcpy(buffer + cut, ellipsis, dots);
            buffer[cut + dots] = '\0';
            return buffer;
        }
        memcpy(buffer + used, out, n);
        used += n;
        if (used + sizeof ellipsis <= size) cut = used;
    }
    buffer[used] = '\0';
    return buffer;
}
