/* tests/e2e/test_fd_store.c - FDSTORE=1: descriptors that a service leaves with us and gets back. */
#include "tests/e2e/expect.h"
#include "tests/e2e/life.h"

static void end_well(struct scene *s)
{
    scene_stop(s, SIGTERM);
    assert_int_equal(scene_exit_code(s), 0);
    scene_end(s);
}

/* The first run stores, and dies when /scene/go is there; each run tells what it was passed. */
#define STORES(name) "ExecStart=/usr/local/bin/store " name "\n"

static void with_store(struct scene *s, const char *stores)
{
    char text[1024];
    (void)snprintf(text, sizeof text,
                   "#!/bin/sh\n" ACTOR " passed /scene/$1\n"
                   "test -e /scene/$1.stored && exec " ACTOR " report /scene/$1.report -- notify READY=1 -- sleep\n"
                   "touch /scene/$1.stored\n"
                   "%s"
                   "exec " ACTOR
                   " notify-barrier -- notify READY=1 -- exec /bin/sh -c \"until test -e /scene/go; do sleep "
                   "0.02; done; kill -KILL \\$\\$\"\n",
                   stores);
    scene_file(s, "/usr/local/bin/store", 0755, text);
}

/* Kept over a restart, with names, behind the sockets'; names that cannot be are replaced. */
static void test_restart(void **state)
{
    struct scene *s = scene_new();
    with_store(s, ACTOR " notify-store a 2 -- notify-store b:c 1 -- notify-store b 1\n");
    scene_unit(s, "app.service",
               "[Service]\nType=notify\nNotifyAccess=all\nFileDescriptorStoreMax=8\nRestart=always\n" STORES("app"));
    scene_unit(s, "with.service",
               "[Service]\nType=notify\nNotifyAccess=all\nFileDescriptorStoreMax=8\nRestart=always\n"
               "Sockets=with.socket\n" STORES("with"));
    scene_unit(s, "with.socket", "[Socket]\nListenStream=/run/with\nFileDescriptorName=front\n");
    life_boot(s, state);
    life_wait_state(s, "app.service", "running");
    close(scene_connect(s, "unix:/run/with"));
    life_wait_state(s, "with.service", "running");
    scene_wait_event(s, "fd_store", "app.service", "count", "4", NULL);
    scene_wait_log(s, "FDNAME= is not usable");
    life_touch(s, "go");
    scene_wait_file(s, "app.report", "env.");
    scene_wait_file(s, "with.report", "env.");
    expect_file(s, "app", "nothing\na=a 0, a=a 1, stored=b:c 0, b=b 0\n");
    expect_file(s, "with", "front\nfront, a=a 0, a=a 1, stored=b:c 0, b=b 0\n");
    expect_report(s, "app.report", "env.LISTEN_FDS", "4");
    expect_report(s, "app.report", "env.LISTEN_FDNAMES", "a:a:stored:b");
    expect_report(s, "app.report", "env.FDSTORE", "8");
    char *pid = scene_report(s, "app.report", "pid");
    expect_report(s, "app.report", "env.LISTEN_PID", pid);
    free(pid);
    end_well(s);
}

/* FDSTOREREMOVE=1, the bound, twice the same file, what reports its end (and FDPOLL=0: what shall stay). */
static void test_contents(void **state)
{
    struct scene *s = scene_new();
    with_store(s, ACTOR " notify-store a 2 -- notify-store b 1 -- notify FDSTOREREMOVE=1\\\\nFDNAME=a -- notify "
                        "FDSTOREREMOVE=1 -- notify FDSTOREREMOVE=1\\\\nFDNAME=none\n" ACTOR
                        " notify-store-pipe gone -- notify-barrier -- pause 100\n" ACTOR
                        " notify-store kept 1 FDPOLL=0 -- notify-store much 9\n");
    scene_unit(s, "app.service",
               "[Service]\nType=notify\nNotifyAccess=all\nFileDescriptorStoreMax=4\nRestart=always\n" STORES("app"));
    scene_unit(s, "none.service", "[Service]\nType=notify\nNotifyAccess=all\nRestart=always\n" STORES("none"));
    life_boot(s, state);
    life_wait_state(s, "app.service", "running");
    life_wait_state(s, "none.service", "running");
    life_touch(s, "go");
    scene_wait_file(s, "app.report", "env.");
    scene_wait_file(s, "none.report", "env.");
    expect_file(s, "app", "nothing\nb=b 0, kept=kept 0, much=much 0, much=much 1\n");
    expect_file(s, "none", "nothing\nnothing\n");
    scene_wait_log(s, "app.service: descriptor not stored: FileDescriptorStoreMax= is reached");
    scene_wait_log(s, "app.service: FDSTOREREMOVE=1 needs a usable FDNAME=");
    expect_report(s, "none.report", "env.FDSTORE", NULL);
    end_well(s);
}

