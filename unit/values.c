#include "unit/values.h"

#include "base/arena.h"
#include "base/likeness.h"
#include "base/parse.h"
#include "base/timespan.h"
#include "unit/words.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define QUOTED_MAX  160
#define MESSAGE_MAX 512

/* ---- reports ---- */

void parse_report(struct parse *p, enum severity severity, const struct value *value, size_t offset, const char *code,
                  const char *hint, const char *fmt, ...)
{
    struct pos at = offset == 0 && value->length == 0 ? value_key_pos(value) : value_pos(value, offset);
    struct diag_about about = { at, p->section_name, p->key };
    char message[MESSAGE_MAX];
    /* What systemd cannot use ends the file; the unit is refused unless that was a drop-in. */
    if (severity == DIAG_ERROR && !p->context->native && strcmp(code, "unsupported-value") != 0) {
        p->stopped = true;
        if (p->context->is_dropin) severity = DIAG_WARNING;
    }
    if (severity == DIAG_ERROR) p->refused = true;
    if (++p->problems > PARSE_PROBLEMS_MAX) return;
    if (p->problems == PARSE_PROBLEMS_MAX) {
        p->refused = true;
        diag_report(p->diags, DIAG_ERROR, about, "too-many-problems", NULL,
                    "too many problems, further ones are not shown");
        return;
    }
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(message, sizeof message, fmt, args); /* cut when long: the texts it quotes are bounded */
    va_end(args);
    diag_report(p->diags, severity, about, code, hint, "%s", message);
}

/* What the value may have been meant to be, where `what` is "one of A, B, C". */
static const char *suggest_word(const struct value *value, const char *what, char *hint, size_t size)
{
    const char *word = str_starts_with(what, "one of ") ? what + strlen("one of ") : "";
    unsigned best = word_distance_limit(value->length) + 1;
    const char *nearest = NULL;
    size_t nearest_length = 0;
    for (size_t length; *word && best > 1; word += length, word += strspn(word, ", ")) {
        length = strcspn(word, ",");
        unsigned d = word_distance(value->text, value->length, word, length, best - 1);
        if (d < best) best = d, nearest = word, nearest_length = length;
    }
    if (!nearest) return NULL;
    (void)snprintf(hint, size, "did you mean %.*s?", (int)nearest_length, nearest); /* the words are short */
    return hint;
}

void parse_bad(struct parse *p, const struct value *value, size_t offset, const char *code, const char *what)
{
    enum severity severity = p->context->native && !p->lenient ? DIAG_ERROR : DIAG_WARNING;
    char quoted[QUOTED_MAX], hint[96];
    if (value->length == 0)
        parse_report(p, severity, value, 0, code, NULL, "empty value, wanted %s", what);
    else
        parse_report(p, severity, value, offset, code, suggest_word(value, what, hint, sizeof hint), "'%s' is not %s",
                     str_escape(value->text, value->length, quoted, sizeof quoted), what);
}

void parse_unsupported(struct parse *p, const struct value *value, const char *what)
{
    if (!p->context->describe) parse_report(p, DIAG_ERROR, value, 0, "unsupported-value", NULL, "%s", what);
}

struct origin parse_origin(const struct value *value)
{
    return (struct origin){ value->file, value->key_line, value->key_column };
}

/* ---- text ---- */

int parse_specifiers(struct parse *p, const struct value *value, size_t offset, const char *word, struct str *out)
{
    const char *unknown;
    str_clear(out);
    int r = specifier_expand(&p->specifiers, word, strlen(word), out, &unknown);
    if (r < 0) return r;
    const char *old = p->context->native ? NULL : specifier_deprecated(word);
    if (old)
        parse_report(p, DIAG_WARNING, value, offset, "deprecated-specifier", NULL,
                     "specifier '%.2s' is deprecated, as it does not work as intended", old);
    if (!unknown) return 1;
    char quoted[QUOTED_MAX];
    (void)str_escape(unknown, strnlen(unknown, 2), quoted, sizeof quoted);
    if (p->context->native) {
        parse_report(p, DIAG_NOTE, value, offset, "unknown-specifier", "%% is a percent sign",
                     "'%s' is not a specifier known here, it stays as written", quoted);
        return 1;
    }
    parse_report(p, DIAG_WARNING, value, offset, "bad-specifier", NULL, "specifier '%s' cannot be resolved (ignored)",
                 quoted);
    return 0;
}

