/* bench/socket.c - connections through container-init's proxy and through others.
 *
 * One container holds them all: container-init as PID 1, a server (bench/socket_load.c) as its service, and each
 * proxy as a service with a port of its own before that server. Nothing of this uses time while it is not asked. The
 * client is a process of its own that enters the container for each figure. All of it runs on one processor, so a
 * figure is also what the processor time of all parts allows; both are printed, for the clock is slow where other work
 * runs beside. */
#include "bench/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define IDLE_COUNT "8000" /* where 20,000 descriptors are enough for them */
#define PEERS_MAX  8
#define GIB        ((double)(1 << 30))

/* `unit`: whose processes are the proxy; NULL: none, "": PID 1 and what it runs for its sockets. */
struct way_through {
    const char *name, *port, *unit, *program, *idle;
};
static const struct way_through ways[] = {
    { "no proxy", "9000", NULL, NULL, IDLE_COUNT },
    { "container-init", "9001", "", NULL, IDLE_COUNT },
    { "plain splice loop", "9002", "splice.service", NULL, "3000" },
    { "systemd-socket-proxyd", "9003", "proxyd.service", PROXYD, "3000" },
    { "haproxy", "9004", "haproxy.service", "/usr/sbin/haproxy", "7500" },
    { "haproxy splice-auto", "9005", "haproxy-splice.service", "/usr/sbin/haproxy", "7500" },
    { "socat", "9006", "socat.service", "/usr/bin/socat", "500" },
};
_Static_assert(COUNT_OF(ways) <= PEERS_MAX, "a table for each");

/* What the client is asked, and how a figure comes of what it says. */
enum figure { STREAM_1, STREAM_64, CONNECT_1, CONNECT_16, REQUEST, FIGURE_COUNT };
static const struct {
    const char *verb, *count;
} figures[] = {
    [STREAM_1] = { "stream", "1" },     [STREAM_64] = { "stream", "64" }, [CONNECT_1] = { "connect", "1" },
    [CONNECT_16] = { "connect", "16" }, [REQUEST] = { "request", NULL },
};
/* Of each way and round. STREAM_*, CONNECT_*: so many in a second of the clock, and of the processor. */
struct samples {
    int64_t clock[ROUNDS_MAX], processor[ROUNDS_MAX];
    int64_t own[ROUNDS_MAX];  /* nanoseconds of the proxy itself for a GiB, a connection or a request */
    int64_t tail[ROUNDS_MAX]; /* REQUEST: p99; `clock` is p50 */
};
static bool is_installed(const struct way_through *w)
{
    return !w->program || access(w->program, X_OK) == 0;
}

static void make_units(const char *dir)
{
    static const char service[] = "[Unit]\nStartLimitIntervalSec=0\n[Service]\nExecStart=";
    static const char proxy[] =
        "[Unit]\n[Socket]\nListenStream=127.0.0.1:%s\nActivationMode=proxy\nProxyTarget=127.0.0.1:"
        "%s\nTriggerLimitIntervalSec=0\nPollLimitIntervalSec=0\nService=%s\n";
    static const char native[] =
        "[Socket]\nListenStream=127.0.0.1:%s\nTriggerLimitIntervalSec=0\nPollLimitIntervalSec=0\n";
    write_file(dir, "server.service", 0644, "%s" SOCKET_LOAD " serve 9000\n", service);
    write_file(dir, "front.socket", 0644, proxy, "9001", "9000", "server.service");
    write_file(dir, "splice.service", 0644, "%s" SOCKET_FLOOR " splice 9002 9000\n", service);
    write_file(dir, "proxyd.socket", 0644, native, "9003");
    write_file(dir, "proxyd.service", 0644, "%s" PROXYD " --connections-max=9000 127.0.0.1:9000\n", service);
    for (int i = 0; i < 2; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "haproxy%d.cfg", i);
        write_file(dir, name, 0644,
                   "global\n nbthread 1\n maxconn 7800\ndefaults\n mode tcp\n timeout connect 5s\n timeout client 1h\n"
                   " timeout server 1h\n%slisten front\n bind 127.0.0.1:900%d\n server one 127.0.0.1:9000\n",
                   i ? " option splice-auto\n" : "", 4 + i);
    }
    if (is_installed(&ways[4])) {
        write_file(dir, "haproxy.service", 0644, "%s/usr/sbin/haproxy -db -f /units/haproxy0.cfg\n", service);
        write_file(dir, "haproxy-splice.service", 0644, "%s/usr/sbin/haproxy -db -f /units/haproxy1.cfg\n", service);
    }
    if (is_installed(&ways[6]))
        write_file(dir, "socat.service", 0644,
                   "%s/usr/bin/socat TCP-LISTEN:9006,bind=127.0.0.1,reuseaddr,fork,backlog=4096,nodelay "
                   "TCP:127.0.0.1:9000,nodelay\n",
                   service);
}

