#include "unit/specifier.h"

#include "tests/unit/scratch_dir.h"

#include "unit/machine.h"

#include <sys/utsname.h>

static char *const environment[] = { (char[]){ "HOME=/home/me" }, (char[]){ "USER=me" }, (char[]){ "SHELL=/bin/zsh" },
                                     NULL };
static char *const temporary[] = { (char[]){ "TMPDIR=/scratch" }, NULL };

/* clang-format off */
static const struct {
    const char *name, *text, *want;
    char unknown; /* the letter of the first specifier without an answer */
} cases[] = { /* systemd.unit(5) "SPECIFIERS"; names as systemd 252 resolves them */
    { "web.service", "plain", "plain", 0 },
    { "web.service", "%n %N %p %P", "web.service web web web", 0 },
    { "web.service", "<%i> <%I>", "<> <>", 0 },
    { "web.service", "100%% %", "100% %", 0 },
    { "tmpl@a-b.service", "i=%i I=%I j=%j p=%p n=%n N=%N f=%f", "i=a-b I=a/b j=tmpl p=tmpl n=tmpl@a-b.service N=tmpl@a-b f=/a/b", 0 },
    { "tmpl@a\\x2db.service", "i=%i I=%I f=%f", "i=a\\x2db I=a-b f=/a-b", 0 },
    { "tmpl@a@b.service", "i=%i p=%p", "i=a@b p=tmpl", 0 },
    { "tmpl@-.service", "i=%i I=%I f=%f", "i=- I=/ f=/", 0 },
    { "tmpl@a.b.service", "i=%i N=%N", "i=a.b N=tmpl@a.b", 0 },
    { "tmpl@.service", "<%i> %n", "<> tmpl@.service", 0 },
    { "a-b-c.service", "j=%j J=%J P=%P f=%f", "j=c J=c P=a/b/c f=/a/b/c", 0 },
    { "x@\\xzz.service", "%i %I", "\\xzz %I", 'I' },
    { "x@..service", "%i %f", ". %f", 'f' },
    { "x@a-..-b.service", "%f", "%f", 'f' },
    { "web.service", "%t %S %C %L %E %T %V", "/run /var/lib /var/cache /var/log /etc /tmp /var/tmp", 0 },
    { "web.service", "%H %l", "box.example box", 0 },
    { "web.service", "%u %U %g %G %h %s", "root 0 root 0 /root /bin/sh", 0 },
    { "web.service", "%y %Y", "/etc/units/web.service /etc/units", 0 },
    { "web.service", "%d", "/run/credentials/web.service", 0 },
    { "web.service", "%Z %n %k", "%Z web.service %k", 'Z' },
    { "web.service", "%. %- %_ %\xc3\xa4 %%%", "%. %- %_ %\xc3\xa4 %%", 0 }, /* no letter or digit: not a specifier */
    { "web.service", "%0", "%0", '0' },
    { "x@a\\x00b.service", "<%I> <%f>", "<a> </a>", 0 },
    { "x@-a.service", "%I %f", "/a %f", 'f' },
    { "web.service", "%c", "%c", 'c' }, /* deprecated */
};
/* clang-format on */

static void test_expand(void **state)
{
    (void)state;
    struct machine nothing = { .root = "/nonexistent" };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct specifier_context context = { .unit_name = cases[i].name,
                                             .fragment_path = "/etc/units/web.service",
                                             .hostname = "box.example",
                                             .machine = &nothing,
                                             .environment = environment,
                                             .ids_given = true };
        AUTO_STR struct str got = STR_EMPTY;
        const char *unknown;
        print_message("  %s: %s\n", cases[i].name, cases[i].text);
        assert_int_equal(specifier_expand(&context, cases[i].text, strlen(cases[i].text), &got, &unknown), 0);
        assert_string_equal(str_text(&got), cases[i].want);
        assert_int_equal(unknown ? unknown[1] : 0, cases[i].unknown);
    }
}

static void check(const struct specifier_context *context, const char *text, const char *want)
{
    AUTO_STR struct str got = STR_EMPTY;
    const char *unknown;
    assert_int_equal(specifier_expand(context, text, strlen(text), &got, &unknown), 0);
    assert_null(unknown);
    assert_string_equal(str_text(&got), want);
}

