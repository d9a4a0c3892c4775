/* bench/place_pid1.c - a PID 1 that collects exits and has a proxy, in its own loop or in a worker beside it.
 *
 *   place_pid1 none             no proxy; the server of bench/socket_load.c listens on port 9000
 *   place_pid1 beside|inside|N  and a proxy before it on port 9001: in a worker, in PID 1, or there with N events a
 * round place_pid1 cold-beside|cold-inside|cold-fresh and bench/hello.c is started for the first connection; fresh: so
 * is the worker
 *
 * The loop, the signals, the reaper, the proxy, the worker and the way it is started are those of container-init; what
 * is left out is all that would take the same time in both places. Inside, the proxy's own epoll set is one source of
 * PID 1's loop, which costs a round one more system call.
 *
 * What supervision suffers is seen in children of PID 1 that are made by somebody else (CLONE_PARENT), for one that
 * made them itself would make none while it is busy. */
#include "bench/place.h"

#include "socketact/proxy_internal.h"
#include "supervisor/clone.h"
#include "supervisor/manager.h"
#include "supervisor/proxy_worker.h"
#include "supervisor/sys.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <netinet/in.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "pid1/reaper.h"

#define SHARED          "/shared/"
#define PROBE_NS        2300000 /* not in step with the kernel's tick */
#define REST_NS         10000000
#define COLLECT         64
#define CONNECT_SECONDS 5
#define REPORTS         16
#define NOTIFY          "place"
#define BINARY          "/bench/container-init"
#define PROBE_ROOM      4096

struct place {
    struct manager manager; /* of which a worker wants the loop, the reaper and the program */
    struct place_figures *figures;
    struct proxy_config config;
    struct loop_deadline due; /* of the proxy inside */
    struct proxy *proxy;      /* inside */
    struct proxy_worker *worker;
    int listener, channel, notify; /* channel: to the proxy inside */
    loop_io listener_io;
    bool inside, cold, fresh;
    pid_t service;
    uint32_t number; /* of the last order */
};

static int max_events; /* 0: as many as are asked for */
static _Noreturn void die(const char *what)
{
    perror(what);
    exit(125);
}

