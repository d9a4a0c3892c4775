/* cmd/container-init/escape.h - container-init escape: text and paths to names of units and back.
 *
 * Options, output, messages and exit status are those of systemd-escape(1) of systemd 252. */
#pragma once
#include "base/attr.h"
#include <stdio.h>

/* argv[0] is the word "escape". Answers to `out`, separated by blanks and ended by a newline, messages to `err`.
 * EXIT_SUCCESS or EXIT_FAILURE, the latter for a usage error too. */
int escape_run(int argc, char **argv, FILE *out, FILE *err);
