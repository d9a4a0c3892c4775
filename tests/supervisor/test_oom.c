/* supervisor/oom: a directory that looks like a leaf with the memory controller, as the kernel would keep it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cgroup/internal.h"
#include "cgroup/leaf.h"
#include "supervisor/manager.h"
#include "supervisor/oom.h"
#include "supervisor/service.h"

static void set_count(const char *dir, int oom_kill)
{
    char path[256], text[128];
    (void)snprintf(path, sizeof path, "%s/a.service/memory.events", dir);
    (void)snprintf(text, sizeof text, "low 0\nhigh 0\nmax 12\noom 3\noom_kill %d\noom_group_kill 0\n", oom_kill);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    assert_true(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
}

/* How often OOM was posted, once the loop has nothing more to tell. */
static size_t posted(struct manager *m)
{
    for (int i = 0; i < 5; i++) assert_int_equal(loop_wait(m->loop, false), 0);
    size_t n = m->events.count;
    for (size_t i = 0; i < n; i++) assert_int_equal(m->events.items[i].event, SERVICE_EVENT_OOM);
    m->events.count = 0;
    return n;
}

static const struct {
    const char *label;
    enum oom_policy policy;
    bool controller;
    bool noticed, group;
} rows[] = {
    { "OOMPolicy=stop", OOM_STOP, true, true, false },
    { "OOMPolicy=kill", OOM_KILL, true, true, true },
    { "OOMPolicy=continue", OOM_CONTINUE, true, false, false },
    { "no memory controller", OOM_STOP, false, false, false },
};

static void run_row(size_t row, const char *dir)
{
    struct cg_root root = { .base = fd_own(open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC)),
                            .path = strdup(dir),
                            .base_enabled = rows[row].controller ? 1U << CG_MEMORY : 0 };
    struct manager m = { .cgroup = &root };
    struct service_extra_section extra = { .oom_policy = (word_index)rows[row].policy };
    struct unit unit = { .name = "a.service", .service_extra = &extra };
    struct service s = { .base = { .manager = &m, .unit = &unit } };
    char path[256];
    assert_true(root.path && fd_is_open(&root.base));
    assert_int_equal(loop_new(&m.loop), 0);
    assert_int_equal(cg_leaf_create(&root, "a.service", &s.procs.leaf), 0);
    set_count(dir, 2); /* of an earlier run */
    (void)snprintf(path, sizeof path, "%s/a.service/memory.oom.group", dir);
    int group = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    assert_true(group >= 0);

    oom_begin(&s);
    assert_int_equal(posted(&m), 0);
    set_count(dir, 2); /* another line of the file has changed */
    assert_int_equal(posted(&m), 0);
    set_count(dir, 3);
    assert_int_equal(posted(&m), rows[row].noticed);
    set_count(dir, 5);
    oom_look(&s); /* before the notification was read */
    assert_int_equal(posted(&m), rows[row].noticed);
    char byte = 0;
    assert_int_equal(read(group, &byte, 1) == 1 && byte == '1', rows[row].group);
    close(group);

    oom_end(&s);
    set_count(dir, 9);
    assert_int_equal(posted(&m), 0);
    oom_watch_free(&m);
    vec_done(&m.events);
    (void)unlink(path);
    (void)snprintf(path, sizeof path, "%s/a.service/memory.events", dir);
    (void)unlink(path);
    assert_int_equal(cg_leaf_remove(s.procs.leaf), 0);
    cg_leaf_free(s.procs.leaf);
    loop_free(m.loop);
    fd_close(&root.base);
    free(root.path);
}

static void test_oom(void **state)
{
    char dir[] = "/tmp/test-oom-XXXXXX";
    (void)state;
    assert_non_null(mkdtemp(dir));
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        print_message("  %s\n", rows[i].label);
        run_row(i, dir);
    }
    assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_oom) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
