#include "socketact/proxy_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define CHUNK_MAX      ((size_t)64 << 10)  /* what a pipe holds */
#define ROUND_MAX      ((size_t)256 << 10) /* one way of one connection in one round */
#define WORTH_MORE     ((size_t)8 << 10)   /* after less than this the source is taken to be empty */
#define DISCARD_ROUNDS 16

/* ---- pipes ---- */

void proxy_pipe_close(struct proxy_pipe *pipe)
{
    fd_close(&pipe->reader);
    fd_close(&pipe->writer);
}

static int pipe_take(struct proxy *proxy, struct proxy_pipe *ret)
{
    if (proxy->n_pipes > 0) {
        *ret = proxy->pipes[--proxy->n_pipes];
        return 0;
    }
    return fd_pipe(O_NONBLOCK, &ret->reader, &ret->writer);
}

/* Empty pipes are kept for the next who needs one; one with bytes in it is closed. */
void direction_release(struct proxy *proxy, struct direction *direction)
{
    if (!fd_is_open(&direction->pipe.reader)) return;
    if (direction->in_pipe == 0 && proxy->n_pipes < PIPES_KEPT)
        proxy->pipes[proxy->n_pipes++] = direction->pipe;
    else
        proxy_pipe_close(&direction->pipe);
    direction->pipe = (struct proxy_pipe){ FD_NONE, FD_NONE };
    direction->in_pipe = 0;
}

