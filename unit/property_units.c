/* The shapes of the lists that services, sockets, timers and paths have, and of what a unit as a whole is. */
#include "unit/property_internal.h"

#include "base/parse.h"
#include "base/timespan.h"
#include "unit/listen.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

static int append_json(struct str *out, const char *text)
{
    return json_write_string(out, text ? text : "", text ? strlen(text) : 0);
}

/* What stands before item `i` of an array. */
static int begin_item(struct str *out, uint32_t i)
{
    return i > 0 ? str_append(out, ", ") : 0;
}

/* What stands before line `i` of a property that is printed as several. */
static int begin_line(struct str *out, uint32_t i)
{
    return i > 0 ? str_append_char(out, PROPERTY_NEXT_LINE) : 0;
}

static int json_pair(struct str *out, uint32_t i, const char *first, const char *second)
{
    int r = begin_item(out, i);
    if (r == 0) r = str_append_char(out, '[');
    if (r == 0) r = append_json(out, first);
    if (r == 0) r = str_append(out, ", ");
    if (r == 0) r = append_json(out, second);
    return r < 0 ? r : str_append_char(out, ']');
}

static int end_array(struct str *out, int r)
{
    return r < 0 ? r : str_append_char(out, ']');
}

/* ---- words and numbers ---- */

static const char *enum_of(const struct property_value *value)
{
    return ((const char *const *)value->argument)[*(const unsigned *)value->slot];
}

static int enum_text(const struct property_value *value, struct str *out)
{
    return str_append(out, enum_of(value));
}

static int enum_json(const struct property_value *value, struct str *out)
{
    return append_json(out, enum_of(value));
}
const struct property_shape property_enum_word = { enum_text, enum_json };

static int status_json(const struct property_value *value, struct str *out)
{
    return str_appendf(out, "%" PRId32, *(const int32_t *)value->slot);
}

static int status_text(const struct property_value *value, struct str *out)
{
    return *(const int32_t *)value->slot < 0 ? str_append(out, "[not set]") : status_json(value, out);
}
const struct property_shape property_action_status = { status_text, status_json };

static int never_text(const struct property_value *value UNUSED, struct str *out)
{
    return str_append(out, "infinity");
}

static int never_json(const struct property_value *value UNUSED, struct str *out)
{
    return json_write_u64(out, UINT64_MAX);
}
const struct property_shape property_never = { never_text, never_json };

static int nothing_text(const struct property_value *value UNUSED, struct str *out UNUSED)
{
    return 0;
}

static int nothing_json(const struct property_value *value UNUSED, struct str *out)
{
    return str_append(out, "[]");
}
const struct property_shape property_no_list = { nothing_text, nothing_json };

/* ---- command lines ---- */

static const struct {
    uint32_t flag;
    const char *word;
} command_words[] = {
    { COMMAND_IGNORE_FAILURE, "ignore-failure" }, { COMMAND_FULL_PRIVILEGE, "privileged" },
    { COMMAND_NO_SETUID, "no-setuid" },           { COMMAND_AMBIENT, "ambient" },
    { COMMAND_NO_EXPAND, "no-env-expand" },
};

static int command_json(const struct command *command, uint32_t shown, struct str *out)
{
    int r = str_append(out, "{\"path\": ");
    if (r == 0) r = append_json(out, command->program);
    if (r == 0) r = str_append(out, ", \"argv\": ");
    if (r == 0) r = property_words_json(command->argv, command->argc, out);
    if (r == 0) r = str_append(out, ", \"flags\": [");
    uint32_t count = 0;
    for (size_t i = 0; r == 0 && i < COUNT_OF(command_words); i++) {
        if (!(command->flags & shown & command_words[i].flag)) continue;
        r = begin_item(out, count++);
        if (r == 0) r = append_json(out, command_words[i].word);
    }
    return r < 0 ? r : str_append(out, "]}");
}

static int print_commands_json(const struct property_value *value, uint32_t shown, struct str *out)
{
    const struct command_list *list = value->slot;
    int r = str_append_char(out, '[');
    for (uint32_t i = 0; r == 0 && i < list->count; i++) {
        r = begin_item(out, i);
        if (r == 0) r = command_json(&list->items[i], shown, out);
    }
    return end_array(out, r);
}

