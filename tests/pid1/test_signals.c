#include "tests/pid1/child.h"

#include "pid1/signals.h"

static void test_words(void **state)
{
    (void)state;
    static const struct {
        int signal;
        const char *want;
    } cases[] = {
        { SIGTERM, "terminated" },
        { SIGINT, "interrupt" },
        { SIGHUP, "hangup" },
        { SIGKILL, "killed" },
        { SIGSEGV, "segmentation fault" },
        { SIGUSR1, "user defined signal 1" },
        { SIGPWR, "power failure" },
        { 37, "signal 37" },
        { 64, "signal 64" },
        { 65, "signal ?" },
        { 0, "signal ?" },
        { -1, "signal ?" },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) assert_string_equal(pid1_signal_word(cases[i].signal), cases[i].want);
    for (int signal = 1; signal < 65; signal++) assert_non_null(pid1_signal_word(signal));
}

/* clang-format off */
static const struct { const char *label; int signal; enum pid1_intent want; } intents[] = {
    { "TERM stops",             SIGTERM,   PID1_SHUTDOWN },
    { "INT stops",              SIGINT,    PID1_SHUTDOWN },
    { "HUP asks for a reload",  SIGHUP,    PID1_RELOAD },
    { "CHLD",                   SIGCHLD,   PID1_CHILDREN },
    { "QUIT",                   SIGQUIT,   PID1_OTHER },
    { "USR1 looks for the bus", SIGUSR1,   PID1_BUS },
    { "USR2 dumps",             SIGUSR2,   PID1_DUMP },
    { "PWR starts a target",    SIGPWR,    PID1_START },
    { "WINCH does",             SIGWINCH,  PID1_START },
    { "TTOU",                   SIGTTOU,   PID1_OTHER },
    { "TSTP",                   SIGTSTP,   PID1_OTHER },
    { "ALRM",                   SIGALRM,   PID1_OTHER },
    { "nothing",                0,         PID1_NONE },
};
/* clang-format on */

/* By their distance from SIGRTMIN: systemd(1) "SIGNALS". */
/* clang-format off */
static const struct { enum pid1_intent intent; enum pid1_goal goal; bool flag; const char *unit; } real_time[25] = {
    { PID1_ISOLATE,  PID1_EXIT,     false, "default.target" },    /* 0 */
    { PID1_ISOLATE,  PID1_EXIT,     false, "rescue.target" },
    { PID1_ISOLATE,  PID1_EXIT,     false, "emergency.target" },
    { PID1_SHUTDOWN, PID1_HALT,     false, NULL },
    { PID1_SHUTDOWN, PID1_POWEROFF, false, NULL },
    { PID1_SHUTDOWN, PID1_REBOOT,   false, NULL },                /* 5 */
    { PID1_SHUTDOWN, PID1_KEXEC,    false, NULL },
    { PID1_SHUTDOWN, PID1_REBOOT,   false, NULL },                /* soft-reboot, since 254 */
    { PID1_OTHER,    PID1_EXIT,     false, NULL },
    { PID1_OTHER,    PID1_EXIT,     false, NULL },
    { PID1_OTHER,    PID1_EXIT,     false, NULL },                /* 10 */
    { PID1_OTHER,    PID1_EXIT,     false, NULL },
    { PID1_OTHER,    PID1_EXIT,     false, NULL },
    { PID1_LEAVE,    PID1_HALT,     false, NULL },
    { PID1_LEAVE,    PID1_POWEROFF, false, NULL },
    { PID1_LEAVE,    PID1_REBOOT,   false, NULL },                /* 15 */
    { PID1_LEAVE,    PID1_KEXEC,    false, NULL },
    { PID1_LEAVE,    PID1_REBOOT,   false, NULL },
    { PID1_OTHER,    PID1_EXIT,     false, NULL },
    { PID1_OTHER,    PID1_EXIT,     false, NULL },
    { PID1_STATUS,   PID1_EXIT,     true,  NULL },                /* 20 */
    { PID1_STATUS,   PID1_EXIT,     false, NULL },
    { PID1_DEBUG,    PID1_EXIT,     true,  NULL },
    { PID1_DEBUG,    PID1_EXIT,     false, NULL },
    { PID1_LEAVE,    PID1_EXIT,     false, NULL },
};
/* clang-format on */

static void test_real_time(void **state)
{
    (void)state;
    for (int n = 0; n < (int)COUNT_OF(real_time); n++) {
        struct pid1_signal got = pid1_signal_meaning(SIGRTMIN + n);
        print_message("  RTMIN+%d\n", n);
        assert_int_equal(got.signal, SIGRTMIN + n);
        assert_int_equal(got.intent, real_time[n].intent);
        assert_int_equal(got.goal, real_time[n].goal);
        assert_int_equal(got.flag, real_time[n].flag);
        if (real_time[n].unit)
            assert_string_equal(got.unit, real_time[n].unit);
        else
            assert_null(got.unit);
    }
    assert_string_equal(pid1_signal_meaning(SIGPWR).unit, "sigpwr.target");
    assert_string_equal(pid1_signal_meaning(SIGWINCH).unit, "kbrequest.target");
    assert_int_equal(pid1_signal_meaning(SIGTERM).goal, PID1_EXIT);
    static const char *const goals[] = { "exit", "halt", "poweroff", "reboot", "kexec" };
    for (enum pid1_goal goal = 0; goal < PID1_GOAL_COUNT; goal++)
        assert_string_equal(pid1_goal_word(goal), goals[goal]);
}

static void expect(struct pid1_signals *signals, int signal, enum pid1_intent intent)
{
    struct pid1_signal got = { 0 };
    CHECK(pid1_signals_read(signals, &got) == 1);
    CHECK(got.signal == signal);
    CHECK(got.intent == intent);
    CHECK(got.sender_pid == getpid());
    CHECK(got.sender_uid == getuid());
}

