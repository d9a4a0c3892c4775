#include "socketact/socket_options.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

#ifndef SO_PASSPIDFD
#define SO_PASSPIDFD 76 /* Linux 6.5 */
#endif
#ifndef SO_PASSRIGHTS
#define SO_PASSRIGHTS 83 /* Linux 6.16 */
#endif
#define SOL_SCTP_     132 /* linux/sctp.h */
#define SCTP_NODELAY_ 3

/* How the setting is kept, and when it is set at all. */
enum option_type {
    OPTION_ON,      /* bool: set to 1 when true */
    OPTION_OFF,     /* bool: set to 0 when false */
    OPTION_FIRST,   /* word: set to 1 when it is the first behind the default */
    OPTION_SECOND,  /* ... the second */
    OPTION_NUMBER,  /* int32_t, -1 unset */
    OPTION_COUNT,   /* uint32_t, 0 unset */
    OPTION_SECONDS, /* usec_t, 0 unset */
    OPTION_TEXT,    /* NULL unset */
    OPTION_BUFFER,  /* uint64_t, 0 unset: set for privileged ones where it takes that */
    OPTION_PIPE,    /* uint64_t, 0 unset: of a FIFO */
};

/* Which option it is in which family; AF_UNSPEC: in all of them. */
struct target {
    uint8_t family;
    int16_t level, name;
};
struct option {
    const char *step; /* the directive, with its "=" */
    enum option_type type;
    bool required; /* and only of IP, but for Mark= */
    size_t offset; /* in struct socket_extra_section */
    struct target targets[3];
};

/* clang-format off */
#define ROW(directive, type, required, member, ...) \
    { directive "=", OPTION_##type, required, offsetof(struct socket_extra_section, member), { __VA_ARGS__ } }
#define ANY(level, name) { AF_UNSPEC, level, name }
#define IP4(name)        { AF_INET, IPPROTO_IP, name }
#define IP6(level, name) { AF_INET6, level, name }
#define NLK(name)        { AF_NETLINK, SOL_NETLINK, name }
static const struct option options[] = { /* in order: IPTOS= sets a priority of its own */
    ROW("BindToDevice", TEXT, true, bind_to_device, { AF_INET, SOL_SOCKET, SO_BINDTODEVICE }, IP6(SOL_SOCKET, SO_BINDTODEVICE)),
    ROW("ReusePort", ON, true, reuse_port, { AF_INET, SOL_SOCKET, SO_REUSEPORT }, IP6(SOL_SOCKET, SO_REUSEPORT)),
    ROW("FreeBind", ON, true, free_bind, IP4(IP_FREEBIND), IP6(IPPROTO_IPV6, IPV6_FREEBIND)),
    ROW("Transparent", ON, true, transparent, IP4(IP_TRANSPARENT), IP6(IPPROTO_IPV6, IPV6_TRANSPARENT)),
    ROW("Mark", NUMBER, true, mark, ANY(SOL_SOCKET, SO_MARK)),
    ROW("KeepAlive", ON, false, keep_alive, ANY(SOL_SOCKET, SO_KEEPALIVE)),
    ROW("KeepAliveTimeSec", SECONDS, false, keep_alive_time, ANY(IPPROTO_TCP, TCP_KEEPIDLE)),
    ROW("KeepAliveIntervalSec", SECONDS, false, keep_alive_interval, ANY(IPPROTO_TCP, TCP_KEEPINTVL)),
    ROW("KeepAliveProbes", COUNT, false, keep_alive_probes, ANY(IPPROTO_TCP, TCP_KEEPCNT)),
    ROW("DeferAcceptSec", SECONDS, false, defer_accept, ANY(IPPROTO_TCP, TCP_DEFER_ACCEPT)),
    ROW("NoDelay", ON, false, no_delay, ANY(IPPROTO_TCP, TCP_NODELAY)),
    ROW("TCPCongestion", TEXT, false, tcp_congestion, ANY(IPPROTO_TCP, TCP_CONGESTION)),
    ROW("Broadcast", ON, false, broadcast, ANY(SOL_SOCKET, SO_BROADCAST)),
    ROW("PassCredentials", ON, false, pass_credentials, ANY(SOL_SOCKET, SO_PASSCRED)),
    ROW("PassPIDFD", ON, false, pass_pidfd, ANY(SOL_SOCKET, SO_PASSPIDFD)),
    ROW("PassSecurity", ON, false, pass_security, ANY(SOL_SOCKET, SO_PASSSEC)),
    ROW("AcceptFileDescriptors", OFF, false, accept_fds, ANY(SOL_SOCKET, SO_PASSRIGHTS)),
    ROW("PassPacketInfo", ON, false, pass_packet_info, IP4(IP_PKTINFO), IP6(IPPROTO_IPV6, IPV6_RECVPKTINFO), NLK(NETLINK_PKTINFO)),
    ROW("Timestamping", FIRST, false, timestamping, ANY(SOL_SOCKET, SO_TIMESTAMP)),
    ROW("Timestamping", SECOND, false, timestamping, ANY(SOL_SOCKET, SO_TIMESTAMPNS)),
    ROW("ReceiveBuffer", BUFFER, false, receive_buffer, ANY(SOL_SOCKET, SO_RCVBUF)),
    ROW("SendBuffer", BUFFER, false, send_buffer, ANY(SOL_SOCKET, SO_SNDBUF)),
    ROW("IPTOS", NUMBER, false, ip_tos, ANY(IPPROTO_IP, IP_TOS)),
    ROW("IPTTL", NUMBER, false, ip_ttl, IP4(IP_TTL), IP6(IPPROTO_IPV6, IPV6_UNICAST_HOPS), IP6(IPPROTO_IP, IP_TTL)),
    ROW("Priority", NUMBER, false, priority, ANY(SOL_SOCKET, SO_PRIORITY)),
    ROW("PipeSize", PIPE, false, pipe_size, ANY(0, 0)),
};
/* clang-format on */
_Static_assert(COUNT_OF(options) <= SOCKET_OPTIONS_MAX, "a report has room for each");

const char *socket_option_name(unsigned option)
{
    return option < COUNT_OF(options) ? options[option].step : "?";
}

static void complain(struct socket_option_report *report, const struct option *option, int error)
{
    uint16_t number = (uint16_t)(option - options);
    if (!report) return;
    for (uint32_t i = 0; i < report->count; i++)
        if (report->items[i].option == number) return;
    report->items[report->count].line = report->line;
    report->items[report->count].option = number;
    report->items[report->count++].error = (int16_t)error;
}

/* ---- values ---- */

struct setting {
    int number;
    const char *text;
};

static int clamp(uint64_t value)
{
    return value > INT_MAX ? INT_MAX : (int)value;
}

/* false: the unit does not say, or says what is so anyway. */
static bool get_setting(const struct option *option, const struct socket_extra_section *settings, struct setting *ret)
{
    const void *slot = (const char *)settings + option->offset;
    *ret = (struct setting){ .number = 1 };
    switch (option->type) {
    case OPTION_ON:
        return *(const bool *)slot;
    case OPTION_OFF:
        ret->number = 0;
        return !*(const bool *)slot;
    case OPTION_FIRST:
        return *(const word_index *)slot == 1;
    case OPTION_SECOND:
        return *(const word_index *)slot == 2;
    case OPTION_NUMBER:
        ret->number = *(const int32_t *)slot;
        return ret->number >= 0;
    case OPTION_COUNT:
        ret->number = clamp(*(const uint32_t *)slot);
        return ret->number > 0;
    case OPTION_SECONDS: /* a part of a second is one */
        ret->number = clamp(*(const usec_t *)slot / USEC_PER_SEC + (*(const usec_t *)slot % USEC_PER_SEC > 0));
        return ret->number > 0;
    case OPTION_BUFFER:
    case OPTION_PIPE:
        ret->number = clamp(*(const uint64_t *)slot);
        return ret->number > 0;
    case OPTION_TEXT:
        ret->text = *(const char *const *)slot;
        return ret->text;
    }
    return false;
}

/* ---- setting ---- */

/* The kernel gives twice what was asked for, and cuts it in silence to what anybody may have. */
static int set_buffer(int fd, int name, int bytes)
{
    int got = 0;
    socklen_t size = sizeof got;
    if (setsockopt(fd, SOL_SOCKET, name, &bytes, sizeof bytes) < 0) return -errno;
    if (getsockopt(fd, SOL_SOCKET, name, &got, &size) == 0 && got / 2 >= bytes) return 0;
    name = name == SO_RCVBUF ? SO_RCVBUFFORCE : SO_SNDBUFFORCE;
    return setsockopt(fd, SOL_SOCKET, name, &bytes, sizeof bytes) < 0 ? -errno : 0;
}

static int set_target(int fd, const struct target *target, enum option_type type, const struct setting *value)
{
    int level = target->level, name = target->name, protocol = 0;
    socklen_t size = sizeof protocol;
    if (type == OPTION_BUFFER) return set_buffer(fd, name, value->number);
    const void *data = value->text ? (const void *)value->text : &value->number;
    socklen_t length = value->text ? (socklen_t)strlen(value->text) : (socklen_t)sizeof value->number;
    if (level == IPPROTO_TCP && name == TCP_NODELAY && getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &size) == 0 &&
        protocol == IPPROTO_SCTP)
        level = SOL_SCTP_, name = SCTP_NODELAY_;
    return setsockopt(fd, level, name, data, length) < 0 ? -errno : 0;
}