static ssize_t splice_once(int from, int to, size_t size)
{
    ssize_t n;
    do n = splice(from, NULL, to, NULL, size, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

bool proxy_can_splice(void)
{
    AUTO_FD struct fd reader = FD_NONE, writer = FD_NONE;
    int pair[2];
    if (fd_pipe(O_NONBLOCK, &reader, &writer) < 0) return true; /* a lack of descriptors says nothing about it */
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0) return true;
    AUTO_FD struct fd a = fd_own(pair[0]), b = fd_own(pair[1]);
    return send(a.n, "x", 1, MSG_NOSIGNAL) == 1 && splice_once(b.n, writer.n, 1) == 1 &&
           splice_once(reader.n, b.n, 1) == 1;
}

/* ---- one way ---- */

enum step_result {
    STEP_MOVED,  /* try again */
    STEP_IDLE,   /* the source has no more for now */
    STEP_BLOCKED /* the destination takes no more for now */
};

/* Nothing more comes from there, and nothing more can be said to it. */
static void connection_break(struct connection *c, struct direction *d, ssize_t r)
{
    connection_note_error(c, (int)r);
    d->ended = c->broken = true;
}

/* The destination takes no more; the other way may still have something to say. */
static void direction_refuse(struct connection *c, struct direction *d, ssize_t r)
{
    connection_note_error(c, (int)r);
    d->ended = d->refused = true;
    if (d->in_pipe > 0) proxy_pipe_close(&d->pipe);
    d->in_pipe = 0;
}

static enum step_result after_read(struct connection *c, struct direction *d, ssize_t n)
{
    if (n == 0) {
        d->ended = true;
        return STEP_IDLE;
    }
    if (n == -EAGAIN) return STEP_IDLE;
    if (n < 0) connection_break(c, d, n);
    return STEP_MOVED;
}

static enum step_result after_write(struct connection *c, struct direction *d, ssize_t n)
{
    if (n == -EAGAIN || n == 0) return STEP_BLOCKED;
    if (n < 0) direction_refuse(c, d, n);
    return STEP_MOVED;
}

/* Without a pipe: bytes are looked at, offered, and taken off the source as far as they were accepted, so that nothing
 * has to be kept. */
static enum step_result step_by_copy(struct connection *c, struct direction *d, int from, int to, size_t *moved)
{
    struct proxy *proxy = c->proxy;
    if (!proxy->buffer && !(proxy->buffer = malloc(CHUNK_MAX))) {
        connection_break(c, d, -ENOMEM);
        return STEP_MOVED;
    }
    ssize_t got;
    do got = recv(from, proxy->buffer, CHUNK_MAX, MSG_PEEK | MSG_DONTWAIT);
    while (got < 0 && errno == EINTR);
    if (got <= 0) return after_read(c, d, got < 0 ? -errno : 0);
    ssize_t put;
    do put = send(to, proxy->buffer, (size_t)got, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (put < 0 && errno == EINTR);
    if (put <= 0) return after_write(c, d, put < 0 ? -errno : 0);
    ssize_t taken;
    do taken = recv(from, proxy->buffer, (size_t)put, MSG_DONTWAIT); /* what was looked at is there */
    while (taken < 0 && errno == EINTR);
    *moved += (size_t)put;
    return (size_t)put < WORTH_MORE && put == got ? STEP_IDLE : STEP_MOVED;
}

static enum step_result step_by_splice(struct connection *c, struct direction *d, int from, int to, size_t *moved)
{
    bool worth_more = true;
    if (d->in_pipe == 0) {
        ssize_t n = splice_once(from, d->pipe.writer.n, CHUNK_MAX);
        if (n <= 0) return after_read(c, d, n);
        d->in_pipe = (size_t)n;
        worth_more = d->in_pipe >= WORTH_MORE;
    }
    ssize_t n = splice_once(d->pipe.reader.n, to, d->in_pipe);
    if (n <= 0) return after_write(c, d, n);
    d->in_pipe -= (size_t)n;
    *moved += (size_t)n;
    return d->in_pipe == 0 && !worth_more ? STEP_IDLE : STEP_MOVED;
}

static enum step_result direction_step(struct connection *c, struct direction *d, int from, int to, size_t *moved)
{
    bool splices = !c->proxy->no_splice;
    /* Without descriptors for a pipe it goes on, a little slower. */
    if (splices && !fd_is_open(&d->pipe.reader)) splices = pipe_take(c->proxy, &d->pipe) == 0;
    return splices ? step_by_splice(c, d, from, to, moved) : step_by_copy(c, d, from, to, moved);
}

/* Bounded: what is left is reported again by the loop. End of file is passed on when everything before it is (K60). */
static void direction_run(struct connection *c, struct direction *d, int from, int to)
{
    size_t moved = 0;
    enum step_result result = STEP_MOVED;
    while (result == STEP_MOVED && !d->ended && moved < ROUND_MAX) result = direction_step(c, d, from, to, &moved);
    d->blocked = result == STEP_BLOCKED;
    if (d->in_pipe == 0) direction_release(c->proxy, d);
    if (!d->ended || d->finished) return;
    d->finished = true;
    (void)shutdown(to, SHUT_WR); /* ENOTCONN: it is gone, and knows */
}

/* ---- both ways ---- */

/* Bytes that nobody will read would make close(2) send a reset, and that overtakes what the other side was sent. */
static void discard_input(int fd)
{
    char scratch[4096];
    for (int i = 0; i < DISCARD_ROUNDS; i++)
        if (recv(fd, scratch, sizeof scratch, MSG_DONTWAIT) <= 0) return;
}

static uint32_t interest(const struct direction *reads, const struct direction *writes)
{
    uint32_t events = 0;
    if (!reads->ended && !reads->blocked) events |= EPOLLIN;
    if (!writes->ended && writes->blocked) events |= EPOLLOUT;
    return events;
}

static void connection_settle(struct connection *c)
{
    if (c->broken || (c->up.finished && c->down.finished)) {
        if (c->up.refused) discard_input(c->client.n);
        if (c->down.refused) discard_input(c->target.n);
        connection_end(c);
        return;
    }
    int r = loop_io_modify(c->proxy->loop, c->client_io, interest(&c->up, &c->down));
    if (r == 0) r = loop_io_modify(c->proxy->loop, c->target_io, interest(&c->down, &c->up));
    if (r == 0) return;
    connection_note_error(c, r);
    connection_end(c);
}

/* What is reported on either socket concerns the way out of it when it can be read, and the way into it otherwise. */
static void on_client(int fd, uint32_t events, void *userdata)
{
    struct connection *c = userdata;
    if (!c->up.ended && !c->up.blocked && (events & ~(uint32_t)EPOLLOUT)) direction_run(c, &c->up, fd, c->target.n);
    if (c->down.blocked && (events & ~(uint32_t)EPOLLIN)) direction_run(c, &c->down, c->target.n, fd);
    connection_settle(c);
}

static void on_target(int fd, uint32_t events, void *userdata)
{
    struct connection *c = userdata;
    if (!c->down.ended && !c->down.blocked && (events & ~(uint32_t)EPOLLOUT))
        direction_run(c, &c->down, fd, c->client.n);
    if (c->up.blocked && (events & ~(uint32_t)EPOLLIN)) direction_run(c, &c->up, c->client.n, fd);
    connection_settle(c);
}

void connection_copy(struct connection *c)
{
    struct loop *loop = c->proxy->loop;
    c->state = CONNECTION_COPYING;
    int r = loop_io_add(loop, c->client.n, EPOLLIN, LOOP_NORMAL, on_client, c, &c->client_io);
    if (r == 0) r = loop_io_add(loop, c->target.n, EPOLLIN, LOOP_NORMAL, on_target, c, &c->target_io);
    if (r == 0) return;
    connection_note_error(c, r);
    connection_end(c);
}
