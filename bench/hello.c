/* bench/hello.c - the service of the cold starts: answers one connection with one byte, and ends with it.
 *
 *   hello                   the listener is descriptor 3
 *   hello PORT [notify]     it listens on 127.0.0.1:PORT itself, and then may send READY=1 to $NOTIFY_SOCKET
 *
 * No libc, as bench/tick.c: what is measured is the way to its first instruction and back. */
#include "supervisor/sys.h"

#include <linux/un.h>
#include <netinet/in.h>
#include <sys/socket.h>

#if defined __x86_64__
__asm__(".globl _start\n_start:\n\tmov %rsp, %rdi\n\tand $-16, %rsp\n\tcall hello_main\n\thlt\n");
#else
__asm__(".globl _start\n_start:\n\tmov x0, sp\n\tbl hello_main\n\tbrk #1\n");
#endif

static int listen_on(const char *port)
{
    unsigned number = 0;
    int one = 1;
    for (; *port; port++) number = number * 10 + (unsigned)(*port - '0');
    struct sockaddr_in a = { .sin_family = AF_INET,
                             .sin_port = (uint16_t)(number << 8 | number >> 8),
                             .sin_addr = { __builtin_bswap32(INADDR_LOOPBACK) } };
    int fd = (int)sys_call(SYS_socket, AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0, 0, 0);
    (void)sys_call(SYS_setsockopt, fd, SOL_SOCKET, SO_REUSEADDR, (long)&one, sizeof one);
    if (fd < 0 || sys_call(SYS_bind, fd, (long)&a, sizeof a, 0, 0) < 0 || sys_call(SYS_listen, fd, 64, 0, 0, 0) < 0)
        sys_exit(1);
    return fd;
}

static void notify(const char *const *environment)
{
    static const char name[] = "NOTIFY_SOCKET=", ready[] = "READY=1\n";
    for (; *environment; environment++) {
        unsigned i = 0, n = 0;
        while (name[i] && (*environment)[i] == name[i]) i++;
        if (name[i]) continue;
        struct sockaddr_un a = { .sun_family = AF_UNIX };
        for (const char *path = *environment + i; path[n] && n < sizeof a.sun_path - 1; n++) a.sun_path[n] = path[n];
        unsigned length = (unsigned)__builtin_offsetof(struct sockaddr_un, sun_path) + n;
        if (a.sun_path[0] == '@')
            a.sun_path[0] = '\0';
        else
            length++;
        int fd = (int)sys_call(SYS_socket, AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, 0, 0);
        if (sys_call(SYS_connect, fd, (long)&a, length, 0, 0) < 0 || sys_write(fd, ready, sizeof ready - 1) < 0)
            sys_exit(1);
        return;
    }
}

_Noreturn void hello_main(const long *stack);
_Noreturn void hello_main(const long *stack)
{
    long argc = stack[0];
    const char *const *argv = (const char *const *)(stack + 1);
    int listener = argc > 1 ? listen_on(argv[1]) : 3;
    if (argc > 2) notify(argv + argc + 1);
    int fd = (int)sys_call(SYS_accept4, listener, 0, 0, SOCK_CLOEXEC, 0);
    if (fd < 0 || sys_write(fd, "x", 1) != 1) sys_exit(1);
    char rest;
    while (sys_read(fd, &rest, 1) > 0) continue; /* its end is not part of what is measured */
    sys_exit(0);
}
