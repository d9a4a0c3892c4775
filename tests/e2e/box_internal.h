/* tests/e2e/box_internal.h - what the files of the box share. */
#pragma once
#include "tests/e2e/box.h"

/* The sentence a failed step leaves behind; travels through the status pipe, so it is plain bytes. */
struct box_failure {
    int error; /* positive errno */
    char what[BOX_WHY_MAX - 32];
};
PRINTF(3, 4) int box_fail(struct box_failure *failure, int error, const char *fmt, ...); /* returns -error */

/* Runs in the new namespaces, before exec: builds the root and moves into it. */
int box_root_build(const struct box_spec *spec, int shared_mount, struct box_failure *failure);
/* After the setup command: removes the shells, makes the root read-only, as the spec says. */
int box_root_finish(const struct box_spec *spec, struct box_failure *failure);
/* Identity, capabilities, no_new_privs, seccomp filter: the last step before exec. */
int box_limits_apply(const struct box_spec *spec, struct box_failure *failure);

/* A detached mount of a file system type, as a descriptor; nothing shows up in any mount namespace. */
int box_detached_mount(const char *type, const char *const *options, int *ret_fd);
/* Kills every process in the cgroup and removes the tree. */
void box_cgroup_remove(int parent_fd, const char *name);

struct box {
    pid_t pid;       /* the program; with not_pid1 a grandchild */
    pid_t child;     /* our child: PID 1 of the box */
    int pidfd;       /* of the program */
    int child_pidfd; /* of `child`; the same descriptor unless not_pid1 */
    int lifeline;    /* closing it tells the watcher to clean up; it closes its end when done */
    int cgroup_root; /* detached mount of the machine's v2 tree */
    int cgroup_fd;
    int shared;
    bool ended;
    int status;
    char cgroup_name[64];
};
