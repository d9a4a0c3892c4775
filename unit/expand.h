/* unit/expand.h - $VAR, ${VAR}, ${VAR:-default}, and word lists for command lines and assignments.
 *
 * Two uses, told apart by SEED.md D3: at load (native units, every directive but Exec*= lines) only the ${...} forms;
 * at exec, on the words of a command: "$VAR" as a word of its own is split into words, "${VAR}" inside a word is not.
 * Source: systemd.service(5) "COMMAND LINES". */
#pragma once
#include "base/attr.h"
#include "base/str.h"

/* NULL when unset. */
typedef const char *expand_lookup(const char *name, size_t length, void *userdata);
/* Looks in an environ-style array passed as userdata (char *const *); the last of several entries of a name wins. */
const char *expand_lookup_environ(const char *name, size_t length, void *userdata);

/* Load-time form: ${VAR}, ${VAR:-default} (defaults nest; set-but-empty uses the default), $$ is a dollar, a bare $VAR
 * stays, "${" without "}" stays and ends the expansion. Unset without default gives nothing and is named in
 * *ret_unset (may be NULL; the first one, caller's strlist). */
MUST_CHECK int expand_load(const char *text, expand_lookup *lookup, void *userdata, struct str *out,
                           struct strlist *ret_unset);
/* Exec-time form over the words of one command. Appends to `out`. */
MUST_CHECK int expand_command(const char *const *argv, size_t argc, expand_lookup *lookup, void *userdata,
                              struct strlist *out, struct strlist *ret_unset);
