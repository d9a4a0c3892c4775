/* tests/socketact/proxy_fixture.h - client, proxy and server for the tests of the proxy.
 *
 * The test is all three in one thread: it moves them until what it waits for has happened. ctest bounds the time. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/loop.h"
#include "socketact/address.h"
#include "socketact/proxy.h"

struct fixture {
    struct loop *loop;
    struct proxy *proxy;
    struct fd front, back; /* where clients connect; where the service listens */
    loop_io front_io;
    struct socket_address front_address, back_address;
    unsigned waiting_calls, done_calls, failed_calls;
    int last_error, accept_result;
    char from[SOCKET_ADDRESS_TEXT_MAX], to[ADDRESS_TEXT_MAX], target[64];
};

static inline void on_waiting(void *userdata)
{
    struct fixture *f = userdata;
    f->waiting_calls++;
}

static inline void on_done(const char *from, const char *to, int error, void *userdata)
{
    struct fixture *f = userdata;
    f->done_calls++;
    f->failed_calls += error != 0;
    f->last_error = error;
    (void)snprintf(f->from, sizeof f->from, "%s", from);
    (void)snprintf(f->to, sizeof f->to, "%s", to);
}

static inline void on_front(int fd, uint32_t events, void *userdata)
{
    (void)events;
    struct fixture *f = userdata;
    f->accept_result = proxy_accept(f->proxy, fd);
    if (f->accept_result < 0) assert_int_equal(loop_io_modify(f->loop, f->front_io, 0), 0); /* the caller pauses */
}

static inline void address_of(const char *text, struct socket_address *ret)
{
    struct address parsed;
    assert_int_equal(address_parse(text, &parsed), 0);
    assert_int_equal(socket_address_make(&parsed, NULL, ret), 0);
}

static inline struct fd listen_on(struct socket_address *address, int backlog)
{
    static const int on = 1;
    struct fd fd = fd_own(socket(address->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    assert_true(fd_is_open(&fd));
    assert_int_equal(setsockopt(fd.n, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), 0);
    assert_int_equal(bind(fd.n, &address->any, address->length), 0);
    assert_int_equal(listen(fd.n, backlog), 0);
    return fd;
}

/* A front on TCP or on an abstract name, and a target of the same family, which may listen later. */
static inline void begin(struct fixture *f, bool tcp, bool no_splice, bool service_listens)
{
    const struct proxy_hooks hooks = { .on_waiting = on_waiting, .on_done = on_done };
    /* Of this process alone: below the ephemeral ports, and apart from tests that run at the same time. */
    int pid = getpid(), port = 20000 + pid % 5000 * 2;
    char front[64];
    (void)snprintf(front, sizeof front, "%s%d", tcp ? "127.0.0.1:" : "@ci-test-front-", tcp ? port : pid);
    (void)snprintf(f->target, sizeof f->target, "%s%d", tcp ? "127.0.0.1:" : "@ci-test-back-", tcp ? port + 1 : pid);
    char with_family[96];
    (void)snprintf(with_family, sizeof with_family, "%s:%s", tcp ? "tcp" : "unix", f->target);
    address_of(front, &f->front_address);
    address_of(f->target, &f->back_address);
    f->front = listen_on(&f->front_address, 4096);
    if (service_listens) f->back = listen_on(&f->back_address, 4096);
    assert_int_equal(proxy_new(f->loop, with_family, &hooks, f, &f->proxy), 0);
    if (no_splice) proxy_set_limits(f->proxy, (struct proxy_limits){ .no_splice = true });
    assert_int_equal(loop_io_add(f->loop, f->front.n, EPOLLIN, LOOP_NORMAL, on_front, f, &f->front_io), 0);
}

static inline void end(struct fixture *f)
{
    loop_io_remove(f->loop, &f->front_io);
    proxy_free(TAKE(f->proxy));
    fd_close(&f->front);
    fd_close(&f->back);
    f->waiting_calls = f->done_calls = f->failed_calls = 0;
    f->last_error = 0;
}

static inline int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    (void)signal(SIGPIPE, SIG_IGN);
    f->front = f->back = FD_NONE;
    assert_int_equal(loop_new(&f->loop), 0);
    *state = f;
    return 0;
}

static inline int tear_down(void **state)
{
    struct fixture *f = *state;
    end(f);
    loop_free(f->loop);
    free(f);
    return 0;
}

static inline void turn(struct fixture *f)
{
    assert_int_equal(loop_wait(f->loop, false), 0);
}

static inline struct fd client_new(struct fixture *f)
{
    struct fd fd = fd_own(socket(f->front_address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    assert_true(fd_is_open(&fd));
    assert_int_equal(connect(fd.n, &f->front_address.any, f->front_address.length), 0);
    assert_int_equal(fcntl(fd.n, F_SETFL, O_NONBLOCK), 0);
    return fd;
}

static inline struct fd server_accept(struct fixture *f)
{
    assert_int_equal(fcntl(f->back.n, F_SETFL, O_NONBLOCK), 0);
    struct fd fd;
    while (fd = fd_own(accept4(f->back.n, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)), !fd_is_open(&fd)) {
        assert_int_equal(errno, EAGAIN);
        turn(f);
    }
    return fd;
}

static inline void say(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* Exactly this arrives. */
static inline void hear(struct fixture *f, int fd, const char *want)
{
    char got[256];
    size_t length = strlen(want), done = 0;
    assert_true(length < sizeof got);
    while (done < length) {
        ssize_t n = recv(fd, got + done, length - done, 0);
        assert_true(n > 0 || (n < 0 && errno == EAGAIN));
        if (n > 0)
            done += (size_t)n;
        else
            turn(f);
    }
    assert_memory_equal(got, want, length);
}

static inline void hear_end(struct fixture *f, int fd)
{
    char byte;
    ssize_t n;
    while ((n = recv(fd, &byte, 1, 0)) < 0 && errno == EAGAIN) turn(f);
    assert_int_equal(n, 0);
}

static inline void wait_done(struct fixture *f, unsigned calls)
{
    while (f->done_calls < calls) turn(f);
    assert_int_equal(f->done_calls, calls);
}

static const struct variant {
    const char *label;
    bool tcp, no_splice;
} variants[] UNUSED = {
    { "TCP", true, false },
    { "TCP, copied", true, true },
    { "unix", false, false },
    { "unix, copied", false, true },
};
