#include "unit/validate.h"
#include "unit/validate_internal.h"

#include <errno.h>
#include <string.h>

#include "base/str.h"
#include "unit/graph.h"

/* Members of a cycle that are named; a longer one is no cycle a person would read to its end. */
#define CYCLE_NAMED_MAX 64

const char *absence_text(const struct validator *validator, const char *name)
{
    switch (unit_set_absence(validator->set, name)) {
    case UNIT_NOT_FOUND:
        return "not found";
    case UNIT_MASKED:
        return "is masked";
    case UNIT_INERT: /* counts as active: nobody is told */
    case UNIT_REFUSED:
        break;
    }
    return NULL;
}

struct diag_about about_key(const struct validator *validator, const struct unit *unit, enum lint_key key)
{
    struct diag_about about = lint_key_about(key);
    about.at = validator->lint ? lint_place(validator->lint, unit, key) : (struct pos){ unit->path, 0, 0 };
    return about;
}

/* About a relation of a unit; one that no line has written is the unit's as a whole. */
static struct diag_about about_ref(const struct unit *unit, const struct unit_ref *ref, enum unit_relation relation)
{
    struct diag_about about = about_origin(ref->origin, "Unit", unit_relation_name(relation));
    if (!about.at.file) about.at.file = unit->path;
    return about;
}

/* ---- cycles ---- */

static const struct unit_ref *find_ref(const struct validator *v, const struct unit *unit, enum unit_relation relation,
                                       const struct unit *other)
{
    const struct unit_ref_list *list = &unit->unit->relations[relation];
    for (uint32_t i = 0; i < list->count; i++)
        if (unit_set_find(v->set, list->items[i].name) == other) return &list->items[i];
    return NULL;
}

/* Which line orders `unit` after `other`, in words. Returns where it stands, in whichever of the two files. */
static int explain_order(const struct validator *v, const struct unit *unit, const struct unit *other, struct str *out,
                         struct origin *ret_origin)
{
    const struct unit_ref *after = find_ref(v, unit, UNIT_AFTER, other);
    const struct unit_ref *before = after ? NULL : find_ref(v, other, UNIT_BEFORE, unit);
    const struct unit_ref *ref = after ? after : before;
    *ret_origin = ref ? ref->origin : (struct origin){ .file = unit->path };
    if (out->length > 0 && str_append(out, ", ") < 0) return -ENOMEM;
    if (!ref) return str_appendf(out, "%s is activated by %s", unit->name, other->name);
    if (!ref->origin.file) return str_appendf(out, "%s is after %s by default", unit->name, other->name);
    const char *file = ref->origin.file ? diag_file_name(ref->origin.file) : (after ? unit : other)->name;
    return str_appendf(out, "%s:%u %s=%s", file, ref->origin.line, after ? "After" : "Before", ref->name);
}

/* The members of a cycle, what orders each after the next, and where the first order stands. */
static int describe_cycle(const struct validator *v, struct id_span cycle, struct str *members, struct str *lines,
                          struct origin *ret_at)
{
    struct origin origin;
    int r = 0;
    for (uint32_t i = 0; r == 0 && i < MIN_OF(cycle.count, CYCLE_NAMED_MAX); i++) {
        const struct unit *unit = unit_set_get(v->set, cycle.ids[i]);
        const struct unit *next = unit_set_get(v->set, cycle.ids[(i + 1) % cycle.count]);
        r = str_appendf(members, "%s -> ", unit->name);
        if (r == 0) r = explain_order(v, unit, next, lines, &origin);
        if (r == 0 && i == 0) *ret_at = origin;
    }
    if (r == 0 && cycle.count > CYCLE_NAMED_MAX)
        r = str_appendf(members, "... %u more -> ", cycle.count - CYCLE_NAMED_MAX);
    return r < 0 ? r : str_append(members, unit_set_get(v->set, cycle.ids[0])->name);
}

/* Of systemd's units a cycle is no end: one order is left out. Where a member does not start, nobody may ever see it.
 */
