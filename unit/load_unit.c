/* One unit: its file, its drop-ins, the links beside it, its other names. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/diag.h"
#include "unit/default_dependencies.h"
#include "unit/fragment.h"
#include "unit/lint_internal.h"
#include "unit/load_internal.h"
#include "unit/special.h"
#include "unit/template.h"

/* What a link of a link of a link ... may at most make of one unit. */
#define NAMES_MAX 256

static struct diag_about about_file(const struct search_file *file)
{
    return (struct diag_about){ .at = { .file = file ? file->path : NULL } };
}

enum { FILE_READ, FILE_UNUSABLE, FILE_DANGLING };

/* Opens and reads; what went wrong is a diagnostic. FILE_... or -ENOMEM. */
static int read_file(struct loader *loader, const struct search_file *file, const char **ret_data, size_t *ret_size)
{
    int r = search_read(loader->search, file, ret_data, ret_size);
    if (r == 0 || r == -ENOMEM) return r;
    if ((r == -ENOENT || r == -ELOOP) && !file->native && !file->plain) {
        diag_report(loader->diags, DIAG_WARNING, about_file(file), "dangling-link", NULL,
                    "is a link that leads nowhere (ignored)");
        return FILE_DANGLING;
    }
    if (r == -EFBIG)
        diag_report(loader->diags, DIAG_ERROR, about_file(file), "file-too-large", NULL, "file is larger than 16 MiB");
    else
        diag_report(loader->diags, DIAG_ERROR, about_file(file), "unreadable-file", NULL, "cannot be read: %s",
                    r == -ENXIO ? "not a regular file" : strerror(-r));
    return FILE_UNUSABLE;
}

/* ---- names ---- */

const char *load_instantiate(struct loader *loader, const char *target, const char *name)
{
    if (unit_name_form(target) != UNIT_NAME_TEMPLATE) return target;
    struct unit_name_parts of = unit_name_split(target), from = unit_name_split(name);
    if (from.instance_length == 0) return target;
    return arena_printf(unit_set_arena(loader->set), "%.*s@%.*s%s", (int)of.prefix_length, of.prefix,
                        (int)from.instance_length, from.instance, of.suffix);
}

static int add_name(struct loader *loader, const char *name)
{
    if (!unit_name_is_valid(name) || unit_name_form(name) == UNIT_NAME_TEMPLATE) return 0;
    for (size_t i = 0; i < loader->names.count; i++)
        if (strcmp(loader->names.items[i], name) == 0) return 0;
    return vec_push(&loader->names, name);
}

/* Adds what leads to `name` in one step; of a template's links, those of this instance. */
static int add_names_of(struct loader *loader, const char *name, const char *instance_of)
{
    struct name_list links = VEC_EMPTY;
    int r = search_aliases(loader->search, name, &links);
    for (size_t i = 0; r == 0 && i < links.count && loader->names.count < NAMES_MAX; i++) {
        const char *alias = load_instantiate(loader, links.items[i], instance_of);
        r = alias ? add_name(loader, alias) : -ENOMEM;
    }
    vec_done(&links);
    return r;
}

/* All names of the unit, its own first: links to it, links to links, and the instances of links to its template. */
static int find_names(struct loader *loader, const char *name)
{
    loader->names.count = 0;
    int r = vec_push(&loader->names, name);
    if (r == 0 && loader->no_default && strcmp(name, DEFAULT_TARGET_FALLBACK) == 0)
        r = vec_push(&loader->names, DEFAULT_TARGET);
    for (size_t i = 0; r == 0 && loader->options->systemd && special_alias_get(i); i++) {
        const char *alias = special_alias_get(i);
        if (strcmp(special_alias(alias), name) == 0 && !search_find(loader->search, alias)) r = add_name(loader, alias);
    }
    for (size_t i = 0; r == 0 && i < loader->names.count; i++) {
        const char *known = loader->names.items[i];
        r = add_names_of(loader, known, name);
        if (r < 0 || unit_name_form(known) != UNIT_NAME_INSTANCE) continue;
        AUTO_STR struct str template = STR_EMPTY;
        r = unit_name_template(known, &template);
        if (r == 0) r = add_names_of(loader, str_text(&template), name);
    }
    return r;
}

