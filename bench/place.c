/* bench/place.c - the proxy in PID 1's own loop against the proxy in a worker beside PID 1 (bench/place_pid1.c).
 *
 * Each way has a container of its own, in which nothing runs while another one is measured. Under each load we look at
 * how long PID 1 leaves the exits of its children lying, at what the load gets, and at what the proxy uses. */
#include "bench/place.h"
#include "bench/socket.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define RETRIES 3

static const struct way {
    const char *name, *how, *port;
} ways[] = {
    { "no proxy", "none", "9000" },
    { "in PID 1", "inside", "9001" },
    { "in PID 1, 4 events a round", "4", "9001" },
    { "worker", "beside", "9001" },
};
static const struct way cold_ways[] = {
    { "in PID 1", "cold-inside", "9001" },
    { "worker, there already", "cold-beside", "9001" },
    { "worker, started for it", "cold-fresh", "9001" },
};

/* `verb` NULL: just wait. */
enum load { NOTHING, STREAM_1, STREAM_64, SLOW, RATE, CONNECT_16, IDLE, LEAVE, LOAD_COUNT };
static const struct {
    const char *name, *verb, *count, *rate;
} loads[] = {
    [NOTHING] = { "nothing", NULL, NULL, NULL },
    [STREAM_1] = { "1 stream", "stream", "1", NULL },
    [STREAM_64] = { "64 streams", "stream", "64", NULL },
    [SLOW] = { "64 slow readers", "slow", "64", NULL },
    [RATE] = { "2000 connections/s", "connect", "1", "2000" },
    [CONNECT_16] = { "connections, 16 at once", "connect", "16", NULL },
    [IDLE] = { "8000 idle", NULL, "8000", NULL },
    [LEAVE] = { "8000 leave at once", NULL, NULL, NULL },
};

/* Of each way, load and round. `carried`: in a second of processor time of all parts; `own`: nanoseconds of the proxy
 * for a GiB or a connection. */
struct samples {
    int64_t p50[ROUNDS_MAX], p99[ROUNDS_MAX], longest[ROUNDS_MAX], carried[ROUNDS_MAX], own[ROUNDS_MAX];
};
struct container {
    struct run run;
    struct place_figures *figures;
    struct samples samples[LOAD_COUNT];
    int64_t fds, pss, worker_pss; /* with the idle ones; PSS: what came with them */
    int64_t rest;                 /* processor time in a second without a load */
};