static int report_ignored(struct validator *v, size_t index)
{
    AUTO_STR struct str members = STR_EMPTY;
    AUTO_STR struct str lines = STR_EMPTY;
    struct origin at = { 0 };
    uint32_t later, earlier;
    struct id_span cycle = graph_ignored_order(v->graph, index, &later, &earlier);
    enum severity severity = DIAG_WARNING;
    for (uint32_t i = 0; i < cycle.count; i++)
        if (graph_start_reason(v->graph, cycle.ids[i]) != START_AT_BOOT) severity = DIAG_NOTE;
    int r = describe_cycle(v, cycle, &members, &lines, &at);
    if (r < 0) return r;
    diag_report(v->diags, severity, about_origin(at, NULL, NULL), "dependency-cycle", str_text(&lines),
                "dependency cycle: %s; %s does not wait for %s", str_text(&members), unit_set_get(v->set, later)->name,
                unit_set_get(v->set, earlier)->name);
    return 0;
}

static int report_cycle(struct validator *v, struct id_span cycle)
{
    AUTO_STR struct str members = STR_EMPTY;
    AUTO_STR struct str lines = STR_EMPTY;
    struct origin at = { 0 };
    int r = describe_cycle(v, cycle, &members, &lines, &at);
    if (r < 0) return r;
    diag_report(v->diags, DIAG_ERROR, about_origin(at, NULL, NULL), "dependency-cycle", str_text(&lines),
                "dependency cycle in unit set: %s", str_text(&members));
    v->refused = true;
    return 0;
}

static int validate_cycles(struct validator *v)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < graph_ignored_count(v->graph); i++) r = report_ignored(v, i);
    for (size_t i = 0; r == 0 && i < graph_cycle_count(v->graph); i++) r = report_cycle(v, graph_cycle(v->graph, i));
    return r;
}

/* ---- what a unit names ---- */

static const enum unit_relation requirements[] = { UNIT_REQUIRES, UNIT_REQUISITE, UNIT_BINDS_TO };

static void validate_requirement(struct validator *v, const struct unit *unit, enum unit_relation relation)
{
    const struct unit_ref_list *list = &unit->unit->relations[relation];
    for (uint32_t i = 0; i < list->count; i++) {
        const struct unit_ref *ref = &list->items[i];
        if (unit_set_find(v->set, ref->name)) continue;
        const char *why = absence_text(v, ref->name);
        if (!why) continue;
        diag_report(v->diags, DIAG_WARNING, about_ref(unit, ref, relation), "missing-requirement", NULL,
                    "required unit %s %s; %s will not start", ref->name, why, unit->name);
    }
}

/* The line of this unit that leads to the unit `via`, which names something that is missing. */
static const struct unit_ref *find_way(const struct validator *v, const struct unit *unit, uint32_t via,
                                       enum unit_relation *ret_relation)
{
    for (size_t k = 0; k < COUNT_OF(requirements); k++) {
        const struct unit_ref_list *list = &unit->unit->relations[requirements[k]];
        for (uint32_t i = 0; i < list->count; i++) {
            const struct unit *other = unit_set_find(v->set, list->items[i].name);
            uint32_t other_via;
            if (!other || !graph_missing_requirement(v->graph, other->id, &other_via) || other_via != via) continue;
            *ret_relation = requirements[k];
            return &list->items[i];
        }
    }
    return NULL;
}

/* S30, S43: directly missing names each on their line; through other units, the nearest one. */
static void validate_requirements(struct validator *v, const struct unit *unit)
{
    uint32_t via = unit->id;
    const char *missing = graph_missing_requirement(v->graph, unit->id, &via);
    if (!missing) return;
    for (size_t k = 0; k < COUNT_OF(requirements); k++) validate_requirement(v, unit, requirements[k]);
    const char *why = absence_text(v, missing);
    if (via == unit->id || !why) return;
    enum unit_relation relation = UNIT_REQUIRES;
    const struct unit_ref *ref = find_way(v, unit, via, &relation);
    struct origin origin = ref ? ref->origin : (struct origin){ .file = unit->path };
    diag_report(v->diags, DIAG_WARNING, about_origin(origin, "Unit", unit_relation_name(relation)),
                "missing-requirement", NULL, "required unit %s %s (required by %s); %s will not start", missing, why,
                unit_set_get(v->set, via)->name, unit->name);
}

