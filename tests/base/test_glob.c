/* base/glob: against a small tree. */
#include "base/glob.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static void test_glob(void **state)
{
    (void)state;
    static const struct {
        const char *label, *pattern;
        int want;
    } cases[] = {
        { "no magic, there", "one/a.conf", 1 },
        { "no magic, not there", "one/z.conf", 0 },
        { "a star", "one/*.conf", 1 },
        { "a star without a match", "one/*.txt", 0 },
        { "a star in the middle", "*/b.conf", 1 },
        { "two stars", "t*/b*", 1 },
        { "a question mark", "one/?.conf", 1 },
        { "a set", "one/[ab].conf", 1 },
        { "a set without a match", "one/[x-z].conf", 0 },
        { "an escaped star is a star", "one/\\*.conf", 0 },
        { "a star does not match a dot", "dots/*", 0 },
        { "a written dot does", "dots/.*rc", 1 },
        { "a star does not cross a slash", "*.conf", 0 },
        { "a directory that is not there", "none/*", 0 },
        { "a file in the place of a directory", "one/a.conf/*", 0 },
        { "a dangling link is there", "one/dang*", 1 },
        { "a slash at the end", "one/", 1 },
        { "braces, the second", "{none,one}/a.conf", 1 },
        { "braces, neither", "{none,nil}/a.conf", 0 },
        { "nested braces", "{none,{nil,t}wo}/b*", 1 },
        { "an empty alternative", "one/a.conf{.bak,}", 1 },
        { "braces with one alternative", "{one}/a.conf", 1 },
        { "two pairs", "{none,one}/{x,a}.conf", 1 },
        { "a brace that is not closed", "{one/a.conf", 0 },
        { "an escaped brace", "\\{one,two}/*", 0 },
    };
    char directory[] = "/tmp/test-glob-XXXXXX", path[256];
    assert_non_null(mkdtemp(directory));
    assert_int_equal(chdir(directory), 0);
    assert_int_equal(mkdir("one", 0755) | mkdir("two", 0755) | mkdir("dots", 0755), 0);
    static const char *const files[] = { "one/a.conf", "two/b.conf", "dots/.somerc" };
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        FILE *file = fopen(files[i], "w");
        assert_non_null(file);
        assert_int_equal(fclose(file), 0);
    }
    assert_int_equal(symlink("/no/such", "one/dangling"), 0);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        print_message("  %s\n", cases[i].label);
        (void)snprintf(path, sizeof path, "%s/%s", directory, cases[i].pattern); /* fits */
        assert_int_equal(glob_any(path), cases[i].want);
    }
    for (size_t i = 0; i < COUNT_OF(files); i++) assert_int_equal(unlink(files[i]), 0);
    assert_int_equal(unlink("one/dangling"), 0);
    assert_int_equal(rmdir("one") | rmdir("two") | rmdir("dots"), 0);
    assert_int_equal(chdir("/"), 0);
    assert_int_equal(rmdir(directory), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_glob) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