int parse_text(struct parse *p, const struct value *value, const char **ret_text)
{
    *ret_text = value->text;
    if (!memchr(value->text, '%', value->length)) return 1;
    int r = parse_specifiers(p, value, 0, value->text, &p->text);
    *ret_text = str_text(&p->text);
    return r;
}

int parse_word(struct parse *p, const struct value *value, const char **cursor, unsigned flags, size_t *ret_offset)
{
    for (;;) {
        const char *bad = NULL;
        *ret_offset = (size_t)(*cursor - value->text);
        int r = word_next(cursor, flags, &p->word, &bad);
        if (r == -EINVAL || r == -EBADMSG) {
            enum severity severity = p->context->native && !p->lenient ? DIAG_ERROR : DIAG_WARNING;
            parse_report(p, severity, value, (size_t)(bad - value->text), r == -EINVAL ? "bad-quoting" : "bad-escape",
                         NULL, r == -EINVAL ? "quote without its end" : "unknown escape sequence");
            return -EBADMSG;
        }
        if (r <= 0) return r;
        r = parse_specifiers(p, value, *ret_offset, str_text(&p->word), &p->scratch);
        if (r != 0) return r;
    }
}

int parse_name_text(struct parse *p, const struct value *value, const char **ret_text)
{
    p->specifiers.names_only = !p->context->native;
    int r = parse_text(p, value, ret_text);
    p->specifiers.names_only = false;
    return r;
}

int parse_name_word(struct parse *p, const struct value *value, const char **cursor, unsigned flags, size_t *ret_offset)
{
    p->specifiers.names_only = !p->context->native;
    int r = parse_word(p, value, cursor, flags, ret_offset);
    p->specifiers.names_only = false;
    return r;
}

int word_lookup(const struct word_value *table, size_t count, const char *word, int *ret)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(table[i].word, word) == 0) {
            *ret = table[i].value;
            return 1;
        }
    return 0;
}

/* ---- memory ---- */

int list_reserve(struct arena *arena, void **items, uint32_t count, uint32_t *capacity, size_t size)
{
    if (count < *capacity) return 0;
    if (count > UINT32_MAX / 4) return -ENOMEM;
    uint32_t wanted = count == 0 ? 1 : count * 2;
    void *grown = arena_grow_array(arena, *items, count, wanted, size);
    if (!grown) return -ENOMEM;
    *items = grown;
    *capacity = wanted;
    return 0;
}

int parse_keep(struct parse *p, const char *text, const char **ret)
{
    const char *copy = arena_strdup(p->arena, text);
    if (!copy) return -ENOMEM;
    *ret = copy;
    return 0;
}

int list_push_text(struct parse *p, struct text_list *list, const char *text)
{
    const char *copy;
    int r = parse_keep(p, text, &copy);
    return r < 0 ? r : list_push(p, list, copy);
}

/* ---- plain values ---- */

int value_boolean(struct parse *p, const struct directive *directive UNUSED, const struct value *value, void *slot)
{
    const char *text;
    int r = parse_text(p, value, &text);
    if (r > 0 && parse_bool(text, slot) < 0) parse_bad(p, value, 0, "bad-boolean", "a boolean (yes or no)");
    return MIN_OF(r, 0);
}

static bool find_word(const char *const *words, const char *word, word_index *ret)
{
    for (word_index i = 0; words[i]; i++)
        if (strcmp(words[i], word) == 0) {
            *ret = i;
            return true;
        }
    return false;
}

/* Words of a table, one of "yes" and "no" in it also stands for any other spelling of that boolean. */
int value_word(struct parse *p, const struct directive *directive, const struct value *value, void *slot)
{
    const char *const *words = directive->argument;
    const char *text;
    bool truth;
    int r = parse_text(p, value, &text);
    if (r <= 0 || find_word(words, text, slot)) return MIN_OF(r, 0);
    if (parse_bool(text, &truth) == 0 && find_word(words, truth ? "yes" : "no", slot)) return 0;
    str_clear(&p->scratch);
    r = str_append(&p->scratch, "one of ");
    for (size_t i = 0; r == 0 && words[i]; i++) r = str_appendf(&p->scratch, "%s%s", i == 0 ? "" : ", ", words[i]);
    if (r == 0) parse_bad(p, value, 0, "bad-value", str_text(&p->scratch));
    return r;
}

