/* tests/e2e/test_control.c - the control interface: systemctl's verbs against a running container-init. */
#include "tests/e2e/expect.h"
#include "tests/e2e/life.h"
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define SYSTEMCTL "/usr/local/bin/systemctl"
#define SLEEP     "[Service]\nExecStart=" ACTOR " sleep\n"

/* systemctl ARGUMENTS in the box: the exit status, and what it printed. */
static int systemctl(struct scene *s, const char *arguments, struct str *ret_output)
{
    char script[512];
    (void)snprintf(script, sizeof script, "exec " SYSTEMCTL " %s 2>&1", arguments);
    const char *const argv[] = { "/bin/sh", "-c", script, NULL };
    return scene_exec(s, argv, ret_output);
}

static void expect_systemctl(struct scene *s, const char *arguments, int status, const char *text)
{
    struct str output = STR_EMPTY;
    int got = systemctl(s, arguments, &output);
    bool same = got == status && (!text || (*text ? strstr(str_text(&output), text) != NULL : output.length == 0));
    if (!same)
        (void)fprintf(stderr, "systemctl %s: status %d, expected %d; output:\n%s\nexpected: %s\n", arguments, got,
                      status, str_text(&output), text ? text : "anything");
    str_done(&output);
    if (!same) scene_fail(s, "systemctl %s", arguments);
}

struct ask {
    const char *arguments;
    int status;
    const char *text; /* somewhere in the output; "": no output; NULL: any */
};

static void expect_all(struct scene *s, const struct ask *asks, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        print_message("  systemctl %s\n", asks[i].arguments);
        expect_systemctl(s, asks[i].arguments, asks[i].status, asks[i].text);
    }
}

/* The program by the name that scripts call. */
static void install(struct scene *s)
{
    char where[512];
    scene_file(s, "/usr/local/bin/.keep", 0644, "");
    (void)snprintf(where, sizeof where, "%s/root" SYSTEMCTL, scene_dir(s));
    assert_int_equal(symlink("container-init", where), 0);
}

static struct scene *boot(void **state)
{
    struct scene *s = scene_new();
    install(s);
    scene_unit(s, "web.service",
               "[Unit]\nDescription=A web thing\nDocumentation=man:web(8)\n[Service]\nType=notify\nExecStart=" ACTOR
               " notify \"READY=1\\nSTATUS=all is well\\nERRNO=2\" -- sleep\nExecReload=/bin/sh -c 'echo reloaded >> "
               "/scene/reloads'\n");
    scene_unit(s, "worker.service", SLEEP);
    scene_unit(s, "bad.service", "[Service]\nType=oneshot\nExecStart=/bin/false\n");
    scene_unit(s, "once.service", "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\n");
    scene_unit(s, "lazy.socket", "[Socket]\nListenStream=/run/lazy\n");
    scene_unit(s, "lazy.service", SLEEP);
    scene_unit(s, "only.service", "[Unit]\nRefuseManualStop=yes\nRefuseManualStart=yes\n" SLEEP);
    scene_unit(s, "needy.service", "[Unit]\nRequires=bad.service\nAfter=bad.service\n" SLEEP);
    scene_unit(s, "masked.service", "");
    scene_unit(s, "later.timer", "[Timer]\nOnActiveSec=1h\n");
    scene_unit(s, "later.service", SLEEP);
    BOOT_WITH(s, state, "--stay");
    (void)scene_wait_event(s, "startup_finished", NULL, NULL);
    return s;
}

