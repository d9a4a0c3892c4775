#include "cmd/container-init/commands.h"

#include <string.h>

static const struct {
    const char *word;
    command_function *function;
    const char *arguments, *help;
} table[] = {
#define C(word, function, arguments, help) { (word), (function), (arguments), (help) },
#include "cmd/container-init/commands.def"
#undef C
};

command_function *command_find(const char *word)
{
    for (size_t i = 0; i < COUNT_OF(table); i++)
        if (strcmp(table[i].word, word) == 0) return table[i].function;
    return NULL;
}

bool command_help(const char *word, const char *option, FILE *out)
{
    if (strcmp(option, "--help") != 0 && strcmp(option, "-h") != 0) return false;
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        bool tells_itself = table[i].function == cmd_analyze || table[i].function == cmd_escape ||
                            table[i].function == cmd_systemctl; /* in systemd's words */
        if (strcmp(table[i].word, word) != 0 || tells_itself) continue;
        (void)fprintf(out, "Usage: container-init %s %s\n\n%c%s. See container-init(8), \"COMMANDS\".\n", table[i].word,
                      table[i].arguments, table[i].help[0] - 'a' + 'A', table[i].help + 1); /* the caller's choice */
        return true;
    }
    return false;
}

/* A closed standard output is the caller's choice, here and below. */
void commands_usage(FILE *out)
{
    for (size_t i = 0; i < COUNT_OF(table); i++)
        (void)fprintf(out, "       container-init %s %s\n", table[i].word, table[i].arguments);
}

void commands_help(FILE *out)
{
    for (size_t i = 0; i < COUNT_OF(table); i++) (void)fprintf(out, "  %-22s %s\n", table[i].word, table[i].help);
}
