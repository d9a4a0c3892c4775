/* unit/search.h - which unit files there are, by the rules of the native directories and of systemd's search path.
 *
 * Native: directories in order, a later file replaces an earlier one of its name. What is no regular file (a FIFO, a
 * device, a dangling link), has a name that cannot be a unit's, or is of a kind that is not started gets a diagnostic
 * and is passed over; the rest goes on (K94). systemd: an earlier directory wins, nothing is said of files that nobody
 * asks for, and NAME.wants/ and the like hold links whose names matter and not where they lead. A native file stands in
 * front of one of systemd's.
 * Looks at names and types only and opens files for the loader, through descriptors of the directories it was given;
 * below another root, links are followed inside it.
 * Source: systemd.unit(5), "UNIT FILE LOAD PATH"; SEED.md S22, D17. */
#pragma once
#include "base/attr.h"
#include "unit/unit.h"
struct arena;
struct diag_sink;

/* Names and paths that others own. */
struct name_list {
    const char **items;
    size_t count, capacity;
};

struct search_file {
    const char *name;          /* "web.service"; drop-ins: "10-user.conf" */
    const char *path;          /* as it is opened: root/directory/name */
    const char *relative;      /* the part of `path` below the directory */
    const char *replaced_path; /* the file of an earlier directory that this one stands in front of, or NULL */
    const char *alias_of;      /* a link to another unit file of these directories: that one's name, or NULL */
    uint32_t directory;        /* index */
    bool masked;               /* a link to /dev/null */
    bool native;               /* lies in a native directory */
    bool plain;                /* no symbolic link: need not be resolved */
};

struct search_options {
    const char *const *directories; /* native, NULL-terminated; may be NULL */
    bool systemd;                   /* also unit_paths_system */
    const char *root;               /* what all of them lie below; NULL: "/" */
    bool all_kinds;                 /* native files of kinds that are not run are found as well */
};

struct search;
/* Reads the directories. Strings come from `arena` and outlive the search. 0 or -ENOMEM; the caller owns *ret_search.
 */
MUST_CHECK int search_new(const struct search_options *options, struct arena *arena, struct diag_sink *diags,
                          struct search **ret_search);
void search_free(struct search *search);
DEFINE_AUTO(struct search, search_free)
/* Unit files, sorted by name. */
size_t search_count(const struct search *search);
const struct search_file *search_get(const struct search *search, size_t index);
const struct search_file *search_find(const struct search *search, const char *name);
/* The length of the part of each path that is the root's. */
size_t search_root_length(const struct search *search);
/* Appends the names of the links that lead to `name` in one step, sorted; they outlive the search. 0 or -ENOMEM. */
MUST_CHECK int search_aliases(struct search *search, const char *name, struct name_list *names);

/* The files that NAME.d/ (suffix ".d") or NAME.wants/ (".wants", ".requires", ".upholds") hold for a unit, sorted by
 * name, of those with one name the first in precedence: for a drop-in the order in which they are read. `names` are all
 * names of the unit, its own first. *ret_files: caller's, free(3); NULL when there are none. Drop-ins remember that
 * they were asked for. 0 or -ENOMEM. */
MUST_CHECK int search_side_files(struct search *search, const char *suffix, const char *const *names, size_t n_names,
                                 const struct search_file ***ret_files, size_t *ret_count);
/* A note for each NAME.d of a native directory that no unit asked for. */
void search_report_unused(const struct search *search, struct diag_sink *diags);

/* The bytes of a file, in a buffer that is used again for the next; none when it is /dev/null after all. 0, -ENOMEM, or
 * what open(2) and read(2) said: -ENXIO for what is not a regular file, -EFBIG above SOURCE_FILE_MAX. */
MUST_CHECK int search_read(struct search *search, const struct search_file *file, const char **ret_data,
                           size_t *ret_size);
/* The mode of a file, 0 when it cannot be looked at. */
mode_t search_mode(struct search *search, const struct search_file *file);
