#include "socketact/passed_in.h"

#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "socketact/address.h"
#include "unit/listen.h"

/* ---- what it is ---- */

static int option(int fd, int name)
{
    int value = 0;
    socklen_t size = sizeof value;
    return getsockopt(fd, SOL_SOCKET, name, &value, &size) < 0 ? -errno : value;
}

static enum listen_kind kind_of_socket(int fd, const char **ret_what)
{
    struct sockaddr_storage peer;
    socklen_t size = sizeof peer;
    int type = option(fd, SO_TYPE);
    if (option(fd, SO_DOMAIN) == AF_NETLINK) return LISTEN_NETLINK;
    if (type == SOCK_DGRAM) return LISTEN_DATAGRAM;
    if (type == SOCK_STREAM || type == SOCK_SEQPACKET) {
        if (option(fd, SO_ACCEPTCONN) == 1) return type == SOCK_STREAM ? LISTEN_STREAM : LISTEN_SEQPACKET;
        bool connected = getpeername(fd, (struct sockaddr *)&peer, &size) == 0;
        *ret_what = connected ? "a connection, not what accepts them" : "a socket that does not listen";
    }
    return LISTEN_KIND_COUNT;
}

enum listen_kind passed_in_kind(int fd, const char **ret_what)
{
    struct stat st;
    struct mq_attr attributes;
    *ret_what = "nothing that a socket unit has";
    if (fstat(fd, &st) < 0) return LISTEN_KIND_COUNT;
    if (S_ISSOCK(st.st_mode)) return kind_of_socket(fd, ret_what);
    if (S_ISFIFO(st.st_mode)) return LISTEN_FIFO;
    if (S_ISREG(st.st_mode) && syscall(SYS_mq_getsetattr, fd, NULL, &attributes) == 0) return LISTEN_MESSAGE_QUEUE;
    return S_ISREG(st.st_mode) || S_ISCHR(st.st_mode) ? LISTEN_SPECIAL : LISTEN_KIND_COUNT;
}

/* ---- whose it is ---- */

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

static bool is_at(int fd, const struct address *parsed)
{
    struct socket_address own = { .length = sizeof own.room }, wanted;
    if (socket_address_make(parsed, NULL, &wanted) < 0 || getsockname(fd, &own.any, &own.length) < 0) return false;
    switch (own.any.sa_family) {
    case AF_UNIX:
    case AF_INET:
    case AF_INET6:
        return is_same(&own, &wanted);
    case AF_VSOCK:
        return wanted.any.sa_family == AF_VSOCK && own.vm.svm_port == wanted.vm.svm_port &&
               (own.vm.svm_cid == wanted.vm.svm_cid || own.vm.svm_cid == VMADDR_CID_ANY);
    case AF_NETLINK:
        return wanted.any.sa_family == AF_NETLINK && own.netlink.nl_groups == wanted.netlink.nl_groups &&
               option(fd, SO_PROTOCOL) == (int)parsed->number;
    default:
        return false;
    }
}

/* One device has many nodes. */
static bool is_file(int fd, const struct stat *other)
{
    struct stat st;
    if (fstat(fd, &st) < 0) return false;
    bool same_device = S_ISCHR(st.st_mode) && S_ISCHR(other->st_mode) && st.st_rdev == other->st_rdev;
    return same_device || (st.st_dev == other->st_dev && st.st_ino == other->st_ino);
}

static bool is_queue(int fd, const char *name)
{
    struct stat st;
    AUTO_FD struct fd queue = fd_own((int)syscall(SYS_mq_open, name + 1, O_RDONLY | O_NONBLOCK | O_CLOEXEC, 0, NULL));
    return fd_is_open(&queue) && fstat(queue.n, &st) == 0 && is_file(fd, &st);
}

bool passed_in_matches(int fd, const struct socket_listen *listen)
{
    const char *what;
    struct address parsed;
    struct stat st;
    if (passed_in_kind(fd, &what) != listen->kind) return false;
    if (listen->kind == LISTEN_MESSAGE_QUEUE) return listen->text[0] == '/' && is_queue(fd, listen->text);
    if (listen->kind == LISTEN_FIFO || listen->kind == LISTEN_SPECIAL)
        return stat(listen->text, &st) == 0 && is_file(fd, &st);
    return listen_parse(listen, &parsed) == 0 && is_at(fd, &parsed);
}
