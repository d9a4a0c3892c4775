/* What the names in a directory are: unit files, links that are other names, directories of drop-ins. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/str.h"
#include "unit/search_internal.h"

static const struct {
    const char *suffix;
    enum suffix_use use;
} suffixes[] = {
    { ".service", SUFFIX_UNIT }, { ".socket", SUFFIX_UNIT },        { ".target", SUFFIX_UNIT },
    { ".timer", SUFFIX_UNIT },   { ".path", SUFFIX_UNIT },          { ".slice", SUFFIX_UNIT },
    { ".mount", SUFFIX_UNIT },   { ".automount", SUFFIX_UNIT },     { ".swap", SUFFIX_UNIT },
    { ".device", SUFFIX_UNIT },  { ".scope", SUFFIX_NOTHING_HERE },
};

enum suffix_use search_suffix_use(const char *name)
{
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && i < COUNT_OF(suffixes); i++)
        if (strcmp(dot, suffixes[i].suffix) == 0) return suffixes[i].use;
    return SUFFIX_OTHER;
}

/* About a name that is not ours to print as it is: the directory is to blame, the name is quoted in the message. */
void search_report_name(struct search *search, uint32_t directory, enum severity severity, const char *code,
                        const char *name, const char *what)
{
    char quoted[300];
    diag_report(search->diags, severity,
                (struct diag_about){ .at = { .file = search->directories.items[directory].path } }, code, NULL,
                "'%s' %s (ignored)", str_escape(name, strlen(name), quoted, sizeof quoted), what);
}

/* ---- what kind of file a directory entry is ---- */

int search_stat(struct search *search, const char *path, int dirfd, const char *name, struct stat *st)
{
    if (!fd_is_open(&search->root)) return fstatat(dirfd, name, st, 0) < 0 ? -errno : 0;
    AUTO_FD struct fd fd = FD_NONE;
    int r = search_open(search, path, dirfd, name, false, O_PATH, &fd);
    if (r < 0) return r;
    return fstat(fd.n, st) < 0 ? -errno : 0;
}

enum entry_type search_entry_type(struct search *search, uint32_t directory, int dirfd, const char *path,
                                  const char *name, unsigned char d_type)
{
    if (d_type == DT_REG) return ENTRY_REGULAR;
    if (d_type == DT_DIR) return ENTRY_DIRECTORY;
    struct stat st;
    int r = search_stat(search, path, dirfd, name, &st);
    if (r < 0) {
        bool dangling = r == -ENOENT || r == -ELOOP;
        search_report_name(search, directory, dangling ? DIAG_WARNING : DIAG_ERROR,
                           dangling ? "dangling-link" : "unreadable-file", name,
                           dangling ? "is a link that leads nowhere" : strerror(-r));
        return ENTRY_USELESS;
    }
    if (S_ISREG(st.st_mode)) return ENTRY_REGULAR;
    if (S_ISDIR(st.st_mode)) return ENTRY_DIRECTORY;
    if (S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3)) return ENTRY_NULL_DEVICE;
    search_report_name(search, directory, DIAG_WARNING, "not-a-regular-file", name,
                       S_ISFIFO(st.st_mode)   ? "is a FIFO, not a regular file"
                       : S_ISSOCK(st.st_mode) ? "is a socket, not a regular file"
                                              : "is a device, not a regular file");
    return ENTRY_USELESS;
}

/* A root may lack the device; the text of the link says enough. */
bool search_link_is_mask(const char *directory, const char *target)
{
    if (strcmp(target, "/dev/null") == 0) return true;
    if (!str_suffix(target, "/dev/null")) return false;
    /* "../../../dev/null" from a directory that is no deeper: what is above the root is the root. */
    const char *rest = target;
    size_t ups = 0, depth = 0;
    for (; str_starts_with(rest, "../"); rest += 3) ups++;
    for (const char *at = directory; *at; at++) depth += at[0] == '/' && at[1] != '\0' && at[1] != '/';
    return ups >= depth && strcmp(rest, "dev/null") == 0;
}

/* ---- links to other units ---- */

/* Does the directory part of the link's target name one of our directories? */
static bool leads_into_ours(struct search *search, const struct search_directory *directory, char *target, char *slash)
{
    struct stat st = { .st_dev = directory->device, .st_ino = directory->inode };
    if (slash) {
        AUTO_STR struct str path = STR_EMPTY;
        slash[slash == target ? 1 : 0] = '\0';
        int r = *target == '/' ? str_appendf(&path, "%s%s", search->root_path, target)
                               : str_appendf(&path, "%s/%s", directory->path, target);
        if (r < 0 || search_stat(search, str_text(&path), AT_FDCWD, str_text(&path), &st) < 0) return false;
    }
    for (size_t i = 0; i < search->directories.count; i++)
        if (search->directories.items[i].device == st.st_dev && search->directories.items[i].inode == st.st_ino)
            return true;
    return false;
}

enum link_use { LINK_CONTENTS, LINK_ALIAS, LINK_BAD };

