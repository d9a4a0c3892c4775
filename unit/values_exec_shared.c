#include "unit/values_exec.h"

#include "base/arena.h"
#include "base/parse.h"
#include "unit/words.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <strings.h>

#define QUOTED_MAX 160
#define ERRNO_MAX  4095

/* ---- reports ---- */

void exec_fatal(struct parse *p, const struct value *value, const char *code, const char *what)
{
    char quoted[QUOTED_MAX];
    enum severity severity = p->context->native && p->lenient ? DIAG_WARNING : DIAG_ERROR;
    parse_report(p, severity, value, 0, code, NULL, "'%s' is not %s",
                 str_escape(value->text, value->length, quoted, sizeof quoted), what);
}

void exec_bad_word(struct parse *p, const struct value *value, size_t offset, const char *word, const char *code,
                   const char *what)
{
    char quoted[QUOTED_MAX];
    enum severity severity = p->context->native && !p->lenient ? DIAG_ERROR : DIAG_WARNING;
    parse_report(p, severity, value, offset, code, NULL, "'%s' is not %s",
                 str_escape(word, strlen(word), quoted, sizeof quoted), what);
}

int exec_expand(struct parse *p, const struct value *value, size_t offset, const char *text, struct str *out)
{
    const char *unknown;
    if (p->context->native) return parse_specifiers(p, value, offset, text, out);
    str_clear(out);
    int r = specifier_expand(&p->specifiers, text, strlen(text), out, &unknown);
    return r < 0 ? r : !unknown;
}

/* ---- words ---- */

int exec_word(struct parse *p, const struct value *value, const char **cursor, unsigned flags, size_t *ret_offset)
{
    const char *bad = NULL;
    *ret_offset = (size_t)(*cursor - value->text);
    int r = word_next(cursor, flags, &p->word, &bad);
    if (r != -EINVAL && r != -EBADMSG) return r;
    enum severity severity = p->context->native && !p->lenient ? DIAG_ERROR : DIAG_WARNING;
    parse_report(p, severity, value, (size_t)(bad - value->text), r == -EINVAL ? "bad-quoting" : "bad-escape", NULL,
                 r == -EINVAL ? "quote without its end" : "unknown escape sequence");
    return -EBADMSG;
}

static bool is_separator(char c, unsigned flags)
{
    return c == ':' || (c != '\0' && (flags & SPLIT_BLANKS) && strchr(WORD_BLANKS, c));
}

static int split_backslash(const char **p, unsigned flags, struct str *part)
{
    const char *next = *p + 1;
    char bytes[4];
    size_t length = 1, used = 1;
    if (*next == '\0') return -EINVAL;
    bytes[0] = *next;
    if ((flags & SPLIT_ESCAPES) && *next != ':' && escape_decode(next, bytes, &length, &used) < 0) return -EINVAL;
    *p = next + used;
    return str_append_bytes(part, bytes, length);
}

int exec_split(const char **cursor, unsigned flags, struct str *part, bool *ret_colon)
{
    const char *p = *cursor;
    char quote = '\0';
    str_clear(part);
    if (flags & SPLIT_BLANKS) p += strspn(p, WORD_BLANKS);
    if (flags & SPLIT_COALESCE) p += strspn(p, ":");
    *ret_colon = false;
    if (*p == '\0') {
        *cursor = p;
        return 0;
    }
    while (*p != '\0' && (quote || !is_separator(*p, flags))) {
        int r = 0;
        if (*p == '\\')
            r = split_backslash(&p, flags, part);
        else if ((flags & SPLIT_QUOTES) && (quote ? *p == quote : *p == '"' || *p == '\''))
            quote = (char)(quote ? '\0' : *p), p++;
        else
            r = str_append_char(part, *p++);
        if (r < 0) return r;
    }
    if (quote) return -EINVAL;
    *ret_colon = *p == ':';
    if (*p != '\0') p++;
    *cursor = p;
    return 1;
}

int exec_word_index(const char *const *words, const char *word)
{
    for (int i = 0; words[i]; i++)
        if (strcmp(words[i], word) == 0 && strcmp(word, "-") != 0) return i;
    return -1;
}

int exec_word_index_case(const char *const *words, const char *word)
{
    for (int i = 0; words[i]; i++)
        if (strcasecmp(words[i], word) == 0 && strcmp(word, "-") != 0) return i;
    return -1;
}

