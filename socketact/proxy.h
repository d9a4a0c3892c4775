/* socketact/proxy.h - accepted connections are held until the service is ready, then spliced to ProxyTarget=.
 *
 * Each connection dials the target (250 ms per try, pauses of 25 ms doubling to 200 ms, 5 s in all) and is copied both
 * ways with splice(2) and real half-close (K60): end of file on one side shuts down writing on the other, and the
 * connection ends when both are done. Nothing blocks, every connection is bounded to two pipes.
 * Target forms: tcp:HOST:PORT, unix:/path, /path, HOST:PORT, unix:@abstract. Source: SEED.md S57. */
#pragma once
#include "base/attr.h"
#include "base/fd.h"
#include "base/loop.h"

/* SIGPIPE must be ignored. A reset of one side, or one that does not answer keep-alive probes for four minutes, ends
 * the connection. Where splice(2) is refused, or there is no descriptor for a pipe, bytes are copied. */
struct proxy;
struct connection; /* one that is let through */
struct proxy_hooks {
    /* Either may be NULL; neither may free the proxy. */
    /* Connections were accepted while the service was not ready: start it. Once for each proxy_accept(). */
    void (*on_waiting)(void *userdata);
    /* A connection that was let through ended; error is 0 or a positive errno; from and to are printable addresses
     * ("@" for a Unix client without a name). */
    void (*on_done)(const char *from, const char *to, int error, void *userdata);
    /* NULL: the proxy calls connect(2) itself. Otherwise it asks for that, for a target whose path might not answer:
     * proxy_dialed() is called once, later and within `timeout`, unless dial_cancel(*ret_request) was before. */
    int (*dial)(struct connection *connection, usec_t timeout, void *userdata, void **ret_request);
    void (*dial_cancel)(void *request);
};
/* -EINVAL, -ERANGE, -ENAMETOOLONG: not a target. Borrows the loop, copies target and hooks. A name is looked up when
 * the first connection dials. */
MUST_CHECK int proxy_new(struct loop *loop, const char *target, const struct proxy_hooks *hooks, void *userdata,
                         struct proxy **ret_proxy);
/* Drops every connection. */
void proxy_free(struct proxy *proxy);
DEFINE_AUTO(struct proxy, proxy_free)
/* Accepts what waits, at most 64 at a time. The number accepted, or -errno (-EMFILE, -ENFILE, -ENOBUFS, -ENOMEM: the
 * caller pauses; -EMFILE comes before the last descriptor is taken, so that those let in reach their targets and the
 * service can start). Makes the listener non-blocking: nobody else has it. */
MUST_CHECK int proxy_accept(struct proxy *proxy, int listener_fd);
/* true: connections that wait dial now, later ones at once. false: the service is gone, later ones wait. */
void proxy_set_ready(struct proxy *proxy, bool ready);
/* Closes the connections that still wait for the service, or that still look for its target (ECONNREFUSED): it will not
 * come. */
void proxy_drop_waiting(struct proxy *proxy);
/* Closes those that were let through and still look for the target: it has gone again. */
void proxy_drop_dialing(struct proxy *proxy);
/* What came of hooks.dial: a connected socket that does not block, or -errno and an empty one. Consumes it. */
void proxy_dialed(struct connection *connection, int r, struct fd target_take);
/* For who was asked to dial, in a process of its own: 0 or -errno. Nothing of the connection changes. */
MUST_CHECK int proxy_connect_target(const struct connection *connection, struct fd *ret_target);
size_t proxy_count(const struct proxy *proxy);
/* Of these, those that wait for the service. */
size_t proxy_waiting(const struct proxy *proxy);
/* For tests: as if the kernel refused splice(2); how long a target is tried (0: 5 s). */
struct proxy_limits {
    bool no_splice;
    usec_t dial_max;
};
void proxy_set_limits(struct proxy *proxy, struct proxy_limits limits);