/* Of the older form only whether a failure counts is said. */
static int command_text(const struct command *command, bool extended, struct str *out)
{
    int r = str_appendf(out, "{ path=%s ; argv[]=", command->program);
    for (uint32_t i = 0; r == 0 && i < command->argc; i++)
        r = str_appendf(out, "%s%s", i > 0 ? " " : "", command->argv[i]);
    if (r == 0 && !extended)
        r = str_appendf(out, " ; ignore_errors=%s", command->flags & COMMAND_IGNORE_FAILURE ? "yes" : "no");
    if (r == 0 && extended) r = str_append(out, " ; flags=");
    uint32_t count = 0;
    for (size_t i = 0; r == 0 && extended && i < COUNT_OF(command_words); i++)
        if (command->flags & command_words[i].flag)
            r = str_appendf(out, "%s%s", count++ > 0 ? " " : "", command_words[i].word);
    if (r < 0) return r;
    return str_append(out, " ; start_time=[n/a] ; stop_time=[n/a] ; pid=0 ; code=(null) ; status=0/0 }");
}

static int print_commands(const struct property_value *value, bool extended, struct str *out)
{
    const struct command_list *list = value->slot;
    int r = 0;
    for (uint32_t i = 0; r == 0 && i < list->count; i++) {
        r = begin_line(out, i);
        if (r == 0) r = command_text(&list->items[i], extended, out);
    }
    return r;
}

static int commands_text(const struct property_value *value, struct str *out)
{
    return print_commands(value, false, out);
}

static int commands_ex_text(const struct property_value *value, struct str *out)
{
    return print_commands(value, true, out);
}
static int commands_json(const struct property_value *value, struct str *out)
{
    return print_commands_json(value, UINT32_MAX, out);
}

/* Those of sockets have the older form only, which knows no other flag. */
static int commands_old_json(const struct property_value *value, struct str *out)
{
    return print_commands_json(value, COMMAND_IGNORE_FAILURE, out);
}
const struct property_shape property_commands = { commands_text, commands_json };
const struct property_shape property_commands_ex = { commands_ex_text, commands_json };
const struct property_shape property_commands_old = { commands_text, commands_old_json };

/* ---- exit statuses ---- */

static int exit_set_json(const struct property_value *value, struct str *out)
{
    const struct exit_set *set = *(struct exit_set *const *)value->slot;
    uint32_t count = 0;
    int r = str_append(out, "[[");
    for (int i = 0; r == 0 && i < 256; i++)
        if (exit_set_has_status(set, i)) r = str_appendf(out, "%s%d", count++ > 0 ? ", " : "", i);
    if (r == 0) r = str_append(out, "], [");
    count = 0;
    for (int i = 1; r == 0 && i <= 64; i++)
        if (exit_set_has_signal(set, i)) r = str_appendf(out, "%s%d", count++ > 0 ? ", " : "", i);
    return r < 0 ? r : str_append(out, "]]");
}

/* Signals without "SIG". */
static int exit_set_text(const struct property_value *value, struct str *out)
{
    const struct exit_set *set = *(struct exit_set *const *)value->slot;
    uint32_t count = 0;
    int r = 0;
    for (int i = 0; r == 0 && i < 256; i++)
        if (exit_set_has_status(set, i)) r = str_appendf(out, "%s%d", count++ > 0 ? " " : "", i);
    for (int i = 1; r == 0 && i <= 64; i++)
        if (exit_set_has_signal(set, i)) r = str_appendf(out, "%s%s", count++ > 0 ? " " : "", signal_name(i) + 3);
    return r;
}
const struct property_shape property_exit_set = { exit_set_text, exit_set_json };

/* ---- sockets ---- */

/* In the native directories a listener may have a form that systemd does not know: it is shown as written. */
static int listener(const struct socket_listen *listen, struct str *out)
{
    AUTO_STR struct str normal = STR_EMPTY;
    int r = listen_normalize(listen->kind, listen->text, &normal);
    if (r == -ENOMEM) return r;
    return str_append(out, r < 0 ? listen->text : str_text(&normal));
}

static int listens_json(const struct property_value *value, struct str *out)
{
    const struct socket_listen_list *list = value->slot;
    int r = str_append_char(out, '[');
    for (uint32_t i = 0; r == 0 && i < list->count; i++) {
        AUTO_STR struct str text = STR_EMPTY;
        r = listener(&list->items[i], &text);
        if (r == 0) r = json_pair(out, i, listen_kind_word(list->items[i].kind), str_text(&text));
    }
    return end_array(out, r);
}

