#include "base/root.h"

#include "tests/unit/scratch_dir.h"

#include "base/str.h"

static const struct {
    const char *link, *target;
} links[] = {
    { "etc/relative", "../usr/lib/file" },
    { "etc/absolute", "/usr/lib/file" },
    { "etc/outside", "../../../usr/lib" },
    { "etc/loop", "loop" },
    { "lib", "usr/lib" },
    { "etc/chain", "/lib/hop" },
    { "usr/lib/hop", "./file" },
    { "etc/nowhere", "/none" },
};

/* clang-format off */
static const struct { const char *path, *want; int r; } cases[] = {
    { "/", "/", 0 },                            { "", "/", 0 },
    { "/usr/lib/file", "/usr/lib/file", 0 },    { "usr//lib/./file", "/usr/lib/file", 0 },
    { "/usr/../usr/lib", "/usr/lib", 0 },       { "/../../usr", "/usr", 0 },
    { "/etc/relative", "/usr/lib/file", 0 },    { "/etc/absolute", "/usr/lib/file", 0 },
    { "/etc/outside/file", "/usr/lib/file", 0 }, { "/lib/file", "/usr/lib/file", 0 },
    { "/etc/chain", "/usr/lib/file", 0 },       { "/lib/../lib/file", "/usr/lib/file", 0 },
    { "/etc/loop", "", -ELOOP },                { "/etc/nowhere", "", -ENOENT },
    { "/none", "", -ENOENT },                   { "/usr/lib/file/x", "", -ENOTDIR },
};
/* clang-format on */

static int setup(void **state)
{
    static struct scratch dir;
    scratch_init(&dir);
    static const char *const directories[] = { "etc", "usr", "usr/lib" };
    for (size_t i = 0; i < COUNT_OF(directories); i++) scratch_mkdir(&dir, directories[i]);
    scratch_write(&dir, "usr/lib/file", "inside");
    for (size_t i = 0; i < COUNT_OF(links); i++)
        assert_int_equal(symlink(links[i].target, scratch_path(&dir, links[i].link)), 0);
    *state = &dir;
    return 0;
}

static int teardown(void **state)
{
    scratch_done(*state);
    return 0;
}

static void test_resolve(void **state)
{
    struct scratch *dir = *state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        AUTO_STR struct str got = STR_EMPTY;
        print_message("  '%s'\n", cases[i].path);
        assert_int_equal(root_resolve(dir->root, cases[i].path, &got), cases[i].r);
        assert_string_equal(str_text(&got), cases[i].want);
    }
}

static void test_no_root(void **state)
{
    struct scratch *dir = *state;
    AUTO_STR struct str link = STR_EMPTY, got = STR_EMPTY, same = STR_EMPTY;
    assert_int_equal(str_appendf(&link, "%s/etc/relative", dir->root), 0);
    assert_int_equal(root_resolve(NULL, str_text(&link), &got), 0);
    assert_int_equal(root_resolve("/", str_text(&link), &same), 0);
    assert_non_null(str_suffix(str_text(&got), "/usr/lib/file"));
    assert_string_equal(str_text(&got), str_text(&same));
}

static void test_open(void **state)
{
    struct scratch *dir = *state;
    char text[16] = "";
    AUTO_FD struct fd fd = FD_NONE;
    assert_int_equal(root_open(dir->root, "/etc/absolute", O_RDONLY, &fd), 0);
    assert_int_equal(read(fd.n, text, sizeof text), 6);
    assert_string_equal(text, "inside");
    assert_true(fcntl(fd.n, F_GETFD) & FD_CLOEXEC);
    AUTO_FD struct fd none = FD_NONE;
    assert_int_equal(root_open(dir->root, "/etc/nowhere", O_RDONLY, &none), -ENOENT);
}

static void test_long(void **state)
{
    struct scratch *dir = *state;
    char path[2 * PATH_MAX];
    memset(path, '/', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    AUTO_STR struct str got = STR_EMPTY;
    assert_int_equal(root_resolve(dir->root, path, &got), -ENAMETOOLONG);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_resolve), cmocka_unit_test(test_no_root),
                                        cmocka_unit_test(test_open), cmocka_unit_test(test_long) };
    return cmocka_run_group_tests(tests, setup, teardown);
}
