/* container-init analyze condition: what conditions and assertions answer here, and now. */
#include "cmd/container-init/analyze.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/diag.h"
#include "base/str.h"
#include "supervisor/condition.h"
#include "unit/condition.h"
#include "unit/load.h"
#include "unit/name.h"
#include "unit/paths.h"
#include "unit/specifier.h"
#include "unit/unit.h"
#include "unit/values.h"
#include "unit/words.h"
#include "userdb/userdb.h"

#define UNIT_NAME "test.service" /* of those on the command line, as in systemd-analyze */

struct answers {
    const struct analyze_options *options;
    const char *unit;
};

/* ---- the answers ---- */

static void on_tested(const struct condition *c, int r, void *userdata)
{
    const struct answers *answers = userdata;
    AUTO_STR struct str text = STR_EMPTY;
    if (condition_format(c, &text) < 0) return;
    if (r < 0)
        analyze_complain(answers->options, "%s: Couldn't determine result for %s, assuming failed: %s", answers->unit,
                         str_text(&text), strerror(-r));
    else
        analyze_complain(answers->options, "%s: %s %s.", answers->unit, str_text(&text),
                         r > 0 ? "succeeded" : "failed");
}

static bool has_any(const struct condition_list *list, bool asserts)
{
    for (uint32_t i = 0; i < list->count; i++)
        if (list->items[i].is_assert == asserts) return true;
    return false;
}

/* Both lists are gone through, whatever the first says. */
static int answer(const struct analyze_options *options, const char *unit, const struct condition_list *list)
{
    AUTO(userdb_free) struct userdb *userdb = NULL;
    struct answers answers = { .options = options, .unit = unit };
    const char *passwd = getenv("CONTAINER_INIT_PASSWD_FILE"), *group = getenv("CONTAINER_INIT_GROUP_FILE");
    if (userdb_new(passwd, group, &userdb) < 0) return EXIT_FAILURE;
    struct condition_context context = { .environ = environ, .userdb = userdb, .uid = geteuid(), .gid = getegid() };
    bool all = true;
    for (int asserts = 1; asserts >= 0; asserts--) {
        bool holds = condition_list_test(list, asserts, &context, on_tested, &answers) > 0;
        all = all && holds;
        if (has_any(list, asserts))
            analyze_complain(options, "%s %s.", asserts ? "Asserts" : "Conditions", holds ? "succeeded" : "failed");
    }
    return all ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* ---- those of the command line ---- */

/* As condition.c of unit/ reads a path, in the words of systemd. */
static bool check_path(const struct analyze_options *options, const char *name, struct str *path)
{
    const char *text = str_text(path);
    if (*text != '/') {
        analyze_complain(options, "(cmdline): %s= path is not absolute, ignoring: %s", name, text);
        return false;
    }
    condition_simplify_path(path->data);
    path->length = strlen(path->data);
    if (!path_is_usable(text)) {
        analyze_complain(options, "(cmdline): %s= path has invalid length (%zu bytes), ignoring.", name, path->length);
        return false;
    }
    if (path_is_normalized(text)) return true;
    analyze_complain(options, "(cmdline): %s= path is not normalized, ignoring: %s", name, text);
    return false;
}

static void clear(struct condition_list *list, bool asserts)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < list->count; i++)
        if (list->items[i].is_assert != asserts) list->items[kept++] = list->items[i];
    list->count = kept;
}

