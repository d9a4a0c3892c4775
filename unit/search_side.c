/* The directories beside a unit file: NAME.d with drop-ins, NAME.wants and the like with links. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "unit/search_internal.h"

static struct diag_about about_file(const char *path)
{
    return (struct diag_about){ .at = { .file = path } };
}

/* ---- which directories there are ---- */

/* The macro is 250 statements long. NOLINTNEXTLINE(readability-function-size) */
static int hash_side(struct search *search, struct search_side *side)
{
    HASH_ADD_KEYPTR(hh, search->sides, side->name, strlen(side->name), side);
    return side->hh.tbl ? 0 : -ENOMEM;
}

static struct search_side *find_side(struct search *search, const char *name)
{
    struct search_side *side = NULL;
    HASH_FIND(hh, search->sides, name, strlen(name), side);
    return side;
}

static int read_listing(struct search *search, const struct search_side *side, struct search_side_listing *listing);

int search_add_side(struct search *search, uint32_t directory, const char *name)
{
    const struct search_directory *parent = &search->directories.items[directory];
    struct search_side *side = find_side(search, name);
    int r = 0;
    if (!side) {
        side = arena_alloc(search->scratch, sizeof *side);
        if (!side) return -ENOMEM;
        side->name = arena_strdup(search->arena, name);
        side->path = arena_printf(search->arena, "%s/%s", parent->path, name);
        if (!side->name || !side->path) return -ENOMEM;
        r = hash_side(search, side);
    }
    if (r == 0) r = vec_push(&side->listings, ((struct search_side_listing){ .directory = directory }));
    if (r < 0) return r;
    side->used |= !parent->native; /* only of native ones it is told that nobody asked for them */
    return parent->native ? read_listing(search, side, &side->listings.items[side->listings.count - 1]) : 0;
}

void search_free_sides(struct search *search)
{
    struct search_side *side, *next;
    HASH_ITER(hh, search->sides, side, next)
    {
        for (size_t i = 0; i < side->listings.count; i++) vec_done(&side->listings.items[i].files);
        vec_done(&side->listings);
    }
    HASH_CLEAR(hh, search->sides);
}

/* ---- what is in them ---- */

static int add_side_file(struct search *search, const struct search_side *side, struct search_side_listing *listing,
                         const char *name, bool masked, bool plain)
{
    const struct search_directory *parent = &search->directories.items[listing->directory];
    struct search_file *file = arena_alloc(search->scratch, sizeof *file);
    if (!file) return -ENOMEM;
    *file = (struct search_file){ .directory = listing->directory,
                                  .masked = masked,
                                  .plain = plain,
                                  .native = parent->native,
                                  .path = arena_printf(search->arena, "%s/%s/%s", parent->path, side->name, name) };
    if (!file->path) return -ENOMEM;
    file->relative = file->path + strlen(parent->path) + 1;
    file->name = file->relative + strlen(side->name) + 1;
    return vec_push(&listing->files, file);
}

static int read_native_dropin(struct search *search, const struct search_side *side,
                              struct search_side_listing *listing, int fd, const struct listed *entry)
{
    uint32_t directory = listing->directory;
    AUTO_STR struct str path = STR_EMPTY;
    if (!str_suffix(entry->name, ".conf")) {
        search_report_name(search, directory, DIAG_NOTE, "ignored-file", entry->name,
                           "in a drop-in directory is no *.conf");
        return 0;
    }
    int r = str_appendf(&path, "%s/%s/%s", search->directories.items[directory].path, side->name, entry->name);
    if (r < 0) return r;
    enum entry_type type = search_entry_type(search, directory, fd, str_text(&path), entry->name, entry->d_type);
    if (type == ENTRY_USELESS) return 0;
    if (type == ENTRY_DIRECTORY) {
        search_report_name(search, directory, DIAG_WARNING, "not-a-regular-file", entry->name, "is a directory");
        return 0;
    }
    /* Not known to be plain: the directory itself may be a link. */
    return add_side_file(search, side, listing, entry->name, type == ENTRY_NULL_DEVICE, false);
}

/* A link is a mask by its text, or when an empty file is at its end. What else is wrong with a drop-in is seen when it
 * is read; of the links in NAME.wants only the names count. */
