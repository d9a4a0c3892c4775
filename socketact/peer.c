#include "socketact/peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/vm_sockets.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

union end {
    struct sockaddr any;
    struct sockaddr_in ip4;
    struct sockaddr_in6 ip6;
    struct sockaddr_vm vm;
    struct sockaddr_un un;
    char room[sizeof(struct sockaddr_un) + 1]; /* the kernel ends a path of full length with a NUL of its own */
};

static bool is_mapped(const union end *end)
{
    return end->any.sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&end->ip6.sin6_addr);
}

/* The address without port; of a mapped one that of IPv4 if that is asked for. */
static const char *format_ip(const union end *end, bool unmap, char *text)
{
    const void *address =
        end->any.sa_family == AF_INET ? (const void *)&end->ip4.sin_addr : (const void *)&end->ip6.sin6_addr;
    bool mapped = unmap && is_mapped(end);
    if (mapped) address = end->ip6.sin6_addr.s6_addr + 12;
    int family = mapped ? AF_INET : end->any.sa_family;
    (void)inet_ntop(family, address, text, INET6_ADDRSTRLEN); /* the buffer is large enough */
    return text;
}

static unsigned ip_port(const union end *end)
{
    return ntohs(end->any.sa_family == AF_INET ? end->ip4.sin_port : end->ip6.sin6_port);
}

static void read_ip(const union end *local, const union end *remote, uint32_t number, struct peer *ret)
{
    char ours[INET6_ADDRSTRLEN], theirs[INET6_ADDRSTRLEN], interface[IF_NAMESIZE];
    bool unmap = is_mapped(local) && is_mapped(remote);
    (void)snprintf(ret->instance, sizeof ret->instance, "%" PRIu32 "-%s:%u-%s:%u", number,
                   format_ip(local, unmap, ours), ip_port(local), format_ip(remote, unmap, theirs),
                   ip_port(remote)); /* fits, as the next */
    const char *zone = remote->any.sa_family == AF_INET6 && remote->ip6.sin6_scope_id != 0
                           ? if_indextoname(remote->ip6.sin6_scope_id, interface)
                           : NULL;
    (void)snprintf(ret->address, sizeof ret->address, "%s%s%s", format_ip(remote, true, theirs), zone ? "%" : "",
                   zone ? zone : "");
    (void)snprintf(ret->port, sizeof ret->port, "%u", ip_port(remote)); /* the bound is in the type */
    if (remote->any.sa_family == AF_INET)
        memcpy(ret->source.bytes, &remote->ip4.sin_addr, sizeof remote->ip4.sin_addr);
    else
        memcpy(ret->source.bytes, &remote->ip6.sin6_addr, sizeof remote->ip6.sin6_addr);
}

static int read_unix(int fd, const union end *remote, socklen_t length, uint32_t number, struct peer *ret)
{
    struct ucred who;
    socklen_t size = sizeof who;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) < 0) return -errno;
    if (who.pid > 0)
        (void)snprintf(ret->instance, sizeof ret->instance, "%" PRIu32 "-%d-%u", number, (int)who.pid,
                       (unsigned)who.uid); /* fits, as the next */
    else
        (void)snprintf(ret->instance, sizeof ret->instance, "%" PRIu32 "-unknown", number);
    memcpy(ret->source.bytes, &who.uid, sizeof who.uid);
    size_t used = length > offsetof(struct sockaddr_un, sun_path) ? length - offsetof(struct sockaddr_un, sun_path) : 0;
    if (used == 0) return 0;
    const char *name = remote->un.sun_path;
    bool abstract = name[0] == '\0';
    (void)snprintf(ret->address, sizeof ret->address, "%s%.*s", abstract ? "@" : "", (int)(used - abstract),
                   name + abstract); /* up to a NUL in an abstract name */
    return 0;
}

static void read_vsock(const union end *local, const union end *remote, uint32_t number, struct peer *ret)
{
    (void)snprintf(ret->instance, sizeof ret->instance, "%" PRIu32 "-%u:%u-%u:%u", number, local->vm.svm_cid,
                   local->vm.svm_port, remote->vm.svm_cid, remote->vm.svm_port); /* fits, as the others */
    (void)snprintf(ret->address, sizeof ret->address, "vsock:%u", remote->vm.svm_cid);
    (void)snprintf(ret->port, sizeof ret->port, "%u", remote->vm.svm_port);
    memcpy(ret->source.bytes, &remote->vm.svm_cid, sizeof remote->vm.svm_cid);
}

int peer_read(int fd, uint32_t number, struct peer *ret)
{
    union end local = { .any.sa_family = AF_UNSPEC }, remote = local;
    socklen_t length = sizeof local;
    if (getsockname(fd, &local.any, &length) < 0) return -errno;
    length = sizeof remote;
    if (getpeername(fd, &remote.any, &length) < 0) return errno == EINVAL ? -ENOTCONN : -errno;
    *ret = (struct peer){ .source = { .family = local.any.sa_family } };
    switch (local.any.sa_family) {
    case AF_INET:
    case AF_INET6:
        read_ip(&local, &remote, number, ret);
        return 0;
    case AF_UNIX:
        return read_unix(fd, &remote, length, number, ret);
    case AF_VSOCK:
        read_vsock(&local, &remote, number, ret);
        return 0;
    default:
        return -EAFNOSUPPORT;
    }
}
