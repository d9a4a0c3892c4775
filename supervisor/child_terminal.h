/* supervisor/child_terminal.h - StandardInput=tty: a terminal made ready and taken as the controlling one.
 *
 * Raw system calls only, as child.c: runs between clone and exec, and after a unit's end in a file helper.
 * Source: systemd.exec(5) StandardInput=tty, TTYPath=, TTYReset=, TTYVHangup=, TTYRows=; ioctl_tty(2), termios(3). */
#pragma once
#include "base/attr.h"

enum child_terminal_mode {
    TERMINAL_WAIT,  /* until whoever controls it lets it go */
    TERMINAL_FORCE, /* take it away */
    TERMINAL_FAIL,
};
struct child_terminal {
    const char *path; /* NULL: PID 1's standard input */
    uint8_t mode;
    bool reset, hang_up;
    uint32_t rows, columns; /* UINT32_MAX: as they are */
    uint64_t own[3];        /* the devices of PID 1's standard streams, which must not be hung up; 0: none */
};
/* Hangs up who has it open, resets it, sets its size, as far as asked for and permitted. 0 or -errno: it cannot be
 * opened. */
int child_terminal_prepare(const struct child_terminal *terminal);
/* The session of the caller gets it as its controlling terminal, its process group the foreground. 0 or -errno. */
int child_terminal_take(const struct child_terminal *terminal, int fd);