/* Which names may lead to which. systemd.unit(5): an alias has the same suffix; a template's alias is a template, an
 * instance's is an instance with the same string; a link from an instance to its own template is the instance. */
static enum link_use link_use(const char *name, const char *target)
{
    enum unit_name_form from = unit_name_form(name), to = unit_name_form(target);
    if (strcmp(name, target) == 0) return LINK_CONTENTS;
    if (unit_kind_of_name(name) != unit_kind_of_name(target)) return LINK_BAD;
    struct unit_name_parts a = unit_name_split(name), b = unit_name_split(target);
    bool same_prefix = a.prefix_length == b.prefix_length && memcmp(a.prefix, b.prefix, a.prefix_length) == 0;
    bool same_instance = a.instance_length == b.instance_length && a.instance_length > 0 &&
                         memcmp(a.instance, b.instance, a.instance_length) == 0;
    switch (from) {
    case UNIT_NAME_PLAIN:
        return to == UNIT_NAME_TEMPLATE ? LINK_BAD : LINK_ALIAS;
    case UNIT_NAME_TEMPLATE:
        return to == UNIT_NAME_TEMPLATE ? LINK_ALIAS : LINK_BAD;
    case UNIT_NAME_INSTANCE:
        if (to == UNIT_NAME_TEMPLATE) return same_prefix ? LINK_CONTENTS : LINK_ALIAS;
        return to == UNIT_NAME_INSTANCE && same_instance ? LINK_ALIAS : LINK_BAD;
    case UNIT_NAME_INVALID:
        break;
    }
    return LINK_BAD;
}

/* A link whose target is another unit file of our directories gives that unit a second name (systemd.unit(5)). A link
 * from an instance to its template, or from outside, gives the file's contents to the link's own name. 0, 1 when the
 * link is not to be used, -ENOMEM. */
static int look_at_link(struct search *search, uint32_t index, const char *name, struct search_file *file)
{
    const struct search_directory *directory = &search->directories.items[index];
    char target[PATH_MAX];
    ssize_t length = readlinkat(directory->fd.n, name, target, sizeof target - 1);
    if (length <= 0) return 0;
    target[length] = '\0';
    if (search_link_is_mask(directory->path + strlen(search->root_path), target)) {
        file->masked = true;
        return 0;
    }
    char *slash = strrchr(target, '/');
    const char *base = slash ? slash + 1 : target;
    if (!unit_name_is_valid(base)) return 0;
    enum link_use use = link_use(name, base);
    if (use == LINK_CONTENTS) return 0;
    /* In a native directory what cannot be an alias has the contents of the file, as ever. */
    if (use == LINK_BAD && directory->native) return 0;
    if (directory->native && (unit_name_form(base) == UNIT_NAME_TEMPLATE || unit_name_form(name) == UNIT_NAME_TEMPLATE))
        return 0;
    char *alias = arena_strdup(search->arena, base);
    if (!alias) return -ENOMEM;
    if (!leads_into_ours(search, directory, target, slash)) return 0;
    if (use == LINK_BAD) {
        search_report_name(search, index, DIAG_WARNING, "bad-alias", name,
                           "is a link to a unit that it cannot be another name of");
        return 1;
    }
    file->alias_of = alias;
    return 0;
}

/* ---- unit files ---- */

/* The macro is 250 statements long. NOLINTNEXTLINE(readability-function-size) */
static int hash_entry(struct search *search, struct search_entry *entry)
{
    HASH_ADD_KEYPTR(hh, search->entries, entry->file.name, strlen(entry->file.name), entry);
    return entry->hh.tbl ? 0 : -ENOMEM;
}

/* `file` has what is known of its kind. It stands in front of what has been read before. */
static int add_file(struct search *search, uint32_t directory, const char *name, struct search_file file)
{
    const struct search_directory *parent = &search->directories.items[directory];
    file.directory = directory;
    file.native = parent->native;
    if (!file.plain && !file.masked) {
        int r = look_at_link(search, directory, name, &file);
        if (r != 0) return MIN_OF(r, 0);
    }
    file.path = arena_printf(search->arena, "%s/%s", parent->path, name);
    if (!file.path) return -ENOMEM;
    file.name = file.relative = file.path + strlen(parent->path) + 1;
    struct search_entry *entry = NULL;
    HASH_FIND(hh, search->entries, file.name, strlen(file.name), entry);
    if (entry) { /* the key must stay the string it was added with, which has the same bytes */
        if (file.native) file.replaced_path = entry->file.path;
        entry->file = file;
        return 0;
    }
    entry = arena_alloc(search->scratch, sizeof *entry);
    if (!entry) return -ENOMEM;
    entry->file = file;
    int r = hash_entry(search, entry);
    return r < 0 ? r : vec_push(&search->sorted, entry);
}

/* ---- native directories ---- */

