#include "unit/settings.h"

#include <signal.h>

const char *unit_relation_name(enum unit_relation relation)
{
    static const char *const names[] = {
#define X(enumerator, text) [UNIT_##enumerator] = text,
        UNIT_RELATIONS(X)
#undef X
    };
    return names[relation];
}

const char *condition_kind_name(enum condition_kind kind)
{
    static const char *const names[] = {
#define X(enumerator, text, parameter) [CONDITION_##enumerator] = text,
        CONDITIONS(X)
#undef X
    };
    return names[kind];
}

const char *service_command_name(enum service_command command)
{
    static const char *const names[] = {
#define X(enumerator, text) [SERVICE_EXEC_##enumerator] = text,
        SERVICE_COMMANDS(X)
#undef X
    };
    return names[command];
}

const char *service_type_name(enum service_type type)
{
    return words_service_type[type];
}

const char *listen_kind_word(enum listen_kind kind)
{
    static const char *const words[] = {
#define X(enumerator, word, directive) [LISTEN_##enumerator] = word,
        LISTEN_KINDS(X)
#undef X
    };
    return words[kind];
}

const char *listen_kind_directive(enum listen_kind kind)
{
    static const char *const names[] = {
#define X(enumerator, word, directive) [LISTEN_##enumerator] = directive,
        LISTEN_KINDS(X)
#undef X
    };
    return names[kind];
}

const char *service_restart_name(enum service_restart restart)
{
    return words_restart[restart];
}

#define DIRECTORY_DEFAULT                                                                                              \
    {                                                                                                                  \
        .mode = 0755                                                                                                   \
    }

const struct unit_settings unit_settings_default = {
    .unit = {
        .default_dependencies = true,
        .start_limit_interval = USEC_UNSET,
        .start_limit_burst = UINT32_MAX,
    },
    .unit_extra = {
        .on_failure_job_mode = 1, /* replace; words_job_mode */
        .ignore_on_isolate = TRISTATE_UNSET,
        .failure_action_status = -1,
        .success_action_status = -1,
        .job_timeout = USEC_INFINITY,
        .job_running_timeout = USEC_INFINITY,
    },
    .exec = {
        .umask = 0022,
        .streams = { { .kind = STD_NULL }, { .kind = STD_LOG }, { .kind = STD_INHERIT } },
        .ignore_sigpipe = true,
        .directories = { DIRECTORY_DEFAULT, DIRECTORY_DEFAULT, DIRECTORY_DEFAULT, DIRECTORY_DEFAULT, DIRECTORY_DEFAULT },
    },
    .resource = {
        .memory = { [MEMORY_GUARANTEES ... MEMORY_COUNT - 1] = UINT64_MAX },
        .weights = { [0 ... WEIGHT_COUNT - 1] = UINT64_MAX },
        .tasks_max = { .scale = UINT32_MAX },
        .cpu_quota = USEC_INFINITY,
        .cpu_quota_period = USEC_INFINITY,
        .cpu_accounting = true,
        .memory_accounting = true,
        .tasks_accounting = true,
        .oom_pressure_duration = USEC_INFINITY,
        .pressure_threshold = 200 * USEC_PER_MSEC,
        .zswap_writeback = true,
        .delegate_namespaces = UINT64_MAX,
    },
    .sandbox = {
        .capability_bounding_set = UINT64_MAX,
        .restrict_namespaces = UINT64_MAX,
        .system_call_error_number = SYSCALL_ACTION_KILL,
        .io_class = 2, /* IOPRIO_CLASS_BE */
        .io_priority = 4,
        .coredump_filter = 0x33,
        .timer_slack_nsec = UINT64_MAX,
        .timeout_clean = USEC_INFINITY,
        .tty_rows = UINT32_MAX,
        .tty_columns = UINT32_MAX,
        .syslog_facility = 3, /* daemon */
        .syslog_level = 6,    /* info */
        .log_level_max = -1,
        .syslog_level_prefix = true,
    },
    .kill = {
        .mode = KILL_CONTROL_GROUP,
        .signal = SIGTERM,
        .restart_signal = SIGTERM,
        .final_signal = SIGKILL,
        .watchdog_signal = SIGABRT,
        .send_sigkill = true,
    },
    .service = {
        .type = SERVICE_SIMPLE,
        .restart = RESTART_NO,
        .restart_usec = 100 * USEC_PER_MSEC,
        .timeout_start = USEC_UNSET,
        .timeout_stop = USEC_UNSET,
    },
    .service_extra = {
        .oom_policy = OOM_POLICY_UNSET,
        .fd_store_preserve = 2, /* restart; words_fd_store_preserve */
        .guess_main_pid = true,
        .reload_signal = SIGHUP,
        .runtime_max = USEC_INFINITY,
        .restart_max_delay = USEC_INFINITY,
    },
    .probe = {
        .ready_interval = 250 * USEC_PER_MSEC,
        .ready_timeout = 5 * USEC_PER_SEC,
        .ready_threshold = 1,
        .health_interval = 30 * USEC_PER_SEC,
        .health_timeout = 30 * USEC_PER_SEC,
        .health_retries = 3,
    },
    .socket = {
        .activation_mode = ACTIVATION_NATIVE,
        .socket_mode = 0666,
        .directory_mode = 0755,
        .backlog = INT32_MAX, /* the kernel's bound holds */
        .trigger_limit_interval = 2 * USEC_PER_SEC,
        .trigger_limit_burst = 20,
        .timeout = 90 * USEC_PER_SEC,
        .proxy_connect_timeout = 5 * USEC_PER_SEC,
        .proxy_idle_timeout = USEC_INFINITY,
        .idle_stop = USEC_INFINITY,
    },
    .socket_extra = {
        .ip_tos = -1,
        .ip_ttl = -1,
        .mark = -1,
        .priority = -1,
        .accept_fds = true,
        .max_connections = 64,
        .poll_limit_interval = 2 * USEC_PER_SEC,
        .poll_limit_burst = UINT32_MAX,
        .defer_trigger_max = USEC_INFINITY,
    },
    .timer = { .accuracy = 60 * USEC_PER_SEC, .remain_after_elapse = true },
    .path_unit = { .directory_mode = 0755, .trigger_limit_interval = 2 * USEC_PER_SEC, .trigger_limit_burst = 200 },
    .mount = { .directory_mode = 0755, .priority = -1, .timeout = 90 * USEC_PER_SEC },
    .scope = {
        .runtime_max = USEC_INFINITY,
        .timeout_stop = 90 * USEC_PER_SEC,
        .concurrency_hard_max = UINT32_MAX,
        .concurrency_soft_max = UINT32_MAX,
    },
};
