#include "cmd/container-init/commands.h"
#include "cmd/container-init/sarif.h"
#include "cmd/container-init/validate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/json.h"
#include "base/log.h"
#include "base/str.h"
#include "base/vec.h"
#include "userdb/userdb.h"
#include "unit/graph.h"
#include "unit/lint.h"
#include "unit/rules.h"
#include "unit/unit.h"
#include "unit/validate.h"

/* One look at the units, for a run or for --validate. */
struct check {
    const struct validate_request *request;
    struct diag_sink *diags;
    struct lint *lint; /* --validate only */
    struct userdb *users;
    struct loaded_units units;
    size_t n_loading; /* diagnostics of loading; the rest are of rules across units */
    bool refused;     /* the set cannot be run */
    bool run;
};

static void check_done(struct check *check)
{
    diag_sink_free(check->diags); /* first: it points to names that the set owns */
    lint_free(check->lint);
    userdb_free(check->users);
    loaded_units_done(&check->units);
}

void loaded_units_done(struct loaded_units *units)
{
    graph_free(units->graph);
    unit_set_free(units->set);
    units->graph = NULL;
    units->set = NULL;
}

/* What --allow and --rule say of the rules. 0, -ENOMEM, or -EINVAL for what is neither, which has been logged. */
static int check_switches(struct check *check)
{
    const struct validate_request *request = check->request;
    AUTO_STR struct str error = STR_EMPTY;
    int r = rules_set_defaults(check->diags);
    for (size_t i = 0; r == 0 && request->allow && request->allow[i]; i++) {
        r = diag_sink_allow(check->diags, request->allow[i]);
        if (r == -EINVAL) log_error("--allow: expects CODE or CODE:DIRECTIVE, separated by commas");
        if (r == 0) r = rules_know(request->allow[i], &error);
        if (r == -EINVAL && error.length > 0) log_error("--allow: %s", str_text(&error));
    }
    for (size_t i = 0; r == 0 && request->rules && request->rules[i]; i++) {
        r = rules_switch(check->diags, request->rules[i], &error);
        if (r == -EINVAL) log_error("--rule: %s", str_text(&error));
    }
    return r;
}

/* ---- what the linter asks about the image ---- */

static int find_user(const char *name, void *userdata)
{
    struct user_identity identity = USER_IDENTITY_EMPTY;
    int r = userdb_lookup_user(userdata, name, &identity);
    user_identity_done(&identity);
    return r == -ESRCH ? 0 : r < 0 ? r : 1;
}

static int find_group(const char *name, void *userdata)
{
    gid_t gid;
    int r = userdb_lookup_group(userdata, name, &gid);
    return r == -ESRCH ? 0 : r < 0 ? r : 1;
}

/* A path of the image that is no link, and so cannot lead out of it; as long as nobody builds the image meanwhile. */
static bool is_plain(const char *path)
{
    struct stat st;
    return lstat(path, &st) < 0 ? errno == ENOENT : !S_ISLNK(st.st_mode);
}

/* The passwd and group files of the image. Where one is a link nobody is asked. 0 or -ENOMEM. */
static int open_users(struct check *check)
{
    AUTO_STR struct str etc = STR_EMPTY, passwd = STR_EMPTY, group = STR_EMPTY;
    const char *root = check->request->root;
    int r = str_appendf(&etc, "%s/etc", root);
    if (r == 0) r = str_appendf(&passwd, "%s/etc/passwd", root);
    if (r == 0) r = str_appendf(&group, "%s/etc/group", root);
    if (r < 0 || !is_plain(str_text(&etc)) || !is_plain(str_text(&passwd)) || !is_plain(str_text(&group))) return r;
    return userdb_new_defaults(NULL, NULL, str_text(&passwd), str_text(&group), &check->users);
}

static int open_lint(struct check *check)
{
    struct lint_options options = { .root = check->request->root };
    int r = options.root ? open_users(check) : 0;
    if (r < 0) return r;
    if (check->users) {
        options.find_user = find_user;
        options.find_group = find_group;
        options.userdata = check->users;
    }
    return lint_new(&options, &check->lint);
}

