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
#include "socketact/address.h"
#include "socketact/proxy_internal.h"
#include "tests/base/loopback.h"

struct fixture {
    struct proxy *proxy;
    struct proxy_config config; /* of the next begin() */
    struct fd channel;
    struct fd front, back; /* where clients connect; where the service listens */
    uint32_t number;
    struct socket_address front_address, back_address;
    unsigned waiting_calls, done_calls, failed_calls, lost;
    int last_error, lack;
    bool has_left;
    struct proxy_ended last;
    struct proxy_counts counts;
    char from[SOCKET_ADDRESS_TEXT_MAX], target[64];
};

/* What PID 1 would be told. */
static inline void listen_to_it(struct fixture *f)
{
    struct proxy_report report;
    ssize_t n;
    while ((n = proxy_channel_receive(f->channel.n, &report, sizeof report, NULL)) > 0) {
        assert_int_equal(proxy_report_check(&report, (size_t)n), 0);
        if (report.type == PROXY_REPORT_WAITING && report.number == f->number) f->waiting_calls++;
        if (report.type == PROXY_REPORT_LACKING) f->lack = report.error;
        if (report.type == PROXY_REPORT_LEAVING) f->has_left = true;
        f->lost += report.lost;
        f->counts = report.counts;
        for (uint32_t i = 0; i < report.n_ended; i++) {
            struct socket_address from = { .length = offsetof(struct sockaddr_un, sun_path) };
            memcpy(from.room, &report.ended[i].from, sizeof report.ended[i].from);
            (void)socket_address_format(&from, f->from);
            f->done_calls++;
            f->failed_calls += report.ended[i].error != 0;
            f->last = report.ended[i];
            f->last_error = report.ended[i].error;
        }
    }
}

static inline void order(struct fixture *f, enum proxy_order_type type, uint32_t value)
{
    struct proxy_order what = { .type = type, .number = ++f->number, .value = value };
    assert_int_equal(proxy_channel_send(f->channel.n, &what, sizeof what, -1), 0);
    assert_true(proxy_round(f->proxy, false) >= 0);
    listen_to_it(f);
}

static inline void set_ready(struct fixture *f, bool ready)
{
    order(f, PROXY_ORDER_READY, ready);
}

static inline uint32_t count(const struct fixture *f)
{
    return f->proxy->report.counts.connections;
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
    /* Of this process alone: below the ephemeral ports, and apart from tests that run at the same time. */
    int pid = getpid(), port = 20000 + pid % 5000 * 2;
    char front[64];
    (void)snprintf(front, sizeof front, "%s%d", tcp ? "127.0.0.1:" : "@ci-test-front-", tcp ? port : pid);
    (void)snprintf(f->target, sizeof f->target, "%s%d", tcp ? "127.0.0.1:" : "@ci-test-back-", tcp ? port + 1 : pid);
    int ends[2];
    (void)snprintf(f->config.target, sizeof f->config.target, "%s:%s", tcp ? "tcp" : "unix", f->target);
    address_of(front, &f->front_address);
    address_of(f->target, &f->back_address);
    f->front = listen_on(&f->front_address, 4096);
    if (service_listens) f->back = listen_on(&f->back_address, 4096);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    f->channel = fd_own(ends[0]);
    f->number = 0;
    f->config.n_listeners = 1;
    f->config.no_splice = no_splice;
    assert_int_equal(proxy_new(&f->config, fd_own(ends[1]), &f->front.n, &f->proxy), 0);
}

static inline void end(struct fixture *f)
{
    proxy_free(TAKE(f->proxy));
    fd_close(&f->channel);
    fd_close(&f->front);
    fd_close(&f->back);
    f->waiting_calls = f->done_calls = f->failed_calls = f->lost = 0;
    f->last_error = f->lack = 0;
    f->has_left = false;
}

static inline int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    (void)signal(SIGPIPE, SIG_IGN);
    f->front = f->back = f->channel = FD_NONE;
    f->config = (struct proxy_config){ .connect_timeout = 5 * USEC_PER_SEC,
                                       .idle_timeout = USEC_INFINITY,
                                       .datagram_timeout = 60 * USEC_PER_SEC,
                                       .linger = USEC_INFINITY };
    *state = f;
    return 0;
}

static inline int tear_down(void **state)
{
    struct fixture *f = *state;
    end(f);
    free(f);
    return 0;
}

static inline void turn(struct fixture *f)
{
    assert_true(proxy_round(f->proxy, false) >= 0);
    listen_to_it(f);
}

/* Until it has something to do. */
static inline void rest(struct fixture *f)
{
    assert_true(proxy_round(f->proxy, true) >= 0);
    listen_to_it(f);
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

static inline void hear_reset(struct fixture *f, int fd)
{
    char byte;
    ssize_t n;
    while ((n = recv(fd, &byte, 1, 0)) < 0 && errno == EAGAIN) turn(f);
    assert_int_equal(n, -1);
    assert_int_equal(errno, ECONNRESET);
}

static inline void wait_done(struct fixture *f, unsigned calls)
{
    while (f->done_calls < calls) turn(f);
    assert_int_equal(f->done_calls, calls);
    assert_int_equal(f->lost, 0);
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
