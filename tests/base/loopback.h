/* tests/base/loopback.h - the loopback interface of a network namespace that is new. Source: netdevice(7). */
#pragma once
#include <errno.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* Up, so that 127.0.0.1 and ::1 answer. 0 or -errno. */
static inline int loopback_up(void)
{
    struct ifreq request = { .ifr_name = "lo" };
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    request.ifr_flags = IFF_UP | IFF_RUNNING;
    int r = ioctl(fd, SIOCSIFFLAGS, &request) < 0 ? -errno : 0;
    close(fd);
    return r;
}
