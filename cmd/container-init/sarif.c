#include "cmd/container-init/sarif.h"

#include <errno.h>
#include <string.h>

#include "base/diag.h"
#include "base/str.h"
#include "base/json.h"
#include "unit/rules.h"

#define SCHEMA "https://json.schemastore.org/sarif-2.1.0.json"

/* Written piece by piece, each with a newline behind it: documents of thousands of results need no tree. */
struct sarif {
    FILE *out;
    struct str line;
    int error; /* 0 or -ENOMEM: what follows is not written */
};

static void add(struct sarif *s, const char *text)
{
    if (s->error == 0) s->error = str_append(&s->line, text);
}

static void add_text(struct sarif *s, const char *before, const char *text)
{
    add(s, before);
    if (s->error == 0) s->error = json_write_string(&s->line, text, strlen(text));
}

static void add_number(struct sarif *s, const char *before, uint64_t number)
{
    add(s, before);
    if (s->error == 0) s->error = json_write_u64(&s->line, number);
}

static void end_line(struct sarif *s, const char *last)
{
    add(s, last);
    if (s->error == 0) (void)fprintf(s->out, "%s\n", str_text(&s->line)); /* the caller looks at ferror() */
    str_clear(&s->line);
}

/* ---- rules ---- */

static void write_rule(struct sarif *s, const struct rule *rule, bool last)
{
    static const char *const levels[] = {
        [RULE_OFF] = "note", [RULE_NOTE] = "note", [RULE_WARNING] = "warning", [RULE_ERROR] = "error"
    };
    add_text(s, "{\"id\":", rule->code);
    add_text(s, ",\"shortDescription\":{\"text\":", rule->text);
    add_text(s, "},\"help\":{\"text\":", rule->example);
    add_text(s, "},\"defaultConfiguration\":{\"level\":", levels[rule->severity]);
    add(s, rule->severity == RULE_OFF ? ",\"enabled\":false" : "");
    end_line(s, last ? "}}" : "}},");
}

static void write_driver(struct sarif *s)
{
    end_line(s, "{\"$schema\":\"" SCHEMA "\",\"version\":\"2.1.0\",\"runs\":[{");
    end_line(s, "\"tool\":{\"driver\":{\"name\":\"container-init\",\"version\":\"" CONTAINER_INIT_VERSION
                "\",\"rules\":[");
    for (size_t i = 0; i < rule_count(); i++) write_rule(s, rule_get(i), i + 1 == rule_count());
    end_line(s, "]}},");
}

/* ---- results ---- */

static bool is_plain(unsigned char c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || strchr("-._~/", c);
}

/* RFC 3986: what is not plain is %XX. */
static void add_uri(struct sarif *s, const char *path)
{
    add(s, "\"artifactLocation\":{\"uri\":\"");
    add(s, path[0] == '/' ? "file://" : "");
    for (const unsigned char *p = (const unsigned char *)path; *p && s->error == 0; p++)
        s->error = is_plain(*p) ? str_append_char(&s->line, (char)*p) : str_appendf(&s->line, "%%%02X", *p);
    add(s, "\"}");
}

static void add_location(struct sarif *s, const struct diag *d)
{
    add(s, ",\"locations\":[{\"physicalLocation\":{");
    add_uri(s, d->at.file);
    if (d->at.line > 0) {
        add_number(s, ",\"region\":{\"startLine\":", d->at.line);
        if (d->at.column > 0) add_number(s, ",\"startColumn\":", d->at.column);
        add(s, "}");
    }
    add(s, "}}]");
}

/* The one word of "did you mean WORD=?" that stands for the name of a directive. */
static size_t meant_name(const struct diag *d, const char **ret_name)
{
    static const char before[] = "did you mean ";
    if (!d->hint || !d->key || strcmp(d->code, "unknown-directive") != 0 || !str_starts_with(d->hint, before)) return 0;
    *ret_name = d->hint + strlen(before);
    size_t length = strcspn(*ret_name, "=");
    return strcmp(*ret_name + length, "=?") == 0 ? length : 0;
}

static void add_fix(struct sarif *s, const struct diag *d)
{
    const char *name;
    size_t length = meant_name(d, &name);
    if (length == 0 || !d->at.file || d->at.column == 0) return;
    add_text(s, ",\"fixes\":[{\"description\":{\"text\":", d->hint);
    add(s, "},\"artifactChanges\":[{");
    add_uri(s, d->at.file);
    add_number(s, ",\"replacements\":[{\"deletedRegion\":{\"startLine\":", d->at.line);
    add_number(s, ",\"startColumn\":", d->at.column);
    add_number(s, ",\"endColumn\":", d->at.column + strlen(d->key));
    add(s, "},\"insertedContent\":{\"text\":");
    if (s->error == 0) s->error = json_write_string(&s->line, name, length);
    add(s, "}}]}]}]");
}

/* "[Section] Key=: message, hint": the words of the gcc form. */
static void add_message(struct sarif *s, const struct diag *d)
{
    AUTO_STR struct str text = STR_EMPTY;
    int r = 0;
    if (d->section) r = str_appendf(&text, "[%s]%s", d->section, d->key ? " " : ": ");
    if (r == 0 && d->key) r = str_appendf(&text, "%s=: ", d->key);
    if (r == 0) r = str_append(&text, d->message);
    if (r == 0 && d->hint) r = str_appendf(&text, ", %s", d->hint);
    if (s->error == 0) s->error = r;
    add_text(s, ",\"message\":{\"text\":", str_text(&text));
    add(s, "}");
}

static void write_result(struct sarif *s, const struct diag *d, bool last)
{
    static const char *const levels[] = { [DIAG_NOTE] = "note", [DIAG_WARNING] = "warning", [DIAG_ERROR] = "error" };
    const struct rule *rule = rule_find(d->code, strlen(d->code));
    add_text(s, "{\"ruleId\":", d->code);
    if (rule) add_number(s, ",\"ruleIndex\":", (uint64_t)(rule - rule_get(0)));
    add_text(s, ",\"level\":", levels[d->severity]);
    add_message(s, d);
    if (d->at.file) add_location(s, d);
    add_fix(s, d);
    end_line(s, last ? "}" : "},");
}

int sarif_print(FILE *out, const struct diag_sink *diags, int status)
{
    struct sarif s = { .out = out, .line = STR_EMPTY };
    write_driver(&s);
    end_line(&s, "\"columnKind\":\"unicodeCodePoints\",\"results\":[");
    for (size_t i = 0; i < diag_total(diags); i++) write_result(&s, diag_get(diags, i), i + 1 == diag_total(diags));
    add_number(&s, "],\"invocations\":[{\"executionSuccessful\":true,\"exitCode\":", (uint64_t)status);
    end_line(&s, "}]}]}");
    str_done(&s.line);
    return s.error;
}
