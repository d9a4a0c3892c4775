/* userdb/userdb.h - names and numbers of users and groups from passwd and group files, without NSS.
 *
 * The files are looked at again at each lookup (one stat) and read again only when they changed, so that a user added
 * by an earlier unit is known to the next one. Lines that do not have the form of passwd(5) or group(5) are skipped; in
 * each file the first line that matches counts. Nothing is opened that could hang: a FIFO or device is refused. Source:
 * passwd(5), group(5), systemd.exec(5) User= and Group=; SEED.md S21, S48. */
#pragma once
#include "base/attr.h"
#include <sys/types.h>

struct userdb;

enum userdb_file { USERDB_PASSWD, USERDB_GROUP, USERDB_FILE_COUNT };

/* Owned by the caller; user_identity_done() frees. */
struct user_identity {
    uid_t uid;
    gid_t gid;
    char *name; /* NULL for a number without a passwd entry, as the two below */
    char *home;
    char *shell;
    gid_t *groups; /* supplementary ones, sorted, without gid; NULL when there is none */
    size_t n_groups;
};
#define USER_IDENTITY_EMPTY ((struct user_identity){ 0, 0, NULL, NULL, NULL, NULL, 0 })
#define AUTO_USER_IDENTITY  __attribute__((cleanup(user_identity_done)))
void user_identity_done(struct user_identity *identity);

/* Paths of the files to prefer (CONTAINER_INIT_PASSWD_FILE, CONTAINER_INIT_GROUP_FILE), NULL or "" for none. While the
 * named file does not exist the default is read: /etc/passwd, /etc/group. The paths are copied. */
MUST_CHECK int userdb_new(const char *passwd_path, const char *group_path, struct userdb **ret_db);
/* The same with other defaults, for tests and for --root-like uses. */
MUST_CHECK int userdb_new_defaults(const char *passwd_path, const char *group_path, const char *default_passwd,
                                   const char *default_group, struct userdb **ret_db);
void userdb_free(struct userdb *db);
DEFINE_AUTO(struct userdb, userdb_free)

/* Errors of all lookups: -ESRCH: no such user or group; -EINVAL: neither a name nor an id (empty, or a number above
 * 4294967294); -ENOMEM; any other errno: the file userdb_error_path() could not be read. A default file that does not
 * exist is an empty one; "root" is 0 also where no file says so (an image made from nothing), as in systemd. */

/* `text` is a name or a decimal number, names first. A number without a passwd entry is fine: gid 0, no groups. The
 * supplementary groups are those of userdb_groups_of() for the primary group of the entry. *ret is untouched on error.
 */
MUST_CHECK int userdb_lookup_user(struct userdb *db, const char *text, struct user_identity *ret);
/* A name or a number; a number needs no entry. */
MUST_CHECK int userdb_lookup_group(struct userdb *db, const char *text, gid_t *ret);
/* The groups that list `user_name` as a member, sorted, each once, without `primary`. The caller owns *ret_groups
 * (free(3)), NULL when there are none. */
MUST_CHECK int userdb_groups_of(struct userdb *db, const char *user_name, gid_t primary, gid_t **ret_groups,
                                size_t *ret_n_groups);
/* The passwd entry of a number, for HOME, USER and LOGNAME of a process that does not switch. -ESRCH without one. */
MUST_CHECK int userdb_lookup_uid(struct userdb *db, uid_t uid, struct user_identity *ret);

/* The file that is preferred to the default, NULL: none is. Borrowed. */
const char *userdb_preferred_path(const struct userdb *db, enum userdb_file file);
/* The path the last lookup read (or failed on): the preferred one or the default; NULL before the first. Borrowed. */
const char *userdb_path_in_use(const struct userdb *db, enum userdb_file file);
/* Which file the last lookup failed on; NULL when it did not fail, or for another reason than a file. Borrowed. */
const char *userdb_error_path(const struct userdb *db);
/* True once after each change of the path in use from what was reported before, and when a preferred file was asked for
 * at all: for the lines `userdb: reading PATH (VAR)` and `userdb: VAR=PATH does not exist; reading DEFAULT`. *ret_path
 * is the file in use, *ret_missing the preferred one that does not exist or NULL; both borrowed. */
bool userdb_changed(struct userdb *db, enum userdb_file file, const char **ret_path, const char **ret_missing);
