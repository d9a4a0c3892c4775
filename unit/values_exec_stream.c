/* The values of systemd.exec(5) about standard streams, terminals and the log. */
#include "unit/values_exec.h"

#include "base/parse.h"
#include "unit/words.h"

#include <errno.h>
#include <string.h>

#define FD_NAME_MAX 255

static bool is_control(char c)
{
    return (unsigned char)c < 0x20 || c == 0x7f;
}

/* ---- standard streams ---- */

/* Which words a stream takes, besides "fd:NAME" and those with a path. */
#define INPUT_KINDS (1U << STD_NULL | 1U << STD_TTY | 1U << STD_SOCKET | 1U << STD_FD | 1U << STD_DATA | 1U << STD_FILE)
#define OUTPUT_KINDS                                                                                                   \
    (1U << STD_INHERIT | 1U << STD_NULL | 1U << STD_LOG | 1U << STD_TTY | 1U << STD_RAW | 1U << STD_SOCKET |           \
     1U << STD_FD | 1U << STD_FILE | 1U << STD_FILE_APPEND | 1U << STD_FILE_TRUNCATE)

/* What a word of words_streams behind the kinds is one of. */
static enum exec_std kind_of_variant(int index)
{
    if (index < STD_COUNT) return (enum exec_std)index;
    return index < STD_COUNT + 2 ? STD_TTY : STD_LOG;
}

static bool has_path(enum exec_std kind)
{
    return kind == STD_FILE || kind == STD_FILE_APPEND || kind == STD_FILE_TRUNCATE;
}

/* "file:PATH" and its kin, "fd:NAME". 1: *stream is set, 0: it was reported. */
static int stream_argument(struct parse *p, const struct value *value, const char *text, const char *fallback,
                           struct exec_stream *stream)
{
    int r = 1;
    if (stream->kind == STD_FD) {
        const char *name = *text != '\0' ? text : fallback;
        if (strlen(name) > FD_NAME_MAX || strchr(name, ':')) {
            parse_bad(p, value, 0, "bad-value", "a stream with the name of a descriptor");
            return 0;
        }
        r = parse_keep(p, name, &stream->path);
    } else {
        str_clear(&p->scratch);
        r = str_append(&p->scratch, *text != '\0' ? text : " "); /* never NULL */
        if (r == 0 && (text[0] != '/' || !exec_path_check(p, value, 0, p->scratch.data, PATH_ABSOLUTE))) {
            if (text[0] != '/') parse_bad(p, value, 0, "bad-path", "a stream with an absolute path");
            return 0;
        }
        if (r == 0) r = parse_keep(p, p->scratch.data, &stream->path);
    }
    return r < 0 ? r : 1;
}

/* The index in words_streams; the number of bytes that the word has in the text. -1: none. */
static int find_stream(struct parse *p, const struct value *value, const char *text, uint32_t kinds, size_t *ret_length)
{
    size_t length = strcspn(text, ":");
    for (int i = 0; words_streams[i]; i++) {
        if (strlen(words_streams[i]) != length || strncmp(words_streams[i], text, length) != 0) continue;
        enum exec_std kind = kind_of_variant(i);
        *ret_length = length;
        bool argument = text[length] == ':';
        if (!(kinds & 1U << kind) || argument != (has_path(kind) || (kind == STD_FD && argument))) return -1;
        return i;
    }
    if (!(kinds & 1U << STD_LOG) || !str_starts_with(text, "syslog")) return -1;
    *ret_length = strlen(text);
    const char *rest = text + strlen("syslog");
    if (*rest != '\0' && strcmp(rest, "+console") != 0) return -1;
    if (!p->context->native)
        parse_report(p, DIAG_WARNING, value, 0, "deprecated", *rest ? "write journal+console" : "write journal",
                     "syslog is obsolete as a standard stream and read as journal");
    return *rest != '\0' ? STD_COUNT + 2 : STD_LOG;
}

static int read_stream(struct parse *p, const struct value *value, uint32_t kinds, const char *fallback,
                       struct exec_stream *slot)
{
    struct exec_stream stream = { .origin = parse_origin(value) };
    const char *text;
    size_t length = 0;
    int r = parse_text(p, value, &text);
    if (r <= 0) return r;
    int index = find_stream(p, value, text, kinds, &length);
    if (index < 0) {
        parse_bad(p, value, 0, "bad-value", "a standard stream");
        return 0;
    }
    stream.kind = kind_of_variant(index);
    stream.variant = index >= STD_COUNT ? (word_index)index : 0;
    if (has_path(stream.kind) || stream.kind == STD_FD) {
        r = stream_argument(p, value, text + length + (text[length] == ':'), fallback, &stream);
        if (r <= 0) return r;
    }
    if (stream.kind == STD_DATA) parse_unsupported(p, value, "text and data for standard input are not passed yet");
    *slot = stream;
    return 0;
}

int value_standard_input(struct parse *p, const struct directive *directive UNUSED, const struct value *value,
                         void *slot)
{
    return read_stream(p, value, INPUT_KINDS, "stdin", slot);
}

int value_standard_output(struct parse *p, const struct directive *directive UNUSED, const struct value *value,
                          void *slot)
{
    return read_stream(p, value, OUTPUT_KINDS, slot == &p->settings->exec.streams[1] ? "stdout" : "stderr", slot);
}

/* ---- data for standard input: both directives append ---- */

