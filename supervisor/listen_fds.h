/* supervisor/listen_fds.h - LISTEN_FDS= of PID 1: each descriptor belongs to a line of a socket unit, or is closed.
 *
 * By its name in LISTEN_FDNAMES=, which is a unit's FileDescriptorName= or its own name (several of one name: its lines
 * of that kind in order), else by its address. It is adopted in place of a bind whenever the unit starts: mode and
 * owner stay what they are, and it is kept here as well, for who passed it in keeps it too, and another one could not
 * be bound. While the unit is stopped its clients wait. None of it reaches a service but through its socket (K61).
 * Source: sd_listen_fds(3); https://systemd.io/CONTAINER_INTERFACE. */
#pragma once
#include "base/attr.h"
#include "base/fd.h"
#include "base/vec.h"

struct manager;
struct unit;

struct listen_fd {
    struct fd fd;
    uint32_t unit, line; /* of which socket unit */
};
typedef VEC(struct listen_fd) listen_fd_list;

/* Takes and sorts them; what cannot be used is logged and closed. */
void listen_fds_open(struct manager *manager);
void listen_fds_close(struct manager *manager);
/* This line has one; every line has, and nothing is to be bound. */
bool listen_fds_has(const struct manager *manager, const struct unit *unit, uint32_t line);
bool listen_fds_has_all(const struct manager *manager, const struct unit *unit);
/* A descriptor of the caller's own for this line. 1; 0: none was passed in; -errno. */
MUST_CHECK int listen_fds_get(const struct manager *manager, const struct unit *unit, uint32_t line, struct fd *ret);
