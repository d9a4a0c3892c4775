/* container-init escape: the rules are unit/name.h's, the words systemd-escape(1)'s. */
#include "cmd/container-init/escape.h"
#include "cmd/container-init/commands.h"

#include "base/str.h"
#include "unit/name.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum action { ACTION_ESCAPE, ACTION_UNESCAPE, ACTION_MANGLE };

struct request {
    FILE *out, *err;
    enum action action;
    bool path, instance, finished; /* finished: --help and --version have answered */
    const char *suffix, *template;
    char *const *texts;
    size_t count;
};

/* Says why not; the result is what callers return. Nobody is left to tell when standard error is closed. */
PRINTF(2, 3) static int refuse(const struct request *request, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)vfprintf(request->err, fmt, args);
    va_end(args);
    (void)fputc('\n', request->err);
    return -EINVAL;
}

static int refuse_for(const struct request *request, const char *what, int r)
{
    (void)refuse(request, "%s: %s", what, strerror(-r)); /* r is what failed */
    return r;
}

/* ---- options ---- */

static const struct escape_option {
    const char *name;
    char letter, key; /* letter 0: none */
    bool argument;
    const char *help;
} options[] = {
    { "help", 'h', 'h', false, "Show this help" },
    { "version", 0, 'v', false, "Show package version" },
    { "suffix", 0, 's', true, "Unit suffix to append to escaped strings" },
    { "template", 0, 't', true, "Insert strings as instance into template" },
    { "instance", 0, 'i', false, "With --unescape, show just the instance part" },
    { "unescape", 'u', 'u', false, "Unescape strings" },
    { "mangle", 'm', 'm', false, "Mangle strings" },
    { "path", 'p', 'p', false, "When escaping/unescaping assume the string is a path" },
};

static int print_help(struct request *request)
{
    request->finished = true;
    /* A closed standard output is the caller's choice, here and below. */
    (void)fputs("container-init escape [OPTIONS...] [NAME...]\n\nEscape strings for usage in systemd unit names.\n\n",
                request->out);
    for (size_t i = 0; i < COUNT_OF(options); i++) {
        char left[32], letter[4] = { '-', options[i].letter, '\0', '\0' };
        (void)snprintf(left, sizeof left, "--%s%s", options[i].name, /* fits: the table is ours */
                       options[i].key == 's'   ? "=SUFFIX"
                       : options[i].key == 't' ? "=TEMPLATE"
                                               : "");
        (void)fprintf(request->out, "  %-2s %-20s %s\n", options[i].letter ? letter : "", left, options[i].help);
    }
    return 0;
}

static int set_suffix(struct request *request, const char *suffix)
{
    AUTO_STR struct str dotted = STR_EMPTY;
    int r = str_append_char(&dotted, '.');
    if (r == 0) r = str_append(&dotted, suffix);
    if (r < 0) return refuse_for(request, "escape", r);
    if (!unit_suffix_is_valid(str_text(&dotted))) return refuse(request, "Invalid unit suffix type \"%s\".", suffix);
    request->suffix = suffix;
    return 0;
}

static int set_option(struct request *request, char key, const char *argument)
{
    switch (key) {
    case 'h':
        return print_help(request);
    case 'v':
        request->finished = true;
        (void)fputs("container-init " CONTAINER_INIT_VERSION "\n", request->out); /* likewise */
        return 0;
    case 's':
        return set_suffix(request, argument);
    case 't':
        if (unit_name_form(argument) != UNIT_NAME_TEMPLATE)
            return refuse(request, "Template name %s is not valid.", argument);
        request->template = argument;
        return 0;
    case 'i':
        request->instance = true;
        return 0;
    case 'p':
        request->path = true;
        return 0;
    default:
        request->action = key == 'u' ? ACTION_UNESCAPE : ACTION_MANGLE;
        return 0;
    }
}

/* "--name", "--name=value" or "--name value"; a name may be cut while it can only be one. *index is that of the word.
 */
