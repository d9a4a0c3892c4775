/* supervisor/notify_message.h - one message of sd_notify(3), as values.
 *
 * Lines of NAME=VALUE. What is not known is not looked at; of a name that occurs twice the first one counts; a value
 * that cannot be used leaves its field unset and its name in `bad`. Pure: no descriptors, no clock.
 * Source: sd_notify(3). */
#pragma once
#include "base/attr.h"
#include <sys/types.h>

/* The longest message that is read; systemd reads as much. */
#define NOTIFY_TEXT_MAX 4096

enum notify_flag {
    NOTIFY_READY = 1U << 0,
    NOTIFY_RELOADING = 1U << 1,
    NOTIFY_STOPPING = 1U << 2,
    NOTIFY_WATCHDOG = 1U << 3,         /* WATCHDOG=1 */
    NOTIFY_WATCHDOG_TRIGGER = 1U << 4, /* WATCHDOG=trigger */
    NOTIFY_FDSTORE = 1U << 5,
    NOTIFY_FDSTOREREMOVE = 1U << 6,
    NOTIFY_FDPOLL_OFF = 1U << 7, /* FDPOLL=0 */
    NOTIFY_BARRIER = 1U << 8,
    NOTIFY_MAINPIDFD = 1U << 9, /* MAINPIDFD=1: the descriptor that came with it */
    NOTIFY_RESTART_RESET = 1U << 10,
};

/* Texts lie in the buffer that was parsed. */
struct notify_message {
    unsigned flags;                                                 /* enum notify_flag */
    const char *status, *bus_error, *varlink_error, *fd_name, *bad; /* NULL: not given */
    pid_t main_pid;                                                 /* 0: not given */
    uint64_t main_pidfd_id;                                         /* inode of the new main process's pidfd; 0 */
    int32_t error, exit_status;                                     /* -1: not given */
    int notify_access;                                              /* words_notify_access; -1: not given */
    usec_t watchdog, extend_timeout, monotonic;                     /* USEC_INFINITY: not given */
};

/* `text` has room for one byte behind `size` and is cut into lines. -EBADMSG: a NUL within (one at the end is none), or
 * nothing but that. */
MUST_CHECK int notify_message_parse(char *text, size_t size, struct notify_message *ret);
/* May a descriptor in the store bear this name? At most 255 printable ASCII characters without ":". */
bool notify_fd_name_is_valid(const char *name);
