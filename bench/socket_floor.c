/* bench/socket_floor.c - the least work for sockets: what a program does that knows neither units nor limits.
 *
 *   socket_floor splice PORT TARGET         a proxy: splice(2) through two pipes for each connection, half-close both
 *                                           ways, edge-triggered epoll
 *   socket_floor activate PORT PROGRAM...   waits for a connection and starts PROGRAM with the listener as descriptor 3
 *   socket_floor activate-leaf ...          the same with a leaf of its own for each start, two log pipes and a session
 */
#include "base/attr.h"
#include "supervisor/clone.h"
#include "supervisor/sys.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SPLICE_MAX (1 << 20)
#define BASE       "/sys/fs/cgroup/container-init" /* leaves there have the same controllers */

static _Noreturn void die(const char *what)
{
    perror(what);
    exit(125);
}

static struct sockaddr_in address_of(const char *port)
{
    return (struct sockaddr_in){ .sin_family = AF_INET,
                                 .sin_port = htons((uint16_t)strtoul(port, NULL, 10)),
                                 .sin_addr = { htonl(INADDR_LOOPBACK) } };
}

static int listen_on(const char *port, int flags)
{
    struct sockaddr_in a = address_of(port);
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) < 0 ||
        bind(fd, (struct sockaddr *)&a, sizeof a) < 0 || listen(fd, 4096) < 0)
        die(port);
    return fd;
}

/* ---- splice ---- */

struct way {
    int from, to, pipe[2];
    size_t held; /* bytes in the pipe */
    bool ended, shut;
};
struct pair {
    struct way ways[2];
};

