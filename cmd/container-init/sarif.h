/* cmd/container-init/sarif.h - diagnostics as one SARIF 2.1.0 document, the form that code scanning services read.
 *
 * One run: the driver with every rule (its text, its example, its usual level), one result per diagnostic with rule,
 * level, message and place, a fix where the right spelling is known, and an invocation with the exit status. A path is
 * a URI relative to where the program ran when it was given so, else a file: URI. Source: OASIS SARIF 2.1.0. */
#pragma once
#include "base/attr.h"
#include <stdio.h>
struct diag_sink;

/* 0 or -ENOMEM; the caller looks at ferror(). */
MUST_CHECK int sarif_print(FILE *out, const struct diag_sink *diags, int status);
