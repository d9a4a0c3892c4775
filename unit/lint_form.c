/* Rules about the bytes of a unit file, and the file as such. */
#include "unit/lint_internal.h"

#include <string.h>
#include <sys/stat.h>

#define BLANKS " \t"

static struct diag_about about_file(const char *path, uint32_t line, uint32_t column)
{
    return (struct diag_about){ { path, line, column }, NULL, NULL };
}

/* As systemd says of both, and goes on. */
static void mode_rules(const char *path, mode_t mode, struct diag_sink *diags)
{
    if (mode & S_IWOTH)
        diag_report(diags, DIAG_WARNING, about_file(path, 0, 0), "world-writable-file", "chmod o-w",
                    "everybody may write to it, and so say what is run");
    if (mode & (S_IXUSR | S_IXGRP | S_IXOTH))
        diag_report(diags, DIAG_NOTE, about_file(path, 0, 0), "executable-file", "chmod a-x",
                    "is executable, though nothing executes it");
}

static uint32_t count_lines(const char *begin, const char *end)
{
    uint32_t lines = 0;
    while (begin < end && (begin = memchr(begin, '\n', (size_t)(end - begin)))) lines++, begin++;
    return lines;
}

static bool is_comment(const char *line, const char *end)
{
    while (line < end && strchr(BLANKS, *line) && *line) line++;
    return line < end && (*line == '#' || *line == ';');
}

/* "\ " at the end of a line: the line does not go on, and the backslash belongs to the value. */
static void backslash_rule(const char *path, const char *data, const char *end, struct diag_sink *diags)
{
    const char *line = data, *counted = data;
    uint32_t number = 1;
    for (const char *p = data; p < end && (p = memchr(p, '\\', (size_t)(end - p)));) {
        const char *begin = p;
        while (p < end && *p == '\\') p++;
        size_t run = (size_t)(p - begin);
        const char *blanks = p;
        while (p < end && (*p == ' ' || *p == '\t')) p++;
        if (p == blanks || run % 2 == 0 || (p < end && *p != '\n' && *p != '\r')) continue;
        number += count_lines(counted, begin);
        counted = begin;
        for (line = begin; line > data && line[-1] != '\n'; line--) continue;
        if (is_comment(line, end)) continue;
        diag_report(diags, DIAG_WARNING, about_file(path, number, (uint32_t)(begin - line) + 1),
                    "blank-after-backslash", "remove what stands behind it",
                    "the line does not go on: a blank follows the backslash");
    }
}

void lint_form(const char *path, mode_t mode, const char *data, size_t size, struct diag_sink *diags)
{
    static const char byte_order_mark[] = "\xef\xbb\xbf";
    mode_rules(path, mode, diags);
    if (size == 0) return;
    if (size >= 3 && memcmp(data, byte_order_mark, 3) == 0)
        diag_report(diags, DIAG_NOTE, about_file(path, 1, 1), "byte-order-mark", "save it as UTF-8 without",
                    "the file begins with a byte-order mark");
    const char *carriage = memchr(data, '\r', size);
    if (carriage) {
        const char *line = carriage;
        while (line > data && line[-1] != '\n') line--;
        diag_report(diags, DIAG_NOTE,
                    about_file(path, count_lines(data, carriage) + 1, (uint32_t)(carriage - line) + 1),
                    "carriage-return", "save it with line ends of Unix", "a carriage return ends the line");
    }
    backslash_rule(path, data, data + size, diags);
}
