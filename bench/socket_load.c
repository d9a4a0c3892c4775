/* bench/socket_load.c - both ends of the connections that bench/socket measures; the proxies are between them.
 *
 *   socket_load serve PORT        answers for ever; the first byte of a connection says how: D sends until the peer
 *                                 leaves, H answers HALF_BYTES after the peer's end of file, all else is echoed
 *   socket_load stream PORT N MS  reads N streams at once for MS milliseconds: bytes, nanoseconds
 *   socket_load slow PORT N MS    the same, with 30 ms of rest after each piece
 *   socket_load connect PORT N MS [RATE]
 *                                 connects N at a time, a byte there and a byte back, closes, at most RATE in a second:
 *                                 connections, nanoseconds
 *   socket_load request PORT N    N times 1 KiB there and back on one connection: p50, p99, p10 in nanoseconds
 *   socket_load first PORT N      N times from connect(2) to the first byte, 30 ms of rest between: the same
 *   socket_load half PORT         bytes that arrive after the end of what was sent
 *   socket_load idle PORT N       opens N connections, a byte there and back on each, says so and keeps them
 *
 * Figures go to standard output, numbers parted by blanks. */
#include "base/attr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CHUNK       (128 * 1024)
#define FDS_MAX     65536
#define HALF_BYTES  50000
#define REQUEST     1024
#define REST_NS     30000000
#define STREAMS_MAX 1024

static char chunk[CHUNK];

static _Noreturn void die(const char *what)
{
    perror(what);
    exit(1);
}

static int64_t now(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static struct sockaddr_in address_of(const char *port)
{
    return (struct sockaddr_in){ .sin_family = AF_INET,
                                 .sin_port = htons((uint16_t)strtoul(port, NULL, 10)),
                                 .sin_addr = { htonl(INADDR_LOOPBACK) } };
}

static void set_no_delay(int fd)
{
    int one = 1;
    if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) < 0) die("TCP_NODELAY");
}

/* ---- the server ---- */

enum mode { MODE_NEW, MODE_ECHO, MODE_SEND, MODE_HALF };
static uint8_t modes[FDS_MAX];

static void leave(int fd)
{
    modes[fd] = MODE_NEW;
    (void)close(fd);
}

static void watch(int poll, int operation, int fd, uint32_t events)
{
    struct epoll_event e = { .events = events, .data = { .fd = fd } };
    if (epoll_ctl(poll, operation, fd, &e) < 0) die("epoll_ctl");
}

static void send_on(int fd)
{
    for (int i = 0; i < 8; i++) {
        ssize_t n = send(fd, chunk, sizeof chunk, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno != EAGAIN) leave(fd);
        if (n < (ssize_t)sizeof chunk) return;
    }
}

static void serve_one(int poll, int fd)
{
    if (modes[fd] == MODE_SEND) {
        send_on(fd);
        return;
    }
    ssize_t n = recv(fd, chunk, sizeof chunk, MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN) return;
    if (n == 0 && modes[fd] == MODE_HALF) (void)send(fd, chunk, HALF_BYTES, MSG_NOSIGNAL);
    if (n <= 0) {
        leave(fd);
        return;
    }
    if (modes[fd] == MODE_NEW) modes[fd] = chunk[0] == 'D' ? MODE_SEND : chunk[0] == 'H' ? MODE_HALF : MODE_ECHO;
    if (modes[fd] == MODE_SEND)
        watch(poll, EPOLL_CTL_MOD, fd, EPOLLOUT);
    else if (modes[fd] == MODE_ECHO && send(fd, chunk, (size_t)n, MSG_NOSIGNAL) != n)
        leave(fd);
}

static int serve(const char *port)
{
    static struct epoll_event events[256];
    struct sockaddr_in a = address_of(port);
    int one = 1, poll = epoll_create1(EPOLL_CLOEXEC);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (poll < 0 || listener < 0 || setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) < 0 ||
        bind(listener, (struct sockaddr *)&a, sizeof a) < 0 || listen(listener, 4096) < 0)
        die(port);
    watch(poll, EPOLL_CTL_ADD, listener, EPOLLIN);
    for (;;) {
        int n = epoll_wait(poll, events, COUNT_OF(events), -1);
        if (n < 0 && errno != EINTR) die("epoll_wait");
        for (int i = 0; i < n; i++) {
            if (events[i].data.fd != listener) {
                serve_one(poll, events[i].data.fd);
                continue;
            }
            for (int fd; (fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) >= 0;) {
                if (fd >= FDS_MAX) die("too many connections");
                set_no_delay(fd);
                watch(poll, EPOLL_CTL_ADD, fd, EPOLLIN);
            }
        }
    }
}

/* ---- the client ---- */

static int reach(const char *port)
{
    struct sockaddr_in a = address_of(port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof a) < 0) die(port);
    set_no_delay(fd);
    return fd;
}

static void put(int fd, const void *data, size_t size)
{
    if (send(fd, data, size, MSG_NOSIGNAL) != (ssize_t)size) die("send");
}

static void get(int fd, size_t size)
{
    for (size_t n = 0; n < size;) {
        ssize_t r = recv(fd, chunk, size - n, 0);
        if (r <= 0) die("recv");
        n += (size_t)r;
    }
}

