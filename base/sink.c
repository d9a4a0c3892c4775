#include "base/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"

/* A terminal that reports room has at least this much on a pty: its buffers are counted in steps of 256 bytes. */
#define TERMINAL_ROOM 256
#define PIECES_MAX    16

/* epoll refuses what cannot be waited for, and that is what never makes a writer wait: /dev/null and its like. */
static bool is_always_ready(int fd)
{
    struct epoll_event event = { .events = EPOLLOUT };
    AUTO_FD struct fd epoll = fd_own(epoll_create1(EPOLL_CLOEXEC));
    if (!fd_is_open(&epoll)) return false;
    return epoll_ctl(epoll.n, EPOLL_CTL_ADD, fd, &event) < 0 && errno == EPERM;
}

struct sink sink_open(int fd)
{
    struct sink sink = { .fd = fd, .kind = SINK_CLOSED };
    struct stat st;
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || (flags & O_PATH) || (flags & O_ACCMODE) == O_RDONLY || fstat(fd, &st) < 0) return sink;
    bool plain = S_ISREG(st.st_mode) || S_ISBLK(st.st_mode) || (S_ISCHR(st.st_mode) && is_always_ready(fd));
    sink.kind = plain ? SINK_FILE : S_ISSOCK(st.st_mode) ? SINK_SOCKET : SINK_STREAM;
    sink.terminal = S_ISCHR(st.st_mode) && isatty(fd);
    return sink;
}

static ssize_t write_plain(int fd, const struct iovec *iov, int n_iov)
{
    ssize_t n;
    do n = writev(fd, iov, n_iov);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

static ssize_t write_socket(int fd, const struct iovec *iov, int n_iov)
{
    /* msg_iov is not const, and sendmsg(2) does not write to it. */
    struct msghdr message = { .msg_iov = (struct iovec *)iov, .msg_iovlen = (size_t)n_iov };
    ssize_t n;
    do n = sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

static ssize_t write_nowait(int fd, const struct iovec *iov, int n_iov)
{
    ssize_t n;
    do n = pwritev2(fd, iov, n_iov, -1, RWF_NOWAIT);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

/* Does the descriptor take something, or fail, at once? 0, -EAGAIN, or -errno. */
static int poll_out(int fd)
{
    struct pollfd p = { .fd = fd, .events = POLLOUT };
    int n;
    do n = poll(&p, 1, 0);
    while (n < 0 && errno == EINTR);
    if (n < 0) return -errno;
    if (p.revents & POLLNVAL) return -EBADF;
    return n == 0 ? -EAGAIN : 0; /* POLLERR, POLLHUP: the write says what it is */
}

/* The first PIPE_BUF bytes of iov as at most PIECES_MAX pieces: what a pipe that polls writable takes without waiting.
 */
static int first_pieces(const struct iovec *iov, int n_iov, struct iovec pieces[static PIECES_MAX])
{
    size_t room = PIPE_BUF;
    int n = 0;
    for (int i = 0; i < n_iov && room > 0 && n < PIECES_MAX; i++) {
        if (iov[i].iov_len == 0) continue;
        pieces[n] = (struct iovec){ iov[i].iov_base, MIN_OF(iov[i].iov_len, room) };
        room -= pieces[n++].iov_len;
    }
    return n;
}

/* Output processing turns a control byte into several, and asks anew for room before each: one at a time. */
static size_t terminal_piece(const char *text, size_t length)
{
    size_t n = 0;
    while (n < length && n < TERMINAL_ROOM && (unsigned char)text[n] >= 0x20 && text[n] != 0x7f) n++;
    return n > 0 ? n : 1;
}

static ssize_t write_terminal(int fd, const struct iovec *pieces, int n_pieces)
{
    ssize_t total = 0;
    for (int i = 0; i < n_pieces; i++) {
        char *text = pieces[i].iov_base;
        for (size_t done = 0; done < pieces[i].iov_len;) {
            struct iovec piece = { text + done, terminal_piece(text + done, pieces[i].iov_len - done) };
            ssize_t n = poll_out(fd);
            if (n == 0) n = write_plain(fd, &piece, 1);
            if (n <= 0) return total > 0 ? total : n;
            done += (size_t)n;
            total += n;
        }
    }
    return total;
}

static ssize_t write_polled(const struct sink *sink, const struct iovec *iov, int n_iov)
{
    struct iovec pieces[PIECES_MAX];
    int n_pieces = first_pieces(iov, n_iov, pieces);
    if (n_pieces == 0) return 0;
    if (sink->terminal) return write_terminal(sink->fd, pieces, n_pieces);
    int r = poll_out(sink->fd);
    return r < 0 ? r : write_plain(sink->fd, pieces, n_pieces);
}

static ssize_t write_stream(struct sink *sink, const struct iovec *iov, int n_iov)
{
    if (!sink->no_rwf_nowait) {
        ssize_t n = write_nowait(sink->fd, iov, n_iov);
        /* EPERM: a seccomp filter that is older than the call. EINVAL: an emulated kernel. A true error of either kind
         * comes again from the plain write. */
        if (n != -EOPNOTSUPP && n != -ENOSYS && n != -EPERM && n != -EINVAL) return n;
        sink->no_rwf_nowait = true;
    }
    return write_polled(sink, iov, n_iov);
}

ssize_t sink_write(struct sink *sink, const struct iovec *iov, int n_iov)
{
    switch (sink->kind) {
    case SINK_CLOSED:
        return -EBADF;
    case SINK_FILE:
        return write_plain(sink->fd, iov, n_iov);
    case SINK_SOCKET:
        return write_socket(sink->fd, iov, n_iov);
    case SINK_STREAM:
        return write_stream(sink, iov, n_iov);
    }
    return -EBADF;
}

bool sink_is_pollable(const struct sink *sink)
{
    return sink->kind == SINK_SOCKET || sink->kind == SINK_STREAM;
}
