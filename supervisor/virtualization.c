#include "supervisor/virtualization.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#endif

#include "base/str.h"
#include "supervisor/condition_facts.h"
#include "unit/expand.h"

#define OTHER_CONTAINER       "container-other"
#define OTHER_MACHINE         "vm-other"
#define INITIAL_PID_NAMESPACE 0xEFFFFFFC /* linux/proc_ns.h PROC_PID_INIT_INO */

struct hint {
    const char *text, *name;
};

/* ---- containers ---- */

static const char *container_by_files(const struct condition_context *context)
{
    static const struct hint files[] = { { "/run/.containerenv", "podman" }, { "/.dockerenv", "docker" } };
    for (size_t i = 0; i < COUNT_OF(files); i++)
        if (fact_exists(context, files[i].text)) return files[i].name;
    return NULL;
}

/* What `container=` or one of the files says. */
static const char *container_by_word(const struct condition_context *context, const char *word)
{
    static const char *const known[] = { "systemd-nspawn", "lxc-libvirt", "lxc", "openvz", "docker",
                                         "podman",         "rkt",         "wsl", "proot",  "pouch" };
    for (size_t i = 0; i < COUNT_OF(known); i++)
        if (strcmp(word, known[i]) == 0) return known[i];
    /* Some images say so whoever runs them. */
    const char *by_files = strcmp(word, "oci") == 0 ? container_by_files(context) : NULL;
    return by_files ? by_files : OTHER_CONTAINER;
}

static const char *container_by_kernel(const struct condition_context *context)
{
    char text[PATH_MAX], path[64];
    if (fact_exists(context, "/proc/vz") && !fact_exists(context, "/proc/bc")) return "openvz";
    if (fact_read(context, "/proc/sys/kernel/osrelease", text, sizeof text) > 0 &&
        (strstr(text, "Microsoft") || strstr(text, "WSL")))
        return "wsl";
    if (fact_read(context, "/proc/self/status", text, sizeof text) < 0) return NULL;
    const char *tracer = strstr(text, "\nTracerPid:");
    if (!tracer) return NULL;
    tracer += strlen("\nTracerPid:");
    tracer += strspn(tracer, " \t");
    size_t length = strspn(tracer, "0123456789");
    if (length == 0 || length > 10 || *tracer == '0') return NULL;
    (void)snprintf(path, sizeof path, "/proc/%.*s/comm", (int)length, tracer); /* fits: ten digits */
    if (fact_read(context, path, text, sizeof text) > 0 && str_starts_with(text, "proot")) return "proot";
    return NULL;
}

/* The variable `container` of PID 1. 1 when there is one, which may be empty. */
static int container_variable(const struct condition_context *context, struct str *out)
{
    str_clear(out);
    if (!context->root && getpid() == 1) {
        const char *value = expand_lookup_environ("container", strlen("container"), (void *)context->environ);
        return value ? str_append(out, value) == 0 : 0;
    }
    AUTO_STR struct str text = STR_EMPTY;
    if (fact_read_all(context, "/proc/1/environ", &text) < 0) return 0;
    const char *end = str_text(&text) + text.length;
    for (const char *at = str_text(&text); at < end; at += strlen(at) + 1)
        if (str_starts_with(at, "container=")) return str_append(out, at + strlen("container=")) == 0;
    return 0;
}

/* The kernel shows cgroup.type everywhere but in the root of the hierarchy; so does a pid namespace its number. */
static bool has_own_namespaces(const struct condition_context *context)
{
    AUTO_STR struct str path = STR_EMPTY;
    struct stat st;
    if (fact_exists(context, "/sys/fs/cgroup/cgroup.events") && fact_exists(context, "/sys/fs/cgroup/cgroup.type"))
        return true;
    return fact_path(context, "/proc/self/ns/pid", &path) == 0 && stat(str_text(&path), &st) == 0 && !context->root &&
           st.st_ino != INITIAL_PID_NAMESPACE;
}

const char *virtualization_container(const struct condition_context *context)
{
    AUTO_STR struct str variable = STR_EMPTY;
    char word[256];
    const char *found = container_by_kernel(context);
    if (found) return found;
    if (fact_read(context, "/run/host/container-manager", word, sizeof word) > 0)
        return container_by_word(context, word);
    /* PID 1's own environment is above the file, which systemd as PID 1 writes for others. */
    bool is_init = !context->root && getpid() == 1;
    if (!is_init && fact_read(context, "/run/systemd/container", word, sizeof word) > 0)
        return container_by_word(context, word);
    if (container_variable(context, &variable) > 0)
        return variable.length > 0 ? container_by_word(context, str_text(&variable)) : NULL;
    found = container_by_files(context);
    if (!found && has_own_namespaces(context)) found = OTHER_CONTAINER;
    return found;
}

/* ---- virtual machines ---- */

