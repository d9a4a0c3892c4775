/* cmd/container-init/commands.h - the subcommands: `container-init WORD ...` beside the options of a run.
 *
 * A word is recognised as the first argument only. Each function gets the arguments from its own word on (argv[0] is
 * the word) and returns the exit status: EXIT_SUCCESS, EXIT_FAILURE, EXIT_USAGE for a usage error that it has reported
 * on stderr. Answers go to stdout and are flushed; a failed write there is a failure. */
#pragma once
#include "base/attr.h"
#include <stdio.h>

#define EXIT_USAGE 2

#define C(word, function, arguments, help) int function(int argc, char **argv);
#include "cmd/container-init/commands.def"
#undef C

typedef int command_function(int argc, char **argv);
/* NULL when the word is none. */
command_function *command_find(const char *word);
/* `container-init WORD --help` or -h, of words that do not answer it themselves. True when it has printed something. */
bool command_help(const char *word, const char *option, FILE *out);
/* A line of usage for each. */
void commands_usage(FILE *out);
/* A line of help for each. */
void commands_help(FILE *out);