/* ---- who uses what ---- */

static char sought[64], found[PATH_MAX];
static int seek_leaf(const char *path, const struct stat *st, int kind, struct FTW *where)
{
    (void)st;
    if (kind != FTW_D || strcmp(path + where->base, sought) != 0) return 0;
    (void)snprintf(found, sizeof found, "%s", path);
    return 1;
}

static FILE *open_in_leaf(const struct run *run, const char *unit, const char *file)
{
    char path[PATH_MAX + 64];
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d/.", box_cgroup_fd(run->box));
    (void)snprintf(sought, sizeof sought, "%s", unit);
    if (nftw(path, seek_leaf, 16, FTW_PHYS) != 1) die(0, "%s has no leaf below %s", unit, path);
    (void)snprintf(path, sizeof path, "%s/%s", found, file);
    FILE *f = fopen(path, "re");
    if (!f) die(errno, "%s", path);
    return f;
}

/* Processes of the proxy: fills pids, returns how many. */
static size_t proxy_pids(const struct run *run, const char *unit, pid_t *pids, size_t max)
{
    size_t n = 0;
    int pid;
    if (!unit) return 0;
    if (*unit) {
        FILE *f = open_in_leaf(run, unit, "cgroup.procs");
        while (n < max && fscanf(f, "%d", &pid) == 1) pids[n++] = pid;
        (void)fclose(f);
        return n;
    }
    char path[64], line[256];
    pids[n++] = box_pid(run->box);
    (void)snprintf(path, sizeof path, "/proc/%d/task/%d/children", pids[0], pids[0]);
    FILE *f = fopen(path, "re");
    while (f && n < max && fscanf(f, "%d", &pid) == 1) {
        (void)snprintf(path, sizeof path, "/proc/%d/cmdline", pid);
        FILE *arguments = fopen(path, "re");
        size_t size = arguments ? fread(line, 1, sizeof line, arguments) : 0;
        if (memmem(line, size, "__proxy", 7)) pids[n++] = pid;
        if (arguments) (void)fclose(arguments);
    }
    if (f) (void)fclose(f);
    return n;
}

int64_t proxy_cpu(const struct run *run, const char *unit)
{
    int64_t sum = 0;
    if (!unit) return 0;
    if (*unit) {
        FILE *f = open_in_leaf(run, unit, "cpu.stat");
        if (fscanf(f, "usage_usec %" SCNd64, &sum) != 1) die(0, "cpu.stat of %s", unit);
        (void)fclose(f);
        return sum * 1000;
    }
    pid_t pids[64];
    size_t n = proxy_pids(run, unit, pids, COUNT_OF(pids));
    for (size_t i = 0; i < n; i++) {
        clockid_t clock;
        struct timespec used = { 0, 0 };
        if (clock_getcpuclockid(pids[i], &clock) == 0) (void)clock_gettime(clock, &used);
        sum += (int64_t)used.tv_sec * 1000000000 + used.tv_nsec;
    }
    return sum;
}

int64_t proxy_pss_kib(const struct run *run, const char *unit)
{
    static pid_t pids[16384];
    size_t n = proxy_pids(run, unit, pids, COUNT_OF(pids));
    int64_t sum = 0;
    for (size_t i = 0; i < n; i++) {
        char path[64], line[256];
        int64_t value;
        (void)snprintf(path, sizeof path, "/proc/%d/smaps_rollup", pids[i]);
        FILE *f = fopen(path, "re");
        while (f && fgets(line, sizeof line, f))
            if (sscanf(line, "Pss: %" SCNd64, &value) == 1) sum += value;
        if (f) (void)fclose(f);
    }
    return sum;
}

/* ---- the client ---- */

FILE *client_start(const struct run *run, const char *const *argv, pid_t *ret_pid)
{
    int ends[2], r = pipe2(ends, O_CLOEXEC);
    if (r == 0) r = box_exec(run->box, argv, ends[1], -1, ret_pid);
    if (r < 0) die(-r, "%s", argv[0]);
    (void)close(ends[1]);
    FILE *f = fdopen(ends[0], "r");
    if (!f) die(errno, "client");
    return f;
}

