#include "unit/search.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/beneath.h"
#include "base/str.h"
#include "unit/search_internal.h"
#include "unit/source.h"
#include "unit/unit_paths.h"

#define READ_BUFFER_FIRST ((size_t)32768)

/* ---- opening ---- */

int search_open(struct search *search, const char *path, int dirfd, const char *relative, bool plain, int flags,
                struct fd *ret)
{
    if (plain) return fd_openat(dirfd, relative, flags | O_NOFOLLOW, 0, ret);
    if (!fd_is_open(&search->root)) return fd_openat(dirfd, relative, flags, 0, ret);
    return beneath_open(search->root.n, path + strlen(search->root_path), flags, ret);
}

static int about_directory(struct search *search, const char *path, int error)
{
    diag_report(search->diags, DIAG_ERROR, (struct diag_about){ .at = { .file = path } }, "unreadable-directory", NULL,
                "%s", strerror(error));
    return 0;
}

/* Opens one of the given directories. 0 also for one that is to be passed over, which then was not added. */
static int open_directory(struct search *search, const char *path, bool native)
{
    AUTO_FD struct fd fd = FD_NONE;
    struct stat st;
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/') length--;
    const char *full = arena_printf(search->arena, "%s%s%.*s", search->root_path,
                                    *search->root_path && *path != '/' ? "/" : "", (int)length, path);
    if (!full) return -ENOMEM;
    int r = search_open(search, full, AT_FDCWD, full, false, O_RDONLY | O_DIRECTORY, &fd);
    if (r == 0 && fstat(fd.n, &st) < 0) r = -errno;
    if (r == -ENOENT) return 0;
    if (r < 0) return about_directory(search, full, -r);
    for (size_t i = 0; i < search->directories.count; i++)
        if (search->directories.items[i].device == st.st_dev && search->directories.items[i].inode == st.st_ino)
            return 0; /* the same directory under another name replaces nothing */
    r = vec_push(&search->directories, ((struct search_directory){ fd, full, st.st_dev, st.st_ino, native }));
    if (r == 0) (void)fd_take(&fd); /* belongs to the list now */
    return r;
}

static void reverse_directories(struct search *search, size_t first, size_t end)
{
    struct search_directory *items = search->directories.items;
    for (; first + 1 < end; first++, end--) {
        struct search_directory kept = items[first];
        items[first] = items[end - 1];
        items[end - 1] = kept;
    }
}

/* The list ends up with the lowest precedence first: systemd's from its last, then the native ones in order. Both are
 * opened in the order in which the first of two names for one directory is the one that counts. */
static int open_directories(struct search *search, const struct search_options *options)
{
    int r = 0;
    for (size_t i = 0; r == 0 && options->directories && options->directories[i]; i++)
        if (options->directories[i][0] != '\0') r = open_directory(search, options->directories[i], true);
    size_t n_native = search->directories.count;
    for (size_t i = 0; r == 0 && options->systemd && unit_paths_system[i]; i++)
        r = open_directory(search, unit_paths_system[i], false);
    reverse_directories(search, 0, n_native);
    reverse_directories(search, 0, search->directories.count);
    return r;
}

static int open_root(struct search *search, const char *root)
{
    search->root_path = "";
    if (!root) return 0;
    size_t length = strlen(root);
    while (length > 0 && root[length - 1] == '/') length--;
    if (length == 0) return 0;
    search->root_path = arena_strndup(search->arena, root, length);
    if (!search->root_path) return -ENOMEM;
    return fd_openat(AT_FDCWD, root, O_PATH | O_DIRECTORY, 0, &search->root);
}

/* ---- making ---- */

static int compare_entries(const void *a, const void *b)
{
    return strcmp((*(struct search_entry *const *)a)->file.name, (*(struct search_entry *const *)b)->file.name);
}

int search_new(const struct search_options *options, struct arena *arena, struct diag_sink *diags,
               struct search **ret_search)
{
    AUTO(search_free) struct search *search = calloc(1, sizeof *search);
    if (!search) return -ENOMEM;
    search->arena = arena;
    search->diags = diags;
    search->root = FD_NONE;
    search->all_kinds = options->all_kinds;
    search->scratch = arena_new();
    if (!search->scratch) return -ENOMEM;
    int r = open_root(search, options->root);
    if (r < 0 && r != -ENOMEM)
        r = about_directory(search, options->root, -r); /* nothing is below it */
    else if (r == 0)
        r = open_directories(search, options);
    for (uint32_t i = 0; r == 0 && i < search->directories.count; i++) r = search_read_directory(search, i);
    if (r < 0) return r;
    if (search->sorted.count > 0)
        qsort(search->sorted.items, search->sorted.count, sizeof(struct search_entry *), compare_entries);
    *ret_search = TAKE(search);
    return 0;
}

