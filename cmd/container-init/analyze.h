/* cmd/container-init/analyze.h - container-init analyze VERB ...: the verbs of systemd-analyze(1) that need no manager.
 *
 * Each verb answers with the text and the exit status of systemd 252. Its function gets its operands (argv[0] is the
 * verb, argv[argc] is NULL) and the options, which may stand anywhere on the command line; it writes answers to `out`
 * and complaints to `err`, and returns EXIT_SUCCESS or EXIT_FAILURE (systemd-analyze knows no other failure). */
#pragma once
#include "base/attr.h"
#include <stdio.h>

/* What stands in analyze_options.def; texts are borrowed from argv. */
struct analyze_options {
    uint32_t iterations;   /* --iterations=, 1 by default */
    const char *base_time; /* --base-time=; NULL: now */
    const char *root;      /* --root=; NULL: none */
    const char *unit;      /* --unit=; NULL: none */
    bool user, global;     /* --user, --global */
    FILE *out, *err;
};

typedef int analyze_function(const struct analyze_options *options, int argc, char **argv);
#define A(word, function, least, arguments, help) analyze_function function;
#include "cmd/container-init/analyze.def"
#undef A

/* The whole command, as cmd_analyze() with other streams. */
int analyze_main(FILE *out, FILE *err, int argc, char **argv);
/* "Failed to parse WHAT 'TEXT': REASON" and the like: one line on `err`, as systemd-analyze logs without a terminal. */
PRINTF(2, 3) void analyze_complain(const struct analyze_options *options, const char *fmt, ...);
/* A line of help for each verb. */
void analyze_help(FILE *out);
