#include "unit/search.h"

#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include "tests/unit/scratch_dir.h"

#include "base/arena.h"
#include "base/diag.h"
#include "base/str.h"

struct fixture {
    struct scratch dir;
    char base[96], derived[96];
    struct arena *arena;
    struct diag_sink *diags;
    struct search *search;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    scratch_init(&f->dir);
    scratch_mkdir(&f->dir, "base");
    scratch_mkdir(&f->dir, "derived");
    (void)snprintf(f->base, sizeof f->base, "%s/base", f->dir.root);
    (void)snprintf(f->derived, sizeof f->derived, "%s/derived", f->dir.root);
    f->arena = arena_new();
    f->diags = diag_sink_new();
    assert_non_null(f->arena);
    assert_non_null(f->diags);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    search_free(f->search);
    diag_sink_free(f->diags);
    arena_free(f->arena);
    scratch_done(&f->dir);
    free(f);
    return 0;
}

static void search_both(struct fixture *f)
{
    const char *const directories[] = { f->base, f->derived, NULL };
    assert_int_equal(search_new(&(struct search_options){ .directories = directories }, f->arena, f->diags, &f->search),
                     0);
}

/* Fails unless exactly one diagnostic has this code and mentions this text. */
static void assert_diag(const struct fixture *f, enum severity severity, const char *code, const char *text)
{
    size_t found = 0;
    for (size_t i = 0; i < diag_total(f->diags); i++) {
        const struct diag *d = diag_get(f->diags, i);
        if (strcmp(d->code, code) != 0 || !(strstr(d->message, text) || strstr(d->at.file, text))) continue;
        assert_int_equal(d->severity, severity);
        found++;
    }
    if (found != 1) fail_msg("%zu diagnostics %s with '%s'", found, code, text);
}

static void test_names_and_order(void **state)
{
    struct fixture *f = *state;
    scratch_write(&f->dir, "base/web.service", "x");
    scratch_write(&f->dir, "base/db.socket", "x");
    scratch_write(&f->dir, "derived/all.target", "x");
    scratch_write(&f->dir, "base/README", "x");
    scratch_write(&f->dir, "base/.hidden.service", "x");
    search_both(f);
    assert_int_equal(search_count(f->search), 3);
    assert_string_equal(search_get(f->search, 0)->name, "all.target");
    assert_string_equal(search_get(f->search, 1)->name, "db.socket");
    assert_string_equal(search_get(f->search, 2)->name, "web.service");
    assert_ptr_equal(search_find(f->search, "db.socket"), search_get(f->search, 1));
    assert_null(search_find(f->search, "x.service"));
    assert_diag(f, DIAG_NOTE, "ignored-file", "README");
    assert_int_equal(diag_total(f->diags), 1);
}

/* S23, K100 */
static void test_later_directory_replaces(void **state)
{
    struct fixture *f = *state;
    char want[160];
    scratch_write(&f->dir, "base/web.service", "x");
    scratch_write(&f->dir, "derived/web.service", "y");
    search_both(f);
    assert_int_equal(search_count(f->search), 1);
    const struct search_file *file = search_get(f->search, 0);
    (void)snprintf(want, sizeof want, "%s/web.service", f->derived);
    assert_string_equal(file->path, want);
    (void)snprintf(want, sizeof want, "%s/web.service", f->base);
    assert_string_equal(file->replaced_path, want);
    const char *data;
    size_t size;
    assert_int_equal(search_read(f->search, file, &data, &size), 0);
    assert_int_equal(size, 1);
    assert_int_equal(data[0], 'y');
}

/* S22 */
static void test_directories(void **state)
{
    struct fixture *f = *state;
    char slashed[128], missing[128], file[128];
    scratch_write(&f->dir, "base/web.service", "x");
    scratch_write(&f->dir, "file", "x");
    (void)snprintf(slashed, sizeof slashed, "%s//", f->base);
    (void)snprintf(missing, sizeof missing, "%s/missing", f->dir.root);
    (void)snprintf(file, sizeof file, "%s/file", f->dir.root);
    const char *const directories[] = { "", missing, f->base, slashed, file, NULL };
    assert_int_equal(search_new(&(struct search_options){ .directories = directories }, f->arena, f->diags, &f->search),
                     0);
    assert_int_equal(search_count(f->search), 1);
    assert_null(search_get(f->search, 0)->replaced_path); /* one directory named twice replaces nothing */
    assert_diag(f, DIAG_ERROR, "unreadable-directory", "/file");
    assert_int_equal(diag_total(f->diags), 1);
}

