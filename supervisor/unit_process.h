/* supervisor/unit_process.h - one command of a unit as a process: from its settings to its exit.
 *
 * Services, their probes and the commands of sockets start their processes here; what an exit means is theirs.
 * Source: systemd.exec(5). */
#pragma once
#include "base/fd.h"
#include "base/loop.h"
#include "pid1/reaper.h"
#include "supervisor/exec_plan.h"
#include "supervisor/spawn.h"

struct manager;
struct procs;
struct runtime;
struct unit;

struct process {
    pid_t pid;   /* 0: none */
    bool exited; /* its exit was collected and is still to be judged */
    struct fd pidfd;
    loop_io io;          /* on the pidfd, for a main process that may be another one's child */
    struct spawn *spawn; /* until exec is proved or has failed */
    usec_t since;
    const struct command *command;
};
static inline bool process_is_there(const struct process *process)
{
    return process->pid > 0 || process->exited;
}

/* What every command of the unit is started with; no stream of it goes to the log yet. All is borrowed. */
struct exec_request process_request(const struct runtime *rt, const struct procs *procs, const struct command *command,
                                    const struct strlist *variables);
/* Opens the streams that the unit's settings send to the log, and names them in the request; the caller owns them, and
 * closes them once the process was started. */
MUST_CHECK int process_open_streams(const struct runtime *rt, struct exec_request *request, struct fd *ret_stdout,
                                    struct fd *ret_stderr, struct exec_failure *ret_failure);
/* The name in front of a unit's lines, without a NUL; it is the unit's own pointer. */
const char *unit_log_label(const struct unit *unit, size_t *ret_length);

struct process_start {
    struct runtime *rt;
    struct procs *procs; /* of the run that it joins */
    const struct exec_request *request;
    const char *directive;        /* "ExecStart"; NULL: nothing is said of variables that are not set, or of limits */
    spawn_done_fn *on_spawned;    /* takes process->spawn away first */
    child_exit_fn *on_exit;       /* calls process_release() at last */
    void *userdata;               /* of both */
    const struct exec_plan *plan; /* set: what came of the request, alive until on_spawned */
};
/* 0, and the process is in its leaf, registered with the reaper; or -errno with *ret_failure filled in, and there is
 * none. */
MUST_CHECK int process_start(struct process_start *start, struct process *process, struct exec_failure *ret_failure);
/* Signals through the pidfd. */
int process_signal(const struct process *process, int signal);
/* Forgets a process: descriptor, registration, report. */
void process_release(struct manager *manager, struct process *process);
/* Signals what KillMode= says: every process of the run, or those that are known (`n_known`); `finally`: the rest of
 * "mixed" as well. SIGCONT follows where the signal can be handled, and SIGHUP where asked (systemd.kill(5)). */
void process_signal_run(const struct runtime *rt, struct procs *procs, const struct process *const *known,
                        size_t n_known, int signal, bool also_sighup, bool finally);
/* INVOCATION_ID of a run that begins; `salt` differs between runs. */
void process_fill_invocation_id(const struct runtime *rt, uint64_t salt, char ret_id[33]);
