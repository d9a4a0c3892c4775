/* unit/settings.h - the values that directives write: plain data, one struct per group of directives.
 *
 * While a unit is read, one scratch `struct unit_settings` holds every group; unit_set_load() then keeps a copy of
 * those groups that differ from the defaults, and lets all other units share the default ones (struct unit,
 * unit/unit.h). All pointers lead into the arena of the unit set, or to static strings. Times are microseconds,
 * USEC_INFINITY is "no bound"; USEC_UNSET occurs only in the scratch copy and is resolved when the unit is complete.
 * Source: systemd.unit(5), systemd.service(5), systemd.exec(5), systemd.kill(5), systemd.socket(5), SEED.md S27-S29. */
#pragma once
#include "base/attr.h"
#include "unit/probe_target.h"
#include "unit/settings_types.h"
#include <sys/types.h>

/* ---- [Unit] ---- */
/* clang-format off */
#define UNIT_RELATIONS(X) /* enumerator, directive */ \
    X(REQUIRES, "Requires")     X(REQUISITE, "Requisite")   X(WANTS, "Wants")         X(BINDS_TO, "BindsTo") \
    X(PART_OF, "PartOf")        X(CONFLICTS, "Conflicts")   X(BEFORE, "Before")       X(AFTER, "After") \
    X(ON_FAILURE, "OnFailure")  X(ON_SUCCESS, "OnSuccess")  X(UPHOLDS, "Upholds") \
    X(PROPAGATES_RELOAD_TO, "PropagatesReloadTo")  X(RELOAD_PROPAGATED_FROM, "ReloadPropagatedFrom") \
    X(PROPAGATES_STOP_TO, "PropagatesStopTo")      X(STOP_PROPAGATED_FROM, "StopPropagatedFrom") \
    X(JOINS_NAMESPACE_OF, "JoinsNamespaceOf")
/* clang-format on */
enum unit_relation {
#define X(enumerator, text) UNIT_##enumerator,
    UNIT_RELATIONS(X)
#undef X
        UNIT_RELATION_COUNT
};
const char *unit_relation_name(enum unit_relation relation); /* "Requires" */

/* clang-format off */
#define CONDITIONS(X) /* enumerator, directive without Condition/Assert, its parameter is a PATH or a TEXT */ \
    X(AC_POWER, "ACPower", TEXT)                     X(ARCHITECTURE, "Architecture", TEXT)                       \
    X(CAPABILITY, "Capability", TEXT)                X(CONTROL_GROUP_CONTROLLER, "ControlGroupController", TEXT) \
    X(CPU_FEATURE, "CPUFeature", TEXT)               X(CPU_PRESSURE, "CPUPressure", TEXT)                        \
    X(CPUS, "CPUs", TEXT)                            X(CREDENTIAL, "Credential", TEXT)                           \
    X(DIRECTORY_NOT_EMPTY, "DirectoryNotEmpty", PATH) X(ENVIRONMENT, "Environment", TEXT)                        \
    X(FILE_IS_EXECUTABLE, "FileIsExecutable", PATH)  X(FILE_NOT_EMPTY, "FileNotEmpty", PATH)                     \
    X(FIRMWARE, "Firmware", TEXT)                    X(FIRST_BOOT, "FirstBoot", TEXT)                            \
    X(GROUP, "Group", TEXT)                          X(HOST, "Host", TEXT)                                       \
    X(IO_PRESSURE, "IOPressure", TEXT)               X(KERNEL_COMMAND_LINE, "KernelCommandLine", TEXT)           \
    X(KERNEL_MODULE_LOADED, "KernelModuleLoaded", TEXT) X(KERNEL_VERSION, "KernelVersion", TEXT)                 \
    X(MEMORY, "Memory", TEXT)                        X(MEMORY_PRESSURE, "MemoryPressure", TEXT)                  \
    X(NEEDS_UPDATE, "NeedsUpdate", PATH)             X(OS_RELEASE, "OSRelease", TEXT)                            \
    X(PATH_EXISTS, "PathExists", PATH)               X(PATH_EXISTS_GLOB, "PathExistsGlob", PATH)                 \
    X(PATH_IS_DIRECTORY, "PathIsDirectory", PATH)    X(PATH_IS_ENCRYPTED, "PathIsEncrypted", PATH)               \
    X(PATH_IS_MOUNT_POINT, "PathIsMountPoint", PATH) X(PATH_IS_READ_WRITE, "PathIsReadWrite", PATH)              \
    X(PATH_IS_SOCKET, "PathIsSocket", PATH)          X(PATH_IS_SYMBOLIC_LINK, "PathIsSymbolicLink", PATH)        \
    X(SECURITY, "Security", TEXT)                    X(USER, "User", TEXT)                                       \
    X(VERSION, "Version", TEXT)                      X(VIRTUALIZATION, "Virtualization", TEXT)
