/* unit/specifier.h - %n, %i, %H and the rest, expanded while a unit is loaded.
 *
 * Source: systemd.unit(5) "SPECIFIERS", as the system manager resolves them. Differs: where PID 1 is not root, the user
 * specifiers come from its own ids and environment, without the user database; %c is not known, as nothing is running
 * yet; %d is the directory that would hold credentials. */
#pragma once
#include "base/attr.h"
#include "base/str.h"
#include <sys/types.h>

struct specifier_context {
    const char *unit_name;     /* full: "getty@tty1.service" */
    const char *fragment_path; /* %y, %Y */
    const char *hostname;      /* %H, %l; NULL: uname(2) */
    char *const *environment;  /* %T, %V; without root %h, %s, %u */
    bool ids_given;            /* false: geteuid(2) and getegid(2), asked for only when a specifier wants them */
    uid_t uid;
    gid_t gid;
};

/* Appends `text` with its specifiers expanded. A specifier that is unknown, or has no answer here (no machine id),
 * stays as written; the first one is returned in *ret_unknown as a pointer to its "%", which is else NULL. 0 or
 * -ENOMEM. */
MUST_CHECK int specifier_expand(const struct specifier_context *context, const char *text, size_t length,
                                struct str *out, const char **ret_unknown);
