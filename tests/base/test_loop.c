#include "base/loop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/fd.h"

#define HOUR (3600 * USEC_PER_SEC)

/* What ran, in order, one letter each. */
static struct {
    char order[64];
    size_t length;
} ran;

static void ran_add(char letter)
{
    if (ran.length + 1 < sizeof ran.order) ran.order[ran.length++] = letter;
}

static int setup(void **state)
{
    struct loop *loop;
    alarm(60); /* a wait that never ends fails */
    memset(&ran, 0, sizeof ran);
    if (loop_new(&loop) < 0) return -1;
    *state = loop;
    return 0;
}

static int teardown(void **state)
{
    loop_free(*state);
    alarm(0);
    return 0;
}

static int event_new(unsigned count)
{
    int fd = eventfd(count, EFD_CLOEXEC | EFD_NONBLOCK);
    assert_true(fd >= 0);
    return fd;
}

static void event_drain(int fd)
{
    uint64_t value;
    (void)!read(fd, &value, sizeof value); /* empty is fine */
}

/* ---- sources ---- */

static void on_letter(int fd, uint32_t events, void *userdata)
{
    assert_true(events & EPOLLIN);
    event_drain(fd);
    ran_add(*(const char *)userdata);
}

static void test_priorities(void **state)
{
    struct loop *loop = *state;
    static const struct {
        enum loop_priority priority;
        const char *letter;
    } sources[] = {
        { LOOP_LATE, "l" },   { LOOP_NORMAL, "n" }, { LOOP_EARLY, "e" },
        { LOOP_NORMAL, "n" }, { LOOP_LATE, "l" },   { LOOP_EARLY, "e" },
    };
    int fds[COUNT_OF(sources)];
    loop_io ios[COUNT_OF(sources)];
    for (size_t i = 0; i < COUNT_OF(sources); i++) {
        fds[i] = event_new(1);
        assert_int_equal(loop_io_add(loop, fds[i], EPOLLIN, sources[i].priority, on_letter,
                                     (void *)(uintptr_t)sources[i].letter, &ios[i]),
                         0);
        assert_int_not_equal(ios[i], LOOP_IO_NONE);
    }
    assert_int_equal(loop_wait(loop, true), 0);
    assert_string_equal(ran.order, "eennll");
    assert_int_equal(loop_wait(loop, false), 0);
    assert_string_equal(ran.order, "eennll"); /* drained: nothing comes twice */
    for (size_t i = 0; i < COUNT_OF(sources); i++) {
        loop_io_remove(loop, &ios[i]);
        close(fds[i]);
    }
}

/* One notification behind 400 other ready sources is still drained first, in one round with all of them. */
static void test_round_sees_every_ready_source(void **state)
{
    enum { N = 400 };
    struct loop *loop = *state;
    static int fds[N + 1];
    static loop_io ios[N + 1];
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    if (limit.rlim_cur < N + 64) skip();
    for (size_t i = 0; i <= N; i++) {
        fds[i] = event_new(1);
        assert_int_equal(
            loop_io_add(loop, fds[i], EPOLLIN, i < N ? LOOP_LATE : LOOP_EARLY, on_letter, i < N ? "l" : "e", &ios[i]),
            0);
    }
    assert_int_equal(loop_wait(loop, true), 0);
    assert_int_equal(ran.order[0], 'e');
    memset(&ran, 0, sizeof ran);
    assert_int_equal(loop_wait(loop, false), 0);
    assert_string_equal(ran.order, "");
    for (size_t i = 0; i <= N; i++) {
        loop_io_remove(loop, &ios[i]);
        close(fds[i]);
    }
}

struct remover {
    struct loop *loop;
    loop_io *victim;
    int new_fd;
    loop_io added[300];
};

/* Removes another ready source and itself, and fills the freed slots (and more, so that the table moves). */
static void on_remove(int fd, uint32_t events, void *userdata)
{
    struct remover *r = userdata;
    (void)events;
    event_drain(fd);
    ran_add('r');
    loop_io_remove(r->loop, r->victim);
    assert_int_equal(*r->victim, LOOP_IO_NONE);
    loop_io_remove(r->loop, r->victim); /* twice is fine */
    loop_io_remove(r->loop, &r->added[0]);
    for (size_t i = 0; i < COUNT_OF(r->added); i++) {
        int dup_fd = dup(r->new_fd);
        assert_true(dup_fd >= 0);
        assert_int_equal(loop_io_add(r->loop, dup_fd, EPOLLIN, LOOP_LATE, on_letter, "x", &r->added[i]), 0);
    }
}