static void test_unreadable_directory(void **state)
{
    struct fixture *f = *state;
    bool root = geteuid() == 0;
    scratch_write(&f->dir, "base/web.service", "x");
    assert_int_equal(chmod(f->derived, 0), 0);
    assert_int_equal(chmod(f->dir.root, 0755), 0);
    if (root) assert_int_equal(seteuid(65534), 0);
    search_both(f);
    if (root) assert_int_equal(seteuid(0), 0);
    assert_int_equal(chmod(f->derived, 0755), 0);
    assert_int_equal(search_count(f->search), 1);
    assert_diag(f, DIAG_ERROR, "unreadable-directory", "/derived");
    assert_int_equal(diag_total(f->diags), 1);
}

/* K94: what is no regular file is named and passed over, and the rest goes on. */
static void test_hostile_entries(void **state)
{
    struct fixture *f = *state;
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    scratch_write(&f->dir, "base/good.service", "x");
    assert_int_equal(mkfifo(scratch_path(&f->dir, "base/fifo.service"), 0644), 0);
    scratch_link(&f->dir, "nowhere.service", "base/dangling.service");
    scratch_link(&f->dir, "loop.service", "base/loop.service");
    scratch_link(&f->dir, "/dev/zero", "base/device.service");
    scratch_mkdir(&f->dir, "base/directory.service");
    scratch_mkdir(&f->dir, "base/good.service.wants");
    scratch_write(&f->dir, "base/odd name.service", "x");
    scratch_write(&f->dir, "base/odd\x01\xff.service", "x");
    scratch_write(&f->dir, "base/@.service", "x");
    scratch_write(&f->dir, "base/x.scope", "x");
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const char *node = scratch_path(&f->dir, "base/node.service");
    assert_true(strlen(node) < sizeof address.sun_path);
    memcpy(address.sun_path, node, strlen(node) + 1);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(close(fd), 0);
    search_both(f);
    assert_int_equal(search_count(f->search), 1);
    assert_diag(f, DIAG_WARNING, "not-a-regular-file", "'fifo.service' is a FIFO");
    assert_diag(f, DIAG_WARNING, "not-a-regular-file", "'node.service' is a socket");
    assert_diag(f, DIAG_WARNING, "not-a-regular-file", "'device.service' is a device");
    assert_diag(f, DIAG_WARNING, "not-a-regular-file", "'directory.service' is a directory");
    assert_diag(f, DIAG_WARNING, "dangling-link", "'dangling.service'");
    assert_diag(f, DIAG_WARNING, "dangling-link", "'loop.service'");
    assert_diag(f, DIAG_WARNING, "bad-unit-name", "'odd name.service'");
    assert_diag(f, DIAG_WARNING, "bad-unit-name", "'odd\\x01\\xff.service'");
    assert_diag(f, DIAG_WARNING, "bad-unit-name", "'@.service'");
    assert_diag(f, DIAG_NOTE, "ignored-file", "good.service.wants");
    assert_diag(f, DIAG_NOTE, "ignored-file", "x.scope");
    assert_int_equal(diag_total(f->diags), 11);
}

/* The type of a file may change between the listing and the open. */
static void test_read_errors(void **state)
{
    struct fixture *f = *state;
    const char *data;
    size_t size;
    scratch_write(&f->dir, "base/gone.service", "x");
    scratch_write(&f->dir, "base/fifo.service", "x");
    scratch_write(&f->dir, "base/large.service", "x");
    search_both(f);
    assert_int_equal(unlink(scratch_path(&f->dir, "base/gone.service")), 0);
    assert_int_equal(unlink(scratch_path(&f->dir, "base/fifo.service")), 0);
    assert_int_equal(mkfifo(scratch_path(&f->dir, "base/fifo.service"), 0644), 0);
    assert_int_equal(truncate(scratch_path(&f->dir, "base/large.service"), ((off_t)16 << 20) + 1), 0);
    assert_int_equal(search_read(f->search, search_find(f->search, "gone.service"), &data, &size), -ENOENT);
    assert_int_equal(search_read(f->search, search_find(f->search, "fifo.service"), &data, &size), -ENXIO);
    assert_int_equal(search_read(f->search, search_find(f->search, "large.service"), &data, &size), -EFBIG);
    assert_int_equal(truncate(scratch_path(&f->dir, "base/large.service"), (off_t)16 << 20), 0);
    assert_int_equal(search_read(f->search, search_find(f->search, "large.service"), &data, &size), 0);
    assert_int_equal(size, (size_t)16 << 20);
}