static void rest_until(int64_t t)
{
    struct timespec at = { .tv_sec = t / 1000000000, .tv_nsec = t % 1000000000 };
    (void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
}

/* `pause`: nanoseconds between one reading of all and the next. */
static int stream(const char *port, size_t count, int64_t length, int64_t pause)
{
    int poll = epoll_create1(EPOLL_CLOEXEC);
    uint64_t bytes = 0;
    if (poll < 0 || count > STREAMS_MAX) die("streams");
    for (size_t i = 0; i < count; i++) {
        int fd = reach(port);
        put(fd, "D", 1);
        watch(poll, EPOLL_CTL_ADD, fd, EPOLLIN);
    }
    int64_t began = now(), end = began + length, t;
    while ((t = now()) < end) {
        static struct epoll_event events[STREAMS_MAX];
        int n = epoll_wait(poll, events, COUNT_OF(events), 10000);
        if (n <= 0) die("no bytes");
        if (pause > 0) rest_until(t + pause);
        for (int i = 0; i < n; i++) {
            ssize_t r = recv(events[i].data.fd, chunk, sizeof chunk, MSG_DONTWAIT);
            if (r == 0 || (r < 0 && errno != EAGAIN)) die("stream");
            if (r > 0) bytes += (uint64_t)r;
        }
    }
    return printf("%" PRIu64 " %" PRId64 "\n", bytes, t - began) < 0;
}

static int connections(const char *port, size_t at_once, int64_t length, int64_t rate)
{
    int fds[STREAMS_MAX];
    uint64_t count = 0;
    if (at_once > STREAMS_MAX) die("connections");
    int64_t began = now(), end = began + length, t;
    for (; (t = now()) < end; count += at_once) {
        if (rate > 0) rest_until(began + (int64_t)count * 1000000000 / rate);
        for (size_t i = 0; i < at_once; i++) {
            fds[i] = reach(port);
            put(fds[i], "E", 1);
        }
        for (size_t i = 0; i < at_once; i++) {
            get(fds[i], 1);
            (void)close(fds[i]);
        }
    }
    return printf("%" PRIu64 " %" PRId64 "\n", count, t - began) < 0;
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static int report(int64_t *samples, size_t count)
{
    qsort(samples, count, sizeof *samples, compare);
    int r = printf("%" PRId64 " %" PRId64 " %" PRId64 "\n", samples[count / 2], samples[count - 1 - count / 100],
                   samples[count / 10]);
    free(samples);
    return r < 0;
}

static int64_t *new_samples(size_t count)
{
    int64_t *samples = calloc(count, sizeof *samples);
    if (count == 0 || !samples) die("samples");
    return samples;
}

static int request(const char *port, size_t count)
{
    int64_t *samples = new_samples(count);
    static char message[REQUEST] = "E";
    int fd = reach(port);
    for (size_t i = 0; i < count; i++) {
        int64_t began = now();
        put(fd, message, sizeof message);
        get(fd, sizeof message);
        samples[i] = now() - began;
    }
    return report(samples, count);
}

static int first(const char *port, size_t count)
{
    int64_t *samples = new_samples(count);
    for (size_t i = 0; i < count; i++) {
        (void)nanosleep(&(struct timespec){ .tv_nsec = REST_NS }, NULL);
        int64_t began = now();
        int fd = reach(port);
        get(fd, 1);
        samples[i] = now() - began;
        (void)shutdown(fd, SHUT_WR);
        while (recv(fd, chunk, sizeof chunk, 0) > 0) continue;
        (void)close(fd);
    }
    return report(samples, count);
}

static int half(const char *port)
{
    ssize_t n, got = 0;
    int fd = reach(port);
    put(fd, "H", 1);
    if (shutdown(fd, SHUT_WR) < 0) die("shutdown");
    while ((n = recv(fd, chunk, sizeof chunk, 0)) > 0) got += n;
    return printf("%zd %d\n", got, HALF_BYTES) < 0;
}

static int idle(const char *port, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int fd = reach(port);
        put(fd, "E", 1);
        get(fd, 1);
    }
    if (printf("%zu 0\n", count) < 0 || fflush(stdout) != 0) die("output");
    for (;;) (void)pause();
}

int main(int argc, char **argv)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    (void)signal(SIGPIPE, SIG_IGN);
    if (argc < 3) return 2;
    const char *what = argv[1], *port = argv[2];
    size_t count = argc > 3 ? strtoul(argv[3], NULL, 10) : 1;
    int64_t length = argc > 4 ? strtoll(argv[4], NULL, 10) * 1000000 : 1000000000;
    if (strcmp(what, "serve") == 0) return serve(port);
    if (strcmp(what, "stream") == 0) return stream(port, count, length, 0);
    if (strcmp(what, "slow") == 0) return stream(port, count, length, REST_NS);
    if (strcmp(what, "connect") == 0)
        return connections(port, count, length, argc > 5 ? strtoll(argv[5], NULL, 10) : 0);
    if (strcmp(what, "request") == 0) return request(port, count);
    if (strcmp(what, "first") == 0) return first(port, count);
    if (strcmp(what, "half") == 0) return half(port);
    if (strcmp(what, "idle") == 0) return idle(port, count);
    return 2;
}
