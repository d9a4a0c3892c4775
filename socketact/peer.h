/* socketact/peer.h - who is at the other end of an accepted connection, in the words that its instance gets.
 *
 * Source: systemd.socket(5) Accept=, MaxConnectionsPerSource=; systemd.exec(5) $REMOTE_ADDR, $REMOTE_PORT; names of
 * instances as systemd 252 to 257 give them:
 *     NR-10.0.0.1:22-10.0.0.7:4711   IPv4, also where it is mapped into IPv6
 *     NR-::1:22-::1:4711             IPv6
 *     NR-PID-UID, NR-unknown         Unix sockets; of a client outside our PID namespace the kernel tells no PID
 *     NR-2:22-3:4711                 vsock, by CIDs */
#pragma once
#include "base/attr.h"
#include <sys/socket.h>

/* What MaxConnectionsPerSource= counts by: the address without its port, the CID, the user of a Unix client. */
struct peer_source {
    sa_family_t family;
    unsigned char bytes[16];
};

struct peer {
    char instance[160];
    char address[128]; /* "10.0.0.7", "fe80::1%eth0", "vsock:2", "/path", "@name"; "" where it has none */
    char port[12];     /* "" where it has none */
    struct peer_source source;
};
/* `number`: NR. 0; -ENOTCONN when the client has gone meanwhile, or what the kernel said. */
MUST_CHECK int peer_read(int fd, uint32_t number, struct peer *ret);
