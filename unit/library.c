/* The public face of unit/: see container-unit.h. */
#include "unit/container-unit.h"

#include "base/diag.h"
#include "base/str.h"
#include "unit/graph.h"
#include "unit/load.h"
#include "unit/property.h"
#include "unit/unit.h"
#include "unit/validate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Everything else of the library is hidden by the linker's list of symbols, unit/container-unit.map. */

/* The units are loaded twice: as they would be run, for the diagnostics, and to be described. */
struct container_units {
    struct unit_set *run, *set;
    struct graph *graph; /* of `run` */
    struct diag_sink *diags;
    bool refused;
};

const char *container_unit_version(void)
{
    return CONTAINER_INIT_VERSION;
}

void container_units_free(struct container_units *units)
{
    if (!units) return;
    diag_sink_free(units->diags); /* first: it points to names that the set owns */
    graph_free(units->graph);
    unit_set_free(units->run);
    unit_set_free(units->set);
    free(units);
}
DEFINE_AUTO(struct container_units, container_units_free)

static int load_to_describe(struct unit_load_options options, struct unit_set **ret_set)
{
    struct unit_load_report report;
    AUTO(diag_sink_free) struct diag_sink *told = diag_sink_new(); /* by the other load */
    if (!told) return -ENOMEM;
    options.describe = true;
    return unit_set_load(&options, told, &report, ret_set);
}

int container_units_load(const struct container_unit_options *options, struct container_units **ret_units)
{
    if (options->size != sizeof *options) return -EINVAL;
    static const char *const none[] = { NULL };
    const struct unit_load_options load = {
        .directories = options->directories ? options->directories : none,
        .systemd = options->systemd != 0,
        .root = options->root,
        .names = options->names,
        .environment = options->environment,
    };
    struct unit_load_report report;
    AUTO(container_units_free) struct container_units *units = calloc(1, sizeof *units);
    if (!units) return -ENOMEM;
    units->diags = diag_sink_new();
    if (!units->diags) return -ENOMEM;
    diag_sink_set_strict(units->diags, options->strict != 0);
    int r = unit_set_load(&load, units->diags, &report, &units->run);
    if (r == 0) r = graph_build(units->run, &units->graph);
    if (r == 0) r = unit_set_validate(units->run, units->graph, units->diags, &units->refused);
    if (r == 0) r = load_to_describe(load, &units->set);
    if (r < 0) return r;
    if (diag_count(units->diags, DIAG_ERROR) > 0) units->refused = true;
    *ret_units = TAKE(units);
    return 0;
}

size_t container_units_count(const struct container_units *units)
{
    return unit_set_count(units->set);
}

const char *container_units_name(const struct container_units *units, size_t index)
{
    const struct unit *unit = index < UINT32_MAX ? unit_set_get(units->set, (uint32_t)index) : NULL;
    return unit ? unit->name : NULL;
}

const char *container_units_find(const struct container_units *units, const char *name)
{
    const struct unit *unit = unit_set_find(units->set, name);
    return unit ? unit->name : NULL;
}

int container_units_property(const struct container_units *units, const char *unit_name, const char *property_name,
                             enum container_unit_form form, char **ret_text)
{
    struct property_context context = { .unit = unit_set_find(units->set, unit_name), .set = units->set };
    if (!context.unit) return -ENOENT;
    const struct property *property = property_find(context.unit->kind, property_name);
    if (!property) return -ENODATA;
    AUTO_STR struct str text = STR_EMPTY;
    int r = form == CONTAINER_UNIT_JSON ? property_json(property, &context, &text)
                                        : property_text(property, &context, &text);
    if (r < 0) return r;
    char *copy = strdup(str_text(&text));
    if (!copy) return -ENOMEM;
    for (char *next = copy; form == CONTAINER_UNIT_TEXT && (next = strchr(next, PROPERTY_NEXT_LINE));) *next = '\n';
    *ret_text = copy;
    return 0;
}

const char *container_units_property_name(const struct container_units *units, const char *unit_name, size_t index)
{
    const struct unit *unit = unit_set_find(units->set, unit_name);
    const struct property *property = unit ? property_get(unit->kind, index) : NULL;
    return property ? property_name(property) : NULL;
}

size_t container_units_diagnostic_count(const struct container_units *units)
{
    return diag_total(units->diags);
}

int container_units_diagnostic(const struct container_units *units, size_t index,
                               struct container_unit_diagnostic *ret_diagnostic)
{
    static const enum container_unit_severity severities[DIAG_SEVERITY_COUNT] = {
        [DIAG_NOTE] = CONTAINER_UNIT_NOTE,
        [DIAG_WARNING] = CONTAINER_UNIT_WARNING,
        [DIAG_ERROR] = CONTAINER_UNIT_ERROR,
    };
    if (index >= diag_total(units->diags)) return -ENOENT;
    const struct diag *d = diag_get(units->diags, index);
    *ret_diagnostic = (struct container_unit_diagnostic){
        .severity = severities[d->severity],
        .file = d->at.file,
        .line = d->at.line,
        .column = d->at.column,
        .code = d->code,
        .section = d->section,
        .key = d->key,
        .message = d->message,
        .hint = d->hint,
    };
    return 0;
}

int container_units_refused(const struct container_units *units)
{
    return units->refused;
}
