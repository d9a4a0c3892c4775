/* bench/bench.c - measures container-init against the floor of bench/floor.c, both in the same run, and prints tables.
 * See usage below, and bench/RESULTS.md. */
#include "bench/measure.h"
#include "bench/peers.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STOP_COUNT  1000
#define REAP_COUNT  20000
#define START_COUNT 1000
#define CHAIN_COUNT 100
#define UNIT_COUNT  1000

static const char usage[] =
    "usage: bench [OPTION]... BINARY boot|stop|reap|restart|chain|validate|parse|idle|timers|socket|cold|place|all...\n"
    "  --rounds N   each figure is the median of N (default 5)\n"
    "  --peers      other supervisors too, where they are installed\n"
    "  --quick      socket, cold, place: rougher figures, two rounds\n"
    "  --cpus N     socket, cold, place: on so many processors (default 1)\n";

static const char *const boot_argv[] = { "/bench/container-init", "--units", "/units", "--drop-in", "/none", NULL };

static double ms(int64_t ns)
{
    return (double)ns / 1e6;
}

static void make_services(const char *dir, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "s%04zu.service", i);
        write_file(dir, name, 0644, "[Service]\nExecStart=" TICK "\n");
    }
}

/* What is measured of a boot. */
struct boot_figures {
    int64_t boot[ROUNDS_MAX], boot_cpu[ROUNDS_MAX], stop[ROUNDS_MAX], stop_cpu[ROUNDS_MAX];
    uint64_t pss_kib;
};
static void boot_once(const struct settings *settings, const char *const *argv, const char *units, size_t n,
                      struct boot_figures *figures, size_t round, bool also_stop)
{
    struct run run;
    run_start(settings, &run, argv, units);
    run_await(&run, n);
    figures->boot[round] = run.last_end - run.began;
    figures->boot_cpu[round] = run_cpu(&run) - run.cpu_began;
    if (also_stop) {
        run_settle(&run);
        int64_t cpu = run_cpu(&run);
        figures->stop[round] = run_stop(&run);
        figures->stop_cpu[round] = run_cpu(&run) - cpu;
    } else if (round == 0) {
        run_settle(&run);
        figures->pss_kib = run_pss_kib(&run);
    }
    run_end(&run);
}

void print_row(const char *what, int64_t ours, int64_t floor_time)
{
    (void)printf("| %s | %.1f | %.1f | %.2f |\n", what, ms(floor_time), ms(ours), (double)ours / (double)floor_time);
    (void)fflush(stdout);
}

/* With processor time, which other work on the machine moves less. */
static void print_cpu_row(const char *what, const int64_t ours[2], const int64_t least[2])
{
    (void)printf("| %s | %.1f | %.1f | %.2f | %.1f | %.1f | %.2f |\n", what, ms(least[0]), ms(ours[0]),
                 (double)ours[0] / (double)least[0], ms(least[1]), ms(ours[1]), (double)ours[1] / (double)least[1]);
    (void)fflush(stdout);
}
#define CPU_HEAD(what)                                                                                                 \
    "| " what " | floor ms | container-init ms | ratio | floor CPU ms | container-init CPU ms | ratio |\n"             \
    "|---|--:|--:|--:|--:|--:|--:|"

