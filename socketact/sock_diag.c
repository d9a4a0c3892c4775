#include "socketact/sock_diag.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "socketact/address.h"

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

/* An answer in parts is read to this end; each part is of at most so many bytes (netlink(7)). */
#define PARTS_MAX 1024
#define PART_SIZE 32768
#define PROC_MAX  (4u << 20)

/* Messages and attributes are aligned to this, and a flag or two stand above their type. */
#define NETLINK_ALIGN       4u
#define ATTRIBUTE_TYPE_MASK 0x3fffu

#define STATE_BIT(state) (1u << (state))

/* ---- what to look for ---- */

static int kind_of(int listener, int *ret_domain, int *ret_type, int *ret_protocol)
{
    static const int options[] = { SO_DOMAIN, SO_TYPE, SO_PROTOCOL };
    int *const values[] = { ret_domain, ret_type, ret_protocol };
    for (size_t i = 0; i < COUNT_OF(options); i++) {
        socklen_t length = sizeof(int);
        if (getsockopt(listener, SOL_SOCKET, options[i], values[i], &length) < 0) return -errno;
    }
    return 0;
}

static int name_of(const struct socket_address *address, struct sock_diag_wanted *wanted)
{
    size_t head = offsetof(struct sockaddr_un, sun_path);
    if (address->length <= head || address->length - head > sizeof wanted->name) return -EOPNOTSUPP;
    wanted->name_length = address->length - head;
    if (address->un.sun_path[0]) wanted->name_length = strnlen(address->un.sun_path, wanted->name_length);
    memcpy(wanted->name, address->un.sun_path, wanted->name_length);
    return 0;
}

int sock_diag_of(int listener, struct sock_diag_wanted *ret)
{
    int domain = 0, type = 0, protocol = 0;
    struct stat st;
    struct socket_address address = { .length = sizeof address.room };
    *ret = (struct sock_diag_wanted){ .most = 1 };
    int r = kind_of(listener, &domain, &type, &protocol);
    if (r < 0) return r;
    bool ip = (domain == AF_INET || domain == AF_INET6) && type == SOCK_STREAM &&
              (protocol == IPPROTO_TCP || protocol == IPPROTO_MPTCP);
    if (!ip && !(domain == AF_UNIX && (type == SOCK_STREAM || type == SOCK_SEQPACKET))) return -EOPNOTSUPP;
    if (fstat(listener, &st) < 0 || getsockname(listener, &address.any, &address.length) < 0) return -errno;
    ret->family = (sa_family_t)domain;
    ret->inode = (uint32_t)st.st_ino;
    if (!ip) return name_of(&address, ret);
    ret->port = domain == AF_INET ? address.ip4.sin_port : address.ip6.sin6_port;
    if (domain == AF_INET)
        ret->address[0] = address.ip4.sin_addr.s_addr;
    else
        memcpy(ret->address, &address.ip6.sin6_addr, sizeof ret->address);
    return 0;
}

/* ---- netlink ---- */

static bool is_any(const uint32_t address[4])
{
    return (address[0] | address[1] | address[2] | address[3]) == 0;
}

/* A socket that the service has closed goes on for a while by itself, without an inode; one that waits to be accepted
 * has none either, but has not sent its end. */
static bool is_open(unsigned state, uint32_t inode)
{
    if (state == TCP_ESTABLISHED || state == TCP_CLOSE_WAIT) return true;
    return (state == TCP_FIN_WAIT1 || state == TCP_FIN_WAIT2 || state == TCP_CLOSING) && inode != 0;
}

static int take_inet(const struct sock_diag_wanted *wanted, const unsigned char *body, size_t length,
                     struct sock_diag_seen *seen)
{
    struct inet_diag_msg message;
    if (length < sizeof message) return -EBADMSG;
    memcpy(&message, body, sizeof message);
    if (message.idiag_family != wanted->family || message.id.idiag_sport != wanted->port) return 0;
    size_t address = wanted->family == AF_INET ? 4 : 16;
    if (message.idiag_state == TCP_LISTEN)
        seen->listener |= message.idiag_inode == wanted->inode;
    else if ((is_any(wanted->address) || memcmp(message.id.idiag_src, wanted->address, address) == 0) &&
             is_open(message.idiag_state, message.idiag_inode))
        seen->connections++;
    return 0;
}

/* The attributes of a Unix socket that are looked at; empty where it has none. */
struct unix_attributes {
    const unsigned char *name;
    size_t name_length;
    bool has_node;
    uint32_t node[2], waiting;
};

