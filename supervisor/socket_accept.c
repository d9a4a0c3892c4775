/* Accept=yes: a connection becomes an instance of the template. */
#include "supervisor/socket_internal.h"

#include "base/fd.h"
#include "socketact/listener.h"

#include <errno.h>
#include <sys/socket.h>

int socket_accept_connection(struct socket *s, struct socket_listener *l)
{
    AUTO_FD struct fd client = fd_own(accept4(listener_fd(l->listener), NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (fd_is_open(&client)) s->counters.refused++;
    return fd_is_open(&client) || errno == EAGAIN || errno == ECONNABORTED || errno == EINTR ? 0 : -errno;
}
