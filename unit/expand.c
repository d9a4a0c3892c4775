#include "unit/expand.h"

#include "unit/words.h"

#include <errno.h>
#include <string.h>

/* Deeper nesting of defaults counts as an opening without its end; it bounds the work on hostile text. */
#define NESTING_MAX 64

static size_t name_span(const char *text)
{
    size_t n = 0;
    while ((text[n] >= 'A' && text[n] <= 'Z') || (text[n] >= 'a' && text[n] <= 'z') || text[n] == '_' ||
           (n > 0 && text[n] >= '0' && text[n] <= '9'))
        n++;
    return n;
}

const char *expand_lookup_environ(const char *name, size_t length, void *userdata)
{
    char *const *environment = userdata;
    const char *found = NULL;
    for (; environment && *environment; environment++)
        if (strncmp(*environment, name, length) == 0 && (*environment)[length] == '=')
            found = *environment + length + 1;
    return found;
}

/* The "}" that ends the "${" whose inside begins at `text`, or NULL. */
static const char *closing_brace(const char *text)
{
    size_t depth = 1;
    for (const char *p = text; *p != '\0'; p++) {
        if (*p == '$' && p[1] == '$') {
            p++;
        } else if (*p == '$' && p[1] == '{') {
            if (++depth > NESTING_MAX) return NULL;
            p++;
        } else if (*p == '}' && --depth == 0) {
            return p;
        }
    }
    return NULL;
}

static int append_value(const char *value, const char *name, size_t length, struct str *out, struct strlist *ret_unset)
{
    if (value) return str_append(out, value);
    return ret_unset ? strlist_add_bytes(ret_unset, name, length) : 0;
}

/* The "${" at *cursor, which `end` closes. Defaults are read in place: the caller goes on inside one that is wanted,
 * and counts in *depth the closing braces it must then drop. */
static int expand_braces(const char **cursor, const char *end, size_t *depth, expand_lookup *lookup, void *userdata,
                         struct str *out, struct strlist *ret_unset)
{
    const char *name = *cursor + 2;
    size_t length = name_span(name);
    const char *after = name + length;
    if (length > 0 && after == end) {
        *cursor = end + 1;
        return append_value(lookup(name, length, userdata), name, length, out, ret_unset);
    }
    if (length > 0 && after[0] == ':' && after[1] == '-') {
        const char *value = lookup(name, length, userdata);
        if (value && *value != '\0') {
            *cursor = end + 1;
            return str_append(out, value);
        }
        *cursor = after + 2;
        (*depth)++;
        return 0;
    }
    const char *begin = *cursor; /* not a variable: stays as written, whatever is in it */
    *cursor = end + 1;
    return str_append_bytes(out, begin, (size_t)(end + 1 - begin));
}

int expand_load(const char *text, expand_lookup *lookup, void *userdata, struct str *out, struct strlist *ret_unset)
{
    size_t depth = 0;
    const char *p = text;
    while (*p != '\0') {
        size_t plain = strcspn(p, depth > 0 ? "$}" : "$");
        int r = plain > 0 ? str_append_bytes(out, p, plain) : 0;
        p += plain;
        if (r < 0) return r;
        if (*p == '\0') break;
        if (*p == '}') {
            depth--, p++;
        } else if (p[1] == '$') {
            r = str_append_char(out, '$');
            p += 2;
        } else if (p[1] != '{') {
            r = str_append_char(out, *p++);
        } else {
            const char *end = closing_brace(p + 2);
            if (!end) return str_append(out, p);
            r = expand_braces(&p, end, &depth, lookup, userdata, out, ret_unset);
        }
        if (r < 0) return r;
    }
    return 0;
}

/* "$NAME" as a word of its own: the value's words, none when it is unset. */
static int expand_split(const char *name, size_t length, expand_lookup *lookup, void *userdata, struct strlist *out,
                        struct strlist *ret_unset)
{
    const char *value = lookup(name, length, userdata);
    if (!value) return ret_unset ? strlist_add_bytes(ret_unset, name, length) : 0;
    AUTO_STR struct str word = STR_EMPTY;
    int r;
    while ((r = word_next(&value, WORD_QUOTES | WORD_LENIENT, &word, NULL)) > 0) {
        r = strlist_add(out, str_text(&word));
        if (r < 0) return r;
    }
    return r;
}

int expand_command(const char *const *argv, size_t argc, expand_lookup *lookup, void *userdata, struct strlist *out,
                   struct strlist *ret_unset)
{
    AUTO_STR struct str word = STR_EMPTY;
    for (size_t i = 0; i < argc; i++) {
        const char *text = argv[i];
        size_t length = text[0] == '$' ? name_span(text + 1) : 0;
        int r;
        if (length > 0 && text[1 + length] == '\0') {
            r = expand_split(text + 1, length, lookup, userdata, out, ret_unset);
        } else {
            str_clear(&word);
            r = expand_load(text, lookup, userdata, &word, ret_unset);
            if (r == 0) r = strlist_add(out, str_text(&word));
        }
        if (r < 0) return r;
    }
    return 0;
}
