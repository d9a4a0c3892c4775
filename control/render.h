/* control/render.h - answers of the control interface as systemctl shows them to people.
 *
 * A failed write shows when the stream is flushed. Texts that came from elsewhere are escaped. Source: systemctl(1). */
#pragma once
#include "base/attr.h"
#include "base/str.h"
#include <stdio.h>

struct json_value;

/* "status": some lines about one unit. `now` is the time of day. */
void control_render_status(FILE *out, const struct json_value *unit, usec_t now);
/* "show": NAME=value lines, those of `names` (none: all); with `value` without the names. */
void control_render_properties(FILE *out, const struct json_value *unit, const struct strlist *names, bool value);
/* A table with a head (unless NULL) of aligned columns; `cells` has a multiple of `n_columns` texts. The last column is
 * as long as it likes. */
void control_render_table(FILE *out, const char *const *head, const struct strlist *cells, size_t n_columns);
/* Says on `err` (NULL: nowhere) that a job did not do what it was to do. `result` and `why` are those of the answer.
 * Returns whether there is anything to say. */
bool control_render_failure(FILE *err, const char *unit, const char *result, const char *why);
