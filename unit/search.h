/* unit/search.h - which unit files there are: directories in order, a later file replaces an earlier one of its name.
 *
 * Looks at names and types only and opens files for the loader, through descriptors of the directories it was given.
 * What is no regular file (a FIFO, a device, a dangling link), has a name that cannot be a unit's, or is of a kind that
 * is not started gets a diagnostic and is passed over; the rest goes on (K94). Drop-ins are found for a unit by its own
 * name, its template's, its name cut at dashes, and its kind, as systemd.unit(5) says.
 * Source: systemd.unit(5), "UNIT FILE LOAD PATH"; SEED.md S22, D17. */
#pragma once
#include "base/attr.h"
#include "unit/unit.h"
struct arena;
struct diag_sink;

struct search_file {
    const char *name;          /* "web.service"; drop-ins: "10-user.conf" */
    const char *path;          /* as it is opened: directory/name */
    const char *relative;      /* the part of `path` below the directory */
    const char *replaced_path; /* the file of an earlier directory that this one stands in front of, or NULL */
    const char *alias_of;      /* a link to another unit file of these directories: that one's name, or NULL */
    uint32_t directory;        /* index */
    bool masked;               /* a link to /dev/null */
    bool unbuilt;              /* .timer, .path, .slice: takes its name, is not started */
};

struct search;
/* Reads the directories. Strings come from `arena` and outlive the search. 0 or -ENOMEM; the caller owns *ret_search.
 */
MUST_CHECK int search_new(const char *const *directories, struct arena *arena, struct diag_sink *diags,
                          struct search **ret_search);
void search_free(struct search *search);
DEFINE_AUTO(struct search, search_free)
/* Unit files, sorted by name. */
size_t search_count(const struct search *search);
const struct search_file *search_get(const struct search *search, size_t index);
const struct search_file *search_find(const struct search *search, const char *name);

/* The drop-ins of a unit in the order they are read, in *ret_files (caller: free(3); NULL when there are none) and
 * *ret_count. Remembers that they were asked for. 0 or -ENOMEM. */
MUST_CHECK int search_dropins(struct search *search, const char *unit, const struct search_file ***ret_files,
                              size_t *ret_count);
/* A note for each NAME.d that no unit asked for. */
void search_report_unused(const struct search *search, struct diag_sink *diags);

/* The bytes of a file, in a buffer that is used again for the next. 0, -ENOMEM, or what open(2) and read(2) said:
 * -ENXIO for what is not a regular file, -EFBIG above SOURCE_FILE_MAX. */
MUST_CHECK int search_read(struct search *search, const struct search_file *file, const char **ret_data,
                           size_t *ret_size);
