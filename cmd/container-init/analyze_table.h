/* cmd/container-init/analyze_table.h - names and values, as systemd-analyze shows them: names right-aligned, further
 * lines of a value below its first. */
#pragma once
#include "base/attr.h"
#include "base/str.h"
#include <stdio.h>

/* Embedded; ANALYZE_TABLE_EMPTY is valid. Names and values by turns, with a NUL behind each. */
struct analyze_table {
    struct str cells;
};
#define ANALYZE_TABLE_EMPTY ((struct analyze_table){ STR_EMPTY })
#define AUTO_ANALYZE_TABLE  __attribute__((cleanup(analyze_table_done)))
void analyze_table_done(struct analyze_table *table);

/* A row; value NULL shows "-". 0 or -ENOMEM. */
MUST_CHECK int analyze_table_add(struct analyze_table *table, const char *name, const char *value);
void analyze_table_print(const struct analyze_table *table, FILE *out);