static int append_input(struct parse *p, struct byte_string *data, const struct str *more)
{
    AUTO_STR struct str all = STR_EMPTY;
    int r = str_append_bytes(&all, data->bytes, data->size);
    if (r == 0) r = str_append_bytes(&all, more->data, more->length);
    return r < 0 ? r : exec_keep_bytes(p, all.data, all.length, data);
}

int value_input_text(struct parse *p, const struct directive *directive UNUSED, const struct value *value, void *slot)
{
    AUTO_STR struct str text = STR_EMPTY;
    int r;
    if (value->length == 0) {
        *(struct byte_string *)slot = (struct byte_string){ 0 };
        return 0;
    }
    r = exec_unescape(value->text, &text);
    if (r == -EINVAL) parse_bad(p, value, 0, "bad-escape", "text with escapes of C");
    if (r < 0) return r == -ENOMEM ? r : 0;
    r = parse_specifiers(p, value, 0, str_text(&text), &p->scratch);
    if (r <= 0) return r;
    r = str_append_char(&p->scratch, '\n');
    return r < 0 ? r : append_input(p, slot, &p->scratch);
}

int value_input_data(struct parse *p, const struct directive *directive UNUSED, const struct value *value, void *slot)
{
    AUTO_STR struct str data = STR_EMPTY;
    if (value->length == 0) {
        *(struct byte_string *)slot = (struct byte_string){ 0 };
        return 0;
    }
    int r = exec_base64(value->text, &data);
    if (r == -EINVAL) parse_bad(p, value, 0, "bad-value", "data in base64");
    if (r < 0) return r == -ENOMEM ? r : 0;
    return append_input(p, slot, &data);
}

/* ---- terminal ---- */

/* An empty one resets; 65535 and more is cut as the kernel's struct winsize does. */
int value_tty_size(struct parse *p, const struct directive *directive UNUSED, const struct value *value, void *slot)
{
    const char *text;
    uint64_t number;
    int r = parse_text(p, value, &text);
    if (r <= 0) return r;
    if (*text == '\0')
        *(uint32_t *)slot = UINT32_MAX;
    else if (parse_integer(text, UINT32_MAX, &number) == 0)
        *(uint32_t *)slot = (uint32_t)number;
    else
        parse_bad(p, value, 0, "bad-integer", "a number");
    return 0;
}

/* ---- log ---- */

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

static int read_log_word(struct parse *p, const struct value *value, const char *const *words, uint32_t max,
                         int32_t *slot, const char *what)
{
    const char *text;
    int r = parse_text(p, value, &text);
    if (r <= 0) return r;
    int64_t index = exec_word_or_number(words, text, max);
    if (index >= 0)
        *slot = (int32_t)index;
    else
        parse_bad(p, value, 0, "bad-value", what);
    return 0;
}

int value_log_level(struct parse *p, const struct directive *directive UNUSED, const struct value *value, void *slot)
{
    return read_log_word(p, value, words_log_level, 7, slot,
                         "one of emerg, alert, crit, err, warning, notice, info, debug");
}

int value_log_facility(struct parse *p, const struct directive *directive UNUSED, const struct value *value, void *slot)
{
    return read_log_word(p, value, words_log_facility, 127, slot, "a facility such as daemon or local0");
}

/* A field of the journal: capitals, digits and underscores; no underscore and no digit first, up to 64 bytes. */
static bool field_is_valid(const char *name, size_t length)
{
    if (length == 0 || length > 64 || name[0] == '_' || (name[0] >= '0' && name[0] <= '9')) return false;
    for (size_t i = 0; i < length; i++)
        if (!(name[i] >= 'A' && name[i] <= 'Z') && !(name[i] >= '0' && name[i] <= '9') && name[i] != '_') return false;
    return true;
}

int value_log_fields(struct parse *p, const struct directive *directive UNUSED, const struct value *value, void *slot)
{
    struct text_list *list = slot;
    const char *cursor = value->text;
    size_t offset;
    if (value->length == 0) list->count = 0;
    for (;;) {
        int r = parse_word(p, value, &cursor, WORD_QUOTES | WORD_ESCAPES, &offset);
        if (r <= 0) return r == -ENOMEM ? r : 0;
        const char *word = str_text(&p->scratch), *equals = strchr(word, '=');
        if (equals && field_is_valid(word, (size_t)(equals - word)))
            r = list_push_text(p, list, word);
        else
            exec_bad_word(p, value, offset, word, "bad-assignment", "FIELD=value");
        if (r < 0) return r;
    }
}

/* It names an instance of a service: a part of a unit name that is a file name as well. */
int value_log_namespace(struct parse *p, const struct directive *directive, const struct value *value, void *slot)
{
    const char *text;
    int r = parse_text(p, value, &text);
    if (r <= 0) return r;
    for (const char *c = text; *c != '\0'; c++)
        if ((unsigned char)*c > 0x7f ||
            !strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:-_.\\", *c)) {
            parse_bad(p, value, 0, "bad-value", "the name of a log namespace");
            return 0;
        }
    if (strcmp(text, ".") == 0 || strcmp(text, "..") == 0 || strlen(text) > 128) {
        parse_bad(p, value, 0, "bad-value", "the name of a log namespace");
        return 0;
    }
    return value_text(p, directive, value, slot);
}

int value_rate_burst(struct parse *p, const struct directive *directive UNUSED, const struct value *value, void *slot)
{
    const char *text;
    uint64_t number;
    int r = parse_text(p, value, &text);
    if (r <= 0) return r;
    if (parse_integer(text, UINT32_MAX, &number) == 0)
        *(uint32_t *)slot = (uint32_t)number;
    else
        parse_bad(p, value, 0, "bad-integer", "a number");
    return 0;
}
