/* tests/e2e/test_timers.c - .timer units on real processes: systemd.timer(5).
 *
 * Spans are short and AccuracySec= is small where a test waits for a timer; nothing is concluded from how long anything
 * took, but from what came before what. */
#include "tests/e2e/expect.h"
#include "tests/e2e/life.h"
#include <stdio.h>

#define EXACT "AccuracySec=1us\n"
#define NEVER "OnCalendar=2199-12-31\n" /* a timer that waits, and keeps PID 1 */
#define JOB   "[Service]\nType=oneshot\nExecStart=" ACTOR " exit 0\n"

static void job(struct scene *s, const char *stem, const char *timer)
{
    char name[64], text[1024];
    (void)snprintf(name, sizeof name, "%s.service", stem);
    scene_unit(s, name, JOB);
    (void)snprintf(name, sizeof name, "%s.timer", stem);
    (void)snprintf(text, sizeof text, "[Timer]\n%s", timer);
    scene_unit(s, name, text);
}

static void sh(struct scene *s, const char *script)
{
    const char *const argv[] = { "/bin/sh", "-c", script, NULL };
    if (scene_exec(s, argv, NULL) != 0) scene_fail(s, "failed: %s", script);
}

static const struct json_value *wait_trigger(struct scene *s, size_t n, const char *timer)
{
    return scene_wait_nth_event(s, n, "triggered", timer, NULL);
}

/* ---- what elapses once ---- */

/* OnActiveSec=, OnBootSec= and OnStartupSec= start their unit once each, and nothing is left to wait for (D5). */
static void test_once(void **state)
{
    struct scene *s = scene_new();
    job(s, "active", "OnActiveSec=100ms\n" EXACT);
    job(s, "boot", "OnBootSec=150ms\n" EXACT);
    job(s, "startup", "OnStartupSec=200ms\n" EXACT);
    job(s, "several", "OnActiveSec=50ms\nOnBootSec=2s\n" EXACT); /* so far apart that the first run has ended */
    assert_int_equal(life_run(s, state), 0);
    life_expect_count(s, 1, "triggered", "active.timer");
    life_expect_count(s, 1, "triggered", "boot.timer");
    life_expect_count(s, 1, "triggered", "startup.timer");
    life_expect_count(s, 2, "triggered", "several.timer");
    life_expect_path(s, "active.timer", "waiting running elapsed dead");
    life_expect_path(s, "boot.service", "start stop-sigterm dead");
    life_expect_log(s, "unit active.service: timer-activated (driven by attached .timer)", true);
    scene_end(s);
}

/* RemainAfterElapse=no: the timer is stopped, and what is bound to it goes with it. */
static void test_remain_after_elapse(void **state)
{
    struct scene *s = scene_new();
    job(s, "stays", "OnActiveSec=50ms\n" EXACT);
    job(s, "goes", "OnActiveSec=50ms\nRemainAfterElapse=no\n" EXACT);
    job(s, "other", NEVER);
    life_boot(s, state);
    life_wait_state(s, "goes.timer", "dead");
    life_wait_state(s, "stays.timer", "elapsed");
    expect_stop(s, 0);
    life_expect_path(s, "goes.timer", "waiting running elapsed dead");
    life_expect_path(s, "stays.timer", "waiting running elapsed dead"); /* the last with the stop */
    life_expect_states_in_order(s, "goes.timer", "dead", "other.timer", "dead");
    scene_end(s);
}

/* ---- what counts from the unit ---- */

