/* The values of [Timer], [Path] and [Swap]. */
#include "unit/values.h"

#include "base/parse.h"
#include "base/timespan.h"
#include "base/timezone.h"
#include "unit/calendar.h"
#include "unit/expand.h"
#include "unit/machine.h"
#include "unit/name.h"

#include <errno.h>
#include <string.h>

#define ZONE_FILES "/usr/share/zoneinfo"

/* ---- [Timer] ---- */

static enum timer_base base_of(const struct directive *directive)
{
    static const char *const names[] = {
#define X(enumerator, name, property) name,
        TIMER_BASES(X)
#undef X
    };
    enum timer_base base = 0;
    while (strcmp(names[base], directive->name) != 0) base++;
    return base;
}

/* A name of /usr/share/zoneinfo, by its form. */
static bool is_zone_name(const char *word)
{
    size_t capitals = strspn(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"), length = strlen(word);
    const char *slash = strchr(word, '/');
    if (length > 64 || capitals == 0 || strstr(word, "//") || word[length - 1] == '/') return false;
    if (word[strspn(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+-_/")] != '\0') return false;
    return slash != NULL || (capitals >= 2 && length <= 7);
}

/* The normal form; -EINVAL and the like: see calendar_parse(). */
static int normalize_calendar(struct parse *p, const char *text, struct str *out)
{
    const struct calendar *calendar;
    int r = calendar_parse(text, NULL, zone_utc(), p->arena, &calendar);
    return r < 0 ? r : calendar_format(calendar, zone_utc(), out);
}

/* The zone that a timer names is there for who runs it: its own file in the image, or it is one of the two names of the
 * local zone. 1 when it is; where not, that is reported. */
static int check_zone(struct parse *p, const struct value *value, const char *name)
{
    const struct fragment_context *context = p->context;
    AUTO(zones_free) struct zones *zones = zones_new(context->machine ? context->machine->root : NULL);
    const struct zone *zone;
    if (context->describe) return 1;
    int r = zones ? zones_get(zones, name, &zone) : -ENOMEM;
    if (r == 0 || r == -ENOMEM) return r == 0 ? 1 : r;
    int error = r;
    r = zones_local(zones, expand_lookup_environ("TZ", 2, (void *)context->environment), &zone);
    if (r < 0) return r;
    for (int dst = 0; dst < 2; dst++)
        if (strcasecmp(zone_abbreviation(zone, dst), name) == 0) return 1;
    enum severity severity = context->native && !p->lenient ? DIAG_ERROR : DIAG_WARNING;
    parse_report(p, severity, value, 0, "bad-calendar", NULL, "time zone " ZONE_FILES "/%s: %s", name,
                 strerror(-error));
    return 0;
}

static int keep_calendar(struct parse *p, const char **ret)
{
    int r = parse_keep(p, str_text(&p->word), ret);
    return r < 0 ? r : 1;
}

/* 1 when the expression was kept in its normal form. */
static int read_calendar(struct parse *p, const struct value *value, const char *text, const char **ret)
{
    const char *zone = strrchr(text, ' ');
    str_clear(&p->word);
    int r = normalize_calendar(p, text, &p->word);
    if (r < 0 && r != -ENOMEM && zone && is_zone_name(zone + 1)) {
        str_clear(&p->scratch);
        r = str_append_bytes(&p->scratch, text, (size_t)(zone - text));
        if (r == 0) r = normalize_calendar(p, str_text(&p->scratch), &p->word);
        if (r == 0) r = str_append(&p->word, zone);
        if (r == 0) r = check_zone(p, value, zone + 1);
        if (r >= 0) return r > 0 ? keep_calendar(p, ret) : 0;
    }
    if (r == -ENOMEM) return r;
    if (r == 0) return keep_calendar(p, ret);
    if (r != -ENOMEM) parse_bad(p, value, 0, "bad-calendar", "a calendar expression");
    return r == -ENOMEM ? r : 0;
}

/* A time span, or a calendar expression. An empty value clears those of every kind. */
int value_timer(struct parse *p, const struct directive *directive, const struct value *value, void *slot)
{
    struct timer_value_list *list = slot;
    struct timer_value timer = { .base = base_of(directive) };
    const char *text;
    if (value->length == 0) { /* a specifier that is empty is another matter */
        list->count = 0;
        return 0;
    }
    int r = parse_text(p, value, &text);
    if (r <= 0) return r;
    if (timer.base == TIMER_CALENDAR) {
        r = read_calendar(p, value, text, &timer.calendar);
        return r > 0 ? list_push(p, list, timer) : r;
    }
    if (timespan_parse(text, USEC_PER_SEC, &timer.span, NULL) == 0) return list_push(p, list, timer);
    parse_bad(p, value, 0, "bad-timespan", "a time span");
    return 0;
}

/* ---- [Path] ---- */

static enum path_kind watch_of(const struct directive *directive)
{
    static const char *const names[] = {
#define X(enumerator, name) name,
        PATH_KINDS(X)
#undef X
    };
    enum path_kind kind = 0;
    while (strcmp(names[kind], directive->name) != 0) kind++;
    return kind;
}

/* An empty value clears those of every kind. */
int value_watch(struct parse *p, const struct directive *directive, const struct value *value, void *slot)
{
    struct path_watch_list *list = slot;
    struct path_watch watch = { .kind = watch_of(directive) };
    if (value->length == 0) list->count = 0;
    int r = parse_path(p, value, &watch.path);
    return r > 0 ? list_push(p, list, watch) : r;
}

/* ---- both ---- */

/* Unit=: the first one counts. */
int value_trigger_unit(struct parse *p, const struct directive *directive UNUSED, const struct value *value, void *slot)
{
    const char *text, **target = slot;
    int r = parse_text(p, value, &text);
    if (r <= 0) return r;
    if (!unit_name_is_valid(text) || unit_name_form(text) == UNIT_NAME_TEMPLATE) {
        parse_bad(p, value, 0, "bad-unit-name", "the name of a unit");
    } else if (strcmp(text, p->context->unit_name) == 0) {
        parse_bad(p, value, 0, "bad-unit-name", "another unit");
    } else if (*target) {
        parse_report(p, DIAG_WARNING, value, 0, "bad-unit-name", NULL, "the unit to start is %.80s already (ignored)",
                     *target);
    } else {
        return parse_keep(p, text, target);
    }
    return 0;
}

/* ---- [Swap] ---- */

/* Empty is the kernel's choice, which only the kernel gives numbers below -1. */
int value_swap_priority(struct parse *p, const struct directive *directive UNUSED, const struct value *value,
                        void *slot)
{
    int64_t priority;
    if (value->length == 0)
        *(int32_t *)slot = -1;
    else if (parse_signed(value->text, -1, INT16_MAX, &priority) < 0)
        parse_bad(p, value, 0, "bad-integer", "a number from -1 to 32767");
    else
        *(int32_t *)slot = (int32_t)priority;
    return 0;
}
