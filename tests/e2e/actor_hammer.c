/* tests/e2e/actor_hammer.c - a server that leaves between two connections, and a client that counts what it gets.
 *
 * What the server has accepted it answers, whatever ends it: a client that is hung up on without an answer was lost by
 * somebody else. */
#include "tests/e2e/actor_verbs.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define LISTEN_FIRST  3
#define LISTENERS_MAX 16

static volatile sig_atomic_t told_to_leave;

static void on_term(int signal)
{
    told_to_leave |= signal == SIGTERM;
}

static int serve_one(int listener)
{
    char text[64];
    int client = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (client < 0) return errno == EAGAIN || errno == ECONNABORTED ? 0 : -1;
    int length = snprintf(text, sizeof text, "served by %d\n", getpid());
    (void)send(client, text, (size_t)length, MSG_NOSIGNAL); /* who has left needs no answer */
    close(client);
    return 1;
}

int verb_serve(char **args, int count)
{
    int n = number(getenv("LISTEN_FDS") ? getenv("LISTEN_FDS") : "0"), limit = number(args[0]), served = 0;
    int signal = args[1][0] >= '0' && args[1][0] <= '9' ? 0 : signal_number(args[1]);
    struct pollfd fds[LISTENERS_MAX];
    struct sigaction action = { .sa_handler = on_term };
    sigset_t blocked, before;
    (void)count;
    if (n <= 0 || n > LISTENERS_MAX) return 98;
    (void)sigemptyset(&blocked);
    (void)sigaddset(&blocked, SIGTERM);
    (void)sigaddset(&blocked, SIGHUP);
    (void)sigprocmask(SIG_BLOCK, &blocked, &before);
    (void)sigaction(SIGTERM, &action, NULL);
    (void)sigaction(SIGHUP, &action, NULL);
    char ready[] = "READY=1", *notification[] = { ready, NULL };
    if (getenv("NOTIFY_SOCKET") && verb_notify(notification, 1) != 0) return actor_fail("notify");
    for (int i = 0; i < n; i++) fds[i] = (struct pollfd){ .fd = LISTEN_FIRST + i, .events = POLLIN };
    while (!told_to_leave) {
        if (ppoll(fds, (nfds_t)n, NULL, &before) < 0) {
            if (errno == EINTR) continue;
            return actor_fail("ppoll");
        }
        for (int i = 0; i < n && (limit == 0 || served < limit); i++) {
            int r = fds[i].revents ? serve_one(fds[i].fd) : 0;
            if (r < 0) return actor_fail("accept");
            served += r;
        }
        if (limit == 0 || served < limit) continue;
        if (signal > 0) (void)kill(getpid(), signal);
        return signal > 0 ? 99 : number(args[1]);
    }
    return ACTOR_DONE;
}

struct counts {
    unsigned long served, refused, lost;
};

static int dial(const char *address)
{
    struct sockaddr_un un = { .sun_family = AF_UNIX };
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    bool is_path = address[0] == '/';
    (void)snprintf(un.sun_path, sizeof un.sun_path, "%s", address);
    in.sin_port = htons((uint16_t)number(address));
    int fd = socket(is_path ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const struct sockaddr *a = is_path ? (const struct sockaddr *)&un : (const struct sockaddr *)&in;
    if (fd >= 0 && connect(fd, a, is_path ? sizeof un : sizeof in) == 0) return fd;
    if (fd >= 0) close(fd);
    return -1;
}

static void strike(const char *address, struct counts *counts)
{
    char text[64];
    size_t got = 0;
    int fd = dial(address);
    if (fd < 0) {
        counts->refused++;
        return;
    }
    for (ssize_t n; (n = read(fd, text, sizeof text)) > 0;) got += (size_t)n;
    close(fd);
    if (got > 0)
        counts->served++;
    else
        counts->lost++;
}

int verb_hammer(char **args, int count)
{
    struct counts counts = { 0 };
    char line[128];
    (void)count;
    while (access(args[1], F_OK) < 0) {
        strike(args[0], &counts);
        (void)poll(NULL, 0, 1); /* others work here as well */
    }
    (void)snprintf(line, sizeof line, "%s served=%lu refused=%lu lost=%lu", args[0], counts.served, counts.refused,
                   counts.lost);
    return append_line(args[2], line) < 0 ? actor_fail(args[2]) : 0;
}

int verb_listen_on(char **args, int count)
{
    int listener = number(args[0]);
    (void)count;
    for (;;) {
        int r = serve_one(listener);
        if (r < 0) return actor_fail("accept");
    }
}
