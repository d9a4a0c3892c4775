#include "unit/command.h"

#include "base/arena.h"
#include "unit/values.h"
#include "unit/words.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#define QUOTED_MAX 160

struct reader {
    struct parse *p;
    const struct value *value;
    const char *cursor;
    struct command command;
    uint32_t capacity; /* of command.argv */
};

/* A command that cannot be run: refuses the unit, except behind "-", as in systemd. Returns 0 so that the rest of the
 * line is left alone. */
static int refuse(struct reader *in, size_t offset, const char *code, const char *what)
{
    bool tolerated = in->command.flags & COMMAND_IGNORE_FAILURE;
    if (in->p->context->native && strcmp(code, "bad-quoting") == 0) tolerated = false; /* S31 */
    if (in->p->context->native && in->p->lenient) tolerated = true;                    /* nothing runs it */
    parse_report(in->p, tolerated ? DIAG_WARNING : DIAG_ERROR, in->value, offset, code, NULL, "%s", what);
    return 0;
}

static bool is_word_end(char c)
{
    return c == '\0' || strchr(WORD_BLANKS, c);
}

/* The next word without its specifiers expanded, in p->word. 1, 0 at the end or after a report (*ret_failed), -ENOMEM.
 */
static int raw_word(struct reader *in, size_t *ret_offset, bool *ret_failed)
{
    const char *bad = NULL;
    *ret_offset = (size_t)(in->cursor - in->value->text);
    int r = word_next(&in->cursor, WORD_QUOTES | WORD_ESCAPES, &in->p->word, &bad);
    if (r == -EBADMSG) {
        parse_report(in->p, DIAG_WARNING, in->value, (size_t)(bad - in->value->text), "bad-escape", NULL,
                     "unknown escape sequence (kept as written)");
        const char *again = in->cursor;
        r = word_next(&again, WORD_QUOTES | WORD_ESCAPES | WORD_LENIENT, &in->p->word, NULL);
        const char *probe = in->cursor; /* lenient about the escape, not about the quote */
        AUTO_STR struct str ignored = STR_EMPTY;
        if (r >= 0 && word_next(&probe, WORD_QUOTES, &ignored, &bad) == -EINVAL)
            r = -EINVAL;
        else
            in->cursor = again;
    }
    if (r == -EINVAL) {
        *ret_failed = true;
        if (!in->command.program) in->command.flags |= COMMAND_IGNORE_FAILURE; /* systemd drops such a command */
        return refuse(in, (size_t)(bad - in->value->text), "bad-quoting", "quote without its end");
    }
    return r;
}

static int add_argument(struct reader *in, const char *text)
{
    const char *copy;
    int r = parse_keep(in->p, text, &copy);
    if (r == 0)
        r = list_reserve(in->p->arena, (void **)&in->command.argv, in->command.argc, &in->capacity,
                         sizeof *in->command.argv);
    if (r == 0) in->command.argv[in->command.argc++] = copy;
    return r;
}

/* The prefixes of the first word; returns where the program begins. */
static const char *read_prefixes(const char *text, uint32_t *ret_flags)
{
    const uint32_t privileged = COMMAND_FULL_PRIVILEGE | COMMAND_NO_SETUID | COMMAND_AMBIENT;
    uint32_t flags = 0;
    for (;; text++) {
        if (*text == '-' && !(flags & COMMAND_IGNORE_FAILURE))
            flags |= COMMAND_IGNORE_FAILURE;
        else if (*text == '@' && !(flags & COMMAND_ARGV0))
            flags |= COMMAND_ARGV0;
        else if (*text == ':' && !(flags & COMMAND_NO_EXPAND))
            flags |= COMMAND_NO_EXPAND;
        else if (*text == '+' && !(flags & privileged))
            flags |= COMMAND_FULL_PRIVILEGE;
        else if (*text == '!' && !(flags & privileged))
            flags |= COMMAND_NO_SETUID;
        else if (*text == '!' && (flags & privileged) == COMMAND_NO_SETUID)
            flags ^= COMMAND_NO_SETUID | COMMAND_AMBIENT;
        else
            break;
    }
    *ret_flags = flags;
    return text;
}

static bool has_variable(const struct reader *in, const char *program)
{
    return in->p->context->native && !(in->command.flags & COMMAND_NO_EXPAND) && strstr(program, "${");
}

