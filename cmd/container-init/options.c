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

/* An option and its value, which may be the next word: *index is then moved to that. The row is found by `find`. */
static int option_take(int argc, char **argv, int *index, struct options *options,
                       const struct option *(*find)(const char *name, size_t length))
{
    const char *word = argv[*index];
    if (word[0] != '-' || word[1] == '\0') return 0;
    const char *name = word + (word[1] == '-' ? 2 : 1);
    const char *equals = strchr(name, '=');
    const struct option *option = find(name, equals ? (size_t)(equals - name) : strlen(name));
    if (!option) return 0;
    const char *value = equals ? equals + 1 : NULL;
    if (option->kind != OPTION_BOOL && !value) {
        if (*index + 1 == argc) return usage_error("this option needs an argument", word);
        value = argv[++*index];
    }
    int r = option_set(options, option, word, value);
    return r < 0 ? r : 1;
}

int options_parse(int argc, char **argv, struct options *ret_options)
{
    *ret_options = (struct options){ .units = NULL };
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i];
        int r = option_take(argc, argv, &i, ret_options, option_find);
        if (r < 0) return r;
        if (r == 0)
            return usage_error(word[0] != '-' || !word[1] ? "neither an option nor a command" : "unknown option", word);
    }
    return 0;
}

static const struct option *option_find_place(const char *name, size_t length)
{
    static const char *const names[] = { "units", "drop-in", "systemd", "root" };
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (strlen(names[i]) == length && memcmp(names[i], name, length) == 0) return option_find(name, length);
    return NULL;
}

int options_take_place(int argc, char **argv, int *index, struct options *options)
{
    return option_take(argc, argv, index, options, option_find_place);
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