/* OnUnitActiveSec= and OnUnitInactiveSec= start it again and again, and no two runs overlap (K10). */
static void test_repeated(void **state)
{
    struct scene *s = scene_new();
    scene_file(s, "/usr/local/bin/run", 0755,
               "#!/bin/sh\nmkdir /run/$1 || { echo overlap >/scene/overlap; exit 1; }\n"
               "echo x >>/scene/$1\nsleep 0.1\nrmdir /run/$1\n");
    scene_unit(s, "act.timer", "[Timer]\nOnActiveSec=10ms\nOnUnitActiveSec=150ms\n" EXACT);
    scene_unit(s, "act.service", "[Service]\nType=oneshot\nExecStart=/usr/local/bin/run act\n");
    scene_unit(s, "inact.timer", "[Timer]\nOnBootSec=0\nOnUnitInactiveSec=50ms\n" EXACT);
    scene_unit(s, "inact.service", "[Service]\nExecStart=/usr/local/bin/run inact\n");
    scene_unit(s, "soon.timer", "[Timer]\nOnBootSec=0\nOnUnitActiveSec=0\n" EXACT); /* as soon as it has ended */
    scene_unit(s, "soon.service", "[Service]\nType=oneshot\nExecStart=/usr/local/bin/run soon\n");
    life_boot(s, state);
    (void)wait_trigger(s, 4, "act.timer");
    (void)wait_trigger(s, 4, "inact.timer");
    (void)wait_trigger(s, 4, "soon.timer");
    char *overlap = scene_read(s, "overlap");
    if (overlap) scene_fail(s, "two runs at once");
    expect_stop(s, 0);
    scene_end(s);
}

/* ---- the wall clock ---- */

/* OnCalendar= with a job that takes long: it is not started twice, by its own timer or another (K10); the time that it
 * missed is made up for at once, unless DeferReactivation=yes. */
static void test_running_job(void **state)
{
    struct scene *s = scene_new();
    static const char wait[] = "[Service]\nType=oneshot\nExecStart=/usr/local/bin/wait-for go\n";
    scene_file(s, "/usr/local/bin/wait-for", 0755,
               "#!/bin/sh\necho x >>/scene/starts\nwhile [ ! -e /scene/$1 ]; do sleep 0.02; done\n");
    scene_unit(s, "long.service", wait);
    scene_unit(s, "long.timer", "[Timer]\nOnCalendar=*:*:*\n" EXACT);
    scene_unit(s, "second.timer", "[Timer]\nUnit=long.service\nOnCalendar=*:*:*\n" EXACT);
    scene_unit(s, "defer.service", wait);
    scene_unit(s, "defer.timer", "[Timer]\nOnCalendar=*:*:*\nDeferReactivation=yes\n" EXACT);
    job(s, "tick", "OnCalendar=*:*:*\n" EXACT);
    life_boot(s, state);
    (void)scene_wait_event(s, "spawn", "long.service", NULL);
    (void)scene_wait_event(s, "spawn", "defer.service", NULL);
    (void)wait_trigger(s, 4, "tick.timer");
    life_expect_count(s, 1, "spawn", "long.service");
    life_expect_count(s, 1, "triggered", "long.timer");
    life_expect_count(s, 1, "triggered", "second.timer");
    life_expect_count(s, 1, "triggered", "defer.timer");
    life_touch(s, "go");
    (void)wait_trigger(s, 2, "long.timer");
    const struct json_value *again = wait_trigger(s, 2, "defer.timer");
    const struct json_value *ended = scene_wait_event(s, "unit_state", "defer.service", "sub", "dead", NULL);
    uint64_t again_at = 0, ended_at = 0;
    assert_int_equal(json_get_u64(again, "t_start_ms", &again_at), 0);
    assert_int_equal(json_get_u64(ended, "t_start_ms", &ended_at), 0);
    assert_true(again_at / 1000 > ended_at / 1000); /* the next second */
    expect_stop(s, 0);
    scene_end(s);
}

/* A zone of its own, by the zone's file; and PID 1 goes on when /etc/localtime becomes another zone: OnTimezoneChange=
 * starts its unit, and calendars without a zone are looked at again. */
