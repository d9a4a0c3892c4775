/* cmd/container-init/validate.h - loading the unit set for a run, and --validate, which only tells what a run would
 * say.
 *
 * Both load, build the graph and check the rules, and print in the same words: warnings, overrides (K100), load errors,
 * what makes the set unusable. Text goes to the log (descriptor 2).
 * Exit statuses: 0 clean, 1 warnings (--validate only), 64 units could not be loaded or the set is refused, or any
 * warning under --strict-units; 2 a usage error in --allow or --rule. Whatever makes run mode leave with 64 does so
 * here too (K32). Source: SEED.md S07, S08, S12-S14, S23, D12. */
#pragma once
#include "base/attr.h"
#include "base/diag.h"
#include "unit/load.h"
#include <stdio.h>

#define EXIT_WARNINGS 1 /* EXIT_USAGE is commands.h's */
#define EXIT_UNITS    64

struct validate_request {
    const char *const *directories; /* NULL-terminated, in order: --units, --drop-in */
    bool systemd;                   /* also systemd's search path: --systemd */
    const char *root;               /* what all directories lie below; NULL: "/", and --validate does not look for
                                       programs, files and users */
    char *const *environment;       /* normally environ */
    const char *const *allow;       /* arguments of --allow, NULL-terminated; NULL: none */
    const char *const *rules;       /* arguments of --rule, likewise */
    bool strict;
    enum diag_format format; /* how diagnostics look; DIAG_TEXT in run mode unless asked otherwise */
    FILE *out;               /* normally stdout: the summary, JSON of --validate */
    FILE *err;               /* normally stderr: the gcc form, JSON of a run */
};

/* `container-init --validate`: the exit status. Text and gcc forms write the line of S13 to `out`; JSON writes one
 * object per line there: diagnostics as base/diag.h says, {"base_path", "override", "override_path"} per replaced unit,
 * and at the end {"errors", "exit", "overrides", "strict", "units", "warnings"}; SARIF one document (sarif.h). */
MUST_CHECK int cmd_validate(const struct validate_request *request);

struct loaded_units {
    struct unit_set *set;
    struct graph *graph;
    struct unit_load_report report; /* warnings include those of the rules across units */
};
/* For a run: prints as above; notes only at debug level. 0 with *ret owned by the caller, or the exit status to leave
 * with. */
MUST_CHECK int cmd_load_units(const struct validate_request *request, struct loaded_units *ret);
void loaded_units_done(struct loaded_units *units);
