/* supervisor/file_helper: a copy of PID 1 waits for the path, PID 1 does not (K72). */
#include "supervisor/file_helper.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/loop.h"
#include "base/parse.h"
#include "pid1/reaper.h"

struct fixture {
    struct loop *loop;
    struct reaper *reaper;
    struct file_helpers *helpers;
    char directory[32], fifo[48];
    /* the last answer */
    unsigned n_answers;
    int result;
    char bytes[256];
    struct fd fd;
    unsigned n_freed;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->fd = FD_NONE;
    assert_int_equal(loop_new(&f->loop), 0);
    assert_int_equal(reaper_new(&f->reaper), 0);
    assert_int_equal(file_helpers_new(f->loop, f->reaper, &f->helpers), 0);
    (void)snprintf(f->directory, sizeof f->directory, "/tmp/file-helper-XXXXXX");
    assert_non_null(mkdtemp(f->directory));
    (void)snprintf(f->fifo, sizeof f->fifo, "%s/hangs", f->directory);
    assert_int_equal(mkfifo(f->fifo, 0600), 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    file_helpers_free(f->helpers);
    while (reaper_any_child(f->reaper)) IGNORE_RESULT(reaper_collect(f->reaper, 64)); /* killed: they are on the way */
    reaper_free(f->reaper);
    loop_free(f->loop);
    fd_close(&f->fd);
    (void)unlink(f->fifo);
    (void)rmdir(f->directory);
    free(f);
    return 0;
}

static void on_done(int r, struct file_answer *answer, void *userdata)
{
    struct fixture *f = userdata;
    f->n_answers++;
    f->result = r;
    (void)snprintf(f->bytes, sizeof f->bytes, "%s", str_text(&answer->bytes));
    if (answer->n_fds > 0) f->fd = fd_take(&answer->fds[0]);
}

static void free_argument(void *argument)
{
    struct fixture *f = argument;
    f->n_freed++;
}

static struct file_task task_of(struct fixture *f, file_task_fn *run, usec_t timeout)
{
    return (struct file_task){
        .run = run, .argument = f, .keep_fd = -1, .timeout = timeout, .done = on_done, .userdata = f
    };
}

static void ask(struct fixture *f, file_task_fn *run, usec_t timeout, struct file_request **ret)
{
    struct file_task task = task_of(f, run, timeout);
    assert_int_equal(file_helper_ask(f->helpers, &task, ret), 0);
}

/* Rounds of the loop until `n` answers are there and no more than `running` copies are left. Exits come by asking. */
static void settle(struct fixture *f, unsigned n, size_t running)
{
    while (f->n_answers < n || file_helpers_running(f->helpers) > running) {
        assert_int_equal(loop_wait(f->loop, false), 0);
        assert_true(reaper_collect(f->reaper, 64) >= 0);
    }
}

/* ---- what the copies do ---- */

static int say_hello(void *argument, struct file_answer *answer)
{
    (void)argument;
    return str_append(&answer->bytes, "hello") < 0 ? -ENOMEM : 7;
}

static int hang(void *argument, struct file_answer *answer)
{
    struct fixture *f = argument;
    (void)answer;
    return open(f->fifo, O_RDONLY | O_CLOEXEC);
}

static int die(void *argument, struct file_answer *answer)
{
    (void)argument, (void)answer;
    (void)raise(SIGKILL);
    return 0;
}

static int hand_over(void *argument, struct file_answer *answer)
{
    (void)argument;
    struct fd ends[2];
    int r = fd_pipe(0, &ends[0], &ends[1]);
    if (r == 0) r = fd_write_all(ends[1].n, "through", 7);
    return r < 0 ? r : file_answer_add_take(answer, ends[0]);
}

static int count_descriptors(void *argument, struct file_answer *answer)
{
    (void)argument, (void)answer;
    int count = 0;
    uint32_t fd;
    DIR *dir = opendir("/proc/self/fd");
    for (struct dirent *e; dir && (e = readdir(dir));) count += parse_u32(e->d_name, 3, INT32_MAX, &fd) == 0;
    return count; /* with the directory's own */
}

static int too_much(void *argument, struct file_answer *answer)
{
    (void)argument;
    for (size_t i = 0; i <= FILE_ANSWER_SIZE_MAX / 8; i++)
        if (str_append(&answer->bytes, "12345678") < 0) return -ENOMEM;
    return 0;
}

/* ---- tests ---- */

static void test_answers(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *label;
        file_task_fn *run;
        int result;
        const char *bytes;
    } cases[] = {
        { "bytes and a result", say_hello, 7, "hello" },
        { "a descriptor", hand_over, 0, "" },
        { "the copy dies without an answer", die, -EIO, "" },
        { "more than an answer may be", too_much, -E2BIG, "" },
    };
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        print_message("  %s\n", cases[i].label);
        struct file_request *request = NULL;
        ask(f, cases[i].run, USEC_INFINITY, &request);
        settle(f, i + 1, 0);
        assert_int_equal(f->result, cases[i].result);
        assert_string_equal(f->bytes, cases[i].bytes);
    }
    char text[8] = "";
    assert_int_equal(read(f->fd.n, text, sizeof text), 7);
    assert_string_equal(text, "through");
}

