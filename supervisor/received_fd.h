/* supervisor/received_fd.h - descriptors that other processes sent us, and what may be done to them without waiting.
 *
 * close(2) and poll(2) reach the file system or driver behind a descriptor: a file of a dead network server or of a
 * FUSE daemon that does not answer would hold PID 1. What it is tells /proc, which touches neither. What is not known
 * to be harmless is closed by a short-lived copy of PID 1 that shares its descriptors. Source: ARCHITECTURE.md "One
 * loop, never blocking"; clone(2) CLONE_FILES, proc(5) /proc/[pid]/fd; K72. */
#pragma once
#include "base/attr.h"
#include "base/fd.h"

enum received_kind {
    RECEIVED_PLAIN,   /* socket, pipe, eventfd, memfd..., file of the root file system or of a tmpfs */
    RECEIVED_DEVICE,  /* device node of such a file system, lingering socket: may be polled, but close() may wait */
    RECEIVED_FOREIGN, /* anything else, and everything where there is no /proc */
};
enum received_kind received_fd_kind(int fd);
/* Closes them all, and empties them. The numbers of those that are not plain may stay taken for a while. */
void received_fds_close(struct fd *fds, size_t count);
/* Both numbers stand for one open file description. false also where the kernel does not tell. */
bool received_fd_is_same(int a, int b);
/* The process a pidfd stands for, in our pid namespace; -EINVAL: it is no pidfd; -ESRCH: its process is gone or not of
 * our pid namespace. */
MUST_CHECK int received_pidfd_process(int fd, int *ret_pid);
