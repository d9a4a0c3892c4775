/* tests/e2e/test_hostile.c - K94: unit files, lists and names of hostile size or bytes get a diagnostic, and nothing
 * crashes, hangs or is taken silently, in --validate and in a run. */
#include "tests/e2e/expect.h"
#include "tests/e2e/harness_internal.h"
#include "base/fd.h"
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define ACTOR "/usr/local/bin/actor"
#define FINE  "[Service]\nType=oneshot\nExecStart=" ACTOR " mark /scene/fine x\n"

enum node { FILE_NODE, FIFO_NODE, DEVICE_NODE, DIRECTORY_NODE, LINK_NODE };

/* What lies in the units directory. `fill` bytes of `filler` follow the text; `text` of a link is where it leads. */
struct hostile {
    const char *name;
    enum node node;
    const char *text;
    size_t length; /* 0: strlen(text) */
    size_t fill;
    char filler;
    const char *said;
};
#define TEXT(literal) (literal), sizeof(literal) - 1

/* Left out with a warning: the other units run. */
static const struct hostile ignored[] = {
    { .name = "fifo.service", .node = FIFO_NODE, .said = "'fifo.service' is a FIFO, not a regular file" },
    { .name = "device.service", .node = DEVICE_NODE, .said = "'device.service' is a device, not a regular file" },
    { .name = "dir.service", .node = DIRECTORY_NODE, .said = "'dir.service' is a directory, not a regular file" },
    { .name = "dangling.service", .node = LINK_NODE, .text = "/no/where", .said = "'dangling.service' is a link that" },
    { .name = "loop.service", .node = LINK_NODE, .text = "loop.service", .said = "'loop.service' is a link that" },
    { .name = "zero.service", .node = LINK_NODE, .text = "/dev/zero", .said = "'zero.service' is a device" },
    { .name = "new\nline.service", .text = FINE, .said = "'new\\nline.service' is not a unit name" },
    { .name = "escape\x1b[31m.service", .text = FINE, .said = "'escape\\x1b[31m.service' is not a unit name" },
    { .name = "\xff\xfe.service", .text = FINE, .said = "'\\xff\\xfe.service' is not a unit name" },
    { .name = "sp ace.service", .text = FINE, .said = "'sp ace.service' is not a unit name" },
    { .name = "@.service", .text = FINE, .said = "'@.service' is not a unit name" },
    { .name = "%n.service", .text = FINE, .said = "'%n.service' is not a unit name" },
};

/* Refused: the rest is looked at all the same, and a run leaves with 64 (S23, K32). */
static const struct hostile refused[] = {
    { "nul.service", FILE_NODE, TEXT("[Service]\nExecStart=/bin/true\0 x\n"), 0, 0,
      "nul.service: NUL byte in the file (line 2, nul-byte)" },
    { "long.service", FILE_NODE, TEXT("[Service]\nExecStart=/bin/true "), (1 << 20) + 100, 'x',
      "long.service: line is longer than 1 MiB (line 2, line-too-long)" },
    { "huge.service", FILE_NODE, TEXT("[Service]\nExecStart=/bin/true\n"), (16 << 20) + 100, '\n',
      "huge.service: file is larger than 16 MiB (file-too-large)" },
    { "header.service", FILE_NODE, TEXT("[Service\nExecStart=/bin/true\n"), 0, 0,
      "header.service: bad section header: '[Service' (line 1, bad-section-header)" },
    { "none.service", FILE_NODE, TEXT("ExecStart=/bin/true\n"), 0, 0,
      "none.service: [Service] ExecStart: a service needs ExecStart=" },
    { "bytes.service", FILE_NODE, TEXT("[Service]\nExecStart=/bin/\xc3\x28\n"), 0, 0,
      "bytes.service: text is not UTF-8" },
    { "quote.service", FILE_NODE, TEXT("[Service]\nExecStart=/bin/true \"never closed\n"), 0, 0, "quote.service: " },
};

static void put(struct scene *s, const struct hostile *h)
{
    char path[PATH_MAX];
    (void)snprintf(path, sizeof path, "%s/units/%s", scene_dir(s), h->name);
    switch (h->node) {
    case FIFO_NODE:
        assert_int_equal(mkfifo(path, 0666), 0);
        return;
    case DEVICE_NODE:
        assert_int_equal(mknod(path, S_IFCHR | 0666, makedev(1, 5)), 0);
        return;
    case DIRECTORY_NODE:
        assert_int_equal(mkdir(path, 0755), 0);
        return;
    case LINK_NODE:
        assert_int_equal(symlink(h->text, path), 0);
        return;
    case FILE_NODE:
        break;
    }
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(fd_write_all(fd, h->text, h->length ? h->length : strlen(h->text)), 0);
    char *fill = malloc(h->fill + 1);
    assert_non_null(fill);
    memset(fill, h->filler, h->fill);
    assert_int_equal(fd_write_all(fd, fill, h->fill), 0);
    free(fill);
    close(fd);
}

