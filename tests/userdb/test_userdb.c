#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"
#include "userdb/userdb.h"

static char directory[] = "/tmp/ci-userdb-XXXXXX";

static const char *in(const char *name)
{
    static char paths[8][96];
    static unsigned next;
    char *path = paths[next++ % COUNT_OF(paths)];
    (void)snprintf(path, sizeof paths[0], "%s/%s", directory, name);
    return path;
}

static void write_bytes(const char *name, const void *data, size_t size)
{
    AUTO_FD struct fd file = FD_NONE;
    assert_int_equal(fd_openat(AT_FDCWD, in(name), O_WRONLY | O_CREAT | O_TRUNC, 0644, &file), 0);
    assert_int_equal(fd_write_all(file.n, data, size), 0);
}

static void write_text(const char *name, const char *text)
{
    write_bytes(name, text, strlen(text));
}

static void remove_all(void)
{
    static const char *const names[] = { "passwd", "group", "p", "g", "link", "fifo", "dir" };
    for (size_t i = 0; i < COUNT_OF(names); i++) (void)remove(in(names[i]));
}

static const char passwd_text[] = "root:x:0:0:root:/root:/bin/bash\n"
                                  "daemon:x:1:1::/usr/sbin:/usr/sbin/nologin\n"
                                  "# comment\n"
                                  "\n"
                                  "short:x:5\n"
                                  "web:x:1000:100:Web, Server:/srv/web:/bin/sh\n"
                                  "web:x:2000:200:second entry:/x:/x\n"
                                  "badid:x:12a:1::/:/bin/sh\n"
                                  "huge:x:4294967295:1::/:/bin/sh\n"
                                  "minus:x:-1:1::/:/bin/sh\n"
                                  "+nis:x:7:7::/:/bin/sh\n"
                                  ":x:8:8::/:/bin/sh\n"
                                  "noshell:x:1001:100::/home/noshell\n"
                                  "colons:x:1002:100::/home/c:/bin/sh:extra\n"
                                  "last:x:1003:1003::/home/last:/bin/zsh";
static const char group_text[] = "root:x:0:\n"
                                 "users:x:100:web,last\n"
                                 "audio:x:29:other,web\n"
                                 "video:x:44:web\n"
                                 "audio2:x:29:web\n"
                                 "prefix:x:45:website,we\n"
                                 "short:x:46\n"
                                 "bad:x:x:web\n"
                                 "disk:x:6:web";

static struct userdb *standard(void)
{
    struct userdb *db = NULL;
    remove_all();
    write_text("passwd", passwd_text);
    write_text("group", group_text);
    assert_int_equal(userdb_new_defaults(NULL, NULL, in("passwd"), in("group"), &db), 0);
    return db;
}

/* clang-format off */
static const struct {
    const char *label, *text;
    int r;
    uid_t uid;
    gid_t gid;
    const char *name, *home, *shell, *groups;
} users[] = {
    { "root",                         "root",       0, 0,    0,    "root",    "/root",         "/bin/bash", "" },
    { "groups without the primary",   "web",        0, 1000, 100,  "web",     "/srv/web",      "/bin/sh",   "6 29 44 " },
    { "number with an entry",         "1000",       0, 1000, 100,  "web",     "/srv/web",      "/bin/sh",   "6 29 44 " },
    { "number without an entry",      "4711",       0, 4711, 0,    NULL,      NULL,            NULL,        "" },
    { "the largest id",               "4294967294", 0, 4294967294u, 0, NULL,  NULL,            NULL,        "" },
    { "16 bit nobody",                "65535",      0, 65535, 0,   NULL,      NULL,            NULL,        "" },
    { "no shell field",               "noshell",    0, 1001, 100,  "noshell", "/home/noshell", "",          "" },
    { "more fields than seven",       "colons",     0, 1002, 100,  "colons",  "/home/c", "/bin/sh:extra",   "" },
    { "last line without newline",    "last",       0, 1003, 1003, "last",    "/home/last",    "/bin/zsh",  "100 " },
    { "unknown",                      "nobody-here", -ESRCH, 0, 0, NULL, NULL, NULL, NULL },
    { "a line that is too short",     "short",      -ESRCH, 0, 0, NULL, NULL, NULL, NULL },
    { "an id that is none",           "badid",      -ESRCH, 0, 0, NULL, NULL, NULL, NULL },
    { "the id that means none",       "huge",       -ESRCH, 0, 0, NULL, NULL, NULL, NULL },
    { "negative id",                  "minus",      -ESRCH, 0, 0, NULL, NULL, NULL, NULL },
    { "NIS entry",                    "+nis",       -ESRCH, 0, 0, NULL, NULL, NULL, NULL },
    { "comment",                      "# comment",  -ESRCH, 0, 0, NULL, NULL, NULL, NULL },
    { "prefix of a name",             "we",         -ESRCH, 0, 0, NULL, NULL, NULL, NULL },
    { "empty",                        "",           -EINVAL, 0, 0, NULL, NULL, NULL, NULL },
    { "too large a number",           "4294967295", -EINVAL, 0, 0, NULL, NULL, NULL, NULL },
    { "negative number",              "-1",         -ESRCH, 0, 0, NULL, NULL, NULL, NULL },
};
/* clang-format on */

