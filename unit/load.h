/* unit/load.h - directories of unit files -> a set of units, every problem as a diagnostic.
 *
 * Native rules (SEED.md S22-S26, D3, D6, D17, D18): directories in order, a later file of the same name replaces the
 * earlier one, NAME.d/ directories in any of them add fragments (all fragments of all directories, sorted by file name,
 * a later directory's fragment replaces an earlier one's of the same name), templates are not started.
 *
 * systemd's rules, for the directories of its search path: earlier directories win; aliases, masks, templates, drop-ins
 * and the links in NAME.wants/, NAME.requires/ and NAME.upholds/ as systemd.unit(5) says; read is only what the default
 * target (multi-user.target where there is none) pulls in, or `names`, and what is named by those in any way; units get
 * the dependencies that systemd adds (unit/default_dependencies.h). Where both are given, a native unit stands in front
 * of one of systemd's of its name, and that is an override.
 *
 * With `describe` nothing is refused: what has no file, is masked or cannot be used is in the set as well, with its
 * load state, and unit_set_detail() knows more of each unit. Diagnostics are the same. */
#pragma once
#include "base/attr.h"
struct diag_sink;
struct lint;
struct unit_set;

struct unit_load_options {
    const char *const *directories; /* native ones, NULL-terminated; a missing or empty one is skipped in silence */
    bool systemd;                   /* also systemd's search path (unit/unit_paths.h), with systemd's rules */
    const char *root;               /* what all directories lie below, and symbolic links stay below; NULL: "/" */
    const char *const *names;       /* full names, instances too, NULL-terminated: these, and what they pull in. NULL:
                                       what the mode starts */
    bool describe;                  /* nobody runs the set: every kind of unit is kept, and read as systemd would */
    char *const *environment;       /* for ${VAR} in native units (D3): normally environ */
    const char *hostname;           /* %H; NULL: uname(2) */
    struct lint *lint;              /* unit/lint.h: looks at all that is read; NULL: nobody */
};
struct unit_load_report {
    uint32_t units; /* files that became units (without built-ins) */
    uint32_t warnings, overrides;
    bool failed; /* at least one file, or the set as a whole, was refused: exit 64 (S07) */
};
/* 0 or -errno for lack of resources only. The set holds every unit that loaded, also when report->failed; the caller
 * owns *ret_set. Cross-unit checks are unit/validate.h's. */
MUST_CHECK int unit_set_load(const struct unit_load_options *options, struct diag_sink *diags,
                             struct unit_load_report *ret_report, struct unit_set **ret_set);
