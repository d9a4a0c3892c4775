/* tests/e2e/box.h - a throw-away container made from the machine's own root, for tests and the demo.
 *
 * New pid, mount, net, uts, ipc and cgroup namespaces; the root is an overlay of the machine's `/` with a tmpfs on top,
 * so nothing that happens inside reaches the machine; a cgroup of its own in the machine's v2 tree, mounted as a whole
 * tree inside. What is mounted below the machine's `/` is not in the overlay: the box has a fresh /proc, /sys, /dev,
 * /run and /tmp instead. A watcher process that outlives the starter kills the box and removes its cgroup when the
 * starter goes, however it goes; mounts live in the box's namespace only and die with it.
 *
 * All functions return 0 or a negative errno unless said. Needs root. Linux 5.14 (cgroup.kill).
 * Source: namespaces(7), pivot_root(2), cgroups(7), fsopen(2), Documentation/filesystems/overlayfs.rst. */
#pragma once
#include "base/attr.h"
#include <signal.h>
#include <sys/types.h>

#define BOX_PAIRS_MAX 24
#define BOX_ENV_MAX   32
#define BOX_DENY_MAX  12
#define BOX_WHY_MAX   256

enum box_cgroup {
    BOX_CGROUP_PRIVATE,   /* /sys/fs/cgroup is the box's own tree, writable: a delegated container */
    BOX_CGROUP_READ_ONLY, /* the same, mounted read-only: what Docker gives by default */
    BOX_CGROUP_ABSENT,    /* nothing is mounted at /sys/fs/cgroup */
};

struct box_pair {
    const char *source;      /* path on the machine */
    const char *destination; /* absolute path in the box; parents are made */
};
struct box_deny {
    long number; /* system call */
    int error;   /* what it returns, positive errno */
};

/* How the box is to be. Plain data, start from BOX_SPEC_DEFAULT; strings are borrowed until box_start() returns. */
struct box_spec {
    const char *const *argv;      /* PID 1, looked up in PATH inside; required */
    const char *env[BOX_ENV_MAX]; /* K=V besides PATH, HOME, HOSTNAME and the sanitizers' options; later ones win */
    struct box_pair copies[BOX_PAIRS_MAX]; /* files or whole directories, copied into the overlay */
    struct box_pair binds[BOX_PAIRS_MAX];  /* bind mounts */
    struct box_deny deny[BOX_DENY_MAX];
    size_t n_env, n_copies, n_binds, n_deny;
    const char *setup;  /* shell command run inside, as root, before PID 1 starts; NULL for none */
    const char *shared; /* where a tmpfs that box_shared() also reaches is mounted; NULL for none */
    const char *hostname;
    enum box_cgroup cgroup;
    bool as_user; /* PID 1 runs as uid:gid without capabilities and supplementary groups */
    uid_t uid;
    gid_t gid;
    bool docker_caps; /* bounding and permitted set of a default Docker container */
    bool no_new_privs;
    bool read_only_root;
    bool no_proc, no_sys, no_run, no_tmp, no_shell;
    bool not_pid1;                      /* a small init is PID 1 and the program its child */
    int stdin_fd, stdout_fd, stderr_fd; /* -1: /dev/null for stdin, inherited for the others */
};
#define BOX_SPEC_DEFAULT ((struct box_spec){ .hostname = "box", .stdin_fd = -1, .stdout_fd = -1, .stderr_fd = -1 })

/* -E2BIG when the table is full; box_spec_deny() -EINVAL for a call or errno it does not know (see box_limits.c). */
MUST_CHECK int box_spec_env(struct box_spec *spec, const char *assignment);
MUST_CHECK int box_spec_copy(struct box_spec *spec, const char *source, const char *destination);
MUST_CHECK int box_spec_bind(struct box_spec *spec, const char *source, const char *destination);
MUST_CHECK int box_spec_deny(struct box_spec *spec, const char *syscall_name, const char *errno_name);

struct box;
/* Why this machine refuses boxes to us (not root, namespaces refused...), or NULL when it does not. */
const char *box_refused(void);
/* Returns when the program has been exec'ed. On failure `why` (BOX_WHY_MAX bytes) says which step failed. */
MUST_CHECK int box_start(const struct box_spec *spec, struct box **ret_box, char *why);
/* Kills what is left, waits for it, removes the cgroup, frees. NULL is fine. */
void box_free(struct box *box);
DEFINE_AUTO(struct box, box_free)

pid_t box_pid(const struct box *box);  /* the program, as the machine numbers it */
int box_pidfd(const struct box *box);  /* of the program; borrowed, readable when it has ended */
int box_shared(const struct box *box); /* directory descriptor of the shared tmpfs, valid until box_free(); or -1 */
const char *box_cgroup_name(const struct box *box); /* its directory below the machine's v2 root */
int box_cgroup_fd(const struct box *box);           /* that directory; borrowed */
/* "/proc/PID/root" + path: valid while the program lives. Fills and returns `buffer` (PATH_MAX bytes). */
const char *box_path(const struct box *box, const char *path, char *buffer);

MUST_CHECK int box_signal(const struct box *box, int signal);
/* Waits for the end of the program, at most timeout_ms (-1: for ever). *ret_status: exit status, or 128 + N after
 * signal N. -ETIMEDOUT. Repeatable: a later call returns the same. */
MUST_CHECK int box_wait(struct box *box, int timeout_ms, int *ret_status);

/* Connects from inside and hands the connected socket out. `address`: "tcp:127.0.0.1:80", "tcp:[::1]:80", "unix:/path",
 * "abstract:name", "seqpacket:/path" or "seqpacket:@abstract". The connecting process has the given uid and gid (0 for
 * root) and stays in our pid namespace. */
MUST_CHECK int box_connect(const struct box *box, const char *address, uid_t uid, gid_t gid, int *ret_fd);
/* Runs a program inside all of the box's namespaces and its cgroup, as `docker exec` does. stdout_fd and stderr_fd are
 * lent (-1: inherited). *ret_pid is a child of the caller. */
MUST_CHECK int box_exec(const struct box *box, const char *const *argv, int stdout_fd, int stderr_fd, pid_t *ret_pid);