static void validate_handlers(struct validator *v, const struct unit *unit)
{
    static const enum unit_relation handlers[] = { UNIT_ON_FAILURE, UNIT_ON_SUCCESS };
    if (!graph_unknown_handler(v->graph, unit->id, 0)) return;
    for (size_t k = 0; k < COUNT_OF(handlers); k++) {
        const struct unit_ref_list *list = &unit->unit->relations[handlers[k]];
        for (uint32_t i = 0; i < list->count; i++) {
            const char *why = absence_text(v, list->items[i].name);
            if (unit_set_find(v->set, list->items[i].name) || !why) continue;
            enum severity severity = unit->systemd ? DIAG_NOTE : DIAG_WARNING; /* packages name what may be installed */
            diag_report(v->diags, severity, about_ref(unit, &list->items[i], handlers[k]), "unknown-handler", NULL,
                        "unit %s %s; nothing will handle the end of %s", list->items[i].name, why, unit->name);
        }
    }
}

static bool is_required(const struct graph *graph, uint32_t unit, uint32_t other)
{
    static const enum graph_edge edges[] = { GRAPH_REQUIRES, GRAPH_REQUISITE, GRAPH_BINDS_TO };
    for (size_t k = 0; k < COUNT_OF(edges); k++) {
        struct id_span span = graph_edges(graph, unit, edges[k]);
        for (uint32_t i = 0; i < span.count; i++)
            if (span.ids[i] == other) return true;
    }
    return false;
}

/* Relations that a unit cannot have: to itself, and to require what it ends. */
static void validate_relations(struct validator *v, const struct unit *unit)
{
    for (enum unit_relation relation = 0; relation < UNIT_RELATION_COUNT; relation++) {
        const struct unit_ref_list *list = &unit->unit->relations[relation];
        for (uint32_t i = 0; i < list->count; i++) {
            const struct unit_ref *ref = &list->items[i];
            const struct unit *other = unit_set_find(v->set, ref->name);
            if (!other) continue;
            struct diag_about about = about_ref(unit, ref, relation);
            if (other == unit)
                diag_report(v->diags, DIAG_WARNING, about, "self-relation", NULL, "%s names itself (ignored)",
                            unit->name);
            else if (relation == UNIT_CONFLICTS && is_required(v->graph, unit->id, other->id))
                diag_report(v->diags, DIAG_WARNING, about, "required-and-conflicting", NULL,
                            "%s is required too; starting one of the two stops the other", ref->name);
        }
    }
}

/* D8: an explicit 0 without a limit is honoured, and worth a word. */
static void validate_restart(struct validator *v, const struct unit *unit)
{
    const struct service_section *service = unit->service;
    bool limited = unit->unit->start_limit_burst > 0 && unit->unit->start_limit_interval > 0;
    if (unit->kind != UNIT_KIND_SERVICE || service->restart == RESTART_NO || service->restart_usec > 0 || limited)
        return;
    diag_report(v->diags, DIAG_NOTE, about_key(v, unit, LINT_RESTART_SEC), "restart-without-pause",
                "add StartLimitBurst= or a pause", "0 and no start limit: %s restarts as fast as it fails", unit->name);
}

int unit_set_validate_linted(const struct unit_set *set, const struct graph *graph, struct lint *lint,
                             struct diag_sink *diags, bool *ret_refused)
{
    struct validator v = { .set = set, .graph = graph, .lint = lint, .diags = diags };
    for (uint32_t id = 0; id < unit_set_count(set); id++) {
        const struct unit *unit = unit_set_get(set, id);
        validate_relations(&v, unit);
        validate_requirements(&v, unit);
        validate_handlers(&v, unit);
        validate_restart(&v, unit);
    }
    int r = validate_sockets(&v);
    if (r == 0) r = validate_cycles(&v);
    if (r == 0 && lint) r = unit_set_lint(lint, set, graph, diags);
    if (r < 0) return r;
    *ret_refused = v.refused;
    return 0;
}

int unit_set_validate(const struct unit_set *set, const struct graph *graph, struct diag_sink *diags, bool *ret_refused)
{
    return unit_set_validate_linted(set, graph, NULL, diags, ret_refused);
}
