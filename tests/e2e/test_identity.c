/* tests/e2e/test_identity.c - who a service runs as, and what is in its environment. */
#include "tests/e2e/expect.h"
#include "tests/e2e/harness_internal.h"
#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* K67, K63: what cannot be done without root is refused with both identities, and never run as somebody else. */
static void test_without_root(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    struct scene_spec spec = SCENE_SPEC_DEFAULT;
    static const struct {
        const char *name, *setting, *log;
    } refused[] = {
        { "k67-user.service", "User=other", "User=other is uid 4720 gid 4720, we are uid 4711 gid 4711 and not root" },
        { "k67-root.service", "User=root", "User=root is uid 0 gid 0, we are uid 4711 gid 4711 and not root" },
        { "k63-group.service", "Group=other",
          "Group=other is uid 4711 gid 4720, we are uid 4711 gid 4711 and not root" },
        { "groups.service", "SupplementaryGroups=other",
          "SupplementaryGroups= asks for gid 4720, we are uid 4711 gid 4711 and not root" },
    };
    char text[256];
    scene_user(s, "app", 4711, "/home/app");
    scene_user(s, "other", 4720, "/");
    scene_unit(s, "same.service",
               "[Service]\nType=oneshot\nUser=app\nGroup=app\nExecStart=/usr/local/bin/actor report /scene/same\n");
    scene_unit(s, "none.service", "[Service]\nType=oneshot\nExecStart=/usr/local/bin/actor report /scene/none\n");
    for (size_t i = 0; i < COUNT_OF(refused); i++) {
        (void)snprintf(text, sizeof text, "[Service]\n%s\nExecStart=/usr/local/bin/actor mark /scene/wrong %s\n",
                       refused[i].setting, refused[i].name);
        scene_unit(s, refused[i].name, text);
    }
    spec.box.as_user = true, spec.box.uid = spec.box.gid = 4711;
    scene_boot(s, &spec);
    expect_report(s, "same", "uid", "4711");
    expect_report(s, "same", "env.HOME", "/home/app");
    expect_report(s, "none", "gid", "4711");
    for (size_t i = 0; i < COUNT_OF(refused); i++) {
        print_message("  %s\n", refused[i].setting);
        scene_wait_event(s, "unit_state", refused[i].name, "active", "failed", "result", "exit-code", NULL);
        expect_log(s, refused[i].log);
    }
    expect_log(s, "container-init: running as uid 4711 gid 4711, not root: User= units must resolve to this identity; "
                  "switching is off\n");
    assert_null(scene_read(s, "wrong"));
    assert_int_equal(scene_exit_code(s), 0);
    scene_end(s);
}

/* Unknown names fail the unit, with systemd.exec(5)'s exit statuses; the others go on (K92 "unknown uid"). */
static void test_unknown_names(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    scene_unit(s, "user.service", "[Service]\nUser=nobody-here\nExecStart=/usr/local/bin/actor sleep\n");
    scene_unit(s, "group.service", "[Service]\nGroup=nobody-here\nExecStart=/usr/local/bin/actor sleep\n");
    scene_unit(s, "supplementary.service",
               "[Service]\nSupplementaryGroups=nobody-here\nExecStart=/usr/local/bin/actor sleep\n");
    scene_unit(s, "fine.service", "[Service]\nExecStart=/usr/local/bin/actor sleep\n");
    scene_boot(s, NULL);
    scene_wait_event(s, "exited", "user.service", "failed", "true", "err", "exit code 217", NULL);
    scene_wait_event(s, "exited", "group.service", "failed", "true", "err", "exit code 216", NULL);
    scene_wait_event(s, "exited", "supplementary.service", "failed", "true", "err", "exit code 216", NULL);
    scene_wait_event(s, "unit_state", "fine.service", "active", "active", NULL);
    expect_log(s, "User=nobody-here: there is no such name");
    expect_log(s, "Group=nobody-here: there is no such name");
    expect_log(s, "SupplementaryGroups=nobody-here: there is no such name");
    expect_stop(s, 0);
    scene_end(s);
}

