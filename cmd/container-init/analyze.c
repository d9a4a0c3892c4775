/* container-init analyze: its options, and the table of its verbs. */
#include "cmd/container-init/analyze.h"
#include "cmd/container-init/commands.h"

#include "base/parse.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static const struct verb {
    const char *word;
    analyze_function *function;
    int least;
    const char *operands, *help;
} verbs[] = {
#define A(word, function, least, operands, help) { (word), (function), (least), (operands), (help) },
#include "cmd/container-init/analyze.def"
#undef A
};

enum option_kind { OPTION_IGNORED, OPTION_FLAG, OPTION_TEXT, OPTION_ITERATIONS, OPTION_HELP, OPTION_VERSION };

/* Those of systemd-analyze(1) that mean something to a verb we have; kinds from OPTION_TEXT on, but for the last two,
 * take an argument. Ignored: nothing here pages, and there is one system to ask. */
static const struct option {
    const char *name;
    char letter;
    enum option_kind kind;
    size_t offset;
} table[] = {
    { "base-time", '\0', OPTION_TEXT, offsetof(struct analyze_options, base_time) },
    { "global", '\0', OPTION_FLAG, offsetof(struct analyze_options, global) },
    { "help", 'h', OPTION_HELP, 0 },
    { "iterations", '\0', OPTION_ITERATIONS, 0 },
    { "no-pager", '\0', OPTION_IGNORED, 0 },
    { "quiet", 'q', OPTION_IGNORED, 0 },
    { "root", '\0', OPTION_TEXT, offsetof(struct analyze_options, root) },
    { "system", '\0', OPTION_IGNORED, 0 },
    { "unit", 'u', OPTION_TEXT, offsetof(struct analyze_options, unit) },
    { "user", '\0', OPTION_FLAG, offsetof(struct analyze_options, user) },
    { "version", '\0', OPTION_VERSION, 0 },
};

static bool takes_argument(const struct option *option)
{
    return option->kind == OPTION_TEXT || option->kind == OPTION_ITERATIONS;
}

/* A closed standard error is the caller's choice. */
void analyze_complain(const struct analyze_options *options, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)vfprintf(options->err, fmt, args); /* NOLINT(clang-analyzer-valist.Uninitialized): it is, one line above */
    va_end(args);
    (void)fputc('\n', options->err);
}

/* A closed standard output is the caller's choice. */
void analyze_help(FILE *out)
{
    for (size_t i = 0; i < COUNT_OF(verbs); i++)
        (void)fprintf(out, "  %-12s %-12s %s\n", verbs[i].word, verbs[i].operands, verbs[i].help);
}

/* ---- the command line ---- */

/* What is left to do after an option; 0 goes on. */
enum after { AFTER_NOTHING, AFTER_DONE };

/* systemd takes every unsigned number in the bases of C, and in those of Python besides. */
static int parse_iterations(const char *text, uint32_t *ret)
{
    uint32_t base = 10, value = 0;
    text += strspn(text, " \t\n\r");
    if (*text == '+') text++;
    if (text[0] == '0' && text[1] != '\0') {
        base = text[1] == 'x' || text[1] == 'X' ? 16 : text[1] == 'b' || text[1] == 'B' ? 2 : 8;
        text += base != 8 || text[1] == 'o' || text[1] == 'O' ? 2 : 1;
    }
    if (*text == '\0') return -EINVAL;
    for (; *text; text++) {
        uint32_t letter = (uint32_t)(*text | 0x20) - 'a', digit = letter < 6 ? letter + 10 : (uint32_t)*text - '0';
        if (digit >= base) return -EINVAL;
        if (ckd_mul(&value, value, base) || ckd_add(&value, value, digit)) return -ERANGE;
    }
    *ret = value;
    return 0;
}

static int option_apply(struct analyze_options *options, const struct option *option, const char *value)
{
    switch (option->kind) {
    case OPTION_IGNORED:
        return AFTER_NOTHING;
    case OPTION_FLAG:
        *(bool *)((char *)options + option->offset) = true;
        return AFTER_NOTHING;
    case OPTION_TEXT:
        *(const char **)((char *)options + option->offset) = value;
        return AFTER_NOTHING;
    case OPTION_ITERATIONS:
        if (parse_iterations(value, &options->iterations) == 0) return AFTER_NOTHING;
        analyze_complain(options, "Failed to parse iterations: %s", value);
        return -EINVAL;
    case OPTION_HELP:
        (void)fputs("container-init analyze [OPTIONS...] VERB ...\n\n", options->out);
        analyze_help(options->out);
        return AFTER_DONE;
    case OPTION_VERSION:
        (void)fputs("container-init " CONTAINER_INIT_VERSION "\n", options->out);
        return AFTER_DONE;
    }
    return -EINVAL;
}