/* A unit that a connection to /run/WHAT-NAME starts, and which takes it. */
static void connected_unit(struct scene *s, const char *what, const char *name, const char *relation)
{
    char unit[128], text[512];
    (void)snprintf(unit, sizeof unit, "%s-%s.socket", what, name);
    (void)snprintf(text, sizeof text, "[Socket]\nListenStream=/run/%s-%s\n", what, name);
    scene_unit(s, unit, text);
    (void)snprintf(unit, sizeof unit, "%s-%s.service", what, name);
    (void)snprintf(
        text, sizeof text,
        "[Unit]\n%s=%s.service\nAfter=%s.service\n[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=" ACTOR
        " listen-once\n",
        relation, name, name);
    scene_unit(s, unit, text);
}

static void connect_to(struct scene *s, const char *what, const char *name)
{
    char address[128];
    (void)snprintf(address, sizeof address, "unix:/run/%s-%s", what, name);
    close(scene_connect(s, address));
}

/* FileDescriptorStorePreserve=: no forgets at the end of each run, restart at a stop, yes never. */
static void test_preserve(void **state)
{
    static const struct {
        const char *name, *setting, *after_restart, *after_stop;
    } rows[] = {
        { "no", "FileDescriptorStorePreserve=no\n", "nothing\n", "nothing\n" },
        { "default", "", "a=a 0\n", "nothing\n" },
        { "restart", "FileDescriptorStorePreserve=restart\n", "a=a 0\n", "nothing\n" },
        { "yes", "FileDescriptorStorePreserve=yes\n", "a=a 0\n", "a=a 0\n" },
    };
    struct scene *s = scene_new();
    with_store(s, ACTOR " notify-store a 1\n");
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char unit[64], text[512];
        (void)snprintf(unit, sizeof unit, "%s.service", rows[i].name);
        (void)snprintf(text, sizeof text,
                       "[Service]\nType=notify\nNotifyAccess=all\nFileDescriptorStoreMax=4\nRestart=on-failure\n%s"
                       "ExecStart=/usr/local/bin/store %s\n",
                       rows[i].setting, rows[i].name);
        scene_unit(s, unit, text);
        connected_unit(s, "stop", rows[i].name, "Conflicts");
        connected_unit(s, "again", rows[i].name, "Wants");
    }
    life_boot(s, state);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char unit[64];
        (void)snprintf(unit, sizeof unit, "%s.service", rows[i].name);
        life_wait_state(s, unit, "running");
    }
    life_touch(s, "go");
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char unit[64], stop[64], want[128];
        print_message("  %s\n", rows[i].name);
        (void)snprintf(unit, sizeof unit, "%s.service", rows[i].name);
        scene_wait_nth_event(s, 2, "unit_state", unit, "sub", "running", NULL);
        connect_to(s, "stop", rows[i].name);
        (void)snprintf(stop, sizeof stop, "stop-%s.service", rows[i].name);
        life_wait_state(s, stop, "exited"); /* it has taken its connection */
        connect_to(s, "again", rows[i].name);
        scene_wait_nth_event(s, 3, "unit_state", unit, "sub", "running", NULL);
        (void)snprintf(want, sizeof want, "nothing\n%s%s", rows[i].after_restart, rows[i].after_stop);
        expect_file(s, rows[i].name, want);
    }
    end_well(s);
}

/* A restart that was asked for is a stop and a start, but the store waits for the start. */
static void test_restart_job(void **state)
{
    struct scene *s = scene_new();
    with_store(s, ACTOR " notify-store a 1\n");
    scene_unit(
        s, "app.service",
        "[Service]\nType=notify\nNotifyAccess=all\nFileDescriptorStoreMax=4\nExecStart=/usr/local/bin/store app\n");
    life_boot(s, state);
    life_wait_state(s, "app.service", "running");
    const char *const restart[] = { "/usr/local/bin/container-init", "systemctl", "restart", "app.service", NULL };
    assert_int_equal(scene_exec(s, restart, NULL), 0);
    expect_file(s, "app", "nothing\na=a 0\n");
    end_well(s);
}