/* 1 when *ret was set. */
static int read_timespan(struct parse *p, const struct value *value, usec_t *ret)
{
    const char *text;
    size_t bad = 0;
    usec_t span;
    int r = parse_text(p, value, &text);
    if (r <= 0) return r;
    r = timespan_parse(text, USEC_PER_SEC, &span, &bad);
    if (r < 0) {
        bool range = r == -ERANGE && !strchr(text, '-');
        parse_bad(p, value, text == value->text ? bad : 0, "bad-timespan",
                  range ? "a time span that can be represented" : "a time span");
        return 0;
    }
    *ret = span == USEC_UNSET ? USEC_INFINITY : span;
    return 1;
}

int value_timespan(struct parse *p, const struct directive *directive UNUSED, const struct value *value, void *slot)
{
    return MIN_OF(read_timespan(p, value, slot), 0);
}

/* D15: 0 is "no bound". */
int value_timeout(struct parse *p, const struct directive *directive UNUSED, const struct value *value, void *slot)
{
    usec_t span;
    int r = read_timespan(p, value, &span);
    if (r > 0) *(usec_t *)slot = span == 0 ? USEC_INFINITY : span;
    return MIN_OF(r, 0);
}

/* TimeoutSec= of a service stands for both. */
int value_timeout_both(struct parse *p, const struct directive *directive UNUSED, const struct value *value,
                       void *slot UNUSED)
{
    usec_t span;
    int r = read_timespan(p, value, &span);
    if (r > 0)
        p->settings->service.timeout_start = p->settings->service.timeout_stop = span == 0 ? USEC_INFINITY : span;
    return MIN_OF(r, 0);
}

int value_u32(struct parse *p, const struct directive *directive UNUSED, const struct value *value, void *slot)
{
    const char *text;
    int r = parse_text(p, value, &text);
    if (r <= 0) return r;
    /* UINT32_MAX means "not written" where that matters. */
    uint64_t number = UINT32_MAX;
    int bad =
        p->context->native ? parse_u64(text, 0, UINT32_MAX - 1, &number) : parse_unsigned(text, 0, UINT32_MAX, &number);
    if (bad < 0)
        parse_bad(p, value, 0, "bad-integer", "a number");
    else
        *(uint32_t *)slot = (uint32_t)number;
    return 0;
}

const struct number_range number_u32 = { 0, UINT32_MAX, 4 };
const struct number_range number_i32 = { INT32_MIN, INT32_MAX, 4 };
const struct number_range number_i64 = { INT64_MIN, INT64_MAX, 8 };

/* By base, see base/parse.h; the argument says from where to where, and how large the slot is. */
int value_number(struct parse *p, const struct directive *directive, const struct value *value, void *slot)
{
    const struct number_range *range = directive->argument;
    int64_t number = 0;
    if (parse_signed(value->text, range->min, (int64_t)MIN_OF(range->max, (uint64_t)INT64_MAX), &number) < 0)
        parse_bad(p, value, 0, "bad-integer", range->min < 0 ? "a number in range" : "a number from 0 on, in range");
    else if (range->size == sizeof number)
        memcpy(slot, &number, sizeof number);
    else
        memcpy(slot, &(uint32_t){ (uint32_t)number }, sizeof(uint32_t)); /* the same bytes for int32_t */
    return 0;
}

/* Bytes with suffixes by 1024. */
int value_size(struct parse *p, const struct directive *directive UNUSED, const struct value *value, void *slot)
{
    if (parse_size(value->text, slot) < 0) parse_bad(p, value, 0, "bad-value", "a size like 64K");
    return 0;
}

int value_mode(struct parse *p, const struct directive *directive UNUSED, const struct value *value, void *slot)
{
    const char *text;
    int r = parse_text(p, value, &text);
    bool prefix = r > 0 && !p->context->native && str_starts_with(text, "0o"); /* S33 only */
    if (r > 0 && (prefix || parse_mode(text, slot) < 0)) parse_bad(p, value, 0, "bad-mode", "an octal file mode");
    return MIN_OF(r, 0);
}

/* S33: only the permission bits mean anything for a socket node. */
int value_socket_mode(struct parse *p, const struct directive *directive, const struct value *value, void *slot)
{
    int r = value_mode(p, directive, value, slot);
    if (!p->context->describe) *(mode_t *)slot &= 0777;
    return r;
}

