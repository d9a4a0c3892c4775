#include "control/server.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/log.h"
#include "control/perform.h"
#include "control/protocol.h"
#include "supervisor/local_path.h"
#include "supervisor/manager.h"
#include "supervisor/unit_type.h"

/* Peers at a time: the last places are kept for those who may change things. */
#define PEERS_MAX      32
#define READERS_MAX    16
#define READERS_OF_UID 6
/* A peer that is expected to do something, to ask or to read, does it within this time. */
#define PEER_PATIENCE (10 * USEC_PER_SEC)
/* What is done for one peer, or accepted, before others have their turn. */
#define ANSWERS_PER_ROUND 32
#define ACCEPTS_PER_ROUND 8

struct peer {
    struct control_server *server;
    struct fd fd; /* none: the place is free */
    loop_io io;
    struct loop_deadline patience;
    uid_t uid;
    bool may_change, busy;
    struct performance performance; /* while busy: the request, and how far it is */
    char *unsent;                   /* an answer that did not go out yet */
};

struct control_server {
    struct manager *manager;
    struct fd fd;
    loop_io io;
    char *path; /* NULL: abstract */
    struct loop_deadline pause;
    struct fd spare; /* given up for a peer when descriptors run out; taken back when one goes */
    struct peer peers[PEERS_MAX];
};

/* ---- the reserve ---- */

static void keep_spare(struct control_server *server)
{
    if (!fd_is_open(&server->spare)) IGNORE_RESULT(fd_dup(server->fd.n, 0, &server->spare)); /* the next peer's, then */
}

static void on_pause_over(void *userdata)
{
    struct control_server *server = userdata;
    loop_deadline_clear(server->manager->loop, &server->pause);
    if (loop_io_modify(server->manager->loop, server->io, EPOLLIN) < 0) log_error("control: no more peers are served");
}

/* ---- one peer ---- */

static void peer_drop(struct peer *peer)
{
    struct loop *loop = peer->server->manager->loop;
    loop_io_remove(loop, &peer->io);
    loop_deadline_clear(loop, &peer->patience);
    performance_done(&peer->performance);
    free(peer->unsent);
    fd_close(&peer->fd);
    *peer = (struct peer){ .server = peer->server, .fd = FD_NONE };
    keep_spare(peer->server);
    if (loop_deadline_is_set(&peer->server->pause)) on_pause_over(peer->server);
}

static void on_patience(void *userdata)
{
    struct peer *peer = userdata;
    log_debug("control: a peer of uid %u was too slow", (unsigned)peer->uid);
    peer_drop(peer);
}

/* Waits for `events`, with patience unless it is we who are to act. */
static bool peer_wait(struct peer *peer, uint32_t events, bool patience)
{
    struct loop *loop = peer->server->manager->loop;
    usec_t at = patience ? usec_add(loop_now(loop), PEER_PATIENCE) : USEC_INFINITY;
    return loop_io_modify(loop, peer->io, events | EPOLLRDHUP) == 0 &&
           loop_deadline_set(loop, &peer->patience, at, on_patience, peer) == 0;
}

static char *error_text(const char *word, const char *message)
{
    AUTO(json_free) struct json_value *answer = performance_error(NULL, word, message);
    return answer ? json_print(answer, 0) : NULL;
}