/* Loads and checks. 0, -ENOMEM, or -EINVAL for switches that are none. */
static int check_load(struct check *check)
{
    const struct validate_request *request = check->request;
    struct unit_load_options options = { .directories = request->directories,
                                         .systemd = request->systemd,
                                         .root = request->root,
                                         .environment = request->environment };
    check->diags = diag_sink_new();
    if (!check->diags) return -ENOMEM;
    diag_sink_set_strict(check->diags, request->strict);
    int r = check_switches(check);
    if (r == 0 && !check->run) r = open_lint(check);
    if (r < 0) return r;
    options.lint = check->lint;
    r = unit_set_load(&options, check->diags, &check->units.report, &check->units.set);
    if (r < 0) return r;
    check->n_loading = diag_total(check->diags);
    r = graph_build(check->units.set, &check->units.graph);
    if (r == 0)
        r = unit_set_validate_linted(check->units.set, check->units.graph, check->lint, check->diags, &check->refused);
    if (r < 0) return r;
    check->units.report.warnings = (uint32_t)diag_warning_count(check->diags);
    return 0;
}

/* ---- text ---- */

static bool is_warning(const struct diag *d)
{
    return d->severity == DIAG_WARNING || d->was_warning;
}

/* The rendered text behind its first word, "error: " or "warning: ". */
static const char *text_without_severity(const char *rendered)
{
    const char *colon = strstr(rendered, ": ");
    return colon ? colon + 2 : rendered;
}

/* S12: "warning: FILE [Section] Directive: text", D12 adds more behind it. */
static void print_warnings(const struct check *check)
{
    for (size_t i = 0; i < diag_total(check->diags); i++) {
        const struct diag *d = diag_get(check->diags, i);
        if (d->severity == DIAG_ERROR && !d->was_warning) continue;
        char *text = diag_render(d, DIAG_TEXT);
        if (!text) continue;
        if (is_warning(d))
            log_warning("%s", text);
        else if (check->run)
            log_debug("%s", text);
        else
            log_info("%s", text);
        free(text);
    }
}

static void print_overrides(const struct check *check)
{
    for (size_t i = 0; i < unit_set_override_count(check->units.set); i++) {
        const struct unit_override *o = unit_set_override(check->units.set, i);
        log_info("drop-in override: %s replaces %s with %s", o->name, o->base_path, o->override_path);
    }
}

/* An error of loading, with what orders the errors: the directory, then the file, then as reported. */
struct load_error {
    const struct diag *diag;
    size_t directory, index;
    bool is_directory; /* the directory itself could not be read */
};
struct load_errors {
    struct load_error *items;
    size_t count, capacity;
};

static void load_errors_done(struct load_errors *errors)
{
    vec_done(errors);
}

/* Which of the directories the file lies in; the number of directories when it is none of them. */
static size_t directory_of(const struct validate_request *request, const char *file, bool *ret_is_directory)
{
    size_t i;
    *ret_is_directory = false;
    for (i = 0; request->directories[i]; i++) {
        size_t length = strlen(request->directories[i]);
        while (length > 1 && request->directories[i][length - 1] == '/') length--;
        if (length == 0 || !file || strncmp(file, request->directories[i], length) != 0) continue;
        *ret_is_directory = file[length] == '\0';
        if (file[length] == '\0' || file[length] == '/') break;
    }
    return i;
}

static int compare_errors(const void *a, const void *b)
{
    const struct load_error *x = a, *y = b;
    if (x->directory != y->directory) return x->directory < y->directory ? -1 : 1;
    int order = strcmp(x->diag->at.file ? x->diag->at.file : "", y->diag->at.file ? y->diag->at.file : "");
    return order != 0 ? order : (x->index > y->index) - (x->index < y->index);
}

static int collect_errors(const struct check *check, struct load_errors *errors)
{
    for (size_t i = 0; i < check->n_loading; i++) {
        struct load_error error = { .diag = diag_get(check->diags, i), .index = i };
        if (error.diag->severity != DIAG_ERROR) continue;
        error.directory = directory_of(check->request, error.diag->at.file, &error.is_directory);
        int r = vec_push(errors, error);
        if (r < 0) return r;
    }
    if (errors->count > 1) qsort(errors->items, errors->count, sizeof *errors->items, compare_errors);
    return 0;
}

/* "FILE: reason"; a directory is named in full. */
static int append_reason(struct str *block, const struct load_error *error)
{
    const char *file = error->diag->at.file ? error->diag->at.file : "";
    const char *name = error->is_directory ? file : diag_file_name(file);
    char *text = diag_render(error->diag, DIAG_TEXT);
    if (!text) return -ENOMEM;
    const char *reason = text_without_severity(text);
    if (str_starts_with(reason, diag_file_name(file))) {
        reason += strlen(diag_file_name(file));
        reason += strspn(reason, ": ");
    }
    int r = str_appendf(block, "\n  %s: %s", name, reason);
    free(text);
    return r;
}