static const char *groups_text(const struct user_identity *id)
{
    static char text[256];
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < id->n_groups && used < sizeof text - 16; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%u ", (unsigned)id->groups[i]);
    return text;
}

static void assert_text(const char *got, const char *want)
{
    if (want)
        assert_string_equal(got, want);
    else
        assert_null(got);
}

static void test_users(void **state)
{
    (void)state;
    AUTO(userdb_free) struct userdb *db = standard();
    for (size_t i = 0; i < COUNT_OF(users); i++) {
        AUTO_USER_IDENTITY struct user_identity id = USER_IDENTITY_EMPTY;
        print_message("  %s\n", users[i].label);
        assert_int_equal(userdb_lookup_user(db, users[i].text, &id), users[i].r);
        assert_null(userdb_error_path(db));
        if (users[i].r < 0) {
            assert_null(id.name);
            continue;
        }
        assert_int_equal(id.uid, users[i].uid);
        assert_int_equal(id.gid, users[i].gid);
        assert_text(id.name, users[i].name);
        assert_text(id.home, users[i].home);
        assert_text(id.shell, users[i].shell);
        assert_string_equal(groups_text(&id), users[i].groups);
    }
}

/* clang-format off */
static const struct { const char *label, *text; int r; gid_t want; } groups[] = {
    { "name",                      "users",      0,       100 },
    { "first line counts",         "audio",      0,       29 },
    { "last line without newline", "disk",       0,       6 },
    { "number",                    "29",         0,       29 },
    { "number without an entry",   "12345",      0,       12345 },
    { "unknown",                   "nogroup",    -ESRCH,  0 },
    { "too short a line",          "short",      -ESRCH,  0 },
    { "not a number",              "bad",        -ESRCH,  0 },
    { "empty",                     "",           -EINVAL, 0 },
    { "too large",                 "4294967295", -EINVAL, 0 },
};
/* clang-format on */

static void test_groups(void **state)
{
    (void)state;
    AUTO(userdb_free) struct userdb *db = standard();
    for (size_t i = 0; i < COUNT_OF(groups); i++) {
        gid_t gid = 0;
        print_message("  %s\n", groups[i].label);
        assert_int_equal(userdb_lookup_group(db, groups[i].text, &gid), groups[i].r);
        assert_int_equal(gid, groups[i].want);
    }
    gid_t *list = NULL;
    size_t n = 0;
    assert_int_equal(userdb_groups_of(db, "web", 29, &list, &n), 0); /* Group=audio: users is supplementary then */
    assert_int_equal(n, 3);
    assert_int_equal(list[0], 6);
    assert_int_equal(list[1], 44);
    assert_int_equal(list[2], 100);
    free(list);
    list = NULL;
    assert_int_equal(userdb_groups_of(db, "nobody-here", 0, &list, &n), 0);
    assert_int_equal(n, 0);
    assert_null(list);
    AUTO_USER_IDENTITY struct user_identity id = USER_IDENTITY_EMPTY;
    assert_int_equal(userdb_lookup_uid(db, 1003, &id), 0);
    assert_string_equal(id.name, "last");
    assert_int_equal(userdb_lookup_uid(db, 4711, &id), -ESRCH);
}