static void test_removed_source_is_not_called(void **state)
{
    struct loop *loop = *state;
    static struct remover r;
    int first = event_new(1), victim = event_new(1);
    loop_io victim_io;
    r = (struct remover){ .loop = loop, .victim = &victim_io, .new_fd = event_new(0) };
    assert_int_equal(loop_io_add(loop, first, EPOLLIN, LOOP_EARLY, on_remove, &r, &r.added[0]), 0);
    assert_int_equal(loop_io_add(loop, victim, EPOLLIN, LOOP_LATE, on_letter, "v", &victim_io), 0);
    loop_io stale = victim_io;
    assert_int_equal(loop_wait(loop, true), 0);
    assert_string_equal(ran.order, "r"); /* neither the victim nor who got its slot */
    assert_int_equal(loop_wait(loop, false), 0);
    assert_string_equal(ran.order, "r");
    for (size_t i = 0; i < COUNT_OF(r.added); i++) loop_io_remove(loop, &r.added[i]);
    assert_int_equal(loop_io_modify(loop, stale, EPOLLIN), -EINVAL);
    assert_int_equal(loop_io_modify(loop, LOOP_IO_NONE, EPOLLIN), -EINVAL);
    for (int fd = victim + 2; close(fd) == 0;) fd++;
    close(first), close(victim), close(r.new_fd);
}

static void on_count(int fd, uint32_t events, void *userdata)
{
    (void)fd;
    *(uint32_t *)userdata = events;
    ran_add('c');
}

/* Back-pressure: a log pipe that is not read must not spin the loop when its writers go. */
static void test_paused_source_is_silent(void **state)
{
    struct loop *loop = *state;
    int ends[2];
    uint32_t events = 0;
    loop_io io;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(loop_io_add(loop, ends[0], 0, LOOP_NORMAL, on_count, &events, &io), 0);
    close(ends[1]);
    assert_int_equal(loop_wait(loop, false), 0);
    assert_string_equal(ran.order, "");
    assert_int_equal(loop_io_modify(loop, io, EPOLLIN), 0);
    assert_int_equal(loop_wait(loop, true), 0);
    assert_string_equal(ran.order, "c");
    assert_true(events & EPOLLHUP);
    assert_int_equal(loop_io_modify(loop, io, 0), 0);
    assert_int_equal(loop_io_modify(loop, io, 0), 0);
    assert_int_equal(loop_wait(loop, false), 0);
    assert_string_equal(ran.order, "c");
    loop_io_remove(loop, &io);
    close(ends[0]);
}

static void on_pause_other(int fd, uint32_t events, void *userdata)
{
    struct remover *r = userdata;
    (void)events;
    event_drain(fd);
    ran_add('p');
    assert_int_equal(loop_io_modify(r->loop, *r->victim, 0), 0);
}

static void test_pause_drops_the_pending_event(void **state)
{
    struct loop *loop = *state;
    int pauser = event_new(1), ends[2];
    uint32_t events = 0;
    loop_io pauser_io, other_io;
    struct remover r = { .loop = loop, .victim = &other_io };
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    close(ends[1]); /* what is pending is EPOLLHUP, which nobody can ask not to get */
    assert_int_equal(loop_io_add(loop, ends[0], EPOLLIN, LOOP_NORMAL, on_count, &events, &other_io), 0);
    assert_int_equal(loop_io_add(loop, pauser, EPOLLIN, LOOP_EARLY, on_pause_other, &r, &pauser_io), 0);
    assert_int_equal(loop_wait(loop, true), 0);
    assert_string_equal(ran.order, "p");
    assert_int_equal(loop_io_modify(loop, other_io, EPOLLIN), 0);
    assert_int_equal(loop_wait(loop, true), 0);
    assert_string_equal(ran.order, "pc");
    loop_io_remove(loop, &pauser_io), loop_io_remove(loop, &other_io);
    close(pauser), close(ends[0]);
}