/* clang-format on */
enum condition_kind {
#define X(enumerator, text, parameter) CONDITION_##enumerator,
    CONDITIONS(X)
#undef X
        CONDITION_KIND_COUNT
};
const char *condition_kind_name(enum condition_kind kind); /* "PathExists" */

/* Written as Condition or Assert, name, "=", trigger ? "|" : "", negate ? "!" : "", parameter. */
struct condition {
    enum condition_kind kind;
    bool is_assert, negate, trigger; /* trigger: the "|" form, one of which must hold */
    const char *parameter;           /* without "|" and "!"; a path is absolute and simplified */
    struct origin origin;
};
struct condition_list {
    struct condition *items;
    uint32_t count, capacity;
};

struct unit_section {
    const char *description; /* NULL: the unit's name is used */
    struct text_list documentation;
    struct unit_ref_list relations[UNIT_RELATION_COUNT];
    struct condition_list conditions; /* and asserts, in the order written */
    bool default_dependencies;
    usec_t start_limit_interval; /* USEC_UNSET: not written; 0: no limit */
    uint32_t start_limit_burst;  /* UINT32_MAX: not written; 0: no limit */
};

/* What nothing acts on: it is checked, and kept for `show`. A group of its own, so that most units share it. */
struct unit_extra_section {
    word_index start_limit_action, failure_action, success_action, job_timeout_action; /* words_action */
    word_index on_failure_job_mode, on_success_job_mode;                               /* words_job_mode */
    word_index collect_mode;                                                           /* words_collect_mode */
    bool allow_isolate, refuse_manual_start, refuse_manual_stop, stop_when_unneeded, survive_final_kill_signal;
    bool job_running_timeout_set;
    tristate ignore_on_isolate;                           /* unset: by kind; resolved when the unit is complete */
    int32_t failure_action_status, success_action_status; /* -1: that of the unit */
    usec_t job_timeout, job_running_timeout;              /* default infinity */
    const char *source_path, *reboot_argument, *job_timeout_reboot_argument;
    struct text_list requires_mounts_for; /* when the unit is complete, with what follows from other settings; sorted */
    struct text_list wants_mounts_for;
};
extern const char *const words_action[], *const words_job_mode[], *const words_collect_mode[];

/* ---- exec lines ---- */
enum command_flags {
    COMMAND_IGNORE_FAILURE = 1 << 0,   /* "-" */
    COMMAND_ARGV0 = 1 << 1,            /* "@": the second word is argv[0]; argv already holds it */
    COMMAND_NO_EXPAND = 1 << 2,        /* ":": no $VAR expansion */
    COMMAND_FULL_PRIVILEGE = 1 << 3,   /* "+": User=, Group= and the like are not applied */
    COMMAND_NO_SETUID = 1 << 4,        /* "!": like "+" for the credentials only */
    COMMAND_AMBIENT = 1 << 5,          /* "!!": "!" where ambient capabilities are missing, else nothing */
    COMMAND_PROGRAM_VARIABLE = 1 << 6, /* `program` holds ${VAR}, to be expanded before the command is run */
};
struct command {
    const char *program; /* first word, prefixes removed: absolute path or a bare name */
    const char **argv;   /* argc words before $VAR expansion; argv[0] as the program will see it */
    uint32_t argc;
    uint32_t flags;
    struct origin origin;
};
struct command_list {
    struct command *items;
    uint32_t count, capacity;
};

