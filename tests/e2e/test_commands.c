/* tests/e2e/test_commands.c - the commands of a service from ExecCondition= to ExecStopPost=, what they are told, and
 * their time limits: systemd.service(5). S45: none of them is parsed and then forgotten. */
#include "tests/e2e/life.h"

/* note WORD [STATUS]: adds to /scene/notes the word, which process $MAINPID names, what $SERVICE_RESULT, $EXIT_CODE and
 * $EXIT_STATUS say, and whether $INVOCATION_ID is that of the run; leaves with STATUS. */
static const char note[] = "#!/bin/sh\n"
                           "main=-\n"
                           "if [ -n \"$MAINPID\" ]; then main=other; until [ -s /scene/main-pid ]; do :; done; fi\n"
                           "if [ \"$MAINPID\" = \"$(cat /scene/main-pid 2>&-)\" ]; then main=main; fi\n"
                           "if [ -z \"$MAINPID\" ]; then main=-; fi\n"
                           "test -e /scene/id || echo $INVOCATION_ID > /scene/id\n"
                           "id=other\n"
                           "if [ ${#INVOCATION_ID} = 32 ] && [ $INVOCATION_ID = $(cat /scene/id) ]; then id=same; fi\n"
                           "echo $1 $main ${SERVICE_RESULT:--} ${EXIT_CODE:--} ${EXIT_STATUS:--} $id >> /scene/notes\n"
                           "exit ${2:-0}\n";
/* tell VERB...: says its number and plays the part. later VERB...: plays it when the test has seen the unit run. */
static const char tell[] = "#!/bin/sh\necho $$ > /scene/main-pid\nexec " ACTOR " \"$@\"\n";
static const char later[] = "#!/bin/sh\nuntil test -e /scene/go; do :; done\nexec " ACTOR " \"$@\"\n";

#define NOTE  "/usr/local/bin/note "
#define TELL  "/usr/local/bin/tell "
#define LATER "/usr/local/bin/later "
#define ALL                                                                                                            \
    "[Service]\nExecCondition=" NOTE "condition\nExecStartPre=" NOTE "pre-1\nExecStartPre=" NOTE "pre-2\n"             \
    "ExecStartPost=" NOTE "post-1\nExecStartPost=" NOTE "post-2\nExecStop=" NOTE "stop-1\nExecStop=" NOTE "stop-2\n"   \
    "ExecStopPost=" NOTE "stop-post-1\nExecStopPost=" NOTE "stop-post-2\n"

static struct scene *new_scene(const char *unit)
{
    struct scene *s = scene_new();
    scene_file(s, "/usr/local/bin/note", 0755, note);
    scene_file(s, "/usr/local/bin/tell", 0755, tell);
    scene_file(s, "/usr/local/bin/later", 0755, later);
    scene_unit(s, "a.service", unit);
    return s;
}

/* The whole way, stopped from outside. */
static void test_whole_sequence(void **state)
{
    struct scene *s = new_scene(ALL "ExecStart=" TELL "sleep\n");
    life_boot(s, state);
    life_wait_state(s, "a.service", "running");
    scene_stop(s, SIGTERM);
    assert_int_equal(scene_exit_code(s), 0);
    life_expect_path(s, "a.service", "condition start-pre start start-post running stop stop-sigterm stop-post dead");
    life_expect_file(s, "notes",
                     "condition - - - - same\n"
                     "pre-1 - - - - same\n"
                     "pre-2 - - - - same\n"
                     "post-1 main - - - same\n"
                     "post-2 main - - - same\n"
                     "stop-1 main success - - same\n"
                     "stop-2 main success - - same\n"
                     "stop-post-1 - success killed TERM same\n"
                     "stop-post-2 - success killed TERM same\n");
    scene_end(s);
}

