#include "supervisor/notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/str.h"
#include "supervisor/local_path.h"
#include "supervisor/manager.h"
#include "supervisor/notify_message.h"
#include "supervisor/received_fd.h"
#include "supervisor/service.h"
#include "supervisor/service_notify.h"
#include "trace/trace.h"

#define NOTIFY_DIRECTORY   "/run/container-init"
#define NOTIFY_PATH        NOTIFY_DIRECTORY "/notify"
#define MESSAGES_PER_ROUND 128
#define FDS_MAX            253 /* of one message: SCM_MAX_FD */
#define RECEIVE_BUFFER     (8 << 20)

#ifndef SO_PASSPIDFD
#define SO_PASSPIDFD 76 /* Linux 6.5 */
#endif
#ifndef SCM_PIDFD
#define SCM_PIDFD 4
#endif

/* Kinds of messages that nobody takes, each reported once. */
/* clang-format off */
#define IGNORED(X) /* enumerator, word of the trace, why */ \
    X(FOREIGN, "foreign", "it comes from outside of the container") \
    X(NO_UNIT, "no-unit", "the process belongs to no unit") \
    X(GONE, "gone", "the process has ended, and whose it was is not known") \
    X(TOO_LONG, "too-long", "it has more than 4096 bytes") \
    X(BROKEN, "broken", "it is not made of lines of text")
/* clang-format on */
enum ignored {
#define X(enumerator, word, why) IGNORED_##enumerator,
    IGNORED(X)
#undef X
        IGNORED_COUNT
};

struct notify {
    struct manager *manager;
    struct fd fd; /* none: it could not be opened */
    loop_io io;
    char *address;    /* "/run/...", or "@..." for an abstract one */
    bool is_node;     /* and so removed at the end */
    bool lost_fds;    /* said once */
    unsigned ignored; /* bit of each kind that was reported */
    char text[NOTIFY_TEXT_MAX + 1];
};

/* ---- opening ---- */

static int bind_to(int fd, const struct sockaddr_un *address, socklen_t size)
{
    return bind(fd, (const struct sockaddr *)(const void *)address, size) < 0 ? -errno : 0;
}

/* A socket of a former run of ours: in the directory's own file system, of our user, and nobody has it open. Asking
 * sends nothing. */
static bool is_left_over(const struct sockaddr_un *address)
{
    struct stat node, directory;
    if (lstat(address->sun_path, &node) < 0 || lstat(NOTIFY_DIRECTORY, &directory) < 0) return false;
    if (!S_ISSOCK(node.st_mode) || node.st_uid != geteuid() || node.st_dev != directory.st_dev) return false;
    AUTO_FD struct fd probe = fd_own(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd_is_open(&probe)) return false;
    return connect(probe.n, (const struct sockaddr *)(const void *)address, sizeof *address) < 0 &&
           errno == ECONNREFUSED;
}

/* Services of any user may send; who may be heard is decided by credentials. */
static int open_node(struct notify *n)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = NOTIFY_PATH };
    const char *outer = getenv("NOTIFY_SOCKET"); /* the runtime's, for us alone (K75) */
    if (str_equal(outer, NOTIFY_PATH)) return -EADDRINUSE;
    if (!local_path_is("/run")) return -EREMOTE;
    if (mkdir(NOTIFY_DIRECTORY, 0755) < 0 && errno != EEXIST) return -errno;
    if (!local_path_is(NOTIFY_PATH)) return -EREMOTE;
    int r = bind_to(n->fd.n, &address, sizeof address);
    if (r == -EADDRINUSE && is_left_over(&address)) {
        if (unlink(NOTIFY_PATH) < 0) return -errno; /* EBUSY: it is a mount */
        r = bind_to(n->fd.n, &address, sizeof address);
    }
    if (r < 0) return r;
    n->is_node = true;
    if (chmod(NOTIFY_PATH, 0777) < 0) return -errno;
    return (n->address = strdup(NOTIFY_PATH)) ? 0 : -ENOMEM;
}

static int open_abstract(struct notify *n)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    uint64_t random = 0;
    char name[64];
    if (getrandom(&random, sizeof random, GRND_NONBLOCK) != (ssize_t)sizeof random)
        random = loop_now(n->manager->loop) ^ (uint64_t)getpid() << 40;
    int length = snprintf(name, sizeof name, "@container-init/notify/%016llx", (unsigned long long)random);
    memcpy(address.sun_path, name, (size_t)length);
    address.sun_path[0] = '\0';
    int r = bind_to(n->fd.n, &address, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)length));
    if (r < 0) return r;
    return (n->address = strdup(name)) ? 0 : -ENOMEM;
}

static void on_readable(int fd, uint32_t events, void *userdata);

static int open_socket(struct notify *n)
{
    struct manager *m = n->manager;
    const int on = 1, size = RECEIVE_BUFFER;
    n->fd = fd_own(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd_is_open(&n->fd)) return -errno;
    int why = open_node(n);
    if (why < 0 && n->is_node) return why;
    int r = why < 0 ? open_abstract(n) : 0;
    if (r < 0) return r;
    log_debug("notifications: %s%s%s", n->address, why < 0 ? ": " NOTIFY_PATH ": " : "", why < 0 ? strerror(-why) : "");
    if (setsockopt(n->fd.n, SOL_SOCKET, SO_PASSCRED, &on, sizeof on) < 0) return -errno;
    (void)setsockopt(n->fd.n, SOL_SOCKET, SO_PASSPIDFD, &on, sizeof on); /* from Linux 6.5 on */
    if (setsockopt(n->fd.n, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) < 0)
        (void)setsockopt(n->fd.n, SOL_SOCKET, SO_RCVBUF, &size, sizeof size); /* as much as we may have */
    return loop_io_add(m->loop, n->fd.n, EPOLLIN, LOOP_EARLY, on_readable, n, &n->io);
}

