#include "unit/source.h"

#include "base/str.h"
#include "base/vec.h"
#include "unit/ini_walk.h"

#include <errno.h>
#include <string.h>

#define SOURCE_BLANKS " \t\n\r"
/* A hostile file could cost a diagnostic per two bytes. */
#define SOURCE_PROBLEMS_MAX 1000
#define QUOTED_MAX          80

struct source {
    const char *file;
    enum source_rules rules;
    struct diag_sink *diags;
    source_fn *fn;
    source_section_fn *section_fn;
    void *userdata;
    char *cursor, *end;
    char *newline; /* the next "\n" from the cursor, or `end`; stale when it lies before the cursor */
    uint32_t line; /* physical, of the line read last */
    VEC(struct value_piece) pieces;
    char *text; /* the logical line, NUL-terminated */
    size_t length;
    bool has_nul, has_high; /* a NUL byte, a byte above 127 */
    uint32_t problems;
    bool unusable;       /* an error was reported */
    const char *section; /* NULL: outside of any; "": in one whose header is bad */
    uint32_t n_sections, n_assignments;
    const char *key;
    struct value value;
};

struct pos value_pos(const struct value *value, size_t offset)
{
    struct pos at = { value->file, value->key_line, value->key_column };
    for (uint32_t i = 0; i < value->n_pieces && value->pieces[i].offset <= offset; i++) {
        at.line = value->pieces[i].line;
        at.column = value->pieces[i].column + (uint32_t)(offset - value->pieces[i].offset);
    }
    return at;
}

struct pos value_key_pos(const struct value *value)
{
    return (struct pos){ value->file, value->key_line, value->key_column };
}

static bool utf8_is_valid(const char *text, size_t length)
{
    const unsigned char *p = (const unsigned char *)text, *end = p + length;
    while (p < end) {
        unsigned size = *p < 0x80                 ? 1
                        : *p >= 0xc2 && *p < 0xe0 ? 2
                        : (*p & 0xf0) == 0xe0     ? 3
                        : *p >= 0xf0 && *p < 0xf5 ? 4
                                                  : 0;
        if (size == 0 || (size_t)(end - p) < size) return false;
        for (unsigned i = 1; i < size; i++)
            if ((p[i] & 0xc0) != 0x80) return false;
        if ((*p == 0xe0 && p[1] < 0xa0) || (*p == 0xed && p[1] > 0x9f) || (*p == 0xf0 && p[1] < 0x90) ||
            (*p == 0xf4 && p[1] > 0x8f))
            return false;
        p += size;
    }
    return true;
}

/* A problem of form at an offset of the logical line, quoting `length` bytes of it (0: none). `what` has no format. */
static void source_problem(struct source *s, enum severity severity, size_t offset, const char *code, const char *what,
                           size_t length)
{
    struct value line = { .file = s->file, .pieces = s->pieces.items, .n_pieces = (uint32_t)s->pieces.count };
    struct diag_about about = { value_pos(&line, offset), NULL, NULL };
    char quoted[QUOTED_MAX];
    if (severity == DIAG_ERROR) {
        s->unusable = true;
        if (s->rules != SOURCE_NATIVE) s->cursor = s->end;
        if (s->rules == SOURCE_SYSTEMD_DROPIN) severity = DIAG_WARNING;
    }
    if (++s->problems > SOURCE_PROBLEMS_MAX) return;
    if (s->problems == SOURCE_PROBLEMS_MAX) {
        diag_report(s->diags, DIAG_ERROR, about, "too-many-problems", NULL, "too many problems, the rest is not read");
        s->cursor = s->end;
        s->unusable = true;
        return;
    }
    if (length == 0)
        diag_report(s->diags, severity, about, code, NULL, "%s", what);
    else
        diag_report(s->diags, severity, about, code, NULL, "%s: '%s'", what,
                    str_escape(s->text + offset, length, quoted, sizeof quoted));
}

/* Is there a byte above 127? Eight at a time, as every byte of every file passes here. */
static bool has_high_byte(const char *text, size_t length)
{
    uint64_t bits = 0, word;
    for (; length >= sizeof word; text += sizeof word, length -= sizeof word) {
        memcpy(&word, text, sizeof word);
        bits |= word;
    }
    for (; length > 0; length--) bits |= (unsigned char)*text++;
    return bits & UINT64_C(0x8080808080808080);
}

