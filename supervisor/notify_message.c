#include "supervisor/notify_message.h"

#include <errno.h>
#include <string.h>

#include "base/parse.h"
#include "unit/settings.h"

#define FD_NAME_MAX 255

/* ---- values ---- */

typedef bool field_fn(const char *value, void *slot);

static bool field_text(const char *value, void *slot)
{
    const char **text = slot;
    if (!*text) *text = value;
    return true;
}

static bool field_pid(const char *value, void *slot)
{
    uint32_t pid;
    if (parse_u32(value, 1, INT32_MAX, &pid) < 0) return false;
    pid_t *target = slot;
    if (*target == 0) *target = (pid_t)pid;
    return true;
}

static bool field_id(const char *value, void *slot)
{
    uint64_t id, *target = slot;
    if (parse_u64(value, 1, UINT64_MAX, &id) < 0) return false;
    if (*target == 0) *target = id;
    return true;
}

static bool field_usec(const char *value, void *slot)
{
    usec_t span, *target = slot;
    if (parse_u64(value, 0, USEC_INFINITY - 1, &span) < 0) return false;
    if (*target == USEC_INFINITY) *target = span;
    return true;
}

static bool field_number(const char *value, int32_t max, int32_t *target)
{
    uint32_t number;
    if (parse_u32(value, 0, (uint32_t)max, &number) < 0) return false;
    if (*target < 0) *target = (int32_t)number;
    return true;
}

static bool field_errno(const char *value, void *slot)
{
    return field_number(value, 4095, slot); /* MAX_ERRNO of Linux */
}

static bool field_exit_status(const char *value, void *slot)
{
    return field_number(value, 255, slot);
}

static bool field_access(const char *value, void *slot)
{
    int *target = slot;
    for (int i = 0; words_notify_access[i]; i++) {
        if (strcmp(words_notify_access[i], value) != 0) continue;
        if (*target < 0) *target = i;
        return true;
    }
    return false;
}

/* ---- names ---- */

/* clang-format off */
static const struct {
    const char *line;
    unsigned flag;
} flags[] = {
    { "READY=1", NOTIFY_READY },             { "RELOADING=1", NOTIFY_RELOADING },
    { "STOPPING=1", NOTIFY_STOPPING },       { "WATCHDOG=1", NOTIFY_WATCHDOG },
    { "FDSTORE=1", NOTIFY_FDSTORE },         { "WATCHDOG=trigger", NOTIFY_WATCHDOG_TRIGGER },
    { "BARRIER=1", NOTIFY_BARRIER },         { "FDSTOREREMOVE=1", NOTIFY_FDSTOREREMOVE },
    { "FDPOLL=0", NOTIFY_FDPOLL_OFF },       { "RESTART_RESET=1", NOTIFY_RESTART_RESET },
    { "MAINPIDFD=1", NOTIFY_MAINPIDFD },
};
#define FIELD(text, member, parser) { text "=", parser, offsetof(struct notify_message, member) }
static const struct {
    const char *name;
    field_fn *parse;
    size_t offset;
} fields[] = {
    FIELD("STATUS", status, field_text),
    FIELD("ERRNO", error, field_errno),
    FIELD("BUSERROR", bus_error, field_text),
    FIELD("VARLINKERROR", varlink_error, field_text),
    FIELD("EXIT_STATUS", exit_status, field_exit_status),
    FIELD("MAINPID", main_pid, field_pid),
    FIELD("MAINPIDFDID", main_pidfd_id, field_id),
    FIELD("WATCHDOG_USEC", watchdog, field_usec),
    FIELD("EXTEND_TIMEOUT_USEC", extend_timeout, field_usec),
    FIELD("MONOTONIC_USEC", monotonic, field_usec),
    FIELD("FDNAME", fd_name, field_text),
    FIELD("NOTIFYACCESS", notify_access, field_access),
};
#undef FIELD
/* clang-format on */

static void parse_line(const char *line, struct notify_message *m)
{
    for (size_t i = 0; i < COUNT_OF(flags); i++) {
        if (strcmp(flags[i].line, line) != 0) continue;
        m->flags |= flags[i].flag;
        return;
    }
    for (size_t i = 0; i < COUNT_OF(fields); i++) {
        size_t length = strlen(fields[i].name);
        if (strncmp(fields[i].name, line, length) != 0) continue;
        if (!fields[i].parse(line + length, (char *)m + fields[i].offset) && !m->bad) m->bad = fields[i].name;
        return;
    }
}

int notify_message_parse(char *text, size_t size, struct notify_message *ret)
{
    struct notify_message m = { .error = -1,
                                .exit_status = -1,
                                .notify_access = -1,
                                .watchdog = USEC_INFINITY,
                                .extend_timeout = USEC_INFINITY,
                                .monotonic = USEC_INFINITY };
    *ret = m;
    if (size > 0 && text[size - 1] == '\0') size--;
    if (size == 0 || memchr(text, '\0', size)) return -EBADMSG;
    text[size] = '\0';
    for (char *line = text, *end; line; line = end) {
        end = strchr(line, '\n');
        if (end) *end++ = '\0';
        parse_line(line, &m);
    }
    *ret = m;
    return 0;
}

bool notify_fd_name_is_valid(const char *name)
{
    size_t length = 0;
    for (; name[length] != '\0'; length++)
        if (name[length] < ' ' || name[length] > '~' || name[length] == ':') return false;
    return length <= FD_NAME_MAX;
}
