#include "tests/pid1/child.h"

#include <linux/sched.h>

#include "pid1/reaper.h"

struct seen {
    struct child_exit exit;
    unsigned n;
};

static void note(const struct child_exit *exit, void *userdata)
{
    struct seen *seen = userdata;
    seen->exit = *exit;
    seen->n++;
}

/* Blocks until some child has ended, and collects nothing. */
static void wait_for_any(void)
{
    siginfo_t info;
    CHECK(waitid(P_ALL, 0, &info, WEXITED | WNOWAIT) == 0);
}

static void wait_until_dead(pid_t pid)
{
    siginfo_t info;
    CHECK(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT) == 0);
}

static pid_t child_that_exits(int status)
{
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) _exit(status);
    return pid;
}

static struct reaper *new_reaper(struct seen *orphans)
{
    struct reaper *reaper = NULL;
    CHECK(reaper_new(&reaper) == 0);
    reaper_set_orphan_fn(reaper, note, orphans);
    return reaper;
}

static void collect_exits(void)
{
    struct seen orphans = { 0 }, ended = { 0 }, killed = { 0 };
    struct reaper *reaper = new_reaper(&orphans);
    CHECK(!reaper_any_child(reaper));
    CHECK(reaper_collect(reaper, 10) == 0);

    pid_t a = child_that_exits(3), b = fork();
    if (b == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;) (void)pause();
    }
    CHECK(reaper_add(reaper, a, note, &ended) == 0);
    CHECK(reaper_add(reaper, b, note, &killed) == 0);
    CHECK(reaper_add(reaper, b, note, &killed) == -EEXIST);
    CHECK(reaper_has(reaper, a) && reaper_has(reaper, b) && reaper_count(reaper) == 2);
    wait_until_dead(a);
    CHECK(reaper_collect(reaper, 10) == 0); /* b lives: does not block */
    CHECK(ended.n == 1 && ended.exit.pid == a && ended.exit.code == CLD_EXITED && ended.exit.status == 3);
    CHECK(!reaper_has(reaper, a) && reaper_has(reaper, b) && reaper_any_child(reaper));

    CHECK(kill(b, SIGKILL) == 0);
    wait_until_dead(b);
    CHECK(reaper_collect(reaper, 10) == 0);
    CHECK(killed.n == 1 && killed.exit.code == CLD_KILLED && killed.exit.status == SIGKILL);
    CHECK(orphans.n == 0 && reaper_orphans(reaper) == 0 && reaper_count(reaper) == 0 && !reaper_any_child(reaper));
    reaper_free(reaper);
    reaper_free(NULL);
}

static void test_exits(void **state)
{
    (void)state;
    in_child(collect_exits, false);
}

static void dumped_and_cpu(void)
{
    struct seen orphans = { 0 }, ended = { 0 };
    struct reaper *reaper = new_reaper(&orphans);
    pid_t pid = fork();
    if (pid == 0) {
        struct rusage usage;
        do (void)getrusage(RUSAGE_SELF, &usage);
        while (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec < 20000 && usage.ru_utime.tv_sec == 0);
        (void)signal(SIGQUIT, SIG_DFL);
        (void)raise(SIGQUIT);
    }
    CHECK(reaper_add(reaper, pid, note, &ended) == 0);
    wait_until_dead(pid);
    CHECK(reaper_collect(reaper, 1) == 1); /* the bound was reached: there may be more */
    CHECK(reaper_collect(reaper, 1) == 0);
    CHECK((ended.exit.code == CLD_DUMPED || ended.exit.code == CLD_KILLED) && ended.exit.status == SIGQUIT);
    CHECK(ended.exit.cpu >= 10 * USEC_PER_MSEC);
    reaper_free(reaper);
}

static void test_signal_death_and_cpu(void **state)
{
    (void)state;
    in_child(dumped_and_cpu, false);
}

