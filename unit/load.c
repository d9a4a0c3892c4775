#include "unit/load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/arena.h"
#include "base/diag.h"
#include "unit/default_dependencies.h"
#include "unit/lint_internal.h"
#include "unit/load_internal.h"
#include "unit/special.h"

/* A template whose instances name further instances would go on for ever. */
#define INSTANCES_MAX 4096
/* systemd follows fewer. */
#define LINKS_MAX 16

static void loader_done(struct loader *loader)
{
    search_free(loader->search);
    vec_done(&loader->names);
    vec_done(&loader->dropins);
    vec_done(&loader->goals);
    vec_done(&loader->instantiated);
    vec_done(&loader->dropins_of);
    vec_done(&loader->texts);
}

static struct diag_about about_file(const struct search_file *file)
{
    return (struct diag_about){ .at = { .file = file->path } };
}

static bool is_template(const char *name)
{
    return unit_name_form(name) == UNIT_NAME_TEMPLATE;
}

/* ---- the native directories ---- */

static int report_overrides(struct loader *loader)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < search_count(loader->search); i++) {
        const struct search_file *file = search_get(loader->search, i);
        if (file->replaced_path) r = unit_set_add_override(loader->set, file->name, file->replaced_path, file->path);
    }
    return r;
}

static int add_native_files(struct loader *loader)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < search_count(loader->search); i++) {
        const struct search_file *file = search_get(loader->search, i);
        if (!file->native) continue;
        if (!file->alias_of && !is_template(file->name)) r = load_add_unit(loader, file, file->name, false);
    }
    return r;
}

/* ---- which unit a name means ---- */

int load_resolve(struct loader *loader, const char *name, const char **ret_name, const struct search_file **ret_file)
{
    if (loader->no_default && strcmp(name, DEFAULT_TARGET) == 0) name = DEFAULT_TARGET_FALLBACK;
    for (unsigned links = 0; links < LINKS_MAX; links++) {
        const struct search_file *file = search_find(loader->search, name);
        if (!file && unit_name_form(name) == UNIT_NAME_INSTANCE && unit_kind_of_name(name) != UNIT_KIND_COUNT) {
            AUTO_STR struct str template = STR_EMPTY;
            int r = unit_name_template(name, &template);
            if (r == -ENOMEM) return r;
            file = search_find(loader->search, str_text(&template));
        }
        const char *also = file || !loader->options->systemd ? NULL : special_alias(name);
        *ret_name = name;
        *ret_file = file;
        if (!also && (!file || !file->alias_of)) return 0;
        name = also ? also : load_instantiate(loader, file->alias_of, name);
        if (!name) return -ENOMEM;
    }
    return -ELOOP;
}

static int add_native_aliases(struct loader *loader)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < search_count(loader->search); i++) {
        const struct search_file *file = search_get(loader->search, i), *target = NULL;
        const char *name;
        if (!file->native || !file->alias_of || unit_set_has_name(loader->set, file->name)) continue;
        r = load_resolve(loader, file->name, &name, &target);
        if (r == -ENOMEM) return r;
        if (r == 0 && target && !target->native) continue; /* one of systemd's, which is loaded when it is named */
        r = r == 0 && target ? unit_set_add_alias(loader->set, file->name, name)
                             : unit_set_add_absent(loader->set, file->name, UNIT_REFUSED);
    }
    return r;
}

/* ---- what is named ---- */

static int add_instance(struct loader *loader, const struct search_file *template, const char *name)
{
    int r = vec_push(&loader->instantiated, template);
    if (r < 0) return r;
    if (loader->instantiated.count <= INSTANCES_MAX) return load_add_unit(loader, template, name, true);
    if (loader->instantiated.count == INSTANCES_MAX + 1)
        diag_report(loader->diags, DIAG_ERROR, about_file(template), "too-many-instances", NULL,
                    "more than %d instances of templates: do they name each other?", INSTANCES_MAX);
    if (loader->options->describe) return load_add_stateless(loader, name, UNIT_STATE_ERROR);
    return unit_set_add_absent(loader->set, name, UNIT_REFUSED);
}

/* A unit of a kind that is not run, the business of whoever made the container: what requires it does not wait for it.
 */
static int add_inert(struct loader *loader, const struct search_file *file, const char *name)
{
    if (loader->options->lint && file && !file->masked && !is_template(file->name)) {
        diag_sink_set_mode(loader->diags, !file->native, false);
        int r = load_check_file(loader, file, name); /* its mistakes are told all the same */
        diag_sink_set_mode(loader->diags, false, false);
        if (r < 0) return r;
    }
    return unit_set_add_absent(loader->set, name, file && file->masked ? UNIT_MASKED : UNIT_INERT);
}

