/* tests/e2e/actor_notify.c - verbs about sd_notify(3), spoken without libsystemd. */
#include "tests/e2e/actor_verbs.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define FDS_MAX 253

static int notify_socket(struct sockaddr_un *address, socklen_t *size)
{
    const char *path = getenv("NOTIFY_SOCKET");
    if (!path || !*path || strlen(path) >= sizeof address->sun_path) return errno = ENOENT, -1;
    *address = (struct sockaddr_un){ .sun_family = AF_UNIX };
    memcpy(address->sun_path, path, strlen(path));
    *size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
    if (path[0] == '@') address->sun_path[0] = '\0';
    return socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
}

/* One message with as many descriptors; 0 or -1 with errno. */
static int notify_send(const void *text, size_t length, const int *fds, size_t n_fds)
{
    _Alignas(struct cmsghdr) char room[CMSG_SPACE(FDS_MAX * sizeof(int))] = { 0 };
    struct sockaddr_un address;
    struct iovec part = { (void *)(size_t)text, length };
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_name = &address };
    int s = notify_socket(&address, &message.msg_namelen);
    if (s < 0) return -1;
    if (n_fds > 0) {
        message.msg_control = room;
        message.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
        struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
        memcpy(CMSG_DATA(rights), fds, n_fds * sizeof(int));
    }
    ssize_t n = sendmsg(s, &message, MSG_NOSIGNAL);
    int error = errno;
    (void)close(s);
    errno = error;
    return n == (ssize_t)length ? 0 : -1;
}

/* As sd_notify_barrier(3): 0 once everything sent before was read. */
static int notify_barrier(void)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0) return -1;
    int r = notify_send("BARRIER=1", 9, &ends[1], 1);
    (void)close(ends[1]);
    struct pollfd end = { .fd = ends[0], .events = 0 };
    if (r == 0 && poll(&end, 1, 20000) != 1) r = -1, errno = ETIMEDOUT;
    (void)close(ends[0]);
    return r;
}

int verb_notify(char **args, int count)
{
    (void)count;
    size_t length = actor_unescape(args[0]);
    return notify_send(args[0], length, NULL, 0) < 0 ? actor_fail("notify") : 0;
}

int verb_notify_barrier(char **args, int count)
{
    (void)args, (void)count;
    return notify_barrier() < 0 ? actor_fail("barrier") : 0;
}

/* Sends from a process that is neither the main nor a control process. */
int verb_notify_child(char **args, int count)
{
    (void)count;
    size_t length = actor_unescape(args[0]);
    pid_t pid = fork();
    if (pid < 0) return actor_fail("fork");
    if (pid == 0) _exit(notify_send(args[0], length, NULL, 0) < 0 || notify_barrier() < 0);
    int status = 1;
    (void)waitpid(pid, &status, 0);
    return status == 0 ? 0 : actor_fail("child");
}

/* The same, but nobody waits for the message to be read: the sender is reaped at once. */
int verb_notify_gone(char **args, int count)
{
    (void)count;
    size_t length = actor_unescape(args[0]);
    pid_t pid = fork();
    if (pid < 0) return actor_fail("fork");
    if (pid == 0) _exit(notify_send(args[0], length, NULL, 0) < 0);
    int status = 1;
    (void)waitpid(pid, &status, 0);
    return status == 0 ? 0 : actor_fail("child");
}

int verb_notify_flood(char **args, int count)
{
    unsigned long n = strtoul(args[0], NULL, 10);
    (void)count;
    for (unsigned long i = 0; n == 0 || i < n; i++)
        if (notify_send(args[1], strlen(args[1]), NULL, 0) < 0) return actor_fail("flood");
    return 0;
}

/* FDSTORE=1 with N memfds, each with the text "NAME I". */
int verb_notify_store(char **args, int count)
{
    int fds[FDS_MAX], n = number(args[1]);
    char text[512];
    int length = snprintf(text, sizeof text, "FDSTORE=1\nFDNAME=%s%s%s", args[0], count > 2 ? "\n" : "",
                          count > 2 ? args[2] : "");
    if (n > FDS_MAX) return 2;
    for (int i = 0; i < n; i++) {
        fds[i] = memfd_create(args[0], MFD_CLOEXEC);
        if (fds[i] < 0 || dprintf(fds[i], "%s %d", args[0], i) < 0) return actor_fail("memfd");
    }
    int r = notify_send(text, (size_t)length, fds, (size_t)n);
    for (int i = 0; i < n; i++) (void)close(fds[i]);
    return r < 0 ? actor_fail("store") : 0;
}

