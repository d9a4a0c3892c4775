/* socketact/proxy_internal.h - what the parts of the worker share: proxy.c is the loop, proxy_accept.c lets clients in,
 * proxy_dial.c finds the target, proxy_connection.c copies, proxy_datagram.c has the sessions, proxy_report.c is the
 * channel. */
#pragma once
#include "base/fd.h"
#include "socketact/address.h"
#include "socketact/proxy.h"
#include "socketact/proxy_channel.h"

#include <sys/epoll.h>
#include <sys/queue.h>

/* Ends of a connection; a way has the number of the end it comes from. */
enum { CLIENT, TARGET };

struct end {
    int fd;              /* -1: none */
    bool readable : 1;   /* as the last event and the last attempt say */
    bool writable : 1;   /* the same */
    bool to_the_end : 1; /* a short read does not say that there is no more: unix; hang-up or urgent data were seen */
    bool marked : 1;     /* urgent data were seen: splice(2) never gets past their mark, recv(2) does */
    bool dead : 1;       /* an error was reported */
};
/* Bytes that have left one socket and not yet reached the other: in a pipe, or in `bytes`. */
struct cargo {
    struct cargo *next; /* of those that are kept */
    uint32_t size, offset;
    int reader, writer; /* -1: not a pipe */
    char bytes[];
};
struct way {
    struct cargo *cargo; /* NULL: nothing is in flight */
    uint64_t moved;
    bool bulk;     /* goes through a pipe */
    bool ended;    /* the source is at its end, or the destination takes no more */
    bool refused;  /* the latter */
    bool finished; /* the destination has been told */
};

/* Every connection is in one list; each list has one time limit, so it is in order of time. */
enum connection_list {
    LIST_PAUSE, /* 250 us, and after it twice as long, up to 200 ms */
    LIST_PAUSE_LAST = LIST_PAUSE + 10,
    LIST_DIALING,
    LIST_ASKED, /* PID 1 connects */
    LIST_COPYING,
    LIST_LAST_WORDS, /* a reset is to follow what the kernel has still to send */
    LIST_DEAD,       /* freed after the round */
    LIST_COUNT
};
struct connection {
    TAILQ_ENTRY(connection) link;
    struct connection *next_work; /* has more to do, without an event */
    usec_t at;                    /* the list's time limit */
    usec_t dial_until;            /* in LIST_LAST_WORDS: when it is reset in any case */
    struct end ends[2];
    struct way ways[2];
    struct source *source;
    struct sockaddr_in6 peer;
    int error;      /* the first one, positive */
    int dial_error; /* of the last try, negative */
    uint32_t id;
    uint8_t list; /* enum connection_list */
    uint8_t pause;
    bool has_work, broken;
    bool cut; /* an end took no more, and not because it had said its last word: the other one sees a reset */
};
TAILQ_HEAD(connection_queue, connection);

struct source; /* one address of clients, counted */
struct session;
TAILQ_HEAD(session_queue, session);

/* Two of the same file as it was are the same. */
struct hosts_stamp {
    uint64_t inode;
    int64_t size, seconds, nanoseconds;
};

struct proxy_listener {
    struct proxy *proxy;
    int fd;
    int type; /* SOCK_STREAM, SOCK_SEQPACKET, SOCK_DGRAM */
    sa_family_t family;
    bool any_address; /* answers must say from which of ours they come */
    bool is_polled;
};

/* What an event is about, in the low bits of its pointer. */
enum { TAG_CLIENT = CLIENT, TAG_TARGET = TARGET, TAG_LISTENER, TAG_CHANNEL, TAG_SESSION, TAG_MASK = 7 };

#define PIPES_KEPT  32
#define BUFFER_SIZE ((size_t)256 << 10) /* a packet, or a datagram; streams use less */

struct proxy {
    struct proxy_config config;
    struct address target; /* borrows config.target */
    struct socket_address target_address;
    bool target_known;        /* else a name that was not in /etc/hosts yet */
    const char *hosts_path;   /* NULL, but in tests */
    struct hosts_stamp hosts; /* as it was read */
    bool target_is_near;
    bool has_packets;   /* SOCK_SEQPACKET: boundaries are kept */
    bool no_fine_wait;  /* epoll_pwait2(2) is refused, or not there */
    bool self_possible; /* the port may be picked for the call to itself */
    bool loop_possible; /* the target seems to be one of the listeners */
    struct fd epoll, channel;
    struct proxy_listener *listeners;
    uint32_t n_listeners;
    usec_t now;

    bool ready, stopping;
    bool told;    /* that somebody waits, since the last order */
    bool lacking; /* descriptors or memory: accepting pauses */
    bool is_full; /* config.max */
    bool left;    /* all is done */
    usec_t lack_until, refused_until, stop_until, empty_since;
    unsigned burst; /* how many are accepted at once */