static void test_time_zone(void **state)
{
    struct scene *s = scene_new();
    struct scene_spec spec = life_spec(state);
    spec.args[0] = "--log-level=debug";
    spec.box.setup =
        "mkdir -p /usr/share/zoneinfo/Test; cd /usr/share/zoneinfo/Test\n"
        "cp ../Etc/GMT-3 Zone; cp ../Etc/GMT-5 Other; ln -sf /usr/share/zoneinfo/Test/Zone /etc/localtime\n";
    job(s, "zoned", "OnCalendar=*-*-* *:*:* Test/Zone\n" EXACT);
    job(s, "moved", "OnTimezoneChange=yes\n");
    job(s, "local", NEVER);
    scene_boot(s, &spec);
    (void)wait_trigger(s, 1, "zoned.timer");
    life_wait_state(s, "moved.timer", "waiting");
    life_expect_count(s, 0, "triggered", "moved.timer");
    sh(s, "touch /etc/other; touch -h /etc/localtime"); /* the same zone */
    sh(s, "ln -s /usr/share/zoneinfo/Test/Other /etc/new && mv /etc/new /etc/localtime");
    (void)wait_trigger(s, 1, "moved.timer");
    life_expect_log(s, "timers: the time zone has changed", true);
    life_wait_state(s, "moved.service", "dead");
    sh(s, "cp /usr/share/zoneinfo/Test/Zone /etc/new && mv /etc/new /etc/localtime");
    (void)wait_trigger(s, 2, "moved.timer");
    life_expect_count(s, 0, "triggered", "local.timer");
    expect_stop(s, 0);
    scene_end(s);
}

/* A zone without a file is refused with its path, when units are read. */
static void test_missing_zone(void **state)
{
    struct scene *s = scene_new();
    job(s, "lost", "OnCalendar=daily Nowhere/City\n" EXACT);
    assert_int_equal(life_run(s, state), 64);
    life_expect_log(s, "time zone /usr/share/zoneinfo/Nowhere/City: No such file or directory (line 2", true);
    expect_validate(s, NULL, 64, "/usr/share/zoneinfo/Nowhere/City");
    scene_end(s);
}

/* OnClockChange=: nobody sets the clock here, which is the machine's; until somebody does, the timer waits, keeps PID 1
 * and starts nothing. (tests/supervisor/test_timer.c sets a clock.) */
static void test_clock_change(void **state)
{
    struct scene *s = scene_new();
    job(s, "set", "OnClockChange=yes\n");
    job(s, "tick", "OnCalendar=*:*:*\n" EXACT);
    life_boot(s, state);
    life_wait_state(s, "set.timer", "waiting");
    (void)wait_trigger(s, 2, "tick.timer");
    life_expect_count(s, 0, "triggered", "set.timer");
    life_expect_count(s, 0, "spawn", "set.service");
    expect_stop(s, 0);
    life_expect_path(s, "set.timer", "waiting dead");
    scene_end(s);
}

/* ---- windows and delays ---- */

/* AccuracySec=: a timer that may be late waits for its place in the minute, one that may not elapses. And
 * RandomizedDelaySec= puts it off by a time below that. */
static void test_accuracy_and_delay(void **state)
{
    struct scene *s = scene_new();
    job(s, "exact", "OnActiveSec=50ms\n" EXACT);
    job(s, "lazy", "OnActiveSec=1s\nAccuracySec=1d\n"); /* not due when the other one wakes PID 1 */
    job(s, "delayed", "OnActiveSec=50ms\nRandomizedDelaySec=1000y\n" EXACT);
    scene_unit(s, "pass.service", "[Service]\nType=oneshot\nExecStart=/bin/sleep 1.5\n");
    life_boot(s, state);
    life_wait_state(s, "pass.service", "dead");
    life_expect_count(s, 1, "triggered", "exact.timer");
    life_expect_count(s, 0, "triggered", "lazy.timer");
    life_expect_count(s, 0, "triggered", "delayed.timer");
    expect_stop(s, 0);
    scene_end(s);
}

/* The line of the log that says when the timer elapses, malloc'ed. */
static char *elapses_in(struct scene *s, const char *timer)
{
    char text[128];
    (void)snprintf(text, sizeof text, "timer %s: elapses in ", timer);
    scene_wait_log(s, text);
    const char *line = strstr(scene_log(s), text);
    return strndup(line, strcspn(line, "\n"));
}