/* ---- what lies beside the file ---- */

/* Of a template, for later. */
static int keep_text(struct loader *loader, const struct search_file *file, const char *data, size_t size,
                     bool is_dropin)
{
    if (!loader->keeps_texts) return 0;
    struct template_text text = { file->path, arena_memdup(unit_set_arena(loader->set), data, size), size, file->native,
                                  is_dropin };
    return text.data ? vec_push(&loader->texts, text) : -ENOMEM;
}

/* Reads the drop-ins of the unit into the scratch settings. 0, 1 when one refuses the unit, -ENOMEM. */
static int add_dropins(struct loader *loader, const struct fragment_context *unit_context)
{
    const struct search_file **files;
    size_t count;
    int r = search_side_files(loader->search, ".d", loader->names.items, loader->names.count, &files, &count);
    struct fragment_context context = *unit_context;
    context.is_dropin = true;
    bool refused = false;
    for (size_t i = 0; r >= 0 && i < count; i++) {
        const char *data;
        size_t size = 0;
        context.native = files[i]->native;
        if (loader->options->describe) r = vec_push(&loader->dropins, files[i]->path);
        if (r < 0 || files[i]->masked) continue;
        r = read_file(loader, files[i], &data, &size);
        if (r == FILE_DANGLING) r = 0;
        if (r == 0 && context.lint) context.file_mode = search_mode(loader->search, files[i]);
        if (r == 0 && size > 0) r = keep_text(loader, files[i], data, size, true);
        if (r == 0 && size > 0)
            r = fragment_parse(unit_set_arena(loader->set), files[i]->path, data, size, &context, &loader->scratch,
                               loader->diags);
        if (r > 0) refused = true;
    }
    free(files);
    return r < 0 ? r : refused;
}

/* The names of the links in NAME.wants/ and the like count, and not where they lead. */
static int add_links(struct loader *loader, const char *suffix, enum unit_relation relation)
{
    const struct search_file **files;
    size_t count;
    struct arena *arena = unit_set_arena(loader->set);
    const char *self = loader->names.items[0];
    int r = search_side_files(loader->search, suffix, loader->names.items, loader->names.count, &files, &count);
    for (size_t i = 0; r == 0 && i < count; i++) {
        if (files[i]->masked) continue;
        if (!unit_name_is_valid(files[i]->name)) {
            diag_report(loader->diags, DIAG_WARNING, about_file(files[i]), "bad-unit-name", NULL,
                        "is not named as a unit (ignored)");
            continue;
        }
        if (files[i]->plain) {
            diag_report(loader->diags, DIAG_WARNING, about_file(files[i]), "not-a-link", NULL,
                        "is not a symbolic link (ignored)");
            continue;
        }
        const char *name = files[i]->name;
        if (unit_name_form(name) == UNIT_NAME_TEMPLATE) {
            struct unit_name_parts own = unit_name_split(self), of = unit_name_split(name);
            bool instance = own.instance_length > 0;
            name = arena_printf(arena, "%.*s@%.*s%s", (int)of.prefix_length, of.prefix,
                                (int)(instance ? own.instance_length : own.prefix_length),
                                instance ? own.instance : own.prefix, of.suffix);
        }
        r = name ? unit_relation_add(arena, &loader->scratch.unit, relation, name) : -ENOMEM;
    }
    free(files);
    return r;
}

static int add_all_links(struct loader *loader)
{
    static const struct {
        const char *suffix;
        enum unit_relation relation;
    } kinds[] = { { ".wants", UNIT_WANTS }, { ".requires", UNIT_REQUIRES }, { ".upholds", UNIT_UPHOLDS } };
    int r = 0;
    for (size_t i = 0; r == 0 && loader->options->systemd && i < COUNT_OF(kinds); i++)
        r = add_links(loader, kinds[i].suffix, kinds[i].relation);
    return r;
}

