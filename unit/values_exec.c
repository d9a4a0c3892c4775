/* The values of systemd.exec(5). */
#include "unit/values.h"

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
    if (name[strspn(name, "0123456789")] == '\0')
        return parse_u32(name, 0, UINT32_MAX - 1, &number) == 0 && number != UINT16_MAX;
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
    bool of_node = target == &socket->socket_user || target == &socket->socket_group;
    *(of_node ? &p->settings->socket.socket_user_origin : &p->settings->exec.user_origin) = parse_origin(value);
    return parse_keep(p, text, target);
}

int value_groups(struct parse *p, const struct directive *directive UNUSED, const struct value *value, void *slot)
{
    struct text_list *list = slot;
    const char *cursor = value->text;
    size_t offset;
    if (value->length == 0) list->count = 0;
    for (;;) {
        int r = parse_word(p, value, &cursor, WORD_QUOTES, &offset);
        if (r <= 0) return r == -ENOMEM ? r : 0;
        if (user_is_valid(str_text(&p->scratch)))
            r = list_push_text(p, list, str_text(&p->scratch));
        else
            parse_bad(p, value, offset, "bad-user", "the name or number of a group");
        if (r < 0) return r;
    }
}

int value_working_directory(struct parse *p, const struct directive *directive UNUSED, const struct value *value,
                            void *slot UNUSED)
{
    struct exec_section *exec = &p->settings->exec;
    const char *text;
    int r = parse_text(p, value, &text);
    if (r < 0) return r;
    if (r > 0 && *text == '\0') {
        exec->working_directory = NULL;
        exec->working_directory_optional = false;
        return 0;
    }
    bool optional = *text == '-';
    text += optional;
    if (r == 0 || (strcmp(text, "~") != 0 && !path_is_usable(text))) {
        parse_report(p, DIAG_ERROR, value, 0, "bad-path", NULL, "wanted an absolute path or '~'");
        return 0;
    }
    exec->working_directory_optional = optional;
    exec->working_directory_origin = parse_origin(value);
    return parse_keep(p, text, &exec->working_directory);
}

/* ---- environment ---- */

static bool variable_name_is_valid(const char *name, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        char c = name[i];
        bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
        if (!letter && (i == 0 || c < '0' || c > '9')) return false;
    }
    return length > 0;
}

static void bad_assignment(struct parse *p, const struct value *value, size_t offset, const char *what)
{
    char quoted[QUOTED_MAX];
    parse_report(p, DIAG_WARNING, value, offset, "bad-assignment", NULL, "'%s' is not %s (ignored)",
                 str_escape(str_text(&p->scratch), p->scratch.length, quoted, sizeof quoted), what);
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
        if (equals && variable_name_is_valid(word, (size_t)(equals - word)))
            r = list_push_text(p, list, word);
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
    if (!path_is_usable(text)) {
        parse_bad(p, value, 0, "bad-path", "an absolute path");
        return 0;
    }
    r = parse_keep(p, text, &file.path);
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
        if (variable_name_is_valid(str_text(&p->scratch), p->scratch.length))
            r = list_push_text(p, list, str_text(&p->scratch));
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
        if (variable_name_is_valid(word, strcspn(word, "=")))
            r = list_push_text(p, list, word);
        else
            bad_assignment(p, value, offset, "NAME or NAME=value");
        if (r < 0) return r;
    }
}

/* ---- standard streams ---- */

/* "file:PATH" and its kin; 1 when the text is one of them. */
static int stream_file(struct parse *p, const struct value *value, const char *text, const struct word_value *kinds,
                       size_t n_kinds, struct exec_stream *stream)
{
    const char *path = NULL;
    for (size_t i = 0; i < n_kinds && !path; i++)
        if (str_starts_with(text, kinds[i].word)) {
            path = text + strlen(kinds[i].word);
            stream->kind = (enum exec_std)kinds[i].value;
        }
    if (!path) return 0;
    if (!path_is_usable(path)) {
        stream->origin.file = NULL; /* nothing to take over */
        parse_bad(p, value, 0, "bad-path", "a stream with an absolute path");
        return 1;
    }
    int r = parse_keep(p, path, &stream->path);
    return r < 0 ? r : 1;
}

static int read_stream(struct parse *p, const struct value *value, const struct word_value *words, size_t n_words,
                       const struct word_value *files, size_t n_files, struct exec_stream *slot)
{
    struct exec_stream stream = { .origin = parse_origin(value) };
    const char *text;
    int kind = -1, r = parse_text(p, value, &text);
    if (r <= 0) return r;
    r = stream_file(p, value, text, files, n_files, &stream);
    if (r < 0) return r;
    if (r == 0) {
        if (strcmp(text, "fd") == 0 || str_starts_with(text, "fd:")) {
            parse_unsupported(p, value, "descriptors of sockets cannot be standard streams yet");
            return 0;
        }
        if (!word_lookup(words, n_words, text, &kind)) {
            parse_bad(p, value, 0, "bad-value", "a standard stream");
            return 0;
        }
        if (kind < 0 || kind == STD_SOCKET) {
            parse_unsupported(p, value,
                              kind < 0 ? "text and data for standard input are not passed yet"
                                       : "connections as standard streams need Accept=yes, which is not built yet");
            return 0;
        }
        stream.kind = (enum exec_std)kind;
    }
    if (stream.origin.file) *slot = stream;
    return 0;
}