/* ---- systemd.exec(5) ---- */
enum exec_std {              /* StandardInput=, StandardOutput=, StandardError= */
                STD_INHERIT, /* output: as the one before it (stdin for stdout, stdout for stderr) */
                STD_NULL,
                STD_LOG, /* output: line-wise to our stdout/stderr; also what journal, syslog, kmsg and ...+console
                            become */
                STD_FILE,
                STD_FILE_APPEND,
                STD_FILE_TRUNCATE,
                STD_TTY,    /* /dev/console */
                STD_RAW,    /* output, extension "raw": PID 1's own descriptor, untouched */
                STD_SOCKET, /* the connection of Accept=yes, or the unit's one socket */
                STD_FD,     /* a named descriptor of its sockets or of the file descriptor store */
                STD_DATA,   /* StandardInputText= and StandardInputData=: refused */
                STD_COUNT
};
struct exec_stream {
    enum exec_std kind;
    word_index variant; /* of words_streams, as written ("kmsg+console"); 0: that of the kind */
    const char *path;   /* STD_FILE*; STD_FD: the name of the descriptor */
    struct origin origin;
};
struct environment_file {
    const char *path;
    bool optional; /* leading "-" */
    struct origin origin;
};
struct environment_file_list {
    struct environment_file *items;
    uint32_t count, capacity;
};
/* clang-format off */
#define EXEC_DIRECTORIES(X) /* enumerator, directive, below (root), environment variable */ \
    X(RUNTIME, "RuntimeDirectory", "/run", "RUNTIME_DIRECTORY")          \
    X(STATE, "StateDirectory", "/var/lib", "STATE_DIRECTORY")            \
    X(CACHE, "CacheDirectory", "/var/cache", "CACHE_DIRECTORY")          \
    X(LOGS, "LogsDirectory", "/var/log", "LOGS_DIRECTORY")               \
    X(CONFIGURATION, "ConfigurationDirectory", "/etc", "CONFIGURATION_DIRECTORY")
/* clang-format on */
enum exec_directory_kind {
#define X(enumerator, text, below, variable) EXEC_DIRECTORY_##enumerator,
    EXEC_DIRECTORIES(X)
#undef X
        EXEC_DIRECTORY_COUNT
};
enum directory_preserve { PRESERVE_NO, PRESERVE_YES, PRESERVE_RESTART };
extern const char *const words_preserve[]; /* RuntimeDirectoryPreserve=: enum directory_preserve */
struct exec_directory {
    struct text_list paths;         /* relative, validated: no "..", no leading "/"; each once */
    struct text_pair_list symlinks; /* path, link, both relative */
    mode_t mode;                    /* default 0755 */
    struct origin origin;
};
struct exec_section {
    const char *user, *group; /* NULL: PID 1's own; as written, names or numbers */
    struct text_list supplementary_groups;
    const char *working_directory; /* absolute, "~", or NULL for "/" */
    bool working_directory_optional;
    mode_t umask;                 /* default 0022 */
    struct text_list environment; /* "NAME=value", in order, later wins */
    struct environment_file_list environment_files;
    struct text_list pass_environment;  /* names; PID 1's environment is inherited anyway (K70), so a note only */
    struct text_list unset_environment; /* "NAME" or "NAME=value", applied last */
    struct exec_stream streams[3];      /* stdin, stdout, stderr */
    const char *syslog_identifier;      /* label in the log, NULL: the unit's stem */
    struct exec_limit *limits;          /* EXEC_LIMIT_COUNT of them, NULL: none is set */
    bool nice_set, oom_score_adjust_set;
    int nice, oom_score_adjust;
    bool ignore_sigpipe; /* default true */
    struct exec_directory directories[EXEC_DIRECTORY_COUNT];
    enum directory_preserve runtime_directory_preserve;
    struct origin user_origin, working_directory_origin;
};

