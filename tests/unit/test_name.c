#include "unit/name.h"

#include "base/str.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#define INVALID  UNIT_NAME_INVALID
#define PLAIN    UNIT_NAME_PLAIN
#define TEMPLATE UNIT_NAME_TEMPLATE
#define INSTANCE UNIT_NAME_INSTANCE

#define A10  "aaaaaaaaaa"
#define A50  A10 A10 A10 A10 A10
#define A100 A50 A50
#define A200 A100 A100
#define A240 A200 A10 A10 A10 A10

/* clang-format off */
static const struct { const char *name; enum unit_name_form form; } forms[] = {
    { "web.service", PLAIN },        { "a.socket", PLAIN },           { "a.target", PLAIN },
    { "dev-sda.device", PLAIN },     { "-.mount", PLAIN },            { "a.automount", PLAIN },
    { "a.swap", PLAIN },             { "a.timer", PLAIN },            { "a.path", PLAIN },
    { "-.slice", PLAIN },            { "a.scope", PLAIN },            { "a.snapshot", INVALID },
    { "a.SERVICE", INVALID },        { "a.service.d", INVALID },      { "a", INVALID },
    { "", INVALID },                 { ".service", INVALID },         { "..service", PLAIN },
    { "@.service", INVALID },        { "@a.service", INVALID },       { "x@.service", TEMPLATE },
    { "x@y.service", INSTANCE },     { "x@y@z.service", INSTANCE },   { "x@@.service", INSTANCE },
    { "x@a.b.service", INSTANCE },   { "x@.b.service", INSTANCE },    { "x@.service.service", INSTANCE },
    { "Az09:-_.\\.service", PLAIN }, { "a b.service", INVALID },      { "a/b.service", INVALID },
    { "a%i.service", INVALID },      { "\xc3\xa9.service", INVALID }, { "a+b.service", INVALID },
    { "a.service\n", INVALID },      { "a\tb.service", INVALID },     { "x@a b.service", INVALID },
    { A240 "aaaaaaa.service", PLAIN }, { A240 "aaaaaaaa.service", INVALID },
};

static const struct { const char *name, *prefix, *instance, *suffix; } splits[] = {
    { "web.service", "web", NULL, ".service" },       { "x@.service", "x", "", ".service" },
    { "x@y.service", "x", "y", ".service" },          { "x@y@z.service", "x", "y@z", ".service" },
    { "a.b@c.d.mount", "a.b", "c.d", ".mount" },      { "noword", "noword", NULL, "" },
    { "x@y", "x", "y", "" },                          { "", "", NULL, "" },
    { "a.service@b", "a", NULL, ".service@b" },       { "@.service", "", "", ".service" },
};

/* The answers of systemd-escape 252; NULL: it refuses. */
static const struct { const char *text, *escaped, *as_path; } escapes[] = {
    { "", "", "-" },                        { "/", "-", "-" },                 { "//", "--", "-" },
    { "web", "web", "web" },                { "a b", "a\\x20b", "a\\x20b" },   { "a-b", "a\\x2db", "a\\x2db" },
    { "/srv/www", "-srv-www", "srv-www" },  { "srv/www/", "srv-www-", "srv-www" },
    { ".", "\\x2e", NULL },                 { "./", "\\x2e-", NULL },          { "..", "\\x2e.", NULL },
    { ".bashrc", "\\x2ebashrc", "\\x2ebashrc" }, { "/.x/.y", "-.x-.y", "\\x2ex-.y" },
    { "/a/../b", "-a-..-b", NULL },         { "/a/./b", "-a-.-b", "a-b" },     { "/a/b/.", "-a-b-.", "a-b" },
    { "./a", "\\x2e-a", "a" },              { "/..a/b..", "-..a-b..", "\\x2e.a-b.." },
    { "a\\b", "a\\x5cb", "a\\x5cb" },       { "a@b", "a\\x40b", "a\\x40b" },   { "\xff", "\\xff", "\\xff" },
    { "a:_.1", "a:_.1", "a:_.1" },          { "\x7f\x01", "\\x7f\\x01", "\\x7f\\x01" },
    { "/" A240 "aaaaaaaaaaaaaaaa", "-" A240 "aaaaaaaaaaaaaaaa", NULL }, /* a component of 256 bytes is no path */
};

