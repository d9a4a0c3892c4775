/* The values of systemd.exec(5). */
#include "unit/values_exec.h"

#include "base/parse.h"
#include "unit/words.h"

#include <errno.h>
#include <string.h>

#define QUOTED_MAX    160
#define USER_NAME_MAX 256

static bool is_control(char c)
{
    return (unsigned char)c < 0x20 || c == 0x7f;
}

/* ---- identity ---- */

/* systemd's relaxed rule: names exist that useradd(8) would refuse. Numbers leave out the two that mean "none". */
static bool user_is_valid(const char *name)
{
    uint32_t number;
    if (*name == '\0' || strlen(name) >= USER_NAME_MAX || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return false;
    bool leading_zero = name[0] == '0' && name[1] != '\0';
    if (name[strspn(name, "0123456789")] == '\0')
        return !leading_zero && parse_u32(name, 0, UINT32_MAX - 1, &number) == 0 && number != UINT16_MAX;
    if (name[0] == '-' && name[1 + strspn(name + 1, "0123456789")] == '\0') return false;
    if (name[0] == ' ' || name[strlen(name) - 1] == ' ') return false;
    for (const char *c = name; *c != '\0'; c++)
        if (*c == ':' || *c == '/' || is_control(*c)) return false;
    return true;
}

/* User=, Group=, SocketUser= and SocketGroup=. A bad one refuses the unit in any mode: it must not run as somebody
 * else. */
int value_user(struct parse *p, const struct directive *directive UNUSED, const struct value *value, void *slot)
{
    const char *text, **target = slot;
    int r = parse_text(p, value, &text);
    if (r < 0) return r;
    if (r > 0 && *text == '\0') {
        *target = NULL;
        return 0;
    }
    if (r == 0 || !user_is_valid(text)) {
        parse_report(p, DIAG_ERROR, value, 0, "bad-user", NULL, "not the name or number of a user or group");
        return 0;
    }
    const struct socket_section *socket = &p->settings->socket;
    if (!p->context->native && target == &p->settings->exec.user && strcmp(text, "nobody") == 0)
        parse_report(p, DIAG_WARNING, value, 0, "unsafe-user", NULL,
                     "files that belong to nobody are open to every process that runs as nobody");
    bool of_node = target == &socket->socket_user || target == &socket->socket_group;
    *(of_node ? &p->settings->socket.socket_user_origin : &p->settings->exec.user_origin) = parse_origin(value);
    return parse_keep(p, text, target);
}

/* Words without quotes. A bad one refuses the unit as User= does. */
int value_groups(struct parse *p, const struct directive *directive UNUSED, const struct value *value, void *slot)
{
    struct text_list *list = slot;
    const char *cursor = value->text;
    size_t offset;
    int r;
    if (value->length == 0) list->count = 0;
    while ((r = exec_word(p, value, &cursor, 0, &offset)) > 0) {
        AUTO_STR struct str name = STR_EMPTY;
        r = exec_expand(p, value, offset, str_text(&p->word), &name);
        if (r == 0 || (r > 0 && !user_is_valid(str_text(&name)))) {
            parse_report(p, DIAG_ERROR, value, offset, "bad-user", NULL, "not the name or number of a group");
            return 0;
        }
        if (r > 0) r = list_push_text(p, list, str_text(&name));
        if (r < 0) return r;
    }
    return r == -ENOMEM ? r : 0;
}

/* A bad path refuses the unit, unless "-" stands in front. */
int value_working_directory(struct parse *p, const struct directive *directive UNUSED, const struct value *value,
                            void *slot UNUSED)
{
    struct exec_section *exec = &p->settings->exec;
    const char *text = value->text;
    bool optional = *text == '-';
    if (*text == '\0') {
        exec->working_directory = NULL;
        exec->working_directory_optional = false;
        return 0;
    }
    text += optional;
    int r = exec_expand(p, value, 0, text, &p->scratch);
    if (r < 0) return r;
    char *path = p->scratch.data;
    bool usable = r > 0 && path && *path == '/' && path_is_usable(path);
    if (usable) path_simplify(path);
    if (strcmp(text, "~") != 0 && (!usable || !path_is_normalized(path))) {
        parse_report(p, optional && !p->context->native ? DIAG_WARNING : DIAG_ERROR, value, 0, "bad-path", NULL,
                     "wanted an absolute path or '~'");
        return 0;
    }
    exec->working_directory_optional = optional;
    exec->working_directory_origin = parse_origin(value);
    return parse_keep(p, path, &exec->working_directory);
}

/* ---- environment ---- */

static void bad_assignment(struct parse *p, const struct value *value, size_t offset, const char *what)
{
    char quoted[QUOTED_MAX];
    parse_report(p, DIAG_WARNING, value, offset, "bad-assignment", NULL, "'%s' is not %s (ignored)",
                 str_escape(str_text(&p->scratch), p->scratch.length, quoted, sizeof quoted), what);
}

/* An assignment takes the place of an earlier one of that name. */
static int environment_set(struct parse *p, struct text_list *list, const char *assignment, size_t name_length)
{
    for (uint32_t i = list_look_from(list->count); i < list->count; i++)
        if (strncmp(list->items[i], assignment, name_length) == 0) return parse_keep(p, assignment, &list->items[i]);
    return list_push_text(p, list, assignment);
}

static int push_once(struct parse *p, struct text_list *list, const char *text)
{
    for (uint32_t i = list_look_from(list->count); i < list->count; i++)
        if (strcmp(list->items[i], text) == 0) return 0;
    return list_push_text(p, list, text);
}

/* NAME=value words (K65). Escapes: in the native directories a backslash is kept unless it stands before a quote (S36);
 * systemd decodes C escapes and drops the whole line at an unknown one. */
int value_environment(struct parse *p, const struct directive *directive UNUSED, const struct value *value, void *slot)
{
    struct text_list *list = slot;
    const char *cursor = value->text;
    unsigned flags = WORD_QUOTES | (p->context->native ? WORD_KEEP_BACKSLASH : WORD_ESCAPES);
    uint32_t before = list->count;
    size_t offset;
    if (value->length == 0) list->count = 0;
    for (;;) {
        int r = parse_word(p, value, &cursor, flags, &offset);
        if (r == -EBADMSG) list->count = before;
        if (r <= 0) return r == -ENOMEM ? r : 0;
        const char *word = str_text(&p->scratch), *equals = strchr(word, '=');
        if (equals && exec_variable_name(word, (size_t)(equals - word)))
            r = environment_set(p, list, word, (size_t)(equals - word) + 1);
        else
            bad_assignment(p, value, offset, "NAME=value");
        if (r < 0) return r;
    }
}

/* The path is kept with its specifiers expanded (K68, K69); globs are expanded when the unit is started. */
int value_environment_file(struct parse *p, const struct directive *directive UNUSED, const struct value *value,
                           void *slot)
{
    struct environment_file_list *list = slot;
    struct environment_file file = { .origin = parse_origin(value) };
    const char *text;
    int r = parse_text(p, value, &text);
    if (r <= 0) return r;
    if (*text == '\0') {
        list->count = 0;
        return 0;
    }
    if (*text == '-') file.optional = true, text++;
    AUTO_STR struct str path = STR_EMPTY;
    r = str_appendf(&path, "%s", text);
    if (r < 0) return r;
    if (!path.data || !exec_path_check(p, value, 0, path.data, PATH_ABSOLUTE)) return 0;
    r = parse_keep(p, path.data, &file.path);
    return r < 0 ? r : list_push(p, list, file);
}

int value_variable_names(struct parse *p, const struct directive *directive UNUSED, const struct value *value,
                         void *slot)
{
    struct text_list *list = slot;
    const char *cursor = value->text;
    size_t offset;
    if (value->length == 0) list->count = 0;
    for (;;) {
        int r = parse_word(p, value, &cursor, WORD_QUOTES, &offset);
        if (r <= 0) return r == -ENOMEM ? r : 0;
        if (exec_variable_name(str_text(&p->scratch), p->scratch.length))
            r = push_once(p, list, str_text(&p->scratch));
        else
            bad_assignment(p, value, offset, "the name of a variable");
        if (r < 0) return r;
    }
}

int value_unset_environment(struct parse *p, const struct directive *directive UNUSED, const struct value *value,
                            void *slot)
{
    struct text_list *list = slot;
    const char *cursor = value->text;
    size_t offset;
    if (value->length == 0) list->count = 0;
    for (;;) {
        int r = parse_word(p, value, &cursor, WORD_QUOTES | WORD_ESCAPES, &offset);
        if (r <= 0) return r == -ENOMEM ? r : 0;
        const char *word = str_text(&p->scratch);
        if (exec_variable_name(word, strcspn(word, "=")))
            r = push_once(p, list, word);
        else
            bad_assignment(p, value, offset, "NAME or NAME=value");
        if (r < 0) return r;
    }
}

/* ---- directories ---- */

int value_preserve(struct parse *p, const struct directive *directive UNUSED, const struct value *value, void *slot)
{
    const char *text;
    bool yes;
    int r = parse_text(p, value, &text);
    if (r <= 0) return r;
    if (strcmp(text, "restart") == 0)
        *(enum directory_preserve *)slot = PRESERVE_RESTART;
    else if (parse_bool(text, &yes) == 0)
        *(enum directory_preserve *)slot = yes ? PRESERVE_YES : PRESERVE_NO;
    else
        parse_bad(p, value, 0, "bad-value", "one of no, yes, restart");
    return 0;
}

/* ---- systemd.kill(5) ---- */

/* KillSignal= where it is not written: exec_finish(). */
int value_restart_signal(struct parse *p, const struct directive *directive, const struct value *value, void *slot)
{
    int before = *(const int *)slot, r;
    *(int *)slot = 0;
    r = value_signal(p, directive, value, slot);
    if (*(const int *)slot == 0)
        *(int *)slot = before;
    else
        p->settings->kill.restart_signal_set = true;
    return r;
}

/* ---- lists ---- */

/* The whole value is one item. */
int value_text_list(struct parse *p, const struct directive *directive UNUSED, const struct value *value, void *slot)
{
    struct text_list *list = slot;
    const char *text;
    int r = parse_text(p, value, &text);
    if (r <= 0) return r;
    if (*text != '\0') return list_push_text(p, list, text);
    list->count = 0;
    return 0;
}