static int read_long_option(struct request *request, int argc, char **argv, int *index)
{
    const char *name = argv[*index] + 2;
    size_t length = strcspn(name, "=");
    const struct escape_option *option = NULL;
    for (size_t i = 0; i < COUNT_OF(options) && length > 0; i++)
        if (strncmp(options[i].name, name, length) == 0) option = &options[i]; /* no two begin with the same letter */
    if (!option) return refuse(request, "container-init escape: unrecognized option '--%s'", name);
    const char *argument = name[length] == '=' ? name + length + 1 : NULL;
    if (argument && !option->argument)
        return refuse(request, "container-init escape: option '--%s' doesn't allow an argument", option->name);
    if (!argument && option->argument) {
        if (*index + 1 == argc)
            return refuse(request, "container-init escape: option '--%s' requires an argument", option->name);
        argument = argv[++*index];
    }
    return set_option(request, option->key, argument);
}

static int read_letters(struct request *request, const char *letters)
{
    int r = 0;
    for (const char *c = letters; *c != '\0' && r == 0 && !request->finished; c++) {
        const struct escape_option *option = NULL;
        for (size_t i = 0; i < COUNT_OF(options); i++)
            if (options[i].letter == *c) option = &options[i];
        r = option ? set_option(request, option->key, NULL)
                   : refuse(request, "container-init escape: invalid option -- '%c'", *c);
    }
    return r;
}

static int check_combination(const struct request *request)
{
    const struct request *q = request;
    if (q->count == 0) return refuse(q, "Not enough arguments.");
    if (q->template && q->suffix) return refuse(q, "--suffix= and --template= may not be combined.");
    if ((q->template || q->suffix) && q->action == ACTION_MANGLE)
        return refuse(q, "--suffix= and --template= are not compatible with --mangle.");
    if (q->suffix && q->action == ACTION_UNESCAPE) return refuse(q, "--suffix is not compatible with --unescape.");
    if (q->path && q->action == ACTION_MANGLE) return refuse(q, "--path may not be combined with --mangle.");
    if (q->instance && q->action != ACTION_UNESCAPE)
        return refuse(q, "--instance must be used in conjunction with --unescape.");
    if (q->instance && q->template) return refuse(q, "--instance may not be combined with --template.");
    return 0;
}

/* Options may stand behind texts, until "--"; the texts move to the front of argv. */
static int read_arguments(struct request *request, int argc, char **argv)
{
    int r = 0;
    bool only_texts = false;
    for (int i = 1; i < argc && r == 0 && !request->finished; i++) {
        char *word = argv[i];
        if (only_texts || word[0] != '-' || word[1] == '\0')
            argv[++request->count] = word;
        else if (strcmp(word, "--") == 0)
            only_texts = true;
        else
            r = word[1] == '-' ? read_long_option(request, argc, argv, &i) : read_letters(request, word + 1);
    }
    request->texts = argv + 1;
    return r < 0 || request->finished ? r : check_combination(request);
}

/* ---- one text ---- */

/* Not empty, and neither a component nor the whole is longer than the kernel takes. */
static bool path_is_possible(const char *path)
{
    if (path[0] == '\0' || strlen(path) >= PATH_MAX) return false;
    for (const char *p = path; *p != '\0'; p += strspn(p, "/")) {
        size_t n = strcspn(p, "/");
        if (n > NAME_MAX) return false;
        p += n;
    }
    return true;
}

static int escape_path(const struct request *request, const char *text, struct str *out)
{
    int r = unit_name_escape_path(text, out);
    bool possible = path_is_possible(text), absolute = text[0] == '/';
    if (r == -EINVAL)
        return refuse(request, "Input '%s' is not %s file system path, failed to escape.", text,
                      !possible   ? "a valid"
                      : !absolute ? "an absolute"
                                  : "a normalized");
    if (r < 0) return refuse_for(request, "Failed to escape string", r);
    if (!possible || !absolute) /* only a warning; systemd-escape's own spelling of both */
        (void)refuse(request, "Input '%s' is not %s file system path, escaping is likely not going%s be reversible.",
                     text, possible ? "an absolute" : "a valid", possible ? " to" : "");
    return 0;
}