/* "ConditionX = VALUE". 0, -EINVAL (it is none), -ENOMEM; what systemd ignores was reported and is left out. */
static int read_condition(const struct analyze_options *options, struct arena *arena, const char *line,
                          struct condition_list *list)
{
    AUTO_STR struct str parameter = STR_EMPTY, name = STR_EMPTY;
    struct condition c = { .parameter = "" };
    const char *unknown = NULL, *value = line + strcspn(line, "=" WORD_BLANKS);
    bool found = condition_find(line, (size_t)(value - line), &c.kind, &c.is_assert);
    int r = str_append_bytes(&name, line, (size_t)(value - line));
    value += strspn(value, WORD_BLANKS);
    if (!found || *value != '=') {
        analyze_complain(options, "Cannot parse \"%s\".", line);
        return -EINVAL;
    }
    value += 1 + strspn(value + 1, WORD_BLANKS);
    if (*value == '\0') {
        clear(list, c.is_assert);
        return 0;
    }
    value = condition_read_prefixes(value, &c);
    struct specifier_context context = { .unit_name = UNIT_NAME, .environment = environ };
    if (r == 0) r = specifier_expand(&context, value, strlen(value), &parameter, &unknown);
    if (r < 0) return r;
    bool is_path = condition_takes_path(c.kind);
    if (unknown) {
        const char *quote = is_path ? "" : "'";
        analyze_complain(options, "(cmdline): Failed to resolve unit specifiers in %s%s%s, ignoring: Invalid slot",
                         quote, value, quote);
        return 0;
    }
    if (is_path && !check_path(options, str_text(&name), &parameter)) return 0;
    c.parameter = arena_strdup(arena, str_text(&parameter));
    if (!c.parameter) return -ENOMEM;
    r = list_reserve(arena, (void **)&list->items, list->count, &list->capacity, sizeof *list->items);
    if (r == 0) list->items[list->count++] = c;
    return r;
}

static int analyze_lines(const struct analyze_options *options, int argc, char **argv)
{
    AUTO(arena_free) struct arena *arena = arena_new();
    struct condition_list list = { .count = 0 };
    int r = arena ? 0 : -ENOMEM;
    for (int i = 1; i < argc && r == 0; i++) r = read_condition(options, arena, argv[i], &list);
    if (r == -ENOMEM) analyze_complain(options, "Out of memory.");
    return r < 0 ? EXIT_FAILURE : answer(options, UNIT_NAME, &list);
}

/* ---- those of a unit ---- */

static int analyze_unit(const struct analyze_options *options)
{
    static const char *const native[] = { "/etc/container-init/units", "/etc/container-init.d", NULL };
    AUTO_STR struct str name = STR_EMPTY;
    int r = unit_name_mangle(options->unit, ".service", false, &name);
    if (r < 0) {
        analyze_complain(options, "Failed to mangle unit name %s: %s", options->unit, strerror(-r));
        return EXIT_FAILURE;
    }
    const char *names[] = { str_text(&name), NULL };
    const struct unit_load_options load = { .directories = native,
                                            .systemd = true,
                                            .root = options->root,
                                            .names = names,
                                            .describe = true,
                                            .environment = environ };
    AUTO(diag_sink_free) struct diag_sink *diags = diag_sink_new();
    AUTO(unit_set_free) struct unit_set *set = NULL;
    struct unit_load_report report;
    r = diags ? unit_set_load(&load, diags, &report, &set) : -ENOMEM;
    if (r < 0) {
        analyze_complain(options, "Failed to load %s: %s", names[0], strerror(-r));
        return EXIT_FAILURE;
    }
    static const char *const bad[UNIT_LOAD_STATE_COUNT] = {
        [UNIT_STATE_NOT_FOUND] = "not found",
        [UNIT_STATE_BAD_SETTING] = "has a bad unit file setting",
        [UNIT_STATE_ERROR] = "failed to load properly",
        [UNIT_STATE_MASKED] = "is masked",
    };
    const struct unit *unit = unit_set_find(set, names[0]);
    const char *why = bad[unit ? unit->load_state : UNIT_STATE_NOT_FOUND];
    if (!why) return answer(options, unit->name, &unit->unit->conditions);
    analyze_complain(options, "Unit %s %s.", names[0], why);
    return EXIT_FAILURE;
}

int analyze_condition(const struct analyze_options *options, int argc, char **argv)
{
    if (options->unit && argc > 1) {
        analyze_complain(options, "No conditions can be passed if --unit= is used.");
        return EXIT_FAILURE;
    }
    if (options->unit) return analyze_unit(options);
    if (argc > 1) return analyze_lines(options, argc, argv);
    analyze_complain(options, "Too few arguments for condition");
    return EXIT_FAILURE;
}