static int read_systemd_side(struct search *search, const struct search_side *side, struct search_side_listing *listing,
                             int fd, const struct listed *entry)
{
    char target[PATH_MAX];
    const char *parent = search->directories.items[listing->directory].path;
    AUTO_STR struct str path = STR_EMPTY;
    struct stat st;
    bool dropin = str_suffix(side->name, ".d") != NULL, masked = false;
    if (dropin && !str_suffix(entry->name, ".conf")) return 0;
    ssize_t length = readlinkat(fd, entry->name, target, sizeof target - 1);
    if (length > 0) {
        target[length] = '\0';
        int r = str_appendf(&path, "%s/%s", parent, side->name);
        if (r < 0) return r;
        masked = search_link_is_mask(str_text(&path) + strlen(search->root_path), target);
        r = str_appendf(&path, "/%s", entry->name);
        if (r < 0) return r;
        if (!masked && !dropin && search_stat(search, str_text(&path), fd, entry->name, &st) == 0)
            masked = S_ISREG(st.st_mode) && st.st_size == 0;
    }
    return add_side_file(search, side, listing, entry->name, masked, !dropin && length <= 0);
}

static int read_listing(struct search *search, const struct search_side *side, struct search_side_listing *listing)
{
    const struct search_directory *parent = &search->directories.items[listing->directory];
    AUTO_FD struct fd fd = FD_NONE;
    AUTO_STR struct str path = STR_EMPTY;
    __attribute__((cleanup(listing_done))) struct listing names = VEC_EMPTY;
    listing->listed = true;
    int r = str_appendf(&path, "%s/%s", parent->path, side->name);
    if (r == 0) r = search_open(search, str_text(&path), parent->fd.n, side->name, false, O_RDONLY | O_DIRECTORY, &fd);
    if (r == 0) r = search_list(search, fd.n, &names);
    if (r == -ENOMEM) return r;
    if (r < 0) {
        if (!parent->native && (r == -ENOTDIR || r == -ENOENT || r == -ELOOP)) return 0; /* a link that leads nowhere */
        const char *kept = arena_strdup(search->arena, str_text(&path));
        if (!kept) return -ENOMEM;
        diag_report(search->diags, DIAG_ERROR, about_file(kept), "unreadable-directory", NULL, "%s", strerror(-r));
        return 0;
    }
    for (size_t i = 0; r == 0 && i < names.count; i++)
        r = parent->native ? read_native_dropin(search, side, listing, fd.n, &names.items[i])
                           : read_systemd_side(search, side, listing, fd.n, &names.items[i]);
    return r;
}

/* ---- what a unit finds there ---- */

struct candidate {
    const struct search_file *file;
    uint32_t rank; /* lower goes first when two have one name */
};
struct candidates {
    struct candidate *items;
    size_t count, capacity;
};
/* The directories that belong to one name of a unit, the most specific first. */
struct forms {
    struct search_side **items;
    size_t count, capacity;
};

static int forms_add(struct search *search, struct forms *forms, const char *suffix, const char *prefix,
                     size_t prefix_length, const char *middle, size_t middle_length, const char *unit_suffix)
{
    char name[NAME_MAX + 1];
    int length = snprintf(name, sizeof name, "%.*s%.*s%s%s", (int)prefix_length, prefix, (int)middle_length, middle,
                          unit_suffix, suffix);
    if (length < 0 || (size_t)length >= sizeof name) return 0; /* no directory has such a name */
    struct search_side *side = find_side(search, name);
    return side ? vec_push(forms, side) : 0;
}

/* systemd.unit(5): for a-b@x.service a-b@x.service.d, a-b@.service.d, a-@x.service.d and a-@.service.d; natively
 * a-.service.d in place of the last two. */
static int forms_of(struct search *search, const char *unit, const char *suffix, bool native, struct forms *forms)
{
    struct unit_name_parts parts = unit_name_split(unit);
    const char *at = parts.instance ? parts.instance - 1 : "";
    size_t at_length = parts.instance ? parts.instance_length + 1 : 0;
    int r = forms_add(search, forms, suffix, unit, parts.prefix_length, at, at_length, parts.suffix);
    if (r == 0 && parts.instance_length > 0)
        r = forms_add(search, forms, suffix, unit, parts.prefix_length, "@", 1, parts.suffix);
    for (size_t i = parts.prefix_length; r == 0 && i > 1; i--) {
        if (unit[i - 1] != '-' || i == parts.prefix_length) continue;
        if (native) {
            r = forms_add(search, forms, suffix, unit, i, "", 0, parts.suffix);
            continue;
        }
        r = forms_add(search, forms, suffix, unit, i, at, at_length, parts.suffix);
        if (r == 0 && parts.instance_length > 0) r = forms_add(search, forms, suffix, unit, i, "@", 1, parts.suffix);
    }
    return r;
}