static void close_socket(struct notify *n)
{
    loop_io_remove(n->manager->loop, &n->io);
    fd_close(&n->fd);
    if (n->is_node) (void)unlink(NOTIFY_PATH); /* it may be gone, with whoever emptied /run */
    n->is_node = false;
    free(n->address);
    n->address = NULL;
}

const char *notify_address(struct manager *m)
{
    if (m->notify) return m->notify->address;
    struct notify *n = calloc(1, sizeof *n);
    if (!n) return NULL;
    m->notify = n;
    n->manager = m;
    n->fd = FD_NONE;
    int r = open_socket(n);
    if (r < 0) {
        log_error("notifications cannot be received: %s", strerror(-r));
        close_socket(n);
    }
    return n->address;
}

void notify_free(struct notify *n)
{
    if (!n) return;
    close_socket(n);
    free(n);
}

/* ---- receiving ---- */

struct arrived {
    struct notify_sender sender;
    bool has_credentials;
    struct fd pidfd, fds[FDS_MAX];
    size_t n_fds;
};

/* Everything that came with a message is ours from here on. */
static void take_control(struct arrived *a, struct msghdr *header)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c; c = CMSG_NXTHDR(header, c)) {
        size_t size = c->cmsg_len - CMSG_LEN(0);
        int number;
        struct ucred credentials;
        if (c->cmsg_level != SOL_SOCKET) continue;
        if (c->cmsg_type == SCM_CREDENTIALS && size == sizeof credentials) {
            memcpy(&credentials, CMSG_DATA(c), sizeof credentials);
            a->has_credentials = true;
            a->sender.pid = credentials.pid;
            a->sender.uid = credentials.uid;
        } else if (c->cmsg_type == SCM_PIDFD && size == sizeof number) {
            memcpy(&number, CMSG_DATA(c), sizeof number);
            fd_close(&a->pidfd);
            if (number >= 0) a->pidfd = fd_own(number); /* else why there is none */
        } else if (c->cmsg_type == SCM_RIGHTS) {
            for (size_t i = 0; i < size / sizeof number && a->n_fds < FDS_MAX; i++) {
                memcpy(&number, CMSG_DATA(c) + i * sizeof number, sizeof number);
                a->fds[a->n_fds++] = fd_own(number);
            }
        }
    }
    a->sender.pidfd = a->pidfd.n;
}

static void ignore(struct notify *n, enum ignored kind, const struct notify_sender *sender)
{
    static const struct {
        const char *word, *why;
    } kinds[IGNORED_COUNT] = {
#define X(enumerator, word, why) [IGNORED_##enumerator] = { word, why },
        IGNORED(X)
#undef X
    };
    bool told = n->ignored >> kind & 1;
    n->ignored |= 1U << kind;
    log_at(told ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARNING, "notification of process %d ignored: %s", (int)sender->pid,
           kinds[kind].why);
    if (!told)
        TRACE(n->manager->trace, "notify_ignored", TRACE_ERROR, 0, TF_INT("pid", sender->pid),
              TF_STR("reason", kinds[kind].word));
}

static void dispatch(struct notify *n, struct arrived *a, ssize_t size, int flags)
{
    struct notify_message message;
    struct service *service = NULL;
    if (!a->has_credentials || a->sender.pid <= 0) {
        ignore(n, IGNORED_FOREIGN, &a->sender);
        return;
    }
    if (flags & MSG_TRUNC) {
        ignore(n, IGNORED_TOO_LONG, &a->sender);
        return;
    }
    if (flags & MSG_CTRUNC && !n->lost_fds) {
        n->lost_fds = true;
        log_warning("notification of process %d: descriptors were lost, too many are open", (int)a->sender.pid);
    }
    if (notify_message_parse(n->text, (size_t)size, &message) < 0) {
        ignore(n, IGNORED_BROKEN, &a->sender);
        return;
    }
    if (message.flags & NOTIFY_BARRIER) return; /* closing its descriptor is the answer; nothing else may be with it */
    int r = notify_sender_service(n->manager, &a->sender, &service);
    if (r < 0 || !service)
        ignore(n, r < 0 ? IGNORED_GONE : IGNORED_NO_UNIT, &a->sender);
    else
        service_notify_message(service, &a->sender, &message, a->fds, a->n_fds);
}

static int receive(struct notify *n)
{
    _Alignas(struct cmsghdr) char
        room[CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(sizeof(int)) + CMSG_SPACE(FDS_MAX * sizeof(int))];
    struct iovec part = { n->text, NOTIFY_TEXT_MAX };
    struct msghdr header = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room };
    struct arrived a = { .sender = { .pidfd = -1 }, .pidfd = FD_NONE };
    ssize_t size = recvmsg(n->fd.n, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (size < 0) return -errno;
    take_control(&a, &header);
    dispatch(n, &a, size, header.msg_flags);
    received_fds_close(a.fds, a.n_fds);
    fd_close(&a.pidfd);
    return 0;
}

static void drain(struct notify *n)
{
    int r = 0;
    for (int i = 0; i < MESSAGES_PER_ROUND && (r == 0 || r == -EINTR); i++) r = receive(n);
    if (r == 0 || r == -EINTR || r == -EAGAIN || r == -ENOMEM || r == -ENOBUFS) return;
    log_error("notifications cannot be received any more: %s", strerror(-r));
    loop_io_remove(n->manager->loop, &n->io);
}

static void on_readable(int fd, uint32_t events, void *userdata)
{
    (void)fd;
    (void)events;
    drain(userdata);
}

void notify_drain(struct manager *m)
{
    if (m->notify && m->notify->io != LOOP_IO_NONE) drain(m->notify);
}
