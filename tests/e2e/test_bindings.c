/* tests/e2e/test_bindings.c - the relations of units that bind, exclude and follow each other, and directives that are
 * known by other names. */
#include "tests/e2e/expect.h"
#include "tests/e2e/harness_internal.h"
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ACTOR "/usr/local/bin/actor"
#define SLEEP "[Service]\nExecStart=" ACTOR " sleep\n"
/* Leaves as soon as the test says so. */
#define UNTIL(file) "[Service]\nExecStart=/bin/sh -c 'until test -e /scene/" file "; do sleep 0.01; done'\n"

/* BindsTo= and its old name stop with what they are bound to; Requires= alone does not (systemd.unit(5)). */
static void test_bound(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    scene_unit(s, "base.service", UNTIL("go"));
    scene_unit(s, "bound.service", "[Unit]\nBindsTo=base.service\nAfter=base.service\n" SLEEP);
    scene_unit(s, "old.service", "[Unit]\nBindTo=base.service\nAfter=base.service\n" SLEEP);
    scene_unit(s, "requires.service", "[Unit]\nRequires=base.service\nAfter=base.service\n" SLEEP);
    scene_boot(s, NULL);
    scene_wait_event(s, "startup_finished", NULL, NULL);
    scene_touch(s, "go");
    scene_wait_event(s, "unit_state", "bound.service", "active", "inactive", NULL);
    scene_wait_event(s, "unit_state", "old.service", "active", "inactive", NULL);
    expect_log(s, "unit bound.service: stopping, it is bound to base.service");
    assert_int_equal(scene_count_events(s, "unit_state", "requires.service", "active", "deactivating", NULL), 0);
    expect_stop(s, 0);
    scene_end(s);
}

/* PartOf= follows a stop and a restart; so does what Requires= a unit that restarts (systemd.unit(5)). */
static void test_part_of(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    scene_unit(s, "base.service",
               "[Service]\nRestart=on-failure\nRestartSec=1ms\nExecStart=/bin/sh -c "
               "'test -e /scene/second && exec " ACTOR " sleep; : > /scene/second; "
               "until test -e /scene/go; do sleep 0.01; done; exit 1'\n");
    scene_unit(s, "part.service", "[Unit]\nPartOf=base.service\nAfter=base.service\n" SLEEP);
    scene_unit(s, "requires.service", "[Unit]\nRequires=base.service\nAfter=base.service\n" SLEEP);
    scene_unit(s, "wants.service", "[Unit]\nWants=base.service\nAfter=base.service\n" SLEEP);
    scene_boot(s, NULL);
    scene_wait_event(s, "startup_finished", NULL, NULL);
    scene_touch(s, "go");
    scene_wait_nth_event(s, 2, "part_invoke", "part.service", NULL);
    scene_wait_nth_event(s, 2, "requires_invoke", "requires.service", NULL);
    expect_stop(s, 0);
    assert_int_equal(scene_count_events(s, "spawn", "base.service", NULL), 2);
    assert_int_equal(scene_count_events(s, "spawn", "wants.service", NULL), 1);
    scene_end(s);
}

/* Requisite= and its old name start nothing: what is not there already fails the unit. */
static void test_requisite(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    scene_unit(s, "up.service", "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\n");
    scene_unit(s, "off.service", "[Unit]\nConditionPathExists=/not/there\n" SLEEP);
    scene_unit(s, "good.service", "[Unit]\nRequisite=up.service\nAfter=up.service\n" SLEEP);
    scene_unit(s, "bad.service", "[Unit]\nRequisite=off.service\nAfter=off.service\n" SLEEP);
    scene_unit(s, "old.service", "[Unit]\nRequisiteOverridable=off.service\nAfter=off.service\n" SLEEP);
    scene_unit(s, "old-requires.service", "[Unit]\nRequiresOverridable=up.service\nAfter=up.service\n" SLEEP);
    scene_boot(s, NULL);
    scene_wait_event(s, "unit_state", "good.service", "active", "active", NULL);
    scene_wait_event(s, "unit_state", "old-requires.service", "active", "active", NULL);
    scene_wait_event(s, "dependency_failed", "bad.service", "dependency", "off.service", NULL);
    scene_wait_event(s, "dependency_failed", "old.service", "dependency", "off.service", NULL);
    expect_log(s, "container-init: unit bad.service: not started: required unit off.service is not active\n");
    expect_order(s, "unit_state", "up.service", "spawn", "old-requires.service");
    expect_stop(s, 0);
    assert_int_equal(scene_count_events(s, "spawn", "bad.service", NULL), 0);
    scene_end(s);
}

