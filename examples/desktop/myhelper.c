/* examples/desktop/myhelper.c - example 3: a helper that is started by its first connection (sd_listen_fds(3)).
 *
 * The listener is descriptor 3, already bound and listening, when LISTEN_PID is our own pid. Each client gets one line.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LISTEN_FIRST 3

static int take_listener(void)
{
    const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
    if (!pid || !count || strtol(pid, NULL, 10) != getpid() || strtol(count, NULL, 10) < 1) return -1;
    return LISTEN_FIRST;
}

int main(void)
{
    int listener = take_listener();
    if (listener < 0) {
        (void)fputs("myhelper: no listener was handed over\n", stderr);
        return 1;
    }
    const char *names = getenv("LISTEN_FDNAMES");
    (void)printf("took over listener %d (%s)\n", listener, names ? names : "no name");
    (void)fflush(stdout);
    for (unsigned long served = 1;; served++) {
        int client = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (client < 0 && (errno == EINTR || errno == ECONNABORTED)) continue;
        if (client < 0) {
            perror("myhelper: accept");
            return 1;
        }
        (void)dprintf(client, "hello from myhelper, client %lu\n", served); /* a client that left is its own loss */
        (void)close(client);
    }
}
