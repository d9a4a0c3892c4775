/* tests/e2e/test_soak.c - many units that end, fail, are killed and are restarted at random, and what is left of it.
 *
 * Between two rests, in which every unit is stopped, PID 1 has to come back to the same descriptors, watches and
 * timers, without a process or a leaf of theirs, and to about the same memory. SOAK_SECONDS says how long the units run
 * in between (default 10; scripts/soak runs it for 60), SOAK_UNITS how many there are (200), SOAK_SEED what is random.
 */
#include "base/parse.h"
#include "tests/e2e/expect.h"
#include "tests/e2e/life.h"
#include <dirent.h>
#include <stdio.h>
#include <time.h>

#define WARM_UP_SECONDS 3
/* malloc keeps what it once had in pieces that fit the next round or do not. */
#define GROWTH_MAX_KIB 128

/* What PID 1 holds while it has nothing to do. */
struct rest {
    uint64_t fds, watched, timers, inotify_watches; /* open; in its epoll sets; armed; of its inotify descriptors */
    uint64_t processes, leaves;                     /* besides PID 1's own */
    uint64_t anonymous_kib;
};

static uint32_t setting(const char *name, uint32_t otherwise)
{
    const char *text = getenv(name);
    uint32_t value = otherwise;
    if (text && parse_u32(text, 1, 1000000, &value) < 0) fail_msg("%s=%s", name, text);
    return value;
}

/* ---- what is left ---- */

static char *read_of(struct scene *s, const char *file)
{
    char path[64], *text = NULL;
    size_t size;
    (void)snprintf(path, sizeof path, "/proc/%d/%s", (int)box_pid(scene_box(s)), file);
    return file_read(AT_FDCWD, path, 1 << 20, &text, &size) < 0 ? NULL : text;
}

static uint64_t count_of(const char *text, const char *word)
{
    uint64_t n = 0;
    for (const char *at = text; at && (at = strstr(at, word)); at += strlen(word)) n++;
    return n;
}

static void look_at_descriptors(struct scene *s, struct rest *rest)
{
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/%d/fdinfo", (int)box_pid(scene_box(s)));
    DIR *dir = opendir(path);
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir));) {
        char file[300];
        if (entry->d_name[0] == '.') continue;
        (void)snprintf(file, sizeof file, "fdinfo/%s", entry->d_name);
        char *text = read_of(s, file);
        rest->fds++;
        rest->watched += count_of(text, "tfd:");
        rest->inotify_watches += count_of(text, "inotify wd:");
        if (text && strstr(text, "it_value:") && !strstr(text, "it_value: (0, 0)")) rest->timers++;
        free(text);
    }
    (void)closedir(dir);
}

static uint64_t number_printed(struct scene *s, const char *script)
{
    struct str output = STR_EMPTY;
    uint64_t number = 0;
    const char *const argv[] = { "/bin/sh", "-c", script, NULL };
    assert_int_equal(scene_exec(s, argv, &output), 0);
    str_truncate(&output, strcspn(str_text(&output), "\n"));
    if (parse_u64(str_text(&output), 0, UINT64_MAX, &number) < 0) scene_fail(s, "%s: %s", script, str_text(&output));
    str_done(&output);
    return number;
}

static struct rest look(struct scene *s)
{
    struct rest rest = { 0 };
    /* Zombies have a directory in /proc as well; the shell that looks has one itself. */
    rest.processes = number_printed(s, "set -- /proc/[0-9]*; echo $(($# - 2))");
    rest.leaves = number_printed(s, "set -- /sys/fs/cgroup/container-init/*.service; [ -e \"$1\" ] || shift; echo $#");
    look_at_descriptors(s, &rest);
    char *memory = read_of(s, "smaps_rollup");
    const char *line = memory ? strstr(memory, "Anonymous:") : NULL;
    assert_non_null(line);
    line += strcspn(line, "0123456789");
    char number[24];
    (void)snprintf(number, sizeof number, "%.*s", (int)strspn(line, "0123456789"), line); /* fits: KiB */
    assert_int_equal(parse_u64(number, 0, UINT64_MAX, &rest.anonymous_kib), 0);
    free(memory);
    print_message(
        "  at rest: %lu descriptors, %lu watched, %lu timers, %lu inotify watches, %lu processes, %lu leaves, "
        "%lu KiB\n",
        rest.fds, rest.watched, rest.timers, rest.inotify_watches, rest.processes, rest.leaves, rest.anonymous_kib);
    return rest;
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
    struct rest before = look(s);
    uint64_t restarts = count_of(scene_log(s), "restarting in");
    run_for(s, seconds);
    struct rest after = look(s);
    restarts = count_of(scene_log(s), "restarting in") - restarts;
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
