/* tests/e2e/test_directories.c - RuntimeDirectory= and its like: made, owned, moded, kept or removed. */
#include "tests/e2e/expect.h"
#include "tests/e2e/harness_internal.h"
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct {
    const char *setting, *mode_setting, *below, *variable;
} kinds[] = {
    { "RuntimeDirectory=", "RuntimeDirectoryMode=", "/run", "RUNTIME_DIRECTORY" },
    { "StateDirectory=", "StateDirectoryMode=", "/var/lib", "STATE_DIRECTORY" },
    { "CacheDirectory=", "CacheDirectoryMode=", "/var/cache", "CACHE_DIRECTORY" },
    { "LogsDirectory=", "LogsDirectoryMode=", "/var/log", "LOGS_DIRECTORY" },
    { "ConfigurationDirectory=", "ConfigurationDirectoryMode=", "/etc", "CONFIGURATION_DIRECTORY" },
};

static bool look(struct scene *s, const char *path, struct stat *st)
{
    char buffer[PATH_MAX];
    return lstat(box_path(scene_box(s), path, buffer), st) == 0;
}

static void expect_directory(struct scene *s, const char *path, unsigned mode, unsigned owner)
{
    struct stat st;
    if (!look(s, path, &st)) scene_fail(s, "%s is not there", path);
    if (!S_ISDIR(st.st_mode) || (st.st_mode & 07777) != mode || st.st_uid != owner || st.st_gid != owner)
        scene_fail(s, "%s: mode %o, owner %u:%u; expected a directory with %o, %u", path, (unsigned)st.st_mode,
                   st.st_uid, st.st_gid, mode, owner);
}

static void test_made(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    char text[1024], name[64], path[128], want[256];
    scene_user(s, "app", 4711, "/home/app");
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        (void)snprintf(text, sizeof text,
                       "[Service]\nUser=app\n%sone-%zu two-%zu/deep\n%s0750\n"
                       "ExecStart=/usr/local/bin/actor report /scene/%s -- sleep\n",
                       kinds[i].setting, i, i, kinds[i].mode_setting, kinds[i].setting);
        (void)snprintf(name, sizeof name, "dir-%zu.service", i);
        scene_unit(s, name, text);
    }
    scene_unit(s, "plain.service",
               "[Service]\nRuntimeDirectory=plain\nUMask=0077\nExecStart=/usr/local/bin/actor report /scene/plain -- "
               "sleep\n");
    scene_boot(s, NULL);
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        print_message("  %s, %s\n", kinds[i].setting, kinds[i].mode_setting);
        (void)snprintf(name, sizeof name, "env.%s", kinds[i].variable);
        (void)snprintf(want, sizeof want, "%s/one-%zu:%s/two-%zu/deep", kinds[i].below, i, kinds[i].below, i);
        expect_report(s, kinds[i].setting, name, want);
        unsigned owner =
            strcmp(kinds[i].below, "/etc") == 0 ? 0 : 4711; /* systemd.exec(5): configuration stays root's */
        (void)snprintf(path, sizeof path, "%s/one-%zu", kinds[i].below, i);
        expect_directory(s, path, 0750, owner);
        (void)snprintf(path, sizeof path, "%s/two-%zu/deep", kinds[i].below, i);
        expect_directory(s, path, 0750, owner);
    }
    print_message("  the default mode is 0755 under any UMask=\n");
    expect_report(s, "plain", "umask", "0077");
    expect_directory(s, "/run/plain", 0755, 0);
    expect_stop(s, 0);
    scene_end(s);
}

/* The runtime directory goes with its unit, others stay; Preserve= says otherwise. */
static void test_preserve(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    static const struct {
        const char *name, *setting;
        bool after_restart, after_end;
    } rows[] = {
        { "removed", "RuntimeDirectoryPreserve=no", false, false },
        { "restart", "RuntimeDirectoryPreserve=restart", true, false },
        { "kept", "RuntimeDirectoryPreserve=yes", true, true },
    };
    char text[1024], name[64], path[128];
    struct stat st;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        /* Each start reports what the run before left, fails once, then ends well. */
        (void)snprintf(text, sizeof text,
                       "[Service]\nRuntimeDirectory=%s\n%s\nRestart=on-failure\nRestartSec=1ms\n"
                       "ExecStartPre=/bin/sh -c 'echo $(ls /run/%s) >> /scene/%s-saw'\n"
                       "ExecStart=/usr/local/bin/actor mark /run/%s/file x -- crash /scene/%s-count 2\n",
                       rows[i].name, rows[i].setting, rows[i].name, rows[i].name, rows[i].name, rows[i].name);
        (void)snprintf(name, sizeof name, "%s.service", rows[i].name);
        scene_unit(s, name, text);
    }
    scene_unit(s, "state.service",
               "[Service]\nType=oneshot\nStateDirectory=stays\nExecStart=/usr/local/bin/actor mark /var/lib/stays/file "
               "x\n");
    struct scene_spec spec = SCENE_SPEC_DEFAULT;
    spec.args[0] = "--stay";
    scene_boot(s, &spec);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        print_message("  %s\n", rows[i].setting);
        (void)snprintf(name, sizeof name, "%s.service", rows[i].name);
        scene_wait_event(s, "unit_state", name, "active", "inactive", "sub", "dead", NULL);
        (void)snprintf(name, sizeof name, "%s-saw", rows[i].name);
        expect_file(s, name, rows[i].after_restart ? "\nfile\n" : "\n\n");
    }
    scene_wait_event(s, "unit_state", "state.service", "active", "inactive", NULL);
    scene_wait_log(s, "unit kept.service: ended");
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        (void)snprintf(name, sizeof name, "unit %s.service: ended", rows[i].name);
        scene_wait_log(s, name);
        (void)snprintf(path, sizeof path, "/run/%s", rows[i].name);
        assert_int_equal(look(s, path, &st), rows[i].after_end);
    }
    assert_true(look(s, "/var/lib/stays/file", &st));
    expect_stop(s, 0);
    scene_end(s);
}

/* A directory that cannot be made fails the start with systemd's exit status, and says which. */
static void test_refused(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    scene_file(s, "/var/lib/taken", 0644, "a file");
    scene_unit(s, "taken.service", "[Service]\nStateDirectory=taken\nExecStart=/usr/local/bin/actor sleep\n");
    scene_boot(s, NULL);
    scene_wait_event(s, "exited", "taken.service", "failed", "true", "err", "exit code 238", NULL);
    assert_int_equal(scene_exit_code(s), 0);
    expect_log(s, "/var/lib/taken");
    scene_end(s);
}

int main(void)
{
    scene_skip_unless_possible();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_made),
        cmocka_unit_test(test_preserve),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