/* The files of one directory of one name. */
static int collect(struct search *search, struct search_side *side, uint32_t directory, struct candidates *found,
                   uint32_t *rank)
{
    for (size_t i = 0; i < side->listings.count; i++) {
        struct search_side_listing *listing = &side->listings.items[i];
        if (listing->directory != directory) continue;
        int r = listing->listed ? 0 : read_listing(search, side, listing);
        for (size_t k = 0; r == 0 && k < listing->files.count; k++)
            r = vec_push(found, ((struct candidate){ listing->files.items[k], *rank }));
        if (r < 0) return r;
        ++*rank;
    }
    return 0;
}

/* Natively the more specific directory wins, then the later one. */
static int collect_native(struct search *search, struct forms *forms, struct candidates *found, uint32_t *rank)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < forms->count; i++) {
        forms->items[i]->used = true;
        for (size_t d = search->directories.count; r == 0 && d-- > 0;)
            if (search->directories.items[d].native) r = collect(search, forms->items[i], (uint32_t)d, found, rank);
    }
    return r;
}

/* In systemd the directory of the search path counts first, and what is more specific within one. */
static int collect_systemd(struct search *search, struct forms *forms, struct candidates *found, uint32_t *rank)
{
    int r = 0;
    for (size_t d = search->directories.count; r == 0 && forms->count > 0 && d-- > 0;) {
        if (search->directories.items[d].native) continue;
        for (size_t i = 0; r == 0 && i < forms->count; i++)
            r = collect(search, forms->items[i], (uint32_t)d, found, rank);
    }
    return r;
}

static int compare_candidates(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    int order = strcmp(x->file->name, y->file->name);
    return order != 0 ? order : (x->rank > y->rank) - (x->rank < y->rank);
}

static int collect_all(struct search *search, const char *suffix, const char *const *names, size_t n_names,
                       struct candidates *found)
{
    struct forms forms = VEC_EMPTY;
    uint32_t rank = 0;
    struct unit_name_parts parts = unit_name_split(names[0]);
    int r = forms_of(search, names[0], suffix, true, &forms);
    if (r == 0) r = forms_add(search, &forms, suffix, "", 0, "", 0, parts.suffix + 1); /* service.d */
    if (r == 0) r = collect_native(search, &forms, found, &rank);
    for (size_t i = 0; r == 0 && i < n_names; i++) {
        forms.count = 0;
        r = forms_of(search, names[i], suffix, false, &forms);
        if (r == 0) r = collect_systemd(search, &forms, found, &rank);
    }
    forms.count = 0;
    if (r == 0) r = forms_add(search, &forms, suffix, "", 0, "", 0, parts.suffix + 1);
    if (r == 0) r = collect_systemd(search, &forms, found, &rank);
    vec_done(&forms);
    return r;
}

int search_side_files(struct search *search, const char *suffix, const char *const *names, size_t n_names,
                      const struct search_file ***ret_files, size_t *ret_count)
{
    struct candidates found = VEC_EMPTY;
    *ret_files = NULL;
    *ret_count = 0;
    if (!search->sides) return 0;
    int r = collect_all(search, suffix, names, n_names, &found);
    if (r == 0 && found.count > 0) {
        qsort(found.items, found.count, sizeof *found.items, compare_candidates);
        *ret_files = calloc(found.count, sizeof(void *));
        if (!*ret_files) r = -ENOMEM;
    }
    for (size_t i = 0; r == 0 && i < found.count; i++)
        if (i == 0 || strcmp(found.items[i].file->name, found.items[i - 1].file->name) != 0)
            (*ret_files)[(*ret_count)++] = found.items[i].file;
    vec_done(&found);
    return r;
}

void search_report_unused(const struct search *search, struct diag_sink *diags)
{
    struct search_side *side, *next;
    HASH_ITER(hh, search->sides, side, next)
    {
        if (side->used || strchr(side->name, '.') == strrchr(side->name, '.')) continue; /* "service.d" */
        diag_report(diags, DIAG_NOTE, about_file(side->path), "unused-drop-in", NULL,
                    "no unit of this name: its fragments are not used");
    }
}