static char *fixed_delay(void **state, const char *machine_id, char **ret_other)
{
    struct scene *s = scene_new();
    struct scene_spec spec = life_spec(state);
    spec.args[0] = "--log-level=debug";
    scene_file(s, "/etc/machine-id", 0444, machine_id);
    job(s, "fixed", "OnActiveSec=1\nRandomizedDelaySec=1d\nFixedRandomDelay=yes\n");
    job(s, "drawn", "OnActiveSec=1\nRandomizedDelaySec=1d\n");
    scene_boot(s, &spec);
    char *line = elapses_in(s, "fixed.timer");
    *ret_other = elapses_in(s, "drawn.timer");
    expect_stop(s, 0);
    scene_end(s);
    return line;
}

/* FixedRandomDelay=: the same in each run on a machine, and another on another. */
static void test_fixed_random_delay(void **state)
{
    static const char one[] = "0123456789abcdef0123456789abcdef\n", two[] = "1123456789abcdef0123456789abcdef\n";
    char *others[3], *lines[] = { fixed_delay(state, one, &others[0]), fixed_delay(state, one, &others[1]),
                                  fixed_delay(state, two, &others[2]) };
    assert_string_equal(lines[0], lines[1]);
    assert_string_not_equal(lines[0], lines[2]);
    assert_string_not_equal(others[0], others[1]);
    for (size_t i = 0; i < COUNT_OF(lines); i++) free(lines[i]), free(others[i]);
}

/* ---- stamps ---- */

/* Persistent=: what was missed is made up for once; what was not is not; a stamp of a time to come does not count, and
 * is put right; the others are made, and kept. */
static void test_persistent(void **state)
{
    struct scene *s = scene_new();
    struct scene_spec spec = life_spec(state);
    spec.args[0] = "--state-dir=/srv/state";
    spec.box.setup = "mkdir -p /srv/state/timers && cd /srv/state/timers && touch -d 2020-01-01 stamp-missed.timer &&\n"
                     "touch stamp-fresh.timer && touch -d 2120-01-01 stamp-future.timer && touch /srv/before\n";
    job(s, "missed", "OnCalendar=daily\nPersistent=yes\n" EXACT);
    job(s, "fresh", "OnCalendar=yearly\nPersistent=yes\n" EXACT);
    job(s, "future", "OnCalendar=yearly\nPersistent=yes\n" EXACT);
    job(s, "first", "OnCalendar=yearly\nPersistent=yes\n" EXACT);
    job(s, "plain", "OnCalendar=yearly\n" EXACT);
    scene_boot(s, &spec);
    (void)wait_trigger(s, 1, "missed.timer");
    life_wait_state(s, "missed.service", "dead");
    static const char *const waiting[] = { "fresh.timer", "future.timer", "first.timer", "plain.timer" };
    for (size_t i = 0; i < COUNT_OF(waiting); i++) {
        life_wait_state(s, waiting[i], "waiting");
        life_expect_count(s, 0, "triggered", waiting[i]);
    }
    sh(s,
       "cd /srv/state/timers && test stamp-missed.timer -nt /srv/before && test stamp-first.timer -nt /srv/before &&\n"
       "test -e stamp-future.timer && touch -d 2119-01-01 /srv/then && test /srv/then -nt stamp-future.timer &&\n"
       "test ! -e stamp-plain.timer");
    life_expect_log(s, "timer future.timer: its stamp is of a time to come", true);
    expect_stop(s, 0);
    life_expect_count(s, 1, "triggered", "missed.timer");
    scene_end(s);
}

/* A directory that cannot be written to does no harm, and is told of once (K88). */
static void test_read_only_state(void **state)
{
    struct scene *s = scene_new();
    struct scene_spec spec = life_spec(state);
    spec.box.read_only_root = true;
    spec.box.setup =
        "mkdir -p /var/lib/systemd/timers && touch -d 2020-01-01 /var/lib/systemd/timers/stamp-old.timer\n";
    job(s, "one", "OnActiveSec=50ms\nOnCalendar=yearly\nPersistent=yes\n" EXACT);
    job(s, "two", "OnActiveSec=50ms\nOnCalendar=yearly\nPersistent=yes\n" EXACT);
    job(s, "old", "OnCalendar=daily\nPersistent=yes\n" EXACT);
    scene_boot(s, &spec);
    (void)wait_trigger(s, 1, "one.timer");
    (void)wait_trigger(s, 1, "two.timer");
    (void)wait_trigger(s, 1, "old.timer"); /* what can be read counts */
    life_wait_state(s, "old.service", "dead");
    const char *first = strstr(scene_log(s), "when timers ran is not kept");
    assert_non_null(first);
    assert_null(strstr(first + 1, "when timers ran is not kept"));
    expect_stop(s, 0);
    scene_end(s);
}

