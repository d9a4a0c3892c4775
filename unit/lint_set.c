/* Rules across units that a run does not need. */
#include "unit/lint_internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "unit/graph.h"
#include "unit/special.h"

struct linter {
    struct lint *lint;
    const struct unit_set *set;
    const struct graph *graph;
    struct diag_sink *diags;
    struct str name; /* scratch */
};

static struct diag_about about_ref(const struct unit_ref *ref, enum unit_relation relation)
{
    return (struct diag_about){ { ref->origin.file, ref->origin.line, ref->origin.column },
                                "Unit",
                                unit_relation_name(relation) };
}

/* ---- names that no unit has ---- */

/* The template of an instance's name, as a file. */
static int has_template(struct linter *l, const char *name, bool *ret)
{
    *ret = false;
    if (unit_name_form(name) != UNIT_NAME_INSTANCE) return 0;
    str_clear(&l->name);
    int r = unit_name_template(name, &l->name);
    *ret = r == 0 && lint_has_file(l->lint, str_text(&l->name));
    return r == -ENOMEM ? r : 0;
}

/* 1 when there is no unit of this name, and nobody else says so. -ENOMEM. */
static int is_unknown(struct linter *l, const char *name)
{
    bool templated;
    const struct unit *unit = unit_set_find(l->set, name);
    if (unit) return unit->load_state == UNIT_STATE_NOT_FOUND;
    if (unit_set_absence(l->set, name) != UNIT_NOT_FOUND || special_target(name)) return 0;
    int r = has_template(l, name, &templated);
    return r < 0 ? r : !templated && !lint_has_file(l->lint, name);
}

/* Units that exist where a kernel or a mount is, without a file. */
static bool needs_no_file(const char *name)
{
    switch (unit_kind_of_name(name)) {
    case UNIT_KIND_DEVICE:
    case UNIT_KIND_MOUNT:
    case UNIT_KIND_SWAP:
    case UNIT_KIND_SLICE:
    case UNIT_KIND_SCOPE:
        return true;
    case UNIT_KIND_SERVICE:
    case UNIT_KIND_SOCKET:
    case UNIT_KIND_TARGET:
    case UNIT_KIND_TIMER:
    case UNIT_KIND_PATH:
    case UNIT_KIND_AUTOMOUNT:
    case UNIT_KIND_COUNT:
        break;
    }
    return false;
}

static bool names_unit(const struct unit *unit, enum unit_relation relation, const char *name)
{
    const struct unit_ref_list *list = &unit->unit->relations[relation];
    for (uint32_t i = 0; i < MIN_OF(list->count, 64U); i++) /* a longer list is no person's */
        if (strcmp(list->items[i].name, name) == 0) return true;
    return false;
}

/* Is the missing name told by another relation of the same unit? */
static bool is_told(const struct unit *unit, const char *name)
{
    static const enum unit_relation relations[] = { UNIT_REQUIRES, UNIT_REQUISITE, UNIT_BINDS_TO, UNIT_WANTS };
    for (size_t i = 0; i < COUNT_OF(relations); i++)
        if (names_unit(unit, relations[i], name)) return true;
    return false;
}

static int unknown_rule(struct linter *l, const struct unit *unit)
{
    static const enum unit_relation relations[] = { UNIT_WANTS, UNIT_AFTER, UNIT_BEFORE };
    for (size_t k = 0; k < COUNT_OF(relations); k++) {
        const struct unit_ref_list *list = &unit->unit->relations[relations[k]];
        for (uint32_t i = 0; i < list->count; i++) {
            const char *name = list->items[i].name;
            if (!list->items[i].origin.file || needs_no_file(name)) continue;
            int r = is_unknown(l, name);
            if (r < 0) return r;
            if (r == 0 || (relations[k] != UNIT_WANTS && is_told(unit, name))) continue;
            diag_report(l->diags, DIAG_NOTE, about_ref(&list->items[i], relations[k]),
                        relations[k] == UNIT_WANTS ? "unknown-want" : "unknown-order", NULL, "unit %s not found", name);
        }
    }
    return 0;
}

/* ---- requirement without order ---- */