/* One check of everything, in which each of the rows is told of. */
static void expect_all_said(struct scene *s, int status, const struct hostile *rows, size_t count)
{
    char units[PATH_MAX];
    (void)snprintf(units, sizeof units, "%s/units", scene_dir(s));
    const char *const args[] = { "--validate", "--units", units, NULL };
    struct str output = STR_EMPTY;
    int got = scene_run(s, args, &output);
    if (got != status) scene_fail(s, "--validate left with %d", got);
    for (size_t i = 0; i < count; i++) {
        print_message("  %s\n", rows[i].said);
        if (!strstr(str_text(&output), rows[i].said)) scene_fail(s, "it said: %.4000s", str_text(&output));
    }
    str_done(&output);
}

static void test_ignored(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    scene_unit(s, "fine.service", FINE);
    for (size_t i = 0; i < COUNT_OF(ignored); i++) put(s, &ignored[i]);
    expect_all_said(s, 1, ignored, COUNT_OF(ignored));
    expect_validate(s, "--strict-units", 64, NULL);
    scene_boot(s, NULL);
    assert_int_equal(scene_exit_code(s), 0);
    for (size_t i = 0; i < COUNT_OF(ignored); i++) expect_log(s, ignored[i].said);
    free(scene_read(s, "fine"));
    assert_int_equal(scene_count_events(s, "spawn", "fine.service", NULL), 1);
    scene_end(s);
}

static void test_refused(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    scene_unit(s, "fine.service", FINE "Typo=1\n");
    for (size_t i = 0; i < COUNT_OF(refused); i++) put(s, &refused[i]);
    expect_all_said(s, 64, refused, COUNT_OF(refused));
    expect_validate(s, NULL, 64, "fine.service [Service] Typo: "); /* it was looked at as well */
    scene_boot(s, NULL);
    assert_int_equal(scene_exit_code(s), 64);
    for (size_t i = 0; i < COUNT_OF(refused); i++) expect_log(s, refused[i].said);
    scene_end(s);
}

/* What cannot be read without root: a file, a directory; as a user with neither. */
static void test_unreadable(void **state)
{
    (void)state;
    static const struct {
        const char *label, *path;
        bool is_directory;
    } rows[] = { { "a unit file", "units/secret.service", false }, { "the directory", "units", true } };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct scene *s = scene_new();
        struct scene_spec spec = SCENE_SPEC_DEFAULT;
        char path[PATH_MAX];
        print_message("  %s\n", rows[i].label);
        scene_unit(s, "fine.service", FINE);
        if (!rows[i].is_directory) scene_unit(s, "secret.service", FINE);
        (void)snprintf(path, sizeof path, "%s/%s", scene_dir(s), rows[i].path);
        assert_int_equal(chmod(path, 0), 0);
        spec.box.as_user = true, spec.box.uid = spec.box.gid = 4711;
        scene_boot(s, &spec);
        assert_int_equal(scene_exit_code(s), 64);
        expect_log(s, "Permission denied");
        expect_log(s, rows[i].is_directory ? "/etc/container-init/units" : "secret.service");
        scene_end(s);
    }
}

/* Environment files are read at each start, by the child: a FIFO does not hold PID 1, a device does not fill it. */
static void test_environment_files(void **state)
{
    (void)state;
    static const struct {
        const char *name, *file, *said;
    } rows[] = {
        { "fifo", "/scene/fifo", "/scene/fifo" },
        { "device", "/dev/zero", "/dev/zero" },
        { "directory", "/etc", "/etc" },
        { "missing", "/not/there", "/not/there" },
        { "quote", "/etc/quote.env", "/etc/quote.env" },
    };
    struct scene *s = scene_new();
    char name[32], text[256];
    scene_unit(s, "make.service",
               "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/usr/bin/mkfifo /scene/fifo\n");
    scene_file(s, "/etc/quote.env", 0644, "A=\"never closed\n");
    scene_file(s, "/etc/bad-lines.env", 0644, "no assignment\n=nothing\n1DIGIT=1\nGOOD=yes\n");
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        (void)snprintf(name, sizeof name, "%s.service", rows[i].name);
        (void)snprintf(text, sizeof text,
                       "[Unit]\nAfter=make.service\n[Service]\nEnvironmentFile=%s\nExecStart=" ACTOR " sleep\n",
                       rows[i].file);
        scene_unit(s, name, text);
    }
    scene_unit(s, "bad-lines.service",
               "[Service]\nType=oneshot\nEnvironmentFile=/etc/bad-lines.env\nExecStart=" ACTOR
               " report /scene/bad-lines\n");
    scene_boot(s, NULL);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        print_message("  %s\n", rows[i].name);
        (void)snprintf(name, sizeof name, "%s.service", rows[i].name);
        scene_wait_event(s, "unit_state", name, "active", "failed", NULL);
        (void)snprintf(text, sizeof text, "unit %s: failed to start: ", name);
        const char *line = strstr(scene_log(s), text);
        assert_non_null(line);
        assert_non_null(strstr(line, rows[i].said));
        assert_true(strchr(line, '\n') > strstr(line, rows[i].said));
    }
    expect_report(s, "bad-lines", "env.GOOD", "yes"); /* S36: bad lines are skipped */
    expect_stop(s, 0);
    scene_end(s);
}

