/* unit/lint.h - what --validate says beyond what a run has to know: mistakes that load, and mean something else.
 *
 * A lint is given to unit_set_load() (struct unit_load_options) and looks at each file, each assignment and each unit
 * while it is read; unit_set_lint() then looks at the units together. Everything is a diagnostic whose word is a row of
 * unit/rules.def. Nothing is executed; programs, files, users and groups are looked for only where a root is given, and
 * only below it: paths through which nothing but the directory tree of the image is touched. */
#pragma once
#include "base/attr.h"
struct unit_set;
struct graph;
struct diag_sink;

struct lint_options {
    const char *root; /* an image, "/" for our own; NULL: programs, files and users are not looked for */
    /* Is there such a user or group in the image? 1, 0, -errno when it cannot be told. NULL: not asked. */
    int (*find_user)(const char *name, void *userdata);
    int (*find_group)(const char *name, void *userdata);
    void *userdata;
};

struct lint;
/* The options are copied, the strings are not. 0, -ENOMEM, or why the root cannot be opened. */
MUST_CHECK int lint_new(const struct lint_options *options, struct lint **ret_lint);
void lint_free(struct lint *lint);
DEFINE_AUTO(struct lint, lint_free)

/* Rules across the units of a loaded set. 0 or -ENOMEM. */
MUST_CHECK int unit_set_lint(struct lint *lint, const struct unit_set *set, const struct graph *graph,
                             struct diag_sink *diags);
