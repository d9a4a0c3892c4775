/* tests/fuzz/fuzz_name.c - names of units: what is escaped comes back, what is made is a name. */
#include "tests/fuzz/fuzz.h"

#include "base/str.h"
#include "unit/name.h"

#include <errno.h>

static void escaping(const char *text)
{
    AUTO_STR struct str escaped = STR_EMPTY, back = STR_EMPTY;
    PROMISE(unit_name_escape(text, &escaped) == 0);
    PROMISE(*text == '\0' || unit_instance_is_valid(str_text(&escaped)));
    PROMISE(unit_name_unescape(str_text(&escaped), escaped.length, &back) == 0);
    PROMISE(strcmp(str_text(&back), text) == 0);
}

static void unescaping(const char *text)
{
    AUTO_STR struct str plain = STR_EMPTY;
    int r = unit_name_unescape(text, strlen(text), &plain);
    PROMISE(r == 0 || r == -EINVAL);
    if (r < 0) return;
    PROMISE(plain.length <= strlen(text));
    escaping(str_text(&plain));
}

/* A path's name leads to the path, and that to the name. */
static void paths(const char *text)
{
    AUTO_STR struct str name = STR_EMPTY, path = STR_EMPTY, again = STR_EMPTY, unit = STR_EMPTY;
    int r = unit_name_escape_path(text, &name);
    PROMISE(r == 0 || r == -EINVAL);
    if (r < 0) return;
    PROMISE(unit_name_unescape_path(str_text(&name), name.length, &path) == 0);
    PROMISE(path.data[0] == '/');
    PROMISE(unit_name_escape_path(str_text(&path), &again) == 0);
    PROMISE(strcmp(str_text(&again), str_text(&name)) == 0);
    PROMISE(unit_name_from_path(text, ".mount", &unit) == 0);
    PROMISE(unit_name_form(str_text(&unit)) == UNIT_NAME_PLAIN);
}

static void unescaping_path(const char *text)
{
    AUTO_STR struct str path = STR_EMPTY;
    int r = unit_name_unescape_path(text, strlen(text), &path);
    PROMISE(r == 0 || r == -EINVAL);
    if (r == 0) paths(str_text(&path));
}

static void mangling(const char *text, bool globs)
{
    AUTO_STR struct str name = STR_EMPTY, again = STR_EMPTY;
    int r = unit_name_mangle(text, ".service", globs, &name);
    PROMISE(r == 0 || r == -EINVAL);
    if (r < 0) return;
    PROMISE(unit_name_is_valid(str_text(&name)) || (globs && strpbrk(str_text(&name), "*?[")));
    PROMISE(unit_name_mangle(str_text(&name), ".socket", globs, &again) == 0);
    PROMISE(strcmp(str_text(&again), str_text(&name)) == 0);
}

static void parts(const char *text)
{
    struct unit_name_parts p = unit_name_split(text);
    size_t length = p.prefix_length + (p.instance ? 1 + p.instance_length : 0) + strlen(p.suffix);
    AUTO_STR struct str template = STR_EMPTY, instance = STR_EMPTY, again = STR_EMPTY;
    PROMISE(length == strlen(text));
    enum unit_name_form form = unit_name_form(text);
    PROMISE(unit_name_is_valid(text) == (form != UNIT_NAME_INVALID));
    int r = unit_name_template(text, &template);
    PROMISE((r == 0) == (form == UNIT_NAME_TEMPLATE || form == UNIT_NAME_INSTANCE));
    if (r < 0) return;
    PROMISE(unit_name_form(str_text(&template)) == UNIT_NAME_TEMPLATE);
    r = unit_name_instantiate(str_text(&template), "main", &instance);
    PROMISE(r == 0 || strlen(str_text(&template)) > UNIT_NAME_MAX - strlen("main"));
    if (r < 0) return;
    PROMISE(unit_name_form(str_text(&instance)) == UNIT_NAME_INSTANCE);
    PROMISE(unit_name_template(str_text(&instance), &again) == 0);
    PROMISE(strcmp(str_text(&again), str_text(&template)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_string(data, size);
    parts(text);
    escaping(text);
    unescaping(text);
    paths(text);
    unescaping_path(text);
    mangling(text, false);
    mangling(text, true);
    free(text);
    return 0;
}