static int64_t now(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* The linker gives us what the proxy and the loop say to the kernel. */
int __real_epoll_wait(int poll, struct epoll_event *events, int max,
                      int timeout); /* NOLINT(bugprone-reserved-identifier) */
int __wrap_epoll_wait(int poll, struct epoll_event *events, int max,
                      int timeout); /* NOLINT(bugprone-reserved-identifier) */
int __wrap_epoll_wait(int poll, struct epoll_event *events, int max,
                      int timeout) /* NOLINT(bugprone-reserved-identifier) */
{
    return __real_epoll_wait(poll, events, max_events > 0 ? MIN_OF(max, max_events) : max, timeout);
}

/* ---- children that come and go ---- */

static void born(void *userdata)
{
    struct place_figures *f = userdata;
    f->exits[sys_call(SYS_getpid, 0, 0, 0, 0, 0) % PLACE_PIDS] = now();
    sys_exit(0);
}

static _Noreturn void probe(struct place_figures *f)
{
    static char stack[PROBE_ROOM] __attribute__((aligned(16)));
    for (int64_t next = now();; next += PROBE_NS) {
        if (!f->on) next = now() + REST_NS;
        struct timespec at = { .tv_sec = next / 1000000000, .tv_nsec = next % 1000000000 };
        (void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
        if (!f->on) continue;
        long flags = CLONE_VM | CLONE_VFORK | CLONE_PARENT | SIGCHLD;
        if (clone_enter(SYS_clone, flags, (long)(stack + sizeof stack), 0, born, f) < 0) die("clone");
    }
}

static pid_t start(const char *const *argv)
{
    static const char *const environment[] = { "NOTIFY_SOCKET=@" NOTIFY, NULL };
    pid_t pid;
    int r =
        posix_spawn(&pid, argv[0], NULL, NULL, (char *const *)(uintptr_t)argv, (char *const *)(uintptr_t)environment);
    if (r != 0) die(argv[0]);
    return pid;
}

/* ---- the proxy ---- */

static void start_service(struct place *p)
{
    static const char *const hello[] = { "/bench/hello", "9113", "notify", NULL };
    if (p->cold && p->service == 0) p->service = start(hello);
}

static void on_report(struct proxy_worker *worker, const struct proxy_report *report, void *userdata)
{
    struct place *p = userdata;
    (void)worker;
    if (report->type == PROXY_REPORT_WAITING && report->number == p->number) start_service(p);
}

static void on_worker_exit(struct proxy_worker *worker, const struct child_exit *exit, void *userdata)
{
    (void)worker, (void)exit, (void)userdata;
    die("the worker has ended");
}

static void on_channel(int fd, uint32_t events, void *userdata)
{
    struct proxy_report report;
    (void)events;
    for (int i = 0; i < REPORTS && proxy_channel_receive(fd, &report, sizeof report, NULL) > 0; i++)
        on_report(NULL, &report, userdata);
}

/* When it wants to be called though nothing has happened. */
static usec_t proxy_due(const struct proxy *proxy)
{
    usec_t next = proxy->channel_full ? USEC_INFINITY : proxy->report_at;
    if (proxy->work) return 0;
    for (unsigned list = 0; list < LIST_DEAD; list++) {
        const struct connection *c = TAILQ_FIRST(&proxy->lists[list]);
        if (c) next = MIN_OF(next, c->at);
    }
    return proxy->lacking ? MIN_OF(next, proxy->lack_until) : next;
}

static void on_due(void *userdata)
{
    struct place *p = userdata;
    if (proxy_round(p->proxy, false) < 0) die("proxy_round");
    if (loop_deadline_set(p->manager.loop, &p->due, proxy_due(p->proxy), on_due, p) < 0) die("deadline");
}

static void on_proxy(int fd, uint32_t events, void *userdata)
{
    (void)fd, (void)events;
    on_due(userdata);
}

static void watch(struct place *p, int fd, enum loop_priority priority, loop_io_fn *fn, loop_io *ret_io)
{
    loop_io io;
    if (loop_io_add(p->manager.loop, fd, EPOLLIN, priority, fn, p, &io) < 0) die("loop_io_add");
    if (ret_io) *ret_io = io;
}

static void begin_proxy(struct place *p)
{
    static const struct proxy_worker_hooks hooks = { .on_report = on_report, .on_exit = on_worker_exit };
    int ends[2], r;
    if (!p->inside) {
        r = proxy_worker_start(&p->manager, NOTIFY, &p->config, &p->listener, &hooks, p, &p->worker);
        if (r < 0) die("proxy_worker_start");
        return;
    }
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) die("socketpair");
    p->channel = ends[0];
    r = proxy_new(&p->config, fd_own(ends[1]), &p->listener, &p->proxy);
    if (r < 0) die("proxy_new");
    watch(p, ends[0], LOOP_NORMAL, on_channel, NULL);
    watch(p, p->proxy->epoll.n, LOOP_NORMAL, on_proxy, NULL);
}

static void tell(struct place *p, bool ready)
{
    struct proxy_order order = { .type = PROXY_ORDER_READY, .number = ++p->number, .value = ready };
    if (p->worker)
        proxy_worker_order(p->worker, &order, -1);
    else if (proxy_channel_send(p->channel, &order, sizeof order, -1) < 0)
        die("order");
}

/* ---- PID 1 ---- */

static void on_listener(int fd, uint32_t events, void *userdata)
{
    struct place *p = userdata;
    (void)fd, (void)events;
    loop_io_remove(p->manager.loop, &p->listener_io);
    begin_proxy(p);
    start_service(p);
}

static void on_notify(int fd, uint32_t events, void *userdata)
{
    char text[64];
    (void)events;
    if (recv(fd, text, sizeof text, MSG_DONTWAIT) > 0) tell(userdata, true);
}

static void service_over(struct place *p)
{
    p->service = 0;
    if (p->fresh) {
        proxy_worker_free(p->worker);
        p->worker = NULL;
        p->number = 0;
        watch(p, p->listener, LOOP_NORMAL, on_listener, &p->listener_io);
    } else {
        tell(p, false);
    }
}

static void on_exit_of(const struct child_exit *exit, void *userdata)
{
    struct place *p = userdata;
    struct place_figures *f = p->figures;
    int64_t *at = &f->exits[exit->pid % PLACE_PIDS];
    if (exit->pid == p->service) service_over(p);
    if (*at == 0) return;
    f->took[f->count % PLACE_SAMPLES] = now() - *at;
    f->count++;
    *at = 0;
}

static void on_signals(int fd, uint32_t events, void *userdata)
{
    struct place *p = userdata;
    struct pid1_signal signal;
    (void)fd, (void)events;
    while (pid1_signals_read(&p->manager.signals, &signal) == 1)
        if (signal.intent == PID1_CHILDREN)
            while (reaper_collect(p->manager.reaper, COLLECT) > 0) continue;
}

static int listen_to(const char *name)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(9001), .sin_addr = { htonl(INADDR_LOOPBACK) } };
    struct sockaddr_un u = { .sun_family = AF_UNIX };
    int one = 1, fd = socket(name ? AF_UNIX : AF_INET, (name ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0);
    if (name) {
        (void)snprintf(u.sun_path + 1, sizeof u.sun_path - 1, "%s", name);
        if (bind(fd, (struct sockaddr *)&u, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name))) < 0)
            die(name);
        return fd;
    }
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) < 0 ||
        bind(fd, (struct sockaddr *)&a, sizeof a) < 0 || listen(fd, 4096) < 0)
        die("9001");
    return fd;
}

