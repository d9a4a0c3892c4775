/* socketact/passed_in.h - descriptors that PID 1 was started with, as socket activation of the whole container: what
 * each of them is, and which line of a socket unit it could be in place of.
 *
 * Source: sd_listen_fds(3), sd_is_socket(3); https://systemd.io/CONTAINER_INTERFACE. */
#pragma once
#include "base/attr.h"
#include "unit/settings.h"

/* LISTEN_KIND_COUNT: nothing that a socket unit has; *ret_what says in words what it is. A stream or packet socket
 * counts only when it listens. */
enum listen_kind passed_in_kind(int fd, const char **ret_what);
/* It is of the line's kind and has the address that the line says. Names are looked up in /etc/hosts only. The path of
 * a FIFO or special file is looked at, which is why the caller has to know that it answers; sockets have theirs in
 * them. */
bool passed_in_matches(int fd, const struct socket_listen *listen);
