/* supervisor/condition_path: what a path is, for every kind of condition that takes one, in a small tree. The answers
 * are systemd 252's. */
#include "tests/supervisor/condition_place.h"

#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>

/* clang-format off */
#define KINDS(X) X(PathExists) X(PathIsSymbolicLink) X(PathIsDirectory) X(PathIsReadWrite) X(DirectoryNotEmpty) \
    X(FileNotEmpty) X(FileIsExecutable) X(PathIsMountPoint) X(PathIsSocket) X(PathIsEncrypted)
static const char *const kinds[] = {
#define X(kind) "Condition" #kind,
    KINDS(X)
#undef X
};
static const struct {
    const char *path;
    char answers[COUNT_OF(kinds) + 1]; /* in the order of `kinds` */
} rows[] = {
    /*             exists  link  dir  rw  dir-not-empty  file-not-empty  exec  mount  socket  encrypted */
    { "/empty",     "1"    "0"   "1"  "1" "0"            "0"             "0"   "0"    "0"     "0" },
    { "/full",      "1"    "0"   "1"  "1" "1"            "0"             "0"   "0"    "0"     "0" },
    { "/hidden",    "1"    "0"   "1"  "1" "0"            "0"             "0"   "0"    "0"     "0" },
    { "/link",      "1"    "1"   "1"  "1" "1"            "0"             "0"   "0"    "0"     "0" },
    { "/dangling",  "0"    "1"   "0"  "0" "0"            "0"             "0"   "0"    "0"     "0" },
    { "/loop",      "0"    "1"   "0"  "1" "1"            "0"             "0"   "0"    "0"     "0" },
    { "/file",      "1"    "0"   "0"  "1" "0"            "1"             "0"   "0"    "0"     "0" },
    { "/nothing",   "1"    "0"   "0"  "1" "0"            "0"             "0"   "0"    "0"     "0" },
    { "/program",   "1"    "0"   "0"  "1" "0"            "1"             "1"   "0"    "0"     "0" },
    { "/file/x",    "0"    "0"   "0"  "1" "0"            "0"             "0"   "0"    "0"     "0" },
    { "/none",      "0"    "0"   "0"  "0" "0"            "0"             "0"   "0"    "0"     "0" },
    { "/socket",    "1"    "0"   "0"  "1" "0"            "0"             "0"   "0"    "1"     "0" },
};
/* clang-format on */

static void make_tree(char *root)
{
    static const struct place_file files[] = {
        { "/empty", NULL },       { "/full/x", "" },  { "/hidden/.x", "" },         { "/hidden/x~", "" },
        { "/hidden/x.bak", "" },  { "/file", "x" },   { "/hidden/lost+found", "" }, { "/hidden/a.b.dpkg-new", "" },
        { "/program", "#!/x\n" }, { "/nothing", "" },
    };
    static const char *const links[][2] = { { "full", "/link" }, { "/no/where", "/dangling" }, { "loop", "/loop" } };
    char path[PATH_MAX];
    place_make(root, files, COUNT_OF(files));
    for (size_t i = 0; i < COUNT_OF(links); i++) {
        place_path(root, links[i][1], path);
        assert_int_equal(symlink(links[i][0], path), 0);
    }
    place_path(root, "/program", path);
    assert_int_equal(chmod(path, 0100), 0);
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s/socket", root); /* fits */
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(close(fd), 0);
}

static void test_tree(void **state)
{
    (void)state;
    char root[] = PLACE_TEMPLATE, text[PATH_MAX];
    struct condition_context context = { .root = NULL };
    make_tree(root);
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        for (size_t k = 0; k < COUNT_OF(kinds); k++) {
            assert_true(snprintf(text, sizeof text, "%s=%s%s", kinds[k], root, rows[i].path) < PATH_MAX);
            int got = place_ask(&context, text);
            if (got != rows[i].answers[k] - '0') fail_msg("%s: %d, wanted %c", text, got, rows[i].answers[k]);
        }
    place_remove(root);
}

