/* supervisor/exec_streams.h - standard streams that are sockets of the unit, or named descriptors of it.
 *
 * Source: systemd.exec(5), StandardInput= "socket" and "fd:NAME". */
#pragma once
#include "base/attr.h"

struct exec_failure;
struct exec_request;
struct exec_section;
struct passed_fds;

/* Some stream is the unit's one socket: LISTEN_FDS= and its kin are then left out, and nothing is passed but that. */
bool exec_streams_have_socket(const struct exec_section *exec);
/* Some stream needs a descriptor that was passed. */
bool exec_streams_need_fds(const struct exec_section *exec);
/* Fills in request->stream_fds from what the service gets, its first `n_sockets` being sockets, and lets them block: a
 * program does not expect another mode of its standard streams. 0, or -errno with *ret_failure naming the stream and
 * what it lacks: no socket or more than one, or no descriptor of that name. */
MUST_CHECK int exec_streams_find(const struct exec_section *exec, const struct passed_fds *passed, size_t n_sockets,
                                 struct exec_request *request, struct exec_failure *ret_failure);
/* NonBlocking=: sets or clears O_NONBLOCK, which everybody who has the socket shares. 0 or -errno. */
MUST_CHECK int exec_streams_set_mode(int fd, bool non_blocking);