static const struct { const char *text, *unescaped, *as_path; } unescapes[] = {
    { "", "", NULL },                    { "-", "/", "/" },                   { "--", "//", NULL },
    { "a-b", "a/b", "/a/b" },            { "-a", "/a", NULL },                { "a-", "a/", NULL },
    { "a--b", "a//b", NULL },            { "a\\x2db", "a-b", "/a-b" },        { "\\x2Ea", ".a", "/.a" },
    { "..", "..", NULL },                { "a-..-b", "a/../b", NULL },        { "a-.-b", "a/./b", NULL },
    { ".", ".", NULL },                  { "...", "...", "/..." },            { "a\\x2f\\x2fb", "a//b", NULL },
    { "\\x2f", "/", NULL },              { "\\", NULL, NULL },                { "a\\x", NULL, NULL },
    { "a\\x2", NULL, NULL },             { "a\\xg0", NULL, NULL },            { "a\\x0g", NULL, NULL },
    { "a\\\\b", NULL, NULL },            { "a\\040", NULL, NULL },            { "a\\x00b", "a", "/a" },
    { "a\\x00\\q", NULL, NULL },         { "a\\x00-", "a", "/a" },             { "-\\x00", "/", NULL },
            { "\\xe2\\x82\\xac", "\xe2\x82\xac", "/\xe2\x82\xac" },
};

/* The answers of systemd-escape --mangle 252. */
static const struct { const char *text, *want; } mangles[] = {
    { "", NULL },                           { "web", "web.service" },             { "web.socket", "web.socket" },
    { "x@", "x@.service" },                 { "x@.", "x@..service" },             { "x@y", "x@y.service" },
    { "@", NULL },                          { "@x.service", NULL },               { ".service", ".service.service" },
    { "a.snapshot", "a.snapshot.service" }, { "a b", "a\\x20b.service" },         { "web.service ", "web.service\\x20.service" },
    { "\\", "\\.service" },                 { "a\\x2db", "a\\x2db.service" },     { "a/b.mount", "a-b.mount" },
    { "\x01", "\\x01.service" },            { "http://x/y", "http:--x-y.service" }, { "*.service", "\\x2a.service" },
    { "/", "-.mount" },                     { "/.", "-.mount" },                  { "/a.service", "a.service.mount" },
    { "/srv//x/", "srv-x.mount" },          { "/a..", "a...mount" },              { "/a/..", "-a-...service" },
    { "/dev", "dev.mount" },                { "/dev/", "dev.mount" },             { "//dev/./sda", "dev-sda.device" },
    { "/dev/../sda", "-dev-..-sda.service" }, { "/sys/class/net", "sys-class-net.device" }, { "/sys", "sys.mount" },
    { "/device/x", "device-x.mount" },      { "/dev/a:b_c.d\\e", "dev-a:b_c.d\\x5ce.device" },
    { A240 "aaaaaaa", A240 "aaaaaaa.service" }, { A240 "aaaaaaaa", NULL },
    { "/" A240 "aaaaaaaaaaaaaaaa", NULL },
};

/* A path whose name would be too long: systemd-escape 252 --mangle says the same. */
static const struct { const char *path, *suffix, *want; } long_paths[] = {
    { "/run/" A240 "aaaaa", ".mount", "run-" A240 "aaaaa.mount" },
    { "/run/" A240 "aaaaab", ".mount", "run-" A200 A10 A10 "aaaaaaaa_4023f0230e50105a.mount" },
};

static const struct { const char *text, *want; } patterns[] = {
    { "*.service", "*.service" }, { "web*", "web*" },       { "a b*", "a\\x20b*" },     { "[ab]?", "[ab]?" },
    { "web", "web.service" },     { "x@*", "x@*" },         { "/srv", "srv.mount" },    { "/srv/*", "srv-\\x2a.mount" },
    { "a!b", "a\\x21b.service" },
};
/* clang-format on */

static void test_forms(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(forms); i++) {
        print_message("  '%s'\n", forms[i].name);
        assert_int_equal(unit_name_form(forms[i].name), forms[i].form);
        assert_int_equal(unit_name_is_valid(forms[i].name), forms[i].form != INVALID);
    }
    assert_true(unit_suffix_is_valid(".scope") && !unit_suffix_is_valid("scope") && !unit_suffix_is_valid(""));
    assert_true(unit_instance_is_valid("a@b:c") && !unit_instance_is_valid("") && !unit_instance_is_valid("a/b"));
}

static void assert_part(const char *text, size_t length, const char *want)
{
    assert_int_equal(length, strlen(want));
    assert_memory_equal(text, want, length);
}

