/* fnmatch(3) of the static binary, for bytes: glibc's converts to wide characters and back, and costs 20 KiB with what
 * it needs for that. Only the C locale exists here.
 *
 * All of POSIX but equivalence classes and collating symbols of several characters, which the C locale has not; the
 * flags FNM_NOESCAPE, FNM_PERIOD, FNM_PATHNAME and FNM_CASEFOLD. tests/cmd/test_lean_fnmatch.c compares it with
 * glibc's. Time is bounded by the product of both lengths: only the last star is ever tried again. */
#include <fnmatch.h>
#include <stddef.h>
#include <string.h>

#include "base/attr.h"

static int fold(unsigned char c, int flags)
{
    return flags & FNM_CASEFOLD && c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
}

static bool is_within(int c, int first, int last)
{
    return c >= first && c <= last;
}

static bool is_in_class(int c, const char *name, size_t length)
{
    static const struct {
        const char *name, *ranges; /* pairs of first and last */
    } classes[] = {
        { "alnum", "09AZaz" },   { "alpha", "AZaz" },   { "blank", "\t\t  " }, { "cntrl", "\001\037\177\177" },
        { "digit", "09" },       { "graph", "!~" },     { "lower", "az" },     { "print", " ~" },
        { "punct", "!/:@[`{~" }, { "space", "\t\r  " }, { "upper", "AZ" },     { "xdigit", "09AFaf" },
    };
    for (size_t i = 0; i < COUNT_OF(classes); i++) {
        if (strlen(classes[i].name) != length || memcmp(classes[i].name, name, length) != 0) continue;
        for (const char *range = classes[i].ranges; *range; range += 2)
            if (is_within(c, range[0], range[1])) return true;
        return false;
    }
    return false;
}

/* One element of a bracket expression at `*p`: a character, [.x.] or [=x=]. Moves on. */
static int element(const char **p, int flags)
{
    const char *at = *p;
    if (at[0] == '[' && (at[1] == '.' || at[1] == '=') && at[2] && at[3] == at[1] && at[4] == ']') {
        *p += 5;
        return (unsigned char)at[2];
    }
    if (*at == '\\' && !(flags & FNM_NOESCAPE) && at[1]) at++;
    *p = at + 1;
    return (unsigned char)*at;
}

/* Where a bracket expression that begins at `p` ends, or NULL: then its "[" is a character like others. */
static const char *bracket_end(const char *p, int flags)
{
    p++;
    if (*p == '!' || *p == '^') p++;
    for (bool first = true; *p && (first || *p != ']'); first = false) {
        const char *close = p[0] == '[' && (p[1] == ':' || p[1] == '.' || p[1] == '=')
                                ? strstr(p + 2, (char[]){ p[1], ']', '\0' })
                                : NULL;
        if (close)
            p = close + 2;
        else if (*p == '\\' && !(flags & FNM_NOESCAPE) && p[1])
            p += 2;
        else if (*p == '/' && flags & FNM_PATHNAME)
            return NULL;
        else
            p++;
    }
    return *p == ']' ? p : NULL;
}

static bool bracket_matches(const char *p, const char *end, unsigned char byte, int flags)
{
    bool negated = *++p == '!' || *p == '^', found = false;
    int c = fold(byte, flags);
    if (negated) p++;
    while (p < end) {
        if (p[0] == '[' && p[1] == ':') {
            const char *close = strstr(p + 2, ":]");
            if (close && close < end) {
                size_t length = (size_t)(close - p - 2);
                found |= is_in_class(byte, p + 2, length) || (flags & FNM_CASEFOLD && is_in_class(c, p + 2, length));
                p = close + 2;
                continue;
            }
        }
        int first = fold((unsigned char)element(&p, flags), flags), last = first;
        if (p[0] == '-' && p + 1 < end) {
            p++;
            last = fold((unsigned char)element(&p, flags), flags);
        }
        found |= is_within(c, first, last);
    }
    return found != negated;
}

/* One character of the pattern against one byte; *next is what follows in the pattern. */
static bool one_matches(const char *p, unsigned char byte, int flags, const char **next)
{
    *next = p + 1;
    if (*p == '?') return !(byte == '/' && flags & FNM_PATHNAME);
    if (*p == '[') {
        const char *end = bracket_end(p, flags);
        if (end) {
            *next = end + 1;
            return !(byte == '/' && flags & FNM_PATHNAME) && bracket_matches(p, end, byte, flags);
        }
    }
    if (*p == '\\' && !(flags & FNM_NOESCAPE)) {
        if (!p[1]) return false;
        *next = ++p + 1;
    }
    return fold((unsigned char)*p, flags) == fold(byte, flags);
}

/* A period that begins the text, or a component of a path, is matched by a period only. */
static bool is_hidden(const char *text, const char *at, int flags)
{
    if (!(flags & FNM_PERIOD) || *at != '.') return false;
    return at == text || (flags & FNM_PATHNAME && at[-1] == '/');
}

int fnmatch(const char *pattern, const char *text, int flags)
{
    const char *star = NULL, *retry = NULL, *at = text, *next;
    for (;;) {
        if (*pattern == '*') {
            if (is_hidden(text, at, flags)) return FNM_NOMATCH;
            while (*pattern == '*') pattern++;
            star = pattern;
            retry = at;
            continue;
        }
        bool special = *pattern == '?' || *pattern == '[';
        if (*at == '\0' && *pattern == '\0') return 0;
        if (*at && *pattern && !(special && is_hidden(text, at, flags)) &&
            one_matches(pattern, (unsigned char)*at, flags, &next)) {
            pattern = next;
            at++;
            continue;
        }
        if (!star || *retry == '\0' || (*retry == '/' && flags & FNM_PATHNAME)) return FNM_NOMATCH;
        pattern = star;
        at = ++retry;
    }
}