static int listens_text(const struct property_value *value, struct str *out)
{
    const struct socket_listen_list *list = value->slot;
    int r = 0;
    for (uint32_t i = 0; r == 0 && i < list->count; i++) {
        r = begin_line(out, i);
        if (r == 0) r = listener(&list->items[i], out);
        if (r == 0) r = str_appendf(out, " (%s)", listen_kind_word(list->items[i].kind));
    }
    return r;
}
const struct property_shape property_listens = { listens_text, listens_json };

static const char *descriptor_name(const struct property_value *value)
{
    const char *name = *(const char *const *)value->slot;
    return name ? name : value->context->unit->name;
}

static int descriptor_text(const struct property_value *value, struct str *out)
{
    return str_append(out, descriptor_name(value));
}

static int descriptor_json(const struct property_value *value, struct str *out)
{
    return append_json(out, descriptor_name(value));
}
const struct property_shape property_descriptor_name = { descriptor_text, descriptor_json };

/* ---- timers and paths: what was written last comes first ---- */

static const char *base_property(enum timer_base base)
{
    static const char *const names[] = {
#define X(enumerator, directive, property) [TIMER_##enumerator] = property,
        TIMER_BASES(X)
#undef X
    };
    return names[base];
}

static int print_timers(const struct property_value *value, bool calendar, bool json, struct str *out)
{
    const struct timer_value_list *list = value->slot;
    uint32_t count = 0;
    int r = 0;
    for (uint32_t i = list->count; r == 0 && i-- > 0;) {
        const struct timer_value *timer = &list->items[i];
        const char *name = base_property(timer->base);
        char span[TIMESPAN_TEXT_MAX];
        if ((timer->base == TIMER_CALENDAR) != calendar) continue;
        if (json && calendar) {
            r = json_pair(out, count, name, timer->calendar);
        } else if (json) {
            r = str_appendf(out, "%s[\"%s\", %" PRIu64 "]", count > 0 ? ", " : "", name, timer->span);
        } else {
            r = begin_line(out, count);
            const char *text = calendar ? timer->calendar : timespan_format(timer->span, 1, span);
            if (r == 0) r = str_appendf(out, "{ %s=%s ; next_elapse=%s }", name, text, calendar ? "n/a" : "0");
        }
        count++;
    }
    return r;
}

static int calendar_text(const struct property_value *value, struct str *out)
{
    return print_timers(value, true, false, out);
}

static int calendar_json(const struct property_value *value, struct str *out)
{
    int r = str_append_char(out, '[');
    return end_array(out, r < 0 ? r : print_timers(value, true, true, out));
}
const struct property_shape property_timers_calendar = { calendar_text, calendar_json };

static int monotonic_text(const struct property_value *value, struct str *out)
{
    return print_timers(value, false, false, out);
}

static int monotonic_json(const struct property_value *value, struct str *out)
{
    int r = str_append_char(out, '[');
    return end_array(out, r < 0 ? r : print_timers(value, false, true, out));
}
const struct property_shape property_timers_monotonic = { monotonic_text, monotonic_json };

static const char *watch_name(enum path_kind kind)
{
    static const char *const names[] = {
#define X(enumerator, directive) [PATH_##enumerator] = directive,
        PATH_KINDS(X)
#undef X
    };
    return names[kind];
}

static int watches_text(const struct property_value *value, struct str *out)
{
    const struct path_watch_list *list = value->slot;
    int r = 0;
    for (uint32_t i = 0; r == 0 && i < list->count; i++) {
        const struct path_watch *watch = &list->items[list->count - 1 - i];
        r = begin_line(out, i);
        if (r == 0) r = str_appendf(out, "%s (%s)", watch->path, watch_name(watch->kind));
    }
    return r;
}

static int watches_json(const struct property_value *value, struct str *out)
{
    const struct path_watch_list *list = value->slot;
    int r = str_append_char(out, '[');
    for (uint32_t i = 0; r == 0 && i < list->count; i++) {
        const struct path_watch *watch = &list->items[list->count - 1 - i];
        r = json_pair(out, i, watch_name(watch->kind), watch->path);
    }
    return end_array(out, r);
}
const struct property_shape property_watches = { watches_text, watches_json };
