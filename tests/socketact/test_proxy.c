#include "tests/socketact/proxy_fixture.h"

#include <poll.h>
#include <sys/ioctl.h>

/* ---- the way of one connection ---- */

/* K57: what was sent before the service existed is answered, in both families. */
static void test_first_request(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < COUNT_OF(variants); i++) {
        print_message("  %s\n", variants[i].label);
        begin(f, variants[i].tcp, variants[i].no_splice, false);
        AUTO_FD struct fd client = client_new(f);
        say(client.n, "question");
        while (f->waiting_calls == 0) turn(f);
        turn(f);
        assert_int_equal(f->waiting_calls, 1);
        assert_int_equal(count(f), 0); /* it waits in the backlog */
        f->back = listen_on(&f->back_address, 16);
        set_ready(f, true);
        AUTO_FD struct fd server = server_accept(f);
        hear(f, server.n, "question");
        say(server.n, "answer");
        hear(f, client.n, "answer");
        fd_close(&client);
        hear_end(f, server.n);
        fd_close(&server);
        wait_done(f, 1);
        assert_int_equal(f->last_error, 0);
        assert_int_equal(count(f), 0);
        assert_int_equal(f->last.up, strlen("question"));
        assert_int_equal(f->last.down, strlen("answer"));
        assert_int_equal(strncmp(f->from, variants[i].tcp ? "127.0.0.1:" : "@", variants[i].tcp ? 10 : 2), 0);
        end(f);
    }
}

/* S57: a service that is ready before it listens is tried again. */
static void test_target_comes_later(void **state)
{
    struct fixture *f = *state;
    begin(f, true, false, false);
    set_ready(f, true);
    AUTO_FD struct fd client = client_new(f);
    say(client.n, "early");
    while (count(f) == 0) turn(f);
    rest(f); /* the pause after the first refusal ends */
    assert_int_equal(f->done_calls, 0);
    f->back = listen_on(&f->back_address, 16);
    AUTO_FD struct fd server = server_accept(f);
    hear(f, server.n, "early");
}

static void write_hosts(const char *path, const char *text)
{
    AUTO_FD struct fd fd = fd_own(open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    assert_int_equal(write(fd.n, text, strlen(text)), strlen(text));
}

/* A name whose address changes is found at its new one by the next client, also by a worker that is there for long. */
static void test_name_moves(void **state)
{
    static const struct {
        const char *label, *hosts;
        unsigned last_byte; /* of 127.0.0.X, where it is found */
    } rows[] = {
        { "written", "127.0.0.1 ci-name\n", 1 },
        { "an address that is none", "127.0.0.02 ci-name\n# another size\n", 1 },
        { "another address", "127.0.0.2 other ci-name\n", 2 },
        { "the name is gone for now", "127.0.0.1 other\n", 2 },
        { "and back", "127.0.0.3  ci-name\n", 3 },
    };
    struct fixture *f = *state;
    char path[64], target[64];
    begin(f, true, false, false);
    (void)snprintf(path, sizeof path, "/tmp/ci-test-hosts-%d", getpid());
    (void)snprintf(target, sizeof target, "tcp:ci-name:%u", (unsigned)ntohs(f->back_address.ip4.sin_port));
    assert_int_equal(address_parse_target(target, &f->proxy->target), 0);
    f->proxy->hosts_path = path;
    set_ready(f, true);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        print_message("  %s\n", rows[i].label);
        write_hosts(path, rows[i].hosts);
        f->back_address.ip4.sin_addr.s_addr = htonl(INADDR_LOOPBACK - 1 + rows[i].last_byte);
        f->back = listen_on(&f->back_address, 16);
        AUTO_FD struct fd client = client_new(f);
        say(client.n, "where-are-you");
        AUTO_FD struct fd server = server_accept(f);
        hear(f, server.n, "where-are-you");
        fd_close(&f->back);
    }
    assert_int_equal(unlink(path), 0);
}

/* S57: a target that never comes ends the connection, with an error; the bound is shorter here. */
static void test_dead_target(void **state)
{
    struct fixture *f = *state;
    for (int tcp = 0; tcp < 2; tcp++) {
        f->config.connect_timeout = 100 * USEC_PER_MSEC;
        begin(f, tcp, false, false);
        set_ready(f, true);
        AUTO_FD struct fd client = client_new(f);
        say(client.n, "hello?");
        while (f->done_calls == 0) rest(f);
        assert_int_equal(f->last_error, ECONNREFUSED);
        assert_int_equal(count(f), 0);
        char byte;
        assert_true(recv(client.n, &byte, 1, 0) <= 0);
        end(f);
    }
}

