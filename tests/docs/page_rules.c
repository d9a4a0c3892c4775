/* docs/rules.md, and the rules as the manual page has them. */
#include "tests/docs/pages.h"

#include "unit/rules.h"

#include <stdio.h>
#include <string.h>

void print_rules(void)
{
    puts("# Rules\n\n"
         "Printed from `unit/rules.def` by `scripts/gen-docs`; do not edit. The same list for a terminal:\n"
         "`container-init rules`, for programs: `container-init rules --json`.\n\n"
         "An `error` refuses the unit or the set, a `note` is not counted, and a rule that is `off` is looked at only\n"
         "where `--rule WORD=note` (or `warning`, `error`) asks for it. How rules are switched: "
         "container-init-validate(1).\n\n"
         "| rule | severity | what is wrong | what helps |\n| --- | --- | --- | --- |");
    for (size_t i = 0; i < rule_count(); i++) {
        const struct rule *rule = rule_get(i);
        printf("| `%s` | %s | ", rule->code, rule_severity_name(rule->severity));
        print_table_cell(rule->text);
        printf(" | `");
        print_table_cell(rule->example);
        puts("` |");
    }
}

/* Text with what means something to scdoc(5) escaped. */
static void print_scdoc(const char *text)
{
    for (; *text; text++) {
        if (strchr("\\*_[]#<>~", *text)) putchar('\\');
        putchar(*text);
    }
}

void print_rules_manual(void)
{
    for (size_t i = 0; i < rule_count(); i++) {
        const struct rule *rule = rule_get(i);
        printf("*%s* (%s)\n\t", rule->code, rule_severity_name(rule->severity));
        print_scdoc(rule->text);
        putchar('\n');
    }
}