/* A user whose name is a number is that user. */
static void test_name_before_number(void **state)
{
    (void)state;
    struct userdb *db = NULL;
    remove_all();
    write_text("passwd", "web:x:1000:100::/w:/s\n1000:x:7:8::/seven:/s\n");
    assert_int_equal(userdb_new_defaults("", "", in("passwd"), in("group"), &db), 0);
    AUTO_USER_IDENTITY struct user_identity id = USER_IDENTITY_EMPTY;
    assert_int_equal(userdb_lookup_user(db, "1000", &id), 0);
    assert_int_equal(id.uid, 7);
    userdb_free(db);
    userdb_free(NULL);
}

/* An image made from nothing has no files at all: numbers and root work (K92). */
static void test_no_files_K92(void **state)
{
    (void)state;
    struct userdb *db = NULL;
    remove_all();
    assert_int_equal(userdb_new_defaults(NULL, NULL, in("passwd"), in("group"), &db), 0);
    AUTO_USER_IDENTITY struct user_identity id = USER_IDENTITY_EMPTY, root = USER_IDENTITY_EMPTY;
    assert_int_equal(userdb_lookup_user(db, "65534", &id), 0);
    assert_int_equal(id.uid, 65534);
    assert_int_equal(id.gid, 0);
    assert_int_equal(userdb_lookup_user(db, "root", &root), 0);
    assert_int_equal(root.uid, 0);
    assert_string_equal(root.home, "/root");
    assert_int_equal(userdb_lookup_user(db, "web", &id), -ESRCH);
    gid_t gid = 9;
    assert_int_equal(userdb_lookup_group(db, "root", &gid), 0);
    assert_int_equal(gid, 0);
    const char *path, *missing;
    assert_false(userdb_changed(db, USERDB_PASSWD, &path, &missing)); /* nobody asked for another file */
    userdb_free(db);
}

/* S21: the preferred file while it exists, the default while it does not; told once per change. */
static void test_preferred_file_S21(void **state)
{
    (void)state;
    struct userdb *db = NULL;
    const char *path = NULL, *missing = NULL;
    remove_all();
    write_text("passwd", "web:x:1:1::/default:/s\n");
    assert_int_equal(userdb_new_defaults(in("p"), in("g"), in("passwd"), in("group"), &db), 0);
    assert_false(userdb_changed(db, USERDB_PASSWD, &path, &missing)); /* nothing was read yet */
    assert_null(userdb_path_in_use(db, USERDB_PASSWD));

    for (unsigned round = 0; round < 2; round++) {
        AUTO_USER_IDENTITY struct user_identity before = USER_IDENTITY_EMPTY, after = USER_IDENTITY_EMPTY;
        assert_int_equal(userdb_lookup_user(db, "web", &before), 0);
        assert_string_equal(before.home, "/default");
        assert_true(userdb_changed(db, USERDB_PASSWD, &path, &missing));
        assert_string_equal(path, in("passwd"));
        assert_string_equal(missing, in("p"));
        assert_false(userdb_changed(db, USERDB_PASSWD, &path, &missing));

        write_text("p", "web:x:2:2::/preferred:/s\n");
        write_text("g", "wheel:x:10:web\n");
        assert_int_equal(userdb_lookup_user(db, "web", &after), 0);
        assert_string_equal(after.home, "/preferred");
        assert_int_equal(after.n_groups, 1);
        assert_true(userdb_changed(db, USERDB_PASSWD, &path, &missing));
        assert_string_equal(path, in("p"));
        assert_null(missing);
        assert_string_equal(userdb_path_in_use(db, USERDB_GROUP), in("g"));
        (void)remove(in("p"));
        (void)remove(in("g"));
    }

    /* A dangling link does not exist. */
    assert_int_equal(symlink("nowhere", in("p")), 0);
    AUTO_USER_IDENTITY struct user_identity id = USER_IDENTITY_EMPTY;
    assert_int_equal(userdb_lookup_user(db, "web", &id), 0);
    assert_string_equal(id.home, "/default");
    userdb_free(db);
}

