/* tests/unit/load_root.h - an image in a scratch directory, loaded with systemd's rules. */
#pragma once
#include "tests/unit/scratch_dir.h"

#include "base/diag.h"
#include "base/str.h"
#include "unit/graph.h"
#include "unit/load.h"
#include "unit/unit.h"

#define ETC     "etc/systemd/system/"
#define RUN     "run/systemd/system/"
#define USR     "usr/lib/systemd/system/"
#define SERVICE "[Service]\nExecStart=/bin/true\n"

struct image {
    struct scratch dir;
    struct diag_sink *diags;
    struct unit_set *set;
    struct graph *graph;
    struct unit_load_report report;
    struct str text; /* what image_names() returned last */
};

static inline int image_setup(void **state)
{
    static const char *const directories[] = { "etc/systemd/system", "run/systemd/system", "usr/lib/systemd/system",
                                               "usr/local/lib/systemd/system", "native" };
    struct image *image = calloc(1, sizeof *image);
    assert_non_null(image);
    scratch_init(&image->dir);
    for (size_t i = 0; i < COUNT_OF(directories); i++) {
        char path[128];
        for (const char *slash = directories[i]; (slash = strchr(slash, '/')); slash++) {
            (void)snprintf(path, sizeof path, "%.*s", (int)(slash - directories[i]), directories[i]);
            scratch_mkdir(&image->dir, path);
        }
        scratch_mkdir(&image->dir, directories[i]);
    }
    scratch_link(&image->dir, "usr/lib", "lib"); /* merged /usr */
    image->diags = diag_sink_new();
    assert_non_null(image->diags);
    *state = image;
    return 0;
}

static inline int image_teardown(void **state)
{
    struct image *image = *state;
    graph_free(image->graph);
    diag_sink_free(image->diags);
    unit_set_free(image->set);
    scratch_done(&image->dir);
    str_done(&image->text);
    free(image);
    return 0;
}

/* Makes the directory of a path such as USR "web.service.d/x.conf", and writes the file. */
static UNUSED void image_write(struct image *image, const char *path, const char *text)
{
    char directory[256];
    (void)snprintf(directory, sizeof directory, "%.*s", (int)(strrchr(path, '/') - path), path);
    scratch_mkdir(&image->dir, directory);
    scratch_write(&image->dir, path, text);
}

static UNUSED void image_link(struct image *image, const char *target, const char *path)
{
    char directory[256];
    (void)snprintf(directory, sizeof directory, "%.*s", (int)(strrchr(path, '/') - path), path);
    scratch_mkdir(&image->dir, directory);
    scratch_link(&image->dir, target, path);
}

static UNUSED void image_load_as(struct image *image, struct unit_load_options options)
{
    static char *const environment[] = { NULL };
    options.root = image->dir.root;
    options.environment = environment;
    options.hostname = "host";
    assert_int_equal(unit_set_load(&options, image->diags, &image->report, &image->set), 0);
    assert_int_equal(graph_build(image->set, &image->graph), 0);
}

static UNUSED void image_load(struct image *image)
{
    image_load_as(image, (struct unit_load_options){ .systemd = true });
}

static UNUSED void image_describe(struct image *image, const char *name)
{
    const char *const names[] = { name, NULL };
    image_load_as(image, (struct unit_load_options){ .systemd = true, .describe = true, .names = names });
}

static UNUSED const struct unit *image_unit(const struct image *image, const char *name)
{
    const struct unit *unit = unit_set_find(image->set, name);
    if (!unit) fail_msg("no unit %s", name);
    return unit;
}

/* The units that start at boot, separated by blanks; of the built-in ones only the goal. */
static UNUSED const char *image_started(struct image *image)
{
    str_clear(&image->text);
    for (uint32_t id = 0; id < unit_set_count(image->set); id++)
        if (graph_start_reason(image->graph, id) == START_AT_BOOT &&
            (!unit_set_get(image->set, id)->builtin || unit_set_get(image->set, id)->goal))
            assert_int_equal(
                str_appendf(&image->text, "%s%s", image->text.length ? " " : "", unit_set_get(image->set, id)->name),
                0);
    return str_text(&image->text);
}

static UNUSED const char *image_relation(struct image *image, const char *name, enum unit_relation relation)
{
    const struct unit_ref_list *list = &image_unit(image, name)->unit->relations[relation];
    str_clear(&image->text);
    for (uint32_t i = 0; i < list->count; i++)
        assert_int_equal(str_appendf(&image->text, "%s%s", i ? " " : "", list->items[i].name), 0);
    return str_text(&image->text);
}

static UNUSED const char *image_dependencies(struct image *image, const char *name, enum unit_dependency kind)
{
    const struct unit_detail *detail = unit_set_detail(image->set, image_unit(image, name));
    assert_non_null(detail);
    str_clear(&image->text);
    for (uint32_t i = 0; i < detail->dependencies[kind].count; i++)
        assert_int_equal(str_appendf(&image->text, "%s%s", i ? " " : "", detail->dependencies[kind].items[i]), 0);
    return str_text(&image->text);
}

/* NULL-terminated paths or names, relative to the root where they lie below it. */
static UNUSED const char *image_list(struct image *image, const char *const *list)
{
    size_t root = strlen(image->dir.root);
    str_clear(&image->text);
    for (size_t i = 0; list[i]; i++)
        assert_int_equal(str_appendf(&image->text, "%s%s", i ? " " : "",
                                     strncmp(list[i], image->dir.root, root) == 0 ? list[i] + root + 1 : list[i]),
                         0);
    return str_text(&image->text);
}

static UNUSED const struct diag *image_diag(const struct image *image, const char *code)
{
    for (size_t i = 0; i < diag_total(image->diags); i++)
        if (strcmp(diag_get(image->diags, i)->code, code) == 0) return diag_get(image->diags, i);
    return NULL;
}

static UNUSED void assert_image_clean(const struct image *image)
{
    for (size_t i = 0; i < diag_total(image->diags); i++) {
        const struct diag *d = diag_get(image->diags, i);
        if (d->severity != DIAG_NOTE) fail_msg("%s:%u: %s: %s", d->at.file, d->at.line, d->code, d->message);
    }
    assert_false(image->report.failed);
}