/* Conflicts=: two at boot, the later name is left out; a handler that conflicts stops what runs, and starts after it.
 */
static void test_conflicts(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    scene_unit(s, "a.service", "[Unit]\nConflicts=b.service\n" SLEEP);
    scene_unit(s, "b.service", SLEEP);
    scene_unit(s, "victim.service", "[Service]\nExecStart=" ACTOR " on-term /scene/order victim\n");
    scene_unit(s, "fails.service",
               "[Unit]\nOnFailure=rescue.service\nAfter=victim.service\n"
               "[Service]\nType=oneshot\n"
               "ExecStart=/bin/sh -c 'until test -e /scene/go; do sleep 0.01; done; exit 1'\n");
    scene_unit(s, "rescue.service",
               "[Unit]\nConflicts=victim.service\nAfter=victim.service\n"
               "[Service]\nExecStart=" ACTOR " mark /scene/order rescue -- sleep\n");
    scene_boot(s, NULL);
    scene_wait_log(s, "[victim] victim ready\n");
    scene_wait_log(s, "container-init: unit b.service: not started: it conflicts with a.service, which starts\n");
    scene_touch(s, "go");
    scene_wait_file(s, "order", " rescue\n");
    char *order = scene_read(s, "order");
    assert_true(strstr(order, " victim\n") && strstr(order, " victim\n") < strstr(order, " rescue\n"));
    free(order);
    expect_stop(s, 0);
    assert_int_equal(scene_count_events(s, "spawn", "b.service", NULL), 0);
    scene_end(s);
}

/* OnSuccess= runs after a good end, not after a failure; OnFailure= the other way round. */
static void test_on_success(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    scene_unit(s, "good.service",
               "[Unit]\nOnSuccess=praise.service\nOnFailure=blame.service\n[Service]\nExecStart=/bin/true\n");
    scene_unit(
        s, "bad.service",
        "[Unit]\nOnSuccess=other-praise.service\nOnFailure=other-blame.service\n[Service]\nExecStart=/bin/false\n");
    static const char *const handlers[] = { "praise", "blame", "other-praise", "other-blame" };
    char name[64], text[256];
    for (size_t i = 0; i < COUNT_OF(handlers); i++) {
        (void)snprintf(name, sizeof name, "%s.service", handlers[i]);
        (void)snprintf(text, sizeof text, "[Service]\nType=oneshot\nExecStart=" ACTOR " mark /scene/%s x\n",
                       handlers[i]);
        scene_unit(s, name, text);
    }
    scene_boot(s, NULL);
    assert_int_equal(scene_exit_code(s), 0);
    free(scene_read(s, "praise")), free(scene_read(s, "other-blame"));
    assert_int_equal(scene_count_events(s, "spawn", "praise.service", NULL), 1);
    assert_int_equal(scene_count_events(s, "spawn", "other-blame.service", NULL), 1);
    assert_int_equal(scene_count_events(s, "spawn", "blame.service", NULL), 0);
    assert_int_equal(scene_count_events(s, "spawn", "other-praise.service", NULL), 0);
    expect_log(s, "container-init: OnSuccess: invoking praise.service\n");
    scene_end(s);
}

/* Targets group and order (D18); [Install] is read and enables nothing; texts are texts, without variables (D3). */
static void test_targets_and_texts(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    scene_unit(s, "group.target",
               "[Unit]\nDescription=50% of ${NOTHING}\nDocumentation=man:x(1) https://example.org/\n"
               "Requires=one.service two.service\nAfter=one.service two.service\n");
    scene_unit(s, "one.service",
               "[Unit]\nDefaultDependencies=no\n[Service]\nType=oneshot\nExecStart=" ACTOR " pause 30\n");
    scene_unit(s, "two.service", "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=" ACTOR " pause 30\n");
    scene_unit(
        s, "later.service",
        "[Unit]\nAfter=group.target\n" SLEEP
        "[Install]\nWantedBy=multi-user.target nowhere.target\nRequiredBy=group.target\nAlias=other-name.service\n"
        "Also=nowhere.service\n");
    scene_unit(s, "template@.service", SLEEP "[Install]\nDefaultInstance=x\n");
    scene_unit(s, "special.service",
               "[Unit]\nAfter=network-online.target basic.target\nWants=network-online.target\n"
               "Requires=basic.target\n" SLEEP);
    expect_validate(s, "--strict-units", 0, "warnings=0");
    scene_boot(s, NULL);
    scene_wait_event(s, "later_invoke", "later.service", NULL);
    scene_wait_event(s, "special_invoke", "special.service", NULL);
    expect_order(s, "exited", "one.service", "unit_state", "group.target");
    expect_order(s, "exited", "two.service", "unit_state", "group.target");
    expect_order(s, "unit_state", "group.target", "spawn", "later.service");
    expect_stop(s, 0);
    scene_end(s);
}