/* S21: every other error fails the lookup; the default is not read instead. */
static void test_errors_S21(void **state)
{
    (void)state;
    struct userdb *db = NULL;
    remove_all();
    write_text("passwd", passwd_text);
    write_text("group", group_text);
    assert_int_equal(userdb_new_defaults(in("p"), in("g"), in("passwd"), in("group"), &db), 0);
    AUTO_USER_IDENTITY struct user_identity id = USER_IDENTITY_EMPTY;
    gid_t gid = 77;

    assert_int_equal(mkfifo(in("p"), 0600), 0); /* must not hang */
    assert_int_equal(userdb_lookup_user(db, "web", &id), -ENXIO);
    assert_string_equal(userdb_error_path(db), in("p"));
    assert_int_equal(remove(in("p")), 0);

    assert_int_equal(mkdir(in("p"), 0700), 0);
    assert_int_equal(userdb_lookup_user(db, "web", &id), -EISDIR);
    assert_int_equal(rmdir(in("p")), 0);

    assert_int_equal(symlink("p", in("p")), 0); /* to itself */
    assert_int_equal(userdb_lookup_user(db, "1000", &id), -ELOOP);
    assert_int_equal(remove(in("p")), 0);

    /* The group file is needed as well, for the supplementary groups. */
    assert_int_equal(mkfifo(in("g"), 0600), 0);
    assert_int_equal(userdb_lookup_user(db, "web", &id), -ENXIO);
    assert_string_equal(userdb_error_path(db), in("g"));
    assert_int_equal(userdb_lookup_group(db, "users", &gid), -ENXIO);
    assert_int_equal(gid, 77);
    assert_null(id.name);
    assert_int_equal(remove(in("g")), 0);

    /* Too large to be one. */
    AUTO_FD struct fd file = FD_NONE;
    assert_int_equal(fd_openat(AT_FDCWD, in("p"), O_WRONLY | O_CREAT, 0600, &file), 0);
    assert_int_equal(ftruncate(file.n, (16 << 20) + 1), 0);
    assert_int_equal(userdb_lookup_user(db, "web", &id), -EFBIG);

    if (geteuid() != 0) {
        assert_int_equal(ftruncate(file.n, 0), 0);
        assert_int_equal(fchmod(file.n, 0), 0);
        assert_int_equal(userdb_lookup_user(db, "web", &id), -EACCES);
    }
    (void)remove(in("p"));
    assert_int_equal(userdb_lookup_user(db, "web", &id), 0); /* and all is well again */
    assert_null(userdb_error_path(db));
    userdb_free(db);
}

/* K94: bytes that have no business in these files cost the line, never more. */
static void test_hostile_bytes_K94(void **state)
{
    (void)state;
    struct userdb *db = NULL;
    remove_all();
    enum { LONG = 2 << 20 };
    char *text = malloc(LONG + 512);
    assert_non_null(text);
    static const char first[] = "nul\0user:x:1:1::/:/s\nnul2:x:2:2::/a\0b:/s\n";
    size_t used = sizeof first - 1;
    memcpy(text, first, used);
    memset(text + used, 'a', LONG); /* one line of 2 MiB that has all its fields */
    memcpy(text + used, "longline:x:3:3:", 15);
    memcpy(text + used + LONG - 8, ":/h:/s\n", 7);
    used += LONG - 1;
    static const char last[] = "\xff\xfe:x:4:4::/bytes:/s\n::::::\n:\nweb:x:5:5::/web:/s\n";
    memcpy(text + used, last, sizeof last - 1);
    used += sizeof last - 1;
    write_bytes("passwd", text, used);
    free(text);
    assert_int_equal(userdb_new_defaults(NULL, NULL, in("passwd"), in("group"), &db), 0);
    static const char *const skipped[] = { "nul", "nul2", "longline", ":", "x" };
    for (size_t i = 0; i < COUNT_OF(skipped); i++) {
        AUTO_USER_IDENTITY struct user_identity id = USER_IDENTITY_EMPTY;
        assert_int_equal(userdb_lookup_user(db, skipped[i], &id), -ESRCH);
    }
    AUTO_USER_IDENTITY struct user_identity bytes = USER_IDENTITY_EMPTY, web = USER_IDENTITY_EMPTY;
    assert_int_equal(userdb_lookup_user(db, "\xff\xfe", &bytes), 0);
    assert_int_equal(bytes.uid, 4);
    assert_int_equal(userdb_lookup_user(db, "web", &web), 0);
    assert_string_equal(web.home, "/web");
    userdb_free(db);
}