/* A target that neither accepts nor refuses: its backlog is full. */
static void test_silent_target(void **state)
{
    struct fixture *f = *state;
    f->config.connect_timeout = 60 * USEC_PER_MSEC;
    begin(f, false, false, false);
    f->back = listen_on(&f->back_address, 0);
    AUTO_FD struct fd filler = fd_own(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    assert_int_equal(connect(filler.n, &f->back_address.any, f->back_address.length), 0);
    set_ready(f, true);
    AUTO_FD struct fd lost = client_new(f);
    assert_true(fd_is_open(&lost));
    while (f->done_calls == 0) rest(f);
    assert_int_equal(f->last_error, EAGAIN);
    f->proxy->config.connect_timeout = 5 * USEC_PER_SEC;
    AUTO_FD struct fd client = client_new(f);
    say(client.n, "at last");
    while (count(f) == 0) turn(f);
    AUTO_FD struct fd first = server_accept(f); /* the filler's */
    AUTO_FD struct fd server = server_accept(f);
    assert_true(first.n != server.n);
    hear(f, server.n, "at last");
}

/* K60: real half-close, from either side. */
static void test_half_close(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < COUNT_OF(variants); i++) {
        for (int client_first = 0; client_first < 2; client_first++) {
            print_message("  %s, the %s first\n", variants[i].label, client_first ? "client" : "server");
            begin(f, variants[i].tcp, variants[i].no_splice, true);
            set_ready(f, true);
            AUTO_FD struct fd client = client_new(f), server = server_accept(f);
            int a = client_first ? client.n : server.n, b = client_first ? server.n : client.n;
            say(a, "all I have to say");
            assert_int_equal(shutdown(a, SHUT_WR), 0);
            hear(f, b, "all I have to say");
            hear_end(f, b);
            for (int j = 0; j < 100; j++) { /* the other way is open for as long as it likes */
                say(b, "and another thing");
                hear(f, a, "and another thing");
            }
            assert_int_equal(f->done_calls, 0);
            assert_int_equal(count(f), 1);
            assert_int_equal(shutdown(b, SHUT_WR), 0);
            hear_end(f, a);
            wait_done(f, 1);
            assert_int_equal(f->last_error, 0);
            end(f);
        }
    }
}

/* ---- bytes ---- */

#define FLOOD ((size_t)3 << 20)

struct flow {
    int from, to;
    size_t sent, received;
    unsigned seed_in, seed_out;
};

static unsigned char next_byte(unsigned *seed)
{
    *seed = *seed * 1103515245 + 12345;
    return (unsigned char)(*seed >> 16);
}

static void flow_send(struct flow *flow, size_t step)
{
    unsigned char bytes[20000];
    unsigned seed = flow->seed_in;
    size_t n = MIN_OF(MIN_OF(step, sizeof bytes), FLOOD - flow->sent);
    if (n == 0) return;
    for (size_t i = 0; i < n; i++) bytes[i] = next_byte(&seed);
    ssize_t put = send(flow->from, bytes, n, MSG_NOSIGNAL);
    if (put <= 0) return;
    for (ssize_t i = 0; i < put; i++) (void)next_byte(&flow->seed_in);
    flow->sent += (size_t)put;
    if (flow->sent == FLOOD) assert_int_equal(shutdown(flow->from, SHUT_WR), 0);
}

static bool flow_receive(struct flow *flow, size_t step)
{
    unsigned char bytes[20000];
    ssize_t n = recv(flow->to, bytes, MIN_OF(step, sizeof bytes), 0);
    if (n == 0) return false;
    for (ssize_t i = 0; i < n; i++) assert_int_equal(bytes[i], next_byte(&flow->seed_out));
    if (n > 0) flow->received += (size_t)n;
    return true;
}

/* Both ways at once, in odd steps, against readers that are slow at first: every byte arrives, in order. */
static void test_floods(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < COUNT_OF(variants); i++) {
        print_message("  %s\n", variants[i].label);
        begin(f, variants[i].tcp, variants[i].no_splice, true);
        set_ready(f, true);
        AUTO_FD struct fd client = client_new(f), server = server_accept(f);
        struct flow up = { .from = client.n, .to = server.n, .seed_in = 1, .seed_out = 1 };
        struct flow down = { .from = server.n, .to = client.n, .seed_in = 7, .seed_out = 7 };
        bool up_open = true, down_open = true;
        size_t step = 1;
        for (unsigned round = 0; up_open || down_open; round++) {
            step = step * 137 % 19997 + 1;
            flow_send(&up, step);
            flow_send(&down, step * 3);
            turn(f);
            if (round < 300 || !up_open || !down_open || round % 3 == 0) {
                if (up_open && round > 200) up_open = flow_receive(&up, round < 300 ? 5 : sizeof "" + 19000);
                if (down_open && round > 100) down_open = flow_receive(&down, round < 300 ? 3 : sizeof "" + 19000);
            }
        }
        assert_int_equal(up.received, FLOOD);
        assert_int_equal(down.received, FLOOD);
        wait_done(f, 1);
        assert_int_equal(f->last_error, 0);
        end(f);
    }
}

