/* control/server.h - the control socket of PID 1: who may ask for what, and the answers.
 *
 * Nothing here waits: a request is read whole or not at all, answers are made one at a time as the peer takes them, and
 * a peer that neither asks nor reads for a while is dropped. Peers are known by SO_PEERCRED: root and the user PID 1
 * runs as may change things, everybody else may look, a few at a time; through a
 * name in the abstract namespace, only who is in our pid namespace. Nothing of a peer outlives its connection; jobs
 * that it asked for go on. Source: unix(7), systemctl(1). */
#pragma once
#include "base/attr.h"
struct manager;
struct control_server;

/* Opens the socket at `path`; NULL: at CONTROL_PATH_DEFAULT, or else in the abstract namespace (protocol.h). A socket
 * that nobody listens on any more is replaced. -EXDEV: the path is not on a local file system; -EADDRINUSE: somebody
 * else serves there; -errno. *ret_where says where it listens, for a log line; borrowed from the server. */
MUST_CHECK int control_server_new(struct manager *manager, const char *path, struct control_server **ret_server,
                                  const char **ret_where);
/* Before its manager; NULL is fine. */
void control_server_free(struct control_server *server);
DEFINE_AUTO(struct control_server, control_server_free)
