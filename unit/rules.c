#include "unit/rules.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/diag.h"
#include "base/json.h"
#include "base/likeness.h"
#include "base/str.h"

static const struct rule rules[] = {
#define R(code, severity, text, example) { code, RULE_##severity, text, example },
#include "unit/rules.def"
#undef R
};

static const char *const severities[] = {
    [RULE_OFF] = "off",
    [RULE_NOTE] = "note",
    [RULE_WARNING] = "warning",
    [RULE_ERROR] = "error",
};

size_t rule_count(void)
{
    return COUNT_OF(rules);
}

const struct rule *rule_get(size_t index)
{
    return index < COUNT_OF(rules) ? &rules[index] : NULL;
}

const struct rule *rule_find(const char *code, size_t length)
{
    size_t low = 0, high = COUNT_OF(rules);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strncmp(rules[middle].code, code, length);
        if (order == 0 && rules[middle].code[length] != '\0') order = 1;
        if (order == 0) return &rules[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

const char *rule_suggest(const char *code, size_t length)
{
    unsigned best = word_distance_limit(length) + 1;
    const char *nearest = NULL;
    for (size_t i = 0; i < COUNT_OF(rules) && best > 1; i++) {
        unsigned d = word_distance(code, length, rules[i].code, strlen(rules[i].code), best - 1);
        if (d < best) best = d, nearest = rules[i].code;
    }
    return nearest;
}

const char *rule_severity_name(enum rule_severity severity)
{
    return severities[severity];
}

bool rule_severity_by_name(const char *word, size_t length, enum rule_severity *ret)
{
    for (size_t i = 0; i < COUNT_OF(severities); i++)
        if (strlen(severities[i]) == length && memcmp(severities[i], word, length) == 0) {
            *ret = (enum rule_severity)i;
            return true;
        }
    return false;
}

/* ---- switches ---- */

int rules_set_defaults(struct diag_sink *diags)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < COUNT_OF(rules); i++)
        if (rules[i].severity == RULE_OFF) r = diag_sink_set_level(diags, rules[i].code, NULL, DIAG_LEVEL_OFF);
    return r;
}

static int unknown_rule(const char *text, size_t length, struct str *error)
{
    char quoted[80];
    const char *near = rule_suggest(text, length);
    int r = str_appendf(error, "'%s' is not a rule%s%s%s", str_escape(text, length, quoted, sizeof quoted),
                        near ? ", did you mean " : "", near ? near : "", near ? "?" : "");
    return r < 0 ? r : -EINVAL;
}

int rules_know(const char *list, struct str *error)
{
    for (const char *item = list + strspn(list, " \t,"); *item; item += strspn(item, " \t,")) {
        size_t code = strcspn(item, " \t,:");
        if (!rule_find(item, code)) return unknown_rule(item, code, error);
        item += strcspn(item, ",");
    }
    return 0;
}

/* One of the list. `diags` NULL: only looks. */
static int read_switch(struct diag_sink *diags, const char *text, size_t length, struct str *error)
{
    static const enum diag_level levels[] = {
        [RULE_OFF] = DIAG_LEVEL_OFF,
        [RULE_NOTE] = DIAG_LEVEL_NOTE,
        [RULE_WARNING] = DIAG_LEVEL_WARNING,
        [RULE_ERROR] = DIAG_LEVEL_ERROR,
    };
    char quoted[80];
    const char *equals = memchr(text, '=', length);
    size_t word = equals ? (size_t)(equals - text) : length;
    const char *colon = memchr(text, ':', word);
    size_t code = colon ? (size_t)(colon - text) : word;
    const struct rule *rule = rule_find(text, code);
    enum rule_severity severity = RULE_OFF;
    int r = 0;
    if (!rule) return unknown_rule(text, code, error);
    if (!equals || (colon && colon + 1 == equals) || !rule_severity_by_name(equals + 1, length - word - 1, &severity)) {
        r = str_appendf(error, "'%s' is not CODE=off, note, warning or error",
                        str_escape(text, length, quoted, sizeof quoted));
        return r < 0 ? r : -EINVAL;
    }
    if (!diags) return 0;
    char *key = colon ? strndup(colon + 1, (size_t)(equals - colon) - 1) : NULL;
    if (colon && !key) return -ENOMEM;
    r = diag_sink_set_level(diags, rule->code, key, levels[severity]);
    free(key);
    return r;
}

int rules_switch(struct diag_sink *diags, const char *list, struct str *error)
{
    for (unsigned pass = 0; pass < 2; pass++) {
        const char *item = list;
        for (;; item++) {
            size_t length = strcspn(item, ",");
            int r = read_switch(pass == 0 ? NULL : diags, item, length, error);
            if (r < 0) return r;
            item += length;
            if (*item == '\0') break;
        }
    }
    return 0;
}

/* ---- printing ---- */

static int write_member(struct str *out, const char *before, const char *text)
{
    int r = str_append(out, before);
    return r < 0 ? r : json_write_string(out, text, strlen(text));
}

static int write_object(struct str *out, const struct rule *rule)
{
    int r = write_member(out, "  {\"code\": ", rule->code);
    if (r == 0) r = write_member(out, ", \"severity\": ", severities[rule->severity]);
    if (r == 0) r = write_member(out, ", \"text\": ", rule->text);
    if (r == 0) r = write_member(out, ", \"example\": ", rule->example);
    return r < 0 ? r : str_append(out, "}");
}

int rules_print(FILE *out, bool json)
{
    AUTO_STR struct str text = STR_EMPTY;
    int r = json ? str_append(&text, "[\n") : 0;
    for (size_t i = 0; r == 0 && i < COUNT_OF(rules); i++) {
        const struct rule *rule = &rules[i];
        if (json)
            r = write_object(&text, rule);
        else
            r = str_appendf(&text, "%s (%s)\n    %s\n    %s\n", rule->code, severities[rule->severity], rule->text,
                            rule->example);
        if (r == 0 && json) r = str_append(&text, i + 1 < COUNT_OF(rules) ? ",\n" : "\n]\n");
    }
    if (r < 0) return r;
    if (fwrite(str_text(&text), 1, text.length, out) != text.length || fflush(out) != 0) return -EIO;
    return 0;
}