/* However much is there, one round moves a bounded part of it: others get their turn. */
static void test_bounded(void **state)
{
    static const int large = 64 << 20;
    static char bytes[1 << 20];
    struct fixture *f = *state;
    begin(f, true, false, true);
    if (setsockopt(f->front.n, SOL_SOCKET, SO_RCVBUFFORCE, &large, sizeof large) < 0) skip(); /* needs root */
    assert_int_equal(setsockopt(f->back.n, SOL_SOCKET, SO_RCVBUFFORCE, &large, sizeof large), 0);
    AUTO_FD struct fd client = client_new(f);
    while (f->waiting_calls == 0) turn(f);
    for (int i = 0; i < 16; i++) (void)!send(client.n, bytes, sizeof bytes, MSG_NOSIGNAL);
    set_ready(f, true);
    AUTO_FD struct fd server = server_accept(f);
    int before = 0, most = 0;
    for (int i = 0; i < 40 || before <= 4 << 20; i++) { /* by the last of them all that fits has come, mostly */
        int now = 0;
        turn(f);
        assert_int_equal(ioctl(server.n, FIONREAD, &now), 0);
        most = MAX_OF(most, now - before);
        before = now;
    }
    print_message("  %d bytes in all, at most %d in a round\n", before, most);
    assert_true(most <= 4 << 20);
}

/* ---- ends ---- */

/* K58: clients that are gone before the service comes do not matter to it; what they said is delivered. */
static void test_early_hang_up(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < COUNT_OF(variants); i++) {
        print_message("  %s\n", variants[i].label);
        begin(f, variants[i].tcp, variants[i].no_splice, true);
        AUTO_FD struct fd silent = client_new(f), talker = client_new(f);
        say(talker.n, "fire and forget");
        fd_close(&silent);
        fd_close(&talker);
        while (f->waiting_calls == 0) turn(f);
        set_ready(f, true);
        AUTO_FD struct fd first = server_accept(f), second = server_accept(f);
        hear_end(f, first.n);
        hear(f, second.n, "fire and forget");
        hear_end(f, second.n);
        fd_close(&first);
        fd_close(&second);
        wait_done(f, 2);
        assert_int_equal(f->failed_calls, 0);
        end(f);
    }
}

/* A side that resets the connection ends it. */
static void test_reset(void **state)
{
    static const struct linger hard = { .l_onoff = 1, .l_linger = 0 };
    struct fixture *f = *state;
    for (int server_resets = 0; server_resets < 2; server_resets++) {
        begin(f, true, false, true);
        set_ready(f, true);
        AUTO_FD struct fd client = client_new(f), server = server_accept(f);
        say(client.n, "hello");
        hear(f, server.n, "hello");
        struct fd *resetting = server_resets ? &server : &client, *other = server_resets ? &client : &server;
        assert_int_equal(setsockopt(resetting->n, SOL_SOCKET, SO_LINGER, &hard, sizeof hard), 0);
        fd_close(resetting);
        wait_done(f, 1);
        assert_int_equal(f->last_error, ECONNRESET);
        hear_reset(f, other->n);
        end(f);
    }
}

/* A service that answers and closes without reading on: the answer arrives. */
static void test_server_stops_reading(void **state)
{
    struct fixture *f = *state;
    begin(f, false, false, true);
    set_ready(f, true);
    AUTO_FD struct fd client = client_new(f), server = server_accept(f);
    assert_int_equal(shutdown(server.n, SHUT_RD), 0);
    say(server.n, "too large");
    say(client.n, "a very long request");
    hear(f, client.n, "too large");
    fd_close(&server);
    hear_end(f, client.n);
    wait_done(f, 1);
    assert_int_equal(f->last_error, EPIPE);
}

