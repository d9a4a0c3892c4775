/* unit/settings_resource.h - systemd.resource-control(5): part of unit/settings.h, which includes it and describes
 * pointers and times.
 *
 * Nothing of it is applied yet: it is checked, kept and shown. Lists are in the order written. */
#pragma once
#include "base/attr.h"
#include "unit/settings_sandbox.h"
#include "unit/settings_types.h"

struct device_value { /* IODeviceWeight= and the like: a path and a number */
    const char *path;
    uint64_t value; /* a weight, bytes or operations per second (UINT64_MAX: no limit), or microseconds */
};
struct device_value_list {
    struct device_value *items;
    uint32_t count, capacity;
};

struct rule_pair { /* DeviceAllow=: node and rights; BPFProgram=: attach point and path */
    const char *first, *second;
};
struct rule_pair_list {
    struct rule_pair *items;
    uint32_t count, capacity;
};

struct address_prefix { /* IPAddressAllow= */
    uint8_t family;     /* AF_INET or AF_INET6 */
    uint8_t length;     /* bits of the prefix */
    uint8_t bytes[16];  /* 4 or 16 of them; what lies behind the prefix is 0 */
};
struct address_prefix_list {
    struct address_prefix *items;
    uint32_t count, capacity;
};

struct socket_rule {            /* SocketBindAllow= */
    int family, protocol;       /* 0: any */
    uint16_t ports, first_port; /* ports 0: any */
};
struct socket_rule_list {
    struct socket_rule *items;
    uint32_t count, capacity;
};

struct name_filter { /* RestrictNetworkInterfaces=: these and no others, or all but these */
    bool is_allow;
    struct text_list names;
};

/* TasksMax=: `value` processes when `scale` is 0, else value/scale of what the system allows. A scale of UINT32_MAX is
 * the default of the kind, until the unit is complete. */
#define TASKS_MAX_SHARE 15 /* percent: the default of everything but slices */
struct tasks_max {
    uint64_t value; /* UINT64_MAX: no limit */
    uint32_t scale;
};

enum resource_memory { /* each in struct resource_section.memory and, from HIGH on, the limits of StartupMemory...= */
                       MEMORY_MIN,
                       MEMORY_LOW,
                       MEMORY_DEFAULT_MIN,
                       MEMORY_DEFAULT_LOW,
                       MEMORY_DEFAULT_STARTUP_LOW,
                       MEMORY_STARTUP_LOW,
                       MEMORY_GUARANTEES, /* those before are 0 by default, those behind have no limit */
                       MEMORY_HIGH = MEMORY_GUARANTEES,
                       MEMORY_MAX,
                       MEMORY_SWAP_MAX,
                       MEMORY_ZSWAP_MAX,
                       MEMORY_LIMIT, /* of cgroup v1 */
                       MEMORY_STARTUP_HIGH,
                       MEMORY_STARTUP_MAX,
                       MEMORY_STARTUP_SWAP_MAX,
                       MEMORY_STARTUP_ZSWAP_MAX,
                       MEMORY_COUNT
};
enum resource_weight { /* UINT64_MAX: not set; 0: idle */
                       WEIGHT_CPU,
                       WEIGHT_STARTUP_CPU,
                       WEIGHT_CPU_SHARES,
                       WEIGHT_STARTUP_CPU_SHARES,
                       WEIGHT_IO,
                       WEIGHT_STARTUP_IO,
                       WEIGHT_BLOCK_IO,
                       WEIGHT_STARTUP_BLOCK_IO,
                       WEIGHT_COUNT
};
enum resource_devices {
    DEVICES_WEIGHT,
    DEVICES_LATENCY,
    DEVICES_READ_BANDWIDTH,
    DEVICES_WRITE_BANDWIDTH,
    DEVICES_READ_IOPS,
    DEVICES_WRITE_IOPS,
    DEVICES_BLOCK_WEIGHT,
    DEVICES_BLOCK_READ_BANDWIDTH,
    DEVICES_BLOCK_WRITE_BANDWIDTH,
    DEVICES_COUNT
};

enum resource_nodes { NODES_CPUS, NODES_STARTUP_CPUS, NODES_MEMORY, NODES_STARTUP_MEMORY, NODES_COUNT };
enum device_policy { DEVICE_AUTO, DEVICE_CLOSED, DEVICE_STRICT };

extern const char *const words_device_policy[], *const words_managed_oom[], *const words_oom_preference[];
extern const char *const words_pressure_watch[], *const words_controllers[], *const words_bpf_attach[];
/* What RootImage= and MountImages= need, then ProtectClock=, then encrypted credentials. */
extern const char *const words_implied_devices[];
#define IMPLIED_BY_CLOCK 5
#define CONTROLLERS_V2   0xad /* bits of words_controllers: those of cgroup v2, which Delegate=yes hands over */

struct resource_section {
    const char *slice;     /* resolved when the unit is complete; of another kind of unit, and of "-.slice": NULL */
    bool slice_is_default; /* nobody asked for it: systemd's default */
    uint64_t memory[MEMORY_COUNT]; /* bytes, UINT64_MAX: no limit */
    uint64_t weights[WEIGHT_COUNT];
    struct tasks_max tasks_max;
    usec_t cpu_quota, cpu_quota_period; /* per second of time; infinity: none */
    struct device_value_list devices[DEVICES_COUNT];
    struct cpu_mask nodes[NODES_COUNT];
    uint64_t delegate_namespaces; /* as restrict_namespaces */
    struct address_prefix_list ip_allow, ip_deny;
    struct text_list ip_ingress_filters, ip_egress_filters, nft_sets;
    struct rule_pair_list device_allow, bpf_programs;
    struct socket_rule_list socket_bind_allow, socket_bind_deny;
    struct name_filter network_interfaces;
    const char *delegate_subgroup;
    usec_t oom_pressure_duration, pressure_threshold;
    uint32_t oom_pressure_limit;                        /* of UINT32_MAX */
    uint32_t delegate_controllers, disable_controllers; /* bits of words_controllers */
    word_index device_policy, oom_swap, oom_pressure, oom_preference, pressure_watch;
    bool delegate, cpu_accounting, io_accounting, block_io_accounting, memory_accounting, tasks_accounting;
    bool ip_accounting, memory_ksm, zswap_writeback, coredump_receive;
};
