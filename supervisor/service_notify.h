/* supervisor/service_notify.h - what a service tells us by sd_notify(3) and NotifyFD=, and what comes of it.
 *
 * The facts are kept apart from struct service, in a part that exists once a service has something to tell.
 * Source: sd_notify(3); systemd.service(5) NotifyAccess=, WatchdogSec=, FileDescriptorStoreMax=; systemd.exec(5)
 * $NOTIFY_SOCKET, $WATCHDOG_USEC, $FDSTORE; K74-K76. */
#pragma once
#include "base/attr.h"
#include "base/fd.h"
#include "supervisor/service_states.h"
#include "unit/settings.h"

struct exec_request;
struct notify_message;
struct notify_sender;
struct passed_fds;
struct service;
struct strlist;

/* What it said in this run; NULL, -1: nothing. */
const char *service_status_text(const struct service *s);
int service_status_errno(const struct service *s);
/* Of the descriptor store. */
size_t service_stored_fds(const struct service *s);

/* A message of one of its processes, or of none that it takes messages from. Takes what it stores of `fds`. */
void service_notify_message(struct service *s, const struct notify_sender *sender, const struct notify_message *message,
                            struct fd *fds, size_t n_fds);

/* ---- for supervisor/service*.c ---- */
/* A run begins: what the last one said is forgotten. */
void service_notify_begin(struct service *s);
/* Called after each change of state: arms and stops the watchdog, empties the descriptor store. */
void service_notify_state_changed(struct service *s, enum service_state from);
/* Before a process is started: variables, the stored descriptors behind the sockets', and the notification descriptor
 * (write end in *ret_ready, closed by the caller). 0 or -errno. */
MUST_CHECK int service_notify_prepare(struct service *s, enum service_command slot, bool is_main,
                                      struct strlist *variables, struct passed_fds *passed,
                                      struct exec_request *request, struct fd *ret_ready);
/* The exit of one of its processes was collected, and is not told yet: what it said before is heard first. */
void service_notify_before_exit(struct service *s);
void service_notify_done(struct service *s);
/* Which processes it takes messages from, NOTIFYACCESS= included. */
enum notify_access service_notify_access(const struct service *s);
