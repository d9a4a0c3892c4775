/* tests/e2e/actor_clients.c - verbs of many connections at once: clients that behave well and that do not, and the
 * servers they are sent to. Clients are in a process of their own, so that a process under attack has only its own ends
 * of the connections. */
#include "tests/e2e/actor_verbs.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define FDS_MAX  65536
#define STALL_MS 300

static void take_all_descriptors(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) < 0) return;
    files.rlim_cur = files.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &files);
}

union address {
    struct sockaddr any;
    struct sockaddr_un un;
    struct sockaddr_in in;
};

/* "/path" or a port of 127.0.0.1. */
static socklen_t parse_address(const char *text, union address *ret)
{
    memset(ret, 0, sizeof *ret);
    if (text[0] == '/') {
        ret->un.sun_family = AF_UNIX;
        (void)snprintf(ret->un.sun_path, sizeof ret->un.sun_path, "%s", text);
        return sizeof ret->un;
    }
    ret->in.sin_family = AF_INET;
    ret->in.sin_port = htons((uint16_t)number(text));
    ret->in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return sizeof ret->in;
}

static int dial(const char *address, int flags)
{
    union address a;
    socklen_t length = parse_address(address, &a);
    int fd = socket(a.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
    if (fd >= 0 && connect(fd, &a.any, length) < 0 && errno != EINPROGRESS) {
        int error = errno;
        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

/* ---- clients ---- */

static bool there_and_back(int fd)
{
    char byte = 'x';
    return send(fd, &byte, 1, MSG_NOSIGNAL) == 1 && recv(fd, &byte, 1, 0) == 1;
}

static bool client_talk(const char *address)
{
    int fd = dial(address, 0);
    bool good = fd >= 0 && there_and_back(fd);
    if (fd >= 0) close(fd);
    return good;
}

static bool client_hold(const char *address)
{
    int fd = dial(address, 0);
    return fd >= 0 && there_and_back(fd);
}

/* Every other one leaves with a reset. */
static bool client_hang_up(const char *address)
{
    static unsigned turn;
    int fd = dial(address, SOCK_NONBLOCK);
    struct linger at_once = { .l_onoff = 1, .l_linger = 0 };
    if (fd < 0) return false;
    if (turn++ % 2) (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(fd);
    return true;
}

static bool client_flood(const char *address)
{
    return dial(address, SOCK_NONBLOCK) >= 0;
}

static bool client_half(const char *address)
{
    int fd = dial(address, SOCK_NONBLOCK);
    return fd >= 0 && (shutdown(fd, SHUT_WR) == 0 || errno == ENOTCONN);
}

static const struct {
    const char *name;
    bool (*run)(const char *address); /* false: refused, or no answer */
    bool stays;                       /* its connections are kept */
} clients[] = {
    { "talk", client_talk, false },  { "hold", client_hold, true }, { "hang-up", client_hang_up, false },
    { "flood", client_flood, true }, { "half", client_half, true },
};

int verb_clients(char **args, int count)
{
    char line[64];
    (void)count;
    take_all_descriptors();
    for (size_t c = 0; c < COUNT_OF(clients); c++) {
        int done = 0, n = number(args[1]);
        if (strcmp(clients[c].name, args[2]) != 0) continue;
        for (int i = 0; i < n; i++) done += clients[c].run(args[0]);
        (void)snprintf(line, sizeof line, "%s %d of %d", args[2], done, n);
        if (append_line(args[3], line) < 0) return actor_fail(args[3]);
        while (clients[c].stays) (void)pause();
        return 0;
    }
    errno = EINVAL;
    return actor_fail(args[2]);
}

/* Reads one byte, waits for something in the FIFO, then reads to the end. */
int verb_slow_reader(char **args, int count)
{
    static char buffer[1 << 20];
    char line[64];
    unsigned long long total = 1;
    (void)count;
    int fd = dial(args[0], 0);
    if (fd < 0 || recv(fd, buffer, 1, 0) != 1 || append_line(args[2], "first") < 0) return actor_fail(args[0]);
    int fifo = open(args[1], O_RDONLY | O_CLOEXEC);
    if (fifo < 0 || read(fifo, buffer, 1) < 0) return actor_fail(args[1]);
    close(fifo);
    for (ssize_t n; (n = recv(fd, buffer, sizeof buffer, 0)) > 0;) total += (unsigned long long)n;
    (void)snprintf(line, sizeof line, "read %llu", total);
    return append_line(args[2], line) < 0 ? actor_fail(args[2]) : 0;
}

/* ---- servers ---- */

static int open_listener(const char *address)
{
    union address a;
    socklen_t length = parse_address(address, &a);
    int one = 1, fd = socket(a.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) < 0) return -1;
    return bind(fd, &a.any, length) < 0 || listen(fd, 4096) < 0 ? -1 : fd;
}

int verb_crowd(char **args, int count)
{
    static struct epoll_event events[256];
    static char buffer[65536];
    (void)count;
    take_all_descriptors();
    int listener = strcmp(args[0], "-") == 0 ? 3 : open_listener(args[0]), poll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event e = { .events = EPOLLIN, .data = { .fd = listener } };
    if (listener < 0 || poll < 0 || epoll_ctl(poll, EPOLL_CTL_ADD, listener, &e) < 0) return actor_fail(args[0]);
    for (;;) {
        int n = epoll_wait(poll, events, COUNT_OF(events), -1);
        for (int i = 0; i < n; i++) {
            int fd = events[i].data.fd;
            if (fd == listener) {
                e.data.fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
                if (e.data.fd >= 0 && epoll_ctl(poll, EPOLL_CTL_ADD, e.data.fd, &e) < 0) return actor_fail("epoll_ctl");
                continue;
            }
            ssize_t got = recv(fd, buffer, sizeof buffer, 0);
            if (got <= 0 || send(fd, buffer, (size_t)got, MSG_NOSIGNAL) != got) close(fd);
        }
    }
}

/* Tells of a standstill, with what has been sent until then, and goes on when it can. */
int verb_gush(char **args, int count)
{
    static char buffer[1 << 18];
    unsigned long long left = strtoull(args[1], NULL, 10), sent = 0;
    char line[64];
    (void)count;
    int listener = open_listener(args[0]), fd = listener < 0 ? -1 : accept4(listener, NULL, NULL, SOCK_NONBLOCK);
    if (fd < 0) return actor_fail(args[0]);
    struct pollfd wait = { .fd = fd, .events = POLLOUT };
    for (bool told = false; left > 0;) {
        ssize_t n = send(fd, buffer, left < sizeof buffer ? (size_t)left : sizeof buffer, MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN) return actor_fail("send");
        if (n > 0) sent += (unsigned long long)n, left -= (unsigned long long)n;
        if (n > 0 || poll(&wait, 1, told ? -1 : STALL_MS) != 0) continue;
        (void)snprintf(line, sizeof line, "stuck %llu", sent);
        if (append_line(args[2], line) < 0) return actor_fail(args[2]);
        told = true;
    }
    return ACTOR_DONE;
}
