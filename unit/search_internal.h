/* unit/search_internal.h - what unit/search.c, unit/search_list.c and unit/search_side.c share. */
#pragma once
#include <sys/types.h>

/* When memory runs out, HASH_ADD leaves the element out and clears its table pointer instead of ending the process. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/diag.h"
#include "base/fd.h"
#include "base/vec.h"
#include "unit/search.h"

struct search_directory {
    struct fd fd;
    const char *path; /* with the root in front */
    dev_t device;
    ino_t inode;
    bool native;
};

struct search_entry {
    UT_hash_handle hh; /* by name */
    struct search_file file;
};

/* One directory of drop-ins or links: NAME.d in one of the directories. */
struct search_side_listing {
    uint32_t directory;
    bool listed;
    VEC(struct search_file *) files;
};

/* All directories called NAME.d, NAME.wants, ... */
struct search_side {
    UT_hash_handle hh; /* by name */
    const char *name, *path;
    VEC(struct search_side_listing) listings;
    bool used;
};

/* The names of links by where they lead. */
struct search_alias {
    UT_hash_handle hh; /* by target */
    const char *target;
    VEC(const char *) names; /* sorted */
};

struct search {
    struct arena *arena;   /* strings; borrowed */
    struct arena *scratch; /* entries */
    struct diag_sink *diags;
    const char *root_path;                    /* "" for none */
    struct fd root;                           /* empty for none */
    VEC(struct search_directory) directories; /* lowest precedence first */
    struct search_entry *entries;             /* hash */
    struct search_side *sides;
    struct search_alias *aliases;
    bool aliases_known, all_kinds;
    VEC(struct search_entry *) sorted;
    char *buffer;
    size_t buffer_size;
};

/* What the last dot of a file name says. */
enum suffix_use { SUFFIX_UNIT, SUFFIX_NOTHING_HERE, SUFFIX_OTHER };
enum suffix_use search_suffix_use(const char *name);

enum entry_type { ENTRY_REGULAR, ENTRY_DIRECTORY, ENTRY_NULL_DEVICE, ENTRY_USELESS };
/* Where a link leads; what is useless in a native directory is reported. */
enum entry_type search_entry_type(struct search *search, uint32_t directory, int dirfd, const char *path,
                                  const char *name, unsigned char d_type);

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
void listing_done(struct listing *listing);
/* Everything in the directory but names that begin with a dot. 0, -ENOMEM or what the kernel said. */
MUST_CHECK int search_list(struct search *search, int dirfd, struct listing *listing);

/* Opens a path that has the root in front: inside the root. `dirfd` and `relative` are the quick way when the file is
 * known not to be a link. */
MUST_CHECK int search_open(struct search *search, const char *path, int dirfd, const char *relative, bool plain,
                           int flags, struct fd *ret);
struct stat;
/* fstatat(2) that follows links inside the root. 0 or -errno. */
MUST_CHECK int search_stat(struct search *search, const char *path, int dirfd, const char *name, struct stat *st);
/* Is the link one to /dev/null, whether or not the root has that device? */
bool search_link_is_mask(const char *directory, const char *target);

/* Takes note of DIRECTORY/NAME.d; in a native directory, reads it. 0 or -ENOMEM. */
MUST_CHECK int search_add_side(struct search *search, uint32_t directory, const char *name);
/* Reads the names in one of the directories. 0 or -ENOMEM. */
MUST_CHECK int search_read_directory(struct search *search, uint32_t directory);
void search_report_name(struct search *search, uint32_t directory, enum severity severity, const char *code,
                        const char *name, const char *what);
void search_free_sides(struct search *search);