/* 1: sent or dropped by the kernel's leave, 0: the peer does not read; -errno: it has gone. */
static int peer_send(struct peer *peer)
{
    ssize_t n = send(peer->fd.n, peer->unsent, strlen(peer->unsent), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
    if (n < 0) return -errno;
    free(peer->unsent);
    peer->unsent = NULL;
    return 1;
}

/* Sends what there is to say, as far as the peer takes it. */
static void peer_serve(struct peer *peer)
{
    for (unsigned n = 0; peer->busy; n++) {
        if (!peer->unsent) {
            int r = performance_next(&peer->performance, peer->server->manager, &peer->unsent);
            if (r == 0) { /* jobs run: their ends wake us */
                if (!peer_wait(peer, 0, false)) peer_drop(peer);
                return;
            }
            if (r < 0) {
                peer_drop(peer);
                return;
            }
        }
        int r = n < ANSWERS_PER_ROUND ? peer_send(peer) : 0;
        if (r < 0 || (r == 0 && !peer_wait(peer, EPOLLOUT, true))) peer_drop(peer);
        if (r <= 0) return;
        peer->busy = peer->unsent || !performance_is_over(&peer->performance);
    }
    performance_done(&peer->performance);
    if (!peer_wait(peer, EPOLLIN, true)) peer_drop(peer);
}

/* A request as it came. Its length is asked for first, so that a peer costs no memory while it is silent. */
static int peer_read(struct peer *peer, char **ret_text, size_t *ret_length)
{
    char none;
    ssize_t size = recv(peer->fd.n, &none, 0, MSG_DONTWAIT | MSG_PEEK | MSG_TRUNC);
    if (size < 0) return -errno;
    if (size == 0) return -ECONNRESET; /* the end, or a message of nothing */
    if ((size_t)size > (peer->may_change ? CONTROL_REQUEST_MAX : CONTROL_REQUEST_MAX_READER)) return -EMSGSIZE;
    char *text = malloc((size_t)size);
    if (!text) return -ENOMEM;
    ssize_t n = recv(peer->fd.n, text, (size_t)size, MSG_DONTWAIT);
    if (n != size) {
        free(text);
        return n < 0 ? -errno : -EPROTO;
    }
    *ret_text = text;
    *ret_length = (size_t)size;
    return 0;
}

static void peer_request(struct peer *peer)
{
    char *text = NULL;
    size_t length = 0;
    int r = peer_read(peer, &text, &length);
    if (r == -EAGAIN || r == -EINTR) return;
    if (r < 0) {
        peer_drop(peer);
        return;
    }
    r = performance_begin(&peer->performance, text, length, peer->may_change);
    free(text);
    if (r < 0) {
        peer_drop(peer);
        return;
    }
    peer->busy = true;
    peer_serve(peer);
}

static void on_peer(int fd, uint32_t events, void *userdata)
{
    struct peer *peer = userdata;
    (void)fd;
    if (events & (EPOLLHUP | EPOLLERR) || (events & EPOLLRDHUP && !(events & EPOLLIN)))
        peer_drop(peer);
    else if (peer->busy)
        peer_serve(peer);
    else if (events & EPOLLIN)
        peer_request(peer);
}

/* ---- jobs ---- */

/* Called by the job engine: notes, and speaks in the next round. */
static void on_job_removed(struct runtime *rt, uint32_t job, enum job_type type, enum job_result result, void *userdata)
{
    (void)type;
    struct control_server *server = userdata;
    for (size_t i = 0; i < COUNT_OF(server->peers); i++) {
        struct peer *peer = &server->peers[i];
        if (!peer->busy || !performance_job_removed(&peer->performance, rt, job, result)) continue;
        if (!peer_wait(peer, EPOLLOUT, true)) peer_drop(peer);
    }
}

/* ---- the listener ---- */

static struct peer *free_place(struct control_server *server, uid_t uid, bool may_change)
{
    size_t readers = 0, of_uid = 0;
    struct peer *place = NULL;
    for (size_t i = 0; i < COUNT_OF(server->peers); i++) {
        struct peer *peer = &server->peers[i];
        if (!fd_is_open(&peer->fd)) {
            place = peer;
            continue;
        }
        readers += !peer->may_change;
        of_uid += !peer->may_change && peer->uid == uid;
    }
    return may_change || (readers < READERS_MAX && of_uid < READERS_OF_UID) ? place : NULL;
}

static void admit(struct control_server *server, struct fd fd_owned)
{
    AUTO_FD struct fd fd = fd_owned;
    struct manager *m = server->manager;
    struct ucred credentials;
    socklen_t length = sizeof credentials;
    if (getsockopt(fd.n, SOL_SOCKET, SO_PEERCRED, &credentials, &length) < 0) return;
    /* A name in the abstract namespace is there for all containers that share our network; they have their own root. */
    if (!server->path && credentials.pid <= 0) return;
    bool may_change = credentials.uid == 0 || credentials.uid == m->uid;
    struct peer *peer = free_place(server, credentials.uid, may_change);
    if (!peer) {
        char *text = error_text("LimitsExceeded", "Too many ask at the same time.");
        if (text) (void)send(fd.n, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL); /* it is dropped all the same */
        free(text);
        return;
    }
    int r = loop_io_add(m->loop, fd.n, EPOLLIN | EPOLLRDHUP, LOOP_NORMAL, on_peer, peer, &peer->io);
    if (r < 0) return;
    peer->fd = fd_take(&fd);
    peer->uid = credentials.uid;
    peer->may_change = may_change;
    if (!peer_wait(peer, EPOLLIN, true)) peer_drop(peer);
}

/* Where descriptors have run out, who wants to know why is served all the same, one after the other. */
static int accept_peer(struct control_server *server)
{
    int peer = accept4(server->fd.n, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (peer >= 0 || errno != EMFILE || !fd_is_open(&server->spare)) return peer < 0 ? -errno : peer;
    fd_close(&server->spare);
    peer = accept4(server->fd.n, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (peer >= 0) return peer;
    int r = -errno;
    keep_spare(server);
    return r;
}

static void on_connection(int fd, uint32_t events, void *userdata)
{
    struct control_server *server = userdata;
    struct loop *loop = server->manager->loop;
    (void)fd;
    (void)events;
    for (unsigned n = 0; n < ACCEPTS_PER_ROUND; n++) {
        int peer = accept_peer(server);
        if (peer >= 0) {
            admit(server, fd_own(peer));
            keep_spare(server);
            continue;
        }
        /* Out of descriptors or memory: the listener stays readable, and must not keep us busy. */
        if (peer != -EAGAIN && peer != -EINTR && peer != -ECONNABORTED &&
            loop_deadline_set(loop, &server->pause, usec_add(loop_now(loop), USEC_PER_SEC), on_pause_over, server) == 0)
            IGNORE_RESULT(loop_io_modify(loop, server->io, 0)); /* then it is asked again at once */
        return;
    }
}

static bool somebody_serves(const struct sockaddr_un *address, int length)
{
    AUTO_FD struct fd fd = fd_own(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    return fd_is_open(&fd) &&
           (connect(fd.n, (const struct sockaddr *)address, (socklen_t)length) == 0 || errno != ECONNREFUSED);
}

static bool is_stale(const struct sockaddr_un *address, int length)
{
    struct stat node;
    return address->sun_path[0] && lstat(address->sun_path, &node) == 0 && S_ISSOCK(node.st_mode) &&
           !somebody_serves(address, length);
}

static int listen_at(const struct sockaddr_un *address, int length, struct fd *ret)
{
    AUTO_FD struct fd fd = fd_own(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd_is_open(&fd)) return -errno;
    int r = bind(fd.n, (const struct sockaddr *)address, (socklen_t)length) < 0 ? -errno : 0;
    if (r == -EADDRINUSE && is_stale(address, length)) {
        if (unlink(address->sun_path) < 0) return -errno;
        r = bind(fd.n, (const struct sockaddr *)address, (socklen_t)length) < 0 ? -errno : 0;
    }
    if (r < 0) return r;
    if (address->sun_path[0] && chmod(address->sun_path, 0666) < 0) return -errno; /* everybody may look */
    if (listen(fd.n, PEERS_MAX) < 0) return -errno;
    *ret = fd_take(&fd);
    return 0;
}

static int listen_path(struct control_server *server, const char *path)
{
    struct sockaddr_un address;
    if (!local_path_is(path)) return -EXDEV;
    int length = control_address_path(path, &address);
    if (length < 0) return length;
    server->path = strdup(path);
    return server->path ? listen_at(&address, length, &server->fd) : -ENOMEM;
}

static int listen_default(struct control_server *server)
{
    static const char path[] = CONTROL_PATH_DEFAULT;
    char directory[sizeof path];
    struct sockaddr_un address;
    int r = -EXDEV;
    memcpy(directory, path, sizeof path);
    *strrchr(directory, '/') = '\0';
    if (local_path_is(directory)) {
        if (mkdir(directory, 0755) == 0 || errno == EEXIST) r = listen_path(server, path);
        if (r == 0) return 0;
        free(server->path);
        server->path = NULL;
    }
    int length = control_address_abstract(&address);
    return length < 0 ? length : listen_at(&address, length, &server->fd);
}

int control_server_new(struct manager *manager, const char *path, struct control_server **ret_server,
                       const char **ret_where)
{
    AUTO(control_server_free) struct control_server *server = calloc(1, sizeof *server);
    if (!server) return -ENOMEM;
    server->manager = manager;
    server->fd = server->spare = FD_NONE;
    for (size_t i = 0; i < COUNT_OF(server->peers); i++)
        server->peers[i] = (struct peer){ .server = server, .fd = FD_NONE };
    int r = path ? listen_path(server, path) : listen_default(server);
    if (r < 0) return r;
    keep_spare(server);
    r = loop_io_add(manager->loop, server->fd.n, EPOLLIN, LOOP_NORMAL, on_connection, server, &server->io);
    if (r < 0) return r;
    r = jobs_add_hook(manager, on_job_removed, server);
    if (r < 0) return r;
    *ret_where = server->path ? server->path : "abstract namespace";
    *ret_server = TAKE(server);
    return 0;
}

void control_server_free(struct control_server *server)
{
    if (!server) return;
    for (size_t i = 0; i < COUNT_OF(server->peers); i++)
        if (fd_is_open(&server->peers[i].fd)) peer_drop(&server->peers[i]);
    fd_close(&server->spare);
    loop_io_remove(server->manager->loop, &server->io);
    loop_deadline_clear(server->manager->loop, &server->pause);
    if (server->path && fd_is_open(&server->fd)) (void)unlink(server->path); /* the next run replaces what stays */
    fd_close(&server->fd);
    free(server->path);
    free(server);
}
