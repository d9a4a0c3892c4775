/* supervisor/notify_sender: which service a message is from. */
#include "supervisor/notify.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "supervisor/manager.h"
#include "supervisor/service.h"

/* Two services with a run, without cgroups. */
struct fixture {
    struct manager manager;
    struct unit units[2];
    struct service services[2];
    struct runtime *table[2];
};

static int open_fixture(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    int leaf_error;
    assert_non_null(f);
    assert_int_equal(procs_table_new(NULL, &f->manager.procs), 0);
    f->manager.units = f->table;
    f->manager.n_units = 2;
    for (int i = 0; i < 2; i++) {
        f->units[i].name = i == 0 ? "a.service" : "b.service";
        f->services[i].base = (struct runtime){ .manager = &f->manager, .unit = &f->units[i], .type = &service_type };
        f->services[i].begun = true;
        f->table[i] = &f->services[i].base;
        assert_int_equal(procs_begin(f->manager.procs, &f->services[i].procs, f->units[i].name, &leaf_error), 0);
        assert_true(f->services[i].procs.mark != 0);
    }
    *state = f;
    return 0;
}

static int close_fixture(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 2; i++) procs_end(f->manager.procs, &f->services[i].procs);
    procs_table_free(f->manager.procs);
    free(f);
    return 0;
}

/* A process with this mark (0: ours), which waits until it is killed. */
static pid_t start(uint64_t mark)
{
    int ready[2];
    char byte;
    assert_int_equal(pipe(ready), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        const struct rlimit limit = { mark, mark };
        if (mark != 0 && setrlimit(RLIMIT_LOCKS, &limit) < 0) _exit(1);
        if (write(ready[1], "x", 1) != 1) _exit(1);
        for (;;) (void)pause();
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    (void)close(ready[0]), (void)close(ready[1]); /* its work is done */
    return pid;
}

static void end(pid_t pid)
{
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static int ask(struct fixture *f, pid_t pid, int pidfd, struct service **ret)
{
    const struct notify_sender sender = { .pid = pid, .uid = getuid(), .pidfd = pidfd };
    *ret = (void *)f; /* it has to be set */
    return notify_sender_service(&f->manager, &sender, ret);
}

/* By its mark, whoever its parent is; one without a mark is nobody's. */
static void test_by_mark(void **state)
{
    struct fixture *f = *state;
    struct service *service;
    pid_t pids[] = { start(f->services[0].procs.mark), start(f->services[1].procs.mark), start(0) };
    for (size_t i = 0; i < COUNT_OF(pids); i++) {
        int pidfd = (int)syscall(SYS_pidfd_open, pids[i], 0);
        assert_true(pidfd >= 0);
        for (int with = 0; with < 2; with++) {
            assert_int_equal(ask(f, pids[i], with ? pidfd : -1, &service), 0);
            assert_ptr_equal(service, i < 2 ? &f->services[i] : NULL);
        }
        (void)close(pidfd); /* was only asked */
    }
    assert_int_equal(ask(f, getpid(), -1, &service), 0);
    assert_null(service);
    for (size_t i = 0; i < COUNT_OF(pids); i++) end(pids[i]);
}

/* By what was told of it, mark or not: processes that we started, and a main process that lost its mark. */
static void test_by_number(void **state)
{
    struct fixture *f = *state;
    struct service *service;
    pid_t told = start(0), main_process = start(0);
    procs_add(f->manager.procs, &f->services[1].procs, told, false);
    f->services[0].main.pid = main_process;
    assert_int_equal(ask(f, told, -1, &service), 0);
    assert_ptr_equal(service, &f->services[1]);
    assert_int_equal(ask(f, main_process, -1, &service), 0);
    assert_ptr_equal(service, &f->services[0]);
    procs_remove(f->manager.procs, &f->services[1].procs, told);
    assert_int_equal(ask(f, told, -1, &service), 0);
    assert_null(service); /* the number is nobody's from now on */
    f->services[0].main.pid = 0;
    end(told), end(main_process);
}

/* One that has ended and waits to be reaped still is who it was; one that was reaped is nobody, and not the service
 * whose process has its number now. */
static void test_ended(void **state)
{
    struct fixture *f = *state;
    struct service *service;
    pid_t pid = start(f->services[0].procs.mark);
    int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    siginfo_t info;
    assert_true(pidfd >= 0);
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    assert_int_equal(ask(f, pid, pidfd, &service), 0);
    assert_ptr_equal(service, &f->services[0]);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_int_equal(ask(f, pid, pidfd, &service), -ESRCH);
    assert_int_equal(ask(f, pid, -1, &service), -ESRCH);
    pid_t other = start(f->services[1].procs.mark);
    assert_int_equal(ask(f, other, pidfd, &service), -ESRCH); /* as if its number were given to that one */
    (void)close(pidfd);                                       /* was only asked */
    end(other);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_fixture, close_fixture)
    const struct CMUnitTest tests[] = { TEST(test_by_mark), TEST(test_by_number), TEST(test_ended) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
