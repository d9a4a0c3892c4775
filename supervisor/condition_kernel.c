#include "supervisor/condition_tests.h"

#include <errno.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/utsname.h>

#include "base/fd.h"
#include "base/parse.h"
#include "base/str.h"
#include "base/version.h"
#include "pid1/place.h"
#include "supervisor/condition_facts.h"
#include "supervisor/virtualization.h"
#include "unit/words.h"

#define SYSTEMD_VERSION "257" /* whose directives are known here */
/* The C library that PID 1 was built with; what the image has is not known. */
#define TEXT_OF(macro)  TEXT_OF_(macro)
#define TEXT_OF_(token) #token
#if defined(__GLIBC__)
#define GLIBC_VERSION TEXT_OF(__GLIBC__) "." TEXT_OF(__GLIBC_MINOR__)
#else
#define GLIBC_VERSION ""
#endif

/* ---- versions ---- */

void condition_names(const struct condition_context *context, struct utsname *ret)
{
    if (uname(ret) < 0) memset(ret, 0, sizeof *ret); /* cannot fail */
    if (context->release) (void)snprintf(ret->release, sizeof ret->release, "%s", context->release);
    if (context->machine) (void)snprintf(ret->machine, sizeof ret->machine, "%s", context->machine);
    if (context->hostname) (void)snprintf(ret->nodename, sizeof ret->nodename, "%s", context->hostname);
}

int condition_word(const char **cursor, struct str *word)
{
    int r = word_next(cursor, WORD_QUOTES, word, NULL);
    return r == -EBADMSG ? -EINVAL : r;
}

int condition_compare_all(const char *have, const char *expressions)
{
    AUTO_STR struct str word = STR_EMPTY;
    for (bool first = true;; first = false) {
        int r = condition_word(&expressions, &word);
        if (r <= 0) return r < 0 ? r : 1;
        const char *want = str_text(&word);
        enum compare op = compare_read(&want, true);
        if (op == COMPARE_NONE) op = COMPARE_MATCH;
        want += strspn(want, WORD_BLANKS);
        if (*want == '\0') {
            /* Once, the version may be a word of its own. */
            r = first ? condition_word(&expressions, &word) : 0;
            if (r <= 0) return r < 0 ? r : -EINVAL;
            want = str_text(&word);
        }
        if (!compare_versions(op, have, want)) return 0;
    }
}

int condition_kernel_version(const struct condition_context *context, const struct condition *c)
{
    struct utsname names;
    condition_names(context, &names);
    return condition_compare_all(names.release, c->parameter);
}

/* "[kernel|systemd|glibc] EXPRESSION..." */
int condition_version(const struct condition_context *context, const struct condition *c)
{
    struct utsname names;
    condition_names(context, &names);
    const struct {
        const char *name, *version;
    } components[] = {
        { "systemd", SYSTEMD_VERSION },
        { "glibc", GLIBC_VERSION },
        { "kernel", names.release },
    };
    const char *expressions = c->parameter + strspn(c->parameter, WORD_BLANKS);
    size_t length = strcspn(expressions, WORD_BLANKS);
    for (size_t i = 0; i < COUNT_OF(components); i++)
        if (strlen(components[i].name) == length && strncmp(expressions, components[i].name, length) == 0)
            return condition_compare_all(components[i].version, expressions + length);
    return condition_compare_all(names.release, expressions);
}

/* ---- the kernel and what it was told ---- */

int condition_kernel_command_line(const struct condition_context *context, const struct condition *c)
{
    return fact_command_line_has(context, c->parameter);
}

/* A module that is built in has no state. */
int condition_kernel_module_loaded(const struct condition_context *context, const struct condition *c)
{
    AUTO_STR struct str path = STR_EMPTY;
    char state[16];
    if (*c->parameter == '\0' || *c->parameter == '.' || strchr(c->parameter, '/')) return -EINVAL;
    int r = str_appendf(&path, "/sys/module/%s", c->parameter);
    for (size_t i = strlen("/sys/module/"); r == 0 && i < path.length; i++)
        if (path.data[i] == '-') path.data[i] = '_'; /* the kernel's spelling */
    if (r < 0 || !fact_exists(context, str_text(&path))) return r;
    r = str_append(&path, "/initstate");
    if (r == 0) r = fact_read(context, str_text(&path), state, sizeof state);
    if (r < 0) return r == -ENOENT ? 1 : r;
    return strcmp(state, "live") == 0;
}