static void begin(struct place *p)
{
    static const char *const serve[] = { "/bench/socket_load", "serve", "9000", NULL };
    struct manager *m = &p->manager;
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) < 0) die("limit");
    files.rlim_cur = files.rlim_max;
    int fd = open(SHARED PLACE_FILE, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (setrlimit(RLIMIT_NOFILE, &files) < 0 || fd < 0 || ftruncate(fd, sizeof *p->figures) < 0) die(PLACE_FILE);
    p->figures = mmap(NULL, sizeof *p->figures, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    m->program = fd_own(open(BINARY, O_PATH | O_CLOEXEC));
    if (p->figures == MAP_FAILED || !fd_is_open(&m->program)) die(BINARY);
    if (loop_new(&m->loop) < 0 || reaper_new(&m->reaper) < 0 || pid1_signals_open(&m->signals) < 0) die("PID 1");
    reaper_set_orphan_fn(m->reaper, on_exit_of, p);
    watch(p, m->signals.fd.n, LOOP_LATE, on_signals, NULL);
    p->notify = listen_to(NOTIFY);
    watch(p, p->notify, LOOP_EARLY, on_notify, NULL);
    p->listener = listen_to(NULL);
    if (!p->cold) (void)start(serve);
    pid_t pid = fork();
    if (pid < 0) die("fork");
    if (pid == 0) probe(p->figures);
}

int main(int argc, char **argv)
{
    static struct place place;
    struct place *p = &place;
    const char *how = argc > 1 ? argv[1] : "none";
    p->cold = strncmp(how, "cold-", 5) == 0;
    if (p->cold) how += 5;
    p->fresh = strcmp(how, "fresh") == 0;
    max_events = (int)strtol(how, NULL, 10);
    p->inside = max_events > 0 || strcmp(how, "inside") == 0;
    p->config = (struct proxy_config){ .n_listeners = 1, .ready = !p->cold };
    p->config.idle_timeout = p->config.datagram_timeout = p->config.linger = USEC_INFINITY;
    p->config.connect_timeout = CONNECT_SECONDS * USEC_PER_SEC;
    (void)snprintf(p->config.target, sizeof p->config.target, "127.0.0.1:%s", p->cold ? "9113" : "9000");
    begin(p);
    if (p->fresh)
        watch(p, p->listener, LOOP_NORMAL, on_listener, &p->listener_io);
    else if (strcmp(how, "none") != 0)
        begin_proxy(p);
    int64_t ready = now();
    int told = open(SHARED "ticks", O_WRONLY | O_CLOEXEC);
    if (told < 0 || write(told, &ready, sizeof ready) != (ssize_t)sizeof ready) die("ticks");
    for (int r = 0; r >= 0;) r = loop_wait(p->manager.loop, true);
    die("loop");
}
