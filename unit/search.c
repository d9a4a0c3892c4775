#include "unit/search.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* When memory runs out, HASH_ADD leaves the element out and clears its table pointer instead of ending the process. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "base/arena.h"
#include "base/diag.h"
#include "base/fd.h"
#include "base/str.h"
#include "base/vec.h"
#include "unit/source.h"

#define READ_BUFFER_FIRST ((size_t)32768)

struct directory {
    struct fd fd;
    const char *path;
    dev_t device;
    ino_t inode;
};

struct entry {
    UT_hash_handle hh; /* by name */
    struct search_file file;
};

/* The fragments for one name that NAME.d may carry, from all directories. */
struct dropins {
    UT_hash_handle hh; /* by target */
    const char *target, *path;
    VEC(struct search_file *) files; /* sorted by directory, then as the directory gave them */
    bool used;
};

struct search {
    struct arena *arena;   /* strings; borrowed */
    struct arena *scratch; /* entries */
    struct diag_sink *diags;
    VEC(struct directory) directories;
    struct entry *entries; /* hash */
    struct dropins *dropins;
    VEC(struct entry *) sorted;
    char *buffer;
    size_t buffer_size;
};

/* What the last dot of a file name says. */
enum suffix_use { SUFFIX_UNIT, SUFFIX_UNBUILT, SUFFIX_NOTHING_HERE, SUFFIX_OTHER };
static const struct {
    const char *suffix, *kind;
    enum suffix_use use;
} suffixes[] = {
    { ".service", "service", SUFFIX_UNIT },     { ".socket", "socket", SUFFIX_UNIT },
    { ".target", "target", SUFFIX_UNIT },       { ".timer", "timer", SUFFIX_UNBUILT },
    { ".path", "path", SUFFIX_UNBUILT },        { ".slice", "slice", SUFFIX_UNBUILT },
    { ".mount", "mount", SUFFIX_NOTHING_HERE }, { ".automount", "automount", SUFFIX_NOTHING_HERE },
    { ".swap", "swap", SUFFIX_NOTHING_HERE },   { ".device", "device", SUFFIX_NOTHING_HERE },
    { ".scope", "scope", SUFFIX_NOTHING_HERE },
};

static enum suffix_use suffix_use_of(const char *name, const char **ret_kind)
{
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && i < COUNT_OF(suffixes); i++) {
        if (strcmp(dot, suffixes[i].suffix) != 0) continue;
        *ret_kind = suffixes[i].kind;
        return suffixes[i].use;
    }
    return SUFFIX_OTHER;
}

static struct diag_about about_file(const char *path)
{
    return (struct diag_about){ .at = { .file = path } };
}

/* About a name that is not ours to print as it is: the directory is to blame, the name is quoted in the message. */
static void report_name(struct search *search, uint32_t directory, enum severity severity, const char *code,
                        const char *name, const char *what)
{
    char quoted[300];
    diag_report(search->diags, severity, about_file(search->directories.items[directory].path), code, NULL,
                "'%s' %s (ignored)", str_escape(name, strlen(name), quoted, sizeof quoted), what);
}

/* ---- what kind of file a directory entry is ---- */

enum entry_type { ENTRY_REGULAR, ENTRY_DIRECTORY, ENTRY_NULL_DEVICE, ENTRY_USELESS };

static enum entry_type entry_type_of(struct search *search, uint32_t directory, int dirfd, const char *name,
                                     unsigned char d_type)
{
    if (d_type == DT_REG) return ENTRY_REGULAR;
    if (d_type == DT_DIR) return ENTRY_DIRECTORY;
    struct stat st;
    if (fstatat(dirfd, name, &st, 0) < 0) {
        bool dangling = errno == ENOENT || errno == ELOOP;
        report_name(search, directory, dangling ? DIAG_WARNING : DIAG_ERROR,
                    dangling ? "dangling-link" : "unreadable-file", name,
                    dangling ? "is a link that leads nowhere" : strerror(errno));
        return ENTRY_USELESS;
    }
    if (S_ISREG(st.st_mode)) return ENTRY_REGULAR;
    if (S_ISDIR(st.st_mode)) return ENTRY_DIRECTORY;
    if (S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3)) return ENTRY_NULL_DEVICE;
    report_name(search, directory, DIAG_WARNING, "not-a-regular-file", name,
                S_ISFIFO(st.st_mode)   ? "is a FIFO, not a regular file"
                : S_ISSOCK(st.st_mode) ? "is a socket, not a regular file"
                                       : "is a device, not a regular file");
    return ENTRY_USELESS;
}

