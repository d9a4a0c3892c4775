/* unit/specifier.h - %n, %i, %H and the rest, expanded while a unit is loaded.
 *
 * Source: systemd.unit(5) "SPECIFIERS", as the system manager of systemd 252 resolves them, and %D of later ones.
 * Differs: where PID 1 is not root, the user specifiers come from its own ids and environment, without the user
 * database; %m has an answer without a machine id (unit/machine.h). */
#pragma once
#include "base/attr.h"
#include "base/str.h"
#include <sys/types.h>
struct machine;

struct specifier_context {
    const char *unit_name;     /* full: "getty@tty1.service" */
    const char *fragment_path; /* %y, %Y: the unit file, in machine->root if there is one */
    const char *hostname;      /* %H, %l; NULL: uname(2) */
    struct machine *machine;   /* whose ids and os-release; NULL: the system's own, which are read anew at each call */
    char *const *environment;  /* %T, %V, %m; without root %h, %s, %u */
    bool names_only;           /* only those that fit in the name of a unit, not %I or %C */
    bool deprecated;           /* also %c, %r and %R, which systemd.unit(5) no longer mentions */
    bool ids_given;            /* false: geteuid(2) and getegid(2), asked for only when a specifier wants them */
    uid_t uid;
    gid_t gid;
};

/* Appends `text` with its specifiers expanded. One that is unknown, or has no answer here (%f of a name that is no
 * path), stays as written; the first one is returned in *ret_unknown as a pointer to its "%", which is else NULL. A "%"
 * at the end, or before what is no letter or digit, is a percent sign. 0 or -ENOMEM. */
MUST_CHECK int specifier_expand(const struct specifier_context *context, const char *text, size_t length,
                                struct str *out, const char **ret_unknown);
/* The first deprecated specifier in the text, at its "%"; NULL when there is none. */
const char *specifier_deprecated(const char *text);
