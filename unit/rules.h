/* unit/rules.h - the table of rules: every word that stands in a diagnostic, and what it is about.
 *
 * The rows are unit/rules.def, sorted by name. `container-init rules`, --rule, the comment switches of unit files, the
 * manual pages and the rules of SARIF walk this table. Source: SEED.md D12. */
#pragma once
#include "base/attr.h"
#include <stdio.h>
struct diag_sink;
struct str;

enum rule_severity { RULE_OFF, RULE_NOTE, RULE_WARNING, RULE_ERROR };

struct rule {
    const char *code;            /* "bad-timespan" */
    enum rule_severity severity; /* the usual one; RULE_OFF: looked at only where --rule asks for it */
    const char *text;            /* what is wrong, and why: one sentence */
    const char *example;         /* how it is put right */
};

size_t rule_count(void);
const struct rule *rule_get(size_t index);
/* NULL when no rule has this name. */
const struct rule *rule_find(const char *code, size_t length);
/* The nearest name, NULL when none is near. */
const char *rule_suggest(const char *code, size_t length);
const char *rule_severity_name(enum rule_severity severity); /* "off", "note", "warning", "error" */
/* False when the word is none. */
bool rule_severity_by_name(const char *word, size_t length, enum rule_severity *ret);

/* Rules that are off are looked at only where rules_switch() asks for them: once per sink, before it. 0 or -ENOMEM. */
MUST_CHECK int rules_set_defaults(struct diag_sink *diags);
/* The argument of --rule: "CODE=SEVERITY" or "CODE:Directive=SEVERITY", comma separated. -EINVAL with what is wrong
 * appended to `error`: nothing of the list is taken then. -ENOMEM. */
MUST_CHECK int rules_switch(struct diag_sink *diags, const char *list, struct str *error);

/* Do all of "CODE, CODE:Directive" name rules? 0, or -EINVAL with what does not appended to `error`; -ENOMEM. */
MUST_CHECK int rules_know(const char *list, struct str *error);

/* `container-init rules [--json]`. Text: three lines for each, name and severity, the sentence, the example. JSON: one
 * array of objects with code, severity, text and example. 0, -ENOMEM, or -EIO when the stream has an error. */
MUST_CHECK int rules_print(FILE *out, bool json);
