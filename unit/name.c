#include "unit/name.h"

#include "base/siphash.h"
#include "base/str.h"

#include <errno.h>
#include <string.h>

#define ALPHANUMERIC  "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
#define NAME_BYTES    ALPHANUMERIC ":-_.\\"
#define PATTERN_BYTES NAME_BYTES "@[]!*?"

static const char *const suffixes[] = { ".service", ".socket", ".target", ".device", ".mount", ".automount",
                                        ".swap",    ".timer",  ".path",   ".slice",  ".scope" };

bool unit_suffix_is_valid(const char *suffix)
{
    for (size_t i = 0; i < COUNT_OF(suffixes); i++)
        if (strcmp(suffix, suffixes[i]) == 0) return true;
    return false;
}

bool unit_instance_is_valid(const char *instance)
{
    return *instance != '\0' && instance[strspn(instance, NAME_BYTES "@")] == '\0';
}

struct unit_name_parts unit_name_split(const char *name)
{
    const char *end = name + strlen(name), *dot = memrchr(name, '.', (size_t)(end - name));
    struct unit_name_parts parts = { .prefix = name, .suffix = dot ? dot : end };
    const char *at = memchr(name, '@', (size_t)(parts.suffix - name));
    parts.prefix_length = (size_t)((at ? at : parts.suffix) - name);
    if (at) {
        parts.instance = at + 1;
        parts.instance_length = (size_t)(parts.suffix - parts.instance);
    }
    return parts;
}

enum unit_name_form unit_name_form(const char *name)
{
    if (strnlen(name, UNIT_NAME_MAX + 1) > UNIT_NAME_MAX) return UNIT_NAME_INVALID;
    struct unit_name_parts parts = unit_name_split(name);
    if (parts.prefix_length == 0 || !unit_suffix_is_valid(parts.suffix)) return UNIT_NAME_INVALID;
    if (name[strspn(name, NAME_BYTES "@")] != '\0') return UNIT_NAME_INVALID;
    if (!parts.instance) return UNIT_NAME_PLAIN;
    return parts.instance_length == 0 ? UNIT_NAME_TEMPLATE : UNIT_NAME_INSTANCE;
}

bool unit_name_is_valid(const char *name)
{
    return unit_name_form(name) != UNIT_NAME_INVALID;
}

const char *unit_name_stem(const char *name, size_t *ret_length)
{
    *ret_length = (size_t)(unit_name_split(name).suffix - name);
    return name;
}

/* ---- templates and instances ---- */

/* Of what was appended at `before`: a valid name? */
static int checked(const struct str *out, size_t before, enum unit_name_form form)
{
    return unit_name_form(str_text(out) + before) == form ? 0 : -EINVAL;
}

int unit_name_instantiate(const char *name, const char *instance, struct str *out)
{
    struct unit_name_parts parts = unit_name_split(name);
    if (!parts.instance || !unit_name_is_valid(name) || !unit_instance_is_valid(instance)) return -EINVAL;
    size_t before = out->length;
    int r = str_append_bytes(out, name, parts.prefix_length + 1);
    if (r == 0) r = str_append(out, instance);
    if (r == 0) r = str_append(out, parts.suffix);
    return r < 0 ? r : checked(out, before, UNIT_NAME_INSTANCE);
}

int unit_name_template(const char *name, struct str *out)
{
    struct unit_name_parts parts = unit_name_split(name);
    if (!parts.instance || !unit_name_is_valid(name)) return -EINVAL;
    int r = str_append_bytes(out, name, parts.prefix_length + 1);
    return r < 0 ? r : str_append(out, parts.suffix);
}

/* ---- escaping ---- */

static int append_hex(struct str *out, char c)
{
    return str_appendf(out, "\\x%02x", (unsigned)(unsigned char)c);
}

int unit_name_escape(const char *text, struct str *out)
{
    int r = 0;
    for (const char *c = text; *c != '\0' && r == 0; c++) {
        bool plain = *c != '-' && *c != '\\' && !(*c == '.' && c == text) && strchr(NAME_BYTES, *c);
        if (*c == '/')
            r = str_append_char(out, '-');
        else
            r = plain ? str_append_char(out, *c) : append_hex(out, *c);
    }
    return r;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int unit_name_unescape(const char *text, size_t length, struct str *out)
{
    bool ended = false;
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        if (c == '-') {
            c = '/';
        } else if (c == '\\') {
            if (length - i < 4 || text[i + 1] != 'x') return -EINVAL;
            int high = hex_digit(text[i + 2]), low = hex_digit(text[i + 3]);
            if (high < 0 || low < 0) return -EINVAL;
            c = (char)(unsigned char)(high * 16 + low);
            i += 3;
        }
        ended |= c == '\0';
        int r = ended ? 0 : str_append_char(out, c);
        if (r < 0) return r;
    }
    return 0;
}