static void test_add_errors(void **state)
{
    struct loop *loop = *state;
    loop_io io = LOOP_IO_NONE, second = LOOP_IO_NONE;
    FILE *file = tmpfile();
    assert_non_null(file);
    assert_int_equal(loop_io_add(loop, fileno(file), EPOLLIN, LOOP_NORMAL, on_letter, "x", &io), -EPERM);
    assert_int_equal(loop_io_add(loop, fileno(file), 0, LOOP_NORMAL, on_letter, "x", &io), -EPERM);
    assert_int_equal(loop_io_add(loop, -1, EPOLLIN, LOOP_NORMAL, on_letter, "x", &io), -EBADF);
    assert_int_equal(io, LOOP_IO_NONE);
    int fd = event_new(0);
    assert_int_equal(loop_io_add(loop, fd, EPOLLIN, LOOP_NORMAL, on_letter, "x", &io), 0);
    assert_int_equal(loop_io_add(loop, fd, EPOLLIN, LOOP_NORMAL, on_letter, "x", &second), -EEXIST);
    loop_io_remove(loop, &io);
    close(fd);
    fclose(file);
}

/* ---- deadlines ---- */

struct item {
    struct loop *loop;
    struct loop_deadline deadline, *other;
    char letter;
    size_t rearms;
};

static void on_deadline(void *userdata)
{
    struct item *item = userdata;
    assert_false(loop_deadline_is_set(&item->deadline));
    ran_add(item->letter);
    if (item->other) loop_deadline_clear(item->loop, item->other);
    if (item->rearms > 0) {
        item->rearms--;
        assert_int_equal(loop_deadline_set(item->loop, &item->deadline, 0, on_deadline, item), 0);
    }
}

static void test_deadline_order_and_clear(void **state)
{
    struct loop *loop = *state;
    struct item items[] = { { .letter = 'a' }, { .letter = 'b' }, { .letter = 'c' }, { .letter = 'd' } };
    static const usec_t at[] = { 30, 10, 20, 40 };
    for (size_t i = 0; i < COUNT_OF(items); i++) {
        items[i].loop = loop;
        assert_int_equal(loop_deadline_set(loop, &items[i].deadline, at[i], on_deadline, &items[i]), 0);
    }
    items[1].other = &items[2].deadline;                                                         /* b clears c */
    assert_int_equal(loop_deadline_set(loop, &items[3].deadline, 5, on_deadline, &items[3]), 0); /* d goes first */
    assert_int_equal(loop_deadline_set(loop, &items[0].deadline, HOUR * 24 * 365 * 100, on_deadline, &items[0]), 0);
    assert_int_equal(loop_wait(loop, true), 0);
    assert_string_equal(ran.order, "db");
    assert_true(loop_deadline_is_set(&items[0].deadline));
    assert_int_equal(loop_deadline_set(loop, &items[0].deadline, USEC_INFINITY, on_deadline, &items[0]), 0);
    assert_false(loop_deadline_is_set(&items[0].deadline));
    loop_deadline_clear(loop, &items[0].deadline);
    assert_int_equal(loop_wait(loop, false), 0);
    assert_string_equal(ran.order, "db");
}

/* RestartSec=0 without a limit: each round runs it once, and the descriptors get their turn in between (K43). */
static void test_rearmed_deadline_waits_for_the_next_round(void **state)
{
    struct loop *loop = *state;
    struct item greedy = { .loop = loop, .letter = 'g', .rearms = 3 }, late = { .loop = loop, .letter = 'l' };
    int fd = event_new(0);
    loop_io io;
    assert_int_equal(loop_io_add(loop, fd, EPOLLIN, LOOP_NORMAL, on_letter, "i", &io), 0);
    assert_int_equal(loop_deadline_set(loop, &greedy.deadline, 1, on_deadline, &greedy), 0);
    assert_int_equal(loop_deadline_set(loop, &late.deadline, 2, on_deadline, &late), 0);
    assert_int_equal(loop_wait(loop, true), 0);
    assert_string_equal(ran.order, "gl");
    assert_int_equal(eventfd_write(fd, 1), 0);
    assert_int_equal(loop_wait(loop, true), 0);
    assert_string_equal(ran.order, "glig");
    loop_io_remove(loop, &io);
    loop_deadline_clear(loop, &greedy.deadline);
    close(fd);
}

static usec_t last_at;
static size_t n_fired;

static void on_sorted(void *userdata)
{
    struct loop_deadline *d = userdata;
    assert_true(d->at >= last_at);
    last_at = d->at;
    n_fired++;
}

