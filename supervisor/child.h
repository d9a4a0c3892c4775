/* supervisor/child.h - the process between clone and exec: it walks a prepared plan with raw system calls.
 *
 * All memory it reads, and the little it writes (the fields marked so), belongs to the plan, which the parent keeps and
 * does not look at until the status pipe is at its end. What fails is reported there as {stage, errno} before the exit.
 * Order: leaf, session, signals, directories, umask, streams, descriptors, limits, nice, oom, groups, gid, uid,
 * directory, exec. Source: systemd.exec(5); STYLE.md section 9. */
#pragma once
#include "base/attr.h"
#include "supervisor/exec_plan.h"

struct child_terminal;
struct child_limit {
    unsigned resource;
    uint64_t soft, hard;
};
/* One of RuntimeDirectory= and the like. */
struct child_directory {
    const char *below, *path; /* "/run", "app/cache" */
    unsigned mode, uid, gid;
    bool set_owner;
    uint8_t stage;
};
/* Descriptor 0, 1 or 2. */
struct child_stream {
    const char *path; /* opened by the child with `flags`; NULL: fds[] holds a descriptor of ours */
    bool null;        /* /dev/null, unless fds[] holds it; where there is none, a pipe without another end */
    int flags;
    int same_as; /* -1, or a lower stream whose descriptor is used */
    bool controlling_terminal;
};
/* What the child says on the status pipe when a step failed. With `is_note` it goes on: stage CGROUP: it could not
 * enter its leaf; stage FDS: it has a descriptor table of its own. */
struct child_report {
    uint8_t stage, is_note;
    bool interpreter_missing; /* the program is there, what it needs to run is not */
    int error;                /* errno */
    uint32_t index;           /* which limit, directory, program or environment file; its line in `detail` */
    uint32_t detail;
};
#define CHILD_SCRATCH_SIZE 2048

struct child_plan { /* NOLINT(clang-analyzer-optin.performance.Padding): in the order in which it is read */
    /* Not 0: the descriptor table is shared with PID 1, and the child takes its own copy of it up to pad_end, of which
     * it keeps 0-2 and its pad. */
    int pad_begin, pad_end;
    int others_begin, others_end; /* without a pad of its own: the pads of others, to be closed; 0: none */
    uint32_t has_own_table;       /* written, and read by the parent: the pad may be given to others */
    int status_fd;                /* written: the child moves it out of the way */
    int leaf_procs_fd;            /* written: -1, or the cgroup.procs to enter */
    int *fds; /* written: sources of 0, 1, 2, 3...; -1 where a stream has a path, or none is there */
    uint32_t n_fds;
    struct child_stream streams[3];
    const struct child_terminal *terminal; /* NULL: no stream is one */
    bool close_range_missing, keeps_ignored_sigpipe;
    uint64_t reset_signals; /* bit n-1: signal n is set to its default */
    unsigned umask;
    const struct child_directory *directories;
    uint32_t n_directories;
    void *scratch; /* written: CHILD_SCRATCH_SIZE bytes, NULL without directories */
    const struct child_limit *limits;
    uint32_t n_limits;
    bool nice_set, set_groups, set_gid, set_uid;
    int nice;
    const char *oom_score_adjust; /* text for /proc/self/oom_score_adj, or NULL */
    uint32_t oom_score_adjust_length;
    const unsigned *groups;
    uint32_t n_groups;
    unsigned uid, gid;
    const char *directory; /* NULL: none could be worked out, and it is optional */
    bool directory_optional;
    int program_fd;              /* executed first, where it can be; above every target of fds; 0: none */
    const char *const *programs; /* tried in order; NULL-terminated */
    char *const *argv;
    char **envp; /* written: LISTEN_PIDFDID= goes where the kernel has no such number */
    /* Written: the blanks after "LISTEN_PID=" and "WATCHDOG_PID=", DECIMAL_MAX(int) bytes, and after "LISTEN_PIDFDID=",
     * DECIMAL_MAX(uint64_t) bytes; NULL without. */
    char *listen_pid, *listen_pidfdid, *watchdog_pid;
    const uint8_t *exit_codes; /* by stage */
};
/* The two ends of child_run(), for a child that must do something in between. Leaves PID 1's descriptors alone from
 * here on, and enters the leaf; once. */
void child_enter(struct child_plan *plan);
/* Reports and leaves. */
_Noreturn void child_fail(const struct child_plan *plan, const struct child_report *report);
/* Fits clone_entry; `plan` is a struct child_plan. Never returns. */
_Noreturn void child_run(void *plan);
