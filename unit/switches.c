#include "unit/switches.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/diag.h"
#include "base/str.h"
#include "base/vec.h"
#include "unit/rules.h"

#define MARK   "container-init:"
#define VERB   "disable="
#define BLANKS " \t"
/* A hostile file could consist of nothing else. */
#define WORDS_MAX 1000

struct word {
    const char *text;
    size_t length;
    struct pos at;
};

struct switches {
    struct diag_sink *diags;
    const char *file;
    const char *cursor, *end;
    uint32_t line;            /* physical, of what was read last */
    bool in_section;          /* a section header was seen */
    uint32_t n_words;         /* in all */
    VEC(struct word) waiting; /* for the assignment below */
};

/* The next physical line. False at the end. */
static bool next_line(struct switches *s, const char **ret_text, size_t *ret_length)
{
    if (s->cursor == s->end) return false;
    const char *begin = s->cursor, *p = begin;
    while (p < s->end && *p != '\n' && *p != '\r') p++;
    *ret_text = begin;
    *ret_length = (size_t)(p - begin);
    if (p < s->end) p += *p == '\r' && p + 1 < s->end && p[1] == '\n' ? 2 : 1;
    s->cursor = p;
    s->line++;
    return true;
}

static size_t blanks(const char *text, size_t length)
{
    size_t n = 0;
    while (n < length && strchr(BLANKS, text[n]) && text[n]) n++;
    return n;
}

static void report(struct switches *s, enum severity severity, struct pos at, const char *code, const char *hint,
                   const char *message, const char *text, size_t length)
{
    char quoted[80];
    diag_report(s->diags, severity, (struct diag_about){ at, NULL, NULL }, code, hint, "'%s' %s",
                str_escape(text, length, quoted, sizeof quoted), message);
}

/* CODE or CODE:Directive. */
static int take_word(struct switches *s, struct word word)
{
    const char *colon = memchr(word.text, ':', word.length);
    size_t code = colon ? (size_t)(colon - word.text) : word.length;
    bool known = rule_find(word.text, code);
    if (!known || (colon && code + 1 == word.length)) {
        char hint[96];
        const char *near = known ? NULL : rule_suggest(word.text, code);
        if (near) (void)snprintf(hint, sizeof hint, "did you mean %s?", near); /* the names of rules are short */
        report(s, DIAG_WARNING, word.at, "unknown-rule", near ? hint : NULL, "is not a rule (ignored)", word.text,
               word.length);
        return 0;
    }
    return s->in_section ? vec_push(&s->waiting, word)
                         : diag_sink_disable(s->diags, s->file, 0, 0, word.text, word.length);
}

/* The words behind "disable=", up to the first that no comma follows. */
static int read_words(struct switches *s, const char *line, size_t at, size_t length)
{
    for (int r;;) {
        at += blanks(line + at, length - at);
        size_t end = at;
        while (end < length && line[end] != ',' && !strchr(BLANKS, line[end])) end++;
        struct word word = { line + at, end - at, { s->file, s->line, (uint32_t)at + 1 } };
        if (++s->n_words > WORDS_MAX) return 0;
        r = take_word(s, word);
        if (r < 0) return r;
        at = end + blanks(line + end, length - end);
        if (at == length || line[at] != ',') return 0;
        at++;
    }
}

/* A comment line; `at` is behind "#". Prose that only begins with our name means nothing. */
static int read_comment(struct switches *s, const char *line, size_t at, size_t length)
{
    at += blanks(line + at, length - at);
    if (length - at < strlen(MARK) || memcmp(line + at, MARK, strlen(MARK)) != 0) return 0;
    at += strlen(MARK);
    at += blanks(line + at, length - at);
    if (length - at >= strlen(VERB) && memcmp(line + at, VERB, strlen(VERB)) == 0)
        return read_words(s, line, at + strlen(VERB), length);
    size_t word = at;
    while (word < length && !strchr(BLANKS, line[word])) word++;
    if (memchr(line + at, '=', word - at))
        report(s, DIAG_WARNING, (struct pos){ s->file, s->line, (uint32_t)at + 1 }, "bad-switch", NULL,
               "is not disable=RULE (ignored)", line + at, word - at);
    return 0;
}

static void nothing_below(struct switches *s)
{
    for (size_t i = 0; i < s->waiting.count; i++)
        report(s, DIAG_NOTE, s->waiting.items[i].at, "unused-switch",
               "a whole file is switched before its first section", "stands above no assignment (ignored)",
               s->waiting.items[i].text, s->waiting.items[i].length);
    s->waiting.count = 0;
}

static bool goes_on(const char *line, size_t length)
{
    size_t run = 0;
    while (run < length && line[length - 1 - run] == '\\') run++;
    return run % 2 == 1;
}

/* An assignment that begins with `line`: what waits holds for all its lines. */
static int read_assignment(struct switches *s, const char *line, size_t length)
{
    uint32_t first = s->line;
    bool more = goes_on(line, length);
    while (more && next_line(s, &line, &length)) {
        size_t at = blanks(line, length);
        if (at < length && strchr("#;", line[at])) continue;
        more = goes_on(line, length);
    }
    int r = 0;
    for (size_t i = 0; r == 0 && i < s->waiting.count; i++)
        r = diag_sink_disable(s->diags, s->file, first, s->line, s->waiting.items[i].text, s->waiting.items[i].length);
    s->waiting.count = 0;
    return r;
}

static int read_line(struct switches *s, const char *line, size_t length)
{
    size_t at = blanks(line, length);
    if (at < length && (line[at] == '#' || line[at] == ';')) return read_comment(s, line, at + 1, length);
    if (at < length && line[at] != '[') return read_assignment(s, line, length);
    if (at < length) s->in_section = true;
    nothing_below(s);
    return 0;
}

int switches_read(struct diag_sink *diags, const char *file, const char *data, size_t size)
{
    static const char byte_order_mark[] = "\xef\xbb\xbf";
    if (size == 0 || !memmem(data, size, MARK, strlen(MARK))) return 0;
    struct switches s = { .diags = diags, .file = file, .cursor = data, .end = data + size };
    if (size >= 3 && memcmp(data, byte_order_mark, 3) == 0) s.cursor += 3;
    const char *line;
    size_t length;
    int r = 0;
    while (r == 0 && next_line(&s, &line, &length)) r = read_line(&s, line, length);
    if (r == 0) nothing_below(&s);
    vec_done(&s.waiting);
    return r;
}
