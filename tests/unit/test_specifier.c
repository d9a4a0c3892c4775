#include "unit/specifier.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <cmocka.h>

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
};
/* clang-format on */

static void test_expand(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct specifier_context context = { .unit_name = cases[i].name,
                                             .fragment_path = "/etc/units/web.service",
                                             .hostname = "box.example",
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
        cmocka_unit_test(test_expand),
        cmocka_unit_test(test_place),
        cmocka_unit_test(test_boot_id),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
