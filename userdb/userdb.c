#include "userdb/userdb.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/fd.h"
#include "base/parse.h"
#include "base/str.h"
#include "base/vec.h"

enum { FILE_MAX_BYTES = 16 << 20, LINE_MAX_BYTES = 1 << 20, ID_MAX_DIGITS = 10 };
#define ID_MAX (UINT32_MAX - 1) /* the last number means "no id" to setresuid(2) */

/* What tells one state of a file from another. */
struct stamp {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec modified, changed;
};

struct source {
    char *preferred, *fallback; /* preferred may be NULL */
    const char *in_use;         /* one of the two; NULL before the first lookup */
    bool missing;               /* preferred is asked for and does not exist */
    const char *told_in_use;    /* as userdb_changed() last told */
    bool cached;
    struct stamp stamp;
    char *data;
    size_t size;
};

struct userdb {
    struct source sources[USERDB_FILE_COUNT];
    const char *error_path;
};

/* --- files -----------------------------------------------------------------------------------------------------------
 */

static void source_drop(struct source *source)
{
    free(source->data);
    source->data = NULL;
    source->size = 0;
    source->cached = false;
}

static bool same_time(struct timespec a, struct timespec b)
{
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static bool same_stamp(const struct stamp *a, const struct stamp *b)
{
    return a->device == b->device && a->inode == b->inode && a->size == b->size &&
           same_time(a->modified, b->modified) && same_time(a->changed, b->changed);
}

/* File times are as coarse as the kernel's tick: what was changed this moment may change again without looking
 * different, and is read again next time. */
static bool is_settled(struct timespec changed)
{
    struct timespec now;
    if (clock_gettime(CLOCK_REALTIME, &now) < 0) return false;
    int64_t age_ms = ((int64_t)now.tv_sec - changed.tv_sec) * 1000 + (now.tv_nsec - changed.tv_nsec) / 1000000;
    return age_ms > 100;
}

/* Brings source->data up to date with `path`. */
static int source_read(struct source *source, const char *path)
{
    struct stat st;
    if (stat(path, &st) < 0) return -errno;
    struct stamp stamp = { st.st_dev, st.st_ino, st.st_size, st.st_mtim, st.st_ctim };
    if (source->cached && source->in_use == path && same_stamp(&stamp, &source->stamp)) return 0;

    source_drop(source);
    /* The stamp is from before the reading: a change between the two is seen next time. */
    int r = file_read(AT_FDCWD, path, FILE_MAX_BYTES, &source->data, &source->size);
    if (r < 0) return r;
    source->stamp = stamp;
    source->cached = is_settled(stamp.changed);
    return 0;
}

static int source_load(struct userdb *db, enum userdb_file file)
{
    struct source *source = &db->sources[file];
    int r;
    if (source->preferred) {
        r = source_read(source, source->preferred);
        source->missing = r == -ENOENT || r == -ENOTDIR;
        if (!source->missing) {
            source->in_use = source->preferred;
            if (r < 0 && r != -ENOMEM) db->error_path = source->preferred;
            return r;
        }
    }
    r = source_read(source, source->fallback);
    source->in_use = source->fallback;
    if (r == -ENOENT) {
        source_drop(source);
        return 0;
    }
    if (r < 0 && r != -ENOMEM) db->error_path = source->fallback;
    return r;
}

/* --- lines -----------------------------------------------------------------------------------------------------------
 */

struct text {
    const char *start;
    size_t length;
};

static bool text_is(struct text text, const char *want)
{
    return strlen(want) == text.length && memcmp(text.start, want, text.length) == 0;
}

/* The next line, without its newline; false at the end. */
static bool next_line(const struct source *source, size_t *offset, struct text *ret_line)
{
    if (*offset >= source->size) return false;
    const char *start = source->data + *offset, *newline = memchr(start, '\n', source->size - *offset);
    size_t length = newline ? (size_t)(newline - start) : source->size - *offset;
    *offset += length + (newline != NULL);
    *ret_line = (struct text){ start, length };
    return true;
}

/* Splits at ':' into at most n_fields, the last one taking the rest. Returns how many; 0 for a line that is no entry:
 * the compatibility entries of NIS, a line with a NUL or one of absurd length. */
static size_t split(struct text line, struct text *fields, size_t n_fields)
{
    if (line.length == 0 || line.length > LINE_MAX_BYTES || line.start[0] == '+' || line.start[0] == '-') return 0;
    if (line.start[0] == ':' || memchr(line.start, '\0', line.length)) return 0;
    for (size_t n = 0;;) {
        const char *colon = n + 1 < n_fields ? memchr(line.start, ':', line.length) : NULL;
        size_t length = colon ? (size_t)(colon - line.start) : line.length;
        fields[n++] = (struct text){ line.start, length };
        if (!colon) return n;
        line = (struct text){ colon + 1, line.length - length - 1 };
    }
}

static bool parse_id(struct text text, uint32_t *ret)
{
    char digits[ID_MAX_DIGITS + 1];
    if (text.length == 0 || text.length > ID_MAX_DIGITS) return false;
    memcpy(digits, text.start, text.length);
    digits[text.length] = '\0';
    return parse_u32(digits, 0, ID_MAX, ret) == 0;
}

struct passwd_entry {
    struct text name, home, shell;
    uid_t uid;
    gid_t gid;
};

/* name:password:uid:gid:comment:home[:shell] */
static bool parse_passwd(struct text line, struct passwd_entry *ret)
{
    struct text fields[7] = { 0 };
    if (split(line, fields, COUNT_OF(fields)) < 6) return false;
    ret->name = fields[0];
    ret->home = fields[5];
    ret->shell = fields[6];
    return parse_id(fields[2], &ret->uid) && parse_id(fields[3], &ret->gid);
}

struct group_entry {
    struct text name, members;
    gid_t gid;
};

/* name:password:gid:member,member */
static bool parse_group(struct text line, struct group_entry *ret)
{
    struct text fields[4] = { 0 };
    if (split(line, fields, COUNT_OF(fields)) < 4) return false;
    ret->name = fields[0];
    ret->members = fields[3];
    return parse_id(fields[2], &ret->gid);
}

static bool has_member(struct text members, const char *name)
{
    for (;;) {
        const char *comma = memchr(members.start, ',', members.length);
        size_t length = comma ? (size_t)(comma - members.start) : members.length;
        if (text_is((struct text){ members.start, length }, name)) return true;
        if (!comma) return false;
        members = (struct text){ comma + 1, members.length - length - 1 };
    }
}

/* --- lookups ---------------------------------------------------------------------------------------------------------
 */

void user_identity_done(struct user_identity *identity)
{
    free(identity->name);
    free(identity->home);
    free(identity->shell);
    free(identity->groups);
    *identity = USER_IDENTITY_EMPTY;
}

static int set_names(struct user_identity *identity, struct text name, struct text home, struct text shell)
{
    identity->name = strndup(name.start, name.length);
    identity->home = strndup(home.start ? home.start : "", home.length);
    identity->shell = strndup(shell.start ? shell.start : "", shell.length);
    return identity->name && identity->home && identity->shell ? 0 : -ENOMEM;
}

/* By name where `name` is given, else by uid. -ESRCH without an entry. */
static int find_passwd(struct userdb *db, const char *name, uid_t uid, struct passwd_entry *ret)
{
    int r = source_load(db, USERDB_PASSWD);
    if (r < 0) return r;
    struct text line;
    for (size_t offset = 0; next_line(&db->sources[USERDB_PASSWD], &offset, &line);)
        if (parse_passwd(line, ret) && (name ? text_is(ret->name, name) : ret->uid == uid)) return 0;
    return -ESRCH;
}

static int compare_gids(const void *a, const void *b)
{
    gid_t left = *(const gid_t *)a, right = *(const gid_t *)b;
    return (left > right) - (left < right);
}

static int groups_of(struct userdb *db, const char *user_name, gid_t primary, gid_t **ret_groups, size_t *ret_n_groups)
{
    int r = source_load(db, USERDB_GROUP);
    if (r < 0) return r;
    VEC(gid_t) groups = VEC_EMPTY;
    struct text line;
    struct group_entry entry;
    for (size_t offset = 0; r == 0 && next_line(&db->sources[USERDB_GROUP], &offset, &line);)
        if (parse_group(line, &entry) && entry.gid != primary && has_member(entry.members, user_name))
            r = vec_push(&groups, entry.gid);
    if (r < 0) {
        vec_done(&groups);
        return r;
    }
    if (groups.count > 1) qsort(groups.items, groups.count, sizeof *groups.items, compare_gids);
    size_t kept = 0;
    for (size_t i = 0; i < groups.count; i++)
        if (kept == 0 || groups.items[kept - 1] != groups.items[i]) groups.items[kept++] = groups.items[i];
    *ret_groups = groups.items;
    *ret_n_groups = kept;
    return 0;
}

static int take_entry(struct userdb *db, const struct passwd_entry *entry, struct user_identity *ret)
{
    AUTO_USER_IDENTITY struct user_identity found = USER_IDENTITY_EMPTY;
    found.uid = entry->uid;
    found.gid = entry->gid;
    int r = set_names(&found, entry->name, entry->home, entry->shell);
    if (r == 0) r = groups_of(db, found.name, found.gid, &found.groups, &found.n_groups);
    if (r < 0) return r;
    *ret = found;
    found = USER_IDENTITY_EMPTY;
    return 0;
}

int userdb_lookup_user(struct userdb *db, const char *text, struct user_identity *ret)
{
    db->error_path = NULL;
    uint32_t number;
    int n = parse_u32(text, 0, ID_MAX, &number);
    if (!*text) return -EINVAL;
    struct passwd_entry entry;
    int r = find_passwd(db, text, 0, &entry);
    if (r == -ESRCH && n == 0) r = find_passwd(db, NULL, number, &entry);
    if (r == 0) return take_entry(db, &entry, ret);
    if (r != -ESRCH) return r;
    if (n == -ERANGE) return -EINVAL;
    if (n == 0) {
        *ret = (struct user_identity){ .uid = number };
        return 0;
    }
    if (!str_equal(text, "root")) return -ESRCH;
    entry = (struct passwd_entry){ .name = { "root", 4 }, .home = { "/root", 5 }, .shell = { "/bin/sh", 7 } };
    return take_entry(db, &entry, ret);
}

int userdb_lookup_group(struct userdb *db, const char *text, gid_t *ret)
{
    db->error_path = NULL;
    uint32_t number;
    int n = parse_u32(text, 0, ID_MAX, &number);
    if (!*text) return -EINVAL;
    int r = source_load(db, USERDB_GROUP);
    if (r < 0) return r;
    struct text line;
    struct group_entry entry;
    for (size_t offset = 0; next_line(&db->sources[USERDB_GROUP], &offset, &line);) {
        if (!parse_group(line, &entry) || !text_is(entry.name, text)) continue;
        *ret = entry.gid;
        return 0;
    }
    if (n == -ERANGE) return -EINVAL;
    if (n < 0 && !str_equal(text, "root")) return -ESRCH;
    *ret = n < 0 ? 0 : number;
    return 0;
}

int userdb_groups_of(struct userdb *db, const char *user_name, gid_t primary, gid_t **ret_groups, size_t *ret_n_groups)
{
    db->error_path = NULL;
    return groups_of(db, user_name, primary, ret_groups, ret_n_groups);
}

int userdb_lookup_uid(struct userdb *db, uid_t uid, struct user_identity *ret)
{
    db->error_path = NULL;
    struct passwd_entry entry;
    int r = find_passwd(db, NULL, uid, &entry);
    return r < 0 ? r : take_entry(db, &entry, ret);
}

/* --- the object ------------------------------------------------------------------------------------------------------
 */

int userdb_new_defaults(const char *passwd_path, const char *group_path, const char *default_passwd,
                        const char *default_group, struct userdb **ret_db)
{
    AUTO(userdb_free) struct userdb *db = calloc(1, sizeof *db);
    if (!db) return -ENOMEM;
    const char *const preferred[] = { [USERDB_PASSWD] = passwd_path, [USERDB_GROUP] = group_path };
    const char *const fallback[] = { [USERDB_PASSWD] = default_passwd, [USERDB_GROUP] = default_group };
    for (size_t i = 0; i < USERDB_FILE_COUNT; i++) {
        struct source *source = &db->sources[i];
        source->fallback = strdup(fallback[i]);
        if (!source->fallback) return -ENOMEM;
        if (!preferred[i] || !*preferred[i]) continue;
        source->preferred = strdup(preferred[i]);
        if (!source->preferred) return -ENOMEM;
    }
    *ret_db = TAKE(db);
    return 0;
}

int userdb_new(const char *passwd_path, const char *group_path, struct userdb **ret_db)
{
    return userdb_new_defaults(passwd_path, group_path, "/etc/passwd", "/etc/group", ret_db);
}

void userdb_free(struct userdb *db)
{
    if (!db) return;
    for (size_t i = 0; i < USERDB_FILE_COUNT; i++) {
        source_drop(&db->sources[i]);
        free(db->sources[i].preferred);
        free(db->sources[i].fallback);
    }
    free(db);
}

const char *userdb_preferred_path(const struct userdb *db, enum userdb_file file)
{
    return db->sources[file].preferred;
}

const char *userdb_path_in_use(const struct userdb *db, enum userdb_file file)
{
    return db->sources[file].in_use;
}

const char *userdb_error_path(const struct userdb *db)
{
    return db->error_path;
}

bool userdb_changed(struct userdb *db, enum userdb_file file, const char **ret_path, const char **ret_missing)
{
    struct source *source = &db->sources[file];
    if (!source->preferred || source->in_use == source->told_in_use) return false;
    source->told_in_use = source->in_use;
    *ret_path = source->in_use;
    *ret_missing = source->missing ? source->preferred : NULL;
    return true;
}