/* A name without case, or a number. -1: none. */
static int find_capability(const char *text)
{
    uint64_t number;
    if (parse_integer(text, 63, &number) == 0) return (int)number;
    for (unsigned i = 0; pid1_cap_name(i); i++)
        if (strcasecmp(text, pid1_cap_name(i)) == 0) return (int)i;
    return -1;
}

int condition_capability(const struct condition_context *context, const struct condition *c)
{
    AUTO_STR struct str status = STR_EMPTY;
    static const char key[] = "\nCapBnd:", digits[] = "0123456789abcdef";
    int capability = find_capability(c->parameter);
    if (capability < 0) return -EINVAL;
    int r = fact_read_all(context, "/proc/self/status", &status);
    const char *at = r == 0 ? strstr(str_text(&status), key) : NULL;
    if (!at) return r < 0 ? r : -ENODATA;
    at += strlen(key);
    uint64_t mask = 0;
    for (at += strspn(at, " \t"); *at && strchr(digits, *at); at++)
        mask = mask << 4 | (uint64_t)(strchr(digits, *at) - digits);
    return (int)(mask >> capability & 1);
}

/* ---- ConditionSecurity= ---- */

static int has_apparmor(const struct condition_context *context)
{
    char text[16];
    bool enabled;
    return fact_read(context, "/sys/module/apparmor/parameters/enabled", text, sizeof text) > 0 &&
           parse_bool(text, &enabled) == 0 && enabled;
}

/* Outside of the initial user namespace the kernel refuses to talk about it. */
static int has_audit(const struct condition_context *context)
{
    AUTO_FD struct fd fd = fd_own(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_AUDIT));
    return fd_is_open(&fd) && virtualization_user_namespace(context) == 0;
}

/* The variable's value follows four bytes of attributes. What a container sees of it is the host's. */
static int has_secure_boot(const struct condition_context *context)
{
    static const char path[] = "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c";
    AUTO_STR struct str value = STR_EMPTY;
    return !virtualization_container(context) && fact_read_all(context, path, &value) == 0 && value.length == 5 &&
           value.data[4] == 1;
}

static int has_tpm2(const struct condition_context *context)
{
    return !virtualization_container(context) && fact_exists(context, "/sys/class/tpmrm") &&
           fact_exists(context, "/sys/firmware/acpi/tables/TPM2");
}

int condition_security(const struct condition_context *context, const struct condition *c)
{
    static const struct {
        const char *name, *path; /* which exists, or: */
        int (*has)(const struct condition_context *context);
    } technologies[] = {
        { "selinux", "/sys/fs/selinux/enforce", NULL },
        { "smack", "/sys/fs/smackfs", NULL },
        { "tomoyo", "/sys/kernel/security/tomoyo/version", NULL },
        { "ima", "/sys/kernel/security/ima", NULL },
        { "apparmor", NULL, has_apparmor },
        { "audit", NULL, has_audit },
        { "uefi-secureboot", NULL, has_secure_boot },
        { "tpm2", NULL, has_tpm2 },
    };
    for (size_t i = 0; i < COUNT_OF(technologies); i++) {
        if (strcmp(c->parameter, technologies[i].name) != 0) continue;
        return technologies[i].has ? technologies[i].has(context) : fact_exists(context, technologies[i].path);
    }
    return 0;
}

/* ---- ConditionVirtualization= ---- */

int condition_virtualization(const struct condition_context *context, const struct condition *c)
{
    bool want;
    if (strcmp(c->parameter, "private-users") == 0) return virtualization_user_namespace(context);
    const char *container = virtualization_container(context);
    const char *name = container ? container : virtualization_machine(context);
    if (parse_bool(c->parameter, &want) == 0) return want == (name != NULL);
    if (strcmp(c->parameter, "container") == 0) return container != NULL;
    if (strcmp(c->parameter, "vm") == 0) return !container && name;
    return name && strcmp(c->parameter, name) == 0;
}

/* ---- ConditionControlGroupController= ---- */

