/* supervisor/payload_address.h - the forms of NOTIFY_SOCKET=: a path, an abstract name, a VSOCK address.
 *
 * Source: sd_notify(3) "$NOTIFY_SOCKET"; unix(7), vsock(7). */
#pragma once
#include "base/attr.h"
#include "base/fd.h"
#include <sys/socket.h>

struct payload_address {
    struct sockaddr_storage address;
    socklen_t size;
    int types[3]; /* socket types to be tried in this order; 0: no more */
    bool has_path;
};
/* "/path", "@name", "vsock:CID:PORT" (sd_notify(3): datagrams, else a sequence of packets), "vsock-stream:CID:PORT",
 * "vsock-dgram:...", "vsock-seqpacket:..."; CID may be left out for the host. 0, -EINVAL, -ENAMETOOLONG. */
MUST_CHECK int payload_address_parse(const char *text, struct payload_address *ret);
/* A connected socket, or one on its way, non-blocking and close-on-exec. 0 or -errno. */
MUST_CHECK int payload_address_connect(const struct payload_address *address, struct fd *ret);
