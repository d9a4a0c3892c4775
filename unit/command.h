/* unit/command.h - the lines of ExecStart= and its kin -> commands.
 *
 * Source: systemd.service(5) "COMMAND LINES": quotes, C escapes, ";" as a word of its own between commands, "\;" for
 * the character, the prefixes @ - : + ! !! in any order, each at most once and of + ! !! only one. The program is an
 * absolute path or a bare name. Specifiers are expanded here, word by word; $VAR and ${VAR} when the command is run
 * (D3). Differs: in the native directories a program may be written with ${VAR}, which is looked at when the command is
 * run. */
#pragma once
#include "base/attr.h"
struct parse;
struct value;
struct command_list;

/* Appends to `list`, or clears it when the value is empty. 0 or -ENOMEM; what cannot be used is reported. */
MUST_CHECK int command_parse(struct parse *p, const struct value *value, struct command_list *list);
