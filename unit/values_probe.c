/* ReadyWhen= and HealthCheck=. What cannot be asked refuses the unit under systemd's rules as well: nothing but us
 * reads these directives, and a check that is silently not made is worse than none. */
#include "unit/values.h"

#include "base/arena.h"
#include "base/ere.h"
#include "unit/command.h"
#include "unit/probe_target.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define QUOTED_MAX 160

static int refuse(struct parse *p, const struct value *value, size_t offset, const char *what)
{
    char quoted[QUOTED_MAX];
    parse_report(p, p->lenient ? DIAG_WARNING : DIAG_ERROR, value, offset, "bad-probe", NULL, "'%s' %s",
                 str_escape(value->text, value->length, quoted, sizeof quoted), what);
    return 0;
}

/* The rest of the value as a command line, with its positions. 1 when there is one command, 0 after a report. */
static int read_command(struct parse *p, const struct value *value, size_t offset, struct probe_check *check)
{
    struct value_piece *pieces = arena_alloc(p->arena, (value->n_pieces + (size_t)1) * sizeof *pieces);
    if (!pieces) return -ENOMEM;
    uint32_t n = 0, skipped = (uint32_t)offset;
    for (uint32_t i = 0; i < value->n_pieces; i++) {
        struct value_piece piece = value->pieces[i];
        uint32_t before = piece.offset < skipped ? skipped - piece.offset : 0;
        if (before > 0) n = 0; /* the one in which the command begins is the last of those */
        pieces[n++] = (struct value_piece){ piece.offset + before - skipped, piece.line, piece.column + before };
    }
    struct value rest = *value;
    rest.text += offset;
    rest.length -= offset;
    rest.pieces = pieces;
    rest.n_pieces = n;
    check->commands = (struct command_list){ 0 };
    uint32_t problems = p->problems;
    int r = command_parse(p, &rest, &check->commands);
    if (r < 0 || check->commands.count == 1) return r < 0 ? r : 1;
    return p->problems > problems ? 0 : refuse(p, value, offset, "is not exec: and one command");
}

/* 1 when it is an expression, 0 after a report. */
static int check_expression(struct parse *p, const struct value *value, const char *text, const char *target)
{
    AUTO(ere_free) struct ere *ere = NULL;
    size_t bad;
    const char *why;
    int r = ere_new(target, &ere, &bad, &why);
    if (r != -EINVAL) return r < 0 ? r : 1;
    char what[160];
    (void)snprintf(what, sizeof what, "is no regular expression: it %s", why); /* fits: the words are short */
    size_t offset = text == value->text ? (size_t)(target - text) + bad : 0;
    return refuse(p, value, MIN_OF(offset, value->length), what);
}

/* 1 when it can be asked, 0 after a report, -ENOMEM. */
static int check_target(struct parse *p, const struct value *value, const char *text, enum probe_kind kind,
                        const char *target)
{
    struct address address;
    struct probe_url url;
    switch (kind) {
    case PROBE_TCP:
        return probe_target_address(kind, target, &address) == 0 ? 1 : refuse(p, value, 0, "is not tcp:HOST:PORT");
    case PROBE_UNIX:
        return probe_target_address(kind, target, &address) == 0
                   ? 1
                   : refuse(p, value, 0, "is not unix:/path or unix:@name");
    case PROBE_HTTP:
        return probe_target_url(target, &url) == 0 ? 1 : refuse(p, value, 0, "is not http://HOST:PORT/path");
    case PROBE_PATH:
        return path_is_usable(target) ? 1 : refuse(p, value, 0, "is not path: and an absolute path");
    case PROBE_LOG:
        return *target ? check_expression(p, value, text, target) : refuse(p, value, 0, "has no expression");
    case PROBE_NONE:
    case PROBE_EXEC:
    case PROBE_KIND_COUNT:
        break;
    }
    return refuse(p, value, 0, "is none of tcp:, unix:, path:, http:, exec: and log:");
}

int value_probe(struct parse *p, const struct directive *directive UNUSED, const struct value *value, void *slot)
{
    struct probe_check *check = slot, read = { .origin = parse_origin(value) };
    const char *text, *target;
    int r;
    if (value->length == 0) {
        *check = (struct probe_check){ 0 };
        return 0;
    }
    read.kind = probe_target_kind(value->text, &target);
    if (read.kind == PROBE_EXEC) {
        r = read_command(p, value, (size_t)(target - value->text), &read);
        text = value->text;
    } else {
        r = parse_text(p, value, &text);
        if (r <= 0) return r;
        (void)probe_target_kind(text, &target); /* the same: no word has a specifier in it */
        r = check_target(p, value, text, read.kind, target);
    }
    if (r <= 0) return r;
    r = parse_keep(p, text, &read.text);
    if (r < 0) return r;
    (void)probe_target_kind(read.text, &read.target); /* as above */
    *check = read;
    return 0;
}