    struct connection_queue lists[LIST_COUNT];
    struct connection *work, **work_end;
    struct connection *spare; /* by next_work */
    struct slab *slabs;
    uint32_t last_id;
    struct cargo *pipes;
    unsigned n_pipes_kept, n_pipes;
    uint64_t descriptors, descriptors_max;
    struct source **sources; /* NULL: not counted */
    struct session **session_table;
    struct session_queue sessions;
    uint32_t n_sessions;
    struct session *dead_sessions;
    size_t first_bytes; /* kept for sessions that are not answered */
    unsigned refusals;
    uint64_t hash_key[2];

    /* proxy_report.c */
    struct proxy_report report;
    struct proxy_counts reported;
    bool tell_waiting, tell_lack, tell_leaving, channel_full;
    usec_t report_at;

    char *buffer;
};

/* ---- proxy.c ---- */
void proxy_list_move(struct connection *c, struct proxy *p, enum connection_list to, usec_t at);
/* It goes on in the next round, without an event. */
void proxy_queue_work(struct proxy *p, struct connection *c);
MUST_CHECK int proxy_poll(struct proxy *p, int fd, uint32_t events, const void *what, unsigned tag);
/* Polls the listeners as far as somebody is wanted. */
void proxy_look_at_listeners(struct proxy *p);

/* ---- proxy_accept.c ---- */
void proxy_accept(struct proxy *p, struct proxy_listener *l);
/* Closes those that wait in the backlog. */
void proxy_refuse_waiting(struct proxy *p);
/* Closes both ends, reports. `reset` is told to the end that is still there. */
void connection_end(struct proxy *p, struct connection *c);
void connection_note_error(struct connection *c, int negative_errno);
void connections_free(struct proxy *p);
/* A client has left: the next one may come. */
void proxy_made_room(struct proxy *p);
/* Is there room for so many descriptors more? */
bool proxy_has_room(const struct proxy *p, unsigned descriptors);
void proxy_lack(struct proxy *p, int negative_errno);
/* Somebody could be taken again. */
void proxy_lack_over(struct proxy *p);
/* ProxyConnectionsMaxPerSource=. 0 and *ret, which may be NULL; -EUSERS: this address has as many as it may; -ENOMEM.
 */
MUST_CHECK int proxy_source_take(struct proxy *p, const struct sockaddr_in6 *peer, struct source **ret);
void proxy_source_release(struct proxy *p, struct source *source);
uint64_t proxy_hash(const struct proxy *p, const void *bytes, size_t length);

/* ---- proxy_dial.c ---- */
/* Small pieces go out as they came; a peer that is gone without a word ends its connection. What is accepted inherits
 * it from the listener. */
void proxy_tune(int fd, sa_family_t family, bool may_vanish);
/* From accepted to copying, or to its end. */
void connection_dial(struct proxy *p, struct connection *c);
/* Something was reported of the target that is being connected to. */
void connection_dial_event(struct proxy *p, struct connection *c, uint32_t events);
void connection_dial_timeout(struct proxy *p, struct connection *c);
/* PID 1's answer. */
void proxy_dialed(struct proxy *p, uint32_t id, int error, struct fd target_take);
MUST_CHECK int proxy_resolve(struct proxy *p);
/* The client is this socket of ours, which is for the target. */
bool proxy_is_called_by(int target, const struct socket_address *peer);
/* ProxyTransparent=: the address of the client, any port. 0 or -errno. */
MUST_CHECK int proxy_bind_like(int fd, const struct sockaddr_in6 *peer, sa_family_t family);

/* ---- proxy_header.c ---- */
#define PROXY_HEADER_MAX 232
/* The PROXY protocol's line or record about a client. Its length. */
size_t proxy_header_make(const struct proxy *p, int client, const struct sockaddr_in6 *peer, char *buffer);

/* ---- proxy_connection.c ---- */
void connection_run(struct proxy *p, struct connection *c);
void connection_last_words(struct proxy *p, struct connection *c);
/* A copy of these bytes is sent before anything else. 0 or -ENOMEM. */
MUST_CHECK int way_prepend(struct way *w, const char *bytes, size_t size);
void way_release(struct proxy *p, struct way *w);
void proxy_close_pipes(struct proxy *p);

/* ---- proxy_datagram.c ---- */
void proxy_datagrams(struct proxy *p, struct proxy_listener *l);
void session_event(struct proxy *p, struct session *s, uint32_t events);
void sessions_expire(struct proxy *p);
usec_t sessions_next(const struct proxy *p);
/* The service is up again: what comes next of each client is worth as much as its first. */
void sessions_renew(struct proxy *p);
void sessions_end(struct proxy *p);
void sessions_free_dead(struct proxy *p);
void proxy_discard_datagrams(struct proxy *p, struct proxy_listener *l);

/* ---- proxy_report.c ---- */
/* 1; 0: PID 1 has gone, or spoken nonsense. */
int proxy_read_orders(struct proxy *p);
void proxy_report_ended(struct proxy *p, const struct proxy_ended *ended);
/* Something has changed that PID 1 may want to know, some time. */
void proxy_report_soon(struct proxy *p);
/* Says what is to be said. */
void proxy_report(struct proxy *p);
MUST_CHECK int proxy_report_dial(struct proxy *p, uint32_t id);
