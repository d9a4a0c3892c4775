#include "tests/socketact/proxy_fixture.h"

#include <dirent.h>
#include <sys/resource.h>

static unsigned open_descriptors(void)
{
    DIR *directory = opendir("/proc/self/fd");
    assert_non_null(directory);
    unsigned count = 0;
    while (readdir(directory)) count++;
    (void)closedir(directory);
    return count;
}

static rlim_t set_descriptor_limit(rlim_t soft)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    rlim_t old = limit.rlim_cur;
    limit.rlim_cur = MIN_OF(soft, limit.rlim_max);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    return old;
}

#define CROWD 2000

/* Thousands at once: all wait, all are served; idle ones have no pipe; nothing is left behind. */
static void test_crowd(void **state)
{
    struct fixture *f = *state;
    rlim_t old = set_descriptor_limit(4 * CROWD + 500);
    unsigned crowd = CROWD;
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    if (limit.rlim_cur < 4 * CROWD + 500) crowd = (unsigned)(limit.rlim_cur - 500) / 4;
    print_message("  %u connections\n", crowd);
    struct fd *clients = calloc(crowd, sizeof *clients), *servers = calloc(crowd, sizeof *servers);
    assert_true(clients && servers);
    begin(f, false, false, true);
    unsigned before = open_descriptors();
    for (unsigned i = 0; i < crowd; i++) {
        clients[i] = client_new(f);
        say(clients[i].n, "me");
        if (i % 100 == 0) turn(f);
    }
    while (f->waiting_calls == 0) turn(f);
    set_ready(f, true);
    while (count(f) < crowd) turn(f);
    for (unsigned i = 0; i < crowd; i++) {
        servers[i] = server_accept(f);
        hear(f, servers[i].n, "me");
        say(servers[i].n, "you");
    }
    for (unsigned i = 0; i < crowd; i++) hear(f, clients[i].n, "you");
    assert_true(open_descriptors() <= before + 4 * crowd + 2 * 32);
    for (unsigned i = 0; i < crowd; i++) {
        fd_close(&clients[i]);
        fd_close(&servers[i]);
    }
    wait_done(f, crowd);
    assert_int_equal(f->failed_calls, 0);
    assert_true(open_descriptors() <= before + 2 * 32);
    free(clients);
    free(servers);
    (void)set_descriptor_limit(old);
}

/* Out of descriptors: the caller is told, and connections that exist go on without a pipe. */
static void test_no_descriptors(void **state)
{
    struct fixture *f = *state;
    begin(f, true, false, true);
    set_ready(f, true);
    AUTO_FD struct fd client = client_new(f), server = server_accept(f), late = client_new(f);
    AUTO_FD struct fd lowest = FD_NONE;
    assert_int_equal(fd_dup(0, 0, &lowest), 0);
    rlim_t old = set_descriptor_limit((rlim_t)lowest.n);
    fd_close(&lowest); /* at the limit it is of no use to anybody */
    while (f->lack == 0) turn(f);
    assert_int_equal(f->lack, EMFILE);
    say(client.n, "without a pipe");
    hear(f, server.n, "without a pipe");
    say(server.n, "and back");
    hear(f, client.n, "and back");
    (void)set_descriptor_limit(old);
    AUTO_FD struct fd late_server = server_accept(f);
    say(late.n, "at last");
    hear(f, late_server.n, "at last");
}

/* PID 1 does not read: what could not be told is counted, and nothing is waited for. */
static void test_nobody_reads(void **state)
{
    enum { ENDED = 6000 };
    struct fixture *f = *state;
    begin(f, false, false, true);
    set_ready(f, true);
    assert_int_equal(fcntl(f->back.n, F_SETFL, O_NONBLOCK), 0);
    for (unsigned i = 0; i < ENDED; i++) {
        struct fd client = client_new(f), server;
        while (server = fd_own(accept4(f->back.n, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)), !fd_is_open(&server)) {
            assert_true(proxy_round(f->proxy, false) > 0);
        }
        fd_close(&client);
        fd_close(&server);
        while (count(f) > 0) assert_true(proxy_round(f->proxy, false) > 0);
    }
    while (f->done_calls + f->lost < ENDED) turn(f);
    print_message("  %u told, %u counted\n", f->done_calls, f->lost);
    assert_int_equal(f->done_calls + f->lost, ENDED);
    assert_true(f->lost > 0);
    assert_int_equal(f->counts.accepted, ENDED);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
int main(void)
{
    (void)own_network();
    const struct CMUnitTest tests[] = {
        TEST(test_crowd),
        TEST(test_no_descriptors),
        TEST(test_nobody_reads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