/* ---- one unit ---- */

/* What became of a file. Of one that is refused late everything was read, but it makes no sense as a whole. */
enum load_result { LOADED, LOAD_MASKED, LOAD_DANGLING, LOAD_REFUSED, LOAD_REFUSED_LATE, LOAD_BROKEN };

static struct fragment_context context_of(struct loader *loader, const struct search_file *file, const char *name)
{
    return (struct fragment_context){
        .unit_name = name,
        .kind = unit_kind_of_name(name),
        .environment = loader->options->environment,
        .hostname = loader->hostname,
        .main_path = file ? file->path : NULL,
        .machine = unit_set_machine(loader->set),
        .native = file ? file->native : !loader->options->systemd,
        .describe = loader->options->describe,
        .lint = loader->options->lint,
    };
}

/* One unit file with its drop-ins -> the scratch settings. enum load_result or -ENOMEM. `file` is NULL for a built-in
 * unit, which has only drop-ins. */
static int parse_unit(struct loader *loader, const struct search_file *file, const char *name)
{
    struct fragment_context context = context_of(loader, file, name);
    struct arena *arena = unit_set_arena(loader->set);
    const char *data, *path = file ? file->path : NULL;
    size_t size = 0;
    int r, refused = 0;
    loader->scratch = unit_settings_default;
    loader->dropins.count = 0;
    if (file) {
        r = file->masked ? 0 : read_file(loader, file, &data, &size);
        if (r != 0) return r < 0 ? r : r == FILE_DANGLING ? LOAD_DANGLING : LOAD_REFUSED;
        if (file->masked || size == 0) {
            diag_report(loader->diags, DIAG_NOTE, about_file(file), "masked", NULL, "%s is masked and does not start",
                        name);
            return LOAD_MASKED;
        }
        r = keep_text(loader, file, data, size, false);
        if (r < 0) return r;
        if (context.lint) context.file_mode = search_mode(loader->search, file);
        refused = fragment_parse(arena, path, data, size, &context, &loader->scratch, loader->diags);
        if (refused < 0) return refused;
    }
    if (!file && !loader->options->describe) loader->scratch.unit_extra.allow_isolate = special_allows_isolate(name);
    if (!file && !context.native)
        r = special_target_dependencies(arena, name, &loader->scratch.unit);
    else
        r = 0;
    if (r == 0) r = find_names(loader, name);
    if (r == 0) r = add_dropins(loader, &context);
    if (r < 0) return r;
    /* What is missing from a file that was read only in part says nothing. */
    if (refused || r > 0) {
        r = lint_unit_end(loader->options->lint, &context, &loader->scratch, loader->diags);
        if (r < 0) return r;
        return refused == FRAGMENT_BROKEN ? LOAD_BROKEN : LOAD_REFUSED;
    }
    r = fragment_finish(arena, path, &context, &loader->scratch, loader->diags);
    if (r >= 0 && !context.native) { /* D18: native units have none, and are described as they run */
        int late = r;
        r = add_all_links(loader);
        if (r == 0) r = default_dependencies_add(arena, name, &loader->scratch);
        if (r == 0) r = late;
    } else if (r == 0) {
        r = add_all_links(loader);
    }
    if (r == 0) r = default_dependencies_add_slice(arena, name, &loader->scratch, context.describe && !context.native);
    if (r < 0) return r;
    if (r == FRAGMENT_BROKEN) return LOAD_BROKEN;
    return r > 0 ? LOAD_REFUSED_LATE : LOADED;
}

static int keep_dropins(struct loader *loader, const struct unit *unit)
{
    struct arena *arena = unit_set_arena(loader->set);
    if (loader->dropins.count == 0) return 0;
    const char **paths = arena_alloc(arena, (loader->dropins.count + 1) * sizeof *paths);
    if (!paths) return -ENOMEM;
    for (size_t i = 0; i < loader->dropins.count; i++) paths[i] = loader->dropins.items[i];
    return vec_push(&loader->dropins_of, ((struct unit_dropins){ unit, paths }));
}

