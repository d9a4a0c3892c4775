/* socketact/sock_diag.h - are connections open that came in through a listening socket? Asked of the kernel, so that
 * whoever accepted them is not touched.
 *
 * NETLINK_SOCK_DIAG where that is allowed and built, else /proc/net/tcp, tcp6 and unix. Nothing waits: the kernel
 * answers while it is asked, and what it says is bounded. Seen are TCP (also under MPTCP) and Unix sockets, stream and
 * seqpacket, of this process' network namespace; an accepted Unix socket belongs to that of its client. /proc is read
 * in parts: while connections of others come and go it may name one twice, never one that is not there. Source:
 * sock_diag(7), proc(5), unix(7). */
#pragma once
#include "base/attr.h"
#include <errno.h>
#include <sys/socket.h>

/* How many are there: accepted and not closed by whoever accepted them, half-closed ones included, or still waiting to
 * be; counting ends at `most`. Of a socket without connections: 1 when something waits to be read. -EOPNOTSUPP: of its
 * kind they cannot be told; -ENXIO: the listener itself is not to be seen, it is of another network namespace;
 * -EOVERFLOW, -EAGAIN, -ENOBUFS, -ENOMEM, -EFBIG, -EINTR: not this time; other -errno: the kernel tells us nothing at
 * all. */
MUST_CHECK int sock_diag_connections(int listener, unsigned most);
static inline bool sock_diag_may_work_later(int r)
{
    return r == -EOVERFLOW || r == -EAGAIN || r == -ENOBUFS || r == -ENOMEM || r == -EFBIG || r == -EINTR;
}

/* ---- the parts, for tests ---- */
struct sock_diag_wanted {
    sa_family_t family; /* AF_INET, AF_INET6, AF_UNIX */
    uint32_t inode;     /* the listener's own */
    /* IP: in network order; the address is not looked at when all of it is zero. */
    uint16_t port;
    uint32_t address[4];
    /* Unix: sun_path without the NUL that ends a path; then, once the listener was seen, its node. */
    char name[128];
    size_t name_length;
    bool has_node;
    uint32_t node[2];
    unsigned most;
};
struct sock_diag_seen {
    unsigned connections;
    bool listener, over;
};
/* 0 or -EOPNOTSUPP, -errno of the system calls. */
MUST_CHECK int sock_diag_of(int listener, struct sock_diag_wanted *ret);
/* One message of the kernel, as it was received; what belongs to another `sequence` is skipped. A Unix listener is
 * noted in `wanted` as well. 0; -EBADMSG: it is none; or the errno that it brings. */
MUST_CHECK int sock_diag_parse(struct sock_diag_wanted *wanted, uint32_t sequence, const void *data, size_t length,
                               struct sock_diag_seen *seen);
/* The text of /proc/net/tcp, tcp6 or unix; lines that are none are skipped. */
void sock_diag_parse_proc(const struct sock_diag_wanted *wanted, const char *text, struct sock_diag_seen *seen);
/* The count by one of the two ways only. `directory` is "/proc/net". */
MUST_CHECK int sock_diag_by_netlink(struct sock_diag_wanted *wanted);
MUST_CHECK int sock_diag_by_proc(const struct sock_diag_wanted *wanted, const char *directory);
