/* tests/e2e/box_enter.c - going into a running box from outside: connections and programs. */
#include "tests/e2e/box_internal.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

union any_address {
    struct sockaddr any;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
    struct sockaddr_un un;
};

static int parse_tcp(const char *text, union any_address *a, socklen_t *ret_length)
{
    char host[64];
    const char *colon = strrchr(text, ':');
    if (!colon || (size_t)(colon - text) >= sizeof host) return -EINVAL;
    bool bracketed = text[0] == '[' && colon > text + 1 && colon[-1] == ']';
    int length = bracketed ? (int)(colon - text) - 2 : (int)(colon - text);
    (void)snprintf(host, sizeof host, "%.*s", length, text + (bracketed ? 1 : 0));
    unsigned long port = strtoul(colon + 1, NULL, 10);
    if (port == 0 || port > 65535) return -EINVAL;
    if (bracketed) {
        a->in6.sin6_family = AF_INET6, a->in6.sin6_port = htons((uint16_t)port), *ret_length = sizeof a->in6;
        return inet_pton(AF_INET6, host, &a->in6.sin6_addr) == 1 ? 0 : -EINVAL;
    }
    a->in.sin_family = AF_INET, a->in.sin_port = htons((uint16_t)port), *ret_length = sizeof a->in;
    return inet_pton(AF_INET, host, &a->in.sin_addr) == 1 ? 0 : -EINVAL;
}

static int parse_unix(const char *path, bool is_abstract, union any_address *a, socklen_t *ret_length)
{
    size_t length = strlen(path), at = is_abstract ? 1 : 0;
    if (length + at > sizeof a->un.sun_path) return -ENAMETOOLONG;
    a->un.sun_family = AF_UNIX;
    memcpy(a->un.sun_path + at, path, length);
    *ret_length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + at + length);
    if (!is_abstract && length < sizeof a->un.sun_path) ++*ret_length; /* with its NUL, where there is room */
    return 0;
}

static int parse_address(const char *text, union any_address *a, socklen_t *ret_length, int *ret_type)
{
    memset(a, 0, sizeof *a);
    *ret_type = strncmp(text, "seqpacket:", 10) == 0 ? SOCK_SEQPACKET : SOCK_STREAM;
    if (strncmp(text, "seqpacket:@", 11) == 0) return parse_unix(text + 11, true, a, ret_length);
    if (*ret_type == SOCK_SEQPACKET) return parse_unix(text + 10, false, a, ret_length);
    if (strncmp(text, "tcp:", 4) == 0) return parse_tcp(text + 4, a, ret_length);
    if (strncmp(text, "unix:", 5) == 0) return parse_unix(text + 5, false, a, ret_length);
    if (strncmp(text, "abstract:", 9) == 0) return parse_unix(text + 9, true, a, ret_length);
    return -EINVAL;
}

static int connect_inside(const struct box *box, const union any_address *a, socklen_t length, int type, uid_t uid,
                          gid_t gid, int *ret_fd)
{
    if (setns(box->child_pidfd, CLONE_NEWNET | CLONE_NEWNS) < 0) return -errno;
    if (uid != 0 && (setgroups(0, NULL) < 0 || setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0))
        return -errno;
    *ret_fd = socket(a->any.sa_family, type | SOCK_CLOEXEC, 0);
    if (*ret_fd < 0) return -errno;
    return connect(*ret_fd, &a->any, length) < 0 ? -errno : 0;
}

static int receive_descriptor(int socket_fd, int *ret_fd)
{
    int r;
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control;
    struct iovec data = { &r, sizeof r };
    struct msghdr message = {
        .msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control
    };
    ssize_t n;
    while ((n = recvmsg(socket_fd, &message, MSG_CMSG_CLOEXEC)) < 0 && errno == EINTR) continue;
    if (n != (ssize_t)sizeof r) return n < 0 ? -errno : -EPIPE;
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (r == 0 && header) memcpy(ret_fd, CMSG_DATA(header), sizeof *ret_fd);
    return r;
}

/* The result of the attempt, with the descriptor attached when there is one. */
static void send_result(int socket_fd, int r, int fd)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = { { 0 } };
    struct iovec data = { &r, sizeof r };
    struct msghdr message = { .msg_iov = &data, .msg_iovlen = 1 };
    if (r == 0) {
        message.msg_control = &control, message.msg_controllen = sizeof control;
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET, header->cmsg_type = SCM_RIGHTS, header->cmsg_len = CMSG_LEN(sizeof fd);
        memcpy(CMSG_DATA(header), &fd, sizeof fd);
    }
    (void)sendmsg(socket_fd, &message, MSG_NOSIGNAL); /* nobody is left to be told when this fails */
}

int box_connect(const struct box *box, const char *address, uid_t uid, gid_t gid, int *ret_fd)
{
    union any_address a;
    socklen_t length = 0;
    int type, ends[2], r = parse_address(address, &a, &length, &type);
    if (r < 0) return r;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) return -errno;
    /* A helper goes in: setns() of a mount namespace would move the whole caller. */
    pid_t pid = fork();
    if (pid == 0) {
        int fd = -1;
        r = connect_inside(box, &a, length, type, uid, gid, &fd);
        send_result(ends[1], r, fd);
        _exit(0);
    }
    r = pid < 0 ? -errno : 0;
    close(ends[1]);
    if (r == 0) r = receive_descriptor(ends[0], ret_fd);
    close(ends[0]);
    if (pid > 0) (void)waitpid(pid, NULL, 0);
    return r;
}

static _Noreturn void exec_inside(const struct box *box, const char *const *argv, int out, int err)
{
    const int all = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWCGROUP;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    int procs = openat(box->cgroup_fd, "cgroup.procs", O_WRONLY | O_CLOEXEC);
    /* EBUSY when controllers are enabled there; the process then stays outside and dies with the pid namespace. */
    if (procs >= 0) (void)!write(procs, "0", 1);
    if (setns(box->child_pidfd, all) < 0) _exit(126);
    if ((out >= 0 && dup2(out, 1) < 0) || (err >= 0 && dup2(err, 2) < 0)) _exit(126);
    pid_t pid = fork(); /* only a child is in the new pid namespace */
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
        (void)setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
        (void)execvp(argv[0], (char *const *)(uintptr_t)argv); /* execvp does not write to them */
        _exit(127);
    }
    int status = 0;
    if (pid < 0 || waitpid(pid, &status, 0) < 0) _exit(126);
    _exit(WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
}

int box_exec(const struct box *box, const char *const *argv, int stdout_fd, int stderr_fd, pid_t *ret_pid)
{
    (void)fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) exec_inside(box, argv, stdout_fd, stderr_fd);
    if (pid < 0) return -errno;
    *ret_pid = pid;
    return 0;
}
