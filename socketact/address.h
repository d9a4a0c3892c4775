/* socketact/address.h - an address as the kernel takes it.
 *
 * Names are looked up in /etc/hosts and nowhere else: no DNS, no NSS, nothing that could wait (D19). Source: unix(7),
 * ip(7), ipv6(7), hosts(5). */
#pragma once
#include "base/attr.h"
#include "unit/address.h"
#include <linux/netlink.h>
#include <linux/vm_sockets.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

struct socket_address {
    union {
        struct sockaddr any;
        struct sockaddr_in ip4;
        struct sockaddr_in6 ip6;
        struct sockaddr_un un;
        struct sockaddr_vm vm;
        struct sockaddr_nl netlink;
        char room[sizeof(struct sockaddr_un) + 1]; /* getsockname(2) ends a path of full length with a NUL of its own */
    };
    socklen_t length;
};
/* ADDRESS_ANY becomes [::]. `hosts_path` NULL is /etc/hosts. -EADDRNOTAVAIL: the name is not in it; -ENAMETOOLONG;
 * -ENODEV: there is no interface of the scope. */
MUST_CHECK int socket_address_make(const struct address *address, const char *hosts_path, struct socket_address *ret);

#define SOCKET_ADDRESS_TEXT_MAX 128
/* "127.0.0.1:80", "[::1]:80", "/run/x.sock", "@abstract", "@" for a Unix socket without a name, "vsock:3:1024" (as
 * systemd.socket(5) has them). Returns `buffer`, which
 * holds SOCKET_ADDRESS_TEXT_MAX bytes. */
const char *socket_address_format(const struct socket_address *address, char *buffer);
/* IPv4 that came over an IPv6 listener becomes IPv4. */
void socket_address_unmap(struct socket_address *address);
