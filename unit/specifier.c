#include "unit/specifier.h"

#include "base/root.h"
#include "unit/expand.h"
#include "unit/machine.h"
#include "unit/name.h"

#include <errno.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

/* What a specifier function returns besides 0 and -errno: it has no answer here. */
#define UNRESOLVED 1

typedef int specifier_fn(const struct specifier_context *context, const char *argument, struct str *out);

/* ---- names ---- */

static struct unit_name_parts name_parts(const struct specifier_context *context)
{
    return unit_name_split(context->unit_name ? context->unit_name : "");
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

/* The file itself, whatever links led to it; of an image, as it is called inside. */
static int specifier_fragment(const struct specifier_context *context, const char *argument, struct str *out)
{
    const char *path = context->fragment_path, *root = context->machine->root, *inside;
    if (!path) return UNRESOLVED;
    size_t before = out->length, length = root ? strlen(root) : 0;
    while (length > 0 && root[length - 1] == '/') length--;
    inside = length > 0 && strncmp(path, root, length) == 0 && path[length] == '/' ? path + length : path;
    int r = root_resolve(root, inside, out);
    if (r < 0 && r != -ENOMEM) r = str_append(out, inside);
    if (r < 0 || *argument == 'y') return r;
    const char *slash = strrchr(out->data + before, '/');
    if (slash) str_truncate(out, slash == out->data + before ? before + 1 : (size_t)(slash - out->data));
    return slash ? 0 : UNRESOLVED;
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

/* Does systemd put a "_" before the name of a cgroup that is called so? It could be a file of the kernel. */
static bool cgroup_name_is_taken(const char *name)
{
    static const char *const files[] = { "cgroup", "cpu",    "cpuacct", "cpuset", "io",
                                         "blkio",  "memory", "devices", "pids" };
    if (name[0] == '_' || name[0] == '.') return true;
    size_t length = strcspn(name, ".");
    for (size_t i = 0; i < COUNT_OF(files); i++)
        if (strlen(files[i]) == length && memcmp(files[i], name, length) == 0) return true;
    return false;
}

/* Where systemd would put the unit in the tree of cgroups as long as its slice is not known, which is when it reads. */
static int specifier_cgroup(const struct specifier_context *context, const char *argument UNUSED, struct str *out)
{
    const char *name = context->unit_name ? context->unit_name : "";
    return str_appendf(out, "/%s%s", cgroup_name_is_taken(name) ? "_" : "", name);
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
    return str_appendf(out, "/run/credentials/%s", context->unit_name ? context->unit_name : "");
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

static int append_answer(int r, const char *answer, struct str *out)
{
    if (r == 0) return str_append(out, answer);
    return r == -ENOMEM ? r : UNRESOLVED;
}

static int specifier_id(const struct specifier_context *context, const char *argument, struct str *out)
{
    const char *id = NULL;
    int r = *argument == 'b' ? machine_boot_id(context->machine, &id)
                             : machine_id(context->machine, environment_value(context, "container_uuid"), &id);
    return append_answer(r, id, out);
}

/* Empty when the system does not say; without an answer when it has no os-release(5). */
static int specifier_os(const struct specifier_context *context, const char *argument, struct str *out)
{
    const char *value = NULL;
    int r = machine_os_field(context->machine, argument, &value);
    return append_answer(r, value, out);
}

static int specifier_pretty_host(const struct specifier_context *context, const char *argument UNUSED, struct str *out)
{
    const char *name = NULL;
    int r = machine_pretty_name(context->machine, &name);
    return r == 0 && *name == '\0' ? specifier_host(context, "l", out) : append_answer(r, name, out);
}

/* ---- the user PID 1 runs as ---- */

/* systemd gives root the shell that it was built with, where that is installed. */
static const char *root_shell(const struct specifier_context *context)
{
    static const char shell[] = "/bin/bash";
    AUTO_STR struct str path = STR_EMPTY;
    return root_resolve(context->machine->root, shell, &path) == 0 ? shell : NULL;
}

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
        value = root ? root_shell(context) : environment_value(context, "SHELL");
        return str_append(out, value ? value : "/bin/sh");
    }
}

enum { IN_NAMES = 1 << 0, DEPRECATED = 1 << 1 };

/* clang-format off */
static const struct specifier {
    char letter;
    uint8_t flags; /* IN_NAMES: also where the value is the name of a unit. DEPRECATED: by systemd, long ago */
    specifier_fn *fn;
    const char *argument;
} specifiers[] = {
    { 'a', IN_NAMES,   specifier_architecture, "" },           { 'A', IN_NAMES,   specifier_os, "IMAGE_VERSION" },
    { 'b', IN_NAMES,   specifier_id, "b" },                    { 'B', IN_NAMES,   specifier_os, "BUILD_ID" },
    { 'c', DEPRECATED, specifier_cgroup, "" },                 { 'C', 0,          specifier_text, "/var/cache" },
    { 'd', 0,          specifier_credentials, "" },            { 'D', 0,          specifier_text, "/usr/share" },
    { 'E', 0,          specifier_text, "/etc" },               { 'f', 0,          specifier_filename, "" },
    { 'g', IN_NAMES,   specifier_user, "g" },                  { 'G', IN_NAMES,   specifier_user, "G" },
    { 'h', 0,          specifier_user, "h" },                  { 'H', IN_NAMES,   specifier_host, "H" },
    { 'i', IN_NAMES,   specifier_name, "i" },                  { 'I', 0,          specifier_name, "I" },
    { 'j', IN_NAMES,   specifier_name, "j" },                  { 'J', 0,          specifier_name, "J" },
    { 'l', IN_NAMES,   specifier_host, "l" },                  { 'L', 0,          specifier_text, "/var/log" },
    { 'm', IN_NAMES,   specifier_id, "m" },                    { 'M', IN_NAMES,   specifier_os, "IMAGE_ID" },
    { 'n', IN_NAMES,   specifier_name, "n" },                  { 'N', IN_NAMES,   specifier_name, "N" },
    { 'o', IN_NAMES,   specifier_os, "ID" },                   { 'p', IN_NAMES,   specifier_name, "p" },
    { 'P', 0,          specifier_name, "P" },                  { 'q', IN_NAMES,   specifier_pretty_host, "" },
    { 'r', DEPRECATED, specifier_text, "" },                   { 'R', DEPRECATED, specifier_text, "" },
    { 's', 0,          specifier_user, "s" },                  { 'S', 0,          specifier_text, "/var/lib" },
    { 't', 0,          specifier_text, "/run" },               { 'T', 0,          specifier_temporary, "/tmp" },
    { 'u', IN_NAMES,   specifier_user, "u" },                  { 'U', IN_NAMES,   specifier_user, "U" },
    { 'v', IN_NAMES,   specifier_host, "v" },                  { 'V', 0,          specifier_temporary, "/var/tmp" },
    { 'w', IN_NAMES,   specifier_os, "VERSION_ID" },           { 'W', IN_NAMES,   specifier_os, "VARIANT_ID" },
    { 'y', 0,          specifier_fragment, "y" },              { 'Y', 0,          specifier_fragment, "Y" },
    { '%', IN_NAMES,   specifier_text, "%" },
};
/* clang-format on */

static const struct specifier *find(const struct specifier_context *context, char letter)
{
    for (size_t i = 0; i < COUNT_OF(specifiers); i++) {
        const struct specifier *s = &specifiers[i];
        if (s->letter != letter) continue;
        bool known =
            !(context->names_only && !(s->flags & IN_NAMES)) && (context->deprecated || s->flags != DEPRECATED);
        return known ? s : NULL;
    }
    return NULL;
}

const char *specifier_deprecated(const char *text)
{
    static const struct specifier_context all = { .deprecated = true };
    while ((text = strchr(text, '%')) && text[1]) {
        const struct specifier *s = find(&all, text[1]);
        if (s && s->flags == DEPRECATED) return text;
        text += 2;
    }
    return NULL;
}

static bool could_be_specifier(char c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

/* The specifier at `percent`. UNRESOLVED: `out` is as it was. */
static int expand_one(const struct specifier_context *context, const char *percent, struct str *out)
{
    const struct specifier *s = find(context, percent[1]);
    if (!s) return could_be_specifier(percent[1]) ? UNRESOLVED : str_append_bytes(out, percent, 2);
    size_t before = out->length;
    int r = s->fn(context, s->argument, out);
    if (r == UNRESOLVED) str_truncate(out, before);
    return r;
}

int specifier_expand(const struct specifier_context *context, const char *text, size_t length, struct str *out,
                     const char **ret_unknown)
{
    struct machine own = { .root = NULL };
    struct specifier_context local = *context;
    const char *end = text + length;
    int r = 0;
    if (!local.machine) local.machine = &own;
    *ret_unknown = NULL;
    while (text < end && r == 0) {
        const char *percent = memchr(text, '%', (size_t)(end - text));
        if (!percent || percent + 1 == end) percent = end;
        r = str_append_bytes(out, text, (size_t)(percent - text));
        if (r < 0 || percent == end) break;
        r = expand_one(&local, percent, out);
        if (r == UNRESOLVED) {
            if (!*ret_unknown) *ret_unknown = percent;
            r = str_append_bytes(out, percent, 2);
        }
        text = percent + 2;
    }
    machine_done(&own);
    return r;
}