bool client_ask(const struct run *run, const char *const *argv, struct answer *ret)
{
    pid_t pid = 0;
    int status = 0;
    struct rusage usage;
    FILE *f = client_start(run, argv, &pid);
    int n = fscanf(f, "%" SCNd64 " %" SCNd64 " %" SCNd64, &ret->first, &ret->second, &ret->third);
    (void)fclose(f);
    if (wait4(pid, &status, 0, &usage) < 0) die(errno, "client");
    ret->cpu = ((int64_t)usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000000 +
               ((int64_t)usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1000;
    return n >= 2 && status == 0;
}

void await_port(const struct run *run, const char *port)
{
    struct answer a;
    const char *const argv[] = { "/bin/sh", "-c",
                                 "for i in $(seq 100); do " SOCKET_LOAD " half $0 2>/dev/null && exit 0; "
                                 "sleep 0.1; done; exit 1",
                                 port, NULL };
    if (!client_ask(run, argv, &a)) die(0, "nobody serves port %s", port);
}

static void measure(const struct settings *settings, const struct run *run, const struct way_through *w,
                    enum figure figure, struct samples *samples, size_t round)
{
    const char *length = settings->quick ? "200" : "1000", *requests = settings->quick ? "3000" : "20000";
    const char *const argv[] = { SOCKET_LOAD, figures[figure].verb,
                                 w->port,     figures[figure].count ? figures[figure].count : requests,
                                 length,      NULL };
    struct answer a;
    int64_t own = proxy_cpu(run, w->unit), server = proxy_cpu(run, "server.service");
    if (!client_ask(run, argv, &a)) die(0, "%s: %s failed", w->name, argv[1]);
    own = proxy_cpu(run, w->unit) - own;
    server = proxy_cpu(run, "server.service") - server;
    double all = (double)(own + server + a.cpu), count = (double)a.first;
    if (figure == REQUEST) {
        samples->clock[round] = a.first;
        samples->tail[round] = a.second;
        count = strtod(requests, NULL);
        samples->processor[round] = (int64_t)(all / count);
        samples->own[round] = (int64_t)((double)own / count);
        return;
    }
    samples->clock[round] = (int64_t)(count * 1e9 / (double)a.second);
    samples->processor[round] = (int64_t)(count * 1e9 / all);
    samples->own[round] = (int64_t)((double)own / (figure <= STREAM_64 ? count / GIB : count));
}

/* KiB of the proxy for each idle connection. */
static void measure_idle(const struct run *run, const struct way_through *w)
{
    const char *const argv[] = { SOCKET_LOAD, "idle", w->port, w->idle, NULL };
    pid_t pid = 0;
    int64_t count = 0, before = proxy_pss_kib(run, w->unit);
    FILE *f = client_start(run, argv, &pid);
    if (fscanf(f, "%" SCNd64, &count) != 1) die(0, "%s: idle connections were refused", w->name);
    (void)usleep(200000);
    int64_t after = proxy_pss_kib(run, w->unit);
    (void)kill(pid, SIGKILL);
    (void)waitpid(pid, NULL, 0);
    (void)fclose(f);
    (void)printf("| %s | %" PRId64 " | %" PRId64 " | %" PRId64 " | %.2f |\n", w->name, count, before, after,
                 (double)(after - before) / (double)count);
    (void)fflush(stdout);
    run_settle(run);
}

static void print_through(const struct settings *settings, struct samples (*all)[FIGURE_COUNT])
{
    size_t n = settings->rounds;
    for (int by = 0; by < 2; by++) {
        (void)printf(
            "\n%s:\n\n| | 1 stream MB/s | 64 streams MB/s | connections/s | 16 at once/s |\n|---|--:|--:|--:|--:|\n",
            by ? "In a second of processor time of all parts together (client, proxy, server)" : "By the clock");
        for (size_t w = 0; w < COUNT_OF(ways); w++) {
            if (!is_installed(&ways[w])) continue;
            (void)printf("| %s |", ways[w].name);
            for (enum figure f = 0; f < REQUEST; f++) {
                int64_t value = median(by ? all[w][f].processor : all[w][f].clock, n);
                (void)printf(" %" PRId64 " |", f <= STREAM_64 ? value / 1000000 : value);
            }
            (void)puts("");
        }
    }
    (void)puts("\nAdded to a request of 1 KiB and its answer, and processor time of the proxy alone:\n\n"
               "| | p50 us | p99 us | all parts us | ms/GiB, 1 stream | ms/GiB, 64 | us/connection | us/request |\n"
               "|---|--:|--:|--:|--:|--:|--:|--:|");
    for (size_t w = 0; w < COUNT_OF(ways); w++) {
        if (!is_installed(&ways[w])) continue;
        struct samples *s = all[w], *direct = &all[0][REQUEST];
        int64_t base[] = { w ? median(direct->clock, n) : 0, w ? median(direct->tail, n) : 0,
                           w ? median(direct->processor, n) : 0 };
        (void)printf("| %s | %.1f | %.1f | %.1f | %.0f | %.0f | %.1f | %.1f |\n", ways[w].name,
                     (double)(median(s[REQUEST].clock, n) - base[0]) / 1e3,
                     (double)(median(s[REQUEST].tail, n) - base[1]) / 1e3,
                     (double)(median(s[REQUEST].processor, n) - base[2]) / 1e3,
                     (double)median(s[STREAM_1].own, n) / 1e6, (double)median(s[STREAM_64].own, n) / 1e6,
                     (double)median(s[CONNECT_1].own, n) / 1e3, (double)median(s[REQUEST].own, n) / 1e3);
    }
    (void)puts("\nThe first line is the whole time and not added to anything.");
}

struct processors {
    cpu_set_t set;
};

struct processors *processors_take(size_t count)
{
    struct processors *before = calloc(1, sizeof *before);
    cpu_set_t some;
    CPU_ZERO(&some);
    if (!before || sched_getaffinity(0, sizeof before->set, &before->set) < 0) die(errno, "sched_getaffinity");
    for (size_t i = CPU_SETSIZE; i-- > 0 && count > 0;)
        if (CPU_ISSET(i, &before->set)) CPU_SET(i, &some), count--;
    if (sched_setaffinity(0, sizeof some, &some) < 0) die(errno, "sched_setaffinity");
    return before;
}

void processors_give_back(struct processors *before)
{
    (void)sched_setaffinity(0, sizeof before->set, &before->set);
    free(before);
}

void widen_ports(const struct run *run)
{
    static const char *const argv[] = { "/bin/sh", "-c",
                                        "echo 10000 65535 >/proc/sys/net/ipv4/ip_local_port_range; echo 0 0", NULL };
    struct answer a;
    if (!client_ask(run, argv, &a)) die(0, "ip_local_port_range");
}

static void bench_through(const struct settings *settings, const struct run *run)
{
    static struct samples all[COUNT_OF(ways)][FIGURE_COUNT];
    await_port(run, ways[1].port); /* which also starts the server */
    for (size_t w = 0; w < COUNT_OF(ways); w++) {
        struct answer a = { 0 };
        if (!is_installed(&ways[w])) {
            (void)printf("%s is not installed and left out.\n", ways[w].name);
            continue;
        }
        await_port(run, ways[w].port);
        const char *const argv[] = { SOCKET_LOAD, "half", ways[w].port, NULL };
        if (!client_ask(run, argv, &a) || a.first != a.second)
            (void)printf("%s loses what comes after the client's end of file: %" PRId64 " of %" PRId64 " bytes came.\n",
                         ways[w].name, a.first, a.second);
    }
    (void)puts(
        "\n| idle connections through | how many | PSS KiB before | with them | KiB each |\n|---|--:|--:|--:|--:|");
    for (size_t w = 1; w < COUNT_OF(ways); w++)
        if (is_installed(&ways[w])) measure_idle(run, &ways[w]);
    for (size_t round = 0; round < settings->rounds; round++)
        for (enum figure f = 0; f < FIGURE_COUNT; f++)
            for (size_t w = 0; w < COUNT_OF(ways); w++)
                if (is_installed(&ways[w])) measure(settings, run, &ways[w], f, &all[w][f], round);
    print_through(settings, all);
}

void bench_socket(const struct settings *settings)
{
    static const char *const argv[] = { "/bench/container-init", "--units", "/units", "--drop-in", "/none", NULL };
    struct run run;
    char dir[64];
    make_directory(dir, sizeof dir);
    make_units(dir);
    struct processors *before = processors_take(settings->processors);
    run_start(settings, &run, argv, dir);
    widen_ports(&run);
    (void)printf("\n### socket: through a proxy to a server in the same container, all on %zu processor%s\n\n",
                 settings->processors, settings->processors == 1 ? "" : "s");
    bench_through(settings, &run);
    run_end(&run);
    processors_give_back(before);
    remove_tree(dir);
}
