#include "base/diag.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* When memory runs out, HASH_ADD leaves the element out and clears its table pointer instead of ending the process. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "base/json.h"
#include "base/str.h"
#include "base/vec.h"

/* "code" or "code:Key". */
struct level {
    char *word;
    enum diag_level level;
};

/* What the comments of one file switch off. */
struct disabled {
    char *word;
    uint32_t first, last; /* lines; 0: all */
};
struct disabled_file {
    UT_hash_handle hh; /* by name */
    const char *name;
    VEC(struct disabled) items;
};

struct diag_sink {
    VEC(struct diag) diags;
    struct strlist allowed; /* "code" or "code:Key" */
    VEC(struct level) levels;
    struct disabled_file *files;
    bool strict, once;
    uint8_t lowered; /* how far the highest severity lies below DIAG_ERROR */
    size_t counts[DIAG_SEVERITY_COUNT];
    size_t promoted; /* warnings that strictness made errors */
    /* How many of the file reported last, by severity: the bound of DIAG_KEPT_PER_FILE. */
    const char *last_file;
    size_t last_counts[DIAG_SEVERITY_COUNT];
    bool last_overflowed;
};

static const char *const severity_names[DIAG_SEVERITY_COUNT] = {
    [DIAG_NOTE] = "note",
    [DIAG_WARNING] = "warning",
    [DIAG_ERROR] = "error",
};

struct diag_sink *diag_sink_new(void)
{
    return calloc(1, sizeof(struct diag_sink));
}

static void free_files(struct diag_sink *sink)
{
    struct disabled_file *file, *next;
    HASH_ITER(hh, sink->files, file, next)
    {
        HASH_DEL(sink->files, file);
        for (size_t i = 0; i < file->items.count; i++) free(file->items.items[i].word);
        vec_done(&file->items);
        free(file);
    }
}

void diag_sink_free(struct diag_sink *sink)
{
    if (!sink) return;
    for (size_t i = 0; i < sink->diags.count; i++) {
        free(sink->diags.items[i].message);
        free(sink->diags.items[i].hint);
    }
    vec_done(&sink->diags);
    strlist_done(&sink->allowed);
    for (size_t i = 0; i < sink->levels.count; i++) free(sink->levels.items[i].word);
    vec_done(&sink->levels);
    free_files(sink);
    free(sink);
}

void diag_sink_set_strict(struct diag_sink *sink, bool strict)
{
    sink->strict = strict;
}

/* ---- --allow ---- */

/* The word at `list` up to the next comma, without blanks around it. */
static const char *allow_word(const char *list, size_t *ret_length)
{
    const char *end = list + strcspn(list, ",");
    while (list < end && (*list == ' ' || *list == '\t')) list++;
    while (end > list && (end[-1] == ' ' || end[-1] == '\t')) end--;
    *ret_length = (size_t)(end - list);
    return list;
}

int diag_sink_allow(struct diag_sink *sink, const char *list)
{
    size_t length;
    const char *next = list;
    for (;;) {
        const char *word = allow_word(next, &length);
        if (length == 0 || word[0] == ':' || word[length - 1] == ':') return -EINVAL;
        next += strcspn(next, ",");
        if (*next == '\0') break;
        next++;
    }
    for (next = list;;) {
        const char *word = allow_word(next, &length);
        int r = strlist_add_bytes(&sink->allowed, word, length);
        if (r < 0) return r;
        next += strcspn(next, ",");
        if (*next == '\0') return 0;
        next++;
    }
}

/* How well "code" (1) or "code:Key" (2) fits; 0: not at all. */
static unsigned word_fits(const char *word, const char *code, const char *key)
{
    size_t length = strlen(code);
    if (strncmp(word, code, length) != 0) return 0;
    if (word[length] == '\0') return 1;
    return key && word[length] == ':' && strcmp(word + length + 1, key) == 0 ? 2 : 0;
}

static bool is_allowed(const struct diag_sink *sink, const char *code, const char *key)
{
    for (size_t i = 0; i < sink->allowed.count; i++)
        if (word_fits(sink->allowed.items[i], code, key)) return true;
    return false;
}

