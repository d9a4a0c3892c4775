/* supervisor/socket_open.h - what comes before a socket unit listens: would its service be skipped (S59), who is to own
 * its nodes, the listeners themselves; and the removal of nodes.
 *
 * Done at once where every path in it is local, by a file helper that hands the listening sockets over where one might
 * not answer (K72). Source: systemd.socket(5); SEED.md S44, S54, S59. */
#pragma once
#include "base/attr.h"
#include "base/str.h"
#include "socketact/listener.h"
#include "socketact/socket_options.h"

struct manager;
struct unit;

/* Whose socket; borrowed for as long as it is opened. */
struct socket_to_open {
    struct manager *manager;
    const struct unit *unit, *service; /* service: NULL with Accept=yes */
    bool in_copy; /* by a file helper, which has none of what was passed in: these listeners stay NULL */
};
/* What came of it. Zeroed is an empty one. */
struct socket_opened {
    struct listener **listeners; /* owned, in the order of the unit's lines */
    uint32_t n_listeners;
    bool is_far;  /* opened by a file helper: nodes are not ours to touch */
    bool skipped; /* with `reason`: the service's condition does not hold, nothing was opened */
    struct str reason;
    int error;                           /* errno, 0: all are open */
    uint32_t index;                      /* then: which line */
    char step[64];                       /* and what was done with it, in words */
    struct socket_option_report options; /* which could not be set */
    const char *link; /* of Symlinks=, borrowed: it could not be made, which does no harm; NULL: all were */
    int link_error;
};
bool socket_open_is_local(const struct socket_to_open *what);
/* The path of ProxyTarget=, where it is one. */
bool socket_target_is_local(const struct unit *unit);
/* 0 or -errno as in ret->error; nothing stays open then. */
MUST_CHECK int socket_open(const struct socket_to_open *what, struct socket_opened *ret);
/* Closes what was not taken, and removes its nodes unless they are far. */
void socket_opened_done(struct socket_opened *opened);

struct file_answer;
/* socket_open() in a file helper; the argument is a struct socket_to_open. */
int socket_open_task(void *argument, struct file_answer *answer);
/* Its answer. `r` is what the file helper's done function got. 0 or -errno. */
MUST_CHECK int socket_open_read_answer(const struct socket_to_open *what, int r, struct file_answer *answer,
                                       struct socket_opened *ret);

/* Symlinks=: removes those that are symbolic links, whatever they lead to. */
void socket_remove_links(const struct unit *unit);

/* Nodes and links of this unit, borrowed, to be removed by a file helper. NULL: out of memory. */
struct socket_nodes;
struct socket_nodes *socket_nodes_new(const struct unit *unit);
/* The listener's node, if it has one; at most one for each listener of the unit. */
void socket_nodes_add(struct socket_nodes *nodes, const struct listener *listener);
void socket_nodes_free(void *nodes);
/* Removes them; the argument is a struct socket_nodes. */
int socket_nodes_remove_task(void *nodes, struct file_answer *answer);
