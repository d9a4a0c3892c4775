/* supervisor/exec_plan.h - everything a child needs between clone and exec, prepared by the parent.
 *
 * A plan is complete: resolved program path, argv, envp (with a blank LISTEN_PID= slot), ids, descriptors, limits,
 * paths. The child only walks it with raw system calls. It lives until the status pipe reports end of file, because a
 * child that shares PID 1's memory reads it until then. Source: systemd.exec(5); ARCHITECTURE.md "Processes". */
#pragma once
#include "base/attr.h"
#include "base/str.h"
#include "unit/settings.h"
#include <sys/types.h>

struct slot_pool;
struct unit;
struct userdb;

/* Stages of a start, in order, with the exit code that a failure in them has (systemd.exec(5)). */
/* clang-format off */
#define EXEC_STAGES(X) /* enumerator, exit code, words for the log */ \
    X(NONE, 0, "")                                 X(CGROUP, 219, "joining its cgroup")       \
    X(FDS, 202, "placing file descriptors")        X(STDIN, 208, "opening standard input")    \
    X(STDOUT, 209, "opening standard output")      X(STDERR, 222, "opening standard error")   \
    X(SIGNALS, 207, "resetting signals")           X(SETSID, 220, "creating its session")     \
    X(LIMITS, 205, "setting resource limits")      X(NICE, 201, "setting the nice level")     \
    X(OOM_ADJUST, 206, "setting OOMScoreAdjust=")  X(RUNTIME_DIRECTORY, 233, "making RuntimeDirectory=") \
    X(STATE_DIRECTORY, 238, "making StateDirectory=") X(CACHE_DIRECTORY, 239, "making CacheDirectory=") \
    X(LOGS_DIRECTORY, 240, "making LogsDirectory=") X(CONFIGURATION_DIRECTORY, 241, "making ConfigurationDirectory=") \
    X(ENVIRONMENT, 203, "reading EnvironmentFile=") X(GROUP, 216, "changing the group")       \
    X(USER, 217, "changing the user")              X(CHDIR, 200, "changing directory")        \
    X(MEMORY, 204, "allocating memory")            X(CLONE, 1, "creating the process")        \
    X(EXEC, 203, "executing the program")
/* clang-format on */
enum exec_stage {
#define X(enumerator, code, words) EXEC_STAGE_##enumerator,
    EXEC_STAGES(X)
#undef X
        EXEC_STAGE_COUNT
};
int exec_stage_exit_code(enum exec_stage stage);
const char *exec_stage_words(enum exec_stage stage);

/* What went wrong before exec: which stage, -errno's positive number, and what it was about (a path, a user name). */
struct exec_failure {
    enum exec_stage stage;
    int error;
    int leaf_error;    /* spawn_done_fn: errno with which the child could not enter its leaf; 0: it did */
    char subject[200]; /* "" when the stage says it all; escaped, cut */
};
/* "changing directory /srv/app: No such file or directory", into the buffer; returns it. */
const char *exec_failure_text(const struct exec_failure *failure, char *buffer, size_t size);

/* Borrowed until exec_plan_new() returns, but `environ` until the child has exec'ed: it must not change. */
struct exec_request {
    const struct unit *unit;
    const struct command *command;
    const char *home_directory_of_pid1; /* for "~" without User=; may be NULL */
    char *const *environ;               /* PID 1's own */
    const struct strlist *variables;    /* MAINPID=, SERVICE_RESULT=, INVOCATION_ID=...: win over Environment= */
    struct userdb *userdb;
    const int *listen_fds; /* borrowed; become 3, 4, ... */
    const char *const *listen_names;
    size_t n_listen_fds;
    int stream_fds[3];        /* borrowed: of the streams that are STD_SOCKET or STD_FD; 0: there is none */
    usec_t watchdog_usec;     /* $WATCHDOG_USEC, with $WATCHDOG_PID; 0: none */
    int notify_fd;            /* borrowed; becomes notify_target, which lies behind the listen_fds */
    uint32_t notify_target;   /* 0: there is none */
    int stdout_fd, stderr_fd; /* borrowed write ends of the log, -1 when the unit's setting needs none */
    bool is_probe;            /* its output goes to those two, or nowhere; its input is the next, or nothing */
    int stdin_fd;             /* of a probe; borrowed, 0: none */
    int program_fd;           /* borrowed, 0: none: executed, wherever its path leads to by then */
    uint64_t mark;            /* RLIMIT_LOCKS value that marks the unit's processes; 0: none */
    uint64_t inherited_nofile_soft;
    bool is_root;
    bool is_patient;         /* nobody waits for the news that it runs: told a moment later, and no wake-up for it */
    bool make_directories;   /* RuntimeDirectory= and the like: before the first command of a start */
    bool no_share_memory;    /* a memory limit is set somewhere in the slice path: an OOM kill must not reach PID 1 */
    struct slot_pool *slots; /* spawner_slots(); NULL: the plan is malloc'ed */
    uid_t own_uid;
    gid_t own_gid;
};

struct exec_plan;
/* 0 with a complete plan the caller owns, or -errno with *ret_failure filled in (unknown user,
 * identity that we may not take (K67), unreadable environment file...). Directories are made, files opened and programs
 * looked up by the child, whose failures arrive through spawn_done_fn. */
MUST_CHECK int exec_plan_new(const struct exec_request *request, struct exec_plan **ret_plan,
                             struct exec_failure *ret_failure);
void exec_plan_free(struct exec_plan *plan);
DEFINE_AUTO(struct exec_plan, exec_plan_free)
/* For the trace record `spawn`. NULL-terminated. */
const char *const *exec_plan_argv(const struct exec_plan *plan);
size_t exec_plan_argc(const struct exec_plan *plan);
/* Variables used in the command line that nothing defines: for one log line; may be empty. */
const struct strlist *exec_plan_unset_variables(const struct exec_plan *plan);
/* "LimitNOFILE" of each limit that PID 1 may not set as written, and that becomes its own hard limit instead. */
const struct strlist *exec_plan_lowered_limits(const struct exec_plan *plan);
