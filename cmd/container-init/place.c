#include "cmd/container-init/place.h"

#include <errno.h>
#include <fnmatch.h>
#include <string.h>
#include <unistd.h>

#include "base/diag.h"
#include "unit/name.h"

void place_directories(const struct options *options, const char **directories)
{
    bool native = !options->systemd;
    size_t count = 0;
    const char *units = options->units ? options->units : native ? UNITS_DEFAULT : NULL;
    const char *drop_in = options->drop_in ? options->drop_in : native ? DROP_IN_DEFAULT : NULL;
    if (units) directories[count++] = units;
    if (drop_in) directories[count++] = drop_in;
    directories[count] = NULL;
}

void place_done(struct place *place)
{
    options_done(&place->options);
    strlist_done(&place->names);
    strlist_done(&place->units);
    diag_sink_free(place->diags); /* first: it points to names that the set owns */
    unit_set_free(place->set);
    *place = (struct place){ .globs = false };
}

static bool is_glob(const char *name)
{
    return strpbrk(name, "*?[") != NULL;
}

/* Nobody is left to tell when standard error is closed, here and below. */
static int add_unit(struct place *place, const char *text, FILE *err)
{
    AUTO_STR struct str name = STR_EMPTY;
    int r = unit_name_mangle(text, ".service", true, &name);
    if (r == -ENOMEM) return r;
    if (r < 0) {
        (void)fprintf(err, "Invalid unit name \"%s\".\n", text);
        return r;
    }
    const char *unit = str_text(&name);
    if (text[0] != '/' && !str_starts_with(unit, text))
        (void)fprintf(err,
                      "Invalid unit name \"%s\" escaped as \"%s\" (maybe you should use container-init escape?).\n",
                      text, unit);
    if (is_glob(unit)) place->globs = true;
    return strlist_add(&place->units, unit);
}

int place_load(struct place *place, FILE *err)
{
    const char *directories[PLACE_DIRECTORIES];
    struct unit_load_report report;
    int r = 0;
    for (size_t i = 0; r == 0 && i < place->names.count; i++) r = add_unit(place, place->names.items[i], err);
    if (r < 0) return r;
    if (place->options.root && *place->options.root && access(place->options.root, X_OK) < 0) {
        (void)fprintf(err, "container-init: --root %s: %s\n", place->options.root, strerror(errno));
        return -EINVAL;
    }
    place_directories(&place->options, directories);
    const struct unit_load_options options = {
        .directories = directories,
        .systemd = place->options.systemd,
        .root = place->options.root,
        .names = place->names.count > 0 && !place->globs ? (const char *const *)place->units.items : NULL,
        .describe = true,
        .environment = environ,
    };
    place->diags = diag_sink_new();
    return place->diags ? unit_set_load(&options, place->diags, &report, &place->set) : -ENOMEM;
}

static bool matches(const struct place *place, const char *name)
{
    for (size_t i = 0; i < place->units.count; i++)
        if (is_glob(place->units.items[i]) ? fnmatch(place->units.items[i], name, FNM_NOESCAPE) == 0
                                           : strcmp(place->units.items[i], name) == 0)
            return true;
    return false;
}

bool place_asks_for(const struct place *place, const struct unit *unit)
{
    if (place->names.count == 0) return unit->load_state != UNIT_STATE_NOT_FOUND;
    if (matches(place, unit->name)) return true;
    const char *const *aliases;
    size_t count = unit_set_aliases(place->set, unit, &aliases);
    for (size_t i = 0; i < count; i++)
        if (matches(place, aliases[i])) return true;
    return false;
}
