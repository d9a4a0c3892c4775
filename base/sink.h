/* base/sink.h - writing to a descriptor that other processes share, without ever blocking and without O_NONBLOCK.
 *
 * O_NONBLOCK belongs to the open file description, which a shell, a container runtime and our children share: it is
 * never set. Instead: MSG_DONTWAIT on sockets, RWF_NOWAIT where the kernel takes it, else poll(2) and at most PIPE_BUF
 * bytes; regular files are written plainly. A terminal knows no RWF_NOWAIT and says only that it has *some* room, so it
 * gets what fits into the least of it: up to 256 plain bytes or one control byte per poll. Sockets never raise SIGPIPE
 * (MSG_NOSIGNAL); for pipes, and SIGXFSZ for files, the process ignores the signal: PID 1 does so for itself and gives
 * children the default back. Source: sendmsg(2), pwritev2(2), pipe(7) "PIPE_BUF". */
#pragma once
#include "base/attr.h"
#include <sys/types.h>
#include <sys/uio.h>

enum sink_kind {
    SINK_CLOSED, /* not open at all: bytes are accepted and counted as dropped by the caller's choice */
    SINK_FILE,   /* regular file, block device, and a device that is always ready, such as /dev/null */
    SINK_SOCKET,
    SINK_STREAM, /* pipe, FIFO, terminal, other character device */
};
struct sink {
    int fd; /* borrowed */
    enum sink_kind kind;
    bool terminal;
    bool no_rwf_nowait; /* learnt at the first refusal: an old kernel, a device, a seccomp filter */
};
/* Looks at the descriptor (fstat(2)); never fails: what is not open, or not for writing, is SINK_CLOSED. */
struct sink sink_open(int fd);
/* Writes what goes without waiting. Returns the bytes written (> 0), -EAGAIN when nothing can be taken now (wait for
 * EPOLLOUT), -EPIPE and others when the other side is gone, -EBADF for SINK_CLOSED; 0 only when there was nothing to
 * write. At most IOV_MAX pieces. */
MUST_CHECK ssize_t sink_write(struct sink *sink, const struct iovec *iov, int n_iov);
/* Can EPOLLOUT be waited for? Not on a SINK_FILE, which never answers -EAGAIN. */
bool sink_is_pollable(const struct sink *sink);