/* ---- levels ---- */

int diag_sink_set_level(struct diag_sink *sink, const char *code, const char *key, enum diag_level level)
{
    struct level item = { .level = level };
    if (asprintf(&item.word, "%s%s%s", code, key ? ":" : "", key ? key : "") < 0) return -ENOMEM;
    int r = vec_push(&sink->levels, item);
    if (r < 0) free(item.word);
    return r;
}

/* The macros are 250 statements long. NOLINTNEXTLINE(readability-function-size) */
static struct disabled_file *get_file(struct diag_sink *sink, const char *name)
{
    struct disabled_file *file = NULL;
    HASH_FIND_STR(sink->files, name, file);
    if (file) return file;
    file = calloc(1, sizeof *file);
    if (!file) return NULL;
    file->name = name;
    HASH_ADD_KEYPTR(hh, sink->files, file->name, strlen(name), file);
    if (file->hh.tbl) return file;
    free(file);
    return NULL;
}

int diag_sink_disable(struct diag_sink *sink, const char *file, uint32_t first, uint32_t last, const char *word,
                      size_t length)
{
    struct disabled_file *entry = get_file(sink, file);
    if (!entry) return -ENOMEM;
    struct disabled item = { strndup(word, length), first, last };
    int r = item.word ? vec_push(&entry->items, item) : -ENOMEM;
    if (r < 0) free(item.word);
    return r;
}

static bool is_disabled(const struct diag_sink *sink, struct diag_about about, const char *code)
{
    struct disabled_file *file = NULL;
    if (!sink->files || !about.at.file) return false;
    HASH_FIND_STR(sink->files, about.at.file, file);
    for (size_t i = 0; file && i < file->items.count; i++) {
        const struct disabled *item = &file->items.items[i];
        bool here = item->last == 0 || (about.at.line >= item->first && about.at.line <= item->last);
        if (here && word_fits(item->word, code, about.key)) return true;
    }
    return false;
}

/* What the diagnostic is worth, in d->severity; false when it is not wanted. */
static bool apply_levels(const struct diag_sink *sink, struct diag *d)
{
    static const enum severity severities[] = {
        [DIAG_LEVEL_NOTE] = DIAG_NOTE, [DIAG_LEVEL_WARNING] = DIAG_WARNING, [DIAG_LEVEL_ERROR] = DIAG_ERROR
    };
    const struct level *level = NULL;
    unsigned best = 1;
    if (d->severity == DIAG_ERROR) return true;
    if (is_disabled(sink, (struct diag_about){ d->at, d->section, d->key }, d->code)) return false;
    for (size_t i = 0; i < sink->levels.count; i++) {
        unsigned fit = word_fits(sink->levels.items[i].word, d->code, d->key);
        if (fit >= best) best = fit, level = &sink->levels.items[i];
    }
    if (!level) return true;
    if (level->level == DIAG_LEVEL_OFF) return false;
    d->severity = severities[level->level];
    d->was_warning = level->level == DIAG_LEVEL_ERROR;
    return true;
}

/* ---- reporting ---- */

void diag_sink_set_mode(struct diag_sink *sink, enum severity highest, bool once)
{
    sink->lowered = (uint8_t)(DIAG_ERROR - highest);
    sink->once = once;
}

static bool was_said(const struct diag_sink *sink, const struct diag *d, const char *message)
{
    for (size_t i = 0; i < sink->diags.count; i++) {
        const struct diag *said = &sink->diags.items[i];
        if (said->at.file == d->at.file && said->at.line == d->at.line && strcmp(said->code, d->code) == 0 &&
            strcmp(said->message, message) == 0)
            return true;
    }
    return false;
}

/* Counts one of `file`; false when it has used up what is kept of one file. */
static bool file_may_keep(struct diag_sink *sink, const char *file, enum severity severity)
{
    if (!str_equal(sink->last_file, file)) {
        sink->last_file = file;
        sink->last_overflowed = false;
        memset(sink->last_counts, 0, sizeof sink->last_counts);
    }
    return !file || ++sink->last_counts[severity] <= DIAG_KEPT_PER_FILE;
}