static int escape_text(const struct request *request, const char *text, struct str *out)
{
    AUTO_STR struct str escaped = STR_EMPTY;
    int r;
    if (request->path) {
        r = escape_path(request, text, &escaped);
        if (r < 0) return r; /* reported */
    } else if ((r = unit_name_escape(text, &escaped)) < 0) {
        return refuse_for(request, "Failed to escape string", r);
    }
    if (request->template) {
        r = unit_name_instantiate(request->template, str_text(&escaped), out);
        return r < 0 ? refuse_for(request, "Failed to replace instance", r) : 0;
    }
    r = str_append(out, str_text(&escaped));
    if (r == 0 && request->suffix) r = str_append_char(out, '.');
    if (r == 0 && request->suffix) r = str_append(out, request->suffix);
    return r < 0 ? refuse_for(request, "Failed to append suffix", r) : 0;
}

/* The instance of a name, which is to be one of the wanted template. */
static int extract_instance(const struct request *request, const char *name, struct str *out)
{
    if (!unit_name_is_valid(name)) return refuse_for(request, "Failed to extract instance", -EINVAL);
    struct unit_name_parts parts = unit_name_split(name);
    if (parts.instance_length == 0) return refuse(request, "Unit %s is missing the instance name.", name);
    if (request->template) {
        AUTO_STR struct str template = STR_EMPTY;
        int r = unit_name_template(name, &template);
        if (r < 0) return refuse_for(request, "Failed to extract template", r);
        if (strcmp(str_text(&template), request->template) != 0)
            return refuse(request, "Unit %s template %s does not match specified template %s.", name,
                          str_text(&template), request->template);
    }
    return str_append_bytes(out, parts.instance, parts.instance_length);
}

static int unescape_text(const struct request *request, const char *text, struct str *out)
{
    AUTO_STR struct str instance = STR_EMPTY;
    if (request->template || request->instance) {
        int r = extract_instance(request, text, &instance);
        if (r < 0) return r; /* reported */
        text = str_text(&instance);
    }
    int r =
        request->path ? unit_name_unescape_path(text, strlen(text), out) : unit_name_unescape(text, strlen(text), out);
    return r < 0 ? refuse_for(request, "Failed to unescape string", r) : 0;
}

static int answer(const struct request *request, const char *text, struct str *out)
{
    switch (request->action) {
    case ACTION_ESCAPE:
        return escape_text(request, text, out);
    case ACTION_UNESCAPE:
        return unescape_text(request, text, out);
    case ACTION_MANGLE: {
        int r = unit_name_mangle(text, ".service", false, out);
        return r < 0 ? refuse_for(request, "Failed to mangle name", r) : 0;
    }
    }
    return -EINVAL;
}

/* What was answered before a text that cannot be used stays written, without a newline, as systemd-escape leaves it. */
static int answer_all(const struct request *request)
{
    for (size_t i = 0; i < request->count; i++) {
        AUTO_STR struct str text = STR_EMPTY;
        int r = answer(request, request->texts[i], &text);
        if (r < 0) return r;
        if (i > 0) (void)fputc(' ', request->out);  /* errors are seen at the end */
        (void)fputs(str_text(&text), request->out); /* likewise */
    }
    (void)fputc('\n', request->out); /* likewise */
    return 0;
}

int escape_run(int argc, char **argv, FILE *out, FILE *err)
{
    struct request request = { .out = out, .err = err };
    int r = read_arguments(&request, argc, argv);
    if (r == 0 && !request.finished) r = answer_all(&request);
    return fflush(out) != 0 || ferror(out) || r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

int cmd_escape(int argc, char **argv)
{
    return escape_run(argc, argv, stdout, stderr);
}