static void bench_boot(const struct settings *settings)
{
    static const size_t counts[] = { 1, 10, 100, 1000 };
    uint64_t pss[COUNT_OF(counts)];
    (void)puts("\n### boot: exec of PID 1 to the first instruction of the last of N services\n\n" CPU_HEAD("N"));
    for (size_t c = 0; c < COUNT_OF(counts); c++) {
        struct boot_figures ours, least;
        char dir[64], text[16];
        make_directory(dir, sizeof dir);
        make_services(dir, counts[c]);
        (void)snprintf(text, sizeof text, "%zu", counts[c]);
        const char *const floor_argv[] = { "/bench/floor", "boot", text, "/bench/tick", "/shared/ticks", NULL };
        for (size_t i = 0; i < settings->rounds; i++) {
            boot_once(settings, floor_argv, NULL, counts[c], &least, i, false);
            boot_once(settings, boot_argv, dir, counts[c], &ours, i, false);
        }
        print_cpu_row(
            text, (const int64_t[]){ median(ours.boot, settings->rounds), median(ours.boot_cpu, settings->rounds) },
            (const int64_t[]){ median(least.boot, settings->rounds), median(least.boot_cpu, settings->rounds) });
        pss[c] = ours.pss_kib;
        remove_tree(dir);
    }
    (void)puts("\n### memory: PSS of PID 1 with N idle services\n\n| N | KiB |\n|--:|--:|");
    for (size_t c = 0; c < COUNT_OF(counts); c++) (void)printf("| %zu | %" PRIu64 " |\n", counts[c], pss[c]);
    (void)printf("\nPer service: %.2f KiB\n", ((double)pss[3] - (double)pss[0]) / (double)(counts[3] - counts[0]));
    if (!settings->peers) return;
    (void)puts("\n### boot: other supervisors, 1000 services\n\n| | ms | PSS KiB of PID 1 |\n|---|--:|--:|");
    for (size_t p = 0; p < PEER_COUNT; p++) {
        struct boot_figures figures;
        char dir[64];
        if (!peer_is_installed(&peers[p])) continue;
        make_directory(dir, sizeof dir);
        peers[p].make(dir, 1000);
        for (size_t i = 0; i < settings->rounds; i++) boot_once(settings, peers[p].argv, dir, 1000, &figures, i, false);
        (void)printf("| %s | %.1f | %" PRIu64 " |\n", peers[p].name, ms(median(figures.boot, settings->rounds)),
                     figures.pss_kib);
        (void)fflush(stdout);
        remove_tree(dir);
    }
}

static void bench_stop(const struct settings *settings)
{
    static const char *const kill_argv[] = { "/bench/floor", "boot", "1000", "/bench/tick", "/shared/ticks", NULL };
    static const char *const leaves_argv[] = { "/bench/floor", "boot-leaves",   "1000",
                                               "/bench/tick",  "/shared/ticks", NULL };
    struct boot_figures ours, least, leaves;
    char dir[64];
    make_directory(dir, sizeof dir);
    make_services(dir, STOP_COUNT);
    for (size_t i = 0; i < settings->rounds; i++) {
        boot_once(settings, kill_argv, NULL, STOP_COUNT, &least, i, true);
        boot_once(settings, leaves_argv, NULL, STOP_COUNT, &leaves, i, true);
        boot_once(settings, boot_argv, dir, STOP_COUNT, &ours, i, true);
    }
    (void)puts("\n### stop: SIGTERM to PID 1 to its end, 1000 services that leave on TERM\n\n" CPU_HEAD("floor"));
    const int64_t took[] = { median(ours.stop, settings->rounds), median(ours.stop_cpu, settings->rounds) };
    print_cpu_row("kill(2) and waitpid(2)", took,
                  (const int64_t[]){ median(least.stop, settings->rounds), median(least.stop_cpu, settings->rounds) });
    print_cpu_row(
        "the same, and rmdir(2) of each leaf", took,
        (const int64_t[]){ median(leaves.stop, settings->rounds), median(leaves.stop_cpu, settings->rounds) });
    remove_tree(dir);
}

static void bench_reap(const struct settings *settings)
{
    static const char *const floor_argv[] = { "/bench/floor", "reap", "/bench/storm", "20000", "/shared/ticks", NULL };
    int64_t ours[ROUNDS_MAX], least[ROUNDS_MAX];
    char dir[64];
    make_directory(dir, sizeof dir);
    write_file(dir, "storm.service", 0644, "[Service]\nExecStart=/bench/storm %d /shared/ticks\n", REAP_COUNT);
    for (size_t i = 0; i < settings->rounds; i++) {
        struct run run;
        run_start(settings, &run, floor_argv, NULL);
        least[i] = run_read_number(&run);
        run_end(&run);
        run_start(settings, &run, boot_argv, dir);
        ours[i] = run_read_number(&run);
        run_end(&run);
    }
    (void)puts("\n### reap: 20000 orphans that end at once, until none is left\n\n"
               "| | floor ms | container-init ms | ratio |\n|---|--:|--:|--:|");
    print_row("20000", median(ours, settings->rounds), median(least, settings->rounds));
    remove_tree(dir);
}

/* From the first to the last of so many starts, and what the whole run cost. */
struct starts {
    int64_t took[ROUNDS_MAX], cpu[ROUNDS_MAX];
};
static void starts_once(const struct settings *settings, const char *const *argv, const char *units, size_t count,
                        struct starts *starts, size_t round)
{
    struct run run;
    run_start(settings, &run, argv, units);
    run_await(&run, count);
    starts->took[round] = run.last_end - run.first_end;
    starts->cpu[round] = run_cpu(&run) - run.cpu_began;
    run_end(&run);
}

