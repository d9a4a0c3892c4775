#include "unit/exit_status.h"

#include "base/parse.h"

#include <string.h>

enum class { LIBC, LSB, BSD, SYSTEMD };

static const struct exit_status {
    uint8_t status, class;
    const char *name;
} names[] = {
    /* clang-format off */
    { 0, LIBC, "SUCCESS" },           { 1, LIBC, "FAILURE" },
    { 2, LSB, "INVALIDARGUMENT" },    { 3, LSB, "NOTIMPLEMENTED" },     { 4, LSB, "NOPERMISSION" },
    { 5, LSB, "NOTINSTALLED" },       { 6, LSB, "NOTCONFIGURED" },      { 7, LSB, "NOTRUNNING" },
    { 64, BSD, "USAGE" },             { 65, BSD, "DATAERR" },           { 66, BSD, "NOINPUT" },
    { 67, BSD, "NOUSER" },            { 68, BSD, "NOHOST" },            { 69, BSD, "UNAVAILABLE" },
    { 70, BSD, "SOFTWARE" },          { 71, BSD, "OSERR" },             { 72, BSD, "OSFILE" },
    { 73, BSD, "CANTCREAT" },         { 74, BSD, "IOERR" },             { 75, BSD, "TEMPFAIL" },
    { 76, BSD, "PROTOCOL" },          { 77, BSD, "NOPERM" },            { 78, BSD, "CONFIG" },
    { 200, SYSTEMD, "CHDIR" },                  { 201, SYSTEMD, "NICE" },
    { 202, SYSTEMD, "FDS" },                    { 203, SYSTEMD, "EXEC" },
    { 204, SYSTEMD, "MEMORY" },                 { 205, SYSTEMD, "LIMITS" },
    { 206, SYSTEMD, "OOM_ADJUST" },             { 207, SYSTEMD, "SIGNAL_MASK" },
    { 208, SYSTEMD, "STDIN" },                  { 209, SYSTEMD, "STDOUT" },
    { 210, SYSTEMD, "CHROOT" },                 { 211, SYSTEMD, "IOPRIO" },
    { 212, SYSTEMD, "TIMERSLACK" },             { 213, SYSTEMD, "SECUREBITS" },
    { 214, SYSTEMD, "SETSCHEDULER" },           { 215, SYSTEMD, "CPUAFFINITY" },
    { 216, SYSTEMD, "GROUP" },                  { 217, SYSTEMD, "USER" },
    { 218, SYSTEMD, "CAPABILITIES" },           { 219, SYSTEMD, "CGROUP" },
    { 220, SYSTEMD, "SETSID" },                 { 221, SYSTEMD, "CONFIRM" },
    { 222, SYSTEMD, "STDERR" },                 { 224, SYSTEMD, "PAM" },
    { 225, SYSTEMD, "NETWORK" },                { 226, SYSTEMD, "NAMESPACE" },
    { 227, SYSTEMD, "NO_NEW_PRIVILEGES" },      { 228, SYSTEMD, "SECCOMP" },
    { 229, SYSTEMD, "SELINUX_CONTEXT" },        { 230, SYSTEMD, "PERSONALITY" },
    { 231, SYSTEMD, "APPARMOR" },               { 232, SYSTEMD, "ADDRESS_FAMILIES" },
    { 233, SYSTEMD, "RUNTIME_DIRECTORY" },      { 235, SYSTEMD, "CHOWN" },
    { 236, SYSTEMD, "SMACK_PROCESS_LABEL" },    { 237, SYSTEMD, "KEYRING" },
    { 238, SYSTEMD, "STATE_DIRECTORY" },        { 239, SYSTEMD, "CACHE_DIRECTORY" },
    { 240, SYSTEMD, "LOGS_DIRECTORY" },         { 241, SYSTEMD, "CONFIGURATION_DIRECTORY" },
    { 242, SYSTEMD, "NUMA_POLICY" },            { 243, SYSTEMD, "CREDENTIALS" },
    { 244, SYSTEMD, "BPF" },                    { 255, SYSTEMD, "EXCEPTION" },
    /* clang-format on */
};

static const struct exit_status *find(int status)
{
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (names[i].status == status) return &names[i];
    return NULL;
}

int exit_status_parse(const char *text, int *ret)
{
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (strcmp(text, names[i].name) != 0) continue;
        *ret = names[i].status;
        return 0;
    }
    uint64_t number = 0;
    int r = parse_integer(text, EXIT_STATUS_MAX, &number);
    if (r < 0) return r;
    *ret = (int)number;
    return 0;
}

const char *exit_status_name(int status)
{
    const struct exit_status *found = find(status);
    return found ? found->name : NULL;
}

const char *exit_status_class(int status)
{
    static const char *const classes[] = { [LIBC] = "libc", [LSB] = "LSB", [BSD] = "BSD", [SYSTEMD] = "systemd" };
    const struct exit_status *found = find(status);
    return found ? classes[found->class] : NULL;
}