struct controller {
    const char *name;
    uint8_t versions; /* bit 0: of the older hierarchies, bit 1: of the unified one */
};
static const struct controller controllers[] = {
    { "cpu", 3 },
    { "cpuacct", 1 },
    { "cpuset", 2 },
    { "io", 2 },
    { "blkio", 1 },
    { "memory", 3 },
    { "devices", 1 },
    { "pids", 3 },
    { "bpf-firewall", 0 },
    { "bpf-devices", 0 },
    { "bpf-foreign", 0 },
    { "bpf-socket-bind", 0 },
    { "bpf-restrict-network-interfaces", 0 },
};

static const struct controller *find_controller(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(controllers); i++)
        if (strcmp(name, controllers[i].name) == 0) return &controllers[i];
    return NULL;
}

/* `version` is fact_cgroup_version()'s. 1, 0 or -errno. */
static int has_controller(const struct condition_context *context, const struct controller *controller, int version)
{
    AUTO_STR struct str list = STR_EMPTY, word = STR_EMPTY;
    if (!(controller->versions >> (version - 1) & 1)) return 0;
    if (version == 1) {
        int r = str_appendf(&list, "/sys/fs/cgroup/%s", controller->name);
        return r < 0 ? r : fact_exists(context, str_text(&list));
    }
    int r = fact_read_all(context, "/sys/fs/cgroup/cgroup.controllers", &list);
    const char *cursor = str_text(&list);
    while (r == 0 && (r = word_next(&cursor, WORD_LENIENT, &word, NULL)) > 0) {
        if (strcmp(str_text(&word), controller->name) == 0) return 1;
        r = 0;
    }
    return r;
}

/* Names that are none are left out, as in systemd. */
int condition_control_group_controller(const struct condition_context *context, const struct condition *c)
{
    AUTO_STR struct str word = STR_EMPTY;
    int version = fact_cgroup_version(context), r;
    if (version < 0) return version;
    if (strcmp(c->parameter, "v2") == 0) return version == 2;
    if (strcmp(c->parameter, "v1") == 0) return version == 1;
    for (const char *cursor = c->parameter; (r = word_next(&cursor, 0, &word, NULL)) > 0;) {
        const struct controller *controller = find_controller(str_text(&word));
        r = controller ? has_controller(context, controller, version) : 1;
        if (r <= 0) return r;
    }
    return r < 0 ? r : 1;
}

/* ---- ConditionMemoryPressure=, ConditionCPUPressure=, ConditionIOPressure= ---- */

/* "10.25" as hundredths, at most `max_decimals` decimals. */
static int parse_hundredths(const char *text, size_t length, size_t max_decimals, uint32_t *ret)
{
    uint32_t value = 0;
    size_t decimals = 0, digits = 0;
    bool dot = false;
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '.' && !dot && digits > 0) {
            dot = true;
            continue;
        }
        if (text[i] < '0' || text[i] > '9' || (dot && decimals == max_decimals)) return -EINVAL;
        if (value > UINT32_MAX / 1000) return -ERANGE;
        value = value * 10 + (uint32_t)(text[i] - '0');
        dot ? decimals++ : digits++;
    }
    if (digits == 0 || (dot && decimals == 0)) return -EINVAL;
    for (; decimals < 2; decimals++) value *= 10;
    *ret = value;
    return 0;
}

/* Splits `text` at `separator`, both parts without blanks around them; separators at the ends do not count, nor does a
 * third part. 1: `first` only, 2: both. -EINVAL, -ENOMEM. */
static int split_at(const char *text, char separator, struct str *first, struct str *second)
{
    const char separators[] = { separator, '\0' };
    struct str *parts[] = { first, second };
    int n = 0;
    for (text += strspn(text, separators); *text && n < 2; text += strspn(text, separators)) {
        size_t length = strcspn(text, separators), begin = MIN_OF(strspn(text, WORD_BLANKS), length), end = length;
        while (end > begin && strchr(WORD_BLANKS, text[end - 1])) end--;
        int r = str_append_bytes(parts[n++], text + begin, end - begin);
        if (r < 0) return r;
        text += length;
    }
    return n > 0 ? n : -EINVAL;
}

