#include "supervisor/condition_tests.h"

#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#endif

#include "base/parse.h"
#include "base/str.h"
#include "base/version.h"
#include "supervisor/condition_facts.h"
#include "supervisor/virtualization.h"
#include "unit/words.h"

/* ---- ConditionArchitecture= ---- */

/* uname(2) as in the kernel's UTS_MACHINE, and systemd's words. */
static const struct {
    char machine[12], word[11];
} architectures[] = {
    /* clang-format off */
    { "x86_64", "x86-64" },  { "i686", "x86" },       { "i586", "x86" },       { "i486", "x86" },
    { "i386", "x86" },       { "ppc64", "ppc64" },    { "ppc64le", "ppc64-le" }, { "ppc", "ppc" },
    { "ppcle", "ppc-le" },   { "ia64", "ia64" },      { "parisc64", "parisc64" }, { "parisc", "parisc" },
    { "s390x", "s390x" },    { "s390", "s390" },      { "sparc64", "sparc64" }, { "sparc", "sparc" },
    { "alpha", "alpha" },    { "aarch64", "arm64" },  { "aarch64_be", "arm64-be" },
    { "sh5", "sh64" },       { "sh2", "sh" },         { "sh2a", "sh" },        { "sh3", "sh" },
    { "sh4", "sh" },         { "sh4a", "sh" },        { "m68k", "m68k" },      { "tilegx", "tilegx" },
    { "cris", "cris" },      { "crisv32", "cris" },   { "nios2", "nios2" },    { "riscv32", "riscv32" },
    { "riscv64", "riscv64" }, { "arc", "arc" },       { "arceb", "arc-be" },   { "loongarch64", "loongarch64" },
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ /* the kernel has one name for both */
    { "mips64", "mips64-le" }, { "mips", "mips-le" },
#else
    { "mips64", "mips64" },  { "mips", "mips" },
#endif
    /* clang-format on */
};

/* NULL when the machine has no word. */
static const char *architecture_of(const char *machine)
{
    for (size_t i = 0; i < COUNT_OF(architectures); i++)
        if (strcmp(machine, architectures[i].machine) == 0) return architectures[i].word;
    if (!str_starts_with(machine, "arm")) return NULL; /* armv7l, armv5tejl, armv8b */
    return machine[strlen(machine) - 1] == 'b' ? "arm-be" : "arm";
}

static const char native_architecture[] =
#if defined(__x86_64__)
    "x86-64";
#elif defined(__i386__)
    "x86";
#elif defined(__aarch64__)
    "arm64";
#elif defined(__arm__)
    "arm";
#elif defined(__riscv) && __riscv_xlen == 64
    "riscv64";
#elif defined(__powerpc64__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    "ppc64-le";
#elif defined(__s390x__)
    "s390x";
#else
    "";
#endif

int condition_architecture(const struct condition_context *context, const struct condition *c)
{
    struct utsname names;
    condition_names(context, &names);
    const char *have = architecture_of(names.machine);
    return have && strcmp(have, strcmp(c->parameter, "native") == 0 ? native_architecture : c->parameter) == 0;
}

/* ---- ConditionCPUs=, ConditionMemory= ---- */

/* The operator in front, ">=" without one, and what follows it. */
static enum compare read_operator(const char **text)
{
    enum compare op = compare_read(text, false);
    *text += strspn(*text, WORD_BLANKS);
    return op == COMPARE_NONE ? COMPARE_GREATER_OR_EQUAL : op;
}

static int three_way(uint64_t have, uint64_t want)
{
    return (have > want) - (have < want);
}

static unsigned cpus_of_affinity(void)
{
    /* The kernel refuses a set that is smaller than its own. */
    for (size_t count = 1024; count <= (size_t)1 << 18; count *= 2) {
        cpu_set_t *set = CPU_ALLOC(count);
        if (!set) return 0;
        size_t size = CPU_ALLOC_SIZE(count);
        int r = sched_getaffinity(0, size, set) < 0 ? errno : 0, n = r == 0 ? CPU_COUNT_S(size, set) : 0;
        CPU_FREE(set);
        if (r != EINVAL) return (unsigned)n;
    }
    return 0;
}

int condition_cpus(const struct condition_context *context, const struct condition *c)
{
    const char *text = c->parameter;
    enum compare op = read_operator(&text);
    uint64_t want;
    int r = parse_integer(text, UINT32_MAX, &want);
    if (r < 0) return r;
    unsigned have = context->cpus > 0 ? context->cpus : cpus_of_affinity();
    return have == 0 ? -ENODATA : compare_order(op, three_way(have, want));
}