/* Files of the root file system and of a tmpfs are taken, and devices. */
static void test_files(void **state)
{
    struct scene *s = scene_new();
    with_store(s,
               ACTOR " notify-store-file root /etc/passwd -- notify-store-file tmpfs /scene/app -- notify-store-file "
                     "null /dev/null\n");
    scene_unit(s, "app.service",
               "[Service]\nType=notify\nNotifyAccess=all\nFileDescriptorStoreMax=9\nRestart=always\n" STORES("app"));
    life_boot(s, state);
    life_wait_state(s, "app.service", "running");
    scene_wait_event(s, "fd_store", "app.service", "count", "3", NULL);
    life_touch(s, "go");
    scene_wait_file(s, "app.report", "env.");
    expect_report(s, "app.report", "env.LISTEN_FDNAMES", "root:tmpfs:null");
    end_well(s);
}

/* K72: a file that may not answer is not taken, and closing it holds the sender, not PID 1. */
static void test_file_that_does_not_close(void **state)
{
    struct scene *s = scene_new();
    scene_file(s, "/usr/local/bin/stores", 0755,
               "#!/bin/sh\n" ACTOR " notify-store-file dead /run/stuck/file &\n"
               "until test -e /scene/go; do sleep 0.02; done\nexec " ACTOR
               " notify-barrier -- notify READY=1 -- sleep\n");
    scene_unit(s, "app.service",
               "[Service]\nType=notify\nNotifyAccess=all\nFileDescriptorStoreMax=9\nExecStart=/usr/local/bin/stores\n");
    scene_unit(s, "late.service", "[Unit]\nAfter=app.service\n[Service]\nExecStart=" ACTOR " sleep\n");
    struct scene_spec spec = life_spec(state);
    spec.box.setup = ACTOR " stuck-mount /run/stuck /scene/server </dev/null >/dev/null 2>&1";
    scene_boot(s, &spec);
    scene_wait_log(s, "app.service: descriptor not stored: its file system may not answer");
    life_touch(s, "go");
    life_wait_state(s, "late.service", "running");
    const char *const end[] = { "/bin/sh", "-c", "kill -KILL $(cat /scene/server)", NULL };
    assert_int_equal(scene_exec(s, end, NULL), 0);
    end_well(s);
}

static unsigned long count_descriptors(struct scene *s)
{
    struct str out = STR_EMPTY;
    const char *const list[] = { "/bin/sh", "-c", "ls /proc/1/fd | wc -l", NULL };
    assert_int_equal(scene_exec(s, list, &out), 0);
    unsigned long count = strtoul(str_text(&out), NULL, 10);
    str_done(&out);
    return count;
}

/* K89: a thousand restarts with a store, a watchdog and a notification descriptor leave as many descriptors as a few.
 */
static void test_no_leaks(void **state)
{
    struct scene *s = scene_new();
    scene_unit(s, "app.service",
               "[Service]\nType=notify\nFileDescriptorStoreMax=16\nRestart=always\nRestartSec=0\nNotifyFD=9\n"
               "FileDescriptorStorePreserve=no\nWatchdogSec=60\nExecStart=" ACTOR
               " notify-store a 3 -- notify-store b 2 -- notify STATUS=here -- notify FDSTOREREMOVE=1\\\\nFDNAME=b -- "
               "write 9 ready -- notify-barrier -- kill-self KILL\n");
    struct scene_spec spec = life_spec(state);
    spec.plain = true; /* a thousand times */
    scene_boot(s, &spec);
    scene_wait_nth_event(s, 20, "spawn", "app.service", NULL);
    unsigned long before = count_descriptors(s);
    scene_wait_nth_event(s, 1000, "spawn", "app.service", NULL);
    unsigned long after = count_descriptors(s);
    print_message("  %lu descriptors after 20 runs, %lu after 1000\n", before, after);
    if (before == 0 || after > before + 16)
        scene_fail(s, "%lu descriptors after 20 runs, %lu after 1000", before, after);
    end_well(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_restart),  cmocka_unit_test(test_contents),
        cmocka_unit_test(test_preserve), cmocka_unit_test(test_restart_job),
        cmocka_unit_test(test_files),    cmocka_unit_test(test_file_that_does_not_close),
        cmocka_unit_test(test_no_leaks),
    };
    scene_skip_unless_possible();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
