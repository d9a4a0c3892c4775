#include "cmd/container-init/analyze_table.h"

#include <string.h>

void analyze_table_done(struct analyze_table *table)
{
    str_done(&table->cells);
}

int analyze_table_add(struct analyze_table *table, const char *name, const char *value)
{
    if (!value) value = "-";
    int r = str_append_bytes(&table->cells, name, strlen(name) + 1);
    return r == 0 ? str_append_bytes(&table->cells, value, strlen(value) + 1) : r;
}

/* Columns of the first line of `text`, whose bytes go to *ret_length: a code point each. */
static size_t line_width(const char *text, size_t *ret_length)
{
    size_t length = strcspn(text, "\n"), width = 0;
    for (size_t i = 0; i < length; i++) width += ((unsigned char)text[i] & 0xc0) != 0x80;
    *ret_length = length;
    return width;
}

static const char *next_line(const char *text, size_t length)
{
    text += length;
    return *text == '\n' ? text + 1 : text;
}

/* The widest line of the cells at even or at odd places. */
static size_t column_width(const struct analyze_table *table, bool values)
{
    const char *cell = str_text(&table->cells), *end = cell + table->cells.length;
    size_t widest = 0, length;
    for (bool is_value = false; cell < end; is_value = !is_value, cell += strlen(cell) + 1) {
        if (is_value != values) continue;
        for (const char *line = cell; *line; line = next_line(line, length)) {
            size_t width = line_width(line, &length);
            widest = MAX_OF(widest, width);
        }
    }
    return widest;
}

/* What is shorter than its column is filled up with blanks, and loses them with its own. */
static void print_line(const char *line, size_t length, bool fills_column, FILE *out)
{
    while (!fills_column && length > 0 && strchr(" \t\n\r", line[length - 1])) length--;
    (void)fprintf(out, length > 0 ? " %.*s\n" : "\n", (int)length, line);
}

/* The stream is checked once, at the end. */
void analyze_table_print(const struct analyze_table *table, FILE *out)
{
    const char *name = str_text(&table->cells), *end = name + table->cells.length;
    size_t names = column_width(table, false), values = column_width(table, true);
    while (name < end) {
        size_t length, width = line_width(name, &length);
        const char *value = name + length + 1, *line = value;
        (void)fprintf(out, "%*s%s:", (int)(names - width), "", name);
        do {
            if (line != value) (void)fprintf(out, "%*s", (int)names + 1, "");
            width = line_width(line, &length);
            print_line(line, length, width == values, out);
            line = next_line(line, length);
        } while (*line);
        name = value + strlen(value) + 1;
    }
}