static int store_unit(struct loader *loader, const struct search_file *file, const char *name, bool instance,
                      enum unit_load_state state, bool cut_short)
{
    struct unit *unit;
    int r = unit_set_add(loader->set, name, file ? file->path : NULL, &unit);
    if (r == 0) r = keep_dropins(loader, unit);
    if (r < 0) return r;
    unit->builtin = !file;
    unit->instance = instance;
    unit->systemd = loader->options->systemd && !(file && file->native);
    unit->load_state = state;
    unit->cut_short = cut_short;
    if (cut_short) fragment_settle(&loader->scratch);
    r = unit_set_store(loader->set, unit, &loader->scratch);
    for (size_t i = 1; r == 0 && i < loader->names.count; i++)
        if (!unit_set_has_name(loader->set, loader->names.items[i]))
            r = unit_set_add_alias(loader->set, loader->names.items[i], name);
    return r;
}

static int add_unit(struct loader *loader, const struct search_file *file, const char *name, bool instance)
{
    static const enum unit_load_state states[] = { [LOADED] = UNIT_STATE_LOADED,
                                                   [LOAD_MASKED] = UNIT_STATE_MASKED,
                                                   [LOAD_DANGLING] = UNIT_STATE_NOT_FOUND,
                                                   [LOAD_REFUSED] = UNIT_STATE_BAD_SETTING,
                                                   [LOAD_REFUSED_LATE] = UNIT_STATE_BAD_SETTING,
                                                   [LOAD_BROKEN] = UNIT_STATE_ERROR };
    int r = parse_unit(loader, file, name);
    if (r < 0) return r;
    if (r == LOADED || loader->options->describe)
        return store_unit(loader, file, name, instance, states[(enum load_result)r],
                          r != LOADED && r != LOAD_REFUSED_LATE);
    return unit_set_add_absent(loader->set, name,
                               r == LOAD_MASKED     ? UNIT_MASKED
                               : r == LOAD_DANGLING ? UNIT_NOT_FOUND
                                                    : UNIT_REFUSED);
}

/* What names the instance itself would be a unit of each connection. A slice is made when a process is put there. */
static bool drop_own_instance(struct loader *loader, const char *template)
{
    bool refused = false;
    for (enum unit_relation relation = 0; relation < UNIT_RELATION_COUNT; relation++) {
        struct unit_ref_list *list = &loader->scratch.unit.relations[relation];
        uint32_t kept = 0;
        for (uint32_t i = 0; i < list->count; i++) {
            const struct unit_ref *ref = &list->items[i];
            if (!strstr(ref->name, TEMPLATE_INSTANCE)) {
                list->items[kept++] = *ref;
                continue;
            }
            if (!ref->origin.file) continue;
            bool needs = relation == UNIT_REQUIRES || relation == UNIT_REQUISITE || relation == UNIT_BINDS_TO;
            struct diag_about about = { { ref->origin.file, ref->origin.line, ref->origin.column },
                                        "Unit",
                                        unit_relation_name(relation) };
            diag_report(loader->diags, needs ? DIAG_ERROR : DIAG_WARNING, about, "unsupported-value", NULL,
                        "%s is instantiated for each connection, and its instance cannot name other units%s", template,
                        needs ? "" : " (ignored)");
            refused |= needs;
        }
        list->count = kept;
    }
    return refused;
}

static int store_prototype(struct loader *loader, const struct search_file *file, const char *template)
{
    struct arena *arena = unit_set_arena(loader->set);
    struct unit_template *kept = arena_alloc(arena, sizeof *kept);
    if (!kept) return -ENOMEM;
    *kept = (struct unit_template){
        .texts = arena_memdup(arena, loader->texts.items, loader->texts.count * sizeof *loader->texts.items),
        .n_texts = (uint32_t)loader->texts.count,
        .environment = loader->options->environment,
        .hostname = arena_strdup(arena, loader->hostname),
        .machine = unit_set_machine(loader->set),
    };
    if (!kept->texts || !kept->hostname) return -ENOMEM;
    loader->names.count = 1; /* other names are those of one instance */
    int r = store_unit(loader, file, template, true, UNIT_STATE_LOADED, false);
    for (uint32_t i = 0; r == 0; i++) {
        struct unit *unit = unit_set_added(loader->set, i);
        if (strcmp(unit->name, template) != 0) continue;
        unit->template = kept;
        break;
    }
    return r;
}

