/* cmd/container-init/show.h - container-init show and cat: units as they are read, without a supervisor.
 *
 * Texts and exit statuses are those of systemctl 252 as far as a unit that nobody runs can have them. Both return the
 * exit status: 0; 1 for names that are none and, with cat, for units without a file; EXIT_USAGE.
 * Source: systemctl(1) "show", "cat". */
#pragma once
#include "base/attr.h"
#include <stdio.h>

int show_main(FILE *out, FILE *err, int argc, char **argv);
int cat_main(FILE *out, FILE *err, int argc, char **argv);