static void test_split(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(splits); i++) {
        struct unit_name_parts parts = unit_name_split(splits[i].name);
        size_t length;
        print_message("  '%s'\n", splits[i].name);
        assert_part(parts.prefix, parts.prefix_length, splits[i].prefix);
        assert_int_equal(!parts.instance, !splits[i].instance);
        if (splits[i].instance) assert_part(parts.instance, parts.instance_length, splits[i].instance);
        assert_string_equal(parts.suffix, splits[i].suffix);
        assert_ptr_equal(unit_name_stem(splits[i].name, &length), splits[i].name);
        assert_int_equal(length + strlen(parts.suffix), strlen(splits[i].name));
    }
}

/* What a function appended, after something that it must leave alone; NULL: -EINVAL. */
static void check(int r, const struct str *out, const char *want)
{
    assert_int_equal(r, want ? 0 : -EINVAL);
    assert_int_equal(strncmp(str_text(out), "before ", 7), 0);
    if (want) assert_string_equal(str_text(out) + 7, want);
}

#define CHECK(want, function, ...)                                                                                     \
    do {                                                                                                               \
        AUTO_STR struct str out_ = STR_EMPTY;                                                                          \
        assert_int_equal(str_append(&out_, "before "), 0);                                                             \
        int r_ = function(__VA_ARGS__, &out_);                                                                         \
        check(r_, &out_, want);                                                                                        \
    } while (0)

static void test_templates(void **state)
{
    (void)state;
    CHECK("x@y.service", unit_name_instantiate, "x@.service", "y");
    CHECK("x@y@z.service", unit_name_instantiate, "x@w.service", "y@z");
    CHECK(NULL, unit_name_instantiate, "x@.service", "");
    CHECK(NULL, unit_name_instantiate, "x@.service", "a/b");
    CHECK(NULL, unit_name_instantiate, "x.service", "y");
    CHECK(NULL, unit_name_instantiate, "x@.nothing", "y");
    CHECK("x@" A240 "aaaaa.service", unit_name_instantiate, "x@.service", A240 "aaaaa");
    CHECK(NULL, unit_name_instantiate, "x@.service", A240 "aaaaaa");
    CHECK("x@.service", unit_name_template, "x@y.service");
    CHECK("x@.service", unit_name_template, "x@.service");
    CHECK("x@.mount", unit_name_template, "x@y@z.mount");
    CHECK(NULL, unit_name_template, "x.service");
    CHECK(NULL, unit_name_template, "x@y");
}

static void test_escape(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(escapes); i++) {
        print_message("  '%s'\n", escapes[i].text);
        CHECK(escapes[i].escaped, unit_name_escape, escapes[i].text);
        CHECK(escapes[i].as_path, unit_name_escape_path, escapes[i].text);
    }
}

static void test_unescape(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(unescapes); i++) {
        print_message("  '%s'\n", unescapes[i].text);
        CHECK(unescapes[i].unescaped, unit_name_unescape, unescapes[i].text, strlen(unescapes[i].text));
        CHECK(unescapes[i].as_path, unit_name_unescape_path, unescapes[i].text, strlen(unescapes[i].text));
    }
}

static void test_paths(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(long_paths); i++)
        CHECK(long_paths[i].want, unit_name_from_path, long_paths[i].path, long_paths[i].suffix);
    CHECK("-.mount", unit_name_from_path, "/", ".mount");
    CHECK("dev-disk-by\\x2dlabel-x.swap", unit_name_from_path, "/dev/disk/by-label/x", ".swap");
    CHECK(NULL, unit_name_from_path, "/x/..", ".mount");
    CHECK(NULL, unit_name_from_path, "/x", ".bogus");
    CHECK("/", unit_name_to_path, "-.mount");
    CHECK("/srv/a b", unit_name_to_path, "srv-a\\x20b.mount");
    CHECK(NULL, unit_name_to_path, "srv--a.mount");
    CHECK(NULL, unit_name_to_path, "srv");
}

static void test_mangle(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(mangles); i++) {
        print_message("  '%s'\n", mangles[i].text);
        CHECK(mangles[i].want, unit_name_mangle, mangles[i].text, ".service", false);
    }
    for (size_t i = 0; i < COUNT_OF(patterns); i++) {
        print_message("  '%s' may be a pattern\n", patterns[i].text);
        CHECK(patterns[i].want, unit_name_mangle, patterns[i].text, ".service", true);
    }
    CHECK("web.target", unit_name_mangle, "web", ".target", false);
    CHECK(NULL, unit_name_mangle, "web", "target", false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),  cmocka_unit_test(test_split),    cmocka_unit_test(test_templates),
        cmocka_unit_test(test_escape), cmocka_unit_test(test_unescape), cmocka_unit_test(test_paths),
        cmocka_unit_test(test_mangle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