/* The verbs, their texts and exit statuses, as systemctl(1) and LSB have them; K98: is-active and status agree. */
static const struct ask verbs[] = {
    { "is-active web", 0, "active" },
    { "status web", 0, "Active: active (running) since " },
    { "status web.service", 0, "Main PID: " },
    { "is-active bad", 3, "failed" },
    { "status bad", 3, "Active: failed (failed) (Result: exit-code)" },
    { "status bad", 3, "(code=exited, status=1/FAILURE)" },
    { "is-active once", 0, "active" },
    { "status once", 0, "Active: active (exited)" },
    { "is-active lazy", 3, "inactive" },
    { "status lazy", 3, "TriggeredBy: \u25cf lazy.socket\n" },
    { "status later.timer", 0, "    Trigger: " },
    { "status later.timer", 0, "   Triggers: \u25cb later.service\n" },
    { "is-system-running", 1, "degraded\n" }, /* bad.service */
    { "show -p NFailedUnits,SystemState", 0, "NFailedUnits=1\nSystemState=degraded\n" },
    { "status lazy.socket", 0, "Active: active (listening)" },
    { "is-active nothere", 3, "inactive" },
    { "status nothere", 4, "Unit nothere.service could not be found." },
    { "is-active web bad", 0, "active\nfailed\n" }, /* one of them is enough */
    { "is-active -q web", 0, "" },
    { "is-failed bad", 0, "failed" },
    { "is-failed web", 1, "active" },
    { "show web -p ActiveState,SubState,NRestarts", 0, "ActiveState=active\nNRestarts=0\nSubState=running\n" },
    { "status web", 0, "     Status: \"all is well\"\n" },
    { "show web -p StatusText,StatusErrno", 0, "StatusErrno=2\nStatusText=all is well\n" },
    { "show -P Result bad", 0, "exit-code\n" },
    { "show -p ExecMainStatus,ExecMainCode --value bad", 0, "1\n1\n" },
    { "show nothere -p LoadState,ActiveState", 0, "ActiveState=inactive\nLoadState=not-found\n" },
    { "", 0, "web.service " },
    { "list-units --no-pager --no-legend --state=failed", 0, "bad.service " },
    { "list-units --failed --type=socket --no-legend", 0, "" },
    { "list-units 'w*' --plain --no-legend", 0, "web.service    loaded active running A web thing\nworker.service " },
    { "list-timers --no-legend", 0, " later.timer later.service\n" },
    { "show later.timer -p NextElapseUSecRealtime --value", 0, " UTC\n" },
    { "list-jobs", 0, "No jobs running." },
    { "list-jobs --json", 0, "[]" },
    { "status --output=json web", 0, "\"ActiveState\": \"active\"" },
    { "stop web", 0, "" },
    { "is-active web", 3, "inactive" },
    { "status web", 3, "Active: inactive (dead) since " },
    { "stop web", 0, "" }, /* nothing is left to do */
    { "try-restart web", 0, "" },
    { "is-active web", 3, "inactive" },
    { "reload web", 1, "web.service" }, /* not active, cannot reload */
    { "try-reload-or-restart web", 0, "" },
    { "is-active web", 3, "inactive" },
    { "start --job-mode=fail --no-ask-password web", 0, "" },
    { "is-active web", 0, "active" },
    { "restart web", 0, "" },
    { "reload web", 0, "" },
    { "reload-or-restart web once", 0, "" },
    { "reload once", 3, "Failed to reload once.service: " },
    { "start bad", 1,
      "Job for bad.service failed because the control process exited with error code.\nSee \"systemctl status "
      "bad.service\"" },
    { "start needy", 1, "A dependency job for needy.service failed." },
    { "start --no-block bad", 0, "" },
    { "start nothere", 5, "Failed to start nothere.service: Unit nothere.service not found." },
    { "start masked", 1, "Unit masked.service is masked." },
    { "start only", 4, "only.service" },
    { "stop only", 4, "only.service" },
    { "start --job-mode=sideways web", 1, "There is no such job mode." },
    { "start 'nothing*'", 0, "" },
    { "start ../etc", 5, "Unit ..-etc.service not found." },
    { "start", 1, "Too few arguments." },
    { "reset-failed bad", 0, "" },
    { "is-failed bad", 1, "inactive" },
    { "kill --signal=SIGKILL --kill-whom=main worker", 0, "" },
    { "kill -s 99 worker", 1, "Failed to parse signal string 99." },
    { "kill --kill-who=control worker", 1, "No such process" },
    { "kill lazy.socket", 1, "lazy.socket" },
    { "cancel 4000000000", 1, "Job 4000000000 does not exist." },
    { "daemon-reload", 1, "not available" },
    { "enable web", 1, "Unknown command verb enable." },
    { "--user status", 1, "there is one manager" },
    { "--frobnicate", 1, "unrecognized option '--frobnicate'" },
    { "--help", 0, "try-reload-or-restart" },
    { "--control=/run/nothing status", 1, "Failed to connect to container-init: No such file or directory" },
};

static void test_verbs(void **state)
{
    struct scene *s = boot(state);
    expect_all(s, verbs, COUNT_OF(verbs));
    expect_file(s, "reloads", "reloaded\nreloaded\n");
    (void)systemctl(s, "exit 7", NULL); /* whoever asks may be killed with the rest */
    assert_int_equal(scene_exit_code(s), 7);
    scene_end(s);
}

static void run_in_box(struct scene *s, const char *script)
{
    const char *const argv[] = { "/bin/sh", "-c", script, NULL };
    assert_int_equal(scene_exec(s, argv, NULL), 0);
}

