/* unit/settings_sandbox.h - what systemd.exec(5) says beyond identity, environment, streams and directories: part of
 * unit/settings.h, which includes it and describes pointers and times. The defaults are what an absent directive means;
 * most of these settings have no effect here and are kept to be checked and shown. */
#pragma once
#include "base/attr.h"
#include "unit/settings_types.h"

/* ---- shared shapes ---- */

struct byte_string {
    const uint8_t *bytes; /* NULL when empty */
    uint32_t size;
};
/* Processors or memory nodes. Bit n of byte n/8; `size` is a multiple of 8 and 0 when nothing was written. */
struct cpu_mask {
    uint8_t *bytes;
    uint32_t size;
};
#define CPU_MASK_BITS_MAX 8192
/* "-LABEL" of AppArmorProfile= and its kin. */
struct mac_label {
    const char *text; /* NULL: not written */
    bool optional;
};

/* ---- limits ---- */

/* clang-format off */
#define EXEC_LIMITS(X) /* enumerator, directive, in which unit a value is written */ \
    X(AS, "LimitAS", SIZE)              X(CORE, "LimitCORE", SIZE)              X(CPU, "LimitCPU", SECONDS) \
    X(DATA, "LimitDATA", SIZE)          X(FSIZE, "LimitFSIZE", SIZE)            X(LOCKS, "LimitLOCKS", NUMBER) \
    X(MEMLOCK, "LimitMEMLOCK", SIZE)    X(MSGQUEUE, "LimitMSGQUEUE", SIZE)      X(NICE, "LimitNICE", PRIORITY) \
    X(NOFILE, "LimitNOFILE", NUMBER)    X(NPROC, "LimitNPROC", NUMBER)          X(RSS, "LimitRSS", SIZE) \
    X(RTPRIO, "LimitRTPRIO", NUMBER)    X(RTTIME, "LimitRTTIME", MICROSECONDS)  X(SIGPENDING, "LimitSIGPENDING", NUMBER) \
    X(STACK, "LimitSTACK", SIZE)
/* clang-format on */
enum exec_limit_kind {
#define X(enumerator, text, unit) EXEC_LIMIT_##enumerator,
    EXEC_LIMITS(X)
#undef X
        EXEC_LIMIT_COUNT
};
struct exec_limit {
    bool set;
    uint64_t soft, hard; /* UINT64_MAX is infinity */
};
/* RLIMIT_NOFILE of EXEC_LIMIT_NOFILE, for setrlimit(2). */
int exec_limit_resource(enum exec_limit_kind kind);
const char *exec_limit_name(enum exec_limit_kind kind); /* "LimitNOFILE" */

/* ---- credentials, mounts, filters ---- */

struct set_credential {
    const char *id;
    struct byte_string data; /* SetCredentialEncrypted=: decoded from base64, still encrypted */
};
struct set_credential_list {
    struct set_credential *items;
    uint32_t count, capacity;
};
struct bind_path {
    const char *source, *destination;
    bool optional, recursive;
};
struct bind_path_list {
    struct bind_path *items;
    uint32_t count, capacity;
};
/* MountImages=, and ExtensionImages= with an empty destination. */
struct mount_image {
    const char *source, *destination;
    bool optional;
    struct text_pair_list options; /* partition, options */
};
struct mount_image_list {
    struct mount_image *items;
    uint32_t count, capacity;
};
/* SystemCallFilter= and SystemCallLog=: sorted by name when the unit is complete. */
#define SYSCALL_ACTION_KILL 2147483646 /* "kill" where an error number may stand, as systemd has it */
struct syscall_rule {
    const char *name;
    int32_t action; /* -1: the one of the list; errno, 0, or SYSCALL_ACTION_KILL */
};
struct syscall_list {
    struct syscall_rule *items;
    uint32_t count, capacity;
    bool written, allow; /* allow: what is listed is permitted, else what is listed is forbidden */
};
/* Names: RestrictFileSystems=. */
struct name_set {
    struct text_list names;
    bool written, allow;
};

/* clang-format off */
/* RestrictNamespaces=: bits of clone(2), UINT64_MAX where nothing was written, 0 for all forbidden. */
#define NAMESPACES(X) X("cgroup", 0x02000000) X("ipc", 0x08000000) X("net", 0x40000000) X("mnt", 0x00020000) \
    X("pid", 0x20000000) X("user", 0x10000000) X("uts", 0x04000000)
/* clang-format on */
#define NAMESPACES_ALL UINT64_C(0x7e020000)