static void test_system(void **state)
{
    (void)state;
    struct condition_context context = { .root = NULL };
    assert_int_equal(place_ask(&context, "ConditionPathIsMountPoint=/"), 1);
    assert_int_equal(place_ask(&context, "ConditionPathIsMountPoint=/proc"), 1);
    assert_int_equal(place_ask(&context, "ConditionPathIsMountPoint=/proc/self"), 0);
    assert_int_equal(place_ask(&context, "ConditionPathExistsGlob=/pro{x,c}/sel?"), 1);
    assert_int_equal(place_ask(&context, "ConditionPathExistsGlob=/pro{x,d}/sel?"), 0);
    assert_int_equal(place_ask(&context, "ConditionFileNotEmpty=/dev/null"), 0);
    assert_int_equal(place_ask(&context, "ConditionPathIsEncrypted=/proc"), 0); /* of no device, as btrfs */
}

/* The devices below the file system of the tree, as /sys would have them. */
static void test_encrypted(void **state)
{
    (void)state;
    static const struct {
        const char *label, *uuid; /* of the device */
        const char *slaves[2];    /* uuids of what it is made of */
        bool partition;           /* it is part of a device, which is made of them */
        int want;
    } cases[] = {
        { "a plain disk", NULL, { NULL }, false, 0 },
        { "dm-crypt", "CRYPT-LUKS2-0123-x\n", { NULL }, false, 1 },
        { "LVM on a plain disk", "LVM-0123\n", { "" }, false, 0 },
        { "LVM on dm-crypt", "LVM-0123\n", { "CRYPT-LUKS2-1\n" }, false, 1 },
        { "LVM on two of dm-crypt", "LVM-0123\n", { "CRYPT-LUKS2-1\n", "CRYPT-PLAIN-2\n" }, false, 1 },
        { "LVM on one that is and one that is not", "LVM-0123\n", { "CRYPT-LUKS2-1\n", "" }, false, 0 },
        { "a partition on dm-crypt", NULL, { "CRYPT-LUKS2-1\n" }, true, 1 },
        { "a partition of a plain disk", NULL, { NULL }, true, 0 },
    };
    struct stat st;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char root[] = PLACE_TEMPLATE, device[64], path[128], text[PATH_MAX], target[PATH_MAX];
        print_message("  %s\n", cases[i].label);
        place_make(root, NULL, 0);
        assert_int_equal(stat(root, &st), 0);
        if (major(st.st_dev) == 0) {
            place_remove(root);
            print_message("  skipped: " PLACE_TEMPLATE " lies on no device\n");
            skip();
        }
        /* /sys/dev/block has links to where the devices are. */
        const char *real = cases[i].partition ? "/sys/devices/disk/part" : "/sys/devices/disk";
        place_add(root, "/sys/dev/block/x", "", 0);
        place_add(root, "/sys/devices/disk/size", "1\n", 2);
        if (cases[i].partition) place_add(root, "/sys/devices/disk/part/partition", "1\n", 2);
        (void)snprintf(device, sizeof device, "/sys/dev/block/%u:%u", major(st.st_dev), minor(st.st_dev)); /* fits */
        place_path(root, device, text);
        place_path(root, real, target);
        assert_int_equal(symlink(target, text), 0);
        if (cases[i].uuid) place_add(root, "/sys/devices/disk/dm/uuid", cases[i].uuid, strlen(cases[i].uuid));
        for (size_t k = 0; k < 2 && cases[i].slaves[k]; k++) {
            (void)snprintf(path, sizeof path, "/sys/devices/disk/slaves/dm-%zu/dm/uuid", k); /* fits */
            place_add(root, path, cases[i].slaves[k], strlen(cases[i].slaves[k]));
        }
        struct condition_context context = { .root = root };
        assert_true(snprintf(text, sizeof text, "ConditionPathIsEncrypted=%s", root) < PATH_MAX);
        assert_int_equal(place_ask(&context, text), cases[i].want);
        place_remove(root);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tree),
        cmocka_unit_test(test_system),
        cmocka_unit_test(test_encrypted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