/* Without a word the end of the job is waited for, whatever its length; --no-block does not. list-jobs shows what is
 * under way, cancel takes it away, and who waits for it is told. */
static void test_waiting(void **state)
{
    struct scene *s = scene_new();
    install(s);
    scene_unit(s, "slow.service",
               "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/sh -c 'read x < /run/gate'\n");
    scene_unit(s, "idle.service", SLEEP);
    struct scene_spec spec = life_spec(state);
    spec.args[0] = "--stay";
    spec.box.setup = "mkfifo /run/gate";
    scene_boot(s, &spec);
    life_wait_state(s, "slow.service", "start");
    static const struct ask while_it_starts[] = {
        { "is-active slow", 3, "activating" },
        { "status slow", 3, "Active: activating (start) since " },
        { "list-jobs --no-legend", 0, " slow.service start running\n" },
        { "restart idle", 0, "" },
    };
    expect_all(s, while_it_starts, COUNT_OF(while_it_starts));
    run_in_box(s, "(" SYSTEMCTL " start slow; " SYSTEMCTL " is-active slow) >/scene/started 2>&1 &");
    run_in_box(s, "echo >/run/gate");
    scene_wait_file(s, "started", "active\n");
    expect_systemctl(s, "restart --no-block slow", 0, "");
    run_in_box(s, "(" SYSTEMCTL " start slow; echo status $?) >/scene/canceled 2>&1 &");
    expect_systemctl(s, "list-jobs --no-legend", 0, " slow.service ");
    expect_systemctl(s, "cancel", 0, "");
    run_in_box(s, "echo >/run/gate");
    scene_wait_file(s, "canceled", "status ");
    expect_stop(s, 0);
    scene_end(s);
}

/* Everybody may look; only root and the user that container-init runs as may change anything. */
static void test_permissions(void **state)
{
    struct scene *s = boot(state);
    struct str output = STR_EMPTY;
    static const struct {
        const char *script;
        int status;
        const char *text;
    } asks[] = {
        { "is-active web", 0, "active" },       { "status web", 0, "Active: active (running)" },
        { "list-jobs", 0, "No jobs running." }, { "stop web", 4, "Failed to stop: Access denied" },
        { "kill web", 4, "Access denied" },     { "exit 3", 4, "Access denied" },
        { "reset-failed", 4, "Access denied" }, { "cancel", 4, "Access denied" },
    };
    for (size_t i = 0; i < COUNT_OF(asks); i++) {
        char script[256];
        (void)snprintf(script, sizeof script,
                       "exec setpriv --reuid 12345 --regid 12345 --clear-groups " SYSTEMCTL " %s 2>&1", asks[i].script);
        const char *const argv[] = { "/bin/sh", "-c", script, NULL };
        print_message("  %s\n", asks[i].script);
        int status = scene_exec(s, argv, &output);
        if (status != asks[i].status || !strstr(str_text(&output), asks[i].text))
            scene_fail(s, "%s: status %d: %s", asks[i].script, status, str_text(&output));
        str_done(&output);
    }
    expect_systemctl(s, "is-active web", 0, "active");
    expect_stop(s, 0);
    scene_end(s);
}

/* All the words for the end of a machine end the container in order, with its own status. */
static void test_ends(void **state)
{
    static const char *const words[] = { "poweroff", "reboot --force", "halt --no-wall", "exit" };
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        struct scene *s = scene_new();
        print_message("  systemctl %s\n", words[i]);
        install(s);
        scene_unit(s, "web.service", "[Service]\nExecStart=" ACTOR " on-term - web\n");
        life_boot(s, state);
        (void)scene_wait_event(s, "startup_finished", NULL, NULL);
        (void)systemctl(s, words[i], NULL); /* whoever asks may be killed with the rest */
        assert_int_equal(scene_exit_code(s), 0);
        expect_log(s, "unit web.service: stopped");
        scene_end(s);
    }
}

/* isolate leaves what the target needs and stops the rest; not every unit lets itself be isolated. */
static void test_isolate(void **state)
{
    static const struct ask asks[] = {
        { "isolate web.service", 4, "Failed to isolate web.service: " },
        { "isolate few", 0, "" }, /* few.target */
        { "is-active few.target kept", 0, "active\nactive\n" },
        { "is-active web", 3, "inactive" },
        { "start web", 0, "" },
        { "isolate --no-block few.target", 0, "" },
    };
    struct scene *s = scene_new();
    install(s);
    scene_unit(s, "web.service", SLEEP);
    scene_unit(s, "kept.service", SLEEP);
    scene_unit(s, "few.target", "[Unit]\nAllowIsolate=yes\nRequires=kept.service\n");
    BOOT_WITH(s, state, "--stay");
    (void)scene_wait_event(s, "startup_finished", NULL, NULL);
    expect_all(s, asks, COUNT_OF(asks));
    life_expect_count(s, 0, "exited", "kept.service");
    expect_stop(s, 0);
    scene_end(s);
}