/* ---- systemd.kill(5) ---- */
enum kill_mode { KILL_CONTROL_GROUP, KILL_MIXED, KILL_PROCESS, KILL_NONE };
extern const char *const words_kill_mode[]; /* KillMode=: enum kill_mode */
struct kill_section {
    enum kill_mode mode;
    int signal;                                        /* SIGTERM */
    int restart_signal, final_signal, watchdog_signal; /* `signal`, SIGKILL, SIGABRT */
    bool restart_signal_set, send_sigkill, send_sighup;
};

/* ---- [Service] ---- */
enum service_type {
    SERVICE_SIMPLE,
    SERVICE_EXEC,
    SERVICE_FORKING,
    SERVICE_ONESHOT,
    SERVICE_DBUS,
    SERVICE_NOTIFY,
    SERVICE_NOTIFY_RELOAD,
    SERVICE_IDLE,
    SERVICE_TYPE_COUNT
};
enum service_restart {
    RESTART_NO,
    RESTART_ON_SUCCESS,
    RESTART_ON_FAILURE,
    RESTART_ON_ABNORMAL,
    RESTART_ON_ABORT,
    RESTART_ON_WATCHDOG,
    RESTART_ALWAYS,
    RESTART_COUNT
};
/* clang-format off */
#define SERVICE_COMMANDS(X) \
    X(CONDITION, "ExecCondition")   X(START_PRE, "ExecStartPre") X(START, "ExecStart") X(START_POST, "ExecStartPost") \
    X(RELOAD, "ExecReload")         X(STOP, "ExecStop")          X(STOP_POST, "ExecStopPost")
/* clang-format on */
enum service_command {
#define X(enumerator, text) SERVICE_EXEC_##enumerator,
    SERVICE_COMMANDS(X)
#undef X
        SERVICE_COMMAND_COUNT
};
const char *service_command_name(enum service_command command); /* "ExecStartPre" */
const char *service_type_name(enum service_type type);          /* "simple" */
const char *service_restart_name(enum service_restart restart); /* "on-failure" */

/* Exit statuses and signals, as in SuccessExitStatus=. */
struct exit_set {
    uint32_t status[8]; /* bit n of word n/32 */
    uint64_t signals;   /* bit n-1 for signal n */
};
static inline bool exit_set_has_status(const struct exit_set *set, int status)
{
    return set && (set->status[(status & 255) / 32] >> (status & 31) & 1);
}
static inline bool exit_set_has_signal(const struct exit_set *set, int signal)
{
    return set && signal >= 1 && signal <= 64 && (set->signals >> (signal - 1) & 1);
}

struct service_section {
    enum service_type type;
    enum service_restart restart;
    bool type_set, remain_after_exit, exit_container_on_failure;
    usec_t restart_usec;                /* default 100 ms */
    usec_t timeout_start, timeout_stop; /* resolved by D15: never USEC_UNSET once loaded */
    struct command_list commands[SERVICE_COMMAND_COUNT];
    const char *pid_file;                                                                           /* absolute */
    struct exit_set *success_exit_status, *restart_prevent_exit_status, *restart_force_exit_status; /* NULL: empty */
    struct unit_ref_list sockets;                                                                   /* Sockets= */
};

/* What most services leave at its default: shared by all that do. */
struct service_extra_section {
    word_index exit_type, notify_access;              /* words_exit_type, words_notify_access */
    word_index oom_policy;                            /* words_oom_policy; OOM_POLICY_UNSET until complete */
    word_index start_failure_mode, stop_failure_mode; /* words_failure_mode */
    word_index restart_mode, fd_store_preserve;       /* words_restart_mode, words_fd_store_preserve */
    bool guess_main_pid, non_blocking, root_directory_start_only, permissions_start_only, refresh_on_reload;
    bool debug_invocation, timeout_abort_set;
    int reload_signal; /* SIGHUP */
    uint32_t fd_store_max, restart_steps;
    uint32_t notify_fd;                                 /* NotifyFD=; 0: none */
    usec_t watchdog, runtime_max, runtime_random_extra; /* default 0, infinity, 0 */
    usec_t timeout_abort, restart_max_delay;            /* timeout_stop unless timeout_abort_set, infinity */
    usec_t restart_jitter;                              /* RestartRandomizedDelaySec=, 0 */
    const char *bus_name, *usb_descriptors, *usb_strings;
    struct text_list open_files; /* OpenFile=, as written */
};
enum exit_type { EXIT_TYPE_MAIN, EXIT_TYPE_CGROUP };
enum failure_mode { FAILURE_TERMINATE, FAILURE_ABORT, FAILURE_KILL };
enum restart_mode { RESTART_MODE_NORMAL, RESTART_MODE_DIRECT, RESTART_MODE_DEBUG };

