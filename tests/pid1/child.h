/* tests/pid1/child.h - runs a check in a process of its own, because it changes what a process has only one of. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/attr.h"
#include "base/fd.h"
#include "base/str.h"

/* In the child: a failed check ends it with the line number as far as it fits; 77 is "not possible here". */
#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "%s:%d: %s (errno %s)\n", __FILE__, __LINE__, #condition, strerror(errno));                \
            _exit(1);                                                                                                  \
        }                                                                                                              \
    } while (0)
#define NEED(condition)                                                                                                \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "  skipped: %s is refused here\n", #condition);                                            \
            _exit(77);                                                                                                 \
        }                                                                                                              \
    } while (0)

/* Runs fn in a child, as process 1 of a new pid namespace where asked, and fails or skips as it did. */
static inline void in_child(void (*fn)(void), bool as_init)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (as_init) {
            NEED(unshare(CLONE_NEWPID) == 0);
            pid_t init = fork();
            CHECK(init >= 0);
            if (init > 0) {
                int status = 0;
                CHECK(waitpid(init, &status, 0) == init);
                _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 2);
            }
            (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        }
        fn();
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77) skip();
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}
