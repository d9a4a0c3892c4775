/* What the settings of systemd.exec(5) and systemd.kill(5) imply for each other once a unit was read. */
#include "unit/values_exec.h"

#include "base/arena.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CAPABILITY(number) (UINT64_C(1) << (number))
#define CAP_SYS_MODULE     16
#define CAP_SYS_RAWIO      17
#define CAP_SYS_TIME       25
#define CAP_MKNOD          27
#define CAP_SYSLOG         34
#define CAP_WAKE_ALARM     35
#define USER_NAME_MAX      31

/* systemd.exec(5), StandardOutput= of services: inherited where standard input is a terminal or a connection; where it
 * is not, systemd logs instead of inheriting. Data takes the place of nothing. */
static void finish_streams(const struct fragment_context *context, struct unit_settings *settings)
{
    struct exec_stream *streams = settings->exec.streams;
    /* The root file system is there before any log is: systemd's perpetual mount has neither. */
    if (!streams[1].origin.file && strcmp(context->unit_name, "-.mount") == 0) streams[1].kind = STD_NULL;
    if (context->kind != UNIT_KIND_SERVICE) return;
    enum exec_std input = streams[0].kind;
    bool two_way = input == STD_TTY || input == STD_SOCKET || input == STD_FD;
    if (two_way && !streams[1].origin.file) streams[1].kind = STD_INHERIT;
    if (!two_way && !context->native && streams[1].kind == STD_INHERIT) streams[1].kind = STD_LOG;
    if (input == STD_NULL && settings->sandbox.standard_input_data.size > 0) streams[0].variant = STD_DATA;
}

/* A name that useradd(8) would take. */
static bool user_name_is_strict(const char *name, size_t length)
{
    if (length == 0 || length > USER_NAME_MAX) return false;
    for (size_t i = 0; i < length; i++) {
        char c = name[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        if (!letter && (i == 0 || ((c < '0' || c > '9') && c != '-'))) return false;
    }
    return true;
}

/* systemd.exec(5), DynamicUser=: what else it turns on. The user is named after the unit, but does not exist here: a
 * unit that is run has User= or none. */
static int finish_dynamic_user(struct arena *arena, const struct fragment_context *context,
                               struct unit_settings *settings)
{
    struct sandbox_section *sandbox = &settings->sandbox;
    const char *unit_name = context->unit_name;
    size_t length = strcspn(unit_name, "@");
    const char *dot = strrchr(unit_name, '.');
    if (dot && (size_t)(dot - unit_name) < length) length = (size_t)(dot - unit_name);
    if (context->describe && !settings->exec.user && user_name_is_strict(unit_name, length)) {
        settings->exec.user = arena_strndup(arena, unit_name, length);
        if (!settings->exec.user) return -ENOMEM;
    }
    if (context->describe && !settings->exec.group) settings->exec.group = settings->exec.user;
    sandbox->private_tmp = sandbox->remove_ipc = sandbox->no_new_privileges = sandbox->restrict_suid_sgid = true;
    if (sandbox->protect_system == PROTECT_SYSTEM_NO) sandbox->protect_system = PROTECT_SYSTEM_STRICT;
    if (sandbox->protect_home == PROTECT_HOME_NO) sandbox->protect_home = PROTECT_HOME_READ_ONLY;
    return 0;
}

static void finish_capabilities(struct sandbox_section *sandbox)
{
    uint64_t lost = 0;
    if (sandbox->private_devices) lost |= CAPABILITY(CAP_MKNOD) | CAPABILITY(CAP_SYS_RAWIO);
    if (sandbox->protect_kernel_modules) lost |= CAPABILITY(CAP_SYS_MODULE);
    if (sandbox->protect_kernel_logs) lost |= CAPABILITY(CAP_SYSLOG);
    if (sandbox->protect_clock) lost |= CAPABILITY(CAP_SYS_TIME) | CAPABILITY(CAP_WAKE_ALARM);
    sandbox->capability_bounding_set &= ~lost;
}

int exec_finish(struct arena *arena, const struct fragment_context *context, struct unit_settings *settings)
{
    struct sandbox_section *sandbox = &settings->sandbox;
    finish_streams(context, settings);
    finish_capabilities(sandbox);
    bool new_root = sandbox->root_image || (sandbox->root_directory && strcmp(sandbox->root_directory, "/") != 0);
    if (!sandbox->mount_api_vfs_written && new_root) sandbox->mount_api_vfs = true;
    if (!settings->kill.restart_signal_set) settings->kill.restart_signal = settings->kill.signal;
    return sandbox->dynamic_user ? finish_dynamic_user(arena, context, settings) : 0;
}
