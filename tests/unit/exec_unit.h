/* tests/unit/exec_unit.h - the properties of one service, as `show` describes it by systemd's rules. */
#pragma once
#include "tests/unit/parse_unit.h"
#include "unit/property.h"

/* A service with the lines, whose first one is line 3, described as systemd 252 would read it. */
static inline struct parsed describe_service(const char *name, const char *lines)
{
    AUTO_STR struct str text = STR_EMPTY;
    struct parsed u = { .arena = arena_new(), .diags = diag_sink_new(), .settings = unit_settings_default };
    u.context = (struct fragment_context){ .unit_name = name,
                                           .kind = unit_kind_of_name(name),
                                           .environment = no_environment,
                                           .hostname = "testhost.example",
                                           .describe = true };
    assert_int_equal(str_appendf(&text, "[Service]\nExecStart=/bin/true\n%s\n", lines), 0);
    u.result = fragment_parse(u.arena, "/units/test.unit", text.data, text.length, &u.context, &u.settings, u.diags);
    int r = fragment_finish(u.arena, "/units/test.unit", &u.context, &u.settings, u.diags);
    if (u.result == 0) u.result = r;
    u.codes = codes_of(u.diags, DIAG_WARNING);
    return u;
}

/* Both forms of a property of it. */
static inline void describe_property(const struct parsed *u, const char *name, struct str *text, struct str *json)
{
    struct unit unit = { .name = u->context.unit_name,
                         .kind = u->context.kind,
#define X(enumerator, member, type) .member = &u->settings.member,
                         UNIT_GROUPS(X)
#undef X
    };
    struct property_context context = { .unit = &unit };
    const struct property *property = property_find(unit.kind, name);
    assert_non_null(property);
    str_clear(text);
    str_clear(json);
    assert_int_equal(property_text(property, &context, text), 0);
    assert_int_equal(property_json(property, &context, json), 0);
}