static const char *machine_by_dmi(const struct condition_context *context)
{
    static const char *const files[] = { "product_name", "sys_vendor", "board_vendor", "bios_vendor",
                                         "product_version" };
    static const struct hint vendors[] = {
        { "KVM", "kvm" },           { "OpenStack", "kvm" },       { "KubeVirt", "kvm" },
        { "Amazon EC2", "amazon" }, { "QEMU", "qemu" },           { "VMware", "vmware" },
        { "VMW", "vmware" },        { "innotek GmbH", "oracle" }, { "VirtualBox", "oracle" },
        { "Xen", "xen" },           { "Bochs", "bochs" },         { "Parallels", "parallels" },
        { "BHYVE", "bhyve" },       { "Hyper-V", "microsoft" },   { "Apple Virtualization", "apple" },
    };
    char path[64], text[256];
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        (void)snprintf(path, sizeof path, "/sys/class/dmi/id/%s", files[i]); /* fits */
        if (fact_read(context, path, text, sizeof text) <= 0) continue;
        for (size_t j = 0; j < COUNT_OF(vendors); j++)
            if (str_starts_with(text, vendors[j].text)) return vendors[j].name;
    }
    return NULL;
}

/* The processor cannot be put below a root: a test sees none. */
static const char *machine_by_cpuid(const struct condition_context *context)
{
#if defined(__x86_64__) || defined(__i386__)
    static const struct hint vendors[] = {
        { "XenVMMXenVMM", "xen" },   { "KVMKVMKVM", "kvm" },       { "Linux KVM Hv", "kvm" },
        { "TCGTCGTCGTCG", "qemu" },  { "VMwareVMware", "vmware" }, { "Microsoft Hv", "microsoft" },
        { "bhyve bhyve ", "bhyve" }, { "QNXQVMBSQG", "qnx" },      { "ACRNACRNACRN", "acrn" },
        { "SRESRESRESRE", "sre" },   { "Apple VZ", "apple" },
    };
    unsigned eax, registers[3], ecx;
    char signature[sizeof registers + 1] = "";
    if (context->root || !__get_cpuid(1, &eax, &registers[0], &ecx, &registers[2]) || !(ecx & 1U << 31)) return NULL;
    __cpuid(0x40000000U, eax, registers[0], registers[1], registers[2]);
    memcpy(signature, registers, sizeof registers);
    for (size_t i = 0; i < COUNT_OF(vendors); i++)
        if (strcmp(signature, vendors[i].text) == 0) return vendors[i].name;
    return OTHER_MACHINE;
#else
    (void)context;
    return NULL;
#endif
}

static const char *machine_by_files(const struct condition_context *context)
{
    static const struct {
        const char *path, *part, *name;
    } hints[] = {
        { "/sys/hypervisor/type", "xen", "xen" },
        { "/proc/device-tree/hypervisor/compatible", "linux,kvm", "kvm" },
        { "/proc/device-tree/hypervisor/compatible", "xen", "xen" },
        { "/proc/device-tree/hypervisor/compatible", "vmware", "vmware" },
        { "/proc/device-tree/hypervisor/compatible", "", OTHER_MACHINE },
        { "/proc/device-tree/ibm,partition-name", "", "powervm" },
        { "/proc/sysinfo", "z/VM", "zvm" },
        { "/proc/sysinfo", "VM00 Control Program", "kvm" },
    };
    char text[4096];
    for (size_t i = 0; i < COUNT_OF(hints); i++)
        if (fact_read(context, hints[i].path, text, sizeof text) >= 0 && strstr(text, hints[i].part))
            return hints[i].name;
    return NULL;
}

const char *virtualization_machine(const struct condition_context *context)
{
    /* Those that also show as the kernel-based machine they are built on. */
    static const char *const by_firmware[] = { "oracle", "xen", "amazon", "parallels" };
    char text[4096];
    const char *dmi = machine_by_dmi(context);
    for (size_t i = 0; dmi && i < COUNT_OF(by_firmware); i++)
        if (strcmp(dmi, by_firmware[i]) == 0) return dmi;
    if (fact_read(context, "/proc/cpuinfo", text, sizeof text) > 0 && strstr(text, "\nvendor_id\t: User Mode Linux"))
        return "uml";
    if (fact_exists(context, "/proc/xen")) return "xen";
    const char *cpu = machine_by_cpuid(context);
    if (cpu && strcmp(cpu, OTHER_MACHINE) != 0) return cpu;
    if (dmi) return dmi;
    const char *file = machine_by_files(context);
    return file ? file : cpu;
}

/* ---- user namespaces ---- */

int virtualization_user_namespace(const struct condition_context *context)
{
    static const char *const maps[] = { "/proc/self/uid_map", "/proc/self/gid_map" };
    char text[256];
    for (size_t i = 0; i < COUNT_OF(maps); i++) {
        int r = fact_read(context, maps[i], text, sizeof text);
        if (r == -ENOENT) return 0; /* the kernel has none */
        if (r < 0) return r;
        unsigned n = 0;
        const char *want[] = { "0", "0", "4294967295" }, *at = text;
        for (;; n++) {
            at += strspn(at, " \t\n");
            size_t length = strcspn(at, " \t\n");
            if (length == 0) break;
            if (n >= COUNT_OF(want) || strlen(want[n]) != length || strncmp(at, want[n], length) != 0) return 1;
            at += length;
        }
        if (n == 0) return 1; /* not mapped yet */
    }
    return fact_read(context, "/proc/self/setgroups", text, sizeof text) > 0 && strcmp(text, "deny") == 0;
}
