/* tests/e2e/actor_proxy.c - verbs of tests of the proxy: servers that tell what they see, clients that say from where.
 */
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

#define CLIENTS_MAX 64

static int type_of(const char *kind)
{
    return strcmp(kind, "dgram") == 0 ? SOCK_DGRAM : strcmp(kind, "seqpacket") == 0 ? SOCK_SEQPACKET : SOCK_STREAM;
}

/* "IP" or "-", a blank, and what came with bytes that cannot be printed as \xHH. */
static size_t tell(char *answer, size_t size, const union any_address *from, const char *bytes, size_t length)
{
    char ip[INET6_ADDRSTRLEN] = "-";
    if (from->any.sa_family == AF_INET) (void)inet_ntop(AF_INET, &from->in.sin_addr, ip, sizeof ip);
    if (from->any.sa_family == AF_INET6) (void)inet_ntop(AF_INET6, &from->in6.sin6_addr, ip, sizeof ip);
    size_t n = (size_t)snprintf(answer, size, "%s ", ip);
    for (size_t i = 0; i < length && n + 5 < size; i++) {
        bool plain = bytes[i] >= ' ' && bytes[i] < 127;
        n += (size_t)snprintf(answer + n, size - n, plain ? "%c" : "\\x%02x", (unsigned char)bytes[i]);
    }
    return n;
}

static bool answer_one(int fd)
{
    char bytes[4096], answer[20000];
    union any_address from = { 0 };
    socklen_t length = sizeof from;
    ssize_t n = recvfrom(fd, bytes, sizeof bytes, 0, &from.any, &length);
    int type = SOCK_STREAM;
    socklen_t size = sizeof type;
    if (n <= 0 || getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) < 0) return false;
    bool is_datagram = type == SOCK_DGRAM;
    if (!is_datagram) {
        length = sizeof from;
        (void)getpeername(fd, &from.any, &length);
    }
    size_t told = tell(answer, sizeof answer, &from, bytes, (size_t)n);
    return sendto(fd, answer, told, MSG_NOSIGNAL, is_datagram ? &from.any : NULL, is_datagram ? length : 0) >= 0;
}

static int serve_on(const char *kind, const char *where)
{
    union any_address address;
    socklen_t length = any_address_parse(where, &address);
    int one = 1, type = type_of(kind), fd = socket(address.any.sa_family, type | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) < 0) return -1;
    if (bind(fd, &address.any, length) < 0) return -1;
    return type == SOCK_DGRAM || listen(fd, 64) == 0 ? fd : -1;
}

int verb_answer(char **args, int count)
{
    struct pollfd fds[CLIENTS_MAX];
    nfds_t n = 1;
    (void)count;
    bool accepts = type_of(args[0]) != SOCK_DGRAM;
    fds[0] = (struct pollfd){ .fd = serve_on(args[0], args[1]), .events = POLLIN };
    if (fds[0].fd < 0) return actor_fail(args[1]);
    for (;;) {
        if (poll(fds, n, -1) < 0) return actor_fail("poll");
        for (nfds_t i = n; i-- > (accepts ? 1 : 0);) {
            if (fds[i].revents == 0 || answer_one(fds[i].fd) || !accepts) continue;
            close(fds[i].fd);
            fds[i] = fds[--n];
        }
        if (!accepts || fds[0].revents == 0 || n == CLIENTS_MAX) continue;
        int client = accept4(fds[0].fd, NULL, NULL, SOCK_CLOEXEC);
        if (client >= 0) fds[n++] = (struct pollfd){ .fd = client, .events = POLLIN };
    }
}

int verb_ask(char **args, int count)
{
    char answer[20000];
    union any_address to, from;
    socklen_t length = any_address_parse(args[1], &to);
    int fd = socket(to.any.sa_family, type_of(args[0]) | SOCK_CLOEXEC, 0);
    if (fd < 0) return actor_fail("socket");
    if (count > 3) {
        socklen_t own = any_address_parse(args[3], &from);
        if (bind(fd, &from.any, own) < 0) return actor_fail(args[3]);
    }
    if (connect(fd, &to.any, length) < 0) return actor_fail(args[1]);
    if (send(fd, args[2], strlen(args[2]), MSG_NOSIGNAL) < 0) return actor_fail("send");
    size_t n = 0;
    for (answer[0] = '\0'; !strstr(answer, args[2]); answer[n] = '\0') {
        ssize_t got = recv(fd, answer + n, sizeof answer - n - 1, 0);
        if (got <= 0) return actor_fail("recv");
        n += (size_t)got;
    }
    (void)printf("%s\n", answer);
    return fflush(stdout) == 0 ? 0 : 1;
}

int verb_last_words(char **args, int count)
{
    sigset_t set;
    int signal;
    (void)count;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    int fd = serve_on("stream", args[0]);
    if (fd < 0) return actor_fail(args[0]);
    int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
    size_t length = (size_t)number(args[1]);
    char *words = malloc(length);
    if (client < 0 || !words || write_all(client, "ready", 5) < 0) return actor_fail("accept");
    memset(words, 'w', length);
    if (sigwait(&set, &signal) != 0) return actor_fail("sigwait");
    return write_all(client, words, length) < 0 ? actor_fail("write") : 0;
}
