/* socketact/listener.h - one thing to listen on: a socket, FIFO, special file or message queue, bound so that nobody
 * can reach it before mode and owner are right.
 *
 * Nodes: parents are made with DirectoryMode=, a stale socket node is unlinked (anything else is -EEXIST), the
 * unbound socket gets fchmod(fd, 0) (the kernel takes the node's mode from it), bind(2) at the final path, owner, mode,
 * listen(2) last; getsockname() gives the configured path, which may have the full length of sun_path. A FIFO is made
 * without any right and opened before it gets its own; one of an earlier run with the same owner and mode is used
 * again, so that its writers stay connected, another one is replaced. A failure leaves no node. IP sockets get
 * SO_REUSEADDR; digits only is that port on [::] dual-stack, on 0.0.0.0 where IPv6 is absent (D19). Source:
 * systemd.socket(5); unix(7); fifo(7); SEED.md S54, D19; K46-K49. */
#pragma once
#include "base/attr.h"
#include "base/fd.h"
#include "unit/settings.h"

struct listener_settings {
    const struct socket_section *socket;
    const struct socket_extra_section *extra;
    uid_t uid; /* (uid_t)-1: leave */
    gid_t gid; /* (gid_t)-1: leave */
};
struct listener;
struct socket_option_report;
/* 0 with a descriptor to listen on that the caller owns, or -errno with *ret_step naming the failed step in words
 * ("binding", "setting the owner", static). Never blocks on names: HOST is a literal, "localhost" or in /etc/hosts. The
 * descriptor is a blocking one, as systemd passes it on. Options that are only for speed and could not be set are added
 * to `report`, which may be NULL. */
MUST_CHECK int listener_open(const struct socket_listen *listen, const struct listener_settings *settings,
                             struct listener **ret_listener, struct socket_option_report *report,
                             const char **ret_step);
/* Which node a listener made; zeros when none. */
struct listener_node {
    dev_t device;
    ino_t inode;
};
struct listener_node listener_node(const struct listener *listener);
/* The same from a descriptor that a file helper opened with listener_open() and handed over, because its node may lie
 * on a file system that hangs: the path is not touched. Consumes fd. 0 or -errno. */
MUST_CHECK int listener_adopt_take(const struct socket_listen *listen, struct fd fd, struct listener_node node,
                                   struct listener **ret_listener);
/* Closes; `remove_node` removes a node or message queue that is still ours (same inode). */
void listener_free(struct listener *listener, bool remove_node);
/* The node a listener made (of a message queue: its name), NULL without one; borrowed. And its removal alone, if it is
 * still that one: for a file helper that does what listener_free() must not do on a file system that hangs. */
const char *listener_path(const struct listener *listener);
void listener_remove_node(const char *path, enum listen_kind kind, struct listener_node node);
int listener_fd(const struct listener *listener); /* borrowed */
enum listen_kind listener_kind(const struct listener *listener);
/* Of a kind whose clients connect and are accepted: streams and sequential packets. The others are read from. */
static inline bool listen_kind_accepts(enum listen_kind kind)
{
    return kind == LISTEN_STREAM || kind == LISTEN_SEQPACKET;
}
/* For log and trace (S16, S67): "tcp", "udp", "unix", "unixgram", "unixpacket", "fifo", ... */
const char *listener_network(const struct listener *listener);
const char *listener_address(const struct listener *listener); /* "[::]:5050", "/run/x.sock", "@abstract" */
/* DirectoryMode=: every directory above the last component; those that exist stay as they are. */
MUST_CHECK int node_make_parents(const char *path, mode_t mode);
