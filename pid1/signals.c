#include "pid1/signals.h"

#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

/* The words of Go's syscall.Signal.String(), by number; where a platform numbers differently the compiler says so. */
#define WORD(number) "signal " #number
/* clang-format off */
static const char *const words[] = {
    [SIGHUP] = "hangup",            [SIGINT] = "interrupt",               [SIGQUIT] = "quit",
    [SIGILL] = "illegal instruction", [SIGTRAP] = "trace/breakpoint trap", [SIGABRT] = "aborted",
    [SIGBUS] = "bus error",         [SIGFPE] = "floating point exception", [SIGKILL] = "killed",
    [SIGUSR1] = "user defined signal 1", [SIGSEGV] = "segmentation fault", [SIGUSR2] = "user defined signal 2",
    [SIGPIPE] = "broken pipe",      [SIGALRM] = "alarm clock",            [SIGTERM] = "terminated",
    [SIGSTKFLT] = "stack fault",    [SIGCHLD] = "child exited",           [SIGCONT] = "continued",
    [SIGSTOP] = "stopped (signal)", [SIGTSTP] = "stopped",                [SIGTTIN] = "stopped (tty input)",
    [SIGTTOU] = "stopped (tty output)", [SIGURG] = "urgent I/O condition", [SIGXCPU] = "CPU time limit exceeded",
    [SIGXFSZ] = "file size limit exceeded", [SIGVTALRM] = "virtual timer expired",
    [SIGPROF] = "profiling timer expired", [SIGWINCH] = "window changed", [SIGIO] = "I/O possible",
    [SIGPWR] = "power failure",     [SIGSYS] = "bad system call",
    [32] = WORD(32), WORD(33), WORD(34), WORD(35), WORD(36), WORD(37), WORD(38), WORD(39), WORD(40), WORD(41), WORD(42),
    WORD(43), WORD(44), WORD(45), WORD(46), WORD(47), WORD(48), WORD(49), WORD(50), WORD(51), WORD(52), WORD(53), WORD(54),
    WORD(55), WORD(56), WORD(57), WORD(58), WORD(59), WORD(60), WORD(61), WORD(62), WORD(63), WORD(64),
};
/* Faults of our own program: blocking them would turn a crash into an endless loop. */
static const int faults[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT };
/* clang-format on */

const char *pid1_signal_word(int signal)
{
    if (signal <= 0 || (size_t)signal >= COUNT_OF(words)) return "signal ?";
    return words[signal];
}

#define RT 128 /* SIGRTMIN is known at run time only */
static const struct {
    uint8_t signal, intent, goal;
    bool flag;
    const char *unit;
} meanings[] = {
#define X(number, intent, goal, flag, unit) { (number), PID1_##intent, PID1_##goal, (flag), (unit) },
    PID1_SIGNALS(X)
#undef X
};

struct pid1_signal pid1_signal_meaning(int signal)
{
    int number = signal >= SIGRTMIN ? signal - SIGRTMIN + RT : signal;
    for (size_t i = 0; i < COUNT_OF(meanings); i++) {
        if (meanings[i].signal != number) continue;
        return (struct pid1_signal){ .signal = signal,
                                     .intent = meanings[i].intent,
                                     .goal = meanings[i].goal,
                                     .flag = meanings[i].flag,
                                     .unit = meanings[i].unit };
    }
    return (struct pid1_signal){ .signal = signal, .intent = signal > 0 ? PID1_OTHER : PID1_NONE };
}

const char *pid1_goal_word(enum pid1_goal goal)
{
    static const char *const goals[PID1_GOAL_COUNT] = {
        [PID1_EXIT] = "exit",     [PID1_HALT] = "halt",   [PID1_POWEROFF] = "poweroff",
        [PID1_REBOOT] = "reboot", [PID1_KEXEC] = "kexec",
    };
    return goals[goal];
}

/* Only "ignored" survives an exec; an ignored SIGCHLD would make the kernel throw exit statuses away (waitid(2)). */
static void reset_ignored(void)
{
    for (int signal = 1; signal < NSIG; signal++) {
        struct sigaction action;
        if (sigaction(signal, NULL, &action) < 0 || action.sa_handler != SIG_IGN) continue;
        action = (struct sigaction){ .sa_handler = SIG_DFL };
        (void)sigaction(signal, &action, NULL); /* cannot fail where the query did not */
    }
}

static void fill_handled(sigset_t *handled)
{
    (void)sigfillset(handled);         /* cannot fail, as the next two */
    (void)sigdelset(handled, SIGPIPE); /* ignored */
    for (size_t i = 0; i < COUNT_OF(faults); i++) (void)sigdelset(handled, faults[i]);
}

void pid1_signals_hold(void)
{
    sigset_t handled;
    fill_handled(&handled);
    (void)sigprocmask(SIG_SETMASK, &handled, NULL); /* fails for bad arguments only */
}

int pid1_signals_open(struct pid1_signals *ret_signals)
{
    struct sigaction ignore = { .sa_handler = SIG_IGN };
    reset_ignored();
    if (sigaction(SIGPIPE, &ignore, NULL) < 0) return -errno;

    sigset_t handled, original;
    fill_handled(&handled);
    if (sigprocmask(SIG_SETMASK, &handled, &original) < 0) return -errno;
    int fd = signalfd(-1, &handled, SFD_NONBLOCK | SFD_CLOEXEC);
    if (fd < 0) {
        int r = -errno;
        (void)sigprocmask(SIG_SETMASK, &original, NULL); /* worked a moment ago */
        return r;
    }
    *ret_signals = (struct pid1_signals){ .fd = fd_own(fd), .original_mask = original };
    return 0;
}

void pid1_signals_close(struct pid1_signals *signals)
{
    if (!fd_is_open(&signals->fd)) return;
    fd_close(&signals->fd);
    (void)sigprocmask(SIG_SETMASK, &signals->original_mask, NULL); /* fails for bad arguments only */
}

int pid1_signals_read(struct pid1_signals *signals, struct pid1_signal *ret_signal)
{
    struct signalfd_siginfo info;
    ssize_t n;
    do n = read(signals->fd.n, &info, sizeof info);
    while (n < 0 && errno == EINTR);
    if (n < 0) return errno == EAGAIN ? 0 : -errno;
    if ((size_t)n != sizeof info) return -EIO;
    *ret_signal = pid1_signal_meaning((int)info.ssi_signo);
    ret_signal->sender_pid = (pid_t)info.ssi_pid;
    ret_signal->sender_uid = (uid_t)info.ssi_uid;
    return 1;
}