/* clang-format off */
/* Runs that end by themselves: what the unit goes through and what its commands are told. */
static const struct { const char *label, *unit, *path, *notes; } runs[] = {
    { "the main process ends well: ExecStop= runs without it",
      "[Service]\nExecStart=" LATER "exit 0\nExecStop=" NOTE "stop\nExecStopPost=" NOTE "stop-post\n",
      "start running stop stop-sigterm stop-post dead",
      "stop - success exited 0 same\nstop-post - success exited 0 same\n" },
    { "it fails: no ExecStop=",
      "[Service]\nExecStart=" LATER "exit 3\nExecStop=" NOTE "stop\nExecStopPost=" NOTE "stop-post\n",
      "start running stop-sigterm stop-post failed", "stop-post - exit-code exited 3 same\n" },
    { "it is killed",
      "[Service]\nExecStart=" LATER "kill-self KILL\nExecStop=" NOTE "stop\nExecStopPost=" NOTE "stop-post\n",
      "start running stop-sigterm stop-post failed", "stop-post - signal killed KILL same\n" },
    { "its program is missing",
      "[Service]\nExecStart=/nowhere/program\nExecStop=" NOTE "stop\nExecStopPost=" NOTE "stop-post\n",
      "start stop-sigterm stop-post failed", "stop-post - exit-code exited 203 same\n" },
    { "ExecStartPre= fails: nothing after it but ExecStopPost=",
      "[Service]\nExecStartPre=" NOTE "pre-1 7\nExecStartPre=" NOTE "pre-2\nExecStart=" NOTE "main\nExecStop=" NOTE "stop\nExecStopPost=" NOTE "stop-post\n",
      "start-pre stop-sigterm stop-post failed", "pre-1 - - - - same\nstop-post - exit-code - - same\n" },
    { "a failure marked with - is passed over",
      "[Service]\nType=oneshot\nExecStartPre=-" NOTE "pre-1 7\nExecStart=-" NOTE "main-1 8\nExecStart=" NOTE "main-2\nExecStartPost=-/nowhere/program\nExecStop=-" NOTE "stop 9\nExecStopPost=-" NOTE "stop-post 9\n",
      "start-pre start start-post stop stop-sigterm stop-post dead",
      "pre-1 - - - - same\nmain-1 - - - - same\nmain-2 - - - - same\nstop - success exited 0 same\nstop-post - success exited 0 same\n" },
    { "ExecStartPost= fails: the main process is stopped",
      "[Service]\nExecStart=" TELL "sleep\nExecStartPost=" NOTE "post 4\nExecStop=" NOTE "stop\nExecStopPost=" NOTE "stop-post\n",
      "start start-post stop-sigterm stop-post failed", NULL },
    { "ExecStop= fails: the unit does",
      "[Service]\nExecStart=" LATER "exit 0\nExecStop=" NOTE "stop 5\nExecStopPost=" NOTE "stop-post\n",
      "start running stop stop-sigterm stop-post failed", "stop - success exited 0 same\nstop-post - exit-code exited 0 same\n" },
    { "ExecStopPost= fails: the unit does",
      "[Service]\nType=oneshot\nExecStart=" TELL "exit 0\nExecStopPost=" NOTE "stop-post 5\n",
      "start stop-sigterm stop-post failed", "stop-post - success exited 0 same\n" },
    { "a oneshot's commands run one after the other",
      "[Service]\nType=oneshot\nExecStart=" NOTE "one\nExecStart=" NOTE "two\nExecStart=" NOTE "three\n",
      "start stop-sigterm dead", "one - - - - same\ntwo - - - - same\nthree - - - - same\n" },
    { "until one fails",
      "[Service]\nType=oneshot\nExecStart=" NOTE "one\nExecStart=" NOTE "two 3\nExecStart=" NOTE "three\n",
      "start stop-sigterm failed", "one - - - - same\ntwo - - - - same\n" },
    { "ExecCondition= says no: skipped, no failure, no restart",
      "[Service]\nRestart=always\nExecCondition=" NOTE "condition 1\nExecStart=" NOTE "main\nExecStop=" NOTE "stop\nExecStopPost=" NOTE "stop-post\n",
      "condition stop-sigterm stop-post dead", "condition - - - - same\nstop-post - exec-condition - - same\n" },
    { "ExecCondition= says 254: still no",
      "[Service]\nExecCondition=" NOTE "condition 254\nExecStart=" NOTE "main\n", "condition stop-sigterm dead", "condition - - - - same\n" },
    { "ExecCondition= says 255: a failure",
      "[Service]\nExecCondition=" NOTE "condition 255\nExecStart=" NOTE "main\n", "condition stop-sigterm failed", "condition - - - - same\n" },
    { "ExecCondition= dies: a failure",
      "[Service]\nExecCondition=" ACTOR " kill-self KILL\nExecStart=" NOTE "main\n", "condition stop-sigterm failed", "" },
    { "ExecCondition= is missing: a failure",
      "[Service]\nExecCondition=/nowhere/program\nExecStart=" NOTE "main\n", "condition stop-sigterm failed", "" },
    { "TimeoutStartSec= in ExecStartPre=",
      "[Service]\nTimeoutStartSec=300ms\nExecStartPre=" ACTOR " sleep\nExecStart=" NOTE "main\nExecStopPost=" NOTE "stop-post\n",
      "start-pre stop-sigterm stop-post failed", "stop-post - timeout - - same\n" },
    { "TimeoutStartSec= in a oneshot",
      "[Service]\nType=oneshot\nTimeoutStartSec=300ms\nExecStart=" ACTOR " sleep\nExecStopPost=" NOTE "stop-post\n",
      "start stop-sigterm stop-post failed", "stop-post - timeout killed TERM same\n" },
    { "TimeoutStartSec= in ExecStartPost=",
      "[Service]\nTimeoutStartSec=1s\nExecStart=" ACTOR " sleep\nExecStartPost=" ACTOR " sleep\nExecStopPost=" NOTE "stop-post\n",
      "start start-post stop-sigterm stop-post failed", "stop-post - timeout killed TERM same\n" },
    { "TimeoutStartSec= and then TimeoutStopSec=",
      "[Service]\nTimeoutStartSec=1s\nTimeoutStopSec=500ms\nExecStartPre=" ACTOR " ignore TERM -- sleep\nExecStart=" NOTE "main\nExecStopPost=" NOTE "stop-post\n",
      "start-pre stop-sigterm stop-sigkill stop-post failed", "stop-post - timeout - - same\n" },
    { "TimeoutStopSec= in ExecStop=",
      "[Service]\nTimeoutStopSec=500ms\nExecStart=" LATER "exit 0\nExecStop=" ACTOR " sleep\nExecStopPost=" NOTE "stop-post\n",
      "start running stop stop-sigterm stop-post failed", "stop-post - timeout exited 0 same\n" },
    { "TimeoutStopSec= in ExecStopPost=",
      "[Service]\nTimeoutStopSec=500ms\nType=oneshot\nExecStart=" TELL "exit 0\nExecStopPost=" ACTOR " sleep\n",
      "start stop-sigterm stop-post final-sigterm failed", "" },
    { "TimeoutStopSec= in an ExecStopPost= that ignores TERM",
      "[Service]\nTimeoutStopSec=1s\nType=oneshot\nExecStart=" TELL "exit 0\nExecStopPost=" ACTOR " ignore TERM -- sleep\n",
      "start stop-sigterm stop-post final-sigterm final-sigkill failed", "" },
    { "D15: TimeoutStartSec=0 is no limit",
      "[Service]\nTimeoutStartSec=0\nType=oneshot\nExecStartPre=" ACTOR " pause 30\nExecStart=" ACTOR " pause 30\n",
      "start-pre start stop-sigterm dead", "" },
    { "RemainAfterExit= and a failure: it does not remain",
      "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=" ACTOR " exit 3\nExecStop=" NOTE "stop\n",
      "start stop-sigterm failed", "" },
};
/* clang-format on */