static int read_attributes(const unsigned char *data, size_t length, struct unix_attributes *ret)
{
    *ret = (struct unix_attributes){ 0 };
    while (length >= sizeof(struct nlattr)) {
        struct nlattr head;
        memcpy(&head, data, sizeof head);
        if (head.nla_len < sizeof head || head.nla_len > length) return -EBADMSG;
        const unsigned char *body = data + sizeof head;
        size_t size = head.nla_len - sizeof head;
        unsigned type = head.nla_type & ATTRIBUTE_TYPE_MASK;
        if (type == UNIX_DIAG_NAME)
            ret->name = body, ret->name_length = size;
        else if (type == UNIX_DIAG_VFS && size >= sizeof ret->node)
            ret->has_node = true, memcpy(ret->node, body, sizeof ret->node);
        else if (type == UNIX_DIAG_RQLEN && size >= sizeof ret->waiting)
            memcpy(&ret->waiting, body, sizeof ret->waiting);
        size_t step = ((size_t)head.nla_len + NETLINK_ALIGN - 1) & ~(size_t)(NETLINK_ALIGN - 1);
        if (step >= length) break;
        data += step, length -= step;
    }
    return 0;
}

static bool has_name(const struct sock_diag_wanted *wanted, const struct unix_attributes *attributes)
{
    size_t length = attributes->name_length;
    if (length > 0 && attributes->name[0]) length = strnlen((const char *)attributes->name, length);
    return length == wanted->name_length && (length == 0 || memcmp(attributes->name, wanted->name, length) == 0);
}

static int take_unix(struct sock_diag_wanted *wanted, const unsigned char *body, size_t length,
                     struct sock_diag_seen *seen)
{
    struct unix_diag_msg message;
    struct unix_attributes attributes;
    if (length < sizeof message) return -EBADMSG;
    memcpy(&message, body, sizeof message);
    int r = read_attributes(body + sizeof message, length - sizeof message, &attributes);
    if (r < 0 || message.udiag_family != AF_UNIX) return r;
    if (message.udiag_state == TCP_LISTEN) {
        if (message.udiag_ino != wanted->inode) return 0;
        seen->listener = true;
        seen->connections += attributes.waiting;
        wanted->has_node = attributes.has_node;
        memcpy(wanted->node, attributes.node, sizeof wanted->node);
        return 0;
    }
    if (message.udiag_state != TCP_ESTABLISHED || !has_name(wanted, &attributes)) return 0;
    /* Another listener may have had the path before, or have it in another directory tree. */
    if (wanted->has_node && attributes.has_node && memcmp(wanted->node, attributes.node, sizeof wanted->node) != 0)
        return 0;
    seen->connections++;
    return 0;
}

/* The errno at the beginning of an NLMSG_ERROR or NLMSG_DONE; some kernels send the latter without. */
static int read_error(const unsigned char *body, size_t length)
{
    int32_t error = 0;
    if (length >= sizeof error) memcpy(&error, body, sizeof error);
    return error > 0 || error < -4095 ? -EBADMSG : error;
}

int sock_diag_parse(struct sock_diag_wanted *wanted, uint32_t sequence, const void *data, size_t length,
                    struct sock_diag_seen *seen)
{
    const unsigned char *at = data;
    struct nlmsghdr head;
    while (length >= sizeof head) {
        memcpy(&head, at, sizeof head);
        if (head.nlmsg_len < sizeof head || head.nlmsg_len > length) return -EBADMSG;
        const unsigned char *body = at + NLMSG_HDRLEN;
        size_t size = head.nlmsg_len - NLMSG_HDRLEN;
        int r = 0;
        if (head.nlmsg_seq != sequence) {
            /* of a former question */
        } else if (head.nlmsg_type == NLMSG_ERROR || head.nlmsg_type == NLMSG_DONE) {
            seen->over = true;
            return read_error(body, size);
        } else if (head.nlmsg_type == NLMSG_OVERRUN) {
            r = -EOVERFLOW;
        } else if (head.nlmsg_type == SOCK_DIAG_BY_FAMILY) {
            r = wanted->family == AF_UNIX ? take_unix(wanted, body, size, seen) : take_inet(wanted, body, size, seen);
        }
        if (r < 0) return r;
        size_t step = ((size_t)head.nlmsg_len + NETLINK_ALIGN - 1) & ~(size_t)(NETLINK_ALIGN - 1);
        if (step >= length) return 0;
        at += step, length -= step;
    }
    return length == 0 ? 0 : -EBADMSG;
}

