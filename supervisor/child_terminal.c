#include "supervisor/child_terminal.h"

#include <asm/ioctls.h>
#include <asm/termbits.h>
#include <fcntl.h>
#include <sys/inotify.h>
#include <errno.h>

#include "supervisor/sys.h"

struct terminal_size { /* struct winsize of the kernel, whose header redefines what asm/termbits.h defines */
    uint16_t rows, columns, unused[2];
};

static bool is_own(const struct child_terminal *t, int fd)
{
    struct statx st;
    if (sys_statx(fd, "", 0x1000 /* AT_EMPTY_PATH */, STATX_TYPE, &st) < 0) return true;
    uint64_t device = (uint64_t)st.stx_rdev_major << 32 | st.stx_rdev_minor;
    return device == t->own[0] || device == t->own[1] || device == t->own[2];
}

/* What agetty(8) and systemd take for sane. */
static void reset(int fd)
{
    struct termios t = { .c_iflag = 0 };
    (void)sys_ioctl(fd, TIOCNXCL, 0); /* as the rest: what a device does not know it does not have */
    if (sys_ioctl(fd, TCGETS, (long)&t) < 0) return;
    t.c_iflag &= ~(tcflag_t)(IGNBRK | BRKINT | ISTRIP | INLCR | IGNCR | IUCLC);
    t.c_iflag |= ICRNL | IMAXBEL | IUTF8;
    t.c_oflag |= ONLCR | OPOST;
    t.c_cflag |= CREAD;
    t.c_lflag = ISIG | ICANON | IEXTEN | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE;
    t.c_cc[VINTR] = 03;
    t.c_cc[VQUIT] = 034;
    t.c_cc[VERASE] = 0177;
    t.c_cc[VKILL] = 025;
    t.c_cc[VEOF] = 04;
    t.c_cc[VSTART] = 021;
    t.c_cc[VSTOP] = 023;
    t.c_cc[VSUSP] = 032;
    t.c_cc[VLNEXT] = 026;
    t.c_cc[VWERASE] = 027;
    t.c_cc[VREPRINT] = 022;
    t.c_cc[VEOL] = 0;
    t.c_cc[VEOL2] = 0;
    t.c_cc[VTIME] = 0;
    t.c_cc[VMIN] = 1;
    (void)sys_ioctl(fd, TCSETS, (long)&t);
    (void)sys_ioctl(fd, TCFLSH, TCIOFLUSH);
}

static void set_size(const struct child_terminal *t, int fd)
{
    struct terminal_size size;
    if (t->rows == UINT32_MAX && t->columns == UINT32_MAX) return;
    if (sys_ioctl(fd, TIOCGWINSZ, (long)&size) < 0) return;
    if (t->rows != UINT32_MAX) size.rows = (uint16_t)t->rows;
    if (t->columns != UINT32_MAX) size.columns = (uint16_t)t->columns;
    (void)sys_ioctl(fd, TIOCSWINSZ, (long)&size);
}

int child_terminal_prepare(const struct child_terminal *t)
{
    const int flags = O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC; /* a serial line may have no carrier */
    int fd = t->path ? sys_openat(AT_FDCWD, t->path, flags, 0) : 0;
    if (fd < 0) return fd;
    if (t->hang_up && t->path && !is_own(t, fd)) {
        (void)sys_ioctl(fd, TIOCVHANGUP, 0); /* EPERM without CAP_SYS_ADMIN */
        (void)sys_close(fd);
        fd = sys_openat(AT_FDCWD, t->path, flags, 0);
        if (fd < 0) return fd;
    }
    if (t->reset) reset(fd);
    set_size(t, fd);
    if (t->path) (void)sys_close(fd); /* nothing was written */
    return 0;
}

int child_terminal_take(const struct child_terminal *t, int fd)
{
    int watch = -1;
    for (;;) {
        int r = sys_ioctl(fd, TIOCSCTTY, 0);
        if (r == -EPERM && t->mode == TERMINAL_FORCE) r = sys_ioctl(fd, TIOCSCTTY, 1);
        if (r != -EPERM || t->mode != TERMINAL_WAIT || !t->path) {
            if (watch >= 0) (void)sys_close(watch); /* close-on-exec besides */
            return r == -EPERM ? r : 0;             /* what is no terminal cannot be controlled: no ^C then */
        }
        /* Whoever has it may have closed it before we watch: looked at once more then. */
        char events[512];
        if (watch >= 0) {
            long n = sys_read(watch, events, sizeof events);
            if (n < 0) return (int)n;
            continue;
        }
        watch = sys_inotify(t->path, IN_CLOSE);
        if (watch < 0) return watch;
    }
}
