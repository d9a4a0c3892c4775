/* Bytes both ways. */
#include "socketact/proxy_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define SMALL_MAX       ((size_t)16 << 10)  /* received and sent; what fills it is spliced from then on */
#define WORTH_A_PIPE    ((size_t)8 << 10)   /* below this it is no stream any more */
#define PIPE_SIZE       ((size_t)512 << 10) /* of the first ones: few steps, and what is read is still in the cache */
#define PIPE_SIZE_MORE  ((size_t)256 << 10) /* of those after PIPES_LARGE */
#define PIPES_LARGE     16
#define ROUND_MAX       ((size_t)1 << 20) /* one way of one connection in one round */
#define DISCARD_ROUNDS  16
#define LAST_WORDS_STEP (20 * USEC_PER_MSEC)
#define LAST_WORDS_MAX  (5 * USEC_PER_SEC)

/* ---- what is in flight ---- */

static void pipe_close(struct proxy *p, struct cargo *cargo)
{
    (void)close(cargo->reader);
    (void)close(cargo->writer);
    free(cargo);
    p->n_pipes--;
    p->descriptors -= 2;
}

void proxy_close_pipes(struct proxy *p)
{
    for (struct cargo *cargo; (cargo = p->pipes);) {
        p->pipes = cargo->next;
        pipe_close(p, cargo);
    }
    p->n_pipes_kept = 0;
}

/* NULL: without descriptors for a pipe it goes on, a little slower. */
static struct cargo *pipe_take(struct proxy *p)
{
    struct cargo *cargo = p->pipes;
    int ends[2];
    if (cargo) {
        p->pipes = cargo->next;
        p->n_pipes_kept--;
        return cargo;
    }
    if (!proxy_has_room(p, 2) || !(cargo = malloc(sizeof *cargo))) return NULL;
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0) {
        free(cargo);
        return NULL;
    }
    *cargo = (struct cargo){ .reader = ends[0], .writer = ends[1] };
    (void)fcntl(ends[0], F_SETPIPE_SZ, p->n_pipes < PIPES_LARGE ? PIPE_SIZE : PIPE_SIZE_MORE); /* or it is smaller */
    p->n_pipes++;
    p->descriptors += 2;
    return cargo;
}

/* Empty pipes are kept for the next who needs one; one with bytes in it is closed. */
void way_release(struct proxy *p, struct way *w)
{
    struct cargo *cargo = w->cargo;
    w->cargo = NULL;
    if (!cargo) return;
    if (cargo->reader < 0) {
        free(cargo);
    } else if (cargo->size > 0 || p->n_pipes_kept >= PIPES_KEPT || p->lacking) {
        pipe_close(p, cargo);
    } else {
        cargo->next = p->pipes;
        p->pipes = cargo;
        p->n_pipes_kept++;
    }
}

int way_prepend(struct way *w, const char *bytes, size_t size)
{
    struct cargo *cargo = malloc(sizeof *cargo + size);
    if (!cargo) return -ENOMEM;
    *cargo = (struct cargo){ .size = (uint32_t)size, .reader = -1, .writer = -1 };
    memcpy(cargo->bytes, bytes, size);
    w->cargo = cargo;
    return 0;
}

/* ---- one way ---- */