/* ---- the whole table of systemd.unit(5), of an image ---- */

/* clang-format off */
static const struct { char letter; bool in_names; const char *want; } letters[] = { /* want NULL: the kernel's answer */
    { 'a', true, NULL },            { 'A', true, "7.5" },           { 'b', true, NULL },
    { 'B', true, "b-9" },           { 'c', false, "/p-q@i-j.service" }, { 'C', false, "/var/cache" },
    { 'd', false, "/run/credentials/p-q@i-j.service" },             { 'D', false, "/usr/share" },
    { 'e', false, "%e" },           { 'E', false, "/etc" },         { 'f', false, "/i/j" },
    { 'F', false, "%F" },           { 'g', true, "root" },          { 'G', true, "0" },
    { 'h', false, "/root" },        { 'H', true, "box.example" },   { 'i', true, "i-j" },
    { 'I', false, "i/j" },          { 'j', true, "q" },             { 'J', false, "q" },
    { 'k', false, "%k" },           { 'K', false, "%K" },           { 'l', true, "box" },
    { 'L', false, "/var/log" },     { 'm', true, "0123456789abcdef0123456789abcdef" },
    { 'M', true, "img" },           { 'n', true, "p-q@i-j.service" }, { 'N', true, "p-q@i-j" },
    { 'o', true, "testos" },        { 'O', false, "%O" },           { 'p', true, "p-q" },
    { 'P', false, "p/q" },          { 'q', true, "Our box" },       { 'Q', false, "%Q" },
    { 'r', false, "" },             { 'R', false, "" },             { 's', false, "/bin/bash" },
    { 'S', false, "/var/lib" },     { 't', false, "/run" },         { 'T', false, "/tmp" },
    { 'u', true, "root" },          { 'U', true, "0" },             { 'v', true, NULL },
    { 'V', false, "/var/tmp" },     { 'w', true, "1.2" },           { 'W', true, "" },
    { 'x', false, "%x" },           { 'X', false, "%X" },           { 'y', false, "/usr/lib/real.service" },
    { 'Y', false, "/usr/lib" },     { 'z', false, "%z" },           { 'Z', false, "%Z" },
    { '%', true, "%" },
};
/* clang-format on */

static void make_image(struct scratch *dir)
{
    static const char *const directories[] = { "bin", "etc", "usr", "usr/lib" };
    scratch_init(dir);
    for (size_t i = 0; i < COUNT_OF(directories); i++) scratch_mkdir(dir, directories[i]);
    scratch_write(dir, "etc/os-release", "ID=testos\nVERSION_ID=1.2\nBUILD_ID=b-9\nIMAGE_ID=img\nIMAGE_VERSION=7.5\n");
    scratch_write(dir, "etc/machine-id", "0123456789abcdef0123456789abcdef\n");
    scratch_write(dir, "etc/machine-info", "PRETTY_HOSTNAME='Our box'\n");
    scratch_write(dir, "usr/lib/real.service", "");
    scratch_write(dir, "bin/bash", "");
    assert_int_equal(symlink("/usr/lib/real.service", scratch_path(dir, "etc/link.service")), 0);
}

/* systemd 252 resolves the same where a unit name is not wanted, and refuses the same where it is. */
static void test_table(void **state)
{
    (void)state;
    struct scratch dir;
    make_image(&dir);
    struct machine machine = { .root = dir.root };
    char path[96];
    (void)snprintf(path, sizeof path, "%s/etc/link.service", dir.root);
    struct specifier_context context = { .unit_name = "p-q@i-j.service",
                                         .fragment_path = path,
                                         .hostname = "box.example",
                                         .machine = &machine,
                                         .environment = environment,
                                         .deprecated = true,
                                         .ids_given = true };
    for (size_t i = 0; i < COUNT_OF(letters); i++) {
        char text[3] = { '%', letters[i].letter, '\0' };
        bool known = !letters[i].want || letters[i].want[0] != '%' || letters[i].letter == '%';
        const char *unknown;
        print_message("  %s\n", text);
        for (int names_only = 0; names_only <= 1; names_only++) {
            AUTO_STR struct str got = STR_EMPTY;
            context.names_only = names_only;
            assert_int_equal(specifier_expand(&context, text, 2, &got, &unknown), 0);
            assert_int_equal(!unknown, names_only ? letters[i].in_names : known);
            if (unknown)
                assert_string_equal(str_text(&got), text);
            else if (letters[i].want)
                assert_string_equal(str_text(&got), letters[i].want);
            else
                assert_true(got.length > 0);
        }
        bool deprecated = memchr("crR", letters[i].letter, 3);
        assert_ptr_equal(specifier_deprecated(text), deprecated ? text : NULL);
    }
    assert_null(specifier_deprecated("%%c %%%n%"));
    machine_done(&machine);
    scratch_done(&dir);
}