/* The lowest limit from our cgroup to the root of what is mounted, in bytes. */
static int cgroup_memory(const struct condition_context *context, uint64_t *ret)
{
    bool unified = fact_cgroup_version(context) == 2;
    AUTO_STR struct str path = STR_EMPTY, own = STR_EMPTY;
    char text[64];
    const char *base = unified ? "/sys/fs/cgroup" : "/sys/fs/cgroup/memory";
    int r = fact_own_cgroup(context, unified ? NULL : "memory", &own);
    if (r < 0 && r != -ENODATA && r != -ENOENT) return r;
    for (;;) {
        str_clear(&path);
        r = str_appendf(&path, "%s%s/%s", base, str_text(&own), unified ? "memory.max" : "memory.limit_in_bytes");
        uint64_t limit;
        if (r == 0 && fact_read(context, str_text(&path), text, sizeof text) > 0 &&
            parse_u64(text, 0, UINT64_MAX, &limit) == 0) /* "max" is no number */
            *ret = MIN_OF(*ret, limit);
        char *slash = own.length > 0 ? strrchr(own.data, '/') : NULL;
        if (r < 0 || !slash) return r;
        *slash = '\0';
        own.length = (size_t)(slash - own.data);
    }
}

int condition_memory(const struct condition_context *context, const struct condition *c)
{
    const char *text = c->parameter;
    enum compare op = read_operator(&text);
    uint64_t want, have = context->memory_bytes;
    struct sysinfo info;
    int r = *text == '-' ? -ERANGE : parse_size(text, &want);
    if (r < 0) return r;
    if (have == 0 && sysinfo(&info) < 0) return -errno;
    if (have == 0) have = (uint64_t)info.totalram * info.mem_unit;
    r = cgroup_memory(context, &have);
    return r == -ENOMEM ? r : compare_order(op, three_way(have, want));
}

/* ---- ConditionCPUFeature= ---- */

#if defined(__x86_64__) || defined(__i386__)
enum { EAX, EBX, ECX, EDX };
static const struct feature {
    char name[13];
    uint8_t leaf, reg, bit; /* leaf: index into `leaves` */
} features[] = {
    /* clang-format off */
    { "fpu", 0, EDX, 0 },      { "vme", 0, EDX, 1 },     { "de", 0, EDX, 2 },       { "pse", 0, EDX, 3 },
    { "tsc", 0, EDX, 4 },      { "msr", 0, EDX, 5 },     { "pae", 0, EDX, 6 },      { "mce", 0, EDX, 7 },
    { "cx8", 0, EDX, 8 },      { "apic", 0, EDX, 9 },    { "sep", 0, EDX, 11 },     { "mtrr", 0, EDX, 12 },
    { "pge", 0, EDX, 13 },     { "mca", 0, EDX, 14 },    { "cmov", 0, EDX, 15 },    { "pat", 0, EDX, 16 },
    { "pse36", 0, EDX, 17 },   { "clflush", 0, EDX, 19 }, { "mmx", 0, EDX, 23 },    { "fxsr", 0, EDX, 24 },
    { "sse", 0, EDX, 25 },     { "sse2", 0, EDX, 26 },   { "ht", 0, EDX, 28 },      { "pni", 0, ECX, 0 },
    { "pclmul", 0, ECX, 1 },   { "monitor", 0, ECX, 3 }, { "ssse3", 0, ECX, 9 },    { "fma3", 0, ECX, 12 },
    { "cx16", 0, ECX, 13 },    { "sse4_1", 0, ECX, 19 }, { "sse4_2", 0, ECX, 20 },  { "movbe", 0, ECX, 22 },
    { "popcnt", 0, ECX, 23 },  { "aes", 0, ECX, 25 },    { "xsave", 0, ECX, 26 },   { "osxsave", 0, ECX, 27 },
    { "avx", 0, ECX, 28 },     { "f16c", 0, ECX, 29 },   { "rdrand", 0, ECX, 30 },  { "bmi1", 1, EBX, 3 },
    { "avx2", 1, EBX, 5 },     { "bmi2", 1, EBX, 8 },    { "rdseed", 1, EBX, 18 },  { "adx", 1, EBX, 19 },
    { "sha_ni", 1, EBX, 29 },  { "syscall", 2, EDX, 11 }, { "rdtscp", 2, EDX, 27 }, { "lm", 2, EDX, 29 },
    { "lahf_lm", 2, ECX, 0 },  { "abm", 2, ECX, 5 },     { "constant_tsc", 3, EDX, 8 },
    /* clang-format on */
};