/* -EAFNOSUPPORT: nothing of the kind in this family. */
static int set_option(int fd, int family, const struct option *option, const struct setting *value)
{
    int r = -EAFNOSUPPORT;
    for (size_t i = 0; i < COUNT_OF(option->targets); i++) {
        const struct target *target = &option->targets[i];
        bool meant = target->level != 0 || target->name != 0;
        if (!meant || (target->family != AF_UNSPEC && target->family != family)) continue;
        r = set_target(fd, target, option->type, value);
        if (r < 0) return r;
    }
    return r;
}

int socket_options_set(int fd, int family, const struct socket_extra_section *settings,
                       struct socket_option_report *report, const char **ret_step)
{
    struct setting value;
    for (const struct option *option = options; option < options + COUNT_OF(options); option++) {
        if (option->type == OPTION_PIPE || !get_setting(option, settings, &value)) continue;
        int r = set_option(fd, family, option, &value);
        if (r == 0 || (r == -EAFNOSUPPORT && option->required)) continue; /* it is about addresses of other families */
        if (option->required) {
            *ret_step = option->step;
            return r;
        }
        complain(report, option, -r);
    }
    return 0;
}

void socket_options_set_accepted(int fd, const struct socket_extra_section *settings)
{
    int priority = settings->priority; /* where it could not be set, the listener has told */
    if (priority >= 0) (void)setsockopt(fd, SOL_SOCKET, SO_PRIORITY, &priority, sizeof priority);
}

void socket_options_set_fifo(int fd, const struct socket_extra_section *settings, struct socket_option_report *report)
{
    struct setting value;
    const struct option *option = &options[COUNT_OF(options) - 1];
    if (get_setting(option, settings, &value) && fcntl(fd, F_SETPIPE_SZ, value.number) < 0)
        complain(report, option, errno);
}