static void test_runs(void **state)
{
    for (size_t i = 0; i < COUNT_OF(runs); i++) {
        print_message("  %s\n", runs[i].label);
        struct scene *s = new_scene(runs[i].unit);
        life_boot(s, state);
        if (strstr(runs[i].unit, LATER)) {
            life_wait_state(s, "a.service", "running");
            life_touch(s, "go");
        }
        assert_int_equal(scene_exit_code(s), 0);
        life_expect_path(s, "a.service", runs[i].path);
        if (runs[i].notes && runs[i].notes[0])
            life_expect_file(s, "notes", runs[i].notes);
        else if (runs[i].notes)
            assert_null(scene_read(s, "notes"));
        scene_end(s);
    }
}

/* RemainAfterExit=: up without a process until it is stopped; its commands run then. */
static void test_remain_after_exit(void **state)
{
    struct scene *s = new_scene("[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=" TELL "exit 0\nExecStop=" NOTE
                                "stop\nExecStopPost=" NOTE "stop-post\n");
    scene_unit(s, "b.service", "[Service]\nRemainAfterExit=yes\nExecStart=" LATER "exit 0\n");
    scene_unit(s, "c.service",
               "[Unit]\nRequires=a.service b.service\nAfter=a.service b.service\n[Service]\nExecStart=" ACTOR
               " sleep\n");
    life_boot(s, state);
    life_wait_state(s, "c.service", "running");
    life_touch(s, "go");
    life_wait_state(s, "b.service", "exited");
    scene_stop(s, SIGTERM);
    assert_int_equal(scene_exit_code(s), 0);
    life_expect_path(s, "a.service", "start exited stop stop-sigterm stop-post dead");
    life_expect_path(s, "b.service", "start running exited stop-sigterm dead");
    life_expect_file(s, "notes", "stop - success exited 0 same\nstop-post - success exited 0 same\n");
    scene_end(s);
}

