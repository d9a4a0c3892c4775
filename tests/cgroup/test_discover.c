#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/attr.h"
#include "base/str.h"
#include "cgroup/internal.h"
#include "cgroup/leaf.h"

static const struct {
    const char *label, *text;
    int r;
    const char *want;
} own_cases[] = {
    { "unified only", "0::/docker/abc\n", 0, "/docker/abc" },
    { "namespace root", "0::/\n", 0, "/" },
    { "hybrid", "12:memory:/a\n1:name=systemd:/b\n0::/c\n", 0, "/c" },
    { "no final newline", "0::/c", 0, "/c" },
    { "legacy only", "12:memory:/a\n1:name=systemd:/b\n", -ENOENT, NULL },
    { "empty", "", -ENOENT, NULL },
    { "outside the namespace", "0::/../other\n", -EINVAL, NULL },
    { "parent of the namespace", "0::/..\n", -EINVAL, NULL },
    { "a name that begins with dots", "0::/..a\n", 0, "/..a" },
    { "a colon in the path", "0::/a:b\n", 0, "/a:b" },
    { "10:: is not ours", "10::/x\n", -ENOENT, NULL },
};

static void test_own(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(own_cases); i++) {
        char *own = NULL;
        print_message("  %s\n", own_cases[i].label);
        assert_int_equal(cg_find_own(own_cases[i].text, &own), own_cases[i].r);
        if (own_cases[i].want) assert_string_equal(own, own_cases[i].want);
        free(own);
    }
}

#define V1 "30 23 0:29 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"
/* clang-format off */
static const struct {
    const char *label, *own, *mountinfo;
    unsigned n_mounts;
    const char *want; /* the paths with a newline each */
} mount_cases[] = {
    { "the usual place", "/a/b", "31 23 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n", 1, "/sys/fs/cgroup/a/b\n" },
    { "namespace root", "/", "31 23 0:28 / /sys/fs/cgroup rw shared:9 - cgroup2 cgroup rw\n", 1, "/sys/fs/cgroup\n" },
    { "hybrid", "/a", V1 "31 23 0:28 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n", 1, "/sys/fs/cgroup/unified/a\n" },
    { "v1 only", "/a", V1, 0, "" },
    { "root of the mount is an ancestor", "/docker/abc/x", "31 23 0:28 /docker/abc /sys/fs/cgroup rw - cgroup2 c rw\n", 1,
      "/sys/fs/cgroup/x\n" },
    { "root of the mount is ours", "/docker/abc", "31 23 0:28 /docker/abc /sys/fs/cgroup rw - cgroup2 c rw\n", 1,
      "/sys/fs/cgroup\n" },
    { "a name that only begins alike", "/docker/abcd", "31 23 0:28 /docker/abc /sys/fs/cgroup rw - cgroup2 c rw\n", 1, "" },
    { "mount of the host seen from a namespace", "/", "31 23 0:28 /../.. /sys/fs/cgroup rw - cgroup2 c rw\n", 1, "" },
    { "escaped mount point", "/a", "31 23 0:28 / /mnt/with\\040blank rw - cgroup2 c rw\n", 1, "/mnt/with blank/a\n" },
    { "the usual place comes first", "/a",
      "31 23 0:28 / /mnt/x rw - cgroup2 c rw\n32 23 0:28 / /sys/fs/cgroup rw - cgroup2 c rw\n", 2,
      "/sys/fs/cgroup/a\n/mnt/x/a\n" },
    { "mounted as root", "/a", "31 23 0:28 / / rw - cgroup2 c rw\n", 1, "/a\n" },
    { "cgroup2 as a mere source", "/a", "31 23 0:28 / /mnt rw - tmpfs cgroup2 rw\n", 0, "" },
    { "cut short", "/a", "31 23 0:28 - cgroup2\n - cgroup2\n31", 0, "" },
};
/* clang-format on */

static void test_directories(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(mount_cases); i++) {
        AUTO_STRLIST struct strlist paths = STRLIST_EMPTY;
        AUTO_STR struct str got = STR_EMPTY;
        unsigned n_mounts = 99;
        print_message("  %s\n", mount_cases[i].label);
        assert_int_equal(cg_find_directories(mount_cases[i].mountinfo, mount_cases[i].own, &paths, &n_mounts), 0);
        for (size_t j = 0; j < paths.count; j++) assert_int_equal(str_appendf(&got, "%s\n", paths.items[j]), 0);
        assert_string_equal(str_text(&got), mount_cases[i].want);
        assert_int_equal(n_mounts, mount_cases[i].n_mounts);
    }
}