/* Asks, and reads the answer until it is over, enough was seen, or, with `single`, after its first message. */
static int ask(int netlink, struct sock_diag_wanted *wanted, const struct nlmsghdr *question, bool single,
               struct sock_diag_seen *seen)
{
    char part[PART_SIZE];
    struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
    ssize_t n = sendto(netlink, question, question->nlmsg_len, MSG_DONTWAIT | MSG_NOSIGNAL,
                       (const struct sockaddr *)&kernel, sizeof kernel);
    if (n < 0) return -errno;
    seen->over = false;
    for (unsigned i = 0; i < PARTS_MAX; i++) {
        struct sockaddr_nl from = { 0 };
        socklen_t length = sizeof from;
        n = recvfrom(netlink, part, sizeof part, MSG_DONTWAIT | MSG_TRUNC, (struct sockaddr *)&from, &length);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return -errno;
        if ((size_t)n > sizeof part) return -EOVERFLOW;
        if (from.nl_pid != 0) continue; /* another process, which is not asked */
        int r = sock_diag_parse(wanted, question->nlmsg_seq, part, (size_t)n, seen);
        if (r < 0 || single || seen->over) return r;
        if (seen->listener && seen->connections >= wanted->most) return 0;
    }
    return -EOVERFLOW;
}

static int ask_inet(int netlink, struct sock_diag_wanted *wanted, struct sock_diag_seen *seen)
{
    struct {
        struct nlmsghdr head;
        struct inet_diag_req_v2 request;
    } question = { .head = { .nlmsg_len = sizeof question,
                             .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                             .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
                             .nlmsg_seq = 1 },
                   .request = { .sdiag_family = (uint8_t)wanted->family,
                                .sdiag_protocol = IPPROTO_TCP,
                                .idiag_states = STATE_BIT(TCP_LISTEN) | STATE_BIT(TCP_ESTABLISHED) |
                                                STATE_BIT(TCP_FIN_WAIT1) | STATE_BIT(TCP_FIN_WAIT2) |
                                                STATE_BIT(TCP_CLOSE_WAIT) | STATE_BIT(TCP_CLOSING),
                                .id = { .idiag_sport = wanted->port } } };
    return ask(netlink, wanted, &question.head, false, seen);
}

/* The listener first, for its node and for those that wait; then whoever has its name. */
static int ask_unix(int netlink, struct sock_diag_wanted *wanted, struct sock_diag_seen *seen)
{
    struct {
        struct nlmsghdr head;
        struct unix_diag_req request;
    } question = { .head = { .nlmsg_len = sizeof question,
                             .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                             .nlmsg_flags = NLM_F_REQUEST,
                             .nlmsg_seq = 1 },
                   .request = { .sdiag_family = AF_UNIX,
                                .udiag_states = STATE_BIT(TCP_LISTEN),
                                .udiag_ino = wanted->inode,
                                .udiag_show = UDIAG_SHOW_VFS | UDIAG_SHOW_RQLEN,
                                .udiag_cookie = { UINT32_MAX, UINT32_MAX } } };
    int r = ask(netlink, wanted, &question.head, true, seen);
    if (r < 0 || !seen->listener || seen->connections >= wanted->most) return r;
    question.head.nlmsg_flags |= NLM_F_DUMP;
    question.head.nlmsg_seq = 2;
    question.request.udiag_states = STATE_BIT(TCP_ESTABLISHED);
    question.request.udiag_show = UDIAG_SHOW_NAME | UDIAG_SHOW_VFS;
    return ask(netlink, wanted, &question.head, false, seen);
}

static int result_of(const struct sock_diag_wanted *wanted, const struct sock_diag_seen *seen)
{
    return seen->listener ? (int)MIN_OF(seen->connections, wanted->most) : -ENXIO;
}