/* A state directory that does not answer delays the timers that want it, and nothing else (K72, K88). */
static void test_hung_state(void **state)
{
    struct scene *s = scene_new();
    struct scene_spec spec = life_spec(state);
    spec.args[0] = "--state-dir=/hung/state";
    spec.box.setup = ACTOR " hung-mount /hung </dev/null >/dev/null 2>&1\n";
    job(s, "hung", "OnActiveSec=50ms\nPersistent=yes\n" EXACT);
    job(s, "good", "OnActiveSec=50ms\nOnUnitActiveSec=100ms\n" EXACT);
    scene_boot(s, &spec);
    life_wait_state(s, "hung.timer", "waiting");
    (void)wait_trigger(s, 3, "good.timer");
    life_expect_count(s, 0, "triggered", "hung.timer");
    expect_stop(s, 0);
    scene_end(s);
}

/* A time zone that does not answer counts as UTC meanwhile; one that PID 1 only cannot vouch for is read aside, which
 * is no change of it (K72). */
static void test_far_zone(void **state)
{
    static const struct {
        const char *label, *tz, *setup;
    } cases[] = {
        { "/etc/localtime, hung", "",
          ACTOR " hung-mount /hung </dev/null >/dev/null 2>&1; rm -f /etc/localtime; ln -s /hung/zone "
                "/etc/localtime\n" },
        { "/etc/localtime, elsewhere", "",
          "mkdir -p /run/low /run/up /run/work /far; cp /usr/share/zoneinfo/Asia/Kolkata /run/low/zone\n"
          "mount -t overlay far -o lowerdir=/run/low,upperdir=/run/up,workdir=/run/work /far\n"
          "ln -sf /far/zone /etc/localtime\n" },
        { "TZ, hung", "TZ=:/hung/zone", ACTOR " hung-mount /hung </dev/null >/dev/null 2>&1\n" },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        print_message("  %s\n", cases[i].label);
        struct scene *s = scene_new();
        struct scene_spec spec = life_spec(state);
        spec.args[0] = "--log-level=debug";
        spec.box.setup = cases[i].setup;
        if (*cases[i].tz) assert_int_equal(box_spec_env(&spec.box, cases[i].tz), 0);
        job(s, "moved", "OnTimezoneChange=yes\n");
        job(s, "tick", "OnCalendar=*:*:*\n" EXACT);
        scene_boot(s, &spec);
        (void)wait_trigger(s, 3, "tick.timer");
        life_expect_log(s, "timers: the time zone is read by a file helper", true);
        life_expect_count(s, 0, "triggered", "moved.timer");
        expect_stop(s, 0);
        scene_end(s);
    }
}

/* On a mount that PID 1 does not touch by itself, stamps are kept all the same. */
static void test_far_state(void **state)
{
    struct scene *s = scene_new();
    struct scene_spec spec = life_spec(state);
    spec.args[0] = "--state-dir=/far/state";
    spec.box.setup = "mkdir -p /run/low /run/up /run/work /far\n"
                     "mount -t overlay far -o lowerdir=/run/low,upperdir=/run/up,workdir=/run/work /far\n"
                     "mkdir -p /far/state/timers && touch -d 2020-01-01 /far/state/timers/stamp-old.timer\n";
    job(s, "old", "OnCalendar=daily\nPersistent=yes\n" EXACT);
    job(s, "new", "OnCalendar=yearly\nPersistent=yes\n" EXACT);
    scene_unit(s, "look.service",
               "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'cd /far/state/timers; touch -d 2021-01-01 /run/then; "
               "while [ ! stamp-old.timer -nt /run/then ] || [ ! -e stamp-new.timer ]; do sleep 0.02; done'\n");
    scene_boot(s, &spec);
    (void)wait_trigger(s, 1, "old.timer");
    life_wait_state(s, "look.service", "dead");
    life_expect_count(s, 0, "triggered", "new.timer");
    expect_stop(s, 0);
    scene_end(s);
}

