#include "supervisor/condition.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "supervisor/condition_tests.h"
#include "supervisor/exec_identity.h"
#include "supervisor/local_path.h"
#include "unit/expand.h"
#include "unit/unit.h"

/* ---- the kinds ---- */

/* What of the file system the look goes to, besides /proc and /sys. */
enum touches {
    TOUCHES_NOTHING,
    TOUCHES_PARAMETER, /* the path itself */
    TOUCHES_STAMP,     /* ".updated" in it */
    TOUCHES_PATTERN,
    TOUCHES_USERDB,
    TOUCHES_CREDENTIAL,
};
static const struct kind {
    condition_fn *test;
    enum touches touches;
    const char *paths[2]; /* and these */
} kinds[CONDITION_KIND_COUNT] = {
/* clang-format off */
#define CONTAINER "/run/systemd/container", "/run/host/container-manager" /* what says that we are in one */
    [CONDITION_AC_POWER]                 = { condition_ac_power,                 TOUCHES_NOTHING,     { NULL } },
    [CONDITION_ARCHITECTURE]             = { condition_architecture,             TOUCHES_NOTHING,     { NULL } },
    [CONDITION_CAPABILITY]               = { condition_capability,               TOUCHES_NOTHING,     { NULL } },
    [CONDITION_CONTROL_GROUP_CONTROLLER] = { condition_control_group_controller, TOUCHES_NOTHING,     { NULL } },
    [CONDITION_CPU_FEATURE]              = { condition_cpu_feature,              TOUCHES_NOTHING,     { NULL } },
    [CONDITION_CPU_PRESSURE]             = { condition_pressure,                 TOUCHES_NOTHING,     { NULL } },
    [CONDITION_CPUS]                     = { condition_cpus,                     TOUCHES_NOTHING,     { NULL } },
    [CONDITION_CREDENTIAL]               = { condition_credential,               TOUCHES_CREDENTIAL,  { NULL } },
    [CONDITION_DIRECTORY_NOT_EMPTY]      = { condition_directory_not_empty,      TOUCHES_PARAMETER,   { NULL } },
    [CONDITION_ENVIRONMENT]              = { condition_environment,              TOUCHES_NOTHING,     { NULL } },
    [CONDITION_FILE_IS_EXECUTABLE]       = { condition_file_is_executable,       TOUCHES_PARAMETER,   { NULL } },
    [CONDITION_FILE_NOT_EMPTY]           = { condition_file_not_empty,           TOUCHES_PARAMETER,   { NULL } },
    [CONDITION_FIRMWARE]                 = { condition_firmware,                 TOUCHES_NOTHING,     { CONTAINER } },
    [CONDITION_FIRST_BOOT]               = { condition_first_boot,               TOUCHES_NOTHING,     { CONTAINER } },
    [CONDITION_GROUP]                    = { condition_group,                    TOUCHES_USERDB,      { NULL } },
    [CONDITION_HOST]                     = { condition_host,                     TOUCHES_NOTHING,     { "/etc/machine-id", "/var/lib/dbus/machine-id" } },
    [CONDITION_IO_PRESSURE]              = { condition_pressure,                 TOUCHES_NOTHING,     { NULL } },
    [CONDITION_KERNEL_COMMAND_LINE]      = { condition_kernel_command_line,      TOUCHES_NOTHING,     { CONTAINER } },
    [CONDITION_KERNEL_MODULE_LOADED]     = { condition_kernel_module_loaded,     TOUCHES_NOTHING,     { NULL } },
    [CONDITION_KERNEL_VERSION]           = { condition_kernel_version,           TOUCHES_NOTHING,     { NULL } },
    [CONDITION_MEMORY]                   = { condition_memory,                   TOUCHES_NOTHING,     { NULL } },
    [CONDITION_MEMORY_PRESSURE]          = { condition_pressure,                 TOUCHES_NOTHING,     { NULL } },
    [CONDITION_NEEDS_UPDATE]             = { condition_needs_update,             TOUCHES_STAMP,       { "/usr" } },
    [CONDITION_OS_RELEASE]               = { condition_os_release,               TOUCHES_NOTHING,     { "/etc/os-release", "/usr/lib/os-release" } },
    [CONDITION_PATH_EXISTS]              = { condition_path_exists,              TOUCHES_PARAMETER,   { NULL } },
    [CONDITION_PATH_EXISTS_GLOB]         = { condition_path_exists_glob,         TOUCHES_PATTERN,     { NULL } },
    [CONDITION_PATH_IS_DIRECTORY]        = { condition_path_is_directory,        TOUCHES_PARAMETER,   { NULL } },
    [CONDITION_PATH_IS_ENCRYPTED]        = { condition_path_is_encrypted,        TOUCHES_PARAMETER,   { NULL } },
    [CONDITION_PATH_IS_MOUNT_POINT]      = { condition_path_is_mount_point,      TOUCHES_PARAMETER,   { NULL } },
    [CONDITION_PATH_IS_READ_WRITE]       = { condition_path_is_read_write,       TOUCHES_PARAMETER,   { NULL } },
    [CONDITION_PATH_IS_SOCKET]           = { condition_path_is_socket,           TOUCHES_PARAMETER,   { NULL } },
    [CONDITION_PATH_IS_SYMBOLIC_LINK]    = { condition_path_is_symbolic_link,    TOUCHES_PARAMETER,   { NULL } },
    [CONDITION_SECURITY]                 = { condition_security,                 TOUCHES_NOTHING,     { CONTAINER } },
    [CONDITION_USER]                     = { condition_user,                     TOUCHES_USERDB,      { NULL } },
    [CONDITION_VERSION]                  = { condition_version,                  TOUCHES_NOTHING,     { NULL } },
    [CONDITION_VIRTUALIZATION]           = { condition_virtualization,           TOUCHES_NOTHING,     { CONTAINER } },
#undef CONTAINER
    /* clang-format on */
};

