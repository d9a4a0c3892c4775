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
    static const char *const names[] = {
        [SERVICE_SIMPLE] = "simple",
        [SERVICE_EXEC] = "exec",
        [SERVICE_FORKING] = "forking",
        [SERVICE_ONESHOT] = "oneshot",
    };
    return names[type];
}

const char *service_restart_name(enum service_restart restart)
{
    static const char *const names[] = {
        [RESTART_NO] = "no",
        [RESTART_ON_SUCCESS] = "on-success",
        [RESTART_ON_FAILURE] = "on-failure",
        [RESTART_ON_ABNORMAL] = "on-abnormal",
        [RESTART_ON_ABORT] = "on-abort",
        [RESTART_ON_WATCHDOG] = "on-watchdog",
        [RESTART_ALWAYS] = "always",
    };
    return names[restart];
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
    .exec = {
        .umask = 0022,
        .streams = { { .kind = STD_NULL }, { .kind = STD_LOG }, { .kind = STD_INHERIT } },
        .ignore_sigpipe = true,
        .directories = { DIRECTORY_DEFAULT, DIRECTORY_DEFAULT, DIRECTORY_DEFAULT, DIRECTORY_DEFAULT, DIRECTORY_DEFAULT },
    },
    .resource = { .memory_max = UINT64_MAX },
    .kill = { .mode = KILL_CONTROL_GROUP, .signal = SIGTERM, .send_sigkill = true },
    .service = {
        .type = SERVICE_SIMPLE,
        .restart = RESTART_NO,
        .restart_usec = 100 * USEC_PER_MSEC,
        .timeout_start = USEC_UNSET,
        .timeout_stop = USEC_UNSET,
    },
    .socket = {
        .activation_mode = ACTIVATION_NATIVE,
        .socket_mode = 0666,
        .directory_mode = 0755,
        .backlog = 4096,
        .trigger_limit_interval = 2 * USEC_PER_SEC,
        .trigger_limit_burst = 20,
        .timeout = 90 * USEC_PER_SEC,
    },
};
