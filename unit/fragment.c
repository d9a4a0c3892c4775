#include "unit/fragment.h"

#include "base/arena.h"
#include "unit/expand.h"
#include "unit/lint_internal.h"
#include "unit/switches.h"
#include "unit/values.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* What becomes of the assignments of the section that is being read. */
enum section_use { SECTION_READ, SECTION_SILENT, SECTION_UNKNOWN, SECTION_MISPLACED };

struct fragment {
    struct parse parse;
    enum section_use use;
    struct value header; /* where the section begins, for a report on the section as a whole */
    bool reported;       /* an unknown or misplaced section was named, or does not need to be */
};

/* ---- sections ---- */

static bool section_belongs(enum section section, enum unit_kind kind)
{
    static const enum section own[UNIT_KIND_COUNT] = {
        [UNIT_KIND_SERVICE] = SECTION_SERVICE,     [UNIT_KIND_SOCKET] = SECTION_SOCKET,
        [UNIT_KIND_TARGET] = SECTION_TARGET,       [UNIT_KIND_TIMER] = SECTION_TIMER,
        [UNIT_KIND_PATH] = SECTION_PATH,           [UNIT_KIND_SLICE] = SECTION_SLICE,
        [UNIT_KIND_SCOPE] = SECTION_SCOPE,         [UNIT_KIND_MOUNT] = SECTION_MOUNT,
        [UNIT_KIND_AUTOMOUNT] = SECTION_AUTOMOUNT, [UNIT_KIND_SWAP] = SECTION_SWAP,
        [UNIT_KIND_DEVICE] = SECTION_UNIT, /* has none of its own */
    };
    return section == SECTION_UNIT || section == SECTION_INSTALL || (kind < UNIT_KIND_COUNT && section == own[kind]);
}

/* Directives of a kind of unit that is not run: one warning on the file says it all. */
static bool tells_support(const struct parse *p, const struct directive *directive)
{
    return !directive->parser_tells && unit_kind_runs(p->context->kind) && !p->context->describe;
}

/* S30: the texts that images look for. */
static void report_section(struct fragment *f, const struct value *at)
{
    struct parse *p = &f->parse;
    enum section near =
        p->section < SECTION_COUNT ? SECTION_COUNT : section_suggest(p->section_name, strlen(p->section_name));
    char hint[64], kind[16] = "";
    f->reported = true;
    for (size_t i = 0; i + 1 < sizeof kind && p->section < SECTION_COUNT && p->section_name[i]; i++)
        kind[i] = (char)(p->section_name[i] | 0x20);
    if (near < SECTION_COUNT) (void)snprintf(hint, sizeof hint, "did you mean [%s]?", section_name(near)); /* it fits */
    if (f->use == SECTION_MISPLACED)
        parse_report(p, DIAG_WARNING, at, 0, "misplaced-section", NULL, "[%s] directive in non-%s unit (ignored)",
                     p->section_name, kind);
    else
        parse_report(p, DIAG_WARNING, at, 0, "unknown-section", near < SECTION_COUNT ? hint : NULL,
                     "unknown section [%s] (ignored)", p->section_name);
}

/* A section without an assignment has not been named yet when the next one begins. */
static void finish_section(struct fragment *f)
{
    f->parse.key = NULL;
    if (!f->reported && (f->use == SECTION_UNKNOWN || f->use == SECTION_MISPLACED)) report_section(f, &f->header);
}

static int on_section(const char *name, struct pos at, void *userdata)
{
    struct fragment *f = userdata;
    struct parse *p = &f->parse;
    finish_section(f);
    p->section = section_by_name(name, strlen(name));
    f->header = (struct value){ .text = "", .file = at.file, .key_line = at.line, .key_column = at.column };
    f->reported = false;
    lint_section(p->context->lint, p, at);
    if (section_belongs(p->section, p->context->kind)) {
        f->use = SECTION_READ;
        p->section_name = section_name(p->section);
        return 0;
    }
    if (str_starts_with(name, "X-")) {
        f->use = SECTION_SILENT;
        return 0;
    }
    f->use = p->section < SECTION_COUNT ? SECTION_MISPLACED : SECTION_UNKNOWN;
    p->section_name = p->section < SECTION_COUNT ? section_name(p->section) : arena_strdup(p->arena, name);
    if (!p->section_name) return -ENOMEM;
    if (!p->context->native) { /* as systemd: once, where it begins */
        report_section(f, &f->header);
        f->use = SECTION_SILENT;
    }
    return 0;
}

/* ---- directives ---- */

static int keep_key(struct parse *p, const char *key)
{
    p->key = arena_strdup(p->arena, key);
    return p->key ? 0 : -ENOMEM;
}

/* A typo gets the nearest name of its section, or else of the other sections that such a unit has. */
static const char *suggest(struct parse *p, const char *key, enum section *ret_section)
{
    size_t length = strlen(key);
    const char *near = directive_suggest(p->section, key, length);
    *ret_section = p->section;
    for (enum section section = 0; section < SECTION_COUNT && !near; section++) {
        if (!section_belongs(section, p->context->kind)) continue;
        near = directive_suggest(section, key, length);
        *ret_section = section;
    }
    return near;
}

