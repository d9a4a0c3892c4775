/* tests/unit/corpus_place.h - the machine that systemd 252 was asked on, as a root directory: the units of Debian's
 * systemd package, those of one group beside them, and what specifiers ask for (NOTICE.md of the corpus). */
#pragma once
#include "tests/unit/corpus.h"

#include "tests/unit/scratch_dir.h"

#include <dirent.h>
#include <string.h>

#include "base/diag.h"
#include "base/str.h"
#include "unit/load.h"
#include "unit/property.h"

#define PLACE_UNITS    "usr/lib/systemd/system"
#define PLACE_GROUP    "etc/systemd/system" /* stands in front of those */
#define PLACE_HOSTNAME "testhost"
/* Templates are loaded as this instance. */
#define PLACE_INSTANCE "inst-a"

struct place {
    struct scratch root;
    const char *corpus;
};

static void place_make_parents(struct place *place, const char *path)
{
    AUTO_STR struct str parent = STR_EMPTY;
    for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
        str_clear(&parent);
        assert_int_equal(str_append_bytes(&parent, path, (size_t)(slash - path)), 0);
        scratch_mkdir(&place->root, str_text(&parent));
    }
}

static UNUSED void place_write(struct place *place, const char *path, const void *data, size_t size)
{
    place_make_parents(place, path);
    scratch_write_bytes(&place->root, path, data, size);
}

/* A file of the corpus becomes one of a unit directory. */
static void place_copy(struct place *place, const char *from, const char *directory, const char *name)
{
    AUTO_STR struct str to = STR_EMPTY;
    size_t size = 0;
    char *data = corpus_read(from, &size);
    assert_non_null(data);
    assert_int_equal(str_appendf(&to, "%s/%s", directory, name), 0);
    (void)unlink(scratch_path(&place->root, str_text(&to)));
    place_write(place, str_text(&to), data, size);
    free(data);
}

/* A directory with its subdirectories. */
static UNUSED void place_copy_tree(struct place *place, const char *from, const char *directory)
{
    DIR *dir = opendir(from);
    if (!dir) return; /* a package without system units */
    for (struct dirent *entry; (entry = readdir(dir));) {
        AUTO_STR struct str path = STR_EMPTY, into = STR_EMPTY;
        if (entry->d_name[0] == '.' && (!entry->d_name[1] || strcmp(entry->d_name, "..") == 0)) continue;
        assert_int_equal(str_appendf(&path, "%s/%s", from, entry->d_name), 0);
        struct stat st;
        assert_int_equal(stat(str_text(&path), &st), 0);
        if (S_ISDIR(st.st_mode)) {
            assert_int_equal(str_appendf(&into, "%s/%s", directory, entry->d_name), 0);
            place_copy_tree(place, str_text(&path), str_text(&into));
        } else {
            place_copy(place, str_text(&path), directory, entry->d_name);
        }
    }
    (void)closedir(dir);
}

/* LINKS.tsv: the package's symbolic links, "system/PATH<tab>TARGET". */
static void place_add_links(struct place *place, const char *file)
{
    static const char prefix[] = "system/";
    size_t size = 0;
    char *data = corpus_read(file, &size);
    if (!data) return;
    for (char *rest = data, *line; (line = strsep(&rest, "\n"));) {
        AUTO_STR struct str path = STR_EMPTY;
        char *tab = strchr(line, '\t');
        if (!tab || !str_starts_with(line, prefix)) continue;
        *tab = '\0';
        assert_int_equal(str_appendf(&path, PLACE_GROUP "/%s", line + sizeof prefix - 1), 0);
        place_make_parents(place, str_text(&path));
        (void)unlink(scratch_path(&place->root, str_text(&path)));
        scratch_link(&place->root, tab + 1, str_text(&path));
    }
    free(data);
}

/* One Debian package: "debian/nginx-common". */
static UNUSED void place_add_package(struct place *place, const char *group)
{
    AUTO_STR struct str units = STR_EMPTY, links = STR_EMPTY;
    assert_int_equal(str_appendf(&units, "%s/%s/system", place->corpus, group), 0);
    assert_int_equal(str_appendf(&links, "%s/%s/LINKS.tsv", place->corpus, group), 0);
    place_copy_tree(place, str_text(&units), PLACE_GROUP);
    place_add_links(place, str_text(&links));
}

/* Without any units. */
static UNUSED void place_init_empty(struct place *place, const char *corpus)
{
    static const struct {
        const char *path, *text;
    } files[] = {
        { "etc/os-release", "ID=testos\nVERSION_ID=1\n" },
        { "bin/bash", "" }, /* %s */
        { "etc/machine-id", "0123456789abcdef0123456789abcdef\n" },
        { "etc/passwd", "root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\n"
                        "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n" },
        { "etc/group", "root:x:0:\ndaemon:x:1:\nnogroup:x:65534:\n" },
    };
    *place = (struct place){ .corpus = corpus };
    scratch_init(&place->root);
    for (size_t i = 0; i < COUNT_OF(files); i++)
        place_write(place, files[i].path, files[i].text, strlen(files[i].text));
    place_make_parents(place, PLACE_UNITS "/");
}

/* The units of Debian's systemd package, without its links: those were only there when it was itself the group. */
static UNUSED void place_init(struct place *place, const char *corpus)
{
    AUTO_STR struct str units = STR_EMPTY;
    place_init_empty(place, corpus);
    assert_int_equal(str_appendf(&units, "%s/debian/systemd/system", corpus), 0);
    place_copy_tree(place, str_text(&units), PLACE_UNITS);
}

/* Takes the group away again. */
static UNUSED void place_clear_group(struct place *place)
{
    (void)nftw(scratch_path(&place->root, PLACE_GROUP), scratch_remove_one, 16, FTW_DEPTH | FTW_PHYS); /* or none */
}

static UNUSED void place_done(struct place *place)
{
    scratch_done(&place->root);
}

/* One unit and all that it pulls in, as systemd would load them. */
static UNUSED struct unit_set *place_load(const struct place *place, const char *name, struct diag_sink *diags)
{
    static char *const environment[] = { NULL };
    /* What the mounts of that machine had loaded before. */
    const char *const names[] = {
        name, "local-fs.target", "local-fs-pre.target", "umount.target", "swap.target", "systemd-journald.socket", NULL
    };
    struct unit_load_options options = {
        .systemd = true,
        .root = place->root.root,
        .names = names,
        .describe = true,
        .environment = environment,
        .hostname = PLACE_HOSTNAME,
    };
    struct unit_load_report report;
    struct unit_set *set = NULL;
    assert_int_equal(unit_set_load(&options, diags, &report, &set), 0);
    return set;
}