/* Takes both texts. When memory runs out (no message, or no room) the diagnostic is lost; it was counted. */
static void sink_keep_take(struct diag_sink *sink, struct diag d, char *message, char *hint)
{
    if (!message || vec_reserve(&sink->diags, sink->diags.count + 1) < 0) {
        free(message);
        free(hint);
        return;
    }
    d.message = message;
    d.hint = hint;
    sink->diags.items[sink->diags.count++] = d;
}

static void sink_note_overflow(struct diag_sink *sink, const char *file)
{
    if (sink->last_overflowed) return;
    sink->last_overflowed = true;
    sink->counts[DIAG_NOTE]++;
    struct diag d = { .severity = DIAG_NOTE, .at = { .file = file }, .code = "too-many-diagnostics" };
    sink_keep_take(sink, d, strdup("further diagnostics of this file are counted, not shown"), NULL);
}

void diag_report(struct diag_sink *sink, enum severity severity, struct diag_about about, const char *code,
                 const char *hint, const char *fmt, ...)
{
    struct diag d = { .severity = severity, .at = about.at, .code = code, .section = about.section, .key = about.key };
    if (!apply_levels(sink, &d)) return;
    char *message;
    va_list ap;
    va_start(ap, fmt);
    if (vasprintf(&message, fmt, ap) < 0) message = NULL;
    va_end(ap);
    if (sink->once && message && was_said(sink, &d, message)) {
        free(message);
        return;
    }
    enum severity highest = (enum severity)(DIAG_ERROR - sink->lowered);
    if (d.severity > highest && (!d.was_warning || highest == DIAG_NOTE)) d.severity = highest, d.was_warning = false;
    if (d.severity == DIAG_WARNING) {
        if (is_allowed(sink, code, about.key))
            d.severity = DIAG_NOTE;
        else if (sink->strict)
            d.severity = DIAG_ERROR, d.was_warning = true;
    }
    sink->counts[d.severity]++;
    if (d.was_warning) sink->promoted++;
    if (!file_may_keep(sink, about.at.file, d.severity)) {
        sink_note_overflow(sink, about.at.file);
        free(message);
        return;
    }
    sink_keep_take(sink, d, message, hint ? strdup(hint) : NULL); /* a lost hint does not lose the message */
}

size_t diag_count(const struct diag_sink *sink, enum severity severity)
{
    return sink->counts[severity];
}

size_t diag_warning_count(const struct diag_sink *sink)
{
    return sink->counts[DIAG_WARNING] + sink->promoted;
}

size_t diag_promoted_count(const struct diag_sink *sink)
{
    return sink->promoted;
}

size_t diag_total(const struct diag_sink *sink)
{
    return sink->diags.count;
}

const struct diag *diag_get(const struct diag_sink *sink, size_t index)
{
    return index < sink->diags.count ? &sink->diags.items[index] : NULL;
}

/* ---- rendering ---- */

/* Quotes and backslashes stay: the message has its own, and values in it were escaped by who quoted them. */
static int append_visible(struct str *s, const char *text)
{
    int r = 0;
    for (size_t left = strlen(text), n; r == 0 && left > 0; text += n, left -= n) {
        uint32_t point;
        n = MAX_OF(utf8_decode((const unsigned char *)text, left, &point), (size_t)1);
        r = strchr("\"'\\", *text) ? str_append_char(s, *text) : str_append_escaped(s, text, n);
    }
    return r;
}

static int append_location(struct str *s, const struct diag *d, const char *key_suffix)
{
    int r = 0;
    if (d->section && ((r = str_append(s, "[")) < 0 || (r = append_visible(s, d->section)) < 0)) return r;
    if (d->section && (r = str_append(s, d->key ? "] " : "]")) < 0) return r;
    if (d->key && ((r = append_visible(s, d->key)) < 0 || (r = str_append(s, key_suffix)) < 0)) return r;
    return r;
}