int value_standard_input(struct parse *p, const struct directive *directive UNUSED, const struct value *value,
                         void *slot)
{
    static const struct word_value words[] = {
        { "null", STD_NULL },    { "tty", STD_TTY },       { "tty-force", STD_TTY },
        { "tty-fail", STD_TTY }, { "socket", STD_SOCKET }, { "data", -1 },
    };
    static const struct word_value files[] = { { "file:", STD_FILE } };
    return read_stream(p, value, words, COUNT_OF(words), files, COUNT_OF(files), slot);
}

int value_standard_output(struct parse *p, const struct directive *directive UNUSED, const struct value *value,
                          void *slot)
{
    static const struct word_value words[] = {
        { "inherit", STD_INHERIT },     { "null", STD_NULL }, { "tty", STD_TTY },          { "journal", STD_LOG },
        { "journal+console", STD_LOG }, { "kmsg", STD_LOG },  { "kmsg+console", STD_LOG }, { "syslog", STD_LOG },
        { "syslog+console", STD_LOG },  { "raw", STD_RAW },   { "socket", STD_SOCKET },
    };
    static const struct word_value files[] = { { "file:", STD_FILE },
                                               { "append:", STD_FILE_APPEND },
                                               { "truncate:", STD_FILE_TRUNCATE } };
    return read_stream(p, value, words, COUNT_OF(words), files, COUNT_OF(files), slot);
}

/* It becomes the label of log lines, so control characters are refused. */
int value_syslog_identifier(struct parse *p, const struct directive *directive, const struct value *value, void *slot)
{
    for (size_t i = 0; i < value->length; i++)
        if (is_control(value->text[i])) {
            parse_bad(p, value, i, "bad-value", "a label without control characters");
            return 0;
        }
    return value_text(p, directive, value, slot);
}

/* ---- limits and priorities ---- */

static int read_limit(const char *text, bool is_size, uint64_t *ret)
{
    if (strcmp(text, "infinity") == 0) {
        *ret = UINT64_MAX;
        return 0;
    }
    return is_size ? parse_size(text, ret) : parse_u64(text, 0, UINT64_MAX - 1, ret);
}

/* "both" or "soft:hard". */
int value_limit(struct parse *p, const struct directive *directive, const struct value *value, void *slot)
{
    struct exec_limit limit = { .set = true };
    bool is_size = strcmp(directive->name, "LimitCORE") == 0;
    const char *text;
    int r = parse_text(p, value, &text);
    if (r <= 0) return r;
    const char *colon = strchr(text, ':');
    str_clear(&p->scratch);
    r = str_append_bytes(&p->scratch, text, colon ? (size_t)(colon - text) : strlen(text));
    if (r < 0) return r;
    r = read_limit(str_text(&p->scratch), is_size, &limit.soft);
    limit.hard = limit.soft;
    if (r == 0 && colon) r = read_limit(colon + 1, is_size, &limit.hard);
    if (r < 0)
        parse_bad(p, value, 0, "bad-limit",
                  is_size ? "a size, infinity or SOFT:HARD" : "a number, infinity or SOFT:HARD");
    else if (limit.soft > limit.hard)
        parse_bad(p, value, 0, "bad-limit", "a soft limit that is below its hard limit");
    else
        *(struct exec_limit *)slot = limit;
    return 0;
}

/* 1 when *ret was set, 2 when the value is empty. */
static int read_i32(struct parse *p, const struct value *value, int32_t min, int32_t max, int *ret, const char *what)
{
    const char *text;
    int r = parse_text(p, value, &text);
    if (r <= 0) return r;
    if (*text == '\0') return 2;
    if (parse_i32(text, min, max, ret) == 0) return 1;
    parse_bad(p, value, 0, "bad-integer", what);
    return 0;
}

int value_nice(struct parse *p, const struct directive *directive UNUSED, const struct value *value, void *slot)
{
    int r = read_i32(p, value, -20, 19, slot, "a number from -20 to 19");
    if (r > 0) p->settings->exec.nice_set = r == 1;
    return MIN_OF(r, 0);
}

int value_oom_score_adjust(struct parse *p, const struct directive *directive UNUSED, const struct value *value,
                           void *slot)
{
    int r = read_i32(p, value, -1000, 1000, slot, "a number from -1000 to 1000");
    if (r > 0) p->settings->exec.oom_score_adjust_set = r == 1;
    return MIN_OF(r, 0);
}

/* ---- directories ---- */

/* Relative paths; "PATH:LINK" of systemd 252 makes PATH, and says that LINK is not made. */
int value_directories(struct parse *p, const struct directive *directive UNUSED, const struct value *value, void *slot)
{
    struct exec_directory *directory = slot;
    const char *cursor = value->text;
    size_t offset;
    if (value->length == 0) directory->paths.count = 0;
    for (;;) {
        int r = parse_word(p, value, &cursor, WORD_QUOTES | WORD_ESCAPES, &offset);
        if (r <= 0) return r == -ENOMEM ? r : 0;
        char *colon = strchr(p->scratch.data ? p->scratch.data : "", ':');
        if (colon) {
            *colon = '\0';
            parse_report(p, DIAG_WARNING, value, offset, "unsupported", NULL,
                         "the symbolic link behind ':' is not made");
        }
        const char *path = str_text(&p->scratch);
        size_t length = strlen(path);
        if (length == 0 || length >= 2048 || path[0] == '/' || !path_is_normalized(path)) {
            parse_bad(p, value, offset, "bad-path", "a relative path without '.' and '..'");
            continue;
        }
        r = list_push_text(p, &directory->paths, path);
        if (r < 0) return r;
        directory->origin = parse_origin(value);
    }
}

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