static void test_links(void **state)
{
    struct fixture *f = *state;
    char absolute[160];
    scratch_write(&f->dir, "base/web.service", "x");
    scratch_write(&f->dir, "base/tty@.service", "x");
    scratch_write(&f->dir, "elsewhere.service", "x");
    scratch_link(&f->dir, "web.service", "base/www.service");
    scratch_link(&f->dir, "../base/web.service", "derived/up.service");
    (void)snprintf(absolute, sizeof absolute, "%s/web.service", f->base);
    scratch_link(&f->dir, absolute, "derived/absolute.service");
    scratch_link(&f->dir, absolute, "derived/web.service");
    scratch_link(&f->dir, "tty@.service", "base/tty@1.service");
    scratch_link(&f->dir, "../elsewhere.service", "base/outside.service");
    scratch_link(&f->dir, "/dev/null", "base/masked.service");
    search_both(f);
    assert_int_equal(diag_total(f->diags), 0);
    assert_string_equal(search_find(f->search, "www.service")->alias_of, "web.service");
    assert_string_equal(search_find(f->search, "up.service")->alias_of, "web.service");
    assert_string_equal(search_find(f->search, "absolute.service")->alias_of, "web.service");
    assert_null(search_find(f->search, "web.service")->alias_of);
    assert_non_null(search_find(f->search, "web.service")->replaced_path);
    assert_null(search_find(f->search, "tty@1.service")->alias_of);
    assert_null(search_find(f->search, "outside.service")->alias_of);
    assert_true(search_find(f->search, "masked.service")->masked);
}

static void test_dropins(void **state)
{
    struct fixture *f = *state;
    static const char *const paths[] = {
        "base/web-app.service.d/10-a.conf",    "base/web-app.service.d/30-c.conf",
        "derived/web-app.service.d/20-b.conf", "derived/web-app.service.d/30-c.conf",
        "base/web-.service.d/15-p.conf",       "base/web-.service.d/10-a.conf",
        "base/service.d/05-all.conf",          "base/tty@.service.d/10-t.conf",
        "base/tty@1.service.d/20-i.conf",      "base/nobody.service.d/10-x.conf",
        "base/web-app.service.d/README",
    };
    static const struct {
        const char *unit, *want;
    } cases[] = {
        { "web-app.service",
          "base/service.d/05-all.conf base/web-app.service.d/10-a.conf base/web-.service.d/15-p.conf "
          "derived/web-app.service.d/20-b.conf derived/web-app.service.d/30-c.conf" },
        { "web-other.service",
          "base/service.d/05-all.conf base/web-.service.d/10-a.conf base/web-.service.d/15-p.conf" },
        { "web.service", "base/service.d/05-all.conf" },
        { "tty@1.service", "base/service.d/05-all.conf base/tty@.service.d/10-t.conf base/tty@1.service.d/20-i.conf" },
        { "tty@2.service", "base/service.d/05-all.conf base/tty@.service.d/10-t.conf" },
        { "web-app.socket", "" },
    };
    for (size_t i = 0; i < COUNT_OF(paths); i++) {
        char directory[128];
        (void)snprintf(directory, sizeof directory, "%.*s", (int)(strrchr(paths[i], '/') - paths[i]), paths[i]);
        scratch_mkdir(&f->dir, directory);
        scratch_write(&f->dir, paths[i], "x");
    }
    search_both(f);
    assert_diag(f, DIAG_NOTE, "ignored-file", "README");
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct search_file **files;
        size_t count;
        AUTO_STR struct str got = STR_EMPTY;
        print_message("  %s\n", cases[i].unit);
        assert_int_equal(search_side_files(f->search, ".d", &cases[i].unit, 1, &files, &count), 0);
        for (size_t k = 0; k < count; k++)
            assert_int_equal(str_appendf(&got, "%s%s", k ? " " : "", files[k]->path + strlen(f->dir.root) + 1), 0);
        free(files);
        assert_string_equal(str_text(&got), cases[i].want);
    }
    search_report_unused(f->search, f->diags);
    assert_diag(f, DIAG_NOTE, "unused-drop-in", "nobody.service.d");
    assert_int_equal(diag_total(f->diags), 2);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_names_and_order), TEST(test_later_directory_replaces),
        TEST(test_directories),     TEST(test_unreadable_directory),
        TEST(test_hostile_entries), TEST(test_read_errors),
        TEST(test_links),           TEST(test_dropins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
