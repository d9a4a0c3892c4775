/* supervisor/notify.h - the socket services notify us on, and who sent what arrives there.
 *
 * Opened when the first process is started that is told of it: /run/container-init/notify, or an abstract name where
 * that cannot be made. A node that is there already is not ours (a container runtime may have mounted it): it is
 * neither removed nor used, unless it is a socket of our own user that nobody listens on any more. Messages are drained
 * before exits are collected, so that what a process said just before its end counts; a bound per round keeps one that
 * floods us from starving others. All descriptors that come with a message are closed after it, but those in a store.
 *
 * The sender is who the kernel says it is. Its unit is found by the processes we started, by the mark that all
 * processes of a run carry, by its cgroup, and, where the kernel hands out pidfds, also when it has ended; otherwise
 * the message of a process that has been reaped is ignored, for nobody knows whose it was. What is ignored is reported
 * once of each kind. Source: sd_notify(3), systemd.exec(5) $NOTIFY_SOCKET, unix(7) SCM_CREDENTIALS; K75, K76. */
#pragma once
#include "base/attr.h"
#include <sys/types.h>

struct manager;
struct notify;
struct procs;
struct service;

/* What $NOTIFY_SOCKET is for services; borrowed. NULL: there is none, which was logged once. */
const char *notify_address(struct manager *manager);
void notify_free(struct notify *notify); /* NULL is fine; the node goes with it */
/* Reads what has arrived, within the bound of a round: called when an exit was collected and before it is told, for
 * what the process said before it is there by now. */
void notify_drain(struct manager *manager);

struct notify_sender {
    pid_t pid; /* in our pid namespace; 0: of another one */
    uid_t uid;
    int pidfd; /* borrowed; -1: the kernel does not hand them out */
};

/* ---- supervisor/notify_sender.c ---- */
/* 0 with the service, or NULL: it belongs to none. -ESRCH: it has ended, and whose it was is not known. */
MUST_CHECK int notify_sender_service(struct manager *manager, const struct notify_sender *sender, struct service **ret);