/* Old names and short forms: StartLimitInterval=, TimeoutSec=, and Sockets= from the service's side. */
static void test_other_names(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    scene_unit(
        s, "limit.service",
        "[Service]\nStartLimitBurst=2\nStartLimitInterval=60\nRestart=always\nRestartSec=1ms\nExecStart=/bin/true\n");
    scene_unit(s, "slow.service",
               "[Service]\nType=oneshot\nTimeoutSec=50ms\nExecStart=" ACTOR " ignore TERM -- sleep\n");
    scene_unit(s, "pair.socket", "[Socket]\nListenStream=/run/pair.sock\nAccept=no\nService=server.service\n");
    scene_unit(s, "server.service",
               "[Service]\nSockets=pair.socket\nExecReload=" ACTOR " mark /scene/reloaded x\nExecStart=" ACTOR
               " listen\n");
    scene_boot(s, NULL);
    scene_wait_event(s, "start_limit_hit", "limit.service", "burst", "2", "interval_ms", "60000", NULL);
    print_message("  TimeoutSec= bounds the start and the stop\n");
    scene_wait_event(s, "timeout", "slow.service", "sub", "start", NULL);
    scene_wait_event(s, "unit_state", "slow.service", "active", "failed", "result", "timeout", NULL);
    print_message("  Sockets=\n");
    int fd = scene_connect(s, "unix:/run/pair.sock");
    struct str greeting = scene_receive(s, fd, "listen_fds=1 listen_fdnames=pair.socket");
    str_done(&greeting);
    close(fd);
    print_message("  HUP reloads nothing and kills nobody\n");
    scene_stop(s, SIGHUP);
    scene_wait_log(s, "received hangup");
    expect_stop(s, 0);
    assert_null(scene_read(s, "reloaded"));
    scene_end(s);
}

/* Backlog=: a client more than may wait is not let in before the service accepts. */
static void test_backlog(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    scene_unit(s, "small.socket", "[Socket]\nListenStream=/run/small.sock\nBacklog=1\n");
    scene_unit(s, "small.service",
               "[Service]\nExecStartPre=/bin/sh -c 'until test -e /scene/go; do sleep 0.01; done'\n"
               "ExecStart=" ACTOR " listen\n");
    scene_boot(s, NULL);
    scene_wait_event(s, "bound", "small.socket", NULL);
    /* The kernel lets one more wait than was asked for. */
    int first = scene_connect(s, "unix:/run/small.sock"), second = scene_connect(s, "unix:/run/small.sock");
    static const char script[] = "socket(S, AF_UNIX, SOCK_STREAM | 04000, 0) or die; "
                                 "exit(connect(S, pack_sockaddr_un('/run/small.sock')) ? 0 : $! == EAGAIN ? 7 : 1)";
    static const char *const full[] = { "/usr/bin/perl", "-MSocket", "-MErrno=EAGAIN", "-e", script, NULL };
    assert_int_equal(scene_exec(s, full, NULL), 7);
    scene_touch(s, "go");
    struct str greeting = scene_receive(s, second, "pid=");
    str_done(&greeting);
    close(first), close(second);
    expect_stop(s, 0);
    scene_end(s);
}

int main(void)
{
    scene_skip_unless_possible();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bound),       cmocka_unit_test(test_part_of),    cmocka_unit_test(test_requisite),
        cmocka_unit_test(test_conflicts),   cmocka_unit_test(test_on_success), cmocka_unit_test(test_targets_and_texts),
        cmocka_unit_test(test_other_names), cmocka_unit_test(test_backlog),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