int condition_cpu_feature(const struct condition_context *context UNUSED, const struct condition *c)
{
    static const unsigned leaves[] = { 1, 7, 0x80000001U, 0x80000007U };
    for (size_t i = 0; i < COUNT_OF(features); i++) {
        const struct feature *f = &features[i];
        unsigned r[4];
        if (strcasecmp(c->parameter, f->name) != 0) continue;
        return __get_cpuid_count(leaves[f->leaf], 0, &r[EAX], &r[EBX], &r[ECX], &r[EDX]) && (r[f->reg] >> f->bit & 1);
    }
    return 0;
}
#else
int condition_cpu_feature(const struct condition_context *context UNUSED, const struct condition *c UNUSED)
{
    return 0; /* as in systemd: only these processors have the instruction that is asked */
}
#endif

/* ---- ConditionACPower= ---- */

/* Counts what a power supply in /sys says. A battery of a mouse does not power the machine. */
static void look_at_supply(const struct condition_context *context, const char *name, bool *known, bool *online)
{
    AUTO_STR struct str path = STR_EMPTY;
    char type[32], state[32];
    if (str_appendf(&path, "/sys/class/power_supply/%s/type", name) < 0) return;
    if (fact_read(context, str_text(&path), type, sizeof type) <= 0 || strcmp(type, "Battery") == 0) return;
    str_clear(&path);
    if (str_appendf(&path, "/sys/class/power_supply/%s/online", name) < 0) return;
    if (fact_read(context, str_text(&path), state, sizeof state) <= 0) return;
    *known = true;
    *online |= strcmp(state, "0") != 0;
}

int condition_ac_power(const struct condition_context *context, const struct condition *c)
{
    bool want, known = false, online = false;
    AUTO_STR struct str path = STR_EMPTY;
    int r = parse_bool(c->parameter, &want);
    if (r == 0) r = fact_path(context, "/sys/class/power_supply", &path);
    if (r < 0) return r;
    DIR *directory = opendir(str_text(&path));
    const struct dirent *entry;
    while (directory && (entry = readdir(directory)))
        if (entry->d_name[0] != '.') look_at_supply(context, entry->d_name, &known, &online);
    if (directory) (void)closedir(directory); /* nothing was written */
    return (online || !known) == want;
}

/* ---- ConditionFirmware= ---- */

/* "X" of "NAME(X)", copied; false when the text has another form. */
static bool read_argument(const char *text, const char *name, struct str *out)
{
    size_t length = strlen(name);
    if (strncmp(text, name, length) != 0 || text[length] != '(') return false;
    const char *argument = text + length + 1, *end = strchr(argument, ')');
    return end && end[1] == '\0' && str_append_bytes(out, argument, (size_t)(end - argument)) == 0;
}

/* The file is a list of NUL-terminated names. */
static int device_tree_is_compatible(const struct condition_context *context, const char *name)
{
    AUTO_STR struct str names = STR_EMPTY;
    int r = fact_read_all(context, "/proc/device-tree/compatible", &names);
    if (r < 0) return r == -ENOENT ? 0 : r;
    const char *end = str_text(&names) + names.length;
    for (const char *at = str_text(&names); at < end; at += strlen(at) + 1)
        if (strcmp(at, name) == 0) return 1;
    return 0;
}

static int smbios_field_compares(const struct condition_context *context, const char *expression)
{
    AUTO_STR struct str path = STR_EMPTY, want = STR_EMPTY;
    char have[4096];
    size_t length = strcspn(expression, "!<>=$");
    const char *rest = expression + length;
    while (length > 0 && strchr(WORD_BLANKS, expression[length - 1])) length--;
    enum compare op = compare_read(&rest, true);
    if (op == COMPARE_NONE || length == 0 || memchr(expression, '/', length) || expression[0] == '.') return -EINVAL;
    int r = condition_word(&rest, &want);
    if (r <= 0 || *rest) return r < 0 ? r : -EINVAL;
    r = str_appendf(&path, "/sys/class/dmi/id/%.*s", (int)length, expression);
    if (r == 0) r = fact_read(context, str_text(&path), have, sizeof have);
    if (r < 0) return r == -ENOENT ? 0 : r;
    return compare_versions(op, have, str_text(&want));
}

int condition_firmware(const struct condition_context *context, const struct condition *c)
{
    AUTO_STR struct str argument = STR_EMPTY;
    if (strcmp(c->parameter, "device-tree") == 0) return fact_exists(context, "/sys/firmware/devicetree");
    /* What a container sees of the firmware is the host's. */
    if (strcmp(c->parameter, "uefi") == 0)
        return !virtualization_container(context) && fact_exists(context, "/sys/firmware/efi");
    if (read_argument(c->parameter, "device-tree-compatible", &argument))
        return device_tree_is_compatible(context, str_text(&argument));
    if (read_argument(c->parameter, "smbios-field", &argument))
        return smbios_field_compares(context, str_text(&argument));
    return 0;
}