static void test_heap_keeps_order(void **state)
{
    enum { N = 2000 };
    struct loop *loop = *state;
    static struct loop_deadline deadlines[N];
    uint32_t seed = 12345;
    size_t expected = 0;
    last_at = 0, n_fired = 0;
    for (size_t i = 0; i < 5 * N; i++) {
        struct loop_deadline *d = &deadlines[i % N];
        seed = seed * 1664525 + 1013904223;
        if (seed >> 30 == 0)
            loop_deadline_clear(loop, d);
        else
            assert_int_equal(loop_deadline_set(loop, d, (seed >> 8) % 5000, on_sorted, d), 0);
    }
    for (size_t i = 0; i < N; i++) expected += loop_deadline_is_set(&deadlines[i]);
    assert_int_equal(loop_wait(loop, true), 0);
    assert_int_equal(n_fired, expected);
    for (size_t i = 0; i < N; i++) assert_false(loop_deadline_is_set(&deadlines[i]));
}

/* One blocking wait, one wake-up: at the deadline and not before it. */
static void test_deadline_in_the_future(void **state)
{
    struct loop *loop = *state;
    struct item item = { .loop = loop, .letter = 'a' }, later = { .loop = loop, .letter = 'b' };
    loop_refresh_now(loop);
    usec_t at = usec_add(loop_now(loop), 20 * USEC_PER_MSEC);
    assert_int_equal(loop_deadline_set(loop, &later.deadline, HOUR + at, on_deadline, &later), 0);
    assert_int_equal(loop_deadline_set(loop, &item.deadline, at, on_deadline, &item), 0);
    assert_int_equal(loop_wait(loop, true), 0);
    assert_string_equal(ran.order, "a");
    assert_true(loop_now(loop) >= at);
    loop_deadline_clear(loop, &later.deadline);
}

/* Seconds until the loop's only timerfd fires, from /proc/self/fdinfo; 0 when it is disarmed. */
static unsigned long timer_left(void)
{
    unsigned long seconds = ULONG_MAX;
    DIR *dir = opendir("/proc/self/fd");
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir));) {
        char path[PATH_MAX], target[64] = "", line[128];
        (void)snprintf(path, sizeof path, "/proc/self/fd/%s", entry->d_name);
        if (readlink(path, target, sizeof target - 1) < 0 || strcmp(target, "anon_inode:[timerfd]") != 0) continue;
        (void)snprintf(path, sizeof path, "/proc/self/fdinfo/%s", entry->d_name);
        FILE *info = fopen(path, "re");
        assert_non_null(info);
        while (fgets(line, sizeof line, info))
            if (strncmp(line, "it_value: (", 11) == 0) seconds = strtoul(line + 11, NULL, 10);
        fclose(info);
    }
    closedir(dir);
    assert_int_not_equal(seconds, ULONG_MAX);
    return seconds;
}

static void on_signal(int signal)
{
    (void)signal;
}

/* Blocks once for real: a repeating timer signal ends the wait, which is no error. */
static void wait_until_interrupted(struct loop *loop)
{
    struct sigaction action = { .sa_handler = on_signal }, before;
    struct itimerval tick = { { 0, 10000 }, { 0, 10000 } }, none = { { 0, 0 }, { 0, 0 } };
    assert_int_equal(sigaction(SIGALRM, &action, &before), 0);
    assert_int_equal(setitimer(ITIMER_REAL, &tick, NULL), 0);
    assert_int_equal(loop_wait(loop, true), 0);
    assert_int_equal(setitimer(ITIMER_REAL, &none, NULL), 0);
    assert_int_equal(sigaction(SIGALRM, &before, NULL), 0);
    alarm(60);
}

/* An idle loop is woken by its real next deadline only: what is armed follows the earliest one, both ways. */
static void test_timer_follows_the_earliest(void **state)
{
    struct loop *loop = *state;
    struct item item = { .loop = loop, .letter = 'a' }, other = { .loop = loop, .letter = 'b' };
    wait_until_interrupted(loop);
    assert_int_equal(timer_left(), 0);

    usec_t now = loop_now(loop);
    assert_int_equal(loop_deadline_set(loop, &item.deadline, now + 2 * HOUR, on_deadline, &item), 0);
    assert_int_equal(timer_left(), 0); /* lazily */
    wait_until_interrupted(loop);
    assert_in_range(timer_left(), 3601, 7200);

    assert_int_equal(loop_deadline_set(loop, &other.deadline, now + HOUR, on_deadline, &other), 0);
    wait_until_interrupted(loop);
    assert_in_range(timer_left(), 1800, 3600);

    loop_deadline_clear(loop, &other.deadline); /* later now: the old time would be a wake-up for nothing */
    wait_until_interrupted(loop);
    assert_in_range(timer_left(), 3601, 7200);

    loop_deadline_clear(loop, &item.deadline);
    wait_until_interrupted(loop);
    assert_int_equal(timer_left(), 0);
    assert_string_equal(ran.order, "");
}