static void open_container(const struct settings *settings, struct container *c, const struct way *way)
{
    const char *const argv[] = { "/bench/place_pid1", way->how, NULL };
    run_start(settings, &c->run, argv, NULL);
    (void)run_read_number(&c->run);
    int fd = openat(box_shared(c->run.box), PLACE_FILE, O_RDWR | O_CLOEXEC);
    c->figures = mmap(NULL, sizeof *c->figures, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (fd < 0 || c->figures == MAP_FAILED) die(errno, PLACE_FILE);
    (void)close(fd);
    widen_ports(&c->run);
}

static void close_container(struct container *c)
{
    (void)munmap(c->figures, sizeof *c->figures);
    run_end(&c->run);
}

static int64_t count_descriptors(const struct run *run)
{
    char path[64];
    int64_t n = 0;
    (void)snprintf(path, sizeof path, "/proc/%d/fd", box_pid(run->box));
    DIR *dir = opendir(path);
    if (!dir) die(errno, "%s", path);
    while (readdir(dir)) n++;
    (void)closedir(dir);
    return n - 2; /* . and .. */
}

static void open_window(struct container *c)
{
    c->figures->count = 0;
    c->figures->on = true;
}

static void close_window(struct container *c, struct samples *s, size_t round)
{
    c->figures->on = false;
    (void)usleep(50000);
    size_t n = MIN_OF((size_t)c->figures->count, (size_t)PLACE_SAMPLES);
    if (n == 0) die(0, "no child was collected");
    s->p50[round] = median(c->figures->took, n);
    s->p99[round] = c->figures->took[n - 1 - n / 100];
    s->longest[round] = c->figures->took[n - 1];
}

static void measure_idle(struct container *c, const struct way *way, size_t round)
{
    const char *const argv[] = { SOCKET_LOAD, "idle", way->port, loads[IDLE].count, NULL };
    pid_t pid = 0;
    int64_t count = 0, pss = (int64_t)run_pss_kib(&c->run), all = proxy_pss_kib(&c->run, "");
    FILE *f = client_start(&c->run, argv, &pid);
    if (fscanf(f, "%" SCNd64, &count) != 1) die(0, "%s: idle connections were refused", way->name);
    open_window(c);
    (void)usleep(500000);
    close_window(c, &c->samples[IDLE], round);
    if (round == 0) { /* later on there is room from before */
        c->pss = (int64_t)run_pss_kib(&c->run) - pss;
        c->worker_pss = proxy_pss_kib(&c->run, "") - all - c->pss;
        c->fds = count_descriptors(&c->run);
    }
    open_window(c);
    (void)usleep(20000);
    (void)kill(pid, SIGKILL);
    (void)waitpid(pid, NULL, 0);
    (void)usleep(500000);
    close_window(c, &c->samples[LEAVE], round);
    (void)fclose(f);
}

static void measure(const struct settings *settings, struct container *c, const struct way *way, enum load load,
                    size_t round)
{
    const char *const argv[] = {
        SOCKET_LOAD, loads[load].verb, way->port, loads[load].count, settings->quick ? "300" : "1000", loads[load].rate,
        NULL
    };
    struct samples *s = &c->samples[load];
    struct answer a = { .second = 1000000000 };
    int64_t own = proxy_cpu(&c->run, ""), all = run_cpu(&c->run);
    open_window(c);
    if (!loads[load].verb)
        (void)usleep(1000000);
    else if (!client_ask(&c->run, argv, &a))
        die(0, "%s: %s failed", way->name, loads[load].name);
    close_window(c, s, round);
    own = proxy_cpu(&c->run, "") - own;
    all = run_cpu(&c->run) - all;
    if (load == NOTHING) c->rest = own;
    own -= c->rest * a.second / 1000000000;
    double count = (double)a.first;
    s->carried[round] = (int64_t)(count * 1e9 / (double)all);
    if (a.first > 0) s->own[round] = (int64_t)((double)own / (load < RATE ? count / (1 << 30) : count));
}

static void print(const struct settings *settings, struct container *all)
{
    size_t n = settings->rounds;
    (void)printf("\n### place: the proxy in PID 1's loop, and in a worker beside it; on %zu processor%s\n\n"
                 "From just before a child's exit until PID 1 has collected it, us: p50 / p99 / longest\n\n|",
                 settings->processors, settings->processors == 1 ? "" : "s");
    for (size_t w = 0; w < COUNT_OF(ways); w++) (void)printf(" | %s", ways[w].name);
    (void)puts(" |\n|---|--:|--:|--:|--:|");
    for (enum load l = 0; l < LOAD_COUNT; l++) {
        (void)printf("| %s |", loads[l].name);
        for (size_t w = 0; w < COUNT_OF(ways); w++) {
            struct samples *s = &all[w].samples[l];
            (void)printf(" %.0f / %.0f / %.0f |", (double)median(s->p50, n) / 1e3, (double)median(s->p99, n) / 1e3,
                         (double)median(s->longest, n) / 1e3);
        }
        (void)puts("");
    }
    (void)puts(
        "\nIn a second of processor time of all parts together (client, proxy, server, PID 1), and processor time of "
        "the "
        "proxy alone:\n\n"
        "| | 1 stream MB/s | ms/GiB | 64 streams MB/s | ms/GiB | connections/s, 16 at once | us each | us each at "
        "2000/s |\n|---|--:|--:|--:|--:|--:|--:|--:|");
    for (size_t w = 0; w < COUNT_OF(ways); w++) {
        struct samples *s = all[w].samples;
        (void)printf("| %s |", ways[w].name);
        for (enum load l = STREAM_1; l <= STREAM_64; l++)
            (void)printf(" %.0f | %.0f |", (double)median(s[l].carried, n) / 1e6, (double)median(s[l].own, n) / 1e6);
        (void)printf(" %" PRId64 " | %.1f | %.1f |\n", median(s[CONNECT_16].carried, n),
                     (double)median(s[CONNECT_16].own, n) / 1e3, (double)median(s[RATE].own, n) / 1e3);
    }
    (void)puts("\n| with 8000 idle connections | descriptors of PID 1 | KiB more in PID 1 | in the worker |\n"
               "|---|--:|--:|--:|");
    for (size_t w = 0; w < COUNT_OF(ways); w++)
        (void)printf("| %s | %" PRId64 " | %" PRId64 " | %" PRId64 " |\n", ways[w].name, all[w].fds, all[w].pss,
                     all[w].worker_pss);
    (void)fflush(stdout);
}

static void bench_cold_place(const struct settings *settings)
{
    static struct container all[COUNT_OF(cold_ways)];
    static struct samples samples[COUNT_OF(cold_ways)];
    size_t n = settings->rounds;
    for (size_t w = 0; w < COUNT_OF(cold_ways); w++) open_container(settings, &all[w], &cold_ways[w]);
    for (size_t round = 0; round < n; round++)
        for (size_t w = 0; w < COUNT_OF(cold_ways); w++) {
            const char *const argv[] = { SOCKET_LOAD, "first", "9001", settings->quick ? "10" : "50", NULL };
            struct answer a;
            int64_t cpu = run_cpu(&all[w].run);
            /* One that comes before PID 1 has seen that the service has ended is hung up on. */
            for (int again = 0; !client_ask(&all[w].run, argv, &a); again++) {
                if (again == RETRIES) die(0, "%s: no first byte", cold_ways[w].name);
                cpu = run_cpu(&all[w].run);
            }
            samples[w].carried[round] = (run_cpu(&all[w].run) - cpu) / strtol(argv[3], NULL, 10);
            samples[w].p50[round] = a.first, samples[w].p99[round] = a.second, samples[w].own[round] = a.third;
        }
    (void)puts("\nConnect to first byte of a service that is started for it and tells when it is ready:\n\n"
               "| proxy | p10 us | p50 us | p99 us | CPU us of all | to that in PID 1: p10 | p50 | CPU |\n"
               "|---|--:|--:|--:|--:|--:|--:|--:|");
    for (size_t w = 0; w < COUNT_OF(cold_ways); w++) {
        double p10 = (double)median(samples[w].own, n), p50 = (double)median(samples[w].p50, n);
        double cpu = (double)median(samples[w].carried, n);
        (void)printf("| %s | %.0f | %.0f | %.0f | %.0f | %.2f | %.2f | %.2f |\n", cold_ways[w].name, p10 / 1e3,
                     p50 / 1e3, (double)median(samples[w].p99, n) / 1e3, cpu / 1e3,
                     p10 / (double)median(samples[0].own, n), p50 / (double)median(samples[0].p50, n),
                     cpu / (double)median(samples[0].carried, n));
        close_container(&all[w]);
    }
}

void bench_place(const struct settings *settings)
{
    static struct container all[COUNT_OF(ways)];
    struct processors *before = processors_take(settings->processors);
    for (size_t w = 0; w < COUNT_OF(ways); w++) {
        open_container(settings, &all[w], &ways[w]);
        await_port(&all[w].run, ways[w].port);
    }
    for (size_t round = 0; round < settings->rounds; round++)
        for (enum load l = 0; l < IDLE; l++)
            for (size_t w = 0; w < COUNT_OF(ways); w++) measure(settings, &all[w], &ways[w], l, round);
    for (size_t round = 0; round < settings->rounds; round++)
        for (size_t w = 0; w < COUNT_OF(ways); w++) measure_idle(&all[w], &ways[w], round);
    print(settings, all);
    for (size_t w = 0; w < COUNT_OF(ways); w++) close_container(&all[w]);
    bench_cold_place(settings);
    processors_give_back(before);
}
