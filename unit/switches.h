/* unit/switches.h - the comments of a unit file that switch rules off.
 *
 *     # container-init: disable=CODE[,CODE:Directive...] [why]
 *
 * Before the first section it holds for the whole file; directly above an assignment (other comments may stand between)
 * for the lines of that assignment. What is no rule, and a comment above nothing, is reported. Errors that refuse a
 * file stay. Source: container-init-validate(1). */
#pragma once
#include "base/attr.h"
struct diag_sink;

/* Tells the sink what the file switches off; called before anything else is reported about it. `file` outlives the
 * sink. 0 or -ENOMEM. */
MUST_CHECK int switches_read(struct diag_sink *diags, const char *file, const char *data, size_t size);
