#include "socketact/passed_in.h"

#include <stddef.h>
#include <string.h>

#include "socketact/address.h"

bool passed_in_is_listener(int fd)
{
    int type = 0, listens = 0;
    socklen_t size = sizeof type;
    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) < 0 || type != SOCK_STREAM) return false;
    size = sizeof listens;
    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0 && listens;
}

/* [::] also stands for 0.0.0.0, which is what it becomes where there is no IPv6 (D19). */
static bool is_any(const struct socket_address *a)
{
    if (a->any.sa_family == AF_INET) return a->ip4.sin_addr.s_addr == htonl(INADDR_ANY);
    return a->any.sa_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&a->ip6.sin6_addr);
}

static in_port_t port_of(const struct socket_address *a)
{
    return a->any.sa_family == AF_INET ? a->ip4.sin_port : a->ip6.sin6_port;
}

/* How much of sun_path counts: all of an abstract name, a path up to its NUL. */
static size_t path_length(const struct socket_address *a)
{
    size_t room =
        a->length > offsetof(struct sockaddr_un, sun_path) ? a->length - offsetof(struct sockaddr_un, sun_path) : 0;
    return room > 0 && a->un.sun_path[0] != '\0' ? strnlen(a->un.sun_path, room) : room;
}

static bool is_same(const struct socket_address *a, const struct socket_address *b)
{
    if (a->any.sa_family == AF_UNIX || b->any.sa_family == AF_UNIX)
        return a->any.sa_family == b->any.sa_family && path_length(a) == path_length(b) && path_length(a) > 0 &&
               memcmp(a->un.sun_path, b->un.sun_path, path_length(a)) == 0;
    if (port_of(a) != port_of(b)) return false;
    if (is_any(a) && is_any(b)) return true;
    if (a->any.sa_family != b->any.sa_family) return false;
    if (a->any.sa_family == AF_INET) return a->ip4.sin_addr.s_addr == b->ip4.sin_addr.s_addr;
    return memcmp(&a->ip6.sin6_addr, &b->ip6.sin6_addr, sizeof a->ip6.sin6_addr) == 0;
}

bool passed_in_matches(int fd, const struct socket_listen *listen)
{
    struct socket_address own = { .length = sizeof own.room }, wanted;
    struct address parsed;
    if (listen->kind != LISTEN_STREAM || !passed_in_is_listener(fd)) return false;
    if (address_parse(listen->text, &parsed) < 0 || socket_address_make(&parsed, NULL, &wanted) < 0) return false;
    if (getsockname(fd, &own.any, &own.length) < 0) return false;
    int family = own.any.sa_family;
    return (family == AF_UNIX || family == AF_INET || family == AF_INET6) && is_same(&own, &wanted);
}
