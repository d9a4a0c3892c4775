#include "unit/load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/arena.h"
#include "base/diag.h"
#include "base/vec.h"
#include "unit/fragment.h"
#include "unit/machine.h"
#include "unit/search.h"
#include "unit/set.h"
#include "unit/special.h"

/* A template whose instances name further instances would go on for ever. */
#define INSTANCES_MAX 4096

struct loader {
    const struct unit_load_options *options;
    const char *hostname;
    struct machine machine;
    struct diag_sink *diags;
    struct search *search;
    struct unit_set *set;
    struct unit_settings scratch;
    VEC(const struct search_file *) instantiated; /* templates that have an instance, once per instance */
};

static void loader_done(struct loader *loader)
{
    search_free(loader->search);
    machine_done(&loader->machine);
    vec_done(&loader->instantiated);
}

static struct diag_about about_file(const struct search_file *file)
{
    return (struct diag_about){ .at = { .file = file->path } };
}

static bool is_template(const char *name)
{
    return unit_name_form(name) == UNIT_NAME_TEMPLATE;
}

/* Opens and reads; what went wrong is a diagnostic. 0, 1 when the file cannot be used, -ENOMEM. */
static int loader_read(struct loader *loader, const struct search_file *file, const char **ret_data, size_t *ret_size)
{
    int r = search_read(loader->search, file, ret_data, ret_size);
    if (r == 0 || r == -ENOMEM) return r;
    if (r == -EFBIG)
        diag_report(loader->diags, DIAG_ERROR, about_file(file), "file-too-large", NULL, "file is larger than 16 MiB");
    else
        diag_report(loader->diags, DIAG_ERROR, about_file(file), "unreadable-file", NULL, "cannot be read: %s",
                    r == -ENXIO ? "not a regular file" : strerror(-r));
    return 1;
}

/* Reads the drop-ins of the unit into the scratch settings. 0, 1 when one refuses the unit, -ENOMEM. */
static int loader_add_dropins(struct loader *loader, const struct fragment_context *unit_context)
{
    const struct search_file **files;
    size_t count;
    int r = search_dropins(loader->search, unit_context->unit_name, &files, &count);
    struct fragment_context context = *unit_context;
    context.is_dropin = true;
    bool refused = false;
    for (size_t i = 0; r >= 0 && i < count; i++) {
        const char *data;
        size_t size;
        if (files[i]->masked) continue;
        r = loader_read(loader, files[i], &data, &size);
        if (r == 0)
            r = fragment_parse(unit_set_arena(loader->set), files[i]->path, data, size, &context, &loader->scratch,
                               loader->diags);
        if (r > 0) refused = true;
    }
    free(files);
    return r < 0 ? r : refused;
}

enum load_result { LOADED, LOAD_MASKED, LOAD_REFUSED };

/* One unit file with its drop-ins -> the scratch settings. enum load_result or -ENOMEM. `file` is NULL for a built-in
 * target, which has only drop-ins. */
static int loader_parse(struct loader *loader, const struct search_file *file, const char *name)
{
    struct fragment_context context = {
        .unit_name = name,
        .kind = unit_kind_of_name(name),
        .environment = loader->options->environment,
        .hostname = loader->hostname,
        .main_path = file ? file->path : NULL,
        .machine = &loader->machine,
        .native = true,
        .describe = loader->options->describe,
    };
    struct arena *arena = unit_set_arena(loader->set);
    const char *data, *path = file ? file->path : NULL;
    size_t size;
    int r, refused = 0;
    loader->scratch = unit_settings_default;
    if (file) {
        r = file->masked ? 0 : loader_read(loader, file, &data, &size);
        if (r != 0) return r < 0 ? r : LOAD_REFUSED;
        if (file->masked || size == 0) {
            diag_report(loader->diags, DIAG_NOTE, about_file(file), "masked", NULL, "%s is masked and does not start",
                        name);
            return LOAD_MASKED;
        }
        refused = fragment_parse(arena, path, data, size, &context, &loader->scratch, loader->diags);
        if (refused < 0) return refused;
    }
    r = loader_add_dropins(loader, &context);
    if (r < 0) return r;
    /* What is missing from a file that was read only in part says nothing. */
    if (refused || r > 0) return LOAD_REFUSED;
    r = fragment_finish(arena, path, &context, &loader->scratch, loader->diags);
    if (r < 0) return r;
    return r > 0 ? LOAD_REFUSED : LOADED;
}

/* Parses and adds. `name` is the file's own, or an instance of it. */
static int loader_add(struct loader *loader, const struct search_file *file, const char *name, bool instance)
{
    int r = loader_parse(loader, file, name);
    if (r < 0) return r;
    if (r == LOAD_MASKED) return unit_set_add_absent(loader->set, name, UNIT_MASKED);
    if (r == LOAD_REFUSED) return unit_set_add_absent(loader->set, name, UNIT_REFUSED);
    struct unit *unit;
    r = unit_set_add(loader->set, name, file ? file->path : NULL, &unit);
    if (r < 0) return r;
    unit->builtin = !file;
    unit->instance = instance;
    return unit_set_store(loader->set, unit, &loader->scratch);
}