int value_signal(struct parse *p, const struct directive *directive UNUSED, const struct value *value, void *slot)
{
    const char *text;
    int r = parse_text(p, value, &text);
    if (r > 0 && parse_signal(text, slot) < 0) parse_bad(p, value, 0, "bad-signal", "a signal");
    return MIN_OF(r, 0);
}

int value_kill_mode(struct parse *p, const struct directive *directive UNUSED, const struct value *value, void *slot)
{
    static const struct word_value modes[] = {
        { "control-group", KILL_CONTROL_GROUP },
        { "mixed", KILL_MIXED },
        { "process", KILL_PROCESS },
        { "none", KILL_NONE },
        { "", KILL_CONTROL_GROUP },
    };
    const char *text;
    int mode, r = parse_text(p, value, &text);
    if (r <= 0) return r;
    if (word_lookup(modes, COUNT_OF(modes), text, &mode))
        *(enum kill_mode *)slot = (enum kill_mode)mode;
    else
        parse_bad(p, value, 0, "bad-value", "one of control-group, mixed, process, none");
    return 0;
}

/* Any text; an empty one resets. */
int value_text(struct parse *p, const struct directive *directive UNUSED, const struct value *value, void *slot)
{
    const char *text, **target = slot;
    int r = parse_text(p, value, &text);
    if (r <= 0) return r;
    if (*text == '\0') {
        *target = NULL;
        return 0;
    }
    return parse_keep(p, text, target);
}

/* ---- paths ---- */

static bool is_bad_path(struct parse *p, const struct value *value, size_t offset, const char *path)
{
    if (path_is_usable(path) && path_is_normalized(path)) return false;
    parse_bad(p, value, offset, "bad-path", "an absolute path without '..'");
    return true;
}

int parse_path(struct parse *p, const struct value *value, const char **ret)
{
    const char *text;
    int r = parse_text(p, value, &text);
    if (r <= 0 || *text == '\0') return MIN_OF(r, 0);
    char *path = arena_strdup(p->arena, text);
    if (!path) return -ENOMEM;
    path_simplify(path);
    if (is_bad_path(p, value, 0, path)) return 0;
    *ret = path;
    return 1;
}

void path_leave_var_run(char *path)
{
    if (str_starts_with(path, "/var/run/")) memmove(path, path + strlen("/var"), strlen(path) - strlen("/var") + 1);
}

/* One path; an empty value is none. */
int value_path(struct parse *p, const struct directive *directive UNUSED, const struct value *value, void *slot)
{
    if (value->length == 0) *(const char **)slot = NULL;
    return MIN_OF(parse_path(p, value, slot), 0);
}

static int push_path(struct parse *p, const struct value *value, size_t offset, struct text_list *list)
{
    char *path = arena_strdup(p->arena, str_text(&p->scratch));
    if (!path) return -ENOMEM;
    path_simplify(path);
    if (is_bad_path(p, value, offset, path)) return 0;
    return list_push(p, list, path);
}

const bool keep_when_empty = true;

/* Paths; the argument, when there is one, says that an empty value does not clear the list. */
int value_paths(struct parse *p, const struct directive *directive, const struct value *value, void *slot)
{
    struct text_list *list = slot;
    const char *cursor = value->text;
    size_t offset;
    if (value->length == 0 && !directive->argument) list->count = 0;
    for (;;) {
        int r = parse_word(p, value, &cursor, WORD_QUOTES | (directive->argument ? 0 : WORD_KEEP_BACKSLASH), &offset);
        if (r <= 0) return r == -ENOMEM ? r : 0;
        r = push_path(p, value, offset, list);
        if (r < 0) return r;
    }
}

/* Words as they are; an empty value clears the list. */
int value_words(struct parse *p, const struct directive *directive UNUSED, const struct value *value, void *slot)
{
    struct text_list *list = slot;
    const char *cursor = value->text;
    size_t offset;
    if (value->length == 0) list->count = 0;
    for (;;) {
        int r = parse_word(p, value, &cursor, WORD_QUOTES | WORD_KEEP_BACKSLASH, &offset);
        if (r <= 0) return r == -ENOMEM ? r : 0;
        r = list_push_text(p, list, str_text(&p->scratch));
        if (r < 0) return r;
    }
}
