/* bench/measure.c - see the header. */
#include "bench/measure.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define DEADLINE_NS ((int64_t)60 * 1000000000)

void die(int error, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)fputs("bench: ", stderr);
    (void)vfprintf(stderr, fmt, args);
    va_end(args);
    (void)fprintf(stderr, error ? ": %s\n" : "\n", strerror(error));
    exit(1);
}

int64_t now_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void nap(void)
{
    (void)nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL);
}

void make_directory(char *path, size_t size)
{
    (void)snprintf(path, size, "/tmp/bench-XXXXXX");
    if (!mkdtemp(path)) die(errno, "%s", path);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *where)
{
    (void)st, (void)kind, (void)where;
    return remove(path);
}

void remove_tree(const char *path)
{
    (void)nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void write_file(const char *directory, const char *name, mode_t mode, const char *fmt, ...)
{
    char path[4096];
    va_list args;
    (void)snprintf(path, sizeof path, "%s/%s", directory, name);
    for (char *slash = path + strlen(directory) + 1; (slash = strchr(slash, '/')); *slash++ = '/') {
        *slash = '\0';
        if (mkdir(path, 0755) < 0 && errno != EEXIST) die(errno, "%s", path);
    }
    FILE *file = fopen(path, "we");
    if (!file || fchmod(fileno(file), mode) < 0) die(errno, "%s", path);
    va_start(args, fmt);
    int r = vfprintf(file, fmt, args);
    va_end(args);
    if (fclose(file) != 0 || r < 0) die(errno, "%s", path);
}

void run_start(const struct settings *settings, struct run *run, const char *const *argv, const char *units)
{
    static const char *const tools[] = {
        "tick", "floor", "storm", "hello", "socket_load", "socket_floor", "place_pid1"
    };
    static const char *const stamp[] = { "/bench/floor", "stamp", "/shared/start" };
    const char *line[32] = { stamp[0], stamp[1], stamp[2] };
    char why[BOX_WHY_MAX] = "";
    size_t n = COUNT_OF(stamp);
    while (*argv && n + 1 < COUNT_OF(line)) line[n++] = *argv++;
    struct box_spec spec = BOX_SPEC_DEFAULT;
    spec.argv = line;
    spec.shared = "/shared";
    spec.setup = "mkfifo /shared/start /shared/ticks && chmod 755 /bench/*";
    spec.stdout_fd = spec.stderr_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (getenv("BENCH_SHOW")) spec.stdout_fd = spec.stderr_fd = STDERR_FILENO;
    char source[COUNT_OF(tools)][sizeof settings->tools + 32], inside[COUNT_OF(tools)][32];
    int r = box_spec_copy(&spec, settings->binary, "/bench/container-init");
    for (size_t i = 0; r == 0 && i < COUNT_OF(tools); i++) {
        (void)snprintf(source[i], sizeof source[i], "%s/%s", settings->tools, tools[i]);
        (void)snprintf(inside[i], sizeof inside[i], "/bench/%s", tools[i]);
        r = box_spec_copy(&spec, source[i], inside[i]);
    }
    if (r == 0 && units) r = box_spec_copy(&spec, units, "/units");
    if (r < 0) die(-r, "box");
    *run = (struct run){ .first_end = INT64_MAX };
    r = box_start(&spec, &run->box, why);
    if (r < 0) die(-r, "box: %s", why);
    run->ticks = openat(box_shared(run->box), "ticks", O_RDWR | O_CLOEXEC | O_NONBLOCK);
    int start = openat(box_shared(run->box), "start", O_RDONLY | O_CLOEXEC);
    if (run->ticks < 0 || start < 0) die(errno, "FIFO");
    if (read(start, &run->began, sizeof run->began) != (ssize_t)sizeof run->began) die(0, "no time from the start");
    (void)close(start);
    run->cpu_began = run_cpu(run);
}

/* The reports stay in the FIFO until all are there, so that the reader takes no time from those who are measured. */
static void await_bytes(const struct run *run, size_t wanted)
{
    int there = 0, status = 0;
    for (int64_t end = now_ns() + DEADLINE_NS;;) {
        if (ioctl(run->ticks, FIONREAD, &there) < 0) die(errno, "FIONREAD");
        if (there >= 0 && (size_t)there >= wanted) return;
        if (box_wait(run->box, 0, &status) == 0) die(0, "PID 1 left with status %d", status);
        if (now_ns() > end) die(0, "only %d of %zu bytes were reported", there, wanted);
        nap();
    }
}

void run_await(struct run *run, size_t count)
{
    while (count > 0) {
        int64_t batch[1000];
        size_t n = MIN_OF(count, COUNT_OF(batch));
        await_bytes(run, MIN_OF(count, (size_t)8000) * sizeof batch[0]);
        if (read(run->ticks, batch, n * sizeof batch[0]) != (ssize_t)(n * sizeof batch[0])) die(errno, "FIFO");
        for (size_t i = 0; i < n; i++) {
            run->first_end = MIN_OF(run->first_end, batch[i]);
            run->last_end = MAX_OF(run->last_end, batch[i]);
        }
        count -= n;
    }
}

int64_t run_read_number(struct run *run)
{
    int64_t number = 0;
    await_bytes(run, sizeof number);
    if (read(run->ticks, &number, sizeof number) != (ssize_t)sizeof number) die(errno, "FIFO");
    return number;
}

int64_t run_stop(struct run *run)
{
    int status = 0;
    int64_t began = now_ns();
    int r = box_signal(run->box, SIGTERM);
    if (r == 0) r = box_wait(run->box, 60000, &status);
    int64_t took = now_ns() - began;
    if (r < 0) die(-r, "stop");
    if (status != 0) die(0, "PID 1 left with status %d", status);
    return took;
}

void run_end(struct run *run)
{
    box_free(run->box);
    (void)close(run->ticks);
}

static uint64_t proc_number(const struct run *run, const char *file, const char *key)
{
    char path[64], line[256];
    uint64_t number = UINT64_MAX;
    (void)snprintf(path, sizeof path, "/proc/%d/%s", box_pid(run->box), file);
    FILE *f = fopen(path, "re");
    if (!f) die(errno, "%s", path);
    while (fgets(line, sizeof line, f))
        if (strncmp(line, key, strlen(key)) == 0) number = strtoull(line + strlen(key), NULL, 10);
    (void)fclose(f);
    if (number == UINT64_MAX) die(0, "%s has no %s", path, key);
    return number;
}

uint64_t run_pss_kib(const struct run *run)
{
    return proc_number(run, "smaps_rollup", "Pss:");
}

uint64_t run_voluntary_switches(const struct run *run)
{
    return proc_number(run, "status", "voluntary_ctxt_switches:");
}

int64_t run_cpu(const struct run *run)
{
    char text[512] = "";
    int file = openat(box_cgroup_fd(run->box), "cpu.stat", O_RDONLY | O_CLOEXEC);
    if (file < 0 || read(file, text, sizeof text - 1) < 0) die(errno, "cpu.stat");
    (void)close(file);
    const char *usage = strstr(text, "usage_usec ");
    return usage ? strtoll(usage + strlen("usage_usec "), NULL, 10) * 1000 : 0;
}

void run_settle(const struct run *run)
{
    uint64_t before = run_voluntary_switches(run);
    for (int quiet = 0; quiet < 100; quiet++) {
        nap();
        uint64_t after = run_voluntary_switches(run);
        if (after != before) quiet = 0;
        before = after;
    }
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

int64_t median(int64_t *values, size_t count)
{
    qsort(values, count, sizeof *values, compare);
    return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

int64_t time_program(const char *const *argv, uint64_t *ret_peak_kib)
{
    pid_t pid;
    int status = 0;
    struct rusage usage;
    posix_spawn_file_actions_t actions;
    extern char **environ;
    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    (void)posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    int64_t began = now_ns();
    int r = posix_spawnp(&pid, argv[0], &actions, NULL, (char *const *)(uintptr_t)argv, environ);
    if (r != 0 || wait4(pid, &status, 0, &usage) < 0) die(r ? r : errno, "%s", argv[0]);
    int64_t took = now_ns() - began;
    (void)posix_spawn_file_actions_destroy(&actions);
    if (status != 0) die(0, "%s ended with status %d", argv[0], WEXITSTATUS(status));
    if (ret_peak_kib) *ret_peak_kib = (uint64_t)usage.ru_maxrss;
    return took;
}
