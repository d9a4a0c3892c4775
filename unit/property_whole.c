/* The shapes of what a unit as a whole is: its names, its state, its relations with the others. */
#include "unit/property_internal.h"

#include "unit/finish.h"
#include "unit/paths.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int append_json(struct str *out, const char *text)
{
    return json_write_string(out, text, strlen(text));
}

static const struct unit_detail *detail_of(const struct property_value *value)
{
    const struct property_context *context = value->context;
    return context->set ? unit_set_detail(context->set, context->unit) : NULL;
}

static size_t count_texts(const char *const *texts)
{
    size_t count = 0;
    while (texts && texts[count]) count++;
    return count;
}

/* ---- one text ---- */

static const char *text_of_nothing(const struct property_value *value UNUSED)
{
    return "";
}

static const char *text_of_name(const struct property_value *value)
{
    return value->context->unit->name;
}

/* As it is called inside the root. */
static const char *path_inside(const struct property_value *value, const char *path)
{
    const char *root = value->context->root;
    size_t length = root ? strlen(root) : 0;
    while (length > 0 && root[length - 1] == '/') length--;
    return length > 0 && strncmp(path, root, length) == 0 && path[length] == '/' ? path + length : path;
}

static const char *text_of_path(const struct property_value *value)
{
    const char *path = value->context->unit->path;
    return path ? path_inside(value, path) : "";
}

static const char *text_of_state(const struct property_value *value)
{
    return unit_load_state_name(value->context->unit->load_state);
}

