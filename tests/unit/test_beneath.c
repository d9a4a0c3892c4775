#include "base/beneath.h"

#include <limits.h>
#include "tests/unit/scratch_dir.h"

/* A root with links that try to leave it. Both ways of opening must agree on every row. */
static struct scratch outside, image;
static struct fd root = FD_NONE;

static int setup(void **state)
{
    (void)state;
    char text[256];
    scratch_init(&outside);
    scratch_init(&image);
    scratch_write(&outside, "secret", "outside");
    scratch_mkdir(&image, "etc");
    scratch_mkdir(&image, "usr");
    scratch_mkdir(&image, "usr/lib");
    scratch_mkdir(&image, "usr/lib/units");
    scratch_write(&image, "usr/lib/units/a", "inside");
    scratch_link(&image, "usr/lib", "lib");
    scratch_link(&image, "/usr/lib/units/a", "etc/absolute");
    scratch_link(&image, "../usr/./lib//units/a", "etc/relative");
    scratch_link(&image, "../../../../../usr/lib/units/a", "etc/above");
    scratch_link(&image, "/etc/absolute", "etc/chain");
    scratch_link(&image, "/etc/round", "etc/round");
    scratch_link(&image, "/nothing", "etc/dangling");
    scratch_link(&image, "/lib/units", "etc/directory");
    (void)snprintf(text, sizeof text, "%s/secret", outside.root);
    scratch_link(&image, text, "etc/secret");
    (void)snprintf(text, sizeof text, "../../../..%s/secret", outside.root);
    scratch_link(&image, text, "etc/secret-above");
    return fd_openat(AT_FDCWD, image.root, O_PATH | O_DIRECTORY, 0, &root);
}

static int teardown(void **state)
{
    (void)state;
    fd_close(&root);
    scratch_done(&image);
    scratch_done(&outside);
    return 0;
}

static const struct {
    const char *label, *path;
    int flags, r;
} cases[] = {
    { "plain", "usr/lib/units/a", O_RDONLY, 0 },
    { "slash in front, doubled", "//usr//lib/units/a", O_RDONLY, 0 },
    { "directory link on the way", "/lib/units/a", O_RDONLY, 0 },
    { "absolute link", "/etc/absolute", O_RDONLY, 0 },
    { "relative link", "/etc/relative", O_RDONLY, 0 },
    { "link that climbs above the root", "/etc/above", O_RDONLY, 0 },
    { "link to a link", "etc/chain", O_RDONLY, 0 },
    { "path that climbs above the root", "../../usr/lib/units/a", O_RDONLY, 0 },
    { "directory by a link", "/etc/directory", O_RDONLY | O_DIRECTORY, 0 },
    { "only to look at", "/etc/directory", O_PATH | O_DIRECTORY, 0 },
    { "the root itself", "/", O_RDONLY | O_DIRECTORY, 0 },
    { "the root from below", "/etc/..", O_RDONLY | O_DIRECTORY, 0 },
    { "a file as a directory", "usr/lib/units/a/b", O_RDONLY, -ENOTDIR },
    { "a file with a slash behind", "usr/lib/units/a/", O_RDONLY, -ENOTDIR },
    { "absolute link to a file outside", "/etc/secret", O_RDONLY, -ENOENT },
    { "relative link to a file outside", "/etc/secret-above", O_RDONLY, -ENOENT },
    { "dangling link", "/etc/dangling", O_RDONLY, -ENOENT },
    { "link to itself", "/etc/round", O_RDONLY, -ELOOP },
    { "link that is not to be followed", "/etc/absolute", O_RDONLY | O_NOFOLLOW, -ELOOP },
    { "nothing there", "/nothing/here", O_RDONLY, -ENOENT },
};

static void check(int (*opener)(int, const char *, int, struct fd *))
{
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        AUTO_FD struct fd fd = FD_NONE;
        char text[16] = "";
        print_message("  %s\n", cases[i].label);
        assert_int_equal(opener(root.n, cases[i].path, cases[i].flags, &fd), cases[i].r);
        assert_int_equal(fd_is_open(&fd), cases[i].r == 0);
        if (cases[i].r < 0 || cases[i].flags & O_DIRECTORY) continue;
        assert_int_equal(read(fd.n, text, sizeof text - 1), 6);
        assert_string_equal(text, "inside");
    }
}

static void test_kernel(void **state)
{
    (void)state;
    check(beneath_open);
}

static void test_walking(void **state)
{
    (void)state;
    check(beneath_open_walking);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_kernel), cmocka_unit_test(test_walking) };
    return cmocka_run_group_tests(tests, setup, teardown);
}