extern const char *const words_keyring_mode[]; /* KeyringMode= */
extern const char *const words_streams[];      /* StandardInput=, StandardOutput=: enum exec_std, then their variants */
extern const char *const words_proc_subset[];  /* ProcSubset= */
extern const char *const words_protect_home[]; /* ProtectHome= */
extern const char *const words_protect_proc[]; /* ProtectProc= */
extern const char *const words_protect_system[]; /* ProtectSystem= */
extern const char *const words_utmp_mode[];      /* UtmpMode= */
extern const char *const words_mount_flags[];    /* MountFlags= */
extern const char *const words_numa_policy[];    /* NUMAPolicy=: 0 is "n/a", MPOL_ value n stands at n + 1 */
enum { PROTECT_HOME_NO, PROTECT_HOME_YES, PROTECT_HOME_READ_ONLY, PROTECT_HOME_TMPFS };
enum { PROTECT_SYSTEM_NO, PROTECT_SYSTEM_YES, PROTECT_SYSTEM_FULL, PROTECT_SYSTEM_STRICT };

struct sandbox_section {
    /* what the processes may do */
    bool no_new_privileges, dynamic_user, lock_personality, memory_deny_write_execute;
    bool private_devices, private_ipc, private_mounts, private_network, private_tmp, private_users, remove_ipc;
    bool protect_clock, protect_control_groups, protect_hostname, protect_kernel_logs, protect_kernel_modules;
    bool protect_kernel_tunables, restrict_realtime, restrict_suid_sgid, private_pids;
    word_index keyring_mode, mount_flags, proc_subset, protect_home, protect_proc, protect_system, utmp_mode;
    word_index numa_policy;
    uint64_t capability_bounding_set, ambient_capabilities; /* bit n is capability n; UINT64_MAX and 0 by default */
    int32_t secure_bits;                                    /* SECBIT_ of prctl(2) */
    uint64_t restrict_namespaces;
    struct syscall_list system_call_filter, system_call_log;
    int32_t system_call_error_number;           /* SYSCALL_ACTION_KILL: none */
    struct text_list system_call_architectures; /* sorted when the unit is complete */
    uint64_t address_families;                  /* bit n is AF_ number n */
    bool address_families_written, address_families_allow;
    struct name_set file_systems;
    const char *personality; /* NULL: PID 1's */
    struct mac_label apparmor_profile, selinux_context, smack_process_label;
    const char *pam_name;

    /* what they see */
    struct text_list read_write_paths, read_only_paths, inaccessible_paths, exec_paths, no_exec_paths; /* "[-][+]/x" */
    struct text_list exec_search_path, extension_directories;
    struct bind_path_list bind_paths, bind_read_only_paths;
    struct text_pair_list temporary_file_systems; /* path, options */
    struct mount_image_list mount_images, extension_images;
    const char *root_directory, *root_image, *root_verity, *root_hash_path, *root_hash_signature_path;
    struct byte_string root_hash, root_hash_signature;
    struct text_pair_list root_image_options; /* partition, options */
    bool mount_api_vfs, mount_api_vfs_written;
    bool root_ephemeral, bind_log_sockets;
    const char *network_namespace_path, *ipc_namespace_path, *user_namespace_path;
    const char *root_image_policy, *mount_image_policy, *extension_image_policy;

    /* what they are given */
    struct text_pair_list load_credential, load_credential_encrypted; /* id, path */
    struct set_credential_list set_credential, set_credential_encrypted;
    struct text_list import_credential;     /* patterns of ids */
    struct byte_string standard_input_data; /* StandardInputText= and StandardInputData= */

    /* how they are scheduled */
    int32_t cpu_policy, cpu_priority; /* SCHED_ of sched_setscheduler(2) */
    bool cpu_policy_written, cpu_reset_on_fork, cpu_affinity_from_numa, io_written, coredump_filter_written;
    bool keyring_mode_written;
    int32_t io_class, io_priority; /* IOPRIO_CLASS_ of ioprio_set(2) */
    struct cpu_mask cpu_affinity, numa_mask;
    uint32_t coredump_filter;  /* core(5) */
    uint64_t timer_slack_nsec; /* UINT64_MAX: that of PID 1 */
    usec_t timeout_clean;

    /* terminal, log */
    const char *tty_path;
    uint32_t tty_rows, tty_columns; /* UINT32_MAX: not written */
    bool tty_reset, tty_vhangup, tty_vt_disallocate;
    int32_t syslog_facility, syslog_level, log_level_max; /* -1: no maximum */
    bool syslog_level_prefix;
    struct text_list log_extra_fields; /* "NAME=value" */
    struct text_list log_filter_patterns;
    bool set_login_environment;
    const char *log_namespace, *utmp_identifier;
    usec_t log_rate_limit_interval;
    uint32_t log_rate_limit_burst;
};
