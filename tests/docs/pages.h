/* tests/docs/pages.h - the pages that are too long for pages.c. All print to stdout. */
#pragma once
#include "base/attr.h"

/* docs/container-init.unit.5.scd from its template: 0, or 1 when a row of the table has no text. */
int print_unit_page(const char *template);
/* docs/rules.md. */
void print_rules(void);
/* The list of rules of docs/container-init.8.scd. */
void print_rules_manual(void);
/* A cell of a table in Markdown: a bar would end it. */
void print_table_cell(const char *text);
/* socket-states.md. 0, or 1 when the tables hold what this page has no words for. */
int print_socket_states(void);
