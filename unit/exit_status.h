/* unit/exit_status.h - the names that exit statuses have, and where each comes from.
 *
 * Source: systemd.exec(5) "PROCESS EXIT CODES", systemd-analyze(1) exit-status. The manual has 245 for BPF, systemd 252
 * itself has 244. */
#pragma once
#include "base/attr.h"

#define EXIT_STATUS_MAX 255

/* A name without "EX_" or "EXIT_", in upper case, or a number of parse_integer()'s form, 0 to 255. -EINVAL: neither;
 * -ERANGE: another number. */
MUST_CHECK int exit_status_parse(const char *text, int *ret);
/* "CHDIR" for 200; NULL for a number without a name. */
const char *exit_status_name(int status);
/* "libc", "LSB", "BSD", "systemd"; NULL likewise. */
const char *exit_status_class(int status);