/* A link whose target is another unit file of our directories gives that unit a second name (systemd.unit(5)). A link
 * from an instance to its template, or from outside, gives the file's contents to the link's own name. */
static int find_alias(struct search *search, const struct directory *directory, const char *name,
                      const char **ret_alias_of)
{
    char target[PATH_MAX];
    ssize_t length = readlinkat(directory->fd.n, name, target, sizeof target - 1);
    if (length <= 0) return 0;
    target[length] = '\0';
    char *slash = strrchr(target, '/');
    const char *base = slash ? slash + 1 : target;
    if (!unit_name_is_valid(base) || unit_kind_of_name(base) != unit_kind_of_name(name)) return 0;
    if (strcmp(base, name) == 0 || unit_name_form(base) == UNIT_NAME_TEMPLATE ||
        unit_name_form(name) == UNIT_NAME_TEMPLATE)
        return 0;
    struct stat st = { .st_dev = directory->device, .st_ino = directory->inode };
    char *alias = arena_strdup(search->arena, base);
    if (!alias) return -ENOMEM;
    if (slash) {
        slash[slash == target ? 1 : 0] = '\0';
        if (fstatat(directory->fd.n, target, &st, 0) < 0) return 0;
    }
    for (size_t i = 0; i < search->directories.count; i++)
        if (search->directories.items[i].device == st.st_dev && search->directories.items[i].inode == st.st_ino)
            *ret_alias_of = alias;
    return 0;
}

/* ---- drop-ins ---- */

/* The macro is 250 statements long, here and below. NOLINTNEXTLINE(readability-function-size) */
static int hash_dropins(struct search *search, struct dropins *dropins)
{
    HASH_ADD_KEYPTR(hh, search->dropins, dropins->target, strlen(dropins->target), dropins);
    return dropins->hh.tbl ? 0 : -ENOMEM;
}

static int dropins_get(struct search *search, const char *target, size_t length, const char *path, struct dropins **ret)
{
    HASH_FIND(hh, search->dropins, target, length, *ret);
    if (*ret) return 0;
    struct dropins *dropins = arena_alloc(search->scratch, sizeof *dropins);
    if (!dropins) return -ENOMEM;
    dropins->target = arena_strndup(search->arena, target, length);
    dropins->path = path;
    if (!dropins->target) return -ENOMEM;
    *ret = dropins;
    return hash_dropins(search, dropins);
}

static int dropins_add(struct search *search, struct dropins *dropins, uint32_t directory, const char *directory_name,
                       const char *name, bool masked)
{
    const struct directory *parent = &search->directories.items[directory];
    struct search_file *file = arena_alloc(search->scratch, sizeof *file);
    if (!file) return -ENOMEM;
    file->path = arena_printf(search->arena, "%s/%s/%s", parent->path, directory_name, name);
    if (!file->path) return -ENOMEM;
    file->relative = file->path + strlen(parent->path) + 1;
    file->name = file->relative + strlen(directory_name) + 1;
    file->directory = directory;
    file->masked = masked;
    return vec_push(&dropins->files, file);
}

/* Is `name` what may stand before ".d": a unit name, or a kind alone ("service.d" is for every service)? */
static bool is_dropin_target(const char *name)
{
    const char *kind;
    if (suffix_use_of(name, &kind) == SUFFIX_UNIT) return true;
    for (size_t i = 0; i < COUNT_OF(suffixes); i++)
        if (suffixes[i].use == SUFFIX_UNIT && strcmp(name, suffixes[i].kind) == 0) return true;
    return false;
}