static void test_cgroup(void **state)
{
    (void)state;
    static const char *const taken[] = { "_a.service", ".a.service", "memory.service", "cgroup.service" },
                             *const fine[] = { "memory2.service", "mem.service", "a.memory.service" };
    struct specifier_context context = { .deprecated = true };
    for (size_t i = 0; i < COUNT_OF(taken) + COUNT_OF(fine); i++) {
        bool is_taken = i < COUNT_OF(taken);
        AUTO_STR struct str want = STR_EMPTY;
        context.unit_name = is_taken ? taken[i] : fine[i - COUNT_OF(taken)];
        assert_int_equal(str_appendf(&want, "/%s%s", is_taken ? "_" : "", context.unit_name), 0);
        check(&context, "%c", str_text(&want));
    }
}

/* Without what the files say. */
static void test_bare_image(void **state)
{
    (void)state;
    struct scratch dir;
    scratch_init(&dir);
    struct machine machine = { .root = dir.root };
    char *const uuid[] = { (char[]){ "container_uuid=01234567-89ab-cdef-0123-456789abcdef" }, NULL };
    struct specifier_context context = {
        .unit_name = "a.service", .hostname = "box.example", .machine = &machine, .environment = uuid
    };
    const char *unknown;
    AUTO_STR struct str got = STR_EMPTY;
    assert_int_equal(specifier_expand(&context, "%o", 2, &got, &unknown), 0); /* systemd: no such file */
    assert_non_null(unknown);
    check(&context, "%q %m", "box 0123456789abcdef0123456789abcdef");
    str_clear(&got);
    assert_int_equal(specifier_expand(&context, "%y", 2, &got, &unknown), 0); /* not from a file */
    assert_non_null(unknown);
    machine_done(&machine);
    scratch_done(&dir);
}

static void test_place(void **state)
{
    (void)state;
    struct specifier_context user = {
        .unit_name = "a.service", .environment = environment, .ids_given = true, .uid = 1000, .gid = 1001
    };
    check(&user, "%u %U %g %G %h %s", "me 1000 1001 1001 /home/me /bin/zsh");
    struct specifier_context bare = { .unit_name = "a.service", .ids_given = true, .uid = 1000, .gid = 1001 };
    check(&bare, "%u %h %s", "1000 / /bin/sh");
    struct specifier_context scratch = { .unit_name = "a.service", .environment = temporary };
    check(&scratch, "%T %V", "/scratch /scratch");

    struct utsname names;
    assert_int_equal(uname(&names), 0);
    AUTO_STR struct str want = STR_EMPTY;
    assert_int_equal(str_appendf(&want, "%s %s", names.nodename, names.release), 0);
    check(&bare, "%H %v", str_text(&want));
}

static void test_boot_id(void **state)
{
    (void)state;
    struct specifier_context context = { .unit_name = "a.service" };
    AUTO_STR struct str got = STR_EMPTY;
    const char *unknown;
    assert_int_equal(specifier_expand(&context, "%b", 2, &got, &unknown), 0);
    if (unknown) skip(); /* no /proc */
    assert_int_equal(got.length, 32);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_expand),     cmocka_unit_test(test_table), cmocka_unit_test(test_cgroup),
        cmocka_unit_test(test_bare_image), cmocka_unit_test(test_place), cmocka_unit_test(test_boot_id),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
