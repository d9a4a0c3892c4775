#include "unit/specifier.h"

#include "unit/environment_file.h"
#include "unit/expand.h"
#include "unit/name.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#define SMALL_FILE_MAX 16384

/* What a specifier function returns besides 0 and -errno: it has no answer here. */
#define UNRESOLVED 1

typedef int specifier_fn(const struct specifier_context *context, const char *argument, struct str *out);

/* ---- names ---- */

static struct unit_name_parts name_parts(const struct specifier_context *context)
{
    return unit_name_split(context->unit_name ? context->unit_name : "");
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int append_part(const char *text, size_t length, bool unescape, struct str *out)
{
    if (!unescape) return str_append_bytes(out, text, length);
    int r = unit_name_unescape(text, length, out);
    return r == -EINVAL ? UNRESOLVED : r;
}

/* `argument` is the letter; its upper case asks for the unescaped form. */
static int specifier_name(const struct specifier_context *context, const char *argument, struct str *out)
{
    struct unit_name_parts parts = name_parts(context);
    bool unescape = *argument >= 'A' && *argument <= 'Z';
    switch (*argument | 0x20) {
    case 'i':
        return parts.instance ? append_part(parts.instance, parts.instance_length, unescape, out) : 0;
    case 'j': {
        const char *dash = memrchr(parts.prefix, '-', parts.prefix_length);
        const char *begin = dash ? dash + 1 : parts.prefix;
        return append_part(begin, (size_t)(parts.prefix + parts.prefix_length - begin), unescape, out);
    }
    case 'p':
        return append_part(parts.prefix, parts.prefix_length, unescape, out);
    default:
        return str_append_bytes(out, parts.prefix,
                                unescape ? (size_t)(parts.suffix - parts.prefix) : strlen(parts.prefix));
    }
}

static int specifier_filename(const struct specifier_context *context, const char *argument UNUSED, struct str *out)
{
    struct unit_name_parts parts = name_parts(context);
    int r = parts.instance ? unit_name_unescape_path(parts.instance, parts.instance_length, out)
                           : unit_name_unescape_path(parts.prefix, parts.prefix_length, out);
    return r == -EINVAL ? UNRESOLVED : r;
}

static int specifier_fragment(const struct specifier_context *context, const char *argument, struct str *out)
{
    const char *path = context->fragment_path;
    if (!path) return UNRESOLVED;
    if (*argument == 'y') return str_append(out, path);
    const char *slash = strrchr(path, '/');
    if (!slash) return str_append(out, ".");
    return str_append_bytes(out, path, slash == path ? 1 : (size_t)(slash - path));
}

/* ---- the machine ---- */

static const char *environment_value(const struct specifier_context *context, const char *name)
{
    return expand_lookup_environ(name, strlen(name), (void *)(uintptr_t)context->environment);
}

static int specifier_text(const struct specifier_context *context UNUSED, const char *argument, struct str *out)
{
    return str_append(out, argument);
}

/* %T and %V: $TMPDIR, $TEMP or $TMP, where it is an absolute path. */
static int specifier_temporary(const struct specifier_context *context, const char *argument, struct str *out)
{
    static const char *const names[] = { "TMPDIR", "TEMP", "TMP" };
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        const char *value = environment_value(context, names[i]);
        if (value && value[0] == '/') return str_append(out, value);
    }
    return str_append(out, argument);
}

static int specifier_credentials(const struct specifier_context *context, const char *argument UNUSED, struct str *out)
{
    return str_appendf(out, "/run/credentials/%s", context->unit_name);
}

static int specifier_host(const struct specifier_context *context, const char *argument, struct str *out)
{
    struct utsname names;
    const char *host = context->hostname;
    if (*argument == 'v' || *argument == 'a' || !host) {
        if (uname(&names) < 0) return UNRESOLVED;
        host = *argument == 'v' ? names.release : names.nodename;
    }
    if (*argument != 'l') return str_append(out, host);
    return str_append_bytes(out, host, strcspn(host, "."));
}

