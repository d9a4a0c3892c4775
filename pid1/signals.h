/* pid1/signals.h - every signal PID 1 handles arrives through one signalfd and is named by what it asks for.
 *
 *     signal              intent
 *     CHLD                PID1_CHILDREN      collect exits (pid1/reaper.h)
 *     TERM INT RTMIN+3    PID1_SHUTDOWN      ordered stop
 *     HUP                 PID1_RELOAD        asks for a reload; never ends the program
 *     all others          PID1_OTHER         blocked, read and without effect: QUIT USR1 USR2 ALRM CONT TSTP TTIN TTOU
 * URG XCPU XFSZ VTALRM PROF WINCH IO PWR STKFLT and the other real-time signals PIPE is ignored; SEGV BUS FPE ILL TRAP
 * SYS ABRT keep their default. No handler is ever installed. Source: signalfd(2), signal(7), pid_namespaces(7). */
#pragma once
#include "base/attr.h"
#include "base/fd.h"
#include <signal.h>
#include <sys/types.h>

enum pid1_intent { PID1_NONE, PID1_CHILDREN, PID1_SHUTDOWN, PID1_RELOAD, PID1_OTHER, PID1_INTENT_COUNT };

struct pid1_signal {
    enum pid1_intent intent;
    int signal;
    pid_t sender_pid; /* 0: the kernel, or a process outside our pid namespace (the container runtime) */
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
enum pid1_intent pid1_signal_intent(int signal);
/* Go's words, which scripts look for in `received SIGNAME, beginning reverse shutdown`: "terminated", "interrupt",
 * "hangup", "user defined signal 1", ...; "signal 37" for those Go has no word for. */
const char *pid1_signal_word(int signal);