/* Slices need no file; these few units are there whatever files say (systemd.special(7)). */
static bool exists_without_file(const struct loader *loader, const char *name)
{
    if (special_target(name) || unit_kind_of_name(name) == UNIT_KIND_SLICE) return true;
    return loader->options->describe && (strcmp(name, "-.mount") == 0 || strcmp(name, "init.scope") == 0);
}

/* The business of whoever makes the container: without a file nobody asks for more than that. */
static bool is_from_outside(enum unit_kind kind)
{
    return kind == UNIT_KIND_MOUNT || kind == UNIT_KIND_AUTOMOUNT || kind == UNIT_KIND_SWAP || kind == UNIT_KIND_DEVICE;
}

/* `name` is the unit's own, and not in the set. */
static int enter(struct loader *loader, const struct search_file *file, const char *name)
{
    enum unit_kind kind = unit_kind_of_name(name);
    bool systemd = loader->options->systemd;
    bool inert = kind != UNIT_KIND_COUNT && (!unit_kind_runs(kind) || (is_from_outside(kind) && !file));
    if (!loader->options->describe && inert) return systemd ? add_inert(loader, file, name) : 0;
    if (file && is_template(file->name)) return add_instance(loader, file, name);
    if (file) return load_add_unit(loader, file, name, false);
    if (exists_without_file(loader, name)) return load_add_stateless(loader, name, UNIT_STATE_LOADED);
    if (loader->options->describe) return load_add_stateless(loader, name, UNIT_STATE_NOT_FOUND);
    return systemd ? unit_set_add_absent(loader->set, name, UNIT_NOT_FOUND) : 0;
}

static int report_loop(struct loader *loader, const char *name)
{
    const struct search_file *file = search_find(loader->search, name);
    diag_report(loader->diags, DIAG_WARNING, (struct diag_about){ .at = { .file = file ? file->path : NULL } },
                "alias-loop", NULL, "%s is a link that leads round in a circle", name);
    if (loader->options->describe) return load_add_stateless(loader, name, UNIT_STATE_ERROR);
    return unit_set_add_absent(loader->set, name, UNIT_REFUSED);
}

/* Somebody names this unit: if there is a file for it, or it is built in, it now exists. `name` outlives the set. */
static int reference(struct loader *loader, const char *name)
{
    const struct search_file *file;
    const char *own;
    if (unit_set_has_name(loader->set, name)) return 0;
    int r = load_resolve(loader, name, &own, &file);
    if (r == -ELOOP) return report_loop(loader, name);
    if (r == 0 && !unit_set_has_name(loader->set, own)) {
        const char *special = file ? NULL : special_target(own);
        r = enter(loader, file, special ? special : own);
    }
    if (r < 0 || own == name || unit_set_has_name(loader->set, name)) return r;
    return unit_set_add_alias(loader->set, name, own);
}

static int follow(struct loader *loader, const struct unit_ref_list *list)
{
    int r = 0;
    for (uint32_t i = 0; r == 0 && i < list->count; i++) r = reference(loader, list->items[i].name);
    return r;
}

/* The unit that this one triggers; Service= or Unit= may be left out: foo@bar.socket has foo@bar.service. */
static int follow_trigger(struct loader *loader, const struct unit *unit)
{
    const char *name;
    int r = load_trigger(loader, unit, &name);
    return r < 0 || !name ? r : reference(loader, name);
}

/* A mount unit for a path that is needed, or for one above it, is ordered before who needs it. A run has only those
 * that somebody wrote a file for. */
static int follow_mounts(struct loader *loader, const struct text_list *paths)
{
    bool describe = loader->options->describe;
    for (uint32_t i = 0; i < paths->count; i++) {
        const char *path = paths->items[i];
        for (size_t end = 1;; end++) {
            if (path[end] != '/' && path[end] != '\0' && end > 1) continue;
            AUTO_STR struct str prefix = STR_EMPTY, name = STR_EMPTY;
            int r = str_append_bytes(&prefix, path, end);
            if (r == 0) r = unit_name_from_path(str_text(&prefix), ".mount", &name);
            if (r == -ENOMEM) return r;
            if (r == 0 && ((describe && end == 1) || search_find(loader->search, str_text(&name)))) {
                const char *kept = arena_strdup(unit_set_arena(loader->set), str_text(&name));
                r = kept ? reference(loader, kept) : -ENOMEM;
                if (r < 0) return r;
            }
            if (path[end] == '\0' || path[1] == '\0') break;
        }
    }
    return 0;
}

