#include "unit/property_internal.h"

#include <string.h>

/* ---- the rows ---- */

#define P(name, shape, member)         { name, &property_##shape, NULL, offsetof(struct unit_settings, member) },
#define PW(name, words, member)        { name, &property_word, words, offsetof(struct unit_settings, member) },
#define PA(name, shape, member, value) { name, &property_##shape, value, offsetof(struct unit_settings, member) },
/* Made from the unit as a whole. */
#define PU(name, shape) { name, &property_##shape, NULL, 0 },

static const struct property unit_rows[] = {
#include "unit/properties_unit.def"
};
static const struct property exec_rows[] = {
#include "unit/properties_exec.def"
};
static const struct property kill_rows[] = {
#include "unit/properties_kill.def"
};
static const struct property resource_rows[] = {
#include "unit/properties_resource.def"
};
static const struct property service_rows[] = {
#include "unit/properties_service.def"
};
static const struct property socket_rows[] = {
#include "unit/properties_socket.def"
};
#define PROPERTIES_TIMER
static const struct property timer_rows[] = {
#include "unit/properties_other.def"
};
#undef PROPERTIES_TIMER
#define PROPERTIES_PATH
static const struct property path_rows[] = {
#include "unit/properties_other.def"
};
#undef PROPERTIES_PATH
#define PROPERTIES_MOUNT
static const struct property mount_rows[] = {
#include "unit/properties_other.def"
};
#undef PROPERTIES_MOUNT
#define PROPERTIES_AUTOMOUNT
static const struct property automount_rows[] = {
#include "unit/properties_other.def"
};
#undef PROPERTIES_AUTOMOUNT
#define PROPERTIES_SWAP
static const struct property swap_rows[] = {
#include "unit/properties_other.def"
};
#undef PROPERTIES_SWAP
#define PROPERTIES_SCOPE
static const struct property scope_rows[] = {
#include "unit/properties_other.def"
};
#undef PROPERTIES_SCOPE
#define PROPERTIES_SLICE
static const struct property slice_rows[] = {
#include "unit/properties_other.def"
};
#undef PROPERTIES_SLICE
#undef P
#undef PW
#undef PA
#undef PU

#define OF(kind)   (1U << UNIT_KIND_##kind)
#define EXEC_KINDS (OF(SERVICE) | OF(SOCKET) | OF(MOUNT) | OF(SWAP))

static const struct group {
    const struct property *rows;
    size_t count;
    uint32_t kinds;
} groups[] = {
#define ROWS(name) name##_rows, COUNT_OF(name##_rows)
    { ROWS(service), OF(SERVICE) }, { ROWS(socket), OF(SOCKET) },
    { ROWS(timer), OF(TIMER) },     { ROWS(path), OF(PATH) },
    { ROWS(mount), OF(MOUNT) },     { ROWS(automount), OF(AUTOMOUNT) },
    { ROWS(swap), OF(SWAP) },       { ROWS(scope), OF(SCOPE) },
    { ROWS(slice), OF(SLICE) },     { ROWS(resource), EXEC_KINDS | OF(SLICE) | OF(SCOPE) },
    { ROWS(exec), EXEC_KINDS },     { ROWS(kill), EXEC_KINDS | OF(SCOPE) },
    { ROWS(unit), UINT32_MAX },
#undef ROWS
};

/* ---- lookup ---- */

size_t property_count(enum unit_kind kind)
{
    size_t count = 0;
    for (size_t i = 0; i < COUNT_OF(groups); i++)
        if (groups[i].kinds & 1U << kind) count += groups[i].count;
    return count;
}

const struct property *property_get(enum unit_kind kind, size_t index)
{
    for (size_t i = 0; i < COUNT_OF(groups); i++) {
        if (!(groups[i].kinds & 1U << kind)) continue;
        if (index < groups[i].count) return &groups[i].rows[index];
        index -= groups[i].count;
    }
    return NULL;
}

const struct property *property_find(enum unit_kind kind, const char *name)
{
    for (size_t i = 0; i < COUNT_OF(groups); i++) {
        if (!(groups[i].kinds & 1U << kind)) continue;
        for (size_t row = 0; row < groups[i].count; row++)
            if (strcmp(groups[i].rows[row].name, name) == 0) return &groups[i].rows[row];
    }
    return NULL;
}

const char *property_name(const struct property *property)
{
    return property->name;
}

bool property_is_lines(const struct property *property)
{
    static const struct property_shape *const shapes[] = {
        &property_asserts,    &property_commands,        &property_commands_ex,       &property_commands_old,
        &property_conditions, &property_devices,         &property_environment_files, &property_image_options,
        &property_latencies,  &property_listens,         &property_rule_pairs,        &property_socket_rules,
        &property_symlinks,   &property_timers_calendar, &property_timers_monotonic,  &property_watches,
    };
    for (size_t i = 0; i < COUNT_OF(shapes); i++)
        if (property->shape == shapes[i]) return true;
    return false;
}

/* ---- values ---- */

static struct property_value value_of(const struct property *property, const struct property_context *context)
{
    return (struct property_value){
        .slot = unit_setting(context->unit, property->offset),
        .argument = property->argument,
        .context = context,
    };
}

int property_text(const struct property *property, const struct property_context *context, struct str *out)
{
    struct property_value value = value_of(property, context);
    return property->shape->text(&value, out);
}

int property_json(const struct property *property, const struct property_context *context, struct str *out)
{
    struct property_value value = value_of(property, context);
    return property->shape->json(&value, out);
}
