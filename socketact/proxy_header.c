/* Who the client is, for the target: ProxyProtocol=.
 * Source: "The PROXY protocol, versions 1 & 2" (haproxy.org), 2.1 and 2.2. */
#include "socketact/proxy_internal.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#define UNIX_PATH 108

static size_t make_text(const struct socket_address *from, const struct socket_address *to, char *buffer)
{
    char source[INET6_ADDRSTRLEN], destination[INET6_ADDRSTRLEN];
    sa_family_t family = from->any.sa_family;
    bool is_ip4 = family == AF_INET;
    if ((!is_ip4 && family != AF_INET6) || to->any.sa_family != family)
        return (size_t)snprintf(buffer, PROXY_HEADER_MAX, "PROXY UNKNOWN\r\n");
    const void *a = is_ip4 ? (const void *)&from->ip4.sin_addr : &from->ip6.sin6_addr;
    const void *b = is_ip4 ? (const void *)&to->ip4.sin_addr : &to->ip6.sin6_addr;
    (void)inet_ntop(family, a, source, sizeof source); /* fits */
    (void)inet_ntop(family, b, destination, sizeof destination);
    return (size_t)snprintf(buffer, PROXY_HEADER_MAX, "PROXY TCP%c %s %s %u %u\r\n", is_ip4 ? '4' : '6', source,
                            destination, (unsigned)ntohs(from->ip4.sin_port), (unsigned)ntohs(to->ip4.sin_port));
}

static size_t put(char *buffer, size_t at, const void *bytes, size_t size)
{
    memcpy(buffer + at, bytes, size);
    return at + size;
}

static size_t put_path(char *buffer, size_t at, const struct socket_address *address)
{
    size_t length = address->length > offsetof(struct sockaddr_un, sun_path)
                        ? address->length - offsetof(struct sockaddr_un, sun_path)
                        : 0;
    memset(buffer + at, 0, UNIX_PATH);
    (void)put(buffer, at, address->un.sun_path, MIN_OF(length, (size_t)UNIX_PATH));
    return at + UNIX_PATH;
}

/* LOCAL: of a client that has no address of these families nothing is said. */
static size_t make_binary(const struct socket_address *from, const struct socket_address *to, char *buffer)
{
    static const char signature[] = "\r\n\r\n\0\r\nQUIT\n"; /* 12 bytes */
    enum { LOCAL = 0x20, PROXY = 0x21, TCP4 = 0x11, TCP6 = 0x21, UNIX = 0x31 };
    sa_family_t family = from->any.sa_family == to->any.sa_family ? from->any.sa_family : AF_UNSPEC;
    size_t at = put(buffer, 0, signature, 12) + 4;
    char family_byte = 0;
    if (family == AF_INET) {
        family_byte = TCP4;
        at = put(buffer, at, &from->ip4.sin_addr, 4);
        at = put(buffer, at, &to->ip4.sin_addr, 4);
    } else if (family == AF_INET6) {
        family_byte = TCP6;
        at = put(buffer, at, &from->ip6.sin6_addr, 16);
        at = put(buffer, at, &to->ip6.sin6_addr, 16);
    } else if (family == AF_UNIX) {
        family_byte = UNIX;
        at = put_path(buffer, at, from);
        at = put_path(buffer, at, to);
    }
    if (family == AF_INET || family == AF_INET6) {
        at = put(buffer, at, &from->ip4.sin_port, 2); /* at the same place in both */
        at = put(buffer, at, &to->ip4.sin_port, 2);
    }
    uint16_t length = htons((uint16_t)(at - 16));
    buffer[12] = family_byte ? PROXY : LOCAL;
    buffer[13] = family_byte;
    (void)put(buffer, 14, &length, sizeof length);
    return at;
}

size_t proxy_header_make(const struct proxy *p, int client, const struct sockaddr_in6 *peer, char *buffer)
{
    struct socket_address from = { .length = sizeof from.room }, to = { .length = sizeof to.room };
    if (getsockname(client, &to.any, &to.length) < 0) to.any.sa_family = AF_UNSPEC;
    if (peer->sin6_family != AF_UNIX)
        memcpy(from.room, peer, sizeof *peer);
    else if (getpeername(client, &from.any, &from.length) < 0)
        from.any.sa_family = AF_UNSPEC; /* it has gone again */
    socket_address_unmap(&from);
    socket_address_unmap(&to);
    return p->config.header == PROXY_HEADER_V1 ? make_text(&from, &to, buffer) : make_binary(&from, &to, buffer);
}