/* ---- what is started, and what it sees ---- */

/* Unit= may be another unit, a target too. The job has the container's environment, is told who started it, and logs
 * like any unit (K70). */
static void test_job(void **state)
{
    struct scene *s = scene_new();
    struct scene_spec spec = life_spec(state);
    assert_int_equal(box_spec_env(&spec.box, "FROM_RUN=docker -e"), 0);
    scene_unit(s, "nightly.timer", "[Timer]\nOnActiveSec=50ms\nUnit=work.service\n" EXACT);
    scene_unit(s, "work.service",
               "[Service]\nType=oneshot\nEnvironment=OWN=1\n"
               "ExecStart=/bin/sh -c 'echo run=$FROM_RUN own=$OWN; env | grep ^TRIGGER_ | sort >/scene/trigger'\n");
    scene_unit(s, "group.timer", "[Timer]\nOnActiveSec=60ms\nUnit=group.target\n" EXACT);
    scene_unit(s, "group.target", "[Unit]\nWants=member@1.service\n");
    scene_unit(s, "member@.service",
               "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'env | grep -c ^TRIGGER_ >/scene/member; true'\n");
    scene_boot(s, &spec);
    assert_int_equal(scene_exit_code(s), 0);
    life_expect_log(s, "[work] run=docker -e own=1\n", true);
    char *trigger = scene_read(s, "trigger");
    assert_non_null(trigger);
    assert_non_null(strstr(trigger, "TRIGGER_UNIT=nightly.timer\n"));
    assert_non_null(strstr(trigger, "TRIGGER_TIMER_REALTIME_USEC="));
    assert_non_null(strstr(trigger, "TRIGGER_TIMER_MONOTONIC_USEC="));
    free(trigger);
    expect_file(s, "member", "0\n"); /* the target was triggered, not what it wants */
    life_expect_count(s, 1, "spawn", "work.service");
    scene_end(s);
}

/* A timer without its unit, or whose unit is masked, says so and fails; one whose unit is skipped or cannot start goes
 * on, without keeping PID 1 busy; a failure of the job is the job's. */
static void test_troubles(void **state)
{
    struct scene *s = scene_new();
    scene_unit(s, "lost.timer", "[Timer]\nOnActiveSec=0\n");
    scene_unit(s, "mask.timer", "[Timer]\nOnActiveSec=0\n");
    scene_unit(s, "mask.service", "");
    scene_unit(s, "skip.timer", "[Timer]\nOnActiveSec=0\nOnUnitInactiveSec=0\nOnUnitActiveSec=0\n" EXACT);
    scene_unit(s, "skip.service", "[Unit]\nConditionPathExists=/nowhere\n" JOB);
    scene_unit(s, "need.timer", "[Timer]\nOnActiveSec=0\nOnUnitInactiveSec=0\n" EXACT);
    scene_unit(s, "need.service", "[Unit]\nRequires=broken.service\nAfter=broken.service\n" JOB);
    scene_unit(s, "broken.service", "[Service]\nType=oneshot\nExecStart=" ACTOR " exit 1\n");
    scene_unit(s, "fails.timer", "[Timer]\nOnActiveSec=0\nOnUnitInactiveSec=20ms\n" EXACT);
    scene_unit(s, "fails.service", "[Service]\nType=oneshot\nExecStart=" ACTOR " exit 3\n");
    life_boot(s, state);
    life_wait_state(s, "lost.timer", "failed");
    life_wait_state(s, "mask.timer", "failed");
    (void)wait_trigger(s, 3, "fails.timer");
    (void)wait_trigger(s, 2, "skip.timer");
    (void)wait_trigger(s, 2, "need.timer");
    life_expect_log(s, "timer lost.timer: unknown unit lost.service", true);
    life_expect_log(s, "timer mask.timer: masked unit mask.service", true);
    life_expect_count(s, 0, "spawn", "skip.service");
    scene_stop(s, SIGTERM);
    (void)scene_exit_code(s);
    scene_end(s);
}