static void print_starts(const char *what, const int64_t ours[2], struct starts *least, size_t rounds)
{
    print_cpu_row(what, ours, (const int64_t[]){ median(least->took, rounds), median(least->cpu, rounds) });
}

static void bench_restart(const struct settings *settings)
{
    static const char *const floor_argv[] = { "/bench/floor",  "restart", "1000", "/bench/tick",
                                              "/shared/ticks", "once",    NULL };
    struct starts ours, least;
    char dir[64];
    make_directory(dir, sizeof dir);
    write_file(dir, "flap.service", 0644,
               "[Service]\nExecStart=" TICK " once\nRestart=always\nRestartSec=0\nStartLimitIntervalSec=0\n");
    for (size_t i = 0; i < settings->rounds; i++) {
        starts_once(settings, floor_argv, NULL, START_COUNT, &least, i);
        starts_once(settings, boot_argv, dir, START_COUNT, &ours, i);
    }
    (void)puts(
        "\n### restart: one service that ends at once, 1000 starts, Restart=always RestartSec=0\n\n" CPU_HEAD(""));
    const int64_t took[] = { median(ours.took, settings->rounds), median(ours.cpu, settings->rounds) };
    print_starts("1000", took, &least, settings->rounds);
    double floor_time = (double)median(least.took, settings->rounds);
    (void)printf("\nRestarts per second: %.0f, %.2f of the floor's %.0f\n", (START_COUNT - 1) * 1e9 / (double)took[0],
                 floor_time / (double)took[0], (START_COUNT - 1) * 1e9 / floor_time);
    remove_tree(dir);
}

static void bench_chain(const struct settings *settings)
{
    static const char *const wait_argv[] = { "/bench/floor",  "restart", "100", "/bench/tick",
                                             "/shared/ticks", "once",    NULL };
    static const char *const leaf_argv[] = { "/bench/floor",  "chain", "100", "/bench/tick",
                                             "/shared/ticks", "once",  NULL };
    struct starts ours, least, leaves;
    char dir[64];
    make_directory(dir, sizeof dir);
    for (size_t i = 0; i < CHAIN_COUNT; i++) {
        char name[32], order[96] = "";
        (void)snprintf(name, sizeof name, "c%03zu.service", i);
        if (i > 0) (void)snprintf(order, sizeof order, "After=c%03zu.service\nRequires=c%03zu.service\n", i - 1, i - 1);
        write_file(dir, name, 0644, "[Unit]\n%s[Service]\nType=oneshot\nExecStart=" TICK " once\n", order);
    }
    for (size_t i = 0; i < settings->rounds; i++) {
        starts_once(settings, wait_argv, NULL, CHAIN_COUNT, &least, i);
        starts_once(settings, leaf_argv, NULL, CHAIN_COUNT, &leaves, i);
        starts_once(settings, boot_argv, dir, CHAIN_COUNT, &ours, i);
    }
    (void)puts("\n### chain: 100 oneshots, each after the one before\n\n" CPU_HEAD("floor"));
    const int64_t took[] = { median(ours.took, settings->rounds), median(ours.cpu, settings->rounds) };
    print_starts("spawn and wait, one after the other", took, &least, settings->rounds);
    print_starts("the same, each in a leaf of its own", took, &leaves, settings->rounds);
    remove_tree(dir);
}

