/* The values of [Unit]. */
#include "unit/values.h"

#include "base/arena.h"
#include "base/parse.h"
#include "unit/condition.h"
#include "unit/name.h"
#include "unit/words.h"

#include <errno.h>
#include <string.h>

#define QUOTED_MAX 160

int value_description(struct parse *p, const struct directive *directive, const struct value *value, void *slot)
{
    return value_text(p, directive, value, slot);
}

/* A list of URIs, for people and tools: nothing here depends on it. */
int value_documentation(struct parse *p, const struct directive *directive UNUSED, const struct value *value,
                        void *slot)
{
    static const char *const schemes[] = { "http://", "https://", "file:/", "info:", "man:" };
    struct text_list *list = slot;
    const char *cursor = value->text;
    size_t offset;
    if (value->length == 0) list->count = 0;
    for (;;) {
        int r = parse_word(p, value, &cursor, WORD_QUOTES | WORD_KEEP_BACKSLASH | WORD_LENIENT, &offset);
        if (r <= 0) return r == -ENOMEM ? r : 0;
        const char *word = str_text(&p->scratch);
        bool known = false;
        for (size_t i = 0; i < COUNT_OF(schemes); i++) known |= str_starts_with(word, schemes[i]);
        if (known)
            r = list_push_text(p, list, word);
        else
            parse_report(p, p->context->native ? DIAG_NOTE : DIAG_WARNING, value, offset, "bad-uri",
                         "http, https, file, info and man are known", "not a URI (ignored)");
        if (r < 0) return r;
    }
}

/* ---- names of units ---- */

/* "x@.service" means this unit's instance of it, or, without one, the instance that has this unit's name. */
static int instantiate(struct parse *p, const char *name, const char **ret)
{
    if (unit_name_form(name) != UNIT_NAME_TEMPLATE) return parse_keep(p, name, ret);
    struct unit_name_parts self = unit_name_split(p->context->unit_name), of = unit_name_split(name);
    bool own = self.instance_length > 0;
    *ret = arena_printf(p->arena, "%.*s@%.*s%s", (int)of.prefix_length, of.prefix,
                        (int)(own ? self.instance_length : self.prefix_length), own ? self.instance : self.prefix,
                        of.suffix);
    return *ret ? 0 : -ENOMEM;
}

/* Names that no unit can have are left out: in systemd this is never more than a warning. */
static int push_unit(struct parse *p, const struct value *value, size_t offset, struct unit_ref_list *list)
{
    const char *word = str_text(&p->scratch);
    char quoted[QUOTED_MAX];
    if (!unit_name_is_valid(word)) {
        parse_report(p, DIAG_WARNING, value, offset, "bad-unit-name", NULL, "'%s' is not the name of a unit (ignored)",
                     str_escape(word, p->scratch.length, quoted, sizeof quoted));
        return 0;
    }
    struct unit_ref ref = { .origin = parse_origin(value) };
    int r = instantiate(p, word, &ref.name);
    if (r < 0) return r;
    if (!unit_name_is_valid(ref.name)) return 0; /* too long with the instance */
    return list_push(p, list, ref);
}

/* A list of unit names. Dependencies cannot be reset: an empty assignment does nothing, as in systemd. */
int value_units(struct parse *p, const struct directive *directive UNUSED, const struct value *value, void *slot)
{
    const char *cursor = value->text;
    size_t offset;
    for (;;) {
        int r = parse_name_word(p, value, &cursor, WORD_KEEP_BACKSLASH | WORD_LENIENT, &offset);
        if (r > 0)
            r = push_unit(p, value, offset, slot);
        else
            return r == -ENOMEM ? r : 0;
        if (r < 0) return r;
    }
}

/* ---- conditions ---- */

static void clear_conditions(struct condition_list *list, bool is_assert)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < list->count; i++)
        if (list->items[i].is_assert != is_assert) list->items[kept++] = list->items[i];
    list->count = kept;
}

/* Its specifiers are expanded: absolute, and simplified in place. False when it cannot be used, which was reported. */
static bool check_path(struct parse *p, const struct value *value, struct str *path)
{
    if (path_is_usable(str_text(path))) {
        condition_simplify_path(path->data);
        path->length = strlen(path->data);
        if (path_is_normalized(path->data)) return true;
    }
    parse_bad(p, value, 0, "bad-path", "an absolute path without '..'");
    return false;
}

/* ConditionX=[|][!]PARAMETER and AssertX=. An empty one clears every condition (or assert), whatever its kind. The
 * prefixes are those that are written: a specifier cannot bring one in. */
int value_condition(struct parse *p, const struct directive *directive, const struct value *value, void *slot)
{
    struct condition_list *list = slot;
    struct condition condition = { .origin = parse_origin(value) };
    if (!condition_find(directive->name, strlen(directive->name), &condition.kind, &condition.is_assert)) return 0;
    if (value->length == 0) {
        clear_conditions(list, condition.is_assert);
        return 0;
    }
    const char *text = condition_read_prefixes(value->text, &condition);
    int r = parse_specifiers(p, value, (size_t)(text - value->text), text, &p->text);
    if (r <= 0) return r;
    if (condition_takes_path(condition.kind) && !check_path(p, value, &p->text)) return 0;
    r = parse_keep(p, str_text(&p->text), &condition.parameter);
    return r < 0 ? r : list_push(p, list, condition);
}

/* ---- what is only kept ---- */

/* OnFailureIsolate=, the older form of OnFailureJobMode=. */
int value_job_mode_isolate(struct parse *p, const struct directive *directive UNUSED, const struct value *value,
                           void *slot)
{
    bool isolate;
    if (parse_bool(value->text, &isolate) < 0)
        parse_bad(p, value, 0, "bad-boolean", "a boolean (yes or no)");
    else
        *(word_index *)slot = isolate ? 3 : 1; /* isolate, replace */
    return 0;
}

/* JobTimeoutSec= stands for JobRunningTimeoutSec= too, until that is written itself. */
int value_job_timeout(struct parse *p, const struct directive *directive, const struct value *value, void *slot)
{
    struct unit_extra_section *unit = &p->settings->unit_extra;
    usec_t span = USEC_UNSET;
    int r = value_timeout(p, directive, value, &span);
    if (span == USEC_UNSET) return r;
    *(usec_t *)slot = span;
    if (!unit->job_running_timeout_set) unit->job_running_timeout = span;
    return r;
}

int value_job_running_timeout(struct parse *p, const struct directive *directive, const struct value *value, void *slot)
{
    usec_t span = USEC_UNSET;
    int r = value_timeout(p, directive, value, &span);
    if (span == USEC_UNSET) return r;
    *(usec_t *)slot = span;
    p->settings->unit_extra.job_running_timeout_set = true;
    return r;
}

/* SuccessActionExitStatus= and FailureActionExitStatus=; empty is the status of the unit. */
int value_action_status(struct parse *p, const struct directive *directive UNUSED, const struct value *value,
                        void *slot)
{
    uint64_t status;
    if (value->length == 0)
        *(int32_t *)slot = -1;
    else if (parse_unsigned(value->text, 0, UINT8_MAX, &status) < 0)
        parse_bad(p, value, 0, "bad-exit-status", "an exit status");
    else
        *(int32_t *)slot = (int32_t)status;
    return 0;
}
