#include "tests/socketact/proxy_fixture.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* ---- urgent data ---- */

/* A stream that is spliced does not stop at the mark of an urgent byte, which the copy leaves out. */
static void test_urgent_in_a_stream(void **state)
{
    enum { SIZE = 3000000 };
    static char bytes[65536];
    struct fixture *f = *state;
    begin(f, true, false, true);
    set_ready(f, true);
    AUTO_FD struct fd client = client_new(f), server = server_accept(f);
    size_t sent = 0, received = 0, urgent = 0;
    unsigned idle = 0;
    while (received < SIZE && idle < 3000) {
        size_t size = SIZE - sent < sizeof bytes ? SIZE - sent : sizeof bytes;
        ssize_t n = size > 0 ? send(client.n, bytes, size, MSG_NOSIGNAL) : 0;
        if (n > 0) sent += (size_t)n;
        if (n > 0 && sent > SIZE / 4 * (urgent + 1) && send(client.n, "!", 1, MSG_OOB | MSG_NOSIGNAL) == 1) urgent++;
        turn(f);
        ssize_t got = recv(server.n, bytes, sizeof bytes, 0);
        if (got > 0) received += (size_t)got;
        idle = n > 0 || got > 0 ? 0 : idle + 1;
        if (idle > 100) (void)usleep(1000);
    }
    print_message("  %u urgent, %zu sent, %zu received\n", (unsigned)urgent, sent, received);
    assert_int_equal(received, SIZE);
}

/* What is behind the mark is not lost when the end has arrived as well; nor does it make the end a reset. */
static void test_urgent_before_the_end(void **state)
{
    enum { PIECE = 9000 };
    static char bytes[60000];
    struct fixture *f = *state;
    begin(f, true, false, true);
    set_ready(f, true);
    AUTO_FD struct fd client = client_new(f), server = server_accept(f);
    say(client.n, "hello");
    hear(f, server.n, "hello");
    const struct connection *c = TAILQ_FIRST(&f->proxy->lists[LIST_COPYING]);
    assert_non_null(c);
    size_t received = 0;
    while (!c->ways[CLIENT].bulk) {
        assert_int_equal(send(client.n, bytes, sizeof bytes, MSG_NOSIGNAL), sizeof bytes);
        for (received = 0; received < sizeof bytes;) {
            turn(f);
            ssize_t n = recv(server.n, bytes, sizeof bytes, 0);
            if (n > 0) received += (size_t)n;
        }
    }
    assert_int_equal(send(client.n, bytes, PIECE, MSG_NOSIGNAL), PIECE);
    assert_int_equal(send(client.n, "!", 1, MSG_OOB | MSG_NOSIGNAL), 1);
    assert_int_equal(send(client.n, bytes, PIECE, MSG_NOSIGNAL), PIECE);
    assert_int_equal(shutdown(client.n, SHUT_WR), 0);
    ssize_t n;
    for (received = 0; (n = recv(server.n, bytes, sizeof bytes, 0)) != 0; turn(f))
        if (n > 0) received += (size_t)n;
    assert_int_equal(received, 2 * PIECE);
    fd_close(&server);
    hear_end(f, client.n);
    wait_done(f, 1);
    assert_int_equal(f->last_error, 0);
}

/* ---- a target that is the proxy itself ---- */

/* One client does not become as many as there are descriptors: the proxy knows its own call. */
static void test_loop(void **state)
{
    struct fixture *f = *state;
    for (int tcp = 0; tcp < 2; tcp++) {
        print_message("  %s\n", tcp ? "TCP" : "unix");
        int ends[2];
        begin(f, tcp, false, false);
        proxy_free(TAKE(f->proxy));
        (void)snprintf(f->config.target, sizeof f->config.target, "%s%d", tcp ? "127.0.0.1:" : "@ci-test-front-",
                       tcp ? 20000 + getpid() % 5000 * 2 : getpid());
        f->config.connect_timeout = 20 * USEC_PER_MSEC;
        assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
        fd_close(&f->channel);
        f->channel = fd_own(ends[0]);
        assert_int_equal(proxy_new(&f->config, fd_own(ends[1]), &f->front.n, &f->proxy), 0);
        set_ready(f, true);
        AUTO_FD struct fd client = client_new(f);
        for (int i = 0; i < 100; i++) {
            turn(f);
            assert_true(count(f) <= 2);
        }
        hear_end(f, client.n);
        fd_close(&client);
        while (count(f) > 0) turn(f);
        end(f);
    }
}

