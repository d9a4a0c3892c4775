#include "tests/socketact/proxy_fixture.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static const struct linger hard = { .l_onoff = 1, .l_linger = 0 };

/* A reset is one for the other side as well, whoever meets it first: the next read, or the next write of what the other
 * side has just said. As an end of file it would make half a message look like a whole one. */
static void test_reset_met_by_a_write(void **state)
{
    struct fixture *f = *state;
    for (int server_resets = 0; server_resets < 2; server_resets++) {
        print_message("  the %s resets\n", server_resets ? "server" : "client");
        begin(f, true, false, true);
        set_ready(f, true);
        AUTO_FD struct fd client = client_new(f), server = server_accept(f);
        say(client.n, "hello");
        hear(f, server.n, "hello");
        say(server.n, "half of");
        hear(f, client.n, "half of");
        for (int i = 0; i < 20; i++) turn(f);
        struct fd *resetting = server_resets ? &server : &client, *other = server_resets ? &client : &server;
        say(other->n, "and a word for you");
        assert_int_equal(setsockopt(resetting->n, SOL_SOCKET, SO_LINGER, &hard, sizeof hard), 0);
        fd_close(resetting);
        wait_done(f, 1);
        assert_int_equal(f->last_error, ECONNRESET);
        hear_reset(f, other->n);
        end(f);
    }
}

/* It arrives after all that was said before, however long the other side takes to read that. */
static void test_reset_after_last_words(void **state)
{
    static char bytes[100000];
    struct fixture *f = *state;
    begin(f, true, false, true);
    set_ready(f, true);
    AUTO_FD struct fd client = client_new(f), server = server_accept(f);
    for (unsigned idle = 0; idle < 100; idle++) {
        if (send(client.n, bytes, sizeof bytes, MSG_NOSIGNAL) > 0) idle = 0;
        turn(f);
    }
    assert_int_equal(setsockopt(client.n, SOL_SOCKET, SO_LINGER, &hard, sizeof hard), 0);
    fd_close(&client);
    ssize_t n;
    while ((n = recv(server.n, bytes, 1000, 0)) > 0 || (n < 0 && errno == EAGAIN)) turn(f);
    assert_int_equal(n, -1);
    assert_int_equal(errno, ECONNRESET);
    wait_done(f, 1);
    assert_int_equal(f->last_error, ECONNRESET);
}

/* Whoever has said its last word and then gets more to read than it wants has not broken anything. */
static void test_end_before_reset(void **state)
{
    struct fixture *f = *state;
    begin(f, true, false, true);
    set_ready(f, true);
    AUTO_FD struct fd client = client_new(f), server = server_accept(f);
    say(server.n, "that was all");
    fd_close(&server);
    hear(f, client.n, "that was all");
    hear_end(f, client.n);
    say(client.n, "but I");
    for (int i = 0; i < 20; i++) turn(f);
    (void)send(client.n, "want", 4, MSG_NOSIGNAL);
    wait_done(f, 1);
    assert_int_not_equal(f->last_error, ECONNRESET);
}

/* ---- datagrams beside streams ---- */

struct both {
    struct fd datagram, datagram_target;
    struct socket_address front;
};