/* D17: says so once per file; the name is taken, so that a unit that requires it is told why it does not start. */
static int loader_add_unbuilt(struct loader *loader, const struct search_file *file)
{
    const char *suffix = strrchr(file->name, '.') + 1;
    if (!file->masked)
        diag_report(loader->diags, DIAG_WARNING, about_file(file), "unit-kind", NULL,
                    "%s units are not started by this version (ignored)", suffix);
    if (!file->masked && !is_template(file->name)) {
        int r = loader_parse(loader, file, file->name); /* its mistakes are told all the same */
        if (r < 0) return r;
    }
    return unit_set_add_absent(loader->set, file->name, file->masked ? UNIT_MASKED : UNIT_KIND_UNBUILT);
}

static int loader_add_files(struct loader *loader)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < search_count(loader->search); i++) {
        const struct search_file *file = search_get(loader->search, i);
        if (file->replaced_path) r = unit_set_add_override(loader->set, file->name, file->replaced_path, file->path);
        if (r < 0) return r;
        if (file->unbuilt && !loader->options->describe)
            r = loader_add_unbuilt(loader, file);
        else if (!file->alias_of && !is_template(file->name))
            r = loader_add(loader, file, file->name, false);
    }
    return r;
}

/* The file at the end of a chain of aliases. NULL when it leads round in a circle or to nothing. */
static const struct search_file *resolve_alias(const struct loader *loader, const struct search_file *file)
{
    for (size_t hops = 0; file && file->alias_of; hops++)
        file = hops < search_count(loader->search) ? search_find(loader->search, file->alias_of) : NULL;
    return file;
}

static int loader_add_aliases(struct loader *loader)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < search_count(loader->search); i++) {
        const struct search_file *file = search_get(loader->search, i);
        if (!file->alias_of) continue;
        const struct search_file *target = resolve_alias(loader, file);
        r = target ? unit_set_add_alias(loader->set, file->name, target->name)
                   : unit_set_add_absent(loader->set, file->name, UNIT_REFUSED);
    }
    return r;
}

/* The template of an instance's name: "foo@.service" for "foo@bar.service". NULL when there is no such file. */
static const struct search_file *find_template(const struct loader *loader, const char *name)
{
    char template[UNIT_NAME_MAX + 1];
    if (unit_name_form(name) != UNIT_NAME_INSTANCE || unit_kind_of_name(name) == UNIT_KIND_COUNT) return NULL;
    struct unit_name_parts parts = unit_name_split(name);
    (void)snprintf(template, sizeof template, "%.*s@%s", (int)parts.prefix_length, name, parts.suffix); /* shorter */
    const struct search_file *file = search_find(loader->search, template);
    return file ? resolve_alias(loader, file) : NULL;
}

static bool is_reported(const struct diag_sink *diags, const struct diag *other)
{
    for (size_t i = 0; i < diag_total(diags); i++) {
        const struct diag *d = diag_get(diags, i);
        if (d->at.file == other->at.file && d->at.line == other->at.line && strcmp(d->code, other->code) == 0 &&
            strcmp(d->message, other->message) == 0)
            return true;
    }
    return false;
}

/* Reports of an instance that are also those of another instance of the template are told once. */
static int loader_add_instance(struct loader *loader, const struct search_file *template, const char *name)
{
    struct diag_sink *diags = loader->diags;
    AUTO(diag_sink_free) struct diag_sink *own = diag_sink_new();
    if (!own) return -ENOMEM;
    loader->diags = own;
    int r = loader_add(loader, template, name, true);
    loader->diags = diags;
    for (size_t i = 0; i < diag_total(own); i++) {
        const struct diag *d = diag_get(own, i);
        if (!is_reported(diags, d))
            diag_report(diags, d->severity, (struct diag_about){ d->at, d->section, d->key }, d->code, d->hint, "%s",
                        d->message);
    }
    return r;
}

/* Somebody names this unit: if it is an instance of a template or a target of systemd.special(7), it now exists. */
static int loader_reference(struct loader *loader, const char *name)
{
    if (unit_set_has_name(loader->set, name)) return 0;
    const struct search_file *template = find_template(loader, name);
    const char *target = template ? NULL : special_target(name);
    if (target) return loader_add(loader, NULL, target, false);
    if (!template) return 0;
    int r = vec_push(&loader->instantiated, template);
    if (r < 0) return r;
    if (loader->instantiated.count <= INSTANCES_MAX) return loader_add_instance(loader, template, name);
    if (loader->instantiated.count == INSTANCES_MAX + 1)
        diag_report(loader->diags, DIAG_ERROR, about_file(template), "too-many-instances", NULL,
                    "more than %d instances of templates: do they name each other?", INSTANCES_MAX);
    return unit_set_add_absent(loader->set, name, UNIT_REFUSED);
}