/* "a-b.slice" lies in "a.slice/a-b.slice". `path` gets "/" and that. */
static int append_slice_path(const char *slice, struct str *path)
{
    const char *suffix = str_suffix(slice, ".slice");
    if (strcmp(slice, "-.slice") == 0) return 0;
    if (!suffix || suffix == slice || *slice == '-' || suffix[-1] == '-' || strstr(slice, "--") || strchr(slice, '/') ||
        strchr(slice, '@'))
        return -EINVAL;
    int r = 0;
    for (const char *dash = strchr(slice, '-'); r == 0 && dash && dash < suffix; dash = strchr(dash + 1, '-'))
        r = str_appendf(path, "/%.*s.slice", (int)(dash - slice), slice);
    return r < 0 ? r : str_appendf(path, "/%s", slice);
}

static const struct pressure {
    enum condition_kind kind;
    const char *resource, *controller;
} pressures[] = {
    { CONDITION_CPU_PRESSURE, "cpu", "cpu" },
    { CONDITION_IO_PRESSURE, "io", "io" },
    { CONDITION_MEMORY_PRESSURE, "memory", "memory" },
};

/* The file that tells: of the system, or of a slice below the cgroup we were put into. 1, 0 where it cannot be told
 * for good reason, -errno. */
static int pressure_path(const struct condition_context *context, const struct pressure *pressure, const char *slice,
                         struct str *path)
{
    if (!slice) {
        int r = str_appendf(path, "/proc/pressure/%s", pressure->resource);
        return r < 0 ? r : 1;
    }
    AUTO_STR struct str own = STR_EMPTY;
    int version = fact_cgroup_version(context);
    int r = version == 2 ? has_controller(context, find_controller(pressure->controller), 2) : MIN_OF(version, 0);
    if (r <= 0) return r;
    r = fact_own_cgroup(context, NULL, &own);
    if (r < 0) return r;
    const char *scope = str_suffix(str_text(&own), "/init.scope");
    size_t length = scope ? (size_t)(scope - str_text(&own)) : own.length;
    if (length == 1) length = 0;
    r = str_appendf(path, "/sys/fs/cgroup%.*s", (int)length, str_text(&own));
    if (r == 0) r = append_slice_path(slice, path);
    if (r == 0) r = str_appendf(path, "/%s.pressure", pressure->resource);
    return r < 0 ? r : 1;
}

/* The average behind `key`, in hundredths: in the "full" line, or the "some" line where there is no other. All tasks
 * never wait for a CPU at once: of that, systemd looks at "some". */
static int read_average(const char *text, enum condition_kind kind, const char *key, uint32_t *ret)
{
    const char *line = strstr(text, "full ");
    if (!line || kind == CONDITION_CPU_PRESSURE) line = strstr(text, "some ");
    const char *at = line ? strstr(line, key) : NULL;
    if (!at) return -ENODATA;
    at += strlen(key);
    return parse_hundredths(at, strcspn(at, WORD_BLANKS), 2, ret);
}

/* systemd takes what begins with one of these. */
static const char *average_key(const char *span)
{
    static const char *const spans[][2] = { { "10sec", " avg10=" }, { "1min", " avg60=" }, { "5min", " avg300=" } };
    for (size_t i = 0; i < COUNT_OF(spans); i++)
        if (str_starts_with(span, spans[i][0])) return spans[i][1];
    return NULL;
}

int condition_pressure(const struct condition_context *context, const struct condition *c)
{
    AUTO_STR struct str first = STR_EMPTY, second = STR_EMPTY, limit = STR_EMPTY, span = STR_EMPTY, path = STR_EMPTY;
    uint32_t want, have;
    char text[512];
    size_t i = 0;
    while (pressures[i].kind != c->kind) i++;
    if (!fact_exists(context, "/proc/pressure")) return 1; /* a kernel that does not measure */
    int n = split_at(c->parameter, ':', &first, &second);
    if (n < 0) return n;
    int r = pressure_path(context, &pressures[i], n == 2 ? str_text(&first) : NULL, &path);
    if (r <= 0) return r < 0 ? r : 1;
    r = split_at(n == 2 ? str_text(&second) : str_text(&first), '/', &limit, &span);
    const char *key = r == 2 ? average_key(str_text(&span)) : " avg300=";
    if (r < 0 || !key) return r < 0 ? r : -EINVAL;
    r = parse_permyriad(str_text(&limit), &want);
    if (r == 0 && want > 10000) r = -ERANGE;
    if (r == 0) r = fact_read(context, str_text(&path), text, sizeof text);
    if (r < 0) return r == -ENOENT ? 1 : r;
    r = read_average(text, c->kind, key, &have);
    return r < 0 ? r : have <= want;
}
