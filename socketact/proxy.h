/* socketact/proxy.h - the worker of a proxy socket: clients are accepted when the service is ready, connected to
 * ProxyTarget= and copied both ways.
 *
 * It is a process of its own beside PID 1, told and asked over a channel (proxy_channel.h). While the service is not
 * ready clients stay in the listeners' backlog: nothing of theirs is lost, and they cost nothing. Each connection looks
 * for the target (250 ms for a try, pauses of 250 us doubling to 200 ms, ProxyConnectTimeoutSec= in all); then bytes go
 * both ways with back-pressure and real half-close (K60), a reset as a reset. Small pieces are received and sent, which
 * is the shortest way; a stream that fills the buffer is spliced through a pipe, which is lent while bytes are in it.
 * Packets (unix SOCK_SEQPACKET) keep their boundaries; datagrams have a session for each client.
 * Nothing blocks; one round does a bounded part for each. Source: splice(2), epoll(7); SEED.md S57.
 *
 * Why it is a process (bench/place; figures in bench/RESULTS.md): it costs the first client, after 10 s without any,
 * one more start of our program beside that of the service, 1 to 1.3 ms of processor time, and some 200 KiB while it
 * lives; a byte costs the same in both places. What is bounded for each connection is not bounded for thousands: in PID
 * 1's own loop a round of 64 streams, or of 8,000 clients that leave, keeps exits, deadlines and orders waiting for 50
 * to 180 ms, and shorter rounds only for less. Beside PID 1 they wait as long as without any proxy. What no benchmark
 * shows: clients take descriptors and memory of the worker, never what PID 1 needs to start a service; a fault in the
 * code that strangers talk to ends connections and not the container; and that code has few of PID 1's rights and not,
 * in its memory, what the units' environments hold. */
#pragma once
#include "base/attr.h"
#include "base/fd.h"

struct proxy;
struct proxy_config;

/* Consumes the channel; borrows the listeners, which become non-blocking, and closes them when it is to stop. SIGPIPE
 * must be blocked or ignored. -EINVAL, -ERANGE, -ENAMETOOLONG: not a target. */
MUST_CHECK int proxy_new(const struct proxy_config *config, struct fd channel_take, const int *listeners,
                         struct proxy **ret_proxy);
/* Drops every connection. */
void proxy_free(struct proxy *proxy);
DEFINE_AUTO(struct proxy, proxy_free)
/* Waits for something to do, or only looks, and does it. 1: there may be more to come; 0: all is done; -errno. */
MUST_CHECK int proxy_round(struct proxy *proxy, bool block);