/* Finds the end of the physical line at the cursor and moves behind it ("\n", "\r" or "\r\n"). */
static size_t physical_line(struct source *s, bool *ret_nul, bool *ret_high)
{
    char *begin = s->cursor;
    if (!s->newline || s->newline < begin) { /* looked for once, not for every "\r" before it */
        s->newline = memchr(begin, '\n', (size_t)(s->end - begin));
        if (!s->newline) s->newline = s->end;
    }
    char *end = s->newline, *carriage = memchr(begin, '\r', (size_t)(end - begin));
    if (carriage) end = carriage;
    size_t length = (size_t)(end - begin);
    *ret_nul = memchr(begin, '\0', length);
    *ret_high = has_high_byte(begin, length);
    if (end < s->end) end += *end == '\r' && end + 1 < s->end && end[1] == '\n' ? 2 : 1;
    s->cursor = end;
    s->line++;
    return length;
}

static bool is_comment(const char *line, size_t length)
{
    size_t i = 0;
    while (i < length && (line[i] == ' ' || line[i] == '\t')) i++;
    return i < length && (line[i] == '#' || line[i] == ';');
}

/* An odd run of backslashes at the end: the line goes on in the next one. */
static bool is_continued(const char *line, size_t length)
{
    size_t run = 0;
    while (run < length && line[length - 1 - run] == '\\') run++;
    return run % 2 == 1;
}