static void bench_validate(const struct settings *settings)
{
    int64_t ours[ROUNDS_MAX], least[ROUNDS_MAX];
    char dir[64], floor_program[sizeof settings->tools + 8];
    make_directory(dir, sizeof dir);
    make_services(dir, 1);
    for (size_t i = 1; i < UNIT_COUNT; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "s%04zu.service", i);
        write_file(dir, name, 0644,
                   "# The %zu. of them\n[Unit]\nDescription=Service number %zu\nDocumentation=man:none(8)\n"
                   "After=network.target "
                   "s%04zu.service\nWants=s%04zu.service\nStartLimitBurst=5\nStartLimitIntervalSec=60s\n\n"
                   "[Service]\nType=simple\nUser=nobody\nWorkingDirectory=${APP_HOME:-/var/lib}\n"
                   "Environment=\"GREETING=hello world\" NUMBER=%zu\nExecStartPre=-/usr/bin/install -d -m 0755 /run/a\n"
                   "ExecStart=/usr/local/bin/app --listen 127.0.0.1:%zu --name %%n\nRestart=on-failure\nRestartSec=2s\n"
                   "TimeoutStopSec=1min 30s\nKillSignal=SIGINT\n\n[Install]\nWantedBy=multi-user.target\n",
                   i, i, i / 2, i / 2, i, i);
    }
    (void)snprintf(floor_program, sizeof floor_program, "%s/floor", settings->tools);
    const char *const floor_argv[] = { floor_program, "read", dir, NULL };
    const char *const argv[] = { settings->binary, "--units", dir, "--drop-in", "/none", "--validate", NULL };
    for (size_t i = 0; i < settings->rounds; i++) {
        least[i] = time_program(floor_argv, NULL);
        ours[i] = time_program(argv, NULL);
    }
    (void)puts("\n### validate: 1000 unit files, against a program that only reads them\n\n"
               "| | floor ms | container-init ms | ratio |\n|---|--:|--:|--:|");
    print_row("1000", median(ours, settings->rounds), median(least, settings->rounds));
    remove_tree(dir);
}

static void bench_idle(const struct settings *settings)
{
    struct run run;
    char dir[64];
    make_directory(dir, sizeof dir);
    make_services(dir, 100);
    for (size_t i = 0; i < 10; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "lazy%zu.socket", i);
        write_file(dir, name, 0644, "[Socket]\nListenStream=/run/lazy%zu.sock\n", i);
        (void)snprintf(name, sizeof name, "lazy%zu.service", i);
        write_file(dir, name, 0644, "[Service]\nExecStart=" TICK "\n");
        (void)snprintf(name, sizeof name, "later%zu.service", i);
        write_file(dir, name, 0644, "[Service]\nExecStart=" TICK " once\nRestart=always\nRestartSec=1h\n");
        (void)snprintf(name, sizeof name, "starting%zu.service", i);
        write_file(dir, name, 0644, "[Service]\nType=oneshot\nTimeoutStartSec=1h\nExecStart=" TICK "\n");
    }
    run_start(settings, &run, boot_argv, dir);
    run_await(&run, 120);
    run_settle(&run);
    uint64_t before = run_voluntary_switches(&run);
    (void)sleep(5);
    uint64_t woken = run_voluntary_switches(&run) - before;
    (void)printf("\n### idle: 100 services, 10 listeners, 20 armed deadlines\n\n"
                 "Voluntary context switches of PID 1 in 5 s: %" PRIu64 "\n",
                 woken);
    run_end(&run);
    remove_tree(dir);
}

/* Timers that wait, by either clock, all for one service; the last of them elapses at once and tells that the others
 * are armed. */
static void make_timers(const char *dir, size_t n)
{
    write_file(dir, "job.service", 0644, "[Service]\nType=oneshot\nExecStart=" TICK " once\n");
    write_file(dir, "ready.service", 0644, "[Service]\nExecStart=" TICK "\n");
    write_file(dir, "zz.timer", 0644, "[Timer]\nUnit=ready.service\nOnActiveSec=0\nAccuracySec=1us\n");
    for (size_t i = 1; i < n; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "t%05zu.timer", i);
        if (i % 2 == 0)
            write_file(dir, name, 0644, "[Timer]\nUnit=job.service\nOnBootSec=%zus\n", 3600 + i);
        else
            write_file(dir, name, 0644, "[Timer]\nUnit=job.service\nOnCalendar=2150-%zu-%zu 0%zu:%02zu:00\n",
                       1 + i % 12, 1 + i % 28, i % 10, i % 60);
    }
}

static void bench_timers(const struct settings *settings)
{
    static const size_t counts[] = { 1, 1000, 10000 };
    uint64_t pss[COUNT_OF(counts)] = { 0 }, woken[COUNT_OF(counts)] = { 0 };
    (void)puts("\n### timers: exec of PID 1 until N timers wait; memory; wake-ups in 5 s while none is due\n\n"
               "| N | ms | PSS KiB of PID 1 | wake-ups |\n|---|--:|--:|--:|");
    for (size_t c = 0; c < COUNT_OF(counts); c++) {
        int64_t took[ROUNDS_MAX];
        char dir[64];
        make_directory(dir, sizeof dir);
        make_timers(dir, counts[c]);
        for (size_t i = 0; i < settings->rounds; i++) {
            struct run run;
            run_start(settings, &run, boot_argv, dir);
            run_await(&run, 1);
            took[i] = run.last_end - run.began;
            if (i == 0) {
                run_settle(&run);
                pss[c] = run_pss_kib(&run);
                woken[c] = run_voluntary_switches(&run);
                (void)sleep(5);
                woken[c] = run_voluntary_switches(&run) - woken[c];
            }
            run_end(&run);
        }
        (void)printf("| %zu | %.1f | %" PRIu64 " | %" PRIu64 " |\n", counts[c], ms(median(took, settings->rounds)),
                     pss[c], woken[c]);
        (void)fflush(stdout);
        remove_tree(dir);
    }
    (void)printf("\nPer timer: %.2f KiB\n", ((double)pss[2] - (double)pss[0]) / (double)(counts[2] - counts[0]));
}

