/* pid1/signals.h - every signal PID 1 handles arrives through one signalfd and is named by what it asks for.
 *
 * The table PID1_SIGNALS says which; what is not in it is blocked, read and without effect (QUIT ALRM CONT TSTP TTIN
 * TTOU URG XCPU XFSZ VTALRM PROF IO STKFLT and the other real-time signals). PIPE is ignored; SEGV BUS FPE ILL TRAP
 * SYS ABRT keep their default. No handler is ever installed.
 * Differs: TERM and INT are an ordered stop, which is what container runtimes mean by them; for systemd they are a
 * re-execution and ctrl-alt-del.target. Source: signalfd(2), signal(7), pid_namespaces(7); systemd(1) "SIGNALS";
 * https://systemd.io/CONTAINER_INTERFACE. */
#pragma once
#include "base/attr.h"
#include "base/fd.h"
#include <signal.h>
#include <sys/types.h>

enum pid1_intent {
    PID1_NONE,
    PID1_CHILDREN, /* collect exits (pid1/reaper.h) */
    PID1_SHUTDOWN, /* ordered stop, then the goal */
    PID1_LEAVE,    /* the goal, at once: nothing is stopped in order */
    PID1_RELOAD,   /* asks for a reload; never ends the program */
    PID1_START,    /* start the unit */
    PID1_ISOLATE,  /* start the unit, and stop what is not part of it */
    PID1_BUS,      /* connect to the system bus again */
    PID1_DUMP,     /* write the state to the log */
    PID1_STATUS,   /* tell starts and stops of units (flag set), or warnings and errors only */
    PID1_DEBUG,    /* log everything (flag set), or what was asked for at the start */
    PID1_OTHER,
    PID1_INTENT_COUNT
};
/* What is to become of the machine, or of the container. */
enum pid1_goal { PID1_EXIT, PID1_HALT, PID1_POWEROFF, PID1_REBOOT, PID1_KEXEC, PID1_GOAL_COUNT };

/* clang-format off */
#define PID1_SIGNALS(X) /* signal, or SIGRTMIN+N as RT + N; intent; goal; flag; unit */ \
    X(SIGCHLD,  CHILDREN, EXIT,     false, NULL)               X(SIGTERM, SHUTDOWN, EXIT,     false, NULL) \
    X(SIGINT,   SHUTDOWN, EXIT,     false, NULL)               X(SIGHUP,  RELOAD,   EXIT,     false, NULL) \
    X(SIGUSR1,  BUS,      EXIT,     false, NULL)               X(SIGUSR2, DUMP,     EXIT,     false, NULL) \
    X(SIGWINCH, START,    EXIT,     false, "kbrequest.target") X(SIGPWR,  START,    EXIT,     false, "sigpwr.target") \
    X(RT + 0,   ISOLATE,  EXIT,     false, "default.target")   X(RT + 1,  ISOLATE,  EXIT,     false, "rescue.target") \
    X(RT + 2,   ISOLATE,  EXIT,     false, "emergency.target") X(RT + 3,  SHUTDOWN, HALT,     false, NULL) \
    X(RT + 4,   SHUTDOWN, POWEROFF, false, NULL)               X(RT + 5,  SHUTDOWN, REBOOT,   false, NULL) \
    X(RT + 6,   SHUTDOWN, KEXEC,    false, NULL)               X(RT + 7,  SHUTDOWN, REBOOT,   false, NULL) \
    X(RT + 13,  LEAVE,    HALT,     false, NULL)               X(RT + 14, LEAVE,    POWEROFF, false, NULL) \
    X(RT + 15,  LEAVE,    REBOOT,   false, NULL)               X(RT + 16, LEAVE,    KEXEC,    false, NULL) \
    X(RT + 17,  LEAVE,    REBOOT,   false, NULL)               X(RT + 20, STATUS,   EXIT,     true,  NULL) \
    X(RT + 21,  STATUS,   EXIT,     false, NULL)               X(RT + 22, DEBUG,    EXIT,     true,  NULL) \
    X(RT + 23,  DEBUG,    EXIT,     false, NULL)               X(RT + 24, LEAVE,    EXIT,     false, NULL)
/* clang-format on */

struct pid1_signal {
    enum pid1_intent intent;
    int signal;
    enum pid1_goal goal; /* SHUTDOWN, LEAVE */
    bool flag;           /* STATUS, DEBUG */
    const char *unit;    /* START, ISOLATE */
    pid_t sender_pid;    /* 0: the kernel, or a process outside our pid namespace (the container runtime) */
    uid_t sender_uid;
};

/* Embedded in the manager. */
struct pid1_signals {
    struct fd fd;
    sigset_t original_mask; /* what we were started with; children start with an empty mask all the same */
};

/* Blocks what pid1_signals_open() handles, so that a stop signal that comes while units are still being read waits for
 * it: the kernel drops a signal with default disposition that is sent to PID 1 of a namespace. */
void pid1_signals_hold(void);
/* Resets inherited dispositions (an ignored CHLD would lose every exit status), ignores PIPE, blocks the rest and opens
 * the descriptor (non-blocking, close-on-exec). */
MUST_CHECK int pid1_signals_open(struct pid1_signals *ret_signals);
/* Closes and restores the original mask; for tests and for the way out. */
void pid1_signals_close(struct pid1_signals *signals);
/* 1: *ret_signal is the next one; 0: none is pending; -errno. */
MUST_CHECK int pid1_signals_read(struct pid1_signals *signals, struct pid1_signal *ret_signal);
/* All but the sender. */
struct pid1_signal pid1_signal_meaning(int signal);
/* "halt", "poweroff", ...; "exit". */
const char *pid1_goal_word(enum pid1_goal goal);
/* Go's words, which scripts look for in `received SIGNAME, beginning reverse shutdown`: "terminated", "interrupt",
 * "hangup", "user defined signal 1", ...; "signal 37" for those Go has no word for. */
const char *pid1_signal_word(int signal);
