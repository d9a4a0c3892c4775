/* bench/cold.c - from connect(2) to the first byte of a service that is started for the connection (bench/hello.c).
 *
 * The floor is a program that polls the listener, clones and execs (bench/socket_floor.c), alone and with what every
 * floor of these benchmarks has: a leaf for the process, two log pipes and a session. Where systemd is installed, it is
 * PID 1 of a second container with the same units. */
#include "bench/socket.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SYSTEMD   "/lib/systemd/systemd"
#define HELLO     "/bench/hello"
#define NO_LIMITS "TriggerLimitIntervalSec=0\nPollLimitIntervalSec=0\n"

static const struct start {
    const char *name, *port;
    bool by_systemd;
} starts[] = {
    { "poll, clone, exec", "9011", false },
    { "the same with a leaf, log pipes and a session", "9012", false },
    { "container-init, native", "9010", false },
    { "systemd, native", "9010", true },
    { "container-init, proxied", "9013", false },
    { "container-init, proxied, Type=notify", "9014", false },
    { "systemd, systemd-socket-proxyd, Type=notify", "9014", true },
};
struct samples {
    int64_t p10[ROUNDS_MAX], p50[ROUNDS_MAX], p99[ROUNDS_MAX];
};

static bool is_there(const struct start *start)
{
    return !start->by_systemd || (access(SYSTEMD, X_OK) == 0 && access(PROXYD, X_OK) == 0);
}

static void make_socket(const char *dir, const char *name, const char *port, const char *more)
{
    write_file(dir, name, 0644, "[Unit]\nDefaultDependencies=no\n[Socket]\nListenStream=127.0.0.1:%s\n" NO_LIMITS "%s",
               port, more);
}

static void make_service(const char *dir, const char *name, const char *command, const char *more)
{
    write_file(dir, name, 0644,
               "[Unit]\nDefaultDependencies=no\nStartLimitIntervalSec=0\n%s[Service]\n%sExecStart=%s\n", more,
               strstr(command, " notify") ? "Type=notify\nNotifyAccess=all\n" : "", command);
}

static void make_units(const char *dir)
{
    static const char proxy[] = "ActivationMode=proxy\nProxyTarget=127.0.0.1:";
    char more[128];
    make_socket(dir, "native.socket", "9010", "");
    make_service(dir, "native.service", HELLO, "");
    make_service(dir, "floor.service", SOCKET_FLOOR " activate 9011 " HELLO, "");
    make_service(dir, "leaf.service", SOCKET_FLOOR " activate-leaf 9012 " HELLO, "");
    (void)snprintf(more, sizeof more, "%s9113\n", proxy);
    make_socket(dir, "simple.socket", "9013", more);
    make_service(dir, "simple.service", HELLO " 9113", "");
    (void)snprintf(more, sizeof more, "%s9114\n", proxy);
    make_socket(dir, "notify.socket", "9014", more);
    make_service(dir, "notify.service", HELLO " 9114 notify", "");
}

/* The proxy goes when the service has gone, so that the next start is a cold one. */
static void make_systemd_units(const char *dir)
{
    make_socket(dir, "native.socket", "9010", "");
    make_service(dir, "native.service", HELLO, "");
    make_socket(dir, "through.socket", "9014", "");
    make_service(dir, "through.service", PROXYD " 127.0.0.1:9114", "BindsTo=target.service\nAfter=target.service\n");
    make_service(dir, "target.service", HELLO " 9114 notify", "");
    write_file(dir, "bench.target", 0644,
               "[Unit]\nDefaultDependencies=no\nRequires=native.socket through.socket\nAfter=native.socket "
               "through.socket\n");
}

static void ask_all(const struct settings *settings, const struct run *runs, struct samples *all, size_t round)
{
    for (size_t i = 0; i < COUNT_OF(starts); i++) {
        struct answer a;
        const char *const argv[] = { SOCKET_LOAD, "first", starts[i].port, settings->quick ? "10" : "50", NULL };
        if (!is_there(&starts[i])) continue;
        if (!client_ask(&runs[starts[i].by_systemd], argv, &a)) die(0, "%s: no first byte", starts[i].name);
        all[i].p50[round] = a.first;
        all[i].p99[round] = a.second;
        all[i].p10[round] = a.third;
    }
}

static void print(const struct settings *settings, struct samples *all)
{
    size_t n = settings->rounds;
    double least[] = { (double)median(all[0].p10, n), (double)median(all[0].p50, n) };
    double leaf[] = { (double)median(all[1].p10, n), (double)median(all[1].p50, n) };
    (void)printf("\n### cold: connect to first byte of a service that is started for it, all on %zu processor%s\n\n"
                 "| | p10 us | p50 us | p99 us | to poll, clone, exec: p10 | p50 | to that with a leaf: p10 | p50 |\n"
                 "|---|--:|--:|--:|--:|--:|--:|--:|\n",
                 settings->processors, settings->processors == 1 ? "" : "s");
    for (size_t i = 0; i < COUNT_OF(starts); i++) {
        if (!is_there(&starts[i])) continue;
        double p10 = (double)median(all[i].p10, n), p50 = (double)median(all[i].p50, n);
        (void)printf("| %s | %.0f | %.0f | %.0f | %.2f | %.2f | %.2f | %.2f |\n", starts[i].name, p10 / 1e3, p50 / 1e3,
                     (double)median(all[i].p99, n) / 1e3, p10 / least[0], p50 / least[1], p10 / leaf[0], p50 / leaf[1]);
    }
}

void bench_cold(const struct settings *settings)
{
    static const char *const argv[] = { "/bench/container-init", "--units", "/units", "--drop-in", "/none", NULL };
    static const char *const systemd_argv[] = { "/bin/sh", "-c",
                                                "rm -rf /etc/systemd/system /run/systemd; cp -a /units "
                                                "/etc/systemd/system; mkdir /run/systemd; export container=docker; "
                                                "exec " SYSTEMD " --unit=bench.target --show-status=no",
                                                NULL };
    static struct samples all[COUNT_OF(starts)];
    struct run runs[2];
    char dirs[2][64];
    bool with_systemd = is_there(&starts[3]);
    struct processors *before = processors_take(settings->processors);
    for (size_t i = 0; i < COUNT_OF(dirs); i++) make_directory(dirs[i], sizeof dirs[i]);
    make_units(dirs[0]);
    make_systemd_units(dirs[1]);
    run_start(settings, &runs[0], argv, dirs[0]);
    widen_ports(&runs[0]);
    if (with_systemd) {
        run_start(settings, &runs[1], systemd_argv, dirs[1]);
        widen_ports(&runs[1]);
        (void)sleep(3); /* nothing tells when it has come up */
        run_settle(&runs[1]);
    }
    for (size_t round = 0; round < settings->rounds; round++) ask_all(settings, runs, all, round);
    print(settings, all);
    if (!with_systemd) (void)puts("\nsystemd is not installed and left out.");
    for (size_t i = 0; i < (with_systemd ? 2 : 1); i++) run_end(&runs[i]);
    for (size_t i = 0; i < COUNT_OF(dirs); i++) remove_tree(dirs[i]);
    processors_give_back(before);
}