/* The option of this name, or of which this is the only abbreviation. */
static const struct option *long_option(const struct analyze_options *options, const char *name, size_t length)
{
    const struct option *found = NULL;
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        if (strncmp(table[i].name, name, length) != 0) continue;
        if (table[i].name[length] == '\0') return &table[i];
        if (found) {
            analyze_complain(options, "container-init analyze: option '--%.*s' is ambiguous", (int)length, name);
            return NULL;
        }
        found = &table[i];
    }
    if (!found) analyze_complain(options, "container-init analyze: unrecognized option '--%.*s'", (int)length, name);
    return found;
}

/* "--name", "--name=value", "--name value"; *index is at the word and moves to the value when that is the next word. */
static int long_word(struct analyze_options *options, int argc, char **argv, int *index)
{
    const char *name = argv[*index] + 2, *equals = strchr(name, '='), *value = equals ? equals + 1 : NULL;
    const struct option *option = long_option(options, name, equals ? (size_t)(equals - name) : strlen(name));
    if (!option) return -EINVAL;
    if (!takes_argument(option) && value) {
        analyze_complain(options, "container-init analyze: option '--%s' doesn't allow an argument", option->name);
        return -EINVAL;
    }
    if (takes_argument(option) && !value) {
        if (*index + 1 >= argc) {
            analyze_complain(options, "container-init analyze: option '--%s' requires an argument", option->name);
            return -EINVAL;
        }
        value = argv[++*index];
    }
    return option_apply(options, option, value);
}

/* "-q", "-uNAME", "-u NAME", "-qu NAME". */
static int short_word(struct analyze_options *options, int argc, char **argv, int *index)
{
    for (const char *p = argv[*index] + 1; *p; p++) {
        const struct option *option = NULL;
        for (size_t i = 0; i < COUNT_OF(table) && !option; i++)
            if (table[i].letter == *p) option = &table[i];
        if (!option) {
            analyze_complain(options, "container-init analyze: invalid option -- '%c'", *p);
            return -EINVAL;
        }
        if (takes_argument(option) && p[1] == '\0' && *index + 1 >= argc) {
            analyze_complain(options, "container-init analyze: option requires an argument -- '%c'", *p);
            return -EINVAL;
        }
        if (takes_argument(option)) return option_apply(options, option, p[1] ? p + 1 : argv[++*index]);
        int r = option_apply(options, option, NULL);
        if (r != AFTER_NOTHING) return r;
    }
    return AFTER_NOTHING;
}

/* Options may stand among the operands, which are moved to the front of argv; "--" ends the options. Gives their
 * number, or a negative errno, or 0 with *ret_done when an option was answered already. */
static int take_options(struct analyze_options *options, int argc, char **argv, bool *ret_done)
{
    int n = 0;
    for (int i = 1; i < argc; i++) {
        int r = AFTER_NOTHING;
        if (strcmp(argv[i], "--") == 0) {
            while (++i < argc) argv[n++] = argv[i];
            break;
        }
        if (argv[i][0] != '-' || argv[i][1] == '\0')
            argv[n++] = argv[i];
        else
            r = argv[i][1] == '-' ? long_word(options, argc, argv, &i) : short_word(options, argc, argv, &i);
        *ret_done = r == AFTER_DONE;
        if (r != AFTER_NOTHING) return r < 0 ? r : 0;
    }
    argv[n] = NULL;
    return n;
}

int analyze_main(FILE *out, FILE *err, int argc, char **argv)
{
    struct analyze_options options = { .iterations = 1, .out = out, .err = err };
    bool done = false;
    int n = take_options(&options, argc, argv, &done), status = EXIT_FAILURE;
    if (n < 0) return EXIT_FAILURE;
    const struct verb *verb = NULL;
    for (size_t i = 0; n > 0 && i < COUNT_OF(verbs) && !verb; i++)
        if (strcmp(verbs[i].word, argv[0]) == 0) verb = &verbs[i];
    if (done)
        status = EXIT_SUCCESS;
    else if (n == 0)
        analyze_complain(&options, "Command verb required.");
    else if (!verb)
        analyze_complain(&options, "Unknown command verb %s.", argv[0]);
    else if (n - 1 < verb->least)
        analyze_complain(&options, "Too few arguments.");
    else
        status = verb->function(&options, n, argv);
    return fflush(out) == 0 && !ferror(out) ? status : EXIT_FAILURE;
}

int cmd_analyze(int argc, char **argv)
{
    return analyze_main(stdout, stderr, argc, argv);
}