const char *diag_file_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash || slash[1] == '\0') return path;
    bool dropin = slash >= path + 2 && slash[-1] == 'd' && slash[-2] == '.' && str_suffix(slash, ".conf");
    if (!dropin) return slash + 1;
    const char *begin = slash;
    while (begin > path && begin[-1] != '/') begin--;
    return begin;
}

static int render_text(const struct diag *d, struct str *s)
{
    int r = str_appendf(s, "%s: ", d->was_warning ? severity_names[DIAG_WARNING] : severity_names[d->severity]);
    if (r < 0) return r;
    if (d->at.file) {
        if ((r = append_visible(s, diag_file_name(d->at.file))) < 0) return r;
        if ((d->section || d->key) && (r = str_append(s, " ")) < 0) return r;
    }
    if ((r = append_location(s, d, "")) < 0) return r;
    if ((d->at.file || d->section || d->key) && (r = str_append(s, ": ")) < 0) return r;
    if ((r = append_visible(s, d->message)) < 0 || (r = str_append(s, " (")) < 0) return r;
    if (d->at.file && d->at.line > 0 && (r = str_appendf(s, "line %u, ", d->at.line)) < 0) return r;
    if ((r = str_append(s, d->code)) < 0) return r;
    if (d->hint && ((r = str_append(s, "; ")) < 0 || (r = append_visible(s, d->hint)) < 0)) return r;
    return str_append(s, ")");
}

static int render_gcc(const struct diag *d, struct str *s)
{
    int r = append_visible(s, d->at.file ? d->at.file : "container-init");
    if (r < 0) return r;
    if (d->at.file && d->at.line > 0) r = str_appendf(s, ":%u:%u", d->at.line, MAX_OF(d->at.column, 1U));
    if (r < 0) return r;
    if ((r = str_appendf(s, ": %s[%s]: ", severity_names[d->severity], d->code)) < 0) return r;
    if ((r = append_location(s, d, "=")) < 0) return r;
    if ((d->section || d->key) && (r = str_append(s, ": ")) < 0) return r;
    if ((r = append_visible(s, d->message)) < 0) return r;
    if (d->hint && ((r = str_append(s, ", ")) < 0 || (r = append_visible(s, d->hint)) < 0)) return r;
    return 0;
}

/* `before` is "{" for the first member, else ",". Nothing is written for NULL. */
static int member_text(struct str *s, const char *before, const char *name, const char *text)
{
    int r;
    if (!text) return 0;
    if ((r = str_appendf(s, "%s\"%s\":", before, name)) < 0) return r;
    return json_write_string(s, text, strlen(text));
}

static int member_number(struct str *s, const char *name, uint32_t number)
{
    return number == 0 ? 0 : str_appendf(s, ",\"%s\":%u", name, number);
}

static int render_json(const struct diag *d, struct str *s)
{
    int r;
    if ((r = member_text(s, "{", "code", d->code)) < 0) return r;
    if ((r = member_number(s, "column", d->at.column)) < 0) return r;
    if ((r = member_text(s, ",", "file", d->at.file)) < 0) return r;
    if ((r = member_text(s, ",", "hint", d->hint)) < 0) return r;
    if ((r = member_text(s, ",", "key", d->key)) < 0) return r;
    if ((r = member_number(s, "line", d->at.line)) < 0) return r;
    if ((r = member_text(s, ",", "message", d->message)) < 0) return r;
    if ((r = member_text(s, ",", "section", d->section)) < 0) return r;
    if ((r = member_text(s, ",", "severity", severity_names[d->severity])) < 0) return r;
    return str_append(s, d->was_warning ? ",\"was_warning\":true}" : "}");
}

char *diag_render(const struct diag *d, enum diag_format format)
{
    typedef int render_fn(const struct diag *d, struct str *s);
    static render_fn *const renderers[] = {
        [DIAG_TEXT] = render_text, [DIAG_JSON] = render_json, [DIAG_GCC] = render_gcc
    };
    AUTO_STR struct str s = STR_EMPTY;
    if (format == DIAG_SARIF) return NULL;
    if (renderers[format](d, &s) < 0) return NULL;
    return str_take(&s);
}