/* false: the connection is over. */
static bool pump(struct way *w)
{
    for (;;) {
        bool moved = false;
        if (!w->ended) {
            ssize_t n = splice(w->from, NULL, w->pipe[1], NULL, SPLICE_MAX, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
            if (n < 0 && errno != EAGAIN) return false;
            if (n == 0) w->ended = true;
            if (n > 0) w->held += (size_t)n, moved = true;
        }
        if (w->held > 0) {
            ssize_t n = splice(w->pipe[0], NULL, w->to, NULL, w->held, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
            if (n < 0 && errno != EAGAIN) return false;
            if (n > 0) w->held -= (size_t)n, moved = true;
        }
        if (w->ended && w->held == 0 && !w->shut) {
            (void)shutdown(w->to, SHUT_WR);
            w->shut = true;
        }
        if (!moved) return true;
    }
}

static void pair_free(struct pair *p)
{
    for (int i = 0; i < 2; i++) {
        (void)close(p->ways[i].from);
        (void)close(p->ways[i].pipe[0]);
        (void)close(p->ways[i].pipe[1]);
    }
    free(p);
}

static void pair_new(int poll, int client, const struct sockaddr_in *target)
{
    struct pair *p = calloc(1, sizeof *p);
    int one = 1, server = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (!p || server < 0) die("connection");
    if (connect(server, (const struct sockaddr *)target, sizeof *target) < 0 && errno != EINPROGRESS) die("connect");
    (void)setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    (void)setsockopt(server, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    p->ways[0].from = p->ways[1].to = client;
    p->ways[0].to = p->ways[1].from = server;
    for (int i = 0; i < 2; i++) {
        struct epoll_event e = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data = { .ptr = p } };
        if (pipe2(p->ways[i].pipe, O_NONBLOCK | O_CLOEXEC) < 0) die("pipe");
        if (epoll_ctl(poll, EPOLL_CTL_ADD, p->ways[i].from, &e) < 0) die("epoll_ctl");
    }
}

static _Noreturn void run_splice(const char *port, const char *target)
{
    static struct epoll_event events[256];
    struct sockaddr_in a = address_of(target);
    (void)signal(SIGPIPE, SIG_IGN);
    int listener = listen_on(port, SOCK_NONBLOCK), poll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event e = { .events = EPOLLIN, .data = { .ptr = NULL } };
    if (poll < 0 || epoll_ctl(poll, EPOLL_CTL_ADD, listener, &e) < 0) die("epoll");
    for (;;) {
        int n = epoll_wait(poll, events, COUNT_OF(events), -1);
        if (n < 0 && errno != EINTR) die("epoll_wait");
        for (int i = 0; i < n; i++) {
            struct pair *p = events[i].data.ptr;
            int client;
            while (!p && (client = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
                pair_new(poll, client, &a);
            if (!p) continue;
            bool alive = pump(&p->ways[0]) && pump(&p->ways[1]);
            if (alive && !(p->ways[0].shut && p->ways[1].shut)) continue;
            for (int k = i + 1; k < n; k++)
                if (events[k].data.ptr == p) events[k--] = events[--n];
            pair_free(p);
        }
    }
}

/* ---- activate ---- */

struct start {
    int listener, pads[2];
    char *const *argv;
};

static void child(void *userdata)
{
    static char *const environment[] = { NULL };
    const struct start *s = userdata;
    uint64_t no_signals = 0;
    if (s->pads[0] >= 0) {
        (void)sys_sigmask(SIG_SETMASK, &no_signals, NULL);
        (void)sys_setsid();
        (void)sys_dup3(s->pads[0], 1, 0);
        (void)sys_dup3(s->pads[1], 2, 0);
    }
    (void)sys_dup3(s->listener, 3, 0);
    (void)sys_execve(s->argv[0], s->argv, environment);
    sys_exit(203);
}

static void start_one(struct start *s, int root)
{
    static char stack[8192] __attribute__((aligned(16)));
    int pidfd = -1, logs[2][2] = { { -1, -1 }, { -1, -1 } }, leaf = -1;
    struct clone_args args = { .flags = CLONE_VM | CLONE_VFORK | CLONE_PIDFD | CLONE_CLEAR_SIGHAND,
                               .pidfd = (uint64_t)(uintptr_t)&pidfd,
                               .exit_signal = SIGCHLD,
                               .stack = (uint64_t)(uintptr_t)stack,
                               .stack_size = sizeof stack };
    if (root >= 0) {
        if (mkdirat(root, "activated", 0755) < 0) die("mkdir of a leaf");
        leaf = openat(root, "activated", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        for (int i = 0; i < 2; i++)
            if (pipe2(logs[i], O_CLOEXEC) < 0) die("pipe");
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = (unsigned)leaf;
    }
    s->pads[0] = logs[0][1], s->pads[1] = logs[1][1];
    long pid = clone_enter(SYS_clone3, (long)&args, sizeof args, 0, child, s);
    if (pid < 0 || waitpid((pid_t)pid, NULL, 0) < 0) die("clone3");
    (void)close(pidfd);
    if (root < 0) return;
    for (int i = 0; i < 4; i++) (void)close(logs[i / 2][i % 2]);
    (void)close(leaf);
    if (unlinkat(root, "activated", AT_REMOVEDIR) < 0) die("rmdir of a leaf");
}

static _Noreturn void activate(const char *port, char *const *argv, bool with_leaf)
{
    struct start s = { .listener = listen_on(port, 0), .argv = argv };
    struct pollfd wait = { .fd = fcntl(s.listener, F_DUPFD_CLOEXEC, 10), .events = POLLIN };
    int root = -1;
    (void)close(s.listener);
    s.listener = wait.fd;
    if (with_leaf) {
        root = open(BASE, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (root < 0) die(BASE);
    }
    for (;;)
        if (poll(&wait, 1, -1) > 0) start_one(&s, root);
}

int main(int argc, char **argv)
{
    const char *what = argc > 3 ? argv[1] : "";
    if (strcmp(what, "splice") == 0) run_splice(argv[2], argv[3]);
    if (strcmp(what, "activate") == 0) activate(argv[2], argv + 3, false);
    if (strcmp(what, "activate-leaf") == 0) activate(argv[2], argv + 3, true);
    return 2;
}
