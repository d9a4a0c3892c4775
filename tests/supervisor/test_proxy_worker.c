/* supervisor/proxy_worker: what a worker has said is heard, also when it was said all at once and at last. The program
 * is its own worker. */
#include "supervisor/proxy_worker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/loop.h"
#include "pid1/reaper.h"
#include "supervisor/manager.h"

#define MANY 200 /* that an exit status can tell, and more than one round reads */

struct seen {
    unsigned n_reports, n_exits;
    uint32_t last;
    int status;
};

static void on_report(struct proxy_worker *worker, const struct proxy_report *report, void *userdata)
{
    struct seen *seen = userdata;
    (void)worker;
    seen->n_reports++;
    seen->last = report->value;
}

static void on_exit_of_worker(struct proxy_worker *worker, const struct child_exit *exit, void *userdata)
{
    struct seen *seen = userdata;
    (void)worker;
    seen->n_exits++;
    seen->status = exit->status;
}

static void test_last_words(void **state)
{
    static const struct proxy_worker_hooks hooks = { .on_report = on_report, .on_exit = on_exit_of_worker };
    struct manager m = { .program = fd_own(open("/proc/self/exe", O_RDONLY | O_CLOEXEC)) };
    struct proxy_config config = { .n_listeners = 1 };
    struct seen seen = { 0 };
    struct proxy_worker *worker = NULL;
    siginfo_t info;
    int listener = STDIN_FILENO;
    (void)state;
    assert_true(fd_is_open(&m.program));
    assert_int_equal(loop_new(&m.loop), 0);
    assert_int_equal(reaper_new(&m.reaper), 0);
    assert_int_equal(proxy_worker_start(&m, "test.socket", &config, &listener, &hooks, &seen, &worker), 0);
    assert_int_equal(waitid(P_PID, (id_t)proxy_worker_pid(worker), &info, WEXITED | WNOWAIT), 0);
    while (seen.n_exits == 0) assert_true(reaper_collect(m.reaper, 64) >= 0);
    assert_true(seen.status > 16);
    assert_int_equal(seen.n_reports, seen.status);
    assert_int_equal(seen.last, seen.status);
    reaper_free(m.reaper);
    loop_free(m.loop);
    fd_close(&m.program);
}

/* As many reports as there is room for; the exit status says how many. What it was sent it does not read. */
static int be_worker(void)
{
    struct proxy_report report = { .type = PROXY_REPORT_STATUS };
    for (report.value = 1; report.value <= MANY; report.value++)
        if (proxy_channel_send(PROXY_CHANNEL_FD, &report, proxy_report_size(&report), -1) < 0) break;
    return (int)report.value - 1;
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "__proxy") == 0) return be_worker();
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_last_words) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