int64_t exec_word_or_number(const char *const *words, const char *word, uint32_t max)
{
    uint64_t number;
    int index = exec_word_index(words, word);
    if (index >= 0) return index;
    return parse_integer(word, max, &number) == 0 ? (int64_t)number : -1;
}

/* ---- paths ---- */

bool exec_path_check(struct parse *p, const struct value *value, size_t offset, char *path, enum exec_path_kind kind)
{
    bool absolute = kind == PATH_ABSOLUTE;
    if ((*path == '/') == absolute && strlen(path) < PATH_MAX) {
        path_simplify(path);
        if (*path != '\0' && path_is_normalized(path) && (!absolute || path_is_usable(path))) return true;
    }
    exec_bad_word(p, value, offset, path, "bad-path",
                  absolute ? "an absolute path without '..'" : "a relative path without '.' and '..'");
    return false;
}

int exec_path(struct parse *p, const struct value *value, size_t offset, const char *text, enum exec_path_kind kind)
{
    int r = parse_specifiers(p, value, offset, text, &p->scratch);
    if (r <= 0) return r;
    if (p->scratch.data) return exec_path_check(p, value, offset, p->scratch.data, kind);
    char empty[1] = "";
    return exec_path_check(p, value, offset, empty, kind);
}

/* ---- encodings ---- */

static int base64_digit(char c)
{
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

int exec_base64(const char *text, struct str *out)
{
    uint32_t group = 0;
    unsigned digits = 0, padding = 0;
    for (; *text != '\0'; text++) {
        if (strchr(WORD_BLANKS, *text)) continue;
        int digit = base64_digit(*text);
        bool pads = *text == '=' && digits >= 2;
        if ((digit < 0 && !pads) || (digit >= 0 && padding > 0)) return -EINVAL;
        padding += pads;
        group = group << 6 | (pads ? 0 : (uint32_t)digit);
        if (++digits < 4) continue;
        const char bytes[] = { (char)(group >> 16), (char)(group >> 8), (char)group };
        if ((padding == 1 && (group & 0xff)) || (padding == 2 && (group & 0xffff))) return -EINVAL;
        int r = str_append_bytes(out, bytes, 3 - padding);
        if (r < 0) return r;
        group = 0, digits = 0;
        if (padding > 0) return text[1 + strspn(text + 1, WORD_BLANKS)] == '\0' ? 0 : -EINVAL;
    }
    return digits == 0 ? 0 : -EINVAL;
}

int exec_unescape(const char *text, struct str *out)
{
    int r = 0;
    while (r == 0 && *text != '\0') {
        size_t run = strcspn(text, "\\"), length, used;
        char bytes[4];
        r = str_append_bytes(out, text, run);
        text += run;
        if (r < 0 || *text == '\0') break;
        if (escape_decode(text + 1, bytes, &length, &used) < 0) return -EINVAL;
        text += 1 + used;
        r = str_append_bytes(out, bytes, length);
    }
    return r;
}

/* ---- names ---- */

const char *exec_errno_name(int number)
{
    return number > 0 ? strerrorname_np(number) : NULL;
}

int exec_errno(const char *text)
{
    static const struct word_value aliases[] = { { "EWOULDBLOCK", EWOULDBLOCK },
                                                 { "EDEADLOCK", EDEADLOCK },
                                                 { "ENOTSUP", ENOTSUP } };
    uint64_t number;
    if (parse_integer(text, ERRNO_MAX, &number) == 0) return (int)number;
    for (size_t i = 0; i < COUNT_OF(aliases); i++)
        if (strcasecmp(text, aliases[i].word) == 0) return aliases[i].value;
    for (int i = 1; i < 256; i++) {
        const char *name = exec_errno_name(i);
        if (name && strcasecmp(name, text) == 0) return i;
    }
    return -EINVAL;
}

bool exec_variable_name(const char *name, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        char c = name[i];
        bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
        if (!letter && (i == 0 || c < '0' || c > '9')) return false;
    }
    return length > 0;
}

int exec_keep_bytes(struct parse *p, const void *bytes, size_t size, struct byte_string *ret)
{
    *ret = (struct byte_string){ 0 };
    if (size == 0) return 0;
    ret->bytes = arena_memdup(p->arena, bytes, size);
    ret->size = (uint32_t)size;
    return ret->bytes ? 0 : -ENOMEM;
}