static void read_each(void)
{
    struct pid1_signals signals;
    struct pid1_signal got;
    CHECK(pid1_signals_open(&signals) == 0);
    CHECK(fcntl(signals.fd.n, F_GETFD) == FD_CLOEXEC);
    CHECK(pid1_signals_read(&signals, &got) == 0);
    for (size_t i = 0; i < COUNT_OF(intents); i++) {
        CHECK(pid1_signal_meaning(intents[i].signal).intent == intents[i].want);
        if (intents[i].signal == 0) continue;
        CHECK(kill(getpid(), intents[i].signal) == 0);
        expect(&signals, intents[i].signal, intents[i].want);
    }
    /* K25 */
    CHECK(kill(getpid(), SIGRTMIN + 3) == 0);
    expect(&signals, SIGRTMIN + 3, PID1_SHUTDOWN);
    for (int signal = SIGRTMIN; signal <= SIGRTMAX; signal++) {
        CHECK(kill(getpid(), signal) == 0);
        expect(&signals, signal, signal - SIGRTMIN < 25 ? real_time[signal - SIGRTMIN].intent : PID1_OTHER);
    }
    CHECK(pid1_signals_read(&signals, &got) == 0);

    /* SIGPIPE is ignored: a peer that hangs up is an error of one write. */
    AUTO_FD struct fd reader = FD_NONE, writer = FD_NONE;
    CHECK(fd_pipe(0, &reader, &writer) == 0);
    fd_close(&reader);
    CHECK(write(writer.n, "x", 1) < 0 && errno == EPIPE);
    CHECK(pid1_signals_read(&signals, &got) == 0);
}

static void test_read_K25(void **state)
{
    (void)state;
    in_child(read_each, false);
}

static void ignored_dispositions(void)
{
    static const int inherited[] = { SIGCHLD, SIGTERM, SIGHUP, SIGINT };
    for (size_t i = 0; i < COUNT_OF(inherited); i++) CHECK(signal(inherited[i], SIG_IGN) != SIG_ERR);
    struct pid1_signals signals;
    CHECK(pid1_signals_open(&signals) == 0);
    for (size_t i = 0; i < COUNT_OF(inherited); i++) {
        struct sigaction action;
        CHECK(sigaction(inherited[i], NULL, &action) == 0);
        CHECK(action.sa_handler == SIG_DFL);
    }
    pid_t pid = fork();
    if (pid == 0) _exit(7);
    int status = 0;
    CHECK(waitpid(pid, &status, 0) == pid); /* with CHLD ignored this would be ECHILD */
    CHECK(WEXITSTATUS(status) == 7);
}

static void test_inherited_ignore_is_reset(void **state)
{
    (void)state;
    in_child(ignored_dispositions, false);
}

static void masks(void)
{
    sigset_t set, before, now;
    CHECK(sigemptyset(&set) == 0 && sigaddset(&set, SIGUSR2) == 0);
    CHECK(sigprocmask(SIG_SETMASK, &set, NULL) == 0);
    CHECK(sigprocmask(SIG_SETMASK, NULL, &before) == 0);
    struct pid1_signals signals;
    CHECK(pid1_signals_open(&signals) == 0);
    CHECK(sigismember(&signals.original_mask, SIGUSR2) == 1);
    CHECK(sigismember(&signals.original_mask, SIGTERM) == 0);
    CHECK(sigprocmask(SIG_SETMASK, NULL, &now) == 0);
    CHECK(sigismember(&now, SIGTERM) == 1);
    CHECK(sigismember(&now, SIGSEGV) == 0 && sigismember(&now, SIGABRT) == 0);
    pid1_signals_close(&signals);
    CHECK(sigprocmask(SIG_SETMASK, NULL, &now) == 0);
    CHECK(sigismember(&now, SIGTERM) == 0 && sigismember(&now, SIGUSR2) == 1);
    pid1_signals_close(&signals); /* once more does nothing */
}

static void test_masks(void **state)
{
    (void)state;
    in_child(masks, false);
}

/* The kernel drops signals to process 1 that have the default action, unless they are blocked. */
static void as_init(void)
{
    CHECK(getpid() == 1);
    struct pid1_signals signals;
    struct pid1_signal got = { 0 };
    CHECK(pid1_signals_open(&signals) == 0);
    pid_t pid = fork();
    if (pid == 0) _exit(kill(1, SIGTERM) == 0 ? 0 : 1);
    int status = 0;
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    CHECK(pid1_signals_read(&signals, &got) == 1);
    CHECK(got.intent == PID1_SHUTDOWN && got.sender_pid == pid); /* TERM before CHLD: lower numbers come first */
}

static void test_as_init(void **state)
{
    (void)state;
    in_child(as_init, true);
}

/* K20: a stop signal that comes while units are still being read. */
static void early_signal(void)
{
    struct pid1_signals signals;
    struct pid1_signal got = { 0 };
    pid1_signals_hold();
    pid_t pid = fork();
    if (pid == 0) _exit(kill(1, SIGTERM) == 0 ? 0 : 1);
    int status = 0;
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    CHECK(pid1_signals_open(&signals) == 0);
    CHECK(pid1_signals_read(&signals, &got) == 1 && got.intent == PID1_SHUTDOWN);
}

static void test_signal_before_the_descriptor_K20(void **state)
{
    (void)state;
    in_child(early_signal, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_real_time),
        cmocka_unit_test(test_read_K25),
        cmocka_unit_test(test_inherited_ignore_is_reset),
        cmocka_unit_test(test_masks),
        cmocka_unit_test(test_as_init),
        cmocka_unit_test(test_signal_before_the_descriptor_K20),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
