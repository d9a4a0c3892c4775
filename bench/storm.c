/* bench/storm.c - `storm N FIFO`: makes N orphans, lets them end all at once and writes to FIFO, as nanoseconds in
 * eight bytes, how long it took until each of them had been reaped. */
#include "base/attr.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int64_t now(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static _Noreturn void die(const char *what)
{
    perror(what);
    exit(1);
}

int main(int argc, char **argv)
{
    int gate[2];
    char byte;
    size_t count = argc > 2 ? strtoul(argv[1], NULL, 10) : 0;
    pid_t *pids = mmap(NULL, count * sizeof *pids + 1, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (count == 0 || pids == MAP_FAILED || pipe(gate) < 0) die("storm");
    pid_t parent = fork();
    if (parent < 0) die("fork");
    if (parent == 0) {
        (void)close(gate[1]);
        for (size_t i = 0; i < count; i++) {
            pid_t pid = fork();
            if (pid < 0) die("fork");
            if (pid == 0) _exit(read(gate[0], &byte, 1) == 0 ? 0 : 1);
            pids[i] = pid;
        }
        _exit(0);
    }
    int status = 0;
    if (waitpid(parent, &status, 0) < 0 || status != 0) die("the orphans' parent");
    int64_t began = now();
    (void)close(gate[1]);
    for (size_t i = 0; i < count; i++)
        while (kill(pids[i], 0) == 0) (void)usleep(100);
    int64_t took = now() - began;
    int fifo = open(argv[2], O_WRONLY | O_CLOEXEC);
    if (fifo < 0 || write(fifo, &took, sizeof took) != (ssize_t)sizeof took) die(argv[2]);
    return 0;
}
