/* base/str.h - a growable byte string, and a growable list of owned strings. */
#pragma once
#include "base/attr.h"
#include <stdarg.h>

/* Embedded; STR_EMPTY is valid. `data` is NULL or carries a NUL after `length` bytes. */
struct str {
    char *data;
    size_t length, capacity;
};
#define STR_EMPTY ((struct str){ NULL, 0, 0 })
#define AUTO_STR  __attribute__((cleanup(str_done)))
void str_done(struct str *s);
void str_clear(struct str *s);                   /* keeps the memory */
void str_truncate(struct str *s, size_t length); /* to at most so many bytes */
/* All return 0 or -ENOMEM and leave the string as it was on error. */
MUST_CHECK int str_append(struct str *s, const char *text);
MUST_CHECK int str_append_bytes(struct str *s, const void *bytes, size_t length);
MUST_CHECK int str_append_char(struct str *s, char c);
MUST_CHECK PRINTF(2, 3) int str_appendf(struct str *s, const char *fmt, ...);
/* Hands the memory out; the string is empty afterwards. NULL only when it held nothing. */
char *str_take(struct str *s);
static inline const char *str_text(const struct str *s)
{
    return s->data ? s->data : "";
}

/* A list of owned strings, NULL-terminated at all times once it is not empty (fit for execve(2)). */
struct strlist {
    char **items;
    size_t count, capacity;
};
#define STRLIST_EMPTY ((struct strlist){ NULL, 0, 0 })
#define AUTO_STRLIST  __attribute__((cleanup(strlist_done)))
void strlist_done(struct strlist *list);
MUST_CHECK int strlist_add(struct strlist *list, const char *text);
MUST_CHECK int strlist_add_bytes(struct strlist *list, const char *text, size_t length);
/* Takes ownership of a malloc'ed string, also on failure. */
MUST_CHECK int strlist_add_take(struct strlist *list, char *text);
bool strlist_contains(const struct strlist *list, const char *text);

static inline bool str_equal(const char *a, const char *b)
{
    return a == b || (a && b && __builtin_strcmp(a, b) == 0);
}
bool str_starts_with(const char *text, const char *prefix);
/* NULL when `text` does not end so, else where the suffix begins. */
const char *str_suffix(const char *text, const char *suffix);
/* Bytes of the UTF-8 sequence that begins at `text`, its code point in *ret; 0 when there is no valid one (RFC 3629:
 * overlong forms, surrogates and everything above U+10FFFF are not). `length` is at least 1. */
size_t utf8_decode(const unsigned char *text, size_t length, uint32_t *ret);
/* Appends `text` with control bytes, quotes, backslashes and invalid UTF-8 as C escapes: safe on a terminal and in a
 * one-line message, for text that came from files or peers. */
MUST_CHECK int str_append_escaped(struct str *s, const char *text, size_t length);
/* The same into a fixed buffer for messages, cut with "..." when it does not fit; returns `buffer`. */
const char *str_escape(const char *text, size_t length, char *buffer, size_t size);
