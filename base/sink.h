/* base/sink.h - writing to a descriptor that other processes share, without ever blocking and without O_NONBLOCK.
 *
 * O_NONBLOCK belongs to the open file description, which a shell, a container runtime and our children share: it is
 * never set. Instead: MSG_DONTWAIT on sockets, RWF_NOWAIT where the kernel takes it, else poll(2) and at most PIPE_BUF
 * bytes; regular files are written plainly. Source: sendmsg(2), pwritev2(2), pipe(7) "PIPE_BUF". */
#pragma once
#include "base/attr.h"
#include <sys/types.h>
#include <sys/uio.h>

enum sink_kind {
    SINK_CLOSED, /* not open at all: bytes are accepted and counted as dropped by the caller's choice */
    SINK_FILE,   /* regular file, block device */
    SINK_SOCKET,
    SINK_STREAM, /* pipe, FIFO, terminal, other character device */
};
struct sink {
    int fd; /* borrowed */
    enum sink_kind kind;
    bool no_rwf_nowait; /* learnt at the first EOPNOTSUPP/ENOSYS */
};
/* Looks at the descriptor (fstat(2)); never fails: what is not open is SINK_CLOSED. */
struct sink sink_open(int fd);
/* Writes what goes without waiting. Returns the bytes written (> 0), -EAGAIN when nothing can be taken now (wait for
 * EPOLLOUT), -EPIPE and others when the other side is gone, -EBADF for SINK_CLOSED. */
MUST_CHECK ssize_t sink_write(struct sink *sink, const struct iovec *iov, int n_iov);
/* Can EPOLLOUT be waited for? Not on regular files. */
bool sink_is_pollable(const struct sink *sink);