/* Which relations make a unit start, or may make it start later. */
static bool pulls_in(enum unit_relation relation)
{
    return relation == UNIT_REQUIRES || relation == UNIT_REQUISITE || relation == UNIT_WANTS ||
           relation == UNIT_BINDS_TO || relation == UNIT_UPHOLDS || relation == UNIT_ON_FAILURE ||
           relation == UNIT_ON_SUCCESS;
}

static int follow_relations(struct loader *loader, const struct unit *unit, bool pulling)
{
    int r = 0;
    for (enum unit_relation relation = 0; r == 0 && relation < UNIT_RELATION_COUNT; relation++)
        if (pulls_in(relation) == pulling) r = follow(loader, &unit->unit->relations[relation]);
    return r;
}

/* What was added here is looked at in its turn: a work list, not recursion. Under systemd's rules what is named only to
 * be before, after or in conflict with comes last, and what that names in its turn is nothing to a run. */
static int follow_all(struct loader *loader)
{
    int r = 0;
    struct unit *unit;
    bool describe = loader->options->describe, at_once = describe || !loader->options->systemd;
    uint32_t i;
    for (i = 0; r == 0 && (unit = unit_set_added(loader->set, i)); i++) {
        r = follow_relations(loader, unit, true);
        if (r == 0 && at_once) r = follow_relations(loader, unit, false);
        if (r == 0) r = follow(loader, &unit->service->sockets);
        if (r == 0)
            r = unit->kind == UNIT_KIND_SOCKET && unit->socket->accept && !describe ? load_template(loader, unit)
                                                                                    : follow_trigger(loader, unit);
        const char *stop;
        for (size_t k = 0; r == 0 && (stop = special_stop_of(unit, k)); k++) r = reference(loader, stop);
        if (r == 0 && describe && unit->resource->slice) r = reference(loader, unit->resource->slice);
        if (r == 0) r = follow_mounts(loader, &unit->unit_extra->requires_mounts_for);
        if (r == 0) r = follow_mounts(loader, &unit->unit_extra->wants_mounts_for);
    }
    loader->aside = true;
    for (uint32_t k = 0; r == 0 && k < i && !at_once; k++)
        r = follow_relations(loader, unit_set_added(loader->set, k), false);
    loader->aside = false;
    return r;
}

/* ---- what the mode starts ---- */

/* The default target is whatever has its name; where nothing has, multi-user.target takes its place and its links. */
static int add_default_target(struct loader *loader)
{
    const char *goal = loader->no_default ? DEFAULT_TARGET_FALLBACK : DEFAULT_TARGET;
    int r = reference(loader, goal);
    for (size_t i = 0; r == 0 && special_signal_target(i) && !loader->options->describe; i++)
        if (search_find(loader->search, special_signal_target(i))) r = reference(loader, special_signal_target(i));
    return r < 0 ? r : vec_push(&loader->goals, goal);
}

/* What the shutdown wants is not named by anybody who starts. */
static int add_stop_targets(struct loader *loader)
{
    static const char *const names[] = { "shutdown.target", "umount.target", "final.target" };
    static const char *const suffixes[] = { ".wants", ".requires" };
    int r = 0;
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        for (size_t k = 0; r == 0 && k < COUNT_OF(suffixes); k++) {
            const struct search_file **files;
            size_t count;
            r = search_side_files(loader->search, suffixes[k], &names[i], 1, &files, &count);
            free(files);
            if (r == 0 && count > 0) r = reference(loader, names[i]);
        }
    }
    return r;
}

static int mark_goals(struct loader *loader)
{
    for (size_t i = 0; i < loader->goals.count; i++) {
        const struct unit *found = unit_set_find(loader->set, loader->goals.items[i]);
        struct unit *unit = NULL;
        for (uint32_t k = 0; found && (unit = unit_set_added(loader->set, k)) && unit != found;) k++;
        if (unit)
            unit->goal = true;
        else if (!loader->options->describe)
            diag_report(loader->diags, DIAG_ERROR, (struct diag_about){ .at = { .line = 0 } }, "missing-goal", NULL,
                        "%s cannot be started: it %s", loader->goals.items[i],
                        unit_set_absence(loader->set, loader->goals.items[i]) == UNIT_MASKED    ? "is masked"
                        : unit_set_absence(loader->set, loader->goals.items[i]) == UNIT_REFUSED ? "could not be loaded"
                                                                                                : "does not exist");
    }
    return 0;
}