static int specifier_architecture(const struct specifier_context *context UNUSED, const char *argument UNUSED,
                                  struct str *out)
{
    static const struct {
        const char *machine, *name;
    } table[] = {
        { "x86_64", "x86-64" },
        { "i686", "x86" },
        { "i586", "x86" },
        { "i486", "x86" },
        { "i386", "x86" },
        { "aarch64", "arm64" },
        { "armv7l", "arm" },
        { "armv6l", "arm" },
        { "armv8l", "arm" },
        { "ppc64le", "ppc64-le" },
        { "ppc64", "ppc64" },
        { "ppcle", "ppc-le" },
        { "loongarch64", "loongarch64" },
    };
    struct utsname names;
    if (uname(&names) < 0) return UNRESOLVED;
    for (size_t i = 0; i < COUNT_OF(table); i++)
        if (strcmp(table[i].machine, names.machine) == 0) return str_append(out, table[i].name);
    return str_append(out, names.machine); /* riscv64, s390x, mips64: the same word */
}

/* A regular file's first bytes; a FIFO or a device in its place is not waited for. */
static ssize_t read_small_file(const char *path, char *buffer, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) return -errno;
    struct stat st;
    ssize_t n = fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) ? -1 : read(fd, buffer, size - 1);
    (void)close(fd); /* read-only: nothing can be lost */
    if (n >= 0) buffer[n] = '\0';
    return n;
}

/* %b and %m: 32 hexadecimal digits, dashes dropped. */
static int specifier_id(const struct specifier_context *context UNUSED, const char *argument, struct str *out)
{
    static const char *const boot[] = { "/proc/sys/kernel/random/boot_id", NULL };
    static const char *const machine[] = { "/etc/machine-id", "/var/lib/dbus/machine-id", NULL };
    char text[64] = { 0 }, id[33];
    for (const char *const *path = *argument == 'b' ? boot : machine; *path; path++) {
        ssize_t length = read_small_file(*path, text, sizeof text);
        size_t n = 0;
        for (ssize_t i = 0; i < length && n < 32; i++)
            if (hex_digit(text[i]) >= 0) id[n++] = text[i];
        if (n == 32) return str_append_bytes(out, id, n);
    }
    return UNRESOLVED;
}

/* A field of an os-release(5) style file: empty when it is not set. UNRESOLVED when there is no such file. */
static int append_field(const char *const *paths, const char *field, struct str *out)
{
    char text[SMALL_FILE_MAX];
    for (; *paths; paths++) {
        ssize_t n = read_small_file(*paths, text, sizeof text);
        if (n < 0) continue;
        AUTO_STRLIST struct strlist fields = STRLIST_EMPTY;
        int r = environment_file_parse(text, (size_t)n, &fields, NULL);
        if (r == -ENOMEM) return r;
        const char *value = expand_lookup_environ(field, strlen(field), fields.items);
        return value ? str_append(out, value) : 0;
    }
    return UNRESOLVED;
}

static int specifier_os(const struct specifier_context *context UNUSED, const char *argument, struct str *out)
{
    static const char *const paths[] = { "/etc/os-release", "/usr/lib/os-release", NULL };
    return append_field(paths, argument, out);
}

static int specifier_pretty_host(const struct specifier_context *context, const char *argument UNUSED, struct str *out)
{
    static const char *const paths[] = { "/etc/machine-info", NULL };
    size_t before = out->length;
    int r = append_field(paths, "PRETTY_HOSTNAME", out);
    if (r < 0 || (r == 0 && out->length > before)) return r;
    return specifier_host(context, "l", out);
}

/* ---- the user PID 1 runs as ---- */