/* While there is work, a deadline that only moves later costs no system call: the old time stays armed. */
static void test_busy_loop_does_not_rearm(void **state)
{
    struct loop *loop = *state;
    struct item item = { .loop = loop, .letter = 'a' };
    int fd = event_new(1);
    loop_io io;
    assert_int_equal(loop_io_add(loop, fd, EPOLLIN, LOOP_NORMAL, on_letter, "i", &io), 0);
    usec_t now = loop_now(loop);
    assert_int_equal(loop_deadline_set(loop, &item.deadline, now + HOUR, on_deadline, &item), 0);
    assert_int_equal(loop_wait(loop, true), 0);
    assert_int_equal(loop_deadline_set(loop, &item.deadline, now + 3 * HOUR, on_deadline, &item), 0);
    assert_int_equal(eventfd_write(fd, 1), 0);
    assert_int_equal(loop_wait(loop, true), 0);
    assert_in_range(timer_left(), 1800, 3600);
    assert_string_equal(ran.order, "ii");
    wait_until_interrupted(loop);
    assert_in_range(timer_left(), 7201, 10800);
    loop_deadline_clear(loop, &item.deadline);
    loop_io_remove(loop, &io);
    close(fd);
}

/* ---- who is asked first ---- */

struct asked {
    int times;
    bool news;
};

static bool on_asked(void *userdata)
{
    struct asked *asked = userdata;
    asked->times++;
    return asked->news;
}

static void on_counted(int fd, uint32_t events, void *userdata)
{
    (void)events;
    event_drain(fd);
    ++*(int *)userdata;
}

static void test_asked_before_the_round(void **state)
{
    struct loop *loop = *state;
    struct asked asked = { 0, true };
    int fd = event_new(1), calls = 0;
    loop_io io;
    assert_int_equal(loop_io_add(loop, fd, EPOLLIN, LOOP_EARLY, on_counted, &calls, &io), 0);
    loop_ask_first(loop, on_asked, &asked);
    assert_int_equal(loop_wait(loop, true), 0); /* news: the event waits for its turn */
    assert_int_equal(asked.times, 1);
    assert_int_equal(calls, 0);
    asked.news = false;
    assert_int_equal(loop_wait(loop, true), 0);
    assert_int_equal(asked.times, 2);
    assert_int_equal(calls, 1);
    assert_int_equal(loop_wait(loop, false), 0); /* nothing is ready: nobody is asked */
    assert_int_equal(asked.times, 2);
    loop_ask_first(loop, NULL, NULL);
    loop_io_remove(loop, &io);
    (void)close(fd); /* an eventfd */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_priorities, setup, teardown),
        cmocka_unit_test_setup_teardown(test_asked_before_the_round, setup, teardown),
        cmocka_unit_test_setup_teardown(test_round_sees_every_ready_source, setup, teardown),
        cmocka_unit_test_setup_teardown(test_removed_source_is_not_called, setup, teardown),
        cmocka_unit_test_setup_teardown(test_paused_source_is_silent, setup, teardown),
        cmocka_unit_test_setup_teardown(test_pause_drops_the_pending_event, setup, teardown),
        cmocka_unit_test_setup_teardown(test_add_errors, setup, teardown),
        cmocka_unit_test_setup_teardown(test_deadline_order_and_clear, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rearmed_deadline_waits_for_the_next_round, setup, teardown),
        cmocka_unit_test_setup_teardown(test_heap_keeps_order, setup, teardown),
        cmocka_unit_test_setup_teardown(test_deadline_in_the_future, setup, teardown),
        cmocka_unit_test_setup_teardown(test_timer_follows_the_earliest, setup, teardown),
        cmocka_unit_test_setup_teardown(test_busy_loop_does_not_rearm, setup, teardown),
    };
    return cmocka_run_group_tests_name("base/loop", tests, NULL, NULL);
}