/* One name of a directory. Names are sorted before they are looked at, so that diagnostics come in the same order
 * whatever the file system does. */
struct listed {
    const char *name;
    unsigned char d_type;
};
struct listing {
    struct listed *items;
    size_t count, capacity;
};

static void listing_done(struct listing *listing)
{
    vec_done(listing);
}

static int compare_listed(const void *a, const void *b)
{
    return strcmp(((const struct listed *)a)->name, ((const struct listed *)b)->name);
}

static void close_directory(DIR **stream)
{
    if (*stream) closedir(*stream);
}

/* Everything in the directory but names that begin with a dot. 0, -ENOMEM or what the kernel said. */
static int list_directory(struct search *search, int dirfd, struct listing *listing)
{
    AUTO_FD struct fd fd = FD_NONE;
    int r = fd_openat(dirfd, ".", O_RDONLY | O_DIRECTORY, 0, &fd);
    if (r < 0) return r;
    __attribute__((cleanup(close_directory))) DIR *stream = fdopendir(fd.n);
    if (!stream) return -errno;
    (void)fd_take(&fd); /* belongs to the stream now */
    struct dirent *entry;
    while (errno = 0, (entry = readdir(stream))) {
        if (entry->d_name[0] == '.') continue;
        struct listed listed = { arena_strdup(search->scratch, entry->d_name), entry->d_type };
        r = listed.name ? vec_push(listing, listed) : -ENOMEM;
        if (r < 0) return r;
    }
    if (errno != 0) return -errno;
    if (listing->count > 1) qsort(listing->items, listing->count, sizeof *listing->items, compare_listed);
    return 0;
}

static int read_dropin_entry(struct search *search, struct dropins *dropins, uint32_t directory,
                             const char *directory_name, int fd, const struct listed *entry)
{
    if (!str_suffix(entry->name, ".conf")) {
        report_name(search, directory, DIAG_NOTE, "ignored-file", entry->name, "in a drop-in directory is no *.conf");
        return 0;
    }
    enum entry_type type = entry_type_of(search, directory, fd, entry->name, entry->d_type);
    if (type == ENTRY_USELESS) return 0;
    if (type == ENTRY_DIRECTORY) {
        report_name(search, directory, DIAG_WARNING, "not-a-regular-file", entry->name, "is a directory");
        return 0;
    }
    return dropins_add(search, dropins, directory, directory_name, entry->name, type == ENTRY_NULL_DEVICE);
}

static int read_dropin_directory(struct search *search, uint32_t directory, const char *name)
{
    const struct directory *parent = &search->directories.items[directory];
    const char *path = arena_printf(search->arena, "%s/%s", parent->path, name);
    if (!path) return -ENOMEM;
    AUTO_FD struct fd fd = FD_NONE;
    __attribute__((cleanup(listing_done))) struct listing listing = VEC_EMPTY;
    int r = fd_openat(parent->fd.n, name, O_RDONLY | O_DIRECTORY, 0, &fd);
    if (r == 0) r = list_directory(search, fd.n, &listing);
    if (r == -ENOMEM) return r;
    if (r < 0) {
        diag_report(search->diags, DIAG_ERROR, about_file(path), "unreadable-directory", NULL, "%s", strerror(-r));
        return 0;
    }
    struct dropins *dropins;
    r = dropins_get(search, name, strlen(name) - strlen(".d"), path, &dropins);
    for (size_t i = 0; r == 0 && i < listing.count; i++)
        r = read_dropin_entry(search, dropins, directory, name, fd.n, &listing.items[i]);
    return r;
}

/* ---- unit files ---- */

/* NOLINTNEXTLINE(readability-function-size) */
static int hash_entry(struct search *search, struct entry *entry)
{
    HASH_ADD_KEYPTR(hh, search->entries, entry->file.name, strlen(entry->file.name), entry);
    return entry->hh.tbl ? 0 : -ENOMEM;
}