static int specifier_user(const struct specifier_context *context, const char *argument, struct str *out)
{
    uid_t uid = context->ids_given ? context->uid : geteuid();
    gid_t gid = context->ids_given ? context->gid : getegid();
    bool root = uid == 0;
    const char *value = NULL;
    switch (*argument) {
    case 'U':
        return str_appendf(out, "%ju", (uintmax_t)uid);
    case 'G':
        return str_appendf(out, "%ju", (uintmax_t)gid);
    case 'g':
        return gid == 0 ? str_append(out, "root") : str_appendf(out, "%ju", (uintmax_t)gid);
    case 'u':
        value = root ? "root" : environment_value(context, "USER");
        return value ? str_append(out, value) : str_appendf(out, "%ju", (uintmax_t)uid);
    case 'h':
        value = root ? "/root" : environment_value(context, "HOME");
        return str_append(out, value ? value : "/");
    default:
        value = root ? NULL : environment_value(context, "SHELL");
        return str_append(out, value ? value : "/bin/sh");
    }
}

/* clang-format off */
static const struct specifier {
    char letter;
    specifier_fn *fn;
    const char *argument;
} specifiers[] = {
    { 'n', specifier_name, "n" },          { 'N', specifier_name, "N" },          { 'p', specifier_name, "p" },
    { 'P', specifier_name, "P" },          { 'i', specifier_name, "i" },          { 'I', specifier_name, "I" },
    { 'j', specifier_name, "j" },          { 'J', specifier_name, "J" },          { 'f', specifier_filename, "" },
    { 'y', specifier_fragment, "y" },      { 'Y', specifier_fragment, "Y" },      { 't', specifier_text, "/run" },
    { 'S', specifier_text, "/var/lib" },   { 'C', specifier_text, "/var/cache" }, { 'L', specifier_text, "/var/log" },
    { 'E', specifier_text, "/etc" },       { 'T', specifier_temporary, "/tmp" },  { 'V', specifier_temporary, "/var/tmp" },
    { 'd', specifier_credentials, "" },    { 'H', specifier_host, "H" },          { 'l', specifier_host, "l" },
    { 'v', specifier_host, "v" },          { 'q', specifier_pretty_host, "" },    { 'a', specifier_architecture, "" },
    { 'b', specifier_id, "b" },            { 'm', specifier_id, "m" },            { 'o', specifier_os, "ID" },
    { 'w', specifier_os, "VERSION_ID" },   { 'W', specifier_os, "VARIANT_ID" },   { 'B', specifier_os, "BUILD_ID" },
    { 'M', specifier_os, "IMAGE_ID" },     { 'A', specifier_os, "IMAGE_VERSION" }, { 'u', specifier_user, "u" },
    { 'U', specifier_user, "U" },          { 'g', specifier_user, "g" },          { 'G', specifier_user, "G" },
    { 'h', specifier_user, "h" },          { 's', specifier_user, "s" },          { '%', specifier_text, "%" },
};
/* clang-format on */

int specifier_expand(const struct specifier_context *context, const char *text, size_t length, struct str *out,
                     const char **ret_unknown)
{
    const char *end = text + length;
    *ret_unknown = NULL;
    while (text < end) {
        const char *percent = memchr(text, '%', (size_t)(end - text));
        if (!percent || percent + 1 == end) return str_append_bytes(out, text, (size_t)(end - text));
        int r = str_append_bytes(out, text, (size_t)(percent - text));
        if (r < 0) return r;
        r = UNRESOLVED;
        for (size_t i = 0; i < COUNT_OF(specifiers); i++)
            if (specifiers[i].letter == percent[1]) {
                size_t before = out->length;
                r = specifiers[i].fn(context, specifiers[i].argument, out);
                if (r == UNRESOLVED) out->length = before;
                break;
            }
        if (r == UNRESOLVED) {
            if (!*ret_unknown) *ret_unknown = percent;
            r = str_append_bytes(out, percent, 2);
        }
        if (r < 0) return r;
        text = percent + 2;
    }
    return 0;
}