/* The lines of one file, of which errors[0] is the first error. Moves *ret_next behind them. */
static int append_file(struct str *block, const struct load_errors *errors, size_t first, size_t *ret_next)
{
    const char *file = errors->items[first].diag->at.file;
    size_t warnings = 0, i;
    int r = 0;
    for (i = first; r == 0 && i < errors->count && str_equal(errors->items[i].diag->at.file, file); i++) {
        if (errors->items[i].diag->was_warning)
            warnings++;
        else
            r = append_reason(block, &errors->items[i]);
    }
    *ret_next = i;
    if (r < 0 || warnings == 0) return r;
    const char *name = file ? diag_file_name(file) : "units";
    return str_appendf(block, "\n  %s: strict-units: %zu warning(s) on %s", name, warnings, name);
}

/* S14: one heading over all, one per directory. */
static int append_load_errors(const struct check *check, struct str *block)
{
    __attribute__((cleanup(load_errors_done))) struct load_errors errors = VEC_EMPTY;
    size_t headed = SIZE_MAX;
    int r = collect_errors(check, &errors);
    if (r == 0) r = str_append(block, "unit load errors:");
    for (size_t i = 0; r == 0 && i < errors.count;) {
        if (errors.items[i].directory != headed && !errors.items[i].is_directory) {
            headed = errors.items[i].directory;
            r = str_append(block, "\n  unit load errors:");
        }
        if (r == 0) r = append_file(block, &errors, i, &i);
    }
    return r;
}

/* S14: warnings that belong to no single file. */
static int append_set_warnings(const struct check *check, struct str *block)
{
    size_t count = 0;
    for (size_t i = check->n_loading; i < diag_total(check->diags); i++)
        count += diag_get(check->diags, i)->was_warning;
    int r = str_appendf(block, "strict-units: %zu warning(s):", count);
    for (size_t i = check->n_loading; r == 0 && i < diag_total(check->diags); i++) {
        const struct diag *d = diag_get(check->diags, i);
        if (!d->was_warning) continue;
        char *text = diag_render(d, DIAG_TEXT);
        r = text ? str_appendf(block, "\n  %s", text_without_severity(text)) : -ENOMEM;
        free(text);
    }
    return r;
}

/* A warning that is an error by --strict-units or --rule. */
static bool strict_failure(const struct check *check)
{
    return diag_promoted_count(check->diags) > 0;
}

/* S07: nothing, or why the units could not be loaded. */
static void print_load_failure(const struct check *check)
{
    AUTO_STR struct str block = STR_EMPTY;
    int r = 0;
    if (check->units.report.failed)
        r = append_load_errors(check, &block);
    else if (strict_failure(check))
        r = append_set_warnings(check, &block);
    else
        return;
    log_error("load units: %s", r < 0 ? strerror(-r) : str_text(&block));
}

/* S08, S07: "validate: dependency cycle in unit set: ...". */
static void print_refusals(const struct check *check)
{
    for (size_t i = check->n_loading; i < diag_total(check->diags); i++) {
        const struct diag *d = diag_get(check->diags, i);
        if (d->severity != DIAG_ERROR || d->was_warning) continue;
        struct diag bare = *d;
        if (strcmp(d->code, "dependency-cycle") == 0) bare.at = (struct pos){ 0 }; /* belongs to several files */
        char *text = diag_render(&bare, DIAG_TEXT);
        log_error("%s: %s", check->run ? "supervisor" : "validate", text ? text_without_severity(text) : d->message);
        free(text);
    }
}

/* ---- the other forms ---- */

/* Like a compiler: everything on descriptor 2, in the order it was found. */
static void print_gcc(const struct check *check)
{
    for (size_t i = 0; i < diag_total(check->diags); i++) {
        const struct diag *d = diag_get(check->diags, i);
        char *text = check->run && d->severity == DIAG_NOTE ? NULL : diag_render(d, DIAG_GCC);
        if (text) (void)fprintf(check->request->err, "%s\n", text); /* nobody is left to tell when it fails */
        free(text);
    }
}

/* Prints the object and a newline; takes it. */
static void print_json_take(FILE *out, struct json_value *object)
{
    char *text = object ? json_print(object, 0) : NULL;
    if (text) (void)fprintf(out, "%s\n", text); /* the caller looks at ferror() once at the end */
    free(text);
    json_free(object);
}

