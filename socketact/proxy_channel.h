/* socketact/proxy_channel.h - what PID 1 and the worker of a proxy socket tell each other.
 *
 * One SOCK_SEQPACKET socket, one record for each message, nothing of variable size but the list of ended connections.
 * Both ends are the same program, so records are plain structures; what the worker says is checked all the same, for
 * the worker talks to strangers. An order has a number; WAITING repeats that of the last order that was read, so that
 * PID 1 knows whether it was said before or after.
 * Source: unix(7), SOCK_SEQPACKET and SCM_RIGHTS. */
#pragma once
#include "base/attr.h"
#include "base/fd.h"
#include "socketact/address.h"

/* Where a worker finds its descriptors. */
#define PROXY_CHANNEL_FD   3
#define PROXY_LISTENERS_FD 4
#define PROXY_TARGET_MAX   512 /* the text of ProxyTarget= with its NUL */

enum proxy_header { PROXY_HEADER_NO, PROXY_HEADER_V1, PROXY_HEADER_V2 }; /* ProxyProtocol= */

/* ---- PID 1 to worker ---- */

enum proxy_order_type {
    PROXY_ORDER_READY,  /* value: the service is up, connections are let through; or it is not, and they wait */
    PROXY_ORDER_DROP,   /* those that still look for the target are closed; value: so are those that wait */
    PROXY_ORDER_STOP,   /* no new connections; leave when what the target has said is delivered */
    PROXY_ORDER_DIALED, /* value: id of a PROXY_REPORT_DIAL; error, or a connected socket comes along */
    PROXY_ORDER_COUNT
};
struct proxy_order {
    uint32_t type, number, value;
    int32_t error; /* 0 or a positive errno */
};
/* The first message. */
struct proxy_config {
    uint32_t number, n_listeners;
    bool ready;
    bool dial_by_asking; /* connect(2) may hang: PID 1 has it done */
    bool transparent;
    bool no_splice;               /* for tests: as if the kernel refused it */
    uint8_t header;               /* enum proxy_header */
    uint32_t max, max_per_source; /* 0: no limit */
    usec_t connect_timeout, idle_timeout, datagram_timeout, linger;
    char target[PROXY_TARGET_MAX];
};

/* ---- worker to PID 1 ---- */

enum proxy_report_type {
    PROXY_REPORT_STATUS,
    PROXY_REPORT_WAITING, /* somebody waits while the service is not ready; said once for each order */
    PROXY_REPORT_LACKING, /* error: accepting pauses; 0: it goes on */
    PROXY_REPORT_DIAL,    /* value: id of a connection that wants the target to be connected to */
    PROXY_REPORT_LEAVING, /* nobody has been connected for a while; nothing is accepted any more */
    PROXY_REPORT_COUNT
};
/* Since the worker began. */
struct proxy_counts {
    uint64_t accepted, refused, up, down; /* up, down: bytes from and to the clients, of what has ended */
    uint32_t connections, waiting;
};
struct proxy_ended {
    struct sockaddr_in6 from; /* also holds a struct sockaddr_in; any other family: a client without address */
    int32_t error;            /* 0 or a positive errno */
    uint64_t up, down;
};
#define PROXY_ENDED_MAX 64
struct proxy_report {
    uint32_t type, number, value;
    int32_t error;
    uint32_t n_ended, lost; /* connections that ended and are not among them, for nobody read about them */
    struct proxy_counts counts;
    struct proxy_ended ended[PROXY_ENDED_MAX];
};

static inline size_t proxy_report_size(const struct proxy_report *report)
{
    return offsetof(struct proxy_report, ended) + report->n_ended * sizeof report->ended[0];
}
/* -EBADMSG: not a report of this size. */
MUST_CHECK int proxy_report_check(const struct proxy_report *report, size_t size);

/* 0, or -errno: -EAGAIN, -EPIPE... `passed_fd` goes along, -1: none. */
MUST_CHECK int proxy_channel_send(int channel, const void *record, size_t size, int passed_fd);
/* Length, 0 at the end, or -errno. A descriptor that came along is the caller's; `ret_fd` may be NULL. */
MUST_CHECK ssize_t proxy_channel_receive(int channel, void *record, size_t size, struct fd *ret_fd);
