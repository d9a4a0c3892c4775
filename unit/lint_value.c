/* Rules about one assignment. */
#include "unit/lint_internal.h"

#include <stdio.h>
#include <string.h>

#include "unit/values.h"

#define BLANKS " \t"

/* Directives that systemd reads under an old name, or no longer does anything about. Sorted. */
static const struct deprecated {
    const char *name, *instead;
    bool told; /* systemd says so, too */
} deprecated[] = {
    { "BindTo", "BindsTo=", false },
    { "BlockIOAccounting", "IOAccounting=", false },
    { "BlockIODeviceWeight", "IODeviceWeight=", true },
    { "BlockIOReadBandwidth", "IOReadBandwidthMax=", true },
    { "BlockIOWeight", "IOWeight=", false },
    { "BlockIOWriteBandwidth", "IOWriteBandwidthMax=", true },
    { "BusPolicy", "the policy of the bus itself", true },
    { "CPUShares", "CPUWeight=", true },
    { "IgnoreOnSnapshot", "nothing", true },
    { "InaccessibleDirectories", "InaccessiblePaths=", false },
    { "MemoryLimit", "MemoryMax=", true },
    { "NetClass", "a unit of its own for the network", true },
    { "OnFailureIsolate", "OnFailureJobMode=isolate", false },
    { "PermissionsStartOnly", "the prefix + in ExecStartPre= and its like", false },
    { "PropagateReloadFrom", "ReloadPropagatedFrom=", false },
    { "PropagateReloadTo", "PropagatesReloadTo=", false },
    { "ReadOnlyDirectories", "ReadOnlyPaths=", false },
    { "ReadWriteDirectories", "ReadWritePaths=", false },
    { "RequiresOverridable", "Requires=", true },
    { "RequisiteOverridable", "Requisite=", true },
    { "StartLimitInterval", "StartLimitIntervalSec=", false },
    { "StartupBlockIOWeight", "StartupIOWeight=", false },
    { "StartupCPUShares", "StartupCPUWeight=", true },
    { "SysVStartPriority", "After= and Before=", true },
};

static const struct deprecated *deprecated_find(const char *key)
{
    size_t low = 0, high = COUNT_OF(deprecated);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(deprecated[middle].name, key);
        if (order == 0) return &deprecated[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

void lint_tell_deprecated(struct parse *p, const char *key, const struct value *at)
{
    const struct deprecated *found = deprecated_find(key);
    if (found && found->told)
        parse_report(p, DIAG_WARNING, at, 0, "deprecated", NULL, "an old name; today it is %s", found->instead);
}

static void deprecated_rule(struct parse *p, const char *key, const struct value *at)
{
    const struct deprecated *found = deprecated_find(key);
    if (found && (p->context->native || !found->told))
        parse_report(p, DIAG_NOTE, at, 0, "deprecated-directive", NULL, "an old name; today it is %s", found->instead);
}

/* Quotes around the whole value, of a directive that takes them as part of it. */
static void quotes_rule(struct parse *p, const struct lint_slot *slot, const struct value *value)
{
    char quote = value->text[0];
    if (value->length < 2 || (quote != '"' && quote != '\'') || value->text[value->length - 1] != quote) return;
    if (memchr(value->text + 1, quote, value->length - 2)) return;
    parse_report(p, slot->classes & CLASS_PROSE ? DIAG_NOTE : DIAG_WARNING, value, 0, "quoted-value",
                 "remove the quotes", "the quotes are taken as part of the value");
}

/* " # text" behind a value: comments have lines of their own. */
static void comment_rule(struct parse *p, const struct lint_slot *slot, const struct value *value)
{
    if (slot->classes & CLASS_PROSE) return;
    const char *hash = value->text;
    while ((hash = memchr(hash, '#', value->length - (size_t)(hash - value->text)))) {
        bool behind_blank = hash > value->text && strchr(BLANKS, hash[-1]);
        if (behind_blank && (hash[1] == '\0' || strchr(BLANKS, hash[1]))) break;
        hash++;
    }
    if (hash)
        parse_report(p, DIAG_WARNING, value, (size_t)(hash - value->text), "trailing-comment",
                     "give the comment a line of its own", "'#' behind a value begins no comment");
}

/* $NAME in Environment= stays as it is. */
static void variable_rule(struct parse *p, const struct value *value)
{
    const char *dollar = value->text;
    while ((dollar = memchr(dollar, '$', value->length - (size_t)(dollar - value->text)))) {
        char next = dollar[1];
        if (next == '$') {
            dollar += 2;
            continue;
        }
        bool name = (next | 0x20) >= 'a' && (next | 0x20) <= 'z';
        if (name || next == '_' || (next == '{' && !p->context->native)) break;
        dollar++;
    }
    if (dollar)
        parse_report(p, DIAG_NOTE, value, (size_t)(dollar - value->text), "unexpanded-variable",
                     p->context->native ? "${NAME} is expanded when the file is read" : NULL,
                     "variables are not expanded here: the dollar stays");
}

/* As systemd says of PIDFile= and ListenStream=, and goes on with /run. */
static void legacy_rule(struct parse *p, const struct value *value)
{
    static const char legacy[] = "/var/run/";
    if (strncmp(value->text, legacy, strlen(legacy)) == 0)
        parse_report(p, DIAG_NOTE, value, 0, "legacy-path", "write /run/", "/var/run is the old name of /run");
}

void lint_value_rules(struct parse *p, const struct lint_slot *slot, const char *key, const struct value *value)
{
    struct value at = { .text = "", .file = value->file, .key_line = value->key_line, .key_column = value->key_column };
    deprecated_rule(p, key, &at);
    if (slot->classes & CLASS_LITERAL) quotes_rule(p, slot, value);
    comment_rule(p, slot, value);
    if (slot->directive->parse == value_environment) variable_rule(p, value);
    if (slot->classes & CLASS_LITERAL) legacy_rule(p, value);
}