/* ReadyWhen=, HealthCheck= and what belongs to them: a group of its own, which few units have. */
struct probe_check {
    enum probe_kind kind;         /* PROBE_NONE: not asked for */
    const char *text, *target;    /* as written, specifiers expanded; and what is behind the first colon of it */
    struct command_list commands; /* PROBE_EXEC: the one command */
    struct origin origin;
};
enum health_action { HEALTH_RESTART, HEALTH_FAIL, HEALTH_EXIT_CONTAINER, HEALTH_NONE };
extern const char *const words_health_action[]; /* HealthAction=: enum health_action */
struct probe_section {
    struct probe_check ready, health;
    usec_t ready_interval, ready_timeout;                        /* default 250 ms, 5 s */
    usec_t health_interval, health_timeout, health_start_period; /* default 30 s, 30 s, 0 */
    uint32_t ready_threshold, health_retries;                    /* default 1, 3; 0 is 1 */
    word_index health_action;                                    /* words_health_action */
};

enum oom_policy { OOM_CONTINUE, OOM_STOP, OOM_KILL, OOM_POLICY_UNSET };
enum notify_access { NOTIFY_NONE, NOTIFY_MAIN, NOTIFY_EXEC, NOTIFY_ALL };
extern const char *const words_service_type[], *const words_open_file[], *const words_restart[];
extern const char *const words_exit_type[], *const words_notify_access[], *const words_oom_policy[];
extern const char *const words_failure_mode[], *const words_restart_mode[], *const words_fd_store_preserve[];

/* ---- [Socket] ---- */
/* All are run but for USBFunction (D17), which occurs in units that are merely described. */
/* clang-format off */
#define LISTEN_KINDS(X) /* enumerator, word of the property Listen, directive */ \
    X(STREAM, "Stream", "ListenStream")          X(DATAGRAM, "Datagram", "ListenDatagram") \
    X(SEQPACKET, "SequentialPacket", "ListenSequentialPacket") \
    X(FIFO, "FIFO", "ListenFIFO")                X(SPECIAL, "Special", "ListenSpecial") \
    X(NETLINK, "Netlink", "ListenNetlink")       X(MESSAGE_QUEUE, "MessageQueue", "ListenMessageQueue") \
    X(USB_FUNCTION, "USBFunction", "ListenUSBFunction")
/* clang-format on */
enum listen_kind {
#define X(enumerator, word, directive) LISTEN_##enumerator,
    LISTEN_KINDS(X)
#undef X
        LISTEN_KIND_COUNT
};
const char *listen_kind_word(enum listen_kind kind);      /* "Stream" */
const char *listen_kind_directive(enum listen_kind kind); /* "ListenStream" */
struct socket_listen {
    enum listen_kind kind;
    const char *text; /* as written after expansion; socketact/address.h gives it a meaning */
    struct origin origin;
};
struct socket_listen_list {
    struct socket_listen *items;
    uint32_t count, capacity;
};
enum activation_mode { ACTIVATION_NATIVE, ACTIVATION_PROXY };
extern const char *const words_activation_mode[]; /* by enum activation_mode */
extern const char *const words_proxy_protocol[];  /* ProxyProtocol=: no, v1, v2 */
enum socket_command {
    SOCKET_EXEC_START_PRE,
    SOCKET_EXEC_START_POST,
    SOCKET_EXEC_STOP_PRE,
    SOCKET_EXEC_STOP_POST,
    SOCKET_COMMAND_COUNT
};
struct socket_section {
    struct socket_listen_list listens;
    bool accept, remove_on_stop;
    enum activation_mode activation_mode;
    const char *proxy_target;               /* as written, NULL with native */
    const char *service;                    /* unit name, NULL: same stem */
    const char *socket_user, *socket_group; /* NULL: PID 1's own */
    mode_t socket_mode, directory_mode;     /* 0666, 0755 */
    uint32_t backlog;                       /* 4096 */
    const char *file_descriptor_name;       /* NULL: the socket unit's name (D9) */
    usec_t trigger_limit_interval;          /* 2 s */
    uint32_t trigger_limit_burst;           /* 20; 0 disables */
    usec_t timeout;
    usec_t proxy_connect_timeout, proxy_idle_timeout;                 /* 5 s; USEC_INFINITY */
    uint32_t proxy_connections_max, proxy_connections_max_per_source; /* 0: no limit */
    word_index proxy_protocol;                                        /* words_proxy_protocol */
    bool proxy_transparent;
    usec_t idle_stop; /* USEC_INFINITY: the service is not stopped for want of connections */
    struct origin proxy_target_origin, socket_user_origin, accept_origin;
};