static void begin_both(struct fixture *f, struct both *b, const char *front)
{
    int pid = getpid(), port = 20000 + pid % 5000 * 2, ends[2], fds[2];
    char text[64];
    (void)snprintf(text, sizeof text, "127.0.0.1:%d", port);
    (void)snprintf(f->config.target, sizeof f->config.target, "tcp:127.0.0.1:%d", port + 1);
    address_of(text, &f->front_address);
    address_of(f->config.target + 4, &f->back_address);
    (void)snprintf(text, sizeof text, "%s:%d", front, port);
    address_of(text, &b->front);
    f->front = listen_on(&f->front_address, 4096);
    f->back = listen_on(&f->back_address, 4096);
    b->datagram = fd_own(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    assert_int_equal(bind(b->datagram.n, &b->front.any, b->front.length), 0);
    b->datagram_target = fd_own(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    assert_int_equal(bind(b->datagram_target.n, &f->back_address.any, f->back_address.length), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    f->channel = fd_own(ends[0]);
    f->number = 0;
    f->config.n_listeners = 2;
    fds[0] = f->front.n, fds[1] = b->datagram.n;
    assert_int_equal(proxy_new(&f->config, fd_own(ends[1]), fds, &f->proxy), 0);
    set_ready(f, true);
}

static void end_both(struct fixture *f, struct both *b)
{
    end(f);
    fd_close(&b->datagram);
    fd_close(&b->datagram_target);
}

static struct fd datagram_client(void)
{
    static const int on = 1;
    struct fd fd = fd_own(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    assert_true(fd_is_open(&fd));
    assert_int_equal(setsockopt(fd.n, SOL_SOCKET, SO_BROADCAST, &on, sizeof on), 0);
    return fd;
}

/* ProxyConnectionsMax= counts clients of both kinds, and the end of either lets the next one in. */
static void test_session_makes_room(void **state)
{
    struct fixture *f = *state;
    struct both b;
    f->config.max = 1;
    f->config.datagram_timeout = 50 * USEC_PER_MSEC;
    begin_both(f, &b, "127.0.0.1");
    AUTO_FD struct fd asker = datagram_client();
    assert_int_equal(sendto(asker.n, "q", 1, 0, &b.front.any, b.front.length), 1);
    while (count(f) == 0) turn(f);
    AUTO_FD struct fd client = client_new(f);
    while (!f->proxy->is_full && f->done_calls == 0) turn(f); /* or its time is over by now */
    AUTO_FD struct fd server = server_accept(f);
    say(client.n, "my turn");
    hear(f, server.n, "my turn");
    end_both(f, &b);
}

/* Who called everybody is answered by an address that can be. */
static void test_broadcast(void **state)
{
    struct fixture *f = *state;
    struct both b;
    char bytes[16];
    begin_both(f, &b, "0.0.0.0");
    AUTO_FD struct fd asker = datagram_client();
    struct socket_address all = b.front, from = { .length = sizeof from.room };
    all.ip4.sin_addr.s_addr = htonl(0x7fffffff);
    if (sendto(asker.n, "who?", 4, 0, &all.any, all.length) < 0) skip(); /* the kernel's loopback has no broadcast */
    while (recvfrom(b.datagram_target.n, bytes, sizeof bytes, 0, &from.any, &from.length) != 4) turn(f);
    assert_int_equal(sendto(b.datagram_target.n, "me!", 3, 0, &from.any, from.length), 3);
    while (recv(asker.n, bytes, sizeof bytes, 0) != 3) turn(f);
    assert_memory_equal(bytes, "me!", 3);
    end_both(f, &b);
}

/* Clients that nobody has answered are not worth more memory than this. */
static void test_first_datagrams_are_bounded(void **state)
{
    enum { CLIENTS = 200, SIZE = 60000 };
    static char bytes[SIZE];
    struct fixture *f = *state;
    struct both b;
    begin_both(f, &b, "127.0.0.1");
    for (int i = 0; i < CLIENTS; i++) {
        AUTO_FD struct fd asker = datagram_client();
        assert_int_equal(sendto(asker.n, bytes, sizeof bytes, 0, &b.front.any, b.front.length), SIZE);
        while (recv(b.datagram_target.n, bytes, sizeof bytes, 0) < 0) turn(f);
    }
    assert_true(f->proxy->first_bytes <= (size_t)4 << 20);
    end_both(f, &b);
}

/* ---- what the kernel refuses ---- */

/* Where nothing more can be polled, it is tried again later. */
static void test_nothing_can_be_polled(void **state)
{
    struct fixture *f = *state;
    begin(f, true, false, true);
    AUTO_FD struct fd client = client_new(f);
    while (f->waiting_calls == 0) turn(f);
    int saved = dup(f->front.n), nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_true(saved >= 0 && nothing >= 0);
    assert_true(dup2(nothing, f->front.n) >= 0); /* EPERM: it cannot be polled */
    set_ready(f, false);
    assert_true(f->proxy->lacking);
    assert_true(dup2(saved, f->front.n) >= 0);
    set_ready(f, true);
    AUTO_FD struct fd server = server_accept(f);
    say(client.n, "there");
    hear(f, server.n, "there");
    (void)close(saved);
    (void)close(nothing);
}

static void refuse_splice(int error)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_splice, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint32_t)error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = { .len = COUNT_OF(code), .filter = code };
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
        _exit(77);
}

/* Container runtimes refuse system calls with EPERM, and others with ENOSYS: a stream is copied, then. */
static void test_splice_refused(void **state)
{
    static const int errors[] = { EPERM, ENOSYS, EINVAL };
    static char bytes[300000];
    struct fixture *f = *state;
    for (size_t i = 0; i < COUNT_OF(errors); i++) {
        print_message("  %s\n", strerror(errors[i]));
        int status;
        pid_t pid = fork();
        if (pid == 0) {
            refuse_splice(errors[i]);
            begin(f, true, false, true);
            set_ready(f, true);
            struct fd client = client_new(f), server = server_accept(f);
            size_t sent = 0, received = 0;
            while (received < sizeof bytes && f->done_calls == 0) {
                ssize_t n = send(client.n, bytes, sizeof bytes - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
                if (n > 0) sent += (size_t)n;
                turn(f);
                if (sent == sizeof bytes || n < 0)
                    n = recv(server.n, bytes, sizeof bytes, 0);
                else
                    n = 0;
                if (n > 0) received += (size_t)n;
            }
            _exit(received == sizeof bytes ? 0 : 1);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        if (WEXITSTATUS(status) == 77) skip(); /* no seccomp here */
        assert_int_equal(WEXITSTATUS(status), 0);
    }
}

/* ---- packets ---- */

/* A packet may be empty, and is not the end for that. */
static void test_empty_packets(void **state)
{
    struct fixture *f = *state;
    char front[64], byte;
    int ends[2];
    (void)snprintf(front, sizeof front, "@ci-test-front-%d", getpid());
    (void)snprintf(f->target, sizeof f->target, "@ci-test-back-%d", getpid());
    (void)snprintf(f->config.target, sizeof f->config.target, "unix:%s", f->target);
    address_of(front, &f->front_address);
    address_of(f->target, &f->back_address);
    struct fd *const listeners[] = { &f->front, &f->back };
    const struct socket_address *const addresses[] = { &f->front_address, &f->back_address };
    for (size_t i = 0; i < COUNT_OF(listeners); i++) {
        *listeners[i] = fd_own(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
        assert_int_equal(bind(listeners[i]->n, &addresses[i]->any, addresses[i]->length), 0);
        assert_int_equal(listen(listeners[i]->n, 16), 0);
    }
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    f->channel = fd_own(ends[0]);
    f->number = 0;
    f->config.n_listeners = 1;
    assert_int_equal(proxy_new(&f->config, fd_own(ends[1]), &f->front.n, &f->proxy), 0);
    set_ready(f, true);
    AUTO_FD struct fd client = fd_own(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    assert_int_equal(connect(client.n, &f->front_address.any, f->front_address.length), 0);
    assert_int_equal(send(client.n, "a", 1, MSG_NOSIGNAL), 1);
    AUTO_FD struct fd server = server_accept(f);
    hear(f, server.n, "a");
    assert_int_equal(send(client.n, "", 0, MSG_NOSIGNAL), 0);
    ssize_t n;
    while ((n = recv(server.n, &byte, 1, 0)) < 0) turn(f);
    assert_int_equal(n, 0);
    assert_int_equal(send(client.n, "b", 1, MSG_NOSIGNAL), 1);
    hear(f, server.n, "b");
    assert_int_equal(send(client.n, "", 0, MSG_NOSIGNAL), 0);
    assert_int_equal(send(client.n, "c", 1, MSG_NOSIGNAL), 1);
    fd_close(&client);
    while ((n = recv(server.n, &byte, 1, 0)) < 0) turn(f);
    assert_int_equal(n, 0);
    hear(f, server.n, "c");
    hear_end(f, server.n);
    fd_close(&server);
    wait_done(f, 1);
    assert_int_equal(f->last_error, 0);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
int main(int argc, char **argv)
{
    (void)own_network();
    const struct CMUnitTest tests[] = {
        TEST(test_reset_met_by_a_write),
        TEST(test_reset_after_last_words),
        TEST(test_end_before_reset),
        TEST(test_session_makes_room),
        TEST(test_broadcast),
        TEST(test_first_datagrams_are_bounded),
        TEST(test_nothing_can_be_polled),
        TEST(test_splice_refused),
        TEST(test_empty_packets),
    };
    if (argc > 1) cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
