/* tests/e2e/actor_net.c - verbs that serve sockets: handed over as LISTEN_FDS, or opened by themselves.
 * Source: sd_listen_fds(3): descriptors from 3 on, valid when LISTEN_PID is our own pid. */
#include "tests/e2e/actor_verbs.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/vfs.h>
#include <unistd.h>

#define LISTEN_FIRST 3
#define CLIENTS_MAX  256

static const char *env_or(const char *name, const char *otherwise)
{
    const char *value = getenv(name);
    return value ? value : otherwise;
}

/* How many listeners were handed to this very process; -1 when none were. */
static int handed_over(void)
{
    return number(env_or("LISTEN_PID", "0")) == getpid() ? number(env_or("LISTEN_FDS", "-1")) : -1;
}

/* Whether LISTEN_PIDFDID is the number of this very process; "-": there is none, as on a kernel without such numbers.
 */
static const char *judge_pidfd_id(void)
{
    const char *value = getenv("LISTEN_PIDFDID");
    struct stat st;
    struct statfs fs;
    char own[32];
    int fd = (int)syscall(SYS_pidfd_open, getpid(), 0);
    bool numbered = fd >= 0 && fstatfs(fd, &fs) == 0 && fs.f_type == 0x50494446 && fstat(fd, &st) == 0;
    if (fd >= 0) close(fd);
    if (!value) return numbered ? "missing" : "-";
    (void)snprintf(own, sizeof own, "%llu", numbered ? (unsigned long long)st.st_ino : 0);
    return strcmp(own, value) == 0 ? "right" : "wrong";
}

static int greet(int client, int listener, const char *file)
{
    char text[1024];
    int n = snprintf(text, sizeof text, "pid=%d listen_pid=%s listen_fds=%s listen_fdnames=%s fd=%d pidfdid=%s mode=%s",
                     getpid(), env_or("LISTEN_PID", "-"), env_or("LISTEN_FDS", "-"), env_or("LISTEN_FDNAMES", "-"),
                     listener, judge_pidfd_id(), fcntl(listener, F_GETFL) & O_NONBLOCK ? "nonblock" : "block");
    if (file && append_line(file, text) < 0) return -1;
    text[n] = '\n';
    return write_all(client, text, (size_t)n + 1);
}

/* Echoes what is there; false when the client is done. */
static bool echo_some(int client)
{
    char buffer[65536];
    ssize_t n = read(client, buffer, sizeof buffer);
    return n > 0 && write_all(client, buffer, (size_t)n) == 0;
}

/* Accepts on `n_listeners` descriptors from `first` and echoes; with `once`, leaves after the first client. */
static int serve(int first, int n_listeners, bool greeting, const char *file, bool once)
{
    struct pollfd fds[CLIENTS_MAX];
    nfds_t n = 0;
    for (; n < (nfds_t)n_listeners && n < 64; n++) fds[n] = (struct pollfd){ .fd = first + (int)n, .events = POLLIN };
    for (;;) {
        if (poll(fds, n, -1) < 0) return actor_fail("poll");
        for (nfds_t i = n; i-- > (nfds_t)n_listeners;) {
            if (fds[i].revents == 0 || echo_some(fds[i].fd)) continue;
            close(fds[i].fd);
            fds[i] = fds[--n];
            if (once) return 0;
        }
        for (int i = 0; i < n_listeners; i++) {
            if (fds[i].revents == 0 || n == CLIENTS_MAX) continue;
            int client = accept4(fds[i].fd, NULL, NULL, SOCK_CLOEXEC);
            if (client < 0) continue; /* gone again, or taken by nobody: nothing to serve */
            if (greeting && greet(client, fds[i].fd, file) < 0) (void)actor_fail("greeting");
            fds[n++] = (struct pollfd){ .fd = client, .events = POLLIN };
        }
    }
}

static int serve_handed_over(char **args, int count, bool once)
{
    int n = handed_over();
    if (n <= 0) {
        (void)fprintf(stderr, "actor: no listeners: LISTEN_PID=%s, pid %d, LISTEN_FDS=%s\n", env_or("LISTEN_PID", "-"),
                      getpid(), env_or("LISTEN_FDS", "-"));
        return 98;
    }
    return serve(LISTEN_FIRST, n, true, count > 0 ? args[0] : NULL, once);
}

int verb_listen(char **args, int count)
{
    return serve_handed_over(args, count, false);
}

int verb_listen_once(char **args, int count)
{
    return serve_handed_over(args, count, true);
}

int verb_listen_idle(char **args, int count)
{
    (void)args, (void)count;
    struct pollfd fd = { .fd = LISTEN_FIRST, .events = POLLIN };
    if (handed_over() <= 0) return 98;
    return poll(&fd, 1, -1) < 0 ? actor_fail("poll") : 0;
}

static int listen_tcp(const char *host, const char *port)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)number(port)) };
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (inet_pton(AF_INET, host, &address.sin_addr) != 1) return -1;
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) < 0) return -1;
    if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 64) < 0) return -1;
    return fd;
}

int verb_tcp_echo(char **args, int count)
{
    (void)count;
    int fd = listen_tcp(args[0], args[1]);
    return fd < 0 ? actor_fail("listen") : serve(fd, 1, false, NULL, false);
}

int verb_unix_echo(char **args, int count)
{
    (void)count;
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s", args[0]);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 64) < 0)
        return actor_fail("listen");
    return serve(fd, 1, false, NULL, false);
}

/* Answers only after the client has finished sending: half-close must come through a proxy in both directions. */
int verb_tcp_half(char **args, int count)
{
    (void)count;
    int listener = listen_tcp(args[0], args[1]);
    if (listener < 0) return actor_fail("listen");
    for (;;) {
        char buffer[65536], answer[64];
        size_t total = 0;
        int client = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (client < 0) return actor_fail("accept");
        for (ssize_t n; (n = read(client, buffer, sizeof buffer)) > 0;) total += (size_t)n;
        int length = snprintf(answer, sizeof answer, "%zu bytes\n", total);
        (void)write_all(client, answer, (size_t)length); /* a client that left early is its own loss */
        close(client);
    }
}