/* Options of the listeners, and what nothing acts on, as struct unit_extra_section. */
struct socket_extra_section {
    struct command_list commands[SOCKET_COMMAND_COUNT];
    struct text_list symlinks;
    bool broadcast, flush_pending, free_bind, keep_alive, no_delay, pass_credentials, pass_packet_info, pass_pidfd;
    bool pass_security, reuse_port, selinux_context_from_net, transparent, writable, pass_fds_to_exec;
    bool accept_fds, trigger_limit_burst_set;
    word_index bind_ipv6_only, timestamping, defer_trigger; /* words_bind_ipv6_only, words_timestamping, ... */
    int32_t ip_tos, ip_ttl, mark, priority;                 /* -1 */
    int32_t protocol;                                       /* IPPROTO_SCTP, IPPROTO_UDPLITE, IPPROTO_MPTCP, 0 */
    uint32_t max_connections, max_connections_per_source;   /* 64, 0 */
    uint32_t keep_alive_probes, poll_limit_burst;
    int64_t mq_max_messages, mq_message_size;
    uint64_t pipe_size, receive_buffer, send_buffer; /* bytes */
    usec_t defer_accept, keep_alive_interval, keep_alive_time, poll_limit_interval, defer_trigger_max;
    const char *bind_to_device, *smack_label, *smack_label_in, *smack_label_out, *tcp_congestion, *tcp_wrap_name;
};
extern const char *const words_bind_ipv6_only[], *const words_timestamping[], *const words_defer_trigger[];
extern const char *const words_ip_tos[], *const words_netlink[];

#include "unit/settings_resource.h"
#include "unit/settings_sandbox.h"
#include "unit/settings_units.h"

/* ---- [Install] ---- */
struct install_section {
    struct text_list wanted_by, required_by, upheld_by, also, alias;
    const char *default_instance;
};

/* clang-format off */
#define UNIT_GROUPS(X) /* enumerator, member of struct unit_settings and struct unit, type */ \
    X(UNIT, unit, unit_section)             X(UNIT_EXTRA, unit_extra, unit_extra_section) \
    X(SERVICE_EXTRA, service_extra, service_extra_section)  X(PROBE, probe, probe_section)  X(SOCKET_EXTRA, socket_extra, socket_extra_section) \
    X(EXEC, exec, exec_section)          X(SANDBOX, sandbox, sandbox_section) \
    X(KILL, kill, kill_section)             X(RESOURCE, resource, resource_section) \
    X(SERVICE, service, service_section)    X(SOCKET, socket, socket_section)    X(TIMER, timer, timer_section) \
    X(PATH, path_unit, path_section)        X(MOUNT, mount, mount_section)       X(SCOPE, scope, scope_section) \
    X(INSTALL, install, install_section)
/* clang-format on */
struct unit_settings {
#define X(enumerator, member, type) struct type member;
    UNIT_GROUPS(X)
#undef X
};
/* What an empty unit file means; USEC_UNSET where the value depends on other settings. */
extern const struct unit_settings unit_settings_default;