/* A copy that hangs for ever must not keep our end of anything open. */
static void test_copies_hold_nothing(void **state)
{
    struct fixture *f = *state;
    struct fd ends[2], kept = FD_NONE;
    assert_int_equal(fd_pipe(0, &ends[0], &ends[1]), 0);
    assert_int_equal(fd_dup(ends[0].n, 200, &kept), 0);
    print_message("  the way back and nothing else\n");
    ask(f, count_descriptors, USEC_INFINITY, NULL);
    settle(f, 1, 0);
    assert_int_equal(f->result, 2);
    print_message("  and what it was told to keep\n");
    struct file_task task = task_of(f, count_descriptors, USEC_INFINITY);
    task.keep_fd = kept.n;
    assert_int_equal(file_helper_ask(f->helpers, &task, NULL), 0);
    settle(f, 2, 0);
    assert_int_equal(f->result, 3);
    print_message("  a pipe is at its end when we close it, whoever hangs\n");
    ask(f, hang, USEC_INFINITY, NULL);
    fd_close(&ends[1]);
    struct pollfd end = { .fd = ends[0].n, .events = POLLIN };
    assert_int_equal(poll(&end, 1, -1), 1);
    assert_true(end.revents & POLLHUP);
    fd_close(&ends[0]);
    fd_close(&kept);
}

static void test_deadline(void **state)
{
    struct fixture *f = *state;
    ask(f, hang, USEC_PER_MSEC, NULL);
    assert_int_equal(file_helpers_running(f->helpers), 1);
    settle(f, 1, 0); /* it was killed: the FIFO never opens */
    assert_int_equal(f->result, -ETIMEDOUT);
    assert_int_equal(f->n_answers, 1);
}

static void test_cancel(void **state)
{
    struct fixture *f = *state;
    struct file_request *request = NULL;
    struct file_task task = task_of(f, hang, USEC_INFINITY);
    task.free_argument = free_argument;
    assert_int_equal(file_helper_ask(f->helpers, &task, &request), 0);
    file_helper_cancel(&request);
    assert_null(request);
    assert_int_equal(f->n_freed, 1);
    settle(f, 0, 0);
    assert_int_equal(f->n_answers, 0);
    file_helper_cancel(&request); /* none: nothing happens */
    print_message("  the argument of one that nobody waits for is freed once it is over\n");
    task.run = say_hello;
    task.done = NULL;
    assert_int_equal(file_helper_ask(f->helpers, &task, NULL), 0);
    settle(f, 0, 0);
    assert_int_equal(f->n_freed, 2);
}

/* Copies are bounded; who finds no place waits, and its deadline runs meanwhile. */
static void test_places(void **state)
{
    struct fixture *f = *state;
    struct file_request *hung[FILE_HELPERS_MAX];
    for (size_t i = 0; i < COUNT_OF(hung); i++) ask(f, hang, USEC_INFINITY, &hung[i]);
    struct file_request *late = NULL;
    ask(f, say_hello, USEC_INFINITY, &late);
    ask(f, say_hello, USEC_PER_MSEC, NULL);
    assert_int_equal(file_helpers_running(f->helpers), FILE_HELPERS_MAX);
    assert_int_equal(file_helpers_waiting(f->helpers), 2);
    settle(f, 1, FILE_HELPERS_MAX);
    assert_int_equal(f->result, -ETIMEDOUT);
    assert_int_equal(file_helpers_waiting(f->helpers), 1);
    file_helper_cancel(&hung[3]);
    settle(f, 2, FILE_HELPERS_MAX - 1);
    assert_int_equal(f->result, 7);
    assert_int_equal(file_helpers_waiting(f->helpers), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_answers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_copies_hold_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_deadline, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cancel, setup, teardown),
        cmocka_unit_test_setup_teardown(test_places, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