/* S21: other user databases, read at each start; which one is in use is said once. */
static void test_other_databases(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    struct scene_spec spec = SCENE_SPEC_DEFAULT;
    assert_int_equal(box_spec_env(&spec.box, "CONTAINER_INIT_PASSWD_FILE=/scene/passwd"), 0);
    assert_int_equal(box_spec_env(&spec.box, "CONTAINER_INIT_GROUP_FILE=/etc/not-there"), 0);
    scene_unit(s, "make.service",
               "[Service]\nType=oneshot\n"
               "ExecStart=/bin/sh -c 'echo late:x:4730:4731::/late:/bin/sh > /scene/passwd'\n");
    scene_unit(s, "use.service",
               "[Unit]\nAfter=make.service\n"
               "[Service]\nType=oneshot\nUser=late\nExecStart=/usr/local/bin/actor report /scene/late\n");
    scene_boot(s, &spec);
    expect_report(s, "late", "uid", "4730");
    expect_report(s, "late", "gid", "4731");
    expect_report(s, "late", "env.HOME", "/late");
    assert_int_equal(scene_exit_code(s), 0);
    expect_log(s, "container-init: userdb: reading /scene/passwd (CONTAINER_INIT_PASSWD_FILE)\n");
    expect_log(s, "container-init: userdb: CONTAINER_INIT_GROUP_FILE=/etc/not-there does not exist; "
                  "reading /etc/group\n");
    scene_end(s);
}

/* K68, K69: specifiers are expanded before anything looks at the paths. */
static void test_specifiers(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    scene_file(s, "/etc/worker-blue.env", 0644, "COLOUR=blue\n");
    scene_file(s, "/srv/blue/here", 0644, "");
    scene_unit(s, "main.service",
               "[Unit]\nWants=worker@blue.service\nRequires=daemon@red.service\nAfter=daemon@red.service\n"
               "[Service]\nType=oneshot\nExecStart=/usr/local/bin/actor report /scene/main\n");
    scene_unit(s, "worker@.service",
               "[Unit]\nConditionPathExists=/srv/%i\n"
               "[Service]\nType=oneshot\nEnvironmentFile=/etc/%p-%i.env\nWorkingDirectory=/srv/%i\n"
               "Environment=A=%n:%N:%p:%i:%j:%t:%u:%H\n"
               "ExecStart=/usr/local/bin/actor report /scene/%i\n");
    scene_unit(s, "daemon@.service",
               "[Service]\nType=forking\nPIDFile=%t/%i.pid\n"
               "ExecStart=/usr/local/bin/actor daemon /run/%i.pid -- sleep\n");
    scene_boot(s, NULL);
    expect_report(s, "blue", "env.COLOUR", "blue");
    expect_report(s, "blue", "cwd", "/srv/blue");
    expect_report(s, "blue", "env.A", "worker@blue.service:worker@blue:worker:blue:worker:/run:root:box");
    scene_wait_event(s, "unit_state", "daemon@red.service", "active", "active", NULL);
    expect_report(s, "main", "uid", "0");
    expect_stop(s, 0);
    scene_end(s);
}

/* K70: what the container was given reaches services, their control processes and failure handlers alike. */
static void test_environment_everywhere(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    struct scene_spec spec = SCENE_SPEC_DEFAULT;
    assert_int_equal(box_spec_env(&spec.box, "FROM_DOCKER=yes"), 0);
    scene_unit(s, "work.service",
               "[Unit]\nOnFailure=handler.service\n"
               "[Service]\nExecStartPre=/usr/local/bin/actor report /scene/pre\n"
               "ExecStart=/usr/local/bin/actor report /scene/work -- exit 1\n"
               "ExecStopPost=/usr/local/bin/actor report /scene/post\n");
    scene_unit(s, "handler.service", "[Service]\nType=oneshot\nExecStart=/usr/local/bin/actor report /scene/handler\n");
    scene_boot(s, &spec);
    static const char *const reports[] = { "pre", "work", "post", "handler" };
    for (size_t i = 0; i < COUNT_OF(reports); i++) expect_report(s, reports[i], "env.FROM_DOCKER", "yes");
    assert_int_equal(scene_exit_code(s), 0);
    scene_end(s);
}

/* K71: an unset variable is empty, in Exec lines and in values; strict mode notes it and is not failed by it. */
static void test_unset_variables(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    scene_unit(s, "unset.service",
               "[Service]\nType=oneshot\nEnvironment=\"A=[${NOWHERE}]\" B=${NOWHERE:-default}\n"
               "ExecStart=/usr/local/bin/actor write 1 <${NOWHERE}> -- write 1 <${NOWHERE:-spare}> $NOWHERE "
               "-- report /scene/unset\n");
    expect_validate(s, "--strict-units", 0, "NOWHERE");
    scene_boot(s, NULL);
    expect_report(s, "unset", "env.A", "[]");
    expect_report(s, "unset", "env.B", "default");
    assert_int_equal(scene_exit_code(s), 0);
    expect_log(s, "[unset] <>\n");
    expect_log(s, "[unset] <spare>\n");
    scene_end(s);
}

int main(void)
{
    scene_skip_unless_possible();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_without_root),           cmocka_unit_test(test_unknown_names),
        cmocka_unit_test(test_other_databases),        cmocka_unit_test(test_specifiers),
        cmocka_unit_test(test_environment_everywhere), cmocka_unit_test(test_unset_variables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
