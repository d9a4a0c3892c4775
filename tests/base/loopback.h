/* tests/base/loopback.h - a network of the test's own. Source: netdevice(7), network_namespaces(7), ipc_namespaces(7).
 */
#pragma once
#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <stdbool.h>
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

/* In namespaces of its own the ports, abstract names and message queues of a test are nobody else's, whatever runs
 * beside it, and the kernel's lists name its connections only. False: this place does not allow it, and they are
 * shared. */
static inline bool own_network(void)
{
    const int both = CLONE_NEWNET | CLONE_NEWIPC;
    if (unshare(both) < 0 && (geteuid() == 0 || unshare(CLONE_NEWUSER | both) < 0)) return false; /* root stays root */
    return loopback_up() == 0;
}
