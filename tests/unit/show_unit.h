/* The text of one unit -> its properties, as `show` prints them, and the code words of its diagnostics. */
#pragma once
#include "tests/unit/parse_unit.h"
#include "unit/property.h"
#include "unit/set.h"

struct shown {
    struct unit_set *set;
    const struct unit *unit;
    int result;  /* of reading it; 0 is fine */
    char *codes; /* "code@LINE " of every diagnostic that is not a note */
};

/* As systemd's rules read a unit that nobody runs. */
static inline struct shown show_unit(const char *name, const char *text)
{
    static struct unit_settings settings;
    struct shown s = { 0 };
    struct unit *unit;
    AUTO(diag_sink_free) struct diag_sink *diags = diag_sink_new();
    assert_int_equal(unit_set_new(&s.set), 0);
    struct arena *arena = unit_set_arena(s.set);
    struct fragment_context context = { .unit_name = arena_strdup(arena, name),
                                        .kind = unit_kind_of_name(name),
                                        .environment = no_environment,
                                        .hostname = "testhost.example",
                                        .describe = true };
    settings = unit_settings_default;
    s.result = fragment_parse(arena, "/units/test.unit", text, strlen(text), &context, &settings, diags);
    int r = fragment_finish(arena, "/units/test.unit", &context, &settings, diags);
    if (s.result == 0) s.result = r;
    s.codes = codes_of(diags, DIAG_WARNING);
    assert_int_equal(unit_set_add(s.set, context.unit_name, "/units/test.unit", &unit), 0);
    assert_int_equal(unit_set_store(s.set, unit, &settings), 0);
    s.unit = unit;
    return s;
}

static inline void shown_done(struct shown *s)
{
    unit_set_free(s->set);
    free(s->codes);
}

/* The property as text; lines of a list are separated by " / ". */
static inline void assert_text(const struct shown *s, const char *name, const char *want)
{
    const struct property *property = property_find(s->unit->kind, name);
    struct property_context context = { .unit = s->unit };
    AUTO_STR struct str got = STR_EMPTY, lines = STR_EMPTY;
    if (!property) fail_msg("%s: no such property", name);
    assert_int_equal(property_text(property, &context, &got), 0);
    for (const char *c = str_text(&got); *c; c++) {
        if (*c == PROPERTY_NEXT_LINE)
            assert_int_equal(str_append(&lines, " / "), 0);
        else
            assert_int_equal(str_append_char(&lines, *c), 0);
    }
    if (strcmp(str_text(&lines), want) != 0) fail_msg("%s: '%s', not '%s'", name, str_text(&lines), want);
}

static inline void assert_json(const struct shown *s, const char *name, const char *want)
{
    const struct property *property = property_find(s->unit->kind, name);
    struct property_context context = { .unit = s->unit };
    AUTO_STR struct str got = STR_EMPTY;
    if (!property) fail_msg("%s: no such property", name);
    assert_int_equal(property_json(property, &context, &got), 0);
    if (strcmp(str_text(&got), want) != 0) fail_msg("%s: %s, not %s", name, str_text(&got), want);
}

/* One unit with one more line, and what one property of it is then. */
struct shown_case {
    const char *line, *codes, *property, *text, *json;
};

/* `head` is what stands before the line, in a unit that is right without it; the codes are without positions. */
static inline void check_cases(const char *name, const char *head, const struct shown_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        AUTO_STR struct str text = STR_EMPTY, codes = STR_EMPTY;
        print_message("  %s\n", cases[i].line);
        assert_int_equal(str_appendf(&text, "%s%s\n", head, cases[i].line), 0);
        struct shown s = show_unit(name, str_text(&text));
        for (char *rest = s.codes, *word; (word = strsep(&rest, " "));) {
            word[strcspn(word, "@")] = '\0';
            if (*word) assert_int_equal(str_appendf(&codes, "%s%s", codes.length > 0 ? " " : "", word), 0);
        }
        if (s.result != 0) assert_int_equal(str_append(&codes, s.result == FRAGMENT_BROKEN ? "!!" : "!"), 0);
        assert_string_equal(str_text(&codes), cases[i].codes);
        if (cases[i].text) assert_text(&s, cases[i].property, cases[i].text);
        if (cases[i].json) assert_json(&s, cases[i].property, cases[i].json);
        shown_done(&s);
    }
}
