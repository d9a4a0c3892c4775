/* pid1/boot.h - what a process has to put right about itself before it can be PID 1.
 *
 * Source: pid_namespaces(7), prctl(2), getrlimit(2), systemd's own start-up (umask 0, RLIMIT_NOFILE raised). */
#pragma once
#include "base/attr.h"
#include "base/fd.h"
#include <sys/resource.h>
#include <sys/types.h>

struct str;

/* Embedded in the manager. */
struct pid1_boot {
    bool is_init;           /* we are process 1 of our pid namespace */
    bool is_subreaper;      /* we are not, and orphans of our services come to us all the same */
    unsigned closed_stdio;  /* bit n: descriptor n (0..2) was closed when we were started; it is /dev/null now */
    struct rlimit nofile;   /* as inherited: children get it back */
    mode_t inherited_umask; /* ours is 0, as systemd's; children get their UMask=, default 0022 */
    struct fd spare;        /* kept for EMFILE */
};

bool pid1_is_init(void);
/* Does all of it, in this order: stdio, subreaper, umask, RLIMIT_NOFILE, spare descriptor. What the place refuses is
 * left undone and seen in the fields; -errno only when descriptors 0..2 cannot be filled. */
MUST_CHECK int pid1_boot_init(struct pid1_boot *ret_boot);
void pid1_boot_done(struct pid1_boot *boot);

/* Opens the closed ones of 0..2 to /dev/null, or to an unusable placeholder where there is none, so that no descriptor
 * of ours can ever be taken for standard output. */
MUST_CHECK int pid1_boot_stdio(unsigned *ret_closed);
/* For EMFILE: gives the spare descriptor up so that one can be opened (a connection accepted and closed), and takes it
 * again. */
void pid1_boot_spare_release(struct pid1_boot *boot);
void pid1_boot_spare_refill(struct pid1_boot *boot);
/* A vfork-like child that changed its ids clears the dumpable flag of the memory it shared with us; without it
 * /proc/self belongs to root of the host and core dumps stop. */
MUST_CHECK int pid1_set_dumpable(bool dumpable);

/* Gives up the controlling terminal, which a runtime may have given us, and with it what ^C sends: nothing happens
 * without one. A HUP and a CONT of that are not passed on. */
void pid1_release_terminal(void);

/* In a virtual machine nobody has mounted anything. True only for PID 1 with no container marker (`container` in the
 * environment, /run/.containerenv, /.dockerenv, /run/systemd/container) and without a mounted proc below `root_dir`. */
bool pid1_boot_needs_mounts(const char *root_dir);
/* Mounts /proc, /sys, /dev, /dev/pts, /dev/shm, /run and /sys/fs/cgroup below `root_dir` ("" for the real root), each
 * only where nothing of that type is mounted. Returns how many were mounted; failures are appended to `ret_report` (one
 * line each, may be NULL) and do not stop the rest. */
int pid1_boot_mount(const char *root_dir, struct str *ret_report);