static bool has_id(struct id_span span, uint32_t id)
{
    uint32_t low = 0, high = span.count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (span.ids[middle] == id) return true;
        if (span.ids[middle] < id)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

/* A target, slice or device is no work that one could be too early for. */
static bool can_be_early_for(const struct unit *other)
{
    return other->kind == UNIT_KIND_SERVICE || other->kind == UNIT_KIND_SOCKET || other->kind == UNIT_KIND_MOUNT;
}

static int order_rule(struct linter *l, const struct unit *unit)
{
    static const enum unit_relation relations[] = { UNIT_REQUIRES, UNIT_BINDS_TO };
    if (unit->kind != UNIT_KIND_SERVICE) return 0;
    for (size_t k = 0; k < COUNT_OF(relations); k++) {
        const struct unit_ref_list *list = &unit->unit->relations[relations[k]];
        for (uint32_t i = 0; i < list->count; i++) {
            const struct unit *other = unit_set_find(l->set, list->items[i].name);
            if (!list->items[i].origin.file || !other || other == unit || !can_be_early_for(other) ||
                has_id(graph_edges(l->graph, unit->id, GRAPH_AFTER), other->id) ||
                has_id(graph_edges(l->graph, unit->id, GRAPH_BEFORE), other->id))
                continue;
            char hint[UNIT_NAME_MAX + sizeof "add After="];
            (void)snprintf(hint, sizeof hint, "add After=%s", other->name); /* it fits: a unit's name is bounded */
            diag_report(l->diags, DIAG_NOTE, about_ref(&list->items[i], relations[k]), "requires-without-after", hint,
                        "both start at the same time: %s does not wait for %s", unit->name, other->name);
        }
    }
    return 0;
}

/* ---- timers and paths ---- */

static int trigger_rules(struct linter *l)
{
    for (size_t i = 0; i < l->lint->triggers.count; i++) {
        const struct lint_trigger *trigger = &l->lint->triggers.items[i];
        int r = is_unknown(l, trigger->triggered);
        if (r < 0) return r;
        if (r == 0) continue;
        diag_report(l->diags, DIAG_WARNING,
                    (struct diag_about){ trigger->at, trigger->timer ? "Timer" : "Path", "Unit" }, "unknown-triggered",
                    NULL, "unit %s not found; %s has nothing to start", trigger->triggered, trigger->unit);
    }
    return 0;
}

/* ---- [Install] ---- */

static int install_list_rule(struct linter *l, const struct unit *unit, const struct text_list *list, enum lint_key key)
{
    const char *name = key == LINT_WANTED_BY ? "WantedBy" : "RequiredBy";
    for (uint32_t i = 0; i < list->count; i++) {
        struct diag_about about = { lint_place(l->lint, unit, key), "Install", name };
        const char *by = list->items[i];
        int r = needs_no_file(by) || strchr(by, '%') ? 0 : is_unknown(l, by);
        if (r < 0) return r;
        if (r > 0)
            diag_report(l->diags, DIAG_NOTE, about, "unknown-install-target", NULL, "unit %s not found", by);
        else if (unit_kind_of_name(by) == UNIT_KIND_SERVICE)
            diag_report(l->diags, DIAG_NOTE, about, "installed-for-service", "name a target, such as multi-user.target",
                        "%s is a service: %s starts only with it", by, unit->name);
    }
    return 0;
}

/* A service that starts at boot has no use for a socket that starts it. */
static void both_rule(struct linter *l, const struct unit *service)
{
    struct id_span sockets = graph_edges(l->graph, service->id, GRAPH_TRIGGERED_BY);
    if (service->kind != UNIT_KIND_SERVICE || service->install->wanted_by.count == 0) return;
    for (uint32_t i = 0; i < sockets.count; i++) {
        const struct unit *socket = unit_set_get(l->set, sockets.ids[i]);
        if (socket->kind != UNIT_KIND_SOCKET || socket->install->wanted_by.count == 0) continue;
        diag_report(l->diags, DIAG_NOTE,
                    (struct diag_about){ lint_place(l->lint, service, LINT_WANTED_BY), "Install", "WantedBy" },
                    "socket-and-service-installed", "enable only the socket",
                    "%s is enabled too: %s does not wait for a connection", socket->name, service->name);
        return;
    }
}

static int install_rule(struct linter *l, const struct unit *unit)
{
    both_rule(l, unit);
    int r = install_list_rule(l, unit, &unit->install->wanted_by, LINT_WANTED_BY);
    return r < 0 ? r : install_list_rule(l, unit, &unit->install->required_by, LINT_REQUIRED_BY);
}

/* ---- units that nobody starts ---- */

/* Somebody has put it there beside what the packages bring. */
static bool is_administrators(const char *path)
{
    static const char *const places[] = { "/etc/systemd/system/", "/usr/local/lib/systemd/system/" };
    for (size_t i = 0; i < COUNT_OF(places); i++)
        if (strstr(path, places[i])) return true;
    return false;
}

static void unreachable_rule(struct linter *l)
{
    for (const struct lint_file *file = l->lint->files; file; file = file->hh.next) {
        if (!file->systemd || !file->loadable || !is_administrators(file->path) ||
            unit_name_form(file->name) == UNIT_NAME_TEMPLATE || unit_set_find(l->set, file->name) ||
            unit_set_absence(l->set, file->name) != UNIT_NOT_FOUND)
            continue;
        diag_report(l->diags, DIAG_NOTE, (struct diag_about){ .at = { .file = file->path } }, "unreachable-unit",
                    "enable it: a link in NAME.wants/ of a target", "nothing pulls %s in: it does not start",
                    file->name);
    }
}

/* ---- all of them ---- */

typedef int unit_rule(struct linter *linter, const struct unit *unit);
static unit_rule *const rules[] = { unknown_rule, order_rule, install_rule };

int unit_set_lint(struct lint *lint, const struct unit_set *set, const struct graph *graph, struct diag_sink *diags)
{
    struct linter l = { .lint = lint, .set = set, .graph = graph, .diags = diags, .name = STR_EMPTY };
    int r = 0;
    for (uint32_t id = 0; r == 0 && id < unit_set_count(set); id++) {
        const struct unit *unit = unit_set_get(set, id);
        if (unit->builtin || unit->load_state != UNIT_STATE_LOADED) continue;
        for (size_t i = 0; r == 0 && i < COUNT_OF(rules); i++) r = rules[i](&l, unit);
    }
    if (r == 0) r = trigger_rules(&l);
    if (r == 0) unreachable_rule(&l);
    str_done(&l.name);
    return r;
}
