#include "unit/condition.h"

#include <string.h>

#include "unit/words.h"

bool condition_find(const char *directive, size_t length, enum condition_kind *ret_kind, bool *ret_is_assert)
{
    static const char *const forms[] = { "Condition", "Assert" };
    for (size_t form = 0; form < COUNT_OF(forms); form++) {
        size_t head = strlen(forms[form]);
        if (length < head || memcmp(directive, forms[form], head) != 0) continue;
        for (enum condition_kind kind = 0; kind < CONDITION_KIND_COUNT; kind++) {
            const char *name = condition_kind_name(kind);
            if (strlen(name) != length - head || memcmp(directive + head, name, length - head) != 0) continue;
            *ret_kind = kind;
            *ret_is_assert = form == 1;
            return true;
        }
    }
    return false;
}

bool condition_takes_path(enum condition_kind kind)
{
    enum { PATH = true, TEXT = false };
    static const bool takes_path[] = {
#define X(enumerator, text, parameter) [CONDITION_##enumerator] = (parameter),
        CONDITIONS(X)
#undef X
    };
    return takes_path[kind];
}

const char *condition_read_prefixes(const char *text, struct condition *c)
{
    const char *blanks = condition_takes_path(c->kind) ? "" : WORD_BLANKS;
    c->trigger = *text == '|';
    if (c->trigger) text += 1 + strspn(text + 1, blanks);
    c->negate = *text == '!';
    if (c->negate) text += 1 + strspn(text + 1, blanks);
    return text;
}

void condition_simplify_path(char *path)
{
    char *out = path;
    for (const char *in = path; *in;) {
        in += strspn(in, "/");
        size_t length = strcspn(in, "/");
        if (length == 0 || (length == 1 && *in == '.')) {
            in += length;
            continue;
        }
        *out++ = '/';
        memmove(out, in, length);
        out += length;
        in += length;
    }
    if (out == path) *out++ = '/';
    *out = '\0';
}
