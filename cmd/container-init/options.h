/* cmd/container-init/options.h - the command line (SEED.md S01-S06): one table, one or two dashes, "=" or a next word.
 */
#pragma once
#include "base/attr.h"
#include "base/str.h"
#include <stdio.h>

struct options {
    const char *units, *drop_in, *format, *stop_timeout, *log_level; /* NULL: not given */
    struct strlist allow, rules;                                     /* one entry per --allow, --rule */
    bool validate, strict, stay, version, help;
};

/* 0; -EINVAL with a usage message on stderr (exit 2); -ENOMEM. Left-over arguments are an error (D14). */
MUST_CHECK int options_parse(int argc, char **argv, struct options *ret_options);
void options_done(struct options *options);
void options_help(FILE *out);