static void orphans_in_bounds(void)
{
    CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0);
    struct seen orphans = { 0 }, parent_exit = { 0 };
    struct reaper *reaper = new_reaper(&orphans);
    enum { N = 300 };
    pid_t parent = fork();
    if (parent == 0) {
        for (unsigned i = 0; i < N; i++)
            if (fork() == 0) _exit(0);
        _exit(0); /* leaves its zombies to us */
    }
    CHECK(reaper_add(reaper, parent, note, &parent_exit) == 0);
    unsigned rounds = 0;
    while (reaper_any_child(reaper)) {
        wait_for_any();
        unsigned before = orphans.n + parent_exit.n;
        int r = reaper_collect(reaper, 16);
        CHECK(r == 0 || r == 1);
        CHECK(orphans.n + parent_exit.n - before <= 16);
        CHECK(r == 0 || orphans.n + parent_exit.n - before == 16);
        rounds++;
    }
    CHECK(rounds >= (N + 1) / 16);
    CHECK(parent_exit.n == 1 && orphans.n == N && reaper_orphans(reaper) == N);
    reaper_free(reaper);
}

static void test_orphans(void **state)
{
    (void)state;
    in_child(orphans_in_bounds, false);
}

/* K82: the child has ended and was collected before its registration. */
static void late_registration(void)
{
    struct seen orphans = { 0 }, late = { 0 };
    struct reaper *reaper = new_reaper(&orphans);
    pid_t pid = child_that_exits(42);
    wait_until_dead(pid);
    CHECK(reaper_collect(reaper, 10) == 0);
    CHECK(orphans.n == 1);
    CHECK(reaper_add(reaper, pid, note, &late) == 1);
    CHECK(late.n == 1 && late.exit.pid == pid && late.exit.code == CLD_EXITED && late.exit.status == 42);
    CHECK(!reaper_has(reaper, pid));

    /* The usual order, where it has ended but was not collected: registration, then delivery. */
    pid = child_that_exits(43);
    wait_until_dead(pid);
    CHECK(reaper_add(reaper, pid, note, &late) == 0);
    CHECK(late.n == 1);
    CHECK(reaper_collect(reaper, 10) == 0);
    CHECK(late.n == 2 && late.exit.status == 43);
    reaper_free(reaper);
}

static void test_late_registration_K82(void **state)
{
    (void)state;
    in_child(late_registration, false);
}

/* clone3() with the pid we ask for: a reused number without waiting for the counter to wrap. */
static pid_t child_with_pid(pid_t pid)
{
    struct clone_args args = { .exit_signal = SIGCHLD, .set_tid = (uint64_t)(uintptr_t)&pid, .set_tid_size = 1 };
    long r = syscall(SYS_clone3, &args, sizeof args);
    if (r == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;) (void)pause();
    }
    return (pid_t)r;
}

/* K09 and the other half of K82: an exit kept under a number is not taken for the exit of a new child that got it, and
 * what we hold of the old process does not reach the new one. */
static void reused_number(void)
{
    struct seen orphans = { 0 }, first = { 0 }, second = { 0 };
    struct reaper *reaper = new_reaper(&orphans);
    pid_t orphan = child_that_exits(1), pid = child_that_exits(1);
    AUTO_FD struct fd pidfd = fd_own((int)syscall(SYS_pidfd_open, pid, 0));
    CHECK(fd_is_open(&pidfd));
    CHECK(reaper_add(reaper, pid, note, &first) == 0);
    wait_until_dead(orphan);
    wait_until_dead(pid);
    CHECK(syscall(SYS_pidfd_send_signal, pidfd.n, SIGTERM, NULL, 0) == 0); /* not collected yet: the number is held */
    CHECK(reaper_collect(reaper, 10) == 0);
    CHECK(first.n == 1 && orphans.n == 1);
    CHECK(!reaper_has(reaper, pid));

    NEED(child_with_pid(pid) == pid);
    CHECK(syscall(SYS_pidfd_send_signal, pidfd.n, SIGKILL, NULL, 0) < 0 && errno == ESRCH);
    CHECK(reaper_add(reaper, pid, note, &second) == 0);

    CHECK(child_with_pid(orphan) == orphan);
    struct seen third = { 0 };
    CHECK(reaper_add(reaper, orphan, note, &third) == 0);
    CHECK(third.n == 0);
    CHECK(kill(orphan, SIGINT) == 0 && kill(pid, SIGTERM) == 0);
    wait_until_dead(orphan);
    wait_until_dead(pid);
    CHECK(reaper_collect(reaper, 10) == 0);
    CHECK(second.n == 1 && second.exit.status == SIGTERM);
    CHECK(third.n == 1 && third.exit.status == SIGINT);
    CHECK(first.n == 1 && orphans.n == 1);
    reaper_free(reaper);
}