/* Root of another container that shares the network finds the name as well: box_connect() stays in its own pid
 * namespace. */
static void expect_no_answer_from_outside(struct scene *s)
{
    struct str names = STR_EMPTY;
    char address[256], answer[64];
    const char *const argv[] = { "/bin/sh", "-c", "grep -o '@container-init/.*' /proc/net/unix | head -n 1", NULL };
    int fd = -1;
    assert_int_equal(scene_exec(s, argv, &names), 0);
    str_truncate(&names, strcspn(str_text(&names), "\n"));
    (void)snprintf(address, sizeof address, "seqpacket:%s", str_text(&names));
    assert_int_equal(box_connect(scene_box(s), address, 0, 0, &fd), 0);
    (void)send(fd, "{\"verb\":\"units\"}", 16, MSG_NOSIGNAL);
    assert_true(recv(fd, answer, sizeof answer, 0) <= 0);
    close(fd);
    str_done(&names);
}

/* Where /run cannot be written, the socket is in the abstract namespace, and the client finds it there. */
static void test_places(void **state)
{
    struct scene *s = scene_new();
    install(s);
    scene_unit(s, "web.service", SLEEP);
    struct scene_spec spec = life_spec(state);
    spec.box.setup = "echo >/run/container-init"; /* no directory */
    scene_boot(s, &spec);
    (void)scene_wait_event(s, "startup_finished", NULL, NULL);
    expect_systemctl(s, "is-active web", 0, "active");
    expect_no_answer_from_outside(s);
    expect_stop(s, 0);
    scene_end(s);

    s = scene_new();
    install(s);
    scene_unit(s, "web.service", SLEEP);
    BOOT_WITH(s, state, "--control", "/tmp/elsewhere");
    (void)scene_wait_event(s, "startup_finished", NULL, NULL);
    expect_systemctl(s, "--control=/tmp/elsewhere is-active web", 0, "active");
    expect_systemctl(s, "is-active web", 1, "Failed to connect");
    expect_stop(s, 0);
    scene_end(s);
}

static int connect_control(struct scene *s, uid_t uid)
{
    int fd = -1;
    assert_int_equal(box_connect(scene_box(s), "seqpacket:/run/container-init/control", uid, uid, &fd), 0);
    return fd;
}

/* Peers that say nonsense, nothing, or never read do not keep others, or PID 1, from their work (K94). */
static void test_hostile(void **state)
{
    struct scene *s = boot(state);
    static const char *const messages[] = {
        "", "{", "[[[[[[", "{\"verb\":\"stop\"}", "{\"verb\":\"units\",\"units\":5}", "GET / HTTP/1.1\r\n\r\n"
    };
    int fds[40];
    for (size_t i = 0; i < COUNT_OF(messages); i++) {
        int fd = connect_control(s, 0);
        (void)send(fd, messages[i], strlen(messages[i]), MSG_NOSIGNAL); /* dropped is an answer too */
        close(fd);
    }
    /* Readers only get some of the places: silent ones do not keep root out. */
    for (size_t i = 0; i < COUNT_OF(fds); i++) fds[i] = connect_control(s, 12345 + (uid_t)i % 4);
    expect_systemctl(s, "is-active web", 0, "active");
    /* Nor do those who ask again and again and never read. */
    static const char ask[] = "{\"verb\":\"units\"}";
    for (size_t i = 0; i < COUNT_OF(fds); i++)
        for (int n = 0; n < 200; n++)
            if (send(fds[i], ask, sizeof ask - 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) break;
    expect_systemctl(s, "restart web", 0, "");
    for (size_t i = 0; i < COUNT_OF(fds); i++) close(fds[i]);
    expect_systemctl(s, "status web", 0, "Active: active (running)");
    expect_stop(s, 0);
    scene_end(s);
}

int main(void)
{
    scene_skip_unless_possible();
    const struct CMUnitTest tests[] = {
        IN_BOTH_PLACES(test_verbs),     cmocka_unit_test(test_ends),        cmocka_unit_test(test_isolate),
        cmocka_unit_test(test_waiting), cmocka_unit_test(test_permissions), cmocka_unit_test(test_places),
        cmocka_unit_test(test_hostile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