/* ---- datagrams ---- */

static struct fd datagram_socket(const char *bound_to, struct socket_address *address)
{
    address_of(bound_to, address);
    struct fd fd = fd_own(socket(address->any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    assert_int_equal(bind(fd.n, &address->any, address->length), 0);
    return fd;
}

/* `back` NULL: the target is the front itself. */
static void begin_datagrams(struct fixture *f, const char *front, const char *back)
{
    static const int on = 1;
    int ends[2];
    f->front = datagram_socket(front, &f->front_address);
    if (back) f->back = datagram_socket(back, &f->back_address);
    (void)snprintf(f->target, sizeof f->target, "%s", back ? back : front);
    (void)snprintf(f->config.target, sizeof f->config.target, "%s", f->target);
    assert_int_equal(setsockopt(f->front.n, SOL_SOCKET, SO_TIMESTAMP, &on, sizeof on), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    f->channel = fd_own(ends[0]);
    f->number = 0;
    f->config.n_listeners = 1;
    assert_int_equal(proxy_new(&f->config, fd_own(ends[1]), &f->front.n, &f->proxy), 0);
    set_ready(f, true);
}

static void answer(struct fixture *f, char word)
{
    struct socket_address from = { .length = sizeof from.room };
    char byte;
    while (recvfrom(f->back.n, &byte, 1, 0, &from.any, &from.length) != 1) turn(f);
    assert_int_equal(byte, word);
    assert_int_equal(sendto(f->back.n, "a", 1, 0, &from.any, from.length), 1);
}

/* Timestamping= puts something of its own before what tells the address; the answer comes from there all the same. */
static void test_answer_of_a_stamped_one(void **state)
{
    static const char *const any[] = { "0.0.0.0", "[::]" };
    struct fixture *f = *state;
    int port = 20000 + getpid() % 5000 * 2, six = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct socket_address to;
    address_of("[::1]:9", &to);
    bool has_six = six >= 0 && connect(six, &to.any, to.length) == 0;
    if (six >= 0) (void)close(six);
    for (size_t i = 0; i < (has_six ? 2U : 1U); i++) {
        print_message("  %s\n", any[i]);
        char front[64], back[64], byte;
        (void)snprintf(front, sizeof front, "%s:%d", any[i], port);
        (void)snprintf(back, sizeof back, "127.0.0.1:%d", port + 1);
        begin_datagrams(f, front, back);
        (void)snprintf(front, sizeof front, "127.0.0.2:%d", port);
        address_of(front, &to);
        AUTO_FD struct fd client = fd_own(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        assert_int_equal(connect(client.n, &to.any, to.length), 0); /* by whom alone it is answered */
        assert_int_equal(send(client.n, "q", 1, 0), 1);
        answer(f, 'q');
        while (recv(client.n, &byte, 1, 0) != 1) turn(f);
        assert_int_equal(byte, 'a');
        end(f);
    }
}

/* A Unix socket that was bound anew is another one: who goes on talking is heard by it, as is who spoke before it was
 * there (K57). */
static void test_unix_target_restarts(void **state)
{
    struct fixture *f = *state;
    char front[64], back[64], byte;
    (void)snprintf(front, sizeof front, "@ci-test-front-%d", getpid());
    (void)snprintf(back, sizeof back, "@ci-test-back-%d", getpid());
    begin_datagrams(f, front, back);
    AUTO_FD struct fd client = fd_own(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    struct sockaddr none = { .sa_family = AF_UNIX };
    assert_int_equal(bind(client.n, &none, sizeof none.sa_family), 0);
    assert_int_equal(connect(client.n, &f->front_address.any, f->front_address.length), 0);
    for (int run = 0; run < 4; run++) {
        bool is_late = run % 2 == 0;
        print_message("  run %d\n", run);
        fd_close(&f->back);
        set_ready(f, false);
        set_ready(f, true);
        if (!is_late) f->back = datagram_socket(f->target, &f->back_address);
        assert_int_equal(send(client.n, "q", 1, 0), 1);
        while (is_late && f->proxy->refused_until == 0) turn(f);
        if (is_late) f->back = datagram_socket(f->target, &f->back_address);
        answer(f, 'q');
        while (recv(client.n, &byte, 1, 0) != 1) turn(f);
    }
}

/* K57: after its service was started again, the next datagram of a client that is known is the first one again. */
static void test_first_of_the_next_run(void **state)
{
    struct fixture *f = *state;
    char front[64], back[64], byte;
    int port = 20000 + getpid() % 5000 * 2;
    (void)snprintf(front, sizeof front, "127.0.0.1:%d", port);
    (void)snprintf(back, sizeof back, "127.0.0.1:%d", port + 1);
    begin_datagrams(f, front, back);
    AUTO_FD struct fd client = fd_own(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    assert_int_equal(connect(client.n, &f->front_address.any, f->front_address.length), 0);
    for (int run = 0; run < 3; run++) {
        print_message("  run %d\n", run);
        assert_int_equal(send(client.n, "q", 1, 0), 1);
        if (run > 0) {
            while (f->proxy->refused_until == 0) turn(f);
            f->back = datagram_socket(f->target, &f->back_address);
        }
        answer(f, 'q');
        while (recv(client.n, &byte, 1, 0) != 1) turn(f);
        set_ready(f, false);
        fd_close(&f->back);
        set_ready(f, true); /* before the port is bound, as Type=simple has it */
    }
}

/* Nothing is lost when a Unix target reads slowly: whoever writes to it waits, and so does the proxy. What comes is in
 * order, and an answer to one is no receipt for the next. */
static void test_unix_target_is_slow(void **state)
{
    struct fixture *f = *state;
    char front[64], back[64], byte;
    int32_t sent, got;
    const int32_t many = 10000;
    int large = 4 << 20;
    int port = 20000 + getpid() % 5000 * 2;
    struct socket_address from = { .length = sizeof from.room };
    (void)snprintf(front, sizeof front, "127.0.0.1:%d", port);
    (void)snprintf(back, sizeof back, "@ci-test-back-%d", getpid());
    begin_datagrams(f, front, back);
    (void)setsockopt(f->front.n, SOL_SOCKET, SO_RCVBUFFORCE, &large, sizeof large);
    AUTO_FD struct fd client = fd_own(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    assert_int_equal(connect(client.n, &f->front_address.any, f->front_address.length), 0);
    for (sent = 0; sent < many && f->proxy->refused_until == 0; sent++) {
        assert_int_equal(send(client.n, &sent, sizeof sent, 0), sizeof sent);
        turn(f);
    }
    assert_true(sent < many);
    int last = sent + 50;
    for (; sent < last; sent++) assert_int_equal(send(client.n, &sent, sizeof sent, 0), sizeof sent);
    assert_int_equal(recvfrom(f->back.n, &got, sizeof got, 0, &from.any, &from.length), sizeof got);
    assert_int_equal(got, 0);
    assert_int_equal(sendto(f->back.n, "a", 1, 0, &from.any, from.length), 1);
    while (recv(client.n, &byte, 1, 0) != 1) turn(f);
    for (int32_t want = 1; want < last; want++) {
        while (recv(f->back.n, &got, sizeof got, 0) != sizeof got) turn(f);
        assert_int_equal(got, want);
    }
    assert_int_equal(f->counts.refused, 0);
}

/* But not for ever, and it is counted. */
static void test_unix_target_is_stuck(void **state)
{
    struct fixture *f = *state;
    char front[64], back[64];
    int port = 20000 + getpid() % 5000 * 2;
    (void)snprintf(front, sizeof front, "127.0.0.1:%d", port);
    (void)snprintf(back, sizeof back, "@ci-test-back-%d", getpid());
    f->config.connect_timeout = 50 * USEC_PER_MSEC;
    begin_datagrams(f, front, back);
    AUTO_FD struct fd client = fd_own(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    assert_int_equal(connect(client.n, &f->front_address.any, f->front_address.length), 0);
    while (f->counts.refused < 2) {
        assert_int_equal(send(client.n, "q", 1, 0), 1);
        turn(f);
    }
    assert_int_equal(count(f), 1);
    for (char byte; recv(f->back.n, &byte, 1, 0) == 1;) turn(f);
    assert_int_equal(send(client.n, "z", 1, 0), 1);
    for (char byte = 0; byte != 'z';)
        if (recv(f->back.n, &byte, 1, 0) != 1) turn(f);
}

/* One datagram for each of a loop's sockets would be as many as there are descriptors. */
static void test_datagrams_in_a_loop(void **state)
{
    struct fixture *f = *state;
    char front[64];
    (void)snprintf(front, sizeof front, "127.0.0.1:%d", 20000 + getpid() % 5000 * 2);
    begin_datagrams(f, front, NULL);
    AUTO_FD struct fd client = fd_own(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    assert_int_equal(connect(client.n, &f->front_address.any, f->front_address.length), 0);
    assert_int_equal(send(client.n, "q", 1, 0), 1);
    while (f->counts.refused == 0) turn(f);
    assert_int_equal(count(f), 1);
}

/* Where descriptors run out, who is known goes on, and who is new is refused: no pause is for both. */
static void test_known_clients_are_served(void **state)
{
    struct fixture *f = *state;
    char front[64], back[64], byte;
    int port = 20000 + getpid() % 5000 * 2;
    (void)snprintf(front, sizeof front, "127.0.0.1:%d", port);
    (void)snprintf(back, sizeof back, "127.0.0.1:%d", port + 1);
    begin_datagrams(f, front, back);
    AUTO_FD struct fd client = fd_own(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    assert_int_equal(connect(client.n, &f->front_address.any, f->front_address.length), 0);
    assert_int_equal(send(client.n, "q", 1, 0), 1);
    answer(f, 'q');
    while (recv(client.n, &byte, 1, 0) != 1) turn(f);
    f->proxy->descriptors_max = f->proxy->descriptors;
    for (int i = 0; i < 10; i++) {
        AUTO_FD struct fd other = fd_own(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        assert_int_equal(sendto(other.n, "o", 1, 0, &f->front_address.any, f->front_address.length), 1);
        while (f->counts.refused < (unsigned)i + 1) turn(f);
        assert_false(f->proxy->lacking);
        assert_int_equal(send(client.n, "q", 1, 0), 1);
        answer(f, 'q');
        while (recv(client.n, &byte, 1, 0) != 1) turn(f);
    }
}

/* ---- packets ---- */

static struct fd packet_socket(void)
{
    int large = 1 << 20; /* the kernel cuts it */
    struct fd fd = fd_own(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    assert_int_equal(setsockopt(fd.n, SOL_SOCKET, SO_SNDBUF, &large, sizeof large), 0);
    return fd;
}

/* A packet arrives as it was sent, or the connection ends with an error: a part of one is never passed on. */
static void test_large_packets(void **state)
{
    static char bytes[300000];
    struct fixture *f = *state;
    char front[64];
    int ends[2];
    (void)snprintf(front, sizeof front, "@ci-test-front-%d", getpid());
    (void)snprintf(f->target, sizeof f->target, "@ci-test-back-%d", getpid());
    (void)snprintf(f->config.target, sizeof f->config.target, "unix:%s", f->target);
    address_of(front, &f->front_address);
    address_of(f->target, &f->back_address);
    f->front = packet_socket(), f->back = packet_socket();
    assert_int_equal(bind(f->front.n, &f->front_address.any, f->front_address.length), 0);
    assert_int_equal(bind(f->back.n, &f->back_address.any, f->back_address.length), 0);
    assert_true(listen(f->front.n, 16) == 0 && listen(f->back.n, 16) == 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    f->channel = fd_own(ends[0]);
    f->config.n_listeners = 1;
    assert_int_equal(proxy_new(&f->config, fd_own(ends[1]), &f->front.n, &f->proxy), 0);
    set_ready(f, true);
    AUTO_FD struct fd client = packet_socket();
    assert_int_equal(connect(client.n, &f->front_address.any, f->front_address.length), 0);
    AUTO_FD struct fd server = server_accept(f);
    ssize_t n = send(client.n, bytes, 250000, MSG_NOSIGNAL);
    if (n < 0 && errno == EMSGSIZE) skip(); /* net.core.wmem_max is less than it is anywhere */
    assert_int_equal(n, 250000);
    while ((n = recv(server.n, bytes, sizeof bytes, 0)) < 0) turn(f);
    assert_int_equal(n, 250000);
    assert_int_equal(send(client.n, bytes, 300000, MSG_NOSIGNAL), 300000);
    wait_done(f, 1);
    assert_int_equal(f->last_error, EMSGSIZE);
    assert_true(recv(server.n, bytes, sizeof bytes, 0) <= 0);
}

/* ---- what the kernel refuses ---- */

static void refuse_call(unsigned number, int error)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint32_t)error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = { .len = COUNT_OF(code), .filter = code };
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
        _exit(77);
}

/* Who cannot be accepted, or heard, however often it is tried, does not keep a processor busy; PID 1 is told why. */
static void test_refused_for_ever(void **state)
{
    static const struct {
        unsigned call;
        int error;
    } calls[] = { { SYS_accept4, EPERM }, { SYS_accept4, ENOMEM }, { SYS_recvmsg, EPERM }, { SYS_recvmsg, ENOMEM } };
    struct fixture *f = *state;
    for (size_t i = 0; i < COUNT_OF(calls); i++) {
        print_message("  %s, %s\n", calls[i].call == SYS_accept4 ? "accept4" : "recvmsg", strerror(calls[i].error));
        char front[64];
        int status;
        bool stream = calls[i].call == SYS_accept4;
        (void)snprintf(front, sizeof front, "127.0.0.1:%d", 20000 + getpid() % 5000 * 2);
        pid_t pid = fork();
        if (pid == 0) {
            if (stream)
                begin(f, true, false, true);
            else
                begin_datagrams(f, front, NULL);
            set_ready(f, true);
            struct fd client = fd_own(socket(AF_INET, stream ? SOCK_STREAM : SOCK_DGRAM, 0));
            int r = connect(client.n, &f->front_address.any, f->front_address.length);
            if (r < 0 || (!stream && send(client.n, "q", 1, 0) != 1)) _exit(2);
            refuse_call(calls[i].call, calls[i].error);
            for (int n = 0; n < 100 && !f->proxy->lacking; n++)
                if (proxy_round(f->proxy, false) < 0) _exit(3);
            _exit(f->proxy->lacking && f->proxy->report.error == calls[i].error ? 0 : 1);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        if (WEXITSTATUS(status) == 77) skip(); /* no seccomp here */
        assert_int_equal(WEXITSTATUS(status), 0);
    }
}

/* K88: at the limit each that leaves makes room for one, and the next one lacks it again. That is one lack, not many.
 */
static void test_lack_is_told_once(void **state)
{
    enum { ROUNDS = 10 };
    struct fixture *f = *state;
    begin(f, true, false, true);
    set_ready(f, true);
    struct fd clients[ROUNDS + 1];
    for (size_t i = 0; i < COUNT_OF(clients); i++) clients[i] = client_new(f);
    f->proxy->descriptors_max = f->proxy->descriptors + 2 + 8; /* what is kept */
    unsigned told = 0;
    for (size_t i = 0; i < ROUNDS; i++) {
        AUTO_FD struct fd server = server_accept(f);
        say(clients[i].n, "hello");
        hear(f, server.n, "hello");
        while (!f->proxy->lacking) turn(f);
        turn(f);
        told += f->lack != 0;
        f->lack = 0;
        fd_close(&clients[i]);
        fd_close(&server);
        wait_done(f, (unsigned)i + 1);
    }
    fd_close(&clients[ROUNDS]);
    assert_true(told > 0 && told < ROUNDS); /* a second without one ends it, which a slow machine may take */
}

/* Addresses can be invented: without a limit of the unit's there is one all the same, for ports and memory. */
static void test_invented_clients(void **state)
{
    struct fixture *f = *state;
    char front[64], back[64];
    int port = 20000 + getpid() % 5000 * 2;
    (void)snprintf(front, sizeof front, "127.0.0.1:%d", port);
    (void)snprintf(back, sizeof back, "127.0.0.1:%d", port + 1);
    begin_datagrams(f, front, back);
    AUTO_FD struct fd client = fd_own(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    f->proxy->n_sessions = 16384; /* it is not about how they come to be */
    assert_int_equal(sendto(client.n, "q", 1, 0, &f->front_address.any, f->front_address.length), 1);
    while (f->counts.refused == 0) turn(f);
    f->proxy->n_sessions--;
    assert_int_equal(sendto(client.n, "q", 1, 0, &f->front_address.any, f->front_address.length), 1);
    answer(f, 'q');
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
int main(int argc, char **argv)
{
    (void)own_network();
    const struct CMUnitTest tests[] = {
        TEST(test_urgent_in_a_stream),       TEST(test_urgent_before_the_end), TEST(test_loop),
        TEST(test_answer_of_a_stamped_one),  TEST(test_unix_target_restarts),  TEST(test_first_of_the_next_run),
        TEST(test_unix_target_is_slow),      TEST(test_unix_target_is_stuck),  TEST(test_datagrams_in_a_loop),
        TEST(test_known_clients_are_served), TEST(test_large_packets),         TEST(test_refused_for_ever),
        TEST(test_invented_clients),         TEST(test_lack_is_told_once),
    };
    if (argc > 1) cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
