/* The values of [Service]. */
#include "unit/values.h"

#include "base/arena.h"
#include "base/parse.h"
#include "unit/command.h"
#include "unit/exit_status.h"
#include "unit/words.h"

#include <errno.h>
#include <string.h>

int value_commands(struct parse *p, const struct directive *directive UNUSED, const struct value *value, void *slot)
{
    return command_parse(p, value, slot);
}

int value_service_type(struct parse *p, const struct directive *directive UNUSED, const struct value *value, void *slot)
{
    const char *text;
    int type = 0, r = parse_text(p, value, &text);
    if (r <= 0) return r;
    while (words_service_type[type] && strcmp(words_service_type[type], text) != 0) type++;
    if (!words_service_type[type]) {
        parse_bad(p, value, 0, "bad-type", "one of simple, exec, forking, oneshot, dbus, notify, notify-reload, idle");
        return 0;
    }
    *(enum service_type *)slot = (enum service_type)type;
    p->settings->service.type_set = true;
    return 0;
}

int value_restart(struct parse *p, const struct directive *directive UNUSED, const struct value *value, void *slot)
{
    const char *text;
    int r = parse_text(p, value, &text);
    if (r <= 0) return r;
    for (enum service_restart restart = 0; restart < RESTART_COUNT; restart++)
        if (strcmp(text, service_restart_name(restart)) == 0) {
            *(enum service_restart *)slot = restart;
            return 0;
        }
    parse_bad(p, value, 0, "bad-restart",
              "one of no, on-success, on-failure, on-abnormal, on-abort, on-watchdog, always");
    return 0;
}

/* Exit statuses by number or name, signals by name. */
int value_exit_set(struct parse *p, const struct directive *directive UNUSED, const struct value *value, void *slot)
{
    struct exit_set **set = slot;
    const char *cursor = value->text;
    size_t offset;
    if (value->length == 0) *set = NULL;
    for (;;) {
        int r = parse_word(p, value, &cursor, WORD_LENIENT, &offset), number;
        if (r <= 0) return r == -ENOMEM ? r : 0;
        const char *word = str_text(&p->scratch);
        bool is_status = exit_status_parse(word, &number) == 0; /* first: a number is never a signal */
        if (!is_status && parse_signal(word, &number) < 0) {
            parse_bad(p, value, offset, "bad-exit-status", "a list of exit statuses and signals");
            continue;
        }
        if (!*set && !(*set = arena_alloc(p->arena, sizeof **set))) return -ENOMEM;
        if (is_status)
            (*set)->status[number / 32] |= UINT32_C(1) << (number % 32);
        else
            (*set)->signals |= UINT64_C(1) << (number - 1);
    }
}

/* A relative path lies below /run. */
int value_pid_file(struct parse *p, const struct directive *directive UNUSED, const struct value *value, void *slot)
{
    const char *text, **target = slot;
    int r = parse_text(p, value, &text);
    if (r <= 0) return r;
    if (*text == '\0') {
        *target = NULL;
        return 0;
    }
    char *path = arena_printf(p->arena, "%s%s", text[0] == '/' ? "" : "/run/", text);
    if (!path) return -ENOMEM;
    if (!p->context->native) path_simplify(path), path_leave_var_run(path);
    if (path_is_usable(path) && path_is_normalized(path)) {
        *target = path;
        return 0;
    }
    parse_bad(p, value, 0, "bad-path", "a path without '.' and '..'");
    p->broken = !p->context->native; /* systemd does not read on */
    return 0;
}

/* A descriptor behind the standard streams. The bound keeps it below the usual soft limit. */
int value_notify_fd(struct parse *p, const struct directive *directive UNUSED, const struct value *value, void *slot)
{
    const char *text;
    int r = parse_text(p, value, &text);
    if (r <= 0) return r;
    *(uint32_t *)slot = 0;
    if (*text && parse_u32(text, 3, 1023, slot) < 0)
        parse_bad(p, value, 0, "bad-integer", "the number of a descriptor, from 3 to 1023");
    return 0;
}

/* Sockets=: what is no socket is left out. */
int value_sockets(struct parse *p, const struct directive *directive, const struct value *value, void *slot)
{
    struct unit_ref_list *list = slot;
    uint32_t before = list->count, kept = before;
    int r = value_units(p, directive, value, slot);
    for (uint32_t i = before; i < list->count; i++) {
        if (p->context->native || unit_kind_of_name(list->items[i].name) == UNIT_KIND_SOCKET)
            list->items[kept++] = list->items[i];
        else
            parse_bad(p, value, 0, "bad-unit-name", "a list of socket units");
    }
    list->count = kept;
    return r;
}

/* An empty value is TimeoutStopSec= again. */
int value_timeout_abort(struct parse *p, const struct directive *directive, const struct value *value, void *slot)
{
    usec_t span = USEC_UNSET;
    int r = value->length > 0 ? value_timespan(p, directive, value, &span) : 0;
    if (span == USEC_UNSET && value->length > 0) return r;
    p->settings->service_extra.timeout_abort_set = value->length > 0;
    *(usec_t *)slot = span;
    return r;
}

/* D-Bus specification, "Bus names": at least two elements of letters, digits, "_" and "-", none beginning with a digit.
 */
static bool is_bus_name(const char *name)
{
    bool dot = false;
    if (strlen(name) > 255) return false;
    bool unique = *name == ':'; /* ":1.5": given by the bus, and digits may stand anywhere */
    for (const char *p = name + unique;; p++) {
        size_t length = 0;
        for (; *p != '.' && *p != '\0'; p++, length++) {
            bool letter = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || *p == '_' || *p == '-';
            if (!letter && ((length == 0 && !unique) || *p < '0' || *p > '9')) return false;
        }
        if (length == 0) return false;
        if (*p == '\0') return dot;
        dot = true;
    }
}

int value_bus_name(struct parse *p, const struct directive *directive UNUSED, const struct value *value, void *slot)
{
    const char *text;
    int r = parse_text(p, value, &text);
    if (r <= 0) return r;
    if (is_bus_name(text)) return parse_keep(p, text, slot);
    parse_bad(p, value, 0, "bad-value", "the name of a bus service");
    return 0;
}

static bool is_open_file_option(const char *text, size_t length)
{
    for (size_t i = 0; words_open_file[i]; i++)
        if (strlen(words_open_file[i]) == length && strncmp(words_open_file[i], text, length) == 0) return true;
    return false;
}

/* PATH[:NAME[:OPTION,...]] */
int value_open_file(struct parse *p, const struct directive *directive UNUSED, const struct value *value, void *slot)
{
    struct text_list *list = slot;
    const char *text;
    int r = parse_text(p, value, &text);
    if (r <= 0) return r;
    if (*text == '\0') {
        list->count = 0;
        return 0;
    }
    const char *name = strchr(text, ':'), *options = name ? strchr(name + 1, ':') : NULL;
    bool valid = text[0] == '/' && (!options || !strchr(options + 1, ':'));
    for (; valid && options && *options; options += strcspn(options, ",")) {
        options++;
        valid = is_open_file_option(options, strcspn(options, ","));
    }
    if (valid) return list_push_text(p, list, text);
    parse_bad(p, value, 0, "bad-value", "/PATH:NAME:OPTIONS");
    return 0;
}
