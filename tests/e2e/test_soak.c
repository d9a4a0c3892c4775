/* tests/e2e/test_soak.c - many units that end, fail, are killed and are restarted at random, and what is left of it.
 *
 * Between two rests, in which every unit is stopped, PID 1 has to come back to the same descriptors, watches and
 * timers, without a process or a leaf of theirs, and to about the same memory. SOAK_SECONDS says how long the units run
 * in between (default 10; scripts/soak runs it for 60), SOAK_UNITS how many there are (200), SOAK_SEED what is random.
 */
#include "base/parse.h"
#include "tests/e2e/expect.h"
#include "tests/e2e/life.h"
#include "tests/e2e/rest.h"
#include <stdio.h>
#include <time.h>

#define WARM_UP_SECONDS 3
/* malloc keeps what it once had in pieces that fit the next round or do not. */
#define GROWTH_MAX_KIB 128

static uint32_t setting(const char *name, uint32_t otherwise)
{
    const char *text = getenv(name);
    uint32_t value = otherwise;
    if (text && parse_u32(text, 1, 1000000, &value) < 0) fail_msg("%s=%s", name, text);
    return value;
}

/* ---- the units ---- */

/* Ends by itself, in each of the ways there are, or waits for what the driver does to it. */
static const char *const kinds[] = {
    "Restart=always\nExecStart=" ACTOR " pause %u -- exit 0\n",
    "Restart=on-failure\nExecStart=" ACTOR " pause %u -- exit 1\n",
    "Restart=always\nExecStart=" ACTOR " escape /dev/null stubborn -- pause %u -- exit 0\n",
    "Type=oneshot\nRestart=on-failure\nExecStart=" ACTOR " pause %u -- exit 3\n",
    "Restart=always\nExecStartPre=" ACTOR " exit 0\nExecStopPost=" ACTOR " exit 0\nExecStart=" ACTOR
    " child /dev/null -- pause %u -- kill-self SEGV\n",
    "Restart=always\nType=forking\nExecStart=" ACTOR " daemon - -- pause %u\n",
    "Restart=always\nType=notify\nTimeoutStartSec=%ums\nExecStart=" ACTOR " sleep\n",
    "Restart=always\nExecReload=" ACTOR " exit 0\nRuntimeDirectory=soak-%u\nExecStart=" ACTOR " sleep\n",
    "Restart=always\nType=notify\nFileDescriptorStoreMax=4\nWatchdogSec=1h\nExecStart=" ACTOR
    " notify READY=1 -- notify-store kept 2 -- pause %u -- exit 1\n",
    "Restart=always\nReadyWhen=path:/etc/passwd\nHealthCheck=path:/etc/passwd\nExecStart=" ACTOR " pause %u\n",
    "Restart=on-failure\nTimeoutStopSec=%ums\nExecStart=" ACTOR " ignore TERM -- sleep\n",
};

/* Does something to somebody, again and again: the control interface is part of what must not leak. */
static const char driver[] =
    "#!/bin/bash\n"
    "RANDOM=$2\n"
    "verbs=('restart --no-block' 'try-restart --no-block' 'kill --kill-whom=main -s KILL' 'kill -s TERM' reload\n"
    "       'stop --no-block' 'start --no-block' is-active status 'reset-failed' 'restart' 'show')\n"
    "while :; do\n"
    "    /usr/local/bin/container-init systemctl ${verbs[RANDOM % ${#verbs[@]}]} s$((RANDOM % $1)) >/dev/null 2>&1\n"
    "done\n";

static void write_units(struct scene *s, uint32_t n, uint32_t seed)
{
    uint64_t state = seed * UINT64_C(2654435761) + 1;
    for (uint32_t i = 0; i < n; i++) {
        char name[32];
        struct str text = STR_EMPTY;
        state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        const char *kind = kinds[i % COUNT_OF(kinds)], *hole = strstr(kind, "%u");
        /* Half of them wait for another half. No unit pulls in another: a restart that is due while all are being
         * stopped would rightly start what it needs. */
        int r = str_appendf(&text, "[Unit]\nAfter=s%u.service\n[Service]\nRestartSec=%u\n", i / 2, i % 2);
        if (r == 0) r = str_append_bytes(&text, kind, (size_t)(hole - kind));
        if (r == 0) r = str_appendf(&text, "%u%s", 300 + (unsigned)(state >> 33) % 2000, hole + 2);
        assert_int_equal(r, 0);
        (void)snprintf(name, sizeof name, "s%u.service", i);
        scene_unit(s, name, str_text(&text));
        str_done(&text);
    }
}

static void systemctl(struct scene *s, const char *arguments)
{
    struct str output = STR_EMPTY;
    char script[256];
    (void)snprintf(script, sizeof script, "exec /usr/local/bin/container-init systemctl %s 2>&1", arguments);
    const char *const argv[] = { "/bin/sh", "-c", script, NULL };
    int status = scene_exec(s, argv, &output);
    if (status != 0) scene_fail(s, "systemctl %s: status %d: %s", arguments, status, str_text(&output));
    str_done(&output);
}

static int64_t now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool is_past(struct scene *s, void *userdata)
{
    (void)s;
    return now_ms() >= *(const int64_t *)userdata;
}

/* Units end all the time: each end is an event that wakes the harness. */
static void run_for(struct scene *s, uint32_t seconds)
{
    systemctl(s, "start --no-block '*'");
    for (uint32_t i = 0; i < seconds; i++) {
        int64_t end = now_ms() + 1000;
        scene_wait(s, is_past, &end, "units that end");
    }
    systemctl(s, "stop driver");
    systemctl(s, "stop '*'");
}

static void test_soak(void **state)
{
    (void)state;
    uint32_t seconds = setting("SOAK_SECONDS", 10), n = setting("SOAK_UNITS", 200), seed = setting("SOAK_SEED", 1);
    char text[128];
    struct scene *s = scene_new();
    struct scene_spec spec = SCENE_SPEC_DEFAULT;
    spec.plain = true; /* sanitizers keep memory for themselves */
    spec.no_trace = true;
    spec.args[0] = "--stay";
    write_units(s, n, seed);
    scene_file(s, "/usr/local/bin/driver", 0755, driver);
    (void)snprintf(text, sizeof text, "[Service]\nExecStart=/usr/local/bin/driver %u %u\n", n, seed);
    scene_unit(s, "driver.service", text);
    scene_boot(s, &spec);
    scene_wait_log(s, "restarting in");
    run_for(s, WARM_UP_SECONDS);
    struct rest before = rest_look(s);
    uint64_t restarts = rest_count(scene_log(s), "restarting in");
    run_for(s, seconds);
    struct rest after = rest_look(s);
    restarts = rest_count(scene_log(s), "restarting in") - restarts;
    print_message("  %lu restarts in %u s, %ld KiB more\n", restarts, seconds,
                  (long)after.anonymous_kib - (long)before.anonymous_kib);
    if (restarts < seconds * n / 20) scene_fail(s, "only %lu units were restarted", restarts);
    assert_int_equal(after.processes, 0);
    assert_int_equal(after.leaves, 0);
    assert_int_equal(after.timers, 0);
    assert_int_equal(after.fds, before.fds); /* K89 */
    assert_int_equal(after.watched, before.watched);
    assert_int_equal(after.inotify_watches, before.inotify_watches);
    assert_true(after.anonymous_kib <= before.anonymous_kib + GROWTH_MAX_KIB);
    expect_stop(s, 0);
    scene_end(s);
}

int main(void)
{
    scene_skip_unless_possible();
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_soak) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
