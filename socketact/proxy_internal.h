/* socketact/proxy_internal.h - what the parts of the proxy share: proxy.c accepts and keeps, proxy_dial.c finds the
 * target, proxy_connection.c copies. */
#pragma once
#include "base/fd.h"
#include "socketact/address.h"
#include "socketact/proxy.h"

enum connection_state {
    CONNECTION_WAITING, /* for the service; nothing is polled */
    CONNECTION_DIALING, /* a connect(2) is under way, or the pause after one that failed */
    CONNECTION_COPYING,
};

struct proxy_pipe {
    struct fd reader, writer;
};

/* One way of a connection. It has a pipe only while bytes are between the two sockets. */
struct direction {
    struct proxy_pipe pipe;
    size_t in_pipe;
    bool ended;    /* the source is at end of file, or the destination takes no more */
    bool refused;  /* the latter */
    bool blocked;  /* the destination is full: its EPOLLOUT is waited for */
    bool finished; /* the destination has been told of the end */
};

struct connection {
    struct connection *previous, *next;
    struct proxy *proxy;
    enum connection_state state;
    struct fd client, target;
    loop_io client_io, target_io;
    struct direction up, down;     /* client to target, target to client */
    struct loop_deadline deadline; /* while dialing */
    usec_t dial_until, pause;
    void *dialer; /* who was asked by hooks.dial, NULL: nobody */
    int error;    /* the first one, positive */
    bool broken;  /* a socket is dead both ways: reset, or without an answer for too long */
    union {
        struct sockaddr any;
        struct sockaddr_in ip4;
        struct sockaddr_in6 ip6;
    } peer; /* of the client, for the log */
};

struct connection_list {
    struct connection *first, *last;
    size_t count;
};

#define DIAL_MAX   (5 * USEC_PER_SEC) /* SEED.md S57 */
#define PIPES_KEPT 32                 /* empty ones, for the next bytes of any connection */

struct proxy {
    struct loop *loop;
    struct proxy_hooks hooks;
    void *userdata;
    char *target_text;
    struct address target; /* borrows target_text */
    struct socket_address target_address;
    bool target_known; /* else a name that was not in /etc/hosts yet */
    bool ready;
    bool no_splice;
    usec_t dial_max;
    struct connection_list waiting, running;
    struct loop_deadline dial_more; /* while a crowd of waiting connections is let in */
    struct proxy_pipe pipes[PIPES_KEPT];
    size_t n_pipes;
    char *buffer; /* for copying without splice(2) */
};

/* proxy.c: closes both sides, reports, frees. */
void connection_end(struct connection *c);
void connection_note_error(struct connection *c, int negative_errno);
/* proxy_dial.c: options of a TCP socket on either side. */
void proxy_tune_socket(int fd, sa_family_t family);
/* proxy_dial.c: from waiting to copying, or to its end. */
void connection_dial(struct connection *c);
/* proxy_connection.c: both sockets are connected and not blocking. */
void connection_copy(struct connection *c);
void direction_release(struct proxy *proxy, struct direction *direction);
void proxy_pipe_close(struct proxy_pipe *pipe);
/* Does splice(2) work here between sockets and pipes? Some emulated kernels and filters refuse it. */
bool proxy_can_splice(void);
