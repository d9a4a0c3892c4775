/* supervisor/payload.h - being a good payload of a container manager: what it is told, and what it may ask for.
 *
 * It is told on the NOTIFY_SOCKET= that PID 1 was started with (services never see it): READY=1 when the boot is
 * complete, STATUS=, STOPPING=1 with X_SYSTEMD_SHUTDOWN=, EXIT_STATUS=. Sending never waits: what the socket does not
 * take now is sent when it does, and what it has not taken at the end is lost. It asks by signals (pid1/signals.h).
 * Source: sd_notify(3); systemd(1) "SIGNALS"; https://systemd.io/CONTAINER_INTERFACE. */
#pragma once
#include "base/attr.h"
#include "base/fd.h"
#include "base/loop.h"
#include "base/str.h"
#include "pid1/signals.h"

struct file_request;
struct manager;

/* Embedded in the manager, zeroed with `socket` empty. */
struct payload {
    struct fd socket;
    loop_io io;
    struct file_request *dialing; /* the socket's path may not answer */
    const char *address;          /* borrowed from the environment; NULL: nobody listens */
    struct str pending;           /* what was not sent yet */
    bool told_lost;
    bool configured;   /* `log_level` holds what was asked for at the start */
    uint8_t log_level; /* enum log_level */
};

/* Opens the socket, passes $container and $container_uuid on where files are looked for (/run/systemd/container,
 * /etc/machine-id). What cannot be done is logged. */
void payload_open(struct manager *manager);
void payload_close(struct manager *manager);
/* The boot is complete; the text becomes the status. */
void payload_ready(struct manager *manager, const char *status);
void payload_stopping(struct manager *manager, const char *status);
/* The last word. */
void payload_exiting(struct manager *manager, int exit_code);
/* All but PID1_CHILDREN. */
void payload_signal(struct manager *manager, const struct pid1_signal *signal);