static struct json_value *override_object(const struct unit_override *o)
{
    AUTO(json_free) struct json_value *object = json_object_new();
    if (!object || json_object_set_take(object, "base_path", json_string_new(o->base_path)) < 0 ||
        json_object_set_take(object, "override", json_string_new(o->name)) < 0 ||
        json_object_set_take(object, "override_path", json_string_new(o->override_path)) < 0)
        return NULL;
    return TAKE(object);
}

static void print_json(const struct check *check, FILE *out)
{
    for (size_t i = 0; i < diag_total(check->diags); i++) {
        const struct diag *d = diag_get(check->diags, i);
        char *text = check->run && d->severity == DIAG_NOTE ? NULL : diag_render(d, DIAG_JSON);
        if (text) (void)fprintf(out, "%s\n", text); /* as in print_json_take() */
        free(text);
    }
    for (size_t i = 0; i < unit_set_override_count(check->units.set); i++)
        print_json_take(out, override_object(unit_set_override(check->units.set, i)));
}

static void print_json_summary(const struct check *check, int status)
{
    const struct unit_load_report *report = &check->units.report;
    AUTO(json_free) struct json_value *object = json_object_new();
    size_t errors = diag_count(check->diags, DIAG_ERROR);
    if (!object || json_object_set_u64(object, "errors", errors) < 0 ||
        json_object_set_take(object, "exit", json_int_new(status)) < 0 ||
        json_object_set_u64(object, "overrides", report->overrides) < 0 ||
        json_object_set_take(object, "strict", json_bool_new(check->request->strict)) < 0 ||
        json_object_set_u64(object, "units", report->units) < 0 ||
        json_object_set_u64(object, "warnings", report->warnings) < 0)
        return;
    print_json_take(check->request->out, TAKE(object));
}

/* S13: not reached when loading failed. */
static void print_summary(const struct check *check)
{
    const struct unit_load_report *report = &check->units.report;
    (void)fprintf(check->request->out, "container-init validate: units=%u warnings=%u overrides=%u strict=%s\n",
                  report->units, report->warnings, report->overrides, check->request->strict ? "true" : "false");
}

/* Everything that was found, in the form that was asked for; the summary in --validate. */
static void print_check(const struct check *check, int status)
{
    bool loaded = !check->units.report.failed && !strict_failure(check);
    switch (check->request->format) {
    case DIAG_JSON:
        print_json(check, check->run ? check->request->err : check->request->out);
        if (!check->run) print_json_summary(check, status);
        return;
    case DIAG_GCC:
        print_gcc(check);
        print_overrides(check);
        if (!check->run && loaded) print_summary(check);
        return;
    case DIAG_SARIF:
        if (sarif_print(check->run ? check->request->err : check->request->out, check->diags, status) < 0)
            log_error("validate: the result could not be written: %s", strerror(ENOMEM));
        return;
    case DIAG_TEXT:
        break;
    }
    print_warnings(check);
    print_overrides(check);
    print_load_failure(check);
    if (!check->run && loaded) print_summary(check);
    (void)fflush(check->request->out); /* in order with what follows on descriptor 2 */
    print_refusals(check);
}

/* 0, or the exit status of a failure to look at all, which has been logged. */
static int check_start(struct check *check)
{
    int r = check_load(check);
    if (r == 0) return 0;
    if (r == -EINVAL) return EXIT_USAGE;
    log_error("load units: %s", strerror(-r));
    return EXIT_UNITS;
}

static bool check_failed(const struct check *check)
{
    return check->units.report.failed || check->refused || strict_failure(check);
}

int cmd_validate(const struct validate_request *request)
{
    __attribute__((cleanup(check_done))) struct check check = { .request = request };
    int status = check_start(&check);
    if (status != 0) return status;
    status = check_failed(&check) ? EXIT_UNITS : check.units.report.warnings > 0 ? EXIT_WARNINGS : 0;
    print_check(&check, status);
    if (fflush(request->out) == 0 && !ferror(request->out)) return status;
    log_error("validate: the result could not be written: %s", strerror(errno));
    return MAX_OF(status, EXIT_WARNINGS);
}

int cmd_load_units(const struct validate_request *request, struct loaded_units *ret)
{
    __attribute__((cleanup(check_done))) struct check check = { .request = request, .run = true };
    int status = check_start(&check);
    if (status != 0) return status;
    print_check(&check, check_failed(&check) ? EXIT_UNITS : 0);
    if (check_failed(&check)) return EXIT_UNITS;
    *ret = check.units;
    check.units = (struct loaded_units){ 0 };
    return 0;
}
