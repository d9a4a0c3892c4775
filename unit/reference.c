#include "unit/reference.h"

#include "base/json.h"
#include "unit/directive.h"

#include <errno.h>
#include <string.h>

#define NAME_COLUMN    32
#define SUPPORT_COLUMN 12

static int write_member(struct str *out, const char *before, const char *text)
{
    int r = str_append(out, before);
    return r < 0 ? r : json_write_string(out, text, strlen(text));
}

static int write_object(struct str *out, enum section section, const struct directive *d)
{
    int r = write_member(out, "  {\"section\": ", section_name(section));
    if (r == 0) r = write_member(out, ", \"name\": ", d->name);
    if (r == 0) r = write_member(out, ", \"support\": ", support_name(directive_support(d, section)));
    if (r == 0) r = write_member(out, ", \"man\": ", d->man);
    if (r == 0) r = write_member(out, ", \"text\": ", directive_text(d, section));
    return r < 0 ? r : str_append(out, "}");
}

static int write_line(struct str *out, enum section section, const struct directive *d)
{
    return str_appendf(out, "%-*s%-*s%s\n", NAME_COLUMN, d->name, SUPPORT_COLUMN,
                       support_name(directive_support(d, section)), directive_text(d, section));
}

static int write_sections(struct str *out, bool json)
{
    bool first = true;
    int r = json ? str_append(out, "[\n") : 0;
    for (enum section section = 0; section < SECTION_COUNT && r == 0; section++) {
        size_t count = directive_count(section);
        if (!json && count > 0) r = str_appendf(out, "%s[%s]\n", section == 0 ? "" : "\n", section_name(section));
        for (size_t i = 0; i < count && r == 0; i++) {
            const struct directive *d = directive_get(section, i);
            if (json && !first) r = str_append(out, ",\n");
            first = false;
            if (r == 0) r = json ? write_object(out, section, d) : write_line(out, section, d);
        }
    }
    return r == 0 && json ? str_append(out, "\n]\n") : r;
}

int reference_print(FILE *out, bool json)
{
    AUTO_STR struct str text = STR_EMPTY;
    int r = write_sections(&text, json);
    if (r < 0) return r;
    if (fwrite(str_text(&text), 1, text.length, out) != text.length || fflush(out) != 0) return -EIO;
    return 0;
}
