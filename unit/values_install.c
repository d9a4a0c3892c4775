/* The values of [Install]. Nothing is enabled here: they are checked as systemctl(1) enable would, and kept for tools.
 */
#include "unit/values.h"

#include "unit/name.h"
#include "unit/words.h"

#include <errno.h>
#include <string.h>

#define QUOTED_MAX 160

/* In a template that is read for itself, what comes of %i is not known yet. */
static bool is_template(const struct parse *p)
{
    return unit_name_form(p->context->unit_name) == UNIT_NAME_TEMPLATE;
}

static bool name_is_possible(struct parse *p, const struct value *value, size_t offset)
{
    const char *word = str_text(&p->scratch);
    char quoted[QUOTED_MAX];
    if (unit_name_is_valid(word) || is_template(p)) return true;
    parse_report(p, DIAG_WARNING, value, offset, "bad-unit-name", NULL, "'%s' is not the name of a unit (ignored)",
                 str_escape(word, p->scratch.length, quoted, sizeof quoted));
    return false;
}

/* Of the same kind; a plain name for a plain unit, a template or an instance for what a template makes. */
static bool alias_is_possible(struct parse *p, const struct value *value, size_t offset)
{
    const char *word = str_text(&p->scratch), *own = p->context->unit_name;
    if (!name_is_possible(p, value, offset)) return false;
    bool plain = unit_name_form(own) == UNIT_NAME_PLAIN, alias_plain = unit_name_form(word) == UNIT_NAME_PLAIN;
    if (is_template(p) && !unit_name_is_valid(word)) return true;
    if (plain == alias_plain && strcmp(unit_name_split(own).suffix, unit_name_split(word).suffix) == 0) return true;
    parse_report(p, DIAG_WARNING, value, offset, "bad-alias", NULL, "%.*s cannot have the name '%.*s' (ignored)",
                 UNIT_NAME_MAX, own, UNIT_NAME_MAX, word);
    return false;
}

typedef bool check_fn(struct parse *p, const struct value *value, size_t offset);

static int read_names(struct parse *p, const struct value *value, unsigned flags, check_fn *check,
                      struct text_list *list)
{
    const char *cursor = value->text;
    size_t offset;
    if (value->length == 0) list->count = 0;
    for (;;) {
        int r = parse_name_word(p, value, &cursor, flags, &offset);
        if (r <= 0) return r == -ENOMEM ? r : 0;
        r = check(p, value, offset) ? list_push_text(p, list, str_text(&p->scratch)) : 0;
        if (r < 0) return r;
    }
}

/* Without quotes, and a backslash that is to stay has to be doubled: systemd reads it so, and nothing else of names. */
int value_also(struct parse *p, const struct directive *directive UNUSED, const struct value *value, void *slot)
{
    return read_names(p, value, WORD_LENIENT, name_is_possible, slot);
}

/* WantedBy=, RequiredBy=. */
int value_names(struct parse *p, const struct directive *directive UNUSED, const struct value *value, void *slot)
{
    return read_names(p, value, WORD_QUOTES | WORD_KEEP_BACKSLASH, name_is_possible, slot);
}

int value_alias(struct parse *p, const struct directive *directive UNUSED, const struct value *value, void *slot)
{
    static const char *const without[] = { ".automount", ".mount", ".scope", ".slice", ".swap" };
    const char *suffix = unit_name_split(p->context->unit_name).suffix;
    for (size_t i = 0; i < COUNT_OF(without); i++) {
        if (strcmp(suffix, without[i]) != 0) continue;
        parse_report(p, DIAG_WARNING, value, 0, "bad-alias", NULL, "%s units have no other names (ignored)",
                     suffix + 1);
        return 0;
    }
    return read_names(p, value, WORD_QUOTES | WORD_KEEP_BACKSLASH, alias_is_possible, slot);
}

int value_default_instance(struct parse *p, const struct directive *directive UNUSED, const struct value *value,
                           void *slot)
{
    const char *text, **target = slot;
    if (unit_name_form(p->context->unit_name) == UNIT_NAME_PLAIN) {
        parse_report(p, DIAG_WARNING, value, 0, "bad-instance", NULL, "only a template has instances (ignored)");
        return 0;
    }
    int r = parse_name_text(p, value, &text);
    if (r <= 0) return r;
    char quoted[QUOTED_MAX];
    if (*text == '\0')
        *target = NULL;
    else if (unit_instance_is_valid(text))
        return parse_keep(p, text, target);
    else
        parse_report(p, DIAG_WARNING, value, 0, "bad-instance", NULL, "'%s' cannot be an instance (ignored)",
                     str_escape(text, strlen(text), quoted, sizeof quoted));
    return 0;
}
