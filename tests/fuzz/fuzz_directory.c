/* tests/fuzz/fuzz_directory.c - whole directories: files, drop-ins, links, masks and aliases below a root, loaded by
 * both rules, checked across units, and shown property by property.
 *
 * The input is a list of entries, each on a line of its own: "=NAME" begins a file, what follows are its lines;
 * "@NAME TARGET" is a symbolic link. Names begin with n/ (the native directory), d/ (the one of derived images), or
 * e/, r/, l/ (/etc, /run, /usr/lib of systemd's search path). */
#include "tests/fuzz/fuzz.h"

#include "base/json.h"
#include "unit/graph.h"
#include "unit/lint.h"
#include "unit/load.h"
#include "unit/property.h"
#include "unit/unit.h"
#include "unit/validate.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define ENTRIES_MAX 48

static const struct {
    char letter;
    const char *path;
} places[] = {
    { 'n', "/etc/container-init/units" }, { 'd', "/etc/container-init.d" },   { 'e', "/etc/systemd/system" },
    { 'r', "/run/systemd/system" },       { 'l', "/usr/lib/systemd/system" },
};

static char root[64];

static void remove_root(void)
{
    char *const paths[] = { root, NULL };
    FTS *tree = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    if (!tree) abort();
    for (FTSENT *entry = fts_read(tree); entry; entry = fts_read(tree)) {
        if (entry->fts_info == FTS_DP)
            (void)rmdir(entry->fts_path);
        else if (entry->fts_info != FTS_D)
            (void)unlink(entry->fts_path);
    }
    (void)fts_close(tree);
}

static void make_parents(char *path)
{
    for (char *slash = strchr(path + strlen(root) + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(path, 0755); /* there already, or in the way of a file: the entry is passed over */
        *slash = '/';
    }
}

/* Where an entry lies, below the root and nowhere else. */
static bool entry_path(const char *name, char *path, size_t size)
{
    if (name[0] == '\0' || name[1] != '/' || strstr(name, "..") || strlen(name) > 300) return false;
    for (size_t i = 0; i < COUNT_OF(places); i++) {
        if (places[i].letter != name[0]) continue;
        int n = snprintf(path, size, "%s%s%s", root, places[i].path, name + 1);
        if (n < 0 || (size_t)n >= size) return false;
        make_parents(path);
        return true;
    }
    return false;
}

static void make_entries(char *text)
{
    FILE *file = NULL;
    char path[512];
    size_t entries = 0;
    for (char *line = text, *end; *line && entries < ENTRIES_MAX; line = end) {
        end = line + strcspn(line, "\n");
        if (*end) *end++ = '\0';
        if (*line != '=' && *line != '@') {
            if (file) (void)fprintf(file, "%s\n", line);
            continue;
        }
        entries++;
        if (file) (void)fclose(file);
        file = NULL;
        char *target = *line == '@' ? strchr(line, ' ') : NULL;
        if (target) *target++ = '\0';
        if (!entry_path(line + 1, path, sizeof path)) continue;
        if (target)
            (void)!symlink(target, path);
        else
            file = fopen(path, "we");
    }
    if (file) (void)fclose(file);
}

/* Each property of each unit prints in both forms; the JSON is JSON, but for numbers that the reader cannot hold. */
static void show_unit(const struct unit_set *set, const struct unit *unit)
{
    AUTO_STR struct str text = STR_EMPTY;
    struct property_context context = { .unit = unit, .set = set };
    const struct property *property;
    for (size_t i = 0; (property = property_get(unit->kind, i)); i++) {
        str_clear(&text);
        PROMISE(property_text(property, &context, &text) == 0);
        PROMISE(!strchr(str_text(&text), '\n') || strcmp(property_name(property), "Description") != 0);
        str_clear(&text);
        PROMISE(property_json(property, &context, &text) == 0);
        if (strstr(str_text(&text), "922337203685477580") || strstr(str_text(&text), "1844674407370955")) continue;
        AUTO(json_free) struct json_value *array = NULL;
        AUTO_STR struct str wrapped = STR_EMPTY;
        PROMISE(str_appendf(&wrapped, "[%s]", str_text(&text)) == 0);
        PROMISE(json_parse(str_text(&wrapped), wrapped.length, &array, NULL) == 0);
    }
}

/* Those that have a file, and of the others one of each kind: they are much alike, and many. */
static void show_units(const struct unit_set *set)
{
    bool shown[UNIT_KIND_COUNT] = { false };
    for (uint32_t id = 0; id < unit_set_count(set) && id < 100; id++) {
        const struct unit *unit = unit_set_get(set, id);
        if (!unit->path && shown[unit->kind]) continue;
        shown[unit->kind] = true;
        show_unit(set, unit);
    }
}

static void load(bool systemd, bool describe)
{
    static const char *const directories[] = { "/etc/container-init/units", "/etc/container-init.d", NULL };
    static char *const environment[] = { "HOME=/root", "EMPTY=", NULL };
    struct unit_load_options options = { .directories = directories,
                                         .root = root,
                                         .systemd = systemd,
                                         .describe = describe,
                                         .environment = environment,
                                         .hostname = "box" };
    AUTO(lint_free) struct lint *lint = NULL;
    AUTO(diag_sink_free) struct diag_sink *diags = diag_sink_new();
    AUTO(unit_set_free) struct unit_set *set = NULL;
    AUTO(graph_free) struct graph *graph = NULL;
    struct unit_load_report report;
    bool refused = false;
    if (!diags || lint_new(&(struct lint_options){ .root = root }, &lint) < 0) abort();
    options.lint = describe ? NULL : lint;
    PROMISE(unit_set_load(&options, diags, &report, &set) == 0);
    PROMISE(report.failed == (diag_count(diags, DIAG_ERROR) > 0));
    PROMISE(graph_build(set, &graph) == 0);
    PROMISE(unit_set_validate_linted(set, graph, options.lint, diags, &refused) == 0);
    if (describe) show_units(set);
    fuzz_render(diags);
    /* The diagnostics point to names that the set owns. */
    diag_sink_free(TAKE(diags));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!*root) {
        const char *shm = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
        (void)snprintf(root, sizeof root, "%s/fuzz-directory-XXXXXX", shm);
        if (!mkdtemp(root)) abort();
        (void)atexit(remove_root);
    } else {
        (void)mkdir(root, 0755);
    }
    char *text = fuzz_string(data, size);
    make_entries(text);
    load(false, false);
    load(true, false);
    load(true, true);
    remove_root();
    free(text);
    return 0;
}