void search_free(struct search *search)
{
    if (!search) return;
    for (size_t i = 0; i < search->directories.count; i++) fd_close(&search->directories.items[i].fd);
    vec_done(&search->directories);
    vec_done(&search->sorted);
    search_free_sides(search);
    struct search_alias *alias, *next;
    HASH_ITER(hh, search->aliases, alias, next) vec_done(&alias->names);
    HASH_CLEAR(hh, search->aliases);
    HASH_CLEAR(hh, search->entries);
    fd_close(&search->root);
    arena_free(search->scratch);
    free(search->buffer);
    free(search);
}

/* ---- looking up ---- */

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
    struct search_entry *entry = NULL;
    HASH_FIND(hh, search->entries, name, strlen(name), entry);
    return entry ? &entry->file : NULL;
}

size_t search_root_length(const struct search *search)
{
    return strlen(search->root_path);
}

/* The macro is 250 statements long. NOLINTNEXTLINE(readability-function-size) */
static int hash_alias(struct search *search, struct search_alias *alias)
{
    HASH_ADD_KEYPTR(hh, search->aliases, alias->target, strlen(alias->target), alias);
    return alias->hh.tbl ? 0 : -ENOMEM;
}

static int add_alias(struct search *search, const struct search_file *file)
{
    struct search_alias *alias = NULL;
    HASH_FIND(hh, search->aliases, file->alias_of, strlen(file->alias_of), alias);
    if (!alias) {
        alias = arena_alloc(search->scratch, sizeof *alias);
        if (!alias) return -ENOMEM;
        alias->target = file->alias_of;
        int r = hash_alias(search, alias);
        if (r < 0) return r;
    }
    return vec_push(&alias->names, file->name);
}

int search_aliases(struct search *search, const char *name, struct name_list *names)
{
    struct search_alias *alias = NULL;
    int r = 0;
    for (size_t i = 0; !search->aliases_known && r == 0 && i < search->sorted.count; i++)
        if (search->sorted.items[i]->file.alias_of) r = add_alias(search, &search->sorted.items[i]->file);
    if (r < 0) return r;
    search->aliases_known = true;
    HASH_FIND(hh, search->aliases, name, strlen(name), alias);
    for (size_t i = 0; alias && r == 0 && i < alias->names.count; i++) r = vec_push(names, alias->names.items[i]);
    return r;
}

/* ---- reading ---- */

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

/* As large as the file says it is, and one byte, so that the next read(2) is the last. */
static int grow_to_file(struct search *search, int fd, size_t used)
{
    struct stat st;
    if (fstat(fd, &st) < 0) return -errno;
    if (st.st_size > (off_t)SOURCE_FILE_MAX) return -EFBIG;
    return grow_buffer(search, (size_t)st.st_size > used ? (size_t)st.st_size + 1 : used * 2);
}

/* Until read(2) says that the end is there: a file system in user space may answer with less than there is. */
static int read_whole(struct search *search, int fd, size_t *ret_size)
{
    size_t used = 0;
    int r = grow_buffer(search, READ_BUFFER_FIRST);
    for (;;) {
        if (r == 0 && used == search->buffer_size) r = grow_to_file(search, fd, used);
        if (r < 0) return r;
        ssize_t n = read(fd, search->buffer + used, search->buffer_size - used);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return -errno;
        if (n == 0) break;
        used += (size_t)n;
        if (used > SOURCE_FILE_MAX) return -EFBIG;
    }
    *ret_size = used;
    return 0;
}

/* 0; 1 for the null device; -errno for what cannot be read, before anything is read. */
static int look_at(int fd)
{
    struct stat st;
    if (fstat(fd, &st) < 0) return -errno;
    if (S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3)) return 1;
    if (!S_ISREG(st.st_mode)) return -ENXIO;
    return st.st_size > (off_t)SOURCE_FILE_MAX ? -EFBIG : 0;
}

int search_read(struct search *search, const struct search_file *file, const char **ret_data, size_t *ret_size)
{
    AUTO_FD struct fd fd = FD_NONE;
    *ret_size = 0;
    /* O_NONBLOCK: should the regular file have become a FIFO since, open(2) must not wait for its other end. */
    int r = search_open(search, file->path, search->directories.items[file->directory].fd.n, file->relative,
                        file->plain, O_RDONLY | O_NONBLOCK, &fd);
    /* The listing said that a plain file is a regular one: that is looked at again only where it reads as nothing. */
    if (r == 0 && !file->plain) r = look_at(fd.n);
    if (r == 0) r = read_whole(search, fd.n, ret_size);
    if (file->plain && fd_is_open(&fd) && (r == -EAGAIN || r == -EISDIR || (r == 0 && *ret_size == 0)))
        r = look_at(fd.n);
    if (r < 0) return r;
    *ret_data = search->buffer ? search->buffer : "";
    return 0;
}

mode_t search_mode(struct search *search, const struct search_file *file)
{
    struct stat st;
    int r = search_stat(search, file->path, search->directories.items[file->directory].fd.n, file->relative, &st);
    return r == 0 ? st.st_mode : 0;
}