/* `names` in place of what the mode starts. */
static int add_names(struct loader *loader)
{
    int r = 0;
    for (const char *const *name = loader->options->names; r == 0 && *name; name++) {
        const char *kept = arena_strdup(unit_set_arena(loader->set), *name);
        r = kept ? reference(loader, kept) : -ENOMEM;
        if (r == 0) r = vec_push(&loader->goals, kept);
    }
    return r;
}

/* ---- templates ---- */

/* Reads a template as if somebody had named an instance of it, as systemd-analyze(1) verify does. */
static int check_template(struct loader *loader, const struct search_file *file)
{
    size_t length;
    (void)unit_name_stem(file->name, &length);
    const char *suffix = file->name + length;
    const char *name =
        arena_printf(unit_set_arena(loader->set), "%.*stest-instance%s", (int)length, file->name, suffix);
    return name ? load_check_file(loader, file, unit_name_is_valid(name) ? name : file->name) : -ENOMEM;
}

/* A template without an instance is read all the same, so that --validate finds its mistakes. */
static int check_templates(struct loader *loader)
{
    for (size_t i = 0; i < search_count(loader->search); i++) {
        const struct search_file *file = search_get(loader->search, i);
        if (!file->native || file->alias_of || !is_template(file->name)) continue;
        bool used = false;
        for (size_t k = 0; !used && k < loader->instantiated.count; k++) used = loader->instantiated.items[k] == file;
        if (used) continue;
        int r = check_template(loader, file);
        if (r < 0) return r;
    }
    return 0;
}

/* ---- all together ---- */

static int tell_lint(struct loader *loader)
{
    int r = 0;
    for (size_t i = 0; r == 0 && loader->options->lint && i < search_count(loader->search); i++)
        r = lint_know_file(loader->options->lint, search_get(loader->search, i));
    return r;
}

static int load_everything(struct loader *loader)
{
    const struct unit_load_options *options = loader->options;
    const struct search_options search = {
        .directories = options->directories,
        .systemd = options->systemd,
        .root = options->root,
        .all_kinds = options->describe,
    };
    int r = search_new(&search, unit_set_arena(loader->set), loader->diags, &loader->search);
    if (r == 0) loader->no_default = options->systemd && !search_find(loader->search, DEFAULT_TARGET);
    if (r == 0) r = report_overrides(loader);
    if (r == 0 && options->names) r = add_names(loader);
    if (r == 0 && !options->names) r = add_native_files(loader);
    if (r == 0 && !options->names && options->systemd) r = add_default_target(loader);
    if (r == 0 && !options->names && options->systemd) r = add_stop_targets(loader);
    if (r == 0 && !options->names) r = add_native_aliases(loader);
    if (r == 0) r = follow_all(loader);
    if (r == 0 && !options->names) r = check_templates(loader);
    if (r == 0) r = mark_goals(loader);
    if (r == 0) r = tell_lint(loader);
    if (r < 0) return r;
    if (!options->names) search_report_unused(loader->search, loader->diags);
    r = default_dependencies_connect(loader->set);
    if (r == 0) r = unit_set_seal(loader->set);
    return r == 0 && options->describe ? load_describe(loader) : r;
}

static uint32_t count_files(const struct unit_set *set)
{
    uint32_t count = 0;
    for (uint32_t id = 0; id < unit_set_count(set); id++) {
        const struct unit *unit = unit_set_get(set, id);
        count += !unit->builtin && !unit->template;
    }
    return count;
}

int unit_set_load(const struct unit_load_options *options, struct diag_sink *diags, struct unit_load_report *ret_report,
                  struct unit_set **ret_set)
{
    AUTO(unit_set_free) struct unit_set *set = NULL;
    __attribute__((cleanup(loader_done))) struct loader loader = { .options = options, .diags = diags };
    size_t errors = diag_count(diags, DIAG_ERROR), warnings = diag_warning_count(diags);
    struct utsname host;
    loader.hostname = options->hostname ? options->hostname : uname(&host) == 0 ? host.nodename : "localhost";
    int r = unit_set_new(&set);
    if (r < 0) return r;
    loader.set = set;
    unit_set_machine(set)->root = options->root;
    r = load_everything(&loader);
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