/* Is `name` what may stand before ".d": a unit name, or a kind alone ("service.d" is for every service)? */
static bool is_dropin_target(const struct search *search, const char *name)
{
    if (search_suffix_use(name) == SUFFIX_UNIT || (search->all_kinds && unit_kind_of_name(name) < UNIT_KIND_COUNT))
        return true;
    for (size_t i = 0; i < COUNT_OF(suffixes); i++)
        if ((suffixes[i].use == SUFFIX_UNIT || search->all_kinds) && strcmp(name, suffixes[i].suffix + 1) == 0)
            return true;
    return false;
}

static int read_subdirectory(struct search *search, uint32_t directory, const char *name)
{
    const char *suffix = str_suffix(name, ".d");
    char target[NAME_MAX + 1];
    if (suffix) {
        memcpy(target, name, (size_t)(suffix - name));
        target[suffix - name] = '\0';
        if (is_dropin_target(search, target)) return search_add_side(search, directory, name);
    }
    if (search_suffix_use(name) == SUFFIX_UNIT)
        search_report_name(search, directory, DIAG_WARNING, "not-a-regular-file", name,
                           "is a directory, not a regular file");
    else
        search_report_name(search, directory, DIAG_NOTE, "ignored-file", name,
                           str_suffix(name, ".wants") || str_suffix(name, ".requires")
                               ? "is a directory of enablement links: every unit here starts without"
                               : "is a directory that belongs to no unit");
    return 0;
}

static int read_native_entry(struct search *search, uint32_t directory, const struct listed *entry)
{
    const char *name = entry->name;
    const struct search_directory *self = &search->directories.items[directory];
    enum suffix_use use = search_suffix_use(name);
    if (use == SUFFIX_NOTHING_HERE && search->all_kinds) use = SUFFIX_UNIT;
    bool regular = entry->d_type == DT_REG;
    enum entry_type type = ENTRY_REGULAR;
    if (!regular) {
        AUTO_STR struct str path = STR_EMPTY;
        int r = str_appendf(&path, "%s/%s", self->path, name);
        if (r < 0) return r;
        type = search_entry_type(search, directory, self->fd.n, str_text(&path), name, entry->d_type);
    }
    if (type == ENTRY_USELESS) return 0;
    if (type == ENTRY_DIRECTORY) return read_subdirectory(search, directory, name);
    struct search_file file = { .masked = type == ENTRY_NULL_DEVICE, .plain = regular };
    switch (use) {
    case SUFFIX_OTHER:
        search_report_name(search, directory, DIAG_NOTE, "ignored-file", name, "has no unit file's suffix");
        return 0;
    case SUFFIX_NOTHING_HERE:
        search_report_name(search, directory, DIAG_NOTE, "ignored-file", name,
                           "is of a kind that has nothing to do in a container");
        return 0;
    case SUFFIX_UNIT:
        break;
    }
    if (!unit_name_is_valid(name)) {
        search_report_name(search, directory, DIAG_WARNING, "bad-unit-name", name,
                           "is not a unit name: letters, digits and :-_.\\@ only, at most 255 bytes");
        return 0;
    }
    return add_file(search, directory, name, file);
}

/* ---- systemd's directories ---- */

static bool is_side_name(const char *name)
{
    return str_suffix(name, ".d") || str_suffix(name, ".wants") || str_suffix(name, ".requires") ||
           str_suffix(name, ".upholds");
}

/* Nothing is said of what nobody may ever ask for. */
static int read_systemd_entry(struct search *search, uint32_t directory, const struct listed *entry)
{
    unsigned char d_type = entry->d_type;
    if (d_type == DT_UNKNOWN) {
        struct stat st;
        if (fstatat(search->directories.items[directory].fd.n, entry->name, &st, AT_SYMLINK_NOFOLLOW) < 0) return 0;
        d_type = (unsigned char)IFTODT(st.st_mode);
    }
    if ((d_type == DT_DIR || d_type == DT_LNK) && is_side_name(entry->name))
        return search_add_side(search, directory, entry->name);
    if (d_type == DT_DIR || unit_kind_of_name(entry->name) == UNIT_KIND_COUNT || !unit_name_is_valid(entry->name))
        return 0;
    return add_file(search, directory, entry->name, (struct search_file){ .plain = d_type == DT_REG });
}

/* ---- listing ---- */

void listing_done(struct listing *listing)
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

int search_list(struct search *search, int dirfd, struct listing *listing)
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

int search_read_directory(struct search *search, uint32_t directory)
{
    __attribute__((cleanup(listing_done))) struct listing listing = VEC_EMPTY;
    const struct search_directory *self = &search->directories.items[directory];
    int r = search_list(search, self->fd.n, &listing);
    if (r == -ENOMEM) return r;
    if (r < 0) {
        diag_report(search->diags, DIAG_ERROR, (struct diag_about){ .at = { .file = self->path } },
                    "unreadable-directory", NULL, "%s", strerror(-r));
        return 0;
    }
    for (size_t i = 0; r == 0 && i < listing.count; i++)
        r = self->native ? read_native_entry(search, directory, &listing.items[i])
                         : read_systemd_entry(search, directory, &listing.items[i]);
    return r;
}
