/* unit/address.h - the text of a listener or of a proxy's target -> an address. Pure: no socket, no look-up of names.
 *
 * Forms: "/path", "@abstract", "PORT" (that port on every address, D19), "IPV4:PORT", "[IPV6]:PORT", the same with a
 * scope, "[IPV6]:PORT%eth0" or "[IPV6%eth0]:PORT", "HOST:PORT", ":PORT" and "*:PORT" (as digits only). What else a
 * Listen...= may say is read by unit/listen.h. `localhost` is 127.0.0.1; other names are left to who may resolve them
 * (D19). Source: systemd.socket(5), "ListenStream="; SEED.md S34, S57, D19. */
#pragma once
#include "base/attr.h"
#include <netinet/in.h>

enum address_kind {
    ADDRESS_PATH,     /* Unix socket in the file system */
    ADDRESS_ABSTRACT, /* Unix socket, Linux abstract name */
    ADDRESS_ANY,      /* a port on [::] dual-stack, on 0.0.0.0 where IPv6 is absent */
    ADDRESS_IPV4,
    ADDRESS_IPV6,
    ADDRESS_HOST, /* a name that is not a literal */
    ADDRESS_VSOCK,
    ADDRESS_NETLINK,
};
struct address {
    enum address_kind kind;
    uint16_t port;      /* host byte order, 1..65535; 0 for Unix */
    struct in_addr ip4; /* network byte order */
    struct in6_addr ip6;
    /* PATH: the path; ABSTRACT: without "@"; HOST: the name; IPV6: the scope, if any. Borrowed from the text, not
     * terminated. */
    const char *name;
    size_t name_length;
    uint32_t number, group; /* VSOCK: port and CID; NETLINK: family and multicast groups, a bit for each */
    int type;               /* VSOCK: SOCK_STREAM, ... that the text asks for, or 0: what the directive says */
};

/* -EINVAL: none of the forms; -ERANGE: a port that is none; -ENAMETOOLONG: longer than sun_path can hold.
 * *ret is untouched on error. */
MUST_CHECK int address_parse(const char *text, struct address *ret);
/* ProxyTarget= (S57): also "tcp:HOST:PORT", "unix:/path", "unix:@abstract"; "PORT" is that of 127.0.0.1. */
MUST_CHECK int address_parse_target(const char *text, struct address *ret);
/* Would the second of two stream listeners fail to bind? Names are equal only as text. */
bool address_clashes(const struct address *a, const struct address *b);

#define ADDRESS_TEXT_MAX 272
/* "[::]:5050", "127.0.0.1:80", "/run/x.sock", "@abstract", "db:5432"; long host names are cut. Returns `buffer`, which
 * holds ADDRESS_TEXT_MAX bytes. */
const char *address_format(const struct address *address, char *buffer);
static inline bool address_is_unix(const struct address *address)
{
    return address->kind == ADDRESS_PATH || address->kind == ADDRESS_ABSTRACT;
}
