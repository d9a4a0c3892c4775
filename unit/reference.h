/* unit/reference.h - the directive table for people and for programs: `container-init directives [--json]`.
 *
 * Text: a heading per section, then one line per directive: name, support level, sentence. JSON: one array of objects
 * with section, name, support, man and text, in the same order. */
#pragma once
#include "base/attr.h"
#include <stdio.h>

/* 0, -ENOMEM, or -EIO when the stream has an error. */
MUST_CHECK int reference_print(FILE *out, bool json);
