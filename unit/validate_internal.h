/* unit/validate_internal.h - what unit/validate.c and unit/validate_socket.c share. */
#pragma once
#include "base/attr.h"
#include "base/diag.h"
#include "unit/lint_internal.h"
#include "unit/unit.h"
struct graph;

struct validator {
    const struct unit_set *set;
    const struct graph *graph;
    const struct lint *lint; /* NULL: places of single directives are not known */
    struct diag_sink *diags;
    bool refused;
};
static inline struct diag_about about_origin(struct origin origin, const char *section, const char *key)
{
    return (struct diag_about){ { origin.file, origin.line, origin.column }, section, key };
}
/* About a directive of a unit. */
struct diag_about about_key(const struct validator *validator, const struct unit *unit, enum lint_key key);
/* What is wrong with a name that no unit has: "not found", "is masked". NULL where an error has told already. */
const char *absence_text(const struct validator *validator, const char *name);
/* Rules for sockets. 0 or -ENOMEM. */
MUST_CHECK int validate_sockets(struct validator *validator);