static void test_reused_number_K09(void **state)
{
    (void)state;
    in_child(reused_number, false);
}

/* A callback that starts the next child, as a restart may. */
struct restarts {
    struct reaper *reaper;
    unsigned left;
};

static void start_again(const struct child_exit *exit, void *userdata)
{
    struct restarts *restarts = userdata;
    CHECK(!reaper_has(restarts->reaper, exit->pid));
    if (restarts->left-- == 0) return;
    CHECK(reaper_add(restarts->reaper, child_that_exits(0), start_again, restarts) == 0);
}

static void callback_registers(void)
{
    struct seen orphans = { 0 };
    struct restarts restarts = { new_reaper(&orphans), 50 };
    CHECK(reaper_add(restarts.reaper, child_that_exits(0), start_again, &restarts) == 0);
    while (reaper_any_child(restarts.reaper)) {
        wait_for_any();
        CHECK(reaper_collect(restarts.reaper, 8) >= 0);
    }
    CHECK(orphans.n == 0 && reaper_count(restarts.reaper) == 0);
    reaper_free(restarts.reaper);
}

static void test_callback_registers(void **state)
{
    (void)state;
    in_child(callback_registers, false);
}

/* Scatters 1..4095 over the 22 bits a pid has, one to one; consecutive pids would not collide at all. */
static pid_t scattered(pid_t index)
{
    uint32_t x = (uint32_t)index * UINT32_C(0x2545f5) & 0x3fffff;
    x ^= x >> 11;
    return (pid_t)(x * UINT32_C(0x19660d) & 0x3fffff);
}

/* The table against a plain array, through thousands of adds and removes with many collisions. */
static void test_table(void **state)
{
    (void)state;
    struct reaper *reaper = NULL;
    assert_int_equal(reaper_new(&reaper), 0);
    enum { PIDS = 4096 };
    static bool model[PIDS];
    size_t count = 0;
    uint32_t random = 1;
    for (unsigned step = 0; step < 60000; step++) {
        random = random * UINT32_C(1664525) + UINT32_C(1013904223);
        pid_t pid = (pid_t)(random >> 16) % (PIDS - 1) + 1;
        bool add = step < 20000 || (random & 0x8000);
        if (add) {
            assert_int_equal(reaper_add(reaper, scattered(pid), note, NULL), model[pid] ? -EEXIST : 0);
            count += !model[pid];
        } else {
            reaper_remove(reaper, scattered(pid));
            count -= model[pid];
        }
        model[pid] = add;
        assert_int_equal(reaper_count(reaper), count);
    }
    for (pid_t pid = 1; pid < PIDS; pid++) assert_int_equal(reaper_has(reaper, scattered(pid)), model[pid]);
    assert_false(reaper_has(reaper, 0));
    assert_false(reaper_has(reaper, -5));
    reaper_remove(reaper, 0);
    reaper_free(reaper);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exits),
        cmocka_unit_test(test_signal_death_and_cpu),
        cmocka_unit_test(test_orphans),
        cmocka_unit_test(test_late_registration_K82),
        cmocka_unit_test(test_reused_number_K09),
        cmocka_unit_test(test_callback_registers),
        cmocka_unit_test(test_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