static int add_prototype(struct loader *loader, const struct search_file *file, const char *name, const char *template)
{
    loader->texts.count = 0;
    loader->keeps_texts = true;
    int r = parse_unit(loader, file, name);
    loader->keeps_texts = false;
    if (r == LOADED && drop_own_instance(loader, template)) r = LOAD_REFUSED;
    if (r == LOADED) return store_prototype(loader, file, template);
    return r < 0 ? r : unit_set_add_absent(loader->set, template, r == LOAD_MASKED ? UNIT_MASKED : UNIT_REFUSED);
}

int load_add_prototype(struct loader *loader, const struct search_file *file, const char *name, const char *template)
{
    diag_sink_set_mode(loader->diags, file->native ? DIAG_ERROR : DIAG_WARNING, false);
    int r = add_prototype(loader, file, name, template);
    diag_sink_set_mode(loader->diags, DIAG_ERROR, false);
    return r;
}

int load_add_stateless(struct loader *loader, const char *name, enum unit_load_state state)
{
    if (state == UNIT_STATE_LOADED) return load_add_unit(loader, NULL, name, false);
    loader->scratch = unit_settings_default;
    loader->dropins.count = loader->names.count = 0;
    return store_unit(loader, NULL, name, false, state, true);
}

int load_trigger(struct loader *loader, const struct unit *unit, const char **ret)
{
    const char *suffix = unit_kind_suffix(unit->kind == UNIT_KIND_AUTOMOUNT ? UNIT_KIND_MOUNT : UNIT_KIND_SERVICE);
    size_t length;
    *ret = NULL;
    switch (unit->kind) {
    case UNIT_KIND_SOCKET:
        if (unit->socket->accept) return 0; /* a service for each connection, and none before */
        *ret = unit->socket->service;
        break;
    case UNIT_KIND_TIMER:
        *ret = unit->timer->unit;
        break;
    case UNIT_KIND_PATH:
        *ret = unit->path_unit->unit;
        break;
    case UNIT_KIND_AUTOMOUNT:
        break;
    case UNIT_KIND_SERVICE:
    case UNIT_KIND_TARGET:
    case UNIT_KIND_SLICE:
    case UNIT_KIND_SCOPE:
    case UNIT_KIND_MOUNT:
    case UNIT_KIND_SWAP:
    case UNIT_KIND_DEVICE:
    case UNIT_KIND_COUNT:
        return 0;
    }
    if (*ret) return 0;
    const char *stem = unit_name_stem(unit->name, &length);
    *ret = arena_printf(unit_set_arena(loader->set), "%.*s%s", (int)length, stem, suffix);
    return *ret ? 0 : -ENOMEM;
}

int load_check_file(struct loader *loader, const struct search_file *file, const char *name)
{
    int r = parse_unit(loader, file, name);
    return MIN_OF(r, 0);
}

/* What two instances of a template say alike is told once. A unit of systemd's search path that cannot be loaded is not
 * the end of the run, as it is none in systemd: it does not start, and that is a warning; less where nobody starts it.
 */
int load_add_unit(struct loader *loader, const struct search_file *file, const char *name, bool instance)
{
    bool systemd = loader->options->systemd && !(file && file->native);
    diag_sink_set_mode(loader->diags, loader->aside ? DIAG_NOTE : systemd ? DIAG_WARNING : DIAG_ERROR, instance);
    int r = add_unit(loader, file, name, instance);
    diag_sink_set_mode(loader->diags, DIAG_ERROR, false);
    return r;
}