/* Joins the next logical line, which is at most as long as the physical ones, in place. 1, 0 at the end, -ENOMEM. */
static int logical_line(struct source *s)
{
    bool continued = false;
    s->length = s->pieces.count = 0;
    s->has_nul = s->has_high = false;
    while (s->cursor < s->end) {
        char *begin = s->cursor;
        bool nul, high;
        size_t length = physical_line(s, &nul, &high);
        if (!nul && is_comment(begin, length)) continue;
        if (!continued) s->text = begin;
        struct value_piece piece = { (uint32_t)s->length, s->line, 1 };
        int r = s->length <= SOURCE_LINE_MAX ? vec_push(&s->pieces, piece) : 0;
        if (r < 0) return r;
        if (continued) memmove(s->text + s->length, begin, length);
        s->length += length;
        s->has_nul |= nul, s->has_high |= high;
        continued = is_continued(s->text, s->length);
        if (!continued) break;
        s->text[s->length - 1] = ' ';
    }
    if (s->pieces.count == 0) return 0;
    s->text[s->length] = '\0'; /* a line end, or the byte that source_walk() left behind the last one */
    return 1;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void strip(const char *text, size_t *begin, size_t *end)
{
    while (*begin < *end && is_blank(text[*begin])) ++*begin;
    while (*end > *begin && is_blank(text[*end - 1])) --*end;
}

/* Makes the pieces count from where the value begins. */
static void rebase_pieces(struct source *s, size_t begin)
{
    struct value_piece *pieces = s->pieces.items;
    size_t first = 0, n = s->pieces.count;
    while (first + 1 < n && pieces[first + 1].offset <= begin) first++;
    pieces[first].column += (uint32_t)(begin - pieces[first].offset);
    pieces[first].offset = (uint32_t)begin;
    for (size_t i = first; i < n; i++) {
        pieces[i - first] = pieces[i];
        pieces[i - first].offset -= (uint32_t)begin;
    }
    s->pieces.count = n - first;
}

/* 1 when the line is an assignment that counts. */
static int read_assignment(struct source *s, size_t begin, size_t end)
{
    if (!s->section) {
        source_problem(s, DIAG_WARNING, begin, "outside-section", "assignment outside of a section (ignored)",
                       end - begin);
        return 0;
    }
    char *equals = memchr(s->text + begin, '=', end - begin);
    if (!equals) {
        source_problem(s, DIAG_WARNING, begin, "missing-equals", "neither a section nor an assignment (ignored)",
                       end - begin);
        return 0;
    }
    if (*s->section == '\0') return 0; /* the bad header has been reported */
    size_t key_end = (size_t)(equals - s->text), value_begin = key_end + 1, value_end = end;
    if (key_end == begin) {
        source_problem(s, DIAG_WARNING, begin, "missing-key", "no name before '=' (ignored)", 0);
        return 0;
    }
    strip(s->text, &begin, &key_end);
    strip(s->text, &value_begin, &value_end);
    struct value line = { .file = s->file, .pieces = s->pieces.items, .n_pieces = (uint32_t)s->pieces.count };
    struct pos key_pos = value_pos(&line, begin);
    s->text[key_end] = s->text[value_end] = '\0';
    rebase_pieces(s, value_begin);
    s->key = s->text + begin;
    s->value = (struct value){
        .text = s->text + value_begin,
        .length = value_end - value_begin,
        .file = s->file,
        .pieces = s->pieces.items,
        .n_pieces = (uint32_t)s->pieces.count,
        .key_line = key_pos.line,
        .key_column = key_pos.column,
    };
    return 1;
}

/* The header at [begin, end) of the line. The name stays where it is: later lines never overwrite earlier ones. */
static int read_section(struct source *s, size_t begin, size_t end, bool *ret_fed)
{
    struct pos at = { s->file, s->pieces.items[0].line, (uint32_t)begin + 1 };
    *ret_fed = false;
    s->section = "";
    if (s->text[end - 1] != ']' || end - begin < 3) {
        source_problem(s, DIAG_ERROR, begin, "bad-section-header", "bad section header", end - begin);
        return 0;
    }
    s->text[end - 1] = '\0';
    s->section = s->text + begin + 1;
    *ret_fed = true;
    return s->section_fn ? s->section_fn(s->section, at, s->userdata) : 0;
}

/* A line that cannot be used. When it begins a section, what follows must not be read as the section before it. */
static void unusable_line(struct source *s, size_t offset, const char *code, const char *what, size_t length)
{
    if (s->text[strspn(s->text, SOURCE_BLANKS)] == '[') s->section = "";
    source_problem(s, DIAG_ERROR, offset, code, what, length);
}

/* ini_line_fn: the next line that means something. */
static int source_next(struct ini_line *ret_line, void *userdata)
{
    struct source *s = userdata;
    int r;
    while ((r = logical_line(s)) > 0) {
        if (s->length > SOURCE_LINE_MAX) {
            unusable_line(s, 0, "line-too-long", "line is longer than 1 MiB", 0);
            continue;
        }
        if (s->has_nul) {
            unusable_line(s, strlen(s->text), "nul-byte", "NUL byte in the file", 0);
            continue;
        }
        if (s->has_high && !utf8_is_valid(s->text, s->length)) {
            unusable_line(s, 0, "bad-utf8", "text is not UTF-8", s->length);
            continue;
        }
        size_t begin = 0, end = s->length;
        strip(s->text, &begin, &end);
        if (begin == end) continue;
        if (s->text[begin] == '[') {
            bool fed;
            r = read_section(s, begin, end, &fed);
            if (r < 0) return r;
            if (!fed) continue;
            *ret_line = (struct ini_line){ .is_section = true, .section = ++s->n_sections };
            return 1;
        }
        if (read_assignment(s, begin, end) == 0) continue;
        s->n_assignments++;
        *ret_line = (struct ini_line){ .key = s->n_assignments, .value = s->n_assignments };
        return 1;
    }
    return r;
}

/* ini_assignment_fn: libinih's indices must be those of the line that was just fed. */
static int source_assignment(uint32_t section, uint32_t key, uint32_t value, void *userdata)
{
    struct source *s = userdata;
    if (section != s->n_sections || key != s->n_assignments || value != s->n_assignments) return -EPROTO;
    int r = s->fn(s->section, s->key, &s->value, s->userdata);
    if (r > 0) s->cursor = s->end;
    return MIN_OF(r, 0);
}

int source_walk(const char *file, const char *data, size_t size, enum source_rules rules, struct diag_sink *diags,
                source_fn *fn, source_section_fn *section_fn, void *userdata)
{
    static const char byte_order_mark[] = "\xef\xbb\xbf";
    struct source s = {
        .file = file, .rules = rules, .diags = diags, .fn = fn, .section_fn = section_fn, .userdata = userdata
    };
    if (size > SOURCE_FILE_MAX) {
        diag_report(diags, DIAG_ERROR, (struct diag_about){ { file, 0, 0 }, NULL, NULL }, "file-too-large", NULL,
                    "file is larger than 16 MiB");
        return 1;
    }
    char *copy = malloc(size + 1); /* joined and cut in place */
    if (!copy) return -ENOMEM;
    if (size > 0) memcpy(copy, data, size);
    copy[size] = '\0';
    if (rules != SOURCE_NATIVE)
        for (char *nul = copy; (nul = memchr(nul, '\0', (size_t)(copy + size - nul)));) *nul = '\n';
    s.cursor = copy;
    s.end = copy + size;
    if (size >= 3 && memcmp(copy, byte_order_mark, 3) == 0) s.cursor += 3;
    int r = ini_walk(source_next, source_assignment, &s);
    vec_done(&s.pieces);
    free(copy);
    return r < 0 ? r : s.unusable;
}