/* ---- may PID 1 look itself? ---- */

/* A file in a directory, with the links that either may be. */
static bool file_is_local(const char *directory, const char *name)
{
    AUTO_STR struct str path = STR_EMPTY;
    return str_appendf(&path, "%s/%s", directory, name) == 0 && local_path_is(str_text(&path));
}

static bool credential_is_local(const struct condition_context *context, const char *name)
{
    static const char *const variables[] = { "CREDENTIALS_DIRECTORY", "ENCRYPTED_CREDENTIALS_DIRECTORY" };
    for (size_t i = 0; i < COUNT_OF(variables); i++) {
        const char *path = expand_lookup_environ(variables[i], strlen(variables[i]), (void *)context->environ);
        if (path && !file_is_local(path, name)) return false;
    }
    return true;
}

static bool is_local(const struct condition *c, const struct condition_context *context)
{
    const struct kind *kind = &kinds[c->kind];
    for (size_t i = 0; i < COUNT_OF(kind->paths); i++)
        if (kind->paths[i] && !local_path_is(kind->paths[i])) return false;
    switch (kind->touches) {
    case TOUCHES_NOTHING:
        break;
    case TOUCHES_PARAMETER:
        return local_path_is(c->parameter);
    case TOUCHES_STAMP:
        return file_is_local(c->parameter, ".updated");
    case TOUCHES_PATTERN:
        return local_path_is_pattern(c->parameter);
    case TOUCHES_USERDB:
        return !context->userdb || exec_userdb_is_local(context->userdb);
    case TOUCHES_CREDENTIAL:
        return credential_is_local(context, c->parameter);
    }
    return true;
}

bool conditions_are_local(const struct unit *unit, const struct condition_context *context)
{
    const struct condition_list *list = &unit->unit->conditions;
    for (uint32_t i = 0; i < list->count; i++)
        if (!is_local(&list->items[i], context)) return false;
    return true;
}

/* ---- one condition ---- */

int condition_test(const struct condition *c, const struct condition_context *context)
{
    int r = kinds[c->kind].test(context, c);
    return r < 0 ? r : (r > 0) != c->negate;
}

int condition_format(const struct condition *c, struct str *out)
{
    return str_appendf(out, "%s%s=%s%s%s", c->is_assert ? "Assert" : "Condition", condition_kind_name(c->kind),
                       c->trigger ? "|" : "", c->negate ? "!" : "", c->parameter);
}

/* ---- why not ---- */

static int append_environment_reason(const struct condition *c, const struct condition_context *context,
                                     struct str *reason)
{
    const char *equals = strchr(c->parameter, '=');
    size_t length = equals ? (size_t)(equals - c->parameter) : strlen(c->parameter);
    const char *have = expand_lookup_environ(c->parameter, length, (void *)context->environ);
    if (c->negate) return str_append(reason, " unmet");
    if (!have) return str_append(reason, " unset");
    return str_appendf(reason, " (have \"%s\", want \"%s\")", have, equals ? equals + 1 : "");
}

/* condition_test() gave `r`, 0 or less. */
static int describe(const struct condition *c, const struct condition_context *context, int r, struct str *reason)
{
    str_clear(reason);
    int appended = condition_format(c, reason);
    if (appended < 0) return appended;
    if (r < 0) return str_appendf(reason, " cannot be told: %s", strerror(-r));
    if (c->kind == CONDITION_ENVIRONMENT) return append_environment_reason(c, context, reason);
    if (c->kind == CONDITION_USER) return str_appendf(reason, " unmet (running as uid %u)", (unsigned)context->uid);
    return str_append(reason, " unmet");
}

/* ---- all of a unit ---- */

int conditions_hold(const struct unit *unit, const struct condition_context *context, struct str *ret_reason,
                    bool *ret_is_assert)
{
    const struct condition_list *list = &unit->unit->conditions;
    bool triggered[2] = { false, false }; /* of the conditions, of the assertions */
    const struct condition *last[2] = { NULL, NULL };
    int last_r[2] = { 0, 0 };

    for (uint32_t i = 0; i < list->count; i++) {
        const struct condition *c = &list->items[i];
        if (c->trigger && triggered[c->is_assert]) continue;
        int r = condition_test(c, context);
        if (r == -ENOMEM) return r;
        if (c->trigger) {
            triggered[c->is_assert] = r > 0;
            last[c->is_assert] = c;
            last_r[c->is_assert] = r;
        } else if (r <= 0) {
            *ret_is_assert = c->is_assert;
            return describe(c, context, r, ret_reason);
        }
    }
    for (int k = 0; k <= 1; k++) {
        if (!last[k] || triggered[k]) continue;
        *ret_is_assert = k == 1;
        return describe(last[k], context, last_r[k], ret_reason);
    }
    return 1;
}

int condition_list_test(const struct condition_list *list, bool asserts, const struct condition_context *context,
                        condition_tested_fn *tested, void *userdata)
{
    bool any = false, triggered = false;
    for (uint32_t i = list->count; i-- > 0;) {
        const struct condition *c = &list->items[i];
        if (c->is_assert != asserts) continue;
        int r = condition_test(c, context);
        if (tested) tested(c, r, userdata);
        if (!c->trigger && r <= 0) return 0;
        any |= c->trigger;
        triggered |= c->trigger && r > 0;
    }
    return !any || triggered;
}
