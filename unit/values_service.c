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
    static const struct word_value types[] = {
        { "simple", SERVICE_SIMPLE },
        { "exec", SERVICE_EXEC },
        { "forking", SERVICE_FORKING },
        { "oneshot", SERVICE_ONESHOT },
        { "notify", -1 },
        { "notify-reload", -1 },
        { "dbus", -1 },
        { "idle", -1 },
    };
    const char *text;
    int type, r = parse_text(p, value, &text);
    if (r <= 0) return r;
    if (!word_lookup(types, COUNT_OF(types), text, &type)) {
        parse_bad(p, value, 0, "bad-type", "one of simple, exec, forking, oneshot");
    } else if (type < 0) {
        parse_report(p, DIAG_ERROR, value, 0, "unsupported-value", "simple, exec, forking and oneshot are",
                     "Type=%s is not built yet", text);
    } else {
        *(enum service_type *)slot = (enum service_type)type;
        p->settings->service.type_set = true;
    }
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
        int r = parse_word(p, value, &cursor, WORD_KEEP_BACKSLASH | WORD_LENIENT, &offset), number;
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
    str_clear(&p->scratch);
    r = text[0] == '/' ? 0 : str_append(&p->scratch, "/run/");
    if (r == 0) r = str_append(&p->scratch, text);
    if (r < 0) return r;
    if (!path_is_usable(str_text(&p->scratch)) || !path_is_normalized(str_text(&p->scratch))) {
        parse_bad(p, value, 0, "bad-path", "a path without '.' and '..'");
        return 0;
    }
    return parse_keep(p, str_text(&p->scratch), target);
}