/* A thousand of them are due within ten seconds, for a service that runs already, so that a wake-up is all they need.
 */
static void bench_due(const struct settings *settings)
{
    struct run run;
    char dir[64];
    make_directory(dir, sizeof dir);
    write_file(dir, "job.service", 0644, "[Service]\nExecStart=" TICK "\n");
    write_file(dir, "first.timer", 0644, "[Timer]\nUnit=job.service\nOnActiveSec=0\nAccuracySec=1us\n");
    for (size_t i = 0; i < 1000; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "t%04zu.timer", i);
        write_file(dir, name, 0644, "[Timer]\nUnit=job.service\nOnActiveSec=%zums\nAccuracySec=10s\n", 5000 + i * 10);
    }
    run_start(settings, &run, boot_argv, dir);
    run_await(&run, 1);
    run_settle(&run);
    uint64_t before = run_voluntary_switches(&run);
    int64_t cpu = run_cpu(&run);
    (void)sleep(28);
    (void)printf("\n1000 timers due within 10 s, AccuracySec=10s: %" PRIu64 " wake-ups, %.1f ms of processor time\n",
                 run_voluntary_switches(&run) - before, ms(run_cpu(&run) - cpu));
    run_end(&run);
    remove_tree(dir);
}

static void bench_all_timers(const struct settings *settings)
{
    bench_timers(settings);
    bench_due(settings);
}

static const struct {
    const char *name;
    void (*run)(const struct settings *settings);
} benchmarks[] = {
    { "boot", bench_boot },       { "stop", bench_stop },   { "reap", bench_reap },
    { "restart", bench_restart }, { "chain", bench_chain }, { "validate", bench_validate },
    { "parse", bench_parse },     { "idle", bench_idle },   { "timers", bench_all_timers },
    { "socket", bench_socket },   { "cold", bench_cold },   { "place", bench_place },
};

static bool run_named(const struct settings *settings, const char *name)
{
    bool found = false;
    for (size_t i = 0; i < COUNT_OF(benchmarks); i++) {
        if (strcmp(name, "all") != 0 && strcmp(name, benchmarks[i].name) != 0) continue;
        (void)fprintf(stderr, "bench: %s\n", benchmarks[i].name);
        benchmarks[i].run(settings);
        found = true;
    }
    return found;
}

int main(int argc, char **argv)
{
    struct settings settings = { .rounds = 5, .processors = 1 };
    int i = 1;
    for (; i < argc && strncmp(argv[i], "--", 2) == 0; i++) {
        if (strcmp(argv[i], "--peers") == 0)
            settings.peers = true;
        else if (strcmp(argv[i], "--quick") == 0)
            settings.quick = true, settings.rounds = 2;
        else if (strcmp(argv[i], "--cpus") == 0 && i + 1 < argc)
            settings.processors = strtoul(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--rounds") == 0 && i + 1 < argc)
            settings.rounds = strtoul(argv[++i], NULL, 10);
        else
            i = argc;
    }
    if (argc - i < 2 || settings.rounds < 1 || settings.rounds > ROUNDS_MAX) {
        (void)fputs(usage, stderr);
        return 2;
    }
    settings.binary = argv[i++];
    ssize_t n = readlink("/proc/self/exe", settings.tools, sizeof settings.tools - 1);
    if (n < 0) die(errno, "/proc/self/exe");
    settings.tools[n] = '\0';
    (void)dirname(settings.tools);
    const char *refused = box_refused();
    if (refused) die(0, "no container can be made here: %s", refused);
    for (; i < argc; i++)
        if (!run_named(&settings, argv[i])) die(0, "%s: no such benchmark", argv[i]);
    return 0;
}
