/* cmd/container-init/options.h - the command line (SEED.md S01-S06): one table, one or two dashes, "=" or a next word.
 */
#pragma once
#include "base/attr.h"
#include "base/str.h"
#include <stdio.h>

struct options {
    const char *units, *drop_in, *root, *format, *stop_timeout, *state_dir, *log_level, *control,
        *termination_log;        /* NULL: not given */
    struct strlist allow, rules; /* one entry per --allow, --rule */
    bool systemd, validate, strict, stay, version, help;
};

/* 0; -EINVAL with a usage message on stderr (exit 2); -ENOMEM. Left-over arguments are an error (D14). */
MUST_CHECK int options_parse(int argc, char **argv, struct options *ret_options);
/* The options that say where units come from, for subcommands that load units too: 1 when argv[*index] is one of them,
 * and *index is then that of its last word; 0 when it is not; errors as above. *options begins zeroed. */
MUST_CHECK int options_take_place(int argc, char **argv, int *index, struct options *options);
void options_done(struct options *options);
void options_help(FILE *out);
