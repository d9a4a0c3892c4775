#include "unit/rules.h"

#include <errno.h>
#include <string.h>

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