/* ---- large sets ----
 * A shell writes them to the box's /run, which is memory, checks them, and becomes container-init. */

#define WRITE(body)                                                                                                    \
    "perl -e 'sub put { open F, \">\", \"/run/bulk/$_[0]\" or die; print F $_[1]; close F } " body "' && "

static void boot_bulk(struct scene *s, const char *write)
{
    char script[1024];
    struct scene_spec spec = SCENE_SPEC_DEFAULT;
    (void)snprintf(
        script, sizeof script,
        "mkdir /run/bulk && %s{ \"$@\" --validate > /scene/check 2>&1; echo left with $? >> /scene/check; } && "
        "exec \"$@\"",
        write);
    const char *const prefix[] = { "/bin/sh", "-c", script, "sh" };
    for (size_t i = 0; i < COUNT_OF(prefix); i++) spec.prefix[i] = prefix[i];
    spec.args[0] = "--units=/run/bulk";
    spec.no_trace = true;
    scene_boot(s, &spec);
}

static void expect_checked(struct scene *s, const char *said, int status)
{
    char want[64];
    (void)snprintf(want, sizeof want, "left with %d\n", status);
    scene_wait_file(s, "check", want);
    scene_wait_file(s, "check", said);
}

/* 10,000 units; targets, so that no machine has to hold 10,000 processes. */
static void test_many_units(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    boot_bulk(s, WRITE("put(sprintf(\"n%05d.target\", $_), \"[Unit]\\nDescription=$_\\n\") for 0 .. 9999; "
                       "put(\"last.service\", \"[Unit]\\nAfter=n09999.target\\n[Service]\\nType=oneshot\\n"
                       "ExecStart=" ACTOR " mark /scene/last x\\n\")"));
    assert_int_equal(scene_exit_code(s), 0);
    expect_checked(s, "units=10001 warnings=0 ", 0);
    scene_wait_file(s, "last", "x");
    scene_end(s);
}

/* A chain of 5,000 After= and Requires=, from a service at its beginning to one at its end. */
static void test_deep_chain(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    boot_bulk(s,
              WRITE("$p = \"first.service\"; for (0 .. 4999) { $n = sprintf(\"n%05d.target\", $_); "
                    "put($n, \"[Unit]\\nAfter=$p\\nRequires=$p\\n\"); $p = $n } "
                    "$x = \"[Service]\\nType=oneshot\\nRemainAfterExit=yes\\nExecStart=" ACTOR " mark /scene/order\"; "
                    "put(\"first.service\", \"$x first\\n\"); "
                    "put(\"end.service\", \"[Unit]\\nAfter=$p\\n$x end\\n\")"));
    scene_wait_file(s, "order", " end\n");
    expect_checked(s, "units=5002 warnings=0 ", 0);
    char *order = scene_read(s, "order");
    assert_true(strstr(order, " first\n") && strstr(order, " first\n") < strstr(order, " end\n"));
    free(order);
    expect_stop(s, 0);
    scene_end(s);
}

/* The same closed to a ring is refused. */
static void test_deep_ring(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    boot_bulk(s, WRITE("put(\"n$_.target\", \"[Unit]\\nAfter=n\" . ($_ + 1) % 5000 . \".target\\n\") for 0 .. 4999"));
    assert_int_equal(scene_exit_code(s), 64);
    expect_checked(s, "dependency cycle in unit set: ", 64);
    expect_log(s, "container-init: supervisor: dependency cycle in unit set: ");
    scene_end(s);
}

int main(void)
{
    scene_skip_unless_possible();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ignored),           cmocka_unit_test(test_refused),    cmocka_unit_test(test_unreadable),
        cmocka_unit_test(test_environment_files), cmocka_unit_test(test_many_units), cmocka_unit_test(test_deep_chain),
        cmocka_unit_test(test_deep_ring),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