/* Timers go down with the container, and start nothing any more (K22). */
static void test_stop(void **state)
{
    struct scene *s = scene_new();
    job(s, "often", "OnActiveSec=10ms\nOnUnitActiveSec=10ms\n" EXACT);
    scene_unit(s, "slow.service",
               "[Service]\nExecStart=/bin/sh -c 'trap \"sleep 0.3; exit 0\" TERM; echo x >/scene/up; while :; do sleep "
               "0.02; done'\n");
    life_boot(s, state);
    scene_wait_file(s, "up", "x");
    (void)wait_trigger(s, 3, "often.timer");
    expect_stop(s, 0);
    assert_true(scene_event_position(s, "unit_state", "often.timer", "sub", "dead", NULL) <
                scene_event_position(s, "unit_state", "slow.service", "sub", "dead", NULL));
    scene_end(s);
}

/* ---- an idle PID 1 does not wake ---- */

static uint64_t wake_ups(struct scene *s)
{
    char path[64], *text = NULL;
    size_t size = 0;
    (void)snprintf(path, sizeof path, "/proc/%d/status", (int)box_pid(scene_box(s)));
    assert_int_equal(file_read(AT_FDCWD, path, 65536, &text, &size), 0);
    const char *line = strstr(text, "\nvoluntary_ctxt_switches:");
    assert_non_null(line);
    uint64_t count = strtoull(line + strlen("\nvoluntary_ctxt_switches:"), NULL, 10);
    free(text);
    return count;
}

/* Between two looks, a second apart, hundreds of timers that wait make PID 1 wake not once. */
static void test_no_wake_ups(void **state)
{
    struct scene *s = scene_new();
    char name[32], text[128];
    scene_unit(s, "work.service", JOB);
    for (unsigned i = 0; i < 300; i++) {
        (void)snprintf(name, sizeof name, "t%u.timer", i);
        (void)snprintf(text, sizeof text, "[Timer]\nUnit=work.service\n%s",
                       i % 2   ? "OnBootSec=1h\n"
                       : i % 4 ? "OnCalendar=*-*-* 00:00:00 UTC\n"
                               : "OnUnitActiveSec=1s\n" NEVER);
        scene_unit(s, name, text);
    }
    life_boot(s, state);
    (void)scene_wait_event(s, "startup_finished", NULL, NULL);
    bool slept = false;
    for (int i = 0; i < 10 && !slept; i++) { /* what boot began is through by then */
        uint64_t before = wake_ups(s);
        sh(s, "sleep 1");
        slept = wake_ups(s) == before;
    }
    if (!slept) scene_fail(s, "PID 1 goes on waking");
    expect_stop(s, 0);
    scene_end(s);
}

int main(void)
{
    scene_skip_unless_possible();
    const struct CMUnitTest tests[] = {
        IN_BOTH_PLACES(test_once),
        cmocka_unit_test(test_remain_after_elapse),
        IN_BOTH_PLACES(test_repeated),
        cmocka_unit_test(test_running_job),
        cmocka_unit_test(test_time_zone),
        cmocka_unit_test(test_missing_zone),
        cmocka_unit_test(test_clock_change),
        cmocka_unit_test(test_accuracy_and_delay),
        cmocka_unit_test(test_fixed_random_delay),
        cmocka_unit_test(test_persistent),
        cmocka_unit_test(test_read_only_state),
        cmocka_unit_test(test_hung_state),
        cmocka_unit_test(test_far_state),
        cmocka_unit_test(test_far_zone),
        IN_BOTH_PLACES(test_job),
        cmocka_unit_test(test_troubles),
        cmocka_unit_test(test_stop),
        cmocka_unit_test(test_no_wake_ups),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