static int loader_follow(struct loader *loader, const struct unit_ref_list *list)
{
    int r = 0;
    for (uint32_t i = 0; r == 0 && i < list->count; i++) r = loader_reference(loader, list->items[i].name);
    return r;
}

/* A socket's Service=, which may be left out: foo@bar.socket has foo@bar.service. */
static int loader_follow_service(struct loader *loader, const struct unit *socket)
{
    if (socket->socket->service) return loader_reference(loader, socket->socket->service);
    if (unit_name_form(socket->name) != UNIT_NAME_INSTANCE) return 0;
    size_t length;
    const char *stem = unit_name_stem(socket->name, &length);
    const char *name =
        arena_printf(unit_set_arena(loader->set), "%.*s%s", (int)length, stem, unit_kind_suffix(UNIT_KIND_SERVICE));
    return name ? loader_reference(loader, name) : -ENOMEM;
}

/* What was added here is looked at in its turn: a work list, not recursion. */
static int loader_add_referenced(struct loader *loader)
{
    int r = 0;
    const struct unit *unit;
    for (uint32_t i = 0; r == 0 && (unit = unit_set_added(loader->set, i)); i++) {
        for (enum unit_relation relation = 0; r == 0 && relation < UNIT_RELATION_COUNT; relation++)
            r = loader_follow(loader, &unit->unit->relations[relation]);
        if (r == 0) r = loader_follow(loader, &unit->service->sockets);
        if (r == 0 && unit->kind == UNIT_KIND_SOCKET) r = loader_follow_service(loader, unit);
    }
    return r;
}

/* Reads a template as if somebody had named an instance of it, as systemd-analyze(1) verify does. */
static int loader_check_template(struct loader *loader, const struct search_file *file)
{
    size_t length;
    (void)unit_name_stem(file->name, &length);
    const char *suffix = file->name + length;
    const char *name =
        arena_printf(unit_set_arena(loader->set), "%.*stest-instance%s", (int)length, file->name, suffix);
    if (!name) return -ENOMEM;
    int r = loader_parse(loader, file, unit_name_is_valid(name) ? name : file->name);
    return r < 0 ? r : 0;
}

/* A template without an instance is read all the same, so that --validate finds its mistakes. */
static int loader_check_templates(struct loader *loader)
{
    for (size_t i = 0; i < search_count(loader->search); i++) {
        const struct search_file *file = search_get(loader->search, i);
        if (file->unbuilt || file->alias_of || !is_template(file->name)) continue;
        bool used = false;
        for (size_t k = 0; !used && k < loader->instantiated.count; k++) used = loader->instantiated.items[k] == file;
        if (used) continue;
        int r = loader_check_template(loader, file);
        if (r < 0) return r;
    }
    return 0;
}

static int loader_run(struct loader *loader)
{
    int r = search_new(loader->options->directories, unit_set_arena(loader->set), loader->diags, &loader->search);
    if (r == 0) r = loader_add_files(loader);
    if (r == 0) r = loader_add_aliases(loader);
    if (r == 0) r = loader_add_referenced(loader);
    if (r == 0) r = loader_check_templates(loader);
    if (r < 0) return r;
    search_report_unused(loader->search, loader->diags);
    return unit_set_seal(loader->set);
}

static uint32_t count_files(const struct unit_set *set)
{
    uint32_t count = 0;
    for (uint32_t id = 0; id < unit_set_count(set); id++) count += !unit_set_get(set, id)->builtin;
    return count;
}

int unit_set_load(const struct unit_load_options *options, struct diag_sink *diags, struct unit_load_report *ret_report,
                  struct unit_set **ret_set)
{
    AUTO(unit_set_free) struct unit_set *set = NULL;
    __attribute__((cleanup(loader_done))) struct loader loader = { .options = options,
                                                                   .diags = diags,
                                                                   .machine = { .root = options->root } };
    size_t errors = diag_count(diags, DIAG_ERROR), warnings = diag_warning_count(diags);
    struct utsname host;
    loader.hostname = options->hostname ? options->hostname : uname(&host) == 0 ? host.nodename : "localhost";
    int r = unit_set_new(&set);
    if (r < 0) return r;
    loader.set = set;
    r = loader_run(&loader);
    if (r < 0) return r;
    *ret_report = (struct unit_load_report){
        .units = count_files(set),
        .warnings = (uint32_t)(diag_warning_count(diags) - warnings),
        .overrides = (uint32_t)unit_set_override_count(set),
        .failed = diag_count(diags, DIAG_ERROR) > errors,
    };
    *ret_set = TAKE(set);
    return 0;
}