static void test_drop_and_not_ready(void **state)
{
    struct fixture *f = *state;
    begin(f, true, false, true);
    AUTO_FD struct fd dropped = client_new(f);
    while (f->waiting_calls == 0) turn(f);
    order(f, PROXY_ORDER_DROP, true); /* the service will not come */
    assert_int_equal(count(f), 0);
    hear_end(f, dropped.n);
    assert_int_equal(f->done_calls, 0);
    assert_int_equal(f->proxy->report.counts.refused, 1);

    set_ready(f, true);
    AUTO_FD struct fd served = client_new(f), server = server_accept(f);
    set_ready(f, false); /* the service is gone: what runs goes on, what comes waits */
    say(served.n, "still there?");
    hear(f, server.n, "still there?");
    unsigned before = f->waiting_calls;
    AUTO_FD struct fd later = client_new(f);
    while (f->waiting_calls == before) turn(f);
    assert_int_equal(count(f), 1);
    set_ready(f, true);
    AUTO_FD struct fd second = server_accept(f);
    say(later.n, "hello");
    hear(f, second.n, "hello");
}

/* Who is over the limit of one address counts as refused, and not as accepted as well. */
static void test_counts_of_the_refused(void **state)
{
    struct fixture *f = *state;
    f->config.max_per_source = 1;
    begin(f, true, false, true);
    set_ready(f, true);
    AUTO_FD struct fd served = client_new(f), server = server_accept(f);
    say(served.n, "hello");
    hear(f, server.n, "hello");
    AUTO_FD struct fd refused = client_new(f);
    hear_end(f, refused.n);
    assert_int_equal(count(f), 1);
    assert_int_equal(f->proxy->report.counts.accepted, 1);
    assert_int_equal(f->proxy->report.counts.refused, 1);
}

/* The service ends while its target is still looked for: nobody waits out the 5 s. */
static void test_drop_while_dialing(void **state)
{
    struct fixture *f = *state;
    begin(f, true, false, false);
    set_ready(f, true);
    AUTO_FD struct fd client = client_new(f);
    while (count(f) == 0) turn(f);
    order(f, PROXY_ORDER_DROP, false);
    assert_int_equal(count(f), 0);
    wait_done(f, 1);
    assert_int_equal(f->last_error, ECONNREFUSED);
    hear_end(f, client.n);
}

/* A connection on which nothing happens costs nothing, in whatever state it is. */
static void test_rests(void **state)
{
    static const char *const states[] = {
        "idle",
        "the client half-closed",
        "the server half-closed",
        "the client gone",
        "the server reads no more",
        "the server full",
        "waiting for the service",
        "waiting, the client gone",
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < COUNT_OF(states) * COUNT_OF(variants); i++) {
        const struct variant *variant = &variants[i % COUNT_OF(variants)];
        size_t which = i / COUNT_OF(variants);
        print_message("  %s: %s\n", variant->label, states[which]);
        begin(f, variant->tcp, variant->no_splice, true);
        AUTO_FD struct fd client = client_new(f), server = FD_NONE;
        if (which < 6) {
            set_ready(f, true);
            server = server_accept(f);
            say(client.n, "x");
            hear(f, server.n, "x");
        }
        if (which == 1) assert_int_equal(shutdown(client.n, SHUT_WR), 0);
        if (which == 2) assert_int_equal(shutdown(server.n, SHUT_WR), 0);
        if (which == 3) fd_close(&client);
        if (which == 4) {
            assert_int_equal(shutdown(server.n, SHUT_RD), 0);
            say(client.n, "unheard");
        }
        for (int j = 0; which == 5 && j < 2000; j++) {
            static const char bytes[10000];
            (void)!send(client.n, bytes, sizeof bytes, MSG_NOSIGNAL);
            turn(f);
        }
        while (which < 6 ? count(f) == 0 : f->waiting_calls == 0) turn(f);
        if (which == 7) fd_close(&client);
        while (f->proxy->report_at != USEC_INFINITY) turn(f); /* what was to be told is told */
        for (int j = 0; j < 20; j++) turn(f);
        struct pollfd poll_it = { .fd = f->proxy->epoll.n, .events = POLLIN };
        unsigned wake_ups = 0; /* the peer's kernel may have something to confirm */
        for (; poll(&poll_it, 1, 20) > 0 && wake_ups < 100; wake_ups++) turn(f);
        assert_true(wake_ups < 100);
        assert_null(f->proxy->work);
        assert_int_equal(count(f), which < 6);
        end(f);
    }
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
int main(void)
{
    (void)own_network();
    const struct CMUnitTest tests[] = {
        TEST(test_first_request),
        TEST(test_target_comes_later),
        TEST(test_name_moves),
        TEST(test_dead_target),
        TEST(test_silent_target),
        TEST(test_half_close),
        TEST(test_floods),

        TEST(test_bounded),
        TEST(test_early_hang_up),
        TEST(test_reset),
        TEST(test_server_stops_reading),
        TEST(test_drop_and_not_ready),
        TEST(test_counts_of_the_refused),
        TEST(test_drop_while_dialing),
        TEST(test_rests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
