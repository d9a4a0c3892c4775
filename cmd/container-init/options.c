#include "cmd/container-init/options.h"

#include "base/parse.h"
#include "cmd/container-init/commands.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

enum option_kind { OPTION_BOOL, OPTION_TEXT, OPTION_LIST };

static const struct option {
    const char *name;
    enum option_kind kind;
    size_t offset;
    const char *argument, *help; /* help NULL: another spelling, not listed */
} table[] = {
#define O(text, option_kind, member, argument_text, help_text)                                                         \
    { (text), OPTION_##option_kind, offsetof(struct options, member), (argument_text), (help_text) },
#include "cmd/container-init/options.def"
#undef O
};

static const struct option *option_find(const char *name, size_t length)
{
    for (size_t i = 0; i < COUNT_OF(table); i++)
        if (strlen(table[i].name) == length && memcmp(table[i].name, name, length) == 0) return &table[i];
    return NULL;
}

static int usage_error(const char *what, const char *word)
{
    (void)fprintf(stderr, "container-init: %s: %s\nTry 'container-init --help'.\n", what,
                  word); /* nobody else to tell */
    return -EINVAL;
}

static int option_set(struct options *options, const struct option *option, const char *word, const char *value)
{
    void *slot = (char *)options + option->offset;
    switch (option->kind) {
    case OPTION_BOOL:
        *(bool *)slot = true;
        if (value && parse_bool(value, slot) < 0) return usage_error("not a boolean", word);
        return 0;
    case OPTION_TEXT:
        *(const char **)slot = value;
        return 0;
    case OPTION_LIST:
        return strlist_add(slot, value);
    }
    return -EINVAL;
}

int options_parse(int argc, char **argv, struct options *ret_options)
{
    *ret_options = (struct options){ .units = NULL };
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i];
        if (word[0] != '-' || word[1] == '\0') return usage_error("not an option", word);
        const char *name = word + (word[1] == '-' ? 2 : 1);
        const char *equals = strchr(name, '=');
        size_t length = equals ? (size_t)(equals - name) : strlen(name);
        const struct option *option = option_find(name, length);
        if (!option) return usage_error("unknown option", word);
        const char *value = equals ? equals + 1 : NULL;
        if (option->kind != OPTION_BOOL && !value) {
            if (i + 1 == argc) return usage_error("this option needs an argument", word);
            value = argv[++i];
        }
        int r = option_set(ret_options, option, word, value);
        if (r < 0) return r;
    }
    return 0;
}

void options_done(struct options *options)
{
    strlist_done(&options->allow);
    strlist_done(&options->rules);
}

void options_help(FILE *out)
{
    (void)fputs("Usage: container-init [OPTIONS]\n", out); /* a closed standard output is the caller's choice */
    commands_usage(out);
    (void)fputs("\n"
                "Reads unit files, starts what they describe in parallel along their dependencies, supervises it, and\n"
                "stops it in reverse order. The first process of a container, or any other.\n\n",
                out); /* likewise */
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        if (!table[i].help) continue;
        char left[40];
        (void)snprintf(left, sizeof left, "--%s%s%s", table[i].name, table[i].argument ? " " : "",
                       table[i].argument ? table[i].argument : ""); /* fits: the table is ours */
        (void)fprintf(out, "  %-22s %s\n", left, table[i].help);    /* likewise */
    }
    (void)fputs("\nCommands:\n", out); /* likewise */
    commands_help(out);
    (void)fputs(
        "\nExit status: that of the first failure that decides (ExitContainerOnFailure=), 1 when a unit had to be\n"
        "killed, else 0; 2 for a usage error; 64 when the units cannot be run. See container-init(8).\n",
        out); /* likewise */
}