static void test_controllers(void **state)
{
    (void)state;
    assert_int_equal(cg_parse_controllers("cpuset cpu io memory hugetlb pids rdma misc\n"),
                     (1u << CG_CONTROLLER_COUNT) - 1);
    assert_int_equal(cg_parse_controllers("cpu\n"), 1u << CG_CPU);
    assert_int_equal(cg_parse_controllers("\n"), 0);
    assert_int_equal(cg_parse_controllers("cpus memor"), 0);
}

/* clang-format off */
static const struct { const char *label, *unit, *want; int r; } escape_cases[] = {
    { "the name itself",                  "web.service",             "web.service", 0 },
    { "template instance",                "getty@tty1.service",      "getty@tty1.service", 0 },
    { "a controller's name is a unit's",  "memory.service",          "memory.service", 0 },
    { "systemd-escape's backslash",       "dev-disk\\x2da.service",  "dev-disk\\x2da.service", 0 },
    { "kernel file",                      "cgroup.procs",            "_cgroup.procs", 0 },
    { "our scope",                        "init.scope",              "_init.scope", 0 },
    { "our probe",                        "spawn-probe",             "_spawn-probe", 0 },
    { "underscore",                       "_x.service",              "__x.service", 0 },
    { "dot",                              ".",                       "_.", 0 },
    { "dots",                             "..",                      "_..", 0 },
    { "slash",                            "a/b.service",             "_a\\x2fb.service", 0 },
    { "newline",                          "a\nb.service",            "_a\\x0ab.service", 0 },
    { "slash and backslash",              "a/\\x2f",                 "_a\\x2f\\x5cx2f", 0 },
    { "bytes above ASCII",                "caf\xc3\xa9.service",     "caf\xc3\xa9.service", 0 },
    { "empty",                            "",                        NULL, -EINVAL },
};
/* clang-format on */

static void test_escape_K97(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(escape_cases); i++) {
        AUTO_STR struct str got = STR_EMPTY;
        print_message("  %s\n", escape_cases[i].label);
        assert_int_equal(cg_leaf_escape(escape_cases[i].unit, &got), escape_cases[i].r);
        if (escape_cases[i].want) assert_string_equal(str_text(&got), escape_cases[i].want);
    }
}

/* K97: all names of up to four letters over the bytes that escaping touches stay distinct. */
static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void test_escape_is_injective_K97(void **state)
{
    (void)state;
    static const char alphabet[] = { '_', '.', '/', '\\', 'x', '2', 'f', '\n', 'a' };
    enum { LETTERS = sizeof alphabet, ALL = LETTERS * LETTERS * LETTERS * LETTERS };
    AUTO_STRLIST struct strlist names = STRLIST_EMPTY;
    for (unsigned n = 0; n < ALL; n++)
        for (unsigned length = 1; length <= 4; length++) {
            char name[5] = { 0 };
            unsigned rest = n;
            for (unsigned i = 0; i < length; i++, rest /= LETTERS) name[i] = alphabet[rest % LETTERS];
            if (rest != 0) continue; /* a longer one's prefix, listed already */
            AUTO_STR struct str escaped = STR_EMPTY;
            assert_int_equal(cg_leaf_escape(name, &escaped), 0);
            assert_null(strchr(str_text(&escaped), '/'));
            assert_null(strchr(str_text(&escaped), '\n'));
            assert_int_equal(strlist_add(&names, str_text(&escaped)), 0);
        }
    qsort(names.items, names.count, sizeof *names.items, compare_texts);
    for (size_t i = 1; i < names.count; i++) assert_string_not_equal(names.items[i - 1], names.items[i]);
}

static void test_escape_too_long(void **state)
{
    (void)state;
    char name[300];
    memset(name, 'a', sizeof name);
    AUTO_STR struct str fits = STR_EMPTY, long_one = STR_EMPTY;
    name[255] = '\0';
    assert_int_equal(cg_leaf_escape(name, &fits), 0);
    name[255] = 'a';
    name[256] = '\0';
    assert_int_equal(cg_leaf_escape(name, &long_one), -ENAMETOOLONG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_own),
        cmocka_unit_test(test_directories),
        cmocka_unit_test(test_controllers),
        cmocka_unit_test(test_escape_K97),
        cmocka_unit_test(test_escape_is_injective_K97),
        cmocka_unit_test(test_escape_too_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
