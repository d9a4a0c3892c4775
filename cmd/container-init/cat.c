/* container-init cat: the files of units, each with its path in front, as systemctl cat prints them. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/beneath.h"
#include "base/fd.h"
#include "cmd/container-init/commands.h"
#include "cmd/container-init/place.h"
#include "cmd/container-init/show.h"
#include "unit/name.h"

struct request {
    struct place place;
    bool printed;
    FILE *out, *err;
};

static void request_done(struct request *request)
{
    place_done(&request->place);
}

/* Nobody is left to tell when standard error is closed, here and below. */
static int refuse(const struct request *request, const char *what, const char *word)
{
    (void)fprintf(request->err, "container-init: cat: %s%s%s\nTry 'container-init --help'.\n", what, word ? ": " : "",
                  word ? word : "");
    return -EINVAL;
}

static int request_parse(struct request *request, int argc, char **argv)
{
    bool only_names = false;
    int r = 0;
    for (int i = 1; r >= 0 && i < argc; i++) {
        if (!only_names && strcmp(argv[i], "--") == 0) {
            only_names = true;
        } else if (only_names || argv[i][0] != '-' || !argv[i][1]) {
            r = strlist_add(&request->place.names, argv[i]);
        } else {
            r = options_take_place(argc, argv, &i, &request->place.options);
            if (r == 0) r = refuse(request, "unknown option", argv[i]);
        }
    }
    if (r >= 0 && request->place.names.count == 0) r = refuse(request, "which unit?", NULL);
    return r < 0 ? r : 0;
}

/* Links are followed inside the root, as they were when the unit was read. */
static int open_beneath(const char *root, const char *path, struct fd *ret)
{
    size_t length = strlen(root);
    AUTO_FD struct fd directory = FD_NONE;
    int r = fd_openat(AT_FDCWD, root, O_RDONLY | O_DIRECTORY, 0, &directory);
    if (r < 0) return r;
    return beneath_open(directory.n, strncmp(path, root, length) == 0 ? path + length : path, O_RDONLY | O_NONBLOCK,
                        ret);
}

static int open_file(const struct request *request, const char *path, FILE **ret)
{
    const char *root = request->place.options.root;
    AUTO_FD struct fd file = FD_NONE;
    int r =
        root && *root ? open_beneath(root, path, &file) : fd_openat(AT_FDCWD, path, O_RDONLY | O_NONBLOCK, 0, &file);
    if (r < 0) return r;
    *ret = fdopen(file.n, "r");
    if (!*ret) return -errno;
    (void)fd_take(&file); /* the stream's now */
    return 0;
}

/* A failed write shows when the stream is flushed, here and below. The last line gets the newline that it lacks. */
static int print_file(struct request *request, const char *path)
{
    FILE *file;
    int r = open_file(request, path, &file);
    if (r < 0) {
        (void)fprintf(request->err, "Failed to open %s: %s\n", path, strerror(-r));
        return r;
    }
    if (request->printed) (void)fputc('\n', request->out);
    request->printed = true;
    (void)fprintf(request->out, "# %s\n", path);
    int last = '\n';
    for (int c; (c = getc(file)) != EOF; last = c) (void)putc(c, request->out);
    if (last != '\n') (void)putc('\n', request->out);
    r = ferror(file) ? -EIO : 0;
    (void)fclose(file); /* read only */
    return r;
}

/* -ENOENT when there is nothing of the unit. */
static int print_unit(struct request *request, const char *name, const struct unit *unit)
{
    const struct unit_detail *detail = unit ? unit_set_detail(request->place.set, unit) : NULL;
    const char *const *dropins = detail ? detail->dropins : NULL;
    bool is_template = unit_name_form(name) == UNIT_NAME_TEMPLATE;
    if (unit && unit->load_state == UNIT_STATE_MASKED) {
        (void)fprintf(request->out, "# Unit %s is masked.\n", name);
        return 0;
    }
    if (!unit || (!unit->path && !(dropins && dropins[0]))) {
        (void)fprintf(request->err, "No files found for %s.\n", name);
        return -ENOENT;
    }
    int r = unit->path ? print_file(request, unit->path) : 0;
    for (size_t i = 0; r == 0 && !is_template && dropins && dropins[i]; i++) r = print_file(request, dropins[i]);
    return r;
}

static int print_units(struct request *request)
{
    struct place *place = &request->place;
    int r = 0;
    if (place->globs) {
        for (uint32_t id = 0; r == 0 && id < unit_set_count(place->set); id++) {
            const struct unit *unit = unit_set_get(place->set, id);
            if (place_asks_for(place, unit) && unit->path) r = print_unit(request, unit->name, unit);
        }
        return r;
    }
    for (size_t i = 0; i < place->units.count; i++) {
        const char *name = place->units.items[i];
        int one = print_unit(request, name, unit_set_find(place->set, name));
        if (r == 0) r = one;
    }
    return r;
}

int cat_main(FILE *out, FILE *err, int argc, char **argv)
{
    __attribute__((cleanup(request_done))) struct request request = { .out = out, .err = err };
    int r = request_parse(&request, argc, argv);
    if (r == -EINVAL) return EXIT_USAGE;
    if (r == 0) r = place_load(&request.place, err);
    if (r == 0) r = print_units(&request);
    if (r == 0 && fflush(out) != 0) r = -errno;
    if (r == -ENOMEM) (void)fprintf(err, "container-init: cat: %s\n", strerror(-r));
    return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

int cmd_cat(int argc, char **argv)
{
    return cat_main(stdout, stderr, argc, argv);
}