static int add_file(struct search *search, uint32_t directory, const char *name, bool masked, bool unbuilt, bool link)
{
    const struct directory *parent = &search->directories.items[directory];
    struct search_file file = { .directory = directory, .masked = masked, .unbuilt = unbuilt };
    file.path = arena_printf(search->arena, "%s/%s", parent->path, name);
    if (!file.path) return -ENOMEM;
    file.name = file.relative = file.path + strlen(parent->path) + 1;
    if (link && !masked && !unbuilt) {
        int r = find_alias(search, parent, name, &file.alias_of);
        if (r < 0) return r;
    }
    struct entry *entry = NULL;
    HASH_FIND(hh, search->entries, file.name, strlen(file.name), entry);
    if (entry) { /* the key must stay the string it was added with, which has the same bytes */
        file.replaced_path = entry->file.path;
        entry->file = file;
        return 0;
    }
    entry = arena_alloc(search->scratch, sizeof *entry);
    if (!entry) return -ENOMEM;
    entry->file = file;
    int r = hash_entry(search, entry);
    return r < 0 ? r : vec_push(&search->sorted, entry);
}

static int read_subdirectory(struct search *search, uint32_t directory, const char *name)
{
    const char *kind;
    const char *suffix = str_suffix(name, ".d");
    char target[NAME_MAX + 1];
    if (suffix) {
        memcpy(target, name, (size_t)(suffix - name));
        target[suffix - name] = '\0';
        if (is_dropin_target(target)) return read_dropin_directory(search, directory, name);
    }
    if (suffix_use_of(name, &kind) == SUFFIX_UNIT)
        report_name(search, directory, DIAG_WARNING, "not-a-regular-file", name, "is a directory, not a regular file");
    else
        report_name(search, directory, DIAG_NOTE, "ignored-file", name,
                    str_suffix(name, ".wants") || str_suffix(name, ".requires")
                        ? "is a directory of enablement links: every unit here starts without"
                        : "is a directory that belongs to no unit");
    return 0;
}

static int read_entry(struct search *search, uint32_t directory, const struct listed *entry)
{
    const char *name = entry->name, *kind = NULL;
    enum suffix_use use = suffix_use_of(name, &kind);
    bool regular = entry->d_type == DT_REG;
    if (use == SUFFIX_OTHER && regular) {
        report_name(search, directory, DIAG_NOTE, "ignored-file", name, "has no unit file's suffix");
        return 0;
    }
    int fd = search->directories.items[directory].fd.n;
    enum entry_type type = regular ? ENTRY_REGULAR : entry_type_of(search, directory, fd, name, entry->d_type);
    if (type == ENTRY_USELESS) return 0;
    if (type == ENTRY_DIRECTORY) return read_subdirectory(search, directory, name);
    switch (use) {
    case SUFFIX_OTHER:
        report_name(search, directory, DIAG_NOTE, "ignored-file", name, "has no unit file's suffix");
        return 0;
    case SUFFIX_NOTHING_HERE:
        report_name(search, directory, DIAG_NOTE, "ignored-file", name,
                    "is of a kind that has nothing to do in a container");
        return 0;
    case SUFFIX_UNBUILT:
        return add_file(search, directory, name, type == ENTRY_NULL_DEVICE, true, false);
    case SUFFIX_UNIT:
        break;
    }
    if (!unit_name_is_valid(name)) {
        report_name(search, directory, DIAG_WARNING, "bad-unit-name", name,
                    "is not a unit name: letters, digits and :-_.\\@ only, at most 255 bytes");
        return 0;
    }
    return add_file(search, directory, name, type == ENTRY_NULL_DEVICE, false, entry->d_type != DT_REG);
}

/* Opens one of the given directories. 0 also for one that is to be passed over, which then was not added. */
static int open_directory(struct search *search, const char *path)
{
    AUTO_FD struct fd fd = FD_NONE;
    struct stat st;
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/') length--;
    const char *copy = arena_strndup(search->arena, path, length);
    if (!copy) return -ENOMEM;
    int r = fd_openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0, &fd);
    if (r == 0 && fstat(fd.n, &st) < 0) r = -errno;
    if (r == -ENOENT) return 0;
    if (r < 0) {
        diag_report(search->diags, DIAG_ERROR, about_file(copy), "unreadable-directory", NULL, "%s", strerror(-r));
        return 0;
    }
    for (size_t i = 0; i < search->directories.count; i++)
        if (search->directories.items[i].device == st.st_dev && search->directories.items[i].inode == st.st_ino)
            return 0; /* the same directory under another name replaces nothing */
    r = vec_push(&search->directories, ((struct directory){ fd, copy, st.st_dev, st.st_ino }));
    if (r == 0) (void)fd_take(&fd); /* belongs to the list now */
    return r;
}