#define TEXT_SHAPE(name)                                                                                               \
    static int name##_text(const struct property_value *value, struct str *out)                                        \
    {                                                                                                                  \
        return str_append(out, text_of_##name(value));                                                                 \
    }                                                                                                                  \
    static int name##_json(const struct property_value *value, struct str *out)                                        \
    {                                                                                                                  \
        return append_json(out, text_of_##name(value));                                                                \
    }
TEXT_SHAPE(nothing)
TEXT_SHAPE(name)
TEXT_SHAPE(path)
TEXT_SHAPE(state)
#undef TEXT_SHAPE
const struct property_shape property_no_text = { nothing_text, nothing_json };
const struct property_shape property_unit_name = { name_text, name_json };
const struct property_shape property_fragment_path = { path_text, path_json };
const struct property_shape property_load_state = { state_text, state_json };

/* A unit without a description of its own is described by its name, or by the path it stands for. */
static int description_text(const struct property_value *value, struct str *out)
{
    const struct unit *unit = value->context->unit;
    const char *text = unit->unit->description;
    bool loaded = unit->load_state == UNIT_STATE_LOADED, is_slice = loaded && unit->kind == UNIT_KIND_SLICE;
    if (!text && loaded && strcmp(unit->name, "-.mount") == 0) text = "Root Mount";
    if (!text && loaded && unit->kind == UNIT_KIND_MOUNT) text = unit->mount->where;
    if (!text && loaded && unit->kind == UNIT_KIND_SWAP) text = unit->mount->what;
    if (!text && is_slice && strcmp(unit->name, "-.slice") == 0) text = "Root Slice";
    if (text || !is_slice) return str_append(out, text ? text : unit->name);
    AUTO_STR struct str path = STR_EMPTY;
    int r = unit_name_to_path(unit->name, &path);
    if (r == -ENOMEM) return r;
    return r < 0 ? str_append(out, unit->name) : str_appendf(out, "Slice %s", str_text(&path));
}

static int description_json(const struct property_value *value, struct str *out)
{
    AUTO_STR struct str text = STR_EMPTY;
    int r = description_text(value, &text);
    return r < 0 ? r : append_json(out, str_text(&text));
}
const struct property_shape property_description = { description_text, description_json };

/* Of what has no file the kind decides. */
static bool ignores_isolate(const struct property_value *value)
{
    tristate ignore = *(const tristate *)value->slot;
    return ignore == TRISTATE_UNSET ? kind_ignores_isolate(value->context->unit->kind) : ignore;
}

static int isolate_text(const struct property_value *value, struct str *out)
{
    return str_append(out, ignores_isolate(value) ? "yes" : "no");
}

static int isolate_json(const struct property_value *value, struct str *out)
{
    return str_append(out, ignores_isolate(value) ? "true" : "false");
}
const struct property_shape property_isolate = { isolate_text, isolate_json };

/* ---- why a unit did not load ---- */

static const struct {
    const char *name, *before, *after;
} load_errors[UNIT_LOAD_STATE_COUNT] = {
    [UNIT_STATE_NOT_FOUND] = { "org.freedesktop.systemd1.NoSuchUnit", "Unit ", " not found." },
    [UNIT_STATE_BAD_SETTING] = { "org.freedesktop.systemd1.BadUnitSetting", "Unit ", " has a bad unit file setting." },
    [UNIT_STATE_ERROR] = { "org.freedesktop.DBus.Error.InvalidArgs", "Unit ",
                           " failed to load properly, please adjust/correct and reload service manager: " },
    [UNIT_STATE_MASKED] = { "org.freedesktop.systemd1.UnitMasked", "Unit ", " is masked." },
};

/* A listener whose path has ".." is a mistake of another kind: nothing can be mounted for it. */
static bool has_unmountable_listener(const struct unit *unit)
{
    const struct socket_listen_list *listens = &unit->socket->listens;
    for (uint32_t i = 0; i < listens->count; i++)
        if (listens->items[i].text[0] == '/' && !path_is_normalized(listens->items[i].text)) return true;
    return false;
}

static int load_error_parts(const struct unit *unit, const char **ret_name, struct str *message)
{
    enum unit_load_state state = unit->load_state;
    bool denied = state == UNIT_STATE_ERROR && has_unmountable_listener(unit);
    *ret_name = denied ? "org.freedesktop.DBus.Error.AccessDenied" : load_errors[state].name;
    int r = str_appendf(message, "%s%s%s", load_errors[state].before, unit->name, load_errors[state].after);
    if (r < 0 || state != UNIT_STATE_ERROR) return r;
    return str_append(message, denied ? "Operation not permitted" : "Invalid argument");
}

static int load_error_text(const struct property_value *value, struct str *out)
{
    AUTO_STR struct str message = STR_EMPTY;
    const char *name;
    if (value->context->unit->load_state == UNIT_STATE_LOADED) return 0;
    int r = load_error_parts(value->context->unit, &name, &message);
    return r < 0 ? r : str_appendf(out, "%s \"%s\"", name, str_text(&message));
}

static int load_error_json(const struct property_value *value, struct str *out)
{
    AUTO_STR struct str message = STR_EMPTY;
    const char *name;
    if (value->context->unit->load_state == UNIT_STATE_LOADED) return str_append(out, "[\"\", \"\"]");
    int r = load_error_parts(value->context->unit, &name, &message);
    if (r == 0) r = str_appendf(out, "[\"%s\", ", name);
    if (r == 0) r = append_json(out, str_text(&message));
    return r < 0 ? r : str_append_char(out, ']');
}
const struct property_shape property_load_error = { load_error_text, load_error_json };

/* ---- lists of names ---- */

static int names_text(const struct property_value *value, struct str *out)
{
    const struct unit_detail *detail = detail_of(value);
    const char *const *names = detail ? detail->names : NULL;
    return names ? property_words_text(names, count_texts(names), out) : str_append(out, value->context->unit->name);
}

static int names_json(const struct property_value *value, struct str *out)
{
    const struct unit_detail *detail = detail_of(value);
    const char *const *names = detail && detail->names ? detail->names : &value->context->unit->name;
    return property_words_json(names, detail && detail->names ? count_texts(names) : 1, out);
}
const struct property_shape property_names = { names_text, names_json };

static int dropins_any(const struct property_value *value, struct str *out,
                       int (*print)(const char *const *, size_t, struct str *))
{
    const struct unit_detail *detail = detail_of(value);
    size_t count = detail ? count_texts(detail->dropins) : 0;
    const char **paths = calloc(count + 1, sizeof *paths);
    if (!paths) return -ENOMEM;
    for (size_t i = 0; i < count; i++) paths[i] = path_inside(value, detail->dropins[i]);
    int r = print(paths, count, out);
    free(paths);
    return r;
}

static int dropins_text(const struct property_value *value, struct str *out)
{
    return dropins_any(value, out, property_words_text);
}

static int dropins_json(const struct property_value *value, struct str *out)
{
    return dropins_any(value, out, property_words_json);
}
const struct property_shape property_dropins = { dropins_text, dropins_json };

/* ---- dependencies: both ways where the set is described, else what the unit itself says ---- */

const enum unit_dependency property_dependencies[UNIT_DEPENDENCY_COUNT] = {
#define X(enumerator, property, inverse) [UNIT_DEPENDENCY_##enumerator] = UNIT_DEPENDENCY_##enumerator,
    UNIT_DEPENDENCIES(X)
#undef X
};

static int own_relation(const struct property_value *value, enum unit_dependency dependency, bool json, struct str *out)
{
    static const char *const names[] = {
#define X(enumerator, property, inverse) [UNIT_DEPENDENCY_##enumerator] = property,
        UNIT_DEPENDENCIES(X)
#undef X
    };
    static const struct unit_ref_list empty;
    struct property_value own = *value;
    own.slot = &empty;
    for (enum unit_relation relation = 0; relation < UNIT_RELATION_COUNT; relation++)
        if (strcmp(unit_relation_name(relation), names[dependency]) == 0)
            own.slot = &value->context->unit->unit->relations[relation];
    return json ? property_relation.json(&own, out) : property_relation.text(&own, out);
}

static int dependency_text(const struct property_value *value, struct str *out)
{
    const struct unit_detail *detail = detail_of(value);
    enum unit_dependency dependency = *(const enum unit_dependency *)value->argument;
    if (!detail) return own_relation(value, dependency, false, out);
    const struct text_list *list = &detail->dependencies[dependency];
    return property_words_text(list->items, list->count, out);
}

static int dependency_json(const struct property_value *value, struct str *out)
{
    const struct unit_detail *detail = detail_of(value);
    enum unit_dependency dependency = *(const enum unit_dependency *)value->argument;
    if (!detail) return own_relation(value, dependency, true, out);
    const struct text_list *list = &detail->dependencies[dependency];
    return property_words_json(list->items, list->count, out);
}
const struct property_shape property_dependency = { dependency_text, dependency_json };

/* ---- conditions ---- */

static int print_conditions(const struct property_value *value, bool asserts, bool json, struct str *out)
{
    const struct condition_list *list = value->slot;
    uint32_t count = 0;
    int r = json ? str_append_char(out, '[') : 0;
    for (uint32_t i = list->count; r == 0 && i-- > 0;) { /* the last one first, as systemd */
        const struct condition *condition = &list->items[i];
        const char *prefix = asserts ? "Assert" : "Condition", *name = condition_kind_name(condition->kind);
        if (condition->is_assert != asserts) continue;
        if (json) {
            r = str_appendf(out, "%s[\"%s%s\", %s, %s, ", count > 0 ? ", " : "", prefix, name,
                            condition->trigger ? "true" : "false", condition->negate ? "true" : "false");
            if (r == 0) r = append_json(out, condition->parameter);
            if (r == 0) r = str_append_char(out, ']');
        } else {
            if (count > 0) r = str_append_char(out, PROPERTY_NEXT_LINE);
            if (r == 0)
                r = str_appendf(out, "%s%s=%s%s%s", prefix, name, condition->trigger ? "|" : "",
                                condition->negate ? "!" : "", condition->parameter);
        }
        count++;
    }
    return r == 0 && json ? str_append_char(out, ']') : r;
}

static int conditions_text(const struct property_value *value, struct str *out)
{
    return print_conditions(value, false, false, out);
}

static int conditions_json(const struct property_value *value, struct str *out)
{
    return print_conditions(value, false, true, out);
}
const struct property_shape property_conditions = { conditions_text, conditions_json };

static int asserts_text(const struct property_value *value, struct str *out)
{
    return print_conditions(value, true, false, out);
}

static int asserts_json(const struct property_value *value, struct str *out)
{
    return print_conditions(value, true, true, out);
}
const struct property_shape property_asserts = { asserts_text, asserts_json };
