#include "unit/environment_file.h"

#include "unit/words.h"

#include <errno.h>
#include <string.h>

struct reader {
    const char *p, *end;
    uint32_t line;
};

static bool is_name_char(char c, bool first)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' || (!first && c >= '0' && c <= '9');
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static void skip_line(struct reader *in)
{
    const char *newline = memchr(in->p, '\n', (size_t)(in->end - in->p));
    in->p = newline ? newline + 1 : in->end;
    in->line++;
}

static void skip_blanks(struct reader *in)
{
    while (in->p < in->end && is_blank(*in->p)) in->p++;
}

/* A backslash and a line end: the line goes on. */
static bool at_continuation(const struct reader *in, size_t *ret_length)
{
    size_t left = (size_t)(in->end - in->p);
    if (left < 2 || in->p[0] != '\\') return false;
    *ret_length = in->p[1] == '\n' ? 2 : left >= 3 && in->p[1] == '\r' && in->p[2] == '\n' ? 3 : 0;
    return *ret_length > 0;
}

static int read_double_quoted(struct reader *in, struct str *out)
{
    static const char letters[] = "\"\\ntrabfv'$ ", meanings[] = "\"\\\n\t\r\a\b\f\v'$ ";
    for (in->p++; in->p < in->end; in->p++) {
        size_t skip;
        int r;
        if (*in->p == '"') {
            in->p++;
            return 0;
        }
        if (at_continuation(in, &skip)) {
            in->p += skip - 1, in->line++;
            continue;
        }
        if (*in->p == '\n') in->line++;
        if (*in->p == '\\' && in->p + 1 < in->end) {
            const char *letter = memchr(letters, in->p[1], sizeof letters - 1);
            if (letter)
                r = str_append_char(out, meanings[letter - letters]);
            else
                r = str_append_bytes(out, in->p, 2);
            in->p++;
        } else {
            r = str_append_char(out, *in->p);
        }
        if (r < 0) return r;
    }
    return -EBADMSG;
}

static int read_single_quoted(struct reader *in, struct str *out)
{
    const char *close = memchr(in->p + 1, '\'', (size_t)(in->end - in->p - 1));
    if (!close) return -EBADMSG;
    for (const char *p = in->p; p < close; p++)
        if (*p == '\n') in->line++;
    int r = str_append_bytes(out, in->p + 1, (size_t)(close - in->p - 1));
    in->p = close + 1;
    return r;
}

/* The rest of the line behind "=": quoted and bare segments joined; bare blanks at the edges are dropped. */
static int read_value(struct reader *in, struct str *out)
{
    size_t keep = out->length; /* what lies before it is never trimmed */
    int r = 0;
    skip_blanks(in);
    while (in->p < in->end && *in->p != '\n' && r == 0) {
        size_t skip;
        if (*in->p == '"' || *in->p == '\'') {
            uint32_t opened = in->line;
            r = *in->p == '"' ? read_double_quoted(in, out) : read_single_quoted(in, out);
            if (r == -EBADMSG) in->line = opened;
            keep = out->length;
        } else if (at_continuation(in, &skip)) {
            in->p += skip, in->line++;
        } else if (*in->p == '\\' && in->p + 1 < in->end) {
            r = str_append_char(out, in->p[1]);
            keep = out->length;
            in->p += 2;
        } else {
            bool blank = is_blank(*in->p);
            r = str_append_char(out, *in->p++);
            if (!blank) keep = out->length;
        }
    }
    if (r < 0) return r;
    if (out->data) out->length = keep, out->data[keep] = '\0';
    skip_line(in);
    return 0;
}

/* One line: an assignment into `word`, or nothing. */
static int read_line(struct reader *in, struct str *word)
{
    str_clear(word);
    skip_blanks(in);
    const char *name = in->p;
    while (in->p < in->end && is_name_char(*in->p, in->p == name)) in->p++;
    size_t length = (size_t)(in->p - name);
    skip_blanks(in);
    if (length == 0 || in->p == in->end || *in->p != '=') { /* a comment, an empty or a bad line */
        size_t skip;
        bool comment = length == 0 && in->p < in->end && (*in->p == '#' || *in->p == ';');
        while (comment && in->p < in->end && *in->p != '\n') { /* a comment goes on behind a backslash, too */
            if (at_continuation(in, &skip))
                in->p += skip, in->line++;
            else
                in->p++;
        }
        skip_line(in);
        return 0;
    }
    in->p++;
    int r = str_append_bytes(word, name, length);
    if (r == 0) r = str_append_char(word, '=');
    return r < 0 ? r : read_value(in, word);
}

int environment_file_parse(const char *data, size_t size, struct strlist *out, uint32_t *ret_line)
{
    AUTO_STR struct str word = STR_EMPTY;
    struct reader in = { data, data + size, 1 };
    const char *nul = size > 0 ? memchr(data, '\0', size) : NULL;
    if (size >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0) in.p += 3;
    int r = 0;
    if (nul) {
        for (const char *p = data; p < nul; p++)
            if (*p == '\n') in.line++;
        r = -EBADMSG;
    }
    while (r == 0 && in.p < in.end) {
        r = read_line(&in, &word);
        if (r == 0 && word.length > 0) r = strlist_add(out, str_text(&word));
    }
    if (r < 0 && ret_line) *ret_line = in.line;
    return r;
}