static int read_directory(struct search *search, uint32_t directory)
{
    __attribute__((cleanup(listing_done))) struct listing listing = VEC_EMPTY;
    const struct directory *self = &search->directories.items[directory];
    int r = list_directory(search, self->fd.n, &listing);
    if (r == -ENOMEM) return r;
    if (r < 0) {
        diag_report(search->diags, DIAG_ERROR, about_file(self->path), "unreadable-directory", NULL, "%s",
                    strerror(-r));
        return 0;
    }
    for (size_t i = 0; r == 0 && i < listing.count; i++) r = read_entry(search, directory, &listing.items[i]);
    return r;
}

static int compare_entries(const void *a, const void *b)
{
    return strcmp((*(struct entry *const *)a)->file.name, (*(struct entry *const *)b)->file.name);
}

int search_new(const char *const *directories, struct arena *arena, struct diag_sink *diags, struct search **ret_search)
{
    AUTO(search_free) struct search *search = calloc(1, sizeof *search);
    if (!search) return -ENOMEM;
    search->arena = arena;
    search->diags = diags;
    search->scratch = arena_new();
    if (!search->scratch) return -ENOMEM;
    int r = 0;
    for (size_t i = 0; r == 0 && directories[i]; i++)
        if (directories[i][0] != '\0') r = open_directory(search, directories[i]);
    for (uint32_t i = 0; r == 0 && i < search->directories.count; i++) r = read_directory(search, i);
    if (r < 0) return r;
    if (search->sorted.count > 0)
        qsort(search->sorted.items, search->sorted.count, sizeof(struct entry *), compare_entries);
    *ret_search = TAKE(search);
    return 0;
}

void search_free(struct search *search)
{
    if (!search) return;
    for (size_t i = 0; i < search->directories.count; i++) fd_close(&search->directories.items[i].fd);
    vec_done(&search->directories);
    vec_done(&search->sorted);
    struct dropins *dropins, *next;
    HASH_ITER(hh, search->dropins, dropins, next) vec_done(&dropins->files);
    HASH_CLEAR(hh, search->dropins);
    HASH_CLEAR(hh, search->entries);
    arena_free(search->scratch);
    free(search->buffer);
    free(search);
}

size_t search_count(const struct search *search)
{
    return search->sorted.count;
}

const struct search_file *search_get(const struct search *search, size_t index)
{
    return &search->sorted.items[index]->file;
}

const struct search_file *search_find(const struct search *search, const char *name)
{
    struct entry *entry = NULL;
    HASH_FIND(hh, search->entries, name, strlen(name), entry);
    return entry ? &entry->file : NULL;
}

/* Fragments collected for one unit, the most specific target first. */
struct dropin_list {
    const struct search_file **items;
    size_t count, capacity;
};

/* Adds the fragments of one target, which is less specific than those before it: of two with one file name the earlier
 * target wins, and within a target the later directory. */
static int collect_dropins(struct search *search, const char *target, size_t length, struct dropin_list *list)
{
    struct dropins *dropins = NULL;
    HASH_FIND(hh, search->dropins, target, length, dropins);
    if (!dropins) return 0;
    dropins->used = true;
    size_t before = list->count;
    for (size_t i = 0; i < dropins->files.count; i++) {
        const struct search_file *file = dropins->files.items[i];
        size_t at = 0;
        while (at < list->count && strcmp(list->items[at]->name, file->name) != 0) at++;
        if (at < before) continue;
        if (at < list->count) {
            list->items[at] = file;
            continue;
        }
        int r = vec_push(list, file);
        if (r < 0) return r;
    }
    return 0;
}