/* Every change is seen at the next lookup: in place with the same size, replaced, grown, gone. */
static void test_changes_are_seen(void **state)
{
    (void)state;
    struct userdb *db = NULL;
    remove_all();
    assert_int_equal(userdb_new_defaults(NULL, NULL, in("passwd"), in("group"), &db), 0);
    for (unsigned i = 0; i < 300; i++) {
        char line[64];
        (void)snprintf(line, sizeof line, "web:x:%u:1::/:/s\n", 1000 + i); /* same size each time, same tick often */
        write_text("passwd", line);
        AUTO_USER_IDENTITY struct user_identity id = USER_IDENTITY_EMPTY;
        assert_int_equal(userdb_lookup_user(db, "web", &id), 0);
        assert_int_equal(id.uid, 1000 + i);
    }
    write_text("p", "web:x:5000:1::/:/s\n");
    assert_int_equal(rename(in("p"), in("passwd")), 0);
    AUTO_USER_IDENTITY struct user_identity id = USER_IDENTITY_EMPTY;
    assert_int_equal(userdb_lookup_user(db, "web", &id), 0);
    assert_int_equal(id.uid, 5000);
    assert_int_equal(remove(in("passwd")), 0);
    AUTO_USER_IDENTITY struct user_identity none = USER_IDENTITY_EMPTY;
    assert_int_equal(userdb_lookup_user(db, "web", &none), -ESRCH);
    userdb_free(db);
}

/* A file that has not changed is not opened again: with RLIMIT_NOFILE used up the answer still comes. The machine's own
 * files are old enough for their stamps to be trusted. */
static void test_cache(void **state)
{
    (void)state;
    struct stat passwd = { 0 }, group = { 0 };
    struct timespec now;
    assert_int_equal(clock_gettime(CLOCK_REALTIME, &now), 0);
    if (stat("/etc/passwd", &passwd) < 0 || stat("/etc/group", &group) < 0) skip();
    if (now.tv_sec - passwd.st_ctim.tv_sec < 2 || now.tv_sec - group.st_ctim.tv_sec < 2) skip();

    struct userdb *db = NULL;
    AUTO_USER_IDENTITY struct user_identity first = USER_IDENTITY_EMPTY, second = USER_IDENTITY_EMPTY;
    assert_int_equal(userdb_new(NULL, NULL, &db), 0);
    assert_int_equal(userdb_lookup_user(db, "root", &first), 0);
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    struct rlimit none = { 0, limit.rlim_max };
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    bool full = open("/", O_PATH | O_CLOEXEC) < 0;
    int r = userdb_lookup_user(db, "root", &second);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    userdb_free(db);
    assert_true(full);
    assert_int_equal(r, 0);
    assert_string_equal(second.name, first.name);
}

int main(void)
{
    if (!mkdtemp(directory)) return 77;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_users),
        cmocka_unit_test(test_groups),
        cmocka_unit_test(test_name_before_number),
        cmocka_unit_test(test_no_files_K92),
        cmocka_unit_test(test_preferred_file_S21),
        cmocka_unit_test(test_errors_S21),
        cmocka_unit_test(test_hostile_bytes_K94),
        cmocka_unit_test(test_changes_are_seen),
        cmocka_unit_test(test_cache),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    remove_all();
    (void)rmdir(directory);
    return failed;
}