/* Each run has an id of its own, and ExecStopPost= of the old one is through before the new one begins. */
static void test_next_run(void **state)
{
    struct scene *s = new_scene("[Service]\nRestart=on-failure\nRestartSec=0\nExecStartPre=" NOTE
                                "pre\nExecStart=" ACTOR " crash /scene/crashes 2\nExecStopPost=" NOTE "stop-post\n");
    assert_int_equal(life_run(s, state), 0);
    life_expect_file(s, "notes",
                     "pre - - - - same\n"
                     "stop-post - exit-code exited 1 same\n"
                     "pre - - - - other\n"
                     "stop-post - success exited 0 other\n");
    scene_end(s);
}

/* ExecStop= is asked first; what it leaves gets the signal. A stop command that has the main process end is enough. */
static void test_stop_command_stops(void **state)
{
    struct scene *s = new_scene("[Service]\nExecStart=" TELL "ignore TERM -- signals /scene/signals USR1\n"
                                "ExecStop=/bin/sh -c 'kill -USR1 $MAINPID; while kill -0 $MAINPID 2>&-; do :; done'\n");
    life_boot(s, state);
    scene_wait_file(s, "signals", "ready");
    scene_stop(s, SIGTERM);
    assert_int_equal(scene_exit_code(s), 0);
    life_expect_file(s, "signals", "ready\nUSR1\n");
    life_expect_log(s, "force-killed", false);
    scene_end(s);
}

/* What a start command left behind is not left to the next phase's kill: it belongs to the unit. */
static void test_leftovers_of_commands(void **state)
{
    struct scene *s = new_scene("[Service]\nTimeoutStopSec=100ms\nExecStartPre=" ACTOR
                                " escape /scene/pre stubborn\nExecStart=" ACTOR " sleep\n");
    life_stopper(s, "a");
    life_boot(s, state);
    life_wait_state(s, "a.service", "running");
    scene_wait_file(s, "pre", "\n");
    life_stop_unit(s, "a");
    life_wait_state(s, "a.service", "failed");
    life_expect_alive(s, "pre", false);
    scene_stop(s, SIGTERM);
    assert_int_equal(scene_exit_code(s), 0);
    scene_end(s);
}

int main(void)
{
    scene_skip_unless_possible();
    const struct CMUnitTest tests[] = {
        IN_BOTH_PLACES(test_whole_sequence),      cmocka_unit_test(test_runs),
        cmocka_unit_test(test_remain_after_exit), cmocka_unit_test(test_next_run),
        IN_BOTH_PLACES(test_stop_command_stops),  IN_BOTH_PLACES(test_leftovers_of_commands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
