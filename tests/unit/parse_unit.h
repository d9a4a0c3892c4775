/* What the tests of the unit language share: the text of one unit -> settings and diagnostics. */
#pragma once
#include "base/arena.h"
#include "base/diag.h"
#include "base/str.h"
#include "unit/fragment.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

struct parsed {
    struct arena *arena;
    struct diag_sink *diags;
    struct unit_settings settings;
    struct fragment_context context;
    int result; /* of fragment_parse(), or of fragment_finish() when that refused */
    char *codes;
};

static char *const no_environment[] = { NULL };

/* "code@LINE " of every diagnostic that is not a note. */
static inline char *codes_of(const struct diag_sink *diags, enum severity least)
{
    struct str out = STR_EMPTY;
    for (size_t i = 0; i < diag_total(diags); i++) {
        const struct diag *d = diag_get(diags, i);
        if (d->severity < least) continue;
        assert_int_equal(str_appendf(&out, "%s@%u ", d->code, d->at.line), 0);
    }
    return out.data ? str_take(&out) : strdup("");
}

static inline void parsed_done(struct parsed *u)
{
    arena_free(u->arena);
    diag_sink_free(u->diags);
    free(u->codes);
    *u = (struct parsed){ 0 };
}

static inline struct parsed parse_bytes(const char *name, const char *data, size_t size, bool native,
                                        char *const *environment)
{
    struct parsed u = { .arena = arena_new(), .diags = diag_sink_new(), .settings = unit_settings_default };
    u.context = (struct fragment_context){ .unit_name = name,
                                           .kind = unit_kind_of_name(name),
                                           .environment = environment ? environment : no_environment,
                                           .hostname = "testhost.example",
                                           .native = native };
    u.result = fragment_parse(u.arena, "/units/test.unit", data, size, &u.context, &u.settings, u.diags);
    int r = fragment_finish(u.arena, "/units/test.unit", &u.context, &u.settings, u.diags);
    if (u.result == 0) u.result = r;
    u.codes = codes_of(u.diags, DIAG_WARNING);
    return u;
}

static inline struct parsed parse_unit(const char *name, const char *text, bool native)
{
    return parse_bytes(name, text, strlen(text), native, NULL);
}

/* A service with the lines, whose first one is line 3: "[Service]", "ExecStart=/bin/true". */
static inline struct parsed parse_service(const char *lines, bool native)
{
    AUTO_STR struct str text = STR_EMPTY;
    assert_int_equal(str_appendf(&text, "[Service]\nExecStart=/bin/true\n%s\n", lines), 0);
    return parse_unit("case.service", str_text(&text), native);
}

static inline struct parsed parse_socket(const char *lines, bool native)
{
    AUTO_STR struct str text = STR_EMPTY;
    assert_int_equal(str_appendf(&text, "[Socket]\nListenStream=/run/x\n%s\n", lines), 0);
    return parse_unit("case.socket", str_text(&text), native);
}

/* "<a> <b c>" */
static inline void assert_texts(const struct text_list *list, const char *want)
{
    AUTO_STR struct str got = STR_EMPTY;
    for (uint32_t i = 0; i < list->count; i++)
        assert_int_equal(str_appendf(&got, "%s<%s>", i ? " " : "", list->items[i]), 0);
    assert_string_equal(str_text(&got), want);
}
