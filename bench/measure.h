/* bench/measure.h - one measured run: a program as PID 1 of a throw-away container, and what its services report.
 *
 * Inside the box: /bench holds the programs of bench/, /units the directory the caller made, /shared two FIFOs. PID 1
 * begins when `floor stamp` has written the time to /shared/start; services write to /shared/ticks (bench/tick.c).
 * Times are nanoseconds of CLOCK_MONOTONIC. Nothing is returned that went wrong: the benchmark ends with a message. */
#pragma once
#include "tests/e2e/box.h"

#include <stdio.h>

#define ROUNDS_MAX 101

#define TICK "/bench/tick /shared/ticks"

struct settings {
    const char *binary; /* container-init */
    char tools[4096];   /* directory of the programs of bench/ */
    size_t rounds;
    size_t processors; /* for `socket` and `cold` */
    bool peers;
    bool quick; /* rougher figures of these in a fraction of the time */
};

struct run {
    struct box *box;
    int ticks;         /* the FIFO */
    int64_t began;     /* when PID 1 was about to be exec'ed */
    int64_t first_end; /* earliest report so far */
    int64_t last_end;  /* latest */
    int64_t cpu_began; /* run_cpu() when PID 1 was about to be exec'ed */
};

PRINTF(2, 3) _Noreturn void die(int error, const char *fmt, ...);
int64_t now_ns(void);

/* A new empty directory below /tmp; remove_tree() takes it away. */
void make_directory(char *path, size_t size);
void remove_tree(const char *path);
/* A file in it: NAME, contents. */
PRINTF(4, 5) void write_file(const char *directory, const char *name, mode_t mode, const char *fmt, ...);

/* Boots argv (NULL-terminated). `units` may be NULL. */
void run_start(const struct settings *settings, struct run *run, const char *const *argv, const char *units);
/* Waits for that many reports (all in all at most 8000 are read at once). */
void run_await(struct run *run, size_t count);
/* One number from /shared/ticks that is not a time. */
int64_t run_read_number(struct run *run);
/* Waits until PID 1 has slept for 200 ms without waking. */
void run_settle(const struct run *run);
void run_end(struct run *run);

/* Sends SIGTERM to PID 1; how long until it is gone. Its exit status must be 0. */
int64_t run_stop(struct run *run);

/* Of /proc/PID/smaps_rollup and /proc/PID/status of PID 1. */
uint64_t run_pss_kib(const struct run *run);
uint64_t run_voluntary_switches(const struct run *run);

/* Processor time of all processes of the box so far, the kernel's work for them included. */
int64_t run_cpu(const struct run *run);

/* Runs a program that must end with 0, its output thrown away: how long it took. The peak of its memory in
 * *ret_peak_kib, which may be NULL. */
int64_t time_program(const char *const *argv, uint64_t *ret_peak_kib);

/* A row of a table: a floor or a peer, container-init, and the ratio. */
void print_row(const char *what, int64_t ours, int64_t floor_time);
void bench_parse(const struct settings *settings);
void bench_socket(const struct settings *settings);
void bench_cold(const struct settings *settings);
void bench_place(const struct settings *settings);

/* Sorts. */
int64_t median(int64_t *values, size_t count);