static int compare_files(const void *a, const void *b)
{
    return strcmp((*(const struct search_file *const *)a)->name, (*(const struct search_file *const *)b)->name);
}

/* systemd.unit(5): for foo-bar@x.service also foo-bar@.service.d, foo-.service.d and service.d. */
static int collect_all_dropins(struct search *search, const char *unit, struct dropin_list *list)
{
    char target[NAME_MAX + 1];
    struct unit_name_parts parts = unit_name_split(unit);
    int r = collect_dropins(search, unit, strlen(unit), list);
    if (r == 0 && parts.instance_length > 0) {
        int length = snprintf(target, sizeof target, "%.*s@%s", (int)parts.prefix_length, unit, parts.suffix);
        r = collect_dropins(search, target, (size_t)length, list);
    }
    for (size_t i = parts.prefix_length; r == 0 && i > 1; i--) {
        if (unit[i - 1] != '-' || unit + i == parts.suffix) continue;
        int length = snprintf(target, sizeof target, "%.*s%s", (int)i, unit, parts.suffix);
        r = collect_dropins(search, target, (size_t)length, list);
    }
    return r == 0 ? collect_dropins(search, parts.suffix + 1, strlen(parts.suffix + 1), list) : r;
}

int search_dropins(struct search *search, const char *unit, const struct search_file ***ret_files, size_t *ret_count)
{
    struct dropin_list list = VEC_EMPTY;
    *ret_files = NULL;
    *ret_count = 0;
    if (!search->dropins) return 0;
    int r = collect_all_dropins(search, unit, &list);
    if (r < 0) {
        free(list.items);
        return r;
    }
    if (list.count > 1) qsort(list.items, list.count, sizeof(struct search_file *), compare_files);
    *ret_files = list.items;
    *ret_count = list.count;
    return 0;
}

void search_report_unused(const struct search *search, struct diag_sink *diags)
{
    struct dropins *dropins, *next;
    HASH_ITER(hh, search->dropins, dropins, next)
    {
        if (dropins->used || !strchr(dropins->target, '.')) continue;
        diag_report(diags, DIAG_NOTE, about_file(dropins->path), "unused-drop-in", NULL,
                    "no unit of this name: its fragments are not used");
    }
}

static int grow_buffer(struct search *search, size_t size)
{
    if (size <= search->buffer_size) return 0;
    size = MAX_OF(size, READ_BUFFER_FIRST);
    char *grown = realloc(search->buffer, size);
    if (!grown) return -ENOMEM;
    search->buffer = grown;
    search->buffer_size = size;
    return 0;
}

/* One byte more than the size is asked for, so that a file needs one read(2); more only if it grew meanwhile. */
static int read_whole(struct search *search, int fd, size_t size, size_t *ret_size)
{
    size_t used = 0;
    for (;;) {
        int r = grow_buffer(search, MAX_OF(size, used) + 1);
        if (r < 0) return r;
        size_t room = search->buffer_size - used;
        ssize_t n = read(fd, search->buffer + used, room);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return -errno;
        used += (size_t)n;
        if (used > SOURCE_FILE_MAX) return -EFBIG;
        if ((size_t)n < room) break;
    }
    *ret_size = used;
    return 0;
}

int search_read(struct search *search, const struct search_file *file, const char **ret_data, size_t *ret_size)
{
    AUTO_FD struct fd fd = FD_NONE;
    struct stat st;
    /* O_NONBLOCK: should the regular file have become a FIFO since, open(2) must not wait for its other end. */
    int r = fd_openat(search->directories.items[file->directory].fd.n, file->relative, O_RDONLY | O_NONBLOCK, 0, &fd);
    if (r < 0) return r;
    if (fstat(fd.n, &st) < 0) return -errno;
    if (!S_ISREG(st.st_mode)) return -ENXIO;
    if (st.st_size > (off_t)SOURCE_FILE_MAX) return -EFBIG;
    r = read_whole(search, fd.n, (size_t)st.st_size, ret_size);
    if (r < 0) return r;
    *ret_data = search->buffer;
    return 0;
}