int sock_diag_by_netlink(struct sock_diag_wanted *wanted)
{
    struct sock_diag_seen seen = { 0 };
    AUTO_FD struct fd netlink = fd_own(socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
    if (!fd_is_open(&netlink)) return -errno;
    int r = wanted->family == AF_UNIX ? ask_unix(netlink.n, wanted, &seen) : ask_inet(netlink.n, wanted, &seen);
    return r < 0 ? r : result_of(wanted, &seen);
}

/* ---- /proc/net ---- */

/* The next word of a line, and how long it is; 0 at the end of the line. */
static size_t next_word(const char **at)
{
    *at += strspn(*at, " ");
    return strcspn(*at, " \n");
}

static bool number_of(const char *word, size_t length, unsigned base, uint32_t *ret)
{
    static const char digits[] = "0123456789ABCDEF";
    uint64_t number = 0;
    if (length == 0 || length > 20) return false;
    for (size_t i = 0; i < length; i++) {
        const char *digit = memchr(digits, word[i], base);
        if (!digit) return false;
        number = number * base + (uint64_t)(digit - digits);
        if (number > UINT32_MAX) return false;
    }
    *ret = (uint32_t)number;
    return true;
}

/* "0100007F:0035", as the kernel writes an address: words of the machine's order, then the port. */
static void address_text(const struct sock_diag_wanted *wanted, char *buffer, size_t size)
{
    size_t n = 0;
    for (unsigned i = 0; i < (wanted->family == AF_INET ? 1 : 4); i++)
        n += (size_t)snprintf(buffer + n, size - n, "%08X", wanted->address[i]); /* fits */
    (void)snprintf(buffer + n, size - n, ":%04X", ntohs(wanted->port));
}

/* A null byte of an abstract name is written as "@". */
static bool is_name(const struct sock_diag_wanted *wanted, const char *text, size_t length)
{
    if (length != wanted->name_length) return false;
    for (size_t i = 0; i < length; i++)
        if (text[i] != (wanted->name[i] ? wanted->name[i] : '@')) return false;
    return true;
}

/* "sl: local remote st tx:rx tr:when retrnsmt uid timeout inode ..." */
static void take_tcp_line(const struct sock_diag_wanted *wanted, const char *address, const char *line,
                          struct sock_diag_seen *seen)
{
    uint32_t state = 0, inode = 0;
    bool port = false, local = is_any(wanted->address);
    for (unsigned i = 0; i < 10; i++) {
        size_t length = next_word(&line), whole = strlen(address);
        if (length == 0) return;
        if (i == 1) {
            local |= length == whole && memcmp(line, address, length) == 0;
            port = length == whole && memcmp(line + length - 5, address + whole - 5, 5) == 0;
        }
        if (i == 3 && !number_of(line, length, 16, &state)) return;
        if (i == 9 && !number_of(line, length, 10, &inode)) return;
        line += length;
    }
    if (!port) return;
    if (state == TCP_LISTEN)
        seen->listener |= inode == wanted->inode;
    else if (local && is_open(state, inode))
        seen->connections++;
}

/* "Num: RefCount Protocol Flags Type St Inode Path"; St of linux/net.h: 2 waits to be accepted, 3 was. */
static void take_unix_line(const struct sock_diag_wanted *wanted, const char *line, struct sock_diag_seen *seen)
{
    uint32_t state = 0, inode = 0;
    for (unsigned i = 0; i < 7; i++) {
        size_t length = next_word(&line);
        if (i == 5 && !number_of(line, length, 16, &state)) return;
        if (i == 6 && !number_of(line, length, 10, &inode)) return;
        line += length;
    }
    if (inode != 0 && inode == wanted->inode) seen->listener = true;
    if (*line == ' ' && (state == 2 || state == 3) && is_name(wanted, line + 1, strcspn(line + 1, "\n")))
        seen->connections++;
}

void sock_diag_parse_proc(const struct sock_diag_wanted *wanted, const char *text, struct sock_diag_seen *seen)
{
    char address[40];
    address_text(wanted, address, sizeof address);
    for (; *text; text += strcspn(text, "\n"), text += *text == '\n')
        if (wanted->family == AF_UNIX)
            take_unix_line(wanted, text, seen);
        else
            take_tcp_line(wanted, address, text, seen);
}

int sock_diag_by_proc(const struct sock_diag_wanted *wanted, const char *directory)
{
    struct sock_diag_seen seen = { 0 };
    char path[256], *text;
    size_t size;
    const char *file = wanted->family == AF_UNIX ? "unix" : wanted->family == AF_INET ? "tcp" : "tcp6";
    if (snprintf(path, sizeof path, "%s/%s", directory, file) >= (int)sizeof path) return -ENAMETOOLONG;
    int r = file_read(AT_FDCWD, path, PROC_MAX, &text, &size);
    if (r < 0) return r;
    sock_diag_parse_proc(wanted, text, &seen);
    free(text);
    return result_of(wanted, &seen);
}

/* ---- both ---- */

int sock_diag_connections(int listener, unsigned most)
{
    struct sock_diag_wanted wanted;
    struct pollfd waiting = { .fd = listener, .events = POLLIN };
    int domain = 0, type = 0, protocol = 0;
    if (poll(&waiting, 1, 0) > 0 && most <= 1) return 1;
    int r = kind_of(listener, &domain, &type, &protocol);
    if (r < 0) return r;
    if (type != SOCK_STREAM && type != SOCK_SEQPACKET) return waiting.revents != 0;
    r = sock_diag_of(listener, &wanted);
    if (r < 0) return r;
    wanted.most = most;
    r = sock_diag_by_netlink(&wanted);
    return r >= 0 || sock_diag_may_work_later(r) ? r : sock_diag_by_proc(&wanted, "/proc/net");
}