static int report_unknown(struct parse *p, const char *key, const struct value *value)
{
    if (p->problems >= PARSE_PROBLEMS_MAX) return 0; /* not shown: looking for likenesses would take minutes */
    char hint[128] = "";
    enum section other = directive_section_of(key, strlen(key)), where;
    const char *near = other < SECTION_COUNT ? NULL : suggest(p, key, &where);
    struct value at = { .text = "", .file = value->file, .key_line = value->key_line, .key_column = value->key_column };
    int r = keep_key(p, key);
    if (r < 0) return r;
    if (other < SECTION_COUNT) /* the names are short: nothing is cut */
        (void)snprintf(hint, sizeof hint, "belongs in [%s]", section_name(other));
    else if (near && where != p->section)
        (void)snprintf(hint, sizeof hint, "did you mean %s= in [%s]?", near, section_name(where));
    else if (near)
        (void)snprintf(hint, sizeof hint, "did you mean %s=?", near);
    parse_report(p, DIAG_WARNING, &at, 0, "unknown-directive", *hint ? hint : NULL,
                 "directive not in supported subset (ignored)");
    return 0;
}

/* D3: in Exec lines variables belong to the process; Description= and Documentation= are prose. */
static bool takes_variables(const struct directive *directive, const struct value *value)
{
    if (directive->parse == value_probe && str_starts_with(value->text, "exec:")) return false;
    return directive->parse != value_commands && directive->parse != value_description &&
           directive->parse != value_documentation;
}

/* ${VAR} from PID 1's environment (D3, S25). The expanded value has no pieces: its positions are those of its key. */
static int expand_variables(struct parse *p, const struct value *value, struct value *expanded)
{
    AUTO_STRLIST struct strlist unset = STRLIST_EMPTY;
    str_clear(&p->variables);
    int r = expand_load(value->text, expand_lookup_environ, (void *)(uintptr_t)p->context->environment, &p->variables,
                        &unset);
    if (r < 0) return r;
    for (size_t i = 0; i < unset.count; i++) /* K71 */
        parse_report(p, DIAG_NOTE, value, 0, "unset-variable", "${NAME:-default} gives it a default",
                     "variable %.80s is not set", unset.items[i]);
    *expanded = *value;
    expanded->text = str_text(&p->variables);
    expanded->length = p->variables.length;
    expanded->pieces = NULL;
    expanded->n_pieces = 0;
    while (expanded->length > 0 && strchr(" \t", *expanded->text)) expanded->text++, expanded->length--;
    return 0;
}

static int apply(struct parse *p, const struct directive *directive, const struct value *value)
{
    struct value expanded;
    if (p->context->native && takes_variables(directive, value) && memchr(value->text, '$', value->length)) {
        int r = expand_variables(p, value, &expanded);
        if (r < 0) return r;
        value = &expanded;
    }
    int r = directive->parse(p, directive, value, (char *)p->settings + directive->offset);
    return r == 0 && p->stopped ? 1 : r;
}

static int on_assignment(const char *section UNUSED, const char *key, const struct value *value, void *userdata)
{
    struct fragment *f = userdata;
    struct parse *p = &f->parse;
    if (f->use == SECTION_SILENT || str_starts_with(key, "X-")) return 0;
    if (f->use != SECTION_READ) {
        struct value at = {
            .text = "", .file = value->file, .key_line = value->key_line, .key_column = value->key_column
        };
        int r = keep_key(p, key);
        if (r == 0) report_section(f, &at);
        return r;
    }
    const struct directive *directive = directive_find(p->section, key, strlen(key));
    p->key = directive ? directive->name : NULL;
    int r = lint_assignment(p->context->lint, p, directive, key, value);
    if (r < 0) return r;
    if (!directive) return report_unknown(p, key, value);
    enum support support = directive_support(directive, p->section);
    p->lenient = support != SUPPORT_FULL && support != SUPPORT_EXTENSION && !directive->parser_tells;
    struct value at = { .text = "", .file = value->file, .key_line = value->key_line, .key_column = value->key_column };
    if (!p->context->native) lint_tell_deprecated(p, key, &at);
    if (!tells_support(p, directive)) return directive->parse ? apply(p, directive, value) : 0;
    /* [Install] is in nearly every unit, and that nothing is enabled at run time is no news. */
    if (support == SUPPORT_ACCEPTED && p->section != SECTION_INSTALL)
        parse_report(p, DIAG_NOTE, &at, 0, "accepted", directive_text(directive, p->section),
                     "accepted, without effect");
    if (support == SUPPORT_UNSUPPORTED)
        parse_report(p, DIAG_WARNING, &at, 0, "unsupported", directive_text(directive, p->section),
                     "directive not in supported subset (ignored)");
    return directive->parse ? apply(p, directive, value) : 0;
}

int fragment_parse(struct arena *arena, const char *path, const char *data, size_t size,
                   const struct fragment_context *context, struct unit_settings *settings, struct diag_sink *diags)
{
    struct fragment f = {
        .parse = {
            .arena = arena,
            .diags = diags,
            .context = context,
            .path = path,
            .settings = settings,
            .specifiers = {
                .unit_name = context->unit_name,
                .fragment_path = context->main_path ? context->main_path : path,
                .hostname = context->hostname,
                .machine = context->machine,
                .deprecated = !context->native,
                .environment = context->environment,
            },
            .section = SECTION_COUNT,
        },
        .use = SECTION_SILENT,
    };
    int r = switches_read(diags, path, data, size);
    if (r == 0) r = lint_fragment(context->lint, &f.parse, data, size);
    enum source_rules rules = context->native      ? SOURCE_NATIVE
                              : context->is_dropin ? SOURCE_SYSTEMD_DROPIN
                                                   : SOURCE_SYSTEMD;
    if (r == 0) r = source_walk(path, data, size, rules, diags, on_assignment, on_section, &f);
    finish_section(&f);
    str_done(&f.parse.variables);
    str_done(&f.parse.text);
    str_done(&f.parse.word);
    str_done(&f.parse.scratch);
    if (r < 0) return r;
    if ((r > 0 || f.parse.broken) && rules != SOURCE_SYSTEMD_DROPIN) return FRAGMENT_BROKEN;
    return f.parse.refused ? FRAGMENT_REFUSED : 0;
}
