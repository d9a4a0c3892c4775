/* socketact/listener.h - one listening socket: bound so that nobody can connect before mode and owner are right.
 *
 * Unix nodes: parents are made with DirectoryMode=, a stale socket node is unlinked (anything else is -EEXIST), the
 * unbound socket gets fchmod(fd, 0) (the kernel takes the node's mode from it), bind(2) at the final path, owner, mode,
 * listen(2) last; getsockname() gives the configured path, which may have the full length of sun_path. A failure leaves
 * no node. IP sockets get SO_REUSEADDR; digits only is that port on [::] dual-stack, on 0.0.0.0 where IPv6 is absent
 * (D19). Source: systemd.socket(5); unix(7); SEED.md S54, D19; K46-K49. */
#pragma once
#include "base/attr.h"
#include "base/fd.h"
#include "unit/settings.h"

struct listener_options {
    uid_t uid; /* (uid_t)-1: leave */
    gid_t gid; /* (gid_t)-1: leave */
    mode_t socket_mode, directory_mode;
    uint32_t backlog;
};
struct listener;
/* 0 with a listening socket the caller owns, or -errno with *ret_step naming the failed step in words ("binding",
 * "setting the owner", static). Never blocks on names: HOST is a literal, "localhost" or in /etc/hosts. The descriptor
 * is a blocking one, as systemd passes it on. */
MUST_CHECK int listener_open(const struct socket_listen *listen, const struct listener_options *options,
                             struct listener **ret_listener, const char **ret_step);
/* Which node a listener made; zeros when none. */
struct listener_node {
    dev_t device;
    ino_t inode;
};
struct listener_node listener_node(const struct listener *listener);
/* The same from a listening socket that a file helper opened with listener_open() and handed over, because its node may
 * lie on a file system that hangs: the path is not touched. Consumes fd. 0 or -errno. */
MUST_CHECK int listener_adopt_take(const struct socket_listen *listen, struct fd fd, struct listener_node node,
                                   struct listener **ret_listener);
/* Closes; `remove_node` unlinks a Unix node that is still ours (same inode). */
void listener_free(struct listener *listener, bool remove_node);
/* The node a listener made, NULL without one; borrowed. And its removal alone, if it is still that one: for a file
 * helper that does what listener_free() must not do on a file system that hangs. */
const char *listener_path(const struct listener *listener);
void listener_remove_node(const char *path, struct listener_node node);
int listener_fd(const struct listener *listener);              /* borrowed */
const char *listener_network(const struct listener *listener); /* "tcp", "unix": for log and trace (S16, S67) */
const char *listener_address(const struct listener *listener); /* "[::]:5050", "/run/x.sock", "@abstract" */
