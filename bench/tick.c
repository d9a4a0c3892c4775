/* bench/tick.c - the service of the benchmarks: `tick FIFO [once]` reports the moment it started and sleeps.
 *
 * As little as a program can be, so that what is measured is the supervisor: no libc, one page. The report is the value
 * of CLOCK_MONOTONIC in nanoseconds, eight bytes, written to FIFO. */
#include "supervisor/sys.h"

#include <fcntl.h>
#include <time.h>

#if defined __x86_64__
__asm__(".globl _start\n_start:\n\tmov %rsp, %rdi\n\tand $-16, %rsp\n\tcall tick_main\n\thlt\n");
#else
__asm__(".globl _start\n_start:\n\tmov x0, sp\n\tbl tick_main\n\tbrk #1\n");
#endif

_Noreturn void tick_main(const long *stack);
_Noreturn void tick_main(const long *stack)
{
    long argc = stack[0];
    const char *const *argv = (const char *const *)(stack + 1);
    struct timespec now = { 0, 0 };
    (void)sys_call(SYS_clock_gettime, CLOCK_MONOTONIC, (long)&now, 0, 0, 0);
    int64_t report = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
    int fifo = argc > 1 ? sys_openat(AT_FDCWD, argv[1], O_WRONLY | O_CLOEXEC, 0) : -1;
    if (fifo < 0 || sys_write(fifo, &report, sizeof report) != (long)sizeof report) sys_exit(1);
    (void)sys_close(fifo);
    if (argc > 2) sys_exit(0);
    for (;;) (void)sys_call(SYS_ppoll, 0, 0, 0, 0, 0);
}