/* The components of a path, joined by one "/" each, without "." among them. */
static int append_components(const char *path, struct str *out)
{
    size_t before = out->length;
    int r = 0;
    for (const char *p = path + strspn(path, "/"); *p != '\0' && r == 0; p += strspn(p, "/")) {
        size_t n = strcspn(p, "/");
        if (n > NAME_MAX || (n == 2 && p[0] == '.' && p[1] == '.')) return -EINVAL;
        if (n > 1 || p[0] != '.') {
            r = out->length > before ? str_append_char(out, '/') : 0;
            if (r == 0) r = str_append_bytes(out, p, n);
        }
        p += n;
    }
    if (r < 0) return r;
    return out->length - before + (path[0] == '/') >= PATH_MAX ? -EINVAL : 0;
}

int unit_name_escape_path(const char *path, struct str *out)
{
    AUTO_STR struct str simple = STR_EMPTY;
    int r = append_components(path, &simple);
    if (r < 0) return r;
    if (simple.length > 0) return unit_name_escape(str_text(&simple), out);
    return path[0] == '\0' || path[0] == '/' ? str_append_char(out, '-') : -EINVAL;
}

int unit_name_unescape_path(const char *text, size_t length, struct str *out)
{
    size_t before = out->length;
    if (length == 0) return -EINVAL;
    int r = str_append_char(out, '/');
    if (r < 0 || (length == 1 && text[0] == '-')) return r;
    r = unit_name_unescape(text, length, out);
    if (r < 0) return r;
    AUTO_STR struct str simple = STR_EMPTY;
    r = append_components(out->data + before, &simple);
    if (r < 0) return r;
    return strcmp(str_text(&simple), out->data + before + 1) == 0 ? 0 : -EINVAL;
}

/* ---- paths ---- */

/* Of a name that is too long, the end gives way to what the whole hashes to, under the key that systemd uses: both must
 * arrive at the same name for a path. */
static int shorten(const char *suffix, size_t before, struct str *out)
{
    static const uint64_t key[2] = { 0x324a3258fb37f2ec, 0x9aeb210d9b069f84 };
    uint64_t hash = siphash24(out->data + before, out->length - before + 1, key);
    str_truncate(out, before + UNIT_NAME_MAX - strlen(suffix) - 2 * sizeof hash - 1);
    return str_appendf(out, "_%016jx%s", (uintmax_t)__builtin_bswap64(hash), suffix);
}

int unit_name_from_path(const char *path, const char *suffix, struct str *out)
{
    size_t before = out->length;
    if (!unit_suffix_is_valid(suffix)) return -EINVAL;
    int r = unit_name_escape_path(path, out);
    if (r == 0) r = str_append(out, suffix);
    if (r < 0) return r;
    r = out->length - before > UNIT_NAME_MAX ? shorten(suffix, before, out) : 0;
    if (r < 0) return r;
    return checked(out, before, UNIT_NAME_PLAIN);
}

int unit_name_to_path(const char *name, struct str *out)
{
    struct unit_name_parts parts = unit_name_split(name);
    return unit_name_is_valid(name) ? unit_name_unescape_path(name, parts.prefix_length, out) : -EINVAL;
}

/* ---- mangling ---- */

/* 1 when the path has a name, which then was appended; 0 when not, -ENOMEM. */
static int mangle_path(const char *path, struct str *out)
{
    AUTO_STR struct str simple = STR_EMPTY;
    size_t before = out->length;
    int r = append_components(path, &simple);
    if (r == 0) {
        const char *text = str_text(&simple);
        bool device = str_starts_with(text, "dev/") || str_starts_with(text, "sys/");
        r = unit_name_from_path(path, device ? ".device" : ".mount", out);
    }
    if (r == 0) return 1;
    str_truncate(out, before);
    return r == -EINVAL ? 0 : r;
}

int unit_name_mangle(const char *text, const char *suffix, bool globs, struct str *out)
{
    bool pattern = globs && strpbrk(text, "*?[");
    size_t before = out->length;
    if (*text == '\0' || !unit_suffix_is_valid(suffix)) return -EINVAL;
    if (unit_name_is_valid(text) || (pattern && text[strspn(text, PATTERN_BYTES)] == '\0'))
        return str_append(out, text);
    int r = text[0] == '/' ? mangle_path(text, out) : 0;
    if (r != 0) return MIN_OF(r, 0);
    for (const char *c = text; *c != '\0' && r == 0; c++) {
        if (*c == '/')
            r = str_append_char(out, '-');
        else
            r = strchr(pattern ? PATTERN_BYTES : NAME_BYTES "@", *c) ? str_append_char(out, *c) : append_hex(out, *c);
    }
    if (r == 0 && !pattern && !unit_name_is_valid(out->data + before)) r = str_append(out, suffix);
    if (r < 0 || pattern) return r;
    return unit_name_is_valid(out->data + before) ? 0 : -EINVAL;
}