/* NULL, or what is wrong with the program. */
static const char *program_problem(const struct reader *in, const char *program)
{
    size_t length = strlen(program);
    if (length == 0) return "no program behind the prefixes";
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)program[i] < 0x20 || program[i] == 0x7f)
            return "control characters in the name of the program";
    if (has_variable(in, program)) return NULL;
    if (strchr("-@:+!", program[0])) return "prefixes that contradict or repeat each other";
    if (program[length - 1] == '/') return "the program is a directory";
    if (length >= PATH_MAX || (program[0] != '/' && strchr(program, '/')))
        return "the program is neither an absolute path nor a bare name";
    if (program[0] != '/' && (length > NAME_MAX || strcmp(program, ".") == 0 || strcmp(program, "..") == 0))
        return "the program is neither an absolute path nor a bare name";
    return NULL;
}

/* The first word: prefixes and program. 1 when there is a program, 0 after a report, -ENOMEM. */
static int read_program(struct reader *in, size_t offset)
{
    struct parse *p = in->p;
    const char *program = read_prefixes(str_text(&p->word), &in->command.flags);
    int r = parse_specifiers(p, in->value, offset, program, &p->scratch);
    if (r < 0) return r;
    const char *problem =
        r == 0 ? "the program has a specifier without an answer" : program_problem(in, str_text(&p->scratch));
    if (problem) return refuse(in, offset, r == 0 ? "bad-specifier" : "bad-command", problem);
    char *path = arena_strdup(p->arena, str_text(&p->scratch));
    if (!path) return -ENOMEM;
    in->command.program = path;
    if (has_variable(in, path)) in->command.flags |= COMMAND_PROGRAM_VARIABLE;
    if (!(in->command.flags & COMMAND_ARGV0)) r = add_argument(in, path); /* as it was written */
    if (!p->context->native && *path == '/') path_simplify(path);
    return r < 0 ? r : 1;
}

/* The words up to ";" or the end. 1 when another command follows, 0 at the end, -ECANCELED after a report, -ENOMEM. */
static int read_arguments(struct reader *in)
{
    while (*in->cursor != '\0') {
        const char *c = in->cursor;
        if (c[0] == ';' && is_word_end(c[1])) {
            in->cursor += 1 + strspn(c + 1, WORD_BLANKS);
            return 1;
        }
        if (c[0] == '\\' && c[1] == ';' && is_word_end(c[2])) { /* not the same as "\;" in quotes or with neighbours */
            in->cursor += 2 + strspn(c + 2, WORD_BLANKS);
            int r = add_argument(in, ";");
            if (r < 0) return r;
            continue;
        }
        size_t offset;
        bool failed = false;
        int r = raw_word(in, &offset, &failed);
        if (r <= 0) return r < 0 ? r : failed ? -ECANCELED : 0;
        r = parse_specifiers(in->p, in->value, offset, str_text(&in->p->word), &in->p->scratch);
        if (r == 0) {
            (void)refuse(in, offset, "bad-specifier", "the command has a specifier without an answer"); /* always 0 */
            return -ECANCELED;
        }
        if (r > 0) r = add_argument(in, str_text(&in->p->scratch));
        if (r < 0) return r;
    }
    return 0;
}

/* One command. 1 when another may follow, 0 at the end or after a report, -ENOMEM. */
static int read_command(struct reader *in, struct command_list *list)
{
    size_t offset;
    bool failed = false;
    in->command = (struct command){ .origin = parse_origin(in->value) };
    in->capacity = 0;
    int r = raw_word(in, &offset, &failed);
    if (r <= 0) return r;
    if (strcmp(str_text(&in->p->word), ";") == 0) return 1; /* a separator with nothing before it */
    r = read_program(in, offset);
    if (r <= 0) return r;
    int more = read_arguments(in);
    if (more == -ECANCELED) return 0;
    if (more < 0) return more;
    if (in->command.argc == 0 || in->command.argv[0][0] == '\0')
        return refuse(in, offset, "bad-command", "'@' wants the name of the program as a second word");
    r = list_push(in->p, list, in->command);
    return r < 0 ? r : more;
}

int command_parse(struct parse *p, const struct value *value, struct command_list *list)
{
    struct reader in = { .p = p, .value = value, .cursor = value->text + strspn(value->text, WORD_BLANKS) };
    int r = 1;
    if (*in.cursor == '\0') {
        list->count = 0;
        return 0;
    }
    while (r > 0 && *in.cursor != '\0') r = read_command(&in, list);
    return MIN_OF(r, 0);
}