/* -EMSGSIZE: a packet is longer. */
static ssize_t receive(const struct proxy *p, int fd, char *buffer, size_t size)
{
    struct iovec part = { buffer, size };
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
    ssize_t n;
    do n = p->has_packets ? recvmsg(fd, &message, MSG_DONTWAIT) : recv(fd, buffer, size, MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    if (n >= 0 && message.msg_flags & MSG_TRUNC) return -EMSGSIZE;
    return n < 0 ? -errno : n;
}

static ssize_t give(int fd, const char *bytes, size_t size, int flags)
{
    ssize_t n;
    do n = send(fd, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL | flags);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

static ssize_t splice_once(int from, int to, size_t size)
{
    ssize_t n;
    do n = splice(from, NULL, to, NULL, size, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

/* Nothing more comes from there, and nothing more can be said to it. */
static void connection_break(struct connection *c, struct way *w, ssize_t r)
{
    connection_note_error(c, (int)r);
    w->ended = c->broken = true;
}

/* The destination takes no more; the other way may still have something to say. */
static void way_refuse(struct proxy *p, struct connection *c, struct way *w, ssize_t r)
{
    connection_note_error(c, (int)r);
    if (r != -EPIPE) c->cut = true; /* by a reset, which only this attempt was told of */
    w->ended = w->refused = true;
    way_release(p, w);
}

/* false: the source has no more for now, or will not have any. */
static bool after_read(struct connection *c, struct way *w, struct end *from, ssize_t n)
{
    if (n > 0) return true;
    if (n == -EAGAIN)
        from->readable = false;
    else if (n == 0)
        w->ended = true;
    else
        connection_break(c, w, n);
    return false;
}

/* What is in flight goes on. false: not all of it. */
static bool way_flush(struct proxy *p, struct connection *c, unsigned from_end)
{
    struct way *w = &c->ways[from_end];
    const struct end *from = &c->ends[from_end];
    struct end *to = &c->ends[!from_end];
    while (w->cargo) {
        struct cargo *cargo = w->cargo;
        /* What the PROXY protocol adds goes out with what the client says. */
        int more = w->moved == 0 && from->readable && !w->ended ? MSG_MORE : 0;
        ssize_t n = cargo->reader < 0 ? give(to->fd, cargo->bytes + cargo->offset, cargo->size, more)
                                      : splice_once(cargo->reader, to->fd, cargo->size);
        if (n == -EAGAIN || (n == 0 && cargo->size > 0)) {
            to->writable = false;
            return false;
        }
        if (n < 0) {
            way_refuse(p, c, w, n);
            return true;
        }
        cargo->offset += (uint32_t)n;
        cargo->size -= (uint32_t)n;
        w->moved += (uint64_t)n;
        if (cargo->size == 0) way_release(p, w);
    }
    return true;
}

/* Nothing was read. A packet may be empty, and only the last one before the end cannot be told from it. */
static bool is_empty_packet(int fd)
{
    struct pollfd pollfd = { .fd = fd, .events = POLLRDHUP };
    int bytes = 0;
    if (poll(&pollfd, 1, 0) == 0) return true;
    return ioctl(fd, SIOCINQ, &bytes) == 0 && bytes > 0;
}

/* Small pieces. What the destination does not take at once is kept. */
static void step_by_copy(struct proxy *p, struct connection *c, unsigned from_end, size_t size)
{
    struct way *w = &c->ways[from_end];
    struct end *from = &c->ends[from_end], *to = &c->ends[!from_end];
    ssize_t n = receive(p, from->fd, p->buffer, size);
    bool is_packet = n == 0 && p->has_packets && is_empty_packet(from->fd);
    if (!is_packet && !after_read(c, w, from, n)) return;
    if ((size_t)n < size && !from->to_the_end) from->readable = false;
    if (size == SMALL_MAX)
        w->bulk = (size_t)n == SMALL_MAX;
    else if ((size_t)n < WORTH_A_PIPE)
        w->bulk = false;
    ssize_t put = give(to->fd, p->buffer, (size_t)n, 0);
    if (put < 0 && put != -EAGAIN) {
        way_refuse(p, c, w, put);
        return;
    }
    if (put == n) {
        w->moved += (uint64_t)put;
        return;
    }
    put = MAX_OF(put, 0);
    w->moved += (uint64_t)put;
    to->writable = false;
    int r = way_prepend(w, p->buffer + put, (size_t)(n - put));
    if (r < 0) connection_break(c, w, r);
}

static void step_by_splice(struct proxy *p, struct connection *c, unsigned from_end)
{
    struct way *w = &c->ways[from_end];
    struct end *from = &c->ends[from_end];
    struct cargo *cargo = pipe_take(p);
    if (!cargo) {
        step_by_copy(p, c, from_end, BUFFER_SIZE);
        return;
    }
    w->cargo = cargo;
    ssize_t n = splice_once(from->fd, cargo->writer, PIPE_SIZE);
    if (n == -EINVAL || n == -EPERM || n == -ENOSYS) { /* some emulated kernels and filters refuse it */
        p->config.no_splice = true;
        way_release(p, w);
        return;
    }
    /* Before the mark of an urgent byte it looks like the end, or like nothing for now. The copy leaves that byte out,
     * and finds whether there is more behind it. */
    if (n == 0 || (n == -EAGAIN && from->marked)) {
        w->bulk = false;
        way_release(p, w);
        return;
    }
    if (n > 0) {
        cargo->size = (uint32_t)n;
        cargo->offset = 0;
        if ((size_t)n < WORTH_A_PIPE) w->bulk = false;
    }
    if (!after_read(c, w, from, n)) {
        w->bulk = w->bulk && n == -EAGAIN;
        way_release(p, w);
        return;
    }
    (void)way_flush(p, c, from_end); /* what is left is looked at by the caller */
}

/* End of file is passed on when everything before it is (K60). */
static void way_finish(struct connection *c, unsigned from_end)
{
    struct way *w = &c->ways[from_end];
    if (w->finished) return;
    w->finished = true;
    /* Where the other way has ended as well, the end of the connection tells it. */
    if (!c->ways[!from_end].finished) (void)shutdown(c->ends[!from_end].fd, SHUT_WR); /* ENOTCONN: it has gone */
}

/* Nothing is read that the destination would not take: what is in flight is bounded. */
static void way_run(struct proxy *p, struct connection *c, unsigned from_end)
{
    struct way *w = &c->ways[from_end];
    struct end *from = &c->ends[from_end], *to = &c->ends[!from_end];
    uint64_t until = w->moved + ROUND_MAX;
    if (w->finished) return;
    for (;;) {
        if (w->cargo && (!to->writable || !way_flush(p, c, from_end))) return;
        if (w->ended) break;
        if (!from->readable || !to->writable) return;
        if (w->moved >= until) {
            proxy_queue_work(p, c);
            return;
        }
        if (w->bulk && !p->config.no_splice && !p->has_packets) /* a step may find that splice(2) is refused */
            step_by_splice(p, c, from_end);
        else
            step_by_copy(p, c, from_end, p->has_packets || w->bulk ? BUFFER_SIZE : SMALL_MAX);
    }
    if (!c->broken) way_finish(c, from_end);
}

/* ---- both ways ---- */

/* Bytes that nobody will read would make close(2) send a reset, and that overtakes what the other side was sent. */
static void discard_input(int fd)
{
    char scratch[4096];
    for (int i = 0; i < DISCARD_ROUNDS; i++)
        if (recv(fd, scratch, sizeof scratch, MSG_DONTWAIT) <= 0) return;
}

/* One end is dead, and what it had said has been delivered: so is the connection. */
static void look_for_death(struct connection *c)
{
    for (unsigned i = 0; i < 2; i++) {
        int error = 0;
        socklen_t size = sizeof error;
        if (!c->ends[i].dead || !c->ways[i].finished) continue;
        if (getsockopt(c->ends[i].fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0 || error == 0) error = ECONNRESET;
        connection_note_error(c, -error);
        c->broken = true;
    }
}

/* A reset would overtake it. Of a socket that is dead nothing is sent. */
static bool has_more_to_send(int fd)
{
    int bytes = 0;
    uint8_t state = TCP_CLOSE;
    socklen_t size = sizeof state; /* the first member of struct tcp_info */
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &state, &size) < 0 || state == TCP_CLOSE) return false;
    return ioctl(fd, SIOCOUTQNSD, &bytes) == 0 && bytes > 0;
}

/* An end of file instead of the reset would make what was cut off look whole. */
void connection_last_words(struct proxy *p, struct connection *c)
{
    bool has_more = has_more_to_send(c->ends[CLIENT].fd) || has_more_to_send(c->ends[TARGET].fd);
    if (has_more && p->now < c->dial_until)
        proxy_list_move(c, p, LIST_LAST_WORDS, p->now + LAST_WORDS_STEP);
    else
        connection_end(p, c);
}

void connection_run(struct proxy *p, struct connection *c)
{
    way_run(p, c, CLIENT);
    if (!c->broken) way_run(p, c, TARGET);
    bool is_over = c->ways[CLIENT].finished && c->ways[TARGET].finished;
    if (!is_over && (c->ends[CLIENT].dead || c->ends[TARGET].dead)) look_for_death(c);
    if (!is_over && p->stopping) is_over = c->ways[TARGET].finished;
    if (!is_over && !c->broken) return;
    if (is_over && c->cut) c->broken = true;
    if (c->ways[CLIENT].refused) discard_input(c->ends[CLIENT].fd);
    if (c->ways[TARGET].refused) discard_input(c->ends[TARGET].fd);
    if (!c->broken) {
        connection_end(p, c);
        return;
    }
    c->dial_until = p->now + LAST_WORDS_MAX;
    connection_last_words(p, c);
}