/* FDSTORE=1 with one end of a pipe; the other is closed when the first is stored. */
int verb_notify_store_pipe(char **args, int count)
{
    int ends[2];
    char text[300];
    (void)count;
    if (pipe2(ends, O_CLOEXEC) < 0) return actor_fail("pipe");
    int length = snprintf(text, sizeof text, "FDSTORE=1\nFDNAME=%s", args[0]);
    int r = notify_send(text, (size_t)length, &ends[0], 1);
    (void)close(ends[0]);
    if (r == 0) r = notify_barrier();
    (void)close(ends[1]);
    return r < 0 ? actor_fail("store") : 0;
}

/* FDSTORE=1 with a file opened for reading. */
int verb_notify_store_file(char **args, int count)
{
    char text[300];
    (void)count;
    int fd = open(args[1], O_RDONLY | O_CLOEXEC);
    if (fd < 0) return actor_fail(args[1]);
    int length = snprintf(text, sizeof text, "FDSTORE=1\nFDNAME=%s", args[0]);
    int r = notify_send(text, (size_t)length, &fd, 1);
    (void)close(fd);
    return r < 0 ? actor_fail("store") : 0;
}

/* A line for what was passed: "NAME=content" of each descriptor from 3 on, or "NAME" when it cannot be read from its
 * beginning. */
int verb_passed(char **args, int count)
{
    char line[8192] = "", names[4096];
    (void)count;
    const char *list = getenv("LISTEN_FDNAMES"), *fds = getenv("LISTEN_FDS");
    (void)snprintf(names, sizeof names, "%s", list ? list : "");
    int n = fds ? number(fds) : 0;
    char *rest = names;
    for (int i = 0; i < n; i++) {
        char text[256] = "", *name = strsep(&rest, ":");
        size_t length = strlen(line);
        ssize_t size = pread(3 + i, text, sizeof text - 1, 0);
        (void)snprintf(line + length, sizeof line - length, "%s%s%s%s", i > 0 ? ", " : "", name ? name : "?",
                       size > 0 ? "=" : "", size > 0 ? text : "");
    }
    return append_line(args[0], n > 0 ? line : "nothing") < 0 ? actor_fail(args[0]) : 0;
}

static unsigned long long now_usec(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (unsigned long long)now.tv_sec * 1000000 + (unsigned long long)now.tv_nsec / 1000;
}

/* Waits for HUP signals, which are blocked from the verb `hup-block` on, and answers each as Type=notify-reload asks.
 */
int verb_hup_block(char **args, int count)
{
    sigset_t hup;
    (void)args, (void)count;
    (void)sigemptyset(&hup);
    (void)sigaddset(&hup, SIGHUP);
    return sigprocmask(SIG_BLOCK, &hup, NULL) < 0 ? actor_fail("sigprocmask") : 0;
}

int verb_notify_reload(char **args, int count)
{
    sigset_t hup;
    int signal_seen;
    char text[128];
    (void)count;
    (void)sigemptyset(&hup);
    (void)sigaddset(&hup, SIGHUP);
    for (;;) {
        if (sigwait(&hup, &signal_seen) != 0) return actor_fail("sigwait");
        if (append_line(args[0], "reload") < 0) return actor_fail(args[0]);
        int length = snprintf(text, sizeof text, "RELOADING=1\nMONOTONIC_USEC=%llu", now_usec());
        if (notify_send(text, (size_t)length, NULL, 0) < 0 || notify_send("READY=1", 7, NULL, 0) < 0)
            return actor_fail("notify");
    }
}

/* MAINPID= of a child that waits for ever; it goes on here, in a process that is not the main one any more. How the
 * child is named: by its number, by that and the inode of its pidfd (`id`, or `wrong-id`), by the pidfd alone. */
int verb_notify_main_child(char **args, int count)
{
    char text[128];
    const char *how = count > 1 ? args[1] : "";
    pid_t pid = fork();
    if (pid < 0) return actor_fail("fork");
    if (pid == 0)
        for (;;) (void)pause();
    int length = snprintf(text, sizeof text, "%d", pid);
    if (append_line(args[0], text) < 0) return actor_fail(args[0]);
    int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    struct stat st;
    if (pidfd < 0 || fstat(pidfd, &st) < 0) return actor_fail("pidfd");
    unsigned long long id = (unsigned long long)st.st_ino + (strcmp(how, "wrong-id") == 0);
    bool by_pidfd = strcmp(how, "pidfd") == 0;
    if (by_pidfd)
        length = snprintf(text, sizeof text, "MAINPIDFD=1\nREADY=1");
    else if (*how)
        length = snprintf(text, sizeof text, "MAINPID=%d\nMAINPIDFDID=%llu\nREADY=1", pid, id);
    else
        length = snprintf(text, sizeof text, "MAINPID=%d\nREADY=1", pid);
    int r = notify_send(text, (size_t)length, &pidfd, by_pidfd);
    return r < 0 || notify_barrier() < 0 ? actor_fail("notify") : 0;
}
