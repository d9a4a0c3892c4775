#include "unit/words.h"

#include <errno.h>
#include <string.h>

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static int digit_value(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/* `count` digits of base 8 or 16 at `text`. */
static int digits_decode(const char *text, size_t count, unsigned base, uint32_t *ret)
{
    uint32_t value = 0;
    for (size_t i = 0; i < count; i++) {
        int digit = digit_value(text[i]);
        if (digit < 0 || (unsigned)digit >= base) return -EINVAL;
        value = value * base + (unsigned)digit;
    }
    *ret = value;
    return 0;
}

static size_t utf8_encode(uint32_t point, char out[static 4])
{
    if (point < 0x80) {
        out[0] = (char)point;
        return 1;
    }
    if (point < 0x800) {
        out[0] = (char)(0xc0 | point >> 6);
        out[1] = (char)(0x80 | (point & 0x3f));
        return 2;
    }
    if (point < 0x10000) {
        out[0] = (char)(0xe0 | point >> 12);
        out[1] = (char)(0x80 | (point >> 6 & 0x3f));
        out[2] = (char)(0x80 | (point & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | point >> 18);
    out[1] = (char)(0x80 | (point >> 12 & 0x3f));
    out[2] = (char)(0x80 | (point >> 6 & 0x3f));
    out[3] = (char)(0x80 | (point & 0x3f));
    return 4;
}

int escape_decode(const char *text, char out[static 4], size_t *ret_length, size_t *ret_used)
{
    static const char letters[] = "abfnrtv\\\"'s", meanings[] = "\a\b\f\n\r\t\v\\\"' ";
    if (text[0] == '\0') return -EINVAL;
    const char *letter = strchr(letters, text[0]);
    if (letter) {
        out[0] = meanings[letter - letters];
        *ret_length = *ret_used = 1;
        return 0;
    }
    uint32_t value;
    bool is_byte = text[0] != 'u' && text[0] != 'U';
    size_t prefix = text[0] == 'x' || !is_byte, count = text[0] == 'x'   ? 2
                                                        : text[0] == 'u' ? 4
                                                        : text[0] == 'U' ? 8
                                                                         : 3;
    int r = digits_decode(text + prefix, count, prefix ? 16 : 8, &value);
    if (r < 0) return r;
    if (value == 0 || (is_byte && value > 255)) return -EINVAL;
    if (!is_byte && (value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff))) return -EINVAL;
    if (is_byte)
        out[0] = (char)value, *ret_length = 1;
    else
        *ret_length = utf8_encode(value, out);
    *ret_used = prefix + count;
    return 0;
}

/* The backslash at *p: appends what it stands for and moves *p past it. */
static int word_backslash(const char **p, unsigned flags, struct str *word)
{
    const char *next = *p + 1;
    if (*next == '\0') { /* a lone one at the end stays, as in the lenient reading */
        if (!(flags & (WORD_LENIENT | WORD_KEEP_BACKSLASH))) return -EBADMSG;
        *p = next;
        return str_append_char(word, '\\');
    }
    if (flags & WORD_ESCAPES) {
        char out[4];
        size_t length, used;
        if (escape_decode(next, out, &length, &used) == 0) {
            *p = next + used;
            return str_append_bytes(word, out, length);
        }
        if (!(flags & WORD_LENIENT)) return -EBADMSG;
        *p = next + 1;
        return str_append_bytes(word, next - 1, 2);
    }
    *p = next + 1;
    if ((flags & WORD_KEEP_BACKSLASH) && *next != '"' && *next != '\'') return str_append_bytes(word, next - 1, 2);
    return str_append_char(word, *next);
}

int word_next(const char **cursor, unsigned flags, struct str *word, const char **ret_bad)
{
    const char *p = *cursor + strspn(*cursor, WORD_BLANKS), *opened = NULL;
    char quote = '\0';
    str_clear(word);
    if (*p == '\0') {
        *cursor = p;
        return 0;
    }
    while (*p != '\0' && (quote || !is_blank(*p))) {
        const char *run = p + strcspn(p, quote == '"' ? "\"\\" : quote ? "'\\" : "\"'\\" WORD_BLANKS);
        int r = run > p ? str_append_bytes(word, p, (size_t)(run - p)) : 0;
        p = run;
        if (r == 0 && *p == '\\' && (flags & WORD_PLAIN_BACKSLASH)) {
            r = str_append_char(word, *p++);
        } else if (r == 0 && *p == '\\') {
            const char *at = p;
            r = word_backslash(&p, flags, word);
            if (r == -EBADMSG && ret_bad) *ret_bad = at;
        } else if (r == 0 && (*p == '"' || *p == '\'')) {
            if (!(flags & WORD_QUOTES))
                r = str_append_char(word, *p);
            else if (quote)
                quote = '\0';
            else
                quote = *p, opened = p;
            p++;
        }
        if (r < 0) return r;
    }
    if (quote && !(flags & WORD_LENIENT)) {
        if (ret_bad) *ret_bad = opened;
        return -EINVAL;
    }
    *cursor = p + strspn(p, WORD_BLANKS);
    return 1;
}
