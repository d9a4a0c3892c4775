/* socketact/listener_internal.h - what the parts of a listener share: listener.c opens sockets, listener_node.c makes
 * nodes in the file system, listener_special.c opens what is no socket. */
#pragma once
#include "socketact/address.h"
#include "socketact/listener.h"

struct listener {
    struct fd fd;
    enum listen_kind kind;
    char *path; /* NULL: no node */
    struct listener_node node;
    const char *network;
    char address[SOCKET_ADDRESS_TEXT_MAX]; /* cut when it is longer */
};

/* A listener on its way. */
struct opening {
    struct listener *listener;
    const struct listener_settings *settings;
    struct socket_option_report *report; /* NULL: nobody asks */
    const char *step;                    /* what is being done, in words */
};

/* ---- listener_node.c ---- */
/* What an earlier run left. Nothing but a node of this type (S_IFSOCK, S_IFIFO) is ever removed. */
MUST_CHECK int node_remove_stale(const char *path, mode_t type);
bool node_is(const char *path, mode_t type, struct listener_node node);
/* bind(2) of a socket to a path, so that its node is born without rights. */
MUST_CHECK int node_bind(int fd, const struct socket_address *address);
/* Owner and mode of the node that was just bound, which is the listener's from here on. */
MUST_CHECK int node_set_rights(struct opening *o);

/* ---- listener_special.c ---- */
MUST_CHECK int fifo_open(struct opening *o);
MUST_CHECK int special_open(struct opening *o);
MUST_CHECK int queue_open(struct opening *o);
/* A message queue, if it is still this one. */
void queue_remove(const char *name, struct listener_node node);
